/* ops_elementwise.c: kernels of the elementwise operations, forward and reverse, from the table in elementwise.h.
 * A macro makes the loops; operands that are the same for all rows have their adjoints summed in locals and added
 * once. */
#include "elementwise.h"
#include "kernels.h"

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
  } else if (lanes == 1) { /* several sums at a time: one would wait for itself */
    double sum[FR_LANES] = {0};
    long i = 0;
    for (; i + FR_LANES <= c->rows; i += FR_LANES)
      for (int l = 0; l < FR_LANES; l++) sum[l] += bar[i + l] * slope(pa[(i + l) * ra], pb[(i + l) * rb], y[i + l]);
    for (; i < c->rows; i++) sum[0] += bar[i] * slope(pa[i * ra], pb[i * rb], y[i]);
    out[0] += ((sum[0] + sum[4]) + (sum[2] + sum[6])) + ((sum[1] + sum[5]) + (sum[3] + sum[7]));
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

#define FORWARD_1(CODE, VALUE, SLOPE) [FR_OP_##CODE] = CODE##_forward,
#define REVERSE_1(CODE, VALUE, SLOPE) [FR_OP_##CODE] = CODE##_reverse,
#define FORWARD_2(CODE, VALUE, A, B) [FR_OP_##CODE] = CODE##_forward,
#define REVERSE_2(CODE, VALUE, A, B) [FR_OP_##CODE] = CODE##_reverse,
static const fr_kernel forward[FR_OP_COUNT] = { UNARY_OPS(FORWARD_1) BINARY_OPS(FORWARD_2) };
static const fr_kernel reverse[FR_OP_COUNT] = { UNARY_OPS(REVERSE_1) BINARY_OPS(REVERSE_2) };

fr_kernel fr_elementwise_kernel(int op, int backward) { return (backward ? reverse : forward)[op]; }
void fr_elementwise_forward(int op, const fr_call *call) { forward[op](call); }
void fr_elementwise_reverse(int op, const fr_call *call) { reverse[op](call); }
