# The language: what statements mean, against R's own densities.

# The log density at z of a model without Jacobian worries: real sites only.
at <- function(m, data, z) log_density(m, data)$fn(z)
ld <- function(...) sum(dnorm(..., log = TRUE))

test_that("a model prints as written and keeps its environment", {
  m <- model({
    mu ~ normal(0, 1)
    for (i in 1:2) y[i] ~ normal(mu, 1)
  })
  expect_s3_class(m, "fullrank_model")
  expect_output(print(m), "mu ~ normal(0, 1)", fixed = TRUE)
  expect_output(print(m), "for (i in 1:2) y[i] ~ normal(mu, 1)", fixed = TRUE)
  again <- eval(parse(text = capture.output(print(m))))
  expect_identical(again$statements, m$statements)
  s <- 3
  expect_equal(at(model({ mu ~ normal(0, s) }), list(), 0.5), dnorm(0.5, 0, 3, log = TRUE))
})

test_that("statements are captured, never evaluated as they stand", {
  expect_silent(m <- model({
    nothing ~ normal(stop("never"), 1)
  }))
  expect_error(model(mu ~ normal(0, 1)), "in braces")
  expect_error(model({ mu ~ normal(0, 1); print(mu) }), "statement 2.*no statement")
  expect_error(model({ ~ normal(0, 1) }), "left side is missing")
  expect_error(model({ 3 }), "no statement")
})

test_that("a name in the data is observed, otherwise it is latent", {
  m <- model({
    mu ~ normal(0, 2)
    y  ~ normal(mu, 1)
  })
  expect_identical(log_density(m)$names, c("mu", "y"))
  expect_equal(at(m, list(), c(0.5, 1.5)), ld(0.5, 0, 2) + ld(1.5, 0.5, 1), tolerance = 1e-14)
  expect_identical(log_density(m, list(y = 1:3))$names, "mu")
  expect_equal(at(m, list(y = 1:3), 0.5), ld(0.5, 0, 2) + ld(1:3, 0.5, 1), tolerance = 1e-14)
})

test_that("data is a data frame, a list or an environment, without its parents", {
  m <- model({
    mu ~ normal(0, 2)
    y  ~ normal(mu, 1)
  })
  want <- ld(0.5, 0, 2) + ld(1:3, 0.5, 1)
  expect_equal(at(m, data.frame(y = 1:3), 0.5), want)
  env <- new.env(parent = list2env(list(mu = 7)))
  env$y <- 1:3
  expect_equal(at(m, env, 0.5), want)
  # an object of that name in the caller makes no site observed
  mu <- 100
  y <- 4
  expect_identical(log_density(m)$names, c("mu", "y"))
  expect_identical(log_density(m, NULL)$names, c("mu", "y"))
  expect_error(log_density(m, 3), "data frame, a list or an environment")
  expect_error(log_density(m, list(3)), "needs a name")
  expect_error(log_density(m, list(y = 1, y = 2)), "more than one element named `y`")
})

test_that("values are looked for in the data, then above, then in the environment", {
  k <- 10
  expect_equal(at(model({ mu ~ normal(k, 1) }), list(), 0), ld(0, 10, 1))
  expect_equal(at(model({ k <- 5; mu ~ normal(k, 1) }), list(), 0), ld(0, 5, 1))
  expect_equal(at(model({ mu ~ normal(k, 1) }), list(k = 3), 0), ld(0, 3, 1))
  # a function of that name is no value
  local({
    rate <- function() 1
    expect_error(log_density(model({ mu ~ normal(rate, 1) })), "rate")
  })
})

