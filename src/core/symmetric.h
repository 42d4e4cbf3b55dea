/* symmetric.h: one small symmetric matrix at a time inside a density: factor, solves, inverse. All matrices are
 * K x K and column-major; loops run down columns. LAPACK's own start-up is longer than these take. */
#ifndef FR_SYMMETRIC_H
#define FR_SYMMETRIC_H

#include "core.h"

/* How far entries (i, j) and (j, i) may be apart, in units of sqrt(a_ii a_jj), and a correlation matrix's diagonal
 * from 1: what rounding does to a computed matrix passes, what is no symmetric matrix does not. */
#define FR_SYM_TOLERANCE 1e-8

enum fr_sym_status { FR_SYM_OK = 0, FR_SYM_OUTSIDE /* not symmetric or not positive definite */, FR_SYM_NAN };

/* l becomes the lower factor of (a + a') / 2, zeros above its diagonal; not of use unless FR_SYM_OK. K^3 / 3. */
int fr_symmetric_factor(int K, const double *a, double *l);
/* out = (l l')^-1, from the lower factor. out is not l. 2 K^3 / 3 */
void fr_symmetric_invert(int K, const double *l, double *out);
/* sum of log l_jj */
double fr_log_diagonal(int K, const double *l);

/* x = l^-1 x and x = l^-T x for a vector of K. K^2 */
void fr_lower_solve(int K, const double *l, double *x);
void fr_lower_solve_transposed(int K, const double *l, double *x);

/* out = m m'; out is not m. K^3 */
void fr_outer_square(int K, const double *m, double *out);

#endif
