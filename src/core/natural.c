/* natural.c: see natural.h. The run, its evaluations and batches of pairs; the phases are in natural_*.c. */
#include "natural_climb.h"

#include "rng.h"
#include "special.h"
#include "svi.h"
#include "tril.h"

#define WORSE 1.0  /* nats */
#define TOO_LARGE 1e100 /* for its square, and sums of that, to be numbers */

/* ---- evaluations ---- */

int fr_vector_finite(size_t n, const double *x)
{
  double zero = 0.0; /* x - x is 0 for a finite x, NaN for any other */
  for (size_t i = 0; i < n; i++) zero += x[i] - x[i];
  return zero == 0.0;
}

double fr_sum_log_diagonal(int d, const double *factor)
{
  double sum = 0.0;
  for (size_t i = 0; i < (size_t)d; i++) sum += log(factor[i * (size_t)d + i]);
  return sum;
}

/* A gradient of which nothing finite can be made is not finite. */
static int point_finite(int d, size_t ld, const double *lp, const double *g, int s)
{
  if (!isfinite(lp[s])) return 0;
  for (size_t j = 0; g && j < (size_t)d; j++)
    if (!(fabs(g[j * ld + (size_t)s]) < TOO_LARGE)) return 0;
  return 1;
}

/* points, gradients and densities of those that are asked again */
size_t fr_natural_evaluate_work(int d, int S)
{
  const size_t W = (size_t)fr_width(S);
  return (2 * (size_t)d + 1) * W;
}

int fr_natural_evaluate(fr_natural *state, const fr_natural_spec *spec, int S, double *z, double *lp, double *g, double *work)
{
  const size_t d = (size_t)state->d, W = (size_t)fr_width(S);
  for (size_t j = 0; j < d; j++)
    for (size_t s = (size_t)S; s < W; s++) z[j * W + s] = z[j * W];
  int status = spec->log_density(spec->model, S, W, z, lp, g);
  if (status != FR_OK) return status;
  double *counter = g ? &state->c.gradients : &state->c.densities;
  *counter += S;
  int bad = 0;
  for (int s = 0; s < S; s++) bad += !point_finite(state->d, W, lp, g, s);
  if (bad == 0) return FR_OK;
  const size_t w = (size_t)fr_width(bad);
  double *again = work, *again_g = again + d * w, *again_lp = again_g + d * w;
  int k = 0;
  for (int s = 0; s < S; s++) {
    if (point_finite(state->d, W, lp, g, s)) continue;
    for (size_t j = 0; j < d; j++) again[j * w + (size_t)k] = z[j * W + (size_t)s];
    k++;
  }
  for (size_t j = 0; j < d; j++)
    for (size_t s = (size_t)bad; s < w; s++) again[j * w + s] = again[j * w];
  if (spec->explain && (status = spec->explain(spec->model, bad, w, again, spec->counts)) != FR_OK) return status;
  status = spec->log_density(spec->model, bad, w, again, again_lp, g ? again_g : NULL);
  if (status != FR_OK) return status;
  *counter += bad;
  k = 0;
  for (int s = 0; s < S; s++) {
    if (point_finite(state->d, W, lp, g, s)) continue;
    lp[s] = again_lp[k];
    for (size_t j = 0; g && j < d; j++) g[j * W + (size_t)s] = again_g[j * w + (size_t)k];
    k++;
  }
  return FR_OK;
}

/* ---- pairs ---- */

size_t fr_pairs_work(int d, int P)
{
  const size_t ld = (size_t)fr_width(2 * P);
  return 4 * (size_t)d * ld + ld + fr_natural_evaluate_work(d, 2 * P);
}

double *fr_pairs_layout(int d, int P, double *work, fr_pairs *out)
{
  const size_t ld = (size_t)fr_width(2 * P), block = (size_t)d * ld;
  *out = (fr_pairs){.P = P, .kept = 0, .ld = ld, .e = work, .z = work + block, .half_sum = work + 2 * block,
                    .half_difference = work + 3 * block, .lp = work + 4 * block, .rest = work + 4 * block + ld};
  memset(work, 0, (4 * block + ld) * sizeof(double));
  return work + fr_pairs_work(d, P);
}

void fr_pairs_draw(const fr_natural *state, const fr_natural_spec *spec, double batch, int first, fr_pairs *pairs)
{
  fr_normals(spec->seed, FR_STREAM_FIT, (uint64_t)batch, (uint32_t)first, pairs->P, state->d, pairs->ld, pairs->e);
}

