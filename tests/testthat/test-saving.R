# A fit is plain data: in another R process it gives the same numbers, and goes on the same way.

m <- model({
  mu    ~ normal(0, 1)
  tau   ~ half_normal(1)
  theta ~ normal(mu, tau, dim = levels(g))
  w     ~ dirichlet(c(1, 2, 3))
  ratio <- theta[1] / tau
  y     ~ normal(theta[g], k)
})
k <- 0.7 # found beside the model
data <- list(y = c(0.3, 1.2, -0.4, 0.8), g = factor(c("u", "v", "v", "u")))

# All that a fit answers, as plain values.
answers <- function(fit) {
  f <- fullrank::log_density(fit$model, fit$data)
  z <- matrix(seq(-1, 1, length.out = 3 * f$dim), 3)
  list(
    draws = as.matrix(fit, n = 50, seed = 1), importance = tryCatch(as.matrix(fit, n = 20, seed = 1, importance = TRUE), error = conditionMessage),
    summary = as.data.frame(summary(fit)), quantile = quantile(fit, c(0.1, 0.9)), vcov = vcov(fit), elbo = fullrank::elbo(fit, 20, seed = 3, gradient = TRUE),
    simulate = simulate(fit, 5, seed = 2), log_density = f$fn(z), gradient = f$gr(z), diagnostics = unclass(fullrank::diagnostics(fit)),
    print = utils::capture.output(print(fit)),
    on = update(fit, steps = 15, progress = FALSE)[c("loss", "state", "elbo", "gap")],
    again = update(fit, seed = 5, progress = FALSE)[c("loss", "state", "elbo", "gap")]
  )
}

# Evaluates `code` on x, a list, in a new process; `code` are lines that use x and give a value.
in_new_process <- function(x, code) {
  files <- tempfile(c("in", "out", "script"), fileext = c(".rds", ".rds", ".R"))
  on.exit(unlink(files))
  saveRDS(x, files[1])
  writeLines(c(
    sprintf(".libPaths(%s)", paste(deparse(.libPaths()), collapse = "")),
    sprintf("options(fullrank.isa = %s)", deparse(getOption("fullrank.isa"))), # that of make test-isa
    sprintf("x <- readRDS(%s)", deparse(files[1])),
    "requireNamespace('fullrank', quietly = TRUE)",
    sprintf("saveRDS({ %s }, %s)", paste(code, collapse = "\n"), deparse(files[2]))
  ), files[3])
  log <- suppressWarnings(system2(file.path(R.home("bin"), "Rscript"), c("--vanilla", files[3]), stdout = TRUE, stderr = TRUE))
  expect(file.exists(files[2]), paste(c("the other process failed:", log), collapse = "\n"))
  readRDS(files[2])
}

test_that("after saveRDS() and readRDS() in a new process everything is the same to the bit", {
  fits <- list(
    adam = short_fit(m, data, keep = "ratio"), clipped = short_fit(m, data, optimizer = clipped_adam(lr = 0.02)),
    sgd = short_fit(m, data, optimizer = sgd(lr = 0.001, momentum = 0.5)), default = fullrank(m, data, steps = 20, seed = 4, progress = FALSE)
  )
  there <- in_new_process(list(fits = fits, answers = answers), "lapply(x$fits, x$answers)")
  for (name in names(fits)) {
    here <- answers(fits[[name]])
    for (part in names(here)) expect_identical(there[[name]][[part]], here[[part]], info = paste(name, part))
  }
})

test_that("natural(), broken off in each of its phases and saved, goes on in a new process to the same bits", {
  cases <- list(
    funnel = list(model({
      v ~ normal(0, 3)
      x ~ normal(0, exp(v / 2), dim = 9)
    }), list()),
    grow = list(model({
      x ~ flat(dim = d)
      target(sum(2 * x - exp(x)))
    }), list(d = 203))
  )
  phase <- function(fit) fit$state$counters[["phase"]]
  parts <- wholes <- list()
  for (name in names(cases)) {
    fit_for <- function(...) fullrank(cases[[name]][[1]], cases[[name]][[2]], seed = 1, progress = FALSE, ...)
    whole <- fit_for()
    expect_identical(whole$status, "converged")
    # the first step of each phase, and one in the middle of it
    part <- fit_for(steps = 1)
    while (part$steps < whole$steps - 1) {
      before <- phase(part)
      part <- update(part, steps = 1, progress = FALSE)
      met <- sum(vapply(parts, function(p) phase(p) == phase(part) && length(coef(p)) == length(coef(part)), NA))
      if (met == 0L || (met == 1L && before == phase(part))) {
        parts <- c(parts, list(part))
        wholes <- c(wholes, list(whole))
      }
    }
  }
  phases <- vapply(parts, phase, 0)
  expect_true(all(0:9 %in% phases))
  there <- in_new_process(list(parts = parts), "lapply(x$parts, function(p) update(p, progress = FALSE)[c('state', 'status', 'gap', 'gap_se', 'elbo', 'steps', 'gradient_evaluations')])")
  for (k in seq_along(parts)) {
    for (field in names(there[[k]])) expect_identical(there[[k]][[field]], wholes[[k]][[field]], info = paste("phase", phases[k], field))
  }
})

