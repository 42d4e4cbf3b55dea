# Importance correction against posteriors whose moments are known.

# A Normal posterior and a guide that is off: importance weights are known in closed form.
one <- model({
  x ~ normal(0, 1)
})

test_that("importance = TRUE corrects the guide", {
  off <- known_fit(one, list(), 0.4, matrix(1.3^2))
  x <- as.vector(draws(off, 2000, importance = TRUE, seed = 1))
  # draws of q alone would be far off
  expect_lt(stats::ks.test(as.vector(draws(off, 2000, seed = 1)), "pnorm")$p.value, 1e-10)
  expect_lt(abs(mean(x)), 0.05)
  expect_lt(abs(sd(x) - 1), 0.05)
  expect_lt(max(abs(stats::quantile(x, 1:9 / 10) - qnorm(1:9 / 10))), 0.1)
  expect_identical(draws(off, 50, importance = TRUE, seed = 2), draws(off, 50, importance = TRUE, seed = 2))
  expect_generator_untouched(draws(off, 50, importance = TRUE, seed = 2))
  expect_set_seed_governs(function() draws(off, 20, importance = TRUE))
  # where the guide is the posterior nothing is left to correct
  exact <- known_fit(one, list(), 0, matrix(1))
  x <- as.vector(draws(exact, 2000, importance = TRUE, seed = 3))
  expect_gt(stats::ks.test(x, "pnorm")$p.value, 0.001)
})

test_that("importance = TRUE says when it cannot", {
  narrow <- known_fit(one, list(), 0, matrix(0.3^2))
  expect_error(draws(narrow, 100, importance = TRUE, seed = 1), "k-hat is [0-9.]+, and above 0.7.*importance = FALSE")
  nowhere <- known_fit(model({
    x ~ normal(0, 1)
    target(log(x - 3) * 1e-9)
  }), list(), 4, matrix(0.01), init = init_to_value(list(x = 4)))
  nowhere$guide$loc[] <- -50
  expect_error(draws(nowhere, 100, importance = TRUE, seed = 1), "k-hat is not available")
})

test_that("systematic resampling takes each row as often as its weight says, up to one", {
  set.seed(3)
  for (n in c(1, 7, 500)) {
    w <- rexp(40)
    at <- fullrank:::systematic_resample(w, n, runif(1))
    expect_length(at, n)
    counts <- tabulate(at, 40)
    expect_true(all(abs(counts - n * w / sum(w)) < 1 + 1e-9))
  }
  w <- c(0, 1, 0, 0, 3, 0)
  expect_setequal(fullrank:::systematic_resample(w, 100, 0.999999), c(2, 5))
  expect_setequal(fullrank:::systematic_resample(w, 100, 0), c(2, 5))
  # rows are taken without bias
  u <- (seq_len(2000) - 0.5) / 2000
  expect_equal(rowMeans(vapply(u, function(v) tabulate(fullrank:::systematic_resample(c(0.2, 1, 3), 2, v), 3), numeric(3))), 2 * c(0.2, 1, 3) / 4.2, tolerance = 1e-3)
})

# ---- corrected summaries -------------------------------------------------------------------------------------------------

# Distance from exact values in Monte Carlo errors: columns mean, sd, 5%, 50%, 95% of one row.
in_errors <- function(s, row, exact) (unlist(s$table[row, 2:6]) - exact) / unlist(s$errors[row, 2:6])

test_that("a gamma posterior: the guide's summary is off, the corrected one right within its errors", {
  fit <- fullrank(model({
    rate ~ gamma(0.5, 1)
    y    ~ poisson(rate)
  }), list(y = c(3, 2, 4)), seed = 1, progress = FALSE)
  exact <- c(9.5 / 4, sqrt(9.5) / 4, qgamma(c(0.05, 0.5, 0.95), 9.5, 4))
  s <- summary(fit, importance = TRUE)
  expect_true(all(abs(in_errors(s, "rate", exact)) < 4))
  expect_true(all(s$errors["rate", 2:6] < 0.015 * exact))
  # sd and both tails of the guide are off by more
  off <- abs(unlist(summary(fit)$table["rate", 2:6]) - exact) / unlist(s$errors["rate", 2:6])
  expect_true(all(off[c("sd", "5%", "95%")] > 3.5))
})

