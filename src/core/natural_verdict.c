/* natural_verdict.c: is the guide at the optimum?
 *
 * The first evaluation on new draws is the verdict on the point, which has never seen them: with g_i the gradients of the batches and
 * H the L-BFGS estimate of the inverse Hessian, U = mean over i <> j of g_i' H g_j / 2 is the gap in nats, to second order. */
#include "natural_matched.h"

#define WILD 1e6        /* nats: with such an error some draws lie where the density all but vanishes, as where it is not finite; */
#define WILD_TRIES 10.0 /* ... but a guide that stays so is one to go on from */
#define LEAST_BATCHES 4.0
#define LEAST_PAIRS 24
#define GROWTH 1.5
#define NOISY 2.0            /* a gap of less than so many floors is mostly noise */
#define PASSES 0.4           /* of tol: a gap of so much should pass */
#define AIM 0.35              /* of tol: the gap that draws are to leave */
#define ERRORS 3.0            /* standard errors of a verdict that count as gap */
#define REACH 4.0             /* the squared length of a filtered step is at most so many times the nats in gap and noise */
#define ROUGH 1.5            /* a gap of so many times the noise of one batch is closed by that alone at first */
#define PROBE 0.25            /* length of a step to see the curvature by */
#define SHARE 0.12            /* of all gradients so far: a verdict that took less is next to nothing */
#define FLAT 0.85            /* part of the curvature assumed below which a gap of SIGNIFICANT errors and MORE floors may be the foot of a ridge */
#define SIGNIFICANT 10.0
#define MORE 1.2             /* the draws of a solve leave one at most */
#define UNSURE 0.1            /* of tol: a verdict with a larger error may have missed draws that are rare and weigh much */
#define TROUBLE 0.1            /* of the gradients that may be taken: who has not arrived by then may be in the wrong place */
#define LOSS 1.0              /* nats by which a guide may be worse than the best before, beyond the noise */
#define MAX_LOST_CONVERGED 0.01

void fr_matched_mean_gradient(const fr_matched_frame *f, const double *gradient, double *mean)
{
  for (size_t i = 0; i < f->n; i++) {
    mean[i] = 0.0;
    for (int b = 0; b < f->batches; b++) mean[i] += gradient[(size_t)b * f->n + i] / f->batches;
  }
}

double fr_matched_mean_value(int batches, const double *value, double *se)
{
  double mean = 0.0, square = 0.0;
  for (int b = 0; b < batches; b++) mean += value[b] / batches;
  for (int b = 0; b < batches; b++) square += (value[b] - mean) * (value[b] - mean);
  *se = batches > 1 ? sqrt(square / (batches * (batches - 1))) : NAN;
  return mean;
}

/* U, its standard error, and floor: the gap that noise would leave if one maximised on these draws; by `held` curvature pairs. */
fr_gap_estimate fr_matched_gap(const fr_matched_frame *f, int held, const double *gradient, double *work)
{
  const size_t B = (size_t)f->of;
  double K[FR_NATURAL_BATCHES][FR_NATURAL_BATCHES], row[FR_NATURAL_BATCHES], all = 0.0, trace = 0.0, square = 0.0, row_square = 0.0;
  for (size_t b = 0; b < B; b++)
    fr_lbfgs_direction(f->n, held, f->s, f->y, 1.0, gradient + b * f->n, work + b * f->n, work + B * f->n);
  for (size_t i = 0; i < B; i++)
    for (size_t j = 0; j < B; j++) K[i][j] = 0.5 * fr_dot(f->n, work + i * f->n, gradient + j * f->n);
  for (size_t i = 0; i < B; i++) {
    row[i] = 0.0;
    trace += K[i][i];
    for (size_t j = 0; j < B; j++) {
      all += K[i][j];
      if (i != j) row[i] += 0.5 * (K[i][j] + K[j][i]) / ((double)B - 1.0);
    }
  }
  fr_gap_estimate out = {.U = (all - trace) / ((double)(B * (B - 1)))};
  for (size_t i = 0; i < B; i++) {
    row_square += (row[i] - out.U) * (row[i] - out.U);
    for (size_t j = i + 1; j < B; j++) square += (0.5 * (K[i][j] + K[j][i]) - out.U) * (0.5 * (K[i][j] + K[j][i]) - out.U);
  }
  const double M = 0.5 * (double)(B * (B - 1));
  out.se = fmax(2.0 * sqrt(row_square / (double)((B - 1) * B)), sqrt(square / (M - 1.0) / M));
  out.floor = fmax((trace / (double)B - out.U) / (double)B, 0.0);
  return out;
}

