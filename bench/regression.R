# Regressions beside glm() and lme4::glmer() in one run, on one core: processor seconds (the median of five, after one for each that does
# not count), and their ratio. Printed as the table in bench/results/regression.md.
library(fullrank)

seconds <- function(expr, times = 5) {
  expr <- substitute(expr)
  env <- parent.frame()
  once <- function(k) sum(system.time(eval(expr, env))[c("user.self", "sys.self")])
  once(0)
  stats::median(vapply(seq_len(times), once, 0))
}

row <- function(name, ours, peer, theirs, limit, fit) {
  cat(sprintf("| %s | %.3f | %s | %.3f | %.2f | %g | %s, %s gradients |\n", name, ours, peer, theirs, ours / theirs, limit, fit$status, format(fit$gradient_evaluations, big.mark = ",")))
}

cat("| model | fullrank, s | peer | peer, s | ratio | limit | fit |\n|---|---|---|---|---|---|---|\n")
set.seed(1)
n <- 2000
g <- factor(sample(100, n, TRUE))
x <- rnorm(n)
counts <- data.frame(x = x, g = g, y = rpois(n, exp(0.5 + 0.4 * x + rnorm(100, 0, 0.5)[g])))
have_lme4 <- requireNamespace("lme4", quietly = TRUE)
if (have_lme4) {
  theirs <- seconds(lme4::glmer(y ~ x + (1 | g), counts, poisson()))
  ours <- seconds(fit <- fullrank(y ~ x + (1 | g), counts, poisson(), seed = 1))
  row("Poisson, 2,000 rows, 100 groups", ours, "lme4::glmer", theirs, 3, fit)
}

n <- 10000
p <- 50
X <- matrix(rnorm(n * p), n)
binary <- data.frame(y = rbinom(n, 1, plogis(X %*% rnorm(p, 0, 0.2))), X)
theirs <- seconds(glm(y ~ ., binomial(), binary))
ours <- seconds(fit <- fullrank(y ~ ., binary, binomial(), seed = 1))
row("logistic, 10,000 x 50", ours, "glm", theirs, 3, fit)

if (have_lme4) {
  cold <- "library(fullrank); d <- lme4::sleepstudy; t <- system.time(capture.output(print(summary(fullrank(Reaction ~ Days + (1 | Subject), d, seed = 1))))); cat(t[[3]])"
  first <- as.numeric(system2(file.path(R.home("bin"), "Rscript"), c("-e", shQuote(cold)), stdout = TRUE))
  sleep <- lme4::sleepstudy
  again <- seconds(utils::capture.output(print(summary(fullrank(Reaction ~ Days + (1 | Subject), sleep, seed = 1)))))
  cat(sprintf("\nsleepstudy, `Reaction ~ Days + (1 | Subject)` from call to printed summary: %.3f s the first time in a session, %.3f s after that (limit 0.5).\n", first, again))
}
