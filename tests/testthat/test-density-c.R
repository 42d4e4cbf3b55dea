# A density in C, made through inst/include/fullrank.h as another package would.

c_source <- '
#include <fullrank.h>
#include <math.h>
#include <string.h>

static int calls = 0;

/* Independent Normals: data holds d locations, then d precisions. */
static int normal(void *data, int d, int points, size_t stride, const double *z, double *log_prob, double *gradient)
{
  const double *loc = data, *precision = loc + d;
  calls++;
  for (int s = 0; s < points; s++) {
    log_prob[s] = 0.0;
    for (int j = 0; j < d; j++) {
      double off = z[j * stride + s] - loc[j];
      log_prob[s] -= 0.5 * precision[j] * off * off;
      if (gradient) gradient[j * stride + s] = -precision[j] * off;
    }
  }
  return 0;
}

static int failing(void *data, int d, int points, size_t stride, const double *z, double *log_prob, double *gradient)
{
  memset(log_prob, 0, points * sizeof(double));
  return data ? 7 : (Rf_error("raised in C"), 0);
}

/* Fails by an error of R after some calls. */
static int tiring(void *data, int d, int points, size_t stride, const double *z, double *log_prob, double *gradient)
{
  static const double origin[2] = {0.0, 1.0};
  if (calls > 20) Rf_error("tired in C");
  return normal((void *)origin, d, points, stride, z, log_prob, gradient);
}

static int edge(void *data, int d, int points, size_t stride, const double *z, double *log_prob, double *gradient)
{
  for (int s = 0; s < points; s++) {
    double x = z[s];
    log_prob[s] = x < -0.5 ? log(-1.0) : 3.0 * log1p(x) - 4.0 * x;
    if (gradient) gradient[s] = 3.0 / (1.0 + x) - 4.0;
  }
  return 0;
}

SEXP make_normal(SEXP data) { return fullrank_density(normal, Rf_length(data) / 2, REAL(data), data); }
SEXP make_failing(SEXP code) { return fullrank_density(failing, 1, Rf_asInteger(code) ? &calls : NULL, R_NilValue); }
SEXP make_tiring(void) { calls = 0; return fullrank_density(tiring, 1, NULL, R_NilValue); }
SEXP make_edge(void) { return fullrank_density(edge, 1, NULL, R_NilValue); }
SEXP count_calls(void) { int n = calls; calls = 0; return Rf_ScalarInteger(n); }
'

# The shared object, compiled once a session.
c_library <- local({
  path <- NULL
  function() {
    skip_on_cran()
    if (!is.null(path)) return(path)
    folder <- tempfile("density")
    dir.create(folder)
    writeLines(c_source, file.path(folder, "density.c"))
    old <- setwd(folder)
    on.exit(setwd(old))
    include <- system.file("include", package = "fullrank")
    expect_true(file.exists(file.path(include, "fullrank.h")))
    out <- suppressWarnings(system2(file.path(R.home("bin"), "R"), c("CMD", "SHLIB", "density.c"), stdout = TRUE, stderr = TRUE, env = sprintf("PKG_CPPFLAGS='-I%s'", include)))
    so <- file.path(folder, paste0("density", .Platform$dynlib.ext))
    skip_if(!file.exists(so), paste(c("R CMD SHLIB does not work here:", out), collapse = "\n"))
    dyn.load(so)
    path <<- so
  }
})

c_normal <- function(loc = c(1, -2, 3), precision = c(1, 4, 0.25)) {
  c_library()
  .Call("make_normal", c(loc, precision))
}

test_that("a C density is fitted to its exact Normal, as an R function is", {
  fit <- fullrank(c_normal(), init = c(a = 0, b = 0, c = 0), seed = 1, progress = FALSE, tol = 1e-3)
  gc() # the data lives as long as the pointer
  expect_identical(fit$status, "converged")
  expect_identical(names(coef(fit)), c("a", "b", "c"))
  expect_equal(unname(coef(fit)), c(1, -2, 3), tolerance = 0.02)
  expect_equal(unname(diag(vcov(fit))), c(1, 0.25, 4), tolerance = 0.05)
  expect_lt(abs(fit$elbo - (3 * log(2 * pi) - log(1 * 4 * 0.25)) / 2), 0.01)
  loc <- c(1, -2, 3)
  precision <- c(1, 4, 0.25)
  in_r <- function(z) {
    total <- 0
    for (j in 1:3) total <- total - 0.5 * precision[j] * (z[[j]] - loc[j]) * (z[[j]] - loc[j])
    total
  }
  other <- fullrank(in_r, gradient = function(z) -precision * (z - loc), init = c(a = 0, b = 0, c = 0), seed = 1, progress = FALSE, tol = 1e-3)
  expect_equal(other$guide$loc, fit$guide$loc, tolerance = 1e-10)
})

test_that("no R call is made a step: the C function alone is called", {
  pointer <- c_normal()
  .Call("count_calls")
  fit <- fullrank(pointer, seed = 1, steps = 50, optimizer = adam(), progress = FALSE)
  expect_gte(.Call("count_calls"), 50L)
  sites <- fullrank:::core_density(fit$compiled)
  expect_identical(names(sites), c("d", "pointer"))
})

test_that("many coordinates, several points and the padding of lanes", {
  d <- 37
  fit <- fullrank(c_normal(seq_len(d), rep(2, d)), seed = 1, progress = FALSE)
  expect_identical(fit$status, "converged")
  expect_equal(unname(coef(fit)), as.double(seq_len(d)), tolerance = 0.02)
  expect_identical(names(coef(fit))[d], "z[37]")
  z <- matrix(rnorm(5 * d), 5)
  at <- fullrank:::evaluate_points(fit$compiled, z, TRUE)
  expect_equal(at$log_prob, -colSums((t(z) - seq_len(d))^2), tolerance = 1e-13)
  expect_equal(at$gradient, -2 * t(t(z) - seq_len(d)), tolerance = 1e-13)
})

test_that("what fails in C is an R error, and what is not finite is counted", {
  c_library()
  expect_error(fullrank(.Call("make_failing", 1L)), "The C log density returned 7")
  expect_error(fullrank(.Call("make_failing", 0L)), "raised in C")
  expect_error(fullrank(.Call("make_tiring"), progress = FALSE, steps = 1000, optimizer = adam()), "tired in C")
  fit <- fullrank(.Call("make_edge"), seed = 1, progress = FALSE, steps = 300, optimizer = adam(lr = 0.02), init_scale = 0.4)
  expect_gt(fit$nonfinite[["log density"]], 0)
})

test_that("a pointer that is gone, and one that is no density, are errors", {
  fit <- fullrank(c_normal(), seed = 1, progress = FALSE)
  read <- unserialize(serialize(fit, NULL))
  expect_identical(coef(read), coef(fit))
  expect_error(elbo(read), "does not survive saveRDS.*attach_density")
  expect_identical(elbo(attach_density(read, c_normal()), 10, seed = 1), elbo(fit, 10, seed = 1))
  expect_error(attach_density(read, c_normal(c(1, -2, 3.5))), "another density")
  expect_error(attach_density(read, c_normal(1, 2)), "1 coordinates, the fit 3")
  expect_error(fullrank(new("externalptr")), "no log density: fullrank_density")
  expect_error(fullrank(c_normal(), init = c(1, 2)), "`init` has 2 coordinates, but the density has 3")
})
