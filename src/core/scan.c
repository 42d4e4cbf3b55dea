/* scan.c: see scan.h. */
#include "scan.h"
#include "elementwise.h"

/* A node of the body as it is run. */
typedef struct {
  int op;
  int few;                  /* an elementwise operation on so few numbers of one particle that lanes don't pay */
  long len;
  const int *index;         /* SCAN_LOAD: its slots, iteration after iteration */
  long base;                /* SCAN_STORE: its first slot */
  const fr_operand *source; /* SCAN_INPUT: the argument, when it differs between iterations */
  fr_operand self;          /* one iteration's value and adjoint */
  fr_kernel forward, reverse;  /* elementwise operations go straight to their kernels */
  fr_step step;
  fr_call call;
} scan_node;

typedef struct {
  const fr_body *body;
  int W;
  scan_node *node;
  double *bar;              /* adjoints of one iteration */
  size_t frame;             /* their number */
} scan;

static size_t in_doubles(size_t bytes) { return (bytes + sizeof(double) - 1) / sizeof(double); }

static size_t frame_size(const fr_body *body)
{
  size_t n = 0;
  for (int i = 0; i < body->code.n_nodes; i++) n += (size_t)body->code.len[i];
  return n;
}

static size_t scratch_size(const fr_body *body)
{
  size_t most = 0;
  for (int i = 0; i < body->code.n_nodes; i++) {
    size_t n = fr_op_scratch(body->code.op[i], body->code.ints + body->code.int_start[i]);
    if (n > most) most = n;
  }
  return most;
}

size_t fr_scan_work(const fr_body *body, int n_args, int W)
{
  return in_doubles((size_t)body->code.n_nodes * sizeof(scan_node)) + in_doubles((size_t)n_args * sizeof(fr_operand)) +
         2 * frame_size(body) * (size_t)W + scratch_size(body) + 1;
}

/* ---- setting up ---- */

/* An input that is the same in all iterations is read in place; data is spread over the particles first. */
static void set_up_input(const scan *s, scan_node *n, const fr_operand *from, int along, double *v, double *bar)
{
  n->self.v = v;
  n->self.a = bar;
  n->source = along ? from : NULL;
  if (along) return;
  if (s->W == 1 || from->lane) {
    n->self.v = from->v;
    if (from->a) n->self.a = from->a;
    return;
  }
  for (long e = 0; e < n->len; e++)
    for (int l = 0; l < s->W; l++) v[e * s->W + l] = from->v[from->row ? e : 0];
}

static void set_up_node(const scan *s, int i, const fr_operand *in, double *v, double *bar, double *scratch)
{
  const fr_program_spec *code = &s->body->code;
  const int *ints = code->ints + code->int_start[i];
  scan_node *n = &s->node[i];
  memset(n, 0, sizeof *n);
  n->op = code->op[i];
  n->len = code->len[i];
  n->self = (fr_operand){.v = v, .a = bar, .row = n->len > 1, .lane = 1};
  if (n->op == FR_OP_SCAN_INPUT) { set_up_input(s, n, &in[ints[0]], ints[1], v, bar); return; }
  if (n->op == FR_OP_SCAN_LOAD) { n->index = code->index[ints[0]]; return; }
  if (n->op == FR_OP_SCAN_STORE) n->base = ints[0];
  int n_args = code->arg_start[i + 1] - code->arg_start[i];
  const int *arg = code->arg + code->arg_start[i];
  n->call = (fr_call){.rows = n->len, .W = s->W, .particles = s->W, .y = v, .y_bar = bar};
  for (int k = 0; k < n_args && k < 2; k++) n->call.v[k] = s->node[arg[k]].self;
  n->step = (fr_step){.op = n->op, .len = n->len, .n = n_args ? code->len[arg[0]] : 0, .ints = ints, .scratch = scratch};
  if (n->op == FR_OP_GATHER || n->op == FR_OP_SCATTER) n->step.index = code->index[ints[0]];
  n->forward = fr_elementwise_kernel(n->op, 0);
  n->reverse = fr_elementwise_kernel(n->op, 1);
  n->few = n->forward && s->W == 1 && 2 * n->len <= FR_LANES;
}

static void set_up(scan *s, const fr_body *body, int W, const fr_operand *in, double *work)
{
  s->body = body;
  s->W = W;
  s->node = (scan_node *)work;
  s->frame = frame_size(body) * (size_t)W;
  double *v = work + in_doubles((size_t)body->code.n_nodes * sizeof(scan_node));
  s->bar = v + s->frame;
  double *scratch = s->bar + s->frame, *bar = s->bar;
  for (int i = 0; i < body->code.n_nodes; i++) {
    size_t size = (size_t)body->code.len[i] * (size_t)W;
    set_up_node(s, i, in, v, bar, scratch);
    v += size;
    bar += size;
  }
}

/* ---- one iteration ---- */

/* The sizes of scalars are spelt out, so that a copy is no call. */
FR_INLINE void copy(double *to, const double *from, long n)
{
  if (n == 1) to[0] = from[0];
  else if (n == FR_LANES) memcpy(to, from, FR_LANES * sizeof(double));
  else memcpy(to, from, (size_t)n * sizeof(double));
}

static void copy_input(const scan_node *n, long t, int W)
{
  double *y = (double *)n->self.v;
  const fr_operand *from = n->source;
  long first = from->row ? t * n->len : 0;
  if (from->lane || W == 1) {
    copy(y, from->v + first * W, n->len * W);
    return;
  }
  for (long e = 0; e < n->len; e++)
    for (int l = 0; l < W; l++) y[e * W + l] = from->v[first + e];
}

