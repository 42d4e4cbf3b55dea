# Random well-shaped models over the whole language, three ways to evaluate one, and what to make of a difference.
#
# A model is a list: statements (calls), data. A generator `g` is an environment that collects them; make(g, dim, kind, depth)
# gives an expression of shape dim (integer(): a number; n: a vector; c(r, c): a matrix; three: an array) that is real, positive
# ("pos") or between 0 and 1 ("unit").

random_model <- function() {
  g <- new.env()
  g$statements <- g$data <- list()
  g$sites <- g$values <- list()
  g$begun <- 0L
  g$depth <- sample(1:3, 1)
  for (k in seq_len(sample(1:4, 1))) random_statement(g)
  if (!length(g$sites)) new_site(g, integer(), "real")
  list(statements = g$statements, data = g$data)
}

one_of <- function(...) { x <- list(...); x[[sample.int(length(x), 1L)]] }
pick_one <- function(x) x[[sample.int(length(x), 1L)]]
add_statement <- function(g, s) g$statements[[length(g$statements) + 1L]] <- s
same_dim <- function(a, b) identical(as.integer(a), as.integer(b))
size_of <- function(dim) as.integer(prod(dim))
dim_expr <- function(dim) if (length(dim) == 1L) dim else as.call(c(quote(c), as.list(dim)))
with_shape <- function(x, dim) if (length(dim) > 1L) array(x, dim) else x

random_dim <- function() {
  switch(sample.int(7L, 1L), integer(), integer(), sample(1:6, 1L), sample(2:5, 1L), sample(1:4, 2L, TRUE), sample(2:3, 2L, TRUE), sample(1:3, 3L, TRUE))
}

random_numbers <- function(n, kind) {
  round(switch(kind, real = stats::rnorm(n), pos = stats::rgamma(n, 3, 2) + 0.2, unit = stats::runif(n, 0.1, 0.9)), 2)
}

new_data <- function(g, x) {
  name <- paste0("d", length(g$data) + 1L)
  g$data[[name]] <- x
  as.name(name)
}

site_statement <- function(g, dim, kind) {
  scale <- function() if (length(g$sites) && stats::runif(1) < 0.3) make(g, integer(), "pos", 1L) else random_numbers(1, "pos")
  loc <- function() if (length(g$sites) && stats::runif(1) < 0.3) make(g, integer(), "real", 1L) else random_numbers(1, "real")
  dist <- switch(kind,
    real = one_of(call("normal", loc(), scale()), call("student_t", 5, loc(), scale()), call("logistic", loc(), scale()), call("cauchy", loc(), scale()), call("laplace", loc(), scale())),
    pos = one_of(call("lognormal", loc(), 0.5), call("gamma", scale(), 2), call("exponential", scale()), call("half_normal", scale()), call("inverse_gamma", 3, scale())),
    unit = one_of(call("beta", scale(), scale()), call("uniform", 0, 1)))
  if (length(dim)) dist$dim <- dim_expr(dim)
  dist
}

new_site <- function(g, dim, kind) {
  g$begun <- g$begun + 1L
  dist <- site_statement(g, dim, kind)
  name <- as.name(paste0("s", length(g$sites) + 1L))
  add_statement(g, call("~", name, dist))
  g$sites[[length(g$sites) + 1L]] <- list(name = name, dim = dim, kind = kind)
  name
}

leaf <- function(g, dim, kind) {
  known <- Filter(function(s) same_dim(s$dim, dim) && s$kind == kind, c(g$sites, g$values))
  u <- stats::runif(1)
  if (length(known) && u < 0.75) return(pick_one(known)$name)
  if (u < 0.9 && g$begun < 9L) return(new_site(g, dim, kind))
  if (!length(dim)) return(random_numbers(1, kind))
  new_data(g, with_shape(random_numbers(size_of(dim), kind), dim))
}

