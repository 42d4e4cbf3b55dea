/* r_program.h: a program as R holds it, a plain list, turned into the core's. */
#ifndef FR_R_PROGRAM_H
#define FR_R_PROGRAM_H

#include "r_density.h"
#include "core/program.h"

/* The density of a program list, see r_density.h. */
void fr_program_density(SEXP program, int S, int (*poll)(void *), void *poll_data, fr_density *out);

SEXP fullrank_op_table(void);
SEXP fullrank_program_eval(SEXP program, SEXP z, SEXP gradient, SEXP terms);
SEXP fullrank_program_values(SEXP program, SEXP z, SEXP nodes);

#endif
