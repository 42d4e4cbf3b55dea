/* vmath.h: elementary functions for lanes. Each is a function of one double without a branch, a call or a
 * comparison that becomes one: what is chosen is chosen by masks made of sign bits, with integer arithmetic that
 * SSE2 has, so that a compiler turns a loop over lanes around it into vector code of any width.
 *
 * Over the whole range, subnormal numbers, infinities and NaN included, they are within 4 ulp of the exact value,
 * unless said otherwise (tests/core/test_vmath.c goes through all exponents). Without fused products and with
 * them the last bit may differ. */
#ifndef FR_VMATH_H
#define FR_VMATH_H

#include "core.h"

/* ---- bits and masks ---- */

FR_INLINE uint64_t fr_bits(double x)
{
  uint64_t u;
  memcpy(&u, &x, sizeof u);
  return u;
}

FR_INLINE double fr_from_bits(uint64_t u)
{
  double x;
  memcpy(&x, &u, sizeof x);
  return x;
}

#define FR_BITS_ABS UINT64_C(0x7fffffffffffffff)
#define FR_BITS_INF UINT64_C(0x7ff0000000000000)
#define FR_BITS_NAN UINT64_C(0x7ff8000000000000)
#define FR_BITS_ONE UINT64_C(0x3ff0000000000000)

/* all bits set where the top bit is: of a double, where it is negative */
FR_INLINE uint64_t fr_mask(uint64_t u) { return -(u >> 63); }
FR_INLINE uint64_t fr_mask_negative(double x) { return fr_mask(fr_bits(x)); }
FR_INLINE double fr_pick(uint64_t mask, double a, double b) { return fr_from_bits((fr_bits(a) & mask) | (fr_bits(b) & ~mask)); }
/* all bits set where x is NaN */
FR_INLINE uint64_t fr_mask_nan(double x) { return fr_mask(FR_BITS_INF - (fr_bits(x) & FR_BITS_ABS)); }

#define FR_ROUND 0x1.8p52 /* added to |x| < 2^51: the nearest whole number is in the last bits */
#define FR_LOG2_E 1.4426950408889634
#define FR_LN_2_HIGH 6.93147180369123816490e-01 /* its last 21 bits are 0 */
#define FR_LN_2_LOW 1.90821492927058770002e-10

/* ---- exp ---- */

/* (exp(r) - 1 - r) / r^2 for |r| <= log(2) / 2: a Chebyshev interpolant, within 3e-18 */
FR_INLINE double fr_exp_series(double r)
{
  double r2 = r * r, r4 = r2 * r2;
  double low = (0.5 + 0.16666666666666671 * r) + (0.041666666666666671 + 0.0083333333333260838 * r) * r2;
  double mid = (0.0013888888888883711 + 0.00019841269875002279 * r) + (2.4801587325677461e-05 + 2.7557255170000888e-06 * r) * r2;
  double high = (2.7557273478718582e-07 + 2.5105312729622103e-08 * r) + 2.0914755325893202e-09 * r2;
  return low + (mid + high * r4) * r4;
}

/* exp(x) for x in [-746, 710]; NaN stays NaN. x = k log 2 + r; 2^k is two factors, since k runs from -1077 to 1025. */
FR_INLINE double fr_lane_exp_inside(double x)
{
  double k = (x * FR_LOG2_E + FR_ROUND) - FR_ROUND;
  double r = (x - k * FR_LN_2_HIGH) - k * FR_LN_2_LOW;
  double e = 1.0 + (r + r * r * fr_exp_series(r));
  double half = k * 0.5 + FR_ROUND, rest = (k - (half - FR_ROUND)) + FR_ROUND;
  return e * fr_from_bits((fr_bits(half) + 1023) << 52) * fr_from_bits((fr_bits(rest) + 1023) << 52);
}

