/* ops_elementwise.c: kernels of the elementwise operations, forward and reverse.
 *
 * Each operation is one line of a table: its value and its partial derivatives as expressions. A macro
 * makes the loops; operands that are the same for all rows have their adjoints summed in locals and added
 * once. */
#include "kernels.h"
#include "ops.h"
#include "special.h"

/* op, value, derivative in terms of x and y */
#define UNARY_OPS(X)                                              \
  X(NEG, -x, -1.0)                                                \
  X(EXP, exp(x), y)                                               \
  X(LOG, log(x), 1.0 / x)                                         \
  X(LOG1P, log1p(x), 1.0 / (1.0 + x))                             \
  X(EXPM1, expm1(x), y + 1.0)                                     \
  X(SQRT, sqrt(x), 0.5 / y)                                       \
  X(ABS, fabs(x), x > 0.0 ? 1.0 : x < 0.0 ? -1.0 : 0.0)           \
  X(SQUARE, x *x, 2.0 * x)                                        \
  X(PLOGIS, fr_sigmoid(x), y * fr_sigmoid(-x))                    \
  X(QLOGIS, fr_logit(x), 1.0 / (x * (1.0 - x)))                   \
  X(LOG_PLOGIS, fr_log_sigmoid(x), fr_sigmoid(-x))                \
  X(SOFTPLUS, fr_softplus(x), fr_sigmoid(x))                      \
  X(PNORM, 0.5 * erfc(-x * 0.707106781186547524400844362105), exp(-0.5 * x * x - FR_LOG_SQRT_2PI)) \
  X(TANH, tanh(x), tanh_slope(x))                                 \
  X(SIN, sin(x), cos(x))                                          \
  X(COS, cos(x), -sin(x))                                         \
  X(LGAMMA, fr_lgamma(x), fr_digamma(x))                          \
  X(DIGAMMA, fr_digamma(x), fr_trigamma(x))

/* op, value, derivative in a, derivative in b. MIN and MAX keep a NaN, as R does. */
#define BINARY_OPS(X)                                             \
  X(ADD, a + b, 1.0, 1.0)                                         \
  X(SUB, a - b, 1.0, -1.0)                                        \
  X(MUL, a *b, b, a)                                              \
  X(DIV, a / b, 1.0 / b, -y / b)                                  \
  X(POW, pow(a, b), pow_slope(a, b), pow_log(a, y))               \
  X(MIN, a < b || a != a ? a : b, a < b ? 1.0 : 0.0, a < b ? 0.0 : 1.0) \
  X(MAX, a > b || a != a ? a : b, a > b ? 1.0 : 0.0, a > b ? 0.0 : 1.0) \
  X(LOG_ADD_EXP, log_add_exp(a, b), exp(log_share(a, y)), exp(log_share(b, y)))

/* 1 - tanh^2 without cancellation in the tails */
FR_INLINE double tanh_slope(double x)
{
  double e = exp(-2.0 * fabs(x)), t = 2.0 / (1.0 + e);
  return t * t * e;
}

/* log(exp(a) + exp(b)), and the logarithm of exp(x)'s share in a sum whose logarithm is y */
FR_INLINE double log_add_exp(double a, double b)
{
  double top = a > b ? a : b;
  return isinf(top) ? top + (a != a || b != b ? NAN : 0.0) : top + log1p(exp(-fabs(a - b)));
}
FR_INLINE double log_share(double x, double y) { return x == -INFINITY ? -INFINITY : x - y; }

FR_INLINE double pow_slope(double a, double b) { return b == 0.0 ? 0.0 : b * pow(a, b - 1.0); }
/* a^b log a, whose limit at a = 0 is 0 for b > 0 */
FR_INLINE double pow_log(double a, double y) { return y == 0.0 ? 0.0 : y * log(a); }

/* A row's stride of an operand in doubles. */
FR_INLINE long row_stride(const fr_operand *o, int W) { return o->row ? (o->lane ? W : 1) : 0; }

/* ---- unary: the argument depends on a latent, so values run contiguously ---- */

#define DEFINE_UNARY(CODE, VALUE, SLOPE)                                                   \
  static void CODE##_forward(const fr_call *c)                                             \
  {                                                                                        \
    const double *restrict xs = c->v[0].v;                                                 \
    double *restrict ys = c->y;                                                            \
    long n = c->rows * c->W;                                                               \
    for (long i = 0; i < n; i++) { double x = xs[i]; ys[i] = VALUE; }                      \
  }                                                                                        \
  static void CODE##_reverse(const fr_call *c)                                             \
  {                                                                                        \
    const double *restrict xs = c->v[0].v, *restrict ys = c->y, *restrict bar = c->y_bar;  \
    double *restrict out = c->v[0].a;                                                      \
    long n = c->rows * c->W;                                                               \
    if (!out) return;                                                                      \
    for (long i = 0; i < n; i++) {                                                         \
      double x = xs[i], y = ys[i];                                                         \
      (void)x; (void)y;                                                                    \
      out[i] += bar[i] * (SLOPE);                                                          \
    }                                                                                      \
  }

