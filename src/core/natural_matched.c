/* natural_matched.c: fixed draws, and the ELBO over them in the natural frame.
 *
 * Natural coordinates u around (loc, L): mean loc + L u_m, factor L T(u) with T = I + a symmetric matrix, scaled so that |u|^2 / 2 is
 * the KL divergence to (loc, L) to second order; the ELBO's Hessian in u is then close to -I. Batches of P half-draws, 4 to 16 (4 to 6 where d is large), each
 * whitened so that the mean of e e' is I exactly, are used as pairs loc +- L e (Burroni et al. 2024 and Giordano et al. 2024 fix
 * draws; matching their moments takes out what a quadratic log density would add to the noise). */
#include "natural_matched.h"

#include "rng.h"

#define MAX_LOST 0.25         /* share of pairs that may be lost to values that are not finite */

static size_t coordinates(int d) { return (size_t)d + (size_t)d * ((size_t)d + 1) / 2; }

size_t fr_natural_frame_size(int d)
{
  return d > FR_NATURAL_FIXED_MAX ? 0 : coordinates(d) * (2 + 2 * fr_natural_batches(d) + 2 * fr_natural_memory(d));
}

fr_matched_frame fr_matched_layout(const fr_natural *state)
{
  fr_matched_frame f = {.n = coordinates(state->d), .of = (int)state->c.of, .batches = (int)state->c.batches, .u = state->frame};
  f.direction = f.u + f.n;
  f.gradient = f.direction + f.n;
  f.most = fr_natural_batches(state->d);
  f.memory = fr_natural_memory(state->d);
  f.best_gradient = f.gradient + f.most * f.n;
  f.s = f.best_gradient + f.most * f.n;
  f.y = f.s + f.memory * f.n;
  return f;
}

static size_t scratch_size(int d)
{
  const size_t n = (fr_natural_batches(d) + 1) * coordinates(d) + fr_natural_memory(d), chunk = fr_pairs_work(d, FR_NATURAL_PAIRS);
  const size_t lapack = fr_dense_work(d) + (size_t)d * (size_t)d;
  const size_t two = n > chunk ? n : chunk;
  return two > lapack ? two : lapack;
}

size_t fr_natural_matched_work(int d)
{
  const size_t n = (size_t)d;
  return 8 + (fr_natural_batches(d) + 6) * n * n + (fr_natural_batches(d) + 1) * coordinates(d) + scratch_size(d);
}

fr_matched_work fr_matched_lay_out(int d, double *work)
{
  const size_t n = (size_t)d * (size_t)d;
  fr_matched_work w = {.prepared = work, .whiten = work + 8};
  w.T = w.whiten + fr_natural_batches(d) * n;
  w.T_inverse = w.T + n;
  w.A = w.T_inverse + n;
  w.A_raw = w.A + n;
  w.M = w.A_raw + n;
  w.product = w.M + n;
  w.trial = w.product + n;
  w.gradient = w.trial + coordinates(d);
  w.scratch = w.gradient + fr_natural_batches(d) * coordinates(d);
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
int fr_matched_prepare(const fr_natural *state, const fr_natural_spec *spec, const fr_matched_work *w)
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
void fr_matched_symmetric(int d, const double *u, double *T)
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
void fr_matched_moved_loc(const fr_natural *state, const double *u, double *out)
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

static int sum_batch(fr_natural *state, const fr_natural_spec *spec, const fr_matched_work *w, int b, const double *loc, batch_sums *sums)
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
  fr_matched_times_transposed(d, w->product, W, sums->lost_moment);
  for (size_t i = 0; i < n; i++) sums->value -= 0.5 * sums->lost_moment[i * n + i];
  return FR_OK;
}

/* out = A W' for lower W: row i, entry j: sum over k <= j of a_ik w_jk */
void fr_matched_times_transposed(int d, const double *a, const double *W, double *out)
{
  const size_t n = (size_t)d;
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++) out[i * n + j] = fr_dot(j + 1, a + i * n, W + j * n);
}

/* The gradient of one batch in u. log det T differentiates to T^-1; over lost pairs the mean of e e' stands in for I. */
static void batch_gradient(const fr_natural *state, const fr_matched_work *w, int b, const batch_sums *sums, double *out)
{
  const int d = state->d;
  const size_t n = (size_t)d;
  const double kept = state->c.pairs - sums->lost, *W = w->whiten + (size_t)b * n * n;
  memset(out, 0, n * sizeof(double));
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j <= i; j++) out[j] += state->factor[i * n + j] * sums->half_sum[i] / kept;
  fr_matched_times_transposed(d, sums->moment, W, w->product);                      /* sum of (g+ - g-) / 2 e' */
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

/* The sample ELBO at u (less d / 2 log 2 pi e) of each of the first `batches` batches and its gradient; *usable is 0 where T is not positive definite or,
 * with *lost at 1, too many pairs or what comes of them are not finite. */
int fr_matched_evaluate(fr_natural *state, const fr_natural_spec *spec, const fr_matched_work *w, int batches, const double *u, double *value,
                    double *gradient, double *lost, int *usable)
{
  const int d = state->d;
  const size_t n = (size_t)d;
  *usable = 0;
  *lost = 0.0;
  fr_matched_symmetric(d, u, w->T);
  memcpy(w->T_inverse, w->T, n * n * sizeof(double));
  if (fr_dense_cholesky(d, w->T_inverse) != FR_OK) return FR_OK;
  const double log_det = fr_sum_log_diagonal(d, w->T_inverse) * 2.0 + fr_sum_log_diagonal(d, state->factor);
  if (fr_dense_invert_cholesky(d, w->T_inverse) != FR_OK) return FR_OK;
  fr_dense_product(d, FR_LOWER, state->factor, w->T, w->A);
  double move[FR_NATURAL_FIXED_MAX], half_sum[FR_NATURAL_FIXED_MAX];
  fr_matched_moved_loc(state, u, move);
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
  const size_t entries = (size_t)batches * coordinates(d);
  *usable = fr_vector_finite((size_t)batches, value) && isfinite(fr_dot(entries, gradient, gradient)); /* no overflow in what is made of it */
  if (!*usable) *lost = 1.0;
  return FR_OK;
}
