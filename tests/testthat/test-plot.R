# Pictures, by the numbers that plot() returns of what it has drawn.

m <- model({
  mu    ~ normal(1, 2)
  tau   ~ half_normal(1)
  theta ~ normal(mu, tau, dim = 3)
  w     ~ dirichlet(c(2, 3, 4))
  f     ~ flat()
  y     ~ normal(theta[g] + 0 * f, 0.5)
})
data <- list(y = c(0.3, 1.2, -0.4, 0.8, 1.9, 1.1), g = c(1, 2, 3, 1, 2, 3))
loc <- c(0.5, -0.4, 0.1, 0.9, 0.7, 0.2, -0.1, 0)
S <- some_covariance(8, seed = 3, scale = 0.4)
fit <- known_fit(m, data, loc, S)

# On a device that draws nothing; graphical parameters are as before.
drawn <- function(...) {
  grDevices::pdf(NULL)
  on.exit(grDevices::dev.off())
  before <- graphics::par(no.readonly = TRUE)
  out <- withVisible(plot(...))
  expect_false(out$visible)
  expect_identical(graphics::par("mar", "mfrow", "oma"), before[c("mar", "mfrow", "oma")])
  out$value
}

test_that("the trace has the mean ELBO of each block, its error, and the phases", {
  x <- fit
  set.seed(1)
  x$loss <- -(10 + rnorm(4000))
  x$loss[5] <- NaN
  at <- drawn(x, type = "trace")$blocks
  expect_lte(nrow(at), 200L)
  first <- setdiff(1:21, 5)
  expect_equal(at$elbo[1], mean(-x$loss[first]))
  expect_equal(mean(at$se), 1 / sqrt(20), tolerance = 0.05)
  # a steady climb is no noise
  x$loss <- -seq_len(4000)
  expect_equal(drawn(x, type = "trace")$blocks$se[1], sqrt(1 / 2 / 20))
  # a short run: each step by itself
  x$loss <- -(seq_len(90) + rnorm(90, sd = 0.3))
  at <- drawn(x, type = "trace")$blocks
  expect_identical(at$elbo, -x$loss)
  expect_equal(sqrt(mean(at$se^2)), 0.3, tolerance = 0.2)
  natural <- fullrank(model({ a ~ normal(0, 1); s ~ half_normal(1); y ~ normal(a, s) }), list(y = c(1, 2, 4)), seed = 1)
  shown <- drawn(natural, type = "trace")
  expect_identical(shown$phases, natural$phases)
  expect_identical(shown$final[["elbo"]], natural$elbo)
  x$loss <- c(NaN, NaN)
  expect_identical(nrow(drawn(x, type = "trace")$blocks), 0L)
})

test_that("marginals are densities, exact where they can be", {
  curves <- drawn(fit, type = "marginals")
  expect_identical(vapply(curves, `[[`, "", "name"), c("mu", "tau", "theta[1]", "theta[2]", "theta[3]", "w[1]", "w[2]", "w[3]", "f"))
  sd <- sqrt(diag(S))
  expect_equal(curves[[1]]$y, dnorm(curves[[1]]$x, loc[1], sd[1]))
  expect_equal(curves[[2]]$y, dlnorm(curves[[2]]$x, loc[2], sd[2]), tolerance = 1e-6)
  area <- function(x, y) sum(diff(x) * (y[-1] + y[-length(y)]) / 2)
  for (curve in curves) expect_equal(area(curve$x, curve$y), 1, tolerance = 0.03)
  expect_equal(curves[[1]]$quantiles, unname(quantile(fit, c(0.05, 0.5, 0.95))$mu))
})

test_that("priors are those of the statements, averaged over what they depend on", {
  curves <- drawn(fit, type = "marginals")
  expect_equal(curves[[1]]$prior, dnorm(curves[[1]]$x, 1, 2))
  expect_equal(curves[[2]]$prior, 2 * dnorm(curves[[2]]$x))
  expect_null(curves[[9]]$prior)
  # the flat site leaves no prior draws to average over, and so none for what depends on other sites
  expect_null(curves[[3]]$prior)
  proper <- known_fit(model({
    mu    ~ normal(1, 2)
    theta ~ normal(mu, 0.5, dim = 2)
    w     ~ dirichlet(c(2, 3, 4))
  }), list(), rep(0, 5), diag(0.1, 5))
  curves <- drawn(proper, type = "marginals")
  exact <- dnorm(curves[[2]]$x, 1, sqrt(4.25))
  expect_lt(max(abs(curves[[2]]$prior - exact)) / max(exact), 0.15)
  share <- curves[[4]]
  exact <- dbeta(share$x, 2, 7)
  expect_lt(mean(abs(share$prior - exact)) / mean(exact), 0.2)
})

test_that("correlations are drawn as they are, by site or clustered", {
  R <- correlation(fit)
  expect_identical(drawn(fit, type = "correlation"), R)
  clustered <- drawn(fit, type = "correlation", order = "cluster")
  expect_identical(clustered, R[rownames(clustered), rownames(clustered)])
  expect_setequal(rownames(clustered), rownames(R))
  blocks <- diag(6)
  blocks[c(1, 3, 5), c(1, 3, 5)] <- 0.9
  diag(blocks) <- 1
  two <- known_fit(model({ x ~ normal(0, 1, dim = 6) }), list(), rep(0, 6), blocks)
  at <- match(paste0("x[", c(1, 3, 5), "]"), rownames(drawn(two, type = "correlation", order = "cluster")))
  expect_identical(sort(at), min(at) + 0:2)
  expect_identical(rownames(drawn(fit, type = "correlation", pars = c("theta", "mu"))), c("theta[1]", "theta[2]", "theta[3]", "mu"))
})

