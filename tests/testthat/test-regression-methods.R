# Every method on a gaussian, a binomial, a Poisson multilevel, an ordinal and a distributional fit, against values made here from draws of
# the sites with R's own model.matrix() and distribution functions.

# The linear predictor (S x n) of each fit written out: `v` holds draws of its sites, `d` the data.
by_hand <- function(name, v, d) {
  fit <- regression_fit(name)
  formula <- list(gaussian = ~ wt + factor(cyl), binomial = ~ period, poisson = ~ x, ordinal = ~ Infl + Type + Cont, distributional = ~ x)[[name]]
  data <- fit$regression$data
  X <- sweep(model.matrix(formula, data)[, -1, drop = FALSE], 2, colMeans(model.matrix(formula, data)[, -1, drop = FALSE]))
  eta <- tcrossprod(v$b, X) + if (name == "ordinal") 0 else v$Intercept[, 1]
  if (name == "binomial") eta <- eta + v$r_herd[, data$herd]
  if (name == "poisson") {
    for (s in seq_len(nrow(eta))) {
      r <- matrix(v$r_g[s, ], 12)
      eta[s, ] <- eta[s, ] + r[data$g, 1] + r[data$g, 2] * data$x
    }
  }
  eta[, match(rownames(d), rownames(data)), drop = FALSE]
}

spread_by_hand <- function(name, v, d) switch(name,
  gaussian = matrix(v$sigma, nrow(v$b), nrow(d)),
  distributional = exp(v$Intercept_sigma[, 1] + tcrossprod(v$b_sigma, matrix(d$x - mean(spreading()$x))))
)

mean_by_hand <- function(name, eta) switch(name, gaussian = , distributional = eta, binomial = plogis(eta), poisson = exp(eta))

variance_by_hand <- function(name, v, d) {
  mu <- mean_by_hand(name, by_hand(name, v, d))
  switch(name, gaussian = , distributional = spread_by_hand(name, v, d)^2, binomial = mu * (1 - mu) / rep(d$size, each = nrow(mu)), poisson = mu)
}

log_lik_by_hand <- function(name, v, d) {
  eta <- by_hand(name, v, d)
  across <- function(y) rep(y, each = nrow(eta))
  matrix(switch(name,
    gaussian = dnorm(across(d$mpg), eta, spread_by_hand(name, v, d), log = TRUE), distributional = dnorm(across(d$y), eta, spread_by_hand(name, v, d), log = TRUE),
    binomial = dbinom(across(d$incidence), across(d$size), plogis(eta), log = TRUE), poisson = dpois(across(d$y), exp(eta), log = TRUE),
    ordinal = {
      cut <- cbind(-Inf, v$cutpoints, Inf)
      k <- as.integer(d$Sat)
      log(vapply(seq_along(k), function(i) plogis(cut[, k[i] + 1] - eta[, i]) - plogis(cut[, k[i]] - eta[, i]), eta[, 1]))
    }), nrow(eta))
}

numbers <- setdiff(names_of_fits, "ordinal")
rows_of <- function(name, n = 6) regression_fit(name)$regression$data[seq_len(n), ]

test_that("linear predictors and expectations are the formula's", {
  for (name in names_of_fits) {
    fit <- regression_fit(name)
    d <- rows_of(name)
    eta <- by_hand(name, paired_values(fit, 200, 7), d)
    expect_equal(unname(posterior_linpred.fullrank_regression(fit, newdata = d, draws = 200, seed = 7)), unname(eta), label = name)
    if (name == "ordinal") next
    mu <- mean_by_hand(name, eta)
    expect_equal(unname(posterior_epred.fullrank_regression(fit, newdata = d, draws = 200, seed = 7)), unname(mu), label = name)
    expect_equal(unname(posterior_linpred.fullrank_regression(fit, transform = TRUE, newdata = d, draws = 200, seed = 7)), unname(mu), label = name)
  }
  v <- paired_values(regression_fit("ordinal"), 200, 7)
  eta <- by_hand("ordinal", v, rows_of("ordinal"))
  p <- posterior_epred.fullrank_regression(regression_fit("ordinal"), newdata = rows_of("ordinal"), draws = 200, seed = 7)
  expect_equal(unname(p[, , "Low"]), unname(plogis(v$cutpoints[, 1] - eta)))
  expect_equal(unname(p[, , "High"]), unname(1 - plogis(v$cutpoints[, 2] - eta)))
})

