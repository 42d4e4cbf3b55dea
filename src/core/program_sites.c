/* program_sites.c: a program's sites, from the unconstrained vector to values and back. */
#include "program_run.h"
#include "bijection.h"
#include "kernels.h"

/* Where particle l of group g stands in z; padding repeats the batch's first particle. */
static size_t particle(const fr_run *run, int g, int l)
{
  int s = g * run->W + l;
  return s < run->particles ? (size_t)s : 0;
}

static void bounded_forward(fr_run *run, int g, int i)
{
  const int *ints = fr_run_attributes(run, i);
  int W = run->W;
  fr_operand lower = fr_run_operand(run, g, fr_run_argument(run, i, 0), 0), upper = fr_run_operand(run, g, fr_run_argument(run, i, 1), 0);
  double *y = (double *)fr_run_operand(run, g, i, 0).v, *term = run->term[g] + (size_t)ints[1] * (size_t)W;
  for (long e = 0; e < run->p->spec.len[i]; e++)
    for (int l = 0; l < W; l++) {
      fr_bounded b;
      double x = run->z[(size_t)(ints[0] + e) * run->ld + particle(run, g, l)];
      fr_bounded_forward(x, fr_value(&lower, e, W, l), fr_value(&upper, e, W, l), &b);
      y[e * W + l] = b.y;
      term[l] += b.log_det;
    }
}

static void bounded_reverse(fr_run *run, int g, int i)
{
  const int *ints = fr_run_attributes(run, i);
  int W = run->W;
  fr_operand lower = fr_run_operand(run, g, fr_run_argument(run, i, 0), 0), upper = fr_run_operand(run, g, fr_run_argument(run, i, 1), 0);
  const double *bar = fr_run_operand(run, g, i, 0).a;
  for (long e = 0; e < run->p->spec.len[i]; e++)
    for (int l = 0; l < W; l++) {
      fr_bounded b;
      double at = bar[e * W + l];
      size_t from = (size_t)(ints[0] + e) * run->ld + particle(run, g, l);
      fr_bounded_forward(run->z[from], fr_value(&lower, e, W, l), fr_value(&upper, e, W, l), &b);
      if (g * W + l < run->particles) run->gradient[from] = at * b.dy_dx + b.dld_dx;
      if (lower.a) lower.a[(lower.row ? e : 0) * W + l] += at * b.dy_dlower + b.dld_dlower;
      if (upper.a) upper.a[(upper.row ? e : 0) * W + l] += at * b.dy_dupper + b.dld_dupper;
    }
}

/* Vector sites: event e's unconstrained coordinate k at offset + e + k * N, its value k at e + k * N. */
static void vector_site_forward(fr_run *run, int g, int i)
{
  const int *ints = fr_run_attributes(run, i);
  const fr_bijection *map = fr_bijection_get(ints[2]);
  int N = ints[3], K = ints[4], n_free = map->free_size(K), n_value = map->value_size(K), W = run->W;
  double *x = run->scratch, *v = x + n_free, *work = v + n_value;
  double *y = (double *)fr_run_operand(run, g, i, 0).v, *term = run->term[g] + (size_t)ints[1] * (size_t)W;
  for (int l = 0; l < W; l++)
    for (int e = 0; e < N; e++) {
      double log_det;
      for (int k = 0; k < n_free; k++) x[k] = run->z[(size_t)(ints[0] + e + k * N) * run->ld + particle(run, g, l)];
      map->forward(K, x, v, &log_det, work);
      for (int k = 0; k < n_value; k++) y[(e + k * N) * W + l] = v[k];
      term[l] += log_det;
    }
}

static void vector_site_reverse(fr_run *run, int g, int i)
{
  const int *ints = fr_run_attributes(run, i);
  const fr_bijection *map = fr_bijection_get(ints[2]);
  int N = ints[3], K = ints[4], n_free = map->free_size(K), n_value = map->value_size(K), W = run->W;
  double *x = run->scratch, *v = x + n_free, *x_bar = v + n_value, *v_bar = x_bar + n_free, *work = v_bar + n_value;
  fr_operand self = fr_run_operand(run, g, i, 0);
  for (int l = 0; l < W; l++) {
    if (g * W + l >= run->particles) break;
    for (int e = 0; e < N; e++) {
      for (int k = 0; k < n_free; k++) {
        x[k] = run->z[(size_t)(ints[0] + e + k * N) * run->ld + particle(run, g, l)];
        x_bar[k] = 0.0;
      }
      for (int k = 0; k < n_value; k++) {
        v[k] = self.v[(e + k * N) * W + l];
        v_bar[k] = self.a[(e + k * N) * W + l];
      }
      map->reverse(K, x, v, v_bar, 1.0, x_bar, work);
      for (int k = 0; k < n_free; k++)
        run->gradient[(size_t)(ints[0] + e + k * N) * run->ld + particle(run, g, l)] = x_bar[k];
    }
  }
}

void fr_site_forward(fr_run *run, int g, int i)
{
  if (run->p->spec.op[i] == FR_OP_SITE_BOUNDED) bounded_forward(run, g, i);
  else vector_site_forward(run, g, i);
}

void fr_site_reverse(fr_run *run, int g, int i)
{
  if (run->p->spec.op[i] == FR_OP_SITE_BOUNDED) bounded_reverse(run, g, i);
  else vector_site_reverse(run, g, i);
}
