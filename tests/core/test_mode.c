/* test_mode.c: modes that are known, and densities without one. */
#include "check.h"
#include "mode.h"

#include <stdlib.h>

enum density { ROSENBROCK, QUARTIC, LINEAR, HOLE };

typedef struct {
  enum density which;
  int d, calls, interrupt_at;
} model;

static int log_density(void *data, int S, size_t ld, const double *z, double *lp, double *g)
{
  model *m = data;
  if (S != 1 || ld != 1) return FR_ERR_ARGUMENT;
  if (++m->calls == m->interrupt_at) return FR_INTERRUPTED;
  *lp = 0.0;
  for (int j = 0; j < m->d; j++) g[j] = 0.0;
  if (m->which == ROSENBROCK) /* mode at (1, ..., 1), at the end of a bent valley */
    for (int j = 0; j + 1 < m->d; j++) {
      const double off = z[j + 1] - z[j] * z[j];
      *lp -= 100.0 * off * off + (1.0 - z[j]) * (1.0 - z[j]);
      g[j] += 400.0 * off * z[j] + 2.0 * (1.0 - z[j]);
      g[j + 1] -= 200.0 * off;
    }
  for (int j = 0; j < m->d; j++) {
    if (m->which == QUARTIC) { /* no curvature at its mode */
      *lp -= pow(z[j] - 2.0, 4);
      g[j] = -4.0 * pow(z[j] - 2.0, 3);
    } else if (m->which == LINEAR) {
      *lp += z[j];
      g[j] = 1.0;
    } else if (m->which == HOLE) { /* log(z) - z: not a number below 0, where steps that are too long end; mode at 1 */
      *lp += log(z[j]) - z[j];
      g[j] = 1.0 / z[j] - 1.0;
    }
  }
  return FR_OK;
}

static int climb(model *m, double start, int iterations, double *z, double *value, double *gain)
{
  double *work = malloc(fr_mode_work(m->d) * sizeof(double));
  for (int j = 0; j < m->d; j++) z[j] = start;
  m->calls = 0;
  int status = fr_mode_climb(log_density, m, m->d, iterations, z, value, gain, work);
  free(work);
  return status;
}

void test_mode(void)
{
  double z[50], value, gain;
  for (int d = 2; d <= 50; d += 16) {
    model m = {.which = ROSENBROCK, .d = d};
    CHECK(climb(&m, -0.5, 2000, z, &value, &gain) == FR_OK);
    CHECK(gain < 1e-8);
    for (int j = 0; j < d; j++) CHECK_NEAR(z[j], 1.0, 1e-4);
    CHECK(m.calls < 200 + 20 * d);
  }
  for (int d = 1; d <= 33; d += 16) {
    model quartic = {.which = QUARTIC, .d = d}, hole = {.which = HOLE, .d = d}, linear = {.which = LINEAR, .d = d};
    CHECK(climb(&quartic, 40.0, 2000, z, &value, &gain) == FR_OK && gain < 1e-8);
    for (int j = 0; j < d; j++) CHECK_NEAR_ABS(z[j], 2.0, 0.05);
    CHECK(climb(&hole, 0.01, 2000, z, &value, &gain) == FR_OK && gain < 1e-8);
    for (int j = 0; j < d; j++) CHECK_NEAR(z[j], 1.0, 1e-4);
    CHECK_NEAR(value, -(double)d, 1e-9);
    CHECK(climb(&linear, 0.0, 50, z, &value, &gain) == FR_OK && gain > 1e-8 && value > 1e3);
    CHECK(isfinite(value) && isfinite(z[0]));
    CHECK(climb(&hole, -1.0, 50, z, &value, &gain) == FR_ERR_NOT_FINITE && z[0] == -1.0 && isinf(gain));
    hole.interrupt_at = 4;
    CHECK(climb(&hole, 0.01, 50, z, &value, &gain) == FR_INTERRUPTED && isfinite(z[0]));
  }
}
