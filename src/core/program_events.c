/* program_events.c: densities of vector and matrix events in a program, one particle at a time. */
#include "program_run.h"
#include "kernels.h"

/* Operand k of an event node as one particle's contiguous events: element j of event e stands at e + j * N in
 * the program (matrices and shared arguments are contiguous already, and read in place where they are data). */
typedef struct { double *own, *a; const double *v; long events, size; } fr_packed;

static void pack_events(const fr_operand *o, int W, int l, const fr_packed *to)
{
  for (long e = 0; e < to->events; e++)
    for (long j = 0; j < to->size; j++) to->own[e * to->size + j] = fr_value(o, e + j * to->events, W, l);
}

static void add_events(const fr_operand *o, int W, int l, const fr_packed *from)
{
  for (long e = 0; e < from->events; e++)
    for (long j = 0; j < from->size; j++) o->a[(e + j * from->events) * W + l] += from->a[e * from->size + j];
}

/* The operands of an event node, unpacked for one particle after the other. */
typedef struct {
  const fr_dist *dist;
  int n, N, K;                         /* operands, events, their size */
  fr_operand o[1 + FR_DIST_MAX_ARGS];
  fr_packed packed[1 + FR_DIST_MAX_ARGS];
  long stride[FR_DIST_MAX_ARGS];       /* as fr_event_fn takes them */
  double *work;
} fr_event_call;

/* shape: events N and their size K */
static void event_call(fr_run *run, int g, int i, const int *shape, fr_event_call *c)
{
  const fr_program_spec *s = &run->p->spec;
  double *at = run->scratch;
  c->dist = s->dist[fr_run_attributes(run, i)[0]];
  c->n = 1 + c->dist->n_args;
  c->N = shape[0];
  c->K = shape[1];
  for (int k = 0; k < c->n; k++) {
    int event = k == 0 ? c->dist->event : c->dist->arg[k - 1].event;
    long len = s->len[fr_run_argument(run, i, k)], size = fr_event_size(event, c->K, len);
    c->o[k] = fr_run_operand(run, g, fr_run_argument(run, i, k), 0);
    c->packed[k] = (fr_packed){at, c->o[k].a ? at + len : NULL, at, size ? len / size : 0, size};
    if (!c->o[k].lane && c->packed[k].events <= 1) c->packed[k].v = c->o[k].v;
    at += 2 * len;
    if (k > 0) c->stride[k - 1] = c->packed[k].events > 1 || event == FR_WHOLE ? size : 0;
  }
  c->work = at;
}

static void load_particle(const fr_event_call *c, int W, int l)
{
  for (int k = 0; k < c->n; k++) {
    if (c->packed[k].v == c->packed[k].own && (l == 0 || c->o[k].lane)) pack_events(&c->o[k], W, l, &c->packed[k]);
    if (c->packed[k].a) memset(c->packed[k].a, 0, (size_t)(c->packed[k].events * c->packed[k].size) * sizeof(double));
  }
}

static void store_particle(const fr_event_call *c, int W, int l)
{
  for (int k = 0; k < c->n; k++)
    if (c->packed[k].a) add_events(&c->o[k], W, l, &c->packed[k]);
}

/* N of the events from event e on; with want their adjoints are added to, times bar. */
static double visit_events(const fr_event_call *c, long e, long N, double bar, int want)
{
  const double *arg[FR_DIST_MAX_ARGS];
  double *arg_bar[FR_DIST_MAX_ARGS], *x_bar = want ? c->packed[0].a : NULL;
  for (int k = 1; k < c->n; k++) {
    long at = c->dist->arg[k - 1].event == FR_WHOLE ? 0 : e * c->stride[k - 1];
    arg[k - 1] = c->packed[k].v + at;
    arg_bar[k - 1] = want && c->packed[k].a ? c->packed[k].a + at : NULL;
  }
  return c->dist->events(N, c->K, c->packed[0].v + e * c->packed[0].size, arg, c->stride, bar,
                         x_bar ? x_bar + e * c->packed[0].size : NULL, arg_bar, c->work);
}

void fr_event_term(fr_run *run, int g, int i)
{
  const int *ints = fr_run_attributes(run, i);
  fr_event_call c;
  event_call(run, g, i, ints + 2, &c);
  for (int l = 0; l < run->W; l++) {
    load_particle(&c, run->W, l);
    run->term[g][(size_t)ints[1] * (size_t)run->W + (size_t)l] += visit_events(&c, 0, c.N, 1.0, 1);
    store_particle(&c, run->W, l);
  }
}

/* One log density an event, for other nodes to read. */
void fr_event_log_prob(fr_run *run, int g, int i, int reverse)
{
  fr_event_call c;
  fr_operand self = fr_run_operand(run, g, i, 0);
  event_call(run, g, i, fr_run_attributes(run, i) + 1, &c);
  for (int l = 0; l < run->W; l++) {
    load_particle(&c, run->W, l);
    for (long e = 0; e < c.N; e++) {
      if (!reverse) ((double *)self.v)[e * run->W + l] = visit_events(&c, e, 1, 0.0, 0);
      else if (self.a[e * run->W + l] != 0.0) visit_events(&c, e, 1, self.a[e * run->W + l], 1);
    }
    if (reverse) store_particle(&c, run->W, l);
  }
}
