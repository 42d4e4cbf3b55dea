/* dist_gamma.c: the gamma family: gamma, inverse_gamma, chi_square, scaled_inv_chi_square. Supports and edges as
 * in dist_positive.c. */
#include "dist_lanes.h"
#include "dist_list.h"
#include "saddle.h"

/* ---- gamma(shape, rate) and inverse_gamma(shape, scale) ----
 * Both are the density of a Gamma(shape, 1) variable m (rate x, or scale / x), times m's own derivative. For
 * shapes above FR_SADDLE_SHAPE, where shape log(m) and log Gamma(shape) cancel, it is
 * deviance(shape, m) + log(shape) / 2 - log(2 pi) / 2 - Stirling's error.
 *
 * k[0] log of rate or scale, k[1] what depends on the shape alone, k[2] digamma(shape), k[3] log(shape) */

FR_INLINE void gamma_prep(const double *v, unsigned which, unsigned need, double *k)
{
  double shape = v[1];
  if (which & FR_V(2)) k[0] = fr_lane_log_positive(v[2]);
  if (!(which & FR_V(1))) return;
  k[3] = fr_lane_log(shape);
  double large = 0.5 * k[3] - FR_LOG_SQRT_2PI - fr_stirling_series(1.0 / shape);
  k[1] = fr_pick(fr_mask_negative(shape - FR_SADDLE_SHAPE), -fr_lane_lgamma(shape), large);
  k[1] = fr_nan_where(fr_mask_not_positive(shape), k[1]);
  if (need & FR_V(1)) k[2] = fr_lane_digamma(shape);
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

FR_INLINE double gamma_lanes(const double *v, const double *k, double *d, uint64_t *odd)
{
  double x = v[0], shape = v[1], rate = v[2], log_x = fr_lane_log(x), m = rate * x;
  double small = shape * k[0] + (shape - 1.0) * log_x - m, large = fr_lane_deviance(shape, k[3], m, k[0] + log_x) - log_x;
  *odd = fr_mask_log_special(x);
  d[0] = (shape - 1.0) / x - rate;
  d[1] = k[0] + log_x - k[2];
  d[2] = shape / rate - x;
  return k[1] + fr_pick(fr_mask_negative(shape - FR_SADDLE_SHAPE), small, large);
}

FR_ROWS_LANES(gamma, 2, 4, FR_V(1) | FR_V(2))

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

/* Of x with the density above; arg as the table has it, less the partial in the shape. */
static double gamma_cdf(double x, const double *arg, int upper, double *d)
{
  double v[3] = {x, arg[0], arg[1]}, k[4] = {0}, p[3];
  if (!(arg[0] > 0.0 && arg[1] > 0.0)) return NAN;
  if (x <= 0.0) return fr_cdf_outside(upper, 3, d);
  gamma_prep(v, FR_V(1) | FR_V(2), 0, k);
  double lp = fr_log_pgamma(arg[1] * x, arg[0], upper);
  d[0] = exp(gamma_eval(v, k, 0, p) - lp) * (upper ? -1.0 : 1.0);
  d[1] = 0.0;
  d[2] = d[0] * x / arg[1];
  return lp;
}

const fr_dist fr_dist_gamma = {
  .name = "gamma", .n_args = 2, .arg = {FR_ARG_POSITIVE("shape"), FR_ARG_POSITIVE("rate")},
  .support = FR_SUP_POSITIVE, .lower_arg = -1, .upper_arg = -1, .size_arg = -1,
  .rows = gamma_rows, .sample = gamma_sample, .mean = gamma_mean, .cdf = gamma_cdf, .cdf_partials = 2
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
FR_ROWS(inverse_gamma, 2, 4)

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

/* The tails of scale / x, swapped. */
static double inverse_gamma_cdf(double x, const double *arg, int upper, double *d)
{
  double v[3] = {x, arg[0], arg[1]}, k[4] = {0}, p[3];
  if (!(arg[0] > 0.0 && arg[1] > 0.0)) return NAN;
  if (x <= 0.0) return fr_cdf_outside(upper, 3, d);
  inverse_gamma_prep(v, FR_V(1) | FR_V(2), 0, k);
  double lp = fr_log_pgamma(arg[1] / x, arg[0], !upper);
  d[0] = exp(inverse_gamma_eval(v, k, 0, p) - lp) * (upper ? -1.0 : 1.0);
  d[1] = 0.0;
  d[2] = -d[0] * x / arg[1];
  return lp;
}

const fr_dist fr_dist_inverse_gamma = {
  .name = "inverse_gamma", .n_args = 2, .arg = {FR_ARG_POSITIVE("shape"), FR_ARG_POSITIVE("scale")},
  .support = FR_SUP_POSITIVE, .lower_arg = -1, .upper_arg = -1, .size_arg = -1,
  .rows = inverse_gamma_rows, .sample = inverse_gamma_sample, .mean = inverse_gamma_mean,
  .cdf = inverse_gamma_cdf, .cdf_partials = 2
};

/* ---- chi_square(df): gamma(df / 2, 1 / 2) ---- */

FR_INLINE void chi_square_prep(const double *v, unsigned which, unsigned need, double *k)
{
  double g[3] = {v[0], 0.5 * v[1], 0.5};
  gamma_prep(g, which & FR_V(1) ? FR_V(1) | FR_V(2) : 0u, need, k);
}

FR_INLINE double chi_square_eval(const double *v, const double *k, unsigned need, double *d)
{
  double g[3] = {v[0], 0.5 * v[1], 0.5}, p[3], lp = gamma_eval(g, k, need, p);
  d[0] = p[0];
  d[1] = 0.5 * p[1];
  return lp;
}

FR_ROWS(chi_square, 1, 4)

FR_SAMPLE(chi_square)
{
  FR_UNUSED_SHAPE;
  *out = arg[0][0] > 0.0 ? 2.0 * exp(fr_rng_log_gamma(rng, 0.5 * arg[0][0])) : NAN;
}

FR_MEAN(chi_square)
{
  FR_UNUSED_SHAPE;
  *out = arg[0][0] > 0.0 ? arg[0][0] : NAN;
}

static double chi_square_cdf(double x, const double *arg, int upper, double *d)
{
  double p[3], lp = gamma_cdf(x, (const double[]){0.5 * arg[0], 0.5}, upper, p);
  d[0] = p[0];
  d[1] = 0.0;
  return lp;
}

const fr_dist fr_dist_chi_square = {
  .name = "chi_square", .n_args = 1, .arg = {FR_ARG_POSITIVE("df")},
  .support = FR_SUP_POSITIVE, .lower_arg = -1, .upper_arg = -1, .size_arg = -1,
  .rows = chi_square_rows, .sample = chi_square_sample, .mean = chi_square_mean, .cdf = chi_square_cdf
};

/* ---- scaled_inv_chi_square(df, scale): inverse_gamma(df / 2, df scale^2 / 2) ---- */

FR_INLINE void scaled_inv_chi_square_prep(const double *v, unsigned which, unsigned need, double *k)
{
  double g[3] = {v[0], 0.5 * v[1], 0.0};
  if (which & (FR_V(1) | FR_V(2))) k[0] = fr_log_positive(g[1]) + 2.0 * fr_log_positive(v[2]);
  gamma_prep(g, which & FR_V(1), need, k);
}

FR_INLINE double scaled_inv_chi_square_eval(const double *v, const double *k, unsigned need, double *d)
{
  double df = v[1], s = v[2], g[3] = {v[0], 0.5 * df, 0.5 * df * s * s}, p[3], lp = inverse_gamma_eval(g, k, need, p);
  d[0] = p[0];
  d[1] = 0.5 * (p[1] + s * s * p[2]);
  d[2] = df * s * p[2];
  return lp;
}

FR_ROWS(scaled_inv_chi_square, 2, 4)

FR_SAMPLE(scaled_inv_chi_square)
{
  double df = arg[0][0], s = arg[1][0];
  FR_UNUSED_SHAPE;
  *out = df > 0.0 && s > 0.0 ? exp(log(0.5 * df) + 2.0 * log(s) - fr_rng_log_gamma(rng, 0.5 * df)) : NAN;
}

FR_MEAN(scaled_inv_chi_square)
{
  double df = arg[0][0], s = arg[1][0];
  FR_UNUSED_SHAPE;
  *out = !(df > 0.0 && s > 0.0) ? NAN : df > 2.0 ? s * (df / (df - 2.0)) * s : INFINITY;
}

static double scaled_inv_chi_square_cdf(double x, const double *arg, int upper, double *d)
{
  double df = arg[0], s = arg[1], p[3], lp;
  if (!(df > 0.0 && s > 0.0)) return NAN;
  lp = inverse_gamma_cdf(x, (const double[]){0.5 * df, 0.5 * df * s * s}, upper, p);
  d[0] = p[0];
  d[1] = 0.0;
  d[2] = df * s * p[2];
  return lp;
}

const fr_dist fr_dist_scaled_inv_chi_square = {
  .name = "scaled_inv_chi_square", .n_args = 2, .arg = {FR_ARG_POSITIVE("df"), FR_ARG_POSITIVE("scale")},
  .support = FR_SUP_POSITIVE, .lower_arg = -1, .upper_arg = -1, .size_arg = -1,
  .rows = scaled_inv_chi_square_rows, .sample = scaled_inv_chi_square_sample, .mean = scaled_inv_chi_square_mean,
  .cdf = scaled_inv_chi_square_cdf, .cdf_partials = 2
};
