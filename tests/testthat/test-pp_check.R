# Predictive checks by bayesplot: the data in the plots.

test_that("of a model: the observed site and its replicates", {
  skip_if_not_installed("bayesplot")
  m <- model({
    a ~ normal(0, 1)
    y ~ normal(a, 1)
    k ~ poisson(exp(a))
  })
  y <- c(0.4, -1.1, 2)
  fit <- short_fit(m, list(y = y, k = c(0, 3)))
  p <- bayesplot::pp_check(fit, site = "y", ndraws = 7, seed = 2)
  expect_s3_class(p, "ggplot")
  expect_equal(p$data$value[p$data$is_y], y)
  expect_equal(sort(p$data$value[!p$data$is_y]), sort(as.vector(simulate(fit, 7, seed = 2)$y)))
  expect_error(bayesplot::pp_check(fit), "more than one observed site.*`y` and `k`")
  expect_error(bayesplot::pp_check(fit, site = "y", type = "dens_overlai"), "no check \"dens_overlai\".*Did you mean")
  expect_s3_class(bayesplot::pp_check(fit, site = "k", seed = 1), "ggplot")
})

test_that("of a regression", {
  skip_if_not_installed("bayesplot")
  fit <- regression_fit("gaussian")
  p <- bayesplot::pp_check(fit, ndraws = 5, seed = 1)
  expect_equal(p$data$value[p$data$is_y], mtcars$mpg)
  yrep <- rstantools::posterior_predict(fit, draws = 5, seed = 1)
  expect_equal(sort(p$data$value[!p$data$is_y]), sort(as.vector(yrep)))
  p <- bayesplot::pp_check(fit, type = "stat_grouped", group = mtcars$cyl, stat = "max", seed = 1)
  expect_identical(length(unique(p$data$group)), 3L)
  rates <- bayesplot::pp_check(regression_fit("binomial"), type = "dens_overlay", seed = 1)
  expect_true(all(rates$data$value >= 0 & rates$data$value <= 1))
  expect_s3_class(bayesplot::pp_check(regression_fit("ordinal"), seed = 1), "ggplot")
})
