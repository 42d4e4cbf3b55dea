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

for (name in names(nuts_models)) {
  test_that(paste("the posterior of NUTS:", name), {
    if (endsWith(name, "groups")) skip_if_not_installed("lme4")
    found <- nuts_distance(name)
    expect_false(anyNA(found$M))
    expect_true(sum(found$population) > 0)
    at <- which(found$population)
    worst <- function(column, rows) sprintf("%s: %s of %s is %.3f", name, column, found$parameter[rows][which.max(found[rows, column])], max(found[rows, column]))
    expect(all(found$M[at] <= 0.1), worst("M", at))
    expect(all(found$S[at] <= 0.15), worst("S", at))
    at <- which(found$group)
    if (name %in% arcs) expect_gt(found$spread[1], 1.2)
    expect(all(found$M[at] <= if (name %in% arcs) 0.7 else 0.3), if (length(at)) worst("M", at) else "")
    if (!name %in% arcs) expect(all(found$S[at] <= 0.15), if (length(at)) worst("S", at) else "")
    at <- which(!found$group & !found$population)
    expect(all(found$M[at] <= 0.3), if (length(at)) worst("M", at) else "")
  })
}
