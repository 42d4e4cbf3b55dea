/* symmetric.c: see symmetric.h. */
#include "symmetric.h"

#include "dense.h"

#define SHORT 8 /* columns for which vectors don't pay */

/* y -= f x, and the product of x and y */
FR_INLINE void subtract(int n, double f, const double *restrict x, double *restrict y)
{
  if (n > SHORT) { fr_add_scaled((size_t)n, -f, x, y); return; }
  for (int i = 0; i < n; i++) y[i] -= f * x[i];
}

FR_INLINE double product(int n, const double *x, const double *y)
{
  double s = 0.0;
  if (n > SHORT) return fr_dot((size_t)n, x, y);
  for (int i = 0; i < n; i++) s += x[i] * y[i];
  return s;
}

#define AT(m, i, j) (m)[(size_t)(j) * (size_t)K + (size_t)(i)]

/* The lower triangle of (a + a') / 2, zeros above it. */
static int load_lower(int K, const double *a, double *l)
{
  int status = FR_SYM_OK;
  for (int j = 0; j < K; j++) AT(l, j, j) = sqrt(AT(a, j, j)); /* NaN below 0 */
  for (int j = 0; j < K; j++) {
    for (int i = 0; i < j; i++) AT(l, i, j) = 0.0;
    for (int i = j + 1; i < K; i++) {
      double lower = AT(a, i, j), upper = AT(a, j, i);
      AT(l, i, j) = 0.5 * lower + 0.5 * upper;
      if (lower != lower || upper != upper) return FR_SYM_NAN;
      if (!(fabs(lower - upper) <= FR_SYM_TOLERANCE * AT(l, i, i) * AT(l, j, j))) status = FR_SYM_OUTSIDE;
    }
  }
  for (int j = 0; j < K; j++) {
    AT(l, j, j) = AT(a, j, j);
    if (AT(a, j, j) != AT(a, j, j)) return FR_SYM_NAN;
  }
  return status;
}

int fr_symmetric_factor(int K, const double *a, double *l)
{
  int status = load_lower(K, a, l);
  if (status != FR_SYM_OK) return status;
  for (int j = 0; j < K; j++) {
    double pivot = AT(l, j, j);
    if (!(pivot > 0.0 && pivot < INFINITY)) return FR_SYM_OUTSIDE;
    double root = sqrt(pivot), *col = &AT(l, 0, j);
    col[j] = root;
    for (int i = j + 1; i < K; i++) col[i] /= root;
    for (int k = j + 1; k < K; k++) subtract(K - k, col[k], col + k, &AT(l, k, k));
  }
  return FR_SYM_OK;
}

/* With V = l^-1, column by column, out = V'V: entry (i, j), i >= j, takes rows from i on of columns i and j of V, so
 * that it can replace V's own. */
void fr_symmetric_invert(int K, const double *l, double *out)
{
  for (int j = 0; j < K; j++) {
    double *col = &AT(out, 0, j);
    for (int i = 0; i < K; i++) col[i] = i == j ? 1.0 : 0.0;
    for (int k = j; k < K; k++) {
      double v = col[k] /= AT(l, k, k);
      subtract(K - k - 1, v, &AT(l, k, k) + 1, col + k + 1);
    }
  }
  for (int j = 0; j < K; j++) {
    double *col = &AT(out, 0, j);
    for (int i = j; i < K; i++) col[i] = product(K - i, &AT(out, i, i), col + i);
  }
  for (int j = 0; j < K; j++)
    for (int i = 0; i < j; i++) AT(out, i, j) = AT(out, j, i);
}

double fr_log_diagonal(int K, const double *l)
{
  double s = 0.0;
  for (int j = 0; j < K; j++) s += log(AT(l, j, j));
  return s;
}

void fr_lower_solve(int K, const double *l, double *x)
{
  for (int j = 0; j < K; j++) {
    const double *col = &AT(l, 0, j);
    double v = x[j] /= col[j];
    subtract(K - j - 1, v, col + j + 1, x + j + 1);
  }
}

void fr_lower_solve_transposed(int K, const double *l, double *x)
{
  for (int j = K - 1; j >= 0; j--) {
    const double *col = &AT(l, 0, j);
    x[j] = (x[j] - product(K - j - 1, col + j + 1, x + j + 1)) / col[j];
  }
}

void fr_outer_square(int K, const double *m, double *out)
{
  for (size_t e = 0; e < (size_t)K * (size_t)K; e++) out[e] = 0.0;
  for (int k = 0; k < K; k++) {
    const double *col = &AT(m, 0, k);
    for (int j = 0; j < K; j++) subtract(K - j, -col[j], col + j, &AT(out, j, j));
  }
  for (int j = 0; j < K; j++)
    for (int i = 0; i < j; i++) AT(out, i, j) = AT(out, j, i);
}
