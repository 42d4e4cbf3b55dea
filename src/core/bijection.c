/* bijection.c: see bijection.h. The formulas are PyTorch's (torch.distributions.transforms); each is arranged
 * so that nothing cancels: 1 - sigmoid(x) is sigmoid(-x), 1 - tanh(x)^2 is sech(x)^2, what is left of a
 * simplex or of a row of unit length is a product going forward and a sum of what follows coming back. */
#include "bijection.h"

#include "special.h"

#define TOLERANCE 1e-8 /* of a sum or norm that must be 1 */

/* ---- one element between bounds ---- */

void fr_bounded_forward(double x, double lower, double upper, fr_bounded *out)
{
  *out = (fr_bounded){0};
  if (!(lower < upper)) {
    *out = (fr_bounded){NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN};
  } else if (isinf(lower) && isinf(upper)) {
    out->y = x;
    out->dy_dx = 1.0;
  } else if (isinf(upper)) {
    out->dy_dx = exp(x);
    out->y = lower + out->dy_dx;
    out->log_det = x;
    out->dy_dlower = out->dld_dx = 1.0;
  } else if (isinf(lower)) {
    out->dy_dx = -exp(x);
    out->y = upper + out->dy_dx;
    out->log_det = x;
    out->dy_dupper = out->dld_dx = 1.0;
  } else {
    const double width = upper - lower, e = exp(-fabs(x)), near = 1.0 / (1.0 + e), far = e * near;
    const double s = x < 0.0 ? far : near, r = x < 0.0 ? near : far; /* sigmoid(x), sigmoid(-x) */
    out->y = x < 0.0 ? lower + width * far : upper - width * far;
    out->log_det = log(width) - fabs(x) - 2.0 * log1p(e);
    out->dy_dx = width * far * near;
    out->dy_dlower = r;
    out->dy_dupper = s;
    out->dld_dx = -tanh(0.5 * x);
    out->dld_dlower = -1.0 / width;
    out->dld_dupper = 1.0 / width;
  }
}

int fr_bounded_inverse(double y, double lower, double upper, double *x)
{
  if (!(y > lower && y < upper)) return FR_ERR_DOMAIN;
  if (isinf(lower) && isinf(upper)) {
    *x = y;
  } else if (isinf(upper)) {
    *x = log(y - lower);
  } else if (isinf(lower)) {
    *x = log(upper - y);
  } else {
    const double below = y - lower, above = upper - y, ratio = below / above;
    if (ratio > 0.5 && ratio < 2.0) /* near the middle: the logarithms would cancel */
      *x = log1p((2.0 * y - (lower + upper)) / above);
    else
      *x = log(below) - log(above);
  }
  return isfinite(*x) ? FR_OK : FR_ERR_DOMAIN;
}

/* ---- simplex: x has K - 1 entries, y has K ---- */

static int same_size(int K) { return K; }
static int simplex_free(int K) { return K - 1; }

/* u_k = x_k - log(K - k), z_k = sigmoid(u_k), y_k = z_k prod_{j<k} (1 - z_j), y_K what is left; x = 0 is the
 * uniform simplex. log_det = sum_k log z_k + (K - k) log(1 - z_k). */
static void simplex_forward(int K, const double *x, double *y, double *log_det, double *work)
{
  (void)work;
  double left = 1.0, sum = 0.0;
  for (int k = 0; k < K - 1; k++) {
    const int after = K - 1 - k;
    const double u = x[k] - log(after), e = exp(-fabs(u)), near = 1.0 / (1.0 + e), far = e * near;
    const double log_near = -log1p(e), log_far = log_near - fabs(u);
    y[k] = left * (u < 0.0 ? far : near);
    left *= u < 0.0 ? near : far;
    sum += u < 0.0 ? log_far + after * log_near : log_near + after * log_far;
  }
  y[K - 1] = left;
  *log_det = sum;
}

/* The adjoint of u_k is y_k (1 - z_k) (ybar_k - mean), the mean being that of the later ybar under the later
 * y: a difference of adjoints, never of products with small entries. */
