# Fits against long NUTS runs with the same priors (tools/nuts.R): M, the distance of means in posterior standard deviations,
# and S, the log of the ratio of standard deviations.

nuts_reference <- function(name) {
  all <- utils::read.csv(test_path("reference", "nuts.csv"), comment.char = "#")
  all <- all[all$model == name, ]
  rownames(all) <- all$parameter
  all
}

nuts_distance <- function(name) {
  model <- nuts_models[[name]]
  fit <- fullrank(model$formula, data = nuts_data(name), family = model$family, prior = model$prior, seed = 1)
  want <- nuts_reference(name)
  got <- as.data.frame(summary(fit))[want$parameter, ]
  data.frame(parameter = want$parameter, group = startsWith(want$parameter, "sd_"), population = want$parameter %in% names(coef(fit)),
             M = abs(got$mean - want$mean) / want$sd, S = abs(log(got$sd / want$sd)), spread = diagnostics(fit)$log_weight_sd)
}

# BROOD is nested in LOCATION, few to each: the posterior of the two standard deviations is an arc, which no Normal follows. Their
# M is about 0.6, and the log weights vary with a standard deviation of 1.6 (k-hat from 1,000 draws is anything between 0.4 and 0.9); the
# population effects hold all the same.
arcs <- "poisson_groups"

# Few cases in some cells, or one answer a row: these posteriors are skewed. Their means are up to half a standard error from the maximum of the
# likelihood (the test below), and a Normal that is closest by the ELBO is narrower than they are.
skewed <- c("logistic_factors", "binary_groups")

for (name in names(nuts_models)) {
  test_that(paste("the posterior of NUTS:", name), {
    if (endsWith(name, "groups")) skip_if_not_installed("lme4")
    if (name %in% c("negbinomial", "poisson_slopes", "binary_groups", "ordinal")) skip_if_not_installed("MASS")
    wider <- if (name %in% skewed) 1.5 else 1
    found <- nuts_distance(name)
    expect_false(anyNA(found$M))
    expect_true(sum(found$population) > 0)
    at <- which(found$population)
    worst <- function(column, rows) sprintf("%s: %s of %s is %.3f", name, column, found$parameter[rows][which.max(found[rows, column])], max(found[rows, column]))
    expect(all(found$M[at] <= 0.1 * wider), worst("M", at))
    expect(all(found$S[at] <= 0.15 * wider), worst("S", at))
    at <- which(found$group)
    if (name %in% arcs) expect_gt(found$spread[1], 1.2)
    expect(all(found$M[at] <= if (name %in% arcs) 0.7 else 0.3), if (length(at)) worst("M", at) else "")
    if (!name %in% arcs) expect(all(found$S[at] <= 0.15 * wider^2), if (length(at)) worst("S", at) else "")
    at <- which(!found$group & !found$population)
    expect(all(found$M[at] <= 0.3), if (length(at)) worst("M", at) else "")
  })
}

test_that("where posterior means are far from glm's and glmer's estimates, they are so for NUTS", {
  skip_if_not_installed("lme4")
  skip_if_not_installed("MASS")
  apart <- function(name, reference, estimate) {
    want <- nuts_reference(name)[names(estimate), ]
    max(abs(want$mean - estimate) / sqrt(diag(as.matrix(stats::vcov(reference)))))
  }
  factors <- stats::glm(nuts_models$logistic_factors$formula, stats::binomial(), nuts_data("logistic_factors"))
  expect_gt(apart("logistic_factors", factors, stats::coef(factors)), 0.4)
  groups <- lme4::glmer(nuts_models$binary_groups$formula, nuts_data("binary_groups"), stats::binomial())
  expect_gt(apart("binary_groups", groups, lme4::fixef(groups)), 0.25)
})
