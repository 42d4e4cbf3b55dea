# Distributions of vectors and matrices: their definitions written out with solve() and determinant(), central differences,
# edges, and draws. Pyro's numbers are in test-distributions.R.

log_det <- function(m) as.numeric(determinant(m)$modulus)
random_covariance <- function(K) tcrossprod(matrix(rnorm(K * (K + 2L)), K)) / K + diag(0.1, K)
random_factor <- function(K) t(chol(random_covariance(K)))

# A valid call of each: list(value, arguments).
random_event_calls <- function(K) {
  vector <- function(N = 3L) matrix(rnorm(N * K), N)
  pairs <- utils::combn(max(K, 2L), 2L)
  S <- random_covariance(K)
  list(
    multi_normal = list(vector(), list(rnorm(K), S)), multi_normal_precision = list(vector(), list(vector(), S)),
    multi_normal_cholesky = list(vector(), list(rnorm(K), random_factor(K))),
    multi_student_t = list(vector(), list(exp(rnorm(3L, 1)), rnorm(K), random_factor(K))),
    gaussian_random_walk = list(vector(), list(exp(rnorm(1L)))), ar1 = list(vector(), list(runif(3L, -0.95, 0.95), exp(rnorm(1L)))),
    icar = list(vector(), if (K == 1L) list(1, 1) else list(pairs[1L, ] + 0, pairs[2L, ] + 0)),
    lkj_corr = list(cov2cor(S), list(exp(rnorm(1L)))),
    wishart = list(S, list(K - 1 + exp(rnorm(1L)), random_covariance(K))),
    inverse_wishart = list(S, list(K - 1 + exp(rnorm(1L)), random_covariance(K)))
  )
}

# Derivatives of the sum of log densities in operand j, entry by entry; where it is symmetric, of both entries together.
# NA where the density has none: above the diagonal of a factor, on that of a correlation matrix.
numeric_gradient <- function(name, operands, j, symmetric) {
  x <- operands[[j]]
  out <- replace(x, TRUE, NA_real_)
  for (e in seq_along(x)) {
    at <- if (symmetric) which(row(x) == row(x)[e] & col(x) == col(x)[e] | row(x) == col(x)[e] & col(x) == row(x)[e]) else e
    if (identical(x[e], 0) || (name == "lkj_corr" && j == 1L && length(at) == 1L)) next
    h <- 1e-5 * max(0.1, abs(x[e]))
    shifted <- function(by) {
      operands[[j]][at] <- operands[[j]][at] + by
      sum(dist_eval(name, operands[[1L]], operands[-1L], FALSE)$log_prob)
    }
    out[e] <- (8 * (shifted(h) - shifted(-h)) - (shifted(2 * h) - shifted(-2 * h))) / (12 * h)
  }
  out
}

test_that("gradients are those of central differences at 50 points", {
  set.seed(11)
  table <- dist_entries()
  for (point in 1:50) {
    calls <- random_event_calls(1L + point %% 5L)
    for (name in names(calls)) {
      operands <- c(calls[[name]][1L], calls[[name]][[2L]])
      supports <- c(table[[name]]$support, vapply(table[[name]]$args, `[[`, "", "support"))
      analytic <- dist_eval(name, operands[[1L]], operands[-1L])$gradient
      for (j in which(!vapply(analytic, is.null, NA))) {
        symmetric <- supports[j] %in% c("corr_matrix", "cov_matrix")
        want <- as.vector(numeric_gradient(name, operands, j, symmetric))
        got <- analytic[[j]]
        if (symmetric) {
          expect_equal(got, t(got), tolerance = 1e-9)
          got <- got + t(got) - diag(diag(got), nrow(got))
        }
        keep <- !is.na(want)
        expect_true(any(keep) || (name == "lkj_corr" && length(want) == 1L))
        # differences of a density that is in the thousands have no more digits
        size <- max(1, abs(dist_eval(name, operands[[1L]], operands[-1L], FALSE)$log_prob))
        expect_close_to(got[keep] / size, want[keep] / size, 1e-7, paste(name, names(analytic)[j], "point", point))
      }
    }
  }
})

