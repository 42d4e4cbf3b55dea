# Pairs of latent coordinates: the fitted Normal over draws that importance sampling makes of it.

plot_pairs <- function(fit, pars, seed, draws = 600L) {
  g <- checked_guide(fit)
  names <- names(g$loc)
  sites <- rep(names(g$compiled$sites), vapply(g$compiled$sites, `[[`, 0, "free"))
  at <- chosen_labels(names, sites, if (is.null(pars)) 5 else pars, "coordinate")
  most <- 12L
  if (length(at) > most) at <- at[seq_len(most)]
  z <- importance_pool(fit, g, draws, seed)
  drawn <- list(loc = g$loc[at], covariance = covariance(g)[at, at, drop = FALSE], draws = z$z[, at, drop = FALSE], corrected = z$corrected, khat = z$khat)
  colnames(drawn$draws) <- names[at]
  p <- length(at)
  graphics::par(mfrow = c(p, p), mar = rep(0.15, 4), oma = c(3.2, 3.2, 2.6, 0.6), las = 1, mgp = c(1.5, 0.35, 0), tcl = -0.2, cex = 0.66)
  limits <- lapply(seq_len(p), function(j) pair_limits(drawn, j))
  for (i in seq_len(p)) for (j in seq_len(p)) {
    if (i == j) pair_marginal(drawn, i, limits[[i]], p) else if (i > j) pair_panel(drawn, i, j, limits, p) else pair_text(drawn, i, j)
  }
  note <- if (z$corrected) "draws resampled by their importance weights; ellipses of the fitted Normal (50, 95%)"
          else sprintf("k-hat %s: weights cannot correct these draws, which are the fitted Normal's own", if (is.finite(z$khat)) formatC(z$khat, digits = 2, format = "f") else "not available")
  graphics::mtext(paste0("Unconstrained scale: ", note, if (length(names) > p) sprintf("; %s of %s coordinates", big(p), big(length(names)))),
                  outer = TRUE, side = 3, line = 1.2, cex = 0.7, col = if (z$corrected) "grey30" else ink[["mark"]])
  drawn
}

# n rows of z: resampled by importance weights where these can correct, by the same judgement as for draws(); otherwise as they are.
importance_pool <- function(fit, g, n, seed) {
  eps <- draw_eps(10L * n, length(g$loc), check_number(seed, "seed", 0, 2^53, whole = TRUE))
  z <- sample_guide(g, eps)
  log_weights <- log_weights(g, eps)
  found <- importance_diagnostics(log_weights)
  bad <- Filter(Negate(correctable), list(judged_weights(fit), found))
  if (length(bad)) return(list(z = z[seq_len(n), , drop = FALSE], corrected = FALSE, khat = bad[[1L]]$khat))
  w <- smoothed_weights(log_weights, found)
  list(z = z[systematic_resample(w, n, 0.5), , drop = FALSE], corrected = TRUE, khat = found$khat)
}

pair_limits <- function(drawn, j) {
  range(drawn$loc[j] + c(-2.7, 2.7) * sqrt(drawn$covariance[j, j]), stats::quantile(drawn$draws[, j], c(0.003, 0.997)))
}

pair_axes <- function(i, j, p) {
  u <- graphics::par("usr")
  if (i == p) pair_axis(1, u[1:2], p)
  if (j == 1L && i > 1L) pair_axis(2, u[3:4], p)
  graphics::box(col = "grey80")
}

# Ticks that keep clear of the neighbouring panel's.
pair_axis <- function(side, range, p) {
  at <- pretty(range, if (p <= 6L) 4 else 2)
  inside <- abs(at - mean(range)) < 0.4 * diff(range)
  graphics::axis(side, cex.axis = if (p <= 6L) 0.9 else 0.65, at = at[inside])
}

pair_panel <- function(drawn, i, j, limits, p) {
  graphics::plot.default(drawn$draws[, j], drawn$draws[, i], pch = 16, cex = if (p <= 6L) 0.5 else 0.35, col = grDevices::adjustcolor("grey25", 0.25), axes = FALSE, xlab = "", ylab = "",
                         xlim = limits[[j]], ylim = limits[[i]])
  at <- c(j, i)
  for (prob in c(0.5, 0.95)) {
    e <- ellipse_points(drawn$loc[at], drawn$covariance[at, at], prob)
    graphics::lines(e, col = ink[["mark"]], lwd = if (prob == 0.5) 1 else 1.5)
  }
  pair_axes(i, j, p)
}

# The ellipse that holds the probability under a Normal of two coordinates: n x 2.
ellipse_points <- function(loc, covariance, prob, n = 100L) {
  angle <- seq(0, 2 * pi, length.out = n)
  sd <- sqrt(diag(covariance))
  r <- max(-1, min(1, covariance[1L, 2L] / prod(sd))) # a chol() that no rounding can break
  t(loc + sqrt(stats::qchisq(prob, 2)) * sd * rbind(cos(angle), r * cos(angle) + sqrt(1 - r^2) * sin(angle)))
}

# The coordinate itself: the Normal's density over the draws' histogram.
pair_marginal <- function(drawn, i, limits, p) {
  h <- graphics::hist(drawn$draws[, i], breaks = 24, plot = FALSE)
  sd <- sqrt(drawn$covariance[i, i])
  x <- seq(limits[1L], limits[2L], length.out = 120L)
  y <- stats::dnorm(x, drawn$loc[i], sd)
  graphics::plot.default(NA, xlim = limits, ylim = c(0, if (p <= 6L) 1.25 else 1.6) * max(y, h$density), axes = FALSE, xlab = "", ylab = "", yaxs = "i")
  graphics::rect(h$breaks[-length(h$breaks)], 0, h$breaks[-1L], h$density, col = "grey80", border = NA)
  graphics::lines(x, y, col = ink[["mark"]], lwd = 1.5)
  graphics::mtext(shorten(colnames(drawn$draws)[i], if (p <= 6L) 16L else 10L), side = 3, line = -1.2, cex = if (p <= 6L) 0.65 else 0.5)
  if (i == p) pair_axis(1, graphics::par("usr")[1:2], p)
  graphics::box(col = "grey80")
}

pair_text <- function(drawn, i, j) {
  r <- stats::cov2cor(drawn$covariance)[i, j]
  graphics::plot.new()
  own <- suppressWarnings(stats::cor(drawn$draws[, i], drawn$draws[, j]))
  graphics::text(0.5, 0.5, sprintf("%s\n(%s)", two_decimals(r), two_decimals(own)), cex = 0.9 + 0.4 * abs(r), col = "grey30")
}
