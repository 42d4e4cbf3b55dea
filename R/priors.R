# Priors of a regression: the defaults, those that the user states in their place, and what prior_summary() shows.


# The sites with the user's priors in place. `prior`: NULL, "flat", a formula, or a list of these.
apply_priors <- function(sites, prior, data, env) {
  if (is.null(prior)) return(sites)
  if (is_formula(prior) || is.character(prior)) prior <- list(prior)
  if (!is.list(prior)) stop("`prior` must be a list of sample statements, as in list(b ~ normal(0, 2)), or \"flat\".", call. = FALSE)
  for (p in prior) {
    if (identical(p, "flat")) {
      sites <- lapply(sites, flat_site)
    } else if (is_formula(p) && length(p) == 3L) {
      sites <- apply_prior(sites, p, data, env)
    } else {
      stop(sprintf("`%s` is no prior: write a sample statement such as b ~ normal(0, 2), or \"flat\".", statement_text(p)), call. = FALSE)
    }
  }
  sites
}

# Location parameters and scales may be flat; what has no proper posterior under a flat prior keeps its default.
flat_site <- function(site) {
  flat <- switch(site$kind, Intercept = , b = quote(flat()), sigma = , sd = quote(flat(lower = 0)), cutpoints = quote(ordered(flat())))
  if (!is.null(flat)) site[c("prior", "user")] <- list(flat, TRUE)
  site
}

apply_prior <- function(sites, formula, data, env) {
  left <- formula[[2L]]
  element <- if (statement_head(left) == "[" && length(left) == 3L) left[[3L]]
  name <- if (is.null(element)) left else left[[2L]]
  if (!is.symbol(name)) stop(sprintf("`%s` cannot stand on the left of a prior: write a name, or one coefficient such as b[x].", statement_text(left)), call. = FALSE)
  call <- settle_prior(formula[[3L]], sites, data, formula_env(formula, env))
  for (k in prior_targets(as.character(name), sites)) {
    site <- sites[[k]]
    at <- if (!is.null(element)) named_element(site, element)
    check_prior(site, call, formula)
    if (is.null(at)) {
      site$prior <- call
      site$elements <- NULL
    } else {
      site$elements <- c(site$elements, list(list(at = at, prior = call)))
    }
    site$user <- TRUE
    sites[[k]] <- site
  }
  sites
}

# The sites that a name means: its own, or all of its kind (`sd`, `L`, and `b` and `Intercept` of several categories).
prior_targets <- function(name, sites) {
  open <- Filter(function(s) s$kind != "z", sites)
  known <- names(open)
  if (name %in% known) return(name)
  if (legal_name(name) %in% known) return(legal_name(name))
  of_kind <- known[vapply(open, function(s) s$kind == name, NA)]
  if (length(of_kind)) return(of_kind)
  holder <- Find(function(s) name %in% s$labels, open)
  hint <- if (is.null(holder)) nearest_hint(name, known) else {
    sprintf("One element is named with its site: `%s ~ ...`.", statement_text(call("[", as.name(holder$name), as.name(name))))
  }
  stop(paste(c(sprintf("There is no parameter `%s` to give a prior to.", name), hint, sprintf("There are %s.", enumerate(known))),
             collapse = " "), call. = FALSE)
}

named_element <- function(site, element) {
  if (is.null(site$labels)) stop(sprintf("`%s` has no elements to give priors of their own: write `%s ~ ...`.", site$name, site$name), call. = FALSE)
  key <- if (is.symbol(element) || is.character(element)) as.character(element) else if (is.numeric(element)) element else deparse_name(element)
  at <- if (is.numeric(key)) match(key, seq_along(site$labels)) else match(plain_name(key), plain_name(site$labels))
  if (is.na(at)) {
    stop(paste(c(sprintf("`%s` has no element `%s`.", site$name, key), if (is.character(key)) nearest_hint(key, as.character(site$labels)),
                 sprintf("It has %s.", enumerate(utils::head(site$labels, 20L)))), collapse = " "), call. = FALSE)
  }
  at
}

