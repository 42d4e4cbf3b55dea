#' Fit a full-rank Gaussian to a posterior
#'
#' Stochastic variational inference with a multivariate Normal guide with full covariance on the unconstrained latent
#' vector. The print of a fit begins with the verdict on whether it converged.
#'
#' @param x A model, see [model()]; a formula, see [fullrank.formula()]; or a log density from elsewhere, see [fullrank.function()].
#' @param data A data frame, list or environment. A name that the model states and that is found here is observed.
#' @param init Where to start: one of [`init_to_*()`][init], or a named list of values.
#' @param init_scale Initial scale of the guide, positive; 0.1 as in Pyro.
#' @param optimizer See [optimizers]. The default, `natural()`, needs no tuning.
#' @param steps A fixed number of steps; NULL runs until the convergence rule ends it.
#' @param max_steps With `steps = NULL`, the budget: a fit that needs more ends as "budget_exhausted" and [update()][update.fullrank_fit] goes on.
#' @param particles Draws a step. NULL: 16, as 8 pairs, in the steps of `natural()`, which chooses its own batches elsewhere; 8 for the other
#'   optimisers, which fill a vector register and cost little more than one.
#' @param seed A whole number, or NULL: drawn from R's own generator, so that `set.seed()` governs. The same seed gives the same bits.
#' @param threads Threads that may work on the rows of long data, at least 1 (no more than 16 are of use). Answers are the same bits for any
#'   number. Short data (rows times columns below about a quarter of a million) have one thread, as have a process forked from this one and
#'   an R that was built without OpenMP. The default is 1, since whoever runs fits side by side has better use for the cores.
#' @param progress Whether to show, on one line that is written over at most ten times a second: the phase, the step, the ELBO of the steps since the line
#'   before with its Monte Carlo error, the latest estimate of the gap, steps a second and, where it is known, the time left.
#' @param verbose Whether to leave such lines standing, as messages: one a phase, or every five seconds, and the verdict. For logs.
#' @param keep Names of deterministic values to be kept in draws and summaries.
#' @param tol The fit has converged when the estimated distance to the optimum plus three standard errors is below this, in nats.
#' @param keep_data Whether the fit keeps the data. Without them it is as small as its Normal: summaries, draws and predictions for new rows remain; what evaluates the density
#'   or the observations (`elbo()`, `loo()`, `update()` without data, importance sampling) is then an error that says so.
#' @param restarts How many starts to run. The first is the one that would be run alone; the others have seeds of their own and start from
#'   draws of the prior (of `init`, where it is `init_to_sample()`, `init_to_uniform()` or `init_to_generated()`; improper priors give way to uniform draws). The one with the best ELBO is kept.
#' @param ... Passed on to methods.
#' @return An object of class `fullrank_fit`: `$status` is one of "converged", "budget_exhausted", "diverged", "interrupted" and
#'   "fixed_steps"; `$guide` is the fitted [guide()]; `$phases` says at which steps the phases of `natural()` began; `$version` which version made it. See [posterior()], [summary()][summary.fullrank_fit], [draws()], [diagnostics()].
#' @section Interrupting:
#' An interrupt (Ctrl-C, Esc) ends the run and not the call: the fit so far is returned, with status "interrupted", and [update()][update.fullrank_fit] goes on from it.
#' @section Memory:
#' A model matrix is held once: a fit and its program point at the matrix in `data` (of doubles; one of another type is converted). With d latent
#' coordinates a packed triangle is 4 d^2 bytes. Steps of `sgd()` work on two of them, of `adam()` and `clipped_adam()` on three, beside the
#' state that they start from and buffers of some d numbers a particle; of `natural()` on dense factors and their frames, about 22 d^2
#' numbers above 500 coordinates and up to 150 d^2, or 140 MB, below. Around the steps R holds the guide's d x d `scale_tril`, and for a moment up to four copies of it.
#'
#' @section The verdict:
#' The guide is judged on draws that it has never seen (with the optimisers other than `natural()`, every 500 steps): half the squared norm
#' of the natural gradient, estimated without bias from products of independent draws, is the distance to the optimum in nats to second
#' order; `natural()` weighs it by the curvature that it has met, and passes no verdict while the ELBO still rises the way the guide has
#' come. The status is "converged" only when this distance plus three
#' standard errors is below `tol`. With `steps` given, the status is "fixed_steps" and the distance is reported all the same.
#'
#' A Normal describes one mode, and neither the distance nor k-hat can see another that no draw has reached. [natural()][optimizers] looks elsewhere by itself where
#' a small model's posterior is not close to Normal. `restarts` looks further: the print says whether all
#' starts have ended at the same place with the same ELBO, and `diagnostics(fit)$restarts` where each has ended. That they agree is no proof that there is one mode.
#' @examples
#' m <- model({
#'   loc   ~ normal(0, 10)
#'   scale ~ lognormal(0, 1)
#'   y     ~ normal(loc, scale)
#' })
#' fit <- fullrank(m, data = list(y = c(2.6, 2.0, 3.3, -0.6, 3.6, 2.4, 1.5, 3.2)), seed = 1)
#' fit
#' correlation(fit)
#' @export
fullrank <- function(x, ...) UseMethod("fullrank")

