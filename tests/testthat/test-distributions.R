# Against Pyro's numbers (reference/distributions.json), central differences and R's own densities.

# A value of the reference file: a scalar, a vector, or a matrix as a list of rows.
reference_value <- function(v) {
  if (!is.list(v)) return(as.numeric(v))
  if (is.list(v[[1L]])) ref_matrix(v) else ref_vector(v)
}

# Names that differ: the file's distribution and parameters, in our order of arguments; NULL: the table has no such distribution.
# `first`: what categories count from in the file, less ours.
reference_names <- list(
  gamma = list("gamma", c("concentration", "rate")), inverse_gamma = list("inverse_gamma", c("concentration", "rate")),
  chi2 = list("chi_square", "df"), weibull = list("weibull", c("concentration", "scale")),
  pareto = list("pareto", c("scale", "alpha")), beta = list("beta", c("concentration1", "concentration0")),
  kumaraswamy = list("kumaraswamy", c("concentration1", "concentration0")),
  uniform = list("uniform", c("low", "high")), bernoulli_probs = list("bernoulli", "probs"),
  bernoulli_logits = list("bernoulli_logit", "logits"), binomial_probs = list("binomial", c("total_count", "probs")),
  binomial_logits = list("binomial_logit", c("total_count", "logits")),
  neg_binomial_mean = list("neg_binomial", c("mu", "phi")), geometric_probs = list("geometric", "probs"),
  beta_binomial = list("beta_binomial", c("total_count", "concentration1", "concentration0")),
  categorical_probs = list("categorical", "probs", first = -1), categorical_logits = list("categorical_logit", "logits", first = -1),
  ordered_logistic = list("ordered_logistic", c("predictor", "cutpoints"), first = -1),
  multinomial_probs = list("multinomial", c("total_count", "probs")),
  mvnormal_cov = list("multi_normal", c("loc", "covariance_matrix")), mvnormal_precision = list("multi_normal_precision", c("loc", "precision_matrix")),
  mvnormal_scale_tril = list("multi_normal_cholesky", c("loc", "scale_tril")), mv_student_t = list("multi_student_t", c("df", "loc", "scale_tril")),
  lkj_cholesky = list("lkj_corr_cholesky", "concentration"), lkj_corr = list("lkj_corr", "concentration"),
  wishart_cov = list("wishart", c("df", "covariance_matrix")), wishart_scale_tril = list("wishart", c("df", "scale_tril")),
  dirichlet = list("dirichlet", "concentration")
)
not_ours <- c("soft_laplace", "soft_asymmetric_laplace", "skew_logistic", "fisher_snedecor", "continuous_bernoulli", "logit_normal", "neg_binomial_probs",
              "neg_binomial_logits", "gamma_poisson", "geometric_logits", "multinomial_logits", "dirichlet_multinomial", "zero_inflated_poisson",
              "zero_inflated_poisson_logits", "zero_inflated_neg_binomial", "mvnormal_low_rank", "normal_mixture", "poisson_mixture", "folded_normal",
              "affine_beta", "logistic_normal")

compare_case <- function(name, params, case, label, first) {
  args <- lapply(params, function(p) reference_value(case$params[[p]]))
  factor <- if (name == "wishart" && "scale_tril" %in% params) args[[2L]]
  if (!is.null(factor)) args[[2L]] <- tcrossprod(factor)
  out <- dist_eval(name, reference_value(case$x) - first, args)
  exact <- if (is.null(case$log_prob_exact)) case$log_prob else case$log_prob_exact
  expect_close_to(out$log_prob, as.numeric(exact), 1e-10, label)
  if (!is.null(case$grad_x)) expect_close_to(out$gradient$x, reference_value(case$grad_x), 1e-9, paste(label, "x"))
  # of S = L L', the adjoint of L is the lower triangle of 2 S_bar L (the file has numbers above it, which mean nothing)
  if (!is.null(factor)) {
    lower <- lower.tri(factor, diag = TRUE)
    out$gradient[[3L]] <- (2 * out$gradient[[3L]] %*% factor)[lower]
    case$grad_params$scale_tril <- as.list(reference_value(case$grad_params$scale_tril)[lower])
  }
  if (name == "von_mises") params <- params[1L] # Pyro's derivative in the concentration is as approximate as its density
  for (k in seq_along(params)) {
    want <- case$grad_params[[params[k]]]
    if (!is.null(want)) expect_close_to(out$gradient[[1L + k]], reference_value(want), 1e-9, paste(label, params[k]))
  }
}

test_that("log densities and gradients equal Pyro's", {
  entries <- read_compressed("distributions")$distributions
  names(entries) <- vapply(entries, `[[`, "", "name")
  expect_true(all(not_ours %in% names(entries)))
  for (entry in entries[setdiff(names(entries), not_ours)]) {
    ours <- reference_names[[entry$name]]
    name <- if (is.null(ours)) entry$name else ours[[1L]]
    params <- if (is.null(ours)) vapply(dist_entries()[[name]]$args, `[[`, "", "name") else ours[[2L]]
    first <- if (is.null(ours$first)) 0 else ours$first
    for (i in seq_along(entry$cases)) compare_case(name, params, entry$cases[[i]], paste0(entry$name, ", case ", i), first)
  }
})

