# Tables of the measurements: printed, and written to bench/results/<name>.md with the machine's name.

machine <- function() {
  said <- function(what) sub(".*: *", "", grep(paste0("^", what, "\\s*:"), readLines("/proc/cpuinfo"), value = TRUE)[1])
  cpu <- tryCatch(sprintf("%s (family %s, model %s)", said("model name"), said("cpu family"), said("model")), error = function(e) Sys.info()[["machine"]])
  cores <- parallel::detectCores()
  sprintf("%s, %d cores; %s; BLAS %s; %s", cpu, cores, R.version.string, basename(normalizePath(extSoftVersion()[["BLAS"]], mustWork = FALSE)),
          system2(strsplit(system2(file.path(R.home("bin"), "R"), c("CMD", "config", "CC"), stdout = TRUE), " ")[[1]][1], "--version", stdout = TRUE)[1])
}

# BENCH_RESULTS names the folder; without it the table is printed alone.
write_table <- function(name, table) {
  shown <- table
  numbers <- vapply(shown, is.double, NA)
  shown[numbers] <- lapply(shown[numbers], function(x) ifelse(is.na(x), "", format(signif(x, 3), scientific = FALSE, trim = TRUE, drop0trailing = TRUE)))
  shown[] <- lapply(shown, as.character)
  line <- function(cells) paste0("| ", paste(cells, collapse = " | "), " |")
  lines <- c(line(names(shown)), line(rep("---", ncol(shown))), apply(shown, 1, line))
  cat("\n", name, "\n\n", paste0(lines, "\n"), sep = "")
  folder <- Sys.getenv("BENCH_RESULTS")
  if (nzchar(folder)) writeLines(c(paste0("# ", name), "", paste0(machine(), "; ", format(Sys.Date())), "", lines), file.path(folder, paste0(name, ".md")))
}
