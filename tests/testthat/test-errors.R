# One wrong model for each thing that the compiler refuses: the message says what was found, in which statement, and what to do.

says <- function(statements, pattern, data = list(), keep = NULL) {
  m <- eval(substitute(model(s), list(s = substitute(statements))), globalenv())
  error <- tryCatch({ fullrank:::compile_model(m, data, keep); NULL }, error = function(e) conditionMessage(e))
  expect(!is.null(error), paste("no error:", pattern))
  if (!is.null(error)) expect(grepl(pattern, gsub("\\s+", " ", error)), sprintf("the message is\n%s\nnot as in\n%s", error, pattern))
}

test_that("names", {
  says({ mu ~ normal(nu, 1) }, "In statement 1, `mu ~ normal\\(nu, 1\\)`: `nu` is neither in the data, nor stated above, nor an object here")
  says({ mu ~ normal(rte, 1) }, "Did you mean `rate`", list(rate = 1))
  says({ mu ~ normal(nu, 1); nu ~ normal(0, 1) }, "It is stated further down: move `nu ~ ...` above")
  says({ mu ~ normal(mean, 1) }, "`mean` is neither in the data, nor stated above, nor an object here")
  says({ mu ~ norml(0, 1) }, "There is no distribution `norml\\(\\)`.*Did you mean `normal`.*Known are")
  says({ mu ~ 3 }, "right side of `~` must be a distribution")
  says({ mu ~ normal(0, 1); mu <- 2 }, "In statement 2.*`mu` is a site: give the deterministic value another name")
  says({ y <- 2; mu ~ normal(0, 1) }, "`y` is in the data: give the deterministic value another name", list(y = 1))
  says({ y ~ normal(0, 1) }, "no latent site", list(y = 1))
  says({ for (i in 1:3) th[i] ~ normal(0, 1) }, "`th` is stated element by element, but neither data nor a site has that name. State the whole vector at once: `th ~ distribution\\(..., dim = n\\)`")
})

test_that("statements", {
  says({ mu ~ normal(0, 1); target(mu, 1) }, "`target\\(\\)` takes one expression")
  says({ mu ~ normal(0, 1); if (mu > 0) target(1) }, "In statement 2, `if \\(mu > 0\\) target\\(1\\)`: `>\\(\\)` is not available .*the log density would jump where it changes. Only data can be compared")
  says({ mu ~ normal(0, 1); if (NA) target(1) }, "condition must be TRUE or FALSE")
  says({ mu ~ normal(0, 1); if (c(TRUE, FALSE)) target(1) }, "condition must be TRUE or FALSE")
  says({ mu ~ normal(0, 1); for (i in mu) target(i) }, "loop runs over a latent")
  says({ mu ~ normal(0, 1); for (i in 1:2) print(i) }, "no statement of the model language. A statement is `name ~ distribution\\(...\\)`, `name <- expression`, `target\\(expression\\)`, `for` or `if`")
  says({ mu ~ normal(0, 1); names(x) <- mu }, "left side of `<-` must be a name or an element")
  says({ mu ~ normal(0, 1, dim = 2); x[mu[1]] <- 1 }, "index on the left depends on a latent")
  says({ mu ~ normal(0, 1); x[0.3] <- mu }, "index on the left runs outside")
  says({ mu ~ normal(0, 1, dim = 2); x[1:3] <- mu }, "2 values do not fill 3 elements")
  says({ mu ~ normal(0, 1); x[1:3] <- c(1, 2); target(x * mu) }, "In statement 2.*number of items to replace is not a multiple")
  says({ mu ~ normal(0, 1); x[3] <- mu; target(x) }, "read whole, but element 1 was never assigned")
  says({ mu ~ normal(0, 1); x[3] <- mu; target(x[2]) }, "Element 2 is read before it is assigned")
  says({ mu ~ normal(0, 1); d <- 2 }, "which depends on no latent", keep = "d")
  says({ mu ~ normal(0, 1) }, "`keep` names `zz`, which is no deterministic value", keep = "zz")
  expect_error(model({ mu <- normal(0, 1); 3 }), "statement 2, `3`")
})

test_that("functions", {
  says({ mu ~ normal(0, 1); target(besselI(mu, 0)) }, "`besselI\\(\\)` is not available for values that depend on a latent.*Allowed are")
  says({ mu ~ normal(0, 1); target(sinn(mu)) }, "Did you mean `sin`")
  says({ mu ~ normal(0, 1); target(normal(mu, 1)) }, "`normal\\(\\)` is a distribution: it stands on the right of `~`")
  says({ mu ~ normal(0, 1); target((function(x) x)(mu)) }, "is no function of the model language")
  says({ mu ~ normal(0, 1); target(exp(mu, 2)) }, "`exp\\(\\)` could not be used so.*unused argument")
  says({ mu ~ normal(0, 1); x <- stop("no luck"); target(x) }, "R could not evaluate `stop\\(.*no luck")
  says({ mu ~ normal(0, 1, dim = 2); target(mu + d) }, "Shapes length 2 and length 3 do not recycle in `\\+`", list(d = 1:3))
  says({ A ~ normal(0, 1, dim = c(2, 2)); target(A * d) }, "Shapes 2 x 2 and 3 x 3 do not recycle in `\\*`", list(d = diag(3)))
  says({ A ~ normal(0, 1, dim = c(2, 2)); target(A %*% d) }, "Shapes 2 x 2 and 3 x 3 do not conform in `%\\*%`", list(d = diag(3)))
  says({ A ~ normal(0, 1, dim = c(2, 3)); target(crossprod(A, d)) }, "do not conform in `crossprod`", list(d = diag(3)))
  says({ A ~ normal(0, 1, dim = c(2, 3)); target(chol(A)) }, "`chol\\(\\)` could not be used so.*square matrix, but its shape is 2 x 3")
  says({ A ~ normal(0, 1, dim = c(2, 3)); target(log_det(A)) }, "square matrix, but its shape is 2 x 3")
  says({ A ~ normal(0, 1, dim = c(2, 2)); target(solve(A, d)) }, "the matrix has 2 rows, but the right-hand side has shape length 3", list(d = 1:3))
  says({ A ~ normal(0, 1, dim = c(2, 2)); target(backsolve(A, d)) }, "shapes 2 x 2 and 1 do not fit", list(d = 1))
  says({ a ~ normal(0, 1, dim = 3); target(backsolve(a, d)) }, "first argument must be a matrix", list(d = 1))
  says({ a ~ normal(0, 1, dim = 3); target(rowSums(a)) }, "takes a matrix or an array")
  says({ A ~ normal(0, 1, dim = c(2, 2)); target(rowSums(A, dims = 2)) }, "`dims` does not fit")
  says({ a ~ normal(0, 1, dim = 3); target(outer(a, a, "%%")) }, "operation of outer\\(\\) must be one of")
  says({ a ~ normal(0, 1, dim = 3); target(ifelse(a, 1, 2)) }, "test depends on a latent")
  says({ a ~ normal(0, 1, dim = 3); target(ifelse(d, a, 2)) }, "test has missing values", list(d = c(TRUE, NA, FALSE)))
  says({ a ~ normal(0, 1); target(pnorm(a, log.p = NA)) }, "`log.p` must be TRUE or FALSE")
  says({ a ~ normal(0, 1); target(pnorm(a, lower.tail = 3)) }, "`lower.tail` must be TRUE or FALSE")
  says({ a ~ normal(0, 1, dim = 0); target(max(a)) }, "its argument is empty")
  says({ a ~ normal(0, 1); target(a * dot(c(1, 2), 3)) }, "`dot\\(c\\(1, 2\\), 3\\)`: the lengths 2 and 1 differ")
  says({ a ~ normal(0, 1, dim = 3); target(a[4]) }, "index in `a\\[4\\]` runs outside `a`, which has 3 elements")
  says({ a ~ normal(0, 1, dim = c(2, 2)); target(a[3, 1]) }, "runs outside `a`, which has shape 2 x 2")
  says({ a ~ normal(0, 1, dim = 3); target(a[a]) }, "The index `a` depends on a latent")
  says({ a ~ normal(0, 1); target(a + d) }, "A number is needed, but this is a factor", list(d = factor("u")))
  says({ a ~ normal(0, 1); target(a + d) }, "A number is needed, but this is of class character", list(d = "u"))
})

