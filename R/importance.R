# Correction by importance sampling: draws of the guide, weighted by p(z) / q(z), the largest weights smoothed.

# Draws behind corrected summaries.
importance_draws <- 10000L

# n rows z of the guide of x and their weights, which add up to 1; with importance = FALSE they are equal. Rows without weight are
# left out: what the model computes there may not be a number. An error when the weights cannot correct anything.
weighted_draws <- function(x, n, seed, importance = TRUE) {
  g <- checked_guide(x)
  eps <- draw_eps(n, length(g$loc), seed)
  z <- sample_guide(g, eps)
  if (!importance) return(list(z = z, weights = rep(1 / n, n)))
  log_weights <- log_weights(g, eps)
  found <- importance_diagnostics(log_weights)
  for (known in list(judged_weights(x), found)) check_correctable(known)
  w <- smoothed_weights(log_weights, found)
  some <- w > 0
  w <- w[some] / sum(w)
  list(z = z[some, , drop = FALSE], weights = w, khat = found$khat, log_weight_sd = found$log_weight_sd, ess = 1 / sum(w^2))
}

# The diagnostics that a fit prints, while its guide is the one that was judged. One set of draws can miss the tail that another has met;
# what the fit has called poor is not corrected.
judged_weights <- function(x) {
  if (inherits(x, "fullrank_fit") && identical(pack_guide(x$guide), x$state$theta)) x[c("khat", "log_weight_sd")]
}

weights_are_flat <- function(found) isTRUE(found$log_weight_sd < flat_weights_sd)

# Whether weights with these diagnostics can correct draws; of a guide that no fit has judged nothing is known against it.
correctable <- function(found) is.null(found) || weights_are_flat(found) || isTRUE(found$khat <= 0.7)

check_correctable <- function(found) {
  if (correctable(found)) return(invisible())
  stop(sprintf("Importance sampling cannot correct this fit: k-hat is %s, and above 0.7 a few draws carry all the weight.",
               if (isTRUE(is.finite(found$khat))) formatC(found$khat, digits = 2, format = "f") else "not available"),
       "\n  The guide does not reach all of the posterior. Use importance = FALSE and read the answer as approximate, or",
       "\n  state the model so that its posterior is closer to a Normal (for a hierarchy, standardised effects).", call. = FALSE)
}

relative_weights <- function(log_weights) {
  w <- exp(log_weights - max(log_weights[is.finite(log_weights)]))
  w[is.nan(w)] <- 0
  w
}

smoothed_weights <- function(log_weights, found) {
  w <- relative_weights(log_weights)
  if (weights_are_flat(found)) w else pareto_smooth(w)$w
}

# n rows of z, resampled from a larger number of draws of the guide in proportion to their smoothed weights.
importance_resample <- function(x, n, seed, pool = max(10 * n, 4000)) {
  pool <- weighted_draws(x, pool, seed)
  u <- uniform_numbers(1L, mix_seed(seed, 1))
  pool$z[systematic_resample(pool$weights, n, u), , drop = FALSE]
}

# n positions, w_i / sum(w) * n of each up to rounding, from one uniform number.
systematic_resample <- function(w, n, u) {
  upper <- cumsum(w) / sum(w)
  findInterval((seq_len(n) - 1 + u) / n, upper[-length(w)]) + 1L
}

# ---- weighted summaries ------------------------------------------------------------------------------------------------

# For each column of x (S x p): mean, sd and quantiles under weights w that add up to 1, then the Monte Carlo standard error of each; a
# p x 2 (2 + length(probs)) matrix. Errors of mean and sd by the delta method for ratios of sums: sd / sqrt(effective sample
# size), where that size is the statistic's own, 1 / sum(w^2) when w and the statistic are not related.
weighted_block <- function(x, w, probs = summary_probs) {
  equal <- all(w == w[1L])
  t(apply(x, 2L, function(v) {
    if (anyNA(v)) return(rep(NA_real_, 4L + 2L * length(probs)))
    order <- order(v)
    v <- v[order]
    if (!equal) w <- w[order]
    m <- weighted_moments(v, w)
    q <- weighted_quantile(v, w, probs)
    c(m$mean, m$sd, if (equal) stats::quantile(v, probs, names = FALSE) else q, m$mean_error, m$sd_error, quantile_errors(v, w, probs, q))
  }))
}

weighted_moments <- function(x, w) {
  mean <- sum(w * x)
  off <- (x - mean)^2
  spare <- 1 - sum(w^2)
  sd <- sqrt(sum(w * off) / spare)
  error <- function(v) sqrt(sum(w^2 * v) / spare)
  list(mean = mean, sd = sd, mean_error = error(off), sd_error = if (isTRUE(sd > 0)) error((off - sd^2)^2) / (2 * sd) else 0)
}

# Quantiles of sorted x by linear interpolation, each value standing in the middle of its weight.
weighted_quantile <- function(x, w, probs) {
  if (length(x) == 1L) return(rep(x, length(probs)))
  stats::approx(cumsum(w) - w / 2, x, probs, rule = 2, ties = "ordered")$y
}

# Half the width of a central 68 percent interval of each quantile q of sorted x. The share of n independent draws below a p-quantile
# has the Beta distribution of an order statistic (as in package posterior); here n is the effective sample size of that share.
quantile_errors <- function(x, w, probs, q) {
  square <- cumsum(w^2)
  below <- c(0, square)[findInterval(q, x) + 1L]
  n <- probs * (1 - probs) / (below * (1 - probs)^2 + (square[length(x)] - below) * probs^2)
  ends <- stats::qbeta(rep(stats::pnorm(c(-1, 1)), each = length(probs)), n * probs + 1, n * (1 - probs) + 1)
  at <- matrix(weighted_quantile(x, w, ends), ncol = 2L)
  (at[, 2L] - at[, 1L]) / 2
}
