# What a fit keeps: itself in plain data, each part once, and which version made it.

# ---- the guide inside a fit --------------------------------------------------------------------------------------------
# A fit and its guide read the same compiled model, which has the data in it: it is stored once, beside the guide, and handed out with it.

#' @export
`$.fullrank_fit` <- function(x, name) with_compiled(.subset2(x, name), name, x)

#' @export
`[[.fullrank_fit` <- function(x, i, ...) with_compiled(.subset2(x, i, ...), i, x)

with_compiled <- function(value, name, fit) {
  if (inherits(value, "mvn_guide") && is.null(value$compiled)) value$compiled <- .subset2(fit, "compiled")
  value
}

# ---- versions ----------------------------------------------------------------------------------------------------------

this_version <- function() as.character(utils::packageVersion("fullrank"))

# A fit of another version is recognised, once a session and version.
recognise_version <- local({
  told <- character()
  function(fit) {
    made <- .subset2(fit, "version")
    if (is.null(made)) made <- "unknown"
    now <- this_version()
    if (identical(made, now) || made %in% told) return(invisible())
    told <<- c(told, made)
    message(sprintf("This fit was made by version %s of fullrank, and this is %s. Its Normal holds; should anything else look wrong, fit again: update(fit, seed = fit$seed).", made, now))
  }
})

# ---- without the data ---------------------------------------------------------------------------------------------------

# The fit without its data and without what of the program reads them: the Normal, its draws and its summaries remain. Of a density from
# elsewhere all goes that evaluates it, since it may hold data of any size.
drop_data <- function(fit) {
  if (is_outside(fit$compiled)) {
    fit$compiled <- without_outside(fit$compiled)
    fit["model"] <- list(NULL)
    fit$again[c("data", "gradient")] <- NULL
  } else {
    fit$compiled <- without_density(fit$compiled)
    fit$model$data <- NULL
  }
  fit["data"] <- list(NULL)
  fit$guide$compiled <- NULL
  fit
}

# The same of a regression, which keeps what predict() for new rows and prior_summary() read.
drop_regression_data <- function(fit, data) {
  reg <- fit$regression
  reg$nobs <- nobs.fullrank_regression(fit)
  reg["data"] <- list(NULL)
  reg$frame <- reg$frame[0L, , drop = FALSE]
  reg$na.action <- NULL
  reg$response <- lapply(reg$response, function(v) if (is.numeric(v) && length(v) > 1L) v[0L] else v)
  read <- unlist(lapply(reg$sites, function(s) c(all.vars(s$prior), unlist(lapply(s$elements, function(e) all.vars(e$prior))))))
  fit$data <- data[intersect(names(data), read)]
  reg$dropped <- TRUE
  fit$regression <- reg
  fit
}

without_outside <- function(compiled) {
  p <- compiled$program
  if (p$kind == "function") p$with_gradient <- !is.null(p$gradient)
  compiled$program <- p[intersect(names(p), c("kind", "d", "names", "vectorized", "with_data", "with_gradient"))]
  compiled$dropped <- TRUE
  compiled
}

# All nodes that no site and no kept value needs become empty constants, so that the others keep their numbers.
without_density <- function(compiled) {
  p <- compiled$program
  ops <- names(op_codes())[p$op + 1L]
  need <- needed_nodes(p, node_ids(c(compiled$sites, compiled$kept)))
  args <- lapply(seq_along(p$op), function(i) if (need[i]) code_args(p, i) else integer())
  ints <- lapply(seq_along(p$op), function(i) if (need[i]) code_ints(p, i) else if (ops[i] == "const") code_ints(p, i) else length(p$constants))
  p$constants <- c(p$constants, list(numeric()))
  used <- unlist(ints[need & ops == "const"]) + 1L
  p$constants[setdiff(seq_along(p$constants), used)] <- list(numeric())
  p$op[!need] <- op_codes()[["const"]]
  p$len[!need] <- 0L
  if (!any(need & ops == "scan")) {
    p$bodies <- list()
    read <- unlist(lapply(which(need & ops %in% c("gather", "scatter")), function(i) ints[[i]][1L])) + 1L
    p$index[setdiff(seq_along(p$index), read)] <- list(integer())
  }
  starts <- function(x) as.integer(c(0, cumsum(lengths(x))))
  p[c("arg", "arg_start", "ints", "int_start")] <- list(as.integer(unlist(args)), starts(args), as.integer(unlist(ints)), starts(ints))
  compiled$program <- p
  compiled$observed <- list()
  compiled$dropped <- TRUE
  compiled
}

# Every node id that sites and kept values mention: their own, their bounds', those of their arguments.
node_ids <- function(x) {
  if (!is.list(x)) return(integer())
  own <- c(if (is.numeric(x$id)) x$id, if (is.numeric(x$bounds)) x$bounds)
  as.integer(unique(c(own, unlist(lapply(unname(x), node_ids)))))
}

needed_nodes <- function(program, ids) {
  need <- rep(FALSE, length(program$op))
  need[ids + 1L] <- TRUE
  for (i in rev(which(seq_along(need) <= max(which(need))))) if (need[i]) need[code_args(program, i) + 1L] <- TRUE
  need
}

# In the place of data that a fit has not kept, so that its model is not run as one without data, which would be its prior.
no_data <- function() structure(list(dropped = TRUE), class = "fullrank_no_data")

# Before anything that evaluates the density or reads the observations.
needs_data <- function(x) {
  if (!isTRUE(x$dropped)) return(invisible())
  if (!is.null(x$program$kind)) {
    stop(structure(class = c("fullrank_density_gone", "error", "condition"), list(call = NULL, message =
      "The fit was made with keep_data = FALSE, and this needs its density: fit <- attach_density(fit, ...) gives it back.")))
  } else {
    stop("The fit was made with keep_data = FALSE, and this needs its data: fit again with update(fit, data = ..., keep_data = TRUE). Summaries, draws and predictions for `newdata` need none.", call. = FALSE)
  }
}