test_that("distributions and shapes", {
  says({ k ~ poisson(2) }, "The latent site `k` has the discrete distribution `poisson\\(\\)`.*put it into `data`; otherwise sum it out")
  says({ a ~ normal(0, 1); round(a) ~ poisson(2) }, "`round\\(\\)` is not available for values that depend on a latent")
  says({ a ~ normal(0, 1); a ~ poisson(2) }, "`a` depends on a latent, but `poisson\\(\\)` is a discrete distribution")
  says({ a ~ normal(0, sd = 1) }, "no argument `sd`")
  says({ a ~ normal(0, 1, 2) }, "takes 2 arguments .*but 3 were given")
  says({ a ~ normal(0) }, "needs its argument `scale`")
  says({ a ~ normal(0, 1, loc = 1, loc = 2) }, "An argument of `normal\\(\\)` is given twice")
  says({ a ~ normal(0, -1) }, "`scale` of `normal\\(\\)` must be positive, but it has -1")
  says({ a ~ normal(c(1, NA), 1) }, "has missing values \\(1 of 2\\)")
  says({ a ~ normal(numeric(0), 1) }, "is empty")
  says({ a ~ normal(0, 1); b ~ normal(0, 1, dim = a) }, "`dim` depends on a latent")
  says({ a ~ normal(0, 1, dim = 1.5) }, "`dim` must be whole numbers or names, not 1.5")
  says({ a ~ normal(0, 1, dim = 1e11) }, "`dim = 1e\\+11` asks for more elements than an array can have")
  says({ a ~ normal(c(1, 2, 3), 1, dim = 2) }, "has shape length 3, the site has 2: they do not recycle")
  says({ a ~ uniform(2, 1) }, "The lower bound of `a` must be below its upper bound")
  says({ a ~ dirichlet(1) }, "size of the site is not known: give it, as in `dirichlet\\(..., dim = 3\\)`")
  says({ a ~ dirichlet(c(1, 1), dim = 3) }, "`dim` asks for size 3, but the arguments of `dirichlet\\(\\)` have size 2")
  says({ a ~ multi_normal_cholesky(c(0, 0, 0), diag(2)) }, "The arguments of `multi_normal_cholesky\\(\\)` disagree about the size of the vector: 3, 2")
  says({ a ~ multi_normal_cholesky(0, matrix(1, 2, 3)) }, "must be a square matrix, but its shape is 2 x 3")
  says({ a ~ lkj_corr_cholesky(1, dim = c(2, 3)) }, "`dim = 2:3` is no shape of `lkj_corr_cholesky\\(\\)`")
  says({ a ~ lkj_corr_cholesky(1, dim = 1) }, "A site of `lkj_corr_cholesky\\(\\)` needs a size of at least 2")
})

test_that("observed values", {
  says({ a ~ normal(0, 1); y ~ normal(a, 1) }, "observed `y` has 2 missing values \\(first in rows 2, 4\\).*Drop these rows", list(y = c(1, NA, 2, NA)))
  says({ a ~ normal(0, 1); y ~ normal(a, 1) }, "infinite value", list(y = c(1, Inf)))
  says({ a ~ normal(0, 1); y ~ poisson_log(a) }, "1 value outside the support of `poisson_log\\(\\)` \\(first in row 2\\): -1.*It takes counts", list(y = c(1, -1)))
  says({ a ~ normal(0, 1); y ~ bernoulli_logit(a) }, "It takes 0 or 1", list(y = c(1, 2)))
  says({ a ~ normal(0, 1); y ~ binomial_logit(3, a) }, "It takes counts from 0 to `size`", list(y = c(1, 4)))
  says({ a ~ normal(0, 1); y ~ normal(a, 1) }, "is a factor: a number is needed", list(y = factor("u")))
  says({ a ~ normal(0, 1, dim = 3); y ~ normal(a, 1) }, "The left side `y` has shape length 2, but `loc` of `normal\\(\\)` has shape length 3: the left side must be at least as long", list(y = 1:2))
  says({ a ~ normal(0, 1, dim = 2); y ~ normal(a, 1) }, "Shapes length 3 \\(`y`\\) and length 2 \\(`loc` of `normal\\(\\)`\\) do not recycle", list(y = 1:3))
  says({ a ~ normal(0, 1); y ~ normal(a, 1, dim = 3) }, "`dim` asks for 3, but the left side has shape length 2", list(y = 1:2))
  says({ a ~ normal(0, 1, dim = 2); y ~ multi_normal_cholesky(a, diag(2)) }, "has shape length 3, but the arguments of `multi_normal_cholesky\\(\\)` have size 2", list(y = 1:3))
  says({ a ~ normal(0, 1, dim = 2); y ~ multi_normal_cholesky(a, diag(2)) }, "`y` has 3 dimensions: `multi_normal_cholesky\\(\\)` takes a vector, or a matrix with one observation a row", list(y = array(0, c(2, 2, 2))))
  says({ a ~ normal(0, 1); y ~ lkj_corr_cholesky(exp(a)) }, "must be a square matrix", list(y = matrix(0, 2, 3)))
  says({ a ~ dirichlet(c(1, 1, 1)); y ~ multinomial(5, a) }, "counts of `y` do not sum to `size`", list(y = c(1, 1, 1)))
})

