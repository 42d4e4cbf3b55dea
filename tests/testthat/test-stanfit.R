# Stan models through rstan, against the same models in the language. The Stan code is written from the models' notation.

stan_code <- list(
  `eight_schools-eight_schools_noncentered` = "
    data { int<lower=0> J; vector[J] y; vector<lower=0>[J] sigma; }
    parameters { real mu; real<lower=0> tau; vector[J] theta_trans; }
    transformed parameters { vector[J] theta = mu + tau * theta_trans; matrix[2, J] both; both[1] = theta'; both[2] = theta_trans'; }
    model { mu ~ normal(0, 5); tau ~ cauchy(0, 5); theta_trans ~ normal(0, 1); y ~ normal(theta, sigma); }
    generated quantities { real total = sum(theta); }",
  `arK-arK` = "
    data { int<lower=0> K; int<lower=0> T; vector[T] y; }
    parameters { real alpha; vector[K] beta; real<lower=0> sigma; }
    model {
      alpha ~ normal(0, 10);
      beta ~ normal(0, 10);
      sigma ~ cauchy(0, 2.5);
      for (t in (K + 1):T) {
        real mu = alpha;
        for (k in 1:K) mu += beta[k] * y[t - k];
        y[t] ~ normal(mu, sigma);
      }
    }"
)

# A stanfit without samples; each model is compiled once a session, without optimisation, which takes less than its run would save.
stanfit_of <- local({
  compiled <- list()
  function(name) {
    skip_on_cran()
    skip_if_not_installed("rstan")
    skip_if(identical(Sys.getenv("R_COVR"), "true"))
    if (is.null(compiled[[name]])) {
      # Debian's package BH has its headers in the system's own place
      if (!nzchar(system.file("include", package = "BH")) && file.exists("/usr/include/boost")) rstan::rstan_options(boost_lib = "/usr/include")
      makevars <- tempfile()
      writeLines(sprintf("%sFLAGS = -O0 -w -fPIC", c("CXX", "CXX14", "CXX17")), makevars)
      # rstan leaves flags of its own behind, which other tests would compile with
      old <- Sys.getenv(c("R_MAKEVARS_USER", "PKG_LIBS", "PKG_CPPFLAGS", "PKG_CXXFLAGS"), NA, names = TRUE)
      Sys.setenv(R_MAKEVARS_USER = makevars)
      on.exit({
        Sys.unsetenv(names(old)[is.na(old)])
        if (!all(is.na(old))) do.call(Sys.setenv, as.list(old[!is.na(old)]))
      })
      suppressWarnings(utils::capture.output(model <- try(rstan::stan_model(model_code = stan_code[[name]], model_name = gsub("-", "_", name)), silent = TRUE)))
      if (inherits(model, "try-error")) skip(paste("Stan does not compile here:", conditionMessage(attr(model, "condition"))))
      compiled[[name]] <<- model
    }
    suppressMessages(utils::capture.output(out <- rstan::sampling(compiled[[name]], data = posteriordb_case(name)$data, chains = 0)))
    out
  }
})

# The same model in the language.
language_fit <- function(name, ...) {
  case <- posteriordb_models()[[name]]
  fullrank(case$model, posteriordb_case(name)$data, seed = 1, progress = FALSE, ...)
}

# Both densities and gradients at points, and both posteriors.
expect_same_posterior <- function(name, stanfit) {
  fit <- fullrank(stanfit, seed = 1, progress = FALSE, tol = 0.01)
  ours <- language_fit(name, tol = 0.01)
  expect_identical(fit$status, "converged")
  expect_identical(names(coef(fit)), names(coef(ours)))
  z <- sweep(matrix(rnorm(4 * length(coef(fit)), 0, 0.3), 4), 2, coef(ours), `+`)
  one <- fullrank:::evaluate_points(fit$compiled, z, TRUE)
  two <- fullrank:::evaluate_points(ours$compiled, z, TRUE)
  expect_equal(one$log_prob - one$log_prob[1], two$log_prob - two$log_prob[1], tolerance = 1e-9)
  expect_equal(one$gradient, two$gradient, tolerance = 1e-9)
  # two Normals within `tol` of the same best one are apart by at most four times that, and most often by far less
  expect_lt(normal_kl(fit, ours), 0.005)
  # Stan leaves constants of the density out
  constant <- one$log_prob[1] - two$log_prob[1]
  expect_lt(abs(fit$elbo - ours$elbo - constant), 4 * sqrt(fit$elbo_se^2 + ours$elbo_se^2))
  # on the scale of the parameters: means and quantiles, within the error of 4,000 draws and of both fits
  both <- intersect(rownames(as.data.frame(summary(fit))), rownames(as.data.frame(summary(ours))))
  expect_gt(length(both), 2)
  a <- as.data.frame(summary(fit))[both, ]
  b <- as.data.frame(summary(ours))[both, ]
  expect_lt(max(abs(a$mean - b$mean) / b$sd), 0.08)
  expect_lt(max(abs(a$`50%` - b$`50%`) / b$sd), 0.1)
  expect_lt(max(abs(log(a$sd / b$sd))), 0.15)
  fit
}

