# Sites of the vector and matrix distributions, latent and observed: C against the oracle and central differences, posteriors and
# moments known in closed form, names, shapes, starts and messages.

S3 <- matrix(c(2, 0.5, 0.3, 0.5, 1, -0.2, 0.3, -0.2, 1.5), 3)
# a square with one diagonal and a pendant
edges <- list(node1 = c(1, 2, 3, 4, 1, 4), node2 = c(2, 3, 4, 1, 3, 5))

latent_models <- function() list(
  multi_normal = model({
    mu ~ normal(0, 1, dim = 3)
    Sigma ~ inverse_wishart(6, S)
    x ~ multi_normal(mu, Sigma)
  }),
  `multi_normal, rows` = model({
    mu ~ normal(0, 1, dim = 3)
    x ~ multi_normal(mu, S, dim = c(4, 3))
    target(sum(sin(x)))
  }),
  `multi_normal, number` = model({ x ~ multi_normal(1, S) }),
  multi_normal_precision = model({
    mu ~ normal(0, 1, dim = 3)
    Omega ~ wishart(5, S)
    x ~ multi_normal_precision(mu, Omega)
  }),
  multi_student_t = model({
    df ~ gamma(20, 4)
    mu ~ normal(0, 1, dim = 3)
    tau ~ lognormal(0, 0.3, dim = 3)
    L ~ lkj_corr_cholesky(2, dim = 3)
    x ~ multi_student_t(df, mu, diag(tau) %*% L)
  }),
  gaussian_random_walk = model({
    s ~ lognormal(0, 1)
    x ~ gaussian_random_walk(s, dim = 6)
    Z ~ gaussian_random_walk(s, dim = c(2, 4))
    target(-sum(x^2) - sum(Z^4))
  }),
  ar1 = model({
    phi ~ uniform(-1, 1)
    s ~ lognormal(0, 1)
    x ~ ar1(phi, s, dim = 6)
    Z ~ ar1(phi, s, dim = c(2, 4))
    target(-sum(x^2))
  }),
  icar = model({
    s ~ lognormal(0, 1)
    x ~ icar(node1, node2)
    x ~ normal(0, 2)
    target(-sum((s * x - 1)^2))
  }),
  lkj_corr = model({
    eta ~ lognormal(1, 0.3)
    R ~ lkj_corr(eta, dim = 4)
    target(-log_sum_exp(R))
  }),
  wishart = model({
    df ~ truncated(normal(6, 1), lower = 4)
    A ~ wishart(6, S)
    B ~ wishart(df, A)
  }),
  inverse_wishart = model({
    df ~ truncated(normal(6, 1), lower = 4)
    A ~ inverse_wishart(6, S)
    B ~ inverse_wishart(df, A)
  })
)

test_that("every vector and matrix distribution may be latent", {
  set.seed(3)
  for (name in names(latent_models())) {
    f <- log_density(latent_models()[[name]], c(edges, list(S = S3)))
    expect_consistent(f, spread = 0.3)
    z <- rnorm(f$dim, 0, 0.4)
    expect_equal(unname(f$unconstrain(f$constrain(z))), z, tolerance = 1e-8, label = name)
  }
})

test_that("every vector and matrix distribution may be observed", {
  set.seed(4)
  Y <- matrix(rnorm(12), 4)
  data <- c(edges, list(S = S3, y = Y[1, ], Y = Y, w = cumsum(rnorm(8)), W = matrix(rnorm(15), 3), R = stats::cov2cor(S3)))
  models <- list(
    model({ m ~ normal(0, 1, dim = 3); A ~ wishart(5, S); y ~ multi_normal(m, A) }),
    model({ m ~ normal(0, 1, dim = c(4, 3)); A ~ wishart(5, S); Y ~ multi_normal(m, A) }),
    model({ m ~ normal(0, 1); A ~ wishart(5, S); Y ~ multi_normal_precision(m, A) }),
    model({ m ~ normal(0, 1, dim = 3); df ~ lognormal(2, 0.3); L ~ lkj_corr_cholesky(1, dim = 3); Y ~ multi_student_t(df, m, L) }),
    model({ s ~ lognormal(0, 1); w ~ gaussian_random_walk(s); W ~ gaussian_random_walk(s) }),
    model({ s ~ lognormal(0, 1); phi ~ uniform(-1, 1); w ~ ar1(phi, s); W ~ ar1(phi, s) }),
    model({ a ~ normal(0, 1); b <- exp(a) * w[1:5]; b ~ icar(node1, node2); w[1:5] ~ icar(node1, node2) }),
    model({ eta ~ lognormal(0, 0.5); R ~ lkj_corr(eta) }),
    model({ df ~ truncated(normal(6, 1), lower = 4); A ~ wishart(6, S); S ~ wishart(df, A) }),
    model({ df ~ truncated(normal(6, 1), lower = 4); A ~ wishart(6, S); S ~ inverse_wishart(df, A) })
  )
  for (m in models) expect_consistent(log_density(m, data), spread = 0.2)
})

