/* test_natural.c: natural()'s state machine on densities written here: exact targets are reached, a run broken off or interrupted
 * anywhere ends in the same bits, and a density that fails by chance or in a half-space, in any one phase or in all, ends the run
 * with a status that is true. */
#include "check.h"
#include "natural.h"
#include "rng.h"
#include "svi.h"
#include "tril.h"

#include <stdlib.h>

#define TOL 0.02
#define ALL_PHASES (-1)
#define NO_PHASE (-2)

/* ---- densities ---- */

/* y = W (z - at), W lower with BAND entries a row beside its diagonal. Gaussian: -|y|^2 / 2. Log-gamma: sum a y_j - exp(y_j), skewed. Funnel: y_1 / 3 standard normal, the others
 * normal with sd exp(y_1 / 2). */
#define BAND 8
enum shape { GAUSSIAN, LOG_GAMMA, FUNNEL };

enum fault { VALUE_NAN, VALUE_INF, VALUE_MINUS_INF, GRADIENT_NAN, GRADIENT_HUGE, FAULTS };
enum place { BY_CHANCE, HALF_SPACE };

typedef struct {
  enum shape shape;
  int d;
  double *W, *at, a;
  /* how it fails */
  const fr_natural *state;  /* tells the phase */
  int fail_phase;
  enum fault fault;
  enum place place;
  double edge;              /* half-space: z_0 - at_0 > edge */
  double calls, points, failed, explained;
  double interrupt_at;      /* the call that is interrupted, from 1 */
  int visited[FR_NATURAL_CONVERGED + 1];
} target;

static double shape_log_prob(const target *t, const double *y, double *gy)
{
  const int d = t->d;
  double lp = 0.0;
  if (t->shape == FUNNEL) {
    const double v = y[0], shrink = exp(-v);
    lp = -v * v / 18.0;
    gy[0] = -v / 9.0;
    for (int j = 1; j < d; j++) {
      lp += -0.5 * v - 0.5 * y[j] * y[j] * shrink;
      gy[0] += -0.5 + 0.5 * y[j] * y[j] * shrink;
      gy[j] = -y[j] * shrink;
    }
    return lp;
  }
  for (int j = 0; j < d; j++) {
    lp += t->shape == GAUSSIAN ? -0.5 * y[j] * y[j] : t->a * y[j] - exp(y[j]);
    gy[j] = t->shape == GAUSSIAN ? -y[j] : t->a - exp(y[j]);
  }
  return lp;
}

static int fails_here(target *t, double z0)
{
  const int phase = (int)t->state->c.phase;
  if (t->fail_phase == NO_PHASE || (t->fail_phase != ALL_PHASES && t->fail_phase != phase)) return 0;
  if (t->place == HALF_SPACE) return z0 - t->at[0] > t->edge;
  double u[1]; /* a twentieth of all evaluations, whatever the point */
  fr_normals(99, FR_STREAM_STEP, (uint64_t)t->points, 0, 1, 1, 1, u);
  return u[0] > 1.6448536269514722;
}

static int log_density(void *model, int S, size_t ld, const double *z, double *log_prob, double *gradient)
{
  target *t = model;
  const size_t d = (size_t)t->d;
  double y[512], gy[512];
  t->calls += 1.0;
  t->visited[(int)t->state->c.phase]++;
  if (t->calls == t->interrupt_at) return FR_INTERRUPTED;
  for (int s = 0; s < S; s++) {
    for (size_t i = 0; i < d; i++) {
      y[i] = 0.0;
      for (size_t j = i < BAND ? 0 : i - BAND; j <= i; j++) y[i] += t->W[i * d + j] * (z[j * ld + (size_t)s] - t->at[j]);
    }
    log_prob[s] = shape_log_prob(t, y, gy);
    for (size_t j = 0; gradient && j < d; j++) {
      double g = 0.0;
      for (size_t i = j; i < d && i <= j + BAND; i++) g += t->W[i * d + j] * gy[i];
      gradient[j * ld + (size_t)s] = g;
    }
    t->points += 1.0;
    if (!fails_here(t, z[s])) continue;
    if (t->fault >= GRADIENT_NAN && !gradient) continue;
    t->failed += 1.0;
    if (t->fault >= GRADIENT_NAN) gradient[(d - 1) * ld + (size_t)s] = t->fault == GRADIENT_NAN ? NAN : 1e200;
    else log_prob[s] = t->fault == VALUE_NAN ? NAN : t->fault == VALUE_INF ? INFINITY : -INFINITY;
  }
  return FR_OK;
}

