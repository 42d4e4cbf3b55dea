# Package insight finds what it needs.

test_that("formulas, groups and parameters", {
  skip_if_not_installed("insight")
  fit <- regression_fit("poisson")
  f <- insight::find_formula(fit)
  expect_identical(deparse(f$conditional), "y ~ x")
  expect_identical(deparse(f$random), "~1 + x | g")
  expect_identical(insight::find_random(fit)$random, "g")
  expect_identical(insight::find_predictors(fit)$conditional, "x")
  expect_identical(insight::find_response(fit), "y")
  expect_equal(insight::get_parameters(fit)$Estimate, unname(coef(fit)))
  expect_equal(unname(insight::get_varcov(fit)), unname(vcov(fit)))
  expect_true(insight::model_info(fit)$is_poisson)
  expect_equal(insight::link_inverse(fit)(1), exp(1))
  expect_equal(insight::n_obs(fit), 180L)
  both <- insight::find_formula(regression_fit("distributional"))
  expect_identical(deparse(both$sigma), "~x")
})
