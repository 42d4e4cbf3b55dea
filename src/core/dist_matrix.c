/* dist_matrix.c: distributions of matrices: lkj_corr_cholesky, lkj_corr, wishart, inverse_wishart.
 *
 * A symmetric value or argument stands for the mean of itself and its transpose; its adjoint is the symmetric matrix
 * that treats all K^2 entries as separate. */
#include "dist_events.h"
#include "dist_list.h"
#include "saddle.h"
#include "special.h"
#include "symmetric.h"

#define FR_MATRIX_EVENT(support_of_value) \
  .support = support_of_value, .event = FR_MATRIX, .lower_arg = -1, .upper_arg = -1, .size_arg = -1

FR_INLINE size_t at(int K, int i, int j) { return (size_t)j * (size_t)K + (size_t)i; }

/* ---- lkj_corr_cholesky(eta) ----
 * Lewandowski, Kurowicka and Joe (2009), "Generating random correlation matrices based on vines and extended
 * onion method", Journal of Multivariate Analysis 100: for a K x K factor L (rows from 0) the sum over rows
 * i >= 1 of (K - 1 - i + 2 (eta - 1)) log L_ii, less the normaliser
 *   K (K - 1) / 4 log(pi) + sum over j = 0 .. K - 2 of log Gamma(eta + j / 2) - log Gamma(eta + (K - 1) / 2),
 * whose differences are taken exactly. With respect to the strict lower triangle, as PyTorch's. */

static double lkj_log_normaliser(int K, double eta, double *slope)
{
  double sum = 0.25 * K * (K - 1.0) * FR_LOG_PI;
  if (slope) *slope = 0.0;
  for (int j = 0; j < K - 1; j++) {
    double a = eta + 0.5 * j, step = 0.5 * (K - 1 - j);
    sum -= fr_lgamma_step(a, step);
    if (slope) *slope -= fr_digamma_step(a, step);
  }
  return sum;
}

FR_EVENTS(lkj_corr_cholesky)
{
  double lp = 0.0, norm = 0.0, slope = 0.0;
  (void)work;
  for (long i = 0; i < N; i++) {
    const double *L = x + i * (long)K * K;
    double eta = *event_of(arg[0], stride[0], i), *deta = bar_of(darg[0], stride[0], i), logs = 0.0, part = 0.0;
    double *dL = bar_of(dx, (long)K * K, i);
    if (!(eta > 0.0 && eta < INFINITY)) return NAN;
    if (i == 0 || stride[0]) norm = lkj_log_normaliser(K, eta, deta ? &slope : NULL);
    for (int j = 1; j < K; j++) {
      size_t jj = at(K, j, j);
      double power = K - 1 - j + 2.0 * (eta - 1.0), log_l = L[jj] < 0.0 ? -INFINITY : log(L[jj]);
      logs += log_l;
      part = add_edge(part, L[jj] < 0.0 ? -INFINITY : power == 0.0 && L[jj] == 0.0 ? 0.0 : power * log_l);
      if (dL && bar != 0.0 && power != 0.0) dL[jj] += bar * power / L[jj];
    }
    lp = add_edge(lp, part - norm);
    if (deta && bar != 0.0) *deta += bar * (2.0 * logs - slope);
  }
  return lp;
}

/* The onion method: row i of the factor is a uniform direction of i entries times the root of a
 * Beta(i / 2, eta + (K - 1 - i) / 2) variable, and the root of its complement on the diagonal. */
static void lkj_corr_cholesky_sample(int K, const double *const *arg, fr_rng *rng, double *out, double *work)
{
  double eta = arg[0][0];
  (void)work;
  for (long e = 0; e < (long)K * K; e++) out[e] = eta > 0.0 ? 0.0 : NAN;
  if (!(eta > 0.0)) return;
  out[0] = 1.0;
  for (int i = 1; i < K; i++) {
    double logit = fr_rng_log_gamma(rng, 0.5 * i) - fr_rng_log_gamma(rng, eta + 0.5 * (K - 1 - i)), norm = 0.0;
    double *row = out + i; /* entry j at row[j * K] */
    for (int j = 0; j < i; j++) {
      row[(size_t)j * (size_t)K] = fr_rng_normal(rng);
      norm += row[(size_t)j * (size_t)K] * row[(size_t)j * (size_t)K];
    }
    double radius = sqrt(fr_sigmoid(logit) / norm);
    for (int j = 0; j < i; j++) row[(size_t)j * (size_t)K] *= radius;
    row[(size_t)i * (size_t)K] = sqrt(fr_sigmoid(-logit));
  }
}

