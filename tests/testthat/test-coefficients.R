# Methods that R users know, on a gaussian, a binomial, a Poisson multilevel, an ordinal and a distributional fit.

test_that("coef, vcov, confint and summary say the same thing", {
  for (name in names_of_fits) {
    fit <- regression_fit(name)
    b <- coef(fit)
    expect_true(all(is.finite(b)), label = name)
    expect_identical(fixef(fit), b, label = name)
    V <- vcov(fit)
    expect_identical(dimnames(V), list(names(b), names(b)), label = name)
    expect_identical(covariance(fit), V)
    expect_equal(correlation(fit), cov2cor(V))
    expect_equal(unname(confint(fit)), unname(cbind(b - qnorm(0.975) * sqrt(diag(V)), b + qnorm(0.975) * sqrt(diag(V)))), label = name)
    expect_identical(colnames(confint(fit, level = 0.9)), c("5 %", "95 %"))
    table <- as.data.frame(summary(fit))
    expect_equal(table[names(b), "mean"], unname(b), label = name)
    expect_equal(table[names(b), "sd"], unname(sqrt(diag(V))), label = name)
    expect_equal(unname(posterior_interval.fullrank_regression(fit)), unname(as.matrix(table[names(b), c("5%", "95%")])), label = name)
    # the coefficients are those of the draws
    values <- regression_values(fit, 4000)
    draws <- coefficient_draws(fit, values)
    expect_lt(max(abs(colMeans(draws) - b) / sqrt(diag(V))), 0.1, label = name)
    expect_equal(nrow(vcov(fit, full = TRUE)), fit$compiled$program$d)
    expect_identical(names(coef(fit, full = TRUE)), fit$compiled$coord_names)
    expect_equal(dim(correlation(fit, full = TRUE)), dim(covariance(fit, full = TRUE)))
  }
  fit <- regression_fit("gaussian")
  expect_identical(rownames(confint(fit, "wt")), "wt")
  expect_identical(rownames(confint(fit, 2:3)), names(coef(fit))[2:3])
  expect_error(confint(fit, "hp"), "no coefficient `hp`")
})

test_that("(Intercept) is on the data's own scale", {
  fit <- regression_fit("gaussian")
  X <- model.matrix(fit)
  at <- fit$guide$loc
  expect_equal(drop(X %*% coef(fit)), drop(at[["Intercept"]] + scale(X[, -1], scale = FALSE) %*% at[grep("^b", names(at))]), ignore_attr = TRUE)
})

test_that("formula, terms, frames and the like", {
  fit <- regression_fit("poisson")
  expect_equal(formula(fit), y ~ x + (1 + x | g), ignore_attr = TRUE)
  expect_equal(formula(fit, fixed.only = TRUE), y ~ x, ignore_attr = TRUE)
  expect_identical(attr(terms(fit), "term.labels"), "x")
  expect_identical(names(model.frame(fit)), c("y", "x", "g"))
  expect_identical(colnames(model.matrix(fit)), c("(Intercept)", "x"))
  expect_identical(nobs(fit), 180L)
  expect_identical(family(fit)$family, "poisson")
  expect_identical(sigma(fit), 1)
  gaussian <- regression_fit("gaussian")
  expect_equal(sigma(gaussian), as.data.frame(summary(gaussian))["sigma", "mean"])
  expect_error(sigma(regression_fit("distributional")), "differs between observations")
  expect_equal(formula(regression_fit("distributional"))[[2]], sigma ~ x, ignore_attr = TRUE)
  expect_equal(model.matrix(gaussian), model.matrix(lm(mpg ~ wt + factor(cyl), mtcars)), ignore_attr = TRUE)
})

test_that("ranef and VarCorr", {
  fit <- regression_fit("poisson")
  r <- ranef(fit, condVar = TRUE)
  expect_named(r, "g")
  expect_identical(dimnames(r$g), list(letters[1:12], c("(Intercept)", "x")))
  expect_identical(dim(attr(r$g, "postVar")), c(2L, 2L, 12L))
  table <- as.data.frame(summary(fit))
  expect_equal(table["r_g[c,x]", "mean"], r$g["c", "x"])
  v <- VarCorr(fit)
  expect_equal(attr(v$g, "stddev"), c(`(Intercept)` = table["sd_g[(Intercept)]", "mean"], x = table["sd_g[x]", "mean"]), tolerance = 0.02)
  expect_equal(attr(v$g, "correlation")[1, 2], table["L_g[2,1]", "mean"], tolerance = 1e-6)
  expect_equal(v$g, attr(v$g, "correlation") * outer(attr(v$g, "stddev"), attr(v$g, "stddev")), ignore_attr = TRUE)
  expect_named(as.data.frame(v), c("grp", "var1", "var2", "vcov", "sdcor"))
  expect_output(print(v), "\\(Intercept\\), x")
  expect_identical(ranef(regression_fit("gaussian")), list())
  # an intercept-only group's name for the level
  expect_true("r_herd[3]" %in% rownames(as.data.frame(summary(regression_fit("binomial")))))
  expect_true("r_herd[3]" %in% posterior::variables(draws(regression_fit("binomial"), 5)))
})

