# natural(): arrives, resumes to the bit, survives what is not finite, and says the truth.

quiet_fit <- function(...) fullrank(..., progress = FALSE)
state_of <- function(fit) fit[c("status", "steps", "gradient_evaluations", "elbo", "gap", "gap_se", "state")]
normal_part <- function(fit) fit$guide[c("loc", "scale", "scale_tril")]

# N(mean, S) with a covariance of the given condition, its coordinates on scales from 1e-3 to 1e5.
gaussian_case <- function(d, condition, scales = rep(1, d)) {
  set.seed(d)
  Q <- qr.Q(qr(matrix(rnorm(d * d), d)))
  root <- scales * Q %*% diag(condition^(seq(0, 1, length.out = d) / 2))
  list(W = solve(root), S = tcrossprod(root), at = scales * rnorm(d), d = d)
}
gaussian_model <- model({
  x ~ flat(dim = d)
  target(-sum((W %*% (x - at))^2) / 2)
})

test_that("a Gaussian of condition 1e6 is found exactly, in few gradients", {
  for (d in c(1, 5, 30, 100)) {
    case <- gaussian_case(d, 1e6)
    fit <- quiet_fit(gaussian_model, case, seed = 1)
    expect_identical(fit$status, "converged")
    expect_lte(fit$gradient_evaluations, d + 1000)
    # the gap to the exact posterior: KL divergence of two Normals
    L <- posterior(fit)$scale_tril
    white <- solve(t(chol(case$S)))
    A <- white %*% L
    r <- white %*% (coef(fit) - case$at)
    kl <- (sum(A^2) + sum(r^2) - d) / 2 - sum(log(abs(diag(qr.R(qr(A))))))
    expect_lt(kl, 0.01)
  }
})

test_that("scales of 1e5 beside 1e-3 do not upset the start", {
  case <- gaussian_case(6, 100, scales = 10^c(5, -3, 0, 3, -2, 1))
  fit <- quiet_fit(gaussian_model, case, seed = 2)
  expect_identical(fit$status, "converged")
  expect_lt(max(abs(coef(fit) - case$at) / sqrt(diag(case$S))), 0.1)
  expect_lt(max(abs(log(sqrt(diag(vcov(fit)) / diag(case$S))))), 0.1)
})

test_that("the optima of Pyro's models are reached from a cold start", {
  reference <- read_compressed("converged")
  models <- reference_models()
  elbo_models <- read_compressed("elbo")$models
  names(elbo_models) <- vapply(elbo_models, `[[`, "", "name")
  for (ref in reference$models) {
    m <- models[[ref$name]]
    if (is.null(m)) next
    for (seed in 1:3) {
      fit <- quiet_fit(m, ref_data(elbo_models[[ref$name]]$data), seed = seed)
      expect_identical(fit$status, "converged", info = ref$name)
      at <- elbo(fit, 20000, seed = 3)
      expect_gt(at$elbo, ref$elbo - 0.02 - 4 * at$se - 3 * ref$elbo_se)
      # 0.02 nat leave 0.2 sd where the ELBO curves as the density does, and more where it is flatter, as where the weights differ
      expect_lt(max(abs(coef(fit) - ref_vector(ref$loc)) / ref_vector(ref$sd)), if (fit$log_weight_sd < 0.3) 0.3 else 1)
    }
  }
})

schools <- list(J = 8, y = c(28, 8, -3, 7, -1, 1, 18, 12), s = c(15, 10, 16, 11, 9, 11, 10, 18))
centred <- reference_models()$eight_schools_centered

test_that("a run broken off anywhere and saved goes on to the same bits", {
  whole <- quiet_fit(centred, schools, seed = 4)
  expect_identical(whole$status, "converged")
  for (at in unique(round(seq(1, whole$steps - 1, length.out = 6)))) {
    part <- quiet_fit(centred, schools, seed = 4, steps = at)
    expect_identical(part$status, "fixed_steps")
    file <- tempfile()
    saveRDS(part, file)
    on <- update(readRDS(file), progress = FALSE)
    unlink(file)
    expect_identical(normal_part(on), normal_part(whole))
    expect_identical(state_of(on)[c("status", "steps", "gap", "state")], state_of(whole)[c("status", "steps", "gap", "state")])
  }
})

