# Priors: defaults, replacements, errors.

test_that("the defaults are those of the design", {
  p <- prior_summary(regression_fit("gaussian"))
  s <- sd(mtcars$mpg)
  expect_identical(p$parameter[1], "Intercept")
  expect_identical(p$prior[1], sprintf("normal(%s, %s)", signif(mean(mtcars$mpg), 4), signif(2.5 * s, 4)))
  expect_identical(p$prior[p$parameter == "b[wt]"], sprintf("normal(0, %s)", signif(2.5 * s / sd(mtcars$wt), 4)))
  expect_identical(p$prior[p$parameter == "sigma"], sprintf("exponential(%s)", signif(1 / s, 4)))
  expect_true(all(p$source == "default"))
  p <- prior_summary(regression_fit("poisson"))
  expect_identical(p$prior[match(c("Intercept", "sd_g", "L_g"), p$parameter)], c("normal(0, 2.5)", "half_student_t(3, 2.5)", "lkj_corr_cholesky(1)"))
  expect_output(print(p), "sd_g +~ half_student_t\\(3, 2.5\\)")
  priors <- site_statements_of(as_model(mpg ~ wt, data = mtcars, family = "student"))
  expect_identical(priors$df, quote(truncated(gamma(2, 0.1), lower = 1)))
  expect_identical(site_statements_of(as_model(Sat ~ Infl, data = housing(), family = "cumulative"))$cutpoints, quote(ordered(normal(0, 5), dim = 2)))
  expect_identical(site_statements_of(as_model(carb ~ wt, data = mtcars, family = "zero_inflated_negbinomial"))[c("shape", "zi")], list(shape = quote(gamma(2, 0.1)), zi = quote(beta(1, 1))))
  expect_identical(site_statements_of(as_model(I(mpg / 100) ~ wt, data = mtcars, family = "beta"))$phi, quote(gamma(2, 0.1)))
})

test_that("statements replace defaults by name", {
  scale <- 2
  prior <- list(b ~ normal(0, scale), sigma ~ half_normal(10 * scale), Intercept ~ student_t(3, 20, 10))
  s <- site_statements_of(as_model(mpg ~ wt + hp, data = mtcars, prior = prior))
  expect_identical(s$b, quote(normal(0, 2, dim = names(sd_X))))
  expect_identical(s$sigma, quote(half_normal(20)))
  expect_identical(s$Intercept, quote(student_t(3, 20, 10)))
  # a single statement, and an argument that names data
  expect_identical(site_statements_of(as_model(mpg ~ wt, data = mtcars, prior = sigma ~ exponential(1 / sd(y))))$sigma, quote(exponential(1 / sd(y))))
})

test_that("one coefficient may have a prior of its own", {
  m <- as_model(mpg ~ wt + hp, data = mtcars, prior = list(b ~ normal(0, 3), b[hp] ~ normal(-1, 0.1)))
  f <- log_density(m)
  g <- log_density(as_model(mpg ~ wt + hp, data = mtcars, prior = list(b ~ normal(c(0, -1), c(3, 0.1)))))
  z <- c(19, -2, -0.5, 0.3)
  expect_equal(f$fn(z), g$fn(z))
  # of another family: the site is flat between its bounds, and each prior stands on its part
  m <- as_model(mpg ~ wt + hp, data = mtcars, prior = list(b[wt] ~ student_t(3, 0, 1)))
  flat <- as_model(mpg ~ wt + hp, data = mtcars, prior = list(b ~ flat()))
  s <- 2.5 * sd(mtcars$mpg) / sd(mtcars$hp)
  expect_equal(log_density(m)$fn(z), log_density(flat)$fn(z) + dt(-2, 3, log = TRUE) + dnorm(-0.5, 0, s, log = TRUE))
  m <- as_model(mpg ~ wt + hp, data = mtcars, prior = list(b[wt] ~ exponential(1)))
  at <- log_density(m)$constrain(z)
  expect_equal(at$b, c(wt = exp(-2), hp = -0.5))
  # names that need quotes, numbers
  for (p in list(b[`factor(cyl)6`] ~ normal(1, 2), b["factor(cyl)6"] ~ normal(1, 2), b[1] ~ normal(1, 2))) {
    fit <- as_model(mpg ~ factor(cyl), data = mtcars, prior = list(b ~ normal(0, 5), p))
    expect_match(model_lines(fit)[2], "normal(replace(rep_len(0, 2), 1, 1), replace(rep_len(5, 2), 1, 2), dim = names(sd_X))", fixed = TRUE)
  }
})

test_that("a coefficient bounded by its prior is summarised from draws", {
  fit <- fullrank(mpg ~ wt + hp, data = mtcars, prior = list(b[hp] ~ exponential(10)), seed = 1)
  expect_gt(coef(fit)[["hp"]], 0)
  expect_true(all(confint(fit)["hp", ] > 0))
  expect_identical(names(coef(fit)), rownames(vcov(fit)))
  expect_equal(predict(fit, mtcars[1:2, ]), predict(fit)[1:2], tolerance = 1e-8)
  p <- prior_summary(fit)
  expect_identical(p$source[match(c("b[wt]", "b[hp]"), p$parameter)], c("default", "user"))
})