UNARY_OPS(DEFINE_UNARY)

/* ---- binary ---- */

typedef double (*binary_value)(double a, double b);
typedef double (*binary_slope)(double a, double b, double y);

/* lanes = W particles of one row; la, lb: whether the operand differs between particles (compile-time). */
FR_INLINE void binary_forward(const fr_call *c, const int lanes, const int la, const int lb, binary_value f)
{
  const double *restrict pa = c->v[0].v, *restrict pb = c->v[1].v;
  double *restrict y = c->y;
  long ra = row_stride(&c->v[0], lanes), rb = row_stride(&c->v[1], lanes);
  for (long i = 0; i < c->rows; i++) {
    for (int l = 0; l < lanes; l++) y[l] = f(pa[la ? l : 0], pb[lb ? l : 0]);
    pa += ra; pb += rb; y += lanes;
  }
}

/* The adjoint of operand k; slope is its partial derivative. */
FR_INLINE void binary_reverse(const fr_call *c, int k, const int lanes, const int la, const int lb, binary_slope slope)
{
  const double *restrict pa = c->v[0].v, *restrict pb = c->v[1].v, *restrict y = c->y, *restrict bar = c->y_bar;
  double *restrict out = c->v[k].a;
  long ra = row_stride(&c->v[0], lanes), rb = row_stride(&c->v[1], lanes);
  if (!out) return;
  if (c->v[k].row) {
    for (long i = 0; i < c->rows; i++) {
      for (int l = 0; l < lanes; l++) out[l] += bar[l] * slope(pa[la ? l : 0], pb[lb ? l : 0], y[l]);
      pa += ra; pb += rb; y += lanes; bar += lanes; out += lanes;
    }
  } else {
    double sum[FR_LANES] = {0};
    for (long i = 0; i < c->rows; i++) {
      for (int l = 0; l < lanes; l++) sum[l] += bar[l] * slope(pa[la ? l : 0], pb[lb ? l : 0], y[l]);
      pa += ra; pb += rb; y += lanes; bar += lanes;
    }
    for (int l = 0; l < lanes; l++) out[l] += sum[l];
  }
}

#define DEFINE_BINARY(CODE, VALUE, SLOPE_A, SLOPE_B)                                        \
  FR_INLINE double CODE##_value(double a, double b) { return VALUE; }                       \
  FR_INLINE double CODE##_slope_a(double a, double b, double y)                             \
  { (void)a; (void)b; (void)y; return SLOPE_A; }                                            \
  FR_INLINE double CODE##_slope_b(double a, double b, double y)                             \
  { (void)a; (void)b; (void)y; return SLOPE_B; }                                            \
  static void CODE##_forward(const fr_call *c)                                              \
  {                                                                                         \
    if (c->W == 1) binary_forward(c, 1, 0, 0, CODE##_value);                                \
    else if (c->v[0].lane && c->v[1].lane) binary_forward(c, FR_LANES, 1, 1, CODE##_value); \
    else if (c->v[0].lane) binary_forward(c, FR_LANES, 1, 0, CODE##_value);                 \
    else binary_forward(c, FR_LANES, 0, 1, CODE##_value);                                   \
  }                                                                                         \
  static void CODE##_reverse(const fr_call *c)                                              \
  {                                                                                         \
    if (c->W == 1) {                                                                        \
      binary_reverse(c, 0, 1, 0, 0, CODE##_slope_a);                                        \
      binary_reverse(c, 1, 1, 0, 0, CODE##_slope_b);                                        \
    } else if (c->v[0].lane && c->v[1].lane) {                                              \
      binary_reverse(c, 0, FR_LANES, 1, 1, CODE##_slope_a);                                 \
      binary_reverse(c, 1, FR_LANES, 1, 1, CODE##_slope_b);                                 \
    } else if (c->v[0].lane) {                                                              \
      binary_reverse(c, 0, FR_LANES, 1, 0, CODE##_slope_a);                                 \
    } else {                                                                                \
      binary_reverse(c, 1, FR_LANES, 0, 1, CODE##_slope_b);                                 \
    }                                                                                       \
  }

BINARY_OPS(DEFINE_BINARY)

typedef void (*kernel)(const fr_call *call);

#define FORWARD_1(CODE, VALUE, SLOPE) [FR_OP_##CODE] = CODE##_forward,
#define REVERSE_1(CODE, VALUE, SLOPE) [FR_OP_##CODE] = CODE##_reverse,
#define FORWARD_2(CODE, VALUE, A, B) [FR_OP_##CODE] = CODE##_forward,
#define REVERSE_2(CODE, VALUE, A, B) [FR_OP_##CODE] = CODE##_reverse,
static const kernel forward[FR_OP_COUNT] = { UNARY_OPS(FORWARD_1) BINARY_OPS(FORWARD_2) };
static const kernel reverse[FR_OP_COUNT] = { UNARY_OPS(REVERSE_1) BINARY_OPS(REVERSE_2) };

void fr_elementwise_forward(int op, const fr_call *call) { forward[op](call); }
void fr_elementwise_reverse(int op, const fr_call *call) { reverse[op](call); }