static void simplex_reverse(int K, const double *x, const double *y, const double *ybar, double ldbar,
                            double *xbar, double *work)
{
  (void)work;
  double mean = ybar[K - 1];
  for (int k = K - 2; k >= 0; k--) {
    const int after = K - 1 - k;
    const double u = x[k] - log(after), z = fr_sigmoid(u), rest = fr_sigmoid(-u);
    xbar[k] += y[k] * rest * (ybar[k] - mean) + ldbar * (rest - after * z);
    mean += z * (ybar[k] - mean);
  }
}

/* z_k / (1 - z_k) = y_k / (y_{k+1} + ... + y_K) */
static int simplex_inverse(int K, const double *y, double *x, double *work)
{
  (void)work;
  double after = 0.0;
  for (int k = K - 1; k >= 0; k--) {
    if (!(y[k] > 0.0)) return FR_ERR_DOMAIN;
    if (k < K - 1) {
      const double ratio = y[k] / after * (K - 1 - k);
      x[k] = isfinite(ratio) ? log(ratio) : log(y[k]) - log(after) + log(K - 1 - k);
    }
    after += y[k];
  }
  return fabs(after - 1.0) <= TOLERANCE ? FR_OK : FR_ERR_DOMAIN;
}

/* ---- ordered vector ---- */

/* y_1 = x_1, y_k = y_{k-1} + exp(x_k) */
static void ordered_forward(int K, const double *x, double *y, double *log_det, double *work)
{
  (void)work;
  double sum = 0.0;
  y[0] = x[0];
  for (int k = 1; k < K; k++) {
    y[k] = y[k - 1] + exp(x[k]);
    sum += x[k];
  }
  *log_det = sum;
}

static void ordered_reverse(int K, const double *x, const double *y, const double *ybar, double ldbar,
                            double *xbar, double *work)
{
  (void)y;
  (void)work;
  double later = 0.0; /* sum of ybar from k on */
  for (int k = K - 1; k > 0; k--) {
    later += ybar[k];
    xbar[k] += later * exp(x[k]) + ldbar;
  }
  xbar[0] += later + ybar[0];
}

static int ordered_inverse(int K, const double *y, double *x, double *work)
{
  (void)work;
  if (!isfinite(y[0])) return FR_ERR_DOMAIN;
  x[0] = y[0];
  for (int k = 1; k < K; k++) {
    if (!(y[k] > y[k - 1]) || isinf(y[k])) return FR_ERR_DOMAIN;
    x[k] = log(y[k] - y[k - 1]);
  }
  return FR_OK;
}

/* ---- Cholesky factor of a correlation matrix ---- */

static int square_size(int K) { return K * K; }
static int corr_free(int K) { return K * (K - 1) / 2; }

/* tanh(x) and sech(x): a point of the unit circle, both to full relative precision */
FR_INLINE void tanh_sech(double x, double *t, double *h)
{
  const double e = exp(-fabs(x));
  *t = tanh(x);
  *h = 2.0 * e / (1.0 + e * e);
}

static double log_sech(double x)
{
  const double size = fabs(x), t = tanh(x);
  return size < 0.5 ? 0.5 * log1p(-t * t) : FR_LN_2 - size - log1p(exp(-2.0 * size));
}

/* Row i has i free entries x, filled row by row: L_ij = tanh(x_ij) prod_{k<j} sech(x_ik) for j < i, and L_ii is
 * what is left. log_det = sum_{i > j} (i - j + 1) log sech(x_ij). */
static void corr_forward(int K, const double *x, double *y, double *log_det, double *work)
{
  (void)work;
  double sum = 0.0;
  memset(y, 0, (size_t)K * K * sizeof(double));
  for (int i = 0; i < K; i++) {
    double left = 1.0, t, h;
    for (int j = 0; j < i; j++, x++) {
      tanh_sech(*x, &t, &h);
      y[i + j * K] = left * t;
      left *= h;
      sum += (i - j + 1) * log_sech(*x);
    }
    y[i + i * K] = left;
  }
  *log_det = sum;
}

/* Each entry turns (own adjoint, combined adjoint of the later entries of the row) by the angle of (t, h):
 * the adjoint of x is left_j h (h own - t later), and t own + h later goes on. left: work (K). */
