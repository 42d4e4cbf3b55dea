# as_model(fit): statements that run on their own to the same bits, for every family and kind of term.

everything <- function() {
  set.seed(3)
  n <- 120
  d <- data.frame(x = rnorm(n), w = runif(n, 1, 3), f = gl(3, 1, n), g = gl(8, 15), h = factor(sample(5, n, TRUE)), big = factor(sample(60, n, TRUE)),
                  o = factor(sample(c("lo", "mid", "hi"), n, TRUE), c("lo", "mid", "hi"), ordered = TRUE), l = runif(n) < 0.4, ch = sample(c("a", "b", "c"), n, TRUE), a.b = rnorm(n))
  d[["odd name"]] <- rnorm(n)
  eta <- 0.5 + 0.3 * d$x + rnorm(8, 0, 0.3)[d$g]
  transform(d, y = eta + rnorm(n), count = rpois(n, exp(eta)), positive = exp(eta + rnorm(n)), unit = plogis(eta + rnorm(n)), yes = rbinom(n, 1, plogis(eta)),
            some = rbinom(n, 6, plogis(eta)), class = factor(sample(c("A", "B", "C"), n, TRUE)), late = rbinom(n, 1, 0.2), check.names = FALSE)
}

# 40 steps are enough to tell two models apart by their bits. A new row is predicted as the training row that it equals.
expect_same_bits <- function(formula, ..., data = everything(), label = paste(deparse(formula), collapse = " ")) {
  fit <- suppressMessages(do.call(fullrank, list(formula, data = data, seed = 2, steps = 40, optimizer = adam(0.05), ...)))
  m <- as_model(fit)
  again <- fullrank(m, seed = 2, steps = 40, optimizer = adam(0.05))
  for (part in c("loc", "scale", "scale_tril")) expect_identical(again$guide[[part]], fit$guide[[part]], label = paste(label, part))
  expect_identical(again$elbo, fit$elbo, label = label)
  expect_identical(eval(parse(text = paste(capture.output(print(m)), collapse = "\n")))$statements, m$statements, label = label)
  expect_equal(nrow(as.data.frame(summary(again))), sum(!rownames(as.data.frame(summary(fit))) %in% c(names(coef(fit)), "A|B", "B|C", "lo|mid", "mid|hi")), label = label)
  expect_equal(predict(fit, data[7, ]), if (is.matrix(predict(fit))) predict(fit)[7, , drop = FALSE] else predict(fit)[7], label = label)
}

test_that("population terms of every kind", {
  for (formula in list(y ~ 1, y ~ 0 + x, y ~ 0 + f, y ~ f * x, y ~ poly(x, 2), y ~ splines::ns(x, 3), y ~ x + offset(w), y ~ o, y ~ l + ch, y ~ I(x^2) + log(w), y ~ big, y ~ 0 + big, y ~ x + big + f,
                       y ~ x * l, y ~ scale(x), log(positive) ~ x, y ~ f:x, y ~ f / x, y ~ (x + f + l)^2, y ~ a.b + `odd name`)) {
    expect_same_bits(formula)
    reference <- names(coef(lm(formula, everything())))
    expect_identical(names(coef(suppressMessages(fullrank(formula, data = everything(), seed = 1, steps = 1)))), reference)
  }
})

test_that("group terms of every kind", {
  for (formula in list(y ~ x + (1 | g), y ~ x + (x | g), y ~ x + (x || g), y ~ (f | g), y ~ (f || g), y ~ (0 + f | g), y ~ (1 | g / h), y ~ (1 | g) + (1 | h), y ~ (x | g) + (1 | h), y ~ (1 | g:h),
                       y ~ (poly(x, 2) | g), y ~ (1 | ch), y ~ (1 | l), y ~ 0 + (1 | g), y ~ (1 | big), y ~ x + (0 + x | g), y ~ (l | g), y ~ l + (ch || g), y ~ (o | g))) {
    expect_same_bits(formula)
  }
})

test_that("smooths of every kind", {
  skip_if_not_installed("mgcv")
  for (formula in list(y ~ s(x), y ~ s(x, by = f), y ~ s(x, by = w), y ~ s(x, bs = "cr", k = 5), y ~ t2(x, w), y ~ s(x, w, k = 8), y ~ s(x) + s(w) + (1 | g), y ~ s(g, bs = "re"), y ~ s(x, fx = TRUE, k = 4),
                       y ~ s(w, bs = "cc", k = 6))) {
    expect_same_bits(formula)
  }
})

test_that("every family, with groups", {
  response <- c(real = "y", positive = "positive", count = "count", unit = "unit", binary = "yes", binomial = "some", ordinal = "o", nominal = "class")
  for (name in names(family_table)) {
    left <- str2lang(response[[family_table[[name]]$response]])
    if (name %in% c("binomial", "beta_binomial")) left <- quote(some | trials(6))
    formula <- eval(call("~", left, quote(x + (1 | g))))
    expect_same_bits(formula, family = name, link = if (name %in% c("Gamma", "inverse.gaussian")) "log", label = name)
  }
  # each link writes statements of its own
  for (name in names(family_table)) {
    left <- str2lang(response[[family_table[[name]]$response]])
    if (name %in% c("binomial", "beta_binomial")) left <- quote(some | trials(6))
    for (link in family_table[[name]]$links) expect_same_bits(eval(call("~", left, quote(x))), family = name, link = link, label = paste(name, link))
  }
})

test_that("parameters with formulas, limits, weights, priors and the prior alone", {
  skip_if_not_installed("mgcv")
  expect_same_bits(list(y ~ x + (1 | g), sigma ~ x + (1 | h)), label = "sigma")
  expect_same_bits(list(count ~ x, zi ~ w, shape ~ f), family = "zero_inflated_negbinomial", label = "zi and shape")
  expect_same_bits(list(y ~ s(x), df ~ 1, sigma ~ s(w)), family = "student", label = "df")
  expect_same_bits(list(unit ~ x, phi ~ x), family = "beta", label = "phi")
  expect_same_bits(positive | cens(late) ~ x, family = "weibull")
  expect_same_bits(count | trunc(lower = 1) ~ x, family = poisson(), data = subset(everything(), count > 0))
  expect_same_bits(y | trunc(upper = 10) ~ x)
  expect_same_bits(y ~ x, weights = everything()$w, label = "weights")
  expect_same_bits(count ~ x + (x | g), family = poisson(), weights = rep(0:2, 40), label = "frequencies")
  expect_same_bits(y ~ x + f + (1 | g), prior = list(b[x] ~ student_t(3, 0, 1), sd ~ exponential(1 / sigma), b[f2] ~ exponential(2)), label = "priors")
  expect_same_bits(y ~ x + f, prior = "flat", label = "flat")
  expect_same_bits(y ~ x + (x | g), prior_only = TRUE, label = "prior only")
  expect_same_bits(o ~ x + (1 | g), family = "cumulative", prior = list(cutpoints ~ ordered(student_t(3, 0, 3))), label = "cutpoints")
})
