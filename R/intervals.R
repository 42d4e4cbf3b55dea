#' Posterior intervals of a model's parameters
#'
#' Central posterior intervals on the scale of the model, one a row, named as by [summary()][summary.fullrank_fit]. Their ends are
#' [quantiles][quantile.fullrank_fit] of the fit.
#'
#' For a site whose elements are each a monotone function of one coordinate of z the interval is that of the coordinate, mapped: it says
#' the same as [coef()][coef.fullrank_fit] and [vcov()][vcov.fullrank_fit] do on the unconstrained scale. Elsewhere it comes from 4,000
#' draws. The intervals of a regression are those of its [coefficients][coef.fullrank_regression].
#'
#' @param object A fit or a guide.
#' @param parm,pars Which parameters: their names (`"theta[2]"`, or `"theta"` for a whole site) or numbers of rows; NULL for all.
#' @param level,prob The probability of the interval, as base R and as package rstantools name it.
#' @param seed A whole number, for the sites that need draws.
#' @param ... Not used.
#' @return A matrix with a row a parameter and two columns, the lower and the upper end: `2.5 %` and `97.5 %` from `confint()`,
#'   `5%` and `95%` from `posterior_interval()`.
#' @examples
#' m <- model({
#'   mu  ~ normal(0, 1)
#'   tau ~ half_normal(1)
#'   y   ~ normal(mu, tau)
#' })
#' fit <- fullrank(m, data = list(y = c(0.3, 1.2, -0.4, 0.8, 1.9)), seed = 1)
#' confint(fit)
#' confint(fit, "tau", level = 0.5)
#' @export
confint.fullrank_fit <- function(object, parm = NULL, level = 0.95, seed = 1, ...) {
  no_extra_arguments("confint", ...)
  probs <- central_probs(check_number(level, "level", 0, 1, open = TRUE))
  out <- chosen_intervals(object, parm, "parm", probs, seed)
  colnames(out) <- confint_names(probs)
  out
}

#' @rdname confint.fullrank_fit
#' @export
confint.mvn_guide <- confint.fullrank_fit

#' @rdname confint.fullrank_fit
#' @exportS3Method rstantools::posterior_interval fullrank_fit
posterior_interval.fullrank_fit <- function(object, prob = 0.9, pars = NULL, seed = 1, ...) {
  no_extra_arguments("posterior_interval", ...)
  probs <- central_probs(check_number(prob, "prob", 0, 1, open = TRUE))
  out <- chosen_intervals(object, pars, "pars", probs, seed)
  colnames(out) <- percent_names(probs)
  out
}

central_probs <- function(level) c((1 - level) / 2, (1 + level) / 2)

# "2.5 %", as stats::confint() names them.
confint_names <- function(probs) paste(format(100 * probs, trim = TRUE, scientific = FALSE, digits = 3), "%")

chosen_intervals <- function(object, chosen, argument, probs, seed) {
  index <- marginal_index(output_parts(guide_of(object)$compiled))
  out <- site_interval(object, probs, seed)
  rownames(out) <- index$label
  out[chosen_rows(chosen, argument, index), , drop = FALSE]
}

# Rows by name of an element or a site, or by number.
chosen_rows <- function(chosen, argument, index) {
  if (is.null(chosen)) return(seq_len(nrow(index)))
  if (is.character(chosen) && length(chosen)) return(chosen_labels(index$label, index$site, chosen, "parameter", argument))
  if (!is.numeric(chosen) || anyNA(chosen) || any(abs(chosen) > nrow(index))) {
    stop(sprintf("`%s` must be names of parameters, or numbers of rows up to %s.", argument, big(nrow(index))), call. = FALSE)
  }
  chosen
}

# Quantiles of all scalars that vary, in the order of the summary: one a row.
site_interval <- function(object, probs, seed = 1) {
  g <- checked_guide(object)
  rows <- function(q, part) t(q)[part_varies(part), , drop = FALSE]
  do.call(rbind, unname(Map(rows, quantile_matrices(g, probs, seed), output_parts(g$compiled))))
}