test_that("several blocks of one group are numbered as lme4 numbers them, whatever other groups are called", {
  d <- transform(grouped_counts(), z = rev(x), gen = rep(1:3, 60))
  fit <- fullrank(y ~ x + (x | g) + (1 | gen) + (0 + z | g), data = d, family = poisson(), seed = 1, steps = 5)
  expect_named(VarCorr(fit), c("g", "gen", "g.1"))
  expect_identical(colnames(VarCorr(fit)$g.1), "z")
  r <- ranef(fit, condVar = TRUE)
  expect_named(r$g, c("(Intercept)", "x", "z"))
  expect_identical(lapply(attr(r$g, "postVar"), dim), list(c(2L, 2L, 12L), c(1L, 1L, 12L)))
  expect_identical(dim(attr(r$gen, "postVar")), c(1L, 1L, 3L))
})

test_that("fitted, residuals and simulate", {
  for (name in setdiff(names_of_fits, "ordinal")) {
    fit <- regression_fit(name)
    n <- nrow(model.frame(fit))
    y <- fit$regression$response$y
    if (!is.null(fit$regression$response$size)) y <- y / fit$regression$response$size
    expect_equal(unname(residuals(fit)), y - unname(fitted(fit)), label = name)
    expect_equal(sign(residuals(fit, "pearson")), sign(residuals(fit)), label = name)
    s <- simulate(fit, nsim = 3, seed = 1)
    expect_identical(dim(s), c(n, 3L))
    expect_identical(simulate(fit, nsim = 3, seed = 1), s)
  }
  fit <- regression_fit("gaussian")
  reference <- lm(mpg ~ wt + factor(cyl), mtcars)
  expect_equal(residuals(fit), residuals(reference), tolerance = 0.05)
  expect_identical(residuals(fit, "deviance"), residuals(fit))
  expect_identical(dim(simulate(regression_fit("binomial"), seed = 1)$sim_1), c(56L, 2L))
  p <- fullrank(am ~ wt, data = mtcars, family = binomial(), seed = 1)
  d <- suppressWarnings(residuals(glm(am ~ wt, binomial(), mtcars), "deviance"))
  expect_lt(max(abs(residuals(p, "deviance") - d)), 0.3)
})

test_that("rstantools' generics have methods", {
  skip_if_not_installed("rstantools")
  for (name in names_of_fits) {
    fit <- regression_fit(name)
    n <- nrow(model.frame(fit))
    expect_identical(dim(rstantools::posterior_predict(fit, draws = 7, seed = 1)), c(7L, n), label = name)
    expect_identical(dim(rstantools::posterior_epred(fit, draws = 8, seed = 1))[1:2], c(8L, n), label = name)
    expect_identical(dim(rstantools::posterior_linpred(fit, draws = 8, seed = 1)), c(8L, n), label = name)
    expect_identical(dim(rstantools::log_lik(fit, draws = 7, seed = 1)), c(7L, n), label = name)
    expect_identical(dim(rstantools::posterior_interval(fit, prob = 0.5)), c(length(coef(fit)), 2L), label = name)
    if (name == "ordinal") {
      expect_error(rstantools::bayes_R2(fit), "no R-squared")
      expect_error(rstantools::predictive_error(fit), "no errors")
      next
    }
    expect_identical(dim(rstantools::predictive_error(fit, draws = 7, seed = 1)), c(7L, n), label = name)
    expect_identical(dim(rstantools::predictive_interval(fit, draws = 100, seed = 1)), c(n, 2L), label = name)
    r2 <- rstantools::bayes_R2(fit, draws = 100, seed = 1)
    expect_true(length(r2) == 100 && all(r2 > 0 & r2 < 1), label = name)
    expect_output(print(rstantools::prior_summary(fit)), "~")
  }
  expect_lt(abs(median(rstantools::bayes_R2(regression_fit("gaussian"), seed = 1)) - summary(lm(mpg ~ wt + factor(cyl), mtcars))$r.squared), 0.05)
  # seeds
  fit <- regression_fit("gaussian")
  expect_identical(rstantools::posterior_predict(fit, draws = 3, seed = 5), rstantools::posterior_predict(fit, draws = 3, seed = 5))
  set.seed(1)
  a <- rstantools::posterior_predict(fit, draws = 3)
  set.seed(1)
  expect_identical(rstantools::posterior_predict(fit, draws = 3), a)
})