/* With the curvature met and with -I, to which the Hessian is close at an optimum: whichever sees more of a gap. Curvature that was met
 * far away may hide one. */
static fr_gap_estimate larger_gap(const fr_matched_frame *f, int held, const double *gradient, double *work)
{
  const fr_gap_estimate plain = fr_matched_gap(f, 0, gradient, work);
  if (held == 0) return plain;
  const fr_gap_estimate met = fr_matched_gap(f, held, gradient, work);
  return fmax(met.U, 0.0) + ERRORS * met.se > fmax(plain.U, 0.0) + ERRORS * plain.se ? met : plain;
}

static double least_pairs(int d) { return d > LEAST_PAIRS ? d : LEAST_PAIRS; }

/* `by` times as many draws, but no more than GROWTH times and not so many that a verdict would take much of the budget; in as many
 * batches as can be whitened, which tell the noise the better. */
static void grow(fr_natural *state, const fr_natural_spec *spec, double by)
{
  fr_natural_counters *c = &state->c;
  const double now = c->pairs * c->of, most = fmax(now, 0.125 * spec->budget);
  const double total = fmin(most, now * fmax(1.0, fmin(GROWTH, by)));
  const double batches = (double)fr_natural_batches(state->d);
  c->of = fmax(LEAST_BATCHES, fmin(batches, floor(total / least_pairs(state->d))));
  c->pairs = fmax(c->of == batches || c->of == LEAST_BATCHES ? 0.0 : least_pairs(state->d), ceil(total / c->of));
}

/* Back to the best guide that a verdict has seen, with more draws and no curvature. */
static void fall_back(fr_natural *state, const fr_natural_spec *spec)
{
  const size_t n = (size_t)state->d;
  memcpy(state->loc, state->best_loc, n * sizeof(double));
  memcpy(state->factor, state->best_factor, n * n * sizeof(double));
  state->c.held = 0.0;
  state->c.left = INFINITY;
  grow(state, spec, GROWTH);
}

/* Is the guide no worse, beyond doubt, than the best that a verdict has seen? Then it is that from now on. */
static int keep_or_fall_back(fr_natural *state, const fr_natural_spec *spec, double value, double value_se)
{
  fr_natural_counters *c = &state->c;
  const size_t n = (size_t)state->d;
  if (c->judged >= 0.0 && value + fmin(4.0 * value_se, LOSS) < c->score - LOSS - 4.0 * c->score_se) {
    fall_back(state, spec);
    return 0;
  }
  c->score = value;
  c->score_se = value_se;
  memcpy(state->best_loc, state->loc, n * sizeof(double));
  memcpy(state->best_factor, state->factor, n * n * sizeof(double));
  return 1;
}

/* New draws gave too many values that are not finite: the guide is drawn in when that goes on. */
static int refuse_verdict(fr_natural *state, const fr_natural_spec *spec)
{
  state->c.bad += 1.0;
  if (state->c.judged >= 0.0 && state->c.bad <= 3.0) fall_back(state, spec);
  fr_natural_refuse(state, state->c.bad > 3.0);
  if (state->c.bad > 20.0) state->c.in_a_row = FR_NATURAL_MAX_REFUSED;
  return FR_OK;
}

/* Draws of the next batches, no fewer than now and at most GROWTH times as many. A point that is expected to pass is judged to an error
 * that lets it; otherwise the step that follows is to leave AIM tol. */
void fr_matched_more_draws(fr_natural *state, const fr_natural_spec *spec)
{
  fr_natural_counters *c = &state->c;
  const double tol = spec->tol;
  if (c->bad > 0.0) return;
  double by = GROWTH;
  if (c->left < PASSES * tol) by = pow(2.0 * ERRORS * c->gap_se / (tol - c->left), 4.0 / 3.0);
  else if (isfinite(c->left)) by = c->floor * (1.0 / (AIM * tol) - 1.0 / c->left);
  grow(state, spec, by);
}

/* Of the way to where the draws see the optimum, the share that the noise allows: that of the gap in gap and noise together, as a filter
 * does. So all draws so far, not the latest alone, say where the optimum is. */
double fr_matched_share(const fr_natural_counters *c)
{
  const double before = fmax(c->gap, fmin(c->left, 2.0 * c->floor));
  return before / (before + c->floor);
}

