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

test_that("draws that the posterior does not have are left out of loo", {
  skip_if_not_installed("loo")
  # probabilities with an identity link: some draws of the Normal put them outside (0, 1)
  set.seed(2)
  x <- seq(0, 1, length.out = 200)
  y <- rbinom(200, 1, 0.06 + 0.5 * x)
  fit <- suppressWarnings(fullrank(y ~ x, data = data.frame(x, y), family = binomial("identity"), seed = 1))
  expect_warning(l <- withCallingHandlers(loo::loo(fit, seed = 1), warning = function(w) if (grepl("Pareto", conditionMessage(w))) invokeRestart("muffleWarning")), "not finite at [0-9]+ of 2000 draws")
  expect_error(loo::loo(fit, seed = 10, draws = 25), "finite at 2[0-4] of 25 draws only: nothing can be said")
  # against the likelihood integrated on a grid of both ends of the line, flat priors
  ends <- expand.grid(low = seq(1e-4, 0.3, length.out = 150), high = seq(0.3, 0.75, length.out = 150))
  terms <- sapply(seq_along(x), function(i) dbinom(y[i], 1, ends$low + x[i] * (ends$high - ends$low), log = TRUE))
  whole <- rowSums(terms)
  weight <- exp(whole - max(whole))
  exact <- sum(vapply(seq_along(x), function(i) log(sum(weight) / sum(weight * exp(-terms[, i]))), 0))
  expect_lt(abs(l$estimates["elpd_loo", "Estimate"] - exact), 0.3)
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
