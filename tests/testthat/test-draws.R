# Draws on the user's scale: names, formats of package posterior, distribution, importance resampling.

m <- model({
  mu    ~ normal(0, 5)
  theta ~ normal(mu, 1, dim = 2)
  lev   ~ normal(0, 1, dim = c("north", "south, west"))
  A     ~ half_normal(1, dim = c(2, 2))
  L     ~ lkj_corr_cholesky(2, dim = 2)
  w     ~ dirichlet(c(1, 1, 1))
  total <- sum(theta)
})
labels <- c("mu", "theta[1]", "theta[2]", "lev[north]", "lev[south, west]", "A[1,1]", "A[2,1]", "A[1,2]", "A[2,2]",
            "L[1,1]", "L[2,1]", "L[1,2]", "L[2,2]", "w[1]", "w[2]", "w[3]", "total")
loc <- seq(-0.5, 0.6, length.out = 12)
S <- some_covariance(12, seed = 11)
fit <- known_fit(m, list(), loc, S, keep = "total")

test_that("a draws_matrix with posterior's names", {
  x <- draws(fit, seed = 1)
  expect_s3_class(x, "draws_matrix")
  expect_identical(dim(x), c(1000L, 17L))
  expect_identical(posterior::variables(x), labels)
  expect_identical(dim(draws(fit, 1)), c(1L, 17L))
  expect_identical(posterior::variables(draws(fit$guide, 2)), labels)
  expect_identical(posterior::variables(draws(guide(m, seed = 1), 2)), setdiff(labels, "total"))
})

test_that("each draw is the map of z = loc + L eps", {
  eps <- fullrank:::draw_eps(5, 12, 3)
  z <- t(loc + t(chol(S)) %*% t(eps))
  x <- unclass(draws(fit, 5, seed = 3))
  f <- log_density(m)
  for (i in 1:5) {
    v <- f$constrain(z[i, ])
    expect_equal(unname(x[i, ]), unname(c(unlist(lapply(v, as.vector)), sum(v$theta))), tolerance = 1e-10)
  }
  # by hand: real, positive and simplex
  expect_equal(unname(x[, "mu"]), z[, 1], tolerance = 1e-12)
  expect_equal(unname(x[, "A[2,1]"]), exp(z[, 7]), tolerance = 1e-12)
  expect_equal(unname(x[, "w[1]"]), plogis(z[, 11] - log(2)), tolerance = 1e-10)
  expect_equal(rowSums(x[, c("w[1]", "w[2]", "w[3]")]), rep(1, 5), ignore_attr = TRUE, tolerance = 1e-14)
  expect_equal(unname(x[, "L[2,1]"]), tanh(z[, 10]), tolerance = 1e-12)
})

test_that("draws have the distribution of the guide", {
  x <- unclass(draws(fit, 4000, seed = 2))
  expect_gt(stats::ks.test(x[, "mu"], "pnorm", loc[1], sqrt(S[1, 1]))$p.value, 0.001)
  expect_gt(stats::ks.test(x[, "A[1,1]"], "plnorm", loc[6], sqrt(S[6, 6]))$p.value, 0.001)
  expect_gt(stats::ks.test(x[, "total"], "pnorm", loc[2] + loc[3], sqrt(sum(S[2:3, 2:3])))$p.value, 0.001)
  expect_lt(abs(cor(x[, "mu"], log(x[, "A[1,1]"])) - cov2cor(S)[1, 6]), 0.06)
})

test_that("seeds", {
  expect_identical(draws(fit, 7, seed = 4), draws(fit, 7, seed = 4))
  # the first ones do not depend on how many there are, but for the last bit
  expect_equal(unclass(draws(fit, 9, seed = 4))[1:7, ], unclass(draws(fit, 7, seed = 4))[1:7, ], ignore_attr = TRUE, tolerance = 1e-14)
  expect_generator_untouched({
    draws(fit, 3, seed = 4)
    posterior::as_draws_df(fit, n = 3, seed = 4)
    as.matrix(fit, n = 3, seed = 4)
  })
  expect_set_seed_governs(function() draws(fit, 3))
  expect_set_seed_governs(function() as.data.frame(fit, n = 3))
})

