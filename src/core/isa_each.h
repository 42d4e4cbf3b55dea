/* isa_each.h: includes the source FR_EACH_SOURCE once for each instruction set. In it
 *
 *   FR_VL            doubles in a vector
 *   fr_vec           a vector; the other names of vec.h for this set
 *   FR_NAME(x)       x with the set's name behind it
 *   FR_FN            a static function of this set
 *   FR_FN_INLINE     one that is always inlined, the only kind that takes or gives vectors by value */
#include "vec.h"

#define FR_PASTE_(a, b) a##_##b
#define FR_PASTE(a, b) FR_PASTE_(a, b)
#define FR_NAME(x) FR_PASTE(x, FR_SET)
#define FR_FN FR_PASTE(FR_TARGET, FR_SET) static
#define FR_FN_INLINE FR_PASTE(FR_TARGET, FR_SET) static inline __attribute__((always_inline, unused))
#define fr_vec FR_NAME(fr_vec)
#define fr_vec_at FR_NAME(fr_vec_at)
#define fr_vec_u64 FR_NAME(fr_vec_u64)
#define fr_fma FR_NAME(fr_fma)
#define fr_vec_sqrt FR_NAME(fr_vec_sqrt)
#define fr_vec_clamp FR_NAME(fr_vec_clamp)
#define fr_vec_over_root FR_NAME(fr_vec_over_root)
#define fr_vec_sums FR_NAME(fr_vec_sums)
#define fr_vec_transpose FR_NAME(fr_vec_transpose)
#define fr_vec_mul32 FR_NAME(fr_vec_mul32)

#define FR_SET baseline
#define FR_VL 2
#include FR_EACH_SOURCE
#undef FR_SET
#undef FR_VL

#if FR_X86_TARGETS
#define FR_SET avx2
#define FR_VL 4
#include FR_EACH_SOURCE
#undef FR_SET
#undef FR_VL

#define FR_SET avx512
#define FR_VL 8
#include FR_EACH_SOURCE
#undef FR_SET
#undef FR_VL
#endif

#undef FR_PASTE_
#undef FR_PASTE
#undef FR_NAME
#undef FR_FN
#undef FR_FN_INLINE
#undef fr_vec
#undef fr_vec_at
#undef fr_vec_u64
#undef fr_fma
#undef fr_vec_sqrt
#undef fr_vec_clamp
#undef fr_vec_over_root
#undef fr_vec_sums
#undef fr_vec_transpose
#undef fr_vec_mul32
#undef FR_EACH_SOURCE