#' @export
fullrank.default <- function(x, ...) {
  stop(sprintf("fullrank() cannot fit an object of class %s.", class(x)[1L]), " It takes\n", paste0("  ", fullrank_forms, collapse = "\n"), call. = FALSE)
}

fullrank_forms <- c(
  "a model:       fullrank(model({ mu ~ normal(0, 1); y ~ normal(mu, 1) }), data = list(y = y))",
  "a formula:     fullrank(y ~ x + (1 | g), data = d, family = poisson())",
  "an R function: fullrank(function(z) sum(dnorm(z, log = TRUE)), gradient = function(z) -z, init = c(a = 0, b = 0))",
  "a TMB object:  fullrank(MakeADFun(data, parameters, random = \"u\"))",
  "a stanfit:     fullrank(sampling(stan_model(\"model.stan\"), data = data, chains = 0))",
  "a C density:   an external pointer made by fullrank_density() of fullrank.h; see ?fullrank.function"
)

#' @rdname fullrank
#' @export
fullrank.fullrank_model <- function(x, data = x$data, ..., init = if (is.null(x$init)) init_to_median() else x$init, init_scale = 0.1,
                                    optimizer = natural(), steps = NULL, max_steps = 1e5, particles = NULL,
                                    seed = NULL, threads = getOption("fullrank.threads", 1L), progress = interactive(),
                                     verbose = FALSE, keep = x$keep, tol = 0.02, keep_data = TRUE, restarts = 1) {
  call <- match.call()
  call[[1L]] <- quote(fullrank)
  reject_dots(...)
  check_flag(progress, "progress")
  check_flag(verbose, "verbose")
  check_flag(keep_data, "keep_data")
  if (is.environment(data)) data <- data_list(data) # as it is now
  settings <- check_settings(init, init_scale, optimizer, steps, max_steps, particles, threads, tol, restarts)
  settings$seed <- resolve_seed(seed)
  compiled <- compile_model(x, data, keep)
  one <- function(init, seed) {
    fit <- new_fit(call, x, data, compiled, settings, keep, init, seed)
    fit$model$data <- NULL # which `data` has
    run_fit(fit, settings$steps, settings$max_steps, progress, verbose)
  }
  fit <- if (settings$restarts == 1) one(settings$init, settings$seed) else run_restarts(one, settings$init, settings$seed, settings$restarts)
  if (keep_data) fit else drop_data(fit)
}

# The fit before any step.
new_fit <- function(call, model, data, compiled, settings, keep = NULL, init = settings$init, seed = settings$seed) {
  g <- start_guide(compiled, init, settings$init_scale, seed)
  structure(list(
    version = this_version(), call = call, model = model, data = data, compiled = compiled, settings = settings, seed = seed,
    particles = settings$particles, optimizer = settings$optimizer, keep = keep, loss = numeric(),
    nonfinite = count_by_site(compiled, 0 * seq_along(compiled$terms)), seconds = 0, gradient_evaluations = 0,
    density_evaluations = 0, state = fresh_state(g, settings$optimizer), guide = g
  ), class = "fullrank_fit")
}

