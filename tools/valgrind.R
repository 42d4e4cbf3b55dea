# A short session that goes through the package's C code, for valgrind to watch
# (`make valgrind-r`). It looks for bad reads and writes, not for right answers.

library(fullrank)

m <- model({
  mu    ~ normal(0, 5)
  tau   ~ half_cauchy(5)
  theta ~ normal(mu, tau, dim = J)
  y     ~ normal(theta, sigma)
})
data <- list(J = 8L, y = c(28, 8, -3, 7, -1, 1, 18, 12),
             sigma = c(15, 10, 16, 11, 9, 11, 10, 18))

density <- log_density(m, data)
z <- matrix(0.1, 3, density$dim)
invisible(density$fn(z))
invisible(density$gr(z))
invisible(density$constrain(z[1, ]))

for (optimizer in list(adam(), clipped_adam(lr = 0.01), sgd(lr = 1e-4, momentum = 0.9))) {
  for (particles in c(1, 3, 8)) {
    fit <- fullrank(m, data, optimizer = optimizer, steps = 20,
                    particles = particles, seed = 1, progress = FALSE)
  }
}
fit <- update(fit, steps = 10)
# natural(), its verdict, and steps after that; identical() has valgrind look at every bit
fit <- fullrank(m, data, seed = 1, progress = FALSE)
stopifnot(identical(update(fit, steps = 10)$guide, update(fit, steps = 10)$guide))
fit <- update(fit, steps = 10)
invisible(elbo(fit, particles = 16, gradient = TRUE, seed = 1))
invisible(draws(fit, n = 50))
invisible(capture.output(print(fit), print(summary(fit))))
invisible(list(diagnostics(fit), vcov(fit), correlation(fit), quantile(fit, c(0.1, 0.9)), simulate(fit, 2)))

rows <- model({
  b ~ normal(0, 2, dim = ncol(X))
  y ~ bernoulli_logit(X %*% b)
})
X <- matrix(sin(1:1500), 500, 3)
invisible(fullrank(rows, list(X = X, y = as.integer(X[, 1] > 0)), optimizer = adam(),
                   steps = 5, particles = 8, seed = 1, progress = FALSE))
cat("done\n")
