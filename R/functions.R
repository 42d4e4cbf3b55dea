# The functions that values depending on a latent may go through: R's own names, meaning and recycling.
# Each takes the compilation's state and evaluated arguments (R values or nodes) and returns a node or a value.

language <- new.env(parent = emptyenv())

local({
  elementwise <- c(
    "exp", "expm1", "sqrt", "abs", "tanh", "sin", "cos", "atan", "lgamma", "digamma"
  )
  for (name in elementwise) {
    language[[name]] <- local({
      op <- name
      function(ctx, x) unary(ctx, op, x)
    })
  }
})

language$`(` <- function(ctx, x) x
language$`+` <- function(ctx, e1, e2) if (missing(e2)) e1 else binary(ctx, "add", e1, e2, "+")
language$`-` <- function(ctx, e1, e2) if (missing(e2)) unary(ctx, "neg", e1) else binary(ctx, "sub", e1, e2, "-")
language$`*` <- function(ctx, e1, e2) binary(ctx, "mul", e1, e2, "*")
language$`/` <- function(ctx, e1, e2) binary(ctx, "div", e1, e2, "/")
language$`^` <- function(ctx, e1, e2) {
  if (!is_node(e2) && length(e2) == 1L) {
    if (identical(as.double(e2), 1)) return(e1)
    if (identical(as.double(e2), 2)) return(unary(ctx, "square", e1))
    if (identical(as.double(e2), 0.5)) return(unary(ctx, "sqrt", e1))
  }
  binary(ctx, "pow", e1, e2, "^")
}

language$log <- function(ctx, x, base) {
  y <- unary_any(ctx, "log", x)
  if (missing(base)) y else binary(ctx, "div", y, unary_any(ctx, "log", base), "/")
}
# log(1 + exp(x)) without overflow
language$log1p <- function(ctx, x) {
  if (node_op(ctx$b, x) != "exp") return(unary(ctx, "log1p", x))
  inner <- node_at(ctx$b, node_args(ctx$b, x))
  inner$dim <- x$dim
  unary(ctx, "softplus", inner)
}
language$log2 <- function(ctx, x) language$log(ctx, x, 2)
language$log10 <- function(ctx, x) language$log(ctx, x, 10)
language$plogis <- function(ctx, q, location = 0, scale = 1, lower.tail = TRUE, log.p = FALSE) {
  z <- standardised(ctx, q, location, scale, lower.tail)
  unary(ctx, if (plain_flag(log.p, "log.p")) "log_plogis" else "plogis", z)
}
language$qlogis <- function(ctx, p, location = 0, scale = 1) {
  x <- unary(ctx, "qlogis", p)
  if (!identical(scale, 1)) x <- binary(ctx, "mul", scale, x, "*")
  if (identical(location, 0)) x else binary(ctx, "add", location, x, "+")
}
language$pnorm <- function(ctx, q, mean = 0, sd = 1, lower.tail = TRUE, log.p = FALSE) {
  z <- standardised(ctx, q, mean, sd, lower.tail)
  unary(ctx, if (plain_flag(log.p, "log.p")) "log_pnorm" else "pnorm", z)
}

# (q - location) / scale; a symmetric distribution's upper tail is the lower tail of the negative.
standardised <- function(ctx, q, location, scale, lower.tail) {
  z <- if (identical(location, 0)) q else binary_any(ctx, "sub", q, location, "-")
  if (!identical(scale, 1)) z <- binary_any(ctx, "div", z, scale, "/")
  if (plain_flag(lower.tail, "lower.tail")) z else unary(ctx, "neg", z)
}

plain_flag <- function(x, name) {
  if (!is.logical(x) || length(x) != 1L || is.na(x)) stop(sprintf("`%s` must be TRUE or FALSE", name), call. = FALSE)
  x
}
language$beta <- function(ctx, a, b) {
  total <- unary_any(ctx, "lgamma", binary_any(ctx, "add", a, b, "+"))
  unary(ctx, "exp", binary_any(ctx, "sub", binary_any(ctx, "add", unary_any(ctx, "lgamma", a), unary_any(ctx, "lgamma", b), "+"), total, "-"))
}
language$pmin <- function(ctx, ..., na.rm = FALSE) Reduce(function(a, b) binary_any(ctx, "min", a, b, "pmin"), list(...))
language$pmax <- function(ctx, ..., na.rm = FALSE) Reduce(function(a, b) binary_any(ctx, "max", a, b, "pmax"), list(...))

