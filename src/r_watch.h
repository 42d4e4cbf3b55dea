/* r_watch.h: interrupts and progress of a run. R is asked about every millisecond, the report is made ten times a second. */
#ifndef FR_R_WATCH_H
#define FR_R_WATCH_H

#include "r_util.h"
#include <time.h>

#define FR_WATCH_PHASES 64 /* phases remembered; later ones are not */

typedef struct {
  SEXP report;                            /* function(numbers) or NULL */
  double step;
  double n, mean, squares;                /* steps since the latest report: how many had an ELBO, its mean, the sum of squares about it */
  const double *phase, *gap, *gap_se;     /* where the run keeps them, or NULL */
  int phases;                             /* how many are remembered: */
  double phase_step[FR_WATCH_PHASES], phase_code[FR_WATCH_PHASES];
  struct timespec asked, reported;
  int stop;
} fr_watch;

/* phase, gap and gap_se are read whenever something is asked; NULL where the run has none. */
void fr_watch_start(fr_watch *w, SEXP report, double step, const double *phase, const double *gap, const double *gap_se);
int fr_watch_rows(void *watch);                           /* between blocks of rows: not 0 to stop */
int fr_watch_step(void *watch, double step, double loss); /* between steps */
SEXP fr_watch_phases(const fr_watch *w);                  /* list(step, code): the steps after which each phase began */

#endif