test_that("eight schools", {
  name <- "eight_schools-eight_schools_noncentered"
  stanfit <- stanfit_of(name)
  set.seed(1)
  fit <- expect_same_posterior(name, stanfit)
  x <- draws(fit, 50, seed = 2)
  expect_identical(colnames(x)[c(1, 2, 3, 11, 19, 20, 21, 35)], c("mu", "tau", "theta_trans[1]", "theta[1]", "both[1,1]", "both[2,1]", "both[1,2]", "total"))
  expect_true(all(x[, "tau"] > 0))
  expect_equal(as.vector(x[, "both[2,3]"]), as.vector(x[, "theta_trans[3]"]))
  expect_equal(as.vector(x[, "theta[4]"]), as.vector(x[, "mu"] + x[, "tau"] * x[, "theta_trans[4]"]), tolerance = 1e-12)
  expect_equal(as.vector(x[, "total"]), unname(rowSums(unclass(x)[, paste0("theta[", 1:8, "]")])), tolerance = 1e-12)
  expect_equal(mean(log(draws(fit, 4000, seed = 1)[, "tau"])), coef(fit)[["tau"]], tolerance = 0.1)
  expect_identical(dim(median(fit)$both), c(2L, 8L))
  expect_identical(dim(quantile(fit, c(0.1, 0.9))$theta), c(2L, 8L))
})

test_that("what is shown, where it starts, going on, saving", {
  name <- "eight_schools-eight_schools_noncentered"
  stanfit <- stanfit_of(name)
  fit <- fullrank(stanfit, pars = c("mu", "theta"), init = list(mu = 1, tau = 2, theta_trans = numeric(8)), seed = 1, progress = FALSE, steps = 12)
  expect_identical(colnames(draws(fit, 2)), c("mu", paste0("theta[", 1:8, "]")))
  expect_identical(colnames(draws(update(fit, seed = 2, progress = FALSE), 2)), colnames(draws(fit, 2)))
  start <- fullrank(stanfit, init = list(mu = 1, tau = 2, theta_trans = numeric(8)), seed = 1, progress = FALSE, steps = 1, optimizer = adam(lr = 1e-9))
  expect_equal(unname(coef(start)), c(1, log(2), numeric(8)), tolerance = 1e-6)
  half <- fullrank(stanfit, pars = c("mu", "theta"), init = list(mu = 1, tau = 2, theta_trans = numeric(8)), seed = 1, progress = FALSE, steps = 5)
  expect_output(print(summary(fit)), "Parameters, on the scale of the Stan model:", fixed = TRUE)
  expect_identical(update(half, steps = 7, progress = FALSE)$guide$loc, fit$guide$loc)
  expect_error(fullrank(stanfit, pars = "thta"), "`thta`, which the Stan model does not have. Did you mean `theta`?")
  expect_error(fullrank(stanfit, init = 1:3), "unconstrained vector of 10 numbers")
  expect_error(fullrank(stanfit, init = list(mu = 1)), "Stan cannot take `init`")
  grDevices::pdf(NULL)
  on.exit(grDevices::dev.off())
  for (type in c("all", "marginals", "correlation", "pairs")) expect_no_error(plot(fit, type = type))
  read <- unserialize(serialize(fit, NULL))
  expect_identical(coef(read), coef(fit))
  expect_error(draws(read), "not loaded.*attach_density")
  expect_true(any(grepl("attach_density", utils::capture.output(print(read)))))
  expect_identical(draws(attach_density(read, stanfit), 3, seed = 1), draws(fit, 3, seed = 1))
  small <- fullrank(stanfit, pars = c("mu", "theta"), init = list(mu = 1, tau = 2, theta_trans = numeric(8)), seed = 1, progress = FALSE, steps = 12, keep_data = FALSE)
  expect_identical(coef(small), coef(fit))
  expect_error(draws(small), "keep_data = FALSE.*attach_density")
  expect_true(any(grepl("attach_density", utils::capture.output(print(small)))))
  expect_identical(draws(attach_density(small, stanfit), 3, seed = 1), draws(fit, 3, seed = 1))
})

test_that("arK of posteriordb", {
  stanfit <- stanfit_of("arK-arK")
  set.seed(2)
  fit <- expect_same_posterior("arK-arK", stanfit)
  # corrected by importance: the same posterior, whose log weights hardly vary
  plain <- unclass(draws(fit, 4000, seed = 1))
  corrected <- unclass(draws(fit, 4000, importance = TRUE, seed = 2))
  expect_identical(colnames(corrected), colnames(plain))
  expect_lt(max(abs(colMeans(corrected) - colMeans(plain)) / apply(plain, 2, sd)), 0.1)
})
