# Where the fit of a regression starts. Without groups: at the mean of the response and no effects, which the warm start leaves at once. With
# groups: near what penalised iteratively reweighted least squares find for the linear predictor of the mean, the effects of groups and
# their covariances by some steps of EM. Their posterior can have several local optima (correlated slopes of long series are an
# example), and a start at no effects may end in a poor one.

start_of <- function(reg) {
  if (reg$prior_only) return(init_to_median())
  values <- start_values(reg)
  values <- values[vapply(names(values), function(name) may_start(reg$sites[[name]], values[[name]]), NA)]
  if (length(values)) init_to_value(values, init_to_median()) else init_to_median()
}

# Whether a site is there and its priors allow the value.
may_start <- function(site, value) {
  if (is.null(site) || !all(is.finite(value))) return(FALSE)
  bounds <- vapply(c(list(site$prior), lapply(site$elements, `[[`, "prior")), function(prior) if (site$kind %in% c("L", "cutpoints")) c(-Inf, Inf) else prior_bounds(prior), numeric(2L))
  all(value > max(bounds[1L, ])) && all(value < min(bounds[2L, ]))
}

start_values <- function(reg) {
  values <- list()
  for (part in reg$parts) values[[paste0("b", part$suffix)]] <- rep(0, length(reg$sites[[paste0("b", part$suffix)]]$labels))
  values <- Filter(length, values)
  if (reg$family$name == "categorical" || is.null(reg$parts$mu)) return(values)
  if (reg$family$name == "cumulative") return(c(values, list(cutpoints = start_cutpoints(reg))))
  work <- working_response(reg)
  if (is.finite(work$link(work$center))) values$Intercept <- work$link(work$center)
  values[names(reg$rough$values)] <- reg$rough$values
  values
}

# The rough fit of a regression with groups, and how far each of its group terms is centred; NULL when there is none.
rough_values <- function(reg) {
  if (reg$family$name %in% c("categorical", "cumulative") || !length(reg$parts$mu$groups)) return(NULL)
  tryCatch(rough_fit(reg, working_response(reg)), error = function(e) NULL)
}

# Cutpoints that give the shares of the categories where the linear predictor is 0.
start_cutpoints <- function(reg) {
  w <- prior_weights(reg)
  share <- cumsum(tapply(w, factor(reg$response$y, seq_along(reg$response$levels)), sum, default = 0) + 0.5)
  share <- share[-length(share)] / share[length(share)]
  unname(if (reg$family$link == "probit") stats::qnorm(share) else stats::qlogis(share))
}

# ---- a working model ------------------------------------------------------------------------------------------------------

# Response y, weights w, first means mu, variance function and range of the mean, and whether the dispersion is free.
working_response <- function(reg) {
  family <- reg$family
  kind <- family$table$response
  y <- reg$response$y
  w <- prior_weights(reg)
  work <- list(link = family$object$linkfun, inverse = family$object$linkinv, slope = family$object$mu.eta, lower = -Inf, upper = Inf, free = TRUE)
  if (kind %in% c("binomial", "binary", "unit")) {
    size <- if (is.null(reg$response$size)) rep(1, length(y)) else reg$response$size
    w <- w * size
    work <- c(list(y = y / pmax(size, 1), mu = if (kind == "unit") y else (y + 0.5) / (size + 1), variance = function(mu) mu * (1 - mu)), work)
    work[c("lower", "upper", "free")] <- list(0, 1, !family$name %in% c("binomial", "bernoulli"))
  } else if (kind == "count") {
    work <- c(list(y = y, mu = y + 0.1 + 0.1 * mean(y), variance = function(mu) mu), work)
    work[c("lower", "free")] <- list(0, family$name != "poisson")
  } else if (kind == "positive" && family$name != "lognormal") {
    work <- c(list(y = y, mu = y, variance = function(mu) mu^2), work)
    work$lower <- 0
  } else {
    if (family$name == "lognormal") y <- log(y)
    work <- c(list(y = y, mu = if (family$link == "identity") y else pmax(y, stats::median(abs(y)) / 10), variance = function(mu) rep(1, length(mu))), work)
  }
  work$w <- w
  work$center <- if (family$link == "identity") sum(w * work$y) / sum(w) else sum(w * work$mu) / sum(w)
  work
}

