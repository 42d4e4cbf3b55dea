#' A multivariate Normal distribution
#'
#' What [posterior()] returns: the Normal distribution with mean `loc` and covariance
#' `scale_tril %*% t(scale_tril)`.
#'
#' @param loc The mean: d finite numbers.
#' @param scale_tril The Cholesky factor of the covariance: a d x d lower triangular matrix with a positive
#'   diagonal (one positive number when d is 1). `t(chol(covariance))` makes it from a covariance matrix.
#'   Coordinates take their names from `loc`, otherwise from the rows of `scale_tril`, otherwise they are `z[1]`,
#'   `z[2]`, ...
#' @param x,object An object of class `mvnormal`.
#' @param probs Probabilities between 0 and 1. The default is the median and a central interval of 90 percent, the
#'   columns of [summary()][summary.fullrank_fit]; `0` and `1` give `-Inf` and `Inf`.
#' @param nsim How many draws.
#' @param seed A whole number, or NULL: drawn from R's generator, so that `set.seed()` governs. A given seed leaves R's
#'   generator alone.
#' @param at A point (d numbers) or several (a matrix with d columns, one point a row).
#' @param log Whether to return the log density.
#' @param n How many coordinates to print.
#' @param na.rm,... Not used.
#' @return `mvnormal()`: an object of class `mvnormal`, a list with `$loc` (d, named) and `$scale_tril` (d x d, named).
#'
#'   `mean()`, `median()` and `coef()`: d named numbers (the median is that of each coordinate). `vcov()`, [covariance()]
#'   and [correlation()]: a d x d matrix, named. `quantile()`: the quantiles of each coordinate, a
#'   `length(probs)` x d matrix. `simulate()`: an `nsim` x d matrix. `density()`: one number a point. [entropy()]: one
#'   number, in nats. `summary()`: an object with a print and an `as.data.frame()` method: one row a coordinate with `mean`, `sd`, `5%`,
#'   `50%` and `95%`.
#' @examples
#' p <- mvnormal(c(a = 0, b = 1), scale_tril = matrix(c(1, 0.5, 0, 2), 2))
#' p
#' vcov(p)
#' quantile(p, c(0.05, 0.95))
#' density(p, at = c(0, 0), log = TRUE)
#' simulate(p, nsim = 2, seed = 1)
#' @export
mvnormal <- function(loc, scale_tril) {
  d <- length(loc)
  check_loc(loc)
  if (d == 1L && length(scale_tril) == 1L && is.null(dim(scale_tril))) scale_tril <- matrix(scale_tril, dimnames = list(names(scale_tril))[c(1L, 1L)])
  check_scale_tril(scale_tril, d)
  new_mvnormal(loc, scale_tril, mvnormal_names(loc, scale_tril))
}

new_mvnormal <- function(loc, scale_tril, names) {
  structure(list(
    loc = stats::setNames(as.double(loc), names),
    scale_tril = matrix(as.double(scale_tril), length(loc), dimnames = list(names, names))
  ), class = "mvnormal")
}

check_loc <- function(loc) {
  if (!is.numeric(loc) || !length(loc)) stop(sprintf("`loc` must be a vector of numbers, not %s.", shape_and_class(loc)), call. = FALSE)
  bad <- which(!is.finite(loc))
  if (length(bad)) stop(sprintf("`loc` must be finite, but element %d is %s.", bad[1L], format(loc[[bad[1L]]])), call. = FALSE)
}

check_scale_tril <- function(scale_tril, d) {
  if (!is.numeric(scale_tril) || !identical(dim(scale_tril), c(d, d))) {
    stop(sprintf("`scale_tril` must be a %d x %d matrix, to go with a `loc` of length %d, not %s.", d, d, d, shape_and_class(scale_tril)), call. = FALSE)
  }
  if (!all(is.finite(scale_tril))) stop("`scale_tril` must be finite.", call. = FALSE)
  above <- which(scale_tril != 0 & upper.tri(scale_tril), arr.ind = TRUE)
  if (nrow(above)) {
    stop(sprintf("`scale_tril` must be lower triangular, but its element [%d,%d] is not zero. ", above[1L, 1L], above[1L, 2L]),
         "It is the Cholesky factor, t(chol(covariance)), not the covariance.", call. = FALSE)
  }
  bad <- which(diag(scale_tril) <= 0)
  if (length(bad)) {
    stop(sprintf("The diagonal of `scale_tril` must be positive, but element [%d,%d] is %s.", bad[1L], bad[1L],
                 format(scale_tril[bad[1L], bad[1L]])), call. = FALSE)
  }
}

mvnormal_names <- function(loc, scale_tril) {
  rows <- rownames(scale_tril)
  columns <- colnames(scale_tril)
  if (is.null(rows)) rows <- columns
  if (!is.null(rows) && !is.null(columns) && !identical(rows, columns)) {
    stop("The rows and the columns of `scale_tril` are named differently.", call. = FALSE)
  }
  if (is.null(names(loc))) return(if (is.null(rows)) sprintf("z[%d]", seq_along(loc)) else rows)
  if (!is.null(rows) && !identical(names(loc), rows)) stop("`loc` and `scale_tril` are named differently.", call. = FALSE)
  names(loc)
}

