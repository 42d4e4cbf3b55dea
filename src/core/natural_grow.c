/* natural_grow.c: natural-gradient steps for large d, in batches that grow until their noise no longer hides the gap.
 *
 * E[b e'] is symmetric (Price's theorem), so that averaging it with its transpose takes out part of the noise of the factor. Gap and
 * error come from products of different pairs: with K(p, q) the inner product of the natural gradients of two pairs and h_p the sum of
 * K(p, q) over q < p, the h_p are martingale differences at the optimum, and U = sum h_p / (P (P - 1)).
 *
 * Along a curved valley one natural gradient after the other points the same way. The moves therefore keep a part of their velocity while
 * they climb, and lose it when they do not (O'Donoghue and Candes 2015). Along such a valley the ELBO is flatter than the natural gradient
 * takes it to be, and more is left to gain than the gap U says. Two things tell how much more: how the slope along the velocity has
 * changed over the last move; and what the latest moves have gained, on the same draws, beside the gap that they have closed.
 *
 * Where the walk of the warm start has left a rival, both have their turn to come near what they lead to, and the better goes on. */
#include "natural_climb.h"

#include "dense_blocked.h"
#include "rng.h"

#define FIRST_PAIRS 100
#define MOST_PAIRS 4000
#define ERRORS 3.0
#define MOST_RATE 0.8
#define MOST_KEPT 0.8
#define KEPT_STEP 0.1
#define MOST_SPREAD 0.7 /* spectral norm of the symmetric move of the factor */
#define FLATTEST 0.02  /* curvature along the velocity, as a part of that of the quadratic, that is believed */
#define APART 4.0      /* moves between two guides that are compared, at least */
#define COMPARED 32    /* chunks of FR_NATURAL_PAIRS on which they are compared */
#define CLOSED 0.3     /* part of the earlier gap that the moves between them have closed, at least */
#define TRIFLE 0.01    /* gap in units of tol that is left however flat the ELBO may be */
#define NEAR 10.0      /* gap in units of tol above which the best guide is kept at each move */
#define HIDDEN 0.05    /* signal, as a part of its noise, below which batches grow */
#define LEG 15.0       /* units in which two guides that compete have their turn, at most */
#define ARRIVED 1.0    /* nats of a gap that end it, */
#define HOPELESS 3.0   /* ... and batches in a row with draws that were not finite */
#define PLAIN 0.2      /* sd of the log weights' means over pairs up to which the ELBO curves as the natural gradient has it */
#define WORSE 1.0      /* nats, and WORSE_ERRORS errors, by which a guide that is given up is below the best */
#define WORSE_ERRORS 4.0

typedef struct {
  fr_pairs chunk;
  double *a, *b, *turned;  /* d x ld */
  double *sum_a;           /* d */
  double *M;               /* d x d: sum of b e' */
  double *N;               /* d x d */
  double *x, *y;           /* d */
  double elbo, square_elbo, kept; /* sums over pairs; pairs */
  double diagonal_loc, diagonal_factor;  /* sums of K(p, p), apart */
  double sum_h, square_h;
} grow_batch;

size_t fr_natural_velocity_size(int d)
{
  return d > FR_NATURAL_MATCHED_MAX ? (size_t)d + (size_t)d * (size_t)d : 0;
}

size_t fr_natural_grow_work(int d)
{
  const size_t n = (size_t)d, ld = (size_t)fr_width(2 * FR_NATURAL_PAIRS);
  return fr_pairs_work(d, FR_NATURAL_PAIRS) + 3 * n * ld + 2 * n * n + 3 * n;
}

static void lay_out(int d, double *work, grow_batch *g)
{
  const size_t n = (size_t)d, ld = (size_t)fr_width(2 * FR_NATURAL_PAIRS);
  *g = (grow_batch){.M = work};
  g->N = g->M + n * n;
  g->sum_a = g->N + n * n;
  g->x = g->sum_a + n;
  g->y = g->x + n;
  g->a = g->y + n;
  g->b = g->a + n * ld;
  g->turned = g->b + n * ld;
  memset(g->M, 0, n * n * sizeof(double));
  memset(g->sum_a, 0, n * sizeof(double));
}

static double *chunk_work(int d, const grow_batch *g) { return g->turned + (size_t)d * (size_t)fr_width(2 * FR_NATURAL_PAIRS); }

