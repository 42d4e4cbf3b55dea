test_that("optimisers carry Pyro's defaults", {
  expect_identical(adam()[c("lr", "betas", "eps", "decay")], list(lr = 0.005, betas = c(0.9, 0.999), eps = 1e-8, decay = 0))
  expect_identical(clipped_adam(0.01)[c("lr", "clip_norm", "lrd", "betas", "eps")],
                   list(lr = 0.01, clip_norm = 10, lrd = 1, betas = c(0.9, 0.999), eps = 1e-8))
  expect_identical(sgd(0.1)[c("lr", "momentum")], list(lr = 0.1, momentum = 0))
})

test_that("wrong arguments name themselves and what was given", {
  expect_error(adam(lr = 0), "`lr`.*above 0.*not.*0")
  expect_error(adam(lr = -1), "`lr`.*-1")
  expect_error(adam(lr = NA), "`lr`")
  expect_error(adam(lr = c(0.1, 0.2)), "`lr`.*one number")
  expect_error(adam(lr = "fast"), "`lr`.*fast")
  expect_error(adam(betas = 0.9), "`betas`")
  expect_error(adam(betas = c(0.9, 1)), "`betas`.*below 1")
  expect_error(adam(betas = c(-0.1, 0.9)), "`betas`")
  expect_error(adam(eps = -1), "`eps`")
  expect_error(adam(decay = -1), "`decay`")
  expect_error(clipped_adam(clip_norm = 0), "`clip_norm`")
  expect_error(clipped_adam(lrd = 0), "`lrd`")
  expect_error(clipped_adam(lr = 0), "`lr`")
  expect_error(sgd(), "lr")
  expect_error(sgd(0), "`lr`")
  expect_error(sgd(0.1, momentum = 1), "`momentum`.*below 1")
  expect_error(sgd(0.1, momentum = -0.5), "`momentum`")
})

test_that("an optimiser prints as the call that makes it", {
  expect_output(print(adam(lr = 0.01)), "^adam\\(lr = 0.01, betas = c\\(0.9, 0.999\\), eps = 1e-08\\)$")
  expect_output(print(adam(lr = 0.05, decay = 0.01)), "decay = 0.01")
  expect_output(print(sgd(0.1, 0.9)), "^sgd\\(lr = 0.1, momentum = 0.9\\)$")
  expect_output(print(clipped_adam()), "clip_norm = 10, lrd = 1")
})

test_that("a decaying rate takes lr / sqrt(1 + decay (t - 1))", {
  # Adam's first step, and with betas of 0 every step, moves by the rate itself, whatever the gradient
  g <- guide(model({ mu ~ normal(0, 1); y ~ normal(mu, 1) }), list(y = 50), init = init_to_value(list(mu = 0)), seed = 1)
  opt <- adam(lr = 0.1, betas = c(0, 0), eps = 0, decay = 0.5)
  at <- g$loc[[1L]]
  for (t in 1:6) {
    g <- svi_step(g, opt, eps = matrix(0))
    expect_equal(g$loc[[1L]] - at, 0.1 / sqrt(1 + 0.5 * (t - 1)), tolerance = 1e-12)
    at <- g$loc[[1L]]
  }
})
