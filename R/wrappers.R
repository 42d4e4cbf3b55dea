# Distributions wrapped around others: truncated(), censored(), zero_inflated(), mixture(), ordered().
#
# A wrapped distribution, its arguments evaluated, is a list: wrapper (NULL for one of the table), dist and args for one of the table,
# parts (the distributions inside) and extra (bounds, weights). Its log density is a value of the program, put together from
# the table's log densities (log_prob) and log probabilities of intervals (log_interval).

wrapper_forms <- list(
  truncated = function(dist, lower = -Inf, upper = Inf, dim) NULL, censored = function(dist, lower = -Inf, upper = Inf, dim) NULL,
  zero_inflated = function(prob, dist, dim) NULL, mixture = function(weights, ..., dim) NULL, ordered = function(dist, lower = -Inf, dim) NULL
)

is_wrapper <- function(name) name %in% names(wrapper_forms)

# `left ~ wrapper(...)`.
wrapped_statement <- function(left, call, ctx) {
  d <- eval_wrapped(call, ctx)
  if (is.symbol(left) && is_new_site(as.character(left), ctx)) return(wrapped_site(as.character(left), d, ctx))
  if (identical(d$wrapper, "ordered")) fail(ctx, "`ordered()` is the distribution of a latent vector; an observed vector takes its elements' distribution.")
  x <- eval_left(left, ctx)
  label <- if (is.symbol(left)) as.character(left) else statement_text(left)
  if (!is.null(d$shape) && prod(d$shape$dim) != value_length(x)) fail(ctx, sprintf("`dim` asks for %s, but the left side has shape %s.", paste(d$shape$dim, collapse = " x "), shape_text(x)))
  d <- settle_events(d, x, left, ctx)
  n <- events_of(d, value_length(x))
  check_wrapped(x, d, n, label, ctx)
  if (!is_node(x)) {
    ctx$observed[[length(ctx$observed) + 1L]] <- list(name = label, dist = NULL, wrapped = compact_wrapped(d), N = n, K = 1L, dim = dim(x), length = value_length(x), names = names(x))
  }
  if (!n) return()
  terms <- as_node(log_prob_of(x, d, n, ctx), ctx)
  if (!is_node(x)) ctx$observed[[length(ctx$observed)]]$nodes <- c(value = as_node(x, ctx)$id, terms = terms$id)
  add_node(ctx$b, "target", 1L, terms$id, add_term(ctx$b, label))
}

# Distributions of vectors and of categories inside a mixture: their number of events N and its size K, from the left side.
settle_events <- function(d, x, left, ctx) {
  if (!is.null(d$wrapper)) {
    d$parts <- lapply(d$parts, settle_events, x, left, ctx)
    vectors <- vapply(plain_leaves(d), function(leaf) dist_table()[[leaf$dist]]$event == "vector", NA)
    if (any(vectors) && !all(vectors)) fail(ctx, sprintf("`%s()` mixes distributions of vectors with distributions of single numbers.", d$wrapper))
    return(d)
  }
  dist <- dist_table()[[d$dist]]
  if (dist$by_rows) return(d)
  size <- left_events(x, dist, event_size(dist, d$args, ctx, d$stated), left, d$stated, ctx)
  d$args <- fit_event_args(d$args, dist, size$N, size$K, ctx, d$stated)
  c(d, lapply(size, as.integer))
}

# How many values, or vectors, a wrapped distribution sees in so many numbers.
events_of <- function(d, length) {
  leaf <- plain_leaves(d)[[1L]]
  if (is.null(leaf$N)) length else leaf$N
}

# ---- reading -----------------------------------------------------------------------------------------------------------

