# Where the fit of a regression starts. Without groups and smooths: at the mean of the response and no effects, which the warm start leaves at
# once. With them: near what penalised iteratively reweighted least squares find for the linear predictor, the effects of groups, the
# coefficients of smooths and their covariances by some steps of EM. Their posterior can have several local optima (correlated slopes of long series are an
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
  if (reg$family$name == "cumulative") {
    values$cutpoints <- start_cutpoints(reg)
  } else if (reg$family$name != "categorical") {
    work <- working_response(reg)
    if (is.finite(work$link(work$center))) values$Intercept <- work$link(work$center)
  }
  values[names(reg$rough$values)] <- reg$rough$values
  values
}

# The rough fit of a regression with groups or smooths, and how far each of these is centred; NULL when there is none. That of a categorical
# response is a logistic regression for each category, among the rows of this category and the first (Begg and Gray 1984). A parameter with a
# formula of its own follows, given the rough fit of the response.
rough_values <- function(reg) {
  if (!any(vapply(reg$parts, function(part) length(part$groups) + length(part$at$smooths) > 0L, NA))) return(NULL)
  rough <- function(part, work) tryCatch(rough_fit(reg, part, work()), error = function(e) NULL)
  found <- unname(lapply(main_parts(reg), function(part) {
    rough(part, function() {
      switch(reg$family$name, categorical = working_category(reg, part$category), cumulative = working_order(reg), working_response(reg))
    })
  }))
  further <- if (!is.null(found[[1L]])) unname(lapply(Filter(function(part) part$dpar != "mu", reg$parts), function(part) {
    rough(part, function() working_parameter(reg, part$dpar, found[[1L]]))
  }))
  all <- function(name) unlist(lapply(c(found, further), `[[`, name), recursive = FALSE)
  list(values = all("values"), centred = all("centred"))
}

# The parts with a linear predictor of the response itself: one, or one a category.
main_parts <- function(reg) Filter(function(part) part$dpar == "mu", reg$parts)

# Cutpoints that give the shares of the categories where the linear predictor is 0.
start_cutpoints <- function(reg) {
  share <- cumulative_shares(reg)
  if (reg$family$link == "probit") stats::qnorm(share) else stats::qlogis(share)
}

cumulative_shares <- function(reg) {
  share <- cumsum(tapply(prior_weights(reg), factor(reg$response$y, seq_along(reg$response$levels)), sum, default = 0) + 0.5)
  unname(share[-length(share)] / share[length(share)])
}

# ---- a working model ------------------------------------------------------------------------------------------------------

# `linearise`: at a linear predictor eta, the working response z and its weights. `valid`: whether eta is within its range. With weights w,
# a first eta and whether the dispersion is free. Of a response with a mean: y, first means mu, variance function and range beside.
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
    work[c("lower", "free")] <- list(0, family$name != "exponential")
  } else {
    if (family$name == "lognormal") y <- log(y)
    work <- c(list(y = y, mu = if (family$link == "identity") y else pmax(y, stats::median(abs(y)) / 10), variance = function(mu) rep(1, length(mu))), work)
  }
  work$w <- w
  work$center <- if (family$link == "identity") sum(w * work$y) / sum(w) else sum(w * work$mu) / sum(w)
  work <- complete_work(work)
  if (any(reg$response$status != 0)) working_censored(reg, work) else work
}