test_that("a density with light tails: exp(-x^4)", {
  fit <- fullrank(model({
    x ~ flat()
    target(-x^4)
  }), seed = 2, progress = FALSE)
  # |x|^4 is Gamma(1/4, 1)
  exact <- c(0, sqrt(gamma(0.75) / gamma(0.25)), c(-1, 0, 1) * qgamma(0.9, 0.25)^0.25)
  errors <- t(vapply(1:60, function(seed) in_errors(summary(fit, seed = seed, importance = TRUE), "x", exact), numeric(5)))
  # over seeds the errors are what they say: 60 standard normals for each statistic
  expect_lt(max(abs(colMeans(errors))), 0.5)
  expect_gt(min(apply(errors, 2, sd)), 0.7)
  expect_lt(max(apply(errors, 2, sd)), 1.35)
  expect_lt(summary(fit)$table["x", "sd"], exact[2] - 0.008)
})

test_that("errors of draws without weights are calibrated, too", {
  fit <- known_fit(model({
    x ~ normal(0, 1)
    y <- exp(x)
  }), list(), 0.2, matrix(0.5^2), keep = "y")
  exact <- c(exp(0.2 + 0.125), exp(0.2 + 0.125) * sqrt(expm1(0.25)), qlnorm(c(0.05, 0.5, 0.95), 0.2, 0.5))
  errors <- t(vapply(1:60, function(seed) in_errors(summary(fit, seed = seed), "y", exact), numeric(5)))
  expect_lt(max(abs(colMeans(errors))), 0.5)
  expect_gt(min(apply(errors, 2, sd)), 0.7)
  expect_lt(max(apply(errors, 2, sd)), 1.35)
  # package posterior's errors of the same draws; those of the quantiles are steps of order statistics there
  draw <- unclass(draws(fit, 4000, seed = 1))[, "y"]
  one <- summary(fit, seed = 1)
  expect_equal(one$errors["y", "mean"], posterior::mcse_mean(draw), tolerance = 0.05)
  expect_equal(one$errors["y", "sd"], posterior::mcse_sd(draw), tolerance = 0.1)
  expect_equal(unlist(one$errors["y", 4:6]), posterior::mcse_quantile(draw, c(0.05, 0.5, 0.95)), tolerance = 0.15, ignore_attr = TRUE)
  expect_identical(one$table[["mcse"]], one$errors[["mean"]])
  # what is exact has no error
  expect_true(all(is.na(one$errors["x", -1])))
})

test_that("a logistic regression of few rows against its posterior on a grid", {
  data <- data.frame(x = c(-1, -0.5, 0, 0.5, 1), y = c(0, 0, 1, 1, 1))
  grid <- expand.grid(a = seq(-7, 9, length.out = 501), b = seq(-8, 12, length.out = 501))
  eta <- outer(grid$a, rep(1, 5)) + outer(grid$b, data$x)
  log_p <- drop(eta %*% data$y - log1p(exp(eta)) %*% rep(1, 5)) + dnorm(grid$a, 0, 1.5, log = TRUE) + dnorm(grid$b, 0, 2, log = TRUE)
  w <- exp(log_p) / sum(exp(log_p))
  exact <- function(v) {
    order <- order(v)
    below <- cumsum(w[order]) - w[order] / 2
    c(sum(w * v), sqrt(sum(w * v^2) - sum(w * v)^2), approx(below, v[order], c(0.05, 0.5, 0.95), ties = "ordered")$y)
  }
  # k-hat of one posterior differs between fits, and is near 0.6 here
  for (seed in 1:8) {
    fit <- fullrank(y ~ x, data, family = binomial(), prior = list(Intercept ~ normal(0, 1.5), b ~ normal(0, 2)), seed = seed, progress = FALSE)
    s <- tryCatch(summary(fit, importance = TRUE), error = function(e) NULL)
    if (!is.null(s)) break
  }
  expect_s3_class(s, "summary.fullrank_regression")
  expect_true(all(abs(in_errors(s, "(Intercept)", exact(grid$a))) < 4))
  expect_true(all(abs(in_errors(s, "Intercept", exact(grid$a))) < 4))
  expect_true(all(abs(in_errors(s, "x", exact(grid$b))) < 4))
  expect_identical(s$table$variable, summary(fit)$table$variable)
  expect_true(all(is.finite(as.matrix(s$errors[-1]))))
  # the tails of the guide are off by more
  off <- function(s) abs(unlist(s$table["x", c("5%", "95%")]) - exact(grid$b)[c(3, 5)])
  expect_gt(min(off(summary(fit)) / unlist(s$errors["x", c("5%", "95%")])), 2)
  expect_gt(min(off(summary(fit)) / off(s)), 2)
  expect_match(paste(trimws(printed(s)), collapse = " "), "Corrected by importance sampling: 10,000 weighted draws")
})

