/* dense.c: see dense.h. */
#ifndef USE_FC_LEN_T
#define USE_FC_LEN_T
#endif
#include <R_ext/Lapack.h>
#ifndef FCONE
#define FCONE
#endif

#include "dense.h"
#include "vec.h"

#define ROWS 4 /* rows, and lanes, of a register tile */

/* ---- products with particles ---- */

/* rows x 4 lanes of sum over j in [from, to) of a[r * row + j * col] b[j * ld] */
FR_INLINE void tile(int rows, size_t row, size_t col, size_t from, size_t to, const double *a, size_t ld, const double *b,
                    double *out)
{
  const double *p0 = a, *p1 = rows > 1 ? a + row : a, *p2 = rows > 2 ? a + 2 * row : a, *p3 = rows > 3 ? a + 3 * row : a;
  fr_vec s00 = {0}, s01 = {0}, s10 = {0}, s11 = {0}, s20 = {0}, s21 = {0}, s30 = {0}, s31 = {0};
  for (size_t j = from; j < to; j++) {
    const fr_vec x = FR_LOAD(b + j * ld), y = FR_LOAD(b + j * ld + 2);
    const fr_vec t0 = FR_BROADCAST(p0[j * col]), t1 = FR_BROADCAST(p1[j * col]);
    const fr_vec t2 = FR_BROADCAST(p2[j * col]), t3 = FR_BROADCAST(p3[j * col]);
    s00 += t0 * x; s01 += t0 * y;
    s10 += t1 * x; s11 += t1 * y;
    s20 += t2 * x; s21 += t2 * y;
    s30 += t3 * x; s31 += t3 * y;
  }
  fr_vec sum[ROWS][2] = {{s00, s01}, {s10, s11}, {s20, s21}, {s30, s31}};
  for (int r = 0; r < rows; r++) {
    FR_STORE(out + (size_t)r * ld, sum[r][0]);
    FR_STORE(out + (size_t)r * ld + 2, sum[r][1]);
  }
}

/* transposed: entry (i, j) is a[j * n + i], and a lower a has it for j >= i */
static void multiply(int n, int shape, int transposed, const double *a, int S, size_t ld, const double *b, double *out)
{
  const size_t N = (size_t)n, row = transposed ? 1 : N, col = transposed ? N : 1;
  const size_t lanes = ((size_t)S + ROWS - 1) / ROWS * ROWS;
  for (size_t i = 0; i < N; i += ROWS) {
    const int rows = N - i < ROWS ? (int)(N - i) : ROWS;
    const size_t from = shape == FR_LOWER && transposed ? i : 0, to = shape == FR_LOWER && !transposed ? i + (size_t)rows : N;
    for (size_t s = 0; s < lanes; s += ROWS) tile(rows, row, col, from, to, a + i * row, ld, b + s, out + i * ld + s);
  }
}

void fr_dense_multiply(int n, int shape, const double *a, int S, size_t ld, const double *b, double *out)
{
  multiply(n, shape, 0, a, S, ld, b, out);
}

void fr_dense_multiply_transposed(int n, int shape, const double *a, int S, size_t ld, const double *b, double *out)
{
  multiply(n, shape, 1, a, S, ld, b, out);
}

/* 2 x 2 entries of a sum of outer products, two particles at a time */
FR_INLINE void outer_tile(int S, const double *a0, const double *a1, const double *b0, const double *b1, double *out)
{
  fr_vec s00 = {0}, s01 = {0}, s10 = {0}, s11 = {0};
  int s = 0;
  for (; s + FR_VEC <= S; s += FR_VEC) {
    const fr_vec x0 = FR_LOAD(a0 + s), x1 = FR_LOAD(a1 + s), y0 = FR_LOAD(b0 + s), y1 = FR_LOAD(b1 + s);
    s00 += x0 * y0; s01 += x0 * y1; s10 += x1 * y0; s11 += x1 * y1;
  }
  const double last[4] = {s < S ? a0[s] * b0[s] : 0.0, s < S ? a0[s] * b1[s] : 0.0, s < S ? a1[s] * b0[s] : 0.0,
                          s < S ? a1[s] * b1[s] : 0.0};
  out[0] = s00[0] + s00[1] + last[0];
  out[1] = s01[0] + s01[1] + last[1];
  out[2] = s10[0] + s10[1] + last[2];
  out[3] = s11[0] + s11[1] + last[3];
}

void fr_dense_add_outer(int n, int S, size_t ld, const double *a, const double *b, double *out)
{
  const size_t N = (size_t)n;
  for (size_t i = 0; i < N; i += 2) {
    const size_t i1 = i + 1 < N ? i + 1 : i;
    for (size_t j = 0; j < N; j += 2) {
      const size_t j1 = j + 1 < N ? j + 1 : j;
      double sum[4];
      outer_tile(S, a + i * ld, a + i1 * ld, b + j * ld, b + j1 * ld, sum);
      out[i * N + j] += sum[0];
      if (j1 > j) out[i * N + j1] += sum[1];
      if (i1 > i) out[i1 * N + j] += sum[2];
      if (i1 > i && j1 > j) out[i1 * N + j1] += sum[3];
    }
  }
}

/* ---- products of matrices ---- */

/* row i of c += f times row j of b */
FR_INLINE void add_row(size_t n, double f, const double *b, double *c)
{
  const fr_vec t = FR_BROADCAST(f);
  size_t k = 0;
  for (; k + FR_VEC <= n; k += FR_VEC) FR_STORE(c + k, FR_LOAD(c + k) + t * FR_LOAD(b + k));
  if (k < n) c[k] += f * b[k];
}