/* out (P x P) = x'y, of the first P columns */
static void gram(int d, int P, size_t ld, const double *x, const double *y, double *out)
{
  const size_t p = (size_t)P;
  memset(out, 0, p * p * sizeof(double));
  fr_blocked_multiply_add(p, (size_t)d, p, 1.0, (fr_strided){x, 1, ld}, FR_NO_ZEROS, (fr_strided){y, ld, 1}, out, p);
}

/* h of each pair of the chunk: against those of earlier chunks by their sums, within the chunk one by one. Adds up the ELBO, too. */
static void add_products(int d, grow_batch *g)
{
  const size_t n = (size_t)d, ld = g->chunk.ld;
  const int P = g->chunk.kept;
  const double *e = g->chunk.e;
  double h[FR_NATURAL_PAIRS], aa[FR_NATURAL_PAIRS * FR_NATURAL_PAIRS], bb[FR_NATURAL_PAIRS * FR_NATURAL_PAIRS];
  double ee[FR_NATURAL_PAIRS * FR_NATURAL_PAIRS], be[FR_NATURAL_PAIRS * FR_NATURAL_PAIRS];
  gram(d, P, ld, g->a, g->a, aa);
  gram(d, P, ld, g->b, g->b, bb);
  gram(d, P, ld, e, e, ee);
  gram(d, P, ld, g->b, e, be);
  fr_dense_multiply(d, FR_FULL, g->M, P, ld, e, g->turned);
  for (int p = 0; p < P; p++) h[p] = 0.0;
  for (size_t j = 0; j < n; j++)
    for (size_t p = 0; p < (size_t)P; p++) h[p] += 0.25 * g->b[j * ld + p] * g->turned[j * ld + p] + g->a[j * ld + p] * g->sum_a[j];
  fr_dense_multiply_transposed(d, FR_FULL, g->M, P, ld, e, g->turned);
  for (size_t j = 0; j < n; j++)
    for (size_t p = 0; p < (size_t)P; p++) h[p] += 0.25 * g->b[j * ld + p] * g->turned[j * ld + p];
  for (int p = 0; p < P; p++) {
    for (int q = 0; q <= p; q++) {
      const double loc = aa[p * P + q];
      const double factor = 0.25 * (bb[p * P + q] * ee[p * P + q] + be[p * P + q] * be[q * P + p]);
      if (q < p) {
        h[p] += loc + factor;
      } else {
        g->diagonal_loc += loc;
        g->diagonal_factor += factor;
      }
    }
    g->sum_h += h[p];
    g->square_h += h[p] * h[p];
    const double weight = g->chunk.lp[p] + 0.5 * ee[p * P + p];
    g->elbo += weight;
    g->square_elbo += weight * weight;
  }
}

static int add_chunk(fr_natural *state, const fr_natural_spec *spec, int first, int some, grow_batch *g)
{
  const size_t n = (size_t)state->d;
  fr_pairs *chunk = &g->chunk;
  fr_pairs_layout(state->d, some, chunk_work(state->d, g), chunk);
  fr_pairs_draw(state, spec, state->c.batch, first, chunk);
  int status = fr_pairs_evaluate(state, spec, state->loc, FR_LOWER, state->factor, 1, chunk);
  if (status != FR_OK) return status;
  fr_pairs_whiten(state->d, state->factor, chunk, g->a, g->b);
  add_products(state->d, g);
  for (size_t j = 0; j < n; j++)
    for (int p = 0; p < chunk->kept; p++) g->sum_a[j] += g->a[j * chunk->ld + (size_t)p];
  fr_dense_add_outer(state->d, chunk->kept, chunk->ld, g->b, chunk->e, g->M);
  g->kept += chunk->kept;
  return FR_OK;
}

/* Spectral norm of T + T' for lower T, from below, by the power method. */
static double spectral_norm(int d, const double *T, double *x, double *y)
{
  const size_t n = (size_t)d;
  double norm = 0.0;
  fr_normals(1, FR_STREAM_FIT, 0, 0, 1, d, 1, x);
  for (int k = 0; k < 8; k++) {
    norm = sqrt(fr_dot(n, x, x));
    if (!(norm > 0.0)) return 0.0;
    for (size_t i = 0; i < n; i++) x[i] /= norm;
    for (size_t i = 0; i < n; i++) {
      const double *row = T + i * n;
      y[i] = fr_dot(i + 1, row, x);
      for (size_t j = 0; j <= i; j++) y[j] += row[j] * x[i];
    }
    memcpy(x, y, n * sizeof(double));
  }
  return sqrt(fr_dot(n, x, x));
}

static double rate_from(double signal, double noise)
{
  const double s = signal > 0.0 ? signal : 0.0;
  return fmin(MOST_RATE, fmax(s + noise > 0.0 ? s / (s + noise) : 1.0, 0.05));
}

