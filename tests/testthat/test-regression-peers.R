# Regressions against lm, glm, MASS and lme4 under wide priors: each number from the other package, here and now.

wide <- list(Intercept ~ normal(0, 1000), b ~ normal(0, 100))

# Estimates and standard errors of the reference; for lme4 the standard deviations between groups in `groups`.
reference_of <- function(fit) {
  if (inherits(fit, "merMod")) {
    groups <- as.data.frame(lme4::VarCorr(fit))
    return(list(estimate = lme4::fixef(fit), se = sqrt(diag(as.matrix(stats::vcov(fit)))), groups = groups[is.na(groups$var2), ]))
  }
  estimate <- if (inherits(fit, "polr")) c(fit$coefficients, fit$zeta) else stats::coef(fit)
  list(estimate = estimate, se = sqrt(diag(stats::vcov(fit)))[names(estimate)])
}

quiet <- function(expr) suppressWarnings(suppressMessages(expr))

# One row a model: the largest departure in standard errors of the reference, and the least and largest ratio of standard errors.
agreement <- function(fit, reference) {
  want <- reference_of(reference)
  table <- as.data.frame(summary(fit))[names(want$estimate), ]
  ratio <- table$sd / want$se
  c(off = max(abs(table$mean - want$estimate) / want$se), lowest = min(ratio), highest = max(ratio))
}

expect_agrees <- function(fit, reference, spread, label) {
  found <- agreement(fit, reference)
  expect(found[["off"]] < 0.25, sprintf("%s: a coefficient is %.2f standard errors off", label, found[["off"]]))
  if (!spread) return(invisible(found))
  expect(found[["lowest"]] > 0.85 && found[["highest"]] < 1.15,
         sprintf("%s: standard errors are %.2f to %.2f times the reference's", label, found[["lowest"]], found[["highest"]]))
  invisible(found)
}

epil <- function() transform(MASS::epil, lbase = log(base / 4), lage = log(age))

test_that("models without groups agree with glm", {
  skip_if_not_installed("MASS")
  cases <- list(
    mtcars = list(mpg ~ wt + hp + factor(cyl), mtcars, gaussian()),
    `mtcars, weights and offset` = list(mpg ~ wt * am + offset(0.1 * qsec), mtcars, gaussian(), weights = quote(disp)),
    `mtcars, gamma` = list(mpg ~ wt + am, mtcars, Gamma("log")),
    infert = list(case ~ spontaneous + induced, infert, binomial()),
    `infert, polynomial` = list(case ~ poly(age, 2) + education + spontaneous, infert, binomial("probit")),
    warpbreaks = list(breaks ~ wool * tension, warpbreaks, poisson()),
    esoph = list(cbind(ncases, ncontrols) ~ unclass(agegp) + unclass(tobgp) + unclass(alcgp), esoph, binomial()),
    `esoph, contrasts` = list(cbind(ncases, ncontrols) ~ tobgp + alcgp, esoph, binomial(), contrasts = list(tobgp = "contr.treatment", alcgp = "contr.sum")),
    epil = list(y ~ lbase * trt + lage + V4, epil(), poisson()),
    Insurance = list(Claims ~ District + Group + Age + offset(log(Holders)), MASS::Insurance, poisson()),
    ships = list(incidents ~ type + factor(year) + factor(period) + offset(log(service)), subset(MASS::ships, service > 0), poisson()),
    menarche = list(cbind(Menarche, Total - Menarche) ~ Age, MASS::menarche, binomial()),
    anorexia = list(Postwt ~ Prewt + Treat + offset(Prewt), MASS::anorexia, gaussian()),
    airquality = list(Ozone ~ Solar.R + Wind + Temp + factor(Month), airquality, gaussian()),
    InsectSprays = list(sqrt(count) ~ spray, InsectSprays, gaussian()),
    iris = list(Sepal.Length ~ Species * Petal.Length, iris, gaussian())
  )
  for (name in names(cases)) {
    case <- cases[[name]]
    more <- case[-(1:3)]
    reference <- do.call(stats::glm, c(list(case[[1]], case[[3]], case[[2]]), more))
    fit <- do.call(fullrank, c(list(case[[1]], data = case[[2]], family = case[[3]], prior = wide, seed = 1), more))
    expect_identical(fit$status, "converged", label = name)
    expect_identical(names(coef(fit)), names(coef(reference)), label = name)
    expect_agrees(fit, reference, TRUE, name)
  }
})

