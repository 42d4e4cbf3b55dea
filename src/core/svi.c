/* svi.c: see svi.h. */
#include "svi.h"
#include "rng.h"
#include "tril.h"

#define PART 64 /* columns of a panel whose gradient is made and used up at once: 4 kB */

static int run(fr_svi *state, fr_svi_run_spec *spec, int *status, double *work);
static void apply_update(fr_svi *state, fr_svi_run_spec *spec, double *gradient, const fr_outer *outer);
static void restore_good(fr_svi *state, const fr_svi_run_spec *spec);
static int judge(const fr_guide *guide, fr_svi_run_spec *spec, double step, int *converged, double *work);

size_t fr_svi_theta_size(int d) { return 2 * (size_t)d + fr_tril_size((size_t)d); }

fr_guide fr_svi_guide(int d, double *theta)
{
  if (!theta) return (fr_guide){.d = d, .loc = NULL, .scale_unconstrained = NULL, .tril = NULL};
  return (fr_guide){.d = d, .loc = theta, .scale_unconstrained = theta + d, .tril = theta + 2 * d};
}

/* eps, the gradient of loc and scale, one ELBO a particle, and what the estimate needs */
static size_t step_work(int d, int particles)
{
  size_t ld = (size_t)fr_width(particles);
  return (size_t)d * ld + fr_whole(2 * (size_t)d) + ld + fr_guide_elbo_work(d, particles);
}

size_t fr_svi_work(int d, int particles, int pairs, const fr_optimizer *opt)
{
  size_t step = step_work(d, particles), check = pairs > 0 ? fr_verdict_work(d, pairs) : 0;
  return (fr_optimizer_buffers(opt) ? 0 : fr_svi_theta_size(d)) + (step > check ? step : check);
}

int fr_svi_step(fr_svi *state, fr_svi_run_spec *spec, size_t ld, const double *eps, double *loss, double *work)
{
  int d = state->d, S = spec->particles, finite;
  double *elbo = work + fr_whole(2 * (size_t)d), *rest = elbo + fr_width(S), sum = 0.0;
  fr_guide guide = fr_svi_guide(d, state->theta);
  fr_guide_gradient gradient = {.d = d, .loc = work, .scale_unconstrained = work + d, .tril = NULL};
  int status = fr_guide_elbo(&guide, spec->log_density, spec->model, S, ld, eps, elbo, &gradient, &finite, rest);
  state->step += 1.0;
  *loss = NAN;
  if (status != FR_OK) { state->step -= 1.0; return status; }
  if (!finite) {
    state->refused += 1.0;
    state->in_a_row += 1.0;
    state->lr_factor *= 0.5;
    if (spec->explain) {
      double *scale = rest, *t_eps = scale + fr_whole((size_t)d), *z = t_eps + (size_t)d * ld;
      fr_guide_constrain(d, guide.scale_unconstrained, scale);
      fr_guide_sample(&guide, scale, S, ld, eps, t_eps, z);
      return spec->explain(spec->model, S, ld, z, spec->counts);
    }
    return FR_OK;
  }
  for (int s = 0; s < S; s++) sum += elbo[s];
  *loss = -sum / S;
  state->update += 1.0;
  state->in_a_row = 0.0;
  if (spec->good) memcpy(spec->good, state->theta, fr_svi_theta_size(d) * sizeof(double));
  fr_outer outer = fr_guide_outer(d, S, ld, eps, rest);
  apply_update(state, spec, work, &outer);
  if (state->lr_factor < 1.0) state->lr_factor = state->lr_factor * 1.02 < 1.0 ? state->lr_factor * 1.02 : 1.0;
  return FR_OK;
}

/* x + at, NULL for NULL */
static double *part(double *x, size_t at) { return x ? x + at : NULL; }

/* The optimiser minimises: it takes the gradient of the loss. That of T is never formed: it would be written and read again, a
 * triangle each, beside those of T and the optimiser's buffers. */
