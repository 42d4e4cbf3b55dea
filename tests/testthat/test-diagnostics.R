# Diagnostics against closed forms, known tails and package posterior.

one <- model({
  x ~ normal(0, 1)
})
log_ratios <- function(fit, n = 1000) fullrank:::log_weights(fit$guide, fullrank:::draw_eps(n, length(fit$guide$loc), 7))

test_that("the list and its names", {
  fit <- short_fit(one)
  d <- diagnostics(fit)
  expect_s3_class(d, "fullrank_diagnostics")
  expect_named(d, c("status", "steps", "gradient_evaluations", "elbo", "elbo_se", "gap", "gap_se", "khat", "log_weight_sd", "ess", "nonfinite", "seconds", "isa"))
  expect_equal(d$isa, .Call(fullrank:::fullrank_isa)$in_use)
  expect_identical(d$status, "fixed_steps")
  expect_identical(d$steps, 30)
  expect_identical(d$gradient_evaluations, 30 * 8)
  expect_identical(d$nonfinite, c(x = 0L))
  expect_gte(d$seconds, 0)
  expect_error(diagnostics(fit$guide), "takes a fit, made by fullrank\\(\\), not an object of class mvn_guide")
  # the ELBO is that of elbo(), within errors
  e <- elbo(fit, 20000, seed = 5)
  expect_lt(abs(e$elbo - d$elbo), 4 * sqrt(e$se^2 + d$elbo_se^2))
})

test_that("the gap is the distance to the optimum, in nats", {
  # KL of N(m, s^2) from the posterior N(0, 1) is known; to second order it is what the gap estimates
  for (case in list(c(0.05, 1), c(0, 1.04), c(0.03, 0.97))) {
    fit <- known_fit(one, list(), case[1], matrix(case[2]^2))
    d <- diagnostics(fullrank:::judge_fit(within_state(fit)))
    kl <- (case[1]^2 + case[2]^2 - 1) / 2 - log(case[2])
    expect_lt(abs(d$gap - kl), 4 * d$gap_se + 0.1 * kl)
    expect_lt(abs(d$elbo + kl), 4 * d$elbo_se)
  }
  d <- diagnostics(fullrank:::judge_fit(within_state(known_fit(one, list(), 0, matrix(1)))))
  expect_lt(abs(d$gap), 1e-12)
  expect_lt(d$log_weight_sd, 1e-10)
  expect_equal(d$ess, 250) # no more are drawn
  expect_match(paste(printed(d), collapse = " "), "without meaning here")
})

test_that("the more the weights vary, the more draws are looked at", {
  # N(0, s^2) as a guide of N(0, 1) has log weights of sd |1 - s^2| / sqrt(2)
  judged <- function(sd) fullrank:::judge_fit(within_state(known_fit(one, list(), 0, matrix(1 + sqrt(2) * sd))))
  few <- judged(0.06)
  expect_length(few$log_weights, 250)
  expect_equal(few$log_weight_sd, 0.06, tolerance = 0.2)
  many <- judged(0.2)
  expect_length(many$log_weights, 1000)
  most <- judged(0.6)
  expect_length(most$log_weights, 4000)
  for (fit in list(few, many, most)) {
    n <- length(fit$log_weights)
    expect_identical(fit$log_weights, fullrank:::log_weights(fit$guide, fullrank:::judging_eps(fit, 4000)[seq_len(n), , drop = FALSE]))
    expect_equal(fit$elbo_se, stats::sd(fit$log_weights) / sqrt(n))
  }
  # what is not finite in the first quarter is no reason to stop there
  half_line <- model({
    x ~ normal(0, 1)
    target(log(x + 2.5) * 1e-6)
  })
  off <- fullrank:::judge_fit(within_state(known_fit(half_line, list(), 0, matrix(1))))
  expect_length(off$log_weights, 1000)
  expect_gt(sum(!is.finite(off$log_weights)), 0)
})

