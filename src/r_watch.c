/* r_watch.c: see r_watch.h. */
#include "r_watch.h"

void fr_watch_start(fr_watch *w, SEXP report)
{
  *w = (fr_watch){.report = report};
  timespec_get(&w->asked, TIME_UTC);
  w->reported = w->asked;
}

static double seconds_since(const struct timespec *then, struct timespec *now)
{
  timespec_get(now, TIME_UTC);
  return (double)(now->tv_sec - then->tv_sec) + 1e-9 * (double)(now->tv_nsec - then->tv_nsec);
}

static void check_interrupt(void *data) { (void)data; R_CheckUserInterrupt(); }

static void call_report(void *data)
{
  fr_watch *w = data;
  SEXP step = PROTECT(Rf_ScalarReal(w->step)), loss = PROTECT(Rf_ScalarReal(w->loss));
  SEXP call = PROTECT(Rf_lang3(w->report, step, loss));
  Rf_eval(call, R_GlobalEnv);
  UNPROTECT(3);
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
  }
  return w->stop;
}

int fr_watch_rows(void *data) { return ask(data); }

int fr_watch_step(void *data, double step, double loss)
{
  fr_watch *w = data;
  w->step = step;
  w->loss = loss;
  return ask(w);
}
