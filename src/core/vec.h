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

/* A vector of entries of a (from 0) and b (from the number of lanes). */
#if defined(__clang__)
#define FR_SHUFFLE(set, a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define FR_SHUFFLE(set, a, b, ...) __builtin_shuffle(a, b, (fr_vec_u64_##set){__VA_ARGS__})
#endif

/* A loop of few, constant rounds whose variables are to stay in registers. */
#if defined(__clang__)
#define FR_UNROLL _Pragma("unroll")
#else
#define FR_UNROLL _Pragma("GCC unroll 32")
#endif

/* A pointer that the compiler knows nothing of: what is read near it is addressed from it, not from sums of its own that registers do not hold. */
#define FR_OPAQUE(p) __asm__("" : "+r"(p))

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

/* out[k] = the sum of the lanes of x[k], for as many vectors as there are lanes: sums of neighbours, interleaved */
FR_OF(baseline) void fr_vec_sums_baseline(const fr_vec_baseline *x, double *out)
{
  *(fr_vec_at_baseline *)out = FR_SHUFFLE(baseline, x[0], x[1], 0, 2) + FR_SHUFFLE(baseline, x[0], x[1], 1, 3);
}

/* A square of as many vectors as there are lanes, turned over. */
FR_OF(baseline) void fr_vec_transpose_baseline(fr_vec_baseline *x)
{
  const fr_vec_baseline y = x[0];
  x[0] = FR_SHUFFLE(baseline, y, x[1], 0, 2);
  x[1] = FR_SHUFFLE(baseline, y, x[1], 1, 3);
}

/* a / (c sqrt(v) + eps), and 0 where that divides by 0; v >= 0 or NaN, c and eps finite and not negative. With AVX-512 a ulp or
 * two off: see there. */