# The model matrix has backticks around a name with a blank; a user need not.
plain_name <- function(x) gsub("`", "", x, fixed = TRUE)

# Arguments made of the user's own objects become numbers; those that name sites or data of the lowered model stay.
settle_prior <- function(expr, sites, data, env) {
  name <- statement_head(expr)
  if (!name %in% c(names(dist_table()), names(wrapper_forms))) {
    stop(paste(c(sprintf("`%s` is no distribution.", statement_text(expr)), nearest_hint(name, c(names(dist_table()), names(wrapper_forms))),
                 "A prior is a sample statement such as b ~ normal(0, 2)."), collapse = " "), call. = FALSE)
  }
  for (k in seq_along(expr)[-1L]) {
    arg <- expr[[k]]
    if (name %in% names(wrapper_forms) && statement_head(arg) %in% c(names(dist_table()), names(wrapper_forms))) {
      expr[[k]] <- settle_prior(arg, sites, data, env)
    } else if (length(all.vars(arg)) && !any(all.vars(arg) %in% names(sites))) {
      value <- tryCatch(eval(arg, data, env), error = function(e) {
        stop(sprintf("In the prior `%s`: %s.", statement_text(expr), sub("[.]$", "", conditionMessage(e))), call. = FALSE)
      })
      if (!any(all.vars(arg) %in% names(data))) expr[[k]] <- if (length(value) == 1L) as.vector(value) else str2lang(paste(deparse(as.vector(value)), collapse = " "))
    }
  }
  expr
}

# ---- supports -----------------------------------------------------------------------------------------------------------

check_prior <- function(site, call, formula) {
  name <- statement_head(call)
  where <- sprintf("In the prior `%s`: ", statement_text(formula))
  need <- function(...) stop(where, ..., call. = FALSE)
  if (name %in% names(wrapper_forms)) {
    if (site$support == "ordered" && name != "ordered") need("the cutpoints increase, so their prior must be ordered(...), as in ordered(normal(0, 5)).")
    if (site$support == "positive" && name == "truncated" && !is_positive(prior_bounds(call))) need(sprintf("`%s` is positive: give `lower = 0`.", site$name))
    return()
  }
  if (dist_table()[[name]]$discrete) need(sprintf("`%s()` is a discrete distribution, but `%s` is continuous.", name, site$name))
  event <- dist_table()[[name]]$event
  if (site$support == "corr_cholesky") {
    if (name != "lkj_corr_cholesky") need(sprintf("`%s` is the Cholesky factor of a correlation matrix; its prior is lkj_corr_cholesky(eta).", site$name))
  } else if (site$support == "ordered") {
    need("the cutpoints increase, so their prior must be ordered(...), as in ordered(normal(0, 5)).")
  } else if (event != "scalar") {
    need(sprintf("`%s()` is the distribution of a vector or matrix; `%s` takes one for each of its elements.", name, site$name))
  } else if (site$support == "positive" && !is_positive(prior_bounds(call))) {
    half <- paste0("half_", name)
    need(sprintf("`%s` is positive, but `%s()` is not. ", site$name, name), if (is_dist(half)) sprintf("Use `%s()`, or truncated(..., lower = 0).", half) else "Use a distribution of positive numbers, such as exponential() or half_normal().")
  } else if (site$support == "unit" && !is_positive(1 - rev(prior_bounds(call))) | site$support == "unit" && !is_positive(prior_bounds(call))) {
    need(sprintf("`%s` lies between 0 and 1: use a distribution such as beta(1, 1).", site$name))
  }
}

is_positive <- function(bounds) bounds[1L] >= 0