static int explain(void *model, int S, size_t ld, const double *z, double *counts)
{
  target *t = model;
  (void)ld;
  (void)z;
  t->explained += S;
  counts[0] += S;
  return FR_OK;
}

static target make_target(enum shape shape, int d, double a)
{
  const size_t n = (size_t)d;
  target t = {.shape = shape, .d = d, .a = a, .fail_phase = NO_PHASE};
  t.W = calloc(n * n, sizeof(double));
  t.at = calloc(n, sizeof(double));
  fr_normals(5, FR_STREAM_STEP, 1, 0, 1, d, 1, t.at);
  for (size_t i = 0; i < n; i++) {
    if (i > 0 && shape != FUNNEL) fr_normals(6, FR_STREAM_STEP, i, 0, 1, (int)i, 1, t.W + i * n);
    for (size_t j = 0; j < i; j++) t.W[i * n + j] *= j + BAND < i ? 0.0 : 0.2;
    t.W[i * n + i] = shape == FUNNEL ? 1.0 : pow(10.0, 2.0 * (double)i / (double)n - 1.0); /* sds from 0.1 to 10 */
  }
  return t;
}

static void free_target(target *t)
{
  free(t->W);
  free(t->at);
}

/* Nats between the ELBO of N(loc, L L') and that of the best Normal, in closed form. Gaussian: that is the posterior. Log-gamma: in y the
 * means of the best are log a - 1 / (2 a), the variances 1 / a, and E exp(y) = exp(mean + variance / 2). */
static double true_gap(const target *t, const double *loc, const double *L)
{
  const size_t d = (size_t)t->d;
  double elbo = 0.0, best = 0.0;
  for (size_t i = 0; i < d; i++) {
    double mean = 0.0, variance = 0.0;
    for (size_t j = 0; j <= i; j++) mean += t->W[i * d + j] * (loc[j] - t->at[j]);
    for (size_t k = 0; k <= i; k++) {
      double wl = 0.0;
      for (size_t j = k; j <= i; j++) wl += t->W[i * d + j] * L[j * d + k];
      variance += wl * wl;
    }
    elbo += log(L[i * d + i] * t->W[i * d + i]);
    if (t->shape == GAUSSIAN) {
      elbo -= 0.5 * (mean * mean + variance);
      best -= 0.5;
    } else {
      elbo += t->a * mean - exp(mean + 0.5 * variance);
      best += t->a * (log(t->a) - 0.5 / t->a) - t->a - 0.5 * log(t->a);
    }
  }
  return best - elbo;
}

/* ---- states ---- */

static double *copy_of(const double *x, size_t n)
{
  double *y = calloc(n ? n : 1, sizeof(double));
  if (x) memcpy(y, x, n * sizeof(double));
  return y;
}

static fr_natural copy_state(const fr_natural *from)
{
  const size_t n = (size_t)from->d;
  return (fr_natural){.d = from->d, .c = from->c, .loc = copy_of(from->loc, n), .factor = copy_of(from->factor, n * n),
                      .best_loc = copy_of(from->best_loc, n), .best_factor = copy_of(from->best_factor, n * n),
                      .mean_gradient = copy_of(from->mean_gradient, n), .climb = copy_of(from->climb, fr_natural_climb_size(from->d)),
                      .velocity = copy_of(from->velocity, fr_natural_velocity_size(from->d)),
                      .frame = copy_of(from->frame, fr_natural_frame_size(from->d))};
}

