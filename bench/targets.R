# The targets of bench/convergence.R and bench/calibration.R: name = list(model, data, hard, init). Data are simulated from fixed seeds.

simulated_targets <- function() {
  c(gaussian_targets(), regression_targets(), hierarchical_targets(), odd_targets(), large_targets())
}

target <- function(model, data, hard = FALSE) list(model = model, data = data, hard = hard)

# N(0, S), S with eigenvalues from 1 to `condition` in a random basis; given by the Cholesky factor of its precision.
gaussian_target <- function(d, condition, seed) {
  set.seed(seed)
  Q <- qr.Q(qr(matrix(rnorm(d * d), d)))
  W <- t(Q) * condition^(-seq(0, 1, length.out = d) / 2)
  target(model({
    x ~ flat(dim = d)
    target(-sum((W %*% x)^2) / 2)
  }), list(d = d, W = W))
}

gaussian_targets <- function() {
  list(gaussian_20 = gaussian_target(20, 1e6, 1), gaussian_100 = gaussian_target(100, 1e6, 2), gaussian_500 = gaussian_target(500, 1e6, 3))
}

logistic_target <- function(n, d, seed, spread = 1, prior = 2.5, hard = FALSE) {
  set.seed(seed)
  X <- cbind(1, matrix(rnorm(n * (d - 1)), n)) * rep(spread, length.out = d)[col(matrix(0, n, d))]
  y <- rbinom(n, 1, plogis(X %*% (rnorm(d, sd = 0.5) / rep(spread, length.out = d))))
  target(model({
    b ~ normal(0, prior, dim = ncol(X))
    y ~ bernoulli_logit(X %*% b)
  }), list(X = X, y = y, prior = prior / rep(spread, length.out = d)), hard)
}

regression_targets <- function() {
  set.seed(11)
  x <- matrix(rnorm(60 * 3), 60)
  t_regression <- list(x = x, y = as.vector(1 + x %*% c(1, -0.5, 0.2) + rt(60, 3)))
  list(
    logistic_scaled = logistic_target(400, 6, 12, spread = 10^c(0, 5, -3, 3, -2, 1)),
    logistic_small = logistic_target(200, 50, 13, hard = TRUE),
    logistic_tiny = logistic_target(30, 10, 14, hard = TRUE),
    t_regression = target(model({
      a ~ normal(0, 5)
      b ~ normal(0, 2, dim = 3)
      s ~ half_normal(2)
      y ~ student_t(4, a + x %*% b, s)
    }), t_regression, hard = TRUE)
  )
}

count_data <- function(seed, J = 50, each = 4) {
  set.seed(seed)
  g <- rep(seq_len(J), each = each)
  x <- rnorm(J * each)
  list(J = J, g = g, x = x, y = rpois(J * each, exp(0.5 + 0.3 * x + rnorm(J, sd = 0.5)[g])))
}

hierarchical_targets <- function() {
  eight <- list(J = 8, y = c(28, 8, -3, 7, -1, 1, 18, 12), s = c(15, 10, 16, 11, 9, 11, 10, 18))
  set.seed(23)
  g <- rep(1:15, each = 8)
  x <- rnorm(120)
  binary <- list(J = 15, g = g, x = x, y = rbinom(120, 1, plogis(-0.3 + 0.8 * x + rnorm(15, sd = 0.8)[g])))
  few <- count_data(24, 8, 3)
  set.seed(29)
  many <- list(J = 220, y = rnorm(220, rnorm(220, 1, 0.7), 1))
  set.seed(31)
  people <- list(J = 250, g = rep(1:250, each = 3))
  people$y <- rbinom(750, 1, plogis(-0.3 + rnorm(250, 0, 0.5)[people$g]))
  list(
    binary_252 = target(model({
      a  ~ normal(0, 2)
      sd ~ half_normal(2)
      u  ~ normal(0, sd, dim = J)
      y  ~ bernoulli_logit(a + u[g])
    }), people, hard = TRUE),
    groups_220 = target(model({
      mu  ~ normal(0, 5)
      tau ~ half_normal(2)
      z   ~ normal(0, 1, dim = J)
      y   ~ normal(mu + tau * z, 1)
    }), many, hard = TRUE),
    eight_centred = target(model({
      mu    ~ normal(0, 5)
      tau   ~ half_cauchy(5)
      theta ~ normal(mu, tau, dim = J)
      y     ~ normal(theta, s)
    }), eight, hard = TRUE),
    eight_noncentred = target(model({
      mu        ~ normal(0, 5)
      tau       ~ half_cauchy(5)
      theta_raw ~ normal(0, 1, dim = J)
      y         ~ normal(mu + tau * theta_raw, s)
    }), eight, hard = TRUE),
    glmm_centred = target(centred_counts(), count_data(21), hard = TRUE),
    glmm_noncentred = target(noncentred_counts(), count_data(21), hard = TRUE),
    glmm_few_centred = target(centred_counts(), few, hard = TRUE),
    glmm_few_noncentred = target(noncentred_counts(), few, hard = TRUE),
    hierarchical_logistic = target(model({
      a ~ normal(0, 2)
      b ~ normal(0, 2)
      s ~ half_normal(1)
      u ~ normal(0, s, dim = J)
      y ~ bernoulli_logit(a + b * x + u[g])
    }), binary, hard = TRUE)
  )
}

