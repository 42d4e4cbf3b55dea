/* dist_series.c: priors of neighbours: gaussian_random_walk, ar1, icar. An event is a series of K values; cost K an
 * event, or one for each pair of neighbours. */
#include "dist_events.h"
#include "dist_list.h"
#include "special.h"

#define FR_SERIES_EVENT \
  .support = FR_SUP_REAL_VECTOR, .event = FR_VECTOR, .lower_arg = -1, .upper_arg = -1, .size_arg = -1

/* NaN where a value is missing, -Inf where one is infinite, otherwise 0: what the differences of neighbours, Inf - Inf,
 * can't tell. */
static double edge_of_values(int K, const double *x)
{
  double edge = 0.0;
  for (int k = 0; k < K; k++) {
    if (x[k] != x[k]) return NAN;
    if (fabs(x[k]) == INFINITY) edge = -INFINITY;
  }
  return edge;
}

/* ---- gaussian_random_walk(scale) ----
 * x_1 and the increments x_k - x_(k - 1) are normal(0, scale), as Pyro's and NumPyro's: the walk begins at 0. */

/* Adds bar times the partials; returns the log density less its constant. */
static double walk_event(int K, const double *x, double scale, double bar, double *dx, double *dscale)
{
  double last = 0.0, zz = 0.0;
  for (int k = 0; k < K; k++) {
    double z = (x[k] - last) / scale;
    zz += z * z;
    if (dx && bar != 0.0) {
      dx[k] -= bar * z / scale;
      if (k > 0) dx[k - 1] += bar * z / scale;
    }
    last = x[k];
  }
  if (dscale && bar != 0.0) *dscale += bar * (zz - K) / scale;
  return -K * log(scale) - 0.5 * zz;
}

FR_EVENTS(gaussian_random_walk)
{
  double lp = -(double)N * K * FR_LOG_SQRT_2PI;
  (void)work;
  for (long i = 0; i < N; i++) {
    double scale = *event_of(arg[0], stride[0], i), edge = edge_of_values(K, x + i * K);
    if (!(scale > 0.0) || edge != edge) return NAN;
    lp += edge < 0.0 ? edge : walk_event(K, x + i * K, scale, bar, bar_of(dx, K, i), bar_of(darg[0], stride[0], i));
  }
  return lp;
}

static void gaussian_random_walk_sample(int K, const double *const *arg, fr_rng *rng, double *out, double *work)
{
  double at = 0.0;
  (void)work;
  for (int k = 0; k < K; k++) out[k] = at += arg[0][0] >= 0.0 ? arg[0][0] * fr_rng_normal(rng) : NAN;
}

static void gaussian_random_walk_mean(int K, const double *const *arg, double *out, double *work)
{
  (void)work;
  fill_event(K, arg[0][0] >= 0.0 ? 0.0 : NAN, out);
}

const fr_dist fr_dist_gaussian_random_walk = {
  .name = "gaussian_random_walk", .n_args = 1, .arg = {FR_ARG_POSITIVE("scale")}, FR_SERIES_EVENT,
  .events = gaussian_random_walk_events, .sample = gaussian_random_walk_sample, .mean = gaussian_random_walk_mean
};

/* ---- ar1(coef, scale) ----
 * Stationary: x_1 is normal(0, scale / sqrt(1 - coef^2)), the innovations x_k - coef x_(k - 1) are normal(0, scale). */

FR_INLINE int ar1_valid(double coef, double scale) { return fabs(coef) < 1.0 && scale > 0.0; }

/* 1 - coef^2, all of its digits near the edges. */
FR_INLINE double ar1_share(double coef) { return (1.0 - coef) * (1.0 + coef); }

/* dcoef: without what log(1 - coef^2) adds to it. */
static double ar1_event(int K, const double *x, double coef, double scale, double bar, double *dx, double *dcoef, double *dscale)
{
  double share = ar1_share(coef), z = x[0] / scale, zz = share * z * z, slope = coef * z * z;
  int wanted = bar != 0.0;
  if (dx && wanted) dx[0] -= bar * share * z / scale;
  for (int k = 1; k < K; k++) {
    double last = x[k - 1] / scale;
    z = (x[k] - coef * x[k - 1]) / scale;
    zz += z * z;
    slope += z * last;
    if (!dx || !wanted) continue;
    dx[k] -= bar * z / scale;
    dx[k - 1] += bar * coef * z / scale;
  }
  if (dcoef && wanted) *dcoef += bar * slope;
  if (dscale && wanted) *dscale += bar * (zz - K) / scale;
  return -K * log(scale) - 0.5 * zz;
}

