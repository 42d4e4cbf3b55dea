/* r_util.c: see r_util.h. */
#include "r_util.h"
#include "core/isa.h"
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

void fr_use_isa(void)
{
  SEXP name = Rf_GetOption1(Rf_install("fullrank.isa"));
  int isa = name == R_NilValue ? fr_isa_best() : -1;
  if (TYPEOF(name) == STRSXP && Rf_xlength(name) == 1) isa = fr_isa_find(CHAR(STRING_ELT(name, 0)));
  if (isa < 0)
    Rf_errorcall(R_NilValue, "options(fullrank.isa = ) names an instruction set: \"baseline\", \"avx2\" or \"avx512\".\n"
                 "  options(fullrank.isa = NULL) takes the best that this machine has, \"%s\".", fr_isa_name(fr_isa_best()));
  if (isa != fr_isa_in_use && fr_isa_use(isa) != FR_OK)
    Rf_errorcall(R_NilValue, "options(fullrank.isa = \"%s\"): this machine, or this build of fullrank, does not have it.\n"
                 "  options(fullrank.isa = NULL) takes the best that there is, \"%s\".", fr_isa_name(isa), fr_isa_name(fr_isa_best()));
}

/* list(in_use, available): names of instruction sets */
SEXP fullrank_isa(void)
{
  int n = 0;
  const char *names[] = {"in_use", "available", ""};
  fr_use_isa();
  for (int isa = 0; isa < FR_ISA_COUNT; isa++) n += fr_isa_available(isa);
  SEXP out = PROTECT(Rf_mkNamed(VECSXP, names));
  SET_VECTOR_ELT(out, 0, Rf_mkString(fr_isa_name(fr_isa_in_use)));
  SET_VECTOR_ELT(out, 1, Rf_allocVector(STRSXP, n));
  for (int isa = FR_ISA_COUNT - 1; isa >= 0; isa--)
    if (fr_isa_available(isa)) SET_STRING_ELT(VECTOR_ELT(out, 1), --n, Rf_mkChar(fr_isa_name(isa)));
  UNPROTECT(1);
  return out;
}

double *fr_work(size_t n)
{
  return fr_aligned((double *)R_alloc(n + FR_LANES, sizeof(double)));
}
