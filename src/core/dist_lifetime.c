/* dist_lifetime.c: distributions of lifetimes and of what is like them: weibull, frechet, rayleigh,
 * inverse_gaussian. Supports and edges as in dist_positive.c. */
#include "dist_rows.h"
#include "dist_list.h"

/* ---- weibull(shape, scale) and frechet(shape, scale) ----
 * With w = shape log(x / scale), or -w for frechet: log(shape / x) + w - exp(w). */

/* w - exp(w), whose terms may both be infinite */
FR_INLINE double less_exp(double w) { return w > 710.0 ? -INFINITY : w - exp(w); }

FR_INLINE void weibull_prep(const double *v, unsigned which, unsigned need, double *k)
{
  (void)need;
  if (which & FR_V(1)) k[0] = fr_log_positive(v[1]);
  if (which & FR_V(2)) k[1] = fr_log_positive(v[2]);
}

/* At 0 the density is that of a power, as gamma's. */
static double weibull_at_zero(double shape, double scale, const double *k, double *d)
{
  d[0] = shape == 1.0 ? -1.0 / scale : shape > 1.0 ? INFINITY : -INFINITY;
  d[1] = -INFINITY;
  d[2] = -shape / scale;
  if (k[0] + k[1] != k[0] + k[1]) return NAN;
  return shape == 1.0 ? -k[1] : shape > 1.0 ? -INFINITY : INFINITY;
}

FR_INLINE double weibull_eval(const double *v, const double *k, unsigned need, double *d)
{
  double x = v[0], shape = v[1], scale = v[2];
  (void)need;
  if (!(x >= 0.0 && x < INFINITY)) return fr_outside_clear(x, k[0] + k[1], 3, d);
  if (x == 0.0) return weibull_at_zero(shape, scale, k, d);
  double log_x = log(x), log_ratio = log_x - k[1], w = shape * log_ratio, slope = -expm1(w);
  d[0] = (shape * slope - 1.0) / x;
  d[1] = 1.0 / shape + log_ratio * slope;
  d[2] = -shape * slope / scale;
  return k[0] - log_x + less_exp(w);
}

FR_ROWS(weibull, 2, 2)

FR_SAMPLE(weibull)
{
  FR_UNUSED_SHAPE;
  double e = fr_rng_exponential(rng);
  *out = arg[0][0] > 0.0 && arg[1][0] > 0.0 ? arg[1][0] * exp(log(e) / arg[0][0]) : NAN;
}

FR_MEAN(weibull)
{
  FR_UNUSED_SHAPE;
  *out = arg[0][0] > 0.0 && arg[1][0] > 0.0 ? arg[1][0] * exp(fr_lgamma(1.0 + 1.0 / arg[0][0])) : NAN;
}

static double weibull_cdf(double x, const double *arg, int upper, double *d)
{
  double shape = arg[0], scale = arg[1];
  if (!(shape > 0.0 && scale > 0.0)) return NAN;
  if (x <= 0.0) return fr_cdf_outside(upper, 3, d);
  double log_ratio = log(x / scale), h = exp(shape * log_ratio);
  d[0] = -shape * h / x;
  d[1] = -log_ratio * h;
  d[2] = shape * h / scale;
  return upper ? -h : fr_cdf_complement(-h, 3, d);
}

const fr_dist fr_dist_weibull = {
  .name = "weibull", .n_args = 2, .arg = {FR_ARG_POSITIVE("shape"), FR_ARG_POSITIVE("scale")},
  .support = FR_SUP_POSITIVE, .lower_arg = -1, .upper_arg = -1, .size_arg = -1,
  .rows = weibull_rows, .sample = weibull_sample, .mean = weibull_mean, .cdf = weibull_cdf, .cdf_partials = 3
};

FR_INLINE double frechet_eval(const double *v, const double *k, unsigned need, double *d)
{
  double x = v[0], shape = v[1], scale = v[2];
  (void)need;
  if (!(x > 0.0 && x < INFINITY)) return fr_outside_clear(x, k[0] + k[1], 3, d);
  double log_x = log(x), log_ratio = log_x - k[1], w = -shape * log_ratio, slope = -expm1(w);
  d[0] = -(shape * slope + 1.0) / x;
  d[1] = 1.0 / shape - log_ratio * slope;
  d[2] = shape * slope / scale;
  return k[0] - log_x + less_exp(w);
}

