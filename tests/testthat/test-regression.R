# Regressions as a whole: statements written out by hand, update(), seeds, arguments.

test_that("a group's model with several parts agrees with itself written as statements", {
  d <- data.frame(y = c(1.2, 0.4, 2.2, 3.1, 0.3, 1.9), g = gl(3, 2))
  m <- model({
    Intercept ~ normal(mean(y), 2.5 * sd(y))
    sd_g ~ half_normal(2)
    z_g ~ normal(0, sd_g^centred, dim = levels(g))
    sigma ~ exponential(1 / sd(y))
    y ~ normal(Intercept + (sd_g^(1 - centred) * z_g)[g], sigma)
  })
  lowered <- as_model(y ~ (1 | g), data = d, prior = list(sd_g ~ half_normal(2)))
  centred <- lowered$data$centred_g
  expect_true(length(centred) == 3L && all(centred > 0 & centred < 1))
  f <- log_density(m, d)
  g <- log_density(lowered)
  z <- seq(-0.5, 0.5, length.out = f$dim)
  expect_equal(f$fn(z), g$fn(z))
  expect_identical(f$names, g$names)
})

test_that("update() refits with changes, and goes on without", {
  fit <- fullrank(mpg ~ wt, data = mtcars, seed = 3, steps = 200, optimizer = adam(0.05))
  more <- update(fit, . ~ . + hp, steps = 200)
  expect_identical(formula(more), mpg ~ wt + hp)
  expect_identical(more$guide$loc, fullrank(mpg ~ wt + hp, data = mtcars, seed = 3, steps = 200, optimizer = adam(0.05))$guide$loc)
  on <- update(fit, steps = 100)
  expect_s3_class(on, "fullrank_regression")
  expect_identical(on$steps, 300)
  expect_identical(on$guide$loc, fullrank(mpg ~ wt, data = mtcars, seed = 3, steps = 300, optimizer = adam(0.05))$guide$loc)
  other <- update(fit, data = mtcars[1:20, ], weights = hp)
  expect_identical(nobs(other), 20L)
  expect_identical(other$data$weights, mtcars$hp[1:20])
  grouped <- update(fit, . ~ . + (1 | cyl), prior = list(sd ~ half_normal(5)), seed = 4)
  expect_true("sd_cyl" %in% names(grouped$compiled$sites))
  expect_identical(grouped$seed, 4)
  both <- fullrank(list(mpg ~ wt, sigma ~ wt), data = mtcars, seed = 3, steps = 50)
  expect_identical(formula(update(both, . ~ hp))[[1]], mpg ~ hp)
})

test_that("the same seed gives the same bits, set.seed() governs, and formula = may be named", {
  a <- fullrank(mpg ~ wt, data = mtcars, seed = 3, steps = 100)
  b <- fullrank(formula = mpg ~ wt, data = mtcars, seed = 3, steps = 100)
  expect_identical(a$guide$loc, b$guide$loc)
  set.seed(1)
  c <- fullrank(mpg ~ wt, data = mtcars, steps = 100)
  set.seed(1)
  d <- fullrank(mpg ~ wt, data = mtcars, steps = 100)
  expect_identical(c$guide$loc, d$guide$loc)
  e <- fullrank(formula = list(mpg ~ wt, sigma ~ 1), data = mtcars, seed = 3, steps = 100)
  expect_named(coef(e), c("(Intercept)", "wt", "sigma_(Intercept)"))
})

test_that("arguments are read as lm reads them", {
  d <- mtcars
  keep <- d$cyl != 6
  w <- d$hp
  a <- fullrank(mpg ~ wt, data = d, subset = keep, weights = w, seed = 1, steps = 100)
  expect_identical(a$data$y, d$mpg[keep])
  expect_identical(a$data$weights, d$hp[keep])
  b <- fullrank(d$mpg ~ d$wt, seed = 1, steps = 50)
  expect_named(coef(b), c("(Intercept)", "d$wt"))
  c <- as_model(mpg ~ . - hp, data = d[1:4])
  expect_identical(names(c$data$sd_X), c("cyl", "disp"))
  f <- function(d) {
    local_w <- rep(2, nrow(d))
    fullrank(mpg ~ wt, data = d, weights = local_w, seed = 1, steps = 50)
  }
  expect_identical(f(d)$data$weights, rep(2, 32))
  s <- as_model(breaks ~ tension, data = warpbreaks, contrasts = list(tension = "contr.sum"))
  expect_identical(names(s$data$sd_X), c("tension1", "tension2"))
})