test_that("models of MASS agree", {
  skip_if_not_installed("MASS")
  counts <- epil()
  fit <- fullrank(y ~ lbase * trt + lage + V4, data = counts, family = "negbinomial", prior = c(wide, shape ~ gamma(0.1, 0.01)), seed = 1)
  reference <- MASS::glm.nb(y ~ lbase * trt + lage + V4, counts)
  expect_agrees(fit, reference, TRUE, "epil")
  absent <- fullrank(Days ~ Sex / (Age + Eth * Lrn), data = MASS::quine, family = "negbinomial", prior = c(wide, shape ~ gamma(0.1, 0.01)), seed = 1)
  expect_agrees(absent, MASS::glm.nb(Days ~ Sex / (Age + Eth * Lrn), MASS::quine), TRUE, "quine")
  shape <- as.data.frame(summary(fit))["shape", ]
  expect_lt(abs(shape$mean - reference$theta) / reference$SE.theta, 0.25)
  for (link in c("logit", "probit")) {
    fit <- fullrank(Sat ~ Infl + Type + Cont, data = MASS::housing, weights = Freq, family = "cumulative", link = link,
                    prior = list(b ~ normal(0, 100), cutpoints ~ ordered(normal(0, 100))), seed = 1)
    reference <- MASS::polr(Sat ~ Infl + Type + Cont, weights = Freq, data = MASS::housing, Hess = TRUE, method = if (link == "logit") "logistic" else link)
    expect_agrees(fit, reference, TRUE, paste("housing", link))
  }
})

test_that("models with groups agree with lme4", {
  skip_if_not_installed("lme4")
  set.seed(1)
  insteval <- lme4::InstEval[sample(nrow(lme4::InstEval), 10000), ]
  cases <- list(
    sleepstudy = list(Reaction ~ Days + (Days | Subject), lme4::sleepstudy, gaussian()),
    `sleepstudy, uncorrelated` = list(Reaction ~ Days + (Days || Subject), lme4::sleepstudy, gaussian()),
    cbpp = list(cbind(incidence, size - incidence) ~ period + (1 | herd), lme4::cbpp, binomial()),
    grouseticks = list(TICKS ~ YEAR + scale(HEIGHT) + (1 | BROOD) + (1 | LOCATION), lme4::grouseticks, poisson()),
    `grouseticks, nested` = list(TICKS ~ YEAR + (1 | LOCATION / BROOD), lme4::grouseticks, poisson()),
    InstEval = list(y ~ service + lectage + studage + (1 | dept), insteval, gaussian()),
    `InstEval, crossed` = list(y ~ service + (1 | s) + (1 | d), droplevels(lme4::InstEval[1:1000, ]), gaussian()),
    epil = list(y ~ lbase * trt + lage + V4 + (1 | subject), epil(), poisson()),
    Penicillin = list(diameter ~ (1 | plate) + (1 | sample), lme4::Penicillin, gaussian()),
    Pastes = list(strength ~ (1 | batch / cask), lme4::Pastes, gaussian()),
    cake = list(angle ~ recipe * temperature + (1 | recipe:replicate), lme4::cake, gaussian()),
    Dyestuff = list(Yield ~ (1 | Batch), lme4::Dyestuff, gaussian()),
    Orthodont = list(distance ~ age * Sex + (age | Subject), as.data.frame(nlme::Orthodont), gaussian()),
    Oxboys = list(height ~ age + I(age^2) + (age | Subject), as.data.frame(nlme::Oxboys), gaussian()),
    Oats = list(yield ~ nitro + (1 | Block / Variety), as.data.frame(nlme::Oats), gaussian())
  )
  for (name in names(cases)) {
    case <- cases[[name]]
    reference <- quiet(if (case[[3]]$family == "gaussian") lme4::lmer(case[[1]], case[[2]]) else lme4::glmer(case[[1]], case[[2]], case[[3]]))
    has_b <- length(lme4::fixef(reference)) > 1L
    fit <- fullrank(case[[1]], data = case[[2]], family = case[[3]], prior = if (has_b) wide else list(Intercept ~ normal(0, 10000)), seed = 1)
    expect_agrees(fit, reference, FALSE, name)
    own <- as.data.frame(VarCorr(fit))
    own <- own[is.na(own$var2), ]
    theirs <- reference_of(reference)$groups
    at <- match(paste(own$grp, own$var1), paste(sub("[.]1$", "", theirs$grp), theirs$var1))
    expect_false(anyNA(at), label = paste("unmatched groups of", name))
    expect_lt(max(abs(log(own$sdcor / theirs$sdcor[at]))), 0.35, label = name)
  }
})

