/* optim.c: see optim.h. The operations stand in the order in which torch and Pyro carry them out, so that
 * hundreds of steps agree to rounding. Adam's square root and divisions are what an update costs while its
 * buffers are in cache; on vectors they disappear behind the memory. */
#include "optim.h"

#include "vec.h"

#define FR_EACH_SOURCE "optim_kernels.h"
#include "isa_each.h"

static void sgd(const fr_update *update, size_t n, const double *gradient, double *parameter, double *buffer);

int fr_optimizer_buffers(const fr_optimizer *opt)
{
  if (opt->code == FR_SGD) return opt->momentum != 0.0 ? 1 : 0;
  return 2;
}

fr_update fr_optimizer_prepare(const fr_optimizer *opt, uint64_t step)
{
  const double t = (double)step;
  const double correction1 = 1.0 - pow(opt->beta1, t), correction2 = 1.0 - pow(opt->beta2, t);
  fr_update u = {.code = opt->code, .beta1 = opt->beta1, .beta2 = opt->beta2, .eps = opt->eps, .clip = INFINITY,
                 .step_size = opt->lr, .correction = 1.0, .momentum = opt->momentum};
  switch (opt->code) {
  case FR_ADAM:
    u.step_size = opt->lr / sqrt(1.0 + opt->decay * (t - 1.0)) / correction1;
    u.correction = sqrt(correction2);
    break;
  case FR_CLIPPED_ADAM:
    u.clip = opt->clip_norm;
    u.step_size = opt->lr * pow(opt->lrd, t) * sqrt(correction2) / correction1;
    break;
  default:
    break;
  }
  return u;
}

void fr_optimizer_apply(const fr_update *update, size_t n, const double *gradient, double *parameter, double *m1, double *m2)
{
  switch (update->code) {
  case FR_ADAM:
  case FR_CLIPPED_ADAM:
    FR_CALL_ISA(adam, (update, n, gradient, parameter, m1, m2));
    break;
  case FR_SGD:
    sgd(update, n, gradient, parameter, m1);
    break;
  default:
    break;
  }
}

int fr_optimizer_takes_outer(const fr_update *update) { return update->code != FR_SGD; }

void fr_optimizer_apply_outer(const fr_update *update, int n, const double *a, size_t columns, size_t ld, const double *b, double *parameter, double *m1,
                              double *m2)
{
  FR_CALL_ISA(adam_outer, (update, n, a, columns, ld, b, parameter, m1, m2));
}

void fr_optimizer_undo(const fr_update *update, size_t n, double *parameter, const double *m1, const double *m2)
{
  for (size_t i = 0; i < n; i++) {
    if (update->code == FR_SGD) {
      parameter[i] += update->step_size * m1[i];
      continue;
    }
    const double below = sqrt(m2[i]) / update->correction + update->eps;
    if (below != 0.0) parameter[i] += update->step_size * m1[i] / below;
  }
}

void fr_optimizer_update(const fr_optimizer *opt, uint64_t step, size_t n, const double *gradient,
                         double *parameter, double *m1, double *m2)
{
  const fr_update update = fr_optimizer_prepare(opt, step);
  fr_optimizer_apply(&update, n, gradient, parameter, m1, m2);
}

static void sgd(const fr_update *update, size_t n, const double *gradient, double *parameter, double *buffer)
{
  if (update->momentum == 0.0) {
    for (size_t i = 0; i < n; i++) parameter[i] -= update->step_size * gradient[i];
    return;
  }
  for (size_t i = 0; i < n; i++) {
    buffer[i] = update->momentum * buffer[i] + gradient[i];
    parameter[i] -= update->step_size * buffer[i];
  }
}