/* Moves column `from` of the n rows to `to`. */
static void move_column(int n, size_t ld, int from, int to, double *x)
{
  for (size_t j = 0; j < (size_t)n; j++) x[j * ld + (size_t)to] = x[j * ld + (size_t)from];
}

/* The densities and gradients of both halves, in lp and half_sum, become means and half differences of finite pairs. */
static void split(int d, int gradients, fr_pairs *b)
{
  const size_t ld = b->ld, P = (size_t)b->P;
  b->kept = 0;
  for (int p = 0; p < b->P; p++) {
    const double *g = gradients ? b->half_sum : NULL;
    if (!point_finite(d, ld, b->lp, g, p) || !point_finite(d, ld, b->lp, g, p + b->P)) continue;
    b->lp[b->kept] = 0.5 * (b->lp[p] + b->lp[P + (size_t)p]);
    for (size_t j = 0; gradients && j < (size_t)d; j++) {
      const double plus = b->half_sum[j * ld + (size_t)p], minus = b->half_sum[j * ld + P + (size_t)p];
      b->half_sum[j * ld + (size_t)b->kept] = 0.5 * (plus + minus);
      b->half_difference[j * ld + (size_t)b->kept] = 0.5 * (plus - minus);
    }
    if (b->kept < p) move_column(d, ld, p, b->kept, b->e);
    b->kept++;
  }
}

int fr_pairs_evaluate(fr_natural *state, const fr_natural_spec *spec, const double *loc, int shape, const double *a, int gradients,
                      fr_pairs *b)
{
  const int d = state->d, P = b->P;
  fr_dense_multiply(d, shape, a, P, b->ld, b->e, b->z);
  for (size_t j = 0; j < (size_t)d; j++) {
    double *row = b->z + j * b->ld;
    for (int p = 0; p < P; p++) {
      const double move = row[p];
      row[p] = loc[j] + move;
      row[P + p] = loc[j] - move;
    }
  }
  int status = fr_natural_evaluate(state, spec, 2 * P, b->z, b->lp, gradients ? b->half_sum : NULL, b->rest);
  if (status == FR_OK) split(d, gradients, b);
  return status;
}

void fr_pairs_whiten(int d, const double *A, fr_pairs *pairs, double *a, double *b)
{
  const size_t ld = pairs->ld, kept = (size_t)pairs->kept, both = (2 * kept + FR_LANES - 1) / FR_LANES * FR_LANES;
  for (size_t j = 0; j < (size_t)d; j++) { /* side by side, so that A is read once */
    double *row = pairs->half_sum + j * ld;
    memcpy(row + kept, pairs->half_difference + j * ld, kept * sizeof(double));
    for (size_t p = 2 * kept; p < both; p++) row[p] = 0.0;
  }
  fr_dense_multiply_transposed(d, FR_LOWER, A, 2 * (int)kept, ld, pairs->half_sum, a);
  for (size_t j = 0; j < (size_t)d; j++) {
    double *own = a + j * ld, *other = b + j * ld;
    for (size_t p = 0; p < kept; p++) other[p] = own[kept + p] + pairs->e[j * ld + p];
    for (size_t p = kept; p < both; p++) own[p] = other[p] = 0.0;
  }
}

int fr_natural_quick(fr_natural *state, const fr_natural_spec *spec, const double *loc, const double *factor, int pairs, double batch,
                     double *score, double *work)
{
  fr_pairs b;
  fr_pairs_layout(state->d, pairs, work, &b);
  fr_pairs_draw(state, spec, batch, 0, &b);
  int status = fr_pairs_evaluate(state, spec, loc, FR_LOWER, factor, 0, &b);
  if (status != FR_OK) return status;
  double sum = 0.0;
  for (int p = 0; p < b.kept; p++) sum += b.lp[p];
  *score = b.kept < pairs ? -INFINITY : sum / pairs + fr_sum_log_diagonal(state->d, factor);
  return FR_OK;
}

static void scale_factor(fr_natural *state, double by)
{
  const size_t n = (size_t)state->d * (size_t)state->d;
  for (size_t i = 0; i < n; i++) state->factor[i] *= by;
}

void fr_natural_refuse(fr_natural *state, int halve)
{
  state->c.refused += 1.0;
  state->c.in_a_row += 1.0;
  if (!halve) return;
  state->c.shrunk += 1.0;
  scale_factor(state, 0.5);
}

