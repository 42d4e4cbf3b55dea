#' Predictions of a regression
#'
#' Posterior means, with standard errors and intervals on request, for the training rows or for new ones. The training data need not be at hand.
#'
#' Where the linear predictor is a sum of coordinates of the fitted Normal (no group effects, no smooths) predictions on the link scale
#' are closed forms; all others come from `draws` draws with a fixed seed, in antithetic pairs.
#'
#' @param object A fit of a regression.
#' @param newdata A data frame, or NULL for the training rows. Rows with a missing value give NA. Bases such as those of `poly()`, `ns()` and `s()` are those of
#'   the training data. A factor with a level that the training data lacks is an error, but see `allow.new.levels`.
#' @param type "link": the linear predictor; "response": the expected response (a probability for binomial families; for ordinal and
#'   categorical responses a matrix with a column a category); "class": the most probable category.
#' @param re.form Which group effects to include: NULL all, NA none, or a formula such as `~ (1 | g)`.
#' @param allow.new.levels Whether groups may have new levels, whose effects are then drawn from the group's distribution; otherwise they are an error.
#' @param se.fit Whether to add posterior standard deviations.
#' @param interval "confidence": of what `type` says; "prediction": of a new observation.
#' @param level Probability of the interval.
#' @param dpar Instead of the mean, a parameter of the family (`"sigma"`, `"zi"`, ...), on its own scale.
#' @param draws How many draws.
#' @param seed A whole number.
#' @param na.action,... Not used.
#' @section Truncated and censored responses:
#' The expected response, and what is made of it (`fitted()`, `residuals()`, `bayes_R2()`), is the mean of the distribution before `trunc()` and `cens()`;
#' `posterior_predict()`, `simulate()` and prediction intervals are within the bounds of `trunc()`.
#' @return A named vector; with `interval` a matrix with columns `fit`, `lwr` and `upr`; with `se.fit` a list of `fit` and `se.fit`.
#' @examples
#' fit <- fullrank(mpg ~ wt + hp, data = mtcars, seed = 1)
#' predict(fit, data.frame(wt = 3, hp = c(100, 200)), interval = "prediction")
#' @export
predict.fullrank_regression <- function(object, newdata = NULL, type = c("link", "response", "class"), re.form = NULL, allow.new.levels = FALSE,
                                        se.fit = FALSE, interval = c("none", "confidence", "prediction"), level = 0.95, dpar = NULL, draws = 4000, seed = 1,
                                        na.action = stats::na.pass, ...) {
  no_extra_arguments("predict", ...)
  type <- match.arg(type)
  interval <- match.arg(interval)
  for (flag in c("allow.new.levels", "se.fit")) check_flag(get(flag), flag)
  level <- check_number(level, "level", 0, 1, open = TRUE)
  check_dpar(object, dpar)
  at <- prediction_rows(object, newdata, re.form)
  if (has_categories(object) && (type != "link" || object$regression$family$name == "categorical")) {
    if (interval != "none" || se.fit) stop("For categories there are neither `se.fit` nor `interval`: posterior_epred(fit) has the draws.", call. = FALSE)
    return(predict_categories(object, at, type, allow.new.levels, draws, seed))
  }
  if (type == "class") stop("`type = \"class\"` is for ordinal and categorical responses.", call. = FALSE)
  moments <- prediction_moments(object, at, type, dpar, allow.new.levels, interval, level, draws, seed)
  finish_prediction(moments, at, se.fit, interval, object)
}

has_categories <- function(object) object$regression$family$table$response %in% c("ordinal", "nominal")

check_dpar <- function(object, dpar) {
  known <- setdiff(object$regression$family$table$pars, "cutpoints")
  if (is.null(dpar) || (is.character(dpar) && length(dpar) == 1L && dpar %in% known)) return()
  stop(sprintf("`dpar` must be a parameter of the family: %s.", if (length(known)) enumerate(known, "\"", "or") else "this one has none"), call. = FALSE)
}

