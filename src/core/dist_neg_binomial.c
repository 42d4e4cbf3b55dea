/* dist_neg_binomial.c: overdispersed counts and waiting times: neg_binomial, neg_binomial_log, geometric. What the
 * data alone decide is `base` (see counts.h). */
#include "dist_lanes.h"
#include "dist_list.h"
#include "counts.h"

/* ---- neg_binomial(mean, size) and neg_binomial_log(log_mean, size) ----
 * A Poisson count whose rate is a Gamma variable; the variance is mean + mean^2 / size. With p = size / (size + mean)
 * and q = 1 - p the density is Gamma(y + size) / (Gamma(size) y!) p^size q^y. Counts above FR_SADDLE_COUNT take it as
 * size / (size + y) times a binomial mass of size + y trials (Loader 2000), whose parts do not cancel. */

static double neg_binomial_base(int K, const double *x, const double *const *arg)
{
  (void)K, (void)arg;
  return fr_poisson_base(x[0]);
}

/* The rest of the log density; t = log(mean / size). */
static double neg_binomial_kernel(double y, double size, double t)
{
  double log_p = fr_log_sigmoid(-t), log_q = fr_log_sigmoid(t);
  if (y == 0.0) return size * log_p;
  if (!fr_poisson_by_saddle(y)) return fr_lgamma_step(size, y) + size * log_p + y * log_q;
  double n = size + y, log_n = log(n);
  return fr_stirling_error(n) - fr_stirling_error(size) + 0.5 * (log(size) - log_n) +
         fr_deviance(size, n * exp(log_p), log_n + log_p) + fr_deviance(y, n * exp(log_q), log_n + log_q);
}

/* Partials: in log(mean) divided by size, and in size. */
static double neg_binomial_log_slope(double y, double mean, double size, double t)
{
  return y / (size + mean) - fr_sigmoid(t);
}

static double neg_binomial_size_slope(double y, double mean, double size, double t)
{
  return fr_digamma_step(size, y) - fr_softplus(t) + fr_sigmoid(t) - y / (size + mean);
}

FR_INLINE int valid_size(double size) { return size > 0.0 && size < INFINITY; }

/* On lanes, for a count up to FR_SADDLE_COUNT, t = log(mean / size); *slope the partial in log(mean). */
FR_INLINE double neg_binomial_lane(double y, double mean, double size, double t, double *slope, double *size_slope)
{
  double step, digamma_step;
  fr_odds o = fr_lane_odds(t);
  fr_lane_gamma_steps(size, y, &step, &digamma_step);
  *slope = (y - mean) * o.q;
  *size_slope = digamma_step + o.log_q + o.p - y / (size + mean);
  return step + size * o.log_q + y * o.log_p;
}

/* What is left to the exact form: large counts, and sizes and means at their limits. */
FR_INLINE uint64_t neg_binomial_odd(double y, double log_mean, double size)
{
  return fr_mask_no_count(y, FR_SADDLE_COUNT) | fr_mask_above(fabs(log_mean), 600.0) | fr_mask_above(size, FR_LANE_STEP_MAX) |
         fr_mask_negative(size - 1e-30);
}

FR_INLINE double neg_binomial_eval(const double *v, const double *k, unsigned need, double *d)
{
  double y = v[0], mean = v[1], size = v[2];
  (void)k;
  if (!(mean >= 0.0 && valid_size(size))) return fr_outside_clear(NAN, NAN, 3, d);
  if (!fr_is_count(y)) return fr_outside_clear(y, 0.0, 3, d);
  double t = log(mean / size);
  if (mean == 0.0 || isinf(t)) t = log(mean) - log(size);
  d[0] = 0.0;
  d[1] = ((y == 0.0 ? 0.0 : y / mean) - 1.0) / (1.0 + mean / size);
  d[2] = need & FR_V(2) ? neg_binomial_size_slope(y, mean, size, t) : 0.0;
  return need & FR_NEED_LP ? neg_binomial_kernel(y, size, t) : 0.0;
}

