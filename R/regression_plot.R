#' Plot a regression
#'
#' What [plot()][plot.fullrank_fit] shows of every fit, without the standardised group effects unless `pars` names them; and the predictive check: the
#' response beside replicates from the fit.
#'
#' @param x A fit of a regression.
#' @param type As for [plot()][plot.fullrank_fit], or "predictive": the distribution of the response (thick) and of `nsim` replicates (thin); for counts
#'   and categories the share of each value with the central 90 percent of the replicates. A row whose weight says how often it counts is there as often.
#' @param pars As for [plot()][plot.fullrank_fit].
#' @param nsim How many replicates.
#' @param seed A whole number.
#' @param ... Passed on.
#' @return What was drawn, invisibly: as [plot()][plot.fullrank_fit], for "predictive" a list of `y` and `yrep` (a replicate a row), and
#'   for counts and categories their `values`, the observed `share` of each and the 5, 50 and 95 percent quantiles of its share in `replicates`.
#' @examples
#' fit <- fullrank(mpg ~ wt, data = mtcars, seed = 1)
#' plot(fit, type = "predictive")
#' @export
plot.fullrank_regression <- function(x, type = c("all", "trace", "marginals", "correlation", "pairs", "weights", "predictive"), pars = NULL, nsim = 50, seed = 1, ...) {
  type <- match.arg(type)
  if (type == "predictive") return(invisible(plot_predictive(x, check_number(nsim, "nsim", 2, whole = TRUE), seed, ...)))
  sites <- x$regression$sites
  if (is.null(pars)) pars <- names(sites)[vapply(sites, function(s) s$kind != "z", NA)]
  plot.fullrank_fit(x, type = type, pars = pars, seed = seed, ...)
}

plot_predictive <- function(object, nsim, seed, main = "Response and replicates", ...) {
  old <- graphics::par(mar = c(3.2, 4.4, 2, 1), las = 1, mgp = c(2, 0.6, 0), bty = "l")
  on.exit(graphics::par(old))
  reg <- object$regression
  rows <- counted_rows(reg)
  y <- reg$response$y[rows]
  kind <- reg$family$table$response
  discrete <- kind %in% c("ordinal", "nominal", "binary") || (kind %in% c("count", "binomial") && length(unique(y)) <= 25L)
  nsim <- if (discrete && length(rows) <= 1e5) max(nsim, 400) else nsim
  yrep <- possible_draws(predictive_samples(object, prediction_rows(object), prediction_values(object, nsim, seed), FALSE, mix_seed(seed, 5), rows = rows))
  drawn <- list(y = y, yrep = yrep)
  if (discrete) {
    return(c(drawn, plot_shares(y, yrep, reg, main, ...)))
  }
  range <- stats::quantile(c(y, yrep), c(0.005, 0.995), names = FALSE)
  range <- range(y, range)
  curve <- function(v) stats::density(v, from = range[1L], to = range[2L], n = 256)
  own <- curve(y)
  others <- lapply(seq_len(nrow(yrep)), function(s) curve(yrep[s, ]))
  graphics::plot.default(own$x, own$y, type = "n", xlab = reg$response$name, ylab = "", main = main, ylim = c(0, max(own$y, vapply(others, function(o) max(o$y), 0))), ...)
  graphics::title(ylab = "density", line = 3.2)
  for (o in others) graphics::lines(o$x, o$y, col = grDevices::adjustcolor(ink[["main"]], 0.25))
  graphics::lines(own$x, own$y, lwd = 2.5, col = ink[["mark"]])
  drawn
}

# The share of each value: observed as dots, replicates as intervals.
plot_shares <- function(y, yrep, reg, main, ...) {
  categories <- reg$family$table$response %in% c("ordinal", "nominal")
  values <- if (categories) seq_along(reg$response$levels) else seq(0, max(y, stats::quantile(yrep, 0.995)))
  share <- function(v) tabulate(match(v, values), length(values)) / length(v)
  q <- apply(apply(yrep, 1L, share), 1L, stats::quantile, c(0.05, 0.5, 0.95), names = FALSE)
  labels <- if (!is.null(reg$response$levels)) reg$response$levels else values
  graphics::plot.default(values, share(y), type = "n", xaxt = "n", xlab = reg$response$name, ylab = "", main = main, ylim = c(0, max(q, share(y))), ...)
  graphics::title(ylab = "share", line = 3.2)
  graphics::axis(1, values, labels)
  graphics::segments(values, q[1L, ], values, q[3L, ], lwd = 5, lend = 1, col = grDevices::adjustcolor(ink[["main"]], 0.4))
  graphics::points(values, q[2L, ], pch = "-", cex = 1.4, col = ink[["main"]])
  graphics::points(values, share(y), pch = 16, col = ink[["mark"]])
  list(values = labels, share = share(y), replicates = q)
}