# What fullrank() does not know: a misspelt argument, or data given one by one.
reject_dots <- function(...) {
  if (!...length()) return(invisible())
  tags <- argument_tags(...)
  if (!nzchar(tags[1L])) stop("fullrank() takes the model and the data by place; its other arguments need their names, as in seed = 1.", call. = FALSE)
  known <- setdiff(names(formals(fullrank.fullrank_model)), c("x", "..."))
  if (tags[1L] %in% known) stop(sprintf("`%s` is an argument for models alone: a density from elsewhere is handed in with what it needs.", tags[1L]), call. = FALSE)
  stop(paste(c(sprintf("fullrank() has no argument `%s`.", tags[1L]), nearest_hint(tags[1L], known),
               sprintf("Data go in together: data = list(%s = ...).", tags[1L])), collapse = " "), call. = FALSE)
}

# Names of arguments, which are not evaluated.
argument_tags <- function(...) {
  tags <- names(as.list(substitute(list(...)))[-1L])
  if (is.null(tags)) rep("", ...length()) else tags
}

# More would not find a block of rows each (FR_BLOCKS in program.h).
max_threads <- 16

# Of one run, whose losses are kept; and of draws at once.
most_steps <- 1e8
most_particles <- 1e6

check_settings <- function(init, init_scale, optimizer, steps, max_steps, particles, threads, tol, restarts = 1) {
  check_init_scale(init_scale)
  list(
    init = check_init(init), init_scale = init_scale, optimizer = check_optimizer(optimizer),
    steps = if (!is.null(steps)) check_number(steps, "steps", 1, most_steps, whole = TRUE),
    max_steps = check_number(max_steps, "max_steps", 1, most_steps, whole = TRUE),
    particles = if (is.null(particles)) default_particles(optimizer) else check_number(particles, "particles", 1, most_particles, whole = TRUE),
    threads = check_number(threads, "threads", 1, whole = TRUE),
    tol = check_number(tol, "tol", 0, open = TRUE),
    restarts = check_number(restarts, "restarts", 1, 1e4, whole = TRUE)
  )
}

default_particles <- function(optimizer) if (optimizer$name == "natural") 16 else 8

fresh_state <- function(g, optimizer) {
  theta <- pack_guide(g)
  if (optimizer$name != "natural") return(c(list(theta = theta), fresh_counters()))
  d <- length(g$loc)
  # dense factors, frames and the Hessian of its start, their copies and their workspace
  check_size(d, 8 * (22 * d^2 + 1000 * d), "\n  optimizer = adam() needs about a sixth of that.")
  .Call(fullrank_natural_start, theta, d)
}

count_by_site <- function(compiled, counts) {
  sums <- tapply(counts, factor(compiled$terms, unique(compiled$terms)), sum)
  stats::setNames(as.integer(sums), names(sums))
}

run_statuses <- c("converged", "budget_exhausted", "diverged", "interrupted", "fixed_steps")
check_every <- 500L
check_pairs <- 128L

# A close verdict is taken again with more draws: their products cost d pairs^2.
more_pairs <- function(d) as.integer(max(check_pairs, min(1024, 51200 %/% d)))

# Go on for `steps` steps, or until the convergence rule ends it within `max_steps` more.
run_fit <- function(fit, steps, max_steps, progress, verbose = FALSE) {
  needs_data(fit$compiled)
  begin <- proc.time()[["elapsed"]]
  out <- take_steps(fit, steps, max_steps, progress, verbose)
  fit$state <- out$state
  fit$loss <- c(fit$loss, out$loss)
  fit$phases <- phase_table(out$phases, fit$phases)
  fit$status <- run_statuses[out$status + 1L]
  fit$steps <- fit$state$step
  fit$isa <- .Call(fullrank_isa)$in_use
  fit$gradient_evaluations <- fit$gradient_evaluations + out$evaluations
  fit$density_evaluations <- fit$density_evaluations + (if (is.null(out$densities)) 0 else out$densities)
  fit$nonfinite <- fit$nonfinite + count_by_site(fit$compiled, out$counts)
  fit$guide <- new_guide(unpack_guide(fit$state$theta, fit$compiled), fit$compiled, fit$seed)
  fit$guide$compiled <- NULL # `$` hands it out with the fit's
  if (!is.null(out$failure)) fail_again(out$failure, fit)
  fit <- tryCatch(judge_fit(fit, if (fit$status == "converged") out$verdict), fullrank_density_error = function(e) fail_again(e, fit))
  fit$restarts <- refresh_restarts(fit)
  fit$seconds <- fit$seconds + proc.time()[["elapsed"]] - begin
  if (verbose) message(paste(strwrap(verdict_text(fit)), collapse = "\n"))
  if (fit$status == "interrupted") say_interrupted(fit)
  fit
}

