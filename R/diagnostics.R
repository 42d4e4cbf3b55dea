#' How far a fit can be trusted
#'
#' The numbers behind the verdict that a fit prints.
#'
#' @param fit,x A fit.
#' @param ... Not used.
#' @return An object of class `fullrank_diagnostics`, a list with a print method:
#'
#'   * `$status`: "converged", "budget_exhausted", "diverged", "interrupted" or "fixed_steps".
#'   * `$steps`, `$gradient_evaluations`, `$seconds`: what the fit has cost so far. One step at S particles is S gradient evaluations.
#'   * `$elbo`, `$elbo_se`: the evidence lower bound on fresh draws and its Monte Carlo standard error.
#'   * `$gap`, `$gap_se`: the estimated distance of the ELBO from its optimum among Normals, in nats, and its standard error.
#'     Being unbiased, it may be negative near the optimum.
#'   * `$khat`: the shape of the generalised Pareto distribution fitted to the largest importance ratios p(z) / q(z) of the fresh
#'     draws. Below 0.5 the guide's tails cover the posterior's; above 0.7 they do not, and summaries may be off by more than
#'     their digits show. It says nothing about modes that no draw has reached. Where `$log_weight_sd` is below 0.15 the ratios hardly vary and their shape means nothing.
#'     NA when it cannot be computed.
#'   * `$log_weight_sd`: standard deviation of log p(z) - log q(z), zero when the guide is the posterior; `Inf` when the density of a draw is
#'     zero or not a number.
#'   * `$ess`: effective number of the fresh draws, sum(w)^2 / sum(w^2), if they were weighted by their ratios. There are 1,000 of
#'     them; 250 where the ratios of the first 250 hardly vary (`$log_weight_sd` below 0.1), and 4,000 where they vary much (0.5 and more), up to 500
#'     coordinates: k-hat of 1,000 draws has itself a standard deviation of 0.15 to 0.2 there.
#'   * `$nonfinite`: how many evaluations during the fit were not finite, by site.
#'   * `$restarts`: NULL without `restarts`; otherwise a data frame with a row a start: `start`, `seed`, `status` (also "failed" where no start was
#'     found, and "not run" after an interrupt), `elbo` with its standard error `se`, `gap`, `gradients`, `distance` of its mean from that of the kept start
#'     (Mahalanobis distance with the mean of the two covariances: posterior standard deviations along the line between them), `mode` (starts nearer than 1 to
#'     each other have the same number, the kept one's is 1) and `kept`.
#'   * `$isa`: the processor's instruction set in use, "avx512", "avx2" or "baseline": the widest that the machine has, or the one that
#'     `options(fullrank.isa = )` names. The draws are the same bits under each; the arithmetic on them may differ in rounding.
#' @references
#' Vehtari, Simpson, Gelman, Yao and Gabry (2024). Pareto smoothed importance sampling. Journal of Machine Learning Research 25(72),
#' 1-58.
#'
#' Yao, Vehtari, Simpson and Gelman (2018). Yes, but did it work? Evaluating variational inference. ICML.
#' @examples
#' m <- model({
#'   mu ~ normal(0, 1)
#'   y  ~ normal(mu, 1)
#' })
#' fit <- fullrank(m, list(y = c(0.4, 1.1)), seed = 1)
#' diagnostics(fit)
#' diagnostics(fit)$khat
#' @export
diagnostics <- function(fit, ...) UseMethod("diagnostics")

#' @export
diagnostics.default <- function(fit, ...) {
  stop(sprintf("diagnostics() takes a fit, made by fullrank(), not an object of class %s.", class(fit)[1L]), call. = FALSE)
}

diagnostics_fields <- c("status", "steps", "gradient_evaluations", "elbo", "elbo_se", "gap", "gap_se", "khat", "log_weight_sd", "ess",
                        "nonfinite", "seconds", "isa")

