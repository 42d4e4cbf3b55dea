/* dist_multi_normal.c: normal vectors by covariance, Cholesky factor or precision, and Student's t by factor.
 *
 * With L the factor of the covariance, w = L^-1 (x - loc) and g = L^-T w, the log density is a function of q = w'w
 * less the sum of log L_jj, and g is what all its partials are made of. Cost K^2 an event from a factor, twice that
 * with partials; K^3 where the matrix has to be factored or inverted, once for all events that share it.
 *
 * A symmetric argument stands for the mean of itself and its transpose; its adjoint is the symmetric matrix that
 * treats all K^2 entries as separate, as PyTorch's, and so serves whatever the matrix was computed from. */
#include "dist_events.h"
#include "dist_list.h"
#include "saddle.h"
#include "special.h"
#include "symmetric.h"

/* What stands above L's diagonal is never read. work: w (K), then g (K). Returns -sum log L_jj, sets q = w'w. */
static double mvn_solve(int K, const double *x, const double *loc, const double *L, int want_g, double *work, double *q)
{
  double *w = work, *g = work + K, lp = 0.0;
  *q = 0.0;
  for (int j = 0; j < K; j++) w[j] = x[j] - loc[j];
  fr_lower_solve(K, L, w);
  for (int j = 0; j < K; j++) {
    lp -= fr_log_positive(L[(size_t)j * (size_t)K + (size_t)j]);
    *q += w[j] * w[j];
  }
  if (!want_g) return lp;
  memcpy(g, w, (size_t)K * sizeof(double));
  fr_lower_solve_transposed(K, L, g);
  return lp;
}

/* scale g to the adjoint of loc, -scale g to that of x. */
static void mvn_add_loc(int K, double scale, const double *g, double *dx, double *dloc)
{
  if (dx)
    for (int j = 0; j < K; j++) dx[j] -= scale * g[j];
  if (dloc)
    for (int j = 0; j < K; j++) dloc[j] += scale * g[j];
}

/* The lower triangle of weight g w' less 1 / L_jj, times bar. */
static void mvn_add_tril(int K, const double *L, double bar, double weight, const double *work, double *dL)
{
  const double *w = work, *g = work + K;
  for (int j = 0; j < K; j++) {
    double *col = dL + (size_t)j * (size_t)K, t = bar * weight * w[j];
    for (int i = j; i < K; i++) col[i] += t * g[i];
    col[j] -= bar / L[(size_t)j * (size_t)K + (size_t)j];
  }
}

/* scale (v v' - M) */
static void mvn_add_symmetric(int K, double scale, const double *v, const double *M, double *out)
{
  for (int j = 0; j < K; j++)
    for (int i = 0; i < K; i++) {
      size_t at = (size_t)j * (size_t)K + (size_t)i;
      out[at] += scale * (v[i] * v[j] - M[at]);
    }
}

/* out = loc + scale L e, e standard normal */
static void mvn_draw(int K, const double *loc, double scale, const double *L, fr_rng *rng, double *out)
{
  for (int j = 0; j < K; j++) out[j] = loc[j];
  for (int j = 0; j < K; j++) {
    double e = scale * fr_rng_normal(rng);
    for (int i = j; i < K; i++) out[i] += L[(size_t)j * (size_t)K + (size_t)i] * e;
  }
}

static void loc_mean(int K, const double *const *arg, double *out, double *work)
{
  (void)work;
  memcpy(out, arg[0], (size_t)K * sizeof(double));
}

#define FR_ARG_LOC FR_ARG_EVENT("loc", FR_SUP_REAL_VECTOR, FR_VECTOR)
#define FR_REAL_VECTOR_EVENT \
  .support = FR_SUP_REAL_VECTOR, .event = FR_VECTOR, .lower_arg = -1, .upper_arg = -1, .size_arg = -1

/* ---- multi_normal(loc, covariance) ---- */

FR_EVENTS(multi_normal)
{
  double lp = -(double)N * K * FR_LOG_SQRT_2PI, q;
  double *L = matrix_of(K, work, 0), *inverse = matrix_of(K, work, 1), *g = work + K;
  int wanted = bar != 0.0 && (dx || darg[0] || darg[1]);
  for (long i = 0; i < N; i++) {
    double *dS = bar_of(darg[1], stride[1], i);
    if (i == 0 || stride[1]) {
      if (fr_symmetric_factor(K, event_of(arg[1], stride[1], i), L) != FR_SYM_OK) return NAN;
      if (wanted && dS) fr_symmetric_invert(K, L, inverse);
    }
    lp += mvn_solve(K, x + i * K, event_of(arg[0], stride[0], i), L, wanted, work, &q) - 0.5 * q;
    if (!wanted) continue;
    mvn_add_loc(K, bar, g, bar_of(dx, K, i), bar_of(darg[0], stride[0], i));
    if (dS) mvn_add_symmetric(K, 0.5 * bar, g, inverse, dS);
  }
  return lp;
}

