#' Where a fit starts
#'
#' Initial values of the latent sites, each meaning what Pyro's function of the same name means. The guide's `loc` is the
#' unconstrained image of these values; its scale is `init_scale`.
#'
#' Sites are started in the order in which they are stated, each from its distribution given the values of those before
#' it. If the log density is not finite at the start, other starts are tried.
#'
#' @param num_samples For each site, so many prior draws are taken.
#' @param radius Each unconstrained coordinate is drawn from `U(-radius, radius)`.
#' @param values A named list of values on the sites' own scale; names, shapes and supports are checked.
#' @param fallback An init for sites that `values` does not name.
#' @param from The init from which the climb to the mode sets out.
#' @param iterations The most line searches of that climb.
#' @param generate A function without arguments that returns an init; it is called anew for each start that is tried.
#' @return An object of class `fullrank_init`.
#' @references Nocedal (1980). Updating quasi-Newton matrices with limited storage. Mathematics of Computation 35(151), 773-782.
#' @details
#' * `init_to_median()`: the elementwise median of `num_samples` prior draws (15, as in Pyro). Sites of vector and matrix
#'   distributions, and sites for which this fails (an improper prior, a median outside the support), start feasible.
#' * `init_to_mean()`: the prior mean; the median where it does not exist or is not finite.
#' * `init_to_sample()`: a prior draw.
#' * `init_to_feasible()`: the constrained image of 0.
#' * `init_to_uniform()`: uniform in the unconstrained space.
#' * `init_to_value()`: given values.
#' * `init_to_generated()`: another init each time.
#' * `init_to_mode()`: the posterior mode in the unconstrained space, Jacobian included, found by L-BFGS from the start that `from` gives and polished by Newton's
#'   method (whose Hessians cost 2 d gradients each): a local mode where there are several. (`natural()` looks for it by itself; this is for the other optimisers, and for using the mode.) Where the density has no mode, as that of a
#'   hierarchy whose scale may go to 0 has none, or where it is not strictly concave, a message says so and the start is that of `from`. Pyro has no such function.
#' @examples
#' m <- model({
#'   mu ~ normal(0, 10)
#'   y  ~ normal(mu, 1)
#' })
#' guide(m, list(y = c(1.2, 0.7)), init = init_to_value(list(mu = 1)))$loc
#' guide(m, list(y = c(1.2, 0.7)), init = init_to_mode())$loc
#' @name init
NULL

new_init <- function(name, ...) structure(list(name = name, ...), class = "fullrank_init")

#' @rdname init
#' @export
init_to_median <- function(num_samples = 15) {
  new_init("median", num_samples = check_number(num_samples, "num_samples", 1, whole = TRUE))
}

#' @rdname init
#' @export
init_to_mean <- function() new_init("mean")

#' @rdname init
#' @export
init_to_sample <- function() new_init("sample")

#' @rdname init
#' @export
init_to_feasible <- function() new_init("feasible")

#' @rdname init
#' @export
init_to_uniform <- function(radius = 2) new_init("uniform", radius = check_number(radius, "radius", 0, open = TRUE))

#' @rdname init
#' @export
init_to_value <- function(values, fallback = init_to_uniform()) {
  new_init("value", values = values, fallback = check_init(fallback, "fallback"))
}

#' @rdname init
#' @export
init_to_generated <- function(generate) {
  if (!is.function(generate)) stop("`generate` must be a function that returns an init, such as function() init_to_uniform().", call. = FALSE)
  new_init("generated", generate = generate)
}

#' @rdname init
#' @export
init_to_mode <- function(from = init_to_median(), iterations = 2000) {
  new_init("mode", from = check_init(from, "from"), iterations = check_number(iterations, "iterations", 1, 1e9, whole = TRUE))
}

check_init <- function(init, name = "init") {
  if (is.function(init)) init <- init()
  if (is.list(init) && !inherits(init, "fullrank_init")) init <- init_to_value(init)
  if (!inherits(init, "fullrank_init")) {
    stop(sprintf("`%s` must be made by one of the init_to_*() functions, as in %s = init_to_median(), or be a named list of values.", name, name), call. = FALSE)
  }
  init
}

#' @export
print.fullrank_init <- function(x, ...) {
  cat("init_to_", x$name, "()\n", sep = "")
  invisible(x)
}

# ---- starts ----------------------------------------------------------------------------------------------------