test_that("cutpoints of an ordinal regression are corrected with the rest", {
  set.seed(4)
  data <- data.frame(x = rnorm(30))
  data$y <- factor(findInterval(data$x + rnorm(30), c(-1, 0.5)), labels = c("low", "mid", "high"), ordered = TRUE)
  fit <- fullrank(y ~ x, data, family = "cumulative", seed = 1, progress = FALSE)
  fit$khat <- 0.1 # what is tested is the table
  s <- summary(fit, importance = TRUE)
  expect_identical(s$table$variable, summary(fit)$table$variable)
  expect_lt(max(abs(s$table$mean - summary(fit)$table$mean) / s$table$sd), 0.2)
  expect_true(all(s$table$mcse > 0))
})

test_that("summary(importance = TRUE) says when it cannot, and what to do", {
  narrow <- known_fit(one, list(), 0, matrix(0.3^2))
  expect_error(summary(narrow, importance = TRUE), "k-hat is [0-9.]+, and above 0.7.*importance = FALSE.*standardised effects")
  expect_error(summary(narrow$guide, importance = TRUE), "k-hat is")
  funnel <- fullrank(model({
    v ~ normal(0, 3)
    x ~ normal(0, exp(v / 2), dim = 20)
  }), seed = 1, progress = FALSE)
  expect_error(summary(funnel, importance = TRUE), "k-hat is")
  expect_error(summary(funnel, importance = NA), "`importance` must be TRUE or FALSE")
  # the fit's own k-hat counts as well as that of the draws used
  expect_gt(funnel$khat, 0.7)
  expect_error(draws(funnel, 100, importance = TRUE, seed = 1), formatC(funnel$khat, digits = 2, format = "f"), fixed = TRUE)
  regression <- fullrank(y ~ x, data.frame(x = c(1, 2), y = c(0.1, 2)), seed = 1, progress = FALSE)
  expect_error(summary(regression, importance = TRUE), "k-hat is [0-9.]+, and above 0.7")
})

test_that("weights that hardly vary are used whatever k-hat is", {
  exact <- known_fit(one, list(), 0, matrix(1))
  s <- summary(exact, importance = TRUE)
  expect_equal(s$ess, 10000, tolerance = 1e-6)
  expect_lt(s$log_weight_sd, 1e-10)
  expect_true(all(abs(in_errors(s, "x", c(0, 1, qnorm(c(0.05, 0.5, 0.95))))) < 4))
  expect_match(paste(trimws(printed(s)), collapse = " "), "worth 10,000 of the posterior \\(the weights hardly vary\\)")
})

test_that("draws without weight are left out, also where the model is not a number", {
  half <- known_fit(model({
    x ~ normal(0, 1)
    target(log(x + 1) * 0)
    root <- sqrt(x + 1)
  }), list(), 0.3, matrix(1), keep = "root", init = init_to_value(list(x = 1)))
  s <- summary(half, importance = TRUE)
  above <- integrate(function(x) sqrt(x + 1) * dnorm(x), -1, Inf)$value / pnorm(1)
  expect_lt(abs(s$table["root", "mean"] - above), 4 * s$errors["root", "mean"])
  expect_lt(abs(s$table["x", "mean"] - dnorm(1) / pnorm(1)), 4 * s$errors["x", "mean"])
  expect_true(all(draws(half, 200, importance = TRUE, seed = 1)[, "x"] > -1))
})
