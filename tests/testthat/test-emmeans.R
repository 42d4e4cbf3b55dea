# Packages emmeans and marginaleffects.

test_that("emmeans of a linear model are the linear combinations of its coefficients", {
  skip_if_not_installed("emmeans")
  skip_if_not_installed("coda")
  fit <- regression_fit("gaussian")
  grid <- emmeans::ref_grid(fit)
  A <- cbind(1, mean(mtcars$wt), c(0, 1, 0), c(0, 0, 1))
  colnames(A) <- names(coef(fit))
  em <- emmeans::emmeans(grid, ~ cyl)
  expect_equal(unname(em@linfct), unname(A), tolerance = 1e-12)
  expect_equal(unname(drop(em@linfct %*% em@bhat)), unname(drop(A %*% coef(fit))))
  expect_equal(unname(em@linfct %*% em@V %*% t(em@linfct)), unname(A %*% vcov(fit) %*% t(A)))
  s <- as.data.frame(em)
  expect_equal(s$emmean, unname(drop(A %*% coef(fit))), tolerance = 0.01)
  # the least-squares answer under nearly flat priors
  reference <- as.data.frame(emmeans::emmeans(lm(mpg ~ wt + factor(cyl), mtcars), ~ cyl))
  expect_lt(max(abs(s$emmean - reference$emmean) / reference$SE), 0.2)
})

test_that("emmeans knows links, groups, and what it cannot do", {
  skip_if_not_installed("emmeans")
  skip_if_not_installed("coda")
  fit <- regression_fit("binomial")
  s <- as.data.frame(emmeans::emmeans(fit, ~ period, type = "response"))
  b <- coef(fit)
  expect_equal(s$prob, unname(plogis(b[1] + c(0, b[-1]))), tolerance = 0.05)
  ordinal <- emmeans::emmeans(regression_fit("ordinal"), ~ Infl)
  expect_identical(nrow(as.data.frame(ordinal)), 3L)
  categorical <- fullrank(Sat ~ Infl, data = MASS::housing, family = "categorical", steps = 3, seed = 1)
  expect_error(emmeans::emmeans(categorical, ~ Infl), "one linear predictor of the mean; a categorical response has one for each category")
  skip_if_not_installed("mgcv")
  expect_error(emmeans::emmeans(fullrank(mpg ~ s(wt, k = 5) + factor(cyl), data = mtcars, steps = 5, seed = 1), ~ cyl), "smooth terms|Perhaps")
  expect_error(emm_basis.fullrank_regression(fullrank(mpg ~ s(wt, k = 5), data = mtcars, steps = 3, seed = 1)), "has smooth terms: use marginaleffects")
})

test_that("coefficients that cannot be set are said to be so", {
  fit <- regression_fit("gaussian")
  expect_error(set_coef.fullrank_regression(fit, unname(coef(fit))), "`coefs` must be named `\\(Intercept\\)`")
  bounded <- fullrank(mpg ~ wt, data = mtcars, prior = list(b ~ half_normal(1)), steps = 3, seed = 1)
  expect_error(set_coef.fullrank_regression(bounded, coef(bounded)), "A prior bounds a coefficient")
})

test_that("marginaleffects' methods give coefficients, their covariance and draws of predictions", {
  skip_if_not_installed("marginaleffects")
  fit <- regression_fit("gaussian")
  expect_identical(marginaleffects::get_coef(fit), coef(fit))
  expect_identical(marginaleffects::get_vcov(fit), vcov(fit))
  expect_null(marginaleffects::get_vcov(fit, vcov = FALSE))
  moved <- marginaleffects::set_coef(fit, coef(fit) + c(1, 2, 3, 4))
  expect_equal(coef(moved), coef(fit) + c(1, 2, 3, 4))
  expect_equal(predict(moved, mtcars[1:2, ]) - predict(fit, mtcars[1:2, ]), c(1 + 2 * mtcars$wt[1:2] + 3), ignore_attr = TRUE)
  p <- marginaleffects::get_predict(fit, mtcars[1:4, ], "response")
  expect_equal(p$estimate, unname(predict(fit, mtcars[1:4, ])))
  draws <- attr(p, "posterior_draws")
  expect_identical(dim(draws), c(4L, 1000L))
  expect_equal(apply(draws, 1, sd), unname(predict(fit, mtcars[1:4, ], se.fit = TRUE)$se.fit), tolerance = 0.1)
  p <- marginaleffects::get_predict(regression_fit("ordinal"), MASS::housing[1:2, ], "response")
  expect_identical(as.character(p$group), rep(c("Low", "Medium", "High"), each = 2))
  expect_equal(tapply(p$estimate, p$rowid, sum), c(1, 1), ignore_attr = TRUE)
  expect_true("fullrank_regression" %in% getOption("marginaleffects_model_classes"))
})

test_that("marginaleffects computes slopes and comparisons from them", {
  skip_if_not_installed("marginaleffects")
  skip_if_not_installed("collapse")
  # marginaleffects calls this function of R 4.4 also in older versions
  if (!exists("%||%", baseenv())) {
    assign("%||%", function(x, y) if (is.null(x)) y else x, globalenv())
    on.exit(rm("%||%", envir = globalenv()))
  }
  fit <- regression_fit("gaussian")
  p <- marginaleffects::predictions(fit, newdata = mtcars[1:3, ])
  reference <- predict(fit, mtcars[1:3, ], interval = "confidence")
  expect_equal(p$estimate, unname(reference[, "fit"]), tolerance = 0.01)
  expect_equal(cbind(p$conf.low, p$conf.high), unname(reference[, 2:3]), tolerance = 0.02)
  slope <- marginaleffects::avg_slopes(fit, variables = "wt")
  expect_equal(slope$estimate, coef(fit)[["wt"]], tolerance = 0.02)
})
