#' Distributions of the model language
#'
#' What may stand on the right of `~` in [model()]: each distribution with its arguments, what its values are, and what Stan, Pyro or
#' NumPyro call it. The names are part of the language and are not exported; arguments are matched by name and position as R matches them.
#'
#' `dim` is an argument of every distribution and wrapper: the shape of the whole site, as in `theta ~ normal(mu, tau, dim = J)`. For a
#' vector distribution `dim = c(N, K)` is N vectors of length K, one a row, for a matrix distribution `dim = K` is K x K. Without `dim` the shape is what the arguments imply.
#'
#' A latent site needs a continuous distribution. It is mapped to unconstrained coordinates as PyTorch's `biject_to` does: `exp` for positive
#' values, the logistic function for an interval, stick breaking for a simplex, partial correlations for a correlation matrix or its factor, and for a covariance
#' matrix (`transform_to`) its Cholesky factor with the logarithm of the diagonal. Arguments that set a support (those of `flat`, `uniform`, `pareto`, and
#' the bounds of `truncated()`) may depend on latents stated before.
#'
#' Arguments of the scalar distributions recycle against the value, one a row. A vector distribution takes its vector arguments as a vector, shared
#' by all events, or as a matrix with one event a row. A matrix on the left is one observation a row.
#'
#' `r distribution_help()`
#'
#' @section Wrappers:
#' They go around the distributions of single numbers, and around each other where that has a meaning (a mixture of truncated distributions).
#'
#' `r wrapper_help()`
#'
#' @name distributions
#' @return Distributions are read inside statements and give no value of their own; on their own they are not functions of this package.
#' @aliases truncated censored zero_inflated mixture ordered
#' @seealso [model()] for the statements that they stand in and the functions of the language.
#' @examples
#' m <- model({
#'   Sigma ~ inverse_wishart(5, diag(2))
#'   p     ~ beta(1, 1)
#'   mu    ~ multi_normal(c(0, 0), Sigma)
#'   y     ~ multi_normal(mu, Sigma)
#'   n     ~ zero_inflated(p, poisson(3))
#' })
#' simulate(m, 1, seed = 1, data = list(y = matrix(0, 3, 2), n = c(0, 2)))$Sigma
NULL

