# Package insight's functions find all they need through formula(), family(), coef(), vcov() and model.frame(); it cannot know that group
# terms are such, and what belongs to which parameter.

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
  out <- list(conditional = reformulas::nobars(main))
  random <- lapply(reformulas::findbars(main), function(bar) stats::as.formula(call("~", bar), environment(main)))
  if (length(random)) out$random <- if (length(random) == 1L) random[[1L]] else random
  for (f in all[!is_main]) out[[as.character(f[[2L]])]] <- f[-2L]
  structure(out, class = c("insight_formula", "list"))
}
