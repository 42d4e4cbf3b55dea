# Pareto smoothing of importance weights, as posterior::pareto_smooth() does it. It is written out here because every fit reports k-hat,
# and loading package posterior takes ten times as long (0.6 s) as most fits.

# Smoothed weights and k-hat of independent weights. NA when their tail is constant, too few, or has vanished in rounding.
pareto_smooth <- function(w) {
  n <- length(w)
  tail <- if (n > 225) floor(3 * sqrt(n)) else floor(n / 5)
  unsmoothed <- list(w = w, khat = NA_real_)
  if (tail < 5 || !all(is.finite(w))) return(unsmoothed)
  order <- order(w)
  at <- order[seq(n - tail + 1, n)]
  largest <- w[at]
  if (largest[tail] - largest[1L] < .Machine$double.eps) return(unsmoothed)
  cutoff <- w[order[n - tail]]
  if (cutoff == largest[1L]) cutoff <- cutoff - .Machine$double.eps
  fit <- generalized_pareto(largest - cutoff)
  if (!is.finite(fit$k)) return(unsmoothed)
  p <- (seq_len(tail) - 0.5) / tail
  smoothed <- cutoff + fit$sigma * (if (fit$k == 0) -log1p(-p) else expm1(-fit$k * log1p(-p)) / fit$k)
  w[at] <- pmin(smoothed, largest[tail])
  list(w = w, khat = fit$k)
}

# Shape k and scale sigma of a generalised Pareto distribution for x, increasing and positive: the quasi-Bayesian estimate of Zhang
# and Stephens (2009, Technometrics 51, 316-325), k drawn towards 1/2 as by 10 observations (Vehtari et al. 2024, JMLR 25(72)).
generalized_pareto <- function(x) {
  n <- length(x)
  points <- 30 + floor(sqrt(n))
  quartile <- x[floor(n / 4 + 0.5)]
  if (quartile <= x[1L]) return(list(k = NA_real_, sigma = NA_real_))
  theta <- 1 / x[n] + (1 - sqrt(points / (seq_len(points) - 0.5))) / (3 * quartile)
  k <- rowMeans(log1p(-outer(theta, x)))
  log_profile <- n * (log(-theta / k) - k - 1)
  weight <- exp(log_profile - max(log_profile))
  theta <- sum(theta * weight) / sum(weight)
  k <- mean(log1p(-theta * x))
  list(k = (k * n + 5) / (n + 10), sigma = -k / theta)
}

pareto_khat <- function(w) if (length(w) < 25L) NA_real_ else pareto_smooth(w)$khat
