#' Plot a fit
#'
#' How the ELBO rose, the marginal posteriors on the user's scale beside their priors, the correlations of the latent coordinates, pairs of them with the draws that importance
#' sampling makes of the fit, and the importance weights themselves.
#'
#' @param x A fit.
#' @param type Which picture; "all" puts trace, weights, correlation and the first eight marginals on one page.
#'   * "trace": the ELBO of the steps, averaged over blocks of them, with a band of two standard errors, and the phases of [natural()][optimizers]. The dashed line is the final
#'     estimate from fresh draws. The axis shows the last part of the run: where the first blocks lie below it, the lower corner says what the ELBO came from.
#'   * "marginals": densities are exact where an element is a monotone function of one coordinate of z, and kernel estimates from
#'     4,000 draws elsewhere. The line below each is its central interval of 90 percent, the dot its median; the thin line is the prior that the site's statement
#'     gives, averaged over the priors of what it depends on.
#'   * "correlation": of the unconstrained coordinates, as in [correlation()], with lines between sites.
#'   * "pairs": draws of the unconstrained coordinates, resampled by their importance weights where k-hat allows it, under the ellipses that hold 50 and 95 percent of the fitted Normal; above the diagonal the
#'     correlation of the Normal and, in brackets, of these draws. Where the two differ, so do the Normal and the posterior.
#'   * "weights": log p(z) - log q(z) of the fresh draws that judged the fit (1,000; 250 where these hardly vary, 4,000 where they vary by 0.5 and more), and their largest ratios, by rank, before (dots) and after (line) Pareto smoothing. A line that stays low
#'     means that no few draws carry the weight.
#' @param pars Which parameters: how many of the first ones, or their names (`"theta[2]"`, or `"theta"` for a whole site). By default
#'   as many as can be read: 8 marginals on the page of all, 20 alone, 5 pairs, and all correlations.
#' @param order For correlations: "site", as the sites are stated, or "cluster", so that correlated coordinates stand together (complete linkage of 1 - |r|).
#' @param seed A whole number, for what needs draws.
#' @param ... Passed on to [graphics::plot.default()] for `type = "trace"`; otherwise not used.
#' @return The numbers that were drawn, invisibly: for "trace" a list of data frames `blocks` (`step`, `elbo`, `se`) and `phases` (`step`, `phase`), and `final`; for "marginals" a list of curves with
#'   `name`, `x`, `y`, `quantiles` and `prior`; for "correlation" the matrix in the order drawn; for "pairs" a list of `loc`, `covariance` and `draws`; for "weights" a list of `log_weights`,
#'   `ratios`, `smoothed` and `khat`; for "all" a list of these. Graphical parameters are reset.
#' @examples
#' m <- model({
#'   mu ~ normal(0, 1)
#'   s  ~ half_normal(1)
#'   y  ~ normal(mu, s)
#' })
#' fit <- fullrank(m, data = list(y = c(0.3, 1.2, -0.4, 0.8, 1.9)), seed = 1)
#' plot(fit)
#' plot(fit, type = "marginals", pars = "mu")
#' plot(fit, type = "pairs")
#' @export
plot.fullrank_fit <- function(x, type = c("all", "trace", "marginals", "correlation", "pairs", "weights"), pars = NULL, order = c("site", "cluster"), seed = 1, ...) {
  type <- match.arg(type)
  order <- match.arg(order)
  if (type != "trace") no_extra_arguments("plot", ...)
  old <- graphics::par(no.readonly = TRUE)
  on.exit(suppressWarnings(graphics::par(old)))
  invisible(switch(type,
    all = plot_all(x, pars, order, seed),
    trace = plot_trace(x, ...),
    marginals = plot_marginals(x, pars, seed),
    correlation = plot_correlation(x, pars, order),
    pairs = plot_pairs(x, pars, seed),
    weights = plot_weights(x)
  ))
}

