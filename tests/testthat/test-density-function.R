# R functions as log densities: against models in the language, whose densities are checked elsewhere.

y <- c(2.6, 2.0, 3.3, -0.6, 3.6, 2.4, 1.5, 3.2)
log_joint <- function(z, y) {
  sum(dnorm(y, z[["mu"]], exp(z[["ls"]]), log = TRUE)) + dnorm(z[["mu"]], 0, 10, log = TRUE) + dnorm(z[["ls"]], 0, 1, log = TRUE)
}
slope <- function(z, y) {
  off <- (y - z[["mu"]]) / exp(z[["ls"]])
  c(sum(off) / exp(z[["ls"]]) - z[["mu"]] / 100, sum(off^2 - 1) - z[["ls"]])
}
start <- c(mu = 0, ls = 0)
m <- model({
  mu ~ normal(0, 10)
  s  ~ lognormal(0, 1)
  y  ~ normal(mu, s)
})
fit_of <- function(..., fn = log_joint, gradient = slope, init = start, seed = 1, progress = FALSE) {
  fullrank(fn, data = y, gradient = gradient, init = init, seed = seed, progress = progress, ...)
}

test_that("an R function is fitted to the posterior of the same model in the language", {
  fit <- fit_of(tol = 0.002)
  ours <- fullrank(m, list(y = y), seed = 1, progress = FALSE, tol = 0.002)
  expect_identical(fit$status, "converged")
  expect_identical(names(coef(fit)), c("mu", "ls"))
  expect_lt(normal_kl(fit, ours), 0.004)
  expect_lt(abs(fit$elbo - ours$elbo), 4 * sqrt(fit$elbo_se^2 + ours$elbo_se^2))
})

test_that("under adam the same draws give the steps of the same model to rounding", {
  # the log of s is the coordinate of a positive site, and its Jacobian makes a lognormal of s a Normal of log(s)
  fit <- short_fit(m, list(y = y), init = init_to_value(list(mu = 0, s = 1)))
  other <- fullrank(log_joint, data = y, gradient = slope, init = start, steps = 30, optimizer = adam(lr = 0.05, decay = 0.01), seed = 1, progress = FALSE)
  expect_equal(other$loss, fit$loss, tolerance = 1e-10)
  expect_equal(unname(vcov(other)), unname(vcov(fit)), tolerance = 1e-10)
})

test_that("all methods of a fit answer, and agree with the guide", {
  fit <- fit_of()
  table <- as.data.frame(summary(fit))
  expect_equal(table$mean, unname(coef(fit)))
  expect_equal(table$sd, unname(sqrt(diag(vcov(fit)))))
  expect_identical(dimnames(vcov(fit)), list(names(start), names(start)))
  expect_equal(quantile(fit, 0.95)$mu[["95%"]], qnorm(0.95, coef(fit)[["mu"]], sqrt(vcov(fit)[1, 1])))
  expect_equal(as.vector(colMeans(as.matrix(fit, n = 4000, seed = 1))), unname(coef(fit)), tolerance = 0.02)
  expect_equal(posterior::as_draws_df(fit, n = 5, seed = 2)$ls, as.vector(draws(fit, n = 5, seed = 2)[, "ls"]))
  expect_lt(abs(elbo(fit, 2000, seed = 3)$elbo - fit$elbo), 4 * fit$elbo_se)
  expect_identical(diagnostics(fit)$nonfinite, c(`log density` = 0L))
  expect_true(any(grepl("Converged", printed(fit))))
  expect_error(simulate(fit), "no observed site")
  expect_error(as_model(fit), "no sample statements")
  grDevices::pdf(NULL)
  on.exit(grDevices::dev.off())
  for (type in c("all", "trace", "marginals", "correlation", "pairs", "weights")) expect_no_error(plot(fit, type = type))
})

test_that("the same seed gives the same bits, and going on is the same as never having stopped", {
  for (optimizer in list(natural(), adam(lr = 0.02))) {
    whole <- fit_of(steps = 24, optimizer = optimizer)
    expect_identical(fit_of(steps = 24, optimizer = optimizer)$guide$loc, whole$guide$loc)
    on <- update(fit_of(steps = 10, optimizer = optimizer), steps = 14, progress = FALSE)
    expect_identical(on$guide[c("loc", "scale", "scale_tril")], whole$guide[c("loc", "scale", "scale_tril")])
  }
  again <- update(whole, seed = 2, progress = FALSE)
  expect_identical(again$guide$loc, fit_of(steps = 24, optimizer = adam(lr = 0.02), seed = 2)$guide$loc)
})

test_that("a vectorised function gives the answer of one that is not", {
  fn <- function(z, y) vapply(seq_len(nrow(z)), function(s) log_joint(z[s, ], y), 0)
  gr <- function(z, y) t(apply(z, 1, slope, y = y))
  one <- fit_of()
  expect_identical(fit_of(fn = fn, gradient = gr, vectorized = TRUE)$guide$loc, one$guide$loc)
  expect_message(many <- fullrank(fn, data = y, init = start, vectorized = TRUE, seed = 1, progress = FALSE), "5 evaluations")
  expect_equal(coef(many), coef(one), tolerance = 1e-5)
})