test_that("pairs are resampled towards the posterior, under the Normal's ellipses", {
  # the posterior is N(0, 1); the guide is not
  off <- known_fit(model({ x ~ normal(0, 1, dim = 2) }), list(), c(0.3, -0.2), diag(1.3, 2))
  shown <- drawn(off, type = "pairs")
  expect_true(shown$corrected)
  expect_identical(dim(shown$draws), c(600L, 2L))
  expect_lt(max(abs(colMeans(shown$draws))), 0.12)
  expect_equal(apply(shown$draws, 2, sd), c(1, 1), tolerance = 0.1, ignore_attr = TRUE)
  expect_equal(shown$loc, coef(off))
  inside <- function(prob) {
    e <- ellipse_points(c(1, 2), S[1:2, 1:2], prob)
    range(mahalanobis(e, c(1, 2), S[1:2, 1:2]))
  }
  expect_equal(inside(0.95), rep(qchisq(0.95, 2), 2))
  expect_equal(inside(0.5), rep(qchisq(0.5, 2), 2))
  narrow <- known_fit(model({ x ~ student_t(1, 0, 1, dim = 12) }), list(), rep(0, 12), diag(0.02, 12))
  shown <- drawn(narrow, type = "pairs", pars = 3)
  expect_identical(ncol(shown$draws), 3L)
  if (!shown$corrected) expect_true(is.na(shown$khat) || shown$khat > 0.7)
})

test_that("pairs are corrected by the same judgement as draws", {
  judged <- within_state(known_fit(model({ x ~ normal(0, 1, dim = 2) }), list(), c(0.1, 0), diag(1.1, 2)))
  judged[c("khat", "log_weight_sd")] <- c(0.61, 0.5)
  expect_true(drawn(judged, type = "pairs")$corrected)
  judged$khat <- 0.83
  expect_error(draws(judged, importance = TRUE), "k-hat is 0.83")
  shown <- drawn(judged, type = "pairs")
  expect_false(shown$corrected)
  expect_identical(shown$khat, 0.83)
})

test_that("pairs() is the picture of pairs, the numbers and all", {
  grDevices::pdf(NULL)
  on.exit(grDevices::dev.off())
  shown <- pairs(fit, pars = c("mu", "theta"), seed = 2)
  expect_identical(shown, drawn(fit, type = "pairs", pars = c("mu", "theta"), seed = 2))
  expect_identical(names(shown$loc), c("mu", paste0("theta[", 1:3, "]")))
  expect_identical(unname(shown$loc), loc[c(1, 3:5)])
  expect_equal(unname(shown$covariance), S[c(1, 3:5), c(1, 3:5)], tolerance = 1e-12)
})

test_that("weights are those that judged the fit", {
  natural <- fullrank(model({ a ~ normal(0, 1); s ~ half_normal(1); y ~ normal(a, s) }), list(y = c(1, 2, 4)), seed = 1)
  shown <- drawn(natural, type = "weights")
  expect_identical(shown$log_weights, natural$log_weights)
  expect_equal(sum(shown$ratios), 1)
  expect_equal(sum(shown$smoothed), 1)
  expect_false(is.unsorted(-shown$ratios))
  w <- exp(natural$log_weights - max(natural$log_weights))
  expect_equal(shown$ratios[1], max(w) / sum(w))
  # log weights that differ by rounding are one bar of the histogram, no wider than its neighbours
  exact <- known_fit(model({ x ~ normal(0, 1) }), list(), 0, matrix(1))
  exact[c("elbo", "log_weights")] <- list(-3, -3 + c(0, 1e-15, -1e-15, 0))
  grDevices::pdf(NULL)
  plot_log_weights(exact$log_weights, exact)
  across <- diff(graphics::par("usr")[1:2])
  grDevices::dev.off()
  expect_gt(across, 0.1)
  expect_lt(across, 0.2)
  none <- natural
  none$log_weights <- rep(-Inf, 1000)
  none$log_weight_sd <- Inf
  expect_null(drawn(none, type = "weights"))
})

test_that("a page of all, at few parameters and at many", {
  expect_named(drawn(fit), c("trace", "weights", "correlation", "marginals"))
  expect_length(drawn(fit)$marginals, 8)
  many <- known_fit(model({
    a ~ normal(0, 1)
    b ~ normal(0, 1, dim = 300)
    s ~ half_normal(1, dim = 99)
  }), list(), rep(0, 400), diag(400))
  expect_length(drawn(many)$marginals, 8)
  expect_length(drawn(many, type = "marginals"), 20)
  expect_length(drawn(many, type = "marginals", pars = "b"), 42)
  expect_identical(dim(drawn(many, type = "correlation")), c(400L, 400L))
  expect_identical(ncol(drawn(many, type = "pairs")$draws), 5L)
  expect_identical(ncol(drawn(many, type = "pairs", pars = "b")$draws), 12L)
})

test_that("errors name what there is", {
  expect_error(plot(fit, type = "elbow"), "should be one of")
  expect_error(plot(fit, pars = "thetta"), "`thetta`.*Did you mean `theta`")
  expect_error(plot(fit, type = "pairs", pars = 0), "`pars`")
  expect_error(plot(fit, pars = TRUE), "`pars` must be a number of parameters, or their names")
  expect_error(plot(fit, pars = character()), "`pars` must be a number of parameters, or their names")
  expect_error(plot(fit, type = "pairs", colour = 3), "no argument `colour`")
})

test_that("colours are Okabe and Ito's, or grey", {
  expect_true(all(ink[c("main", "mark")] %in% toupper(grDevices::palette.colors(9, "Okabe-Ito"))))
})
