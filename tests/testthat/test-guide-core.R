# The guide's .Call routines against Pyro's AutoMultivariateNormal (reference/guide.json).

test_that("the routines are registered", {
  registered <- names(getDLLRegisteredRoutines("fullrank")$.Call)
  expect_true(all(c("fullrank_guide_start", "fullrank_guide_constrain", "fullrank_guide_unconstrain",
                    "fullrank_guide_sample", "fullrank_guide_log_q", "fullrank_normals") %in% registered))
})

test_that("a guide starts at init, init_scale and the identity", {
  for (case in read_reference("guide")$cases) {
    init <- ref_vector(case$loc)
    d <- case$d
    start <- .Call(fullrank:::fullrank_guide_start, init, case$init_scale)
    expect_identical(start$loc, init)
    expect_near(start$scale_unconstrained, ref_vector(case$init_scale_unconstrained))
    expect_near(start$scale, rep(case$init_scale, d))
    expect_identical(start$scale_tril_unconstrained, matrix(0, d, d))
    expect_identical(start$scale_tril, diag(1, d))
  }
  for (init_scale in c(1e-1, 1e-4, 1e-8)) {
    expect_near(.Call(fullrank:::fullrank_guide_start, c(1, 2), init_scale)$scale, rep(init_scale, 2), 1e-14)
  }
})

test_that("the constrained parameterisation goes both ways", {
  for (case in read_reference("guide")$cases) {
    u <- ref_vector(case$scale_unconstrained)
    tril_u <- ref_matrix(case$scale_tril_unconstrained)
    got <- .Call(fullrank:::fullrank_guide_constrain, u, tril_u)
    expect_near(got$scale, ref_vector(case$scale))
    expect_near(got$scale_tril, ref_matrix(case$scale_tril))
    back <- .Call(fullrank:::fullrank_guide_unconstrain, got$scale, got$scale_tril)
    expect_near(back$scale_unconstrained, u, 1e-13)
    strict <- tril_u
    strict[upper.tri(strict, diag = TRUE)] <- 0
    expect_identical(back$scale_tril_unconstrained, strict)
  }
  # softplus where PyTorch's gives up
  extreme <- c(-700, -30, 20.5, 36, 700)
  scale <- .Call(fullrank:::fullrank_guide_constrain, extreme, diag(5))$scale
  expect_near(scale, c(exp(-700), 9.3576229688397366e-14, 20.500000001250152, 36.000000000000000232, 700), 1e-14)
  expect_near(.Call(fullrank:::fullrank_guide_unconstrain, scale, diag(5))$scale_unconstrained, extreme, 1e-14)
})

test_that("draws, log q and covariance are Pyro's", {
  for (case in read_reference("guide")$cases) {
    scale <- ref_vector(case$scale)
    tril <- ref_matrix(case$scale_tril)
    eps <- ref_matrix(case$eps)
    z <- .Call(fullrank:::fullrank_guide_sample, ref_vector(case$loc), scale, tril, eps)
    expect_equal(dim(z), dim(eps))
    # relative to the size of what is added up
    size <- abs(eps) %*% t(abs(scale * tril)) + rep(abs(ref_vector(case$loc)), each = nrow(eps))
    expect_lte(max(abs(z - ref_matrix(case$z)) / size), 1e-14)
    expect_near(z, ref_matrix(case$z), 1e-10)
    expect_near(.Call(fullrank:::fullrank_guide_log_q, scale, eps), ref_vector(case$log_q))
    # unit vectors as eps give the columns of L
    L <- t(.Call(fullrank:::fullrank_guide_sample, numeric(case$d), scale, tril, diag(1, case$d)))
    expect_near(L, ref_matrix(case$L))
    expect_near(tcrossprod(L), ref_matrix(case$covariance))
  }
})

test_that("a draw does not depend on its batch", {
  d <- 33L
  eps <- .Call(fullrank:::fullrank_normals, 1, 0L, 0, 0L, 20L, d)
  tril <- diag(1, d)
  tril[lower.tri(tril)] <- .Call(fullrank:::fullrank_normals, 2, 0L, 0, 0L, 1L, d * (d - 1L) / 2L)
  scale <- seq(0.1, 2, length.out = d)
  all <- .Call(fullrank:::fullrank_guide_sample, numeric(d), scale, tril, eps)
  expect_equal(all, eps %*% t(scale * tril), tolerance = 1e-13)
  for (rows in list(1:8, 5:16, 3:20)) {
    expect_identical(.Call(fullrank:::fullrank_guide_sample, numeric(d), scale, tril, eps[rows, ]), all[rows, ])
  }
  expect_equal(.Call(fullrank:::fullrank_guide_sample, numeric(d), scale, tril, eps[1, , drop = FALSE]),
               all[1, , drop = FALSE], tolerance = 1e-13)
  expect_equal(dim(.Call(fullrank:::fullrank_guide_sample, numeric(d), scale, tril, eps[0, ])), c(0L, d))
})

test_that("what does not fit is an error", {
  expect_error(.Call(fullrank:::fullrank_guide_start, c(0, NaN), 0.1), "not finite")
  expect_error(.Call(fullrank:::fullrank_guide_start, c(0, 1), 0), "init_scale")
  expect_error(.Call(fullrank:::fullrank_guide_start, numeric(), 0.1), "coordinate")
  expect_error(.Call(fullrank:::fullrank_guide_start, 1:2, 0.1), "double")
  expect_error(.Call(fullrank:::fullrank_guide_constrain, c(0, 1), diag(3)), "scale_tril_unconstrained")
  expect_error(.Call(fullrank:::fullrank_guide_unconstrain, c(0, 1), diag(2)), "positive")
  expect_error(.Call(fullrank:::fullrank_guide_sample, c(0, 1), 1, diag(2), diag(2)), "scale")
  expect_error(.Call(fullrank:::fullrank_guide_sample, c(0, 1), c(1, 1), diag(2), diag(3)), "eps")
  expect_error(.Call(fullrank:::fullrank_guide_log_q, c(1, 1), 1), "eps")
})
