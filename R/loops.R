# Loops whose iterations look alike.
#
# A loop is traced: its body is compiled once, with the loop's variable standing for all its values. A value is then
#   an R value or a node from outside: the same in all iterations;
#   a stream: data that differs between iterations, evaluated by R for each;
#   a node of the body. One that depends on no earlier iteration and is elementwise becomes an operation on a vector
#   with all iterations in it (an "along" input of the body), as if the user had written the loop as a vector; only what is left
#   is run iteration by iteration, as the body of one scan node (src/core/scan.h).
# Names that the body assigns live in memory, see loop_memory.R. A loop that cannot be traced is unrolled, so that tracing
# decides nothing about what a model means; `if` on data that differs between iterations splits the loop.

# Loops shorter than this are unrolled.
shortest_traced_loop <- 8L
# Iterations of inner loops, unrolled inside a traced body.
most_inner_iterations <- 200L
most_segments <- 20L
# Iterations of all loops of a model, and of those that are unrolled: more would take minutes.
most_iterations <- 1e6
most_unrolled <- 1e5

compile_for <- function(s, ctx) {
  over <- eval_expr(s[[3L]], ctx)
  if (is_node(over)) fail(ctx, "The loop runs over a latent value: its range must be data.")
  if (is_stream(over)) abort_trace("the range of an inner loop differs between iterations")
  name <- as.character(s[[2L]])
  if (exists(name, ctx$latent, inherits = FALSE) || exists(name, ctx$values, inherits = FALSE)) {
    fail(ctx, sprintf("`%s` is a site or a value of the model: give the loop's variable another name.", name))
  }
  compile_loop(name, over, s[[4L]], ctx)
}

compile_loop <- function(name, over, body, ctx, part = FALSE) {
  if (is.null(ctx$trace) && !part) {
    ctx$iterations <- ctx$iterations + length(over)
    if (ctx$iterations > most_iterations) fail_long_loop(ctx, name, ctx$iterations, "are compiled", most_iterations)
  }
  if (is.null(ctx$trace) && length(over) >= ctx$trace_from && is.numeric(over) && !is.object(over)) {
    outcome <- trace_loop(name, over, body, ctx, part)
    if (isTRUE(outcome)) return()
    if (is.integer(outcome)) {
      segment <- findInterval(seq_along(over), outcome)
      for (k in seq_along(outcome)) compile_loop(name, over[segment == k], body, ctx, TRUE)
      return()
    }
  }
  unroll_loop(name, over, body, ctx)
}

fail_long_loop <- function(ctx, name, n, what, most) {
  fail(ctx, sprintf("With the loop over `%s`, %s iterations %s, above %s, the most that can be.", name, big(n), what, big(most)),
       "Write it on whole vectors: `y ~ normal(mu[group], sigma)` in place of `y[i] ~ normal(mu[group[i]], sigma)` for each i.")
}

unroll_loop <- function(name, over, body, ctx) {
  trace <- ctx$trace
  if (is.null(trace)) {
    ctx$one_by_one <- ctx$one_by_one + length(over)
    if (ctx$one_by_one > most_unrolled) {
      why <- utils::tail(c("they are not alike", ctx$unrolled), 1L)
      fail_long_loop(ctx, name, ctx$one_by_one, sprintf("are compiled one by one (%s)", why), most_unrolled)
    }
  }
  if (!is.null(trace)) {
    trace$inner <- trace$inner + length(over)
    if (trace$inner > most_inner_iterations) abort_trace("its inner loops are long")
    if (name %in% trace$varying) abort_trace("an inner loop assigns a name that varies")
  }
  outer <- ctx$loop
  ctx$loop <- new.env(parent = outer)
  on.exit(ctx$loop <- outer)
  for (i in over) {
    assign(name, i, ctx$loop)
    compile_body(body, ctx)
  }
}

# ---- a trace, and going back to where it started ------------------------------------------------------------------

abort_trace <- function(why) stop(structure(class = c("fr_untraced", "error", "condition"), list(message = why, call = NULL)))

