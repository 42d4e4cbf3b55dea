/* dist_real.c: distributions on the real line: normal, student_t (and half_student_t), cauchy, laplace, logistic,
 * flat.
 *
 * Each density is that of z = (x - loc) / scale. With dz the derivative of its logarithm, the partials are
 * dz / scale for x, -dz / scale for loc and -(1 + z dz) / scale for scale. */
#include "dist_rows.h"
#include "dist_list.h"
#include "saddle.h"
#include "special.h"


/* ---- normal(loc, scale) ---- */

FR_INLINE void normal_prep(const double *v, unsigned which, unsigned need, double *k)
{
  (void)need;
  if (!(which & FR_V(2))) return;
  k[0] = fr_reciprocal(v[2]);
  k[1] = -FR_LOG_SQRT_2PI - fr_log_positive(v[2]);
}

FR_INLINE double normal_eval(const double *v, const double *k, unsigned need, double *d)
{
  double z = (v[0] - v[1]) * k[0];
  (void)need;
  d[1] = z * k[0];
  d[0] = -d[1];
  d[2] = (z * z - 1.0) * k[0];
  return k[1] - 0.5 * z * z;
}

FR_ROWS(normal, 2, 2)

FR_SAMPLE(normal)
{
  FR_UNUSED_SHAPE;
  *out = arg[1][0] >= 0.0 ? arg[0][0] + arg[1][0] * fr_rng_normal(rng) : NAN;
}

static void loc_mean(int K, const double *const *arg, double *out, double *work)
{
  FR_UNUSED_SHAPE;
  *out = arg[1][0] >= 0.0 ? arg[0][0] : NAN;
}

static double normal_cdf(double x, const double *arg, int upper, double *d)
{
  double scale = arg[1], z = (x - arg[0]) / scale;
  d[1] = upper ? fr_mills(-z) / scale : -fr_mills(z) / scale;
  d[0] = -d[1];
  d[2] = z * d[1];
  return scale > 0.0 ? fr_log_pnorm(upper ? -z : z) : NAN;
}

const fr_dist fr_dist_normal = {
  .name = "normal", .n_args = 2, .arg = {FR_ARG_REAL("loc"), FR_ARG_POSITIVE("scale")},
  .support = FR_SUP_REAL, .lower_arg = -1, .upper_arg = -1, .size_arg = -1,
  .rows = normal_rows, .sample = normal_sample, .mean = loc_mean, .cdf = normal_cdf, .cdf_partials = 3
};

/* ---- student_t(df, loc, scale) ----
 * With t = z^2 / df the log density is c(df) - log(scale) - (df + 1) / 2 log1p(t). c and its derivative come
 * from series for large df; t small, log1p(t) df is taken as z^2 (1 - t / 2), so that df = Inf is normal. */

FR_INLINE void student_t_prep(const double *v, unsigned which, unsigned need, double *k)
{
  if (which & FR_V(1)) {
    double df = v[1];
    k[0] = df > 0.0 ? fr_lgamma_half(0.5 * df) - FR_LOG_SQRT_2PI : NAN;
    k[1] = fr_reciprocal(df);
    k[2] = need & FR_V(1) ? 0.5 * fr_digamma_half(0.5 * df) : 0.0;
  }
  if (which & FR_V(3)) {
    k[3] = fr_reciprocal(v[3]);
    k[4] = fr_log_positive(v[3]);
  }
}

FR_INLINE double student_t_eval(const double *v, const double *k, unsigned need, double *d)
{
  double df = v[1], z = (v[0] - v[2]) * k[3], zz = z * z, t = k[1] > 0.0 ? zz * k[1] : 0.0;
  double log1p_t, half, dz, z_dz, share;
  if (t <= FR_HUGE_SQUARE) {
    share = t / (1.0 + t);
    log1p_t = log1p(t);
    half = 0.5 * (t < FR_T_SMALL ? zz * (1.0 - 0.5 * t) * (1.0 + k[1]) : (df + 1.0) * log1p_t);
    dz = -(1.0 + k[1]) * z / (1.0 + t);
    z_dz = z * dz;
  } else { /* also for z = NaN */
    share = 1.0;
    log1p_t = 2.0 * log(fabs(z)) - log(df);
    half = 0.5 * (df + 1.0) * log1p_t;
    dz = -(df + 1.0) / z;
    z_dz = -(df + 1.0);
  }
  d[0] = dz * k[3];
  d[1] = 0.0;
  if (need & FR_V(1)) d[1] = k[2] + 0.5 * ((t < FR_T_SERIES ? fr_t_excess(t) : share - log1p_t) + k[1] * share);
  d[2] = -d[0];
  d[3] = -(1.0 + z_dz) * k[3];
  return k[0] - k[4] - half;
}

