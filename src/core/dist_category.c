/* dist_category.c: one of several categories, which count from 1: categorical, categorical_logit,
 * ordered_logistic, ordered_probit. The value is a scalar and an argument a vector, so that these are densities of
 * events. A value that is no category has log density -Inf. */
#include "dist_events.h"
#include "dist_list.h"

/* The category as an index from 0, or -1. */
FR_INLINE int category_of(double x, int n) { return x >= 1.0 && x <= n && x == floor(x) ? (int)x - 1 : -1; }

static double number_mean(int n, const double *share, double total)
{
  double sum = 0.0;
  for (int k = 0; k < n; k++) sum += (k + 1) * (share[k] / total);
  return sum;
}

/* ---- categorical(prob), prob normalised ---- */

/* Their sum, NaN if they are no weights. */
static double weights_total(int K, const double *prob)
{
  double total = 0.0;
  for (int k = 0; k < K; k++) {
    if (!(prob[k] >= 0.0)) return NAN;
    total += prob[k];
  }
  return total > 0.0 && total < INFINITY ? total : NAN;
}

FR_EVENTS(categorical)
{
  double lp = 0.0, total = 0.0, shared = 0.0;
  (void)dx, (void)work;
  for (long i = 0; i < N; i++) {
    const double *prob = event_of(arg[0], stride[0], i);
    double *bars = bar_of(darg[0], stride[0], i);
    int k = category_of(x[i], K);
    if (i == 0 || stride[0]) total = weights_total(K, prob);
    if (total != total || x[i] != x[i]) return NAN;
    if (k < 0) {
      lp = -INFINITY;
      continue;
    }
    lp += log(prob[k] / total);
    if (!bars || bar == 0.0) continue;
    bars[k] += bar / prob[k];
    if (!stride[0]) shared += bar / total;
    else
      for (int j = 0; j < K; j++) bars[j] -= bar / total;
  }
  if (darg[0] && !stride[0])
    for (int j = 0; j < K; j++) darg[0][j] -= shared;
  return lp;
}

static void weighted_draw(int K, const double *weight, double total, fr_rng *rng, double *out)
{
  double u = fr_rng_uniform(rng) * total;
  int k = 0;
  while (k < K - 1 && u > weight[k]) u -= weight[k++];
  while (k > 0 && weight[k] == 0.0) k--; /* rounding never ends in a category without mass */
  *out = k + 1;
}

static void categorical_sample(int K, const double *const *arg, fr_rng *rng, double *out, double *work)
{
  double total = weights_total(K, arg[0]);
  (void)work;
  *out = NAN;
  if (total == total) weighted_draw(K, arg[0], total, rng, out);
}

static void categorical_mean(int K, const double *const *arg, double *out, double *work)
{
  (void)work;
  *out = number_mean(K, arg[0], weights_total(K, arg[0]));
}

const fr_dist fr_dist_categorical = {
  .name = "categorical", .n_args = 1, .arg = {FR_ARG_EVENT("prob", FR_SUP_NONNEGATIVE_VECTOR, FR_VECTOR)},
  .support = FR_SUP_CATEGORY, .lower_arg = -1, .upper_arg = -1, .size_arg = -1, .discrete = 1,
  .events = categorical_events, .sample = categorical_sample, .mean = categorical_mean
};

/* ---- categorical_logit(logit): prob = softmax(logit) ---- */

/* Shares into work; returns log sum exp. */
static double softmax(int K, const double *logit, double *share)
{
  double top = -INFINITY, sum = 0.0;
  for (int k = 0; k < K; k++) top = logit[k] > top || logit[k] != logit[k] ? logit[k] : top;
  if (!isfinite(top)) return NAN;
  for (int k = 0; k < K; k++) sum += share[k] = exp(logit[k] - top);
  for (int k = 0; k < K; k++) share[k] /= sum;
  return top + log(sum);
}