test_that("what is merely odd draws a message", {
  told <- function(m, data = list(), keep = NULL) fullrank:::compile_model(m, data, keep)$messages
  expect_match(told(model({ a ~ normal(0, 1); b <- 2 * a })), "`b` is defined but never used; keep =")
  expect_match(told(model({ a ~ normal(0, 1); b <- 2 * a; x[1] <- a; x[2] <- b })), "`x` is defined but never used")
  expect_length(told(model({ a ~ normal(0, 1); b <- 2 * a }), keep = "b"), 0L)
  expect_length(told(model({ a ~ normal(0, 1); b <- 2 * a; b ~ normal(0, 1) })), 0L)
  expect_match(told(model({ a ~ normal(0, 1); a ~ normal(0, 1) })), "Statement `a ~ normal\\(0, 1\\)` stands twice; it counts twice")
  # a site that goes in where it cannot take all its values
  other <- function(arg, need, site, instead) sprintf("^`%s` must be %s, but the site `%s` also takes other values: give it a distribution such as %s.$", arg, need, site, instead)
  expect_match(told(model({ s ~ normal(0, 1); y ~ normal(0, s); for (i in 1:2) y[i] ~ normal(0, s) }), list(y = 1:2)),
               other("scale` of `normal\\(\\)", "positive", "s", "half_normal\\(\\), or write exp\\(s\\)"))
  expect_match(told(model({ p ~ uniform(-1, 1); y ~ bernoulli(p) }), list(y = 1)), other("prob` of `bernoulli\\(\\)", "between 0 and 1", "p", "beta\\(\\), or write plogis\\(p\\)"))
  expect_match(told(model({ r ~ cauchy(0, 1); x ~ ar1(r, 1, dim = 3) })), other("coef` of `ar1\\(\\)", "between -1 and 1", "r", "uniform\\(-1, 1\\), or write tanh\\(r\\)"))
  expect_match(told(model({ c ~ normal(0, 1, dim = 2); y ~ ordered_logistic(0, c) }), list(y = 1)), other("cutpoints` of `ordered_logistic\\(\\)", "increasing", "c", "ordered\\(\\)"))
  expect_length(told(model({
    u ~ uniform(0, 1); e ~ exponential(1); h ~ truncated(normal(0, 1), lower = 0); o ~ ordered(normal(0, 1), dim = 2); f ~ ordered(normal(0, 1), lower = 0, dim = 2)
    w ~ uniform(0, e); a ~ normal(0, 1)
    y ~ bernoulli(u); y ~ normal(a, e); y ~ normal(0, h); y ~ ordered_probit(0, o); y ~ normal(0, f); y ~ normal(0, w); y ~ normal(0, exp(a)); x ~ ar1(u, 1, dim = 3)
  }), list(y = c(1, 1))), 0L)
})

test_that("statements and arguments of the wrong kind", {
  says({ mu ~ normal(0, 1); 5 <- mu }, "left side of `<-` must be a name or an element")
  says({ mu ~ normal(0, 1); if (mu) target(1) }, "condition depends on a latent: the log density would jump there")
  says({ mu ~ normal(0, 1); f <- function(x) 2 }, "`function\\(x\\) 2` is a function, not a value")
  says({ a ~ exponential(1); y ~ binomial(a, 0.5) }, "`size` of `binomial\\(\\)` depends on a latent: it must be data", list(y = 1))
  says({ a ~ lkj_corr_cholesky(1, dim = 50000) }, "The site `a` has 2,500,000,000 elements; a full covariance of that size needs about .* bytes")
  says({ a ~ lkj_corr_cholesky(1, dim = 0) }, "A site of `lkj_corr_cholesky\\(\\)` needs a size of at least 1")
  says({ a ~ multi_normal_cholesky(mu, diag(2), dim = c(2, 2)) }, "`loc` of `multi_normal_cholesky\\(\\)` has 3 x 2, which does not fit 2 observations of size 2", list(mu = matrix(0, 3, 2)))
  says({ a ~ beta(1, 1); y ~ categorical(a) }, "number of categories of `categorical\\(\\)` is not known", list(y = 1:2))
  says({ a ~ normal(0, 1); R ~ lkj_corr_cholesky(exp(a)) }, "observed `R` is outside the support of `lkj_corr_cholesky\\(\\)`: it must be the Cholesky factor of a correlation matrix, but the squares of row 2 sum to 1.25",
       list(R = matrix(c(1, 0.5, 0, 1), 2)))
  says({ a ~ normal(0, 1); R ~ lkj_corr_cholesky(exp(a)) }, "but element \\[1,2\\] is 0.5 instead of 0", list(R = matrix(c(1, 0, 0.5, 1), 2)))
  says({ a ~ multi_normal_cholesky(c(0, 0), L) }, "`scale_tril` of `multi_normal_cholesky\\(\\)` must be a lower triangular matrix with a positive diagonal: element \\[2,2\\] is -1", list(L = diag(c(1, -1))))
})

