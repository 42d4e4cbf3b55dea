/* r_watch.c: see r_watch.h. */
#include "r_watch.h"
#include <math.h>
#include <string.h>

static void note_phase(fr_watch *w)
{
  if (!w->phase || w->phases == FR_WATCH_PHASES || (w->phases > 0 && w->phase_code[w->phases - 1] == *w->phase)) return;
  w->phase_step[w->phases] = w->step;
  w->phase_code[w->phases++] = *w->phase;
}

void fr_watch_start(fr_watch *w, SEXP report, double step, const double *phase, const double *gap, const double *gap_se)
{
  *w = (fr_watch){.report = report, .step = step, .phase = phase, .gap = gap, .gap_se = gap_se};
  timespec_get(&w->asked, TIME_UTC);
  w->reported = w->asked;
  note_phase(w);
}

static double seconds_since(const struct timespec *then, struct timespec *now)
{
  timespec_get(now, TIME_UTC);
  return (double)(now->tv_sec - then->tv_sec) + 1e-9 * (double)(now->tv_nsec - then->tv_nsec);
}

static void check_interrupt(void *data) { (void)data; R_CheckUserInterrupt(); }

/* c(step, ELBO, its standard error, phase, gap, its standard error): the ELBO is the mean of the steps since the latest report. */
static void call_report(void *data)
{
  fr_watch *w = data;
  SEXP numbers = PROTECT(Rf_allocVector(REALSXP, 6));
  double *x = REAL(numbers);
  x[0] = w->step;
  x[1] = w->n > 0.0 ? w->mean : NAN;
  x[2] = w->n > 1.0 ? sqrt(w->squares / (w->n - 1.0) / w->n) : NAN;
  x[3] = w->phase ? *w->phase : NAN;
  x[4] = w->gap ? *w->gap : NAN;
  x[5] = w->gap_se ? *w->gap_se : NAN;
  SEXP call = PROTECT(Rf_lang2(w->report, numbers));
  Rf_eval(call, R_GlobalEnv);
  UNPROTECT(2);
}

/* R_ToplevelExec turns an interrupt or an error into FALSE, so that the core returns its state. */
static int ask(fr_watch *w)
{
  struct timespec now;
  if (w->stop) return 1;
  if (seconds_since(&w->asked, &now) < 1e-3) return 0;
  w->asked = now;
  if (!R_ToplevelExec(check_interrupt, NULL)) w->stop = 1;
  if (!w->stop && w->report != R_NilValue && seconds_since(&w->reported, &now) >= 0.1) {
    w->reported = now;
    if (!R_ToplevelExec(call_report, w)) w->stop = 1;
    w->n = w->mean = w->squares = 0.0;
  }
  return w->stop;
}

int fr_watch_rows(void *data) { return ask(data); }

int fr_watch_step(void *data, double step, double loss)
{
  fr_watch *w = data;
  w->step = step;
  note_phase(w);
  if (isfinite(loss)) {
    double off = -loss - w->mean;
    w->n += 1.0;
    w->mean += off / w->n;
    w->squares += off * (-loss - w->mean);
  }
  return ask(w);
}

SEXP fr_watch_phases(const fr_watch *w)
{
  const char *names[] = {"step", "code", ""};
  SEXP out = PROTECT(Rf_mkNamed(VECSXP, names));
  const double *from[] = {w->phase_step, w->phase_code};
  for (int k = 0; k < 2; k++) {
    SET_VECTOR_ELT(out, k, Rf_allocVector(REALSXP, w->phases));
    if (w->phases) memcpy(REAL(VECTOR_ELT(out, k)), from[k], (size_t)w->phases * sizeof(double));
  }
  UNPROTECT(1);
  return out;
}
