/* natural_match.c: batch-and-match (Cai, Modi, Pillaud-Vivien, Margossian, Gower, Blei and Saul 2024) in the whitened frame: the Normal
 * whose scores match those of a batch best, in proximity of the last. Excellent from afar; its divergence is not the ELBO's, so
 * that its best iterate by the ELBO is kept, and only if that beats the guide it set out from. */
#include "natural_climb.h"

#include "rng.h"

#define DRAWS 32
#define CHECK_PAIRS 8

/* The guide from which it set out stands in the arrays of the climb, which are no longer needed: loc (d), factor (d x d). */
static double *start_of(const fr_natural *state) { return state->climb; }

size_t fr_natural_match_work(int d)
{
  const size_t n = (size_t)d, W = (size_t)fr_width(DRAWS);
  const size_t draws = 4 * n * W + W + fr_natural_evaluate_work(d, DRAWS);
  const size_t check = fr_pairs_work(d, CHECK_PAIRS);
  return 4 * n * n + 4 * n + fr_dense_work(d) + (draws > check ? draws : check);
}

static void end(fr_natural *state)
{
  state->c.phase = FR_NATURAL_STEPS;
  state->c.small = 0.0;
}

static void swap(size_t n, double *x, double *y)
{
  for (size_t i = 0; i < n; i++) {
    const double kept = x[i];
    x[i] = y[i];
    y[i] = kept;
  }
}

/* Keeps the best of the best iterate, the start and, when that was the rival's, what came of the other, by the quick ELBO on the same draws. Where
 * there is a rival, it is next to set out. */
static int choose(fr_natural *state, const fr_natural_spec *spec, double *work)
{
  const size_t n = (size_t)state->d;
  const fr_climb_arrays k = fr_climb_layout(state);
  const double *start = start_of(state);
  double iterate, before, other = -INFINITY;
  int status = fr_natural_quick(state, spec, state->best_loc, state->best_factor, CHECK_PAIRS, state->c.batch, &iterate, work);
  if (status == FR_OK) status = fr_natural_quick(state, spec, start, start + n, CHECK_PAIRS, state->c.batch, &before, work);
  if (status == FR_OK && state->c.racing)
    status = fr_natural_quick(state, spec, k.rival_loc, k.rival_factor, CHECK_PAIRS, state->c.batch, &other, work);
  if (status != FR_OK) return status;
  state->c.batch += 1.0;
  memcpy(state->loc, iterate > before ? state->best_loc : start, n * sizeof(double));
  memcpy(state->factor, iterate > before ? state->best_factor : start + n, n * n * sizeof(double));
  const int set_out = !state->c.racing && state->c.rival > -INFINITY;
  if (set_out || other > fmax(iterate, before)) {
    swap(n, state->loc, k.rival_loc);
    swap(n * n, state->factor, k.rival_factor);
  }
  state->c.racing = set_out;
  state->c.rival = -INFINITY;
  state->c.at = 0.0;
  if (!set_out) end(state);
  return FR_OK;
}

/* mean (d) of rows of x (d x W), and out = scale_cov cov + scale_mean mean mean' (+ I) */
static void moments(int d, int S, size_t W, const double *x, double scale_cov, double scale_mean, double diagonal, double *mean,
                    double *centred, double *out)
{
  const size_t n = (size_t)d;
  for (size_t j = 0; j < n; j++) {
    mean[j] = 0.0;
    for (int s = 0; s < S; s++) mean[j] += x[j * W + (size_t)s] / S;
    for (int s = 0; s < S; s++) centred[j * W + (size_t)s] = x[j * W + (size_t)s] - mean[j];
  }
  memset(out, 0, n * n * sizeof(double));
  fr_dense_add_outer(d, S, W, centred, centred, out);
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++) out[i * n + j] = scale_cov / S * out[i * n + j] + scale_mean * mean[i] * mean[j] + diagonal * (i == j);
}

