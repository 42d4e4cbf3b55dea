# Log densities of observations, against R's own densities and against the model's joint density.

# Draws of a fit on the user's scale, the same that log_lik() uses.
values_at <- function(fit, n, seed) {
  g <- fit$guide
  constrain_draws(g$compiled, sample_guide(g, draw_eps(n, length(g$loc), seed)))
}

test_that("each column is the density of an observation, as R has it", {
  skip_if_not_installed("rstantools")
  m <- model({
    a ~ normal(0, 1)
    s ~ half_normal(1)
    y ~ normal(a + x, s)
    k ~ poisson(exp(a))
    n ~ binomial(size, plogis(a))
    t ~ truncated(normal(a, s), lower = 0)
    c ~ censored(normal(a, s), upper = 1.5)
    w ~ zero_inflated(0.3, poisson(exp(a)))
  })
  data <- list(y = c(u = 0.4, v = -1.1), x = c(1, 2), k = c(0, 3, 7), n = c(2, 9), size = c(5, 9), t = c(0.2, 1), c = c(0.1, 1.5), w = c(0, 2))
  fit <- short_fit(m, data)
  v <- values_at(fit, 6, 3)
  a <- as.vector(v$a)
  s <- as.vector(v$s)
  ll <- rstantools::log_lik(fit, draws = 6, seed = 3)
  expect_identical(colnames(ll), c("y[u]", "y[v]", "k[1]", "k[2]", "k[3]", "n[1]", "n[2]", "t[1]", "t[2]", "c[1]", "c[2]", "w[1]", "w[2]"))
  inflated <- function(x) ifelse(x == 0, 0.3, 0) + 0.7 * dpois(x, exp(a))
  expected <- cbind(dnorm(0.4, a + 1, s, TRUE), dnorm(-1.1, a + 2, s, TRUE), dpois(0, exp(a), TRUE), dpois(3, exp(a), TRUE), dpois(7, exp(a), TRUE),
                    dbinom(2, 5, plogis(a), TRUE), dbinom(9, 9, plogis(a), TRUE),
                    dnorm(0.2, a, s, TRUE) - pnorm(0, a, s, FALSE, TRUE), dnorm(1, a, s, TRUE) - pnorm(0, a, s, FALSE, TRUE),
                    dnorm(0.1, a, s, TRUE), pnorm(1.5, a, s, FALSE, TRUE), log(inflated(0)), log(inflated(2)))
  expect_equal(unname(ll), expected, tolerance = 1e-10)
  expect_identical(rstantools::log_lik(fit, draws = 6, sites = c("n", "t"), seed = 3), ll[, 6:9])
  expect_error(rstantools::log_lik(fit, sites = "yy"), "`yy` is no observed site.*Did you mean `y`")
  expect_identical(nobs(fit), 13L)
  expect_set_seed_governs(function() rstantools::log_lik(fit, draws = 2))
})

test_that("vector observations are one column each", {
  skip_if_not_installed("rstantools")
  m <- model({
    mu ~ normal(0, 1, dim = 2)
    p  ~ dirichlet(c(1, 1, 1))
    y  ~ multi_normal_cholesky(mu, L)
    k  ~ multinomial(10, p)
    g  ~ categorical(p)
  })
  L <- matrix(c(1, 0.5, 0, 2), 2)
  Y <- rbind(c(0.1, 2), c(-1, 0.3), c(0.7, 0.9))
  fit <- short_fit(m, list(y = Y, L = L, k = c(2, 3, 5), g = c(1, 3, 3)))
  ll <- rstantools::log_lik(fit, draws = 4, seed = 1)
  expect_identical(colnames(ll), c("y[1,]", "y[2,]", "y[3,]", "k", "g[1]", "g[2]", "g[3]"))
  v <- values_at(fit, 4, 1)
  normal <- t(sapply(1:4, function(i) sapply(1:3, function(j) {
    r <- forwardsolve(L, Y[j, ] - v$mu[i, ])
    -log(2 * pi) - sum(log(diag(L))) - sum(r^2) / 2
  })))
  counts <- sapply(1:4, function(i) dmultinom(c(2, 3, 5), prob = v$p[i, ], log = TRUE))
  expect_equal(unname(ll), unname(cbind(normal, counts, log(v$p[, c(1, 3, 3)]))), tolerance = 1e-10)
})

