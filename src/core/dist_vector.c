/* dist_vector.c: distributions of vectors: multinomial, dirichlet. */
#include "dist_events.h"
#include "dist_list.h"
#include "counts.h"
#include "special.h"

/* ---- multinomial(size, prob), prob normalised ----
 * Counts above FR_SADDLE_COUNT use sum x log(n p / x) - (n p - x) in place of sum x log p; base is what then
 * remains of log n! - sum log x!. */

static int multinomial_valid(int K, const double *x, double n)
{
  for (int k = 0; k < K; k++)
    if (!fr_is_count(x[k])) return 0;
  return sum_of(K, x) == n;
}

static double multinomial_base(int K, const double *x, const double *const *arg)
{
  double n = arg[0][0], sum;
  if (!multinomial_valid(K, x, n)) return 0.0;
  if (!fr_poisson_by_saddle(n)) {
    sum = fr_lgamma(n + 1.0);
    for (int k = 0; k < K; k++) sum -= fr_lgamma(x[k] + 1.0);
    return sum;
  }
  sum = fr_stirling_error(n) + FR_LOG_SQRT_2PI + 0.5 * log(n);
  for (int k = 0; k < K; k++)
    if (x[k] > 0.0) sum -= fr_stirling_error(x[k]) + FR_LOG_SQRT_2PI + 0.5 * log(x[k]);
  return sum;
}

/* sum x log(prob / total), or what replaces it; total the sum of prob. */
static double multinomial_kernel(int K, const double *x, double n, const double *prob, double total)
{
  double sum = 0.0, log_total = log(total), log_n = log(n);
  for (int k = 0; k < K; k++) {
    double log_p = log(prob[k]) - log_total, m = n * (prob[k] / total);
    if (fr_poisson_by_saddle(n)) sum += x[k] == 0.0 ? -m : fr_deviance(x[k], m, log_n + log_p);
    else if (x[k] != 0.0) sum += x[k] * log_p;
  }
  return sum;
}

FR_EVENTS(multinomial)
{
  double lp = 0.0;
  (void)dx, (void)work;
  for (long i = 0; i < N; i++) {
    const double *xi = x + i * K, *prob = event_of(arg[1], stride[1], i);
    double *dprob = bar_of(darg[1], stride[1], i);
    double n = *event_of(arg[0], stride[0], i), total = sum_of(K, prob);
    int valid = fr_is_count(n) && total > 0.0 && total < INFINITY;
    for (int k = 0; k < K; k++) valid = valid && prob[k] >= 0.0;
    if (!valid) return NAN;
    if (!multinomial_valid(K, xi, n)) {
      lp += fr_outside(sum_of(K, xi), 0.0);
      continue;
    }
    lp += multinomial_kernel(K, xi, n, prob, total);
    if (dprob && bar != 0.0)
      for (int k = 0; k < K; k++) dprob[k] += bar * ((xi[k] == 0.0 ? 0.0 : xi[k] / prob[k]) - n / total);
  }
  return lp;
}

/* Each category in turn is binomial among what is left. */
static void multinomial_sample(int K, const double *const *arg, fr_rng *rng, double *out, double *work)
{
  double left = arg[0][0], *tail = work, rest = 0.0;
  for (int k = K - 1; k >= 0; k--) tail[k] = rest += arg[1][k];
  for (int k = 0; k < K; k++) {
    double p = tail[k] > 0.0 ? arg[1][k] / tail[k] : arg[1][k] < 0.0 ? NAN : 0.0;
    out[k] = k == K - 1 ? left : fr_rng_binomial(rng, left, p);
    left -= out[k];
  }
}

static void multinomial_mean(int K, const double *const *arg, double *out, double *work)
{
  double total = sum_of(K, arg[1]);
  (void)work;
  for (int k = 0; k < K; k++) out[k] = arg[0][0] * (arg[1][k] / total);
}

