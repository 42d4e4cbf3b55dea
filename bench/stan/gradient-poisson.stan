data {
  int<lower=0> n;
  int<lower=1> J;
  int<lower=1, upper=J> g[n];
  vector[n] x;
  int<lower=0> y[n];
}
parameters {
  real a;
  real b;
  real<lower=0> tau;
  vector[J] u;
}
model {
  a ~ normal(0, 5);
  b ~ normal(0, 5);
  tau ~ normal(0, 1);
  u ~ normal(0, tau);
  y ~ poisson_log(a + b * x + u[g]);
}
