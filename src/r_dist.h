/* r_dist.h: .Call entry points of the table of distributions. */
#ifndef FR_R_DIST_H
#define FR_R_DIST_H

#include "r_util.h"

/* The table: a list named by distribution, each list(args = list of list(name, support, event, default,
 * data_only), support, event, lower_arg, upper_arg, size_arg, discrete); arguments count from 1, 0 is none;
 * a default is NaN where the argument must be given. */
SEXP fullrank_dist_table(void);

/* Log densities, the data's part included, through the kernels that programs run. `args` is a list in the
 * table's order. Scalar events: x and arguments of length 1 or n. Vector events: x of length K or N x K,
 * vector arguments of length K or N x K, matrices K x K or K x K x N, scalars of length 1 or N, whole arguments of any
 * length, the same for all events; matrix events: x K x K or K x K x N. `width` is the number of particles that a scalar kernel handles at once (1, or a
 * multiple of 8 whose lanes are copies); with more than one, log_prob and the entries of gradient are matrices
 * with one row a lane. Gives list(log_prob, total, gradient, total_gradient): total is the sum as a program
 * sees it, without the data's part; the gradients (NULL unless asked for, entries x and arguments, NULL for
 * what is discrete or data only) come from the reverse visit and from the visit that computes total; an
 * argument that serves many events has the sum. */
SEXP fullrank_dist_log_prob(SEXP name, SEXP x, SEXP args, SEXP gradient, SEXP width);

/* The data's part of the log density, one value an event; arguments that are not data may be NULL. */
SEXP fullrank_dist_base(SEXP name, SEXP x, SEXP args);
SEXP fullrank_dist_log_interval(SEXP name, SEXP lower, SEXP upper, SEXP args);

/* n draws: a vector, an n x K matrix, or a K x K x n array. Scalar events: arguments of length 1 or n; others:
 * the arguments of one event. Draw i has a generator of its own, keyed by seed, stream and i. */
SEXP fullrank_dist_sample(SEXP name, SEXP n, SEXP args, SEXP K, SEXP seed, SEXP stream);

/* The mean of one event: a number, K numbers or K x K. */
SEXP fullrank_dist_mean(SEXP name, SEXP args, SEXP K);

#endif
