/* dist_interval.c: distributions on an interval: beta, uniform. */
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

const fr_dist fr_dist_beta = {
  .name = "beta", .n_args = 2, .arg = {FR_ARG_POSITIVE("shape1"), FR_ARG_POSITIVE("shape2")},
  .support = FR_SUP_UNIT, .lower_arg = -1, .upper_arg = -1, .size_arg = -1,
  .rows = beta_rows, .sample = beta_sample, .mean = beta_mean
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

const fr_dist fr_dist_uniform = {
  .name = "uniform", .n_args = 2, .arg = {FR_ARG_REAL("lower"), FR_ARG_REAL("upper")},
  .support = FR_SUP_BOUNDED, .lower_arg = 0, .upper_arg = 1, .size_arg = -1,
  .rows = uniform_rows, .sample = uniform_sample, .mean = uniform_mean
};