test_that("predict() is mean, sd and quantiles of these", {
  for (name in numbers) {
    fit <- regression_fit(name)
    d <- rows_of(name)
    eta <- by_hand(name, paired_values(fit, 4000, 1), d)
    mu <- mean_by_hand(name, eta)
    p <- predict(fit, d, se.fit = TRUE)
    expect_equal(unname(p$fit), unname(colMeans(eta)), label = name)
    expect_equal(unname(p$se.fit), unname(apply(eta, 2, sd)), tolerance = 0.05, label = name)
    p <- predict(fit, d, type = "response", interval = "confidence", level = 0.8, se.fit = TRUE)
    expect_equal(unname(p$fit[, "fit"]), unname(colMeans(mu)), label = name)
    expect_equal(unname(p$fit[, c("lwr", "upr")]), unname(t(apply(mu, 2, quantile, c(0.1, 0.9)))), tolerance = 0.02, label = name)
    expect_equal(unname(p$se.fit), unname(apply(mu, 2, sd)), tolerance = 0.05, label = name)
    expect_equal(fitted(fit)[seq_len(6)], p$fit[, "fit"], label = name)
  }
  # an ordinal response has a linear predictor, and probabilities
  fit <- regression_fit("ordinal")
  d <- rows_of("ordinal")
  v <- paired_values(fit, 4000, 1)
  expect_equal(unname(predict(fit, d)), unname(colMeans(by_hand("ordinal", v, d))))
  expect_equal(unname(predict(fit, d, type = "response")[, "Low"]), unname(colMeans(plogis(v$cutpoints[, 1] - by_hand("ordinal", v, d)))))
  expect_identical(as.character(predict(fit, d, type = "class")), c("Low", "Medium", "High")[max.col(predict(fit, d, type = "response"))])
  expect_identical(fitted(fit), predict(fit, type = "response"))
})

test_that("prediction intervals hold new observations", {
  for (name in numbers) {
    fit <- regression_fit(name)
    d <- rows_of(name)
    size <- if (name == "binomial") d$size else 1
    band <- predict(fit, d, type = "response", interval = "prediction", level = 0.9)
    y <- posterior_predict.fullrank_regression(fit, d, draws = 4000, seed = 3) / rep(size, each = 4000)
    inside <- colMeans(y >= rep(band[, "lwr"], each = 4000) & y <= rep(band[, "upr"], each = 4000))
    expect_true(all(inside > 0.88), label = name)
    if (name %in% c("gaussian", "distributional")) expect_true(all(inside < 0.92), label = name)
  }
})

test_that("log densities and loo", {
  for (name in names_of_fits) {
    fit <- regression_fit(name)
    d <- rows_of(name)
    times <- if (name == "ordinal") rep(d$Freq, each = 50) else 1
    expect_equal(unname(log_lik.fullrank_regression(fit, d, draws = 50, seed = 5)), times * log_lik_by_hand(name, regression_values(fit, 50, 5), d), label = name)
  }
  # what is left out is predicted as by a fit without it
  skip_if_not_installed("loo")
  for (name in c("binomial", "poisson", "ordinal", "distributional")) {
    fit <- regression_fit(name)
    left_out <- suppressWarnings(loo::loo(fit, draws = 4000, seed = 1))
    found <- left_out$pointwise[, "elpd_loo"]
    data <- fit$regression$data
    for (i in order(left_out$diagnostics$pareto_k)[1:2]) {
      without <- suppressMessages(if (name == "ordinal") update(fit, data = data[-i, ], weights = Freq) else update(fit, data = data[-i, ]))
      ll <- log_lik.fullrank_regression(without, data[i, ], draws = 4000, seed = 2, allow.new.levels = TRUE)
      wanted <- max(ll) + log(mean(exp(ll - max(ll))))
      expect_lt(abs(found[i] - wanted), 0.2, label = sprintf("%s %d: %.3f and %.3f", name, i, found[i], wanted))
    }
  }
})

