# Sampling sites from their distributions, one site after the other.

# An argument's values at each row of z: S x len.
arg_values <- function(compiled, arg, z) {
  if (is.list(arg)) return(node_values(compiled, z, arg$id)[[1L]])
  matrix(as.double(arg), nrow(z), length(arg), byrow = TRUE)
}

# One draw of a statement's value at each row of z: S x length. `statement` is a latent site or an observed one.
# `element` keeps the draws of different statements apart.
sample_statement <- function(compiled, statement, z, seed, stream, element) {
  if (!is.null(statement$wrapped)) return(sample_wrapped(compiled, statement$wrapped, events_of(statement$wrapped, statement$length), z, mix_seed(seed, element), stream))
  if (statement$length == 0L) return(matrix(0, nrow(z), 0L))
  args <- lapply(statement$args, arg_values, compiled = compiled, z = z)
  dist <- dist_table()[[statement$dist]]
  seed <- mix_seed(seed, element)
  if (dist$by_rows) {
    n <- nrow(z) * statement$length
    flat <- lapply(args, function(a) as.vector(if (ncol(a) == 1L) a[, rep(1L, statement$length)] else a))
    return(matrix(.Call(fullrank_dist_sample, statement$dist, n, unname(flat), 1L, seed, streams[[stream]]), nrow(z)))
  }
  sample_events(statement, dist, args, nrow(z), seed, stream)
}

# Vector and matrix events: one call a row of z and event, with that event's arguments.
sample_events <- function(statement, dist, args, S, seed, stream) {
  N <- statement$N; K <- statement$K
  out <- matrix(NA_real_, S, statement$length)
  for (s in seq_len(S)) {
    for (i in seq_len(N)) {
      event <- Map(function(a, arg) {
        size <- switch(arg$event, scalar = 1L, vector = K, matrix = K * K, whole = ncol(a))
        x <- a[s, ]
        if (length(x) > size) x <- matrix(x, N)[i, ]
        if (arg$event == "matrix") matrix(x, K) else x
      }, args, dist$args)
      draw <- .Call(fullrank_dist_sample, statement$dist, 1L, unname(event), K, mix_seed(seed, s * N + i), streams[[stream]])
      at <- switch(dist$event, scalar = i, matrix = seq_len(K * K), seq.int(i, by = N, length.out = K))
      out[s, at] <- draw
    }
  }
  out
}

# Another seed for another use of the same seed: both below 2^53. Two remainders by primes below 2^26, of products
# that stay below 2^53 and so are exact: seeds of seeds do not run together either.
mix_seed <- function(seed, k) {
  high <- seed %/% 134217728
  low <- seed %% 134217728
  k <- k %% 134217689
  one <- (low * 14029477 + high * 9254737 + k * 7368787 + 11) %% 67108859
  two <- (low * 11748469 + high * 15485863 + k * 5800079 + 23) %% 67108837
  one * 67108864 + two
}

# n draws of all latent sites from the prior: list(z (n x d), values).
sample_prior <- function(compiled, n, seed) {
  z <- matrix(0, n, compiled$program$d)
  values <- list()
  for (k in seq_along(compiled$sites)) {
    site <- compiled$sites[[k]]
    x <- sample_statement(compiled, site, z, seed, "prior", k)
    if (anyNA(x)) {
      stop(if (is.null(site$wrapped)) sprintf("`%s` has no proper prior to draw from (`%s()`).", site$name, site$dist)
           else sprintf("`%s` cannot be drawn from its prior: almost none of it lies where `%s()` allows.", site$name, site$wrapped$wrapper),
           call. = FALSE)
    }
    values[[site$name]] <- x
    for (s in seq_len(n)) {
      z[s, site$offset + seq_len(site$free)] <- unconstrain_site(compiled, site, pushed_inside(compiled, site, x[s, ], z[s, ]), z[s, ])
    }
  }
  list(z = z, values = values)
}

# A draw that rounding has put on the edge of its support, such as 0 or 1 from beta(0.001, 0.001), moved off it by as
# little as has finite coordinates.
pushed_inside <- function(compiled, site, x, z, least = 1e-300) {
  if (site$map == "simplex") return(pmax(x, least))
  if (site$map == "corr_cholesky") {
    at <- seq.int(1L, by = site$K + 1L, length.out = site$K)
    return(replace(x, at, pmax(x[at], least)))
  }
  if (site$map %in% c("corr_matrix", "cov_matrix")) return(pushed_definite(matrix(x, site$K), site$map == "corr_matrix"))
  if (site$map != "bounded") return(x)
  bounds <- site_bounds_at(compiled, site, z)
  step <- function(bound) pmax(least, abs(bound) * .Machine$double.eps)
  lower <- ifelse(is.finite(bounds$lower), bounds$lower + step(bounds$lower), -.Machine$double.xmax)
  upper <- ifelse(is.finite(bounds$upper), bounds$upper - step(bounds$upper), .Machine$double.xmax)
  pmin(pmax(x, lower), upper)
}

