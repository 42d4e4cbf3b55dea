/* natural_steps.c: natural-gradient steps from antithetic pairs, in the whitened frame of the guide.
 *
 * With g+, g- the gradients at a pair z = loc +- L e, a = L'(g+ + g-) / 2 and b = L'(g+ - g-) / 2 + e are unbiased for the natural
 * gradient: E[a] of the mean, E[b e'] of the factor; b is the path-derivative residual (Roeder, Wu and Duvenaud 2017), zero without
 * noise at a Gaussian optimum. Products of different pairs tell signal from noise and so set the length of the steps. The factor is
 * moved as in Tan (2021). */
#include "natural_parts.h"

#include "rng.h"
#include "vec.h"

#define FR_EACH_SOURCE "natural_kernels.h"
#include "isa_each.h"

#define FAR_PAIRS 8
#define FAR 2.0        /* nats */
#define VERY_FAR 20.0
#define HIDDEN 8.0     /* d over the noise per signal from which fixed draws, d to a batch, cost less than these steps */

/* a batch with a and b, and its Gram matrices */
typedef struct {
  fr_pairs pairs;
  double *a, *b;    /* d x ld */
  double *loc_gram, *factor_gram; /* P x P: a_p'a_q; (b_p'b_q)(e_p'e_q) / 2 */
  double *b_gram, *e_gram;        /* b_p'b_q; e_p'e_q */
  double *rows;                   /* P x ld */
} step_batch;

size_t fr_natural_steps_work(int d, int pairs)
{
  const int P = pairs > FAR_PAIRS ? pairs : FAR_PAIRS;
  const size_t ld = (size_t)fr_width(2 * P), n = (size_t)d;
  return fr_pairs_work(d, P) + 2 * n * ld + (4 * (size_t)P + ld) * (size_t)P + 3 * n + FR_LANES * (size_t)P + 64;
}

static double *lay_out(int d, int P, double *work, step_batch *out)
{
  double *rest = fr_pairs_layout(d, P, work, &out->pairs);
  const size_t block = (size_t)d * out->pairs.ld, gram = (size_t)P * (size_t)P;
  out->a = rest;
  out->b = rest + block;
  out->loc_gram = rest + 2 * block;
  out->factor_gram = out->loc_gram + gram;
  out->b_gram = out->factor_gram + gram;
  out->e_gram = out->b_gram + gram;
  out->rows = out->e_gram + gram;
  return out->rows + (size_t)P * out->pairs.ld;
}

/* out (P x P) = x'x of the first P columns; rows: P x ld */
static void inner_products(int d, int P, size_t ld, const double *x, double *rows, double *out)
{
  const size_t n = (size_t)P;
  fr_dense_inner(d, P, ld, x, rows);
  for (size_t p = 0; p < n; p++) memcpy(out + p * n, rows + p * ld, n * sizeof(double));
}

static void gram(int d, step_batch *s)
{
  const int P = s->pairs.kept;
  const size_t ld = s->pairs.ld;
  inner_products(d, P, ld, s->a, s->rows, s->loc_gram);
  inner_products(d, P, ld, s->b, s->rows, s->b_gram);
  inner_products(d, P, ld, s->pairs.e, s->rows, s->e_gram);
  for (int i = 0; i < P * P; i++) s->factor_gram[i] = 0.5 * s->b_gram[i] * s->e_gram[i];
}

/* no overflow */
static int grams_finite(const step_batch *s)
{
  const size_t n = (size_t)s->pairs.kept * (size_t)s->pairs.kept;
  return fr_vector_finite(n, s->loc_gram) && fr_vector_finite(n, s->factor_gram);
}

/* Sum over different pairs, as a mean; and the noise of the mean's squared norm. */
static void signal_and_noise(int P, const double *K, double *signal, double *noise)
{
  double all = 0.0, trace = 0.0;
  for (int p = 0; p < P; p++) {
    trace += K[p * P + p];
    for (int q = 0; q < P; q++) all += K[p * P + q];
  }
  *signal = P > 1 ? (all - trace) / (P * (P - 1.0)) : 0.0;
  *noise = trace / ((double)P * P);
}

