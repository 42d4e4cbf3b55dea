#' Fit any log density
#'
#' `fullrank()` fits a log density over unconstrained coordinates that comes from elsewhere: an R function, an object of package TMB or RTMB, a `stanfit` of
#' package rstan, or a C function that another package has registered. All get the same optimiser and the same verdict, and their fits the same methods.
#'
#' @param x A log density, up to a constant, over all of R^d; see the sections below. A parameter that is positive or bounded is mapped by the function itself, which
#'   then adds the log Jacobian, as in `dnorm(log_sigma, ...)` on the logarithm or `+ log_sigma` for a density of sigma.
#' @param data For an R function: when given, passed on as its second argument, `x(z, data)`.
#' @param gradient For an R function: its gradient, `gradient(z)` or `gradient(z, data)`, d numbers. NULL: central differences, at 2 d + 1 evaluations a gradient, for up to
#'   200 coordinates.
#' @param init Where to start. For an R function or a C function a named vector or list (of arrays), which names the coordinates, or their number, to start at 0: `c(mu = 0, log_sigma = 0)`,
#'   `list(mu = 0, theta = numeric(8))`, `3`. For a TMB object the full parameter vector, or a named list of some parameters; NULL: its own (`obj$env$par`). For a `stanfit` a named list of all
#'   parameters on their own scale, or the unconstrained vector; NULL: uniform on (-2, 2), as Stan starts.
#' @param vectorized For an R function: whether it takes several points at once, `z` a matrix with one point a row, and returns one value a row (and `gradient` a matrix with one
#'   gradient a row). That saves R calls.
#' @param pars For a `stanfit`: names of what draws and summaries are to show; NULL: all that [print()] of the `stanfit` shows but `lp__`. Generated quantities that draw random numbers do so by Stan's own generator.
#' @param ... Other arguments of [fullrank()]: `init_scale`, `optimizer`, `steps`, `max_steps`, `particles`, `seed`, `progress`, `verbose`, `tol`, `keep_data` (FALSE: the fit keeps its Normal and
#'   not the density, with all that this holds; `attach_density()` gives it back), and `restarts`, whose further starts are uniform on (-2, 2) in every coordinate.
#' @return A `fullrank_fit`, as [fullrank()] gives. Of an R function, a TMB object and a C function draws and summaries are of the coordinates, of a `stanfit` on the scale of its parameters.
#'   `attach_density()`: the fit, its density replaced.
#' @section R functions:
#' `x` is called with one point, a named vector. NaN and infinite values are no errors: they are counted as evaluations that were not finite (see [diagnostics()]), and the gradient is not
#' asked there. A function that throws, or returns anything else than a number, is an error that says what it returned, at which step and at which point; the condition, of class
#' `fullrank_density_error`, has the point (`$z`) and the fit so far (`$fit`). A given gradient is compared with differences before the fit starts; where it is wrong a warning names the coordinate.
#' @section TMB and RTMB:
#' An object made by `MakeADFun()` is fitted as the joint density over its full parameter vector, random effects included as latents: minus `obj$env$f`, not the Laplace approximation
#' that `obj$fn` is when there are random effects. What is fitted is the posterior under flat priors on the parameters as the template has them, unless the template adds priors.
#' @section Stan:
#' The log density and its gradient are those of `rstan::log_prob()` and `rstan::grad_log_prob()`, Jacobian included; draws are mapped by `rstan::constrain_pars()`. A `stanfit` without samples will do:
#' `rstan::sampling(model, data = data, chains = 0)`. A point at which Stan rejects has density zero and is counted as not finite.
#' @section C:
#' A package that has the header `fullrank.h` (`LinkingTo: fullrank`) makes an external pointer by `fullrank_density()`, which `fullrank()` takes; no R call is made in a step. The header says how.
#' @section Saving:
#' `saveRDS()` keeps the guide, and what needs no density: [posterior()], `vcov()`, `coef()`, `print()`; of an R function all, since functions are plain data. What needs the density of a TMB object
#' needs its library loaded again (`dyn.load(TMB::dynlib(...))`); that of a `stanfit` or a C function needs the object: make it anew, then `fit <- attach_density(fit, object)`.
#' @examples
#' # An R function
#' y <- c(2.6, 2.0, 3.3, -0.6, 3.6, 2.4, 1.5, 3.2)
#' log_joint <- function(z, y) {
#'   sum(dnorm(y, z[["mu"]], exp(z[["log_sigma"]]), log = TRUE)) +
#'     dnorm(z[["mu"]], 0, 10, log = TRUE) + dnorm(z[["log_sigma"]], 0, 1, log = TRUE)
#' }
#' gradient <- function(z, y) {
#'   off <- (y - z[["mu"]]) / exp(z[["log_sigma"]])
#'   c(sum(off) / exp(z[["log_sigma"]]) - z[["mu"]] / 100, sum(off^2 - 1) - z[["log_sigma"]])
#' }
#' fit <- fullrank(log_joint, data = y, gradient = gradient, init = c(mu = 0, log_sigma = 0), seed = 1)
#' fit
#' @name fullrank.function
NULL

