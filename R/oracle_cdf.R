# Log probabilities of intervals in plain R for the oracle: each distribution function from R's own, or written out. `lower` says
# which tail, as in R.

oracle_log_cdf <- local({
  log1mexp <- function(x) ifelse(x > -log(2), log(-expm1(x)), log1p(-exp(x)))
  # from the log of one tail
  from_below <- function(log_below, lower) if (lower) log_below else log1mexp(log_below)
  from_above <- function(log_above, lower) if (lower) log1mexp(log_above) else log_above
  folded <- function(tail, lower) from_above(log(2) + tail, lower)
  inverse_gamma <- function(q, shape, scale, lower) stats::pgamma(1 / pmax(q, 0), shape, rate = scale, lower.tail = !lower, log.p = TRUE)
  laplace_like <- function(z, left, right, lower) {
    # weights left and right of 0 and their rates: P(Z <= z) = left$w exp(left$r z) for z < 0
    from_above(ifelse(z < 0, log1p(-left$w * exp(left$r * pmin(z, 0))), log(right$w) - right$r * pmax(z, 0)), lower)
  }
  logit <- stats::plogis
  list(
    normal = function(q, a, lower) stats::pnorm(q, a[[1L]], a[[2L]], lower, TRUE),
    student_t = function(q, a, lower) stats::pt((q - a[[2L]]) / a[[3L]], a[[1L]], lower.tail = lower, log.p = TRUE),
    cauchy = function(q, a, lower) stats::pcauchy(q, a[[1L]], a[[2L]], lower, TRUE),
    laplace = function(q, a, lower) laplace_like((q - a[[1L]]) / a[[2L]], list(w = 0.5, r = 1), list(w = 0.5, r = 1), lower),
    asymmetric_laplace = function(q, a, lower) {
      k <- a[[3L]]
      laplace_like((q - a[[1L]]) / a[[2L]], list(w = k^2 / (1 + k^2), r = 1 / k), list(w = 1 / (1 + k^2), r = k), lower)
    },
    logistic = function(q, a, lower) stats::plogis(q, a[[1L]], a[[2L]], lower, TRUE),
    gumbel = function(q, a, lower) from_below(-exp(-(q - a[[1L]]) / a[[2L]]), lower),
    exp_mod_normal = function(q, a, lower) {
      z <- (q - a[[1L]]) / a[[2L]]
      v <- a[[2L]] * a[[3L]]
      below <- stats::pnorm(z) - exp(v^2 / 2 - v * z + stats::pnorm(z - v, log.p = TRUE))
      from_below(log(ifelse(is.nan(below), 1, below)), lower)
    },
    half_normal = function(q, a, lower) folded(stats::pnorm(pmax(q, 0), 0, a[[1L]], FALSE, TRUE), lower),
    half_student_t = function(q, a, lower) folded(stats::pt(pmax(q, 0) / a[[2L]], a[[1L]], lower.tail = FALSE, log.p = TRUE), lower),
    half_cauchy = function(q, a, lower) folded(stats::pcauchy(pmax(q, 0), 0, a[[1L]], FALSE, TRUE), lower),
    lognormal = function(q, a, lower) stats::plnorm(q, a[[1L]], a[[2L]], lower, TRUE),
    exponential = function(q, a, lower) stats::pexp(q, a[[1L]], lower, TRUE),
    gamma = function(q, a, lower) stats::pgamma(q, a[[1L]], rate = a[[2L]], lower.tail = lower, log.p = TRUE),
    inverse_gamma = function(q, a, lower) inverse_gamma(q, a[[1L]], a[[2L]], lower),
    inverse_gaussian = function(q, a, lower) {
      root <- sqrt(a[[2L]] / q)
      below <- stats::pnorm(root * (q / a[[1L]] - 1)) + exp(2 * a[[2L]] / a[[1L]] + stats::pnorm(-root * (q / a[[1L]] + 1), log.p = TRUE))
      from_below(log(ifelse(q <= 0, 0, pmin(below, 1))), lower)
    },
    chi_square = function(q, a, lower) stats::pchisq(q, a[[1L]], lower.tail = lower, log.p = TRUE),
    scaled_inv_chi_square = function(q, a, lower) inverse_gamma(q, a[[1L]] / 2, a[[1L]] * a[[2L]]^2 / 2, lower),
    weibull = function(q, a, lower) stats::pweibull(q, a[[1L]], a[[2L]], lower, TRUE),
    frechet = function(q, a, lower) from_below(-(pmax(q, 0) / a[[2L]])^-a[[1L]], lower),
    rayleigh = function(q, a, lower) from_above(-pmax(q, 0)^2 / (2 * a[[1L]]^2), lower),
    pareto = function(q, a, lower) from_above(pmin(a[[2L]] * (log(a[[1L]]) - log(pmax(q, 0))), 0), lower),
    beta = function(q, a, lower) stats::pbeta(q, a[[1L]], a[[2L]], lower.tail = lower, log.p = TRUE),
    beta_proportion = function(q, a, lower) stats::pbeta(q, a[[1L]] * a[[2L]], (1 - a[[1L]]) * a[[2L]], lower.tail = lower, log.p = TRUE),
    uniform = function(q, a, lower) stats::punif(q, a[[1L]], a[[2L]], lower, TRUE),
    kumaraswamy = function(q, a, lower) from_above(a[[2L]] * log1p(-pmin(pmax(q, 0), 1)^a[[1L]]), lower),
    bernoulli = function(q, a, lower) stats::pbinom(q, 1, a[[1L]], lower, TRUE),
    bernoulli_logit = function(q, a, lower) stats::pbinom(q, 1, logit(a[[1L]]), lower, TRUE),
    binomial = function(q, a, lower) stats::pbinom(q, a[[1L]], a[[2L]], lower, TRUE),
    binomial_logit = function(q, a, lower) stats::pbinom(q, a[[1L]], logit(a[[2L]]), lower, TRUE),
    poisson = function(q, a, lower) stats::ppois(q, a[[1L]], lower, TRUE),
    poisson_log = function(q, a, lower) stats::ppois(q, exp(a[[1L]]), lower, TRUE),
    neg_binomial = function(q, a, lower) stats::pnbinom(q, size = a[[2L]], mu = a[[1L]], lower.tail = lower, log.p = TRUE),
    neg_binomial_log = function(q, a, lower) stats::pnbinom(q, size = a[[2L]], mu = exp(a[[1L]]), lower.tail = lower, log.p = TRUE),
    geometric = function(q, a, lower) stats::pgeom(q, a[[1L]], lower, TRUE)
  )
})

# log P(lower <= X <= upper), from the tails that keep more digits.
oracle_log_interval <- function(name, lower, upper, args, len) {
  f <- oracle_log_cdf[[name]]
  if (is.null(f)) stop(sprintf("The oracle has no distribution function of `%s()`.", name), call. = FALSE)
  args <- lapply(args, rep_len, len)
  upper <- rep_len(upper, len)
  # the lower end belongs to the interval
  lower <- if (dist_table()[[name]]$discrete) ceiling(rep_len(lower, len)) - 1 else rep_len(lower, len)
  tail <- function(q, below) quietly(ifelse(q == -Inf, if (below) -Inf else 0, ifelse(q == Inf, if (below) 0 else -Inf, f(q, args, below))))
  log_diff <- function(a, b) ifelse(b == -Inf, a, a + log1p(-exp(b - a)))
  quietly(ifelse(tail(lower, TRUE) > log(0.5), log_diff(tail(lower, FALSE), tail(upper, FALSE)), log_diff(tail(upper, TRUE), tail(lower, TRUE))))
}