test_that("correlated slopes of long series end at the best optimum, whatever the seed", {
  skip_if_not_installed("lme4")
  reference <- lme4::lmer(weight ~ Time * Diet + (Time | Chick), ChickWeight)
  for (seed in 1:3) {
    fit <- fullrank(weight ~ Time * Diet + (Time | Chick), data = ChickWeight, seed = seed)
    expect_gt(fit$elbo, -2458)
    expect_lt(max(abs(log(attr(VarCorr(fit)$Chick, "stddev") / attr(lme4::VarCorr(reference)$Chick, "stddev")))), 0.2)
    expect_lt(attr(VarCorr(fit)$Chick, "correlation")[1, 2], -0.85)
  }
})

test_that("starts are legal whatever the family, the link and the prior", {
  d <- data.frame(y = c(1.2, 0.4, 2.2, 3.1, 0.3, 1.9, 0.8, 1.1), x = c(0.1, 0.5, -0.3, 1.2, 0.7, -0.9, 0.2, 0.4), g = gl(4, 2), k = c(0, 1, 4, 2, 0, 1, 3, 0))
  starts <- function(...) as_model(...)$init$values
  v <- starts(y ~ x + (x | g), data = d)
  expect_identical(lengths(v[c("sd_g", "L_g", "z_g", "b")]), c(sd_g = 2L, L_g = 4L, z_g = 8L, b = 1L))
  expect_true(all(v$sd_g > 0) && v$L_g[1, 2] == 0)
  expect_false("sd_g" %in% names(starts(y ~ x + (1 | g), data = d, prior = list(sd_g ~ uniform(0, 1e-6)))))
  expect_null(starts(y ~ x + (1 | g), data = d, prior_only = TRUE))
  for (family in list(poisson("identity"), poisson("sqrt"), poisson())) {
    expect_true(all(is.finite(unlist(starts(k ~ x + (1 | g), data = d, family = family)))))
  }
  expect_identical(fullrank(y ~ x + (1 | g), data = d, family = Gamma("inverse"), seed = 1, steps = 30)$status, "fixed_steps")
  # the inverses of many matrices at once
  A <- aperm(array(vapply(1:5, function(k) crossprod(matrix(sin(1:9 * k), 3)) + diag(3), diag(3)), c(3, 3, 5)), c(3, 1, 2))
  V <- invert_all(A)
  for (j in 1:5) expect_equal(V[j, , ] %*% A[j, , ], diag(3))
})

test_that("an | inside a call means what it says in R; of glmmTMB's covariances us() and diag() are known", {
  formula <- mpg ~ wt + I(am == 1 | vs == 1)
  fit <- fullrank(formula, data = mtcars, prior = list(Intercept ~ normal(0, 1000), b ~ normal(0, 100)), seed = 1)
  expect_length(fit$regression$parts$mu$groups, 0)
  expect_equal(coef(fit), coef(lm(formula, mtcars)), tolerance = 0.01)
  expect_equal(predict(fit, mtcars[3:5, ]), predict(fit)[3:5])
  either <- fullrank(mpg ~ wt + (I(am == 1 | vs == 1) | cyl), data = mtcars, steps = 1, seed = 1)
  expect_identical(either$regression$parts$mu$groups[[1]]$columns, c("(Intercept)", "I(am == 1 | vs == 1)TRUE"))
  skip_if_not_installed("lme4")
  same <- function(a, b) expect_identical(model_lines(as_model(a, data = lme4::sleepstudy)), model_lines(as_model(b, data = lme4::sleepstudy)))
  same(Reaction ~ Days + us(Days | Subject), Reaction ~ Days + (Days | Subject))
  same(Reaction ~ Days + diag(Days | Subject), Reaction ~ Days + (Days || Subject))
  skip_if_not_installed("insight")
  found <- insight::find_formula(fullrank(mpg ~ wt + I(am == 1 | vs == 1) + (1 | cyl), data = mtcars, steps = 1, seed = 1))
  expect_equal(found$conditional, formula, ignore_attr = TRUE)
  expect_equal(found$random, ~ 1 | cyl, ignore_attr = TRUE)
})

test_that("a smooth of a column whose name has a blank", {
  skip_if_not_installed("mgcv")
  data <- data.frame(y = cars$dist, `the speed` = cars$speed, check.names = FALSE)
  plain <- fullrank(dist ~ s(speed, k = 5), cars, seed = 1, progress = FALSE)
  fit <- fullrank(y ~ s(`the speed`, k = 5), data, seed = 1, progress = FALSE)
  expect_equal(unname(predict(fit, data[1:3, ])), unname(predict(plain, cars[1:3, ])), tolerance = 1e-3)
})
