// The models of bench/gradients.R as a template of TMB: minus the log density, on the unconstrained scale with its Jacobian.
#include <TMB.hpp>

template<class Type>
Type objective_function<Type>::operator() ()
{
  DATA_INTEGER(kind);  // 0 normal, 1 logistic, 2 Poisson
  DATA_MATRIX(X);
  DATA_VECTOR(y);
  DATA_IVECTOR(g);     // from 0
  PARAMETER_VECTOR(b);
  PARAMETER_VECTOR(log_scale);
  PARAMETER_VECTOR(u);
  Type lp = 0;
  vector<Type> eta = X * b;
  if (kind == 1) {
    lp += dnorm(b, Type(0), Type(1), true).sum();
    for (int i = 0; i < y.size(); i++) lp -= logspace_add(Type(0), y(i) > 0.5 ? -eta(i) : eta(i));
    return -lp;
  }
  lp += dnorm(b, Type(0), Type(5), true).sum();
  for (int k = 0; k < log_scale.size(); k++) lp += dnorm(exp(log_scale(k)), Type(0), Type(1), true) + log(Type(2)) + log_scale(k);
  lp += dnorm(u, Type(0), exp(log_scale(0)), true).sum();
  for (int i = 0; i < y.size(); i++) eta(i) += u(g(i));
  if (kind == 0) lp += dnorm(y, eta, exp(log_scale(1)), true).sum();
  else for (int i = 0; i < y.size(); i++) lp += y(i) * eta(i) - exp(eta(i)) - lgamma(y(i) + 1);
  return -lp;
}
