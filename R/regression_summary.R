#' Summary and print of a regression
#'
#' The print begins with the verdict, then population effects on the data's own scale, how much groups vary, and the family's parameters.
#'
#' @param object,x A fit of a regression, or its summary.
#' @param seed A whole number, for the rows that need draws.
#' @param n How many rows of each table to print.
#' @param ... Not used.
#' @return `summary()`: an object of class `summary.fullrank_regression`, which is a `summary.fullrank_fit`; `as.data.frame()` gives one table: the coefficients, named as by [coef()][coef.fullrank_regression]
#'   (for an ordinal response followed by the cutpoints on the data's own scale, named `a|b`), then all sites and the group effects `r_<group>`.
#' @examples
#' fit <- fullrank(mpg ~ wt, data = mtcars, seed = 1)
#' summary(fit)
#' as.data.frame(summary(fit))["wt", "mean"]
#' @export
summary.fullrank_regression <- function(object, seed = 1, ...) {
  no_extra_arguments("summary", ...)
  sites <- summary_table(checked_guide(object), seed)
  table <- rbind(coefficient_table(object), cutpoint_table(object, seed), sites)
  rownames(table) <- make.unique(table$variable)
  reg <- object$regression
  structure(list(
    table = table, draws = summary_draws, sections = summary_sections(object, table), lines = description_lines(object)
  ), class = c("summary.fullrank_regression", "summary.fullrank_fit"))
}

coefficient_table <- function(object) {
  moments <- coefficient_moments(object)
  if (!length(moments$loc)) return(NULL)
  q <- coefficient_quantiles(moments, summary_probs)
  summary_rows(names(moments$loc), moments$loc, sqrt(diag(moments$vcov)), t(q), if (is.null(moments$draws)) NA_real_ else sqrt(diag(moments$vcov) / nrow(moments$draws)))
}

summary_rows <- function(variable, mean, sd, q, mcse) {
  table <- data.frame(variable = variable, mean = unname(mean), sd = unname(sd), unname_columns(q), mcse = mcse, stringsAsFactors = FALSE, row.names = NULL)
  names(table) <- c("variable", "mean", "sd", percent_names(summary_probs), "mcse")
  table
}

# Cutpoints for predictors as they are, not centred.
cutpoint_table <- function(object, seed) {
  if (object$regression$family$name != "cumulative") return(NULL)
  x <- cutpoint_draws(object, regression_values(object, seed = seed))
  block <- draws_block(x)
  summary_rows(colnames(x), block[, 1L], block[, 2L], block[, 3:5, drop = FALSE], block[, 6L])
}

cutpoint_draws <- function(object, values) {
  part <- coefficient_parts(object)[[1L]]
  levels <- object$regression$response$levels
  shift <- if (is.null(part$b)) 0 else drop(values[[part$b]] %*% part$center)
  x <- values$cutpoints + shift
  colnames(x) <- paste(levels[-length(levels)], levels[-1L], sep = "|")
  x
}

summary_sections <- function(object, table) {
  coefficients <- coefficient_names(object)
  cutpoints <- if (object$regression$family$name == "cumulative") rownames(cutpoint_table_names(object)) else character()
  sites <- object$regression$sites
  labels <- function(kinds) {
    names <- names(sites)[vapply(sites, function(s) s$kind %in% kinds, NA)]
    unlist(lapply(object$compiled$sites[names], function(s) s$labels[part_varies(s)]), use.names = FALSE)
  }
  correlations <- labels("L")
  first <- length(coefficients) + length(cutpoints)
  rest <- table$variable[-seq_len(first)]
  pick <- function(names) first + which(rest %in% names)
  list(
    `Population effects` = seq_along(coefficients),
    Cutpoints = length(coefficients) + seq_along(cutpoints),
    `Standard deviations between groups` = pick(labels("sd")),
    `Correlations` = pick(correlations[!is_diagonal(correlations)]),
    `Parameters of the family` = pick(labels(c("sigma", "shape", "phi", "df", "zi")))
  )
}

cutpoint_table_names <- function(object) {
  levels <- object$regression$response$levels
  data.frame(row.names = paste(levels[-length(levels)], levels[-1L], sep = "|"))
}

is_diagonal <- function(labels) {
  at <- regmatches(labels, regexec("\\[([0-9]+),([0-9]+)\\]$", labels))
  vapply(at, function(m) length(m) == 3L && m[2L] == m[3L], NA)
}

description_lines <- function(object) {
  reg <- object$regression
  formulas <- if (is_formula(object$formula)) list(object$formula) else object$formula
  groups <- unlist(lapply(reg$parts[1L], function(part) vapply(part$groups, function(block) sprintf("%s (%s)", block$name, big(length(block$levels))), "")))
  dropped <- length(reg$na.action)
  c(
    sprintf("Family: %s, link %s%s; population effects are on the %s", reg$family$name, reg$family$link, if (reg$prior_only) " (prior only)" else "",
            if (reg$family$link == "identity" && reg$family$name != "lognormal") paste("scale of", reg$response$name) else if (reg$family$name == "lognormal") "log scale" else paste(reg$family$link, "scale")),
    paste0("Formula: ", vapply(formulas, function(f) paste(deparse(f, width.cutoff = 500L), collapse = " "), "")),
    paste0("Data: ", count_of(nobs.fullrank_regression(object), "observation"), if (dropped) sprintf(" (%s dropped for missing values)", big(dropped)),
           if (length(groups)) paste0("; groups: ", paste(unique(groups), collapse = ", ")))
  )
}

#' @rdname summary.fullrank_regression
#' @export
print.summary.fullrank_regression <- function(x, n = 20, ...) {
  n <- check_number(n, "n", 1)
  for (line in x$lines) wrap(line)
  for (title in names(x$sections)) {
    rows <- x$table[x$sections[[title]], , drop = FALSE]
    if (!nrow(rows)) next
    cat("\n", title, ":\n", sep = "")
    print_table(rows, n, "print(summary(fit), n = Inf)")
  }
  invisible(x)
}

#' @rdname summary.fullrank_regression
#' @export
print.fullrank_regression <- function(x, n = 20, ...) {
  n <- check_number(n, "n", 1)
  wrap(verdict_text(x))
  for (line in warning_lines(x)) wrap(line)
  cat("ELBO  ", plus_minus(x$elbo, x$elbo_se), "\n", sep = "")
  wrap("k-hat ", khat_text(x$khat, x$log_weight_sd), exdent = 6L)
  cat("\n")
  print(summary.fullrank_regression(x), n = n)
  invisible(x)
}
