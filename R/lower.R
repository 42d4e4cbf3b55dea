# From the parts of a regression to sample statements and their data.

# The whole of a regression before any fit: parts, response, priors, and the lowered model with its data.
setup_regression <- function(formulas, data, family, prior, args, contrasts, link, prior_only, envir) {
  family <- resolve_family(family, link)
  parsed <- parse_formulas(formulas, family, data, envir)
  frame <- build_frame(parsed, args, data, envir)
  response <- prepare_response(frame, parsed, family)
  if (is.null(response$size) && family$name == "binomial") family$table <- family_table$bernoulli
  reg <- list(formulas = formulas, family = family, frame = frame, env = parsed$env, response = response, prior_only = prior_only,
              xlevels = fixed_levels(frame, parsed), na.action = attr(frame, "na.action"), data = data)
  reg$parts <- prepare_parts(parsed, frame, family, response, contrasts)
  reg$messages <- c(response$messages, part_messages(reg, prior))
  lower_regression(reg, prior)
}

# Levels of factors, which new data must have; groups may have new ones.
fixed_levels <- function(frame, parsed) {
  levels <- stats::.getXlevels(attr(frame, "terms"), frame)
  groups <- unlist(lapply(parsed$parts, function(p) lapply(p$bars, function(bar) vapply(group_components(bar$group), deparse_name, ""))))
  fixed <- unlist(lapply(parsed$parts, function(p) {
    exprs <- c(list(p$fixed), lapply(p$bars, `[[`, "lhs"), unlist(lapply(p$smooths, smooth_variables), recursive = FALSE))
    variable_names(stats::terms(as_one_sided(sum_of(unname(exprs)), parsed$env)))
  }))
  levels[setdiff(names(levels), setdiff(groups, fixed))]
}

prepare_response <- function(frame, parsed, family) {
  left <- split_response(parsed$left)
  extra <- function(name) extra_value(left, name, frame)
  y <- stats::model.response(frame)
  name <- statement_text(left$response)
  out <- read_response(y, family, frame[["(weights)"]], extra("trials_n"), name)
  out$name <- name
  n <- length(out$y)
  if (!is.null(extra("cens_status"))) out$status <- read_censoring(extra("cens_status"), n)
  out$lower <- extra("trunc_lower")
  out$upper <- extra("trunc_upper")
  check_bounds(out, family)
  offset <- frame[["(offset)"]]
  if (!is.null(offset)) {
    if (!is.numeric(offset) || length(offset) != n) stop(sprintf("`offset` must be %d numbers, one a row.", n), call. = FALSE)
    out$offset <- as.double(offset)
  }
  c(out, use_weights(out$weights, family, n))
}

check_bounds <- function(response, family) {
  limited <- !is.null(response$status) || !is.null(response$lower) || !is.null(response$upper)
  if (limited && !family$table$response %in% c("real", "positive", "count", "unit")) {
    stop(sprintf("cens() and trunc() are for numbers and counts, not for family %s.", family$name), call. = FALSE)
  }
  if (limited && (family$name == "hurdle_poisson" || startsWith(family$name, "zero_inflated"))) {
    stop(sprintf("cens() and trunc() do not go with family \"%s\".", family$name), call. = FALSE)
  }
  if ((any(response$status != 0) || !is.null(response$lower) || !is.null(response$upper)) && !has_tails(family)) {
    kin <- Filter(function(name) family_table[[name]]$response %in% c("real", "positive", "count") && !startsWith(name, "zero_inflated") && name != "hurdle_poisson" &&
                    has_tails(list(table = family_table[[name]], link = family_table[[name]]$links[1L], name = name)), names(family_table))
    stop(sprintf("cens() and trunc() do not go with family \"%s\", whose distribution function has no derivative in all parameters; they go with %s.",
                 family$name, enumerate(kin, "\"")), call. = FALSE)
  }
  if (any(response$y < response$lower) || any(response$y > response$upper)) {
    bad <- rep(FALSE, length(response$y))
    if (!is.null(response$lower)) bad <- bad | response$y < response$lower
    if (!is.null(response$upper)) bad <- bad | response$y > response$upper
    stop(sprintf("The response `%s` lies outside trunc() (first in %s).", response$name, first_rows(bad)), call. = FALSE)
  }
  if (any(response$status != 0) && (!is.null(response$lower) || !is.null(response$upper))) stop("cens() and trunc() do not go together.", call. = FALSE)
}