split_trace <- function(starts) stop(structure(class = c("fr_split", "condition"), list(starts = starts, message = "", call = NULL)))

# TRUE: done; FALSE: it must be unrolled; integers: where the segments start that must be compiled one by one.
trace_loop <- function(name, over, body, ctx, part) {
  saved <- save_compilation(ctx)
  outcome <- tryCatch({
    trace <- new_trace(name, over, body, ctx, part)
    ctx$trace <- trace
    ctx$b <- trace$body
    compile_body(body, ctx)
    finish_trace(trace, ctx)
    TRUE
  }, fr_split = function(e) e$starts, error = function(e) conditionMessage(e))
  if (isTRUE(outcome)) return(TRUE)
  restore_compilation(ctx, saved)
  if (is.integer(outcome) && length(outcome) <= most_segments) return(outcome)
  ctx$unrolled <- c(ctx$unrolled, if (is.character(outcome)) outcome else "its conditions change often")
  FALSE
}

saved_fields <- c("b", "sites", "observed", "deterministic", "seen", "messages", "number", "statement", "loop")

save_compilation <- function(ctx) {
  list(builder = as.list(ctx$b, all.names = TRUE), latent = as.list(ctx$latent, all.names = TRUE), values = as.list(ctx$values, all.names = TRUE),
       fields = mget(saved_fields, envir = ctx))
}

restore_compilation <- function(ctx, saved) {
  list2env(saved$fields, envir = ctx)
  ctx$trace <- NULL
  list2env(saved$builder, envir = ctx$b)
  for (where in c("latent", "values")) {
    env <- ctx[[where]]
    rm(list = ls(env, all.names = TRUE), envir = env)
    list2env(saved[[where]], envir = env)
  }
}

new_trace <- function(name, over, body, ctx, part) {
  trace <- new.env(parent = emptyenv())
  trace$name <- name
  trace$over <- over
  trace$n <- length(over)
  trace$outer <- ctx$b
  trace$body <- loop_builder(ctx$b, trace$n)
  trace$assigned <- unique(assigned_names(body))
  trace$varying <- c(name, trace$assigned)
  if (name %in% trace$assigned) abort_trace("it assigns its own variable")
  trace$current <- new.env(parent = emptyenv())  # names assigned whole in this iteration
  trace$memory <- new.env(parent = emptyenv())
  trace$exports <- list()
  trace$queue <- list()
  trace$inner <- 0L
  trace$part <- part
  inside <- part || !identical(ctx$loop, ctx$data)
  trace$used_after <- if (inside) trace$assigned else names_used_elsewhere(trace$assigned, body, ctx)
  trace
}

assigned_names <- function(expr) {
  if (!is.call(expr)) return(character())
  if (statement_head(expr) %in% c("<-", "=")) {
    left <- expr[[2L]]
    return(if (is.call(left)) as.character(left[[2L]]) else as.character(left))
  }
  unlist(lapply(as.list(expr)[-1L], function(e) if (missing(e)) character() else assigned_names(e)))
}

names_used_elsewhere <- function(names, body, ctx) {
  count <- function(expr) table(factor(all.names(expr, functions = FALSE, unique = FALSE), names))
  union(names[count(ctx$model) > count(body)], intersect(names, ctx$keep))
}

# ---- the body's builder --------------------------------------------------------------------------------------------

loop_builder <- function(outer, n) {
  b <- new_builder()
  b$outer <- outer
  b$n_iterations <- n
  b$source <- list()  # by node: the node outside that an input stands for
  b$inputs <- list()  # nodes of inputs, by the key of what they stand for
  b
}

# The body's node for a node from outside: the same in all iterations or, `along`, with one row an iteration.
loop_input <- function(b, node, along = FALSE, dim = if (!along) node$dim) {
  key <- paste(node$id, along)
  if (is.null(b$inputs[[key]])) {
    len <- if (along) node$len %/% b$n_iterations else node$len
    b$inputs[[key]] <- add_plain_node(b, "scan_input", len)
    b$source[b$inputs[[key]]$id + 1L] <- list(list(id = node$id, len = node$len, along = along))
  }
  input <- b$inputs[[key]]
  input$dim <- dim
  if (!along) input$dimnames <- node$dimnames
  input
}

