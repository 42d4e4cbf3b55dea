# What ?fullrank says about memory: R's own count of the most that was in use.

# Bytes that `expr` had in use beyond what was there before, at most.
most_bytes <- function(expr) {
  invisible(gc(reset = TRUE))
  before <- gc(reset = TRUE)["Vcells", "used"]
  force(expr)
  8 * (gc()["Vcells", "max used"] - before)
}

test_that("steps work on two packed triangles, of Adam on three", {
  d <- 1200L
  triangle <- 4 * d^2
  m <- model({ x ~ normal(0, 1, dim = d) })
  for (case in list(list(adam(), 3), list(clipped_adam(), 3), list(sgd(0.001), 2))) {
    fit <- fullrank(m, list(d = d), init = init_to_feasible(), optimizer = case[[1]], particles = 8, steps = 1, seed = 1)
    used <- most_bytes(fullrank:::take_steps(fit, 2)) / triangle
    expect_lt(used, case[[2]] + 0.35)
    expect_gt(used, case[[2]] - 0.35) # it is measured at all
  }
})

test_that("a model matrix is held once", {
  n <- 50000
  p <- 40
  data <- list(X = matrix(seq_len(n * p) %% 17 / 17, n), y = rep(c(0, 1), n / 2))
  m <- model({
    b ~ normal(0, 1, dim = ncol(X))
    y ~ bernoulli_logit(X %*% b)
  })
  used <- most_bytes(fit <- fullrank(m, data, optimizer = adam(), particles = 8, steps = 2, seed = 1))
  expect_lt(used, 1.2 * 8 * n * p) # with a copy it would be 1.8: the rest is n numbers a particle and the draws that judge the fit
  expect_equal(fit$status, "fixed_steps")
})
