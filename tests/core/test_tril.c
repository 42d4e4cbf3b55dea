/* test_tril.c: the packed kernels against plain loops, at sizes around the panel and the lane block, and what
 * they must leave alone. Buffers are allocated to size, so that the sanitizers see every stray access. */
#include "check.h"
#include "rng.h"
#include "tril.h"

#include <stdlib.h>

static double *normals(uint64_t step, int S, int d, size_t ld)
{
  double *x = malloc((size_t)d * ld * sizeof(double));
  for (size_t i = 0; i < (size_t)d * ld; i++) x[i] = -77.0;
  fr_normals(1, FR_STREAM_STEP, step, 0, S, d, ld, x);
  return x;
}

static double *packed_normals(uint64_t step, int d)
{
  double *matrix = normals(step, d, d, (size_t)d), *packed = malloc(fr_tril_size((size_t)d) * sizeof(double));
  fr_tril_pack(d, matrix, 1, packed);
  free(matrix);
  return packed;
}

/* entry (i, j) of the unit lower triangle */
static double unit_entry(const double *packed, int i, int j)
{
  return i == j ? 1.0 : packed[fr_tril_at((size_t)i, (size_t)j)];
}

static void test_pack(int d)
{
  const size_t n = (size_t)d, size = fr_tril_size(n);
  double *matrix = normals(1, d, d, n), *packed = malloc(size * sizeof(double)), *back = malloc(n * n * sizeof(double));
  for (int strict = 0; strict <= 1; strict++) {
    int same = 1;
    size_t filled = 0;
    fr_tril_pack(d, matrix, strict, packed);
    fr_tril_unpack(d, packed, back);
    for (size_t j = 0; j < n; j++)
      for (size_t i = 0; i < n; i++)
        same &= back[j * n + i] == (i > j || (i == j && !strict) ? matrix[j * n + i] : 0.0);
    for (size_t k = 0; k < size; k++) filled += packed[k] != 0.0;
    CHECK(same);
    CHECK(filled == (strict ? n * (n - 1) / 2 : n * (n + 1) / 2));
  }
  free(matrix);
  free(packed);
  free(back);
}

static void test_multiply(int d, int S, size_t ld)
{
  double *packed = packed_normals(2, d), *eps = normals(3, S, d, ld), *out = normals(4, 0, d, ld), worst = 0.0;
  const size_t filled = (size_t)fr_width(S);
  const int padded = ld % FR_LANES == 0 && ld >= filled;
  int untouched = 1;
  fr_tril_unit_multiply(d, packed, S, ld, eps, out);
  for (int i = 0; i < d; i++) {
    for (int s = 0; s < S; s++) {
      double want = 0.0, size = 0.0;
      for (int j = 0; j <= i; j++) {
        want += unit_entry(packed, i, j) * eps[(size_t)j * ld + (size_t)s];
        size += fabs(unit_entry(packed, i, j) * eps[(size_t)j * ld + (size_t)s]);
      }
      worst = fr_worst(worst, fabs(out[(size_t)i * ld + (size_t)s] - want) / size);
    }
    for (size_t s = padded ? filled : (size_t)S; s < ld; s++) untouched &= out[(size_t)i * ld + s] == -77.0;
  }
  CHECK(worst < 1e-14);
  CHECK(untouched);
  free(packed);
  free(eps);
  free(out);
}

/* From 8 particles on, the bits of a particle depend on nothing but its own eps. */
static void test_batches(int d)
{
  enum { S = 29 };
  double *packed = packed_normals(2, d), *eps = normals(3, S, d, S), *all = normals(4, 0, d, S);
  fr_tril_unit_multiply(d, packed, S, S, eps, all);
  const int batches[] = {8, 9, 12, 15, 16, 24};
  for (size_t b = 0; b < sizeof batches / sizeof batches[0]; b++) {
    const int n = batches[b];
    for (int padded = 0; padded <= 1; padded++) {
      const size_t ld = padded ? (size_t)fr_width(n) : (size_t)n;
      double *some = normals(3, 0, d, ld), *out = normals(4, 0, d, ld);
      int same = 1;
      for (int j = 0; j < d; j++) memcpy(some + (size_t)j * ld, eps + j * S + 3, (size_t)n * sizeof(double));
      fr_tril_unit_multiply(d, packed, n, ld, some, out);
      for (int j = 0; j < d; j++) same &= memcmp(out + (size_t)j * ld, all + j * S + 3, (size_t)n * sizeof(double)) == 0;
      CHECK(same);
      free(some);
      free(out);
    }
  }
  free(packed);
  free(eps);
  free(all);
}