/* M becomes the natural gradient of the factor, lower: L (I + rate M) is a step along it; sum_a that of loc. */
static void natural_gradient(int d, grow_batch *g)
{
  const size_t n = (size_t)d;
  for (size_t i = 0; i < n; i++) {
    g->sum_a[i] /= g->kept;
    for (size_t j = 0; j < i; j++) {
      g->M[i * n + j] = 0.5 * (g->M[i * n + j] + g->M[j * n + i]) / g->kept;
      g->M[j * n + i] = 0.0;
    }
    g->M[i * n + i] *= 0.5 / g->kept;
  }
}

/* Inner product of two moves in the whitened frame: what the ELBO gains along one whose natural gradient is the other. */
static double inner(int d, const double *loc, const double *factor, const double *other_loc, const double *other_factor)
{
  const size_t n = (size_t)d;
  double sum = fr_dot(n, loc, other_loc);
  for (size_t i = 0; i < n; i++) sum += fr_dot(i + 1, factor + i * n, other_factor + i * n) + factor[i * n + i] * other_factor[i * n + i];
  return sum;
}

/* What is left to gain along the velocity, of squared length `square`, beyond what the natural gradient along it says: the slope was
 * c->slope before the last move and is `slope` now, known to an error of about `noise` squared. */
static double left_along(const fr_natural_counters *c, double slope, double square, double noise)
{
  const double sure = slope * slope - noise;
  if (!(slope > 0.0 && sure > 0.0 && square > 0.0)) return 0.0;
  const double curvature = fmax(c->slope - slope, FLATTEST * square);
  return fmax(0.5 * sure * (1.0 / curvature - 1.0 / square), 0.0);
}

/* One move: the velocity, after it has taken up the natural gradient. */
static void move(fr_natural *state, grow_batch *g, double rate_loc, double rate_factor)
{
  const int d = state->d;
  const size_t n = (size_t)d;
  double *v = state->velocity, *V = v + n;
  const double reach = fmax(1.0, 0.5 * sqrt((double)n)), kept = state->c.kept;
  for (size_t i = 0; i < n * n; i++) V[i] = kept * V[i] + rate_factor * g->M[i];
  for (size_t i = 0; i < n; i++) v[i] = kept * v[i] + rate_loc * g->sum_a[i];
  const double length = sqrt(fr_dot(n, v, v)), spread = spectral_norm(d, V, g->x, g->y);
  if (length > reach)
    for (size_t i = 0; i < n; i++) v[i] *= reach / length;
  if (spread > MOST_SPREAD)
    for (size_t i = 0; i < n * n; i++) V[i] *= MOST_SPREAD / spread;
  fr_dense_product(d, FR_LOWER, state->factor, V, g->N);
  for (size_t i = n; i-- > 0;) state->loc[i] += fr_dot(i + 1, state->factor + i * n, v);
  for (size_t i = 0; i < n; i++) {
    for (size_t j = 0; j <= i; j++) state->factor[i * n + j] += g->N[i * n + j];
    if (!(state->factor[i * n + i] > 1e-300)) state->factor[i * n + i] = 1e-300;
  }
}

static void stand_still(fr_natural *state)
{
  const size_t n = (size_t)state->d;
  memset(state->velocity, 0, (n + n * n) * sizeof(double));
  state->c.kept = 0.0;
}

/* The guide at hand is kept: its ELBO and gap as the batch found them. */
static void keep(fr_natural *state, double se, double gap)
{
  const size_t n = (size_t)state->d;
  state->c.score = state->c.elbo;
  state->c.score_se = se;
  state->c.gap_then = gap;
  state->c.moves = 0.0;
  memcpy(state->best_loc, state->loc, n * sizeof(double));
  memcpy(state->best_factor, state->factor, n * n * sizeof(double));
}

/* What the moves since a guide was kept have gained, on the same draws, and its error; NaN where too few chunks of draws are finite. */
static int gained(fr_natural *state, const fr_natural_spec *spec, double *gain, double *se, double *work)
{
  fr_natural_counters *c = &state->c;
  double sum = 0.0, square = 0.0, now, then;
  int finite = 0;
  for (int k = 0; k < COMPARED; k++) {
    int status = fr_natural_quick(state, spec, state->loc, state->factor, FR_NATURAL_PAIRS, c->batch, &now, work);
    if (status == FR_OK) status = fr_natural_quick(state, spec, state->best_loc, state->best_factor, FR_NATURAL_PAIRS, c->batch, &then, work);
    if (status != FR_OK) return status;
    c->batch += 1.0;
    if (!isfinite(now) || !isfinite(then)) continue;
    finite++;
    sum += now - then;
    square += (now - then) * (now - then);
  }
  *gain = *se = NAN;
  if (finite < COMPARED / 4) return FR_OK;
  *gain = sum / finite;
  *se = sqrt(fmax(square / finite - *gain * *gain, 0.0) / (finite - 1));
  return FR_OK;
}

