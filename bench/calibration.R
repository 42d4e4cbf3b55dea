# Is "converged" true? Seeded fits of the hard targets of targets.R, from near and far starts, with true gaps to optima from long runs.
#
#   Rscript bench/calibration.R [--seeds=1:40] [--targets=regex] [--tol=0.02]
#
# writes results/calibration.csv (one row a fit) and results/calibration.md. No run is dropped.

local({
  file <- sub("^--file=", "", grep("^--file=", commandArgs(FALSE), value = TRUE))
  source(file.path(dirname(normalizePath(file)), "optima.R"), local = globalenv())
})

starts <- list(near = init_to_median(), far = init_to_uniform(radius = 4))

fit_row <- function(name, t, start, seed, tol, optima) {
  fit <- tryCatch(quiet_fit(t, seed = seed, tol = tol, init = starts[[start]]), error = function(e) NULL)
  if (is.null(fit)) return(data.frame(target = name, start, seed, status = "error", gradients = NA, gap = NA, gap_se = NA, true = NA, true_se = NA, seconds = NA))
  true <- true_gap(fit$guide, optima, 8000)
  data.frame(target = name, start, seed, status = fit$status, gradients = fit$gradient_evaluations, gap = fit$gap, gap_se = fit$gap_se,
             true = true[["gap"]], true_se = true[["se"]], seconds = fit$seconds)
}

table_of <- function(rows, tol) {
  by <- split(rows, rows$target)
  line <- function(r, name) {
    converged <- r$status == "converged"
    sprintf("| %s | %d | %d | %d | %s | %.4f (%.4f) | %d | %d | %d |", name, nrow(r), sum(converged), sum(r$status == "budget_exhausted"),
            format(round(stats::median(r$gradients)), big.mark = ","), stats::median(r$true), max(r$true), sum(converged & r$true > tol),
            sum(converged & r$true > 2 * tol), sum(r$status == "budget_exhausted" & r$true < tol))
  }
  c("| target | fits | converged | budget_exhausted | gradients, median | true gap, median (max) | converged, gap > tol | converged, gap > 2 tol | budget_exhausted, gap < tol |",
    "|---|---|---|---|---|---|---|---|---|", mapply(line, by, names(by)), line(rows, "all"))
}

main <- function() {
  seeds <- eval(parse(text = option("seeds", "1:40")))
  tol <- as.numeric(option("tol", "0.02"))
  targets <- Filter(function(t) t$hard, simulated_targets())
  targets <- targets[grep(option("targets", ""), names(targets))]
  rows <- list()
  for (name in names(targets)) {
    optima <- optimum(name, targets[[name]])
    for (start in names(starts)) for (seed in seeds) rows[[length(rows) + 1L]] <- fit_row(name, targets[[name]], start, seed, tol, optima)
    cat(name, "\n")
  }
  rows <- do.call(rbind, rows)
  utils::write.csv(rows, file.path(results, "calibration.csv"), row.names = FALSE)
  converged <- sum(rows$status == "converged")
  false <- sum(rows$status == "converged" & rows$true > 2 * tol)
  text <- c("# Is \"converged\" true?", "", sprintf("`Rscript bench/calibration.R --seeds=%s --tol=%s`; %s.", option("seeds", "1:40"), tol, R.version.string), "",
            table_of(rows, tol), "",
            sprintf("%d of %d \"converged\" fits have a true gap above 2 tol: %.2f %%, upper 95 %% bound %.2f %% (Clopper-Pearson, one-sided).", false, converged,
                    100 * false / converged, 100 * stats::qbeta(0.95, false + 1, converged - false)))
  writeLines(text, file.path(results, "calibration.md"))
  cat(text, sep = "\n")
}

main()
