/* r_guide.h: .Call entry points of the guide as a distribution, and of the parts that tests reach one by one:
 * random numbers, bijections, special functions, optimisers. */
#ifndef FR_R_GUIDE_H
#define FR_R_GUIDE_H

#include "r_util.h"

SEXP fullrank_guide_start(SEXP init, SEXP init_scale);
SEXP fullrank_guide_constrain(SEXP scale_unconstrained, SEXP scale_tril_unconstrained);
SEXP fullrank_guide_unconstrain(SEXP scale, SEXP scale_tril);
SEXP fullrank_guide_sample(SEXP loc, SEXP scale, SEXP scale_tril, SEXP eps);
SEXP fullrank_guide_log_q(SEXP scale, SEXP eps);
SEXP fullrank_normals(SEXP seed, SEXP stream, SEXP step, SEXP first, SEXP particles, SEXP d);
SEXP fullrank_bijection(SEXP code, SEXP x, SEXP lower, SEXP upper, SEXP K, SEXP direction);
SEXP fullrank_bijection_reverse(SEXP code, SEXP x, SEXP y_bar, SEXP log_det_bar, SEXP lower, SEXP upper, SEXP K);
SEXP fullrank_special(SEXP name, SEXP x, SEXP y);
SEXP fullrank_optimizer_update(SEXP settings, SEXP step, SEXP parameter, SEXP gradient, SEXP m1, SEXP m2);

#endif
