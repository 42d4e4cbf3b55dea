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
    corr_cholesky = {
      rows <- abs(rowSums(x^2) - 1) > 1e-8
      matrix(rows, nrow(x), ncol(x)) | (upper.tri(x) & x != 0) | (row(x) == col(x) & x <= 0)
    },
    cholesky = (upper.tri(x) & x != 0) | (row(x) == col(x) & x <= 0),
    stop("internal: unknown support '", dist$support, "'")
  )
}

support_text <- function(dist) {
  switch(dist$support,
    positive = , nonnegative = , positive_vector = "positive numbers", unit = , open_unit = "numbers between 0 and 1", category = "categories 1, 2, ... as numbers",
    bounded = "numbers between its bounds", binary = "0 or 1", count = "counts 0, 1, 2, ...",
    count_to_size = "counts from 0 to `size`", count_vector = "counts", simplex = "vectors of shares that sum to 1",
    corr_cholesky = "Cholesky factors of correlation matrices", cholesky = "Cholesky factors", "numbers")
}