# `vectors`: whether distributions of vectors and of categories may stand here, in mixtures all the way up.
eval_wrapped <- function(call, ctx, vectors = TRUE) {
  name <- statement_head(call)
  if (!is_wrapper(name)) return(eval_plain(call, ctx, vectors))
  args <- tryCatch(as.list(match.call(wrapper_forms[[name]], call, expand.dots = FALSE))[-1L],
                   error = function(e) fail(ctx, sprintf("`%s()` could not be read: %s.", name, conditionMessage(e)), sprintf("It takes %s.", enumerate(setdiff(names(formals(wrapper_forms[[name]])), "...")))))
  inside <- if (name == "mixture") args$... else list(args$dist)
  if (!length(inside) || any(vapply(inside, is.null, NA))) fail(ctx, sprintf("`%s()` needs a distribution, as in `%s`.", name, wrapper_example(name)))
  needed <- switch(name, zero_inflated = "prob", mixture = "weights")
  if (!is.null(needed) && is.null(args[[needed]])) fail(ctx, sprintf("`%s()` needs its argument `%s`.", name, needed))
  extra <- lapply(args[intersect(names(args), c("lower", "upper", "prob", "weights"))], function(e) {
    x <- eval_expr(e, ctx)
    if (is_node(x)) x else as_numeric_value(x, ctx)
  })
  for (bound in setdiff(c("lower", "upper"), names(extra))) if (bound %in% names(formals(wrapper_forms[[name]]))) extra[[bound]] <- if (bound == "lower") -Inf else Inf
  check_extra(extra, name, ctx)
  parts <- lapply(unname(inside), eval_wrapped, ctx, vectors = vectors && name == "mixture")
  if (name == "mixture" && length(parts) == 1L) parts <- components_of(parts[[1L]], mixture_size(extra$weights), ctx)
  list(wrapper = name, parts = parts, extra = extra, shape = if (!is.null(args$dim)) eval_dim(args$dim, ctx))
}

# How many components the weights are of: a matrix has a row of them for each observation.
mixture_size <- function(weights) if (is_wide(weights)) value_dim(weights)[2L] else value_length(weights)

# A matrix of more than one column.
is_wide <- function(a) length(value_dim(a)) == 2L && value_dim(a)[2L] > 1L

# The one distribution of a mixture stands for K of them where its arguments have an element for each, or a matrix of observations by components; those of
# distributions of vectors a row for each. So do the bounds and probabilities of a wrapper inside.
components_of <- function(d, K, ctx) {
  if (K == 1L) return(list(d))
  if (!is.null(d$wrapper)) {
    inside <- lapply(d$parts, components_of, K, ctx)
    own <- vapply(d$extra, function(a) d$wrapper != "mixture" && value_length(a) == K, NA)
    return(lapply(seq_len(K), function(k) {
      d$parts <- lapply(inside, `[[`, k)
      d$extra[own] <- lapply(d$extra[own], function(a) pick(ctx, with_dim_any(a), k))
      d
    }))
  }
  dist <- dist_table()[[d$dist]]
  own <- as.logical(Map(function(a, arg) has_components(a, dist, arg, K), unname(d$args), dist$args))
  if (!any(own)) fail(ctx, sprintf("`mixture()` has %d weights, but one distribution, `%s()`, none of whose arguments has %s.", K, d$stated,
                                               if (!dist$by_rows) sprintf("a matrix of %d rows", K) else sprintf("%d elements or columns", K)))
  lapply(seq_len(K), function(k) {
    d$args[own] <- lapply(d$args[own], component_of, k, K, dist, ctx)
    d
  })
}

has_components <- function(a, dist, arg, K) {
  dim <- value_dim(a)
  if (!dist$by_rows) return(arg$event == "vector" && length(dim) == 2L && dim[1L] == K)
  if (is_wide(a)) dim[2L] == K else value_length(a) == K
}

component_of <- function(a, k, K, dist, ctx) {
  if (!dist$by_rows) return(pick(ctx, with_dim_any(a), seq.int(k, by = K, length.out = value_dim(a)[2L])))
  n <- if (is_wide(a)) value_dim(a)[1L] else 1L
  pick(ctx, with_dim_any(a), (k - 1L) * n + seq_len(n))
}

