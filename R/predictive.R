# The distribution of an observation at draws: samples and log densities, from the same calls that the lowered model states.

# Evaluates the arguments of a distribution's call at draws and flattens them: S * n numbers each, or one.
dist_arguments <- function(call, values, S, n) {
  name <- statement_head(call)
  args <- match_checked_args(name, call)
  lapply(args[setdiff(names(args), "dim")], function(e) {
    x <- eval(e, values, asNamespace("stats"))
    if (length(x) %in% c(1L, S * n)) as.double(x) else rep_len(as.double(x), S * n)
  })
}

# The values that calls read, with the data's own vectors as S x n matrices.
with_row_data <- function(values, S, ...) {
  data <- Filter(Negate(is.null), list(...))
  c(values, lapply(data, function(x) matrix(rep(x, each = S), S)))
}

# A sample of each observation at each draw: S x n.
sample_dist <- function(call, values, S, n, seed) {
  name <- statement_head(call)
  if (S * n == 0) return(matrix(0, S, n))
  uniforms <- function(k) matrix(uniform_numbers(S * n, mix_seed(seed, k)), S)
  if (name == "zero_inflated") return(sample_dist(call[[3L]], values, S, n, seed) * (uniforms(1) >= values$zi))
  if (name == "hurdle") {
    p0 <- exp(-values$mu)
    return(matrix(stats::qpois(p0 + uniforms(2) * (1 - p0), values$mu), S) * (uniforms(1) >= values$zi))
  }
  args <- dist_arguments(call, values, S, n)
  matrix(.Call(fullrank_dist_sample, name, as.integer(S * n), unname(args), 1L, seed, streams[["predict"]]), S)
}

# Samples within bounds, by drawing again what fell outside.
sample_within <- function(call, values, S, n, seed, lower, upper, tries = 1000L) {
  out <- sample_dist(call, values, S, n, seed)
  low <- if (is.null(lower)) -Inf else rep(lower, each = S)
  high <- if (is.null(upper)) Inf else rep(upper, each = S)
  for (k in seq_len(tries)) {
    bad <- which(out < low | out > high)
    if (!length(bad)) return(out)
    out[bad] <- sample_dist(call, values, S, n, mix_seed(seed, 100 + k))[bad]
  }
  stop(sprintf("%s of the samples still lie outside trunc() after %s draws each: the model puts almost no mass inside.", big(length(bad)), big(tries)), call. = FALSE)
}

# Log density of y (n) at each draw: S x n.
log_prob_dist <- function(call, values, y, S) {
  n <- length(y)
  name <- statement_head(call)
  if (S * n == 0) return(matrix(0, S, n))
  if (name == "zero_inflated") {
    base <- log_prob_dist(call[[3L]], values, y, S)
    return(with_zeros(rep(y == 0, each = S), log(values$zi + (1 - values$zi) * exp(base)), log1p(-values$zi) + base))
  }
  if (name == "hurdle") {
    base <- log_prob_dist(quote(poisson(mu)), values, y, S) - log(-expm1(-values$mu))
    return(with_zeros(rep(y == 0, each = S), log(values$zi) + 0 * values$mu, log1p(-values$zi) + base))
  }
  args <- dist_arguments(call, values, S, n)
  matrix(.Call(fullrank_dist_log_prob, name, rep(as.double(y), each = S), unname(args), FALSE, 1L)$log_prob, S)
}

with_zeros <- function(zero, yes, no) {
  no[zero] <- yes[zero]
  no
}

# ---- of a fit -------------------------------------------------------------------------------------------------------------------