test_that("new observations have the family's mean and spread", {
  for (name in numbers) {
    fit <- regression_fit(name)
    d <- rows_of(name)
    v <- regression_values(fit, 4000, 9)
    size <- if (name == "binomial") d$size else 1
    y <- posterior_predict.fullrank_regression(fit, d, draws = 4000, seed = 9) / rep(size, each = 4000)
    mu <- mean_by_hand(name, by_hand(name, v, d))
    total <- colMeans(variance_by_hand(name, v, d)) + apply(mu, 2, var)
    expect_lt(max(abs(colMeans(y) - colMeans(mu)) / sqrt(total / 4000)), 4.5, label = name)
    expect_equal(unname(apply(y, 2, var)), unname(total), tolerance = 0.12, label = name)
    expect_equal(unname(predictive_error.fullrank_regression(fit, d, draws = 4000, seed = 9)), unname(rep(model.response(model.frame(fit))[seq_len(6 * if (name == "binomial") 1 else 1)] / size, each = 4000) - y), label = name)
    expect_equal(unname(predictive_interval.fullrank_regression(fit, 0.5, d, draws = 4000, seed = 9) / size), unname(t(apply(y, 2, quantile, c(0.25, 0.75)))), label = name)
    s <- simulate(fit, nsim = 300, seed = 2)
    first <- vapply(s, function(column) if (is.matrix(column)) column[1, 1] / sum(column[1, ]) else column[1], 0)
    expect_lt(abs(mean(first) - fitted(fit)[[1]]) / sqrt(total[1] / 300), 4.5, label = name)
  }
  fit <- regression_fit("ordinal")
  y <- posterior_predict.fullrank_regression(fit, rows_of("ordinal", 1), draws = 4000, seed = 9)
  expect_identical(attr(y, "levels"), c("Low", "Medium", "High"))
  expect_lt(max(abs(tabulate(y, 3) / 4000 - predict(fit, rows_of("ordinal", 1), type = "response"))), 0.03)
  s <- simulate(fit, nsim = 500, seed = 3)
  expect_lt(abs(mean(vapply(s, function(column) column[1] == "Low", NA)) - predict(fit, type = "response")[1, "Low"]), 0.08)
})

test_that("residuals and R-squared", {
  for (name in numbers) {
    fit <- regression_fit(name)
    d <- fit$regression$data
    y <- switch(name, gaussian = d$mpg, binomial = d$incidence / d$size, d$y)
    v <- paired_values(fit, 4000, 1)
    mu <- mean_by_hand(name, by_hand(name, v, d))
    variance <- variance_by_hand(name, v, d)
    expect_equal(unname(residuals(fit)), y - unname(colMeans(mu)), label = name)
    expect_equal(unname(residuals(fit, "pearson")), unname((y - colMeans(mu)) / sqrt(colMeans(variance))), label = name)
    weights <- if (name == "binomial") d$size else rep(1, nrow(d))
    expect_equal(unname(residuals(fit, "deviance")^2), unname(family(fit)$dev.resids(y, colMeans(mu), weights)), label = name)
    v <- paired_values(fit, 100, 4)
    explained <- apply(mean_by_hand(name, by_hand(name, v, d)), 1, var)
    expect_equal(bayes_R2.fullrank_regression(fit, draws = 100, seed = 4), explained / (explained + rowMeans(variance_by_hand(name, v, d))), label = name)
  }
})

test_that("weights mean what they mean in glm, also weights of 0", {
  d <- transform(mtcars, w = rep(c(0, 1, 2, 1), 8))
  for (own in list(gaussian(), poisson())) {
    fit <- fullrank(carb ~ wt, data = d, family = own, weights = w, seed = 1)
    reference <- glm(carb ~ wt, own, d, weights = w)
    expect_identical(nobs(fit), nobs(reference))
    for (type in c("response", "deviance")) expect_equal(residuals(fit, type), residuals(reference, type), tolerance = 0.02, label = paste(own$family, type))
    scale <- if (own$family == "gaussian") sigma(fit) else 1
    expect_equal(residuals(fit, "pearson"), residuals(reference, "pearson") / scale, tolerance = 0.03, label = own$family)
    expect_equal(predict(fit, d[1:8, ]), predict(fit)[1:8])
    ll <- log_lik.fullrank_regression(fit, draws = 3, seed = 1)
    expect_equal(log_lik.fullrank_regression(fit, d[1:8, ], draws = 3, seed = 1), ll[, 1:8])
    expect_true(all(ll[, d$w == 0] == 0) && all(ll[, d$w > 0] < 0))
    z <- constrain_draws(fit$compiled, sample_guide(fit$guide, draw_eps(3, length(fit$guide$loc), 1)))
    eta <- z$Intercept[, 1] + outer(z$b[, 1], d$wt - mean(d$wt))
    each <- rep(d$carb, each = 3)
    w <- rep(d$w, each = 3)
    want <- if (own$family == "gaussian") ifelse(w > 0, dnorm(each, eta, z$sigma[, 1] / sqrt(w), log = TRUE), 0) else w * dpois(each, exp(eta), log = TRUE)
    expect_equal(as.vector(ll), as.vector(want))
    expect_true(all(is.finite(unlist(simulate(fit, 2, seed = 1)))))
    r2 <- bayes_R2.fullrank_regression(fit, draws = 50, seed = 1)
    expect_true(all(r2 > 0 & r2 < 1))
    # where new rows do not say their weight it is 1
    expect_equal(predict(fit, data.frame(wt = 3), interval = "prediction"), predict(fit, data.frame(wt = 3, w = 1), interval = "prediction"))
  }
})