# ---- known answers ---------------------------------------------------------------------------------------------------------

log_inverse_wishart <- function(X, nu, Psi) {
  p <- nrow(X)
  nu / 2 * log(det(Psi)) - nu * p / 2 * log(2) - p * (p - 1) / 4 * log(pi) - sum(lgamma((nu + 1 - seq_len(p)) / 2)) -
    (nu + p + 1) / 2 * log(det(X)) - sum(diag(Psi %*% solve(X))) / 2
}

# Log density over z of a covariance's posterior, the Jacobian of its lower triangle by central differences.
posterior_at <- function(f, z, lower, nu, Psi) {
  value <- function(z) array(f$constrain(z)$Sigma, dim(Psi))
  h <- 1e-5
  J <- vapply(seq_along(z), function(j) {
    e <- replace(numeric(length(z)), j, h)
    (8 * (value(z + e) - value(z - e)) - (value(z + 2 * e) - value(z - 2 * e)))[lower] / (12 * h)
  }, z)
  log_inverse_wishart(value(z), nu, Psi) + as.numeric(determinant(J)$modulus)
}

test_that("the posterior of a covariance under an inverse Wishart prior is the inverse Wishart that it must be", {
  set.seed(5)
  n <- 150 # with fewer, the tails of the weights forbid reweighting for some seeds
  nu <- 5
  Psi <- diag(c(1, 2, 3))
  Y <- matrix(rnorm(3 * n), n) %*% chol(S3)
  m <- model({
    Sigma ~ inverse_wishart(nu, Psi)
    Y ~ multi_normal(0, Sigma)
  })
  data <- list(Y = Y, nu = nu, Psi = Psi)
  f <- log_density(m, data)
  Psi_n <- Psi + crossprod(Y)
  # the log density is that of the posterior, with the Jacobian by numerical differentiation, and the log evidence
  lower <- lower.tri(Psi, diag = TRUE)
  evidence <- f$fn(numeric(6)) - posterior_at(f, numeric(6), lower, nu + n, Psi_n)
  for (k in 1:5) {
    z <- rnorm(6, 0, 0.5)
    expect_equal(f$fn(z) - posterior_at(f, z, lower, nu + n, Psi_n), evidence, tolerance = 1e-8)
  }
  multi_gamma <- function(a) 3 * 2 / 4 * log(pi) + sum(lgamma(a + (1 - 1:3) / 2))
  exact <- -3 * n / 2 * log(pi) + multi_gamma((nu + n) / 2) - multi_gamma(nu / 2) + nu / 2 * log(det(Psi)) - (nu + n) / 2 * log(det(Psi_n))
  expect_equal(evidence, exact, tolerance = 1e-8)

  fit <- fullrank(m, data, seed = 1, progress = FALSE)
  expect_identical(fit$status, "converged")
  e <- elbo(fit, 2000, seed = 2)
  expect_lt(e$elbo - 4 * e$se, exact)
  expect_gt(e$elbo, exact - 0.2)
  mean <- Psi_n / (nu + n - 4)
  sd <- sqrt(((nu + n - 2) * Psi_n^2 + (nu + n - 4) * outer(diag(Psi_n), diag(Psi_n))) / ((nu + n - 3) * (nu + n - 4)^2 * (nu + n - 6)))
  # reweighted draws are the posterior's: within the Monte Carlo error of 4,000
  d <- unclass(draws(fit, 4000, importance = TRUE, seed = 3))
  expect_lt(max(abs(colMeans(d) - as.vector(mean)) / as.vector(sd)), 5 / sqrt(4000) * 1.2)
  expect_lt(max(abs(apply(d, 2, stats::sd) / as.vector(sd) - 1)), 0.1)
  # the guide itself is close in the mean and the spread
  d <- unclass(draws(fit, 4000, seed = 3))
  expect_lt(max(abs(colMeans(d) - as.vector(mean)) / as.vector(sd)), 0.15)
  expect_lt(max(abs(apply(d, 2, stats::sd) / as.vector(sd) - 1)), 0.15)
})

