data {
  int<lower=0> n;
  int<lower=1> p;
  matrix[n, p] X;
  int<lower=0, upper=1> y[n];
}
parameters {
  vector[p] b;
}
model {
  b ~ normal(0, 1);
  y ~ bernoulli_logit_glm(X, 0, b);
}