# A verdict that is no claim beyond what is known: a status, a finite guide, no "converged" where draws keep failing, and the print says so.
expect_true_status <- function(fit) {
  off <- mean(!is.finite(fit$log_weights))
  expect_true(fit$status %in% c("converged", "budget_exhausted", "diverged"))
  expect_true(all(is.finite(c(coef(fit), vcov(fit)))))
  expect_false(fit$status == "converged" && off > 0.03)
  shown <- paste(trimws(utils::capture.output(print(fit))), collapse = " ")
  expect_match(shown, switch(fit$status, converged = "^Converged", budget_exhausted = "^NOT CONVERGED", diverged = "^DIVERGED"))
  if (off > 0) expect_match(shown, "WARNING: the log density is not finite at [0-9,]+ of [14],000 fresh draws")
}

test_that("a density that is NaN in a half-space ends with a true status, and the site is named", {
  half <- model({
    x ~ normal(0, 1, dim = 3)
    z ~ normal(x[1], 1)
    y ~ normal(0 * log(x[1] - edge) + z, 1)
  })
  # from most of the posterior's mass to nearly none
  for (edge in c(1, 0, -1, -2, -5)) {
    fit <- quiet_fit(half, list(y = 0.5, edge = edge), init = init_to_value(list(x = c(edge + 1.5, 0, 0), z = 0)), seed = 1)
    expect_true_status(fit)
    expect_identical(fit$nonfinite[c("x", "z")], c(x = 0L, z = 0L))
    if (edge >= -2) expect_gt(diagnostics(fit)$nonfinite[["y"]], 0)
    if (edge >= -1) expect_false(fit$status == "converged")
  }
  expect_identical(fit$status, "converged")
})

test_that("the log of a latent that may go negative, and a root whose gradient has no end", {
  log_of <- model({
    x ~ normal(1, 1)
    w ~ normal(0, 1)
    y ~ normal(log(x) + w, 1)
  })
  root <- model({
    v ~ normal(0, 3)
    x ~ normal(0, exp(v / 2), dim = 4)
    target(0.1 * sqrt(2 - v))
  })
  for (seed in 1:4) {
    for (fit in list(quiet_fit(log_of, list(y = c(0.2, -0.4)), seed = seed), quiet_fit(root, seed = seed))) expect_true_status(fit)
    fit <- quiet_fit(log_of, list(y = c(0.2, -0.4)), seed = seed, optimizer = adam(lr = 0.05), max_steps = 2000)
    expect_true_status(fit)
    expect_gt(fit$nonfinite[["y"]], 0)
  }
})

test_that("an interrupt keeps the fit so far, and update() goes on to the same bits", {
  grow <- model({
    x ~ flat(dim = d)
    target(sum(2 * x - exp(x)))
  })
  whole <- quiet_fit(grow, list(d = 230), seed = 1)
  expect_identical(whole$status, "converged")
  sink(nullfile(), type = "output")
  on.exit({
    setTimeLimit()
    sink(type = "output")
  })
  # somewhere on the way; the machine decides where
  for (share in c(0.1, 0.4, 0.7)) {
    setTimeLimit(elapsed = max(share * whole$seconds, 0.05), transient = TRUE)
    fit <- tryCatch(quiet_fit(grow, list(d = 230), seed = 1), error = function(e) NULL)
    setTimeLimit()
    if (is.null(fit) || fit$status == "converged") next
    expect_identical(fit$status, "interrupted")
    expect_match(printed(fit, n = 1)[1], "^NOT CONVERGED: interrupted after")
    expect_identical(state_of(update(fit, progress = FALSE))[c("status", "steps", "gap", "state")], state_of(whole)[c("status", "steps", "gap", "state")])
  }
})

test_that("a budget that ends early says so", {
  fit <- quiet_fit(centred, schools, seed = 1, max_steps = 5)
  expect_identical(fit$status, "budget_exhausted")
  expect_identical(fit$steps, 5)
})

test_that("svi_step() takes natural() as it takes the others", {
  case <- gaussian_case(4, 10)
  g <- guide(gaussian_model, case, seed = 1)
  before <- elbo(g, 2000, seed = 1)$elbo
  for (k in 1:200) g <- svi_step(g, natural(), particles = 16)
  expect_gt(elbo(g, 2000, seed = 1)$elbo, before)
  expect_lt(max(abs(g$loc - case$at) / sqrt(diag(case$S))), 0.2)
})