# Working response and weights at eta, means held within their range.
linearised <- function(work, eta) {
  mu <- work$inverse(eta)
  mu <- pmin(pmax(mu, work$lower + 1e-8), work$upper - 1e-8)
  slope <- work$slope(eta)
  weight <- work$w * slope^2 / work$variance(mu)
  weight[!is.finite(weight)] <- 0
  gap <- (work$y - mu) / slope
  gap[weight < 1e-10] <- 0
  list(z = eta + gap, weight = pmax(weight, 1e-10))
}

# Values for Intercept, b, sigma and the sites of groups; NULL when the steps lead nowhere.
rough_fit <- function(reg, work, steps = 30L) {
  part <- reg$parts$mu
  at <- part$at
  offset <- Reduce(`+`, Filter(Negate(is.null), list(at$offset, reg$response$offset)), 0)
  X <- if (part$own_intercept) cbind(1, at$X) else at$X
  blocks <- Map(function(block, at) start_block(block, at$index, at$Z), part$groups, at$groups)
  known <- offset + 0 * work$y
  eta <- work$link(work$mu)
  dispersion <- 1
  effects <- rep(list(0), length(blocks))
  line <- NULL
  for (step in seq_len(steps)) {
    linear <- is.null(line) || step <= 8L || step %% 4L == 0L
    if (linear) line <- linearised(work, eta)
    z <- line$z - known
    groups <- Reduce(`+`, effects, 0)
    if (linear && ncol(X)) beta <- ridge(X, z - groups, line$weight, start_penalty(part, reg, dispersion))
    fixed <- if (ncol(X)) drop(X %*% beta) else 0
    if (work$free) dispersion <- sum(line$weight * (z - groups - fixed)^2) / sum(work$w > 0)
    # coarse groups first: what they share would else go to the finer ones
    for (k in order(vapply(blocks, `[[`, 0L, "J"))) {
      blocks[[k]] <- step_block(blocks[[k]], z - fixed - Reduce(`+`, effects[-k], 0), line$weight, dispersion)
      effects[[k]] <- blocks[[k]]$effect
    }
    eta <- known + fixed + Reduce(`+`, effects, 0)
  }
  mu <- work$inverse(eta)
  if (!all(is.finite(mu) & mu > work$lower & mu < work$upper)) return(NULL)
  b <- if (part$own_intercept) beta[-1L] else if (ncol(X)) beta
  values <- c(if (part$own_intercept) list(Intercept = beta[1L]), if (length(b)) list(b = c(b, rep(0, length(part$wide$columns)))),
              if (reg$family$table$response == "real" || reg$family$name == "lognormal") list(sigma = sqrt(dispersion)), unlist(lapply(blocks, block_values), recursive = FALSE))
  list(values = values, centred = Filter(Negate(is.null), stats::setNames(lapply(blocks, block_centred), vapply(blocks, `[[`, "", "id"))))
}

# The precision of the default priors, in units of the dispersion: it holds separated or dependent columns.
start_penalty <- function(part, reg, dispersion) {
  s <- if (is_scaled(reg$family)) max(stats::sd(reg$response$y), 1e-8) else 1
  c(if (part$own_intercept) 0, (part$sd / (2.5 * s))^2 * dispersion)
}

ridge <- function(X, z, w, penalty) {
  A <- crossprod(X, w * X)
  diag(A) <- diag(A) + penalty + 1e-10 * mean(diag(A))
  drop(solve(A, crossprod(X, w * z)))
}

# ---- groups ---------------------------------------------------------------------------------------------------------------

