/* symmetric.c: see symmetric.h. */
#include "symmetric.h"

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
    for (int k = j + 1; k < K; k++) {
      double t = col[k], *to = &AT(l, 0, k);
      for (int i = k; i < K; i++) to[i] -= t * col[i];
    }
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
      for (int i = k + 1; i < K; i++) col[i] -= v * AT(l, i, k);
    }
  }
  for (int j = 0; j < K; j++) {
    double *col = &AT(out, 0, j);
    for (int i = j; i < K; i++) {
      const double *other = &AT(out, 0, i);
      double s = 0.0;
      for (int k = i; k < K; k++) s += other[k] * col[k];
      col[i] = s;
    }
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
    for (int i = j + 1; i < K; i++) x[i] -= col[i] * v;
  }
}

void fr_lower_solve_transposed(int K, const double *l, double *x)
{
  for (int j = K - 1; j >= 0; j--) {
    const double *col = &AT(l, 0, j);
    double s = x[j];
    for (int i = j + 1; i < K; i++) s -= col[i] * x[i];
    x[j] = s / col[j];
  }
}

void fr_outer_square(int K, const double *m, double *out)
{
  for (size_t e = 0; e < (size_t)K * (size_t)K; e++) out[e] = 0.0;
  for (int k = 0; k < K; k++) {
    const double *col = &AT(m, 0, k);
    for (int j = 0; j < K; j++)
      for (int i = j; i < K; i++) AT(out, i, j) += col[j] * col[i];
  }
  for (int j = 0; j < K; j++)
    for (int i = 0; i < j; i++) AT(out, i, j) = AT(out, j, i);
}
