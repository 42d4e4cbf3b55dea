# Whole runs of svi_step() against Pyro's trajectories (reference/trajectory.json), from the same draws.

trajectory_optimizers <- function() {
  list(
    adam = adam(lr = 0.005), clipped_adam = clipped_adam(lr = 0.02, lrd = 0.99, clip_norm = 5), adam_4_particles = adam(lr = 0.005),
    adam_betas = adam(lr = 0.05, betas = c(0.8, 0.99)), sgd_momentum = sgd(lr = 1e-5, momentum = 0.9),
    adam_lkj_mvnormal = adam(lr = 0.01)
  )
}

expect_guide_near <- function(g, snapshot, tolerance, what) {
  near <- function(got, want, part) {
    error <- max(abs(as.vector(got) - as.vector(want)) / pmax(abs(as.vector(want)), 1e-2 * max(abs(want))))
    expect(error <= tolerance, sprintf("%s, step %d, %s: relative error %.3g", what, snapshot$step, part, error))
  }
  near(g$loc, ref_vector(snapshot$loc), "loc")
  near(g$scale_unconstrained, ref_vector(snapshot$scale_unconstrained), "scale_unconstrained")
  near(strict_lower(g$scale_tril), strict_lower(ref_matrix(snapshot$scale_tril_unconstrained)), "scale_tril")
  near(posterior(g)$scale_tril, ref_matrix(snapshot$L), "L")
}

test_that("losses and parameters are Pyro's along its trajectories", {
  reference <- read_reference("trajectory")
  models <- reference_models()
  data <- lapply(reference$models, function(m) ref_data(m$data))
  names(data) <- vapply(reference$models, `[[`, "", "name")
  runs <- reference$runs
  names(runs) <- vapply(runs, `[[`, "", "label")
  optimizers <- trajectory_optimizers()
  expect_true(all(names(optimizers) %in% names(runs)))
  for (label in names(optimizers)) {
    run <- runs[[label]]
    g <- guide(models[[run$model]], data[[run$model]], seed = 1)
    g <- move_guide(g, ref_vector(run$initial$loc), ref_vector(run$initial$scale_unconstrained), ref_matrix(run$initial$scale_tril_unconstrained))
    snapshots <- run$snapshots
    names(snapshots) <- vapply(snapshots, function(s) as.character(s$step), "")
    loss <- numeric(run$num_steps)
    for (t in seq_len(run$num_steps)) {
      eps <- if (run$num_particles == 1L) matrix(ref_vector(run$eps[[t]]), 1L) else ref_matrix(run$eps[[t]])
      g <- svi_step(g, optimizers[[label]], eps = eps)
      loss[t] <- g$loss
      snapshot <- snapshots[[as.character(t)]]
      if (!is.null(snapshot)) expect_guide_near(g, snapshot, if (t <= 5) 1e-10 else 1e-8, label)
    }
    want <- ref_vector(run$loss)
    expect_near(loss[1:5], want[1:5], 1e-10, label = paste(label, "first losses"))
    expect_near(loss, want, 1e-8, label = paste(label, "losses"))
    expect_identical(g$state$step, as.numeric(run$num_steps))
    expect_identical(g$state$update, as.numeric(run$num_steps))
  }
})

test_that("steps in many dimensions are Adam's rule on the gradient of the ELBO", {
  d <- 21
  m <- model({ z ~ normal(0, 1, dim = 21) })
  rate <- 0.01
  for (particles in c(1, 3, 8, 70)) {
    g <- guide(m, list(), seed = 1)
    set.seed(particles)
    L <- diag(d)
    L[lower.tri(L)] <- rnorm(d * (d - 1) / 2, 0, 0.2)
    g <- move_guide(g, rnorm(d), rnorm(d), L)
    theta <- list(loc = g$loc, u = g$scale_unconstrained, L = g$scale_tril)
    first <- second <- lapply(theta, function(x) 0 * x)
    for (t in 1:3) {
      eps <- matrix(rnorm(particles * d), particles)
      g <- svi_step(g, adam(lr = rate), eps = eps)
      scale <- log1p(exp(theta$u))
      through <- eps %*% t(theta$L)
      z <- sweep(sweep(through, 2, scale, `*`), 2, theta$loc, `+`)
      slope <- -z
      loss_gradient <- list(
        loc = -colMeans(slope),
        u = -(colMeans(slope * through) + 1 / scale) * plogis(theta$u),
        L = -lower.tri(theta$L) * crossprod(sweep(slope, 2, scale, `*`), eps) / particles
      )
      for (part in names(theta)) {
        first[[part]] <- 0.9 * first[[part]] + 0.1 * loss_gradient[[part]]
        second[[part]] <- 0.999 * second[[part]] + 0.001 * loss_gradient[[part]]^2
        theta[[part]] <- theta[[part]] - rate * first[[part]] / (1 - 0.9^t) / (sqrt(second[[part]] / (1 - 0.999^t)) + 1e-8)
      }
    }
    expect_near(g$loc, theta$loc, 1e-10, label = paste(particles, "particles: loc"))
    expect_near(g$scale_unconstrained, theta$u, 1e-10, label = paste(particles, "particles: scale"))
    expect_near(strict_lower(g$scale_tril), strict_lower(theta$L), 1e-10, label = paste(particles, "particles: scale_tril"))
  }
})

