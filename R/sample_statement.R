# `left ~ distribution(...)`: a latent site, an observed site, or a density on an expression.

compile_sample <- function(s, ctx) {
  left <- s[[2L]]
  dist_call <- s[[3L]]
  if (is_wrapper(statement_head(dist_call))) {
    wrapped_statement(left, dist_call, ctx)
    return(check_repetition(s, ctx))
  }
  name <- dist_name(dist_call, ctx)
  dist <- dist_table()[[name]]
  exprs <- match_dist_args(name, dist_call, function(...) fail(ctx, ...))
  if (is.symbol(left) && is_new_site(as.character(left), ctx)) {
    latent_site(as.character(left), name, dist, exprs, ctx)
  } else {
    density_statement(left, name, dist, exprs, ctx)
  }
  check_repetition(s, ctx)
}

dist_name <- function(call, ctx) {
  name <- statement_head(call)
  if (!nzchar(name)) fail(ctx, "The right side of `~` must be a distribution, as in `normal(0, 1)`.")
  if (!is_dist(name)) {
    known <- c(names(dist_table()), names(wrapper_forms))
    fail(ctx, sprintf("There is no distribution `%s()`.", name), nearest_hint(name, known), paste0("Known are ", paste(known, collapse = ", "), "."))
  }
  name
}

is_new_site <- function(name, ctx) {
  !exists(name, ctx$data, inherits = FALSE) && !exists(name, ctx$latent, inherits = FALSE) && !exists(name, ctx$values, inherits = FALSE)
}

# Only an exact repetition draws a message: a second, different statement is how densities are multiplied.
check_repetition <- function(s, ctx) {
  if (!identical(ctx$loop, ctx$data)) return()
  text <- paste(deparse(s), collapse = " ")
  if (text %in% ctx$seen) ctx$messages <- c(ctx$messages, sprintf("Statement `%s` stands twice; it counts twice.", statement_text(s)))
  ctx$seen <- c(ctx$seen, text)
}

# ---- arguments -----------------------------------------------------------------------------------------------

eval_dist_args <- function(name, dist, exprs, ctx) {
  args <- lapply(exprs[setdiff(names(exprs), "dim")], function(e) {
    x <- eval_expr(e, ctx)
    if (is_node(x)) x else as_numeric_value(x, ctx)
  })
  for (k in seq_along(args)) {
    arg <- dist$args[[k]]
    if (is_node(args[[k]])) {
      if (arg$data_only) fail(ctx, sprintf("`%s` of `%s()` depends on a latent: it must be data.", arg$name, name))
      check_latent_argument(args[[k]], arg, name, ctx)
    } else {
      check_data_argument(args[[k]], arg, name, ctx)
    }
  }
  fuse_link(name, args, ctx)
}

check_data_argument <- function(x, arg, name, ctx) {
  if (anyNA(x)) fail(ctx, sprintf("`%s` of `%s()` has missing values (%d of %d).", arg$name, name, sum(is.na(x)), length(x)))
  if (!length(x)) fail(ctx, sprintf("`%s` of `%s()` is empty.", arg$name, name))
  # bounds and cutpoints may be infinite, and degrees of freedom
  if (any(is.infinite(x)) && name != "flat" && arg$support != "ordered_vector" && arg$name != "df") {
    fail(ctx, sprintf("`%s` of `%s()` must be finite, but it has %s.", arg$name, name,
                      paste(utils::head(format(x[is.infinite(x)]), 3L), collapse = ", ")))
  }
  need <- argument_fault(x, arg$support)
  if (!is.null(need)) fail(ctx, sprintf("`%s` of `%s()` must be %s", arg$name, name, need))
}