make <- function(g, dim, kind = "real", depth = g$depth) {
  if (depth <= 0L || stats::runif(1) < 0.1) return(leaf(g, dim, kind))
  m <- function(dim, kind = "real") make(g, dim, kind, depth - 1L)
  rules <- switch(kind, real = real_rules, pos = pos_rules, unit = unit_rules)
  if (stats::runif(1) < 0.6 && kind == "real") {
    shaped <- switch(length(dim) + 1L, scalar_rules, vector_rules, matrix_rules, array_rules)
    return(pick_one(shaped)(g, dim, m))
  }
  pick_one(rules)(g, dim, m)
}

# An operand that recycles against dim: of the same shape, a number, or a vector that fits.
recycled <- function(dim, kind, m) {
  if (!length(dim) || stats::runif(1) < 0.5) return(m(dim, kind))
  n <- size_of(dim)
  shorter <- if (length(dim) > 1L) cumprod(dim)[-length(dim)] else which(n %% seq_len(n) == 0)
  if (stats::runif(1) < 0.5 || !length(shorter)) m(integer(), kind) else m(pick_one(shorter), kind)
}

real_rules <- list(
  function(g, dim, m) call("+", m(dim), recycled(dim, "real", m)),
  function(g, dim, m) call("-", m(dim), recycled(dim, "real", m)),
  function(g, dim, m) call("*", recycled(dim, "real", m), m(dim)),
  function(g, dim, m) call("/", m(dim), recycled(dim, "pos", m)),
  function(g, dim, m) call("-", m(dim)),
  function(g, dim, m) call(pick_one(c("sin", "cos", "atan", "tanh", "abs", "expm1", "plogis", "pnorm")), m(dim)),
  function(g, dim, m) call(pick_one(c("log", "log1p", "sqrt", "lgamma", "digamma", "log2", "log10")), m(dim, "pos")),
  function(g, dim, m) call("log", m(dim, "pos"), pick_one(c(2, 3.5))),
  function(g, dim, m) call("log1p", call("exp", m(dim))),
  function(g, dim, m) call("qlogis", m(dim, "unit")),
  function(g, dim, m) call("pnorm", m(dim), recycled(dim, "real", m), recycled(dim, "pos", m), lower.tail = stats::runif(1) < 0.5, log.p = stats::runif(1) < 0.5),
  function(g, dim, m) call("plogis", m(dim), lower.tail = stats::runif(1) < 0.5, log.p = TRUE),
  function(g, dim, m) call(pick_one(c("pmin", "pmax")), m(dim), recycled(dim, "real", m)),
  function(g, dim, m) call("^", m(dim), pick_one(c(1, 2, 3))),
  function(g, dim, m) call("ifelse", new_data(g, with_shape(stats::runif(size_of(dim)) < 0.5, dim)), m(dim), m(dim)),
  function(g, dim, m) call("(", m(dim))
)
pos_rules <- list(
  function(g, dim, m) call("exp", call("tanh", m(dim))),
  function(g, dim, m) call("+", m(dim, "pos"), recycled(dim, "pos", m)),
  function(g, dim, m) call("*", m(dim, "pos"), recycled(dim, "unit", m)),
  function(g, dim, m) call("/", recycled(dim, "pos", m), call("+", m(dim, "pos"), 0.5)),
  function(g, dim, m) call("+", call("^", m(dim), 2), 0.1),
  function(g, dim, m) call("^", m(dim, "pos"), recycled(dim, "unit", m)),
  function(g, dim, m) call("sqrt", m(dim, "pos")),
  function(g, dim, m) call("log1p", m(dim, "pos")),
  function(g, dim, m) call("beta", m(dim, "pos"), recycled(dim, "pos", m)),
  function(g, dim, m) call("pmax", m(dim, "pos"), 0.05)
)
# Kept away from 0 and 1, next to which R's own evaluation of a statement, without the fused forms, loses its digits.
unit_rules <- list(
  function(g, dim, m) call("plogis", call("*", 4, call("tanh", m(dim)))),
  function(g, dim, m) call("pnorm", call("*", 2, call("tanh", m(dim)))),
  function(g, dim, m) call("-", 1, m(dim, "unit")),
  function(g, dim, m) call("*", m(dim, "unit"), recycled(dim, "unit", m)),
  function(g, dim, m) if (length(dim) == 1L && dim > 1L) call("softmax", call("tanh", m(dim))) else call("plogis", call("tanh", m(dim)))
)

