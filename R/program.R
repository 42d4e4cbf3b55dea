# A program under construction: nodes in static single assignment, as src/core/program.h describes them.
# The builder is an environment that the compiler fills and `finish_program()` turns into a plain list.

op_table <- local({
  table <- NULL
  function() {
    if (is.null(table)) table <<- .Call(fullrank_op_table)
    table
  }
})

op_codes <- function() stats::setNames(seq_along(op_table()) - 1L, names(op_table()))

# How many arguments an elementwise operation has; 0 for others.
elementwise_arity <- function(op) op_table()[[op]]

new_builder <- function() {
  b <- new.env(parent = emptyenv())
  b$codes <- as.list(op_codes())
  b$n <- 0L
  node_store(b)
  b$known <- new.env(parent = emptyenv()) # numbers of constants, by their length and some values
  b$bodies <- list()
  b$dists <- character()
  b$terms <- character()
  b$d <- 0L
  b
}

# The vectors that grow by one entry a node. They live in a closure, where R changes an entry in place; of a vector in an
# environment it makes a copy each time.
node_store <- function(b) {
  op <- integer(64)
  len <- integer(64)
  args <- vector("list", 64)
  ints <- vector("list", 64)
  constants <- list()
  constant_node <- integer()
  index <- list()
  makeActiveBinding("op", function(v) if (missing(v)) op else op <<- v, b)
  makeActiveBinding("len", function(v) if (missing(v)) len else len <<- v, b)
  makeActiveBinding("args", function(v) if (missing(v)) args else args <<- v, b)
  makeActiveBinding("ints", function(v) if (missing(v)) ints else ints <<- v, b)
  makeActiveBinding("constants", function(v) if (missing(v)) constants else constants <<- v, b)
  makeActiveBinding("constant_node", function(v) if (missing(v)) constant_node else constant_node <<- v, b)
  makeActiveBinding("index", function(v) if (missing(v)) index else index <<- v, b)
  b$push_node <- function(n, code, length, reads, attributes) {
    if (n > length(op)) {
      grown <- 2L * length(op)
      length(op) <<- grown
      length(len) <<- grown
      length(args) <<- grown
      length(ints) <<- grown
    }
    op[n] <<- code
    len[n] <<- length
    args[[n]] <<- reads
    ints[[n]] <<- attributes
  }
  b$push_constant <- function(x, id) {
    constants[[length(constants) + 1L]] <<- x
    constant_node[length(constants)] <<- id
  }
  b$push_index <- function(x) index[[length(index) + 1L]] <<- x
}

# A value that depends on a latent: `id` counts nodes from 0, `dim` is NULL for a plain vector.
new_node <- function(id, len, dim = NULL, dimnames = NULL) {
  structure(list(id = id, len = len, dim = dim, dimnames = dimnames), class = "fr_node")
}

is_node <- function(x) inherits(x, "fr_node")

add_node <- function(b, op, len, args = integer(), ints = integer(), dim = NULL) {
  force(args) # they may add nodes of their own, which come first
  force(ints)
  if (!is.null(b$outer)) {
    along <- add_along(b, op, as.integer(args), dim)
    if (!is.null(along)) return(along)
  }
  add_plain_node(b, op, len, args, ints, dim)
}

# Elements of a value that is computed: 0.8 GB for each point. Functions that would make more say so before they do.
most_elements <- 1e8

check_elements <- function(n) {
  if (n > most_elements) {
    stop(sprintf("it makes an array of %s elements, above %s, the most that can be", big(n), big(most_elements)), call. = FALSE)
  }
}

add_plain_node <- function(b, op, len, args = integer(), ints = integer(), dim = NULL) {
  if (op != "const") check_elements(len)
  n <- b$n + 1L
  b$push_node(n, b$codes[[op]], as.integer(len), as.integer(args), as.integer(ints))
  b$n <- n
  new_node(n - 1L, as.integer(len), dim)
}

# The node of a data value. One constant serves all uses of the same data.
add_constant <- function(b, x) {
  if (!is.null(b$outer)) return(loop_input(b, add_constant(b$outer, x)))
  # a matrix of doubles stays the object that the data hold: without its dimensions it would be a second copy
  if (length(x) == 1L || !is.double(x) || !identical(names(attributes(x)), "dim")) x <- as.double(x)
  n <- length(x)
  key <- paste(c(n, if (n) sprintf("%.17g", x[c(1L, (n + 1L) %/% 2L, n)])), collapse = " ")
  for (at in b$known[[key]]) if (at <= length(b$constants) && identical(b$constants[[at]], x)) return(new_node(b$constant_node[at], n))
  at <- length(b$constants) + 1L
  node <- add_node(b, "const", n, ints = at - 1L)
  b$push_constant(x, node$id)
  assign(key, c(b$known[[key]], at), b$known)
  node
}

add_index <- function(b, index) {
  if (!is.null(b$outer)) return(add_index(b$outer, index))
  b$push_index(as.integer(index) - 1L)
  length(b$index) - 1L
}

# Elements `index` (from 1) of a node.
add_gather <- function(b, x, index, dim = NULL) {
  add_node(b, "gather", length(index), x$id, add_index(b, index), dim)
}

add_term <- function(b, name) {
  b$terms <- c(b$terms, name)
  length(b$terms) - 1L
}

add_dist <- function(b, name) {
  at <- match(name, b$dists)
  if (is.na(at)) {
    b$dists <- c(b$dists, name)
    at <- length(b$dists)
  }
  at - 1L
}

finish_program <- function(b) {
  c(list(version = 1L, d = b$d, n_terms = length(b$terms)), finish_code(b),
    list(constants = b$constants, index = b$index, dists = b$dists, bodies = b$bodies))
}

finish_code <- function(b) {
  keep <- seq_len(b$n)
  flat <- function(x) as.integer(unlist(x[keep], use.names = FALSE))
  starts <- function(x) as.integer(c(0, cumsum(lengths(x[keep]))))
  list(op = b$op[keep], len = b$len[keep], arg = flat(b$args), arg_start = starts(b$args), ints = flat(b$ints), int_start = starts(b$ints))
}

# Operation of a node, by name (for rewriting), and its arguments' ids.
node_op <- function(b, x) names(b$codes)[b$op[x$id + 1L] + 1L]
node_args <- function(b, x) b$args[[x$id + 1L]]
node_at <- function(b, id) new_node(id, b$len[id + 1L])

# ---- evaluation of a finished program -----------------------------------------------------------------------

as_points <- function(z, d) {
  if (!is.matrix(z)) z <- matrix(z, nrow = 1L)
  storage.mode(z) <- "double"
  z
}

# Log joint density (Jacobian included) at each row of z.
log_joint <- function(compiled, z) {
  needs_data(compiled)
  evaluate_points(compiled, z)$log_prob
}

# Values of nodes (ids from 0) at each row of z: a list of S x len matrices.
node_values <- function(compiled, z, ids) {
  .Call(fullrank_program_values, compiled$program, as_points(z), as.integer(ids))
}