#define frechet_prep weibull_prep
FR_ROWS(frechet, 2, 2)

FR_SAMPLE(frechet)
{
  FR_UNUSED_SHAPE;
  double e = fr_rng_exponential(rng);
  *out = arg[0][0] > 0.0 && arg[1][0] > 0.0 ? arg[1][0] * exp(-log(e) / arg[0][0]) : NAN;
}

FR_MEAN(frechet)
{
  double shape = arg[0][0], scale = arg[1][0];
  FR_UNUSED_SHAPE;
  *out = !(shape > 0.0 && scale > 0.0) ? NAN : shape > 1.0 ? scale * exp(fr_lgamma(1.0 - 1.0 / shape)) : INFINITY;
}

static double frechet_cdf(double x, const double *arg, int upper, double *d)
{
  double shape = arg[0], scale = arg[1];
  if (!(shape > 0.0 && scale > 0.0)) return NAN;
  if (x <= 0.0) return fr_cdf_outside(upper, 3, d);
  double log_ratio = log(x / scale), h = exp(-shape * log_ratio);
  d[0] = shape * h / x;
  d[1] = log_ratio * h;
  d[2] = -shape * h / scale;
  return upper ? fr_cdf_complement(-h, 3, d) : -h;
}

const fr_dist fr_dist_frechet = {
  .name = "frechet", .n_args = 2, .arg = {FR_ARG_POSITIVE("shape"), FR_ARG_POSITIVE("scale")},
  .support = FR_SUP_POSITIVE, .lower_arg = -1, .upper_arg = -1, .size_arg = -1,
  .rows = frechet_rows, .sample = frechet_sample, .mean = frechet_mean, .cdf = frechet_cdf, .cdf_partials = 3
};

/* ---- rayleigh(scale): x exp(-z^2 / 2) / scale^2, z = x / scale ---- */

FR_INLINE void rayleigh_prep(const double *v, unsigned which, unsigned need, double *k)
{
  (void)need;
  if (!(which & FR_V(1))) return;
  k[0] = fr_reciprocal(v[1]);
  k[1] = -2.0 * fr_log_positive(v[1]);
}

FR_INLINE double rayleigh_eval(const double *v, const double *k, unsigned need, double *d)
{
  double x = v[0], z = x * k[0];
  (void)need;
  if (!(x >= 0.0 && x < INFINITY)) return fr_outside_clear(x, k[1], 2, d);
  d[0] = 1.0 / x - z * k[0];
  d[1] = (z * z - 2.0) * k[0];
  return k[1] + log(x) - 0.5 * z * z;
}

FR_ROWS(rayleigh, 1, 2)

FR_SAMPLE(rayleigh)
{
  FR_UNUSED_SHAPE;
  *out = arg[0][0] >= 0.0 ? arg[0][0] * sqrt(2.0 * fr_rng_exponential(rng)) : NAN;
}

FR_MEAN(rayleigh)
{
  FR_UNUSED_SHAPE;
  *out = arg[0][0] >= 0.0 ? arg[0][0] * 1.2533141373155002512078826424055 : NAN; /* sqrt(pi / 2) */
}

static double rayleigh_cdf(double x, const double *arg, int upper, double *d)
{
  double scale = arg[0], z = x / scale;
  if (!(scale > 0.0)) return NAN;
  if (x <= 0.0) return fr_cdf_outside(upper, 2, d);
  d[0] = -z / scale;
  d[1] = z * z / scale;
  return upper ? -0.5 * z * z : fr_cdf_complement(-0.5 * z * z, 2, d);
}

const fr_dist fr_dist_rayleigh = {
  .name = "rayleigh", .n_args = 1, .arg = {FR_ARG_POSITIVE("scale")},
  .support = FR_SUP_POSITIVE, .lower_arg = -1, .upper_arg = -1, .size_arg = -1,
  .rows = rayleigh_rows, .sample = rayleigh_sample, .mean = rayleigh_mean, .cdf = rayleigh_cdf, .cdf_partials = 1
};

/* ---- inverse_gaussian(mean, shape) ----
 * (log(shape / x^3) - log 2 pi - shape r^2 / x) / 2, r = (x - mean) / mean; the variance is mean^3 / shape. */

