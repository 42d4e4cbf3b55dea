/* saddle.h: pieces of log densities whose textbook forms lose all digits for large counts and shapes.
 *
 * log Gamma and x log(m) are 1e7 where a density is -8. Loader (2000, "Fast and accurate computation of
 * binomial probabilities") splits a density into deviances, which are small near the mode, and Stirling
 * errors, which are small everywhere. Nothing here warns. */
#ifndef FR_SADDLE_H
#define FR_SADDLE_H

#include "core.h"

/* Counts above which the split replaces the textbook form; below, that form has lost no more than 1e-12. */
#define FR_SADDLE_COUNT 256.0
/* Shapes above which it does. */
#define FR_SADDLE_SHAPE 10.0

/* log Gamma(x) - ((x - 1/2) log x - x + log(2 pi) / 2), x > 0; Inf at 0. */
double fr_stirling_error(double x);
/* digamma(x) - log(x), x >= FR_SADDLE_SHAPE. */
double fr_digamma_error(double x);
/* log Gamma(a + k) - log Gamma(a) and digamma(a + k) - digamma(a), a > 0, k >= 0. */
double fr_lgamma_step(double a, double k);
double fr_digamma_step(double a, double k);
/* log Gamma(a + 1/2) - log Gamma(a) - log(a) / 2, and its derivative, a > 0; both 0 at Inf. */
double fr_lgamma_half(double a);
double fr_digamma_half(double a);

/* log Gamma(a + k) - log Gamma(a) - k log(a), and its derivative in a, a > 0, k >= 0; both 0 at Inf. */
double fr_lgamma_rise(double a, double k);
double fr_digamma_rise(double a, double k);

/* Student's t with t = z^2 / df: below FR_T_SMALL df log1p(t) is z^2 (1 - t / 2), below FR_T_SERIES the following
 * is a series. */
#define FR_T_SMALL 1e-8
#define FR_T_SERIES 0.01

/* t / (1 + t) - log1p(t) = sum over j >= 2 of (-1)^(j - 1) (j - 1) / j t^j, t <= FR_T_SERIES */
FR_INLINE double fr_t_excess(double t)
{
  return -t * t * (1.0 / 2 - t * (2.0 / 3 - t * (3.0 / 4 - t * (4.0 / 5 - t * (5.0 / 6 - t * (6.0 / 7 - t * (7.0 / 8)))))));
}

/* log(1 + x) - x for |x| <= 1/4: with v = x / (2 + x) it is 2 atanh(v) - x = -x v + 2 v^3 (1/3 + v^2/5 + ...). */
FR_INLINE double fr_log1p_excess_small(double x)
{
  double v = x / (2.0 + x), u = v * v;
  double s = 1.0 / 3 + u * (1.0 / 5 + u * (1.0 / 7 + u * (1.0 / 9 + u * (1.0 / 11 + u * (1.0 / 13 +
             u * (1.0 / 15 + u * (1.0 / 17 + u * (1.0 / 19))))))));
  return 2.0 * v * u * s - x * v;
}

/* x log(m / x) - (m - x), x > 0, m >= 0, log_m = log(m) (asked for because m itself may under- or overflow):
 * minus half a Poisson deviance; 0 where m == x. */
FR_INLINE double fr_deviance(double x, double m, double log_m)
{
  double e = (m - x) / x;
  if (fabs(e) <= 0.25) return x * fr_log1p_excess_small(e);
  return x * (log_m - log(x)) - (m - x);
}

#endif
