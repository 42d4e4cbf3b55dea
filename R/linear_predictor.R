# Linear predictors and parameters of a regression at draws of its sites, for the training rows or new ones: matrices with a draw a row.

# What predictions are made at: the model frame, and for each part its matrices. rows: which rows of newdata have no missing value.
prediction_rows <- function(object, newdata = NULL, re.form = NULL) {
  reg <- object$regression
  wanted <- lapply(reg$parts, wanted_groups, re.form = re.form)
  if (is.null(newdata)) {
    needs_data(reg)
    frame <- reg$frame
    rows <- seq_len(nrow(frame))
    offset <- reg$response$offset
  } else {
    made <- new_frame(reg, newdata, wanted)
    frame <- made$frame
    rows <- made$rows
    offset <- new_argument(reg, "offset", newdata, rows)
  }
  parts <- Map(function(part, groups) design_at(part, frame, groups), reg$parts, wanted)
  list(frame = frame, parts = parts, offset = offset, n = nrow(frame), rows = rows, total = if (is.null(newdata)) nrow(frame) else NROW(newdata[[1L]]),
       names = if (is.null(newdata)) rownames(frame) else made$names, newdata = newdata)
}

# Which group terms re.form keeps: NULL all, NA or ~ 0 none, a formula those that it names.
wanted_groups <- function(part, re.form) {
  n <- length(part$groups)
  if (is.null(re.form)) return(rep(TRUE, n))
  if (length(re.form) == 1L && is.atomic(re.form) && is.na(re.form)) return(rep(FALSE, n))
  if (!is_formula(re.form)) stop("`re.form` must be NULL (all groups), NA (none), or a formula of group terms such as ~ (1 | g).", call. = FALSE)
  asked <- split_bars(re.form[[length(re.form)]], part$env)$bars
  known <- vapply(part$bars, `[[`, "", "label")
  labels <- vapply(asked, `[[`, "", "label")
  if (length(setdiff(labels, known)) && part$dpar == "mu") {
    stop(sprintf("`re.form` names `(%s)`, which the model does not have; it has %s.", setdiff(labels, known)[1L],
                 if (length(known)) enumerate(sprintf("(%s)", known)) else "no group terms"), call. = FALSE)
  }
  vapply(part$groups, function(block) any(known[block$bars] %in% labels), NA)
}

new_frame <- function(reg, newdata, wanted) {
  if (!is.data.frame(newdata)) newdata <- as.data.frame(newdata)
  exprs <- unlist(Map(function(part, groups) {
    bars <- seq_along(part$bars) %in% unlist(lapply(part$groups[groups], `[[`, "bars"))
    part_expressions(part, bars)
  }, reg$parts, wanted), recursive = FALSE)
  terms <- safe_terms(exprs, reg$env, attr(reg$frame, "terms"))
  used <- intersect(all.vars(terms), names(newdata))
  complete <- if (length(used)) which(stats::complete.cases(newdata[used])) else seq_len(nrow(newdata))
  levels <- reg$xlevels[intersect(names(reg$xlevels), variable_names(terms))]
  frame <- tryCatch(stats::model.frame(terms, newdata[complete, , drop = FALSE], na.action = stats::na.pass, xlev = levels),
                    error = function(e) stop(new_frame_message(conditionMessage(e)), call. = FALSE))
  classes <- attr(attr(reg$frame, "terms"), "dataClasses")
  stats::.checkMFClasses(classes[intersect(names(classes), setdiff(names(frame), group_variables(reg)))], frame)
  if (nrow(frame) != length(complete)) stop("`newdata` lacks a variable of the formula, and one of another length was found in its stead.", call. = FALSE)
  list(frame = frame, rows = complete, names = rownames(newdata))
}

new_frame_message <- function(message) {
  found <- regmatches(message, regexec("object '(.*)' not found", message))[[1L]]
  if (length(found) == 2L) sprintf("`newdata` has no column `%s`.", found[2L]) else sprintf("`newdata` does not fit the model: %s.", sub("[.]$", "", message))
}

group_variables <- function(reg) unlist(lapply(reg$parts, function(part) lapply(part$groups, `[[`, "components")))

# An argument of the fit (offset, weights) evaluated in newdata; NULL when the fit had none.
new_argument <- function(reg, name, newdata, rows) {
  expr <- reg$args[[name]]
  if (is.null(expr)) return(NULL)
  value <- tryCatch(eval(expr, newdata, reg$env), error = function(e) NULL)
  if (is.null(value)) stop(sprintf("The model has `%s = %s`, which `newdata` lacks.", name, statement_text(expr)), call. = FALSE)
  if (!length(value) %in% c(1L, NROW(newdata[[1L]]))) stop(sprintf("`%s` has length %d, but `newdata` has %d rows.", name, length(value), NROW(newdata[[1L]])), call. = FALSE)
  rep_len(as.double(value), NROW(newdata[[1L]]))[rows]
}

# ---- linear predictors -------------------------------------------------------------------------------------------------------