test_that("ordinal and categorical models with groups: two categories are those of glmer, three those of gam", {
  skip_if_not_installed("lme4")
  few <- transform(subset(lme4::VerbAgg, as.integer(id) <= 60), id = droplevels(id))
  reference <- lme4::glmer(r2 ~ btype + mode + (1 | id), few, stats::binomial(), nAGQ = 7)
  want <- lme4::fixef(reference)
  se <- sqrt(diag(as.matrix(stats::vcov(reference))))
  ordinal <- fullrank(ordered(r2) ~ btype + mode + (1 | id), data = few, family = "cumulative", prior = list(b ~ normal(0, 100), cutpoints ~ ordered(normal(0, 100))), seed = 1)
  table <- as.data.frame(summary(ordinal))
  expect_lt(max(abs(c(-table["N|Y", "mean"], coef(ordinal)) - want) / se), 0.1)
  nominal <- fullrank(r2 ~ btype + mode + (1 | id), data = few, family = "categorical", prior = list(Intercept ~ normal(0, 100), b ~ normal(0, 100)), seed = 1)
  expect_lt(max(abs(coef(nominal) - want) / se), 0.1)
  # the same density, given other names
  expect_equal(unname(coef(nominal)[-1]), unname(coef(ordinal)), tolerance = 0.01)
  expect_equal(as.data.frame(summary(nominal))["sd_id_Y", "mean"], table["sd_id", "mean"], tolerance = 0.01)
  expect_lt(abs(log(table["sd_id", "mean"] / attr(lme4::VarCorr(reference)$id, "stddev"))), 0.1)
  skip_if_not_installed("mgcv")
  few$k <- as.integer(few$resp)
  reference <- mgcv::gam(k ~ btype + mode + s(id, bs = "re"), mgcv::ocat(R = 3), few, method = "REML")
  fit <- fullrank(ordered(resp) ~ btype + mode + (1 | id), data = few, family = "cumulative", prior = list(b ~ normal(0, 100), cutpoints ~ ordered(normal(0, 100))), seed = 1)
  at <- match(names(coef(fit)), names(stats::coef(reference)))
  expect_lt(max(abs(coef(fit) - stats::coef(reference)[at]) / sqrt(diag(stats::vcov(reference)))[at]), 0.25)
  expect_gt(stats::cor(ranef(fit)$id[, 1], stats::coef(reference)[grep("^s\\(id", names(stats::coef(reference)))]), 0.999)
})

