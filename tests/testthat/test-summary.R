# The summary against closed forms and against posterior's summaries of draws.

m <- model({
  mu    ~ normal(0, 5)
  tau   ~ half_normal(2)
  p     ~ beta(1, 1)
  theta ~ normal(mu, tau, dim = c("x", "y"))
  w     ~ dirichlet(c(1, 1))
  L     ~ lkj_corr_cholesky(1, dim = 2)
  ratio <- theta[1] / tau
})
loc <- c(1, 0.2, -0.4, 0.5, -2, 0.3, 0.8)
S <- some_covariance(7, seed = 5, scale = 0.6)
sd <- sqrt(diag(S))
fit <- known_fit(m, list(), loc, S, keep = "ratio")
table <- as.data.frame(summary(fit))

test_that("one row a scalar that varies, in order, named twice", {
  rows <- c("mu", "tau", "p", "theta[x]", "theta[y]", "w[1]", "w[2]", "L[2,1]", "L[2,2]", "ratio")
  expect_s3_class(table, "data.frame")
  expect_named(table, c("variable", "mean", "sd", "5%", "50%", "95%", "mcse"))
  expect_identical(table$variable, rows)
  expect_identical(rownames(table), rows)
  expect_identical(as.data.frame(summary(fit$guide)), table)
})

test_that("elementwise rows are exact and have no Monte Carlo error", {
  expect_identical(is.na(table$mcse), rep(c(TRUE, FALSE), each = 5))
  expect_equal(table["mu", "mean"], loc[1])
  expect_equal(table["mu", "sd"], sd[1], tolerance = 1e-14)
  expect_equal(table["tau", "mean"], exp(loc[2] + sd[2]^2 / 2), tolerance = 1e-13)
  expect_equal(table["tau", "sd"], exp(loc[2] + sd[2]^2 / 2) * sqrt(exp(sd[2]^2) - 1), tolerance = 1e-12)
  p <- integrate(function(x) plogis(x) * dnorm(x, loc[3], sd[3]), -20, 20, rel.tol = 1e-10)$value
  expect_equal(table["p", "mean"], p, tolerance = 1e-9)
  expect_equal(unlist(table["tau", 4:6], use.names = FALSE), qlnorm(c(0.05, 0.5, 0.95), loc[2], sd[2]), tolerance = 1e-13)
  expect_equal(unlist(table["theta[y]", 4:6], use.names = FALSE), qnorm(c(0.05, 0.5, 0.95), loc[5], sd[5]), tolerance = 1e-13)
})

test_that("the other rows are within their Monte Carlo error", {
  share <- integrate(function(x) plogis(x) * dnorm(x, loc[6], sd[6]), -20, 20)$value
  expect_lt(abs(table["w[1]", "mean"] - share), 4 * table["w[1]", "mcse"])
  expect_lt(abs(table["w[2]", "mean"] - (1 - share)), 4 * table["w[2]", "mcse"])
  r <- integrate(function(x) tanh(x) * dnorm(x, loc[7], sd[7]), -20, 20)$value
  expect_lt(abs(table["L[2,1]", "mean"] - r), 4 * table["L[2,1]", "mcse"])
  # theta[1] exp(-x2) of correlated Normals: E = (mu - cov) exp(-m2 + v2 / 2)
  ratio <- (loc[4] - S[4, 2]) * exp(-loc[2] + S[2, 2] / 2)
  expect_lt(abs(table["ratio", "mean"] - ratio), 4 * table["ratio", "mcse"])
  # the error is that of 4,000 draws
  expect_equal(table[6:10, "mcse"], table[6:10, "sd"] / sqrt(4000), tolerance = 1e-12)
})

test_that("posterior summarises the draws to the same", {
  s <- posterior::summarise_draws(draws(fit, 20000, seed = 2), "mean", "sd", ~ posterior::quantile2(.x, c(0.05, 0.5, 0.95)))
  s <- as.data.frame(s[match(table$variable, s$variable), ])
  expect_lt(max(abs(s$mean - table$mean) / table$sd), 0.06)
  expect_lt(max(abs(s$sd / table$sd - 1)), 0.15)
  expect_lt(max(abs(s$q50 - table$`50%`) / table$sd), 0.06)
})

test_that("print: aligned, within the width, with the error explained", {
  for (width in c(60, 80, 120)) {
    lines <- printed(summary(fit$guide), width)
    expect_match(lines[1], "on the scale of the model:", fixed = TRUE)
    expect_match(lines[2], "mean +sd +5% +50% +95% +mcse")
    expect_match(paste(trimws(lines), collapse = " "), "Monte Carlo error of the mean, of rows that come from 4,000 draws")
  }
  # no column of missing errors where all is exact
  lines <- printed(summary(known_fit(model({ a ~ normal(0, 1, dim = 30) }), list(), numeric(30), diag(30))$guide))
  expect_false(any(grepl("mcse|NA", lines)))
  expect_length(lines, 23)
  expect_match(lines[23], "10 more of 30; print\\(summary\\(fit\\), n = Inf\\)")
  expect_length(printed(summary(known_fit(model({ a ~ normal(0, 1, dim = 30) }), list(), numeric(30), diag(30))$guide), n = Inf), 32)
  expect_error(print(summary(fit), n = 0), "`n`")
})

test_that("print: numbers of any size, long and wide names", {
  fit <- known_fit(model({
    a_very_long_name_that_nobody_would_use_for_a_parameter_but_somebody_does_in_the_end ~ normal(0, 1, dim = 2)
    s ~ half_normal(1, dim = 4)
  }), list(), c(1e12, 1e-12, 0, 300, -300, 0), diag(c(1e10, 1e-26, 1e-6, 1, 1, 400)))
  lines <- printed(summary(fit$guide))
  expect_match(lines[3], "\\[1\\]")
  expect_match(lines[4], "\\[2\\]")
  # exp(N(0, 20^2)): the mean is huge, not missing
  expect_match(lines[8], "e\\+")
  levels <- c("\u65e5\u672c", "\u00e9t\u00e9", "b, c", "d] e")
  lines <- printed(summary(known_fit(model({ a ~ normal(0, 1, dim = levels) }), list(levels = levels), 1:4, diag(4))$guide))
  expect_match(lines[5], "a[b, c]", fixed = TRUE)
})

test_that("seed and arguments", {
  expect_identical(as.data.frame(summary(fit)), table)
  other <- as.data.frame(summary(fit, seed = 9))
  expect_identical(other[1:5, ], table[1:5, ])
  expect_false(identical(other[6:10, ], table[6:10, ]))
  expect_error(summary(fit, sed = 9), "no argument `sed`")
  expect_error(summary(fit, seed = NULL), "`seed`")
})

test_that("the spread of a smooth stands apart from that of groups", {
  skip_if_not_installed("mgcv")
  d <- data.frame(x = seq(0, 1, length.out = 60), g = gl(6, 10))
  d$y <- sin(6 * d$x) + c(-1, 0, 1)[as.integer(d$g) %% 3 + 1] + 0.1 * cos(40 * d$x)
  s <- summary(fullrank(y ~ s(x) + (1 | g), data = d, seed = 1))
  section <- function(title) s$table$variable[s$sections[[title]]]
  expect_identical(section("Smooth terms"), "sd_s_x")
  expect_identical(section("Standard deviations between groups"), "sd_g")
  expect_output(print(s), "Smooth terms:")
})