test_that("a prior may read another parameter, which is then stated first", {
  prior <- list(sd_Subject ~ exponential(1 / sigma), b[Days] ~ normal(0, sd_Subject))
  lines <- model_lines(as_model(Reaction ~ Days + (1 | Subject), data = transform(datasets::Orange, Reaction = circumference, Days = age, Subject = Tree), prior = prior))
  at <- vapply(c("sigma ~", "sd_Subject ~", "b ~"), function(s) which(startsWith(lines, s)), 1L)
  expect_identical(unname(order(at)), 1:3)
  expect_error(as_model(mpg ~ wt, data = mtcars, prior = list(b ~ normal(0, sigma), sigma ~ exponential(exp(b)))), "priors of `b` and `sigma` refer to each other")
  expect_error(as_model(mpg ~ wt, data = mtcars, prior = list(sigma ~ exponential(sigma))), "prior of `sigma` refers to itself")
})

test_that("sd, L, and b of categories are names for all of their kind", {
  d <- data.frame(y = rnorm(12), x = rnorm(12), g = gl(4, 3), h = gl(3, 1, 12))
  s <- site_statements_of(as_model(y ~ x + (1 | g) + (x | h), data = d, prior = list(sd ~ half_normal(1), sd_g ~ exponential(2), sd_h[x] ~ half_normal(3))))
  expect_identical(s$sd_g, quote(exponential(2)))
  expect_identical(s$sd_h, quote(half_normal(replace(rep_len(1, 2), 2, 3), dim = c("(Intercept)", "x"))))
  s <- site_statements_of(as_model(y ~ x + (1 | g:h), data = transform(d, y = rpois(12, 2)), family = poisson(), prior = list(`sd_g:h` ~ half_normal(1))))
  expect_identical(s$sd_g_h, quote(half_normal(1)))
})

test_that("flat priors give what lm gives", {
  fit <- fullrank(mpg ~ wt + hp, data = mtcars, prior = "flat", seed = 1)
  reference <- lm(mpg ~ wt + hp, mtcars)
  expect_lt(max(abs(coef(fit) - coef(reference)) / sqrt(diag(vcov(reference)))), 0.02)
  s <- site_statements_of(as_model(fit))
  expect_identical(s$Intercept, quote(flat()))
  expect_identical(s$sigma, quote(flat(lower = 0)))
})

test_that("errors name what is there", {
  m <- function(prior, ...) as_model(mpg ~ wt + (1 | cyl), data = mtcars, prior = prior, ...)
  expect_error(m(list(beta ~ normal(0, 1))), "no parameter `beta`.*`Intercept`, `b`, `sd_cyl` and `sigma`")
  expect_error(m(list(b[hp] ~ normal(0, 1))), "`b` has no element `hp`.*`wt`")
  expect_error(m(list(sigma[1] ~ normal(0, 1))), "no elements")
  expect_error(m(list(sigma ~ normal(0, 1))), "`sigma` is positive.*half_normal")
  expect_error(m(list(sigma ~ truncated(normal(0, 1), upper = 2))), "lower = 0")
  expect_error(m(list(b ~ poisson(1))), "discrete")
  expect_error(m(list(b ~ dirichlet(1))), "vector or matrix")
  expect_error(m(list(b ~ gausian(0, 1))), "no distribution")
  expect_error(m(list(b ~ normal(0, nosuch))), "nosuch")
  expect_error(m(list(sigma ~ exponential(1, 2))), "`exponential\\(\\)` takes 1 argument \\(`rate`\\), but 2 were given")
  expect_error(m(list(b ~ normal(0, 1), b[wt] ~ normal(0, sdd = 1))), "`normal\\(\\)` has no argument `sdd`.*`loc`, `scale` and `dim`")
  expect_error(m(list(b = 3)), "no prior")
  expect_error(m(3), "list of sample statements")
  expect_error(m(list(z_cyl ~ normal(0, 2))), "no parameter `z_cyl`")
  expect_error(as_model(mpg ~ wt + (wt | cyl), data = mtcars, prior = list(L_cyl ~ normal(0, 1))), "lkj_corr_cholesky")
  expect_error(as_model(carb ~ wt, data = mtcars, family = "zero_inflated_poisson", prior = list(zi ~ normal(0, 1))), "between 0 and 1")
  expect_error(as_model(Sat ~ Infl, data = housing(), family = "cumulative", prior = list(cutpoints ~ normal(0, 1))), "ordered")
  expect_error(prior_summary(3), "fit of a regression")
})

test_that("a coefficient whose name has a blank is named with backticks, those of the model matrix or none", {
  d <- data.frame(y = c(1.2, 0.4, 2.2, 3.1, 0.3, 1.9), `a b` = c(0.1, 0.5, -0.3, 1.2, 0.7, -0.9), f = gl(2, 3, labels = c("u", "v")), check.names = FALSE)
  of <- function(prior) {
    p <- prior_summary(fullrank(y ~ `a b` * f, data = d, prior = prior, seed = 1, steps = 1))
    p$parameter[p$source != "default"]
  }
  expect_identical(of(list(b[`a b`] ~ normal(0, 1))), "b[`a b`]")
  expect_identical(of(list(b["`a b`"] ~ normal(0, 1))), "b[`a b`]")
  expect_identical(of(list(b[`a b:fv`] ~ normal(0, 1), b[fv] ~ normal(0, 3))), c("b[fv]", "b[`a b`:fv]"))
})
