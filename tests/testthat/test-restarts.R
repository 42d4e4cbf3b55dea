# Restarts: the best start is kept, and whether the others agree is told.

quiet_fit <- function(...) fullrank(..., progress = FALSE)
text <- function(x) paste(trimws(printed(x)), collapse = " ")

# Two Normals of sd 1 at (6, 6) and (-6, -6), with masses 0.7 and 0.3.
two_modes <- model({
  x ~ flat(dim = 2)
  target(log_sum_exp(c(log(0.7) - sum((x - 6)^2) / 2, log(0.3) - sum((x + 6)^2) / 2)))
})

test_that("two modes far apart are found, their masses and distance right, and said so", {
  fit <- quiet_fit(two_modes, seed = 1, restarts = 6)
  r <- diagnostics(fit)$restarts
  expect_s3_class(r, "data.frame")
  expect_named(r, c("start", "seed", "status", "elbo", "se", "gap", "gradients", "distance", "mode", "kept"))
  expect_identical(r$start, 1:6)
  expect_setequal(r$mode, 1:2)
  expect_true(all(r$status == "converged"))
  # each ELBO is the log of its mode's mass, its Normal being exact
  expect_equal(r$elbo, log(2 * pi) + log(c(0.7, 0.3))[r$mode], tolerance = 1e-6)
  expect_equal(r$distance, c(0, 12 * sqrt(2))[r$mode], tolerance = 1e-6)
  expect_identical(sum(r$kept), 1L)
  expect_equal(unname(coef(fit)), c(6, 6), tolerance = 1e-6)
  expect_identical(fit$elbo, r$elbo[r$kept])
  expect_match(text(fit), sprintf("^Converged .* WARNING: only %d of 6 starts agree; .* %d ended elsewhere, 17 sd away with an ELBO lower by 0.85 nats \\(roughly 0.43 times its mass\\): the posterior seems to have another mode", sum(r$mode == 1), sum(r$mode == 2)))
  expect_match(text(diagnostics(fit)), "restarts +6 starts ended at mode 1: [1-5], mode 2: [1-5]\\b")
})

test_that("label switching in a mixture is seen", {
  set.seed(1)
  y <- c(rnorm(30, -3), rnorm(20, 3))
  fit <- quiet_fit(model({
    mu ~ normal(0, 10, dim = 2)
    w  ~ beta(1, 1)
    y  ~ mixture(c(w, 1 - w), normal(mu[1], 1), normal(mu[2], 1))
  }), list(y = y), seed = 1, restarts = 5)
  r <- diagnostics(fit)$restarts
  expect_setequal(r$mode, 1:2)
  expect_lt(diff(range(r$elbo)), 0.05)
  expect_match(text(fit), "the posterior seems to have another mode there")
})

test_that("one mode: all starts agree", {
  m <- model({
    loc   ~ normal(0, 10)
    scale ~ lognormal(0, 1)
    y     ~ normal(loc, scale)
  })
  fit <- quiet_fit(m, list(y = c(2.6, 2, 3.3, -0.6, 3.6, 2.4, 1.5, 3.2)), seed = 1, restarts = 4)
  r <- diagnostics(fit)$restarts
  expect_identical(r$mode, rep(1L, 4))
  expect_lt(max(r$distance), 0.5)
  expect_match(text(fit), "All 4 starts agree: same place, same ELBO\\.")
  regression <- quiet_fit(mpg ~ wt, mtcars, seed = 1, restarts = 3)
  expect_match(text(regression), "All 3 starts agree")
  expect_null(diagnostics(quiet_fit(mpg ~ wt, mtcars, seed = 1))$restarts)
})

test_that("a place with next to no mass is told apart from a mode that counts", {
  fit <- quiet_fit(model({
    x ~ normal(0, 30)
    target(log_sum_exp(c(-(x - 5)^2 / 2, -12 - (x + 5)^2 / 2)))
  }), seed = 3, restarts = 8)
  expect_setequal(diagnostics(fit)$restarts$mode, 1:2)
  expect_match(text(fit), "[1-7] of 8 starts agree; .* ELBO lower by 12 nats, where the posterior has next to no mass")
  expect_no_match(text(fit), "WARNING")
})

