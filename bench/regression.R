# Regressions beside glm() and lme4::glmer() in one run, on one core: seconds and their ratio. Each time is the best of three.
library(fullrank)

seconds <- function(expr, times = 3) {
  expr <- substitute(expr)
  env <- parent.frame()
  min(vapply(seq_len(times), function(k) system.time(eval(expr, env))[["elapsed"]], 0))
}

report <- function(name, ours, theirs, limit, peer) {
  cat(sprintf("%-34s fullrank %6.3f s  %-11s %6.3f s  ratio %5.2f  (limit %g)%s\n", name, ours, peer, theirs, ours / theirs, limit, if (ours / theirs > limit) "  OVER" else ""))
}

set.seed(1)
n <- 2000
g <- factor(sample(100, n, TRUE))
x <- rnorm(n)
counts <- data.frame(x = x, g = g, y = rpois(n, exp(0.5 + 0.4 * x + rnorm(100, 0, 0.5)[g])))
if (requireNamespace("lme4", quietly = TRUE)) {
  theirs <- seconds(lme4::glmer(y ~ x + (1 | g), counts, poisson()))
  ours <- seconds(fit <- fullrank(y ~ x + (1 | g), counts, poisson(), seed = 1))
  report("Poisson, 2,000 rows, 100 groups", ours, theirs, 3, "lme4::glmer")
  cat("  status", fit$status, " gradients", fit$gradient_evaluations, "\n")
}

n <- 10000
p <- 50
X <- matrix(rnorm(n * p), n)
binary <- data.frame(y = rbinom(n, 1, plogis(X %*% rnorm(p, 0, 0.2))), X)
theirs <- seconds(glm(y ~ ., binomial(), binary))
ours <- seconds(fit <- fullrank(y ~ ., binary, binomial(), seed = 1))
report("logistic, 10,000 x 50", ours, theirs, 5, "glm")
cat("  status", fit$status, " gradients", fit$gradient_evaluations, "\n")

sleep <- if (requireNamespace("lme4", quietly = TRUE)) lme4::sleepstudy else transform(datasets::Orange, Reaction = circumference, Days = age, Subject = Tree)
whole <- seconds(print(summary(fullrank(Reaction ~ Days + (1 | Subject), sleep, seed = 1))))
cat(sprintf("sleepstudy, from call to summary: %.3f s (limit 0.5)%s\n", whole, if (whole > 0.5) "  OVER" else ""))
