# What a formula is lowered to.

lines_of <- function(...) model_lines(as_model(...))

test_that("a linear regression states what the design says", {
  expect_identical(lines_of(mpg ~ wt, data = mtcars), c(
    "Intercept ~ normal(mean(y), 2.5 * sd(y))", "b ~ normal(0, 2.5 * sd(y)/sd_X, dim = names(sd_X))", "sigma ~ exponential(1/sd(y))",
    "mu <- Intercept + X %*% b", "y ~ normal(mu, sigma)"
  ))
  m <- as_model(mpg ~ wt + hp, data = mtcars)
  expect_equal(unname(m$data$sd_X), c(sd(mtcars$wt), sd(mtcars$hp)))
  expect_equal(unname(colMeans(m$data$X)), c(0, 0))
  expect_identical(names(m$data$sd_X), c("wt", "hp"))
  expect_identical(m$data$y, mtcars$mpg)
})

test_that("what is missing is not stated", {
  expect_identical(lines_of(mpg ~ 1, data = mtcars), c("Intercept ~ normal(mean(y), 2.5 * sd(y))", "sigma ~ exponential(1/sd(y))", "mu <- Intercept", "y ~ normal(mu, sigma)"))
  m <- as_model(mpg ~ 0 + wt, data = mtcars)
  expect_false("Intercept" %in% names(site_statements_of(m)))
  expect_identical(as.vector(m$data$X), mtcars$wt)
})

test_that("link-scale families have priors for the link scale", {
  s <- site_statements_of(as_model(am ~ wt, data = mtcars, family = binomial()))
  expect_identical(s$Intercept, quote(normal(0, 2.5)))
  expect_identical(s$b, quote(normal(0, 2.5 / sd_X, dim = names(sd_X))))
  expect_identical(s$y, quote(bernoulli_logit(eta)))
  s <- site_statements_of(as_model(carb ~ wt, data = mtcars, family = poisson()))
  expect_identical(s$y, quote(poisson_log(eta)))
  m <- as_model(mpg ~ wt, data = mtcars, family = gaussian("log"))
  expect_identical(site_statements_of(m)$Intercept, quote(normal(0, 2.5)))
  expect_identical(site_statements_of(m)$sigma, quote(exponential(1 / sd(y))))
  expect_true("mu <- exp(eta)" %in% model_lines(m))
})

test_that("binomial responses in all their forms", {
  d <- data.frame(s = c(3, 0, 5), f = c(1, 4, 2), x = c(0.1, 0.7, -1))
  m <- as_model(cbind(s, f) ~ x, data = d, family = binomial())
  expect_identical(m$data$y, c(3, 0, 5))
  expect_identical(m$data$size, c(4, 4, 7))
  expect_identical(site_statements_of(m)$y, quote(binomial_logit(size, eta)))
  m2 <- as_model(I(s / (s + f)) ~ x, data = d, family = binomial(), weights = s + f)
  expect_identical(m2$data[c("y", "size")], m$data[c("y", "size")])
  m3 <- as_model(s | trials(s + f) ~ x, data = d, family = binomial())
  expect_identical(m3$data[c("y", "size")], m$data[c("y", "size")])
  for (y in list(c(TRUE, FALSE, TRUE), factor(c("b", "a", "c")), c(1, 0, 1), c("yes", "no", "yes"))) {
    d$y <- y
    expect_identical(as_model(y ~ x, data = d, family = binomial())$data$y, c(1, 0, 1))
  }
  expect_identical(site_statements_of(as_model(y ~ x, data = d, family = binomial("probit")))$y, quote(bernoulli(mu)))
  expect_identical(site_statements_of(as_model(y ~ x, data = d, family = "bernoulli", link = "cloglog"))$y, quote(bernoulli(mu)))
})

test_that("how far an effect is centred is the share of its variance that the data explain", {
  skip_if_not_installed("lme4")
  for (case in list(list(Yield ~ (1 | Batch), lme4::Dyestuff), list(size ~ (1 | herd), lme4::cbpp))) {
    reference <- suppressMessages(lme4::lmer(case[[1]], case[[2]], REML = FALSE))
    found <- as_model(case[[1]], data = case[[2]])$data
    found <- found[[grep("^centred_", names(found))]]
    effects <- as.data.frame(lme4::ranef(reference, condVar = TRUE))
    variance <- as.data.frame(lme4::VarCorr(reference))$vcov[1]
    expect_lt(max(abs(found - (1 - effects$condsd^2 / variance))), 0.1)
  }
})

