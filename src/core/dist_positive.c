/* dist_positive.c: distributions on the positive half line: half_normal, half_cauchy, lognormal, exponential,
 * gamma, inverse_gamma, pareto. Below the support the log density is -Inf and its partials are 0; at the edge
 * it is what R's own density says there. */
#include "dist_rows.h"
#include "dist_list.h"
#include "saddle.h"
#include "special.h"

#define FR_LOG_2_OVER_PI (-0.4515827052894548647261952298949)
#define FR_SQRT_2_OVER_PI 0.7978845608028653558798921198687

/* ---- half_normal(scale) ---- */

FR_INLINE void half_normal_prep(const double *v, unsigned which, unsigned need, double *k)
{
  (void)need;
  if (!(which & FR_V(1))) return;
  k[0] = fr_reciprocal(v[1]);
  k[1] = FR_LN_2 - FR_LOG_SQRT_2PI - fr_log_positive(v[1]);
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

FR_ROWS(half_normal, 1, 2)

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

const fr_dist fr_dist_half_normal = {
  .name = "half_normal", .n_args = 1, .arg = {FR_ARG_POSITIVE("scale")},
  .support = FR_SUP_POSITIVE, .lower_arg = -1, .upper_arg = -1, .size_arg = -1,
  .rows = half_normal_rows, .sample = half_normal_sample, .mean = half_normal_mean
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

const fr_dist fr_dist_half_cauchy = {
  .name = "half_cauchy", .n_args = 1, .arg = {FR_ARG_POSITIVE("scale")},
  .support = FR_SUP_POSITIVE, .lower_arg = -1, .upper_arg = -1, .size_arg = -1,
  .rows = half_cauchy_rows, .sample = half_cauchy_sample, .mean = half_cauchy_mean
};

/* ---- lognormal(loc, scale) ---- */

FR_INLINE void lognormal_prep(const double *v, unsigned which, unsigned need, double *k)
{
  (void)need;
  if (!(which & FR_V(2))) return;
  k[0] = fr_reciprocal(v[2]);
  k[1] = -FR_LOG_SQRT_2PI - fr_log_positive(v[2]);
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

FR_ROWS(lognormal, 2, 2)

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

const fr_dist fr_dist_lognormal = {
  .name = "lognormal", .n_args = 2, .arg = {FR_ARG_REAL("loc"), FR_ARG_POSITIVE("scale")},
  .support = FR_SUP_POSITIVE, .lower_arg = -1, .upper_arg = -1, .size_arg = -1,
  .rows = lognormal_rows, .sample = lognormal_sample, .mean = lognormal_mean
};

/* ---- exponential(rate) ---- */

FR_INLINE void exponential_prep(const double *v, unsigned which, unsigned need, double *k)
{
  (void)need;
  if (!(which & FR_V(1))) return;
  k[0] = fr_log_positive(v[1]);
  k[1] = 1.0 / v[1];
}

FR_INLINE double exponential_eval(const double *v, const double *k, unsigned need, double *d)
{
  (void)need;
  if (!(v[0] >= 0.0)) return fr_outside_clear(v[0], k[0], 2, d);
  d[0] = -v[1];
  d[1] = k[1] - v[0];
  return k[0] - v[1] * v[0];
}

FR_ROWS(exponential, 1, 2)

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

const fr_dist fr_dist_exponential = {
  .name = "exponential", .n_args = 1, .arg = {FR_ARG_POSITIVE("rate")},
  .support = FR_SUP_POSITIVE, .lower_arg = -1, .upper_arg = -1, .size_arg = -1,
  .rows = exponential_rows, .sample = exponential_sample, .mean = exponential_mean
};

/* ---- gamma(shape, rate) and inverse_gamma(shape, scale) ----
 * Both are the density of a Gamma(shape, 1) variable m (rate x, or scale / x), times m's own derivative. For
 * shapes above FR_SADDLE_SHAPE, where shape log(m) and log Gamma(shape) cancel, it is
 * deviance(shape, m) + log(shape) / 2 - log(2 pi) / 2 - Stirling's error.
 *
 * k[0] log of rate or scale, k[1] what depends on the shape alone, k[2] digamma(shape) */

FR_INLINE void gamma_prep(const double *v, unsigned which, unsigned need, double *k)
{
  double shape = v[1];
  if (which & FR_V(2)) k[0] = fr_log_positive(v[2]);
  if (!(which & FR_V(1))) return;
  if (!(shape > 0.0)) k[1] = NAN;
  else if (shape < FR_SADDLE_SHAPE) k[1] = -fr_lgamma(shape);
  else k[1] = 0.5 * log(shape) - FR_LOG_SQRT_2PI - fr_stirling_error(shape);
  k[2] = need & FR_V(1) ? fr_digamma(shape) : 0.0;
}

/* At 0 the density is that of a power x^(shape - 1). */
static double gamma_at_zero(double shape, double rate, const double *k, double *d)
{
  double check = k[0] + k[1];
  d[0] = shape == 1.0 ? -rate : shape > 1.0 ? INFINITY : -INFINITY;
  d[1] = -INFINITY;
  d[2] = shape / rate;
  if (check != check) return NAN;
  return shape == 1.0 ? k[0] : shape > 1.0 ? -INFINITY : INFINITY;
}

FR_INLINE double gamma_eval(const double *v, const double *k, unsigned need, double *d)
{
  double x = v[0], shape = v[1], rate = v[2];
  (void)need;
  if (!(x >= 0.0 && x < INFINITY)) return fr_outside_clear(x, k[0] + k[1], 3, d);
  if (x == 0.0) return gamma_at_zero(shape, rate, k, d);
  double log_x = log(x), m = rate * x;
  d[0] = (shape - 1.0) / x - rate;
  d[1] = k[0] + log_x - k[2];
  d[2] = shape / rate - x;
  if (shape < FR_SADDLE_SHAPE) return k[1] + shape * k[0] + (shape - 1.0) * log_x - m;
  return k[1] - log_x + fr_deviance(shape, m, k[0] + log_x);
}

FR_ROWS(gamma, 2, 3)

FR_SAMPLE(gamma)
{
  FR_UNUSED_SHAPE;
  *out = arg[0][0] > 0.0 && arg[1][0] > 0.0 ? exp(fr_rng_log_gamma(rng, arg[0][0]) - log(arg[1][0])) : NAN;
}

FR_MEAN(gamma)
{
  FR_UNUSED_SHAPE;
  *out = arg[0][0] > 0.0 && arg[1][0] > 0.0 ? arg[0][0] / arg[1][0] : NAN;
}

const fr_dist fr_dist_gamma = {
  .name = "gamma", .n_args = 2, .arg = {FR_ARG_POSITIVE("shape"), FR_ARG_POSITIVE("rate")},
  .support = FR_SUP_POSITIVE, .lower_arg = -1, .upper_arg = -1, .size_arg = -1,
  .rows = gamma_rows, .sample = gamma_sample, .mean = gamma_mean
};

FR_INLINE double inverse_gamma_eval(const double *v, const double *k, unsigned need, double *d)
{
  double x = v[0], shape = v[1], scale = v[2];
  (void)need;
  if (!(x > 0.0 && x < INFINITY)) return fr_outside_clear(x, k[0] + k[1], 3, d);
  double log_x = log(x), m = scale / x;
  d[0] = (m - (shape + 1.0)) / x;
  d[1] = k[0] - log_x - k[2];
  d[2] = shape / scale - 1.0 / x;
  if (shape < FR_SADDLE_SHAPE) return k[1] + shape * k[0] - (shape + 1.0) * log_x - m;
  return k[1] - log_x + fr_deviance(shape, m, k[0] - log_x);
}

#define inverse_gamma_prep gamma_prep
FR_ROWS(inverse_gamma, 2, 3)

FR_SAMPLE(inverse_gamma)
{
  FR_UNUSED_SHAPE;
  *out = arg[0][0] > 0.0 && arg[1][0] > 0.0 ? exp(log(arg[1][0]) - fr_rng_log_gamma(rng, arg[0][0])) : NAN;
}

FR_MEAN(inverse_gamma)
{
  FR_UNUSED_SHAPE;
  *out = !(arg[0][0] > 0.0 && arg[1][0] > 0.0) ? NAN : arg[0][0] > 1.0 ? arg[1][0] / (arg[0][0] - 1.0) : INFINITY;
}

const fr_dist fr_dist_inverse_gamma = {
  .name = "inverse_gamma", .n_args = 2, .arg = {FR_ARG_POSITIVE("shape"), FR_ARG_POSITIVE("scale")},
  .support = FR_SUP_POSITIVE, .lower_arg = -1, .upper_arg = -1, .size_arg = -1,
  .rows = inverse_gamma_rows, .sample = inverse_gamma_sample, .mean = inverse_gamma_mean
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

const fr_dist fr_dist_pareto = {
  .name = "pareto", .n_args = 2, .arg = {FR_ARG_POSITIVE("scale"), FR_ARG_POSITIVE("shape")},
  .support = FR_SUP_BOUNDED, .lower_arg = 0, .upper_arg = -1, .size_arg = -1,
  .rows = pareto_rows, .sample = pareto_sample, .mean = pareto_mean
};