/* The same for x in [-746, 0]: of the two factors one is always 2^-60. */
FR_INLINE double fr_lane_exp_below_1(double x)
{
  double shifted = x * FR_LOG2_E + FR_ROUND, k = shifted - FR_ROUND;
  double r = (x - k * FR_LN_2_HIGH) - k * FR_LN_2_LOW;
  double e = 1.0 + (r + r * r * fr_exp_series(r));
  return e * fr_from_bits((fr_bits(shifted) + 1023 + 60) << 52) * 0x1p-60;
}

/* exp(x) for |x| <= 708, where it is normal; elsewhere anything */
FR_INLINE double fr_lane_exp_normal(double x)
{
  double shifted = x * FR_LOG2_E + FR_ROUND, k = shifted - FR_ROUND;
  double r = (x - k * FR_LN_2_HIGH) - k * FR_LN_2_LOW;
  return (1.0 + (r + r * r * fr_exp_series(r))) * fr_from_bits((fr_bits(shifted) + 1023) << 52);
}

FR_INLINE double fr_lane_exp(double x)
{
  double inside = fr_pick(fr_mask_negative(x + 746.0), -746.0, x);
  inside = fr_pick(fr_mask_negative(710.0 - inside), 710.0, inside);
  return fr_pick(fr_mask_nan(x), x, fr_lane_exp_inside(inside));
}

/* exp(x) - 1 */
FR_INLINE double fr_lane_expm1(double x)
{
  double inside = fr_pick(fr_mask_negative(x + 60.0), -60.0, x);
  inside = fr_pick(fr_mask_negative(710.0 - inside), 710.0, inside);
  double shifted = inside * FR_LOG2_E + FR_ROUND, k = shifted - FR_ROUND;
  double r = (inside - k * FR_LN_2_HIGH) - k * FR_LN_2_LOW;
  double p = r + r * r * fr_exp_series(r), half = fr_from_bits((fr_bits(shifted) + 1022) << 52); /* 2^(k - 1) */
  double y = 2.0 * (half * p + (half - 0.5));
  uint64_t as_is = fr_mask((fr_bits(x) & FR_BITS_ABS) - fr_bits(0x1p-54)); /* tiny: x itself */
  return fr_pick(fr_mask_nan(x) | as_is, x, y);
}

/* tanh(x) from expm1(-2 |x|) */
FR_INLINE double fr_lane_tanh(double x)
{
  double e = fr_lane_expm1(-2.0 * fr_from_bits(fr_bits(x) & FR_BITS_ABS)), t = -e / (e + 2.0);
  return fr_from_bits((fr_bits(t) & FR_BITS_ABS) | (fr_bits(x) & ~FR_BITS_ABS));
}

/* ---- log ---- */

/* log((1 + s) / (1 - s)) - 2 s for |s| <= 3 - sqrt(8), z = s^2, over s; coefficients of fdlibm's e_log.c (Sun Microsystems 1993) */
FR_INLINE double fr_log_series(double z)
{
  double w = z * z;
  double even = w * (3.999999999940941908e-01 + w * (2.222219843214978396e-01 + w * 1.531383769920937332e-01));
  double odd = z * (6.666666666666735130e-01 +
                    w * (2.857142874366239149e-01 + w * (1.818357216161805012e-01 + w * 1.479819860511658591e-01)));
  return even + odd;
}

/* log(x) for a positive, normal x: x = 2^k m with m in [sqrt(1/2), sqrt(2)); `more` is added to k */
FR_INLINE double fr_lane_log_normal(double x, double more)
{
  const uint64_t sqrt_half = UINT64_C(0x3fe6a09e667f3bcd);
  uint64_t bits = fr_bits(x), shifted = bits - sqrt_half + FR_BITS_ONE;
  /* k + 1023, below 2^52, becomes a double by its bits: those of 2^52 + k + 1023 */
  double k = (fr_from_bits((shifted >> 52) | UINT64_C(0x4330000000000000)) - (0x1p52 + 1023.0)) + more;
  double m = fr_from_bits(bits - ((shifted & UINT64_C(0xfff0000000000000)) - FR_BITS_ONE));
  double f = m - 1.0, s = f / (f + 2.0), half = 0.5 * f * f;
  return k * FR_LN_2_HIGH - ((half - (s * (half + fr_log_series(s * s)) + k * FR_LN_2_LOW)) - f);
}