FR_ROWS(student_t, 3, 5)

FR_SAMPLE(student_t)
{
  double df = arg[0][0], loc = arg[1][0], scale = arg[2][0];
  FR_UNUSED_SHAPE;
  *out = NAN;
  if (!(df > 0.0 && scale >= 0.0)) return;
  double z = fr_rng_normal(rng);
  /* z / sqrt(chi^2 / df), whose root is 1 to rounding for a huge df */
  if (df < 1e30) z *= exp(0.5 * (log(0.5 * df) - fr_rng_log_gamma(rng, 0.5 * df)));
  *out = loc + scale * z;
}

FR_MEAN(student_t)
{
  FR_UNUSED_SHAPE;
  *out = arg[0][0] > 1.0 && arg[2][0] >= 0.0 ? arg[1][0] : NAN;
}

/* log density of z with unit scale */
static double t_log_density(double z, double df)
{
  double v[4] = {z, df, 0.0, 1.0}, k[5], d[4];
  student_t_prep(v, FR_V(1) | FR_V(3), 0, k);
  return student_t_eval(v, k, 0, d);
}

static double student_t_cdf(double x, const double *arg, int upper, double *d)
{
  double df = arg[0], scale = arg[2], z = (x - arg[1]) / scale, p[3];
  double lp = scale > 0.0 ? fr_log_pt(z, df, upper) : NAN;
  fr_cdf_location_scale(z, scale, t_log_density(z, df), lp, upper, p);
  d[0] = p[0];
  d[1] = 0.0;
  d[2] = p[1];
  d[3] = p[2];
  return lp;
}

const fr_dist fr_dist_student_t = {
  .name = "student_t", .n_args = 3, .arg = {FR_ARG_POSITIVE("df"), FR_ARG_REAL("loc"), FR_ARG_POSITIVE("scale")},
  .support = FR_SUP_REAL, .lower_arg = -1, .upper_arg = -1, .size_arg = -1,
  .rows = student_t_rows, .sample = student_t_sample, .mean = student_t_mean, .cdf = student_t_cdf, .cdf_partials = 6
};

/* ---- half_student_t(df, scale): twice a student_t(df, 0, scale) above 0 ---- */

FR_INLINE void half_student_t_prep(const double *v, unsigned which, unsigned need, double *k)
{
  double t[4] = {v[0], v[1], 0.0, v[2]};
  student_t_prep(t, (which & FR_V(1)) | (which & FR_V(2) ? FR_V(3) : 0u), need, k);
}

FR_INLINE double half_student_t_eval(const double *v, const double *k, unsigned need, double *d)
{
  double t[4] = {v[0], v[1], 0.0, v[2]}, p[4];
  if (!(v[0] >= 0.0)) return fr_outside_clear(v[0], k[0] + k[4], 3, d);
  double lp = FR_LN_2 + student_t_eval(t, k, need, p);
  d[0] = p[0];
  d[1] = p[1];
  d[2] = p[3];
  return lp;
}

FR_ROWS(half_student_t, 2, 5)

FR_SAMPLE(half_student_t)
{
  static const double zero = 0.0;
  student_t_sample(K, (const double *const[]){arg[0], &zero, arg[1]}, rng, out, work);
  *out = fabs(*out);
}

/* 2 scale sqrt(df) Gamma((df + 1) / 2) / (Gamma(df / 2) sqrt(pi) (df - 1)) */
FR_MEAN(half_student_t)
{
  double df = arg[0][0], scale = arg[1][0], spread = 1.0 - 1.0 / df;
  FR_UNUSED_SHAPE;
  *out = !(df > 0.0 && scale >= 0.0) ? NAN : df > 1.0 ? scale * FR_SQRT_2_OVER_PI * exp(fr_lgamma_half(0.5 * df)) / spread : INFINITY;
}

/* The lower tail near 0 is that of z^2 / (df + z^2), a Beta(1 / 2, df / 2) variable. */
static double half_student_t_cdf(double x, const double *arg, int upper, double *d)
{
  double df = arg[0], scale = arg[1], z = x / scale, lp;
  if (!(df > 0.0 && scale > 0.0)) return NAN;
  if (x <= 0.0) return fr_cdf_outside(upper, 3, d);
  lp = FR_LN_2 + fr_log_pt(z, df, 1);
  if (!upper) lp = z < 1.0 && df < 1e10 ? fr_log_pbeta(z * z / (df + z * z), 0.5, 0.5 * df, 0) : fr_log1m_exp(lp);
  d[0] = exp(FR_LN_2 + t_log_density(z, df) - lp) * (upper ? -1.0 : 1.0) / scale;
  d[1] = 0.0;
  d[2] = -z * d[0];
  return lp;
}