wrapper_example <- function(name) {
  switch(name, truncated = "truncated(normal(0, 1), lower = 0)", censored = "censored(normal(mu, 1), upper = 10)", zero_inflated = "zero_inflated(0.2, poisson(3))",
         mixture = "mixture(c(0.3, 0.7), normal(0, 1), normal(4, 1))", ordered = "ordered(normal(0, 5), dim = 3)")
}

eval_plain <- function(call, ctx, vectors) {
  name <- dist_name(call, ctx)
  dist <- dist_table()[[name]]
  if (!dist$by_rows && (!vectors || dist$event == "matrix")) {
    fail(ctx, sprintf("`%s()` cannot be wrapped: only distributions of single numbers can%s.", name, if (dist$event == "matrix") "" else ", and others by `mixture()` alone"))
  }
  exprs <- match_dist_args(name, call, function(...) fail(ctx, ...))
  if (!is.null(exprs$dim)) fail(ctx, "`dim` belongs to the wrapper, not to the distribution inside.")
  fused <- eval_dist_args(name, dist, exprs, ctx)
  list(dist = fused$name, args = fused$args, stated = name)
}

check_extra <- function(extra, name, ctx) {
  bad <- function(x, wrong) !is_node(x) && (anyNA(x) || any(wrong(x)))
  if (!is.null(extra$prob) && bad(extra$prob, function(x) x < 0 | x > 1)) fail(ctx, sprintf("`prob` of `%s()` must be between 0 and 1.", name))
  if (!is.null(extra$weights) && bad(extra$weights, function(x) x < 0 | all_zero(x)))
    fail(ctx, "`weights` of `mixture()` must not be negative, nor all 0.")
  if (is.null(extra$lower)) return()
  if (bad(extra$lower, function(x) x == Inf) || (!is.null(extra$upper) && bad(extra$upper, function(x) x == -Inf))) fail(ctx, sprintf("The bounds of `%s()` have missing or impossible values.", name))
  if (!is_node(extra$lower) && !is.null(extra$upper) && !is_node(extra$upper) && any(extra$lower >= extra$upper)) fail(ctx, sprintf("`lower` of `%s()` must be below `upper`.", name))
}

# ---- log densities -------------------------------------------------------------------------------------------------------

# The log density of x (n values) as a node of length n, or a vector when all is data.
log_prob_of <- function(x, d, n, ctx) {
  switch(if (is.null(d$wrapper)) "plain" else d$wrapper,
    plain = plain_log_prob(x, d, n, ctx),
    ordered = log_prob_of(x, d$parts[[1L]], n, ctx),
    truncated = truncated_log_prob(x, d, n, ctx),
    censored = censored_log_prob(x, d, n, ctx),
    zero_inflated = inflated_log_prob(x, d, n, ctx),
    mixture = mixture_log_prob(x, d, n, ctx)
  )
}

dist_args_at <- function(d, rows, n, ctx) lapply(d$args, function(a) if (value_length(a) == 1L) a else pick(ctx, stretch(a, n, ctx), rows))

plain_log_prob <- function(x, d, n, ctx) {
  if (!is.null(d$N)) return(log_prob_node("log_prob_event", x, d$args, c(d$N, d$K), d, n, ctx))
  args <- lapply(d$args, function(a) if (value_length(a) == 1L) a else if (n %% value_length(a) == 0L) stretch(a, n, ctx) else fail(ctx, sprintf("Shapes %s and %d of `%s()` do not recycle.", shape_text(a), n, d$dist)))
  data_only <- !is_node(x) && !any(vapply(args, is_node, NA))
  if (data_only) return(.Call(fullrank_dist_log_prob, d$dist, x + 0, lapply(unname(args), function(a) as.double(a)), FALSE, 1L)$log_prob)
  log_prob_node("log_prob", x, args, integer(), d, n, ctx)
}

