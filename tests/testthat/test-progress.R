# What is shown while a fit runs, and how often.

m <- model({
  mu ~ normal(0, 1)
  s  ~ half_normal(1)
  y  ~ normal(mu, s)
})
data <- list(y = sin(1:2000))

# The reports that the core makes of a run of so many steps, and its losses.
reports_of <- function(optimizer, steps) {
  fit <- short_fit(m, data, optimizer = optimizer, steps = 1)
  settings <- list(seed = 1, particles = 8, pairs = 8, until_step = steps, fixed_steps = 1L, check_every = 500L, check_pairs = 128L, more_pairs = 128L,
                   tol = 0.02, max_gradients = 1e9)
  seen <- list()
  report <- function(numbers) seen[[length(seen) + 1L]] <<- c(numbers, proc.time()[["elapsed"]])
  state <- fit$state
  out <- if (optimizer$name == "natural") .Call(fullrank:::fullrank_natural_run, fit$compiled$program, state, settings, report)
         else .Call(fullrank:::fullrank_svi_run, fit$compiled$program, state, optimizer, settings, report)
  list(seen = do.call(rbind, seen), loss = out$loss, phases = out$phases, first = state$step)
}

test_that("the core reports at most ten times a second, with the mean ELBO of the steps since and its error", {
  r <- reports_of(adam(lr = 0.01), 40000)
  skip_if(NROW(r$seen) < 3L, "the machine is too fast for this test")
  expect_gte(min(diff(r$seen[, 7])), 0.095)
  at <- r$seen[1:2, 1] - r$first
  losses <- r$loss[(at[1] + 1):at[2]]
  # the report is made after the step that it names
  expect_equal(r$seen[2, 2], mean(-losses), tolerance = 1e-9)
  expect_equal(r$seen[2, 3], sd(losses) / sqrt(length(losses)), tolerance = 1e-6)
  expect_true(all(is.nan(r$seen[, 4])))
})

test_that("phases of natural() are kept with the steps at which they began", {
  fit <- fullrank(m, data, seed = 1)
  expect_identical(fit$phases$step[1], 0)
  expect_identical(fit$phases$phase[1], "warm start")
  expect_identical(fit$phases$phase[nrow(fit$phases)], "averaging")
  expect_true(all(diff(fit$phases$step) > 0))
  half <- fullrank(m, data, seed = 1, steps = 20)
  expect_identical(update(half)$phases, fit$phases)
  expect_null(short_fit(m, data)$phases)
})

test_that("a line has phase, step, ELBO, gap, rate and time left, within the width", {
  run <- list(from = 100, until = 5100, fixed = TRUE, natural = TRUE, started = 50)
  now <- read_report(c(1100, -123.456, 0.21, 5, 0.31, 0.02), run, now = 60)
  expect_identical(progress_line(now, 120), "natural gradient, step 1,100 | ELBO -123.46 +- 0.21 | gap 0.31 nats | 100 steps/s | 40 s left")
  # the steps on fixed draws do not tell the error; nor does natural() know how far it has to go
  run$fixed <- FALSE
  expect_identical(progress_line(read_report(c(1100, -1, 0.1, 7, NaN, NaN), run, 60), 120), "fixed draws, step 1,100 | ELBO -1 | 100 steps/s")
  for (width in c(10, 40, 79)) expect_lte(nchar(progress_line(now, width)), width)
  expect_identical(progress_line(now, 30), "natural gradient, step 1,100")
  run$natural <- FALSE
  expect_match(progress_line(read_report(c(1100, -1, NaN, 5, NaN, NaN), run, 60), 120), "ELBO -1 | 100 steps/s | 40 s left at most", fixed = TRUE)
  expect_match(progress_line(read_report(c(100, NaN, NaN, NaN, NaN, NaN), run, 50), 120), "^step 100$")
})

test_that("nothing is shown unless asked for, and verbose leaves lines", {
  expect_silent(fullrank(m, data, seed = 1, progress = FALSE))
  skip_if(interactive())
  expect_silent(fullrank(m, data, seed = 1))
  lines <- testthat::capture_messages(fullrank(m, data, optimizer = adam(lr = 0.01), steps = 20000, seed = 1, verbose = TRUE))
  expect_match(lines[length(lines)], "Stopped as asked after 20,000 steps|NOT KNOWN TO HAVE CONVERGED")
  if (length(lines) > 1L) expect_match(lines[1], "^step [0-9,]+ \\| ELBO -[0-9.,]+ \\+- [0-9.]+ \\| .*steps/s \\| .* left\n$")
  expect_error(fullrank(m, data, verbose = "yes"), "`verbose`")
})

test_that("a bar at a terminal goes through cli and leaves nothing", {
  old <- options(cli.dynamic = TRUE, cli.progress_show_after = 0)
  on.exit(options(old))
  out <- testthat::capture_messages(fit <- fullrank(m, data, optimizer = adam(lr = 0.01), steps = 30000, seed = 1, progress = TRUE))
  expect_identical(fit$status, "fixed_steps")
  skip_if(!length(out), "the run was too short for a bar")
  expect_match(out[length(out)], "^\\r *\\r$")
})

test_that("a report that fails does not end the run, an interrupt says how to go on", {
  bar <- progress_report(FALSE, TRUE, list(from = 0, until = 10, fixed = TRUE, natural = FALSE))
  expect_null(bar$report("no numbers"))
  fit <- short_fit(m, data)
  fit$status <- "interrupted"
  expect_message(say_interrupted(fit), "Interrupted after 30 steps: the fit so far is kept, .*update\\(fit\\) goes on from here")
})
