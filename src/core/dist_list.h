/* dist_list.h: which distributions there are, in the design's order: FR_DISTS(X) is X(name) for each. Each is
 * an fr_dist of its own, fr_dist_<name>, defined in the file of its topic (dist_real.c, dist_positive.c, ...). */
#ifndef FR_DIST_LIST_H
#define FR_DIST_LIST_H

#include "dist.h"

#define FR_DISTS(X)                                                                                         \
  X(normal) X(student_t) X(cauchy) X(laplace) X(asymmetric_laplace) X(logistic) X(gumbel) X(skew_normal)    \
  X(exp_mod_normal) X(von_mises) X(flat)                                                                    \
  X(half_normal) X(half_student_t) X(half_cauchy) X(lognormal) X(exponential) X(gamma) X(inverse_gamma)     \
  X(inverse_gaussian) X(chi_square) X(scaled_inv_chi_square) X(weibull) X(frechet) X(rayleigh) X(pareto)    \
  X(beta) X(beta_proportion) X(uniform) X(kumaraswamy)                                                      \
  X(bernoulli) X(bernoulli_logit) X(binomial) X(binomial_logit) X(poisson) X(poisson_log) X(neg_binomial)   \
  X(neg_binomial_log) X(geometric) X(beta_binomial) X(categorical) X(categorical_logit) X(ordered_logistic) \
  X(ordered_probit)                                                                                         \
  X(multinomial)                                                                                            \
  X(multi_normal) X(multi_normal_cholesky) X(multi_normal_precision) X(multi_student_t) X(dirichlet)        \
  X(gaussian_random_walk) X(ar1) X(icar)                                                                    \
  X(lkj_corr_cholesky) X(lkj_corr) X(wishart) X(inverse_wishart)

#define FR_DIST_DECLARE(name) extern const fr_dist fr_dist_##name;
FR_DISTS(FR_DIST_DECLARE)
#undef FR_DIST_DECLARE

#endif
