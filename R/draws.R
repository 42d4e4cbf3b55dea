#' Draws from a fit on the user's scale
#'
#' Independent draws of all latent sites from the fitted Normal, mapped to the scale of the model, and of the deterministic
#' values that were kept. The same draws go to package posterior by `as_draws()` and its relatives.
#'
#' With `importance = TRUE` the draws are those of the posterior itself, as far as the guide can reach it: ten times as
#' many (at least 4,000) are drawn from the guide, weighted by p(z) / q(z), the largest weights smoothed by a generalised Pareto distribution
#' (Pareto smoothed importance sampling), and resampled in proportion, systematically. A draw with a large weight can
#' then appear more than once. When k-hat, the shape of that Pareto distribution, is above 0.7, no finite number of draws
#' would do, and `draws()` says so instead. That holds for the k-hat of these draws and for the one that the fit prints. Where the log weights
#' hardly vary (see [diagnostics()]) k-hat means nothing, and is not asked.
#'
#' @param x A fit or a guide.
#' @param n How many draws.
#' @param importance Whether to correct the draws by importance sampling.
#' @param seed A whole number, or NULL: drawn from R's generator, so that `set.seed()` governs. A given seed leaves R's
#'   generator alone.
#' @param row.names,optional Not used.
#' @param ... For `as_draws()` and its relatives, `as.matrix()` and `as.data.frame()`: `n`, `importance` and `seed`.
#' @return `draws()`: a `draws_matrix` of package posterior, n x (number of scalar values), named `mu`, `theta[1]`, `L[2,1]`, or by
#'   level: `theta[north]`. Constants, such as the zeros of a Cholesky factor, are included. For a regression what [coef()][coef.fullrank_regression] and
#'   [summary()][summary.fullrank_regression] give on the data's own scale comes first, `(Intercept)` and cutpoints `a|b`: the sites `Intercept` and `cutpoints` are those at centred
#'   predictors. `posterior::variables()`: the names. `as.matrix()` and `as.data.frame()` give the same as a plain
#'   matrix and data frame, the other functions in posterior's formats.
#' @references Vehtari, Simpson, Gelman, Yao and Gabry (2024). Pareto smoothed importance sampling. Journal of Machine Learning
#'   Research 25(72), 1-58.
#'
#' Kitagawa (1996). Monte Carlo filter and smoother for non-Gaussian nonlinear state space models. Journal of Computational and Graphical Statistics 5(1), 1-25 (systematic
#'   resampling).
#' @examples
#' m <- model({
#'   mu ~ normal(0, 1)
#'   s  ~ half_normal(1)
#'   y  ~ normal(mu, s)
#' })
#' fit <- fullrank(m, data = list(y = sin(1:40)), seed = 1)
#' draws(fit, n = 3, seed = 1)
#' @export
draws <- function(x, ...) UseMethod("draws")

#' @export
draws.default <- function(x, ...) no_method("draws", x)

#' @rdname draws
#' @export
draws.fullrank_fit <- function(x, n = 1000, importance = FALSE, seed = NULL, ...) {
  no_extra_arguments("draws", ...)
  g <- checked_guide(x)
  n <- check_number(n, "n", 1, .Machine$integer.max, whole = TRUE)
  check_flag(importance, "importance")
  seed <- resolve_seed(seed)
  z <- if (importance) importance_resample(x, n, seed) else sample_guide(g, draw_eps(n, length(g$loc), seed))
  values <- constrain_draws(g$compiled, z)
  posterior::as_draws_matrix(cbind(if (inherits(x, "fullrank_regression")) own_scale_draws(x, values), labelled_draws(g$compiled, values)))
}

#' @rdname draws
#' @export
draws.mvn_guide <- draws.fullrank_fit

# S x (number of values) on the user's scale, named.
draws_values <- function(compiled, z) labelled_draws(compiled, constrain_draws(compiled, z))

