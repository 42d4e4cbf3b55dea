# Pareto smoothing against package posterior.

theirs <- function(w) suppressWarnings(posterior::pareto_smooth(w, tail = "right", r_eff = 1, return_k = TRUE, verbose = FALSE))

test_that("weights and k-hat are posterior's", {
  set.seed(1)
  cases <- list(exp(rnorm(1000)), exp(2 * rnorm(400)), rexp(2000), runif(100), 1 / runif(500), rt(300, 3)^2, c(exp(rnorm(990)), rep(0, 300)), exp(5 * rnorm(1000)), runif(30), exp(0.01 * rnorm(1000)))
  for (w in cases) {
    got <- pareto_smooth(w)
    want <- theirs(w)
    expect_equal(got$khat, as.double(want$diagnostics$khat), tolerance = 1e-12)
    expect_equal(got$w, as.double(want$x), tolerance = 1e-12)
  }
  expect_identical(order(cases[[1]]), order(pareto_smooth(cases[[1]])$w))
})

test_that("without a tail there is no k-hat", {
  for (w in list(rep(1, 500), c(runif(500), NA), c(runif(500), Inf), runif(20), c(runif(400), rep(2, 200)), c(rep(1, 990), rep(2, 100)))) {
    got <- pareto_smooth(w)
    expect_identical(got$khat, NA_real_)
    expect_identical(got$w, w)
  }
})
