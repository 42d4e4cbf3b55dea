# Predictions: on training rows, on new ones, with all that may be wrong with these.

test_that("a linear model predicts in closed form, as lm does", {
  fit <- regression_fit("gaussian")
  reference <- lm(mpg ~ wt + factor(cyl), mtcars)
  new <- data.frame(wt = c(2, 3.5), cyl = c(4, 8))
  p <- predict(fit, new, se.fit = TRUE)
  q <- predict(reference, new, se.fit = TRUE)
  expect_lt(max(abs(p$fit - q$fit) / q$se.fit), 0.1)
  expect_equal(unname(p$se.fit), unname(q$se.fit), tolerance = 0.1)
  X <- cbind(1, new$wt, new$cyl == 6, new$cyl == 8)
  expect_equal(unname(p$fit), drop(X %*% coef(fit)))
  expect_equal(unname(p$se.fit), sqrt(diag(X %*% vcov(fit) %*% t(X))))
  band <- predict(fit, new, interval = "prediction")
  expect_identical(colnames(band), c("fit", "lwr", "upr"))
  expect_equal(unname(band), unname(predict(reference, new, interval = "prediction")), tolerance = 0.05)
  expect_equal(unname(predict(fit, new, interval = "confidence")[, "lwr"]), unname(p$fit - qnorm(0.975) * p$se.fit))
})

test_that("training rows are the same with and without newdata", {
  for (name in c("gaussian", "binomial", "poisson", "distributional")) {
    fit <- regression_fit(name)
    data <- fit$regression$data
    expect_equal(predict(fit), predict(fit, data), tolerance = 1e-12, label = name)
    expect_equal(fitted(fit), predict(fit, data, type = "response"), tolerance = 1e-12, label = name)
  }
})

test_that("one row, factors missing levels, characters for factors", {
  fit <- regression_fit("gaussian")
  all <- predict(fit)
  expect_equal(predict(fit, mtcars["Fiat 128", ]), all["Fiat 128"])
  binomial <- regression_fit("binomial")
  d <- cattle()
  one <- data.frame(period = "3", herd = "7", incidence = 0, size = 1)
  want <- predict(binomial)[d$period == "3" & d$herd == "7"]
  expect_equal(unname(predict(binomial, one)), unname(want))
  one$period <- factor("3")
  expect_equal(unname(predict(binomial, one)), unname(want))
})

test_that("bases are those of the training data", {
  new <- mtcars[5, ]
  for (formula in list(mpg ~ poly(wt, 2), mpg ~ splines::ns(wt, 3), mpg ~ scale(wt), mpg ~ log(wt) * factor(am), mpg ~ I(wt^2) + wt)) {
    fit <- fullrank(formula, data = mtcars, seed = 1)
    expect_equal(predict(fit, new), predict(fit)[5], label = deparse(formula))
    expect_equal(unname(predict(fit, new)), unname(predict(lm(formula, mtcars), new)), tolerance = 0.02, label = deparse(formula))
  }
  skip_if_not_installed("mgcv")
  for (formula in list(mpg ~ s(wt, k = 5), mpg ~ s(wt, k = 4, by = factor(am)), mpg ~ t2(wt, hp))) {
    fit <- fullrank(formula, data = mtcars, seed = 1, steps = 300, optimizer = adam(0.05))
    expect_equal(predict(fit, new), predict(fit)[5], label = deparse(formula))
  }
})

test_that("a smooth is mgcv's", {
  skip_if_not_installed("mgcv")
  set.seed(4)
  d <- data.frame(x = sort(runif(200)))
  d$y <- sin(2 * pi * d$x) + rnorm(200, 0, 0.3)
  fit <- fullrank(y ~ s(x), data = d, seed = 1)
  reference <- predict(mgcv::gam(y ~ s(x), data = d, method = "REML"), se.fit = TRUE)
  expect_lt(max(abs(predict(fit) - reference$fit) / reference$se.fit), 0.6)
  # with several, and with counts; each from coefficients whose centring predictions must undo
  set.seed(2)
  d <- data.frame(x = runif(300), w = runif(300))
  eta <- 0.5 + sin(2 * pi * d$x) + 2 * (d$w - 0.5)^2
  d$y <- rpois(300, exp(eta))
  fit <- fullrank(y ~ s(x) + s(w), data = d, family = poisson(), seed = 1)
  expect_identical(fit$status, "converged")
  reference <- predict(mgcv::gam(y ~ s(x) + s(w), stats::poisson(), d, method = "REML"), se.fit = TRUE)
  p <- predict(fit, se.fit = TRUE)
  expect_lt(max(abs(p$fit - reference$fit) / reference$se.fit), 0.6)
  expect_lt(max(abs(log(p$se.fit / reference$se.fit))), 0.4)
  expect_equal(predict(fit, d[3:4, ]), predict(fit)[3:4])
})