# ---- central differences ----------------------------------------------------------------------------------------

# n random valid arguments and values of each scalar distribution.
random_calls <- function(n) {
  real <- function(s = 3) rnorm(n, 0, s)
  pos <- function() exp(rnorm(n))
  unit <- function() runif(n, 0.02, 0.98)
  size <- rpois(n, 20) + 1
  list(
    normal = list(real(), list(real(), pos())), student_t = list(real(), list(pos() * 4, real(), pos())),
    cauchy = list(real(), list(real(), pos())), laplace = list(real(), list(real(), pos())),
    logistic = list(real(), list(real(), pos())), flat = list(unit(), list(rep(-1, n), rep(2, n))),
    half_normal = list(pos(), list(pos())), half_cauchy = list(pos(), list(pos())),
    lognormal = list(pos(), list(real(1), pos())), exponential = list(pos(), list(pos())),
    gamma = list(pos(), list(pos() * 5, pos())), inverse_gamma = list(pos(), list(pos() * 5, pos())),
    pareto = list(3 + pos(), list(runif(n, 1, 2.9), pos())), beta = list(unit(), list(pos() * 8, pos() * 8)),
    uniform = list(unit(), list(-pos(), 1 + pos())),
    bernoulli = list(rbinom(n, 1, 0.5), list(unit())), bernoulli_logit = list(rbinom(n, 1, 0.5), list(real())),
    binomial = list(rbinom(n, size, 0.5), list(size, unit())),
    binomial_logit = list(rbinom(n, size, 0.5), list(size, real())),
    poisson = list(rpois(n, 4), list(pos() * 4)), poisson_log = list(rpois(n, 4), list(real(1))),
    beta_binomial = list(rbinom(n, size, 0.5), list(size, pos() * 5, pos() * 5)),
    asymmetric_laplace = list(real(), list(real(), pos(), pos())), gumbel = list(real(), list(real(), pos())),
    skew_normal = list(real(1), list(real(1), pos(), real(1))), exp_mod_normal = list(real(), list(real(), pos(), pos())),
    von_mises = list(runif(n, -3, 3), list(real(1), pos())), half_student_t = list(pos(), list(pos() * 4, pos())),
    inverse_gaussian = list(pos(), list(pos(), pos())), chi_square = list(pos(), list(pos() * 5)),
    scaled_inv_chi_square = list(pos(), list(pos() * 5, pos())), weibull = list(pos(), list(pos(), pos())),
    frechet = list(pos(), list(pos(), pos())), rayleigh = list(pos(), list(pos())), beta_proportion = list(unit(), list(unit(), pos() * 8)),
    kumaraswamy = list(unit(), list(pos(), pos())), neg_binomial = list(rpois(n, 4), list(pos() * 4, pos())),
    neg_binomial_log = list(rpois(n, 4), list(real(1), pos())), geometric = list(rpois(n, 4), list(unit()))
  )
}

test_that("every scalar distribution has its gradient, by central differences at 50 points", {
  set.seed(1)
  calls <- random_calls(50)
  table <- dist_entries()
  expect_setequal(names(calls), names(table)[vapply(table, `[[`, NA, "by_rows")])
  for (name in names(calls)) {
    operands <- c(calls[[name]][1L], calls[[name]][[2L]])
    analytic <- dist_eval(name, operands[[1L]], operands[-1L])$gradient
    for (j in which(!vapply(analytic, is.null, NA))) {
      h <- 1e-5 * pmax(0.1, abs(operands[[j]]))
      shifted <- function(by) {
        operands[[j]] <- operands[[j]] + by
        dist_eval(name, operands[[1L]], operands[-1L], FALSE)$log_prob
      }
      # fourth order: the error of the second order would be the larger one
      numeric <- (8 * (shifted(h) - shifted(-h)) - (shifted(2 * h) - shifted(-2 * h))) / (12 * h)
      expect_close_to(analytic[[j]], numeric, 1e-6, paste(name, names(analytic)[j]))
    }
  }
})