/* The factor of the mean correlation matrix, the identity. */
static void lkj_corr_cholesky_mean(int K, const double *const *arg, double *out, double *work)
{
  (void)arg, (void)work;
  for (long e = 0; e < (long)K * K; e++) out[e] = e % (K + 1) == 0 ? 1.0 : 0.0;
}

const fr_dist fr_dist_lkj_corr_cholesky = {
  .name = "lkj_corr_cholesky", .n_args = 1, .arg = {FR_ARG_POSITIVE("eta")},
  FR_MATRIX_EVENT(FR_SUP_CORR_CHOLESKY),
  .events = lkj_corr_cholesky_events, .sample = lkj_corr_cholesky_sample, .mean = lkj_corr_cholesky_mean
};

/* ---- lkj_corr(eta) ----
 * (eta - 1) log det R less the same normaliser, with respect to the strict lower triangle of R. The diagonal of R's
 * adjoint is that of a function of all entries; a correlation site has no use for it. */

static int correlation_factor(int K, const double *R, double *L)
{
  int status = fr_symmetric_factor(K, R, L);
  for (int j = 0; j < K && status == FR_SYM_OK; j++)
    if (!(fabs(R[at(K, j, j)] - 1.0) <= FR_SYM_TOLERANCE)) status = FR_SYM_OUTSIDE;
  return status;
}

FR_EVENTS(lkj_corr)
{
  double lp = 0.0, norm = 0.0, slope = 0.0, *L = matrix_of(K, work, 0), *inverse = matrix_of(K, work, 1);
  for (long i = 0; i < N; i++) {
    double eta = *event_of(arg[0], stride[0], i), *deta = bar_of(darg[0], stride[0], i);
    double *dR = bar_of(dx, (long)K * K, i);
    int status = correlation_factor(K, x + i * (long)K * K, L);
    if (!(eta > 0.0 && eta < INFINITY) || status == FR_SYM_NAN) return NAN;
    if (i == 0 || stride[0]) norm = lkj_log_normaliser(K, eta, deta ? &slope : NULL);
    if (status == FR_SYM_OUTSIDE) {
      lp = -INFINITY;
      continue;
    }
    double log_det = 2.0 * fr_log_diagonal(K, L);
    lp += (eta - 1.0) * log_det - norm;
    if (bar == 0.0) continue;
    if (deta) *deta += bar * (log_det - slope);
    if (!dR) continue;
    fr_symmetric_invert(K, L, inverse);
    for (long e = 0; e < (long)K * K; e++) dR[e] += bar * (eta - 1.0) * inverse[e];
  }
  return lp;
}

static void lkj_corr_sample(int K, const double *const *arg, fr_rng *rng, double *out, double *work)
{
  double *L = matrix_of(K, work, 0);
  lkj_corr_cholesky_sample(K, arg, rng, L, work);
  fr_outer_square(K, L, out);
  for (int j = 0; j < K; j++)
    if (arg[0][0] > 0.0) out[at(K, j, j)] = 1.0;
}

const fr_dist fr_dist_lkj_corr = {
  .name = "lkj_corr", .n_args = 1, .arg = {FR_ARG_POSITIVE("eta")}, FR_MATRIX_EVENT(FR_SUP_CORR_MATRIX), .work_matrices = 2,
  .events = lkj_corr_events, .sample = lkj_corr_sample, .mean = lkj_corr_cholesky_mean
};

/* ---- wishart(df, scale), inverse_wishart(df, scale) ----
 * X and the scale S with factors; A = T^-1 U is lower triangular, T and U the factors of S and X for the Wishart, of
 * X and S for its inverse. Both log densities are, with c_j = (df - j) / 2 and u_j = A_jj^2 / 2 (rows from 0),
 *   sum over j of c_j log u_j - u_j - log Gamma(c_j)            (gamma kernels: deviances and Stirling errors if large)
 *   + sum over j of (j - w) log A_jj - (K + 1) log T_jj         (w is K + 1 for the Wishart, 0 for its inverse)
 *   - half the squares of A below its diagonal - K (K - 1) / 4 log(2 pi).
 * With M = T^-T A the adjoint of T T' is (M M' - p (T T')^-1) / 2, that of U U' is (r (U U')^-1 - (T T')^-1) / 2, where
 * p and r are df and df - K - 1 for the Wishart, df + K + 1 and df for its inverse. Cost some K^3 an event. */