/* where x is not between 0 and Inf, both excluded */
FR_INLINE uint64_t fr_mask_log_special(double x)
{
  uint64_t t = fr_bits(x) - 1; /* 0 becomes the largest */
  return fr_mask((FR_BITS_INF - 2 - t) | t);
}

/* what log is there: -Inf at 0, NaN below, x itself at Inf and NaN */
FR_INLINE double fr_log_special(double x)
{
  uint64_t bits = fr_bits(x), zero = fr_mask((bits & FR_BITS_ABS) - 1);
  return fr_pick(zero, -INFINITY, fr_from_bits(bits | (fr_mask(bits) & FR_BITS_NAN)));
}

FR_INLINE double fr_lane_log(double x)
{
  uint64_t tiny = fr_mask((fr_bits(x) & FR_BITS_ABS) - UINT64_C(0x0010000000000000)); /* subnormal */
  double scaled = fr_pick(tiny, x * 0x1p54, x), more = fr_from_bits(fr_bits(-54.0) & tiny);
  return fr_pick(fr_mask_log_special(x), fr_log_special(x), fr_lane_log_normal(scaled, more));
}

/* log(1 + x): what rounding took from 1 + x is added as c / (1 + x) */
FR_INLINE double fr_lane_log1p(double x)
{
  double u = 1.0 + x, c = x - (u - 1.0);
  uint64_t special = fr_mask_log_special(u);
  return fr_pick(special, fr_log_special(u), fr_lane_log_normal(u, 0.0) + c / u);
}

/* ---- softplus and sigmoid ---- */

/* exp(-|x|), from which both come: alone, since it and what follows are each a long chain (fr_strip in dist_rows.h) */
FR_INLINE double fr_lane_softplus_exp(double x)
{
  double a = fr_from_bits(fr_bits(x) & FR_BITS_ABS);
  return fr_lane_exp_below_1(fr_pick(fr_mask_negative(746.0 - a), -746.0, -a));
}

/* *softplus = log(1 + exp(x)), *sigmoid = 1 / (1 + exp(-x)), from u = exp(-|x|), with one division for both.
 * log(1 + u) is that of (1 + s) / (1 - s), for u above sqrt(2) - 1 after a factor 2 is taken out. NaN gives NaN. */
FR_INLINE void fr_lane_softplus_of(double x, double u, double *softplus, double *sigmoid)
{
  uint64_t negative = fr_mask_negative(x), large = fr_mask_negative(0.41421356237309503 - u);
  double above = fr_pick(large, u - 1.0, u), below = fr_pick(large, u + 3.0, u + 2.0), w = u + 1.0;
  double inverse = 1.0 / (below * w), s = above * (inverse * w), one_w = inverse * below;
  double l = (2.0 * s + s * fr_log_series(s * s)) + fr_from_bits(fr_bits(FR_LN_2) & large);
  *softplus = l + fr_from_bits(fr_bits(x) & (~negative | fr_mask_nan(x)));
  *sigmoid = fr_pick(negative, u * one_w, one_w) + fr_from_bits(fr_bits(x) & fr_mask_nan(x));
}

FR_INLINE void fr_lane_softplus(double x, double *softplus, double *sigmoid)
{
  fr_lane_softplus_of(x, fr_lane_softplus_exp(x), softplus, sigmoid);
}

FR_INLINE double fr_lane_softplus_only(double x)
{
  double softplus, sigmoid;
  fr_lane_softplus(x, &softplus, &sigmoid);
  return softplus;
}