test_that("groups of ordered and unordered categories are centred too, and start near their effects", {
  skip_if_not_installed("MASS")
  set.seed(4)
  effect <- rnorm(12, 0, 2)
  d <- data.frame(g = gl(12, 60), x = rnorm(720))
  eta <- 0.5 * d$x + effect[d$g]
  d$y <- findInterval(eta + rlogis(720), c(-1, 1)) + 1
  p <- cbind(1, exp(0.5 * eta), exp(0.5 - 0.4 * eta))
  d$class <- factor(letters[apply(p, 1, function(q) sample(3, 1, prob = q))])
  for (link in c("logit", "probit")) {
    m <- as_model(y ~ x + (1 | g), data = d, family = "cumulative", link = link)
    # 60 rows of information about 1 / 4 each (1 for probit, on a scale 1.7 times as small) and effects of variance 4
    expect_true(all(m$data$centred_g > 0.8), label = link)
    start <- m$init$values
    expect_gt(cor(start$z_g * start$sd_g^(1 - m$data$centred_g), effect), 0.98)
    expect_equal(start$sd_g * if (link == "probit") 1.7 else 1, sd(effect), tolerance = 0.2)
    # cutpoints near those of a fit that knows the effects
    known <- MASS::polr(factor(y) ~ x + offset(effect[g]), d, method = if (link == "logit") "logistic" else link)
    if (link == "logit") expect_equal(unname(start$cutpoints) - mean(start$z_g * start$sd_g^(1 - m$data$centred_g)), unname(known$zeta) - mean(effect), tolerance = 0.25)
  }
  # also without predictors
  for (formula in list(y ~ (1 | g), y ~ 0 + (1 | g))) {
    expect_true(all(as_model(formula, data = d, family = "cumulative")$data$centred_g > 0.8))
    expect_true(all(as_model(formula, data = d)$data$centred_g > 0.8))
  }
  m <- as_model(class ~ x + (1 | g), data = d, family = "categorical")
  for (category in c("b", "c")) {
    part <- function(name) m$init$values[[paste0(name, "_g_", category)]]
    centred <- m$data[[paste0("centred_g_", category)]]
    expect_true(all(centred > 0.4), label = category)
    expect_gt(abs(cor(part("z") * part("sd")^(1 - centred), effect)), 0.9)
    expect_equal(part("sd"), c(b = 0.5, c = 0.4)[[category]] * sd(effect), tolerance = 0.35)
  }
})

test_that("group terms are gathers of effects, centred as far as the data speak of them", {
  d <- data.frame(g = gl(4, 3), h = gl(3, 1, 12), x = sin(1:12))
  d$y <- c(-3, 3, 1, 8)[d$g] + c(2, 0, -1, 1)[d$g] * d$x + 0.3 * cos(3 * 1:12)
  expect_identical(lines_of(y ~ x + (1 | g), data = d)[3:7], c(
    "sd_g ~ half_student_t(3, 2.5 * sd(y))", "z_g ~ normal(0, sd_g^centred_g, dim = levels(g))", "r_g <- z_g * sd_g^(1 - centred_g)",
    "sigma ~ exponential(1/sd(y))", "mu <- Intercept + X %*% b + r_g[g]"
  ))
  expect_identical(lines_of(y ~ x + (1 | g), data = d, prior_only = TRUE)[4:5], c("z_g ~ normal(0, 1, dim = levels(g))", "r_g <- z_g * sd_g"))
  expect_true("r_g <- tcrossprod(z_g, sd_g * L_g)" %in% lines_of(y ~ x + (x | g), data = d, prior_only = TRUE))
  correlated <- lines_of(y ~ x + (x | g), data = d)
  expect_true("L_g ~ lkj_corr_cholesky(1, dim = 2)" %in% correlated)
  expect_true("z_g ~ multi_normal_cholesky(rep(0, 2), sd_g^centred_g * L_g, dim = list(levels(g), c(\"(Intercept)\", \"x\")))" %in% correlated)
  expect_true("r_g <- z_g * rep(sd_g^(1 - centred_g), each = 4)" %in% correlated)
  expect_true("mu <- Intercept + X %*% b + r_g[g, 1] + Z_g[, 2] * r_g[g, 2]" %in% correlated)
  independent <- lines_of(y ~ x + (x || g), data = d)
  expect_false(any(grepl("^L_g", independent)))
  expect_true("sd_g ~ half_student_t(3, 2.5 * sd(y), dim = c(\"(Intercept)\", \"x\"))" %in% independent)
  expect_identical(lines_of(y ~ x + (1 | g) + (0 + x | g), data = d), independent)
  expect_true(all(c("sd_g", "sd_h") %in% names(site_statements_of(as_model(y ~ x + (1 | g) + (1 | h), data = d)))))
  # nested, named as package reformulas expands it, made legal
  nested <- names(site_statements_of(as_model(y ~ x + (1 | g/h), data = d)))
  expect_true(all(c("sd_g", "sd_h_g") %in% nested))
  expect_true("sd_g_h" %in% names(site_statements_of(as_model(y ~ x + (1 | g:h), data = d))))
  m <- as_model(y ~ x + (0 + x | g), data = d)
  expect_true("mu <- Intercept + X %*% b + Z_g[, 1] * r_g[g]" %in% model_lines(m))
})

