# Random models, second part (see helper-random.R): statements.

random_statement <- function(g) {
  pick_one(statement_rules)(g)
}

observed_name <- function(g, x) new_data(g, x)

# ---- any distribution of single numbers, by the table ------------------------------------------------------------------

# Its arguments as expressions of shape dim or numbers, each inside its support; `like` is a length for `dim`-shaped ones.
random_args <- function(g, name, dim, latent = rep(TRUE, 4L)) {
  args <- fullrank:::dist_table()[[name]]$args
  one <- function(arg, latent) {
    shape <- pick_one(list(integer(), dim))
    expression <- function(kind) if (latent) make(g, shape, kind, 2L) else random_numbers(1, kind)
    if (arg$data_only) return(6)
    if (arg$name %in% c("log_rate", "log_mean")) return(call("tanh", expression("real")))
    switch(arg$name,
      lower = call("-", -1, expression("pos")), upper = call("+", 9, expression("pos")),
      switch(arg$support, real = call("*", 2, call("tanh", expression("real"))), positive = , nonnegative = call("+", 0.3, call("exp", call("tanh", expression("real")))),
             unit = , open_unit = call("plogis", call("tanh", expression("real"))), stop("no random argument of support ", arg$support)))
  }
  out <- Map(one, args, latent[seq_along(args)])
  if (name == "pareto") out[[1L]] <- call("*", 0.09, call("plogis", out[[1L]]))
  unname(out)
}

# n values that any arguments of random_args() allow.
random_values <- function(name, n) {
  switch(fullrank:::dist_table()[[name]]$support,
    real = random_numbers(n, "real"), binary = sample(0:1, n, TRUE), count = stats::rpois(n, 2), count_to_size = sample(0:6, n, TRUE),
    unit = , open_unit = random_numbers(n, "unit"), random_numbers(n, "pos"))
}

plain_names <- function(keep = function(d) TRUE) {
  table <- fullrank:::dist_table()
  names(Filter(function(d) d$by_rows && keep(d), table))
}

random_plain <- function(g, name, dim, latent = rep(TRUE, 4L)) as.call(c(as.name(name), random_args(g, name, dim, latent)))

# Arguments in which the distribution function has a derivative may be latent.
random_interval <- function(g, name, dim) {
  partial <- vapply(fullrank:::dist_table()[[name]]$args, `[[`, NA, "cdf_partial")
  random_plain(g, name, dim, partial)
}

