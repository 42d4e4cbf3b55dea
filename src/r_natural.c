/* r_natural.c: .Call entry points of natural().
 *
 * Its state is a list: theta (the guide, as in r_svi.c), step, refused, counters (named numbers, natural.h says what each is) and the
 * arrays of fr_natural, NULL where the phase does not need them. The entry points copy the state once, change the copy and return it. */
#include "r_natural.h"
#include "r_density.h"
#include "r_watch.h"
#include "core/natural.h"
#include "core/svi.h"
#include <string.h>

enum element { GUIDE_THETA, STEP, REFUSED, COUNTERS, LOC, FACTOR, MEAN_GRADIENT, BEST_LOC, BEST_FACTOR, VELOCITY, CLIMB, NATURAL_FRAME, ELEMENTS };
static const char *element_names[] = {"theta", "step", "refused", "counters", "loc", "factor", "mean_gradient", "best_loc", "best_factor",
                                      "velocity", "climb", "frame", ""};

#define COUNTER_NAME(name) #name,
static const char *counter_names[] = {FR_NATURAL_COUNTERS(COUNTER_NAME)};
#undef COUNTER_NAME

/* ---- the state ---- */

static R_xlen_t element_size(int element, int d)
{
  const R_xlen_t n = d;
  switch (element) {
  case GUIDE_THETA: return (R_xlen_t)fr_svi_theta_size(d);
  case LOC: case MEAN_GRADIENT: case BEST_LOC: return n;
  case FACTOR: case BEST_FACTOR: return n * n;
  case VELOCITY: return (R_xlen_t)fr_natural_velocity_size(d);
  case CLIMB: return (R_xlen_t)fr_natural_climb_size(d);
  case NATURAL_FRAME: return (R_xlen_t)fr_natural_frame_size(d);
  default: return 1;
  }
}

/* Will the phases to come use the element? */
static int needed(int element, int d, const fr_natural_counters *c)
{
  if (element == CLIMB && d > FR_NATURAL_MATCHED_MAX) return c->phase < FR_NATURAL_FAR || (c->phase == FR_NATURAL_GROW && c->rival > -INFINITY);
  if (element == CLIMB) return c->phase <= FR_NATURAL_STEPS || (d <= FR_NATURAL_SCOUT_MAX && c->phase <= FR_NATURAL_SCOUT);
  if (element == BEST_LOC || element == BEST_FACTOR) return c->phase < FR_NATURAL_CONVERGED;
  if (element == VELOCITY) return d > FR_NATURAL_MATCHED_MAX && (c->phase < FR_NATURAL_FAR || c->phase == FR_NATURAL_GROW);
  if (element == NATURAL_FRAME) return c->phase <= FR_NATURAL_GROW || c->phase == FR_NATURAL_SCOUT;
  return 1;
}

static double *element_at(SEXP state, int element)
{
  SEXP x = VECTOR_ELT(state, element);
  return x == R_NilValue ? NULL : REAL(x);
}

static void bind(SEXP state, int d, fr_natural *out)
{
  out->d = d;
  out->fallen_back = 0;
  out->loc = element_at(state, LOC);
  out->factor = element_at(state, FACTOR);
  out->mean_gradient = element_at(state, MEAN_GRADIENT);
  out->best_loc = element_at(state, BEST_LOC);
  out->best_factor = element_at(state, BEST_FACTOR);
  out->velocity = element_at(state, VELOCITY);
  out->climb = element_at(state, CLIMB);
  out->frame = element_at(state, NATURAL_FRAME);
}

static void read_counters(SEXP counters, fr_natural_counters *c)
{
  const double *values = fr_real(counters, "counters");
  if (Rf_xlength(counters) != FR_NATURAL_COUNTER_COUNT) Rf_error("internal: the optimiser's counters do not fit this version");
  memcpy(c, values, sizeof *c);
}

/* A fresh copy of a state list, with what the phases to come need. */
static SEXP copy_state(SEXP state, int d, fr_natural *out)
{
  SEXP copy = PROTECT(Rf_mkNamed(VECSXP, element_names));
  read_counters(fr_list_get(state, "counters"), &out->c);
  for (int k = 0; k < ELEMENTS; k++) {
    SEXP x = fr_list_find(state, element_names[k]);
    if (k == COUNTERS) {
      SET_VECTOR_ELT(copy, k, Rf_duplicate(x));
    } else if (x != R_NilValue) {
      if (Rf_xlength(fr_list_get(state, element_names[k])) != element_size(k, d)) Rf_error("internal: '%s' does not have the guide's size", element_names[k]);
      fr_real(x, element_names[k]);
      SET_VECTOR_ELT(copy, k, Rf_duplicate(x));
    } else if (needed(k, d, &out->c)) {
      SET_VECTOR_ELT(copy, k, Rf_allocVector(REALSXP, element_size(k, d)));
      memset(REAL(VECTOR_ELT(copy, k)), 0, (size_t)element_size(k, d) * sizeof(double));
    }
  }
  bind(copy, d, out);
  UNPROTECT(1);
  return copy;
}

