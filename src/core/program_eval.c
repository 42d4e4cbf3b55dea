/* program_eval.c: the interpreter of a planned program. See program.h for the order of evaluation. */
#include "program.h"
#include "bijection.h"
#include "kernels.h"
#include "scan.h"
#include "threads.h"

#ifdef _OPENMP
#include <omp.h>
#endif

/* One evaluation of up to FR_MAX_GROUPS groups of W particles. A batch is one run, or one of groups of FR_LANES and `more`: a run of
 * particles one at a time. They share chunk, row buffers, scratch and threads. */
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
  double *row_value, *row_adjoint;     /* max_buffers x chunk x W, shared by the groups */
  double *scratch;                     /* for vector events */
  double *aside;                       /* what each thread needs of its own, aside_size() doubles each */
  int threads;
  long chunk;
} fr_run;

static int evaluate(fr_run *run);
static void whole_forward(fr_run *run, int g);
static void whole_reverse(fr_run *run, int g);
static int run_loop(fr_run *run, const fr_loop *loop);
static void site_forward(fr_run *run, int g, int i);
static void site_reverse(fr_run *run, int g, int i);
static void log_prob_rows(fr_run *run, int g, int i, long row0, long rows, int reverse);
static void log_prob_event(fr_run *run, int g, int i, int reverse);
static void event_term(fr_run *run, int g, int i);

/* ---- operands ---- */

static const int *attributes(const fr_run *run, int i) { return run->p->spec.ints + run->p->spec.int_start[i]; }
static int argument(const fr_run *run, int i, int k) { return run->p->spec.arg[run->p->spec.arg_start[i] + k]; }

/* Node i as the operand of a kernel that stands at row row0. */
static fr_operand operand(const fr_run *run, int g, int i, long row0)
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
    size_t at = p->at[i] * (size_t)(run->chunk * run->W);
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

/* The visit of node i for `rows` rows from row0 on. */
static fr_call visit(const fr_run *run, int g, int i, long row0, long rows, int reverse)
{
  const fr_program_spec *s = &run->p->spec;
  int n_args = s->arg_start[i + 1] - s->arg_start[i];
  int whole_source = fr_ops[s->op[i]].op_class == FR_ROWS;
  fr_operand self = operand(run, g, i, row0);
  fr_call c = {.rows = rows, .W = run->W, .particles = run->particles - g * run->W, .y = (double *)self.v, .y_bar = reverse ? self.a : NULL};
  for (int k = 0; k < n_args && k < 2; k++) c.v[k] = operand(run, g, argument(run, i, k), whole_source ? 0 : row0);
  if (s->op[i] == FR_OP_MATVEC) c.v[0].v += row0;
  return c;
}

/* ---- dispatch ---- */

static void concat_forward(fr_run *run, int g, int i)
{
  const fr_program_spec *s = &run->p->spec;
  double *y = (double *)operand(run, g, i, 0).v;
  for (int k = s->arg_start[i]; k < s->arg_start[i + 1]; k++) {
    fr_operand o = operand(run, g, s->arg[k], 0);
    long len = s->len[s->arg[k]];
    for (long e = 0; e < len; e++)
      for (int l = 0; l < run->W; l++) *y++ = fr_value(&o, e, run->W, l);
  }
}

static void concat_reverse(fr_run *run, int g, int i)
{
  const fr_program_spec *s = &run->p->spec;
  const double *bar = operand(run, g, i, 0).a;
  for (int k = s->arg_start[i]; k < s->arg_start[i + 1]; k++) {
    fr_operand o = operand(run, g, s->arg[k], 0);
    long n = (long)s->len[s->arg[k]] * run->W;
    if (o.a)
      for (long e = 0; e < n; e++) o.a[e] += bar[e];
    bar += n;
  }
}

/* The operands of a scan stand at the start of the scratch. */
static fr_operand *scan_operands(fr_run *run, int g, int i, double **work)
{
  const fr_program_spec *s = &run->p->spec;
  int n = s->arg_start[i + 1] - s->arg_start[i];
  fr_operand *in = (fr_operand *)run->scratch;
  for (int k = 0; k < n; k++) in[k] = operand(run, g, argument(run, i, k), 0);
  *work = run->scratch + ((size_t)n * sizeof(fr_operand) + sizeof(double) - 1) / sizeof(double);
  return in;
}

