# natural() from a cold start, default settings, on the real posteriors of posteriordb: moments against the references', the ELBO
# against that of the best of long runs, gradients, status, seconds.
#
#   Rscript bench/posteriordb.R [--seeds=1:3] [--targets=regex]
#
# writes results/posteriordb.md.

local({
  file <- sub("^--file=", "", grep("^--file=", commandArgs(FALSE), value = TRUE))
  source(file.path(dirname(normalizePath(file)), "optima.R"), local = globalenv())
})

# Means to 0.25 sd on these; to 0.08 on the regressions and time series.
loose <- c("pdb_eight_schools_centered", "pdb_eight_schools_noncentered", "pdb_GLMM_Poisson_data", "pdb_gp_pois_regr", "pdb_radon_mn", "pdb_seeds_data")

fit_row <- function(name, t, seed, optima, keep) {
  fit <- quiet_fit(t, seed = seed, keep = keep)
  gap <- true_gap(fit$guide, optima)
  at_optimum <- moment_errors(with_guide(fit, nearest(fit$guide, optima)), t$reference)
  error <- moment_errors(fit, t$reference)
  bounds <- if (name %in% loose) c(0.25, 0.1) else c(0.08, 0.03)
  data.frame(case = sub("^pdb_", "", name), d = length(coef(fit)), seed, status = fit$status, gradients = fit$gradient_evaluations,
             densities = fit$density_evaluations, gap = fit$gap, gap_se = fit$gap_se, true = gap[["gap"]], true_se = gap[["se"]],
             M = error[["M"]], S = error[["S"]], M_optimum = at_optimum[["M"]], S_optimum = at_optimum[["S"]], log_weight_sd = fit$log_weight_sd, seconds = fit$seconds,
             within = error[["M"]] <= bounds[1] && abs(error[["S"]] - at_optimum[["S"]]) <= bounds[2] && gap[["gap"]] <= 0.05)
}

line <- function(r) {
  sprintf("| %s | %d | %d | %s | %s | %s | %.4f (%.4f) | %.4f (%.4f) | %.3f (%.3f) | %.3f (%.3f) | %.2f | %.2f | %s |", r$case, r$d, r$seed, r$status,
          format(r$gradients, big.mark = ","), format(r$densities, big.mark = ","), r$gap, r$gap_se, r$true, r$true_se, r$M, r$M_optimum, r$S, r$S_optimum,
          r$log_weight_sd, r$seconds, if (r$within) "yes" else "no")
}

main <- function() {
  seeds <- eval(parse(text = option("seeds", "1:3")))
  targets <- posteriordb_targets()
  targets <- targets[grep(option("targets", ""), names(targets))]
  rows <- list()
  for (name in names(targets)) {
    t <- targets[[name]]
    optima <- optimum(name, t)
    keep <- derived(t)
    for (seed in seeds) rows[[length(rows) + 1L]] <- fit_row(name, t, seed, optima, keep)
    cat(name, "\n")
  }
  rows <- do.call(rbind, rows)
  medians <- tapply(rows$gradients, rows$case, stats::median)
  text <- c("# natural() on real posteriors", "", sprintf("`Rscript bench/posteriordb.R --seeds=%s`, cold start, default settings; %s.", option("seeds", "1:3"), R.version.string), "",
            "`gap` is what the fit says (with its error), `true gap` the ELBO of the best of long runs less that of the fit. M is the largest |mean - reference| in",
            "sds, S the largest |log sd ratio|, beside S at the optimum. `within`: M <= 0.08 (hierarchical models and the GP: 0.25), S within 0.03 (0.1) of the",
            "optimum's and a true gap <= 0.05.", "",
            "| case | d | seed | status | gradients | densities alone | gap | true gap | M (at the optimum) | S (at the optimum) | log weights' sd | seconds | within |",
            "|---|---|---|---|---|---|---|---|---|---|---|---|---|", vapply(split(rows, seq_len(nrow(rows))), line, ""), "",
            sprintf("%d of %d runs are within; %d \"converged\"; the median gradients of a case are %s at most.", sum(rows$within), nrow(rows), sum(rows$status == "converged"),
                    format(round(max(medians)), big.mark = ",")))
  writeLines(text, file.path(results, "posteriordb.md"))
  cat(text, sep = "\n")
}

main()
