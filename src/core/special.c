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

/* ---- the normal distribution ----
 * Below FR_TAIL, phi / Phi is x' + 1 / (x' + 2 / (x' + 3 / ...)) with x' = -x (Laplace's continued fraction). */

#define FR_TAIL (-5.0)
#define FR_TAIL_TERMS 60

/* 1 / (x + 2 / (x + 3 / ...)), x >= 5: what phi / Phi has above x; fewer terms do for larger x */
static double tail_excess(double x)
{
  double f = x;
  if (x > 1e9) return 1.0 / x;
  for (int k = x > 40.0 ? 8 : FR_TAIL_TERMS; k >= 2; k--) f = x + k / f;
  return 1.0 / f;
}

double fr_log_pnorm(double x)
{
  if (x != x) return x;
  if (x >= FR_TAIL) return x > 0.0 ? log1p(-pnorm(x, 0.0, 1.0, 0, 0)) : log(pnorm(x, 0.0, 1.0, 1, 0));
  return -0.5 * x * x - FR_LOG_SQRT_2PI - log(tail_excess(-x) - x);
}

double fr_mills(double x)
{
  if (x < FR_TAIL) return tail_excess(-x) - x;
  return exp(-0.5 * x * x - FR_LOG_SQRT_2PI) / pnorm(x, 0.0, 1.0, 1, 0);
}

double fr_mills_excess(double x)
{
  return x < FR_TAIL ? tail_excess(-x) : fr_mills(x) + x;
}

double fr_log_scaled_pnorm(double x)
{
  return x < FR_TAIL ? -FR_LOG_SQRT_2PI - log(tail_excess(-x) - x) : fr_log_pnorm(x) + 0.5 * x * x;
}

/* ---- Bessel functions: the power series below FR_BESSEL_SERIES, Hankel's expansion above ---- */

#define FR_BESSEL_SERIES 50.0

/* sums of the series of I0 less 1, and of I1 / (k / 2) */
static void bessel_series(double k, double *i0, double *i1)
{
  double u = 0.25 * k * k, term = 1.0, s0 = 0.0, s1 = 1.0;
  for (int j = 1; j < 200; j++) {
    term *= u / ((double)j * j);
    s0 += term;
    s1 += term / (j + 1);
    if (term < 1e-18 * s1) break;
  }
  *i0 = s0;
  *i1 = s1;
}

/* I0 = (1 + *i0) exp(k) / sqrt(2 pi k), I0 - I1 the same with *gap */
static void bessel_hankel(double k, double *i0, double *gap)
{
  double t0 = 1.0, t1 = 1.0, s0 = 0.0, g = 0.0;
  for (int j = 1; j <= 14; j++) {
    double odd = (2.0 * j - 1.0) * (2.0 * j - 1.0), step = 1.0 / (8.0 * k * j);
    t0 *= odd * step;
    t1 *= (odd - 4.0) * step;
    s0 += t0;
    g += t0 - t1;
  }
  *i0 = s0;
  *gap = g;
}

double fr_log_bessel_i0(double k)
{
  double s0, s1;
  if (!(k >= 0.0)) return NAN;
  if (k < FR_BESSEL_SERIES) {
    bessel_series(k, &s0, &s1);
    return log1p(s0) - k;
  }
  bessel_hankel(k, &s0, &s1);
  return log1p(s0) - FR_LOG_SQRT_2PI - 0.5 * log(k);
}

double fr_bessel_ratio(double k)
{
  double s0, s1;
  if (!(k >= 0.0)) return NAN;
  if (k < FR_BESSEL_SERIES) {
    bessel_series(k, &s0, &s1);
    return 1.0 - 0.5 * k * s1 / (1.0 + s0);
  }
  bessel_hankel(k, &s0, &s1);
  return s1 / (1.0 + s0);
}

/* ---- R's distribution functions ---- */

double fr_log_pt(double x, double df, int upper)
{
  return x == x && df > 0.0 ? pt(x, df, !upper, 1) : NAN;
}

double fr_log_pgamma(double x, double shape, int upper)
{
  return x == x && shape > 0.0 && shape < INFINITY ? pgamma(x, shape, 1.0, !upper, 1) : NAN;
}

double fr_log_pbeta(double x, double a, double b, int upper)
{
  return x == x && a > 0.0 && b > 0.0 && a + b < INFINITY ? pbeta(x, a, b, !upper, 1) : NAN;
}
