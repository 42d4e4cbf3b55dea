/* mode.c: see mode.h. */
#include "mode.h"
#include "natural_parts.h"

#define MEMORY FR_NATURAL_PATH_MEMORY
#define ENOUGH 1e-12 /* nats: below this the gain in sight is rounding */

typedef struct {
  size_t n;
  int held;
  double *s, *y;         /* MEMORY x d: steps, and by how much the gradient fell */
  double *alpha;         /* MEMORY */
  double *g, *direction; /* d: gradient at z; direction of the search */
  double *trial, *trial_g, *best, *best_g; /* d: of a line search */
} climb;

size_t fr_mode_work(int d) { return (2 * (size_t)d + 1) * MEMORY + 6 * (size_t)d; }

static climb lay_out(int d, double *work)
{
  climb k = {.n = (size_t)d, .s = work};
  k.y = k.s + MEMORY * k.n;
  k.alpha = k.y + MEMORY * k.n;
  k.g = k.alpha + MEMORY;
  k.direction = k.g + k.n;
  k.trial = k.direction + k.n;
  k.trial_g = k.trial + k.n;
  k.best = k.trial_g + k.n;
  k.best_g = k.best + k.n;
  return k;
}

/* Uphill; returns the slope along it. Without curvature, or where that has gone wrong, the gradient itself, at most one long. */
static double next_direction(climb *k)
{
  double slope = 0.0;
  if (k->held > 0) {
    const double *s = k->s + (size_t)(k->held - 1) * k->n, *y = k->y + (size_t)(k->held - 1) * k->n;
    fr_lbfgs_direction(k->n, k->held, k->s, k->y, fr_dot(k->n, s, y) / fr_dot(k->n, y, y), k->g, k->direction, k->alpha);
    slope = fr_dot(k->n, k->g, k->direction);
  }
  if (slope > 0.0 && fr_vector_finite(k->n, k->direction)) return slope;
  const double norm = sqrt(fr_dot(k->n, k->g, k->g)), length = norm > 1.0 ? 1.0 / norm : 1.0;
  k->held = 0;
  for (size_t i = 0; i < k->n; i++) k->direction[i] = length * k->g[i];
  return length * norm * norm;
}

static void remember(climb *k, const double *z)
{
  const size_t n = k->n;
  if (k->held == MEMORY) {
    memmove(k->s, k->s + n, (MEMORY - 1) * n * sizeof(double));
    memmove(k->y, k->y + n, (MEMORY - 1) * n * sizeof(double));
    k->held--;
  }
  double *s = k->s + (size_t)k->held * n, *y = k->y + (size_t)k->held * n;
  for (size_t i = 0; i < n; i++) {
    s[i] = k->best[i] - z[i];
    y[i] = k->g[i] - k->best_g[i];
  }
  if (fr_dot(n, s, y) > 1e-10 * sqrt(fr_dot(n, s, s) * fr_dot(n, y, y))) k->held++;
}

/* Along the direction; the best point that rises enough, in best and best_g. *found is an fr_search. */
static int search(climb *k, fr_log_density log_density, void *model, const double *z, double slope, fr_natural_counters *c, int *found)
{
  fr_search_start(c, slope, 1.0);
  do {
    double value;
    int better;
    for (size_t i = 0; i < k->n; i++) k->trial[i] = z[i] + c->length * k->direction[i];
    int status = log_density(model, 1, 1, k->trial, &value, k->trial_g);
    if (status != FR_OK) return status;
    const int finite = isfinite(value) && fr_vector_finite(k->n, k->trial_g);
    *found = fr_search_trial(c, finite, value, finite ? fr_dot(k->n, k->trial_g, k->direction) : 0.0, 40, 8, &better);
    if (!better) continue;
    memcpy(k->best, k->trial, k->n * sizeof(double));
    memcpy(k->best_g, k->trial_g, k->n * sizeof(double));
  } while (*found == FR_SEARCH_ON);
  return FR_OK;
}

int fr_mode_climb(fr_log_density log_density, void *model, int d, int iterations, double *z, double *value, double *gain, double *work)
{
  climb k = lay_out(d, work);
  fr_natural_counters c = {.phase = FR_NATURAL_CLIMB};
  *gain = INFINITY;
  int status = log_density(model, 1, 1, z, value, k.g);
  if (status != FR_OK) return status;
  if (!isfinite(*value) || !fr_vector_finite(k.n, k.g)) return FR_ERR_NOT_FINITE;
  for (int i = 0; i < iterations; i++) {
    const double slope = next_direction(&k);
    *gain = 0.5 * slope;
    if (*gain < ENOUGH) return FR_OK;
    int found;
    c.value = *value;
    status = search(&k, log_density, model, z, slope, &c, &found);
    if (status != FR_OK) return status;
    if (found == FR_SEARCH_FAILED) {
      if (k.held == 0) return FR_OK;
      k.held = 0; /* once more, along the gradient */
      continue;
    }
    remember(&k, z);
    memcpy(z, k.best, k.n * sizeof(double));
    memcpy(k.g, k.best_g, k.n * sizeof(double));
    *value = c.best_value;
  }
  return FR_OK;
}
