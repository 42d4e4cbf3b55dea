# Writes tests/testthat/reference/nuts.csv: means and standard deviations of long NUTS runs, which the tests compare fits with.
#
#   Rscript tools/nuts.R [model ...]
#
# replaces the rows of these models, or of all. About a quarter of an hour of one core; the beta regression needs package betareg too.
#
# Data and priors are those of tests/testthat/helper-nuts.R; the ordinal models are a Stan program of their own with the same priors. rstanarm's
# priors are for centred predictors, as fullrank's; its prior on the
# standard deviation of a group in a linear model is in units of sigma.
suppressPackageStartupMessages(library(rstanarm))
source("tests/testthat/helper-nuts.R")

seed <- 20240601
sampling <- list(chains = 4, cores = 1, iter = 11000, warmup = 1000, seed = seed, refresh = 0)
fixed <- function(scale) normal(0, scale, autoscale = FALSE)
covariance <- function(scale) decov(regularization = 1, concentration = 1, shape = 1, scale = scale)
run <- function(fit, name, intercept, b, ...) {
  do.call(fit, c(list(nuts_models[[name]]$formula, data = nuts_data(name), prior_intercept = normal(intercept[1], intercept[2], autoscale = FALSE),
                      prior = fixed(b), adapt_delta = 0.98, ...), sampling))
}

by_rstanarm <- list(
  linear = function(name) run(stan_glm, name, c(20, 10), 5, family = gaussian(), prior_aux = exponential(0.2, autoscale = FALSE)),
  logistic = function(name) run(stan_glm, name, c(0, 2.5), 2, family = binomial()),
  logistic_factors = function(name) run(stan_glm, name, c(0, 10), 10, family = binomial()),
  poisson = function(name) run(stan_glm, name, c(0, 5), 1, family = poisson()),
  negbinomial = function(name) run(stan_glm, name, c(0, 2.5), 1, family = neg_binomial_2(), prior_aux = exponential(0.5, autoscale = FALSE)),
  gaussian_groups = function(name) run(stan_glmer, name, c(300, 100), 20, family = gaussian(), prior_aux = exponential(0.02, autoscale = FALSE), prior_covariance = covariance(1)),
  logistic_groups = function(name) run(stan_glmer, name, c(0, 2.5), 2, family = binomial(), prior_covariance = covariance(1)),
  binary_groups = function(name) run(stan_glmer, name, c(0, 10), 10, family = binomial(), prior_covariance = covariance(1)),
  poisson_groups = function(name) run(stan_glmer, name, c(0, 2.5), 1, family = poisson(), prior_covariance = covariance(1)),
  poisson_slopes = function(name) run(stan_glmer, name, c(0, 2.5), 1, family = poisson(), prior_covariance = covariance(1)),
  beta = function(name) run(stan_betareg, name, c(0, 2.5), 5, link = "logit", prior_phi = exponential(0.05, autoscale = FALSE))
)

# The priors of rstanarm's stan_polr() are others than fullrank's, and it has no groups: the model is written out, with J levels of one group or none.
# Rows that are the same count once, with a weight.
ordinal_code <- "
data { int n; int p; int K; int J; matrix[n, p] X; int y[n]; int g[n]; vector[n] times; real b_scale; real cut_scale; }
parameters { vector[p] b; ordered[K - 1] cut; vector<lower=0>[J > 0] spread; vector[J] z; }
model {
  vector[n] eta = X * b;
  b ~ normal(0, b_scale);
  cut ~ normal(0, cut_scale);
  if (J > 0) {
    spread ~ exponential(1);
    z ~ normal(0, 1);
    eta += spread[1] * z[g];
  }
  for (i in 1:n) target += times[i] * ordered_logistic_lpmf(y[i] | eta[i], cut);
}"

