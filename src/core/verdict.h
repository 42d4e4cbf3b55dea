/* verdict.h: how far a guide is from the optimum of the ELBO, judged on fresh draws. */
#ifndef FR_VERDICT_H
#define FR_VERDICT_H

#include "guide.h"

typedef struct {
  double elbo, elbo_se;  /* ELBO at the guide and its Monte Carlo standard error */
  double gap, gap_se;    /* estimated nats to the optimum (second order, in the whitened frame) and its error */
  int finite;            /* pairs whose densities and gradients were all finite */
} fr_verdict;

/* Doubles of workspace that fr_verdict_judge needs. */
size_t fr_verdict_work(int d, int pairs);

/* Judge the guide on `pairs` antithetic pairs z = loc +- L e, e from (seed, FR_STREAM_CHECK, step).
 *
 * With g+, g- the density's gradients at a pair, a = L'(g+ + g-) / 2 and b = L'(g+ - g-) / 2 + e are unbiased
 * for the natural gradient: E[a] for the mean, E[sym(b e')] for the factor (the path-derivative form, Roeder,
 * Wu and Duvenaud 2017, which vanishes without noise at a Gaussian optimum). Half the squared norm of that
 * gradient is the gap to second order; averaged over products of different pairs only (a U-statistic) it is
 * unbiased. Fewer than 3 finite pairs: gap and its error are NaN. Cost: 2 pairs densities, d^2 pairs for
 * the products with L, d pairs^2 for the statistic. */
int fr_verdict_judge(const fr_guide *guide, fr_log_density log_density, void *model, int pairs, uint64_t seed,
                     uint64_t step, fr_verdict *out, double *work);

#endif