# fit, se, lwr, upr at each row.
prediction_moments <- function(object, at, type, dpar, new_levels, interval, level, draws, seed) {
  probs <- c((1 - level) / 2, (1 + level) / 2)
  family <- object$regression$family
  expects_eta <- type == "link" || family$link == "identity" && identical(family$table$mean, quote(mu))
  linear <- if (is.null(dpar) && expects_eta) linear_moments(object, at)
  if (!is.null(linear) && interval != "prediction") {
    q <- outer(stats::qnorm(probs), linear$se) + rep(linear$fit, each = 2L)
    return(c(linear, list(lwr = q[1L, ], upr = q[2L, ])))
  }
  values <- paired_values(object, draws, seed)
  x <- expected_values(object, at, values, type, dpar, new_levels, seed)
  out <- if (is.null(linear)) list(fit = colMeans(x), se = apply(x, 2L, stats::sd)) else linear
  if (interval == "prediction") {
    if (!is.null(dpar)) stop("A parameter has no prediction interval: interval = \"confidence\".", call. = FALSE)
    x <- predictive_samples(object, at, values, new_levels, seed)
    if (family_is_binomial(object$regression)) x <- x / rep(response_at(object, at)$size, each = nrow(x))
  }
  if (interval != "none") {
    q <- sample_quantiles(x, probs)
    out$lwr <- q[1L, ]
    out$upr <- q[2L, ]
  }
  out
}

# S x n: the linear predictor, the expected response, or a parameter.
expected_values <- function(object, at, values, type, dpar, new_levels, seed) {
  S <- nrow(values[[1L]])
  reg <- object$regression
  if (!is.null(dpar)) {
    x <- predictor_values(object, at, values, new_levels, seed, only = dpar)[[dpar]]
    return(if (is.matrix(x)) x else matrix(x, S, at$n))
  }
  v <- predictor_values(object, at, values, new_levels, seed, only = if (type == "link") "mu")
  if (type == "link") v$eta else eval(reg$family$table$mean, v, asNamespace("stats")) + 0 * v$mu
}

# Draws in antithetic pairs: means of what is linear in z are exact (of an odd number the last has no partner).
paired_values <- function(object, draws, seed) {
  draws <- check_number(draws, "draws", 1, .Machine$integer.max, whole = TRUE)
  g <- checked_guide(object)
  eps <- draw_eps(ceiling(draws / 2), length(g$loc), check_number(seed, "seed", 0, 2^53, whole = TRUE))
  constrain_draws(g$compiled, sample_guide(g, rbind(eps, -eps)[seq_len(draws), , drop = FALSE]))
}

# Mean and standard deviation of the linear predictor in closed form; NULL when it is not a sum of coordinates.
linear_moments <- function(object, at) {
  part <- object$regression$parts$mu
  own <- at$parts$mu
  simple <- !is.null(part) && !length(own$smooths) && all(vapply(own$groups, is.null, NA)) && is.null(part$wide) && coefficients_linear(object)
  if (!simple) return(NULL)
  g <- checked_guide(object)
  sites <- object$compiled$sites
  coordinates <- c(if (part$own_intercept) sites$Intercept$offset + 1L, if (ncol(own$X)) sites$b$offset + seq_len(ncol(own$X)))
  X <- if (part$own_intercept) cbind(rep(1, nrow(own$X)), own$X) else own$X
  L <- (g$scale * g$scale_tril)[coordinates, , drop = FALSE]
  offset <- c(if (!is.null(own$offset)) list(own$offset), if (!is.null(at$offset)) list(at$offset))
  list(fit = Reduce(`+`, offset, as.vector(X %*% g$loc[coordinates])), se = sqrt(rowSums((X %*% L)^2)))
}

# Back to the rows of newdata, NA where a value was missing; padded for na.exclude.
finish_prediction <- function(moments, at, se.fit, interval, object) {
  spread <- function(x) {
    out <- rep(NA_real_, at$total)
    out[at$rows] <- x
    names(out) <- at$names
    if (is.null(at$newdata)) stats::naresid(object$regression$na.action, out) else out
  }
  fit <- spread(moments$fit)
  if (interval != "none") fit <- cbind(fit = fit, lwr = spread(moments$lwr), upr = spread(moments$upr))
  if (se.fit) list(fit = fit, se.fit = spread(moments$se)) else fit
}

