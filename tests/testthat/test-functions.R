# Every function of the language against R's own value and shape, and its gradient against central differences of R's own
# values.

function_data <- list(
  x = c(0.4, -1.2, 2.3, 0.7), n = 4L, K = matrix(c(0.3, -0.1, 1.2, 0.8, 0.5, -0.6), 3, 2), X = matrix(seq(-1, 1.2, length.out = 20), 5, 4),
  f = factor(c("lo", "hi", "hi", "mid", "lo")), yes = c(TRUE, FALSE, FALSE, TRUE), one = matrix(c(1, 2, 3), 3, 1)
)

# a, b real and v positive of length 4, u in (0, 1) of length 4, s and r scalar (r positive), A and C 3 x 2, B 2 x 3
function_model <- function(expr) {
  eval(substitute(model({
    a ~ normal(0, 1, dim = 4)
    b ~ normal(0, 1, dim = 4)
    v ~ lognormal(0, 1, dim = 4)
    u ~ uniform(0, 1, dim = 4)
    s ~ normal(0, 1)
    r ~ lognormal(0, 1)
    A ~ normal(0, 1, dim = c(3, 2))
    C ~ normal(0, 1, dim = c(3, 2))
    B ~ normal(0, 1, dim = c(2, 3))
    w ~ normal(0, 1, dim = 3)
    out <- EXPR
    target(cos(0.7 * out + 0.1))
  }), list(EXPR = expr)))
}

# Gradient of the sites' own terms: normal, lognormal on the log, uniform through plogis.
prior_gradient <- function(z) replace(-z, 13:16, 1 - 2 * plogis(z[13:16]))

own <- list(log_sum_exp = function(x) log(sum(exp(x))), softmax = function(x) exp(x) / sum(exp(x)), dot = function(x, y) sum(x * y),
            log_det = function(x) as.numeric(determinant(as.matrix(x))$modulus))

# The sites' values at z, in R.
function_values <- function(z) {
  list(a = z[1:4], b = z[5:8], v = exp(z[9:12]), u = plogis(z[13:16]), s = z[17], r = exp(z[18]), A = matrix(z[19:24], 3),
       C = matrix(z[25:30], 3), B = matrix(z[31:36], 2), w = z[37:39])
}

expect_as_r <- function(expr, points = 1, tolerance = 2e-7) {
  what <- paste(deparse(expr), collapse = " ")
  data <- function_data
  compiled <- fullrank:::compile_model(function_model(expr), data, keep = "out")
  evaluate <- function(z) .Call(fullrank:::fullrank_program_eval, compiled$program, rbind(z), TRUE, TRUE)
  z <- matrix(stats::rnorm((points + 1) * 39, 0, 0.8), points + 1)
  in_r <- function(z) eval(expr, c(function_values(z), data, own))
  all <- evaluate(z)
  target <- match("target", compiled$terms)
  batch <- fullrank:::constrain_draws(compiled, z)$out
  for (k in seq_len(points)) {
    want <- in_r(z[k, ])
    got <- fullrank:::shape_value(fullrank:::constrain_draws(compiled, z[k, , drop = FALSE])$out, compiled$kept$out)
    if (length(want) == 1L && is.null(dim(want))) got <- as.vector(got)
    expect(isTRUE(all.equal(got, unname(want), tolerance = 1e-12, check.attributes = FALSE)), sprintf("`%s`: value differs from R's", what))
    expect(identical(dim(got), dim(want)), sprintf("`%s`: shape is %s, R's is %s", what, toString(dim(got)), toString(dim(want))))
    expect(isTRUE(all.equal(batch[k, ], as.vector(got), tolerance = 1e-13, check.attributes = FALSE)), sprintf("`%s`: one particle and two differ", what))
    expect(isTRUE(all.equal(all$terms[k, target], sum(cos(0.7 * want + 0.1)), tolerance = 1e-10)), sprintf("`%s`: target differs", what))
    numeric <- vapply(seq_along(z[k, ]), function(j) {
      step <- function(h) { e <- replace(numeric(39), j, h); sum(cos(0.7 * in_r(z[k, ] + e) + 0.1)) }
      h <- 1e-4
      (8 * (step(h) - step(-h)) - (step(2 * h) - step(-2 * h))) / (12 * h)
    }, 0)
    gradient <- all$gradient[k, ] - prior_gradient(z[k, ])
    error <- max(abs(gradient - numeric) / pmax(1, abs(numeric)))
    expect(error < tolerance, sprintf("`%s`: gradient differs from central differences by %.3g", what, error))
    one <- evaluate(z[k, ])
    expect(max(abs(one$gradient - all$gradient[k, ]) / pmax(1, abs(one$gradient))) < 1e-11, sprintf("`%s`: gradients of one particle and two differ", what))
  }
}

