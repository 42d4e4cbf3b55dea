# Stan models, through package rstan.

#' @rdname fullrank.function
#' @export
fullrank.stanfit <- function(x, ..., init = NULL, pars = NULL) {
  call <- matched_call(match.call())
  if (!requireNamespace("rstan", quietly = TRUE)) stop("A stanfit needs package rstan: install.packages(\"rstan\").", call. = FALSE)
  x <- without_samples(x)
  check_stanfit(x)
  outputs <- stan_outputs(x, pars)
  d <- rstan::get_num_upars(x)
  compiled <- new_outside("stan", coordinate_sites(list(u = numeric(d))), object = x, outputs = outputs, coord_names = stan_coordinates(x, d))
  fit_density(call, x, compiled, stan_start(x, compiled, init), list(init = init, pars = pars), check = FALSE, ...)
}

# A fit needs the model and not the draws.
without_samples <- function(x) {
  x@sim$samples <- list()
  x
}

# The compiled model lives outside R and is gone in a new session.
check_stanfit <- function(x) {
  alive <- requireNamespace("rstan", quietly = TRUE) && !inherits(try(rstan::get_num_upars(x), silent = TRUE), "try-error")
  if (!alive) {
    stop(structure(class = c("fullrank_density_gone", "error", "condition"), list(call = NULL, message = paste0(
      "The Stan model of this `stanfit` is not loaded: it does not survive saveRDS(), and a `stanfit` read by read_stan_csv() has none.",
      "\n  Make one by sampling(stan_model(...), data = ..., chains = 0); for a saved fit then attach_density(fit, stanfit)."
    ))))
  }
}

# What constrain_pars() gives, without lp__ and what has no elements.
stan_outputs <- function(x, pars) {
  dims <- x@par_dims[setdiff(x@model_pars, "lp__")]
  if (!is.null(pars)) {
    unknown <- setdiff(pars, names(dims))
    if (length(unknown)) stop(paste(c(sprintf("`pars` names `%s`, which the Stan model does not have.", unknown[1L]), nearest_hint(unknown[1L], names(dims)),
                                      sprintf("It has %s.", enumerate(names(dims)))), collapse = " "), call. = FALSE)
    dims <- dims[pars]
  }
  sizes <- vapply(dims, prod, 0)
  Map(function(name, dim) list(name = name, dim = as.integer(dim), length = as.integer(prod(dim)), labels = element_labels(name, as.integer(dim)), map = "stan"),
      names(dims)[sizes > 0], dims[sizes > 0])
}

# Stan's own names of the unconstrained coordinates, `theta.1` as theta[1].
stan_coordinates <- function(x, d) {
  names <- tryCatch(x@.MISC$stan_fit_instance$unconstrained_param_names(FALSE, FALSE), error = function(e) NULL)
  if (length(names) != d) return(NULL)
  index <- grepl("\\.[0-9.]+$", names)
  at <- regexpr("\\.[0-9.]+$", names[index])
  names[index] <- paste0(substr(names[index], 1L, at - 1L), "[", gsub(".", ",", substring(names[index], at + 1L), fixed = TRUE), "]")
  names
}

stan_start <- function(x, compiled, init) {
  if (is.null(init)) return(init_to_uniform())
  if (inherits(init, "fullrank_init")) return(init)
  d <- compiled$program$d
  if (is.list(init)) {
    init <- tryCatch(rstan::unconstrain_pars(x, init), error = function(e) stop("Stan cannot take `init`: ", conditionMessage(e), call. = FALSE))
  }
  if (!is.numeric(init) || length(init) != d) {
    stop(sprintf("`init` must be a named list of all parameters, or the unconstrained vector of %s, not %s.", count_of(d, "number"), shape_and_class(init)), call. = FALSE)
  }
  split_start(compiled, init)
}

# A point that Stan rejects has density zero.
evaluate_stan <- function(p, z, gradient) {
  S <- nrow(z)
  log_prob <- rep(-Inf, S)
  slopes <- if (gradient) matrix(NaN, S, p$d)
  for (s in seq_len(S)) {
    found <- tryCatch(if (gradient) rstan::grad_log_prob(p$object, z[s, ]) else rstan::log_prob(p$object, z[s, ]), error = function(e) NULL)
    if (is.null(found)) next
    log_prob[s] <- if (gradient) attr(found, "log_prob") else found
    if (gradient) slopes[s, ] <- as.double(found)
  }
  list(log_prob = log_prob, gradient = slopes)
}

stan_values <- function(compiled, z) {
  needs_data(compiled)
  check_stanfit(compiled$program$object)
  parts <- compiled$outputs
  out <- lapply(parts, function(part) matrix(0, nrow(z), part$length))
  for (s in seq_len(nrow(z))) {
    values <- rstan::constrain_pars(compiled$program$object, z[s, ])
    for (name in names(parts)) out[[name]][s, ] <- as.double(values[[name]])
  }
  out
}