test_that("without a gradient differences are taken, said, and refused for many coordinates", {
  expect_message(fit <- fullrank(log_joint, data = y, init = start, seed = 1, progress = FALSE), "central differences, at 5 evaluations")
  expect_equal(coef(fit), coef(fit_of()), tolerance = 1e-6)
  expect_error(fullrank(function(z) -sum(z^2), init = 201), "201 coordinates and no `gradient`: differences would take 403")
})

test_that("`init` names the coordinates in all its forms", {
  fn <- function(z) -sum((z - seq_along(z))^2) / 2
  gr <- function(z) seq_along(z) - z
  of <- function(init) fullrank(fn, gradient = gr, init = init, seed = 1, progress = FALSE)
  expect_identical(names(coef(of(2))), c("z[1]", "z[2]"))
  expect_identical(names(coef(of(1))), "z")
  expect_identical(names(coef(of(c(0.5, 0.5, 0.5)))), c("z[1]", "z[2]", "z[3]"))
  fit <- of(list(a = 0, b = c(0, 0), M = matrix(0, 2, 2, dimnames = list(NULL, c("u", "v")))))
  expect_identical(names(coef(fit)), c("a", "b[1]", "b[2]", "M[1,u]", "M[2,u]", "M[1,v]", "M[2,v]"))
  expect_equal(unname(coef(fit)), 1:7, tolerance = 0.02)
  expect_identical(dim(median(fit)$M), c(2L, 2L))
  seen <- NULL
  fullrank(function(z) { seen <<- names(z); fn(z) }, gradient = gr, init = c(only = 0), steps = 1, progress = FALSE)
  expect_identical(seen, "only")
  expect_error(fullrank(fn), "`init` is missing")
  expect_error(fullrank(fn, init = 1.5), "`init` must be one whole number")
  expect_error(fullrank(fn, init = list(0, 0)), "needs a name")
  expect_error(fullrank(fn, init = c(a = 0, a = 1)), "more than one element named `a`")
  expect_error(fullrank(fn, init = c(a = NA_real_)), "`a` of `init` must be finite")
  expect_error(fullrank(fn, init = "a"), "`init` must be a named vector")
  expect_error(fullrank(fn, init = list(a = "x")), "The element `a` of `init` must be numbers, not .*character")
  expect_error(fullrank(fn, init = list(a = numeric())), "The element `a` of `init` must be numbers")
  expect_error(fullrank(fn, gradient = 3, init = 2), "`gradient` must be a function, not .*numeric")
})

test_that("a function that throws or returns nonsense is an error that says what, when and where, and the fit so far is kept", {
  expect_error(fullrank(function(z) stop("no way"), init = 2, gradient = identity), "The log density threw an error.*no way.*z\\[1\\] = 0, z\\[2\\] = 0")
  returns <- function(x) function(z) x
  expect_error(fullrank(returns(NULL), init = 1, gradient = identity), "must return one number, but returned NULL")
  expect_error(fullrank(returns("a"), init = 1, gradient = identity), "class character of length 1: a")
  expect_error(fullrank(returns(c(1, 2)), init = 1, gradient = identity), "class numeric of length 2: 1, 2")
  expect_error(fullrank(returns(list(1)), init = 1, gradient = identity), "class list of length 1")
  expect_error(fullrank(function(z) -sum(z^2), init = 2, gradient = function(z) 1), "must be 2 numbers, but `gradient` returned .* of length 1: 1")
  expect_error(fullrank(function(z) 1, init = 2, vectorized = TRUE, gradient = function(z) stop("later")), "The gradient threw an error.*later")
  calls <- 0
  late <- function(z, y) {
    calls <<- calls + 1
    if (calls > 300) "oops" else log_joint(z, y)
  }
  for (optimizer in list(natural(), adam(lr = 0.02))) {
    calls <- 0
    e <- tryCatch(fit_of(fn = late, optimizer = optimizer), fullrank_density_error = identity)
    expect_s3_class(e, "fullrank_density_error")
    expect_match(conditionMessage(e), "returned an object of class character of length 1: oops, at step [0-9]+\\.\n  The point: mu = ")
    expect_named(e$z, names(start))
    expect_identical(e$fit$status, "interrupted")
    expect_identical(e$step, e$fit$steps + 1)
    expect_gt(e$fit$steps, 2)
    mended <- attach_density(e$fit, log_joint)
    on <- update(mended, steps = 50 - e$fit$steps, progress = FALSE)
    expect_identical(on$guide$loc, fit_of(steps = 50, optimizer = optimizer)$guide$loc)
  }
})

