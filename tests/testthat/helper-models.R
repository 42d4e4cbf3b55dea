# Models that several test files share.

# The models of reference/elbo.json in our language, by their name there.
reference_models <- function() {
  list(
    normal_location_scale = model({
      loc   ~ normal(0, 10)
      scale ~ lognormal(0, 1)
      y     ~ normal(loc, scale)
    }),
    eight_schools_centered = model({
      mu    ~ normal(0, 5)
      tau   ~ half_cauchy(5)
      theta ~ normal(mu, tau, dim = J)
      y     ~ normal(theta, s)
    }),
    eight_schools_noncentered = model({
      mu        ~ normal(0, 5)
      tau       ~ half_cauchy(5)
      theta_raw ~ normal(0, 1, dim = J)
      y         ~ normal(mu + tau * theta_raw, s)
    }),
    logistic_regression = model({
      alpha ~ normal(0, 5)
      beta  ~ normal(0, 2.5, dim = p)
      y     ~ bernoulli_logit(alpha + X %*% beta)
    }),
    poisson_varying_intercepts = model({
      b0    ~ normal(0, 5)
      b1    ~ normal(0, 1)
      sigma ~ half_normal(1)
      u     ~ normal(0, sigma, dim = J)
      y     ~ poisson_log(b0 + b1 * x + u[g])
    }),
    dirichlet_multinomial = model({
      theta ~ dirichlet(a)
      y     ~ multinomial(sum(y), theta)
    }),
    lkj_mvnormal = model({
      mu     ~ normal(0, 5, dim = d)
      tau    ~ half_normal(1, dim = d)
      L_corr ~ lkj_corr_cholesky(2, dim = d)
      y      ~ multi_normal_cholesky(mu, diag(tau) %*% L_corr)
    }),
    ar1_bounded = model({
      mu    ~ normal(0, 10)
      phi   ~ uniform(-1, 1)
      sigma ~ half_normal(2)
      y[2:n] ~ normal(mu + phi * (y[1:(n - 1)] - mu), sigma)
    })
  )
}

# A reference file that is stored compressed.
read_compressed <- function(name) {
  skip_if_not_installed("jsonlite")
  con <- gzfile(test_path("reference", paste0(name, ".json.gz")), "rt")
  on.exit(close(con))
  jsonlite::fromJSON(paste(readLines(con, warn = FALSE), collapse = ""), simplifyVector = FALSE)
}

# Data of a reference model: numbers, vectors and matrices (arrays of rows).
ref_data <- function(data) {
  data <- lapply(data, function(x) {
    if (!is.list(x)) x else if (is.list(x[[1L]])) ref_matrix(x) else ref_vector(x)
  })
  names(data)[names(data) == "Y"] <- "y"
  data
}

# A value in R's column-major order, as a vector.
ref_value <- function(x) if (!is.list(x)) as.numeric(x) else if (is.list(x[[1L]])) as.vector(ref_matrix(x)) else ref_vector(x)

strict_lower <- function(m) {
  m[upper.tri(m, diag = TRUE)] <- 0
  m
}

# The guide moved to parameters as Pyro stores them.
move_guide <- function(g, loc, scale_unconstrained, scale_tril_unconstrained) {
  constrained <- .Call(fullrank:::fullrank_guide_constrain, scale_unconstrained, strict_lower(scale_tril_unconstrained))
  g$loc <- loc
  g$scale_unconstrained <- scale_unconstrained
  g$scale <- constrained$scale
  g$scale_tril <- constrained$scale_tril
  g
}

# The guide moved to N(loc, covariance).
move_to_normal <- function(g, loc, covariance) {
  L <- t(chol(covariance))
  g$loc <- loc
  g$scale <- diag(L)
  g$scale_tril <- L / diag(L)
  g
}

# log density of a model at random points against R's own evaluation of the program, its gradient against central
# differences, and S = 1 against S = 8 and more particles.
expect_consistent <- function(f, points = 3, spread = 0.5, tolerance = 1e-6) {
  z <- matrix(stats::rnorm(points * f$dim, 0, spread), points)
  value <- f$fn(z)
  gradient <- f$gr(z)
  expect_true(all(is.finite(value)) && all(is.finite(gradient)))
  oracle <- rowSums(f$terms(z))
  expect(all(abs(value - oracle) <= 1e-10 * pmax(1, abs(value))), sprintf("the log density differs from R's own by %.3g", max(abs(value - oracle))))
  for (k in seq_len(points)) {
    h <- 1e-5
    numeric <- vapply(seq_len(f$dim), function(j) {
      e <- replace(numeric(f$dim), j, h)
      (f$fn(z[k, ] + e) - f$fn(z[k, ] - e)) / (2 * h)
    }, 0)
    error <- max(abs(gradient[k, ] - numeric) / pmax(1, abs(numeric), abs(value[k]) * 1e-3))
    expect(error < tolerance, sprintf("gradient differs from central differences by %.3g", error))
    one <- f$fn(z[k, ])
    expect(abs(one - value[k]) <= 1e-13 * max(1, abs(value[k])) * 10, "one particle and many differ")
  }
  invisible(value)
}