# The response's y, size and weights at the rows of a prediction; NULL where newdata does not have them.
response_at <- function(object, at) {
  reg <- object$regression
  if (is.null(at$newdata)) return(reg$response)
  left <- split_response(main_formula(object$formula)[[2L]])
  get <- function(expr) tryCatch(eval(expr, at$newdata, reg$env), error = function(e) NULL)
  y <- get(left$response)
  if (!is.null(reg$response$levels) && !is.null(y) && reg$family$table$response %in% c("ordinal", "nominal", "binary")) y <- factor(y, levels = reg$response$levels, ordered = is.ordered(y))
  weights <- if (!is.null(reg$args$weights)) get(reg$args$weights)
  trials <- if (!is.null(left$extra$trials_n)) get(left$extra$trials_n)
  take <- function(x) if (is.null(x)) NULL else if (is.matrix(x)) x[at$rows, , drop = FALSE] else if (length(x) == 1L) rep_len(x, at$n) else x[at$rows]
  out <- list(precision = if (!is.null(reg$response$precision)) take(weights), times = if (!is.null(reg$response$times)) take(weights))
  if (!is.null(y) && NROW(y) == at$total && !anyNA(take(y))) {
    family <- reg$family
    family$table <- family_table[[family$name]]
    read <- new_response(take(y), family, take(weights), take(trials), reg$response)
    out[c("y", "size")] <- list(read$y, read$size)
  } else if (!is.null(trials)) {
    out$size <- as.double(take(trials))
  } else if (!is.null(weights) && family_is_binomial(reg)) {
    out$size <- as.double(take(weights))
  }
  for (name in c("lower", "upper")) {
    expr <- left$extra[[paste0("trunc_", name)]]
    if (is.null(expr)) next
    bound <- get(expr)
    if (is.null(bound)) stop(sprintf("The response has the bound `trunc(%s = %s)`, which `newdata` lacks.", name, statement_text(expr)), call. = FALSE)
    out[[name]] <- take(rep_len(bound, at$total))
  }
  status <- if (!is.null(left$extra$cens_status)) get(left$extra$cens_status)
  if (!is.null(status)) out$status <- read_censoring(take(rep_len(status, at$total)), at$n)
  out
}

family_is_binomial <- function(reg) reg$family$name %in% c("binomial", "beta_binomial") && !is.null(reg$response$size)

# As read_response(), with the levels of the training data.
new_response <- function(y, family, weights, trials, training) {
  if (is.factor(y)) return(list(y = if (family$table$response %in% c("ordinal", "nominal")) as.double(as.integer(y)) else as.double(as.integer(y) > 1L)))
  suppressMessages(read_response(y, family, weights, trials, training$name))
}

main_formula <- function(formulas) {
  if (is_formula(formulas)) return(formulas)
  parameter <- vapply(formulas, function(f) length(f) == 3L && is.symbol(f[[2L]]) && as.character(f[[2L]]) %in% names(parameter_links), NA)
  formulas[[which(!parameter)[1L]]]
}

# Samples of the response: S x n; categories as their numbers. `rows` (of `at`) may repeat some.
predictive_samples <- function(object, at, values, new_levels, seed, response = response_at(object, at), rows = seq_len(at$n)) {
  reg <- object$regression
  S <- nrow(values[[1L]])
  n <- length(rows)
  take <- function(x) if (is.matrix(x) && ncol(x) == at$n) x[, rows, drop = FALSE] else x
  v <- predictor_values(object, at, values, new_levels, seed)
  if (reg$family$table$response %in% c("ordinal", "nominal")) {
    p <- lapply(category_probabilities(reg, v), take)
    u <- matrix(uniform_numbers(S * n, mix_seed(seed, 11)), S)
    cumulative <- Reduce(`+`, p, accumulate = TRUE)
    return(1 + Reduce(`+`, lapply(cumulative[-length(p)], function(c) u > c)))
  }
  v <- lapply(with_row_data(v, S, size = needed_size(reg, response), weights = own_precision(reg, response, at$n)), take)
  dist <- family_dist(reg$family, !is.null(reg$response$precision))
  if (is.null(response$lower) && is.null(response$upper)) return(sample_dist(dist, v, S, n, mix_seed(seed, 12)))
  sample_within(dist, v, S, n, mix_seed(seed, 12), response$lower[rows], response$upper[rows])
}

# Where the Normal has draws that the posterior does not have, such as a probability above 1 under a log link, their samples are NaN. Quantiles of a
# column are those of the others.
sample_quantiles <- function(x, probs) {
  warn_impossible(rowSums(is.nan(x)) > 0)
  column_quantiles(x, probs, na.rm = TRUE)
}