test_that("a fit holds no pointer and is not much larger than its parts", {
  fit <- short_fit(m, data)
  kinds <- character()
  walk <- function(x) {
    kinds <<- union(kinds, typeof(x))
    if (is.list(x)) lapply(x, walk)
  }
  walk(fit[setdiff(names(fit), c("model", "call"))])
  expect_false(any(c("externalptr", "environment", "closure", "weakref") %in% kinds))
  expect_lt(length(serialize(fit[setdiff(names(fit), "model")], NULL)), 2e5)
})

test_that("the data are kept once as given and once as the program reads them", {
  y <- as.numeric(1:20000)
  fit <- short_fit(model({ a ~ normal(0, 1); y ~ normal(a, 1e4) }), list(y = y), steps = 5)
  expect_lt(length(serialize(fit[setdiff(names(fit), "model")], NULL)), 2 * length(serialize(y, NULL)) + 44000) # 4,000 log weights are 32,000 bytes
  expect_s3_class(fit$guide, "mvn_guide")
  expect_identical(fit$guide$compiled, fit$compiled)
  expect_identical(fit[["guide"]], fit$guide)
  expect_identical(elbo(fit$guide, 5, seed = 1), elbo(fit, 5, seed = 1))
  again <- fullrank(as_model(fit), steps = 5, seed = 1, optimizer = adam(lr = 0.05, decay = 0.01))
  expect_identical(again$guide$loc, fit$guide$loc)
})

test_that("without its data a fit of a model has the same draws and summaries, and says what it lacks", {
  whole <- short_fit(m, data, keep = "ratio")
  fit <- short_fit(m, data, keep = "ratio", keep_data = FALSE)
  expect_identical(draws(fit, 50, seed = 1), draws(whole, 50, seed = 1))
  expect_identical(as.data.frame(summary(fit)), as.data.frame(summary(whole)))
  expect_identical(vcov(fit), vcov(whole))
  expect_identical(utils::capture.output(print(fit))[-(1:3)], utils::capture.output(print(whole))[-(1:3)])
  # to fit again without the data would be to fit the prior, the observed sites among the latents
  again <- list(function() update(fit), function() update(fit, seed = 2), function() update(fit, m), function() update(fit, optimizer = adam(), steps = 3))
  again <- c(again, function() fullrank(as_model(fit)), function() log_density(as_model(fit)), function() guide(as_model(fit)),
             function() simulate(as_model(fit)))
  needing <- list(function() elbo(fit), function() simulate(fit), function() nobs(fit), function() draws(fit, importance = TRUE))
  for (needs in c(again, needing)) {
    expect_error(needs(), "keep_data = FALSE, and this needs its data: fit again with update\\(fit, data")
  }
  expect_identical(update(fit, data = data, keep_data = TRUE, keep = "ratio")$guide$loc, whole$guide$loc)
  expect_identical(as_model(fit)$statements, as_model(whole)$statements)
  expect_identical(log_density(as_model(fit), data)$names, log_density(as_model(whole))$names)
  n <- 20000
  big <- list(y = sin(seq_len(n)), x = cos(seq_len(n)), g = rep_len(1:3, n))
  lean <- short_fit(model({
    a ~ normal(0, 1, dim = 3)
    b ~ normal(0, 1)
    y ~ normal(a[g] + b * x, 1)
  }), big, steps = 5, keep_data = FALSE)
  expect_lt(length(serialize(lean[setdiff(names(lean), "model")], NULL)), 40000)
  expect_lt(as.numeric(object.size(lean[setdiff(names(lean), "model")])), 100000)
})

