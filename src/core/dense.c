/* dense.c: see dense.h. */
#ifndef USE_FC_LEN_T
#define USE_FC_LEN_T
#endif
#include <R_ext/Lapack.h>
#ifndef FCONE
#define FCONE
#endif

#include "dense.h"
#include "dense_blocked.h"
#include "vec.h"

#define FR_EACH_SOURCE "dense_kernels.h"
#include "isa_each.h"

#define DEPTH 32 /* rows of a transposed matrix that are read at once */
#define MANY 32  /* particles from which blocks of a large matrix pay */

/* ---- products with particles ---- */

/* transposed: entry (i, j) is a[j * n + i], and a lower a has it for j >= i. Rows of it are then read DEPTH at a time from end to end, as they lie. */
static void multiply(int n, int shape, int transposed, const double *a, int S, size_t ld, const double *b, double *out)
{
  const size_t N = (size_t)n, row = transposed ? 1 : N, col = transposed ? N : 1, depth = transposed ? DEPTH : N;
  const size_t lanes = ((size_t)S + FR_LANES - 1) / FR_LANES * FR_LANES;
  for (size_t k = 0; k < N; k += depth) {
    const size_t end = k + depth < N ? k + depth : N;
    for (size_t i = 0; i < (shape == FR_LOWER && transposed ? end : N); i += FR_LANES) {
      const size_t rows = N - i < FR_LANES ? N - i : FR_LANES;
      const size_t from = shape == FR_LOWER && transposed && i > k ? i : k, to = shape == FR_LOWER && !transposed ? i + rows : end;
      const int add = k > 0 && !(shape == FR_LOWER && i >= k);
      FR_CALL_ISA(product_rows, (add, rows, row, col, from, to, a + i * row, lanes, ld, b, out + i * ld));
    }
  }
}

/* The same for large a. */
static void blocked(int n, fr_strided a, enum fr_zeros zeros, int S, size_t ld, const double *b, double *out)
{
  const size_t N = (size_t)n, lanes = ((size_t)S + FR_LANES - 1) / FR_LANES * FR_LANES;
  for (size_t i = 0; i < N; i++) memset(out + i * ld, 0, lanes * sizeof(double));
  fr_blocked_multiply_add(N, N, lanes, 1.0, a, zeros, (fr_strided){b, ld, 1}, out, ld);
}

void fr_dense_multiply(int n, int shape, const double *a, int S, size_t ld, const double *b, double *out)
{
  const size_t N = (size_t)n;
  if (n < FR_BLOCKED_FROM || S < MANY) multiply(n, shape, 0, a, S, ld, b, out);
  else blocked(n, (fr_strided){a, N, 1}, shape == FR_LOWER ? FR_ZEROS_ABOVE : FR_NO_ZEROS, S, ld, b, out);
}

void fr_dense_multiply_transposed(int n, int shape, const double *a, int S, size_t ld, const double *b, double *out)
{
  const size_t N = (size_t)n;
  if (n < FR_BLOCKED_FROM || S < MANY) multiply(n, shape, 1, a, S, ld, b, out);
  else blocked(n, (fr_strided){a, 1, N}, shape == FR_LOWER ? FR_ZEROS_BELOW : FR_NO_ZEROS, S, ld, b, out);
}

void fr_dense_inner(int n, int P, size_t ld, const double *x, double *out)
{
  const size_t some = (size_t)P, lanes = (some + FR_LANES - 1) / FR_LANES * FR_LANES;
  for (size_t p = 0; p < some; p += FR_LANES) {
    const size_t rows = some - p < FR_LANES ? some - p : FR_LANES;
    FR_CALL_ISA(product_rows, (0, rows, 1, ld, 0, (size_t)n, x + p, lanes, ld, x, out + p * ld));
  }
}