void fr_dense_product(int n, int shape, const double *a, const double *b, double *c)
{
  const size_t N = (size_t)n;
  memset(c, 0, N * N * sizeof(double));
  for (size_t i = 0; i < N; i++)
    for (size_t j = 0; j < (shape == FR_LOWER ? i + 1 : N); j++)
      if (a[i * N + j] != 0.0) add_row(N, a[i * N + j], b + j * N, c + i * N);
}

void fr_dense_cross(int n, int shape, const double *a, const double *b, double *c)
{
  const size_t N = (size_t)n;
  memset(c, 0, N * N * sizeof(double));
  for (size_t j = 0; j < N; j++)
    for (size_t i = 0; i < (shape == FR_LOWER ? j + 1 : N); i++)
      if (a[j * N + i] != 0.0) add_row(N, a[j * N + i], b + j * N, c + i * N);
}

void fr_dense_symmetrise(int n, double *a)
{
  const size_t N = (size_t)n;
  for (size_t i = 0; i < N; i++)
    for (size_t j = 0; j < i; j++) a[i * N + j] = a[j * N + i] = 0.5 * (a[i * N + j] + a[j * N + i]);
}

double fr_dot(size_t n, const double *x, const double *y)
{
  fr_vec s = {0}, t = {0};
  size_t i = 0;
  for (; i + 2 * FR_VEC <= n; i += 2 * FR_VEC) {
    s += FR_LOAD(x + i) * FR_LOAD(y + i);
    t += FR_LOAD(x + i + FR_VEC) * FR_LOAD(y + i + FR_VEC);
  }
  double sum = (s[0] + s[1]) + (t[0] + t[1]);
  for (; i < n; i++) sum += x[i] * y[i];
  return sum;
}

/* ---- LAPACK ---- */

/* eigenvalues, their workspace and the matrix they come from; blocks of LAPACK's own of up to 64 columns */
size_t fr_dense_work(int n)
{
  const size_t N = (size_t)n;
  return N * N + N + 68 * N;
}

static void clear_above(int n, double *a)
{
  const size_t N = (size_t)n;
  for (size_t i = 0; i < N; i++) memset(a + i * N + i + 1, 0, (N - i - 1) * sizeof(double));
}

static int all_finite(size_t n, const double *x)
{
  double zero = 0.0;
  for (size_t i = 0; i < n; i++) zero += x[i] - x[i];
  return zero == 0.0;
}

int fr_dense_cholesky(int n, double *a)
{
  int info;
  if (!all_finite((size_t)n * (size_t)n, a)) return FR_ERR_NOT_FINITE;
  F77_CALL(dpotrf)("U", &n, a, &n, &info FCONE);
  clear_above(n, a);
  return info == 0 ? FR_OK : FR_ERR_NOT_FINITE;
}

int fr_dense_eigen(int n, double *a, double *value, double *work)
{
  int info, size = 68 * n;
  if (!all_finite((size_t)n * (size_t)n, a)) return FR_ERR_NOT_FINITE;
  F77_CALL(dsyev)("V", "U", &n, a, &n, value, work, &size, &info FCONE FCONE);
  return info == 0 ? FR_OK : FR_ERR_NOT_FINITE;
}

int fr_dense_cholesky_raised(int n, double *a, double *work)
{
  const size_t N = (size_t)n;
  double *vectors = work, *value = vectors + N * N, *rest = value + N;
  memcpy(vectors, a, N * N * sizeof(double));
  if (fr_dense_cholesky(n, a) == FR_OK) return FR_OK;
  int status = fr_dense_eigen(n, vectors, value, rest);
  if (status != FR_OK || !(value[n - 1] > 0.0)) return FR_ERR_NOT_FINITE;
  memset(a, 0, N * N * sizeof(double));
  for (size_t k = 0; k < N; k++) {
    const double root = sqrt(value[k] > 1e-8 * value[n - 1] ? value[k] : 1e-8 * value[n - 1]);
    for (size_t i = 0; i < N; i++) vectors[k * N + i] *= root;
    for (size_t i = 0; i < N; i++) add_row(N, vectors[k * N + i], vectors + k * N, a + i * N);
  }
  return fr_dense_cholesky(n, a);
}

int fr_dense_triangularise(int n, double *a, double *work)
{
  int info, size = 64 * n;
  if (!all_finite((size_t)n * (size_t)n, a)) return FR_ERR_NOT_FINITE;
  F77_CALL(dgeqrf)(&n, &n, a, &n, work, work + n, &size, &info);
  if (info != 0) return FR_ERR_NOT_FINITE;
  clear_above(n, a);
  const size_t N = (size_t)n;
  for (size_t k = 0; k < N; k++) { /* row k of R is column k of L */
    if (a[k * N + k] == 0.0) return FR_ERR_NOT_FINITE;
    if (a[k * N + k] < 0.0)
      for (size_t i = k; i < N; i++) a[i * N + k] = -a[i * N + k];
  }
  return FR_OK;
}

int fr_dense_invert_lower(int n, double *a)
{
  int info;
  F77_CALL(dtrtri)("U", "N", &n, a, &n, &info FCONE FCONE);
  return info == 0 ? FR_OK : FR_ERR_NOT_FINITE;
}

int fr_dense_invert_cholesky(int n, double *a)
{
  int info;
  const size_t N = (size_t)n;
  F77_CALL(dpotri)("U", &n, a, &n, &info FCONE);
  for (size_t i = 0; i < N; i++)
    for (size_t j = 0; j < i; j++) a[j * N + i] = a[i * N + j];
  return info == 0 ? FR_OK : FR_ERR_NOT_FINITE;
}
