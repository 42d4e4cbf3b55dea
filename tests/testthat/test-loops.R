# A traced loop against the same loop unrolled: values, gradients, kept values; what is traced and what is not.

# bodies: how many scans are expected; unrolled: why not, when it cannot be traced.
expect_as_unrolled <- function(m, data, keep = NULL, bodies = 0L, unrolled = NULL) {
  traced <- fullrank:::compile_model(m, data, keep)
  plain <- fullrank:::compile_model(m, data, keep, trace_from = Inf)
  expect_length(traced$program$bodies, bodies)
  expect_identical(traced$unrolled, unrolled)
  expect_length(plain$program$bodies, 0L)
  evaluate <- function(compiled, z) .Call(fullrank:::fullrank_program_eval, compiled$program, z, TRUE, FALSE)
  set.seed(1)
  z <- matrix(stats::rnorm(9 * traced$program$d, 0, 0.5), 9)
  a <- evaluate(traced, z)
  b <- evaluate(plain, z)
  expect_true(all(is.finite(a$log_prob)))
  expect_equal(a$log_prob, b$log_prob, tolerance = 1e-13)
  expect_lt(max(abs(a$gradient - b$gradient) / pmax(1, abs(b$gradient))), 1e-12)
  one <- evaluate(traced, z[1L, , drop = FALSE])
  expect_lt(max(abs(a$gradient[1L, ] - one$gradient[1L, ]) / pmax(1, abs(one$gradient[1L, ]))), 1e-12)
  for (name in keep) {
    expect_equal(fullrank:::constrain_draws(traced, z)[[name]], fullrank:::constrain_draws(plain, z)[[name]], tolerance = 1e-13)
    expect_identical(traced$kept[[name]]$dim, plain$kept[[name]]$dim)
  }
  if (!is.null(traced$observed)) {
    expect_equal(sum(vapply(traced$observed, `[[`, 0L, "length")), sum(vapply(plain$observed, `[[`, 0L, "length")))
  }
}

set.seed(2)
n <- 40
y <- rnorm(n)
series <- list(y = y, n = n)

test_that("recursions", {
  expect_as_unrolled(model({
    mu ~ flat()
    a0 ~ exponential(1)
    a1 ~ uniform(0, 1)
    b1 ~ uniform(0, 1 - a1)
    s[1] <- s1
    for (t in 2:n) s[t] <- sqrt(a0 + a1 * (y[t - 1] - mu)^2 + b1 * s[t - 1]^2)
    y ~ normal(mu, s)
  }), c(series, s1 = 0.5), "s", 1L)
  expect_as_unrolled(model({
    mu ~ normal(0, 1)
    th ~ uniform(-1, 1)
    sg ~ exponential(1)
    e <- 0
    for (t in 1:n) {
      nu <- mu + th * e
      e <- y[t] - nu
      e ~ normal(0, sg)
    }
  }), series, bodies = 1L)
  expect_as_unrolled(model({
    mu ~ normal(0, 1)
    q ~ exponential(1)
    r ~ exponential(1)
    m <- mu
    P <- 1
    for (t in 1:n) {
      ahead <- P + q
      K <- ahead / (ahead + r)
      target(-0.5 * log(ahead + r) - 0.5 * (y[t] - m)^2 / (ahead + r))
      m <- m + K * (y[t] - m)
      P <- (1 - K) * ahead
    }
  }), series, keep = "m", bodies = 1L)
  # two lags, the start given by latents, read after the loop
  expect_as_unrolled(model({
    a ~ normal(0, 1, dim = 2)
    x[1] <- a[1]
    x[2] <- a[2]
    for (t in 3:n) x[t] <- 0.5 * x[t - 1] - 0.2 * x[t - 2] + 0.1 * y[t]
    x[n] ~ normal(0, 1)
    target(-sum(x[5:9]))
  }), series, "x", 1L)
  # every other element; the others stay
  expect_as_unrolled(model({
    a ~ normal(0, 1)
    x <- rep(a, n)
    for (t in seq(3, n, by = 2)) x[t] <- 0.5 * x[t - 2] + x[t]
    y ~ normal(x, 1)
  }), series, "x", 1L)
})

test_that("hidden Markov models, in vectors and in elements", {
  expect_as_unrolled(model({
    mu ~ normal(0, 1, dim = 2)
    p ~ uniform(0, 1, dim = 2)
    move <- log(rbind(c(p[1], 1 - p[1]), c(p[2], 1 - p[2])))
    a <- -0.5 * (y[1] - mu)^2
    for (t in 2:n) a <- c(log_sum_exp(a + move[, 1]), log_sum_exp(a + move[, 2])) - 0.5 * (y[t] - mu)^2
    target(log_sum_exp(a))
  }), series, "a", 1L)
  expect_as_unrolled(model({
    mu ~ normal(0, 1, dim = 2)
    p ~ uniform(0, 1, dim = 2)
    move <- log(rbind(c(p[1], 1 - p[1]), c(p[2], 1 - p[2])))
    g <- matrix(0, n, 2)
    for (k in 1:2) g[1, k] <- -0.5 * (y[1] - mu[k])^2
    for (t in 2:n) for (k in 1:2) {
      for (j in 1:2) acc[j] <- g[t - 1, j] + move[j, k]
      g[t, k] <- log_sum_exp(acc) - 0.5 * (y[t] - mu[k])^2
    }
    target(log_sum_exp(g[n, ]))
  }), series, "g", 1L)
})