small_model <- function() {
  model({
    mu ~ normal(0, 1, dim = 3)
    s  ~ exponential(1)
    y  ~ normal(mu, s)
  })
}
small_data <- list(y = c(0.3, 1.2, -0.4))

test_that("a run in one call is the steps one by one, to the bit", {
  for (opt in list(adam(lr = 0.05, decay = 0.01), adam(0.01), clipped_adam(lr = 0.02, lrd = 0.99), sgd(lr = 0.001), sgd(0.001, momentum = 0.5))) {
    for (particles in c(1, 2, 8, 13)) {
      fit <- fullrank(small_model(), small_data, optimizer = opt, steps = 25, particles = particles, seed = 11, progress = FALSE)
      g <- guide(small_model(), small_data, seed = 11)
      loss <- numeric(25)
      for (t in 1:25) {
        g <- svi_step(g, opt, particles = particles)
        loss[t] <- g$loss
      }
      expect_identical(g$loc, fit$guide$loc)
      expect_identical(g$scale, fit$guide$scale)
      expect_identical(g$scale_unconstrained, fit$guide$scale_unconstrained)
      expect_identical(g$scale_tril, fit$guide$scale_tril)
      expect_identical(loss, fit$loss)
    }
  }
})

test_that("the loss is minus the ELBO estimate before the update", {
  g <- guide(small_model(), small_data, seed = 2)
  eps <- matrix(c(0.1, -0.7, 1.4, 0.2, -0.3, 0.8, 0.5, -1.1), 2)
  expect_equal(svi_step(g, adam(), eps = eps)$loss, -elbo(g, eps = eps)$elbo, tolerance = 1e-14)
})

test_that("one step of plain gradient ascent is what it says", {
  g <- guide(small_model(), small_data, seed = 2)
  set.seed(8)
  eps <- matrix(rnorm(3 * 4), 3)
  gradient <- elbo(g, eps = eps, gradient = TRUE)$gradient
  after <- svi_step(g, sgd(lr = 0.01), eps = eps)
  expect_equal(unname(after$loc), unname(g$loc + 0.01 * gradient$loc), tolerance = 1e-14)
  expect_equal(unname(after$scale_unconstrained), unname(g$scale_unconstrained + 0.01 * gradient$scale_unconstrained), tolerance = 1e-14)
  expect_equal(unname(strict_lower(after$scale_tril)), 0.01 * gradient$scale_tril_unconstrained, tolerance = 1e-14)
})

test_that("the guide that is handed in is not changed", {
  g <- guide(small_model(), small_data, seed = 2)
  g <- svi_step(g, adam())
  before <- unserialize(serialize(g, NULL))
  svi_step(g, adam())
  expect_identical(g[c("loc", "scale", "scale_tril", "scale_unconstrained", "state")], before[c("loc", "scale", "scale_tril", "scale_unconstrained", "state")])
})

test_that("assigning to a guide moves it, and keeps the optimiser's state", {
  g <- guide(small_model(), small_data, seed = 2)
  for (i in 1:3) g <- svi_step(g, adam())
  g$loc[] <- 5
  g$scale[] <- c(0.1, 0.2, 0.3, 0.4)
  h <- svi_step(g, adam(lr = 1e-12), eps = matrix(0, 1, 4))
  expect_equal(unname(h$loc), rep(5, 4), tolerance = 1e-9)
  expect_equal(unname(h$scale), c(0.1, 0.2, 0.3, 0.4), tolerance = 1e-9)
  expect_identical(h$state$step, 4)
})

test_that("a step that is not finite is refused", {
  m <- model({
    a ~ normal(0, 1)
    target(log(a))
  })
  g <- guide(m, init = init_to_value(list(a = 1)), seed = 1)
  g$scale[] <- 1
  h <- svi_step(g, adam(), eps = matrix(-3))
  expect_identical(h$loss, NaN)
  expect_identical(h$loc, g$loc)
  expect_equal(h$scale, g$scale, tolerance = 1e-15)
  expect_identical(h$state$refused, 1)
  expect_identical(h$state$update, 0)
  expect_lt(h$state$lr_factor, 1)
  # one bad particle among good ones is enough
  h <- svi_step(g, adam(), eps = matrix(c(0.1, -3, 0.2)))
  expect_identical(h$loss, NaN)
  expect_identical(h$loc, g$loc)
  # and the next good step moves it
  h <- svi_step(h, adam(), eps = matrix(0.1))
  expect_true(is.finite(h$loss))
  expect_false(identical(h$loc, g$loc))
})

test_that("what svi_step() cannot use is an error", {
  g <- guide(small_model(), small_data, seed = 2)
  expect_error(svi_step(1, adam()), "guide")
  expect_error(svi_step(g, 0.01), "optimizer.*adam")
  expect_error(svi_step(g, adam), "optimizer")
  expect_error(svi_step(g, adam(), particles = 0), "particles.*at least 1")
  expect_error(svi_step(g, adam(), eps = matrix(0, 1, 2)), "eps.*4 columns")
})
