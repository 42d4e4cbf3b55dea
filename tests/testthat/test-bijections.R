# Bijections against the exact values that go with Pyro's (reference/bijections.json), their inverses and their
# derivatives.

elementwise <- c("real", "real_vector", "positive", "nonnegative", "greater_than", "greater_than_eq", "less_than", "unit_interval", "interval", "half_open_interval")
vector_codes <- c(simplex = 1L, ordered_vector = 2L, corr_cholesky = 3L, corr_matrix = 4L, positive_definite = 5L)
# Supports that no site has: `ordered` with a lower bound is Stan's, a Cholesky factor of a covariance is no site of its own, and
# Pyro's biject_to knows none of the rest.
no_site <- c("softplus_positive", "positive_ordered_vector", "lower_cholesky", "softplus_lower_cholesky", "unit_lower_cholesky", "sphere")

support_bounds <- function(support) {
  switch(support$support, real = , real_vector = c(-Inf, Inf), positive = , nonnegative = c(0, Inf), unit_interval = c(0, 1),
         c(if (is.null(support$lower)) -Inf else support$lower, if (is.null(support$upper)) Inf else support$upper))
}

bijection <- function(code, x, direction = "forward", bounds = c(NA_real_, NA_real_), K = 1L) {
  .Call(fullrank:::fullrank_bijection, code, x, bounds[1], bounds[2], K, direction)
}

reverse <- function(code, x, y_bar, log_det_bar, bounds = c(NA_real_, NA_real_), K = 1L) {
  .Call(fullrank:::fullrank_bijection_reverse, code, x, y_bar, log_det_bar, bounds[1], bounds[2], K)
}

# Events of K values as a one-row matrix, and K itself.
# The file has a matrix for x of a covariance: our coordinates are its lower triangle, row by row.
vector_point <- function(name, point) {
  matrix_value <- name %in% c("corr_cholesky", "corr_matrix", "positive_definite")
  y <- if (matrix_value) ref_matrix(point$y_exact) else ref_vector(point$y_exact)
  x <- if (name == "positive_definite") by_row(ref_matrix(point$x)) else ref_vector(point$x)
  list(x = matrix(x, 1), y = matrix(as.vector(y), 1), K = if (matrix_value) nrow(y) else length(y))
}
by_row <- function(m) t(m)[upper.tri(m, diag = TRUE)]

test_that("every support of the file is either a site's, and checked here, or none's", {
  supports <- vapply(read_compressed("bijections")$supports, `[[`, "", "support")
  expect_setequal(supports, c(elementwise, names(vector_codes), no_site))
})

test_that("elementwise maps are exact", {
  for (support in read_compressed("bijections")$supports) {
    if (!support$support %in% elementwise) next
    bounds <- support_bounds(support)
    each <- function(name) unlist(lapply(support$points, function(p) ref_vector(p[[name]])))
    total <- function(name) vapply(support$points, function(p) as.numeric(p[[name]]), 0)
    x <- each("x")
    got <- bijection(0L, x, bounds = bounds)
    # 1e-13: near the zero of an interval's y the bounds cancel
    expect_near(got$y, each("y_exact"), 1e-13, support$support)
    point <- rep(seq_along(support$points), lengths(lapply(support$points, `[[`, "x")))
    expect_near(rowsum(got$log_det, point), total("log_abs_det_exact"), 1e-14, support$support)
    # the inverse is as good as y is: one unit in its last place moves x by this much
    back <- bijection(0L, got$y, "inverse", bounds)
    inside <- back$status == 0L
    slope <- abs(reverse(0L, x, rep(1, length(x)), rep(0, length(x)), bounds)$x)
    allowed <- 1e-14 * abs(x) + 2 * .Machine$double.eps * pmax(abs(got$y), 1e-300) / slope
    expect_true(all(inside | abs(x) > 36), label = support$support)
    expect_true(all((abs(back$x - x) <= allowed)[inside]), label = support$support)
  }
})

test_that("vector maps are exact", {
  for (support in read_compressed("bijections")$supports) {
    name <- support$support
    if (!name %in% names(vector_codes)) next
    for (point in support$points) {
      p <- vector_point(name, point)
      got <- bijection(vector_codes[[name]], p$x, K = p$K)
      # a scalar product of rows of L may cancel
      expect_near(got$y, p$y, if (name %in% c("corr_matrix", "positive_definite")) 1e-10 else 1e-13, name)
      expect_near(got$log_det, point$log_abs_det_exact, 1e-14, name)
      back <- bijection(vector_codes[[name]], got$y, "inverse", K = p$K)
      # an ordered vector loses in its differences what its values cannot hold
      spacing <- if (name == "ordered_vector") c(0, diff(p$y[1, ])) else 1
      lost <- if (name == "ordered_vector") 4 * .Machine$double.eps * max(abs(p$y)) / pmax(spacing, 1e-300) else 0
      # and the factor of a symmetric matrix what its condition takes
      if (name %in% c("corr_matrix", "positive_definite")) lost <- 16 * .Machine$double.eps * kappa(matrix(p$y, p$K), exact = TRUE) * max(1, abs(p$x))
      good <- is.finite(lost) & lost < 1 | spacing == 0
      expect_true(all((abs(back$x - p$x) <= 1e-12 * pmax(1, abs(p$x)) + lost)[good] | back$status != 0L), label = name)
    }
  }
})

