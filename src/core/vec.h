/* vec.h: two doubles at a time, what SSE2 and NEON have at baseline, as a GNU vector (gcc and clang). */
#ifndef FR_VEC_H
#define FR_VEC_H

#include "core.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#define FR_VEC 2 /* doubles in a vector */

typedef double fr_vec __attribute__((vector_size(16)));
typedef double fr_vec_at __attribute__((vector_size(16), aligned(8), may_alias)); /* anywhere in an array */

#define FR_LOAD(p) (*(const fr_vec_at *)(p))
#define FR_STORE(p, x) (*(fr_vec_at *)(p) = (x))
#define FR_BROADCAST(x) ((fr_vec){(x), (x)})

FR_INLINE fr_vec fr_vec_sqrt(fr_vec x)
{
#if defined(__SSE2__)
  return (fr_vec)_mm_sqrt_pd((__m128d)x);
#else
  return (fr_vec){sqrt(x[0]), sqrt(x[1])};
#endif
}

/* x clamped to [-bound, bound]; NaN stays NaN */
FR_INLINE fr_vec fr_vec_clamp(fr_vec x, double bound)
{
#if defined(__SSE2__) /* of two operands of which one is NaN, min and max give the second */
  return (fr_vec)_mm_max_pd(_mm_set1_pd(-bound), _mm_min_pd(_mm_set1_pd(bound), (__m128d)x));
#else
  for (int i = 0; i < FR_VEC; i++) x[i] = x[i] > bound ? bound : x[i] < -bound ? -bound : x[i];
  return x;
#endif
}

#endif