test_that("vector distributions have their gradients, by central differences", {
  set.seed(2)
  simplex <- function(K) { v <- rexp(K); v / sum(v) }
  for (K in c(1L, 2L, 5L)) {
    L <- matrix(rnorm(K * K), K); L[upper.tri(L)] <- 0; diag(L) <- exp(rnorm(K) / 2)
    R <- t(chol(cov2cor(tcrossprod(L) + diag(K))))
    calls <- list(
      multi_normal_cholesky = list(matrix(rnorm(3 * K), 3), list(rnorm(K), L)),
      dirichlet = list(simplex(K), list(exp(rnorm(K)) * 6)), lkj_corr_cholesky = list(R, list(1.7)),
      multinomial = list(as.vector(rmultinom(1, 30, simplex(K))), list(30, simplex(K)))
    )
    for (name in names(calls)) {
      operands <- c(calls[[name]][1L], calls[[name]][[2L]])
      if (K == 1L) operands[[1L]] <- if (name == "multi_normal_cholesky") matrix(operands[[1L]], ncol = 1L) else operands[[1L]]
      analytic <- dist_eval(name, operands[[1L]], operands[-1L])$gradient
      for (j in which(!vapply(analytic, is.null, NA))) {
        for (e in seq_along(operands[[j]])) {
          if (operands[[j]][e] == 0 || (name == "lkj_corr_cholesky" && j == 1L && K == 1L)) next
          h <- 1e-5 * max(0.01, abs(operands[[j]][e]))
          shifted <- function(by) {
            operands[[j]][e] <- operands[[j]][e] + by
            sum(dist_eval(name, operands[[1L]], operands[-1L], FALSE)$log_prob)
          }
          numeric <- (8 * (shifted(h) - shifted(-h)) - (shifted(2 * h) - shifted(-2 * h))) / (12 * h)
          expect_close_to(analytic[[j]][e], numeric, 1e-6, paste(name, K, names(analytic)[j], e))
        }
      }
    }
  }
})

# ---- lanes and widths -------------------------------------------------------------------------------------------

test_that("eight lanes give the same bits, and one lane the same to rounding", {
  set.seed(3)
  for (n in c(1L, 7L, 8L, 21L)) {
    calls <- random_calls(n)
    for (name in names(calls)) {
      one <- dist_eval(name, calls[[name]][[1L]], calls[[name]][[2L]])
      for (width in c(8L, 16L)) {
        wide <- dist_eval(name, calls[[name]][[1L]], calls[[name]][[2L]], width = width)
        lanes <- matrix(wide$log_prob, width)
        expect_true(all(lanes == rep(lanes[1L, ], each = width)), label = paste(name, "lanes"))
        expect_close_to(lanes[1L, ], one$log_prob, 1e-13, name)
        expect_close_to(wide$total, rep(one$total, width), 1e-13, paste(name, "total"))
        for (j in which(!vapply(one$gradient, is.null, NA))) {
          expect_close_to(matrix(wide$gradient[[j]], width)[width, ], one$gradient[[j]], 1e-13, paste(name, j))
          expect_identical(wide$gradient[[j]], wide$total_gradient[[j]])
        }
      }
    }
  }
})

test_that("arguments shared by all rows give the sum of the gradients", {
  set.seed(4)
  for (name in names(random_calls(1L))) {
    call <- random_calls(20L)[[name]]
    first <- lapply(call[[2L]], `[`, 1L)
    x <- if (name %in% c("binomial", "binomial_logit", "beta_binomial")) pmin(call[[1L]], first[[1L]]) else call[[1L]]
    if (name == "pareto") x <- x + 1
    each <- dist_eval(name, x, lapply(first, rep, 20L))
    for (width in c(1L, 8L)) {
      shared <- dist_eval(name, x, first, width = width)
      expect_close_to(matrix(shared$log_prob, width)[1L, ], each$log_prob, 1e-14, name)
      expect_close_to(shared$total[1L], sum(each$log_prob - dist_base(name, x, lapply(first, rep, 20L))), 1e-12, name)
      for (j in seq_along(first)) {
        if (is.null(each$gradient[[j + 1L]])) next
        expect_close_to(shared$total_gradient[[j + 1L]][1L], sum(each$gradient[[j + 1L]]), 1e-11, paste(name, j))
        expect_identical(shared$gradient[[j + 1L]], shared$total_gradient[[j + 1L]])
      }
    }
  }
})

# ---- edges and extremes: R's own densities ------------------------------------------------------------------------

expect_as_r <- function(name, args, x, r, tol = 1e-10) {
  got <- suppressWarnings(dist_eval(name, x, lapply(args, rep, length(x)), FALSE)$log_prob)
  want <- suppressWarnings(r)
  expect_close_to(got, want, tol, sprintf("%s(%s)", name, paste(unlist(args), collapse = ", ")))
}

