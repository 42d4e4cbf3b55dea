#' State a model
#'
#' A model is a set of sample statements in braces. They are captured, never evaluated as they stand:
#' [fullrank()] compiles them together with the data.
#'
#' @param statements An expression in braces:
#' * `name ~ distribution(...)`: observed when `name` is in the data, otherwise a latent site. A vector or array
#'   site says its shape: `theta ~ normal(mu, tau, dim = J)`, `dim = c(K, P)`; `dim = levels(f)` names the elements.
#'   Without `dim` the shape is what the arguments imply. A latent site needs a continuous distribution.
#' * an expression of data on the left: `log(y) ~ normal(mu, sigma)`, `y[2:n] ~ normal(phi * y[1:(n - 1)], sigma)`.
#' * a statement on an expression of latents, or on a name already stated, adds to the density without a Jacobian, as in Stan.
#' * `name <- expression`: a deterministic value; `x[i] <- expression` fills a vector element by element.
#' * `target(expression)`: adds to the log density (`pyro.factor`).
#' * `for (i in a:b) { }` is unrolled; `if (condition on data) { } else { }` is settled when the model is compiled.
#'
#' An expression that depends on no latent is plain R, evaluated once in the data with the environment of the call behind
#' it. One that does is restricted to a table of functions with R's own names, meaning and recycling: arithmetic, `exp log
#' log10 log2 log1p expm1 sqrt abs plogis qlogis pnorm tanh sin cos lgamma digamma beta sum mean prod cumsum max min pmax pmin
#' rowSums colSums rowMeans colMeans`, `%*% t crossprod tcrossprod outer diag`, `[`, `c cbind rbind rep rev matrix array`, `log_sum_exp
#' softmax dot ifelse` (its test on data), `chol` (upper, as R's), `solve backsolve forwardsolve log_det`.
#' @return An object of class `fullrank_model`; it prints as written.
#' @seealso [fullrank()] fits a model, [log_density()] evaluates it, [simulate()][simulate.fullrank_model] draws from it.
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
  statements <- drop_srcref(statements)
  check_statements(as.list(statements)[-1L])
  structure(list(statements = statements, env = env), class = "fullrank_model")
}

drop_srcref <- function(expr) {
  if (!is.call(expr)) return(expr)
  attributes(expr) <- NULL
  as.call(lapply(as.list(expr), function(e) if (missing(e)) quote(expr = ) else drop_srcref(e)))
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
  cat("model(", paste(deparse(x$statements, width.cutoff = 80L), collapse = "\n"), ")\n", sep = "")
  invisible(x)
}
