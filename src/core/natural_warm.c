/* natural_warm.c: the Normals that a climb's path offers.
 *
 * Points along the path with their BFGS covariance, the Hessian at its end (by differences of gradients in the frame of that covariance) and
 * the Newton point from it compete by a quick ELBO on the same few draws: the mode itself can be far from the best Normal. Where the
 * Newton point wins by far, another round climbs in its frame, which is what makes the start independent of the parameters' scales. */
#include "natural_climb.h"

#define REFINEMENTS 4   /* Hessians at one point beyond the first */
#define SPREAD 30.0     /* of sds in the frame of a Hessian that ask for one */
#define AROUND 2        /* points tried around the best of the path */
#define BENT 0.1        /* least size of a negative curvature in the frame */
#define RIVAL 10.0      /* nats by which a rival may be worse, */
#define SHORT 0.2       /* ... and where d is large a coordinate */
#define ELSEWHERE 10.0  /* squared sds a coordinate that are far from a Normal */
#define PLAIN 1.0       /* nats by which the density at a mode may be other than its Hessian says */

/* ---- candidates ---- */

/* The place on the path of candidate i (0: the start, which has none): the end, three quarters, half, a quarter; -1 when there is none. */
static int candidate(int points, int i)
{
  const int place[4] = {points, 3 * points / 4 + 1, points / 2 + 1, points / 4 + 1};
  if (points < 1) return -1;
  for (int k = 0, distinct = 0; k < 4; k++) {
    int seen = place[k] > points;
    for (int j = 0; j < k; j++) seen |= place[j] == place[k];
    if (!seen && ++distinct == i) return place[k];
  }
  return -1;
}

/* The Cholesky factor of the BFGS covariance at a point of the path, in z's own coordinates; FR_ERR_NOT_FINITE when it has none. */
static int path_factor(int d, const fr_climb_arrays *k, int point, double *factor, double *work)
{
  const size_t n = (size_t)d;
  double *s = work, *y = s + FR_NATURAL_PATH_MEMORY * n, *own = y + FR_NATURAL_PATH_MEMORY * n, *rest = own + n * n;
  const int held = fr_path_memory(d, k, point, s, y);
  fr_lbfgs_covariance(d, held, s, y, fr_path_curvature(n, held, s, y, 1e-2), own, rest);
  int status = fr_dense_cholesky_raised(d, own, rest);
  if (status == FR_OK) fr_dense_product(d, FR_LOWER, k->frame, own, factor);
  return status;
}

/* One candidate. Later rounds score the path's points only. */
int fr_natural_score(fr_natural *state, const fr_natural_spec *spec, double *work)
{
  fr_natural_counters *c = &state->c;
  const fr_climb_arrays k = fr_climb_layout(state);
  const size_t n = (size_t)state->d;
  double *loc = work, *factor = k.hessian, *rest = loc + n, score;
  const int i = (int)c->at, point = i == 0 ? 0 : candidate((int)c->path, i);
  c->at += 1.0;
  if (point < 0) { /* all have been scored */
    c->phase = FR_NATURAL_HESSIAN;
    c->at = 0.0;
    c->where = c->path;
    c->misses = 0.0;
    c->refined = 0.0;
    return FR_OK;
  }
  if (i == 0) {
    if (c->round > 0.0) return FR_OK;
    memcpy(loc, state->loc, n * sizeof(double));
    memcpy(factor, state->factor, n * n * sizeof(double));
  } else {
    fr_from_frame(state->d, &k, k.x + (size_t)point * n, loc);
    if (path_factor(state->d, &k, point, factor, rest) != FR_OK) return FR_OK;
  }
  int status = fr_natural_quick(state, spec, loc, factor, FR_SCORE_PAIRS, 0.0, &score, rest);
  if (status != FR_OK) return status;
  if (score > c->score || c->best < 0.0) fr_keep_best(state, score, 1000.0 * c->round + point, loc, factor);
  return FR_OK;
}

/* ---- Hessian ---- */

/* The squared distance of x from the best Normal's centre, in its sds. work: d */
static double distance_from_best(const fr_natural *state, const double *x, double *work)
{
  const size_t n = (size_t)state->d;
  double square = 0.0;
  for (size_t i = 0; i < n; i++) {
    const double *row = state->best_factor + i * n;
    work[i] = (x[i] - state->best_loc[i] - fr_dot(i, row, work)) / row[i];
    square += work[i] * work[i];
  }
  return square;
}