test_that("densities on the line and the half line are R's, edges included", {
  x <- c(-Inf, -1e300, -3, -1e-300, 0, 1e-300, 0.3, 1, 2, 1e5, 1e300, Inf)
  for (s in c(1e-300, 1e-5, 1, 1e8)) {
    expect_as_r("normal", list(0.3, s), x, dnorm(x, 0.3, s, log = TRUE))
    expect_as_r("logistic", list(0.3, s), x, dlogis(x, 0.3, s, log = TRUE))
    r <- suppressWarnings(dlnorm(x, 0.3, s, log = TRUE))
    r[is.nan(r)] <- -Inf # R's own slip where both logarithms overflow
    expect_as_r("lognormal", list(0.3, s), x, r)
    expect_as_r("exponential", list(s), x, dexp(x, s, log = TRUE))
    expect_as_r("half_normal", list(s), x, ifelse(x < 0, -Inf, log(2) + dnorm(x, 0, s, log = TRUE)))
    small <- x[abs(x) < 1e10 | is.infinite(x)]
    if (s > 1e-100) {
      expect_as_r("cauchy", list(0.3, s), small, dcauchy(small, 0.3, s, log = TRUE))
      expect_as_r("half_student_t", list(3, s), small, ifelse(small < 0, -Inf, log(2) + dt(small / s, 3, log = TRUE) - log(s)))
      expect_as_r("half_cauchy", list(s), small, ifelse(small < 0, -Inf, log(2) + dcauchy(small, 0, s, log = TRUE)))
      for (shape in c(1e-5, 0.5, 1, 3, 9.99, 10, 50, 1e6)) {
        expect_as_r("gamma", list(shape, s), x, dgamma(x, shape, s, log = TRUE))
      }
    }
    for (df in c(1e-3, 0.7, 3, 39, 41, 1e4, 1e10, 1e16, 1e300, Inf)) {
      expect_as_r("student_t", list(df, 0.3, s), small, dt((small - 0.3) / s, df, log = TRUE) - log(s))
    }
  }
  expect_as_r("laplace", list(1, 2), c(-Inf, 1, 4, Inf), c(-Inf, -log(4), -log(4) - 1.5, -Inf))
  expect_as_r("inverse_gamma", list(2, 3), c(-1, 0, 1, Inf), c(-Inf, -Inf, log(9) - 3, -Inf))
  expect_as_r("inverse_gamma", list(2, 3), 1e-310, -Inf)
  expect_as_r("pareto", list(2, 3), c(1, 2, 4, Inf), c(-Inf, log(1.5), log(3 * 8 / 256), -Inf))
  expect_as_r("flat", list(-1, Inf), c(-2, -1, 0, Inf), c(-Inf, 0, 0, 0))
  expect_as_r("uniform", list(-1, 3), c(-2, -1, 0, 3, 4), dunif(c(-2, -1, 0, 3, 4), -1, 3, log = TRUE))
  for (a in c(0.5, 1, 2, 11, 1e5)) {
    for (b in c(0.5, 1, 2, 30, 1e6)) {
      x <- c(-1, 0, 1e-300, 1e-5, 0.3, 0.5, 0.9, 1, 2)
      expect_as_r("beta", list(a, b), x, dbeta(x, a, b, log = TRUE))
    }
  }
})

test_that("densities of counts are R's, edges and counts of a million included", {
  y <- c(-1, 0, 0.5, 1, 2, 5, 255, 256, 257, 1000, 999900, 1e6, Inf)
  for (rate in c(0, 1e-300, 0.1, 3, 250, 1000, 999000, 1e6, 1e300)) {
    expect_as_r("poisson", list(rate), y, dpois(y, rate, log = TRUE))
    if (rate > 0) expect_as_r("poisson_log", list(log(rate)), y[y < 1e5], dpois(y[y < 1e5], rate, log = TRUE))
  }
  # log(1e6) itself is rounded: the rate that it stands for is what counts
  expect_as_r("poisson_log", list(log(1e6)), 1e6, dpois(1e6, exp(log(1e6)), log = TRUE))
  expect_as_r("poisson_log", list(-1e3), c(0, 2), c(0, -2000 - log(2)))
  expect_as_r("poisson_log", list(1e3), c(0, 2), c(-Inf, -Inf))
  expect_as_r("poisson_log", list(-Inf), c(0, 2), c(0, -Inf))
  for (size in c(0, 1, 10, 256, 257, 1e6)) {
    y <- unique(c(-1, 0, 0.5, 1, round(size / 3), round(size / 2), size - 1, size, size + 1))
    for (p in c(0, 1e-300, 1e-6, 1 / 3, 0.5, 0.999, 1)) {
      expect_as_r("binomial", list(size, p), y, dbinom(y, size, p, log = TRUE))
      if (p > 0 && p < 0.9) expect_as_r("binomial_logit", list(size, qlogis(p)), y, dbinom(y, size, plogis(qlogis(p)), log = TRUE))
    }
    expect_as_r("binomial_logit", list(size, 1e3), size, 0)
    expect_as_r("binomial_logit", list(size, -Inf), c(0, size + 1), c(0, -Inf))
  }
  expect_as_r("binomial_logit", list(5, 1e3), 2, log(10) - 3000)
  expect_as_r("bernoulli", list(0), c(-1, 0, 0.5, 1), c(-Inf, 0, -Inf, -Inf))
  expect_as_r("bernoulli", list(1), c(-1, 0, 0.5, 1), c(-Inf, -Inf, -Inf, 0))
  expect_as_r("bernoulli_logit", list(1e3), c(0, 1, 2), c(-1000, 0, -Inf))
  expect_as_r("bernoulli_logit", list(-1e3), c(0, 1), c(0, -1000))
  expect_as_r("bernoulli_logit", list(Inf), c(0, 1), c(-Inf, 0))
})

