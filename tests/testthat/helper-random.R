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
  function(g, dim, m) call(pick_one(c("sin", "cos", "tanh", "abs", "expm1", "plogis", "pnorm")), m(dim)),
  function(g, dim, m) call(pick_one(c("log", "log1p", "sqrt", "lgamma", "digamma", "log2")), m(dim, "pos")),
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
unit_rules <- list(
  function(g, dim, m) call("plogis", m(dim)),
  function(g, dim, m) call("pnorm", m(dim)),
  function(g, dim, m) call("-", 1, m(dim, "unit")),
  function(g, dim, m) call("*", m(dim, "unit"), recycled(dim, "unit", m)),
  function(g, dim, m) if (length(dim) == 1L && dim > 1L) call("softmax", m(dim)) else call("plogis", m(dim))
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
  function(g, dim, m) { n <- some_n(); call("/", call("sum", m(n)), call("length", m(n))) }
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

# ---- statements -------------------------------------------------------------------------------------------------------

random_statement <- function(g) {
  pick_one(statement_rules)(g)
}

observed_name <- function(g, x) new_data(g, x)

statement_rules <- list(
  function(g) add_statement(g, call("target", make(g, random_dim()))),
  function(g) {
    dim <- random_dim()
    kind <- pick_one(c("real", "real", "pos", "unit"))
    value <- make(g, dim, kind)
    name <- as.name(paste0("v", length(g$values) + 1L))
    add_statement(g, call("<-", name, value))
    g$values[[length(g$values) + 1L]] <- list(name = name, dim = dim, kind = kind)
    add_statement(g, call("target", call("sum", call("tanh", name))))
  },
  function(g) {
    dim <- random_dim()
    y <- observed_name(g, with_shape(random_numbers(size_of(dim), "real"), dim))
    loc <- make(g, dim)
    scale <- make(g, pick_one(list(integer(), dim)), "pos")
    add_statement(g, call("~", y, call(pick_one(c("normal", "laplace", "logistic", "cauchy")), loc, scale)))
  },
  function(g) {
    n <- some_n()
    y <- observed_name(g, stats::rpois(n, 2))
    eta <- make(g, pick_one(list(integer(), n)))
    add_statement(g, call("~", y, pick_one(list(call("poisson_log", eta), call("poisson", call("exp", call("tanh", eta))), call("poisson", call("+", call("exp", call("tanh", eta)), 1))))))
  },
  function(g) {
    n <- some_n()
    y <- observed_name(g, sample(0:1, n, TRUE))
    eta <- make(g, n)
    add_statement(g, call("~", y, pick_one(list(call("bernoulli_logit", eta), call("bernoulli", call("plogis", eta)), call("binomial", 3, call("plogis", eta)), call("bernoulli", make(g, n, "unit"))))))
  },
  function(g) {
    n <- some_n()
    y <- observed_name(g, random_numbers(n, "pos"))
    add_statement(g, call("~", y, pick_one(list(call("gamma", make(g, n, "pos"), make(g, integer(), "pos")), call("lognormal", make(g, n), make(g, integer(), "pos")), call("exponential", make(g, n, "pos"))))))
  },
  function(g) {
    n <- sample(2:3, 1L)
    L <- call("t", call("chol", spd(g, n, function(dim, kind = "real") make(g, dim, kind, 1L))))
    y <- pick_one(list(observed_name(g, random_numbers(n, "real")), observed_name(g, matrix(random_numbers(2L * n, "real"), 2L)), make(g, n)))
    add_statement(g, call("~", y, call("multi_normal_cholesky", make(g, n), L)))
  },
  # a simplex, and the Cholesky factor of a correlation matrix
  function(g) {
    n <- sample(2:4, 1L)
    name <- as.name(paste0("p", length(g$values) + 1L))
    add_statement(g, call("~", name, call("dirichlet", make(g, n, "pos", 1L))))
    g$values[[length(g$values) + 1L]] <- list(name = name, dim = n, kind = "unit")
    add_statement(g, call("~", observed_name(g, stats::rpois(n, 2)), call("poisson", call("*", 3, name))))
  },
  function(g) {
    n <- sample(2:3, 1L)
    name <- as.name(paste0("L", length(g$values) + 1L))
    add_statement(g, call("~", name, call("lkj_corr_cholesky", make(g, integer(), "pos", 1L), dim = n)))
    g$values[[length(g$values) + 1L]] <- list(name = name, dim = c(n, n), kind = "real")
    add_statement(g, call("~", observed_name(g, random_numbers(n, "real")), call("multi_normal_cholesky", make(g, n, "real", 1L), name)))
  },
  function(g) add_statement(g, call("~", make(g, some_n()), call("normal", make(g, integer()), make(g, integer(), "pos")))),
  # x[t] <- f(x[t - 1], ...), with one lag or two
  function(g) {
    n <- sample(c(4L, 9L, 14L), 1L)
    name <- as.name(paste0("x", length(g$values) + 1L))
    a <- make(g, integer(), "real", 1L)
    b <- make(g, n, "real", 1L)
    d <- new_data(g, random_numbers(n, "real"))
    last <- call("[", name, quote(t - 1))
    add_statement(g, call("<-", call("[", name, 1), make(g, integer(), "real", 1L)))
    step <- pick_one(list(substitute(tanh(a * L) + B, list(a = a, L = last, B = call("[", d, quote(t)))), substitute(0.5 * L + sin(B), list(L = last, B = call("[", call("(", b), quote(t)))),
                          substitute(log_sum_exp(c(L, B, a)), list(L = last, a = a, B = call("[", d, quote(t - 1)))), substitute(if_even * L - a * B, list(if_even = 0.3, L = last, a = a, B = call("[", d, quote(t))))))
    body <- call("{", call("<-", call("[", name, quote(t)), step), call("~", call("[", d, quote(t)), call("normal", call("[", name, quote(t)), make(g, integer(), "pos", 1L))))
    if (stats::runif(1) < 0.3) body <- call("{", call("if", call(">", quote(t), sample.int(n, 1L)), body, call("<-", call("[", name, quote(t)), a)))
    add_statement(g, call("for", quote(t), call(":", 2L, n), body))
    add_statement(g, call("target", call("sum", call("cos", name))))
    g$values[[length(g$values) + 1L]] <- list(name = name, dim = n, kind = "real")
  },
  # a state carried from one iteration to the next
  function(g) {
    n <- sample(c(3L, 9L, 12L), 1L)
    k <- sample(1:3, 1L)
    name <- as.name(paste0("x", length(g$values) + 1L))
    dim <- if (k == 1L) integer() else k
    add_statement(g, call("<-", name, make(g, dim, "real", 1L)))
    d <- new_data(g, random_numbers(n, "real"))
    W <- make(g, c(k, k), "real", 1L)
    step <- pick_one(list(substitute(tanh(x + a) * 0.5, list(x = name, a = make(g, dim, "real", 1L))), substitute(x * 0.5 + D, list(x = name, D = call("[", d, quote(t)))),
                          substitute(as.vector(tanh(W %*% x)), list(x = name, W = W)), substitute(x - 0.1 * sum(x) + u, list(x = name, u = make(g, integer(), "unit", 1L)))))
    body <- call("{", call("<-", name, step), call("target", call("-", call("sum", call("^", name, 2)))))
    add_statement(g, call("for", quote(t), call("seq_len", n), body))
    g$values[[length(g$values) + 1L]] <- list(name = name, dim = dim, kind = "real")
  },
  # statements row by row
  function(g) {
    n <- sample(c(3L, 8L, 10L), 1L)
    b <- make(g, n, "real", 2L)
    name <- as.name(paste0("v", length(g$values) + 1L))
    add_statement(g, call("<-", name, b))
    y <- new_data(g, random_numbers(n, "real"))
    index <- new_data(g, sample.int(n, n, TRUE))
    a <- make(g, integer(), "real", 1L)
    loc <- substitute(a + v[index[i]] * y[i], list(a = a, v = name, index = index, y = y))
    add_statement(g, call("for", quote(i), call(":", 1L, n), call("{", call("<-", quote(eta), loc), call("~", call("[", y, quote(i)), call("normal", quote(eta), make(g, integer(), "pos", 1L))))))
  },
  function(g) {
    flag <- new_data(g, stats::runif(1) < 0.5)
    add_statement(g, call("if", flag, call("{", call("target", make(g, integer()))), call("{", call("target", make(g, 3L)))))
  }
)

# ---- three evaluations ----------------------------------------------------------------------------------------------------

as_statements <- function(m) as.call(c(as.name("{"), m$statements))
as_random_model <- function(m) fullrank:::new_model(as_statements(m), globalenv())

# The statements run by R itself, with `~` and target() adding to a sum; sites have their values. No Jacobian.
model_in_r <- function(m, values) {
  env <- list2env(c(m$data, values), parent = list2env(list(
    log_sum_exp = function(...) { x <- c(...); max(x) + log(sum(exp(x - max(x)))) },
    softmax = function(x) exp(x - max(x)) / sum(exp(x - max(x))), dot = function(x, y) sum(x * y),
    log_det = function(x) as.numeric(determinant(as.matrix(x))$modulus)
  ), parent = globalenv()))
  for (name in filled_names(as_statements(m))) assign(name, NULL, env)
  total <- 0
  env$target <- function(x) total <<- total + sum(x)
  env$`~` <- function(left, right) {
    call <- substitute(right)
    name <- as.character(call[[1L]])
    dist <- fullrank:::dist_table()[[name]]
    args <- as.list(call)[-1L]
    args$dim <- NULL
    args <- lapply(args, eval, env)
    x <- left
    f <- fullrank:::oracle_log_density[[name]]
    if (dist$event == "scalar") total <<- total + sum(f(as.vector(x), lapply(args, as.vector), 1L, 1L))
    else total <<- total + sum(f(as.vector(x), lapply(args, as.vector), if (is.matrix(x)) nrow(x) else 1L, if (is.matrix(x)) ncol(x) else length(x)))
  }
  eval(as_statements(m), env)
  total
}

# Names that are filled element by element: R wants them to exist.
filled_names <- function(e) {
  if (!is.call(e)) return(character())
  if (identical(e[[1L]], as.name("<-")) && is.call(e[[2L]])) return(as.character(e[[2L]][[2L]]))
  unlist(lapply(as.list(e)[-1L], function(x) if (identical(x, quote(expr = ))) character() else filled_names(x)))
}

# NULL when all agree, otherwise what does not: a kind and the figures.
model_fault <- function(m, seed, tolerance = 1e-9) {
  compiled <- tryCatch(fullrank:::compile_model(as_random_model(m), m$data), error = function(e) conditionMessage(e))
  if (is.character(compiled)) return(list(kind = "compile", what = compiled))
  set.seed(seed)
  d <- compiled$program$d
  z <- matrix(stats::rnorm(9L * d, 0, 0.6), 9L)
  evaluate <- function(compiled, z, gradient = TRUE) .Call(fullrank:::fullrank_program_eval, compiled$program, z, gradient, FALSE)
  all <- tryCatch(evaluate(compiled, z), error = function(e) conditionMessage(e))
  if (is.character(all)) return(list(kind = "load", what = all))
  close <- function(a, b, tol) (is.nan(a) & is.nan(b)) | (!is.na(a) & !is.na(b) & (a == b | abs(a - b) <= tol * (1 + abs(b))))
  terms <- fullrank:::statement_terms(compiled, z[1L, , drop = FALSE])[1L, ]
  if (!isTRUE(close(all$log_prob[1L], sum(terms), tolerance))) return(list(kind = "oracle", what = sprintf("C %.15g, oracle %.15g", all$log_prob[1L], sum(terms))))
  values <- Map(fullrank:::shape_value, fullrank:::constrain_draws(compiled, z[1L, , drop = FALSE]), compiled$sites)
  plain <- tryCatch(suppressWarnings(model_in_r(m, values)), error = function(e) conditionMessage(e))
  if (is.character(plain)) return(list(kind = "R", what = plain))
  without <- sum(terms[!startsWith(names(terms), "jacobian(")])
  if (!isTRUE(close(without, plain, tolerance))) return(list(kind = "statements", what = sprintf("program %.15g, R's own %.15g", without, plain)))
  one <- evaluate(compiled, z[1L, , drop = FALSE])
  if (!all(close(one$log_prob, all$log_prob[1L], 1e-12), close(one$gradient[1L, ], all$gradient[1L, ], 1e-9))) return(list(kind = "one particle", what = "differs from the batch"))
  if (!all(is.finite(all$log_prob)) || max(abs(all$log_prob)) > 1e8) return(NULL)
  gradient_fault(function(z) evaluate(compiled, z, FALSE)$log_prob, z[1L, ], all$gradient[1L, ])
}

# Against central differences of two orders; where these do not agree with each other (a kink nearby) nothing is said.
gradient_fault <- function(fn, z, gradient) {
  d <- length(z)
  h <- 1e-4
  steps <- rep(c(-2, -1, 1, 2), each = d) * h
  points <- matrix(z, 4L * d, d, byrow = TRUE)
  at <- cbind(seq_len(4L * d), rep(seq_len(d), 4L))
  points[at] <- points[at] + steps
  v <- matrix(fn(points), d)
  two <- (v[, 3L] - v[, 2L]) / (2 * h)
  four <- (8 * (v[, 3L] - v[, 2L]) - (v[, 4L] - v[, 1L])) / (12 * h)
  noise <- 1e-11 * max(abs(v)) / h
  sure <- is.finite(four) & abs(two - four) < 1e-4 * (1 + abs(four))
  bad <- sure & !(abs(gradient - four) <= 1e-5 * (1 + abs(four)) + noise)
  if (any(bad)) list(kind = "gradient", what = sprintf("coordinate %d: %.10g, central difference %.10g", which(bad)[1L], gradient[bad][1L], four[bad][1L]))
}

# ---- a smaller model with the same kind of fault ----------------------------------------------------------------------------

shrink_model <- function(m, seed, kind, fault = model_fault) {
  still <- function(candidate) identical(tryCatch(fault(candidate, seed)$kind, error = function(e) NULL), kind)
  repeat {
    smaller <- Find(still, smaller_models(m))
    if (is.null(smaller)) return(m)
    m <- smaller
  }
}

smaller_models <- function(m) {
  drop <- lapply(seq_along(m$statements), function(k) c(list(statements = m$statements[-k]), m["data"]))
  simpler <- unlist(lapply(seq_along(m$statements), function(k) {
    lapply(smaller_calls(m$statements[[k]]), function(s) { m$statements[[k]] <- s; m })
  }), recursive = FALSE)
  c(drop, simpler)
}

# Each call in an expression replaced by one of its arguments.
smaller_calls <- function(e) {
  if (!is.call(e)) return(list())
  out <- list()
  for (k in seq_along(e)[-1L]) {
    if (identical(e[[k]], quote(expr = ))) next
    if (is.call(e[[k]])) for (part in as.list(e[[k]])[-1L]) if (!identical(part, quote(expr = ))) out <- c(out, list(`[[<-`(e, k, part)))
    out <- c(out, lapply(smaller_calls(e[[k]]), function(s) `[[<-`(e, k, s)))
  }
  out
}

report_fault <- function(m, seed, fault) {
  small <- if (fault$kind == "R") m else shrink_model(m, seed, fault$kind)
  fault <- model_fault(small, seed)
  used <- m$data[intersect(names(m$data), all.vars(as_statements(small)))]
  sprintf("%s: %s\nseed %d\n%s\ndata %s", fault$kind, fault$what, seed, paste(deparse(as_statements(small), width.cutoff = 120L), collapse = "\n"),
          paste(deparse(used, width.cutoff = 200L), collapse = "\n"))
}
