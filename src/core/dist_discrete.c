/* dist_discrete.c: distributions of one count: bernoulli, binomial, poisson, each also by its natural
 * parameter, and beta_binomial. What the data alone decide is `base` (see counts.h); a value that is no
 * count in range has log density -Inf. Partials with respect to values and sizes do not exist and are 0. */
#include "dist_lanes.h"
#include "dist_list.h"
#include "counts.h"
#include "special.h"

FR_INLINE fr_odds odds_of_logit(double x)
{
  double e = exp(-fabs(x)), l = log1p(e), r = 1.0 / (1.0 + e), small = e * r;
  fr_odds o;
  o.log_p = (x < 0.0 ? x : 0.0) - l;
  o.log_q = (x > 0.0 ? -x : 0.0) - l;
  o.p = fr_select(x < 0.0, small, r);
  o.q = fr_select(x < 0.0, r, small);
  return o;
}

/* Logits and logarithms of rates beyond, on lanes, are left to the exact form. */
#define FR_LOGIT_LANES 700.0

static void data_prob_mean(double size, double prob, double *out)
{
  *out = size >= 0.0 && prob >= 0.0 && prob <= 1.0 ? size * prob : NAN;
}

/* ---- distribution functions of counts ----
 * The tails of a binomial count are those of a Beta variable, a Poisson one's those of a Gamma variable. */

/* P(Y <= floor(y)) or what is above, Y binomial with odds p / q; *slope is the partial in the logit. */
static double binomial_tail(double y, double n, double p, double q, int upper, double *slope)
{
  double k = floor(y), a = k + 1.0, b = n - k;
  *slope = 0.0;
  if (k < 0.0) return upper ? 0.0 : -INFINITY;
  if (k >= n) return upper ? -INFINITY : 0.0;
  double lp = p < q ? fr_log_pbeta(p, a, b, !upper) : fr_log_pbeta(q, b, a, upper);
  /* the density of the Beta variable times p q */
  *slope = exp(a * log(p) + b * log(q) - fr_lbeta(a, b) - lp) * (upper ? 1.0 : -1.0);
  return lp;
}

static double poisson_tail(double y, double rate, int upper, double *slope)
{
  double k = floor(y);
  *slope = 0.0;
  if (k < 0.0) return upper ? 0.0 : -INFINITY;
  double lp = fr_log_pgamma(rate, k + 1.0, !upper);
  *slope = exp(fr_poisson_base(k) + fr_poisson_kernel(k, rate, log(rate)) - lp) * (upper ? 1.0 : -1.0);
  return lp;
}

/* ---- bernoulli(prob) ---- */

FR_INLINE double bernoulli_eval(const double *v, const double *k, unsigned need, double *d)
{
  double y = v[0], p = v[1];
  (void)k, (void)need;
  d[0] = d[1] = 0.0;
  if (!(p >= 0.0 && p <= 1.0) || y != y) return NAN;
  if (y == 1.0) {
    d[1] = 1.0 / p;
    return log(p);
  }
  if (y != 0.0) return -INFINITY;
  d[1] = -1.0 / (1.0 - p);
  return log1p(-p);
}

FR_ROWS_PLAIN(bernoulli, 1)

FR_SAMPLE(bernoulli)
{
  FR_UNUSED_SHAPE;
  *out = fr_rng_binomial(rng, 1.0, arg[0][0]);
}

FR_MEAN(bernoulli)
{
  FR_UNUSED_SHAPE;
  data_prob_mean(1.0, arg[0][0], out);
}

static double bernoulli_cdf(double x, const double *arg, int upper, double *d)
{
  double p = arg[0], slope;
  if (!(p >= 0.0 && p <= 1.0)) return NAN;
  double lp = binomial_tail(x, 1.0, p, 1.0 - p, upper, &slope);
  d[0] = 0.0;
  d[1] = slope == 0.0 ? 0.0 : slope / (p * (1.0 - p));
  return lp;
}