static void apply_update(fr_svi *state, fr_svi_run_spec *spec, double *gradient, const fr_outer *outer)
{
  const size_t d = (size_t)state->d;
  const double weight = -1.0 / outer->particles;
  double strip[PART * FR_LANES], turned[FR_TRIL_TURNED * FR_LANES];
  fr_optimizer opt = spec->optimizer;
  opt.lr *= state->lr_factor;
  spec->lr = opt.lr;
  const fr_update update = fr_optimizer_prepare(&opt, (uint64_t)state->update);
  for (size_t i = 0; i < 2 * d; i++) gradient[i] = -gradient[i];
  fr_optimizer_apply(&update, 2 * d, gradient, state->theta, state->m1, state->m2);
  const int at_once = fr_optimizer_takes_outer(&update) && outer->particles <= FR_TRIL_TURNED;
  for (size_t I = 0; I < fr_tril_panels(d); I++) {
    const size_t panel = 2 * d + fr_tril_offset(I), full = at_once ? fr_tril_full_columns(d, I) : 0;
    if (full > 0) {
      fr_tril_turn_over(state->d, weight, outer->particles, outer->ld, outer->g, I, turned);
      fr_optimizer_apply_outer(&update, outer->particles, turned, full, outer->ld, outer->eps, state->theta + panel, state->m1 + panel, state->m2 + panel);
    }
    for (size_t j = full, all = fr_tril_columns(d, I); j < all; j += PART) {
      const size_t columns = all - j < PART ? all - j : PART, at = panel + j * FR_LANES;
      fr_tril_outer_part(state->d, weight, outer->particles, outer->ld, outer->g, outer->eps, I, j, columns, strip);
      fr_optimizer_apply(&update, columns * FR_LANES, strip, state->theta + at, part(state->m1, at), part(state->m2, at));
    }
  }
}

/* theta as it was before its latest update: from a copy where the optimiser keeps no buffers. */
static void restore_good(fr_svi *state, const fr_svi_run_spec *spec)
{
  fr_optimizer opt = spec->optimizer;
  if (spec->good) {
    memcpy(state->theta, spec->good, fr_svi_theta_size(state->d) * sizeof(double));
    return;
  }
  opt.lr = spec->lr;
  const fr_update update = fr_optimizer_prepare(&opt, (uint64_t)state->update);
  fr_optimizer_undo(&update, fr_svi_theta_size(state->d), state->theta, state->m1, state->m2);
}

int fr_svi_run(fr_svi *state, fr_svi_run_spec *spec, int *status, double *work)
{
  const int copies = !fr_optimizer_buffers(&spec->optimizer);
  spec->good = copies ? work : NULL;
  int code = run(state, spec, status, copies ? work + fr_svi_theta_size(state->d) : work);
  spec->good = NULL;
  return code;
}

static int run(fr_svi *state, fr_svi_run_spec *spec, int *status, double *work)
{
  int d = state->d, S = spec->particles;
  fr_guide guide = fr_svi_guide(d, state->theta);
  size_t ld = (size_t)fr_width(S);
  double *eps = work, *rest = work + (size_t)d * ld, updates = state->update;
  memset(eps, 0, (size_t)d * ld * sizeof(double));
  for (double first = state->step; state->step < spec->until_step;) {
    double *loss = spec->loss + (size_t)(state->step - first);
    fr_normals(spec->seed, FR_STREAM_STEP, (uint64_t)state->step, 0, S, d, ld, eps);
    int code = fr_svi_step(state, spec, ld, eps, loss, rest);
    *status = FR_RUN_INTERRUPTED;
    if (code == FR_INTERRUPTED) return FR_OK;
    if (code != FR_OK) return code;
    if (state->in_a_row >= FR_SVI_MAX_REFUSED) {
      if (state->update > updates) restore_good(state, spec);
      *status = FR_RUN_DIVERGED;
      return FR_OK;
    }
    spec->evaluations += S;
    if (!spec->fixed_steps && fmod(state->step, spec->check_every) == 0.0) {
      int converged = 0;
      code = judge(&guide, spec, state->step, &converged, work);
      if (code == FR_INTERRUPTED) return FR_OK;
      if (code != FR_OK) return code;
      if (converged) { *status = FR_RUN_CONVERGED; return FR_OK; }
      memset(eps, 0, (size_t)d * ld * sizeof(double));
    }
    if (spec->poll && spec->poll(spec->poll_data, state->step, *loss)) return FR_OK;
  }
  *status = spec->fixed_steps ? FR_RUN_FIXED_STEPS : FR_RUN_BUDGET_EXHAUSTED;
  return FR_OK;
}

/* Few pairs say whether it is worth asking more: the verdict is taken from more of them where the estimate is
 * below the tolerance but its error is not. */
static int judge(const fr_guide *guide, fr_svi_run_spec *spec, double step, int *converged, double *work)
{
  int pairs = spec->check_pairs;
  for (;;) {
    int code = fr_verdict_judge(guide, spec->log_density, spec->model, pairs, spec->seed, (uint64_t)step, &spec->verdict, work);
    if (code != FR_OK) return code;
    spec->evaluations += 2 * pairs;
    *converged = spec->verdict.gap + 3.0 * spec->verdict.gap_se < spec->tol;
    if (*converged || !(spec->verdict.gap < spec->tol) || pairs >= spec->more_pairs) return FR_OK;
    pairs = spec->more_pairs;
  }
}