# z at which the fit starts, with a finite log density and gradient. `attempts` starts of the init itself, then
# uniform ones.
find_start <- function(compiled, init, seed, attempts = 20L, uniform = 80L) {
  if (init$name == "mode") return(find_mode(compiled, init, find_start(compiled, init$from, seed)))
  if (init$name == "value") check_values(compiled, init$values)
  first <- NULL
  for (k in seq_len(attempts + uniform)) {
    one <- if (k <= attempts) init else init_to_uniform(if (k <= attempts + uniform / 2) 2 else 0.5)
    z <- start_once(compiled, one, mix_seed(seed, 7919 + k))
    if (is.null(first)) first <- z
    at <- evaluate_points(compiled, z, TRUE)
    if (is.finite(at$log_prob) && all(is.finite(at$gradient))) return(z)
  }
  fail_start(compiled, first)
}

fail_start <- function(compiled, z) {
  if (is_outside(compiled)) return(fail_outside_start(compiled, z))
  at <- .Call(fullrank_program_eval, compiled$program, as_points(z), TRUE, TRUE)
  bad <- unique(compiled$terms[!is.finite(at$terms)])
  flat <- if (!length(bad)) compiled$coord_names[!is.finite(at$gradient)]
  stop("The log density is not finite at any start that was tried.\n  ",
       if (length(bad)) sprintf("At the first one the terms of %s are not finite.", enumerate(bad))
       else sprintf("At the first one its gradient is not finite in %s.", enumerate(utils::head(flat, 5L))),
       "\n  log_density(m, data)$terms(z) shows what each statement adds at a point z. Check these statements, or give a start by init = init_to_value(list(...)).",
       call. = FALSE)
}

# Nats that the quadratic model of the density may still promise at a mode.
mode_nats <- 1e-10

# L-BFGS to near a mode, Newton's method to the mode: where parameters have very different scales the former stops early without
# knowing, while the Hessian tells.
find_mode <- function(compiled, init, start) {
  out <- .Call(fullrank_mode, core_density(compiled), start, init$iterations)
  if (out$interrupted) stop("The search for the mode was interrupted.", call. = FALSE)
  mode <- newton_mode(compiled, out$z)
  if (!is.null(mode)) return(mode)
  message(sprintf("init_to_mode() has found no mode: in up to %s iterations the log density went from %s to %s and could still rise. The start is that of `from`.",
                  big(init$iterations), format(signif(log_joint(compiled, as_points(start)), 4)), format(signif(out$value, 4))))
  start
}

# NULL where the density is not strictly concave on the way, or Newton's method does not arrive.
newton_mode <- function(compiled, z, most = 30L) {
  at <- function(points) evaluate_points(compiled, as_points(points), TRUE)
  d <- length(z)
  h <- 1e-4 * pmax(1, abs(z))
  here <- at(z)
  for (k in seq_len(most)) {
    g <- here$gradient[1L, ]
    around <- at(rbind(matrix(z, d, d, byrow = TRUE) + diag(h, d), matrix(z, d, d, byrow = TRUE) - diag(h, d)))$gradient
    curvature <- (around[d + seq_len(d), , drop = FALSE] - around[seq_len(d), , drop = FALSE]) / (2 * h)
    if (!all(is.finite(c(g, curvature)))) return(NULL)
    scale <- suppressWarnings(1 / sqrt(diag(curvature))) # of one coordinate, the others held
    if (!all(is.finite(scale))) return(NULL)
    root <- tryCatch(chol(scale * (curvature + t(curvature)) / 2 * rep(scale, each = d)), error = function(e) NULL)
    if (is.null(root)) return(NULL)
    white <- backsolve(root, scale * g, transpose = TRUE)
    if (sum(white^2) / 2 < mode_nats) return(z)
    step <- scale * backsolve(root, white)
    for (length in 2^-(0:20)) {
      there <- at(z + length * step)
      if (isTRUE(there$log_prob >= here$log_prob - 1e-12 * abs(here$log_prob)) && all(is.finite(there$gradient))) break
    }
    z <- z + length * step
    here <- there
    h <- 1e-3 * scale
  }
  NULL
}

fail_outside_start <- function(compiled, z) {
  at <- evaluate_points(compiled, z, TRUE)
  flat <- compiled$coord_names[!is.finite(at$gradient)]
  stop("The log density is not finite at any start that was tried: ",
       if (!is.finite(at$log_prob)) sprintf("at the first one it is %s.", format(at$log_prob))
       else sprintf("at the first one its gradient is not finite in %s.", enumerate(utils::head(flat, 5L))),
       "\n  It must be finite near `init`, for all unconstrained values: map positive parameters by exp() and add the log Jacobian. Give another start by init = ...", call. = FALSE)
}

