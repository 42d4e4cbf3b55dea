/* test_optim.c: each optimiser against its rule written out for one number. (Pyro's stored trajectories are
 * replayed from R, tests/testthat/test-optim.R.) */
#include "check.h"
#include "optim.h"
#include "rng.h"

#include <stdlib.h>

typedef struct {
  double p, m, v;
} scalar_state;

/* torch.optim.Adam, pyro.optim.ClippedAdam, torch.optim.SGD, as their documentation states them */
static void reference_step(const fr_optimizer *o, int t, double g, scalar_state *s)
{
  if (o->code == FR_SGD) {
    s->m = o->momentum * s->m + g;
    s->p -= o->lr * s->m;
    return;
  }
  double lr = o->lr;
  if (o->code == FR_CLIPPED_ADAM) {
    for (int k = 0; k < t; k++) lr *= o->lrd;
    g = fmax(-o->clip_norm, fmin(g, o->clip_norm));
  } else {
    lr /= sqrt(1.0 + o->decay * (t - 1));
  }
  s->m = o->beta1 * s->m + (1.0 - o->beta1) * g;
  s->v = o->beta2 * s->v + (1.0 - o->beta2) * g * g;
  const double m_hat = s->m / (1.0 - pow(o->beta1, t)), root = sqrt(1.0 - pow(o->beta2, t));
  if (o->code == FR_ADAM) s->p -= lr * m_hat / (sqrt(s->v) / root + o->eps);
  else s->p -= lr * root * m_hat / (sqrt(s->v) + o->eps);
}

static void test_rule(const fr_optimizer *o, size_t n)
{
  double *p = calloc(n, sizeof(double)), *g = calloc(n, sizeof(double)), *m = calloc(n, sizeof(double));
  double *v = calloc(n, sizeof(double)), worst = 0.0;
  scalar_state *s = calloc(n, sizeof(scalar_state));
  const int buffers = fr_optimizer_buffers(o);
  for (size_t i = 0; i < n; i++) s[i].p = p[i] = 1.0 + 0.1 * (double)i;
  for (int t = 1; t <= 60; t++) {
    fr_normals(2, FR_STREAM_STEP, (uint64_t)t, 0, 1, (int)n, 1, g);
    for (size_t i = 0; i < n; i++) g[i] *= 3.0;
    fr_optimizer_update(o, (uint64_t)t, n, g, p, buffers > 0 ? m : NULL, buffers > 1 ? v : NULL);
    for (size_t i = 0; i < n; i++) {
      reference_step(o, t, g[i], s + i);
      worst = fr_worst(worst, fabs(p[i] - s[i].p) / (1.0 + fabs(s[i].p)));
    }
  }
  CHECK(isfinite(p[0]) && isfinite(p[n - 1]));
  CHECK(worst < 1e-13);
  free(p);
  free(g);
  free(m);
  free(v);
  free(s);
}

/* Where no gradient ever was nothing moves, even with eps = 0; clipping bounds what comes in; NaN shows. */
static void test_edges(void)
{
  const fr_optimizer adam = {.code = FR_ADAM, .lr = 0.1, .beta1 = 0.9, .beta2 = 0.999, .eps = 0.0};
  const fr_optimizer clipped = {.code = FR_CLIPPED_ADAM, .lr = 0.1, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8,
                                .clip_norm = 2.0, .lrd = 1.0};
  const fr_optimizer sgd = {.code = FR_SGD, .lr = 0.1};
  const fr_optimizer unknown = {.code = 99, .lr = 0.1};
  double p[3] = {1.0, 2.0, 3.0}, g[3] = {0.0, 1.0, 0.0}, m[3] = {0.0}, v[3] = {0.0};
  fr_optimizer_update(&adam, 1, 3, g, p, m, v);
  CHECK(p[0] == 1.0 && p[2] == 3.0);
  CHECK_NEAR(p[1], 1.9, 1e-15);

  double q[3] = {0.0}, h[3] = {1e9, -1e9, INFINITY}, a[3] = {0.0}, b[3] = {0.0};
  fr_optimizer_update(&clipped, 1, 3, h, q, a, b);
  CHECK_NEAR(a[0], 0.2, 1e-15);
  CHECK_NEAR(a[1], -0.2, 1e-15);
  CHECK_NEAR(a[2], 0.2, 1e-15);
  CHECK_NEAR(b[2], 0.004, 1e-12);

  double r[3] = {0.0}, bad[3] = {1.0, NAN, NAN}, c[3] = {0.0}, d[3] = {0.0};
  fr_optimizer_update(&clipped, 1, 3, bad, r, c, d);
  CHECK(isfinite(r[0]) && isnan(r[1]) && isnan(r[2]));

  CHECK(fr_optimizer_buffers(&adam) == 2 && fr_optimizer_buffers(&clipped) == 2 && fr_optimizer_buffers(&sgd) == 0);
  double s[1] = {1.0};
  fr_optimizer_update(&unknown, 1, 1, g, s, m, v);
  CHECK(s[0] == 1.0);
  fr_optimizer_update(&adam, 1, 0, g, s, m, v); /* no parameters */
  CHECK(s[0] == 1.0);
}