# A linear predictor: S x n. New levels of groups are drawn when `new_levels`, otherwise they are an error.
part_predictor <- function(part, at, values, offset, new_levels, seed) {
  S <- nrow(values[[1L]])
  n <- nrow(at$X)
  eta <- matrix(rep_len(if (part$own_intercept) values[[paste0("Intercept", part$suffix)]] else 0, S * n), S, n)
  b <- values[[paste0("b", part$suffix)]]
  p <- ncol(at$X)
  if (p) eta <- eta + tcrossprod(b[, seq_len(p), drop = FALSE], at$X)
  if (!is.null(part$wide)) eta <- eta + wide_predictor(part$wide, at$wide, b[, -seq_len(p), drop = FALSE], p, b)
  for (id in names(at$smooths)) {
    sd <- as.vector(values[[paste0("sd_", id)]])
    centred <- part$centred[[id]]
    scale <- if (is.null(centred)) sd else outer(sd, 1 - centred, `^`)
    eta <- eta + tcrossprod(scale * values[[paste0("z_", id)]], at$smooths[[id]])
  }
  for (k in seq_along(part$groups)) {
    if (!is.null(at$groups[[k]])) eta <- eta + group_predictor(part$groups[[k]], at$groups[[k]], values, new_levels, mix_seed(seed, k))
  }
  total <- c(if (!is.null(at$offset)) list(at$offset), if (!is.null(offset)) list(offset))
  for (o in total) eta <- eta + rep(o, each = S)
  eta
}

wide_predictor <- function(wide, index, own, p, b) {
  if (!p) own <- b
  levels <- if (wide$first) own else cbind(0, own)
  levels[, index, drop = FALSE] - if (wide$first) 0 else drop(own %*% wide$center)
}

group_predictor <- function(block, at, values, new_levels, seed) {
  J <- length(block$levels)
  K <- length(block$columns)
  new <- attr(at$index, "new")
  r <- values[[paste0("r_", block$id)]]
  fresh <- NULL
  if (length(new)) {
    if (!new_levels) {
      stop(sprintf("The group `%s` has %s that the training data lacks: %s. With allow.new.levels = TRUE their effects are drawn from the group's distribution; re.form = NA leaves groups out.",
                   block$name, count_of(length(new), "level"), enumerate(utils::head(new, 3L), "\"")), call. = FALSE)
    }
    fresh <- new_effects(block, values, length(new), seed)
  }
  eta <- 0
  for (k in seq_len(K)) {
    effects <- cbind(r[, (k - 1L) * J + seq_len(J), drop = FALSE], if (!is.null(fresh)) fresh[[k]])
    eta <- eta + effects[, at$index, drop = FALSE] * rep(at$Z[, k], each = nrow(r))
  }
  eta
}

# Effects of m new levels, drawn from the group's distribution at each draw: for each column an S x m matrix.
new_effects <- function(block, values, m, seed) {
  K <- length(block$columns)
  sd <- values[[paste0("sd_", block$id)]]
  S <- nrow(sd)
  z <- draw_eps(S, K * m, seed, "predict")
  column <- function(k) z[, (k - 1L) * m + seq_len(m), drop = FALSE]
  L <- if (block$correlated) values[[paste0("L_", block$id)]]
  lapply(seq_len(K), function(k) {
    unit <- if (is.null(L)) column(k) else Reduce(`+`, lapply(seq_len(k), function(j) L[, (j - 1L) * K + k] * column(j)))
    sd[, k] * unit
  })
}

# ---- parameters -----------------------------------------------------------------------------------------------------------------

# Everything that the family's calls read: eta, mu, and its parameters, as S x n matrices or vectors of S draws. `at` is of prediction_rows().
predictor_values <- function(object, at, values, new_levels = FALSE, seed = 1, only = NULL) {
  reg <- object$regression
  out <- list()
  predictor <- function(k) part_predictor(reg$parts[[k]], at$parts[[k]], values, if (startsWith(k, "mu")) at$offset, new_levels, mix_seed(seed, match(k, names(reg$parts))))
  if (reg$family$name == "categorical") {
    out$eta <- lapply(names(reg$parts), predictor)
    return(out)
  }
  if (is.null(only) || only == "mu") {
    out$eta <- predictor("mu")
    out$mu <- array(eval(inverse_links[[reg$family$link]], list(eta = out$eta)), dim(out$eta))
  }
  for (name in reg$family$table$pars) {
    if (!is.null(only) && only != name) next
    if (is.null(reg$parts[[name]])) {
      out[[name]] <- if (name == "cutpoints") values$cutpoints else as.vector(values[[name]])
    } else {
      out[[name]] <- eval(inverse_links[[parameter_links[[name]]]], list(eta = predictor(name))) + if (name == "df") 1 else 0
    }
  }
  out
}

# Probabilities of the categories of an ordinal or nominal response: a list of K matrices S x n.
category_probabilities <- function(reg, values) {
  if (reg$family$name == "categorical") {
    top <- Reduce(pmax, values$eta, 0)
    scores <- lapply(c(list(0), values$eta), function(e) exp(e - top))
    total <- Reduce(`+`, scores)
    return(stats::setNames(lapply(scores, function(s) s / total), reg$response$levels))
  }
  F <- if (reg$family$link == "probit") stats::pnorm else stats::plogis
  K <- length(reg$response$levels)
  above <- c(list(1), lapply(seq_len(K - 1L), function(k) F(values$eta - values$cutpoints[, k])), list(0))
  stats::setNames(lapply(seq_len(K), function(k) above[[k]] - above[[k + 1L]] + 0 * values$eta), reg$response$levels)
}

# Draws of the sites behind predictions.
prediction_values <- function(object, draws, seed) {
  draws <- check_number(draws, "draws", 1, .Machine$integer.max, whole = TRUE)
  regression_values(object, draws, seed)
}