test_that("wrappers", {
  y <- list(y = c(0, 1))
  says({ a ~ normal(0, 1); exp(a) ~ censored(normal(0, 1), lower = 0) }, "`censored\\(\\)` needs an observed left side and bounds that are data")
  says({ a ~ normal(0, 1); exp(a) ~ zero_inflated(0.1, normal(0, 1)) }, "`zero_inflated\\(\\)` needs an observed left side")
  says({ a ~ censored(normal(0, 1), lower = 0) }, "A latent site cannot be `censored\\(\\)`: it would have single values")
  says({ a ~ mixture(c(0.5, 0.5), poisson(1), poisson(2)) }, "The latent site `a` has the discrete distribution `poisson\\(\\)`")
  says({ a ~ mixture(c(0.5, 0.5), normal(0, 1), gamma(1, 1)) }, "distributions of the mixture `a` have different supports")
  says({ a ~ normal(0, 1); y ~ mixture(c(-1, 2), normal(a, 1), normal(0, 1)) }, "`weights` of `mixture\\(\\)` must not be negative, nor all 0", y)
  says({ a ~ normal(0, 1); y ~ mixture(rbind(c(1, 2), c(0, 0)), normal(a, 1), normal(0, 1)) }, "`weights` of `mixture\\(\\)` must not be negative, nor all 0", y)
  says({ a ~ normal(0, 1); y ~ mixture(c(1, 2, 3), normal(a, 1), normal(0, 1)) }, "`weights` of `mixture\\(\\)` has length 3, but there are 2 distributions", y)
  says({ a ~ normal(0, 1); y ~ mixture(normal(a, 1), normal(0, 1)) }, "`normal\\(\\)` is a distribution: it stands on the right of `~`", y)
  says({ a ~ normal(0, 1); y ~ mixture(c(0.5, 0.5)) }, "`mixture\\(\\)` needs a distribution, as in", y)
  says({ a ~ normal(0, 1); y ~ zero_inflated(2, normal(a, 1)) }, "`prob` of `zero_inflated\\(\\)` must be between 0 and 1", y)
  says({ a ~ normal(0, 1); y ~ zero_inflated(dist = normal(a, 1)) }, "`zero_inflated\\(\\)` needs its argument `prob`", y)
  says({ a ~ normal(0, 1); y ~ zero_inflated(0.1, mixture(W, normal(a, 1), normal(0, 1))) }, "weights differ between observations cannot stand inside another wrapper", c(y, list(W = matrix(0.5, 2, 2))))
  says({ a ~ truncated(normal(0, 1), lower = Inf) }, "bounds of `truncated\\(\\)` have missing or impossible values")
  says({ a ~ truncated(normal(0, 1), lower = 2, upper = 1) }, "`lower` of `truncated\\(\\)` must be below `upper`")
  says({ a ~ truncated(uniform(0, 1), lower = 2) }, "lower bound of `a` must be below its upper bound")
  says({ a ~ truncated(normal(0, 1), bottom = 2) }, "`truncated\\(\\)` could not be read: unused argument.*It takes `dist`, `lower`, `upper` and `dim`")
  says({ a ~ truncated(normal(0, 1, dim = 2), lower = 0) }, "`dim` belongs to the wrapper, not to the distribution inside")
  says({ a ~ truncated(dirichlet(c(1, 1)), lower = 0) }, "`dirichlet\\(\\)` cannot be wrapped: only distributions of single numbers can, and others by `mixture\\(\\)` alone")
  says({ a ~ mixture(c(0.5, 0.5), lkj_corr_cholesky(1), lkj_corr_cholesky(2)) }, "`lkj_corr_cholesky\\(\\)` cannot be wrapped: only distributions of single numbers can\\.")
  says({ a ~ mixture(c(0.5, 0.5), dirichlet(c(1, 1)), dirichlet(c(2, 1))) }, "latent site `a` cannot be a mixture of `dirichlet\\(\\)`: state its parts as sites, or add the density by `target\\(\\)`")
  says({ a ~ normal(0, 1); y ~ mixture(c(0.5, 0.5), normal(a, 1), multi_normal_cholesky(c(a, 0), diag(2))) }, "mixes distributions of vectors with distributions of single numbers", y)
  says({ a ~ truncated(norml(0, 1), lower = 0) }, "There is no distribution `norml\\(\\)`.*Did you mean `normal`")
  says({ a ~ normal(0, 1); y ~ truncated(mixture(c(0.5, 0.5), normal(a, 1), normal(0, 1)), lower = -1) }, "go around a distribution of the table, not around another wrapper", y)
  says({ a ~ normal(0, 1); y ~ truncated(normal(a, 1), lower = 0.5) }, "observed `y` has 1 value outside the bounds of `truncated\\(\\)` \\(first in row 1\\)", y)
  says({ a ~ normal(0, 1); y ~ truncated(normal(a, 1), upper = 5) }, "observed `y` has 1 missing value \\(first in row 2\\)", list(y = c(1, NA)))
  says({ a ~ normal(0, 1); y ~ truncated(normal(a, 1), upper = 5, dim = 3) }, "`dim` asks for 3, but the left side has shape length 2", y)
  says({ a ~ normal(0, 1, dim = 3); y ~ truncated(normal(a, 1), upper = 5) }, "Shapes length 3 and 2 of `normal\\(\\)` do not recycle", y)
  says({ a ~ normal(0, 1); y ~ ordered(normal(a, 1)) }, "`ordered\\(\\)` is the distribution of a latent vector", y)
  says({ a ~ ordered(normal(0, 1), dim = c(2, 2)) }, "`ordered\\(\\)` is one vector: `dim` must be one number")
  says({ a ~ normal(0, 1); y ~ zero_inflated(0.2, poisson(exp(a))) }, "observed `y` has 1 value outside the support of `poisson\\(\\)` \\(first in row 3\\): 1.5", list(y = c(0, 2, 1.5)))
})

test_that("a wrapper without a distribution shows how it is written", {
  y <- list(y = c(0, 1))
  says({ a ~ truncated(lower = 0) }, "`truncated\\(\\)` needs a distribution, as in `truncated\\(normal\\(0, 1\\), lower = 0\\)`")
  says({ a ~ normal(0, 1); y ~ censored(upper = 2) }, "`censored\\(\\)` needs a distribution, as in `censored\\(normal\\(mu, 1\\), upper = 10\\)`", y)
  says({ a ~ beta(1, 1); y ~ zero_inflated(a) }, "`zero_inflated\\(\\)` needs a distribution, as in `zero_inflated\\(0.2, poisson\\(3\\)\\)`", y)
  says({ a ~ mixture(c(1, 1)) }, "`mixture\\(\\)` needs a distribution, as in `mixture\\(c\\(0.3, 0.7\\), normal\\(0, 1\\), normal\\(4, 1\\)\\)`")
  says({ a ~ ordered(dim = 3) }, "`ordered\\(\\)` needs a distribution, as in `ordered\\(normal\\(0, 5\\), dim = 3\\)`")
})

test_that("an argument of data outside its support is said to be so, whatever the support", {
  says({ a ~ normal(0, 1); y ~ binomial(2.5, plogis(a)) }, "`size` of `binomial\\(\\)` must be a count, but it has 2.5", list(y = 1))
  says({ a ~ exponential(1); y ~ beta_proportion(1, a) }, "`mean` of `beta_proportion\\(\\)` must be between 0 and 1, both excluded, but it has 1", list(y = 0.5))
  says({ a ~ normal(0, 1); b ~ bernoulli(1.5) }, "`prob` of `bernoulli\\(\\)` must be between 0 and 1, but it has 1.5", list(b = 1))
  says({ a ~ exponential(1); y ~ poisson(-2) }, "`rate` of `poisson\\(\\)` must be at least 0, but it has -2", list(y = 1))
  says({ a ~ normal(0, 1); y ~ ordered_logistic(a, c(2, 1)) }, "`cutpoints` of `ordered_logistic\\(\\)` must be increasing, but it has 1", list(y = 1))
  says({ a ~ ar1(-1, 1, dim = 3) }, "`coef` of `ar1\\(\\)` must be between -1 and 1, both excluded, but it has -1")
  says({ a ~ icar(c(0, 1), c(1, 2)) }, "`node1` of `icar\\(\\)` must be numbers of elements, from 1, but it has 0")
})