test_that("groups may have names that the model uses itself", {
  d <- data.frame(y = rnorm(12), x = rnorm(12), X = gl(4, 3), sd_y = gl(3, 1, 12), normal = gl(2, 6))
  m <- as_model(y ~ x + (1 | X) + (1 | sd_y) + (1 | normal), data = d, prior = list(sd ~ half_normal(1)))
  f <- log_density(m)
  expect_true(all(is.finite(f$gr(rep(0.1, f$dim)))))
  expect_true(all(c("sd_X", "sd_sd_y", "sd_normal") %in% c(f$names, "sd_X")))
})

test_that("offsets, weights and frequencies", {
  d <- data.frame(y = c(1, 4, 2, 7), x = c(1, 2, 4, 3), o = c(0.1, 0.2, 0.3, 0.4), w = c(2, 1, 0, 3))
  m <- as_model(y ~ x + offset(o), data = d, family = poisson(), offset = 2 * o)
  expect_identical(m$data$offset, 3 * d$o)
  expect_true("eta <- Intercept + X %*% b + offset" %in% model_lines(m))
  m <- as_model(y ~ x, data = d, weights = w)
  expect_identical(m$data$weights, c(2, 1, 3))
  expect_identical(site_statements_of(m)$y, quote(normal(mu, sigma / sqrt(weights))))
  m <- as_model(y ~ x, data = d, family = poisson(), weights = w)
  expect_identical(m$data$y, c(1, 1, 4, 7, 7, 7))
  expect_identical(as_model(y ~ x, data = d, weights = rep(1, 4))$data$weights, NULL)
})

test_that("the weighted density is that of glm's dispersion model", {
  d <- data.frame(y = c(1.2, 4, 2, 7), x = c(1, 2, 4, 3), w = c(2, 1, 0.5, 3))
  f <- log_density(as_model(y ~ x, data = d, weights = w, prior = "flat"))
  at <- f$constrain(z <- c(3, 0.4, 0.2))
  mu <- at$Intercept + (d$x - mean(d$x)) * at$b
  expect_equal(f$fn(z), sum(dnorm(d$y, mu, at$sigma / sqrt(d$w), log = TRUE)) + z[3])
})

test_that("a list of formulas gives parameters predictors of their own", {
  d <- data.frame(y = rnorm(20), x = rnorm(20), g = gl(5, 4))
  m <- as_model(list(y ~ x, sigma ~ x + (1 | g)), data = d)
  lines <- model_lines(m)
  expect_true("Intercept_sigma ~ normal(log(sd(y)), 2.5)" %in% lines)
  expect_true("b_sigma ~ normal(0, 2.5/sd_X_sigma, dim = names(sd_X_sigma))" %in% lines)
  expect_true("sd_g_sigma ~ half_student_t(3, 2.5)" %in% lines)
  expect_true("sigma <- exp(Intercept_sigma + X_sigma %*% b_sigma + r_g_sigma[g_sigma])" %in% lines)
  expect_false("sigma" %in% names(site_statements_of(m)))
  expect_error(as_model(list(y ~ x, shape ~ x), data = d), "no parameter `shape`.*`sigma`")
  expect_error(as_model(list(y ~ x, sigma ~ x, sigma ~ 1), data = d), "two formulas for `sigma`")
  expect_error(as_model(list(y ~ x, x ~ y), data = d), "Only one formula")
})