test_that("sites: quantiles, sigma, groups", {
  for (name in names_of_fits) {
    fit <- regression_fit(name)
    p <- posterior(fit)
    sd <- sqrt(diag(vcov(fit, full = TRUE)))
    q <- quantile(fit, c(0.1, 0.5))
    at <- grep("^b\\[", names(p$loc))
    expect_equal(unname(q$b), unname(outer(qnorm(c(0.1, 0.5)), sd[at]) + rep(p$loc[at], each = 2)), label = name)
    for (site in intersect(c("sigma", "sd_herd"), names(q))) {
      k <- match(site, names(p$loc))
      expect_equal(unname(q[[site]]), exp(p$loc[[k]] + qnorm(c(0.1, 0.5)) * sd[[k]]), label = name)
    }
    expect_equal(unname(median(fit)$b), unname(quantile(fit, 0.5)$b[1, ]), label = name)
  }
  fit <- regression_fit("gaussian")
  p <- posterior(fit)
  k <- match("sigma", names(p$loc))
  expect_equal(sigma(fit), exp(p$loc[[k]] + vcov(fit, full = TRUE)[k, k] / 2))
  for (name in c("binomial", "poisson", "ordinal")) expect_identical(sigma(regression_fit(name)), 1)
  for (name in c("gaussian", "ordinal", "distributional")) expect_identical(ranef(regression_fit(name)), list(), label = name)
  v <- regression_values(regression_fit("binomial"))
  expect_equal(ranef(regression_fit("binomial"))$herd[, 1], unname(colMeans(v$r_herd)))
  expect_equal(unname(attr(VarCorr(regression_fit("binomial"))$herd, "stddev")), mean(v$sd_herd))
  expect_equal(as.data.frame(VarCorr(fit))$grp, "Residual")
  expect_null(as.data.frame(VarCorr(regression_fit("ordinal"))))
})

test_that("frames, matrices and terms are those of the formula", {
  formulas <- list(gaussian = mpg ~ wt + factor(cyl), binomial = cbind(incidence, size - incidence) ~ period, poisson = y ~ x, ordinal = Sat ~ Infl + Type + Cont, distributional = y ~ x)
  for (name in names_of_fits) {
    fit <- regression_fit(name)
    data <- fit$regression$data
    frame <- model.frame(formulas[[name]], data)
    expect_equal(model.frame(fit)[names(frame)], frame, ignore_attr = TRUE, label = name)
    expect_equal(model.matrix(fit), model.matrix(formulas[[name]], data), ignore_attr = TRUE, label = name)
    expect_identical(colnames(model.matrix(fit)), colnames(model.matrix(formulas[[name]], data)), label = name)
    expect_equal(formula(fit, fixed.only = TRUE), formulas[[name]], ignore_attr = TRUE, label = name)
    expect_identical(attr(terms(fit), "term.labels"), attr(terms(formulas[[name]]), "term.labels"), label = name)
    expect_identical(nobs(fit), nrow(data), label = name)
    expect_identical(family(fit)$family, c(gaussian = "gaussian", binomial = "binomial", poisson = "poisson", ordinal = "cumulative", distributional = "gaussian")[[name]])
    shown <- capture.output(print(fit))
    expect_true(any(grepl("^Converged|^Budget|^Not", shown)), label = name)
    from_family <- function(lines) lines[seq(match(TRUE, startsWith(lines, "Family")), length(lines))] # cautions come before
    expect_identical(from_family(capture.output(print(summary(fit)))), from_family(shown), label = name)
    known <- prior_summary(fit)
    expect_true(all(c("Intercept", "b")[c(name != "ordinal", TRUE)] %in% sub("\\[.*", "", known$parameter)), label = name)
  }
})