static void multi_normal_sample(int K, const double *const *arg, fr_rng *rng, double *out, double *work)
{
  double *L = matrix_of(K, work, 0);
  if (fr_symmetric_factor(K, arg[1], L) == FR_SYM_OK) mvn_draw(K, arg[0], 1.0, L, rng, out);
  else fill_event(K, NAN, out);
}

const fr_dist fr_dist_multi_normal = {
  .name = "multi_normal", .n_args = 2, .arg = {FR_ARG_LOC, FR_ARG_EVENT("covariance", FR_SUP_COV_MATRIX, FR_MATRIX)},
  FR_REAL_VECTOR_EVENT, .work_matrices = 2,
  .events = multi_normal_events, .sample = multi_normal_sample, .mean = loc_mean
};

/* ---- multi_normal_cholesky(loc, scale_tril) ---- */

FR_EVENTS(multi_normal_cholesky)
{
  double lp = -(double)N * K * FR_LOG_SQRT_2PI, q, *g = work + K;
  int wanted = bar != 0.0 && (dx || darg[0] || darg[1]);
  for (long i = 0; i < N; i++) {
    const double *L = event_of(arg[1], stride[1], i);
    double *dL = bar_of(darg[1], stride[1], i);
    lp += mvn_solve(K, x + i * K, event_of(arg[0], stride[0], i), L, wanted, work, &q) - 0.5 * q;
    if (!wanted) continue;
    mvn_add_loc(K, bar, g, bar_of(dx, K, i), bar_of(darg[0], stride[0], i));
    if (dL) mvn_add_tril(K, L, bar, 1.0, work, dL);
  }
  return lp;
}

static void multi_normal_cholesky_sample(int K, const double *const *arg, fr_rng *rng, double *out, double *work)
{
  (void)work;
  mvn_draw(K, arg[0], 1.0, arg[1], rng, out);
}

const fr_dist fr_dist_multi_normal_cholesky = {
  .name = "multi_normal_cholesky", .n_args = 2, .arg = {FR_ARG_LOC, FR_ARG_EVENT("scale_tril", FR_SUP_CHOLESKY, FR_MATRIX)},
  FR_REAL_VECTOR_EVENT,
  .events = multi_normal_cholesky_events, .sample = multi_normal_cholesky_sample, .mean = loc_mean
};

/* ---- multi_normal_precision(loc, precision) ----
 * With P = L L' the precision, w = L'(x - loc) and g = L w; nothing is inverted but for P's adjoint. */

/* work: r = x - loc (K), g (K), w (K). Returns the log density less its constant. */
static double precision_product(int K, const double *x, const double *loc, const double *L, double *work)
{
  double *r = work, *g = r + K, *w = g + K, q = 0.0;
  for (int j = 0; j < K; j++) {
    r[j] = x[j] - loc[j];
    g[j] = 0.0;
  }
  for (int j = 0; j < K; j++) {
    const double *col = L + (size_t)j * (size_t)K;
    w[j] = 0.0;
    for (int i = j; i < K; i++) w[j] += col[i] * r[i];
    for (int i = j; i < K; i++) g[i] += col[i] * w[j];
    q += w[j] * w[j];
  }
  return fr_log_diagonal(K, L) - 0.5 * q;
}

FR_EVENTS(multi_normal_precision)
{
  double lp = -(double)N * K * FR_LOG_SQRT_2PI;
  double *L = matrix_of(K, work, 0), *covariance = matrix_of(K, work, 1);
  int wanted = bar != 0.0 && (dx || darg[0] || darg[1]);
  for (long i = 0; i < N; i++) {
    double *dP = bar_of(darg[1], stride[1], i);
    if (i == 0 || stride[1]) {
      if (fr_symmetric_factor(K, event_of(arg[1], stride[1], i), L) != FR_SYM_OK) return NAN;
      if (wanted && dP) fr_symmetric_invert(K, L, covariance);
    }
    lp += precision_product(K, x + i * K, event_of(arg[0], stride[0], i), L, work);
    if (!wanted) continue;
    mvn_add_loc(K, bar, work + K, bar_of(dx, K, i), bar_of(darg[0], stride[0], i));
    if (dP) mvn_add_symmetric(K, -0.5 * bar, work, covariance, dP);
  }
  return lp;
}