test_that("a smooth of two variables is mgcv's", {
  skip_if_not_installed("mgcv")
  for (formula in list(mag ~ t2(long, lat, k = 4), mag ~ t2(long, lat, k = 4, by = deep) + deep)) {
    d <- transform(quakes, deep = factor(depth > 300))
    fit <- fullrank(formula, data = d, seed = 1)
    reference <- predict(mgcv::gam(formula, data = d, method = "REML"), se.fit = TRUE)
    expect_lt(max(abs(predict(fit) - reference$fit) / reference$se.fit), 1)
    expect_lt(max(abs(log(predict(fit, se.fit = TRUE)$se.fit / reference$se.fit))), 0.4)
    expect_equal(predict(fit, d[3:4, ]), predict(fit)[3:4])
  }
})

test_that("groups: all, none, some; new levels refused or drawn", {
  fit <- regression_fit("poisson")
  d <- grouped_counts()
  b <- coef(fit)
  expect_equal(unname(predict(fit, d[1:3, ], re.form = NA)), unname(b[1] + b[2] * d$x[1:3]))
  expect_equal(predict(fit, data.frame(x = d$x[1:3]), re.form = NA), predict(fit, d[1:3, ], re.form = ~ 0), ignore_attr = TRUE)
  expect_equal(predict(fit, d[1:3, ], re.form = ~ (1 + x | g)), predict(fit, d[1:3, ]))
  expect_error(predict(fit, d[1:3, ], re.form = ~ (1 | h)), "re.form.*1 \\+ x \\| g")
  r <- ranef(fit)$g
  want <- b[1] + r[as.character(d$g), 1] + (b[2] + r[as.character(d$g), 2]) * d$x
  expect_lt(max(abs(predict(fit) - want)), 0.05)
  new <- data.frame(x = c(0, 0, 1), g = c("a", "new", "new"))
  expect_error(predict(fit, new), "`g` has 1 level.*\"new\".*allow.new.levels")
  p <- predict(fit, new, allow.new.levels = TRUE, se.fit = TRUE)
  # its effects come from the group's distribution: as wide as groups differ, about the population's mean
  expect_equal(unname(p$fit[2]), unname(b[1]), tolerance = 0.05)
  values <- regression_values(fit)
  expect_equal(unname(p$se.fit[2]), sqrt(vcov(fit)[1, 1] + mean(values$sd_g[, 1]^2)), tolerance = 0.05)
  # one level has one effect, in whichever rows it stands
  e <- posterior_linpred.fullrank_regression(fit, newdata = data.frame(x = 0, g = c("n1", "n2", "n1")), allow.new.levels = TRUE, seed = 1)
  expect_identical(e[, 1], e[, 3])
  expect_lt(abs(cor(e[, 1], e[, 2])), 0.5)
})

test_that("missing values and missing columns", {
  fit <- regression_fit("poisson")
  new <- data.frame(x = c(0, NA, 1), g = c("a", "b", NA))
  p <- predict(fit, new)
  expect_identical(is.na(p), c(`1` = FALSE, `2` = TRUE, `3` = TRUE))
  expect_identical(is.na(predict(fit, new, re.form = NA)), c(`1` = FALSE, `2` = TRUE, `3` = FALSE))
  expect_error(predict(fit, data.frame(g = "a")), "no column `x`")
  expect_error(predict(fit, data.frame(x = "a", g = "a")), "numeric|type")
  y <- posterior_predict.fullrank_regression(fit, new, draws = 5, seed = 1)
  expect_identical(dim(y), c(5L, 3L))
  expect_true(all(is.na(y[, 2])))
  gaussian <- regression_fit("gaussian")
  expect_error(predict(gaussian, data.frame(wt = 2, cyl = 5)), "new level")
})

test_that("rows dropped in the fit are padded on request", {
  d <- mtcars
  d$wt[3] <- NA
  fit <- fullrank(mpg ~ wt, data = d, seed = 1)
  expect_length(fitted(fit), 31)
  expect_identical(nobs(fit), 31L)
  expect_output(print(summary(fit)), "31 observations (1 dropped for missing values)", fixed = TRUE)
  fit <- fullrank(mpg ~ wt, data = d, na.action = na.exclude, seed = 1)
  expect_length(fitted(fit), 32)
  expect_identical(which(is.na(residuals(fit))), c(`Datsun 710` = 3L))
  expect_error(fullrank(mpg ~ wt, data = d, na.action = na.fail), "missing values")
})

test_that("offsets and trials of new rows", {
  d <- data.frame(y = rpois(30, 4), x = rnorm(30), t = runif(30, 1, 2))
  for (fit in list(fullrank(y ~ x + offset(log(t)), data = d, family = poisson(), seed = 1), fullrank(y ~ x, offset = log(t), data = d, family = poisson(), seed = 1))) {
    expect_equal(predict(fit, d[4, ]), predict(fit)[4])
    b <- coef(fit)
    expect_equal(unname(predict(fit, data.frame(x = 2, t = 3))), unname(b[1] + 2 * b[2] + log(3)))
  }
  expect_error(predict(fit, data.frame(x = 2)), "offset = log\\(t\\)")
  fit <- regression_fit("binomial")
  expect_error(posterior_predict.fullrank_regression(fit, data.frame(period = "1", herd = "1")), "numbers of trials")
  y <- posterior_predict.fullrank_regression(fit, data.frame(period = "1", herd = "1", incidence = 0, size = 1000), draws = 500, seed = 1)
  expect_gt(max(y), 100)
})