test_that("prior draws have the moments that they must have", {
  n <- 4000
  near <- function(draws, want, label) {
    draws <- matrix(draws, n)
    z <- (colMeans(draws) - as.vector(want)) / (apply(draws, 2, stats::sd) / sqrt(n))
    expect(max(abs(z[is.finite(z)])) < 4.7 && all(draws[, !is.finite(z)] == rep(as.vector(want)[!is.finite(z)], each = n)), sprintf("%s: %.2f standard errors off", label, max(abs(z))))
  }
  s <- simulate(model({ W ~ wishart(7, S); V ~ inverse_wishart(9, S); R ~ lkj_corr(2, dim = 3) }), n, seed = 1, data = list(S = S3))
  expect_identical(dim(s$W), c(as.integer(n), 3L, 3L))
  near(s$W, 7 * S3, "wishart")
  near(s$V, S3 / 5, "inverse_wishart")
  near(s$R, diag(3), "lkj_corr")
  expect_identical(s$W, aperm(s$W, c(1, 3, 2)))
  # the variance of an LKJ correlation: those of 2 B - 1, B ~ Beta(b, b) with b = eta + K / 2 - 1
  near(s$R[, 2, 1]^2, 1 / (2 * 2.5 + 1), "lkj_corr, squared")
  near(s$W[, 2, 1]^2, 7 * (S3[2, 1]^2 + S3[1, 1] * S3[2, 2]) + 49 * S3[2, 1]^2, "wishart, squared")

  s <- simulate(model({
    x ~ multi_normal(1:3, S)
    p ~ multi_normal_precision(1:3, S, dim = c(2, 3))
    t ~ multi_student_t(8, 1:3, L)
    w ~ gaussian_random_walk(0.5, dim = 4)
    a ~ ar1(0.6, 0.5, dim = 4)
  }), n, seed = 2, data = list(S = S3, L = t(chol(S3))))
  squares <- function(x, mean) t(apply(x, 1L, function(v) tcrossprod(v - mean)))
  near(s$x, 1:3, "multi_normal")
  near(squares(s$x, 1:3), S3, "multi_normal, covariance")
  near(squares(s$p[, 2, ], 1:3), solve(S3), "multi_normal_precision, covariance")
  near(s$t, 1:3, "multi_student_t")
  near(squares(s$t, 1:3), S3 * 8 / 6, "multi_student_t, covariance")
  near(squares(s$w, 0), 0.25 * outer(1:4, 1:4, pmin), "gaussian_random_walk, covariance")
  near(squares(s$a, 0), 0.25 / (1 - 0.36) * 0.6^abs(outer(1:4, 1:4, "-")), "ar1, covariance")
  expect_error(simulate(model({ x ~ icar(node1, node2) }), 1, data = edges), "`x` has no proper prior to draw from")
})