test_that("a loop without recursion becomes vectors", {
  expect_as_unrolled(model({
    mu ~ normal(0, 1)
    phi ~ uniform(-1, 1)
    sg ~ exponential(1)
    for (t in 2:n) y[t] ~ normal(mu + phi * (y[t - 1] - mu), sg)
  }), series)
  expect_as_unrolled(model({
    al ~ normal(0, 1)
    be ~ normal(0, 1, dim = K)
    sg ~ exponential(1)
    for (t in (K + 1):n) {
      m <- al
      for (k in 1:K) m <- m + be[k] * y[t - k]
      y[t] ~ normal(m, sg)
    }
  }), c(series, K = 5))
  expect_as_unrolled(model({
    mu ~ normal(0, 1)
    th ~ normal(0, 1, dim = 3)
    for (i in 1:n) {
      eta <- mu + th[g[i]] * y[i]
      k[i] ~ poisson(exp(eta))
      b[i] ~ bernoulli(plogis(eta))
    }
    for (i in 1:n) target(-0.1 * th[g[i]]^2)
    for (i in 1:n) target(0.01 * mu)
    for (i in 1:n) 2 ~ normal(mu, 3)
    for (i in 1:n) y[i] ~ normal(0, 1)
    for (i in 1:n) target(y[i])
  }), c(series, list(g = factor(rep_len(c("a", "b", "c"), n)), k = rpois(n, 2), b = rbinom(n, 1, 0.5))))
  expect_as_unrolled(model({
    a ~ normal(0, 0.5)
    x <- numeric(n)
    for (t in 1:n) x[t] <- a * t
    y ~ normal(x, 1)
  }), series, "x")
})

test_that("vectors, matrices and rows inside a loop", {
  expect_as_unrolled(model({
    A ~ normal(0, 0.5, dim = c(2, 2))
    x0 ~ normal(0, 1, dim = 2)
    x <- x0
    for (t in 1:n) {
      x <- tanh(A %*% x)
      y[t] ~ normal(x[1, 1] + x[2, 1], 1)
    }
  }), series, "x", 1L)
  expect_as_unrolled(model({
    a ~ normal(0, 0.5)
    Z ~ normal(0, 1, dim = c(n, 3))
    for (t in 1:n) {
      v <- Z[t, ] * a
      y[t] ~ normal(sum(v), 1)
    }
    for (t in 1:n) target(-log_sum_exp(Z[t, ]))
  }), series, bodies = 2L)
  expect_as_unrolled(model({
    a ~ normal(0, 0.5)
    s <- a
    for (t in 1:20) {
      s <- s * 0.9 + x[t, 2]
      z[t, ] ~ normal(s + c(1, 2), 1)
    }
  }), list(x = matrix(rnorm(60), 20), z = matrix(rnorm(40), 20)), "s", 1L)
  expect_as_unrolled(model({
    P ~ lognormal(0, 1, dim = 2)
    S <- diag(P)
    for (t in 1:12) {
      S <- S %*% t(S) / sum(S) + diag(2)
      L <- chol(S)
      target(-sum(forwardsolve(t(L), c(y[t], 1))^2) - log_det(S))
    }
  }), series, bodies = 1L)
})

test_that("conditions split a loop", {
  expect_as_unrolled(model({
    mu ~ normal(0, 1)
    th ~ normal(0, 1, dim = n)
    for (i in 1:n) {
      if (i == 1) x[i] <- mu else x[i] <- 0.5 * x[i - 1] + th[i]
      if (i > 20) y[i] ~ normal(x[i], 1)
    }
  }), series, "x", 2L)
  expect_as_unrolled(model({
    mu ~ normal(0, 1)
    th ~ normal(0, 1, dim = n)
    for (i in 1:n) if (i %% 2 == 1) y[i] ~ normal(mu, 1) else y[i] ~ normal(th[i], 1)
  }), series, unrolled = "its conditions change often")
})