static void scan_forward(fr_run *run, int g, int i)
{
  double *work;
  const fr_operand *in = scan_operands(run, g, i, &work);
  const fr_body *body = &run->p->spec.body[attributes(run, i)[0]];
  fr_scan_forward(body, run->W, in, (double *)operand(run, g, i, 0).v, run->p->spec.len[i], work);
}

static void scan_reverse(fr_run *run, int g, int i)
{
  double *work;
  const fr_operand *in = scan_operands(run, g, i, &work), self = operand(run, g, i, 0);
  fr_scan_reverse(&run->p->spec.body[attributes(run, i)[0]], run->W, in, self.v, self.a, work);
}

static fr_step step_of(const fr_run *run, int i, long row0)
{
  const fr_program_spec *s = &run->p->spec;
  const int *ints = attributes(run, i);
  fr_step step = {.op = s->op[i], .len = s->len[i], .n = s->len[argument(run, i, 0)], .ints = ints, .scratch = run->scratch};
  if (step.op == FR_OP_GATHER) step.index = s->index[ints[0]] + row0;
  if (step.op == FR_OP_SCATTER) step.index = s->index[ints[0]];
  return step;
}

static void node_forward(fr_run *run, int g, int i, long row0, long rows)
{
  int op = run->p->spec.op[i];
  if (op == FR_OP_CONCAT) { concat_forward(run, g, i); return; }
  if (op == FR_OP_SCAN) { scan_forward(run, g, i); return; }
  if (fr_ops[op].op_class == FR_DIST) { log_prob_rows(run, g, i, row0, rows, 0); return; }
  if (op == FR_OP_LOG_PROB_EVENT) { log_prob_event(run, g, i, 0); return; }
  fr_call c = visit(run, g, i, row0, rows, 0);
  fr_step step = step_of(run, i, row0);
  fr_op_forward(&step, &c);
}

static void node_reverse(fr_run *run, int g, int i, long row0, long rows)
{
  int op = run->p->spec.op[i];
  if (op == FR_OP_CONCAT) { concat_reverse(run, g, i); return; }
  if (op == FR_OP_SCAN) { scan_reverse(run, g, i); return; }
  if (fr_ops[op].op_class == FR_DIST) { log_prob_rows(run, g, i, row0, rows, 1); return; }
  if (op == FR_OP_LOG_PROB_EVENT) { log_prob_event(run, g, i, 1); return; }
  fr_call c = visit(run, g, i, row0, rows, 1);
  fr_step step = step_of(run, i, row0);
  fr_op_reverse(&step, &c);
}

/* A density of scalar events, or target(): value and partials at once, its own adjoint being 1. */
static void row_term(fr_run *run, int g, int i, long row0, long rows)
{
  const fr_program_spec *s = &run->p->spec;
  const int *ints = attributes(run, i);
  int n_args = s->arg_start[i + 1] - s->arg_start[i];
  if (s->op[i] == FR_OP_TARGET) {
    fr_operand x = operand(run, g, argument(run, i, 0), row0);
    fr_target_rows(rows, run->W, &x, run->term[g] + (size_t)ints[0] * (size_t)run->W);
    return;
  }
  fr_rows call = {.rows = rows, .W = run->W, .lp = run->term[g] + (size_t)ints[1] * (size_t)run->W};
  for (int k = 0; k < n_args; k++) call.v[k] = operand(run, g, argument(run, i, k), row0);
  s->dist[ints[0]]->rows(&call);
}

/* Log densities of rows, or of intervals, that other nodes read. */
static void log_prob_rows(fr_run *run, int g, int i, long row0, long rows, int reverse)
{
  const fr_program_spec *s = &run->p->spec;
  const fr_dist *dist = s->dist[attributes(run, i)[0]];
  fr_operand self = operand(run, g, i, row0);
  fr_rows call = {.rows = rows, .W = run->W, .out = (double *)self.v, .out_bar = reverse ? self.a : NULL};
  for (int k = 0; k < s->arg_start[i + 1] - s->arg_start[i]; k++) call.v[k] = operand(run, g, argument(run, i, k), row0);
  if (s->op[i] == FR_OP_LOG_INTERVAL) fr_dist_log_interval(dist, &call);
  else dist->rows(&call);
}