static int races(const fr_natural_counters *c) { return c->rival > -INFINITY || c->racing; }

/* Both moves of the race: the guide at hand makes way for its rival, and stands as the best meanwhile; then the better of them stays. */
static int race_on(fr_natural *state, const fr_natural_spec *spec, double *work)
{
  fr_natural_counters *c = &state->c;
  const size_t n = (size_t)state->d;
  if (!c->racing) {
    const fr_climb_arrays k = fr_climb_layout(state);
    memcpy(state->best_loc, state->loc, n * sizeof(double));
    memcpy(state->best_factor, state->factor, n * n * sizeof(double));
    memcpy(state->loc, k.rival_loc, n * sizeof(double));
    memset(state->factor, 0, n * n * sizeof(double));
    for (size_t j = 0; j < n; j++) state->factor[j * n + j] = k.rival_factor[j];
    c->rival = -INFINITY;
    c->racing = 1.0;
    c->pairs = 0.0;
  } else {
    double gain, se;
    int status = gained(state, spec, &gain, &se, work);
    if (status != FR_OK) return status;
    const int won = gain > 0.0;
    memcpy(won ? state->best_loc : state->loc, won ? state->loc : state->best_loc, n * sizeof(double));
    memcpy(won ? state->best_factor : state->factor, won ? state->factor : state->best_factor, n * n * sizeof(double));
    if (!won) c->pairs = 0.0;
    c->racing = 0.0;
  }
  c->at = c->bad = c->in_a_row = c->shrunk = 0.0;
  c->gap = c->gap_se = NAN;
  return FR_OK;
}

/* By how much the gap is more than it reads, by what the moves since a guide was kept have gained; infinite where that is not known. */
static int more_left(fr_natural *state, const fr_natural_spec *spec, double *more, double *work)
{
  fr_natural_counters *c = &state->c;
  double gain, se;
  int status = gained(state, spec, &gain, &se, work);
  if (status != FR_OK) return status;
  const double closed = fmax(fmax(c->gap_then - c->gap, CLOSED * c->gap_then), c->gap_se);
  *more = isfinite(gain) ? fmax(1.0, (gain + se) / closed) : INFINITY;
  return FR_OK;
}

/* The moves may lead astray, where log weights have heavy tails or down a slope that flattens out. The best guide so far is kept, if its
 * draws are finite; one that is clearly worse is given up for it, and the moves that follow are shorter. Returns whether that is so. */
static int led_astray(fr_natural *state, const fr_natural_spec *spec, double se, double gap, int finite)
{
  fr_natural_counters *c = &state->c;
  const size_t n = (size_t)state->d;
  const int due = c->score == -INFINITY || c->moves >= APART || !(gap < NEAR * spec->tol);
  if (finite && due && c->elbo > c->score) keep(state, se, gap);
  if (!(c->elbo < c->score - WORSE - WORSE_ERRORS * (se + c->score_se))) {
    c->cap = fmin(MOST_RATE, 1.2 * c->cap);
    return 0;
  }
  memcpy(state->loc, state->best_loc, n * sizeof(double));
  memcpy(state->factor, state->best_factor, n * n * sizeof(double));
  stand_still(state);
  c->cap = fmax(0.5 * c->cap, 0.02);
  return 1;
}

/* The error of the batch's ELBO. */
static double elbo_error(const grow_batch *g)
{
  const double mean = g->elbo / g->kept, variance = g->square_elbo / g->kept - mean * mean;
  return sqrt(fmax(variance, 0.0) / (g->kept - 1.0));
}

