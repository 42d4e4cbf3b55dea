# An R function as a log density: its values and gradients at several points, and the check of the gradient.

# list(log_prob (S), gradient (S x d) or NULL) at each row of z.
evaluate_function <- function(p, z, gradient) {
  colnames(z) <- p$names
  log_prob <- function_values(p, z)
  list(log_prob = log_prob, gradient = if (gradient) {
    if (is.null(p$gradient)) difference_gradients(p, z, log_prob) else function_gradients(p, z, log_prob)
  })
}

function_values <- function(p, z) {
  each <- function(v, s) {
    if (length(v) == 1L && (is.numeric(v) || is.logical(v) && is.na(v))) return(as.double(v))
    fail_density("The log density", sprintf("must return one number, but returned %s", returned_text(v)), z[s, ], p$names)
  }
  if (!p$vectorized) return(at_rows(p, p$fn, "The log density", z, each, 1))
  v <- call_once(p, p$fn, "The log density", z)
  if (is.numeric(v) && length(v) == nrow(z) || is.logical(v) && length(v) == nrow(z) && all(is.na(v))) return(as.double(v))
  fail_density("The log density", sprintf("must return one number a row of the matrix that it is given, here %d, but returned %s", nrow(z), returned_text(v)), z[1L, ], p$names)
}

# Not asked where the density is not finite: many gradients cannot be computed there.
function_gradients <- function(p, z, log_prob) {
  out <- matrix(NaN, nrow(z), ncol(z))
  at <- which(is.finite(log_prob))
  if (!length(at)) return(out)
  z <- z[at, , drop = FALSE]
  each <- function(v, s) {
    if (is.numeric(v) && length(v) == p$d) return(as.double(v))
    fail_density("The gradient", sprintf("must be %s, but `gradient` returned %s", count_of(p$d, "number"), returned_text(v)), z[s, ], p$names)
  }
  if (!p$vectorized) {
    out[at, ] <- t(matrix(at_rows(p, p$gradient, "The gradient", z, each, p$d), p$d))
    return(out)
  }
  v <- call_once(p, p$gradient, "The gradient", z)
  if (!is.numeric(v) || !(identical(as.integer(dim(v)), dim(z)) || is.null(dim(v)) && nrow(z) == 1L && length(v) == p$d)) {
    fail_density("The gradient", sprintf("must be a matrix with one point a row, here %d x %d, but `gradient` returned %s", nrow(z), p$d, returned_text(v)), z[1L, ], p$names)
  }
  out[at, ] <- v
  out
}

# One call a row. The handler is set up once, and says at which row it was.
at_rows <- function(p, f, what, z, each, length) {
  s <- 0L
  tryCatch(
    vapply(seq_len(nrow(z)), function(k) {
      s <<- k
      point <- z[k, ]
      names(point) <- p$names # one coordinate alone loses its name
      each(if (p$with_data) f(point, p$data) else f(point), k)
    }, numeric(length)),
    error = function(e) if (inherits(e, "fullrank_density_error")) stop(e) else fail_density(what, threw(e), z[s, ], p$names)
  )
}

call_once <- function(p, f, what, z) {
  tryCatch(if (p$with_data) f(z, p$data) else f(z), error = function(e) fail_density(what, threw(e), z[1L, ], p$names))
}

threw <- function(e) {
  call <- conditionCall(e)
  sprintf("threw an error%s: %s", if (is.null(call)) "" else sprintf(" in `%s`", statement_text(call)), sub("\\.$", "", conditionMessage(e)))
}

# ---- central differences -------------------------------------------------------------------------------------------------

# A gradient by differences costs 2 d densities; beyond so many coordinates a fit would take minutes where a gradient takes a second.
most_differences <- 200L

difference_gradients <- function(p, z, log_prob) {
  S <- nrow(z)
  d <- ncol(z)
  h <- .Machine$double.eps^(1 / 3) * pmax(abs(z), 1)
  out <- matrix(NaN, S, d)
  up <- z + h # what h is in the end, after rounding
  down <- z - h
  for (s in which(is.finite(log_prob))) {
    points <- z[rep(s, 2L * d), , drop = FALSE]
    at <- cbind(seq_len(d), seq_len(d))
    points[at] <- up[s, ]
    points[at + rep(c(d, 0L), each = d)] <- down[s, ]
    v <- function_values(p, points)
    out[s, ] <- (v[seq_len(d)] - v[d + seq_len(d)]) / (up[s, ] - down[s, ])
  }
  out
}

difference_message <- function(d) {
  sprintf("No `gradient` was given: each gradient is taken by central differences, at %s of the log density. A `gradient` makes the fit faster and more exact.",
          count_of(2 * d + 1, "evaluation"))
}

# ---- the check of a gradient -----------------------------------------------------------------------------------------------

# Warns where a gradient is not that of its density, at a draw from the guide as it starts (its centre may be a stationary point). All of
# up to 50 coordinates are compared; of more, first the derivative along a random direction, which all of them enter.
check_gradient <- function(compiled, g, seed) {
  for (k in 1:5) {
    z <- as.vector(sample_guide(g, draw_eps(1L, length(g$loc), mix_seed(seed, 5000 + k), "init")))
    at <- evaluate_points(compiled, z, TRUE)
    if (is.finite(at$log_prob) && all(is.finite(at$gradient))) break
    if (k == 5L) return(invisible())
  }
  gradient <- as.vector(at$gradient)
  d <- length(z)
  if (d > 50L) {
    direction <- sign(uniform_numbers(d, mix_seed(seed, 4999)) - 0.5)
    found <- compare_slopes(compiled, z, at$log_prob, sum(gradient * direction), matrix(direction, 1L))
    if (!found$wrong) return(invisible())
  }
  found <- compare_slopes(compiled, z, at$log_prob, gradient, diag(d))
  if (any(found$wrong)) warning(gradient_warning(compiled$coord_names, gradient, found), call. = FALSE)
}

# `slopes` against differences along the rows of `directions`. The disagreement of two step sizes says how exact these are.
compare_slopes <- function(compiled, z, log_prob, slopes, directions) {
  slope_at <- function(h) {
    steps <- h * directions
    values <- evaluate_points(compiled, rbind(rep(z, each = nrow(steps)) + steps, rep(z, each = nrow(steps)) - steps))$log_prob
    n <- nrow(steps)
    (values[seq_len(n)] - values[n + seq_len(n)]) / (2 * h)
  }
  h <- 1e-4 * max(1, stats::median(abs(z)))
  wide <- slope_at(h)
  narrow <- slope_at(h / 2)
  allowed <- 1e-4 * pmax(abs(slopes), abs(narrow)) + 5 * abs(wide - narrow) + 1e-7 + 100 * .Machine$double.eps * abs(log_prob) / h
  wrong <- abs(slopes - narrow) > allowed
  list(wrong = !is.na(wrong) & wrong, slopes = narrow)
}

gradient_warning <- function(names, gradient, found) {
  bad <- which(found$wrong)
  k <- bad[which.max(abs(gradient - found$slopes)[bad])]
  number <- function(x) format(signif(x, 5))
  paste0(sprintf("The gradient is not that of the log density: for `%s` it says %s, differences of the log density say %s", names[k], number(gradient[k]), number(found$slopes[k])),
         if (length(bad) > 1L) sprintf(" (and %s more of %s coordinates differ: %s)", big(length(bad) - 1L), big(length(names)), enumerate(utils::head(setdiff(names[bad], names[k]), 3L))),
         ".", if (all(abs(gradient + found$slopes)[bad] < 1e-3 * abs(gradient[bad]))) " Its sign is turned: both must be of the log density, not of its negative.")
}
