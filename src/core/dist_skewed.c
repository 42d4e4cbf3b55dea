/* dist_skewed.c: skewed distributions on the real line, and one of angles: asymmetric_laplace, gumbel,
 * skew_normal, exp_mod_normal, von_mises. */
#include "dist_rows.h"
#include "dist_list.h"
#include "special.h"

#define FR_EULER 0.577215664901532860606512090082

/* ---- asymmetric_laplace(loc, scale, asymmetry) ----
 * exp(-(x - loc) / right) above loc and exp((x - loc) / left) below, over left + right, where
 * left = scale asymmetry and right = scale / asymmetry. */

FR_INLINE void asymmetric_laplace_prep(const double *v, unsigned which, unsigned need, double *k)
{
  (void)need;
  if (!(which & (FR_V(2) | FR_V(3)))) return;
  double a = v[3];
  k[0] = fr_reciprocal(v[2]);
  k[1] = -fr_log_positive(v[2]) - fr_log_positive(a) - log(1.0 / (a * a) + 1.0);
}

FR_INLINE double asymmetric_laplace_eval(const double *v, const double *k, unsigned need, double *d)
{
  double a = v[3], z = (v[0] - v[1]) * k[0], side = z < 0.0 ? -1.0 / a : a, aa = a * a;
  (void)need;
  d[1] = side * k[0];
  d[0] = -d[1];
  d[2] = (z * side - 1.0) * k[0];
  d[3] = (z < 0.0 ? -z / aa : -z) - (aa > 1.0 ? (1.0 - 1.0 / aa) / (1.0 + 1.0 / aa) : (aa - 1.0) / (aa + 1.0)) / a;
  if (z == 0.0) d[0] = d[1] = 0.0;
  return k[1] - z * side;
}

FR_ROWS(asymmetric_laplace, 3, 2)

/* The right part has right / (left + right) of the mass. */
FR_SAMPLE(asymmetric_laplace)
{
  double scale = arg[1][0], a = arg[2][0];
  FR_UNUSED_SHAPE;
  double e = fr_rng_exponential(rng), u = fr_rng_uniform(rng);
  *out = scale >= 0.0 && a > 0.0 ? arg[0][0] + (u * (1.0 + a * a) < 1.0 ? e * scale / a : -e * scale * a) : NAN;
}

FR_MEAN(asymmetric_laplace)
{
  FR_UNUSED_SHAPE;
  *out = arg[1][0] >= 0.0 && arg[2][0] > 0.0 ? arg[0][0] + arg[1][0] * (1.0 / arg[2][0] - arg[2][0]) : NAN;
}

static double asymmetric_laplace_cdf(double x, const double *arg, int upper, double *d)
{
  double scale = arg[1], a = arg[2], aa = a * a, z = (x - arg[0]) / scale;
  double log_left = aa > 1.0 ? -log1p(1.0 / aa) : log(aa) - log1p(aa), log_right = aa > 1.0 ? -log(aa) - log1p(1.0 / aa) : -log1p(aa);
  /* the mass beyond x on its own side, and the partials of its logarithm */
  double beyond = z < 0.0 ? log_left + z / a : log_right - z * a;
  double dz = z < 0.0 ? 1.0 / a : -a, da = z < 0.0 ? 2.0 / (a * (1.0 + aa)) - z / aa : -2.0 * a / (1.0 + aa) - z, lp = beyond;
  if ((z < 0.0) == (upper != 0)) { /* the other tail: log(1 - exp(beyond)) */
    lp = fr_log1m_exp(beyond);
    double w = -exp(beyond - lp);
    dz *= w;
    da *= w;
  }
  d[0] = dz / scale;
  d[1] = -d[0];
  d[2] = -z * d[0];
  d[3] = da;
  return scale > 0.0 && a > 0.0 ? lp : NAN;
}

