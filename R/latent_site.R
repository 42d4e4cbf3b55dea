# A latent site: its shape, its map from the coordinates of z, its names.

latent_site <- function(name, dist_name, dist, exprs, ctx) {
  if (dist$discrete) {
    fail(ctx, sprintf("The latent site `%s` has the discrete distribution `%s()`, which has no gradient.", name, dist_name),
         sprintf("If `%s` was observed, put it into `data`; otherwise sum it out with `mixture()`.", name))
  }
  fused <- eval_dist_args(dist_name, dist, exprs, ctx)
  shape <- if (!is.null(exprs$dim)) eval_dim(exprs$dim, ctx)
  check_site_length(name, stated_length(dist, fused$args, shape), ctx)
  site <- if (dist$event == "scalar") scalar_site(fused$args, shape, ctx, dist_name) else event_site(dist, fused$args, shape, ctx, dist_name)
  site <- c(list(name = name, dist = dist_name), site)
  node <- add_site(site, dist, ctx)
  add_density(node, dist_name, dist, site$args, site$N, site$K, name, ctx)
}

# How many elements a site has, before its shape is settled: at least as many as its arguments say.
stated_length <- function(dist, args, shape) {
  if (is.null(shape)) {
    of <- function(x, arg) if (arg$support == "nodes") max(x) else if (arg$event == "whole") 0 else value_length(x)
    return(max(0, mapply(of, args, dist$args)))
  }
  prod(shape$dim, if (dist$event == "matrix" && length(shape$dim) == 1L) shape$dim)
}

# Comes before anything of the site's length is made. A guide has a lower limit of its own, see check_size().
check_site_length <- function(name, n, ctx, limit = 1e6) {
  if (n > limit) {
    fail(ctx, sprintf("The site `%s` has %s elements; a full covariance of that size needs about %s bytes.", name, big(n), big_bytes(n)))
  }
}

scalar_site <- function(args, shape, ctx, name) {
  n <- max(vapply(args, value_length, 0L))
  dim <- shape$dim
  if (is.null(shape)) {
    dims <- Filter(Negate(is.null), lapply(args, value_dim))
    dims <- Filter(function(d) prod(d) == n && length(d) > 1L && any(d[-1L] != 1L), dims)
    dim <- if (length(dims)) as.integer(dims[[1L]]) else if (n == 1L) integer() else n
  }
  total <- as.integer(prod(dim))
  for (k in seq_along(args)) {
    len <- value_length(args[[k]])
    if (len != 1L && (len > total || (len > 0L && total %% len != 0L))) {
      fail(ctx, sprintf("`%s` of `%s()` has shape %s, the site has %s: they do not recycle.", names(args)[k], name, shape_text(args[[k]]), paste(dim, collapse = " x ")))
    }
    if (len != 1L) args[[k]] <- stretch(args[[k]], total, ctx)
  }
  list(args = args, dim = if (length(dim) == 1L && is.null(shape) && total == 1L) integer() else dim, dimnames = shape$dimnames, length = total, N = total, K = 1L)
}

event_site <- function(dist, args, shape, ctx, name) {
  K <- event_size(dist, args, ctx, name)
  most <- largest_node(dist, args, ctx, name)
  if (is.na(K) && most > 0L) K <- if (is.null(shape)) most else NA_integer_
  matrix_value <- dist$event == "matrix"
  given <- shape$dim
  if (is.null(shape)) {
    if (is.na(K)) fail(ctx, sprintf("The size of the site is not known: give it, as in `%s(..., dim = 3)`.", name))
    N <- events_implied(dist, args, K)
  } else {
    k <- if (matrix_value) given[1L] else given[length(given)]
    if (length(given) > 2L || (matrix_value && length(given) == 2L && given[1L] != given[2L])) {
      fail(ctx, sprintf("`dim = %s` is no shape of `%s()`.", statement_text(given), name))
    }
    if (!is.na(K) && K != k && K != 1L) fail(ctx, sprintf("`dim` asks for size %d, but the arguments of `%s()` have size %d.", k, name, K))
    K <- k
    N <- if (!matrix_value && length(given) == 2L) given[1L] else 1L
  }
  if (K < 1L) fail(ctx, sprintf("A site of `%s()` needs a size of at least 1.", name))
  if (dist$support %in% c("simplex", "corr_cholesky", "corr_matrix") && K < 2L) fail(ctx, sprintf("A site of `%s()` needs a size of at least 2.", name))
  args <- fit_event_args(args, dist, N, K, ctx, name)
  dim <- if (matrix_value) c(K, K) else if (length(given) == 2L || N > 1L) c(N, K) else K
  names <- if (matrix_value && length(shape$dimnames) == 1L) rep(shape$dimnames, 2L) else shape$dimnames
  list(args = args, dim = as.integer(dim), dimnames = names, length = as.integer(prod(dim)), N = as.integer(N), K = as.integer(K))
}

