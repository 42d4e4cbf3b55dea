// Growth of orange trees: a logistic curve whose asymptote varies between trees (stats::SSlogis, data Orange).
#include <TMB.hpp>

template<class Type>
Type objective_function<Type>::operator() ()
{
  DATA_VECTOR(y);
  DATA_VECTOR(age);
  DATA_IVECTOR(tree);
  PARAMETER_VECTOR(beta);  // asymptote, mid age, scale
  PARAMETER(log_sigma);
  PARAMETER(log_tau);
  PARAMETER_VECTOR(u);
  Type nll = -dnorm(beta(0), Type(2), Type(1), true) - dnorm(beta(1), Type(7), Type(3), true) - dnorm(beta(2), Type(3), Type(2), true);
  nll -= dnorm(log_sigma, Type(-2), Type(1), true) + dnorm(log_tau, Type(-1), Type(1), true);
  for (int j = 0; j < u.size(); j++) nll -= dnorm(u(j), Type(0), exp(log_tau), true);
  for (int i = 0; i < y.size(); i++) {
    Type mu = (beta(0) + u(tree(i))) / (Type(1) + exp(-(age(i) - beta(1)) / beta(2)));
    nll -= dnorm(y(i), mu, exp(log_sigma), true);
  }
  return nll;
}
