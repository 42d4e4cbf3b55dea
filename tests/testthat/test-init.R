# Starts: each init_to_*() means what Pyro's function of the same name means.

start_of <- function(m, data = list(), ..., seed = 1) guide(m, data, ..., seed = seed)$loc

# Uniformity of probabilities; fixed seeds, so this never fails by chance.
expect_uniform <- function(p) expect_gt(stats::ks.test(p, "punif")$p.value, 0.001)

test_that("median: the elementwise lower median of num_samples prior draws", {
  m <- model({
    a ~ normal(1, 2, dim = 3)
    s ~ exponential(2)
    y ~ normal(a[1], s)
  })
  starts <- function(init) t(vapply(1:150, function(seed) start_of(m, list(y = 0.3), init = init, seed = seed), numeric(4)))
  # the k-th of n uniform draws is Beta(k, n - k + 1)
  for (case in list(list(init_to_median(), 8, 8), list(init_to_median(1), 1, 1), list(init_to_median(num_samples = 4), 2, 3))) {
    z <- starts(case[[1]])
    expect_uniform(pbeta(pnorm(z[, 1:3], 1, 2), case[[2]], case[[3]]))
    expect_uniform(pbeta(pexp(exp(z[, 4]), 2), case[[2]], case[[3]]))
    expect_lt(max(abs(cor(z)[upper.tri(diag(4))])), 0.35)
  }
  expect_identical(start_of(m, list(y = 0.3)), start_of(m, list(y = 0.3), init = init_to_median(15)))
})

test_that("median: sites are drawn given the ones before", {
  m <- model({
    mu    ~ normal(0, 50)
    theta ~ normal(mu, 1e-6, dim = 2)
    y     ~ normal(theta, 1)
  })
  for (seed in 1:5) {
    z <- start_of(m, list(y = c(1, 2)), seed = seed)
    expect_equal(z[["theta[1]"]], z[["mu"]], tolerance = 1e-4)
    expect_equal(z[["theta[2]"]], z[["mu"]], tolerance = 1e-4)
  }
})

test_that("median: vector distributions and sites without a proper prior start feasible", {
  m <- model({
    p ~ dirichlet(c(20, 1, 1))
    L ~ lkj_corr_cholesky(1, dim = 3)
    x ~ multi_normal_cholesky(c(50, 60), diag(2))
    f ~ flat()
    g ~ flat(lower = 2)
    a ~ normal(100, 1)
  })
  z <- start_of(m)
  expect_identical(unname(z[-length(z)]), rep(0, length(z) - 1))
  expect_equal(z[["a"]], 100, tolerance = 0.05)
})

test_that("mean: the prior mean, the median where it is not finite", {
  m <- model({
    a ~ normal(3, 2)
    b ~ gamma(3, 2)
    c ~ exponential(4)
    d ~ lognormal(0.5, 0.8)
    e ~ beta(2, 6)
    u ~ uniform(-1, 3)
    h ~ half_normal(2)
    i ~ inverse_gamma(3, 4)
    l ~ laplace(-2, 1)
    o ~ logistic(7, 2)
    s ~ student_t(3, 1.5, 2)
    w ~ pareto(1, 3)
    p ~ dirichlet(c(1, 2, 5))
    x ~ multi_normal_cholesky(c(5, 6), diag(2))
    L ~ lkj_corr_cholesky(1, dim = 3)
  })
  f <- log_density(m)
  v <- f$constrain(start_of(m, init = init_to_mean()))
  want <- list(a = 3, b = 1.5, c = 0.25, d = exp(0.5 + 0.8^2 / 2), e = 0.25, u = 1, h = 2 * sqrt(2 / pi), i = 2, l = -2, o = 7,
               s = 1.5, w = 1.5, p = c(1, 2, 5) / 8, x = c(5, 6), L = diag(3))
  for (name in names(want)) expect_equal(v[[name]], want[[name]], tolerance = 1e-12, info = name)
  # no mean: as with median
  m <- model({
    a ~ cauchy(0, 1)
    b ~ half_cauchy(1)
    c ~ inverse_gamma(0.5, 1)
    d ~ student_t(1, 0, 1)
    e ~ pareto(1, 0.5)
  })
  expect_true(all(is.finite(start_of(m, init = init_to_mean()))))
  z <- vapply(1:150, function(seed) start_of(m, init = init_to_mean(), seed = seed)[["a"]], 0)
  expect_uniform(pbeta(pcauchy(z), 8, 8))
  # element by element arguments and means that depend on sites before
  m <- model({
    mu ~ normal(c(1, 2, 3), 1)
    t  ~ normal(2 * mu, 1)
    s  ~ gamma(c(2, 4), 2)
  })
  expect_equal(unname(start_of(m, init = init_to_mean())), c(1, 2, 3, 2, 4, 6, log(c(1, 2))))
})

