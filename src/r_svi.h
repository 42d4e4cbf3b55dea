/* r_svi.h: .Call entry points of the ELBO, its steps and runs. */
#ifndef FR_R_SVI_H
#define FR_R_SVI_H

#include "r_util.h"

SEXP fullrank_pack_guide(SEXP loc, SEXP scale_unconstrained, SEXP scale_tril);
SEXP fullrank_unpack_guide(SEXP theta, SEXP d);
SEXP fullrank_elbo(SEXP program, SEXP theta, SEXP eps, SEXP gradient);
SEXP fullrank_svi_step(SEXP program, SEXP state, SEXP optimizer, SEXP eps);
SEXP fullrank_svi_run(SEXP program, SEXP state, SEXP optimizer, SEXP settings, SEXP report);
SEXP fullrank_verdict(SEXP program, SEXP theta, SEXP pairs, SEXP seed, SEXP step);

#endif
