#' Quantiles and medians on the user's scale
#'
#' Marginal quantiles of each parameter of the model.
#'
#' A site whose elements are each a monotone function of one coordinate of z (real, positive, or between constant bounds) has
#' exact quantiles: those of the coordinate, mapped. The elements of a simplex, an ordered vector, a correlation or covariance matrix, or the Cholesky factor of a
#' correlation matrix each depend on several coordinates, and so does a site whose bounds depend on another site, or a
#' deterministic value that was kept: mapping the quantiles of the coordinates would be wrong there (it is what Pyro does), so these are the quantiles
#' of 4,000 draws. The draws depend on `seed` alone, whose fixed default makes the answer the same each time; the Monte Carlo errors of the 5, 50 and
#' 95 percent quantiles are in [summary()][summary.fullrank_fit], `summary(fit)$errors`.
#'
#' @param x A fit or a guide.
#' @param probs Probabilities between 0 and 1. The default is the median and a central interval of 90 percent, the columns of
#'   [summary()][summary.fullrank_fit]. At 0 and 1 an exact quantile is the bound of the support, one from draws the smallest or largest draw.
#' @param seed A whole number, for the sites that need draws.
#' @param na.rm,... Not used.
#' @return A named list with one element a site, and one for each deterministic value that was kept. `quantile()`: probabilities first, then the shape
#'   of the site: for a scalar a vector named as by [stats::quantile()] (`5%`, `50%`, `95%`), for a vector of length J a
#'   `length(probs)` x J matrix, for a J x K matrix an array of `length(probs)` x J x K. `median()`: the shape of the site.
#' @examples
#' m <- model({
#'   mu    ~ normal(0, 1, dim = 2)
#'   tau   ~ lognormal(0, 1)
#'   share ~ dirichlet(c(1, 1, 1))
#'   y     ~ normal(mu, tau)
#'   n     ~ multinomial(10, share)
#' })
#' fit <- fullrank(m, data = list(y = c(0.4, 1.9), n = c(2, 3, 5)), seed = 1)
#' quantile(fit)
#' median(fit)$share
#' @export
quantile.fullrank_fit <- function(x, probs = c(0.05, 0.5, 0.95), seed = 1, ...) {
  g <- checked_guide(x)
  check_probs(probs)
  no_extra_arguments("quantile", ...)
  names <- percent_names(probs)
  Map(function(q, part) probs_first(q, part, names), quantile_matrices(g, probs, seed), output_parts(g$compiled))
}

#' @rdname quantile.fullrank_fit
#' @export
quantile.mvn_guide <- quantile.fullrank_fit

#' @rdname quantile.fullrank_fit
#' @export
median.fullrank_fit <- function(x, na.rm = FALSE, seed = 1, ...) {
  g <- checked_guide(x)
  Map(shape_value, quantile_matrices(g, 0.5, seed), output_parts(g$compiled))
}

#' @rdname quantile.fullrank_fit
#' @export
median.mvn_guide <- median.fullrank_fit

check_probs <- function(probs) {
  if (!is.numeric(probs) || !length(probs)) stop(sprintf("`probs` must be probabilities, not %s.", shape_and_class(probs)), call. = FALSE)
  bad <- which(is.na(probs) | probs < 0 | probs > 1)
  if (length(bad)) {
    value <- probs[[bad[1L]]]
    hint <- if (!is.na(value) && value > 1 && value <= 100) sprintf(" Did you mean %s?", format(value / 100)) else ""
    stop(sprintf("`probs` must lie between 0 and 1, but element %d is %s.%s", bad[1L], format(value), hint), call. = FALSE)
  }
}

# "5%", as stats::quantile() names them.
percent_names <- function(probs) paste0(formatC(100 * probs, format = "fg", width = 1, digits = 7), "%")

probs_first <- function(q, part, names) {
  if (!length(part$dim)) return(stats::setNames(as.vector(q), names))
  array(q, c(nrow(q), part$dim), c(list(names), if (length(part$dimnames)) part$dimnames else vector("list", length(part$dim))))
}

# ---- where the values of a site come from ---------------------------------------------------------------------------

# What summaries report on, in order: the latent sites, then the deterministic values that were kept.
output_parts <- function(compiled) if (is.null(compiled$outputs)) c(compiled$sites, compiled$kept) else compiled$outputs

# Whether each element is a monotone function of one coordinate, known without draws.
is_elementwise <- function(part) identical(part$map, "bounded") && !is.null(part$lower)

all_elementwise <- function(g) all(vapply(output_parts(g$compiled), is_elementwise, NA))

part_varies <- function(part) if (is.null(part$varies)) rep(TRUE, part$length) else part$varies

# Draws behind quantiles and summaries of parts that are not elementwise.
summary_draws <- 4000L

# Their values, as constrain_draws() gives them; NULL when no part needs any.
summary_values <- function(g, seed) {
  if (all_elementwise(g)) return(NULL)
  seed <- check_number(seed, "seed", 0, 2^53, whole = TRUE)
  constrain_draws(g$compiled, sample_guide(g, draw_eps(summary_draws, length(g$loc), seed)))
}

# The coordinates of an elementwise site: mean, sd and bounds of each element.
site_coordinates <- function(g, site, sd = row_norms(g$scale * g$scale_tril)) {
  at <- site$offset + seq_len(site$free)
  list(loc = unname(g$loc[at]), sd = unname(sd[at]), lower = rep_len(as.vector(site$lower), site$length), upper = rep_len(as.vector(site$upper), site$length))
}

# A named list of length(probs) x length matrices.
quantile_matrices <- function(g, probs, seed) {
  values <- summary_values(g, seed)
  sd <- row_norms(g$scale * g$scale_tril)
  lapply(output_parts(g$compiled), function(part) {
    if (is_elementwise(part)) bounded_quantiles(probs, site_coordinates(g, part, sd)) else column_quantiles(values[[part$name]], probs)
  })
}

column_quantiles <- function(x, probs, na.rm = FALSE) {
  q <- apply(x, 2L, stats::quantile, probs = probs, names = FALSE, na.rm = na.rm)
  matrix(q, length(probs))
}

# ---- elementwise transforms -----------------------------------------------------------------------------------------

# Quantiles of y = x, lower + exp(x), upper - exp(x) (which falls in x) or lower + (upper - lower) plogis(x), by which
# bounds are finite, for x ~ N(loc, sd^2).
bounded_quantiles <- function(probs, at) {
  falls <- is.infinite(at$lower) & is.finite(at$upper)
  z <- outer(stats::qnorm(probs), ifelse(falls, -1, 1) * at$sd) + rep(at$loc, each = length(probs))
  y <- vapply(seq_along(at$loc), function(i) bounded_value(z[, i], at$lower[i], at$upper[i]), numeric(length(probs)))
  matrix(y, length(probs))
}

# The bijection of one elementwise coordinate.
bounded_value <- function(x, lower, upper) {
  if (is.infinite(lower) && is.infinite(upper)) return(x)
  if (is.infinite(upper)) return(lower + exp(x))
  if (is.infinite(lower)) return(upper - exp(x))
  pmin(lower + (upper - lower) * stats::plogis(x), upper)
}
