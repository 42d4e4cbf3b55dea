# Families: the table, and each family against data simulated from it.

test_that("a family is one of R's, a function, or a name with its link", {
  skip_if_not_installed("MASS")
  expect_identical(resolve_family(poisson)$name, "poisson")
  expect_identical(resolve_family(binomial("probit"))$link, "probit")
  expect_identical(resolve_family("Gamma")$link, "inverse")
  expect_identical(resolve_family("student")$link, "identity")
  expect_identical(resolve_family("beta", "cloglog")$link, "cloglog")
  expect_error(resolve_family("poison"), "no family \"poison\".*Did you mean `poisson`")
  expect_error(resolve_family("quasipoisson"), "negbinomial")
  expect_error(resolve_family(MASS::negative.binomial(2)), "estimated here: family = \"negbinomial\"")
  expect_error(resolve_family(quasi()), "no distribution")
  expect_error(resolve_family("poisson", "logit"), "has no link \"logit\"")
  expect_error(resolve_family(poisson(), "log"), "part of `family`")
  expect_error(resolve_family(3), "must be a family")
  expect_error(resolve_family("cumulative", "cauchit"), "no link \"cauchit\"")
})

test_that("the family of a fit is a family object", {
  fit <- regression_fit("gaussian")
  expect_s3_class(family(fit), "family")
  expect_identical(family(fit)$link, "identity")
  named <- resolve_family("weibull")$object
  expect_identical(named$linkinv(0), 1)
  expect_output(print(named), "weibull")
})

test_that("inverse links of the language are those of R", {
  eta <- c(0.2, 0.7, 1.4)
  for (link in names(inverse_links)) {
    expect_equal(eval(inverse_links[[link]], list(eta = eta)), make.link(link)$linkinv(eta), label = link)
  }
})

# Observations of each family with mean mu (probabilities for binomial families; the mean of the logarithm for lognormal).
response_of <- function(name, mu, n = length(mu)) switch(name,
  gaussian = rnorm(n, mu, 0.7), student = mu + 0.7 * rt(n, 4), lognormal = rlnorm(n, mu, 0.6), Gamma = rgamma(n, 3, 3 / mu),
  inverse.gaussian = r_inverse_gaussian(n, mu, 4), weibull = rweibull(n, 1.7, mu / gamma(1 + 1 / 1.7)), exponential = rexp(n, 1 / mu),
  poisson = rpois(n, mu), negbinomial = rnbinom(n, size = 2, mu = mu), zero_inflated_poisson = rpois(n, mu) * rbinom(n, 1, 0.7),
  zero_inflated_negbinomial = rnbinom(n, size = 3, mu = mu) * rbinom(n, 1, 0.75), hurdle_poisson = qpois(runif(n, exp(-mu), 1), mu) * rbinom(n, 1, 0.7),
  bernoulli = rbinom(n, 1, mu), binomial = rbinom(n, 7, mu), beta_binomial = rbinom(n, 9, rbeta(n, 5 * mu, 5 * (1 - mu))), beta = rbeta(n, 6 * mu, 6 * (1 - mu))
)

# Simulated data for each family with intercept 0.5 and slope 0.4 on its default link (see `link` where it is another).
simulated <- function(name, n = 400) {
  x <- rnorm(n)
  eta <- 0.5 + 0.4 * x + (name == "zero_inflated_negbinomial")
  y <- if (name == "cumulative") {
    findInterval(eta - 0.5 + rlogis(n), c(-1, 0.4, 1.5)) + 1
  } else {
    response_of(name, switch(name, gaussian = , student = , lognormal = eta, bernoulli = , binomial = , beta_binomial = , beta = plogis(eta), exp(eta)))
  }
  data.frame(x = x, y = y, n = if (name == "binomial") 7 else 9)
}

r_inverse_gaussian <- function(n, mu, lambda) {
  v <- rnorm(n)^2
  x <- mu + mu^2 * v / (2 * lambda) - mu / (2 * lambda) * sqrt(4 * mu * lambda * v + mu^2 * v^2)
  ifelse(runif(n) <= mu / (mu + x), x, mu^2 / x)
}

truth <- list(gaussian = c(sigma = 0.7), student = c(sigma = 0.7, df = 4), lognormal = c(sigma = 0.6), Gamma = c(shape = 3), inverse.gaussian = c(shape = 4),
              weibull = c(shape = 1.7), negbinomial = c(shape = 2), zero_inflated_poisson = c(zi = 0.3), zero_inflated_negbinomial = c(shape = 3, zi = 0.25),
              hurdle_poisson = c(zi = 0.3), beta_binomial = c(phi = 5), beta = c(phi = 6))

