# Log densities, ELBO and gradients against Pyro's numbers from the same draws (reference/elbo.json).

each_reference_model <- function(test) {
  reference <- read_compressed("elbo")
  models <- reference_models()
  expect_setequal(vapply(reference$models, `[[`, "", "name"), names(models))
  for (ref in reference$models) {
    m <- models[[ref$name]]
    data <- ref_data(ref$data)
    test(ref, m, data)
  }
}

at_configuration <- function(g, config) {
  move_guide(g, ref_vector(config$loc), ref_vector(config$scale_unconstrained), ref_matrix(config$scale_tril_unconstrained))
}

draws_of <- function(config) do.call(rbind, lapply(config$draws, function(d) ref_vector(d$eps)))

test_that("coordinates are packed as Pyro packs them", {
  each_reference_model(function(ref, m, data) {
    f <- log_density(m, data)
    expect_equal(f$dim, ref$latent_dim, info = ref$name)
    g <- guide(m, data, seed = 1)
    expect_equal(names(g$compiled$sites), vapply(ref$sites, `[[`, "", "name"), info = ref$name)
    free <- vapply(ref$sites, function(s) prod(unlist(s$unconstrained_shape)), 0)
    expect_equal(vapply(g$compiled$sites, function(s) as.numeric(s$free), 0), free, ignore_attr = TRUE, info = ref$name)
    expect_equal(lapply(g$compiled$sites, function(s) as.integer(s$dim)),
                 lapply(ref$sites, function(s) as.integer(unlist(s$constrained_shape))), ignore_attr = TRUE, info = ref$name)
  })
})

test_that("log joint, terms, Jacobian and constrained values are Pyro's", {
  each_reference_model(function(ref, m, data) {
    f <- log_density(m, data)
    for (config in ref$configurations) {
      g <- at_configuration(guide(m, data, seed = 1), config)
      eps <- draws_of(config)
      L <- g$scale * g$scale_tril
      z <- rep(g$loc, each = nrow(eps)) + eps %*% t(L)
      dimnames(z) <- NULL
      at <- .Call(fullrank:::fullrank_program_eval, g$compiled$program, z, TRUE, TRUE)
      terms <- g$compiled$terms
      for (k in seq_along(config$draws)) {
        draw <- config$draws[[k]]
        what <- paste(ref$name, config$kind, k)
        expect_near(f$fn(z[k, ]), draw$log_joint + draw$log_abs_det_jacobian, label = paste(what, "log density"))
        expect_near(at$log_prob[k], draw$log_joint + draw$log_abs_det_jacobian, label = paste(what, "log density"))
        # a latent site has a term for its Jacobian, then one for its density
        latent <- names(g$compiled$sites)
        jacobian <- match(latent, terms)
        expect_near(sum(at$terms[k, jacobian]), draw$log_abs_det_jacobian, label = paste(what, "Jacobian"))
        density <- at$terms[k, -jacobian]
        expect_near(density, unlist(draw$model_log_prob), label = paste(what, "terms"))
        values <- f$constrain(z[k, ])
        expect_named(values, names(draw$sites))
        for (name in names(values)) expect_near(values[[name]], ref_value(draw$sites[[name]]), label = paste(what, name))
      }
    }
  })
})

test_that("log q is Pyro's", {
  each_reference_model(function(ref, m, data) {
    for (config in ref$configurations) {
      g <- at_configuration(guide(m, data, seed = 1), config)
      log_q <- .Call(fullrank:::fullrank_guide_log_q, g$scale, draws_of(config))
      want <- vapply(config$draws, function(d) d$log_q + d$log_abs_det_jacobian, 0)
      expect_near(log_q, want, label = ref$name)
    }
  })
})

test_that("the ELBO and its gradient are Pyro's for 1 and 4 particles", {
  each_reference_model(function(ref, m, data) {
    for (config in ref$configurations) {
      g <- at_configuration(guide(m, data, seed = 1), config)
      eps <- draws_of(config)
      for (estimate in config$estimates) {
        S <- estimate$num_particles
        what <- paste(ref$name, config$kind, S)
        e <- elbo(g, eps = eps[seq_len(S), , drop = FALSE], gradient = TRUE)
        expect_near(e$elbo, estimate$elbo, label = paste(what, "ELBO"))
        each <- vapply(config$draws[seq_len(S)], `[[`, 0, "elbo")
        if (S > 1) expect_equal(e$se, sd(each) / sqrt(S), tolerance = 1e-8) else expect_identical(e$se, NA_real_)
        expect_named(e$gradient, c("loc", "scale_unconstrained", "scale_tril_unconstrained"))
        for (part in names(e$gradient)) {
          want <- ref_value(estimate[[paste0("grad_", part)]])
          # relative to the entry, or for entries that are nothing but rounding to the largest
          error <- max(abs(as.vector(e$gradient[[part]]) - want) / pmax(abs(want), 1e-4 * max(abs(want)), 1e-300))
          expect(error < 1e-10, sprintf("%s gradient %s: %.3g", what, part, error))
        }
        lower <- e$gradient$scale_tril_unconstrained
        expect_true(all(lower[upper.tri(lower, diag = TRUE)] == 0))
      }
    }
  })
})

