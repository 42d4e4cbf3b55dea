#' Fit a regression
#'
#' Regression by formula: population effects, group effects and smooths for the families of R and others, lowered to sample statements
#' and fitted by the same engine as every model. [as_model()] shows the statements, [prior_summary()] the priors.
#'
#' @param formula A formula, or a list of formulas: `list(y ~ x, sigma ~ z)` gives a parameter of the family a linear predictor of its own, on
#'   its log link (logit for `zi`). The right side takes what [stats::model.matrix()] takes, group terms such as `(1 | g)`, `(1 + x | g)`
#'   (correlated), `(x || g)` (not correlated), `(1 | a/b)`, and the smooths `s()` and `t2()` of package mgcv. On the left, `y | cens(status)` (0
#'   or "none", 1 or "right", -1 or "left"), `y | trunc(lower, upper)` and `y | trials(n)` are known.
#' @param x The same, when it is a list.
#' @param data A data frame. Names that it lacks are looked for in the formula's environment.
#' @param family One of R's own (`gaussian()`, `binomial()`, `poisson()`, `Gamma()`, `inverse.gaussian()`, with their links), or a name: "student",
#'   "negbinomial", "beta", "beta_binomial", "lognormal", "weibull", "exponential", "cumulative", "categorical", "zero_inflated_poisson",
#'   "zero_inflated_negbinomial", "hurdle_poisson" or "bernoulli". The mean of "weibull" and "exponential" is on the log link.
#' @param link The link of a family given by name.
#' @param prior NULL for the defaults, "flat", or a list of sample statements that replace them by name: `list(b ~ normal(0, 2), sd_herd ~ half_normal(1))`;
#'   `b[wt] ~ normal(0, 1)` is for one coefficient, `sd ~ ...` for all groups. See [prior_summary()].
#' @param weights Prior weights with the meaning that [stats::glm()] gives them: for gaussian, Gamma and inverse.gaussian the dispersion is divided by
#'   them, the weights of a proportion are its numbers of trials, and for other families a weight says how often a row counts.
#' @param offset,subset,na.action,contrasts As for [stats::lm()].
#' @param prior_only Whether to leave the likelihood out: the fit is that of the prior, for prior predictive checks.
#' @param ... Arguments of the fit itself, see [fullrank()]: `seed`, `optimizer`, `steps`, `tol`, ...
#' @return An object of class `fullrank_regression`, which is a `fullrank_fit`. See [summary()][summary.fullrank_regression],
#'   [coef()][coef.fullrank_regression], [predict()][predict.fullrank_regression] and [posterior_predict()][posterior_predict.fullrank_regression].
#' @section Sites:
#' `Intercept` (for centred predictors) and `b` (named by the columns of the model matrix); for each group `sd_<group>`, `L_<group>` (Cholesky factor of the
#' correlations), `z_<group>` (the effects on a scale that suits the fit, see [as_model()]) and `r_<group>` (the effects, kept in draws and summaries); `sigma`, `shape`, `phi`, `df`,
#' `cutpoints`, `zi`. A parameter with a formula has `Intercept_sigma`, `b_sigma` and so on; the categories of a categorical response have `b_<category>`.
#' Names are made legal: `a:b` becomes `a_b`. `cutpoints` are those for centred predictors, too.
#' @section Messages and errors:
#' A constant column is dropped with a message. Linearly dependent columns are kept, since the prior tells them apart, with a message; under
#' flat priors they are an error. Perfect separation is no error: the prior keeps the fit finite.
#' @examples
#' fit <- fullrank(mpg ~ wt + factor(cyl), data = mtcars, seed = 1)
#' fit
#' as_model(fit)
#' @export
fullrank.formula <- function(formula, data, family = gaussian(), prior = NULL, weights, offset, subset, na.action, contrasts = NULL, ...,
                             link = NULL, prior_only = FALSE) {
  call <- match.call()
  check_fit_arguments(...)
  if (missing(data)) data <- NULL
  reg <- setup_from_call(call, parent.frame(), formula, data, family, prior, contrasts, link, prior_only)
  call[[1L]] <- quote(fullrank)
  fit_regression(reg, call, ...)
}

#' @rdname fullrank.formula
#' @export
fullrank.list <- function(x, data, ...) {
  call <- match.call()
  if (!missing(x) && is_tmb(x)) return(fullrank_tmb(x, matched_call(call), ..., data = if (!missing(data)) data))
  names(call)[names(call) == "x"] <- "formula"
  if (!missing(x) && !(length(x) && all(vapply(x, is_formula, NA)))) return(fullrank.default(x))
  call[[1L]] <- fullrank.formula
  fit <- eval(call, parent.frame())
  fit$call[[1L]] <- quote(fullrank)
  fit
}