# The part of a mass that depends on data alone is added by a constant, which the node names for the oracle (-1: none).
log_prob_node <- function(op, x, args, shape, d, n, ctx) {
  base <- if (!is_node(x) && dist_table()[[d$dist]]$discrete) .Call(fullrank_dist_base, d$dist, x + 0, lapply(unname(args), function(a) if (is_node(a)) NULL else a + 0))
  base <- if (any(base != 0)) as_node(base, ctx)
  ids <- vapply(c(list(x), unname(args)), function(v) as_node(v, ctx)$id, 0L)
  node <- add_node(ctx$b, op, n, ids, c(add_dist(ctx$b, d$dist), shape, if (is.null(base)) -1L else ctx$b$ints[[base$id + 1L]]))
  if (is.null(base)) node else binary(ctx, "add", node, base, "+")
}

# Data outside the bounds (the zeros of a zero-inflated count above 0, say) have density 0.
truncated_log_prob <- function(x, d, n, ctx) {
  bounds <- d$extra[c("lower", "upper")]
  outside <- if (is_node(x)) FALSE else Reduce(`|`, Map(function(b, beyond) if (is_node(b)) FALSE else beyond(as.vector(x), rep_len(b, n)), bounds, list(`<`, `>`)))
  if (any(outside)) {
    inside <- which(!outside)
    return(by_rows(list(rep(-Inf, n - length(inside)), if (length(inside)) log_prob_of(x[inside], part_rows(d, inside, n, ctx), length(inside), ctx)),
                   list(which(outside), inside), n, ctx))
  }
  binary_any(ctx, "sub", log_prob_of(x, d$parts[[1L]], n, ctx), interval_log_prob(d$parts[[1L]], bounds$lower, bounds$upper, ctx), "-")
}

# log P(lower <= X <= upper): as long as its longest argument.
interval_log_prob <- function(d, lower, upper, ctx) {
  if (!is.null(d$wrapper)) fail(ctx, "`truncated()` and `censored()` go around a distribution of the table, not around another wrapper.")
  check_interval(d, ctx)
  values <- c(list(lower, upper), unname(d$args))
  n <- max(vapply(values, value_length, 0L))
  values <- lapply(values, function(v) if (value_length(v) == 1L) v else stretch(v, n, ctx))
  ids <- vapply(values, function(v) as_node(v, ctx)$id, 0L)
  add_node(ctx$b, "log_interval", n, ids, add_dist(ctx$b, d$dist))
}

# A distribution function is needed, and its derivative in every argument that depends on a latent.
check_interval <- function(d, ctx) {
  dist <- dist_table()[[d$dist]]
  if (!dist$cdf) {
    fail(ctx, sprintf("`%s()` cannot be truncated or censored: its distribution function is not available.", d$dist),
         if (length(intersect(c("lower", "upper"), vapply(dist$args, `[[`, "", "name")))) sprintf("It has bounds of its own: `%s(lower, upper)`.", d$dist))
  }
  without <- Filter(function(k) is_node(d$args[[k]]) && !dist$args[[k]]$cdf_partial, seq_along(d$args))
  if (length(without)) {
    fail(ctx, sprintf("`%s` of `%s()` depends on a latent, but inside `truncated()` and `censored()` it must be data: the distribution function has no derivative in it.",
                      dist$args[[without[1L]]]$name, d$dist))
  }
}

# Values put together from parts that stand on some rows each.
by_rows <- function(parts, rows, n, ctx) {
  parts <- parts[lengths(rows) > 0L]
  rows <- rows[lengths(rows) > 0L]
  parts <- Map(function(p, r) stretch(p, length(r), ctx), parts, rows)
  if (length(parts) == 1L) return(parts[[1L]])
  pick(ctx, join(ctx, parts), order(unlist(rows)))
}

rows_of <- function(v, rows, n, ctx) if (value_length(v) == 1L) v else pick(ctx, stretch(v, n, ctx), rows)

