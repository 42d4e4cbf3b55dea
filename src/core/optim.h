/* optim.h: stochastic gradient optimisers, step for step those of Pyro (torch.optim.Adam and SGD,
 * pyro.optim.ClippedAdam). An optimiser is (init, update) over a plain state that the caller owns: saving
 * and restoring it is what makes a resumed run exact. They minimise: `gradient` is that of the loss. */
#ifndef FR_OPTIM_H
#define FR_OPTIM_H

#include "core.h"

enum fr_optimizer_code { FR_ADAM = 0, FR_CLIPPED_ADAM = 1, FR_SGD = 2 };

typedef struct {
  int code;
  double lr;
  double beta1, beta2, eps;  /* Adam and clipped Adam */
  double clip_norm;          /* clipped Adam: each entry is clamped to [-clip_norm, clip_norm] */
  double lrd;                /* clipped Adam: lr is multiplied by lrd before each step, the first included */
  double momentum;           /* SGD */
  double decay;              /* Adam: step t uses lr / sqrt(1 + decay * (t - 1)); 0 is Pyro's constant lr */
} fr_optimizer;

/* Buffers of n doubles that an optimiser keeps (Adam 2, SGD 1 with momentum, else 0); zero at the start. */
int fr_optimizer_buffers(const fr_optimizer *opt);

/* The constants of one step: for Adam, parameter -= step_size * m / (sqrt(v) / correction + eps). */
typedef struct {
  int code;
  double beta1, beta2, eps, clip, step_size, correction, momentum;
} fr_update;

/* An update in blocks of parameters: prepare once a step, then apply to each block. */
fr_update fr_optimizer_prepare(const fr_optimizer *opt, uint64_t step);
void fr_optimizer_apply(const fr_update *update, size_t n, const double *gradient, double *parameter, double *m1, double *m2);

/* Of Adam and clipped Adam: the same for a block of columns of 8 parameters, whose gradient is that of column j: the sum over k < n of
 * a[k * 8 + i] b[j * ld + k]. It is never stored: an update waits for memory, and meanwhile such sums cost nothing. */
int fr_optimizer_takes_outer(const fr_update *update);
void fr_optimizer_apply_outer(const fr_update *update, int n, const double *a, size_t columns, size_t ld, const double *b, double *parameter, double *m1,
                              double *m2);

/* Takes the latest update of a block back, to rounding: of an optimiser that keeps buffers, which hold what it moved. */
void fr_optimizer_undo(const fr_update *update, size_t n, double *parameter, const double *m1, const double *m2);

/* One update of one block of n parameters: both of the above. step is 1 for the first. m1, m2: that block's buffers (NULL when
 * not kept). Call once for each block of parameters with the same step. Entries whose gradient has always
 * been zero do not move. Cost O(n). */
void fr_optimizer_update(const fr_optimizer *opt, uint64_t step, size_t n, const double *gradient,
                         double *parameter, double *m1, double *m2);

#endif
