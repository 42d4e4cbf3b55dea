/* r_mode.h: .Call entry point of init_to_mode(). */
#ifndef FR_R_MODE_H
#define FR_R_MODE_H

#include "r_util.h"

SEXP fullrank_mode(SEXP program, SEXP start, SEXP iterations);

#endif