# The samples of the draws that are possible at all rows.
possible_draws <- function(x) {
  lost <- rowSums(is.nan(x)) > 0
  if (all(lost)) stop("No draw of the fitted Normal gives every observation a distribution: there is nothing to compare with.", call. = FALSE)
  warn_impossible(lost)
  x[!lost, , drop = FALSE]
}

warn_impossible <- function(lost) {
  if (any(lost)) {
    warning(sprintf("At %s of %s draws an observation has no distribution, such as a probability above 1: these the posterior does not have, and they are left out.",
                    big(sum(lost)), big(length(lost))), call. = FALSE)
  }
}

# Rows of the training data, each as often as its weight says that it counts.
counted_rows <- function(reg) {
  times <- reg$response$times
  n <- length(reg$response$y)
  if (is.null(times) || any(times != floor(times))) seq_len(n) else rep(seq_len(n), times)
}

needed_size <- function(reg, response) {
  if (is.null(reg$response$size)) return(NULL)
  if (is.null(response$size)) stop("`newdata` must say the numbers of trials: the columns of the response, of trials(), or of `weights`, as the formula has them.", call. = FALSE)
  response$size
}

# The weights that divide the dispersion: 1 where newdata does not say, and for rows without weight, which are new observations like any.
own_precision <- function(reg, response, n) {
  if (is.null(reg$response$precision)) return(NULL)
  if (is.null(response$precision)) rep(1, n) else ifelse(response$precision > 0, response$precision, 1)
}

# Log density of each observation at each draw: S x n; rows count as often as their weight says.
pointwise_log_lik <- function(object, at, values, new_levels, seed) {
  response <- response_at(object, at)
  if (is.null(response$y)) stop("`newdata` must have the response, without missing values.", call. = FALSE)
  out <- single_log_lik(object, at, values, new_levels, seed, response)
  times <- if (is.null(response$precision)) response$times else as.double(response$precision > 0)
  if (is.null(times)) out else out * rep(times, each = nrow(out))
}

# The same with each row counted once.
single_log_lik <- function(object, at, values, new_levels, seed, response) {
  reg <- object$regression
  S <- nrow(values[[1L]])
  v <- predictor_values(object, at, values, new_levels, seed)
  if (reg$family$table$response %in% c("ordinal", "nominal")) {
    p <- category_probabilities(reg, v)
    return(log(vapply(seq_len(at$n), function(i) p[[response$y[i]]][, i], numeric(S))))
  }
  v <- with_row_data(v, S, size = response$size, weights = own_precision(reg, response, at$n))
  dist <- family_dist(reg$family, !is.null(reg$response$precision))
  out <- log_prob_dist(dist, v, response$y, S)
  if (!is.null(response$lower) || !is.null(response$upper)) {
    bound <- function(b, none) if (is.null(b)) none else rep(b, each = S)
    return(out - log_interval_dist(dist, v, bound(response$lower, -Inf), bound(response$upper, Inf), S, at$n))
  }
  censored_rows(out, dist, v, response, S)
}

# log P(lower <= X <= upper) of each observation at each draw.
log_interval_dist <- function(call, values, lower, upper, S, n) {
  if (S * n == 0) return(matrix(0, S, n))
  args <- dist_arguments(call, values, S, n)
  matrix(.Call(fullrank_dist_log_interval, statement_head(call), rep_len(as.double(lower), S * n), rep_len(as.double(upper), S * n), unname(args)), S)
}

# A censored observation counts with the probability of lying where it may.
censored_rows <- function(out, dist, values, response, S) {
  n <- length(response$y)
  at <- rep(response$y, each = S)
  for (side in c(-1, 1)) {
    rows <- which(response$status == side)
    if (!length(rows)) next
    tail <- if (side == 1) log_interval_dist(dist, values, at, Inf, S, n) else log_interval_dist(dist, values, -Inf, at, S, n)
    out[, rows] <- tail[, rows]
  }
  out
}