test_that("sample: a prior draw", {
  m <- model({
    a ~ normal(1, 2)
    s ~ half_normal(3)
    p ~ beta(2, 1)
  })
  z <- t(vapply(1:150, function(seed) start_of(m, init = init_to_sample(), seed = seed), numeric(3)))
  expect_uniform(pnorm(z[, 1], 1, 2))
  expect_uniform(2 * pnorm(exp(z[, 2]), 0, 3) - 1)
  expect_uniform(plogis(z[, 3])^2)
  # vector distributions too
  m <- model({ p ~ dirichlet(c(1, 1)) })
  p <- vapply(1:150, function(seed) log_density(m)$constrain(start_of(m, init = init_to_sample(), seed = seed))$p[1], 0)
  expect_uniform(p)
})

test_that("feasible: the constrained image of 0", {
  m <- model({
    a ~ normal(30, 1)
    s ~ half_normal(3)
    u ~ uniform(2, 6)
    p ~ dirichlet(c(1, 2, 9))
    L ~ lkj_corr_cholesky(1, dim = 2)
    w ~ pareto(5, 1)
  })
  z <- start_of(m, init = init_to_feasible())
  expect_identical(unname(z), numeric(7))
  v <- log_density(m)$constrain(z)
  expect_equal(v[c("a", "s", "u", "L", "w")], list(a = 0, s = 1, u = 4, L = diag(2), w = 6))
  expect_equal(v$p, rep(1 / 3, 3))
})

test_that("uniform: U(-radius, radius) in unconstrained space", {
  m <- model({
    a ~ normal(30, 1, dim = 2)
    s ~ half_normal(3)
    p ~ dirichlet(c(1, 2, 9))
  })
  z <- t(vapply(1:150, function(seed) start_of(m, init = init_to_uniform(), seed = seed), numeric(5)))
  expect_uniform((z + 2) / 4)
  expect_lt(max(abs(cor(z)[upper.tri(diag(5))])), 0.35)
  z <- t(vapply(1:50, function(seed) start_of(m, init = init_to_uniform(radius = 0.1), seed = seed), numeric(5)))
  expect_uniform((z + 0.1) / 0.2)
})

test_that("value: the given values, the others by the fallback", {
  m <- model({
    a ~ normal(30, 1)
    s ~ half_normal(3, dim = c(2, 2))
    p ~ dirichlet(c(1, 2, 9))
    L ~ lkj_corr_cholesky(1, dim = 2)
  })
  L <- t(chol(matrix(c(1, 0.3, 0.3, 1), 2)))
  values <- list(a = 2, s = matrix(1:4, 2), p = c(0.2, 0.3, 0.5), L = L)
  f <- log_density(m)
  expect_equal(f$constrain(start_of(m, init = init_to_value(values))), values[names(values)], tolerance = 1e-12)
  # a named list will do
  expect_identical(start_of(m, init = values), start_of(m, init = init_to_value(values)))
  z <- start_of(m, init = init_to_value(values["a"], fallback = init_to_feasible()))
  expect_identical(unname(z), c(2, numeric(7)))
  z <- start_of(m, init = init_to_value(values["a"]))
  expect_true(all(z[-1] != 0 & abs(z[-1]) < 2))
})

test_that("value: names, shapes and supports are checked", {
  m <- model({
    alpha ~ normal(30, 1)
    s     ~ half_normal(3, dim = 2)
    u     ~ uniform(0, alpha)
    p     ~ dirichlet(c(1, 2, 9))
    L     ~ lkj_corr_cholesky(1, dim = 2)
  })
  bad <- function(...) start_of(m, init = init_to_value(list(...), fallback = init_to_mean()))
  expect_error(bad(alhpa = 1), "`alhpa` is no latent site.*Did you mean `alpha`")
  expect_error(bad(alpha = c(1, 2)), "`alpha` has shape 2, but the site has 1")
  expect_error(bad(s = 1), "`s` has shape 1, but the site has 2")
  expect_error(bad(s = matrix(1, 1, 2)), "`s` has shape 1 x 2")
  expect_error(bad(s = c(1, -1)), "`s` is outside its support.*0")
  expect_error(bad(s = c(1, NA)), "`s` has missing values")
  expect_error(bad(s = c("a", "b")), "`s` must be numeric")
  expect_error(bad(u = -1), "`u` is outside its support.*bounds")
  expect_error(bad(u = 31), "`u` is outside its support")
  expect_error(bad(p = c(0.5, 0.4, 0.4)), "`p` is outside its support.*sum to 1")
  expect_error(bad(L = diag(2) * 2), "`L` is outside its support.*Cholesky")
  expect_error(bad(L = matrix(c(1, 0, 0.5, 0.5), 2)), "`L` is outside its support")
  expect_error(bad(1), "named list")
  expect_error(start_of(m, init = 3), "init_to_\\*\\(\\)")
  expect_error(init_to_value(list(a = 1), fallback = 2), "`fallback` must be made by one of")
})