const fr_dist fr_dist_half_student_t = {
  .name = "half_student_t", .n_args = 2, .arg = {FR_ARG_POSITIVE("df"), FR_ARG_POSITIVE("scale")},
  .support = FR_SUP_POSITIVE, .lower_arg = -1, .upper_arg = -1, .size_arg = -1,
  .rows = half_student_t_rows, .sample = half_student_t_sample, .mean = half_student_t_mean,
  .cdf = half_student_t_cdf, .cdf_partials = 2
};

/* ---- cauchy(loc, scale) ---- */

FR_INLINE void cauchy_prep(const double *v, unsigned which, unsigned need, double *k)
{
  (void)need;
  if (!(which & FR_V(2))) return;
  k[0] = fr_reciprocal(v[2]);
  k[1] = -FR_LOG_PI - fr_log_positive(v[2]);
}

FR_INLINE double cauchy_eval(const double *v, const double *k, unsigned need, double *d)
{
  double z = (v[0] - v[1]) * k[0], zz = z * z;
  (void)need;
  if (!(zz < FR_HUGE_SQUARE)) {
    d[1] = 2.0 / z * k[0];
    d[0] = -d[1];
    d[2] = k[0];
    return k[1] - 2.0 * log(fabs(z));
  }
  d[1] = 2.0 * z / (1.0 + zz) * k[0];
  d[0] = -d[1];
  d[2] = (zz - 1.0) / (zz + 1.0) * k[0];
  return k[1] - log1p(zz);
}

FR_ROWS(cauchy, 2, 2)

FR_SAMPLE(cauchy)
{
  FR_UNUSED_SHAPE;
  *out = arg[1][0] >= 0.0 ? arg[0][0] + arg[1][0] * tan(FR_PI * (fr_rng_uniform(rng) - 0.5)) : NAN;
}

FR_MEAN(cauchy)
{
  FR_UNUSED_SHAPE;
  (void)arg;
  *out = NAN;
}

/* The angle of a tail: atan2 keeps it exact where it is small. */
static double cauchy_cdf(double x, const double *arg, int upper, double *d)
{
  double scale = arg[1], z = (x - arg[0]) / scale, angle = atan2(1.0, upper ? z : -z);
  d[0] = (upper ? -1.0 : 1.0) / ((1.0 + z * z) * scale * angle);
  d[1] = -d[0];
  d[2] = z * d[1];
  return scale > 0.0 ? log(angle) - FR_LOG_PI : NAN;
}

const fr_dist fr_dist_cauchy = {
  .name = "cauchy", .n_args = 2, .arg = {FR_ARG_REAL("loc"), FR_ARG_POSITIVE("scale")},
  .support = FR_SUP_REAL, .lower_arg = -1, .upper_arg = -1, .size_arg = -1,
  .rows = cauchy_rows, .sample = cauchy_sample, .mean = cauchy_mean, .cdf = cauchy_cdf, .cdf_partials = 3
};

/* ---- laplace(loc, scale) ---- */

FR_INLINE void laplace_prep(const double *v, unsigned which, unsigned need, double *k)
{
  (void)need;
  if (!(which & FR_V(2))) return;
  k[0] = fr_reciprocal(v[2]);
  k[1] = -FR_LN_2 - fr_log_positive(v[2]);
}

FR_INLINE double laplace_eval(const double *v, const double *k, unsigned need, double *d)
{
  double z = (v[0] - v[1]) * k[0];
  (void)need;
  d[1] = (double)((z > 0.0) - (z < 0.0)) * k[0];
  d[0] = -d[1];
  d[2] = (fabs(z) - 1.0) * k[0];
  return k[1] - fabs(z);
}

FR_ROWS(laplace, 2, 2)

FR_SAMPLE(laplace)
{
  FR_UNUSED_SHAPE;
  double e = fr_rng_exponential(rng);
  *out = arg[1][0] >= 0.0 ? arg[0][0] + arg[1][0] * (fr_rng_uniform(rng) < 0.5 ? -e : e) : NAN;
}