const fr_dist fr_dist_asymmetric_laplace = {
  .name = "asymmetric_laplace", .n_args = 3, .arg = {FR_ARG_REAL("loc"), FR_ARG_POSITIVE("scale"), FR_ARG_POSITIVE("asymmetry")},
  .support = FR_SUP_REAL, .lower_arg = -1, .upper_arg = -1, .size_arg = -1,
  .rows = asymmetric_laplace_rows, .sample = asymmetric_laplace_sample, .mean = asymmetric_laplace_mean,
  .cdf = asymmetric_laplace_cdf, .cdf_partials = 7
};

/* ---- gumbel(loc, scale): of maxima; exp(-z - exp(-z)) ---- */

FR_INLINE void gumbel_prep(const double *v, unsigned which, unsigned need, double *k)
{
  (void)need;
  if (!(which & FR_V(2))) return;
  k[0] = fr_reciprocal(v[2]);
  k[1] = -fr_log_positive(v[2]);
}

FR_INLINE double gumbel_eval(const double *v, const double *k, unsigned need, double *d)
{
  double z = (v[0] - v[1]) * k[0], e = exp(-z), slope = -expm1(-z);
  (void)need;
  d[1] = slope * k[0];
  d[0] = -d[1];
  d[2] = (z * slope - 1.0) * k[0];
  return z == -INFINITY ? -INFINITY : k[1] - z - e;
}

FR_ROWS(gumbel, 2, 2)

FR_SAMPLE(gumbel)
{
  FR_UNUSED_SHAPE;
  *out = arg[1][0] >= 0.0 ? arg[0][0] - arg[1][0] * log(fr_rng_exponential(rng)) : NAN;
}

FR_MEAN(gumbel)
{
  FR_UNUSED_SHAPE;
  *out = arg[1][0] >= 0.0 ? arg[0][0] + arg[1][0] * FR_EULER : NAN;
}

static double gumbel_cdf(double x, const double *arg, int upper, double *d)
{
  double scale = arg[1], z = (x - arg[0]) / scale, e = exp(-z), lp = upper ? fr_log1m_exp(-e) : -e;
  d[0] = (upper ? -exp(-z - e - lp) : e) / scale;
  d[1] = -d[0];
  d[2] = -z * d[0];
  return scale > 0.0 ? lp : NAN;
}

const fr_dist fr_dist_gumbel = {
  .name = "gumbel", .n_args = 2, .arg = {FR_ARG_REAL("loc"), FR_ARG_POSITIVE("scale")},
  .support = FR_SUP_REAL, .lower_arg = -1, .upper_arg = -1, .size_arg = -1,
  .rows = gumbel_rows, .sample = gumbel_sample, .mean = gumbel_mean, .cdf = gumbel_cdf, .cdf_partials = 3
};

/* ---- skew_normal(loc, scale, shape): 2 phi(z) Phi(shape z) / scale (Azzalini 1985) ---- */

FR_INLINE void skew_normal_prep(const double *v, unsigned which, unsigned need, double *k)
{
  (void)need;
  if (!(which & FR_V(2))) return;
  k[0] = fr_reciprocal(v[2]);
  k[1] = FR_LN_2 - FR_LOG_SQRT_2PI - fr_log_positive(v[2]);
}

FR_INLINE double skew_normal_eval(const double *v, const double *k, unsigned need, double *d)
{
  double z = (v[0] - v[1]) * k[0], t = v[3] == 0.0 && z == z ? 0.0 : v[3] * z, mills = fr_mills(t);
  double dz = -z + v[3] * mills;
  (void)need;
  d[0] = dz * k[0];
  d[1] = -d[0];
  d[2] = -(1.0 + z * dz) * k[0];
  d[3] = z * mills;
  return k[1] - 0.5 * z * z + fr_log_pnorm(t);
}

FR_ROWS(skew_normal, 3, 2)

FR_SAMPLE(skew_normal)
{
  double delta = arg[2][0] / hypot(1.0, arg[2][0]), other = 1.0 / hypot(1.0, arg[2][0]);
  FR_UNUSED_SHAPE;
  double half = fabs(fr_rng_normal(rng)), normal = fr_rng_normal(rng);
  *out = arg[1][0] >= 0.0 ? arg[0][0] + arg[1][0] * (delta * half + other * normal) : NAN;
}

