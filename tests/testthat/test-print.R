# What a fit prints: the verdict first, no failure hidden, no line too long.

m <- model({
  mu ~ normal(0, 1)
  s  ~ half_normal(1)
  y  ~ normal(mu, s)
})
data <- list(y = c(0.3, 1.2, -0.4, 0.8, 1.9))
fit <- short_fit(m, data)

# A fit with what a run may end in.
ended <- function(...) {
  given <- list(...)
  fit[names(given)] <- given
  fit
}
text <- function(x, ...) paste(trimws(printed(x, ...)), collapse = " ")

test_that("the verdict comes first, with the cost and the gap", {
  good <- ended(status = "converged", gap = 0.0021, gap_se = 0.0004, steps = 12345, gradient_evaluations = 98760, seconds = 75)
  expect_match(text(good), "^Converged after 12,345 steps \\(98,760 gradient evaluations, 1.2 min\\): estimated gap to the optimum 0.00210 \\+- 0.00040 nats\\.")
  expect_match(text(good), "ELBO +-?[0-9.]+ \\+- [0-9.]+ nats k-hat .* Parameters, on the scale of the model: mean +sd +5% +50% +95%")
  expect_match(text(ended(status = "budget_exhausted")), "^NOT CONVERGED: the budget ran out after .* gap .* Go on with update\\(fit\\)")
  expect_match(text(ended(status = "interrupted")), "^NOT CONVERGED: interrupted after .* Go on with update\\(fit\\)")
  expect_match(text(ended(status = "diverged", nonfinite = c(mu = 1L, s = 0L, y = 30L))),
               "^DIVERGED, not converged: .* \\(most often in `y`\\).* last good guide is returned.*init_to_value")
  expect_match(text(ended(status = "fixed_steps", gap = 1)), "^NOT KNOWN TO HAVE CONVERGED: stopped as asked after 30 steps")
  expect_match(text(ended(status = "fixed_steps", gap = 0.001, gap_se = 0.001)), "^Stopped as asked after .* within the tolerance of 0.02 nats")
})

test_that("whatever is not known to be good is not called so", {
  for (status in list(NULL, NA, "fine", character(), 3)) {
    broken <- fit
    broken["status"] <- list(status)
    expect_match(text(broken), "^NOT CONVERGED, as far as is known")
  }
  for (gap in c(NA, NaN, Inf)) {
    expect_match(text(ended(status = "fixed_steps", gap = gap)), "^NOT KNOWN TO HAVE CONVERGED: .*the distance to the optimum could not be estimated")
    expect_match(text(ended(status = "budget_exhausted", gap = gap)), "^NOT CONVERGED: .*could not be estimated")
  }
  expect_match(text(ended(status = "fixed_steps", gap = -5, gap_se = 2)), "^NOT KNOWN TO HAVE CONVERGED")
  expect_match(text(ended(elbo = NA_real_, elbo_se = NA_real_)), "WARNING: the ELBO is not finite")
  expect_match(text(ended(log_weights = c(-Inf, NaN, rep(-8, 998)))), "WARNING: the log density is not finite at 2 of 1,000 fresh draws")
  expect_match(text(ended(nonfinite = c(mu = 0L, s = 0L, y = 1234L))), "not finite during the fit: 1,234 in `y`\\.")
  expect_match(text(ended(khat = 0.83, log_weight_sd = 1)), "k-hat 0.83, POOR \\(above 0.7\\)")
  expect_match(text(ended(khat = NA, log_weight_sd = Inf)), "k-hat not available.*not to be trusted")
  expect_match(text(ended(khat = 0.61, log_weight_sd = 1)), "k-hat 0.61, usable")
  expect_match(text(ended(khat = 0.2, log_weight_sd = 0.4)), "k-hat 0.20, good")
  expect_match(text(ended(khat = 2, log_weight_sd = 1e-9)), "k-hat without meaning here")
})

test_that("the summary of a fit that is not known to be good leads with that, whatever its status", {
  good <- list(status = "converged", gap = 0.001, gap_se = 0.001, khat = 0.3, log_weight_sd = 0.4, log_weights = rep(-8, 1000))
  shown <- function(...) text(summary(do.call(ended, utils::modifyList(good, list(...)))))
  expect_match(shown(), "^Parameters, on the scale of the model: mean +sd")
  expect_match(shown(status = "fixed_steps"), "^Parameters, on the scale of the model: mean +sd")
  expect_match(shown(log_weight_sd = 0.01, khat = 2), "^Parameters, on the scale of the model: mean +sd")
  expect_match(shown(status = "fixed_steps", gap = 1), "^NOT KNOWN TO HAVE CONVERGED")
  expect_match(shown(status = "budget_exhausted"), "^NOT CONVERGED: the budget ran out")
  expect_match(shown(status = "interrupted"), "^NOT CONVERGED: interrupted")
  expect_match(shown(status = "diverged"), "^DIVERGED, not converged")
  expect_match(shown(status = "fine"), "^NOT CONVERGED, as far as is known")
  expect_match(shown(gap = NaN), "^NOT CONVERGED, as far as is known: .* distance to the optimum is not known")
  expect_match(shown(khat = 0.9), "^k-hat 0.90, POOR")
  expect_match(shown(khat = NA_real_, log_weight_sd = Inf), "^k-hat not available")
  expect_match(shown(log_weights = c(-Inf, rep(-8, 999))), "^WARNING: the log density is not finite at 1 of 1,000")
  # once only in the print of the fit
  both <- text(do.call(ended, utils::modifyList(good, list(status = "diverged", khat = 0.9))))
  expect_length(gregexpr("DIVERGED", both)[[1]], 1)
  expect_length(gregexpr("POOR", both)[[1]], 1)
  regression <- fullrank(mpg ~ wt, mtcars, seed = 1, steps = 3, progress = FALSE)
  expect_match(text(summary(regression)), "^NOT KNOWN TO HAVE CONVERGED: .* Family: gaussian")
  expect_length(gregexpr("NOT KNOWN", text(regression))[[1]], 1)
  # a guide makes no claim
  expect_match(text(summary(fit$guide)), "^Parameters, on the scale of the model: mean +sd")
  expect_identical(as.data.frame(summary(ended(status = "diverged"))), as.data.frame(summary(fit)))
})