# The steps themselves, one .Call.
take_steps <- function(fit, steps, max_steps = Inf, progress = FALSE, verbose = FALSE) {
  fixed <- !is.null(steps)
  until <- fit$state$step + (if (fixed) steps else max_steps)
  run <- list(from = fit$state$step, until = until, fixed = fixed, natural = fit$optimizer$name == "natural")
  bar <- progress_report(progress, verbose, run)
  on.exit(bar$done())
  d <- fit$compiled$program$d
  guard <- new.env(parent = emptyenv())
  density <- core_density(fit$compiled, guard)
  density$threads <- as.integer(min(fit$settings$threads, max_threads))
  if (fit$optimizer$name == "natural") {
    settings <- list(seed = fit$seed, pairs = (fit$particles + 1) %/% 2, until_step = until, fixed_steps = as.integer(fixed),
                     max_gradients = fit$gradient_evaluations + natural_budget(fit$optimizer, d), budget = natural_budget(fit$optimizer, d), tol = fit$settings$tol)
    out <- .Call(fullrank_natural_run, density, fit$state, settings, bar$report)
    # a density that fails where only another start has led says nothing against the guide: the search elsewhere is over
    if (!is.null(guard$failure) && !is.null(guide_stands <- .Call(fullrank_natural_call_off, out$state, d))) {
      guard$failure <- NULL
      out <- join_runs(out, .Call(fullrank_natural_run, density, guide_stands, settings, bar$report))
    }
    return(c(out, failure = list(guard$failure)))
  }
  settings <- list(
    seed = fit$seed, particles = fit$particles, until_step = until, fixed_steps = as.integer(fixed),
    check_every = check_every, check_pairs = check_pairs, more_pairs = more_pairs(d), tol = fit$settings$tol
  )
  c(.Call(fullrank_svi_run, density, fit$state, fit$optimizer, settings, bar$report), failure = list(guard$failure))
}

# What two runs, one after the other, have given together.
join_runs <- function(first, second) {
  for (field in c("counts", "evaluations", "densities")) second[[field]] <- first[[field]] + second[[field]]
  second$loss <- c(first$loss, second$loss)
  second$phases <- Map(c, first$phases, second$phases)
  second
}

# The standard normals of the fresh draws that judge a fit.
judging_eps <- function(fit, draws) draw_eps(draws, fit$compiled$program$d, mix_seed(fit$seed, 1), "check", fit$state$step)

# What is known of the fit from fresh draws: ELBO, gap, importance weights. Where the first quarter of the draws shows weights that
# hardly vary, to a third less than flat_weights_sd, the others are not drawn: k-hat has no meaning there, and the ELBO's error is
# below 0.01 nat. Where they vary much, k-hat of so many has itself an sd of almost 0.2, and four times as many are drawn, unless d is
# large. They are the same draws as far as they go.
judge_fit <- function(fit, verdict = NULL, draws = 1000L) {
  g <- fit$guide
  step <- fit$state$step
  if (is.null(verdict)) verdict <- .Call(fullrank_verdict, core_density(fit$compiled), fit$state$theta, more_pairs(fit$compiled$program$d), fit$seed, step)
  eps <- judging_eps(fit, draws)
  first <- seq_len(draws %/% 4L)
  weights <- log_weights(g, eps[first, , drop = FALSE])
  if (!isTRUE(stats::sd(weights) < 2 / 3 * flat_weights_sd)) weights <- c(weights, log_weights(g, eps[-first, , drop = FALSE]))
  if (ncol(eps) <= 500L && isTRUE(stats::sd(weights) >= varied_weights_sd)) {
    weights <- c(weights, log_weights(g, judging_eps(fit, 4L * draws)[-seq_len(draws), , drop = FALSE]))
  }
  finite <- weights[is.finite(weights)]
  fit$log_weights <- weights
  fit$elbo <- if (length(finite) == length(weights)) mean(weights) else if (length(finite)) mean(finite) else NA_real_
  fit$elbo_se <- if (length(finite) > 1L) stats::sd(finite) / sqrt(length(finite)) else NA_real_
  fit$gap <- verdict$gap
  fit$gap_se <- verdict$gap_se
  fit[c("khat", "log_weight_sd", "ess")] <- importance_diagnostics(weights)[c("khat", "log_weight_sd", "ess")]
  fit
}