/* (loc, factor) matched to a batch of whitened draws e and scores g, both d x W; FR_ERR_NOT_FINITE when that has no answer. */
static int match(fr_natural *state, double lambda, size_t W, const double *e, const double *g, double *spare, double *work)
{
  const int d = state->d;
  const size_t n = (size_t)d;
  double *U = work, *V = U + n * n, *T = V + n * n, *S = T + n * n, *e_mean = S + n * n, *g_mean = e_mean + n, *value = g_mean + n;
  double *rest = value + n;
  const double share = lambda / (1.0 + lambda);
  moments(d, DRAWS, W, g, lambda, share, 0.0, g_mean, spare, U);
  moments(d, DRAWS, W, e, lambda, share, 1.0, e_mean, spare, V);
  int status = fr_dense_cholesky(d, V);
  if (status != FR_OK) return status;
  fr_dense_product(d, FR_FULL, U, V, T);
  fr_dense_cross(d, FR_LOWER, V, T, U); /* V'UV */
  fr_dense_symmetrise(d, U);
  status = fr_dense_eigen(d, U, value, rest);
  if (status != FR_OK) return status;
  for (size_t k = 0; k < n; k++) { /* rows of U: vectors, scaled */
    const double w = value[k] > 0.0 ? value[k] : 0.0, f = sqrt(2.0 / (1.0 + sqrt(1.0 + 4.0 * w)));
    for (size_t i = 0; i < n; i++) T[i * n + k] = f * U[k * n + i];
  }
  fr_dense_product(d, FR_LOWER, V, T, S); /* S S' is the covariance in the frame */
  status = fr_dense_triangularise(d, S, rest);
  if (status != FR_OK) return status;
  double *step = value, *white = rest;
  memset(white, 0, n * sizeof(double));
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j <= i; j++) white[j] += S[i * n + j] * g_mean[i];
  for (size_t i = 0; i < n; i++) step[i] = share * (fr_dot(i + 1, S + i * n, white) + e_mean[i]);
  for (size_t i = 0; i < n; i++) state->loc[i] += fr_dot(i + 1, state->factor + i * n, step);
  fr_dense_product(d, FR_LOWER, state->factor, S, T);
  memcpy(state->factor, T, n * n * sizeof(double));
  return FR_OK;
}

/* Is the ELBO at the guide, from log p - log q of the draws, better than any before? */
static void rate(fr_natural *state, size_t W, const double *e, const double *lp)
{
  fr_natural_counters *c = &state->c;
  const size_t n = (size_t)state->d;
  double mean = 0.0, square = 0.0, w[DRAWS];
  for (size_t s = 0; s < DRAWS; s++) {
    w[s] = lp[s];
    for (size_t j = 0; j < n; j++) w[s] += 0.5 * e[j * W + s] * e[j * W + s];
    mean += w[s] / DRAWS;
  }
  for (size_t s = 0; s < DRAWS; s++) square += (w[s] - mean) * (w[s] - mean) / DRAWS;
  c->elbo = mean - 0.5 * (double)n + fr_sum_log_diagonal(state->d, state->factor);
  c->small += 1.0;
  if (!(c->elbo > c->best_value + 0.5 * sqrt(square / DRAWS))) return;
  c->best_value = c->elbo;
  c->small = 0.0;
  memcpy(state->best_loc, state->loc, n * sizeof(double));
  memcpy(state->best_factor, state->factor, n * n * sizeof(double));
}

int fr_natural_match(fr_natural *state, const fr_natural_spec *spec, double *work)
{
  fr_natural_counters *c = &state->c;
  const int d = state->d;
  const size_t n = (size_t)d, W = (size_t)fr_width(DRAWS);
  if (c->at < 0.0) return choose(state, spec, work);
  if (c->at == 0.0) {
    memcpy(start_of(state), state->loc, n * sizeof(double));
    memcpy(start_of(state) + n, state->factor, n * n * sizeof(double));
    c->small = 0.0;
    c->best_value = -INFINITY;
    c->best_length = 0.0;
  }
  double *e = work, *z = e + n * W, *g = z + n * W, *white = g + n * W, *lp = white + n * W, *rest = lp + W;
  fr_normals(spec->seed, FR_STREAM_FIT, (uint64_t)c->batch, 0, DRAWS, d, W, e);
  fr_dense_multiply(d, FR_LOWER, state->factor, DRAWS, W, e, z);
  for (size_t j = 0; j < n; j++)
    for (size_t s = 0; s < W; s++) z[j * W + s] += state->loc[j];
  int status = fr_natural_evaluate(state, spec, DRAWS, z, lp, g, rest);
  if (status != FR_OK) return status;
  c->batch += 1.0;
  const double k = c->at + 1.0;
  const int usable = fr_vector_finite(n * W, g) && fr_vector_finite(DRAWS, lp);
  if (usable) rate(state, W, e, lp);
  else c->refused += 1.0;
  c->at = k;
  if (!usable || c->small >= 4.0 || k >= ceil(4.0 * d / DRAWS) + 10.0) {
    c->at = -1.0;
    return FR_OK;
  }
  fr_dense_multiply_transposed(d, FR_LOWER, state->factor, DRAWS, W, g, white);
  if (match(state, (double)DRAWS * d / k, W, e, white, z, rest) != FR_OK) c->at = -1.0;
  return FR_OK;
}
