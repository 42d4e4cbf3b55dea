# Wrapped distributions against R's own densities and distribution functions.

y <- c(0, 0, 1, 3)

# The log density at z of a model, its gradient checked by the way.
wrapped_at <- function(m, data, z) {
  f <- log_density(m, data)
  expect_consistent(f)
  f$fn(z)
}

test_that("truncated() renormalises between its bounds", {
  m <- model({
    l ~ normal(0, 1)
    y ~ truncated(normal(l, 2), lower = 0, upper = top)
  })
  want <- function(top) dnorm(0.4, log = TRUE) + sum(dnorm(y, 0.4, 2, log = TRUE) - log(pnorm(top, 0.4, 2) - pnorm(0, 0.4, 2)))
  expect_equal(wrapped_at(m, list(y = y, top = 5), 0.4), want(5))
  expect_equal(wrapped_at(m, list(y = y, top = c(5, 6, 7, 8)), 0.4), want(c(5, 6, 7, 8)))
  # counts include their bounds
  m <- model({
    l ~ normal(0, 1)
    k ~ truncated(poisson_log(l), lower = 1)
  })
  expect_equal(wrapped_at(m, list(k = c(1, 4)), 0.4), dnorm(0.4, log = TRUE) + sum(dpois(c(1, 4), exp(0.4), log = TRUE) - ppois(0, exp(0.4), lower.tail = FALSE, log.p = TRUE)))
  expect_error(log_density(m, list(k = c(0, 4))), "outside the bounds of `truncated\\(\\)`")
})

test_that("a latent site may be truncated", {
  m <- model({ df ~ truncated(gamma(2, 0.1), lower = 1) })
  x <- 1 + exp(0.5)
  expect_equal(wrapped_at(m, list(), 0.5), dgamma(x, 2, 0.1, log = TRUE) - pgamma(1, 2, 0.1, lower.tail = FALSE, log.p = TRUE) + 0.5)
  m <- model({
    a ~ normal(0, 1)
    b ~ truncated(normal(0, 1), lower = a, upper = 3, dim = 2)
  })
  expect_consistent(log_density(m))
  s <- simulate(m, 200, seed = 1)
  expect_true(all(s$b > s$a & s$b < 3))
  fit <- fullrank(model({ df ~ truncated(gamma(2, 0.1), lower = 1) }), seed = 1, steps = 50)
  expect_true(all(draws(fit, 50, seed = 1) > 1))
})

test_that("censored() puts the tail's probability on what lies at or beyond a bound", {
  m <- model({
    l ~ normal(0, 1)
    y ~ censored(normal(l, 2), lower = low, upper = high)
  })
  want <- dnorm(0.4, log = TRUE) + dnorm(1, 0.4, 2, log = TRUE) + 2 * pnorm(0, 0.4, 2, log.p = TRUE) + pnorm(3, 0.4, 2, lower.tail = FALSE, log.p = TRUE)
  expect_equal(wrapped_at(m, list(y = y, low = 0, high = 3), 0.4), want)
  expect_equal(wrapped_at(m, list(y = y, low = c(0, 0, -Inf, -Inf), high = c(Inf, Inf, Inf, 3)), 0.4), want)
  s <- simulate(fullrank(m, list(y = y, low = 0, high = 3), seed = 1, steps = 50), 200, seed = 1)$y
  expect_true(all(s >= 0 & s <= 3) && any(s == 0) && any(s == 3))
})

test_that("zero_inflated() mixes with a zero", {
  m <- model({
    zi ~ beta(1, 1)
    l ~ normal(0, 1)
    y ~ zero_inflated(zi, poisson_log(l + x))
  })
  x <- c(0.1, -0.2, 0.3, 0.4)
  p <- plogis(0.3)
  want <- sum(log(p * (y == 0) + (1 - p) * dpois(y, exp(0.4 + x)))) + log(p * (1 - p)) + dnorm(0.4, log = TRUE)
  expect_equal(wrapped_at(m, list(y = y, x = x), c(0.3, 0.4)), want)
  s <- simulate(m, 2000, seed = 1, data = list(y = y, x = x))
  expect_equal(mean(s$y[, 1] == 0), mean(s$zi + (1 - s$zi) * exp(-exp(s$l + 0.1))), tolerance = 0.06)
})

