# What R users ask of any regression: its formula, data and matrices.

#' The parts of a regression
#'
#' @param x,object,formula A fit of a regression.
#' @param fixed.only For `formula()` and `terms()`: whether to leave out group terms and smooths.
#' @param ... Not used.
#' @return `formula()`: the formula, or the list of formulas. `family()`: the family. `terms()`: the terms of the population effects. `model.frame()`: the model frame, with
#'   all variables, groups included. `model.matrix()`: the model matrix of the population effects on the data's own scale. `nobs()`: the number of rows with
#'   a positive weight. `sigma()`: the posterior mean of `sigma`; 1 for families without one.
#' @examples
#' fit <- fullrank(mpg ~ wt, data = mtcars, seed = 1)
#' formula(fit)
#' nobs(fit)
#' sigma(fit)
#' @name formula.fullrank_regression
NULL

#' @rdname formula.fullrank_regression
#' @export
formula.fullrank_regression <- function(x, fixed.only = FALSE, ...) {
  if (!fixed.only) return(x$formula)
  main <- main_formula(x$formula)
  main[[3L]] <- x$regression$parts[[1L]]$fixed
  main
}

#' @rdname formula.fullrank_regression
#' @export
family.fullrank_regression <- function(object, ...) object$family

#' @rdname formula.fullrank_regression
#' @export
terms.fullrank_regression <- function(x, fixed.only = TRUE, ...) {
  stats::terms(if (fixed.only) formula.fullrank_regression(x, TRUE) else reformulas::subbars(main_formula(x$formula)), data = x$regression$frame)
}

#' @rdname formula.fullrank_regression
#' @export
model.frame.fullrank_regression <- function(formula, ...) {
  needs_data(formula$regression)
  formula$regression$frame
}

#' @rdname formula.fullrank_regression
#' @export
model.matrix.fullrank_regression <- function(object, ...) {
  needs_data(object$regression)
  part <- object$regression$parts[[1L]]
  X <- term_matrix(part$terms, object$regression$frame, part$contrasts)
  structure(X[, !colnames(X) %in% part$dropped, drop = FALSE], assign = attr(X, "assign")[!colnames(X) %in% part$dropped], contrasts = part$contrasts,
            dimnames = list(rownames(object$regression$frame), setdiff(colnames(X), part$dropped)))
}

#' @rdname formula.fullrank_regression
#' @export
nobs.fullrank_regression <- function(object, ...) {
  if (!is.null(object$regression$nobs)) return(object$regression$nobs)
  rows <- object$regression$response$rows
  if (is.null(rows)) nrow(object$regression$frame) else length(unique(rows))
}

#' @rdname formula.fullrank_regression
#' @export
sigma.fullrank_regression <- function(object, ...) {
  reg <- object$regression
  if (!is.null(reg$parts$sigma)) stop("sigma differs between observations: predict(fit, dpar = \"sigma\") has it.", call. = FALSE)
  site <- object$compiled$sites$sigma
  if (is.null(site)) return(1)
  table <- summary_table(checked_guide(object), 1)
  table["sigma", "mean"]
}
