# From a model and its data to a program: one statement after the other.

# A compiled model is a plain list: program; sites (latent, in the order in which they are stated); observed (statements
# on data); coord_names (d); terms (which site each term of the log density belongs to); kept (nodes of deterministic
# values to be shown).
compile_model <- function(model, data, keep = NULL, trace_from = shortest_traced_loop) {
  ctx <- new_context(model, data)
  ctx$keep <- keep
  ctx$trace_from <- trace_from
  with_nesting_message(compile_statements(as.list(model$statements)[-1L], ctx))
  if (!length(ctx$sites)) {
    stop("The model has no latent site: every name on the left of `~` is in the data, so there is nothing to fit.", call. = FALSE)
  }
  ctx$statement <- NULL
  kept <- kept_nodes(ctx, keep)
  with_nesting_message(check_unused(ctx))
  structure(list(
    program = finish_program(ctx$b), sites = ctx$sites, observed = ctx$observed,
    coord_names = unlist(lapply(ctx$sites, `[[`, "coord_names"), use.names = FALSE),
    terms = ctx$b$terms, kept = kept, messages = ctx$messages, unrolled = ctx$unrolled
  ), class = "fullrank_compiled")
}

# Deterministic values that nothing reads.
check_unused <- function(ctx) {
  unused <- setdiff(ctx$deterministic, c(names_read(ctx$model), ctx$keep))
  if (!length(unused)) return()
  ctx$messages <- c(ctx$messages, sprintf("%s %s defined but never used; keep = shows deterministic values in draws and summaries.",
                                          enumerate(unused), if (length(unused) == 1L) "is" else "are"))
}

# Names that are read anywhere: all but those that an assignment is to.
names_read <- function(expr) {
  found <- list()
  while (is.call(expr)) { # down the first parts in a loop, see eval_expr()
    parts <- as.list(expr)[-1L]
    if (statement_head(expr) %in% c("<-", "=") && length(parts) == 2L) {
      parts <- if (is.call(parts[[1L]])) c(as.list(parts[[1L]])[-(1:2)], parts[[2L]]) else parts[2L]
    }
    parts <- Filter(function(e) !identical(e, quote(expr = )), parts)
    found <- c(lapply(parts[-1L], names_read), found)
    expr <- if (length(parts)) parts[[1L]]
  }
  unique(unlist(c(if (is.symbol(expr)) as.character(expr), found)))
}

new_context <- function(model, data) {
  ctx <- new.env(parent = emptyenv())
  ctx$b <- new_builder()
  ctx$values <- new.env(parent = list2env(data_functions, parent = model$env))
  ctx$data <- list2env(data_list(data), parent = ctx$values)
  ctx$loop <- ctx$data
  ctx$latent <- new.env(parent = emptyenv())
  ctx$deterministic <- character()
  ctx$sites <- ctx$observed <- list()
  ctx$model <- model$statements
  ctx$stated <- stated_names(model$statements)
  ctx$seen <- character()
  ctx$messages <- character()
  ctx$number <- 0L
  ctx$iterations <- ctx$one_by_one <- 0
  ctx$statement <- NULL
  ctx
}

data_list <- function(data) {
  if (is.null(data)) return(list())
  if (inherits(data, "fullrank_no_data")) needs_data(data)
  if (is.environment(data)) data <- as.list(data, all.names = TRUE)
  if (!is.list(data)) stop(sprintf("`data` must be a data frame, a list or an environment, not %s.", class(data)[1L]), call. = FALSE)
  data <- as.list(data)
  if (length(data) && (is.null(names(data)) || any(!nzchar(names(data))))) stop("Every element of `data` needs a name.", call. = FALSE)
  twice <- names(data)[duplicated(names(data))]
  if (length(twice)) stop(sprintf("`data` has more than one element named `%s`.", twice[1L]), call. = FALSE)
  data
}

# Names on the left of a `~`, anywhere in the model: for messages about names stated too late.
stated_names <- function(expr) {
  if (!is.call(expr)) return(character())
  if (statement_head(expr) == "~" && length(expr) == 3L) return(if (is.symbol(expr[[2L]])) as.character(expr[[2L]]) else character())
  unlist(lapply(as.list(expr)[-1L], function(e) if (missing(e)) character() else stated_names(e)))
}

