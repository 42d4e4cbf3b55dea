/* natural_matched.c: L-BFGS on fixed draws in the natural frame, and the verdict on fresh ones.
 *
 * Natural coordinates u around (loc, L): mean loc + L u_m, factor L T(u) with T = I + a symmetric matrix, scaled so that |u|^2 / 2 is
 * the KL divergence to (loc, L) to second order; the ELBO's Hessian in u is then close to -I. Batches of P half-draws, 4 to 16, each
 * whitened so that the mean of e e' is I exactly, are used as pairs loc +- L e (Burroni et al. 2024 and Giordano et al. 2024 fix
 * draws; matching their moments takes out what a quadratic log density would add to the noise).
 *
 * The first evaluation on new draws is the verdict on the point, which has never seen them: with g_i the gradients of the batches and
 * H the L-BFGS estimate of the inverse Hessian, U = mean over i <> j of g_i' H g_j / 2 is the gap in nats, to second order. */
#include "natural_parts.h"

#include "rng.h"

#define MOST FR_NATURAL_BATCHES
#define LEAST_BATCHES 4.0
#define MAX_PASSES 30
#define LEAST_PAIRS 24
#define GROWTH 2.0
#define NOISY 2.0            /* a gap of less than so many floors is mostly noise */
#define PASSES 0.6           /* of tol: a gap of so much should pass */
#define AIM 0.35              /* of tol: the gap that draws are to leave */
#define ERRORS 3.0            /* standard errors of a verdict that count as gap */
#define LEAST_CURVATURE 0.02  /* the ELBO's Hessian is near -I at an optimum: eigenvalues of .05 to 2.9 were met */
#define MOST_CURVATURE 10.0
#define SAME_FRAME 1e-3        /* twice the nats of a move that leaves the curvature's frame as it is */
#define REACH 4.0             /* the squared length of a filtered step is at most so many times the nats in gap and noise */
#define ROUGH 2.5            /* a gap of so many times the noise of one batch is closed by that alone at first */
#define PROBE 0.25            /* length of a step to see the curvature by */
#define LITTLE 0.1         /* of tol: a gap that needs no explaining by noise */
#define SHARE 0.12            /* of all gradients so far: a verdict that took less is next to nothing */
#define LOSS 1.0              /* nats by which a guide may be worse than the best before, beyond the noise */
#define MAX_LOST 0.25         /* share of pairs that may be lost to values that are not finite */
#define MAX_LOST_CONVERGED 0.01

typedef struct {
  size_t n;
  int of;                         /* batches drawn, at most MOST */
  int batches;                    /* of them those that the solve uses: all, or 1 while the gap is far above the noise */
  double *u, *direction;          /* n */
  double *gradient, *best_gradient; /* MOST x n */
  double *s, *y;                  /* FR_NATURAL_MEMORY x n */
} frame_arrays;

static size_t coordinates(int d) { return (size_t)d + (size_t)d * ((size_t)d + 1) / 2; }

size_t fr_natural_frame_size(int d)
{
  return d > FR_NATURAL_MATCHED_MAX ? 0 : coordinates(d) * (2 + 2 * MOST + 2 * FR_NATURAL_MEMORY);
}

static frame_arrays layout(const fr_natural *state)
{
  frame_arrays f = {.n = coordinates(state->d), .of = (int)state->c.of, .batches = (int)state->c.batches, .u = state->frame};
  f.direction = f.u + f.n;
  f.gradient = f.direction + f.n;
  f.best_gradient = f.gradient + MOST * f.n;
  f.s = f.best_gradient + MOST * f.n;
  f.y = f.s + FR_NATURAL_MEMORY * f.n;
  return f;
}

/* Workspace. The whitening factors are kept from unit to unit of a run, for the draws whose number stands in `prepared`. */
typedef struct {
  double *prepared;  /* 1 (8 for alignment): first batch of the draws that are prepared; NaN: none */
  double *whiten;    /* MOST lower d x d: e = whiten raw */
  double *T, *T_inverse, *A, *A_raw, *M, *product; /* d x d */
  double *trial;     /* n */
  double *gradient;  /* MOST x n, at the trial */
  double *scratch;   /* (MOST + 1) n, directions of estimate_gap; or chunks of pairs */
} matched_work;

static size_t scratch_size(int d)
{
  const size_t n = (MOST + 1) * coordinates(d) + FR_NATURAL_MEMORY, chunk = fr_pairs_work(d, FR_NATURAL_PAIRS);
  const size_t lapack = fr_dense_work(d) + (size_t)d * (size_t)d;
  const size_t two = n > chunk ? n : chunk;
  return two > lapack ? two : lapack;
}