test_that("beta_binomial keeps its digits with large sizes and shapes", {
  direct <- function(y, n, a, b) lchoose(n, y) + lbeta(y + a, n - y + b) - lbeta(a, b)
  for (a in c(1e-3, 0.5, 3, 40)) {
    for (b in c(1e-3, 1, 25)) {
      y <- c(0, 1, 7, 19, 20)
      expect_as_r("beta_binomial", list(20, a, b), y, direct(y, 20, a, b))
    }
  }
  # shapes without end: the binomial with their mean
  y <- c(0, 3, 10)
  expect_as_r("beta_binomial", list(10, 3e14, 7e14), y, dbinom(y, 10, 0.3, log = TRUE), 1e-9)
  expect_as_r("beta_binomial", list(1e6, 3e250, 7e250), c(0, 3e5, 1e6), dbinom(c(0, 3e5, 1e6), 1e6, 0.3, log = TRUE), 1e-9)
  # shapes 1 and 1: uniform on 0 .. n
  y <- c(0, 1, 1234, 5e5, 1e6)
  expect_as_r("beta_binomial", list(1e6, 1, 1), y, rep(-log(1e6 + 1), 5L), 1e-12)
  g <- dist_eval("beta_binomial", 3, list(10, 3e8, 7e8))$gradient
  expect_lt(abs(g$shape1 * 3e8), 1e-6)
})

test_that("vector densities hold at their edges and for large arguments", {
  expect_equal(dist_log_prob("multinomial", c(2, 0, 3), 5, c(0.4, 0, 0.6)), dmultinom(c(2, 0, 3), prob = c(0.4, 0, 0.6), log = TRUE))
  expect_equal(dist_log_prob("multinomial", c(2, 1, 2), 5, c(0.4, 0, 0.6)), -Inf)
  expect_equal(dist_log_prob("multinomial", c(2, 1, 2), 6, c(2, 1, 1)), -Inf)
  x <- c(2e5, 3e5, 5e5)
  stepwise <- dbinom(2e5, 1e6, 0.2, log = TRUE) + dbinom(3e5, 8e5, 0.375, log = TRUE)
  expect_close_to(dist_log_prob("multinomial", x, 1e6, c(2, 3, 5)), stepwise, 1e-10)
  expect_close_to(dist_log_prob("dirichlet", c(0.3, 0.7), c(2e5, 5e5)), dbeta(0.3, 2e5, 5e5, log = TRUE), 1e-10)
  expect_close_to(dist_log_prob("dirichlet", c(0, 1), c(1, 4)), dbeta(0, 1, 4, log = TRUE), 1e-12)
  expect_close_to(dist_log_prob("dirichlet", c(0, 1), c(2, 4)), -Inf, 0)
  expect_close_to(dist_log_prob("dirichlet", c(0, 1), c(0.5, 4)), Inf, 0)
  expect_close_to(dist_log_prob("dirichlet", c(0, 0, 1), c(0.5, 2, 4)), -Inf, 0)
  expect_close_to(dist_log_prob("lkj_corr_cholesky", matrix(1), 2), 0, 0)
  # eta = 1 is uniform on correlation matrices; K = 2: 1/2
  r <- 0.4
  L <- t(chol(matrix(c(1, r, r, 1), 2)))
  expect_close_to(dist_log_prob("lkj_corr_cholesky", L, 1), log(1 / 2), 1e-14)
  # r = 2 B - 1, B ~ Beta(eta, eta); the density is with respect to r
  for (eta in c(0.5, 3, 1e6)) {
    near <- r / sqrt(eta)
    L <- t(chol(matrix(c(1, near, near, 1), 2)))
    expect_close_to(dist_log_prob("lkj_corr_cholesky", L, eta), dbeta((1 + near) / 2, eta, eta, log = TRUE) - log(2), 1e-8)
  }
})

test_that("invalid arguments and missing values give NaN, valid ones never do", {
  bad <- list(normal = list(0, -1), student_t = list(-1, 0, 1), cauchy = list(0, -1), laplace = list(0, 0), logistic = list(0, -1),
              flat = list(1, -1), half_normal = list(-1), half_cauchy = list(0), lognormal = list(0, -1), exponential = list(-1),
              gamma = list(-1, 1), inverse_gamma = list(1, 0), pareto = list(1, -1), beta = list(0, 1), uniform = list(1, 1),
              half_student_t = list(3, 0), weibull = list(0, 1), inverse_gaussian = list(1, -1), neg_binomial = list(-1, 1), neg_binomial_log = list(0, 0), geometric = list(1.1),
              beta_proportion = list(1, 2), kumaraswamy = list(0, 1), gumbel = list(0, 0), skew_normal = list(0, -1, 1), exp_mod_normal = list(0, 1, 0), von_mises = list(0, -1),
              asymmetric_laplace = list(0, 1, 0), chi_square = list(0), scaled_inv_chi_square = list(1, 0), frechet = list(0, 1), rayleigh = list(0),
              bernoulli = list(1.1), bernoulli_logit = list(NaN), binomial = list(1.5, 0.5), binomial_logit = list(-1, 0),
              poisson = list(-1), poisson_log = list(NaN), beta_binomial = list(2, -1, 1))
  for (name in names(bad)) expect_true(is.nan(dist_eval(name, 1, bad[[name]])$log_prob), label = name)
  good <- random_calls(1L)
  for (name in names(good)) {
    expect_true(is.nan(dist_eval(name, NaN, good[[name]][[2L]])$log_prob), label = name)
    everywhere <- c(-Inf, -1e308, -1, 0, 5e-324, 0.5, 1, 2, 1e6, 1e308, Inf)
    args <- lapply(good[[name]][[2L]], rep, length(everywhere))
    out <- dist_eval(name, everywhere, args)
    expect_false(anyNA(out$log_prob), label = name)
    inside <- is.finite(out$log_prob)
    for (g in out$gradient) expect_false(anyNA(g[inside]), label = paste(name, "gradient"))
  }
})