# A vector argument of a distribution of categories: one for all, or a row an observation.
category_args <- function(g, name, n) {
  k <- sample(2:4, 1L)
  if (startsWith(name, "ordered")) return(list(k + 1L, list(make(g, pick_one(list(integer(), n)), "real", 2L), call("cumsum", call("+", 0.2, make(g, k, "pos", 1L))))))
  shape <- pick_one(list(k, c(n, k)))
  list(k, list(make(g, shape, if (name == "categorical") "pos" else "real", 2L)))
}

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
    add_statement(g, call("~", y, pick_one(list(call("bernoulli_logit", eta), call("bernoulli", call("plogis", call("*", 4, call("tanh", eta)))), call("binomial", 3, call("plogis", call("*", 4, call("tanh", eta)))), call("bernoulli", make(g, n, "unit"))))))
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
  # any distribution of single numbers, observed or latent
  function(g) {
    n <- some_n()
    name <- pick_one(plain_names())
    add_statement(g, call("~", observed_name(g, random_values(name, n)), random_plain(g, name, n)))
  },
  function(g) {
    name <- pick_one(plain_names(function(d) !d$discrete))
    dim <- random_dim()
    dist <- random_plain(g, name, integer())
    dist$dim <- if (length(dim)) dim_expr(dim)
    if (name == "flat") dist[2:3] <- list(-2, call("+", 1, make(g, integer(), "pos", 1L)))
    site <- as.name(paste0("s", length(g$sites) + 1L))
    add_statement(g, call("~", site, dist))
    g$sites[[length(g$sites) + 1L]] <- list(name = site, dim = dim, kind = "real")
  },
  function(g) {
    n <- some_n()
    name <- pick_one(c("categorical", "categorical_logit", "ordered_logistic", "ordered_probit"))
    args <- category_args(g, name, n)
    add_statement(g, call("~", observed_name(g, sample.int(args[[1L]], n, TRUE)), as.call(c(as.name(name), args[[2L]]))))
  },
  function(g) {
    k <- sample(2:4, 1L)
    n <- sample(1:3, 1L)
    x <- t(stats::rmultinom(n, 7, rep(1, k)))
    add_statement(g, call("~", observed_name(g, if (n == 1L) as.vector(x) else x), call("multinomial", 7, make(g, pick_one(list(k, c(n, k))), "pos", 2L))))
  },
  # wrappers
  function(g) {
    n <- some_n()
    name <- pick_one(plain_names(function(d) d$cdf))
    counts <- fullrank:::dist_table()[[name]]$discrete
    x <- if (counts) sample(0:1, n, TRUE) else random_numbers(n, "unit")
    wrapper <- pick_one(c("truncated", "censored"))
    bounds <- if (wrapper == "truncated" && stats::runif(1) < 0.3) list(lower = call("-", make(g, integer(), "unit", 1L), 2)) else list(lower = if (counts) 0 else 0.05)
    upper <- if (counts) 1 else 0.95
    if (stats::runif(1) < 0.6) bounds$upper <- upper
    if (name %in% c("bernoulli", "bernoulli_logit")) bounds <- list(upper = 1)
    if (wrapper == "censored") x <- pmin(pmax(x, 0.05), 0.95)
    if (wrapper == "censored" && counts) x <- round(x)
    add_statement(g, call("~", observed_name(g, x), as.call(c(as.name(wrapper), random_interval(g, name, n), bounds))))
  },
  function(g) {
    n <- some_n()
    name <- pick_one(c("poisson", "poisson_log", "neg_binomial", "neg_binomial_log", "binomial_logit", "geometric", "beta_binomial"))
    add_statement(g, call("~", observed_name(g, stats::rpois(n, 1)), call("zero_inflated", make(g, integer(), "unit", 2L), random_plain(g, name, n))))
  },
  function(g) {
    n <- some_n()
    k <- sample(2:3, 1L)
    parts <- lapply(seq_len(k), function(i) random_plain(g, pick_one(c("normal", "student_t", "logistic", "gumbel")), n))
    left <- if (stats::runif(1) < 0.5) observed_name(g, random_numbers(n, "real")) else make(g, n)
    add_statement(g, call("~", left, as.call(c(quote(mixture), make(g, pick_one(list(k, c(n, k))), "pos", 2L), parts))))
  },
  function(g) {
    n <- sample(1:3, 1L)
    k <- sample(2:3, 1L)
    y <- random_numbers(n * k, "real")
    part <- function() call("multi_normal_cholesky", make(g, pick_one(list(k, c(n, k))), "real", 2L), call("diag", make(g, k, "pos", 1L)))
    add_statement(g, call("~", observed_name(g, if (n == 1L) y else matrix(y, n)), call("mixture", make(g, 2L, "pos", 1L), part(), part())))
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
  # correlation and covariance matrices
  function(g) {
    n <- sample(2:3, 1L)
    name <- as.name(paste0("M", length(g$values) + 1L))
    m <- function(dim, kind = "real") make(g, dim, kind, 1L)
    df <- call("+", n, m(integer(), "pos"))
    dist <- pick_one(list(call("lkj_corr", m(integer(), "pos"), dim = n), call("wishart", df, spd(g, n, m)), call("inverse_wishart", df, spd(g, n, m))))
    add_statement(g, call("~", name, dist))
    g$values[[length(g$values) + 1L]] <- list(name = name, dim = c(n, n), kind = "real")
    add_statement(g, call("~", observed_name(g, random_numbers(n, "real")), call(pick_one(c("multi_normal", "multi_normal_precision")), m(n), name)))
  },
  # vectors
  function(g) {
    n <- sample(2:4, 1L)
    name <- as.name(paste0("w", length(g$values) + 1L))
    m <- function(dim, kind = "real") make(g, dim, kind, 1L)
    L <- call("t", call("chol", spd(g, n, m)))
    dist <- pick_one(list(call("gaussian_random_walk", m(integer(), "pos"), dim = n), call("ar1", call("-", call("*", 1.8, m(integer(), "unit")), 0.9), m(integer(), "pos"), dim = n),
                          call("multi_student_t", call("+", 1, m(integer(), "pos")), m(n), L), call("multi_normal", m(n), spd(g, n, m)), call("icar", seq_len(n - 1L), 2:n)))
    left <- if (stats::runif(1) < 0.5) name else observed_name(g, random_numbers(n, "real"))
    if (!identical(left, name)) dist$dim <- NULL
    add_statement(g, call("~", left, dist))
    if (identical(left, name)) g$values[[length(g$values) + 1L]] <- list(name = name, dim = n, kind = "real")
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
