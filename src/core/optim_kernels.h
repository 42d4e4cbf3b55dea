/* optim_kernels.h: Adam's update on vectors; included by optim.c once for each instruction set. */

#include "outer_kernels.h"

/* One vector of parameters. A denominator of 0 (eps = 0 where no gradient ever was) moves nothing. */
FR_FN_INLINE void FR_NAME(adam_vec)(const fr_update *a, fr_vec gradient, double *parameter, double *m, double *v)
{
  const fr_vec g = fr_vec_clamp(gradient, a->clip);
  const fr_vec first = fr_fma(FR_LOAD(m), FR_SPLAT(a->beta1), g * (1.0 - a->beta1));
  const fr_vec second = fr_fma(FR_LOAD(v), FR_SPLAT(a->beta2), (1.0 - a->beta2) * g * g);
  FR_STORE(m, first);
  FR_STORE(v, second);
  FR_STORE(parameter, FR_LOAD(parameter) - fr_vec_over_root(a->step_size * first, second, 1.0 / a->correction, a->eps));
}

FR_FN void FR_NAME(adam)(const fr_update *update, size_t n, const double *gradient, double *parameter, double *m, double *v)
{
  const fr_update now = *update; /* a copy that no store below can change: it stays in registers */
  size_t i = 0;
  for (; i + FR_VL <= n; i += FR_VL) FR_NAME(adam_vec)(&now, FR_LOAD(gradient + i), parameter + i, m + i, v + i);
  if (i == n) return;
  /* the last ones, with company that is dropped */
  double g1[FR_VL] = {0}, p1[FR_VL] = {0}, m1[FR_VL] = {0}, v1[FR_VL] = {0};
  const size_t bytes = (n - i) * sizeof(double);
  memcpy(g1, gradient + i, bytes);
  memcpy(p1, parameter + i, bytes);
  memcpy(m1, m + i, bytes);
  memcpy(v1, v + i, bytes);
  FR_NAME(adam_vec)(&now, FR_LOAD(g1), p1, m1, v1);
  memcpy(parameter + i, p1, bytes);
  memcpy(m + i, m1, bytes);
  memcpy(v + i, v1, bytes);
}

/* Columns of 8 parameters whose gradient is a sum of n outer products: a column of it goes from one register to the next. */
FR_FN_INLINE void FR_NAME(adam_outer_of)(const fr_update *now, int n, const double *a, size_t columns, size_t ld, const double *b, double *parameter,
                                         double *m, double *v)
{
  for (size_t j = 0; j < columns; j++, b += ld, parameter += FR_LANES, m += FR_LANES, v += FR_LANES) {
    fr_vec sum[FR_ROW_VECS];
    FR_NAME(outer_column)(a, n, b, sum);
    FR_UNROLL
    for (int i = 0; i < FR_ROW_VECS; i++) FR_NAME(adam_vec)(now, sum[i], parameter + i * FR_VL, m + i * FR_VL, v + i * FR_VL);
  }
}

FR_FN void FR_NAME(adam_outer)(const fr_update *update, int n, const double *a, size_t columns, size_t ld, const double *b, double *parameter,
                               double *m, double *v)
{
  const fr_update now = *update;
  if (n == 1) FR_NAME(adam_outer_of)(&now, 1, a, columns, ld, b, parameter, m, v);
  else if (n == FR_LANES) FR_NAME(adam_outer_of)(&now, FR_LANES, a, columns, ld, b, parameter, m, v);
  else FR_NAME(adam_outer_of)(&now, n, a, columns, ld, b, parameter, m, v);
}

#undef FR_ROW_VECS