compile_statements <- function(statements, ctx) {
  for (s in statements) {
    ctx$number <- ctx$number + 1L
    ctx$statement <- s
    switch(statement_head(s),
      "~" = if (is.null(ctx$trace)) compile_sample(s, ctx) else trace_sample(s, ctx),
      "<-" = , "=" = compile_assign(s[[2L]], s[[3L]], ctx),
      target = compile_target(s, ctx),
      "for" = compile_for(s, ctx),
      "if" = compile_if(s, ctx),
      "{" = { ctx$number <- ctx$number - 1L; compile_statements(as.list(s)[-1L], ctx) },
      fail(ctx, "This is no statement of the model language.",
           "A statement is `name ~ distribution(...)`, `name <- expression`, `target(expression)`, `for` or `if`.")
    )
  }
}

compile_body <- function(body, ctx) {
  number <- ctx$number
  compile_statements(if (statement_head(body) == "{") as.list(body)[-1L] else list(body), ctx)
  ctx$number <- number
}

compile_if <- function(s, ctx) {
  if (!is.null(ctx$trace)) return(trace_if(s, ctx))
  test <- if (mentions_latent(s[[2L]], ctx)) eval_expr(s[[2L]], ctx) else eval_data(s[[2L]], ctx)
  if (is_node(test)) fail(ctx, "The condition depends on a latent: the log density would jump there. A condition must be data.")
  if (!(is.logical(test) || is.numeric(test)) || length(test) != 1L || is.na(test)) fail(ctx, sprintf("The condition must be TRUE or FALSE, not %s.", statement_text(test)))
  if (test) compile_body(s[[3L]], ctx) else if (length(s) == 4L) compile_body(s[[4L]], ctx)
}

compile_target <- function(s, ctx) {
  if (length(s) != 2L) fail(ctx, "`target()` takes one expression.")
  if (!is.null(ctx$trace)) return(trace_target(s, ctx))
  add_target(eval_expr(s[[2L]], ctx), ctx)
}

add_target <- function(x, ctx) {
  if (!is_node(x)) {
    x <- sum(as_numeric_value(x, ctx))
  } else if (node_op(ctx$b, x) == "sum") {
    x <- node_at(ctx$b, node_args(ctx$b, x))
  }
  add_node(ctx$b, "target", 1L, as_node(x, ctx)$id, add_term(ctx$b, "target"))
}

# ---- assignment ---------------------------------------------------------------------------------------------

compile_assign <- function(left, right, ctx) {
  if (!is.null(ctx$trace)) return(trace_assign(left, right, ctx))
  if (is.call(left)) return(compile_assign_element(left, right, ctx))
  if (!is.symbol(left) && !is.character(left)) fail(ctx, "The left side of `<-` must be a name or an element of one, `x[i]`.")
  name <- as.character(left)
  check_assignable(name, ctx)
  value <- eval_expr(right, ctx)
  ctx$deterministic <- union(ctx$deterministic, name)
  assign_value(name, value, ctx)
}

check_assignable <- function(name, ctx) {
  if (exists(name, ctx$data, inherits = FALSE)) fail(ctx, sprintf("`%s` is in the data: give the deterministic value another name.", name))
  if (name %in% names(ctx$sites)) fail(ctx, sprintf("`%s` is a site: give the deterministic value another name.", name))
  loop <- ctx$loop
  while (!identical(loop, ctx$data)) {
    if (exists(name, loop, inherits = FALSE)) {
      fail(ctx, sprintf("`%s` is the variable of a loop: give the deterministic value another name.", name))
    }
    loop <- parent.env(loop)
  }
}

assign_value <- function(name, value, ctx) {
  latent <- is_node(value) || is_parts(value)
  other <- if (latent) ctx$values else ctx$latent
  assign(name, value, if (latent) ctx$latent else ctx$values)
  if (exists(name, other, inherits = FALSE)) rm(list = name, envir = other)
}