source_of <- function(b, id) if (id < length(b$source)) b$source[[id + 1L]]

# An elementwise operation on inputs of which some run along the loop: one operation on vectors outside.
add_along <- function(b, op, args, dim) {
  if (!elementwise_arity(op)) return(NULL)
  sources <- lapply(args, source_of, b = b)
  if (any(vapply(sources, is.null, NA))) return(NULL)
  along <- vapply(sources, `[[`, NA, "along")
  lens <- b$len[args + 1L]
  ids <- vapply(sources, `[[`, 0L, "id")
  data <- b$outer$op[ids + 1L] == b$codes[["const"]]
  if (!any(along) || all(data) || any(lens[!along] != 1L) || any(lens[along] != max(lens))) return(NULL)
  loop_input(b, add_node(b$outer, op, max(lens) * b$n_iterations, ids), TRUE, dim)
}

# ---- expressions --------------------------------------------------------------------------------------------------------

is_stream <- function(x) inherits(x, "fr_stream")
new_stream <- function(items) structure(list(items = items), class = "fr_stream")

# Something done by the compiler outside the traced loop.
outside <- function(ctx, what) {
  trace <- ctx$trace
  ctx$trace <- NULL
  ctx$b <- trace$outer
  on.exit({ ctx$trace <- trace; ctx$b <- trace$body })
  what()
}

trace_expr <- function(expr, ctx) {
  trace <- ctx$trace
  if (!is.symbol(expr) && !is.call(expr)) return(expr)
  names <- all.vars(expr)
  if (!any(names %in% trace$varying)) {
    value <- outside(ctx, function() eval_expr(expr, ctx))
    return(if (is_node(value)) loop_input(trace$body, value) else value)
  }
  if (is.symbol(expr)) return(trace_symbol(names, ctx))
  if (!any(vapply(names, is_traced_latent, NA, ctx))) return(trace_data(expr, names, ctx))
  head <- statement_head(expr)
  if (head == "[" || head == "[[") return(trace_index(expr, ctx))
  args <- lapply(as.list(expr)[-1L], function(e) {
    x <- trace_expr(e, ctx)
    if (is_stream(x)) stream_node(x, ctx) else x
  })
  eval_call(expr, args, ctx)
}

is_traced_latent <- function(name, ctx) {
  trace <- ctx$trace
  if (name == trace$name) return(FALSE)
  if (!name %in% trace$assigned) return(exists(name, ctx$latent, inherits = FALSE))
  if (!exists(name, trace$current, inherits = FALSE)) return(TRUE)
  is_node(trace$current[[name]]) || is_parts(trace$current[[name]])
}

trace_symbol <- function(name, ctx) {
  trace <- ctx$trace
  if (name == trace$name) return(new_stream(trace$over))
  if (exists(name, trace$current, inherits = FALSE)) {
    value <- trace$current[[name]]
    return(if (is_parts(value)) join_parts(value, ctx) else value)
  }
  load_whole(memory_of(name, ctx), ctx)
}

# Data that differs between iterations: evaluated by R for each.
trace_data <- function(expr, names, ctx) {
  trace <- ctx$trace
  env <- new.env(parent = ctx$loop)
  varying <- list()
  for (name in intersect(names, trace$varying)) {
    value <- if (name == trace$name) new_stream(trace$over) else trace$current[[name]]
    if (is_stream(value)) varying[[name]] <- value$items else assign(name, value, env)
  }
  items <- vector("list", trace$n)
  items <- without_overflow(expr, ctx, {
    for (t in seq_len(trace$n)) {
      for (name in names(varying)) assign(name, varying[[name]][[t]], env)
      value <- eval(expr, env)
      if (is.null(value) || is.function(value)) abort_trace("an expression of data has no value")
      items[[t]] <- value
    }
    items
  })
  simple <- all(lengths(items) == 1L) && all(vapply(items, function(x) is.atomic(x) && is.null(attributes(x)), NA))
  new_stream(if (simple) unlist(items, use.names = FALSE) else items)
}