/* The spectral norm of the mean of b e', by the power method on the P x P matrix (b'b)(e'e). */
static double factor_norm(const step_batch *s, double *x)
{
  const size_t P = (size_t)s->pairs.kept;
  double *y = x + P, norm = 0.0;
  for (size_t p = 0; p < P; p++) x[p] = 1.0;
  for (int k = 0; k < 20; k++) {
    for (size_t p = 0; p < P; p++) y[p] = fr_dot(P, s->e_gram + p * P, x);
    for (size_t p = 0; p < P; p++) x[p] = fr_dot(P, s->b_gram + p * P, y);
    norm = sqrt(fr_dot(P, x, x));
    if (!(norm > 0.0)) return 0.0;
    for (size_t p = 0; p < P; p++) x[p] /= norm;
  }
  return sqrt(norm) / (double)P;
}

/* What move_panel() does, for row i alone, with b and e as they are and e yet to be scaled; sum: P */
static double move_row(size_t i, const step_batch *s, double scale, const double *mean, double *row, double *sum)
{
  const size_t ld = s->pairs.ld, P = (size_t)s->pairs.kept;
  const double product = fr_dot(i + 1, row, mean);
  memset(sum, 0, P * sizeof(double));
  for (size_t j = i + 1; j-- > 0;) {
    const double *b = s->b + j * ld, *e = s->pairs.e + j * ld, x = row[j];
    for (size_t p = 0; p < P; p++) {
      row[j] += scale * (sum[p] + 0.5 * x * b[p]) * e[p];
      sum[p] += x * b[p];
    }
  }
  return product;
}

/* loc += rate_loc L mean; and L += rate L [strictly lower and half the diagonal of the mean of b e']. The z of the pairs are used up. work:
 * d + P FR_LANES. Cost d^2 P. */
static void move_guide(fr_natural *state, double rate_loc, const double *mean, double rate, step_batch *s, double *work)
{
  const size_t n = (size_t)state->d, ld = s->pairs.ld, P = (size_t)s->pairs.kept, whole = n / FR_LANES * FR_LANES;
  double *b = s->pairs.z, *e = b + whole * P, *half = work, *sum = half + n, product[FR_LANES];
  const double scale = rate / (double)P;
  memset(half, 0, n * sizeof(double));
  for (size_t j = 0; j < whole; j++)
    for (size_t p = 0; p < P; p++) {
      const size_t to = (j / FR_LANES * P + p) * FR_LANES + j % FR_LANES;
      b[to] = s->b[j * ld + p];
      e[to] = scale * s->pairs.e[j * ld + p];
      half[j] += 0.5 * b[to] * e[to];
    }
  for (size_t i = 0; i < n; i += FR_LANES) {
    const size_t rows = n - i < FR_LANES ? n - i : FR_LANES;
    double *panel = state->factor + i * n;
    if (i < whole) FR_CALL_ISA(move_panel, (n, i, P, b, e, half, mean, panel, sum, product));
    for (size_t r = 0; r < rows; r++) {
      double *diagonal = panel + r * n + i + r;
      if (i == whole) product[r] = move_row(i + r, s, scale, mean, panel + r * n, sum);
      state->loc[i + r] += rate_loc * product[r];
      *diagonal = fabs(*diagonal) > 1e-300 ? fabs(*diagonal) : 1e-300;
    }
  }
}

static double gain(double signal, double noise)
{
  const double s = signal > 0.0 ? signal : 0.0;
  return noise > 0.0 ? s / (s + noise) : 1.0;
}

/* Lengths of the steps, (of the mean, of the factor), before their trust regions. */
static void step_lengths(fr_natural *state, const step_batch *s, const double *mean, double *rate_loc, double *rate_factor)
{
  fr_natural_counters *c = &state->c;
  const double d = state->d, S = 2.0 * s->pairs.P;
  double signal[2], noise[2];
  signal_and_noise(s->pairs.kept, s->loc_gram, signal, noise);
  signal_and_noise(s->pairs.kept, s->factor_gram, signal + 1, noise + 1);
  const int first = c->updates == 0.0;
  c->updates += 1.0;
  const double weight = fmax(0.1, 1.0 / c->updates);
  c->signal_loc += weight * (signal[0] - c->signal_loc);
  c->signal_factor += weight * (signal[1] - c->signal_factor);
  c->noise_loc += weight * (noise[0] - c->noise_loc);
  c->noise_factor += weight * (noise[1] - c->noise_factor);
  const double least = 1.0 / (c->updates + 1.0 + d / S);
  *rate_loc = fmin(1.0, 1.5 * fmax(gain(c->signal_loc, c->noise_loc), least));
  *rate_factor = fmin(1.0, 1.5 * fmax(gain(c->signal_factor, c->noise_factor), least));
  if (first) {
    c->cap = S / (S + d);
  } else { /* two gradients of the mean that point against each other by more than noise: it overshoots */
    const size_t n = (size_t)state->d;
    const double along = fr_dot(n, mean, state->mean_gradient);
    const int against = along < 0.0 && along * along > 0.1 * fr_dot(n, mean, mean) * fr_dot(n, state->mean_gradient, state->mean_gradient);
    c->cap = against && signal[0] > noise[0] ? fmax(0.5 * c->cap, 0.02 * S / (S + d)) : fmin(1.0, 1.05 * c->cap);
  }
  *rate_loc = fmin(*rate_loc, c->cap);
}