size_t fr_natural_matched_work(int d)
{
  const size_t n = (size_t)d;
  return 8 + (MOST + 6) * n * n + (MOST + 1) * coordinates(d) + scratch_size(d);
}

static matched_work lay_out(int d, double *work)
{
  const size_t n = (size_t)d * (size_t)d;
  matched_work w = {.prepared = work, .whiten = work + 8};
  w.T = w.whiten + MOST * n;
  w.T_inverse = w.T + n;
  w.A = w.T_inverse + n;
  w.A_raw = w.A + n;
  w.M = w.A_raw + n;
  w.product = w.M + n;
  w.trial = w.product + n;
  w.gradient = w.trial + coordinates(d);
  w.scratch = w.gradient + MOST * coordinates(d);
  return w;
}

/* ---- draws ---- */

/* Pairs first .. of batch b; returns how many, at most FR_NATURAL_PAIRS. */
static int draw_chunk(const fr_natural *state, const fr_natural_spec *spec, int b, int first, fr_pairs *chunk, double *work)
{
  const int left = (int)state->c.pairs - first, some = left < FR_NATURAL_PAIRS ? left : FR_NATURAL_PAIRS;
  if (some <= 0) return 0;
  fr_pairs_layout(state->d, some, work, chunk);
  fr_pairs_draw(state, spec, state->c.draws + b, first, chunk);
  return some;
}

/* For each batch the inverse of the Cholesky factor of its second moments. Cost P d^2 each. */
static int prepare(const fr_natural *state, const fr_natural_spec *spec, const matched_work *w)
{
  const int d = state->d;
  const size_t n = (size_t)d * (size_t)d;
  if (*w->prepared == state->c.draws) return FR_OK;
  for (int b = 0; b < (int)state->c.of; b++) {
    double *W = w->whiten + (size_t)b * n;
    fr_pairs chunk;
    memset(W, 0, n * sizeof(double));
    for (int p = 0, some; (some = draw_chunk(state, spec, b, p, &chunk, w->scratch)) > 0; p += some)
      fr_dense_add_outer(d, some, chunk.ld, chunk.e, chunk.e, W);
    for (size_t i = 0; i < n; i++) W[i] /= state->c.pairs;
    int status = fr_dense_cholesky(d, W);
    if (status == FR_OK) status = fr_dense_invert_lower(d, W);
    if (status != FR_OK) return status;
  }
  *w->prepared = state->c.draws;
  return FR_OK;
}

/* ---- the objective ---- */

/* T = I + symmetric from u */
static void symmetric_factor(int d, const double *u, double *T)
{
  const size_t n = (size_t)d;
  const double *v = u + n;
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j <= i; j++, v++) {
      if (i == j) T[i * n + i] = 1.0 + sqrt(0.5) * *v;
      else T[i * n + j] = T[j * n + i] = 0.5 * *v;
    }
}

/* out = loc + L u_m */
static void moved_loc(const fr_natural *state, const double *u, double *out)
{
  const size_t n = (size_t)state->d;
  for (size_t i = 0; i < n; i++) out[i] = state->loc[i] + fr_dot(i + 1, state->factor + i * n, u);
}

/* sums over the pairs of a batch; raw: its draws before they are whitened */
typedef struct {
  double value;        /* of (lp+ + lp-) / 2 + e'e / 2 */
  double lost;         /* pairs that were not finite */
  double *half_sum;    /* d: of (g+ + g-) / 2 */
  double *moment;      /* d x d: of (g+ - g-) / 2 raw' */
  double *lost_moment; /* d x d: of e e' over the lost pairs */
} batch_sums;

static void times_transposed(int d, const double *a, const double *W, double *out);

/* Adds what a chunk has lost: all its raw raw' less those that were kept. */
static void add_lost(const fr_natural *state, const fr_natural_spec *spec, int b, int first, fr_pairs *chunk, double *product,
                     double *lost_moment)
{
  const size_t n = (size_t)state->d * (size_t)state->d;
  memset(product, 0, n * sizeof(double));
  fr_dense_add_outer(state->d, chunk->kept, chunk->ld, chunk->e, chunk->e, product);
  for (size_t i = 0; i < n; i++) lost_moment[i] -= product[i];
  fr_pairs_draw(state, spec, state->c.draws + b, first, chunk);
  fr_dense_add_outer(state->d, chunk->P, chunk->ld, chunk->e, chunk->e, lost_moment);
}