test_that("the formats of package posterior hold the same numbers", {
  want <- unclass(draws(fit, 40, seed = 5))
  for (x in list(fit, fit$guide)) {
    expect_identical(posterior::as_draws(x, n = 40, seed = 5), draws(fit, 40, seed = 5))
    expect_s3_class(posterior::as_draws_matrix(x, n = 40, seed = 5), "draws_matrix")
    a <- posterior::as_draws_array(x, n = 40, seed = 5)
    expect_s3_class(a, "draws_array")
    expect_identical(dim(a), c(40L, 1L, 17L))
    df <- posterior::as_draws_df(x, n = 40, seed = 5)
    expect_s3_class(df, "draws_df")
    expect_identical(df[["A[2,1]"]], unname(want[, "A[2,1]"]))
    l <- posterior::as_draws_list(x, n = 40, seed = 5)
    expect_s3_class(l, "draws_list")
    expect_identical(l[[1]]$mu, unname(want[, "mu"]))
    r <- posterior::as_draws_rvars(x, n = 40, seed = 5)
    expect_s3_class(r, "draws_rvars")
    expect_identical(posterior::variables(r), c("mu", "theta", "lev", "A", "L", "w", "total"))
    expect_identical(dim(r$A), c(2L, 2L))
    expect_identical(dim(r$lev), 2L)
    expect_identical(names(r$lev), c("north", "south, west"))
    expect_identical(unname(posterior::draws_of(r$A)[, 2, 1]), unname(want[, "A[2,1]"]))
    expect_identical(unname(posterior::draws_of(r$L)[, 2, 1]), unname(want[, "L[2,1]"]))
    expect_identical(unname(as.vector(posterior::draws_of(r$mu))), unname(want[, "mu"]))
  }
  expect_equal(posterior::E(posterior::as_draws_rvars(fit, n = 40, seed = 5)$w), colMeans(want[, 14:16]), ignore_attr = TRUE)
  # base R's
  M <- as.matrix(fit, n = 40, seed = 5)
  expect_identical(class(M), c("matrix", "array"))
  expect_identical(unname(M), matrix(want, 40))
  expect_identical(colnames(M), labels)
  d <- as.data.frame(fit, n = 40, seed = 5)
  expect_identical(class(d), "data.frame")
  expect_identical(d[["w[3]"]], unname(want[, "w[3]"]))
  expect_identical(posterior::variables(fit), labels)
  expect_identical(posterior::nvariables(fit), 17L)
})

test_that("draws of a regression have its intercepts and cutpoints on the data's own scale, as coef() and summary() do", {
  for (name in names_of_fits) {
    fit <- regression_fit(name)
    table <- as.data.frame(summary(fit))
    x <- unclass(draws(fit, 4000, seed = 3))
    own <- switch(name, ordinal = c("Low|Medium", "Medium|High"), distributional = c("(Intercept)", "sigma_(Intercept)"), "(Intercept)")
    expect_identical(colnames(x)[seq_along(own)], own, label = name)
    expect_identical(posterior::variables(fit), colnames(x), label = name)
    # each draw, by R's model matrix
    X <- model.matrix(fit)
    centre <- colMeans(X)[setdiff(colnames(X), "(Intercept)")]
    b <- x[, startsWith(colnames(x), "b["), drop = FALSE]
    at <- if (name == "ordinal") "cutpoints[1]" else "Intercept"
    expect_equal(unname(x[, own[1]]), unname(x[, at] + (if (name == "ordinal") 1 else -1) * drop(b %*% centre)), label = name)
    expect_lt(max(abs(colMeans(x[, own, drop = FALSE]) - table[own, "mean"]) / table[own, "sd"]), 4.5 / sqrt(4000), label = name)
    expect_equal(unname(apply(x[, own, drop = FALSE], 2, sd)), table[own, "sd"], tolerance = 0.05, label = name)
    r <- posterior::as_draws_rvars(fit, n = 40, seed = 3)
    y <- unclass(draws(fit, 40, seed = 3))
    expect_identical(posterior::variables(r)[seq_along(own)], own, label = name)
    expect_identical(as.vector(posterior::draws_of(r[[own[1]]])), unname(y[, own[1]]), label = name)
    expect_identical(unname(posterior::draws_of(r$b)[, 1]), unname(y[, grep("^b\\[", colnames(y))[1]]), label = name)
  }
})