test_that("update() refits every kind, and a fit is its own model", {
  smaller <- list(binomial = . ~ (1 | herd), poisson = . ~ . - x, ordinal = . ~ Infl)
  for (name in names(smaller)) {
    fit <- regression_fit(name)
    changed <- update(fit, smaller[[name]], seed = 5)
    expect_equal(formula(changed), update.formula(formula(fit), smaller[[name]]), ignore_attr = TRUE, label = name)
    want <- if (name == "ordinal") {
      fullrank(Sat ~ Infl, data = MASS::housing, weights = Freq, family = "cumulative", seed = 5)
    } else {
      fullrank(formula(changed), data = fit$regression$data, family = family(fit), seed = 5)
    }
    expect_identical(coef(changed), coef(want), label = name)
  }
})

test_that("no rows, and some missing", {
  for (name in names_of_fits) {
    fit <- regression_fit(name)
    none <- rows_of(name, 0)
    expect_identical(length(predict(fit, none)), 0L, label = name)
    for (f in list(posterior_predict.fullrank_regression, posterior_epred.fullrank_regression, log_lik.fullrank_regression)) {
      expect_identical(dim(f(fit, newdata = none, draws = 4, seed = 1))[1:2], c(4L, 0L), label = name)
    }
    d <- rows_of(name, 3)
    d[2, ] <- NA
    expect_identical(unname(is.na(predict(fit, d))), c(FALSE, TRUE, FALSE), label = name)
    expect_equal(predict(fit, d)[-2], predict(fit, rows_of(name, 3))[-2], label = name)
    expect_identical(unname(colSums(is.na(posterior_predict.fullrank_regression(fit, d, draws = 4, seed = 1)))), c(0, 4, 0), label = name)
  }
})

test_that("the priors of every fit, in numbers", {
  shown <- function(scale) sprintf("normal(0, %s)", format(signif(scale, 4)))
  for (name in names_of_fits) {
    fit <- regression_fit(name)
    p <- prior_summary(fit)
    X <- model.matrix(fit)[, -1, drop = FALSE]
    s <- if (name %in% c("gaussian", "distributional")) sd(model.response(model.frame(fit))) else 1
    b <- p$prior[grepl("^b(\\[|$)", p$parameter)]
    expect_identical(b, if (length(unique(shown(2.5 * s / apply(X, 2, sd)))) == 1L) unname(shown(2.5 * s / sd(X[, 1]))) else vapply(2.5 * s / apply(X, 2, sd), shown, "", USE.NAMES = FALSE), label = name)
    groups <- p$prior[startsWith(p$parameter, "sd_")]
    expect_identical(groups, if (name %in% c("binomial", "poisson")) "half_student_t(3, 2.5)" else character(), label = name)
    expect_true(all(p$source == "default"), label = name)
  }
  expect_identical(prior_summary(regression_fit("ordinal"))$prior[7], "ordered(normal(0, 5))")
})

test_that("plots of every fit and type return what they show", {
  pdf(NULL)
  on.exit(dev.off())
  for (name in names_of_fits) {
    fit <- regression_fit(name)
    y <- fit$regression$response$y
    if (name == "ordinal") y <- rep(y, MASS::housing$Freq) # a row counts as often as its weight says
    p <- plot(fit, type = "predictive", nsim = 20, seed = 3)
    expect_identical(p$y, y, label = name)
    expect_identical(ncol(p$yrep), length(y), label = name)
    expect_true(all(p$yrep[1, ] %in% if (name == "ordinal") 1:3 else if (name %in% c("binomial", "poisson")) 0:100 else p$yrep[1, ]), label = name)
    # standardised effects are left out; the first panel is that of the first site
    drawn <- plot(fit, type = "marginals")
    table <- as.data.frame(summary(fit))
    shown <- table[grepl("^((Intercept|b)(_sigma)?|(sd|L)_[a-z]+|sigma|cutpoints)(\\[|$)", table$variable), ]
    expect_identical(length(drawn), nrow(shown), label = name)
    expect_equal(drawn[[1]]$quantiles, unlist(shown[1, c("5%", "50%", "95%")], use.names = FALSE), tolerance = 1e-6, label = name)
    for (type in c("trace", "correlation", "pairs", "weights", "all")) expect_false(is.null(plot(fit, type = type)), label = paste(name, type))
  }
  p <- plot(regression_fit("ordinal"), type = "predictive", seed = 3)
  expect_equal(p$share, as.vector(tapply(MASS::housing$Freq, MASS::housing$Sat, sum)) / sum(MASS::housing$Freq))
  expect_true(all(p$share > p$replicates[1, ] - 0.05 & p$share < p$replicates[3, ] + 0.05))
})

