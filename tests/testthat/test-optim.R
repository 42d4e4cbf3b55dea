# Optimisers against Pyro's stored runs (reference/trajectory.json): the seed model's density is written out in R,
# the guide and the update are the core's.

replay <- function(run, y, settings, step_to) {
  strict <- function(m) { m[upper.tri(m, diag = TRUE)] <- 0; m }
  loc <- ref_vector(run$initial$loc)
  scale_u <- ref_vector(run$initial$scale_unconstrained)
  tril_u <- strict(ref_matrix(run$initial$scale_tril_unconstrained))
  d <- length(loc)
  theta <- c(loc, scale_u, tril_u)
  m1 <- m2 <- numeric(length(theta))
  loss <- numeric(step_to)
  kept <- list()
  for (t in seq_len(step_to)) {
    loc <- theta[1:d]
    scale_u <- theta[d + 1:d]
    tril_u <- matrix(theta[-(1:(2 * d))], d, d)
    guide <- .Call(fullrank:::fullrank_guide_constrain, scale_u, tril_u)
    eps <- if (run$num_particles == 1) matrix(ref_vector(run$eps[[t]]), 1) else ref_matrix(run$eps[[t]])
    z <- .Call(fullrank:::fullrank_guide_sample, loc, guide$scale, guide$scale_tril, eps)
    log_q <- .Call(fullrank:::fullrank_guide_log_q, guide$scale, eps)
    point <- lapply(seq_len(nrow(z)), function(s) seed_density(z[s, ], y))
    g <- do.call(rbind, lapply(point, `[[`, "gradient"))
    loss[t] <- -mean(vapply(point, `[[`, 0, "value") - log_q)
    t_eps <- eps %*% t(guide$scale_tril)
    gradient <- -c(colMeans(g), (colMeans(g * t_eps) + 1 / guide$scale) * stats::plogis(scale_u),
                   strict(crossprod(g * rep(guide$scale, each = nrow(g)), eps) / nrow(g)))
    moved <- .Call(fullrank:::fullrank_optimizer_update, settings, t, theta, gradient, m1, m2)
    theta <- moved$parameter
    m1 <- moved$m1
    m2 <- moved$m2
    kept[[t]] <- theta
  }
  list(loss = loss, theta = kept)
}

# loc ~ Normal(0, 10), scale ~ LogNormal(0, 1), y ~ Normal(loc, scale); z = (loc, log scale)
seed_density <- function(z, y) {
  scale <- exp(z[2])
  r <- y - z[1]
  list(value = stats::dnorm(z[1], 0, 10, log = TRUE) + stats::dnorm(z[2], log = TRUE) +
         sum(stats::dnorm(y, z[1], scale, log = TRUE)),
       gradient = c(-z[1] / 100 + sum(r) / scale^2, -z[2] - length(y) + sum(r^2) / scale^2))
}

settings <- function(code, lr, betas = c(0.9, 0.999), eps = 1e-8, clip_norm = 10, lrd = 1, momentum = 0, decay = 0) {
  list(code = code, lr = lr, betas = betas, eps = eps, clip_norm = clip_norm, lrd = lrd, momentum = momentum, decay = decay)
}

test_that("200 steps end where Pyro's do", {
  reference <- read_reference("trajectory")
  y <- ref_vector(reference$models[[1]]$data$y)
  rules <- list(adam = settings(0L, 0.005), clipped_adam = settings(1L, 0.02, clip_norm = 5, lrd = 0.99),
                adam_4_particles = settings(0L, 0.005), adam_betas = settings(0L, 0.05, betas = c(0.8, 0.99)),
                sgd_momentum = settings(2L, 1e-5, momentum = 0.9))
  found <- 0
  for (run in reference$runs) {
    rule <- rules[[run$label]]
    if (is.null(rule)) next
    found <- found + 1
    got <- replay(run, y, rule, run$num_steps)
    expect_near(got$loss, ref_vector(run$loss), 1e-8, run$label)
    for (snapshot in run$snapshots) {
      tril <- ref_matrix(snapshot$scale_tril_unconstrained)
      tril[upper.tri(tril, diag = TRUE)] <- 0
      want <- c(ref_vector(snapshot$loc), ref_vector(snapshot$scale_unconstrained), tril)
      expect_near(got$theta[[snapshot$step]], want, 1e-8, paste(run$label, "step", snapshot$step))
    }
  }
  expect_equal(found, length(rules))
})

test_that("an update changes nothing but what it returns", {
  p <- c(1, 2, 3)
  m <- numeric(3)
  moved <- .Call(fullrank:::fullrank_optimizer_update, settings(0L, 0.1), 1, p, c(1, -1, 0), m, m)
  expect_identical(p, c(1, 2, 3))
  expect_identical(m, numeric(3))
  expect_equal(moved$parameter, c(0.9, 2.1, 3), tolerance = 1e-7)
  expect_identical(moved$parameter[3], 3)
  plain <- .Call(fullrank:::fullrank_optimizer_update, settings(2L, 0.1), 1, p, c(1, -1, 0), NULL, NULL)
  expect_equal(plain$parameter, c(0.9, 2.1, 3))
  expect_null(plain$m1)
  expect_error(.Call(fullrank:::fullrank_optimizer_update, settings(0L, 0.1), 1, p, c(1, 1, 1), NULL, NULL), "buffer")
  expect_error(.Call(fullrank:::fullrank_optimizer_update, settings(0L, 0.1), 1, p, 1, m, m), "gradient")
})
