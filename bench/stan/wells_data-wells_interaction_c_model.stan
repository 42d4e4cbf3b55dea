data { int<lower=0> N; int<lower=0, upper=1> switched[N]; vector[N] dist; vector[N] arsenic; }
transformed data {
  matrix[N, 3] X;
  X[, 1] = (dist - mean(dist)) / 100;
  X[, 2] = arsenic - mean(arsenic);
  X[, 3] = X[, 1] .* X[, 2];
}
parameters { real alpha; vector[3] beta; }
model { switched ~ bernoulli_logit_glm(X, alpha, beta); }