test_that("sd of the log weights and effective sample size", {
  lw <- c(-3, -2.5, -4, -3.1, -2)
  out <- fullrank:::importance_diagnostics(lw)
  expect_equal(out$log_weight_sd, stats::sd(lw), tolerance = 1e-14)
  w <- exp(lw)
  expect_equal(out$ess, sum(w)^2 / sum(w^2), tolerance = 1e-13)
  expect_identical(out$khat, NA_real_)
  # a constant shift changes nothing, however large
  expect_equal(fullrank:::importance_diagnostics(lw - 1e5), out, tolerance = 1e-9)
  # N(0, s^2) as a guide of N(0, 1): log w = log s + (1 / s^2 - 1) x^2 / 2 over q, its sd |1 - s^2| / sqrt(2)
  fit <- known_fit(one, list(), 0, matrix(1.2^2))
  out <- fullrank:::importance_diagnostics(log_ratios(fit, 1e5))
  expect_equal(out$log_weight_sd, abs(1 - 1.2^2) / sqrt(2), tolerance = 0.02)
  # ess / n = (E w)^2 / E w^2 = sqrt(2 s^2 - 1) / s^2
  expect_equal(out$ess / 1e5, sqrt(2 * 1.44 - 1) / 1.44, tolerance = 0.01)
})

test_that("k-hat is the shape of the tail", {
  set.seed(12)
  for (k in c(0.3, 0.6, 1)) {
    w <- stats::runif(2e5)^(-k)
    # about (1 + k) / sqrt(tail length) is its standard error, the tail 3 sqrt(n) long
    expect_lt(abs(fullrank:::importance_diagnostics(log(w))$khat - k), 4 * (1 + k) / sqrt(3 * sqrt(2e5)))
  }
  # posterior's own, on its own terms
  lw <- log_ratios(known_fit(one, list(), 0.2, matrix(0.8^2)))
  expect_equal(fullrank:::importance_diagnostics(lw)$khat, as.double(posterior::pareto_khat(exp(lw - max(lw)), tail = "right", r_eff = 1)), tolerance = 1e-10)
  # the ratio of N(0, 1) to N(0, s^2) has a Pareto tail of shape 1 - s^2 in the limit; too narrow a guide is called poor
  expect_gt(fullrank:::importance_diagnostics(log_ratios(known_fit(one, list(), 0, matrix(0.3^2)), 4000))$khat, 0.6)
  expect_lt(fullrank:::importance_diagnostics(log_ratios(known_fit(one, list(), 0, matrix(1.1^2)), 4000))$khat, 0.5)
})

test_that("weights that are zero or not a number", {
  lw <- c(rep(-1, 500), stats::rnorm(500))
  out <- fullrank:::importance_diagnostics(replace(lw, 3, -Inf))
  expect_identical(out$log_weight_sd, Inf)
  expect_true(is.finite(out$ess) && out$ess > 1)
  expect_identical(fullrank:::importance_diagnostics(replace(lw, 3, NaN)), out)
  unusable <- list(khat = NA_real_, log_weight_sd = Inf, ess = 0)
  expect_identical(fullrank:::importance_diagnostics(rep(-Inf, 100)), unusable)
  expect_identical(fullrank:::importance_diagnostics(rep(NaN, 100)), unusable)
  expect_identical(fullrank:::importance_diagnostics(replace(lw, 3, Inf)), unusable)
})

test_that("print says what the numbers mean", {
  fit <- short_fit(model({
    mu ~ normal(0, 1)
    s  ~ half_normal(1)
    y  ~ normal(mu, s)
  }), list(y = c(0.3, 1.2, -0.4)))
  d <- diagnostics(fit)
  lines <- printed(d)
  expect_match(lines[1], "^status +fixed_steps")
  expect_true(any(grepl("none of the evaluations", lines)))
  d$nonfinite <- c(mu = 0L, s = 3L, y = 12345L)
  d$khat <- 0.9
  d$log_weight_sd <- 2
  lines <- paste(printed(d), collapse = " ")
  expect_match(lines, "s: 3, y: 12,345")
  expect_match(lines, "0.90, POOR")
  for (bad in c(NA, NaN, Inf)) {
    d[c("elbo", "elbo_se", "gap", "gap_se", "ess", "khat")] <- bad
    expect_match(paste(printed(d), collapse = " "), "not available")
  }
})
