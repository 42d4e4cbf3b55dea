# What is wrong with a formula, its data or its arguments: an error that says so, or a fit with a message.

d <- data.frame(y = c(1.2, 0.4, 2.2, 3.1, 0.3, 1.9), n = c(1, 0, 2, 3, 0, 1), x = c(0.1, 0.5, -0.3, 1.2, 0.7, -0.9), f = gl(2, 3), one = gl(1, 6), k = 1, g = gl(3, 2),
                b = c(0, 1, 0, 1, 1, 0))
quick <- function(...) fullrank(..., seed = 1, steps = 50)

test_that("forms that are none", {
  expect_error(fullrank(~ x, data = d), "no response")
  expect_error(fullrank(NULL ~ x, data = d), "no response")
  expect_error(fullrank(list(), data = d), "cannot fit|must be a formula")
  expect_error(fullrank(list(y ~ x, 3), data = d), "cannot fit")
  expect_error(fullrank(y ~ x, d, 3), "`family` must be")
  expect_error(fullrank(y ~ x, data = 3), "data frame")
  expect_error(fullrank(y ~ x, data = d, famly = poisson()), "no argument `famly`.*`family`")
  expect_error(fullrank(y ~ x, d, gaussian(), NULL, NULL, NULL, NULL, NULL, NULL, 5), "need their names")
  expect_error(fullrank(y ~ x, data = d, prior_only = 2), "`prior_only`")
  expect_error(fullrank(y ~ x, data = d, contrasts = "contr.sum"), "named list")
  expect_error(fullrank(y ~ x, data = d, seed = -1), "`seed`")
  expect_error(fullrank(y | cons(b) ~ x, data = d), "cens\\(status\\), trunc")
  expect_error(fullrank(y | cens() ~ x, data = d), "needs an argument")
  expect_error(as_model(3), "takes a fit or a formula")
  outside <- fullrank(function(z) -sum(z^2) / 2, gradient = function(z) -z, init = c(a = 0, b = 0), seed = 1, steps = 20)
  expect_error(as_model(outside), "log density from elsewhere: there are no sample statements")
})

test_that("columns that are not there", {
  expect_error(fullrank(y ~ xx, data = d), "`xx` is neither in the data.*Did you mean `x`")
  expect_error(fullrank(yy ~ x, data = d), "`yy` is neither in the data")
  expect_error(fullrank(y ~ x + (1 | gg), data = d), "`gg` is neither")
  expect_error(fullrank(y ~ x, data = d, weights = ww), "`ww` is neither")
  expect_error(fullrank(y ~ x, data = d, subset = x > 10), "No row is left")
  expect_error(fullrank(y ~ x, data = transform(d, x = NA)), "No row is left|0 \\(non-NA\\) cases|factor|NA")
})

test_that("responses of the wrong kind", {
  expect_error(fullrank(f ~ x, data = d), "is a factor, but family gaussian takes numbers")
  expect_error(fullrank(as.character(f) ~ x, data = d), "character")
  expect_error(fullrank(y ~ x, data = d, family = poisson()), "`y` has 6 values.*counts")
  expect_error(fullrank(-n ~ x, data = d, family = poisson()), "takes counts")
  expect_error(fullrank(n ~ x, data = d, family = Gamma()), "positive numbers")
  expect_error(fullrank(n ~ x, data = d, family = "beta"), "between 0 and 1")
  expect_error(fullrank(y ~ x, data = d, family = binomial()), "outside 0 and 1")
  expect_error(fullrank(b / 3 ~ x, data = d, family = binomial()), "proportion.*weights")
  expect_error(fullrank(cbind(y, n) ~ x, data = d, family = binomial()), "must be counts")
  expect_error(fullrank(cbind(y, n) ~ x, data = d), "has 2 columns")
  expect_error(fullrank(n | trials(1) ~ x, data = d, family = binomial()), "exceeds its number of trials")
  expect_error(fullrank(n ~ x, data = d, family = "beta_binomial"), "number of trials|outside 0 and 1")
  expect_error(fullrank(n | trials(4) ~ x, data = d), "goes with family binomial")
  expect_error(fullrank(one ~ x, data = d, family = binomial()), "one level")
  expect_error(fullrank(y ~ x, data = d, family = "cumulative"), "factor or whole numbers")
  expect_error(fullrank(as.character(f) ~ x, data = d, family = "cumulative"), "ordered factor")
  expect_error(fullrank(one ~ x, data = d, family = "categorical"), "one level only")
  expect_error(fullrank(cbind(n, n) ~ x, data = d, family = "cumulative"), "matrix")
  expect_error(fullrank(replace(y, 2, Inf) ~ x, data = d), "Inf")
  expect_error(fullrank(cbind(n, n) ~ x, data = d, family = "bernoulli"), "goes with family binomial")
  expect_error(fullrank(as.Date(n, origin = "2000-01-01") ~ x, data = d), "Date")
})

