# A value and gradient for one particle, out of eight at a time, beside that of rstan (log_prob with gradient, from Stan's compiled program)
# and of TMB, on the same models and data. The three gradients are compared first.
#
#   Rscript bench/gradients.R            rows 1,000, 10,000 and 100,000
#
# A peer that is not installed is left out and named. Compiling is not counted; BENCH_STAN names the folder that keeps Stan's programs.
library(fullrank)
here <- dirname(normalizePath(sub("^--file=", "", grep("^--file=", commandArgs(FALSE), value = TRUE))))
source(file.path(here, "table.R"))
source(file.path(here, "stan.R"))
have <- vapply(c("rstan", "TMB"), requireNamespace, NA, quietly = TRUE)
if (!all(have)) cat("not installed, left out:", names(have)[!have], "\n")

# Processor seconds of one call: the least of five runs of a twentieth of a second or more.
used <- function() sum(proc.time()[1:2])
seconds <- function(run) {
  times <- 1
  repeat {
    begin <- used()
    for (k in seq_len(times)) run()
    took <- used() - begin
    if (took > 0.05) break
    times <- 4 * times
  }
  min(took / times, vapply(1:4, function(r) { begin <- used(); for (k in seq_len(times)) run(); (used() - begin) / times }, 0))
}

models <- list(
  normal = model({
    a     ~ normal(0, 5)
    b     ~ normal(0, 5)
    tau   ~ half_normal(1)
    sigma ~ half_normal(1)
    u     ~ normal(0, tau, dim = J)
    y     ~ normal(a + b * x + u[g], sigma)
  }),
  logistic = model({
    b ~ normal(0, 1, dim = p)
    y ~ bernoulli_logit(X %*% b)
  }),
  poisson = model({
    a   ~ normal(0, 5)
    b   ~ normal(0, 5)
    tau ~ half_normal(1)
    u   ~ normal(0, tau, dim = J)
    y   ~ poisson_log(a + b * x + u[g])
  })
)

some_data <- function(kind, n) {
  set.seed(1)
  if (kind == "logistic") {
    X <- matrix(rnorm(n * 20), n)
    return(list(n = n, p = 20L, X = X, y = as.integer(runif(n) < plogis(X %*% rnorm(20, 0, 0.2)))))
  }
  J <- 100L
  d <- list(n = n, J = J, g = sample(J, n, TRUE), x = rnorm(n))
  eta <- 0.5 + 0.3 * d$x + rnorm(J, 0, 0.5)[d$g]
  d$y <- if (kind == "normal") eta + rnorm(n) else rpois(n, exp(eta))
  d
}

if (have["TMB"]) {
  folder <- tempfile("tmb")
  dir.create(folder)
  file.copy(file.path(here, "gradients.cpp"), folder)
  owd <- setwd(folder)
  invisible(utils::capture.output(TMB::compile("gradients.cpp", "-w")))
  dyn.load(TMB::dynlib("gradients"))
  setwd(owd)
}

tmb_gradient <- function(kind, d) {
  grouped <- kind != "logistic"
  data <- list(kind = match(kind, names(models)) - 1L, X = if (grouped) cbind(1, d$x) else d$X, y = d$y, g = if (grouped) d$g - 1L else integer(d$n))
  start <- list(b = numeric(ncol(data$X)), log_scale = numeric(c(normal = 2, logistic = 0, poisson = 1)[[kind]]), u = numeric(if (grouped) d$J else 0))
  f <- TMB::MakeADFun(data, start, DLL = "gradients", silent = TRUE)
  function(z) { f$fn(z); -as.vector(f$gr(z)) }
}

one <- function(kind, n) {
  d <- some_data(kind, n)
  compiled <- fullrank:::compile_model(models[[kind]], d)
  dims <- compiled$program$d
  z <- matrix(rnorm(8 * dims, 0, 0.1), 8)
  density <- fullrank:::core_density(compiled)
  gradient <- .Call(fullrank:::fullrank_density_eval, density, z, TRUE)$gradient[1L, ]
  ours <- seconds(function() .Call(fullrank:::fullrank_density_eval, density, z, TRUE)) / 8
  row <- data.frame(model = kind, n, d = dims, us = 1e6 * ours)
  same <- function(theirs) if (max(abs(theirs - gradient) / pmax(1, abs(gradient))) > 1e-6) stop(kind, ": the gradients differ")
  if (have["rstan"]) {
    fit <- stan_instance(stan_program(paste0("gradient-", kind))$model, d)
    same(as.vector(rstan::grad_log_prob(fit, z[1L, ])))
    row$rstan_over_ours <- seconds(function() rstan::grad_log_prob(fit, z[1L, ])) / ours
  }
  if (have["TMB"]) {
    g <- tmb_gradient(kind, d)
    same(g(z[1L, ]))
    k <- 0L
    row$TMB_over_ours <- seconds(function() { k <<- k %% 8L + 1L; g(z[k, ]) }) / ours
  }
  row
}
write_table("gradients", do.call(rbind, lapply(c(1e3, 1e4, 1e5), function(n) do.call(rbind, lapply(names(models), one, n = n)))))
