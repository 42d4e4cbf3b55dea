# What a run shows while it lasts. The core reports at most ten times a second (src/r_watch.h), and only to a `report` function; without one it shows nothing.

# Of natural(), by the code of src/core/natural.h.
natural_phases <- c("warm start", "warm start", "warm start", "warm start", "batch and match", "natural gradient", "fixed draws", "fixed draws", "growing batches", "other starts", "averaging", "averaging")

# list(report, done): `report` is NULL when nothing is to be shown. `progress` is a line that is written over, `verbose` adds lines that stay.
progress_report <- function(progress, verbose, run) {
  if (!progress && !verbose) return(list(report = NULL, done = function() NULL))
  show <- new.env()
  run$started <- proc.time()[["elapsed"]]
  if (progress) id <- cli::cli_progress_bar(format = "{line}", total = NA, .envir = show, clear = TRUE, .auto_close = FALSE)
  said <- list(phase = "", at = -Inf)
  report <- function(numbers) {
    now <- read_report(numbers, run)
    if (progress) {
      show$line <- progress_line(now)
      cli::cli_progress_update(id = id, .envir = show)
    }
    if (verbose && (!identical(now$phase, said$phase) || now$seconds - said$at >= 5)) {
      said <<- list(phase = now$phase, at = now$seconds)
      message(progress_line(now))
    }
  }
  # A terminal that cannot be written to is no reason to end the run.
  list(report = function(numbers) tryCatch(report(numbers), error = function(e) NULL),
       done = function() if (progress) cli::cli_progress_done(id = id, .envir = show))
}

# c(step, elbo, se, phase, gap, gap_se) as a list, with the rate and the time left. `run`: from, until, fixed, started, natural.
read_report <- function(numbers, run, now = proc.time()[["elapsed"]]) {
  seconds <- now - run$started
  done <- numbers[1L] - run$from
  rate <- if (seconds > 0) done / seconds else NA_real_
  phase <- if (run$natural) natural_phases[numbers[4L] + 1L] else ""
  # on fixed draws the steps differ by their place alone, and until natural() is done nobody knows how long it takes
  if (phase == "fixed draws") numbers[3L] <- NA_real_
  known <- isTRUE(rate > 0) && (run$fixed || !run$natural)
  list(step = numbers[1L], elbo = numbers[2L], elbo_se = numbers[3L], phase = phase,
       gap = numbers[5L], gap_se = numbers[6L], seconds = seconds, rate = rate, fixed = run$fixed,
       left = if (known) (run$until - numbers[1L]) / rate else NA_real_)
}

# One line within the width: what comes last is left out first.
progress_line <- function(now, width = min(getOption("width"), cli::console_width()) - 1L) {
  parts <- c(
    paste0(if (nzchar(now$phase)) paste0(now$phase, ", "), "step ", big(now$step)),
    if (is.finite(now$elbo)) paste("ELBO", if (is.finite(now$elbo_se)) plus_minus(now$elbo, now$elbo_se) else format(signif(now$elbo, 5))),
    if (is.finite(now$gap)) paste("gap", format(signif(now$gap, 2)), "nats"),
    if (is.finite(now$rate)) paste0(format(signif(now$rate, 2), big.mark = ","), " steps/s"),
    if (is.finite(now$left)) paste0(format_seconds(now$left), if (now$fixed) " left" else " left at most")
  )
  while (length(parts) > 1L && nchar(paste(parts, collapse = " | ")) > width) parts <- parts[-length(parts)]
  strtrim(paste(parts, collapse = " | "), width)
}

# Steps at which the phases began, names of phases joined where one follows itself; none for the optimisers other than natural().
phase_table <- function(phases, before = NULL) {
  if (is.null(phases)) return(before)
  out <- rbind(before, data.frame(step = phases$step, phase = natural_phases[phases$code + 1L], stringsAsFactors = FALSE))
  out <- out[c(TRUE, out$phase[-1L] != out$phase[-nrow(out)])[seq_len(nrow(out))], ]
  rownames(out) <- NULL
  out
}

# What an interrupt leaves, and how to go on.
say_interrupted <- function(fit) {
  message(sprintf("Interrupted after %s: the fit so far is kept, and is not converged. fit <- update(fit) goes on from here, as if it had never stopped.", count_of(fit$steps, "step")))
}