FR_EVENTS(ar1)
{
  double lp = -(double)N * K * FR_LOG_SQRT_2PI;
  (void)work;
  for (long i = 0; i < N; i++) {
    double coef = *event_of(arg[0], stride[0], i), scale = *event_of(arg[1], stride[1], i), edge = edge_of_values(K, x + i * K);
    double *dcoef = bar_of(darg[0], stride[0], i);
    if (!ar1_valid(coef, scale) || edge != edge) return NAN;
    if (edge < 0.0 || K == 0) {
      lp += edge;
      continue;
    }
    lp += ar1_event(K, x + i * K, coef, scale, bar, bar_of(dx, K, i), dcoef, bar_of(darg[1], stride[1], i));
    lp += 0.5 * (log1p(coef) + log1p(-coef));
    if (dcoef && bar != 0.0) *dcoef -= bar * coef / ar1_share(coef);
  }
  return lp;
}

static void ar1_sample(int K, const double *const *arg, fr_rng *rng, double *out, double *work)
{
  double coef = arg[0][0], scale = arg[1][0];
  (void)work;
  fill_event(K, NAN, out);
  if (!ar1_valid(coef, scale)) return;
  for (int k = 0; k < K; k++) {
    double e = scale * fr_rng_normal(rng);
    out[k] = k == 0 ? e / sqrt(ar1_share(coef)) : coef * out[k - 1] + e;
  }
}

static void ar1_mean(int K, const double *const *arg, double *out, double *work)
{
  (void)work;
  fill_event(K, ar1_valid(arg[0][0], arg[1][0]) ? 0.0 : NAN, out);
}

const fr_dist fr_dist_ar1 = {
  .name = "ar1", .n_args = 2, .arg = {FR_ARG("coef", FR_SUP_CORRELATION), FR_ARG_POSITIVE("scale")}, FR_SERIES_EVENT,
  .events = ar1_events, .sample = ar1_sample, .mean = ar1_mean
};

/* ---- icar(node1, node2) ----
 * Besag's intrinsic autoregression: -1/2 sum over the pairs of neighbours (node1[p], node2[p]) of the squared
 * difference of their values, and no constant, as Stan's users write it. It is improper: nothing holds the level of
 * a connected set of nodes (a statement on their sum does), so that there is no draw and no mean: NaN, as flat's. */

static int nodes_valid(int K, const double *const *arg, const long *stride)
{
  if (stride[0] != stride[1]) return 0;
  for (int a = 0; a < 2; a++)
    for (long p = 0; p < stride[a]; p++)
      if (!(arg[a][p] >= 1.0 && arg[a][p] <= K && arg[a][p] == (int)arg[a][p])) return 0;
  return 1;
}

FR_EVENTS(icar)
{
  double lp = 0.0;
  (void)darg, (void)work;
  if (N > 0 && !nodes_valid(K, arg, stride)) return NAN;
  for (long i = 0; i < N; i++) {
    const double *xi = x + i * K;
    double *dxi = bar_of(dx, K, i), edge = edge_of_values(K, xi), sum = 0.0;
    if (edge != edge) return NAN;
    for (long p = 0; p < stride[0] && edge == 0.0; p++) {
      int from = (int)arg[0][p] - 1, to = (int)arg[1][p] - 1;
      double d = xi[from] - xi[to];
      sum += d * d;
      if (!dxi) continue;
      dxi[from] -= bar * d;
      dxi[to] += bar * d;
    }
    lp += edge - 0.5 * sum;
  }
  return lp;
}

static void icar_sample(int K, const double *const *arg, fr_rng *rng, double *out, double *work)
{
  (void)arg, (void)rng, (void)work;
  fill_event(K, NAN, out);
}

static void icar_mean(int K, const double *const *arg, double *out, double *work)
{
  (void)arg, (void)work;
  fill_event(K, NAN, out);
}

const fr_dist fr_dist_icar = {
  .name = "icar", .n_args = 2,
  .arg = {{"node1", FR_SUP_NODES, FR_WHOLE, NAN, 1}, {"node2", FR_SUP_NODES, FR_WHOLE, NAN, 1}}, FR_SERIES_EVENT,
  .events = icar_events, .sample = icar_sample, .mean = icar_mean
};
