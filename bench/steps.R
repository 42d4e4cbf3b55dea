# Steps, as ratios: of the seed model against a plain C loop and of a logistic regression against BLAS, in one run; and a step of Adam against
# Pyro's.
#
#   Rscript bench/steps.R
#
# Pyro's are figures, not measured in this run: Pyro 1.8.6 on torch 1.13, one thread of a server processor with AVX-512.

library(fullrank)

# Processor seconds of this process, which does all on one thread: what else the machine does counts for less.
used <- function() sum(proc.time()[1:2])

folder <- tempfile("bench")
dir.create(folder)
file <- function() sub("^--file=", "", grep("^--file=", commandArgs(FALSE), value = TRUE))
here <- dirname(normalizePath(file()))
file.copy(file.path(here, "plain.c"), folder)
status <- system2(file.path(R.home("bin"), "R"), c("CMD", "SHLIB", "-o", file.path(folder, "plain.so"), file.path(folder, "plain.c")), stdout = FALSE, stderr = FALSE)
if (status != 0) stop("The plain C loop could not be compiled.")
dyn.load(file.path(folder, "plain.so"))

# Median seconds of `times` runs.
seconds <- function(expr, times = 9) {
  expr <- substitute(expr)
  env <- parent.frame()
  median(vapply(seq_len(times), function(k) { begin <- used(); eval(expr, env); used() - begin }, 0))
}

# Seconds a step of one .Call, from the difference of a long and a short run, so that what comes before and after drops out.
seconds_a_step <- function(fit, steps, times = 7) {
  run <- function(steps) seconds(fullrank:::take_steps(fit, steps), times)
  (run(steps) - run(steps %/% 10)) / (steps - steps %/% 10)
}

row <- function(what, ours, peer, bound) {
  cat(sprintf("%-62s %10.3f us %10.3f us   ratio %6.2f (goal %s)\n", what, 1e6 * ours, 1e6 * peer, ours / peer, bound))
}

cat(sprintf("%-62s %13s %13s\n", "", "ours", "peer"))
set.seed(1)

# The seed model: a whole step (draw, density, gradient, Adam) against the density and gradient alone.
y <- rnorm(100) + 3
seed_model <- model({
  loc   ~ normal(0, 10)
  scale ~ lognormal(0, 1)
  y     ~ normal(loc, scale)
})
fit <- fullrank(seed_model, list(y = y), optimizer = adam(), particles = 1, steps = 10, seed = 1)
ours <- seconds_a_step(fit, 200000)
plain <- seconds(.Call("plain_seed_model", y, c(2.8, 0), 1000000L), 5) / 1e6
exact <- .Call("plain_seed_model", y, c(2.8, 0.1), 1L)
f <- log_density(seed_model, list(y = y))
stopifnot(all.equal(f$fn(c(2.8, 0.1)), exact[1]), all.equal(unname(f$gr(c(2.8, 0.1))), exact[2:3]))
row("seed model, n = 100, 1 particle: step / plain C loop", ours, plain, "<= 20")

# Logistic regression 10,000 x 100 with 8 particles: a step against the two matrix products alone.
n <- 10000; p <- 100; S <- 8
X <- matrix(rnorm(n * p), n)
y <- as.numeric(runif(n) < plogis(X %*% rnorm(p, sd = 0.1)))
logistic <- model({
  b ~ normal(0, 1, dim = ncol(X))
  y ~ bernoulli_logit(X %*% b)
})
fit <- fullrank(logistic, list(X = X, y = y), optimizer = adam(), particles = S, steps = 2, seed = 1)
ours <- seconds_a_step(fit, 200)
Z <- matrix(rnorm(p * S), p); R <- matrix(rnorm(n * S), n)
blas <- seconds(for (k in 1:20) { X %*% Z; crossprod(X, R) }, 7) / 20
row("logistic 10,000 x 100, 8 particles: step / R's BLAS products", ours, blas, "<= 1")

# A whole step of Adam beside Pyro's.
source(file.path(here, "table.R"))
against_pyro <- function(what, m, data, particles, steps, pyro, goal) {
  fit <- fullrank(m, data, optimizer = adam(1e-4), particles = particles, steps = 2, seed = 1)
  ours <- seconds_a_step(fit, steps, 5)
  data.frame(model = what, particles, us = 1e6 * ours, pyro_us = pyro, times_faster = pyro / (1e6 * ours), goal)
}
binary <- function(n, p) {
  X <- matrix(rnorm(n * p), n)
  list(X = X, y = as.numeric(runif(n) < plogis(X %*% rnorm(p, sd = 0.1))))
}
counts <- list(x = rnorm(2000), g = rep(1:100, 20), J = 100)
counts$y <- rpois(2000, exp(0.5 + 0.3 * counts$x + rnorm(100, 0, 0.5)[counts$g]))
grouped <- model({
  a     ~ normal(0, 5)
  b     ~ normal(0, 5)
  sigma ~ half_normal(1)
  u     ~ normal(0, sigma, dim = J)
  y     ~ poisson_log(a + b * x + u[g])
})
gaussian <- model({ z ~ multi_normal(mu, S) })
d <- 500
root <- matrix(rnorm(d * d), d) / sqrt(d)
normal_500 <- list(mu = rnorm(d), S = crossprod(root) + diag(d))
write_table("steps", rbind(
  against_pyro("seed model, n = 100", seed_model, list(y = rnorm(100) + 3), 1, 200000, 2390, 1000),
  against_pyro("logistic, 1,000 x 20", logistic, binary(1000, 20), 1, 20000, 2200, NA),
  against_pyro("logistic, 10,000 x 100", logistic, binary(10000, 100), 10, 200, 20800, 12),
  against_pyro("Poisson GLMM, 2,000 rows, 100 groups", grouped, counts, 10, 2000, 5800, 50),
  against_pyro("Gaussian, d = 500", gaussian, normal_500, 1, 1000, 14800, 100)
))
cat("\n", R.version.string, "; BLAS ", extSoftVersion()[["BLAS"]], "\n", sep = "")
