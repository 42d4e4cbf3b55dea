/* optim_kernels.h: Adam's update on vectors; included by optim.c once for each instruction set. */

/* One vector of parameters. A denominator of 0 (eps = 0 where no gradient ever was) moves nothing. */
FR_FN_INLINE void FR_NAME(adam_vec)(const fr_update *a, const double *gradient, double *parameter, double *m, double *v)
{
  const fr_vec g = fr_vec_clamp(FR_LOAD(gradient), a->clip);
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
  for (; i + FR_VL <= n; i += FR_VL) FR_NAME(adam_vec)(&now, gradient + i, parameter + i, m + i, v + i);
  if (i == n) return;
  /* the last ones, with company that is dropped */
  double g1[FR_VL] = {0}, p1[FR_VL] = {0}, m1[FR_VL] = {0}, v1[FR_VL] = {0};
  const size_t bytes = (n - i) * sizeof(double);
  memcpy(g1, gradient + i, bytes);
  memcpy(p1, parameter + i, bytes);
  memcpy(m1, m + i, bytes);
  memcpy(v1, v + i, bytes);
  FR_NAME(adam_vec)(&now, g1, p1, m1, v1);
  memcpy(parameter + i, p1, bytes);
  memcpy(m + i, m1, bytes);
  memcpy(v + i, v1, bytes);
}
