# Counter-based normals: the same bits however they are asked for.

normals <- function(seed, stream = 0L, step = 0, first = 0L, S = 1L, d = 1L) {
  .Call(fullrank:::fullrank_normals, seed, stream, step, first, S, d)
}

test_that("a draw depends on seed, stream, step, particle and coordinate alone", {
  all <- normals(42, 1L, 7, 0L, 40L, 9L)
  expect_equal(dim(all), c(40L, 9L))
  expect_identical(normals(42, 1L, 7, 0L, 40L, 9L), all)
  expect_identical(normals(42L, 1L, 7, 11L, 5L, 9L), all[12:16, ])
  expect_identical(normals(42, 1L, 7, 0L, 40L, 4L), all[, 1:4])
  expect_identical(normals(42, 1L, 7, 39L, 1L, 9L), all[40, , drop = FALSE])
  others <- list(normals(43, 1L, 7, 0L, 40L, 9L), normals(42 + 2^32, 1L, 7, 0L, 40L, 9L), normals(42, 0L, 7, 0L, 40L, 9L),
                 normals(42, 1L, 8, 0L, 40L, 9L), normals(42, 1L, 7 + 2^32, 0L, 40L, 9L), normals(42, 1L, 7, 40L, 40L, 9L))
  for (other in others) expect_false(any(other == all))
})

test_that("the bits are those of every other machine", {
  expect_identical(normals(1, 0L, 0, 0L, 1L, 4L)[1, ],
                   c(0x1.09240c8e2771p-4, -0x1.e945075b5628dp-2, -0x1.17f5f1f6febap-5, -0x1.c82d7b67c5e85p-1))
})

test_that("R's own generator is left alone", {
  set.seed(1)
  before <- .Random.seed
  normals(1, S = 100L, d = 3L)
  expect_identical(.Random.seed, before)
})

test_that("they are standard normal and independent", {
  x <- normals(2024, 2L, 3, 0L, 20000L, 5L)
  expect_gt(stats::ks.test(as.vector(x), "pnorm")$p.value, 1e-3)
  expect_gt(stats::ks.test(rowSums(x^2), "pchisq", 5)$p.value, 1e-3)
  expect_lt(max(abs(stats::cor(x) - diag(5))), 4 / sqrt(20000))
  expect_lt(abs(stats::cor(x[-1, 1], x[-20000, 1])), 4 / sqrt(20000))
  successive <- vapply(0:4999, function(step) normals(5, step = step)[1, 1], numeric(1))
  expect_gt(stats::ks.test(successive, "pnorm")$p.value, 1e-3)
})

test_that("arguments are checked", {
  expect_error(normals(NaN), "seed")
  expect_error(normals(-1), "seed")
  expect_error(normals(1, S = NA_integer_), "particles")
  expect_error(normals(1, d = -1L), "'d'")
})