/* ---- entry points ---- */

/* How many particles of a batch go in groups of FR_LANES, and how many one at a time. Where the rows are what costs, a few at the
 * end are cheaper alone than as a group that is mostly copies. */
typedef struct { int wide, single; } fr_split;

static fr_split split(const fr_program *p, int particles)
{
  const int rest = particles % FR_LANES;
  if (particles == 1) return (fr_split){0, 1};
  if (!p->singles_pay || rest > FR_MAX_SINGLES) return (fr_split){particles, 0};
  return (fr_split){particles - rest, rest};
}

static int groups_of(int particles) { return (particles + FR_LANES - 1) / FR_LANES; }
static fr_split batch_split(const fr_program *p, int S, int s0)
{
  const int batch = FR_LANES * FR_MAX_GROUPS;
  return split(p, S - s0 < batch ? S - s0 : batch);
}

/* Sizes are whole lanes, so that whatever stands behind is aligned as well as the first. */
static size_t lanes(size_t n) { return (n + FR_LANES - 1) / FR_LANES * FR_LANES; }
static size_t group_size(const fr_program *p, int W) { return lanes((2 * p->whole_size + (size_t)p->spec.n_terms) * (size_t)W); }
static long chunk_rows(fr_split n) { return n.wide ? FR_CHUNK_ROWS_8 : FR_CHUNK_ROWS_1; }

/* Half of a thread's rows of a chunk, values or adjoints, and its sums of a block: adjoints of WHOLE nodes and terms. */
static size_t rows_size(const fr_program *p, fr_split n) { return (size_t)p->max_buffers * (size_t)(chunk_rows(n) * (n.wide ? FR_LANES : 1)); }
static size_t sums_size(const fr_program *p, int W) { return lanes((p->whole_size + (size_t)p->spec.n_terms) * (size_t)W); }
static size_t aside_size(const fr_program *p, fr_split n)
{
  if (!p->any_blocks) return 0;
  return 2 * rows_size(p, n) + (size_t)groups_of(n.wide) * sums_size(p, FR_LANES) + (size_t)n.single * sums_size(p, 1) + FR_LANES;
}

static size_t batch_work(const fr_program *p, fr_split n)
{
  return (size_t)groups_of(n.wide) * group_size(p, FR_LANES) + (size_t)n.single * group_size(p, 1) + 2 * rows_size(p, n) +
         (size_t)p->threads * aside_size(p, n) + p->max_event_values + p->max_scratch + p->max_dist_work + p->max_map_work;
}

size_t fr_program_work(const fr_program *p, int S)
{
  const int batch = FR_LANES * FR_MAX_GROUPS, last = S <= batch ? 0 : (S - 1) / batch * batch;
  const size_t first = batch_work(p, batch_split(p, S, 0)), rest = batch_work(p, batch_split(p, S, last));
  return first > rest ? first : rest;
}

/* `particles` particles in groups of W; returns the memory behind the groups. */
static double *set_up_groups(fr_run *run, const fr_program *p, int W, int particles, double *work)
{
  *run = (fr_run){.p = p, .W = W, .groups = W == 1 ? particles : groups_of(particles), .particles = particles};
  for (int g = 0; g < run->groups; g++) {
    run->value[g] = work;
    run->adjoint[g] = work + p->whole_size * (size_t)W;
    run->term[g] = work + 2 * p->whole_size * (size_t)W;
    work += group_size(p, W);
  }
  return work;
}

