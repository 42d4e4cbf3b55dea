#' Print a fit
#'
#' The verdict comes first: whether the fit has converged and, when it has not, what to do. Then what else must be known (draws whose density is not
#' finite, starts that disagree), the ELBO with its Monte Carlo error, k-hat with its meaning, and the [summary()][summary.fullrank_fit].
#'
#' @param x A fit or a guide.
#' @param n How many parameters to print.
#' @param ... Not used.
#' @return `x`, invisibly.
#' @seealso [diagnostics()] for the numbers.
#' @examples
#' m <- model({
#'   mu ~ normal(0, 1)
#'   y  ~ normal(mu, 1)
#' })
#' print(fullrank(m, list(y = c(0.4, 1.1)), seed = 1))
#' @export
print.fullrank_fit <- function(x, n = 20, ...) {
  n <- check_number(n, "n", 1)
  print_verdict(x)
  # a fit of a stanfit, read in a new session, has its guide alone
  table <- tryCatch(without_cautions(summary.fullrank_fit(x)), fullrank_density_gone = conditionMessage)
  if (is.character(table)) cat(table, "\n", sep = "") else print(table, n = n)
  invisible(x)
}

# What every fit prints first.
print_verdict <- function(x) {
  wrap(verdict_text(x))
  for (line in warning_lines(x)) wrap(line)
  for (line in restart_lines(x)) wrap(line)
  cat("ELBO  ", plus_minus(x$elbo, x$elbo_se), " nats\n", sep = "")
  wrap("k-hat ", khat_text(x$khat, x$log_weight_sd), exdent = 6L)
  cat("\n")
}

#' @rdname print.fullrank_fit
#' @export
print.mvn_guide <- function(x, n = 20, ...) {
  n <- check_number(n, "n", 1)
  d <- length(x$loc)
  wrap(sprintf("Multivariate Normal guide over %s, unconstrained.", count_of(d, "latent coordinate")))
  rows <- seq_len(min(n, d))
  table <- data.frame(variable = x$compiled$coord_names[rows], loc = as.vector(x$loc)[rows], scale = as.vector(x$scale)[rows])
  cells <- lapply(table[-1L], function(v) formatC(v, digits = 4, format = "g"))
  cells <- Map(function(v, name) pad_left(c(name, v)), cells, names(cells))
  cat(do.call(paste, c(list(pad_right(c("", shorten(table$variable, getOption("width") - 26L)))), unname(cells))), sep = "\n")
  if (d > n) cat(sprintf("... and %s more of %s; print(g, n = Inf) shows them.\n", big(d - n), big(d)))
  invisible(x)
}

# ---- the verdict -------------------------------------------------------------------------------------------------------

# Whether the fit has converged, in words, and what to do when it has not. Whatever is not known to be good is not called so.
verdict_text <- function(fit) {
  cost <- sprintf("%s (%s, %s)", count_of(fit$steps, "step"), count_of(fit$gradient_evaluations, "gradient evaluation"), format_seconds(fit$seconds))
  go_on <- "Go on with update(fit), or with update(fit, steps = 5000)."
  switch(if (is.character(fit$status)) fit$status[1L] else "",
    converged = if (!isTRUE(is.finite(fit$gap))) unknown_text(fit, cost) else paste0("Converged after ", cost, ": ", gap_text(fit), "."),
    budget_exhausted = paste0("NOT CONVERGED: the budget ran out after ", cost, "; ", gap_text(fit), ". ", go_on),
    fixed_steps = fixed_text(fit, cost, go_on),
    interrupted = paste0("NOT CONVERGED: interrupted after ", cost, "; ", gap_text(fit), ". ", go_on),
    diverged = paste0("DIVERGED, not converged: too many evaluations were not finite", worst_site(fit), "; after ", cost,
                      " the last good guide is returned. Check that statement, or give a start near the posterior ",
                      "(init = init_to_value(...))", if (!is.null(fit$optimizer$lr)) ", or lower the optimiser's lr", "."),
    unknown_text(fit, cost)
  )
}

unknown_text <- function(fit, cost) {
  paste0("NOT CONVERGED, as far as is known: the fit's status is ", deparse(fit$status)[1L], " after ", cost,
         if (!isTRUE(is.finite(fit$gap))) ", and its distance to the optimum is not known", ".")
}

within_tolerance <- function(fit) {
  isTRUE(is.finite(fit$gap) && is.finite(fit$gap_se) && max(fit$gap, 0) + 3 * fit$gap_se < fit$settings$tol)
}

fixed_text <- function(fit, cost, go_on) {
  if (within_tolerance(fit)) return(paste0("Stopped as asked after ", cost, ", within the tolerance of ", format(fit$settings$tol), " nats: ", gap_text(fit), "."))
  paste0("NOT KNOWN TO HAVE CONVERGED: stopped as asked after ", cost, "; ", gap_text(fit), ". ", go_on)
}

gap_text <- function(fit) {
  if (!isTRUE(is.finite(fit$gap))) return("the distance to the optimum could not be estimated")
  paste("estimated gap to the optimum", plus_minus(fit$gap, fit$gap_se), "nats")
}

worst_site <- function(fit) {
  bad <- fit$nonfinite[fit$nonfinite > 0]
  if (length(bad)) sprintf(" (most often in `%s`)", names(bad)[which.max(bad)]) else ""
}

# What the verdict must not hide.
warning_lines <- function(fit) {
  off <- sum(!is.finite(fit$log_weights))
  bad <- fit$nonfinite[fit$nonfinite > 0]
  c(
    if (off) sprintf("WARNING: the log density is not finite at %s of %s fresh draws from the guide: the true ELBO is -Inf, and what follows is from the others.",
                     big(off), big(length(fit$log_weights))),
    if (!isTRUE(is.finite(fit$elbo))) "WARNING: the ELBO is not finite.",
    if (length(bad) && !identical(fit$status, "diverged")) {
      sprintf("Evaluations that were not finite during the fit: %s.", paste(sprintf("%s in `%s`", big(bad), names(bad)), collapse = ", "))
    }
  )
}

# What stands above a table of a fit that is not known to be good; nothing when it is.
caution_lines <- function(fit) {
  if (!inherits(fit, "fullrank_fit")) return(NULL)
  arrived <- (identical(fit$status, "converged") && isTRUE(is.finite(fit$gap))) || (identical(fit$status, "fixed_steps") && within_tolerance(fit))
  poor <- !weights_are_flat(fit) && !isTRUE(fit$khat <= 0.7)
  c(if (!arrived) verdict_text(fit), grep("^WARNING", c(warning_lines(fit), restart_lines(fit)), value = TRUE),
    if (poor) paste("k-hat", khat_text(fit$khat, fit$log_weight_sd)))
}

# For a print that has said it already.
without_cautions <- function(summary) {
  summary$cautions <- NULL
  summary
}

print_cautions <- function(x) {
  if (!length(x$cautions)) return(invisible())
  for (line in x$cautions) wrap(line)
  cat("\n")
}
