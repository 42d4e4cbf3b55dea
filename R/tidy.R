#' Tables of a fit for package generics
#'
#' Methods for `tidy()`, `glance()` and `augment()`, which packages generics, broom and broom.mixed share.
#'
#' @param x A fit.
#' @param effects For a regression: "fixed" (the coefficients, as [coef()][coef.fullrank_regression] names them), "ran_pars" (standard deviations and correlations between
#'   groups), "ran_vals" (group effects) and "aux" (cutpoints and the family's parameters).
#' @param conf.int Whether to add central posterior intervals.
#' @param conf.level Their probability.
#' @param data For a regression: the data to which columns are added; the model frame by default.
#' @param newdata For a regression: new rows instead.
#' @param draws,seed How many replicates a model's observed sites are averaged over, and their seed.
#' @param ... Not used.
#' @return Data frames. `tidy()`: `term`, `estimate` (posterior mean), `std.error` (posterior standard deviation) and, on request, `conf.low` and `conf.high`; for a
#'   regression `effect` before them. `glance()`: one row with `status`, `elbo`, `elbo_se`, `gap`, `khat`, `steps`, `seconds` and `nobs`
#'   (NA where the fit holds no observations); for a regression also `sigma`.
#'   `augment()`: for a regression the data with `.fitted` (expected response), `.se.fit` and `.resid`; for a model a row an observation: `site`, `observation`, `.observed`, `.fitted` (mean of the replicates)
#'   and `.resid`.
#' @examplesIf requireNamespace("generics", quietly = TRUE)
#' fit <- fullrank(mpg ~ wt, data = mtcars, seed = 1)
#' generics::tidy(fit, conf.int = TRUE)
#' generics::glance(fit)
#' head(generics::augment(fit))
#' @name tidy.fullrank_fit
NULL

#' @rdname tidy.fullrank_fit
#' @exportS3Method generics::tidy fullrank_fit
tidy.fullrank_fit <- function(x, conf.int = FALSE, conf.level = 0.95, ...) {
  no_extra_arguments("tidy", ...)
  tidy_rows(as.data.frame(summary.fullrank_fit(x)), conf.int, conf.level, function(probs) site_interval(x, probs))
}

#' @rdname tidy.fullrank_fit
#' @exportS3Method generics::tidy fullrank_regression
tidy.fullrank_regression <- function(x, effects = c("fixed", "ran_pars", "aux"), conf.int = FALSE, conf.level = 0.95, ...) {
  no_extra_arguments("tidy", ...)
  kinds <- c("fixed", "ran_pars", "ran_vals", "aux")
  if (!is.character(effects) || !length(effects) || !all(effects %in% kinds)) {
    stop(sprintf("`effects` must be some of %s.", enumerate(kinds, "\"")), call. = FALSE)
  }
  summary <- summary.fullrank_regression(x)
  at <- effect_rows(summary)[effects]
  interval <- function(probs) {
    first <- t(coefficient_quantiles(coefficient_moments(x), probs))
    cuts <- if (length(summary$sections$Cutpoints)) t(column_quantiles(cutpoint_draws(x, regression_values(x)), probs))
    rbind(first, cuts, site_interval(x, probs))
  }
  out <- tidy_rows(summary$table, conf.int, conf.level, interval)[unlist(at), , drop = FALSE]
  rownames(out) <- NULL
  cbind(effect = rep(effects, lengths(at)), out, stringsAsFactors = FALSE)
}

effect_rows <- function(summary) {
  sections <- summary$sections
  list(fixed = sections[["Population effects"]], ran_pars = c(sections[["Standard deviations between groups"]], sections[["Correlations"]], sections[["Smooth terms"]]),
       ran_vals = grep("^r_", summary$table$variable), aux = c(sections$Cutpoints, sections[["Parameters of the family"]]))
}

tidy_rows <- function(table, conf.int, conf.level, interval) {
  check_flag(conf.int, "conf.int")
  conf.level <- check_number(conf.level, "conf.level", 0, 1, open = TRUE)
  out <- data.frame(term = table$variable, estimate = table$mean, std.error = table$sd, stringsAsFactors = FALSE)
  if (!conf.int) return(out)
  q <- interval(central_probs(conf.level))
  out$conf.low <- q[, 1L]
  out$conf.high <- q[, 2L]
  out
}

#' @rdname tidy.fullrank_fit
#' @exportS3Method generics::glance fullrank_fit
glance.fullrank_fit <- function(x, ...) {
  no_extra_arguments("glance", ...)
  count <- tryCatch(nobs(x), error = function(e) NA_integer_)
  data.frame(status = x$status, elbo = x$elbo, elbo_se = x$elbo_se, gap = x$gap, khat = x$khat, steps = x$steps, seconds = x$seconds,
             nobs = count, stringsAsFactors = FALSE)
}

#' @rdname tidy.fullrank_fit
#' @exportS3Method generics::glance fullrank_regression
glance.fullrank_regression <- function(x, ...) {
  out <- glance.fullrank_fit(x, ...)
  out$sigma <- if (is.null(x$regression$parts$sigma)) sigma(x) else NA_real_
  out
}

#' @rdname tidy.fullrank_fit
#' @exportS3Method generics::augment fullrank_fit
augment.fullrank_fit <- function(x, draws = 1000, seed = 1, ...) {
  no_extra_arguments("augment", ...)
  observed <- observed_statements(x$compiled)
  replicates <- simulate.fullrank_fit(x, draws, seed)
  rows <- Map(function(o, yrep, name) {
    y <- observed_values(x$compiled, o)
    fitted <- colMeans(matrix(yrep, draws))
    data.frame(site = name, observation = seq_along(y), .observed = y, .fitted = fitted, .resid = y - fitted, stringsAsFactors = FALSE)
  }, observed, replicates[seq_along(observed)], names(observed))
  do.call(rbind, unname(rows))
}

#' @rdname tidy.fullrank_fit
#' @exportS3Method generics::augment fullrank_regression
augment.fullrank_regression <- function(x, data = NULL, newdata = NULL, ...) {
  no_extra_arguments("augment", ...)
  if (has_categories(x)) stop("Categories have no fitted number: predict(fit, type = \"response\") gives their probabilities.", call. = FALSE)
  out <- if (!is.null(newdata)) newdata else if (!is.null(data)) data else stats::model.frame(x)
  p <- predict.fullrank_regression(x, newdata, type = "response", se.fit = TRUE)
  if (length(p$fit) != nrow(out)) stop(sprintf("`data` has %s rows, the fit %s.", big(nrow(out)), big(length(p$fit))), call. = FALSE)
  out$.fitted <- unname(p$fit)
  out$.se.fit <- unname(p$se.fit)
  if (is.null(newdata)) out$.resid <- unname(residuals.fullrank_regression(x))
  out
}