/* run[0], and run[1] if that is its `more` */
static void set_up(fr_run *run, const fr_program *p, fr_split n, size_t ld, const double *z, double *gradient, double *work)
{
  if (n.wide) work = set_up_groups(&run[0], p, FR_LANES, n.wide, work);
  if (n.single) work = set_up_groups(&run[n.wide ? 1 : 0], p, 1, n.single, work);
  if (n.wide && n.single) run[0].more = &run[1];
  for (fr_run *r = run; r; r = r->more) {
    r->ld = ld;
    r->z = r == run ? z : z + n.wide;
    r->want_gradient = gradient != NULL;
    r->gradient = r == run || !gradient ? gradient : gradient + n.wide;
    r->chunk = chunk_rows(n);
    r->row_value = work;
    r->row_adjoint = work + rows_size(p, n);
    r->aside = r->row_adjoint + rows_size(p, n);
    r->scratch = r->aside + (size_t)p->threads * aside_size(p, n);
    r->threads = p->any_blocks ? fr_threads_allowed(p->threads) : 1;
  }
}

/* log_prob and terms of a run's particles */
static void collect(const fr_run *run, size_t ld, double *log_prob, double *terms)
{
  int n_terms = run->p->spec.n_terms;
  for (int s = 0; s < run->particles; s++) {
    const double *term = run->term[s / run->W] + s % run->W;
    double sum = 0.0;
    for (int t = 0; t < n_terms; t++) {
      sum += term[t * run->W];
      if (terms) terms[(size_t)t * ld + (size_t)s] = term[t * run->W];
    }
    log_prob[s] = sum;
  }
}

int fr_program_eval(const fr_program *p, int S, size_t ld, const double *z, double *log_prob, double *gradient,
                    double *terms, double *work)
{
  for (int s0 = 0; s0 < S;) {
    const fr_split n = batch_split(p, S, s0);
    fr_run run[2];
    set_up(run, p, n, ld, z + s0, gradient ? gradient + s0 : NULL, work);
    int status = evaluate(run);
    if (status != FR_OK) return status;
    for (const fr_run *r = run; r; s0 += r->particles, r = r->more) collect(r, ld, log_prob + s0, terms ? terms + s0 : NULL);
  }
  return FR_OK;
}

static int evaluate(fr_run *run)
{
  const fr_program *p = run->p;
  for (fr_run *r = run; r; r = r->more)
    for (int g = 0; g < r->groups; g++) {
      memset(r->term[g], 0, (size_t)p->spec.n_terms * (size_t)r->W * sizeof(double));
      if (r->want_gradient) memset(r->adjoint[g], 0, p->whole_size * (size_t)r->W * sizeof(double));
      whole_forward(r, g);
    }
  for (int q = 0; q < p->n_loops; q++) {
    int status = run_loop(run, &p->loop[q]);
    if (status != FR_OK) return status;
  }
  for (fr_run *r = run; r && r->want_gradient; r = r->more)
    for (int g = 0; g < r->groups; g++) whole_reverse(r, g);
  return FR_OK;
}

static void whole_forward(fr_run *run, int g)
{
  const fr_program *p = run->p;
  for (int q = 0; q < p->n_whole; q++) {
    int i = p->whole[q], op = p->spec.op[i];
    if (op == FR_OP_SITE_BOUNDED || op == FR_OP_SITE_VECTOR) site_forward(run, g, i);
    else if (op == FR_OP_DENSITY_EVENT) event_term(run, g, i);
    else node_forward(run, g, i, 0, p->spec.len[i]);
  }
}

static void whole_reverse(fr_run *run, int g)
{
  const fr_program *p = run->p;
  for (int q = p->n_whole - 1; q >= 0; q--) {
    int i = p->whole[q], op = p->spec.op[i];
    if (op == FR_OP_SITE_BOUNDED || op == FR_OP_SITE_VECTOR) site_reverse(run, g, i);
    else if (op != FR_OP_DENSITY_EVENT) node_reverse(run, g, i, 0, p->spec.len[i]);
  }
}

/* All nodes of a loop for one chunk of rows and one group of particles: forward, terms, backward. */
static void visit_chunk(fr_run *run, const fr_loop *loop, int g, long row0, long rows)
{
  const fr_program *p = run->p;
  const int *node = p->order + loop->first;
  if (run->want_gradient)
    memset(run->row_adjoint, 0, (size_t)loop->buffers * (size_t)(run->chunk * run->W) * sizeof(double));
  for (int q = 0; q < loop->count; q++) {
    if (p->place[node[q]] == FR_PLACE_TERM) row_term(run, g, node[q], row0, rows);
    else node_forward(run, g, node[q], row0, rows);
  }
  if (!run->want_gradient) return;
  for (int q = loop->count - 1; q >= 0; q--)
    if (p->place[node[q]] == FR_PLACE_ROW) node_reverse(run, g, node[q], row0, rows);
}

