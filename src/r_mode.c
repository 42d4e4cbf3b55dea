/* r_mode.c: see r_mode.h. */
#include "r_mode.h"
#include "r_program.h"
#include "r_watch.h"
#include "core/mode.h"
#include <string.h>

/* list(z, value, gain, interrupted); z is the start itself where the density is not finite there. */
SEXP fullrank_mode(SEXP program, SEXP start, SEXP iterations)
{
  fr_watch w;
  fr_density density;
  fr_watch_start(&w, R_NilValue, 0.0, NULL, NULL, NULL);
  fr_density_from_r(program, 1, fr_watch_rows, &w, &density);
  if (TYPEOF(start) != REALSXP || Rf_xlength(start) != density.d) Rf_error("internal: the start does not have the model's size");
  const char *names[] = {"z", "value", "gain", "interrupted", ""};
  SEXP out = PROTECT(Rf_mkNamed(VECSXP, names));
  SET_VECTOR_ELT(out, 0, Rf_duplicate(start));
  double value = NA_REAL, gain = R_PosInf;
  int status = fr_mode_climb(density.log_density, density.model, density.d, Rf_asInteger(iterations), REAL(VECTOR_ELT(out, 0)), &value, &gain,
                             fr_work(fr_mode_work(density.d)));
  if (status != FR_OK && status != FR_ERR_NOT_FINITE && status != FR_INTERRUPTED) Rf_error("internal: the climb ended with status %d", status);
  SET_VECTOR_ELT(out, 1, Rf_ScalarReal(value));
  SET_VECTOR_ELT(out, 2, Rf_ScalarReal(gain));
  SET_VECTOR_ELT(out, 3, Rf_ScalarLogical(status == FR_INTERRUPTED));
  UNPROTECT(1);
  return out;
}