const fr_dist fr_dist_bernoulli = {
  .name = "bernoulli", .n_args = 1, .arg = {FR_ARG("prob", FR_SUP_UNIT)}, .discrete = 1,
  .support = FR_SUP_BINARY, .lower_arg = -1, .upper_arg = -1, .size_arg = -1,
  .rows = bernoulli_rows, .sample = bernoulli_sample, .mean = bernoulli_mean, .cdf = bernoulli_cdf, .cdf_partials = 1
};

/* ---- bernoulli_logit(logit) ----
 * With s the logit of what happened: log density min(s, 0) - log1p(exp(-|s|)), derivative 1 - sigmoid(s). On lanes the exp, that of
 * the logit too, is prepared. */

FR_INLINE double bernoulli_logit_eval(const double *v, const double *k, unsigned need, double *d)
{
  double sign = v[0] == 0.0 ? -1.0 : 1.0, s = sign * v[1], e = exp(-fabs(s));
  (void)k, (void)need;
  d[0] = 0.0;
  d[1] = sign * fr_select(s > 0.0, e, 1.0) / (1.0 + e);
  if (!(v[0] == 0.0 || v[0] == 1.0)) return fr_outside_clear(v[0], s, 2, d);
  return (s < 0.0 ? s : 0.0) - log1p(e);
}

FR_INLINE void bernoulli_logit_prep(const double *v, unsigned which, unsigned need, double *k)
{
  (void)need;
  if (which & FR_V(1)) k[0] = fr_lane_softplus_exp(v[1]);
}

FR_INLINE double bernoulli_logit_lanes(const double *v, const double *k, double *d, uint64_t *odd)
{
  double sign = 2.0 * v[0] - 1.0, softplus, other;
  fr_lane_softplus_of(-sign * v[1], k[0], &softplus, &other);
  *odd = fr_mask_not_zero(v[0] * (v[0] - 1.0));
  d[0] = 0.0;
  d[1] = sign * other;
  return -softplus;
}

FR_ROWS_LANES(bernoulli_logit, 1, 1, FR_V(1))

FR_SAMPLE(bernoulli_logit)
{
  FR_UNUSED_SHAPE;
  *out = fr_rng_binomial(rng, 1.0, fr_sigmoid(arg[0][0]));
}

FR_MEAN(bernoulli_logit)
{
  FR_UNUSED_SHAPE;
  *out = fr_sigmoid(arg[0][0]);
}

static double bernoulli_logit_cdf(double x, const double *arg, int upper, double *d)
{
  d[0] = 0.0;
  return binomial_tail(x, 1.0, fr_sigmoid(arg[0]), fr_sigmoid(-arg[0]), upper, &d[1]);
}

const fr_dist fr_dist_bernoulli_logit = {
  .name = "bernoulli_logit", .n_args = 1, .arg = {FR_ARG_REAL("logit")}, .discrete = 1,
  .support = FR_SUP_BINARY, .lower_arg = -1, .upper_arg = -1, .size_arg = -1,
  .rows = bernoulli_logit_rows, .sample = bernoulli_logit_sample, .mean = bernoulli_logit_mean, .cdf = bernoulli_logit_cdf, .cdf_partials = 1
};

/* ---- binomial(size, prob) and binomial_logit(size, logit) ---- */

FR_INLINE int count_in_range(double y, double n) { return fr_is_count(y) && fr_is_count(n) && y <= n; }

/* -Inf for a value out of range; NaN for a size that is no count, or a parameter that is not valid. */
static double count_outside(double y, double n, double check, int n_operands, double *d)
{
  return fr_outside_clear(y, fr_is_count(n) ? check : NAN, n_operands, d);
}

static double binomial_base(int K, const double *x, const double *const *arg)
{
  (void)K;
  return fr_binomial_base(x[0], arg[0][0]);
}

FR_INLINE double binomial_eval(const double *v, const double *k, unsigned need, double *d)
{
  double y = v[0], n = v[1], p = v[2], q = 1.0 - p;
  (void)k, (void)need;
  if (!(count_in_range(y, n) && p >= 0.0 && p <= 1.0)) return count_outside(y, n, p >= 0.0 && p <= 1.0 ? p : NAN, 3, d);
  d[0] = d[1] = 0.0;
  d[2] = (y == 0.0 ? 0.0 : y / p) - (y == n ? 0.0 : (n - y) / q);
  return fr_binomial_kernel(y, n, p, q, log(p), log1p(-p));
}

