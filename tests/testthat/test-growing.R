# natural() above 200 coordinates: batches that grow, moves with a velocity, and then, up to 500 coordinates, fixed draws, or a verdict that knows of
# slow directions.

groups <- function(J) {
  set.seed(2, kind = "default", normal.kind = "default", sample.kind = "default")
  list(J = J, y = rnorm(J, rnorm(J, 1, 0.7), 1))
}

# On the same draws, so that their differences are known far better than each.
elbos <- function(fits) {
  set.seed(3, kind = "default", normal.kind = "default", sample.kind = "default")
  eps <- matrix(rnorm(2000 * length(coef(fits[[1]]))), 2000)
  vapply(fits, function(fit) elbo(fit, eps = eps)$elbo, 0)
}

test_that("along a curved valley the gap is what is left to gain", {
  m <- model({
    mu ~ normal(0, 5)
    tau ~ half_normal(2)
    z ~ normal(0, 1, dim = J)
    y ~ normal(mu + tau * z, 1)
  })
  for (J in c(220, 510)) {
    data <- groups(J)
    fits <- lapply(1:4, function(seed) fullrank(m, data, seed = seed, progress = FALSE))
    expect_true(all(vapply(fits, `[[`, "", "status") == "converged"))
    best <- fullrank(m, data, seed = 99, tol = 0.001, progress = FALSE)
    expect_identical(best$status, "converged")
    found <- elbos(c(fits, list(best)))
    expect_lt(max(found[5] - found[1:4]), 0.03)
    expect_lt(mean(found[5] - found[1:4]), 0.02)
  }
})

test_that("of centred groups every seed finds the same guide, wherever its run is broken off", {
  m <- model({
    mu ~ normal(0, 5)
    tau ~ half_normal(2)
    theta ~ normal(mu, tau, dim = J)
    y ~ normal(theta, 1)
  })
  last <- c("220" = "fixed draws", "510" = "growing batches")
  for (J in c(220, 510)) {
    data <- groups(J)
    fits <- lapply(1:3, function(seed) fullrank(m, data, seed = seed, progress = FALSE))
    expect_true(all(vapply(fits, `[[`, "", "status") == "converged"))
    expect_lt(diff(range(elbos(fits))), 0.1)
    steps <- fits[[1]]$steps
    for (before in c(5, 12)) {
      part <- fullrank(m, data, seed = 1, max_steps = steps - before, progress = FALSE)
      if (before == 5) expect_identical(part$phases$phase[nrow(part$phases)], last[[as.character(J)]])
      expect_identical(update(part, progress = FALSE)$state, fits[[1]]$state)
    }
  }
})

# A density of d coordinates that throws, or is as large as numbers go, at one call.
banana <- function(throws = Inf, overflows = Inf, d = 201) {
  calls <- list2env(list(density = 0, gradient = 0, throws = throws, overflows = overflows))
  density <- function(z) {
    calls$density <- calls$density + 1
    if (calls$density == calls$throws) stop("once")
    -0.5 * sum(z^2) - sum(exp(0.8 * z[-1] - z[1])) + 3 * sum(z) - 3 * z[1]^2
  }
  gradient <- function(z) {
    calls$gradient <- calls$gradient + 1
    e <- exp(0.8 * z[-1] - z[1])
    g <- c(sum(e) - 6 * z[1], -0.8 * e) - z + 3
    if (calls$gradient == calls$overflows) replace(g, 1, 1e200) else g
  }
  list(calls = calls, fit = function() fullrank(density, gradient = gradient, init = rep(0, d), seed = 1, progress = FALSE))
}

test_that("a run broken off within any batch or comparison goes on to the same bits", {
  for (d in c(201, 501)) {
    whole <- banana(d = d)
    fit <- whole$fit()
    expect_identical(fit$status, "converged")
    n <- whole$calls$density
    for (at in n - c(1, 500, 4000, 4200, 6000)) {
      broken <- banana(throws = at, d = d)
      part <- tryCatch(broken$fit(), error = function(e) e$fit)
      broken$calls$throws <- Inf
      expect_identical(update(part, progress = FALSE)$state, fit$state, label = sprintf("d = %d, broken off at call %d of %d", d, at, n))
    }
  }
})

test_that("a gradient that overflows once is asked for again, in any phase", {
  before_end <- list("201" = c(500, 1000, 2500), "501" = 500) # verdict, solve; the last batch
  for (d in c(201, 501)) {
    whole <- banana(d = d)
    reference <- whole$fit()
    for (before in before_end[[as.character(d)]]) {
      fit <- banana(overflows = whole$calls$gradient - before, d = d)$fit()
      expect_identical(fit$status, "converged")
      expect_lt(abs(diff(elbos(list(fit, reference)))), 0.1)
    }
  }
})
