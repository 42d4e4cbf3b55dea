#' Optimisers
#'
#' `natural()`, the default, arrives from a cold start without tuning and stops when fresh draws say that it has. The others are
#' stochastic gradient optimisers for [fullrank()] and [svi_step()], step for step those that Pyro's users know
#' (`pyro.optim.Adam`, `ClippedAdam` and `torch.optim.SGD`), with Pyro's defaults.
#'
#' `natural()` works in phases. L-BFGS climbs the log density; Normals at points of its path, and those that the Hessian at
#' its end gives, compete by their ELBO. Where the best is still far off, batch-and-match follows. Then natural-gradient steps from
#' antithetic pairs of draws (above 200 coordinates with a velocity, O'Donoghue and Candes 2015, in growing batches; a step that leads clearly down
#' is taken back), and L-BFGS on fixed draws whose first two moments are matched. What stops it is the estimated gap on draws that the guide
#' has never seen. Above 500 coordinates, and above 200 where the log weights hardly vary, it stops without fixed draws, when the
#' gap, set against what the latest steps have gained, is small: along a curved valley more is left than the gradient says. From 21 to 100 coordinates a
#' climb that finds no plain mode is followed by a walk, above 100 the walk comes first. Where a climb or a walk ends in the throat of a funnel, a
#' Normal from earlier on its way competes with the one there, after batch-and-match or up to 15 steps from each. Up to 50 coordinates, where
#' the log weights of the guide have an sd of .3 and more when it has arrived, or when a tenth of the budget is spent, up to five climbs from starts that
#' are uniform on (-2, 2) in every coordinate look for a better mode; from one whose Normal has the clearly higher ELBO the run goes on. Where the gap
#' has itself an error of more than a tenth of `tol`, 64 steps that average follow, as they do when a converged fit is asked for more.
#' A step is one batch of gradients, or one trial of a line search.
#'
#' In [svi_step()], `natural()` takes one natural-gradient step, and each draw is used as a pair, `loc + L eps` and `loc - L eps`.
#'
#' @param budget The most gradients of the log density to evaluate before the fit ends as "budget_exhausted"; NULL: 100,000 and 50 a
#'   coordinate, 200 a coordinate above 200 of them, where each fixed draw costs more.
#' @param lr Learning rate, positive. Adam's default is Pyro's 0.005 in its AutoMultivariateNormal tutorial.
#' @param betas Two numbers in `[0, 1)`: the decay of the averages of the gradient and of its square.
#' @param eps Added to the denominator, for numerical stability.
#' @param decay Step t takes `lr / sqrt(1 + decay * (t - 1))`: 0, Pyro's, keeps the rate; a positive value lets the noise
#'   of the steps die out. It knows no horizon, so that going on later is the same as never having stopped.
#' @param clip_norm Each entry of the gradient is clamped to `[-clip_norm, clip_norm]`.
#' @param lrd The learning rate is multiplied by this before each step.
#' @param momentum Momentum, in `[0, 1)`.
#' @return An object of class `fullrank_optimizer`, a plain list.
#' @references Tan (2021). Analytic natural gradient updates for Cholesky factor in Gaussian variational approximation. arXiv:2109.00375.
#'
#' Roeder, Wu and Duvenaud (2017). Sticking the landing: simple, lower-variance gradient estimators for variational inference. NeurIPS.
#'
#' Cai, Modi, Pillaud-Vivien, Margossian, Gower, Blei and Saul (2024). Batch and match: black-box variational inference with a
#' score-based divergence. ICML.
#'
#' O'Donoghue and Candes (2015). Adaptive restart for accelerated gradient schemes. Foundations of Computational Mathematics 15.
#'
#' Burroni, Domke and Sheldon (2024). Sample average approximation for black-box variational inference. UAI.
#'
#' Kingma and Ba (2015). Adam: a method for stochastic optimization. ICLR.
#' @examples
#' natural()
#' adam(lr = 0.01)
#' clipped_adam(lrd = 0.999)
#' @name optimizers
NULL

#' @rdname optimizers
#' @export
natural <- function(budget = NULL) {
  if (!is.null(budget)) budget <- check_number(budget, "budget", 1, whole = TRUE)
  structure(list(name = "natural", budget = budget), class = "fullrank_optimizer")
}

# Gradients that natural() may take where the user does not say.
natural_budget <- function(optimizer, d) if (is.null(optimizer$budget)) 1e5 + (if (d > 200) 200 else 50) * d else optimizer$budget

#' @rdname optimizers
#' @export
adam <- function(lr = 0.005, betas = c(0.9, 0.999), eps = 1e-8, decay = 0) {
  new_optimizer("adam", 0L, lr = check_lr(lr), betas = check_betas(betas), eps = check_number(eps, "eps", 0),
                decay = check_number(decay, "decay", 0))
}

#' @rdname optimizers
#' @export
clipped_adam <- function(lr = 0.005, clip_norm = 10, lrd = 1, betas = c(0.9, 0.999), eps = 1e-8) {
  new_optimizer("clipped_adam", 1L, lr = check_lr(lr), betas = check_betas(betas), eps = check_number(eps, "eps", 0),
                clip_norm = check_number(clip_norm, "clip_norm", 0, open = TRUE), lrd = check_number(lrd, "lrd", 0, open = TRUE))
}

#' @rdname optimizers
#' @export
sgd <- function(lr, momentum = 0) {
  new_optimizer("sgd", 2L, lr = check_lr(lr), momentum = check_momentum(momentum))
}

new_optimizer <- function(name, code, lr, betas = c(0, 0), eps = 0, clip_norm = Inf, lrd = 1, momentum = 0, decay = 0) {
  structure(list(name = name, code = code, lr = lr, betas = betas, eps = eps, clip_norm = clip_norm, lrd = lrd,
                 momentum = momentum, decay = decay), class = "fullrank_optimizer")
}

check_lr <- function(lr) check_number(lr, "lr", 0, open = TRUE)

check_momentum <- function(momentum) {
  check_number(momentum, "momentum", 0, 1)
  if (momentum == 1) stop("`momentum` must be below 1.", call. = FALSE)
  as.double(momentum)
}

check_betas <- function(betas) {
  if (!is.numeric(betas) || length(betas) != 2L || anyNA(betas) || any(betas < 0 | betas >= 1)) {
    stop("`betas` must be two numbers of at least 0 and below 1.", call. = FALSE)
  }
  as.double(betas)
}

check_optimizer <- function(optimizer) {
  if (!inherits(optimizer, "fullrank_optimizer")) {
    stop("`optimizer` must be made by natural(), adam(), clipped_adam() or sgd(), as in optimizer = adam(lr = 0.01).", call. = FALSE)
  }
  optimizer
}

#' @export
print.fullrank_optimizer <- function(x, ...) {
  if (x$name == "natural") {
    cat("natural(", if (!is.null(x$budget)) paste("budget =", format(x$budget)), ")\n", sep = "")
    return(invisible(x))
  }
  shown <- switch(x$name, adam = c("lr", "betas", "eps", if (x$decay > 0) "decay"),
                  clipped_adam = c("lr", "clip_norm", "lrd", "betas", "eps"), sgd = c("lr", "momentum"))
  values <- vapply(x[shown], function(v) if (length(v) > 1L) deparse(v) else format(v), "")
  wrap(x$name, "(", paste(shown, values, sep = " = ", collapse = ", "), ")")
  invisible(x)
}
