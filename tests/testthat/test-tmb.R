# A nonlinear mixed model in TMB, against the same model in the language.

orange_data <- function() {
  list(y = Orange$circumference / 100, age = Orange$age / 100, tree = as.integer(as.character(Orange$Tree)) - 1L)
}

orange_model <- function() {
  model({
    beta      ~ normal(c(2, 7, 3), c(1, 3, 2), dim = 3)
    log_sigma ~ normal(-2, 1)
    log_tau   ~ normal(-1, 1)
    u         ~ normal(0, exp(log_tau), dim = 5)
    y         ~ normal((beta[1] + u[tree + 1]) / (1 + exp(-(age - beta[2]) / beta[3])), exp(log_sigma))
  })
}

# The template, compiled once a session; NULL where there is no compiler.
orange_library <- local({
  path <- NULL
  function() {
    if (!is.null(path)) return(path)
    folder <- tempfile("tmb")
    dir.create(folder)
    file.copy(test_path("orange.cpp"), folder)
    old <- setwd(folder)
    on.exit(setwd(old))
    status <- try(suppressWarnings(utils::capture.output(TMB::compile("orange.cpp", "-O0 -w"))), silent = TRUE)
    if (inherits(status, "try-error") || !file.exists(TMB::dynlib("orange"))) return(NULL)
    path <<- TMB::dynlib(file.path(folder, "orange"))
  }
})

orange_object <- function(random = "u", ...) {
  skip_on_cran()
  skip_if_not_installed("TMB")
  library <- orange_library()
  skip_if(is.null(library), "the TMB template does not compile here")
  if (!"orange" %in% names(getLoadedDLLs())) dyn.load(library)
  TMB::MakeADFun(orange_data(), list(beta = c(2, 7, 3), log_sigma = -2, log_tau = -1, u = numeric(5)), random = random, DLL = "orange", silent = TRUE, ...)
}

test_that("a TMB object is fitted as its joint density, to the posterior of the same model", {
  obj <- orange_object()
  fit <- fullrank(obj, seed = 1, progress = FALSE, tol = 0.002)
  ours <- fullrank(orange_model(), orange_data(), seed = 1, progress = FALSE, tol = 0.002)
  expect_identical(fit$status, "converged")
  expect_identical(names(coef(fit)), names(coef(ours)))
  expect_identical(names(coef(fit))[c(1, 4, 10)], c("beta[1]", "log_sigma", "u[5]"))
  expect_lt(normal_kl(fit, ours), 0.004)
  expect_lt(abs(fit$elbo - ours$elbo), 4 * sqrt(fit$elbo_se^2 + ours$elbo_se^2))
  # not the Laplace marginal, and the sign is turned
  z <- fit$guide$loc
  f <- log_density(orange_model(), orange_data())
  expect_equal(-obj$env$f(z), f$fn(z), tolerance = 1e-12)
  expect_equal(fullrank:::evaluate_points(fit$compiled, z, TRUE)$gradient, unname(rbind(f$gr(z))), tolerance = 1e-9)
  expect_identical(dim(draws(fit, 7, seed = 1)), c(7L, 10L))
})

test_that("without random effects, with starts, and going on", {
  obj <- orange_object(random = NULL)
  fit <- fullrank(obj, init = list(beta = c(2.1, 7.1, 3.1)), seed = 1, progress = FALSE, steps = 20)
  expect_identical(update(fullrank(obj, init = list(beta = c(2.1, 7.1, 3.1)), seed = 1, progress = FALSE, steps = 8), steps = 12, progress = FALSE)$guide$loc, fit$guide$loc)
  expect_identical(update(fit, seed = 1, progress = FALSE)$guide$loc, fit$guide$loc)
  one <- fullrank(obj, init = fit$guide$loc, seed = 1, progress = FALSE, steps = 1, optimizer = adam(lr = 1e-9))
  expect_equal(coef(one), coef(fit), tolerance = 1e-6)
  expect_error(fullrank(obj, init = c(1, 2)), "full parameter vector of 10 numbers")
  expect_error(fullrank(obj, init = list(bta = 1)), "`bta` is no latent site.*`beta`")
  expect_error(fullrank(obj, data = list()), "MakeADFun")
  attached <- attach_density(fit, orange_object(random = NULL))
  small <- fullrank(obj, init = list(beta = c(2.1, 7.1, 3.1)), seed = 1, progress = FALSE, steps = 20, keep_data = FALSE)
  expect_identical(as.data.frame(summary(small)), as.data.frame(summary(fit)))
  # what is left is the state of the optimiser, plain numbers, and 4,000 log weights
  expect_lt(length(serialize(small[setdiff(names(small), "state")], NULL)), 44000)
  expect_error(elbo(small), "keep_data = FALSE.*attach_density")
  expect_identical(elbo(attach_density(small, obj), 10, seed = 1), elbo(fit, 10, seed = 1))
  expect_identical(elbo(attached, 10, seed = 1), elbo(fit, 10, seed = 1))
})

