/* program_run.h: one evaluation of a program, shared by the interpreter (program_eval.c), the sites and the densities of events. */
#ifndef FR_PROGRAM_RUN_H
#define FR_PROGRAM_RUN_H

#include "program.h"

/* One evaluation of up to FR_MAX_GROUPS groups of W particles. A batch is one run, or one of groups of FR_LANES and `more`: a run of
 * particles with W = 1. They share memory for rows, scratch and threads. */
typedef struct fr_run {
  const fr_program *p;
  struct fr_run *more;                 /* or NULL */
  int W, groups, want_gradient;
  int particles;                       /* real ones; the last group is filled up with copies of the first */
  size_t ld;
  const double *z;
  double *gradient;
  double *value[FR_MAX_GROUPS];        /* whole_size x W */
  double *adjoint[FR_MAX_GROUPS];      /* whole_size x W */
  double *term[FR_MAX_GROUPS];         /* n_terms x W */
  double *row_value, *row_adjoint;     /* max_buffers x chunk x W, shared by groups of FR_LANES; of single particles each has its own, */
  size_t apart;                        /* ... that of the next so many doubles on: 0 where they are shared */
  double *scratch;                     /* for vector events */
  double *aside;                       /* what each thread needs of its own, aside_size() doubles each */
  int threads;
  long chunk;
} fr_run;
_Static_assert(FR_MAX_SINGLES <= FR_MAX_GROUPS, "a run of particles one at a time has a group for each");

FR_INLINE const int *fr_run_attributes(const fr_run *run, int i) { return run->p->spec.ints + run->p->spec.int_start[i]; }
FR_INLINE int fr_run_argument(const fr_run *run, int i, int k) { return run->p->spec.arg[run->p->spec.arg_start[i] + k]; }

/* Node i as the operand of a kernel that stands at row row0. */
FR_INLINE fr_operand fr_run_operand(const fr_run *run, int g, int i, long row0)
{
  const fr_program *p = run->p;
  fr_operand o;
  o.row = p->spec.len[i] > 1;
  if (!o.row) row0 = 0;
  if (p->place[i] == FR_PLACE_CONST) {
    o.lane = 0;
    o.v = p->data[i] + row0;
    o.a = NULL;
  } else if (p->place[i] == FR_PLACE_ROW) {
    size_t at = p->at[i] * (size_t)(run->chunk * run->W) + (size_t)g * run->apart;
    o.lane = 1;
    o.v = run->row_value + at;
    o.a = run->want_gradient ? run->row_adjoint + at : NULL;
  } else {
    size_t at = (p->at[i] + (size_t)row0) * (size_t)run->W;
    o.lane = 1;
    o.v = run->value[g] + at;
    o.a = run->want_gradient ? run->adjoint[g] + at : NULL;
  }
  return o;
}

/* Sites (program_sites.c): values and log determinants of group g from the unconstrained vector; the gradient from their adjoints. */
void fr_site_forward(fr_run *run, int g, int i);
void fr_site_reverse(fr_run *run, int g, int i);

/* Densities of vector and matrix events (program_events.c): a term of the log density with its partials; or one log density an event,
 * for other nodes to read, and back. */
void fr_event_term(fr_run *run, int g, int i);
void fr_event_log_prob(fr_run *run, int g, int i, int reverse);

#endif
