/* special.c: see special.h. Every argument is checked before R's mathematics sees it, because Rmath warns
 * (or prints, when it stands alone) where this core says NaN or Inf. */
#include "special.h"

#include <Rmath.h>

/* Where asymptotic forms take over: each is exact to rounding beyond its limit. */
#define FR_LGAMMA_MAX 2.5e305     /* log Gamma overflows above */
#define FR_PSI_TINY 1e-17         /* digamma(x) = -1/x below */
#define FR_TRIGAMMA_TINY 1e-9     /* trigamma(x) = 1/x^2 below */
#define FR_PSI_HUGE 1e17          /* digamma(x) = log(x), trigamma(x) = 1/x above */
#define FR_LBETA_TINY 1e-30       /* B(a, b) = 1/a below */
#define FR_LBETA_HUGE 1e300       /* Stirling's form above */

double fr_softplus(double x)
{
  return x > 0.0 ? x + log1p(exp(-x)) : log1p(exp(x));
}

double fr_softplus_inverse(double y)
{
  if (!(y >= 0.0)) return NAN;
  return y <= 1.0 ? log(expm1(y)) : y + log1p(-exp(-y));
}

double fr_sigmoid(double x)
{
  if (x >= 0.0) return 1.0 / (1.0 + exp(-x));
  double e = exp(x);
  return e / (1.0 + e);
}

double fr_log_sigmoid(double x)
{
  return -fr_softplus(-x);
}

double fr_logit(double p)
{
  if (!(p >= 0.0 && p <= 1.0)) return NAN;
  /* around 1/2 the two logarithms would cancel; 2p - 1 is exact there */
  if (p > 0.25 && p < 0.75) return log1p((2.0 * p - 1.0) / (1.0 - p));
  return log(p) - log1p(-p);
}

double fr_log1m_exp(double x)
{
  if (!(x <= 0.0)) return NAN;
  return x > -FR_LN_2 ? log(-expm1(x)) : log1p(-exp(x));
}

double fr_xlogy(double x, double y)
{
  if (isnan(y) || y < 0.0) return NAN;
  return x == 0.0 ? 0.0 : x * log(y);
}

double fr_xlog1py(double x, double y)
{
  if (isnan(y) || y < -1.0) return NAN;
  return x == 0.0 ? 0.0 : x * log1p(y);
}

double fr_lgamma(double x)
{
  if (!(x >= 0.0)) return NAN;
  if (x < FR_LBETA_TINY) return -log(x);
  if (x > FR_LGAMMA_MAX) return INFINITY;
  return lgammafn(x);
}

double fr_digamma(double x)
{
  if (!(x >= 0.0)) return NAN;
  if (x < FR_PSI_TINY) return -1.0 / x;
  if (x > FR_PSI_HUGE) return log(x);
  return digamma(x);
}

double fr_trigamma(double x)
{
  if (!(x >= 0.0)) return NAN;
  if (x < FR_TRIGAMMA_TINY) return 1.0 / x / x;
  if (x > FR_PSI_HUGE) return 1.0 / x;
  return trigamma(x);
}

double fr_lbeta(double a, double b)
{
  double p = a < b ? a : b, q = a < b ? b : a;
  if (!(a >= 0.0 && b >= 0.0)) return NAN;
  if (isinf(q)) return p == 0.0 ? NAN : -INFINITY;
  if (q > FR_LBETA_HUGE) {
    if (p < 1e100) return fr_lgamma(p) - p * log(q);
    double r = p / q; /* Stirling; 1/p and 1/q are below every rounding but their own logarithm's */
    return -p * (log1p(r) - log(r)) - q * log1p(r) + 0.5 * (log1p(r) - log(p)) + FR_LOG_SQRT_2PI;
  }
  if (p < FR_LBETA_TINY) return q < FR_LBETA_TINY ? -log(p) + log1p(p / q) : -log(p);
  return lbeta(p, q);
}

double fr_lchoose(double n, double k)
{
  if (!(k >= 0.0 && k <= n)) return NAN;
  if (k == 0.0 || k == n) return 0.0;
  return -log1p(n) - fr_lbeta(n - k + 1.0, k + 1.0);
}
