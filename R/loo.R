#' Leave-one-out cross-validation
#'
#' Pareto smoothed importance sampling from the fitted Normal, which is an approximation of the posterior and is corrected for as one: the weights
#' are those of `loo::loo_approximate_posterior()`, made of each observation's density, the joint density and the fitted Normal's.
#'
#' @param x A fit of a model that has observed sites, or of a regression.
#' @param draws How many draws.
#' @param sites For a model: names of observed sites, or NULL for all.
#' @param seed A whole number, or NULL: drawn from R's generator.
#' @param object For `logLik()`: a fit.
#' @param cores,... For `loo::loo_approximate_posterior()`.
#' @return `loo()`: an object of class `psis_loo_ap`, `psis_loo` and `loo`, with a Pareto k an observation (above 0.7: not to be trusted). `waic()` is an error: it has no such
#'   diagnostic and no correction for an approximate posterior; so is `logLik()`, because the fit maximises a bound.
#' @references Magnusson, Andersen, Jonasson and Vehtari (2019). Bayesian leave-one-out cross-validation for large data. Proceedings of Machine Learning
#'   Research 97, 4244-4253.
#' @examplesIf requireNamespace("loo", quietly = TRUE)
#' fit <- fullrank(mpg ~ wt, data = mtcars, seed = 1)
#' loo::loo(fit, seed = 1)
#' @exportS3Method loo::loo fullrank_fit
loo.fullrank_fit <- function(x, draws = 2000, sites = NULL, seed = NULL, cores = 1, ...) {
  approximate_loo(x, draws, seed, cores, function(compiled, z, seed) model_log_lik(compiled, z, sites), ...)
}

#' @rdname loo.fullrank_fit
#' @exportS3Method loo::loo fullrank_regression
loo.fullrank_regression <- function(x, draws = 2000, seed = NULL, cores = 1, ...) {
  if (x$regression$prior_only) stop("The fit is of the prior alone: it has no likelihood to cross-validate.", call. = FALSE)
  approximate_loo(x, draws, seed, cores, function(compiled, z, seed) {
    pointwise_log_lik(x, prediction_rows(x), constrain_draws(compiled, z), FALSE, seed)
  }, ...)
}

# log_lik(compiled, z, seed): S x n.
approximate_loo <- function(fit, draws, seed, cores, log_lik, ...) {
  draws <- check_number(draws, "draws", 25, .Machine$integer.max, whole = TRUE)
  seed <- resolve_seed(seed)
  g <- checked_guide(fit)
  eps <- draw_eps(draws, length(g$loc), seed)
  z <- sample_guide(g, eps)
  log_q <- .Call(fullrank_guide_log_q, as.double(g$scale), eps)
  log_p <- log_joint(g$compiled, z)
  lost <- !is.finite(log_p)
  if (sum(!lost) < 25) stop(sprintf("The log density is finite at %d of %d draws only: nothing can be said by them.", sum(!lost), draws), call. = FALSE)
  if (any(lost)) {
    warning(sprintf("The log density is not finite at %d of %d draws, which the posterior does not have: they are left out.", sum(lost), draws), call. = FALSE)
    z <- z[!lost, , drop = FALSE]
  }
  loo::loo_approximate_posterior(log_lik(g$compiled, z, seed), log_p = log_p[!lost], log_g = log_q[!lost], cores = cores, ...)
}

#' @rdname loo.fullrank_fit
#' @exportS3Method loo::waic fullrank_fit
waic.fullrank_fit <- function(x, ...) {
  stop("waic() is not available: it would take the fitted Normal for the posterior and cannot tell when that fails. Use loo(fit), which corrects for it and reports a Pareto k for each observation.", call. = FALSE)
}

#' @rdname loo.fullrank_fit
#' @export
logLik.fullrank_fit <- function(object, ...) {
  stop("There is no logLik(): the fit maximises the evidence lower bound, not the likelihood, and AIC() or BIC() of a bound mean nothing. ",
       "Compare models with loo(fit); the bound itself is elbo(fit), pointwise densities are rstantools::log_lik(fit).", call. = FALSE)
}
