# Loops, conditions, assignments, and programs that run in chunks, against R's own arithmetic.

at <- function(m, data, z) log_density(m, data)$fn(z)
ld <- function(...) sum(dnorm(..., log = TRUE))
kept <- function(m, data, z, keep) {
  compiled <- fullrank:::compile_model(m, data, keep)
  out <- fullrank:::constrain_draws(compiled, rbind(z))
  fullrank:::shape_value(out[[keep]], compiled$kept[[keep]])
}

test_that("for is unrolled", {
  m <- model({
    b ~ normal(0, 1, dim = K)
    for (k in 1:K) {
      y[, k] ~ normal(b[k] * k, sd)
    }
    for (k in c(1, K)) b[k] ~ normal(1, 2)
    for (v in list(1, 2)) target(v * b[v])
    for (nothing in integer()) target(stop("never"))
    for (name in c("u", "w")) target(b[1] * groups[[name]])
  })
  Y <- matrix(1:6, 2)
  z <- c(0.1, -0.4, 0.8)
  data <- list(y = Y, K = 3, sd = 1.5, groups = list(u = 2, w = 3))
  want <- ld(z) + ld(Y, rep(z * 1:3, each = 2), 1.5) + ld(z[c(1, 3)], 1, 2) + z[1] + 2 * z[2] + 5 * z[1]
  expect_equal(at(m, data, z), want, tolerance = 1e-14)
  # nested, the inner range depends on the outer
  m <- model({
    b ~ normal(0, 1, dim = 3)
    for (i in 1:3) for (j in seq_len(i - 1)) target(i * j * b[i] * b[j])
  })
  expect_equal(at(m, list(), z), ld(z) + 2 * z[2] * z[1] + 3 * z[3] * z[1] + 6 * z[3] * z[2], tolerance = 1e-14)
  # the range may ask for the size of a latent, and the loop variable may hide data
  m <- model({
    b ~ normal(0, 1, dim = 3)
    for (i in seq_along(b)) target(i * b[i])
    for (i in 1:length(b)) target(b[i])
    target(i)
  })
  expect_equal(at(m, list(i = 100), z), ld(z) + sum(1:3 * z) + sum(z) + 100, tolerance = 1e-14)
})

test_that("if is settled when the model is compiled", {
  m <- model({
    a ~ normal(0, 1)
    if (heavy) {
      y ~ student_t(3, a, 1)
    } else if (n > 2) {
      y ~ normal(a, 2)
    } else y ~ normal(a, 1)
    if (FALSE) target(stop("never"))
  })
  y <- c(1, 2, 4)
  expect_equal(at(m, list(y = y, heavy = TRUE, n = 3), 0.5), ld(0.5) + sum(dt(y - 0.5, 3, log = TRUE)), tolerance = 1e-13)
  expect_equal(at(m, list(y = y, heavy = FALSE, n = 3), 0.5), ld(0.5) + ld(y, 0.5, 2), tolerance = 1e-14)
  expect_equal(at(m, list(y = y, heavy = FALSE, n = 1), 0.5), ld(0.5) + ld(y, 0.5), tolerance = 1e-14)
  # a site that one branch has
  m <- model({
    a ~ normal(0, 1)
    if (slope) b ~ normal(0, 1) else b <- 0
    y ~ normal(a + b * x, 1)
  })
  data <- list(y = y, x = c(0, 1, 2))
  expect_equal(at(m, c(data, slope = TRUE), c(0.5, 0.2)), ld(c(0.5, 0.2)) + ld(y, 0.5 + 0.2 * data$x), tolerance = 1e-14)
  expect_equal(at(m, c(data, slope = FALSE), 0.5), ld(0.5) + ld(y, 0.5), tolerance = 1e-14)
})

test_that("a vector is filled element by element: GARCH(1, 1)", {
  m <- model({
    mu     ~ normal(0, 1)
    omega  ~ lognormal(0, 1)
    alpha1 ~ uniform(0, 1)
    beta1  ~ uniform(0, 1 - alpha1)
    h[1] <- s1
    for (t in 2:n) {
      h[t] <- sqrt(omega + alpha1 * (y[t - 1] - mu)^2 + beta1 * h[t - 1]^2)
    }
    y ~ normal(mu, h)
  })
  set.seed(1)
  y <- rnorm(30)
  f <- log_density(m, list(y = y, n = 30, s1 = 0.8))
  z <- c(0.1, -0.5, 0.2, 0.4)
  v <- f$constrain(z)
  h <- 0.8
  for (t in 2:30) h[t] <- sqrt(v$omega + v$alpha1 * (y[t - 1] - v$mu)^2 + v$beta1 * h[t - 1]^2)
  jacobian <- -0.5 + log(v$alpha1 * (1 - v$alpha1)) + log((1 - v$alpha1) * plogis(0.4) * plogis(-0.4))
  expect_equal(f$fn(z), ld(v$mu) + dlnorm(v$omega, log = TRUE) - log(1 - v$alpha1) + jacobian + ld(y, v$mu, h), tolerance = 1e-13)
  expect_equal(kept(m, list(y = y, n = 30, s1 = 0.8), z, "h"), h, tolerance = 1e-14)
  expect_consistent(f)
})

