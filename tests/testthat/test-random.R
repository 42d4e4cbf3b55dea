# Random models over the whole language: C against R's evaluation of the program, R's evaluation of the statements, and
# central differences. FULLRANK_MODELS says how many, FULLRANK_SEED where to start:
#   FULLRANK_MODELS=20000 FULLRANK_SEED=7 make test FILTER=random

test_that("random models agree in C, in R, and with central differences", {
  setting <- function(name, default) { x <- Sys.getenv(name); if (nzchar(x)) as.integer(x) else default }
  count <- setting("FULLRANK_MODELS", 2000L)
  start <- setting("FULLRANK_SEED", as.integer(as.numeric(Sys.time()) %% 1e6) * 1000L)
  cat(sprintf("[models from seed %d on] ", start))
  faults <- 0L
  note_reached()
  for (seed in start + seq_len(count)) {
    set.seed(seed)
    m <- random_model()
    fault <- model_fault(m, seed)
    if (is.null(fault)) next
    faults <- faults + 1L
    testthat::fail(report_fault(m, seed, fault))
    if (faults == 5L) break
  }
  expect_identical(faults, 0L)
  # every operation, function, distribution and wrapper was among them
  if (count < 1000L) return()
  whole <- c(names(fullrank:::op_codes()), fullrank:::language_names(), names(fullrank:::dist_table()), setdiff(names(fullrank:::wrapper_forms), "ordered"))
  expect_setequal(setdiff(whole, ls(reached, all.names = TRUE)), character())
})

test_that("a fault is found and made small", {
  fn <- function(z) sin(z[, 1L]) + z[, 2L]^2
  expect_null(gradient_fault(fn, c(0.3, 0.4), c(cos(0.3), 0.8)))
  expect_match(gradient_fault(fn, c(0.3, 0.4), c(cos(0.3), 0.8001))$what, "coordinate 2: 0.8001, central difference 0.8")
  set.seed(11)
  m <- random_model()
  m$statements <- c(m$statements, quote(w <- 1 + 2 * exp(cos(z0) * 3)), quote(target(5)))
  small <- shrink_model(m, 1, "cos", function(m, seed) if ("cos" %in% all.names(as_statements(m))) list(kind = "cos"))
  expect_identical(small$statements, list(quote(w <- cos(z0))))
  # a model that R and the compiler understand differently
  odd <- list(statements = list(quote(s1 ~ normal(0, 1)), quote(target(sum(diag(s1 + 2) + 1)))), data = list())
  expect_identical(model_fault(odd, 3)$kind, "statements")
})