frame_arguments <- c("weights", "offset", "subset", "na.action")

setup_from_call <- function(call, envir, formula, data, family, prior, contrasts, link, prior_only) {
  check_flag(prior_only, "prior_only")
  prior <- tryCatch(prior, error = function(e) {
    stop(sprintf("`prior` could not be read: %s. A prior is a sample statement, as in prior = list(b ~ normal(0, 2)).", sub("[.]$", "", conditionMessage(e))), call. = FALSE)
  })
  if (!is.null(data) && !is.list(data) && !is.environment(data)) stop(sprintf("`data` must be a data frame, not %s.", class(data)[1L]), call. = FALSE)
  if (!is.null(contrasts) && (!is.list(contrasts) || is.null(names(contrasts)))) stop("`contrasts` must be a named list, as in list(f = contr.sum).", call. = FALSE)
  args <- as.list(call)[intersect(names(call), frame_arguments)]
  reg <- setup_regression(formula, data, family, prior, args, contrasts, link, prior_only, envir)
  reg$given <- list(family = family, prior = prior, contrasts = contrasts, link = link, prior_only = prior_only)
  reg$args <- args
  reg
}

check_fit_arguments <- function(...) {
  if (!...length()) return(invisible())
  tags <- argument_tags(...)
  own <- setdiff(names(formals(fullrank.fullrank_model)), c("x", "data", "..."))
  wrong <- tags[!tags %in% own]
  if (!length(wrong)) return(invisible())
  if (!nzchar(wrong[1L])) stop("fullrank() takes the formula and the data by place; its other arguments need their names, as in seed = 1.", call. = FALSE)
  known <- c(own, setdiff(names(formals(fullrank.formula)), "..."))
  stop(paste(c(sprintf("fullrank() has no argument `%s`.", wrong[1L]), nearest_hint(wrong[1L], known)), collapse = " "), call. = FALSE)
}

fit_regression <- function(reg, call, ...) {
  for (text in reg$messages) message(text)
  reg$fit_args <- list(...)
  fit <- fullrank.fullrank_model(reg$model, ...)
  fit$call <- call
  fit$formula <- reg$formulas
  fit$family <- reg$family$object
  fit <- name_effects(fit, reg$effects)
  fit$model[c("data", "keep", "init")] <- NULL
  fit$regression <- c(reg[setdiff(names(reg), c("model", "lowered", "messages", "formulas"))], list(init = reg$model$init))
  class(fit) <- c("fullrank_regression", class(fit))
  if (isFALSE(reg$fit_args$keep_data)) drop_regression_data(fit, reg$lowered) else fit
}

# Group effects named by level and column.
name_effects <- function(fit, effects) {
  for (name in names(effects)) {
    part <- fit$compiled$kept[[name]]
    if (is.null(part)) next
    names <- Filter(Negate(is.null), effects[[name]])
    part$dim <- lengths(names)
    part$dimnames <- names
    part$labels <- element_labels(name, part$dim, names)
    fit$compiled$kept[[name]] <- part
  }
  fit
}

# What a user should know of columns and groups.
part_messages <- function(reg, prior) {
  flat <- identical(prior, "flat")
  out <- character()
  for (part in reg$parts) {
    if (length(part$dropped)) out <- c(out, sprintf("Dropped as constant: %s.", enumerate(part$dropped)))
    out <- c(out, dependent_message(part, flat, nrow(reg$frame)))
    for (block in part$groups) {
      if (!isTRUE(reg$family$table$scaled) || part$dpar != "mu") next
      effects <- length(block$levels) * length(block$columns)
      if (length(block$levels) == nrow(reg$frame)) {
        out <- c(out, sprintf("Every level of `%s` has one observation: its effects and sigma are told apart by their priors only.", block$name))
      } else if (effects >= nrow(reg$frame)) {
        out <- c(out, sprintf("`%s` has %d effects for %d observations: they and sigma are told apart by their priors only.", block$name, effects, nrow(reg$frame)))
      }
    }
  }
  unique(out)
}

dependent_message <- function(part, flat, n) {
  X <- part$at$X
  p <- ncol(X)
  if (!p) return()
  # columns that are independent on some rows are so on all
  some <- if (n > 40 * p) round(seq(1, n, length.out = 20 * p)) else seq_len(n)
  scaled_rank <- function(rows) qr(X[rows, , drop = FALSE] / rep(part$sd, each = length(rows)))
  found <- scaled_rank(some)
  if (found$rank < p && length(some) < n) found <- scaled_rank(seq_len(n))
  if (found$rank == p) return()
  extra <- part$columns[found$pivot[-seq_len(found$rank)]]
  text <- sprintf("%s %s on the other columns%s", enumerate(utils::head(extra, 5L)), if (length(extra) == 1L) "depends linearly" else "depend linearly",
                  if (p > n - 1L) sprintf(" (%d columns, %d rows)", p, n) else "")
  if (flat) stop(text, ": under flat priors such coefficients cannot be told apart. Leave them out, or give `b` a prior.", call. = FALSE)
  paste0(text, ": only the prior tells such coefficients apart.")
}