start_once <- function(compiled, init, seed) {
  if (init$name == "mode") return(find_mode(compiled, init, start_once(compiled, init$from, seed)))
  if (init$name == "generated") {
    init <- check_init(init$generate(), "generate()")
    if (init$name == "value") check_values(compiled, init$values)
    return(start_once(compiled, init, seed))
  }
  z <- numeric(compiled$program$d)
  for (k in seq_along(compiled$sites)) {
    site <- compiled$sites[[k]]
    z[site$offset + seq_len(site$free)] <- start_site(compiled, site, k, init, z, seed)
  }
  z
}

start_site <- function(compiled, site, k, init, z, seed) {
  switch(init$name,
    feasible = numeric(site$free),
    uniform = init$radius * (2 * uniform_numbers(site$free, mix_seed(seed, k)) - 1),
    sample = start_value(compiled, site, sample_site(compiled, site, k, 1L, z, seed), z),
    median = start_value(compiled, site, site_median(compiled, site, k, init$num_samples, z, seed), z),
    mean = start_mean(compiled, site, k, z, seed),
    value = if (is.null(init$values[[site$name]])) start_site(compiled, site, k, init$fallback, z, seed)
            else unconstrain_site(compiled, site, init$values[[site$name]], z),
    dispersed = if (is_outside(compiled)) start_site(compiled, site, k, init_to_uniform(), z, seed) else start_value(compiled, site, sample_site(compiled, site, k, 1L, z, seed), z,
                            otherwise = start_site(compiled, site, k, init_to_uniform(), z, seed)),
    generated = start_site(compiled, site, k, check_init(init$generate(), "generate()"), z, seed)
  )
}

uniform_numbers <- function(n, seed) {
  .Call(fullrank_dist_sample, "uniform", as.integer(n), list(0, 1), 1L, seed, streams[["init"]])
}

sample_site <- function(compiled, site, k, n, z, seed) {
  sample_statement(compiled, site, matrix(z, n, length(z), byrow = TRUE), seed, "prior", k)
}

# NULL for what has no elementwise median.
site_median <- function(compiled, site, k, n, z, seed) {
  if (!is.null(site$wrapped) && site$wrapped$wrapper == "ordered") return(NULL)
  if (dist_table()[[site$dist]]$event != "scalar") return(NULL)
  apply(sample_site(compiled, site, k, n, z, seed), 2L, function(x) sort(x, na.last = TRUE)[(length(x) + 1L) %/% 2L])
}

start_mean <- function(compiled, site, k, z, seed) {
  args <- lapply(site$args, function(a) as.vector(arg_values(compiled, a, matrix(z, 1L))))
  value <- if (is.null(site$wrapped)) site_mean(site, args) else NA
  if (!all(is.finite(value))) value <- site_median(compiled, site, k, 15L, z, seed)
  start_value(compiled, site, value, z)
}

site_mean <- function(site, args) {
  dist <- dist_table()[[site$dist]]
  if (dist$event == "scalar") {
    each <- lapply(unname(args), rep_len, site$length)
    return(vapply(seq_len(site$length), function(i) .Call(fullrank_dist_mean, site$dist, lapply(each, `[`, i), 1L), 0))
  }
  out <- numeric(site$length)
  for (i in seq_len(site$N)) {
    event <- Map(function(a, arg) {
      size <- switch(arg$event, scalar = 1L, vector = site$K, matrix = site$K^2, whole = length(a))
      if (length(a) > size) a <- matrix(a, site$N)[i, ]
      if (arg$event == "matrix") matrix(a, site$K) else a
    }, args, dist$args)
    at <- if (dist$event == "matrix") seq_along(out) else seq.int(i, by = site$N, length.out = site$K)
    out[at] <- .Call(fullrank_dist_mean, site$dist, unname(event), site$K)
  }
  out
}

# Coordinates of a value; where there is none inside the support those of 0, the feasible point.
start_value <- function(compiled, site, value, z, otherwise = numeric(site$free)) {
  if (is.null(value) || anyNA(value) || !all(is.finite(value))) return(otherwise)
  out <- bijection_inverse(compiled, site, value, z)
  if (any(out$status != 0L) || !all(is.finite(out$x))) otherwise else out$x
}
