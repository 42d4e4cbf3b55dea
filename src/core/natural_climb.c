/* natural_climb.c: L-BFGS climbs the log density in a frame, z = origin + F w, F = I in the first round. */
#include "natural_climb.h"

#define SMALL_GAIN 0.01 /* nats */

size_t fr_natural_climb_size(int d)
{
  const size_t n = (size_t)d;
  return 2 * (FR_PATH_MAX + 2) * n + 3 * n + 3 * n * n + n + (d > FR_NATURAL_MATCHED_MAX ? n : n * n);
}

fr_climb_arrays fr_climb_layout(const fr_natural *state)
{
  const size_t n = (size_t)state->d;
  fr_climb_arrays k = {.x = state->climb};
  k.g = k.x + (FR_PATH_MAX + 2) * n;
  k.direction = k.g + (FR_PATH_MAX + 2) * n;
  k.origin = k.direction + n;
  k.base_gradient = k.origin + n;
  k.frame = k.base_gradient + n;
  k.hessian = k.frame + n * n;
  k.base = k.hessian + n * n;
  k.rival_loc = k.base + n * n;
  k.rival_factor = k.rival_loc + n;
  return k;
}

size_t fr_natural_climb_work(int d)
{
  const size_t n = (size_t)d;
  const size_t memory = (2 * FR_NATURAL_PATH_MEMORY + 1) * n + FR_NATURAL_PATH_MEMORY;
  const size_t walked = (8 + 3 * FR_PROBES) * n + FR_PROBES + fr_natural_evaluate_work(d, FR_PROBES);
  const size_t columns = 3 * n * FR_COLUMNS + FR_COLUMNS + fr_natural_evaluate_work(d, FR_COLUMNS);
  const size_t covariance = 2 * n * n + n + fr_dense_work(d);
  return memory + fr_larger(fr_larger(columns, covariance), fr_larger(walked, fr_pairs_work(d, 8))) + 4 * n;
}

/* ---- the path ---- */

int fr_path_memory(int d, const fr_climb_arrays *k, int last, double *s, double *y)
{
  const size_t n = (size_t)d;
  int first = last, held = 0;
  if (last > FR_PATH_MAX) return 0; /* off the path */
  for (int usable = 0; first > 0 && usable < FR_NATURAL_PATH_MEMORY; first--, usable++) {}
  for (int i = first; i < last; i++) {
    double *sk = s + (size_t)held * n, *yk = y + (size_t)held * n;
    const double *x0 = k->x + (size_t)i * n, *g0 = k->g + (size_t)i * n;
    for (size_t j = 0; j < n; j++) {
      sk[j] = x0[n + j] - x0[j];
      yk[j] = g0[j] - g0[n + j];
    }
    if (fr_dot(n, yk, sk) > 1e-10 * sqrt(fr_dot(n, yk, yk) * fr_dot(n, sk, sk))) held++;
  }
  return held;
}

double fr_path_curvature(size_t n, int held, const double *s, const double *y, double otherwise)
{
  if (held == 0) return otherwise;
  s += (size_t)(held - 1) * n;
  y += (size_t)(held - 1) * n;
  return fr_dot(n, s, y) / fr_dot(n, y, y);
}

void fr_from_frame(int d, const fr_climb_arrays *k, const double *w, double *out)
{
  for (size_t i = 0; i < (size_t)d; i++) out[i] = k->origin[i] + fr_dot(i + 1, k->frame + i * (size_t)d, w);
}

void fr_to_frame(int d, const double *a, const double *g, double *out)
{
  const size_t n = (size_t)d;
  memset(out, 0, n * sizeof(double));
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j <= i; j++) out[j] += a[i * n + j] * g[i];
}

/* ---- rounds ---- */

void fr_keep_best(fr_natural *state, double score, double candidate, const double *loc, const double *factor)
{
  const size_t n = (size_t)state->d;
  state->c.score = score;
  state->c.best = candidate;
  state->c.unfinished = 0.0;
  memcpy(state->best_loc, loc, n * sizeof(double));
  memcpy(state->best_factor, factor, n * n * sizeof(double));
}

void fr_next_round(fr_natural *state, const double *loc, const double *factor)
{
  const size_t n = (size_t)state->d;
  const fr_climb_arrays k = fr_climb_layout(state);
  memcpy(k.origin, loc, n * sizeof(double));
  memcpy(k.frame, factor, n * n * sizeof(double));
  state->c.round += 1.0;
  state->c.path = -1.0;
  state->c.funnel = 0.0;
  state->c.refining = 0.0;
  if (state->d <= FR_NATURAL_MATCHED_MAX) state->c.rival = -INFINITY;
  state->c.unfinished = 0.0;
  state->c.phase = FR_NATURAL_CLIMB;
}

