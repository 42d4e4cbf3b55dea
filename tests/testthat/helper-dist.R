# The table of distributions through its .Call entry points.

# Elementwise: list(log_prob, total, gradient, total_gradient); see src/r_dist.h.
dist_eval <- function(name, x, args, gradient = TRUE, width = 1L) {
  .Call(fullrank:::fullrank_dist_log_prob, name, x, unname(args), gradient, width)
}
dist_log_prob <- function(name, x, ...) dist_eval(name, x, list(...), FALSE)$log_prob
dist_base <- function(name, x, args) .Call(fullrank:::fullrank_dist_base, name, x, unname(args))
dist_mean <- function(name, args, K = 1L) .Call(fullrank:::fullrank_dist_mean, name, unname(args), K)
dist_sample <- function(name, n, args, K = 1L, seed = 1, stream = 3L) {
  .Call(fullrank:::fullrank_dist_sample, name, n, unname(args), K, seed, stream)
}
dist_entries <- function() .Call(fullrank:::fullrank_dist_table)

# a equals b to `tol`, relative above 1 and absolute below; infinities and NaN alike.
expect_close_to <- function(a, b, tol, label = "value") {
  a <- as.vector(a)
  b <- as.vector(b)
  same <- length(a) == length(b)
  if (same) same <- ifelse(is.nan(b), is.nan(a), !is.na(a) & (a == b | (is.finite(b) & abs(a - b) <= tol * pmax(1, abs(b)))))
  expect(all(same), sprintf("%s: %s is not %s", label, paste(format(utils::head(a, 6L), digits = 17), collapse = ", "),
                            paste(format(utils::head(b, 6L), digits = 17), collapse = ", ")))
  invisible(a)
}
