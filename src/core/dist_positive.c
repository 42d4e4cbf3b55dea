/* dist_positive.c: distributions on the positive half line: half_normal, half_cauchy, lognormal, exponential,
 * pareto. Below the support the log density is -Inf and its partials are 0; at the edge
 * it is what R's own density says there. */
#include "dist_lanes.h"
#include "dist_list.h"

#define FR_LOG_2_OVER_PI (-0.4515827052894548647261952298949)

/* ---- half_normal(scale) ---- */

FR_INLINE void half_normal_prep(const double *v, unsigned which, unsigned need, double *k)
{
  (void)need;
  if (!(which & FR_V(1))) return;
  k[0] = fr_lane_reciprocal(v[1]);
  k[1] = FR_LN_2 - FR_LOG_SQRT_2PI - fr_lane_log_positive(v[1]);
}

FR_INLINE double half_normal_lanes(const double *v, const double *k, double *d, uint64_t *odd)
{
  double z = v[0] * k[0];
  *odd = fr_mask_negative(v[0]) | fr_mask_nan(v[0]);
  d[0] = -z * k[0];
  d[1] = (z * z - 1.0) * k[0];
  return k[1] - 0.5 * z * z;
}

FR_INLINE double half_normal_eval(const double *v, const double *k, unsigned need, double *d)
{
  double z = v[0] * k[0];
  (void)need;
  if (!(v[0] >= 0.0)) return fr_outside_clear(v[0], k[1], 2, d);
  d[0] = -z * k[0];
  d[1] = (z * z - 1.0) * k[0];
  return k[1] - 0.5 * z * z;
}

FR_ROWS_LANES(half_normal, 1, 2, FR_V(1))

FR_SAMPLE(half_normal)
{
  FR_UNUSED_SHAPE;
  *out = arg[0][0] >= 0.0 ? arg[0][0] * fabs(fr_rng_normal(rng)) : NAN;
}

FR_MEAN(half_normal)
{
  FR_UNUSED_SHAPE;
  *out = arg[0][0] >= 0.0 ? arg[0][0] * FR_SQRT_2_OVER_PI : NAN;
}

static double half_normal_cdf(double x, const double *arg, int upper, double *d)
{
  double scale = arg[0], z = x / scale, lp;
  if (!(scale > 0.0)) return NAN;
  if (x <= 0.0) return fr_cdf_outside(upper, 2, d);
  lp = upper ? FR_LN_2 + fr_log_pnorm(-z) : z < 1.0 ? log(erf(z * FR_SQRT_1_2)) : log1p(-2.0 * exp(fr_log_pnorm(-z)));
  d[0] = upper ? -fr_mills(-z) / scale : FR_SQRT_2_OVER_PI * exp(-0.5 * z * z - lp) / scale;
  d[1] = -z * d[0];
  return lp;
}

const fr_dist fr_dist_half_normal = {
  .name = "half_normal", .n_args = 1, .arg = {FR_ARG_POSITIVE("scale")},
  .support = FR_SUP_POSITIVE, .lower_arg = -1, .upper_arg = -1, .size_arg = -1,
  .rows = half_normal_rows, .sample = half_normal_sample, .mean = half_normal_mean, .cdf = half_normal_cdf, .cdf_partials = 1
};

/* ---- half_cauchy(scale) ---- */

FR_INLINE void half_cauchy_prep(const double *v, unsigned which, unsigned need, double *k)
{
  (void)need;
  if (!(which & FR_V(1))) return;
  k[0] = fr_reciprocal(v[1]);
  k[1] = FR_LOG_2_OVER_PI - fr_log_positive(v[1]);
}

FR_INLINE double half_cauchy_eval(const double *v, const double *k, unsigned need, double *d)
{
  double z = v[0] * k[0], zz = z * z;
  (void)need;
  if (!(v[0] >= 0.0)) return fr_outside_clear(v[0], k[1], 2, d);
  if (zz > FR_HUGE_SQUARE) {
    d[0] = -2.0 / z * k[0];
    d[1] = k[0];
    return k[1] - 2.0 * log(z);
  }
  d[0] = -2.0 * z / (1.0 + zz) * k[0];
  d[1] = (zz - 1.0) / (zz + 1.0) * k[0];
  return k[1] - log1p(zz);
}

FR_ROWS(half_cauchy, 1, 2)

FR_SAMPLE(half_cauchy)
{
  FR_UNUSED_SHAPE;
  *out = arg[0][0] >= 0.0 ? arg[0][0] * tan(0.5 * FR_PI * fr_rng_uniform(rng)) : NAN;
}