test_that("an observed value outside the support is told what the distribution takes", {
  says({ a ~ exponential(1); y ~ gamma(a, 1) }, "1 value outside the support of `gamma\\(\\)` \\(first in row 2\\): -1. It takes positive numbers", list(y = c(1, -1)))
  says({ a ~ exponential(1); y ~ beta(a, 1) }, "outside the support of `beta\\(\\)`.*It takes numbers between 0 and 1", list(y = 1.5))
  says({ a ~ normal(0, 1); y ~ categorical_logit(c(a, 0, 0)) }, "outside the support of `categorical_logit\\(\\)`.*It takes categories 1, 2, ... as numbers, up to 3", list(y = c(1, 4)))
  says({ a ~ normal(0, 1); y ~ ordered_logistic(a, c(-1, 1)) }, "It takes categories 1, 2, ... as numbers, up to 3", list(y = 0))
  says({ a ~ exponential(1); y ~ uniform(a, 2) }, "It takes numbers between its bounds", list(y = 4))
  says({ a ~ exponential(1); y ~ dirichlet(c(a, 1)) }, "It takes vectors of shares that sum to 1", list(y = c(0.5, 0.4)))
  says({ a ~ dirichlet(c(1, 1)); y ~ multinomial(3, a) }, "outside the support of `multinomial\\(\\)`.*It takes counts", list(y = c(1.5, 1.5)))
})

test_that("a value outside a site's support is told what the site takes", {
  f <- log_density(model({
    s ~ dirichlet(c(1, 1))
    o ~ ordered(normal(0, 1), dim = 2)
    p ~ ordered(normal(0, 1), lower = 1, dim = 2)
    u ~ uniform(2, 3)
    e ~ exponential(1)
    w ~ uniform(0, e)
  }))
  good <- list(s = c(0.5, 0.5), o = c(0, 1), p = c(2, 3), u = 2.5, e = 1, w = 0.5)
  expect_equal(f$constrain(f$unconstrain(good)), good)
  refused <- function(..., pattern) expect_error(f$unconstrain(utils::modifyList(good, list(...))), pattern)
  refused(s = c(0.5, 0.6), pattern = "The value of `s` is outside its support: it must be positive and sum to 1")
  refused(o = c(1, 0), pattern = "The value of `o` is outside its support: it must increase\\.")
  refused(p = c(0, 3), pattern = "The value of `p` is outside its support: it must increase, from its lower bound")
  refused(u = 4, pattern = "The value of `u` is outside its support: it must lie between 2 and 3")
  refused(w = 2, pattern = "The value of `w` is outside its support: it must lie between its bounds")
})

test_that("a deterministic value that cannot be kept is said to be so, of the model and not of its last statement", {
  says({ mu ~ normal(0, 1); x[3] <- mu; y <- mu }, "^In the model: A vector filled element by element is read whole, but element 1 was never assigned", keep = "x")
})

test_that("what would take minutes or more than the memory is refused before it begins", {
  refused <- function(...) expect_lt(system.time(says(...))[["elapsed"]], 20)
  refused({ a ~ normal(0, 1); for (i in 1:1e7) target(a) },
          "In statement 2, `for .*`: With the loop over `i`, 10,000,000 iterations are compiled, above 1,000,000, the most that can be. Write it on whole vectors: `y ~ normal\\(mu\\[group\\], sigma\\)`")
  refused({ a ~ normal(0, 1); for (i in 1:20) for (j in 1:100000) target(a * i * j) }, "In statement 3, `for \\(j in .*With the loop over `j`, 1,000,020 iterations are compiled")
  refused({ a ~ normal(0, 1); for (i in 1:2e5) x[i] <- i; target(a * x[1]) }, "With the loop over `i`, 200,000 iterations are compiled one by one \\(it fills data\\), above 100,000")
  refused({ a ~ normal(0, 1); for (i in as.list(1:2e5)) target(a) }, "200,000 iterations are compiled one by one \\(they are not alike\\), above 100,000")
  large <- "`%s\\(\\)` could not be used so: it makes an array of 3,600,000,000 elements, above 100,000,000, the most that can be"
  refused({ a ~ normal(0, 1, dim = 60000); target(outer(a, a)) }, sprintf(large, "outer"))
  refused({ a ~ normal(0, 1, dim = 60000); target(tcrossprod(a)) }, sprintf(large, "tcrossprod"))
  refused({ a ~ normal(0, 1, dim = 60000); target(a %*% t(a)) }, sprintf(large, "%\\*%"))
  refused({ a ~ normal(0, 1, dim = 60000); target(diag(a)) }, sprintf(large, "diag"))
  refused({ a ~ normal(0, 1); target(matrix(a, 60000, 60000)) }, sprintf(large, "matrix"))
  refused({ a ~ normal(0, 1); target(array(a, c(60000, 60000))) }, sprintf(large, "array"))
  refused({ a ~ normal(0, 1, dim = 20000); target(rep(a, 6000)) }, "`rep\\(\\)` could not be used so: it makes an array of 120,000,000 elements")
})

test_that("integers that overflow are said to, where R only warns", {
  n <- list(n = 60000L, y = 1:20)
  says({ a ~ normal(0, 1); y ~ normal(a, n * n) }, "In statement 2.*: `n \\* n` goes beyond R's largest integer, 2,147,483,647. Make its integers numbers first: as.numeric\\(\\)", n)
  says({ a ~ normal(0, 1); y ~ normal(a + 1 / (n * n), 1) }, "`1/\\(n \\* n\\)` goes beyond", n)
  says({ a ~ normal(0, 1); y ~ normal(a, cumsum(k)) }, "`cumsum\\(k\\)` goes beyond", list(y = 1:2, k = rep(2e9L, 2)))
  says({ a ~ normal(0, 1); for (i in 1:20) y[i] ~ normal(a, n * n * i) }, "`n \\* n \\* i` goes beyond", n)
  # without a missing value in the result it is none
  expect_silent(fullrank:::compile_model(model({ a ~ normal(0, 1); y ~ normal(a, length(n * n)) }), n))
})

