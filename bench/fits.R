# Whole fits beside their peers, default settings, one thread each: processor seconds, and the error beside every time.
#
#   Rscript bench/fits.R [--cases=regex] [--seeds=1:3] [--limit=20]
#
# The 19 cases of posteriordb against rstan's vb() (full rank, mean field), optimizing() with draws from its Laplace approximation, and
# NUTS (one chain of 2,000); regressions against glm(), lme4::glmer() and rstanarm's full-rank vb. A fit that takes more than
# `limit` seconds is ended. Writes results/fits.md. Stan programs are compiled once (stan.R); that time is apart.

local({
  file <- sub("^--file=", "", grep("^--file=", commandArgs(FALSE), value = TRUE))
  source(file.path(dirname(normalizePath(file)), "optima.R"), local = globalenv())
})
source(file.path(here, "table.R"))
source(file.path(here, "stan.R"))

have <- function(package) requireNamespace(package, quietly = TRUE)
seeds <- eval(parse(text = option("seeds", "1:3")))
limit <- as.numeric(option("limit", "20"))

# list(seconds, draws) of a fit; list(seconds = NA, why) when it fails or takes too long. fit(seed) gives a matrix of draws, or a function that gives
# it, so that only the fit itself counts.
timed <- function(fit, seed) {
  sink(nullfile())
  on.exit(sink())
  quietly <- function(expr) tryCatch(suppressWarnings(suppressMessages(expr)), error = function(e) paste("error:", conditionMessage(e)), interrupt = function(e) "interrupted")
  gc()
  setTimeLimit(cpu = limit, transient = TRUE)
  start <- proc.time()
  out <- quietly(fit(seed))
  seconds <- sum((proc.time() - start)[c("user.self", "sys.self")])
  setTimeLimit()
  if (seconds > limit) return(list(seconds = NA, why = sprintf("over %g s", limit)))
  if (is.function(out)) out <- quietly(out())
  if (is.matrix(out) && (anyNA(out) || all(out[, 1L] == out[1L]))) out <- "no covariance" # optimizing() where the Hessian is not definite
  if (!is.matrix(out)) list(seconds = NA, why = paste(format(out), collapse = " ")) else list(seconds = seconds, draws = out)
}

# M, the largest |mean - reference| in reference sds, and S, the largest |log(sd / reference sd)|.
errors <- function(x, reference) {
  colnames(x) <- sub(",1]", "]", colnames(x), fixed = TRUE) # an n x 1 matrix, Stan's vector
  x <- x[, reference$names, drop = FALSE]
  c(M = max(abs(colMeans(x) - reference$mean) / reference$sd), S = max(abs(log(apply(x, 2, stats::sd) / reference$sd))))
}

# A row: medians over seeds.
measure <- function(case, method, fit, reference, seeds) {
  runs <- lapply(seeds, function(s) timed(fit, s))
  good <- Filter(function(r) !is.na(r$seconds), runs)
  if (!length(good)) {
    cat(sprintf("%-40s %-22s %s\n", case, method, runs[[1L]]$why))
    return(data.frame(case, method, seconds = NA_real_, M = NA_real_, S = NA_real_, failed = length(runs), why = substr(gsub("[|\n]", " ", runs[[1L]]$why), 1L, 60L)))
  }
  e <- vapply(good, function(r) errors(r$draws, reference), c(M = 0, S = 0))
  row <- data.frame(case, method, seconds = stats::median(vapply(good, `[[`, 0, "seconds")), M = stats::median(e["M", ]), S = stats::median(e["S", ]),
                    failed = length(runs) - length(good), why = "")
  cat(sprintf("%-40s %-22s %8.3f s  M %.3f  S %.3f\n", case, method, row$seconds, row$M, row$S))
  row
}

# ---- posteriordb ---------------------------------------------------------------------------------------------------------------

ours <- function(t, keep) function(seed) {
  fit <- fullrank(t$model, t$data, seed = seed, keep = keep, progress = FALSE)
  function() unclass(draws(fit, 10000, seed = 5))
}

stan_draws <- function(fit) as.matrix(fit)

stan_methods <- function(model, data) {
  list(
    `vb fullrank` = function(seed) { fit <- rstan::vb(model, data, algorithm = "fullrank", seed = seed, importance_resampling = FALSE, output_samples = 10000); function() stan_draws(fit) },
    `vb meanfield` = function(seed) { fit <- rstan::vb(model, data, algorithm = "meanfield", seed = seed, importance_resampling = FALSE, output_samples = 10000); function() stan_draws(fit) },
    `optimizing, Laplace` = function(seed) rstan::optimizing(model, data, seed = seed, hessian = TRUE, draws = 10000)$theta_tilde,
    NUTS = function(seed) { fit <- rstan::sampling(model, data, seed = seed, chains = 1, iter = 2000, refresh = 0); function() stan_draws(fit) }
  )
}