static void leave(fr_natural *state)
{
  const size_t n = (size_t)state->d;
  if (state->c.unfinished && state->c.round + 1.0 < FR_NATURAL_ROUNDS) {
    fr_next_round(state, state->best_loc, state->best_factor);
    return;
  }
  if (state->c.best != 0.0 && state->c.rival == -INFINITY && state->c.walk > state->c.score - SHORT * n) { /* what won lies further on than the walk */
    const fr_climb_arrays k = fr_climb_layout(state);
    if (distance_from_best(state, k.rival_loc, k.direction) > ELSEWHERE * n) state->c.rival = state->c.walk;
  }
  if (state->c.scouting == 0.0) { /* a scout's Normal has yet to be compared with the guide */
    memcpy(state->loc, state->best_loc, n * sizeof(double));
    memcpy(state->factor, state->best_factor, n * n * sizeof(double));
  }
  state->c.phase = state->d > FR_NATURAL_MATCHED_MAX ? FR_NATURAL_GROW : FR_NATURAL_FAR;
  state->c.at = 0.0;
  state->c.updates = 0.0;
}

/* The points of the path that were tried lay a factor 2 apart. A factor sqrt(2) from the best of them, then 2^(1/4), there may be a better
 * one: later on the path, and, unless that gained, earlier. Returns 0 when there is none left to try, or where d is large. */
static int around_the_best(fr_natural *state, int gained)
{
  fr_natural_counters *c = &state->c;
  if (state->d > FR_NATURAL_MATCHED_MAX) return 0;
  const double best = c->best - 1000.0 * c->round; /* of an earlier round: negative */
  const int later = (int)c->refining % 2 == 1;     /* that is where the latest lay */
  if (later && gained) c->refining += 1.0;
  while (c->refining < AROUND) {
    c->refining += 1.0;
    const double ratio = c->refining <= 2.0 ? 1.41 : 1.19;
    c->where = floor((int)c->refining % 2 == 1 ? best * ratio : best / ratio);
    if (c->where >= 1.0 && c->where <= c->path && c->where != best) return 1;
  }
  return 0;
}

/* After the Hessian at one point of the path: on to the next, or out. A climb that found a mode is done when the Hessian there is the
 * best candidate and, `plain`, says what the density is around it. Otherwise, in a funnel whose density has its mode in the throat, the
 * good Normals lie early on the path: half way, a quarter and so on, while that gains; or not on the path at all but where a walk leads: a
 * gain there ends the search. Where d is large, the walk came before the climb, and where that began is one more candidate; a Hessian is
 * dear: the beginning comes second, and on the way down the first point that does not gain is the last. */
static void next_point(fr_natural *state, int gained, int plain)
{
  fr_natural_counters *c = &state->c;
  const int at_end = c->where == c->path, after_walk = c->where == FR_WALKED, large = state->d > FR_NATURAL_MATCHED_MAX;
  const double last = after_walk ? c->path : c->where;
  c->misses = gained ? 0.0 : c->misses + 1.0;
  if (c->scouting != 0.0) { /* of a scout the end alone */
    leave(state);
    return;
  }
  const int mode = at_end && gained && plain && c->small >= FR_PATIENCE && !c->funnel && !c->unfinished;
  /* where the climb began is one more */
  const int beginning = state->d > FR_WALK_FROM && c->round == 0.0 && c->refining == 0.0 && !mode;
  const int walk = state->d > FR_WALK_AFTER && state->d <= FR_WALK_FROM && !c->walked && !c->unfinished && !mode;
  const int enough = c->misses > (large && !at_end ? 0.0 : 2.0) || (after_walk && gained) || (c->unfinished && large);
  double next = floor(0.5 * last);
  if (walk && at_end) {
    next = FR_WALKED;
  } else if (large && beginning && at_end && c->where > 0.0) {
    next = 0.0;
  } else if (large && beginning && c->where == 0.0 && c->path > 1.0 && !c->unfinished) {
    next = floor(0.5 * c->path);
  } else if (c->refining > 0.0 || mode || enough || last < 2.0) {
    if (!large && beginning && c->where > 0.0) {
      next = 0.0;
    } else if (walk) {
      next = FR_WALKED;
      c->misses = INFINITY; /* nothing is left to try after it */
    } else if (c->funnel && around_the_best(state, gained)) {
      next = c->where;
    } else {
      leave(state);
      return;
    }
  }
  c->where = next;
  c->at = 0.0;
  c->refined = 0.0;
}

