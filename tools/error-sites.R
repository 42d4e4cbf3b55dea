# Which error messages no test reaches: every call of stop() and fail() in the package's R code is counted while the tests run.
#   make error-sites          (FILTER=name: only the test files whose names match)
# Prints the calls that no test came to, function by function, but for those about internal faults.

arguments <- commandArgs(trailingOnly = TRUE)
filter <- if (length(arguments) && nzchar(arguments[1L])) arguments[1L]

# As tools/run-tests.R does: with the tests that are too slow for CRAN.
Sys.setenv(NOT_CRAN = "true")

suppressPackageStartupMessages({
  library(testthat)
  library(fullrank)
})
namespace <- asNamespace("fullrank")
sites <- new.env()
sites$text <- sites$home <- character()
sites$hits <- integer()
hit <- function(k) sites$hits[k] <- sites$hits[k] + 1L

raises <- c("stop", "fail", "fail_at", "bad_argument", "abort_trace")

# An expression with a counter before every call that raises an error.
with_counters <- function(e, home) {
  if (is.pairlist(e)) return(as.pairlist(lapply(as.list(e), function(x) if (identical(x, quote(expr = ))) x else with_counters(x, home))))
  if (!is.call(e)) return(e)
  out <- e
  for (k in seq_along(e)[-1L]) {
    if (!identical(e[[k]], quote(expr = )) && !is.null(e[[k]])) out[[k]] <- with_counters(e[[k]], home)
  }
  if (!is.symbol(e[[1L]]) || !as.character(e[[1L]]) %in% raises) return(out)
  at <- length(sites$hits) + 1L
  sites$hits[at] <- 0L
  sites$home[at] <- home
  sites$text[at] <- substr(paste(deparse(e, width.cutoff = 500L), collapse = " "), 1L, 160L)
  call("{", bquote(.(hit)(.(at))), out)
}

counted <- function(f, home) {
  body(f) <- with_counters(body(f), home)
  f
}

for (name in ls(namespace, all.names = TRUE)) {
  f <- get(name, namespace)
  own <- is.function(f) && !is.primitive(f) && !name %in% c("fail_at", raises) && (identical(environment(f), namespace) || identical(parent.env(environment(f)), namespace))
  if (!own) next
  unlockBinding(name, namespace)
  assign(name, counted(f, name), namespace)
}
for (name in ls(namespace$language, all.names = TRUE)) assign(name, counted(namespace$language[[name]], paste0("language$", name)), namespace$language)
# methods are called from the registry, not from the namespace
registry <- namespace$.__S3MethodsTable__.
for (name in ls(registry, all.names = TRUE)) if (exists(name, namespace, inherits = FALSE)) assign(name, get(name, namespace), registry)

invisible(test_dir("tests/testthat", filter = filter, package = "fullrank", load_package = "none", env = new.env(parent = namespace), reporter = "minimal", stop_on_failure = FALSE))

missed <- which(sites$hits == 0L & !grepl("internal:|abort_trace\\(|fail\\(\\.\\.\\.\\)|fail\\(ctx, \\.\\.\\.\\)", sites$text))
cat(sprintf("\n%d of %d calls that raise an error were reached; not reached:\n", sum(sites$hits > 0L), length(sites$hits)))
cat(sprintf("  %s: %s\n", sites$home[missed], sites$text[missed]), sep = "")