/* Chunks between two questions to the poll function: roughly a millisecond of a heavy loop. */
#define CHUNKS_PER_POLL 64

/* Chunks of rows, from chunk `from` on and before chunk `to`. *stop: whether to stop; it may be set meanwhile by another thread. */
static void visit_chunks(fr_run *run, const fr_loop *loop, long from, long to, int asks, int *stop)
{
  const fr_program *p = run->p;
  for (long c = from; c < to; c++) {
    long row0 = c * run->chunk, rows = loop->rows - row0 < run->chunk ? loop->rows - row0 : run->chunk;
    int now;
    for (fr_run *r = run; r; r = r->more)
      for (int g = 0; g < r->groups; g++) visit_chunk(r, loop, g, row0, rows);
#ifdef _OPENMP
#pragma omp atomic read
#endif
    now = *stop;
    if (!now && asks && (c - from + 1) % CHUNKS_PER_POLL == 0 && p->poll) now = p->poll(p->poll_data) != 0;
    if (!now) continue;
#ifdef _OPENMP
#pragma omp atomic write
#endif
    *stop = 1;
    return;
  }
}

/* A thread's own run, of as many parts: its rows and its sums. */
static void set_aside(const fr_run *run, double *memory, fr_run *own)
{
  const fr_program *p = run->p;
  const size_t rows = (size_t)(run->row_adjoint - run->row_value);
  double *sums = memory + 2 * rows;
  for (int q = 0; run; q++, run = run->more) {
    own[q] = *run;
    own[q].more = run->more ? &own[q + 1] : NULL;
    own[q].row_value = memory;
    own[q].row_adjoint = memory + rows;
    for (int g = 0; g < run->groups; g++) {
      own[q].adjoint[g] = sums;
      own[q].term[g] = sums + p->whole_size * (size_t)run->W;
      sums += sums_size(p, run->W);
    }
  }
}

static void clear_sums(fr_run *own)
{
  for (; own; own = own->more)
    for (int g = 0; g < own->groups; g++) memset(own->adjoint[g], 0, sums_size(own->p, own->W) * sizeof(double));
}

static void add_to(size_t n, const double *restrict x, double *restrict sum)
{
  for (size_t i = 0; i < n; i++) sum[i] += x[i];
}

static void add_sums(const fr_run *from, fr_run *to)
{
  for (; to; from = from->more, to = to->more) {
    const size_t W = (size_t)to->W;
    for (int g = 0; g < to->groups; g++) {
      if (to->want_gradient) add_to(to->p->whole_size * W, from->adjoint[g], to->adjoint[g]);
      add_to((size_t)to->p->spec.n_terms * W, from->term[g], to->term[g]);
    }
  }
}

/* Blocks in parallel, their sums in the order of the blocks. */
static void run_blocks(fr_run *run, const fr_loop *loop, long chunks, int *stop)
{
  const size_t each = (size_t)(run->scratch - run->aside) / (size_t)run->p->threads;
#ifdef _OPENMP
#pragma omp parallel num_threads(run->threads) if (run->threads > 1)
#endif
  {
    int me = 0;
#ifdef _OPENMP
    me = omp_get_thread_num();
#endif
    fr_run own[2];
    set_aside(run, run->aside + (size_t)me * each, own);
#ifdef _OPENMP
#pragma omp for ordered schedule(dynamic, 1)
#endif
    for (int b = 0; b < loop->blocks; b++) {
      clear_sums(own);
      visit_chunks(own, loop, chunks * b / loop->blocks, chunks * (b + 1) / loop->blocks, me == 0, stop);
#ifdef _OPENMP
#pragma omp ordered
#endif
      add_sums(own, run);
    }
  }
}