FR_INLINE double neg_binomial_lanes(const double *v, const double *k, double *d, uint64_t *odd)
{
  double log_mean = fr_lane_log(v[1]), slope, lp;
  (void)k;
  lp = neg_binomial_lane(v[0], v[1], v[2], log_mean - fr_lane_log(v[2]), &slope, &d[2]);
  *odd = neg_binomial_odd(v[0], log_mean, v[2]);
  d[0] = 0.0;
  d[1] = slope / v[1];
  return lp;
}

FR_ROWS_LANES_PLAIN(neg_binomial, 2)

static void neg_binomial_draw(fr_rng *rng, double log_mean, double size, double *out)
{
  *out = valid_size(size) ? fr_rng_poisson(rng, exp(log_mean - log(size) + fr_rng_log_gamma(rng, size))) : NAN;
}

FR_SAMPLE(neg_binomial)
{
  FR_UNUSED_SHAPE;
  neg_binomial_draw(rng, log(arg[0][0]), arg[1][0], out);
}

FR_MEAN(neg_binomial)
{
  FR_UNUSED_SHAPE;
  *out = arg[0][0] >= 0.0 && valid_size(arg[1][0]) ? arg[0][0] : NAN;
}

/* The lower tail is that of a Beta(size, k + 1) variable at p; *slope is the partial in log(mean). */
static double neg_binomial_tail(double x, double t, double size, int upper, double *slope)
{
  double k = floor(x), p = fr_sigmoid(-t), q = fr_sigmoid(t);
  *slope = 0.0;
  if (!valid_size(size)) return NAN;
  if (k < 0.0) return upper ? 0.0 : -INFINITY;
  double lp = p < q ? fr_log_pbeta(p, size, k + 1.0, upper) : fr_log_pbeta(q, k + 1.0, size, !upper);
  *slope = exp(size * fr_log_sigmoid(-t) + (k + 1.0) * fr_log_sigmoid(t) - fr_lbeta(size, k + 1.0) - lp) * (upper ? 1.0 : -1.0);
  return lp;
}

static double neg_binomial_cdf(double x, const double *arg, int upper, double *d)
{
  double slope, lp = neg_binomial_tail(x, log(arg[0]) - log(arg[1]), arg[1], upper, &slope);
  d[0] = d[2] = 0.0;
  d[1] = slope / arg[0];
  return arg[0] > 0.0 ? lp : arg[0] == 0.0 ? ((x < 0.0) == (upper != 0) ? 0.0 : -INFINITY) : NAN;
}

const fr_dist fr_dist_neg_binomial = {
  .name = "neg_binomial", .n_args = 2, .arg = {FR_ARG("mean", FR_SUP_NONNEGATIVE), FR_ARG_POSITIVE("size")}, .discrete = 1,
  .support = FR_SUP_COUNT, .lower_arg = -1, .upper_arg = -1, .size_arg = -1,
  .rows = neg_binomial_rows, .base = neg_binomial_base, .sample = neg_binomial_sample, .mean = neg_binomial_mean,
  .cdf = neg_binomial_cdf, .cdf_partials = 1
};

FR_INLINE void neg_binomial_log_prep(const double *v, unsigned which, unsigned need, double *k)
{
  (void)need;
  if (which & FR_V(2)) k[0] = fr_nan_where(fr_mask_not_positive(v[2]) | fr_mask_log_special(v[2]), fr_lane_log(v[2]));
}

FR_INLINE double neg_binomial_log_eval(const double *v, const double *k, unsigned need, double *d)
{
  double y = v[0], mean = exp(v[1]), size = v[2], t = v[1] - k[0];
  if (!fr_is_count(y) || t != t) return fr_outside_clear(y, t, 3, d);
  d[0] = 0.0;
  d[1] = size * neg_binomial_log_slope(y, mean, size, t);
  d[2] = need & FR_V(2) ? neg_binomial_size_slope(y, mean, size, t) : 0.0;
  return need & FR_NEED_LP ? neg_binomial_kernel(y, size, t) : 0.0;
}