static void free_state(fr_natural *s)
{
  double *all[] = {s->loc, s->factor, s->best_loc, s->best_factor, s->mean_gradient, s->velocity, s->climb, s->frame};
  for (size_t k = 0; k < sizeof all / sizeof *all; k++) free(all[k]);
}

/* A fresh run from the guide N(start, 0.1^2 I). */
static fr_natural start_state(int d, double start)
{
  const fr_natural empty = {.d = d};
  fr_natural s = copy_state(&empty);
  double *init = calloc((size_t)d, sizeof(double)), *scale = calloc((size_t)d, sizeof(double)), *loc = calloc((size_t)d, sizeof(double));
  double *tril = calloc(fr_tril_size((size_t)d) + 1, sizeof(double));
  fr_guide guide = {.d = d, .loc = loc, .scale_unconstrained = scale, .tril = tril};
  for (int j = 0; j < d; j++) init[j] = start;
  CHECK(fr_guide_start(&guide, init, 0.1) == FR_OK);
  fr_natural_init(&s);
  fr_natural_from_guide(&s, &guide);
  free(init);
  free(scale);
  free(loc);
  free(tril);
  return s;
}

/* The guide as the run would hand it out. Returns whether it is one: finite, with positive scales. */
static int guide_of(const fr_natural *s, double *loc, double *L)
{
  const size_t n = (size_t)s->d;
  double *scale = calloc(n, sizeof(double)), *tril = calloc(fr_tril_size(n) + 1, sizeof(double));
  double *work = calloc(n + 2 * n * n + fr_dense_work(s->d), sizeof(double));
  fr_guide guide = {.d = s->d, .loc = loc, .scale_unconstrained = scale, .tril = tril};
  int good = fr_natural_guide(s, &guide, work) == FR_OK;
  memset(L, 0, n * n * sizeof(double));
  fr_guide_constrain(s->d, guide.scale_unconstrained, work);
  for (size_t i = 0; i < n; i++) {
    for (size_t j = 0; j < i; j++) L[i * n + j] = work[i] * tril[fr_tril_at(i, j)];
    L[i * n + i] = work[i];
    good = good && isfinite(loc[i]) && isfinite(work[i]) && work[i] > 0.0;
    for (size_t j = 0; j < i; j++) good = good && isfinite(L[i * n + j]);
  }
  free(scale);
  free(tril);
  free(work);
  return good;
}

/* The guide's gap, NaN when there is none. */
static double gap_of(const target *t, const fr_natural *s)
{
  const size_t n = (size_t)s->d;
  double *loc = calloc(n, sizeof(double)), *L = calloc(n * n, sizeof(double)), gap = NAN;
  if (CHECK(guide_of(s, loc, L))) gap = true_gap(t, loc, L);
  free(loc);
  free(L);
  return gap;
}

/* Runs on until `until`, in a workspace full of rubbish, another one every time (NaN among it). Returns the fr_run_status, -1 on an error. */
static int run(fr_natural *s, target *t, double until, int fixed_steps, double max_gradients)
{
  static const int rubbish[] = {0x5a, 0xff, 0x00, 0x40};
  static int runs = 0;
  const int pairs = 8;
  const size_t work_size = fr_natural_work(s->d, pairs);
  double *work = calloc(work_size, sizeof(double)), *loss = calloc((size_t)until + 1, sizeof(double)), counts[1] = {0.0};
  int status = -1;
  memset(work, rubbish[runs++ % 4], work_size * sizeof(double));
  fr_natural_spec spec = {.log_density = log_density, .model = t, .explain = explain, .counts = counts, .seed = 3, .pairs = pairs, .tol = TOL,
                          .until_step = until, .max_gradients = max_gradients, .budget = max_gradients, .fixed_steps = fixed_steps, .loss = loss};
  t->state = s;
  if (!CHECK(fr_natural_run(s, &spec, &status, work) == FR_OK)) status = -1;
  free(work);
  free(loss);
  return status;
}