# A stream as numbers, iteration after iteration, and the length of each.
stream_values <- function(stream, ctx) {
  items <- stream$items
  if (is.list(items)) {
    if (any(vapply(items, is.object, NA)) || length(unique(lengths(items))) != 1L) abort_trace("data changes its length or has a class")
    dim <- dim(items[[1L]])
    items <- unlist(lapply(items, as.vector), use.names = FALSE)
  } else {
    dim <- NULL
  }
  if (!is.numeric(items) && !is.logical(items)) abort_trace("data is not numeric")
  list(values = as.double(items), dim = dim)
}

stream_node <- function(stream, ctx) {
  x <- stream_values(stream, ctx)
  loop_input(ctx$trace$body, add_constant(ctx$trace$outer, x$values), TRUE, x$dim)
}

# ---- indexing -------------------------------------------------------------------------------------------------------------

trace_indices <- function(exprs, ctx) {
  lapply(exprs, function(e) {
    if (identical(e, quote(expr = ))) return(e)
    i <- trace_expr(e, ctx)
    if (is_node(i)) abort_trace("an index depends on a latent")
    if (is.factor(i)) as.integer(i) else i
  })
}

trace_index <- function(expr, ctx) {
  trace <- ctx$trace
  source <- expr[[2L]]
  name <- if (is.symbol(source)) as.character(source) else ""
  index <- trace_indices(as.list(expr)[-(1:2)], ctx)
  known <- exists(name, trace$current, inherits = FALSE)
  if (name %in% trace$assigned && !known) return(load_elements(memory_of(name, ctx), index, ctx))
  x <- if (known) trace$current[[name]] else trace_expr(source, ctx)
  if (!any(vapply(index, is_stream, NA)) && !is_stream(x)) return(take(x, index, ctx, expr))
  from <- if (is_node(x)) source_of(trace$body, x$id)
  if (is.null(from) || from$along) abort_trace("an index differs between iterations, and so does what it takes elements of")
  at <- index_numbers(x, index, trace$n)
  along_elements(from, at, ctx)
}

# Elements of a node outside, other ones in each iteration.
along_elements <- function(from, at, ctx) {
  outer <- ctx$trace$outer
  whole <- identical(as.integer(at$numbers), seq_len(from$len))
  node <- new_node(from$id, from$len)
  if (!whole) node <- add_gather(outer, node, as.vector(at$numbers))
  loop_input(ctx$trace$body, node, TRUE, at$dim)
}

# The numbers of the elements that an index takes: one column an iteration. `open`: a vector whose length is not known yet.
index_numbers <- function(x, index, n, open = FALSE) {
  simple <- all(vapply(index, is_simple_index, NA)) && is.null(names(index))
  if (simple && length(index) == max(1L, length(x$dim))) {
    at <- lapply(index, function(i) rep_len(as.integer(if (is_stream(i)) i$items else i), n))
    if (anyNA(unlist(at)) || any(unlist(at) < 1L)) abort_trace("an index is not positive")
    if (length(at) > 1L && any(mapply(function(i, d) any(i > d), at, x$dim))) abort_trace("an index runs outside")
    steps <- c(1L, cumprod(x$dim))[seq_along(at)]
    numbers <- 1L + Reduce(`+`, Map(function(i, step) (i - 1L) * as.integer(step), at, steps))
    if (!open && any(numbers > x$len)) abort_trace("an index runs outside")
    return(list(numbers = matrix(numbers, 1L), dim = NULL))
  }
  all <- if (!open) element_numbers(x)
  items <- lapply(seq_len(n), function(t) {
    i <- lapply(index, function(i) if (is_stream(i)) i$items[[t]] else i)
    if (!open) return(do.call(`[`, c(list(all), i), quote = TRUE))
    if (length(i) != 1L || !is.numeric(i[[1L]]) || anyNA(i[[1L]]) || any(i[[1L]] < 1)) abort_trace("an index is not positive")
    as.integer(i[[1L]])
  })
  if (length(unique(lengths(items))) != 1L || !length(items[[1L]]) || anyNA(unlist(items))) abort_trace("an index changes its length")
  list(numbers = matrix(as.integer(unlist(items)), ncol = n), dim = dim(items[[1L]]))
}

