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
  # counts get bars
  expect_s3_class(bayesplot::pp_check(fit, site = "k", seed = 1)$layers[[1]]$geom, "GeomBar")
  k <- bayesplot::pp_check(fit, "stat", site = "k", stat = "mean", ndraws = 4000, seed = 1)
  expect_equal(sort(k$data$value), sort(rowMeans(rstantools::posterior_predict(fit, 4000, "k", seed = 1))))
  at <- exp(coef(fit)[["a"]] + vcov(fit)[1] / 2) # the rate's mean
  expect_lt(abs(mean(k$data$value) - at) / (sd(k$data$value) / sqrt(4000)), 4.5)
})

test_that("posterior_predict of a model has a column an element of its observed sites, with their distribution", {
  skip_if_not_installed("rstantools")
  m <- model({
    a ~ normal(0, 1)
    y ~ normal(a + x, 0.5)
    Y ~ multi_normal_cholesky(c(a, 2 * a), diag(2))
  })
  fit <- known_fit(m, list(y = c(u = 1, v = 2), x = c(0, 3), Y = rbind(c(0, 1), c(1, 2))), 0.5, matrix(0.04))
  x <- rstantools::posterior_predict(fit, 4000, seed = 1)
  expect_identical(colnames(x), c("y[u]", "y[v]", "Y[1,1]", "Y[2,1]", "Y[1,2]", "Y[2,2]"))
  expect_lt(max(abs(colMeans(x) - c(0.5, 3.5, 0.5, 0.5, 1, 1)) / sqrt(c(0.29, 0.29, 1.04, 1.04, 1.16, 1.16) / 4000)), 4.5)
  expect_equal(unname(apply(x, 2, var)), c(0.29, 0.29, 1.04, 1.04, 1.16, 1.16), tolerance = 0.1)
  expect_equal(cov(x[, "y[u]"], x[, "Y[2,2]"]), 0.08, tolerance = 0.5)
  expect_identical(rstantools::posterior_predict(fit, 5, "Y", seed = 3), rstantools::posterior_predict(fit, 5, seed = 3)[, 3:6])
  expect_equal(unname(rstantools::posterior_predict(fit, 5, "y", seed = 3)), unname(simulate(fit, 5, seed = 3)$y))
  expect_error(rstantools::posterior_predict(fit, sites = "z"), "`z` is no observed site")
  expect_identical(rstantools::posterior_predict(fit, ndraws = 5, seed = 3), rstantools::posterior_predict(fit, 5, seed = 3))
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
  # the rows of a table of frequencies count as often as they say
  fit <- regression_fit("ordinal")
  d <- MASS::housing
  bars <- bayesplot::pp_check(fit, seed = 1)
  expected <- colSums(d$Freq * predict(fit, type = "response"))
  expect_lt(max(abs(bars$data$m - expected) / sqrt(expected)), 0.5)
  grouped <- bayesplot::pp_check(fit, "bars_grouped", group = d$Cont, seed = 1)
  expect_setequal(as.character(unique(grouped$data$group)), levels(d$Cont))
})
