/* elementwise.h: the table of elementwise operations: each is one line with its value and its partial derivatives as
 * expressions, from which all kernels are made. A file that makes loops over lanes of them defines FR_ON_LANES first: then
 * exp, log and their like are those of vmath.h, which have no branch, and the loops become vectors. */
#ifndef FR_ELEMENTWISE_H
#define FR_ELEMENTWISE_H

#include "ops.h"
#include "special.h"
#include "vmath.h"

#ifdef FR_ON_LANES
#define at_exp fr_lane_exp
#define at_log fr_lane_log
#define at_log1p fr_lane_log1p
#define at_expm1 fr_lane_expm1
#define at_tanh fr_lane_tanh
#define at_lgamma fr_lane_lgamma
#define at_digamma fr_lane_digamma
#define at_softplus fr_lane_softplus_only
#define at_sigmoid fr_lane_sigmoid_only
#define at_log_add_exp lane_log_add_exp
#define at_log_share lane_log_share
#else
#define at_exp exp
#define at_log log
#define at_log1p log1p
#define at_expm1 expm1
#define at_tanh tanh
#define at_lgamma fr_lgamma
#define at_digamma fr_digamma
#define at_softplus fr_softplus
#define at_sigmoid fr_sigmoid
#define at_log_add_exp log_add_exp
#define at_log_share log_share
#endif

/* op, value, derivative in terms of x and y */
#define UNARY_OPS(X)                                              \
  X(NEG, -x, -1.0)                                                \
  X(EXP, at_exp(x), y)                                               \
  X(LOG, at_log(x), 1.0 / x)                                         \
  X(LOG1P, at_log1p(x), 1.0 / (1.0 + x))                             \
  X(EXPM1, at_expm1(x), y + 1.0)                                     \
  X(SQRT, sqrt(x), 0.5 / y)                                       \
  X(ABS, fabs(x), x > 0.0 ? 1.0 : x < 0.0 ? -1.0 : 0.0)           \
  X(SQUARE, x *x, 2.0 * x)                                        \
  X(PLOGIS, at_sigmoid(x), y * at_sigmoid(-x))                    \
  X(QLOGIS, fr_logit(x), 1.0 / (x * (1.0 - x)))                   \
  X(LOG_PLOGIS, -at_softplus(-x), at_sigmoid(-x))                \
  X(SOFTPLUS, at_softplus(x), at_sigmoid(x))                      \
  X(PNORM, 0.5 * erfc(-x * 0.707106781186547524400844362105), exp(-0.5 * x * x - FR_LOG_SQRT_2PI)) \
  X(LOG_PNORM, log_pnorm(x), exp(-0.5 * x * x - FR_LOG_SQRT_2PI - y)) \
  X(TANH, at_tanh(x), tanh_slope(x))                                 \
  X(SIN, sin(x), cos(x))                                          \
  X(COS, cos(x), -sin(x))                                         \
  X(ATAN, atan(x), 1.0 / (1.0 + x * x))                           \
  X(LGAMMA, at_lgamma(x), at_digamma(x))                          \
  X(DIGAMMA, at_digamma(x), fr_trigamma(x))

/* op, value, derivative in a, derivative in b. MIN and MAX keep a NaN, as R does. */
#define BINARY_OPS(X) PLAIN_BINARY_OPS(X) POW_OP(X)
#define PLAIN_BINARY_OPS(X)                                       \
  X(ADD, a + b, 1.0, 1.0)                                         \
  X(SUB, a - b, 1.0, -1.0)                                        \
  X(MUL, a *b, b, a)                                              \
  X(DIV, a / b, 1.0 / b, -y / b)                                  \
  X(MIN, a < b || a != a ? a : b, a < b ? 1.0 : 0.0, a < b ? 0.0 : 1.0) \
  X(MAX, a > b || a != a ? a : b, a > b ? 1.0 : 0.0, a > b ? 0.0 : 1.0) \
  X(LOG_ADD_EXP, at_log_add_exp(a, b), at_exp(at_log_share(a, y)), at_exp(at_log_share(b, y)))

#define POW_OP(X) X(POW, pow(a, b), pow_slope(a, b, y), pow_log(a, y))

