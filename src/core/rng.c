/* rng.c: see rng.h. Philox4x32-10 as published (Salmon et al. 2011, SC'11) and Box-Muller on top of it.
 *
 * A normal has the same bits on every machine and instruction set: its logarithm, sine and cosine are polynomials
 * (coefficients of fdlibm, Sun Microsystems 1993) made of + - * / and sqrt, and the compiler is kept from fusing a
 * product with a sum. Straight-line code without branches on data, on the lanes of a vector (rng_lanes.h). */
#include "rng.h"
#include "vec.h"

#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#elif defined(__GNUC__)
#pragma GCC optimize("fp-contract=off")
#endif

#define BATCH 8 /* pairs of normals made at once where they do not fill vectors; at least the widest vector */

#define PHILOX_M0 UINT64_C(0xD2511F53)
#define PHILOX_M1 UINT64_C(0xCD9E8D57)
#define PHILOX_W0 UINT32_C(0x9E3779B9)
#define PHILOX_W1 UINT32_C(0xBB67AE85)

/* What the normals of one call share: the key and half of the counter. */
typedef struct {
  uint32_t key[2];
  uint64_t step, word;
} normals_key;

#define FR_EACH_SOURCE "rng_lanes.h"
#include "isa_each.h"

void fr_philox(const uint32_t c[4], const uint32_t k[2], uint32_t out[4])
{
  fr_vec_u64_baseline x[4];
  for (int i = 0; i < 4; i++) x[i] = (fr_vec_u64_baseline){c[i], c[i]};
  philox_baseline(x, k[0], k[1]);
  for (int i = 0; i < 4; i++) out[i] = (uint32_t)x[i][0];
}

/* The last word of the counter keeps apart, under one seed: sequences (fr_rng), streams, and steps beyond
 * 2^32. Streams are below 128 and steps below 2^56, so none of the three runs into the other. */
#define FR_SEQUENCE UINT32_C(0x80000000)

static uint32_t stream_word(int stream, uint64_t step)
{
  return ((uint32_t)stream & 0x7f) << 24 | ((uint32_t)(step >> 32) & 0xffffff);
}

/* ---- normals ---- */

/* pair by pair, and of each pair particle by particle, BATCH at a time, from pair k on */
static void normals_narrow(const normals_key *key, int k, uint32_t first, int S, int d, size_t ld, double *eps)
{
  const int pairs = (d + 1) / 2;
  int s = 0; /* the next particle of pair k */
  while (k < pairs) {
    uint64_t pair[BATCH] = {0}, particle[BATCH] = {0};
    double even[BATCH], odd[BATCH];
    size_t at[BATCH];
    int n = 0;
    for (; n < BATCH && k < pairs; n++) {
      pair[n] = (uint64_t)k;
      particle[n] = (uint32_t)(first + (uint32_t)s);
      at[n] = 2 * (size_t)k * ld + (size_t)s;
      if (++s == S) {
        s = 0;
        k++;
      }
    }
    FR_CALL_ISA(normals_batch, (key, pair, particle, even, odd));
    for (int i = 0; i < n; i++) {
      eps[at[i]] = even[i];
      if (2 * pair[i] + 1 < (uint64_t)d) eps[at[i] + ld] = odd[i];
    }
  }
}

void fr_normals(uint64_t seed, int stream, uint64_t step, uint32_t first, int S, int d, size_t ld, double *eps)
{
  if (S < 1 || d < 1) return;
  const normals_key key = {{(uint32_t)seed, (uint32_t)(seed >> 32)}, (uint32_t)step, stream_word(stream, step)};
  const int wide = S / FR_LANES * FR_LANES;
  if (wide > 0) FR_CALL_ISA(normals_wide, (&key, first, wide, d, ld, eps));
  if (wide == S) return;
  int done = 0; /* pairs */
  if (S - wide == 1) {
    done = d / 2 / BATCH * BATCH;
    FR_CALL_ISA(normals_one, (&key, first + (uint32_t)wide, done, ld, eps + wide));
  }
  normals_narrow(&key, done, first + (uint32_t)wide, S - wide, d, ld, eps + wide);
}

/* ---- sequences ---- */

void fr_rng_init(fr_rng *rng, uint64_t seed, int stream, uint32_t draw, uint32_t element)
{
  rng->key[0] = (uint32_t)seed;
  rng->key[1] = (uint32_t)(seed >> 32);
  rng->counter[0] = 0;
  rng->counter[1] = draw;
  rng->counter[2] = element;
  rng->counter[3] = FR_SEQUENCE | stream_word(stream, 0);
  memset(rng->buffer, 0, sizeof rng->buffer);
  rng->used = 4;
}

static uint64_t next_bits(fr_rng *rng)
{
  if (rng->used > 2) {
    fr_philox(rng->counter, rng->key, rng->buffer);
    rng->counter[0]++;
    rng->used = 0;
  }
  const uint32_t *w = rng->buffer + rng->used;
  rng->used += 2;
  return (uint64_t)w[0] << 32 | w[1];
}

/* log(x) with the bits of the lanes */
static double exact_log(double x)
{
  return exact_log_baseline((fr_vec_baseline){x, x})[0];
}

double fr_rng_uniform(fr_rng *rng)
{
  return ((double)(next_bits(rng) >> 12) + 0.5) * 0x1p-52;
}

double fr_rng_normal(fr_rng *rng)
{
  uint64_t radius = next_bits(rng), angle = next_bits(rng);
  fr_vec_baseline x, y;
  box_muller_baseline((fr_vec_u64_baseline){radius, radius}, (fr_vec_u64_baseline){angle, angle}, &x, &y);
  return x[0];
}

double fr_rng_exponential(fr_rng *rng)
{
  return -exact_log(fr_rng_uniform(rng));
}

/* Marsaglia and Tsang 2000, "A simple method for generating gamma variables", for shape >= 1; below, a
 * Gamma(shape + 1) draw times uniform^(1/shape). */
double fr_rng_log_gamma(fr_rng *rng, double shape)
{
  if (!(shape >= 0.0)) return NAN;
  if (shape == 0.0) return -INFINITY;
  if (shape > 1e300) return log(shape);
  double boost = 0.0;
  if (shape < 1.0) {
    boost = exact_log(fr_rng_uniform(rng)) / shape;
    shape += 1.0;
  }
  const double d = shape - 1.0 / 3.0, c = 1.0 / sqrt(9.0 * d);
  for (;;) {
    double x = fr_rng_normal(rng), root = 1.0 + c * x, u = fr_rng_uniform(rng);
    if (root <= 0.0) continue;
    double v = root * root * root, log_v = exact_log(v);
    if (exact_log(u) < 0.5 * x * x + d * (1.0 - v + log_v)) return exact_log(d) + log_v + boost;
  }
}
