# Log densities that come from outside the model language: R functions, TMB objects, stanfits, C functions. Compiled they have the
# fields of a compiled model (compile.R), with a `program` that says by `kind` what evaluates it.

# sites: see coordinate_sites(). outputs, constrain: what draws and summaries report on, where that is not the coordinates themselves; the
# function gives its values at each row of z.
new_outside <- function(kind, sites, ..., messages = character(), outputs = NULL, coord_names = NULL) {
  own <- unlist(lapply(sites, `[[`, "labels"), use.names = FALSE)
  names <- if (is.null(coord_names)) own else coord_names
  structure(list(
    program = list(kind = kind, d = length(own), names = names, ...), sites = sites, observed = list(), coord_names = names,
    terms = "log density", kept = list(), messages = messages, outputs = outputs
  ), class = "fullrank_compiled")
}

is_outside <- function(compiled) !is.null(compiled$program$kind)

# The density as the C code takes it, see src/r_density.h. With a `guard`, an environment, a failure or an interrupt ends the run instead of
# jumping out of it, and is left there.
core_density <- function(compiled, guard = NULL) {
  needs_data(compiled)
  p <- compiled$program
  if (is.null(p$kind)) return(p)
  if (p$kind == "c") return(list(d = p$d, pointer = p$pointer))
  one <- switch(p$kind, "function" = evaluate_function, tmb = evaluate_tmb, stan = evaluate_stan)
  if (p$kind == "stan") check_stanfit(p$object)
  list(d = p$d, evaluate = if (is.null(guard)) function(z, gradient) one(p, z, gradient) else guarded(one, p, guard))
}

guarded <- function(one, p, guard) {
  function(z, gradient) {
    tryCatch(one(p, z, gradient), error = function(e) { guard$failure <- e; NULL }, interrupt = function(e) NULL)
  }
}

# list(log_prob (S), gradient (S x d) or NULL) at each row of z.
evaluate_points <- function(compiled, z, gradient = FALSE) {
  .Call(fullrank_density_eval, core_density(compiled), as_points(z), gradient)
}

# Values of the outputs at each row of z: a list of S x length matrices.
outside_values <- function(compiled, z) {
  if (compiled$program$kind == "stan") return(stan_values(compiled, z))
  lapply(compiled$sites, function(site) z[, site$offset + seq_len(site$free), drop = FALSE])
}

# ---- failures ---------------------------------------------------------------------------------------------------------

# An error about what a density did at a point. `fit` and `step` are added where a run was going on.
fail_density <- function(what, did, z, names, step = NULL, fit = NULL) {
  z <- stats::setNames(as.vector(z), names)
  stop(structure(class = c("fullrank_density_error", "error", "condition"), list(
    message = density_message(what, did, z, step, fit), call = NULL, what = what, did = did, z = z, step = step, fit = fit
  )))
}

density_message <- function(what, did, z, step, fit) {
  shown <- utils::head(z, 4L)
  point <- paste(sprintf("%s = %s", names(shown), format(signif(shown, 4), trim = TRUE)), collapse = ", ")
  paste0(what, " ", did, if (!is.null(step)) sprintf(", at step %s", big(step)), ".\n  The point: ", point,
         if (length(z) > length(shown)) sprintf(", ... (%s coordinates)", big(length(z))), "; all of it is `z` of this condition.",
         if (!is.null(fit)) "\n  The fit so far is its `fit`: tryCatch(..., fullrank_density_error = function(e) e$fit).")
}

# The error again, with the step and the fit as it stands.
fail_again <- function(e, fit) {
  if (!inherits(e, "fullrank_density_error")) stop(e)
  fit$status <- "interrupted"
  fields <- c("elbo", "elbo_se", "gap", "gap_se", "khat", "log_weight_sd", "ess")
  fit[fields] <- NA_real_
  fit["log_weights"] <- list(NULL)
  fail_density(e$what, e$did, e$z, names(e$z), fit$state$step + 1, fit)
}

# What a function gave, in words.
returned_text <- function(x) {
  if (is.null(x)) return("NULL")
  if (is.function(x)) return("a function")
  shown <- if (is.atomic(x) && length(x)) paste0(": ", paste(utils::head(format(x, digits = 4), 3L), collapse = ", "), if (length(x) > 3L) ", ...") else ""
  shape <- if (is.null(dim(x))) sprintf("of length %s", big(length(x))) else paste("of shape", paste(dim(x), collapse = " x "))
  sprintf("an object of class %s %s%s", class(x)[1L], shape, shown)
}

# ---- coordinates --------------------------------------------------------------------------------------------------------

# Sites of a list of arrays, one coordinate an element.
coordinate_sites <- function(values) {
  offset <- 0L
  out <- list()
  for (name in names(values)) {
    x <- values[[name]]
    dim <- if (!is.null(dim(x))) dim(x) else if (length(x) == 1L) integer() else length(x)
    dimnames <- if (!is.null(dim(x))) dimnames(x) else if (length(dim) && !is.null(names(x))) list(names(x))
    labels <- element_labels(name, dim, dimnames)
    out[[name]] <- list(name = name, dim = dim, dimnames = dimnames, length = length(x), N = length(x), K = 1L, map = "bounded", lower = -Inf, upper = Inf,
                        free = length(x), offset = offset, labels = labels, coord_names = labels)
    offset <- offset + length(x)
  }
  out
}

# `init` of a density whose coordinates it names, as a named list of values; `d`: how many there are, where that is known.
named_start <- function(init, d = NULL) {
  forms <- "a named vector (init = c(mu = 0, log_sigma = 0)), a named list (init = list(mu = 0, theta = numeric(8))), or the number of coordinates (init = 3)"
  if (is.null(init) && !is.null(d)) init <- numeric(d)
  if (is.null(init)) stop("`init` is missing: it says where to start and names the coordinates. Give ", forms, ".", call. = FALSE)
  if (is.list(init) && !inherits(init, "fullrank_init")) return(checked_start(init, d))
  if (!is.numeric(init) || !length(init)) stop(sprintf("`init` must be %s, not %s.", forms, shape_and_class(init)), call. = FALSE)
  if (is.null(d) && length(init) == 1L && is.null(names(init))) init <- numeric(check_number(init, "init", 1, 46340, whole = TRUE))
  checked_start(if (is.null(names(init))) list(z = as.double(init)) else as.list(init), d)
}

checked_start <- function(values, d) {
  names <- names(values)
  if (!length(values) || is.null(names) || any(!nzchar(names)) || anyNA(names)) stop("Every element of `init` needs a name.", call. = FALSE)
  if (anyDuplicated(names)) stop(sprintf("`init` has more than one element named `%s`.", names[duplicated(names)][1L]), call. = FALSE)
  for (name in names) {
    x <- values[[name]]
    if (!is.numeric(x) || !length(x)) stop(sprintf("The element `%s` of `init` must be numbers, not %s.", name, shape_and_class(x)), call. = FALSE)
    if (!all(is.finite(x))) stop(sprintf("The element `%s` of `init` must be finite.", name), call. = FALSE)
  }
  n <- sum(lengths(values))
  if (!is.null(d) && n != d) stop(sprintf("`init` has %s coordinates, but the density has %s.", big(n), big(d)), call. = FALSE)
  lapply(values, function(x) { storage.mode(x) <- "double"; x })
}