/* loc + L^-T e */
static void multi_normal_precision_sample(int K, const double *const *arg, fr_rng *rng, double *out, double *work)
{
  double *L = matrix_of(K, work, 0);
  if (fr_symmetric_factor(K, arg[1], L) != FR_SYM_OK) {
    fill_event(K, NAN, out);
    return;
  }
  for (int j = 0; j < K; j++) out[j] = fr_rng_normal(rng);
  fr_lower_solve_transposed(K, L, out);
  for (int j = 0; j < K; j++) out[j] += arg[0][j];
}

const fr_dist fr_dist_multi_normal_precision = {
  .name = "multi_normal_precision", .n_args = 2,
  .arg = {FR_ARG_LOC, FR_ARG_EVENT("precision", FR_SUP_COV_MATRIX, FR_MATRIX)},
  FR_REAL_VECTOR_EVENT, .work_matrices = 2,
  .events = multi_normal_precision_events, .sample = multi_normal_precision_sample, .mean = loc_mean
};

/* ---- multi_student_t(df, loc, scale_tril) ----
 * With t = q / df: c(df) - sum log L_jj - (df + K) / 2 log1p(t), where c is K times -log(2 pi) / 2 and
 * log Gamma((df + K) / 2) - log Gamma(df / 2) - K / 2 log(df / 2), from series for large df, so that df = Inf is
 * normal; as student_t in dist_real.c, which it is for K = 1. */

/* The part that t makes; *weight is what multiplies g, *d its derivative in df. */
static double multi_t_kernel(int K, double df, double q, double *weight, double *d)
{
  double r = fr_reciprocal(df), t = df < INFINITY ? q * r : 0.0, log1p_t = log1p(t);
  double share = t < INFINITY ? t / (1.0 + t) : 1.0;
  *weight = (1.0 + K * r) / (1.0 + t);
  *d = 0.5 * ((t < FR_T_SERIES ? fr_t_excess(t) : share - log1p_t) + K * r * share);
  return -0.5 * (t < FR_T_SMALL ? q * (1.0 - 0.5 * t) * (1.0 + K * r) : (df + K) * log1p_t);
}

FR_EVENTS(multi_student_t)
{
  double lp = -(double)N * K * FR_LOG_SQRT_2PI, *g = work + K, constant = 0.0, slope = 0.0;
  int wanted = bar != 0.0 && (dx || darg[0] || darg[1] || darg[2]);
  for (long i = 0; i < N; i++) {
    const double *L = event_of(arg[2], stride[2], i);
    double df = *event_of(arg[0], stride[0], i), *ddf = bar_of(darg[0], stride[0], i), *dL = bar_of(darg[2], stride[2], i);
    double q, weight, d;
    if (!(df > 0.0)) return NAN;
    if (i == 0 || stride[0]) {
      constant = fr_lgamma_rise(0.5 * df, 0.5 * K);
      if (wanted && ddf) slope = 0.5 * fr_digamma_rise(0.5 * df, 0.5 * K);
    }
    lp += constant + mvn_solve(K, x + i * K, event_of(arg[1], stride[1], i), L, wanted, work, &q);
    lp += multi_t_kernel(K, df, q, &weight, &d);
    if (!wanted) continue;
    mvn_add_loc(K, bar * weight, g, bar_of(dx, K, i), bar_of(darg[1], stride[1], i));
    if (dL) mvn_add_tril(K, L, bar, weight, work, dL);
    if (ddf) *ddf += bar * (slope + d);
  }
  return lp;
}

static void multi_student_t_sample(int K, const double *const *arg, fr_rng *rng, double *out, double *work)
{
  double df = arg[0][0], scale = 1.0;
  (void)work;
  if (!(df > 0.0)) {
    fill_event(K, NAN, out);
    return;
  }
  /* 1 / sqrt(chi^2 / df), which is 1 to rounding for a huge df */
  if (df < 1e30) scale = exp(0.5 * (log(0.5 * df) - fr_rng_log_gamma(rng, 0.5 * df)));
  mvn_draw(K, arg[1], scale, arg[2], rng, out);
}

static void multi_student_t_mean(int K, const double *const *arg, double *out, double *work)
{
  (void)work;
  for (int j = 0; j < K; j++) out[j] = arg[0][0] > 1.0 ? arg[1][j] : NAN;
}

const fr_dist fr_dist_multi_student_t = {
  .name = "multi_student_t", .n_args = 3,
  .arg = {FR_ARG_POSITIVE("df"), FR_ARG_LOC, FR_ARG_EVENT("scale_tril", FR_SUP_CHOLESKY, FR_MATRIX)},
  FR_REAL_VECTOR_EVENT,
  .events = multi_student_t_events, .sample = multi_student_t_sample, .mean = multi_student_t_mean
};
