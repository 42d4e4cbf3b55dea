/* fullrank.h: log densities in C for package fullrank, fitted without an R call a step.
 *
 * In DESCRIPTION of the package that has the density:   LinkingTo: fullrank   and   Imports: fullrank
 * (with importFrom(fullrank, fullrank) in NAMESPACE, so that it is loaded first). In its C or C++ code:
 *
 *   #include <fullrank.h>
 *
 *   static int normal(void *data, int d, int points, size_t stride, const double *z, double *log_prob, double *gradient)
 *   {
 *     const double *loc = data;
 *     for (int s = 0; s < points; s++) {
 *       log_prob[s] = 0.0;
 *       for (int j = 0; j < d; j++) {
 *         double off = z[j * stride + s] - loc[j];
 *         log_prob[s] -= 0.5 * off * off;
 *         if (gradient) gradient[j * stride + s] = -off;
 *       }
 *     }
 *     return 0;
 *   }
 *
 *   SEXP make_normal(SEXP loc) { return fullrank_density(normal, Rf_length(loc), REAL(loc), loc); }
 *
 * In R:   fullrank(.Call(make_normal, c(1, 2)), init = c(a = 0, b = 0))
 */
#ifndef FULLRANK_H
#define FULLRANK_H

#include <stddef.h>
#include <R.h>
#include <Rinternals.h>
#include <R_ext/Rdynload.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FULLRANK_DENSITY_VERSION 1

/* A log density over R^d, up to a constant, at `points` points at once.
 *   data      the pointer given to fullrank_density()
 *   z         coordinate j (from 0) of point s (from 0) is z[j * stride + s]; stride >= points
 *   log_prob  out: one value a point. A value that is not finite is no error: the point is counted and refused
 *   gradient  out, laid out as z, or NULL when it is not wanted
 * Returns 0; any other number ends the fit with an error that names it. It must be a function of z and data alone, keep no
 * pointer into z, and write nothing else than points values of log_prob and of each of the d rows of gradient. It may call
 * Rf_error(). It is called from R's main thread. */
typedef int (*fullrank_log_density)(void *data, int d, int points, size_t stride, const double *z, double *log_prob, double *gradient);

typedef SEXP (*fullrank_make_density)(int version, fullrank_log_density fn, int d, void *data, SEXP keep);

/* The object that fullrank() takes: an external pointer. `data` may be NULL; `keep` is an R object that lives as long as
 * the density (whatever `data` points into, or R_NilValue). It does not survive saveRDS(). */
static R_INLINE SEXP fullrank_density(fullrank_log_density fn, int d, void *data, SEXP keep)
{
  fullrank_make_density make = (fullrank_make_density)R_GetCCallable("fullrank", "fullrank_density");
  return make(FULLRANK_DENSITY_VERSION, fn, d, data, keep);
}

#ifdef __cplusplus
}
#endif

#endif
