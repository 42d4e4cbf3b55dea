# Posterior intervals of models: on the scale of the model, against qnorm(), qlnorm() and exact posteriors.

m <- model({
  mu    ~ normal(0, 5)
  tau   ~ half_normal(2)
  p     ~ beta(1, 1)
  theta ~ normal(mu, tau, dim = c("x", "y"))
  w     ~ dirichlet(c(1, 1))
  L     ~ lkj_corr_cholesky(1, dim = 2)
})
loc <- c(1, 0.2, -0.4, 0.5, -2, 0.3, 0.8)
S <- some_covariance(7, seed = 5, scale = 0.6)
sd <- sqrt(diag(S))
fit <- known_fit(m, list(), loc, S)
rows <- c("mu", "tau", "p", "theta[x]", "theta[y]", "w[1]", "w[2]", "L[2,1]", "L[2,2]")

test_that("intervals are those between quantiles, on the scale of the model", {
  for (level in c(0.95, 0.5)) {
    probs <- c((1 - level) / 2, (1 + level) / 2)
    z <- function(k) qnorm(probs, loc[k], sd[k])
    x <- confint(fit, level = level)
    expect_identical(rownames(x), rows)
    expect_identical(colnames(x), if (level == 0.95) c("2.5 %", "97.5 %") else c("25 %", "75 %"))
    want <- rbind(z(1), exp(z(2)), plogis(z(3)), z(4), z(5))
    expect_equal(unname(x[1:5, ]), want, tolerance = 1e-12)
    # these come from 4,000 draws: by their probabilities under the Normal
    below <- rbind(pnorm(qlogis(x["w[1]", ]), loc[6], sd[6]), 1 - pnorm(qlogis(1 - x["w[2]", ]), loc[6], sd[6]),
                   pnorm(atanh(x["L[2,1]", ]), loc[7], sd[7]))
    expect_lt(max(abs(t(below) - probs) / sqrt(probs * (1 - probs) / 4000)), 4.5)
    expect_identical(confint(fit$guide, level = level), x)
    y <- posterior_interval.fullrank_fit(fit, prob = level)
    expect_identical(colnames(y), if (level == 0.95) c("2.5%", "97.5%") else c("25%", "75%"))
    expect_identical(unname(y), unname(x))
  }
  skip_if_not_installed("rstantools")
  found <- unname(rstantools::posterior_interval(fit))
  expect_equal(found, unname(as.matrix(as.data.frame(summary(fit))[c("5%", "95%")])), tolerance = 1e-14)
})

test_that("they are the exact posterior's where it is Normal or lognormal", {
  y <- c(0.4, -1.1, 2, 0.3, 1.2, 0.7)
  exact <- fullrank(model({
    mu ~ normal(0, 2)
    y  ~ normal(mu, 1)
    s  ~ lognormal(0, 2)
    log(x) ~ normal(log(s), 1)
  }), list(y = y, x = exp(y)), seed = 1, progress = FALSE, tol = 1e-4)
  x <- confint(exact, level = 0.9)
  precision <- c(1 / 4, 1 / 4) + length(y)
  want <- sapply(1:2, function(k) qnorm(c(0.05, 0.95), sum(y) / precision[k], sqrt(1 / precision[k])))
  expect_equal(unname(x["mu", ]), want[, 1], tolerance = 1e-3)
  expect_equal(unname(x["s", ]), exp(want[, 2]), tolerance = 1e-3)
  expect_identical(rownames(x), c("mu", "s"))
})

test_that("parameters are chosen by element, site or row", {
  all <- confint(fit)
  expect_identical(confint(fit, "tau"), all["tau", , drop = FALSE])
  expect_identical(confint(fit, c("theta", "L[2,1]")), all[c("theta[x]", "theta[y]", "L[2,1]"), ])
  expect_identical(confint(fit, 2:3), all[2:3, ])
  expect_identical(confint(fit, -1), all[-1, ])
  expect_error(confint(fit, "thet"), "`parm` names `thet`, which is no parameter of the fit. Did you mean `theta`")
  expect_error(confint(fit, 10), "`parm` must be names of parameters, or numbers of rows up to 9")
  expect_error(confint(fit, character()), "`parm` must be names")
  expect_error(confint(fit, level = 95), "`level` must be one number above 0 and at most 1")
  expect_error(confint(fit, lvel = 0.9), "no argument `lvel`")
  expect_identical(rownames(posterior_interval.fullrank_fit(fit, pars = "theta")), c("theta[x]", "theta[y]"))
  expect_error(posterior_interval.fullrank_fit(fit, pars = "thet"), "`pars` names `thet`")
  expect_identical(posterior_interval.fullrank_fit(fit, variable = "tau"), posterior_interval.fullrank_fit(fit, pars = "tau"))
  expect_identical(rownames(posterior_interval.fullrank_regression(regression_fit("gaussian"), pars = "wt")), "wt")
})

test_that("they ask for no data, and depend on the seed alone", {
  lean <- short_fit(model({ w ~ dirichlet(c(1, 2, 3)); k ~ multinomial(10, w) }), list(k = c(2, 3, 5)), keep_data = FALSE)
  whole <- short_fit(model({ w ~ dirichlet(c(1, 2, 3)); k ~ multinomial(10, w) }), list(k = c(2, 3, 5)))
  expect_identical(confint(lean), confint(whole))
  expect_false(identical(confint(whole, seed = 2), confint(whole)))
  expect_generator_untouched(confint(whole))
})

test_that("a kept value has one, and an mvnormal has that of its coordinates", {
  kept <- known_fit(model({
    a ~ normal(0, 1, dim = 2)
    d <- a[1] - 2 * a[2]
  }), list(), c(1, 2), matrix(c(1, 0.5, 0.5, 2), 2), keep = "d")
  at <- confint(kept, "d", level = 0.8)
  expect_equal(unname(pnorm(at, -3, sqrt(7))[1, ]), c(0.1, 0.9), tolerance = 0.05)
  p <- posterior(kept)
  expect_equal(unname(confint(p)), unname(p$loc + outer(sqrt(diag(vcov(p))), qnorm(c(0.025, 0.975)))), tolerance = 1e-12)
})