is_simple_index <- function(i) {
  if (identical(i, quote(expr = ))) return(FALSE)
  if (is_stream(i)) return(is.numeric(i$items))
  is.numeric(i) && length(i) == 1L && !is.object(i)
}

# ---- statements -----------------------------------------------------------------------------------------------------------

trace_if <- function(s, ctx) {
  test <- trace_expr(s[[2L]], ctx)
  if (is_stream(test)) {
    items <- test$items
    if (is.list(items) || anyNA(items)) abort_trace("a condition is not TRUE or FALSE")
    items <- as.logical(items)
    if (any(items != items[1L])) split_trace(which(c(TRUE, diff(items) != 0)))
    test <- items[1L]
  }
  if (!is.atomic(test) || length(test) != 1L || is.na(test)) abort_trace("a condition is not TRUE or FALSE")
  if (test) compile_body(s[[3L]], ctx) else if (length(s) == 4L) compile_body(s[[4L]], ctx)
}

trace_assign <- function(left, right, ctx) {
  if (is.call(left)) return(trace_assign_element(left, right, ctx))
  name <- as.character(left)
  check_assignable(name, ctx)
  value <- trace_expr(right, ctx)
  ctx$deterministic <- union(ctx$deterministic, name)
  assign(name, value, ctx$trace$current)
}

trace_assign_element <- function(left, right, ctx) {
  trace <- ctx$trace
  if (!identical(left[[1L]], as.name("[")) || !is.symbol(left[[2L]])) abort_trace("its left side is no name or element")
  name <- as.character(left[[2L]])
  check_assignable(name, ctx)
  index <- trace_indices(as.list(left)[-(1:2)], ctx)
  value <- trace_expr(right, ctx)
  ctx$deterministic <- union(ctx$deterministic, name)
  if (!exists(name, trace$current, inherits = FALSE)) return(store_elements(memory_of(name, ctx), index, value, ctx))
  if (any(vapply(index, is_stream, NA))) abort_trace("an element differs between iterations")
  old <- trace$current[[name]]
  if (is_stream(old)) old <- stream_node(old, ctx)
  if (is_stream(value)) value <- stream_node(value, ctx)
  data <- !is_node(value) && !is_node(old) && !is_parts(old)
  new <- if (data) fill_data(old, index, value, ctx) else fill_parts(old, index, value, ctx)
  assign(name, new, trace$current)
}

# What is known of a value outside the loop once the scan stands: a function that gives it, its length in one iteration,
# and whether it differs between iterations.
export_value <- function(x, ctx) {
  trace <- ctx$trace
  if (is_stream(x)) {
    v <- stream_values(x, ctx)$values
    return(list(get = function() v, k = length(v) %/% trace$n, varies = TRUE))
  }
  if (!is_node(x)) return(list(get = function() x, k = length(x), varies = FALSE))
  from <- source_of(trace$body, x$id)
  if (!is.null(from)) {
    node <- new_node(from$id, from$len, if (!from$along) x$dim)
    return(list(get = function() node, k = x$len, varies = from$along))
  }
  key <- as.character(x$id)
  if (is.null(trace$exports[[key]])) {
    store <- add_plain_node(trace$body, "scan_store", x$len, x$id, -1L)
    trace$exports[[key]] <- list(store = store$id, len = x$len)
  }
  list(get = function() trace$exports[[key]]$node, k = x$len, varies = TRUE)
}

