# Mean and standard deviation of y = f(x), x ~ N(loc, sd^2), for the elementwise bijections: closed forms where there are any,
# else quadrature.

# A list of mean and sd, one each an element of the site. `at` comes from site_coordinates().
bounded_moments <- function(at) {
  kind <- 1L + is.finite(at$lower) + 2L * is.finite(at$upper)
  mean <- at$loc
  sd <- at$sd
  exponential <- kind == 2L | kind == 3L
  if (any(exponential)) {
    m <- exp(at$loc + at$sd^2 / 2)
    mean[exponential] <- ifelse(kind == 2L, at$lower + m, at$upper - m)[exponential]
    sd[exponential] <- (m * sqrt(expm1(at$sd^2)))[exponential]
  }
  for (i in which(kind == 4L)) {
    moments <- logistic_normal_moments(at$loc[i], at$sd[i])
    width <- at$upper[i] - at$lower[i]
    mean[i] <- at$lower[i] + width * moments[["mean"]]
    sd[i] <- width * moments[["sd"]]
  }
  list(mean = mean, sd = sd)
}

# Moments of plogis(x). For a location above 0 those of 1 - plogis(x) = plogis(-x) are found instead, so that small
# numbers keep their digits.
logistic_normal_moments <- function(loc, sd) {
  m <- if (sd <= 3) logistic_normal_narrow(-abs(loc), sd) else logistic_normal_wide(-abs(loc), sd)
  if (loc > 0) m[["mean"]] <- 1 - m[["mean"]]
  m
}

# Trapezoidal rule over the standardised coordinate. The integrand's nearest poles are pi / sd away from the real line, so
# that the rule's error is of order exp(-2 pi (pi / sd) / step), below 1e-14 for sd <= 3 (Trefethen and Weideman 2014).
logistic_normal_narrow <- function(loc, sd, step = 0.2) {
  t <- seq(-9, 15, by = step)
  w <- stats::dnorm(t)
  w <- w / sum(w)
  y <- stats::plogis(loc + sd * t)
  mean <- sum(w * y)
  c(mean = mean, sd = sqrt(sum(w * (y - mean)^2)))
}

# For large sd the roles are changed: plogis is the distribution function of a logistic variable and plogis^2 that of the
# larger of two, so that E plogis(x) and E plogis(x)^2 are integrals of pnorm((loc - z) / sd) over their densities, which
# are smooth whatever sd is.
logistic_normal_wide <- function(loc, sd, step = 0.25) {
  z <- seq(-40, 45, by = step)
  below <- stats::pnorm((loc - z) / sd)
  density <- stats::dlogis(z)
  mean <- step * sum(density * below)
  second <- step * sum(2 * stats::plogis(z) * density * below)
  c(mean = mean, sd = sqrt(max(second - mean^2, 0)))
}
