/* r_density.c: see r_density.h. R functions and C functions of other packages as log densities. All memory is R's, so that an
 * error raised in either may jump out through the core. */
#include "r_density.h"
#include "r_program.h"
#include <string.h>

typedef struct {
  int version, d;
  fullrank_log_density fn;
  void *data;
} registered; /* what an external pointer points to */

typedef struct {
  int d;
  SEXP evaluate;          /* an R function, or */
  const registered *c;    /* a C function */
  int (*poll)(void *);
  void *poll_data;
  double *log_prob, *gradient; /* of outside_explain: fr_width(S), d x fr_width(S) */
} outside;

/* ---- R functions ---- */

/* Element `name` of what the R function returned, checked to hold n doubles. */
static const double *returned(SEXP value, const char *name, R_xlen_t n)
{
  SEXP x = fr_list_get(value, name);
  if (Rf_xlength(x) != n) Rf_error("internal: the density's '%s' has length %.0f, not %.0f", name, (double)Rf_xlength(x), (double)n);
  return fr_real(x, name);
}

static int r_density(const outside *m, int S, size_t ld, const double *z, double *log_prob, double *gradient)
{
  const size_t n = (size_t)S;
  SEXP points = PROTECT(Rf_allocMatrix(REALSXP, S, m->d));
  for (size_t j = 0; j < (size_t)m->d; j++) memcpy(REAL(points) + j * n, z + j * ld, n * sizeof(double));
  SEXP flag = PROTECT(Rf_ScalarLogical(gradient != NULL)), call = PROTECT(Rf_lang3(m->evaluate, points, flag));
  SEXP value = PROTECT(Rf_eval(call, R_GlobalEnv));
  if (value != R_NilValue) {
    memcpy(log_prob, returned(value, "log_prob", S), n * sizeof(double));
    const double *g = gradient ? returned(value, "gradient", (R_xlen_t)S * m->d) : NULL;
    for (size_t j = 0; g && j < (size_t)m->d; j++) memcpy(gradient + j * ld, g + j * n, n * sizeof(double));
  }
  UNPROTECT(4);
  return value == R_NilValue ? FR_INTERRUPTED : FR_OK;
}

/* ---- C functions ---- */

static const registered *registered_from(SEXP pointer)
{
  if (TYPEOF(pointer) != EXTPTRSXP || R_ExternalPtrTag(pointer) != Rf_install("fullrank_density"))
    Rf_errorcall(R_NilValue, "The external pointer is no log density: fullrank_density() of fullrank.h makes one.");
  const registered *c = R_ExternalPtrAddr(pointer);
  if (!c)
    Rf_errorcall(R_NilValue, "The C log density is gone: an external pointer does not survive saveRDS() or a new session.\n"
                 "  Make it again and give it to the fit by attach_density(fit, pointer).");
  return c;
}

static int c_density(const outside *m, int S, size_t ld, const double *z, double *log_prob, double *gradient)
{
  int code = m->c->fn(m->c->data, m->d, S, ld, z, log_prob, gradient);
  if (code != 0) Rf_errorcall(R_NilValue, "The C log density returned %d, which is to say that it failed; 0 is success.", code);
  return FR_OK;
}

SEXP fr_make_density(int version, fullrank_log_density fn, int d, void *data, SEXP keep)
{
  if (version != FULLRANK_DENSITY_VERSION)
    Rf_error("fullrank_density(): this version of fullrank knows version %d of the interface, not %d: install the package that made the density again",
             FULLRANK_DENSITY_VERSION, version);
  if (!fn || d < 1) Rf_error("fullrank_density() needs a function and at least one coordinate");
  SEXP own = PROTECT(Rf_allocVector(RAWSXP, sizeof(registered))), both = PROTECT(Rf_cons(own, keep));
  registered *c = (registered *)RAW(own);
  *c = (registered){version, d, fn, data};
  SEXP pointer = R_MakeExternalPtr(c, Rf_install("fullrank_density"), both);
  UNPROTECT(2);
  return pointer;
}

