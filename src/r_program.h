/* r_program.h: a program as R holds it, a plain list, turned into the core's. */
#ifndef FR_R_PROGRAM_H
#define FR_R_PROGRAM_H

#include "r_util.h"
#include "core/guide.h"
#include "core/program.h"

/* A log density of which the optimiser knows no more than this. */
typedef struct {
  fr_log_density log_density;
  int (*explain)(void *model, int S, size_t ld, const double *z, double *counts);
  void *model;
  int d, n_terms;
} fr_density;

/* The density of a program list, ready for S points at once. Memory lasts until .Call returns. */
void fr_density_from_r(SEXP program, int S, int (*poll)(void *), void *poll_data, fr_density *out);

SEXP fullrank_op_table(void);
SEXP fullrank_program_eval(SEXP program, SEXP z, SEXP gradient, SEXP terms);
SEXP fullrank_program_values(SEXP program, SEXP z, SEXP nodes);

#endif
