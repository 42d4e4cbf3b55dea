/* bijection.h: maps between unconstrained coordinates x and constrained values y, PyTorch's biject_to.
 *
 * Scalar maps act on each element and are inline, so that the program's kernels fuse them. Vector maps act
 * on one event at a time. All stay exact at |x| = 30 and beyond: nothing is clamped, and no probability or
 * correlation is computed as one minus something close to one. */
#ifndef FR_BIJECTION_H
#define FR_BIJECTION_H

#include "core.h"

/* Codes as R sees them in the table fr_bijections. */
enum fr_bijection_code {
  FR_BIJ_BOUNDED = 0,       /* elementwise: identity, lower + exp(x), upper - exp(x) or the interval, by which bounds are finite */
  FR_BIJ_SIMPLEX = 1,
  FR_BIJ_ORDERED = 2,
  FR_BIJ_CORR_CHOLESKY = 3,
  FR_BIJ_CORR_MATRIX = 4,      /* L L' of FR_BIJ_CORR_CHOLESKY's L */
  FR_BIJ_COV_MATRIX = 5,       /* PyTorch's positive_definite: L L', L's lower triangle packed row by row, its diagonal exp(x) */
  FR_BIJ_COUNT
};

/* y, log |dy/dx| and the derivatives of one element with bounds lower < upper (either may be infinite). */
typedef struct {
  double y, log_det;
  double dy_dx, dy_dlower, dy_dupper;       /* of the value */
  double dld_dx, dld_dlower, dld_dupper;    /* of the log determinant */
} fr_bounded;

void fr_bounded_forward(double x, double lower, double upper, fr_bounded *out);
/* The unconstrained value of y; FR_ERR_DOMAIN if y is not strictly inside the bounds. */
int fr_bounded_inverse(double y, double lower, double upper, double *x);

/* A vector map for events of K values (K x K, column-major, for matrix events).
 *   forward: x[free_size(K)] -> y[value_size(K)], *log_det
 *   reverse: adds to xbar[free_size(K)] the vector-Jacobian product of ybar[value_size(K)] and ldbar times
 *            the gradient of the log determinant; x and y as forward left them
 *   inverse: y -> x; FR_ERR_DOMAIN when y is outside the support (beyond rounding: 1e-8 relative)
 * A log determinant is that of the derivative of the values that move freely: a simplex without its last entry, the
 * strict lower triangle of a correlation matrix or its factor, a covariance matrix's lower triangle and diagonal.
 * work: fr_bijection_work(map, K) doubles. Cost O(value_size), for symmetric matrices O(K^3). */
typedef struct {
  const char *name;
  int (*free_size)(int K);
  int (*value_size)(int K);
  void (*forward)(int K, const double *x, double *y, double *log_det, double *work);
  void (*reverse)(int K, const double *x, const double *y, const double *ybar, double ldbar, double *xbar, double *work);
  int (*inverse)(int K, const double *y, double *x, double *work);
  int work_matrices;  /* K x K matrices of workspace, beside K doubles */
} fr_bijection;

/* NULL for FR_BIJ_BOUNDED, which is elementwise, and for codes outside the enum. */
const fr_bijection *fr_bijection_get(int code);
size_t fr_bijection_work(const fr_bijection *map, int K);

#endif
