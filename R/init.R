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
#' @param generate A function without arguments that returns an init; it is called anew for each start that is tried.
#' @return An object of class `fullrank_init`.
#' @details
#' * `init_to_median()`: the elementwise median of `num_samples` prior draws (15, as in Pyro). Sites of vector and matrix
#'   distributions, and sites for which this fails (an improper prior, a median outside the support), start feasible.
#' * `init_to_mean()`: the prior mean; the median where it does not exist or is not finite.
#' * `init_to_sample()`: a prior draw.
#' * `init_to_feasible()`: the constrained image of 0.
#' * `init_to_uniform()`: uniform in the unconstrained space.
#' * `init_to_value()`: given values.
#' * `init_to_generated()`: another init each time.
#' @examples
#' m <- model({
#'   mu ~ normal(0, 10)
#'   y  ~ normal(mu, 1)
#' })
#' guide(m, list(y = c(1.2, 0.7)), init = init_to_value(list(mu = 1)))$loc
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

fail_outside_start <- function(compiled, z) {
  at <- evaluate_points(compiled, z, TRUE)
  flat <- compiled$coord_names[!is.finite(at$gradient)]
  stop("The log density is not finite at any start that was tried: ",
       if (!is.finite(at$log_prob)) sprintf("at the first one it is %s.", format(at$log_prob))
       else sprintf("at the first one its gradient is not finite in %s.", enumerate(utils::head(flat, 5L))),
       "\n  It must be finite near `init`, for all unconstrained values: map positive parameters by exp() and add the log Jacobian. Give another start by init = ...", call. = FALSE)
}

start_once <- function(compiled, init, seed) {
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
      size <- switch(arg$event, scalar = 1L, vector = site$K, matrix = site$K^2)
      if (length(a) > size) a <- matrix(a, site$N)[i, ]
      if (arg$event == "matrix") matrix(a, site$K) else a
    }, args, dist$args)
    at <- if (dist$event == "matrix") seq_along(out) else seq.int(i, by = site$N, length.out = site$K)
    out[at] <- .Call(fullrank_dist_mean, site$dist, unname(event), site$K)
  }
  out
}

# Coordinates of a value; of 0, the feasible point, where there is none inside the support.
start_value <- function(compiled, site, value, z) {
  if (is.null(value) || anyNA(value) || !all(is.finite(value))) return(numeric(site$free))
  out <- bijection_inverse(compiled, site, value, z)
  if (any(out$status != 0L) || !all(is.finite(out$x))) numeric(site$free) else out$x
}
