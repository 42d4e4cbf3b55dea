# Marginal posteriors, and their priors.

plot_marginals <- function(fit, pars, seed) {
  marginals <- marginal_curves(checked_guide(fit), if (is.null(pars)) 20 else pars, seed)
  n <- length(marginals$curves)
  graphics::par(mfrow = panel_grid(n), oma = c(if (marginals$total > n) 1.5 else 0, 0, 0, 0))
  for (curve in marginals$curves) plot_curve(curve)
  if (marginals$total > n) {
    graphics::mtext(sprintf("the first %s of %s parameters; `pars` chooses others", big(n), big(marginals$total)), side = 1, line = 0.3, outer = TRUE, cex = 0.7, col = ink[["soft"]])
  }
  marginals$curves
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
  if (!is.null(curve$prior)) graphics::lines(curve$x, pmin(curve$prior, 1.02 * top), col = ink[["soft"]])
  graphics::lines(curve$x, curve$y, col = ink[["main"]])
  q <- curve$quantiles
  graphics::segments(q[1L], -0.05 * top, q[3L], -0.05 * top, col = ink[["mark"]], lwd = 2)
  graphics::points(q[2L], -0.05 * top, pch = 16, cex = 1.3, col = ink[["mark"]])
  graphics::axis(1, at = pretty(curve$x, 3), cex.axis = 0.9)
  graphics::title(main = shorten(curve$name, 22L), font.main = 1, cex.main = 1.05, line = 0.4)
}

# The curves of the chosen parameters, at most so many, and how many there would be.
marginal_curves <- function(g, pars, seed, most = 42L) {
  parts <- output_parts(g$compiled)
  index <- marginal_index(parts)
  chosen <- index[chosen_labels(index$label, index$site, pars, "parameter"), ]
  total <- if (is.character(pars)) nrow(chosen) else nrow(index)
  chosen <- utils::head(chosen, most)
  needs_draws <- !all(vapply(parts[unique(chosen$site)], is_elementwise, NA))
  values <- if (needs_draws) summary_values(g, seed)
  sd <- row_norms(g$scale * g$scale_tril)
  prior <- prior_draws(g$compiled, seed)
  curves <- Map(function(site, element, label) {
    part <- parts[[site]]
    curve <- if (is_elementwise(part)) exact_curve(lapply(site_coordinates(g, part, sd), `[`, element)) else kernel_curve(values[[site]][, element])
    curve$prior <- prior_curve(g$compiled, part, element, curve$x, prior)
    c(curve, name = label)
  }, chosen$site, chosen$element, chosen$label)
  list(curves = unname(curves), total = total)
}

marginal_index <- function(parts) {
  blocks <- lapply(names(parts), function(name) {
    at <- which(part_varies(parts[[name]]))
    data.frame(site = rep(name, length(at)), element = at, label = parts[[name]]$labels[at], stringsAsFactors = FALSE)
  })
  do.call(rbind, blocks)
}

# Positions of `pars` (or what the argument is called): the first so many, or names of elements and sites.
chosen_labels <- function(labels, sites, pars, what, argument = "pars") {
  if (is.null(pars)) return(seq_along(labels))
  if (is.numeric(pars)) return(seq_len(min(check_number(pars, "pars", 1, whole = TRUE), length(labels))))
  if (!is.character(pars) || !length(pars)) stop("`pars` must be a number of parameters, or their names.", call. = FALSE)
  unknown <- setdiff(pars, c(labels, sites))
  if (length(unknown)) {
    stop(paste(c(sprintf("`%s` names `%s`, which is no %s of the fit.", argument, unknown[1L], what), nearest_hint(unknown[1L], c(labels, sites)),
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


# ---- priors -----------------------------------------------------------------------------------------------------------------

# z at draws from the prior, NULL where some site has no proper one.
prior_draws <- function(compiled, seed, n = 300L) tryCatch(sample_prior(compiled, n, seed)$z, error = function(e) NULL)

# The prior density of an element at x: that of its statement, averaged over prior draws of what its arguments depend on; a kernel estimate where the
# distribution is no elementwise one. NULL where there is none to show.
prior_curve <- function(compiled, part, element, x, z) {
  if (is.null(part$dist)) return(kernel_prior(compiled, part, element, x, z))
  if (part$dist == "flat") return(NULL)
  if (!is.null(part$wrapped) || !dist_table()[[part$dist]]$by_rows) return(kernel_prior(compiled, part, element, x, z))
  latent <- vapply(part$args, is.list, NA)
  if (any(latent) && is.null(z)) return(NULL)
  S <- if (any(latent)) nrow(z) else 1L
  args <- lapply(part$args, function(a) {
    v <- if (is.list(a)) arg_values(compiled, a, z) else matrix(as.double(a), S, length(a), byrow = TRUE)
    rep(v[, if (ncol(v) == 1L) 1L else element], length(x))
  })
  density <- exp(.Call(fullrank_dist_log_prob, part$dist, rep(as.double(x), each = S), unname(args), FALSE, 1L)$log_prob)
  density[!is.finite(density)] <- 0
  colMeans(matrix(density, S))
}

kernel_prior <- function(compiled, part, element, x, z) {
  if (is.null(z)) return(NULL)
  values <- node_values(compiled, z, part$id)[[1L]][, element]
  inside <- values[is.finite(values) & values >= min(x) & values <= max(x)]
  if (length(inside) < 20L) return(NULL)
  curve <- stats::density(inside, bw = "nrd", from = min(x), to = max(x), n = length(x))
  curve$y * length(inside) / length(values)
}
