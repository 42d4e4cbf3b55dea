# The response of a regression: checked against its family, as numbers that the model language takes.

# A list of y (n numbers; categories count from 1), size (trials, or NULL), levels (of a category), weights (those that are left
# after proportions have used them; or NULL) and messages. `trials` and `weights` are NULL when not given.
read_response <- function(y, family, weights = NULL, trials = NULL, name = "y") {
  check_weights(weights, NROW(y))
  if (inherits(y, "Surv")) stop(sprintf("The response `%s` is a Surv object: write `time | cens(status)` instead.", name), call. = FALSE)
  kind <- family$table$response
  if (kind %in% c("binomial", "binary")) return(read_binomial(y, kind, weights, trials, name, family$name))
  if (!is.null(trials)) stop(sprintf("`trials()` goes with family binomial or \"beta_binomial\", not with %s.", family$name), call. = FALSE)
  if (kind %in% c("ordinal", "nominal")) return(c(read_categories(y, kind, name, family$name), list(weights = weights)))
  list(y = read_numbers(y, kind, name, family$name), weights = weights, messages = all_zero_message(y, kind, name))
}

check_weights <- function(weights, n) {
  if (is.null(weights)) return()
  if (!is.numeric(weights) || length(weights) != n) stop(sprintf("`weights` must be %d numbers, one a row, not %s.", n, shape_and_class(weights)), call. = FALSE)
  bad <- is.na(weights) | weights < 0 | is.infinite(weights)
  if (any(bad)) stop(sprintf("`weights` must be finite and not negative, but %s %s (first in %s).", enumerate(format(utils::head(unique(weights[bad]), 3L)), ""),
                             if (sum(bad) == 1L) "occurs" else "occur", first_rows(bad)), call. = FALSE)
  if (all(weights == 0)) stop("All `weights` are 0: no observation is left.", call. = FALSE)
}

# ---- numbers ---------------------------------------------------------------------------------------------------------

response_needs <- c(real = "numbers", positive = "positive numbers", count = "counts 0, 1, 2, ...", unit = "numbers between 0 and 1, both excluded")

read_numbers <- function(y, kind, name, family) {
  if (is.matrix(y) && ncol(y) > 1L) {
    stop(sprintf("The response `%s` has %d columns, but family %s takes one%s.", name, ncol(y), family,
                 if (ncol(y) == 2L) "; cbind(success, failure) goes with family binomial" else ": fit one regression for each"), call. = FALSE)
  }
  if (is.factor(y) || is.character(y) || !(is.numeric(y) || is.logical(y))) {
    stop(sprintf("The response `%s` is a %s, but family %s takes %s.%s", name, class(y)[1L], family, response_needs[[kind]],
                 if (is.factor(y) || is.character(y)) " For classes there are the families binomial, \"cumulative\" and \"categorical\"." else ""), call. = FALSE)
  }
  y <- as.double(y)
  bad <- !is.finite(y) | switch(kind, positive = y <= 0, count = y < 0 | y != floor(y), unit = y <= 0 | y >= 1, FALSE)
  if (any(bad)) {
    stop(sprintf("The response `%s` has %s that family %s does not take (first in %s: %s). It takes %s.", name, count_of(sum(bad), "value"),
                 family, first_rows(bad), paste(format(utils::head(y[bad], 3L)), collapse = ", "), response_needs[[kind]]), call. = FALSE)
  }
  y
}

all_zero_message <- function(y, kind, name) {
  if (kind == "count" && length(y) && all(y == 0)) sprintf("All values of `%s` are 0: how far below the intercept goes is decided by its prior.", name)
}

# ---- successes out of trials -----------------------------------------------------------------------------------------

read_binomial <- function(y, kind, weights, trials, name, family) {
  out <- if (is.matrix(y) && ncol(y) == 2L) {
    if (kind == "binary") stop(sprintf("cbind(success, failure) goes with family binomial, not with %s.", family), call. = FALSE)
    read_counts(y, weights, name)
  } else if (!is.null(trials)) {
    read_trials(y, trials, weights, name)
  } else {
    read_binary(y, kind, weights, name, family)
  }
  if (is.null(out$size) && family == "beta_binomial") {
    stop(sprintf("Family \"beta_binomial\" needs the number of trials: cbind(success, failure), or `%s | trials(n)`.", name), call. = FALSE)
  }
  success <- if (is.null(out$size)) out$y else out$y / pmax(out$size, 1)
  n <- if (is.null(out$size)) 1 else out$size
  out$messages <- if (all(out$y == 0)) sprintf("All of `%s` are failures: how far below the intercept goes is decided by its prior.", name)
    else if (all(out$y == n)) sprintf("All of `%s` are successes: how far up the intercept goes is decided by its prior.", name)
  out
}

check_whole <- function(x, what) {
  bad <- is.na(x) | x < 0 | abs(x - round(x)) > 1e-3
  if (any(bad)) stop(sprintf("%s must be counts, but %s %s not (first in %s: %s).", what, big(sum(bad)), if (sum(bad) == 1L) "is" else "are", first_rows(bad),
                             paste(format(utils::head(x[bad], 3L)), collapse = ", ")), call. = FALSE)
  round(x)
}

read_counts <- function(y, weights, name) {
  storage.mode(y) <- "double"
  y <- matrix(check_whole(as.vector(y), sprintf("The successes and failures of `%s`", name)), ncol = 2L)
  list(y = y[, 1L], size = y[, 1L] + y[, 2L], weights = weights)
}

read_trials <- function(y, trials, weights, name) {
  y <- check_whole(as.double(y), sprintf("The values of `%s`", name))
  size <- check_whole(rep_len(as.double(trials), length(y)), "The numbers of trials")
  if (any(y > size)) stop(sprintf("`%s` exceeds its number of trials (first in %s).", name, first_rows(y > size)), call. = FALSE)
  list(y = y, size = size, weights = weights)
}

