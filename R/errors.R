# Messages: what was found, where, and what to do.

# "a", "b" and "c"
enumerate <- function(x, quote = "`", last = "and") {
  x <- paste0(quote, x, quote)
  n <- length(x)
  if (n < 2L) return(paste(x, collapse = ""))
  paste0(paste(x[-n], collapse = ", "), " ", last, " ", x[n])
}

# What Stan, BUGS, Python or R call what has another name here.
names_elsewhere <- list(
  dnorm = "normal", dbern = "bernoulli", dbin = "binomial", dbinom = "binomial", dpois = "poisson", dgamma = "gamma", dbeta = "beta",
  dexp = "exponential", dunif = "uniform", dt = "student_t", dcat = "categorical", dmulti = "multinomial", dmultinom = "multinomial",
  dmnorm = "multi_normal", ddirch = "dirichlet", dweib = "weibull", dweibull = "weibull", dlnorm = "lognormal", dlogis = "logistic",
  ddexp = "laplace", dwish = "wishart", dnegbin = "neg_binomial", dnbinom = "neg_binomial", dcauchy = "cauchy", dchisqr = "chi_square",
  double_exponential = "laplace", neg_binomial_2 = "neg_binomial", neg_binomial_2_log = "neg_binomial_log", inv_gamma = "inverse_gamma",
  inv_wishart = "inverse_wishart", MultivariateNormal = "multi_normal", LKJ = "lkj_corr", LKJCholesky = "lkj_corr_cholesky",
  logit = "qlogis", inv_logit = "plogis", ilogit = "plogis", expit = "plogis", sigmoid = "plogis", Phi = "pnorm", phi = "pnorm",
  logsumexp = "log_sum_exp", cholesky_decompose = "chol", cholesky = "chol", log_determinant = "log_det", logdet = "log_det",
  det = "log_det", inprod = "dot", dot_product = "dot", fabs = "abs", mdivide_left_tri_low = "forwardsolve", mean = "loc",
  mu = c("loc", "mean"), sd = "scale", sigma = "scale", nu = "df", n = "size", p = "prob", probs = "prob", lambda = "rate"
)

# "Did you mean ...?" when a known name is close, otherwise nothing.
nearest_hint <- function(name, known) {
  known <- unique(known[nzchar(known)])
  if (!length(known)) return(character())
  same <- intersect(names_elsewhere[[name]], known)
  if (length(same)) return(sprintf("Did you mean `%s`?", same[1L]))
  distance <- utils::adist(name, known, ignore.case = TRUE)[1L, ]
  best <- known[which.min(distance)]
  starts <- startsWith(tolower(best), tolower(name)) && nchar(name) >= 3L
  if (min(distance) < nchar(name) && min(distance) <= max(1L, (nchar(name) + 1L) %/% 3L) || starts) sprintf("Did you mean `%s`?", best) else character()
}

# A statement as one line of text.
statement_text <- function(statement, width = 60L) {
  text <- gsub("\\s+", " ", paste(deparse(statement, width.cutoff = 500L), collapse = " "))
  if (nchar(text) > width) paste0(substr(text, 1L, width - 3L), "...") else text
}

# An error about a statement of a model.
fail_at <- function(statement, number, ...) {
  parts <- c(...)
  where <- if (is.null(statement)) "In the model" else sprintf("In statement %s, `%s`", number, statement_text(statement))
  stop(structure(class = c("fullrank_model_error", "error", "condition"), list(
    message = paste0(where, ":\n  ", paste(parts, collapse = "\n  ")), call = NULL
  )))
}

# R's own stack ends at expressions of some hundred levels.
with_nesting_message <- function(expr) {
  tryCatch(expr, stackOverflowError = function(e) {
    stop("An expression of the model is nested too deeply. Name parts of it (`part <- ...`), or write sums and loops as such: sum(), for.", call. = FALSE)
  })
}

shape_text <- function(x) {
  if (is_node(x)) { d <- x$dim; n <- x$len } else { d <- dim(x); n <- length(x) }
  if (!is.null(d)) paste(d, collapse = " x ") else if (n == 1L) "1" else sprintf("length %d", n)
}

check_number <- function(x, name, lower = -Inf, upper = Inf, whole = FALSE, open = FALSE) {
  good <- is.numeric(x) && length(x) == 1L && !is.na(x) && (if (open) x > lower else x >= lower) && x <= upper &&
    (!whole || x == floor(x))
  if (!good) {
    shown <- paste(utils::capture.output(utils::str(x, give.head = FALSE)), collapse = " ")
    kind <- paste0("one ", if (whole) "whole ", "number", if (lower > -Inf) paste0(if (open) " above " else " of at least ", lower),
                   if (upper < Inf) paste0(" and at most ", upper))
    stop(sprintf("`%s` must be %s, not %s.", name, kind, trimws(shown)), call. = FALSE)
  }
  as.double(x)
}
