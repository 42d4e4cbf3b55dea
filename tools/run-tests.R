# Runs all tests against the installed package and, if given, the test program
# of the C core; ends with one line, `N passed, N failed, N skipped`.
#
#   Rscript tools/run-tests.R [core test program or "none"] [filter]
#
# With a filter only the test files whose names match it are run.

args <- commandArgs(TRUE)
program <- if (length(args) >= 1L) args[1] else "none"
filter <- if (length(args) >= 2L && nzchar(args[2])) args[2]

# As in R CMD check off CRAN: tests that are too slow for CRAN run here.
Sys.setenv(NOT_CRAN = "true")

# make test-isa: the instruction set to run under.
isa <- Sys.getenv("FULLRANK_TEST_ISA")
if (nzchar(isa)) options(fullrank.isa = isa)

count <- c(passed = 0L, failed = 0L, skipped = 0L)

# The C core --------------------------------------------------------------
if (program == "skip") {
  cat("core: skipped, R's mathematics as a library of its own (Debian: r-mathlib) is missing\n")
  count["skipped"] <- count["skipped"] + 1L
} else if (program != "none") {
  out <- suppressWarnings(system2(program, stdout = TRUE, stderr = TRUE))
  status <- attr(out, "status")
  writeLines(out)
  pattern <- "^core: ([0-9]+) passed, ([0-9]+) failed$"
  line <- grep(pattern, out, value = TRUE)
  core <- c(passed = 0L, failed = 0L)
  if (length(line) == 1L) {
    core[] <- as.integer(regmatches(line, regexec(pattern, line))[[1]][-1])
  }
  # A program that broke off has failed, whatever it had counted by then.
  if (core["failed"] == 0L && (!is.null(status) || length(line) != 1L)) {
    cat("core: the program ended with status",
        if (is.null(status)) 0L else status, "and without its closing count\n")
    core["failed"] <- 1L
  }
  count[names(core)] <- count[names(core)] + core
}

# The package ---------------------------------------------------------------
cat("fullrank ", as.character(utils::packageVersion("fullrank")), " in ",
    find.package("fullrank"), ", ", R.version.string, "\n", sep = "")

# Two files at a time, the largest first, each in a process of its own, whose output comes when it is done.
files <- list.files("tests/testthat", "^test-.*[.][rR]$", full.names = TRUE)
names <- sub("^test-(.*)[.][rR]$", "\\1", basename(files[order(-file.size(files))]))
if (!is.null(filter)) names <- grep(filter, names, value = TRUE)
run <- function(name) {
  begin <- proc.time()[["elapsed"]]
  out <- utils::capture.output(results <- testthat::test_dir(
    "tests/testthat", package = "fullrank", load_package = "installed",
    filter = paste0("^", name, "$"), stop_on_failure = FALSE, stop_on_warning = FALSE,
    reporter = testthat::SummaryReporter$new(show_praise = FALSE, max_reports = 100L)))
  out <- out[nzchar(out) & !grepl("^\u2550+ DONE", out)]
  cat(paste0(c(out, sprintf("%s: %.0f s", name, proc.time()[["elapsed"]] - begin)), "\n"), sep = "")
  # One outcome for each expectation.
  unlist(lapply(results, function(test) vapply(test$results, function(expectation) class(expectation)[1], "")))
}
cores <- if (.Platform$OS.type == "windows") 1L else 2L
outcomes <- parallel::mclapply(names, run, mc.cores = cores, mc.preschedule = FALSE)
broken <- !vapply(outcomes, is.character, NA) | vapply(outcomes, inherits, NA, what = "try-error")
for (k in which(broken)) cat(names[k], ": broke off. ", if (inherits(outcomes[[k]], "try-error")) outcomes[[k]] else "\n", sep = "")

# An error is a failure, and so is a file that broke off.
outcome <- unlist(outcomes[!broken])
count["passed"] <- count["passed"] + sum(outcome == "expectation_success")
count["failed"] <- count["failed"] + sum(broken) +
  sum(outcome %in% c("expectation_failure", "expectation_error"))
count["skipped"] <- count["skipped"] + sum(outcome == "expectation_skip")

if (!any(broken) && length(outcome) == 0L) {
  cat("No test ran.\n")
  count["failed"] <- count["failed"] + 1L
}
cat(sprintf("%d passed, %d failed, %d skipped\n",
            count["passed"], count["failed"], count["skipped"]))
quit(status = if (count["failed"] > 0L) 1L else 0L)