test_that("mixture() sums its components, observed or latent", {
  m <- model({
    l ~ normal(0, 1)
    w ~ dirichlet(c(1, 1))
    y ~ mixture(w, normal(l, 2), normal(0, 1))
  })
  f <- log_density(m, list(y = y))
  z <- c(0.4, 0.2)
  w <- f$constrain(z)$w
  prior <- log_density(model({
    l ~ normal(0, 1)
    w ~ dirichlet(c(1, 1))
  }))$fn(z)
  expect_equal(wrapped_at(m, list(y = y), z), prior + sum(log(w[1] * dnorm(y, 0.4, 2) + w[2] * dnorm(y))))
  expect_equal(wrapped_at(model({ x ~ mixture(c(3, 7), normal(-1, 2), normal(2, 1)) }), list(), 0.4), log(0.3 * dnorm(0.4, -1, 2) + 0.7 * dnorm(0.4, 2, 1)))
  by_row <- model({
    l ~ normal(0, 1)
    y ~ mixture(W, poisson(exp(l)), poisson(3))
  })
  W <- cbind(c(0.1, 0.5, 0.9, 0.3), c(0.9, 0.5, 0.1, 0.7))
  expect_equal(wrapped_at(by_row, list(y = y, W = W), 0.4), dnorm(0.4, log = TRUE) + sum(log(W[, 1] * dpois(y, exp(0.4)) + W[, 2] * dpois(y, 3))))
  x <- simulate(model({ x ~ mixture(c(3, 7), normal(-10, 1), normal(10, 1), dim = 1000) }), 1, seed = 1)$x
  expect_lt(abs(mean(x < 0) - 0.3), 0.06)
})

test_that("one distribution in a mixture() stands for a component for each weight", {
  m <- model({
    w     ~ dirichlet(c(1, 1, 1))
    mu    ~ normal(0, 2, dim = 3)
    sigma ~ half_normal(1)
    y     ~ mixture(w, normal(mu, sigma))
    x     ~ mixture(w, truncated(normal(mu, 1), lower = -4))
    v     ~ mixture(c(1, 2, 1), poisson(exp(L)))
  })
  set.seed(1)
  data <- list(y = c(-1.2, 0.3, 2.5, 0.1), x = c(0.5, -3), v = c(0, 3), L = matrix(rnorm(6), 2))
  z <- c(0.3, -0.2, 1, -0.7, 0.4, 0.2)
  f <- log_density(m, data)
  expect_consistent(f)
  p <- f$constrain(z)
  parts <- function(x, density) sum(log(vapply(1:3, function(k) density(x, p$mu[k]), x) %*% p$w))
  terms <- f$terms(z)
  expect_equal(terms[["y"]], parts(data$y, function(x, mu) dnorm(x, mu, p$sigma)))
  expect_equal(terms[["x"]], parts(data$x, function(x, mu) dnorm(x, mu) / pnorm(mu + 4)))
  expect_equal(terms[["v"]], sum(log(dpois(data$v, exp(data$L)) %*% c(0.25, 0.5, 0.25)))) # a column for each
  loop <- model({
    w     ~ dirichlet(c(1, 1, 1))
    mu    ~ normal(0, 2, dim = 3)
    sigma ~ half_normal(1)
    for (i in 1:4) y[i] ~ mixture(w, normal(mu, sigma))
  })
  in_loop <- log_density(loop, data["y"])$terms(z)
  expect_equal(sum(in_loop[names(in_loop) == "y[i]"]), terms[["y"]])
  bounds <- model({
    a ~ normal(0, 1)
    v ~ mixture(c(0.3, 0.7), zero_inflated(c(0.1, 0.6), poisson(exp(a) * c(1, 4))))
  })
  count <- function(v, p, rate) p * (v == 0) + (1 - p) * dpois(v, rate)
  expect_equal(log_density(bounds, list(v = c(0, 0, 3)))$terms(0)[["v"]], sum(log(0.3 * count(c(0, 0, 3), 0.1, 1) + 0.7 * count(c(0, 0, 3), 0.6, 4))))
  # a row for each topic: latent Dirichlet allocation
  topics <- model({
    theta ~ dirichlet(c(1, 1), dim = c(3, 2))
    phi   ~ dirichlet(c(1, 1, 1), dim = c(2, 3))
    word  ~ mixture(theta[doc, ], categorical(phi))
  })
  words <- list(doc = c(1, 1, 2, 3, 3), word = c(1, 2, 3, 1, 2))
  f <- log_density(topics, words)
  z <- c(0.3, -0.2, 1, -0.7, 0.4, 0.2, 0.9)
  p <- f$constrain(z)
  expect_equal(f$terms(z)[["word"]], sum(log(rowSums(p$theta[words$doc, ] * t(p$phi)[words$word, ]))))
  groups <- model({
    mu ~ normal(0, 1, dim = c(2, 2))
    Y  ~ mixture(c(0.3, 0.7), multi_normal(mu, S))
  })
  Y <- matrix(c(-1, 0.5, 3, 0.2, 1, 2.5), 3)
  mu <- matrix(c(0.3, -0.2, 0.4, 1), 2)
  bivariate <- function(k) dnorm(Y[, 1], mu[k, 1]) * dnorm(Y[, 2], mu[k, 2])
  f <- log_density(groups, list(Y = Y, S = diag(2)))
  expect_equal(f$terms(f$unconstrain(list(mu = mu)))[["Y"]], sum(log(0.3 * bivariate(1) + 0.7 * bivariate(2))))
  latent <- model({ x ~ mixture(c(3, 7), normal(c(-10, 10), 1), dim = 1000) })
  expect_lt(abs(mean(simulate(latent, 1, seed = 1)$x < 0) - 0.3), 0.06)
  expect_error(log_density(model({
    w ~ dirichlet(c(1, 1, 1))
    y ~ mixture(w, normal(0, 1))
  }), data["y"]), "3 weights, but one distribution, `normal\\(\\)`, none of whose arguments has 3 elements")
  expect_error(log_density(model({
    w ~ dirichlet(c(1, 1))
    word ~ mixture(w, categorical(p))
  }), list(word = 1, p = c(1, 2))), "a matrix of 2 rows")
})