void fr_dense_add_outer(int n, int S, size_t ld, const double *a, const double *b, double *out)
{
  const size_t N = (size_t)n;
  if (n >= FR_BLOCKED_FROM) {
    fr_blocked_multiply_add(N, (size_t)S, N, 1.0, (fr_strided){a, ld, 1}, FR_NO_ZEROS, (fr_strided){b, 1, ld}, out, N);
    return;
  }
  for (size_t i = 0; i < N; i += 2) {
    const size_t i1 = i + 1 < N ? i + 1 : i;
    for (size_t j = 0; j < N; j += 2) {
      const size_t j1 = j + 1 < N ? j + 1 : j;
      double sum[4];
      FR_CALL_ISA(outer_tile, (S, a + i * ld, a + i1 * ld, b + j * ld, b + j1 * ld, sum));
      out[i * N + j] += sum[0];
      if (j1 > j) out[i * N + j1] += sum[1];
      if (i1 > i) out[i1 * N + j] += sum[2];
      if (i1 > i && j1 > j) out[i1 * N + j1] += sum[3];
    }
  }
}

/* ---- products of matrices ---- */

void fr_add_scaled(size_t n, double f, const double *x, double *y) { FR_CALL_ISA(add_scaled, (n, f, x, y)); }

void fr_dense_product(int n, int shape, const double *a, const double *b, double *c)
{
  const size_t N = (size_t)n;
  memset(c, 0, N * N * sizeof(double));
  if (n >= FR_BLOCKED_FROM) {
    const enum fr_zeros zeros = shape == FR_LOWER ? FR_ZEROS_ABOVE : FR_NO_ZEROS;
    fr_blocked_multiply_add(N, N, N, 1.0, (fr_strided){a, N, 1}, zeros, (fr_strided){b, N, 1}, c, N);
    return;
  }
  for (size_t i = 0; i < N; i++)
    for (size_t j = 0; j < (shape == FR_LOWER ? i + 1 : N); j++)
      if (a[i * N + j] != 0.0) fr_add_scaled(N, a[i * N + j], b + j * N, c + i * N);
}

void fr_dense_cross(int n, int shape, const double *a, const double *b, double *c)
{
  const size_t N = (size_t)n;
  memset(c, 0, N * N * sizeof(double));
  if (n >= FR_BLOCKED_FROM) {
    const enum fr_zeros zeros = shape == FR_LOWER ? FR_ZEROS_BELOW : FR_NO_ZEROS;
    fr_blocked_multiply_add(N, N, N, 1.0, (fr_strided){a, 1, N}, zeros, (fr_strided){b, N, 1}, c, N);
    return;
  }
  for (size_t j = 0; j < N; j++)
    for (size_t i = 0; i < (shape == FR_LOWER ? j + 1 : N); i++)
      if (a[j * N + i] != 0.0) fr_add_scaled(N, a[j * N + i], b + j * N, c + i * N);
}

void fr_dense_symmetrise(int n, double *a)
{
  const size_t N = (size_t)n;
  for (size_t i = 0; i < N; i++)
    for (size_t j = 0; j < i; j++) a[i * N + j] = a[j * N + i] = 0.5 * (a[i * N + j] + a[j * N + i]);
}

double fr_dot(size_t n, const double *x, const double *y)
{
  double sum;
  FR_CALL_ISA(dot, (n, x, y, &sum));
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
  int info = 0;
  if (!all_finite((size_t)n * (size_t)n, a)) return FR_ERR_NOT_FINITE;
  if (n < FR_BLOCKED_FROM) F77_CALL(dpotrf)("U", &n, a, &n, &info FCONE);
  else info = fr_blocked_cholesky(n, a) != FR_OK;
  clear_above(n, a);
  return info == 0 ? FR_OK : FR_ERR_NOT_FINITE;
}

int fr_dense_cholesky_mended(int n, double *a, double flat, double least, double bend)
{
  if (!all_finite((size_t)n * (size_t)n, a)) return FR_ERR_NOT_FINITE;
  const int status = fr_blocked_cholesky_mended(n, a, flat, least, bend);
  clear_above(n, a);
  return status;
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
    for (size_t i = 0; i < N; i++) fr_add_scaled(N, vectors[k * N + i], vectors + k * N, a + i * N);
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
  if (n >= FR_BLOCKED_FROM) return fr_blocked_invert_lower(n, a);
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
