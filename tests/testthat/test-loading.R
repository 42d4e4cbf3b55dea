# What library(fullrank) brings with it.

# Names of packages that are loaded, or attached, by library(fullrank) in a fresh process.
after_library <- function() {
  out <- tempfile(fileext = ".rds")
  on.exit(unlink(out))
  code <- sprintf(".libPaths(%s); before <- search(); library(fullrank); saveRDS(list(loaded = loadedNamespaces(), attached = setdiff(search(), before)), %s)",
                  paste(deparse(.libPaths()), collapse = ""), deparse(out))
  log <- system2(file.path(R.home("bin"), "Rscript"), c("--vanilla", "-e", shQuote(code)), stdout = TRUE, stderr = TRUE)
  expect_length(log, 0)
  readRDS(out)
}

test_that("library(fullrank) loads only base R, nlme, cli and reformulas, attaches itself alone, and says nothing", {
  found <- after_library()
  base <- rownames(utils::installed.packages(priority = "base", lib.loc = .Library))
  # lattice is what nlme loads itself
  expect_length(setdiff(found$loaded, c(base, "nlme", "lattice", "cli", "reformulas", "fullrank")), 0)
  expect_identical(found$attached, "package:fullrank")
})

test_that("methods of suggested packages are registered when these are loaded", {
  for (one in list(c("generics", "tidy"), c("bayesplot", "pp_check"), c("emmeans", "emm_basis"), c("insight", "find_formula"), c("marginaleffects", "get_predict"))) {
    if (!requireNamespace(one[1], quietly = TRUE)) next
    expect_false(is.null(utils::getS3method(one[2], "fullrank_regression", optional = TRUE, envir = asNamespace(one[1]))), label = paste(one, collapse = "::"))
  }
})