test_that("weights and offsets", {
  expect_error(fullrank(y ~ x, data = d, weights = -n), "not negative")
  expect_error(fullrank(y ~ x, data = d, weights = 0 * n), "All `weights` are 0")
  expect_error(fullrank(n ~ x, data = d, family = poisson(), weights = y), "whole numbers")
  expect_error(fullrank(y ~ x, data = d, weights = as.character(n)), "`weights` must be")
  expect_error(fullrank(y ~ x, data = d, weights = 1:3), "variable lengths|`weights`")
  expect_error(fullrank(y ~ x, data = d, offset = f), "`offset` must be")
  expect_error(fullrank(b / 2 ~ x, data = d, family = binomial(), weights = y), "must be counts|not")
})

test_that("constant, dependent and one-level predictors", {
  expect_message(fit <- quick(y ~ x + k, data = d), "Dropped as constant: `k`")
  expect_named(coef(fit), c("(Intercept)", "x"))
  expect_length(predict(fit, d[1:2, ]), 2)
  expect_message(fit <- quick(y ~ x + I(2 * x), data = d), "`I\\(2 \\* x\\)` depends linearly.*prior")
  expect_true(all(is.finite(coef(fit))))
  expect_error(fullrank(y ~ x + I(2 * x), data = d, prior = "flat"), "flat priors")
  expect_message(fit <- quick(y ~ poly(x, 5) + b + n, data = d), "7 columns, 6 rows")
  expect_length(coef(fit), 8)
  expect_error(fullrank(y ~ x + one, data = d), "factor `one` has one level")
  expect_error(fullrank(y ~ log(abs(x) * n), data = d), "`log\\(abs\\(x\\) \\* n\\)` of the model matrix has missing or infinite")
})

test_that("groups", {
  expect_error(fullrank(y ~ x + (1 | one), data = d), "`one`.*has one level only")
  expect_error(fullrank(y ~ x + (0 | g), data = d), "no effect that varies")
  single <- transform(d, id = factor(1:6))
  expect_message(fit <- quick(y ~ x + (1 | id), data = single, prior = list(sd ~ half_normal(1))), "Every level of `id` has one observation")
  pairs <- transform(d, id = factor(c(1, 1, 2, 2, 3, 3)))
  expect_message(quick(y ~ x + (x | id), data = pairs, prior = list(sd ~ half_normal(1))), "`id` has 6 effects for 6 observations")
  # a level with one observation is nothing special
  few <- transform(d, g = factor(c(1, 1, 2, 2, 2, 3)))
  expect_silent(fit <- quick(y ~ x + (1 | g), data = few, prior = list(sd ~ half_normal(1))))
  # a missing group is a missing value
  few$g[2] <- NA
  fit <- quick(y ~ x + (1 | g), data = few, prior = list(sd ~ half_normal(1)))
  expect_identical(nobs(fit), 5L)
})

test_that("a formula that leaves nothing to estimate", {
  expect_error(fullrank(n ~ 0, data = d, family = poisson()), "nothing to estimate.*neither coefficients nor groups, and family poisson")
  expect_error(fullrank(b ~ 0 + offset(x), data = d, family = binomial()), "nothing to estimate")
  expect_named(fullrank(y ~ 0, data = d, seed = 1, steps = 5)$compiled$sites, "sigma")
})

test_that("what R users expect to be fitted is", {
  expect_message(fit <- fullrank(I(0 * n) ~ x, data = d, family = poisson(), seed = 1), "are 0.*prior")
  expect_true(all(is.finite(coef(fit))) && coef(fit)[1] < 0)
  expect_message(fit <- fullrank(I(0 * b) ~ x, data = d, family = binomial(), seed = 1), "failures")
  expect_lt(coef(fit)[1], 0)
  expect_message(fullrank(I(0 * b + 1) ~ x, data = d, family = binomial(), seed = 1), "successes")
  # perfect separation
  s <- data.frame(x = c(-3, -2, -1, 1, 2, 3), y = c(0, 0, 0, 1, 1, 1))
  fit <- fullrank(y ~ x, data = s, family = binomial(), seed = 1)
  expect_identical(fit$status, "converged")
  expect_true(coef(fit)["x"] > 0 && coef(fit)["x"] < 10)
  expect_lt(max(standard_errors(fit)), 10)
  # a constant response
  fit <- quick(I(0 * y + 2) ~ x, data = d)
  expect_true(all(is.finite(coef(fit))))
})