/* That share of a Newton step, by the curvature met so far. */
int fr_matched_filter(fr_natural *state, const fr_matched_frame *f, const fr_matched_work *w)
{
  fr_natural_counters *c = &state->c;
  const double before = fmax(c->gap, fmin(c->left, 2.0 * c->floor)), rate = fr_matched_share(c);
  fr_matched_mean_gradient(f, f->gradient, w->trial);
  fr_lbfgs_direction(f->n, (int)c->held, f->s, f->y, 1.0, w->trial, w->trial, w->scratch);
  const double reach = sqrt(REACH * (before + c->floor)), norm = sqrt(fr_dot(f->n, w->trial, w->trial));
  const double length = rate * norm > reach ? reach / norm : rate;
  for (size_t i = 0; i < f->n; i++) w->trial[i] *= length;
  int status = fr_matched_move(state, f, w->trial, w);
  if (status != FR_OK) return status;
  c->left = rate * c->floor;
  c->level += 1.0;
  return FR_OK;
}

/* Does the ELBO still rise along the drift, beyond the noise and by what may add up? */
static int drifts_on(const fr_matched_frame *f, double tol)
{
  double slope[FR_NATURAL_BATCHES], se;
  for (size_t b = 0; b < (size_t)f->of; b++) slope[b] = fr_dot(f->n, f->gradient + b * f->n, f->direction);
  const double mean = fr_matched_mean_value(f->of, slope, &se);
  return mean > ERRORS * se && 0.5 * mean * mean > 0.1 * LITTLE * tol;
}

/* A gap that would pass is seen through the curvature assumed, H^-1. What if the ELBO is all but straight where it leads? The first batch
 * is evaluated a step along H p, p the mean gradient of the second half of the batches, which gives A H p for the true curvature A; with g
 * that of the first half, g' H A H p over g' H p is then free of the noise of either, and the gap is larger by its inverse. */
static int probe(fr_natural *state, const fr_natural_spec *spec, fr_matched_frame *f, const fr_matched_work *w, double *share)
{
  fr_natural_counters *c = &state->c;
  const size_t n = f->n;
  const int held = (int)c->held;
  const int half = f->of / 2;
  double value, lost, *y = w->trial, *turned = w->scratch, *first = turned + n;
  int usable;
  if (c->gap < fmax(LEAST_CURVATURE * spec->tol, c->gap_se)) return FR_OK;
  for (size_t i = 0; i < n; i++) {
    f->direction[i] = 0.0;
    for (int b = half; b < f->of; b++) f->direction[i] += f->gradient[(size_t)b * n + i] / (f->of - half);
  }
  fr_lbfgs_direction(n, held, f->s, f->y, 1.0, f->direction, f->direction, w->scratch);
  const double length = fmax(1.0, PROBE / sqrt(fr_dot(n, f->direction, f->direction)));
  for (size_t i = 0; i < n; i++) w->trial[i] = length * f->direction[i];
  int status = fr_matched_evaluate(state, spec, w, 1, w->trial, &value, w->gradient, &lost, &usable);
  if (status != FR_OK) return status;
  c->refused += lost > 0.0;
  if (!usable) return FR_OK;
  f->batches = half;
  fr_matched_mean_gradient(f, f->gradient, first);
  fr_lbfgs_direction(n, held, f->s, f->y, 1.0, first, turned, first + n);
  for (size_t i = 0; i < n; i++) y[i] = (f->gradient[i] - w->gradient[i]) / length;
  *share = fr_dot(n, turned, y) / fr_dot(n, first, f->direction);
  if (*share < 1.0) c->gap /= fmax(*share, LEAST_CURVATURE);
  f->batches = 1;
  memcpy(f->best_gradient, w->gradient, n * sizeof(double));
  c->best_length = length;
  fr_matched_remember(f, c, w->scratch, w->scratch + n);
  f->batches = f->of;
  return FR_OK;
}

static int passes(const fr_natural_counters *c, double tol)
{
  return c->bad == 0.0 && fmax(c->gap, 0.0) + ERRORS * c->gap_se < tol;
}

/* A verdict that cost next to nothing is worth another with more draws, which sees smaller slopes: unless there is next to no noise. */
static int thorough(const fr_natural_counters *c, double tol)
{
  return c->floor < LITTLE * tol || 2.0 * c->pairs * c->of > SHARE * c->gradients;
}

