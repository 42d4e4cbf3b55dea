/* ops_array.c: kernels of the operations that read their arguments whole: gathers, sums, products. */
#include "isa.h"
#include "kernels.h"

/* ---- gather and scatter ---- */

/* FR_LANES particles: a row is one vector */
FR_INLINE void gather_lanes(long rows, const double *restrict x, const int *restrict index, double *restrict y)
{
  for (long i = 0; i < rows; i++) memcpy(y + i * FR_LANES, x + (size_t)index[i] * FR_LANES, FR_LANES * sizeof(double));
}

FR_INLINE void gather_add_lanes(long rows, const double *restrict bar, const int *restrict index, double *restrict a)
{
  for (long i = 0; i < rows; i++) {
    double add[FR_LANES], *out = a + (size_t)index[i] * FR_LANES;
    for (int l = 0; l < FR_LANES; l++) add[l] = bar[i * FR_LANES + l];
    for (int l = 0; l < FR_LANES; l++) out[l] += add[l];
  }
}

FR_KERNEL(static, gather, (long rows, const double *x, const int *index, double *y), (rows, x, index, y), gather_lanes(rows, x, index, y))
FR_KERNEL(static, gather_add, (long rows, const double *bar, const int *index, double *a), (rows, bar, index, a),
          gather_add_lanes(rows, bar, index, a))

void fr_gather_forward(const fr_call *c, const int *index)
{
  const double *x = c->v[0].v;
  if (c->W == FR_LANES) gather(c->rows, x, index, c->y);
  else
    for (long i = 0; i < c->rows; i++) c->y[i] = x[index[i]];
}

void fr_gather_reverse(const fr_call *c, const int *index)
{
  double *a = c->v[0].a;
  if (c->W == FR_LANES) gather_add(c->rows, c->y_bar, index, a);
  else
    for (long i = 0; i < c->rows; i++) a[index[i]] += c->y_bar[i];
}

void fr_scatter_forward(const fr_call *c, long n, const int *index)
{
  size_t W = (size_t)c->W;
  memset(c->y, 0, (size_t)c->rows * W * sizeof(double));
  for (long i = 0; i < n; i++) memcpy(c->y + index[i] * W, c->v[0].v + i * W, W * sizeof(double));
}

void fr_scatter_reverse(const fr_call *c, long n, const int *index)
{
  size_t W = (size_t)c->W;
  for (long i = 0; i < n; i++)
    for (size_t l = 0; l < W; l++) c->v[0].a[i * W + l] += c->y_bar[index[i] * W + l];
}

/* ---- reductions to one value, and running sums ---- */

void fr_sum_forward(const fr_call *c, long n)
{
  for (int l = 0; l < c->W; l++) c->y[l] = 0.0;
  for (long i = 0; i < n; i++)
    for (int l = 0; l < c->W; l++) c->y[l] += c->v[0].v[i * c->W + l];
}

void fr_sum_reverse(const fr_call *c, long n)
{
  for (long i = 0; i < n; i++)
    for (int l = 0; l < c->W; l++) c->v[0].a[i * c->W + l] += c->y_bar[l];
}

void fr_prod_forward(const fr_call *c, long n)
{
  for (int l = 0; l < c->W; l++) c->y[l] = 1.0;
  for (long i = 0; i < n; i++)
    for (int l = 0; l < c->W; l++) c->y[l] *= c->v[0].v[i * c->W + l];
}

/* The derivative is the product of the others: with one zero only that element's is not 0, with two none is. */
void fr_prod_reverse(const fr_call *c, long n)
{
  const double *x = c->v[0].v;
  int W = c->W;
  for (int l = 0; l < W; l++) {
    long zeros = 0, zero_at = -1;
    double product = 1.0;
    for (long i = 0; i < n; i++) {
      if (x[i * W + l] == 0.0) { zeros++; zero_at = i; }
      else product *= x[i * W + l];
    }
    if (zeros == 0)
      for (long i = 0; i < n; i++) c->v[0].a[i * W + l] += c->y_bar[l] * (product / x[i * W + l]);
    else if (zeros == 1)
      c->v[0].a[zero_at * W + l] += c->y_bar[l] * product;
  }
}

void fr_cumsum_forward(const fr_call *c, long n)
{
  for (int l = 0; l < c->W; l++) {
    double s = 0.0;
    for (long i = 0; i < n; i++) c->y[i * c->W + l] = s += c->v[0].v[i * c->W + l];
  }
}

void fr_cumsum_reverse(const fr_call *c, long n)
{
  for (int l = 0; l < c->W; l++) {
    double s = 0.0;
    for (long i = n - 1; i >= 0; i--) c->v[0].a[i * c->W + l] += s += c->y_bar[i * c->W + l];
  }
}

