/* saddle.c: see saddle.h. The series are Abramowitz and Stegun's 6.1.40 and 6.3.18 (Bernoulli numbers) and
 * that of log Gamma(a + 1/2) / Gamma(a); each is cut where, from its limit on, its next term is below
 * rounding. */
#include "saddle.h"
#include "special.h"

#define FR_HALF_SERIES 20.0

double fr_stirling_error(double x)
{
  if (!(x > 0.0)) return x == 0.0 ? INFINITY : NAN;
  if (x < FR_SADDLE_SHAPE) return fr_lgamma(x) - (x - 0.5) * log(x) + x - FR_LOG_SQRT_2PI;
  double r = 1.0 / x, u = r * r;
  return r * (1.0 / 12 - u * (1.0 / 360 - u * (1.0 / 1260 - u * (1.0 / 1680 - u * (1.0 / 1188 -
         u * (691.0 / 360360 - u * (1.0 / 156 - u * (3617.0 / 122400))))))));
}

double fr_digamma_error(double x)
{
  double r = 1.0 / x, u = r * r;
  return -0.5 * r - u * (1.0 / 12 - u * (1.0 / 120 - u * (1.0 / 252 - u * (1.0 / 240 - u * (1.0 / 132 -
         u * (691.0 / 32760 - u * (1.0 / 12 - u * (3617.0 / 8160))))))));
}

double fr_lgamma_step(double a, double k)
{
  if (k == 0.0) return 0.0;
  if (a < FR_SADDLE_SHAPE) return fr_lgamma(a + k) - fr_lgamma(a);
  return (a - 0.5) * log1p(k / a) + k * (log(a + k) - 1.0) + fr_stirling_error(a + k) - fr_stirling_error(a);
}

double fr_digamma_step(double a, double k)
{
  if (k == 0.0) return 0.0;
  if (a < FR_SADDLE_SHAPE) return fr_digamma(a + k) - fr_digamma(a);
  return log1p(k / a) + fr_digamma_error(a + k) - fr_digamma_error(a);
}

double fr_lgamma_half(double a)
{
  if (a < FR_HALF_SERIES) return fr_lgamma(a + 0.5) - fr_lgamma(a) - 0.5 * log(a);
  double r = 1.0 / a, u = r * r;
  return -r * (1.0 / 8 - u * (1.0 / 192 - u * (1.0 / 640 - u * (17.0 / 14336 - u * (31.0 / 18432 -
         u * (691.0 / 180224))))));
}

double fr_digamma_half(double a)
{
  if (a < FR_HALF_SERIES) return fr_digamma(a + 0.5) - fr_digamma(a) - 0.5 / a;
  double r = 1.0 / a, u = r * r;
  return u * (1.0 / 8 - u * (1.0 / 64 - u * (1.0 / 128 - u * (17.0 / 2048 - u * (31.0 / 2048 -
         u * (691.0 / 16384))))));
}

/* With e = k / a: a (log1p(e) - e) + (k - 1/2) log1p(e) and the Stirling errors' difference. Beyond FR_RISE_LIMIT
 * both are below 1e-25 for every k that is the size of a vector. */
#define FR_RISE_LIMIT 1e40
/* From here on two terms of the digamma error are all of it, and their difference is taken exactly. */
#define FR_RISE_SERIES 1e4

double fr_lgamma_rise(double a, double k)
{
  double e = k / a;
  if (a > FR_RISE_LIMIT) return 0.0;
  if (a < FR_SADDLE_SHAPE || e > 0.25) return fr_lgamma_step(a, k) - k * log(a);
  return a * fr_log1p_excess_small(e) + (k - 0.5) * log1p(e) + fr_stirling_error(a + k) - fr_stirling_error(a);
}

double fr_digamma_rise(double a, double k)
{
  double e = k / a;
  if (a > FR_RISE_LIMIT) return 0.0;
  if (a < FR_SADDLE_SHAPE || e > 0.25) return fr_digamma_step(a, k) - e;
  if (a < FR_RISE_SERIES) return fr_log1p_excess_small(e) + fr_digamma_error(a + k) - fr_digamma_error(a);
  double b = a + k, u = e / b; /* k / (a b): the difference of 1 / a and 1 / b, and with it that of their squares */
  return fr_log1p_excess_small(e) + u * (0.5 + (1.0 / a + 1.0 / b) / 12.0);
}
