# Fits whose guides are known.

# A short run; what matters is what is done with the fit. Adam, so that its path stays the same whatever the default is.
short_fit <- function(m, data = list(), ..., steps = 30, optimizer = adam(lr = 0.05, decay = 0.01), seed = 1) {
  fullrank(m, data, ..., steps = steps, optimizer = optimizer, seed = seed, progress = FALSE)
}

# The same with the guide N(loc, covariance).
known_fit <- function(m, data = list(), loc, covariance, ...) {
  fit <- short_fit(m, data, ..., steps = 1)
  fit$guide <- move_to_normal(fit$guide, loc, covariance)
  fit
}

# A covariance without structure.
some_covariance <- function(d, seed = 1, scale = 1) {
  set.seed(seed)
  A <- matrix(stats::rnorm(d * d), d)
  scale^2 * (tcrossprod(A) / d + diag(0.1, d))
}

# Whether evaluating leaves R's generator alone.
expect_generator_untouched <- function(expr) {
  set.seed(99)
  before <- get(".Random.seed", globalenv())
  force(expr)
  expect_identical(get(".Random.seed", globalenv()), before)
}

# set.seed() governs: the same twice, another after another seed.
expect_set_seed_governs <- function(draw) {
  set.seed(5)
  one <- draw()
  set.seed(5)
  expect_identical(draw(), one)
  set.seed(6)
  expect_false(identical(draw(), one))
}

# Text of a print, every line within the width, ASCII or not.
printed <- function(x, width = 80, ...) {
  old <- options(width = width)
  on.exit(options(old))
  lines <- utils::capture.output(print(x, ...))
  expect(all(nchar(lines, "width") <= width), paste(c("lines that are too long:", lines[nchar(lines, "width") > width]), collapse = "\n"))
  lines
}

# The fit with its state moved to its guide, for what reads the state.
within_state <- function(fit) {
  fit$state$theta <- fullrank:::pack_guide(fit$guide)
  fit
}

# KL(q1 || q2) of the Normals of two fits, in nats: twice the tolerance of both bounds it, about.
normal_kl <- function(one, two) {
  a <- vcov(one, full = TRUE)
  b <- vcov(two, full = TRUE)
  off <- unname(coef(two, full = TRUE) - coef(one, full = TRUE))
  solved <- solve(unname(b), unname(a))
  (sum(diag(solved)) - length(off) - as.numeric(determinant(solved)$modulus) + sum(off * solve(unname(b), off))) / 2
}
