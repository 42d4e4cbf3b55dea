/* dist_vector.c: distributions of vectors and matrices: multinomial, multi_normal_cholesky, dirichlet,
 * lkj_corr_cholesky. Layouts are those of fr_event_fn in dist.h: matrices K x K, column-major; where `bar` is
 * 0 nothing is added, be the partials infinite or not. */
#include "dist_rows.h"
#include "dist_list.h"
#include "counts.h"
#include "special.h"

#define FR_EVENTS(name)                                                                                \
  static double name##_events(long N, int K, const double *x, const double *const *arg, const long *stride, \
                              double bar, double *dx, double *const *darg, double *work)

/* Event i of an argument, or of its adjoint, which may be absent. */
FR_INLINE const double *event_of(const double *v, long stride, long i) { return v + i * stride; }
FR_INLINE double *bar_of(double *v, long stride, long i) { return v ? v + i * stride : NULL; }

FR_INLINE double sum_of(int K, const double *x)
{
  double s = 0.0;
  for (int k = 0; k < K; k++) s += x[k];
  return s;
}

/* The sum of parts of which some may be Inf and others -Inf (opposite edges at once): -Inf then, not NaN. */
FR_INLINE double add_edge(double sum, double part)
{
  return (sum == INFINITY && part == -INFINITY) || (sum == -INFINITY && part == INFINITY) ? -INFINITY : sum + part;
}

/* ---- multinomial(size, prob), prob normalised ----
 * Counts above FR_SADDLE_COUNT use sum x log(n p / x) - (n p - x) in place of sum x log p; base is what then
 * remains of log n! - sum log x!. */

static int multinomial_valid(int K, const double *x, double n)
{
  for (int k = 0; k < K; k++)
    if (!fr_is_count(x[k])) return 0;
  return sum_of(K, x) == n;
}

static double multinomial_base(int K, const double *x, const double *const *arg)
{
  double n = arg[0][0], sum;
  if (!multinomial_valid(K, x, n)) return 0.0;
  if (!fr_poisson_by_saddle(n)) {
    sum = fr_lgamma(n + 1.0);
    for (int k = 0; k < K; k++) sum -= fr_lgamma(x[k] + 1.0);
    return sum;
  }
  sum = fr_stirling_error(n) + FR_LOG_SQRT_2PI + 0.5 * log(n);
  for (int k = 0; k < K; k++)
    if (x[k] > 0.0) sum -= fr_stirling_error(x[k]) + FR_LOG_SQRT_2PI + 0.5 * log(x[k]);
  return sum;
}

/* sum x log(prob / total), or what replaces it; total the sum of prob. */
static double multinomial_kernel(int K, const double *x, double n, const double *prob, double total)
{
  double sum = 0.0, log_total = log(total), log_n = log(n);
  for (int k = 0; k < K; k++) {
    double log_p = log(prob[k]) - log_total, m = n * (prob[k] / total);
    if (fr_poisson_by_saddle(n)) sum += x[k] == 0.0 ? -m : fr_deviance(x[k], m, log_n + log_p);
    else if (x[k] != 0.0) sum += x[k] * log_p;
  }
  return sum;
}

FR_EVENTS(multinomial)
{
  double lp = 0.0;
  (void)dx, (void)work;
  for (long i = 0; i < N; i++) {
    const double *xi = x + i * K, *prob = event_of(arg[1], stride[1], i);
    double *dprob = bar_of(darg[1], stride[1], i);
    double n = *event_of(arg[0], stride[0], i), total = sum_of(K, prob);
    int valid = fr_is_count(n) && total > 0.0 && total < INFINITY;
    for (int k = 0; k < K; k++) valid = valid && prob[k] >= 0.0;
    if (!valid) return NAN;
    if (!multinomial_valid(K, xi, n)) {
      lp += fr_outside(sum_of(K, xi), 0.0);
      continue;
    }
    lp += multinomial_kernel(K, xi, n, prob, total);
    if (dprob && bar != 0.0)
      for (int k = 0; k < K; k++) dprob[k] += bar * ((xi[k] == 0.0 ? 0.0 : xi[k] / prob[k]) - n / total);
  }
  return lp;
}

/* Each category in turn is binomial among what is left. */
static void multinomial_sample(int K, const double *const *arg, fr_rng *rng, double *out, double *work)
{
  double left = arg[0][0], *tail = work, rest = 0.0;
  for (int k = K - 1; k >= 0; k--) tail[k] = rest += arg[1][k];
  for (int k = 0; k < K; k++) {
    double p = tail[k] > 0.0 ? arg[1][k] / tail[k] : arg[1][k] < 0.0 ? NAN : 0.0;
    out[k] = k == K - 1 ? left : fr_rng_binomial(rng, left, p);
    left -= out[k];
  }
}

