/* ops_matrix.c: factorisations and solves, forward and reverse: Cholesky factors and triangular solves for the particles of a
 * group at once (matrix_kernels.h), what exchanges rows one particle's matrices at a time. All matrices are column-major. The
 * reverse sweeps follow the forward loops backwards; see Giles (2008), "Collected matrix derivative results for forward and reverse mode algorithmic differentiation", and Murray (2016),
 * "Differentiation of the Cholesky decomposition". */
#include "dense.h"
#include "kernels.h"
#include "vec.h"

#define FR_EACH_SOURCE "matrix_kernels.h"
#include "isa_each.h"

static void take(const fr_operand *o, long n, int W, int l, double *to)
{
  for (long i = 0; i < n; i++) to[i] = fr_value(o, i, W, l);
}

static void add(double sign, const double *from, long n, int W, int l, double *to)
{
  for (long i = 0; i < n; i++) to[i * W + l] += sign * from[i];
}

static void take_adjoint(const double *bar, long n, int W, int l, double *to)
{
  for (long i = 0; i < n; i++) to[i] = bar[i * W + l];
}

/* x for all lanes of a group, spread where it is data. */
static void take_lanes(const fr_operand *o, long n, double *to)
{
  if (o->lane) memcpy(to, o->v, (size_t)n * FR_LANES * sizeof(double));
  else
    for (long i = 0; i < n; i++)
      for (int l = 0; l < FR_LANES; l++) to[i * FR_LANES + l] = o->v[i];
}

/* ---- Cholesky: A = R'R with R upper; as R's chol(), the strict lower triangle of A is not read ---- */

void fr_chol_forward(const fr_call *c, long n, double *work)
{
  const double *a = c->v[0].v;
  double *r = c->y;
  if (c->W > 1) {
    if (!c->v[0].lane) take_lanes(&c->v[0], n * n, work);
    FR_CALL_ISA(chol_lanes, (n, c->v[0].lane ? a : work, r));
    return;
  }
  for (long j = 0; j < n; j++) {
    for (long i = 0; i <= j; i++) {
      const double s = a[i + j * n] - fr_dot((size_t)i, r + i * n, r + j * n);
      r[i + j * n] = i == j ? sqrt(s) : s / r[i + i * n];
    }
    for (long i = j + 1; i < n; i++) r[i + j * n] = 0.0;
  }
}

/* Columns from the last: entry (i, j) came from A[i, j] and the entries above it in columns i and j. */
void fr_chol_reverse(const fr_call *c, long n, double *work)
{
  const double *r = c->y;
  double *bar = work, *a_bar = c->v[0].a;
  if (!a_bar) return;
  memcpy(bar, c->y_bar, (size_t)(n * n * c->W) * sizeof(double));
  if (c->W > 1) {
    FR_CALL_ISA(chol_lanes_reverse, (n, r, bar, a_bar));
    return;
  }
  for (long j = n - 1; j >= 0; j--)
    for (long i = j; i >= 0; i--) {
      const double s = bar[i + j * n] / r[i + i * n] * (i == j ? 0.5 : 1.0);
      if (i != j) bar[i + i * n] -= r[i + j * n] * s;
      a_bar[i + j * n] += s;
      fr_add_scaled((size_t)i, -s, r + j * n, bar + i * n);
      fr_add_scaled((size_t)i, -s, r + i * n, bar + j * n);
    }
}

/* ---- triangular solves: op(T) X = B ---- */

/* x (n x m) solved in place. The diagonal is taken as it is: a zero there gives infinities, not a message. */
static void solve_triangle(const double *t, long n, long m, int upper, int transposed, double *x)
{
  int from_first = upper == transposed; /* the effective triangle is lower */
  for (long q = 0; q < m; q++)
    for (long s = 0; s < n; s++) {
      long i = from_first ? s : n - 1 - s;
      long begin = from_first ? 0 : i + 1, end = from_first ? i : n;
      double v = x[i + q * n];
      for (long k = begin; k < end; k++) v -= (transposed ? t[k + i * n] : t[i + k * n]) * x[k + q * n];
      x[i + q * n] = v / t[i + i * n];
    }
}

/* shape = {n, m, upper, transposed} */
void fr_solve_tri_forward(const fr_call *c, const int *shape, double *work)
{
  const long n = shape[0], m = shape[1];
  (void)work;
  if (c->W > 1) {
    take_lanes(&c->v[1], n * m, c->y);
    FR_CALL_ISA(solve_lanes, (!c->v[0].lane, n, m, shape[2], shape[3], c->v[0].v, c->y));
    return;
  }
  memcpy(c->y, c->v[1].v, (size_t)(n * m) * sizeof(double));
  solve_triangle(c->v[0].v, n, m, shape[2], shape[3], c->y);
}

/* G = op(T)^-T X_bar; B_bar += G; T_bar -= the triangle of G X' (X G' when transposed). */
void fr_solve_tri_reverse(const fr_call *c, const int *shape, double *work)
{
  const long n = shape[0], m = shape[1];
  const int upper = shape[2], transposed = shape[3];
  double *g = work, *t_bar = c->v[0].a;
  memcpy(g, c->y_bar, (size_t)(n * m * c->W) * sizeof(double));
  if (c->W > 1) FR_CALL_ISA(solve_lanes, (!c->v[0].lane, n, m, upper, !transposed, c->v[0].v, g));
  else solve_triangle(c->v[0].v, n, m, upper, !transposed, g);
  if (c->v[1].a) fr_add_scaled((size_t)(n * m * c->W), 1.0, g, c->v[1].a);
  if (!t_bar) return;
  if (c->W > 1) {
    FR_CALL_ISA(solve_lanes_adjoint, (n, m, upper, transposed, g, c->y, t_bar));
    return;
  }
  for (long j = 0; j < n; j++)
    for (long i = upper ? 0 : j; i < (upper ? j + 1 : n); i++)
      for (long q = 0; q < m; q++) t_bar[i + j * n] -= (transposed ? c->y : g)[i + q * n] * (transposed ? g : c->y)[j + q * n];
}

