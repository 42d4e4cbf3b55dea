# Quantiles against qnorm(), qlnorm() and their images, and against what is known of transforms of two coordinates.

probs <- c(0.025, 0.25, 0.5, 0.8, 0.999)

# One site alone with the guide N(loc, sd^2), coordinates independent.
one_site <- function(m, loc, sd, ...) known_fit(m, list(...), loc, diag(sd^2, length(sd)))

test_that("elementwise sites are exact", {
  m <- model({
    a ~ normal(0, 1)
    b ~ half_normal(1)
    c ~ pareto(3, 2)
    d ~ uniform(-2, 5)
    e ~ flat(upper = 4)
    f ~ beta(2, 2)
  })
  loc <- c(0.3, -0.5, 1, 0.4, 0.7, -2)
  S <- some_covariance(6, seed = 8)
  sd <- sqrt(diag(S))
  fit <- known_fit(m, list(), loc, S)
  q <- quantile(fit, probs)
  want <- list(
    a = qnorm(probs, loc[1], sd[1]), b = qlnorm(probs, loc[2], sd[2]), c = 3 + qlnorm(probs, loc[3], sd[3]),
    d = -2 + 7 * plogis(qnorm(probs, loc[4], sd[4])), e = 4 - qlnorm(1 - probs, loc[5], sd[5]), f = plogis(qnorm(probs, loc[6], sd[6])))
  expect_named(q, names(want))
  for (name in names(want)) {
    expect_equal(unname(q[[name]]), want[[name]], tolerance = 1e-12, info = name)
    expect_named(q[[name]], c("2.5%", "25%", "50%", "80%", "99.9%"))
    # quantiles of the draws themselves
    x <- as.vector(draws(fit, 20000, seed = 1)[, name])
    p <- vapply(q[[name]], function(v) mean(x <= v), 0)
    expect_true(all(abs(p - probs) < 5 * sqrt(probs * (1 - probs) / 20000)), info = name)
  }
  expect_identical(median(fit), lapply(quantile(fit, 0.5), unname))
  # the ends are the bounds
  ends <- quantile(fit, c(0, 1))
  expect_identical(lapply(ends, unname), list(a = c(-Inf, Inf), b = c(0, Inf), c = c(3, Inf), d = c(-2, 5), e = c(-Inf, 4), f = c(0, 1)))
  expect_identical(quantile(fit$guide, probs), q)
  expect_identical(median(fit$guide), median(fit))
})

test_that("the quantiles at 5 percent and so on are in order of the names whatever the order asked", {
  fit <- one_site(model({ a ~ flat(upper = 1) }), 0, 1)
  expect_equal(quantile(fit, c(0.9, 0.1))$a, c(`90%` = 1 - qlnorm(0.1), `10%` = 1 - qlnorm(0.9)), tolerance = 1e-13)
  expect_named(quantile(fit)$a, c("5%", "50%", "95%"))
  expect_named(quantile(fit, c(0.123456, 1 / 3))$a, names(quantile(1, c(0.123456, 1 / 3))))
})

test_that("probabilities come first, then the shape of the site", {
  m <- model({
    s ~ normal(0, 1)
    o ~ normal(0, 1, dim = 1)
    v ~ normal(0, 1, dim = 3)
    A ~ normal(0, 1, dim = c(2, 3))
    B ~ normal(0, 1, dim = c(2, 1, 2))
    l ~ normal(0, 1, dim = c("lo", "hi"))
    M ~ normal(0, 1, dim = list(c("r1", "r2"), c("c1", "c2")))
  })
  loc <- as.numeric(1:21)
  fit <- one_site(m, loc, rep(1e-12, 21))
  q <- quantile(fit, c(0.1, 0.9))
  pc <- c("10%", "90%")
  expect_named(q$s, pc)
  expect_identical(dim(q$o), c(2L, 1L))
  expect_identical(dim(q$v), c(2L, 3L))
  expect_identical(dim(q$A), c(2L, 2L, 3L))
  expect_identical(dim(q$B), c(2L, 2L, 1L, 2L))
  expect_identical(dimnames(q$v), list(pc, NULL))
  expect_identical(dimnames(q$A), list(pc, NULL, NULL))
  expect_identical(dimnames(q$l), list(pc, c("lo", "hi")))
  expect_identical(dimnames(q$M), list(pc, c("r1", "r2"), c("c1", "c2")))
  expect_equal(q$A[2, , ], matrix(as.numeric(6:11), 2), tolerance = 1e-9)
  med <- median(fit)
  expect_equal(med$A, matrix(as.numeric(6:11), 2), tolerance = 1e-14)
  expect_identical(dim(med$B), c(2L, 1L, 2L))
  expect_equal(med$l, c(lo = 16, hi = 17), tolerance = 1e-14)
  expect_identical(dimnames(med$M), list(c("r1", "r2"), c("c1", "c2")))
  expect_equal(med$s, 1)
  # one probability keeps its place
  expect_identical(dim(quantile(fit, 0.5)$v), c(1L, 3L))
})

