# The families of a regression: one table. Each entry says which response it takes, which links and further parameters it has, and the
# distribution of an observation as a call of the model language in `eta` (linear predictor), `mu` (its inverse link) and the parameters.
# The same call is printed in the lowered model and evaluated, with draws in the place of names, for predictions.

# Inverse links as the model language writes them.
inverse_links <- list(
  identity = quote(eta), log = quote(exp(eta)), logit = quote(plogis(eta)), probit = quote(pnorm(eta)),
  cloglog = quote(-expm1(-exp(eta))), cauchit = quote(0.5 + atan(eta) / pi),
  inverse = quote(1 / eta), sqrt = quote(eta^2), `1/mu^2` = quote(1 / sqrt(eta))
)

probability_links <- c("logit", "probit", "cloglog", "cauchit", "log", "identity")
mean_links <- c("log", "identity", "sqrt", "inverse")

# response: kind of response, see response.R. direct: for a link, the form that takes `eta` itself. mean, variance: of an observation.
family_table <- list(
  gaussian = list(response = "real", links = c("identity", "log", "inverse"), pars = "sigma", scaled = TRUE,
                  dist = quote(normal(mu, sigma)), mean = quote(mu), variance = quote(sigma^2)),
  student = list(response = "real", links = c("identity", "log", "inverse"), pars = c("sigma", "df"), scaled = TRUE,
                 dist = quote(student_t(df, mu, sigma)), mean = quote(mu), variance = quote(ifelse(df > 2, sigma^2 * df / (df - 2), Inf))),
  lognormal = list(response = "positive", links = "identity", pars = "sigma", scaled = TRUE, dist = quote(lognormal(mu, sigma)),
                   mean = quote(exp(mu + sigma^2 / 2)), variance = quote(expm1(sigma^2) * exp(2 * mu + sigma^2))),
  Gamma = list(response = "positive", links = c("inverse", "log", "identity"), pars = "shape",
               dist = quote(gamma(shape, shape / mu)), mean = quote(mu), variance = quote(mu^2 / shape)),
  inverse.gaussian = list(response = "positive", links = c("1/mu^2", "log", "inverse", "identity"), pars = "shape",
                          dist = quote(inverse_gaussian(mu, shape)), mean = quote(mu), variance = quote(mu^3 / shape)),
  weibull = list(response = "positive", links = c("log", "identity", "inverse"), pars = "shape",
                 dist = quote(weibull(shape, mu / exp(lgamma(1 + 1 / shape)))), mean = quote(mu),
                 variance = quote(mu^2 * expm1(lgamma(1 + 2 / shape) - 2 * lgamma(1 + 1 / shape)))),
  exponential = list(response = "positive", links = c("log", "identity", "inverse"), pars = character(),
                     dist = quote(exponential(1 / mu)), mean = quote(mu), variance = quote(mu^2)),
  poisson = list(response = "count", links = c("log", "identity", "sqrt"), pars = character(), dist = quote(poisson(mu)),
                 direct = list(log = quote(poisson_log(eta))), mean = quote(mu), variance = quote(mu)),
  negbinomial = list(response = "count", links = c("log", "identity", "sqrt"), pars = "shape", dist = quote(neg_binomial(mu, shape)),
                     direct = list(log = quote(neg_binomial_log(eta, shape))), mean = quote(mu), variance = quote(mu + mu^2 / shape)),
  zero_inflated_poisson = list(response = "count", links = c("log", "identity", "sqrt"), pars = "zi", dist = quote(zero_inflated(zi, poisson(mu))),
                               direct = list(log = quote(zero_inflated(zi, poisson_log(eta)))), mean = quote((1 - zi) * mu),
                               variance = quote((1 - zi) * mu * (1 + zi * mu))),
  zero_inflated_negbinomial = list(response = "count", links = c("log", "identity", "sqrt"), pars = c("shape", "zi"),
                                   dist = quote(zero_inflated(zi, neg_binomial(mu, shape))),
                                   direct = list(log = quote(zero_inflated(zi, neg_binomial_log(eta, shape)))), mean = quote((1 - zi) * mu),
                                   variance = quote((1 - zi) * mu * (1 + mu * (zi + 1 / shape)))),
  hurdle_poisson = list(response = "count", links = "log", pars = "zi", dist = quote(hurdle(zi, mu)),
                        mean = quote((1 - zi) * mu / -expm1(-mu)),
                        variance = quote((1 - zi) * (mu + mu^2) / -expm1(-mu) - ((1 - zi) * mu / -expm1(-mu))^2)),
  bernoulli = list(response = "binary", links = probability_links, pars = character(), dist = quote(bernoulli(mu)),
                   direct = list(logit = quote(bernoulli_logit(eta))), mean = quote(mu), variance = quote(mu * (1 - mu))),
  binomial = list(response = "binomial", links = probability_links, pars = character(), dist = quote(binomial(size, mu)),
                  direct = list(logit = quote(binomial_logit(size, eta))), mean = quote(mu), variance = quote(mu * (1 - mu) / size)),
  beta_binomial = list(response = "binomial", links = setdiff(probability_links, c("log", "identity")), pars = "phi",
                       dist = quote(beta_binomial(size, mu * phi, (1 - mu) * phi)), mean = quote(mu),
                       variance = quote(mu * (1 - mu) * (phi + size) / (phi + 1) / size)),
  beta = list(response = "unit", links = setdiff(probability_links, c("log", "identity")), pars = "phi",
              dist = quote(beta_proportion(mu, phi)), mean = quote(mu), variance = quote(mu * (1 - mu) / (1 + phi))),
  cumulative = list(response = "ordinal", links = c("logit", "probit"), pars = "cutpoints",
                    direct = list(logit = quote(ordered_logistic(eta, cutpoints)), probit = quote(ordered_probit(eta, cutpoints)))),
  categorical = list(response = "nominal", links = "logit", pars = character(), direct = list(logit = quote(categorical_logit(eta))))
)

