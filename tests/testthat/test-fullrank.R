# fullrank() and update(): arguments, seeds, going on, and what happens when something is wrong.

m <- model({
  mu ~ normal(0, 1, dim = 2)
  s  ~ exponential(1)
  y  ~ normal(mu, s)
})
data <- list(y = c(0.3, 1.2))

# What two equal fits have in common: all but the time and the call.
same_numbers <- function(fit) fit[c("status", "steps", "loss", "state", "elbo", "elbo_se", "gap", "gap_se", "khat", "log_weight_sd", "ess", "nonfinite",
                                    "gradient_evaluations")]
guide_numbers <- function(fit) fit$guide[c("loc", "scale", "scale_tril", "scale_unconstrained")]
expect_same_fit <- function(a, b) {
  expect_identical(same_numbers(a), same_numbers(b))
  expect_identical(guide_numbers(a), guide_numbers(b))
}

test_that("a fit says what it is and how it came to be", {
  fit <- short_fit(m, data, particles = 4)
  expect_s3_class(fit, "fullrank_fit")
  expect_identical(fit$status, "fixed_steps")
  expect_identical(fit$steps, 30)
  expect_length(fit$loss, 30)
  expect_identical(fit$gradient_evaluations, 120)
  expect_identical(fit$particles, 4)
  expect_identical(names(coef(fit)), c("mu[1]", "mu[2]", "s"))
  expect_identical(fit$call[[1L]], quote(fullrank))
})

test_that("the same seed gives the same bits, and seed = NULL is R's generator's", {
  expect_same_fit(short_fit(m, data), short_fit(m, data))
  expect_false(identical(guide_numbers(short_fit(m, data)), guide_numbers(short_fit(m, data, seed = 2))))
  expect_generator_untouched(short_fit(m, data))
  expect_set_seed_governs(function() guide_numbers(short_fit(m, data, seed = NULL)))
  set.seed(3)
  fit <- short_fit(m, data, seed = NULL)
  expect_same_fit(short_fit(m, data, seed = fit$seed), fit)
  # the default optimiser as well
  one <- fullrank(m, data, steps = 20, seed = 8, progress = FALSE)
  expect_same_fit(fullrank(m, data, steps = 20, seed = 8, progress = FALSE), one)
  # showing progress changes nothing
  suppressMessages(capture.output(shown <- fullrank(m, data, steps = 20, seed = 8, progress = TRUE), type = "message"))
  expect_same_fit(shown, one)
})

test_that("update() goes on as if the fit had never stopped, for each optimiser", {
  optimizers <- list(adam(lr = 0.05), adam(lr = 0.1, decay = 0.1), clipped_adam(lr = 0.05, clip_norm = 2, lrd = 0.99), sgd(lr = 0.01), sgd(lr = 0.01, momentum = 0.8))
  for (optimizer in optimizers) {
    whole <- short_fit(m, data, steps = 60, optimizer = optimizer)
    part <- short_fit(m, data, steps = 13, optimizer = optimizer)
    expect_same_fit(update(update(part, steps = 7), steps = 40), whole)
  }
  # the default, whatever it is
  whole <- fullrank(m, data, steps = 60, seed = 2, progress = FALSE)
  expect_same_fit(update(fullrank(m, data, steps = 25, seed = 2, progress = FALSE), steps = 35), whole)
})

test_that("a budget that was split is the same as one that was not", {
  opt <- adam(lr = 0.05)
  whole <- fullrank(m, data, optimizer = opt, max_steps = 2000, tol = 1e-9, seed = 1, progress = FALSE)
  expect_identical(whole$status, "budget_exhausted")
  part <- fullrank(m, data, optimizer = opt, max_steps = 1000, tol = 1e-9, seed = 1, progress = FALSE)
  expect_identical(part$steps, 1000)
  again <- update(part)
  expect_identical(again$steps, 2000)
  expect_identical(guide_numbers(again), guide_numbers(whole))
  expect_identical(again$loss, whole$loss)
  # time and evaluations add up
  expect_gte(again$seconds, part$seconds)
  expect_gt(again$gradient_evaluations, part$gradient_evaluations)
})