static double laplace_cdf(double x, const double *arg, int upper, double *d)
{
  double scale = arg[1], z = (x - arg[0]) / scale, beyond = -FR_LN_2 - fabs(z), lp = beyond;
  int other = (z < 0.0) == (upper != 0);
  if (other) lp = fr_log1m_exp(beyond);
  fr_cdf_location_scale(z, scale, beyond, lp, upper, d);
  return scale > 0.0 ? lp : NAN;
}

const fr_dist fr_dist_laplace = {
  .name = "laplace", .n_args = 2, .arg = {FR_ARG_REAL("loc"), FR_ARG_POSITIVE("scale")},
  .support = FR_SUP_REAL, .lower_arg = -1, .upper_arg = -1, .size_arg = -1,
  .rows = laplace_rows, .sample = laplace_sample, .mean = loc_mean, .cdf = laplace_cdf, .cdf_partials = 3
};

/* ---- logistic(loc, scale) ----
 * log density -|z| - 2 log1p(exp(-|z|)) - log(scale); expm1 keeps tanh(z / 2) exact near 0. */

FR_INLINE void logistic_prep(const double *v, unsigned which, unsigned need, double *k)
{
  (void)need;
  if (!(which & FR_V(2))) return;
  k[0] = fr_reciprocal(v[2]);
  k[1] = -fr_log_positive(v[2]);
}

FR_INLINE double logistic_eval(const double *v, const double *k, unsigned need, double *d)
{
  double z = (v[0] - v[1]) * k[0], a = fabs(z), em1 = expm1(-a), tanh_half = -em1 / (2.0 + em1);
  (void)need;
  d[1] = copysign(tanh_half, z) * k[0];
  d[0] = -d[1];
  d[2] = (a * tanh_half - 1.0) * k[0];
  return k[1] - a - 2.0 * log1p(1.0 + em1);
}

FR_ROWS(logistic, 2, 2)

FR_SAMPLE(logistic)
{
  FR_UNUSED_SHAPE;
  *out = arg[1][0] >= 0.0 ? arg[0][0] + arg[1][0] * fr_logit(fr_rng_uniform(rng)) : NAN;
}

static double logistic_cdf(double x, const double *arg, int upper, double *d)
{
  double scale = arg[1], z = (x - arg[0]) / scale;
  d[0] = (upper ? -fr_sigmoid(z) : fr_sigmoid(-z)) / scale;
  d[1] = -d[0];
  d[2] = z * d[1];
  return scale > 0.0 ? fr_log_sigmoid(upper ? -z : z) : NAN;
}

const fr_dist fr_dist_logistic = {
  .name = "logistic", .n_args = 2, .arg = {FR_ARG_REAL("loc"), FR_ARG_POSITIVE("scale")},
  .support = FR_SUP_REAL, .lower_arg = -1, .upper_arg = -1, .size_arg = -1,
  .rows = logistic_rows, .sample = logistic_sample, .mean = loc_mean, .cdf = logistic_cdf, .cdf_partials = 3
};

/* ---- flat(lower, upper): improper, density 1 between the bounds ---- */

FR_INLINE double flat_eval(const double *v, const double *k, unsigned need, double *d)
{
  double x = v[0], lower = v[1], upper = v[2];
  (void)k, (void)need;
  d[0] = d[1] = d[2] = 0.0;
  if (!(lower < upper) || x != x) return NAN;
  return x >= lower && x <= upper ? 0.0 : -INFINITY;
}

FR_ROWS_PLAIN(flat, 2)

/* A draw exists between finite bounds only. */
FR_SAMPLE(flat)
{
  double lower = arg[0][0], upper = arg[1][0];
  FR_UNUSED_SHAPE;
  *out = lower < upper && isfinite(lower) && isfinite(upper) ? lower + (upper - lower) * fr_rng_uniform(rng) : NAN;
}

FR_MEAN(flat)
{
  double lower = arg[0][0], upper = arg[1][0];
  FR_UNUSED_SHAPE;
  *out = lower < upper && isfinite(lower) && isfinite(upper) ? 0.5 * lower + 0.5 * upper : NAN;
}

const fr_dist fr_dist_flat = {
  .name = "flat", .n_args = 2,
  .arg = {{"lower", FR_SUP_REAL, FR_SCALAR, -INFINITY, 0}, {"upper", FR_SUP_REAL, FR_SCALAR, INFINITY, 0}},
  .support = FR_SUP_BOUNDED, .lower_arg = 0, .upper_arg = 1, .size_arg = -1,
  .rows = flat_rows, .sample = flat_sample, .mean = flat_mean
};