for (name in setdiff(names(family_table), "categorical")) {
  test_that(paste("family", name, "finds what its data were simulated from"), {
    set.seed(100 + match(name, names(family_table)))
    d <- simulated(name)
    link <- if (name %in% c("Gamma", "inverse.gaussian")) "log"
    formula <- if (name %in% c("binomial", "beta_binomial")) cbind(y, n - y) ~ x else y ~ x
    fit <- fullrank(formula, data = d, family = name, link = link, seed = 1)
    expect_true(fit$status %in% c("converged", "budget_exhausted"))
    expect_lt(fit$gap, 0.1)
    want <- if (name == "cumulative") c(x = 0.4) else c(`(Intercept)` = if (name == "zero_inflated_negbinomial") 1.5 else 0.5, x = 0.4)
    expect_lt(max(abs(coef(fit) - want) / standard_errors(fit)), 3.3)
    table <- as.data.frame(summary(fit))
    for (par in names(truth[[name]])) expect_lt(abs(table[par, "mean"] - truth[[name]][[par]]) / table[par, "sd"], 3.3)
    if (name == "cumulative") expect_lt(max(abs(table[c("1|2", "2|3", "3|4"), "mean"] - c(-1, 0.4, 1.5)) / table[c("1|2", "2|3", "3|4"), "sd"]), 3.3)
    # predictions: the mean of replicates is the expected response, their density is what log_lik() says
    yrep <- posterior_predict.fullrank_regression(fit, d[1:40, ], draws = 2000, seed = 2)
    ll <- log_lik.fullrank_regression(fit, d[1:40, ], draws = 50, seed = 2)
    expect_true(all(is.finite(ll)))
    if (name != "cumulative") {
      mu <- colMeans(posterior_epred.fullrank_regression(fit, d[1:40, ], draws = 2000, seed = 3))
      size <- if (name %in% c("binomial", "beta_binomial")) d$n[1:40] else 1
      se <- apply(yrep, 2, sd) / sqrt(2000)
      expect_lt(max(abs(colMeans(yrep) - mu * size) / se), 5)
      r <- residuals(fit, "pearson")
      expect_lt(abs(mean(r^2) - 1), 0.5)
    } else {
      p <- predict(fit, d[1:40, ], type = "response")
      expect_equal(unname(rowSums(p)), rep(1, 40))
      expect_lt(max(abs(colMeans(yrep == 2) - p[, "2"])), 0.06)
    }
  })
}

test_that("every link of every family finds what its data were simulated from", {
  # intercept and slope that keep the mean where it may be, for x between -1 and 1
  at <- list(identity = c(2, 0.5), log = c(0.7, 0.4), inverse = c(0.6, 0.2), sqrt = c(1.6, 0.4), `1/mu^2` = c(0.5, 0.3), logit = c(0.3, 0.8), probit = c(0.2, 0.6), cloglog = c(-0.3, 0.5), cauchit = c(0.3, 0.8))
  of_probability <- list(log = c(-1, 0.4), identity = c(0.5, 0.25))
  for (name in setdiff(names(family_table), c("cumulative", "categorical"))) {
    table <- family_table[[name]]
    for (link in table$links) {
      set.seed(match(name, names(family_table)) + 20 * match(link, names(inverse_links)))
      b <- if (table$response %in% c("binary", "binomial") && link %in% names(of_probability)) of_probability[[link]] else at[[link]]
      d <- data.frame(x = runif(500, -1, 1))
      d$y <- response_of(name, eval(inverse_links[[link]], list(eta = b[1] + b[2] * d$x)))
      formula <- switch(name, binomial = cbind(y, 7 - y) ~ x, beta_binomial = cbind(y, 9 - y) ~ x, y ~ x)
      fit <- fullrank(formula, data = d, family = name, link = link, seed = 1)
      label <- paste(name, link)
      expect_identical(fit$status, "converged", label = label)
      expect_lt(max(abs(coef(fit) - b) / standard_errors(fit)), 3.3, label = label)
      expect_lt(max(standard_errors(fit)), 0.5, label = label)
      expect_identical(family(fit)$link, link)
      expect_equal(unname(predict(fit, d[1:3, ], type = "response")),
                   unname(colMeans(posterior_epred.fullrank_regression(fit, d[1:3, ], draws = 4000, seed = 1))), label = label)
    }
  }
  for (link in family_table$cumulative$links) {
    set.seed(9)
    x <- rnorm(400)
    noise <- switch(link, logit = rlogis(400), probit = rnorm(400))
    d <- data.frame(x = x, y = findInterval(0.6 * x + noise, c(-1, 0.2, 1)) + 1)
    fit <- fullrank(y ~ x, data = d, family = "cumulative", link = link, seed = 1)
    expect_lt(abs(coef(fit)[["x"]] - 0.6) / standard_errors(fit), 3.3, label = link)
    cut <- as.data.frame(summary(fit))[c("1|2", "2|3", "3|4"), ]
    expect_lt(max(abs(cut$mean - c(-1, 0.2, 1)) / cut$sd), 3.3, label = link)
  }
  expect_identical(family_table$categorical$links, "logit") # has a test of its own
})