test_that("ordered() is the product of element densities over increasing vectors", {
  x <- cumsum(c(-1, exp(0.2), exp(0.3)))
  expect_equal(wrapped_at(model({ c ~ ordered(normal(0, 5), dim = 3) }), list(), c(-1, 0.2, 0.3)), sum(dnorm(x, 0, 5, log = TRUE)) + 0.5)
  x <- 1 + cumsum(exp(c(-1, 0.2, 0.3)))
  m <- model({ c ~ ordered(normal(0, 5), lower = 1, dim = 3) })
  expect_equal(wrapped_at(m, list(), c(-1, 0.2, 0.3)), sum(dnorm(x, 0, 5, log = TRUE)) - 0.5)
  f <- log_density(m)
  expect_equal(unname(f$unconstrain(list(c = x))), c(-1, 0.2, 0.3))
  expect_error(f$unconstrain(list(c = rev(x))), "must increase")
  s <- simulate(model({ c ~ ordered(normal(0, 5), dim = 3) }), 50, seed = 1)$c
  expect_true(all(apply(s, 1, diff) > 0))
})

# Draws (a row each) of independent elements, kept where `keep`: their means are those of x, within 5 standard errors.
expect_same_means <- function(x, draws, keep) {
  draws <- draws[keep, , drop = FALSE]
  error <- sqrt(apply(x, 2L, var) / nrow(x) + apply(draws, 2L, var) / nrow(draws))
  expect_lt(max(abs(colMeans(x) - colMeans(draws)) / error), 5)
}

