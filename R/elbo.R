#' The evidence lower bound and single steps
#'
#' `elbo()` estimates E log p(z) - E log q(z) from draws of the guide; `svi_step()` takes one stochastic step
#' along its reparameterised gradient. Given the same `eps`, both give the numbers of Pyro's `Trace_ELBO`.
#'
#' @param g A guide, see [guide()], or (for `elbo()`) a fit.
#' @param particles How many draws. For `elbo()` 1,000 by default: the standard error comes with the estimate.
#' @param eps Standard normal draws, one a row (particles x d), instead of fresh ones.
#' @param gradient Whether to return the gradient too.
#' @param seed A whole number, or NULL: drawn from R's generator.
#' @param optimizer See [optimizers]. With `natural()` each draw is used as a pair, `loc + L eps` and `loc - L eps`.
#' @return `elbo()`: a list with `$elbo`, `$se` (its Monte Carlo standard error, NA for one draw) and, on request, `$gradient`: a list
#'   of `loc` (d), `scale_unconstrained` (d) and `scale_tril_unconstrained` (d x d, zero on and above the diagonal), in the direction of
#'   ascent. `svi_step()`: the guide moved, with `$loss`, minus the ELBO estimate before the update, and the optimiser's state in
#'   `$state`, from which the next call goes on. A step whose density or gradient is not finite is refused: the guide
#'   stays where it was and `$loss` is NaN.
#' @references Kingma and Welling (2014). Auto-encoding variational Bayes. ICLR.
#' @examples
#' m <- model({
#'   mu ~ normal(0, 1)
#'   y  ~ normal(mu, 1)
#' })
#' g <- guide(m, list(y = c(0.4, 1.1)), seed = 1)
#' elbo(g, particles = 100, seed = 1)
#' for (i in 1:100) g <- svi_step(g, adam(lr = 0.05))
#' g$loc
#' @export
elbo <- function(g, particles = 1000, eps = NULL, gradient = FALSE, seed = NULL) {
  g <- guide_of(g)
  check_flag(gradient, "gradient")
  needs_data(g$compiled)
  eps <- given_or_drawn(eps, particles, g, seed, "check")
  out <- .Call(fullrank_elbo, core_density(g$compiled), pack_guide(g), eps, gradient)
  S <- length(out$elbo)
  result <- list(elbo = mean(out$elbo), se = if (S > 1L) stats::sd(out$elbo) / sqrt(S) else NA_real_)
  if (gradient) {
    parts <- unpack_guide(out$gradient, g$compiled)
    result$gradient <- parts[c("loc", "scale_unconstrained", "scale_tril_unconstrained")]
  }
  result
}

given_or_drawn <- function(eps, particles, g, seed, stream, step = 0) {
  d <- g$compiled$program$d
  if (is.null(eps)) {
    particles <- check_number(particles, "particles", 1, most_particles, whole = TRUE)
    return(draw_eps(particles, d, resolve_seed(seed), stream, step))
  }
  if (!is.matrix(eps)) eps <- matrix(eps, ncol = d)
  if (!is.numeric(eps) || ncol(eps) != d || nrow(eps) < 1L || anyNA(eps)) {
    stop(sprintf("`eps` must be a numeric matrix with one draw a row and %d columns, not %s.", d, paste(dim(eps), collapse = " x ")), call. = FALSE)
  }
  storage.mode(eps) <- "double"
  dimnames(eps) <- NULL
  eps
}

#' @rdname elbo
#' @export
svi_step <- function(g, optimizer, particles = 1, eps = NULL) {
  if (!inherits(g, "mvn_guide")) stop("`g` must be a guide, made by guide().", call. = FALSE)
  check_optimizer(optimizer)
  needs_data(g$compiled)
  state <- g$state
  if (is.null(state) || !identical(state$optimizer, optimizer$name)) state <- c(fresh_state(g, optimizer), optimizer = optimizer$name)
  state$theta <- pack_guide(g)
  eps <- given_or_drawn(eps, particles, g, g$seed, "step", state$step)
  out <- if (optimizer$name == "natural") .Call(fullrank_natural_step, core_density(g$compiled), state, eps)
         else .Call(fullrank_svi_step, core_density(g$compiled), state, optimizer, eps)
  moved <- if (is.nan(out$loss)) g else new_guide(unpack_guide(out$state$theta, g$compiled), g$compiled, g$seed)
  moved$loss <- out$loss
  moved$state <- c(out$state[setdiff(names(out$state), c("theta", "loc", "factor"))], optimizer = optimizer$name)
  moved
}

fresh_counters <- function() list(m1 = NULL, m2 = NULL, step = 0, update = 0, lr_factor = 1, refused = 0, in_a_row = 0)

#' The log density of a model
#'
#' The log joint density over the unconstrained vector, the Jacobian of the constraining map included.
#'
#' @param m A model.
#' @param data A data frame, list or environment.
#' @return A list with `$fn(z)` and `$gr(z)`, for `z` a vector of length `$dim` or a matrix with one point a row (then a vector, and a
#'   matrix with one gradient a row); `$terms(z)`, what each statement adds to the log density, named by its left side (the
#'   log Jacobian of a site with a constraint stands apart, as `jacobian(site)`; `target()` under that name): the place to look when a density is
#'   not finite or not what it should be. It is computed by R itself, not by the C code, and so checks it, but is slow;
#'   `$constrain(z)`, a named list of the sites' values at one point; `$unconstrain(values)`, its inverse; `$dim` and `$names`.
#' @examples
#' m <- model({
#'   s ~ exponential(1)
#'   y ~ normal(0, s)
#' })
#' f <- log_density(m, list(y = c(0.4, -1.1)))
#' f$fn(0)
#' f$terms(0)
#' f$constrain(0.5)
#' @export
log_density <- function(m, data = m$data) {
  if (!inherits(m, "fullrank_model")) stop("`m` must be a model, made by model({ ... }).", call. = FALSE)
  compiled <- compile_model(m, data)
  d <- compiled$program$d
  points <- function(z) {
    if (is.data.frame(z)) z <- as.matrix(z)
    if (!is.numeric(z) || (if (is.matrix(z)) ncol(z) else length(z)) != d) {
      stop(sprintf("`z` must be %d number%s, or a matrix with %d column%s, not %s.", d, if (d == 1L) "" else "s", d, if (d == 1L) "" else "s", shape_and_class(z)), call. = FALSE)
    }
    p <- as_points(z)
    dimnames(p) <- NULL
    p
  }
  list(
    fn = function(z) log_joint(compiled, points(z)),
    gr = function(z) {
      g <- evaluate_points(compiled, points(z), TRUE)$gradient
      colnames(g) <- compiled$coord_names
      if (is.matrix(z)) g else g[1L, ]
    },
    terms = function(z) {
      v <- statement_terms(compiled, points(z))
      if (is.matrix(z)) v else v[1L, ]
    },
    constrain = function(z) {
      p <- points(z)
      if (nrow(p) != 1L) stop("`constrain()` takes one point.", call. = FALSE)
      Map(function(v, site) shape_value(v, site), constrain_draws(compiled, p), output_parts(compiled))
    },
    unconstrain = function(values) unconstrain_values(compiled, values),
    dim = d, names = compiled$coord_names
  )
}