test_that("hundreds of effects that share a scale don't end in the throat of the funnel", {
  set.seed(1)
  J <- 250
  g <- rep(seq_len(J), 4)
  y <- 0.3 + rnorm(J)[g] + rnorm(4 * J)
  m <- model({
    mu    ~ normal(0, 5)
    tau   ~ half_normal(2)
    sigma ~ half_normal(2)
    u     ~ normal(0, tau, dim = J)
    y     ~ normal(mu + u[g], sigma)
  })
  fit <- fullrank(m, list(y = y, g = g, J = J), seed = 1, progress = FALSE)
  # analysis of variance; the priors hardly matter
  within <- sqrt(sum((y - ave(y, g))^2) / (3 * J))
  between <- sqrt(var(tapply(y, g, mean)) - within^2 / 4)
  expect_equal(exp(coef(fit)[["tau"]]), between, tolerance = 0.05)
  expect_equal(exp(coef(fit)[["sigma"]]), within, tolerance = 0.05)
})

test_that("of two explanations of spread, groups and counts, the better is found, though effects and their mean share curvature", {
  set.seed(300)
  J <- 300
  g <- rep(seq_len(J), each = 5)
  effect <- rnorm(J, 0, 0.7)
  y <- rnbinom(5 * J, mu = exp(0.5 + effect[g]), size = 2)
  m <- model({
    mu  ~ normal(0, 2)
    s   ~ half_normal(1)
    phi ~ half_normal(5)
    u   ~ normal(mu, s, dim = J)
    y   ~ neg_binomial_log(u[g], phi)
  })
  fit <- fullrank(m, list(y = y, g = g, J = J), seed = 1, progress = FALSE)
  expect_equal(fit$status, "converged")
  found <- as.data.frame(summary(fit))[c("mu", "s", "phi"), ]
  expect_true(all(abs(found$mean - c(0.5, 0.7, 2)) < 3 * found$sd)) # what the counts were drawn with
})

# The 30 rats of BUGS (Gelfand, Hills, Racine-Poon and Smith 1990), whose weights are known in all textbooks; here with flat priors on the
# three scales, as posteriordb has it. The expected values are those of the OpenBUGS examples, volume 1.
test_that("the rats end where BUGS does, and not in the throat of their funnel", {
  weights <- c(151, 145, 147, 155, 135, 159, 141, 159, 177, 134, 160, 143, 154, 171, 163, 160, 142, 156, 157, 152, 154, 139, 146, 157, 132, 160, 169, 157, 137, 153,
               199, 199, 214, 200, 188, 210, 189, 201, 236, 182, 208, 188, 200, 221, 216, 207, 187, 203, 212, 203, 205, 190, 191, 211, 185, 207, 216, 205, 180, 200,
               246, 249, 263, 237, 230, 252, 231, 248, 285, 220, 261, 220, 244, 270, 242, 248, 234, 243, 259, 246, 253, 225, 229, 250, 237, 257, 261, 248, 219, 244,
               283, 293, 312, 272, 280, 298, 275, 297, 350, 260, 313, 273, 289, 326, 281, 288, 280, 283, 307, 286, 298, 267, 272, 285, 286, 303, 295, 289, 258, 286,
               320, 354, 328, 297, 323, 331, 305, 338, 376, 296, 352, 314, 325, 358, 312, 324, 316, 317, 336, 321, 334, 302, 302, 323, 331, 345, 333, 316, 291, 324)
  rats <- list(y = weights, rat = rep(1:30, 5), x = rep(c(8, 15, 22, 29, 36), each = 30))
  m <- model({
    mu_alpha    ~ normal(0, 100)
    mu_beta     ~ normal(0, 100)
    sigma       ~ flat(lower = 0)
    sigma_alpha ~ flat(lower = 0)
    sigma_beta  ~ flat(lower = 0)
    alpha  ~ normal(mu_alpha, sigma_alpha, dim = 30)
    beta   ~ normal(mu_beta, sigma_beta, dim = 30)
    alpha0 <- mu_alpha - 22 * mu_beta
    y      ~ normal(alpha[rat] + beta[rat] * (x - 22), sigma)
  })
  for (seed in c(2, 3, 10)) {
    fit <- quiet_fit(m, rats, seed = seed, keep = "alpha0")
    expect_identical(fit$status, "converged")
    s <- as.data.frame(summary(fit))
    found <- s[match(c("alpha0", "mu_beta", "sigma"), s$variable), ]
    bugs <- list(mean = c(106.6, 6.186, 6.093), sd = c(3.66, 0.1088, 0.4643))
    expect_lt(max(abs(found$mean - bugs$mean) / bugs$sd), 0.25)
    expect_lt(max(abs(log(found$sd / bugs$sd))), 0.3) # the priors of the scales are not quite the same
  }
})