#' The model that a regression is lowered to
#'
#' @param x A fit, a formula or a list of formulas, or a model (returned as it is).
#' @param data,family,prior,weights,offset,subset,na.action,contrasts,link,prior_only As for [fullrank()][fullrank.formula].
#' @param ... Not used.
#' @return A model, see [model()], with its data attached: `fullrank(as_model(fit))` runs it, with the same seed to the same bits. Of a fit of a
#'   model, the model with the data of the fit. Of a fit made with `keep_data = FALSE` the statements alone: to run them takes `data`.
#' @examples
#' as_model(mpg ~ wt, data = mtcars)
#' @export
as_model <- function(x, ...) UseMethod("as_model")

#' @export
as_model.default <- function(x, ...) {
  stop(sprintf("as_model() takes a fit or a formula, not an object of class %s.", class(x)[1L]), call. = FALSE)
}

#' @rdname as_model
#' @export
as_model.fullrank_model <- function(x, ...) x

#' @rdname as_model
#' @export
as_model.fullrank_fit <- function(x, ...) {
  if (is_outside(x$compiled)) stop("This fit is of a log density from elsewhere: there are no sample statements to show.", call. = FALSE)
  out <- x$model
  out$data <- if (isTRUE(x$compiled$dropped)) no_data() else x$data
  out$keep <- x$keep
  if (!is.null(x$regression)) out$init <- x$regression$init
  out
}

#' @rdname as_model
#' @export
as_model.formula <- function(x, data, family = gaussian(), prior = NULL, weights, offset, subset, na.action, contrasts = NULL, ..., link = NULL, prior_only = FALSE) {
  no_extra_arguments("as_model", ...)
  if (missing(data)) data <- NULL
  setup_from_call(match.call(), parent.frame(), x, data, family, prior, contrasts, link, prior_only)$model
}

#' @rdname as_model
#' @export
as_model.list <- as_model.formula

#' Update a regression
#'
#' With a new formula or another argument of [fullrank()][fullrank.formula] the regression is fitted again, on the data of the first fit unless
#' `data` is given; without any it goes on from where it stopped, the same as if it never had.
#'
#' @param object A fit of a regression.
#' @param formula. Changes to the formula, as for [stats::update.formula()]; or a list of formulas.
#' @param ... Arguments to change.
#' @param steps,max_steps,progress,verbose As for [update()][update.fullrank_fit].
#' @return A fit of a regression.
#' @examples
#' fit <- fullrank(mpg ~ wt, data = mtcars, seed = 1)
#' update(fit, . ~ . + hp)
#' @export
update.fullrank_regression <- function(object, formula. = NULL, ..., steps = NULL, max_steps = object$settings$max_steps, progress = interactive(), verbose = FALSE) {
  given <- as.list(match.call(expand.dots = FALSE)$...)
  if (is.null(formula.) && !length(given)) return(update.fullrank_fit(object, steps = steps, max_steps = max_steps, progress = progress, verbose = verbose))
  reg <- object$regression
  if (!"data" %in% names(given)) needs_data(reg)
  formulas <- updated_formulas(object$formula, formula.)
  framed <- intersect(names(given), frame_arguments)
  values <- lapply(given[setdiff(names(given), framed)], eval, parent.frame())
  args <- c(list(formula = formulas, data = reg$data), reg$given, reg$fit_args, list(seed = object$settings$seed))
  args <- args[!duplicated(names(args), fromLast = FALSE)]
  args$steps <- steps
  args$progress <- progress
  args$verbose <- verbose
  args[names(values)] <- values
  expressions <- reg$args
  expressions[framed] <- given[framed]
  fit <- eval(as.call(c(list(fullrank.formula), args, expressions)), parent.frame())
  fit$call <- object$call
  fit$call$formula <- formulas
  fit$call[names(given)] <- given
  fit
}

updated_formulas <- function(old, change) {
  if (is.null(change)) return(old)
  if (!is_formula(change)) return(change)
  if (is_formula(old)) return(stats::update.formula(old, change))
  main <- which(!vapply(old, function(f) is.symbol(f[[2L]]) && as.character(f[[2L]]) %in% names(parameter_links), NA))[1L]
  old[[main]] <- stats::update.formula(old[[main]], change)
  old
}