static void corr_reverse(int K, const double *x, const double *y, const double *ybar, double ldbar, double *xbar,
                         double *work)
{
  (void)y;
  double *left = work, t, h;
  for (int i = 0; i < K; x += i, xbar += i, i++) {
    left[0] = 1.0;
    for (int j = 0; j < i; j++) {
      tanh_sech(x[j], &t, &h);
      left[j + 1] = left[j] * h;
    }
    double later = ybar[i + i * K];
    for (int j = i - 1; j >= 0; j--) {
      const double own = ybar[i + j * K];
      tanh_sech(x[j], &t, &h);
      xbar[j] += left[j + 1] * (h * own - t * later) - ldbar * (i - j + 1) * t;
      later = t * own + h * later;
    }
  }
}

/* sinh(x_ij) = L_ij / (norm of the later entries of the row) */
static int corr_inverse(int K, const double *y, double *x, double *work)
{
  (void)work;
  for (int i = 0; i < K; x += i, i++) {
    double norm = y[i + i * K];
    if (!(norm > 0.0)) return FR_ERR_DOMAIN;
    for (int j = i - 1; j >= 0; j--) {
      const double entry = y[i + j * K];
      x[j] = asinh(entry / norm);
      if (!isfinite(x[j])) return FR_ERR_DOMAIN;
      norm = hypot(entry, norm);
    }
    if (!(fabs(norm - 1.0) <= TOLERANCE)) return FR_ERR_DOMAIN;
    for (int j = i + 1; j < K; j++)
      if (!(fabs(y[i + j * K]) <= TOLERANCE)) return FR_ERR_DOMAIN;
  }
  return FR_OK;
}

/* ---- symmetric matrices: y = L L' ---- */

/* All of y from L's lower triangle. */
static void square_of(int K, const double *L, double *y)
{
  for (int j = 0; j < K; j++)
    for (int i = j; i < K; i++) {
      double s = 0.0;
      for (int k = 0; k <= j; k++) s += L[i + k * K] * L[j + k * K];
      y[i + j * K] = y[j + i * K] = s;
    }
}

/* The lower triangle of (ybar + ybar') L, which is L's adjoint; 0 above. */
static void square_adjoint(int K, const double *L, const double *ybar, double *Lbar)
{
  for (int j = 0; j < K; j++)
    for (int i = 0; i < K; i++) {
      double s = 0.0;
      if (i >= j)
        for (int k = j; k < K; k++) s += (ybar[i + k * K] + ybar[k + i * K]) * L[k + j * K];
      Lbar[i + j * K] = s;
    }
}

/* y = L L'; FR_ERR_DOMAIN unless y is symmetric, to rounding, and positive definite. */
static int lower_factor(int K, const double *y, double *L)
{
  memset(L, 0, (size_t)K * K * sizeof(double));
  for (int j = 0; j < K; j++)
    for (int i = j; i < K; i++) {
      const double low = y[i + j * K], high = y[j + i * K];
      double s = low;
      if (!(fabs(low - high) <= TOLERANCE * sqrt(fabs(y[i + i * K])) * sqrt(fabs(y[j + j * K])))) return FR_ERR_DOMAIN;
      for (int k = 0; k < j; k++) s -= L[i + k * K] * L[j + k * K];
      if (i == j && !(s > 0.0 && isfinite(s))) return FR_ERR_DOMAIN;
      L[i + j * K] = i == j ? sqrt(s) : s / L[j + j * K];
    }
  return FR_OK;
}

/* The factor's log determinant and sum over i of (K - 1 - i) log L_ii, log L_ii being the sum of row i's log sech:
 * together sum_{i > j} (K - j) log sech(x_ij). work: L, then what the factor's map needs. */
static void corr_matrix_forward(int K, const double *x, double *y, double *log_det, double *work)
{
  double sum = 0.0, factor_log_det;
  corr_forward(K, x, work, &factor_log_det, work + K * K);
  square_of(K, work, y);
  for (int i = 0; i < K; i++) {
    y[i + i * K] = 1.0;
    for (int j = 0; j < i; j++, x++) sum += (K - j) * log_sech(*x);
  }
  *log_det = sum;
}

