/* natural_scout.c: is there a better mode elsewhere?
 *
 * A Normal that has arrived describes the mode that its own start led to. Where it fits well, no more is asked. Where the log weights
 * differ, scouts are sent before the run ends: climbs from starts spread as Stan's are. One that has ended elsewhere offers the Normals
 * of its path and, where these come near the guide's ELBO, that of the Hessian at its end. With the clearly better ELBO on the same
 * fresh draws, its Normal is where the run goes on. The guide stands by in loc and factor. */
#include "natural_climb.h"

#include "rng.h"

#define SCOUTS 5       /* most that are sent */
#define LOST 2.0       /* further scouts that are not sent after one that found no mode */
#define RADIUS 2.0     /* of the starts, unconstrained */
#define FITS 0.3       /* sd of log weights with which no scout is sent */
#define FAR_BELOW 10.0 /* nats by which the path's Normals may be worse than the guide for a Hessian to be worth it */
#define CLEARLY 1.0    /* nats by which a Normal must be better */

enum scouting { NONE, OUT, BACK };

size_t fr_natural_scout_work(int d)
{
  const size_t n = (size_t)d, W = (size_t)fr_width(2 * FR_NATURAL_PAIRS);
  const size_t weights = 2 * n * W + W + fr_natural_evaluate_work(d, 2 * FR_NATURAL_PAIRS);
  return fr_larger(weights, fr_larger(fr_pairs_work(d, FR_NATURAL_PAIRS), 2 * n));
}

int fr_natural_scouts_left(const fr_natural *state) { return state->d <= FR_NATURAL_SCOUT_MAX && state->c.scouts < SCOUTS; }

/* The sd of log p - log q over 2 FR_NATURAL_PAIRS fresh draws; Inf where a density is not finite. */
static int log_weight_sd(fr_natural *state, const fr_natural_spec *spec, double *sd, double *work)
{
  const size_t n = (size_t)state->d, S = 2 * FR_NATURAL_PAIRS, W = (size_t)fr_width((int)S);
  double *e = work, *z = e + n * W, *lp = z + n * W, *rest = lp + W, mean = 0.0, square = 0.0;
  fr_normals(spec->seed, FR_STREAM_FIT, (uint64_t)state->c.batch, 0, (int)S, state->d, W, e);
  fr_dense_multiply(state->d, FR_LOWER, state->factor, (int)S, W, e, z);
  for (size_t j = 0; j < n; j++)
    for (size_t s = 0; s < S; s++) z[j * W + s] += state->loc[j];
  int status = fr_natural_evaluate(state, spec, (int)S, z, lp, NULL, rest);
  if (status != FR_OK) return status;
  for (size_t s = 0; s < S; s++)
    for (size_t j = 0; j < n; j++) lp[s] += 0.5 * e[j * W + s] * e[j * W + s];
  for (size_t s = 0; s < S; s++) mean += lp[s] / (double)S;
  for (size_t s = 0; s < S; s++) square += (lp[s] - mean) * (lp[s] - mean);
  *sd = isfinite(square) ? sqrt(square / (double)(S - 1)) : INFINITY;
  return FR_OK;
}

void fr_natural_call_off(fr_natural *state)
{
  const size_t n = (size_t)state->d;
  memcpy(state->best_loc, state->loc, n * sizeof(double));
  memcpy(state->best_factor, state->factor, n * n * sizeof(double));
  state->c.phase = state->c.after;
  state->c.scouts = SCOUTS;
  state->c.scouting = NONE;
  state->c.score = state->c.verdict;
  state->c.at = 0.0;
}

static void send(fr_natural *state, const fr_natural_spec *spec)
{
  fr_natural_counters *c = &state->c;
  const fr_climb_arrays k = fr_climb_layout(state);
  const size_t n = (size_t)state->d;
  for (size_t j = 0; j < n; j++) {
    fr_rng rng;
    fr_rng_init(&rng, spec->seed, FR_STREAM_FIT, (uint32_t)c->scouts, (uint32_t)j);
    k.origin[j] = RADIUS * (2.0 * fr_rng_uniform(&rng) - 1.0);
  }
  memset(k.frame, 0, n * n * sizeof(double));
  for (size_t j = 0; j < n; j++) k.frame[j * n + j] = 1.0;
  c->scouts += 1.0;
  c->scouting = OUT;
  c->within = FR_NATURAL_CLIMB;
  c->round = 1.0; /* that of the run's own start is 0 */
  c->path = -1.0;
  c->funnel = c->refining = c->unfinished = c->misses = c->refined = 0.0;
  c->score = -INFINITY;
  c->best = -1.0;
}

/* Is the last point of the scout's path among the guide's draws? Their squared distance from its centre has mean d and variance 2 d;
 * `beyond` is how many of the roots of that are allowed above d. */
