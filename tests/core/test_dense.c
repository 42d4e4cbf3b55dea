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

void test_dense(void)
{
  CHECK(fr_dense_work(N) <= 4096);
  test_raised();
  test_refused();
}