# With censored rows: scores and curvatures of the rows' own log densities and log tails, since a censored row says less than an observed one. The
# dispersion is led to where the squares of the scores sum up to what the curvatures do, less the share of the rows' freedom that the effects have used.
working_censored <- function(reg, work) {
  response <- reg$response
  dist <- family_dist(reg$family, !is.null(response$precision))
  name <- as.character(dist[[1L]])
  density <- oracle_log_density[[name]]
  cdf <- oracle_log_cdf[[name]]
  if (is.null(density) || is.null(cdf)) return(work)
  w <- if (is.null(response$precision)) work$w else 1 + 0 * work$y
  n <- length(response$y)
  if (work$free) work$dispersion <- max(stats::var(work$eta) * mean(linearised(work, work$eta)$weight), 1e-8, na.rm = TRUE)
  at <- function(eta, dispersion) {
    values <- list(eta = eta, mu = work$inverse(eta), weights = response$precision, sigma = sqrt(dispersion), df = 10,
                   shape = if (reg$family$name == "weibull") 1 / sqrt(dispersion) else 1 / dispersion)
    args <- lapply(as.list(dist)[-1L], function(e) rep_len(eval(e, values), n))
    tail <- ifelse(response$status == 1, cdf(response$y, args, FALSE), cdf(response$y, args, TRUE))
    w * ifelse(response$status == 0, density(response$y, args, n, 1L), tail)
  }
  work$linearise <- function(eta, dispersion) {
    whole <- linearised(work, eta)$weight / dispersion # were all rows observed
    h <- 0.05 / sqrt(whole)
    up <- at(eta + h, dispersion)
    down <- at(eta - h, dispersion)
    score <- (up - down) / (2 * h)
    curvature <- (2 * at(eta, dispersion) - up - down) / h^2
    lost <- !is.finite(score) | !is.finite(curvature)
    score[lost] <- 0
    curvature <- pmin(pmax(ifelse(lost, 0, curvature), whole / 20), 20 * whole)
    list(z = eta + score / curvature, weight = curvature * dispersion, excess = sum(score^2) / sum(curvature))
  }
  work
}

complete_work <- function(work) {
  work$eta <- work$link(work$mu)
  work$linearise <- function(eta, dispersion) linearised(work, eta)
  work$valid <- function(eta) {
    mu <- work$inverse(eta)
    all(is.finite(mu) & mu > work$lower & mu < work$upper)
  }
  work
}

# One category against the first.
working_category <- function(reg, category) {
  logistic <- stats::binomial()
  y <- as.double(reg$response$levels[reg$response$y] == category)
  complete_work(list(
    y = y, w = prior_weights(reg) * (y | reg$response$y == 1), mu = (y + 0.5) / 2, variance = logistic$variance, lower = 0, upper = 1,
    free = FALSE, link = logistic$linkfun, inverse = logistic$linkinv, slope = logistic$mu.eta
  ))
}

# Ordered categories: Fisher scoring for eta, after a step that leads the cutpoints to where the expected shares of the categories are the
# observed ones.
working_order <- function(reg) {
  probit <- reg$family$link == "probit"
  F <- if (probit) stats::pnorm else stats::plogis
  f <- if (probit) stats::dnorm else stats::dlogis
  y <- reg$response$y
  w <- prior_weights(reg)
  share <- cumulative_shares(reg)
  cutpoints <- start_cutpoints(reg)
  at_cutpoints <- function(g, eta) matrix(g(rep(cutpoints, each = length(eta)) - eta), length(eta))
  linearise <- function(eta, dispersion) {
    cutpoints <<- cutpoints + (share * sum(w) - colSums(w * at_cutpoints(F, eta))) / colSums(w * at_cutpoints(f, eta))
    below <- at_cutpoints(F, eta)
    p <- pmax(cbind(below, 1) - cbind(0, below), 1e-10)
    slope <- at_cutpoints(f, eta)
    slope <- cbind(0, slope) - cbind(slope, 0) # of p in eta
    information <- pmax(rowSums(slope^2 / p), 1e-10)
    own <- cbind(seq_along(y), y)
    list(z = eta + slope[own] / p[own] / information, weight = pmax(w * information, 1e-10))
  }
  valid <- function(eta) all(is.finite(eta)) && !is.unsorted(cutpoints, strictly = TRUE)
  list(y = y, w = w, eta = 0 * y, free = FALSE, linearise = linearise, valid = valid, values = function() list(cutpoints = cutpoints))
}