test_that("names of other languages are known", {
  says({ a ~ normal(0, 1); y ~ dnorm(a, 1) }, "There is no distribution `dnorm\\(\\)`. Did you mean `normal`", list(y = 1))
  says({ a ~ normal(0, 1); y ~ neg_binomial_2(exp(a), 1) }, "Did you mean `neg_binomial`", list(y = 1))
  says({ a ~ normal(0, 1); target(inv_logit(a)) }, "`inv_logit\\(\\)` is not available .*Did you mean `plogis`")
  says({ a ~ normal(0, 1); target(normal_lpdf(a, 0, 1)) }, "`normal_lpdf\\(\\)` is not available for values that depend on a latent. `normal\\(\\)` is a distribution")
  says({ a ~ normal(mean = 0, sd = 1) }, "`normal\\(\\)` has no argument `mean`. Did you mean `loc`\\? Its arguments are `loc`, `scale` and `dim`")
  known <- c(names(fullrank:::dist_table()), fullrank:::language_names(), unlist(lapply(fullrank:::dist_table(), function(d) vapply(d$args, `[[`, "", "name"))))
  expect_identical(setdiff(unlist(fullrank:::names_elsewhere), known), character())
})

test_that("a function that is not there is named, not what stands in its call", {
  says({ a ~ normal(0, 1, dim = 3); target(sapply(1:3, function(i) a[i])) }, "`sapply\\(\\)` is not available for values that depend on a latent")
  says({ a ~ normal(0, 1, dim = 3); target(apply(cbind(a, a), 1, sum)) }, "`apply\\(\\)` is not available for values that depend on a latent")
})

test_that("a loop's variable and the values of the model have names of their own", {
  says({ a ~ normal(0, 1); for (a in 1:3) target(a) }, "In statement 2.*`a` is a site or a value of the model: give the loop's variable another name")
  says({ a ~ normal(0, 1); b <- 3; for (b in 1:30) target(a * b) }, "`b` is a site or a value of the model: give the loop's variable another name")
  for (n in c(3, 30)) {
    says({ a ~ normal(0, 1); for (i in 1:n) { i <- i * a; target(i) } }, "`i` is the variable of a loop: give the deterministic value another name", list(n = n))
    says({ a ~ normal(0, 1); for (i in 1:n) for (j in 1:2) { i[1] <- i + 1; target(a * i) } }, "`i` is the variable of a loop", list(n = n))
  }
})

test_that("a Wishart has more degrees of freedom than its matrix has rows, less one", {
  says({ W ~ wishart(2, diag(3)) }, "`df` of `wishart\\(\\)` must be above 2, one less than the size of the matrix, but it is 2")
  says({ a ~ normal(0, 1); W ~ inverse_wishart(1, exp(a) * diag(2)) }, "`df` of `inverse_wishart\\(\\)` must be above 1", list(W = diag(2)))
  f <- log_density(model({ df ~ exponential(1); W ~ wishart(df, diag(3)) }))
  expect_identical(is.nan(f$fn(rbind(c(log(1.9), 1:6), c(log(2.1), 1:6)))), c(TRUE, FALSE))
})

test_that("supports that no distribution has are an internal error", {
  none <- list(support = "nonsense", size_arg = 0L, lower_arg = 0L, upper_arg = 0L)
  expect_error(fullrank:::outside_support(none, 1, list()), "internal: unknown support 'nonsense'")
  expect_error(fullrank:::site_bounds(none, list(name = "a", args = list()), NULL), "internal: no map to the support 'nonsense'")
})

test_that("what only looks like a number or an expression is told what it is", {
  says({ a ~ normal(0, 1); y ~ normal(a, 1) }, "A number is needed, but this is of class integer64 \\(use as.numeric\\(\\)\\)", list(y = structure(5e-324, class = "integer64")))
  says({ a ~ normal(0, 1); y ~ normal(a * d, 1) }, "of class difftime \\(use as.numeric\\(\\)\\)", list(y = 1, d = as.Date("2020-01-02") - as.Date("2020-01-01")))
  says({ a ~ normal(0, 1); b <- if (TRUE) a else 2 }, "`if\\(\\)` is not available .* Here it is a statement: `if \\(test\\) x <- ... else x <- ...`; for each element there is ifelse")
  says({ a = normal(0, 1) }, "R could not evaluate `normal\\(0, 1\\)`: could not find function \"normal\". `normal\\(\\)` is a distribution: it stands on the right of `~`")
  says({ a ~ normal(Inf, 1) }, "`loc` of `normal\\(\\)` must be finite, but it has Inf")
  says({ a ~ uniform(c(0, -Inf), 1) }, "`lower` of `uniform\\(\\)` must be finite, but it has -Inf")
  says({ a ~ normal(0, 1); k ~ categorical(rbind(c(1, 1), c(0, 0))) }, "`prob` of `categorical\\(\\)` must be at least 0, and not all 0, but it has 0, 0", list(k = 1:2))
  expect_length(fullrank:::compile_model(model({ a ~ flat(lower = 0); y ~ student_t(Inf, a, 1) }), list(y = 1))$messages, 0L)
})

test_that("a site has no elements by `$`", {
  says({ a ~ normal(0, 1, dim = 2); target(a$b) }, "`\\$` is not available for values that depend on a latent: `a` is an array of numbers. Take elements of it by number or by name, as in `a\\[1\\]`")
  says({ a ~ normal(0, 1, dim = 2); y ~ normal(a@b, 1) }, "`@` is not available", list(y = 1))
})

test_that("values and draws", {
  m <- model({ a ~ normal(0, 1); S ~ lkj_corr_cholesky(1, dim = 2) })
  f <- log_density(m)
  expect_error(f$unconstrain(list(a = 1)), "A value is missing for `S`")
  expect_error(f$unconstrain(list(a = 1, S = diag(2), s = 3)), "`s` is no latent site of the model. Did you mean `S`\\? Its sites are `a` and `S`")
  expect_error(f$unconstrain(3), "Values must be a named list")
  expect_error(f$unconstrain(list(a = "u", S = diag(2))), "The value of `a` must be numeric, not character")
  expect_error(f$unconstrain(list(a = NA_real_, S = diag(2))), "The value of `a` has missing values")
  expect_error(f$unconstrain(list(a = 1, S = diag(3))), "The value of `S` has shape 3 x 3, but the site has 2 x 2")
  expect_error(f$unconstrain(list(a = 1, S = 2 * diag(2))), "The value of `S` is outside its support: it must be the Cholesky factor of a correlation matrix, but the squares of row 1 sum to 4")
  expect_error(f$fn(1:3), "`z` must be 2 numbers, or a matrix with 2 columns")
  expect_error(f$constrain(matrix(0, 2, 2)), "takes one point")
  expect_error(log_density(3), "`m` must be a model")
  expect_error(simulate(model({ a ~ flat() }), 1), "`a` has no proper prior to draw from \\(`flat\\(\\)`\\)")
  expect_error(svi_step(3, adam()), "`g` must be a guide, made by guide\\(\\)")
  expect_error(diagnostics(3), "diagnostics\\(\\) takes a fit, made by fullrank\\(\\), not an object of class numeric")
  fit <- fullrank(model({ a ~ normal(0, 1) }), seed = 1, steps = 5)
  expect_error(simulate(fit, 1), "no observed site to replicate")
})

