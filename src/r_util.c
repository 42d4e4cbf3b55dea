/* r_util.c: see r_util.h. */
#include "r_util.h"
#include <string.h>

SEXP fr_list_find(SEXP list, const char *name)
{
  SEXP names = Rf_getAttrib(list, R_NamesSymbol);
  if (TYPEOF(list) != VECSXP || names == R_NilValue) return R_NilValue;
  for (R_xlen_t i = 0; i < Rf_xlength(list); i++)
    if (strcmp(CHAR(STRING_ELT(names, i)), name) == 0) return VECTOR_ELT(list, i);
  return R_NilValue;
}

SEXP fr_list_get(SEXP list, const char *name)
{
  SEXP value = fr_list_find(list, name);
  if (value == R_NilValue) Rf_error("internal: the list has no element '%s'", name);
  return value;
}

double fr_list_double(SEXP list, const char *name)
{
  SEXP value = fr_list_get(list, name);
  if (!Rf_isNumeric(value) || Rf_xlength(value) != 1) Rf_error("internal: '%s' is not a number", name);
  return Rf_asReal(value);
}

int fr_list_int(SEXP list, const char *name) { return (int)fr_list_double(list, name); }

uint64_t fr_seed(SEXP seed)
{
  double value = Rf_asReal(seed);
  if (!R_FINITE(value) || value < 0 || value > 9007199254740992.0)
    Rf_error("internal: a seed is a whole number between 0 and 2^53");
  return (uint64_t)value;
}

double *fr_real(SEXP x, const char *what)
{
  if (TYPEOF(x) != REALSXP) Rf_error("internal: '%s' is not a double vector", what);
  return REAL(x);
}

double *fr_work(size_t n)
{
  char *p = R_alloc(n * sizeof(double) + 64, 1);
  return (double *)(((uintptr_t)p + 63) / 64 * 64);
}