part_rows <- function(d, rows, n, ctx) {
  if (is.null(d$wrapper)) return(list(dist = d$dist, args = dist_args_at(d, rows, n, ctx)))
  d$parts <- lapply(d$parts, part_rows, rows, n, ctx)
  if (d$wrapper != "mixture") d$extra <- lapply(d$extra, rows_of, rows, n, ctx)
  else if (length(value_dim(d$extra$weights)) == 2L) fail(ctx, "A mixture whose weights differ between observations cannot stand inside another wrapper.")
  d
}

# At or beyond a bound: the probability of being there. Bounds must be data.
censored_log_prob <- function(x, d, n, ctx) {
  lower <- d$extra$lower; upper <- d$extra$upper
  if (is_node(x) || is_node(lower) || is_node(upper)) fail(ctx, "`censored()` needs an observed left side and bounds that are data.")
  x <- as.vector(x)
  low <- which(x <= rep_len(lower, n)); high <- which(x >= rep_len(upper, n))
  exact <- setdiff(seq_len(n), c(low, high))
  inner <- d$parts[[1L]]
  part <- function(rows, f) if (length(rows)) f(part_rows(inner, rows, n, ctx), rows)
  by_rows(list(part(exact, function(p, r) log_prob_of(x[r], p, length(r), ctx)),
               part(low, function(p, r) interval_log_prob(p, -Inf, rep_len(lower, n)[r], ctx)),
               part(high, function(p, r) interval_log_prob(p, rep_len(upper, n)[r], Inf, ctx))), list(exact, low, high), n, ctx)
}

inflated_log_prob <- function(x, d, n, ctx) {
  if (is_node(x)) fail(ctx, "`zero_inflated()` needs an observed left side.")
  x <- as.vector(x)
  zero <- which(x == 0); other <- which(x != 0)
  part <- function(rows) {
    prob <- rows_of(d$extra$prob, rows, n, ctx)
    base <- log_prob_of(x[rows], part_rows(d$parts[[1L]], rows, n, ctx), length(rows), ctx)
    rest <- binary_any(ctx, "add", unary_any(ctx, "log1p", negative(prob, ctx)), base, "+")
    if (x[rows[1L]] == 0) log_add_exp_any(unary_any(ctx, "log", prob), rest, ctx) else rest
  }
  by_rows(list(if (length(zero)) part(zero), if (length(other)) part(other)), list(zero, other), n, ctx)
}

negative <- function(x, ctx) if (is_node(x)) unary(ctx, "neg", x) else -x

log_add_exp_any <- function(a, b, ctx) {
  if (is_node(a) || is_node(b)) return(binary(ctx, "log_add_exp", a, b, "log_add_exp"))
  top <- pmax(a, b)
  ifelse(is.infinite(top), top, top + log1p(exp(-abs(a - b))))
}

# Weights are normalised; a matrix has one set of them a row.
mixture_log_prob <- function(x, d, n, ctx) {
  K <- length(d$parts)
  w <- d$extra$weights
  by_row <- length(value_dim(w)) == 2L && value_dim(w)[1L] == n && value_dim(w)[2L] == K
  if (!by_row && value_length(w) != K) fail(ctx, sprintf("`weights` of `mixture()` has %s, but there are %d distributions.", shape_text(w), K))
  weight <- function(k) pick(ctx, with_dim_any(w), if (by_row) (k - 1L) * n + seq_len(n) else k)
  terms <- lapply(seq_len(K), function(k) binary_any(ctx, "add", unary_any(ctx, "log", weight(k)), log_prob_of(x, d$parts[[k]], n, ctx), "+"))
  total <- Reduce(function(a, b) binary_any(ctx, "add", a, b, "+"), lapply(seq_len(K), weight))
  binary_any(ctx, "sub", Reduce(function(a, b) log_add_exp_any(a, b, ctx), terms), unary_any(ctx, "log", total), "-")
}

with_dim_any <- function(x) if (is_node(x)) with_dim(x, NULL) else as.vector(x)