static int same_bits(const fr_natural *a, const fr_natural *b)
{
  const size_t n = (size_t)a->d;
  return memcmp(&a->c, &b->c, sizeof a->c) == 0 && memcmp(a->loc, b->loc, n * sizeof(double)) == 0 &&
         memcmp(a->factor, b->factor, n * n * sizeof(double)) == 0;
}

/* ---- exact targets ---- */

static void test_exact(enum shape shape, int d, double a, double start)
{
  target t = make_target(shape, d, a);
  fr_natural s = start_state(d, start);
  CHECK(run(&s, &t, 2e4, 0, 2e5) == FR_RUN_CONVERGED);
  CHECK(s.c.phase == FR_NATURAL_CONVERGED);
  CHECK(gap_of(&t, &s) < 2.0 * TOL);
  CHECK(fabs(s.c.gap) + 3.0 * s.c.gap_se < TOL);
  CHECK(s.c.refused == 0.0);
  CHECK(s.c.gradients + s.c.densities == t.points);
  free_state(&s);
  free_target(&t);
}

/* ---- the same bits ---- */

/* From equal states equal states, `steps` times, one step each. Returns the last fr_run_status. */
static int step_twice(fr_natural *s, target *t, double steps, int fixed_steps)
{
  int last = FR_RUN_FIXED_STEPS, same = 1;
  for (double k = 0.0; k < steps; k++) {
    fr_natural copy = copy_state(s), again = copy_state(s);
    const double until = s->c.step + 1.0;
    last = run(&copy, t, until, fixed_steps, 1e5);
    run(&again, t, until, fixed_steps, 1e5);
    same = same && same_bits(&copy, &again);
    free_state(s);
    free_state(&again);
    *s = copy;
  }
  CHECK(same);
  return last;
}

static void test_broken_off(enum shape shape, int d, double start)
{
  target t = make_target(shape, d, 0.6);
  fr_natural whole = start_state(d, start);
  const int status = run(&whole, &t, 2e4, 0, 1e5);
  const double calls = t.calls;
  int phases = 0;
  for (int k = 0; k < FR_NATURAL_CONVERGED; k++) phases += t.visited[k] > 0;
  CHECK(phases >= (d > FR_NATURAL_MATCHED_MAX ? 4 : 5));

  /* init and update are pure: from equal states equal states, whatever the workspace held and wherever the arrays stand */
  fr_natural pieces = start_state(d, start);
  CHECK(step_twice(&pieces, &t, whole.c.step, 0) == status);
  CHECK(same_bits(&pieces, &whole));

  /* an interrupt at any evaluation leaves a state that goes on to the same bits */
  const double stride = calls > 400.0 ? floor(calls / 97.0) : 3.0;
  int went_on = 1;
  for (double at = 1.0; at <= calls; at += stride) {
    fr_natural s = start_state(d, start);
    t.calls = 0.0;
    t.interrupt_at = at;
    const int stopped = run(&s, &t, 2e4, 0, 1e5);
    t.interrupt_at = 0.0;
    went_on = went_on && stopped == FR_RUN_INTERRUPTED && run(&s, &t, 2e4, 0, 1e5) == status && same_bits(&s, &whole);
    free_state(&s);
  }
  CHECK(went_on);

  /* steps after the verdict */
  if (CHECK(status == FR_RUN_CONVERGED)) CHECK(step_twice(&pieces, &t, 20.0, 1) == FR_RUN_FIXED_STEPS);
  CHECK(pieces.c.step == whole.c.step + 20.0);
  free_state(&pieces);
  free_state(&whole);
  free_target(&t);
}

/* ---- densities that fail ---- */

static double normal_cdf(double x) { return 0.5 * erfc(-x / sqrt(2.0)); }