FR_MEAN(skew_normal)
{
  FR_UNUSED_SHAPE;
  *out = arg[1][0] >= 0.0 ? arg[0][0] + arg[1][0] * FR_SQRT_2_OVER_PI * arg[2][0] / hypot(1.0, arg[2][0]) : NAN;
}

const fr_dist fr_dist_skew_normal = {
  .name = "skew_normal", .n_args = 3, .arg = {FR_ARG_REAL("loc"), FR_ARG_POSITIVE("scale"), FR_ARG_REAL("shape")},
  .support = FR_SUP_REAL, .lower_arg = -1, .upper_arg = -1, .size_arg = -1,
  .rows = skew_normal_rows, .sample = skew_normal_sample, .mean = skew_normal_mean
};

/* ---- exp_mod_normal(loc, scale, rate): a normal(loc, scale) plus an exponential(rate) ----
 * log(rate) - rate (x - loc) + (rate scale)^2 / 2 + log Phi(t), t = z - rate scale. Where t is far below 0 the
 * last two cancel; log Phi(t) + t^2 / 2 is one number then, and the rest is -z^2 / 2. */

FR_INLINE double exp_mod_normal_eval(const double *v, const double *k, unsigned need, double *d)
{
  double scale = v[2], rate = v[3], z = (v[0] - v[1]) / scale, s = rate * scale, t = z - s, up = fr_mills_excess(t);
  (void)k, (void)need;
  if (!(scale > 0.0 && rate > 0.0)) return fr_outside_clear(NAN, NAN, 4, d);
  /* of log(rate) - z^2 / 2 + (log Phi(t) + t^2 / 2) */
  d[0] = (up - z) / scale;
  d[1] = -d[0];
  d[2] = -z * d[0] - rate * up;
  d[3] = 1.0 / rate - scale * up;
  if (isinf(z)) return fr_outside_clear(z, z, 4, d);
  if (t < 0.0) return log(rate) - 0.5 * z * z + fr_log_scaled_pnorm(t);
  return log(rate) - s * (z - 0.5 * s) + fr_log_pnorm(t);
}

FR_ROWS_PLAIN(exp_mod_normal, 3)

FR_SAMPLE(exp_mod_normal)
{
  FR_UNUSED_SHAPE;
  double z = fr_rng_normal(rng), e = fr_rng_exponential(rng);
  *out = arg[1][0] >= 0.0 && arg[2][0] > 0.0 ? arg[0][0] + arg[1][0] * z + e / arg[2][0] : NAN;
}

FR_MEAN(exp_mod_normal)
{
  FR_UNUSED_SHAPE;
  *out = arg[1][0] >= 0.0 && arg[2][0] > 0.0 ? arg[0][0] + 1.0 / arg[2][0] : NAN;
}

/* S(x) = Phi(-z) + f(x) / rate and F(x) = Phi(z) - f(x) / rate, f the density. */
static double exp_mod_normal_cdf(double x, const double *arg, int upper, double *d)
{
  double v[4] = {x, arg[0], arg[1], arg[2]}, p[4];
  double log_f = exp_mod_normal_eval(v, NULL, 0, p), scale = arg[1], rate = arg[2], z = (x - arg[0]) / scale;
  double log_g = log_f - log(rate), log_n = fr_log_pnorm(upper ? -z : z), lp;
  lp = upper ? (log_n > log_g ? log_n + log1p(exp(log_g - log_n)) : log_g + log1p(exp(log_n - log_g)))
             : log_n + fr_log1m_exp(log_g < log_n ? log_g - log_n : 0.0);
  double n = exp(-0.5 * z * z - FR_LOG_SQRT_2PI - lp), g = exp(log_g - lp), sign = upper ? -1.0 : 1.0;
  d[0] = sign * exp(log_f - lp);
  d[1] = -d[0];
  d[2] = sign * (-n * z / scale - g * p[2]);
  d[3] = -sign * g * (p[3] - 1.0 / rate);
  return lp;
}