test_that("a precision of data, which is factored once, gives the exact density, gradient and draws", {
  # badly scaled, and not diagonal: standard deviations from 1e-3 to 1e3
  K <- 6L
  scale <- diag(10^seq(3, -3, length.out = K))
  Q <- scale %*% (diag(K) * 2 - 0.9 * (abs(row(diag(K)) - col(diag(K))) == 1)) %*% scale
  set.seed(5)
  Y <- matrix(rnorm(4 * K), 4L) %*% solve(scale)
  f <- log_density(model({
    mu ~ normal(0, 1, dim = K)
    x ~ multi_normal_precision(mu, Q)
    Y ~ multi_normal_precision(x, Q)
  }), list(K = K, Q = Q, Y = Y))
  program <- fullrank:::compile_model(model({ x ~ multi_normal_precision(0, Q) }), list(Q = Q))$program
  expect_identical(program$dists, "multi_normal_cholesky")
  log_normal <- function(r) -0.5 * K * log(2 * pi) + sum(log(diag(chol(Q)))) - 0.5 * sum(r * (Q %*% r))
  for (k in 1:5) {
    mu <- rnorm(K)
    x <- mu + solve(scale, rnorm(K))
    exact <- sum(dnorm(mu, log = TRUE)) + log_normal(x - mu) + sum(apply(Y, 1L, function(y) log_normal(y - x)))
    expect_lt(abs(f$fn(c(mu, x)) - exact), 1e-10 * abs(exact))
    gradient <- c(-mu + Q %*% (x - mu), -Q %*% (x - mu) + Q %*% colSums(sweep(Y, 2L, x)))
    expect_lt(max(abs(f$gr(c(mu, x)) - gradient) / pmax(1, abs(gradient))), 1e-8)
  }
  n <- 20000L
  s <- simulate(model({ x ~ multi_normal_precision(m, Q) }), n, seed = 3, data = list(m = 1:K, Q = Q))
  white <- sweep(s$x, 2L, 1:K) %*% t(chol(Q))
  expect_lt(max(abs(colMeans(white))), 5 / sqrt(n))
  expect_lt(max(abs(crossprod(white) / n - diag(K))), 5 * sqrt(2 / n))
})

# ---- names, shapes, starts ---------------------------------------------------------------------------------------------------

test_that("draws, summaries and quantiles of a matrix have its shape and its names", {
  m <- model({
    R ~ lkj_corr(2, dim = 3)
    Sigma ~ inverse_wishart(8, S, dim = levels(f))
    x ~ multi_normal(0, R)
  })
  fit <- fullrank(m, list(S = S3, f = factor(c("a", "b", "c"))), seed = 1, steps = 100, progress = FALSE)
  expect_identical(names(coef(fit)), c("R[2,1]", "R[3,1]", "R[3,2]", "Sigma[a,a]", "Sigma[b,a]", "Sigma[b,b]", "Sigma[c,a]", "Sigma[c,b]", "Sigma[c,c]", "x[1]", "x[2]", "x[3]"))
  d <- draws(fit, 50, seed = 1)
  expect_true(all(c("R[1,1]", "R[2,1]", "R[1,2]", "Sigma[a,b]", "x[3]") %in% colnames(d)))
  expect_identical(as.vector(d[, "R[2,1]"]), as.vector(d[, "R[1,2]"]))
  expect_true(all(d[, "R[2,2]"] == 1))
  q <- quantile(fit)
  expect_identical(dim(q$R), c(3L, 3L, 3L))
  expect_identical(dimnames(q$Sigma)[2:3], list(c("a", "b", "c"), c("a", "b", "c")))
  table <- as.data.frame(summary(fit))
  expect_false(any(c("R[1,1]", "R[2,2]") %in% table$variable))
  expect_true(all(is.finite(table[startsWith(table$variable, "R[") | startsWith(table$variable, "Sigma["), "mcse"])))
  expect_true(all(is.na(table[startsWith(table$variable, "x["), "mcse"])))
  # the medians are those of many draws
  many <- unclass(draws(fit, 20000, seed = 9))
  expect_lt(max(abs(apply(many, 2, stats::median)[1:9] - as.vector(q$R[2, , ]))), 0.03)
})