/* The diagonal of y does not move, so its adjoint is left out. work: L, its adjoint, the factor's map's. */
static void corr_matrix_reverse(int K, const double *x, const double *y, const double *ybar, double ldbar, double *xbar,
                                double *work)
{
  double *L = work, *Lbar = L + K * K, *rest = Lbar + K * K, *off = rest + K, factor_log_det;
  (void)y;
  corr_forward(K, x, L, &factor_log_det, rest);
  memcpy(off, ybar, (size_t)K * K * sizeof(double));
  for (int i = 0; i < K; i++) off[i + i * K] = 0.0;
  square_adjoint(K, L, off, Lbar);
  corr_reverse(K, x, L, Lbar, 0.0, xbar, rest);
  for (int i = 0; i < K; i++)
    for (int j = 0; j < i; j++, x++, xbar++) *xbar -= ldbar * (K - j) * tanh(*x);
}

static int corr_matrix_inverse(int K, const double *y, double *x, double *work)
{
  for (int i = 0; i < K; i++)
    if (!(fabs(y[i + i * K] - 1.0) <= TOLERANCE)) return FR_ERR_DOMAIN;
  int status = lower_factor(K, y, work);
  return status == FR_OK ? corr_inverse(K, work, x, work + K * K) : status;
}

static int cov_free(int K) { return K * (K + 1) / 2; }

/* log_det = K log 2 + sum over i of (K - i + 1) x_ii (rows from 0): 1 of it from exp, K - i from the square. */
static void cov_forward(int K, const double *x, double *y, double *log_det, double *work)
{
  double *L = work, sum = K * FR_LN_2;
  memset(L, 0, (size_t)K * K * sizeof(double));
  for (int i = 0; i < K; i++) {
    for (int j = 0; j < i; j++) L[i + j * K] = *x++;
    sum += (K - i + 1) * *x;
    L[i + i * K] = exp(*x++);
  }
  square_of(K, L, y);
  *log_det = sum;
}

static void cov_reverse(int K, const double *x, const double *y, const double *ybar, double ldbar, double *xbar,
                        double *work)
{
  double *L = work, *Lbar = L + K * K;
  (void)y;
  const double *at = x;
  memset(L, 0, (size_t)K * K * sizeof(double));
  for (int i = 0; i < K; i++)
    for (int j = 0; j <= i; j++, at++) L[i + j * K] = i == j ? exp(*at) : *at;
  square_adjoint(K, L, ybar, Lbar);
  for (int i = 0; i < K; i++) {
    for (int j = 0; j < i; j++) *xbar++ += Lbar[i + j * K];
    *xbar++ += Lbar[i + i * K] * L[i + i * K] + ldbar * (K - i + 1);
  }
}

static int cov_inverse(int K, const double *y, double *x, double *work)
{
  int status = lower_factor(K, y, work);
  if (status != FR_OK) return status;
  for (int i = 0; i < K; i++)
    for (int j = 0; j <= i; j++, x++) {
      *x = i == j ? log(work[i + i * K]) : work[i + j * K];
      if (!isfinite(*x)) return FR_ERR_DOMAIN;
    }
  return FR_OK;
}

/* ---- table ---- */

static const fr_bijection bijections[FR_BIJ_COUNT] = {
  [FR_BIJ_SIMPLEX] = {"simplex", simplex_free, same_size, simplex_forward, simplex_reverse, simplex_inverse, 0},
  [FR_BIJ_ORDERED] = {"ordered", same_size, same_size, ordered_forward, ordered_reverse, ordered_inverse, 0},
  [FR_BIJ_CORR_CHOLESKY] = {"corr_cholesky", corr_free, square_size, corr_forward, corr_reverse, corr_inverse, 0},
  [FR_BIJ_CORR_MATRIX] = {"corr_matrix", corr_free, square_size, corr_matrix_forward, corr_matrix_reverse, corr_matrix_inverse, 3},
  [FR_BIJ_COV_MATRIX] = {"cov_matrix", cov_free, square_size, cov_forward, cov_reverse, cov_inverse, 2},
};

const fr_bijection *fr_bijection_get(int code)
{
  return code > FR_BIJ_BOUNDED && code < FR_BIJ_COUNT ? &bijections[code] : NULL;
}

size_t fr_bijection_work(const fr_bijection *map, int K)
{
  const size_t n = K > 1 ? (size_t)K : 1;
  return n + (size_t)map->work_matrices * n * n;
}
