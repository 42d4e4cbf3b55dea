/* test_dense.c: what the dense matrix functions make of matrices that they cannot factor, and of those that they mend. */
#include "dense.h"
#include "check.h"

#include "core.h"

#include <stdlib.h>
#include <string.h>

#define N 3

/* vectors, values and what the functions below need */
static double work[N * N + N + 4096];

/* Which of the functions refuse a. */
static int refuses(int (*f)(int, double *), const double *a)
{
  double copy[N * N];
  memcpy(copy, a, sizeof copy);
  return f(N, copy) == FR_ERR_NOT_FINITE;
}

static int raised(int n, double *a) { return fr_dense_cholesky_raised(n, a, work); }
static int triangularise(int n, double *a) { return fr_dense_triangularise(n, a, work); }
static int eigen(int n, double *a)
{
  double value[N];
  return fr_dense_eigen(n, a, value, work);
}

/* The largest difference of L L' and want, relative to want's largest entry. */
static double product_error(const double *L, const double *want)
{
  double worst = 0.0, largest = 0.0;
  for (int i = 0; i < N; i++) {
    for (int j = 0; j < N; j++) {
      double sum = 0.0;
      for (int k = 0; k < N; k++) sum += L[i * N + k] * L[j * N + k];
      worst = fr_worst(worst, fabs(sum - want[i * N + j]));
      largest = fmax(largest, fabs(want[i * N + j]));
    }
  }
  return worst / largest;
}

/* Q diag(value) Q' with the rotation Q whose columns are (2, -2, 1) / 3, (1, 2, 2) / 3 and (2, 1, -2) / 3. */
static void rotated(const double *value, double *a)
{
  const double Q[N][N] = {{2.0, 1.0, 2.0}, {-2.0, 2.0, 1.0}, {1.0, 2.0, -2.0}};
  for (int i = 0; i < N; i++) {
    for (int j = 0; j < N; j++) {
      a[i * N + j] = 0.0;
      for (int k = 0; k < N; k++) a[i * N + j] += Q[i][k] * value[k] * Q[j][k] / 9.0;
    }
  }
}

/* Eigenvalues below 1e-8 of the largest become that; others stay. */
static void test_raised(void)
{
  const double sound[] = {4.0, 2.0, 1.0}, mixed[] = {4.0, -3.0, 1.0}, mended[] = {4.0, 4e-8, 1.0};
  const double none[] = {-1.0, -2.0, -3.0}, zero[] = {0.0, 0.0, 0.0};
  double a[N * N], want[N * N];
  rotated(sound, a);
  memcpy(want, a, sizeof a);
  CHECK(fr_dense_cholesky_raised(N, a, work) == FR_OK && product_error(a, want) < 1e-15);
  rotated(mixed, a);
  CHECK(refuses(fr_dense_cholesky, a));
  rotated(mended, want);
  CHECK(fr_dense_cholesky_raised(N, a, work) == FR_OK && product_error(a, want) < 1e-15);
  rotated(none, a);
  CHECK(refuses(raised, a));
  rotated(zero, a);
  CHECK(refuses(raised, a));
}

static void test_refused(void)
{
  const double bad[] = {NAN, INFINITY, -INFINITY};
  for (int k = 0; k < 3; k++) {
    double a[N * N] = {2.0, 0.0, 0.0, 1.0, 2.0, 0.0, 1.0, 1.0, 2.0};
    a[3] = bad[k];
    CHECK(refuses(fr_dense_cholesky, a));
    CHECK(refuses(raised, a));
    CHECK(refuses(triangularise, a));
    CHECK(refuses(eigen, a));
  }
  const double singular[N * N] = {1.0, 0.0, 0.0, 2.0, 0.0, 0.0, 3.0, 0.0, 0.0};
  CHECK(refuses(triangularise, singular));
}

/* ---- large matrices, whose products and factors go by blocks ---- */

/* Numbers without a pattern, in (-1, 1). */
static void fill(size_t n, uint32_t seed, double *x)
{
  for (size_t i = 0; i < n; i++) {
    seed = seed * 1664525u + 1013904223u;
    x[i] = (double)seed / 2147483648.0 - 1.0;
  }
}

/* The largest difference of c and the product of a and b (inner: how many terms), entries by strides, on top of `before`. */
static double wrong(size_t rows, size_t inner, size_t cols, const double *a, size_t a_row, size_t a_col, const double *b, size_t b_row,
                    size_t b_col, const double *before, const double *c, size_t ldc)
{
  double worst = 0.0;
  for (size_t i = 0; i < rows; i++)
    for (size_t j = 0; j < cols; j++) {
      double sum = before ? before[i * ldc + j] : 0.0;
      for (size_t k = 0; k < inner; k++) sum += a[i * a_row + k * a_col] * b[k * b_row + j * b_col];
      worst = fr_worst(worst, fabs(sum - c[i * ldc + j]));
    }
  return worst;
}

/* Products with a few particles, and of these with each other. */
static void test_few(size_t n, size_t S)
{
  const size_t square = n * n, ld = (S + FR_LANES - 1) / FR_LANES * FR_LANES + FR_LANES;
  double *a = malloc((2 * square + 2 * n * ld + S * ld) * sizeof(double)), *L = a + square, *x = L + square, *out = x + n * ld, *gram = out + n * ld;
  const int d = (int)n;
  fill(square, 6, a);
  fill(n * ld, 7, x);
  memcpy(L, a, square * sizeof(double));
  for (size_t i = 0; i < n; i++) memset(L + i * n + i + 1, 0, (n - i - 1) * sizeof(double));
  fr_dense_multiply(d, FR_FULL, a, (int)S, ld, x, out);
  CHECK(wrong(n, n, S, a, n, 1, x, ld, 1, NULL, out, ld) < 1e-12);
  fr_dense_multiply(d, FR_LOWER, L, (int)S, ld, x, out);
  CHECK(wrong(n, n, S, L, n, 1, x, ld, 1, NULL, out, ld) < 1e-12);
  fr_dense_multiply_transposed(d, FR_FULL, a, (int)S, ld, x, out);
  CHECK(wrong(n, n, S, a, 1, n, x, ld, 1, NULL, out, ld) < 1e-12);
  fr_dense_multiply_transposed(d, FR_LOWER, L, (int)S, ld, x, out);
  CHECK(wrong(n, n, S, L, 1, n, x, ld, 1, NULL, out, ld) < 1e-12);
  fr_dense_inner(d, (int)S, ld, x, gram);
  CHECK(wrong(S, n, S, x, 1, ld, x, ld, 1, NULL, gram, ld) < 1e-12);
  free(a);
}