FR_MEAN(half_cauchy)
{
  FR_UNUSED_SHAPE;
  *out = arg[0][0] > 0.0 ? INFINITY : NAN;
}

static double half_cauchy_cdf(double x, const double *arg, int upper, double *d)
{
  double scale = arg[0], z = x / scale, p;
  if (!(scale > 0.0)) return NAN;
  if (x <= 0.0) return fr_cdf_outside(upper, 2, d);
  p = upper ? atan2(1.0, z) : atan(z);
  d[1] = (upper ? 1.0 : -1.0) / ((z + 1.0 / z) * scale * p);
  d[0] = -d[1] / z;
  return FR_LOG_2_OVER_PI + log(p);
}

const fr_dist fr_dist_half_cauchy = {
  .name = "half_cauchy", .n_args = 1, .arg = {FR_ARG_POSITIVE("scale")},
  .support = FR_SUP_POSITIVE, .lower_arg = -1, .upper_arg = -1, .size_arg = -1,
  .rows = half_cauchy_rows, .sample = half_cauchy_sample, .mean = half_cauchy_mean, .cdf = half_cauchy_cdf, .cdf_partials = 1
};

/* ---- lognormal(loc, scale) ---- */

FR_INLINE void lognormal_prep(const double *v, unsigned which, unsigned need, double *k)
{
  (void)need;
  if (!(which & FR_V(2))) return;
  k[0] = fr_lane_reciprocal(v[2]);
  k[1] = -FR_LOG_SQRT_2PI - fr_lane_log_positive(v[2]);
}

FR_INLINE double lognormal_lanes(const double *v, const double *k, double *d, uint64_t *odd)
{
  double log_x = fr_lane_log(v[0]), z = (log_x - v[1]) * k[0];
  *odd = fr_mask_log_special(v[0]);
  d[1] = z * k[0];
  d[0] = -(1.0 + d[1]) / v[0];
  d[2] = (z * z - 1.0) * k[0];
  return k[1] - log_x - 0.5 * z * z;
}

FR_INLINE double lognormal_eval(const double *v, const double *k, unsigned need, double *d)
{
  (void)need;
  if (!(v[0] > 0.0)) return fr_outside_clear(v[0], v[1] + k[1], 3, d);
  double log_x = log(v[0]), z = (log_x - v[1]) * k[0];
  d[1] = z * k[0];
  d[0] = -(1.0 + d[1]) / v[0];
  d[2] = (z * z - 1.0) * k[0];
  return k[1] - log_x - 0.5 * z * z;
}

FR_ROWS_LANES(lognormal, 2, 2, FR_V(2))

FR_SAMPLE(lognormal)
{
  FR_UNUSED_SHAPE;
  *out = arg[1][0] >= 0.0 ? exp(arg[0][0] + arg[1][0] * fr_rng_normal(rng)) : NAN;
}

FR_MEAN(lognormal)
{
  FR_UNUSED_SHAPE;
  *out = arg[1][0] >= 0.0 ? exp(arg[0][0] + 0.5 * arg[1][0] * arg[1][0]) : NAN;
}

static double lognormal_cdf(double x, const double *arg, int upper, double *d)
{
  double scale = arg[1];
  if (!(scale > 0.0)) return NAN;
  if (x <= 0.0) return fr_cdf_outside(upper, 3, d);
  double z = (log(x) - arg[0]) / scale;
  d[1] = upper ? fr_mills(-z) / scale : -fr_mills(z) / scale;
  d[0] = -d[1] / x;
  d[2] = z * d[1];
  return fr_log_pnorm(upper ? -z : z);
}

const fr_dist fr_dist_lognormal = {
  .name = "lognormal", .n_args = 2, .arg = {FR_ARG_REAL("loc"), FR_ARG_POSITIVE("scale")},
  .support = FR_SUP_POSITIVE, .lower_arg = -1, .upper_arg = -1, .size_arg = -1,
  .rows = lognormal_rows, .sample = lognormal_sample, .mean = lognormal_mean, .cdf = lognormal_cdf, .cdf_partials = 3
};

/* ---- exponential(rate) ---- */

FR_INLINE void exponential_prep(const double *v, unsigned which, unsigned need, double *k)
{
  (void)need;
  if (!(which & FR_V(1))) return;
  k[0] = fr_lane_log_positive(v[1]);
  k[1] = 1.0 / v[1];
}