test_that("loops, traced or not, have a column an observation, and columns sum to what the statements add", {
  skip_if_not_installed("rstantools")
  set.seed(3)
  y <- rnorm(30)
  for (n in c(4, 30)) {
    fit <- short_fit(model({
      phi ~ uniform(-1, 1)
      s   ~ half_normal(1)
      y[1] ~ normal(0, s)
      for (i in 2:n) y[i] ~ normal(phi * y[i - 1], s)
    }), list(y = y, n = n), steps = 5)
    ll <- rstantools::log_lik(fit, draws = 3, seed = 1)
    v <- values_at(fit, 3, 1)
    expected <- sapply(seq_len(n), function(i) dnorm(y[i], if (i > 1) v$phi * y[i - 1] else 0, v$s, log = TRUE))
    expect_equal(unname(ll), unname(expected), tolerance = 1e-10)
    terms <- log_density(fit$model, fit$data)$terms(sample_guide(fit$guide, draw_eps(3, 2, 1)))
    expect_equal(rowSums(ll), rowSums(terms[, startsWith(colnames(terms), "y"), drop = FALSE]), tolerance = 1e-10)
  }
})

test_that("the densities of reference models add up to the model's likelihood", {
  skip_if_not_installed("rstantools")
  for (name in c("eight_schools_noncentered", "poisson_varying_intercepts", "ar1_bounded")) {
    m <- reference_models()[[name]]
    data <- switch(name, eight_schools_noncentered = list(y = c(28, 8, -3, 7), s = c(15, 10, 16, 11), J = 4),
                   poisson_varying_intercepts = list(y = c(0, 2, 5), x = c(-1, 0, 1), g = c(1, 2, 2), J = 2), ar1_bounded = list(y = c(1, 2, 1.5, 3), n = 4))
    fit <- short_fit(m, data, steps = 5)
    z <- sample_guide(fit$guide, draw_eps(3, length(fit$guide$loc), 1))
    terms <- log_density(m, data)$terms(z)
    expect_equal(rowSums(rstantools::log_lik(fit, draws = 3, seed = 1)), rowSums(terms[, startsWith(colnames(terms), "y"), drop = FALSE]), tolerance = 1e-10)
  }
})

test_that("what has no observation says so", {
  skip_if_not_installed("rstantools")
  fit <- short_fit(model({ a ~ normal(0, 1) }), steps = 5)
  expect_error(rstantools::log_lik(fit), "no observed site")
  expect_error(nobs(fit), "no observed site")
  expect_error(logLik(fit), "no logLik")
})

test_that("loo of a model is that of the same regression, and exact in a conjugate model", {
  skip_if_not_installed("loo")
  fit <- regression_fit("gaussian")
  own <- fullrank(as_model(fit), seed = 1)
  a <- suppressWarnings(loo::loo(fit, seed = 1))
  b <- suppressWarnings(loo::loo(own, seed = 1))
  expect_equal(b$estimates, a$estimates, tolerance = 1e-6)
  # y_i given the others is Normal
  y <- c(0.4, -1.1, 2, 0.3, 1.2, 0.7)
  fit <- fullrank(model({ mu ~ normal(0, 2); y ~ normal(mu, 1) }), list(y = y), seed = 1)
  exact <- sapply(seq_along(y), function(i) {
    precision <- 1 / 4 + length(y) - 1
    dnorm(y[i], sum(y[-i]) / precision, sqrt(1 + 1 / precision), log = TRUE)
  })
  l <- suppressWarnings(loo::loo(fit, draws = 20000, seed = 1))
  expect_equal(unname(l$pointwise[, "elpd_loo"]), exact, tolerance = 0.01)
  expect_error(loo::waic(fit), "not available")
})