# Factor (first level against the others, as in glm), logical, 0 and 1, or a proportion whose weights are the trials.
read_binary <- function(y, kind, weights, name, family) {
  if (is.character(y)) y <- factor(y)
  levels <- NULL
  if (is.factor(y)) {
    if (nlevels(y) < 2L) stop(sprintf("The response `%s` has the one level \"%s\": nothing to tell apart.", name, levels(y)), call. = FALSE)
    levels <- levels(y)
    y <- as.integer(y) > 1L
  }
  if (!is.logical(y) && !is.numeric(y)) stop(sprintf("The response `%s` is of class %s, but family %s takes 0 and 1, TRUE and FALSE, or a factor.", name, class(y)[1L], family), call. = FALSE)
  y <- as.double(y)
  if (any(y < 0 | y > 1)) {
    bad <- y < 0 | y > 1
    stop(sprintf("The response `%s` has %s outside 0 and 1 (first in %s: %s). Counts of successes are given as cbind(success, failure) or `%s | trials(n)`.", name,
                 count_of(sum(bad), "value"), first_rows(bad), paste(format(utils::head(y[bad], 3L)), collapse = ", "), name), call. = FALSE)
  }
  whole <- all(y == 0 | y == 1)
  if (kind == "binary" && !whole) stop(sprintf("The response `%s` must be 0 or 1 for family \"bernoulli\".", name), call. = FALSE)
  if (is.null(weights) && !whole) stop(sprintf("The response `%s` is a proportion: give its numbers of trials as `weights`, or use family \"beta\".", name), call. = FALSE)
  if (is.null(weights) || kind == "binary") return(list(y = y, levels = levels, weights = weights))
  size <- check_whole(weights, "The `weights` of a proportion are numbers of trials: they")
  list(y = check_whole(y * size, sprintf("`%s` times its `weights`", name)), size = size, levels = levels)
}

# ---- categories ------------------------------------------------------------------------------------------------------

read_categories <- function(y, kind, name, family) {
  if (is.matrix(y)) stop(sprintf("The response `%s` is a matrix, but family \"%s\" takes a factor.", name, family), call. = FALSE)
  if (is.numeric(y) && any(y != floor(y))) stop(sprintf("The response `%s` must be a factor or whole numbers for family \"%s\".", name, family), call. = FALSE)
  if (kind == "ordinal" && (is.character(y) || is.logical(y))) stop(sprintf("The response `%s` is %s: make it an ordered factor, factor(%s, levels = ..., ordered = TRUE), to say the order.", name, class(y)[1L], name), call. = FALSE)
  y <- if (is.factor(y)) y else factor(y)
  y <- droplevels(y)
  if (nlevels(y) < 2L) stop(sprintf("The response `%s` has one level only: nothing to tell apart.", name), call. = FALSE)
  list(y = as.double(as.integer(y)), levels = levels(y))
}

# ---- y | cens(status), y | trunc(lower, upper), y | trials(n) -----------------------------------------------------------

# The left side of a formula: the response, and in `$extra` the expressions of what follows `|`.
split_response <- function(left) {
  out <- list(response = left, extra = list())
  if (!is.call(left) || !identical(left[[1L]], as.name("|"))) return(out)
  out$response <- left[[2L]]
  for (part in split_sum(left[[3L]])) {
    name <- if (is.call(part) && is.symbol(part[[1L]])) as.character(part[[1L]]) else ""
    if (!name %in% c("cens", "trunc", "trials")) {
      stop(sprintf("`%s` after `|` on the left of the formula is not known: there are cens(status), trunc(lower, upper) and trials(n)%s.", statement_text(part),
                   if (name == "weights") "; weights are an argument, `weights = `" else ""), call. = FALSE)
    }
    form <- switch(name, cens = function(status) NULL, trunc = function(lower, upper) NULL, trials = function(n) NULL)
    matched <- tryCatch(match.call(form, part), error = function(e) stop(sprintf("`%s` could not be read: %s.", statement_text(part), conditionMessage(e)), call. = FALSE))
    args <- as.list(matched)[-1L]
    if (!length(args)) stop(sprintf("`%s()` on the left of the formula needs an argument.", name), call. = FALSE)
    names(args) <- paste(name, names(args), sep = "_")
    out$extra <- c(out$extra, args)
  }
  out
}

# The value of one of them: a column of the model frame, or one number for all rows.
extra_value <- function(left, name, frame) {
  expr <- left$extra[[name]]
  if (is.null(expr)) return(NULL)
  if (length(all.vars(expr))) frame[[paste0("(", name, ")")]] else rep_len(eval(expr, baseenv()), nrow(frame))
}

split_sum <- function(expr) {
  if (is.call(expr) && identical(expr[[1L]], as.name("+")) && length(expr) == 3L) return(c(split_sum(expr[[2L]]), list(expr[[3L]])))
  list(expr)
}

censoring_codes <- c(left = -1, none = 0, right = 1)

# -1 left, 0 none, 1 right, from words, numbers or logicals (TRUE: right).
read_censoring <- function(status, n) {
  if (is.factor(status)) status <- as.character(status)
  code <- if (is.character(status)) unname(censoring_codes[status]) else if (is.logical(status) || is.numeric(status)) as.double(status)
  if (length(code) != n || anyNA(code) || !all(code %in% censoring_codes)) {
    stop("`cens()` takes one status a row: \"none\", \"right\" or \"left\"; or 0, 1, -1; or TRUE for right-censored.", call. = FALSE)
  }
  code
}