# x[i] <- value. A vector of data stays R's; one with latent elements is a list of elements.
compile_assign_element <- function(left, right, ctx) {
  if (!identical(left[[1L]], as.name("[")) || !is.symbol(left[[2L]])) {
    fail(ctx, "The left side of `<-` must be a name or an element of one, `x[i]`.")
  }
  name <- as.character(left[[2L]])
  check_assignable(name, ctx)
  index <- lapply(as.list(left)[-(1:2)], function(e) if (identical(e, quote(expr = ))) e else eval_expr(e, ctx))
  if (any(vapply(index, is_node, NA))) fail(ctx, "The index on the left depends on a latent: an index must be data.")
  value <- eval_expr(right, ctx)
  ctx$deterministic <- union(ctx$deterministic, name)
  old <- if (exists(name, ctx$latent, inherits = FALSE)) ctx$latent[[name]] else ctx$values[[name]]
  if (!is_node(value) && !is_node(old) && !is_parts(old)) {
    return(assign_value(name, fill_data(old, index, value, ctx), ctx))
  }
  assign_value(name, fill_parts(old, index, value, ctx), ctx)
}

fill_data <- function(old, index, value, ctx) {
  wrong <- function(e) fail(ctx, conditionMessage(e))
  tryCatch(do.call(`[<-`, c(list(if (is.null(old)) numeric() else old), index, list(value)), quote = TRUE), error = wrong, warning = wrong)
}

fill_parts <- function(old, index, value, ctx) {
  x <- if (is_parts(old)) old else new_parts(if (is.null(old)) list() else split_value(old, ctx), value_dim(old))
  i <- index[[1L]]
  if (length(index) == 1L && is.numeric(i) && length(i) == 1L && !is.na(i) && i >= 1 && value_length(value) == 1L) {
    if (is_node(value)) value <- with_dim(value, NULL)
    if (i > length(x$parts)) length(x$parts) <- checked_length(i, ctx)
    x$parts[[i]] <- value
    return(x)
  }
  at <- if (is.null(x$dim) && length(index) == 1L && is.numeric(i) && !any(i < 0, na.rm = TRUE)) i else do.call(`[`, c(list(element_numbers(x)), index), quote = TRUE)
  if (anyNA(at) || any(at < 1)) fail(ctx, "The index on the left runs outside the array.")
  values <- split_value(value, ctx)
  if (!length(values) || length(at) %% length(values)) fail(ctx, sprintf("%d values do not fill %d elements.", length(values), length(at)))
  if (max(at) > length(x$parts)) length(x$parts) <- checked_length(max(at), ctx)
  x$parts[at] <- rep_len(values, length(at))
  x
}

# Element by element each takes memory of its own.
most_parts <- 1e7

checked_length <- function(n, ctx) {
  if (n > most_parts) fail(ctx, sprintf("The index on the left, %s, is above %s, the most elements that can be assigned one by one.", big(n), big(most_parts)))
  n
}

# ---- deterministic values on request ---------------------------------------------------------------------------

kept_nodes <- function(ctx, keep) {
  out <- list()
  for (name in keep) {
    if (!name %in% ctx$deterministic) {
      stop(sprintf("`keep` names `%s`, which is no deterministic value of the model%s", name,
                   if (length(ctx$deterministic)) sprintf(": it has %s.", enumerate(ctx$deterministic)) else "."), call. = FALSE)
    }
    if (!exists(name, ctx$latent, inherits = FALSE)) {
      stop(sprintf("`keep` names `%s`, which depends on no latent: it is the same in every draw.", name), call. = FALSE)
    }
    node <- read_latent(ctx$latent[[name]], ctx)
    out[[name]] <- list(name = name, id = node$id, dim = site_dim(node), length = node$len,
                        labels = element_labels(name, site_dim(node), node$dimnames))
  }
  out
}

site_dim <- function(node) if (!is.null(node$dim)) as.integer(node$dim) else if (node$len == 1L) integer() else node$len

# theta, theta[1], L[2,1], theta[level]: posterior's names, column-major.
element_labels <- function(name, dim, dimnames = NULL) {
  if (!length(dim)) return(name)
  if (!prod(dim)) return(character())
  parts <- lapply(seq_along(dim), function(k) if (is.null(dimnames[[k]])) as.character(seq_len(dim[k])) else dimnames[[k]])
  paste0(name, "[", do.call(paste, c(expand.grid(parts, stringsAsFactors = FALSE), sep = ",")), "]")
}
