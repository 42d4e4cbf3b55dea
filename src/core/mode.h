/* mode.h: a mode of a log density, by L-BFGS. */
#ifndef FR_MODE_H
#define FR_MODE_H

#include "guide.h"

/* Doubles of workspace that fr_mode_climb needs. */
size_t fr_mode_work(int d);

/* Climbs from z (d), where the density must be finite, to a mode, in at most `iterations` line searches; z becomes the best point
 * met and *value its log density. *gain is the rise that the quadratic model of the density still promises, in nats: below 1e-8 it is a
 * mode, to rounding; a density without bound ends with more. FR_ERR_NOT_FINITE: the density is not finite at z. Cost of an
 * iteration: some two evaluations, and 120 d. */
int fr_mode_climb(fr_log_density log_density, void *model, int d, int iterations, double *z, double *value, double *gain, double *work);

#endif