static void mean_of_rows(int d, size_t ld, int P, const double *a, double *mean)
{
  for (size_t j = 0; j < (size_t)d; j++) {
    mean[j] = 0.0;
    for (int p = 0; p < P; p++) mean[j] += a[j * ld + (size_t)p];
    mean[j] /= P;
  }
}

/* loc and factor moved by the given rates, inside their trust regions */
static void move(fr_natural *state, step_batch *s, const double *mean, double rate_loc, double rate_factor, double *work)
{
  const size_t n = (size_t)state->d;
  const double reach = fmax(1.0, 0.5 * sqrt((double)n)), length = rate_loc * sqrt(fr_dot(n, mean, mean));
  if (length > reach) rate_loc *= reach / length;
  const double spread = rate_factor * factor_norm(s, work);
  if (spread > 1.0) rate_factor /= spread;
  move_guide(state, rate_loc, mean, rate_factor, s, work);
}

/* of a batch whose Gram matrices are there */
static double batch_elbo(const fr_natural *state, const step_batch *s)
{
  double sum = 0.0;
  const int P = s->pairs.kept;
  for (int p = 0; p < P; p++) sum += s->pairs.lp[p] + 0.5 * s->e_gram[p * P + p];
  return sum / P - 0.5 * state->d + fr_sum_log_diagonal(state->d, state->factor);
}

/* One step with the batch laid out in s, its e drawn. Returns in *done whether it was taken. */
static int take_step(fr_natural *state, const fr_natural_spec *spec, step_batch *s, double *rest, int *done)
{
  double *mean = rest, *scratch = mean + state->d, rate_loc, rate_factor;
  int status = fr_pairs_evaluate(state, spec, state->loc, FR_LOWER, state->factor, 1, &s->pairs);
  if (status != FR_OK) return status;
  const int least = s->pairs.P < 2 ? s->pairs.P : 2;
  *done = s->pairs.kept >= least;
  if (!*done) return FR_OK;
  fr_pairs_whiten(state->d, state->factor, &s->pairs, s->a, s->b);
  gram(state->d, s);
  mean_of_rows(state->d, s->pairs.ld, s->pairs.kept, s->a, mean);
  *done = grams_finite(s);
  if (!*done) return FR_OK;
  fr_natural_succeed(state);
  state->c.elbo = batch_elbo(state, s);
  step_lengths(state, s, mean, &rate_loc, &rate_factor);
  memcpy(state->mean_gradient, mean, (size_t)state->d * sizeof(double));
  move(state, s, mean, rate_loc, rate_factor, scratch);
  return FR_OK;
}

/* The steps have done what they can; where that has left the guide far away, the climb starts anew from it. */
static void hand_over(fr_natural *state)
{
  fr_natural_counters *c = &state->c;
  if (0.5 * (c->signal_loc + c->signal_factor) > VERY_FAR && c->round + 1.0 < FR_NATURAL_ROUNDS) fr_natural_climb_again(state);
  else c->phase = FR_NATURAL_VERDICT;
}

int fr_natural_steps(fr_natural *state, const fr_natural_spec *spec, double *work)
{
  fr_natural_counters *c = &state->c;
  step_batch s;
  int done;
  double *rest = lay_out(state->d, spec->pairs, work, &s);
  fr_pairs_draw(state, spec, c->batch, 0, &s.pairs);
  int status = take_step(state, spec, &s, rest, &done);
  if (status != FR_OK) return status;
  c->batch += 1.0;
  if (!done) {
    fr_natural_refuse(state, 1);
    return FR_OK;
  }
  const int P = s.pairs.kept;
  double all = 0.0;
  for (int p = 0; p < P * P; p++) all += s.loc_gram[p] + s.factor_gram[p];
  c->small = 0.5 * all / ((double)P * P) < spec->tol / 10.0 ? c->small + 1.0 : 0.0;
  c->low_signal = fmax(2.0, state->d / HIDDEN) * (c->signal_loc + c->signal_factor) < c->noise_loc + c->noise_factor ? c->low_signal + 1.0 : 0.0;
  if (c->small >= 4.0 || (c->low_signal >= 3.0 && c->updates >= 6.0)) hand_over(state);
  return FR_OK;
}