# Votes by region, age and education. The priors' median has standard deviations of 50 on the logit scale, from where a climb ends in a
# throat of the funnel, out of which the ELBO leads slowly.
votes <- local({
  set.seed(1)
  n <- 800
  g <- list(region = sample(20, n, TRUE), age = sample(4, n, TRUE), education = sample(4, n, TRUE), x = rbinom(n, 1, 0.4))
  p <- plogis(-0.2 + 0.5 * g$x + rnorm(20, 0, 0.5)[g$region] + rnorm(4, 0, 0.3)[g$age] + rnorm(4, 0, 0.3)[g$education])
  c(g, list(y = rbinom(n, 1, p)))
})
votes_model <- model({
  sd ~ uniform(0, 100, dim = 3)
  b  ~ normal(0, 100, dim = 2)
  u  ~ normal(0, sd[1], dim = 20)
  v  ~ normal(0, sd[2], dim = 4)
  w  ~ normal(0, sd[3], dim = 4)
  y  ~ bernoulli_logit(b[1] + b[2] * x + u[region] + v[age] + w[education])
})

test_that("a throat of a funnel is not where the climb of a few dozen effects ends", {
  fits <- lapply(1:8, function(seed) quiet_fit(votes_model, votes, seed = seed))
  gradients <- vapply(fits, function(fit) fit$gradient_evaluations, 0)
  elbos <- vapply(fits, function(fit) elbo(fit, 8000, seed = 1)$elbo, 0)
  expect_true(all(vapply(fits, function(fit) fit$status == "converged", NA)))
  expect_lt(diff(range(elbos)), 0.06)
  expect_lt(stats::median(gradients), 9000)
  expect_lt(max(gradients), 20000)
})

# The climb follows the falcons' year effects into the throat of their funnel, where the ELBO is 5 nats below the optimum and hardly rises.
falcons <- local({
  name <- "GLMM_Poisson_data-GLMM_Poisson_model"
  m <- posteriordb_models()[[name]]
  data <- posteriordb_case(name)$data
  list(model = m$model, data = if (is.null(m$data)) data else m$data(data))
})

test_that("deep in a throat is not where a run goes on from when a Normal further out leads to a better one", {
  fits <- lapply(c(3, 4, 5, 7, 11, 12), function(seed) quiet_fit(falcons$model, falcons$data, seed = seed))
  expect_true(all(vapply(fits, function(fit) fit$status == "converged", NA)))
  expect_lt(stats::median(vapply(fits, function(fit) fit$gradient_evaluations, 0)), 8000)
  elbos <- vapply(fits, function(fit) elbo(fit, 8000, seed = 1)$elbo, 0)
  expect_lt(diff(range(elbos)), 0.06)
})

test_that("a run broken off while two Normals compete goes on to the same bits", {
  for (seed in 3:12) { # the rounding of the instruction set decides in which of them there are two
    whole <- quiet_fit(falcons$model, falcons$data, seed = seed)
    begin <- whole$phases$step[match("batch and match", whole$phases$phase)]
    end <- whole$phases$step[match("natural gradient", whole$phases$phase)]
    if (isTRUE(end - begin > 16)) break # more than one of them takes
  }
  expect_gt(end - begin, 16)
  for (at in round(seq(begin - 3, end, length.out = 8))) {
    on <- update(quiet_fit(falcons$model, falcons$data, seed = seed, steps = at), progress = FALSE)
    expect_identical(normal_part(on), normal_part(whole))
    expect_identical(state_of(on)[c("status", "steps", "gap", "state")], state_of(whole)[c("status", "steps", "gap", "state")])
  }
})

