/* vec.h: vectors of doubles as GNU vector types (gcc and clang), one kind for each instruction set of isa.h,
 * and the few operations on them that + - * / and brackets do not say. Sources included by isa_each.h use
 * the names without the set behind them. */
#ifndef FR_VEC_H
#define FR_VEC_H

#include "isa.h"

#if FR_X86_TARGETS
#include <immintrin.h>
#endif

/* fr_vec_at stands anywhere in an array of doubles. */
#define FR_DEFINE_VEC(set, bytes)                                                                  \
  typedef double fr_vec_##set __attribute__((vector_size(bytes)));                                 \
  typedef double fr_vec_at_##set __attribute__((vector_size(bytes), aligned(8), may_alias));       \
  typedef uint64_t fr_vec_u64_##set __attribute__((vector_size(bytes)));

FR_DEFINE_VEC(baseline, 16)
#if FR_X86_TARGETS
FR_DEFINE_VEC(avx2, 32)
FR_DEFINE_VEC(avx512, 64)
#endif

#define FR_LOAD(p) (*(const fr_vec_at *)(p))
#define FR_STORE(p, x) (*(fr_vec_at *)(p) = (x))
#define FR_SPLAT(x) ((x) - (fr_vec){0}) /* x - 0 is x, also for -0 */
#define FR_SPLAT_U(x) ((x) - (fr_vec_u64){0})

/* A loop of few, constant rounds whose variables are to stay in registers. */
#if defined(__clang__)
#define FR_UNROLL _Pragma("unroll")
#else
#define FR_UNROLL _Pragma("GCC unroll 32")
#endif

#define FR_OF(set) FR_TARGET_##set static inline __attribute__((always_inline, unused))

/* ---- baseline ---- */

/* a b + c, rounded once or twice */
FR_OF(baseline) fr_vec_baseline fr_fma_baseline(fr_vec_baseline a, fr_vec_baseline b, fr_vec_baseline c) { return a * b + c; }

FR_OF(baseline) fr_vec_baseline fr_vec_sqrt_baseline(fr_vec_baseline x)
{
#if FR_X86_TARGETS
  return (fr_vec_baseline)_mm_sqrt_pd((__m128d)x);
#else
  return (fr_vec_baseline){sqrt(x[0]), sqrt(x[1])};
#endif
}

/* x clamped to [-bound, bound]; NaN stays NaN */
FR_OF(baseline) fr_vec_baseline fr_vec_clamp_baseline(fr_vec_baseline x, double bound)
{
#if FR_X86_TARGETS /* of two operands of which one is NaN, min and max give the second */
  return (fr_vec_baseline)_mm_max_pd(_mm_set1_pd(-bound), _mm_min_pd(_mm_set1_pd(bound), (__m128d)x));
#else
  for (int i = 0; i < 2; i++) x[i] = x[i] > bound ? bound : x[i] < -bound ? -bound : x[i];
  return x;
#endif
}

/* a b for 32-bit numbers in 64-bit lanes */
FR_OF(baseline) fr_vec_u64_baseline fr_vec_mul32_baseline(fr_vec_u64_baseline a, fr_vec_u64_baseline b)
{
#if FR_X86_TARGETS
  return (fr_vec_u64_baseline)_mm_mul_epu32((__m128i)a, (__m128i)b);
#else
  return a * b;
#endif
}

/* ---- AVX2 and AVX-512 ---- */

#if FR_X86_TARGETS
FR_OF(avx2) fr_vec_avx2 fr_fma_avx2(fr_vec_avx2 a, fr_vec_avx2 b, fr_vec_avx2 c) { return _mm256_fmadd_pd(a, b, c); }
FR_OF(avx2) fr_vec_avx2 fr_vec_sqrt_avx2(fr_vec_avx2 x) { return _mm256_sqrt_pd(x); }
FR_OF(avx2) fr_vec_avx2 fr_vec_clamp_avx2(fr_vec_avx2 x, double bound)
{
  return _mm256_max_pd(_mm256_set1_pd(-bound), _mm256_min_pd(_mm256_set1_pd(bound), x));
}
FR_OF(avx2) fr_vec_u64_avx2 fr_vec_mul32_avx2(fr_vec_u64_avx2 a, fr_vec_u64_avx2 b)
{
  return (fr_vec_u64_avx2)_mm256_mul_epu32((__m256i)a, (__m256i)b);
}

FR_OF(avx512) fr_vec_avx512 fr_fma_avx512(fr_vec_avx512 a, fr_vec_avx512 b, fr_vec_avx512 c) { return _mm512_fmadd_pd(a, b, c); }
FR_OF(avx512) fr_vec_avx512 fr_vec_sqrt_avx512(fr_vec_avx512 x) { return _mm512_sqrt_pd(x); }
FR_OF(avx512) fr_vec_avx512 fr_vec_clamp_avx512(fr_vec_avx512 x, double bound)
{
  return _mm512_max_pd(_mm512_set1_pd(-bound), _mm512_min_pd(_mm512_set1_pd(bound), x));
}
FR_OF(avx512) fr_vec_u64_avx512 fr_vec_mul32_avx512(fr_vec_u64_avx512 a, fr_vec_u64_avx512 b)
{
  return (fr_vec_u64_avx512)_mm512_mul_epu32((__m512i)a, (__m512i)b);
}
#endif

#endif
