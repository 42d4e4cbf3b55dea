# The coefficients of a regression on the data's own scale, and what R users ask of them.

# How coefficients come from sites: names, and for each part the sites, centres and order.
coefficient_parts <- function(object) {
  reg <- object$regression
  lapply(reg$parts, function(part) {
    columns <- c(part$columns, part$wide$columns)
    prefix <- if (!is.null(part$category)) paste0(part$category, "_") else if (part$dpar == "mu") "" else paste0(part$dpar, "_")
    names <- c(if (part$own_intercept) "(Intercept)", columns[part$order])
    list(intercept = if (part$own_intercept) paste0("Intercept", part$suffix), b = if (length(columns)) paste0("b", part$suffix),
         center = c(part$center, if (!is.null(part$wide) && part$own_intercept) part$wide$center else rep(0, length(part$wide$columns))), order = part$order,
         names = if (length(names)) paste0(prefix, names))
  })
}

coefficient_names <- function(object) unlist(lapply(coefficient_parts(object), `[[`, "names"), use.names = FALSE)

# The matrix A of coefficients = A z, for a fit whose coefficients are all coordinates of z.
coefficient_matrix <- function(object) {
  sites <- object$compiled$sites
  d <- object$compiled$program$d
  rows <- lapply(coefficient_parts(object), function(part) {
    A <- matrix(0, length(part$names), d)
    b <- if (!is.null(part$b)) sites[[part$b]]$offset + seq_along(part$order)
    own <- length(part$names) - length(part$order)
    if (own) {
      A[1L, sites[[part$intercept]]$offset + 1L] <- 1
      if (length(b)) A[1L, b] <- -part$center
    }
    for (k in seq_along(part$order)) A[own + k, b[part$order[k]]] <- 1
    A
  })
  A <- do.call(rbind, unname(rows))
  if (is.null(A)) A <- matrix(0, 0L, d)
  rownames(A) <- coefficient_names(object)
  A
}

# Coefficients from draws of the sites: S x p.
coefficient_draws <- function(object, values) {
  columns <- lapply(coefficient_parts(object), function(part) {
    b <- if (!is.null(part$b)) values[[part$b]]
    cbind(if (!is.null(part$intercept)) values[[part$intercept]] - if (is.null(b)) 0 else b %*% part$center, if (!is.null(b)) b[, part$order, drop = FALSE])
  })
  out <- do.call(cbind, unname(columns))
  if (is.null(out)) out <- matrix(0, nrow(values[[1L]]), 0L)
  colnames(out) <- coefficient_names(object)
  out
}

# Of draws of the sites, what is a site only at centred predictors: intercepts and cutpoints.
own_scale_draws <- function(object, values) {
  coefficients <- coefficient_draws(object, values)
  intercepts <- unlist(lapply(coefficient_parts(object), function(part) if (!is.null(part$intercept)) part$names[1L]), use.names = FALSE)
  cbind(coefficients[, intercepts, drop = FALSE], if (object$regression$family$name == "cumulative") cutpoint_draws(object, values))
}

# Whether every coefficient is a coordinate of z or a sum of them: not when a prior bounds one.
coefficients_linear <- function(object) {
  used <- unlist(lapply(coefficient_parts(object), function(part) c(part$intercept, part$b)))
  all(vapply(object$compiled$sites[used], function(s) all(is.infinite(s$lower)) && all(is.infinite(s$upper)), NA))
}

# loc, covariance and, where bounded, the draws that they come from.
coefficient_moments <- function(object) {
  g <- checked_guide(object)
  if (coefficients_linear(object)) {
    A <- coefficient_matrix(object)
    B <- A %*% (g$scale * g$scale_tril)
    return(list(loc = drop(A %*% g$loc), vcov = tcrossprod(B), draws = NULL))
  }
  draws <- coefficient_draws(object, constrain_draws(g$compiled, sample_guide(g, draw_eps(summary_draws, length(g$loc), 1))))
  list(loc = colMeans(draws), vcov = stats::cov(draws), draws = draws)
}

coefficient_quantiles <- function(moments, probs) {
  if (is.null(moments$draws)) return(outer(stats::qnorm(probs), sqrt(diag(moments$vcov))) + rep(moments$loc, each = length(probs)))
  column_quantiles(moments$draws, probs)
}