# A parameter of the distribution on its link, the means and the other parameters being what the rough fit of the response has left: each
# step is Newton's with the mean curvature of the rows, since that of a single one may be nothing.
working_parameter <- function(reg, name, found) {
  response <- reg$response
  dist <- family_dist(reg$family, !is.null(response$precision))
  density <- oracle_log_density[[as.character(dist[[1L]])]]
  if (is.null(density) || !is.null(response$lower) || !is.null(response$upper) || any(response$status != 0)) stop("no rough fit")
  y <- response$y
  w <- if (is.null(response$precision)) prior_weights(reg) else 1 + 0 * y
  values <- list(eta = found$eta, mu = reg$family$object$linkinv(found$eta), size = response$size, weights = response$precision,
                 sigma = sqrt(found$dispersion), shape = 1, phi = 10, df = 10, zi = 0.1)
  inverse <- function(eta) eval(inverse_links[[parameter_links[[name]]]], list(eta = eta)) + if (name == "df") 1 else 0
  at <- function(eta) {
    values[[name]] <- inverse(eta + 0 * y)
    density(y, lapply(as.list(dist)[-1L], eval, values), length(y), 1L)
  }
  total <- function(eta) max(sum(w * at(eta)), -1e300, na.rm = TRUE)
  constant <- stats::optimize(total, c(-10, 10), maximum = TRUE)$maximum
  h <- 0.01
  linearise <- function(eta, dispersion) {
    up <- at(eta + h)
    down <- at(eta - h)
    curvature <- sum(w * (2 * at(eta) - up - down)) / h^2 / sum(w)
    curvature <- max(curvature, sum(w * ((up - down) / (2 * h))^2) / sum(w) / 10)
    list(z = eta + (up - down) / (2 * h) / curvature, weight = w * curvature)
  }
  list(y = y, w = w, eta = constant + 0 * y, free = FALSE, linearise = linearise, valid = function(eta) all(is.finite(at(eta))))
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

# Values for Intercept, b, sigma or cutpoints and the sites of groups and smooths, with the linear predictor and the dispersion; NULL when the steps lead nowhere. Each step solves for the
# population effects with the coefficients of smooths, then for one group after the other, and moves the variances by EM.
rough_fit <- function(reg, part, work, steps = 30L) {
  at <- part$at
  main <- part$dpar == "mu"
  known <- Reduce(`+`, Filter(Negate(is.null), list(at$offset, if (main) reg$response$offset)), 0) + 0 * work$y
  X <- if (part$own_intercept) cbind(1, at$X) else at$X
  p <- ncol(X)
  smooths <- start_smooths(at$smooths, p)
  X <- do.call(cbind, c(list(X), unname(at$smooths)))
  blocks <- Map(function(block, at) start_block(block, at$index, at$Z), part$groups, at$groups)
  eta <- work$eta
  dispersion <- if (is.null(work$dispersion)) 1 else work$dispersion
  used <- 0
  effects <- rep(list(0), length(blocks))
  beta <- numeric()
  line <- NULL
  for (step in seq_len(steps)) {
    if (is.null(line) || step <= 8L || step %% 4L == 0L) {
      line <- work$linearise(eta, dispersion)
      if (work$free && !is.null(line$excess)) dispersion <- dispersion * min(max(line$excess / (1 - used), 0.2), 5)
      XWX <- crossprod(X, line$weight * X)
    }
    z <- line$z - known
    groups <- Reduce(`+`, effects, 0)
    fixed <- 0
    if (ncol(X)) {
      penalty <- c(start_penalty(part, reg, dispersion), smooth_penalty(smooths, XWX))
      beta <- ridge(XWX, crossprod(X, line$weight * (z - groups)), penalty)
      fixed <- drop(X %*% beta)
    }
    if (work$free && is.null(line$excess)) {
      left <- sum(line$weight * (z - groups - fixed)^2) / sum(work$w > 0)
      # EM's, where effects are nearly as many as rows; its slow steps would elsewhere be for nothing
      dispersion <- left + if (used > 0.7) used * dispersion else 0
    }
    if (length(smooths)) smooths <- step_smooths(smooths, beta, XWX, penalty, dispersion)
    # coarse groups first: what they share would else go to the finer ones
    for (k in order(vapply(blocks, `[[`, 0L, "J"))) {
      blocks[[k]] <- step_block(blocks[[k]], z - fixed - Reduce(`+`, effects[-k], 0), line$weight, dispersion)
      effects[[k]] <- blocks[[k]]$effect
    }
    used <- min(sum(vapply(blocks, `[[`, 0, "used")) / length(work$y), 0.95)
    eta <- known + fixed + Reduce(`+`, effects, 0)
  }
  if (!work$valid(eta)) return(NULL)
  b <- beta[seq_len(p)][if (part$own_intercept) -1L else TRUE]
  values <- list()
  if (part$own_intercept) values[[paste0("Intercept", part$suffix)]] <- beta[1L]
  if (length(b)) values[[paste0("b", part$suffix)]] <- c(b, rep(0, length(part$wide$columns)))
  values <- c(values, if (!is.null(work$values)) work$values(),
              if (main) start_spread(reg, dispersion, work$inverse(eta), used),
              unlist(lapply(blocks, block_values), recursive = FALSE), unlist(unname(lapply(smooths, smooth_values)), recursive = FALSE))
  centred <- c(stats::setNames(lapply(blocks, block_centred), vapply(blocks, `[[`, "", "id")), lapply(smooths, `[[`, "centred"))
  list(values = values, centred = Filter(Negate(is.null), centred), eta = eta, dispersion = dispersion)
}

# sigma, shape or phi that give the dispersion at means mu, of which the effects have used a share.
start_spread <- function(reg, dispersion, mu, used) {
  family <- reg$family$name
  if (family == "lognormal" || reg$family$table$response == "real") return(list(sigma = sqrt(dispersion)))
  spread <- dispersion / (1 - used)
  size <- if (is.null(reg$response$size)) 1 else mean(reg$response$size)
  switch(family, Gamma = list(shape = 1 / spread), weibull = list(shape = 1 / sqrt(spread)), inverse.gaussian = list(shape = mean(mu) / spread),
         negbinomial = , zero_inflated_negbinomial = list(shape = mean(mu) / max(spread - 1, 0.1)), beta = list(phi = max(1 / spread - 1, 1)),
         beta_binomial = list(phi = max((size - 1) / max(spread - 1, 0.1) - 1, 1)))
}

# The precision of the default priors, in units of the dispersion: it holds separated or dependent columns.
start_penalty <- function(part, reg, dispersion) {
  s <- if (part$dpar == "mu" && is_scaled(reg$family)) max(stats::sd(reg$response$y), 1e-8) else 1
  c(if (part$own_intercept) 0, (part$sd / (2.5 * s))^2 * dispersion)
}

ridge <- function(XWX, XWz, penalty) {
  diag(XWX) <- diag(XWX) + penalty + 1e-10 * mean(diag(XWX))
  drop(solve(XWX, XWz))
}

# ---- smooths --------------------------------------------------------------------------------------------------------------

# The coefficients of a smooth are K effects with one variance; `at` are their columns, after the p of the population effects.
start_smooths <- function(matrices, p) {
  ends <- p + cumsum(vapply(matrices, ncol, 0L))
  Map(function(id, K, end) list(id = id, at = end - K + seq_len(K)), names(matrices), vapply(matrices, ncol, 0L), ends)
}

# Their precision in units of the dispersion.
smooth_penalty <- function(smooths, XWX) {
  unlist(lapply(smooths, function(s) rep(if (is.null(s$lambda)) mean(diag(XWX)[s$at]) / 5 else s$lambda, length(s$at))), use.names = FALSE)
}

step_smooths <- function(smooths, beta, XWX, penalty, dispersion) {
  left <- dispersion * diag(chol2inv(chol(XWX + diag(penalty, length(penalty)))))
  lapply(smooths, function(s) {
    s$r <- beta[s$at]
    variance <- mean(s$r^2 + left[s$at])
    s$sd <- sqrt(variance)
    s$lambda <- dispersion / variance
    information <- diag(XWX)[s$at]
    s$centred <- round(information / (information + s$lambda), 2L)
    s
  })
}

smooth_values <- function(s) stats::setNames(list(s$sd, s$r * s$sd^(s$centred - 1)), paste0(c("sd_", "z_"), s$id))

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
  if (is.null(block$covariance)) block$covariance <- diag(1 / pmax(vapply(seq_len(K), function(k) mean(precision[, k, k]) / 5, 0), 1e-12), K)
  prior <- solve(block$covariance)
  for (i in seq_len(K)) for (j in seq_len(K)) precision[, i, j] <- precision[, i, j] + prior[i, j]
  V <- invert_all(precision)
  r <- matrix(0, J, K)
  for (i in seq_len(K)) for (j in seq_len(K)) r[, i] <- r[, i] + V[, i, j] * sums[, K * K + j]
  covariance <- (crossprod(r) + colSums(V)) / J
  if (!block$correlated) covariance <- diag(diag(covariance), K)
  block$used <- J * K - sum(colSums(V) * prior)
  block$left <- vapply(seq_len(K), function(k) V[, k, k] / block$covariance[k, k], numeric(J))
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

# The share of each effect's variance that the data take away, to two digits: J, J x K, or K for correlated effects. These are non-centred when a column says little; of three
# columns and more the shares must be larger: with hundreds of effects the climb to the mode else ends where those of one column are all but 0.
block_centred <- function(block) {
  share <- 1 - matrix(block$left, block$J)
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