FR_INLINE double neg_binomial_log_lanes(const double *v, const double *k, double *d, uint64_t *odd)
{
  d[0] = 0.0;
  *odd = neg_binomial_odd(v[0], v[1], v[2]);
  return neg_binomial_lane(v[0], fr_lane_exp(v[1]), v[2], v[1] - k[0], &d[1], &d[2]);
}

FR_ROWS_LANES(neg_binomial_log, 2, 1, FR_V(2))

FR_SAMPLE(neg_binomial_log)
{
  FR_UNUSED_SHAPE;
  neg_binomial_draw(rng, arg[0][0], arg[1][0], out);
}

FR_MEAN(neg_binomial_log)
{
  FR_UNUSED_SHAPE;
  *out = valid_size(arg[1][0]) ? exp(arg[0][0]) : NAN;
}

static double neg_binomial_log_cdf(double x, const double *arg, int upper, double *d)
{
  d[0] = d[2] = 0.0;
  return neg_binomial_tail(x, arg[0] - log(arg[1]), arg[1], upper, &d[1]);
}

const fr_dist fr_dist_neg_binomial_log = {
  .name = "neg_binomial_log", .n_args = 2, .arg = {FR_ARG_REAL("log_mean"), FR_ARG_POSITIVE("size")}, .discrete = 1,
  .support = FR_SUP_COUNT, .lower_arg = -1, .upper_arg = -1, .size_arg = -1,
  .rows = neg_binomial_log_rows, .base = neg_binomial_base, .sample = neg_binomial_log_sample, .mean = neg_binomial_log_mean,
  .cdf = neg_binomial_log_cdf, .cdf_partials = 1
};

/* ---- geometric(prob): failures before the first success, p (1 - p)^y ---- */

FR_INLINE double geometric_eval(const double *v, const double *k, unsigned need, double *d)
{
  double y = v[0], p = v[1];
  (void)k, (void)need;
  if (!(p > 0.0 && p <= 1.0)) return fr_outside_clear(NAN, NAN, 2, d);
  if (!fr_is_count(y)) return fr_outside_clear(y, 0.0, 2, d);
  d[0] = 0.0;
  d[1] = 1.0 / p - (y == 0.0 ? 0.0 : y / (1.0 - p));
  return log(p) + (y == 0.0 ? 0.0 : y * log1p(-p));
}

FR_ROWS_PLAIN(geometric, 1)

FR_SAMPLE(geometric)
{
  double p = arg[0][0], e = fr_rng_exponential(rng);
  FR_UNUSED_SHAPE;
  *out = p > 0.0 && p <= 1.0 ? floor(e / -log1p(-p)) : NAN;
}

FR_MEAN(geometric)
{
  FR_UNUSED_SHAPE;
  *out = arg[0][0] > 0.0 && arg[0][0] <= 1.0 ? (1.0 - arg[0][0]) / arg[0][0] : NAN;
}

static double geometric_cdf(double x, const double *arg, int upper, double *d)
{
  double p = arg[0], k = floor(x) + 1.0;
  if (!(p > 0.0 && p <= 1.0)) return NAN;
  if (k <= 0.0) return fr_cdf_outside(upper, 2, d);
  d[0] = 0.0;
  d[1] = -k / (1.0 - p);
  return upper ? k * log1p(-p) : fr_cdf_complement(k * log1p(-p), 2, d);
}

const fr_dist fr_dist_geometric = {
  .name = "geometric", .n_args = 1, .arg = {FR_ARG("prob", FR_SUP_UNIT)}, .discrete = 1,
  .support = FR_SUP_COUNT, .lower_arg = -1, .upper_arg = -1, .size_arg = -1,
  .rows = geometric_rows, .sample = geometric_sample, .mean = geometric_mean, .cdf = geometric_cdf, .cdf_partials = 1
};
