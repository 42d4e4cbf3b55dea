# Between the unconstrained vector z and the values of sites.

# Values of all latent sites, then of kept deterministic values, at each row of z: a named list of S x length matrices.
constrain_draws <- function(compiled, z) {
  parts <- output_parts(compiled)
  values <- if (is_outside(compiled)) outside_values(compiled, z) else node_values(compiled, z, vapply(parts, `[[`, 0L, "id"))
  Map(function(v, part) { colnames(v) <- part$labels; v }, stats::setNames(values, names(parts)), parts)
}

value_labels <- function(compiled) {
  unlist(lapply(output_parts(compiled), `[[`, "labels"), use.names = FALSE)
}

# One site's value in its own shape, from a vector in column-major order.
shape_value <- function(x, part) {
  x <- as.vector(x)
  if (length(part$dim) > 1L) {
    dim(x) <- part$dim
    if (length(part$dimnames)) dimnames(x) <- part$dimnames
  } else if (length(part$dimnames)) {
    names(x) <- part$dimnames[[1L]]
  }
  x
}

# The site's coordinates of z from its value; the coordinates of sites before it must stand in z already.
unconstrain_site <- function(compiled, site, value, z) {
  out <- bijection_inverse(compiled, site, value, z)
  if (any(out$status != 0L)) {
    fault <- if (site$map %in% names(matrix_kinds)) matrix_fault(matrix(value, site$K), site$map)
    stop(sprintf("The value of `%s` is outside its support: %s.", site$name, paste(c(bounds_text(site), fault), collapse = ", but ")), call. = FALSE)
  }
  out$x
}

bijection_inverse <- function(compiled, site, value, z) {
  if (site$map == "ordered_above") {
    steps <- diff(c(as.vector(arg_values(compiled, site$floor, matrix(z, 1L))), as.vector(value)))
    return(list(x = suppressWarnings(log(steps)), status = as.integer(!(steps > 0))))
  }
  if (site$map != "bounded") {
    events <- matrix(as.double(value), site$N)
    if (site$map %in% c("corr_cholesky", "corr_matrix", "cov_matrix", "ordered")) events <- matrix(as.double(value), 1L)
    out <- .Call(fullrank_bijection, bijection_codes[[site$map]], events, NULL, NULL, site$K, "inverse")
    return(list(x = as.vector(out$x), status = out$status))
  }
  bounds <- site_bounds_at(compiled, site, z)
  out <- .Call(fullrank_bijection, 0L, as.double(value), bounds$lower, bounds$upper, 1L, "inverse")
  list(x = as.vector(out$x), status = out$status)
}

site_bounds_at <- function(compiled, site, z) {
  if (!is.null(site$lower)) return(list(lower = site$lower, upper = site$upper))
  bounds <- lapply(node_values(compiled, z, site$bounds), function(b) rep_len(as.vector(b), site$length))
  list(lower = bounds[[1L]], upper = bounds[[2L]])
}

bounds_text <- function(site) {
  switch(site$map,
    simplex = "it must be positive and sum to 1", ordered = "it must increase", ordered_above = "it must increase, from its lower bound",
    corr_cholesky = , corr_matrix = , cov_matrix = paste("it must be", matrix_kinds[[site$map]]),
    if (is.null(site$lower)) "it must lie between its bounds"
    else sprintf("it must lie between %s and %s", format(min(site$lower)), format(max(site$upper))))
}

# z from a named list of values, which must name every site.
unconstrain_values <- function(compiled, values) {
  check_values(compiled, values, all = TRUE)
  z <- numeric(compiled$program$d)
  for (site in compiled$sites) {
    z[site$offset + seq_len(site$free)] <- unconstrain_site(compiled, site, values[[site$name]], z)
  }
  stats::setNames(z, compiled$coord_names)
}

# Names and shapes of values for sites.
check_values <- function(compiled, values, all = FALSE) {
  known <- names(compiled$sites)
  if (!is.list(values) || is.null(names(values)) || any(!nzchar(names(values)))) {
    stop("Values must be a named list, one element a site: list(", paste(utils::head(known, 3L), "= ...", collapse = ", "), ").", call. = FALSE)
  }
  wrong <- setdiff(names(values), known)
  if (length(wrong)) {
    stop(paste(c(sprintf("`%s` is no latent site of the model.", wrong[1L]), nearest_hint(wrong[1L], known),
                 sprintf("Its sites are %s.", enumerate(known))), collapse = " "), call. = FALSE)
  }
  if (all && length(setdiff(known, names(values)))) {
    stop(sprintf("A value is missing for %s.", enumerate(setdiff(known, names(values)))), call. = FALSE)
  }
  for (name in names(values)) {
    site <- compiled$sites[[name]]
    x <- values[[name]]
    if (!is.numeric(x) && !is.logical(x)) stop(sprintf("The value of `%s` must be numeric, not %s.", name, class(x)[1L]), call. = FALSE)
    d <- if (is.null(dim(x))) length(x) else dim(x)
    want <- if (length(site$dim)) site$dim else 1L
    if (length(x) != site$length || (length(d) > 1L && !identical(as.integer(d), as.integer(want)))) {
      stop(sprintf("The value of `%s` has shape %s, but the site has %s.", name, paste(d, collapse = " x "), paste(want, collapse = " x ")), call. = FALSE)
    }
    if (anyNA(x)) stop(sprintf("The value of `%s` has missing values.", name), call. = FALSE)
  }
}
