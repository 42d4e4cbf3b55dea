/* natural_matched.h: what the files of the phase with fixed draws share: natural_matched.c (draws, objective), natural_frame.c (the
 * natural frame, its curvature), natural_verdict.c, natural_solve.c. */
#ifndef FR_NATURAL_MATCHED_H
#define FR_NATURAL_MATCHED_H

#include "natural_parts.h"

#define LEAST_CURVATURE 0.02  /* the ELBO's Hessian is near -I at an optimum: eigenvalues of .05 to 2.9 were met */
#define LITTLE 0.1         /* of tol: a gap that needs no explaining by noise */

#define RIDGE 0.2          /* of that, where the ELBO is flatter than assumed: a slope may go on for long */

typedef struct {
  size_t n;
  int of;                         /* batches drawn, at most `most` */
  int batches;                    /* of them those that the solve uses: natural_solve.c */
  size_t most, memory;            /* fr_natural_batches(d), fr_natural_memory(d) */
  double *u, *direction;          /* n */
  double *gradient, *best_gradient; /* most x n */
  double *s, *y;                  /* memory x n */
} fr_matched_frame;

/* Workspace. The whitening factors are kept from unit to unit of a run, for the draws whose number stands in `prepared`. */
typedef struct {
  double *prepared;  /* 1 (8 for alignment): first batch of the draws that are prepared; NaN: none */
  double *whiten;    /* fr_natural_batches(d) lower d x d: e = whiten raw */
  double *T, *T_inverse, *A, *A_raw, *M, *product; /* d x d */
  double *trial;     /* n */
  double *gradient;  /* fr_natural_batches(d) x n, at the trial */
  double *scratch;   /* (fr_natural_batches(d) + 1) n, directions of fr_matched_gap; or chunks of pairs */
} fr_matched_work;

typedef struct {
  double U, se, floor;
} fr_gap_estimate;

/* ---- natural_matched.c ---- */

fr_matched_frame fr_matched_layout(const fr_natural *state);
fr_matched_work fr_matched_lay_out(int d, double *work);
void fr_matched_symmetric(int d, const double *u, double *T);
void fr_matched_moved_loc(const fr_natural *state, const double *u, double *out);
void fr_matched_times_transposed(int d, const double *a, const double *W, double *out);
int fr_matched_prepare(const fr_natural *state, const fr_natural_spec *spec, const fr_matched_work *w);
int fr_matched_evaluate(fr_natural *state, const fr_natural_spec *spec, const fr_matched_work *w, int batches, const double *u, double *value,
                    double *gradient, double *lost, int *usable);

/* A solve on some of the batches, in whose place the gradient of all stands at its start. */
int fr_matched_tilted(const fr_matched_frame *f);
double *fr_matched_tilt(const fr_matched_frame *f);

/* ---- natural_frame.c ---- */

int fr_matched_move(fr_natural *state, const fr_matched_frame *f, const double *u, const fr_matched_work *w);
void fr_matched_remember(const fr_matched_frame *f, fr_natural_counters *c, double *mean, double *mean_after);
void fr_matched_forget_far(const fr_matched_frame *f, fr_natural_counters *c, double *sum);
int fr_matched_drift(const fr_natural *state, const fr_matched_frame *f, const fr_matched_work *w);

/* ---- natural_verdict.c ---- */

void fr_matched_mean_gradient(const fr_matched_frame *f, const double *gradient, double *mean);
double fr_matched_mean_value(int batches, const double *value, double *se);
fr_gap_estimate fr_matched_gap(const fr_matched_frame *f, int held, const double *gradient, double *work);
double fr_matched_share(const fr_natural_counters *c);
int fr_matched_filter(fr_natural *state, const fr_matched_frame *f, const fr_matched_work *w);
void fr_matched_more_draws(fr_natural *state, const fr_natural_spec *spec);

#endif