test_that("densities that R has are R's, and the others are their formulas", {
  x <- c(0.01, 0.4, 1.3, 7)
  k <- c(0, 1, 4, 30)
  same <- function(name, x, args, want) expect_close_to(do.call(dist_log_prob, c(list(name, x), args)), want, 1e-12, name)
  same("weibull", x, list(1.7, 2), dweibull(x, 1.7, 2, log = TRUE))
  same("chi_square", x, list(3), dchisq(x, 3, log = TRUE))
  same("rayleigh", x, list(2), log(x / 4) - x^2 / 8)
  same("frechet", x, list(1.7, 2), log(1.7 / 2) - 2.7 * log(x / 2) - (x / 2)^-1.7)
  same("inverse_gaussian", x, list(1.5, 2), 0.5 * log(2 / (2 * pi * x^3)) - 2 * (x - 1.5)^2 / (2 * 1.5^2 * x))
  same("scaled_inv_chi_square", x, list(3, 2), dgamma(1 / x, 1.5, 6, log = TRUE) - 2 * log(x))
  same("half_student_t", x, list(3, 2), log(2) + dt(x / 2, 3, log = TRUE) - log(2))
  same("beta_proportion", x[1:2], list(0.3, 5), dbeta(x[1:2], 1.5, 3.5, log = TRUE))
  same("kumaraswamy", x[1:2], list(2, 3), log(6) + log(x[1:2]) + 2 * log1p(-x[1:2]^2))
  same("neg_binomial", k, list(2.5, 1.3), dnbinom(k, size = 1.3, mu = 2.5, log = TRUE))
  same("neg_binomial_log", k, list(log(2.5), 1.3), dnbinom(k, size = 1.3, mu = 2.5, log = TRUE))
  same("geometric", k, list(0.3), dgeom(k, 0.3, log = TRUE))
  same("gumbel", x, list(1, 2), -(x - 1) / 2 - exp(-(x - 1) / 2) - log(2))
  same("skew_normal", x, list(1, 2, -3), log(2 / 2) + dnorm((x - 1) / 2, log = TRUE) + pnorm(-3 * (x - 1) / 2, log.p = TRUE))
  same("exp_mod_normal", x, list(1, 2, 0.7), log(0.7) + 0.7 * (1 - x) + 0.7^2 * 4 / 2 + pnorm((x - 1) / 2 - 0.7 * 2, log.p = TRUE))
  same("von_mises", x[1:3], list(1, 2), 2 * cos(x[1:3] - 1) - log(2 * pi * besselI(2, 0)))
})

test_that("categories have the probabilities of their formulas, and draws to match", {
  p <- c(0.2, 0.5, 0.3)
  eta <- c(0.3, -1)
  cut <- c(-1, 0.5)
  logit <- cbind(plogis(cut[1] - eta), plogis(cut[2] - eta) - plogis(cut[1] - eta), plogis(eta - cut[2]))
  probit <- cbind(pnorm(cut[1] - eta), pnorm(cut[2] - eta) - pnorm(cut[1] - eta), pnorm(eta - cut[2]))
  expect_close_to(dist_log_prob("categorical", 1:3 + 0, 4 * p), log(p), 1e-14)
  expect_close_to(dist_log_prob("categorical_logit", 1:3 + 0, log(p) + 7), log(p), 1e-14)
  expect_close_to(dist_log_prob("ordered_logistic", c(3, 1), eta, cut), log(logit[cbind(1:2, c(3, 1))]), 1e-13)
  expect_close_to(dist_log_prob("ordered_probit", c(2, 3), eta, cut), log(probit[cbind(1:2, c(2, 3))]), 1e-13)
  expect_close_to(dist_log_prob("categorical_logit", c(1, 3), rbind(log(p), log(rev(p)))), log(c(p[1], p[1])), 1e-14)
  expect_identical(dist_log_prob("categorical", c(0, 4, 1.5), p), rep(-Inf, 3))
  for (name in c("categorical", "ordered_logistic")) {
    args <- if (name == "categorical") list(p) else list(eta[1], cut)
    x <- dist_sample(name, 4000L, args, K = length(args[[length(args)]]))
    expect_gt(chisq.test(tabulate(x, 3), p = if (name == "categorical") p else logit[1, ])$p.value, 1e-3)
  }
  m <- model({
    b ~ normal(0, 1)
    cutpoints ~ ordered(normal(0, 2), dim = 2)
    y ~ ordered_logistic(b * x, cutpoints)
  })
  expect_consistent(log_density(m, list(x = c(1, -0.5, 0.2), y = c(1, 3, 2))))
  expect_error(log_density(m, list(x = 1, y = 4)), "outside the support of `ordered_logistic\\(\\)`")
})