test_that("summarise_draws is the closed form where there is one", {
  s <- posterior::summarise_draws(posterior::as_draws(fit, n = 20000, seed = 1), "mean", "sd", "quantile2")
  expect_identical(s$variable, labels)
  row <- function(name) s[s$variable == name, ]
  expect_lt(abs(row("mu")$mean - loc[1]) / sqrt(S[1, 1] / 20000), 4.5)
  expect_equal(row("mu")$sd, sqrt(S[1, 1]), tolerance = 0.03)
  sd <- sqrt(S[6, 6])
  expect_lt(abs(row("A[1,1]")$mean / exp(loc[6] + sd^2 / 2) - 1) / sqrt(expm1(sd^2) / 20000), 4.5)
  expect_equal(log(row("A[1,1]")$q95), qnorm(0.95, loc[6], sd), tolerance = 0.05)
  # of the fit itself: the same, of 1,000 draws
  set.seed(3)
  of_fit <- posterior::summarise_draws(fit, "mean")
  set.seed(3)
  expect_identical(of_fit, posterior::summarise_draws(draws(fit), "mean"))
})

test_that("bad arguments", {
  expect_error(draws(fit, 0), "`n` must be one whole number of at least 1")
  expect_error(draws(fit, 2.5), "`n`")
  expect_error(draws(fit, importance = "yes"), "`importance` must be TRUE or FALSE")
  expect_error(draws(fit, m = 3), "no argument `m`")
  expect_error(draws(fit, 2, TRUE, 1, 5), "no argument at that place")
  expect_error(draws(m), "fit or a guide, not an object of class fullrank_model")
  expect_error(draws(fit, 2, seed = NA), "`seed`")
})

test_that("summarise_draws and rvars take a fit as it is", {
  s <- posterior::summarise_draws(posterior::as_draws(fit, n = 2000, seed = 1), "mean", "sd")
  x <- unclass(draws(fit, 2000, seed = 1))
  expect_equal(s$mean, unname(colMeans(x)))
  expect_equal(s$variable, colnames(x))
  r <- posterior::as_draws_rvars(fit, n = 50, seed = 1)
  expect_identical(dim(r$A), c(2L, 2L))
  expect_equal(unname(posterior::draws_of(r$A)[, 2, 1]), unname(unclass(draws(fit, 50, seed = 1))[, "A[2,1]"]))
})

# Not among the suggested packages, because it needs many more; CI installs it.
tidybayes <- function(name) {
  skip_if_not_installed("tidybayes")
  getExportedValue("tidybayes", name)
}

test_that("tidybayes takes the draws of a fit by name and index", {
  set.seed(4)
  t <- tidybayes("spread_draws")(fit, mu, theta[i], A[k, l])
  set.seed(4)
  x <- unclass(draws(fit))
  expect_identical(nrow(t), 1000L * 2L * 4L)
  for (i in 1:2) for (k in 1:2) for (l in 1:2) {
    at <- t[t$i == i & t$k == k & t$l == l, ]
    expect_identical(at$theta[order(at$.draw)], unname(x[, sprintf("theta[%d]", i)]))
    expect_identical(at$A[order(at$.draw)], unname(x[, sprintf("A[%d,%d]", k, l)]))
    expect_identical(at$mu[order(at$.draw)], unname(x[, "mu"]))
  }
  set.seed(4)
  g <- tidybayes("gather_draws")(fit, L[k, l], w[i])
  expect_identical(g$.value[g$.variable == "L" & g$k == 2 & g$l == 1], unname(x[, "L[2,1]"]))
  expect_identical(g$.value[g$.variable == "w" & g$i %in% 3], unname(x[, "w[3]"]))
})