test_that("loops that cannot be traced are unrolled", {
  expect_as_unrolled(model({
    a ~ normal(0, 0.5)
    for (t in 1:n) w[t] <- y[t] * 2
    y ~ normal(a * w, 1)
  }), series, unrolled = "it fills data")
  expect_as_unrolled(model({
    a ~ normal(0, 0.5)
    x <- a
    for (t in 2:10) x <- c(x, a * t)
    target(-sum(x^2))
  }), series, "x", unrolled = "a name changes its shape")
  expect_as_unrolled(model({
    a ~ normal(0, 0.5)
    count <- 0
    for (t in 1:10) {
      count <- count + 2
      target(a * y[count])
    }
  }), list(y = 1:40), unrolled = "an index depends on a latent")
  expect_as_unrolled(model({
    a ~ normal(0, 0.5)
    for (i in 1:10) for (j in 1:i) y[i] ~ normal(a * j, 1)
  }), series, unrolled = "the range of an inner loop differs between iterations")
  expect_as_unrolled(model({
    a ~ normal(0, 0.5)
    for (i in 1:3) {
      x[1] <- a
      for (t in 2:12) x[t] <- 0.5 * x[t - 1] + i
      target(-x[12]^2)
    }
  }), list(), bodies = 3L)
})

test_that("empty loops, loops over vectors, else if", {
  ld <- function(m, data, z) log_density(m, data)$fn(z)
  expect_equal(ld(model({ a ~ normal(0, 1); for (i in seq_len(0)) target(a) }), list(), 0.5), dnorm(0.5, log = TRUE))
  expect_equal(ld(model({ a ~ normal(0, 1); for (v in c(0.5, -2, 3)) target(a * v) }), list(), 0.5), dnorm(0.5, log = TRUE) + 0.75)
  expect_equal(ld(model({ a ~ normal(0, 1); for (v in w) target(a * v) }), list(w = seq(0.1, 2, by = 0.1)), 0.5), dnorm(0.5, log = TRUE) + 0.5 * 21)
  expect_equal(ld(model({ a ~ normal(0, 1, dim = 2); for (g in c("u", "v")) if (g == "u") target(a[1]) else if (g == "v") target(2 * a[2]) else target(100) }), list(), c(0.5, 0.2)),
               sum(dnorm(c(0.5, 0.2), log = TRUE)) + 0.9)
  expect_equal(ld(model({ a ~ normal(0, 1); for (i in 1:3) for (j in 1:2) { if (i > j) next_one <- a * i else next_one <- j; target(next_one) } }), list(), 0.5),
               dnorm(0.5, log = TRUE) + 1 + 2 + 1 + 2 + 1.5 + 1.5)
  # the loop's variable is gone, a value of the last iteration stays
  expect_equal(ld(model({ a ~ normal(0, 1); for (i in 1:10) { k <- i; b <- a * i }; target(b + k) }), list(), 0.5), dnorm(0.5, log = TRUE) + 15)
  expect_error(log_density(model({ a ~ normal(0, 1); for (i in 1:10) b <- a * i; target(i * b) }), list()), "`i` is neither")
})

test_that("errors in a loop name the statement, traced or not", {
  expect_error(log_density(model({ a ~ normal(0, 1); for (t in 1:20) y[t] ~ normal(a + nobody[t], 1) }), series), "`nobody` is neither in the data")
  expect_error(log_density(model({ a ~ normal(0, 1); for (t in 1:20) x[t] <- a * x[t - 1] }), series), "In statement 3, `x\\[t\\] <- a")
  expect_error(log_density(model({ a ~ normal(0, 1); for (t in 1:60) y[t] ~ normal(a, 1) }), series), "missing value")
  expect_error(log_density(model({ a ~ normal(0, 1); for (t in 1:20) b ~ normal(a, -1) }), series), "must be positive")
  expect_error(log_density(model({ a ~ normal(0, 1); for (t in a) y[1] ~ normal(a, 1) }), series), "runs over a latent")
})

test_that("a long recursion compiles at once", {
  set.seed(3)
  n <- 10000
  m <- model({
    mu ~ flat()
    a0 ~ exponential(1)
    a1 ~ uniform(0, 1)
    b1 ~ uniform(0, 1 - a1)
    s[1] <- 0.5
    for (t in 2:n) s[t] <- sqrt(a0 + a1 * (y[t - 1] - mu)^2 + b1 * s[t - 1]^2)
    y ~ normal(mu, s)
  })
  y <- rnorm(n)
  expect_lt(sum(system.time(f <- log_density(m, list(y = y, n = n)))[c("user.self", "sys.self")]), 2)
  z <- c(0.1, -1, 0, 0.5)
  v <- f$constrain(z)
  s2 <- numeric(n)
  s2[1] <- 0.25
  for (t in 2:n) s2[t] <- v$a0 + v$a1 * (y[t - 1] - v$mu)^2 + v$b1 * s2[t - 1]
  jacobian <- z[2] + log(plogis(0) * plogis(0)) + log((1 - v$a1) * plogis(0.5) * plogis(-0.5))
  expect_equal(f$fn(z), sum(dnorm(y, v$mu, sqrt(s2), log = TRUE)) + dexp(v$a0, log = TRUE) - log(1 - v$a1) + jacobian, tolerance = 1e-12)
})
