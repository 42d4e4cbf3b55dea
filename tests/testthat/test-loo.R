# Leave-one-out cross-validation.

test_that("loo of a linear model is that of exact leave-one-out", {
  skip_if_not_installed("loo")
  fit <- regression_fit("gaussian")
  l <- suppressWarnings(loo::loo(fit, seed = 1))
  expect_s3_class(l, "psis_loo_ap")
  expect_length(l$diagnostics$pareto_k, 32)
  reference <- lm(mpg ~ wt + factor(cyl), mtcars)
  h <- hatvalues(reference)
  t <- rstudent(reference)
  s <- residuals(reference) / (t * sqrt(1 - h))
  exact <- sum(dt(t * sqrt(1 - h) / sqrt(1 / (1 - h)) * 1, 27, log = TRUE) * 0 + dt(residuals(reference) / (1 - h) / (s / sqrt(1 - h)), 27, log = TRUE) - log(s / sqrt(1 - h)))
  expect_lt(abs(l$estimates["elpd_loo", "Estimate"] - exact), 1)
})

test_that("loo of the other fits, and comparisons", {
  skip_if_not_installed("loo")
  for (name in setdiff(names_of_fits, "gaussian")) {
    l <- suppressWarnings(loo::loo(regression_fit(name), draws = 500, seed = 1))
    expect_true(is.finite(l$estimates["elpd_loo", "Estimate"]), label = name)
  }
  a <- suppressWarnings(loo::loo(regression_fit("distributional"), seed = 1))
  b <- suppressWarnings(loo::loo(fullrank(y ~ x, data = spreading(), seed = 1), seed = 1))
  expect_gt(a$estimates["elpd_loo", "Estimate"], b$estimates["elpd_loo", "Estimate"])
  expect_error(loo::waic(regression_fit("gaussian")), "waic\\(\\) is not available.*loo")
  expect_error(loo::loo(fullrank(mpg ~ wt, data = mtcars, prior_only = TRUE, seed = 1, steps = 50)), "prior alone")
})

test_that("log densities of observations add up to the model's", {
  for (name in c("gaussian", "distributional")) {
    fit <- regression_fit(name)
    g <- fit$guide
    eps <- draw_eps(3, length(g$loc), 4)
    z <- sample_guide(g, eps)
    with <- log_joint(g$compiled, z)
    reg <- fit$regression
    prior <- as_model(formula(fit), data = reg$data, prior_only = TRUE)
    without <- log_density(prior)$fn(z)
    ll <- pointwise_log_lik(fit, prediction_rows(fit), constrain_draws(g$compiled, z), FALSE, 1)
    expect_equal(rowSums(ll), with - without, label = name)
  }
})
