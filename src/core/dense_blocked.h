/* dense_blocked.h: products and factorisations of large matrices, row-major, in blocks that stay in cache. R's own BLAS and LAPACK take
 * several times as long. */
#ifndef FR_DENSE_BLOCKED_H
#define FR_DENSE_BLOCKED_H

#include "core.h"

#define FR_BLOCKED_FROM 128 /* rows of a matrix from which blocks pay */

/* Entry (i, k) at x[i * row + k * col]; one of the strides is 1. */
typedef struct {
  const double *x;
  size_t row, col;
} fr_strided;

enum fr_zeros { FR_NO_ZEROS, FR_ZEROS_ABOVE, FR_ZEROS_BELOW }; /* the diagonal */

/* c (rows x cols, a row every ldc) += f a b, a: rows x depth. Blocks of b that are all zero cost nothing. c is neither a nor b. */
void fr_blocked_multiply_add(size_t rows, size_t depth, size_t cols, double f, fr_strided a, enum fr_zeros zeros, fr_strided b, double *c,
                             size_t ldc);

/* As in dense.h. What is above the diagonal of a factor is left as it was. */
int fr_blocked_cholesky(int n, double *a);
int fr_blocked_invert_lower(int n, double *a);
int fr_blocked_cholesky_mended(int n, double *a, double flat, double least, double bend);

#endif
