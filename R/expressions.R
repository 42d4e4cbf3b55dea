# Expressions of the model language: what depends on no latent is evaluated by R, the rest becomes nodes.
#
# ctx, the state of a compilation, holds: b (builder), latent (environment: name -> node or parts), data
# (environment of the data), values (environment of deterministic data values; loop variables in `loop`),
# statement and number (for messages).

fail <- function(ctx, ...) fail_at(ctx$statement, ctx$number, ...)

latent_names <- function(ctx) ls(ctx$latent, all.names = TRUE, sorted = FALSE)

# A symbol as a string; `f(, 1)` has an empty first argument.
symbol_name <- function(symbol, ctx) {
  name <- as.character(symbol)
  if (!nzchar(name)) fail(ctx, "An argument is empty: there is a comma too many, or a value is missing beside one.")
  name
}

mentions_latent <- function(expr, ctx) {
  if (is.symbol(expr)) return(exists(symbol_name(expr, ctx), ctx$latent, inherits = FALSE))
  if (!is.call(expr)) return(FALSE)
  for (name in all.vars(expr)) if (exists(name, ctx$latent, inherits = FALSE)) return(TRUE)
  FALSE
}

# The value of an expression: an R value, or a node.
eval_expr <- function(expr, ctx) {
  if (!is.null(ctx$trace)) return(trace_expr(expr, ctx))
  # A sum of many terms is nested in its first arguments, which are gone down in a loop: recursion would be too deep.
  around <- list()
  while (is_nested(expr) && mentions_latent(expr[[2L]], ctx)) {
    around <- c(list(expr), around)
    expr <- expr[[2L]]
  }
  value <- eval_inner(expr, ctx)
  for (call in around) {
    value <- eval_call(call, c(list(value), eval_args(call, as.list(call)[-(1:2)], ctx)), ctx)
  }
  value
}

is_nested <- function(expr) {
  is.call(expr) && is.symbol(expr[[1L]]) && length(expr) > 1L && is.call(expr[[2L]]) && !as.character(expr[[1L]]) %in% c("[", "[[")
}

eval_inner <- function(expr, ctx) {
  if (is.symbol(expr)) return(eval_symbol(expr, ctx))
  if (!is.call(expr)) return(expr)
  if (!mentions_latent(expr, ctx)) return(eval_data(expr, ctx))
  head <- expr[[1L]]
  if (!is.symbol(head)) fail(ctx, sprintf("`%s` is no function of the model language.", statement_text(head)))
  name <- as.character(head)
  if (name == "[" || name == "[[") return(eval_index(expr, ctx))
  if (name == "$" || name == "@") {
    fail(ctx, sprintf("`%s` is not available for values that depend on a latent: `%s` is an array of numbers.",
                      name, statement_text(expr[[2L]])),
         sprintf("Take elements of it by number or by name, as in `%s[1]`.", statement_text(expr[[2L]])))
  }
  eval_call(expr, eval_args(expr, as.list(expr)[-1L], ctx), ctx)
}

# Arguments of a function that takes no latents may be what no statement can hold (`function(i) a[i]`): it is the function that is wrong.
eval_args <- function(call, exprs, ctx) {
  name <- as.character(call[[1L]])
  if (!is.null(language[[name]])) return(lapply(exprs, eval_expr, ctx))
  tryCatch(lapply(exprs, eval_expr, ctx), fullrank_model_error = function(e) fail_function(name, ctx))
}

comparisons <- c("<", ">", "<=", ">=", "==", "!=", "!", "&", "|", "&&", "||")

# A call whose arguments are known.
eval_call <- function(expr, args, ctx) {
  head <- expr[[1L]]
  name <- as.character(head)
  if (!any(vapply(args, is_node, NA))) return(eval_data(as.call(c(head, args)), ctx))
  handler <- language[[name]]
  if (is.null(handler)) fail_function(name, ctx)
  call_handler(handler, name, args, ctx)
}

