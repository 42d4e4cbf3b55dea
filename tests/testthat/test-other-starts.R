# natural() looks for a better mode from other starts where the one that it has found does not fit well.

test_that("from the mode with a fiftieth of the mass it goes on to the other", {
  two <- model({
    x ~ flat(dim = 3)
    s <- sum((x - 1.5)^2) / 0.04
    r <- sum((x + 1.5)^2) / 0.04
    target(log(0.98 * (1 + s / 2)^(-2.5) + 0.02 * (1 + r / 2)^(-2.5)))
  })
  for (seed in 1:3) {
    fit <- fullrank(two, init = init_to_value(list(x = rep(-1.5, 3))), seed = seed, progress = FALSE)
    expect_identical(fit$status, "converged")
    expect_equal(unname(coef(fit)), rep(1.5, 3), tolerance = 1e-3)
    expect_true("other starts" %in% fit$phases$phase)
  }
})

test_that("a guide that fits well is not asked where else it might be", {
  fit <- fullrank(model({
    x ~ normal(0, 1, dim = 4)
  }), seed = 1, progress = FALSE)
  expect_identical(fit$status, "converged")
  looked <- which(fit$phases$phase == "other starts")
  expect_lte(c(fit$phases$step, fit$steps)[looked + 1L] - fit$phases$step[looked], 1) # the look at the log weights alone
})

test_that("a climb that comes to the guide's own bulk is called back", {
  heavy <- model({
    x ~ student_t(3, 0, 1, dim = 6)
  })
  for (seed in 1:4) {
    fit <- fullrank(heavy, seed = seed, progress = FALSE)
    looked <- which(fit$phases$phase == "other starts")
    expect_lt(c(fit$phases$step, fit$steps)[looked + 1L] - fit$phases$step[looked], 30) # five climbs to their ends are 56 to 60
  }
})

# Hare and lynx in thousands of pelts, Hudson's Bay Company (Howard 2009). Priors, and posterior means and sds by Stan: Carpenter (2018),
# Predator-prey population dynamics: the Lotka-Volterra model in Stan.
test_that("hares and lynxes: most climbs end in a mode that is 34 nats worse", {
  hare <- c(30, 47.2, 70.2, 77.4, 36.3, 20.6, 18.1, 21.4, 22, 25.4, 27.1, 40.3, 57, 76.6, 52.3, 19.5, 11.2, 7.6, 14.6, 16.2, 24.7)
  lynx <- c(4, 6.1, 9.8, 35.2, 59.4, 41.7, 19, 13, 8.3, 9.1, 7.4, 8, 12.3, 19.5, 45.7, 51.1, 29.7, 15.8, 9.7, 10.1, 8.6)
  pelts <- list(N = 20, first = c(hare[1], lynx[1]), y = cbind(hare, lynx)[-1, ], parts = 10)
  m <- model({
    theta ~ truncated(normal(c(1, 0.05, 1, 0.05), c(0.5, 0.05, 0.5, 0.05)), lower = 0)
    sigma ~ lognormal(-1, 1, dim = 2)
    start ~ lognormal(log(10), 1, dim = 2)
    h <- 1 / parts
    u <- start[1]
    v <- start[2]
    for (i in 1:(N * parts)) { # Runge-Kutta of order 4
      k1u <- (theta[1] - theta[2] * v) * u
      k1v <- (-theta[3] + theta[4] * u) * v
      u2 <- u + h / 2 * k1u
      v2 <- v + h / 2 * k1v
      k2u <- (theta[1] - theta[2] * v2) * u2
      k2v <- (-theta[3] + theta[4] * u2) * v2
      u3 <- u + h / 2 * k2u
      v3 <- v + h / 2 * k2v
      k3u <- (theta[1] - theta[2] * v3) * u3
      k3v <- (-theta[3] + theta[4] * u3) * v3
      u4 <- u + h * k3u
      v4 <- v + h * k3v
      k4u <- (theta[1] - theta[2] * v4) * u4
      k4v <- (-theta[3] + theta[4] * u4) * v4
      u <- u + h / 6 * (k1u + 2 * k2u + 2 * k3u + k4u)
      v <- v + h / 6 * (k1v + 2 * k2v + 2 * k3v + k4v)
      U[i] <- u
      V[i] <- v
    }
    at <- (1:N) * parts
    first ~ lognormal(log(start), sigma)
    y[, 1] ~ lognormal(log(U[at]), sigma[1])
    y[, 2] ~ lognormal(log(V[at]), sigma[2])
  })
  published <- list(mean = c(0.55, 0.028, 0.80, 0.024, 0.25, 0.25, 33.9, 5.9), sd = c(0.065, 0.004, 0.092, 0.004, 0.044, 0.044, 2.9, 0.53))
  for (seed in 1:4) {
    fit <- fullrank(m, pelts, seed = seed, progress = FALSE)
    expect_identical(fit$status, "converged")
    found <- as.data.frame(summary(fit))[1:8, ]
    expect_lt(max(abs(found$mean - published$mean) / published$sd), 0.25)
    expect_lt(max(abs(log(found$sd / published$sd))), 0.2) # the published sds have two digits at most
  }
})