labelled_draws <- function(compiled, values) {
  x <- do.call(cbind, unname(values))
  dimnames(x) <- list(NULL, value_labels(compiled))
  x
}

# ---- the formats of package posterior and of base R ---------------------------------------------------------------------

#' @rdname draws
#' @exportS3Method posterior::as_draws fullrank_fit
as_draws.fullrank_fit <- function(x, ...) draws(x, ...)

#' @rdname draws
#' @exportS3Method posterior::as_draws_matrix fullrank_fit
as_draws_matrix.fullrank_fit <- function(x, ...) draws(x, ...)

#' @rdname draws
#' @exportS3Method posterior::as_draws_array fullrank_fit
as_draws_array.fullrank_fit <- function(x, ...) posterior::as_draws_array(draws(x, ...))

#' @rdname draws
#' @exportS3Method posterior::as_draws_df fullrank_fit
as_draws_df.fullrank_fit <- function(x, ...) posterior::as_draws_df(draws(x, ...))

#' @rdname draws
#' @exportS3Method posterior::as_draws_list fullrank_fit
as_draws_list.fullrank_fit <- function(x, ...) posterior::as_draws_list(draws(x, ...))

#' @rdname draws
#' @exportS3Method posterior::as_draws_rvars fullrank_fit
as_draws_rvars.fullrank_fit <- function(x, ...) {
  values <- unclass(draws(x, ...))
  parts <- output_parts(guide_of(x)$compiled)
  lengths <- vapply(parts, `[[`, 0L, "length")
  before <- ncol(values) - sum(lengths) # columns of a regression on the data's own scale
  sites <- Map(function(part, end) {
    one <- values[, end - part$length + seq_len(part$length), drop = FALSE]
    names <- if (length(part$dimnames)) c(list(NULL), part$dimnames)
    posterior::rvar(array(one, c(nrow(values), if (length(part$dim)) part$dim else 1L), names))
  }, parts, before + cumsum(lengths))
  first <- lapply(seq_len(before), function(k) posterior::rvar(unname(values[, k])))
  do.call(posterior::draws_rvars, c(stats::setNames(first, colnames(values)[seq_len(before)]), sites))
}

#' @rdname draws
#' @exportS3Method posterior::variables fullrank_fit
variables.fullrank_fit <- function(x, ...) colnames(draws(x, 1, seed = 1))

#' @rdname draws
#' @exportS3Method posterior::nvariables fullrank_fit
nvariables.fullrank_fit <- function(x, ...) length(variables.fullrank_fit(x))

#' @exportS3Method posterior::as_draws mvn_guide
as_draws.mvn_guide <- as_draws.fullrank_fit

#' @exportS3Method posterior::as_draws_matrix mvn_guide
as_draws_matrix.mvn_guide <- as_draws_matrix.fullrank_fit

#' @exportS3Method posterior::as_draws_array mvn_guide
as_draws_array.mvn_guide <- as_draws_array.fullrank_fit

#' @exportS3Method posterior::as_draws_df mvn_guide
as_draws_df.mvn_guide <- as_draws_df.fullrank_fit

#' @exportS3Method posterior::as_draws_list mvn_guide
as_draws_list.mvn_guide <- as_draws_list.fullrank_fit

#' @exportS3Method posterior::as_draws_rvars mvn_guide
as_draws_rvars.mvn_guide <- as_draws_rvars.fullrank_fit

#' @rdname draws
#' @export
as.matrix.fullrank_fit <- function(x, ...) {
  values <- unclass(draws(x, ...))
  matrix(values, nrow(values), dimnames = list(NULL, colnames(values)))
}

#' @rdname draws
#' @export
as.data.frame.fullrank_fit <- function(x, row.names = NULL, optional = FALSE, ...) as.data.frame(as.matrix(x, ...))

#' @export
as.matrix.mvn_guide <- as.matrix.fullrank_fit

#' @export
as.data.frame.mvn_guide <- as.data.frame.fullrank_fit