#' @rdname diagnostics
#' @export
diagnostics.fullrank_fit <- function(fit, ...) {
  out <- stats::setNames(lapply(diagnostics_fields, function(field) fit[[field]]), diagnostics_fields)
  out$restarts <- fit$restarts
  structure(out, class = "fullrank_diagnostics")
}

#' @rdname diagnostics
#' @export
print.fullrank_diagnostics <- function(x, ...) {
  bad <- x$nonfinite[x$nonfinite > 0]
  rows <- c(
    status = x$status,
    steps = sprintf("%s (%s in %s)", big(x$steps), count_of(x$gradient_evaluations, "gradient evaluation"), format_seconds(x$seconds)),
    ELBO = paste(plus_minus(x$elbo, x$elbo_se), "nats"),
    gap = paste(plus_minus(x$gap, x$gap_se), "nats to the optimum, estimated"),
    `k-hat` = khat_text(x$khat, x$log_weight_sd),
    `log-weight sd` = format(signif(x$log_weight_sd, 2)),
    ESS = sprintf("%s of the draws behind k-hat", format(round(x$ess), big.mark = ",")),
    `not finite` = if (length(bad)) paste(sprintf("%s: %s", names(bad), big(bad)), collapse = ", ") else "none of the evaluations",
    restarts = if (!is.null(x$restarts)) restart_counts(x$restarts),
    `computed with` = x$isa
  )
  indent <- max(nchar(names(rows))) + 2L
  for (name in names(rows)) {
    text <- strwrap(rows[[name]], getOption("width") - indent)
    cat(paste0(c(formatC(name, width = -indent), rep(strrep(" ", indent), length(text) - 1L)), text), sep = "\n")
  }
  invisible(x)
}

restart_counts <- function(table) {
  sizes <- table(table$mode)
  ended <- sprintf("mode %s: %d", names(sizes), as.vector(sizes))
  rest <- table$status[is.na(table$mode)]
  sprintf("%d starts ended at %s", nrow(table), paste(c(ended, if (length(rest)) sprintf("none: %d (%s)", length(rest), paste(unique(rest), collapse = ", "))), collapse = ", "))
}

# Log weights with a smaller spread hardly vary: reweighting by them would cost sd^2, some 2 percent, of the draws, and the shape of
# their tail, a fit to noise, says nothing.
flat_weights_sd <- 0.15

# ... and from which k-hat takes more draws.
varied_weights_sd <- 0.5

# What k-hat means here, in words.
khat_text <- function(khat, log_weight_sd) {
  if (weights_are_flat(list(log_weight_sd = log_weight_sd))) {
    return(sprintf("without meaning here: the log weights hardly vary (sd %s), so the guide matches the posterior wherever it draws",
                   format(signif(log_weight_sd, 1))))
  }
  if (!is.finite(khat)) return("not available: the importance ratios of the draws give no tail to fit; the guide is not to be trusted")
  paste0(formatC(khat, digits = 2, format = "f"), if (khat < 0.5) {
    ", good: the guide's tails cover the posterior's"
  } else if (khat <= 0.7) {
    ", usable: the tails are thin; summary(fit, importance = TRUE) corrects them"
  } else {
    ", POOR (above 0.7): the guide misses part of the posterior, and reweighting its draws cannot mend that"
  })
}

# k-hat, sd of the log weights and effective sample size from log p(z) - log q(z) of independent draws. A density that is zero
# or not a number has weight 0.
importance_diagnostics <- function(log_weights) {
  log_weights <- as.double(log_weights)
  log_weights[is.nan(log_weights)] <- -Inf
  unusable <- list(khat = NA_real_, log_weight_sd = Inf, ess = 0)
  if (!any(is.finite(log_weights)) || any(log_weights == Inf)) return(unusable)
  w <- exp(log_weights - max(log_weights))
  list(khat = pareto_khat(w), log_weight_sd = if (all(is.finite(log_weights))) stats::sd(log_weights) else Inf, ess = sum(w)^2 / sum(w^2))
}