FR_INLINE double fr_lane_sigmoid_only(double x)
{
  double softplus, sigmoid;
  fr_lane_softplus(x, &softplus, &sigmoid);
  return sigmoid;
}

/* ---- the gamma function ---- */

/* log Gamma(2 + t) / t for |t| <= 3/4: a Chebyshev interpolant, within 4e-18 */
FR_INLINE double fr_lgamma_series(double t)
{
  double t2 = t * t;
  double even = 0.42278433509846713 + t2 * (-0.067352301053198255 + t2 * (-0.007385551028659911 + t2 * (-0.0011927539121683196 + t2 * (
    -0.0002231547505331797 + t2 * (-4.4926316093785522e-05 + t2 * (-9.438986188290163e-06 + t2 * (-2.0412955788095459e-06 + t2 * (
    -4.4354751403466155e-07 + t2 * (-1.1060221587733411e-07 + t2 * (-1.1522812466004708e-08 + t2 * -1.1762180039120533e-08))))))))));
  double odd = 0.3224670334241132 + t2 * (0.02058080842778463 + t2 * (0.0028905103307347415 + t2 * (0.00050966952496714498 + t2 * (
    9.9457508965188754e-05 + t2 * (2.0507251014029554e-05 + t2 * (4.3746248621050187e-06 + t2 * (9.561433179732912e-07 + t2 * (
    2.0932593642376665e-07 + t2 * (5.2597375742245689e-08 + t2 * (5.4497599272466697e-09 + t2 * 5.6511997528905508e-09))))))))));
  return even + t * odd;
}

/* Stirling's series without its first terms: log Gamma(x) - (x - 1/2)(log x - 1) + 1/2 - log(2 pi)/2, x >= 6 */
FR_INLINE double fr_stirling_series(double inverse)
{
  double w = inverse * inverse;
  return inverse * (0.083333333333333329 + w * (-0.0027777777777777779 + w * (0.00079365079365079365 + w * (-0.00059523809523809529 +
    w * (0.00084175084175084171 + w * (-0.0019175269175269176 + w * (0.00641025641025641 + w * (-0.029550653594771242 +
    w * (0.17964437236883057 + w * -1.3924322169059011)))))))));
}

/* y above 11/4 becomes y - 1, a factor of the product */
FR_INLINE void fr_lgamma_down(double *y, double *product)
{
  double less = *y - 1.0;
  uint64_t stay = fr_mask_negative(*y - 2.75);
  *product *= fr_pick(stay, 1.0, less);
  *y = fr_pick(stay, *y, less);
}

/* log Gamma(x) for x >= 0, Inf at 0; NaN below. With one logarithm: below 6, Gamma(x) is Gamma(2 + t) times or by a
 * product of factors that brings x into [5/4, 11/4); from 6 on Stirling's form. */
FR_INLINE double fr_lane_lgamma(double x)
{
  x += 0.0; /* no -0 */
  uint64_t small = fr_mask_negative(x - 6.0), tiny = fr_mask_negative(x - 0.25), low = fr_mask_negative(x - 1.25);
  double y = x, product = 1.0;
  fr_lgamma_down(&y, &product); /* written out: a loop here keeps gcc -O2 from vectorising the one around */
  fr_lgamma_down(&y, &product);
  fr_lgamma_down(&y, &product);
  fr_lgamma_down(&y, &product);
  product = fr_pick(low, fr_pick(tiny, x * (x + 1.0), x), product);
  double t = fr_pick(tiny, x, fr_pick(low, x - 1.0, y - 2.0));
  double log_of = fr_lane_log(fr_pick(small, product, x));
  double times = fr_pick(small, fr_pick(low, -1.0, 1.0), x - 0.5), minus = fr_pick(small, 0.0, 1.0);
  double rest = fr_pick(small, t * fr_lgamma_series(t), 0.418938533204672741780329736406 + fr_stirling_series(1.0 / x));
  double value = rest + times * (log_of - minus);
  return fr_from_bits(fr_bits(value) | (fr_mask_negative(x) & FR_BITS_NAN));
}