test_that("the oracle says what it lacks", {
  expect_error(fullrank:::oracle_density("nonsense", list(1), 1L, 1L), "no density of `nonsense\\(\\)`")
  expect_error(fullrank:::oracle_log_interval("nonsense", 0, 1, list(), 1L), "no distribution function of `nonsense\\(\\)`")
  expect_error(fullrank:::oracle_op("nonsense", list(1), 1L, 1L, NULL), "no operation `nonsense`")
  expect_error(fullrank:::oracle_vector_site(0, c(0L, 0L, 99L, 1L, 2L)), "no bijection")
})

test_that("truncation and censoring need a distribution function, and its derivative where an argument is latent", {
  says({ a ~ normal(0, 1); y ~ truncated(von_mises(a, 1), lower = 0) }, "`von_mises\\(\\)` cannot be truncated or censored: its distribution function is not available", list(y = 1))
  says({ a ~ truncated(flat(), lower = 1) }, "`flat\\(\\)` cannot be truncated or censored.*It has bounds of its own: `flat\\(lower, upper\\)`")
  says({ a ~ exponential(1); y ~ truncated(gamma(a, 1), lower = 1) }, "`shape` of `gamma\\(\\)` depends on a latent, but inside `truncated\\(\\)` and `censored\\(\\)` it must be data", list(y = 2))
  says({ a ~ exponential(1); y ~ censored(student_t(a, 0, 1), lower = 1) }, "`df` of `student_t\\(\\)` depends on a latent, but inside", list(y = 1))
  # data may stand there, and a latent in the other arguments
  expect_consistent(log_density(model({ a ~ exponential(1); y ~ truncated(gamma(2.5, a), lower = 1) }), list(y = c(2, 3))))
})

# ---- programs that the compiler did not write ------------------------------------------------------------------------

test_that("a damaged program is refused, whatever is wrong with it", {
  y <- rnorm(12)
  m <- model({
    mu ~ normal(0, 1, dim = 2)
    s  ~ lognormal(0, 1)
    L  ~ lkj_corr_cholesky(2, dim = 2)
    A <- chol(crossprod(diag(mu) %*% L) + diag(2))
    x[1] <- s
    for (t in 2:12) x[t] <- 0.5 * x[t - 1] + A[1, 2]
    y ~ normal(x, exp(cumsum(mu)[2]))
    mu ~ multi_normal_cholesky(c(0, 0), A)
  })
  program <- fullrank:::compile_model(m, list(y = y))$program
  z <- matrix(c(0.1, 0.2, 0.3, 0.4), 1L)
  run <- function(p, z. = z, gradient = TRUE) .Call(fullrank:::fullrank_program_eval, p, z., gradient, FALSE)
  expect_true(is.finite(run(program)$log_prob))
  refused <- function(p, pattern = "damaged|internal|no distribution") {
    message <- tryCatch({ run(p); "" }, error = function(e) conditionMessage(e))
    expect(grepl(pattern, message), sprintf("a damaged program gave: %s", message))
  }
  for (name in names(program)) if (name != "version") refused(program[setdiff(names(program), name)])
  for (name in setdiff(names(program), c("version"))) {
    for (bad in list(NULL, "a", NA, -1L, list(), 1.5, list("a"), TRUE)) {
      p <- program
      p[name] <- list(bad)
      if (!identical(p, program)) refused(p)
    }
  }
  refused(NULL)
  refused(3)
  refused(list())
  # every entry of every vector, also those of the loop's body
  set.seed(4)
  vectors <- c("op", "len", "arg", "arg_start", "ints", "int_start")
  outcomes <- character()
  for (where in c("program", "body")) for (name in vectors) {
    x <- if (where == "program") program[[name]] else program$bodies[[1L]][[name]]
    for (k in seq_along(x)) for (value in c(-1L, NA, 100000L, x[k] + 1L)) {
      p <- program
      if (where == "program") p[[name]][k] <- value else p$bodies[[1L]][[name]][k] <- value
      outcomes <- c(outcomes, tryCatch({ run(p); "ran" }, error = function(e) if (grepl("damaged", conditionMessage(e))) "refused" else conditionMessage(e)))
    }
  }
  expect_setequal(unique(outcomes), c("ran", "refused"))
  expect_gt(mean(outcomes == "refused"), 0.8)
  for (k in seq_along(program$index)) for (value in c(-1L, NA, 100000L)) {
    p <- program
    p$index[[k]][1L] <- value
    refused(p)
  }
  for (field in c("iterations", "n_initial")) for (value in list(-1L, NA_integer_, 1000L, 0L, 2147483647L, "a", NULL)) {
    if (field == "n_initial" && identical(value, 0L)) next # a loop whose memory starts empty is another program, but a sound one
    p <- program
    p$bodies[[1L]][field] <- list(value)
    refused(p)
  }
})

test_that("what is wrong with a program is said, and where", {
  program <- fullrank:::compile_model(model({ a ~ normal(0, 1, dim = 2); target(sum(exp(a))) }), list())$program
  run <- function(p) .Call(fullrank:::fullrank_program_eval, p, matrix(0, 1L, 2L), TRUE, FALSE)
  changed <- function(name, k, value) { program[[name]][k] <- value; program }
  at <- which(names(fullrank:::op_codes())[program$op + 1L] == "exp")
  expect_error(run(changed("op", at, 999L)), sprintf("damaged at node %d: an operation that this version does not know", at))
  expect_error(run(changed("len", at, 3L)), sprintf("damaged at node %d: an argument, shape or index that does not fit", at))
  expect_error(run(changed("arg", 1L, 99L)), "damaged at node [0-9]+: an argument, shape or index")
  expect_error(run(changed("dists", 1L, "nonsense")), "this version has no distribution 'nonsense'")
  expect_error(run(changed("op", at, "exp")), "'op' is not an integer vector")
  expect_error(run(program["op"]), "damaged|internal: the list has no element")
  expect_error(run(changed("op", length(program$op) + 1L, 0L)), "damaged: its vectors differ in length")
  expect_error(run(changed("arg_start", 2L, 99L)), "damaged: node 1 points outside its arguments")
  expect_error(run(changed("d", 1L, -1)), "damaged: 'd' is no count")
  expect_error(run(changed("constants", 1L, list("u"))), "damaged: data of the wrong type")
  program$dists <- 3
  expect_error(run(program), "damaged: 'dists' has the wrong type")
  expect_error(run(3), "damaged: it is not a list")
})

