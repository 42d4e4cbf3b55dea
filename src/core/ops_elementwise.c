/* ops_elementwise.c: kernels of the elementwise operations, forward and reverse, from the table in elementwise.h,
 * compiled for each instruction set.
 *
 * All work is in blocks of FR_LANES doubles: the particles of one row, or, for one particle, eight rows. An operand
 * either has a double for each lane or one that stands for all (compile-time); from block to block it moves by a step.
 * Operands that are the same for all rows have their adjoints summed in locals and added once. */
#define FR_ON_LANES
#include "elementwise.h"
#include "isa.h"
#include "kernels.h"

/* ---- unary: the argument depends on a latent, so values run contiguously ---- */

typedef double (*unary_value)(double x);
typedef double (*unary_slope)(double x, double y);

/* The last block works on copies. */
FR_INLINE void unary_forward(const fr_call *c, unary_value f)
{
  const double *restrict x = c->v[0].v;
  double *restrict y = c->y;
  const long n = c->rows * c->W;
  long i = 0;
  for (; i + FR_LANES <= n; i += FR_LANES) {
    double out[FR_LANES];
    for (int l = 0; l < FR_LANES; l++) out[l] = f(x[i + l]);
    for (int l = 0; l < FR_LANES; l++) y[i + l] = out[l];
  }
  if (i < n) {
    double in[FR_LANES] = {0}, out[FR_LANES];
    for (int l = 0; l < n - i; l++) in[l] = x[i + l];
    for (int l = 0; l < FR_LANES; l++) out[l] = f(in[l]);
    for (int l = 0; l < n - i; l++) y[i + l] = out[l];
  }
}

FR_INLINE void unary_reverse(const fr_call *c, unary_slope slope)
{
  const double *restrict x = c->v[0].v, *restrict y = c->y, *restrict bar = c->y_bar;
  double *restrict out = c->v[0].a;
  const long n = c->rows * c->W;
  long i = 0;
  if (!out) return;
  for (; i + FR_LANES <= n; i += FR_LANES) {
    double add[FR_LANES];
    for (int l = 0; l < FR_LANES; l++) add[l] = bar[i + l] * slope(x[i + l], y[i + l]);
    for (int l = 0; l < FR_LANES; l++) out[i + l] += add[l];
  }
  if (i < n) {
    double in[FR_LANES] = {0}, at[FR_LANES] = {0}, s[FR_LANES];
    for (int l = 0; l < n - i; l++) in[l] = x[i + l], at[l] = y[i + l];
    for (int l = 0; l < FR_LANES; l++) s[l] = slope(in[l], at[l]);
    for (int l = 0; l < n - i; l++) out[i + l] += bar[i + l] * s[l];
  }
}