test_that("derivatives equal central differences", {
  h <- 1e-5
  for (support in read_compressed("bijections")$supports) {
    name <- support$support
    if (!name %in% names(vector_codes)) next
    code <- vector_codes[[name]]
    for (point in support$points) {
      p <- vector_point(name, point)
      if (!length(p$x) || max(abs(p$x)) > 4) next
      y_bar <- matrix(cos(seq_along(p$y)), 1)
      got <- reverse(code, p$x, y_bar, 0.7, K = p$K)
      value <- function(x) { f <- bijection(code, x, K = p$K); sum(y_bar * f$y) + 0.7 * f$log_det }
      want <- vapply(seq_along(p$x), function(i) {
        step <- replace(p$x * 0, i, h)
        (value(p$x + step) - value(p$x - step)) / (2 * h)
      }, numeric(1))
      expect_lte(max(abs(got - want) / (1 + abs(want))), 1e-7, label = name)
    }
  }
  x <- c(-3, -0.5, 0, 0.5, 3)
  for (bounds in list(c(-Inf, Inf), c(2.5, Inf), c(-Inf, 2.5), c(-1.5, 4))) {
    got <- reverse(0L, x, rep(0.3, 5), rep(0.7, 5), bounds)
    value <- function(x, low, high) {
      f <- .Call(fullrank:::fullrank_bijection, 0L, x, low, high, 1L, "forward")
      0.3 * f$y + 0.7 * f$log_det
    }
    expect_equal(got$x, (value(x + h, bounds[1], bounds[2]) - value(x - h, bounds[1], bounds[2])) / (2 * h), tolerance = 1e-7)
    if (is.finite(bounds[1])) {
      want <- (value(x, bounds[1] + h, bounds[2]) - value(x, bounds[1] - h, bounds[2])) / (2 * h)
      expect_equal(got$lower, want, tolerance = 1e-7)
    }
    if (is.finite(bounds[2])) {
      want <- (value(x, bounds[1], bounds[2] + h) - value(x, bounds[1], bounds[2] - h)) / (2 * h)
      expect_equal(got$upper, want, tolerance = 1e-7)
    }
  }
})

test_that("values outside a support are refused", {
  outside <- function(code, y, K) bijection(code, matrix(y, 1), "inverse", K = K)$status != 0L
  expect_equal(bijection(0L, c(2.5, 2, NaN, 3), "inverse", c(2.5, Inf))$status != 0L, c(TRUE, TRUE, TRUE, FALSE))
  expect_true(outside(1L, c(0.5, 0.6), 2L))
  expect_true(outside(1L, c(1, 0), 2L))
  expect_true(outside(2L, c(2, 1), 2L))
  expect_true(outside(3L, c(1, 0.6, 0, 0.9), 2L))
  expect_false(outside(3L, c(1, 0.6, 0, 0.8), 2L))
  expect_true(outside(4L, c(1, 0.6, 0.5, 1), 2L))
  expect_true(outside(4L, c(1, 1.2, 1.2, 1), 2L))
  expect_true(outside(4L, c(2, 0.6, 0.6, 1), 2L))
  expect_false(outside(4L, c(1, 0.6, 0.6, 1), 2L))
  expect_true(outside(5L, c(1, 2, 2, 4), 2L))
  expect_true(outside(5L, c(1, 0.5, 0.4, 1), 2L))
  expect_false(outside(5L, c(4, 1, 1, 9), 2L))
  expect_error(bijection(9L, matrix(0, 1, 1), K = 2L), "no bijection")
  expect_error(bijection(1L, matrix(0, 1, 3), K = 3L), "columns")
})

test_that("softplus and its like are exact at both ends", {
  special <- function(name, x, y = NULL) .Call(fullrank:::fullrank_special, name, x, y)
  x <- c(-745, -40, -1, 0, 1, 25, 700)
  expect_near(special("softplus", x), c(5e-324, exp(-40), 0.31326168751822283, log(2), 1.3132616875182228,
                                        25.000000000013888, 700), 1e-15)
  expect_near(special("softplus_inverse", c(1e-300, 1e-8, 2.5, 800)),
              c(log(1e-300), -18.420680738952365, 2.414349516257962, 800), 1e-15)
  expect_identical(special("softplus_inverse", c(0, -1, NaN)), c(-Inf, NaN, NaN))
  expect_near(special("lgamma", c(0.5, 3, 1e10)), lgamma(c(0.5, 3, 1e10)), 1e-15)
  expect_near(special("lbeta", c(2, 1e8), c(3, 1e8)), c(-2.4849066497880004, -138629444.05681731), 1e-15)
  expect_warning(special("digamma", c(-1, 0, NaN, Inf)), NA)
  expect_error(special("nonsense", 1), "nonsense")
})
