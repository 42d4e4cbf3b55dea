# Posteriors that are known in closed form, and the optima that Pyro reaches (reference/converged.json).

fit_quietly <- function(...) fullrank(..., progress = FALSE)

test_that("at the exact posterior the ELBO is the log evidence for every draw: conjugate regression", {
  ref <- Find(function(m) m$name == "conjugate_linear_regression_exact", read_compressed("converged")$models)
  data <- ref_data(ref$data)
  m <- model({
    beta ~ normal(0, prior_sd, dim = p)
    y    ~ normal(X %*% beta, 1)
  })
  # the reference's own answer, worked out again
  precision <- crossprod(data$X) + diag(1 / data$prior_sd^2, data$p)
  V <- solve(precision)
  expect_near(as.vector(V %*% crossprod(data$X, data$y)), ref_vector(ref$loc), 1e-9)
  C <- data$prior_sd^2 * tcrossprod(data$X) + diag(data$n)
  R <- chol(C)
  evidence <- -sum(log(diag(R))) - data$n / 2 * log(2 * pi) - sum(backsolve(R, data$y, transpose = TRUE)^2) / 2
  expect_equal(evidence, ref$log_evidence, tolerance = 1e-12)

  g <- move_to_normal(guide(m, data, seed = 1), ref_vector(ref$loc), ref_matrix(ref$covariance))
  set.seed(1)
  for (k in 1:20) {
    e <- elbo(g, eps = matrix(rnorm(4), 1))
    expect_lt(abs(e$elbo - ref$log_evidence), 1e-9)
  }
  e <- elbo(g, 2000, seed = 3, gradient = TRUE)
  expect_lt(abs(e$elbo - ref$log_evidence), 1e-9)
  expect_lt(e$se, 1e-10)
  # where no draw has an error, the path-derivative gap is 0 to rounding
  gap <- .Call(fullrank:::fullrank_verdict, g$compiled$program, fullrank:::pack_guide(g), 32L, 1, 0)
  expect_lt(abs(gap$gap), 1e-12)
  expect_lt(gap$gap_se, 1e-12)
})

test_that("at the exact posterior the ELBO is the log evidence for every draw: other families", {
  y <- c(1.3, -0.2, 0.7, 2.4)
  # Normal mean
  m <- model({
    mu ~ normal(1, 2)
    y  ~ normal(mu, 0.5)
  })
  v <- 1 / (1 / 4 + 4 / 0.25)
  g <- move_to_normal(guide(m, list(y = y), seed = 1), v * (1 / 4 + sum(y) / 0.25), matrix(v))
  C <- diag(0.25, 4) + 4
  evidence <- -sum(log(diag(chol(C)))) - 2 * log(2 * pi) - sum((y - 1) * solve(C, y - 1)) / 2
  for (k in 1:5) expect_lt(abs(elbo(g, eps = matrix(rnorm(1)))$elbo - evidence), 1e-11)
  # a lognormal parameter observed through its log: Normal on the unconstrained scale
  m <- model({
    rate ~ lognormal(1, 2)
    y    ~ normal(log(rate), 0.5)
  })
  g <- move_to_normal(guide(m, list(y = y), seed = 1), g$loc, matrix(v))
  for (k in 1:5) expect_lt(abs(elbo(g, eps = matrix(rnorm(1)))$elbo - evidence), 1e-11)
  # the prior alone: its evidence is 1
  m <- model({
    a ~ normal(3, 2)
    b ~ lognormal(a, 0.5)
    x ~ multi_normal_cholesky(c(1, 2), S)
    w ~ normal(x[1] + log(b), 2)
  })
  S <- matrix(c(2, 0.6, 0, 1), 2)
  A <- rbind(c(2, 0, 0, 0, 0), c(2, 0.5, 0, 0, 0), cbind(0, 0, S, 0), 0)
  A[5, ] <- A[3, ] + A[2, ] + c(0, 0, 0, 0, 2)
  g <- move_to_normal(guide(m, list(S = S), seed = 1), c(3, 3, 1, 2, 4), tcrossprod(A))
  e <- elbo(g, 100, seed = 2)
  expect_lt(abs(e$elbo), 1e-11)
  expect_lt(e$se, 1e-11)
})

test_that("normal-normal: posterior and evidence", {
  set.seed(20)
  y <- matrix(rnorm(16, c(1, -2), 1), 2)
  m <- model({
    mu ~ normal(0, 10, dim = 2)
    y  ~ normal(mu, 1)
  })
  fit <- fit_quietly(m, list(y = y), seed = 1, max_steps = 40000, tol = 0.002)
  v <- 1 / (1 / 100 + 8)
  expect_identical(fit$status, "converged")
  expect_lt(max(abs(fit$guide$loc - v * rowSums(y))), 0.05)
  expect_lt(max(abs(sqrt(diag(vcov(fit))) / sqrt(v) - 1)), 0.05)
  evidence <- sum(apply(y, 1, function(r) {
    C <- diag(8) + 100
    -sum(log(diag(chol(C)))) - 4 * log(2 * pi) - sum(r * solve(C, r)) / 2
  }))
  expect_lt(abs(elbo(fit, 2000, seed = 1)$elbo - evidence), 0.01)
  # a bound, up to the noise of its estimate
  estimate <- elbo(fit, 2000, seed = 1)
  expect_lte(estimate$elbo, evidence + 4 * estimate$se + 1e-9)
})

