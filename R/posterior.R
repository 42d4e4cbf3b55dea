#' The fitted Normal, its covariance and its correlation
#'
#' A fit is a multivariate Normal on the unconstrained vector z, to which the latent sites are mapped: `posterior()` returns it,
#' `vcov()` and `covariance()` its covariance, `correlation()` its correlation and `coef()` its mean. For the posterior on the scale of the
#' model's own parameters see [summary()][summary.fullrank_fit], [quantile()][quantile.fullrank_fit] and [draws()].
#'
#' @param object A fit, a guide, or (for `covariance()` and `correlation()`) an object of class [mvnormal].
#' @param full For a fit of a regression: whether to return all latent coordinates instead of the coefficients. A fit of a model
#'   or a guide returns all of them in any case.
#' @param ... Not used.
#' @return `posterior()`: an object of class [mvnormal] with `$loc` (d) and `$scale_tril` (d x d, `diag(scale) %*% scale_tril` of the guide).
#'   `vcov()`, `covariance()`, `correlation()`: a d x d matrix. `coef()`: the d elements of `loc`. All are named by latent
#'   coordinate, in the order in which the sites are stated.
#' @examples
#' m <- model({
#'   mu ~ normal(0, 1)
#'   s  ~ half_normal(1)
#'   y  ~ normal(mu, s)
#' })
#' fit <- fullrank(m, data = list(y = c(0.3, 1.2, -0.4, 0.8, 1.9)), seed = 1)
#' posterior(fit)
#' coef(fit)
#' correlation(fit)
#' @export
posterior <- function(object, ...) UseMethod("posterior")

#' @rdname posterior
#' @export
covariance <- function(object, ...) UseMethod("covariance")

#' @rdname posterior
#' @export
correlation <- function(object, ...) UseMethod("correlation")

no_method <- function(generic, object) {
  stop(sprintf("%s() takes a fit or a guide, not an object of class %s.", generic, class(object)[1L]), call. = FALSE)
}

#' @export
posterior.default <- function(object, ...) no_method("posterior", object)

#' @export
covariance.default <- function(object, ...) no_method("covariance", object)

#' @export
correlation.default <- function(object, ...) no_method("correlation", object)

# ---- mvnormal ---------------------------------------------------------------------------------------------------

#' @export
covariance.mvnormal <- function(object, ...) tcrossprod(object$scale_tril)

#' @export
correlation.mvnormal <- function(object, ...) {
  L <- object$scale_tril
  out <- tcrossprod(L / row_norms(L))
  out[] <- pmin(pmax(out, -1), 1)
  diag(out) <- 1
  out
}

# ---- guides and fits --------------------------------------------------------------------------------------------

# A guide whose state has been checked and is named: users may have assigned to it.
checked_guide <- function(x) {
  g <- guide_of(x)
  pack_guide(g)
  names <- g$compiled$coord_names
  g$loc <- stats::setNames(as.double(g$loc), names)
  g$scale <- stats::setNames(as.double(g$scale), names)
  dimnames(g$scale_tril) <- list(names, names)
  g
}

#' @rdname posterior
#' @export
posterior.mvn_guide <- function(object, full = FALSE, ...) {
  check_flag(full, "full")
  g <- checked_guide(object)
  new_mvnormal(g$loc, g$scale * g$scale_tril, names(g$loc))
}

#' @rdname posterior
#' @export
posterior.fullrank_fit <- posterior.mvn_guide

#' @rdname posterior
#' @export
vcov.mvn_guide <- function(object, full = FALSE, ...) covariance.mvnormal(posterior(object, full = full))

#' @rdname posterior
#' @export
vcov.fullrank_fit <- vcov.mvn_guide

#' @rdname posterior
#' @export
covariance.mvn_guide <- vcov.mvn_guide

#' @rdname posterior
#' @export
covariance.fullrank_fit <- vcov.mvn_guide

#' @rdname posterior
#' @export
correlation.mvn_guide <- function(object, full = FALSE, ...) correlation.mvnormal(posterior(object, full = full))

#' @rdname posterior
#' @export
correlation.fullrank_fit <- correlation.mvn_guide

#' @rdname posterior
#' @export
coef.mvn_guide <- function(object, full = FALSE, ...) {
  check_flag(full, "full")
  checked_guide(object)$loc
}

#' @rdname posterior
#' @export
coef.fullrank_fit <- coef.mvn_guide

#' @export
#' @exportS3Method posterior::entropy mvn_guide
entropy.mvn_guide <- function(x, ...) entropy(posterior(x))

#' @export
#' @exportS3Method posterior::entropy fullrank_fit
entropy.fullrank_fit <- entropy.mvn_guide
