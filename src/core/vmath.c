/* vmath.c: see vmath.h. The functions over arrays, for each instruction set. */
#include "vmath_array.h"
#include "isa.h"
#include "vmath.h"

typedef double (*lane_fn)(double x);

/* y_i = f(x_i) in blocks of lanes; the last block works on a copy. The others read x where it stands: a copy would
 * be stored in pieces that a wider load then waits for. */
FR_INLINE void over(size_t n, const double *x, double *y, lane_fn f)
{
  size_t i = 0;
  for (; i + FR_LANES <= n; i += FR_LANES) {
    double out[FR_LANES];
    for (int l = 0; l < FR_LANES; l++) out[l] = f(x[i + (size_t)l]);
    for (int l = 0; l < FR_LANES; l++) y[i + (size_t)l] = out[l];
  }
  if (i < n) {
    double in[FR_LANES] = {0}, out[FR_LANES];
    for (size_t l = 0; i + l < n; l++) in[l] = x[i + l];
    for (int l = 0; l < FR_LANES; l++) out[l] = f(in[l]);
    for (size_t l = 0; i + l < n; l++) y[i + l] = out[l];
  }
}

#define OVER(name, f) FR_KERNEL(, name, (size_t n, const double *x, double *y), (n, x, y), over(n, x, y, f))

OVER(fr_array_exp, fr_lane_exp)
OVER(fr_array_expm1, fr_lane_expm1)
OVER(fr_array_tanh, fr_lane_tanh)
OVER(fr_array_log, fr_lane_log)
OVER(fr_array_log1p, fr_lane_log1p)
OVER(fr_array_softplus, fr_lane_softplus_only)
OVER(fr_array_sigmoid, fr_lane_sigmoid_only)
OVER(fr_array_lgamma, fr_lane_lgamma)
OVER(fr_array_digamma, fr_lane_digamma)