test_that("generated: called anew for each start", {
  m <- model({
    a ~ normal(0, 1)
    target(log(a))
  })
  calls <- 0
  generate <- function() {
    calls <<- calls + 1
    init_to_value(list(a = calls - 3))
  }
  expect_identical(start_of(m, init = init_to_generated(generate)), c(a = 1))
  expect_identical(calls, 4)
  # the list of values is checked too
  expect_error(start_of(m, init = init_to_generated(function() init_to_value(list(b = 1)))), "`b` is no latent site")
  expect_error(start_of(m, init = init_to_generated(function() 5)), "generate\\(\\)")
  expect_error(init_to_generated(5), "function")
})

test_that("mode: exact modes, in the unconstrained space", {
  # the log of a gamma variable has its mode at log(shape / rate), the Jacobian included
  m <- model({
    rate ~ gamma(2, 3)
    y    ~ poisson(rate)
  })
  expect_equal(start_of(m, list(y = c(4, 1, 3)), init = init_to_mode())[["rate"]], log((2 + 8) / (3 + 3)), tolerance = 1e-7)
  # Normal with known variance
  m <- model({
    mu ~ normal(0, 2)
    y  ~ normal(mu, 1)
  })
  expect_equal(start_of(m, list(y = c(1, 2, 4)), init = init_to_mode())[["mu"]], 7 / (3 + 1 / 4), tolerance = 1e-9)
  # flat priors: maximum likelihood, as glm() finds it
  m <- model({
    b ~ flat(dim = 3)
    n ~ poisson_log(X %*% b)
  })
  X <- model.matrix(~ wool + breaks, warpbreaks)
  n <- warpbreaks$breaks %% 11
  fit <- glm(n ~ X - 1, family = poisson(), control = list(epsilon = 1e-14))
  expect_equal(unname(start_of(m, list(X = X, n = n), init = init_to_mode())), unname(coef(fit)), tolerance = 1e-6)
  # where scales differ by 1e8
  m <- model({
    x ~ flat(dim = 5)
    target(-sum(((x - at) / scale)^2) / 2)
  })
  data <- list(at = c(1e5, 1e-3, 5, -3e4, 2), scale = c(1e5, 1e-3, 1, 1e3, 1e-2))
  expect_lt(max(abs(start_of(m, data, init = init_to_mode()) - data$at) / data$scale), 1e-4)
})

test_that("mode: from another start, the nearer of two; no mode is told", {
  two <- model({
    x ~ flat()
    target(log_sum_exp(c(-(x - 5)^2 / 2, -(x + 5)^2 / 2)))
  })
  expect_equal(start_of(two, init = init_to_mode(list(x = 3)))[["x"]], 5, tolerance = 1e-6)
  expect_equal(start_of(two, init = init_to_mode(init_to_value(list(x = -3))))[["x"]], -5, tolerance = 1e-6)
  # a density that rises without end
  funnel <- model({
    v ~ flat()
    x ~ normal(0, exp(v / 2), dim = 3)
  })
  expect_message(z <- start_of(funnel, init = init_to_mode(init_to_feasible())), "found no mode: .* could still rise")
  expect_identical(unname(z), numeric(4))
  linear <- model({
    x ~ flat()
    target(x)
  })
  expect_message(start_of(linear, init = init_to_mode()), "found no mode")
  # starts that are not finite are tried again first
  m <- model({
    a ~ normal(2, 1)
    target(log(a))
  })
  expect_equal(start_of(m, init = init_to_mode(init_to_sample()))[["a"]], 1 + sqrt(2), tolerance = 1e-7)
  expect_equal(start_of(m, init = init_to_generated(function() init_to_mode()))[["a"]], 1 + sqrt(2), tolerance = 1e-7)
  expect_error(init_to_mode(3), "`from` must be made by one of")
  expect_error(init_to_mode(iterations = 0), "`iterations`")
  expect_output(print(init_to_mode()), "init_to_mode\\(\\)")
  fit <- fullrank(m, init = init_to_mode(), seed = 1, progress = FALSE)
  expect_true(fit$status %in% c("converged", "diverged"))
})