# Whether the family's distribution function is there, with its derivative in every argument that reads a latent.
has_tails <- function(family) {
  call <- family_dist(family)
  dist <- dist_table()[[statement_head(call)]]
  latent <- vapply(as.list(call)[-1L], function(e) any(all.vars(e) %in% c("eta", "mu", family$table$pars)), NA)
  isTRUE(dist$cdf) && all(vapply(dist$args[seq_along(latent)][latent], `[[`, NA, "cdf_partial"))
}

# Which rows enter the likelihood, how often (`times`), and the weights that stand in the distribution.
use_weights <- function(weights, family, n) {
  if (is.null(weights) || all(weights == 1)) return(list(rows = NULL, times = NULL, precision = NULL))
  if (!is.null(weighted_parameters[[family$name]])) {
    rows <- which(weights > 0)
    return(list(rows = if (length(rows) < n) rows, times = NULL, precision = as.double(weights)))
  }
  if (any(weights != floor(weights))) {
    stop(sprintf("For family %s `weights` must be whole numbers: how often each row counts.", family$name), call. = FALSE)
  }
  list(rows = rep(seq_len(n), weights), times = as.double(weights), precision = NULL)
}

# Parts ready for their matrices: mu, further parameters, or for a categorical response one part a category.
prepare_parts <- function(parsed, frame, family, response, contrasts) {
  if (family$name != "categorical") {
    return(lapply(parsed$parts, function(p) {
      mu <- p$dpar == "mu"
      if (mu && family$name == "cumulative") p$fixed <- with_intercept(p)
      part <- prepare_part(p, frame, if (mu) "" else paste0("_", p$dpar), contrasts, if (mu) family$link else parameter_links[[p$dpar]])
      part$own_intercept <- part$has_intercept && !(mu && family$name == "cumulative")
      part
    }))
  }
  categories <- response$levels[-1L]
  suffixes <- make.unique(paste0("_", legal_name(categories)), "_")
  parts <- Map(function(category, suffix) {
    part <- prepare_part(parsed$parts$mu, frame, suffix, contrasts, family$link)
    part$own_intercept <- part$has_intercept
    part$category <- category
    part
  }, categories, suffixes)
  stats::setNames(parts, paste0("mu", suffixes))
}

# Cutpoints take the place of an intercept: y ~ 0 + x is y ~ x.
with_intercept <- function(part) {
  has <- attr(stats::terms(as_one_sided(part$fixed, part$env)), "intercept") == 1L
  if (has) part$fixed else call("+", part$fixed, 1)
}

# ---- statements ----------------------------------------------------------------------------------------------------------

# Fills in `$sites` (the table of priors), `$statements`, `$lowered` (data) and `$model`.
lower_regression <- function(reg, prior) {
  reg$rough <- if (!reg$prior_only) rough_values(reg)
  for (k in names(reg$parts)) reg$parts[[k]]$centred <- reg$rough$centred[names(reg$parts[[k]]$at$smooths)]
  low <- new_lowering(reg)
  for (part in reg$parts) lower_part(low, part)
  for (name in setdiff(reg$family$table$pars, names(reg$parts))) lower_parameter(low, name)
  reg$sites <- apply_priors(low$sites, prior, low$data, reg$env)
  if (!length(reg$sites)) {
    stop(sprintf("There is nothing to estimate: the formula has neither coefficients nor groups, and family %s has no parameter of its own.", reg$family$name), call. = FALSE)
  }
  if (!reg$prior_only) lower_likelihood(low, reg)
  statements <- assemble_statements(low, reg$sites)
  reg$lowered <- low$data
  reg$effects <- low$effects
  reg$model <- new_model(as.call(c(list(as.name("{")), statements)), asNamespace("stats"))
  reg$model$data <- low$data
  reg$model$keep <- names(low$effects)
  reg$model$init <- start_of(reg)
  reg$rough <- NULL
  for (k in names(reg$parts)) reg$parts[[k]]$at <- NULL
  reg
}

new_lowering <- function(reg) {
  low <- new.env(parent = emptyenv())
  low$rows <- reg$response$rows
  low$n <- if (is.null(low$rows)) nrow(reg$frame) else length(low$rows)
  low$statements <- low$sites <- low$effects <- list()
  low$data <- list(y = take_rows(reg$response$y, low$rows))
  low$scales <- response_scales(reg)
  low$family <- reg$family
  low$centred <- reg$rough$centred
  low$offset <- if (!is.null(reg$response$offset)) list(reg$response$offset)
  low
}

take_rows <- function(x, rows) {
  if (is.null(rows) || is.null(x)) return(x)
  if (is.matrix(x)) x[rows, , drop = FALSE] else x[rows]
}

# Names of this form are those of sites and matrices.
own_prefixes <- "^(sd|L|z|r|Z|b|X|eta|share|Intercept|offset)_"

