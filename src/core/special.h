/* special.h: elementary functions that stay exact over the whole range of doubles, and guarded access to
 * R's mathematics (Rmath.h; r-mathlib when the core is compiled alone). Nothing here ever warns. */
#ifndef FR_SPECIAL_H
#define FR_SPECIAL_H

#include "core.h"

double fr_softplus(double x);          /* log(1 + exp(x)): exact for tiny and huge x alike (PyTorch's is x above 20) */
double fr_softplus_inverse(double y);  /* y > 0: log(exp(y) - 1); -Inf at 0, NaN below */
double fr_sigmoid(double x);           /* 1 / (1 + exp(-x)), full relative precision in both tails' values */
double fr_log_sigmoid(double x);       /* -softplus(-x) */
double fr_logit(double p);             /* log(p) - log1p(-p) */
double fr_log1m_exp(double x);         /* x <= 0: log(1 - exp(x)) */
double fr_xlogy(double x, double y);   /* x log(y), 0 when x == 0 (y >= 0) */
double fr_xlog1py(double x, double y); /* x log1p(y), 0 when x == 0 (y >= -1) */
double fr_lgamma(double x);            /* log |Gamma(x)| for x > 0; Inf at 0; NaN for NaN or x < 0 */
double fr_digamma(double x);           /* x > 0; -Inf at 0; NaN below */
double fr_trigamma(double x);          /* x > 0; Inf at 0; NaN below */
double fr_lbeta(double a, double b);   /* log B(a, b), a, b > 0, without cancellation for large arguments */
double fr_lchoose(double n, double k); /* log choose, 0 <= k <= n, not restricted to integers */

/* The standard normal distribution function Phi and its density phi, exact in the far tails. */
double fr_log_pnorm(double x);         /* log Phi(x) */
double fr_mills(double x);             /* phi(x) / Phi(x), the derivative of log Phi */
double fr_mills_excess(double x);      /* phi(x) / Phi(x) + x, which for x -> -Inf goes to 0 as -1 / x */
double fr_log_scaled_pnorm(double x);  /* log Phi(x) + x^2 / 2 */

/* Modified Bessel functions of k >= 0: log(I0(k) exp(-k)) and 1 - I1(k) / I0(k). */
double fr_log_bessel_i0(double k);
double fr_bessel_ratio(double k);

/* R's distribution functions, log F(x) or log S(x), with arguments that are checked here: NaN if not valid. */
double fr_log_pt(double x, double df, int upper);
double fr_log_pgamma(double x, double shape, int upper);   /* rate 1 */
double fr_log_pbeta(double x, double a, double b, int upper);

#endif
