# Fits that several test files read, each made once, when it is first asked for.

regression_cache <- new.env()

regression_fit <- function(name) {
  if (is.null(regression_cache[[name]])) regression_cache[[name]] <- make_regression(name)
  regression_cache[[name]]
}

names_of_fits <- c("gaussian", "binomial", "poisson", "ordinal", "distributional")

make_regression <- function(name) {
  switch(name,
    gaussian = fullrank(mpg ~ wt + factor(cyl), data = mtcars, seed = 1),
    binomial = fullrank(cbind(incidence, size - incidence) ~ period + (1 | herd), data = cattle(), family = binomial(), seed = 1),
    poisson = fullrank(y ~ x + (1 + x | g), data = grouped_counts(), family = poisson(), seed = 1),
    ordinal = fullrank(Sat ~ Infl + Type + Cont, data = housing(), weights = Freq, family = "cumulative", seed = 1),
    distributional = fullrank(list(y ~ x, sigma ~ x), data = spreading(), seed = 1)
  )
}

cattle <- function() {
  skip_if_not_installed("lme4")
  lme4::cbpp
}

housing <- function() {
  skip_if_not_installed("MASS")
  MASS::housing
}

grouped_counts <- function() {
  set.seed(11)
  g <- factor(rep(letters[1:12], each = 15))
  x <- stats::rnorm(180)
  u <- stats::rnorm(12, 0, 0.6)
  v <- stats::rnorm(12, 0, 0.3)
  data.frame(y = stats::rpois(180, exp(0.7 + 0.4 * x + u[g] + v[g] * x)), x = x, g = g)
}

spreading <- function() {
  set.seed(12)
  x <- stats::runif(300, -1, 1)
  data.frame(x = x, y = stats::rnorm(300, 1 + 2 * x, exp(-0.5 + 0.8 * x)))
}

# The names of a model's statements: the left of each `~`.
site_statements_of <- function(m) {
  s <- Filter(function(e) identical(e[[1L]], as.name("~")), as.list(m$statements)[-1L])
  stats::setNames(lapply(s, `[[`, 3L), vapply(s, function(e) paste(deparse(e[[2L]]), collapse = ""), ""))
}

model_lines <- function(m) vapply(as.list(m$statements)[-1L], function(e) paste(deparse(e, width.cutoff = 500L), collapse = " "), "")

standard_errors <- function(fit) sqrt(diag(as.matrix(vcov(fit))))

# Sums over observations of pointwise log densities at some draws, and the same from the joint densities with and without the likelihood.
regression_gap <- function(fit, formula, data) {
  g <- fit$guide
  z <- sample_guide(g, draw_eps(3, length(g$loc), 4))
  prior <- as_model(formula, data = data, family = fit$regression$given$family, link = fit$regression$given$link, prior_only = TRUE)
  list(pointwise = rowSums(pointwise_log_lik(fit, prediction_rows(fit), constrain_draws(g$compiled, z), FALSE, 1)),
       joint = log_joint(g$compiled, z) - log_density(prior)$fn(z))
}