typedef struct { int inverse; double df; double *T, *U, *A, *out; } wishart_parts;  /* four K x K matrices of work */

/* c log u - u - log Gamma(c), u = a^2 / 2 from a and its logarithm */
static double gamma_kernel(double c, double a, double log_a)
{
  double u = 0.5 * a * a, log_u = 2.0 * log_a - FR_LN_2;
  if (c < FR_SADDLE_SHAPE) return c * log_u - u - fr_lgamma(c);
  return fr_deviance(c, u, log_u) + 0.5 * log(c) - FR_LOG_SQRT_2PI - fr_stirling_error(c);
}

/* The log density; *ddf its derivative in df when wanted. A is left as T^-1 U. */
static double wishart_value(int K, const wishart_parts *w, double *ddf)
{
  double lp = -0.25 * K * (K - 1.0) * FR_LOG_2PI - (K + 1.0) * fr_log_diagonal(K, w->T), slope = 0.0;
  memcpy(w->A, w->U, (size_t)K * (size_t)K * sizeof(double));
  for (int j = 0; j < K; j++) {
    double *col = w->A + at(K, 0, j), c = 0.5 * (w->df - j), log_a;
    fr_lower_solve(K, w->T, col);
    log_a = log(col[j]);
    lp += gamma_kernel(c, col[j], log_a) + (w->inverse ? j : j - K - 1) * log_a;
    for (int i = j + 1; i < K; i++) lp -= 0.5 * col[i] * col[i];
    if (ddf) slope += log_a - 0.5 * (FR_LN_2 + fr_digamma(c));
  }
  if (ddf) *ddf = slope;
  return lp;
}

/* Adds bar times the partials in T T' and U U'; T is lost. */
static void wishart_adjoints(int K, const wishart_parts *w, double bar, double *dT, double *dU)
{
  double p = w->inverse ? w->df + K + 1 : w->df, r = w->inverse ? w->df : w->df - K - 1;
  size_t n = (size_t)K * (size_t)K;
  if (!dT && !dU) return;
  if (dT) {
    for (int j = 0; j < K; j++) fr_lower_solve_transposed(K, w->T, w->A + at(K, 0, j));
    fr_outer_square(K, w->A, w->out);
    for (size_t e = 0; e < n; e++) dT[e] += 0.5 * bar * w->out[e];
  }
  fr_symmetric_invert(K, w->T, w->out);
  for (size_t e = 0; e < n; e++) {
    if (dT) dT[e] -= 0.5 * bar * p * w->out[e];
    if (dU) dU[e] -= 0.5 * bar * w->out[e];
  }
  if (!dU) return;
  fr_symmetric_invert(K, w->U, w->out);
  for (size_t e = 0; e < n; e++) dU[e] += 0.5 * bar * r * w->out[e];
}

static double wishart_both(int inverse, long N, int K, const double *x, const double *const *arg, const long *stride,
                           double bar, double *dx, double *const *darg, double *work)
{
  wishart_parts w = {inverse, 0.0, matrix_of(K, work, 0), matrix_of(K, work, 1), matrix_of(K, work, 2), matrix_of(K, work, 3)};
  double lp = 0.0, slope, *of_x = inverse ? w.T : w.U, *of_scale = inverse ? w.U : w.T;
  for (long i = 0; i < N; i++) {
    double *ddf = bar_of(darg[0], stride[0], i), *dX = bar_of(dx, (long)K * K, i), *dS = bar_of(darg[1], stride[1], i);
    int status = fr_symmetric_factor(K, x + i * (long)K * K, of_x);
    w.df = *event_of(arg[0], stride[0], i);
    if (!(w.df > K - 1 && w.df < INFINITY) || status == FR_SYM_NAN) return NAN;
    if (fr_symmetric_factor(K, event_of(arg[1], stride[1], i), of_scale) != FR_SYM_OK) return NAN;
    if (status == FR_SYM_OUTSIDE) {
      lp = -INFINITY;
      continue;
    }
    lp += wishart_value(K, &w, ddf ? &slope : NULL);
    if (bar == 0.0) continue;
    if (ddf) *ddf += bar * slope;
    wishart_adjoints(K, &w, bar, inverse ? dX : dS, inverse ? dS : dX);
  }
  return lp;
}