void fr_natural_climb_again(fr_natural *state)
{
  fr_keep_best(state, -INFINITY, -1.0, state->loc, state->factor);
  fr_next_round(state, state->loc, state->factor);
}

/* ---- climb ---- */

/* value and gradient in the frame at w */
static int evaluate_at(fr_natural *state, const fr_natural_spec *spec, const fr_climb_arrays *k, const double *w, double *value, double *g,
                       double *work)
{
  const int d = state->d;
  double *z = work, *raw = z + d;
  fr_from_frame(d, k, w, z);
  int status = fr_natural_evaluate(state, spec, 1, z, value, raw, raw + d);
  if (status == FR_OK) fr_to_frame(d, k->frame, raw, g);
  return status;
}

static void end_climb(fr_natural *state)
{
  state->c.phase = FR_NATURAL_SCORE;
  state->c.at = 0.0;
}

/* The first evaluation of a round. */
static int set_out(fr_natural *state, const fr_natural_spec *spec, const fr_climb_arrays *k, double *work)
{
  const size_t n = (size_t)state->d;
  double value, *g = work, *rest = g + n;
  if (state->c.round == 0.0) {
    memcpy(k->origin, state->loc, n * sizeof(double));
    memset(k->frame, 0, n * n * sizeof(double));
    for (size_t i = 0; i < n; i++) k->frame[i * n + i] = 1.0;
    int status = fr_draw_in(state, spec, k->origin, rest);
    if (status == FR_OK && state->d > FR_WALK_FROM) status = fr_walk_in(state, spec, k, rest);
    if (status != FR_OK) return status;
  }
  memset(k->x, 0, n * sizeof(double));
  int status = evaluate_at(state, spec, k, k->x, &value, g, rest);
  if (status != FR_OK) return status;
  if (!isfinite(value) || !fr_vector_finite(n, g)) {
    fr_natural_refuse(state, 0);
    return FR_OK;
  }
  memcpy(k->g, g, n * sizeof(double));
  fr_natural_succeed(state);
  state->c.path = 0.0;
  state->c.value = value;
  state->c.length = 0.0;
  state->c.small = 0.0;
  return FR_OK;
}

int fr_natural_climb(fr_natural *state, const fr_natural_spec *spec, double *work)
{
  fr_natural_counters *c = &state->c;
  const fr_climb_arrays k = fr_climb_layout(state);
  if (c->path < 0.0) return set_out(state, spec, &k, work);
  const size_t n = (size_t)state->d, at = (size_t)c->path;
  double *g_at = k.g + at * n, *s = work, *y = s + FR_NATURAL_PATH_MEMORY * n, *alpha = y + FR_NATURAL_PATH_MEMORY * n;
  double *w = alpha + FR_NATURAL_PATH_MEMORY, *g = w + n, *rest = g + n, value;
  if (c->length == 0.0) {
    const int held = fr_path_memory(state->d, &k, (int)at, s, y);
    const double norm = sqrt(fr_dot(n, g_at, g_at));
    fr_lbfgs_direction(n, held, s, y, fr_path_curvature(n, held, s, y, 1.0 / (norm > 1.0 ? norm : 1.0)), g_at, k.direction, alpha);
    const double slope = fr_dot(n, g_at, k.direction);
    if (!(slope > 0.0) || !fr_vector_finite(n, k.direction)) {
      end_climb(state);
      return FR_OK;
    }
    fr_search_start(c, slope, 1.0);
  }
  for (size_t i = 0; i < n; i++) w[i] = k.x[at * n + i] + c->length * k.direction[i];
  int better, status = evaluate_at(state, spec, &k, w, &value, g, rest);
  if (status != FR_OK) return status;
  const int finite = isfinite(value) && fr_vector_finite(n, g);
  c->refused += !finite;
  const int found = fr_search_trial(c, finite, value, fr_dot(n, g, k.direction), 25, 8, &better);
  if (better) {
    memcpy(k.x + (at + 1) * n, w, n * sizeof(double));
    memcpy(k.g + (at + 1) * n, g, n * sizeof(double));
  }
  if (found == FR_SEARCH_ON) return FR_OK;
  const double gain = c->best_value - c->value;
  const int most = state->d > 50 ? FR_PATH_MAX : FR_PATH_MAX / 2;
  c->small = gain < SMALL_GAIN ? c->small + 1.0 : 0.0;
  c->length = 0.0;
  if (found == FR_SEARCH_DONE) {
    c->path += 1.0;
    c->value = c->best_value;
  }
  if (found == FR_SEARCH_FAILED || c->small >= FR_PATIENCE || c->path >= most) end_climb(state);
  return FR_OK;
}
