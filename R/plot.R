#' Plot a fit
#'
#' How the ELBO rose, the marginal posteriors on the user's scale, and the correlations of the latent coordinates.
#'
#' @param x A fit.
#' @param type "all" puts the three on one page, with the first eight marginals; "elbo", "marginals" and "correlation" give one alone.
#'   * The ELBO is that of the steps, averaged over blocks of steps; the line is the final estimate from fresh draws. The axis shows the last
#'     part of the run: where the first blocks lie below it, the lower corner says what the ELBO came from.
#'   * Marginal densities are exact where an element is a monotone function of one coordinate of z, and kernel estimates from
#'     4,000 draws elsewhere. The line below each is its central interval of 90 percent, the dot its median.
#'   * Correlations are those of the unconstrained coordinates, as in [correlation()].
#' @param pars Which parameters: how many of the first ones, or their names (`"theta[2]"`, or `"theta"` for a whole site). By default
#'   as many as can be read: 8 marginals on the page of all, 20 alone, and all correlations.
#' @param seed A whole number, for the marginals that need draws.
#' @param ... Passed on to [graphics::plot.default()] for `type = "elbo"`; otherwise not used.
#' @return `x`, invisibly. Graphical parameters are reset.
#' @examples
#' m <- model({
#'   mu ~ normal(0, 1)
#'   s  ~ half_normal(1)
#'   y  ~ normal(mu, s)
#' })
#' fit <- fullrank(m, data = list(y = c(0.3, 1.2, -0.4, 0.8, 1.9)), seed = 1)
#' plot(fit)
#' plot(fit, type = "marginals", pars = "mu")
#' @export
plot.fullrank_fit <- function(x, type = c("all", "elbo", "marginals", "correlation"), pars = NULL, seed = 1, ...) {
  type <- match.arg(type)
  if (type != "elbo") no_extra_arguments("plot", ...)
  old <- graphics::par(no.readonly = TRUE)
  on.exit(suppressWarnings(graphics::par(old)))
  switch(type,
    all = plot_all(x, pars, seed),
    elbo = plot_elbo(x, ...),
    marginals = plot_marginals(x, pars, seed),
    correlation = plot_correlation(x, pars)
  )
  invisible(x)
}

# Two colours that stay apart in every common form of colour blindness (Okabe and Ito).
ink <- c(main = "#0072B2", mark = "#D55E00", soft = "grey55", fill = "#0072B233")

plot_all <- function(fit, pars, seed) {
  marginals <- marginal_curves(checked_guide(fit), if (is.null(pars)) 8 else pars, seed)
  shown <- utils::head(marginals$curves, 8L)
  across <- if (length(shown) <= 4L) max(length(shown), 2L) else 4L
  down <- ceiling(length(shown) / across)
  cells <- matrix(seq_len(down * across) + 2L, down, byrow = TRUE)
  page <- rbind(rep(1:2, each = 6L), cells[, rep(seq_len(across), each = 12L %/% across), drop = FALSE])
  graphics::layout(page, heights = c(if (down == 1L) 1.2 else 1.7, rep(1, down)))
  graphics::par(oma = c(1.2, 0, 0, 0))
  plot_elbo(fit)
  plot_correlation(fit, if (is.character(pars)) pars)
  for (curve in shown) plot_curve(curve)
  if (marginals$total > length(shown) && is.null(pars)) {
    graphics::mtext(sprintf("the first %d of %s marginals", length(shown), big(marginals$total)), side = 1, line = 0.2, outer = TRUE, cex = 0.6, adj = 0.99, col = ink[["soft"]])
  }
}

# ---- the ELBO ---------------------------------------------------------------------------------------------------------

plot_elbo <- function(fit, xlab = "step", ylab = "", main = "ELBO", ylim = NULL, ...) {
  blocks <- elbo_blocks(fit$loss)
  if (!nrow(blocks)) return(empty_panel("no finite step"))
  if (is.null(ylim)) ylim <- elbo_range(blocks$elbo, fit$elbo)
  graphics::par(mar = c(3.2, 4.5, 2, 1), las = 1)
  graphics::plot.default(blocks$step, blocks$elbo, type = "l", col = ink[["main"]], lwd = 1.5, xlab = xlab, ylab = ylab, main = main, ylim = ylim,
                         bty = "l", mgp = c(2, 0.6, 0), ...)
  if (nrow(blocks) == 1L) graphics::points(blocks$step, blocks$elbo, pch = 16, col = ink[["main"]])
  if (blocks$elbo[1L] < ylim[1L]) {
    graphics::mtext(paste(" from", format(signif(blocks$elbo[1L], 4), big.mark = ",")), side = 1, line = -1, adj = 0, cex = 0.65, col = ink[["main"]])
  }
  if (isTRUE(is.finite(fit$elbo))) {
    graphics::abline(h = fit$elbo, col = ink[["mark"]], lty = 2)
    graphics::mtext(plus_minus(fit$elbo, fit$elbo_se), side = 3, line = 0, adj = 1, cex = 0.7, col = ink[["mark"]])
  }
}

