/* program_eval.c: the interpreter of a planned program. See program.h for the order of evaluation. */
#include "program_run.h"
#include "kernels.h"
#include "scan.h"
#include "threads.h"

#ifdef _OPENMP
#include <omp.h>
#endif

_Static_assert(FR_MAX_SINGLES <= FR_MAX_FEW, "all single particles of a batch go through a matrix together");

static int evaluate(fr_run *run);
static void whole_forward(fr_run *run, int g);
static void whole_reverse(fr_run *run, int g);
static int run_loop(fr_run *run, const fr_loop *loop);
static void log_prob_rows(fr_run *run, int g, int i, long row0, long rows, int reverse);

/* The visit of node i for `rows` rows from row0 on. The call is filled in field by field where it stays: a copy of it, read in other
 * pieces than it was written in, stalls. */
static void visit(fr_call *c, const fr_run *run, int g, int i, long row0, long rows, int reverse)
{
  const fr_program_spec *s = &run->p->spec;
  const int n_args = s->arg_start[i + 1] - s->arg_start[i], whole_source = fr_ops[s->op[i]].op_class == FR_ROWS;
  const fr_operand self = fr_run_operand(run, g, i, row0);
  c->rows = rows;
  c->W = run->W;
  c->particles = run->particles - g * run->W;
  c->y = (double *)self.v;
  c->y_bar = reverse ? self.a : NULL;
  for (int k = 0; k < n_args && k < 2; k++) {
    const fr_operand o = fr_run_operand(run, g, fr_run_argument(run, i, k), whole_source ? 0 : row0);
    c->v[k].v = o.v;
    c->v[k].a = o.a;
    c->v[k].row = o.row;
    c->v[k].lane = o.lane;
  }
  if (s->op[i] == FR_OP_MATVEC) c->v[0].v += row0;
}

/* ---- dispatch ---- */

static void concat_forward(fr_run *run, int g, int i)
{
  const fr_program_spec *s = &run->p->spec;
  double *y = (double *)fr_run_operand(run, g, i, 0).v;
  for (int k = s->arg_start[i]; k < s->arg_start[i + 1]; k++) {
    fr_operand o = fr_run_operand(run, g, s->arg[k], 0);
    long len = s->len[s->arg[k]];
    for (long e = 0; e < len; e++)
      for (int l = 0; l < run->W; l++) *y++ = fr_value(&o, e, run->W, l);
  }
}