predict_categories <- function(object, at, type, new_levels, draws, seed) {
  values <- paired_values(object, draws, seed)
  v <- predictor_values(object, at, values, new_levels, seed)
  levels <- object$regression$response$levels
  x <- if (type == "link") vapply(v$eta, colMeans, numeric(at$n)) else vapply(category_probabilities(object$regression, v), colMeans, numeric(at$n))
  x <- matrix(x, at$n, dimnames = list(NULL, if (type == "link") levels[-1L] else levels))
  if (type == "class") {
    out <- factor(rep(NA, at$total), levels)
    out[at$rows] <- levels[max.col(x, "first")]
    return(stats::setNames(out, at$names))
  }
  out <- matrix(NA_real_, at$total, ncol(x), dimnames = list(at$names, colnames(x)))
  out[at$rows, ] <- x
  out
}

#' Fitted values, residuals and replicates
#'
#' @param object A fit of a regression.
#' @param type Of residuals: "response": observed minus expected; "pearson": divided by the standard deviation of an observation; "deviance": for
#'   families of R, as [stats::glm()] has them.
#' @param nsim How many replicates.
#' @param seed A whole number, or NULL: drawn from R's generator.
#' @param ... Not used.
#' @return `fitted()`: posterior means of the expected response, as `predict(object, type = "response")`. `residuals()`: a named vector. `simulate()`: a
#'   data frame with a column a replicate (`sim_1`, ...); categories as factors, binomial responses as they were given: proportions for
#'   proportions, for counts a matrix of successes and failures in each column.
#' @examples
#' fit <- fullrank(mpg ~ wt, data = mtcars, seed = 1)
#' head(residuals(fit))
#' head(simulate(fit, nsim = 2, seed = 1))
#' @export
fitted.fullrank_regression <- function(object, ...) {
  no_extra_arguments("fitted", ...)
  predict.fullrank_regression(object, type = "response")
}

#' @rdname fitted.fullrank_regression
#' @export
residuals.fullrank_regression <- function(object, type = c("response", "pearson", "deviance"), ...) {
  no_extra_arguments("residuals", ...)
  type <- match.arg(type)
  reg <- object$regression
  if (has_categories(object)) stop("Categories have no residuals: compare posterior_predict(fit) with the response, as plot(fit, type = \"predictive\") does.", call. = FALSE)
  mu <- prediction_moments(object, prediction_rows(object), "response", NULL, FALSE, "none", 0.95, summary_draws, 1)$fit
  y <- if (is.null(reg$response$size)) reg$response$y else reg$response$y / reg$response$size
  out <- switch(type, response = y - mu, pearson = (y - mu) * sqrt(prior_weights(reg) / observation_variance(object)), deviance = deviance_residuals(object, y, mu))
  stats::naresid(reg$na.action, stats::setNames(out, rownames(reg$frame)))
}

# The weights of the rows with the meaning that glm() gives them, trials of a binomial response aside; 1 without any.
prior_weights <- function(reg) {
  given <- c(reg$response$precision, reg$response$times)
  if (is.null(given)) rep(1, nrow(reg$frame)) else given
}

# Variance of an observation of weight 1, averaged over the posterior.
observation_variance <- function(object) {
  at <- prediction_rows(object)
  values <- paired_values(object, summary_draws, 1)
  colMeans(variance_draws(object, at, values))
}

variance_draws <- function(object, at, values) {
  reg <- object$regression
  v <- predictor_values(object, at, values)
  v <- with_row_data(v, nrow(values[[1L]]), size = reg$response$size)
  eval(reg$family$table$variance, v, asNamespace("stats")) + 0 * v$mu
}

deviance_residuals <- function(object, y, mu) {
  reg <- object$regression
  dev <- reg$family$object$dev.resids
  if (is.null(dev)) stop(sprintf("Deviance residuals are not defined for family \"%s\" here: take type = \"pearson\".", reg$family$name), call. = FALSE)
  weights <- prior_weights(reg) * if (is.null(reg$response$size)) 1 else reg$response$size
  sign(y - mu) * sqrt(pmax(dev(y, mu, weights), 0))
}