FR_EVENTS(categorical_logit)
{
  double lp = 0.0, norm = 0.0, *share = work, shared = 0.0;
  (void)dx;
  for (long i = 0; i < N; i++) {
    const double *logit = event_of(arg[0], stride[0], i);
    double *bars = bar_of(darg[0], stride[0], i);
    int k = category_of(x[i], K);
    if (i == 0 || stride[0]) norm = softmax(K, logit, share);
    if (norm != norm || x[i] != x[i]) return NAN;
    if (k < 0) {
      lp = -INFINITY;
      continue;
    }
    lp += logit[k] - norm;
    if (!bars || bar == 0.0) continue;
    bars[k] += bar;
    if (!stride[0]) shared += bar;
    else
      for (int j = 0; j < K; j++) bars[j] -= bar * share[j];
  }
  if (darg[0] && !stride[0] && shared != 0.0)
    for (int j = 0; j < K; j++) darg[0][j] -= shared * share[j];
  return lp;
}

static void categorical_logit_sample(int K, const double *const *arg, fr_rng *rng, double *out, double *work)
{
  double norm = softmax(K, arg[0], work);
  *out = NAN;
  if (norm == norm) weighted_draw(K, work, 1.0, rng, out);
}

static void categorical_logit_mean(int K, const double *const *arg, double *out, double *work)
{
  double norm = softmax(K, arg[0], work);
  *out = norm == norm ? number_mean(K, work, 1.0) : NAN;
}

const fr_dist fr_dist_categorical_logit = {
  .name = "categorical_logit", .n_args = 1, .arg = {FR_ARG_EVENT("logit", FR_SUP_REAL_VECTOR, FR_VECTOR)},
  .support = FR_SUP_CATEGORY, .lower_arg = -1, .upper_arg = -1, .size_arg = -1, .discrete = 1,
  .events = categorical_logit_events, .sample = categorical_logit_sample, .mean = categorical_logit_mean
};

/* ---- ordered_logistic(location, cutpoints) and ordered_probit(location, cutpoints) ----
 * K increasing cutpoints make K + 1 categories: the first where location + noise is below the first cutpoint. With
 * a and b the category's two cutpoints less the location, the mass is F(b) - F(a), F logistic or normal. */

/* log mass and its partials in a and b; a may be -Inf and b Inf. */
typedef double (*category_mass)(double a, double b, double *da, double *db);

/* F(b) - F(a) = F(b) F(-a) (1 - exp(a - b)) */
FR_INLINE double logistic_mass(double a, double b, double *da, double *db)
{
  double between = isinf(a) || isinf(b) ? 0.0 : 1.0 / expm1(b - a);
  *db = isinf(b) ? 0.0 : fr_sigmoid(-b) + between;
  *da = isinf(a) ? 0.0 : -fr_sigmoid(a) - between;
  return fr_log_sigmoid(b) + fr_log_sigmoid(-a) + (isinf(a) || isinf(b) ? 0.0 : fr_log1m_exp(a - b));
}

/* in the tail where nothing cancels */
FR_INLINE double normal_mass(double a, double b, double *da, double *db)
{
  int upper = a > 0.0;
  double near = fr_log_pnorm(upper ? -a : b), far = fr_log_pnorm(upper ? -b : a), lp = near + fr_log1m_exp(far - near);
  *da = isinf(a) ? 0.0 : -exp(-0.5 * a * a - FR_LOG_SQRT_2PI - lp);
  *db = isinf(b) ? 0.0 : exp(-0.5 * b * b - FR_LOG_SQRT_2PI - lp);
  return lp;
}

static int increasing(int K, const double *c)
{
  for (int k = 1; k < K; k++)
    if (!(c[k] > c[k - 1])) return 0;
  return isfinite(c[0]) && isfinite(c[K - 1]);
}