test_that("arguments of the init functions are checked", {
  expect_error(init_to_median(0), "num_samples")
  expect_error(init_to_median(2.5), "num_samples.*whole")
  expect_error(init_to_uniform(0), "radius")
  expect_output(print(init_to_median()), "init_to_median\\(\\)")
})

test_that("the scale starts at init_scale, to rounding", {
  m <- model({
    mu ~ normal(0, 1, dim = 4)
    s  ~ half_normal(1)
    y  ~ normal(mu, s)
  })
  # Pyro's own three, and values where its softplus rounds
  for (init_scale in c(1e-1, 1e-4, 1e-8, 1e-16, 1, 50)) {
    g <- guide(m, list(y = 1:4), init_scale = init_scale, seed = 1)
    # the unconstrained parameter, about log(init_scale), is a rounded number itself
    expect_lt(max(abs(g$scale / init_scale - 1)), 4e-16 * max(1, abs(log(init_scale))))
    expect_identical(unname(g$scale_tril), diag(5))
    expect_identical(g$scale_tril, structure(diag(5), dimnames = list(names(g$loc), names(g$loc))))
    expect_equal(unname(vcov(g)), diag(init_scale^2, 5), tolerance = 1e-14)
  }
  expect_identical(guide(m, list(y = 1:4), seed = 1)$scale, guide(m, list(y = 1:4), init_scale = 0.1, seed = 1)$scale)
  expect_named(guide(m, list(y = 1:4), seed = 1)$loc, c("mu[1]", "mu[2]", "mu[3]", "mu[4]", "s"))
})

test_that("bad starts are tried again", {
  m <- model({
    a ~ normal(0, 1)
    target(log(a))
  })
  for (seed in 1:20) {
    for (init in list(init_to_median(1), init_to_sample(), init_to_uniform())) expect_gt(start_of(m, init = init, seed = seed), 0)
  }
  # an init without chance that is wrong gives way to uniform starts
  expect_true(start_of(m, init = init_to_value(list(a = -1)))[[1]] > 0)
  # a density that is finite with a gradient that is not: sqrt at 0
  m <- model({
    a ~ normal(0, 1)
    target(sqrt(a))
  })
  expect_gt(start_of(m, init = init_to_feasible())[[1]], 0)
})

test_that("when no start will do, the sites to blame are named", {
  m <- model({
    a ~ normal(0, 1)
    b ~ normal(0, 1)
    y ~ normal(log(-1 - a^2), 1)
  })
  e <- tryCatch(guide(m, list(y = c(1, 2)), seed = 1), error = conditionMessage)
  expect_match(e, "not finite at any start")
  expect_match(e, "the terms of `y` are not finite")
  expect_false(grepl("`a`|`b`", e))
  m <- model({
    a ~ normal(0, 1)
    b ~ normal(0, -exp(a))
    target(log(-1 - b^2))
  })
  expect_error(guide(m, seed = 1), "`b`")
  # the gradient alone
  m <- model({
    a ~ normal(0, 1)
    b ~ normal(0, 1)
    target(sqrt(b - b))
  })
  expect_error(guide(m, seed = 1), "gradient is not finite in `b`")
})

test_that("a start depends on the seed alone", {
  m <- model({
    a ~ normal(0, 1, dim = 3)
    y ~ normal(a, 1)
  })
  expect_identical(start_of(m, list(y = 1:3), seed = 5), start_of(m, list(y = 1:3), seed = 5))
  expect_false(identical(start_of(m, list(y = 1:3), seed = 5), start_of(m, list(y = 1:3), seed = 6)))
  # large seeds are seeds too
  large <- lapply(2^53 - 0:4, function(s) start_of(m, list(y = 1:3), seed = s))
  expect_identical(anyDuplicated(large), 0L)
  expect_identical(anyDuplicated(unlist(large)), 0L)
  set.seed(1)
  a <- guide(m, list(y = 1:3))$loc
  set.seed(1)
  expect_identical(guide(m, list(y = 1:3))$loc, a)
})