test_that("without its data a regression still predicts new rows", {
  whole <- fullrank(mpg ~ wt + factor(cyl), data = mtcars, seed = 1)
  fit <- fullrank(mpg ~ wt + factor(cyl), data = mtcars, seed = 1, keep_data = FALSE)
  new <- data.frame(wt = c(2, 3), cyl = c(4, 8))
  expect_identical(predict(fit, new, interval = "confidence"), predict(whole, new, interval = "confidence"))
  expect_identical(as.data.frame(summary(fit)), as.data.frame(summary(whole)))
  expect_identical(prior_summary(fit), prior_summary(whole))
  expect_identical(nobs(fit), 32L)
  expect_identical(utils::capture.output(print(fit))[-(1:3)], utils::capture.output(print(whole))[-(1:3)])
  for (needs in list(function() fitted(fit), function() residuals(fit), function() model.frame(fit))) expect_error(needs(), "keep_data = FALSE")
  # not with objects that happen to have the columns' names either
  local({
    list2env(mtcars, environment())
    expect_error(update(fit, . ~ . + hp), "keep_data = FALSE")
    expect_error(update(fit, seed = 2), "keep_data = FALSE")
  })
  expect_identical(coef(update(fit, data = mtcars, seed = 1)), coef(whole))
  expect_error(predict(fit), "keep_data = FALSE")
  expect_lt(length(serialize(fit$compiled, NULL)), length(serialize(whole$compiled, NULL)))
  grouped <- fullrank(y ~ x + (1 + x | g), data = grouped_counts(), family = poisson(), seed = 1, steps = 20, keep_data = FALSE)
  full <- fullrank(y ~ x + (1 + x | g), data = grouped_counts(), family = poisson(), seed = 1, steps = 20)
  expect_equal(predict(grouped, data.frame(x = 1, g = "a"), type = "response"), predict(full, data.frame(x = 1, g = "a"), type = "response"))
  expect_equal(ranef(grouped), ranef(full))
})

test_that("a fit of another version is recognised, once", {
  fit <- short_fit(m, data)
  expect_identical(fit$version, as.character(utils::packageVersion("fullrank")))
  expect_silent(vcov(fit))
  fit$version <- "0.0.1"
  expect_message(vcov(fit), "made by version 0.0.1 of fullrank, and this is")
  expect_silent(vcov(fit))
  fit["version"] <- list(NULL)
  expect_message(utils::capture.output(print(fit)), "version unknown")
})

test_that("without its density a fit of an R function has its Normal, and gets the density back", {
  y <- sin(seq_len(20000))
  log_joint <- function(z, y) sum(dnorm(y, z[["mu"]], exp(z[["log_sigma"]]), log = TRUE)) + sum(dnorm(z, 0, 1, log = TRUE))
  gradient <- function(z, y) {
    off <- (y - z[["mu"]]) / exp(z[["log_sigma"]])
    c(sum(off) / exp(z[["log_sigma"]]), sum(off^2 - 1)) - z
  }
  fit_for <- function(...) fullrank(log_joint, data = y, gradient = gradient, init = c(mu = 0, log_sigma = 0), seed = 1, progress = FALSE, ...)
  whole <- fit_for()
  fit <- fit_for(keep_data = FALSE)
  expect_lt(length(serialize(fit, NULL)), 40000)
  expect_identical(coef(fit), coef(whole))
  expect_identical(draws(fit, 20, seed = 1), draws(whole, 20, seed = 1))
  expect_identical(as.data.frame(summary(fit)), as.data.frame(summary(whole)))
  expect_identical(utils::capture.output(print(fit))[-(1:3)], utils::capture.output(print(whole))[-(1:3)])
  for (needs in list(function() elbo(fit), function() update(fit, steps = 3), function() update(fit, seed = 2), function() draws(fit, importance = TRUE))) {
    expect_error(needs(), "keep_data = FALSE, and this needs its density: fit <- attach_density")
  }
  expect_error(attach_density(fit, log_joint), "had `data` and `gradient`")
  expect_error(attach_density(fit, log_joint, data = y + 1, gradient = gradient), "another density")
  back <- attach_density(fit, log_joint, data = y, gradient = gradient)
  expect_identical(elbo(back, 20, seed = 1), elbo(whole, 20, seed = 1))
  expect_identical(update(back, steps = 3)$guide$loc, update(whole, steps = 3)$guide$loc)
  expect_identical(update(back, seed = 2)$guide$loc, update(whole, seed = 2)$guide$loc)
  expect_identical(update(fit, log_joint, data = y, gradient = gradient, seed = 2)$guide$loc, update(whole, seed = 2)$guide$loc)
})
