#' Predictive checks by package bayesplot
#'
#' The observations beside replicates from the fit, by any of bayesplot's `ppc_*()` functions. [plot(fit, type = "predictive")][plot.fullrank_regression] draws such a check of a regression without
#' further packages.
#'
#' @param object A fit of a model that has observed sites, or of a regression.
#' @param type Which check: "dens_overlay" for `bayesplot::ppc_dens_overlay()`, and so on. By default densities, for counts and categories "bars".
#' @param ndraws How many replicates. By default 50 where each is drawn, 1,000 where they are summarised.
#' @param site For a model: which observed site.
#' @param seed A whole number, or NULL: drawn from R's generator, so that `set.seed()` governs.
#' @param ... For the function of bayesplot, such as `group` or `x`: an element a row of the data. A row of a regression whose weight says how often it counts is there as often.
#' @return A ggplot object.
#' @examplesIf requireNamespace("bayesplot", quietly = TRUE)
#' fit <- fullrank(mpg ~ wt, data = mtcars, seed = 1)
#' bayesplot::pp_check(fit, seed = 1)
#' @exportS3Method bayesplot::pp_check fullrank_fit
pp_check.fullrank_fit <- function(object, type = NULL, ndraws = NULL, site = NULL, seed = NULL, ...) {
  observed <- observed_statements(object$compiled, site)
  if (length(observed) > 1L) {
    stop(sprintf("The model has more than one observed site: `site` chooses one of %s.", enumerate(names(observed))), call. = FALSE)
  }
  y <- observed_values(object$compiled, observed[[1L]])
  check <- predictive_check(y, type, ndraws)
  check$draw(y, unname(posterior_predict.fullrank_fit(object, check$ndraws, names(observed), seed)), ...)
}

#' @rdname pp_check.fullrank_fit
#' @exportS3Method bayesplot::pp_check fullrank_regression
pp_check.fullrank_regression <- function(object, type = NULL, ndraws = NULL, seed = NULL, ...) {
  reg <- object$regression
  rows <- counted_rows(reg)
  y <- as.double(reg$response$y)[rows]
  check <- predictive_check(y, type, ndraws)
  seed <- resolve_seed(seed)
  yrep <- possible_draws(predictive_samples(object, prediction_rows(object), prediction_values(object, check$ndraws, seed), FALSE, mix_seed(seed, 5), rows = rows))
  if (!is.null(reg$response$size) && !identical(check$type, "bars")) {
    y <- y / reg$response$size
    yrep <- yrep / rep(reg$response$size, each = nrow(yrep))
  }
  others <- lapply(list(...), function(x) if (length(x) == length(reg$response$y)) x[rows] else x)
  do.call(check$draw, c(list(y, yrep), others))
}

# The function of bayesplot and how many replicates it reads.
predictive_check <- function(y, type, ndraws) {
  if (is.null(type)) type <- if (all(y == floor(y)) && length(unique(y)) <= 25L) "bars" else "dens_overlay"
  known <- sub("^ppc_", "", setdiff(grep("^ppc_", getNamespaceExports("bayesplot"), value = TRUE), grep("_data$", getNamespaceExports("bayesplot"), value = TRUE)))
  if (!is.character(type) || length(type) != 1L || !sub("^ppc_", "", type) %in% known) {
    stop(paste(c(sprintf("bayesplot has no check %s.", deparse(type)[1L]), nearest_hint(type[1L], known), "bayesplot::available_ppc() lists them."), collapse = " "), call. = FALSE)
  }
  type <- sub("^ppc_", "", type)
  each <- grepl("overlay|^hist|^boxplot|^dens$|^freqpoly", type)
  ndraws <- if (is.null(ndraws)) (if (each && type != "hist") 50 else if (each) 8 else 1000) else check_number(ndraws, "ndraws", 1, whole = TRUE)
  list(type = type, ndraws = ndraws, draw = function(y, yrep, ...) getExportedValue("bayesplot", paste0("ppc_", type))(y, yrep, ...))
}