test_that("c, q, T, beta, dist and the like may be data or sites", {
  m <- model({
    beta ~ normal(0, 1)
    c    ~ normal(0, 1, dim = 2)
    T    ~ normal(beta, 1)
    dist ~ normal(q, 1)
    normal ~ normal(0, 2)
    df   <- c(c, beta)
    y    ~ normal(sum(df) * c[1] + exp(T) + beta(2, 3) + normal, t)
  })
  z <- c(0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
  data <- list(q = 2, y = 1.5, t = 2)
  want <- ld(0.1) + ld(c(0.2, 0.3)) + ld(0.4, 0.1) + ld(0.5, 2) + ld(0.6, 0, 2) + ld(1.5, sum(c(0.2, 0.3, 0.1)) * 0.2 + exp(0.4) + beta(2, 3) + 0.6, 2)
  expect_equal(at(m, data, z), want, tolerance = 1e-14)
  # as data
  m <- model({
    a ~ normal(0, 1)
    y ~ normal(a * beta + c[2] + mean(c(c, T)) + dist, 1)
  })
  expect_equal(at(m, list(beta = 2, c = c(1, 5), T = 4, dist = -1, y = 3), 0.7), ld(0.7) + ld(3, 0.7 * 2 + 5 + mean(c(1, 5, 4)) - 1), tolerance = 1e-14)
})

test_that("arguments match by name and place", {
  want <- dt((0.5 - 1) / 2, 4, log = TRUE) - log(2)
  for (m in list(model({ x ~ student_t(4, 1, 2) }), model({ x ~ student_t(scale = 2, df = 4, loc = 1) }), model({ x ~ student_t(4, scale = 2, 1) }))) {
    expect_equal(at(m, list(), 0.5), want, tolerance = 1e-13)
  }
  expect_equal(at(model({ x ~ flat(); y ~ normal(x, 1) }), list(y = 1), 0.5), ld(1, 0.5))
})

test_that("sites have shapes and names", {
  f <- log_density(model({
    a ~ normal(0, 1)
    b ~ normal(0, 1, dim = 1)
    c ~ normal(0, 1, dim = 2)
    d ~ normal(0, 1, dim = c(2, 2))
    e ~ normal(0, 1, dim = c(1, 2, 2))
    f ~ normal(0, 1, dim = levels(g))
    g2 ~ normal(0, 1, dim = g)
    h ~ normal(0, 1, dim = list(levels(g), 2))
    i ~ normal(c(1, 2), 1)
    j ~ normal(matrix(0, 2, 1), 1)
    k ~ normal(0, matrix(1, 2, 2))
    l ~ normal(c, 1)
  }), list(g = factor(c("lo", "hi"))))
  expect_identical(f$names, c("a", "b[1]", "c[1]", "c[2]", "d[1,1]", "d[2,1]", "d[1,2]", "d[2,2]", "e[1,1,1]", "e[1,2,1]", "e[1,1,2]", "e[1,2,2]", "f[hi]", "f[lo]",
                              "g2[hi]", "g2[lo]", "h[hi,1]", "h[lo,1]", "h[hi,2]", "h[lo,2]", "i[1]", "i[2]", "j[1]", "j[2]", "k[1,1]", "k[2,1]", "k[1,2]", "k[2,2]", "l[1]", "l[2]"))
  z <- seq_along(f$names)
  v <- f$constrain(z)
  expect_identical(v$d, matrix(as.numeric(5:8), 2))
  expect_identical(v$e, array(as.numeric(9:12), c(1, 2, 2)))
  expect_identical(v$f, c(hi = 13, lo = 14))
  expect_identical(v$h, matrix(as.numeric(17:20), 2, dimnames = list(c("hi", "lo"), NULL)))
  # vector and matrix distributions
  f <- log_density(model({
    p ~ dirichlet(c(1, 2, 3))
    q ~ dirichlet(1, dim = 2)
    r ~ dirichlet(c(1, 1), dim = c(3, 2))
    s ~ dirichlet(matrix(1:6, 2))
    L ~ lkj_corr_cholesky(2, dim = 4)
    M ~ lkj_corr_cholesky(2, dim = c("x", "y"))
    x ~ multi_normal_cholesky(0, diag(3))
    z ~ multi_normal_cholesky(c(0, 1), 1 * diag(2), dim = c(2, 2))
  }))
  expect_identical(f$names, c("p[1]", "p[2]", "q[1]", "r[1,1]", "r[2,1]", "r[3,1]", "s[1,1]", "s[2,1]", "s[1,2]", "s[2,2]", "L[2,1]", "L[3,1]", "L[3,2]", "L[4,1]", "L[4,2]", "L[4,3]",
                              "M[y,x]", "x[1]", "x[2]", "x[3]", "z[1,1]", "z[2,1]", "z[1,2]", "z[2,2]"))
  v <- f$constrain(seq(-1, 1, length.out = f$dim))
  expect_equal(rowSums(v$r), c(1, 1, 1))
  expect_equal(rowSums(v$s), c(1, 1))
  expect_equal(rowSums(v$L^2), rep(1, 4))
  expect_identical(dimnames(v$M), list(c("x", "y"), c("x", "y")))
})

test_that("elements of a site by level, row by row", {
  m <- model({
    theta ~ normal(0, 1, dim = levels(g))
    y     ~ normal(theta[g] + theta["hi"], 1)
  })
  data <- list(g = factor(c("lo", "hi", "hi", "mid", "lo"), c("lo", "mid", "hi")), y = 1:5)
  z <- c(0.3, -0.2, 1)
  expect_equal(at(m, data, z), ld(z) + ld(1:5, z[c(1, 3, 3, 2, 1)] + 1), tolerance = 1e-14)
})

test_that("expressions of data stand on the left", {
  y <- c(1.2, 3.4, 0.3)
  expect_equal(at(model({ mu ~ normal(0, 1); log(y) ~ normal(mu, 1) }), list(y = y), 0.4), ld(0.4) + ld(log(y), 0.4), tolerance = 1e-14)
  expect_equal(at(model({ mu ~ normal(0, 1); y[2:n] ~ normal(mu * y[1:(n - 1)], 1) }), list(y = y, n = 3), 0.4), ld(0.4) + ld(y[-1], 0.4 * y[-3]), tolerance = 1e-14)
  expect_equal(at(model({ mu ~ normal(0, 1); cbind(a, b) ~ multi_normal_cholesky(mu, diag(2)) }), list(a = 1:2, b = 3:4), 0.4),
               ld(0.4) + ld(1:4, 0.4), tolerance = 1e-14)
  expect_equal(at(model({ mu ~ normal(0, 1); (y > 1) ~ bernoulli_logit(mu) }), list(y = y), 0.4), ld(0.4) + sum(dbinom(c(1, 1, 0), 1, plogis(0.4), log = TRUE)), tolerance = 1e-14)
  expect_equal(at(model({ mu ~ normal(0, 1); 2 ~ normal(mu, 1) }), list(), 0.4), ld(0.4) + ld(2, 0.4), tolerance = 1e-14)
  # a data value computed in the model
  expect_equal(at(model({ r <- y - mean(y); mu ~ normal(0, 1); r ~ normal(mu, 1) }), list(y = y), 0.4), ld(0.4) + ld(y - mean(y), 0.4), tolerance = 1e-14)
})

test_that("one observation a row for vector distributions", {
  Y <- matrix(c(1, 2, 0.5, -1, 0.3, 0.2), 3)
  L <- matrix(c(1.5, 0.4, 0, 0.8), 2)
  logd <- function(y, mu) { r <- forwardsolve(L, y - mu); ld(r) - sum(log(diag(L))) }
  m <- model({ mu ~ normal(0, 1, dim = 2); Y ~ multi_normal_cholesky(mu, L) })
  mu <- c(0.3, -0.6)
  expect_equal(at(m, list(Y = Y, L = L), mu), ld(mu) + sum(apply(Y, 1, logd, mu)), tolerance = 1e-13)
  # a mean for each row
  m <- model({ a ~ normal(0, 1); Y ~ multi_normal_cholesky(a * X, L) })
  X <- Y^2
  expect_equal(at(m, list(Y = Y, L = L, X = X), 0.7), ld(0.7) + sum(vapply(1:3, function(i) logd(Y[i, ], 0.7 * X[i, ]), 0)), tolerance = 1e-13)
  # a vector is one observation
  expect_equal(at(model({ a ~ normal(0, 1); y ~ multi_normal_cholesky(a, L) }), list(y = c(1, 2), L = L), 0.7), ld(0.7) + logd(c(1, 2), 0.7), tolerance = 1e-13)
  # simplices and counts
  P <- rbind(c(0.2, 0.3, 0.5), c(0.6, 0.3, 0.1))
  ldir <- function(p, a) lgamma(sum(a)) - sum(lgamma(a)) + sum((a - 1) * log(p))
  expect_equal(at(model({ t ~ normal(0, 1); P ~ dirichlet(exp(t) * c(1, 2, 3)) }), list(P = P), 0.2), ld(0.2) + ldir(P[1, ], exp(0.2) * 1:3) + ldir(P[2, ], exp(0.2) * 1:3), tolerance = 1e-13)
  N <- rbind(c(2, 0, 3), c(1, 1, 1))
  f <- log_density(model({ t ~ normal(0, 1); N ~ multinomial(rowSums(N), softmax(c(t, 0, 1))) }), list(N = N))
  p <- exp(c(0.2, 0, 1)); p <- p / sum(p)
  expect_equal(f$fn(0.2), ld(0.2) + dmultinom(N[1, ], prob = p, log = TRUE) + dmultinom(N[2, ], prob = p, log = TRUE), tolerance = 1e-13)
})

test_that("target() adds to the log density", {
  m <- model({
    a ~ normal(0, 1, dim = 3)
    target(-sum(a^4))
    target(a[1])
    target(2)
    target(a)
    target(x)
  })
  z <- c(0.3, -0.5, 1)
  expect_equal(at(m, list(x = 1:2), z), ld(z) - sum(z^4) + z[1] + 2 + sum(z) + 3, tolerance = 1e-14)
})

test_that("a statement on latents adds to the density without a Jacobian", {
  m <- model({
    a ~ normal(0, 1)
    s ~ exponential(1)
    a ~ normal(2, 3)
    log(s) ~ normal(0, 1)
    a + s ~ normal(1, 1)
    d <- a * 2
    d ~ normal(0, 5)
    c(a, s) ~ multi_normal_cholesky(c(0, 0), diag(2))
  })
  z <- c(0.4, -0.3)
  s <- exp(-0.3)
  expect_equal(at(m, list(), z), ld(0.4) + dexp(s, log = TRUE) - 0.3 + ld(0.4, 2, 3) + ld(-0.3) + ld(0.4 + s, 1) + ld(0.8, 0, 5) + ld(c(0.4, s)), tolerance = 1e-14)
  # only an exact repetition draws a message
  expect_message(guide(model({ a ~ normal(0, 1); a ~ normal(0, 1) }), seed = 1), "a ~ normal\\(0, 1\\).*stands twice")
  expect_equal(at(model({ a ~ normal(0, 1); a ~ normal(0, 1) }), list(), 0.5), 2 * ld(0.5))
  expect_message(guide(model({ a ~ normal(0, 1); a ~ normal(0, 2) }), seed = 1), NA)
})

test_that("bounds may depend on latents stated earlier", {
  m <- model({
    a ~ uniform(0, 1)
    b ~ uniform(0, 1 - a)
    w ~ flat(lower = a)
    target(-w^2)
  })
  f <- log_density(m)
  z <- c(0.3, -0.6, 0.2)
  a <- plogis(0.3)
  b <- (1 - a) * plogis(-0.6)
  w <- a + exp(0.2)
  v <- f$constrain(z)
  expect_equal(v, list(a = a, b = b, w = w), tolerance = 1e-14)
  jacobian <- log(plogis(0.3) * plogis(-0.3)) + log((1 - a) * plogis(-0.6) * plogis(0.6)) + 0.2
  expect_equal(f$fn(z), -log(1 - a) - w^2 + jacobian, tolerance = 1e-14)
  set.seed(1)
  expect_consistent(f)
  expect_equal(unname(f$unconstrain(v)), z, tolerance = 1e-13)
  # bounds of each element
  f <- log_density(model({ u ~ uniform(lo, hi); x ~ flat(upper = c(1, 2)) }), list(lo = c(0, 1, 2), hi = c(1, 5, 9)))
  expect_equal(f$constrain(c(0, 0, 0, 0.5, 0))$u, c(0.5, 3, 5.5))
  expect_equal(f$constrain(c(0, 0, 0, 0.5, 0))$x, c(1 - exp(0.5), 1))
})

test_that("a distribution joined with its link is the same density", {
  set.seed(2)
  y <- c(1, 0, 1); k <- c(2, 0, 5)
  a <- 0.7
  expect_equal(at(model({ a ~ normal(0, 1); y ~ bernoulli(plogis(a)) }), list(y = y), a), ld(a) + sum(dbinom(y, 1, plogis(a), log = TRUE)), tolerance = 1e-14)
  expect_equal(at(model({ a ~ normal(0, 1); k ~ binomial(c(3, 4, 6), plogis(a)) }), list(k = k), a), ld(a) + sum(dbinom(k, c(3, 4, 6), plogis(a), log = TRUE)), tolerance = 1e-14)
  expect_equal(at(model({ a ~ normal(0, 1); k ~ poisson(exp(a)) }), list(k = k), a), ld(a) + sum(dpois(k, exp(a), log = TRUE)), tolerance = 1e-14)
  expect_equal(at(model({ a ~ normal(0, 1); p <- plogis(a); y ~ bernoulli(p); k ~ binomial(6, p) }), list(y = y, k = k), a),
               ld(a) + sum(dbinom(y, 1, plogis(a), log = TRUE)) + sum(dbinom(k, 6, plogis(a), log = TRUE)), tolerance = 1e-14)
  # far out where plogis() is 0 or 1
  expect_equal(at(model({ a ~ normal(0, 1000); y ~ bernoulli(plogis(a)) }), list(y = y), 800), ld(800, 0, 1000) - 800, tolerance = 1e-14)
})

test_that("the help page lists the table of functions", {
  indexing <- c("[", "[[")
  expect_setequal(c(fullrank:::language_names()), c(ls(fullrank:::language), indexing))
  expect_false(any(duplicated(fullrank:::language_names())))
  promised <- c("exp", "log", "log1p", "expm1", "sqrt", "abs", "plogis", "qlogis", "pnorm", "tanh", "sin", "cos", "lgamma", "digamma", "beta", "sum", "mean", "prod", "cumsum",
                "max", "min", "pmax", "pmin", "%*%", "t", "crossprod", "tcrossprod", "outer", "diag", "[", "c", "cbind", "rbind", "rep", "log_sum_exp", "softmax", "dot", "ifelse",
                "chol", "solve", "backsolve", "forwardsolve", "log_det")
  expect_length(setdiff(promised, fullrank:::language_names()), 0L)
  help <- fullrank:::language_help()
  for (name in fullrank:::language_names()) expect_true(grepl(paste0("`", name, "`"), help, fixed = TRUE))
})

# The gradient of a log density has mean zero over its own draws: here over sites and data drawn together by simulate().
expect_own_draws <- function(m, data, n = 200L) {
  s <- simulate(m, n, seed = 7, data = data)
  draw <- function(x, i) if (is.null(dim(x))) x[i] else array(x[slice.index(x, 1L) == i], dim(x)[-1L])
  sites <- setdiff(names(s), names(data))
  gradients <- t(vapply(seq_len(n), function(i) {
    values <- lapply(s, draw, i)
    f <- log_density(m, utils::modifyList(as.list(data), values[setdiff(names(s), sites)]))
    f$gr(f$unconstrain(values[sites]))
  }, numeric(log_density(m, data)$dim)))
  expect_lt(max(abs(colMeans(gradients)) / (apply(gradients, 2L, sd) / sqrt(n))), 5)
}

test_that("draws of sites and data together are those of the density", {
  set.seed(5)
  x <- rnorm(12)
  g <- rep(1:4, 3)
  k <- rep(1:3, 4)
  expect_own_draws(model({
    b ~ normal(0, 1)
    c ~ ordered(normal(0, 2), lower = -3, dim = 3)
    k ~ ordered_logistic(x * b, c)
  }), list(x = x, k = k))
  expect_own_draws(model({
    w ~ dirichlet(c(2, 3, 2))
    mu ~ ordered(normal(c(-1, 0, 1), 1), dim = 3)
    s ~ gamma(5, 5, dim = 3)
    y ~ mixture(w, normal(mu[1], s[1]), normal(mu[2], s[2]), normal(mu[3], s[3]))
  }), list(y = x))
  expect_own_draws(model({
    a ~ normal(0, 0.5, dim = 2)
    k ~ zero_inflated(plogis(a[1] + x), poisson_log(1 + a[2] * x))
  }), list(x = x, k = k))
  expect_own_draws(model({
    a ~ normal(0, 0.5)
    shape ~ gamma(20, 10)
    y ~ censored(weibull(shape, exp(a * x)), upper = 1.5)
    z ~ truncated(lognormal(a, shape), lower = 0.7)
  }), list(x = x, y = rep(1, 12), z = rep(1, 5)))
  expect_own_draws(model({
    mean ~ normal(0, 1, dim = 2)
    tau ~ gamma(5, 5, dim = 2)
    L ~ lkj_corr_cholesky(2, dim = 2)
    u ~ multi_normal_cholesky(mean, diag(tau) %*% L, dim = c(4, 2))
    y ~ normal(u[g, 1] + u[g, 2] * x, 0.5)
  }), list(x = x, g = g, y = x))
  expect_own_draws(model({
    phi ~ uniform(-1, 1)
    top ~ gamma(20, 10)
    h ~ ar1(phi, 0.5, dim = 12)
    s ~ uniform(0.5, 0.5 + top)
    y ~ student_t(5, h, s)
  }), list(y = x))
})