test_that("waic is refused, and what has no meaning says so, whatever the fit", {
  skip_if_not_installed("loo")
  for (name in names_of_fits) {
    expect_error(loo::waic(regression_fit(name)), "waic\\(\\) is not available.*loo", label = name)
    expect_error(logLik(regression_fit(name)), "no logLik", label = name)
  }
  expect_output(print(VarCorr(regression_fit("distributional"))), "No groups")
  interval <- predictive_interval.fullrank_regression(regression_fit("ordinal"), 0.2, draws = 4000, seed = 1)
  y <- posterior_predict.fullrank_regression(regression_fit("ordinal"), draws = 4000, seed = 1)
  expect_equal(unname(interval[1:3, ]), unname(t(apply(y[, 1:3], 2, quantile, c(0.4, 0.6)))))
})

test_that("one new row, with characters for factors, is predicted as the training row that it equals", {
  for (name in names_of_fits) {
    fit <- regression_fit(name)
    d <- rows_of(name, 3)[3, , drop = FALSE]
    d[] <- lapply(d, function(column) if (is.factor(column) && !(name == "ordinal" && is.ordered(column))) as.character(column) else column)
    expect_equal(unname(predict(fit, d)), unname(predict(fit)[3]), label = name)
    at <- function(x) if (is.matrix(x)) x[nrow(x), ] else x[[length(x)]]
    expect_equal(at(predict(fit, d, type = "response")), at(predict(fit, rows_of(name, 3), type = "response")), label = name)
    # what a factor lacks in the new rows changes nothing
    d[] <- lapply(d, function(column) if (is.character(column)) factor(column) else column)
    expect_equal(unname(predict(fit, d)), unname(predict(fit)[3]), label = name)
  }
  fit <- regression_fit("binomial")
  new <- data.frame(period = "2", herd = "a new one", incidence = 0, size = 5)
  expect_error(predict(fit, new), "allow.new.levels")
  p <- predict(fit, new, allow.new.levels = TRUE, se.fit = TRUE)
  expect_equal(unname(p$fit), unname(coef(fit)[1] + coef(fit)[2]), tolerance = 0.1)
  expect_gt(p$se.fit, predict(fit, new, re.form = NA, se.fit = TRUE)$se.fit)
})

test_that("bases of every kind of fit are those of the training data", {
  skip_if_not_installed("mgcv")
  d <- transform(grouped_counts(), yes = y > 2, class = cut(y, c(-1, 0, 2, 4, 100), labels = FALSE), real = sqrt(y))
  for (term in list(quote(poly(x, 2)), quote(splines::ns(x, 3)), quote(s(x, k = 5)))) {
    with_term <- function(template) eval(do.call(substitute, list(template, list(T = term))))
    fits <- list(
      binomial = fullrank(with_term(quote(yes ~ T)), data = d, family = binomial(), seed = 1),
      poisson = fullrank(with_term(quote(y ~ T + (1 | g))), data = d, family = poisson(), seed = 1),
      ordinal = fullrank(with_term(quote(class ~ T)), data = d, family = "cumulative", seed = 1),
      distributional = fullrank(with_term(quote(list(real ~ T, sigma ~ T))), data = d, seed = 1)
    )
    for (name in names(fits)) {
      label <- paste(name, deparse(term))
      fit <- fits[[name]]
      expect_equal(predict(fit, d[7:8, ]), predict(fit)[7:8], label = label)
      expect_equal(unname(predict(fit, d[7, ])), unname(predict(fit)[7]), label = label)
      if (term[[1L]] == quote(s)) next
      # against R's own machinery, given our coefficients
      reference <- lm(with_term(quote(real ~ T)), d)
      b <- coef(fit)[!startsWith(names(coef(fit)), "sigma_")]
      reference$coefficients <- if (name == "ordinal") setNames(c(0, b), names(coef(reference))) else b
      center <- if (name == "ordinal") sum(colMeans(model.matrix(reference)[, -1]) * b) else 0
      expect_equal(unname(predict(fit, d[7:8, ], re.form = NA)), unname(predict(reference, d[7:8, ])) - center, label = label)
    }
    sigma <- predict(fits$distributional, d, dpar = "sigma")
    expect_equal(unname(predict(fits$distributional, d[9, ], dpar = "sigma")), unname(sigma[9]), label = deparse(term))
  }
})