#define FR_PSI_ROOT_HIGH 1.4616321449683622     /* the positive root of digamma */
#define FR_PSI_ROOT_LOW 9.549995429965697e-17

/* digamma(y) / (y - root) for y in [1, 2], u = y - 3/2: a Chebyshev interpolant, within 3e-18 */
FR_INLINE double fr_digamma_series(double u)
{
  double w = u * u;
  double even = 0.95105587603183284 + w * (0.24054248424078697 + w * (0.094988724452890388 + w * (0.040760833940846085 +
    w * (0.017907248317313294 + w * (0.0079270217968681542 + w * (0.0035181065638024722 + w * (0.0015633696313653504 +
    w * (0.00069092557612829861 + w * (0.00032395945401345196 + w * (9.6536462614100617e-05 + w * 0.00011881232908510335))))))))));
  double odd = -0.42362742128146058 + w * (-0.14840492305388092 + w * (-0.06192213327548831 + w * (-0.026975796659787055 +
    w * (-0.011908220105959716 + w * (-0.005279937255532708 + w * (-0.0023454947397380833 + w * (-0.0010364584817312839 +
    w * (-0.00048595039220036254 + w * (-0.00014480643368061614 + w * -0.00017821885488559231)))))))));
  return even + u * odd;
}

/* log(x) - 1 / (2 x) - digamma(x), x >= 7 */
FR_INLINE double fr_digamma_tail(double inverse)
{
  double w = inverse * inverse;
  return w * (0.083333333333333329 + w * (-0.0083333333333333332 + w * (0.003968253968253968 + w * (-0.0041666666666666666 +
    w * (0.007575757575757576 + w * (-0.021092796092796094 + w * (0.083333333333333329 + w * (-0.44325980392156861 +
    w * (3.0539543302701198 + w * -26.456212121212122)))))))));
}

/* y from 2 on becomes y - 1, and 1 / (y - 1) is added to q / p */
FR_INLINE void fr_digamma_down(double *y, double *q, double *p)
{
  double less = *y - 1.0;
  uint64_t stay = fr_mask_negative(*y - 2.0);
  *q = fr_pick(stay, *q, *q * less + *p);
  *p = fr_pick(stay, *p, *p * less);
  *y = fr_pick(stay, *y, less);
}

/* digamma(x) for x >= 0, -Inf at 0; NaN below. Below 7 it is digamma of y in [1, 2) plus or minus a sum of reciprocals,
 * which is kept as a quotient; from 7 on the asymptotic series. */
FR_INLINE double fr_lane_digamma(double x)
{
  x += 0.0;
  uint64_t small = fr_mask_negative(x - 7.0), below = fr_mask_negative(x - 1.0);
  double y = x, p = 1.0, q = 0.0;
  fr_digamma_down(&y, &q, &p);
  fr_digamma_down(&y, &q, &p);
  fr_digamma_down(&y, &q, &p);
  fr_digamma_down(&y, &q, &p);
  fr_digamma_down(&y, &q, &p);
  y = fr_pick(below, x + 1.0, y);
  p = fr_pick(below | ~small, x, p);
  q = fr_pick(below, -1.0, fr_pick(small, q, 1.0));
  double quotient = q / p;
  double inner = ((y - FR_PSI_ROOT_HIGH) - FR_PSI_ROOT_LOW) * fr_digamma_series(y - 1.5) + quotient;
  double outer = (fr_lane_log(x) - 0.5 * quotient) - fr_digamma_tail(quotient);
  double value = fr_pick(small, inner, outer);
  return fr_from_bits(fr_bits(value) | (fr_mask_negative(x) & FR_BITS_NAN));
}

#endif