test_that("AR, MA and forward recursions", {
  m <- model({
    phi   ~ uniform(-1, 1)
    theta ~ normal(0, 1)
    e[1] <- y[1]
    for (t in 2:n) e[t] <- y[t] - phi * y[t - 1] - theta * e[t - 1]
    e ~ normal(0, 1)
  })
  set.seed(2)
  y <- rnorm(12)
  f <- log_density(m, list(y = y, n = 12))
  z <- c(0.3, -0.6)
  phi <- 2 * plogis(0.3) - 1
  e <- y[1]
  for (t in 2:12) e[t] <- y[t] - phi * y[t - 1] + 0.6 * e[t - 1]
  expect_equal(f$fn(z), -log(2) + log(2 * plogis(0.3) * plogis(-0.3)) + ld(-0.6) + ld(e), tolerance = 1e-13)
  expect_consistent(f)

  # a hidden Markov model, its states summed out
  m <- model({
    mu ~ normal(0, 2, dim = 2)
    p  ~ uniform(0, 1, dim = 2)
    stay[1] <- p[1]
    stay[2] <- p[2]
    for (k in 1:2) alpha[k] <- log(0.5) - 0.5 * (y[1] - mu[k])^2
    for (t in 2:n) {
      for (k in 1:2) new[k] <- log_sum_exp(c(alpha[k] + log(stay[k]), alpha[3 - k] + log(1 - stay[3 - k]))) - 0.5 * (y[t] - mu[k])^2
      for (k in 1:2) alpha[k] <- new[k]
    }
    target(log_sum_exp(alpha))
  })
  f <- log_density(m, list(y = y, n = 12))
  z <- c(-0.5, 0.8, 0.4, 1)
  p <- plogis(z[3:4])
  a <- 0.5 * exp(-0.5 * (y[1] - z[1:2])^2)
  P <- rbind(c(p[1], 1 - p[1]), c(1 - p[2], p[2]))
  for (t in 2:12) a <- as.vector(a %*% P) * exp(-0.5 * (y[t] - z[1:2])^2)
  expect_equal(f$fn(z), ld(z[1:2], 0, 2) + sum(log(p * (1 - p))) + log(sum(a)), tolerance = 1e-12)
  expect_consistent(f)
})

test_that("filling: slices, matrices, data first, and in any order", {
  z <- c(0.1, 0.2, 0.3)
  a <- quote(a ~ normal(0, 1, dim = 3))
  run <- function(...) kept(fullrank:::new_model(as.call(c(quote(`{`), a, as.list(substitute(list(...)))[-1])), globalenv()), list(y = 1:4), z, "x")
  expect_equal(run(x[2] <- a[1], x[1] <- 5, x[3] <- a[2] * 2), c(5, 0.1, 0.4))
  expect_equal(run(x <- y * 1, x[2] <- a[3]), c(1, 0.3, 3, 4))
  expect_equal(run(x <- numeric(3), x[2:3] <- a[1:2]), c(0, 0.1, 0.2))
  expect_equal(run(x <- numeric(4), x[c(TRUE, FALSE)] <- a[1]), c(0.1, 0, 0.1, 0))
  expect_equal(run(x <- numeric(4), x[-1] <- a), c(0, z))
  expect_equal(run(x <- numeric(4), x[y > 2] <- a[1:2]), c(0, 0, 0.1, 0.2))
  expect_equal(run(x[1:3] <- a), z)
  expect_equal(run(x <- a, x[2] <- 9), c(0.1, 9, 0.3))
  expect_equal(run(x <- a, x[2] <- x[1] + x[3], x[1] <- x[2]), c(0.4, 0.4, 0.3))
  expect_equal(run(x <- matrix(0, 2, 2), x[1, 2] <- a[1], x[2, ] <- a[2:3]), matrix(c(0, 0.2, 0.1, 0.3), 2))
  expect_equal(run(x <- matrix(0, 2, 2), x[, 1] <- a[1:2], x[2, 2] <- 7), matrix(c(0.1, 0.2, 0, 7), 2))
  expect_equal(run(x <- matrix(a[c(1, 2, 3, 1)], 2), x[1, ] <- 0), matrix(c(0, 0.2, 0, 0.1), 2))
  expect_equal(run(x <- matrix(0, 2, 2), x[cbind(1:2, 2:1)] <- a[1]), matrix(c(0, 0.1, 0.1, 0), 2))
  expect_equal(run(x[1] <- a[1], x[2] <- x[1]^2, x <- exp(x)), exp(c(0.1, 0.01)))
  # read in part while other elements are still missing
  expect_equal(run(w[3] <- a[1], w[1] <- a[2], x <- w[c(1, 3)] * 2), c(0.4, 0.2))
})

