#' fullrank: full-rank Gaussian variational inference
#'
#' Fits a multivariate Normal with a full covariance matrix to a Bayesian posterior by stochastic
#' variational inference. State a model with [model()], fit it with [fullrank()], and read the posterior with
#' [posterior()], [summary()][summary.fullrank_fit], [vcov()][vcov.fullrank_fit], [correlation()],
#' [quantile()][quantile.fullrank_fit] and [draws()].
#'
#' @section The guide:
#' The latent sites of a model are mapped, one to one, to an unconstrained vector z of length d. The guide is
#' q(z) = N(loc, L L') with L = diag(scale) %*% scale_tril: `scale` is positive (softplus of its unconstrained
#' parameter) and `scale_tril` unit lower triangular. Draws are z = loc + L eps with eps standard normal, and
#' the evidence lower bound, E log p(z) - E log q(z), is climbed by the gradient through them
#' (reparameterisation). These are the parameters of `AutoMultivariateNormal` in Pyro, to the digit.
#'
#' @references
#' Kucukelbir, Tran, Ranganath, Gelman and Blei (2017). Automatic differentiation variational inference.
#' Journal of Machine Learning Research 18(14), 1-45.
#'
#' Bingham and others (2019). Pyro: deep universal probabilistic programming. Journal of Machine Learning
#' Research 20(28), 1-6.
#' @name fullrank-package
#' @docType package
#' @keywords internal
#' @useDynLib fullrank, .registration = TRUE
#' @importFrom stats coef confint family fitted formula logLik median model.frame model.matrix nobs predict quantile residuals sigma simulate
#' @importFrom stats gaussian terms update vcov
NULL