/* ---- LU with row exchanges ---- */

/* a becomes its factors, row[i] the row of the original that stands at i. A singular matrix gives zero pivots. */
static void factor_lu(double *a, long n, double *row)
{
  for (long i = 0; i < n; i++) row[i] = (double)i;
  for (long j = 0; j < n; j++) {
    long top = j;
    for (long i = j + 1; i < n; i++)
      if (fabs(a[i + j * n]) > fabs(a[top + j * n])) top = i;
    if (top != j) {
      double s = row[j];
      row[j] = row[top];
      row[top] = s;
      for (long k = 0; k < n; k++) {
        s = a[j + k * n];
        a[j + k * n] = a[top + k * n];
        a[top + k * n] = s;
      }
    }
    for (long i = j + 1; i < n; i++) a[i + j * n] /= a[j + j * n];
    for (long k = j + 1; k < n; k++)
      for (long i = j + 1; i < n; i++) a[i + k * n] -= a[i + j * n] * a[j + k * n];
  }
}

/* x = A^-1 b, for m columns; x and b apart */
static void solve_lu(const double *lu, const double *row, long n, long m, const double *b, double *x)
{
  for (long q = 0; q < m; q++) {
    double *y = x + q * n;
    for (long i = 0; i < n; i++) {
      double s = b[(long)row[i] + q * n];
      for (long k = 0; k < i; k++) s -= lu[i + k * n] * y[k];
      y[i] = s;
    }
    for (long i = n - 1; i >= 0; i--) {
      for (long k = i + 1; k < n; k++) y[i] -= lu[i + k * n] * y[k];
      y[i] /= lu[i + i * n];
    }
  }
}

/* x = A^-T b: U'L' P x = b; b is overwritten */
static void solve_lu_transposed(const double *lu, const double *row, long n, long m, double *b, double *x)
{
  for (long q = 0; q < m; q++) {
    double *y = b + q * n;
    for (long i = 0; i < n; i++) {
      for (long k = 0; k < i; k++) y[i] -= lu[k + i * n] * y[k];
      y[i] /= lu[i + i * n];
    }
    for (long i = n - 1; i >= 0; i--)
      for (long k = i + 1; k < n; k++) y[i] -= lu[k + i * n] * y[k];
    for (long i = 0; i < n; i++) x[(long)row[i] + q * n] = y[i];
  }
}

/* X = A^-1 B; shape = {n, m} */
void fr_solve_forward(const fr_call *c, const int *shape, double *work)
{
  long n = shape[0], m = shape[1];
  double *lu = work, *row = lu + n * n, *b = row + n, *x = b + n * m;
  for (int l = 0; l < c->W; l++) {
    if (l == 0 || c->v[0].lane) {
      take(&c->v[0], n * n, c->W, l, lu);
      factor_lu(lu, n, row);
    }
    take(&c->v[1], n * m, c->W, l, b);
    solve_lu(lu, row, n, m, b, x);
    for (long i = 0; i < n * m; i++) c->y[i * c->W + l] = x[i];
  }
}

/* G = A^-T X_bar; B_bar += G; A_bar -= G X' */
void fr_solve_reverse(const fr_call *c, const int *shape, double *work)
{
  long n = shape[0], m = shape[1];
  int W = c->W;
  double *lu = work, *row = lu + n * n, *b = row + n, *g = b + n * m;
  for (int l = 0; l < W; l++) {
    if (l == 0 || c->v[0].lane) {
      take(&c->v[0], n * n, W, l, lu);
      factor_lu(lu, n, row);
    }
    take_adjoint(c->y_bar, n * m, W, l, b);
    solve_lu_transposed(lu, row, n, m, b, g);
    if (c->v[1].a) add(1.0, g, n * m, W, l, c->v[1].a);
    if (!c->v[0].a) continue;
    for (long j = 0; j < n; j++)
      for (long i = 0; i < n; i++) {
        double s = 0.0;
        for (long q = 0; q < m; q++) s += g[i + q * n] * c->y[(j + q * n) * W + l];
        c->v[0].a[(i + j * n) * W + l] -= s;
      }
  }
}

/* y = log |det A| */
void fr_log_det_forward(const fr_call *c, long n, double *work)
{
  double *lu = work, *row = lu + n * n;
  for (int l = 0; l < c->W; l++) {
    double s = 0.0;
    take(&c->v[0], n * n, c->W, l, lu);
    factor_lu(lu, n, row);
    for (long i = 0; i < n; i++) s += log(fabs(lu[i + i * n]));
    c->y[l] = s;
  }
}

/* A_bar += y_bar A^-T */
void fr_log_det_reverse(const fr_call *c, long n, double *work)
{
  double *lu = work, *row = lu + n * n, *b = row + n, *x = b + n;
  if (!c->v[0].a) return;
  for (int l = 0; l < c->W; l++) {
    take(&c->v[0], n * n, c->W, l, lu);
    factor_lu(lu, n, row);
    for (long j = 0; j < n; j++) {
      for (long i = 0; i < n; i++) b[i] = i == j ? 1.0 : 0.0;
      solve_lu_transposed(lu, row, n, 1, b, x);
      add(c->y_bar[l], x, n, c->W, l, c->v[0].a + j * n * c->W);
    }
  }
}