test_that("formulas and left sides that cannot be read", {
  expect_error(as_model(list(), data = d), "must be a formula, or a list of formulas")
  expect_error(as_model(list(y ~ x, 3), data = d), "must be a formula, or a list of formulas")
  expect_error(as_model(list(sigma ~ x, shape ~ x), data = d), "One formula must have the response on its left")
  expect_error(as_model(list(n ~ x, sigma ~ x), data = d, family = poisson()), "Family poisson has no parameter `sigma`.*it has none")
  expect_error(fullrank(y ~ ., data = as.list(d)), "`\\.` in a formula stands for the columns of a data frame")
  expect_error(fullrank(y | cens(1, 2, 3) ~ x, data = d), "`cens\\(1, 2, 3\\)` could not be read: unused")
  expect_error(fullrank(y | weights(n) ~ x, data = d), "`weights\\(n\\)` after.*argument, `weights = `")
  expect_error(fullrank(y ~ mo(n), data = d), "no function `mo\\(\\)` here.*package brms")
  expect_error(fullrank(y ~ nosuchfunction(n), data = d), "no function `nosuchfunction\\(\\)` here\\.$")
  expect_error(fullrank(y ~ x, data = d, prior_intercept = nosuch(0, 1)), "no argument `prior_intercept`")
  expect_error(fullrank(y | 3 ~ x, data = d), "`3` after `\\|`")
  expect_error(fullrank(y ~ x + (1 | x | f), data = d), "has two bars")
  expect_error(fullrank(y ~ x + cs(x | f), data = d), "`cs\\(x \\| f\\)`: the covariance of group effects is unstructured")
  for (family in c("Gamma", "student", "negbinomial", "beta")) {
    expect_error(fullrank(p | cens(b) ~ x, data = data.frame(p = if (family == "negbinomial") 1:4 else 1:4 / 5, b = c(0, 0, 1, 1), x = 1:4), family = family, link = if (family == "beta") "logit" else "log"),
                 sprintf("do not go with family \"%s\", whose .* \"gaussian\", \"lognormal\", \"inverse.gaussian\", \"weibull\", \"exponential\" and \"poisson\"", family))
  }
  for (family in c("zero_inflated_poisson", "hurdle_poisson")) expect_error(fullrank(n | trunc(0) ~ x, data = d, family = family), sprintf("do not go with family \"%s\"", family))
})

test_that("responses of other classes", {
  expect_error(fullrank(b ~ x, data = d, family = "beta_binomial"), "\"beta_binomial\" needs the number of trials: cbind")
  expect_error(fullrank(as.Date(n, origin = "2000-01-01") ~ x, data = d, family = binomial()), "is of class Date, but family binomial takes 0 and 1")
  expect_error(fullrank(I(b / 2) ~ x, data = d, family = "bernoulli"), "must be 0 or 1 for family \"bernoulli\"")
  skip_if_not_installed("survival")
  expect_error(fullrank(survival::Surv(exp(y), b) ~ x, data = d, family = "weibull"), "is a Surv object: write `time \\| cens\\(status\\)`")
})

test_that("smooths that cannot be made", {
  skip_if_not_installed("mgcv")
  expect_error(fullrank(y ~ s(x, k = 20), data = d), "smooth `s\\(x, k = 20\\)` could not be made.*fewer unique")
  expect_error(as_model(mpg ~ s(wt, bs = "ad", k = 8), data = mtcars), "`s\\(wt, bs = \"ad\", k = 8\\)` has no form as random effects")
  expect_error(fullrank(y ~ s(f), data = d), "`s\\(f\\)` needs numbers, but `f` is of class factor")
  expect_error(fullrank(y ~ x * s(n), data = d), "smooth `s\\(\\)` must be a term of its own")
  expect_error(fullrank(y ~ s(nosuch), data = d), "`nosuch` is neither in the data")
  expect_error(fullrank(y ~ x + ti(x, n), data = d), "write t2\\(...\\) instead")
  # as where package mgcv is not installed
  without <- prepare_smooths
  environment(without) <- list2env(list(requireNamespace = function(...) FALSE), parent = environment(prepare_smooths))
  expect_error(without(list(smooths = list(quote(s(x)))), d, ""), "need the package mgcv")
})