shape_and_class <- function(x) {
  if (is.null(x)) return("NULL")
  shape <- if (is.null(dim(x))) sprintf("length %d", length(x)) else paste(dim(x), collapse = " x ")
  sprintf("an object of class %s and %s", class(x)[1L], if (is.null(dim(x))) shape else paste("shape", shape))
}

# Standard deviations: the lengths of the rows of L, safe from underflow and overflow.
row_norms <- function(L) {
  largest <- apply(abs(L), 1L, max)
  largest * sqrt(rowSums((L / largest)^2))
}

# ---- methods --------------------------------------------------------------------------------------------------

#' @rdname mvnormal
#' @export
mean.mvnormal <- function(x, ...) x$loc

#' @rdname mvnormal
#' @export
median.mvnormal <- function(x, na.rm = FALSE, ...) x$loc

#' @rdname mvnormal
#' @export
coef.mvnormal <- function(object, ...) object$loc

#' @rdname mvnormal
#' @export
vcov.mvnormal <- function(object, ...) tcrossprod(object$scale_tril)

#' @rdname mvnormal
#' @export
quantile.mvnormal <- function(x, probs = c(0.05, 0.5, 0.95), ...) {
  check_probs(probs)
  sd <- row_norms(x$scale_tril)
  out <- outer(stats::qnorm(probs), sd) + rep(x$loc, each = length(probs))
  dimnames(out) <- list(percent_names(probs), names(x$loc))
  out
}

#' @rdname mvnormal
#' @export
simulate.mvnormal <- function(object, nsim = 1, seed = NULL, ...) {
  nsim <- check_number(nsim, "nsim", 1, .Machine$integer.max, whole = TRUE)
  L <- object$scale_tril
  eps <- draw_eps(nsim, length(object$loc), resolve_seed(seed))
  z <- .Call(fullrank_guide_sample, unname(object$loc), unname(diag(L)), unname(L / diag(L)), eps)
  dimnames(z) <- list(NULL, names(object$loc))
  z
}

#' @rdname mvnormal
#' @importFrom stats density
#' @export
density.mvnormal <- function(x, at, log = FALSE, ...) {
  d <- length(x$loc)
  if (missing(at)) stop("`at` is missing: give a point, or a matrix with one point a row.", call. = FALSE)
  if (is.data.frame(at)) at <- as.matrix(at)
  if (!is.matrix(at) && length(at) == d) at <- matrix(at, 1L)
  if (!is.numeric(at) || !is.matrix(at) || ncol(at) != d) {
    stop(sprintf("`at` must be %d numbers, or a matrix with %d columns, not %s.", d, d, shape_and_class(at)), call. = FALSE)
  }
  check_flag(log, "log")
  eps <- forwardsolve(x$scale_tril, t(at) - x$loc)
  value <- -colSums(eps^2) / 2 - d * base::log(2 * pi) / 2 - sum(base::log(diag(x$scale_tril)))
  if (log) value else exp(value)
}

#' Entropy of a multivariate Normal
#'
#' The differential entropy, d/2 log(2 pi e) + sum(log(diag(scale_tril))), in nats. Of a fit or a guide it is that of the
#' Normal on the unconstrained space, the part of the ELBO that holds the guide open.
#'
#' @param x A fit, a guide, or an object of class [mvnormal].
#' @param ... Not used.
#' @return One number.
#' @examples
#' entropy(mvnormal(c(0, 0), diag(2)))
#' @export
entropy <- function(x, ...) UseMethod("entropy")

#' @export
entropy.default <- function(x, ...) method_elsewhere("entropy", c(class(x), "default"), "posterior")(x, ...)

#' @export
#' @exportS3Method posterior::entropy mvnormal
entropy.mvnormal <- function(x, ...) {
  length(x$loc) / 2 * (1 + log(2 * pi)) + sum(log(diag(x$scale_tril)))
}

#' @rdname mvnormal
#' @export
summary.mvnormal <- function(object, ...) {
  sd <- row_norms(object$scale_tril)
  table <- data.frame(variable = names(object$loc), mean = unname(object$loc), sd = unname(sd), stringsAsFactors = FALSE)
  table <- cbind(table, t(unname_columns(quantile.mvnormal(object, summary_probs))))
  rownames(table) <- make.unique(table$variable)
  structure(list(table = table), class = "summary.mvnormal")
}

unname_columns <- function(x) {
  colnames(x) <- NULL
  x
}

#' @export
as.data.frame.summary.mvnormal <- function(x, row.names = NULL, optional = FALSE, ...) x$table

#' @rdname mvnormal
#' @export
print.mvnormal <- function(x, n = 20, ...) {
  print(summary.mvnormal(x), n = n)
  invisible(x)
}

#' @export
print.summary.mvnormal <- function(x, n = 20, ...) {
  n <- check_number(n, "n", 1)
  d <- nrow(x$table)
  wrap(sprintf("Multivariate Normal over %s:", count_of(d, "unconstrained coordinate")))
  print_table(x$table, n)
  invisible(x)
}
