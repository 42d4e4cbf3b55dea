/* rng.h: counter-based random numbers, Philox4x32-10 (Salmon, Moraes, Dror, Shaw 2011, "Parallel random
 * numbers: as easy as 1, 2, 3"). A draw is a function of (seed, stream, step, particle, coordinate) alone:
 * it depends on no order, no thread and no batch, which is what makes a resumed run exact. */
#ifndef FR_RNG_H
#define FR_RNG_H

#include "core.h"

/* Streams keep the uses of one seed apart. */
enum fr_stream {
  FR_STREAM_STEP = 0,     /* eps of the optimiser's steps */
  FR_STREAM_CHECK = 1,    /* eps of verdicts and ELBO estimates */
  FR_STREAM_DRAWS = 2,    /* eps of draws from the guide */
  FR_STREAM_PRIOR = 3,    /* samples from the prior: inits, simulate() of a model */
  FR_STREAM_PREDICT = 4,  /* replicates of observed sites */
  FR_STREAM_INIT = 5,     /* init_to_uniform and retries */
  FR_STREAM_FIT = 6       /* natural(): one step a batch */
};

/* One block: counter c[4] and key k[2] in, out[4] out. */
void fr_philox(const uint32_t c[4], const uint32_t k[2], uint32_t out[4]);

/* eps (d x ld, coordinate-major: eps[j * ld + s]) for particles first .. first + S - 1 of step `step`:
 * independent N(0, 1), the same bits on every machine and for every S, first and ld (coordinates 2k and
 * 2k + 1 of a particle share one Box-Muller pair). Streams are below 128, steps below 2^56. Entries s >= S
 * of a row are left alone. Cost O(d S). */
void fr_normals(uint64_t seed, int stream, uint64_t step, uint32_t first, int S, int d, size_t ld,
                double *eps);

/* A sequential generator for one element of one draw: its numbers follow from the key and its counter. */
typedef struct {
  uint32_t key[2];
  uint32_t counter[4];  /* [0] runs; [1] draw, [2] element, [3] stream, its top bit set */
  uint32_t buffer[4];
  int used;             /* words of the buffer already spent */
} fr_rng;

void fr_rng_init(fr_rng *rng, uint64_t seed, int stream, uint32_t draw, uint32_t element);
double fr_rng_uniform(fr_rng *rng);      /* in (0, 1), never 0 or 1: an odd multiple of 2^-53 */
double fr_rng_normal(fr_rng *rng);       /* N(0, 1) */
double fr_rng_exponential(fr_rng *rng);  /* rate 1 */
double fr_rng_log_gamma(fr_rng *rng, double shape); /* log of a Gamma(shape, 1) draw; log so that tiny shapes don't underflow */

#endif