FR_ROWS_PLAIN(binomial, 2)

FR_SAMPLE(binomial)
{
  FR_UNUSED_SHAPE;
  *out = fr_rng_binomial(rng, arg[0][0], arg[1][0]);
}

FR_MEAN(binomial)
{
  FR_UNUSED_SHAPE;
  data_prob_mean(arg[0][0], arg[1][0], out);
}

static double binomial_cdf(double x, const double *arg, int upper, double *d)
{
  double p = arg[1], slope;
  if (!(p >= 0.0 && p <= 1.0)) return NAN;
  double lp = binomial_tail(x, arg[0], p, 1.0 - p, upper, &slope);
  d[0] = d[1] = 0.0;
  d[2] = slope == 0.0 ? 0.0 : slope / (p * (1.0 - p));
  return lp;
}

const fr_dist fr_dist_binomial = {
  .name = "binomial", .n_args = 2, .arg = {FR_ARG_SIZE, FR_ARG("prob", FR_SUP_UNIT)}, .discrete = 1,
  .support = FR_SUP_COUNT_TO_SIZE, .lower_arg = -1, .upper_arg = -1, .size_arg = 0,
  .rows = binomial_rows, .base = binomial_base, .sample = binomial_sample, .mean = binomial_mean,
  .cdf = binomial_cdf, .cdf_partials = 2
};

FR_INLINE double binomial_logit_eval(const double *v, const double *k, unsigned need, double *d)
{
  double y = v[0], n = v[1];
  (void)k, (void)need;
  if (!count_in_range(y, n)) return count_outside(y, n, v[2], 3, d);
  fr_odds o = odds_of_logit(v[2]);
  d[0] = d[1] = 0.0;
  d[2] = y * o.q - (n - y) * o.p;
  return fr_binomial_kernel(y, n, o.p, o.q, o.log_p, o.log_q);
}

FR_INLINE double binomial_logit_lanes(const double *v, const double *k, double *d, uint64_t *odd)
{
  double y = v[0], n = v[1];
  fr_odds o = fr_lane_odds(v[2]);
  (void)k;
  *odd = fr_mask_no_count(n, FR_SADDLE_COUNT) | fr_mask_no_count(y, n) | fr_mask_above(fabs(v[2]), FR_LOGIT_LANES);
  d[0] = d[1] = 0.0;
  d[2] = y * o.q - (n - y) * o.p;
  return y * o.log_p + (n - y) * o.log_q;
}

FR_ROWS_LANES_PLAIN(binomial_logit, 2)

FR_SAMPLE(binomial_logit)
{
  double logit = arg[1][0];
  FR_UNUSED_SHAPE;
  /* of the rarer outcome, whose probability is exact */
  double k = fr_rng_binomial(rng, arg[0][0], fr_sigmoid(-fabs(logit)));
  *out = logit > 0.0 ? arg[0][0] - k : k;
}

FR_MEAN(binomial_logit)
{
  FR_UNUSED_SHAPE;
  data_prob_mean(arg[0][0], fr_sigmoid(arg[1][0]), out);
}

static double binomial_logit_cdf(double x, const double *arg, int upper, double *d)
{
  d[0] = d[1] = 0.0;
  return binomial_tail(x, arg[0], fr_sigmoid(arg[1]), fr_sigmoid(-arg[1]), upper, &d[2]);
}

const fr_dist fr_dist_binomial_logit = {
  .name = "binomial_logit", .n_args = 2, .arg = {FR_ARG_SIZE, FR_ARG_REAL("logit")}, .discrete = 1,
  .support = FR_SUP_COUNT_TO_SIZE, .lower_arg = -1, .upper_arg = -1, .size_arg = 0,
  .rows = binomial_logit_rows, .base = binomial_base, .sample = binomial_logit_sample, .mean = binomial_logit_mean,
  .cdf = binomial_logit_cdf, .cdf_partials = 2
};

