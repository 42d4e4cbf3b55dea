#' The guide, before any step
#'
#' The multivariate Normal on the unconstrained latent vector, as it stands when a fit starts: `loc` from `init`,
#' every `scale` equal to `init_scale`, `scale_tril` the identity.
#'
#' @param m A model, see [model()].
#' @param data A data frame, list or environment.
#' @param init Where to start: one of [`init_to_*()`][init].
#' @param init_scale Initial scale, positive. 0.1 as in Pyro: small enough that the first draws stay near the start.
#' @param seed A whole number, or NULL: drawn from R's generator.
#' @return An object of class `mvn_guide`, a plain list with `$loc` (d), `$scale` (d, positive) and `$scale_tril` (d x d, unit
#'   lower triangular), named by coordinate: z = loc + diag(scale) %*% scale_tril %*% eps. These three are its state; who
#'   assigns to them has moved the guide. `$scale_unconstrained` is kept beside and rules while its softplus is `$scale` to the bit.
#' @seealso [svi_step()] and [elbo()] for single steps, [fullrank()] for whole fits.
#' @examples
#' m <- model({
#'   mu ~ normal(0, 1)
#'   y  ~ normal(mu, 1)
#' })
#' g <- guide(m, list(y = c(0.4, 1.1)))
#' g$scale
#' @export
guide <- function(m, data = m$data, init = init_to_median(), init_scale = 0.1, seed = NULL) {
  if (!inherits(m, "fullrank_model")) stop("`m` must be a model, made by model({ ... }).", call. = FALSE)
  init <- check_init(init)
  check_init_scale(init_scale)
  start_guide(compile_model(m, data), init, init_scale, resolve_seed(seed))
}

check_init_scale <- function(init_scale) check_number(init_scale, "init_scale", 0, open = TRUE)

start_guide <- function(compiled, init, init_scale, seed) {
  for (message in compiled$messages) message(message)
  check_size(compiled$program$d)
  if (compiled$program$d == 0) stop("There is nothing to fit: every latent site has length 0.", call. = FALSE)
  start <- .Call(fullrank_guide_start, find_start(compiled, init, seed), as.double(init_scale))
  new_guide(start, compiled, seed)
}

check_size <- function(d, bytes = guide_bytes(d), hint = "", limit = 2^33) {
  if (d > 46340 || bytes > limit) {
    stop(sprintf("The model has %s latent coordinates; a full covariance of that size needs about %s bytes, more than the limit of %s.%s",
                 big(d), big(signif(bytes, 3)), big(limit), hint), call. = FALSE)
  }
}

# L, the optimiser's two moments and their copies: five packed triangles, and the dense scale_tril.
guide_bytes <- function(d) 8 * (5 * d^2 / 2 + d^2)
big_bytes <- function(d) big(signif(guide_bytes(d), 3))

new_guide <- function(parts, compiled, seed, state = NULL, loss = NULL) {
  names <- compiled$coord_names
  tril <- parts[["scale_tril"]]
  if (is.null(tril)) {
    tril <- parts$scale_tril_unconstrained
    diag(tril) <- 1
  }
  dimnames(tril) <- list(names, names)
  structure(list(
    loc = stats::setNames(parts$loc, names), scale = stats::setNames(parts$scale, names), scale_tril = tril,
    scale_unconstrained = stats::setNames(parts$scale_unconstrained, names),
    loss = loss, state = state, seed = seed, compiled = compiled
  ), class = "mvn_guide")
}

# The guide of a fit, or of a guide itself.
guide_of <- function(x) {
  if (inherits(x, "mvn_guide")) return(x)
  if (inherits(x, "fullrank_fit")) {
    recognise_version(x)
    return(x$guide)
  }
  stop(sprintf("A fit or a guide is needed, not an object of class %s.", class(x)[1L]), call. = FALSE)
}

# The guide's parameters as the core's one vector. What a user assigned is checked; `scale_unconstrained` rules
# while its softplus is `scale` to the bit, so that resuming is exact.
pack_guide <- function(g) {
  d <- g$compiled$program$d
  if (!is.numeric(g$loc) || length(g$loc) != d || !all(is.finite(g$loc))) stop(sprintf("The guide's `loc` must be %d finite numbers.", d), call. = FALSE)
  if (!is.numeric(g$scale) || length(g$scale) != d || !all(is.finite(g$scale) & g$scale > 0)) {
    stop(sprintf("The guide's `scale` must be %d positive numbers.", d), call. = FALSE)
  }
  tril <- g$scale_tril
  if (!is.numeric(tril) || !identical(dim(tril), c(d, d)) || any(diag(tril) != 1) || any(tril[upper.tri(tril)] != 0) || !all(is.finite(tril))) {
    stop(sprintf("The guide's `scale_tril` must be a %d x %d lower triangular matrix with ones on the diagonal.", d, d), call. = FALSE)
  }
  storage.mode(tril) <- "double"
  dimnames(tril) <- NULL
  kept <- g$scale_unconstrained
  own <- .Call(fullrank_guide_unconstrain, as.double(g$scale), tril)$scale_unconstrained
  if (is.numeric(kept) && length(kept) == d) {
    same <- .Call(fullrank_guide_constrain, as.double(kept), tril)$scale == as.double(g$scale)
    own[same] <- kept[same]
  }
  .Call(fullrank_pack_guide, as.double(g$loc), as.double(own), tril)
}

unpack_guide <- function(theta, compiled) .Call(fullrank_unpack_guide, theta, compiled$program$d)

# z = loc + L eps at each row of eps.
sample_guide <- function(g, eps) {
  tril <- g$scale_tril
  storage.mode(tril) <- "double"
  .Call(fullrank_guide_sample, as.double(g$loc), as.double(g$scale), tril, eps)
}

# log p(z) - log q(z) at z = loc + L eps.
log_weights <- function(g, eps) {
  log_joint(g$compiled, sample_guide(g, eps)) - .Call(fullrank_guide_log_q, as.double(g$scale), eps)
}
