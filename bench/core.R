# The core's kernels against the machine's limits, measured in the same process: the core is compiled here together with bench/core.c.
#
#   Rscript bench/core.R                     all of it
#   Rscript bench/core.R limits glm          some: limits, glm, general, guide, threads
#
# A limit is additive: bytes / bandwidth + floating-point operations / peak + transcendentals, each as measured.

here <- dirname(normalizePath(sub("^--file=", "", grep("^--file=", commandArgs(FALSE), value = TRUE))))
source(file.path(here, "table.R"))
wanted <- commandArgs(TRUE)
wants <- function(name) !length(wanted) || name %in% wanted

compile_core <- function() {
  folder <- tempfile("core")
  dir.create(folder)
  files <- c(list.files(file.path(here, "..", "src", "core"), full.names = TRUE), file.path(here, c("core.c", "core_limits.h")))
  file.copy(files, folder)
  writeLines(c("PKG_CPPFLAGS = -I.", "PKG_CFLAGS = $(SHLIB_OPENMP_CFLAGS)", "PKG_LIBS = $(SHLIB_OPENMP_CFLAGS) $(LAPACK_LIBS) $(BLAS_LIBS) $(FLIBS)"), file.path(folder, "Makevars"))
  owd <- setwd(folder)
  on.exit(setwd(owd))
  objects <- list.files(pattern = "[.]c$")
  status <- system2(file.path(R.home("bin"), "R"), c("CMD", "SHLIB", "-o", "core.so", objects), stdout = FALSE, stderr = FALSE)
  if (status != 0) stop("The core could not be compiled.")
  dyn.load(file.path(folder, "core.so"))
}
invisible(compile_core())
invisible(.Call("bench_isa", NULL))

# The least of some runs, in seconds of this process, each of a tenth of a second or more.
seconds <- function(run, times = 3) {
  once <- function(k) { begin <- proc.time()[["user.self"]]; for (i in seq_len(k)) run(); (proc.time()[["user.self"]] - begin) / k }
  k <- 1L
  while ((first <- once(k)) * k < 0.1) k <- 4L * k
  min(first, vapply(seq_len(times - 1L), function(i) once(k), 0))
}

# Seconds of a byte out of memory, and out of the caches; of an operation; of an exp.
limits <- list(memory = .Call("bench_limits", 2.56e8), cache = .Call("bench_limits", 4e5))
if (wants("limits"))
  write_table("limits", data.frame(limit = c("read, GB/s from memory", "read, GB/s from L2", "fused products, Gflop/s", "exp, ns"),
                                   value = c(1e-9 / limits$memory[1], 1e-9 / limits$cache[1], 1e-9 / limits$cache[2], 1e9 * limits$cache[3])))

# Value and gradient of a regression for S particles: bytes of X once, at the speed of reading one array of its size, 4 n p S
# operations, and n S of the link's transcendentals, taken as two exps for a logit.
glm_rows <- function(n, p, family = "bernoulli_logit") {
  set.seed(1)
  X <- matrix(rnorm(n * p), n)
  y <- switch(family, normal = rnorm(n), as.numeric(runif(n) < 0.5))
  read <- .Call("bench_limits", 8 * n * p)[1]
  rows <- lapply(c(1L, 4L, 8L, 32L), function(S) {
    ours <- .Call("bench_glm", family, X, y, p, S, 0L)
    limit <- 8 * n * p * read + 4 * n * p * S * limits$cache[2] + n * S * limits$cache[3] * c(bernoulli_logit = 2, poisson_log = 1, normal = 0)[[family]]
    Z <- matrix(rnorm(p * S, 0, 0.1), p)
    blas <- if (n * p * S > 2e8) NA else seconds(function() { eta <- X %*% Z; crossprod(X, y - plogis(eta)); sum(log1p(exp(eta))) })
    data.frame(family, n, p, S, us = 1e6 * ours, of_limit = limit / ours, r_blas_over_ours = blas / ours)
  })
  do.call(rbind, rows)
}
if (wants("glm"))
  write_table("glm", rbind(glm_rows(1e3, 20L), glm_rows(1e4, 100L), glm_rows(1e5, 50L), glm_rows(1e6, 20L), glm_rows(1e4, 100L, "poisson_log"),
                           glm_rows(1e4, 100L, "normal")))

if (wants("general")) {
  kinds <- c("a transcendental a row (1.3)", "a density node (2.5)", "bare arithmetic (6)")
  cases <- expand.grid(kind = 0:2, n = c(1000L, 100000L), S = c(1L, 8L))
  times <- mapply(function(kind, n, S) .Call("bench_general", kind, n, S), cases$kind, cases$n, cases$S)
  write_table("general", data.frame(program = kinds[cases$kind + 1], n = cases$n, S = cases$S, us = 1e6 * times[1, ], over_c = times[1, ] / times[2, ]))
}

# Beside reading L: its additive limit too, L and (for a step of Adam) theta and two buffers read and written, at the speed of reading L, and
# 2 operations an entry and particle to sample and as many for the gradient. A natural-gradient step samples, too, and reads L once for each of
# the mean and the factor of its batch before it moves L.
if (wants("guide")) {
  cases <- expand.grid(S = c(1L, 8L, 32L), d = c(500L, 1000L, 2000L, 4000L))
  times <- mapply(function(d, S) .Call("bench_guide", d, S), cases$d, cases$S)
  products <- cases$d * (cases$d - 1) * ifelse(cases$S == 1, 1, 8 * ceiling(cases$S / 8)) * limits$cache[2]
  write_table("guide", data.frame(d = cases$d, S = cases$S, read_us = 1e6 * times[1, ], sample_over_read = times[2, ] / times[1, ],
                                  sample_of_limit = (times[1, ] + products) / times[2, ],
                                  adam_step_over_read = times[3, ] / times[1, ], adam_step_of_limit = (7 * times[1, ] + 2 * products) / times[3, ],
                                  natural_step_over_read = times[4, ] / times[1, ]))
}

# Wall time: of use on an idle machine only.
if (wants("threads")) {
  cases <- data.frame(n = c(1e4, 1e5, 1e6), p = c(100L, 50L, 20L))
  times <- mapply(function(n, p) {
    set.seed(1)
    X <- matrix(rnorm(n * p), n)
    y <- as.numeric(runif(n) < 0.5)
    vapply(1:2, function(threads) .Call("bench_glm", "bernoulli_logit", X, y, p, 8L, threads), 0)
  }, cases$n, cases$p)
  write_table("threads", data.frame(cases, one_us = 1e6 * times[1, ], two_us = 1e6 * times[2, ], times_faster = times[1, ] / times[2, ]))
}