# For arguments of which some may be data: R does what needs no node.
unary_any <- function(ctx, op, x) {
  if (is_node(x)) return(unary(ctx, op, x))
  get(op, baseenv())(x)
}
binary_any <- function(ctx, op, a, b, symbol) {
  if (is_node(a) || is_node(b)) return(binary(ctx, op, a, b, symbol))
  switch(op, add = a + b, sub = a - b, mul = a * b, div = a / b, min = pmin(a, b), max = pmax(a, b))
}

# ---- reductions -----------------------------------------------------------------------------------------

reduce_to_one <- function(ctx, op, x) {
  if (!is_node(x)) return(switch(op, sum = sum(x), prod = prod(x), log_sum_exp = max(x) + log(sum(exp(x - max(x))))))
  if (x$len == 1L) return(with_dim(x, NULL))
  if (x$len == 0L && op != "sum" && op != "prod") stop("its argument is empty", call. = FALSE)
  add_node(ctx$b, op, 1L, x$id)
}

language$sum <- function(ctx, ..., na.rm = FALSE) reduce_to_one(ctx, "sum", join(ctx, list(...)))
language$prod <- function(ctx, ..., na.rm = FALSE) reduce_to_one(ctx, "prod", join(ctx, list(...)))
language$mean <- function(ctx, x, na.rm = FALSE) binary(ctx, "div", reduce_to_one(ctx, "sum", x), value_length(x), "/")
language$log_sum_exp <- function(ctx, ...) reduce_to_one(ctx, "log_sum_exp", join(ctx, list(...)))
language$softmax <- function(ctx, x) unary(ctx, "exp", binary(ctx, "sub", x, reduce_to_one(ctx, "log_sum_exp", x), "-"))
language$dot <- function(ctx, x, y) reduce_to_one(ctx, "sum", binary(ctx, "mul", x, y, "dot"))
language$cumsum <- function(ctx, x) {
  x <- as_node(x, ctx)
  add_node(ctx$b, "cumsum", x$len, x$id)
}
language$max <- function(ctx, ..., na.rm = FALSE) reduce_to_one(ctx, "largest", join(ctx, list(...)))
language$min <- function(ctx, ..., na.rm = FALSE) reduce_to_one(ctx, "smallest", join(ctx, list(...)))

# Sums over some dimensions of an array: rows are what is before them, columns what is after.
sum_dim <- function(ctx, x, dims, rows, mean, symbol) {
  x <- as_node(x, ctx)
  d <- x$dim
  if (length(d) < 2L) stop("it takes a matrix or an array of at least two dimensions", call. = FALSE)
  if (!is.numeric(dims) || length(dims) != 1L || dims < 1 || dims >= length(d)) stop("`dims` does not fit the array", call. = FALSE)
  first <- as.integer(prod(d[seq_len(dims)]))
  last <- as.integer(x$len / max(first, 1L))
  shape <- if (rows) c(first, last, 1L) else c(1L, first, last)
  kept <- if (rows) d[seq_len(dims)] else d[-seq_len(dims)]
  node <- add_node(ctx$b, "sum_dim", prod(kept), x$id, shape, if (length(kept) > 1L) kept)
  if (mean) binary(ctx, "div", node, as.double(shape[2L]), symbol) else node
}
language$rowSums <- function(ctx, x, na.rm = FALSE, dims = 1L) sum_dim(ctx, x, dims, TRUE, FALSE, "rowSums")
language$colSums <- function(ctx, x, na.rm = FALSE, dims = 1L) sum_dim(ctx, x, dims, FALSE, FALSE, "colSums")
language$rowMeans <- function(ctx, x, na.rm = FALSE, dims = 1L) sum_dim(ctx, x, dims, TRUE, TRUE, "rowMeans")
language$colMeans <- function(ctx, x, na.rm = FALSE, dims = 1L) sum_dim(ctx, x, dims, FALSE, TRUE, "colMeans")

# ---- shapes: plain R values --------------------------------------------------------------------------------

language$length <- function(ctx, x) value_length(x)
language$dim <- function(ctx, x) value_dim(x)
language$nrow <- language$NROW <- function(ctx, x) if (is.null(value_dim(x))) value_length(x) else value_dim(x)[1L]
language$ncol <- language$NCOL <- function(ctx, x) if (is.null(value_dim(x))) 1L else value_dim(x)[2L]
language$seq_along <- function(ctx, along.with) seq_len(value_length(along.with))