test_that("a name may be assigned again", {
  m <- model({
    a ~ normal(0, 1)
    x <- a
    x <- x + 1
    x <- x * x
    y ~ normal(x, 1)
    x <- 3
    target(x * a)
    x <- a
    target(x)
  })
  expect_equal(at(m, list(y = 1), 0.5), ld(0.5) + ld(1, 2.25) + 1.5 + 0.5, tolerance = 1e-14)
  # = is an assignment too
  expect_equal(at(model({ a ~ normal(0, 1); x = a * 2; target(x) }), list(), 0.5), ld(0.5) + 1)
  # what is kept is the final value
  expect_equal(kept(m, list(y = 1), 0.5, "x"), 0.5)
})

test_that("deterministic values are kept on request", {
  m <- model({
    a ~ normal(0, 1, dim = levels(g))
    b <- a * 2
    s <- sum(a)
    M <- outer(a, a)
    d <- 3
    y ~ normal(b[g], 1)
  })
  data <- list(g = factor(c("u", "v", "u")), y = 1:3)
  fit <- fullrank(m, data, keep = c("b", "s", "M"), steps = 5, seed = 1, progress = FALSE)
  d <- draws(fit, 20, seed = 1)
  expect_true(all(c("a[u]", "a[v]", "b[1]", "b[2]", "s", "M[1,1]", "M[2,1]") %in% posterior::variables(d)))
  v <- unclass(d)
  expect_equal(as.vector(v[, "b[2]"]), as.vector(2 * v[, "a[v]"]))
  expect_equal(as.vector(v[, "s"]), as.vector(v[, "a[u]"] + v[, "a[v]"]))
  expect_equal(as.vector(v[, "M[2,1]"]), as.vector(v[, "a[u]"] * v[, "a[v]"]))
  # none by default
  expect_identical(posterior::variables(draws(fullrank(m, data, steps = 5, seed = 1, progress = FALSE), 5)), c("a[u]", "a[v]"))
  expect_error(fullrank(m, data, keep = "zz", progress = FALSE), "`keep` names `zz`.*no deterministic value.*`b`, `s`, `M` and `d`")
  expect_error(fullrank(m, data, keep = "a", progress = FALSE), "`keep` names `a`")
  expect_error(fullrank(m, data, keep = "d", progress = FALSE), "depends on no latent")
})

# ---- chunks ------------------------------------------------------------------------------------------------------

test_that("long loops are evaluated in chunks without a seam", {
  set.seed(3)
  for (n in c(47, 48, 49, 255, 256, 257, 1000)) {
    X <- matrix(rnorm(n * 7), n)
    g <- sample(5, n, TRUE)
    x <- rnorm(n)
    y <- rnorm(n)
    m <- model({
      b     ~ normal(0, 1, dim = 7)
      u     ~ normal(0, 1, dim = 5)
      s     ~ lognormal(0, 1)
      eta   <- X %*% b + u[g] * x
      y     ~ normal(eta, s * exp(0.1 * x))
    })
    f <- log_density(m, list(X = X, g = g, x = x, y = y))
    z <- matrix(rnorm(9 * 13, 0, 0.5), 9)
    want <- apply(z, 1, function(z) ld(z[1:12]) + ld(z[13]) + ld(y, X %*% z[1:7] + z[8:12][g] * x, exp(z[13] + 0.1 * x)))
    expect_equal(f$fn(z), want, tolerance = 1e-12)
    expect_equal(f$fn(z[1, ]), want[1], tolerance = 1e-12)
    # the gradient in closed form
    for (k in c(1, 9)) {
      mu <- X %*% z[k, 1:7] + z[k, 8:12][g] * x
      sd <- exp(z[k, 13] + 0.1 * x)
      r <- as.vector((y - mu) / sd^2)
      want_gradient <- c(crossprod(X, r), tapply(r * x, factor(g, 1:5), sum), sum((y - mu)^2 / sd^2 - 1)) - z[k, ]
      expect_equal(unname(f$gr(z)[k, ]), as.vector(want_gradient), tolerance = 1e-11)
      expect_equal(unname(f$gr(z[k, ])), as.vector(want_gradient), tolerance = 1e-11)
    }
  }
})