FR_INLINE double inverse_gaussian_eval(const double *v, const double *k, unsigned need, double *d)
{
  double x = v[0], mean = v[1], shape = v[2], r = (x - mean) / mean;
  (void)k, (void)need;
  if (!(mean > 0.0 && shape > 0.0)) return fr_outside_clear(NAN, NAN, 3, d);
  if (!(x > 0.0 && x < INFINITY)) return fr_outside_clear(x, 0.0, 3, d);
  double pull = shape * (r / x) * r;
  d[0] = -1.5 / x - 0.5 * shape / x * ((1.0 + x / mean) * (r / x));
  d[1] = shape * r / (mean * mean);
  d[2] = 0.5 / shape - 0.5 * (r / x) * r;
  return 0.5 * log(shape) - 1.5 * log(x) - FR_LOG_SQRT_2PI - 0.5 * pull;
}

FR_ROWS_PLAIN(inverse_gaussian, 2)

/* Michael, Schucany and Haas (1976), "Generating random variates using transformations with multiple roots",
 * The American Statistician 30; the smaller root as 2 / (2 + y + sqrt(y (4 + y))), which does not cancel. */
FR_SAMPLE(inverse_gaussian)
{
  double mean = arg[0][0], shape = arg[1][0], n = fr_rng_normal(rng), u = fr_rng_uniform(rng);
  FR_UNUSED_SHAPE;
  double y = n * n * (mean / shape), root = 2.0 / (2.0 + y + sqrt(y * (4.0 + y)));
  *out = mean > 0.0 && shape > 0.0 ? mean * (u * (1.0 + root) <= 1.0 ? root : 1.0 / root) : NAN;
}

FR_MEAN(inverse_gaussian)
{
  FR_UNUSED_SHAPE;
  *out = arg[0][0] > 0.0 && arg[1][0] > 0.0 ? arg[0][0] : NAN;
}

/* With a = sqrt(shape / x) r, b = -sqrt(shape / x) (x / mean + 1) and c = 2 shape / mean:
 * F = Phi(a) + exp(c) Phi(b), S = Phi(-a) - exp(c) Phi(b), where exp(c) phi(b) = phi(a). */
static double inverse_gaussian_cdf(double x, const double *arg, int upper, double *d)
{
  double mean = arg[0], shape = arg[1];
  if (!(mean > 0.0 && shape > 0.0)) return NAN;
  if (x <= 0.0) return fr_cdf_outside(upper, 3, d);
  double root = sqrt(shape / x), a = root * ((x - mean) / mean), b = -root * (x / mean + 1.0), c = 2.0 * shape / mean;
  /* exp(c) Phi(b) = phi(a) Phi(b) / phi(b) */
  double log_phi = -0.5 * a * a - FR_LOG_SQRT_2PI, log_second = log_phi - log(fr_mills(b));
  double log_first = fr_log_pnorm(upper ? -a : a), lp;
  if (upper) lp = log_first + fr_log1m_exp(log_second < log_first ? log_second - log_first : 0.0);
  else if (log_first > log_second) lp = log_first + log1p(exp(log_second - log_first));
  else lp = log_second + log1p(exp(log_first - log_second));
  double sign = upper ? -1.0 : 1.0, phi = exp(log_phi - lp), second = exp(log_second - lp);
  double log_f = 0.5 * log(shape) - 1.5 * log(x) + log_phi;
  d[0] = sign * exp(log_f - lp);
  /* phi(a) (a' + b') + exp(c) Phi(b) c'; a' and b' cancel for the mean */
  d[1] = -sign * second * c / mean;
  d[2] = sign * (phi * 0.5 * (a + b) / shape + second * 2.0 / mean);
  return lp;
}

const fr_dist fr_dist_inverse_gaussian = {
  .name = "inverse_gaussian", .n_args = 2, .arg = {FR_ARG_POSITIVE("mean"), FR_ARG_POSITIVE("shape")},
  .support = FR_SUP_POSITIVE, .lower_arg = -1, .upper_arg = -1, .size_arg = -1,
  .rows = inverse_gaussian_rows, .sample = inverse_gaussian_sample, .mean = inverse_gaussian_mean,
  .cdf = inverse_gaussian_cdf, .cdf_partials = 3
};
