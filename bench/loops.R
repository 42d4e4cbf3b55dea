# Models with loops of 10,000 iterations: a whole step (draw, density, gradient, Adam) against the density and gradient alone as
# hand-written C loops; time to compile them.
#
#   Rscript bench/loops.R

library(fullrank)

# Processor seconds of this process, which does all on one thread: what else the machine does counts for less.
used <- function() sum(proc.time()[1:2])

folder <- tempfile("bench")
dir.create(folder)
here <- dirname(normalizePath(sub("^--file=", "", grep("^--file=", commandArgs(FALSE), value = TRUE))))
invisible(file.copy(file.path(here, "loops.c"), folder))
status <- system2(file.path(R.home("bin"), "R"), c("CMD", "SHLIB", "-o", file.path(folder, "loops.so"), file.path(folder, "loops.c")), stdout = FALSE, stderr = FALSE)
if (status != 0) stop("The C loops could not be compiled.")
invisible(dyn.load(file.path(folder, "loops.so")))

# Seconds of one evaluation, from the median of some runs.
seconds <- function(run, times = 40, runs = 7) {
  median(vapply(seq_len(runs), function(k) { begin <- used(); run(times); used() - begin }, 0)) / times
}

# Seconds a step of one .Call, from the difference of a long and a short run, so that what comes before and after drops out.
seconds_a_step <- function(m, data, particles, steps) {
  fit <- fullrank(m, data, optimizer = adam(1e-6), particles = particles, steps = 1, seed = 1)
  run <- function(k) median(vapply(1:7, function(i) { begin <- used(); fullrank:::take_steps(fit, k); used() - begin }, 0))
  (run(steps) - run(steps %/% 10)) / (steps - steps %/% 10)
}

compare <- function(what, m, data, z, plain) {
  compile <- system.time(compiled <- fullrank:::compile_model(m, data))[["elapsed"]]
  one <- seconds_a_step(m, data, 1, 300)
  eight <- seconds_a_step(m, data, 8, 100)
  theirs <- seconds(plain)
  cat(sprintf("%-12s compiled in %5.2f s; a step with 1 particle %8.1f us = %4.1f x C, with 8 %8.1f us = %4.1f x C (goal 5)\n", what, compile, 1e6 * one,
              one / theirs, 1e6 * eight, eight / 8 / theirs))
  fullrank:::log_joint(compiled, matrix(z, 1L))
}

set.seed(1)
n <- 10000
y <- rnorm(n)

lp <- compare("GARCH(1,1)", model({
  mu ~ flat()
  a0 ~ flat(lower = 0)
  a1 ~ flat(lower = 0)
  b1 ~ flat(lower = 0)
  s[1] <- s1
  for (t in 2:n) s[t] <- sqrt(a0 + a1 * (y[t - 1] - mu)^2 + b1 * s[t - 1]^2)
  y ~ normal(mu, s)
}), list(y = y, n = n, s1 = 0.5), log(c(exp(0.1), 0.3, 0.2, 0.4)), function(times) .Call("loop_garch", y, c(0.1, 0.3, 0.2, 0.4), 0.5, times))
stopifnot(all.equal(lp, .Call("loop_garch", y, c(0.1, 0.3, 0.2, 0.4), 0.5, 1L)[1] + sum(log(c(0.3, 0.2, 0.4)))))

move <- log(rbind(c(0.7, 0.3), c(0.2, 0.8)))
lp <- compare("HMM", model({
  mu ~ flat(dim = 2)
  L ~ flat(dim = c(2, 2))
  a <- -0.5 * (y[1] - mu)^2 - log(2 * pi) / 2
  for (t in 2:n) a <- c(log_sum_exp(a + L[, 1]), log_sum_exp(a + L[, 2])) - 0.5 * (y[t] - mu)^2 - log(2 * pi) / 2
  target(log_sum_exp(a))
}), list(y = y, n = n), c(-0.5, 1, move), function(times) .Call("loop_hmm", y, c(-0.5, 1, move), times))
stopifnot(all.equal(lp, .Call("loop_hmm", y, c(-0.5, 1, move), 1L)[1]))

beta <- c(0.3, 0.2, 0.1, -0.1, 0.05)
lp <- compare("AR(5)", model({
  alpha ~ flat()
  beta  ~ flat(dim = K)
  sigma ~ flat(lower = 0)
  for (t in (K + 1):n) {
    m <- alpha
    for (k in 1:K) m <- m + beta[k] * y[t - k]
    y[t] ~ normal(m, sigma)
  }
}), list(y = y, n = n, K = 5), c(0.1, beta, 0), function(times) .Call("loop_ar", y, c(0.1, beta, 1), times))
stopifnot(all.equal(lp, .Call("loop_ar", y, c(0.1, beta, 1), 1L)[1]))