#define FR_DEFINE_OVER_ROOT(set)                                                                                            \
  FR_OF(set) fr_vec_##set fr_vec_exact_over_root_##set(fr_vec_##set a, fr_vec_##set v, double c, double eps)                \
  {                                                                                                                         \
    const fr_vec_##set zero = {0}, below = fr_fma_##set(fr_vec_sqrt_##set(v), c - zero, eps - zero), ratio = a / below;     \
    return (fr_vec_##set)((fr_vec_u64_##set)ratio & (fr_vec_u64_##set)(below != 0.0));                                      \
  }
FR_DEFINE_OVER_ROOT(baseline)
FR_OF(baseline) fr_vec_baseline fr_vec_over_root_baseline(fr_vec_baseline a, fr_vec_baseline v, double c, double eps)
{
  return fr_vec_exact_over_root_baseline(a, v, c, eps);
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

FR_OF(avx2) void fr_vec_sums_avx2(const fr_vec_avx2 *x, double *out)
{
  fr_vec_avx2 y[2];
  for (int k = 0; k < 2; k++)
    y[k] = FR_SHUFFLE(avx2, x[2 * k], x[2 * k + 1], 0, 4, 2, 6) + FR_SHUFFLE(avx2, x[2 * k], x[2 * k + 1], 1, 5, 3, 7);
  *(fr_vec_at_avx2 *)out = FR_SHUFFLE(avx2, y[0], y[1], 0, 1, 4, 5) + FR_SHUFFLE(avx2, y[0], y[1], 2, 3, 6, 7);
}

FR_OF(avx2) void fr_vec_transpose_avx2(fr_vec_avx2 *x)
{
  fr_vec_avx2 y[4];
  for (int k = 0; k < 4; k += 2) {
    y[k] = FR_SHUFFLE(avx2, x[k], x[k + 1], 0, 4, 2, 6);
    y[k + 1] = FR_SHUFFLE(avx2, x[k], x[k + 1], 1, 5, 3, 7);
  }
  for (int k = 0; k < 2; k++) {
    x[k] = FR_SHUFFLE(avx2, y[k], y[k + 2], 0, 1, 4, 5);
    x[k + 2] = FR_SHUFFLE(avx2, y[k], y[k + 2], 2, 3, 6, 7);
  }
}

FR_DEFINE_OVER_ROOT(avx2)
FR_OF(avx2) fr_vec_avx2 fr_vec_over_root_avx2(fr_vec_avx2 a, fr_vec_avx2 v, double c, double eps)
{
  return fr_vec_exact_over_root_avx2(a, v, c, eps);
}

FR_OF(avx512) fr_vec_avx512 fr_fma_avx512(fr_vec_avx512 a, fr_vec_avx512 b, fr_vec_avx512 c) { return _mm512_fmadd_pd(a, b, c); }
FR_OF(avx512) fr_vec_avx512 fr_vec_sqrt_avx512(fr_vec_avx512 x) { return _mm512_sqrt_pd(x); }
FR_OF(avx512) fr_vec_avx512 fr_vec_clamp_avx512(fr_vec_avx512 x, double bound)
{
  return _mm512_max_pd(_mm512_set1_pd(-bound), _mm512_min_pd(_mm512_set1_pd(bound), x));
}
FR_OF(avx512) void fr_vec_sums_avx512(const fr_vec_avx512 *x, double *out)
{
  fr_vec_avx512 y[4], z[2];
  FR_UNROLL
  for (int k = 0; k < 4; k++)
    y[k] = FR_SHUFFLE(avx512, x[2 * k], x[2 * k + 1], 0, 8, 2, 10, 4, 12, 6, 14) + FR_SHUFFLE(avx512, x[2 * k], x[2 * k + 1], 1, 9, 3, 11, 5, 13, 7, 15);
  FR_UNROLL
  for (int k = 0; k < 2; k++)
    z[k] = FR_SHUFFLE(avx512, y[2 * k], y[2 * k + 1], 0, 1, 8, 9, 4, 5, 12, 13) + FR_SHUFFLE(avx512, y[2 * k], y[2 * k + 1], 2, 3, 10, 11, 6, 7, 14, 15);
  *(fr_vec_at_avx512 *)out = FR_SHUFFLE(avx512, z[0], z[1], 0, 1, 2, 3, 8, 9, 10, 11) + FR_SHUFFLE(avx512, z[0], z[1], 4, 5, 6, 7, 12, 13, 14, 15);
}

FR_OF(avx512) void fr_vec_transpose_avx512(fr_vec_avx512 *x)
{
  fr_vec_avx512 y[8], z[8]; /* pairs of rows with every other column; four rows with every fourth */
  FR_UNROLL
  for (int k = 0; k < 8; k += 2) {
    y[k] = FR_SHUFFLE(avx512, x[k], x[k + 1], 0, 8, 2, 10, 4, 12, 6, 14);
    y[k + 1] = FR_SHUFFLE(avx512, x[k], x[k + 1], 1, 9, 3, 11, 5, 13, 7, 15);
  }
  FR_UNROLL
  for (int k = 0; k < 4; k++) {
    const int from = k / 2 * 4 + k % 2;
    z[k] = FR_SHUFFLE(avx512, y[from], y[from + 2], 0, 1, 4, 5, 8, 9, 12, 13);
    z[k + 4] = FR_SHUFFLE(avx512, y[from], y[from + 2], 2, 3, 6, 7, 10, 11, 14, 15);
  }
  FR_UNROLL
  for (int k = 0; k < 4; k++) { /* columns k % 2 and that + 4 of those whose number, halved, is even; then odd */
    const int from = k / 2 * 4 + k % 2, to = k / 2 * 2 + k % 2;
    x[to] = FR_SHUFFLE(avx512, z[from], z[from + 2], 0, 1, 4, 5, 8, 9, 12, 13);
    x[to + 4] = FR_SHUFFLE(avx512, z[from], z[from + 2], 2, 3, 6, 7, 10, 11, 14, 15);
  }
}

FR_DEFINE_OVER_ROOT(avx512)

/* A square root and a division of eight doubles keep one unit of the processor busy for 25 to 40 cycles. Where all lanes are far from the ends
 * of the range, the quotient comes from an estimate to 14 bits and a step of Newton, the last part of which works on what is exactly missing: other
 * units do that meanwhile. */
FR_OF(avx512) fr_vec_avx512 fr_vec_over_root_avx512(fr_vec_avx512 a, fr_vec_avx512 v, double c, double eps)
{
  const __m512d x = (__m512d)v, low = _mm512_set1_pd(1e-200), high = _mm512_set1_pd(1e200);
  const __mmask8 inside = _mm512_cmp_pd_mask(x, low, _CMP_GE_OQ) & _mm512_cmp_pd_mask(x, high, _CMP_LE_OQ);
  if (inside != 255) return fr_vec_exact_over_root_avx512(a, v, c, eps);
  const __m512d below = _mm512_fmadd_pd(_mm512_sqrt_pd(x), _mm512_set1_pd(c), _mm512_set1_pd(eps));
  __m512d r = _mm512_rcp14_pd(below);
  r = _mm512_fmadd_pd(r, _mm512_fnmadd_pd(below, r, _mm512_set1_pd(1.0)), r);
  const __m512d ratio = _mm512_mul_pd((__m512d)a, r);
  return (fr_vec_avx512)_mm512_fmadd_pd(_mm512_fnmadd_pd(below, ratio, (__m512d)a), r, ratio);
}
FR_OF(avx512) fr_vec_u64_avx512 fr_vec_mul32_avx512(fr_vec_u64_avx512 a, fr_vec_u64_avx512 b)
{
  return (fr_vec_u64_avx512)_mm512_mul_epu32((__m512i)a, (__m512i)b);
}
#endif

#endif
