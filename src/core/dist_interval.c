/* dist_interval.c: distributions on an interval: beta, beta_proportion, kumaraswamy, uniform. */
#include "dist_rows.h"
#include "dist_list.h"
#include "saddle.h"
#include "special.h"

/* ---- beta(shape1, shape2) ----
 * With both shapes above FR_SADDLE_SHAPE the density is that of a binomial count shape1 of shape1 + shape2
 * (Loader 2000), whose parts do not cancel.
 *
 * k[0] what depends on the shapes alone, k[1] and k[2] digamma(shape1 + shape2) - digamma(shape1), (shape2),
 * k[3] log(shape1 + shape2) */

FR_INLINE int beta_by_saddle(double a, double b) { return a > FR_SADDLE_SHAPE && b > FR_SADDLE_SHAPE; }

FR_INLINE void beta_prep(const double *v, unsigned which, unsigned need, double *k)
{
  double a = v[1], b = v[2];
  if (!(which & (FR_V(1) | FR_V(2)))) return;
  k[1] = k[2] = k[3] = 0.0;
  if (!(a > 0.0 && b > 0.0)) {
    k[0] = NAN;
    return;
  }
  if (beta_by_saddle(a, b)) {
    k[3] = log(a + b);
    k[0] = fr_stirling_error(a + b) - fr_stirling_error(a) - fr_stirling_error(b) +
           0.5 * (log(a) + log(b) - k[3]) - FR_LOG_SQRT_2PI;
  } else {
    k[0] = -fr_lbeta(a, b);
  }
  if (need & FR_V(1)) k[1] = fr_digamma_step(a, b);
  if (need & FR_V(2)) k[2] = fr_digamma_step(b, a);
}

/* The density of a power y^(shape - 1) where y, the distance to an edge, is 0; with shape 1 it is the other
 * shape. *slope is its derivative with respect to y there. */
static double beta_at_edge(double shape, double other, double *slope)
{
  *slope = shape == 1.0 ? 1.0 - other : shape > 1.0 ? INFINITY : -INFINITY;
  return shape == 1.0 ? log(other) : shape > 1.0 ? -INFINITY : INFINITY;
}

static double beta_edges(const double *v, const double *k, double *d)
{
  double x = v[0], a = v[1], b = v[2], lp;
  d[0] = d[1] = d[2] = 0.0;
  if (!(x == 0.0 || x == 1.0) || k[0] != k[0]) return fr_outside(x, k[0]);
  if (x == 0.0) {
    lp = beta_at_edge(a, b, &d[0]);
    d[1] = -INFINITY;
    d[2] = k[2];
  } else {
    lp = beta_at_edge(b, a, &d[0]);
    d[0] = -d[0];
    d[1] = k[1];
    d[2] = -INFINITY;
  }
  return lp;
}

FR_INLINE double beta_eval(const double *v, const double *k, unsigned need, double *d)
{
  double x = v[0], a = v[1], b = v[2], y = 1.0 - x;
  (void)need;
  if (!(x > 0.0 && x < 1.0)) return beta_edges(v, k, d);
  double log_x = log(x), log_y = log1p(-x);
  d[0] = (a - 1.0) / x - (b - 1.0) / y;
  d[1] = log_x + k[1];
  d[2] = log_y + k[2];
  if (!beta_by_saddle(a, b)) return k[0] + (a - 1.0) * log_x + (b - 1.0) * log_y;
  double n = a + b;
  return k[0] + fr_deviance(a, n * x, k[3] + log_x) + fr_deviance(b, n * y, k[3] + log_y) - log_x - log_y;
}

FR_ROWS(beta, 2, 4)

FR_SAMPLE(beta)
{
  FR_UNUSED_SHAPE;
  *out = NAN;
  if (!(arg[0][0] > 0.0 && arg[1][0] > 0.0)) return;
  double log_g1 = fr_rng_log_gamma(rng, arg[0][0]), log_g2 = fr_rng_log_gamma(rng, arg[1][0]);
  *out = fr_sigmoid(log_g1 - log_g2);
}

FR_MEAN(beta)
{
  FR_UNUSED_SHAPE;
  *out = arg[0][0] > 0.0 && arg[1][0] > 0.0 ? arg[0][0] / (arg[0][0] + arg[1][0]) : NAN;
}

/* log density at x, for the slope of a distribution function */
static double beta_log_density(double x, double a, double b)
{
  double v[3] = {x, a, b}, k[4], d[3];
  beta_prep(v, FR_V(1) | FR_V(2), 0, k);
  return beta_eval(v, k, 0, d);
}