# ---- draws and means ----------------------------------------------------------------------------------------------

test_that("continuous draws have R's distribution functions and the table's means", {
  n <- 5000L
  cases <- list(
    list("normal", list(1, 2), function(q) pnorm(q, 1, 2)), list("student_t", list(3, 1, 2), function(q) pt((q - 1) / 2, 3)),
    list("student_t", list(1e40, 1, 2), function(q) pnorm(q, 1, 2)), list("cauchy", list(1, 2), function(q) pcauchy(q, 1, 2)),
    list("laplace", list(1, 2), function(q) ifelse(q < 1, exp((q - 1) / 2) / 2, 1 - exp(-(q - 1) / 2) / 2)),
    list("logistic", list(1, 2), function(q) plogis(q, 1, 2)), list("flat", list(-1, 3), function(q) punif(q, -1, 3)),
    list("half_normal", list(2), function(q) 2 * pnorm(q, 0, 2) - 1), list("half_cauchy", list(2), function(q) 2 * pcauchy(q, 0, 2) - 1),
    list("lognormal", list(1, 0.5), function(q) plnorm(q, 1, 0.5)), list("exponential", list(3), function(q) pexp(q, 3)),
    list("gamma", list(0.3, 2), function(q) pgamma(q, 0.3, 2)), list("gamma", list(30, 2), function(q) pgamma(q, 30, 2)),
    list("inverse_gamma", list(4, 2), function(q) pgamma(1 / q, 4, 2, lower.tail = FALSE)),
    list("pareto", list(2, 3), function(q) 1 - (2 / q)^3), list("beta", list(0.4, 2), function(q) pbeta(q, 0.4, 2)),
    list("uniform", list(-1, 3), function(q) punif(q, -1, 3)), list("half_student_t", list(3, 2), function(q) 2 * pt(q / 2, 3) - 1),
    list("weibull", list(1.7, 2), function(q) pweibull(q, 1.7, 2)), list("frechet", list(3, 2), function(q) exp(-(q / 2)^-3)),
    list("rayleigh", list(2), function(q) -expm1(-q^2 / 8)), list("chi_square", list(3), function(q) pchisq(q, 3)),
    list("scaled_inv_chi_square", list(6, 2), function(q) pchisq(24 / q, 6, lower.tail = FALSE)),
    list("beta_proportion", list(0.3, 5), function(q) pbeta(q, 1.5, 3.5)), list("kumaraswamy", list(2, 3), function(q) 1 - (1 - q^2)^3),
    list("gumbel", list(1, 2), function(q) exp(-exp(-(q - 1) / 2)))
  )
  for (case in cases) {
    x <- dist_sample(case[[1L]], n, case[[2L]])
    expect_gt(ks.test(x, case[[3L]])$p.value, 1e-3, label = paste(case[[1L]], "draws"))
    mean <- dist_mean(case[[1L]], case[[2L]])
    if (is.finite(mean)) expect_lt(abs(mean(x) - mean), 5 * sd(x) / sqrt(n), label = case[[1L]])
  }
  expect_identical(dist_sample("normal", 5L, list(0, 1)), dist_sample("normal", 9L, list(0, 1))[1:5])
  expect_true(all(is.nan(dist_sample("flat", 3L, list(-Inf, 1)))))
  expect_true(all(is.nan(c(dist_mean("cauchy", list(0, 1)), dist_mean("student_t", list(1, 0, 1)), dist_mean("flat", list(0, Inf))))))
  expect_identical(dist_mean("pareto", list(2, 1)), Inf)
})