test_that("draws of ordered() have its density: above `lower`, and for elements that differ", {
  set.seed(1)
  n <- 4000L
  increasing <- function(x) rowSums(x[, -1L] <= x[, -3L]) == 0
  m <- model({ c ~ ordered(normal(0, 1), lower = 0.5, dim = 3) })
  x <- simulate(m, n, seed = 1)$c
  expect_true(all(increasing(x)) && all(x > 0.5))
  plain <- matrix(rnorm(3e6), ncol = 3L)
  expect_same_means(x, plain, increasing(plain) & plain[, 1L] > 0.5)
  x <- simulate(model({ a ~ uniform(-0.5, 0); c ~ ordered(normal(c(0, 2, 0), 1), lower = a, dim = 3) }), n, seed = 2)
  expect_true(all(increasing(x$c)) && all(x$c > x$a))
  lower <- runif(1e6, -0.5, 0)
  plain <- sweep(matrix(rnorm(3e6), ncol = 3L), 2L, c(0, 2, 0), "+")
  # the bound is drawn first, so that each has the same weight
  keep <- increasing(plain) & plain[, 1L] > lower
  bin <- cut(lower, 50)
  weight <- as.vector(1 / tapply(keep, bin, mean)[bin[keep]])
  expect_lt(max(abs(colMeans(x$c) - colSums(plain[keep, ] * weight) / sum(weight))), 0.06)
  # a vector of one
  one <- simulate(model({ c ~ ordered(normal(3, 1), dim = 1) }), n, seed = 3)$c
  expect_identical(dim(one), c(n, 1L))
  expect_lt(abs(mean(one) - 3), 5 / sqrt(n))
  expect_error(simulate(model({ c ~ ordered(normal(c(30, 0), 1), dim = 2) }), 1, seed = 1), "`c` cannot be drawn from its prior: almost none of it lies where `ordered\\(\\)` allows")
})

test_that("draws of truncated() come from where nothing of the distribution is left but a tail", {
  n <- 4000L
  s <- simulate(model({
    a ~ truncated(normal(0, 1), lower = 8)
    b ~ truncated(normal(c(0, 1), 1), upper = -20, dim = 2)
    t ~ truncated(student_t(3, 0, 1), lower = 200, upper = 300)
    g ~ truncated(gamma(2, 1), upper = 1e-5)
    e ~ truncated(exponential(1), lower = 50)
    y ~ truncated(poisson(1e-6), lower = 2)
  }), n, seed = 4, data = list(y = rep(3, 10)))
  # the probabilities of the draws are uniform
  uniform <- function(u) expect_gt(suppressWarnings(stats::ks.test(u, "punif")$p.value), 1e-4)
  tail <- function(log_p, log_all) exp(log_p - log_all)
  uniform(tail(pnorm(s$a, lower.tail = FALSE, log.p = TRUE), pnorm(8, lower.tail = FALSE, log.p = TRUE)))
  for (k in 1:2) uniform(tail(pnorm(s$b[, k], k - 1, log.p = TRUE), pnorm(-20, k - 1, log.p = TRUE)))
  uniform((pt(s$t, 3, lower.tail = FALSE) - pt(300, 3, lower.tail = FALSE)) / (pt(200, 3, lower.tail = FALSE) - pt(300, 3, lower.tail = FALSE)))
  uniform(pgamma(s$g, 2, 1) / pgamma(1e-5, 2, 1))
  uniform(exp(-(s$e - 50)))
  expect_true(all(s$y == 2))
  expect_error(simulate(model({ a ~ truncated(uniform(0, 1), lower = 0.5, upper = 2); b ~ truncated(beta(2, 2), lower = a + 1) }), 1, seed = 1),
               "`b` cannot be drawn from its prior: almost none of it lies where `truncated\\(\\)` allows")
})

test_that("wrappers inside wrappers", {
  m <- model({
    l ~ normal(0, 1)
    y ~ zero_inflated(0.3, truncated(poisson(exp(l)), lower = 1))
  })
  lambda <- exp(0.4)
  want <- dnorm(0.4, log = TRUE) + sum(ifelse(y == 0, log(0.3), log(0.7) + dpois(y, lambda, log = TRUE) - log(1 - exp(-lambda))))
  expect_equal(wrapped_at(m, list(y = y), 0.4), want)
})

test_that("errors", {
  at <- function(m, data = list(y = y)) log_density(m, data)
  expect_error(at(model({ l ~ normal(0, 1); y ~ zero_inflated(0.2) })), "needs a distribution")
  expect_error(at(model({ l ~ normal(0, 1); y ~ mixture(normal(l, 1)) })), "needs|weights|distribution")
  expect_error(at(model({ l ~ normal(0, 1); y ~ mixture(c(0.1, 0.2, 0.7), normal(l, 1), normal(0, 1)) })), "but there are 2 distributions")
  expect_error(at(model({ l ~ zero_inflated(0.1, poisson(2)) })), "cannot be `zero_inflated\\(\\)`")
  expect_error(at(model({ l ~ truncated(poisson(2), lower = 1) })), "discrete")
  expect_error(at(model({ l ~ mixture(c(1, 1), normal(0, 1), gamma(1, 1)) })), "different supports")
  expect_error(at(model({ l ~ truncated(normal(0, 1), lower = 2, upper = 1) })), "below `upper`")
  expect_error(at(model({ l ~ normal(0, 1); y ~ truncated(dirichlet(l)) })), "single numbers")
  expect_error(at(model({ l ~ normal(0, 1); y ~ truncated(nosuch(l)) })), "no distribution `nosuch\\(\\)`")
  expect_error(at(model({ l ~ normal(0, 1); y ~ zero_inflated(2, poisson(l)) })), "between 0 and 1")
})

