/* core.h: what every file of the C core shares: status codes and lane blocks.
 *
 * The core is plain C11 and knows no R. Functions take typed arguments, sizes and workspaces, hand back
 * an int status, hold no global state, and neither print nor exit.
 *
 * Particles are innermost: an array value of n elements for W particles is v[n][W], so that element i of
 * particle s stands at v[i * W + s]. W is 1, or a multiple of FR_LANES. Work is done in blocks of
 * FR_LANES doubles: with W >= FR_LANES a block is one element of FR_LANES particles; with W == 1 it is
 * FR_LANES elements of the one particle. */
#ifndef FR_CORE_H
#define FR_CORE_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define FR_LANES 8

#define FR_INLINE static inline __attribute__((always_inline, unused))

enum fr_status {
  FR_OK = 0,
  FR_ERR_ARGUMENT,    /* a size, index or code outside its range */
  FR_ERR_UNKNOWN_OP,  /* a program names an operation that this build lacks */
  FR_ERR_NOT_FINITE,  /* no finite value where one is needed */
  FR_INTERRUPTED,     /* the poll function asked to stop */
  FR_ERR_DOMAIN       /* a value outside the support of its site */
};

#define FR_LOG_2PI 1.837877066409345483560659472811
#define FR_LOG_SQRT_2PI 0.918938533204672741780329736406
#define FR_LOG_PI 1.144729885849400174143427351353
#define FR_LN_2 0.693147180559945309417232121458

/* A vector that straddles a line of the cache and is loaded soon after it was stored waits for the store to be done: what is written
 * and read again by vectors stands at a multiple of FR_ALIGN bytes. */
#define FR_ALIGN 64

/* n doubles filled up to whole blocks, so that what stands behind is aligned as well as what stands before */
FR_INLINE size_t fr_whole(size_t n) { return (n + FR_LANES - 1) / FR_LANES * FR_LANES; }
/* the first aligned place from x on: at most FR_LANES doubles further */
FR_INLINE double *fr_aligned(double *x) { return (double *)(((uintptr_t)x + FR_ALIGN - 1) / FR_ALIGN * FR_ALIGN); }

/* W for S particles handled at once: 1 stays alone, anything else is filled up to whole blocks. */
FR_INLINE int fr_width(int particles)
{
  return particles == 1 ? 1 : (particles + FR_LANES - 1) / FR_LANES * FR_LANES;
}

#endif
