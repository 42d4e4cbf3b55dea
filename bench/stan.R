# The cases of posteriordb as Stan programs (stan/<case>.stan, written from the models' notation), compiled once: list(model, seconds),
# kept in the folder that BENCH_STAN names. Each is held against Stan's own log densities and gradients that the case carries.

stan_folder <- Sys.getenv("BENCH_STAN", file.path(here, "..", ".build", "stan")) # which `make clean` removes

stan_program <- function(name) {
  source_file <- file.path(here, "stan", paste0(name, ".stan"))
  kept <- file.path(stan_folder, paste0(name, ".rds"))
  if (!file.exists(kept) || file.mtime(kept) <= file.mtime(source_file)) {
    # in a process of its own: rstan does not always load what the same process has compiled
    code <- sprintf("here <- %s; source(file.path(here, 'stan.R')); compile_stan(%s, %s)", deparse(here), deparse(name), deparse(kept))
    cat("compiling", name, "\n")
    if (system2(file.path(R.home("bin"), "Rscript"), c("-e", shQuote(code)), stdout = FALSE) != 0) stop("The Stan program of ", name, " could not be compiled.")
  }
  readRDS(kept)
}

compile_stan <- function(name, kept) {
  # Debian's package BH has its headers in the system's own place
  if (!nzchar(system.file("include", package = "BH")) && file.exists("/usr/include/boost")) rstan::rstan_options(boost_lib = "/usr/include")
  dir.create(stan_folder, showWarnings = FALSE, recursive = TRUE)
  makevars <- file.path(stan_folder, "Makevars")
  writeLines(sprintf("%sFLAGS = -O3 -w -fPIC", c("CXX", "CXX14", "CXX17")), makevars)
  Sys.setenv(R_MAKEVARS_USER = makevars)
  seconds <- system.time(model <- rstan::stan_model(file.path(here, "stan", paste0(name, ".stan")), model_name = gsub("-", "_", name), save_dso = TRUE))[["elapsed"]]
  saveRDS(list(model = model, seconds = seconds), kept)
}

# A stanfit without samples.
stan_instance <- function(model, data) {
  suppressMessages(utils::capture.output(out <- rstan::sampling(model, data = data, chains = 0)))
  out
}

# The largest relative difference of log densities (but for a constant) and gradients from those that the case carries; NA where it has none.
stan_difference <- function(instance, check) {
  if (is.null(check)) return(NA_real_)
  value <- apply(check$points, 1L, function(z) rstan::log_prob(instance, z))
  gradient <- t(apply(check$points, 1L, function(z) as.double(rstan::grad_log_prob(instance, z))))
  max(abs((value - value[1L]) - (check$logdensity - check$logdensity[1L])) / pmax(1, abs(check$logdensity)), abs(gradient - check$gradient) / pmax(1, abs(check$gradient)))
}