static void concat_reverse(fr_run *run, int g, int i)
{
  const fr_program_spec *s = &run->p->spec;
  const double *bar = fr_run_operand(run, g, i, 0).a;
  for (int k = s->arg_start[i]; k < s->arg_start[i + 1]; k++) {
    fr_operand o = fr_run_operand(run, g, s->arg[k], 0);
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
  for (int k = 0; k < n; k++) in[k] = fr_run_operand(run, g, fr_run_argument(run, i, k), 0);
  *work = run->scratch + ((size_t)n * sizeof(fr_operand) + sizeof(double) - 1) / sizeof(double);
  return in;
}

static void scan_forward(fr_run *run, int g, int i)
{
  double *work;
  const fr_operand *in = scan_operands(run, g, i, &work);
  const fr_body *body = &run->p->spec.body[fr_run_attributes(run, i)[0]];
  fr_scan_forward(body, run->W, in, (double *)fr_run_operand(run, g, i, 0).v, run->p->spec.len[i], work);
}

static void scan_reverse(fr_run *run, int g, int i)
{
  double *work;
  const fr_operand *in = scan_operands(run, g, i, &work), self = fr_run_operand(run, g, i, 0);
  fr_scan_reverse(&run->p->spec.body[fr_run_attributes(run, i)[0]], run->W, in, self.v, self.a, work);
}

static fr_step step_of(const fr_run *run, int i, long row0)
{
  const fr_program_spec *s = &run->p->spec;
  const int *ints = fr_run_attributes(run, i);
  fr_step step = {.op = s->op[i], .len = s->len[i], .n = s->len[fr_run_argument(run, i, 0)], .ints = ints, .scratch = run->scratch};
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
  if (op == FR_OP_LOG_PROB_EVENT) { fr_event_log_prob(run, g, i, 0); return; }
  fr_call c;
  visit(&c, run, g, i, row0, rows, 0);
  fr_step step = step_of(run, i, row0);
  fr_op_forward(&step, &c);
}

static void node_reverse(fr_run *run, int g, int i, long row0, long rows)
{
  int op = run->p->spec.op[i];
  if (op == FR_OP_CONCAT) { concat_reverse(run, g, i); return; }
  if (op == FR_OP_SCAN) { scan_reverse(run, g, i); return; }
  if (fr_ops[op].op_class == FR_DIST) { log_prob_rows(run, g, i, row0, rows, 1); return; }
  if (op == FR_OP_LOG_PROB_EVENT) { fr_event_log_prob(run, g, i, 1); return; }
  fr_call c;
  visit(&c, run, g, i, row0, rows, 1);
  fr_step step = step_of(run, i, row0);
  fr_op_reverse(&step, &c);
}

/* A density of scalar events, or target(): value and partials at once, its own adjoint being 1. */
static void row_term(fr_run *run, int g, int i, long row0, long rows)
{
  const fr_program_spec *s = &run->p->spec;
  const int *ints = fr_run_attributes(run, i);
  int n_args = s->arg_start[i + 1] - s->arg_start[i];
  if (s->op[i] == FR_OP_TARGET) {
    fr_operand x = fr_run_operand(run, g, fr_run_argument(run, i, 0), row0);
    fr_target_rows(rows, run->W, &x, run->term[g] + (size_t)ints[0] * (size_t)run->W);
    return;
  }
  fr_rows call = {.rows = rows, .W = run->W, .lp = run->term[g] + (size_t)ints[1] * (size_t)run->W};
  for (int k = 0; k < n_args; k++) call.v[k] = fr_run_operand(run, g, fr_run_argument(run, i, k), row0);
  s->dist[ints[0]]->rows(&call);
}

/* Log densities of rows, or of intervals, that other nodes read. */
static void log_prob_rows(fr_run *run, int g, int i, long row0, long rows, int reverse)
{
  const fr_program_spec *s = &run->p->spec;
  const fr_dist *dist = s->dist[fr_run_attributes(run, i)[0]];
  fr_operand self = fr_run_operand(run, g, i, row0);
  fr_rows call = {.rows = rows, .W = run->W, .out = (double *)self.v, .out_bar = reverse ? self.a : NULL};
  for (int k = 0; k < s->arg_start[i + 1] - s->arg_start[i]; k++) call.v[k] = fr_run_operand(run, g, fr_run_argument(run, i, k), row0);
  if (s->op[i] == FR_OP_LOG_INTERVAL) fr_dist_log_interval(dist, &call);
  else dist->rows(&call);
}

/* ---- entry points ---- */

/* How many particles of a batch go in groups of FR_LANES, and how many with W = 1. Where the rows are what costs, a few at the
 * end are cheaper so than as a group that is mostly copies. */
typedef struct { int wide, single; } fr_split;

/* of the batch that begins at particle s0 of S */
static fr_split batch_split(const fr_program *p, int S, int s0)
{
  const int batch = FR_LANES * FR_MAX_GROUPS, particles = S - s0 < batch ? S - s0 : batch, rest = particles % FR_LANES;
  if (S == 1) return (fr_split){0, 1};
  if (!p->singles_pay || rest > FR_MAX_SINGLES) return (fr_split){particles, 0};
  return (fr_split){particles - rest, rest};
}

static int groups_of(int particles) { return (particles + FR_LANES - 1) / FR_LANES; }

static size_t group_size(const fr_program *p, int W) { return fr_whole((2 * p->whole_size + (size_t)p->spec.n_terms) * (size_t)W); }
/* of a visit by particles that have W = 1 */
static long single_rows(fr_split n) { return n.wide ? FR_CHUNK_SPAN * FR_CHUNK_ROWS_8 : FR_CHUNK_ROWS_1; }

/* Half of a thread's rows of a chunk, values or adjoints, and its sums of a block: adjoints of WHOLE nodes and terms. */
static size_t rows_size(const fr_program *p, fr_split n)
{
  const long of_group = n.wide ? FR_CHUNK_ROWS_8 * FR_LANES : 0, of_singles = single_rows(n) * n.single;
  return (size_t)p->max_buffers * (size_t)(of_group > of_singles ? of_group : of_singles);
}
static size_t sums_size(const fr_program *p, int W) { return fr_whole((p->whole_size + (size_t)p->spec.n_terms) * (size_t)W); }
static size_t aside_size(const fr_program *p, fr_split n)
{
  if (!p->any_blocks) return 0;
  return 2 * rows_size(p, n) + (size_t)groups_of(n.wide) * sums_size(p, FR_LANES) + (size_t)n.single * sums_size(p, 1) + FR_LANES;
}

static size_t batch_work(const fr_program *p, fr_split n)
{
  return FR_LANES + (size_t)groups_of(n.wide) * group_size(p, FR_LANES) + (size_t)n.single * group_size(p, 1) + 2 * rows_size(p, n) +
         (size_t)p->threads * aside_size(p, n) + p->max_event_values + p->max_scratch + p->max_dist_work + p->max_map_work;
}

/* Enough for any batch of S particles or fewer. */
size_t fr_program_work(const fr_program *p, int S)
{
  const int batch = FR_LANES * FR_MAX_GROUPS;
  const size_t few = batch_work(p, (fr_split){0, S < FR_MAX_SINGLES ? S : FR_MAX_SINGLES});
  if (S == 1) return few;
  const size_t many = batch_work(p, (fr_split){S < batch ? S : batch, FR_MAX_SINGLES});
  return few > many ? few : many;
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
  work = fr_aligned(work);
  if (n.wide) work = set_up_groups(&run[0], p, FR_LANES, n.wide, work);
  if (n.single) work = set_up_groups(&run[n.wide ? 1 : 0], p, 1, n.single, work);
  if (n.wide && n.single) run[0].more = &run[1];
  for (fr_run *r = run; r; r = r->more) {
    r->ld = ld;
    r->z = r == run ? z : z + n.wide;
    r->want_gradient = gradient != NULL;
    r->gradient = r == run || !gradient ? gradient : gradient + n.wide;
    r->chunk = r->W == 1 ? single_rows(n) : FR_CHUNK_ROWS_8;
    r->apart = r->W == 1 ? (size_t)p->max_buffers * (size_t)r->chunk : 0;
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
    if (op == FR_OP_SITE_BOUNDED || op == FR_OP_SITE_VECTOR) fr_site_forward(run, g, i);
    else if (op == FR_OP_DENSITY_EVENT) fr_event_term(run, g, i);
    else node_forward(run, g, i, 0, p->spec.len[i]);
  }
}

static void whole_reverse(fr_run *run, int g)
{
  const fr_program *p = run->p;
  for (int q = p->n_whole - 1; q >= 0; q--) {
    int i = p->whole[q], op = p->spec.op[i];
    if (op == FR_OP_SITE_BOUNDED || op == FR_OP_SITE_VECTOR) fr_site_reverse(run, g, i);
    else if (op != FR_OP_DENSITY_EVENT) node_reverse(run, g, i, 0, p->spec.len[i]);
  }
}

/* X b for all single particles at once, so that X is loaded once for all; b may be data of all of them. */
static void matvec_few(fr_run *run, int i, long row0, long rows, int reverse)
{
  fr_call c[FR_MAX_FEW];
  for (int g = 0; g < run->groups; g++) visit(&c[g], run, g, i, row0, rows, reverse);
  const size_t ld = (size_t)run->p->spec.len[i];
  if (reverse) fr_matvec_reverse_few(run->groups, c, ld, fr_run_attributes(run, i)[0]);
  else fr_matvec_forward_few(run->groups, c, ld, fr_run_attributes(run, i)[0]);
}

/* All nodes of a loop for one chunk of rows and groups g0 to g1 - 1, which have row buffers of their own: forward, terms, backward. */
static void visit_chunk(fr_run *run, const fr_loop *loop, int g0, int g1, long row0, long rows)
{
  const fr_program *p = run->p;
  const int *node = p->order + loop->first, few = g1 - g0 > 1;
  for (int g = g0; g < g1 && run->want_gradient; g++)
    memset(run->row_adjoint + (size_t)g * run->apart, 0, (size_t)loop->buffers * (size_t)(run->chunk * run->W) * sizeof(double));
  for (int q = 0; q < loop->count; q++) {
    const int i = node[q];
    if (few && p->spec.op[i] == FR_OP_MATVEC) matvec_few(run, i, row0, rows, 0);
    else if (p->place[i] == FR_PLACE_TERM) for (int g = g0; g < g1; g++) row_term(run, g, i, row0, rows);
    else for (int g = g0; g < g1; g++) node_forward(run, g, i, row0, rows);
  }
  if (!run->want_gradient) return;
  for (int q = loop->count - 1; q >= 0; q--) {
    const int i = node[q];
    if (p->place[i] != FR_PLACE_ROW) continue;
    if (few && p->spec.op[i] == FR_OP_MATVEC) matvec_few(run, i, row0, rows, 1);
    else for (int g = g0; g < g1; g++) node_reverse(run, g, i, row0, rows);
  }
}

/* Groups of FR_LANES take turns with the row buffers. */
static void visit_chunk_all(fr_run *run, const fr_loop *loop, long row0, long rows)
{
  if (run->W == 1) visit_chunk(run, loop, 0, run->groups, row0, rows);
  else for (int g = 0; g < run->groups; g++) visit_chunk(run, loop, g, g + 1, row0, rows);
}

/* Chunks between two questions to the poll function: roughly a millisecond of a heavy loop. */
#define CHUNKS_PER_POLL 64

/* Chunks of rows, from chunk `from` on and before chunk `to`. *stop: whether to stop; it may be set meanwhile by another thread. */
static void visit_chunks(fr_run *run, const fr_loop *loop, long from, long to, int asks, int *stop)
{
  const fr_program *p = run->p;
  for (long c = from; c < to; c++) {
    const long end = (c + 1) * run->chunk < loop->rows ? (c + 1) * run->chunk : loop->rows;
    int now;
    visit_chunk_all(run, loop, c * run->chunk, end - c * run->chunk);
    if (run->more && (c + 1 == to || (c + 1 - from) % FR_CHUNK_SPAN == 0)) {
      const long first = from + (c - from) / FR_CHUNK_SPAN * FR_CHUNK_SPAN;
      visit_chunk_all(run->more, loop, first * run->chunk, end - first * run->chunk);
    }
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
      fr_operand o = fr_run_operand(&run, 0, node[k], 0);
      for (long e = 0; e < p->spec.len[node[k]]; e++)
        for (int s = 0; s < particles; s++) out[k][e * S + s0 + s] = fr_value(&o, e, W, s);
    }
  }
  return FR_OK;
}
