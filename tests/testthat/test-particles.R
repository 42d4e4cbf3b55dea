# Particles don't influence each other, and the order of rows changes an answer by rounding alone.

evaluate <- function(compiled, z) .Call(fullrank:::fullrank_program_eval, compiled$program, z, TRUE, TRUE)

# Models that reach rows, whole arrays, events, loops and factorisations.
particle_models <- function() {
  set.seed(8)
  n <- 90
  data <- list(n = n, y = rnorm(n), z = pmax(rnorm(n), -0.5), c = sample.int(3L, n, TRUE), X = matrix(rnorm(n * 3), n), g = sample.int(4L, n, TRUE), k = rpois(n, 2), Y = matrix(rnorm(20), 10))
  list(data = data, models = list(
    glmm = model({
      b ~ normal(0, 1, dim = 3)
      s ~ exponential(1)
      u ~ normal(0, s, dim = 4)
      k ~ poisson_log(X %*% b + u[g])
    }),
    garch = model({
      a ~ uniform(0, 1, dim = 2)
      s[1] <- 1
      for (t in 2:n) s[t] <- sqrt(0.1 + a[1] * y[t - 1]^2 + a[2] * s[t - 1]^2)
      y ~ normal(0, s)
    }),
    events = model({
      mu ~ normal(0, 1, dim = 2)
      tau ~ lognormal(0, 1, dim = 2)
      L ~ lkj_corr_cholesky(2, dim = 2)
      p ~ dirichlet(c(1, 2, 3))
      Y ~ multi_normal_cholesky(mu, diag(tau) %*% L)
      target(log_sum_exp(log(p) + c(1, 2, 3)) + log_det(crossprod(L) + diag(tau)))
    }),
    wrapped = model({
      mu ~ ordered(normal(0, 2), dim = 2)
      s ~ truncated(normal(0, 1), lower = 0.1)
      w ~ beta(2, 2)
      q ~ beta(1, 1)
      cut ~ ordered(normal(0, 3), dim = 2)
      y ~ mixture(c(w, 1 - w), normal(mu[1], s), normal(mu[2], 1))
      z ~ censored(student_t(4, mu[1] * X[, 1], s), lower = -0.5)
      k ~ zero_inflated(q, poisson_log(mu[2] + X[, 2]))
      c ~ ordered_logistic(X[, 3] * mu[1], cut)
    }),
    matrices = model({
      Sigma ~ inverse_wishart(4, diag(2))
      R ~ lkj_corr(2, dim = 3)
      w ~ ar1(0.5, Sigma[1, 1], dim = 5)
      mu ~ multi_normal(c(0, 0), Sigma)
      Y ~ multi_normal(mu, Sigma)
      target(log_det(R) + dot(w, w))
    }),
    process = model({
      r ~ lognormal(0, 1)
      f ~ normal(0, 1, dim = 10)
      K <- exp(-outer(1:10, 1:10, "-")^2 / r) + 0.1 * diag(10)
      Y[, 1] ~ normal(t(chol(K)) %*% f, 1)
    })
  ))
}

test_that("in a short program a particle has the same bits whatever else is in its batch", {
  all <- particle_models()
  for (name in names(all$models)) {
    compiled <- fullrank:::compile_model(all$models[[name]], all$data)
    d <- compiled$program$d
    set.seed(9)
    z <- matrix(rnorm(77 * d, 0, 0.5), 77)
    big <- evaluate(compiled, z)
    for (rows in list(1:8, 8:1, c(5, 1:7), c(3, 70:77), 20:60, c(1:77, 77:1), rep(4L, 9))) {
      part <- evaluate(compiled, z[rows, , drop = FALSE])
      expect_identical(part$log_prob, big$log_prob[rows])
      expect_identical(part$gradient, big$gradient[rows, , drop = FALSE])
      expect_identical(part$terms, big$terms[rows, , drop = FALSE])
    }
    # a particle that is not finite leaves the others alone
    poisoned <- z[1:9, , drop = FALSE]
    poisoned[3, ] <- NaN
    part <- evaluate(compiled, poisoned)
    expect_identical(part$log_prob[-3], big$log_prob[c(1:2, 4:9)])
    expect_identical(part$gradient[-3, ], big$gradient[c(1:2, 4:9), ])
    for (k in 1:10) {
      one <- evaluate(compiled, z[k, , drop = FALSE])
      expect_lt(abs(one$log_prob - big$log_prob[k]) / abs(big$log_prob[k]), 1e-13)
      expect_lt(max(abs(one$gradient[1, ] - big$gradient[k, ])) / max(abs(big$gradient[k, ])), 1e-13)
    }
  }
})

test_that("in a program of many rows the particles that fill no group are the same to rounding", {
  set.seed(11)
  n <- 3000
  data <- list(X = matrix(rnorm(n * 4), n), g = sample.int(6L, n, TRUE), k = rpois(n, 2), y = rnorm(n))
  m <- model({
    b ~ normal(0, 1, dim = 4)
    s ~ exponential(1)
    u ~ normal(0, s, dim = 6)
    k ~ poisson_log(X %*% b + u[g])
    y ~ student_t(4, b[1] * X[, 2], s)
  })
  compiled <- fullrank:::compile_model(m, data)
  z <- matrix(rnorm(45 * 11, 0, 0.5), 45)
  alone <- lapply(1:45, function(k) evaluate(compiled, z[k, , drop = FALSE]))
  for (S in c(2:5, 8:13, 32:37, 45)) {
    part <- evaluate(compiled, z[seq_len(S), , drop = FALSE])
    for (k in seq_len(S)) {
      expect_lt(abs(part$log_prob[k] / alone[[k]]$log_prob - 1), 1e-13)
      expect_lt(max(abs(part$gradient[k, ] - alone[[k]]$gradient)) / max(abs(alone[[k]]$gradient)), 1e-12)
      expect_equal(part$terms[k, ], drop(alone[[k]]$terms), tolerance = 1e-12)
    }
    # the others' values change no bit, finite or not
    poisoned <- z[seq_len(S), , drop = FALSE]
    poisoned[1, ] <- NaN
    again <- evaluate(compiled, poisoned)
    expect_identical(again$log_prob[-1], part$log_prob[-1])
    expect_identical(again$gradient[-1, ], part$gradient[-1, ])
  }
})

test_that("the order of rows changes the answer by rounding alone", {
  all <- particle_models()
  d <- all$data
  set.seed(10)
  at <- sample.int(d$n)
  shuffled <- modifyList(d, list(X = d$X[at, ], g = d$g[at], k = d$k[at], y = d$y[at], z = d$z[at], c = d$c[at], Y = d$Y[sample.int(10L), ]))
  for (name in c("glmm", "wrapped", "events", "matrices")) {
    a <- fullrank:::compile_model(all$models[[name]], d)
    b <- fullrank:::compile_model(all$models[[name]], shuffled)
    z <- matrix(rnorm(9 * a$program$d, 0, 0.5), 9)
    for (rows in list(1:9, 1L)) {
      u <- evaluate(a, z[rows, , drop = FALSE])
      v <- evaluate(b, z[rows, , drop = FALSE])
      expect_equal(u$log_prob, v$log_prob, tolerance = 1e-13)
      expect_equal(u$gradient, v$gradient, tolerance = 1e-12)
    }
  }
})