# K effects of J levels: r (J x K), and their covariance.
start_block <- function(block, index, Z) {
  K <- ncol(Z)
  list(id = block$id, correlated = block$correlated, index = as.vector(index), Z = Z, J = length(block$levels), K = K, products = Z[, rep(seq_len(K), K), drop = FALSE] * Z[, rep(seq_len(K), each = K), drop = FALSE])
}

# One step of EM: the conditional means of the effects given residuals, then their covariance.
step_block <- function(block, residual, weight, dispersion) {
  J <- block$J
  K <- block$K
  scale <- weight / dispersion
  sums <- rowsum(cbind(block$products * scale, block$Z * (scale * residual)), block$index)
  precision <- array(sums[, seq_len(K * K)], c(J, K, K))
  block$information <- vapply(seq_len(K), function(k) precision[, k, k], numeric(J))
  if (is.null(block$covariance)) block$covariance <- diag(1 / pmax(vapply(seq_len(K), function(k) mean(precision[, k, k]) / 5, 0), 1e-12), K)
  prior <- solve(block$covariance)
  for (i in seq_len(K)) for (j in seq_len(K)) precision[, i, j] <- precision[, i, j] + prior[i, j]
  V <- invert_all(precision)
  r <- matrix(0, J, K)
  for (i in seq_len(K)) for (j in seq_len(K)) r[, i] <- r[, i] + V[, i, j] * sums[, K * K + j]
  covariance <- (crossprod(r) + colSums(V)) / J
  if (!block$correlated) covariance <- diag(diag(covariance), K)
  block$covariance <- covariance + diag(1e-6 * diag(covariance), K)
  block$r <- r
  block$effect <- rowSums(r[block$index, , drop = FALSE] * block$Z)
  block
}

# The inverses of J positive definite K x K matrices (J x K x K), by Gauss-Jordan steps on all at once.
invert_all <- function(A) {
  K <- dim(A)[2L]
  for (k in seq_len(K)) {
    pivot <- A[, k, k]
    for (i in seq_len(K)[-k]) {
      factor <- A[, i, k] / pivot
      for (j in seq_len(K)[-k]) A[, i, j] <- A[, i, j] - factor * A[, k, j]
      A[, i, k] <- -factor
    }
    for (j in seq_len(K)[-k]) A[, k, j] <- A[, k, j] / pivot
    A[, k, k] <- 1 / pivot
  }
  A
}

# The share of each effect that comes from the data, to two digits: J, J x K, or K for correlated effects. These are non-centred when a column says little; of three
# columns and more the shares must be larger: with hundreds of effects the climb to the mode else ends where those of one column are all but 0.
block_centred <- function(block) {
  ratio <- matrix(block$information, block$J) * rep(diag(block$covariance), each = block$J)
  share <- ratio / (1 + ratio)
  if (block$correlated) {
    share <- colMeans(share)
    if (!isTRUE(min(share) >= if (block$K == 2L) 0.3 else 0.7)) return(NULL)
  }
  share <- round(share, 2L)
  if (all(is.finite(share)) && any(share > 0)) if (block$K == 1L) drop(share) else share
}

# The sites of a block; correlations are drawn in a little, since at -1 and 1 their Cholesky factor has no derivative.
block_values <- function(block) {
  sd <- sqrt(diag(block$covariance))
  L <- t(chol(0.95 * stats::cov2cor(block$covariance) + diag(0.05, block$K)))
  z <- forwardsolve(L, t(block$r) / sd)
  centred <- block_centred(block)
  if (!is.null(centred)) z <- t(block$r) * sd^(if (block$correlated) centred - 1 else t(matrix(centred, block$J)) - 1)
  values <- list(sd = sd, L = if (block$correlated) L, z = if (block$K == 1L) drop(z) else t(z))
  values <- Filter(Negate(is.null), values)
  stats::setNames(values, paste0(names(values), "_", block$id))
}