/* R's distribution function has no derivative in the shapes. */
static double beta_cdf(double x, const double *arg, int upper, double *d)
{
  double a = arg[0], b = arg[1];
  if (!(a > 0.0 && b > 0.0)) return NAN;
  if (x <= 0.0 || x >= 1.0) return fr_cdf_outside((x <= 0.0) == (upper != 0), 3, d);
  double lp = fr_log_pbeta(x, a, b, upper);
  d[0] = exp(beta_log_density(x, a, b) - lp) * (upper ? -1.0 : 1.0);
  d[1] = d[2] = 0.0;
  return lp;
}

const fr_dist fr_dist_beta = {
  .name = "beta", .n_args = 2, .arg = {FR_ARG_POSITIVE("shape1"), FR_ARG_POSITIVE("shape2")},
  .support = FR_SUP_UNIT, .lower_arg = -1, .upper_arg = -1, .size_arg = -1,
  .rows = beta_rows, .sample = beta_sample, .mean = beta_mean, .cdf = beta_cdf
};

/* ---- beta_proportion(mean, precision): beta(mean precision, (1 - mean) precision) ---- */

FR_INLINE void beta_proportion_prep(const double *v, unsigned which, unsigned need, double *k)
{
  double b[3] = {v[0], v[1] * v[2], (1.0 - v[1]) * v[2]};
  if (!(which & (FR_V(1) | FR_V(2)))) return;
  beta_prep(b, FR_V(1) | FR_V(2), need & (FR_V(1) | FR_V(2)) ? need | FR_V(1) | FR_V(2) : need, k);
}

FR_INLINE double beta_proportion_eval(const double *v, const double *k, unsigned need, double *d)
{
  double b[3] = {v[0], v[1] * v[2], (1.0 - v[1]) * v[2]}, p[3], lp = beta_eval(b, k, need, p);
  d[0] = p[0];
  d[1] = v[2] * (p[1] - p[2]);
  d[2] = v[1] * p[1] + (1.0 - v[1]) * p[2];
  return lp;
}

FR_ROWS(beta_proportion, 2, 4)

FR_SAMPLE(beta_proportion)
{
  double a = arg[0][0] * arg[1][0], b = (1.0 - arg[0][0]) * arg[1][0];
  beta_sample(K, (const double *const[]){&a, &b}, rng, out, work);
}

FR_MEAN(beta_proportion)
{
  FR_UNUSED_SHAPE;
  *out = arg[0][0] > 0.0 && arg[0][0] < 1.0 && arg[1][0] > 0.0 ? arg[0][0] : NAN;
}

static double beta_proportion_cdf(double x, const double *arg, int upper, double *d)
{
  return beta_cdf(x, (const double[]){arg[0] * arg[1], (1.0 - arg[0]) * arg[1]}, upper, d);
}

const fr_dist fr_dist_beta_proportion = {
  .name = "beta_proportion", .n_args = 2, .arg = {FR_ARG("mean", FR_SUP_OPEN_UNIT), FR_ARG_POSITIVE("precision")},
  .support = FR_SUP_UNIT, .lower_arg = -1, .upper_arg = -1, .size_arg = -1,
  .rows = beta_proportion_rows, .sample = beta_proportion_sample, .mean = beta_proportion_mean, .cdf = beta_proportion_cdf
};

/* ---- kumaraswamy(shape1, shape2): a b x^(a - 1) (1 - x^a)^(b - 1) ---- */

FR_INLINE void kumaraswamy_prep(const double *v, unsigned which, unsigned need, double *k)
{
  (void)need;
  if (which & FR_V(1)) k[0] = fr_log_positive(v[1]);
  if (which & FR_V(2)) k[1] = fr_log_positive(v[2]);
}

/* Near 0 it is a b x^(a - 1), near 1 with y = 1 - x it is b a^b y^(b - 1). */
static double kumaraswamy_edges(const double *v, const double *k, double *d)
{
  double x = v[0], a = v[1], b = v[2], slope = 0.0, shape = x == 0.0 ? a : b;
  d[0] = d[1] = d[2] = 0.0;
  if (!(x == 0.0 || x == 1.0) || k[0] + k[1] != k[0] + k[1]) return fr_outside(x, k[0] + k[1]);
  if (shape != 1.0) slope = shape > 1.0 ? INFINITY : -INFINITY;
  d[0] = x == 0.0 ? (a == 1.0 ? -(b - 1.0) : slope) : (b == 1.0 ? a - 1.0 : -slope);
  d[1] = x == 0.0 ? -INFINITY : b / a;
  d[2] = x == 0.0 ? 1.0 / b : -INFINITY;
  if (shape != 1.0) return shape > 1.0 ? -INFINITY : INFINITY;
  return k[0] + k[1];
}

