#' Summaries on the user's scale
#'
#' One row a scalar parameter of the model: mean, standard deviation, and the 5, 50 and 95 percent quantiles of its marginal
#' posterior under the fitted Normal.
#'
#' For a site whose elements are each a monotone function of one coordinate of z (real, positive, or between constant bounds) everything
#' is deterministic: closed forms for the Normal and the lognormal, the trapezoidal rule for the logistic-normal (to about
#' 1e-12 of the interval). Other sites (simplex, ordered, correlation, covariance, bounds that depend on another site) and deterministic values that were kept
#' are summarised from 4,000 draws, with the Monte Carlo standard error of the mean in `mcse` and those of all columns in `summary(fit)$errors`.
#' Elements that are constant, such as the zeros above the diagonal of a Cholesky factor or the ones of a correlation matrix, have no row.
#'
#' With `importance = TRUE` the summaries are those of the posterior itself, as far as the guide can reach it: every row comes from 10,000 draws of
#' the guide, weighted by p(z) / q(z) with the largest weights smoothed (Pareto smoothed importance sampling). The errors are those of weighted
#' draws: sd / sqrt(n) with n the effective sample size, found for each statistic by itself. When k-hat, that of these draws or the one
#' that the fit prints, is above 0.7, the weights cannot correct the summaries, and `summary()` says so instead. Where the log weights hardly vary k-hat means nothing and the
#' correction, which is then small, is made all the same.
#'
#' A lognormal with a large spread has a mean far above its median, and a standard deviation that is larger still: where the two
#' disagree, the quantiles are what to read.
#'
#' @param object A fit or a guide.
#' @param seed A whole number, for the rows that need draws. It is fixed by default, so that the answer is the same each time.
#' @param importance Whether to correct the summaries by importance sampling.
#' @param x What `summary()` returned.
#' @param n How many rows to print.
#' @param row.names,optional,... Not used.
#' @return An object of class `summary.fullrank_fit` with a print method, which leads with the verdict when the fit is not known to be good. `as.data.frame()` gives the table: columns
#'   `variable`, `mean`, `sd`, `5%`, `50%`, `95%` and `mcse` (NA where the row is deterministic), its row names the variables
#'   too. `$errors` is a data frame like it with the Monte Carlo standard errors of the columns `mean` to `95%`. Of corrected summaries `$khat`, `$log_weight_sd`
#'   and `$ess` (effective number of draws) are those of the weights used.
#' @references Vehtari, Simpson, Gelman, Yao and Gabry (2024). Pareto smoothed importance sampling. Journal of Machine Learning Research 25(72),
#' 1-58.
#'
#' Trefethen and Weideman (2014). The exponentially convergent trapezoidal rule. SIAM Review 56(3), 385-458.
#' @examples
#' m <- model({
#'   mu ~ normal(0, 1)
#'   s  ~ half_normal(1)
#'   y  ~ normal(mu, s)
#' })
#' fit <- fullrank(m, data = list(y = c(0.3, 1.2, -0.4, 0.8, 1.9)), seed = 1)
#' summary(fit)
#' as.data.frame(summary(fit))["mu", "mean"]
#' # a density with light tails: the Normal's standard deviation is too small, and can be corrected
#' light <- fullrank(model({
#'   x ~ flat()
#'   target(-x^4)
#' }), seed = 1)
#' summary(light)
#' summary(light, importance = TRUE)
#' c(exact = sqrt(gamma(3 / 4) / gamma(1 / 4)))
#' @export
summary.fullrank_fit <- function(object, seed = 1, importance = FALSE, ...) {
  no_extra_arguments("summary", ...)
  source <- summary_source(object, seed, importance)
  g <- checked_guide(object)
  new_summary(summary_rows(g, source), source, "summary.fullrank_fit", cautions = caution_lines(object), scale = scale_text(g$compiled))
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
  print_cautions(x)
  wrap(x$scale)
  print_table(x$table, n, all_rows_call(x))
  print_source(x)
  invisible(x)
}