int fr_natural_grow(fr_natural *state, const fr_natural_spec *spec, double *work)
{
  fr_natural_counters *c = &state->c;
  const size_t n = (size_t)state->d;
  grow_batch g;
  lay_out(state->d, work, &g);
  const int arrived = c->pairs > 0.0 && fmax(c->gap, 0.0) + ERRORS * c->gap_se < ARRIVED;
  if (races(c) && (arrived || c->at >= LEG || c->bad > HOPELESS)) return race_on(state, spec, chunk_work(state->d, &g));
  c->at += 1.0;
  if (c->pairs == 0.0) {
    c->pairs = FIRST_PAIRS;
    c->cap = MOST_RATE;
    c->score = -INFINITY;
    stand_still(state);
  }
  for (int first = 0, some; first < (int)c->pairs; first += some) {
    some = (int)c->pairs - first < FR_NATURAL_PAIRS ? (int)c->pairs - first : FR_NATURAL_PAIRS;
    int status = add_chunk(state, spec, first, some, &g);
    if (status != FR_OK) return status;
  }
  c->batch += 1.0;
  const double P = g.kept, lost = 1.0 - P / c->pairs;
  if (lost > 0.25) {
    stand_still(state);
    fr_natural_refuse(state, 1);
    return FR_OK;
  }
  double square = 0.0, crossed = 0.0;
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++) {
      square += g.M[i * n + j] * g.M[i * n + j];
      crossed += g.M[i * n + j] * g.M[j * n + i];
    }
  const double steepness = fr_dot(n, g.sum_a, g.sum_a);
  if (!isfinite(steepness + square + g.square_h + g.square_elbo)) { /* overflow */
    fr_natural_refuse(state, 0);
    return FR_OK;
  }
  const double signal_loc = (steepness - g.diagonal_loc) / (P * (P - 1.0));
  const double signal_factor = (0.25 * (square + crossed) - g.diagonal_factor) / (P * (P - 1.0));
  const double noise_loc = g.diagonal_loc / (P * P), noise_factor = g.diagonal_factor / (P * P);
  const double noise = noise_loc + noise_factor, *v = state->velocity, *V = v + n;
  const double rate_loc = fmin(c->cap, rate_from(signal_loc, noise_loc)), rate_factor = fmin(c->cap, rate_from(signal_factor, noise_factor));
  natural_gradient(state->d, &g);
  const double slope = inner(state->d, v, V, g.sum_a, g.M), length = inner(state->d, v, V, v, V);
  const double gap = g.sum_h / (P * (P - 1.0)) + left_along(c, slope, length, length * noise / state->d);
  c->gap = gap;
  c->gap_se = sqrt(g.square_h) / (P * (P - 1.0));
  c->elbo = g.elbo / P - 0.5 * state->d + fr_sum_log_diagonal(state->d, state->factor);
  c->judged = c->step;
  const double most = fmax(gap, 0.0) + ERRORS * c->gap_se, elbo_se = elbo_error(&g);
  const int finite = lost <= 0.01, compared = finite && isfinite(c->score) && c->moves >= APART && most < spec->tol;
  double more = most < TRIFLE * spec->tol ? 1.0 : INFINITY;
  if (compared && more > 1.0) {
    int status = more_left(state, spec, &more, chunk_work(state->d, &g));
    if (status != FR_OK) return status;
    if (gap > 0.0 && isfinite(more)) c->gap *= more;
    if (isfinite(more)) c->gap_se *= more;
  }
  /* nothing is evaluated from here on */
  fr_natural_succeed(state);
  if (state->d <= FR_NATURAL_FIXED_MAX && finite && !races(c) && most < ARRIVED && elbo_se * sqrt(P) > PLAIN) { /* noise hides a flat ridge */
    if (!(c->elbo <= c->score)) keep(state, elbo_se, gap);
    c->bad = 0.0;
    c->pairs = 0.0;
    c->phase = FR_NATURAL_VERDICT;
    return FR_OK;
  }
  c->bad = finite ? 0.0 : c->bad + 1.0;
  if (c->bad > 10.0) c->in_a_row = FR_NATURAL_MAX_REFUSED;
  if (!c->racing && led_astray(state, spec, elbo_se, gap, finite)) return FR_OK;
  if (!races(c) && finite && more * most < spec->tol) c->phase = FR_NATURAL_CONVERGED;
  else if (compared) keep(state, elbo_se, gap);
  c->kept = slope < 0.0 || length == 0.0 ? 0.0 : fmin(c->kept + KEPT_STEP, MOST_KEPT);
  move(state, &g, rate_loc, rate_factor);
  c->slope = inner(state->d, v, V, g.sum_a, g.M) - rate_loc * noise_loc - rate_factor * noise_factor; /* less what the noise has with itself */
  c->moves += 1.0;
  if (fmax(signal_loc + signal_factor, 0.0) < HIDDEN * noise) c->pairs = fmin(MOST_PAIRS, floor(1.5 * c->pairs));
  return FR_OK;
}