# The notes behind the help page and the vignette's tables: call, what its values are, what it means, its name in Stan and in Pyro or
# NumPyro ("" for none), a row a distribution. Tests hold names, arguments and topics against the C core's table.
distribution_notes <- local({
  note <- function(call, values, meaning, stan, pyro) data.frame(call, values, meaning, stan, pyro)
  list(
    `Real numbers` = rbind(
      note("normal(loc, scale)", "real", "Normal with mean and standard deviation", "normal", "Normal"),
      note("student_t(df, loc, scale)", "real", "Student's t, shifted and scaled", "student_t", "StudentT"),
      note("cauchy(loc, scale)", "real", "Cauchy: Student's t with one degree of freedom", "cauchy", "Cauchy"),
      note("laplace(loc, scale)", "real", "two exponentials back to back, with the mean deviation `scale`", "double_exponential", "Laplace"),
      note("asymmetric_laplace(loc, scale, asymmetry)", "real", "Laplace with the mean deviation `scale * asymmetry` to the left and `scale / asymmetry` to the right", "", "AsymmetricLaplace"),
      note("logistic(loc, scale)", "real", "logistic", "logistic", "Logistic"),
      note("gumbel(loc, scale)", "real", "Gumbel, of maxima", "gumbel", "Gumbel"),
      note("skew_normal(loc, scale, shape)", "real", "Azzalini's skew Normal; `shape = 0` is the Normal", "skew_normal", ""),
      note("exp_mod_normal(loc, scale, rate)", "real", "a Normal plus an exponential variable", "exp_mod_normal", ""),
      note("von_mises(loc, concentration)", "real, an angle in radians", "von Mises, periodic; a latent angle is not confined to one turn", "von_mises", "VonMises"),
      note("flat(lower = -Inf, upper = Inf)", "between its bounds", "improper: density 1 between the bounds", "a parameter without a prior", "ImproperUniform")
    ),
    `Positive numbers` = rbind(
      note("half_normal(scale)", "positive", "absolute value of a Normal around 0", "normal with lower = 0", "HalfNormal"),
      note("half_student_t(df, scale)", "positive", "absolute value of a Student's t around 0", "student_t with lower = 0", ""),
      note("half_cauchy(scale)", "positive", "absolute value of a Cauchy around 0", "cauchy with lower = 0", "HalfCauchy"),
      note("lognormal(loc, scale)", "positive", "exponential of a Normal", "lognormal", "LogNormal"),
      note("exponential(rate)", "positive", "exponential with the mean `1 / rate`", "exponential", "Exponential"),
      note("gamma(shape, rate)", "positive", "gamma with the mean `shape / rate`", "gamma", "Gamma"),
      note("inverse_gamma(shape, scale)", "positive", "reciprocal of a gamma variable; the mean is `scale / (shape - 1)`", "inv_gamma", "InverseGamma"),
      note("inverse_gaussian(mean, shape)", "positive", "inverse Gaussian (Wald)", "", ""),
      note("chi_square(df)", "positive", "chi-squared", "chi_square", "Chi2"),
      note("scaled_inv_chi_square(df, scale)", "positive", "`df * scale^2` over a chi-squared variable", "scaled_inv_chi_square", ""),
      note("weibull(shape, scale)", "positive", "Weibull", "weibull", "Weibull (scale first)"),
      note("frechet(shape, scale)", "positive", "Frechet: reciprocal of a Weibull variable", "frechet", ""),
      note("rayleigh(scale)", "positive", "Rayleigh: length of two Normals", "rayleigh", ""),
      note("pareto(scale, shape)", "above `scale`", "Pareto", "pareto", "Pareto")
    ),
    `Numbers in an interval` = rbind(
      note("beta(shape1, shape2)", "between 0 and 1", "beta with the mean `shape1 / (shape1 + shape2)`", "beta", "Beta"),
      note("beta_proportion(mean, precision)", "between 0 and 1", "beta by its mean and `precision = shape1 + shape2`", "beta_proportion", "BetaProportion"),
      note("uniform(lower, upper)", "between its bounds", "uniform", "uniform", "Uniform"),
      note("kumaraswamy(shape1, shape2)", "between 0 and 1", "Kumaraswamy: P(X <= x) is `1 - (1 - x^shape1)^shape2`", "", "Kumaraswamy")
    ),
    `Counts and categories, observed only` = rbind(
      note("bernoulli(prob)", "0 or 1", "Bernoulli", "bernoulli", "Bernoulli"),
      note("bernoulli_logit(logit)", "0 or 1", "Bernoulli, its probability on the logit scale", "bernoulli_logit", "Bernoulli(logits=)"),
      note("binomial(size, prob)", "0 to `size`", "successes in `size` trials; `size` is data", "binomial", "Binomial"),
      note("binomial_logit(size, logit)", "0 to `size`", "binomial, its probability on the logit scale", "binomial_logit", "Binomial(logits=)"),
      note("poisson(rate)", "0, 1, 2, ...", "Poisson", "poisson", "Poisson"),
      note("poisson_log(log_rate)", "0, 1, 2, ...", "Poisson, its mean on the log scale", "poisson_log", "Poisson(exp())"),
      note("neg_binomial(mean, size)", "0, 1, 2, ...", "negative binomial with the variance `mean + mean^2 / size`", "neg_binomial_2", "NegativeBinomial2"),
      note("neg_binomial_log(log_mean, size)", "0, 1, 2, ...", "the same, its mean on the log scale", "neg_binomial_2_log", ""),
      note("geometric(prob)", "0, 1, 2, ...", "failures before the first success", "", "Geometric"),
      note("beta_binomial(size, shape1, shape2)", "0 to `size`", "binomial whose probability is beta", "beta_binomial", "BetaBinomial"),
      note("categorical(prob)", "1 to K", "a category; `prob` is normalised, a vector or a row an observation", "categorical", "Categorical (from 0)"),
      note("categorical_logit(logit)", "1 to K", "a category, `prob = softmax(logit)`", "categorical_logit", "Categorical(logits=)"),
      note("ordered_logistic(location, cutpoints)", "1 to K + 1", "cumulative logit: P(X <= k) is `plogis(cutpoints[k] - location)`", "ordered_logistic", "OrderedLogistic"),
      note("ordered_probit(location, cutpoints)", "1 to K + 1", "cumulative probit: P(X <= k) is `pnorm(cutpoints[k] - location)`", "ordered_probit", ""),
      note("multinomial(size, prob)", "counts of K categories", "counts that sum to `size`; `prob` is normalised", "multinomial", "Multinomial")
    ),
    Vectors = rbind(
      note("multi_normal(loc, covariance)", "real vector", "multivariate Normal by its covariance matrix", "multi_normal", "MultivariateNormal"),
      note("multi_normal_cholesky(loc, scale_tril)", "real vector", "by the lower Cholesky factor of the covariance", "multi_normal_cholesky", "MultivariateNormal(scale_tril=)"),
      note("multi_normal_precision(loc, precision)", "real vector", "by the inverse of the covariance", "multi_normal_prec", "MultivariateNormal(precision_matrix=)"),
      note("multi_student_t(df, loc, scale_tril)", "real vector", "multivariate Student's t, with `scale_tril` the lower Cholesky factor of the scale matrix", "multi_student_t_cholesky", "MultivariateStudentT"),
      note("dirichlet(concentration)", "positive, with the sum 1", "Dirichlet", "dirichlet", "Dirichlet"),
      note("gaussian_random_walk(scale)", "real vector", "Normal steps, the first one from 0", "a loop", "GaussianRandomWalk"),
      note("ar1(coef, scale)", "real vector", "stationary autoregression of order 1 around 0, Normal innovations with the standard deviation `scale`", "a loop", ""),
      note("icar(node1, node2)", "real vector", "intrinsic conditional autoregression, improper: minus half the sum of squared differences over the edges `node1[i]`, `node2[i]`", "target += -0.5 * dot_self(phi[node1] - phi[node2])", "")
    ),
    Matrices = rbind(
      note("lkj_corr_cholesky(eta)", "K x K, lower triangular", "Cholesky factor of an LKJ correlation matrix", "lkj_corr_cholesky", "LKJCholesky"),
      note("lkj_corr(eta)", "K x K correlation matrix", "density in proportion to `det(R)^(eta - 1)`", "lkj_corr", "LKJ"),
      note("wishart(df, scale)", "K x K covariance matrix", "Wishart with the mean `df * scale`", "wishart", "Wishart"),
      note("inverse_wishart(df, scale)", "K x K covariance matrix", "inverse of a Wishart(df, solve(scale)) variable; the mean is `scale / (df - K - 1)`", "inv_wishart", "")
    )
  )
})