fail_function <- function(name, ctx) {
  dist <- sub("_l(u?p[dm]f|prob)$", "", name)
  fail(ctx, sprintf("`%s()` is not available for values that depend on a latent.", name),
       if (name == "if") "Here it is a statement: `if (test) x <- ... else x <- ...`; for each element there is ifelse()."
       else if (name %in% comparisons)
         "It would be TRUE or FALSE, and the log density would jump where it changes. Only data can be compared."
       else if (is_dist(dist)) sprintf("`%s()` is a distribution: it stands on the right of `~`.", dist)
       else nearest_hint(name, language_names()),
       paste(c("Allowed are", strwrap(paste(language_names(), collapse = " "), 90)), collapse = "\n  "))
}

call_handler <- function(handler, name, args, ctx) {
  tryCatch(do.call(handler, c(list(ctx), args), quote = TRUE),
    simpleError = function(e) {
      fail(ctx, sprintf("`%s()` could not be used so: %s.", name, sub("[.]$", "", conditionMessage(e))))
    })
}

eval_symbol <- function(symbol, ctx) {
  name <- symbol_name(symbol, ctx)
  if (exists(name, ctx$latent, inherits = FALSE)) return(read_latent(ctx$latent[[name]], ctx))
  eval_data(symbol, ctx)
}

# A latent name's node; a vector filled element by element is put together when it is read whole.
read_latent <- function(x, ctx) if (is_node(x)) x else join_parts(x, ctx)

# An expression of data alone, evaluated by R: data first, then deterministic values, then the environment.
eval_data <- function(expr, ctx) {
  value <- tryCatch(without_overflow(expr, ctx, eval(expr, ctx$loop)), error = function(e) {
    if (inherits(e, "fullrank_model_error")) stop(e)
    unknown <- unknown_names(expr, ctx)
    if (length(unknown)) fail_unknown(ctx, unknown[1L])
    called <- statement_head(expr)
    fail(ctx, sprintf("R could not evaluate `%s`: %s.", statement_text(expr), sub("[.]$", "", conditionMessage(e))),
         if ((is_dist(called) || is_wrapper(called)) && !exists(called, ctx$loop, mode = "function"))
           sprintf("`%s()` is a distribution: it stands on the right of `~`.", called))
  })
  if (is.function(value)) {
    unknown <- unknown_names(expr, ctx)
    if (length(unknown)) fail_unknown(ctx, unknown[1L])
    fail(ctx, sprintf("`%s` is a function, not a value.", statement_text(expr)))
  }
  value
}

# R makes NA of a whole number that is too large, and warns: here that is an error.
without_overflow <- function(expr, ctx, value) {
  told <- gettext("NAs produced by integer overflow", "integer overflow - use sum(as.numeric(.))",
                   "integer overflow in 'cumsum'; use 'cumsum(as.numeric(.))'", domain = "R")
  overflow <- FALSE
  value <- withCallingHandlers(value, warning = function(w) {
    if (!conditionMessage(w) %in% told) return()
    overflow <<- TRUE
    invokeRestart("muffleWarning")
  })
  if (overflow && anyNA(value, recursive = TRUE)) {
    fail(ctx, sprintf("`%s` goes beyond R's largest integer, %s.", statement_text(expr), big(.Machine$integer.max)),
         "Make its integers numbers first: as.numeric().")
  }
  value
}

# Names in value position that are neither data nor stated above nor objects (other than functions).
unknown_names <- function(expr, ctx) {
  known <- function(name) {
    env <- ctx$loop
    while (!identical(env, emptyenv())) {
      if (exists(name, env, inherits = FALSE) && !is.function(get(name, env, inherits = FALSE))) return(TRUE)
      env <- parent.env(env)
    }
    FALSE
  }
  Filter(function(name) !known(name), all.vars(expr))
}

fail_unknown <- function(ctx, name) {
  later <- name %in% ctx$stated
  fail(ctx, sprintf("`%s` is neither in the data, nor stated above, nor an object here.", name),
       if (later) sprintf("It is stated further down: move `%s ~ ...` above this statement.", name)
       else nearest_hint(name, c(latent_names(ctx), ls(ctx$data), ls(ctx$values))))
}