static int sum_batch(fr_natural *state, const fr_natural_spec *spec, const matched_work *w, int b, const double *loc, batch_sums *sums)
{
  const int d = state->d;
  const size_t n = (size_t)d;
  const double *W = w->whiten + (size_t)b * n * n;
  fr_pairs chunk;
  sums->value = sums->lost = 0.0;
  memset(sums->half_sum, 0, n * sizeof(double));
  memset(sums->moment, 0, n * n * sizeof(double));
  memset(sums->lost_moment, 0, n * n * sizeof(double));
  for (int p = 0, some; (some = draw_chunk(state, spec, b, p, &chunk, w->scratch)) > 0; p += some) {
    int status = fr_pairs_evaluate(state, spec, loc, FR_FULL, w->A_raw, 1, &chunk);
    if (status != FR_OK) return status;
    for (int k = 0; k < chunk.kept; k++) sums->value += chunk.lp[k];
    for (size_t j = 0; j < n; j++)
      for (int k = 0; k < chunk.kept; k++) sums->half_sum[j] += chunk.half_sum[j * chunk.ld + (size_t)k];
    fr_dense_add_outer(d, chunk.kept, chunk.ld, chunk.half_difference, chunk.e, sums->moment);
    if (chunk.kept == some) continue;
    sums->lost += some - chunk.kept;
    add_lost(state, spec, b, p, &chunk, w->product, sums->lost_moment);
  }
  sums->value += 0.5 * state->c.pairs * d; /* e'e adds up to P d, the draws being whitened */
  if (sums->lost == 0.0) return FR_OK;
  fr_dense_product(d, FR_LOWER, W, sums->lost_moment, w->product);
  times_transposed(d, w->product, W, sums->lost_moment);
  for (size_t i = 0; i < n; i++) sums->value -= 0.5 * sums->lost_moment[i * n + i];
  return FR_OK;
}

/* out = A W' for lower W: row i, entry j: sum over k <= j of a_ik w_jk */
static void times_transposed(int d, const double *a, const double *W, double *out)
{
  const size_t n = (size_t)d;
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++) out[i * n + j] = fr_dot(j + 1, a + i * n, W + j * n);
}

/* The gradient of one batch in u. log det T differentiates to T^-1; over lost pairs the mean of e e' stands in for I. */
static void batch_gradient(const fr_natural *state, const matched_work *w, int b, const batch_sums *sums, double *out)
{
  const int d = state->d;
  const size_t n = (size_t)d;
  const double kept = state->c.pairs - sums->lost, *W = w->whiten + (size_t)b * n * n;
  memset(out, 0, n * sizeof(double));
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j <= i; j++) out[j] += state->factor[i * n + j] * sums->half_sum[i] / kept;
  times_transposed(d, sums->moment, W, w->product);                      /* sum of (g+ - g-) / 2 e' */
  fr_dense_cross(d, FR_LOWER, state->factor, w->product, sums->moment);  /* L' of it */
  if (sums->lost > 0.0) { /* T^-1 times the mean of e e' over the kept pairs, (P I - lost) / kept */
    fr_dense_product(d, FR_FULL, w->T_inverse, sums->lost_moment, w->product);
    for (size_t i = 0; i < n * n; i++) w->product[i] = (state->c.pairs * w->T_inverse[i] - w->product[i]) / kept;
  } else {
    memcpy(w->product, w->T_inverse, n * n * sizeof(double));
  }
  for (size_t i = 0; i < n * n; i++) w->product[i] += sums->moment[i] / kept;
  double *v = out + n;
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j <= i; j++) *v++ = (i == j ? sqrt(0.5) : 0.5) * (w->product[i * n + j] + (i == j ? 0.0 : w->product[j * n + i]));
}

/* The sample ELBO at u (less d / 2 log 2 pi e) of each of the first `batches` batches and its gradient; *usable is 0 where T is not positive definite or too
 * many pairs are not finite. */