wrapper_notes <- local({
  note <- function(call, meaning, stan, pyro) data.frame(call, meaning, stan, pyro)
  rbind(
    note("truncated(dist, lower = -Inf, upper = Inf)", "known to lie between the bounds; the density is renormalised", "T[lower, upper]", "TruncatedDistribution"),
    note("censored(dist, lower = -Inf, upper = Inf)", "observed values at a bound or beyond are only known to be there", "normal_lccdf() and the like", ""),
    note("zero_inflated(prob, dist)", "0 with probability `prob`, else from `dist`, which may be 0 too", "log_mix()", "ZeroInflatedDistribution"),
    note("mixture(weights, ...)", "one of several distributions, or of one whose arguments have an element for each weight (a matrix: a column; those of vectors and of categories a row), as `mixture(w, normal(mu, sigma))`; weights are normalised, a matrix has a row for each observation", "log_mix()", "MixtureGeneral, MixtureSameFamily"),
    note("ordered(dist, lower = -Inf)", "a latent increasing vector, above `lower`; the product of the element densities", "ordered[K]", "OrderedTransform")
  )
})

# "Stan: `normal`; Pyro: `Normal`."
elsewhere <- function(stan, pyro) {
  known <- c(if (nzchar(stan)) sprintf("Stan: `%s`", stan), if (nzchar(pyro)) sprintf("Pyro: `%s`", pyro))
  if (length(known)) paste0(" (", paste(known, collapse = "; "), ")") else ""
}

distribution_help <- function() {
  topic <- function(name, notes) {
    lines <- sprintf("* `%s`: %s. %s%s.", notes$call, notes$values, capitalised(notes$meaning), mapply(elsewhere, notes$stan, notes$pyro))
    paste(c(sprintf("**%s**", name), "", lines, ""), collapse = "\n")
  }
  paste(mapply(topic, names(distribution_notes), distribution_notes), collapse = "\n")
}

wrapper_help <- function() {
  paste(sprintf("* `%s`: %s%s.", wrapper_notes$call, wrapper_notes$meaning, mapply(elsewhere, wrapper_notes$stan, wrapper_notes$pyro)), collapse = "\n")
}

capitalised <- function(x) sub("^([a-z])", "\\U\\1", x, perl = TRUE)

# One table of the vignette: all distributions of a topic, or the wrappers.
distribution_markdown <- function(notes) {
  code <- function(x) ifelse(nzchar(x), paste0("`", x, "`"), "")
  columns <- list(fullrank = code(notes$call), values = notes$values, meaning = notes$meaning, Stan = code(notes$stan), `Pyro, NumPyro` = code(notes$pyro))
  columns <- columns[lengths(columns) > 0L]
  rows <- do.call(paste, c(unname(columns), sep = " | "))
  paste(c("", paste0("| ", paste(names(columns), collapse = " | "), " |"), paste0("|", strrep("---|", length(columns))), paste0("| ", rows, " |"), ""), collapse = "\n")
}
