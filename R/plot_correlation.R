# Correlations of the latent coordinates.

# From blue (-1) over near-white (0) to red (+1), readable without red-green vision.
diverging <- function(n = 101L) grDevices::colorRampPalette(c("#053061", "#2166AC", "#92C5DE", "#F7F7F7", "#F4A582", "#B2182B", "#67001F"), space = "Lab")(n)

plot_correlation <- function(fit, pars, order) {
  R <- correlation(fit, full = TRUE)
  sites <- rep(names(fit$compiled$sites), vapply(fit$compiled$sites, `[[`, 0, "free"))
  at <- if (is.character(pars)) known_coordinates(rownames(R), sites, pars) else chosen_labels(rownames(R), sites, pars, "coordinate")
  if (order == "cluster" && length(at) > 2L) at <- at[stats::hclust(stats::as.dist(1 - abs(R[at, at])))$order]
  R <- R[at, at, drop = FALSE]
  sites <- sites[at]
  d <- nrow(R)
  by_site <- order == "site" && d > 30L && length(unique(sites)) > 1L
  labels <- shorten(if (by_site) unique(sites) else rownames(R), 14L)
  size <- label_size(if (by_site) length(labels) else d)
  room <- min(7, 1.6 + max(graphics::strwidth(labels, "inches", cex = size)) / graphics::par("cin")[2L] / graphics::par("cex"))
  graphics::par(mar = c(room, room, 2.8, 4.2), las = 1, mgp = c(2, 0.4, 0), tcl = -0.2)
  graphics::plot.default(NA, xlim = c(0.5, d + 0.5), ylim = c(0.5, d + 0.5), xaxs = "i", yaxs = "i", axes = FALSE, xlab = "", ylab = "")
  panel_title("Correlation")
  panel_note("unconstrained scale", ink[["soft"]])
  graphics::rect(0.5, 0.5, d + 0.5, d + 0.5, col = "grey80", border = NA)
  shown <- R
  diag(shown) <- NA
  graphics::image(seq_len(d), seq_len(d), shown[, d:1, drop = FALSE], col = diverging(), zlim = c(-1, 1), add = TRUE, useRaster = d > 50L)
  ends <- cumsum(rle(sites)$lengths)
  if (order == "site" && length(ends) < d) between_sites(ends[-length(ends)], d)
  if (by_site) site_axes(labels, ends, d, size) else element_axes(labels, d, size)
  graphics::box(col = ink[["soft"]])
  if (d <= 8L && d > 1L) write_correlations(shown)
  colour_key()
  R
}

between_sites <- function(ends, d) {
  graphics::abline(v = ends + 0.5, h = d - ends + 0.5, col = "grey45", lwd = 0.6)
}

element_axes <- function(labels, d, size) {
  at <- legible_positions(d)
  graphics::axis(1, at, labels[at], las = 2, cex.axis = size)
  graphics::axis(2, d + 1 - at, labels[at], las = 1, cex.axis = size)
}

# Each site's name in the middle of its rows, where it is at least as high as its name or stands apart from the name before.
site_axes <- function(labels, ends, d, size) {
  middle <- (c(0, ends[-length(ends)]) + ends + 1) / 2
  height <- 1.1 * size * graphics::par("cin")[2L] * graphics::par("cex") * d / min(graphics::par("pin"))
  last <- -Inf
  for (k in order(-diff(c(0, ends)))) {
    if (any(abs(middle[k] - last) < height)) next
    last <- c(last, middle[k])
    graphics::axis(1, middle[k], labels[k], las = 2, cex.axis = size)
    graphics::axis(2, d + 1 - middle[k], labels[k], las = 1, cex.axis = size)
  }
}

# Names of latent coordinates or sites; those of parameters that are no coordinate (the last share of a simplex) are passed over.
known_coordinates <- function(labels, sites, pars) {
  at <- unique(unlist(lapply(pars, function(p) which(labels == p | sites == p))))
  if (length(at)) at else seq_along(labels)
}

label_size <- function(d) if (d <= 12L) 0.9 else if (d <= 30L) 0.7 else 0.55

# Which of d labels are written, so that they stand apart on the axis as it is.
legible_positions <- function(d) {
  height <- 1.1 * label_size(d) * graphics::par("cin")[2L] * graphics::par("cex")
  fit <- max(1, floor(min(graphics::par("pin")) / height))
  seq(1L, d, by = max(1L, ceiling(d / fit)))
}

write_correlations <- function(R) {
  d <- nrow(R)
  cell <- expand.grid(i = seq_len(d), j = seq_len(d))
  cell <- cell[cell$i != cell$j, ]
  r <- R[cbind(cell$i, cell$j)]
  size <- min(0.9, 0.8 * min(graphics::par("pin")) / d / graphics::strwidth("-0.00", "inches"))
  if (size < 0.4) return()
  graphics::text(cell$i, d + 1 - cell$j, two_decimals(r), cex = size, col = ifelse(abs(r) > 0.6, "white", "grey15"))
}

# The key, right of the picture.
colour_key <- function() {
  u <- graphics::par("usr")
  width <- (u[2L] - u[1L]) / graphics::par("pin")[1L]
  left <- u[2L] + 0.12 * width
  y <- seq(u[3L], u[4L], length.out = 102L)
  graphics::rect(left, y[-102L], left + 0.13 * width, y[-1L], col = diverging(), border = NA, xpd = NA)
  graphics::text(left + 0.17 * width, seq(u[3L], u[4L], length.out = 5L), c("-1", "-0.5", "0", "0.5", "1"), adj = c(0, 0.5), cex = 0.8, xpd = NA)
}