posteriordb_rows <- function() {
  targets <- posteriordb_targets()
  cases <- names(local({
    env <- new.env()
    env$test_path <- function(...) file.path(here, "..", "tests", "testthat", ...)
    sys.source(file.path(here, "..", "tests", "testthat", "helper-posteriordb.R"), env)
    env$posteriordb_models()
  }))
  rows <- list()
  for (k in grep(option("cases", ""), cases)) {
    t <- targets[[k]]
    case <- cases[k]
    label <- sub("^pdb_", "", names(targets)[k])
    full <- readRDS(file.path(here, "..", "tests", "testthat", "posteriordb", paste0(case, ".rds")))
    keep <- derived(t)
    rows[[length(rows) + 1L]] <- measure(label, "fullrank", ours(t, keep), t$reference, seeds)
    if (!have("rstan")) next
    program <- stan_program(case)
    off <- stan_difference(stan_instance(program$model, full$data), full$density_check)
    if (isTRUE(off > 1e-6)) stop("bench/stan/", case, ".stan is not the model of the case: log densities or gradients differ by ", format(off))
    compile_seconds[[label]] <<- program$seconds
    methods <- stan_methods(program$model, full$data)
    for (method in names(methods)) rows[[length(rows) + 1L]] <- measure(label, method, methods[[method]], t$reference, if (method == "NUTS") seeds[1L] else seeds)
  }
  do.call(rbind, rows)
}

# ---- regressions ---------------------------------------------------------------------------------------------------------------

# Against the maximum likelihood estimates and their standard errors: with so many data the priors hardly show.
regression_rows <- function() {
  set.seed(1)
  n <- 2000
  g <- factor(sample(100, n, TRUE))
  x <- stats::rnorm(n)
  counts <- data.frame(x = x, g = g, y = stats::rpois(n, exp(0.5 + 0.4 * x + stats::rnorm(100, 0, 0.5)[g])))
  n <- 10000
  X <- matrix(stats::rnorm(n * 50), n)
  binary <- data.frame(y = stats::rbinom(n, 1, stats::plogis(X %*% stats::rnorm(50, 0, 0.2))), X)
  of <- function(fit, V = stats::vcov(fit), b = stats::coef(fit)) list(names = names(b), mean = unname(b), sd = unname(sqrt(diag(as.matrix(V)))))
  # draws that have exactly these means and standard deviations
  exact <- function(r) { x <- r$mean + outer(r$sd, c(-1, 1) / sqrt(2)); x <- t(x); colnames(x) <- r$names; x }
  coefficient_draws <- function(fit, names) { x <- as.matrix(fit); x[, names, drop = FALSE] }
  rows <- list()
  add <- function(...) rows[[length(rows) + 1L]] <<- measure(...)
  logistic <- of(stats::glm(y ~ ., stats::binomial(), binary))
  add("logistic, 10,000 x 50", "fullrank", function(s) { fit <- fullrank(y ~ ., binary, stats::binomial(), seed = s, progress = FALSE); function() exact(of(fit)) }, logistic, seeds)
  add("logistic, 10,000 x 50", "glm", function(s) { fit <- stats::glm(y ~ ., stats::binomial(), binary); function() exact(of(fit)) }, logistic, seeds)
  if (have("rstanarm")) add("logistic, 10,000 x 50", "rstanarm fullrank", function(s) {
    fit <- rstanarm::stan_glm(y ~ ., stats::binomial(), binary, algorithm = "fullrank", seed = s, refresh = 0)
    function() coefficient_draws(fit, logistic$names)
  }, logistic, seeds)
  if (have("lme4")) {
    fixed <- function(fit) of(fit, stats::vcov(fit), nlme::fixef(fit))
    poisson_reference <- fixed(lme4::glmer(y ~ x + (1 | g), counts, stats::poisson()))
    add("Poisson GLMM, 2,000 rows, 100 groups", "fullrank", function(s) { fit <- fullrank(y ~ x + (1 | g), counts, stats::poisson(), seed = s, progress = FALSE); function() exact(fixed(fit)) }, poisson_reference, seeds)
    add("Poisson GLMM, 2,000 rows, 100 groups", "lme4::glmer", function(s) { fit <- lme4::glmer(y ~ x + (1 | g), counts, stats::poisson()); function() exact(fixed(fit)) }, poisson_reference, seeds)
    if (have("rstanarm")) add("Poisson GLMM, 2,000 rows, 100 groups", "rstanarm fullrank", function(s) {
      fit <- rstanarm::stan_glmer(y ~ x + (1 | g), counts, stats::poisson(), algorithm = "fullrank", seed = s, refresh = 0)
      function() coefficient_draws(fit, poisson_reference$names)
    }, poisson_reference, seeds)
  }
  do.call(rbind, rows)
}