FR_INLINE double ordered_events(long N, int K, const double *x, const double *const *arg, const long *stride, double bar,
                                double *const *darg, category_mass mass)
{
  double lp = 0.0;
  for (long i = 0; i < N; i++) {
    double location = *event_of(arg[0], stride[0], i), da, db;
    const double *cut = event_of(arg[1], stride[1], i);
    int k = category_of(x[i], K + 1);
    if ((i == 0 || stride[1]) && !increasing(K, cut)) return NAN;
    if (location != location || x[i] != x[i]) return NAN;
    if (k < 0) {
      lp = -INFINITY;
      continue;
    }
    lp += mass(k > 0 ? cut[k - 1] - location : -INFINITY, k < K ? cut[k] - location : INFINITY, &da, &db);
    if (bar == 0.0) continue;
    if (darg[0]) *bar_of(darg[0], stride[0], i) -= bar * (da + db);
    if (darg[1] && k > 0) bar_of(darg[1], stride[1], i)[k - 1] += bar * da;
    if (darg[1] && k < K) bar_of(darg[1], stride[1], i)[k] += bar * db;
  }
  return lp;
}

static double count_below(int K, const double *cut, double y)
{
  int k = 0;
  while (k < K && cut[k] < y) k++;
  return k + 1;
}

FR_INLINE void ordered_mean(int K, const double *const *arg, double *out, category_mass mass)
{
  double sum = 0.0, da, db;
  for (int k = 0; k <= K; k++)
    sum += (k + 1) * exp(mass(k > 0 ? arg[1][k - 1] - arg[0][0] : -INFINITY, k < K ? arg[1][k] - arg[0][0] : INFINITY, &da, &db));
  *out = increasing(K, arg[1]) ? sum : NAN;
}

FR_EVENTS(ordered_logistic)
{
  (void)dx, (void)work;
  return ordered_events(N, K, x, arg, stride, bar, darg, logistic_mass);
}

static void ordered_logistic_sample(int K, const double *const *arg, fr_rng *rng, double *out, double *work)
{
  double y = arg[0][0] + fr_logit(fr_rng_uniform(rng));
  (void)work;
  *out = increasing(K, arg[1]) && y == y ? count_below(K, arg[1], y) : NAN;
}

static void ordered_logistic_mean(int K, const double *const *arg, double *out, double *work)
{
  (void)work;
  ordered_mean(K, arg, out, logistic_mass);
}

const fr_dist fr_dist_ordered_logistic = {
  .name = "ordered_logistic", .n_args = 2,
  .arg = {FR_ARG_REAL("location"), FR_ARG_EVENT("cutpoints", FR_SUP_ORDERED_VECTOR, FR_VECTOR)},
  .support = FR_SUP_CATEGORY, .cutpoints = 1, .lower_arg = -1, .upper_arg = -1, .size_arg = -1, .discrete = 1,
  .events = ordered_logistic_events, .sample = ordered_logistic_sample, .mean = ordered_logistic_mean
};

FR_EVENTS(ordered_probit)
{
  (void)dx, (void)work;
  return ordered_events(N, K, x, arg, stride, bar, darg, normal_mass);
}

static void ordered_probit_sample(int K, const double *const *arg, fr_rng *rng, double *out, double *work)
{
  double y = arg[0][0] + fr_rng_normal(rng);
  (void)work;
  *out = increasing(K, arg[1]) && y == y ? count_below(K, arg[1], y) : NAN;
}

static void ordered_probit_mean(int K, const double *const *arg, double *out, double *work)
{
  (void)work;
  ordered_mean(K, arg, out, normal_mass);
}

const fr_dist fr_dist_ordered_probit = {
  .name = "ordered_probit", .n_args = 2,
  .arg = {FR_ARG_REAL("location"), FR_ARG_EVENT("cutpoints", FR_SUP_ORDERED_VECTOR, FR_VECTOR)},
  .support = FR_SUP_CATEGORY, .cutpoints = 1, .lower_arg = -1, .upper_arg = -1, .size_arg = -1, .discrete = 1,
  .events = ordered_probit_events, .sample = ordered_probit_sample, .mean = ordered_probit_mean
};