test_that("update() with something changed fits again", {
  fit <- short_fit(m, data, particles = 2, keep = NULL)
  other <- list(y = c(5, 6))
  expect_same_fit(update(fit, data = other), short_fit(m, other, particles = 2))
  expect_same_fit(update(fit, seed = 9), short_fit(m, data, particles = 2, seed = 9))
  expect_same_fit(update(fit, optimizer = sgd(lr = 0.01), steps = 5), short_fit(m, data, particles = 2, optimizer = sgd(lr = 0.01), steps = 5))
  m2 <- model({
    mu ~ normal(0, 3)
    d <- 2 * mu
    y  ~ normal(mu, 1)
  })
  refit <- update(fit, m2, keep = "d")
  expect_same_fit(refit, short_fit(m2, data, particles = 2, keep = "d"))
  expect_named(median(refit), c("mu", "d"))
  # the call is the one that would give this fit
  changed <- update(fit, data = other, seed = 3)
  expect_identical(changed$call$seed, 3)
  expect_identical(changed$call$data, quote(other))
  expect_error(update(fit, m2, list(y = 1)), "other arguments need their names")
  expect_error(update(fit, y ~ x), "must be a model")
  expect_error(update(fit, step = 3), "no argument `step`. Did you mean `steps`")
  expect_error(update(fit, steps = 0), "`steps` must be one whole number of at least 1")
  expect_error(update(fit, max_steps = 0), "`max_steps` must be")
  expect_error(update(fit, steps = 5, progress = NA), "`progress` must be TRUE or FALSE")
})

test_that("models in functions and lists, do.call() and lapply()", {
  make <- function(k) model({
    b ~ normal(0, k)
    y ~ normal(b, 1)
  })
  models <- list(narrow = make(0.01), wide = make(100))
  fits <- lapply(models, fullrank, data = list(y = 3), steps = 400, optimizer = adam(lr = 0.05), seed = 1, progress = FALSE)
  expect_lt(abs(coef(fits$narrow)), 0.1)
  expect_gt(coef(fits$wide), 2)
  fit <- do.call(fullrank, list(models$wide, list(y = 3), steps = 400, optimizer = adam(lr = 0.05), seed = 1, progress = FALSE))
  expect_same_fit(fit, fits$wide)
  # data taken as they were
  env <- new.env()
  env$y <- 3
  fit <- fullrank(models$wide, env, steps = 5, seed = 1, progress = FALSE)
  env$y <- 300
  expect_same_fit(update(fit, seed = 2), fullrank(models$wide, list(y = 3), steps = 5, seed = 2, progress = FALSE))
})

test_that("data frames, one row, no row", {
  m <- model({
    a ~ normal(0, 1)
    y ~ normal(a, 1)
  })
  df <- data.frame(y = c(1, 2, 4), unused = letters[1:3])
  for (rows in list(1:3, 1, integer())) {
    fit <- short_fit(m, df[rows, ])
    expect_same_fit(fit, short_fit(m, list(y = df$y[rows])))
  }
  # without rows the posterior is the prior
  g <- move_to_normal(guide(m, df[0, ], seed = 1), 0, matrix(1))
  expect_equal(elbo(g, 10, seed = 1)$elbo, 0, tolerance = 1e-14)
})

# ---- the table of section "when something is wrong" -------------------------------------------------------------------

fits <- function(m, ...) fullrank(m, list(...), steps = 2, seed = 1, progress = FALSE)

test_that("a latent site with a discrete distribution", {
  e <- expect_error(fits(model({
    k ~ poisson(2)
    y ~ normal(k, 1)
  }), y = 1:4))
  expect_match(conditionMessage(e), "In statement 1, `k ~ poisson(2)`:", fixed = TRUE)
  expect_match(conditionMessage(e), "latent site `k` has the discrete distribution `poisson()`", fixed = TRUE)
  expect_match(conditionMessage(e), "put it into `data`; otherwise sum it out with `mixture()`", fixed = TRUE)
})

test_that("no latent site", {
  expect_error(fits(model({ y ~ normal(0, 1) }), y = 1), "no latent site: every name on the left of `~` is in the data")
  expect_error(fits(model({}), y = 1), "no latent site")
})

test_that("a name that is nowhere", {
  m <- model({
    sigma ~ half_normal(1)
    y ~ normal(weigth, sigma)
  })
  expect_error(fits(m, y = 1, weight = 2), "In statement 2, `y ~ normal\\(weigth, sigma\\)`.*`weigth` is neither in the data, nor stated above, nor an object here.*Did you mean `weight`")
  expect_error(fits(model({ y ~ normal(sigmaa, 1); sigma ~ half_normal(1) }), y = 1), "`sigmaa` is neither")
  expect_error(fits(model({ y ~ normal(sigma, 1); sigma ~ half_normal(1) }), y = 1), "stated further down: move `sigma ~ ...` above")
  expect_error(fits(model({ a ~ nromal(0, 1) })), "no distribution `nromal\\(\\)`.*Did you mean `normal`")
  expect_error(fits(model({ a ~ normal(0, scal = 1) })), "no argument `scal`.*Did you mean `scale`")
})

