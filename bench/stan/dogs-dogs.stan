data { int<lower=0> n_dogs; int<lower=0> n_trials; int<lower=0, upper=1> y[n_dogs, n_trials]; }
transformed data {
  matrix[n_dogs, n_trials] avoid = rep_matrix(0, n_dogs, n_trials);
  matrix[n_dogs, n_trials] shock = rep_matrix(0, n_dogs, n_trials);
  for (j in 1:n_dogs) for (t in 2:n_trials) {
    avoid[j, t] = avoid[j, t - 1] + 1 - y[j, t - 1];
    shock[j, t] = shock[j, t - 1] + y[j, t - 1];
  }
}
parameters { vector[3] beta; }
model {
  beta ~ normal(0, 100);
  for (j in 1:n_dogs) y[j] ~ bernoulli_logit(beta[1] + beta[2] * avoid[j]' + beta[3] * shock[j]');
}