test_that("censored survival times agree with survreg", {
  skip_if_not_installed("survival")
  d <- subset(survival::lung, !is.na(ph.ecog))
  for (name in c("weibull", "lognormal", "exponential")) {
    reference <- survival::survreg(survival::Surv(time, status) ~ age + sex + ph.ecog, d, dist = name)
    prior <- c(wide, if (name == "weibull") shape ~ gamma(0.1, 0.01))
    fit <- fullrank(time | cens(status == 1) ~ age + sex + ph.ecog, data = d, family = name, prior = prior, seed = 1)
    # of the Weibull the mean is modelled here, the scale there: the slopes are the same
    at <- names(coef(fit))[if (name == "weibull") -1 else TRUE]
    se <- sqrt(diag(stats::vcov(reference)))[at]
    expect_lt(max(abs(coef(fit)[at] - stats::coef(reference)[at]) / se), 0.25, label = name)
    ratio <- standard_errors(fit)[at] / se
    expect_true(all(ratio > 0.85 & ratio < 1.15), label = name)
  }
})

test_that("three correlated effects of a hundred groups are as far apart as lme4 finds them, also where the data say little of one", {
  skip_on_cran()
  skip_if_not_installed("lme4")
  set.seed(15)
  d <- data.frame(g = gl(100, 10), x1 = rnorm(1000), x2 = rnorm(1000))
  u <- matrix(rnorm(300), 100) %*% diag(c(1, 0.5, 0.33))
  d$y <- 0.5 + u[d$g, 1] + (0.5 + u[d$g, 2]) * d$x1 + (0.5 + u[d$g, 3]) * d$x2 + rnorm(1000, 0, 1.1)
  fit <- fullrank(y ~ x1 + x2 + (1 + x1 + x2 | g), data = d, seed = 1, progress = FALSE)
  reference <- quiet(lme4::lmer(y ~ x1 + x2 + (1 + x1 + x2 | g), d))
  expect_identical(fit$status, "converged")
  # the Normal with the best ELBO has 0.17 for the third, where the most likely value is 0.21 and the posterior reaches down to 0
  expect_lt(max(abs(log(attr(VarCorr(fit)$g, "stddev") / attr(lme4::VarCorr(reference)$g, "stddev")))), 0.3)
  expect_agrees(fit, reference, TRUE, "three correlated effects")
})

test_that("smooths of mean and spread are those of gaulss, from every start", {
  skip_if_not_installed("mgcv")
  skip_if_not_installed("MASS")
  skip_if_not_installed("rstantools")
  reference <- mgcv::gam(list(accel ~ s(times), ~ s(times)), data = MASS::mcycle, family = mgcv::gaulss(), method = "REML")
  mean <- stats::predict(reference, se.fit = TRUE)
  sd <- stats::predict(reference, type = "response")[, 2]^-1
  for (seed in 1:4) {
    fit <- fullrank(list(accel ~ s(times), sigma ~ s(times)), data = MASS::mcycle, seed = seed)
    expect_identical(fit$status, "converged")
    expect_lt(fit$gradient_evaluations, 30000)
    expect_lt(stats::quantile(abs(predict(fit) - mean$fit[, 1]) / mean$se.fit[, 1], 0.9), 1)
    expect_lt(stats::median(abs(log(apply(rstantools::posterior_predict(fit, draws = 2000, seed = 1), 2, stats::sd) / sd))), 0.25)
  }
})

