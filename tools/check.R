# R CMD check --as-cran on a freshly built package, in the folder given.
#
#   Rscript tools/check.R FOLDER quick|full|bare|c
#
# quick leaves out what needs LaTeX, pandoc or the network, and the tests,
# which `make test` runs. bare hides all suggested packages but testthat, as on
# a machine that lacks them; c is the full check in the C locale. Fails on any
# error or warning, on any note that is not about the machine or the submission
# being the first one, and on a package above CRAN's 5 MB.

args <- commandArgs(TRUE)
folder <- normalizePath(args[1])
quick <- identical(args[2], "quick")
bare <- identical(args[2], "bare")
if (identical(args[2], "c")) Sys.setenv(LC_ALL = "C", LANGUAGE = "en")
source_dir <- getwd()
r <- file.path(R.home("bin"), "R")

run <- function(...) {
  args <- c("CMD", ...)
  cat("R", args, "\n")
  system2(r, args)
}

Sys.setenv(
  `_R_CHECK_SYSTEM_CLOCK_` = "0",   # asks a server for the time
  `_R_CHECK_CRAN_INCOMING_REMOTE_` = if (quick) "false" else "true"
)
if (bare) Sys.setenv(`_R_CHECK_FORCE_SUGGESTS_` = "false", `_R_CHECK_DEPENDS_ONLY_` = "true")
# R's own make is not to inherit what was said to ours.
Sys.unsetenv(c("MAKEFLAGS", "MFLAGS", "MAKELEVEL"))
Sys.setenv(MAKEFLAGS = "-j2")

setwd(folder)
unlink(c(Sys.glob("fullrank_*.tar.gz"), "fullrank.Rcheck"), recursive = TRUE)

if (run("build", "--no-manual", if (quick || bare) "--no-build-vignettes",
        shQuote(source_dir)) != 0L) {
  quit(status = 1L)
}
tarball <- Sys.glob("fullrank_*.tar.gz")
megabytes <- file.size(tarball) / 1e6
cat(sprintf("%s: %.2f MB\n", tarball, megabytes))
if (megabytes > 5) quit(status = 1L)
run("check", "--as-cran",
    if (quick || !nzchar(Sys.which("pdflatex"))) "--no-manual",
    if (quick) "--no-tests", if (quick || bare) "--ignore-vignettes",
    tarball)

log <- file.path(folder, "fullrank.Rcheck", "00check.log")
if (!file.exists(log)) quit(status = 1L)

# What the check found, less what says nothing about the package.
found <- tools::check_packages_in_dir_details(logs = log, drop_ok = TRUE)
stripped_megabytes <- function() {
  installed <- file.path(folder, "fullrank.Rcheck", "fullrank")
  library <- Sys.glob(file.path(installed, "libs", "fullrank.*"))[1]
  copy <- tempfile()
  if (!file.copy(library, copy) || system2("strip", c("--strip-debug", copy)) != 0L) return(Inf)
  files <- list.files(installed, recursive = TRUE, full.names = TRUE)
  (sum(file.size(files)) - file.size(library) + file.size(copy)) / 2^20
}
accepted <- function(check, status, output) {
  lines <- trimws(strsplit(output, "\n")[[1]])
  lines <- lines[nzchar(lines)]
  # in the C locale R looks for a UTF-8 one, which the machine may lack
  if (check == "R files for syntax errors") return(all(grepl("setlocale|cannot be honored", lines)))
  if (status != "NOTE") return(FALSE)
  # R may compile with -g: what is large then is the symbols for debuggers
  if (check == "installed package size") return(stripped_megabytes() < 5)
  switch(check,
    "CRAN incoming feasibility" =
      all(grepl("^(Maintainer:|New submission$)", lines) |
            # links that this machine cannot look up
            grepl("^(Found the following .*URLs:|URL: |From: |Status: Error|Message: libcurl error code 6|Could not resolve host)", lines) |
            # these tarballs are built without vignettes
            (quick || bare) & grepl("no prebuilt vignette index", lines)),
    "for future file timestamps" =
      all(grepl("unable to verify current time", lines)),
    "HTML version of manual" = all(grepl("^Skipping", lines)),
    FALSE)
}
found <- found[found$Status %in% c("NOTE", "WARNING", "ERROR", "FAILURE"), ]
bad <- !mapply(accepted, found$Check, found$Status, found$Output)
if (nrow(found) && any(bad)) {
  cat("\nR CMD check found:\n")
  cat(sprintf("  %s: %s\n", found$Status[bad], found$Check[bad]), sep = "")
  quit(status = 1L)
}
last <- utils::tail(readLines(log), 1L)
if (!grepl("^Status: ", last)) {
  cat("\nR CMD check did not finish.\n")
  quit(status = 1L)
}
cat("\nR CMD check:", last,
    if (nrow(found)) "(about the machine, or the first submission)", "\n")