test_that("an observed value outside the support, infinite or missing", {
  p <- model({
    p ~ beta(1, 1)
    y ~ bernoulli(p)
  })
  expect_error(fits(p, y = c(0, 1, 2, 1, 3)), "observed `y` has 2 values outside the support of `bernoulli\\(\\)` \\(first in rows 3, 5\\): 2, 3.*It takes 0 or 1")
  expect_error(fits(p, y = c(0, NA, 1, NA)), "observed `y` has 2 missing values \\(first in rows 2, 4\\)")
  r <- model({
    r ~ exponential(1)
    y ~ exponential(r)
  })
  expect_error(fits(r, y = c(1, -1)), "observed `y` has 1 value outside the support of `exponential\\(\\)` \\(first in row 2\\): -1.*positive numbers")
  expect_error(fits(r, y = c(1, 2, Inf)), "observed `y` has 1 infinite value \\(first in row 3\\)")
  expect_error(fits(r, y = rep(c(1, -1), 20)), "20 values .*first in rows 2, 4, 6, 8, 10, ...")
})

test_that("shapes that do not recycle", {
  m <- model({
    mu ~ normal(0, 1, dim = 3)
    y  ~ normal(mu + x, 1)
  })
  expect_error(fits(m, y = 1:4, x = 1:4), "In statement 2, `y ~ normal\\(mu \\+ x, 1\\)`.*Shapes length 3 and length 4 do not recycle in `\\+`")
  expect_error(fits(model({ a ~ normal(0, 1); y ~ normal(a, x) }), y = 1:4, x = 1:3), "length 4 \\(`y`\\) and length 3 \\(`scale` of `normal\\(\\)`\\) do not recycle")
  expect_error(fits(model({ a ~ normal(x, 1, dim = 4) }), x = 1:3), "`loc` of `normal\\(\\)` has shape length 3, the site has 4")
})

test_that("settings out of range", {
  expect_error(fullrank(m, data, init_scale = 0), "`init_scale` must be one number above 0, not 0")
  expect_error(fullrank(m, data, init_scale = -2), "`init_scale` must be one number above 0, not -2")
  expect_error(fullrank(m, data, particles = 0), "`particles` must be one whole number of at least 1.*not 0")
  expect_error(fullrank(m, data, particles = 2.5), "`particles` must be one whole number")
  expect_error(fullrank(m, data, particles = 1e9), "`particles` must be .* at most 1e\\+06")
  for (f in list(adam, clipped_adam, sgd)) expect_error(f(lr = 0), "`lr` must be one number above 0, not 0")
  expect_error(adam(lr = -1), "`lr` must be one number above 0, not -1")
  expect_error(fullrank(m, data, steps = 0), "`steps` must be one whole number of at least 1")
  expect_error(fullrank(m, data, max_steps = Inf), "`max_steps` must be .* at most 1e\\+08, not Inf")
  expect_error(fullrank(m, data, tol = 0), "`tol` must be one number above 0")
  expect_error(fullrank(m, data, threads = 0), "`threads` must be one whole number of at least 1")
  expect_error(fullrank(m, data, seed = -1), "`seed` must be one whole number of at least 0")
  expect_error(fullrank(m, data, progress = "no"), "`progress` must be TRUE or FALSE")
  expect_error(fullrank(m, data, optimizer = "adam"), "`optimizer` must be made by")
  expect_error(fullrank(m, data, init = 3), "`init` must be made by")
  expect_error(fullrank(m, data, particle = 4), "no argument `particle`. Did you mean `particles`")
  expect_error(fullrank(m, y = 1:2), "no argument `y`.*data = list\\(y = ...\\)")
  expect_error(fullrank(m, data, 8), "need their names")
  expect_error(fullrank("m"), "cannot fit an object of class character.*It takes.*a model")
})

test_that("a start where the log density is not finite names the sites", {
  bad <- model({
    a ~ normal(0, 1)
    y ~ normal(log(-1 - a^2), 1)
  })
  expect_error(fits(bad, y = 1), "not finite at any start.*the terms of `y` are not finite.*init_to_value")
})