# Lowest and highest value that a prior allows; numbers only, -Inf and Inf where they are not known.
prior_bounds <- function(call) {
  name <- statement_head(call)
  if (name %in% names(wrapper_forms)) {
    if (name == "ordered") return(c(-Inf, Inf))
    inner <- prior_bounds(call[[2L]])
    form <- match.call(function(dist, lower, upper, ...) NULL, call)
    number <- function(x, default) if (is.numeric(x)) min(x) else default
    return(c(max(inner[1L], number(form$lower, -Inf)), min(inner[2L], number(form$upper, Inf))))
  }
  dist <- dist_table()[[name]]
  args <- match_dist_args(name, call, function(...) stop(paste(...), call. = FALSE))
  argument <- function(k, default) if (k > 0L && is.numeric(args[[k]])) args[[k]][1L] else default
  switch(dist$support, positive = , nonnegative = , positive_vector = c(0, Inf), unit = c(0, 1),
         bounded = c(argument(dist$lower_arg, -Inf), argument(dist$upper_arg, Inf)), c(-Inf, Inf))
}

site_support <- function(site) {
  all <- c(list(site$prior), lapply(site$elements, `[[`, "prior"))
  bounds <- vapply(all, prior_bounds, numeric(2L))
  if (all(is.infinite(bounds))) "real" else "bounded"
}

# ---- statements -----------------------------------------------------------------------------------------------------------

# The statements of a site: one, unless elements have priors of different families.
site_statements <- function(site) {
  name <- as.name(site$name)
  with_dim <- function(call) if (is.null(site$dim)) call else as.call(c(as.list(call), list(dim = site$dim)))
  if (!length(site$elements)) return(list(call("~", name, with_dim(site$prior))))
  same <- vapply(site$elements, function(e) identical(e$prior[[1L]], site$prior[[1L]]) && !statement_head(e$prior) %in% c(names(wrapper_forms), "flat"), NA)
  if (all(same)) return(list(call("~", name, with_dim(merge_elements(site)))))
  split_elements(site, name, with_dim)
}

# One call whose arguments are vectors: normal(replace(rep_len(0, 3), 2, 1), ...).
merge_elements <- function(site) {
  head <- statement_head(site$prior)
  args <- match_checked_args(head, site$prior)
  n <- as.double(length(site$labels))
  for (e in site$elements) {
    own <- match_checked_args(head, e$prior)
    for (k in names(args)) {
      if (identical(own[[k]], args[[k]])) next
      base <- args[[k]]
      if (statement_head(base) != "replace") base <- call("rep_len", base, n)
      args[[k]] <- call("replace", base, as.double(e$at), own[[k]])
    }
  }
  as.call(c(list(as.name(head)), unname(args)))
}

# The site between its bounds, and a density statement for each prior.
split_elements <- function(site, name, with_dim) {
  n <- as.double(length(site$labels))
  owner <- rep(0L, n)
  for (k in seq_along(site$elements)) owner[site$elements[[k]]$at] <- k
  priors <- c(list(site$prior), lapply(site$elements, `[[`, "prior"))
  bounds <- vapply(owner, function(k) prior_bounds(priors[[k + 1L]]), numeric(2L))
  if (site$support == "positive") bounds[1L, ] <- pmax(bounds[1L, ], 0)
  flat <- if (all(is.infinite(bounds))) quote(flat()) else call("flat", literal(bounds[1L, ]), literal(bounds[2L, ]))
  densities <- lapply(unique(owner), function(k) {
    at <- as.double(which(owner == k))
    call("~", call("[", name, literal(site$labels[at])), if (k == 0L) indexed_call(site$prior, n, at) else priors[[k + 1L]])
  })
  c(list(call("~", name, with_dim(flat))), Filter(function(s) statement_head(s[[3L]]) != "flat", densities))
}

literal <- function(x) if (length(x) == 1L) x else str2lang(paste(deparse(x), collapse = " "))

indexed_call <- function(call, n, at) {
  for (k in seq_along(call)[-1L]) if (!is.numeric(call[[k]])) call[[k]] <- call("[", call("rep_len", call[[k]], n), literal(at))
  call
}

# ---- prior_summary() --------------------------------------------------------------------------------------------------------