test_that("draws of counts have R's masses, for small and large means", {
  n <- 5000L
  expect_mass <- function(x, mass, label) {
    # cells that expect at least five
    centre <- round(mean(x))
    spread <- max(3, ceiling(4 * sd(x)))
    step <- max(1, floor(spread / 20))
    breaks <- c(-Inf, seq(centre - spread, centre + spread, step) + 0.5, Inf)
    expected <- n * diff(mass(breaks))
    seen <- tabulate(findInterval(x, breaks, left.open = TRUE), length(expected))
    keep <- expected >= 5
    stat <- sum((seen - expected)[keep]^2 / expected[keep])
    expect_gt(pchisq(stat, sum(keep), lower.tail = FALSE), 1e-3, label = label)
    expect_lt(sum(seen[expected < 1e-6]), 1, label = label)
  }
  for (rate in c(0.3, 9.9, 10.1, 40, 1e4, 1e6)) {
    expect_mass(dist_sample("poisson", n, list(rate)), function(q) ppois(q, rate), paste("poisson", rate))
  }
  expect_mass(dist_sample("poisson_log", n, list(1.5)), function(q) ppois(q, exp(1.5)), "poisson_log")
  for (p in c(1e-4, 0.3, 0.5, 0.8, 0.9999)) {
    for (size in c(1, 20, 300, 1e6)) {
      expect_mass(dist_sample("binomial", n, list(size, p)), function(q) pbinom(q, size, p), paste("binomial", size, p))
    }
  }
  expect_mass(dist_sample("binomial_logit", n, list(50, 1)), function(q) pbinom(q, 50, plogis(1)), "binomial_logit")
  expect_mass(dist_sample("bernoulli", n, list(0.3)), function(q) pbinom(q, 1, 0.3), "bernoulli")
  expect_mass(dist_sample("bernoulli_logit", n, list(-1)), function(q) pbinom(q, 1, plogis(-1)), "bernoulli_logit")
  cumulative <- cumsum(exp(dist_log_prob("beta_binomial", 0:30, rep(30, 31), rep(2, 31), rep(3, 31))))
  expect_equal(cumulative[31L], 1)
  expect_mass(dist_sample("beta_binomial", n, list(30, 2, 3)), function(q) c(0, cumulative)[pmin(pmax(floor(q) + 2, 1), 32)], "beta_binomial")
  expect_equal(dist_sample("poisson", 3L, list(0)), c(0, 0, 0))
  expect_equal(dist_sample("binomial", 2L, list(7, c(0, 1))), c(0, 7))
})

test_that("vector draws have their moments", {
  n <- 4000L
  L <- matrix(c(2, 1, 0.5, 0, 1, -1, 0, 0, 0.7), 3)
  x <- dist_sample("multi_normal_cholesky", n, list(c(1, 2, 3), L), 3L)
  expect_lt(max(abs(colMeans(x) - 1:3) / sqrt(diag(tcrossprod(L)) / n)), 4.5)
  expect_lt(max(abs(cov(x) - tcrossprod(L))), 0.35)
  expect_equal(dist_mean("multi_normal_cholesky", list(c(1, 2, 3), L), 3L), c(1, 2, 3))

  a <- c(0.3, 2, 5)
  x <- dist_sample("dirichlet", n, list(a), 3L)
  expect_equal(rowSums(x), rep(1, n))
  for (k in 1:3) expect_gt(ks.test(x[, k], pbeta, a[k], sum(a) - a[k])$p.value, 1e-3)
  expect_equal(dist_mean("dirichlet", list(a), 3L), a / sum(a))
  expect_false(anyNA(dist_sample("dirichlet", 50L, list(rep(1e-4, 3)), 3L)))

  p <- c(1, 2, 0, 5)
  x <- dist_sample("multinomial", n, list(40, p), 4L)
  expect_true(all(rowSums(x) == 40) && all(x[, 3L] == 0))
  expect_lt(max(abs(colMeans(x) - 5 * p)), 0.3)
  expect_equal(dist_mean("multinomial", list(40, p), 4L), 5 * p)

  # every correlation of an LKJ matrix is 2 B - 1, B ~ Beta(b, b) with b = eta + K / 2 - 1
  draws <- dist_sample("lkj_corr_cholesky", n, list(1.5), 4L)
  R <- apply(draws, 3L, tcrossprod)
  expect_equal(R[c(1, 6, 11, 16), ], matrix(1, 4L, n))
  for (k in c(2, 3, 4, 7, 8, 12)) expect_gt(ks.test((1 + R[k, ]) / 2, pbeta, 2.5, 2.5)$p.value, 1e-3)
  expect_equal(dist_mean("lkj_corr_cholesky", list(1.5), 4L), diag(4L))
})

# ---- the table ------------------------------------------------------------------------------------------------------

test_that("the table says what the design says", {
  table <- dist_entries()
  args <- function(name) vapply(table[[name]]$args, `[[`, "", "name")
  expect_equal(args("student_t"), c("df", "loc", "scale"))
  expect_equal(args("pareto"), c("scale", "shape"))
  expect_equal(args("beta_binomial"), c("size", "shape1", "shape2"))
  expect_equal(vapply(table$flat$args, `[[`, 0, "default"), c(-Inf, Inf))
  expect_equal(table$pareto[c("support", "lower_arg", "upper_arg")], list(support = "bounded", lower_arg = 1L, upper_arg = 0L))
  expect_equal(table$binomial[c("support", "size_arg", "discrete")], list(support = "count_to_size", size_arg = 1L, discrete = TRUE))
  expect_true(table$binomial$args[[1L]]$data_only)
  expect_equal(table$multi_normal_cholesky$args[[2L]]$event, "matrix")
})