const fr_dist fr_dist_exp_mod_normal = {
  .name = "exp_mod_normal", .n_args = 3, .arg = {FR_ARG_REAL("loc"), FR_ARG_POSITIVE("scale"), FR_ARG_POSITIVE("rate")},
  .support = FR_SUP_REAL, .lower_arg = -1, .upper_arg = -1, .size_arg = -1,
  .rows = exp_mod_normal_rows, .sample = exp_mod_normal_sample, .mean = exp_mod_normal_mean,
  .cdf = exp_mod_normal_cdf, .cdf_partials = 7
};

/* ---- von_mises(loc, concentration): exp(k (cos(x - loc) - 1)) / (2 pi I0(k) exp(-k)) ---- */

FR_INLINE void von_mises_prep(const double *v, unsigned which, unsigned need, double *k)
{
  if (!(which & FR_V(2))) return;
  k[0] = v[2] > 0.0 ? -FR_LOG_2PI - fr_log_bessel_i0(v[2]) : NAN;
  k[1] = need & FR_V(2) && v[2] > 0.0 ? fr_bessel_ratio(v[2]) : 0.0;
}

/* cos(x) - 1 = -2 sin(x / 2)^2; k[1] is 1 - I1 / I0 */
FR_INLINE double von_mises_eval(const double *v, const double *k, unsigned need, double *d)
{
  double x = v[0] - v[1], half = sin(0.5 * x), drop = 2.0 * half * half;
  (void)need;
  if (isinf(x)) return fr_outside_clear(x, k[0], 3, d);
  d[1] = v[2] * sin(x);
  d[0] = -d[1];
  d[2] = k[1] - drop;
  return k[0] - v[2] * drop;
}

FR_ROWS(von_mises, 2, 2)

/* Best and Fisher (1979), "Efficient simulation of the von Mises distribution", Applied Statistics 28. With a
 * large concentration their r is 1 + O(1 / k), taken as such; the draw lies within pi of loc. */
FR_SAMPLE(von_mises)
{
  double k = arg[1][0], f;
  FR_UNUSED_SHAPE;
  *out = NAN;
  if (!(k > 0.0) || arg[0][0] != arg[0][0]) return;
  if (k > 1e8) { /* normal to rounding */
    *out = arg[0][0] + fr_rng_normal(rng) / sqrt(k);
    return;
  }
  double tau = 1.0 + sqrt(1.0 + 4.0 * k * k), rho = (tau - sqrt(2.0 * tau)) / (2.0 * k);
  double r = k < 1e-5 ? 1.0 / k : (1.0 + rho * rho) / (2.0 * rho);
  for (;;) {
    double z = cos(FR_PI * fr_rng_uniform(rng));
    f = (1.0 + r * z) / (r + z);
    double c = k * (r - f), u = fr_rng_uniform(rng);
    if (c * (2.0 - c) - u > 0.0 || log(c / u) + 1.0 - c >= 0.0) break;
  }
  double angle = acos(f > 1.0 ? 1.0 : f < -1.0 ? -1.0 : f);
  *out = arg[0][0] + (fr_rng_uniform(rng) < 0.5 ? -angle : angle);
}

/* The mean direction. */
FR_MEAN(von_mises)
{
  FR_UNUSED_SHAPE;
  *out = arg[1][0] > 0.0 ? arg[0][0] : NAN;
}

const fr_dist fr_dist_von_mises = {
  .name = "von_mises", .n_args = 2, .arg = {FR_ARG_REAL("loc"), FR_ARG_POSITIVE("concentration")},
  .support = FR_SUP_REAL, .lower_arg = -1, .upper_arg = -1, .size_arg = -1,
  .rows = von_mises_rows, .sample = von_mises_sample, .mean = von_mises_mean
};
