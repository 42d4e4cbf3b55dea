# Observations of a model one by one: what was observed, and the log density of each at draws of the latent sites.

# Statements on data, each with its nodes in the program. `sites`: their names, or NULL for all.
observed_statements <- function(compiled, sites = NULL) {
  needs_data(compiled)
  observed <- Filter(function(o) o$length > 0L, compiled$observed)
  if (!length(observed)) stop("The model has no observed site.", call. = FALSE)
  names(observed) <- make.unique(vapply(observed, `[[`, "", "name"), sep = ".")
  if (is.null(sites)) return(observed)
  unknown <- setdiff(sites, names(observed))
  if (length(unknown)) {
    stop(paste(c(sprintf("`%s` is no observed site of the model.", unknown[1L]), nearest_hint(unknown[1L], names(observed)),
                 sprintf("They are %s.", enumerate(names(observed)))), collapse = " "), call. = FALSE)
  }
  observed[sites]
}

# The data of a statement, as a vector in column-major order.
observed_values <- function(compiled, statement) compiled$program$constants[[code_ints(compiled$program, statement$nodes[["value"]] + 1L) + 1L]]

# One label an observation: y[3], and for a vector observation (a row of a matrix) y[3,].
observation_labels <- function(name, statement) {
  by_rows <- is.null(statement$dist) || dist_table()[[statement$dist]]$by_rows || dist_table()[[statement$dist]]$event == "scalar"
  dim <- if (length(statement$dim) > 1L) statement$dim else if (statement$length > 1L) statement$length
  if (by_rows) return(element_labels(name, dim, if (!is.null(statement$names)) list(statement$names)))
  if (statement$N == 1L) name else sprintf("%s[%d,]", name, seq_len(statement$N))
}

# Log density of each observation at each row of z: S x n, the parts that depend on data alone included.
model_log_lik <- function(compiled, z, sites = NULL) {
  observed <- observed_statements(compiled, sites)
  extended <- with_pointwise_nodes(compiled$program, observed)
  values <- .Call(fullrank_program_values, extended$program, as_points(z), extended$nodes)
  parts <- Map(function(x, name, statement) {
    out <- x + rep(data_alone(compiled, statement), each = nrow(x))
    colnames(out) <- observation_labels(name, statement)
    out
  }, values, names(observed), observed)
  do.call(cbind, unname(parts))
}

# The program with one node more for each density statement: its log density one observation at a time. A wrapped distribution has
# such a node already.
with_pointwise_nodes <- function(program, observed) {
  added <- lapply(observed, function(o) if ("density" %in% names(o$nodes)) pointwise_node(program, o))
  count <- cumsum(lengths(added) > 0L)
  nodes <- ifelse(lengths(added) > 0L, length(program$op) + count - 1L, vapply(observed, function(o) o$nodes[length(o$nodes)], 0L))
  added <- added[lengths(added) > 0L]
  all <- function(field) unlist(lapply(added, `[[`, field), use.names = FALSE)
  program$arg_start <- c(program$arg_start, as.integer(length(program$arg) + cumsum(vapply(added, function(a) length(a$arg), 0L))))
  program$int_start <- c(program$int_start, as.integer(length(program$ints) + cumsum(vapply(added, function(a) length(a$ints), 0L))))
  for (field in c("op", "len", "arg", "ints")) program[[field]] <- c(program[[field]], all(field))
  list(program = program, nodes = as.integer(nodes))
}

pointwise_node <- function(program, statement) {
  at <- statement$nodes[["density"]] + 1L
  ints <- code_ints(program, at)
  by_rows <- length(ints) == 2L
  list(op = op_codes()[[if (by_rows) "log_prob" else "log_prob_event"]], len = statement$N, arg = code_args(program, at),
       ints = c(if (by_rows) ints[1L] else ints[c(1L, 3L, 4L)], -1L))
}

# What a discrete density has besides: a factor of the data alone.
data_alone <- function(compiled, statement) {
  if (is.null(statement$dist) || !dist_table()[[statement$dist]]$discrete) return(0)
  x <- observed_values(compiled, statement)
  if (!dist_table()[[statement$dist]]$by_rows && statement$K > 1L && length(x) == statement$N * statement$K) x <- matrix(x, statement$N)
  .Call(fullrank_dist_base, statement$dist, x, lapply(unname(statement$args), function(a) if (is.list(a)) NULL else a + 0))
}

#' Log densities of observations
#'
#' What package rstantools calls `log_lik()`, for models in statements: the log density of each observation at draws from the fitted Normal,
#' for `loo::loo()` and its relatives. What a model adds by `target()` belongs to no observation and is not included.
#'
#' @param object A fit of a model.
#' @param draws How many draws.
#' @param sites Names of observed sites, or NULL for all.
#' @param seed A whole number, or NULL: drawn from R's generator, so that `set.seed()` governs.
#' @param ... Not used.
#' @return `log_lik()`: a matrix with a draw a row and an observation a column, named `y[1]`, ...; a row of a matrix is one observation of a vector distribution. `nobs()`: how
#'   many observations there are.
#' @seealso [loo()][loo.fullrank_fit]; [simulate()][simulate.fullrank_fit] draws replicates of the observed sites.
#' @examplesIf requireNamespace("rstantools", quietly = TRUE)
#' m <- model({
#'   mu ~ normal(0, 1)
#'   y  ~ normal(mu, 1)
#' })
#' fit <- fullrank(m, data = list(y = c(0.3, -1)), seed = 1)
#' rstantools::log_lik(fit, draws = 3, seed = 1)
#' @exportS3Method rstantools::log_lik fullrank_fit
log_lik.fullrank_fit <- function(object, draws = 1000, sites = NULL, seed = NULL, ...) {
  no_extra_arguments("log_lik", ...)
  draws <- check_number(draws, "draws", 1, .Machine$integer.max, whole = TRUE)
  g <- checked_guide(object)
  model_log_lik(g$compiled, sample_guide(g, draw_eps(draws, length(g$loc), resolve_seed(seed))), sites)
}

#' @rdname log_lik.fullrank_fit
#' @export
nobs.fullrank_fit <- function(object, ...) sum(vapply(observed_statements(object$compiled), `[[`, 0L, "N"))