# A site that goes in as it is, though it takes values that the argument cannot have: the density is zero there, which no step follows.
check_latent_argument <- function(x, arg, name, ctx) {
  site <- Find(function(s) s$id == x$id, ctx$sites)
  if (is.null(site) || !is.null(ctx$b$outer)) return()
  need <- switch(arg$support,
    positive = , positive_vector = , nonnegative = , nonnegative_vector = list(0, Inf, "positive", "half_normal()", "exp"),
    unit = , open_unit = list(0, 1, "between 0 and 1", "beta()", "plogis"),
    correlation = list(-1, 1, "between -1 and 1", "uniform(-1, 1)", "tanh"),
    ordered_vector = if (site$length > 1L) list(Inf, -Inf, "increasing", "ordered()"))
  if (is.null(need) || is.null(site$lower) || all(site$lower >= need[[1L]] & site$upper <= need[[2L]])) return()
  other <- if (length(need) > 4L) sprintf(", or write %s(%s)", need[[5L]], site$name) else ""
  message <- "`%s` of `%s()` must be %s, but the site `%s` also takes other values: give it a distribution such as %s%s."
  ctx$messages <- union(ctx$messages, sprintf(message, arg$name, name, need[[3L]], site$name, need[[4L]], other))
}

# A distribution joined with its link: the stable form of the same density.
fused_forms <- list(
  bernoulli = list(arg = "prob", link = "plogis", to = "bernoulli_logit"),
  binomial = list(arg = "prob", link = "plogis", to = "binomial_logit"),
  poisson = list(arg = "rate", link = "exp", to = "poisson_log")
)

fuse_link <- function(name, args, ctx) {
  form <- fused_forms[[name]]
  x <- if (!is.null(form)) args[[form$arg]]
  if (is_node(x) && node_op(ctx$b, x) == form$link && form$to %in% names(dist_table())) {
    inner <- node_at(ctx$b, node_args(ctx$b, x))
    inner$dim <- x$dim
    args[[form$arg]] <- inner
    name <- form$to
  }
  list(name = name, args = args)
}

# ---- shapes ------------------------------------------------------------------------------------------------------

# `dim = `: the shape of the site and, for levels, its names.
eval_dim <- function(expr, ctx) {
  value <- eval_expr(expr, ctx)
  if (is_node(value)) fail(ctx, "`dim` depends on a latent: a shape must be data.")
  if (is.factor(value)) value <- levels(value)
  if (is.list(value)) {
    dims <- lapply(value, dim_names)
  } else if (is.character(value)) {
    dims <- list(dim_names(value))
  } else {
    if (!is.numeric(value) || !length(value) || anyNA(value) || any(value < 0 | value != floor(value))) {
      fail(ctx, sprintf("`dim` must be whole numbers or names, not %s.", statement_text(value)))
    }
    if (prod(value) > .Machine$integer.max) fail(ctx, sprintf("`dim = %s` asks for more elements than an array can have.", statement_text(value)))
    dims <- lapply(as.integer(value), function(n) list(n = n))
  }
  names <- lapply(dims, `[[`, "names")
  list(dim = vapply(dims, `[[`, 0L, "n"), dimnames = if (!all(vapply(names, is.null, NA))) names)
}
dim_names <- function(x) {
  if (!is.character(x)) return(list(n = as.integer(x)))
  blank <- is.na(x) | !nzchar(x)
  x[blank] <- as.character(which(blank))
  list(n = length(x), names = make.unique(x))
}

# Size of the events of a vector or matrix distribution, from its arguments: NA when they do not tell. Numbers of elements give
# no more than a lower limit, see largest_node().
event_size <- function(dist, args, ctx, name) {
  sizes <- mapply(function(arg, x) {
    d <- value_dim(x)
    if (arg$event == "matrix") {
      if (length(d) != 2L || d[1L] != d[2L]) {
        if (value_length(x) == 1L) return(1L)
        fail(ctx, sprintf("`%s` of `%s()` must be a square matrix, but its shape is %s.", arg$name, name, shape_text(x)))
      }
      d[1L]
    } else if (arg$event == "vector" && value_length(x) > 1L) {
      if (length(d) == 2L && d[2L] != 1L) d[2L] else value_length(x)
    } else {
      NA_integer_
    }
  }, dist$args, args)
  sizes <- unique(sizes[!is.na(sizes)])
  if (length(sizes) > 1L) fail(ctx, sprintf("The arguments of `%s()` disagree about the size of the vector: %s.", name, paste(sizes, collapse = ", ")))
  if (length(sizes)) as.integer(sizes) else NA_integer_
}

