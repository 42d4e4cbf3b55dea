# Mean and standard deviation of transformed Normals against adaptive quadrature.

moments <- function(loc, sd, lower, upper) {
  out <- fullrank:::bounded_moments(list(loc = loc, sd = sd, lower = lower, upper = upper))
  c(out$mean, out$sd)
}

# integrate() over the standardised coordinate, cut where the Normal has vanished.
by_quadrature <- function(f, loc, sd) {
  part <- function(g) {
    breaks <- sort(unique(pmin(pmax(c(-12, -6, -2, 0, 2, 6, 12, (c(-30, -5, 0, 5, 30) - loc) / sd), -12), 12)))
    sum(vapply(seq_along(breaks[-1L]), function(k) integrate(g, breaks[k], breaks[k + 1L], rel.tol = 1e-11, subdivisions = 500)$value, 0))
  }
  mean <- part(function(t) dnorm(t) * f(loc + sd * t))
  c(mean, sqrt(part(function(t) dnorm(t) * (f(loc + sd * t) - mean)^2)))
}

test_that("real and one-sided sites: closed forms", {
  expect_identical(moments(1.5, 0.3, -Inf, Inf), c(1.5, 0.3))
  for (sd in c(0.01, 0.5, 1.2)) {
    expect_equal(moments(0.7, sd, 2, Inf), by_quadrature(function(x) 2 + exp(x), 0.7, sd), tolerance = 1e-9)
    expect_equal(moments(0.7, sd, -Inf, 2), by_quadrature(function(x) 2 - exp(x), 0.7, sd), tolerance = 1e-9)
  }
  # digits of a small spread: sd of exp(x) is exp(loc) sd to first order
  expect_equal(moments(0, 1e-9, 0, Inf)[2], 1e-9, tolerance = 1e-8)
  # so wide that the mean is beyond the largest number
  expect_identical(moments(0, 50, 0, Inf), c(Inf, Inf))
})

test_that("logistic-normal moments to 1e-11 of the interval, for any location and spread", {
  for (loc in c(-20, -4, -0.5, 0, 0.3, 3, 30)) {
    for (sd in c(1e-3, 0.1, 0.7, 1.5, 2.9, 3.1, 6, 20, 100)) {
      got <- moments(loc, sd, 0, 1)
      expect_lt(max(abs(got - by_quadrature(plogis, loc, sd))), 1e-9)
      # E plogis(x) + E plogis(-x) = 1, the same spread
      other <- moments(-loc, sd, 0, 1)
      expect_equal(got[1] + other[1], 1, tolerance = 1e-14)
      expect_equal(got[2], other[2], tolerance = 1e-12)
    }
  }
  expect_equal(moments(0, 5, 0, 1)[1], 0.5, tolerance = 1e-15)
  # between other bounds
  expect_equal(moments(0.4, 0.9, -3, 7), c(-3, 0) + 10 * moments(0.4, 0.9, 0, 1), tolerance = 1e-14)
  # small numbers keep their digits
  got <- moments(-40, 1, 0, 1)
  expect_equal(got, c(exp(-40 + 0.5), exp(-40 + 0.5) * sqrt(expm1(1))), tolerance = 1e-8)
  # no spread to speak of
  expect_equal(moments(0.4, 1e-8, 0, 1), c(plogis(0.4), 1e-8 * dlogis(0.4)), tolerance = 1e-7)
  # so wide that it is a coin
  expect_equal(moments(0, 1e8, 0, 1), c(0.5, 0.5), tolerance = 1e-7)
})

test_that("each element has its own kind", {
  out <- fullrank:::bounded_moments(list(loc = c(1, 0.5, 0.5, 0), sd = c(1, 0.2, 0.2, 1), lower = c(-Inf, 0, -Inf, 0), upper = c(Inf, Inf, 0, 2)))
  m <- exp(0.5 + 0.02)
  expect_equal(out$mean, c(1, m, -m, 1), tolerance = 1e-14)
  expect_equal(out$sd[1:3], c(1, m * sqrt(exp(0.04) - 1), m * sqrt(exp(0.04) - 1)), tolerance = 1e-12)
})