add_data <- function(low, name, value) {
  if (grepl(own_prefixes, name) || is_dist(name)) name <- paste0("g_", name)
  name <- free_name(name, c(reserved_names, names(low$data)))
  low$data[[name]] <- value
  name
}

state <- function(low, statement) low$statements[[length(low$statements) + 1L]] <- statement

# A site with its default prior; its statement stands here, and is written out when the user's priors are known.
state_site <- function(low, name, prior, dim = NULL, labels = NULL, kind = name, support = "real") {
  low$sites[[name]] <- list(name = name, prior = prior, dim = dim, labels = labels, kind = kind, support = support, user = FALSE)
  state(low, as.name(name))
}

# m and s of the default priors, as expressions of the data.
response_scales <- function(reg) {
  y <- if (is.null(reg$response$rows)) reg$response$y else reg$response$y[reg$response$rows]
  log_scale <- reg$family$name == "lognormal"
  value <- if (log_scale) quote(log(y)) else quote(y)
  spread <- stats::sd(if (log_scale) log(y) else y)
  sd <- if (is.finite(spread) && spread > 0) call("sd", value) else 1
  if (!isTRUE(reg$family$table$scaled)) return(list(m = 0, s = 1, sigma = 1))
  if (is_scaled(reg$family)) list(m = call("mean", value), s = sd, sigma = sd) else list(m = 0, s = 1, sigma = sd)
}

# 2.5 times a scale.
scaled <- function(s) if (is.numeric(s)) 2.5 * s else call("*", 2.5, s)

sum_terms <- function(terms) if (length(terms)) Reduce(function(a, b) call("+", a, b), terms) else 0

# The sites of a linear predictor, and `eta <- ...` (or the parameter itself on its link).
lower_part <- function(low, part) {
  main <- part$dpar == "mu"
  s <- if (main) low$scales$s else 1
  terms <- c(lower_fixed(low, part, s), lower_smooths(low, part, s), lower_groups(low, part, s), lower_offset(low, part))
  eta <- sum_terms(terms)
  if (main) {
    low$eta[[length(low$eta) + 1L]] <- eta
  } else {
    inverse <- substitute_names(inverse_links[[part$link]], list(eta = eta))
    if (part$dpar == "df") inverse <- call("+", 1, inverse)
    state(low, call("<-", as.name(part$dpar), inverse))
  }
}

lower_fixed <- function(low, part, s) {
  name <- function(x) paste0(x, part$suffix)
  terms <- list()
  if (part$own_intercept) {
    center <- if (part$dpar == "mu") low$scales$m else if (part$dpar == "sigma" && !identical(low$scales$sigma, 1)) call("log", low$scales$sigma) else 0
    state_site(low, name("Intercept"), call("normal", center, scaled(s)), kind = "Intercept")
    terms <- list(as.name(name("Intercept")))
  }
  columns <- c(part$columns, part$wide$columns)
  if (!length(columns)) return(terms)
  low$data[[name("sd_X")]] <- stats::setNames(c(part$sd, part$wide$sd), columns)
  state_site(low, name("b"), call("normal", 0, call("/", scaled(s), as.name(name("sd_X")))), call("names", as.name(name("sd_X"))), columns, "b")
  b <- as.name(name("b"))
  p <- as.double(length(part$columns))
  if (p) {
    low$data[[name("X")]] <- take_rows(part$at$X, low$rows)
    own <- if (is.null(part$wide)) b else call("[", b, call(":", 1, p))
    terms <- c(terms, list(call("%*%", as.name(name("X")), own)))
  }
  c(terms, lower_wide(low, part, b, p))
}

# Coefficients of a factor with many levels by index, less their mean when the matrix would have been centred.
lower_wide <- function(low, part, b, p) {
  wide <- part$wide
  if (is.null(wide)) return(list())
  own <- if (p) call("[", b, call(":", p + 1, p + length(wide$columns))) else b
  index <- as.name(add_data(low, wide$data, take_rows(factor(wide$levels[part$at$wide], wide$levels), low$rows)))
  by_level <- call("[", if (wide$first) own else call("c", 0, own), index)
  if (wide$first) return(list(by_level))
  low$data[[share <- paste0("share_", wide$data)]] <- wide$center
  list(call("-", by_level, call("dot", as.name(share), own)))
}

lower_offset <- function(low, part) {
  if (is.null(part$at$offset) && (part$dpar != "mu" || is.null(low$offset))) return(list())
  total <- Reduce(`+`, c(if (!is.null(part$at$offset)) list(part$at$offset), if (part$dpar == "mu") low$offset))
  name <- paste0("offset", part$suffix)
  low$data[[name]] <- take_rows(total, low$rows)
  list(as.name(name))
}

