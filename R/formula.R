# From the user's formulas to parsed parts and one model frame.

# A regression has one part for each linear predictor: `mu`, and each parameter with a formula of its own.

is_formula <- function(x) inherits(x, "formula") || (is.call(x) && identical(x[[1L]], as.name("~")))

# A list of parts, each with dpar, env, fixed (right side without group terms and smooths), bars, smooths; and the left side.
parse_formulas <- function(formulas, family, data, env) {
  if (is_formula(formulas)) formulas <- list(formulas)
  if (!length(formulas) || !all(vapply(formulas, is_formula, NA))) {
    stop("The model must be a formula, or a list of formulas such as list(y ~ x, sigma ~ z).", call. = FALSE)
  }
  lefts <- lapply(formulas, function(f) if (length(f) == 3L) f[[2L]])
  own <- intersect(family$table$pars, names(parameter_links))
  for_parameter <- vapply(lefts, function(left) is.symbol(left) && as.character(left) %in% names(parameter_links), NA)
  if (length(formulas) == 1L) for_parameter <- FALSE
  if (sum(!for_parameter) != 1L) {
    stop(if (all(for_parameter)) "One formula must have the response on its left." else
      sprintf("Only one formula may have a response on its left; the others are for parameters: %s%s.", if (length(own)) enumerate(own) else "none",
              sprintf(" for family %s", family$name)), call. = FALSE)
  }
  names <- ifelse(for_parameter, vapply(lefts, function(left) if (is.symbol(left)) as.character(left) else "", ""), "mu")
  wrong <- setdiff(names, c("mu", own))
  if (length(wrong)) {
    stop(sprintf("Family %s has no parameter `%s` to give a formula to; it has %s.", family$name, wrong[1L], if (length(own)) enumerate(own) else "none"), call. = FALSE)
  }
  if (anyDuplicated(names)) stop(sprintf("There are two formulas for `%s`.", names[duplicated(names)][1L]), call. = FALSE)
  main <- formulas[[which(!for_parameter)]]
  if (length(main) != 3L || is.null(main[[2L]])) stop("The formula has no response: write one on the left of `~`.", call. = FALSE)
  parts <- stats::setNames(Map(parse_part, formulas, names, MoreArgs = list(data = data, env = env)), names)
  list(parts = parts[order(names != "mu")], left = main[[2L]], env = formula_env(main, env))
}

formula_env <- function(f, env) if (is.null(environment(f))) env else environment(f)

parse_part <- function(formula, dpar, data, env) {
  env <- formula_env(formula, env)
  found <- split_bars(formula[[length(formula)]], env)
  fixed <- found$fixed
  if ("." %in% all.vars(fixed)) fixed <- expand_dot(formula, fixed, data, env)
  taken <- take_smooths(fixed)
  list(dpar = dpar, env = env, fixed = if (is.null(taken$rest)) 1 else taken$rest, bars = found$bars, smooths = taken$smooths)
}

# The group terms of a right side, and the rest.
split_bars <- function(right, env) {
  hidden <- hide_bars(right)
  right <- as_one_sided(hidden$right, env)
  bars <- lapply(reformulas::findbars_x(right, default.special = "us"), function(bar) parse_bar(hidden$back(bar)))
  list(bars = bars, fixed = hidden$back(reformulas::nobars(right)[[2L]]))
}

# Package reformulas takes every `|` for a group term, also that of I(a | b), which means what it says in R. Such calls are hidden from it behind
# names; `back` puts them where the names are.
hide_bars <- function(right) {
  kept <- list()
  hide <- function(expr) {
    if (!is.call(expr) || !any(c("|", "||") %in% all.names(expr))) return(expr)
    head <- statement_head(expr)
    if (head %in% c("+", "-", "*", "/", ":", "^", "%in%", "(", "|", "||")) {
      expr[-1L] <- lapply(as.list(expr)[-1L], hide)
      return(expr)
    }
    if (length(expr) == 2L && statement_head(expr[[2L]]) %in% c("|", "||")) {
      if (head == "us") return(hide(call("(", expr[[2L]])))
      if (head == "diag") return(hide(call("(", call("||", expr[[2L]][[2L]], expr[[2L]][[3L]]))))
      if (head %in% other_structures) {
        stop(sprintf("`%s`: the covariance of group effects is unstructured, (x | g), or diagonal, (x || g).", statement_text(expr)), call. = FALSE)
      }
    }
    name <- sprintf(".kept_%d", length(kept) + 1L)
    kept[[name]] <<- expr
    as.name(name)
  }
  right <- hide(right)
  list(right = right, back = function(expr) if (is.null(expr)) NULL else substitute_names(expr, kept))
}

