# A second way to evaluate a program: plain R, one point at a time, slow. It shares no code with the C interpreter, which the
# tests hold against it, and it keeps the terms of all statements apart.

# Terms of the log density at one point, by number; with nodes = TRUE the values of all nodes instead.
oracle_evaluate <- function(program, z, nodes = FALSE) {
  state <- new.env(parent = emptyenv())
  state$p <- program
  state$z <- z
  state$terms <- numeric(program$n_terms)
  state$ops <- names(op_codes())[program$op + 1L]
  state$with_density <- terms_with_density(program, state$ops)
  values <- vector("list", length(program$op))
  for (i in seq_along(values)) {
    args <- lapply(code_args(program, i), function(a) values[[a + 1L]])
    values[[i]] <- oracle_node(state$ops[i], args, code_ints(program, i), program$len[i], state)
  }
  if (nodes) values else state$terms
}

code_slice <- function(x, start, i) if (start[i + 1L] > start[i]) x[(start[i] + 1L):start[i + 1L]] else integer()
code_args <- function(code, i) code_slice(code$arg, code$arg_start, i)
code_ints <- function(code, i) code_slice(code$ints, code$int_start, i)

# Terms that a density belongs to: a constant that the compiler added to them is part of that density, which is whole here.
terms_with_density <- function(program, ops) {
  at <- which(ops %in% c("density", "density_event"))
  unique(vapply(at, function(i) code_ints(program, i)[2L], 0L))
}

oracle_node <- function(op, args, ints, len, state) {
  p <- state$p
  add <- function(term, value) state$terms[term + 1L] <- state$terms[term + 1L] + value
  switch(op,
    const = as.double(p$constants[[ints[1L] + 1L]]),
    site_bounded = {
      site <- oracle_bounded(state$z[ints[1L] + seq_len(len)], args[[1L]], args[[2L]])
      add(ints[2L], sum(site$log_det))
      site$y
    },
    site_vector = {
      site <- oracle_vector_site(state$z, ints)
      add(ints[2L], site$log_det)
      site$y
    },
    density = add(ints[2L], sum(oracle_density(p$dists[ints[1L] + 1L], args, 1L, 1L))),
    density_event = add(ints[2L], sum(oracle_density(p$dists[ints[1L] + 1L], args, ints[3L], ints[4L]))),
    target = if (!ints[1L] %in% state$with_density) add(ints[1L], sum(args[[1L]])),
    log_prob = oracle_density(p$dists[ints[1L] + 1L], args, 1L, 1L) - oracle_base(ints[2L], p),
    log_prob_event = oracle_density(p$dists[ints[1L] + 1L], args, ints[2L], ints[3L]) - oracle_base(ints[4L], p),
    log_interval = oracle_log_interval(p$dists[ints[1L] + 1L], args[[1L]], args[[2L]], args[-(1:2)], len),
    scan = oracle_scan(p$bodies[[ints[1L] + 1L]], args, len, p),
    as.vector(oracle_op(op, args, ints, len, p))
  )
}

oracle_density <- function(name, args, N, K) {
  f <- oracle_log_density[[name]]
  if (is.null(f)) stop(sprintf("The oracle has no density of `%s()`.", name), call. = FALSE)
  f(args[[1L]], args[-1L], N, K)
}

# What the compiler adds apart to a density that is whole here, by the number of its constant (-1: nothing).
oracle_base <- function(constant, p) if (constant < 0L) 0 else p$constants[[constant + 1L]]

# ---- operations ---------------------------------------------------------------------------------------------------------

