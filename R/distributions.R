# The table of distributions as the C core states it: names, arguments, supports.

dist_table <- local({
  table <- NULL
  function() {
    if (is.null(table)) table <<- .Call(fullrank_dist_table)
    table
  }
})

is_dist <- function(name) name %in% names(dist_table())

# The arguments of a call `dist(...)`, matched by name and position as R matches them: a named list of
# expressions in the table's order, with `dim` beside. Missing ones take the table's default.
match_dist_args <- function(name, call, fail) {
  dist <- dist_table()[[name]]
  known <- c(vapply(dist$args, `[[`, "", "name"), "dim")
  given <- as.list(call)[-1L]
  tags <- names(given)
  if (is.null(tags)) tags <- rep("", length(given))
  for (k in which(nzchar(tags))) {
    if (!tags[k] %in% known) {
      fail(sprintf("`%s()` has no argument `%s`.", name, tags[k]), nearest_hint(tags[k], known),
           sprintf("Its arguments are %s.", enumerate(known)))
    }
  }
  if (anyDuplicated(tags[nzchar(tags)])) fail(sprintf("An argument of `%s()` is given twice.", name))
  free <- setdiff(known, c(tags, "dim"))
  unnamed <- which(!nzchar(tags))
  if (length(unnamed) > length(free)) {
    fail(sprintf("`%s()` takes %d argument%s (%s), but %d were given.", name, length(known) - 1L,
                 if (length(known) == 2L) "" else "s", enumerate(known[-length(known)]), length(given)))
  }
  tags[unnamed] <- free[seq_along(unnamed)]
  names(given) <- tags
  for (arg in dist$args) {
    if (!arg$name %in% tags) {
      if (is.na(arg$default)) fail(sprintf("`%s()` needs its argument `%s`.", name, arg$name))
      given[[arg$name]] <- arg$default
    }
  }
  given[c(setdiff(known, "dim"), intersect("dim", tags))]
}

# The arguments of a call that was checked before.
match_checked_args <- function(name, call) match_dist_args(name, call, function(...) stop("internal: ", paste(...), call. = FALSE))

# Which elements of x (a vector; a matrix with one event a row for vector distributions) lie outside the
# support of an observed value. `args` holds data arguments (NULL when latent), `categories` is how many there are.
outside_support <- function(dist, x, args, categories = Inf) {
  whole <- function(v) v == floor(v)
  size <- if (dist$size_arg > 0L) args[[dist$size_arg]]
  bound <- function(k, default) if (k > 0L && is.numeric(args[[k]])) args[[k]] else default
  switch(dist$support,
    real = , real_vector = is.infinite(x) & FALSE,
    positive = , nonnegative = , positive_vector = x < 0,
    unit = , open_unit = x < 0 | x > 1,
    category = x < 1 | !whole(x) | x > categories,
    bounded = x < bound(dist$lower_arg, -Inf) | x > bound(dist$upper_arg, Inf),
    binary = x != 0 & x != 1,
    count = x < 0 | !whole(x),
    count_to_size = x < 0 | !whole(x) | x > size,
    count_vector = x < 0 | !whole(x),
    simplex = {
      m <- if (is.matrix(x)) x else matrix(x, 1L)
      bad <- abs(rowSums(m) - 1) > 1e-8
      m < 0 | m > 1 | bad
    },
    cholesky = , corr_cholesky = , corr_matrix = , cov_matrix = rep(!is.null(matrix_fault(x, dist$support)), length(x)),
    stop("internal: unknown support '", dist$support, "'")
  )
}