#' @rdname fitted.fullrank_regression
#' @export
simulate.fullrank_regression <- function(object, nsim = 1, seed = NULL, ...) {
  no_extra_arguments("simulate", ...)
  nsim <- check_number(nsim, "nsim", 1, whole = TRUE)
  seed <- resolve_seed(seed)
  reg <- object$regression
  y <- predictive_samples(object, prediction_rows(object), prediction_values(object, nsim, seed), FALSE, mix_seed(seed, 5))
  column <- function(x) {
    if (!is.null(reg$response$levels) && has_categories(object)) return(factor(reg$response$levels[x], reg$response$levels, ordered = reg$family$name == "cumulative"))
    if (!is.null(reg$response$levels)) return(factor(reg$response$levels[1L + x], reg$response$levels))
    if (is.null(reg$response$size)) return(x)
    response <- stats::model.response(reg$frame)
    if (is.matrix(response)) return(structure(cbind(x, reg$response$size - x), dimnames = list(NULL, colnames(response))))
    if (is.null(reg$args$weights)) x else x / reg$response$size
  }
  out <- lapply(seq_len(nsim), function(s) column(y[s, ]))
  structure(out, names = paste0("sim_", seq_len(nsim)), row.names = rownames(reg$frame), class = "data.frame", seed = seed)
}

# ---- what package rstantools names ----------------------------------------------------------------------------------------------

#' Draws of predictions
#'
#' Methods for the generics of package rstantools; each returns a matrix with a draw a row and an observation a column.
#'
#' @param object A fit of a regression.
#' @param newdata,re.form,allow.new.levels,dpar As for [predict()][predict.fullrank_regression].
#' @param draws How many draws.
#' @param seed A whole number, or NULL: drawn from R's generator, so that `set.seed()` governs.
#' @param transform Whether to apply the inverse link.
#' @param prob Probability of the interval.
#' @param ... Other names of arguments, as brms and tidybayes have them: `ndraws`, `re_formula`, `allow_new_levels`.
#' @return `posterior_predict()`: new observations (counts of successes for binomial families; categories as their numbers, with the
#'   levels in attribute `levels`). `posterior_epred()`: expected responses (probabilities for binomial families; for categories an
#'   array with a third dimension). `posterior_linpred()`: linear predictors. `log_lik()`: log densities of the observations. `predictive_error()`: observed minus
#'   new observations. `predictive_interval()`: central intervals of new observations, one a row. `bayes_R2()`: for each draw the
#'   variance of the expected responses as a share of itself plus the mean variance of an observation.
#' @references Gelman, Goodrich, Gabry and Vehtari (2019). R-squared for Bayesian regression models. The American Statistician 73(3), 307-309.
#' @examplesIf requireNamespace("rstantools", quietly = TRUE)
#' fit <- fullrank(mpg ~ wt, data = mtcars, seed = 1)
#' dim(rstantools::posterior_predict(fit, draws = 100))
#' quantile(rstantools::bayes_R2(fit))
#' @name posterior_predict.fullrank_regression
NULL

#' @rdname posterior_predict.fullrank_regression
#' @exportS3Method rstantools::posterior_predict fullrank_regression
posterior_predict.fullrank_regression <- function(object, newdata = NULL, draws = 1000, re.form = NULL, allow.new.levels = FALSE, seed = NULL, ...) {
  no_extra_arguments("posterior_predict", ...)
  seed <- resolve_seed(seed)
  at <- prediction_rows(object, newdata, re.form)
  out <- predictive_samples(object, at, prediction_values(object, draws, seed), allow.new.levels, mix_seed(seed, 5))
  out <- draws_matrix_of(out, at)
  if (has_categories(object)) attr(out, "levels") <- object$regression$response$levels
  out
}

draws_matrix_of <- function(x, at) {
  if (length(at$rows) == at$total) return(structure(x, dimnames = list(NULL, at$names)))
  out <- matrix(NA_real_, nrow(x), at$total, dimnames = list(NULL, at$names))
  out[, at$rows] <- x
  out
}

#' @rdname posterior_predict.fullrank_regression
#' @exportS3Method rstantools::posterior_epred fullrank_regression
posterior_epred.fullrank_regression <- function(object, newdata = NULL, draws = 1000, re.form = NULL, allow.new.levels = FALSE, dpar = NULL, seed = NULL, ...) {
  no_extra_arguments("posterior_epred", ...)
  check_dpar(object, dpar)
  seed <- resolve_seed(seed)
  at <- prediction_rows(object, newdata, re.form)
  values <- paired_values(object, draws, seed)
  if (has_categories(object)) {
    p <- category_probabilities(object$regression, predictor_values(object, at, values, allow.new.levels, mix_seed(seed, 4)))
    p <- lapply(p, draws_matrix_of, at)
    return(array(unlist(p), c(dim(p[[1L]]), length(p)), list(NULL, at$names, names(p))))
  }
  draws_matrix_of(expected_values(object, at, values, "response", dpar, allow.new.levels, mix_seed(seed, 4)), at)
}