SEXP fullrank_density_dim(SEXP pointer) { return Rf_ScalarInteger(registered_from(pointer)->d); }

/* ---- either ---- */

static int outside_density(void *model, int S, size_t ld, const double *z, double *log_prob, double *gradient)
{
  outside *m = model;
  if (m->poll && m->poll(m->poll_data)) return FR_INTERRUPTED;
  return m->c ? c_density(m, S, ld, z, log_prob, gradient) : r_density(m, S, ld, z, log_prob, gradient);
}

/* The one term: points where the density or an entry of its gradient is not finite. */
static int outside_explain(void *model, int S, size_t ld, const double *z, double *counts)
{
  outside *m = model;
  double *moved = m->gradient + (size_t)m->d * (size_t)fr_width(S);
  for (size_t j = 0; j < (size_t)m->d; j++) memcpy(moved + j * (size_t)S, z + j * ld, (size_t)S * sizeof(double));
  int status = outside_density(model, S, (size_t)S, moved, m->log_prob, m->gradient);
  for (int s = 0; status == FR_OK && s < S; s++) {
    int finite = R_FINITE(m->log_prob[s]);
    for (size_t j = 0; finite && j < (size_t)m->d; j++) finite = R_FINITE(m->gradient[j * (size_t)S + (size_t)s]);
    counts[0] += !finite;
  }
  return status;
}

void fr_density_from_r(SEXP density, int S, int (*poll)(void *), void *poll_data, fr_density *out)
{
  SEXP evaluate = fr_list_find(density, "evaluate"), pointer = fr_list_find(density, "pointer");
  if (evaluate == R_NilValue && pointer == R_NilValue) {
    fr_program_density(density, S, poll, poll_data, out);
    return;
  }
  outside *m = (outside *)R_alloc(1, sizeof(outside));
  const size_t W = (size_t)fr_width(S);
  *m = (outside){.d = fr_list_int(density, "d"), .evaluate = evaluate, .poll = poll, .poll_data = poll_data};
  if (pointer != R_NilValue) m->c = registered_from(pointer);
  if (m->c && m->c->d != m->d) Rf_error("internal: the C density has %d coordinates, not %d", m->c->d, m->d);
  fr_use_isa();
  m->log_prob = fr_work(W);
  m->gradient = fr_work(2 * (size_t)m->d * W);
  *out = (fr_density){outside_density, outside_explain, m, m->d, 1};
}

/* z: S x d. list(log_prob (S), gradient (S x d) or NULL) */
SEXP fullrank_density_eval(SEXP density, SEXP z, SEXP gradient)
{
  if (TYPEOF(z) != REALSXP || !Rf_isMatrix(z)) Rf_error("internal: z is not a matrix");
  const int S = Rf_nrows(z), want_gradient = Rf_asLogical(gradient);
  fr_density f;
  fr_density_from_r(density, S > 0 ? S : 1, NULL, NULL, &f);
  if (Rf_ncols(z) != f.d) Rf_error("internal: z is not a matrix with %d columns", f.d);
  const char *names[] = {"log_prob", "gradient", ""};
  SEXP out = PROTECT(Rf_mkNamed(VECSXP, names));
  SET_VECTOR_ELT(out, 0, Rf_allocVector(REALSXP, S));
  if (want_gradient) SET_VECTOR_ELT(out, 1, Rf_allocMatrix(REALSXP, S, f.d));
  int status = S == 0 ? FR_OK : f.log_density(f.model, S, (size_t)S, REAL(z), REAL(VECTOR_ELT(out, 0)), want_gradient ? REAL(VECTOR_ELT(out, 1)) : NULL);
  if (status != FR_OK) Rf_error("internal: the density ended with status %d", status);
  UNPROTECT(1);
  return out;
}