test_that("bounds of truncated responses are those of the new rows", {
  set.seed(3)
  d <- data.frame(x = rnorm(60), lo = rep(c(0, 1), 30))
  d$y <- d$lo + rexp(60)
  fit <- fullrank(y | trunc(lower = lo) ~ x, data = d, seed = 1)
  new <- data.frame(x = 0, lo = c(0, 2))
  y <- posterior_predict.fullrank_regression(fit, new, draws = 200, seed = 1)
  expect_true(all(y[, 1] >= 0) && any(y[, 1] < 1) && all(y[, 2] >= 2))
  expect_equal(unname(predict(fit, new["x"])), unname(predict(fit, new)))
  expect_error(posterior_predict.fullrank_regression(fit, new["x"], draws = 5, seed = 1), "bound `trunc\\(lower = lo\\)`, which `newdata` lacks")
})

test_that("draws that the posterior does not have are left out of intervals and plots", {
  # a few draws of the Normal put probabilities above 1
  set.seed(2)
  d <- data.frame(x = seq(0, 1, length.out = 60))
  d$y <- rbinom(60, 1, exp(-1 + 0.8 * d$x))
  fit <- fullrank(y ~ x, data = d, family = binomial("log"), seed = 1)
  expect_identical(fit$status, "converged")
  yrep <- posterior_predict.fullrank_regression(fit, draws = 1000, seed = 1)
  lost <- rowSums(is.nan(yrep)) > 0
  expect_true(any(lost) && mean(lost) < 0.2)
  own <- function(x) quantile(x[!is.nan(x)], c(0.05, 0.95), names = FALSE)
  expect_warning(band <- predictive_interval.fullrank_regression(fit, draws = 1000, seed = 1), sprintf("At %d of 1,000 draws.*left out", sum(lost)))
  expect_equal(unname(band), unname(t(apply(yrep, 2, own))))
  expect_warning(band <- predict(fit, d[58:60, ], interval = "prediction"), "left out")
  expect_false(anyNA(band))
  pdf(NULL)
  on.exit(dev.off())
  expect_warning(p <- plot(fit, type = "predictive"), "left out")
  expect_false(anyNA(p$yrep))
  expect_error(possible_draws(matrix(c(NaN, 1, 1, NaN), 2)), "No draw of the fitted Normal")
  skip_if_not_installed("bayesplot")
  expect_warning(p <- bayesplot::pp_check(fit, type = "bars", seed = 1), "left out")
  expect_s3_class(p, "ggplot")
})

test_that("parameters of the family, and types", {
  fit <- regression_fit("distributional")
  b <- coef(fit)
  s <- predict(fit, data.frame(x = c(-1, 1)), dpar = "sigma")
  expect_equal(unname(log(s)), unname(b["sigma_(Intercept)"] + c(-1, 1) * b["sigma_x"]), tolerance = 0.02)
  expect_error(predict(fit, dpar = "shape"), "\"sigma\"")
  expect_error(predict(fit, type = "class"), "ordinal and categorical")
  p <- regression_fit("poisson")
  expect_equal(unname(log(predict(p, type = "response"))), unname(predict(p)), tolerance = 0.1)
})

test_that("ordinal predictions are probabilities", {
  fit <- regression_fit("ordinal")
  p <- predict(fit, MASS::housing[1:4, ], type = "response")
  expect_equal(unname(rowSums(p)), rep(1, 4))
  reference <- MASS::polr(Sat ~ Infl + Type + Cont, weights = Freq, data = MASS::housing)
  expect_lt(max(abs(p - predict(reference, MASS::housing[1:4, ], type = "probs"))), 0.01)
  expect_identical(levels(predict(fit, MASS::housing[1:4, ], type = "class")), levels(MASS::housing$Sat))
  expect_equal(unname(predict(fit, MASS::housing[5, ])), unname(predict(fit)[5]))
  expect_error(predict(fit, type = "response", se.fit = TRUE), "posterior_epred")
})

test_that("a fit predicts without its data at hand", {
  path <- tempfile(fileext = ".rds")
  on.exit(unlink(path))
  local({
    d <- data.frame(y = rnorm(20), x = rnorm(20), g = gl(4, 5))
    fit <- fullrank(y ~ poly(x, 2) + (1 | g), data = d, seed = 1, steps = 200)
    saveRDS(list(fit = fit, want = predict(fit, d[1:3, ]), new = d[1:3, ]), path)
  })
  back <- readRDS(path)
  expect_identical(predict(back$fit, back$new), back$want)
  expect_length(predict(back$fit), 20)
})