test_that("a particle's numbers do not depend on what else is in the batch", {
  each_reference_model(function(ref, m, data) {
    g <- at_configuration(guide(m, data, seed = 1), ref$configurations[[2]])
    d <- ref$latent_dim
    eval <- function(z) .Call(fullrank:::fullrank_program_eval, g$compiled$program, z, TRUE, TRUE)
    set.seed(4)
    z <- matrix(rnorm(45 * d, 0, 0.3), 45)
    all <- eval(z)
    order <- sample(45)
    shuffled <- eval(z[order, , drop = FALSE])
    expect_identical(shuffled$log_prob, all$log_prob[order])
    expect_identical(shuffled$gradient, all$gradient[order, , drop = FALSE])
    for (rows in list(1:2, 3:10, 7:23, 5:45)) {
      some <- eval(z[rows, , drop = FALSE])
      expect_identical(some$log_prob, all$log_prob[rows], info = ref$name)
      expect_identical(some$gradient, all$gradient[rows, , drop = FALSE], info = ref$name)
      expect_identical(some$terms, all$terms[rows, , drop = FALSE], info = ref$name)
    }
    # bad company: other particles not finite
    spoiled <- z[1:8, , drop = FALSE]
    spoiled[c(1:3, 5:8), ] <- NaN
    expect_identical(eval(spoiled)$log_prob[4], all$log_prob[4], info = ref$name)
    expect_identical(eval(spoiled)$gradient[4, ], all$gradient[4, ], info = ref$name)
    # one particle has a path of its own
    for (s in 1:5) {
      one <- eval(z[s, , drop = FALSE])
      expect_lte(abs(one$log_prob - all$log_prob[s]), 1e-13 * sum(abs(all$terms[s, ])))
      expect_lte(max(abs(one$gradient - all$gradient[s, ])), 1e-12 * max(1, abs(all$gradient[s, ])))
    }
  })
})

test_that("the gradient is the derivative of the estimate", {
  data <- list(y = c(0.3, 1.2, -0.4, 2.2), x = c(1, 0, -1, 0.5))
  g <- guide(model({
    a ~ normal(0, 1)
    b ~ normal(0, 1, dim = 2)
    s ~ exponential(1)
    y ~ normal(a + b[1] * x + b[2]^2, s)
  }), data, seed = 3)
  set.seed(1)
  d <- 4
  g <- move_guide(g, rnorm(d, 0, 0.5), rnorm(d, -1, 0.3), matrix(rnorm(d * d, 0, 0.5), d))
  eps <- matrix(rnorm(5 * d), 5)
  gradient <- elbo(g, eps = eps, gradient = TRUE)$gradient
  value <- function(loc, su, tu) elbo(move_guide(g, loc, su, tu), eps = eps)$elbo
  loc <- g$loc; su <- g$scale_unconstrained; tu <- strict_lower(g$scale_tril)
  h <- 1e-6
  for (i in 1:d) {
    e <- replace(numeric(d), i, h)
    expect_equal(gradient$loc[[i]], (value(loc + e, su, tu) - value(loc - e, su, tu)) / (2 * h), tolerance = 1e-6)
    expect_equal(gradient$scale_unconstrained[[i]], (value(loc, su + e, tu) - value(loc, su - e, tu)) / (2 * h), tolerance = 1e-6)
    for (j in seq_len(i - 1)) {
      E <- matrix(0, d, d)
      E[i, j] <- h
      expect_equal(gradient$scale_tril_unconstrained[i, j], (value(loc, su, tu + E) - value(loc, su, tu - E)) / (2 * h), tolerance = 1e-6)
    }
  }
})

test_that("elbo() takes a guide or a fit, draws or none", {
  m <- model({
    mu ~ normal(0, 1)
    y  ~ normal(mu, 1)
  })
  fit <- short_fit(m, list(y = c(0.4, 1.1)))
  expect_identical(elbo(fit, 50, seed = 2), elbo(fit$guide, 50, seed = 2))
  expect_named(elbo(fit, 50, seed = 2), c("elbo", "se"))
  expect_false(identical(elbo(fit, 50, seed = 2)$elbo, elbo(fit, 50, seed = 3)$elbo))
  set.seed(5)
  a <- elbo(fit, 10)
  set.seed(5)
  expect_identical(elbo(fit, 10), a)
  expect_identical(elbo(fit, eps = c(0.5, -0.5)), elbo(fit, eps = matrix(c(0.5, -0.5))))
  expect_error(elbo(fit, particles = 0), "particles.*at least 1")
  expect_error(elbo(fit, particles = 1.5), "particles.*whole")
  expect_error(elbo(fit, eps = matrix(0, 2, 2)), "eps.*1 column")
  expect_error(elbo(fit, eps = NA_real_), "eps")
  expect_error(elbo(fit, eps = "a"), "eps")
  expect_error(elbo(list()), "fit or a guide")
  expect_error(elbo(fit, seed = -1), "seed")
})

test_that("a guide that was tampered with is refused", {
  g <- guide(model({ mu ~ normal(0, 1, dim = 2); y ~ normal(mu, 1) }), list(y = c(0.4, 1.1)), seed = 1)
  bad <- function(...) elbo(utils::modifyList(g, list(...)), 2, seed = 1)
  expect_error(bad(loc = 1), "loc.*2 finite")
  expect_error(bad(loc = c(1, NA)), "loc.*2 finite")
  expect_error(bad(scale = c(1, -1)), "scale.*2 positive")
  expect_error(bad(scale_tril = diag(3)), "scale_tril.*2 x 2")
  expect_error(bad(scale_tril = matrix(c(1, 0, 1, 1), 2)), "lower triangular")
  expect_error(bad(scale_tril = diag(c(1, 2))), "ones on the diagonal")
})