events_implied <- function(dist, args, K) {
  n <- mapply(function(arg, x) {
    if (arg$event == "vector" && length(value_dim(x)) == 2L && value_dim(x)[2L] == K) value_dim(x)[1L] else 1L
  }, dist$args, args)
  as.integer(max(n))
}

# The site's node: the bijection from its coordinates in z to its support.
add_site <- function(site, dist, ctx, bounds = NULL) {
  b <- ctx$b
  term <- add_term(b, site$name)
  map <- if (dist$support %in% names(bijection_codes)) dist$support else "bounded"
  dim <- if (length(site$dim) > 1L) site$dim
  if (map == "bounded") {
    if (is.null(bounds)) bounds <- site_bounds(dist, site, ctx)
    site$free <- site$length
    node <- add_node(b, "site_bounded", site$length, c(as_node(bounds$lower, ctx)$id, as_node(bounds$upper, ctx)$id), c(b$d, term), dim)
    constant <- !is_node(bounds$lower) && !is_node(bounds$upper)
    site$lower <- if (constant) rep_len(as.vector(bounds$lower), site$length)
    site$upper <- if (constant) rep_len(as.vector(bounds$upper), site$length)
    site$bounds <- c(as_node(bounds$lower, ctx)$id, as_node(bounds$upper, ctx)$id)
    site$varies <- rep(TRUE, site$length)
    coords <- element_labels(site$name, site$dim, site$dimnames)
  } else {
    site$free <- site$N * switch(map, simplex = site$K - 1L, cov_matrix = (site$K * (site$K + 1L)) %/% 2L, (site$K * (site$K - 1L)) %/% 2L)
    node <- add_node(b, "site_vector", site$length, ints = c(b$d, term, bijection_codes[[map]], site$N, site$K), dim = dim)
    coords <- free_labels(site, map)
    square <- diag(site$K)
    site$varies <- switch(map, corr_cholesky = as.vector(lower.tri(square, diag = TRUE) & row(square) > 1L), corr_matrix = as.vector(square == 0), rep(TRUE, site$length))
  }
  finish_site(site, node, map, coords, ctx)
}

# The site's entry, and its name for the statements that follow.
finish_site <- function(site, node, map, coords, ctx) {
  b <- ctx$b
  node$dimnames <- site$dimnames
  site$map <- map
  site$offset <- b$d
  site$labels <- element_labels(site$name, site$dim, site$dimnames)
  site$coord_names <- coords
  site$id <- node$id
  b$d <- b$d + site$free
  site$args <- lapply(site$args, compact_arg)
  ctx$sites[[site$name]] <- site
  assign(site$name, node, ctx$latent)
  node
}

# The maps of the C core; all but the first and `ordered` are named for the support of the distributions that need them.
bijection_codes <- c(bounded = 0L, simplex = 1L, ordered = 2L, corr_cholesky = 3L, corr_matrix = 4L, cov_matrix = 5L)

# What is kept of an argument: its node, or its value.
compact_arg <- function(x) if (is_node(x)) x[c("id", "len")] else x

free_labels <- function(site, map) {
  if (map == "simplex") {
    dim <- site$dim
    dim[length(dim)] <- site$K - 1L
    names <- site$dimnames
    if (length(names)) names[length(dim)] <- list(names[[length(dim)]][seq_len(site$K - 1L)])
    return(element_labels(site$name, dim, names))
  }
  # the (strict) lower triangle, row by row
  at <- t(matrix(element_labels(site$name, site$dim, site$dimnames), site$K))
  at[upper.tri(at, diag = map == "cov_matrix")]
}

# Bounds of an elementwise site: fixed by the support, or the arguments that set it.
site_bounds <- function(dist, site, ctx) {
  arg <- function(k, default) if (k > 0L) site$args[[k]] else default
  bounds <- switch(dist$support,
    real = , real_vector = list(lower = -Inf, upper = Inf),
    positive = , nonnegative = , positive_vector = list(lower = 0, upper = Inf),
    unit = , open_unit = list(lower = 0, upper = 1),
    bounded = list(lower = arg(dist$lower_arg, -Inf), upper = arg(dist$upper_arg, Inf)),
    stop("internal: no map to the support '", dist$support, "'")
  )
  if (!is_node(bounds$lower) && !is_node(bounds$upper) && any(bounds$lower >= bounds$upper)) {
    fail(ctx, sprintf("The lower bound of `%s` must be below its upper bound.", site$name))
  }
  bounds
}