centred_counts <- function() model({
  b0 ~ normal(0, 5)
  b1 ~ normal(0, 1)
  s  ~ half_normal(1)
  u  ~ normal(0, s, dim = J)
  y  ~ poisson_log(b0 + b1 * x + u[g])
})

noncentred_counts <- function() model({
  b0 ~ normal(0, 5)
  b1 ~ normal(0, 1)
  s  ~ half_normal(1)
  v  ~ normal(0, 1, dim = J)
  y  ~ poisson_log(b0 + b1 * x + s * v[g])
})

# Stochastic volatility, its log volatility a stationary AR(1).
volatility_target <- function(n, seed) {
  set.seed(seed)
  h <- numeric(n)
  for (t in 2:n) h[t] <- 0.9 * h[t - 1] + rnorm(1, sd = 0.4)
  target(model({
    mu    ~ normal(0, 2)
    phi   ~ uniform(-1, 1)
    sigma ~ half_normal(1)
    z     ~ normal(0, 1, dim = n)
    h[1]  <- mu + sigma / sqrt(1 - phi^2) * z[1]
    for (t in 2:n) h[t] <- mu + phi * (h[t - 1] - mu) + sigma * z[t]
    y     ~ normal(0, exp(h / 2))
  }), list(n = n, y = rnorm(n, sd = exp(h / 2))), hard = TRUE)
}

odd_targets <- function() {
  list(
    funnel = target(model({
      v ~ normal(0, 3)
      x ~ normal(0, exp(v / 2), dim = 9)
      y ~ normal(x, 1)
    }), list(y = c(0.3, -1.2, 0.8, 2.1, -0.4, 0.1, -0.9, 1.5, 0.2)), hard = TRUE),
    volatility = volatility_target(40, 31),
    student_t = target(model({ x ~ student_t(4, 0, 1, dim = 10) }), list(), hard = TRUE),
    banana = target(model({
      a ~ normal(0, 2)
      b ~ normal(a^2 / 4, 0.5)
    }), list(), hard = TRUE),
    mixture = target(model({
      x ~ flat(dim = 2)
      target(log_sum_exp(c(log(0.6) - sum((x - 4)^2) / 2, log(0.4) - sum((x + 4)^2) / 2)))
    }), list())
  )
}

# n = 1,500 and d = 1,000: the linear predictor has sd 1 under the prior; and the same with a prior so wide that the data are separated.
large_targets <- function() {
  set.seed(41)
  d <- 1000
  X <- matrix(rnorm(1500 * d), 1500) / sqrt(d)
  data <- list(X = X, y = rbinom(1500, 1, plogis(X %*% rnorm(d))))
  logistic <- model({
    b ~ normal(0, prior, dim = ncol(X))
    y ~ bernoulli_logit(X %*% b)
  })
  list(logistic_1000 = target(logistic, c(data, prior = 1)), logistic_1000_wide = target(logistic, c(data, prior = 10)))
}