some_n <- function() sample(1:5, 1L)
scalar_rules <- list(
  function(g, dim, m) call("sum", m(random_dim())),
  function(g, dim, m) call("mean", m(random_dim())),
  function(g, dim, m) call("prod", call("tanh", m(some_n()))),
  function(g, dim, m) call("log_sum_exp", m(random_dim())),
  function(g, dim, m) call(pick_one(c("max", "min")), m(some_n()), m(integer())),
  function(g, dim, m) { n <- some_n(); call("dot", m(n), m(n)) },
  function(g, dim, m) call("log_det", spd(g, sample(1:3, 1L), m)),
  function(g, dim, m) { n <- some_n(); call("[", m(n), sample.int(n, 1L)) },
  function(g, dim, m) { d <- sample(1:3, 2L, TRUE); call("[", m(d), sample.int(d[1], 1L), sample.int(d[2], 1L)) },
  function(g, dim, m) { n <- some_n(); call("sum", call("*", call("rowSums", m(c(n, 2L))), m(n))) },
  function(g, dim, m) { n <- some_n(); call("/", call("sum", m(n)), call("length", m(n))) },
  function(g, dim, m) { n <- some_n(); call("[[", m(n), sample.int(n, 1L)) },
  function(g, dim, m) call("*", m(integer()), call("sum", call("dim", m(sample(1:3, 2L, TRUE))))),
  function(g, dim, m) call("/", m(integer()), call(pick_one(c("nrow", "ncol", "NROW", "NCOL")), m(sample(1:3, 2L, TRUE)))),
  function(g, dim, m) { n <- some_n(); x <- m(n); call("sum", call("*", x, call("seq_along", x))) }
)
vector_rules <- list(
  function(g, dim, m) { k <- sample(dim, 1L); if (k == dim || dim == 1L) call("c", m(dim)) else call("c", m(k), m(dim - k)) },
  function(g, dim, m) call("cumsum", m(dim)),
  function(g, dim, m) call("rev", m(dim)),
  function(g, dim, m) call("rep", m(integer()), dim),
  function(g, dim, m) call("rep", m(some_n()), length.out = dim),
  function(g, dim, m) { n <- some_n(); call("[", m(n), new_data(g, sample.int(n, dim, TRUE))) },
  function(g, dim, m) { n <- some_n(); f <- factor(sample(letters[seq_len(n)], dim, TRUE), letters[seq_len(n)]); call("[", m(n), new_data(g, f)) },
  function(g, dim, m) call("[", m(dim + 1L), -sample.int(dim + 1L, 1L)),
  function(g, dim, m) { keep <- sample(rep(c(TRUE, FALSE), c(dim, 2L))); call("[", m(dim + 2L), new_data(g, keep)) },
  function(g, dim, m) { k <- sample(1:3, 1L); call("[", m(c(k, dim)), sample.int(k, 1L), quote(expr = )) },
  function(g, dim, m) { k <- sample(1:3, 1L); call("[", m(c(dim, k)), quote(expr = ), sample.int(k, 1L)) },
  function(g, dim, m) { d <- sample(1:3, 2L, TRUE); call("[", m(d), cbind(sample.int(d[1], dim, TRUE), sample.int(d[2], dim, TRUE))) },
  function(g, dim, m) { k <- some_n(); call("[", call("%*%", m(c(dim, k)), m(k)), quote(expr = ), 1L) },
  function(g, dim, m) { k <- some_n(); X <- new_data(g, matrix(random_numbers(dim * k, "real"), dim)); call("as.vector", call("%*%", X, m(k))) },
  function(g, dim, m) { k <- some_n(); call("as.vector", call("crossprod", m(c(k, dim)), m(k))) },
  function(g, dim, m) call("diag", m(c(dim, dim + 1L))),
  function(g, dim, m) call(pick_one(c("rowSums", "rowMeans")), m(c(dim, some_n()))),
  function(g, dim, m) call(pick_one(c("colSums", "colMeans")), m(c(some_n(), dim))),
  function(g, dim, m) call("solve", spd(g, dim, m), m(dim)),
  function(g, dim, m) call("backsolve", call("chol", spd(g, dim, m)), m(dim), transpose = stats::runif(1) < 0.5),
  function(g, dim, m) call("forwardsolve", call("t", call("chol", spd(g, dim, m))), m(dim)),
  function(g, dim, m) call("softmax", m(dim)),
  function(g, dim, m) call("as.numeric", m(c(1L, dim)))
)
matrix_rules <- list(
  function(g, dim, m) { k <- sample(1:3, 1L); call("%*%", m(c(dim[1], k)), m(c(k, dim[2]))) },
  function(g, dim, m) call("t", m(rev(dim))),
  function(g, dim, m) { k <- sample(1:3, 1L); call("crossprod", m(c(k, dim[1])), m(c(k, dim[2]))) },
  function(g, dim, m) { k <- sample(1:3, 1L); call("tcrossprod", m(c(dim[1], k)), m(c(dim[2], k))) },
  function(g, dim, m) { k <- sample(1:3, 1L); call("%*%", new_data(g, matrix(random_numbers(dim[1] * k, "real"), dim[1])), m(c(k, dim[2]))) },
  function(g, dim, m) call("outer", m(dim[1]), m(dim[2]), pick_one(c("*", "+", "-", "pmin"))),
  function(g, dim, m) call("%o%", m(dim[1]), m(dim[2])),
  function(g, dim, m) call("matrix", m(size_of(dim)), dim[1], dim[2], byrow = stats::runif(1) < 0.5),
  function(g, dim, m) as.call(c(quote(cbind), lapply(seq_len(dim[2]), function(j) m(dim[1])))),
  function(g, dim, m) as.call(c(quote(rbind), lapply(seq_len(dim[1]), function(j) m(dim[2])))),
  function(g, dim, m) if (dim[2] > 1L) call("cbind", m(c(dim[1], dim[2] - 1L)), m(dim[1])) else call("cbind", m(dim[1])),
  function(g, dim, m) call("[", m(dim + 1L), -1L, new_data(g, sample.int(dim[2] + 1L, dim[2])), drop = FALSE),
  function(g, dim, m) { k <- sample(1:3, 1L); if (all(dim > 1L)) call("[", m(c(dim, k)), quote(expr = ), quote(expr = ), sample.int(k, 1L)) else call("t", m(rev(dim))) },
  function(g, dim, m) if (dim[1] == dim[2] && dim[1] > 1L) call("diag", m(dim[1])) else call("t", m(rev(dim))),
  function(g, dim, m) if (dim[1] == dim[2]) call(pick_one(c("chol", "solve")), spd(g, dim[1], m)) else call("solve", spd(g, dim[1], m), m(dim)),
  function(g, dim, m) call("backsolve", call("chol", spd(g, dim[1], m)), m(dim), transpose = stats::runif(1) < 0.5),
  function(g, dim, m) call("forwardsolve", call("t", call("chol", spd(g, dim[1], m))), m(dim)),
  function(g, dim, m) if (dim[2] == 1L) call("+", m(dim[1]), call("%*%", m(c(dim[1], 2L)), m(2L))) else call("+", m(dim), m(dim[1]))
)
array_rules <- list(
  function(g, dim, m) call("array", m(size_of(dim)), dim_expr(dim)),
  function(g, dim, m) call("+", m(dim), m(dim[1] * dim[2])),
  function(g, dim, m) call("[", m(dim + c(0L, 0L, 1L)), quote(expr = ), quote(expr = ), -1L, drop = FALSE),
  function(g, dim, m) call("outer", m(dim[1:2]), m(dim[3]))
)

spd <- function(g, n, m) {
  n <- as.integer(n)
  if (stats::runif(1) < 0.5) return(call("+", call("crossprod", m(c(2L, n))), diag(n)))
  if (n > 1L && stats::runif(1) < 0.5) return(call("+", call("tcrossprod", m(n)), call("diag", call("+", m(n, "pos"), 0.3))))
  x <- new_data(g, seq_len(n) / 2)
  call("+", call("*", m(integer(), "pos"), call("exp", call("/", call("-", call("^", call("outer", x, x, "-"), 2)), m(integer(), "pos")))), 0.2 * diag(n))
}