#' @rdname posterior_predict.fullrank_regression
#' @exportS3Method rstantools::posterior_linpred fullrank_regression
posterior_linpred.fullrank_regression <- function(object, transform = FALSE, newdata = NULL, draws = 1000, re.form = NULL, allow.new.levels = FALSE, seed = NULL, ...) {
  no_extra_arguments("posterior_linpred", ...)
  check_flag(transform, "transform")
  if (object$regression$family$name == "categorical") stop("A categorical response has a linear predictor for each category: predict(fit) gives their means.", call. = FALSE)
  seed <- resolve_seed(seed)
  at <- prediction_rows(object, newdata, re.form)
  v <- predictor_values(object, at, paired_values(object, draws, seed), allow.new.levels, mix_seed(seed, 4), only = "mu")
  draws_matrix_of(if (transform) v$mu else v$eta, at)
}

#' @rdname posterior_predict.fullrank_regression
#' @exportS3Method rstantools::log_lik fullrank_regression
log_lik.fullrank_regression <- function(object, newdata = NULL, draws = 1000, re.form = NULL, allow.new.levels = FALSE, seed = NULL, ...) {
  no_extra_arguments("log_lik", ...)
  seed <- resolve_seed(seed)
  at <- prediction_rows(object, newdata, re.form)
  draws_matrix_of(pointwise_log_lik(object, at, prediction_values(object, draws, seed), allow.new.levels, mix_seed(seed, 4)), at)
}

#' @rdname posterior_predict.fullrank_regression
#' @exportS3Method rstantools::predictive_error fullrank_regression
predictive_error.fullrank_regression <- function(object, newdata = NULL, draws = 1000, re.form = NULL, allow.new.levels = FALSE, seed = NULL, ...) {
  no_extra_arguments("predictive_error", ...)
  if (has_categories(object)) stop("Categories have no errors to subtract.", call. = FALSE)
  at <- prediction_rows(object, newdata, re.form)
  response <- response_at(object, at)
  if (is.null(response$y)) stop("`newdata` must have the response, without missing values.", call. = FALSE)
  yrep <- posterior_predict.fullrank_regression(object, newdata, draws, re.form, allow.new.levels, seed)
  size <- if (is.null(response$size)) 1 else response$size
  yrep[, at$rows] <- rep(response$y / size, each = nrow(yrep)) - yrep[, at$rows] / rep(size, each = nrow(yrep))
  yrep
}

#' @rdname posterior_predict.fullrank_regression
#' @exportS3Method rstantools::predictive_interval fullrank_regression
predictive_interval.fullrank_regression <- function(object, prob = 0.9, newdata = NULL, draws = 1000, re.form = NULL, allow.new.levels = FALSE, seed = NULL, ...) {
  no_extra_arguments("predictive_interval", ...)
  prob <- check_number(prob, "prob", 0, 1, open = TRUE)
  probs <- c((1 - prob) / 2, (1 + prob) / 2)
  yrep <- posterior_predict.fullrank_regression(object, newdata, draws, re.form, allow.new.levels, seed)
  out <- t(sample_quantiles(yrep, probs))
  dimnames(out) <- list(colnames(yrep), percent_names(probs))
  out
}

#' @rdname posterior_predict.fullrank_regression
#' @exportS3Method rstantools::bayes_R2 fullrank_regression
bayes_R2.fullrank_regression <- function(object, draws = 1000, re.form = NULL, seed = NULL, ...) {
  no_extra_arguments("bayes_R2", ...)
  if (has_categories(object)) stop("Categories have no R-squared.", call. = FALSE)
  seed <- resolve_seed(seed)
  at <- prediction_rows(object, NULL, re.form)
  values <- paired_values(object, draws, seed)
  mu <- expected_values(object, at, values, "response", NULL, FALSE, seed)
  weights <- prior_weights(object$regression)
  rows <- which(weights > 0)
  variance <- variance_draws(object, at, values)[, rows, drop = FALSE]
  if (!is.null(object$regression$response$precision)) variance <- variance / rep(weights[rows], each = nrow(variance))
  fitted <- apply(mu[, rows, drop = FALSE], 1L, stats::var)
  fitted / (fitted + rowMeans(variance))
}