test_that("a fixed parameter by `map` and matrices keep their names", {
  obj <- orange_object(map = list(log_tau = factor(NA)))
  fit <- fullrank(obj, seed = 1, progress = FALSE, steps = 5)
  expect_identical(names(coef(fit)), c("beta[1]", "beta[2]", "beta[3]", "log_sigma", paste0("u[", 1:5, "]")))
  par <- stats::setNames(1:6 + 0, c("A", "A", "A", "A", "b", "b"))
  env <- list2env(list(par = par, parameters = list(A = matrix(0, 2, 2), b = c(0, 0, 0))))
  expect_identical(lapply(fullrank:::tmb_parameters(list(env = env)), dim), list(A = c(2L, 2L), b = NULL))
})

test_that("in a session without the library the guide is there, and the error says what to do", {
  obj <- orange_object()
  fit <- fullrank(obj, seed = 1, progress = FALSE, steps = 5)
  files <- tempfile(fileext = c(".rds", ".R"))
  on.exit(unlink(files))
  saveRDS(fit, files[1])
  writeLines(c(sprintf(".libPaths(%s)", paste(deparse(.libPaths()), collapse = "")), "library(fullrank)", sprintf("fit <- readRDS(%s)", deparse(files[1])),
               "cat(sprintf('%.15g\n', coef(fit)[1]))", "cat(nrow(as.data.frame(summary(fit))), '\n')", "cat(tryCatch(elbo(fit), error = conditionMessage))"), files[2])
  out <- suppressWarnings(system2(file.path(R.home("bin"), "Rscript"), c("--vanilla", files[2]), stdout = TRUE, stderr = TRUE))
  expect_equal(as.numeric(out[1]), coef(fit)[[1]], tolerance = 1e-14)
  expect_identical(trimws(out[2]), "10")
  expect_match(paste(out, collapse = " "), "load its library.*attach_density")
})

test_that("an RTMB object is fitted as its joint density, to the posterior of the same model", {
  skip_if_not_installed("RTMB") # not among the suggested packages: R before 4.3 compiles it only when told to take C++17, see tools/setup.R
  MakeADFun <- getExportedValue("RTMB", "MakeADFun")
  d <- orange_data()
  negative <- function(p) {
    fitted <- (p$beta[1] + p$u[d$tree + 1]) / (1 + exp(-(d$age - p$beta[2]) / p$beta[3]))
    normal <- function(x, m, log_s) sum(-((x - m) / exp(log_s))^2 / 2 - log_s - log(2 * pi) / 2)
    -normal(d$y, fitted, p$log_sigma) - normal(p$u, 0, p$log_tau) - normal(p$beta, c(2, 7, 3), log(c(1, 3, 2))) - normal(p$log_sigma, -2, 0) - normal(p$log_tau, -1, 0)
  }
  obj <- MakeADFun(negative, list(beta = c(2, 7, 3), log_sigma = -2, log_tau = -1, u = numeric(5)), random = "u", silent = TRUE)
  fit <- fullrank(obj, seed = 1, progress = FALSE, tol = 0.002)
  ours <- fullrank(orange_model(), d, seed = 1, progress = FALSE, tol = 0.002)
  expect_identical(fit$status, "converged")
  expect_identical(names(coef(fit)), names(coef(ours)))
  expect_lt(normal_kl(fit, ours), 0.004)
  z <- fit$guide$loc
  f <- log_density(orange_model(), d)
  one <- fullrank:::evaluate_points(fit$compiled, z, TRUE)
  expect_equal(one$log_prob, f$fn(z), tolerance = 1e-12)
  expect_equal(one$gradient, unname(rbind(f$gr(z))), tolerance = 1e-9)
})