test_that("log densities are their definitions", {
  set.seed(12)
  quadratic <- function(r, S) drop(crossprod(r, solve(S, r)))
  multi_gamma <- function(a, K) K * (K - 1) / 4 * log(pi) + sum(lgamma(a - (seq_len(K) - 1) / 2))
  for (K in c(1L, 2L, 6L)) {
    S <- random_covariance(K); X <- random_covariance(K); L <- t(chol(S)); x <- rnorm(K); m <- rnorm(K); df <- K + 1.3
    same <- function(name, x, args, want) expect_close_to(dist_eval(name, x, args, FALSE)$log_prob, want, 1e-11, paste(name, K))
    row <- matrix(x, 1L)
    normal <- -K / 2 * log(2 * pi) - log_det(S) / 2 - quadratic(x - m, S) / 2
    same("multi_normal", row, list(m, S), normal)
    same("multi_normal_precision", row, list(m, solve(S)), normal)
    same("multi_normal_cholesky", row, list(m, L), normal)
    same("multi_student_t", row, list(df, m, L),
         lgamma((df + K) / 2) - lgamma(df / 2) - K / 2 * log(df * pi) - log_det(S) / 2 - (df + K) / 2 * log(1 + quadratic(x - m, S) / df))
    same("gaussian_random_walk", row, list(0.7), sum(dnorm(diff(c(0, x)), 0, 0.7, log = TRUE)))
    V <- 0.7^2 / (1 - 0.8^2) * (-0.8)^abs(outer(1:K, 1:K, `-`))
    same("ar1", row, list(-0.8, 0.7), -K / 2 * log(2 * pi) - log_det(V) / 2 - quadratic(x, V) / 2)
    nodes <- list(c(1, K, K), c(K, 1, max(1, K - 1)))
    same("icar", row, nodes, -sum((x[nodes[[1L]]] - x[nodes[[2L]]])^2) / 2)
    same("wishart", X, list(df, S), (df - K - 1) / 2 * log_det(X) - sum(diag(solve(S, X))) / 2 - df * K / 2 * log(2) - df / 2 * log_det(S) - multi_gamma(df / 2, K))
    same("inverse_wishart", X, list(df, S), df / 2 * log_det(S) - (df + K + 1) / 2 * log_det(X) - sum(diag(solve(X, S))) / 2 - df * K / 2 * log(2) - multi_gamma(df / 2, K))
    # by the factor's density: the Jacobian of R = L L' is the product of L_ii^(K - i)
    R <- cov2cor(S); factor <- t(chol(R))
    same("lkj_corr", R, list(1.7), dist_log_prob("lkj_corr_cholesky", factor, 1.7) - sum((K - seq_len(K)) * log(diag(factor))))
  }
  # every correlation matrix of size 3: det R = (1 - a^2)(1 - b^2)(1 - c^2) with c partial
  inner <- function(r) exp(dist_log_prob("lkj_corr", array(rbind(1, r, r, 1), c(2, 2, length(r))), 0.6))
  expect_equal(integrate(inner, -1, 1, rel.tol = 1e-6, subdivisions = 1000L)$value, 1, tolerance = 1e-5)
})

test_that("events with arguments of their own are single events, and shared arguments have the sum of the gradients", {
  set.seed(13)
  for (name in c("multi_normal", "multi_normal_precision", "wishart", "inverse_wishart")) {
    K <- 3L
    matrices <- array(replicate(2L, random_covariance(K)), c(K, K, 2L))
    value <- if (name %in% c("wishart", "inverse_wishart")) array(replicate(2L, random_covariance(K)), c(K, K, 2L)) else matrix(rnorm(2L * K), 2L)
    first <- if (is.matrix(value)) rnorm(K) else 4.5
    one <- function(i, S) dist_eval(name, if (is.matrix(value)) value[i, , drop = FALSE] else value[, , i], list(first, S))
    each <- dist_eval(name, value, list(first, matrices))
    shared <- dist_eval(name, value, list(first, matrices[, , 1L]))
    expect_close_to(each$log_prob, c(one(1L, matrices[, , 1L])$log_prob, one(2L, matrices[, , 2L])$log_prob), 1e-13, name)
    expect_close_to(each$gradient[[3L]][, , 2L], one(2L, matrices[, , 2L])$gradient[[3L]], 1e-13, name)
    expect_close_to(shared$gradient[[3L]], one(1L, matrices[, , 1L])$gradient[[3L]] + one(2L, matrices[, , 1L])$gradient[[3L]], 1e-12, name)
    expect_close_to(each$gradient[[2L]], one(1L, matrices[, , 1L])$gradient[[2L]] + one(2L, matrices[, , 2L])$gradient[[2L]], 1e-12, name)
  }
})