test_that("evaluations that are not finite are counted and no error", {
  edge <- function(z, y) if (z[["mu"]] > 3.2) c(NaN, -Inf, NA)[1 + (z[["ls"]] > 0.2)] else log_joint(z, y)
  for (optimizer in list(natural(), adam(lr = 0.05))) {
    asked <- FALSE
    fit <- fit_of(fn = edge, gradient = function(z, y) { if (z[["mu"]] > 3.2) asked <<- TRUE; slope(z, y) }, steps = 200, optimizer = optimizer)
    expect_gt(fit$nonfinite[["log density"]], 0)
    expect_false(asked)
  }
  expect_error(fullrank(function(z) -Inf, init = 2, gradient = identity), "not finite at any start that was tried: at the first one it is -Inf")
})

test_that("a wrong gradient is found, with its coordinate", {
  expect_silent(fit_of(steps = 1))
  expect_warning(fit_of(steps = 1, gradient = function(z, y) slope(z, y) * c(1, 1.01)), "for `ls` it says")
  expect_warning(fit_of(steps = 1, gradient = function(z, y) -slope(z, y)), "Its sign is turned")
  fn <- function(z) -sum(z^2) / 2 - sum(z^4)
  gr <- function(z) -z - 4 * z^3
  expect_silent(fullrank(fn, gradient = gr, init = 80, steps = 1, seed = 1, progress = FALSE))
  expect_warning(fullrank(fn, gradient = function(z) replace(gr(z), 77, 0.3), init = 80, steps = 1, seed = 1, progress = FALSE), "for `z\\[77\\]`")
})

test_that("a saved fit of a function does all in a new session, and another density is told apart", {
  fit <- fit_of()
  file <- tempfile(fileext = ".rds")
  on.exit(unlink(file))
  saveRDS(fit, file)
  read <- readRDS(file)
  expect_identical(elbo(read, 10, seed = 1), elbo(fit, 10, seed = 1))
  expect_identical(attach_density(fit, log_joint, gradient = slope, data = y)$guide$loc, fit$guide$loc)
  expect_error(attach_density(fit, log_joint, data = y + 1), "another density")
  expect_error(attach_density(short_fit(m, list(y = y)), log_joint), "other fits have theirs")
  expect_error(attach_density(fit, 3), "another kind of density \\(function\\) than `x` \\(numeric\\)")
  expect_error(attach_density(fit, new("externalptr")), "another kind of density \\(function\\) than `x` \\(c\\)")
})

test_that("what fullrank() cannot fit is an error that shows the forms", {
  expect_error(fullrank(3), "class numeric. It takes.*a model:.*a formula:.*an R function:.*a TMB object:.*a stanfit:.*a C density:")
  expect_error(fullrank(list(1)), "an R function:")
  expect_error(fit_of(stpes = 3), "no argument `stpes`")
})

test_that("an interrupt within the function keeps the fit", {
  calls <- 0
  fn <- function(z, y) {
    calls <<- calls + 1
    if (calls == 200) signalCondition(structure(class = c("interrupt", "condition"), list(message = "", call = NULL)))
    log_joint(z, y)
  }
  fit <- suppressMessages(fit_of(fn = fn))
  expect_identical(fit$status, "interrupted")
  expect_identical(update(fit, progress = FALSE)$guide$loc, fit_of()$guide$loc)
})

test_that("an error that no density raised goes through as it is", {
  expect_error(fullrank:::fail_again(simpleError("evaluation nested too deeply"), fit_of()), "^evaluation nested too deeply$")
})

test_that("restarts find the modes of an R function, and what is for models alone says so", {
  # 0.7 N(1.5, 0.1^2) + 0.3 N(-1.5, 0.1^2)
  two <- function(z) {
    parts <- c(log(0.7) + dnorm(z, 1.5, 0.1, log = TRUE), log(0.3) + dnorm(z, -1.5, 0.1, log = TRUE))
    max(parts) + log(sum(exp(parts - max(parts))))
  }
  slope <- function(z) {
    p <- plogis(log(0.7) - log(0.3) + dnorm(z, 1.5, 0.1, log = TRUE) - dnorm(z, -1.5, 0.1, log = TRUE))
    -(p * (z - 1.5) + (1 - p) * (z + 1.5)) / 0.01
  }
  fit <- fullrank(two, gradient = slope, init = c(x = -1.4), restarts = 8, seed = 1, progress = FALSE)
  r <- diagnostics(fit)$restarts
  expect_identical(nrow(r), 8L)
  expect_equal(coef(fit), c(x = 1.5), tolerance = 1e-6)
  expect_equal(sort(unique(round(r$elbo, 6))), round(log(c(0.3, 0.7)), 6))
  expect_identical(fullrank(two, gradient = slope, init = c(x = -1.4), restarts = 8, seed = 1, progress = FALSE)$guide, fit$guide)
  expect_error(fullrank(two, gradient = slope, init = c(x = 0), keep = "x"), "`keep` is an argument for models alone")
  expect_output(print(summary(fit)), "Coordinates, unconstrained:", fixed = TRUE)
})
