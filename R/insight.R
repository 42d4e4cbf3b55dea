# Package insight's functions find all they need through formula(), family(), coef(), vcov() and model.frame(); it cannot know that group
# terms are such, and what belongs to which parameter, nor the priors and the algorithm. is_model() and find_statistic() know only the classes on insight's own list.

#' Formulas of a regression for package insight
#'
#' @param x A fit of a regression.
#' @param verbose,... Not used.
#' @return A list of class `insight_formula`: `conditional` (the population effects of the mean), `random` (the group terms, a formula or a list of them) and one for each
#'   parameter with a formula of its own, named by it.
#' @examplesIf requireNamespace("insight", quietly = TRUE)
#' fit <- fullrank(circumference ~ age + (1 | Tree), data = datasets::Orange, seed = 1)
#' insight::find_formula(fit)
#' insight::find_random(fit)
#' @exportS3Method insight::find_formula fullrank_regression
find_formula.fullrank_regression <- function(x, verbose = TRUE, ...) {
  all <- if (is_formula(x$formula)) list(x$formula) else x$formula
  is_main <- vapply(all, identical, NA, main_formula(x$formula))
  main <- all[[which(is_main)[1L]]]
  hidden <- hide_bars(main[[3L]])
  whole <- stats::as.formula(call("~", main[[2L]], hidden$right), environment(main))
  conditional <- reformulas::nobars(whole)
  conditional[[3L]] <- hidden$back(conditional[[3L]])
  out <- list(conditional = conditional)
  random <- lapply(reformulas::findbars(whole), function(bar) stats::as.formula(call("~", hidden$back(bar)), environment(main)))
  if (length(random)) out$random <- if (length(random) == 1L) random[[1L]] else random
  for (f in all[!is_main]) out[[as.character(f[[2L]])]] <- f[-2L]
  structure(out, class = c("insight_formula", "list"))
}

#' Priors and algorithm of a regression for package insight
#'
#' @param x A fit of a regression.
#' @param verbose,... Not used.
#' @return `get_priors()`: a data frame with a row for each row of [prior_summary()], with columns `Parameter`, `Distribution`, `Location`, `Scale` and `df`; NA where the
#'   distribution has no such argument, and 0 as the location of half distributions. The intercept's prior is on the intercept at centred predictors. `find_algorithm()`: a list of `algorithm`
#'   ("fullrank"), `optimizer` and `iterations`.
#' @examplesIf requireNamespace("insight", quietly = TRUE)
#' fit <- fullrank(circumference ~ age + (1 | Tree), data = datasets::Orange, seed = 1)
#' insight::get_priors(fit)
#' insight::find_algorithm(fit)
#' @exportS3Method insight::get_priors fullrank_regression
get_priors.fullrank_regression <- function(x, verbose = TRUE, ...) {
  stated <- prior_summary.fullrank_regression(x)
  args <- lapply(stated$prior, function(text) {
    call <- str2lang(text)
    name <- statement_head(call)
    given <- if (is_dist(name)) Filter(is.numeric, match_dist_args(name, call, stop))
    if (startsWith(name, "half_")) given$loc <- 0
    list(name = name, given = given)
  })
  number <- function(arg) vapply(args, function(a) if (length(a$given[[arg]]) == 1L) as.double(a$given[[arg]]) else NA_real_, 0)
  data.frame(Parameter = stated$parameter, Distribution = vapply(args, `[[`, "", "name"), Location = number("loc"), Scale = number("scale"), df = number("df"), stringsAsFactors = FALSE)
}

#' @rdname get_priors.fullrank_regression
#' @exportS3Method insight::find_algorithm fullrank_fit
find_algorithm.fullrank_fit <- function(x, ...) list(algorithm = "fullrank", optimizer = x$optimizer$name, iterations = x$steps)