test_that("evaluations that are not finite are refused and counted by site, and the fit goes on", {
  # NaN below x = -3, which a draw of the posterior reaches once in a thousand times
  edge <- model({
    x ~ normal(0, 1)
    z ~ normal(0, 1)
    y ~ normal(0 * log(x + 3), 1)
  })
  fit <- fullrank(edge, list(y = 0.5), init = init_to_feasible(), init_scale = 1, steps = 2000, optimizer = adam(lr = 0.005), seed = 1, progress = FALSE)
  expect_identical(fit$status, "fixed_steps")
  expect_gt(fit$nonfinite[["y"]], 0)
  expect_identical(fit$nonfinite[c("x", "z")], c(x = 0L, z = 0L))
  # each refused step shows as a loss that is no number
  refused <- sum(is.nan(fit$loss))
  expect_identical(as.numeric(refused), fit$state$refused)
  expect_lte(refused, fit$nonfinite[["y"]])
  expect_true(all(is.finite(c(coef(fit), vcov(fit)))))
  expect_match(paste(printed(fit), collapse = " "), sprintf("%d in `y`", fit$nonfinite[["y"]]))
})

test_that("a fit that runs away ends as diverged, with the last good guide", {
  runaway <- model({
    x ~ flat()
    z ~ normal(0, 1)
    target(exp(x))
  })
  fit <- fullrank(runaway, optimizer = sgd(lr = 0.5), max_steps = 20000, seed = 1, progress = FALSE)
  expect_identical(fit$status, "diverged")
  expect_gt(fit$nonfinite[["target"]], 0)
  expect_identical(fit$nonfinite[["z"]], 0L)
  expect_lt(fit$steps, 20000)
  expect_true(all(is.finite(c(coef(fit), vcov(fit)))))
  # the guide is one at which a density was finite
  expect_true(is.finite(log_density(runaway)$fn(coef(fit))))
  expect_match(printed(fit)[1], "^DIVERGED")
})

test_that("an interrupt keeps the fit so far, and update() goes on", {
  skip_on_os("windows")
  out <- tempfile(fileext = ".rds")
  on.exit(unlink(out))
  code <- c(
    sprintf(".libPaths(%s)", paste(deparse(.libPaths()), collapse = "")),
    "library(fullrank)",
    "m <- model({ mu ~ normal(0, 1); s ~ exponential(1); y ~ normal(mu, s) })",
    "data <- list(y = sin(1:5000))",
    # the signal comes while the steps are taken
    "soon <- function() { system(sprintf('(sleep 0.5; kill -INT %d) &', Sys.getpid())); init_to_feasible() }",
    "opt <- adam(lr = 0.01)",
    "fit <- fullrank(m, data, init = init_to_generated(soon), optimizer = opt, steps = 5e6, seed = 1, progress = FALSE)",
    "on <- update(fit, steps = 100)",
    "whole <- fullrank(m, data, init = init_to_feasible(), optimizer = opt, steps = fit$steps + 100, seed = 1, progress = FALSE)",
    sprintf("saveRDS(list(fit = fit, on = on, whole = whole, text = capture.output(print(fit))), %s)", deparse(out))
  )
  script <- tempfile(fileext = ".R")
  writeLines(code, script)
  log <- suppressWarnings(system2(file.path(R.home("bin"), "Rscript"), c("--vanilla", script), stdout = TRUE, stderr = TRUE))
  expect(file.exists(out), paste(c("the interrupted process left nothing:", log), collapse = "\n"))
  x <- readRDS(out)
  expect_identical(x$fit$status, "interrupted")
  expect_gt(x$fit$steps, 0)
  expect_lt(x$fit$steps, 5e6)
  expect_identical(as.numeric(length(x$fit$loss)), x$fit$steps)
  expect_true(is.finite(x$fit$elbo))
  expect_match(x$text[1], "^NOT CONVERGED: interrupted after")
  expect_identical(x$on$status, "fixed_steps")
  expect_same_fit(x$on, x$whole)
})

test_that("a time limit is an interrupt too", {
  slow <- model({
    mu ~ normal(0, 1)
    y  ~ normal(mu, 1)
  })
  sink(nullfile(), type = "output")
  on.exit({
    setTimeLimit()
    sink(type = "output")
  })
  setTimeLimit(elapsed = 0.3, transient = TRUE)
  expect_message(fit <- fullrank(slow, list(y = sin(1:20000)), optimizer = adam(lr = 0.01), steps = 5e6, seed = 1, progress = FALSE), "update\\(fit\\) goes on")
  setTimeLimit()
  expect_identical(fit$status, "interrupted")
  expect_gt(fit$steps, 0)
})
