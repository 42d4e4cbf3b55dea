# Threads change no bit of an answer, nor do they trouble a process that forks.

threads_fit <- function(threads, optimizer = adam(0.01), particles = 8, steps = 6) {
  set.seed(3)
  n <- 30000
  data <- list(X = matrix(rnorm(n * 20), n), g = sample.int(10L, n, TRUE), y = rbinom(n, 1, 0.4))
  m <- model({
    b ~ normal(0, 1, dim = 20)
    s ~ exponential(1)
    u ~ normal(0, s, dim = 10)
    y ~ bernoulli_logit(X %*% b + u[g])
  })
  fullrank(m, data, optimizer = optimizer, particles = particles, steps = steps, seed = 1, threads = threads)
}

test_that("any number of threads gives the same bits", {
  for (particles in c(1, 3, 8, 10, 40)) {
    one <- threads_fit(1, particles = particles)
    for (threads in c(2, 8)) {
      more <- threads_fit(threads, particles = particles)
      expect_identical(more$state, one$state)
      expect_identical(more$loss, one$loss)
    }
  }
  expect_identical(threads_fit(2, natural(), 16)$state, threads_fit(1, natural(), 16)$state)
})

test_that("blocks of rows add up to the density", {
  fit <- threads_fit(1, steps = 1)
  X <- fit$data$X
  f <- log_density(fit$model, fit$data)
  z <- c(seq(-0.3, 0.3, length.out = 20), 0.1, seq(-1, 1, length.out = 10))
  r <- fit$data$y - plogis(drop(X %*% z[1:20]) + z[21 + fit$data$g])
  eta <- drop(X %*% z[1:20]) + z[21 + fit$data$g]
  expect_equal(unname(f$gr(z))[1:20], drop(crossprod(X, r)) - z[1:20], tolerance = 1e-11)
  expect_equal(f$fn(z), sum(dbinom(fit$data$y, 1, plogis(eta), log = TRUE)) + sum(dnorm(z[1:20], log = TRUE)) + dexp(exp(0.1), log = TRUE) + 0.1 +
                 sum(dnorm(z[22:31], 0, exp(0.1), log = TRUE)), tolerance = 1e-12)
})

test_that("a process forked after threads were used goes on with one", {
  skip_on_os("windows")
  here <- threads_fit(2)
  there <- parallel::mclapply(1:2, function(i) threads_fit(2)$state, mc.cores = 2)
  expect_identical(there, list(here$state, here$state))
})