test_that("a run broken off around the walk that follows a climb goes on to the same bits", {
  whole <- quiet_fit(votes_model, votes, seed = 8)
  warm <- whole$phases$step[2]
  for (at in warm - seq(0, 22, by = 2)) {
    on <- update(quiet_fit(votes_model, votes, seed = 8, steps = at), progress = FALSE)
    expect_identical(normal_part(on), normal_part(whole))
    expect_identical(state_of(on)[c("status", "steps", "gap", "state")], state_of(whole)[c("status", "steps", "gap", "state")])
  }
})

# Yes or no, three times each of 250 people: the throat of the funnel has an optimum of its own, 5 nats below, and leads on along a ridge.
people <- local({
  set.seed(5)
  g <- rep(1:250, each = 3)
  list(g = g, J = 250, y = rbinom(750, 1, plogis(-0.3 + rnorm(250, 0, 0.5)[g])))
})
people_model <- model({
  a  ~ normal(0, 2)
  sd ~ half_normal(2)
  u  ~ normal(0, sd, dim = J)
  y  ~ bernoulli_logit(a + u[g])
})

test_that("hundreds of centred effects end at one optimum", {
  fits <- lapply(1:4, function(seed) quiet_fit(people_model, people, seed = seed))
  expect_true(all(vapply(fits, function(fit) fit$status == "converged", NA)))
  elbos <- vapply(fits, function(fit) elbo(fit, 8000, seed = 1)$elbo, 0)
  expect_lt(diff(range(elbos)), 0.06)
  # the marginal posterior of the scale, by quadrature over each effect
  u <- seq(-8, 8, by = 0.05)
  yes <- tabulate(tapply(people$y, people$g, sum) + 1, 4)
  log_marginal <- function(a, s) {
    p <- plogis(a + s * u)
    sum(yes * log(vapply(0:3, function(k) sum(0.05 * dnorm(u) * p^k * (1 - p)^(3 - k)), 0))) + dnorm(a, 0, 2, log = TRUE) + dnorm(s, 0, 2, log = TRUE)
  }
  grid <- expand.grid(a = seq(-0.7, 0.3, by = 0.05), s = seq(0.02, 2, by = 0.02))
  value <- mapply(log_marginal, grid$a, grid$s)
  weight <- exp(value - max(value)) / sum(exp(value - max(value)))
  at <- c(a = sum(weight * grid$a), s = sum(weight * grid$s))
  spread <- c(sqrt(sum(weight * (grid$a - at[["a"]])^2)), sqrt(sum(weight * (grid$s - at[["s"]])^2)))
  for (fit in fits) expect_lt(max(abs(as.data.frame(summary(fit))$mean[1:2] - at) / spread), 0.8)
})

test_that("a throat does not hold hundreds of effects where there are no fixed draws either", {
  set.seed(5)
  g <- rep(1:520, each = 3)
  data <- list(g = g, J = 520, y = rnorm(length(g), 1 + rnorm(520, 0, 0.5)[g], 1))
  m <- model({
    a  ~ normal(0, 5)
    sd ~ half_cauchy(1)
    s  ~ half_cauchy(1)
    u  ~ normal(0, sd, dim = J)
    y  ~ normal(a + u[g], s)
  })
  fits <- lapply(1:3, function(seed) quiet_fit(m, data, seed = seed))
  expect_true(all(vapply(fits, function(fit) fit$status == "converged", NA)))
  expect_lt(diff(range(vapply(fits, function(fit) elbo(fit, 4000, seed = 1)$elbo, 0))), 0.1)
  # the sd of the groups' means by the analysis of variance
  within <- sum((data$y - ave(data$y, g))^2) / (2 * 520)
  between <- stats::var(tapply(data$y, g, mean)) - within / 3
  for (fit in fits) expect_lt(abs(log(as.data.frame(summary(fit))$mean[2] / sqrt(between))), 0.15)
})