# ---- putting together and taking apart -----------------------------------------------------------------------

# All values one after the other.
join <- function(ctx, values) {
  values <- unname(values[vapply(values, value_length, 0L) > 0L])
  if (length(values) == 1L) return(values[[1L]])
  nodes <- lapply(values, as_node, ctx)
  add_node(ctx$b, "concat", sum(vapply(nodes, `[[`, 0L, "len")), vapply(nodes, `[[`, 0L, "id"))
}

language$c <- function(ctx, ...) {
  joined <- join(ctx, list(...))
  if (is_node(joined)) with_dim(joined, NULL) else as.vector(joined)
}
language$as.vector <- function(ctx, x) with_dim(x, NULL)
language$as.numeric <- language$as.vector

# Elements by number, of data or of a node.
pick <- function(ctx, x, at) if (is_node(x)) add_gather(ctx$b, x, at) else as.vector(as_numeric_value(x, ctx))[at]

# R's own function on the elements' numbers says where every element of the result comes from.
rearrange <- function(ctx, x, how) {
  at <- how(element_numbers(x))
  if (length(at) == x$len && all(at == seq_along(at))) return(with_dim(x, dim(at)))
  add_gather(ctx$b, x, as.vector(at), dim(at))
}

language$rep <- function(ctx, x, ...) rearrange(ctx, with_dim(x, NULL), function(i) rep(i, ...))
language$t <- function(ctx, x) rearrange(ctx, x, t)
language$rev <- function(ctx, x) rearrange(ctx, with_dim(x, NULL), rev)
language$matrix <- function(ctx, data, nrow, ncol, byrow = FALSE) {
  n <- value_length(data)
  if (missing(nrow) && missing(ncol)) { nrow <- n; ncol <- 1L }
  if (missing(nrow)) nrow <- ceiling(n / ncol)
  if (missing(ncol)) ncol <- ceiling(n / nrow)
  check_elements(as.double(nrow) * ncol)
  rearrange(ctx, with_dim(as_node(data, ctx), NULL), function(i) matrix(i, nrow, ncol, byrow))
}
language$array <- function(ctx, data, dim) {
  check_elements(prod(dim))
  rearrange(ctx, with_dim(as_node(data, ctx), NULL), function(i) array(i, dim))
}

bind <- function(ctx, values, how) {
  nodes <- lapply(unname(values), as_node, ctx)
  ends <- cumsum(vapply(nodes, `[[`, 0L, "len"))
  numbers <- Map(function(x, end) { i <- element_numbers(x); i[] <- i + end - x$len; i }, nodes, ends)
  all <- join(ctx, nodes)
  rearrange(ctx, all, function(i) unname(do.call(how, numbers)))
}
language$cbind <- function(ctx, ...) bind(ctx, list(...), cbind)
language$rbind <- function(ctx, ...) bind(ctx, list(...), rbind)

language$diag <- function(ctx, x, nrow) {
  if (length(x$dim) == 2L) return(rearrange(ctx, x, diag))
  n <- if (missing(nrow)) x$len else as.integer(nrow)
  check_elements(as.double(n) * n)
  x <- stretch(x, n, ctx)
  add_node(ctx$b, "scatter", n * n, x$id, add_index(ctx$b, seq(1L, by = n + 1L, length.out = n)), c(n, n))
}
language$outer <- function(ctx, X, Y, FUN = "*") {
  op <- c(`*` = "mul", `+` = "add", `-` = "sub", `/` = "div", `^` = "pow", pmin = "min", pmax = "max")
  op <- if (is.character(FUN) && length(FUN) == 1L) op[FUN] else NA
  if (is.na(op)) stop("the operation of outer() must be one of \"*\", \"+\", \"-\", \"/\", \"^\", \"pmin\", \"pmax\"", call. = FALSE)
  nx <- value_length(X); ny <- value_length(Y)
  check_elements(as.double(nx) * ny)
  a <- pick(ctx, X, rep(seq_len(nx), ny))
  b <- pick(ctx, Y, rep(seq_len(ny), each = nx))
  node <- binary(ctx, op, a, b, "outer")
  with_dim(node, as.integer(c(if (is.null(value_dim(X))) nx else value_dim(X), if (is.null(value_dim(Y))) ny else value_dim(Y))))
}
language$`%o%` <- function(ctx, X, Y) language$outer(ctx, X, Y)
language$ifelse <- function(ctx, test, yes, no) {
  if (is_node(test)) stop("its test depends on a latent; the log density would jump there", call. = FALSE)
  n <- length(test)
  both <- join(ctx, list(as_node(yes, ctx), as_node(no, ctx)))
  ny <- value_length(yes); nn <- value_length(no)
  if (anyNA(test)) stop("its test has missing values", call. = FALSE)
  at <- ifelse(test, rep_len(seq_len(ny), n), ny + rep_len(seq_len(nn), n))
  add_gather(ctx$b, both, at, dim(test))
}

