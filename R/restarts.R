# Several starts of one fit: the best by its ELBO is kept, and whether the others ended where it did is told.

# Means nearer than this, in posterior standard deviations along the line between them, are one place.
same_place <- 1

# A mode whose ELBO is lower by so many nats has less than a thousandth of the mass that the kept one has.
negligible_nats <- 7

# one(init, seed) fits from one start. The first is the one that would be run alone; the others start far apart.
run_restarts <- function(one, init, seed, restarts) {
  kept <- one(init, seed)
  runs <- list(restart_record(kept, seed))
  for (k in seq_len(restarts)[-1L]) {
    if (runs[[k - 1L]]$status == "interrupted") break
    own <- mix_seed(seed, 15485863 + k)
    fit <- tryCatch(suppressMessages(one(dispersed_init(init), own)), error = function(e) e)
    runs[[k]] <- restart_record(fit, own)
    if (is_better(runs[[k]], restart_record(kept, kept$seed))) kept <- fit
  }
  kept$restarts <- restart_table(runs, kept, restarts)
  kept
}

# An init that draws is drawn anew. One that hardly varies, or not at all, gives way to draws from the prior.
dispersed_init <- function(init) if (init$name %in% c("sample", "uniform", "generated")) init else new_init("dispersed")

# What is known of one start in the end; of one that failed its message.
restart_record <- function(fit, seed) {
  if (inherits(fit, "error")) {
    return(list(seed = seed, status = "failed", elbo = NA_real_, se = NA_real_, gap = NA_real_, gradients = NA_real_, finite = FALSE, message = conditionMessage(fit)))
  }
  list(seed = seed, status = fit$status, elbo = fit$elbo, se = fit$elbo_se, gap = fit$gap, gradients = fit$gradient_evaluations,
       finite = all(is.finite(fit$log_weights)), message = NA_character_, posterior = posterior.mvn_guide(fit$guide))
}

# By the ELBO; where a draw's density is not finite the ELBO is -Inf, whatever the other draws say.
is_better <- function(a, b) {
  if (is.na(a$elbo)) return(FALSE)
  if (is.na(b$elbo)) return(TRUE)
  if (a$finite != b$finite) a$finite else a$elbo > b$elbo
}

restart_table <- function(runs, kept, restarts) {
  column <- function(name, missing) c(vapply(runs, `[[`, missing, name), rep(missing, restarts - length(runs)))
  table <- data.frame(
    start = seq_len(restarts), seed = column("seed", NA_real_), status = c(vapply(runs, `[[`, "", "status"), rep("not run", restarts - length(runs))),
    elbo = column("elbo", NA_real_), se = column("se", NA_real_), gap = column("gap", NA_real_), gradients = column("gradients", NA_real_),
    stringsAsFactors = FALSE
  )
  at <- which(table$seed == kept$seed)
  table$distance <- vapply(seq_len(restarts), function(k) {
    if (k > length(runs) || is.null(runs[[k]]$posterior)) NA_real_ else normal_distance(runs[[k]]$posterior, runs[[at]]$posterior)
  }, 0)
  table$mode <- restart_modes(runs, table, at)
  table$kept <- table$start == at
  failed <- vapply(runs, function(run) !is.na(run$message), NA)
  if (any(failed)) attr(table, "messages") <- unique(vapply(runs[failed], `[[`, "", "message"))
  table
}

# Number of the mode that each start has found: 1 the kept one's, the others by their ELBO.
restart_modes <- function(runs, table, at) {
  mode <- rep(NA_integer_, nrow(table))
  first <- integer()
  order <- c(at, setdiff(order(-table$elbo, na.last = NA), at))
  for (k in order) {
    near <- vapply(first, function(i) normal_distance(runs[[k]]$posterior, runs[[i]]$posterior) < same_place, NA)
    if (!any(near)) first <- c(first, k)
    mode[k] <- if (any(near)) which(near)[1L] else length(first)
  }
  mode
}

# Distance of two means in standard deviations, along the line between them: Mahalanobis' with the mean of both covariances.
normal_distance <- function(a, b) {
  off <- a$loc - b$loc
  root <- tryCatch(chol((tcrossprod(a$scale_tril) + tcrossprod(b$scale_tril)) / 2), error = function(e) NULL)
  if (is.null(root)) return(Inf)
  sqrt(sum(backsolve(root, off, transpose = TRUE)^2))
}

# The kept start's row, after more steps. (The other columns are as they were at the end of the restarts.)
refresh_restarts <- function(fit) {
  table <- fit$restarts
  if (is.null(table)) return(NULL)
  table[table$kept, c("elbo", "se", "gap", "gradients")] <- c(fit$elbo, fit$elbo_se, fit$gap, fit$gradient_evaluations)
  table$status[table$kept] <- fit$status
  table
}

# ---- in words ------------------------------------------------------------------------------------------------------------

# NULL without restarts; otherwise lines, the first of them says whether all agree.
restart_lines <- function(fit) {
  table <- fit$restarts
  if (is.null(table)) return(NULL)
  best <- table[table$kept, ]
  lower <- best$elbo - table$elbo
  error <- sqrt(table$se^2 + best$se^2)
  level <- lower <= 2 * fit$settings$tol + 3 * error
  here <- table$mode %in% 1L
  agree <- here & level %in% TRUE
  short <- here & !agree & !is.na(lower)
  total <- nrow(table)
  c(
    if (all(agree)) sprintf("All %d starts agree: same place, same ELBO.", total)
    else sprintf("%s%d of %d starts agree; the best by its ELBO is kept.", if (matters(table, lower)) "WARNING: only " else "", sum(agree), total),
    mode_lines(table, lower),
    if (any(short)) sprintf("%s near the kept one with an ELBO lower by up to %s nats, so it had not arrived.", counted(short), nats(max(lower[short]))),
    if (any(table$status == "failed")) sprintf("%s: %s", counted(table$status == "failed", "failed"), sub("\n.*", "", attr(table, "messages")[1L])),
    if (any(table$status == "not run")) sprintf("%s, after an interrupt.", counted(table$status == "not run", "was not run", "were not run"))
  )
}

counted <- function(which, one = "ended", many = one) paste(sum(which), if (sum(which) == 1L) one else many)
nats <- function(x) format(signif(x, 2))

# Is there another place that has a share of the posterior's mass worth the name?
matters <- function(table, lower) any(table$mode > 1L & lower < negligible_nats, na.rm = TRUE)

mode_lines <- function(table, lower) {
  others <- setdiff(sort(unique(table$mode)), 1L)
  vapply(others, function(k) {
    there <- which(table$mode == k)
    first <- there[which.max(table$elbo[there])]
    what <- if (lower[first] < negligible_nats) {
      sprintf(" (roughly %s times its mass): the posterior seems to have another mode there, which this fit leaves out", nats(exp(-lower[first])))
    } else ", where the posterior has next to no mass"
    status <- if (all(table$status[there] %in% "converged")) "" else sprintf(" (%s)", paste(unique(table$status[there]), collapse = ", "))
    sprintf("%s%s elsewhere, %s sd away with an ELBO lower by %s nats%s.", counted(table$mode %in% k), status,
            format(signif(table$distance[first], 2)), nats(lower[first]), what)
  }, "")
}