test_that("a factor with many levels is read by index", {
  set.seed(3)
  d <- data.frame(f = factor(sample(sprintf("l%02d", 1:60), 600, TRUE)), x = rnorm(600), z = rnorm(600))
  d$y <- rnorm(60)[d$f] + d$x + rnorm(600)
  m <- as_model(y ~ x + f + z, data = d)
  expect_identical(ncol(m$data$X), 2L)
  expect_false(any(vapply(m$data, function(v) length(v) > 2 * 600, NA)))
  # the same density as with the dense matrix
  X <- scale(model.matrix(y ~ x + f + z, d)[, -1], scale = FALSE)
  f <- log_density(m)
  z <- rnorm(f$dim)
  at <- f$constrain(z)
  names(at$b) <- names(m$data$sd_X)
  mu <- at$Intercept + drop(X[, names(at$b)] %*% at$b)
  want <- sum(dnorm(d$y, mu, at$sigma, log = TRUE)) + dnorm(at$Intercept, mean(d$y), 2.5 * sd(d$y), log = TRUE) +
    sum(dnorm(at$b, 0, 2.5 * sd(d$y) / apply(X, 2, sd)[names(at$b)], log = TRUE)) + dexp(at$sigma, 1 / sd(d$y), log = TRUE) + log(at$sigma)
  expect_equal(f$fn(z), unname(want), tolerance = 1e-10)
  expect_true("mu <- b[f]" %in% model_lines(as_model(y ~ 0 + f, data = d)))
})

test_that("coefficients of a smooth are centred by the share of their variance that the data explain", {
  skip_if_not_installed("mgcv")
  set.seed(2)
  d <- data.frame(x = sort(runif(300)))
  d$y <- sin(2 * pi * d$x) + rnorm(300, 0, 0.4)
  m <- as_model(y ~ s(x), data = d)
  reference <- mgcv::gam(y ~ s(x), data = d, method = "ML")
  # the same fit with our own basis, whose coefficients have variance sig2 / sp
  Z <- m$data$Z_s_x
  plain <- mgcv::gam(d$y ~ m$data$X + Z, paraPen = list(Z = list(diag(8))), method = "ML")
  expect_lt(max(abs(m$data$centred_s_x - colSums(Z^2) / (colSums(Z^2) + plain$sp))), 0.05)
  expect_equal(m$init$values$sd_s_x, sqrt(plain$sig2 / plain$sp), tolerance = 0.15, ignore_attr = TRUE)
  expect_equal(stats::fitted(plain), stats::fitted(reference), tolerance = 0.02, ignore_attr = TRUE)
})

test_that("smooths become columns and standardised effects", {
  skip_if_not_installed("mgcv")
  m <- as_model(mpg ~ s(wt, k = 6) + hp, data = mtcars)
  lines <- model_lines(m)
  expect_true("z_s_wt ~ normal(0, sd_s_wt^centred_s_wt, dim = 4)" %in% lines)
  expect_true("mu <- Intercept + X %*% b + Z_s_wt %*% (z_s_wt * sd_s_wt^(1 - centred_s_wt))" %in% lines)
  lines <- lines_of(mpg ~ s(wt, k = 6) + hp, data = mtcars, prior_only = TRUE)
  expect_true("z_s_wt ~ normal(0, 1, dim = 4)" %in% lines)
  expect_identical(names(m$data$sd_X), c("hp", "s(wt).1"))
  # the columns span mgcv's basis
  sm <- mgcv::smoothCon(mgcv::s(wt, k = 6), mtcars, absorb.cons = TRUE)[[1]]
  own <- cbind(m$data$X[, 2], m$data$Z_s_wt)
  expect_lt(max(abs(qr.resid(qr(cbind(1, sm$X)), own))), 1e-8)
  expect_identical(qr(own)$rank, 5L)
  expect_error(as_model(mpg ~ te(wt, hp), data = mtcars), "t2")
})

test_that("the model of a fit is the model of its formula, and runs to the same bits", {
  for (name in names_of_fits) {
    fit <- regression_fit(name)
    again <- fullrank(as_model(fit), seed = 1)
    expect_identical(again$guide$loc, fit$guide$loc, label = name)
    expect_identical(again$guide$scale_tril, fit$guide$scale_tril, label = name)
    # and from its text
    text <- paste(capture.output(print(as_model(fit))), collapse = "\n")
    expect_identical(eval(parse(text = text))$statements, as_model(fit)$statements, label = name)
  }
})

test_that("prior_only leaves the likelihood out", {
  m <- as_model(mpg ~ wt, data = mtcars, prior_only = TRUE)
  expect_false("y" %in% names(site_statements_of(m)))
  fit <- fullrank(mpg ~ wt, data = mtcars, prior = list(Intercept ~ normal(3, 2), b ~ normal(-1, 0.5), sigma ~ lognormal(0, 0.3)), prior_only = TRUE, seed = 1)
  expect_equal(unname(coef(fit)), c(3 + mean(mtcars$wt), -1), tolerance = 0.05)
  expect_equal(unname(standard_errors(fit)["wt"]), 0.5, tolerance = 0.05)
  expect_output(print(fit), "prior only")
})