# ---- matrix products -------------------------------------------------------------------------------------

as_matrix_shape <- function(x, column = TRUE) {
  d <- value_dim(x)
  if (length(d) == 2L) d else if (column) c(value_length(x), 1L) else c(1L, value_length(x))
}

matrix_product <- function(ctx, a, b, ta = FALSE, tb = FALSE, symbol = "%*%") {
  da <- as_matrix_shape(a); db <- as_matrix_shape(b)
  plain <- !ta && !tb
  # R's rule: a vector is a row or a column, whichever fits
  if (plain && is.null(value_dim(a))) da <- if (value_length(a) == db[1L] && !is.null(value_dim(b))) rev(da) else if (is.null(value_dim(b)) && value_length(a) == value_length(b)) rev(da) else da
  if (plain && is.null(value_dim(b)) && da[2L] != db[1L] && da[2L] == 1L) db <- rev(db)
  n <- if (ta) da[2L] else da[1L]
  k <- if (ta) da[1L] else da[2L]
  inner <- if (tb) db[2L] else db[1L]
  m <- if (tb) db[1L] else db[2L]
  if (k != inner) fail(ctx, sprintf("Shapes %s and %s do not conform in `%s`.", shape_text(a), shape_text(b), symbol))
  check_elements(as.double(n) * m)
  if (!is_node(a) && m == 1L && !tb && is.null(ctx$b$outer)) {
    x <- if (ta) t(matrix(as_numeric_value(a, ctx), da[1L])) else a
    x <- as_node(x, ctx)
    return(add_node(ctx$b, "matvec", n, c(x$id, as_node(b, ctx)$id), k, c(n, 1L)))
  }
  if (!is_node(b) && n == 1L && !ta && is.null(ctx$b$outer)) {
    # (a B)' = B' a'
    x <- matrix(as_numeric_value(b, ctx), db[1L])
    x <- as_node(if (tb) x else t(x), ctx)
    return(add_node(ctx$b, "matvec", m, c(x$id, as_node(a, ctx)$id), k, c(1L, m)))
  }
  add_node(ctx$b, "matmul", n * m, c(as_node(a, ctx)$id, as_node(b, ctx)$id), c(n, k, m, ta, tb), c(n, m))
}

language$`%*%` <- function(ctx, x, y) matrix_product(ctx, x, y)
language$crossprod <- function(ctx, x, y = x) matrix_product(ctx, x, y, ta = TRUE, symbol = "crossprod")
language$tcrossprod <- function(ctx, x, y = x) matrix_product(ctx, x, y, tb = TRUE, symbol = "tcrossprod")

# ---- factorisations and solves -------------------------------------------------------------------------------

square_matrix <- function(x, what) {
  d <- value_dim(x)
  if (is.null(d) && value_length(x) == 1L) d <- c(1L, 1L)
  if (length(d) != 2L || d[1L] != d[2L] || d[1L] == 0L)
    stop(sprintf("%s must be a square matrix, but its shape is %s", what, shape_text(x)), call. = FALSE)
  d[1L]
}

# Upper, as R's: A = R'R, of which A's upper triangle is read.
language$chol <- function(ctx, x) {
  n <- square_matrix(x, "its argument")
  add_node(ctx$b, "chol", n * n, as_node(x, ctx)$id, n, c(n, n))
}
language$log_det <- function(ctx, x) {
  n <- square_matrix(x, "its argument")
  add_node(ctx$b, "log_det", 1L, as_node(x, ctx)$id, n)
}

# Columns of a right-hand side with n rows.
right_columns <- function(b, n) {
  d <- value_dim(b)
  if (length(d) > 2L || (if (is.null(d)) value_length(b) else d[1L]) != n) {
    stop(sprintf("the matrix has %d rows, but the right-hand side has shape %s", n, shape_text(b)), call. = FALSE)
  }
  as.integer(value_length(b) / n)
}

