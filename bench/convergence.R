# How many gradients it takes: natural() beside Adam as Pyro runs it and Adam decayed, on every shared case and on simulated targets, from
# near and far starts.
#
#   Rscript bench/convergence.R [--seeds=1:20] [--rivals=1:20] [--targets=regex] [--out=convergence]
#
# `rivals` are the seeds that Adam is run with. Adam: lr .005, one particle, at most 60,000 steps; decayed: lr .05 to 0, linearly, over
# 30,000. The gap of the rivals is taken at steps a factor 1.3 apart, on draws of their own, and the first at or below 0.05 nat counts;
# natural() is counted to its stop. Writes results/<out>.csv (one row a run) and results/<out>.md. No run is dropped.

local({
  file <- sub("^--file=", "", grep("^--file=", commandArgs(FALSE), value = TRUE))
  source(file.path(dirname(normalizePath(file)), "optima.R"), local = globalenv())
})

starts <- list(near = init_to_median(), far = init_to_uniform(radius = 4))
methods <- c("natural", "adam", "decayed")
crossing <- 0.05

row_of <- function(name, start, seed, method, status, gradients, densities = 0, first = NA, gap = NA, gap_true = c(NA, NA), M = NA, S = NA, sd = NA, seconds = NA) {
  data.frame(target = name, start, seed, method, status, gradients, densities, first, gap, true = gap_true[[1]], true_se = gap_true[[2]], M, S,
             log_weight_sd = sd, seconds)
}

natural_row <- function(name, t, start, seed, optima, keep) {
  fit <- tryCatch(quiet_fit(t, seed = seed, init = starts[[start]], keep = keep), error = function(e) NULL)
  if (is.null(fit)) return(row_of(name, start, seed, "natural", "error", NA))
  error <- if (is.null(t$reference)) c(NA, NA) else moment_errors(fit, t$reference, 10000)
  gap <- true_gap(fit$guide, optima, 5000)
  row_of(name, start, seed, "natural", fit$status, fit$gradient_evaluations, fit$density_evaluations, if (isTRUE(gap[["gap"]] <= crossing)) fit$gradient_evaluations else NA,
         fit$gap, gap, error[1], error[2], fit$log_weight_sd, fit$seconds)
}

# Steps of Adam, one particle, its gap looked at now and then; lr(share of the steps done) is kept between looks.
adam_row <- function(name, t, start, seed, optima, keep, method, most, lr) {
  fit <- tryCatch(quiet_fit(t, seed = seed, init = starts[[start]], keep = keep, optimizer = adam(lr = lr(0)), particles = 1, steps = 1), error = function(e) NULL)
  if (is.null(fit)) return(row_of(name, start, seed, method, "error", NA))
  begin <- proc.time()[["elapsed"]]
  looks <- unique(c(round(100 * 1.3^(0:24)), seq(2, 100) / 100 * most))
  first <- NA
  watching <- 0
  for (at in sort(looks[looks <= most])) {
    fit$optimizer$lr <- lr((fit$state$step + at) / 2 / most)
    fit$state <- fullrank:::take_steps(fit, at - fit$state$step)$state
    if (!is.na(first) || !(at %in% round(100 * 1.3^(0:24)))) next
    look <- proc.time()[["elapsed"]]
    if (isTRUE(true_gap(guide_of(fit), optima, 1000)[["gap"]] <= crossing)) first <- at
    watching <- watching + proc.time()[["elapsed"]] - look
  }
  seconds <- proc.time()[["elapsed"]] - begin - watching
  fit$guide <- guide_of(fit)
  gap <- true_gap(fit$guide, optima, 5000)
  if (is.na(first) && isTRUE(gap[["gap"]] <= crossing)) first <- most
  error <- if (is.null(t$reference)) c(NA, NA) else tryCatch(moment_errors(fit, t$reference, 10000), error = function(e) c(NA, NA))
  row_of(name, start, seed, method, "fixed_steps", most, 0, first, NA, gap, error[1], error[2], NA, seconds)
}

guide_of <- function(fit) fullrank:::new_guide(fullrank:::unpack_guide(fit$state$theta, fit$compiled), fit$compiled, fit$seed)

rows_of_target <- function(name, t, seeds, rivals) {
  optima <- optimum(name, t)
  keep <- if (is.null(t$reference)) NULL else derived(t)
  if (length(optima[[1]]$loc) > 200) { seeds <- seeds[1]; rivals <- NULL } # minutes a run
  rows <- list()
  for (start in names(starts)) {
    for (seed in seeds) rows[[length(rows) + 1L]] <- natural_row(name, t, start, seed, optima, keep)
    for (seed in rivals) {
      rows[[length(rows) + 1L]] <- adam_row(name, t, start, seed, optima, keep, "adam", 60000, function(share) 0.005)
      rows[[length(rows) + 1L]] <- adam_row(name, t, start, seed, optima, keep, "decayed", 30000, function(share) 0.05 * (1 - share))
    }
  }
  do.call(rbind, rows)
}

