# The importance weights of the fresh draws that judged a fit.

plot_weights <- function(fit) {
  graphics::par(mfrow = c(1, 2))
  plot_log_weights(fit$log_weights, fit)
  plot_ratios(fit)
}

plot_log_weights <- function(log_weights, fit) {
  finite <- log_weights[is.finite(log_weights)]
  if (length(finite) < 2L) return(empty_panel("no finite weights"))
  graphics::par(mar = c(3.4, 4.2, 2.8, 1), las = 1, mgp = c(2.2, 0.5, 0), bty = "l")
  half <- max(diff(range(finite)), 0.1) / 2 # weights that are all but equal stand within a tenth of a nat
  h <- graphics::hist(finite, breaks = pretty(mean(range(finite)) + c(-half, half), 40), plot = FALSE)
  graphics::plot.default(NA, xlim = range(h$breaks), ylim = c(0, 1.08 * max(h$counts)), yaxs = "i", xlab = "log p(z) - log q(z)", ylab = "")
  panel_title("Draws by log weight")
  graphics::rect(h$breaks[-length(h$breaks)], 0, h$breaks[-1L], h$counts, col = ink[["fill"]], border = "white")
  graphics::abline(v = fit$elbo, col = ink[["mark"]], lty = 2)
  panel_note(sprintf("mean = ELBO %s, sd %s", plus_minus(fit$elbo, fit$elbo_se), format(signif(fit$log_weight_sd, 2))))
  if (length(finite) < length(log_weights)) graphics::mtext(sprintf("%s of weight zero", big(length(log_weights) - length(finite))), side = 3, line = -1, cex = 0.7, adj = 1)
}

# Each draw's share of the weight, largest first, both axes in powers of ten.
plot_ratios <- function(fit) {
  drawn <- weight_shares(fit$log_weights)
  if (is.null(drawn)) {
    empty_panel("no finite weights")
    return(NULL)
  }
  n <- length(drawn$ratios)
  graphics::par(mar = c(3.4, 4.2, 2.8, 1), las = 1, mgp = c(2.2, 0.5, 0), bty = "l", tcl = -0.3)
  y <- pmax(drawn$ratios, 1e-6)
  graphics::plot.default(seq_len(n), 100 * y, log = "xy", pch = 16, cex = 0.6, col = ink[["main"]], xlab = "rank of the draw", ylab = "",
                         yaxt = "n", ylim = 100 * range(c(y[y > 1e-5], 1 / n, 2 / n, drawn$smoothed[1L])))
  panel_title("Share of the weight (%)")
  ticks <- graphics::axTicks(2)
  graphics::axis(2, ticks, format(ticks, scientific = FALSE, drop0trailing = TRUE, trim = TRUE), cex.axis = 0.9)
  graphics::abline(h = 100 / n, col = ink[["soft"]], lty = 3)
  graphics::lines(seq_len(n), 100 * pmax(drawn$smoothed, 1e-6), col = ink[["mark"]], lwd = 1.5)
  flat <- isTRUE(fit$log_weight_sd < flat_weights_sd)
  word <- if (flat) "weights hardly vary" else if (!is.finite(fit$khat)) "k-hat not available" else
    sprintf("k-hat %.2f, %s", fit$khat, if (fit$khat < 0.5) "good" else if (fit$khat <= 0.7) "usable" else "POOR")
  panel_note(sprintf("%s; ESS %s of %s", word, big(round(fit$ess)), big(n)))
  c(list(log_weights = fit$log_weights), drawn, list(khat = fit$khat))
}

weight_shares <- function(log_weights) {
  if (!any(is.finite(log_weights))) return(NULL)
  w <- relative_weights(log_weights)
  smoothed <- if (importance_diagnostics(log_weights)$log_weight_sd < flat_weights_sd) w else pareto_smooth(w)$w
  largest <- order(w, decreasing = TRUE)
  list(ratios = (w / sum(w))[largest], smoothed = (smoothed / sum(smoothed))[largest])
}