language$solve <- function(ctx, a, b) {
  n <- square_matrix(a, "`a`")
  if (missing(b)) b <- diag(n)
  m <- right_columns(b, n)
  add_node(ctx$b, "solve", as.double(n) * m, c(as_node(a, ctx)$id, as_node(b, ctx)$id), c(n, m), if (!is.null(value_dim(b))) c(n, m))
}

solve_triangular <- function(ctx, r, x, k, upper.tri, transpose) {
  d <- if (is.null(value_dim(r)) && value_length(r) == 1L) c(1L, 1L) else value_dim(r)
  if (length(d) != 2L) stop(sprintf("its first argument must be a matrix, but its shape is %s", shape_text(r)), call. = FALSE)
  n <- as.integer(if (is.null(k)) d[2L] else k)
  dx <- if (is.null(value_dim(x))) c(value_length(x), 1L) else value_dim(x)
  if (is_node(k) || is.na(n) || n < 1L || n > min(d) || length(dx) != 2L || n > dx[1L]) {
    stop(sprintf("shapes %s and %s do not fit", shape_text(r), shape_text(x)), call. = FALSE)
  }
  m <- dx[2L]
  part <- function(x, d, cols) as_node(pick(ctx, x, as.vector(matrix(seq_len(prod(d)), d[1L])[seq_len(n), cols])), ctx)
  t <- if (d[1L] == n && d[2L] == n) as_node(r, ctx) else part(r, d, seq_len(n))
  rhs <- if (dx[1L] == n) as_node(x, ctx) else part(x, dx, seq_len(m))
  flags <- c(plain_flag(upper.tri, "upper.tri"), plain_flag(transpose, "transpose"))
  add_node(ctx$b, "solve_tri", as.double(n) * m, c(t$id, rhs$id), c(n, m, flags), if (!is.null(value_dim(x))) c(n, m))
}
language$backsolve <- function(ctx, r, x, k = NULL, upper.tri = TRUE, transpose = FALSE) solve_triangular(ctx, r, x, k, upper.tri, transpose)
language$forwardsolve <- function(ctx, l, x, k = NULL, upper.tri = FALSE, transpose = FALSE) solve_triangular(ctx, l, x, k, upper.tri, transpose)

# The functions of the table that R lacks, for expressions of data alone.
data_functions <- list(
  log_sum_exp = function(...) {
    x <- c(...)
    top <- max(x)
    if (is.finite(top)) top + log(sum(exp(x - top))) else top
  },
  softmax = function(x) {
    e <- exp(x - max(x))
    e / sum(e)
  },
  dot = function(x, y) {
    if (length(x) != length(y)) stop(sprintf("the lengths %d and %d differ", length(x), length(y)), call. = FALSE)
    sum(x * y)
  },
  log_det = function(x) as.numeric(determinant(as.matrix(x))$modulus)
)

# The table by topic, for the help page and for the message about a function that it does not have.
language_topics <- list(
  arithmetic = c("+", "-", "*", "/", "^", "("),
  `elementwise functions` = c("exp", "log", "log1p", "log2", "log10", "expm1", "sqrt", "abs", "plogis", "qlogis", "pnorm", "tanh", "sin", "cos", "atan", "lgamma", "digamma",
                              "beta", "pmax", "pmin", "ifelse"),
  `sums and the like` = c("sum", "mean", "prod", "cumsum", "max", "min", "log_sum_exp", "softmax", "dot", "rowSums", "colSums", "rowMeans", "colMeans"),
  `putting together and taking apart` = c("[", "[[", "c", "cbind", "rbind", "rep", "rev", "matrix", "array", "as.vector", "as.numeric"),
  matrices = c("%*%", "t", "crossprod", "tcrossprod", "outer", "%o%", "diag", "chol", "solve", "backsolve", "forwardsolve", "log_det"),
  sizes = c("length", "dim", "nrow", "ncol", "NROW", "NCOL", "seq_along")
)

language_names <- function() c(unlist(language_topics, use.names = FALSE))

language_help <- function() {
  lines <- vapply(names(language_topics), function(topic) {
    sprintf("* %s: %s", topic, paste0("`", language_topics[[topic]], "`", collapse = " "))
  }, "")
  paste(lines, collapse = "\n")
}