#' @rdname plot.fullrank_fit
#' @importFrom graphics pairs
#' @export
pairs.fullrank_fit <- function(x, pars = NULL, seed = 1, ...) plot(x, type = "pairs", pars = pars, seed = seed, ...)

# Two colours that stay apart in every common form of colour blindness (Okabe and Ito).
ink <- c(main = "#0072B2", mark = "#D55E00", soft = "grey55", fill = "#0072B233")

plot_all <- function(fit, pars, order, seed) {
  marginals <- marginal_curves(checked_guide(fit), if (is.null(pars)) 8 else pars, seed, most = 8L)
  shown <- marginals$curves
  across <- if (length(shown) <= 4L) max(length(shown), 2L) else 4L
  down <- ceiling(length(shown) / across)
  cells <- matrix(seq_len(down * across) + 3L, down, byrow = TRUE)
  page <- rbind(rep(1:3, each = 4L), cells[, rep(seq_len(across), each = 12L %/% across), drop = FALSE])
  graphics::layout(page, heights = c(if (down == 1L) 1.2 else 1.7, rep(1, down)))
  graphics::par(oma = c(1.2, 0, 0, 0))
  trace <- plot_trace(fit)
  weights <- plot_ratios(fit)
  correlation <- plot_correlation(fit, if (is.character(pars)) pars, order)
  for (curve in shown) plot_curve(curve)
  if (marginals$total > length(shown)) {
    graphics::mtext(sprintf("the first %d of %s marginals", length(shown), big(marginals$total)), side = 1, line = 0.2, outer = TRUE, cex = 0.6, adj = 0.99, col = ink[["soft"]])
  }
  list(trace = trace, weights = weights, correlation = correlation, marginals = shown)
}

# ---- the ELBO ---------------------------------------------------------------------------------------------------------

plot_trace <- function(fit, xlab = "step", ylab = "", main = "ELBO", ylim = NULL, ...) {
  blocks <- elbo_blocks(fit$loss)
  drawn <- list(blocks = blocks, phases = fit$phases, final = c(elbo = fit$elbo, se = fit$elbo_se))
  if (!nrow(blocks)) {
    empty_panel("no finite step")
    return(drawn)
  }
  if (is.null(ylim)) ylim <- elbo_range(blocks$elbo, fit$elbo)
  labels <- format(pretty(ylim))
  room <- max(4.5, 1.3 + max(graphics::strwidth(labels, "inches")) / graphics::par("cin")[2L] / graphics::par("cex"))
  graphics::par(mar = c(3.2, room, 2.8, 1), las = 1)
  graphics::plot.default(blocks$step, blocks$elbo, type = "n", xlab = xlab, ylab = ylab, main = "", ylim = ylim, xlim = elbo_steps(blocks$step, length(fit$loss)),
                         bty = "l", mgp = c(2, 0.6, 0), xaxt = "n", ...)
  at <- graphics::axTicks(1)
  graphics::axis(1, at[at == round(at)], mgp = c(2, 0.6, 0)) # steps are whole
  panel_title(main)
  mark_phases(fit$phases)
  below <- max(0L, which(blocks$elbo < ylim[1L])) # jumps there are no noise
  band <- blocks[is.finite(blocks$se) & seq_len(nrow(blocks)) > below, ]
  if (nrow(band)) {
    graphics::polygon(c(band$step, rev(band$step)), c(band$elbo - 2 * band$se, rev(band$elbo + 2 * band$se)), col = ink[["fill"]], border = NA)
  }
  graphics::lines(blocks$step, blocks$elbo, col = ink[["main"]], lwd = 1.5)
  if (nrow(blocks) <= 20L) graphics::points(blocks$step, blocks$elbo, pch = 16, cex = 0.7, col = ink[["main"]])
  if (blocks$elbo[1L] < ylim[1L]) {
    u <- graphics::par("usr")
    graphics::text(u[1L], u[3L] + 0.02 * (u[4L] - u[3L]), paste(" from", format(signif(blocks$elbo[1L], 4), big.mark = ",")), adj = c(0, 0),
                   cex = 0.75, col = ink[["main"]])
  }
  if (isTRUE(is.finite(fit$elbo))) {
    graphics::abline(h = fit$elbo, col = ink[["mark"]], lty = 2)
    panel_note(paste("final", plus_minus(fit$elbo, fit$elbo_se)))
  }
  drawn
}