test_that("two ordered categories are a binary response", {
  fit <- fullrank(ordered(am) ~ wt, data = mtcars, family = "cumulative", prior = list(b ~ normal(0, 2), cutpoints ~ ordered(normal(0, 3))), seed = 1)
  binary <- fullrank(am ~ wt, data = mtcars, family = binomial(), prior = list(b ~ normal(0, 2), Intercept ~ normal(0, 3)), seed = 1)
  expect_equal(coef(fit)["wt"], coef(binary)["wt"], tolerance = 0.01)
  expect_equal(as.data.frame(summary(fit))["0|1", "mean"], -coef(binary)[["(Intercept)"]], tolerance = 0.01)
  expect_equal(fit$elbo, binary$elbo, tolerance = 0.01)
  expect_equal(unname(predict(fit, type = "response")[, "1"]), unname(fitted(binary)), tolerance = 0.01)
})

test_that("pointwise densities are R's own", {
  values <- list(mu = matrix(c(0.5, 1.5, 2, 3), 2), eta = log(matrix(c(0.5, 1.5, 2, 3), 2)), sigma = c(0.5, 1), shape = c(2, 3), zi = c(0.2, 0.4))
  y <- c(0, 2)
  own <- function(f) outer(1:2, 1:2, Vectorize(function(s, i) f(y[i], s, values$mu[s, i])))
  expect_equal(log_prob_dist(quote(normal(mu, sigma)), values, y, 2), own(function(y, s, mu) dnorm(y, mu, values$sigma[s], log = TRUE)))
  expect_equal(log_prob_dist(quote(poisson_log(eta)), values, y, 2), own(function(y, s, mu) dpois(y, mu, log = TRUE)))
  expect_equal(log_prob_dist(quote(zero_inflated(zi, poisson_log(eta))), values, y, 2),
               own(function(y, s, mu) log(values$zi[s] * (y == 0) + (1 - values$zi[s]) * dpois(y, mu))))
  expect_equal(log_prob_dist(quote(hurdle(zi, mu)), values, y, 2),
               own(function(y, s, mu) if (y == 0) log(values$zi[s]) else log1p(-values$zi[s]) + dpois(y, mu, log = TRUE) - log(1 - dpois(0, mu))))
})

test_that("a categorical response is a regression for each category but the first", {
  set.seed(5)
  x <- rnorm(500)
  p <- cbind(1, exp(0.5 + x), exp(-0.5 - 0.5 * x))
  d <- data.frame(x = x, y = factor(c("low", "mid", "high")[apply(p, 1, function(q) sample(3, 1, prob = q))], c("low", "mid", "high")))
  fit <- fullrank(y ~ x, data = d, family = "categorical", seed = 1)
  expect_named(coef(fit), c("mid_(Intercept)", "mid_x", "high_(Intercept)", "high_x"))
  expect_lt(max(abs(coef(fit) - c(0.5, 1, -0.5, -0.5)) / standard_errors(fit)), 3.3)
  p <- predict(fit, d[1:3, ], type = "response")
  expect_equal(unname(rowSums(p)), rep(1, 3))
  expect_identical(colnames(p), levels(d$y))
  expect_s3_class(predict(fit, d[1:3, ], type = "class"), "factor")
  expect_s3_class(simulate(fit, seed = 1)$sim_1, "factor")
})

test_that("glm agrees for every link", {
  skip_if_not_installed("MASS")
  cases <- list(list(binomial("logit"), am ~ wt), list(binomial("probit"), am ~ wt), list(binomial("cloglog"), am ~ wt), list(binomial("cauchit"), cbind(Menarche, Total - Menarche) ~ Age, MASS::menarche), list(poisson("log"), carb ~ hp), list(poisson("sqrt"), carb ~ hp),
                list(poisson("identity"), carb ~ cyl), list(Gamma("log"), mpg ~ wt), list(Gamma("identity"), mpg ~ wt), list(gaussian("log"), mpg ~ wt))
  for (case in cases) {
    data <- if (length(case) > 2L) case[[3]] else mtcars
    reference <- suppressWarnings(glm(case[[2]], case[[1]], data))
    prior <- if (case[[1]]$link == "identity") list(Intercept ~ normal(0, 50), b ~ normal(0, 20))
    fit <- fullrank(case[[2]], data = data, family = case[[1]], prior = prior, seed = 1)
    off <- max(abs(coef(fit) - coef(reference)) / sqrt(diag(vcov(reference))))
    expect_lt(off, 0.35, label = paste(case[[1]]$family, case[[1]]$link))
  }
})