/* The state as it is kept: counters, the guide, and no array that no phase to come needs. */
static void write_state(SEXP copy, const fr_natural *s)
{
  fr_guide guide = fr_svi_guide(s->d, REAL(VECTOR_ELT(copy, GUIDE_THETA)));
  const size_t n = (size_t)s->d;
  fr_natural_guide(s, &guide, fr_work(n + 2 * n * n + fr_dense_work(s->d)));
  memcpy(REAL(VECTOR_ELT(copy, COUNTERS)), &s->c, sizeof s->c);
  SET_VECTOR_ELT(copy, STEP, Rf_ScalarReal(s->c.step));
  SET_VECTOR_ELT(copy, REFUSED, Rf_ScalarReal(s->c.refused));
  for (int k = 0; k < ELEMENTS; k++)
    if (!needed(k, s->d, &s->c)) SET_VECTOR_ELT(copy, k, R_NilValue);
}

/* The state of a fresh run from a guide. */
SEXP fullrank_natural_start(SEXP theta, SEXP dim)
{
  const int d = Rf_asInteger(dim);
  fr_natural s = {.d = d};
  SEXP out = PROTECT(Rf_mkNamed(VECSXP, element_names)), names = PROTECT(Rf_allocVector(STRSXP, FR_NATURAL_COUNTER_COUNT));
  for (int k = 0; k < FR_NATURAL_COUNTER_COUNT; k++) SET_STRING_ELT(names, k, Rf_mkChar(counter_names[k]));
  if (Rf_xlength(theta) != element_size(GUIDE_THETA, d)) Rf_error("internal: 'theta' does not have the guide's size");
  fr_real(theta, "theta");
  SET_VECTOR_ELT(out, GUIDE_THETA, Rf_duplicate(theta));
  for (int k = LOC; k <= MEAN_GRADIENT; k++) {
    SET_VECTOR_ELT(out, k, Rf_allocVector(REALSXP, element_size(k, d)));
    memset(REAL(VECTOR_ELT(out, k)), 0, (size_t)element_size(k, d) * sizeof(double));
  }
  bind(out, d, &s);
  fr_guide guide = fr_svi_guide(d, REAL(VECTOR_ELT(out, GUIDE_THETA)));
  fr_natural_init(&s);
  fr_natural_from_guide(&s, &guide);
  SET_VECTOR_ELT(out, COUNTERS, Rf_allocVector(REALSXP, FR_NATURAL_COUNTER_COUNT));
  memcpy(REAL(VECTOR_ELT(out, COUNTERS)), &s.c, sizeof s.c);
  Rf_setAttrib(VECTOR_ELT(out, COUNTERS), R_NamesSymbol, names);
  SET_VECTOR_ELT(out, STEP, Rf_ScalarReal(0.0));
  SET_VECTOR_ELT(out, REFUSED, Rf_ScalarReal(0.0));
  UNPROTECT(2);
  return out;
}

/* ---- runs and steps ---- */

static SEXP verdict_list(const fr_natural_counters *c)
{
  const char *names[] = {"gap", "gap_se", ""};
  SEXP out = PROTECT(Rf_mkNamed(VECSXP, names));
  SET_VECTOR_ELT(out, 0, Rf_ScalarReal(c->gap));
  SET_VECTOR_ELT(out, 1, Rf_ScalarReal(c->gap_se));
  UNPROTECT(1);
  return out;
}

/* settings: seed, pairs, until_step, fixed_steps, max_gradients, budget, tol.
 * list(state, status (code), loss, counts (n_terms), verdict, evaluations, densities, phases) */
