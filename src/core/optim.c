/* optim.c: see optim.h. The operations stand in the order in which torch and Pyro carry them out, so that
 * hundreds of steps agree to rounding. Adam's square root and divisions are what an update costs; two at a
 * time they take half as long. */
#include "optim.h"

#include "vec.h"

/* The constants of one step: parameter -= step_size * m / (sqrt(v) / correction + eps). */
typedef struct {
  double beta1, beta2, eps, clip, step_size, correction;
} adam_step;

static void adam(const adam_step *a, size_t n, const double *gradient, double *parameter, double *m, double *v);
static void sgd(const fr_optimizer *opt, size_t n, const double *gradient, double *parameter, double *buffer);

int fr_optimizer_buffers(const fr_optimizer *opt)
{
  if (opt->code == FR_SGD) return opt->momentum != 0.0 ? 1 : 0;
  return 2;
}

void fr_optimizer_update(const fr_optimizer *opt, uint64_t step, size_t n, const double *gradient,
                         double *parameter, double *m1, double *m2)
{
  const double t = (double)step;
  const double correction1 = 1.0 - pow(opt->beta1, t), correction2 = 1.0 - pow(opt->beta2, t);
  adam_step a = {.beta1 = opt->beta1, .beta2 = opt->beta2, .eps = opt->eps, .clip = INFINITY, .correction = 1.0};
  switch (opt->code) {
  case FR_ADAM:
    a.step_size = opt->lr / sqrt(1.0 + opt->decay * (t - 1.0)) / correction1;
    a.correction = sqrt(correction2);
    adam(&a, n, gradient, parameter, m1, m2);
    break;
  case FR_CLIPPED_ADAM:
    a.clip = opt->clip_norm;
    a.step_size = opt->lr * pow(opt->lrd, t) * sqrt(correction2) / correction1;
    adam(&a, n, gradient, parameter, m1, m2);
    break;
  case FR_SGD:
    sgd(opt, n, gradient, parameter, m1);
    break;
  default:
    break;
  }
}

/* One vector of parameters. A denominator of 0 (eps = 0 where no gradient ever was) moves nothing. The step is
 * passed by value: it stays in registers, which what is stored below might otherwise change. */
FR_INLINE void adam_vec(const adam_step a, const double *gradient, double *parameter, double *m, double *v)
{
  typedef long long mask __attribute__((vector_size(16)));
  const fr_vec g = fr_vec_clamp(FR_LOAD(gradient), a.clip);
  const fr_vec first = FR_LOAD(m) * a.beta1 + g * (1.0 - a.beta1);
  const fr_vec second = FR_LOAD(v) * a.beta2 + (1.0 - a.beta2) * g * g;
  const fr_vec below = fr_vec_sqrt(second) / a.correction + a.eps;
  const fr_vec move = a.step_size * first / below;
  FR_STORE(m, first);
  FR_STORE(v, second);
  FR_STORE(parameter, FR_LOAD(parameter) - (fr_vec)((mask)move & (mask)(below != 0.0)));
}

static void adam(const adam_step *a, size_t n, const double *gradient, double *parameter, double *m, double *v)
{
  const adam_step now = *a;
  size_t i = 0;
  for (; i + FR_VEC <= n; i += FR_VEC) adam_vec(now, gradient + i, parameter + i, m + i, v + i);
  if (i < n) { /* the last one, with company that is dropped */
    double g1[FR_VEC] = {gradient[i]}, p1[FR_VEC] = {parameter[i]}, m1[FR_VEC] = {m[i]}, v1[FR_VEC] = {v[i]};
    adam_vec(now, g1, p1, m1, v1);
    parameter[i] = p1[0];
    m[i] = m1[0];
    v[i] = v1[0];
  }
}

static void sgd(const fr_optimizer *opt, size_t n, const double *gradient, double *parameter, double *buffer)
{
  if (opt->momentum == 0.0) {
    for (size_t i = 0; i < n; i++) parameter[i] -= opt->lr * gradient[i];
    return;
  }
  for (size_t i = 0; i < n; i++) {
    buffer[i] = opt->momentum * buffer[i] + gradient[i];
    parameter[i] -= opt->lr * buffer[i];
  }
}
