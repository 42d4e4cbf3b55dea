# What bench/convergence.R and bench/calibration.R share: the targets, their optima from long runs, and the true gap of a fit.

library(fullrank)

here <- local({
  file <- sub("^--file=", "", grep("^--file=", commandArgs(FALSE), value = TRUE))
  if (length(file)) dirname(normalizePath(file)) else "bench"
})
source(file.path(here, "targets.R"))
results <- file.path(here, "results")

# Options of the command line: --name=value.
option <- function(name, default) {
  given <- grep(paste0("^--", name, "="), commandArgs(TRUE), value = TRUE)
  if (length(given)) sub("^[^=]*=", "", given[1]) else default
}

# The models of posteriordb that the tests state, with their data and reference moments.
posteriordb_targets <- function() {
  tests <- file.path(here, "..", "tests", "testthat")
  helper <- file.path(tests, "helper-posteriordb.R")
  if (!file.exists(helper)) return(list())
  env <- new.env()
  env$test_path <- function(...) file.path(tests, ...)
  sys.source(helper, env)
  models <- env$posteriordb_models()
  out <- lapply(names(models), function(name) {
    case <- env$posteriordb_case(name)
    m <- models[[name]]
    data <- if (is.null(m$data)) case$data else m$data(case$data)
    c(target(m$model, data, hard = FALSE), list(reference = case$reference, sites = m$sites))
  })
  names(out) <- sub("-.*", "", names(models))
  names(out)[duplicated(names(out)) | duplicated(names(out), fromLast = TRUE)] <-
    sub("^[^-]*-", "", names(models))[duplicated(names(out)) | duplicated(names(out), fromLast = TRUE)]
  names(out) <- paste0("pdb_", names(out))
  out
}

all_targets <- function() c(posteriordb_targets(), simulated_targets())

quiet_fit <- function(t, ...) fullrank(t$model, t$data, ..., progress = FALSE)

# ELBO of `b` less that of `a` and its error, from antithetic draws that both use.
elbo_difference <- function(a, b, pairs = 20000, seed = 77) {
  e <- fullrank:::draw_eps(pairs, length(a$loc), seed)
  d <- fullrank:::log_weights(b, e) + fullrank:::log_weights(b, -e) - fullrank:::log_weights(a, e) - fullrank:::log_weights(a, -e)
  c(gap = mean(d) / 2, se = stats::sd(d) / 2 / sqrt(pairs))
}

# The best of several long runs, a list with loc, scale and scale_tril of the guide. Kept in results/optima.rds. Targets with several
# modes have an optimum for each: `basins` long runs that differ by more than 0.5 nat or whose means are more than 2 sd apart.
optimum <- function(name, t, seeds = 101:104, tol = 0.002, budget = 2e6) {
  file <- file.path(results, "optima.rds")
  known <- if (file.exists(file)) readRDS(file) else list()
  if (!is.null(known[[name]])) return(known[[name]])
  if (name %in% c("pdb_dogs", "pdb_GLMM_Poisson_data")) seeds <- 101:120
  if (length(coef(quiet_fit(t, seed = 1, steps = 1))) >= 500) { seeds <- seeds[1]; tol <- 0.005; budget <- 4e5 }
  long_run <- function(s, init) quiet_fit(t, seed = s, init = init, tol = tol, optimizer = natural(budget = budget), max_steps = 1e6)$guide
  guides <- lapply(seeds, long_run, init = init_to_median())
  if (length(seeds) > 1L) guides <- c(guides, lapply(seeds[1], long_run, init = init_to_uniform(radius = 4)))
  found <- basins(guides)
  known <- if (file.exists(file)) readRDS(file) else list()
  known[[name]] <- lapply(found, function(g) unclass(g)[c("loc", "scale", "scale_tril")])
  dir.create(results, showWarnings = FALSE)
  saveRDS(known, file)
  known[[name]]
}

far_apart <- function(a, b) max(abs(a$loc - b$loc) / pmax(posterior_sd(a), posterior_sd(b))) > 2
posterior_sd <- function(g) sqrt(rowSums((g$scale * g$scale_tril)^2))

# One guide for each mode, the best.
basins <- function(guides) {
  kept <- list()
  for (g in guides) {
    same <- which(vapply(kept, function(k) !far_apart(k, g), NA))
    if (!length(same)) kept <- c(kept, list(g))
    else if (elbo_difference(kept[[same[1]]], g)[["gap"]] > 0) kept[[same[1]]] <- g
  }
  kept
}

# The optimum whose basin a guide is in: that of the nearest mean.
nearest <- function(g, optima) {
  distance <- vapply(optima, function(o) max(abs(o$loc - g$loc) / posterior_sd(o)), 0)
  optima[[which.min(distance)]][c("loc", "scale", "scale_tril")]
}

# True gap of a guide to the optimum of its own basin (the nearest), with its Monte Carlo error.
true_gap <- function(g, optima, pairs = 20000) {
  best <- g
  best[c("loc", "scale", "scale_tril")] <- nearest(g, optima)
  best$scale_unconstrained <- NULL
  elbo_difference(g, best, pairs)
}

# How far the moments of a fit are from the reference's: M, the largest |mean - reference| in sds, and S, the largest |log sd ratio|.
moment_errors <- function(fit, reference, n = 40000, seed = 5) {
  x <- draws(fit, n, seed = seed)
  colnames(x) <- sub(",1]", "]", colnames(x), fixed = TRUE) # an n x 1 matrix, Stan's vector
  x <- x[, reference$names]
  c(M = max(abs(colMeans(x) - reference$mean) / reference$sd), S = max(abs(log(apply(x, 2, stats::sd) / reference$sd))))
}

# The fit with another guide.
with_guide <- function(fit, optimum) {
  fit$guide[names(optimum)] <- optimum
  fit$guide$scale_unconstrained <- NULL
  fit
}

# What a case's reference has and is not a site: deterministic values to be kept.
derived <- function(t) {
  have <- colnames(draws(quiet_fit(t, seed = 1, steps = 1), 2))
  unique(sub("\\[.*", "", setdiff(t$reference$names, have)))
}