/* 1 - tanh^2 without cancellation in the tails */
FR_INLINE double tanh_slope(double x)
{
  double e = at_exp(-2.0 * fabs(x)), t = 2.0 / (1.0 + e);
  return t * t * e;
}

/* log of the standard normal distribution function: without cancellation above, by its asymptotic series far below,
 * where erfc() nears the smallest double */
FR_INLINE double log_pnorm(double x)
{
  const double root_half = 0.707106781186547524400844362105;
  if (x > 1.0) return log1p(-0.5 * erfc(x * root_half));
  if (x > -35.0) return log(0.5 * erfc(-x * root_half));
  double r = 1.0 / (x * x);
  return -0.5 * x * x - log(-x) - FR_LOG_SQRT_2PI + log1p(-r * (1.0 - r * (3.0 - r * (15.0 - r * 105.0))));
}

/* log(exp(a) + exp(b)), and the logarithm of exp(x)'s share in a sum whose logarithm is y */
FR_INLINE double log_add_exp(double a, double b)
{
  double top = a > b ? a : b;
  return isinf(top) ? top + (a != a || b != b ? NAN : 0.0) : top + log1p(exp(-fabs(a - b)));
}
FR_INLINE double log_share(double x, double y) { return x == -INFINITY ? -INFINITY : x - y; }

/* The same, and softplus and sigmoid, without a branch. */
FR_INLINE uint64_t mask_infinite(double x)
{
  uint64_t u = (fr_bits(x) & FR_BITS_ABS) ^ FR_BITS_INF;
  return fr_mask(~u & (u - 1));
}

FR_INLINE double lane_log_add_exp(double a, double b)
{
  double top = fr_pick(fr_mask_negative(b - a), a, b), sum = top + fr_lane_softplus_only(-fabs(a - b));
  uint64_t as_is = mask_infinite(top) & ~fr_mask_nan(a) & ~fr_mask_nan(b);
  return fr_pick(as_is, top, sum);
}

FR_INLINE double lane_log_share(double x, double y) { return fr_pick(mask_infinite(x) & fr_mask_negative(x), -INFINITY, x - y); }

/* b a^(b - 1), from y = a^b where that is far from the ends of the range */
FR_INLINE double pow_slope(double a, double b, double y)
{
  if (b == 0.0) return 0.0;
  return fabs(y) > 1e-290 && fabs(y) < 1e290 ? b * y / a : b * pow(a, b - 1.0);
}
/* a^b log a, whose limit at a = 0 is 0 for b > 0 */
FR_INLINE double pow_log(double a, double y) { return y == 0.0 ? 0.0 : y * log(a); }

/* One number at a time, for the bodies of loops. */
FR_INLINE double fr_scalar_value(int op, const double *pa, const double *pb)
{
  switch (op) {
#define X(CODE, VALUE, SLOPE) case FR_OP_##CODE: { double x = *pa; return VALUE; }
    UNARY_OPS(X)
#undef X
#define X(CODE, VALUE, SLOPE_A, SLOPE_B) case FR_OP_##CODE: { double a = *pa, b = *pb; return VALUE; }
    BINARY_OPS(X)
#undef X
  default: return NAN;
  }
}

/* Adds bar times the partial derivatives to the adjoints. */
FR_INLINE void fr_scalar_slopes(int op, const double *pa, const double *pb, double y, double bar, double *a_bar, double *b_bar)
{
  (void)y;
  switch (op) {
#define X(CODE, VALUE, SLOPE) case FR_OP_##CODE: { double x = *pa; (void)x; *a_bar += bar * (SLOPE); return; }
    UNARY_OPS(X)
#undef X
#define X(CODE, VALUE, SLOPE_A, SLOPE_B)                                                                      \
    case FR_OP_##CODE: {                                                                                      \
      double a = *pa, b = *pb;                                                                                \
      (void)a; (void)b;                                                                                       \
      *a_bar += bar * (SLOPE_A);                                                                              \
      *b_bar += bar * (SLOPE_B);                                                                              \
      return;                                                                                                 \
    }
    BINARY_OPS(X)
#undef X
  default: return;
  }
}

#endif
