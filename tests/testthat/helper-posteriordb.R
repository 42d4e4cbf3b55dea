# The 19 models of posteriordb/, stated as their notation says, and how their data map. `parameters` of a case are in Stan's order of
# declaration.

posteriordb_case <- function(name) readRDS(test_path("posteriordb", paste0(name, ".rds")))

posteriordb_models <- function() {
  list(
    `GLMM_Poisson_data-GLMM_Poisson_model` = list(model = model({
      alpha ~ uniform(-20, 20)
      beta1 ~ uniform(-10, 10)
      beta2 ~ flat(-10, 20)
      beta2 ~ uniform(-10, 10)
      beta3 ~ uniform(-10, 10)
      sigma ~ uniform(0, 5)
      eps   ~ normal(0, sigma, dim = n)
      C     ~ poisson_log(alpha + beta1 * year + beta2 * year^2 + beta3 * year^3 + eps)
    })),
    `arK-arK` = list(model = model({
      alpha ~ normal(0, 10)
      beta  ~ normal(0, 10, dim = K)
      sigma ~ half_cauchy(2.5)
      for (t in (K + 1):T) {
        mu <- alpha
        for (k in 1:K) mu <- mu + beta[k] * y[t - k]
        y[t] ~ normal(mu, sigma)
      }
    })),
    `diamonds-diamonds` = list(model = model({
      b         ~ normal(0, 1, dim = ncol(Xc))
      Intercept ~ student_t(3, 8, 10)
      sigma     ~ half_student_t(3, 10)
      Y         ~ normal(Intercept + Xc %*% b, sigma)
    }), data = function(d) c(d, list(Xc = sweep(d$X[, -1], 2, colMeans(d$X[, -1]))))),
    `dogs-dogs` = list(model = model({
      beta ~ normal(0, 100, dim = 3)
      y    ~ bernoulli_logit(beta[1] + beta[2] * avoid + beta[3] * shock)
    }), data = function(d) {
      before <- function(m) t(apply(m, 1, function(x) c(0, cumsum(x)[-length(x)])))
      c(d, list(avoid = before(1 - d$y), shock = before(d$y)))
    }),
    `earnings-logearn_interaction` = list(model = model({
      beta  ~ flat(dim = 4)
      sigma ~ flat(lower = 0)
      log(earn) ~ normal(beta[1] + beta[2] * height + beta[3] * male + beta[4] * height * male, sigma)
    })),
    `eight_schools-eight_schools_centered` = list(model = model({
      mu    ~ normal(0, 5)
      tau   ~ half_cauchy(5)
      theta ~ normal(mu, tau, dim = J)
      y     ~ normal(theta, sigma)
    })),
    `eight_schools-eight_schools_noncentered` = list(model = model({
      mu          ~ normal(0, 5)
      tau         ~ half_cauchy(5)
      theta_trans ~ normal(0, 1, dim = J)
      theta       <- mu + tau * theta_trans
      y           ~ normal(theta, sigma)
    })),
    `garch-garch11` = list(model = model({
      mu     ~ flat()
      alpha0 ~ flat(lower = 0)
      alpha1 ~ flat(0, 1)
      beta1  ~ flat(0, 1 - alpha1)
      s[1]   <- sigma1
      for (t in 2:T) s[t] <- sqrt(alpha0 + alpha1 * (y[t - 1] - mu)^2 + beta1 * s[t - 1]^2)
      y      ~ normal(mu, s)
    })),
    `gp_pois_regr-gp_pois_regr` = list(model = model({
      rho     ~ gamma(25, 4)
      alpha   ~ half_normal(2)
      f_tilde ~ normal(0, 1, dim = N)
      K <- alpha^2 * exp(-outer(x, x, "-")^2 / (2 * rho^2)) + 1e-10 * diag(N)
      f <- t(chol(K)) %*% f_tilde
      k       ~ poisson_log(f)
    })),
    `hmm_example-hmm_example` = list(model = model({
      theta1 ~ dirichlet(1, dim = K)
      theta2 ~ dirichlet(1, dim = K)
      mu     ~ ordered(normal(c(3, 10), 1), lower = 0)
      log_theta <- log(rbind(theta1, theta2))
      g <- -(y[1] - mu)^2 / 2 - log(2 * pi) / 2
      for (t in 2:N) g <- c(log_sum_exp(g + log_theta[, 1]), log_sum_exp(g + log_theta[, 2])) - (y[t] - mu)^2 / 2 - log(2 * pi) / 2
      target(log_sum_exp(g))
    })),
    `kidiq-kidscore_momhsiq` = list(model = model({
      beta  ~ flat(dim = 3)
      sigma ~ half_cauchy(2.5)
      kid_score ~ normal(beta[1] + beta[2] * mom_hs + beta[3] * mom_iq, sigma)
    })),
    `kilpisjarvi_mod-kilpisjarvi` = list(model = model({
      alpha ~ normal(pmualpha, psalpha)
      beta  ~ normal(pmubeta, psbeta)
      sigma ~ flat(lower = 0)
      y     ~ normal(alpha + beta * x, sigma)
    })),
    `low_dim_gauss_mix-low_dim_gauss_mix` = list(model = model({
      mu    ~ ordered(normal(0, 2), dim = 2)
      sigma ~ half_normal(2, dim = 2)
      theta ~ beta(5, 5)
      y     ~ mixture(c(theta, 1 - theta), normal(mu[1], sigma[1]), normal(mu[2], sigma[2]))
    })),
    `mesquite-logmesquite_logvas` = list(model = model({
      beta  ~ flat(dim = 7)
      sigma ~ flat(lower = 0)
      log(weight) ~ normal(beta[1] + beta[2] * log(diam1 * diam2 * canopy_height) + beta[3] * log(diam1 * diam2) + beta[4] * log(diam1 / diam2) +
                             beta[5] * log(total_height) + beta[6] * log(density) + beta[7] * group, sigma)
    })),
    `nes1992-nes` = list(model = model({
      beta  ~ flat(dim = 9)
      sigma ~ flat(lower = 0)
      X     <- cbind(1, real_ideo, race_adj, age_discrete == 2, age_discrete == 3, age_discrete == 4, educ1, gender, income)
      partyid7 ~ normal(X %*% beta, sigma)
    })),
    `radon_mn-radon_variable_intercept_noncentered` = list(model = model({
      mu_alpha    ~ normal(0, 10)
      beta        ~ normal(0, 10)
      sigma_alpha ~ half_normal(1)
      sigma_y     ~ half_normal(1)
      alpha_raw   ~ normal(0, 1, dim = J)
      alpha       <- mu_alpha + sigma_alpha * alpha_raw
      log_radon   ~ normal(alpha[county_idx] + beta * floor_measure, sigma_y)
    })),
    `sblrc-blr` = list(model = model({
      beta  ~ normal(0, 10, dim = D)
      sigma ~ half_normal(10)
      y     ~ normal(X %*% beta, sigma)
    })),
    `seeds_data-seeds_centered_model` = list(model = model({
      alpha0  ~ normal(0, 1)
      alpha1  ~ normal(0, 1)
      alpha12 ~ normal(0, 1)
      alpha2  ~ normal(0, 1)
      sigma   ~ half_cauchy(1)
      c       ~ normal(0, sigma, dim = I)
      b       <- c - mean(c)
      n       ~ binomial_logit(N, alpha0 + alpha1 * x1 + alpha2 * x2 + alpha12 * x1 * x2 + b)
    })),
    `wells_data-wells_interaction_c_model` = list(model = model({
      alpha ~ flat()
      beta  ~ flat(dim = 3)
      d     <- (dist - mean(dist)) / 100
      a     <- arsenic - mean(arsenic)
      switched ~ bernoulli_logit(alpha + beta[1] * d + beta[2] * a + beta[3] * d * a)
    }))
  )
}

# log density of a case, and where Stan's coordinates stand among ours.
posteriordb_density <- function(name) {
  case <- posteriordb_case(name)
  m <- posteriordb_models()[[name]]
  compiled_data <- if (is.null(m$data)) case$data else m$data(case$data)
  f <- log_density(m$model, compiled_data)
  sites <- fullrank:::compile_model(m$model, compiled_data)$sites
  order <- unlist(lapply(case$parameters, function(p) {
    sites[[p$name]]$offset + seq_len(sites[[p$name]]$free)
  }), use.names = FALSE)
  list(case = case, f = f, order = order)
}
