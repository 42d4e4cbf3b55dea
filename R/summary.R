#' Summaries on the user's scale
#'
#' One row a scalar parameter of the model: mean, standard deviation, and the 5, 50 and 95 percent quantiles of its marginal
#' posterior under the fitted Normal.
#'
#' For a site whose elements are each a monotone function of one coordinate of z (real, positive, or between constant bounds) everything
#' is deterministic: closed forms for the Normal and the lognormal, the trapezoidal rule for the logistic-normal (to about
#' 1e-12 of the interval). Other sites (simplex, ordered, correlation, covariance, bounds that depend on another site) and deterministic values that were kept
#' are summarised from 4,000 draws, with the Monte Carlo standard error of the mean in `mcse`. Elements that are constant,
#' such as the zeros above the diagonal of a Cholesky factor or the ones of a correlation matrix, have no row.
#'
#' A lognormal with a large spread has a mean far above its median, and a standard deviation that is larger still: where the two
#' disagree, the quantiles are what to read.
#'
#' @param object A fit or a guide.
#' @param seed A whole number, for the sites that need draws. It is fixed by default, so that the answer is the same each time.
#' @param x What `summary()` returned.
#' @param n How many rows to print.
#' @param row.names,optional,... Not used.
#' @return An object of class `summary.fullrank_fit` with a print method. `as.data.frame()` gives the table: columns
#'   `variable`, `mean`, `sd`, `5%`, `50%`, `95%` and `mcse` (NA where the row is deterministic), its row names the variables
#'   too.
#' @references Trefethen and Weideman (2014). The exponentially convergent trapezoidal rule. SIAM Review 56(3), 385-458.
#' @examples
#' m <- model({
#'   mu ~ normal(0, 1)
#'   s  ~ half_normal(1)
#'   y  ~ normal(mu, s)
#' })
#' fit <- fullrank(m, data = list(y = c(0.3, 1.2, -0.4, 0.8, 1.9)), seed = 1)
#' summary(fit)
#' as.data.frame(summary(fit))["mu", "mean"]
#' @export
summary.fullrank_fit <- function(object, seed = 1, ...) {
  no_extra_arguments("summary", ...)
  g <- checked_guide(object)
  structure(list(table = summary_table(g, seed), draws = summary_draws), class = "summary.fullrank_fit")
}

#' @rdname summary.fullrank_fit
#' @export
summary.mvn_guide <- summary.fullrank_fit

#' @rdname summary.fullrank_fit
#' @export
as.data.frame.summary.fullrank_fit <- function(x, row.names = NULL, optional = FALSE, ...) x$table

#' @rdname summary.fullrank_fit
#' @export
print.summary.fullrank_fit <- function(x, n = 20, ...) {
  n <- check_number(n, "n", 1)
  print_table(x$table, n, "print(summary(fit), n = Inf)")
  if (any(!is.na(x$table$mcse))) {
    wrap(sprintf("mcse: Monte Carlo error of the mean, of rows that come from %s draws.", big(x$draws)))
  }
  invisible(x)
}

summary_probs <- c(0.05, 0.5, 0.95)

summary_table <- function(g, seed) {
  values <- summary_values(g, seed)
  sd <- row_norms(g$scale * g$scale_tril)
  parts <- output_parts(g$compiled)
  blocks <- lapply(unname(parts), function(part) {
    block <- if (is_elementwise(part)) elementwise_block(site_coordinates(g, part, sd)) else draws_block(values[[part$name]])
    block[part_varies(part), , drop = FALSE]
  })
  variable <- unlist(lapply(parts, function(part) part$labels[part_varies(part)]), use.names = FALSE)
  table <- as.data.frame(do.call(rbind, blocks))
  names(table) <- c("mean", "sd", percent_names(summary_probs), "mcse")
  table <- cbind(variable = as.character(variable), table, stringsAsFactors = FALSE)
  rownames(table) <- make.unique(table$variable)
  table
}

elementwise_block <- function(at) {
  moments <- bounded_moments(at)
  cbind(moments$mean, moments$sd, t(bounded_quantiles(summary_probs, at)), rep(NA_real_, length(at$loc)))
}

draws_block <- function(x) {
  mean <- colMeans(x)
  sd <- sqrt(colSums((x - rep(mean, each = nrow(x)))^2) / (nrow(x) - 1))
  cbind(mean, sd, t(column_quantiles(x, summary_probs)), sd / sqrt(nrow(x)))
}