test_that("starts, and values given for a matrix", {
  m <- model({
    Sigma ~ inverse_wishart(8, S)
    R ~ lkj_corr(2, dim = 2)
  })
  data <- list(S = S3)
  f <- log_density(m, data)
  start <- function(init) f$constrain(guide(m, data, init = init, seed = 1)$loc)
  expect_equal(as.vector(start(init_to_mean())$Sigma), as.vector(S3 / 4), tolerance = 1e-12)
  expect_equal(as.vector(start(init_to_feasible())$R), as.vector(diag(2)))
  values <- list(Sigma = S3 / 2, R = matrix(c(1, 0.3, 0.3, 1), 2))
  expect_equal(lapply(start(init_to_value(values)), as.vector), lapply(values, as.vector), tolerance = 1e-12)
  expect_true(all(is.finite(guide(m, data, init = init_to_sample(), seed = 1)$loc)))
  refused <- function(Sigma, R, pattern) expect_error(f$unconstrain(list(Sigma = Sigma, R = R)), pattern)
  R <- values$R
  refused(replace(S3, 2, 0.4), R, "The value of `Sigma` is outside its support: it must be symmetric and positive definite, but it is not symmetric, element \\[2,1\\] is 0.4 but \\[1,2\\] is 0.5")
  refused(S3 - diag(3), R, "but it is not positive definite, its smallest eigenvalue is -")
  refused(S3, 2 * R, "The value of `R` is outside its support: it must be a correlation matrix, but element \\[1,1\\] is 2 instead of 1")
  refused(S3, matrix(c(1, 1.2, 1.2, 1), 2), "not positive definite")
  refused(diag(2), R, "has shape 2 x 2, but the site has 3 x 3")
})

test_that("shapes come from the arguments, and what does not fit is said", {
  length_of <- function(m, data = list()) log_density(m, data)$dim
  expect_identical(length_of(model({ x ~ icar(node1, node2) }), edges), 5L)
  expect_identical(length_of(model({ x ~ icar(node1, node2, dim = 7) }), edges), 7L)
  expect_identical(length_of(model({ x ~ multi_normal(0, S) }), list(S = S3)), 3L)
  expect_identical(length_of(model({ x ~ multi_normal(M, S) }), list(S = S3, M = matrix(0, 4, 3))), 12L)
  expect_identical(length_of(model({ S ~ wishart(4, diag(3)) })), 6L)
  expect_identical(length_of(model({ S ~ wishart(4, diag(1)) })), 1L)
  wrong <- function(m, pattern, data = list()) expect_error(log_density(m, data), pattern)
  wrong(model({ x ~ icar(node1, node2, dim = 4) }), "`icar\\(\\)` names element 5 of a vector of length 4", edges)
  wrong(model({ x ~ icar(1:3, 2:3) }), "`node1` and `node2` of `icar\\(\\)` must have the same length, not 3 and 2")
  wrong(model({ x ~ icar(c(0, 1), c(1, 2)) }), "`node1` of `icar\\(\\)` must be numbers of elements, from 1, but it has 0")
  wrong(model({ x ~ gaussian_random_walk(1) }), "size of the site is not known")
  wrong(model({ x ~ ar1(1, 1, dim = 3) }), "`coef` of `ar1\\(\\)` must be between -1 and 1, both excluded, but it has 1")
  wrong(model({ R ~ lkj_corr(1, dim = 1) }), "needs a size of at least 2")
  wrong(model({ S ~ wishart(4, diag(3), dim = 2) }), "`dim` asks for size 2, but the arguments of `wishart\\(\\)` have size 3")
  wrong(model({ x ~ multi_normal(0, A) }), "`covariance` of `multi_normal\\(\\)` must be symmetric and positive definite: it is not symmetric", list(A = matrix(c(1, 0.5, 0.2, 1), 2)))
  wrong(model({ x ~ multi_normal_precision(0, A) }), "not positive definite, its smallest eigenvalue is -1", list(A = matrix(c(1, 2, 2, 1), 2)))
  wrong(model({ a ~ exponential(1); A ~ wishart(4, a * diag(2)) }), "observed `A` is outside the support of `wishart\\(\\)`: it must be symmetric and positive definite, but it is not positive definite", list(A = matrix(c(1, 2, 2, 1), 2)))
  wrong(model({ a ~ exponential(1); R ~ lkj_corr(a) }), "must be a correlation matrix, but element \\[2,2\\] is 4 instead of 1", list(R = diag(c(1, 4))))
})
