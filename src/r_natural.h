/* r_natural.h: .Call entry points of natural(). */
#ifndef FR_R_NATURAL_H
#define FR_R_NATURAL_H

#include "r_util.h"

SEXP fullrank_natural_start(SEXP theta, SEXP dim);
SEXP fullrank_natural_run(SEXP program, SEXP state, SEXP settings, SEXP report);
SEXP fullrank_natural_step(SEXP program, SEXP state, SEXP eps);
SEXP fullrank_natural_call_off(SEXP state, SEXP dim);

#endif