# The maximum of the likelihood of times in groups, whose effects are summed out on a grid: coefficients, log shape or sigma, log sd. Of the
# Weibull the scale is modelled, not the mean: the slopes are the same.
times_mode <- function(time, event, X, g, name, start) {
  u <- seq(-6, 6, length.out = 81)
  p <- ncol(X)
  minus <- function(theta) {
    spread <- exp(theta[p + 1])
    by_point <- vapply(u, function(at) {
      eta <- drop(X %*% theta[1:p]) + exp(theta[p + 2]) * at
      density <- if (name == "weibull") stats::dweibull(time, spread, exp(eta), TRUE) else stats::dlnorm(time, eta, spread, TRUE)
      tail <- if (name == "weibull") stats::pweibull(time, spread, exp(eta), FALSE, TRUE) else stats::plnorm(time, eta, spread, FALSE, TRUE)
      rowsum(ifelse(event, density, tail), g)[, 1] + stats::dnorm(at, log = TRUE)
    }, numeric(length(unique(g))))
    top <- apply(by_point, 1, max)
    -sum(top + log(rowSums(exp(by_point - top)) * (u[2] - u[1])))
  }
  found <- quiet(stats::optim(start, minus, method = "BFGS", hessian = TRUE))
  list(estimate = found$par, se = sqrt(diag(solve(found$hessian))))
}

test_that("groups of censored times are as far apart as quadrature finds them, from every start", {
  skip_if_not_installed("survival")
  d <- survival::diabetic
  for (name in c("weibull", "lognormal")) {
    want <- times_mode(d$time, d$status == 1, stats::model.matrix(~ trt * laser, d), d$id, name, c(5, 0, 0, 1, 0, 0))
    for (seed in 1:3) {
      fit <- fullrank(time | cens(status == 0) ~ trt * laser + (1 | id), data = d, family = name, prior = wide, seed = seed)
      expect_identical(fit$status, "converged")
      expect_lt(max(abs(coef(fit)[-1] - want$estimate[2:4]) / want$se[2:4]), 0.25)
      expect_lt(abs(log(attr(VarCorr(fit)$id, "stddev")) - want$estimate[6]), 0.2)
    }
  }
})

test_that("pairs of Weibull times far apart are found to be so", {
  set.seed(2)
  d <- data.frame(g = rep(1:200, each = 2), x = stats::rnorm(400))
  d$y <- stats::rweibull(400, 1.5, exp(0.5 * d$x + stats::rnorm(200, 0, 2)[d$g]))
  want <- times_mode(d$y, rep(TRUE, 400), cbind(1, d$x), d$g, "weibull", c(0, 0, 0, 0.5))
  fit <- fullrank(y ~ x + (1 | g), data = d, family = "weibull", seed = 1)
  expect_identical(fit$status, "converged")
  expect_lt(abs(coef(fit)[["x"]] - want$estimate[2]) / want$se[2], 0.25)
  expect_lt(abs(log(attr(VarCorr(fit)$g, "stddev")) - want$estimate[4]), 0.1)
  expect_lt(abs(log(as.data.frame(summary(fit))["shape", "mean"]) - want$estimate[3]), 0.1)
})

test_that("as many correlated effects as rows are as far apart as lme4 finds them", {
  skip_if_not_installed("lme4")
  for (seed in 1:3) {
    set.seed(seed)
    d <- data.frame(g = rep(1:60, each = 2), x = stats::rnorm(120))
    d$y <- 0.5 * d$x + stats::rnorm(60, 0, 1.5)[d$g] + stats::rnorm(60, 0, 0.7)[d$g] * d$x + stats::rnorm(120)
    control <- lme4::lmerControl(check.nobs.vs.nRE = "ignore")
    reference <- quiet(lme4::lmer(y ~ x + (x | g), d, control = control))
    expect_message(fit <- fullrank(y ~ x + (x | g), data = d, seed = 1), "120 effects for 120 observations")
    expect_identical(fit$status, "converged")
    expect_lt(max(abs(coef(fit) - lme4::fixef(reference)) / sqrt(diag(as.matrix(stats::vcov(reference))))), 0.25)
    expect_lt(abs(log(attr(VarCorr(fit)$g, "stddev") / attr(lme4::VarCorr(reference)$g, "stddev"))[[1]]), 0.2)
    expect_lt(abs(attr(VarCorr(fit)$g, "stddev")[[2]] - attr(lme4::VarCorr(reference)$g, "stddev")[[2]]), 0.3)
  }
})
