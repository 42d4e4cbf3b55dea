# Log densities in plain R for the oracle: each takes the value, a list of arguments in the table's order, the number N of events
# and their size K, and gives one log density a row or an event. Everything from R's own functions or written out.

oracle_log_density <- local({
  rows <- function(f) function(x, args, N, K) quietly(do.call(f, c(list(x), unname(args))))

  # Vectors: event i of an argument is row i of N x K numbers, or the same K for all; f(x, ...) is for one event.
  events <- function(f, kinds) {
    function(x, args, N, K) {
      one <- function(a, kind, i) {
        switch(kind,
          matrix = matrix(a, K),
          vector = if (length(a) > K) matrix(a, N)[i, ] else a,
          scalar = if (length(a) > 1L) a[i] else a,
          whole = a)
      }
      value <- matrix(x, N)
      vapply(seq_len(N), function(i) {
        quietly(do.call(f, c(list(value[i, ]), unname(Map(function(a, kind) one(a, kind, i), args, kinds)))))
      }, 0)
    }
  }
  matrices <- function(f) function(x, args, N, K) quietly(f(matrix(x, K), args, K))

  inside <- function(value, ok) ifelse(ok, value, -Inf)
  log_sum_exp <- function(x) oracle_log_sum_exp(x)
  inverse_gamma <- function(x, a, b) a * log(b) - lgamma(a) - (a + 1) * log(x) - b / x
  t_density <- function(x, df, loc, scale) stats::dt((x - loc) / scale, df, log = TRUE) - log(scale)
  logit_mass <- function(x, size, logit) lchoose(size, x) + x * stats::plogis(logit, log.p = TRUE) + (size - x) * stats::plogis(-logit, log.p = TRUE)
  multi_t <- function(x, df, loc, L) {
    k <- length(x)
    r <- forwardsolve(L, x - loc)
    lgamma((df + k) / 2) - lgamma(df / 2) - k / 2 * log(df * pi) - sum(log(diag(L))) - (df + k) / 2 * log1p(sum(r^2) / df)
  }
  multi_normal <- function(x, loc, L) sum(stats::dnorm(forwardsolve(L, x - loc), log = TRUE)) - sum(log(diag(L)))
  log_multi_gamma <- function(a, p) p * (p - 1) / 4 * log(pi) + sum(lgamma(a + (1 - seq_len(p)) / 2))
  log_lkj_constant <- function(eta, K) {
    k <- seq_len(K - 1L)
    sum(lbeta(eta + (K - k - 1) / 2, eta + (K - k - 1) / 2) * (K - k) + (2 * eta - 2 + K - k) * (K - k) * log(2))
  }
  # between the cuts around category x, by the tail that keeps more digits
  between <- function(x, cuts, cdf) {
    ends <- c(-Inf, cuts, Inf)[x + 0:1]
    if (sum(ends) > 0) log(cdf(-ends[1L]) - cdf(-ends[2L])) else log(cdf(ends[2L]) - cdf(ends[1L]))
  }
  log_det <- function(m) 2 * sum(log(diag(chol(m))))

  list(
    normal = rows(function(x, loc, scale) stats::dnorm(x, loc, scale, log = TRUE)),
    student_t = rows(t_density),
    cauchy = rows(function(x, loc, scale) stats::dcauchy(x, loc, scale, log = TRUE)),
    laplace = rows(function(x, loc, scale) -log(2 * scale) - abs(x - loc) / scale),
    asymmetric_laplace = rows(function(x, loc, scale, asymmetry) {
      left <- scale * asymmetry
      right <- scale / asymmetry
      -abs(x - loc) / ifelse(x < loc, left, right) - log(left + right)
    }),
    logistic = rows(function(x, loc, scale) stats::dlogis(x, loc, scale, log = TRUE)),
    gumbel = rows(function(x, loc, scale) -(x - loc) / scale - exp(-(x - loc) / scale) - log(scale)),
    skew_normal = rows(function(x, loc, scale, shape) {
      log(2) + stats::dnorm(x, loc, scale, log = TRUE) + stats::pnorm(shape * (x - loc) / scale, log.p = TRUE)
    }),
    exp_mod_normal = rows(function(x, loc, scale, rate) {
      log(rate) + rate * (loc - x) + (rate * scale)^2 / 2 + stats::pnorm((x - loc) / scale - rate * scale, log.p = TRUE)
    }),
    von_mises = rows(function(x, loc, concentration) {
      concentration * (cos(x - loc) - 1) - log(2 * pi) - log(besselI(concentration, 0, expon.scaled = TRUE))
    }),
    flat = rows(function(x, lower, upper) inside(0 * x, x >= lower & x <= upper)),

    half_normal = rows(function(x, scale) inside(log(2) + stats::dnorm(x, 0, scale, log = TRUE), x >= 0)),
    half_student_t = rows(function(x, df, scale) inside(log(2) + t_density(x, df, 0, scale), x >= 0)),
    half_cauchy = rows(function(x, scale) inside(log(2) + stats::dcauchy(x, 0, scale, log = TRUE), x >= 0)),
    lognormal = rows(function(x, loc, scale) stats::dlnorm(x, loc, scale, log = TRUE)),
    exponential = rows(function(x, rate) stats::dexp(x, rate, log = TRUE)),
    gamma = rows(function(x, shape, rate) stats::dgamma(x, shape, rate, log = TRUE)),
    inverse_gamma = rows(inverse_gamma),
    inverse_gaussian = rows(function(x, mean, shape) 0.5 * (log(shape) - log(2 * pi) - 3 * log(x)) - shape * (x - mean)^2 / (2 * mean^2 * x)),
    chi_square = rows(function(x, df) stats::dchisq(x, df, log = TRUE)),
    scaled_inv_chi_square = rows(function(x, df, scale) inverse_gamma(x, df / 2, df * scale^2 / 2)),
    weibull = rows(function(x, shape, scale) stats::dweibull(x, shape, scale, log = TRUE)),
    frechet = rows(function(x, shape, scale) log(shape) - log(scale) - (1 + shape) * log(x / scale) - (x / scale)^-shape),
    rayleigh = rows(function(x, scale) log(x) - 2 * log(scale) - x^2 / (2 * scale^2)),
    pareto = rows(function(x, scale, shape) inside(log(shape) + shape * log(scale) - (shape + 1) * log(x), x >= scale)),

    beta = rows(function(x, shape1, shape2) stats::dbeta(x, shape1, shape2, log = TRUE)),
    beta_proportion = rows(function(x, mean, precision) stats::dbeta(x, mean * precision, (1 - mean) * precision, log = TRUE)),
    uniform = rows(function(x, lower, upper) stats::dunif(x, lower, upper, log = TRUE)),
    kumaraswamy = rows(function(x, shape1, shape2) log(shape1) + log(shape2) + (shape1 - 1) * log(x) + (shape2 - 1) * log1p(-x^shape1)),

    bernoulli = rows(function(x, prob) stats::dbinom(x, 1, prob, log = TRUE)),
    bernoulli_logit = rows(function(x, logit) logit_mass(x, 1, logit)),
    binomial = rows(function(x, size, prob) stats::dbinom(x, size, prob, log = TRUE)),
    binomial_logit = rows(logit_mass),
    poisson = rows(function(x, rate) stats::dpois(x, rate, log = TRUE)),
    poisson_log = rows(function(x, log_rate) x * log_rate - exp(log_rate) - lgamma(x + 1)),
    neg_binomial = rows(function(x, mean, size) stats::dnbinom(x, size = size, mu = mean, log = TRUE)),
    neg_binomial_log = rows(function(x, log_mean, size) {
      lgamma(x + size) - lgamma(size) - lgamma(x + 1) + size * stats::plogis(log(size) - log_mean, log.p = TRUE) +
        x * stats::plogis(log_mean - log(size), log.p = TRUE)
    }),
    geometric = rows(function(x, prob) stats::dgeom(x, prob, log = TRUE)),
    beta_binomial = rows(function(x, size, shape1, shape2) lchoose(size, x) + lbeta(x + shape1, size - x + shape2) - lbeta(shape1, shape2)),
    categorical = events(function(x, prob) log(prob[x]) - log(sum(prob)), "vector"),
    categorical_logit = events(function(x, logit) logit[x] - log_sum_exp(logit), "vector"),
    ordered_logistic = events(function(x, location, cutpoints) between(x, cutpoints - location, stats::plogis), c("scalar", "vector")),
    ordered_probit = events(function(x, location, cutpoints) between(x, cutpoints - location, stats::pnorm), c("scalar", "vector")),
    multinomial = events(function(x, size, prob) stats::dmultinom(x, size, prob, log = TRUE), c("scalar", "vector")),

    multi_normal = events(function(x, loc, covariance) multi_normal(x, loc, t(chol(covariance))), c("vector", "matrix")),
    multi_normal_cholesky = events(multi_normal, c("vector", "matrix")),
    multi_normal_precision = events(function(x, loc, precision) {
      R <- chol(precision)
      sum(stats::dnorm(R %*% (x - loc), log = TRUE)) + sum(log(diag(R)))
    }, c("vector", "matrix")),
    multi_student_t = events(multi_t, c("scalar", "vector", "matrix")),
    dirichlet = events(function(x, concentration) {
      a <- rep_len(concentration, length(x))
      lgamma(sum(a)) - sum(lgamma(a)) + sum(ifelse(a == 1, 0, (a - 1) * log(x)))
    }, "vector"),
    gaussian_random_walk = events(function(x, scale) sum(stats::dnorm(diff(c(0, x)), 0, scale, log = TRUE)), "scalar"),

    ar1 = events(function(x, coef, scale) {
      n <- length(x)
      stats::dnorm(x[1L], 0, scale / sqrt(1 - coef^2), log = TRUE) + sum(stats::dnorm(x[-1L], coef * x[-n], scale, log = TRUE))
    }, c("scalar", "scalar")),
    icar = events(function(x, node1, node2) -sum((x[node1] - x[node2])^2) / 2, c("whole", "whole")),

    lkj_corr_cholesky = matrices(function(x, args, K) {
      eta <- args[[1L]]
      k <- seq_len(K)[-1L]
      sum((K - k + 2 * eta - 2) * log(diag(x)[k])) - log_lkj_constant(eta, K)
    }),
    lkj_corr = matrices(function(x, args, K) (args[[1L]] - 1) * log_det(x) - log_lkj_constant(args[[1L]], K)),
    wishart = matrices(function(x, args, K) {
      df <- args[[1L]]
      S <- matrix(args[[2L]], K)
      (df - K - 1) / 2 * log_det(x) - sum(diag(solve(S, x))) / 2 - df * K / 2 * log(2) - df / 2 * log_det(S) - log_multi_gamma(df / 2, K)
    }),
    inverse_wishart = matrices(function(x, args, K) {
      df <- args[[1L]]
      S <- matrix(args[[2L]], K)
      df / 2 * log_det(S) - df * K / 2 * log(2) - log_multi_gamma(df / 2, K) - (df + K + 1) / 2 * log_det(x) - sum(diag(S %*% solve(x))) / 2
    })
  )
})