/* ---- poisson(rate) and poisson_log(log_rate) ---- */

static double poisson_base(int K, const double *x, const double *const *arg)
{
  (void)K, (void)arg;
  return fr_poisson_base(x[0]);
}

FR_INLINE double poisson_eval(const double *v, const double *k, unsigned need, double *d)
{
  double y = v[0], rate = v[1];
  (void)k, (void)need;
  if (!(fr_is_count(y) && rate >= 0.0)) return fr_outside_clear(y, rate >= 0.0 ? rate : NAN, 2, d);
  d[0] = 0.0;
  d[1] = (y == 0.0 ? 0.0 : y / rate) - 1.0;
  return fr_poisson_kernel(y, rate, log(rate));
}

FR_ROWS_PLAIN(poisson, 1)

FR_SAMPLE(poisson)
{
  FR_UNUSED_SHAPE;
  *out = fr_rng_poisson(rng, arg[0][0]);
}

FR_MEAN(poisson)
{
  FR_UNUSED_SHAPE;
  *out = arg[0][0] >= 0.0 ? arg[0][0] : NAN;
}

static double poisson_cdf(double x, const double *arg, int upper, double *d)
{
  d[0] = 0.0;
  return arg[0] >= 0.0 && arg[0] < INFINITY ? poisson_tail(x, arg[0], upper, &d[1]) : NAN;
}

const fr_dist fr_dist_poisson = {
  .name = "poisson", .n_args = 1, .arg = {FR_ARG("rate", FR_SUP_NONNEGATIVE)}, .discrete = 1,
  .support = FR_SUP_COUNT, .lower_arg = -1, .upper_arg = -1, .size_arg = -1,
  .rows = poisson_rows, .base = poisson_base, .sample = poisson_sample, .mean = poisson_mean, .cdf = poisson_cdf, .cdf_partials = 1
};

FR_INLINE double poisson_log_eval(const double *v, const double *k, unsigned need, double *d)
{
  double y = v[0], rate = exp(v[1]);
  (void)k, (void)need;
  if (!fr_is_count(y)) return fr_outside_clear(y, v[1], 2, d);
  d[0] = 0.0;
  d[1] = y - rate;
  return fr_poisson_kernel(y, rate, v[1]);
}

FR_INLINE void poisson_log_prep(const double *v, unsigned which, unsigned need, double *k)
{
  (void)need;
  if (which & FR_V(1)) k[0] = fr_lane_exp_normal(v[1]);
}

FR_INLINE double poisson_log_lanes(const double *v, const double *k, double *d, uint64_t *odd)
{
  double y = v[0], rate = k[0];
  *odd = fr_mask_no_count(y, FR_SADDLE_COUNT) | fr_mask_above(fabs(v[1]), FR_LOGIT_LANES);
  d[0] = 0.0;
  d[1] = y - rate;
  return y * v[1] - rate;
}

FR_ROWS_LANES(poisson_log, 1, 1, FR_V(1))

FR_SAMPLE(poisson_log)
{
  FR_UNUSED_SHAPE;
  *out = fr_rng_poisson(rng, exp(arg[0][0]));
}

FR_MEAN(poisson_log)
{
  FR_UNUSED_SHAPE;
  *out = exp(arg[0][0]);
}

static double poisson_log_cdf(double x, const double *arg, int upper, double *d)
{
  double rate = exp(arg[0]), lp = poisson_cdf(x, &rate, upper, d);
  d[1] *= rate;
  return lp;
}

const fr_dist fr_dist_poisson_log = {
  .name = "poisson_log", .n_args = 1, .arg = {FR_ARG_REAL("log_rate")}, .discrete = 1,
  .support = FR_SUP_COUNT, .lower_arg = -1, .upper_arg = -1, .size_arg = -1,
  .rows = poisson_log_rows, .base = poisson_base, .sample = poisson_log_sample, .mean = poisson_log_mean,
  .cdf = poisson_log_cdf, .cdf_partials = 1
};

