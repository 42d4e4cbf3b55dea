/* counts.c: see counts.h. */
#include "counts.h"
#include "special.h"

double fr_poisson_base(double y)
{
  if (!(y >= 0.0 && y < INFINITY)) return 0.0;
  if (!fr_poisson_by_saddle(y)) return -fr_lgamma(y + 1.0);
  return -fr_stirling_error(y) - FR_LOG_SQRT_2PI - 0.5 * log(y);
}

double fr_binomial_base(double y, double n)
{
  if (!(y >= 0.0 && y <= n && n < INFINITY)) return 0.0;
  if (!fr_binomial_by_saddle(y, n)) return fr_lchoose(n, y);
  return fr_stirling_error(n) - fr_stirling_error(y) - fr_stirling_error(n - y) - FR_LOG_SQRT_2PI -
         0.5 * (log(y) + log1p(-y / n));
}

/* ---- draws ----
 * Means below FR_SEARCH_MEAN: the cumulative sum is searched from 0 for one uniform. Others: the transformed
 * rejection of Hoermann, with the log masses from above: PTRS (1993, "The transformed rejection method for
 * generating Poisson random variables", Insurance: Mathematics and Economics 12) and BTRS (1993, "The
 * generation of binomial random variates", Journal of Statistical Computation and Simulation 46). */

#define FR_SEARCH_MEAN 10.0
#define FR_SEARCH_END 1000 /* never reached but for rounding of the last bit of the sum */

static double poisson_log_mass(double k, double rate)
{
  return fr_poisson_base(k) + fr_poisson_kernel(k, rate, log(rate));
}

double fr_rng_poisson(fr_rng *rng, double rate)
{
  if (!(rate >= 0.0 && rate < INFINITY)) return NAN;
  if (rate < FR_SEARCH_MEAN) {
    double u = fr_rng_uniform(rng), mass = exp(-rate), k = 0.0;
    while (u > mass && k < FR_SEARCH_END) {
      u -= mass;
      k += 1.0;
      mass *= rate / k;
    }
    return k;
  }
  double b = 0.931 + 2.53 * sqrt(rate), a = -0.059 + 0.02483 * b;
  double inv_alpha = 1.1239 + 1.1328 / (b - 3.4), v_r = 0.9277 - 3.6224 / (b - 2.0);
  for (;;) {
    double u = fr_rng_uniform(rng) - 0.5, v = fr_rng_uniform(rng), us = 0.5 - fabs(u);
    double k = floor((2.0 * a / us + b) * u + rate + 0.43);
    if (us >= 0.07 && v <= v_r) return k;
    if (k < 0.0 || (us < 0.013 && v > us)) continue;
    if (log(v * inv_alpha / (a / (us * us) + b)) <= poisson_log_mass(k, rate)) return k;
  }
}

static double binomial_search(fr_rng *rng, double n, double p)
{
  double u = fr_rng_uniform(rng), odds = p / (1.0 - p), mass = exp(n * log1p(-p)), k = 0.0;
  while (u > mass && k < n && k < FR_SEARCH_END) {
    u -= mass;
    k += 1.0;
    mass *= odds * (n - k + 1.0) / k;
  }
  return k;
}

static double binomial_log_mass(double k, double n, double p)
{
  return fr_binomial_base(k, n) + fr_binomial_kernel(k, n, p, 1.0 - p, log(p), log1p(-p));
}

/* p <= 1/2, n p >= FR_SEARCH_MEAN */
static double binomial_rejection(fr_rng *rng, double n, double p)
{
  double root = sqrt(n * p * (1.0 - p)), b = 1.15 + 2.53 * root, a = -0.0873 + 0.0248 * b + 0.01 * p;
  double centre = n * p + 0.5, v_r = 0.92 - 4.2 / b, alpha = (2.83 + 5.1 / b) * root;
  double at_mode = binomial_log_mass(floor((n + 1.0) * p), n, p);
  for (;;) {
    double u = fr_rng_uniform(rng) - 0.5, v = fr_rng_uniform(rng), us = 0.5 - fabs(u);
    double k = floor((2.0 * a / us + b) * u + centre);
    if (k < 0.0 || k > n) continue;
    if (us >= 0.07 && v <= v_r) return k;
    if (log(v * alpha / (a / (us * us) + b)) <= binomial_log_mass(k, n, p) - at_mode) return k;
  }
}

double fr_rng_binomial(fr_rng *rng, double n, double p)
{
  if (!(n >= 0.0 && n < INFINITY && n == floor(n) && p >= 0.0 && p <= 1.0)) return NAN;
  if (p == 0.0 || n == 0.0) return 0.0;
  if (p == 1.0) return n;
  if (p > 0.5) return n - fr_rng_binomial(rng, n, 1.0 - p);
  return n * p < FR_SEARCH_MEAN ? binomial_search(rng, n, p) : binomial_rejection(rng, n, p);
}