void fr_natural_succeed(fr_natural *state)
{
  state->c.in_a_row = 0.0;
  state->c.shrunk = 0.0;
}

/* The guide as it was before it was drawn in to no avail. */
static void restore(fr_natural *state)
{
  scale_factor(state, ldexp(1.0, (int)state->c.shrunk));
  state->c.shrunk = 0.0;
}

/* ---- the run ---- */

void fr_natural_init(fr_natural *state)
{
  state->c = (fr_natural_counters){.phase = FR_NATURAL_CLIMB, .path = -1.0, .best = -1.0, .score = -INFINITY, .rival = -INFINITY, .walk = -INFINITY, .batch = 1.0,
                                   .gap = NAN, .gap_se = NAN, .floor = NAN, .left = INFINITY, .elbo = NAN, .judged = -1.0};
}

void fr_natural_from_guide(fr_natural *state, const fr_guide *guide)
{
  const size_t n = (size_t)state->d;
  memcpy(state->loc, guide->loc, n * sizeof(double));
  memset(state->factor, 0, n * n * sizeof(double));
  for (size_t i = 0; i < n; i++) {
    const double scale = fr_softplus(guide->scale_unconstrained[i]);
    for (size_t j = 0; j < i; j++) state->factor[i * n + j] = scale * guide->tril[fr_tril_at(i, j)];
    state->factor[i * n + i] = scale;
  }
}

/* The best guide so far. While batch-and-match sets out from a rival, that is what came of the first. */
static void best_of(const fr_natural *state, const double **loc, const double **factor)
{
  *loc = state->best_loc;
  *factor = state->best_factor;
  if (state->c.phase != FR_NATURAL_MATCH || !state->c.racing) return;
  const fr_climb_arrays k = fr_climb_layout(state);
  *loc = k.rival_loc;
  *factor = k.rival_factor;
}

/* The guide as it stands; it may lie in work: d + 2 d^2 + fr_dense_work(d) */
static void at_hand(const fr_natural *state, const double **loc, const double **factor, double *work)
{
  const size_t n = (size_t)state->d;
  const int phase = (int)state->c.phase, best = state->fallen_back || (phase <= FR_NATURAL_HESSIAN && state->c.best >= 0.0);
  best_of(state, loc, factor);
  if (best) return;
  *loc = state->loc;
  *factor = state->factor;
  if (phase != FR_NATURAL_SOLVE || fr_natural_point(state, state->frame, work, work + n, work + n + n * n) != FR_OK) return;
  *loc = work;
  *factor = work + n;
}

/* A run that ends short of its verdict has moved since its best guide was scored, and may have moved for the worse. On the same fresh
 * draws: is what stands worse by more than WORSE nats? Then the best is the guide to give; the state goes on from where it is. */
static int choose(fr_natural *state, const fr_natural_spec *spec, double *work)
{
  const size_t n = (size_t)state->d;
  const double *loc, *factor, *best_loc, *best_factor;
  double now, best, *rest = work + n + 2 * n * n + fr_dense_work(state->d);
  if (state->c.best < 0.0 && state->c.judged < 0.0) return FR_OK; /* there is no other */
  at_hand(state, &loc, &factor, work);
  best_of(state, &best_loc, &best_factor);
  if (loc == best_loc) return FR_OK;
  const fr_natural_counters before = state->c;
  int status = fr_natural_quick(state, spec, loc, factor, FR_NATURAL_PAIRS, state->c.batch, &now, rest);
  if (status == FR_OK) status = fr_natural_quick(state, spec, best_loc, best_factor, FR_NATURAL_PAIRS, state->c.batch, &best, rest);
  state->c = before;
  state->fallen_back = status == FR_OK && !(now >= best - WORSE);
  return status == FR_INTERRUPTED ? FR_OK : status;
}

int fr_natural_guide(const fr_natural *state, fr_guide *guide, double *work)
{
  const size_t n = (size_t)state->d;
  const double *loc, *factor;
  at_hand(state, &loc, &factor, work);
  memcpy(guide->loc, loc, n * sizeof(double));
  memset(guide->tril, 0, fr_tril_size(n) * sizeof(double));
  for (size_t i = 0; i < n; i++) {
    const double scale = factor[i * n + i];
    if (!(scale > 0.0) || isinf(scale)) return FR_ERR_DOMAIN;
    guide->scale_unconstrained[i] = fr_softplus_inverse(scale);
    for (size_t j = 0; j < i; j++) guide->tril[fr_tril_at(i, j)] = factor[i * n + j] / scale;
  }
  return FR_OK;
}

