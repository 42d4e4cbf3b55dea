/* dist_lanes.h: what densities on lanes share (FR_ROWS_LANES in dist_rows.h): masks of arguments that are left to the exact
 * form, and the pieces of saddle.h without a branch. Masks are made of top bits, see vmath.h. */
#ifndef FR_DIST_LANES_H
#define FR_DIST_LANES_H

#include "dist_rows.h"
#include "saddle.h"
#include "vmath.h"

/* ---- masks ---- */

/* where x is not 0; NaN is not */
FR_INLINE uint64_t fr_mask_not_zero(double x)
{
  uint64_t u = fr_bits(x) << 1;
  return fr_mask(u | (0 - u));
}

/* where x > bound or NaN, the bound finite */
FR_INLINE uint64_t fr_mask_above(double x, double bound) { return fr_mask_negative(bound - x) | fr_mask_nan(x); }

/* where x is not in (0, Inf]: 0, negative or NaN */
FR_INLINE uint64_t fr_mask_not_positive(double x) { return fr_mask(fr_bits(x + 0.0) - 1) | fr_mask_nan(x); }

/* where y is no count 0, 1, ..., `most` < 2^51; also at -0 */
FR_INLINE uint64_t fr_mask_no_count(double y, double most)
{
  return fr_mask_not_zero((y + FR_ROUND) - FR_ROUND - y) | fr_mask_negative(y) | fr_mask_negative(most - y);
}

/* NaN where the mask is, else x */
FR_INLINE double fr_nan_where(uint64_t mask, double x) { return fr_from_bits(fr_bits(x) | (mask & FR_BITS_NAN)); }

/* ---- arguments ---- */

FR_INLINE double fr_lane_log_positive(double x) { return fr_nan_where(fr_mask_not_positive(x), fr_lane_log(x)); }

/* fr_reciprocal: the largest double has the bits below those of Inf */
FR_INLINE double fr_lane_reciprocal(double x)
{
  uint64_t u = fr_bits(1.0 / x), t = u ^ FR_BITS_INF;
  return fr_from_bits(u - ((~t & (t - 1)) >> 63));
}

/* log(p), log(1 - p), p and 1 - p of a finite logit, each to full relative precision */
typedef struct { double log_p, log_q, p, q; } fr_odds;

FR_INLINE fr_odds fr_lane_odds(double x)
{
  fr_odds o;
  double l, small;
  uint64_t negative = fr_mask_negative(x);
  fr_lane_softplus(fr_from_bits(fr_bits(x) | ~FR_BITS_ABS), &l, &small);
  o.log_p = fr_from_bits(fr_bits(x) & negative) - l;
  o.log_q = fr_from_bits(fr_bits(-x) & ~negative) - l;
  o.p = fr_pick(negative, small, 1.0 - small);
  o.q = fr_pick(negative, 1.0 - small, small);
  return o;
}

/* ---- saddle.h on lanes ---- */

/* fr_deviance, with log(x) at hand too */
FR_INLINE double fr_lane_deviance(double x, double log_x, double m, double log_m)
{
  double e = (m - x) / x, far = x * (log_m - log_x) - (m - x);
  return fr_pick(fr_mask_above(fabs(e), 0.25), far, x * fr_log1p_excess_small(e));
}

#define FR_LANE_STEP_MAX 1e8

/* log Gamma(a + k) - log Gamma(a) and digamma(a + k) - digamma(a), 0 < a <= FR_LANE_STEP_MAX, 0 <= k <= FR_LANE_STEP_MAX: both
 * arguments are moved up by 8, where Stirling's form holds and nothing cancels. */
FR_INLINE void fr_lane_gamma_steps(double a, double k, double *lgamma_step, double *digamma_step)
{
  double A = a + 8.0, B = A + k, inverse_A = 1.0 / A, inverse_B = 1.0 / B, above = 1.0, below = 1.0, q = 0.0, p = 1.0;
  for (int i = 0; i < 8; i++) {
    double t = (a + i) * (a + k + i);
    above *= a + i;
    below *= a + k + i;
    q = q * t + p;
    p *= t;
  }
  double log1p_step = fr_lane_log1p(k * inverse_A);
  double rest = fr_stirling_series(inverse_B) - fr_stirling_series(inverse_A);
  *lgamma_step = ((A - 0.5) * log1p_step + k * (fr_lane_log(B) - 1.0)) + (rest + fr_lane_log(above / below));
  rest = 0.5 * k * inverse_A * inverse_B - (fr_digamma_tail(inverse_B) - fr_digamma_tail(inverse_A));
  *digamma_step = log1p_step + (rest + k * (q / p));
}

/* fr_lgamma_half and fr_digamma_half. The series are those of saddle.c, good from 20 on. */
FR_INLINE double fr_lane_lgamma_half(double a)
{
  double r = 1.0 / a, u = r * r;
  double series = -r * (1.0 / 8 - u * (1.0 / 192 - u * (1.0 / 640 - u * (17.0 / 14336 - u * (31.0 / 18432 - u * (691.0 / 180224))))));
  double low = fr_lane_lgamma(a + 0.5) - fr_lane_lgamma(a) - 0.5 * fr_lane_log(a);
  return fr_pick(fr_mask_negative(a - 20.0), low, series);
}

FR_INLINE double fr_lane_digamma_half(double a)
{
  double r = 1.0 / a, u = r * r;
  double series = u * (1.0 / 8 - u * (1.0 / 64 - u * (1.0 / 128 - u * (17.0 / 2048 - u * (31.0 / 2048 - u * (691.0 / 16384))))));
  double low = fr_lane_digamma(a + 0.5) - fr_lane_digamma(a) - 0.5 * r;
  return fr_pick(fr_mask_negative(a - 20.0), low, series);
}

#endif