test_that("tidybayes adds draws of predictions to new rows", {
  reg <- regression_fit("poisson")
  d <- grouped_counts()[c(3, 50, 170), ]
  generic <- list(epred = posterior_epred.fullrank_regression, linpred = posterior_linpred.fullrank_regression,
                  predicted = posterior_predict.fullrank_regression)
  for (name in names(generic)) {
    for (re_formula in list(NULL, NA)) {
      t <- tidybayes(sprintf("add_%s_draws", name))(d, reg, ndraws = 40, seed = 7, re_formula = re_formula)
      set.seed(7)
      want <- generic[[name]](reg, newdata = d, draws = 40, re.form = re_formula)
      value <- t[[c(epred = ".epred", linpred = ".linpred", predicted = ".prediction")[[name]]]]
      for (row in 1:3) expect_equal(value[t$.row == row], unname(want[, row]), label = paste(name, row))
      expect_identical(t$x[t$.row == 2], rep(d$x[2], 40))
    }
  }
  ordinal <- regression_fit("ordinal")
  t <- tidybayes("add_epred_draws")(MASS::housing[1:2, ], ordinal, ndraws = 10, seed = 7)
  set.seed(7)
  want <- posterior_epred.fullrank_regression(ordinal, newdata = MASS::housing[1:2, ], draws = 10)
  expect_identical(levels(t$.category), c("Low", "Medium", "High"))
  expect_equal(t$.epred[t$.row == 2 & t$.category == "High"], unname(want[, 2, "High"]))
  t <- tidybayes("add_predicted_draws")(MASS::housing[1:2, ], ordinal, ndraws = 10, seed = 7)
  expect_identical(levels(t$.prediction), c("Low", "Medium", "High"))
  r <- tidybayes("add_epred_rvars")(d, reg, ndraws = 40, seed = 7)
  set.seed(7)
  expect_equal(mean(r$.epred), unname(colMeans(posterior_epred.fullrank_regression(reg, newdata = d, draws = 40))), ignore_attr = TRUE)
})

test_that("bayesplot takes the draws as they are", {
  skip_if_not_installed("bayesplot")
  x <- bayesplot::mcmc_intervals_data(posterior::as_draws_array(fit, n = 500, seed = 1), pars = c("mu", "A[2,1]"), point_est = "median")
  values <- unclass(draws(fit, 500, seed = 1))
  expect_equal(x$m, unname(apply(values[, c("mu", "A[2,1]")], 2, median)))
})

test_that("no generic of posterior, rstantools or loo is lost to one of the same name here", {
  ours <- getNamespaceExports("fullrank")
  expect_identical(intersect(ours, getNamespaceExports("posterior")), "entropy")
  r <- posterior::rvar(factor(sample(letters[1:3], 100, TRUE)))
  expect_identical(fullrank::entropy(r), posterior::entropy(r))
  expect_identical(posterior::entropy(posterior(fit)), entropy(posterior(fit)))
  expect_identical(posterior::entropy(fit), entropy(fit))
  skip_if_not_installed("loo")
  expect_length(intersect(ours, getNamespaceExports("loo")), 0)
  skip_if_not_installed("rstantools")
  expect_identical(intersect(ours, getNamespaceExports("rstantools")), "prior_summary")
  registerS3method("prior_summary", "somefit", function(object, ...) object$flat, asNamespace("rstantools"))
  expect_identical(fullrank::prior_summary(structure(list(flat = 3), class = "somefit")), 3)
  expect_identical(rstantools::prior_summary(regression_fit("gaussian")), prior_summary(regression_fit("gaussian")))
})