# Means of the finite steps of each of at most `blocks` blocks.
elbo_blocks <- function(loss, blocks = 200L) {
  elbo <- -as.double(loss)
  block <- ceiling(seq_along(elbo) / max(1, ceiling(length(elbo) / blocks)))
  keep <- is.finite(elbo)
  data.frame(step = as.double(tapply(seq_along(elbo)[keep], block[keep], mean)), elbo = as.double(tapply(elbo[keep], block[keep], mean)))
}

# The last half of the run and the final estimate, with room for as much again of the climb.
elbo_range <- function(elbo, final) {
  late <- c(utils::tail(elbo, max(1, ceiling(length(elbo) / 2))), if (isTRUE(is.finite(final))) final)
  range <- range(late)
  height <- max(diff(range), 1e-3 * abs(range[2L]), 0.5)
  c(max(min(elbo, range[1L]), range[1L] - 2 * height), max(range[2L], range[1L] + 0.1 * height))
}

empty_panel <- function(text) {
  graphics::plot.new()
  graphics::text(0.5, 0.5, text, col = ink[["soft"]])
}

# ---- marginals ---------------------------------------------------------------------------------------------------------

plot_marginals <- function(fit, pars, seed) {
  marginals <- marginal_curves(checked_guide(fit), if (is.null(pars)) 20 else pars, seed)
  n <- length(marginals$curves)
  graphics::par(mfrow = panel_grid(n), oma = c(if (marginals$total > n) 1.5 else 0, 0, 0, 0))
  for (curve in marginals$curves) plot_curve(curve)
  if (marginals$total > n && !is.character(pars)) {
    graphics::mtext(sprintf("the first %s of %s parameters; `pars` chooses others", big(n), big(marginals$total)), side = 1, line = 0.3, outer = TRUE, cex = 0.7, col = ink[["soft"]])
  }
}

# Rows and columns for n panels, somewhat wider than high.
panel_grid <- function(n) {
  columns <- ceiling(sqrt(n))
  c(ceiling(n / columns), columns)
}

plot_curve <- function(curve) {
  graphics::par(mar = c(2.2, 0.8, 1.8, 0.8), mgp = c(1.5, 0.4, 0), las = 1, tcl = -0.25)
  top <- max(curve$y)
  graphics::plot.default(curve$x, curve$y, type = "n", axes = FALSE, xlab = "", ylab = "", ylim = c(-0.09, 1.02) * top)
  graphics::polygon(c(curve$x[1L], curve$x, curve$x[length(curve$x)]), c(0, curve$y, 0), col = ink[["fill"]], border = NA)
  graphics::lines(curve$x, curve$y, col = ink[["main"]])
  q <- curve$quantiles
  graphics::segments(q[1L], -0.05 * top, q[3L], -0.05 * top, col = ink[["mark"]], lwd = 2)
  graphics::points(q[2L], -0.05 * top, pch = 16, cex = 1.3, col = ink[["mark"]])
  graphics::axis(1, at = pretty(curve$x, 3), cex.axis = 0.9)
  graphics::title(main = shorten(curve$name, 22L), font.main = 1, cex.main = 1.05, line = 0.4)
}

# The curves of the chosen parameters, and how many parameters there are.
marginal_curves <- function(g, pars, seed) {
  parts <- output_parts(g$compiled)
  index <- marginal_index(parts)
  chosen <- index[chosen_labels(index$label, index$site, pars, "parameter"), ]
  needs_draws <- !all(vapply(parts[unique(chosen$site)], is_elementwise, NA))
  values <- if (needs_draws) summary_values(g, seed)
  sd <- row_norms(g$scale * g$scale_tril)
  curves <- Map(function(site, element, label) {
    part <- parts[[site]]
    curve <- if (is_elementwise(part)) exact_curve(lapply(site_coordinates(g, part, sd), `[`, element)) else kernel_curve(values[[site]][, element])
    c(curve, name = label)
  }, chosen$site, chosen$element, chosen$label)
  list(curves = unname(curves), total = nrow(index))
}

marginal_index <- function(parts) {
  blocks <- lapply(names(parts), function(name) {
    at <- which(part_varies(parts[[name]]))
    data.frame(site = rep(name, length(at)), element = at, label = parts[[name]]$labels[at], stringsAsFactors = FALSE)
  })
  do.call(rbind, blocks)
}