expect_all_as_r <- function(...) for (expr in as.list(substitute(list(...)))[-1L]) expect_as_r(expr)

test_that("arithmetic", {
  set.seed(1)
  expect_all_as_r(
    a + b, a - b, a * b, a / v, v^b, v^2, a^2, a^3, a^1, v^0.5, v^-1.5, v^s, 2^a, r^s, a^0, -a, +a, (a), x + a, a - x, x * a, x / v, a / x,
    x - a, 3 / v, 3 * a, a / 3, 1 - u, s * a, a * s, s / v, v / r, s + s, s - 2, 2 - s, s * s, r / r, a * a, a - a, (a + b) * (a - b) / (1 + v),
    v^x, abs(x)^a, n * a, a * TRUE
  )
})

test_that("elementwise functions", {
  set.seed(2)
  expect_all_as_r(
    exp(a), log(v), log(v, 2), log(v, base = r + 1.5), log(3, base = v + 2), log(x = v), log1p(v), log1p(u), expm1(a), sqrt(v), abs(a), plogis(a),
    plogis(a, log.p = TRUE), qlogis(u), pnorm(a), pnorm(a, s, r), pnorm(a, mean = x, sd = 2), pnorm(x, b, v), pnorm(x, s), tanh(a), sin(a), cos(a), atan(a),
    lgamma(v), digamma(v), beta(v, r), beta(v, 2), beta(3, v), exp(A), plogis(A %*% B), sqrt(r), abs(s)
  )
})

test_that("minima and maxima", {
  set.seed(3)
  expect_all_as_r(
    pmin(a, b), pmax(a, b), pmin(a, 0.2), pmax(0.1, a), pmax(a, x), pmin(x, a, b), pmax(a, s), max(a), min(a), max(a, s, 0.3), min(c(a, b)), max(s, x),
    min(A), max(s), pmin(1, x, a), max(1, 2, a)
  )
})

test_that("sums, means, products", {
  set.seed(4)
  expect_all_as_r(
    sum(a), sum(a, b), sum(a, 1, x), sum(A), sum(s), mean(a), mean(A), mean(s), prod(v), prod(a, 2), prod(A), cumsum(a), cumsum(c(a, s)),
    log_sum_exp(a), softmax(a), dot(a, b), dot(a, x), dot(x, a), sum(a * x), mean(a^2), sum(a, na.rm = TRUE), mean(a, na.rm = TRUE), prod(a, na.rm = TRUE),
    max(a, na.rm = TRUE), min(b, na.rm = FALSE), pmin(a, b, na.rm = TRUE), pmax(a, b, na.rm = TRUE)
  )
})

test_that("matrix products and transposes", {
  set.seed(5)
  expect_all_as_r(
    A %*% B, B %*% A, K %*% B, B %*% K, X %*% a, a %*% t(X), a %*% b, a %*% x, x %*% a, w %*% A, B %*% w, w %*% K, t(a) %*% b, a %*% t(b), one %*% t(w),
    t(one) %*% A, t(A), t(a), t(t(A)), crossprod(A), crossprod(A, C), crossprod(A, K), crossprod(K, A), crossprod(a), crossprod(a, b), crossprod(w, A), crossprod(A, w),
    crossprod(X, X %*% a), crossprod(x, a), tcrossprod(A), tcrossprod(A, C), tcrossprod(A, K), tcrossprod(K, A), tcrossprod(a), tcrossprod(a, b), tcrossprod(w),
    X %*% (a * x), X %*% t(X) %*% (X %*% a), A %*% (B %*% A), one %*% s, w %*% t(1), 2 %*% t(a), s %*% t(a), s %*% s, s %*% 2,
    diag(w) %*% A, t(X) %*% (X %*% a + 1), crossprod(X[1:4, ], a), X[, 1:3] %*% A, K[2, ] %*% B
  )
})