static int at_home(const fr_natural *state, double beyond, double *work)
{
  const fr_climb_arrays k = fr_climb_layout(state);
  const size_t n = (size_t)state->d;
  double *x = work, square = 0.0;
  fr_from_frame(state->d, &k, k.x + (size_t)state->c.path * n, x);
  for (size_t i = 0; i < n; i++) {
    const double *row = state->factor + i * n;
    x[i] = (x[i] - state->loc[i] - fr_dot(i, row, x)) / row[i];
    square += x[i] * x[i];
  }
  return square < state->d + beyond * sqrt(2.0 * state->d);
}

/* One unit of the scout's climb, candidates or Hessian. */
static int go_on(fr_natural *state, const fr_natural_spec *run, double *work)
{
  fr_natural_counters *c = &state->c;
  const double before = c->within, in_a_row = c->in_a_row, refused = c->refused;
  fr_natural_spec quiet = *run; /* what is not finite out there says nothing of the fit */
  const fr_natural_spec *spec = &quiet;
  quiet.explain = NULL;
  c->phase = before;
  int status = before == FR_NATURAL_CLIMB   ? fr_natural_climb(state, spec, work)
               : before == FR_NATURAL_SCORE ? fr_natural_score(state, spec, work)
                                            : fr_natural_hessian(state, spec, work);
  c->within = c->phase;
  c->phase = FR_NATURAL_SCOUT;
  if (status != FR_OK) return status;
  const int climbed = before == FR_NATURAL_CLIMB && c->within == FR_NATURAL_SCORE;
  const int nowhere = before == FR_NATURAL_CLIMB && c->path < 0.0; /* its start has no finite density */
  const int lost = climbed && c->path >= FR_PATH_MAX / 2;          /* as in the throat of a funnel, which has no mode */
  const int on_its_way = before == FR_NATURAL_CLIMB && c->within == before && c->path >= 1.0 && c->length == 0.0;
  const int home = (climbed && at_home(state, 3.0, work)) || (on_its_way && at_home(state, 0.0, work));
  const int hopeless = before == FR_NATURAL_SCORE && c->within == FR_NATURAL_HESSIAN && !(c->score > c->champion - FAR_BELOW);
  c->in_a_row = in_a_row;
  c->refused = refused;
  if (lost) c->scouts += LOST;
  if (nowhere || lost || home || hopeless || c->within > FR_NATURAL_HESSIAN) c->scouting = BACK;
  return FR_OK;
}

/* The run goes on from the scout's Normal as from the end of a warm start. */
static void follow(fr_natural *state)
{
  const size_t n = (size_t)state->d;
  const fr_natural_counters before = state->c;
  fr_natural_counters *c = &state->c;
  fr_natural_init(state);
  c->step = before.step;
  c->batch = before.batch;
  c->gradients = before.gradients;
  c->densities = before.densities;
  c->refused = before.refused;
  c->scouts = before.scouts;
  c->round = before.round;
  c->path = before.path;
  c->where = before.where;
  c->funnel = before.funnel;
  c->walked = 1.0;
  c->score = before.score;
  c->best = before.best;
  c->phase = FR_NATURAL_FAR;
  memcpy(state->loc, state->best_loc, n * sizeof(double));
  memcpy(state->factor, state->best_factor, n * n * sizeof(double));
  memset(state->mean_gradient, 0, n * sizeof(double));
}

int fr_natural_scout(fr_natural *state, const fr_natural_spec *spec, double *work)
{
  fr_natural_counters *c = &state->c;
  double sd, guide, found;
  int status = FR_OK;
  if (c->scouting == OUT) return go_on(state, spec, work);
  if (c->scouting == NONE) { /* the guide has just arrived */
    c->verdict = c->score;
    status = log_weight_sd(state, spec, &sd, work);
    if (status != FR_OK) return status;
    c->batch += 1.0;
    if (sd < FITS) {
      fr_natural_call_off(state);
      return FR_OK;
    }
  } else if (c->scouting == BACK && c->best >= 0.0 && c->score > c->champion) {
    status = fr_natural_quick(state, spec, state->loc, state->factor, FR_NATURAL_PAIRS, c->batch, &guide, work);
    if (status == FR_OK) status = fr_natural_quick(state, spec, state->best_loc, state->best_factor, FR_NATURAL_PAIRS, c->batch, &found, work);
    if (status != FR_OK) return status;
    c->batch += 1.0;
    if (found > guide + CLEARLY) {
      follow(state);
      return FR_OK;
    }
  }
  if (!fr_natural_scouts_left(state)) {
    fr_natural_call_off(state);
    return FR_OK;
  }
  status = fr_natural_quick(state, spec, state->loc, state->factor, FR_SCORE_PAIRS, 0.0, &c->champion, work);
  if (status == FR_OK) send(state, spec);
  return status;
}
