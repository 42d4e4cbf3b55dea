/* r_density.h: a log density as R hands it in, in the one form that the optimiser knows.
 *
 * R hands in a list:
 *   a program (r_program.h);
 *   list(d, evaluate): an R function(z, gradient) of points z (S x d) and a flag, which returns list(log_prob (S), gradient
 *     (S x d) where the flag is TRUE), or NULL to end the run, its state kept;
 *   list(d, pointer): what fullrank_density() of inst/include/fullrank.h has made. */
#ifndef FR_R_DENSITY_H
#define FR_R_DENSITY_H

#include "r_util.h"
#include "core/guide.h"
#include "../inst/include/fullrank.h"

typedef struct {
  fr_log_density log_density;
  int (*explain)(void *model, int S, size_t ld, const double *z, double *counts);
  void *model;
  int d, n_terms;
} fr_density;

/* The density, ready for S points at once. Memory lasts until .Call returns. */
void fr_density_from_r(SEXP density, int S, int (*poll)(void *), void *poll_data, fr_density *out);

SEXP fullrank_density_eval(SEXP density, SEXP z, SEXP gradient);
SEXP fullrank_density_dim(SEXP pointer);

/* Registered for other packages: see inst/include/fullrank.h. */
SEXP fr_make_density(int version, fullrank_log_density fn, int d, void *data, SEXP keep);

#endif