test_that("points and nodes of the wrong kind are refused", {
  compiled <- fullrank:::compile_model(model({ a ~ normal(0, 1, dim = 2) }), list())
  run <- function(z) .Call(fullrank:::fullrank_program_eval, compiled$program, z, TRUE, FALSE)
  for (z in list(NULL, 1, matrix(1, 1, 3), matrix(1L, 1, 2), matrix("a", 1, 2), list(1, 2))) expect_error(run(z), "internal: z is not a matrix with 2 columns")
  values <- function(nodes) .Call(fullrank:::fullrank_program_values, compiled$program, matrix(0, 1, 2), nodes)
  for (nodes in list(-1L, 1000L, NA_integer_)) expect_error(values(nodes), "internal: no node")
  for (nodes in list(1, "a", NULL)) expect_error(values(nodes), "internal: nodes are not integers")
})

test_that("empty arguments, conditions of text, far indices and models without a coordinate are said to be so", {
  y <- c(1, 2)
  expect_error(fullrank(model({ a ~ normal(, 1); y ~ normal(a, 1) }), list(y = y)), "In statement 1, `a ~ normal\\(, 1\\)`:\n  An argument is empty")
  expect_error(fullrank(model({ a ~ normal(0, 1); y ~ normal(c(a, ), 1) }), list(y = y)), "In statement 2.*An argument is empty")
  expect_error(fullrank(model({ a ~ normal(0, 1); if ("x") y ~ normal(a, 1) }), list(y = y)), "The condition must be TRUE or FALSE, not \"x\"")
  expect_error(fullrank(model({ a ~ normal(0, 1); b <- a; b[1e10] <- 1; y ~ normal(b[1], 1) }), list(y = y)), "The index on the left, 10,000,000,000, is above 10,000,000, the most elements that can be assigned one by one")
  expect_error(fullrank(model({ a ~ normal(0, 1, dim = k); y ~ normal(X %*% a, 1) }), list(y = y, X = matrix(0, 2, 0), k = 0)), "nothing to fit: every latent site has length 0")
})

test_that("no name is offered that shares no letter with the wrong one", {
  message <- tryCatch(fullrank(model({ a ~ normal(0, 1); y ~ normal(a + q, 1) }), list(y = 1)), error = conditionMessage)
  expect_match(message, "`q` is neither in the data")
  expect_no_match(message, "Did you mean")
})

test_that("the routines of the C core refuse what does not fit them, by a message", {
  compiled <- fullrank:::compile_model(model({ a ~ normal(0, 1, dim = 2) }), list())
  names <- grep("^fullrank_", ls(asNamespace("fullrank")), value = TRUE)
  routines <- Filter(function(r) inherits(r, "CallRoutine") && r$numParameters > 0L, mget(names, envir = asNamespace("fullrank")))
  expect_gt(length(routines), 20L)
  wrong <- list(NULL, NA, NA_integer_, -1L, numeric(), "a", list(), mean, matrix(numeric(), 0L, 2L), compiled$program)
  for (name in names(routines)) for (bad in wrong) {
    args <- rep(list(bad), routines[[name]]$numParameters)
    outcome <- suppressWarnings(tryCatch({ do.call(.Call, c(list(routines[[name]]), args), quote = TRUE); "ran" }, error = conditionMessage))
    if (name == "fullrank_pack_guide" && is.numeric(bad) && !length(bad)) next # a guide without a coordinate
    expect(grepl("internal|damaged|guide|external pointer|not a matrix", outcome), sprintf("%s: %s", name, outcome))
  }
  expect_error(.Call(fullrank:::fullrank_dist_log_prob, 1, 0, list(0, 1), FALSE, 1L), "internal: `name` is not a string")
  expect_error(.Call(fullrank:::fullrank_dist_log_prob, "nosuch", 0, list(0, 1), FALSE, 1L), "internal: there is no distribution 'nosuch'")
  expect_error(.Call(fullrank:::fullrank_dist_log_prob, "normal", 0, list(0), FALSE, 1L), "internal: 'normal' takes a list of 2 arguments")
  expect_error(.Call(fullrank:::fullrank_dist_log_prob, "normal", numeric(), list(0, 1), FALSE, 1L), "internal: `x` is not of events of size 1")
  expect_error(.Call(fullrank:::fullrank_dist_log_prob, "normal", 0, list(0, 1), FALSE, 3L), "internal: `width` is neither 1 nor a multiple")
  expect_error(.Call(fullrank:::fullrank_dist_sample, "normal", -1L, list(0, 1), 1L, 1, 0L), "internal: `n` is negative")
  expect_error(.Call(fullrank:::fullrank_dist_sample, "normal", 1L, list(0, 1), 1L, -1, 0L), "a seed is a whole number between 0 and 2\\^53")
  expect_error(.Call(fullrank:::fullrank_bijection, 999L, 0, 0, 1, 1L, "forward"), "internal: there is no bijection with code 999")
  expect_error(.Call(fullrank:::fullrank_dist_sample, "dirichlet", 1L, list(1), 0L, 1, 0L), "internal: `K` is below 1")
  expect_error(.Call(fullrank:::fullrank_dist_log_interval, "normal", c(0, 1), c(1, 2, 3), list(0, 1)), "internal: bounds of different lengths")
  expect_error(.Call(fullrank:::fullrank_dist_log_interval, "flat", 0, 1, list(0, 1)), "internal: 'flat' has no distribution function")
  expect_error(.Call(fullrank:::fullrank_guide_start, numeric(), 0.1), "the guide needs at least one coordinate and an init_scale above 0")
  expect_error(.Call(fullrank:::fullrank_guide_start, NaN, 0.1), "the start of the guide has values that are not finite")
  expect_error(.Call(fullrank:::fullrank_guide_unconstrain, c(1, 0), diag(2)), "a guide's scale must be positive and finite")
  expect_error(.Call(fullrank:::fullrank_natural_start, c(0, 0), 3L), "internal: 'theta' does not have the guide's size")
  expect_error(.Call(fullrank:::fullrank_special, "nosuch", 1, NULL), "internal: there is no special function 'nosuch'")
})

test_that("an expression that is nested too deeply is said to be so", {
  nested <- function(n) {
    e <- Reduce(function(e, k) call("+", 1, e), seq_len(n), quote(a))
    eval(call("model", call("{", quote(a ~ normal(0, 1)), call("~", quote(y), call("normal", e, 1)))))
  }
  expect_error(fullrank(nested(5000), list(y = 1), steps = 1, progress = FALSE), "nested too deeply")
})
