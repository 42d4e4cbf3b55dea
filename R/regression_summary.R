#' Summary and print of a regression
#'
#' The print begins with the verdict, then population effects on the data's own scale, how much groups vary, and the family's parameters.
#'
#' @param object,x A fit of a regression, or its summary.
#' @param seed A whole number, for the rows that need draws.
#' @param importance Whether to correct the summaries by importance sampling, as for [any fit][summary.fullrank_fit]; an error when k-hat is above 0.7.
#' @param n How many rows of each table to print.
#' @param ... Not used.
#' @return `summary()`: an object of class `summary.fullrank_regression`, which is a `summary.fullrank_fit`; `as.data.frame()` gives one table: the coefficients, named as by [coef()][coef.fullrank_regression]
#'   (for an ordinal response followed by the cutpoints on the data's own scale, named `a|b`), then all sites and the group effects `r_<group>`.
#' @examples
#' fit <- fullrank(mpg ~ wt, data = mtcars, seed = 1)
#' summary(fit)
#' as.data.frame(summary(fit))["wt", "mean"]
#' @export
summary.fullrank_regression <- function(object, seed = 1, importance = FALSE, ...) {
  no_extra_arguments("summary", ...)
  g <- checked_guide(object)
  source <- summary_source(object, seed, importance)
  rows <- rbind(coefficient_rows(object, source), cutpoint_rows(object, source), summary_rows(g, source))
  new_summary(rows, source, c("summary.fullrank_regression", "summary.fullrank_fit"),
              sections = summary_sections(object, rows), lines = description_lines(object),
              cautions = caution_lines(object))
}

coefficient_rows <- function(object, source) {
  if (source$importance) {
    x <- coefficient_draws(object, source$values)
    return(if (ncol(x)) named_rows(colnames(x), weighted_block(x, source$weights)))
  }
  moments <- coefficient_moments(object)
  if (!length(moments$loc)) return(NULL)
  if (!is.null(moments$draws)) {
    n <- nrow(moments$draws)
    return(named_rows(names(moments$loc), weighted_block(moments$draws, rep(1 / n, n))))
  }
  named_rows(names(moments$loc), exact_block(cbind(moments$loc, sqrt(diag(moments$vcov)), t(coefficient_quantiles(moments, summary_probs)))))
}

# Cutpoints for predictors as they are, not centred.
cutpoint_rows <- function(object, source) {
  if (object$regression$family$name != "cumulative") return(NULL)
  x <- cutpoint_draws(object, source$values)
  named_rows(colnames(x), weighted_block(x, source$weights))
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
  wiggles <- paste0("sd_", unlist(lapply(object$regression$parts, function(part) lapply(part$bases, smooth_ids))))
  first <- length(coefficients) + length(cutpoints)
  rest <- table$variable[-seq_len(first)]
  pick <- function(names) first + which(rest %in% names)
  list(
    `Population effects` = seq_along(coefficients),
    Cutpoints = length(coefficients) + seq_along(cutpoints),
    `Standard deviations between groups` = pick(setdiff(labels("sd"), wiggles)),
    `Correlations` = pick(correlations[!is_diagonal(correlations)]),
    `Smooth terms` = pick(wiggles),
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
    sprintf("Family: %s, link %s%s; effects are on the %s", reg$family$name, reg$family$link, if (reg$prior_only) " (prior only)" else "",
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
  print_cautions(x)
  for (line in x$lines) wrap(line)
  for (title in names(x$sections)) {
    rows <- x$table[x$sections[[title]], , drop = FALSE]
    if (!nrow(rows)) next
    cat("\n", title, ":\n", sep = "")
    print_table(rows, n, all_rows_call(x))
  }
  print_source(x, x$table$mcse[unlist(x$sections)])
  invisible(x)
}

#' @rdname summary.fullrank_regression
#' @export
print.fullrank_regression <- function(x, n = 20, ...) {
  n <- check_number(n, "n", 1)
  print_verdict(x)
  print(without_cautions(summary.fullrank_regression(x)), n = n)
  invisible(x)
}
