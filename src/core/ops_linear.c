/* ops_linear.c: y = X b for a chunk of rows, and its adjoint b_bar += X' y_bar. X is data, column-major.
 *
 * With FR_LANES particles a tile of two rows and all lanes is held in registers while the columns go by, so
 * that an entry of X is loaded once for all particles; backward a tile of two columns is. With one particle
 * the vectors run along the rows. The vectors are 16 bytes, which every x86-64 and arm64 has. */
#include "kernels.h"
#include "vec.h"

/* ---- FR_LANES particles ---- */

/* rows i and i + 1 */
static void forward_two_rows(const double *x, size_t ld, int p, const double *b, double *y)
{
  fr_vec a0 = {0}, a1 = {0}, a2 = {0}, a3 = {0}, c0 = {0}, c1 = {0}, c2 = {0}, c3 = {0};
  for (int k = 0; k < p; k++, x += ld, b += FR_LANES) {
    fr_vec u = FR_BROADCAST(x[0]), v = FR_BROADCAST(x[1]);
    fr_vec b0 = FR_LOAD(b), b1 = FR_LOAD(b + 2), b2 = FR_LOAD(b + 4), b3 = FR_LOAD(b + 6);
    a0 += u * b0; a1 += u * b1; a2 += u * b2; a3 += u * b3;
    c0 += v * b0; c1 += v * b1; c2 += v * b2; c3 += v * b3;
  }
  FR_STORE(y, a0); FR_STORE(y + 2, a1); FR_STORE(y + 4, a2); FR_STORE(y + 6, a3);
  FR_STORE(y + 8, c0); FR_STORE(y + 10, c1); FR_STORE(y + 12, c2); FR_STORE(y + 14, c3);
}

static void forward_one_row(const double *x, size_t ld, int p, const double *b, double *y)
{
  fr_vec a0 = {0}, a1 = {0}, a2 = {0}, a3 = {0};
  for (int k = 0; k < p; k++, x += ld, b += FR_LANES) {
    fr_vec u = FR_BROADCAST(x[0]);
    a0 += u * FR_LOAD(b); a1 += u * FR_LOAD(b + 2); a2 += u * FR_LOAD(b + 4); a3 += u * FR_LOAD(b + 6);
  }
  FR_STORE(y, a0); FR_STORE(y + 2, a1); FR_STORE(y + 4, a2); FR_STORE(y + 6, a3);
}

static void reverse_two_columns(const double *x, const double *z, long rows, const double *bar, double *b_bar)
{
  fr_vec a0 = {0}, a1 = {0}, a2 = {0}, a3 = {0}, c0 = {0}, c1 = {0}, c2 = {0}, c3 = {0};
  for (long i = 0; i < rows; i++, bar += FR_LANES) {
    fr_vec u = FR_BROADCAST(x[i]), v = FR_BROADCAST(z[i]);
    fr_vec r0 = FR_LOAD(bar), r1 = FR_LOAD(bar + 2), r2 = FR_LOAD(bar + 4), r3 = FR_LOAD(bar + 6);
    a0 += u * r0; a1 += u * r1; a2 += u * r2; a3 += u * r3;
    c0 += v * r0; c1 += v * r1; c2 += v * r2; c3 += v * r3;
  }
  FR_STORE(b_bar, FR_LOAD(b_bar) + a0); FR_STORE(b_bar + 2, FR_LOAD(b_bar + 2) + a1);
  FR_STORE(b_bar + 4, FR_LOAD(b_bar + 4) + a2); FR_STORE(b_bar + 6, FR_LOAD(b_bar + 6) + a3);
  FR_STORE(b_bar + 8, FR_LOAD(b_bar + 8) + c0); FR_STORE(b_bar + 10, FR_LOAD(b_bar + 10) + c1);
  FR_STORE(b_bar + 12, FR_LOAD(b_bar + 12) + c2); FR_STORE(b_bar + 14, FR_LOAD(b_bar + 14) + c3);
}

static void reverse_one_column(const double *x, long rows, const double *bar, double *b_bar)
{
  fr_vec a0 = {0}, a1 = {0}, a2 = {0}, a3 = {0};
  for (long i = 0; i < rows; i++, bar += FR_LANES) {
    fr_vec u = FR_BROADCAST(x[i]);
    a0 += u * FR_LOAD(bar); a1 += u * FR_LOAD(bar + 2); a2 += u * FR_LOAD(bar + 4); a3 += u * FR_LOAD(bar + 6);
  }
  FR_STORE(b_bar, FR_LOAD(b_bar) + a0); FR_STORE(b_bar + 2, FR_LOAD(b_bar + 2) + a1);
  FR_STORE(b_bar + 4, FR_LOAD(b_bar + 4) + a2); FR_STORE(b_bar + 6, FR_LOAD(b_bar + 6) + a3);
}