#' @rdname fullrank.function
#' @export
fullrank.function <- function(x, data, ..., gradient = NULL, init = NULL, vectorized = FALSE) {
  call <- matched_call(match.call())
  check_flag(vectorized, "vectorized")
  if (!is.null(gradient) && !is.function(gradient)) stop(sprintf("`gradient` must be a function, not %s.", shape_and_class(gradient)), call. = FALSE)
  values <- named_start(init)
  d <- sum(lengths(values))
  if (is.null(gradient) && d > most_differences) {
    stop(sprintf("The log density has %s coordinates and no `gradient`: differences would take %s evaluations for each gradient.\n  Give `gradient`, a function that returns %s numbers (packages RTMB and numDeriv, or deriv(), may help); differences are for at most %s coordinates.",
                 big(d), big(2 * d + 1), big(d), big(most_differences)), call. = FALSE)
  }
  compiled <- new_outside("function", coordinate_sites(values), fn = x, gradient = gradient, data = if (!missing(data)) data, with_data = !missing(data), vectorized = vectorized,
                          messages = if (is.null(gradient)) difference_message(d) else character())
  again <- list(gradient = gradient, init = init, vectorized = vectorized)
  if (!missing(data)) again$data <- data
  fit_density(call, x, compiled, init_to_value(values), again, check = !is.null(gradient), ...)
}

#' @rdname fullrank.function
#' @export
fullrank.externalptr <- function(x, ..., init = NULL) {
  call <- matched_call(match.call())
  values <- named_start(init, .Call(fullrank_density_dim, x))
  compiled <- new_outside("c", coordinate_sites(values), pointer = x)
  fit_density(call, x, compiled, init_to_value(values), list(init = init), check = TRUE, ...)
}

matched_call <- function(call) {
  call[[1L]] <- quote(fullrank)
  call
}

# The fit of a compiled density from `start`, an init. `again`: arguments of fullrank() with which update() would make it anew.
fit_density <- function(call, object, compiled, start, again, check, ..., init_scale = 0.1, optimizer = natural(), steps = NULL, max_steps = 1e5, particles = NULL,
                        seed = NULL, threads = getOption("fullrank.threads", 1L), progress = interactive(), verbose = FALSE, tol = 0.02, keep_data = TRUE, restarts = 1) {
  reject_dots(...)
  check_flag(progress, "progress")
  check_flag(verbose, "verbose")
  check_flag(keep_data, "keep_data")
  settings <- check_settings(start, init_scale, optimizer, steps, max_steps, particles, threads, tol, restarts)
  settings$seed <- resolve_seed(seed)
  one <- function(init, seed) {
    fit <- new_fit(call, object, NULL, compiled, settings, NULL, init, seed)
    fit["again"] <- list(again)
    if (check && seed == settings$seed) check_gradient(compiled, fit$guide, seed)
    run_fit(fit, settings$steps, settings$max_steps, progress, verbose)
  }
  fit <- if (settings$restarts == 1) one(settings$init, settings$seed) else run_restarts(one, settings$init, settings$seed, settings$restarts)
  if (keep_data) fit else drop_data(fit)
}

#' @param fit A fit of a density from elsewhere.
#' @rdname fullrank.function
#' @export
attach_density <- function(fit, x, data, gradient = NULL) {
  if (!inherits(fit, "fullrank_fit") || !is_outside(fit$compiled)) stop("attach_density() takes a fit of an R function, a TMB object, a stanfit or a C density; other fits have theirs.", call. = FALSE)
  compiled <- fit$compiled
  kind <- if (is.function(x)) "function" else if (is_tmb(x)) "tmb" else if (inherits(x, "stanfit")) "stan" else if (typeof(x) == "externalptr") "c" else class(x)[1L]
  if (kind != compiled$program$kind) stop(sprintf("The fit is of another kind of density (%s) than `x` (%s).", compiled$program$kind, kind), call. = FALSE)
  compiled$program <- switch(kind,
    "function" = { check_attached(compiled, missing(data), missing(gradient))
                   compiled$program$fn <- x
                   if (!missing(gradient)) compiled$program["gradient"] <- fit$again["gradient"] <- list(gradient)
                   if (!missing(data)) compiled$program["data"] <- fit$again["data"] <- list(data)
                   compiled$program },
    tmb = { compiled$program$env <- x$env; compiled$program },
    stan = { compiled$program$object <- without_samples(x); compiled$program },
    c = { compiled$program$pointer <- x; compiled$program })
  d <- switch(kind, tmb = length(x$env$par), stan = rstan::get_num_upars(x), c = .Call(fullrank_density_dim, x), compiled$program$d)
  if (d != compiled$program$d) stop(sprintf("The density has %s coordinates, the fit %s.", big(d), big(compiled$program$d)), call. = FALSE)
  compiled$dropped <- NULL
  fit$compiled <- compiled
  fit$guide$compiled <- NULL # `$` hands it out with the fit's
  fit$model <- x
  check_same_density(fit)
  fit
}

# What went with keep_data = FALSE comes back whole.
check_attached <- function(compiled, no_data, no_gradient) {
  if (!isTRUE(compiled$dropped)) return(invisible())
  lacking <- c(if (no_data && compiled$program$with_data) "data", if (no_gradient && compiled$program$with_gradient) "gradient")
  if (length(lacking)) {
    stop(sprintf("The fit was made with keep_data = FALSE, and its function had %s: attach_density(fit, fn, %s).", enumerate(lacking), paste(lacking, "= ...", collapse = ", ")), call. = FALSE)
  }
}

# The log weights that judged the fit tell its density from another.
check_same_density <- function(fit, draws = 4L) {
  kept <- utils::head(fit$log_weights, draws)
  if (!length(kept)) return(invisible())
  eps <- judging_eps(fit, length(fit$log_weights))[seq_along(kept), , drop = FALSE]
  now <- log_weights(fit$guide, eps)
  if (!isTRUE(all.equal(now[is.finite(kept)], kept[is.finite(kept)], tolerance = 1e-6))) {
    stop("This is another density than the one that was fitted: at the first draws that judged the fit log p - log q was ",
         paste(format(signif(kept, 6)), collapse = ", "), "; now it is ", paste(format(signif(now, 6)), collapse = ", "), ". For another density call fullrank().", call. = FALSE)
  }
}