/* Share of the guide's mass where the density fails. */
static double failing_mass(const target *t, const fr_natural *s)
{
  const size_t n = (size_t)s->d;
  double *loc = calloc(n, sizeof(double)), *L = calloc(n * n, sizeof(double));
  guide_of(s, loc, L);
  const double mass = normal_cdf((loc[0] - t->at[0] - t->edge) / L[0]);
  free(loc);
  free(L);
  return mass;
}

static int is_status(int status)
{
  return status == FR_RUN_CONVERGED || status == FR_RUN_BUDGET_EXHAUSTED || status == FR_RUN_DIVERGED;
}

/* One run on a target that fails as it says. Whatever happens: a status, a guide, all faults explained; and "converged" is true. */
static void one_faulty(target *t, double start, double budget)
{
  fr_natural s = start_state(t->d, start);
  t->points = t->failed = t->explained = 0.0;
  memset(t->visited, 0, sizeof t->visited);
  const int status = run(&s, t, 5e3, 0, budget);
  CHECK(is_status(status));
  CHECK(s.c.gradients < budget + 2e4); /* one unit more at most */
  /* before the climb, what is looked at on the way to 0 may fail and is not asked about; nor is what scouts meet */
  if (t->fail_phase == ALL_PHASES || t->fail_phase == FR_NATURAL_CLIMB || t->visited[FR_NATURAL_SCOUT]) CHECK(t->failed > 0.0 || t->explained == 0.0);
  else CHECK((t->failed > 0.0) == (t->explained > 0.0));
  const double gap = gap_of(t, &s); /* checks the guide, too */
  if (status == FR_RUN_CONVERGED) {
    const int truncated = t->fail_phase == ALL_PHASES && t->place == HALF_SPACE; /* another posterior then */
    if (t->shape != FUNNEL && !truncated) CHECK(gap < 2.0 * TOL);
    if (t->failed > 0.0 && t->place == HALF_SPACE && (t->fail_phase == ALL_PHASES || t->fail_phase == FR_NATURAL_VERDICT || t->fail_phase == FR_NATURAL_GROW))
      CHECK(failing_mass(t, &s) < 0.03);
  }
  if (status == FR_RUN_DIVERGED) CHECK(t->failed > 0.0 && s.c.refused + s.c.bad >= 10.0);
  free_state(&s);
}

/* Phases first .. last in turn, and all at once. visited: how many runs have met faults in a phase. */
static void test_faulty(enum shape shape, int d, double a, double start, int first, int last, int *visited)
{
  target t = make_target(shape, d, a);
  const int large = d > FR_NATURAL_MATCHED_MAX, places = large ? 1 : 3; /* large runs take a second each */
  const double budget = large ? 6e3 : 3e4;
  for (int k = first - 1; k <= last; k++) {
    t.fail_phase = k < first ? ALL_PHASES : k;
    for (int fault = 0; fault < FAULTS; fault += large ? 3 : 1) {
      t.fault = (enum fault)fault;
      t.place = BY_CHANCE;
      one_faulty(&t, start, budget);
      if (k >= first) visited[k] += t.failed > 0.0;
      t.place = HALF_SPACE;
      for (int at = 0; at < places; at++) { /* half of the posterior, or nearly; its tail; and what no draw will meet */
        t.edge = (at == 0 ? 0.0 : at == 1 ? 2.0 : 8.0) / t.W[0];
        one_faulty(&t, start, budget);
      }
    }
  }
  free_target(&t);
}

/* A density that is never finite: the run is over at once and says so. */
static void test_hopeless(void)
{
  target t = make_target(GAUSSIAN, 3, 1.0);
  fr_natural s = start_state(3, 0.0);
  t.fail_phase = ALL_PHASES;
  t.place = HALF_SPACE;
  t.edge = -INFINITY;
  CHECK(run(&s, &t, 5e3, 0, 1e5) == FR_RUN_DIVERGED);
  CHECK(s.c.refused >= FR_NATURAL_MAX_REFUSED && s.c.step < 200.0);
  CHECK(isfinite(gap_of(&t, &s)));
  free_state(&s);
  free_target(&t);
}