int fr_natural_points(int pairs)
{
  return 2 * pairs > 2 * FR_NATURAL_PAIRS ? 2 * pairs : 2 * FR_NATURAL_PAIRS;
}

static size_t choose_work(int d)
{
  return (size_t)d + 2 * (size_t)d * (size_t)d + fr_dense_work(d) + fr_pairs_work(d, FR_NATURAL_PAIRS);
}

size_t fr_natural_work(int d, int pairs)
{
  size_t n = fr_larger(fr_larger(fr_natural_climb_work(d), fr_natural_steps_work(d, pairs)), choose_work(d));
  if (d > FR_NATURAL_MATCHED_MAX) n = fr_larger(n, fr_natural_grow_work(d));
  if (d > FR_NATURAL_FIXED_MAX) return n;
  if (d <= FR_NATURAL_SCOUT_MAX) n = fr_larger(n, fr_natural_scout_work(d));
  return fr_larger(fr_larger(n, d > FR_NATURAL_MATCHED_MAX ? 0 : fr_natural_match_work(d)), fr_natural_matched_work(d));
}

static int one_unit(fr_natural *state, const fr_natural_spec *spec, double *work)
{
  switch ((int)state->c.phase) {
  case FR_NATURAL_CLIMB: return fr_natural_climb(state, spec, work);
  case FR_NATURAL_SCORE: return fr_natural_score(state, spec, work);
  case FR_NATURAL_HESSIAN: return fr_natural_hessian(state, spec, work);
  case FR_NATURAL_FAR: return fr_natural_far(state, spec, work);
  case FR_NATURAL_MATCH: return fr_natural_match(state, spec, work);
  case FR_NATURAL_STEPS: return fr_natural_steps(state, spec, work);
  case FR_NATURAL_VERDICT: return fr_natural_verdict(state, spec, work);
  case FR_NATURAL_SOLVE: return fr_natural_solve(state, spec, work);
  case FR_NATURAL_GROW: return fr_natural_grow(state, spec, work);
  case FR_NATURAL_SCOUT: return fr_natural_scout(state, spec, work);
  case FR_NATURAL_AVERAGE: return fr_natural_average(state, spec, work);
  case FR_NATURAL_CONVERGED: return fr_natural_polish(state, spec, work);
  default: return FR_ERR_ARGUMENT;
  }
}

int fr_natural_update(fr_natural *state, const fr_natural_spec *spec, double *loss, double *work)
{
  const fr_natural_counters before = state->c;
  state->c.elbo = NAN;
  int status = one_unit(state, spec, work);
  if (status != FR_OK) {
    state->c = before;
    return status;
  }
  state->c.step += 1.0;
  *loss = -(state->c.elbo + state->d * (0.5 + FR_LOG_SQRT_2PI));
  return FR_OK;
}

int fr_natural_run(fr_natural *state, fr_natural_spec *spec, int *status, double *work)
{
  *work = NAN; /* no draws are prepared yet: natural_matched.c */
  for (const double first = state->c.step; state->c.step < spec->until_step;) {
    if (!spec->fixed_steps && state->c.phase == FR_NATURAL_CONVERGED) { *status = FR_RUN_CONVERGED; return FR_OK; }
    if (!spec->fixed_steps && state->c.gradients >= spec->max_gradients) break;
    double *loss = spec->loss + (size_t)(state->c.step - first);
    int code = fr_natural_update(state, spec, loss, work);
    *status = FR_RUN_INTERRUPTED;
    if (code == FR_INTERRUPTED) return FR_OK;
    if (code != FR_OK) return code;
    if (state->c.in_a_row >= FR_NATURAL_MAX_REFUSED) {
      restore(state);
      *status = FR_RUN_DIVERGED;
      return choose(state, spec, work);
    }
    if (spec->poll && spec->poll(spec->poll_data, state->c.step, *loss)) return FR_OK;
  }
  const int phase = (int)(state->c.phase == FR_NATURAL_SCOUT ? state->c.after : state->c.phase);
  const int arrived = !spec->fixed_steps && phase >= FR_NATURAL_AVERAGE; /* averaging, and scouts before it, may be cut short */
  *status = spec->fixed_steps ? FR_RUN_FIXED_STEPS : arrived ? FR_RUN_CONVERGED : FR_RUN_BUDGET_EXHAUSTED;
  return spec->fixed_steps || arrived ? FR_OK : choose(state, spec, work);
}