# Covariances that glmmTMB has and this package has not.
other_structures <- c("homdiag", "cs", "homcs", "ar1", "hetar1", "ou", "toep", "homtoep", "rr", "propto", "equalto")

as_one_sided <- function(right, env) stats::as.formula(call("~", right), env)

expand_dot <- function(formula, fixed, data, env) {
  if (!is.data.frame(data)) stop("`.` in a formula stands for the columns of a data frame: give `data` as one.", call. = FALSE)
  if (length(formula) == 3L && is.call(formula[[2L]]) && identical(formula[[2L]][[1L]], as.name("|"))) formula[[2L]][[1L]] <- as.name("+")
  whole <- stats::as.formula(if (length(formula) == 3L) call("~", formula[[2L]], fixed) else call("~", fixed), env)
  expanded <- stats::formula(stats::terms(whole, data = data))
  expanded[[length(expanded)]]
}

# One group term: lhs (effects), group (expression), correlated.
parse_bar <- function(bar) {
  kind <- as.character(bar[[1L]])
  inner <- bar[[2L]]
  if (statement_head(inner[[2L]]) %in% c("|", "||")) {
    stop(sprintf("The group term `(%s)` has two bars: correlations with the effects of another parameter are not known here; write (x | g).", statement_text(inner)), call. = FALSE)
  }
  list(lhs = inner[[2L]], group = inner[[3L]], correlated = kind == "us", label = statement_text(inner))
}

smooth_functions <- c("s", "t2")

# The terms s() and t2() taken out of a sum.
take_smooths <- function(expr) {
  head <- statement_head(expr)
  if (head %in% smooth_functions) return(list(smooths = list(expr)))
  if (head %in% c("te", "ti")) stop(sprintf("`%s` has no form with separate penalties: write t2(...) instead.", statement_text(expr)), call. = FALSE)
  if (head == "(") return(take_smooths(expr[[2L]]))
  if (!head %in% c("+", "-") || length(expr) != 3L) return(list(rest = expr, smooths = list()))
  left <- take_smooths(expr[[2L]])
  right <- if (head == "+") take_smooths(expr[[3L]]) else list(rest = expr[[3L]])
  rest <- if (is.null(left$rest)) {
    if (head == "-") call("-", 1, right$rest) else right$rest
  } else if (is.null(right$rest)) {
    left$rest
  } else {
    call(head, left$rest, right$rest)
  }
  list(rest = rest, smooths = c(left$smooths, right$smooths))
}

# ---- the model frame ----------------------------------------------------------------------------------------------------

# The components of a grouping expression `a:b`.
group_components <- function(group) {
  if (statement_head(group) == ":") return(c(group_components(group[[2L]]), group_components(group[[3L]])))
  list(group)
}

# Expressions whose variables a part reads; `groups` says which of its group terms are wanted, as TRUE and FALSE.
part_expressions <- function(part, groups = rep(TRUE, length(part$bars))) {
  bars <- part$bars[groups]
  c(list(part$fixed), lapply(bars, `[[`, "lhs"), unlist(lapply(bars, function(bar) group_components(bar$group)), recursive = FALSE),
    unlist(lapply(part$smooths, smooth_variables), recursive = FALSE))
}

# The unnamed arguments of s() or t2(), and `by`.
smooth_variables <- function(call) {
  args <- as.list(call)[-1L]
  tags <- if (is.null(names(args))) rep("", length(args)) else names(args)
  Filter(function(e) !identical(e, quote(NA)), unname(args[tags %in% c("", "by")]))
}

