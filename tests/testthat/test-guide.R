# The guide before any step, and what it keeps.

m <- model({
  mu ~ normal(0, 1, dim = c("a", "b"))
  s  ~ exponential(1)
  y  ~ normal(mu, s)
})
data <- list(y = c(0.3, -0.4))
names3 <- c("mu[a]", "mu[b]", "s")

test_that("a guide is a plain list, named by coordinate", {
  g <- guide(m, data, seed = 1)
  expect_s3_class(g, "mvn_guide")
  expect_type(g, "list")
  expect_named(g$loc, names3)
  expect_named(g$scale, names3)
  expect_identical(g$scale_tril, structure(diag(3), dimnames = list(names3, names3)))
  expect_null(g$loss)
  expect_null(g$state)
  # softplus of what is kept beside is the scale
  expect_equal(log1p(exp(g$scale_unconstrained)), g$scale, tolerance = 1e-14)
})

test_that("data may be a list, a data frame or an environment, or nothing", {
  want <- guide(m, data, seed = 1)
  expect_identical(guide(m, as.data.frame(data), seed = 1)$loc, want$loc)
  expect_identical(guide(m, list2env(data), seed = 1)$loc, want$loc)
  for (none in list(NULL, list(), data.frame(), new.env())) expect_identical(names(guide(m, none, seed = 1)$loc), c(names3, "y[1]", "y[2]"))
  expect_error(guide(m, data$y), "`data` must be a data frame, a list or an environment, not numeric")
})

test_that("the seed governs, and R's generator is left alone", {
  expect_identical(guide(m, data, seed = 4)$loc, guide(m, data, seed = 4)$loc)
  expect_generator_untouched(guide(m, data, seed = 4))
  expect_set_seed_governs(function() guide(m, data)$loc)
  g <- guide(m, data, seed = 4)
  expect_generator_untouched({
    svi_step(g, adam())
    elbo(g, 10, seed = 2)
  })
  expect_set_seed_governs(function() elbo(g, 10))
  # steps follow from the guide's seed
  expect_identical(svi_step(g, adam())$loc, svi_step(guide(m, data, seed = 4), adam())$loc)
  expect_identical(g$seed, 4)
})

test_that("arguments are checked", {
  expect_error(guide(data), "`m` must be a model, made by model\\(\\{ ... \\}\\)")
  expect_error(guide(m, data, init_scale = 0), "`init_scale` must be one number above 0, not 0")
  expect_error(guide(m, data, init_scale = -1), "`init_scale` must be one number above 0, not -1")
  expect_error(guide(m, data, init_scale = c(1, 2)), "`init_scale` must be one number above 0")
  expect_error(guide(m, data, init_scale = NA), "`init_scale`")
  expect_error(guide(m, data, init = "median"), "`init` must be made by one of the init_to_\\*")
  expect_error(guide(m, data, seed = 1.5), "`seed` must be one whole number")
  expect_error(guide(m, data, seed = "a"), "`seed`")
})

test_that("a covariance that does not fit is refused before it is allocated, with the bytes", {
  # 28 d^2 bytes
  expect_error(guide(model({ x ~ normal(0, 1, dim = 40000) })), "40,000 latent coordinates; .* needs about 44,800,000,000 bytes")
  before <- proc.time()[["user.self"]]
  expect_error(guide(model({ x ~ normal(0, 1, dim = 1e9) })), "`x` has 1,000,000,000 elements; .* 28,000,000,000,000,000,000 bytes")
  expect_error(guide(model({ x ~ dirichlet(1, dim = c(1e4, 1e4)) })), "`x` has 100,000,000 elements")
  expect_error(guide(model({ x ~ normal(0, 1, dim = c(1e5, 1e5)) })), "more elements than an array can have")
  expect_error(fullrank(model({ x ~ normal(0, 1, dim = 40000) }), progress = FALSE), "44,800,000,000 bytes")
  expect_lt(proc.time()[["user.self"]] - before, 5)
})

test_that("the state belongs to its optimiser", {
  g <- guide(m, data, seed = 1)
  for (k in 1:3) g <- svi_step(g, adam())
  expect_identical(g$state$step, 3)
  expect_identical(g$state$optimizer, "adam")
  # another optimiser starts its own
  h <- svi_step(g, sgd(lr = 0.01))
  expect_identical(h$state$step, 1)
  # a guide is data: it comes back from a file as it was
  file <- tempfile(fileext = ".rds")
  on.exit(unlink(file))
  saveRDS(g, file)
  expect_identical(svi_step(readRDS(file), adam())$loc, svi_step(g, adam())$loc)
})

test_that("infinite data and the like are named where they stand", {
  expect_error(guide(m, list(y = c(Inf, 1))), "observed `y` has 1 infinite value \\(first in row 1\\)")
  expect_error(guide(m, list(y = factor(c("u", "v")))), "observed `y` is a factor")
  expect_error(guide(m, list(y = c("u", "v"))), "observed `y` is a character")
  expect_error(guide(m, list(y = Sys.Date() + 0:1)), "number is needed.*Date")
})