# A line where each phase begins, its name along the line; of lines too close for their names only the first is named.
mark_phases <- function(phases) {
  if (NROW(phases) < 2L) return()
  u <- graphics::par("usr")
  near <- 0.8 * graphics::par("cxy")[2L] * graphics::par("pin")[2L] / graphics::par("pin")[1L] * (u[2L] - u[1L]) / (u[4L] - u[3L])
  graphics::abline(v = phases$step[-1L], col = "grey80")
  last <- -Inf
  at <- pmax(phases$step, u[1L])
  for (k in which(at < u[2L] - near & c(phases$step[-1L], Inf) > u[1L])) {
    if (at[k] - last < near) next
    last <- at[k]
    graphics::text(last, u[3L] + 0.1 * (u[4L] - u[3L]), phases$phase[k], srt = 90, adj = c(0, 1.2), cex = 0.65, col = "grey40")
  }
}

# Means of the finite steps of each of at most `blocks` blocks, and their standard errors: from the differences of neighbours, so that the climb
# itself does not count as noise. A short run has its steps one by one.
elbo_blocks <- function(loss, blocks = 200L) {
  elbo <- -as.double(loss)
  at <- which(is.finite(elbo))
  x <- elbo[at]
  size <- max(1, ceiling(length(at) / blocks), if (length(at) >= 100L) 4 else 1)
  if (size == 1) return(data.frame(step = as.double(at), elbo = x, se = step_errors(x)))
  block <- ceiling(seq_along(at) / size)
  mean_of <- function(x) as.double(tapply(x, block, mean))
  se <- as.double(tapply(x, block, function(v) if (length(v) < 4L) NA_real_ else sqrt(mean(diff(v)^2) / 2 / length(v))))
  data.frame(step = mean_of(at), elbo = mean_of(x), se = se)
}

# The noise of single steps, from how far each lies off its neighbours' mean (a difference of variance 3/2 of the steps'), averaged over seven.
step_errors <- function(x, half = 3L) {
  n <- length(x)
  if (n < 7L) return(rep(NA_real_, n))
  off <- c(NA, (x[2:(n - 1L)] - (x[1:(n - 2L)] + x[3:n]) / 2)^2 / 1.5, NA)
  vapply(seq_len(n), function(i) sqrt(mean(off[max(1L, i - half):min(n, i + half)], na.rm = TRUE)), 0)
}

# The steps shown: all, less most of a start that has no ELBO.
elbo_steps <- function(step, n) c(max(1, step[1L] - 0.25 * max(n - step[1L], 4)), max(n, 2))

# The last half of the run and the final estimate, with room for twice as much of the climb.
elbo_range <- function(elbo, final) {
  late <- c(utils::tail(elbo, max(1, ceiling(length(elbo) / 2))), if (isTRUE(is.finite(final))) final)
  range <- range(late)
  height <- max(diff(range), 1e-3 * abs(range[2L]), 0.5)
  low <- max(min(elbo, range[1L]), range[1L] - 2 * height)
  high <- range[2L] + 0.05 * (range[2L] - low)
  c(low, high) + c(-0.5, 0.5) * max(0, 0.1 - (high - low)) # no less than a tenth of a nat
}

panel_title <- function(text) graphics::mtext(text, side = 3, line = 1.3, adj = 0, font = 2, cex = 0.95 * graphics::par("cex"))
panel_note <- function(text, col = ink[["mark"]]) graphics::mtext(text, side = 3, line = 0.25, adj = 0, cex = 0.8 * graphics::par("cex"), col = col)

empty_panel <- function(text) {
  graphics::plot.new()
  graphics::text(0.5, 0.5, text, col = ink[["soft"]])
}