oracle_op <- function(op, args, ints, len, p) {
  a <- args[[1L]]
  b <- if (length(args) > 1L) args[[2L]]
  n <- ints[1L]
  index <- function() p$index[[n + 1L]] + 1L
  switch(op,
    neg = -a, exp = exp(a), log = quietly(log(a)), log1p = quietly(log1p(a)), expm1 = expm1(a), sqrt = quietly(sqrt(a)), abs = abs(a),
    square = a^2,
    plogis = stats::plogis(a), qlogis = quietly(stats::qlogis(a)), log_plogis = stats::plogis(a, log.p = TRUE), softplus = -stats::plogis(-a, log.p = TRUE),
    pnorm = stats::pnorm(a), log_pnorm = stats::pnorm(a, log.p = TRUE), tanh = tanh(a), sin = sin(a), cos = cos(a), atan = atan(a), lgamma = quietly(lgamma(a)),
    digamma = quietly(digamma(a)), add = a + b, sub = a - b, mul = a * b, div = a / b, pow = quietly(a^b), min = pmin(a, b), max = pmax(a, b),
    log_add_exp = oracle_log_add_exp(a, b), gather = a[index()],
    matvec = matrix(a, ncol = n) %*% b, sum = sum(a), prod = prod(a), cumsum = cumsum(a), log_sum_exp = oracle_log_sum_exp(a),
    largest = max(a), smallest = min(a), sum_dim = apply(array(a, ints), c(1L, 3L), sum), concat = unlist(args),
    scatter = replace(numeric(len), index(), a), matmul = oracle_matmul(a, b, ints),
    chol = tryCatch(chol(matrix(a, n)), error = function(e) rep(NaN, n * n)),
    log_det = sum(log(abs(diag(qr.R(qr(matrix(a, n))))))),
    solve = tryCatch(solve(matrix(a, n), matrix(b, n), tol = 0), error = function(e) rep(NaN, len)),
    solve_tri = tryCatch(backsolve(matrix(a, n), matrix(b, n), upper.tri = ints[3L] == 1L, transpose = ints[4L] == 1L),
                         error = function(e) rep(NaN, len)),
    stop(sprintf("The oracle has no operation `%s`.", op), call. = FALSE)
  )
}

quietly <- function(expr) suppressWarnings(expr)

oracle_log_sum_exp <- function(x) {
  top <- max(x)
  if (is.finite(top)) top + log(sum(exp(x - top))) else top
}
oracle_log_add_exp <- function(a, b) mapply(function(x, y) oracle_log_sum_exp(c(x, y)), a, b)

oracle_matmul <- function(a, b, ints) {
  shaped <- function(x, rows, cols, transposed) if (transposed) t(matrix(x, cols, rows)) else matrix(x, rows, cols)
  shaped(a, ints[1L], ints[2L], ints[4L] == 1L) %*% shaped(b, ints[2L], ints[3L], ints[5L] == 1L)
}

# A loop: its body once an iteration, its memory as a vector.
oracle_scan <- function(body, args, slots, p) {
  ops <- names(op_codes())[body$op + 1L]
  memory <- numeric(slots)
  if (body$n_initial) memory[seq_len(body$n_initial)] <- args[[1L]]
  inputs <- lapply(seq_along(ops), function(i) code_ints(body, i))
  reads <- lapply(seq_along(ops), function(i) code_args(body, i))
  for (t in seq_len(body$iterations)) {
    values <- vector("list", length(ops))
    for (i in seq_along(ops)) {
      len <- body$len[i]
      ints <- inputs[[i]]
      rows <- (t - 1L) * len + seq_len(len)
      own <- lapply(reads[[i]], function(a) values[[a + 1L]])
      values[[i]] <- switch(ops[i],
        scan_input = if (ints[2L] == 1L) args[[ints[1L] + 1L]][rows] else args[[ints[1L] + 1L]],
        scan_load = memory[p$index[[ints[1L] + 1L]][rows] + 1L],
        scan_store = memory[ints[1L] + rows] <- own[[1L]],
        as.vector(oracle_op(ops[i], own, ints, len, p))
      )
    }
  }
  memory
}

# ---- sites ----------------------------------------------------------------------------------------------------------------

oracle_bounded <- function(x, lower, upper) {
  low <- is.finite(rep_len(lower, length(x)))
  high <- is.finite(rep_len(upper, length(x)))
  width <- upper - lower
  y <- ifelse(low & high, lower + width * stats::plogis(x), ifelse(low, lower + exp(x), ifelse(high, upper - exp(x), x)))
  log_det <- ifelse(low & high, quietly(log(width)) + stats::plogis(x, log.p = TRUE) + stats::plogis(-x, log.p = TRUE), ifelse(low | high, x, 0))
  list(y = y, log_det = log_det)
}

