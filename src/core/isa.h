/* isa.h: instruction sets. A kernel is compiled once for each of them, with the target as an attribute of the
 * function, and the one to run is chosen when the library is loaded.
 *
 *   baseline  what the compiler's default has (SSE2 on x86-64, NEON on arm64)
 *   avx2      AVX2 and FMA
 *   avx512    AVX-512 F, DQ, VL and BW
 *
 * Where a target cannot be said or may not be used (another processor or compiler; Windows, whose stacks are
 * not aligned for wide vectors) baseline is all there is.
 *
 * There are two kinds of kernels. FR_KERNEL makes one from an inline function on doubles whose loops over
 * lanes the compiler turns into vectors. isa_each.h includes a source of vector types once for each set. */
#ifndef FR_ISA_H
#define FR_ISA_H

#include "core.h"

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__)) && !defined(_WIN32)
#define FR_X86_TARGETS 1
#else
#define FR_X86_TARGETS 0
#endif

enum fr_isa_code { FR_ISA_BASELINE = 0, FR_ISA_AVX2 = 1, FR_ISA_AVX512 = 2, FR_ISA_COUNT = 3 };

/* The set in use. It is the core's one variable: written by fr_isa_use alone, which no other call may run beside. */
extern int fr_isa_in_use;

const char *fr_isa_name(int isa);
int fr_isa_find(const char *name);  /* -1 when there is none */
int fr_isa_available(int isa);      /* was it compiled, and has this machine got it? */
int fr_isa_best(void);              /* the widest that is available */
int fr_isa_use(int isa);            /* FR_ERR_ARGUMENT when it is not available */

#define FR_TARGET_baseline
#if FR_X86_TARGETS
#define FR_TARGET_avx2 __attribute__((target("avx2,fma")))
#define FR_TARGET_avx512 __attribute__((target("avx2,fma,avx512f,avx512dq,avx512vl,avx512bw")))
#endif

/* A call of name with args, of the version for the set in use. */
#if FR_X86_TARGETS
#define FR_CALL_ISA(name, args)                            \
  do {                                                     \
    switch (fr_isa_in_use) {                               \
    case FR_ISA_AVX512: name##_avx512 args; break;         \
    case FR_ISA_AVX2: name##_avx2 args; break;             \
    default: name##_baseline args;                         \
    }                                                      \
  } while (0)
#else
#define FR_CALL_ISA(name, args) name##_baseline args
#endif

/* storage void name params, whose body is the statement `body`, compiled for each set; args are the names of params. */
#if FR_X86_TARGETS
#define FR_KERNEL(storage, name, params, args, body)       \
  static void name##_baseline params { body; }             \
  FR_TARGET_avx2 static void name##_avx2 params { body; }  \
  FR_TARGET_avx512 static void name##_avx512 params { body; } \
  storage void name params { FR_CALL_ISA(name, args); }
#else
#define FR_KERNEL(storage, name, params, args, body) storage void name params { body; }
#endif

#endif
