/* natural_frame.c: points of the natural frame (natural_matched.c), moves from frame to frame, and the curvature that L-BFGS has met. */
#include "natural_matched.h"

#define MOST_CURVATURE 10.0
#define SAME_FRAME 1e-3        /* twice the nats of a move that leaves the curvature's frame as it is */

int fr_natural_point(const fr_natural *state, const double *u, double *loc, double *factor, double *work)
{
  const size_t n = (size_t)state->d;
  double *T = work, *rest = T + n * n;
  fr_matched_symmetric(state->d, u, T);
  fr_dense_product(state->d, FR_LOWER, state->factor, T, factor);
  int status = fr_dense_triangularise(state->d, factor, rest);
  if (status == FR_OK) fr_matched_moved_loc(state, u, loc);
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
static void carry_pair(int d, const double *R, const double *inverse, double *s, double *y, const fr_matched_work *w)
{
  const size_t n = (size_t)d;
  multiply_vector(d, R, 0, s);
  multiply_vector(d, inverse, 1, y);
  fr_matched_symmetric(d, s, w->A);
  for (size_t i = 0; i < n; i++) w->A[i * n + i] -= 1.0;
  fr_dense_product(d, FR_LOWER, R, w->A, w->product);
  fr_matched_times_transposed(d, w->product, R, w->A);
  pack_symmetric(d, w->A, s + n);
  fr_matched_symmetric(d, y, w->A);
  for (size_t i = 0; i < n; i++) w->A[i * n + i] -= 1.0;
  fr_dense_cross(d, FR_LOWER, inverse, w->A, w->product);
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++) w->A[i * n + j] = w->product[j * n + i];
  fr_dense_cross(d, FR_LOWER, inverse, w->A, w->product);
  pack_symmetric(d, w->product, y + n);
}

/* The curvature met so far, in the frame of the factor `to`; what cannot be that of a place near the optimum is dropped. */
static int carry_curvature(fr_natural *state, const fr_matched_frame *f, const double *to, const fr_matched_work *w)
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

/* (loc, factor) := the point u */
int fr_matched_move(fr_natural *state, const fr_matched_frame *f, const double *u, const fr_matched_work *w)
{
  const size_t n = (size_t)state->d;
  double loc[FR_NATURAL_FIXED_MAX];
  int status = fr_natural_point(state, u, loc, w->M, w->scratch);
  if (status != FR_OK) return status;
  if (state->c.held > 0.0 && fr_dot(f->n, u, u) > SAME_FRAME && carry_curvature(state, f, w->M, w) != FR_OK) state->c.held = 0.0;
  memcpy(state->loc, loc, n * sizeof(double));
  memcpy(state->factor, w->M, n * n * sizeof(double));
  return FR_OK;
}

void fr_matched_remember(const fr_matched_frame *f, fr_natural_counters *c, double *mean, double *mean_after)
{
  const size_t n = f->n, held = (size_t)c->held;
  fr_matched_mean_gradient(f, f->gradient, mean);
  fr_matched_mean_gradient(f, f->best_gradient, mean_after);
  for (size_t i = 0; i < n; i++) mean[i] -= mean_after[i]; /* y */
  const double length = c->best_length, along = length * fr_dot(n, mean, f->direction);
  if (!(along > 1e-8 * length * sqrt(fr_dot(n, mean, mean) * fr_dot(n, f->direction, f->direction)))) return;
  const size_t to = held < f->memory ? held : f->memory - 1;
  if (held == f->memory) {
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
void fr_matched_forget_far(const fr_matched_frame *f, fr_natural_counters *c, double *sum)
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

/* The way from the guide judged before to this one, in this one's frame, of length 1: with K = L^-1 L_before, L S L' moves the
 * covariance for S = (I - K K') / 2. Zero where there is none. */
int fr_matched_drift(const fr_natural *state, const fr_matched_frame *f, const fr_matched_work *w)
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
  fr_matched_times_transposed(d, w->product, w->product, w->A);
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++) w->A[i * n + j] = 0.5 * ((i == j) - w->A[(i > j ? i : j) * n + (i > j ? j : i)]);
  pack_symmetric(d, w->A, f->direction + n);
  const double norm = sqrt(fr_dot(f->n, f->direction, f->direction));
  for (size_t i = 0; i < f->n; i++) f->direction[i] = norm > 0.0 ? f->direction[i] / norm : 0.0;
  return FR_OK;
}