# ---- the report ----------------------------------------------------------------------------------------------------------------

digits <- function(x, k = 2) if (!is.finite(x)) "not finite" else if (x >= 1000) "> 1000" else format(signif(x, k), scientific = FALSE, trim = TRUE, drop0trailing = TRUE)
cell <- function(r) {
  if (!nrow(r)) return("-")
  if (is.na(r$seconds)) return(if (startsWith(r$why, "error")) "failed" else r$why)
  paste0(digits(r$seconds), " s; ", digits(r$M), "; ", digits(r$S), if (r$failed) sprintf(" (%d failed)", r$failed))
}
wide <- function(rows, label) {
  methods <- unique(rows$method)
  line <- function(cells) paste0("| ", paste(cells, collapse = " | "), " |")
  body <- vapply(unique(rows$case), function(case) line(c(case, vapply(methods, function(m) cell(rows[rows$case == case & rows$method == m, ]), ""))), "")
  c(line(c(label, methods)), line(rep("---", length(methods) + 1L)), unname(body))
}

ratio_lines <- function(rows) {
  of <- function(method) { r <- rows[rows$method == method, ]; stats::setNames(r$seconds, r$case) }
  ours <- of("fullrank")
  total <- sprintf("fullrank takes %.2f s for all %d.", sum(ours), length(ours))
  if (!"vb fullrank" %in% rows$method) return(total)
  vb <- of("vb fullrank")[names(ours)]
  ratio <- ours / vb
  right <- function(method) { r <- rows[rows$method == method, ]; sum(!is.na(r$M) & r$M < 0.3) }
  c(total, "", sprintf("Its time over that of `vb(algorithm = \"fullrank\")`: median %.2f, at most %.2f (%s).", stats::median(ratio, na.rm = TRUE), max(ratio, na.rm = TRUE), names(which.max(ratio))), "",
    paste0("All means within 0.3 reference sds: ", paste(sprintf("%s %d", unique(rows$method), vapply(unique(rows$method), right, 0)), collapse = ", "), sprintf(" of %d.", length(ours))))
}

compile_seconds <- list()
absent <- Filter(Negate(have), c("rstan", "rstanarm", "lme4"))
posteriors <- posteriordb_rows()
regressions <- if (option("cases", "") == "") regression_rows()
text <- c(
  "# Whole fits beside their peers", "",
  paste0("`make bench BENCH=fits`; ", machine(), "; ", format(Sys.Date()), "; ",
         paste(vapply(Filter(have, c("rstan", "rstanarm", "lme4")), function(p) paste(p, utils::packageVersion(p)), ""), collapse = ", "),
         if (length(absent)) paste("; not installed and left out:", paste(absent, collapse = ", "))), "",
  sprintf("One thread, default settings, cold start; medians over seeds %s (NUTS: one run of one chain of 2,000 draws). A cell is `processor seconds; M; S`: M is the largest |mean - reference mean| in reference sds,", option("seeds", "1:3")),
  sprintf("S the largest |log(sd / reference sd)|, over all quantities of the reference. A run above %g s is ended.", limit), "",
  "## Posteriors of posteriordb", "", wide(posteriors, "case"), "", ratio_lines(posteriors), "",
  if (length(compile_seconds)) sprintf("Compiling the Stan programs is not in these times: %.0f s each (median), %.0f s in all. fullrank's times include compiling its model.",
                                       stats::median(unlist(compile_seconds)), sum(unlist(compile_seconds))),
  if (!is.null(regressions)) c("", "## Regressions", "", "M and S against the maximum likelihood estimates and their standard errors.", "", wide(regressions, "model"))
)
cat("\n", paste0(text, "\n"), sep = "")
folder <- Sys.getenv("BENCH_RESULTS")
if (nzchar(folder)) writeLines(text, file.path(folder, "fits.md"))