# The coefficients of a smooth are group effects of one level, K of them, with the centring of lower_group().
lower_smooths <- function(low, part, s) {
  Map(function(Z, id) {
    low$data[[Zn <- paste0("Z_", id)]] <- take_rows(Z, low$rows)
    state_site(low, paste0("sd_", id), call("half_student_t", 3, scaled(s)), kind = "sd", support = "positive")
    sd <- as.name(paste0("sd_", id))
    z <- as.name(paste0("z_", id))
    centred <- low$centred[[id]]
    if (!is.null(centred)) low$data[[paste0("centred_", id)]] <- centred
    own <- as.name(paste0("centred_", id))
    state_site(low, paste0("z_", id), if (is.null(centred)) quote(normal(0, 1)) else call("normal", 0, call("^", sd, own)),
               as.double(ncol(Z)), seq_len(ncol(Z)), "z")
    effects <- if (is.null(centred)) call("*", sd, z) else call("*", z, call("^", sd, call("(", call("-", 1, own))))
    call("%*%", as.name(Zn), call("(", effects))
  }, unname(part$at$smooths), names(part$at$smooths))
}

lower_groups <- function(low, part, s) {
  unlist(Map(function(block, at) lower_group(low, block, at, s), part$groups, part$at$groups), recursive = FALSE)
}

# One group term, gathered by the rows' levels. Non-centred, r = sd * L z, where the data say little of the effects; where they say much, the effects
# themselves are nearer to independent of sd and L. Between the two lies r = sd^(1 - c) z with z ~ normal(0, sd^c), c the share of an effect that comes
# from the data (Papaspiliopoulos, Roberts and Skold 2007): by level, or for correlated effects by column.
lower_group <- function(low, block, at, s) {
  site <- function(x) as.name(paste0(x, "_", block$id))
  K <- length(block$columns)
  g <- as.name(add_data(low, block$id, take_rows(factor(block$levels[at$index], block$levels), low$rows)))
  levels <- call("levels", g)
  single <- K == 1L
  columns <- as.call(c(list(as.name("c")), as.list(block$columns)))
  state_site(low, paste0("sd_", block$id), call("half_student_t", 3, scaled(s)), if (!single) columns, if (!single) block$columns, "sd", "positive")
  if (block$correlated) state_site(low, paste0("L_", block$id), quote(lkj_corr_cholesky(1)), as.double(K), NULL, "L", "corr_cholesky")
  all <- as.double(length(block$levels))
  sd <- if (single || block$correlated) site("sd") else call("rep", site("sd"), each = all)
  centred <- low$centred[[block$id]]
  whole <- call("*", site("z"), sd)
  z_prior <- quote(normal(0, 1))
  if (!is.null(centred)) {
    low$data[[paste0("centred_", block$id)]] <- centred
    spread <- call("^", sd, site("centred"))
    rest <- call("^", sd, call("(", call("-", 1, site("centred"))))
    z_prior <- if (block$correlated) call("multi_normal_cholesky", call("rep", 0, as.double(K)), call("*", spread, site("L"))) else call("normal", 0, spread)
    whole <- call("*", site("z"), if (block$correlated) call("rep", rest, each = all) else rest)
  } else if (block$correlated) {
    whole <- call("tcrossprod", site("z"), call("*", sd, site("L")))
  }
  state_site(low, paste0("z_", block$id), z_prior, if (single) levels else call("list", levels, columns), NULL, "z")
  state(low, call("<-", site("r"), whole))
  low$effects[[paste0("r_", block$id)]] <- list(block$levels, if (!single) block$columns)
  group_terms(low, block, at, site("r"), g)
}

group_terms <- function(low, block, at, r, g) {
  K <- length(block$columns)
  ones <- apply(at$Z, 2L, function(z) all(z == 1))
  if (!all(ones)) {
    Z <- at$Z
    low$data[[paste0("Z_", block$id)]] <- take_rows(Z, low$rows)
  }
  lapply(seq_len(K), function(k) {
    effect <- if (K == 1L) call("[", r, g) else call("[", r, g, as.double(k))
    if (ones[k]) effect else call("*", call("[", as.name(paste0("Z_", block$id)), quote(expr = ), as.double(k)), effect)
  })
}

