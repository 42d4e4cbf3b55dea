data {
  int<lower=0> n;
  int<lower=1> J;
  int<lower=1, upper=J> g[n];
  vector[n] x;
  vector[n] y;
}
parameters {
  real a;
  real b;
  real<lower=0> tau;
  real<lower=0> sigma;
  vector[J] u;
}
model {
  a ~ normal(0, 5);
  b ~ normal(0, 5);
  tau ~ normal(0, 1);
  sigma ~ normal(0, 1);
  u ~ normal(0, tau);
  y ~ normal(a + b * x + u[g], sigma);
}