test_that("a run broken off while guides race, or on its way to fixed draws, goes on to the same bits", {
  whole <- quiet_fit(people_model, people, seed = 1)
  begin <- whole$phases$step[match("growing batches", whole$phases$phase)]
  end <- whole$phases$step[match("fixed draws", whole$phases$phase)]
  expect_gt(end - begin, 10)
  expect_true(any(vapply(begin:end, function(at) quiet_fit(people_model, people, seed = 1, steps = at)$state$counters[["racing"]] == 1, NA)))
  for (at in unique(round(c(seq(begin, end, length.out = 8), end + 1:3)))) {
    on <- update(quiet_fit(people_model, people, seed = 1, steps = at), progress = FALSE)
    expect_identical(normal_part(on), normal_part(whole))
    expect_identical(state_of(on)[c("status", "steps", "gap", "state")], state_of(whole)[c("status", "steps", "gap", "state")])
  }
})

# Capture and recapture, each animal with a catchability of its own. Its mode has all catchabilities alike and their spread at its bound.
# R integrates the catchabilities out.
test_that("hundreds of standardised effects don't end at the bound of their scale", {
  set.seed(15)
  p <- c(0.3, 0.6, 0.4, 0.5, 0.2)
  y <- matrix(rbinom(1500, 1, rbinom(300, 1, 0.45) * plogis(outer(rnorm(300), qlogis(p), "+"))), 300)
  y <- y[order(-rowSums(y)), ]
  m <- model({
    omega  ~ uniform(0, 1)
    mean_p ~ uniform(0, 1, dim = 5)
    sigma  ~ uniform(0, 5)
    z      ~ normal(0, 1, dim = 300)
    never  <- which(rowSums(y) == 0)
    lp     <- log(omega) + rowSums(plogis((2 * y - 1) * outer(sigma * z, qlogis(mean_p), "+"), log.p = TRUE))
    target(lp[-never])
    for (i in never) target(log_sum_exp(c(lp[i], log1p(-omega))))
  })
  histories <- apply(y, 1, paste, collapse = "")
  minus_log_posterior <- function(theta) { # omega, mean_p on the logit scale, sigma on that of its bounds
    s <- 5 * plogis(theta[7])
    z <- seq(-8, 8, by = 0.1)
    one <- function(h) {
      h <- as.numeric(strsplit(h, "")[[1]])
      seen <- plogis(theta[1]) * sum(0.1 * dnorm(z) * exp(rowSums(plogis(outer(s * z, theta[2:6], "+") * rep(2 * h - 1, each = length(z)), log.p = TRUE))))
      log(if (any(h == 1)) seen else seen + plogis(-theta[1]))
    }
    kinds <- table(histories)
    -sum(kinds * vapply(names(kinds), one, 0)) - sum(log(plogis(theta)) + log(plogis(-theta)))
  }
  exact <- optim(c(0, qlogis(p), -1), minus_log_posterior, method = "BFGS", hessian = TRUE)
  sd <- sqrt(diag(solve(exact$hessian)))
  for (seed in 2:3) {
    fit <- quiet_fit(m, list(y = y), seed = seed)
    expect_identical(fit$status, "converged")
    expect_lt(max(abs(coef(fit)[1:6] - exact$par[1:6]) / sd[1:6]), 0.5)
  }
})

# Draws of a scale so wide that exp() of the others' overflows: their densities are finite now and then, and then below -1e100.
test_that("a guide whose tails the density does not bear is drawn in, not kept", {
  set.seed(21)
  g <- rep(1:50, each = 4)
  x <- rnorm(200)
  counts <- list(J = 50, g = g, x = x, y = rpois(200, exp(0.5 + 0.3 * x + rnorm(50, sd = 0.5)[g])))
  m <- model({
    b0 ~ normal(0, 5)
    b1 ~ normal(0, 1)
    s  ~ half_normal(1)
    v  ~ normal(0, 1, dim = J)
    y  ~ poisson_log(b0 + b1 * x + s * v[g])
  })
  near <- quiet_fit(m, counts, seed = 1)
  for (seed in c(3, 34)) {
    far <- quiet_fit(m, counts, seed = seed, init = init_to_uniform(radius = 4))
    expect_identical(far$status, "converged")
    expect_lt(abs(far$elbo - near$elbo), 0.1 + 4 * (far$elbo_se + near$elbo_se))
  }
})
