# Random models over the whole language: C against R's evaluation of the program, R's evaluation of the statements, and
# central differences. FULLRANK_MODELS says how many, FULLRANK_SEED where to start:
#   FULLRANK_MODELS=20000 FULLRANK_SEED=7 make test FILTER=random

test_that("random models agree in C, in R, and with central differences", {
  setting <- function(name, default) { x <- Sys.getenv(name); if (nzchar(x)) as.integer(x) else default }
  count <- setting("FULLRANK_MODELS", 2000L)
  start <- setting("FULLRANK_SEED", as.integer(as.numeric(Sys.time()) %% 1e6) * 1000L)
  cat(sprintf("[models from seed %d on] ", start))
  faults <- 0L
  for (seed in start + seq_len(count)) {
    set.seed(seed)
    m <- random_model()
    fault <- model_fault(m, seed)
    if (is.null(fault)) next
    faults <- faults + 1L
    fail(report_fault(m, seed, fault))
    if (faults == 5L) break
  }
  expect_identical(faults, 0L)
})