FR_INLINE double exponential_lanes(const double *v, const double *k, double *d, uint64_t *odd)
{
  *odd = fr_mask_negative(v[0]) | fr_mask_nan(v[0]);
  d[0] = -v[1];
  d[1] = k[1] - v[0];
  return k[0] - v[1] * v[0];
}

FR_INLINE double exponential_eval(const double *v, const double *k, unsigned need, double *d)
{
  (void)need;
  if (!(v[0] >= 0.0)) return fr_outside_clear(v[0], k[0], 2, d);
  d[0] = -v[1];
  d[1] = k[1] - v[0];
  return k[0] - v[1] * v[0];
}

FR_ROWS_LANES(exponential, 1, 2, FR_V(1))

FR_SAMPLE(exponential)
{
  FR_UNUSED_SHAPE;
  *out = arg[0][0] > 0.0 ? fr_rng_exponential(rng) / arg[0][0] : NAN;
}

FR_MEAN(exponential)
{
  FR_UNUSED_SHAPE;
  *out = arg[0][0] > 0.0 ? 1.0 / arg[0][0] : NAN;
}

static double exponential_cdf(double x, const double *arg, int upper, double *d)
{
  double rate = arg[0];
  if (!(rate > 0.0)) return NAN;
  if (x <= 0.0) return fr_cdf_outside(upper, 2, d);
  d[0] = -rate;
  d[1] = -x;
  return upper ? -rate * x : fr_cdf_complement(-rate * x, 2, d);
}

const fr_dist fr_dist_exponential = {
  .name = "exponential", .n_args = 1, .arg = {FR_ARG_POSITIVE("rate")},
  .support = FR_SUP_POSITIVE, .lower_arg = -1, .upper_arg = -1, .size_arg = -1,
  .rows = exponential_rows, .sample = exponential_sample, .mean = exponential_mean, .cdf = exponential_cdf, .cdf_partials = 1
};

/* ---- pareto(scale, shape) ----
 * log1p((x - scale) / scale) keeps log(x / scale) exact near the edge, where a large shape multiplies it. */

FR_INLINE void pareto_prep(const double *v, unsigned which, unsigned need, double *k)
{
  (void)need;
  if (which & FR_V(1)) k[0] = fr_log_positive(v[1]);
  if (which & FR_V(2)) k[1] = fr_log_positive(v[2]);
}

FR_INLINE double pareto_eval(const double *v, const double *k, unsigned need, double *d)
{
  double x = v[0], scale = v[1], shape = v[2];
  (void)need;
  if (!(x >= scale)) return fr_outside_clear(x, k[0] + k[1], 3, d);
  double log_x = log(x), excess = x < 2.0 * scale ? log1p((x - scale) / scale) : log_x - k[0];
  d[0] = -(shape + 1.0) / x;
  d[1] = shape / scale;
  d[2] = 1.0 / shape - excess;
  return k[1] - shape * excess - log_x;
}

FR_ROWS(pareto, 2, 2)

FR_SAMPLE(pareto)
{
  FR_UNUSED_SHAPE;
  *out = arg[0][0] > 0.0 && arg[1][0] > 0.0 ? arg[0][0] * exp(fr_rng_exponential(rng) / arg[1][0]) : NAN;
}

FR_MEAN(pareto)
{
  double scale = arg[0][0], shape = arg[1][0];
  FR_UNUSED_SHAPE;
  *out = !(scale > 0.0 && shape > 0.0) ? NAN : shape > 1.0 ? scale * (shape / (shape - 1.0)) : INFINITY;
}

static double pareto_cdf(double x, const double *arg, int upper, double *d)
{
  double scale = arg[0], shape = arg[1];
  if (!(scale > 0.0 && shape > 0.0)) return NAN;
  if (x <= scale) return fr_cdf_outside(upper, 3, d);
  double excess = log1p((x - scale) / scale);
  d[0] = -shape / x;
  d[1] = shape / scale;
  d[2] = -excess;
  return upper ? -shape * excess : fr_cdf_complement(-shape * excess, 3, d);
}

const fr_dist fr_dist_pareto = {
  .name = "pareto", .n_args = 2, .arg = {FR_ARG_POSITIVE("scale"), FR_ARG_POSITIVE("shape")},
  .support = FR_SUP_BOUNDED, .lower_arg = 0, .upper_arg = -1, .size_arg = -1,
  .rows = pareto_rows, .sample = pareto_sample, .mean = pareto_mean, .cdf = pareto_cdf, .cdf_partials = 3
};