# Links of the parameters that may have a formula of their own.
parameter_links <- c(sigma = "log", shape = "log", phi = "log", df = "log", zi = "logit")

# A family as R knows it, with `$table`, its row of the table, beside. `family` is one of R's own family objects or functions, or a name.
resolve_family <- function(family, link = NULL) {
  if (is.function(family)) family <- family()
  if (inherits(family, "family")) {
    if (!is.null(link)) stop("`link` goes with a family given by name; here it is part of `family`, as in binomial(link = \"probit\").", call. = FALSE)
    return(complete_family(family$family, family$link, family))
  }
  if (!is.character(family) || length(family) != 1L || is.na(family)) {
    stop(sprintf("`family` must be a family such as poisson(), or one of the names %s.", enumerate(names(family_table), "\"", "or")), call. = FALSE)
  }
  complete_family(family, link, NULL)
}

complete_family <- function(name, link, own) {
  table <- family_table[[name]]
  if (is.null(table)) {
    hint <- nearest_hint(name, names(family_table))
    if (startsWith(name, "Negative Binomial")) hint <- "Its size is estimated here: family = \"negbinomial\"."
    if (startsWith(name, "quasi")) hint <- "A quasi-likelihood is no distribution: \"negbinomial\" or \"beta_binomial\" take up overdispersion."
    stop(paste(c(sprintf("There is no family \"%s\".", name), hint, sprintf("Known are %s.", enumerate(names(family_table), "\""))), collapse = " "), call. = FALSE)
  }
  if (is.null(link)) link <- table$links[1L]
  if (!is.character(link) || length(link) != 1L || !link %in% table$links) {
    stop(sprintf("The family \"%s\" has no link %s here; it takes %s.", name, deparse(link)[1L], enumerate(table$links, "\"", "or")), call. = FALSE)
  }
  family <- if (is.null(own)) new_family(name, link) else own
  list(name = name, link = link, table = table, object = family)
}

# A family object for a name: R's own where R has it.
new_family <- function(name, link) {
  if (name %in% c("gaussian", "binomial", "poisson", "Gamma", "inverse.gaussian")) return(get(name, envir = asNamespace("stats"))(link = link))
  structure(c(list(family = name, link = link), unclass(stats::make.link(link))[c("linkfun", "linkinv", "mu.eta", "valideta")]), class = "family")
}

# The distribution of an observation as a call, with the weights in it where the family has a dispersion for them.
family_dist <- function(family, weighted = FALSE) {
  table <- family$table
  call <- table$direct[[family$link]]
  if (is.null(call)) call <- table$dist
  if (weighted) call <- substitute_names(call, weighted_parameters[[family$name]])
  call
}

# Prior weights with the meaning that glm() gives them: the dispersion is divided by them.
weighted_parameters <- list(
  gaussian = list(sigma = quote(sigma / sqrt(weights))), Gamma = list(shape = quote(shape * weights)),
  inverse.gaussian = list(shape = quote(shape * weights))
)

# Whether the call reads `mu`, and so needs the inverse link stated.
reads_mu <- function(call) "mu" %in% all.vars(call)

substitute_names <- function(call, by) do.call(substitute, list(call, by))

# Location and scale of the response, for default priors: m and s where mu has the response's own scale, else 0 and 1.
is_scaled <- function(family) isTRUE(family$table$scaled) && family$link == "identity"