# The arguments in the layout that the program wants: vectors recycled to K or N x K.
fit_event_args <- function(args, dist, N, K, ctx, name) {
  most <- largest_node(dist, args, ctx, name)
  if (most > K) fail(ctx, sprintf("`%s()` names element %d of a vector of length %d.", name, most, K))
  if (dist$support == "cov_matrix" && !is_node(args$df) && any(args$df <= K - 1)) {
    fail(ctx, sprintf("`df` of `%s()` must be above %d, one less than the size of the matrix, but it is %s.",
                      name, K - 1L, format(min(args$df))))
  }
  Map(function(x, arg) fit_event_arg(x, arg, N, K, ctx, name), args, dist$args)
}

fit_event_arg <- function(x, arg, N, K, ctx, name) {
  n <- value_length(x)
  want <- switch(arg$event, scalar = c(1L, N), vector = c(K, N * K), matrix = K * K, whole = n)
  if (n %in% want) return(x)
  if (arg$event == "vector" && n == 1L) return(stretch(x, K, ctx))
  fail(ctx, sprintf("`%s` of `%s()` has %s, which does not fit %d observation%s of size %d.", arg$name, name, shape_text(x), N, if (N == 1L) "" else "s", K))
}

# The largest number among arguments that number the elements of the value; 0 without such arguments.
largest_node <- function(dist, args, ctx, name) {
  nodes <- args[vapply(dist$args, `[[`, "", "support") == "nodes"]
  if (!length(nodes)) return(0L)
  if (length(unique(lengths(nodes))) > 1L) fail(ctx, sprintf("%s of `%s()` must have the same length, not %s.", enumerate(names(nodes)), name, paste(lengths(nodes), collapse = " and ")))
  as.integer(max(unlist(nodes)))
}

# ---- a density on data or on an expression ----------------------------------------------------------------------

density_statement <- function(left, dist_name, dist, exprs, ctx) {
  x <- eval_left(left, ctx)
  fused <- eval_dist_args(dist_name, dist, exprs, ctx)
  args <- fused$args
  stated <- dist_name
  if (!identical(fused$name, dist_name)) dist <- dist_table()[[dist_name <- fused$name]]
  check_left_dim(x, exprs, ctx)
  if (is_node(x) && dist$discrete) fail(ctx, sprintf("`%s` depends on a latent, but `%s()` is a discrete distribution.", statement_text(left), dist_name))
  label <- if (is.symbol(left)) as.character(left) else statement_text(left)
  if (dist$by_rows) {
    n <- value_length(x)
    args <- Map(function(a, arg) fit_scalar_arg(a, arg, x, n, left, dist_name, ctx), args, dist$args)
    N <- n; K <- 1L
  } else {
    K <- event_size(dist, args, ctx, dist_name)
    size <- left_events(x, dist, K, left, dist_name, ctx)
    N <- size$N; K <- size$K
    args <- fit_event_args(args, dist, N, K, ctx, dist_name)
  }
  if (!is_node(x)) {
    check_observed(x, dist, args, label, stated, ctx, if (dist$support == "category") K + dist$cutpoints else Inf)
    ctx$observed[[length(ctx$observed) + 1L]] <- list(
      name = label, dist = dist_name, args = lapply(args, compact_arg), N = as.integer(N), K = as.integer(K),
      dim = dim(x), length = length(x), names = names(x))
  }
  if (!value_length(x)) return()
  density <- add_density(x, dist_name, dist, args, N, K, label, ctx)
  if (!is_node(x)) ctx$observed[[length(ctx$observed)]]$nodes <- c(value = as_node(x, ctx)$id, density = density$id)
}