FR_EVENTS(wishart) { return wishart_both(0, N, K, x, arg, stride, bar, dx, darg, work); }
FR_EVENTS(inverse_wishart) { return wishart_both(1, N, K, x, arg, stride, bar, dx, darg, work); }

/* Bartlett's lower factor of a draw with scale I: normals below the diagonal, on it the root of chi^2(df - j). */
static void bartlett(int K, double df, fr_rng *rng, double *A)
{
  for (int j = 0; j < K; j++)
    for (int i = 0; i < K; i++) {
      double e = i < j ? 0.0 : i > j ? fr_rng_normal(rng) : exp(0.5 * (FR_LN_2 + fr_rng_log_gamma(rng, 0.5 * (df - j))));
      A[at(K, i, j)] = e;
    }
}

/* The scale's factor L and Bartlett's A in work, or NaN in out and 0. */
static int wishart_draw_parts(int K, const double *const *arg, fr_rng *rng, double *L, double *A, double *out)
{
  if (!(arg[0][0] > K - 1 && arg[0][0] < INFINITY) || fr_symmetric_factor(K, arg[1], L) != FR_SYM_OK) {
    fill_event((long)K * K, NAN, out);
    return 0;
  }
  bartlett(K, arg[0][0], rng, A);
  return 1;
}

/* (L A)(L A)' */
static void wishart_sample(int K, const double *const *arg, fr_rng *rng, double *out, double *work)
{
  double *L = matrix_of(K, work, 0), *A = matrix_of(K, work, 1), *M = matrix_of(K, work, 2);
  if (!wishart_draw_parts(K, arg, rng, L, A, out)) return;
  memset(M, 0, (size_t)K * (size_t)K * sizeof(double));
  for (int j = 0; j < K; j++)
    for (int k = j; k < K; k++)
      for (int i = k; i < K; i++) M[at(K, i, j)] += L[at(K, i, k)] * A[at(K, k, j)];
  fr_outer_square(K, M, out);
}

/* The inverse of (L^-T A)(L^-T A)', which is M M' with M = L A^-T, solved column by column in L's place. */
static void inverse_wishart_sample(int K, const double *const *arg, fr_rng *rng, double *out, double *work)
{
  double *M = matrix_of(K, work, 0), *A = matrix_of(K, work, 1);
  if (!wishart_draw_parts(K, arg, rng, M, A, out)) return;
  for (int j = 0; j < K; j++) {
    double *col = M + at(K, 0, j);
    for (int k = 0; k < j; k++)
      for (int i = 0; i < K; i++) col[i] -= A[at(K, j, k)] * M[at(K, i, k)];
    for (int i = 0; i < K; i++) col[i] /= A[at(K, j, j)];
  }
  fr_outer_square(K, M, out);
}

static void wishart_mean(int K, const double *const *arg, double *out, double *work)
{
  (void)work;
  for (long e = 0; e < (long)K * K; e++) out[e] = arg[0][0] > K - 1 ? arg[0][0] * arg[1][e] : NAN;
}

/* Without a mean its variances' means are infinite, and those of the covariances do not exist. */
static void inverse_wishart_mean(int K, const double *const *arg, double *out, double *work)
{
  double n = arg[0][0] - K - 1;
  (void)work;
  for (long e = 0; e < (long)K * K; e++)
    out[e] = n > 0.0 ? arg[1][e] / n : n > -2.0 && e % (K + 1) == 0 ? INFINITY : NAN;
}

#define FR_WISHART(name_, events_, sample_, mean_) \
  const fr_dist fr_dist_##name_ = { \
      .name = #name_, .n_args = 2, .arg = {FR_ARG_POSITIVE("df"), FR_ARG_EVENT("scale", FR_SUP_COV_MATRIX, FR_MATRIX)}, \
      FR_MATRIX_EVENT(FR_SUP_COV_MATRIX), .work_matrices = 4, .events = events_, .sample = sample_, .mean = mean_};
FR_WISHART(wishart, wishart_events, wishart_sample, wishart_mean)
FR_WISHART(inverse_wishart, inverse_wishart_events, inverse_wishart_sample, inverse_wishart_mean)
