/* dense.h: d x d matrices of the optimiser, row-major: products with many particles by own kernels, and the
 * factorisations of set-up pieces by LAPACK; all of them by dense_blocked.h where d is large.
 *
 * A lower triangular factor stored row-major with zeros above the diagonal is L; LAPACK, which counts
 * column-major, sees L' in its upper triangle. Particles are innermost: b[j * ld + s]. */
#ifndef FR_DENSE_H
#define FR_DENSE_H

#include "core.h"

/* Where a matrix has entries: everywhere, or at and below the diagonal. */
enum fr_shape { FR_FULL = 0, FR_LOWER = 1 };

/* out (n x S) = A b, A n x n. ld a multiple of FR_LANES >= S: whole blocks of lanes are computed. Cost n^2 S. */
void fr_dense_multiply(int n, int shape, const double *a, int S, size_t ld, const double *b, double *out);
/* out (n x S) = A' b */
void fr_dense_multiply_transposed(int n, int shape, const double *a, int S, size_t ld, const double *b, double *out);
/* out (n x n) += sum over s < S of a[., s] b[., s]' */
void fr_dense_add_outer(int n, int S, size_t ld, const double *a, const double *b, double *out);

/* out (P x P, in rows of ld) = x' x of the first P columns of x (n x ld): whole blocks of lanes are computed. Cost n P^2. */
void fr_dense_inner(int n, int P, size_t ld, const double *x, double *out);

/* c = A b and c = A' b for n x n matrices; c is neither a nor b. Cost n^3. */
void fr_dense_product(int n, int shape, const double *a, const double *b, double *c);
void fr_dense_cross(int n, int shape, const double *a, const double *b, double *c);

void fr_dense_symmetrise(int n, double *a);
double fr_dot(size_t n, const double *x, const double *y);
/* y += f x */
void fr_add_scaled(size_t n, double f, const double *x, double *y);

/* Doubles of workspace of the functions below. */
size_t fr_dense_work(int n);

/* Symmetric a becomes its lower Cholesky factor; FR_ERR_NOT_FINITE when it is not positive definite (a is lost). */
int fr_dense_cholesky(int n, double *a);
/* The same, with eigenvalues raised to 1e-8 of the largest where a is not positive definite. */
int fr_dense_cholesky_raised(int n, double *a, double *work);
/* The lower factor of a or, where it is not positive definite, of a with more on its diagonal (as in Gill and Murray 1974): a pivot of no
 * more than `flat` in size becomes `least`, a negative one its size, but no less than `bend`. */
int fr_dense_cholesky_mended(int n, double *a, double flat, double least, double bend);
/* Symmetric a: eigenvalues in ascending order; row k of a becomes the vector of the k-th. */
int fr_dense_eigen(int n, double *a, double *value, double *work);
/* A becomes the lower L with L L' = A A' and a positive diagonal, by QR. */
int fr_dense_triangularise(int n, double *a, double *work);
/* Lower triangular a becomes its inverse. */
int fr_dense_invert_lower(int n, double *a);
/* Lower triangular a becomes (a a')^-1, symmetric. */
int fr_dense_invert_cholesky(int n, double *a);

#endif