eval_left <- function(left, ctx) {
  if (is.call(left) && is.symbol(left[[2L]]) && identical(left[[1L]], as.name("["))) {
    name <- as.character(left[[2L]])
    if (!is_known(name, ctx)) {
      fail(ctx, sprintf("`%s` is stated element by element, but neither data nor a site has that name.", name),
           sprintf("State the whole vector at once: `%s ~ distribution(..., dim = n)`.", name))
    }
  }
  x <- eval_expr(left, ctx)
  if (is_node(x)) return(x)
  if (is.factor(x) || is.character(x)) {
    fail(ctx, sprintf("The observed `%s` is a %s: a number is needed (as.integer(), or a comparison such as `y == \"yes\"`).", statement_text(left), class(x)[1L]))
  }
  as_numeric_value(x, ctx)
}

is_known <- function(name, ctx) {
  exists(name, ctx$latent, inherits = FALSE) || !length(unknown_names(as.name(name), ctx))
}

check_left_dim <- function(x, exprs, ctx) {
  if (is.null(exprs$dim)) return()
  shape <- eval_dim(exprs$dim, ctx)
  if (prod(shape$dim) != value_length(x)) fail(ctx, sprintf("`dim` asks for %s, but the left side has shape %s.", paste(shape$dim, collapse = " x "), shape_text(x)))
}

fit_scalar_arg <- function(a, arg, x, n, left, name, ctx) {
  len <- value_length(a)
  if (len == 1L || len == n) {
    da <- value_dim(a); dx <- value_dim(x)
    differ <- length(da) > 1L && length(dx) > 1L && !identical(as.integer(da), as.integer(dx))
    if (!differ || len == 1L) return(a)
  }
  if (len > n) {
    fail(ctx, sprintf("The left side `%s` has shape %s, but `%s` of `%s()` has shape %s: the left side must be at least as long.",
                      statement_text(left), shape_text(x), arg$name, name, shape_text(a)))
  }
  if (len == 0L || n %% len || len == n) {
    fail(ctx, sprintf("Shapes %s (`%s`) and %s (`%s` of `%s()`) do not recycle.", shape_text(x), statement_text(left), shape_text(a), arg$name, name))
  }
  stretch(a, n, ctx)
}

# N events of size K on the left: a vector is one event, a matrix one event a row.
left_events <- function(x, dist, K, left, name, ctx) {
  d <- value_dim(x)
  n <- value_length(x)
  if (dist$event == "matrix") {
    if (length(d) != 2L || d[1L] != d[2L] || (!is.na(K) && K != d[1L])) fail(ctx, sprintf("`%s` must be a square matrix%s, but its shape is %s.", statement_text(left), if (is.na(K)) "" else sprintf(" with %d rows", K), shape_text(x)))
    return(list(N = 1L, K = d[1L]))
  }
  if (length(d) > 2L) fail(ctx, sprintf("`%s` has %d dimensions: `%s()` takes a vector, or a matrix with one observation a row.", statement_text(left), length(d), name))
  if (dist$event == "scalar") {
    if (is.na(K) && dist$cutpoints) K <- 1L # two categories
    if (is.na(K)) fail(ctx, sprintf("The number of categories of `%s()` is not known: its vector has one element only.", name))
    return(list(N = n, K = K))
  }
  size <- if (length(d) == 2L) list(N = d[1L], K = d[2L]) else list(N = 1L, K = n)
  if (length(d) == 2L && d[2L] == 1L && !is.na(K) && K == d[1L]) size <- list(N = 1L, K = n)
  if (!is.na(K) && K != size$K && K != 1L) {
    fail(ctx, sprintf("`%s` has shape %s, but the arguments of `%s()` have size %d.", statement_text(left), shape_text(x), name, K))
  }
  size
}