/* The frame of the Hessian: the BFGS covariance at the point, and the gradient in it. */
static int begin_hessian(fr_natural *state, const fr_climb_arrays *k, double *work)
{
  const size_t n = (size_t)state->d;
  const double *g = k->g + (size_t)state->c.where * n;
  double *s = work, *y = s + FR_NATURAL_PATH_MEMORY * n, *own = y + FR_NATURAL_PATH_MEMORY * n, *rest = own + n * n;
  const int held = fr_path_memory(state->d, k, (int)state->c.where, s, y);
  fr_lbfgs_covariance(state->d, held, s, y, fr_path_curvature(n, held, s, y, 1e-2), own, rest);
  if (fr_dense_cholesky_raised(state->d, own, rest) != FR_OK) return FR_ERR_NOT_FINITE;
  fr_to_frame(state->d, own, g, k->base_gradient);
  fr_dense_product(state->d, FR_LOWER, k->frame, own, k->base);
  return FR_OK;
}

/* Columns first .. first + some - 1 of minus the Hessian in its frame, as rows. One that is not finite is taken to be that of I. */
static int hessian_columns(fr_natural *state, const fr_natural_spec *spec, const fr_climb_arrays *k, int first, int some, double *work)
{
  const size_t n = (size_t)state->d, W = (size_t)fr_width(some);
  const double h = 1e-3;
  double *x = work, *z = x + n, *g = z + n * W, *white = g + n * W, *lp = white + n * W, *rest = lp + W;
  fr_from_frame(state->d, k, k->x + (size_t)state->c.where * n, x);
  for (size_t j = 0; j < n; j++)
    for (int i = 0; i < some; i++) z[j * W + (size_t)i] = x[j] + h * k->base[j * n + (size_t)(first + i)];
  int status = fr_natural_evaluate(state, spec, some, z, lp, g, rest);
  if (status != FR_OK) return status;
  for (size_t j = 0; W > 1 && j < n; j++)
    for (size_t i = (size_t)some; i < W; i++) g[j * W + i] = 0.0;
  if (W > 1) fr_dense_multiply_transposed(state->d, FR_LOWER, k->base, some, W, g, white);
  else fr_to_frame(state->d, k->base, g, white);
  for (int i = 0; i < some; i++) {
    double *row = k->hessian + (size_t)(first + i) * n;
    for (size_t j = 0; j < n; j++) row[j] = -(white[j * W + (size_t)i] - k->base_gradient[j]) / h;
    if (fr_vector_finite(n, row)) continue;
    state->c.refused += 1.0;
    for (size_t j = 0; j < n; j++) row[j] = j == (size_t)(first + i);
  }
  return FR_OK;
}

/* The lower X with X X' = a^-1 for symmetric a, which is lost. Of a negative eigenvalue the size is taken, at least BENT; of one that is 0
 * to rounding, or below `flat` times the largest, that, and 1, the frame's own, where flat is 0. Where d is large, pivots stand in for
 * eigenvalues: those of the effects of a group come before that of their scale, which is stated first. */