test_that("a simplex, a correlation and a bound that is a site come from draws", {
  near <- function(got, want, tolerance = 0.03) expect_lt(max(abs(unname(got) - want)), tolerance)
  probs <- c(0.1, 0.5, 0.9)
  # of two shares the first is plogis(x), the second its complement
  fit <- one_site(model({ w ~ dirichlet(c(1, 1)) }), 0.4, 0.8)
  q <- quantile(fit, probs)$w
  near(q[, 1], plogis(qnorm(probs, 0.4, 0.8)))
  near(q[, 2], 1 - plogis(qnorm(1 - probs, 0.4, 0.8)))
  # L[2,1] = tanh(x); L[2,2] = 1 / cosh(x) is not monotone, P(1 / cosh(x) < v) = P(|x| > acosh(1 / v))
  fit <- one_site(model({ L ~ lkj_corr_cholesky(1, dim = 2) }), 0.1, 0.7)
  q <- quantile(fit, probs)$L
  near(q[, 2, 1], tanh(qnorm(probs, 0.1, 0.7)), 0.05)
  below <- function(v) 1 - pnorm(acosh(1 / v), 0.1, 0.7) + pnorm(-acosh(1 / v), 0.1, 0.7)
  near(vapply(q[, 2, 2], below, 0), probs)
  expect_identical(unname(q[, 1, 1]), c(1, 1, 1))
  expect_identical(unname(q[, 1, 2]), c(0, 0, 0))
  # b between 0 and a: b = a plogis(x2), a = exp(x1)
  fit <- one_site(model({
    a ~ exponential(1)
    b ~ uniform(0, a)
  }), c(0.2, 0.3), c(0.5, 0.6))
  at <- function(p) uniroot(function(v) integrate(function(x) dnorm(x, 0.2, 0.5) * pnorm(qlogis(pmin(v / exp(x), 1)), 0.3, 0.6), -4, 4)$value - p, c(1e-3, 20))$root
  near(quantile(fit, probs)$b, vapply(probs, at, 0), 0.06)
  # a deterministic value that was kept
  fit <- known_fit(model({
    a ~ normal(0, 1, dim = 2)
    d <- a[1] - 2 * a[2]
    e <- cbind(a, 2 * a)
  }), list(), c(1, 2), matrix(c(1, 0.5, 0.5, 2), 2), keep = c("d", "e"))
  q <- quantile(fit, probs)
  expect_named(q, c("a", "d", "e"))
  near(q$d, qnorm(probs, -3, sqrt(1 + 8 - 2)), 0.25)
  expect_identical(dim(q$e), c(3L, 2L, 2L))
  expect_equal(q$e[, , 2], 2 * q$e[, , 1])
})

test_that("draws behind quantiles depend on the seed alone", {
  fit <- one_site(model({ w ~ dirichlet(c(1, 1, 2)) }), c(0.4, 0), c(0.8, 1))
  expect_identical(quantile(fit), quantile(fit))
  expect_identical(quantile(fit, seed = 3), quantile(fit, seed = 3))
  expect_false(identical(quantile(fit, seed = 3), quantile(fit)))
  expect_generator_untouched({
    quantile(fit)
    median(fit)
    summary(fit)
  })
  expect_error(quantile(fit, seed = -1), "`seed`")
})

test_that("bad arguments", {
  fit <- one_site(model({ a ~ normal(0, 1) }), 0, 1)
  expect_error(quantile(fit, 95), "element 1 is 95. Did you mean 0.95")
  expect_error(quantile(fit, c(0.5, NA)), "element 2 is NA")
  expect_error(quantile(fit, numeric()), "`probs`")
  expect_error(quantile(fit, 0.5, sed = 1), "no argument `sed`")
})