# Cutpoints are sampled for centred predictors and given back on the data's own scale.
ordinal_run <- function(name) {
  data <- nuts_data(name)
  formula <- reformulas::nobars(nuts_models[[name]]$formula)
  X <- model.matrix(formula, data)[, -1L]
  y <- model.response(model.frame(formula, data))
  bar <- reformulas::findbars(nuts_models[[name]]$formula)
  group <- if (length(bar)) as.character(bar[[1L]][[3L]])
  g <- if (is.null(group)) factor(rep(NA, nrow(X))) else droplevels(data[[group]])
  center <- colMeans(X)
  key <- do.call(paste, c(as.data.frame(X), list(y, g)))
  first <- !duplicated(key)
  stan <- list(n = sum(first), p = ncol(X), K = nlevels(y), J = nlevels(g), X = sweep(X, 2L, center)[first, ], y = as.integer(y)[first],
               g = if (nlevels(g)) as.integer(g)[first] else rep(0L, sum(first)), times = as.vector(table(key)[key[first]]), b_scale = 1, cut_scale = 2)
  rstan::rstan_options(boost_lib = Sys.getenv("BOOST_INCLUDE", "/usr/include")) # Debian has Boost there, not in package BH
  fit <- do.call(rstan::stan, c(list(model_code = ordinal_code, data = stan), sampling))
  check(fit, name)
  x <- as.matrix(fit)
  b <- x[, grep("^b\\[", colnames(x))]
  cut <- x[, grep("^cut\\[", colnames(x))] + drop(b %*% center)
  dimnames(b)[[2L]] <- colnames(X)
  dimnames(cut)[[2L]] <- paste(head(levels(y), -1L), levels(y)[-1L], sep = "|")
  cbind(b, cut, if (!is.null(group)) matrix(x[, "spread[1]"], dimnames = list(NULL, paste0("sd_", group))))
}

# Names of draws as those of fullrank's summary().
rstanarm_draws <- function(fit) {
  x <- as.matrix(fit)
  x <- x[, !grepl("^b\\[", colnames(x)), drop = FALSE]
  at <- grepl("^Sigma\\[", colnames(x))
  x[, at] <- sqrt(x[, at])
  parts <- regmatches(colnames(x)[at], regexec("^Sigma\\[([^:]+):(.*),(.*)\\]$", colnames(x)[at]))
  several <- function(group) sum(vapply(parts, `[`, "", 2L) == group) > 1L
  colnames(x)[at] <- vapply(parts, function(p) if (several(p[2])) sprintf("sd_%s[%s]", p[2], p[3]) else paste0("sd_", p[2]), "")
  colnames(x)[colnames(x) == "reciprocal_dispersion"] <- "shape"
  colnames(x)[colnames(x) == "(phi)"] <- "phi"
  x
}

check <- function(fit, name) {
  s <- rstan::summary(fit)$summary
  cat(sprintf("%-16s largest R-hat %.4f, smallest n_eff %.0f, divergences %d\n", name, max(s[, "Rhat"], na.rm = TRUE), min(s[, "n_eff"], na.rm = TRUE), rstan::get_num_divergent(fit)))
}

rows <- function(name, x) data.frame(model = name, parameter = colnames(x), mean = signif(colMeans(x), 7), sd = signif(apply(x, 2, sd), 7), row.names = NULL)

# The file with the rows of one model replaced.
out <- "tests/testthat/reference/nuts.csv"
write_rows <- function(name, x) {
  old <- if (file.exists(out)) read.csv(out, comment.char = "#")
  all <- rbind(old[old$model != name, ], rows(name, x))
  all <- all[order(match(all$model, names(nuts_models))), ]
  cat(sprintf("# rstanarm %s, rstan %s, 4 chains of 10,000 draws after 1,000 of warm-up, seed %d; written by tools/nuts.R\n",
              packageVersion("rstanarm"), packageVersion("rstan"), seed), file = out)
  suppressWarnings(write.table(all, out, sep = ",", row.names = FALSE, append = TRUE))
}

rstanarm_run <- function(name) {
  fit <- by_rstanarm[[name]](name)
  check(fit$stanfit, name)
  rstanarm_draws(fit)
}

args <- commandArgs(TRUE)
for (name in if (length(args)) args else names(nuts_models)) {
  write_rows(name, if (startsWith(name, "ordinal")) ordinal_run(name) else rstanarm_run(name))
}