# ---- data and nodes -----------------------------------------------------------------------------------------

as_numeric_value <- function(x, ctx) {
  if (is.data.frame(x)) x <- data.matrix(x)
  if (is.logical(x) || is.integer(x)) storage.mode(x) <- "double"
  if (inherits(x, "Matrix")) x <- as.matrix(x)
  if (!is.numeric(x) || is.factor(x) || inherits(x, "integer64")) {
    fail(ctx, sprintf("A number is needed, but this is %s.",
                      if (is.factor(x)) "a factor (use as.integer() or an index)"
                      else if (inherits(x, c("integer64", "difftime", "Date", "POSIXct"))) sprintf("of class %s (use as.numeric())", class(x)[1L])
                      else paste("of class", class(x)[1L])))
  }
  x
}

as_node <- function(x, ctx) {
  if (is_node(x)) return(x)
  if (is_parts(x)) return(join_parts(x, ctx))
  x <- as_numeric_value(x, ctx)
  node <- add_constant(ctx$b, x)
  node$dim <- dim(x)
  node
}

value_length <- function(x) if (is_node(x)) x$len else length(x)
value_dim <- function(x) if (is_node(x)) x$dim else dim(x)
is_scalar <- function(x) value_length(x) == 1L

# The value stretched to n elements, as R recycles.
stretch <- function(x, n, ctx) {
  if (value_length(x) == n) return(x)
  if (!is_node(x)) return(rep_len(as.vector(x), n))
  add_gather(ctx$b, x, rep_len(seq_len(x$len), n))
}

# The shape of an elementwise result: R's rules, and an n x 1 matrix conforms with a vector of length n.
common_shape <- function(a, b, ctx, what) {
  da <- value_dim(a); db <- value_dim(b)
  na <- value_length(a); nb <- value_length(b)
  n <- if (na == 0L || nb == 0L) 0L else max(na, nb)
  wrong <- n > 0L && (n %% na != 0L || n %% nb != 0L)
  if (!is.null(da) && !is.null(db) && !identical(as.integer(da), as.integer(db)) && na != 1L && nb != 1L) wrong <- TRUE
  if (!is.null(da) && nb > na || !is.null(db) && na > nb) wrong <- wrong || (na != 1L && nb != 1L)
  if (wrong) fail(ctx, sprintf("Shapes %s and %s do not recycle in `%s`.", shape_text(a), shape_text(b), what))
  dim <- if (na == n && !is.null(da)) da else if (nb == n && !is.null(db)) db
  list(n = n, dim = dim)
}

binary <- function(ctx, op, a, b, symbol = op) {
  shape <- common_shape(a, b, ctx, symbol)
  if (!is_scalar(a)) a <- stretch(a, shape$n, ctx)
  if (!is_scalar(b)) b <- stretch(b, shape$n, ctx)
  a <- as_node(a, ctx); b <- as_node(b, ctx)
  add_node(ctx$b, op, shape$n, c(a$id, b$id), dim = shape$dim)
}

unary <- function(ctx, op, x) {
  x <- as_node(x, ctx)
  add_node(ctx$b, op, x$len, x$id, dim = x$dim)
}

with_dim <- function(x, dim) {
  x$dim <- dim
  x$dimnames <- NULL
  x
}

# ---- indexing -----------------------------------------------------------------------------------------------

# x[...] by R itself: the elements' numbers are indexed in x's stead.
eval_index <- function(expr, ctx) {
  source <- expr[[2L]]
  parts <- if (is.symbol(source) && exists(as.character(source), ctx$latent, inherits = FALSE)) ctx$latent[[as.character(source)]]
  x <- if (is_parts(parts)) parts else eval_expr(source, ctx)
  index <- lapply(as.list(expr)[-(1:2)], function(e) {
    if (identical(e, quote(expr = ))) return(e)
    i <- eval_expr(e, ctx)
    if (is_node(i)) fail(ctx, sprintf("The index `%s` depends on a latent: an index must be data.", statement_text(e)))
    if (is.factor(i)) as.integer(i) else i
  })
  take(x, index, ctx, expr)
}