static void test_large(size_t n)
{
  const size_t square = n * n, S = 24, ld = 40;
  double *space = malloc((4 * square + 3 * n * ld) * sizeof(double));
  double *a = space, *L = a + square, *b = L + square, *c = b + square, *x = c + square, *y = x + n * ld, *out = y + n * ld;
  const int d = (int)n;
  fill(square, 1, a);
  fill(square, 2, b);
  fill(n * ld, 3, x);
  fill(n * ld, 4, y);
  memcpy(L, a, square * sizeof(double));
  for (size_t i = 0; i < n; i++) memset(L + i * n + i + 1, 0, (n - i - 1) * sizeof(double));
  fr_dense_product(d, FR_FULL, a, b, c);
  CHECK(wrong(n, n, n, a, n, 1, b, n, 1, NULL, c, n) < 1e-12);
  fr_dense_product(d, FR_LOWER, L, b, c);
  CHECK(wrong(n, n, n, L, n, 1, b, n, 1, NULL, c, n) < 1e-12);
  fr_dense_product(d, FR_LOWER, L, L, c);
  CHECK(wrong(n, n, n, L, n, 1, L, n, 1, NULL, c, n) < 1e-12);
  fr_dense_cross(d, FR_FULL, a, b, c);
  CHECK(wrong(n, n, n, a, 1, n, b, n, 1, NULL, c, n) < 1e-12);
  fr_dense_cross(d, FR_LOWER, L, b, c);
  CHECK(wrong(n, n, n, L, 1, n, b, n, 1, NULL, c, n) < 1e-12);
  fr_dense_multiply(d, FR_LOWER, L, (int)S, ld, x, out);
  CHECK(wrong(n, n, S, L, n, 1, x, ld, 1, NULL, out, ld) < 1e-12);
  fr_dense_multiply_transposed(d, FR_LOWER, L, (int)S, ld, x, out);
  CHECK(wrong(n, n, S, L, 1, n, x, ld, 1, NULL, out, ld) < 1e-12);
  memcpy(c, a, square * sizeof(double));
  fr_dense_add_outer(d, (int)S, ld, x, y, c);
  CHECK(wrong(n, S, n, x, ld, 1, y, 1, ld, a, c, n) < 1e-12);
  for (size_t i = 0; i < n; i++) L[i * n + i] = 10.0 + L[i * n + i];
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++) {
      c[i * n + j] = 0.0;
      for (size_t k = 0; k <= (i < j ? i : j); k++) c[i * n + j] += L[i * n + k] * L[j * n + k];
    }
  CHECK(fr_dense_cholesky(d, c) == FR_OK);
  double worst = 0.0;
  for (size_t i = 0; i < square; i++) worst = fr_worst(worst, fabs(c[i] - L[i]));
  CHECK(worst < 1e-11);
  CHECK(fr_dense_invert_lower(d, c) == FR_OK);
  memset(b, 0, square * sizeof(double));
  for (size_t i = 0; i < n; i++) b[i * n + i] = 1.0;
  CHECK(wrong(n, n, n, L, n, 1, c, n, 1, NULL, b, n) < 1e-11);
  /* L D L' for a unit L and pivots of 3, but the last is -2, and one with nothing below it is 0: both are mended, the others stay */
  const size_t none = n - 70;
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j <= i; j++) L[i * n + j] = i == j ? 1.0 : j == none ? 0.0 : L[i * n + j] / 16.0;
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++) {
      c[i * n + j] = 0.0;
      for (size_t k = 0; k <= (i < j ? i : j); k++) c[i * n + j] += L[i * n + k] * L[j * n + k] * (k == n - 1 ? -2.0 : k == none ? 0.0 : 3.0);
    }
  CHECK(fr_dense_cholesky_mended(d, c, 1e-8, 0.5, 0.1) == FR_OK);
  worst = 0.0;
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++) {
      const double want = j > i ? 0.0 : L[i * n + j] * sqrt(j == n - 1 ? 2.0 : j == none ? 0.5 : 3.0);
      worst = fr_worst(worst, fabs(c[i * n + j] - want));
    }
  CHECK(worst < 1e-11);
  for (size_t i = 0; i < square; i++) c[i] = i % (n + 1) == 0 ? (i / n == n - 2 ? -1.0 : 1.0) : 0.0;
  CHECK(fr_dense_cholesky(d, c) == FR_ERR_NOT_FINITE);
  free(space);
}

void test_dense(void)
{
  const size_t sizes[] = {1, 3, 8, 31, 32, 33, 45, 127, 128, 150, 201}, particles[] = {1, 4, 8, 11, 16, 24, 32, 40};
  for (int k = 0; k < 11; k++)
    for (int s = 0; s < 8; s++) test_few(sizes[k], particles[s]);
  test_large(128);
  test_large(150);
  test_large(331);
  CHECK(fr_dense_work(N) <= 4096);
  test_raised();
  test_refused();
}