static int evaluate(fr_natural *state, const fr_natural_spec *spec, const matched_work *w, int batches, const double *u, double *value,
                    double *gradient, double *lost, int *usable)
{
  const int d = state->d;
  const size_t n = (size_t)d;
  *usable = 0;
  *lost = 0.0;
  symmetric_factor(d, u, w->T);
  memcpy(w->T_inverse, w->T, n * n * sizeof(double));
  if (fr_dense_cholesky(d, w->T_inverse) != FR_OK) return FR_OK;
  const double log_det = fr_sum_log_diagonal(d, w->T_inverse) * 2.0 + fr_sum_log_diagonal(d, state->factor);
  if (fr_dense_invert_cholesky(d, w->T_inverse) != FR_OK) return FR_OK;
  fr_dense_product(d, FR_LOWER, state->factor, w->T, w->A);
  double move[FR_NATURAL_MATCHED_MAX], half_sum[FR_NATURAL_MATCHED_MAX];
  moved_loc(state, u, move);
  for (int b = 0; b < batches; b++) {
    batch_sums sums = {.half_sum = half_sum, .moment = w->M, .lost_moment = w->T};
    fr_dense_product(d, FR_FULL, w->A, w->whiten + (size_t)b * n * n, w->A_raw);
    int status = sum_batch(state, spec, w, b, move, &sums);
    if (status != FR_OK) return status;
    if (!(sums.lost <= MAX_LOST * state->c.pairs)) {
      *lost = 1.0;
      return FR_OK;
    }
    value[b] = sums.value / (state->c.pairs - sums.lost) - 0.5 * d + log_det;
    *lost += sums.lost / state->c.pairs / batches;
    batch_gradient(state, w, b, &sums, gradient + (size_t)b * coordinates(d));
  }
  *usable = fr_vector_finite((size_t)batches, value) && fr_vector_finite((size_t)batches * coordinates(d), gradient);
  return FR_OK;
}

/* ---- the verdict ---- */

static void mean_gradient(const frame_arrays *f, const double *gradient, double *mean)
{
  for (size_t i = 0; i < f->n; i++) {
    mean[i] = 0.0;
    for (int b = 0; b < f->batches; b++) mean[i] += gradient[(size_t)b * f->n + i] / f->batches;
  }
}

static double mean_value(int batches, const double *value, double *se)
{
  double mean = 0.0, square = 0.0;
  for (int b = 0; b < batches; b++) mean += value[b] / batches;
  for (int b = 0; b < batches; b++) square += (value[b] - mean) * (value[b] - mean);
  *se = batches > 1 ? sqrt(square / (batches * (batches - 1))) : NAN;
  return mean;
}

typedef struct {
  double U, se, floor;
} gap_estimate;

/* U, its standard error, and floor: the gap that noise would leave if one maximised on these draws; by `held` curvature pairs. */
static gap_estimate estimate_gap(const frame_arrays *f, int held, const double *gradient, double *work)
{
  const size_t B = (size_t)f->of;
  double K[MOST][MOST], row[MOST], all = 0.0, trace = 0.0, square = 0.0, row_square = 0.0;
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
  gap_estimate out = {.U = (all - trace) / ((double)(B * (B - 1)))};
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
static gap_estimate larger_gap(const frame_arrays *f, int held, const double *gradient, double *work)
{
  const gap_estimate plain = estimate_gap(f, 0, gradient, work);
  if (held == 0) return plain;
  const gap_estimate met = estimate_gap(f, held, gradient, work);
  return fmax(met.U, 0.0) + ERRORS * met.se > fmax(plain.U, 0.0) + ERRORS * plain.se ? met : plain;
}

int fr_natural_point(const fr_natural *state, const double *u, double *loc, double *factor, double *work)
{
  const size_t n = (size_t)state->d;
  double *T = work, *rest = T + n * n;
  symmetric_factor(state->d, u, T);
  fr_dense_product(state->d, FR_LOWER, state->factor, T, factor);
  int status = fr_dense_triangularise(state->d, factor, rest);
  if (status == FR_OK) moved_loc(state, u, loc);
  return status;
}

static void pack_symmetric(int d, const double *S, double *v)
{
  const size_t n = (size_t)d;
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j <= i; j++) *v++ = i == j ? sqrt(2.0) * S[i * n + i] : S[i * n + j] + S[j * n + i];
}

/* x := A x, or A' x, for lower A */
static void multiply_vector(int d, const double *a, int transposed, double *x)
{
  const size_t n = (size_t)d;
  if (!transposed) {
    for (size_t i = n; i-- > 0;) x[i] = fr_dot(i + 1, a + i * n, x);
    return;
  }
  for (size_t j = 0; j < n; j++) {
    double sum = 0.0;
    for (size_t i = j; i < n; i++) sum += a[i * n + j] * x[i];
    x[j] = sum;
  }
}

