# How long library(fullrank) takes, beside library(lme4) in the same run: medians of fresh processes, taken in turn.
#
#   Rscript bench/loading.R

packages <- c("fullrank", "lme4")
once <- function(package) {
  code <- sprintf(".libPaths(%s); cat(system.time(suppressMessages(library(%s)))[['elapsed']])", paste(deparse(.libPaths()), collapse = ""), package)
  as.numeric(system2(file.path(R.home("bin"), "Rscript"), c("--vanilla", "-e", shQuote(code)), stdout = TRUE))
}
seconds <- t(replicate(7, vapply(packages, once, 0)))
cat(sprintf("library(%s): %.3f s\n", packages, apply(seconds, 2, stats::median)), sep = "")
cat(sprintf("ratio %.2f (below 1: fullrank is quicker)\n", stats::median(seconds[, 1] / seconds[, 2])))