thousands <- function(x) ifelse(is.na(x), "-", format(round(x), big.mark = ",", trim = TRUE))
shown <- function(x, digits) ifelse(is.na(x), "-", formatC(x, format = "g", digits = digits))

# Median first crossing; a run that never crosses counts as later than any.
median_first <- function(first) { m <- stats::median(ifelse(is.na(first), Inf, first)); if (is.finite(m)) m else NA }

line <- function(r) {
  n <- r[r$method == "natural", ]
  a <- r[r$method == "adam", ]
  d <- r[r$method == "decayed", ]
  firsts <- vapply(list(n, a, d), function(x) if (nrow(x)) median_first(x$first) else NA_real_, 0)
  sprintf("| %s | %s | %d/%d | %s (%s) | %s | %s (%s) | %s | %s | %s | %s | %s | %s | %s |", r$target[1], r$start[1], sum(n$status == "converged"), nrow(n),
          thousands(stats::median(n$gradients)), thousands(max(n$gradients)), thousands(stats::median(n$densities)),
          shown(stats::median(n$true), 2), shown(max(n$true), 2), shown(stats::median(n$M), 2), shown(stats::median(n$S), 2),
          shown(stats::median(n$log_weight_sd), 2), shown(stats::median(n$seconds), 2), thousands(firsts[2]), thousands(firsts[3]),
          if (nrow(d)) shown(stats::median(d$true), 2) else "-")
}

summary_lines <- function(rows) {
  by <- split(rows, list(rows$target, rows$start), drop = TRUE)
  ratio <- vapply(by, function(r) {
    d <- r$first[r$method == "decayed"]
    if (!length(d)) return(NA_real_)
    stats::median(ifelse(is.na(d), 30000, d)) / stats::median(r$gradients[r$method == "natural"])
  }, 0)
  n <- rows[rows$method == "natural", ]
  share <- function(method) { x <- rows[rows$method == method, ]; sprintf("%d of %d", sum(!is.na(x$first)), nrow(x)) }
  c(sprintf("natural(): %d of %d runs \"converged\"; %d of %d end within %.2f nat. Adam reaches that at some look in %s runs, decayed Adam in %s.",
            sum(n$status == "converged"), nrow(n), sum(n$true <= crossing, na.rm = TRUE), nrow(n), crossing, share("adam"), share("decayed")),
    "", sprintf("Decayed Adam's gradients to its first crossing (30,000 where there is none) over natural()'s to its stop: median %.1f over %d targets and starts.",
                stats::median(ratio, na.rm = TRUE), sum(!is.na(ratio))))
}

main <- function() {
  seeds <- eval(parse(text = option("seeds", "1:20")))
  rivals <- eval(parse(text = option("rivals", option("seeds", "1:20"))))
  out <- option("out", "convergence")
  targets <- all_targets()
  targets <- targets[grep(option("targets", ""), names(targets))]
  rows <- NULL
  for (name in names(targets)) {
    rows <- rbind(rows, rows_of_target(name, targets[[name]], seeds, rivals))
    utils::write.csv(rows, file.path(results, paste0(out, ".csv")), row.names = FALSE)
    cat(name, "\n")
  }
  by <- split(rows, list(rows$start, factor(rows$target, unique(rows$target))), drop = TRUE)
  text <- c("# How many gradients it takes", "",
            sprintf("`Rscript bench/convergence.R --seeds=%s --rivals=%s`, one core; %s. Near: the prior's median; far: uniform on (-4, 4) in unconstrained space.",
                    option("seeds", "1:20"), option("rivals", option("seeds", "1:20")), R.version.string), "",
            "natural(): median (largest) over seeds, gradients to its stop, evaluations of the density alone, nats that the guide is short of the best of long runs,",
            "M and S against the reference's moments, sd of the log weights, seconds. Adam (lr .005) and decayed Adam (lr .05 to 0 over 30,000), one particle each:",
            "median of the first look at which they are within 0.05 nat (-: most never are), and decayed Adam's gap in the end.", "",
            "| target | start | converged | gradients | densities alone | gap | M | S | log weights' sd | seconds | Adam to 0.05 | decayed to 0.05 | decayed, gap |",
            "|---|---|---|---|---|---|---|---|---|---|---|---|---|", vapply(by, line, ""), "", summary_lines(rows))
  writeLines(text, file.path(results, paste0(out, ".md")))
  cat(text, sep = "\n")
}

main()
