# natural() at d = 1,000 and 2,000, default settings, one core: seconds, status, and nats from the optimum.
#
#   Rscript bench/large.R [--seeds=1]
#
# writes results/large.md. The Gaussian's distance is its KL divergence in closed form; the logistic's is the ELBO of a longer run (tol
# = 0.005) less the fit's, on draws that both use.

local({
  file <- sub("^--file=", "", grep("^--file=", commandArgs(FALSE), value = TRUE))
  source(file.path(dirname(normalizePath(file)), "optima.R"), local = globalenv())
})

# KL(q | p) for p = N(0, (W'W)^-1).
gaussian_kl <- function(g, W) {
  L <- g$scale * g$scale_tril
  0.5 * (sum((W %*% L)^2) - nrow(W) + sum((W %*% g$loc)^2)) - as.double(determinant(W)$modulus) - sum(log(g$scale))
}

row <- function(name, fit, gap, error, limit) {
  cat(sprintf("| %s | %s | %d | %s | %s | %.1f | %s (%.2g) | %s (%.2g) | %g |\n", name, format(length(fit$guide$loc), big.mark = ","), fit$seed, fit$status,
              format(fit$gradient_evaluations, big.mark = ","), fit$seconds, format(fit$gap, digits = 2), fit$gap_se, format(gap, digits = 2), error, limit))
}

rows_of <- function(seeds) {
  gaussian <- gaussian_target(2000, 1e6, 4)
  for (seed in seeds) {
    fit <- quiet_fit(gaussian, seed = seed)
    row("Gaussian, condition 1e6", fit, gaussian_kl(fit$guide, gaussian$data$W), 0, 0.01)
  }
  logistic <- large_targets()$logistic_1000
  optima <- optimum("logistic_1000", logistic)
  for (seed in seeds) {
    fit <- quiet_fit(logistic, seed = seed)
    gap <- true_gap(fit$guide, optima, 2000)
    row("logistic regression, n = 1,500", fit, gap[["gap"]], gap[["se"]], 1)
  }
}

main <- function() {
  seeds <- eval(parse(text = option("seeds", "1")))
  lines <- utils::capture.output(rows_of(seeds))
  text <- c("# Large targets", "", sprintf("`OMP_NUM_THREADS=1 Rscript bench/large.R --seeds=%s`, default settings, cold start, a shared machine; %s.", option("seeds", "1"), R.version.string), "",
            "`gap`: what the fit says (its error); `true gap`: the nats that it is short of the optimum (the Monte Carlo error). The logistic has to end within its limit in 60 seconds.", "",
            "| target | d | seed | status | gradients | seconds | gap | true gap | limit |", "|---|---|---|---|---|---|---|---|---|", lines)
  writeLines(text, file.path(results, "large.md"))
  cat(text, sep = "\n")
}

main()