# A further parameter without a formula.
lower_parameter <- function(low, name) {
  prior <- switch(name, sigma = call("exponential", if (is.numeric(low$scales$sigma)) 1 / low$scales$sigma else call("/", 1, low$scales$sigma)),
                  shape = , phi = quote(gamma(2, 0.1)), df = quote(truncated(gamma(2, 0.1), lower = 1)), zi = quote(beta(1, 1)),
                  cutpoints = quote(ordered(normal(0, 5))))
  cuts <- if (name == "cutpoints") max(low$data$y) - 1
  state_site(low, name, prior, cuts, if (name == "cutpoints") seq_len(cuts), name,
             switch(name, zi = "unit", cutpoints = "ordered", "positive"))
}

# ---- the likelihood --------------------------------------------------------------------------------------------------------

lower_likelihood <- function(low, reg) {
  response <- reg$response
  family <- reg$family
  if (!is.null(response$size)) low$data$size <- take_rows(response$size, low$rows)
  if (!is.null(response$precision)) low$data$weights <- take_rows(response$precision, low$rows)
  dist <- family_dist(family, !is.null(response$precision))
  if (family$name == "categorical") {
    names <- lapply(names(reg$parts), function(k) as.name(sub("^mu", "eta", k)))
    for (k in seq_along(names)) state(low, call("<-", names[[k]], low$eta[[k]]))
    state(low, call("<-", as.name("eta"), as.call(c(list(as.name("cbind"), 0), names))))
    return(state(low, call("~", as.name("y"), dist)))
  }
  if (reads_mu(dist)) {
    if (family$link == "identity") {
      state(low, call("<-", as.name("mu"), low$eta[[1L]]))
    } else {
      state(low, call("<-", as.name("eta"), low$eta[[1L]]))
      state(low, call("<-", as.name("mu"), inverse_links[[family$link]]))
    }
  } else {
    state(low, call("<-", as.name("eta"), low$eta[[1L]]))
  }
  if (family$name == "hurdle_poisson") return(lower_hurdle(low))
  lower_observations(low, reg, dist)
}

# Whether there is a count at all, and the count when there is one: a Poisson that is not 0.
lower_hurdle <- function(low) {
  low$data$some <- as.double(low$data$y > 0)
  state(low, quote(some ~ bernoulli(1 - zi)))
  if (any(low$data$y > 0)) {
    low$data$positive <- which(low$data$y > 0)
    state(low, quote(y[positive] ~ poisson_log(eta[positive])))
    state(low, quote(target(-sum(log(-expm1(-mu[positive]))))))
  }
}

# y ~ dist, with what truncation or censoring makes of it.
lower_observations <- function(low, reg, dist) {
  response <- reg$response
  bounds <- c(lower = if (!is.null(response$lower)) bound_value(low, "lower", response$lower),
              upper = if (!is.null(response$upper)) bound_value(low, "upper", response$upper))
  if (length(bounds)) dist <- as.call(c(list(as.name("truncated"), dist), bounds))
  if (any(response$status == -1)) low$data$lower <- take_rows(ifelse(response$status == -1, response$y, -Inf), low$rows)
  if (any(response$status == 1)) low$data$upper <- take_rows(ifelse(response$status == 1, response$y, Inf), low$rows)
  if (any(response$status != 0)) {
    dist <- as.call(c(list(as.name("censored"), dist), if (any(response$status == -1)) list(lower = as.name("lower")), if (any(response$status == 1)) list(upper = as.name("upper"))))
  }
  state(low, call("~", as.name("y"), dist))
}

# One number, or a vector of data.
bound_value <- function(low, name, value) {
  if (length(unique(value)) == 1L) return(as.double(value[1L]))
  low$data[[name]] <- take_rows(as.double(value), low$rows)
  as.name(name)
}

# The statements in their order; a site whose prior reads other sites, as in sd_g ~ exponential(1 / sigma), comes after these.
assemble_statements <- function(low, sites) {
  out <- list()
  done <- character()
  add <- function(name, above) {
    if (name %in% done) return()
    if (name %in% above) stop(circular_message(above[seq(match(name, above), length(above))]), call. = FALSE)
    for (other in prior_sites(sites[[name]], names(sites))) add(other, c(above, name))
    done <<- c(done, name)
    out <<- c(out, site_statements(sites[[name]]))
  }
  for (s in low$statements) if (is.symbol(s)) add(as.character(s), character()) else out <- c(out, list(s))
  out
}

circular_message <- function(names) {
  if (length(names) == 1L) sprintf("The prior of `%s` refers to itself.", names) else sprintf("The priors of %s refer to each other.", enumerate(names))
}

# Other sites that a site's priors read.
prior_sites <- function(site, known) {
  priors <- c(list(site$prior), lapply(site$elements, `[[`, "prior"))
  intersect(unlist(lapply(priors, all.vars)), known)
}
