# Regressions as a whole: statements written out by hand, update(), seeds, arguments.

test_that("a group's model with several parts agrees with itself written as statements", {
  d <- data.frame(y = c(1.2, 0.4, 2.2, 3.1, 0.3, 1.9), g = gl(3, 2))
  m <- model({
    Intercept ~ normal(mean(y), 2.5 * sd(y))
    sd_g ~ half_normal(2)
    z_g ~ normal(0, 1, dim = levels(g))
    sigma ~ exponential(1 / sd(y))
    y ~ normal(Intercept + sd_g * z_g[g], sigma)
  })
  f <- log_density(m, d)
  g <- log_density(as_model(y ~ (1 | g), data = d, prior = list(sd_g ~ half_normal(2))))
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