const fr_dist fr_dist_multinomial = {
  .name = "multinomial", .n_args = 2, .arg = {FR_ARG_SIZE, {"prob", FR_SUP_NONNEGATIVE_VECTOR, FR_VECTOR, NAN, 0}},
  .support = FR_SUP_COUNT_VECTOR, .event = FR_VECTOR, .lower_arg = -1, .upper_arg = -1, .size_arg = 0, .discrete = 1,
  .events = multinomial_events, .base = multinomial_base, .sample = multinomial_sample, .mean = multinomial_mean
};

/* ---- dirichlet(concentration) ----
 * As a function of K free entries of x; that they sum to 1 is not looked at, so that it has partials. With A
 * the sum of the concentrations c, log Gamma(A) and the other large terms are shared out among the entries:
 * part k is (c - 1) log x - log Gamma(c) + c log A - A x, which for large c is a deviance and a Stirling
 * error; log Gamma(A) - A log A + A and A (sum x - 1) remain. */

static double dirichlet_part(double x, double c, double A, double log_A)
{
  if (x == 0.0 && c == 1.0) return log_A;
  double log_x = log(x), m = A * x;
  if (x == 0.0 || c < FR_SADDLE_SHAPE) return (c - 1.0) * log_x - fr_lgamma(c) + c * log_A - m;
  return fr_deviance(c, m, log_A + log_x) + 0.5 * log(c) - FR_LOG_SQRT_2PI - fr_stirling_error(c) - log_x;
}

FR_EVENTS(dirichlet)
{
  double lp = 0.0;
  (void)work;
  for (long i = 0; i < N; i++) {
    const double *xi = x + i * K, *c = event_of(arg[0], stride[0], i);
    double *dc = bar_of(darg[0], stride[0], i), *dxi = bar_of(dx, K, i);
    double A = sum_of(K, c), log_A = log(A), excess = -1.0, part = 0.0;
    int valid = A < INFINITY, inside = 1;
    for (int k = 0; k < K; k++) {
      valid = valid && c[k] > 0.0 && xi[k] == xi[k];
      inside = inside && xi[k] >= 0.0;
    }
    if (!valid) return NAN;
    if (!inside) {
      lp = add_edge(lp, -INFINITY);
      continue;
    }
    for (int k = 0; k < K; k++) {
      part = add_edge(part, dirichlet_part(xi[k], c[k], A, log_A));
      excess += xi[k];
      if (dxi && bar != 0.0 && c[k] != 1.0) dxi[k] += bar * (c[k] - 1.0) / xi[k];
      if (dc && bar != 0.0) dc[k] += bar * (log(xi[k]) + fr_digamma_step(c[k], A - c[k]));
    }
    part += fr_stirling_error(A) + FR_LOG_SQRT_2PI - 0.5 * log_A + A * excess;
    lp = add_edge(lp, part);
  }
  return lp;
}

/* Gamma draws over their sum, in logarithms: tiny concentrations do not underflow. */
static void dirichlet_sample(int K, const double *const *arg, fr_rng *rng, double *out, double *work)
{
  double top = -INFINITY, sum = 0.0;
  (void)work;
  for (int k = 0; k < K; k++) {
    out[k] = arg[0][k] > 0.0 ? fr_rng_log_gamma(rng, arg[0][k]) : NAN;
    if (out[k] > top) top = out[k];
  }
  for (int k = 0; k < K; k++) sum += out[k] = exp(out[k] - top);
  for (int k = 0; k < K; k++) out[k] /= sum;
}

static void dirichlet_mean(int K, const double *const *arg, double *out, double *work)
{
  double A = sum_of(K, arg[0]);
  (void)work;
  for (int k = 0; k < K; k++) out[k] = arg[0][k] / A;
}

const fr_dist fr_dist_dirichlet = {
  .name = "dirichlet", .n_args = 1, .arg = {{"concentration", FR_SUP_POSITIVE_VECTOR, FR_VECTOR, NAN, 0}},
  .support = FR_SUP_SIMPLEX, .event = FR_VECTOR, .lower_arg = -1, .upper_arg = -1, .size_arg = -1,
  .events = dirichlet_events, .sample = dirichlet_sample, .mean = dirichlet_mean
};