void fr_log_sum_exp_forward(const fr_call *c, long n)
{
  const double *x = c->v[0].v;
  int W = c->W;
  for (int l = 0; l < W; l++) {
    double top = -INFINITY, s = 0.0;
    for (long i = 0; i < n; i++) top = x[i * W + l] > top ? x[i * W + l] : top;
    if (!isfinite(top)) {
      for (long i = 0; i < n; i++) s += x[i * W + l];
      c->y[l] = isnan(s) ? s : top;
      continue;
    }
    for (long i = 0; i < n; i++) s += exp(x[i * W + l] - top);
    c->y[l] = top + log(s);
  }
}

void fr_log_sum_exp_reverse(const fr_call *c, long n)
{
  for (long i = 0; i < n; i++)
    for (int l = 0; l < c->W; l++)
      c->v[0].a[i * c->W + l] += c->y_bar[l] * exp(c->v[0].v[i * c->W + l] - c->y[l]);
}

/* A NaN stays, as R's max() and min() keep it. */
void fr_extreme_forward(const fr_call *c, long n, int sign)
{
  const double *x = c->v[0].v;
  int W = c->W;
  for (int l = 0; l < W; l++) {
    double best = x[l];
    for (long i = 1; i < n; i++) {
      double v = x[i * W + l];
      if (isnan(v) || (sign > 0 ? v > best : v < best)) best = v;
    }
    c->y[l] = best;
  }
}

/* The first of the elements that are the extreme takes the whole slope. */
void fr_extreme_reverse(const fr_call *c, long n)
{
  int W = c->W;
  for (int l = 0; l < W; l++)
    for (long i = 0; i < n; i++) {
      double v = c->v[0].v[i * W + l];
      if (v == c->y[l] || (isnan(v) && isnan(c->y[l]))) { c->v[0].a[i * W + l] += c->y_bar[l]; break; }
    }
}

void fr_sum_dim_forward(const fr_call *c, const int *shape)
{
  long before = shape[0], over = shape[1], after = shape[2], W = c->W;
  memset(c->y, 0, (size_t)(before * after * W) * sizeof(double));
  for (long k = 0; k < after; k++)
    for (long j = 0; j < over; j++)
      for (long e = 0; e < before * W; e++) c->y[k * before * W + e] += c->v[0].v[(k * over + j) * before * W + e];
}

void fr_sum_dim_reverse(const fr_call *c, const int *shape)
{
  long before = shape[0], over = shape[1], after = shape[2], W = c->W;
  for (long k = 0; k < after; k++)
    for (long j = 0; j < over; j++)
      for (long e = 0; e < before * W; e++) c->v[0].a[(k * over + j) * before * W + e] += c->y_bar[k * before * W + e];
}

/* ---- matrix product of any two operands, small or with a latent matrix ---- */

/* where entry (r, c) of op(M) stands in M, stored with `rows` rows before the transpose */
FR_INLINE long entry(int transposed, long rows_of_op, long cols_of_op, long r, long c)
{
  return transposed ? c + r * cols_of_op : r + c * rows_of_op;
}

void fr_matmul_forward(const fr_call *c, const int *shape)
{
  long n = shape[0], k = shape[1], m = shape[2];
  int W = c->W;
  for (long j = 0; j < m; j++)
    for (long i = 0; i < n; i++) {
      double s[FR_LANES] = {0};
      for (long q = 0; q < k; q++) {
        long a = entry(shape[3], n, k, i, q), b = entry(shape[4], k, m, q, j);
        for (int l = 0; l < W; l++) s[l] += fr_value(&c->v[0], a, W, l) * fr_value(&c->v[1], b, W, l);
      }
      memcpy(c->y + (i + j * n) * W, s, (size_t)W * sizeof(double));
    }
}

void fr_matmul_reverse(const fr_call *c, const int *shape)
{
  long n = shape[0], k = shape[1], m = shape[2];
  int W = c->W;
  for (long j = 0; j < m; j++)
    for (long i = 0; i < n; i++) {
      const double *bar = c->y_bar + (i + j * n) * W;
      for (long q = 0; q < k; q++) {
        long a = entry(shape[3], n, k, i, q), b = entry(shape[4], k, m, q, j);
        for (int l = 0; l < W; l++) {
          if (c->v[0].a) c->v[0].a[a * W + l] += bar[l] * fr_value(&c->v[1], b, W, l);
          if (c->v[1].a) c->v[1].a[b * W + l] += bar[l] * fr_value(&c->v[0], a, W, l);
        }
      }
    }
}