# Positions of `pars`: the first so many, or names of elements and sites.
chosen_labels <- function(labels, sites, pars, what) {
  if (is.null(pars)) return(seq_along(labels))
  if (is.numeric(pars)) return(seq_len(min(check_number(pars, "pars", 1, whole = TRUE), length(labels))))
  if (!is.character(pars) || !length(pars)) stop("`pars` must be a number of parameters, or their names.", call. = FALSE)
  unknown <- setdiff(pars, c(labels, sites))
  if (length(unknown)) {
    stop(paste(c(sprintf("`pars` names `%s`, which is no %s of the fit.", unknown[1L], what), nearest_hint(unknown[1L], c(labels, sites)),
                 sprintf("Its sites are %s.", enumerate(unique(sites)))), collapse = " "), call. = FALSE)
  }
  unique(unlist(lapply(pars, function(p) which(labels == p | sites == p))))
}

# The density of one elementwise transform of a Normal. A transform with a bound may pile up there without limit: the
# curve is cut at five times its height at the median's neighbourhood.
exact_curve <- function(at, points = 201L) {
  q <- bounded_quantiles(c(0.05, 0.5, 0.95), at)[, 1L]
  ends <- bounded_quantiles(c(0.001, 0.999), at)[, 1L]
  span <- q[3L] - q[1L]
  ends <- c(max(ends[1L], q[1L] - span), min(ends[2L], q[3L] + span))
  x <- seq(ends[1L], ends[2L], length.out = points)
  y <- bounded_density(x, at$loc, at$sd, at$lower, at$upper)
  cap <- 5 * bounded_density(q[2L], at$loc, at$sd, at$lower, at$upper)
  list(x = x, y = pmin(y, cap), quantiles = q)
}

# Density of y = f(x), x ~ N(loc, sd^2), by the change of variables.
bounded_density <- function(y, loc, sd, lower, upper) {
  above <- y - lower
  under <- upper - y
  if (is.finite(lower) && is.finite(upper)) {
    x <- log(above) - log(under)
    slope <- above * under / (upper - lower)
  } else if (is.finite(lower)) {
    x <- log(above)
    slope <- above
  } else if (is.finite(upper)) {
    x <- log(under)
    slope <- under
  } else {
    x <- y
    slope <- 1
  }
  out <- stats::dnorm(x, loc, sd) / slope
  ifelse(is.finite(out), out, 0)
}

kernel_curve <- function(x) {
  q <- stats::quantile(x, c(0.05, 0.5, 0.95), names = FALSE)
  span <- q[3L] - q[1L]
  ends <- c(max(min(x), q[1L] - span), min(max(x), q[3L] + span))
  if (ends[1L] == ends[2L]) return(list(x = ends[1L] + c(-1, 0, 0, 0, 1) * 1e-8, y = c(0, 0, 1, 0, 0), quantiles = q))
  curve <- stats::density(x, bw = "nrd", from = ends[1L], to = ends[2L], n = 201)
  list(x = curve$x, y = curve$y, quantiles = q)
}

# ---- correlations --------------------------------------------------------------------------------------------------------

# From blue (-1) over near-white (0) to red (+1), readable without red-green vision.
diverging <- function(n = 101L) grDevices::colorRampPalette(c("#053061", "#2166AC", "#92C5DE", "#F7F7F7", "#F4A582", "#B2182B", "#67001F"), space = "Lab")(n)

plot_correlation <- function(fit, pars) {
  R <- correlation(fit, full = TRUE)
  sites <- rep(names(fit$compiled$sites), vapply(fit$compiled$sites, `[[`, 0, "free"))
  at <- if (is.character(pars)) known_coordinates(rownames(R), sites, pars) else chosen_labels(rownames(R), sites, pars, "coordinate")
  R <- R[at, at, drop = FALSE]
  d <- nrow(R)
  labels <- shorten(rownames(R), 14L)
  room <- min(7, 1.6 + max(graphics::strwidth(labels, "inches", cex = label_size(d))) / graphics::par("cin")[2L] / graphics::par("cex"))
  graphics::par(mar = c(room, room, 2, 4.2), las = 1, mgp = c(2, 0.4, 0), tcl = -0.2)
  graphics::plot.default(NA, xlim = c(0.5, d + 0.5), ylim = c(0.5, d + 0.5), xaxs = "i", yaxs = "i", axes = FALSE, xlab = "", ylab = "", main = "Correlation")
  graphics::rect(0.5, 0.5, d + 0.5, d + 0.5, col = "grey80", border = NA)
  diag(R) <- NA
  graphics::image(seq_len(d), seq_len(d), R[, d:1, drop = FALSE], col = diverging(), zlim = c(-1, 1), add = TRUE, useRaster = d > 50L)
  shown <- legible_positions(d)
  graphics::axis(1, shown, labels[shown], las = 2, cex.axis = label_size(d))
  graphics::axis(2, d + 1 - shown, labels[shown], las = 1, cex.axis = label_size(d))
  graphics::box(col = ink[["soft"]])
  if (d <= 8L && d > 1L) write_correlations(R)
  colour_key()
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
  graphics::text(cell$i, d + 1 - cell$j, formatC(r, digits = 2, format = "f"), cex = size, col = ifelse(abs(r) > 0.6, "white", "grey15"))
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