test_that("censored and truncated responses", {
  set.seed(8)
  x <- rnorm(300)
  t <- rweibull(300, 1.5, exp(1 + 0.5 * x))
  d <- data.frame(x = x, time = pmin(t, 4), dead = t < 4)
  fit <- fullrank(time | cens(!dead) ~ x, data = d, family = "weibull", seed = 1)
  expect_true("y ~ censored(weibull(shape, mu/exp(lgamma(1 + 1/shape))), upper = upper)" %in% model_lines(as_model(fit)))
  expect_lt(abs(coef(fit)[["x"]] - 0.5) / standard_errors(fit)[["x"]], 3.3)
  if (requireNamespace("survival", quietly = TRUE)) {
    reference <- survival::survreg(survival::Surv(time, dead) ~ x, d)
    expect_lt(abs(coef(fit)[["x"]] - coef(reference)[["x"]]) / sqrt(vcov(reference)["x", "x"]), 0.25)
  }
  g <- regression_gap(fit, time | cens(!dead) ~ x, d)
  expect_equal(g$pointwise, g$joint)
  words <- as_model(time | cens(ifelse(dead, "none", "right")) ~ x, data = d, family = "weibull")
  expect_identical(words$data, as_model(fit)$data)
  # left-censored
  y <- pmax(1 + 0.5 * x + rnorm(300), 0)
  d <- data.frame(x = x, y = y)
  fit <- fullrank(y | cens(ifelse(y == 0, -1, 0)) ~ x, data = d, seed = 1)
  expect_lt(max(abs(coef(fit) - c(1, 0.5)) / standard_errors(fit)), 3.3)
  g <- regression_gap(fit, y | cens(ifelse(y == 0, -1, 0)) ~ x, d)
  expect_equal(g$pointwise, g$joint)
  # truncated
  k <- rpois(900, 1.5)
  d <- data.frame(k = k[k > 0])
  fit <- fullrank(k | trunc(lower = 1) ~ 1, data = d, family = poisson(), seed = 1)
  expect_lt(abs(coef(fit) - log(1.5)) / standard_errors(fit), 3.3)
  g <- regression_gap(fit, k | trunc(lower = 1) ~ 1, d)
  expect_equal(g$pointwise, g$joint)
  expect_true(all(posterior_predict.fullrank_regression(fit, draws = 20, seed = 1) >= 1))
  expect_error(as_model(k | trunc(lower = 2) ~ 1, data = d, family = poisson()), "outside trunc\\(\\)")
  expect_error(as_model(k | cens(k) ~ 1, data = d, family = poisson()), "cens\\(\\)")
  expect_error(as_model(k | cens(1) + trunc(lower = 1) ~ 1, data = d, family = poisson()), "do not go together")
  expect_error(as_model(am | cens(1) ~ 1, data = mtcars, family = binomial()), "not for family binomial")
})

test_that("a parameter with groups of its own starts near their effects, and the fit is short", {
  set.seed(5)
  n <- 1200
  g <- gl(30, 40)
  u <- rnorm(30, 0, 0.5)
  x <- rnorm(n)
  mu <- exp(1 + 0.3 * x)
  own <- exp(1 + u[g])
  cases <- list(
    sigma = list("gaussian", rnorm(n, x, own)), sigma = list("student", x + own * rt(n, 5)), sigma = list("lognormal", rlnorm(n, x, own)),
    shape = list(Gamma("log"), rgamma(n, own, own / mu)), shape = list("weibull", rweibull(n, own, mu / gamma(1 + 1 / own))),
    shape = list("negbinomial", rnbinom(n, size = own, mu = mu)), phi = list("beta", rbeta(n, plogis(x) * 4 * own, plogis(-x) * 4 * own))
  )
  for (k in seq_along(cases)) {
    name <- names(cases)[k]
    label <- paste(name, "of", resolve_family(cases[[k]][[1]])$name)
    formulas <- list(y ~ x, stats::as.formula(paste(name, "~ (1 | g)")))
    fit <- expect_silent(fullrank(formulas, data = data.frame(y = cases[[k]][[2]], x = x, g = g), family = cases[[k]][[1]], seed = 1, progress = FALSE))
    start <- as_model(fit)$init$values
    expect_lt(abs(log(start[[paste0("sd_g_", name)]] / as.data.frame(VarCorr(fit))$sdcor[1])), 0.25, label = label)
    expect_gt(stats::cor(start[[paste0("z_g_", name)]], ranef(fit)[[1]][, 1]), 0.95, label = label)
    expect_identical(fit$status, "converged", label = label)
    expect_lt(fit$gradient_evaluations, 5000, label = label)
    expect_gt(stats::cor(ranef(fit)[[1]][, 1], u), 0.6, label = label)
  }
})