# What an argument's values must be and are not, to go after "must be"; NULL when all is well.
argument_fault <- function(x, support) {
  if (support %in% c("cholesky", "corr_cholesky", "corr_matrix", "cov_matrix")) {
    square <- length(x) == 1L || (is.matrix(x) && nrow(x) == ncol(x))
    fault <- if (square) matrix_fault(x, support)
    return(if (!is.null(fault)) sprintf("%s: %s.", matrix_kinds[[support]], fault))
  }
  whole <- function(v) v == floor(v)
  bad <- switch(support,
    positive = , positive_vector = x <= 0, nonnegative = x < 0, nonnegative_vector = x < 0 | all_zero(x),
    unit = x < 0 | x > 1, open_unit = x <= 0 | x >= 1,
    count = x < 0 | !whole(x), correlation = x <= -1 | x >= 1, nodes = x < 1 | !whole(x),
    ordered_vector = if (length(x) > 1L && !is.matrix(x)) c(FALSE, diff(as.vector(x)) <= 0) else FALSE,
    FALSE)
  if (!any(bad)) return()
  need <- switch(support,
    positive = , positive_vector = "positive", nonnegative = "at least 0", nonnegative_vector = "at least 0, and not all 0",
    unit = "between 0 and 1",
    open_unit = "between 0 and 1, both excluded", count = "a count", correlation = "between -1 and 1, both excluded",
    nodes = "numbers of elements, from 1", ordered_vector = "increasing")
  sprintf("%s, but it has %s.", need, paste(utils::head(format(x[bad]), 3L), collapse = ", "))
}

# Which elements of weights (a vector, or a matrix with one set of them a row) belong to a set without any.
all_zero <- function(x) if (is.matrix(x)) rep(rowSums(x != 0) == 0, ncol(x)) else rep(all(x == 0), length(x))

matrix_kinds <- c(cholesky = "a lower triangular matrix with a positive diagonal", corr_cholesky = "the Cholesky factor of a correlation matrix",
                  corr_matrix = "a correlation matrix", cov_matrix = "symmetric and positive definite")

# What keeps a square matrix from being of a kind, in words; NULL when nothing does. Rounding errors up to `tolerance` pass.
matrix_fault <- function(x, kind, tolerance = 1e-8) {
  x <- unname(as.matrix(x))
  found <- function(bad) {
    at <- which(bad, arr.ind = TRUE)[1L, ]
    sprintf("element [%d,%d] is %s", at[1L], at[2L], format(x[at[1L], at[2L]], digits = 6L))
  }
  on_diagonal <- row(x) == col(x)
  if (kind %in% c("cholesky", "corr_cholesky")) {
    if (any(bad <- row(x) < col(x) & x != 0)) return(paste(found(bad), "instead of 0"))
    if (any(bad <- on_diagonal & x <= 0)) return(found(bad))
    squares <- rowSums(x^2)
    off <- which(abs(squares - 1) > tolerance)
    if (kind == "corr_cholesky" && length(off)) return(sprintf("the squares of row %d sum to %s instead of 1", off[1L], format(squares[off[1L]], digits = 6L)))
    return()
  }
  if (kind == "corr_matrix" && any(bad <- on_diagonal & abs(x - 1) > tolerance)) return(paste(found(bad), "instead of 1"))
  sds <- sqrt(abs(diag(x)))
  if (any(bad <- lower.tri(x) & abs(x - t(x)) > tolerance * outer(sds, sds))) {
    at <- which(bad, arr.ind = TRUE)[1L, ]
    return(sprintf("it is not symmetric, %s but [%d,%d] is %s", found(bad), at[2L], at[1L], format(x[at[2L], at[1L]], digits = 6L)))
  }
  if (is.null(tryCatch(chol(x), error = function(e) NULL))) {
    smallest <- min(eigen((x + t(x)) / 2, symmetric = TRUE, only.values = TRUE)$values)
    return(sprintf("it is not positive definite, its smallest eigenvalue is %s", format(smallest, digits = 3L)))
  }
}

support_text <- function(dist, categories = Inf) {
  switch(dist$support,
    positive = , nonnegative = , positive_vector = "positive numbers", unit = , open_unit = "numbers between 0 and 1",
    category = sprintf("categories 1, 2, ... as numbers%s",
                       if (is.finite(categories)) sprintf(", up to %d", as.integer(categories)) else ""),
    bounded = "numbers between its bounds", binary = "0 or 1", count = "counts 0, 1, 2, ...",
    count_to_size = "counts from 0 to `size`", count_vector = "counts", simplex = "vectors of shares that sum to 1", "numbers")
}