static int inverse_factor(int d, double *a, double flat, double *out, double *work)
{
  const size_t n = (size_t)d;
  const int large = d > FR_NATURAL_MATCHED_MAX;
  double most = 0.0;
  for (size_t i = 0; i < n; i++) most = fmax(most, fabs(a[i * n + i]));
  for (size_t i = 0; i < n; i++) /* turned round, so that its Cholesky factor is that of the inverse */
    for (size_t j = 0; j < n; j++) out[i * n + j] = a[(n - 1 - i) * n + (n - 1 - j)];
  const double small = fmax(flat, 1e-10) * most, least = flat > 0.0 ? flat * most : 1.0;
  int status = large ? fr_dense_cholesky_mended(d, out, small, least, BENT) : fr_dense_cholesky(d, out);
  if (status == FR_OK) {
    double smallest = INFINITY, largest = 0.0;
    for (size_t i = 0; i < n; i++) {
      smallest = fmin(smallest, out[i * n + i]);
      largest = fmax(largest, out[i * n + i]);
    }
    if (large || smallest > 1e-5 * largest) {
      memcpy(a, out, n * n * sizeof(double));
      for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) out[i * n + j] = a[(n - 1 - j) * n + (n - 1 - i)];
      return fr_dense_invert_lower(d, out);
    }
  }
  if (large) return status;
  double *value = work;
  status = fr_dense_eigen(d, a, value, work + n);
  if (status != FR_OK) return status;
  most = fmax(fabs(value[0]), fabs(value[n - 1]));
  for (size_t k = 0; k < n; k++) {
    if (fabs(value[k]) <= fmax(flat, 1e-10) * most) value[k] = flat > 0.0 ? flat * most : 1.0;
    else if (value[k] < 0.0) value[k] = fmax(-value[k], BENT);
    for (size_t i = 0; i < n; i++) out[i * n + k] = a[k * n + i] / sqrt(value[k]);
  }
  return fr_dense_triangularise(d, out, work + n);
}

/* Largest over smallest entry on the diagonal of a factor. */
static double spread_of(int d, const double *factor)
{
  const size_t n = (size_t)d;
  double smallest = INFINITY, largest = 0.0;
  for (size_t i = 0; i < n; i++) {
    smallest = fmin(smallest, factor[i * n + i]);
    largest = fmax(largest, factor[i * n + i]);
  }
  return largest / smallest;
}

/* From the Hessian its inverse's factor in base, and the Newton point in base_gradient; *decrement is the gain that it promises. Where
 * curvatures differ so much that differences cannot tell the small ones, the Hessian is taken anew in the frame found: *again is 1 and
 * base_gradient the gradient in it. */
static int newton(fr_natural *state, const fr_climb_arrays *k, double *decrement, int *again, double *work)
{
  const size_t n = (size_t)state->d;
  double *x = work, *white = x + n, *own = white + n, *rest = own + n * n;
  fr_dense_symmetrise(state->d, k->hessian);
  int status = inverse_factor(state->d, k->hessian, state->c.refined < REFINEMENTS ? 1e-8 : 0.0, own, rest);
  if (status != FR_OK) return status;
  fr_dense_product(state->d, FR_LOWER, k->base, own, k->hessian);
  memcpy(k->base, k->hessian, n * n * sizeof(double));
  fr_to_frame(state->d, own, k->base_gradient, white); /* the step is base X X' g: white = X' g in the new frame */
  *again = state->c.refined < REFINEMENTS && spread_of(state->d, own) > SPREAD;
  if (*again) {
    memcpy(k->base_gradient, white, n * sizeof(double));
    return fr_vector_finite(n, k->base_gradient) && fr_vector_finite(n * n, k->base) ? FR_OK : FR_ERR_NOT_FINITE;
  }
  *decrement = 0.5 * fr_dot(n, white, white);
  fr_from_frame(state->d, k, k->x + (size_t)state->c.where * n, x);
  for (size_t i = 0; i < n; i++) k->base_gradient[i] = x[i] + fr_dot(i + 1, k->base + i * n, white);
  return fr_vector_finite(n, k->base_gradient) && fr_vector_finite(n * n, k->base) ? FR_OK : FR_ERR_NOT_FINITE;
}

void fr_natural_down_the_path(fr_natural *state)
{
  fr_natural_counters *c = &state->c;
  const int at_end = c->where == c->path; /* no earlier point has been tried */
  c->funnel = 1.0;
  if (at_end) c->where = floor(0.5 * c->path);
  else if (!around_the_best(state, 0)) return;
  c->phase = FR_NATURAL_HESSIAN;
  c->at = 0.0;
  c->misses = 0.0;
  c->refined = 0.0;
}

/* What the quick ELBO of (loc, factor) is where the density is `top` at loc and factor is what its Hessian says. */
static double promised(const fr_natural *state, const fr_natural_spec *spec, double top, const double *factor, double *work)
{
  fr_pairs b;
  fr_pairs_layout(state->d, FR_SCORE_PAIRS, work, &b);
  fr_pairs_draw(state, spec, 0.0, 0, &b);
  double square = 0.0;
  for (size_t j = 0; j < (size_t)state->d; j++)
    for (size_t p = 0; p < FR_SCORE_PAIRS; p++) square += b.e[j * b.ld + p] * b.e[j * b.ld + p];
  return top - 0.5 * square / FR_SCORE_PAIRS + fr_sum_log_diagonal(state->d, factor);
}