/* ---- one particle ---- */

/* y += four columns of X times four entries of b */
static void axpy_four(long rows, const double *x, size_t ld, const double *b, double *y)
{
  const double *x1 = x + ld, *x2 = x1 + ld, *x3 = x2 + ld;
  fr_vec b0 = FR_BROADCAST(b[0]), b1 = FR_BROADCAST(b[1]), b2 = FR_BROADCAST(b[2]), b3 = FR_BROADCAST(b[3]);
  long i = 0;
  for (; i + 2 <= rows; i += 2)
    FR_STORE(y + i, FR_LOAD(y + i) + ((FR_LOAD(x + i) * b0 + FR_LOAD(x1 + i) * b1) + (FR_LOAD(x2 + i) * b2 + FR_LOAD(x3 + i) * b3)));
  for (; i < rows; i++) y[i] += (x[i] * b[0] + x1[i] * b[1]) + (x2[i] * b[2] + x3[i] * b[3]);
}

static void axpy_one(long rows, const double *x, double b, double *y)
{
  for (long i = 0; i < rows; i++) y[i] += x[i] * b;
}

static void dot_four(long rows, const double *x, size_t ld, const double *bar, double *b_bar)
{
  const double *x1 = x + ld, *x2 = x1 + ld, *x3 = x2 + ld;
  fr_vec s0 = {0}, s1 = {0}, s2 = {0}, s3 = {0};
  long i = 0;
  for (; i + 2 <= rows; i += 2) {
    fr_vec r = FR_LOAD(bar + i);
    s0 += r * FR_LOAD(x + i); s1 += r * FR_LOAD(x1 + i); s2 += r * FR_LOAD(x2 + i); s3 += r * FR_LOAD(x3 + i);
  }
  double t0 = s0[0] + s0[1], t1 = s1[0] + s1[1], t2 = s2[0] + s2[1], t3 = s3[0] + s3[1];
  for (; i < rows; i++) { t0 += bar[i] * x[i]; t1 += bar[i] * x1[i]; t2 += bar[i] * x2[i]; t3 += bar[i] * x3[i]; }
  b_bar[0] += t0; b_bar[1] += t1; b_bar[2] += t2; b_bar[3] += t3;
}

static double dot_one(long rows, const double *x, const double *bar)
{
  double s = 0.0, t = 0.0;
  long i = 0;
  for (; i + 2 <= rows; i += 2) { s += bar[i] * x[i]; t += bar[i + 1] * x[i + 1]; }
  if (i < rows) s += bar[i] * x[i];
  return s + t;
}

/* ---- entry points ---- */

void fr_matvec_forward(const fr_call *c, size_t ld, int p)
{
  const double *x = c->v[0].v, *b = c->v[1].v;
  if (c->W == 1) {
    int k = 0;
    memset(c->y, 0, (size_t)c->rows * sizeof(double));
    for (; k + 4 <= p; k += 4) axpy_four(c->rows, x + k * ld, ld, b + k, c->y);
    for (; k < p; k++) axpy_one(c->rows, x + k * ld, b[k], c->y);
    return;
  }
  long i = 0;
  for (; i + 2 <= c->rows; i += 2) forward_two_rows(x + i, ld, p, b, c->y + i * FR_LANES);
  if (i < c->rows) forward_one_row(x + i, ld, p, b, c->y + i * FR_LANES);
}

void fr_matvec_reverse(const fr_call *c, size_t ld, int p)
{
  const double *x = c->v[0].v;
  double *b_bar = c->v[1].a;
  int k = 0;
  if (c->W == 1) {
    for (; k + 4 <= p; k += 4) dot_four(c->rows, x + k * ld, ld, c->y_bar, b_bar + k);
    for (; k < p; k++) b_bar[k] += dot_one(c->rows, x + k * ld, c->y_bar);
    return;
  }
  for (; k + 2 <= p; k += 2)
    reverse_two_columns(x + k * ld, x + (k + 1) * ld, c->rows, c->y_bar, b_bar + k * FR_LANES);
  if (k < p) reverse_one_column(x + k * ld, c->rows, c->y_bar, b_bar + k * FR_LANES);
}