# ---- checks of what is observed ------------------------------------------------------------------------------------------

check_wrapped <- function(x, d, n, label, ctx, rows = NULL) {
  if (is_node(x)) return()
  if (anyNA(x)) fail(ctx, sprintf("The observed `%s` has %d missing value%s (first in %s).", label, sum(is.na(x)), if (sum(is.na(x)) == 1L) "" else "s", first_rows(is.na(x))))
  if (is.null(d$wrapper)) {
    args <- lapply(d$args, function(a) if (!is_node(a)) as.vector(a))
    return(check_observed(x, dist_table()[[d$dist]], args, label, d$stated, ctx, rows = rows))
  }
  if (d$wrapper == "truncated" && !is_node(d$extra$lower) && !is_node(d$extra$upper)) {
    bad <- x < d$extra$lower | x > d$extra$upper
    if (any(bad)) fail(ctx, sprintf("The observed `%s` has %d value%s outside the bounds of `truncated()` (first in %s).", label, sum(bad), if (sum(bad) == 1L) "" else "s", first_rows(bad)))
  }
  if (d$wrapper %in% c("truncated", "censored")) for (p in d$parts) check_wrapped(x, p, n, label, ctx, rows)
  if (d$wrapper == "zero_inflated") check_wrapped(x[x != 0], within_rows(d$parts[[1L]], which(x != 0), n), n, label, ctx, if (is.null(rows)) which(x != 0) else rows[x != 0])
}

# Data arguments at some rows, for checks.
within_rows <- function(d, rows, n) {
  if (is.null(d$wrapper)) d$args <- lapply(d$args, function(a) if (is_node(a) || length(a) == 1L) a else rep_len(as.vector(a), n)[rows])
  d
}

# ---- latent sites ----------------------------------------------------------------------------------------------------------

wrapped_site <- function(name, d, ctx) {
  if (d$wrapper %in% c("censored", "zero_inflated")) fail(ctx, sprintf("A latent site cannot be `%s()`: it would have single values with a probability of their own.", d$wrapper))
  leaves <- plain_leaves(d)
  for (leaf in leaves) if (!dist_table()[[leaf$dist]]$by_rows && !dist_table()[[leaf$dist]]$discrete) fail(ctx, sprintf("The latent site `%s` cannot be a mixture of `%s()`: state its parts as sites, or add the density by `target()`.", name, leaf$dist))
  for (leaf in leaves) if (dist_table()[[leaf$dist]]$discrete) fail(ctx, sprintf("The latent site `%s` has the discrete distribution `%s()`, which has no gradient.", name, leaf$dist))
  args <- c(unlist(lapply(leaves, `[[`, "args"), recursive = FALSE), if (d$wrapper == "truncated") d$extra)
  site <- scalar_site(args[vapply(args, value_length, 0L) > 0L], d$shape, ctx, leaves[[1L]]$dist)
  site$args <- list()
  site <- c(list(name = name, dist = leaves[[1L]]$dist), site)
  dist <- dist_table()[[site$dist]]
  node <- if (d$wrapper == "ordered") ordered_site(site, d, ctx) else add_site(site, dist, ctx, wrapped_bounds(d, site, ctx))
  ctx$sites[[name]]$wrapped <- compact_wrapped(d)
  add_node(ctx$b, "target", 1L, as_node(log_prob_of(with_dim(node, NULL), d, node$len, ctx), ctx)$id, add_term(ctx$b, name))
}

plain_leaves <- function(d) if (is.null(d$wrapper)) list(d) else unlist(lapply(d$parts, plain_leaves), recursive = FALSE)

