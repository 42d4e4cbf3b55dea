/* vmath_array.h: the functions of vmath.h over arrays: y_i = f(x_i), i < n; y may be x. */
#ifndef FR_VMATH_ARRAY_H
#define FR_VMATH_ARRAY_H

#include "core.h"

void fr_array_exp(size_t n, const double *x, double *y);
void fr_array_expm1(size_t n, const double *x, double *y);
void fr_array_tanh(size_t n, const double *x, double *y);
void fr_array_log(size_t n, const double *x, double *y);
void fr_array_log1p(size_t n, const double *x, double *y);
void fr_array_softplus(size_t n, const double *x, double *y);
void fr_array_sigmoid(size_t n, const double *x, double *y);
void fr_array_lgamma(size_t n, const double *x, double *y);
void fr_array_digamma(size_t n, const double *x, double *y);

#endif
