/* counts.h: what distributions of counts share: the binomial and Poisson log masses, split between what the
 * data alone decide (`base`) and the rest, and draws of such counts. */
#ifndef FR_COUNTS_H
#define FR_COUNTS_H

#include "rng.h"
#include "saddle.h"

/* Where the split of saddle.h is used. Below, base is the textbook's: -log(y!) and log choose(n, y). */
FR_INLINE int fr_poisson_by_saddle(double y) { return y > FR_SADDLE_COUNT; }
FR_INLINE int fr_binomial_by_saddle(double y, double n) { return n > FR_SADDLE_COUNT && y > 0.0 && y < n; }

double fr_poisson_base(double y);
double fr_binomial_base(double y, double n);

/* The rest: y log(rate) - rate, or what replaces it; log_rate = log(rate), rate finite or not. */
FR_INLINE double fr_poisson_kernel(double y, double rate, double log_rate)
{
  if (y == 0.0) return -rate;
  if (!(log_rate < INFINITY)) return log_rate != log_rate ? log_rate : -INFINITY;
  return fr_poisson_by_saddle(y) ? fr_deviance(y, rate, log_rate) : y * log_rate - rate;
}

/* y log(p) + (n - y) log(q), or what replaces it, for 0 <= y <= n. */
FR_INLINE double fr_binomial_kernel(double y, double n, double p, double q, double log_p, double log_q)
{
  if (y == 0.0) return n == 0.0 ? 0.0 : n * log_q;
  if (y == n) return n * log_p;
  if (!fr_binomial_by_saddle(y, n)) return y * log_p + (n - y) * log_q;
  double log_n = log(n);
  return fr_deviance(y, n * p, log_n + log_p) + fr_deviance(n - y, n * q, log_n + log_q);
}

/* Draws. rate >= 0; n a count, 0 <= p <= 1; NaN otherwise. */
double fr_rng_poisson(fr_rng *rng, double rate);
double fr_rng_binomial(fr_rng *rng, double n, double p);

#endif
