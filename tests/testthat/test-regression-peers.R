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
  cases <- list(
    mtcars = list(mpg ~ wt + hp + factor(cyl), mtcars, gaussian()),
    `mtcars, weights and offset` = list(mpg ~ wt * am + offset(0.1 * qsec), mtcars, gaussian(), weights = quote(disp)),
    `mtcars, gamma` = list(mpg ~ wt + am, mtcars, Gamma("log")),
    infert = list(case ~ spontaneous + induced, infert, binomial()),
    `infert, polynomial` = list(case ~ poly(age, 2) + education + spontaneous, infert, binomial("probit")),
    warpbreaks = list(breaks ~ wool * tension, warpbreaks, poisson()),
    esoph = list(cbind(ncases, ncontrols) ~ unclass(agegp) + unclass(tobgp) + unclass(alcgp), esoph, binomial()),
    `esoph, contrasts` = list(cbind(ncases, ncontrols) ~ tobgp + alcgp, esoph, binomial(), contrasts = list(tobgp = "contr.treatment", alcgp = "contr.sum")),
    epil = list(y ~ lbase * trt + lage + V4, epil(), poisson())
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
    epil = list(y ~ lbase * trt + lage + V4 + (1 | subject), epil(), poisson())
  )
  for (name in names(cases)) {
    case <- cases[[name]]
    reference <- quiet(if (case[[3]]$family == "gaussian") lme4::lmer(case[[1]], case[[2]]) else lme4::glmer(case[[1]], case[[2]], case[[3]]))
    fit <- fullrank(case[[1]], data = case[[2]], family = case[[3]], prior = wide, seed = 1)
    expect_agrees(fit, reference, FALSE, name)
    own <- as.data.frame(VarCorr(fit))
    own <- own[is.na(own$var2), ]
    theirs <- reference_of(reference)$groups
    at <- match(paste(own$grp, own$var1), paste(sub("[.]1$", "", theirs$grp), theirs$var1))
    expect_false(anyNA(at), label = paste("unmatched groups of", name))
    expect_lt(max(abs(log(own$sdcor / theirs$sdcor[at]))), 0.35, label = name)
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
  expect_lt(max(abs(log(attr(VarCorr(fit)$g, "stddev") / attr(lme4::VarCorr(reference)$g, "stddev")))), 0.15)
  expect_agrees(fit, reference, TRUE, "three correlated effects")
})
