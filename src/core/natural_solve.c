/* natural_solve.c: L-BFGS in the natural frame on the draws of the latest verdict.
 *
 * Two of the batches do: they know the curvature well enough. What they do not know is where the gradient of all
 * batches vanishes, and so a linear term, the mean gradient of all less theirs at the start of the solve, is added to their ELBO (as in
 * Shamir, Srebro and Zhang 2014, Communication-efficient distributed optimization using an approximate Newton-type method). */
#include "natural_matched.h"

#define MAX_PASSES 30
#define WORTH 0.4 /* of the noise: a gain in sight that is worth a search */
#define BENT 0.1 /* of the gap: what a solve may leave because the curvature of its batches is not that of all */

int fr_matched_tilted(const fr_matched_frame *f) { return f->batches > 1 && f->batches < f->of; }

/* The linear term, where the gradient of the last batch would stand. */
double *fr_matched_tilt(const fr_matched_frame *f) { return f->best_gradient + (f->most - 1) * f->n; }

static void solve_gradient(const fr_matched_frame *f, const double *gradient, double *mean)
{
  const double *tilt = fr_matched_tilt(f);
  fr_matched_mean_gradient(f, gradient, mean);
  for (size_t i = 0; fr_matched_tilted(f) && i < f->n; i++) mean[i] += tilt[i];
}

/* The solve has ended at u: the share of the way there that the noise allows is the guide, and more draws are asked for. */
static int finish(fr_natural *state, const fr_natural_spec *spec, const fr_matched_frame *f, const fr_matched_work *w)
{
  fr_natural_counters *c = &state->c;
  fr_matched_forget_far(f, c, w->trial);
  const double share = fr_matched_share(c);
  for (size_t i = 0; i < f->n; i++) f->u[i] *= share;
  int status = fr_matched_move(state, f, f->u, w);
  if (status != FR_OK) return status;
  c->level += 1.0;
  const int all = f->batches == f->of || fr_matched_tilted(f);
  c->left = share * (all ? 1 : f->of) * c->floor;
  if (fr_matched_tilted(f)) c->left += BENT * fmax(c->gap, 0.0);
  if (all) fr_matched_more_draws(state, spec);
  c->phase = FR_NATURAL_VERDICT;
  memset(f->u, 0, f->n * sizeof(double));
  return FR_OK;
}

/* The direction of the next line search; 0 when the gain in sight is not worth it. */
static int next_direction(fr_natural *state, const fr_natural_spec *spec, const fr_matched_frame *f, const fr_matched_work *w)
{
  fr_natural_counters *c = &state->c;
  solve_gradient(f, f->gradient, w->trial);
  fr_lbfgs_direction(f->n, (int)c->held, f->s, f->y, 1.0, w->trial, f->direction, w->scratch);
  double slope = fr_dot(f->n, w->trial, f->direction);
  if (!(slope > 0.0)) {
    c->held = 0.0;
    memcpy(f->direction, w->trial, f->n * sizeof(double));
    slope = fr_dot(f->n, w->trial, w->trial);
  }
  const double floor = f->batches < f->of ? (fr_matched_tilted(f) ? 1 : f->of) * c->floor : fr_matched_gap(f, (int)c->held, f->gradient, w->scratch).floor;
  const double little = (c->ridge ? RIDGE : 1.0) * LITTLE * spec->tol;
  if (!(0.5 * slope >= fmax(0.5 * little, WORTH * floor)) || c->at >= MAX_PASSES) return 0;
  const double reach = fmax(1.0, sqrt((double)state->d)), norm = sqrt(fr_dot(f->n, f->direction, f->direction));
  fr_search_start(c, slope, fmin(1.0, reach / norm));
  return 1;
}

int fr_natural_solve(fr_natural *state, const fr_natural_spec *spec, double *work)
{
  fr_natural_counters *c = &state->c;
  const fr_matched_frame f = fr_matched_layout(state);
  const fr_matched_work w = fr_matched_lay_out(state->d, work);
  double of_batch[FR_NATURAL_BATCHES], value = NAN, value_se, lost;
  int usable, better, status = fr_matched_prepare(state, spec, &w);
  if (status != FR_OK) return status;
  if (c->length == 0.0 && !next_direction(state, spec, &f, &w)) {
    if (c->at > 0.0) return finish(state, spec, &f, &w);
    c->phase = FR_NATURAL_VERDICT; /* not worth a search: the step at hand is taken all the same */
    return fr_matched_filter(state, &f, &w);
  }
  for (size_t i = 0; i < f.n; i++) w.trial[i] = f.u[i] + c->length * f.direction[i];
  status = fr_matched_evaluate(state, spec, &w, f.batches, w.trial, of_batch, w.gradient, &lost, &usable);
  if (status != FR_OK) return status;
  if (!usable) c->refused += lost > 0.0;
  double slope = NAN;
  if (usable) {
    c->elbo = value = fr_matched_mean_value(f.batches, of_batch, &value_se);
    if (fr_matched_tilted(&f)) value += fr_dot(f.n, fr_matched_tilt(&f), w.trial);
    solve_gradient(&f, w.gradient, w.trial);
    slope = fr_dot(f.n, w.trial, f.direction);
  }
  const int found = fr_search_trial(c, usable, value, slope, 12, 2, &better);
  if (better) memcpy(f.best_gradient, w.gradient, (size_t)f.batches * f.n * sizeof(double));
  if (found == FR_SEARCH_ON) return FR_OK;
  c->length = 0.0;
  if (found == FR_SEARCH_FAILED) return finish(state, spec, &f, &w);
  fr_matched_remember(&f, c, w.scratch, w.scratch + f.n);
  for (size_t i = 0; i < f.n; i++) f.u[i] += c->best_length * f.direction[i];
  memcpy(f.gradient, f.best_gradient, (size_t)f.batches * f.n * sizeof(double));
  c->value = c->best_value;
  c->at += 1.0;
  return FR_OK;
}