test_that("diag and outer", {
  set.seed(6)
  expect_all_as_r(
    diag(a), diag(w) , diag(A %*% B), diag(B %*% A), diag(r, 3), diag(a, 4), diag(diag(w)), outer(a, b), outer(a, x), outer(x, a), outer(a, b, "+"), outer(x, a, "-"),
    outer(v, r, "/"), outer(a, s)
  )
  # a site of length 1 gives a 1 x 1 matrix, where R's own diag() would take it for a size
  f <- log_density(model({ t ~ normal(0, 1, dim = n); D <- diag(t); x ~ multi_normal_cholesky(0, diag(exp(t))) }), list(n = 1))
  expect_equal(f$fn(c(0.3, 0.5)), dnorm(0.3, log = TRUE) + dnorm(0.5, 0, exp(0.3), log = TRUE), tolerance = 1e-13)
})

test_that("putting together", {
  set.seed(7)
  expect_all_as_r(
    c(a, b), c(s, 1, x), c(1, a), c(A), c(s), c(p = s, q = r), cbind(a, b), cbind(1, a), cbind(a, x, 1), rbind(a, b), rbind(A, C), cbind(A, C), cbind(A, w), cbind(s, w), rbind(A, 1:2),
    rbind(1, w), rep(s, 3), rep(a, 2), rep(a, times = 2), rep(a, each = 2), rep(a, times = c(1, 0, 2, 1)), rep(a, length.out = 6), rep(c(s, r), each = 3),
    rev(a), matrix(a, 2), matrix(a, 2, 2), matrix(a, ncol = 1), matrix(a, 2, byrow = TRUE), matrix(s, 2, 3), matrix(c(a, s, r), ncol = 2), array(a, c(2, 2)), array(a, c(2, 1, 2)),
    as.vector(A), as.numeric(A), ifelse(yes, a, b), ifelse(yes, a, 0), ifelse(x > 0, s, b), ifelse(yes, 1, a), ifelse(K > 0, A, C), ifelse(TRUE, s, r)
  )
})

test_that("sizes are plain values", {
  set.seed(8)
  expect_all_as_r(
    a / length(a), A * nrow(A), A * ncol(A), a[seq_along(a)], a + NROW(a), a + NCOL(a), A + dim(A)[2], sum(a[1:length(a)])
  )
})

test_that("indexing", {
  set.seed(9)
  expect_all_as_r(
    a[1], a[2:3], a[c(4, 1, 1, 2)], a[-1], a[-(1:2)], a[yes], a[x > 0], a[c(TRUE, FALSE)], a[n], a[], a[2.9], w[f], w[as.integer(f)], (a + b)[2], a[f], A[1, ], A[, 1], A[2, 2], A[2:3, ],
    A[-1, ], A[, 2, drop = FALSE], A[1, , drop = FALSE], A[5], A[c(1, 6)], A[K > 0], A[cbind(c(1, 3), c(2, 1))], A[], A[c(TRUE, FALSE, TRUE), 2], t(A)[1, ], (A %*% B)[2, 3],
    a[a = 1:2], a[[3]], A[[2, 1]], a[order(x)], a[rep(1:4, 3)], exp(a)[2:4], c(a, s)[5], x[2] * a[2], s[1], s[c(1, 1, 1)], B[, c(3, 1)], x[length(a)] + a, K[2, 1] * A[2, 1], a[0 + 1], head(x, 2) + a[1:2]
  )
})

test_that("recycling", {
  set.seed(10)
  expect_all_as_r(
    a + s, a[1:2] + a, a * c(1, 2), c(a, b) + c(1, 2), A + s, A + w, w + A, A * K, K + A, A + 1:3, A + K[, 1], A * A, A + C, s + K, s * X, X + s, A - c(s, r, 1), rep(s, 4) + x
  )
  # an n x 1 matrix conforms with a vector of length n
  expect_all_as_r(w + A %*% B[, 1], one + w, w * one, one[, 1] + w, s + X %*% a, X %*% a + 1:5)
})

test_that("values may go through several functions", {
  set.seed(11)
  expect_all_as_r(
    log_sum_exp(a + log(v)) - log_sum_exp(b), tanh(K %*% B %*% w), sum(exp(a) / (1 + exp(a))), cumsum(exp(a * 0.3)) / seq_len(4), (a - mean(a)) / sqrt(sum((a - mean(a))^2)),
    plogis(s + X %*% a) * (1 - plogis(s + X %*% a)), crossprod(X %*% a), log1p(exp(-abs(a))) + pmax(a, 0)
  )
})