/* A curvature pair in the frame of a factor F where it was in that of L: with R = F^-1 L, a move of the covariance L S L' is one by
 * R S R', and gradients go the other way, so that y's is what it was. R, inverse (of R): lower d x d. Cost 4 d^3. */
static void carry_pair(int d, const double *R, const double *inverse, double *s, double *y, const matched_work *w)
{
  const size_t n = (size_t)d;
  multiply_vector(d, R, 0, s);
  multiply_vector(d, inverse, 1, y);
  symmetric_factor(d, s, w->A);
  for (size_t i = 0; i < n; i++) w->A[i * n + i] -= 1.0;
  fr_dense_product(d, FR_LOWER, R, w->A, w->product);
  times_transposed(d, w->product, R, w->A);
  pack_symmetric(d, w->A, s + n);
  symmetric_factor(d, y, w->A);
  for (size_t i = 0; i < n; i++) w->A[i * n + i] -= 1.0;
  fr_dense_cross(d, FR_LOWER, inverse, w->A, w->product);
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++) w->A[i * n + j] = w->product[j * n + i];
  fr_dense_cross(d, FR_LOWER, inverse, w->A, w->product);
  pack_symmetric(d, w->product, y + n);
}

/* The curvature met so far, in the frame of the factor `to`; what cannot be that of a place near the optimum is dropped. */
static int carry_curvature(fr_natural *state, const frame_arrays *f, const double *to, const matched_work *w)
{
  const int d = state->d;
  const size_t n = (size_t)d, square = n * n;
  double *R = w->T, *inverse = w->T_inverse;
  memcpy(w->A, to, square * sizeof(double));
  int status = fr_dense_invert_lower(d, w->A);
  if (status != FR_OK) return status;
  fr_dense_product(d, FR_LOWER, w->A, state->factor, R);
  memcpy(inverse, R, square * sizeof(double));
  status = fr_dense_invert_lower(d, inverse);
  if (status != FR_OK) return status;
  size_t kept = 0;
  for (size_t k = 0; k < (size_t)state->c.held; k++) {
    double *s = f->s + kept * f->n, *y = f->y + kept * f->n;
    if (kept < k) {
      memcpy(s, f->s + k * f->n, f->n * sizeof(double));
      memcpy(y, f->y + k * f->n, f->n * sizeof(double));
    }
    carry_pair(d, R, inverse, s, y, w);
    const double sy = fr_dot(f->n, s, y);
    if (sy > LEAST_CURVATURE * fr_dot(f->n, s, s) && fr_dot(f->n, y, y) < MOST_CURVATURE * sy) kept++;
  }
  state->c.held = (double)kept;
  return FR_OK;
}

static void remember(const frame_arrays *f, fr_natural_counters *c, double *mean, double *mean_after);

/* (loc, factor) := the point u */
static int move_to(fr_natural *state, const frame_arrays *f, const double *u, const matched_work *w)
{
  const size_t n = (size_t)state->d;
  double loc[FR_NATURAL_MATCHED_MAX];
  int status = fr_natural_point(state, u, loc, w->M, w->scratch);
  if (status != FR_OK) return status;
  if (state->c.held > 0.0 && fr_dot(f->n, u, u) > SAME_FRAME && carry_curvature(state, f, w->M, w) != FR_OK) state->c.held = 0.0;
  memcpy(state->loc, loc, n * sizeof(double));
  memcpy(state->factor, w->M, n * n * sizeof(double));
  return FR_OK;
}

static double least_pairs(int d) { return d > LEAST_PAIRS ? d : LEAST_PAIRS; }

/* `by` times as many draws, but no more than GROWTH times and not so many that a verdict would take much of the budget; in as many
 * batches as can be whitened, which tell the noise the better. */