# N events, each with its coordinates in steps of N.
oracle_vector_site <- function(z, ints) {
  map <- names(bijection_codes)[match(ints[3L], bijection_codes)]
  N <- ints[4L]
  K <- ints[5L]
  free <- switch(map, simplex = K - 1L, ordered = K, corr_cholesky = , corr_matrix = K * (K - 1L) / 2L, cov_matrix = K * (K + 1L) / 2L,
                 stop(sprintf("The oracle has no bijection `%s`.", map), call. = FALSE))
  x <- matrix(z[ints[1L] + seq_len(N * free)], N, free)
  f <- switch(map, simplex = oracle_simplex, ordered = oracle_ordered, corr_cholesky = oracle_corr_cholesky, corr_matrix = oracle_corr_matrix, cov_matrix = oracle_cov_matrix)
  events <- lapply(seq_len(N), function(e) f(x[e, ], K))
  list(y = as.vector(do.call(rbind, lapply(events, `[[`, "y"))), log_det = sum(vapply(events, `[[`, 0, "log_det")))
}

# Stick-breaking: each share is a part of what is left.
oracle_simplex <- function(x, K) {
  u <- x - log(K - seq_len(K - 1L))
  y <- numeric(K)
  log_det <- 0
  left <- 1
  for (k in seq_len(K - 1L)) {
    y[k] <- left * stats::plogis(u[k])
    log_det <- log_det + log(left) + stats::plogis(u[k], log.p = TRUE) + stats::plogis(-u[k], log.p = TRUE)
    left <- left * stats::plogis(-u[k])
  }
  y[K] <- left
  list(y = y, log_det = log_det)
}

oracle_ordered <- function(x, K) list(y = cumsum(c(x[1L], exp(x[-1L]))), log_det = sum(x[-1L]))

# Row i: partial correlations tanh(x) break the squared length 1 of the row.
oracle_corr_cholesky <- function(x, K) {
  y <- diag(K)
  log_det <- 0
  at <- 0L
  for (i in seq_len(K)[-1L]) {
    left <- 1
    for (j in seq_len(i - 1L)) {
      at <- at + 1L
      y[i, j] <- tanh(x[at]) * sqrt(left)
      log_det <- log_det + 0.5 * log(left) - 2 * log(cosh(x[at]))
      left <- left - y[i, j]^2
    }
    y[i, i] <- sqrt(left)
  }
  list(y = as.vector(y), log_det = log_det)
}

# L L' of a factor: the derivative of the strict lower triangle of L L' by that of L has the product over i of L_ii^(K - i) as determinant
# (rows of length 1), of the whole lower triangle 2^K times the product of L_ii^(K - i + 1).
oracle_corr_matrix <- function(x, K) {
  factor <- oracle_corr_cholesky(x, K)
  L <- matrix(factor$y, K)
  list(y = as.vector(L %*% t(L)), log_det = factor$log_det + sum((K - seq_len(K)) * log(diag(L))))
}

oracle_cov_matrix <- function(x, K) {
  U <- matrix(0, K, K)
  U[upper.tri(U, diag = TRUE)] <- x
  logs <- diag(U)
  diag(U) <- exp(logs)
  list(y = as.vector(t(U) %*% U), log_det = sum(logs) + K * log(2) + sum((K - seq_len(K) + 1) * logs))
}

# ---- for users ----------------------------------------------------------------------------------------------------------------

# The terms at each row of z, a column a statement: densities under the left side's name, Jacobians of bounded and vector sites apart.
statement_terms <- function(compiled, z) {
  program <- compiled$program
  ops <- names(op_codes())[program$op + 1L]
  jacobian <- vapply(which(ops %in% c("site_bounded", "site_vector")), function(i) code_ints(program, i)[2L] + 1L, 0L)
  names <- compiled$terms
  names[jacobian] <- sprintf("jacobian(%s)", names[jacobian])
  values <- t(apply(z, 1L, function(point) oracle_evaluate(program, point)))
  values <- matrix(values, nrow(z), dimnames = list(NULL, names))
  unbounded <- vapply(compiled$sites, function(s) !is.null(s$lower) && all(s$lower == -Inf) && all(s$upper == Inf), NA)
  values[, !names %in% sprintf("jacobian(%s)", names(compiled$sites)[unbounded]), drop = FALSE]
}