test_that("a mixture of vectors or of categories takes one component for each of them", {
  Y <- matrix(c(-1, 0.5, 3, 0.2, 1, 2.5), 3)
  m <- model({
    mu ~ normal(0, 1, dim = 2)
    w ~ beta(1, 1)
    Y ~ mixture(c(w, 1 - w), multi_normal_cholesky(mu, L), multi_normal_cholesky(c(3, 3), diag(2)))
  })
  L <- matrix(c(1, 0.5, 0, 2), 2)
  z <- c(0.3, -0.2, 0.4)
  w <- plogis(0.4)
  normal2 <- function(y, mu, L) exp(-sum(forwardsolve(L, y - mu)^2) / 2) / (2 * pi * prod(diag(L)))
  want <- sum(dnorm(z[1:2], log = TRUE)) + log(w * (1 - w)) + sum(log(apply(Y, 1, function(y) w * normal2(y, z[1:2], L) + (1 - w) * normal2(y, c(3, 3), diag(2)))))
  expect_equal(wrapped_at(m, list(Y = Y, L = L), z), want)
  one <- dnorm(z[1], log = TRUE) + dnorm(z[2], log = TRUE) + log(w * (1 - w)) + log(w * normal2(Y[2, ], z[1:2], L) + (1 - w) * normal2(Y[2, ], c(3, 3), diag(2)))
  expect_equal(wrapped_at(m, list(Y = Y[2, ], L = L), z), one)
  # draws are whole vectors of one component
  far <- model({
    a ~ beta(1, 1)
    Y ~ mixture(c(0.25, 0.75), multi_normal_cholesky(c(-50, -50), diag(2)), multi_normal_cholesky(c(50, 50), diag(2)))
  })
  s <- simulate(far, 400, seed = 1, data = list(Y = Y))$Y
  expect_identical(dim(s), c(400L, 3L, 2L))
  expect_true(all(sign(s[, , 1]) == sign(s[, , 2])))
  expect_lt(abs(mean(s[, , 1] > 0) - 0.75), 4.5 * sqrt(0.25 * 0.75 / 1200))

  counts <- rbind(c(3, 1, 0), c(0, 2, 5))
  m <- model({
    p ~ dirichlet(c(1, 1, 1))
    n ~ mixture(c(0.3, 0.7), multinomial(size, p), multinomial(size, c(1, 1, 1)))
    k ~ mixture(c(0.3, 0.7), categorical(p), categorical(c(1, 2, 3)))
  })
  f <- log_density(m, list(n = counts, size = rowSums(counts), k = c(1, 3)))
  expect_consistent(f)
  p <- as.vector(f$constrain(c(0.3, -0.4))$p)
  terms <- f$terms(c(0.3, -0.4))
  expect_equal(terms[["n"]], sum(log(apply(counts, 1, function(x) 0.3 * dmultinom(x, prob = p) + 0.7 * dmultinom(x, prob = c(1, 1, 1))))))
  expect_equal(terms[["k"]], sum(log(0.3 * p[c(1, 3)] + 0.7 * c(1, 3) / 6)))
})

test_that("terms are right for large counts inside a wrapper", {
  data <- list(y = c(0, 3, 1000))
  for (m in list(model({ a ~ normal(0, 10); y ~ zero_inflated(0.2, poisson_log(a)) }), model({ a ~ normal(0, 10); y ~ zero_inflated(0.2, binomial_logit(2000, a)) }),
                 model({ a ~ normal(0, 10); y ~ mixture(c(0.2, 0.8), neg_binomial_log(a, 3), poisson(900)) }))) {
    f <- log_density(m, data)
    expect_equal(sum(f$terms(6.5)), f$fn(6.5), tolerance = 1e-10)
  }
})
