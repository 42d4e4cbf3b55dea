/* natural_parts.h: what the files natural*.c share. */
#ifndef FR_NATURAL_PARTS_H
#define FR_NATURAL_PARTS_H

#include "natural.h"

FR_INLINE size_t fr_larger(size_t a, size_t b) { return a > b ? a : b; }

/* ---- evaluations, natural.c ---- */

/* Densities (and, unless g is NULL, gradients) at S points z (d x fr_width(S)). Points that are not finite are counted
 * by site and asked once more: a density may fail by chance. work: fr_natural_evaluate_work(d, S). */
int fr_natural_evaluate(fr_natural *state, const fr_natural_spec *spec, int S, double *z, double *lp, double *g, double *work);
size_t fr_natural_evaluate_work(int d, int S);

/* A batch of P antithetic pairs z = loc +- A e: e (d x ld, ld = fr_width(2 P)) is given, the rest is found. */
typedef struct {
  int P;            /* pairs */
  int kept;         /* of them those whose values are all finite, moved to the front */
  size_t ld;
  double *e;        /* d x ld, first `kept` columns */
  double *z;        /* d x ld, used up */
  double *half_sum; /* d x ld: (g+ + g-) / 2 */
  double *half_difference;  /* d x ld: (g+ - g-) / 2 */
  double *lp;       /* P: (lp+ + lp-) / 2 */
  double *rest;     /* for fr_natural_evaluate */
} fr_pairs;

size_t fr_pairs_work(int d, int P);
/* Lays a batch out in work; returns what follows it. */
double *fr_pairs_layout(int d, int P, double *work, fr_pairs *out);
/* Normals of pairs first .. first + P - 1 of batch number `batch`. */
void fr_pairs_draw(const fr_natural *state, const fr_natural_spec *spec, double batch, int first, fr_pairs *pairs);
/* gradients = 0: lp only. */
int fr_pairs_evaluate(fr_natural *state, const fr_natural_spec *spec, const double *loc, int shape, const double *a, int gradients,
                      fr_pairs *pairs);

/* a = A' (g+ + g-) / 2 and b = A' (g+ - g-) / 2 + e of the pairs kept, both d x ld, filled up with 0 to whole vectors; half_sum is used up. */
void fr_pairs_whiten(int d, const double *A, fr_pairs *pairs, double *a, double *b);

double fr_sum_log_diagonal(int d, const double *factor);
int fr_vector_finite(size_t n, const double *x);

/* A unit whose values were not finite; with halve the guide is drawn in, until one succeeds. */
void fr_natural_refuse(fr_natural *state, int halve);
void fr_natural_succeed(fr_natural *state);

/* ---- L-BFGS, lbfgs.c: maximisation ---- */

/* q = H g, H from `held` pairs (s, y) of n, oldest first, H0 = h0 I. alpha: held. */
void fr_lbfgs_direction(size_t n, int held, const double *s, const double *y, double h0, const double *g, double *q, double *alpha);
/* The matrix H itself (n x n). work: n, or 2 held n for n >= FR_BLOCKED_FROM */
void fr_lbfgs_covariance(int n, int held, const double *s, const double *y, double h0, double *H, double *work);

enum fr_search { FR_SEARCH_ON, FR_SEARCH_DONE, FR_SEARCH_FAILED };
/* A line search for the weak Wolfe conditions by bisection. Start: from c->value and c->slope, first trial at `length`. Then, after
 * each trial at c->length, its value and slope; *better says that this trial is the best so far. */
void fr_search_start(fr_natural_counters *c, double slope, double length);
int fr_search_trial(fr_natural_counters *c, int finite, double value, double slope, int most, int enough, int *better);

/* ---- phases: one unit each ---- */

int fr_natural_climb(fr_natural *state, const fr_natural_spec *spec, double *work);
/* Another climb, from the guide in its own frame; the Hessian at further points of the path, if there are any. */
#define FR_NATURAL_ROUNDS 4
void fr_natural_climb_again(fr_natural *state);
void fr_natural_down_the_path(fr_natural *state);
int fr_natural_score(fr_natural *state, const fr_natural_spec *spec, double *work);
int fr_natural_hessian(fr_natural *state, const fr_natural_spec *spec, double *work);
int fr_natural_far(fr_natural *state, const fr_natural_spec *spec, double *work);
int fr_natural_match(fr_natural *state, const fr_natural_spec *spec, double *work);
int fr_natural_steps(fr_natural *state, const fr_natural_spec *spec, double *work);
int fr_natural_verdict(fr_natural *state, const fr_natural_spec *spec, double *work);
int fr_natural_solve(fr_natural *state, const fr_natural_spec *spec, double *work);
int fr_natural_grow(fr_natural *state, const fr_natural_spec *spec, double *work);
/* Are there scouts to be sent? */
int fr_natural_scouts_left(const fr_natural *state);
int fr_natural_scout(fr_natural *state, const fr_natural_spec *spec, double *work);
int fr_natural_average(fr_natural *state, const fr_natural_spec *spec, double *work);
int fr_natural_polish(fr_natural *state, const fr_natural_spec *spec, double *work);

size_t fr_natural_climb_work(int d);
size_t fr_natural_match_work(int d);
size_t fr_natural_steps_work(int d, int pairs);
size_t fr_natural_matched_work(int d);
size_t fr_natural_grow_work(int d);
size_t fr_natural_scout_work(int d);

/* Quick ELBO of (loc, factor) less d / 2 (1 + log 2 pi), from `pairs` pairs of batch `batch`; -Inf where anything is not finite. */
int fr_natural_quick(fr_natural *state, const fr_natural_spec *spec, const double *loc, const double *factor, int pairs, double batch,
                     double *score, double *work);

/* loc (d) and triangular factor (d x d) of the point u of the natural frame around the guide. work: d^2 + fr_dense_work(d) */
int fr_natural_point(const fr_natural *state, const double *u, double *loc, double *factor, double *work);

#endif