/* A state of a phase that there is not is refused, and stays as it was. */
static void test_unknown_phase(void)
{
  target t = make_target(GAUSSIAN, 2, 1.0);
  fr_natural s = start_state(2, 0.0);
  double loss[2] = {0.0}, counts[1] = {0.0}, *work = calloc(fr_natural_work(2, 8), sizeof(double));
  fr_natural_spec spec = {.log_density = log_density, .model = &t, .explain = explain, .counts = counts, .seed = 3, .pairs = 8, .tol = TOL,
                          .until_step = 2.0, .max_gradients = 1e5, .budget = 1e5, .loss = loss};
  const double phases[] = {-1.0, FR_NATURAL_CONVERGED + 1.0, 99.0};
  t.state = &s;
  for (int k = 0; k < 3; k++) {
    int status;
    s.c.phase = phases[k];
    fr_natural before = copy_state(&s);
    CHECK(fr_natural_update(&s, &spec, loss, work) == FR_ERR_ARGUMENT);
    CHECK(fr_natural_run(&s, &spec, &status, work) == FR_ERR_ARGUMENT);
    CHECK(same_bits(&s, &before) && t.calls == 0.0);
    free_state(&before);
  }
  free_state(&s);
  free_target(&t);
  free(work);
}

/* The multiple of `want` that is closest to `found` (n each), and the largest difference from it over the largest of `found`. */
static double multiple(size_t n, const double *found, const double *want, double *error)
{
  double both = 0.0, square = 0.0, worst = 0.0, largest = 0.0;
  for (size_t i = 0; i < n; i++) {
    both += found[i] * want[i];
    square += want[i] * want[i];
    largest = fmax(largest, fabs(found[i]));
  }
  for (size_t i = 0; i < n; i++) worst = fr_worst(worst, fabs(found[i] - both / square * want[i]));
  *error = worst / largest;
  return both / square;
}

/* A step moves loc by a multiple of L times the mean of a, and L by one of L times the mean of b e' below the diagonal and half of it there, as
 * sums over the pairs, one by one, have them. */
static void test_step(int d, int P)
{
  const size_t n = (size_t)d, ld = (size_t)fr_width(P), one = (size_t)fr_width(1);
  target t = make_target(LOG_GAMMA, d, 1.5);
  fr_natural s = start_state(d, 0.2);
  double counts[1] = {0.0}, loss, error, rate, lp[FR_LANES];
  fr_natural_spec spec = {.log_density = log_density, .model = &t, .explain = explain, .counts = counts, .seed = 3, .pairs = P, .tol = TOL};
  double *work = calloc(fr_natural_work(d, P), sizeof(double)), *e = calloc(n * ld, sizeof(double)), *z = calloc(2 * n * one, sizeof(double));
  double *g = z + n * one, *plus = calloc(6 * n + 2 * n * n, sizeof(double)), *a = plus + n, *b = a + n, *mean = b + n, *want_loc = mean + n;
  double *moved_loc = want_loc + n, *M = moved_loc + n, *want = M + n * n;
  t.state = &s;
  s.c.phase = FR_NATURAL_CONVERGED;
  for (size_t j = 0; j < n; j++) fr_normals(5, FR_STREAM_FIT, j, 0, P, 1, ld, e + j * ld);
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < i; j++) s.factor[i * n + j] = 0.3 * sin((double)(i + 2 * j)) / sqrt((double)n) * s.factor[i * n + i];
  for (size_t p = 0; p < (size_t)P; p++) {
    for (int sign = 1; sign >= -1; sign -= 2) {
      for (size_t i = 0; i < n; i++) {
        double move = 0.0;
        for (size_t j = 0; j <= i; j++) move += s.factor[i * n + j] * e[j * ld + p];
        for (size_t lane = 0; lane < one; lane++) z[i * one + lane] = s.loc[i] + sign * move;
      }
      CHECK(log_density(&t, 1, one, z, lp, g) == FR_OK);
      for (size_t j = 0; sign == 1 && j < n; j++) plus[j] = g[j * one];
    }
    for (size_t j = 0; j < n; j++) {
      a[j] = 0.0;
      b[j] = e[j * ld + p];
      for (size_t i = j; i < n; i++) {
        a[j] += s.factor[i * n + j] * 0.5 * (plus[i] + g[i * one]);
        b[j] += s.factor[i * n + j] * 0.5 * (plus[i] - g[i * one]);
      }
      mean[j] += a[j] / P;
    }
    for (size_t i = 0; i < n; i++)
      for (size_t j = 0; j <= i; j++) M[i * n + j] += (i == j ? 0.5 : 1.0) * b[i] * e[j * ld + p] / P;
  }
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j <= i; j++) {
      want_loc[i] += s.factor[i * n + j] * mean[j];
      for (size_t k = j; k <= i; k++) want[i * n + j] += s.factor[i * n + k] * M[k * n + j];
    }
  fr_natural before = copy_state(&s);
  CHECK(fr_natural_step(&s, &spec, P, ld, e, &loss, work) == FR_OK && isfinite(loss));
  for (size_t i = 0; i < n; i++) s.loc[i] -= before.loc[i];
  for (size_t i = 0; i < n * n; i++) s.factor[i] -= before.factor[i];
  rate = multiple(n, s.loc, want_loc, &error);
  CHECK(rate > 0.0 && rate < 1.0 + 1e-9 && error < 1e-9);
  rate = multiple(n * n, s.factor, want, &error);
  CHECK(rate > 0.0 && rate < 1.0 + 1e-9 && error < 1e-9);
  free_state(&before);
  free_state(&s);
  free_target(&t);
  free(work);
  free(e);
  free(z);
  free(plus);
}