/* The number of the candidate at hand, as fr_keep_best() takes it. */
static double here(const fr_natural_counters *c) { return 1000.0 * c->round + (c->where == FR_WALKED ? 0.0 : c->where); }

/* In a funnel in whose throat the climb found no mode: is the Normal at hand, which did not win, the rival of the one that did? Deep in the throat
 * the ELBO hardly has a slope that would lead out, so that it may be the worse place to go on from. */
static void consider_rival(fr_natural *state, const fr_climb_arrays *k, double score, const double *loc)
{
  fr_natural_counters *c = &state->c;
  const size_t n = (size_t)state->d;
  const int no_mode = c->path >= FR_PATH_MAX / 2;
  if (!c->funnel || !no_mode || c->scouting != 0.0 || !(here(c) < c->best) || !(score > fmax(c->rival, c->score - RIVAL))) return;
  c->rival = score;
  memcpy(k->rival_loc, loc, n * sizeof(double));
  memcpy(k->rival_factor, k->base, n * n * sizeof(double));
}

static int score_newton(fr_natural *state, const fr_natural_spec *spec, const fr_climb_arrays *k, double *work)
{
  fr_natural_counters *c = &state->c;
  double *x = work, *rest = x + state->d, at_point, at_newton = -INFINITY; /* a walk ends far from a mode */
  fr_from_frame(state->d, k, k->x + (size_t)c->where * (size_t)state->d, x);
  int status = fr_natural_quick(state, spec, x, k->base, FR_SCORE_PAIRS, 0.0, &at_point, rest);
  if (status == FR_OK && c->where != FR_WALKED) status = fr_natural_quick(state, spec, k->base_gradient, k->base, FR_SCORE_PAIRS, 0.0, &at_newton, rest);
  if (status != FR_OK) return status;
  const double before = c->score;
  const int plain = c->where == c->path && fabs(at_point - promised(state, spec, c->value, k->base, rest)) < PLAIN;
  if (at_point > c->score) fr_keep_best(state, at_point, here(c), x, k->base);
  if (at_newton > c->score) {
    fr_keep_best(state, at_newton, here(c), k->base_gradient, k->base);
    c->unfinished = c->slope > 0.5;
  }
  if (c->score == before) consider_rival(state, k, fmax(at_point, at_newton), at_newton > at_point ? k->base_gradient : x);
  if (plain && c->slope < PLAIN && fmax(at_point, at_newton) > c->score - PLAIN) c->walked = 1.0; /* no walk is called for */
  next_point(state, c->score > before, plain);
  return FR_OK;
}

int fr_natural_hessian(fr_natural *state, const fr_natural_spec *spec, double *work)
{
  fr_natural_counters *c = &state->c;
  const fr_climb_arrays k = fr_climb_layout(state);
  if (c->where == FR_WALKED && !c->walked) {
    int found = 0, status = fr_walk_anew(state, spec, &k, &found, work);
    if (status != FR_OK) return status;
    c->walked = 1.0;
    if (!found) next_point(state, 0, 0);
    return FR_OK;
  }
  const int first = (int)c->at, left = state->d - first, some = left < FR_COLUMNS ? left : FR_COLUMNS;
  if (first > state->d) {
    c->refined = 0.0;
    return score_newton(state, spec, &k, work);
  }
  if (some == 0) { /* all columns are there */
    int again = 0;
    c->at += 1.0;
    if (newton(state, &k, &c->slope, &again, work) != FR_OK) {
      next_point(state, 0, 0);
    } else if (again) {
      c->at = 0.0;
      c->refined += 1.0;
    }
    return FR_OK;
  }
  if (first == 0 && c->refined == 0.0 && begin_hessian(state, &k, work) != FR_OK) {
    next_point(state, 0, 0);
    return FR_OK;
  }
  int status = hessian_columns(state, spec, &k, first, some, work);
  if (status == FR_OK) c->at += some;
  return status;
}