static void grow(fr_natural *state, const fr_natural_spec *spec, double by)
{
  fr_natural_counters *c = &state->c;
  const double now = c->pairs * c->of, most = fmax(now, 0.125 * (spec->max_gradients - c->gradients));
  const double total = fmin(most, now * fmax(1.0, fmin(GROWTH, by)));
  c->of = fmax(LEAST_BATCHES, fmin(MOST, floor(total / least_pairs(state->d))));
  c->pairs = fmax(c->of == MOST || c->of == LEAST_BATCHES ? 0.0 : least_pairs(state->d), ceil(total / c->of));
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
static void more_draws(fr_natural *state, const fr_natural_spec *spec)
{
  fr_natural_counters *c = &state->c;
  const double tol = spec->tol;
  if (c->bad > 0.0) return;
  double by = GROWTH;
  if (c->left < PASSES * tol) by = pow(2.0 * ERRORS * c->gap_se / (tol - c->left), 4.0 / 3.0);
  else if (isfinite(c->left)) by = c->floor * (1.0 / (AIM * tol) - 1.0 / c->left);
  grow(state, spec, by);
}

/* The step that the noise allows: the share that the gap before has in gap and noise together, as a filter does. So all draws so far, not
 * the latest alone, say where the optimum is. */
static int filter(fr_natural *state, const frame_arrays *f, const matched_work *w)
{
  fr_natural_counters *c = &state->c;
  const double before = fmax(c->gap, fmin(c->left, 2.0 * c->floor)), rate = before / (before + c->floor);
  mean_gradient(f, f->gradient, w->trial);
  fr_lbfgs_direction(f->n, (int)c->held, f->s, f->y, 1.0, w->trial, w->trial, w->scratch);
  const double reach = sqrt(REACH * (before + c->floor)), norm = sqrt(fr_dot(f->n, w->trial, w->trial));
  const double length = rate * norm > reach ? reach / norm : rate;
  for (size_t i = 0; i < f->n; i++) w->trial[i] *= length;
  int status = move_to(state, f, w->trial, w);
  if (status != FR_OK) return status;
  c->left = rate * c->floor;
  c->level += 1.0;
  return FR_OK;
}

/* The way from the guide judged before to this one, in this one's frame, of length 1: with K = L^-1 L_before, L S L' moves the
 * covariance for S = (I - K K') / 2. Zero where there is none. */
static int drift(const fr_natural *state, const frame_arrays *f, const matched_work *w)
{
  const int d = state->d;
  const size_t n = (size_t)d;
  memset(f->direction, 0, f->n * sizeof(double));
  if (state->c.judged < 0.0) return FR_OK;
  memcpy(w->A, state->factor, n * n * sizeof(double));
  int status = fr_dense_invert_lower(d, w->A);
  if (status != FR_OK) return status;
  for (size_t i = 0; i < n; i++) w->scratch[i] = state->loc[i] - state->best_loc[i];
  for (size_t i = 0; i < n; i++) f->direction[i] = fr_dot(i + 1, w->A + i * n, w->scratch);
  fr_dense_product(d, FR_LOWER, w->A, state->best_factor, w->product);
  times_transposed(d, w->product, w->product, w->A);
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++) w->A[i * n + j] = 0.5 * ((i == j) - w->A[(i > j ? i : j) * n + (i > j ? j : i)]);
  pack_symmetric(d, w->A, f->direction + n);
  const double norm = sqrt(fr_dot(f->n, f->direction, f->direction));
  for (size_t i = 0; i < f->n; i++) f->direction[i] = norm > 0.0 ? f->direction[i] / norm : 0.0;
  return FR_OK;
}

/* Does the ELBO still rise along the drift, beyond the noise and by what may add up? */
static int drifts_on(const frame_arrays *f, double tol)
{
  double slope[MOST], se;
  for (size_t b = 0; b < (size_t)f->of; b++) slope[b] = fr_dot(f->n, f->gradient + b * f->n, f->direction);
  const double mean = mean_value(f->of, slope, &se);
  return mean > ERRORS * se && 0.5 * mean * mean > 0.1 * LITTLE * tol;
}

/* A gap that would pass is seen through the curvature assumed, H^-1. What if the ELBO is all but straight where it leads? The first batch
 * is evaluated a step along H p, p the mean gradient of the others, which gives A H p for the true curvature A; with g the first's own
 * gradient, g' H A H p over g' H p is then free of the noise of either, and the gap is larger by its inverse. */