test_that("several loops of different length, and values read by two of them", {
  set.seed(4)
  n <- 1000; k <- 300
  g <- sample(k, n, TRUE)
  w <- rnorm(k)
  y <- rnorm(n)
  c1 <- rpois(k, 2)
  m <- model({
    a  ~ normal(0, 1)
    s  ~ lognormal(0, 1)
    u  ~ normal(a * w, s)
    mu <- a + u[g]
    y  ~ normal(mu, 1)
    c1 ~ poisson_log(u + a)
    target(-0.5 * sum(u^2) / k)
    target(mean(mu) * 3)
    total <- cumsum(u)
    y[1:k] ~ normal(total / 10, 2)
    v <- rep(u, length.out = n)
    y ~ student_t(4, v * mu, 1)
  })
  data <- list(g = g, w = w, y = y, c1 = c1, k = k, n = n)
  f <- log_density(m, data)
  expect_equal(f$dim, k + 2)
  z <- matrix(rnorm(2 * f$dim, 0, 0.3), 2)
  want <- apply(z, 1, function(z) {
    a <- z[1]; s <- exp(z[2]); u <- z[-(1:2)]
    mu <- a + u[g]
    ld(a) + ld(z[2]) + ld(u, a * w, s) + ld(y, mu) + sum(dpois(c1, exp(u + a), log = TRUE)) - 0.5 * sum(u^2) / k + mean(mu) * 3 +
      ld(y[1:k], cumsum(u) / 10, 2) + sum(dt(y - rep(u, length.out = n) * mu, 4, log = TRUE))
  })
  expect_equal(f$fn(z), want, tolerance = 1e-12)
  gradient <- f$gr(z)
  for (j in c(1, 2, sample(3:f$dim, 12))) {
    e <- replace(numeric(f$dim), j, 1e-5)
    numeric <- (f$fn(z + rep(e, each = 2)) - f$fn(z - rep(e, each = 2))) / 2e-5
    expect_equal(unname(gradient[, j]), numeric, tolerance = 1e-5)
  }
  expect_equal(unname(f$gr(z[2, ])), unname(gradient[2, ]), tolerance = 1e-11)
})

test_that("many particles and many rows give each particle its own numbers", {
  set.seed(5)
  y <- rnorm(700)
  f <- log_density(model({ mu ~ normal(0, 1); s ~ lognormal(0, 1); y ~ normal(mu, s) }), list(y = y))
  z <- matrix(rnorm(2 * 70), 70)
  want <- apply(z, 1, function(z) ld(z[1]) + ld(z[2]) + ld(y, z[1], exp(z[2])))
  expect_equal(f$fn(z), want, tolerance = 1e-12)
  for (S in c(2, 7, 8, 9, 31, 32, 33, 64, 65)) expect_identical(f$fn(z[1:S, ]), f$fn(z)[1:S])
})

test_that("empty parts do no harm", {
  m <- model({
    a ~ normal(0, 1, dim = 3)
    y ~ normal(a[1], 1)
    none <- a[integer()]
    target(sum(none))
    target(sum(c(none, a[2])))
  })
  expect_equal(at(m, list(y = numeric()), c(0.1, 0.2, 0.3)), ld(c(0.1, 0.2, 0.3)) + 0.2, tolerance = 1e-14)
})

test_that("expressions of data are plain R", {
  d <- data.frame(x = c(1, 4, 9), f = c("a", "b", "a"), y = c(1, 3, 2))
  m <- model({
    b ~ normal(0, 1, dim = ncol(model.matrix(~ f)))
    a ~ normal(0, 1, dim = 2)
    y ~ normal(model.matrix(~ f) %*% b + scale(x) * a[1] + sqrt(x)[2] * a[as.integer(factor(f))], sd(x))
  })
  z <- c(0.1, 0.2, 0.3, 0.4)
  want <- ld(z) + ld(d$y, model.matrix(~ f, d) %*% z[1:2] + as.vector(scale(d$x)) * 0.3 + 2 * z[c(3, 4, 3)], sd(d$x))
  expect_equal(at(m, d, z), want, tolerance = 1e-14)
})

test_that("an element that is data is a number again", {
  f <- log_density(model({ a ~ normal(0, 1); v <- c(2, a); w <- v[1] * c(1, 2); target(sum(w) * v[2]) }))
  expect_equal(f$fn(0.5), dnorm(0.5, log = TRUE) + 6 * 0.5)
})

test_that("a sum of a thousand terms is no deep nesting", {
  terms <- paste0("x", 1:1000, collapse = " + ")
  m <- eval(str2lang(sprintf("model({ a ~ normal(0, 1); y ~ normal(a + %s, 2) })", terms)))
  x <- setNames(as.list(sin(1:1000)), paste0("x", 1:1000))
  expect_equal(log_density(m, c(x, y = 1))$fn(0.3), dnorm(0.3, log = TRUE) + dnorm(1, 0.3 + sum(sin(1:1000)), 2, log = TRUE), tolerance = 1e-12)
})