sum_of <- function(exprs) if (length(exprs)) Reduce(function(a, b) call("+", a, b), exprs) else 1

# The one model frame of all parts: rows are dropped once, for all. `args` are the expressions of weights, offset, subset, na.action.
build_frame <- function(parsed, args, data, envir) {
  left <- split_response(parsed$left)
  exprs <- unlist(lapply(parsed$parts, part_expressions), recursive = FALSE)
  formula <- stats::as.formula(call("~", left$response, sum_of(unname(exprs))), parsed$env)
  call <- as.call(c(list(quote(stats::model.frame), formula = formula, data = data, drop.unused.levels = TRUE), args, Filter(function(e) length(all.vars(e)) > 0L, left$extra)))
  frame <- tryCatch(eval(call, envir), error = function(e) stop(frame_message(conditionMessage(e), data), call. = FALSE))
  if (!nrow(frame)) stop("No row is left: every one has a missing value, or `subset` leaves none.", call. = FALSE)
  frame
}

# model.frame()'s errors in the user's words.
frame_message <- function(message, data) {
  found <- regmatches(message, regexec("object '(.*)' not found", message))[[1L]]
  if (length(found) == 2L) {
    return(paste(c(sprintf("`%s` is neither in the data nor an object here.", found[2L]), nearest_hint(found[2L], names(data))), collapse = " "))
  }
  inside <- regmatches(message, regexec("could not find function \"(s|t2|te|ti)\"", message))[[1L]]
  if (length(inside) == 2L) return(sprintf("A smooth `%s()` must be a term of its own, as in y ~ x + s(z); for an interaction there is s(z, by = f).", inside[2L]))
  missing <- regmatches(message, regexec("could not find function \"(.*)\"", message))[[1L]]
  if (length(missing) == 2L) {
    of_brms <- if (missing[2L] %in% c("mo", "gr", "mm", "me", "mi", "gp", "cs")) {
      "That is a term of package brms: groups stand as in (1 | g), ordered predictors as factors, curves as s(x)."
    }
    return(paste(c(sprintf("There is no function `%s()` here.", missing[2L]), of_brms), collapse = " "))
  }
  sprintf("The model frame could not be made: %s", message)
}

variable_names <- function(terms) vapply(as.list(attr(terms, "variables"))[-1L], deparse_name, "")
deparse_name <- function(expr) paste(deparse(expr, width.cutoff = 500L, backtick = !is.symbol(expr) && is.language(expr)), collapse = " ")

# Terms for some expressions, which evaluate data-dependent bases (poly(), ns(), scale()) as they were in the training data.
safe_terms <- function(exprs, env, frame_terms) {
  terms <- stats::terms(as_one_sided(sum_of(unname(exprs)), env))
  known <- variable_names(frame_terms)
  predvars <- as.list(attr(frame_terms, "predvars"))[-1L]
  own <- as.list(attr(terms, "variables"))[-1L]
  at <- match(variable_names(terms), known)
  own[!is.na(at)] <- predvars[at[!is.na(at)]]
  attr(terms, "predvars") <- as.call(c(list(quote(list)), own))
  terms
}

# ---- names ----------------------------------------------------------------------------------------------------------------

# A legal name: `a:b` becomes a_b.
legal_name <- function(x) {
  x <- gsub("_+$", "", gsub("[^[:alnum:]_.]+", "_", x))
  ifelse(grepl("^[[:alpha:]]|^[.][^0-9]", x), x, paste0("x", x))
}

# Names of the lowered model that no data vector may take.
reserved_names <- c("y", "X", "Intercept", "b", "mu", "eta", "sigma", "shape", "phi", "df", "cutpoints", "zi", "size", "offset", "weights", "lower", "upper",
                    "status", "sd_X", "n", "T", "F", "TRUE", "FALSE", "NULL", "NA", "if", "else", "for", "while", "repeat", "function", "in", "next", "break", "Inf", "NaN")

free_name <- function(name, taken) {
  while (name %in% taken) name <- paste0(name, "_")
  name
}