static int probe(fr_natural *state, const fr_natural_spec *spec, frame_arrays *f, const matched_work *w)
{
  fr_natural_counters *c = &state->c;
  const size_t n = f->n;
  const int held = (int)c->held;
  double value, lost, *y = w->trial, *turned = w->scratch;
  int usable;
  if (c->gap < fmax(LEAST_CURVATURE * spec->tol, c->gap_se)) return FR_OK;
  for (size_t i = 0; i < n; i++) {
    f->direction[i] = 0.0;
    for (int b = 1; b < f->of; b++) f->direction[i] += f->gradient[(size_t)b * n + i] / (f->of - 1);
  }
  fr_lbfgs_direction(n, held, f->s, f->y, 1.0, f->direction, f->direction, w->scratch);
  const double length = fmax(1.0, PROBE / sqrt(fr_dot(n, f->direction, f->direction)));
  for (size_t i = 0; i < n; i++) w->trial[i] = length * f->direction[i];
  int status = evaluate(state, spec, w, 1, w->trial, &value, w->gradient, &lost, &usable);
  if (status != FR_OK || !usable) return status;
  fr_lbfgs_direction(n, held, f->s, f->y, 1.0, f->gradient, turned, turned + n);
  for (size_t i = 0; i < n; i++) y[i] = (f->gradient[i] - w->gradient[i]) / length;
  const double share = fr_dot(n, turned, y) / fr_dot(n, f->gradient, f->direction);
  if (share < 1.0) c->gap /= fmax(share, LEAST_CURVATURE);
  f->batches = 1;
  memcpy(f->best_gradient, w->gradient, n * sizeof(double));
  c->best_length = length;
  remember(f, c, w->scratch, w->scratch + n);
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

int fr_natural_verdict(fr_natural *state, const fr_natural_spec *spec, double *work)
{
  fr_natural_counters *c = &state->c;
  if (c->pairs == 0.0) {
    c->of = LEAST_BATCHES;
    c->pairs = least_pairs(state->d);
  }
  c->batches = c->of;
  frame_arrays f = layout(state);
  const matched_work w = lay_out(state->d, work);
  double of_batch[MOST], value, value_se, lost;
  int usable;
  c->draws = c->batch;
  c->batch += c->of;
  int status = prepare(state, spec, &w);
  if (status != FR_OK) return status;
  memset(f.u, 0, f.n * sizeof(double));
  status = evaluate(state, spec, &w, f.of, f.u, of_batch, f.gradient, &lost, &usable);
  if (status != FR_OK) return status;
  if (!usable) return refuse_verdict(state, spec);
  status = drift(state, &f, &w);
  if (status != FR_OK) return status;
  fr_natural_succeed(state);
  c->elbo = value = mean_value(f.of, of_batch, &value_se);
  if (!keep_or_fall_back(state, spec, value, value_se)) return FR_OK;
  const gap_estimate found = larger_gap(&f, (int)c->held, f.gradient, w.scratch);
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
    status = filter(state, &f, &w);
    grow(state, spec, GROWTH);
    return status;
  }
  if (settled && passes(c, spec->tol)) {
    status = probe(state, spec, &f, &w);
    if (status != FR_OK) return status;
    if (passes(c, spec->tol)) {
      c->phase = FR_NATURAL_CONVERGED;
      return filter(state, &f, &w);
    }
  }
  /* Where the gap is what noise was expected to leave, a solve would fit the new noise. */
  if (still && c->bad == 0.0 && c->level > 0.0 && c->gap_se < 0.25 && least < fmax(1.3 * c->left, NOISY * c->floor)) {
    status = filter(state, &f, &w);
    more_draws(state, spec);
    return status;
  }
  c->phase = FR_NATURAL_SOLVE;
  c->length = 0.0;
  c->at = 0.0;
  if (c->bad == 0.0 && least > ROUGH * c->of * c->floor) {
    c->batches = 1.0;
    c->value = of_batch[0];
  }
  return FR_OK;
}

/* ---- the solve ---- */

static void remember(const frame_arrays *f, fr_natural_counters *c, double *mean, double *mean_after)
{
  const size_t n = f->n, held = (size_t)c->held;
  mean_gradient(f, f->gradient, mean);
  mean_gradient(f, f->best_gradient, mean_after);
  for (size_t i = 0; i < n; i++) mean[i] -= mean_after[i]; /* y */
  const double length = c->best_length, along = length * fr_dot(n, mean, f->direction);
  if (!(along > 1e-8 * length * sqrt(fr_dot(n, mean, mean) * fr_dot(n, f->direction, f->direction)))) return;
  const size_t to = held < FR_NATURAL_MEMORY ? held : FR_NATURAL_MEMORY - 1;
  if (held == FR_NATURAL_MEMORY) {
    memmove(f->s, f->s + n, to * n * sizeof(double));
    memmove(f->y, f->y + n, to * n * sizeof(double));
  }
  for (size_t i = 0; i < n; i++) {
    f->s[to * n + i] = length * f->direction[i];
    f->y[to * n + i] = mean[i];
  }
  c->held = (double)(to + 1);
}

