#' Marginal means and effects by packages emmeans and marginaleffects
#'
#' Methods that let `emmeans::emmeans()`, `marginaleffects::predictions()`, `comparisons()`, `slopes()` and their relatives take the fit of a regression. Both summarise draws of the
#' posterior: emmeans shows medians and highest density intervals, marginaleffects its own summary of draws.
#'
#' Package emmeans reads the population effects alone. marginaleffects takes what [posterior_epred()][posterior_predict.fullrank_regression] draws, group effects
#' included; `re.form = NA` leaves them out. Its list of known classes is an option, `marginaleffects_model_classes`, to which this package adds its own when
#' marginaleffects is loaded.
#'
#' @param object,model A fit of a regression.
#' @param data,trms,xlev,grid,... As the packages hand them over.
#' @param draws How many draws.
#' @param seed A whole number.
#' @param newdata,type As for `marginaleffects::predictions()`; `type` is "response", "link" or "prediction".
#' @param coefs A named vector of coefficients.
#' @param vcov FALSE for none.
#' @return What the packages ask of such methods; `set_coef()`: the fit with its Normal moved, so that `coef()` is `coefs`.
#' @examplesIf requireNamespace("emmeans", quietly = TRUE)
#' fit <- fullrank(mpg ~ wt + factor(cyl), data = mtcars, seed = 1)
#' emmeans::emmeans(fit, ~ cyl)
#' @name emmeans.fullrank_regression
NULL

#' @rdname emmeans.fullrank_regression
#' @exportS3Method emmeans::recover_data fullrank_regression
recover_data.fullrank_regression <- function(object, data = object$regression$data, ...) {
  fcall <- object$call
  if (is.null(data)) data <- object$regression$data
  emmeans::recover_data(fcall, stats::delete.response(stats::terms(object)), object$regression$na.action, data = data, ...)
}

#' @rdname emmeans.fullrank_regression
#' @exportS3Method emmeans::emm_basis fullrank_regression
emm_basis.fullrank_regression <- function(object, trms, xlev, grid, draws = 2000, seed = 1, ...) {
  reg <- object$regression
  part <- reg$parts$mu
  if (is.null(part)) stop("emmeans needs one linear predictor of the mean; a categorical response has one for each category.", call. = FALSE)
  if (length(part$smooths)) stop("emmeans reads population effects alone, and the fit has smooth terms: use marginaleffects, or predict(fit, newdata).", call. = FALSE)
  names <- coefficient_parts(object)$mu$names
  X <- stats::model.matrix(trms, stats::model.frame(trms, grid, na.action = stats::na.pass, xlev = xlev), contrasts.arg = part$contrasts)
  beta <- coefficient_draws(object, paired_values(object, draws, seed))[, names, drop = FALSE]
  list(X = X[, names, drop = FALSE], bhat = unname(coef.fullrank_regression(object)[names]), nbasis = matrix(NA_real_),
       V = vcov.fullrank_regression(object)[names, names, drop = FALSE], dffun = function(k, dfargs) Inf, dfargs = list(),
       misc = if (reg$family$name == "cumulative") list() else emmeans::.std.link.labels(object$family, list()), post.beta = structure(beta, n.chains = 1L))
}

# ---- marginaleffects ------------------------------------------------------------------------------------------------------

#' @rdname emmeans.fullrank_regression
#' @exportS3Method marginaleffects::get_coef fullrank_regression
get_coef.fullrank_regression <- function(model, ...) coef.fullrank_regression(model)

#' @rdname emmeans.fullrank_regression
#' @exportS3Method marginaleffects::get_vcov fullrank_regression
get_vcov.fullrank_regression <- function(model, vcov = NULL, ...) if (isFALSE(vcov)) NULL else vcov.fullrank_regression(model)

#' @rdname emmeans.fullrank_regression
#' @exportS3Method marginaleffects::set_coef fullrank_regression
set_coef.fullrank_regression <- function(model, coefs, ...) {
  if (!coefficients_linear(model)) stop("A prior bounds a coefficient: the coefficients cannot be set one by one.", call. = FALSE)
  A <- coefficient_matrix(model)
  if (!identical(names(coefs), rownames(A))) stop(sprintf("`coefs` must be named %s.", enumerate(rownames(A))), call. = FALSE)
  at <- which(colSums(A != 0) > 0)
  model$guide$loc[at] <- solve(A[, at, drop = FALSE], coefs)
  model
}

#' @rdname emmeans.fullrank_regression
#' @exportS3Method marginaleffects::get_predict fullrank_regression
get_predict.fullrank_regression <- function(model, newdata = model$regression$data, type = "response", draws = 1000, seed = 1, ...) {
  type <- match.arg(type, c("response", "link", "prediction"))
  given <- list(...)
  args <- c(list(model, newdata = newdata, draws = draws, seed = seed), given[intersect(names(given), c("re.form", "allow.new.levels"))])
  x <- do.call(switch(type, response = posterior_epred.fullrank_regression, link = posterior_linpred.fullrank_regression, posterior_predict.fullrank_regression), args)
  rows <- if (is.null(newdata$rowid)) seq_len(ncol(x)) else newdata$rowid
  if (length(dim(x)) == 3L) {
    group <- factor(rep(dimnames(x)[[3L]], each = ncol(x)), dimnames(x)[[3L]])
    x <- matrix(x, nrow(x))
    out <- data.frame(rowid = rows, group = group, estimate = colMeans(x))
  } else {
    out <- data.frame(rowid = rows, estimate = colMeans(x))
  }
  attr(out, "posterior_draws") <- t(unname(x))
  out
}

# marginaleffects takes classes that it does not know when an option lists them.
.onLoad <- function(libname, pkgname) {
  tell <- function(...) options(marginaleffects_model_classes = union(getOption("marginaleffects_model_classes"), "fullrank_regression"))
  if (isNamespaceLoaded("marginaleffects")) tell()
  setHook(packageEvent("marginaleffects", "onLoad"), tell)
}