test_that("restarts depend on the seed alone, and the first start is the one without restarts", {
  one <- quiet_fit(two_modes, seed = 4, restarts = 3)
  two <- quiet_fit(two_modes, seed = 4, restarts = 3)
  clock <- c("seconds", "call")
  expect_identical(one[setdiff(names(one), clock)], two[setdiff(names(two), clock)])
  single <- quiet_fit(two_modes, seed = 4)
  expect_identical(single$elbo, one$restarts$elbo[1])
  expect_identical(single$seed, one$restarts$seed[1])
  expect_identical(anyDuplicated(one$restarts$seed), 0L)
  expect_generator_untouched(quiet_fit(two_modes, seed = 4, restarts = 2, steps = 5))
  expect_set_seed_governs(function() quiet_fit(two_modes, restarts = 2, steps = 5)$restarts)
})

test_that("update() goes on with the start that was kept", {
  m <- reference_models()$eight_schools_centered
  schools <- list(J = 8, y = c(28, 8, -3, 7, -1, 1, 18, 12), s = c(15, 10, 16, 11, 9, 11, 10, 18))
  fit <- quiet_fit(m, schools, seed = 2, restarts = 3, steps = 40)
  on <- update(fit, progress = FALSE)
  alone <- fit
  alone$restarts <- NULL
  alone <- update(alone, progress = FALSE)
  expect_identical(on$state, alone$state)
  expect_identical(on$status, "converged")
  expect_identical(on$restarts$elbo[on$restarts$kept], on$elbo)
  expect_identical(on$restarts$status[on$restarts$kept], "converged")
  expect_identical(on$restarts[!on$restarts$kept, ], fit$restarts[!fit$restarts$kept, ])
  # fitted again it starts as often, from the seed that was given
  again <- update(fit, tol = 0.02, progress = FALSE)
  expect_identical(again$restarts$elbo, fit$restarts$elbo)
  file <- tempfile()
  on.exit(unlink(file))
  saveRDS(fit, file)
  expect_identical(update(readRDS(file), progress = FALSE)$restarts, on$restarts)
})

test_that("starts that fail, fall short or were not run are told", {
  # of this model only the given start, and none of the others, has a finite density
  narrow <- model({
    x ~ normal(0, 1)
    target(log(x - 50) * 0)
  })
  fit <- quiet_fit(narrow, seed = 1, restarts = 3, init = init_to_value(list(x = 60)), steps = 5, optimizer = adam())
  expect_identical(fit$restarts$status, c("fixed_steps", "failed", "failed"))
  expect_match(text(fit), "1 of 3 starts agree; .* 2 failed: The log density is not finite at any start that was tried\\.")
  expect_true(fit$restarts$kept[1])
  short <- quiet_fit(two_modes, seed = 1, restarts = 4)
  short$restarts$mode <- 1L
  short$restarts$elbo <- short$elbo - c(0, 0, 0.3, 0.2)
  expect_match(text(short), "2 of 4 starts agree; .* 2 ended near the kept one with an ELBO lower by up to 0.3 nats, so it had not arrived")
  short$restarts[3:4, c("elbo", "se", "gap", "mode")] <- NA
  short$restarts$status[3:4] <- "not run"
  expect_match(text(short), "2 of 4 starts agree; .* 2 were not run, after an interrupt")
  expect_match(text(diagnostics(short)), "none: 2 \\(not run\\)")
})

test_that("a guide with draws whose density is not finite is never the best", {
  better <- fullrank:::is_better
  record <- function(elbo, finite = TRUE) list(elbo = elbo, finite = finite)
  expect_true(better(record(2), record(1)))
  expect_false(better(record(1), record(1)))
  expect_false(better(record(2, FALSE), record(1)))
  expect_true(better(record(1), record(2, FALSE)))
  expect_true(better(record(1), record(NA_real_, FALSE)))
  expect_false(better(record(NA_real_, FALSE), record(1)))
})

test_that("starts are spread: prior draws, uniform where the prior is improper", {
  m <- model({
    a ~ normal(0, 100)
    b ~ flat(dim = 2)
    c ~ flat(lower = 3)
    d ~ dirichlet(c(1, 1))
  })
  z <- t(vapply(1:60, function(seed) guide(m, init = fullrank:::new_init("dispersed"), seed = seed)$loc, numeric(5)))
  expect_gt(stats::ks.test(z[, 1], "pnorm", 0, 100)$p.value, 0.001)
  expect_gt(stats::ks.test(z[, 2:4], "punif", -2, 2)$p.value, 0.001)
  expect_gt(stats::ks.test(plogis(z[, 5]), "punif")$p.value, 0.001)
})

test_that("restarts is checked", {
  expect_error(fullrank(two_modes, restarts = 0), "`restarts` must be one whole number of at least 1")
  expect_error(fullrank(two_modes, restarts = 2.5), "`restarts`")
  expect_error(fullrank(mpg ~ wt, mtcars, restart = 2), "Did you mean `restarts`")
})
