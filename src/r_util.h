/* r_util.h: reading R lists in the .Call entry points, the only place with SEXP. Errors raised here are
 * programming mistakes of the package's own R code: users' input is checked in R, before any work. */
#ifndef FR_R_UTIL_H
#define FR_R_UTIL_H

#define R_NO_REMAP
#include <R.h>
#include <Rinternals.h>
#include <stdint.h>

SEXP fr_list_get(SEXP list, const char *name);        /* element by name; Rf_error when absent */
SEXP fr_list_find(SEXP list, const char *name);       /* element by name; R_NilValue when absent */
double fr_list_double(SEXP list, const char *name);   /* a number */
int fr_list_int(SEXP list, const char *name);
uint64_t fr_seed(SEXP seed);                          /* a whole number 0 .. 2^53 */
double *fr_real(SEXP x, const char *what);            /* REAL(x), checked to be a double vector */
void fr_use_isa(void);                                /* the instruction set that options(fullrank.isa = ) names, or the best */
double *fr_work(size_t n);                            /* n doubles, 64-byte aligned, freed when .Call returns */

SEXP fullrank_isa(void);

#endif