test_that("a function that throws where only other starts lead keeps the fit that had arrived", {
  f <- function(z) {
    if (z[["s"]] > 1.9) stop("too large")
    sum(dt(z / 0.2, 3, log = TRUE))
  }
  for (seed in 1:5) {
    fit <- fullrank(f, init = c(m = 0, s = 0), seed = seed, progress = FALSE)
    expect_identical(fit$status, "converged")
    expect_length(fit$loss, fit$steps)
    expect_lt(max(abs(coef(fit))), 0.05)
  }
})

test_that("a run that has spent a tenth of its budget in the wrong place is led out of it", {
  set.seed(6, kind = "default", normal.kind = "default", sample.kind = "default")
  mu <- c(-8, -3, 0, 4, 9)
  k <- sample(5, 1000, TRUE, c(0.1, 0.3, 0.2, 0.25, 0.15))
  y <- rnorm(1000, mu[k], c(1, 0.6, 1, 0.8, 1.5)[k])
  m <- model({
    theta ~ dirichlet(rep(1, K))
    mu ~ normal(0, 10, dim = K)
    sigma ~ uniform(0, 10, dim = K)
    y ~ mixture(theta, normal(mu[1], sigma[1]), normal(mu[2], sigma[2]), normal(mu[3], sigma[3]), normal(mu[4], sigma[4]), normal(mu[5], sigma[5]))
  })
  fit <- fullrank(m, list(y = y, K = 5), seed = 10, progress = FALSE)
  expect_identical(fit$status, "converged")
  # when it is led out does not depend on where the run was broken off
  begin <- fit$phases$step[fit$phases$phase == "other starts"][1]
  part <- fullrank(m, list(y = y, K = 5), seed = 10, max_steps = begin - 3, progress = FALSE)
  expect_identical(update(part, max_steps = 1e5, progress = FALSE)$state, fit$state)
  expect_gt(fit$gradient_evaluations, 1e4) # so long was it elsewhere
  found <- as.data.frame(summary(fit))
  found <- found[grepl("^mu", found$variable), ]
  found <- found[order(found$mean), ]
  expect_lt(max(abs(found$mean - vapply(seq_along(mu), function(j) mean(y[k == j]), 0)) / found$sd), 2)
})

test_that("a run that ends while it looks elsewhere has arrived only if its verdict said so", {
  funnel <- model({
    v ~ normal(0, 3)
    x ~ normal(0, exp(v / 2), dim = 9)
  })
  fit <- fullrank(funnel, seed = 3, optimizer = natural(850), progress = FALSE)
  expect_identical(fit$phases$phase[nrow(fit$phases)], "other starts")
  expect_identical(fit$status, "budget_exhausted")
  expect_gt(fit$gap, 0.02)
  whole <- fullrank(funnel, seed = 3, progress = FALSE)
  cut <- fullrank(funnel, seed = 3, max_steps = whole$phases$step[whole$phases$phase == "other starts"][1L] + 5, progress = FALSE)
  expect_identical(cut$phases$phase[nrow(cut$phases)], "other starts")
  expect_identical(cut$status, "converged")
})