int fr_natural_step(fr_natural *state, const fr_natural_spec *spec, int P, size_t ld, const double *e, double *loss, double *work)
{
  step_batch s;
  int done;
  double *rest = lay_out(state->d, P, work, &s);
  for (size_t j = 0; j < (size_t)state->d; j++) memcpy(s.pairs.e + j * s.pairs.ld, e + j * ld, (size_t)P * sizeof(double));
  *loss = NAN;
  state->c.elbo = NAN;
  int status = take_step(state, spec, &s, rest, &done);
  if (status != FR_OK) return status;
  state->c.step += 1.0;
  if (done) *loss = -(state->c.elbo + state->d * (0.5 + FR_LOG_SQRT_2PI));
  else fr_natural_refuse(state, 0);
  return FR_OK;
}

/* After the verdict: steps that average, each weighing as much as the gradients that went before it. */
int fr_natural_polish(fr_natural *state, const fr_natural_spec *spec, double *work)
{
  step_batch s;
  double *rest = lay_out(state->d, spec->pairs, work, &s), *mean = rest, *scratch = mean + state->d;
  fr_pairs_draw(state, spec, state->c.batch, 0, &s.pairs);
  int status = fr_pairs_evaluate(state, spec, state->loc, FR_LOWER, state->factor, 1, &s.pairs);
  if (status != FR_OK) return status;
  state->c.batch += 1.0;
  if (s.pairs.kept < s.pairs.P) {
    state->c.refused += 1.0;
    return FR_OK;
  }
  fr_pairs_whiten(state->d, state->factor, &s.pairs, s.a, s.b);
  gram(state->d, &s);
  if (!grams_finite(&s)) {
    state->c.refused += 1.0;
    return FR_OK;
  }
  state->c.elbo = batch_elbo(state, &s);
  mean_of_rows(state->d, s.pairs.ld, s.pairs.kept, s.a, mean);
  const double rate = 2.0 * s.pairs.P / state->c.gradients;
  move(state, &s, mean, rate, rate, scratch);
  return FR_OK;
}

int fr_natural_average(fr_natural *state, const fr_natural_spec *spec, double *work)
{
  int status = fr_natural_polish(state, spec, work);
  if (status != FR_OK) return status;
  state->c.at += 1.0;
  if (state->c.at >= FR_NATURAL_AVERAGED) state->c.phase = FR_NATURAL_CONVERGED;
  return FR_OK;
}

/* Is the guide far from the optimum? The gap by products of different pairs; where it is large, batch-and-match comes first. */
int fr_natural_far(fr_natural *state, const fr_natural_spec *spec, double *work)
{
  step_batch s;
  double signal[2], noise[2];
  lay_out(state->d, FAR_PAIRS, work, &s);
  fr_pairs_draw(state, spec, state->c.batch, 0, &s.pairs);
  int status = fr_pairs_evaluate(state, spec, state->loc, FR_LOWER, state->factor, 1, &s.pairs);
  if (status != FR_OK) return status;
  state->c.batch += 1.0;
  state->c.at = 0.0;
  state->c.updates = 0.0;
  double gap = INFINITY;
  if (s.pairs.kept == FAR_PAIRS) {
    fr_pairs_whiten(state->d, state->factor, &s.pairs, s.a, s.b);
    gram(state->d, &s);
    state->c.elbo = batch_elbo(state, &s);
    signal_and_noise(FAR_PAIRS, s.loc_gram, signal, noise);
    signal_and_noise(FAR_PAIRS, s.factor_gram, signal + 1, noise + 1);
    gap = 0.5 * (signal[0] + signal[1]);
  }
  state->c.phase = gap <= FAR ? FR_NATURAL_STEPS : FR_NATURAL_MATCH;
  if (!(gap <= FAR) && !state->c.funnel && state->c.path >= 2.0) fr_natural_down_the_path(state);
  return FR_OK;
}
