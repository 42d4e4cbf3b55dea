# natural(): arrives, resumes to the bit, survives what is not finite, and says the truth.

quiet_fit <- function(...) fullrank(..., progress = FALSE)
state_of <- function(fit) fit[c("status", "steps", "gradient_evaluations", "elbo", "gap", "gap_se", "state")]
normal_part <- function(fit) fit$guide[c("loc", "scale", "scale_tril")]

# N(mean, S) with a covariance of the given condition, its coordinates on scales from 1e-3 to 1e5.
gaussian_case <- function(d, condition, scales = rep(1, d)) {
  set.seed(d)
  Q <- qr.Q(qr(matrix(rnorm(d * d), d)))
  root <- scales * Q %*% diag(condition^(seq(0, 1, length.out = d) / 2))
  list(W = solve(root), S = tcrossprod(root), at = scales * rnorm(d), d = d)
}
gaussian_model <- model({
  x ~ flat(dim = d)
  target(-sum((W %*% (x - at))^2) / 2)
})

test_that("a Gaussian of condition 1e6 is found exactly, in few gradients", {
  for (d in c(1, 5, 30)) {
    case <- gaussian_case(d, 1e6)
    fit <- quiet_fit(gaussian_model, case, seed = 1)
    expect_identical(fit$status, "converged")
    expect_lte(fit$gradient_evaluations, d + 1000)
    # the gap to the exact posterior: KL divergence of two Normals
    L <- posterior(fit)$scale_tril
    white <- solve(t(chol(case$S)))
    A <- white %*% L
    r <- white %*% (coef(fit) - case$at)
    kl <- (sum(A^2) + sum(r^2) - d) / 2 - sum(log(abs(diag(qr.R(qr(A))))))
    expect_lt(kl, 0.01)
  }
})

test_that("scales of 1e5 beside 1e-3 do not upset the start", {
  case <- gaussian_case(6, 100, scales = 10^c(5, -3, 0, 3, -2, 1))
  fit <- quiet_fit(gaussian_model, case, seed = 2)
  expect_identical(fit$status, "converged")
  expect_lt(max(abs(coef(fit) - case$at) / sqrt(diag(case$S))), 0.1)
  expect_lt(max(abs(log(sqrt(diag(vcov(fit)) / diag(case$S))))), 0.1)
})

test_that("the optima of Pyro's models are reached from a cold start", {
  reference <- read_compressed("converged")
  models <- reference_models()
  elbo_models <- read_compressed("elbo")$models
  names(elbo_models) <- vapply(elbo_models, `[[`, "", "name")
  for (ref in reference$models) {
    m <- models[[ref$name]]
    if (is.null(m)) next
    for (seed in 1:3) {
      fit <- quiet_fit(m, ref_data(elbo_models[[ref$name]]$data), seed = seed)
      expect_identical(fit$status, "converged", info = ref$name)
      at <- elbo(fit, 20000, seed = 3)
      expect_gt(at$elbo, ref$elbo - 0.02 - 4 * at$se - 3 * ref$elbo_se)
      # 0.02 nat leave 0.2 sd where the ELBO curves as the density does, and more where it is flatter
      expect_lt(max(abs(coef(fit) - ref_vector(ref$loc)) / ref_vector(ref$sd)), 0.3)
    }
  }
})

schools <- list(J = 8, y = c(28, 8, -3, 7, -1, 1, 18, 12), s = c(15, 10, 16, 11, 9, 11, 10, 18))
centred <- reference_models()$eight_schools_centered

test_that("a run broken off anywhere and saved goes on to the same bits", {
  whole <- quiet_fit(centred, schools, seed = 4)
  expect_identical(whole$status, "converged")
  for (at in unique(round(seq(1, whole$steps - 1, length.out = 6)))) {
    part <- quiet_fit(centred, schools, seed = 4, steps = at)
    expect_identical(part$status, "fixed_steps")
    file <- tempfile()
    saveRDS(part, file)
    on <- update(readRDS(file), progress = FALSE)
    unlink(file)
    expect_identical(normal_part(on), normal_part(whole))
    expect_identical(state_of(on)[c("status", "steps", "gap", "state")], state_of(whole)[c("status", "steps", "gap", "state")])
  }
})

# A verdict that is no claim beyond what is known: a status, a finite guide, no "converged" where draws keep failing, and the print says so.
expect_true_status <- function(fit) {
  off <- mean(!is.finite(fit$log_weights))
  expect_true(fit$status %in% c("converged", "budget_exhausted", "diverged"))
  expect_true(all(is.finite(c(coef(fit), vcov(fit)))))
  expect_false(fit$status == "converged" && off > 0.03)
  shown <- paste(trimws(utils::capture.output(print(fit))), collapse = " ")
  expect_match(shown, switch(fit$status, converged = "^Converged", budget_exhausted = "^NOT CONVERGED", diverged = "^DIVERGED"))
  if (off > 0) expect_match(shown, "WARNING: the log density is not finite at [0-9,]+ of 1,000 fresh draws")
}