# `rows`: which rows of the data x is, when not all.
check_observed <- function(x, dist, args, label, dist_name, ctx, categories = Inf, rows = NULL) {
  missing <- is.na(x)
  if (any(missing)) {
    fail(ctx, sprintf("The observed `%s` has %d missing value%s (first in %s).", label, sum(missing), if (sum(missing) == 1L) "" else "s", first_rows(missing, rows)),
         "Drop these rows before fitting, or make the missing values a latent site of their own.")
  }
  infinite <- is.infinite(x)
  if (any(infinite)) {
    fail(ctx, sprintf("The observed `%s` has %d infinite value%s (first in %s).", label, sum(infinite), if (sum(infinite) == 1L) "" else "s", first_rows(infinite, rows)))
  }
  fault <- if (dist$support %in% names(matrix_kinds)) matrix_fault(x, dist$support)
  if (!is.null(fault)) fail(ctx, sprintf("The observed `%s` is outside the support of `%s()`: it must be %s, but %s.", label, dist_name, matrix_kinds[[dist$support]], fault))
  data_args <- lapply(args, function(a) if (!is_node(a)) as.vector(a))
  bad <- outside_support(dist, x, data_args, categories)
  if (any(bad)) {
    at <- which(as.vector(bad))
    fail(ctx, sprintf("The observed `%s` has %d value%s outside the support of `%s()` (first in %s): %s.", label, length(at), if (length(at) == 1L) "" else "s",
                      dist_name, first_rows(bad, rows), paste(format(utils::head(as.vector(x)[at], 3L)), collapse = ", ")),
         sprintf("It takes %s.", support_text(dist, categories)))
  }
  if (dist$support == "count_vector") check_totals(x, args[[dist$size_arg]], label, ctx)
}

check_totals <- function(x, size, label, ctx) {
  totals <- if (is.matrix(x)) rowSums(x) else sum(x)
  bad <- totals != as.vector(size)
  if (any(bad)) fail(ctx, sprintf("The counts of `%s` do not sum to `size` (first in %s).", label, first_rows(bad)))
}

first_rows <- function(bad, of = NULL) {
  rows <- if (is.matrix(bad)) which(rowSums(bad) > 0) else which(bad)
  if (!is.null(of)) rows <- of[rows]
  paste0(if (length(rows) == 1L) "row " else "rows ", paste(utils::head(rows, 5L), collapse = ", "), if (length(rows) > 5L) ", ...")
}

# A normal vector whose covariance or precision is data is stated by its factor, so that no step factors the same matrix again.
factored_once <- function(name, args) {
  if (!name %in% c("multi_normal", "multi_normal_precision") || is_node(args[[2L]])) return(NULL)
  A <- (args[[2L]] + t(args[[2L]])) / 2
  turned <- rev(seq_len(nrow(A)))
  L <- tryCatch(if (name == "multi_normal") t(chol(A)) else t(backsolve(t(chol(A[turned, turned]))[turned, turned], diag(nrow(A)))), error = function(e) NULL)
  if (is.null(L) || !all(is.finite(L))) return(NULL)
  list(name = "multi_normal_cholesky", args = list(loc = args[[1L]], scale_tril = L))
}

# The density's node, which is returned, and the part of it that depends on data alone, computed once.
add_density <- function(x, name, dist, args, N, K, term_name, ctx) {
  b <- ctx$b
  factored <- factored_once(name, args)
  if (!is.null(factored)) {
    args <- factored$args
    dist <- dist_table()[[name <- factored$name]]
  }
  term <- add_term(b, term_name)
  ids <- vapply(c(list(x), unname(args)), function(v) as_node(v, ctx)$id, 0L)
  which_dist <- add_dist(b, name)
  node <- if (dist$by_rows) add_node(b, "density", 1L, ids, c(which_dist, term))
          else add_node(b, "density_event", 1L, ids, c(which_dist, term, N, K))
  if (!is_node(x) && dist$discrete) {
    base <- sum(.Call(fullrank_dist_base, name, x + 0, lapply(unname(args), function(a) if (is_node(a)) NULL else a + 0)))
    if (!is.na(base) && base != 0) add_node(b, "target", 1L, as_node(base, ctx)$id, term)
  }
  node
}