#' The priors of a regression
#'
#' Every parameter's prior as it was used, defaults scaled by the data included, in numbers.
#'
#' The defaults are weakly informative: `Intercept ~ normal(m, 2.5 s)` for centred predictors and `b ~ normal(0, 2.5 s / sd(x))`, where m
#' and s are the mean and the standard deviation of the response for families whose linear predictor has the response's own scale
#' (gaussian, student and lognormal, the last on the log scale) and 0 and 1 otherwise; `sigma ~ exponential(1 / s)`, standard deviations of groups
#' and smooths `half_student_t(3, 2.5 s)`, correlations `lkj_corr_cholesky(1)`, `shape` and `phi` `gamma(2, 0.1)`, `df` the same
#' above 1, `cutpoints` `ordered(normal(0, 5))`, `zi` `beta(1, 1)`.
#'
#' @param object A fit of a regression.
#' @param ... Not used.
#' @return A data frame of class `fullrank_priors` with columns `parameter`, `prior` and `source` ("default" or "user"), with a print method.
#' @examples
#' fit <- fullrank(mpg ~ wt + hp, data = mtcars, prior = list(b[wt] ~ normal(-5, 3)), seed = 1)
#' prior_summary(fit)
#' @export
prior_summary <- function(object, ...) UseMethod("prior_summary")

#' @export
prior_summary.default <- function(object, ...) {
  method <- method_elsewhere("prior_summary", class(object), "rstantools")
  if (!is.null(method)) return(method(object, ...))
  stop(sprintf("prior_summary() takes a fit of a regression, not an object of class %s.", class(object)[1L]), call. = FALSE)
}

#' @export
#' @exportS3Method rstantools::prior_summary fullrank_regression
prior_summary.fullrank_regression <- function(object, ...) {
  reg <- object$regression
  sites <- Filter(function(s) s$kind != "z", reg$sites)
  rows <- do.call(rbind, lapply(unname(sites), site_prior_rows, data = object$data))
  structure(rows, class = c("fullrank_priors", "data.frame"))
}

site_prior_rows <- function(site, data) {
  n <- max(length(site$labels), 1L)
  text <- vapply(seq_len(n), function(i) prior_text(site$prior, i, n, data), "")
  source <- rep(if (site$user && !length(site$elements)) "user" else "default", n)
  for (e in site$elements) {
    text[e$at] <- prior_text(e$prior, 1L, 1L, data)
    source[e$at] <- "user"
  }
  if (length(unique(text)) == 1L && length(unique(source)) == 1L) {
    return(data.frame(parameter = site$name, prior = text[1L], source = source[1L], stringsAsFactors = FALSE))
  }
  data.frame(parameter = sprintf("%s[%s]", site$name, site$labels), prior = text, source = source, stringsAsFactors = FALSE)
}

# A prior with its arguments in numbers, as it holds for element i of n.
prior_text <- function(call, i, n, data) {
  for (k in seq_along(call)[-1L]) {
    if (statement_head(call) %in% names(wrapper_forms) && is_dist(statement_head(call[[k]]))) {
      call[[k]] <- str2lang(prior_text(call[[k]], i, n, data))
    } else {
      value <- tryCatch(eval(call[[k]], data, asNamespace("stats")), error = function(e) NULL)
      if (is.numeric(value) && length(value)) call[[k]] <- signif(if (length(value) == n) value[[i]] else value[[1L]], 4)
    }
  }
  paste(deparse(call, width.cutoff = 500L), collapse = " ")
}

#' @export
print.fullrank_priors <- function(x, ...) {
  yours <- ifelse(x$source == "user", "  (yours)", "")
  room <- getOption("width") - 3L - max(nchar(paste0(x$prior, yours), "width"))
  cat(trimws(paste0(pad_right(shorten(x$parameter, max(room, 24L))), " ~ ", pad_right(x$prior), yours), "right"), sep = "\n")
  invisible(x)
}