/* Curvature that was met more than half a nat from where the solve has ended is void. sum: n */
static void forget_far(const frame_arrays *f, fr_natural_counters *c, double *sum)
{
  const size_t n = f->n, held = (size_t)c->held;
  size_t first = held;
  memset(sum, 0, n * sizeof(double));
  for (; first > 0; first--) {
    const double *s = f->s + (first - 1) * n;
    for (size_t i = 0; i < n; i++) sum[i] += s[i];
    if (fr_dot(n, sum, sum) > 1.0) break;
  }
  memmove(f->s, f->s + first * n, (held - first) * n * sizeof(double));
  memmove(f->y, f->y + first * n, (held - first) * n * sizeof(double));
  c->held = (double)(held - first);
}

/* The solve has ended at u: that is the guide, and more draws are asked for. */
static int finish(fr_natural *state, const fr_natural_spec *spec, const frame_arrays *f, const matched_work *w)
{
  fr_natural_counters *c = &state->c;
  forget_far(f, c, w->trial);
  int status = move_to(state, f, f->u, w);
  if (status != FR_OK) return status;
  c->level += 1.0;
  c->left = 1.5 * f->of / f->batches * c->floor; /* what is best for these draws is further off than the noise alone says */
  if (f->batches == f->of) more_draws(state, spec);
  c->phase = FR_NATURAL_VERDICT;
  memset(f->u, 0, f->n * sizeof(double));
  return FR_OK;
}

/* The direction of the next line search; 0 when the gain in sight is not worth it. */
static int next_direction(fr_natural *state, const fr_natural_spec *spec, const frame_arrays *f, const matched_work *w)
{
  fr_natural_counters *c = &state->c;
  mean_gradient(f, f->gradient, w->trial);
  fr_lbfgs_direction(f->n, (int)c->held, f->s, f->y, 1.0, w->trial, f->direction, w->scratch);
  double slope = fr_dot(f->n, w->trial, f->direction);
  if (!(slope > 0.0)) {
    c->held = 0.0;
    memcpy(f->direction, w->trial, f->n * sizeof(double));
    slope = fr_dot(f->n, w->trial, w->trial);
  }
  const double floor = f->batches < f->of ? f->of * c->floor : estimate_gap(f, (int)c->held, f->gradient, w->scratch).floor;
  if (!(0.5 * slope >= fmax(0.5 * LITTLE * spec->tol, 0.5 * floor)) || c->at >= MAX_PASSES) return 0;
  const double reach = fmax(1.0, 0.5 * sqrt((double)state->d)), norm = sqrt(fr_dot(f->n, f->direction, f->direction));
  fr_search_start(c, slope, fmin(1.0, reach / norm));
  return 1;
}

int fr_natural_solve(fr_natural *state, const fr_natural_spec *spec, double *work)
{
  fr_natural_counters *c = &state->c;
  const frame_arrays f = layout(state);
  const matched_work w = lay_out(state->d, work);
  double of_batch[MOST], value = NAN, value_se, lost;
  int usable, better, status = prepare(state, spec, &w);
  if (status != FR_OK) return status;
  if (c->length == 0.0 && !next_direction(state, spec, &f, &w)) {
    if (c->at > 0.0) return finish(state, spec, &f, &w);
    c->phase = FR_NATURAL_VERDICT; /* not worth a search: the step at hand is taken all the same */
    return filter(state, &f, &w);
  }
  for (size_t i = 0; i < f.n; i++) w.trial[i] = f.u[i] + c->length * f.direction[i];
  status = evaluate(state, spec, &w, f.batches, w.trial, of_batch, w.gradient, &lost, &usable);
  if (status != FR_OK) return status;
  if (!usable) c->refused += lost > 0.0;
  double slope = NAN;
  if (usable) {
    c->elbo = value = mean_value(f.batches, of_batch, &value_se);
    mean_gradient(&f, w.gradient, w.trial);
    slope = fr_dot(f.n, w.trial, f.direction);
  }
  const int found = fr_search_trial(c, usable, value, slope, 12, 2, &better);
  if (better) memcpy(f.best_gradient, w.gradient, (size_t)f.batches * f.n * sizeof(double));
  if (found == FR_SEARCH_ON) return FR_OK;
  c->length = 0.0;
  if (found == FR_SEARCH_FAILED) return finish(state, spec, &f, &w);
  remember(&f, c, w.scratch, w.scratch + f.n);
  for (size_t i = 0; i < f.n; i++) f.u[i] += c->best_length * f.direction[i];
  memcpy(f.gradient, f.best_gradient, (size_t)f.batches * f.n * sizeof(double));
  c->value = c->best_value;
  c->at += 1.0;
  return FR_OK;
}