#' Coefficients of a regression
#'
#' The population effects with their names from the model matrix, `(Intercept)` on the data's own scale, and what belongs to them.
#'
#' The fitted Normal gives their mean and covariance in closed form. Where a prior bounds a coefficient they come from 4,000 draws with a fixed seed.
#' The coefficients of a parameter with a formula of its own are named `sigma_(Intercept)`, those of a category `B_(Intercept)`.
#' An ordinal regression has cutpoints instead of an intercept; they are in [summary()][summary.fullrank_regression].
#'
#' @param object A fit of a regression.
#' @param full Whether to return all latent coordinates, on the unconstrained scale, instead.
#' @param parm,pars Names or numbers of coefficients.
#' @param level,prob Probability of the interval.
#' @param ... Not used.
#' @return `coef()` and `fixef()`: a named vector; there is one coefficient for all groups, [ranef()][ranef.fullrank_regression] has the groups' departures. `vcov()`,
#'   `covariance()`, `correlation()`: a matrix. `confint()` and `posterior_interval()`: a central posterior interval a row; those of other parameters are
#'   `quantile(fit, c(0.025, 0.975))`.
#' @examples
#' fit <- fullrank(mpg ~ wt + hp, data = mtcars, seed = 1)
#' coef(fit)
#' sqrt(diag(vcov(fit)))
#' confint(fit)
#' @export
coef.fullrank_regression <- function(object, full = FALSE, ...) {
  check_flag(full, "full")
  if (full) coef.fullrank_fit(object) else coefficient_moments(object)$loc
}

#' @rdname coef.fullrank_regression
#' @exportS3Method nlme::fixef fullrank_regression
fixef.fullrank_regression <- function(object, ...) coef.fullrank_regression(object)

#' @rdname coef.fullrank_regression
#' @export
vcov.fullrank_regression <- function(object, full = FALSE, ...) {
  check_flag(full, "full")
  if (full) vcov.fullrank_fit(object) else coefficient_moments(object)$vcov
}

#' @rdname coef.fullrank_regression
#' @export
covariance.fullrank_regression <- vcov.fullrank_regression

#' @rdname coef.fullrank_regression
#' @export
correlation.fullrank_regression <- function(object, full = FALSE, ...) {
  check_flag(full, "full")
  if (full) correlation.fullrank_fit(object) else stats::cov2cor(coefficient_moments(object)$vcov)
}

#' @rdname coef.fullrank_regression
#' @export
confint.fullrank_regression <- function(object, parm = NULL, level = 0.95, ...) {
  level <- check_number(level, "level", 0, 1, open = TRUE)
  moments <- coefficient_moments(object)
  probs <- central_probs(level)
  out <- t(coefficient_quantiles(moments, probs))
  dimnames(out) <- list(names(moments$loc), confint_names(probs))
  if (is.null(parm)) return(out)
  unknown <- if (is.character(parm)) setdiff(parm, rownames(out)) else if (is.numeric(parm)) parm[abs(parm) > nrow(out)]
  if (length(unknown)) stop(sprintf("There is no coefficient %s; there are %s.", enumerate(unknown[1L]), enumerate(rownames(out))), call. = FALSE)
  out[parm, , drop = FALSE]
}

#' @rdname coef.fullrank_regression
#' @exportS3Method rstantools::posterior_interval fullrank_regression
posterior_interval.fullrank_regression <- function(object, prob = 0.9, pars = NULL, ...) {
  out <- confint.fullrank_regression(object, pars, check_number(prob, "prob", 0, 1, open = TRUE))
  colnames(out) <- percent_names(central_probs(prob))
  out
}

# ---- groups -------------------------------------------------------------------------------------------------------------------

#' @importFrom nlme fixef
#' @export
nlme::fixef

#' @importFrom nlme ranef
#' @export
nlme::ranef

#' @importFrom nlme VarCorr
#' @export
nlme::VarCorr

# Draws with a fixed seed behind summaries of groups.
regression_values <- function(object, n = summary_draws, seed = 1) {
  g <- checked_guide(object)
  constrain_draws(g$compiled, sample_guide(g, draw_eps(n, length(g$loc), seed)))
}

all_blocks <- function(object) unlist(unname(lapply(object$regression$parts, function(part) {
  lapply(part$groups, function(block) c(block, list(dpar = if (is.null(part$category)) part$dpar else part$category)))
})), recursive = FALSE)

block_name <- function(block) if (block$dpar == "mu") block$name else paste(block$dpar, block$name, sep = "_")

#' Group effects and how much groups vary
#'
#' `ranef()`: posterior means of each group's departures from the population effects. `VarCorr()`: posterior means of the standard deviations and
#' correlations of these departures.
#'
#' @param object,x A fit of a regression.
#' @param condVar Whether to add the posterior covariances of each group's effects, as attribute `postVar` (K x K x groups; of a group with several terms a list of these), as package lme4 does.
#' @param sigma,row.names,optional,... Not used.
#' @return `ranef()`: a list of data frames, one a grouping factor, with a row a level and a column an effect. `lme4::ngrps()`: how many levels each has. `VarCorr()`: a list of
#'   covariance matrices, one a grouping factor, each with attributes `stddev` and `correlation`, and an `as.data.frame()` method with
#'   columns `grp`, `var1`, `var2`, `vcov` and `sdcor`. All from 4,000 draws with a fixed seed.
#' @examples
#' fit <- fullrank(circumference ~ age + (1 | Tree), data = datasets::Orange, seed = 1)
#' ranef(fit)
#' VarCorr(fit)
#' @exportS3Method nlme::ranef fullrank_regression
ranef.fullrank_regression <- function(object, condVar = FALSE, ...) {
  check_flag(condVar, "condVar")
  values <- regression_values(object)
  blocks <- all_blocks(object)
  out <- list()
  for (block in blocks) {
    J <- length(block$levels)
    r <- values[[paste0("r_", block$id)]]
    frame <- as.data.frame(matrix(colMeans(r), J, dimnames = list(block$levels, block$columns)), optional = TRUE)
    name <- block_name(block)
    known <- out[[name]]
    out[[name]] <- if (is.null(known)) frame else cbind(known, frame)
    if (condVar) {
      own <- level_covariances(r, J, length(block$columns))
      attr(out[[name]], "postVar") <- if (is.null(known)) own else c(if (is.list(attr(known, "postVar"))) attr(known, "postVar") else list(attr(known, "postVar")), list(own))
    }
  }
  out
}