static int run_loop(fr_run *run, const fr_loop *loop)
{
  const long chunks = (loop->rows + run->chunk - 1) / run->chunk;
  int stop = 0;
  if (loop->blocks > 1) run_blocks(run, loop, chunks, &stop);
  else visit_chunks(run, loop, 0, chunks, 1, &stop);
  return stop ? FR_INTERRUPTED : FR_OK;
}

int fr_program_values(const fr_program *p, int S, size_t ld, const double *z, int n, const int *node,
                      double *const *out, double *work)
{
  const int W = S == 1 ? 1 : FR_LANES;
  for (int s0 = 0; s0 < S; s0 += W) {
    const int particles = S - s0 < W ? S - s0 : W;
    fr_run run;
    set_up(&run, p, W == 1 ? (fr_split){0, 1} : (fr_split){particles, 0}, ld, z + s0, NULL, work);
    memset(run.term[0], 0, (size_t)p->spec.n_terms * (size_t)W * sizeof(double));
    whole_forward(&run, 0);
    for (int k = 0; k < n; k++) {
      if (node[k] < 0 || node[k] >= p->spec.n_nodes || p->place[node[k]] == FR_PLACE_TERM) return FR_ERR_ARGUMENT;
      fr_operand o = operand(&run, 0, node[k], 0);
      for (long e = 0; e < p->spec.len[node[k]]; e++)
        for (int s = 0; s < particles; s++) out[k][e * S + s0 + s] = fr_value(&o, e, W, s);
    }
  }
  return FR_OK;
}

/* ---- sites: from the unconstrained vector to values, and back ---- */

/* Where particle l of group g stands in z; padding repeats the batch's first particle. */
static size_t particle(const fr_run *run, int g, int l)
{
  int s = g * run->W + l;
  return s < run->particles ? (size_t)s : 0;
}

static void bounded_forward(fr_run *run, int g, int i)
{
  const int *ints = attributes(run, i);
  int W = run->W;
  fr_operand lower = operand(run, g, argument(run, i, 0), 0), upper = operand(run, g, argument(run, i, 1), 0);
  double *y = (double *)operand(run, g, i, 0).v, *term = run->term[g] + (size_t)ints[1] * (size_t)W;
  for (long e = 0; e < run->p->spec.len[i]; e++)
    for (int l = 0; l < W; l++) {
      fr_bounded b;
      double x = run->z[(size_t)(ints[0] + e) * run->ld + particle(run, g, l)];
      fr_bounded_forward(x, fr_value(&lower, e, W, l), fr_value(&upper, e, W, l), &b);
      y[e * W + l] = b.y;
      term[l] += b.log_det;
    }
}

static void bounded_reverse(fr_run *run, int g, int i)
{
  const int *ints = attributes(run, i);
  int W = run->W;
  fr_operand lower = operand(run, g, argument(run, i, 0), 0), upper = operand(run, g, argument(run, i, 1), 0);
  const double *bar = operand(run, g, i, 0).a;
  for (long e = 0; e < run->p->spec.len[i]; e++)
    for (int l = 0; l < W; l++) {
      fr_bounded b;
      double at = bar[e * W + l];
      size_t from = (size_t)(ints[0] + e) * run->ld + particle(run, g, l);
      fr_bounded_forward(run->z[from], fr_value(&lower, e, W, l), fr_value(&upper, e, W, l), &b);
      if (g * W + l < run->particles) run->gradient[from] = at * b.dy_dx + b.dld_dx;
      if (lower.a) lower.a[(lower.row ? e : 0) * W + l] += at * b.dy_dlower + b.dld_dlower;
      if (upper.a) upper.a[(upper.row ? e : 0) * W + l] += at * b.dy_dupper + b.dld_dupper;
    }
}

