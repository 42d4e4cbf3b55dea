/* r_watch.h: interrupts and progress of a run. R is asked about every millisecond, the report is made ten times a second. */
#ifndef FR_R_WATCH_H
#define FR_R_WATCH_H

#include "r_util.h"
#include <time.h>

typedef struct {
  SEXP report;           /* function(step, loss) or NULL */
  double step, loss;
  struct timespec asked, reported;
  int stop;
} fr_watch;

void fr_watch_start(fr_watch *w, SEXP report);
int fr_watch_rows(void *watch);                          /* between blocks of rows: not 0 to stop */
int fr_watch_step(void *watch, double step, double loss); /* between steps */

#endif