test_that("no line is longer than the terminal, at any width", {
  long <- short_fit(model({
    a_rather_long_name_for_a_parameter_that_is_indexed_too ~ normal(0, 1, dim = 3)
    w ~ dirichlet(c(1, 1, 1))
    y ~ normal(a_rather_long_name_for_a_parameter_that_is_indexed_too[1], exp(400 * a_rather_long_name_for_a_parameter_that_is_indexed_too[2]))
  }), data)
  for (width in c(60, 80, 132)) {
    for (status in c("converged", "budget_exhausted", "diverged", "interrupted", "fixed_steps")) {
      long$status <- status
      printed(long, width)
      printed(ended(status = status), width)
    }
    printed(guide(m, data, seed = 1), width)
    printed(long$guide, width)
    printed(diagnostics(long), width)
    printed(posterior(long), width)
    printed(summary(long), width)
  }
})

test_that("many parameters are cut short, and n shows them", {
  many <- short_fit(model({
    b ~ normal(0, 1, dim = 50)
  }))
  lines <- printed(many)
  expect_match(lines[length(lines)], "... and 30 more of 50; print(summary(fit), n = Inf) shows them.", fixed = TRUE)
  expect_true(any(grepl("^b\\[50\\]", printed(many, n = Inf))))
  expect_error(print(many, n = "all"), "`n` must be one number")
  lines <- printed(many$guide, n = 3)
  expect_match(lines[length(lines)], "47 more of 50")
  expect_match(printed(many$guide)[1], "50 latent coordinates")
})

test_that("printing returns its argument invisibly and draws no random numbers", {
  for (x in list(fit, fit$guide, summary(fit), diagnostics(fit), posterior(fit), m, adam(), init_to_mean())) {
    capture.output(out <- withVisible(print(x)))
    expect_false(out$visible)
    expect_identical(out$value, x)
    expect_generator_untouched(capture.output(print(x)))
  }
})

test_that("the guide shows location and scale as they are", {
  g <- guide(m, data, init = init_to_feasible(), seed = 1)
  g$loc[] <- c(-1.25, 1e6)
  g$scale[] <- c(1e-8, 3)
  lines <- printed(g)
  expect_match(lines[3], "^mu +-1.25 +1e-08$")
  expect_match(lines[4], "^s +1e\\+06 +3$")
})

test_that("a regression, its parts and its model fit 80 columns whatever the names are", {
  set.seed(1)
  d <- data.frame(response_variable_of_interest = rpois(100, 3), a_rather_long_predictor_name_that_goes_on = rnorm(100),
                  another_quite_long_predictor_name_here = factor(rep(c("a level with a long name", "a level with an even longer name"), 50)),
                  the_long_grouping_factor = factor(rep(1:10, 10)))
  long <- fullrank(response_variable_of_interest ~ a_rather_long_predictor_name_that_goes_on * another_quite_long_predictor_name_here +
                     (1 + a_rather_long_predictor_name_that_goes_on | the_long_grouping_factor), data = d, family = poisson(), steps = 20, seed = 1)
  for (x in list(long, summary(long), prior_summary(long), VarCorr(long), diagnostics(long), long$guide, posterior(long), clipped_adam(), natural())) printed(x)
  expect_match(text(long), "effects are on the log scale")
  expect_match(text(regression_fit("gaussian")), "effects are on the scale of mpg")
  lines <- printed(as_model(long))
  # what is printed is the model
  again <- eval(str2lang(paste(lines, collapse = "\n")))
  expect_identical(again$statements, as_model(long)$statements)
})

test_that("a model prints as it was written, and reads back", {
  printed_models <- list(m, model({
    for (i in 1:3) {
      a <- i
      target(a)
    }
    if (n > 2) b ~ normal(0, 1) else b ~ normal(0, 2)
  }))
  for (x in printed_models) expect_identical(eval(str2lang(paste(printed(x), collapse = "\n")))$statements, x$statements)
})

test_that("in a knitted document a fit prints as it does at a terminal", {
  skip_if_not_installed("knitr")
  file <- tempfile(fileext = ".Rmd")
  on.exit(unlink(file))
  writeLines(c("```{r}", "fit", "```"), file)
  out <- knitr::knit(text = readLines(file), quiet = TRUE, envir = list2env(list(fit = fit)))
  expect_match(paste(out, collapse = "\n"), paste0("## ", printed(fit)[1]), fixed = TRUE)
})

test_that("correlations in plots have two decimals and no minus zero", {
  expect_identical(fullrank:::two_decimals(c(-0.001, 0.004, -0.126, 1)), c("0.00", "0.00", "-0.13", "1.00"))
})

test_that("estimates have the digits that their errors allow", {
  expect_identical(fullrank:::plus_minus(-1234.5678, 0.0213), "-1,234.568 +- 0.021")
  expect_identical(fullrank:::plus_minus(0.00012, 3.4e-5), "0.000120 +- 0.000034")
  expect_identical(fullrank:::plus_minus(-3e-16, 2e-16), "0.000000 +- less than 1e-6")
  expect_identical(fullrank:::plus_minus(-16.8, 0), "-16.800000 +- less than 1e-6")
  expect_identical(fullrank:::plus_minus(2, NA), "2 +- unknown")
})