static void multinomial_mean(int K, const double *const *arg, double *out, double *work)
{
  double total = sum_of(K, arg[1]);
  (void)work;
  for (int k = 0; k < K; k++) out[k] = arg[0][0] * (arg[1][k] / total);
}

const fr_dist fr_dist_multinomial = {
  .name = "multinomial", .n_args = 2, .arg = {FR_ARG_SIZE, {"prob", FR_SUP_NONNEGATIVE_VECTOR, FR_VECTOR, NAN, 0}},
  .support = FR_SUP_COUNT_VECTOR, .event = FR_VECTOR, .lower_arg = -1, .upper_arg = -1, .size_arg = 0, .discrete = 1,
  .events = multinomial_events, .base = multinomial_base, .sample = multinomial_sample, .mean = multinomial_mean
};

/* ---- multi_normal_cholesky(loc, scale_tril) ----
 * With w = L^-1 (x - loc) and g = L^-T w: -K/2 log 2 pi - sum log L_jj - w'w / 2; partials -g for x, g for
 * loc, and the lower triangle of g w' less 1 / L_jj for L. What stands above L's diagonal is never read.
 * Cost K^2 an event, twice that with partials. */

/* work: w (K), then g (K). Returns the log density less its constant. */
static double mvn_solve(int K, const double *x, const double *loc, const double *L, int want_g, double *work)
{
  double *w = work, *g = work + K, lp = 0.0;
  for (int j = 0; j < K; j++) w[j] = x[j] - loc[j];
  for (int j = 0; j < K; j++) {
    const double *col = L + (size_t)j * (size_t)K;
    w[j] /= col[j];
    lp -= fr_log_positive(col[j]) + 0.5 * w[j] * w[j];
    for (int i = j + 1; i < K; i++) w[i] -= col[i] * w[j];
  }
  if (!want_g) return lp;
  for (int j = K - 1; j >= 0; j--) {
    const double *col = L + (size_t)j * (size_t)K;
    double s = w[j];
    for (int i = j + 1; i < K; i++) s -= col[i] * g[i];
    g[j] = s / col[j];
  }
  return lp;
}

static void mvn_add_tril(int K, const double *L, double bar, const double *work, double *dL)
{
  const double *w = work, *g = work + K;
  for (int j = 0; j < K; j++) {
    double *col = dL + (size_t)j * (size_t)K, t = bar * w[j];
    for (int i = j; i < K; i++) col[i] += t * g[i];
    col[j] -= bar / L[(size_t)j * (size_t)K + (size_t)j];
  }
}

FR_EVENTS(multi_normal_cholesky)
{
  double lp = -(double)N * K * FR_LOG_SQRT_2PI;
  int wanted = bar != 0.0 && (dx || darg[0] || darg[1]);
  for (long i = 0; i < N; i++) {
    const double *L = event_of(arg[1], stride[1], i), *g = work + K;
    double *dloc = bar_of(darg[0], stride[0], i), *dL = bar_of(darg[1], stride[1], i);
    lp += mvn_solve(K, x + i * K, event_of(arg[0], stride[0], i), L, wanted, work);
    if (!wanted) continue;
    if (dx)
      for (int j = 0; j < K; j++) dx[i * K + j] -= bar * g[j];
    if (dloc)
      for (int j = 0; j < K; j++) dloc[j] += bar * g[j];
    if (dL) mvn_add_tril(K, L, bar, work, dL);
  }
  return lp;
}

static void multi_normal_cholesky_sample(int K, const double *const *arg, fr_rng *rng, double *out, double *work)
{
  (void)work;
  for (int j = 0; j < K; j++) out[j] = arg[0][j];
  for (int j = 0; j < K; j++) {
    double e = fr_rng_normal(rng);
    for (int i = j; i < K; i++) out[i] += arg[1][(size_t)j * (size_t)K + (size_t)i] * e;
  }
}

static void multi_normal_cholesky_mean(int K, const double *const *arg, double *out, double *work)
{
  (void)work;
  for (int j = 0; j < K; j++) out[j] = arg[0][j];
}

const fr_dist fr_dist_multi_normal_cholesky = {
  .name = "multi_normal_cholesky", .n_args = 2,
  .arg = {{"loc", FR_SUP_REAL_VECTOR, FR_VECTOR, NAN, 0}, {"scale_tril", FR_SUP_CHOLESKY, FR_MATRIX, NAN, 0}},
  .support = FR_SUP_REAL_VECTOR, .event = FR_VECTOR, .lower_arg = -1, .upper_arg = -1, .size_arg = -1,
  .events = multi_normal_cholesky_events, .sample = multi_normal_cholesky_sample, .mean = multi_normal_cholesky_mean
};