element_numbers <- function(x) {
  n <- if (is_parts(x)) length(x$parts) else x$len
  numbers <- seq_len(n)
  if (!is.null(x$dim)) dim(numbers) <- x$dim
  if (!is.null(x$dimnames)) { if (is.null(x$dim)) names(numbers) <- x$dimnames[[1L]] else dimnames(numbers) <- x$dimnames }
  numbers
}

take <- function(x, index, ctx, expr) {
  if (!is_node(x) && !is_parts(x)) return(do.call(as.character(expr[[1L]]), c(list(x), index), quote = TRUE))
  n <- if (is_parts(x)) length(x$parts) else x$len
  if (length(index) == 1L && identical(index[[1L]], quote(expr = ))) return(if (is_parts(x)) join_parts(x, ctx) else x)
  i <- if (length(index) == 1L) index[[1L]]
  if (is.numeric(i) && length(i) == 1L && !is.na(i) && i >= 1 && i <= n && is.null(x$dim)) {
    at <- as.integer(i)
    dim <- NULL
  } else {
    at <- tryCatch(do.call(`[`, c(list(element_numbers(x)), index), quote = TRUE), error = function(e) NA)
    dim <- dim(at)
  }
  if (anyNA(at)) {
    fail(ctx, sprintf("The index in `%s` runs outside `%s`, which has %s.", statement_text(expr),
                      statement_text(expr[[2L]]), if (is.null(x$dim)) sprintf("%d element%s", n, if (n == 1L) "" else "s") else paste("shape", shape_text(x))))
  }
  if (is_parts(x)) return(take_parts(x, at, dim, ctx))
  if (length(at) == 1L && n == 1L) return(with_dim(x, dim))
  if (length(at) == 1L && node_op(ctx$b, x) == "concat") {
    args <- node_args(ctx$b, x)
    if (length(args) == n) return(element_at(ctx$b, args[at]))
  }
  add_gather(ctx$b, x, as.vector(at), dim)
}

# A node of one element; a constant is a number again.
element_at <- function(b, id) {
  node <- node_at(b, id)
  if (node_op(b, node) == "const") b$constants[[b$ints[[id + 1L]] + 1L]] else node
}

# ---- vectors filled element by element ------------------------------------------------------------------

# `x[i] <- expression` in a loop: the elements stand in a list until the vector is read whole.
is_parts <- function(x) inherits(x, "fr_parts")
new_parts <- function(parts, dim = NULL, dimnames = NULL) {
  structure(list(parts = parts, dim = dim, dimnames = dimnames), class = "fr_parts")
}

join_parts <- function(x, ctx) {
  hole <- which(vapply(x$parts, is.null, NA))
  if (length(hole)) fail(ctx, sprintf("A vector filled element by element is read whole, but element %d was never assigned.", hole[1L]))
  args <- vapply(x$parts, function(p) as_node(p, ctx)$id, 0L)
  add_node(ctx$b, "concat", length(args), args, dim = x$dim)
}

take_parts <- function(x, at, dim, ctx) {
  picked <- x$parts[at]
  hole <- which(vapply(picked, is.null, NA))
  if (length(hole)) fail(ctx, sprintf("Element %d is read before it is assigned.", at[hole[1L]]))
  if (length(picked) == 1L) return(picked[[1L]])
  join_parts(new_parts(picked, dim), ctx)
}

# The single elements of a value.
split_value <- function(x, ctx) {
  if (is_parts(x)) return(x$parts)
  if (!is_node(x)) return(as.list(as.vector(as_numeric_value(x, ctx))))
  if (x$len == 1L) return(list(with_dim(x, NULL)))
  lapply(seq_len(x$len), function(i) take(with_dim(x, NULL), list(i), ctx, quote(x[i])))
}