static void load(const scan_node *n, long t, int W, const double *memory)
{
  double *y = (double *)n->self.v;
  const int *slot = n->index + t * n->len;
  for (long e = 0; e < n->len; e++) copy(y + e * W, memory + (long)slot[e] * W, W);
}

static void join(const scan *s, int i)
{
  const fr_program_spec *code = &s->body->code;
  double *y = (double *)s->node[i].self.v;
  for (int k = code->arg_start[i]; k < code->arg_start[i + 1]; k++) {
    const scan_node *a = &s->node[code->arg[k]];
    copy(y, a->self.v, a->len * s->W);
    y += a->len * s->W;
  }
}

/* The rows of an elementwise operation one at a time, which for one row is no loop. */
FR_INLINE void few_values(const scan_node *n)
{
  const fr_operand *a = &n->call.v[0], *b = &n->call.v[1];
  n->call.y[0] = fr_scalar_value(n->op, a->v, b->v);
  for (long e = 1; e < n->len; e++) n->call.y[e] = fr_scalar_value(n->op, a->v + (a->row ? e : 0), b->v + (b->row ? e : 0));
}

FR_INLINE void few_slopes(const scan_node *n)
{
  const fr_operand *a = &n->call.v[0], *b = &n->call.v[1];
  fr_scalar_slopes(n->op, a->v, b->v, n->call.y[0], n->self.a[0], a->a, b->a);
  for (long e = 1; e < n->len; e++) {
    const long i = a->row ? e : 0, j = b->row ? e : 0;
    fr_scalar_slopes(n->op, a->v + i, b->v + j, n->call.y[e], n->self.a[e], a->a + i, b->a + j);
  }
}

/* store: NULL when the iteration is only computed again */
static void iterate(const scan *s, long t, const double *memory, double *store)
{
  int W = s->W, n_nodes = s->body->code.n_nodes;
  for (int i = 0; i < n_nodes; i++) {
    const scan_node *n = &s->node[i];
    if (n->few) { few_values(n); continue; }
    if (n->forward) { n->forward(&n->call); continue; }
    switch (n->op) {
    case FR_OP_SCAN_INPUT: if (n->source) copy_input(n, t, W); break;
    case FR_OP_SCAN_LOAD: load(n, t, W, memory); break;
    case FR_OP_SCAN_STORE:
      if (store) copy(store + (n->base + t * n->len) * W, n->call.v[0].v, n->len * W);
      break;
    case FR_OP_CONCAT: join(s, i); break;
    default: fr_op_forward(&n->step, &n->call);
    }
  }
}

FR_INLINE void add_to(double *to, const double *from, long n)
{
  if (n == 1) { to[0] += from[0]; return; }
  for (long e = 0; e < n; e++) to[e] += from[e];
}

static void part(const scan *s, int i)
{
  const fr_program_spec *code = &s->body->code;
  const double *bar = s->node[i].self.a;
  for (int k = code->arg_start[i]; k < code->arg_start[i + 1]; k++) {
    const scan_node *a = &s->node[code->arg[k]];
    add_to(a->self.a, bar, a->len * s->W);
    bar += a->len * s->W;
  }
}

static void reverse_iteration(const scan *s, long t, double *memory_bar)
{
  int W = s->W;
  for (int i = s->body->code.n_nodes - 1; i >= 0; i--) {
    const scan_node *n = &s->node[i];
    if (n->few) { few_slopes(n); continue; }
    if (n->reverse) { n->reverse(&n->call); continue; }
    switch (n->op) {
    case FR_OP_SCAN_INPUT:
      if (n->source && n->source->a)
        add_to(n->source->a + (n->source->row ? t * n->len : 0) * W, n->self.a, n->len * W);
      break;
    case FR_OP_SCAN_LOAD:
      for (long e = 0; e < n->len; e++) add_to(memory_bar + (long)n->index[t * n->len + e] * W, n->self.a + e * W, W);
      break;
    case FR_OP_SCAN_STORE: add_to(n->call.v[0].a, memory_bar + (n->base + t * n->len) * W, n->len * W); break;
    case FR_OP_CONCAT: part(s, i); break;
    default: fr_op_reverse(&n->step, &n->call);
    }
  }
}

/* ---- entry points ---- */

void fr_scan_forward(const fr_body *body, int W, const fr_operand *in, double *memory, long slots, double *work)
{
  scan s;
  set_up(&s, body, W, in, work);
  for (long e = 0; e < body->n_initial; e++)
    for (int l = 0; l < W; l++) memory[e * W + l] = fr_value(&in[0], e, W, l);
  memset(memory + (long)body->n_initial * W, 0, (size_t)(slots - body->n_initial) * (size_t)W * sizeof(double));
  for (long t = 0; t < body->iterations; t++) iterate(&s, t, memory, memory);
}

void fr_scan_reverse(const fr_body *body, int W, const fr_operand *in, const double *memory, double *memory_bar, double *work)
{
  scan s;
  set_up(&s, body, W, in, work);
  for (long t = body->iterations - 1; t >= 0; t--) {
    iterate(&s, t, memory, NULL);
    memset(s.bar, 0, s.frame * sizeof(double));
    reverse_iteration(&s, t, memory_bar);
  }
  if (body->n_initial > 0 && in[0].a) add_to(in[0].a, memory_bar, (long)body->n_initial * W);
}