# The support of a wrapped distribution as bounds; the components of a mixture must share theirs.
wrapped_bounds <- function(d, site, ctx) {
  if (is.null(d$wrapper)) return(site_bounds(dist_table()[[d$dist]], list(name = site$name, args = d$args), ctx))
  inner <- lapply(d$parts, wrapped_bounds, site, ctx)
  if (d$wrapper == "mixture") {
    same <- vapply(inner, function(b) identical(b, inner[[1L]]), NA)
    if (!all(same)) fail(ctx, sprintf("The distributions of the mixture `%s` have different supports.", site$name))
    return(inner[[1L]])
  }
  tighter <- function(own, given, f) if (is_node(given)) given else if (is_node(own)) own else f(own, given)
  bounds <- list(lower = tighter(inner[[1L]]$lower, d$extra$lower, pmax), upper = tighter(inner[[1L]]$upper, d$extra$upper, pmin))
  if (!is_node(bounds$lower) && !is_node(bounds$upper) && any(bounds$lower >= bounds$upper)) fail(ctx, sprintf("The lower bound of `%s` must be below its upper bound.", site$name))
  bounds
}

# An increasing vector: y1 = x1 (above a finite `lower`: lower + exp(x1)), then y_k = y_(k-1) + exp(x_k).
ordered_site <- function(site, d, ctx) {
  b <- ctx$b
  lower <- d$extra$lower
  K <- site$length
  if (length(site$dim) > 1L) fail(ctx, "`ordered()` is one vector: `dim` must be one number.")
  term <- add_term(b, site$name)
  above <- is_node(lower) || is.finite(lower)
  if (above) {
    steps <- add_node(b, "site_bounded", K, c(as_node(0, ctx)$id, as_node(Inf, ctx)$id), c(b$d, term))
    node <- binary(ctx, "add", if (K == 1L) steps else add_node(b, "cumsum", K, steps$id), lower, "+")
    site$floor <- compact_arg(lower)
  } else {
    node <- add_node(b, "site_vector", K, ints = c(b$d, term, bijection_codes[["ordered"]], 1L, K))
  }
  site$free <- K
  site$N <- 1L
  site$K <- K
  site$dim <- K
  site$varies <- rep(TRUE, K)
  finish_site(site, node, if (above) "ordered_above" else "ordered", element_labels(site$name, K, site$dimnames), ctx)
}

# ---- samples ------------------------------------------------------------------------------------------------------------------

compact_wrapped <- function(d) {
  if (is.null(d$wrapper)) return(c(list(dist = d$dist, args = lapply(d$args, compact_arg)), d[c("N", "K")][!is.null(d$N)]))
  list(wrapper = d$wrapper, parts = lapply(d$parts, compact_wrapped), extra = lapply(d$extra, compact_arg))
}

# One draw at each row of z: S x n, for vectors S x (n K).
sample_wrapped <- function(compiled, d, n, z, seed, stream) {
  S <- nrow(z)
  spread <- function(a) {
    v <- arg_values(compiled, a, z)
    if (ncol(v) == n) v else v[, rep_len(seq_len(ncol(v)), n), drop = FALSE]
  }
  if (is.null(d$wrapper)) {
    length <- if (is.null(d$N) || dist_table()[[d$dist]]$event == "scalar") n else d$N * d$K
    return(sample_statement(compiled, c(list(dist = d$dist, args = d$args, length = length), d[c("N", "K")]), z, seed, stream, 0))
  }
  part <- function(k, at = seed) sample_wrapped(compiled, d$parts[[k]], n, z, mix_seed(at, k), stream)
  uniform <- function() matrix(uniform_numbers(S * n, mix_seed(seed, 991)), S)
  switch(d$wrapper,
    ordered = sample_ordered(part, spread(d$extra$lower), alike(d$parts[[1L]]), seed),
    zero_inflated = part(1L) * (uniform() >= spread(d$extra$prob)),
    censored = pmin(pmax(part(1L), spread(d$extra$lower)), spread(d$extra$upper)),
    truncated = {
      lower <- spread(d$extra$lower); upper <- spread(d$extra$upper)
      x <- draws_within(part, lower, upper, seed)
      bad <- which(is.na(x))
      inner <- d$parts[[1L]]
      args <- lapply(unname(inner$args), function(a) spread(a)[bad])
      if (length(bad)) x[bad] <- inverse_truncated(inner$dist, args, lower[bad], upper[bad], uniform()[bad])
      x
    },
    mixture = sample_mixture(part, arg_values(compiled, d$extra$weights, z), length(d$parts), n, uniform())
  )
}