/* ---- beta_binomial(size, shape1, shape2) ----
 * choose(n, y) B(y + a, n - y + b) / B(a, b). For any p a binomial coefficient is a binomial mass over
 * p^y q^(n - y); with p = (a + y) / (a + b + n) for all three of y in n, a in a + b and a + y in a + b + n the
 * powers cancel, the last mass is at its mode, and what is left is Stirling errors and deviances (the device
 * of Loader 2000 for the hypergeometric), small for any n, a and b. */

FR_INLINE void beta_binomial_prep(const double *v, unsigned which, unsigned need, double *k)
{
  double a = v[2], b = v[3];
  (void)need;
  if (!(which & (FR_V(2) | FR_V(3)))) return;
  k[0] = NAN;
  if (!(a > 0.0 && b > 0.0 && a + b < INFINITY)) return;
  k[0] = fr_stirling_error(a + b) - fr_stirling_error(a) - fr_stirling_error(b) + 0.5 * (log(a) + log(b) - log(a + b));
}

static double beta_binomial_eval(const double *v, const double *k, unsigned need, double *d)
{
  double y = v[0], n = v[1], a = v[2], b = v[3], fails = n - y;
  if (!count_in_range(y, n) || k[0] != k[0]) return count_outside(y, n, k[0], 4, d);
  double prior = a + b, total = prior + n, a1 = a + y, b1 = b + fails, p = a1 / total, q = b1 / total, lp = 0.0;
  d[0] = d[1] = d[2] = d[3] = 0.0;
  if (need & (FR_V(2) | FR_V(3))) {
    double step = fr_digamma_step(prior, n);
    if (need & FR_V(2)) d[2] = fr_digamma_step(a, y) - step;
    if (need & FR_V(3)) d[3] = fr_digamma_step(b, fails) - step;
  }
  if (!(need & FR_NEED_LP) || n == 0.0) return 0.0;
  double log_p = log(p), log_q = log(q), log_prior = log(prior), log_n = log(n);
  if (y == 0.0) lp = n * (q < 0.5 ? log_q : log1p(-p));
  else if (fails == 0.0) lp = n * (p < 0.5 ? log_p : log1p(-q));
  else if (fr_binomial_by_saddle(y, n)) lp = fr_deviance(y, n * p, log_n + log_p) + fr_deviance(fails, n * q, log_n + log_q);
  else lp = y * log_p + fails * log_q;
  lp += k[0] + fr_deviance(a, prior * p, log_prior + log_p) + fr_deviance(b, prior * q, log_prior + log_q);
  return lp - (fr_stirling_error(total) - fr_stirling_error(a1) - fr_stirling_error(b1)) +
         0.5 * (log(total) - log(a1) - log(b1));
}

FR_ROWS(beta_binomial, 3, 1)

FR_SAMPLE(beta_binomial)
{
  FR_UNUSED_SHAPE;
  *out = NAN;
  if (!(arg[1][0] > 0.0 && arg[2][0] > 0.0)) return;
  double logit = fr_rng_log_gamma(rng, arg[1][0]) - fr_rng_log_gamma(rng, arg[2][0]);
  double k = fr_rng_binomial(rng, arg[0][0], fr_sigmoid(-fabs(logit)));
  *out = logit > 0.0 ? arg[0][0] - k : k;
}

FR_MEAN(beta_binomial)
{
  FR_UNUSED_SHAPE;
  double a = arg[1][0], b = arg[2][0];
  *out = arg[0][0] >= 0.0 && a > 0.0 && b > 0.0 ? arg[0][0] * (a / (a + b)) : NAN;
}

const fr_dist fr_dist_beta_binomial = {
  .name = "beta_binomial", .n_args = 3, .arg = {FR_ARG_SIZE, FR_ARG_POSITIVE("shape1"), FR_ARG_POSITIVE("shape2")},
  .support = FR_SUP_COUNT_TO_SIZE, .lower_arg = -1, .upper_arg = -1, .size_arg = 0, .discrete = 1,
  .rows = beta_binomial_rows, .base = binomial_base, .sample = beta_binomial_sample, .mean = beta_binomial_mean
};