/* What Adam moves by, m / (sqrt(v) / correction + eps), for v of all sizes, those among them that divide by 0 or overflow */
static void test_range(void)
{
  enum { N = 512 };
  static const double eps[] = {0.0, 1e-8, 1e-3};
  double zero[N] = {0.0}, u[3 * N];
  fr_rng rng;
  fr_rng_init(&rng, 14, FR_STREAM_PRIOR, 0, 0);
  for (int i = 0; i < 3 * N; i++) u[i] = fr_rng_uniform(&rng);
  for (int far = 0; far < 2; far++)
    for (int k = 0; k < 3; k++) {
      /* with weights of 1 and no gradient the buffers stay as they are */
      const fr_update update = {.code = FR_ADAM, .beta1 = 1.0, .beta2 = 1.0, .eps = eps[k], .clip = INFINITY, .step_size = 1.0, .correction = 0.03};
      double p[N] = {0.0}, m[N], v[N];
      for (int i = 0; i < N; i++) {
        v[i] = far && i % 8 == 3 ? 0.0 : far && i % 8 == 5 ? INFINITY : ldexp(1.0 + u[i], (int)((far ? 2090.0 : 1200.0) * (u[N + i] - 0.5)));
        m[i] = (u[2 * N + i] - 0.5) * (i % 3 ? sqrt(v[i]) < INFINITY ? sqrt(v[i]) : 1.0 : 1e-4);
      }
      fr_optimizer_apply(&update, N, zero, p, m, v);
      for (int i = 0; i < N; i++) {
        const double below = sqrt(v[i]) / 0.03 + eps[k], want = below == 0.0 ? 0.0 : -m[i] / below;
        if (isinf(want)) CHECK(p[i] == want);
        else CHECK(fabs(p[i] - want) <= 1e-15 * fabs(want) + 5e-324);
      }
    }
}

/* Columns of 8 parameters whose gradient is a sum of n outer products: the rule for each of them */
static void test_outer_columns(const fr_optimizer *o, int n)
{
  enum { COLUMNS = 5, MOST = 19, LD = 24 };
  double a[MOST * FR_LANES], b[COLUMNS * LD], p[COLUMNS * FR_LANES] = {0.0}, m[COLUMNS * FR_LANES] = {0.0}, v[COLUMNS * FR_LANES] = {0.0}, worst = 0.0;
  scalar_state s[COLUMNS * FR_LANES] = {{0.0, 0.0, 0.0}};
  for (int t = 1; t <= 20; t++) {
    const fr_update update = fr_optimizer_prepare(o, (uint64_t)t);
    CHECK(fr_optimizer_takes_outer(&update));
    fr_normals(3, FR_STREAM_STEP, (uint64_t)t, 0, 1, n * FR_LANES, 1, a);
    fr_normals(4, FR_STREAM_STEP, (uint64_t)t, 0, 1, COLUMNS * LD, 1, b);
    fr_optimizer_apply_outer(&update, n, a, COLUMNS, LD, b, p, m, v);
    for (int j = 0; j < COLUMNS; j++)
      for (int i = 0; i < FR_LANES; i++) {
        double g = 0.0;
        for (int k = 0; k < n; k++) g += a[k * FR_LANES + i] * b[j * LD + k];
        reference_step(o, t, g, &s[j * FR_LANES + i]);
        worst = fr_worst(worst, fabs(p[j * FR_LANES + i] - s[j * FR_LANES + i].p));
      }
  }
  CHECK(worst < 1e-11);
}

void test_optim(void)
{
  const fr_optimizer rules[] = {
    {.code = FR_ADAM, .lr = 0.005, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8},
    {.code = FR_ADAM, .lr = 0.05, .beta1 = 0.8, .beta2 = 0.99, .eps = 1e-8, .decay = 0.1},
    {.code = FR_CLIPPED_ADAM, .lr = 0.02, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .clip_norm = 2.0, .lrd = 0.99},
    {.code = FR_SGD, .lr = 1e-3, .momentum = 0.9},
    {.code = FR_SGD, .lr = 1e-3}};
  const size_t sizes[] = {1, 2, 7, 8, 9, 33};
  for (int k = 0; k < 5; k++)
    for (int i = 0; i < 6; i++) test_rule(&rules[k], sizes[i]);
  const int particles[] = {1, 2, 7, 8, 9, 16, 19};
  for (int k = 0; k < 3; k++)
    for (int i = 0; i < 7; i++) test_outer_columns(&rules[k], particles[i]);
  test_edges();
  test_range();
}