test_that("limits: gammas for a size of one, normals for infinite df, and large df keep their digits", {
  one <- function(v) matrix(v, 1L, 1L)
  for (df in c(1e-3, 0.5, 3, 30, 1e6, 1e12)) {
    for (x in c(0.3, df, 1.001 * df)) {
      expect_close_to(dist_log_prob("wishart", one(2.5 * x), df, one(2.5)), dgamma(x, df / 2, 0.5, log = TRUE) - log(2.5), 1e-11, paste("wishart", df, x))
      expect_close_to(dist_log_prob("inverse_wishart", one(2.5 / x), df, one(2.5)), dgamma(x, df / 2, 0.5, log = TRUE) + 2 * log(x) - log(2.5), 1e-11, paste("inverse_wishart", df, x))
    }
  }
  set.seed(14)
  L <- random_factor(4L); x <- matrix(rnorm(4L), 1L); m <- rnorm(4L)
  for (df in c(1e18, 1e300, Inf)) {
    expect_close_to(dist_log_prob("multi_student_t", x, df, m, L), dist_log_prob("multi_normal_cholesky", x, m, L), 1e-13)
  }
  for (df in c(1e-3, 3, 50, 1e5, 1e10, 1e16)) {
    expect_close_to(dist_log_prob("multi_student_t", one(1.7), df, 0.3, one(2)), dt(0.7, df, log = TRUE) - log(2), 1e-11, paste("df", df))
    t1 <- dist_eval("student_t", 1.7, list(df, 0.3, 2))$gradient
    multi <- dist_eval("multi_student_t", one(1.7), list(df, 0.3, one(2)))$gradient
    for (k in 1:4) expect_close_to(multi[[k]], t1[[k]], 1e-10, paste("df", df, "gradient", k))
    expect_lt(abs(multi[[2L]] / t1[[2L]] - 1), 1e-9)
  }
  x <- matrix(c(1e-160, 0, 0, 1e-160), 2L)
  expect_true(is.finite(dist_log_prob("wishart", x, 3, diag(1e-160, 2L))) && is.finite(dist_log_prob("inverse_wishart", x, 3, diag(2L))))
})

test_that("outside a support the density is -Inf, without one it is NaN", {
  S <- matrix(c(2, 0.5, 0.5, 1), 2L)
  indefinite <- matrix(c(1, 2, 2, 1), 2L)
  askew <- matrix(c(2, 0.5, 0.51, 1), 2L)
  row <- matrix(c(1, 2), 1L)
  for (name in c("wishart", "inverse_wishart")) {
    for (x in list(indefinite, askew, diag(c(1, 0)), diag(c(1, Inf)), -S, diag(c(1, -1e-3)))) {
      out <- dist_eval(name, x, list(3, S))
      expect_identical(out$log_prob, -Inf)
      expect_true(all(unlist(out$gradient) == 0))
    }
    expect_true(is.nan(dist_log_prob(name, replace(S, 2L, NaN), 3, S)))
    for (df in c(-1, 1, NaN, Inf)) expect_true(is.nan(dist_log_prob(name, S, df, S)))
    for (scale in list(indefinite, askew, replace(S, 4L, NaN))) expect_true(is.nan(dist_log_prob(name, S, 3, scale)))
    # what rounding leaves of symmetry passes
    expect_close_to(dist_log_prob(name, replace(S, 2L, 0.5 * (1 + 1e-12)), 3, S), dist_log_prob(name, S, 3, S), 1e-10)
  }
  R <- matrix(c(1, 0.5, 0.5, 1), 2L)
  for (x in list(S, indefinite, diag(c(1, 1.001)), replace(R, 2L, 0.6), matrix(1, 2L, 2L))) expect_identical(dist_log_prob("lkj_corr", x, 2), -Inf)
  for (eta in c(0, -1, NaN, Inf)) expect_true(is.nan(dist_log_prob("lkj_corr", R, eta)))
  for (name in c("multi_normal", "multi_normal_precision")) {
    for (bad in list(indefinite, askew, replace(S, 1L, NaN))) expect_true(is.nan(dist_log_prob(name, row, c(0, 0), bad)))
  }
  for (df in c(0, -1, NaN)) expect_true(is.nan(dist_log_prob("multi_student_t", row, df, c(0, 0), diag(2L))))
  expect_true(is.nan(dist_log_prob("multi_student_t", row, 3, c(0, 0), diag(c(1, -1)))))
  for (bad in list(list(1, 1), list(-1, 1), list(0.5, 0), list(NaN, 1))) expect_true(is.nan(dist_eval("ar1", row, bad, FALSE)$log_prob))
  expect_true(is.nan(dist_log_prob("gaussian_random_walk", row, 0)))
  for (name in c("gaussian_random_walk", "ar1")) {
    args <- if (name == "ar1") list(0.5, 1) else list(1)
    expect_identical(dist_eval(name, matrix(c(Inf, Inf), 1L), args, FALSE)$log_prob, -Inf)
    expect_true(is.nan(dist_eval(name, matrix(c(1, NaN), 1L), args, FALSE)$log_prob))
  }
  for (bad in list(list(c(1, 2), 1), list(0, 1), list(1, 3), list(1.5, 1), list(NaN, 1))) expect_true(is.nan(dist_eval("icar", row, bad, FALSE)$log_prob))
  expect_true(is.finite(dist_log_prob("ar1", row, 1 - 1e-15, 1)))
})