test_that("extreme arguments give R's values", {
  f <- function(expr) {
    compiled <- fullrank:::compile_model(eval(substitute(model({ a ~ normal(0, 1); o <- E }), list(E = substitute(expr)))), list(), keep = "o")
    function(z) as.vector(fullrank:::constrain_draws(compiled, matrix(z, ncol = 1))$o)
  }
  z <- c(-800, -40, -1e-9, 0, 1e-9, 40, 800)
  expect_equal(f(plogis(a))(z), plogis(z), tolerance = 1e-14)
  expect_equal(f(plogis(a, log.p = TRUE))(z), plogis(z, log.p = TRUE), tolerance = 1e-14)
  expect_equal(f(log1p(a))(z[-(1:2)]), log1p(z[-(1:2)]), tolerance = 1e-14)
  expect_equal(f(expm1(a))(z), expm1(z), tolerance = 1e-14)
  expect_equal(f(tanh(a))(z), tanh(z), tolerance = 1e-14)
  expect_equal(f(pnorm(a))(c(-37, -8, 0, 8)), pnorm(c(-37, -8, 0, 8)), tolerance = 1e-13)
  expect_equal(f(log_sum_exp(c(a, 0)))(z), c(0, log1p(exp(-40)), log(2) - 5e-10, log(2), log(2) + 5e-10, 40, 800), tolerance = 1e-14)
  expect_equal(f(lgamma(a))(c(1e-300, 0.5, 1, 2, 171, 1e10)), lgamma(c(1e-300, 0.5, 1, 2, 171, 1e10)), tolerance = 1e-14)
  expect_equal(f(digamma(a))(c(1e-10, 0.5, 1, 2, 171, 1e10)), digamma(c(1e-10, 0.5, 1, 2, 171, 1e10)), tolerance = 1e-13)
  expect_identical(f(log(a))(c(0, 1)), c(-Inf, 0))
  expect_true(all(is.nan(f(log(a))(c(-1, -2)))))
  expect_true(all(is.nan(f(sqrt(a))(c(-1, -2)))))
  # what is not a number stays none
  expect_true(all(is.nan(f(pmin(log(a), 3))(c(-1, -2)))))
  expect_true(all(is.nan(f(pmax(3, log(a)))(c(-1, -2)))))
})

test_that("factorisations and solves", {
  set.seed(12)
  expect_all_as_r(
    chol(crossprod(A) + diag(2)), chol(tcrossprod(A, A) + diag(3) * r), chol(r), sum(chol(crossprod(A) + K[1:2, 1:2] %*% t(K[1:2, 1:2]) + diag(2))[1, ]),
    solve(B %*% A), solve(A %*% t(A) + diag(3), w), solve(A %*% B + diag(c(3, 4, 5)), C), solve(crossprod(X) + diag(4), a), solve(B %*% A, t(A)), solve(B %*% A, t(K)), solve(r), solve(r, s),
    log_det(crossprod(A)), log_det(A %*% t(C) + diag(3) * 4), log_det(r), backsolve(A[1:2, ] + diag(2) * 3, w[1:2]), backsolve(B[, 1:2] + diag(2) * 3, B),
    backsolve(K[1:2, ] + diag(2), B), backsolve(A[2:3, ] + diag(2) * 3, w[1:2], transpose = TRUE), backsolve(A[1:2, ] + diag(2) * 3, B, upper.tri = FALSE),
    forwardsolve(A[1:2, ] + diag(2) * 3, w[1:2]), forwardsolve(t(chol(crossprod(A) + diag(2))), B), forwardsolve(t(chol(crossprod(X) + diag(4))), a), forwardsolve(A[1:2, ] + diag(2) * 3, x[1:2], transpose = TRUE),
    backsolve(A + 3, B, k = 2), backsolve(A + 3, w, k = 1), forwardsolve(cbind(A, w) + 3, cbind(w, 1:3)), sum(forwardsolve(t(chol(exp(-0.1 * outer(w, w, "-")^2) + diag(3))), w)^2)
  )
})