/* The gradient of all batches less that of those of the solve. */
static void set_tilt(const fr_matched_frame *f, double *some)
{
  fr_matched_frame all = *f;
  double *tilt = fr_matched_tilt(f);
  all.batches = f->of;
  fr_matched_mean_gradient(&all, f->gradient, tilt);
  fr_matched_mean_gradient(f, f->gradient, some);
  for (size_t i = 0; i < f->n; i++) tilt[i] -= some[i];
}

int fr_natural_verdict(fr_natural *state, const fr_natural_spec *spec, double *work)
{
  fr_natural_counters *c = &state->c;
  if (c->pairs == 0.0) {
    c->of = LEAST_BATCHES;
    c->pairs = least_pairs(state->d);
  }
  c->batches = c->of;
  fr_matched_frame f = fr_matched_layout(state);
  const fr_matched_work w = fr_matched_lay_out(state->d, work);
  double of_batch[FR_NATURAL_BATCHES], value, value_se, lost;
  int usable;
  c->draws = c->batch;
  c->batch += c->of;
  int status = fr_matched_prepare(state, spec, &w);
  if (status != FR_OK) return status;
  memset(f.u, 0, f.n * sizeof(double));
  status = fr_matched_evaluate(state, spec, &w, f.of, f.u, of_batch, f.gradient, &lost, &usable);
  if (status != FR_OK) return status;
  if (!usable) return refuse_verdict(state, spec);
  c->elbo = value = fr_matched_mean_value(f.of, of_batch, &value_se);
  if (value_se > WILD && c->bad < WILD_TRIES) return refuse_verdict(state, spec);
  status = fr_matched_drift(state, &f, &w);
  if (status != FR_OK) return status;
  fr_natural_succeed(state);
  if (!keep_or_fall_back(state, spec, value, value_se)) return FR_OK;
  const fr_gap_estimate found = larger_gap(&f, (int)c->held, f.gradient, w.scratch);
  c->gap = found.U;
  c->gap_se = (1.0 + 2.0 / c->of) * found.se; /* of few batches it is too small often: Student's t */
  c->floor = found.floor;
  c->judged = c->step;
  c->value = value;
  c->bad = lost > MAX_LOST_CONVERGED ? c->bad + 1.0 : 0.0;
  if (c->bad > 10.0) c->in_a_row = FR_NATURAL_MAX_REFUSED;
  /* Noise explains the gap, or it is nothing, and the guide is not on its way: otherwise the little that is left to gain may lead on
   * further, as along the throat of a funnel. */
  const double least = c->gap - 0.6 * ERRORS * c->gap_se;
  const int still = !drifts_on(&f, spec->tol);
  const int settled = still && (least < NOISY * c->floor || passes(c, LITTLE * spec->tol));
  if (settled && passes(c, spec->tol) && !thorough(c, spec->tol)) {
    status = fr_matched_filter(state, &f, &w);
    grow(state, spec, GROWTH);
    return status;
  }
  c->ridge = 0.0;
  if (settled && passes(c, spec->tol)) {
    const double seen = c->gap;
    double share = 1.0;
    status = probe(state, spec, &f, &w, &share);
    if (status != FR_OK) return status;
    c->ridge = share < FLAT && seen > SIGNIFICANT * c->gap_se && seen > MORE * c->floor && seen > RIDGE * LITTLE * spec->tol;
    if (!c->ridge && passes(c, spec->tol)) {
      c->after = c->gap_se > UNSURE * spec->tol ? FR_NATURAL_AVERAGE : FR_NATURAL_CONVERGED;
      c->phase = fr_natural_scouts_left(state) ? FR_NATURAL_SCOUT : c->after;
      c->at = 0.0;
      return fr_matched_filter(state, &f, &w);
    }
  }
  if (c->gradients > TROUBLE * spec->budget && fr_natural_scouts_left(state)) {
    c->after = FR_NATURAL_VERDICT;
    c->phase = FR_NATURAL_SCOUT;
    return FR_OK;
  }
  c->phase = FR_NATURAL_SOLVE;
  c->length = 0.0;
  c->at = 0.0;
  c->batches = c->bad == 0.0 && least > ROUGH * c->of * c->floor ? 1.0 : 2.0;
  f.batches = (int)c->batches;
  c->value = fr_matched_mean_value(f.batches, of_batch, &value_se);
  if (fr_matched_tilted(&f)) set_tilt(&f, w.trial);
  return FR_OK;
}