static void test_outer(int d, int S, size_t ld)
{
  double *packed = packed_normals(5, d), *a = normals(6, S, d, ld), *b = normals(7, S, d, ld), worst = 0.0;
  double *before = malloc(fr_tril_size((size_t)d) * sizeof(double));
  size_t filled = 0;
  memcpy(before, packed, fr_tril_size((size_t)d) * sizeof(double));
  fr_tril_add_outer(d, 0.25, S, ld, a, b, packed);
  for (int i = 0; i < d; i++)
    for (int j = 0; j < i; j++) {
      const size_t at = fr_tril_at((size_t)i, (size_t)j);
      double want = before[at], size = fabs(want);
      for (int s = 0; s < S; s++) {
        const double term = 0.25 * a[(size_t)i * ld + (size_t)s] * b[(size_t)j * ld + (size_t)s];
        want += term;
        size += fabs(term);
      }
      worst = fr_worst(worst, fabs(packed[at] - want) / size);
    }
  CHECK(worst < 1e-14);
  for (size_t k = 0; k < fr_tril_size((size_t)d); k++) filled += packed[k] != 0.0;
  CHECK(filled == (size_t)d * ((size_t)d - 1) / 2); /* the padding stays 0 */
  free(packed);
  free(before);
  free(a);
  free(b);
}

/* What is not finite reaches the entries it belongs to and no others; the padding stays 0. */
static void test_not_finite(int d, int S)
{
  double *packed = packed_normals(5, d), *a = normals(6, S, d, (size_t)S), *b = normals(7, S, d, (size_t)S);
  int right = 1;
  size_t filled = 0;
  a[3 * S] = NAN;
  b[1 * S] = INFINITY;
  fr_tril_add_outer(d, 1.0, S, (size_t)S, a, b, packed);
  for (int i = 0; i < d; i++)
    for (int j = 0; j < i; j++) {
      const double x = packed[fr_tril_at((size_t)i, (size_t)j)];
      right &= i == 3 ? isnan(x) : j == 1 ? isinf(x) : isfinite(x);
    }
  CHECK(right);
  for (size_t k = 0; k < fr_tril_size((size_t)d); k++) filled += packed[k] != 0.0;
  CHECK(filled == (size_t)d * ((size_t)d - 1) / 2);
  free(packed);
  free(a);
  free(b);
}

void test_tril(void)
{
  const int dims[] = {1, 2, 7, 8, 9, 16, 33}, particles[] = {1, 2, 7, 8, 12, 16, 21, 70};
  CHECK(fr_tril_size(1) == 8 && fr_tril_size(8) == 64 && fr_tril_size(9) == 64 + 72 && fr_tril_size(16) == 192);
  for (size_t i = 0; i < sizeof dims / sizeof dims[0]; i++) {
    test_pack(dims[i]);
    test_batches(dims[i]);
    for (size_t k = 0; k < sizeof particles / sizeof particles[0]; k++) {
      const int d = dims[i], S = particles[k];
      const size_t lds[] = {(size_t)S, (size_t)S + 3, (size_t)fr_width(S), (size_t)fr_width(S) + FR_LANES};
      for (int l = 0; l < 4; l++) {
        test_multiply(d, S, lds[l]);
        test_outer(d, S, lds[l]);
      }
    }
  }
  test_not_finite(9, 1);
  test_not_finite(9, 4);
  test_not_finite(17, 12);
}
