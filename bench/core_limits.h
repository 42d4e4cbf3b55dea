/* core_limits.h: what the machine can do; included by core.c once for each instruction set. */

/* The sum of x, in streams enough for the memory to be the limit. */
FR_FN void FR_NAME(read_all)(size_t n, const double *x, double *sum)
{
  fr_vec s[8];
  size_t i = 0;
  FR_UNROLL
  for (int v = 0; v < 8; v++) s[v] = (fr_vec){0};
  for (; i + 8 * FR_VL <= n; i += 8 * FR_VL) {
    FR_UNROLL
    for (int v = 0; v < 8; v++) s[v] += FR_LOAD(x + i + v * FR_VL);
  }
  *sum = 0.0;
  FR_UNROLL
  for (int v = 0; v < 8; v++)
    for (int l = 0; l < FR_VL; l++) *sum += s[v][l];
  for (; i < n; i++) *sum += x[i];
}

/* `times` rounds of fused products on 12 vectors that stay in registers. */
FR_FN void FR_NAME(multiply_add)(int times, const double *x, double *sum, double *flops)
{
  fr_vec s[12];
  const fr_vec by = FR_SPLAT(x[1] + 0.5), more = FR_SPLAT(x[2]);
  FR_UNROLL
  for (int v = 0; v < 12; v++) s[v] = FR_SPLAT(x[v]);
  for (int k = 0; k < times; k++) {
    FR_UNROLL
    for (int v = 0; v < 12; v++) s[v] = fr_fma(s[v], by, more);
  }
  FR_UNROLL
  for (int v = 0; v < 12; v++) *sum += s[v][0];
  *flops = 2.0 * 12 * FR_VL * times;
}