# A symmetric matrix that rounding has left without a Cholesky factor: its correlations shrunk by as little as gives it one.
pushed_definite <- function(x, correlation) {
  sds <- if (correlation) rep(1, nrow(x)) else sqrt(pmax(diag(x), 1e-300))
  for (shrink in c(0, 10^(-15:-8))) {
    y <- x / (1 + shrink * (row(x) != col(x)))
    factor <- tryCatch(chol(y / outer(sds, sds)), error = function(e) NULL)
    if (!is.null(factor) && all(diag(factor) > 1e-8)) return(y)
  }
  y
}

#' Draw from a model or from a fit
#'
#' `simulate()` of a model draws all its sites from the prior, observed sites included; of a fit it draws replicates of
#' the observed sites, each at a draw of the latent sites from the guide (posterior predictive); `posterior_predict()` is package rstantools' name for that.
#'
#' @param object A model or a fit.
#' @param nsim How many draws.
#' @param seed A whole number, or NULL: drawn from R's generator.
#' @param data For a model: its data, as for [fullrank()].
#' @param ... Not used.
#' @param draws How many draws.
#' @param sites Names of observed sites, or NULL for all.
#' @return `simulate()`: a named list with one element a site, an array with draws first: `nsim` x the site's shape. `rstantools::posterior_predict()` of a fit: the same replicates as a
#'   matrix with a draw a row and an element of an observed site a column, named `y[1]`, ...
#' @examples
#' m <- model({
#'   mu ~ normal(0, 1)
#'   y  ~ normal(mu, 1)
#' })
#' str(simulate(m, nsim = 3, seed = 1, data = list(y = c(0.3, -1))))
#' @export
simulate.fullrank_model <- function(object, nsim = 1, seed = NULL, data = object$data, ...) {
  nsim <- check_number(nsim, "nsim", 1, .Machine$integer.max, whole = TRUE)
  compiled <- compile_model(object, data)
  seed <- resolve_seed(seed)
  prior <- sample_prior(compiled, nsim, seed)
  latent <- Map(draws_first, prior$values, compiled$sites)
  c(latent, simulate_observed(compiled, prior$z, seed))
}

#' @rdname simulate.fullrank_model
#' @export
simulate.fullrank_fit <- function(object, nsim = 1, seed = NULL, ...) {
  nsim <- check_number(nsim, "nsim", 1, .Machine$integer.max, whole = TRUE)
  compiled <- object$compiled
  needs_data(compiled)
  if (!length(compiled$observed)) stop("The model has no observed site to replicate.", call. = FALSE)
  seed <- resolve_seed(seed)
  z <- sample_guide(checked_guide(object), draw_eps(nsim, compiled$program$d, seed, "predict"))
  simulate_observed(compiled, z, seed)
}

#' @rdname simulate.fullrank_model
#' @exportS3Method rstantools::posterior_predict fullrank_fit
posterior_predict.fullrank_fit <- function(object, draws = 1000, sites = NULL, seed = NULL, ...) {
  no_extra_arguments("posterior_predict", ...)
  draws <- check_number(draws, "draws", 1, .Machine$integer.max, whole = TRUE)
  chosen <- observed_statements(object$compiled, sites)
  all <- observed_statements(object$compiled)
  holds <- vapply(object$compiled$observed, `[[`, 0L, "length") > 0L
  values <- simulate.fullrank_fit(object, draws, seed)[holds][match(names(chosen), names(all))]
  do.call(cbind, unname(Map(function(x, name, o) {
    dim <- if (length(o$dim) > 1L) o$dim else if (o$length > 1L) o$length
    matrix(x, draws, dimnames = list(NULL, element_labels(name, dim, if (!is.null(o$names)) list(o$names))))
  }, values, names(chosen), chosen)))
}

simulate_observed <- function(compiled, z, seed) {
  observed <- compiled$observed
  names(observed) <- vapply(observed, `[[`, "", "name")
  values <- Map(function(o, k) sample_statement(compiled, o, z, seed, "predict", k), observed, seq_along(observed))
  Map(draws_first, values, observed)
}

draws_first <- function(x, part) {
  if (length(part$dim)) array(x, c(nrow(x), part$dim)) else if (part$length > 1L) x else as.vector(x)
}