test_that("the names that brms and tidybayes have for arguments are taken for ours, NULL as not given", {
  fit <- regression_fit("poisson")
  d <- grouped_counts()[1:4, ]
  for (f in list(posterior_predict.fullrank_regression, posterior_epred.fullrank_regression, posterior_linpred.fullrank_regression)) {
    want <- f(fit, newdata = d, draws = 6, re.form = NA, seed = 2)
    expect_identical(f(fit, newdata = d, ndraws = 6, re_formula = NA, seed = 2), want)
    expect_identical(dim(f(fit, newdata = d, ndraws = NULL, re_formula = NULL)), c(1000L, 4L))
    new <- transform(d, g = "new")
    expect_identical(dim(f(fit, newdata = new, ndraws = 3, allow_new_levels = TRUE)), c(3L, 4L))
    expect_error(f(fit, newdata = new, ndraws = 3), "allow.new.levels")
  }
  expect_identical(predict(fit, d, re_formula = NA), predict(fit, d, re.form = NA))
  expect_identical(draws(fit, ndraws = 3, seed = 1), draws(fit, n = 3, seed = 1))
  expect_error(posterior_predict.fullrank_regression(fit, draws = 5, ndraws = 6), "has got `draws` twice: `ndraws` is another name of it")
  expect_error(posterior_predict.fullrank_regression(fit, ndraws = 5, drwas = 6), "has no argument `drwas` here")
  expect_error(fitted(fit, ndraws = 5), "has no argument `ndraws` here")
})

test_that("print says what the model is", {
  for (name in names_of_fits) {
    expect_output(print(regression_fit(name)), "Population effects:", label = name)
    expect_output(print(regression_fit(name)), "k-hat", label = name)
  }
  expect_output(print(regression_fit("poisson")), "groups: g (12)", fixed = TRUE)
  expect_output(print(regression_fit("poisson")), "L_g[2,1]", fixed = TRUE)
  expect_output(print(summary(regression_fit("distributional"))), "Formula: sigma ~ x", fixed = TRUE)
})

test_that("an ordinal fit has cutpoints in place of an intercept", {
  fit <- regression_fit("ordinal")
  expect_identical(nobs(fit), sum(MASS::housing$Freq > 0))
  expect_error(residuals(fit), "posterior_predict")
  expect_identical(levels(simulate(fit, seed = 1)$sim_1), levels(MASS::housing$Sat))
  expect_output(print(fit), "Low|Medium", fixed = TRUE)
  expect_false("(Intercept)" %in% names(coef(fit)))
})

test_that("there is no logLik", {
  fit <- regression_fit("gaussian")
  expect_error(logLik(fit), "no logLik.*loo")
  expect_error(AIC(fit), "no logLik")
  expect_error(BIC(fit), "no logLik")
})

test_that("the predictive picture counts a row as often as its weight says", {
  pdf(NULL)
  on.exit(dev.off())
  fit <- regression_fit("ordinal")
  d <- MASS::housing
  drawn <- plot(fit, type = "predictive", seed = 1)
  expect_equal(tabulate(drawn$y), as.vector(tapply(d$Freq, d$Sat, sum)))
  expect_identical(ncol(drawn$yrep), sum(d$Freq))
  share <- colSums(d$Freq * predict(fit, type = "response")) / sum(d$Freq)
  expect_lt(max(abs(vapply(1:3, function(k) mean(drawn$yrep == k), 0) - share)), 4.5 * sqrt(0.25 / 400 / 50))
  # a sample of 1,681 rows is as spread as one
  expect_lt(sd(rowMeans(drawn$yrep == 1)), 3 * sqrt(share[1] * (1 - share[1]) / sum(d$Freq)))
  counts <- data.frame(y = c(0, 1, 4), n = c(5, 3, 2))
  own <- fullrank(y ~ 1, data = counts, family = poisson(), weights = n, seed = 1)
  drawn <- plot(own, type = "predictive", seed = 1)
  expect_identical(drawn$y, rep(c(0, 1, 4), c(5, 3, 2)))
  expect_lt(abs(mean(drawn$yrep) - fitted(own)[[1]]), 0.15)
})

test_that("plots draw", {
  pdf(NULL)
  on.exit(dev.off())
  for (name in names_of_fits) expect_silent(plot(regression_fit(name), type = "predictive"))
  expect_silent(plot(regression_fit("poisson")))
  expect_silent(plot(regression_fit("poisson"), type = "marginals", pars = "z_g"))
})

test_that("ngrps() counts levels, as lme4 does", {
  skip_if_not_installed("lme4")
  expect_identical(lme4::ngrps(regression_fit("binomial")), c(herd = 15L))
  expect_identical(lme4::ngrps(regression_fit("poisson")), c(g = 12L))
})