test_that("a density that is NaN in a half-space ends with a true status, and the site is named", {
  half <- model({
    x ~ normal(0, 1, dim = 3)
    z ~ normal(x[1], 1)
    y ~ normal(0 * log(x[1] - edge) + z, 1)
  })
  # from most of the posterior's mass to nearly none
  for (edge in c(1, 0, -1, -2, -5)) {
    fit <- quiet_fit(half, list(y = 0.5, edge = edge), init = init_to_value(list(x = c(edge + 1.5, 0, 0), z = 0)), seed = 1)
    expect_true_status(fit)
    expect_identical(fit$nonfinite[c("x", "z")], c(x = 0L, z = 0L))
    if (edge >= -2) expect_gt(diagnostics(fit)$nonfinite[["y"]], 0)
    if (edge >= -1) expect_false(fit$status == "converged")
  }
  expect_identical(fit$status, "converged")
})

test_that("the log of a latent that may go negative, and a root whose gradient has no end", {
  log_of <- model({
    x ~ normal(1, 1)
    w ~ normal(0, 1)
    y ~ normal(log(x) + w, 1)
  })
  root <- model({
    v ~ normal(0, 3)
    x ~ normal(0, exp(v / 2), dim = 4)
    target(0.1 * sqrt(2 - v))
  })
  for (seed in 1:4) {
    for (fit in list(quiet_fit(log_of, list(y = c(0.2, -0.4)), seed = seed), quiet_fit(root, seed = seed))) expect_true_status(fit)
    fit <- quiet_fit(log_of, list(y = c(0.2, -0.4)), seed = seed, optimizer = adam(lr = 0.05), max_steps = 2000)
    expect_true_status(fit)
    expect_gt(fit$nonfinite[["y"]], 0)
  }
})

test_that("an interrupt keeps the fit so far, and update() goes on to the same bits", {
  grow <- model({
    x ~ flat(dim = d)
    target(sum(2 * x - exp(x)))
  })
  whole <- quiet_fit(grow, list(d = 230), seed = 1)
  expect_identical(whole$status, "converged")
  sink(nullfile(), type = "output")
  on.exit({
    setTimeLimit()
    sink(type = "output")
  })
  # somewhere on the way; the machine decides where
  for (share in c(0.1, 0.4, 0.7)) {
    setTimeLimit(elapsed = max(share * whole$seconds, 0.05), transient = TRUE)
    fit <- tryCatch(quiet_fit(grow, list(d = 230), seed = 1), error = function(e) NULL)
    setTimeLimit()
    if (is.null(fit) || fit$status == "converged") next
    expect_identical(fit$status, "interrupted")
    expect_match(printed(fit, n = 1)[1], "^NOT CONVERGED: interrupted after")
    expect_identical(state_of(update(fit, progress = FALSE))[c("status", "steps", "gap", "state")], state_of(whole)[c("status", "steps", "gap", "state")])
  }
})

test_that("a budget that ends early says so", {
  fit <- quiet_fit(centred, schools, seed = 1, max_steps = 5)
  expect_identical(fit$status, "budget_exhausted")
  expect_identical(fit$steps, 5)
})

test_that("svi_step() takes natural() as it takes the others", {
  case <- gaussian_case(4, 10)
  g <- guide(gaussian_model, case, seed = 1)
  before <- elbo(g, 2000, seed = 1)$elbo
  for (k in 1:200) g <- svi_step(g, natural(), particles = 16)
  expect_gt(elbo(g, 2000, seed = 1)$elbo, before)
  expect_lt(max(abs(g$loc - case$at) / sqrt(diag(case$S))), 0.2)
})

test_that("hundreds of effects that share a scale don't end in the throat of the funnel", {
  set.seed(1)
  J <- 250
  g <- rep(seq_len(J), 4)
  y <- 0.3 + rnorm(J)[g] + rnorm(4 * J)
  m <- model({
    mu    ~ normal(0, 5)
    tau   ~ half_normal(2)
    sigma ~ half_normal(2)
    u     ~ normal(0, tau, dim = J)
    y     ~ normal(mu + u[g], sigma)
  })
  fit <- fullrank(m, list(y = y, g = g, J = J), seed = 1, progress = FALSE)
  # analysis of variance; the priors hardly matter
  within <- sqrt(sum((y - ave(y, g))^2) / (3 * J))
  between <- sqrt(var(tapply(y, g, mean)) - within^2 / 4)
  expect_equal(exp(coef(fit)[["tau"]]), between, tolerance = 0.05)
  expect_equal(exp(coef(fit)[["sigma"]]), within, tolerance = 0.05)
})

test_that("of two explanations of spread, groups and counts, the better is found, though effects and their mean share curvature", {
  set.seed(300)
  J <- 300
  g <- rep(seq_len(J), each = 5)
  effect <- rnorm(J, 0, 0.7)
  y <- rnbinom(5 * J, mu = exp(0.5 + effect[g]), size = 2)
  m <- model({
    mu  ~ normal(0, 2)
    s   ~ half_normal(1)
    phi ~ half_normal(5)
    u   ~ normal(mu, s, dim = J)
    y   ~ neg_binomial_log(u[g], phi)
  })
  fit <- fullrank(m, list(y = y, g = g, J = J), seed = 1, progress = FALSE)
  expect_equal(fit$status, "converged")
  found <- as.data.frame(summary(fit))[c("mu", "s", "phi"), ]
  expect_true(all(abs(found$mean - c(0.5, 0.7, 2)) < 3 * found$sd)) # what the counts were drawn with
})