test_that("sums over rows and columns", {
  set.seed(13)
  expect_all_as_r(
    rowSums(A), colSums(A), rowMeans(A), colMeans(A), rowSums(A * K), colMeans(exp(B)), rowSums(array(c(A, B), c(2, 3, 2))), colSums(array(c(A, B), c(2, 3, 2))),
    rowSums(array(c(A, B), c(2, 3, 2)), dims = 2), colSums(array(c(A, B), c(2, 3, 2)), dims = 2), colMeans(array(c(A, B), c(3, 2, 2)))
  )
})

test_that("distribution functions and logarithms", {
  set.seed(14)
  expect_all_as_r(
    pnorm(a, lower.tail = FALSE), pnorm(a, log.p = TRUE), pnorm(a, s, r, lower.tail = FALSE, log.p = TRUE), pnorm(a, lower.tail = FALSE, log.p = TRUE), plogis(a, s, r), plogis(a, lower.tail = FALSE),
    plogis(a, 1, 2, log.p = TRUE), qlogis(u, s, r), log2(v), log10(v), a %o% b, outer(v, b, "^"), outer(a, x, "pmin"), outer(A, w), outer(a, K)
  )
})

test_that("log pnorm holds far out", {
  compiled <- fullrank:::compile_model(model({ a ~ normal(0, 1); o <- pnorm(a, log.p = TRUE); p <- pnorm(a, lower.tail = FALSE, log.p = TRUE) }), list(), keep = c("o", "p"))
  z <- matrix(c(-1e10, -1000, -50, -38, -35.0001, -34.9999, -30, -5, -1, 0, 0.5, 1, 1.0001, 5, 8, 30, 1000))
  v <- fullrank:::constrain_draws(compiled, z)
  expect_equal(as.vector(v$o), pnorm(z[, 1], log.p = TRUE), tolerance = 1e-14)
  expect_equal(as.vector(v$p), pnorm(z[, 1], lower.tail = FALSE, log.p = TRUE), tolerance = 1e-14)
  f <- log_density(model({ a ~ flat(); target(pnorm(a, log.p = TRUE)) }))
  slope <- exp(dnorm(z[, 1], log = TRUE) - pnorm(z[, 1], log.p = TRUE))
  at <- abs(z[, 1]) < 100
  expect_equal(as.vector(f$gr(z))[at], slope[at], tolerance = 1e-12)
})

test_that("powers are R's, near 1 and far from it beside each other", {
  grid <- rbind(expand.grid(a = c(1e-310, 1e-200, 1e-5, 0.3, 1, 1.7, 40, 1e150), b = c(-1.9, -1, -0.4, 0, 1e-9, 0.5, 1, 2.3)),
                expand.grid(a = c(-3, -1e-4, 0), b = c(0, 1, 2, 5)))
  size <- abs(grid$a^grid$b)
  grid <- grid[size < 1e300 & (grid$a == 0 | size > 1e-290) & (grid$a == 0 | abs(grid$b / grid$a) * pmax(1, size) < 1e300), ]
  m <- model({
    a ~ flat(dim = N)
    target(sum(w * a^b))
  })
  set.seed(5)
  for (rows in c(as.list(seq_len(nrow(grid))), list(sample(nrow(grid)), c(1, 9, 20), 25:nrow(grid)))) {
    a <- grid$a[rows]
    b <- grid$b[rows]
    size <- abs(a^b)
    w <- ifelse(size == 0, 1, 1 / size) * sample(c(-1, 1), length(rows), TRUE)
    f <- log_density(m, list(b = array(b), w = array(w), N = length(rows)))
    expect_near(f$fn(a), sum(w * a^b), 3e-15 * length(rows), label = "value")
    slope <- w * ifelse(b == 0, 0, ifelse(a == 0, b * a^(b - 1), b * a^b / a)) # b - 1 is rounded, which tells far from 1
    expect_lt(max(abs(f$gr(a) - slope) / pmax(abs(slope), 1e-300)), 1e-14)
  }
  exponent <- model({
    b ~ flat(dim = N)
    target(sum(a^b))
  })
  positive <- grid[grid$a > 0 & grid$a^grid$b > 1e-290, ]
  f <- log_density(exponent, list(a = positive$a, N = nrow(positive)))
  expect_near(unname(f$gr(positive$b)), positive$a^positive$b * log(positive$a), 1e-14, label = "slope of the exponent")
})