/* ---- dirichlet(concentration) ----
 * As a function of K free entries of x; that they sum to 1 is not looked at, so that it has partials. With A
 * the sum of the concentrations c, log Gamma(A) and the other large terms are shared out among the entries:
 * part k is (c - 1) log x - log Gamma(c) + c log A - A x, which for large c is a deviance and a Stirling
 * error; log Gamma(A) - A log A + A and A (sum x - 1) remain. */

static double dirichlet_part(double x, double c, double A, double log_A)
{
  if (x == 0.0 && c == 1.0) return log_A;
  double log_x = log(x), m = A * x;
  if (x == 0.0 || c < FR_SADDLE_SHAPE) return (c - 1.0) * log_x - fr_lgamma(c) + c * log_A - m;
  return fr_deviance(c, m, log_A + log_x) + 0.5 * log(c) - FR_LOG_SQRT_2PI - fr_stirling_error(c) - log_x;
}

FR_EVENTS(dirichlet)
{
  double lp = 0.0;
  (void)work;
  for (long i = 0; i < N; i++) {
    const double *xi = x + i * K, *c = event_of(arg[0], stride[0], i);
    double *dc = bar_of(darg[0], stride[0], i), *dxi = bar_of(dx, K, i);
    double A = sum_of(K, c), log_A = log(A), excess = -1.0, part = 0.0;
    int valid = A < INFINITY, inside = 1;
    for (int k = 0; k < K; k++) {
      valid = valid && c[k] > 0.0 && xi[k] == xi[k];
      inside = inside && xi[k] >= 0.0;
    }
    if (!valid) return NAN;
    if (!inside) {
      lp = add_edge(lp, -INFINITY);
      continue;
    }
    for (int k = 0; k < K; k++) {
      part = add_edge(part, dirichlet_part(xi[k], c[k], A, log_A));
      excess += xi[k];
      if (dxi && bar != 0.0 && c[k] != 1.0) dxi[k] += bar * (c[k] - 1.0) / xi[k];
      if (dc && bar != 0.0) dc[k] += bar * (log(xi[k]) + fr_digamma_step(c[k], A - c[k]));
    }
    part += fr_stirling_error(A) + FR_LOG_SQRT_2PI - 0.5 * log_A + A * excess;
    lp = add_edge(lp, part);
  }
  return lp;
}

/* Gamma draws over their sum, in logarithms: tiny concentrations do not underflow. */
static void dirichlet_sample(int K, const double *const *arg, fr_rng *rng, double *out, double *work)
{
  double top = -INFINITY, sum = 0.0;
  (void)work;
  for (int k = 0; k < K; k++) {
    out[k] = arg[0][k] > 0.0 ? fr_rng_log_gamma(rng, arg[0][k]) : NAN;
    if (out[k] > top) top = out[k];
  }
  for (int k = 0; k < K; k++) sum += out[k] = exp(out[k] - top);
  for (int k = 0; k < K; k++) out[k] /= sum;
}

static void dirichlet_mean(int K, const double *const *arg, double *out, double *work)
{
  double A = sum_of(K, arg[0]);
  (void)work;
  for (int k = 0; k < K; k++) out[k] = arg[0][k] / A;
}

const fr_dist fr_dist_dirichlet = {
  .name = "dirichlet", .n_args = 1, .arg = {{"concentration", FR_SUP_POSITIVE_VECTOR, FR_VECTOR, NAN, 0}},
  .support = FR_SUP_SIMPLEX, .event = FR_VECTOR, .lower_arg = -1, .upper_arg = -1, .size_arg = -1,
  .events = dirichlet_events, .sample = dirichlet_sample, .mean = dirichlet_mean
};

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
      size_t at = (size_t)j * (size_t)K + (size_t)j;
      double power = K - 1 - j + 2.0 * (eta - 1.0), log_l = L[at] < 0.0 ? -INFINITY : log(L[at]);
      logs += log_l;
      part = add_edge(part, L[at] < 0.0 ? -INFINITY : power == 0.0 && L[at] == 0.0 ? 0.0 : power * log_l);
      if (dL && bar != 0.0 && power != 0.0) dL[at] += bar * power / L[at];
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
  .support = FR_SUP_CORR_CHOLESKY, .event = FR_MATRIX, .lower_arg = -1, .upper_arg = -1, .size_arg = -1,
  .events = lkj_corr_cholesky_events, .sample = lkj_corr_cholesky_sample, .mean = lkj_corr_cholesky_mean
};