# ---- draws --------------------------------------------------------------------------------------------------------

# n draws as columns, made standard normal by their mean and covariance.
expect_normal_draws <- function(x, mean, covariance, label) {
  n <- nrow(x)
  z <- forwardsolve(t(chol(covariance)), t(x) - mean)
  expect_gt(ks.test(as.vector(z), pnorm)$p.value, 1e-3, label = label)
  expect_lt(max(abs(tcrossprod(z) / n - diag(nrow(z)))), 5 * sqrt(2 / n), label = paste(label, "covariance"))
}

test_that("draws of vectors have their means and covariances", {
  n <- 5000L
  S <- matrix(c(2, 0.6, -0.4, 0.6, 1, 0.3, -0.4, 0.3, 0.5), 3L)
  m <- c(1, -2, 0.5)
  draw <- function(name, ...) dist_sample(name, n, list(...), 3L)
  expect_normal_draws(draw("multi_normal", m, S), m, S, "multi_normal")
  expect_normal_draws(draw("multi_normal_precision", m, solve(S)), m, S, "multi_normal_precision")
  expect_normal_draws(draw("gaussian_random_walk", 0.7), 0, 0.49 * pmin(row(S), col(S)), "gaussian_random_walk")
  expect_normal_draws(draw("ar1", -0.8, 0.7), 0, 0.49 / 0.36 * (-0.8)^abs(row(S) - col(S)), "ar1")
  x <- draw("multi_student_t", 5, m, t(chol(S)))
  expect_gt(ks.test(mahalanobis(x, m, S) / 3, pf, 3, 5)$p.value, 1e-3)
  for (k in 1:3) expect_gt(ks.test((x[, k] - m[k]) / sqrt(S[k, k]), pt, 5)$p.value, 1e-3)
  expect_lt(max(abs(cov2cor(cov(x)) - cov2cor(S))), 0.1)
  for (name in c("multi_normal", "multi_normal_precision")) expect_equal(dist_mean(name, list(m, S), 3L), m)
  expect_equal(dist_mean("multi_student_t", list(2, m, S), 3L), m)
  expect_true(all(is.nan(dist_mean("multi_student_t", list(1, m, S), 3L))))
  expect_equal(c(dist_mean("ar1", list(0.3, 1), 2L), dist_mean("gaussian_random_walk", list(1), 2L)), rep(0, 4))
  invalid <- list(multi_normal = list(m, -S), multi_normal_precision = list(m, -S), multi_student_t = list(0, m, S),
                  gaussian_random_walk = list(-1), ar1 = list(1, 1), icar = list(1, 2))
  for (name in names(invalid)) expect_true(all(is.nan(dist_sample(name, 2L, invalid[[name]], 3L))), label = name)
  expect_true(all(is.nan(dist_mean("icar", list(1, 2), 3L))))
})