void test_natural(void)
{
  const int step_dims[] = {1, 2, 7, 8, 9, 16, 45, 130, 203}, step_pairs[] = {2, 3, 4, 8, 11, 16, 20};
  for (int k = 0; k < 9; k++)
    for (int p = 0; p < 7; p++) test_step(step_dims[k], step_pairs[p]);

  const int dims[] = {1, 2, 7, 33};
  for (int k = 0; k < 4; k++) {
    test_exact(GAUSSIAN, dims[k], 1.0, 0.0);
    test_exact(GAUSSIAN, dims[k], 1.0, 50.0);
    test_exact(LOG_GAMMA, dims[k], 0.6, 0.5);
  }
  test_exact(GAUSSIAN, FR_NATURAL_MATCHED_MAX + 3, 1.0, 1.0);
  test_exact(LOG_GAMMA, FR_NATURAL_MATCHED_MAX + 3, 4.0, 0.0);

  test_broken_off(GAUSSIAN, 3, 4.0);
  test_broken_off(LOG_GAMMA, 4, 0.5);
  test_broken_off(FUNNEL, 5, 0.5);

  int visited[FR_NATURAL_CONVERGED + 1] = {0};
  test_faulty(GAUSSIAN, 3, 1.0, 1.0, FR_NATURAL_CLIMB, FR_NATURAL_SOLVE, visited);
  test_faulty(LOG_GAMMA, 3, 1.0, 0.5, FR_NATURAL_CLIMB, FR_NATURAL_SOLVE, visited);
  test_faulty(FUNNEL, 3, 1.0, 0.5, FR_NATURAL_CLIMB, FR_NATURAL_SOLVE, visited);
  test_faulty(FUNNEL, 3, 1.0, 0.5, FR_NATURAL_SCOUT, FR_NATURAL_AVERAGE, visited);
  test_faulty(LOG_GAMMA, FR_NATURAL_MATCHED_MAX + 1, 4.0, 0.0, FR_NATURAL_GROW, FR_NATURAL_GROW, visited);
  for (int k = 0; k < FR_NATURAL_CONVERGED; k++) CHECK(visited[k] > 0);
  test_hopeless();
  test_unknown_phase();
}
