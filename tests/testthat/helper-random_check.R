# Random models, third part (see helper-random.R): three evaluations of one, and a smaller one with the same fault.

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
    if (name %in% names(fullrank:::wrapper_forms)) {
      total <<- total + sum(wrapped_in_r(left, call, env))
      return()
    }
    dist <- fullrank:::dist_table()[[name]]
    args <- as.list(call)[-1L]
    args$dim <- NULL
    args <- lapply(args, eval, env)
    x <- left
    f <- fullrank:::oracle_log_density[[name]]
    if (dist$event == "scalar" && !dist$by_rows) {
      vector <- args[[length(args)]]
      total <<- total + sum(f(as.vector(x), lapply(args, as.vector), length(x), if (is.matrix(vector)) ncol(vector) else length(vector)))
    } else if (dist$event == "scalar") total <<- total + sum(f(as.vector(x), lapply(args, as.vector), 1L, 1L))
    else total <<- total + sum(f(as.vector(x), lapply(args, as.vector), if (is.matrix(x)) nrow(x) else 1L, if (is.matrix(x)) ncol(x) else length(x)))
  }
  eval(as_statements(m), env)
  total
}

# Log densities of x under a wrapper or a distribution of single numbers, from R's own densities and distribution functions.
wrapped_in_r <- function(x, call, env) {
  name <- as.character(call[[1L]])
  args <- as.list(call)[-1L]
  vectors <- identical(as.character(args[[length(args)]][[1L]]), "multi_normal_cholesky")
  size <- if (is.matrix(x)) ncol(x) else length(x)
  n <- if (vectors) length(x) %/% size else length(x)
  x <- as.vector(x)
  value <- function(e) rep_len(as.vector(eval(e, env)), n)
  plain <- function(d, x, rows = seq_along(x)) {
    if (vectors) return(fullrank:::oracle_log_density$multi_normal_cholesky(x, lapply(as.list(d)[-1L], function(e) as.vector(eval(e, env))), n, size))
    fullrank:::oracle_log_density[[as.character(d[[1L]])]](x, lapply(as.list(d)[-1L], function(e) rep_len(as.vector(eval(e, env)), n)[rows]), 1L, 1L)
  }
  interval <- function(d, low, high) fullrank:::oracle_log_interval(as.character(d[[1L]]), low, high, lapply(as.list(d)[-1L], value), n)
  bounds <- function() list(lower = if (is.null(args$lower)) rep(-Inf, n) else value(args$lower), upper = if (is.null(args$upper)) rep(Inf, n) else value(args$upper))
  d <- Filter(function(e) is.call(e) && as.character(e[[1L]]) %in% names(fullrank:::oracle_log_density), args)
  switch(name,
    truncated = { b <- bounds(); plain(d[[1L]], x) - interval(d[[1L]], b$lower, b$upper) },
    censored = {
      b <- bounds()
      ifelse(x <= b$lower, interval(d[[1L]], -Inf, b$lower), ifelse(x >= b$upper, interval(d[[1L]], b$upper, Inf), plain(d[[1L]], x)))
    },
    zero_inflated = { p <- value(args[[1L]]); f <- exp(plain(d[[1L]], x)); log(p * (x == 0) + (1 - p) * f) },
    mixture = {
      w <- eval(args[[1L]], env)
      K <- length(args) - 1L
      w <- if (is.matrix(w)) w else matrix(w, n, K, byrow = TRUE)
      logs <- vapply(seq_len(K), function(k) plain(args[[1L + k]], x), numeric(n))
      logs <- matrix(logs, n) + log(w / rowSums(w))
      apply(logs, 1L, function(v) max(v) + log(sum(exp(v - max(v)))))
    })
}

# Names that are filled element by element: R wants them to exist.
filled_names <- function(e) {
  if (!is.call(e)) return(character())
  if (identical(e[[1L]], as.name("<-")) && is.call(e[[2L]])) return(as.character(e[[2L]][[2L]]))
  unlist(lapply(as.list(e)[-1L], function(x) if (identical(x, quote(expr = ))) character() else filled_names(x)))
}

# How many of the models evaluated have each operation, distribution and function, since note_reached() was last cleared.
reached <- new.env()
note_reached <- function(m = NULL, program = NULL) {
  if (is.null(m)) return(rm(list = ls(reached, all.names = TRUE), envir = reached))
  ops <- names(fullrank:::op_codes())[c(program$op, unlist(lapply(program$bodies, `[[`, "op"))) + 1L]
  for (name in unique(c(ops, all.names(as_statements(m))))) assign(name, 1L + get0(name, reached, inherits = FALSE, ifnotfound = 0L), reached)
}

# NULL when all agree, otherwise what does not: a kind and the figures.
model_fault <- function(m, seed, tolerance = 1e-9) {
  compiled <- tryCatch(fullrank:::compile_model(as_random_model(m), m$data), error = function(e) conditionMessage(e))
  if (is.character(compiled)) return(list(kind = paste("compile:", gsub("`[^`]*`|[0-9.]+", "", sub("^In statement[^\n]*\n", "", compiled))), what = compiled))
  note_reached(m, compiled$program)
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

# Against central differences of two orders; where these do not agree with each other (a kink nearby) nothing is said. A kink between their
# points spoils one of them alone: a fault is what neither of them has.
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
  near <- function(difference) abs(gradient - difference) <= 1e-5 * (1 + abs(difference)) + noise
  bad <- sure & !near(four) & !near(two)
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
    if (is.call(e[[k]])) for (j in seq_along(e[[k]])[-1L]) if (!identical(e[[k]][[j]], quote(expr = ))) out <- c(out, list(`[[<-`(e, k, e[[k]][[j]])))
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
