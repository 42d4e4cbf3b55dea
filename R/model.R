#' State a model
#'
#' A model is a set of sample statements in braces. They are captured, never evaluated as they stand:
#' [fullrank()] compiles them together with the data.
#'
#' @param statements An expression in braces:
#' * `name ~ distribution(...)`: observed when `name` is in the data, otherwise a latent site. A vector or array
#'   site says its shape: `theta ~ normal(mu, tau, dim = J)`, `dim = c(K, P)`; `dim = levels(f)` names the elements.
#'   Without `dim` the shape is what the arguments imply. A latent site needs a continuous distribution. [distributions] lists them all.
#' * an expression of data on the left: `log(y) ~ normal(mu, sigma)`, `y[2:n] ~ normal(phi * y[1:(n - 1)], sigma)`.
#' * a statement on an expression of latents, or on a name already stated, adds to the density without a Jacobian, as in Stan.
#' * `name <- expression`: a deterministic value, which may be assigned again; `x[i] <- expression` fills a vector element by element. It is shown
#'   in draws and summaries on request, see `keep` in [fullrank()].
#' * `target(expression)`: adds to the log density (`pyro.factor`).
#' * `for (i in a:b) { }` is unrolled; `if (condition on data) { } else { }` is settled when the model is compiled.
#'
#' @section Functions:
#' An expression that depends on no latent is plain R, evaluated once in the data with the environment of the call behind
#' it: any R function may stand there. One that does is restricted to a table of functions with R's own names, meaning and recycling, where lengths
#' that do not recycle evenly are an error. An n x 1 matrix conforms with a vector of length n.
#'
#' `r language_help()`
#'
#' `pnorm()` and `plogis()` take `lower.tail` and `log.p`, and are exact far out; the test of `ifelse()` and every index must be data. `diag()` of a vector is
#' diagonal, also for length 1. `chol()` is upper, as R's, and reads the upper triangle. `log_sum_exp()`, `softmax()`, `dot()` and
#' `log_det()` (the logarithm of a determinant's absolute value) are not R's, and may also be used on data.
#'
#' @section Loops:
#' A loop whose iterations look alike is compiled once: what does not depend on earlier iterations becomes operations on vectors, as if
#' written so, and a recursion (`s[t] <- f(s[t - 1])`, or a name that carries over) runs in C. `if` on data may stand inside. A loop with indices that depend on values it
#' computes, or that grows a vector, is unrolled instead, which takes time and memory in proportion to its length.
#' The loops of a model may have 1,000,000 iterations in all, of them 100,000 unrolled.
#' @return An object of class `fullrank_model`; it prints as written.
#' @seealso [distributions] for what stands on the right of `~`, [fullrank()] fits a model, [log_density()] evaluates it, [simulate()][simulate.fullrank_model] draws from it.
#' @examples
#' m <- model({
#'   loc   ~ normal(0, 10)
#'   scale ~ lognormal(0, 1)
#'   y     ~ normal(loc, scale)
#' })
#' m
#' @export
model <- function(statements) {
  new_model(substitute(statements), parent.frame())
}

new_model <- function(statements, env) {
  if (!is.call(statements) || !identical(statements[[1L]], as.name("{"))) {
    stop("A model is a set of statements in braces: model({ mu ~ normal(0, 1); y ~ normal(mu, 1) }).", call. = FALSE)
  }
  statements <- with_nesting_message(drop_srcref(statements))
  check_statements(as.list(statements)[-1L])
  structure(list(statements = statements, env = env), class = "fullrank_model")
}

drop_srcref <- function(expr) {
  around <- list()
  while (is.call(expr)) { # down the first arguments in a loop, see eval_expr()
    attributes(expr) <- NULL
    around <- c(list(as.list(expr)), around)
    if (length(expr) < 2L || !is.call(expr[[2L]])) break
    expr <- expr[[2L]]
  }
  for (k in seq_along(around)) {
    parts <- around[[k]]
    done <- if (k > 1L) 2L else integer()
    if (k > 1L) parts[[2L]] <- expr
    rest <- setdiff(seq_along(parts), done)
    parts[rest] <- lapply(parts[rest], function(e) if (missing(e)) quote(expr = ) else drop_srcref(e))
    expr <- as.call(parts)
  }
  expr
}

statement_head <- function(statement) {
  if (is.call(statement) && is.symbol(statement[[1L]])) as.character(statement[[1L]]) else ""
}

check_statements <- function(statements) {
  for (k in seq_along(statements)) {
    s <- statements[[k]]
    known <- c("~", "<-", "=", "target", "for", "if", "{")
    if (!statement_head(s) %in% known) {
      fail_at(s, k, "This is no statement of the model language.",
              "A statement is `name ~ distribution(...)`, `name <- expression`, `target(expression)`, `for` or `if`.")
    }
    if (statement_head(s) == "~" && length(s) != 3L) fail_at(s, k, "The left side is missing: `name ~ distribution(...)`.")
  }
}

#' @export
print.fullrank_model <- function(x, ...) {
  lines <- unlist(lapply(as.list(x$statements)[-1L], statement_lines, width = getOption("width") - 2L))
  cat("model({", if (length(lines)) paste0("  ", lines), "})", sep = "\n")
  invisible(x)
}

# A statement as lines within the width, where deparse() can break them so.
statement_lines <- function(statement, width) {
  if (statement_head(statement) %in% c("for", "if", "{")) return(deparse(statement, width.cutoff = max(20L, min(60L, width))))
  for (cutoff in unique(pmax(20L, pmin(500L, c(width, 70L, 50L, 35L, 20L))))) {
    lines <- deparse(statement, width.cutoff = cutoff)
    if (all(nchar(lines, "width") <= width)) break
  }
  lines
}