/* Vector sites: event e's unconstrained coordinate k at offset + e + k * N, its value k at e + k * N. */
static void vector_site_forward(fr_run *run, int g, int i)
{
  const int *ints = attributes(run, i);
  const fr_bijection *map = fr_bijection_get(ints[2]);
  int N = ints[3], K = ints[4], n_free = map->free_size(K), n_value = map->value_size(K), W = run->W;
  double *x = run->scratch, *v = x + n_free, *work = v + n_value;
  double *y = (double *)operand(run, g, i, 0).v, *term = run->term[g] + (size_t)ints[1] * (size_t)W;
  for (int l = 0; l < W; l++)
    for (int e = 0; e < N; e++) {
      double log_det;
      for (int k = 0; k < n_free; k++) x[k] = run->z[(size_t)(ints[0] + e + k * N) * run->ld + particle(run, g, l)];
      map->forward(K, x, v, &log_det, work);
      for (int k = 0; k < n_value; k++) y[(e + k * N) * W + l] = v[k];
      term[l] += log_det;
    }
}

static void vector_site_reverse(fr_run *run, int g, int i)
{
  const int *ints = attributes(run, i);
  const fr_bijection *map = fr_bijection_get(ints[2]);
  int N = ints[3], K = ints[4], n_free = map->free_size(K), n_value = map->value_size(K), W = run->W;
  double *x = run->scratch, *v = x + n_free, *x_bar = v + n_value, *v_bar = x_bar + n_free, *work = v_bar + n_value;
  fr_operand self = operand(run, g, i, 0);
  for (int l = 0; l < W; l++) {
    if (g * W + l >= run->particles) break;
    for (int e = 0; e < N; e++) {
      for (int k = 0; k < n_free; k++) {
        x[k] = run->z[(size_t)(ints[0] + e + k * N) * run->ld + particle(run, g, l)];
        x_bar[k] = 0.0;
      }
      for (int k = 0; k < n_value; k++) {
        v[k] = self.v[(e + k * N) * W + l];
        v_bar[k] = self.a[(e + k * N) * W + l];
      }
      map->reverse(K, x, v, v_bar, 1.0, x_bar, work);
      for (int k = 0; k < n_free; k++)
        run->gradient[(size_t)(ints[0] + e + k * N) * run->ld + particle(run, g, l)] = x_bar[k];
    }
  }
}

static void site_forward(fr_run *run, int g, int i)
{
  if (run->p->spec.op[i] == FR_OP_SITE_BOUNDED) bounded_forward(run, g, i);
  else vector_site_forward(run, g, i);
}

static void site_reverse(fr_run *run, int g, int i)
{
  if (run->p->spec.op[i] == FR_OP_SITE_BOUNDED) bounded_reverse(run, g, i);
  else vector_site_reverse(run, g, i);
}

/* ---- densities of vector and matrix events, one particle at a time ---- */

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
  c->dist = s->dist[attributes(run, i)[0]];
  c->n = 1 + c->dist->n_args;
  c->N = shape[0];
  c->K = shape[1];
  for (int k = 0; k < c->n; k++) {
    int event = k == 0 ? c->dist->event : c->dist->arg[k - 1].event;
    long len = s->len[argument(run, i, k)], size = fr_event_size(event, c->K, len);
    c->o[k] = operand(run, g, argument(run, i, k), 0);
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

static void event_term(fr_run *run, int g, int i)
{
  const int *ints = attributes(run, i);
  fr_event_call c;
  event_call(run, g, i, ints + 2, &c);
  for (int l = 0; l < run->W; l++) {
    load_particle(&c, run->W, l);
    run->term[g][(size_t)ints[1] * (size_t)run->W + (size_t)l] += visit_events(&c, 0, c.N, 1.0, 1);
    store_particle(&c, run->W, l);
  }
}

/* One log density an event, for other nodes to read. */
static void log_prob_event(fr_run *run, int g, int i, int reverse)
{
  fr_event_call c;
  fr_operand self = operand(run, g, i, 0);
  event_call(run, g, i, attributes(run, i) + 1, &c);
  for (int l = 0; l < run->W; l++) {
    load_particle(&c, run->W, l);
    for (long e = 0; e < c.N; e++) {
      if (!reverse) ((double *)self.v)[e * run->W + l] = visit_events(&c, e, 1, 0.0, 0);
      else if (self.a[e * run->W + l] != 0.0) visit_events(&c, e, 1, self.a[e * run->W + l], 1);
    }
    if (reverse) store_particle(&c, run->W, l);
  }
}