FR_INLINE double kumaraswamy_eval(const double *v, const double *k, unsigned need, double *d)
{
  double x = v[0], a = v[1], b = v[2];
  (void)need;
  if (!(x > 0.0 && x < 1.0)) return kumaraswamy_edges(v, k, d);
  double log_x = log(x), w = a * log_x, log_rest = fr_log1m_exp(w), odds = exp(w - log_rest); /* x^a / (1 - x^a) */
  d[0] = (a - 1.0 - (b - 1.0) * a * odds) / x;
  d[1] = 1.0 / a + log_x * (1.0 - (b - 1.0) * odds);
  d[2] = 1.0 / b + log_rest;
  return k[0] + k[1] + w - log_x + (b == 1.0 ? 0.0 : (b - 1.0) * log_rest);
}

FR_ROWS(kumaraswamy, 2, 2)

/* (1 - u^(1 / b))^(1 / a), -log(u) exponential */
FR_SAMPLE(kumaraswamy)
{
  FR_UNUSED_SHAPE;
  double e = fr_rng_exponential(rng);
  *out = arg[0][0] > 0.0 && arg[1][0] > 0.0 ? exp(fr_log1m_exp(-e / arg[1][0]) / arg[0][0]) : NAN;
}

/* b B(1 + 1 / a, b) */
FR_MEAN(kumaraswamy)
{
  double a = arg[0][0], b = arg[1][0];
  FR_UNUSED_SHAPE;
  *out = a > 0.0 && b > 0.0 ? exp(log(b) + fr_lbeta(1.0 + 1.0 / a, b)) : NAN;
}

static double kumaraswamy_cdf(double x, const double *arg, int upper, double *d)
{
  double a = arg[0], b = arg[1];
  if (!(a > 0.0 && b > 0.0)) return NAN;
  if (x <= 0.0 || x >= 1.0) return fr_cdf_outside((x <= 0.0) == (upper != 0), 3, d);
  double log_x = log(x), log_rest = fr_log1m_exp(a * log_x), odds = exp(a * log_x - log_rest);
  d[0] = -b * a * odds / x;
  d[1] = -b * odds * log_x;
  d[2] = log_rest;
  return upper ? b * log_rest : fr_cdf_complement(b * log_rest, 3, d);
}

const fr_dist fr_dist_kumaraswamy = {
  .name = "kumaraswamy", .n_args = 2, .arg = {FR_ARG_POSITIVE("shape1"), FR_ARG_POSITIVE("shape2")},
  .support = FR_SUP_UNIT, .lower_arg = -1, .upper_arg = -1, .size_arg = -1,
  .rows = kumaraswamy_rows, .sample = kumaraswamy_sample, .mean = kumaraswamy_mean,
  .cdf = kumaraswamy_cdf, .cdf_partials = 3
};

/* ---- uniform(lower, upper): 1 / (upper - lower) on the closed interval ---- */

FR_INLINE void uniform_prep(const double *v, unsigned which, unsigned need, double *k)
{
  (void)need;
  if (!(which & (FR_V(1) | FR_V(2)))) return;
  k[0] = -fr_log_positive(v[2] - v[1]);
  k[1] = 1.0 / (v[2] - v[1]);
}

FR_INLINE double uniform_eval(const double *v, const double *k, unsigned need, double *d)
{
  (void)need;
  if (!(v[0] >= v[1] && v[0] <= v[2])) return fr_outside_clear(v[0], k[0], 3, d);
  d[0] = 0.0;
  d[1] = k[1];
  d[2] = -k[1];
  return k[0];
}

FR_ROWS(uniform, 2, 2)

FR_SAMPLE(uniform)
{
  FR_UNUSED_SHAPE;
  *out = arg[0][0] < arg[1][0] ? arg[0][0] + (arg[1][0] - arg[0][0]) * fr_rng_uniform(rng) : NAN;
}

FR_MEAN(uniform)
{
  FR_UNUSED_SHAPE;
  *out = arg[0][0] < arg[1][0] ? 0.5 * arg[0][0] + 0.5 * arg[1][0] : NAN;
}

static double uniform_cdf(double x, const double *arg, int upper, double *d)
{
  double lower = arg[0], top = arg[1], width = top - lower, part = upper ? top - x : x - lower;
  if (!(lower < top)) return NAN;
  if (x <= lower || x >= top) return fr_cdf_outside((x <= lower) == (upper != 0), 3, d);
  d[0] = (upper ? -1.0 : 1.0) / part;
  d[1] = 1.0 / width - (upper ? 0.0 : 1.0 / part);
  d[2] = (upper ? 1.0 / part : 0.0) - 1.0 / width;
  return log(part / width);
}

const fr_dist fr_dist_uniform = {
  .name = "uniform", .n_args = 2, .arg = {FR_ARG_REAL("lower"), FR_ARG_REAL("upper")},
  .support = FR_SUP_BOUNDED, .lower_arg = 0, .upper_arg = 1, .size_arg = -1,
  .rows = uniform_rows, .sample = uniform_sample, .mean = uniform_mean, .cdf = uniform_cdf, .cdf_partials = 3
};