test_that("priors that are none", {
  expect_error(fullrank(y ~ x, data = d, prior = list(exp(b) ~ normal(0, 1))), "`exp\\(b\\)` cannot stand on the left of a prior")
  expect_error(fullrank(y ~ x, data = d, prior = list(b[1, 2] ~ normal(0, 1))), "cannot stand on the left")
  expect_error(fullrank(y ~ x, data = d, prior = list(x ~ normal(0, 1))), "no parameter `x`.*`b\\[x\\] ~ ...`.*There are")
  expect_error(fullrank(y ~ x, data = d, prior = "flatt"), "no prior: write a sample statement.*\"flat\"")
  expect_error(fullrank(y ~ x, data = d, prior = nosuch(0, 1)), "`prior` could not be read.*prior = list\\(b ~ normal\\(0, 2\\)\\)")
  expect_error(fullrank(y ~ x, data = d, prior = list(~ normal(0, 1))), "is no prior")
  expect_error(fullrank(y ~ x, data = d, prior = list(b ~ norml(0, 1))), "`norml\\(0, 1\\)` is no distribution. Did you mean `normal`\\? A prior is a sample statement such as b ~ normal\\(0, 2\\)")
  expect_error(fullrank(y ~ x, data = d, prior = list(b ~ normal(0, nosuch))), "In the prior `normal\\(0, nosuch\\)`: object 'nosuch' not found")
  expect_error(fullrank(y ~ x, data = d, prior = list(b ~ poisson(2))), "In the prior `b ~ poisson\\(2\\)`: `poisson\\(\\)` is a discrete distribution, but `b` is continuous")
  expect_error(fullrank(y ~ x, data = d, prior = list(b ~ dirichlet(c(1, 1)))), "`dirichlet\\(\\)` is the distribution of a vector or matrix; `b` takes one for each of its elements")
  expect_error(fullrank(y ~ x, data = d, prior = list(sigma ~ normal(0, 1))), "`sigma` is positive, but `normal\\(\\)` is not. Use `half_normal\\(\\)`, or truncated\\(..., lower = 0\\)")
  expect_error(fullrank(y ~ x, data = d, prior = list(sigma ~ logistic(0, 1))), "`logistic\\(\\)` is not. Use a distribution of positive numbers, such as exponential\\(\\) or half_normal\\(\\)")
  expect_error(fullrank(y ~ x, data = d, prior = list(sigma ~ truncated(normal(0, 1), upper = 3))), "`sigma` is positive: give `lower = 0`")
  expect_error(fullrank(n ~ x, data = d, family = "zero_inflated_poisson", prior = list(zi ~ normal(0, 1))), "`zi` lies between 0 and 1: use a distribution such as beta\\(1, 1\\)")
  expect_error(fullrank(f ~ x, data = d, family = "cumulative", prior = list(cutpoints ~ truncated(normal(0, 1), lower = 0))), "must be ordered")
})

test_that("predictions that cannot be made", {
  fit <- quick(y ~ x + (1 | g), data = d, prior = list(sd ~ half_normal(1)))
  expect_error(predict(fit, dpar = "sigma", interval = "prediction"), "no prediction interval")
  expect_error(predict(fit, re.form = 3), "`re.form` must be NULL \\(all groups\\), NA")
  expect_error(predict(fit, re.form = ~ (1 | g) + (1 | k)), "names `\\(1 \\| k\\)`")
  expect_error(predict(fit, d, level = 2), "`level` must be")
  expect_error(predict(fit, d, nodata = d), "nodata")
  expect_error(log_lik.fullrank_regression(fit, d[c("x", "g")]), "must have the response")
  expect_error(predictive_error.fullrank_regression(fit, transform(d, y = NA)), "must have the response")
  expect_error(residuals(quick(exp(y) ~ x, data = d, family = "lognormal"), "deviance"), "not defined for family \"lognormal\"")
  for (type in c("response", "pearson", "deviance")) expect_error(residuals(quick(f ~ x, data = d, family = "cumulative"), type), "Categories have no residuals")
  expect_error(posterior_linpred.fullrank_regression(quick(f ~ x, data = d, family = "categorical")), "linear predictor for each category")
  expect_error(posterior_predict.fullrank_regression(fullrank(y | trunc(upper = 5) ~ x, data = d, seed = 1), data.frame(x = 1e6), draws = 20, seed = 1), "samples still lie outside trunc")
  apart <- d$x
  own <- quick(d$y ~ apart)
  expect_error(predict(own, data.frame(q = 1:3)), "lacks a variable of the formula, and one of another length")
  counts <- fullrank(n ~ x, data = d, family = poisson(), offset = log(1:6), seed = 1, steps = 50)
  expect_error(predict(counts, data.frame(x = 1:2)), "`offset` has length 6, but `newdata` has 2 rows")
  many <- data.frame(y = rnorm(130), f = factor(rep(1:65, 2)))
  wide <- quick(y ~ f, data = many)
  expect_error(predict(wide, data.frame(f = "new")), "new level")
})