#define DEFINE_UNARY(CODE, VALUE, SLOPE)                                                                  \
  FR_INLINE double CODE##_value(double x) { return VALUE; }                                               \
  FR_INLINE double CODE##_slope(double x, double y) { (void)x; (void)y; return SLOPE; }                   \
  FR_KERNEL(static, CODE##_forward, (const fr_call *c), (c), unary_forward(c, CODE##_value))              \
  FR_KERNEL(static, CODE##_reverse, (const fr_call *c), (c), unary_reverse(c, CODE##_slope))

UNARY_OPS(DEFINE_UNARY)

/* ---- binary ---- */

typedef double (*binary_value)(double a, double b);
typedef double (*binary_slope)(double a, double b, double y);

/* On lanes value and slopes have no branch; where the top bit of odd(a, y) is set they do not hold, and the exact ones are taken. NULL: they
 * hold everywhere, and are the exact ones. */
typedef struct {
  binary_value value;
  binary_slope slope[2];
  uint64_t (*odd)(double a, double y);
  binary_value exact_value;
  binary_slope exact_slope[2];
} binary;

FR_INLINE int any_odd(binary f, const int wa, const double *a, const double *y)
{
  uint64_t odd[FR_LANES], any = 0;
  if (!f.odd) return 0;
  for (int l = 0; l < FR_LANES; l++) odd[l] = f.odd(a[wa ? l : 0], y[l]);
  for (int l = 0; l < FR_LANES; l++) any |= odd[l];
  return (int)(any >> 63);
}

/* Of one number: the same as on a lane. */
FR_INLINE double one_value(binary f, double a, double b)
{
  const double y = f.value(a, b);
  return f.odd && f.odd(a, y) >> 63 ? f.exact_value(a, b) : y;
}

FR_INLINE double one_slope(binary f, int k, double a, double b, double y)
{
  return f.odd && f.odd(a, y) >> 63 ? f.exact_slope[k](a, b, y) : f.slope[k](a, b, y);
}

FR_INLINE void exact_values(binary f, const int wa, const int wb, const double *a, const double *b, double *y)
{
  if (!any_odd(f, wa, a, y)) return;
  for (int l = 0; l < FR_LANES; l++)
    if (f.odd(a[wa ? l : 0], y[l]) >> 63) y[l] = f.exact_value(a[wa ? l : 0], b[wb ? l : 0]);
}

FR_INLINE void exact_slopes(binary f, int k, const int wa, const int wb, const double *a, const double *b, const double *y, double *slope)
{
  if (!any_odd(f, wa, a, y)) return;
  for (int l = 0; l < FR_LANES; l++)
    if (f.odd(a[wa ? l : 0], y[l]) >> 63) slope[l] = f.exact_slope[k](a[wa ? l : 0], b[wb ? l : 0], y[l]);
}

/* How an operand goes from block to block: `wide` when it has a double for each lane. */
FR_INLINE int is_wide(const fr_operand *o, int W) { return W == 1 ? o->row : o->lane; }
FR_INLINE long block_step(const fr_operand *o, int W) { return !o->row ? 0 : W == 1 || o->lane ? FR_LANES : 1; }

/* Lanes of the last of the blocks that hold n doubles. */
FR_INLINE int last_lanes(long n, long blocks) { return (int)(n - (blocks - 1) * FR_LANES); }

/* `lanes` doubles of an operand, the others of a block as the first. */
FR_INLINE void take_part(const double *from, int wide, int lanes, double *to)
{
  for (int l = 0; l < FR_LANES; l++) to[l] = from[wide && l < lanes ? l : 0];
}

FR_INLINE void binary_forward(const fr_call *c, const int wa, const int wb, binary f)
{
  const double *restrict a = c->v[0].v, *restrict b = c->v[1].v;
  double *restrict y = c->y;
  const long n = c->rows * c->W, blocks = (n + FR_LANES - 1) / FR_LANES;
  const long sa = block_step(&c->v[0], c->W), sb = block_step(&c->v[1], c->W);
  const int last = last_lanes(n, blocks);
  for (long k = last == FR_LANES ? blocks : blocks - 1; k > 0; k--, a += sa, b += sb, y += FR_LANES) {
    double out[FR_LANES];
    for (int l = 0; l < FR_LANES; l++) out[l] = f.value(a[wa ? l : 0], b[wb ? l : 0]);
    exact_values(f, wa, wb, a, b, out);
    for (int l = 0; l < FR_LANES; l++) y[l] = out[l];
  }
  if (n > 0 && last < FR_LANES) {
    double pa[FR_LANES], pb[FR_LANES], out[FR_LANES];
    take_part(a, wa, last, pa);
    take_part(b, wb, last, pb);
    for (int l = 0; l < FR_LANES; l++) out[l] = f.value(pa[l], pb[l]);
    exact_values(f, 1, 1, pa, pb, out);
    for (int l = 0; l < last; l++) y[l] = out[l];
  }
}

/* The adjoint of operand k. */
FR_INLINE void binary_reverse(const fr_call *c, int k, const int wa, const int wb, binary f)
{
  const double *restrict a = c->v[0].v, *restrict b = c->v[1].v, *restrict y = c->y, *restrict bar = c->y_bar;
  double *restrict out = c->v[k].a;
  const long n = c->rows * c->W, blocks = (n + FR_LANES - 1) / FR_LANES;
  const long sa = block_step(&c->v[0], c->W), sb = block_step(&c->v[1], c->W);
  const int last = last_lanes(n, blocks), by_row = c->v[k].row;
  double sum[FR_LANES] = {0};
  if (!out || n <= 0) return;
  for (long i = last == FR_LANES ? blocks : blocks - 1; i > 0; i--, a += sa, b += sb, y += FR_LANES, bar += FR_LANES) {
    double add[FR_LANES]; /* apart, so that the compiler sees that no store changes what is still to be read */
    for (int l = 0; l < FR_LANES; l++) add[l] = f.slope[k](a[wa ? l : 0], b[wb ? l : 0], y[l]);
    exact_slopes(f, k, wa, wb, a, b, y, add);
    for (int l = 0; l < FR_LANES; l++) add[l] *= bar[l];
    if (by_row) {
      for (int l = 0; l < FR_LANES; l++) out[l] += add[l];
      out += FR_LANES;
    } else {
      for (int l = 0; l < FR_LANES; l++) sum[l] += add[l];
    }
  }
  if (last < FR_LANES) {
    double pa[FR_LANES], pb[FR_LANES], py[FR_LANES], s[FR_LANES];
    take_part(a, wa, last, pa);
    take_part(b, wb, last, pb);
    take_part(y, 1, last, py);
    for (int l = 0; l < FR_LANES; l++) s[l] = f.slope[k](pa[l], pb[l], py[l]);
    exact_slopes(f, k, 1, 1, pa, pb, py, s);
    for (int l = 0; l < last; l++) {
      if (by_row) out[l] += bar[l] * s[l];
      else sum[l] += bar[l] * s[l];
    }
  }
  if (by_row) return;
  if (c->W == 1) out[0] += ((sum[0] + sum[4]) + (sum[2] + sum[6])) + ((sum[1] + sum[5]) + (sum[3] + sum[7]));
  else
    for (int l = 0; l < FR_LANES; l++) out[l] += sum[l];
}

/* One of two operands may be one number, of W = 1 both: then it is one row. */
FR_INLINE void binary_forward_any(const fr_call *c, binary f)
{
  const int wa = is_wide(&c->v[0], c->W), wb = is_wide(&c->v[1], c->W);
  if (wa && wb) binary_forward(c, 1, 1, f);
  else if (wa) binary_forward(c, 1, 0, f);
  else if (wb) binary_forward(c, 0, 1, f);
  else c->y[0] = one_value(f, c->v[0].v[0], c->v[1].v[0]);
}

FR_INLINE void binary_reverse_any(const fr_call *c, binary f)
{
  const int wa = is_wide(&c->v[0], c->W), wb = is_wide(&c->v[1], c->W);
  if (wa && wb) {
    binary_reverse(c, 0, 1, 1, f);
    binary_reverse(c, 1, 1, 1, f);
  } else if (wa) {
    binary_reverse(c, 0, 1, 0, f);
    if (c->W == 1) binary_reverse(c, 1, 1, 0, f);
  } else if (wb) {
    if (c->W == 1) binary_reverse(c, 0, 0, 1, f);
    binary_reverse(c, 1, 0, 1, f);
  } else {
    const double a = c->v[0].v[0], b = c->v[1].v[0];
    if (c->v[0].a) c->v[0].a[0] += c->y_bar[0] * one_slope(f, 0, a, b, c->y[0]);
    if (c->v[1].a) c->v[1].a[0] += c->y_bar[0] * one_slope(f, 1, a, b, c->y[0]);
  }
}

#define DEFINE_EXACT(CODE, VALUE, SLOPE_A, SLOPE_B)                                                               \
  FR_INLINE double CODE##_value(double a, double b) { return VALUE; }                                             \
  FR_INLINE double CODE##_slope_a(double a, double b, double y) { (void)a; (void)b; (void)y; return SLOPE_A; }    \
  FR_INLINE double CODE##_slope_b(double a, double b, double y) { (void)a; (void)b; (void)y; return SLOPE_B; }
#define DEFINE_KERNELS(CODE, ...)                                                                                 \
  FR_KERNEL(static, CODE##_forward, (const fr_call *c), (c), binary_forward_any(c, (binary){__VA_ARGS__}))        \
  FR_KERNEL(static, CODE##_reverse, (const fr_call *c), (c), binary_reverse_any(c, (binary){__VA_ARGS__}))
#define DEFINE_BINARY(CODE, VALUE, SLOPE_A, SLOPE_B)                                                              \
  DEFINE_EXACT(CODE, VALUE, SLOPE_A, SLOPE_B)                                                                     \
  DEFINE_KERNELS(CODE, CODE##_value, {CODE##_slope_a, CODE##_slope_b}, NULL, CODE##_value, {CODE##_slope_a, CODE##_slope_b})

PLAIN_BINARY_OPS(DEFINE_BINARY)

POW_OP(DEFINE_EXACT)
/* a^b = exp(b log a), within 2e-15 where a is positive and far from the ends of the range and a^b between exp(-8) and exp(8): the error of
 * b log a becomes that of a^b, also for whole numbers. */
FR_INLINE double pow_lanes(double a, double b) { return fr_lane_exp(b * fr_lane_log(a)); }
FR_INLINE double pow_lanes_a(double a, double b, double y) { return b * y / a; }
FR_INLINE double pow_lanes_b(double a, double b, double y) { (void)b; return y * fr_lane_log(a); }
FR_INLINE uint64_t pow_odd(double a, double y)
{
  const uint64_t far_a = fr_mask_negative(a - 1e-300) | fr_mask_negative(1e300 - a) | fr_mask_nan(a);
  return far_a | fr_mask_negative(y - 3.35e-4) | fr_mask_negative(2980.0 - y) | fr_mask_nan(y);
}
DEFINE_KERNELS(POW, pow_lanes, {pow_lanes_a, pow_lanes_b}, pow_odd, POW_value, {POW_slope_a, POW_slope_b})

/* ---- target() ---- */

/* n doubles in blocks of lanes: sums of each lane, adjoints 1 */
FR_INLINE void target_blocks(long n, const double *restrict x, double *restrict bar, double *restrict sum)
{
  for (long i = 0; i + FR_LANES <= n; i += FR_LANES)
    for (int l = 0; l < FR_LANES; l++) sum[l] += x[i + l];
  for (long i = n / FR_LANES * FR_LANES; i < n; i++) sum[i % FR_LANES] += x[i];
  if (!bar) return;
  for (long i = 0; i + FR_LANES <= n; i += FR_LANES)
    for (int l = 0; l < FR_LANES; l++) bar[i + l] += 1.0;
  for (long i = n / FR_LANES * FR_LANES; i < n; i++) bar[i] += 1.0;
}
FR_KERNEL(static, target_sum, (long n, const double *x, double *bar, double *sum), (n, x, bar, sum), target_blocks(n, x, bar, sum))

void fr_target_rows(long rows, int W, const fr_operand *x, double *lp)
{
  if (W > 1 && x->row && x->lane) {
    target_sum(rows * W, x->v, x->a, lp);
  } else if (W == 1 && x->row) {
    double sum[FR_LANES] = {0};
    target_sum(rows, x->v, x->a, sum);
    lp[0] += ((sum[0] + sum[4]) + (sum[2] + sum[6])) + ((sum[1] + sum[5]) + (sum[3] + sum[7]));
  } else {
    for (long r = 0; r < rows; r++)
      for (int l = 0; l < W; l++) {
        lp[l] += fr_value(x, r, W, l);
        if (x->a) x->a[(x->row ? r : 0) * W + l] += 1.0;
      }
  }
}

#define FORWARD_1(CODE, VALUE, SLOPE) [FR_OP_##CODE] = CODE##_forward,
#define REVERSE_1(CODE, VALUE, SLOPE) [FR_OP_##CODE] = CODE##_reverse,
#define FORWARD_2(CODE, VALUE, A, B) [FR_OP_##CODE] = CODE##_forward,
#define REVERSE_2(CODE, VALUE, A, B) [FR_OP_##CODE] = CODE##_reverse,
static const fr_kernel forward[FR_OP_COUNT] = { UNARY_OPS(FORWARD_1) BINARY_OPS(FORWARD_2) };
static const fr_kernel reverse[FR_OP_COUNT] = { UNARY_OPS(REVERSE_1) BINARY_OPS(REVERSE_2) };

fr_kernel fr_elementwise_kernel(int op, int backward) { return (backward ? reverse : forward)[op]; }
void fr_elementwise_forward(int op, const fr_call *call) { forward[op](call); }
void fr_elementwise_reverse(int op, const fr_call *call) { reverse[op](call); }
