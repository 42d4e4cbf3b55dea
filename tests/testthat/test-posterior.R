# The Normal of a fit: its parts, their names, and what an assignment to the guide does.

m <- model({
  mu    ~ normal(0, 5)
  tau   ~ half_normal(2)
  theta ~ normal(mu, tau, dim = levels(g))
  L     ~ lkj_corr_cholesky(2, dim = 3)
  w     ~ dirichlet(c(1, 2, 3))
  y     ~ normal(theta[g], 1)
})
data <- list(y = c(0.3, 1, -0.2, 2), g = factor(c("north", "south", "south", "east")))
coordinates <- c("mu", "tau", "theta[east]", "theta[north]", "theta[south]", "L[2,1]", "L[3,1]", "L[3,2]", "w[1]", "w[2]")
S <- some_covariance(10, seed = 4)
loc <- seq(-1, 1, length.out = 10)
fit <- known_fit(m, data, loc, S)

test_that("a fit is the Normal of its guide", {
  for (x in list(fit, fit$guide)) {
    p <- posterior(x)
    expect_s3_class(p, "mvnormal")
    expect_identical(unname(p$loc), loc)
    expect_equal(unname(tcrossprod(p$scale_tril)), S, tolerance = 1e-14)
    expect_equal(unname(vcov(x)), S, tolerance = 1e-14)
    expect_identical(covariance(x), vcov(x))
    expect_equal(unname(correlation(x)), cov2cor(S), tolerance = 1e-14)
    expect_identical(unname(coef(x)), loc)
    expect_equal(entropy(x), as.numeric(determinant(2 * pi * exp(1) * S)$modulus) / 2, tolerance = 1e-12)
  }
  g <- fit$guide
  expect_identical(unname(posterior(fit)$scale_tril), unname(g$scale * g$scale_tril))
})

test_that("everything is named by coordinate", {
  both <- list(coordinates, coordinates)
  for (x in list(fit, fit$guide, short_fit(m, data), guide(m, data, seed = 1))) {
    expect_named(posterior(x)$loc, coordinates)
    expect_identical(dimnames(posterior(x)$scale_tril), both)
    expect_identical(dimnames(vcov(x)), both)
    expect_identical(dimnames(covariance(x)), both)
    expect_identical(dimnames(correlation(x)), both)
    expect_named(coef(x), coordinates)
  }
  for (x in list(short_fit(m, data)$guide, guide(m, data, seed = 1), svi_step(guide(m, data, seed = 1), adam()))) {
    for (field in c("loc", "scale", "scale_unconstrained")) expect_named(x[[field]], coordinates)
    expect_identical(dimnames(x$scale_tril), both)
  }
  expect_identical(names(coef(fit)), rownames(vcov(fit)))
})

test_that("for a model `full` changes nothing, and is checked", {
  expect_identical(vcov(fit, full = TRUE), vcov(fit))
  expect_identical(coef(fit, full = TRUE), coef(fit))
  expect_identical(covariance(fit, full = TRUE), vcov(fit))
  expect_identical(correlation(fit, full = TRUE), correlation(fit))
  for (f in list(vcov, covariance, correlation, coef, posterior)) expect_error(f(fit, full = "all"), "`full` must be TRUE or FALSE")
})

test_that("the generics say what they take", {
  for (f in list(posterior, covariance, correlation)) expect_error(f(lm(dist ~ speed, cars)), "takes a fit or a guide, not an object of class lm")
})

test_that("assigning to the guide moves everything", {
  g <- guide(m, data, init = init_to_feasible(), seed = 1)
  h <- g
  h$loc[["mu"]] <- 2
  h$scale[["mu"]] <- 0.5
  h$scale_tril["tau", "mu"] <- 0.7
  expect_identical(coef(h)[["mu"]], 2)
  V <- vcov(h)
  expect_equal(V["mu", "mu"], 0.25, tolerance = 1e-15)
  expect_equal(V["mu", "tau"], 0.5 * 0.7 * 0.1, tolerance = 1e-14)
  expect_equal(V["tau", "tau"], 0.1^2 * (1 + 0.7^2), tolerance = 1e-14)
  # draws, from the same random numbers
  eps <- (draws(g, 50, seed = 3)[, "mu"] - 0) / 0.1
  expect_equal(as.vector(draws(h, 50, seed = 3)[, "mu"]), as.vector(2 + 0.5 * eps), tolerance = 1e-12)
  expect_equal(quantile(h, 0.9)$mu[[1]], qnorm(0.9, 2, 0.5), tolerance = 1e-14)
  expect_equal(as.data.frame(summary(h))["mu", "sd"], 0.5, tolerance = 1e-14)
  # the ELBO at given draws: E log p - E log q by hand
  eps <- matrix(c(0.3, -0.4), 2, 10)
  z <- t(unname(h$loc) + unname(h$scale * h$scale_tril) %*% t(eps))
  want <- mean(log_density(m, data)$fn(z) - density(posterior(h), z, log = TRUE))
  expect_equal(elbo(h, eps = eps)$elbo, want, tolerance = 1e-12)
  # a step starts there
  k <- svi_step(h, sgd(lr = 1e-9), eps = eps)
  expect_equal(k$loc, h$loc, tolerance = 1e-6)
  expect_equal(k$scale, h$scale, tolerance = 1e-6)
  expect_equal(k$scale_tril, h$scale_tril, tolerance = 1e-6)
  # plain vectors do as well, and integers
  h$loc <- rep(1L, 10)
  expect_identical(coef(h), stats::setNames(rep(1, 10), coordinates))
  # a fit's guide too
  f <- fit
  f$guide$loc[1] <- 100
  expect_identical(coef(f)[["mu"]], 100)
  expect_equal(quantile(f, 0.5)$mu[[1]], 100)
})

test_that("a guide that cannot be one is refused by everything that reads it", {
  bad <- list(
    list("loc", 1, "`loc` must be 10 finite numbers"),
    list("loc", replace(loc, 3, NaN), "`loc` must be 10 finite numbers"),
    list("loc", letters[1:10], "`loc` must be 10 finite numbers"),
    list("loc", NULL, "`loc` must be 10 finite numbers"),
    list("scale", rep(0, 10), "`scale` must be 10 positive numbers"),
    list("scale", replace(rep(1, 10), 2, Inf), "`scale` must be 10 positive numbers"),
    list("scale", NULL, "`scale` must be 10 positive numbers"),
    list("scale_tril", S, "`scale_tril` must be a 10 x 10 lower triangular matrix with ones on the diagonal"),
    list("scale_tril", replace(diag(10), 2, NA), "`scale_tril` must be"),
    list("scale_tril", replace(diag(10), 1, NA), "`scale_tril` must be"),
    list("scale_tril", NULL, "`scale_tril` must be")
  )
  for (b in bad) {
    g <- fit$guide
    g[b[[1L]]] <- list(b[[2L]])
    broken <- fit
    broken$guide <- g
    for (f in list(vcov, posterior, correlation, coef, quantile, median, summary, function(x) draws(x, 2), function(x) elbo(x, 2))) {
      expect_error(f(g), b[[3L]])
      expect_error(f(broken), b[[3L]])
    }
    expect_error(svi_step(g, adam()), b[[3L]])
    expect_error(simulate(broken), b[[3L]])
  }
})