#' @rdname ranef.fullrank_regression
#' @exportS3Method lme4::ngrps fullrank_regression
ngrps.fullrank_regression <- function(object, ...) {
  blocks <- all_blocks(object)
  n <- vapply(blocks, function(block) length(block$levels), 0L)
  names(n) <- vapply(blocks, `[[`, "", "name")
  n[!duplicated(names(n))]
}

level_covariances <- function(r, J, K) {
  at <- function(j) r[, j + J * (seq_len(K) - 1L), drop = FALSE]
  array(vapply(seq_len(J), function(j) stats::cov(at(j)), matrix(0, K, K)), c(K, K, J))
}

#' @rdname ranef.fullrank_regression
#' @exportS3Method nlme::VarCorr fullrank_regression
VarCorr.fullrank_regression <- function(x, sigma = 1, ...) {
  values <- regression_values(x)
  out <- list()
  blocks <- all_blocks(x)
  names <- vapply(blocks, block_name, "")
  for (k in seq_along(blocks)) {
    block <- blocks[[k]]
    K <- length(block$columns)
    sd <- colMeans(values[[paste0("sd_", block$id)]])
    correlation <- diag(K)
    if (block$correlated) correlation <- mean_correlation(values[[paste0("L_", block$id)]], K)
    dimnames(correlation) <- list(block$columns, block$columns)
    names(sd) <- block$columns
    before <- sum(names[seq_len(k - 1L)] == names[k])
    out[[if (before) paste0(names[k], ".", before) else names[k]]] <- structure(correlation * outer(sd, sd), stddev = sd, correlation = correlation)
  }
  scale <- if ("sigma" %in% names(values)) mean(values$sigma)
  structure(out, sc = scale, useSc = !is.null(scale), class = "fullrank_VarCorr")
}

mean_correlation <- function(L, K) {
  total <- 0
  for (s in seq_len(nrow(L))) total <- total + tcrossprod(matrix(L[s, ], K))
  total / nrow(L)
}

#' @rdname ranef.fullrank_regression
#' @export
as.data.frame.fullrank_VarCorr <- function(x, row.names = NULL, optional = FALSE, ...) {
  rows <- lapply(names(x), function(name) {
    V <- x[[name]]
    columns <- rownames(V)
    pairs <- which(upper.tri(V), arr.ind = TRUE)
    data.frame(grp = name, var1 = c(columns, columns[pairs[, 1L]]), var2 = c(rep(NA, length(columns)), columns[pairs[, 2L]]),
               vcov = c(diag(V), V[pairs]), sdcor = c(attr(V, "stddev"), attr(V, "correlation")[pairs]), stringsAsFactors = FALSE)
  })
  sc <- attr(x, "sc")
  if (!is.null(sc)) rows <- c(rows, list(data.frame(grp = "Residual", var1 = NA_character_, var2 = NA_character_, vcov = sc^2, sdcor = sc, stringsAsFactors = FALSE)))
  out <- do.call(rbind, rows)
  rownames(out) <- NULL
  out
}

#' @export
print.fullrank_VarCorr <- function(x, digits = 3, ...) {
  table <- as.data.frame(x)
  if (is.null(table)) {
    cat("No groups.\n")
  } else {
    single <- is.na(table$var2)
    room <- max(12L, (getOption("width") - 20L) %/% 2L)
    name <- ifelse(is.na(table$var1), "", ifelse(single, table$var1, paste(shorten(table$var1, room %/% 2L - 1L), shorten(as.character(table$var2), room %/% 2L - 1L), sep = ", ")))
    shown <- data.frame(Groups = shorten(table$grp, room), Name = shorten(name, room),
                        `Std.Dev.` = ifelse(single, format(table$sdcor, digits = digits), ""), Corr = ifelse(single, "", formatC(table$sdcor, digits = 2, format = "f")),
                        check.names = FALSE)
    print(shown, row.names = FALSE, right = FALSE)
  }
  invisible(x)
}
