# Objects of packages TMB and RTMB: the joint density over their full parameter vector.

is_tmb <- function(x) is.list(x) && is.environment(x$env) && is.function(x$fn) && is.function(x$gr) && is.function(x$env$f) && is.numeric(x$env$par)

fullrank_tmb <- function(x, call, ..., data = NULL, init = NULL) {
  if (!is.null(data)) stop("`data` are part of a TMB object: give them to MakeADFun().", call. = FALSE)
  values <- tmb_parameters(x)
  compiled <- new_outside("tmb", coordinate_sites(values), env = x$env)
  fit_density(call, x, compiled, tmb_start(compiled, values, init), list(init = init), check = FALSE, ...)
}

# The full parameter vector by name, in the shapes that parameters were given in where all their elements are free.
tmb_parameters <- function(x) {
  par <- x$env$par
  if (is.null(names(par))) names(par) <- rep("par", length(par))
  shapes <- x$env$parameters
  runs <- rle(names(par))
  ends <- cumsum(runs$lengths)
  values <- Map(function(name, n, end) {
    v <- unname(par[end - n + seq_len(n)])
    dim <- dim(shapes[[name]])
    if (!is.null(dim) && prod(dim) == n) dim(v) <- dim
    v
  }, runs$values, runs$lengths, ends)
  stats::setNames(values, make.unique(runs$values))
}

tmb_start <- function(compiled, values, init) {
  if (is.numeric(init) && !is.list(init)) {
    d <- compiled$program$d
    if (length(init) != d) stop(sprintf("`init` must be the full parameter vector of %s, random effects included, not %s.", count_of(d, "number"), shape_and_class(init)), call. = FALSE)
    return(split_start(compiled, init))
  }
  if (inherits(init, "fullrank_init")) return(init)
  values[names(init)] <- init
  init_to_value(values)
}

# An init from a vector of coordinates.
split_start <- function(compiled, z) {
  init_to_value(lapply(compiled$sites, function(site) {
    v <- unname(z[site$offset + seq_len(site$free)])
    if (length(site$dim) > 1L) dim(v) <- site$dim
    v
  }))
}

evaluate_tmb <- function(p, z, gradient) {
  f <- p$env$f
  one <- function(s, order) {
    tryCatch(-as.double(f(z[s, ], order = order)), error = function(e) {
      fail_density("The TMB object", sprintf("%s.\n  In a new session load its library (dyn.load(dynlib(...))), or make the object again and give it to the fit by attach_density(fit, obj)", threw(e)),
                   z[s, ], p$names)
    })
  }
  S <- nrow(z)
  log_prob <- vapply(seq_len(S), one, 0, order = 0)
  list(log_prob = log_prob, gradient = if (gradient) t(matrix(vapply(seq_len(S), one, numeric(p$d), order = 1), p$d)))
}