test_that("draws of Wishart and inverse Wishart have their means, covariances and projections", {
  n <- 5000L
  S <- matrix(c(2, 0.6, -0.4, 0.6, 1, 0.3, -0.4, 0.3, 0.5), 3L)
  a <- c(1, -0.5, 2)
  variance <- function(S, df) df * (S^2 + outer(diag(S), diag(S)))
  projected <- function(X, S, df, label) {
    expect_gt(ks.test(apply(X, 3L, function(x) sum(a * (x %*% a))) / sum(a * (S %*% a)), pchisq, df)$p.value, 1e-3, label = label)
    expect_gt(ks.test(sum(a * solve(S, a)) / apply(X, 3L, function(x) sum(a * solve(x, a))), pchisq, df - 2)$p.value, 1e-3, label = label)
    log_dets <- apply(X, 3L, log_det)
    want <- log_det(S) + 3 * log(2) + sum(digamma((df - 0:2) / 2))
    expect_lt(abs(mean(log_dets) - want), 5 * sd(log_dets) / sqrt(n), label = label)
  }
  for (df in c(3.5, 9)) {
    W <- dist_sample("wishart", n, list(df, S), 3L)
    expect_equal(W, aperm(W, c(2, 1, 3)))
    expect_lt(max(abs(apply(W, 1:2, mean) - df * S) / sqrt(variance(S, df) / n)), 4.5)
    expect_lt(max(abs(apply(W, 1:2, var) / variance(S, df) - 1)), 0.25)
    expect_equal(dist_mean("wishart", list(df, S), 3L), df * S)
    projected(W, S, df, paste("wishart", df))
    V <- dist_sample("inverse_wishart", n, list(df, S), 3L)
    projected(array(apply(V, 3L, solve), dim(V)), solve(S), df, paste("inverse_wishart", df))
  }
  expect_lt(max(abs(apply(V, 1:2, mean) - S / 5) / apply(V, 1:2, sd)) * sqrt(n), 4.5)
  expect_equal(dist_mean("inverse_wishart", list(9, S), 3L), S / 5)
  expect_equal(dist_mean("inverse_wishart", list(3, S), 3L), matrix(replace(rep(NaN, 9), c(1, 5, 9), Inf), 3L))
  for (name in c("wishart", "inverse_wishart")) expect_true(all(is.nan(dist_sample(name, 2L, list(1.9, S), 3L))) && all(is.nan(dist_sample(name, 2L, list(4, -S), 3L))))

  R <- dist_sample("lkj_corr", n, list(1.5), 4L)
  expect_true(all(apply(R, 3L, diag) == 1))
  expect_equal(R, aperm(R, c(2, 1, 3)))
  for (at in list(c(2, 1), c(3, 1), c(4, 2), c(4, 3))) expect_gt(ks.test((1 + R[at[1L], at[2L], ]) / 2, pbeta, 2.5, 2.5)$p.value, 1e-3)
  expect_equal(dist_mean("lkj_corr", list(1.5), 4L), diag(4L))
  expect_true(all(is.nan(dist_sample("lkj_corr", 1L, list(-1), 2L))))
})

# ---- through programs: matrices that are computed from latents -----------------------------------------------------

test_that("gradients through computed covariances are right, however the matrix came about", {
  set.seed(15)
  y <- matrix(rnorm(12L), 4L)
  expect_consistent(log_density(model({
    mu ~ normal(0, 1, dim = 3)
    tau ~ half_normal(1, dim = 3)
    L ~ lkj_corr_cholesky(2, dim = 3)
    # symmetric to rounding only
    Sigma <- diag(tau) %*% (L %*% t(L)) %*% diag(tau)
    y ~ multi_normal(mu, Sigma)
  }), list(y = y)))
  expect_consistent(log_density(model({
    s ~ half_normal(1, dim = 2)
    r ~ uniform(-1, 1)
    v <- r * s[1] * s[2]
    y ~ multi_normal(c(0, 0), rbind(c(s[1]^2, v), c(v, s[2]^2)))
    z ~ multi_normal_precision(c(0, 0), rbind(c(1 / s[1], r / 9), c(r / 9, 1 / s[2])))
  }), list(y = y[, 1:2], z = y[, 2:3])))
  expect_consistent(log_density(model({
    df ~ gamma(8, 2)
    ell ~ lognormal(0, 1)
    C <- exp(-D / ell) + diag(0.1, 3)
    y ~ multi_student_t(df, c(0, 1, 2), t(chol(C)))
    x ~ gaussian_random_walk(ell, dim = 5)
  }), list(y = y, D = as.matrix(stats::dist(1:3)))))
  expect_consistent(log_density(model({
    df ~ gamma(8, 1)
    eta ~ lognormal(0, 1)
    tau ~ half_normal(1, dim = 3)
    L ~ lkj_corr_cholesky(2, dim = 3)
    R <- L %*% t(L)
    R ~ lkj_corr(eta)
    Sigma <- outer(tau, tau) * R
    Sigma ~ inverse_wishart(df + 3, S)
    crossprod(L) + S ~ wishart(df + 3, Sigma + diag(0.1, 3))
  }), list(S = diag(2, 3) + 0.3)))
})