test_that("multivariate normal with correlated noise", {
  set.seed(21)
  L <- t(chol(matrix(c(1, 0.6, 0.6, 2), 2)))
  y <- matrix(rnorm(24), 12) %*% t(L) + rep(c(1, -1), each = 12)
  m <- model({
    mu ~ normal(0, 3, dim = 2)
    y  ~ multi_normal_cholesky(mu, L)
  })
  V <- solve(diag(1 / 9, 2) + 12 * solve(tcrossprod(L)))
  loc <- as.vector(V %*% solve(tcrossprod(L), colSums(y)))
  fit <- fit_quietly(m, list(y = y, L = L), seed = 2, max_steps = 40000, tol = 0.002)
  expect_identical(fit$status, "converged")
  expect_lt(max(abs(fit$guide$loc - loc) / sqrt(diag(V))), 0.05)
  expect_equal(unname(vcov(fit)), V, tolerance = 0.05)
  expect_equal(unname(correlation(fit))[2, 1], cov2cor(V)[2, 1], tolerance = 0.05)
})

test_that("beta-bernoulli", {
  y <- c(1, 1, 0, 1, 0, 0, 1, 1, 1, 0, 1, 1, 0, 1, 1, 1)
  m <- model({
    p ~ beta(5, 5)
    y ~ bernoulli(p)
  })
  fit <- fit_quietly(m, list(y = y), seed = 3, max_steps = 40000, tol = 0.005)
  a <- 5 + sum(y); b <- 5 + sum(1 - y)
  s <- as.data.frame(summary(fit))
  expect_equal(s$mean, a / (a + b), tolerance = 0.05)
  expect_equal(s$sd, sqrt(a * b / ((a + b)^2 * (a + b + 1))), tolerance = 0.05)
  evidence <- lbeta(a, b) - lbeta(5, 5)
  e <- elbo(fit, 20000, seed = 1)
  expect_lt(e$elbo, evidence + 4 * e$se)
  expect_gt(e$elbo, evidence - 0.02)
})

test_that("gamma-poisson and gamma-exponential", {
  y <- c(3, 1, 4, 2, 5, 3, 2)
  m <- model({
    rate ~ gamma(4, 2)
    y    ~ poisson(rate)
  })
  fit <- fit_quietly(m, list(y = y), seed = 4, max_steps = 40000, tol = 0.005)
  a <- 4 + sum(y); b <- 2 + length(y)
  s <- as.data.frame(summary(fit))
  expect_equal(s$mean, a / b, tolerance = 0.02)
  expect_equal(s$sd, sqrt(a) / b, tolerance = 0.05)
  evidence <- 4 * log(2) - lgamma(4) + lgamma(a) - a * log(b) - sum(lgamma(y + 1))
  e <- elbo(fit, 20000, seed = 1)
  expect_lt(e$elbo, evidence + 4 * e$se)
  expect_gt(e$elbo, evidence - 0.02)

  y <- c(0.2, 1.1, 0.4, 0.9, 0.3, 0.7, 1.5, 0.1, 0.6, 0.2, 0.8, 0.5)
  m <- model({
    rate ~ gamma(9, 9)
    y    ~ exponential(rate)
  })
  fit <- fit_quietly(m, list(y = y), seed = 5, max_steps = 40000, tol = 0.001)
  a <- 9 + length(y); b <- 9 + sum(y)
  s <- as.data.frame(summary(fit))
  expect_equal(s$mean, a / b, tolerance = 0.05)
  expect_equal(s$sd, sqrt(a) / b, tolerance = 0.05)
})

test_that("target() is Pyro's factor", {
  # exp(-(x - 2)^2 / (2 0.3^2)) times N(0, 1) is Normal
  m <- model({
    x ~ normal(0, 1)
    target(-(x - 2)^2 / (2 * 0.3^2))
  })
  v <- 1 / (1 + 1 / 0.09)
  g <- move_to_normal(guide(m, seed = 1), v * 2 / 0.09, matrix(v))
  evidence <- dnorm(2, 0, sqrt(1.09), log = TRUE) + log(0.3) + 0.5 * log(2 * pi)
  e <- elbo(g, 50, seed = 1)
  expect_equal(e$elbo, evidence, tolerance = 1e-12)
  expect_lt(e$se, 1e-12)
})

test_that("the default fit reaches Pyro's optimum from a cold start, or says that it did not", {
  converged <- read_compressed("converged")$models
  names(converged) <- vapply(converged, `[[`, "", "name")
  for (ref in read_compressed("elbo")$models) {
    want <- converged[[ref$name]]
    fit <- fit_quietly(reference_models()[[ref$name]], ref_data(ref$data), seed = 1)
    e <- elbo(fit, 10000, seed = 2)
    off <- want$elbo - e$elbo
    # nothing is better than the optimum
    expect(off > -0.02 - 4 * e$se, sprintf("%s: ELBO %.4f above the optimum %.4f", ref$name, e$elbo, want$elbo))
    expect_true(fit$status %in% c("converged", "budget_exhausted"), info = ref$name)
    if (fit$status == "converged") {
      expect(off < 0.05 + 0.02 + 4 * e$se, sprintf("%s: converged %.3f nats below the optimum", ref$name, off))
      # where the log weights differ, the ELBO is flatter than the density, and 0.02 nat leave more
      expect_lt(max(abs(fit$guide$loc - ref_vector(want$loc)) / ref_vector(want$sd)), if (fit$log_weight_sd < 0.3) 0.25 else 1)
    }
    # also where the budget ended the fit it is near, on these models
    expect(off < 0.5, sprintf("%s (%s): %.3f nats below the optimum", ref$name, fit$status, off))
  }
})