# What falls outside is drawn again; NA when no try has come inside.
draws_within <- function(part, lower, upper, seed, tries = 100L) {
  x <- part(1L)
  for (k in seq_len(tries)) {
    bad <- which(!(x >= lower & x <= upper))
    if (!length(bad)) return(x)
    x[bad] <- part(1L, mix_seed(seed, 7000 + k))[bad]
  }
  x[!(x >= lower & x <= upper)] <- NA_real_
  x
}

# The quantile u of a distribution between bounds, by bisection. NA where it has no mass between them.
inverse_truncated <- function(name, args, lower, upper, u) {
  mass <- function(x) .Call(fullrank_dist_log_interval, name, as.double(lower), as.double(x), args)
  target <- log(u) + mass(upper)
  none <- !is.finite(target)
  further <- function(end, step, short) {
    for (k in seq_len(1000L)) {
      at <- which(short(mass(end)) & !none)
      if (!length(at)) break
      end[at] <- end[at] + step * 2^k
    }
    end
  }
  low <- ifelse(lower == -Inf, pmin(upper, 0) - 1, lower)
  low <- ifelse(lower == -Inf, further(low, -1, function(m) m >= target & lower == -Inf), low)
  high <- ifelse(upper == Inf, pmax(low, 0) + 1, upper)
  high <- ifelse(upper == Inf, further(high, 1, function(m) m < target & upper == Inf), high)
  for (k in seq_len(200L)) {
    middle <- low + (high - low) / 2
    beyond <- !none & mass(middle) >= target
    high <- ifelse(beyond, middle, high)
    low <- ifelse(beyond, low, middle)
  }
  x <- if (dist_table()[[name]]$discrete) round(high) else high
  ifelse(none, NA_real_, pmin(pmax(x, lower), upper))
}

# Whether all elements of a wrapped distribution have the same one.
alike <- function(d) {
  one <- function(a) if (is.list(a)) a$len == 1L else length(a) == 1L
  if (is.null(d$wrapper)) return(all(vapply(d$args, one, NA)))
  all(vapply(d$parts, alike, NA)) && (d$wrapper == "mixture" || all(vapply(d$extra, one, NA)))
}

# Increasing, above `lower`: elements that are alike are sorted, others drawn again until they are. NA when no try is.
sample_ordered <- function(part, lower, alike, seed, tries = 1000L) {
  if (alike) {
    x <- draws_within(part, lower, Inf, seed, tries)
    return(matrix(x[order(row(x), x)], nrow(x), byrow = TRUE))
  }
  wrong <- function(x) rowSums(x < lower) > 0 | rowSums(x[, -1L, drop = FALSE] <= x[, -ncol(x), drop = FALSE]) > 0
  x <- part(1L)
  for (k in seq_len(tries)) {
    bad <- which(wrong(x))
    if (!length(bad)) return(x)
    x[bad, ] <- part(1L, mix_seed(seed, 7000 + k))[bad, ]
  }
  x[wrong(x), ] <- NA_real_
  x
}

sample_mixture <- function(part, weights, K, n, u) {
  by_row <- ncol(weights) == n * K && n > 1L
  weight <- function(k) if (by_row) weights[, (k - 1L) * n + seq_len(n), drop = FALSE] else weights[, rep(k, n), drop = FALSE]
  total <- Reduce(`+`, lapply(seq_len(K), weight))
  x <- part(1L)
  passed <- weight(1L)
  for (k in seq_len(K)[-1L]) {
    later <- (u * total > passed)[, rep(seq_len(n), ncol(x) %/% n)]
    x[later] <- part(k)[later]
    passed <- passed + weight(k)
  }
  x
}