# What the numbers of a summary are of.
scale_text <- function(compiled) {
  switch(if (is_outside(compiled)) compiled$program$kind else "model",
    model = "Parameters, on the scale of the model:",
    stan = "Parameters, on the scale of the Stan model:",
    "Coordinates, unconstrained:")
}

all_rows_call <- function(x) if (x$importance) "print(summary(fit, importance = TRUE), n = Inf)" else "print(summary(fit), n = Inf)"

# Where the numbers come from, below the tables. `mcse`: of the rows shown.
print_source <- function(x, mcse = x$table$mcse) {
  if (x$importance) {
    wrap(sprintf("Corrected by importance sampling: %s weighted draws of the guide, worth %s of the posterior (%s). mcse: Monte Carlo error of the mean.",
                 big(x$draws), big(round(x$ess)), weights_text(x)))
  } else if (any(!is.na(mcse))) {
    wrap(sprintf("mcse: Monte Carlo error of the mean, of rows that come from %s draws.", big(x$draws)))
  }
}

weights_text <- function(x) {
  if (weights_are_flat(x)) "the weights hardly vary" else paste("k-hat", formatC(x$khat, digits = 2, format = "f"))
}

summary_probs <- c(0.05, 0.5, 0.95)

# What a summary is made of: values of all parts at draws and the draws' weights. Values are NULL when every row is known without draws.
summary_source <- function(x, seed, importance = FALSE) {
  check_flag(importance, "importance")
  g <- guide_of(x)
  from <- list(importance = importance, draws = if (importance) importance_draws else summary_draws)
  if (!importance && all_elementwise(g)) return(from)
  seed <- check_number(seed, "seed", 0, 2^53, whole = TRUE)
  drawn <- weighted_draws(x, from$draws, seed, importance)
  c(from, list(values = constrain_draws(g$compiled, drawn$z)), drawn[setdiff(names(drawn), "z")])
}

# The object from its rows, a data frame of estimates and errors.
new_summary <- function(rows, source, class, ...) {
  rownames(rows) <- make.unique(rows$variable)
  errors <- rows[c("variable", error_columns)]
  names(errors) <- c("variable", estimate_columns)
  structure(list(table = stats::setNames(rows[c("variable", estimate_columns, error_columns[1L])], c("variable", estimate_columns, "mcse")),
                 errors = errors, draws = source$draws, importance = source$importance, khat = source$khat, log_weight_sd = source$log_weight_sd,
                 ess = source$ess, ...), class = class)
}

estimate_columns <- c("mean", "sd", percent_names(summary_probs))
error_columns <- paste("error of", estimate_columns)

# A row a scalar that varies: variable, estimates, their Monte Carlo errors.
summary_rows <- function(g, source) {
  sd <- row_norms(g$scale * g$scale_tril)
  parts <- output_parts(g$compiled)
  blocks <- lapply(unname(parts), function(part) {
    block <- if (is_elementwise(part) && !source$importance) elementwise_block(site_coordinates(g, part, sd))
             else weighted_block(source$values[[part$name]], source$weights)
    block[part_varies(part), , drop = FALSE]
  })
  named_rows(unlist(lapply(parts, function(part) part$labels[part_varies(part)]), use.names = FALSE), do.call(rbind, blocks))
}

named_rows <- function(variable, block) {
  rows <- as.data.frame(block, row.names = seq_len(nrow(block)))
  names(rows) <- c(estimate_columns, error_columns)
  cbind(variable = as.character(variable), rows, stringsAsFactors = FALSE)
}

summary_table <- function(g, seed) {
  source <- summary_source(g, seed)
  new_summary(summary_rows(g, source), source, "summary.fullrank_fit")$table
}

# Without Monte Carlo error.
elementwise_block <- function(at) {
  moments <- bounded_moments(at)
  exact_block(cbind(moments$mean, moments$sd, t(bounded_quantiles(summary_probs, at))))
}

exact_block <- function(estimates) cbind(estimates, matrix(NA_real_, nrow(estimates), ncol(estimates)))