#' Go on with a fit, or fit again
#'
#' With a model, data or settings given, `update()` fits again with these changed. Otherwise it goes on from where the fit stopped, the
#' same as if it never had: same guide, same optimiser state, same stream of random numbers. After restarts that is the start that was kept.
#'
#' @param object A fit.
#' @param formula. A model instead of the fit's own.
#' @param ... Arguments of [fullrank()] to change (`data`, `init`, `optimizer`, `particles`, `seed`, ...): the model is fitted again.
#' @param steps How many steps to go on for; NULL: until the convergence rule ends it. When the model is fitted again, the fit's own number
#'   of steps is the default.
#' @param max_steps With `steps = NULL`, the budget of further steps.
#' @param progress,verbose As for [fullrank()].
#' @return A `fullrank_fit`.
#' @examples
#' m <- model({
#'   mu ~ normal(0, 1)
#'   y  ~ normal(mu, 1)
#' })
#' fit <- fullrank(m, list(y = c(0.4, 1.1)), steps = 200, seed = 1)
#' fit <- update(fit, steps = 300)
#' fit$steps
#' @export
update.fullrank_fit <- function(object, formula. = NULL, ..., steps = NULL, max_steps = object$settings$max_steps, progress = interactive(), verbose = FALSE) {
  changed <- list(...)
  if (is.null(formula.) && !length(changed)) {
    if (!is.null(steps)) check_number(steps, "steps", 1, most_steps, whole = TRUE)
    check_number(max_steps, "max_steps", 1, most_steps, whole = TRUE)
    check_flag(progress, "progress")
    check_flag(verbose, "verbose")
    return(run_fit(object, steps, max_steps, progress, verbose))
  }
  if (any(!nzchar(argument_tags(...)))) stop("update() takes a model by place; its other arguments need their names, as in data = list(...).", call. = FALSE)
  if (!is.null(formula.) && !is_outside(object$compiled) && !inherits(formula., "fullrank_model")) stop("`formula.` must be a model, made by model({ ... }).", call. = FALSE)
  # without its data a model would be fitted with what was observed as latent
  if (if (is_outside(object$compiled)) is.null(formula.) else !"data" %in% names(changed)) needs_data(object$compiled)
  s <- object$settings
  args <- list(x = if (is.null(formula.)) object$model else formula., data = object$data, init = s$init, init_scale = s$init_scale, optimizer = object$optimizer,
               steps = if (missing(steps)) s$steps else steps, max_steps = max_steps, particles = object$particles, seed = s$seed,
               threads = s$threads, keep = object$keep, tol = s$tol, restarts = s$restarts, progress = progress, verbose = verbose)
  if (is_outside(object$compiled)) args <- c(args[setdiff(names(args), c("data", "init", "keep"))], object$again)
  args[names(changed)] <- changed
  fit <- do.call(fullrank, args)
  fit$call <- changed_call(object$call, match.call(expand.dots = TRUE))
  fit
}

# The call that would give the updated fit.
changed_call <- function(old, new) {
  new <- as.list(new)[-1L]
  new$object <- NULL
  names(new)[names(new) == "formula."] <- "x"
  for (name in names(new)) old[[name]] <- new[[name]]
  old
}
