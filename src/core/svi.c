/* svi.c: see svi.h. */
#include "svi.h"
#include "rng.h"
#include "tril.h"

static int run(fr_svi *state, fr_svi_run_spec *spec, int *status, double *work);
static void apply_update(fr_svi *state, const fr_svi_run_spec *spec, double *gradient);
static int judge(const fr_guide *guide, fr_svi_run_spec *spec, double step, int *converged, double *work);

size_t fr_svi_theta_size(int d) { return 2 * (size_t)d + fr_tril_size((size_t)d); }

fr_guide fr_svi_guide(int d, double *theta)
{
  if (!theta) return (fr_guide){.d = d, .loc = NULL, .scale_unconstrained = NULL, .tril = NULL};
  return (fr_guide){.d = d, .loc = theta, .scale_unconstrained = theta + d, .tril = theta + 2 * d};
}

/* eps, the gradient in the guide's shape, one ELBO a particle, and what the estimate needs */
static size_t step_work(int d, int particles)
{
  size_t ld = (size_t)fr_width(particles);
  return (size_t)d * ld + fr_svi_theta_size(d) + ld + fr_guide_elbo_work(d, particles);
}

size_t fr_svi_work(int d, int particles, int pairs)
{
  size_t step = step_work(d, particles), check = pairs > 0 ? fr_verdict_work(d, pairs) : 0;
  return fr_svi_theta_size(d) + (step > check ? step : check);
}

int fr_svi_step(fr_svi *state, const fr_svi_run_spec *spec, size_t ld, const double *eps, double *loss, double *work)
{
  int d = state->d, S = spec->particles, finite;
  double *elbo = work + fr_svi_theta_size(d), *rest = elbo + fr_width(S), sum = 0.0;
  fr_guide guide = fr_svi_guide(d, state->theta);
  fr_guide_gradient gradient = fr_svi_guide(d, work);
  int status = fr_guide_elbo(&guide, spec->log_density, spec->model, S, ld, eps, elbo, &gradient, &finite, rest);
  state->step += 1.0;
  *loss = NAN;
  if (status != FR_OK) { state->step -= 1.0; return status; }
  if (!finite) {
    state->refused += 1.0;
    state->in_a_row += 1.0;
    state->lr_factor *= 0.5;
    if (spec->explain) {
      double *scale = rest, *t_eps = scale + d, *z = t_eps + (size_t)d * ld;
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
  apply_update(state, spec, work);
  if (state->lr_factor < 1.0) state->lr_factor = state->lr_factor * 1.02 < 1.0 ? state->lr_factor * 1.02 : 1.0;
  return FR_OK;
}

/* The optimiser minimises: it takes the gradient of the loss. */
static void apply_update(fr_svi *state, const fr_svi_run_spec *spec, double *gradient)
{
  size_t n = fr_svi_theta_size(state->d);
  fr_optimizer opt = spec->optimizer;
  opt.lr *= state->lr_factor;
  for (size_t i = 0; i < n; i++) gradient[i] = -gradient[i];
  fr_optimizer_update(&opt, (uint64_t)state->update, n, gradient, state->theta, state->m1, state->m2);
}

int fr_svi_run(fr_svi *state, fr_svi_run_spec *spec, int *status, double *work)
{
  spec->good = work;
  int code = run(state, spec, status, work + fr_svi_theta_size(state->d));
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
      if (state->update > updates) memcpy(state->theta, spec->good, fr_svi_theta_size(d) * sizeof(double));
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