later <- function(ctx, what) {
  statement <- ctx$statement
  number <- ctx$number
  ctx$trace$queue[[length(ctx$trace$queue) + 1L]] <- function() {
    ctx$statement <- statement
    ctx$number <- number
    what()
  }
}

trace_target <- function(s, ctx) {
  x <- export_value(trace_expr(s[[2L]], ctx), ctx)
  n <- ctx$trace$n
  later(ctx, function() {
    value <- x$get()
    if (!x$varies) value <- binary_any(ctx, "mul", value, as.double(n), "*")
    add_target(value, ctx)
  })
}

# `left ~ distribution(...)` in a loop is one statement on a vector with all iterations in it.
trace_sample <- function(s, ctx) {
  left <- s[[2L]]
  if (is.symbol(left) && !as.character(left) %in% ctx$trace$varying && is_new_site(as.character(left), ctx)) abort_trace("it states a site")
  x <- export_value(trace_expr(left, ctx), ctx)
  arguments <- export_dist(s[[3L]], ctx)
  n <- ctx$trace$n
  label <- statement_text(left)
  later(ctx, function() {
    k <- max(x$k, vapply(arguments$exports, `[[`, 0L, "k"))
    spread <- function(e) spread_export(e, n, k, ctx)
    where <- spread(x)
    where <- if (x$varies) where else repeat_value(where, n * k, ctx)
    assign(label, where, if (is_node(where)) ctx$latent else ctx$values)
    compile_sample(call("~", as.name(label), arguments$build(spread)), ctx)
    rm(list = label, envir = if (is_node(where)) ctx$latent else ctx$values)
  })
}

# One value an iteration stretched to k.
spread_export <- function(e, n, k, ctx) {
  value <- e$get()
  if (e$k == k && e$varies || e$k == 1L && !e$varies) return(value)
  if (e$varies) return(pick(ctx, value, rep(seq_len(n), each = k)))
  if (e$k != k) abort_trace("an argument does not fit the left side")
  pick(ctx, value, rep(seq_len(k), n))
}

repeat_value <- function(x, n, ctx) if (value_length(x) == n) x else pick(ctx, x, rep_len(seq_len(value_length(x)), n))

# The right side: `build(spread)` puts the call together from its exported arguments. Arguments that are not one number an
# observation (weights of a mixture, cutpoints) must be the same in all iterations and go in as they are.
export_dist <- function(call, ctx) {
  head <- statement_head(call)
  if (!nzchar(head)) abort_trace("its right side is no distribution")
  if (is_dist(head)) {
    dist <- dist_table()[[head]]
    if (dist$event != "scalar") abort_trace("it states vectors")
    args <- match_dist_args(head, call, function(...) abort_trace("arguments do not match"))
    scalar <- vapply(dist$args, function(a) a$event == "scalar", NA)
  } else {
    args <- as.list(call)[-1L]
    scalar <- rep(head != "mixture", length(args))
  }
  if ("dim" %in% names(args)) abort_trace("it gives `dim`")
  parts <- Map(function(e, one) {
    if (is.call(e) && (is_dist(statement_head(e)) || statement_head(e) %in% wrapper_names)) return(export_dist(e, ctx))
    value <- export_value(trace_expr(e, ctx), ctx)
    if (!one && value$varies) abort_trace("an argument that is a vector differs between iterations")
    list(export = value, scalar = one)
  }, args, scalar)
  exports <- unlist(lapply(unname(parts), function(p) if (!is.null(p$build)) p$exports else if (p$scalar) list(p$export)), recursive = FALSE)
  build <- function(spread) {
    values <- lapply(parts, function(p) if (!is.null(p$build)) p$build(spread) else if (p$scalar) spread(p$export) else p$export$get())
    as.call(c(as.name(head), values))
  }
  list(build = build, exports = if (is.null(exports)) list() else exports)
}

wrapper_names <- c("truncated", "censored", "mixture", "zero_inflated")