SEXP fullrank_natural_run(SEXP program, SEXP state, SEXP settings, SEXP report)
{
  fr_watch w;
  const int pairs = fr_list_int(settings, "pairs");
  int run_status = FR_RUN_INTERRUPTED;
  fr_density density;
  fr_density_from_r(program, fr_natural_points(pairs), fr_watch_rows, &w, &density);
  fr_natural s;
  const char *names[] = {"state", "status", "loss", "counts", "verdict", "evaluations", "densities", "phases", ""};
  SEXP out = PROTECT(Rf_mkNamed(VECSXP, names));
  SET_VECTOR_ELT(out, 0, copy_state(state, density.d, &s));
  fr_watch_start(&w, report, s.c.step, &s.c.phase, &s.c.gap, &s.c.gap_se);
  const double first = s.c.step, gradients = s.c.gradients, densities = s.c.densities, until = fr_list_double(settings, "until_step");
  fr_natural_spec spec = {.log_density = density.log_density, .model = density.model, .explain = density.explain,
                          .seed = fr_seed(fr_list_get(settings, "seed")), .pairs = pairs, .tol = fr_list_double(settings, "tol"),
                          .until_step = until, .max_gradients = fr_list_double(settings, "max_gradients"), .budget = fr_list_double(settings, "budget"),
                          .fixed_steps = fr_list_int(settings, "fixed_steps"), .poll = fr_watch_step, .poll_data = &w};
  const R_xlen_t length = until > first ? (R_xlen_t)(until - first) : 0;
  SET_VECTOR_ELT(out, 2, Rf_allocVector(REALSXP, length));
  SET_VECTOR_ELT(out, 3, Rf_allocVector(REALSXP, density.n_terms));
  spec.loss = REAL(VECTOR_ELT(out, 2));
  spec.counts = REAL(VECTOR_ELT(out, 3));
  memset(spec.counts, 0, (size_t)density.n_terms * sizeof(double));
  int status = fr_natural_run(&s, &spec, &run_status, fr_work(fr_natural_work(density.d, pairs)));
  if (status != FR_OK) Rf_error("internal: the run ended with status %d", status);
  write_state(VECTOR_ELT(out, 0), &s);
  SET_VECTOR_ELT(out, 1, Rf_ScalarInteger(run_status));
  if (s.c.step - first < (double)length) SET_VECTOR_ELT(out, 2, Rf_xlengthgets(VECTOR_ELT(out, 2), (R_xlen_t)(s.c.step - first)));
  SET_VECTOR_ELT(out, 4, verdict_list(&s.c));
  SET_VECTOR_ELT(out, 5, Rf_ScalarReal(s.c.gradients - gradients));
  SET_VECTOR_ELT(out, 6, Rf_ScalarReal(s.c.densities - densities));
  SET_VECTOR_ELT(out, 7, fr_watch_phases(&w));
  UNPROTECT(1);
  return out;
}

/* A state amid scouts without them; NULL for any other. */
SEXP fullrank_natural_call_off(SEXP state, SEXP dim)
{
  fr_natural s;
  SEXP copy = PROTECT(copy_state(state, Rf_asInteger(dim), &s));
  s.d = Rf_asInteger(dim);
  const int amid = s.c.phase == FR_NATURAL_SCOUT;
  if (amid) {
    fr_natural_call_off(&s);
    write_state(copy, &s);
  }
  UNPROTECT(1);
  return amid ? copy : R_NilValue;
}

/* One natural-gradient step of the guide in state$theta; eps (P x d): each row is used as a pair. list(state, loss, counts) */
SEXP fullrank_natural_step(SEXP program, SEXP state, SEXP eps)
{
  if (!Rf_isMatrix(eps)) Rf_error("internal: eps is not a matrix");
  const int d = Rf_ncols(eps), P = Rf_nrows(eps);
  double loss;
  fr_density density;
  fr_density_from_r(program, 2 * P, NULL, NULL, &density);
  if (density.d != d) Rf_error("internal: the guide has %d coordinates, the model %d", d, density.d);
  const char *names[] = {"state", "loss", "counts", ""};
  fr_natural s;
  SEXP out = PROTECT(Rf_mkNamed(VECSXP, names));
  SET_VECTOR_ELT(out, 0, copy_state(state, d, &s));
  fr_guide guide = fr_svi_guide(d, REAL(VECTOR_ELT(VECTOR_ELT(out, 0), GUIDE_THETA)));
  fr_natural_from_guide(&s, &guide);
  s.c.phase = FR_NATURAL_CONVERGED; /* needs no array of other phases */
  SET_VECTOR_ELT(out, 2, Rf_allocVector(REALSXP, density.n_terms));
  fr_natural_spec spec = {.log_density = density.log_density, .model = density.model, .explain = density.explain, .pairs = P,
                          .counts = REAL(VECTOR_ELT(out, 2))};
  memset(spec.counts, 0, (size_t)density.n_terms * sizeof(double));
  int status = fr_natural_step(&s, &spec, P, (size_t)P, fr_real(eps, "eps"), &loss, fr_work(fr_natural_work(d, P)));
  if (status != FR_OK) Rf_error("internal: the step ended with status %d", status);
  write_state(VECTOR_ELT(out, 0), &s);
  SET_VECTOR_ELT(out, 1, Rf_ScalarReal(loss));
  UNPROTECT(1);
  return out;
}
