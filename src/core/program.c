/* program.c: checks a program and plans its evaluation. The evaluation itself is in program_eval.c. */
#include "program.h"
#include "bijection.h"
#include "scan.h"

static int check_node(const fr_program_spec *s, int i);
static int check_scan(const fr_program_spec *s, int i, const int *ints, int n_ints, int n_args);
static int check_site_vector(const fr_program_spec *s, int i, const int *ints, int n_ints);
static int check_event(const fr_program_spec *s, int i, const fr_dist *dist, const int *shape);
static void place_nodes(fr_program *p, int keep_all);
static void lay_out_whole(fr_program *p);
static void lay_out_loops(fr_program *p, int *loop_of);
static void lay_out_blocks(fr_program *p);
static void measure_events(fr_program *p);

/* ---- memory ---- */

static size_t rounded(size_t bytes) { return (bytes + 63) / 64 * 64; }

static void *take(char **at, size_t bytes)
{
  void *start = *at;
  *at += rounded(bytes);
  return start;
}

size_t fr_program_plan_bytes(const fr_program_spec *s)
{
  size_t n = (size_t)(s->n_nodes > 0 ? s->n_nodes : 0) + 1;
  return 4 * rounded(n * sizeof(int)) + rounded(n * sizeof(size_t)) + rounded(n * sizeof(double *)) +
         rounded(n * sizeof(fr_loop));
}

int fr_program_load(const fr_program_spec *spec, int keep_all, void *memory, fr_program *p, int *bad_node)
{
  size_t n = (size_t)(spec->n_nodes > 0 ? spec->n_nodes : 0) + 1;
  char *at = memory;
  *bad_node = -1;
  if (spec->n_nodes < 0 || spec->d < 0 || spec->n_terms < 0) return FR_ERR_ARGUMENT;
  memset(p, 0, sizeof *p);
  p->spec = *spec;
  p->threads = 1;
  p->place = take(&at, n * sizeof(int));
  p->order = take(&at, n * sizeof(int));
  p->whole = take(&at, n * sizeof(int));
  int *loop_of = take(&at, n * sizeof(int));
  p->at = take(&at, n * sizeof(size_t));
  p->data = take(&at, n * sizeof(double *));
  p->loop = take(&at, n * sizeof(fr_loop));
  for (int i = 0; i < spec->n_nodes; i++) {
    int status = check_node(spec, i);
    if (status != FR_OK) { *bad_node = i; return status; }
    p->data[i] = spec->op[i] == FR_OP_CONST ? spec->constant[spec->ints[spec->int_start[i]]] : NULL;
  }
  place_nodes(p, keep_all);
  lay_out_whole(p);
  lay_out_loops(p, loop_of);
  lay_out_blocks(p);
  measure_events(p);
  return FR_OK;
}

/* ---- checks: whatever passes can be evaluated without reading outside an array ---- */

static int length_of(const fr_program_spec *s, int i, int k) { return s->len[s->arg[s->arg_start[i] + k]]; }
static int op_of(const fr_program_spec *s, int i, int k) { return s->op[s->arg[s->arg_start[i] + k]]; }

/* every argument has the node's length or 1 */
static int lengths_recycle(const fr_program_spec *s, int i, int n_args, int rows)
{
  for (int k = 0; k < n_args; k++)
    if (length_of(s, i, k) != rows && length_of(s, i, k) != 1) return 0;
  return 1;
}

static int index_inside(const fr_program_spec *s, int which, int expected, int bound)
{
  if (which < 0 || which >= s->n_index || s->index_len[which] != expected) return 0;
  for (int k = 0; k < expected; k++)
    if (s->index[which][k] < 0 || s->index[which][k] >= bound) return 0;
  return 1;
}

static int term_inside(const fr_program_spec *s, int term) { return term >= 0 && term < s->n_terms; }

static int density_rows(const fr_program_spec *s, int i)
{
  int rows = 0;
  for (int k = s->arg_start[i]; k < s->arg_start[i + 1]; k++) {
    int len = s->len[s->arg[k]];
    if (rows == 0 || len > rows || len == 0) rows = len;
    if (len == 0) return 0;
  }
  return rows;
}

static int check_density(const fr_program_spec *s, int i, const int *ints, int n_ints, int n_args)
{
  if (n_ints < 2 || ints[0] < 0 || ints[0] >= s->n_dists || !term_inside(s, ints[1])) return FR_ERR_ARGUMENT;
  const fr_dist *dist = s->dist[ints[0]];
  if (n_args != 1 + dist->n_args) return FR_ERR_ARGUMENT;
  if (s->op[i] == FR_OP_DENSITY_EVENT)
    return dist->events && n_ints == 4 ? check_event(s, i, dist, ints + 2) : FR_ERR_ARGUMENT;
  if (!dist->rows || !lengths_recycle(s, i, n_args, density_rows(s, i))) return FR_ERR_ARGUMENT;
  return FR_OK;
}

/* shape: events N and their size K */
static int check_event(const fr_program_spec *s, int i, const fr_dist *dist, const int *shape)
{
  if (shape[0] < 0 || shape[1] < 1) return FR_ERR_ARGUMENT;
  long N = shape[0];
  int K = shape[1];
  if (dist->event == FR_MATRIX && N != 1) return FR_ERR_ARGUMENT;
  if (length_of(s, i, 0) != N * fr_event_size(dist->event, K, 0)) return FR_ERR_ARGUMENT;
  for (int a = 0; a < dist->n_args; a++) {
    long len = length_of(s, i, a + 1), one = fr_event_size(dist->arg[a].event, K, len);
    int many = dist->arg[a].event != FR_MATRIX;
    if (len != one && !(many && len == N * one)) return FR_ERR_ARGUMENT;
  }
  return FR_OK;
}

/* Log densities that other nodes read: one a row, one an event, or those of intervals. */
static int check_log_prob(const fr_program_spec *s, int i, const int *ints, int n_ints, int n_args)
{
  int op = s->op[i];
  if (n_ints < 1 || ints[0] < 0 || ints[0] >= s->n_dists) return FR_ERR_ARGUMENT;
  const fr_dist *dist = s->dist[ints[0]];
  if (n_args != dist->n_args + (op == FR_OP_LOG_INTERVAL ? 2 : 1)) return FR_ERR_ARGUMENT;
  if (op == FR_OP_LOG_PROB_EVENT)
    return dist->events && n_ints == 4 && s->len[i] == ints[1] ? check_event(s, i, dist, ints + 1) : FR_ERR_ARGUMENT;
  if (op == FR_OP_LOG_INTERVAL ? !dist->cdf : !dist->rows) return FR_ERR_ARGUMENT;
  return s->len[i] == density_rows(s, i) && lengths_recycle(s, i, n_args, s->len[i]) ? FR_OK : FR_ERR_ARGUMENT;
}

static int check_site_vector(const fr_program_spec *s, int i, const int *ints, int n_ints)
{
  if (n_ints != 5 || ints[3] < 0 || ints[4] < 1 || !term_inside(s, ints[1])) return FR_ERR_ARGUMENT;
  const fr_bijection *b = fr_bijection_get(ints[2]);
  if (!b) return FR_ERR_ARGUMENT;
  if ((long)s->len[i] != (long)ints[3] * b->value_size(ints[4])) return FR_ERR_ARGUMENT;
  if (ints[0] < 0 || (long)ints[0] + (long)ints[3] * b->free_size(ints[4]) > s->d) return FR_ERR_ARGUMENT;
  return FR_OK;
}

static int check_matmul(const fr_program_spec *s, int i, const int *ints, int n_ints)
{
  if (n_ints != 5 || ints[0] < 0 || ints[1] < 0 || ints[2] < 0) return FR_ERR_ARGUMENT;
  long n = ints[0], k = ints[1], m = ints[2];
  int right = length_of(s, i, 0) == n * k && length_of(s, i, 1) == k * m && s->len[i] == n * m;
  return right ? FR_OK : FR_ERR_ARGUMENT;
}

static int check_square(const fr_program_spec *s, int i, const int *ints, int n_ints, long size)
{
  long n = n_ints == 1 ? ints[0] : -1;
  return n >= 0 && n * n == size && length_of(s, i, 0) == n * n ? FR_OK : FR_ERR_ARGUMENT;
}

static int check_solve(const fr_program_spec *s, int i, const int *ints, int n_ints, int wanted)
{
  if (n_ints != wanted || ints[0] < 0 || ints[1] < 0) return FR_ERR_ARGUMENT;
  long n = ints[0], m = ints[1];
  int right = length_of(s, i, 0) == n * n && length_of(s, i, 1) == n * m && s->len[i] == n * m;
  return right ? FR_OK : FR_ERR_ARGUMENT;
}

/* A leaf of a body, or a store into the memory of scan node i, which has n_args arguments. */
static int check_body_leaf(const fr_program_spec *s, int i, int n_args, const fr_body *b, int j)
{
  const fr_program_spec *code = &b->code;
  const int *ints = code->ints + code->int_start[j];
  int n_ints = code->int_start[j + 1] - code->int_start[j];
  long len = code->len[j], all = len * b->iterations, slots = s->len[i];
  if (len < 0 || n_ints < 1) return FR_ERR_ARGUMENT;
  switch (code->op[j]) {
  case FR_OP_SCAN_INPUT:
    if (n_ints != 2 || ints[0] < 0 || ints[0] >= n_args) return FR_ERR_ARGUMENT;
    return length_of(s, i, ints[0]) == (ints[1] ? all : len) ? FR_OK : FR_ERR_ARGUMENT;
  case FR_OP_SCAN_LOAD: return all <= INT32_MAX && index_inside(code, ints[0], (int)all, s->len[i]) ? FR_OK : FR_ERR_ARGUMENT;
  default:
    if (length_of(code, j, 0) != len) return FR_ERR_ARGUMENT;
    return ints[0] >= b->n_initial && (long)ints[0] + all <= slots ? FR_OK : FR_ERR_ARGUMENT;
  }
}

static int check_scan(const fr_program_spec *s, int i, const int *ints, int n_ints, int n_args)
{
  if (n_ints != 1 || ints[0] < 0 || ints[0] >= s->n_bodies) return FR_ERR_ARGUMENT;
  const fr_body *b = &s->body[ints[0]];
  const fr_program_spec *code = &b->code;
  if (b->iterations < 1 || b->n_initial < 0 || b->n_initial > s->len[i] || code->n_nodes < 0) return FR_ERR_ARGUMENT;
  if (b->n_initial > 0 && (n_args < 1 || length_of(s, i, 0) != b->n_initial)) return FR_ERR_ARGUMENT;
  for (int j = 0; j < code->n_nodes; j++) {
    int op = code->op[j];
    if (op < 0 || op >= FR_OP_COUNT) return FR_ERR_UNKNOWN_OP;
    for (int k = code->arg_start[j]; k < code->arg_start[j + 1]; k++)
      if (code->arg[k] < 0 || code->arg[k] >= j || code->op[code->arg[k]] == FR_OP_SCAN_STORE) return FR_ERR_ARGUMENT;
    if (code->arg_start[j + 1] - code->arg_start[j] != fr_ops[op].arity && fr_ops[op].arity >= 0) return FR_ERR_ARGUMENT;
    int leaf = op == FR_OP_SCAN_INPUT || op == FR_OP_SCAN_LOAD || op == FR_OP_SCAN_STORE;
    int banned = op == FR_OP_CONST || op == FR_OP_SITE_BOUNDED || op == FR_OP_SITE_VECTOR || op == FR_OP_SCAN || fr_ops[op].op_class == FR_TERM;
    int status = banned ? FR_ERR_ARGUMENT : leaf ? check_body_leaf(s, i, n_args, b, j) : check_node(code, j);
    if (status != FR_OK) return status;
  }
  return FR_OK;
}

static int check_concat(const fr_program_spec *s, int i, int n_args)
{
  long total = 0;
  for (int k = 0; k < n_args; k++) total += length_of(s, i, k);
  return total == s->len[i] ? FR_OK : FR_ERR_ARGUMENT;
}

static int check_by_op(const fr_program_spec *s, int i, const int *ints, int n_ints, int n_args)
{
  int len = s->len[i];
  switch (s->op[i]) {
  case FR_OP_CONST:
    return n_ints == 1 && ints[0] >= 0 && ints[0] < s->n_consts && s->constant_len[ints[0]] == len ? FR_OK : FR_ERR_ARGUMENT;
  case FR_OP_SITE_BOUNDED:
    return n_ints == 2 && ints[0] >= 0 && (long)ints[0] + len <= s->d && term_inside(s, ints[1]) &&
                   lengths_recycle(s, i, 2, len) ? FR_OK : FR_ERR_ARGUMENT;
  case FR_OP_SITE_VECTOR: return check_site_vector(s, i, ints, n_ints);
  case FR_OP_GATHER:
    return n_ints == 1 && index_inside(s, ints[0], len, length_of(s, i, 0)) ? FR_OK : FR_ERR_ARGUMENT;
  case FR_OP_SCATTER:
    return n_ints == 1 && index_inside(s, ints[0], length_of(s, i, 0), len) ? FR_OK : FR_ERR_ARGUMENT;
  case FR_OP_MATVEC:
    return n_ints == 1 && ints[0] >= 0 && op_of(s, i, 0) == FR_OP_CONST && op_of(s, i, 1) != FR_OP_CONST && length_of(s, i, 1) == ints[0] &&
                   (long)length_of(s, i, 0) == (long)len * ints[0] ? FR_OK : FR_ERR_ARGUMENT;
  case FR_OP_SCAN: return check_scan(s, i, ints, n_ints, n_args);
  case FR_OP_SCAN_INPUT: case FR_OP_SCAN_LOAD: case FR_OP_SCAN_STORE: return FR_ERR_ARGUMENT; /* outside a body */
  case FR_OP_CHOL: return check_square(s, i, ints, n_ints, (long)len);
  case FR_OP_LOG_DET: return len == 1 ? check_square(s, i, ints, n_ints, length_of(s, i, 0)) : FR_ERR_ARGUMENT;
  case FR_OP_SOLVE: return check_solve(s, i, ints, n_ints, 2);
  case FR_OP_SOLVE_TRI: return check_solve(s, i, ints, n_ints, 4);
  case FR_OP_SUM_DIM:
    return n_ints == 3 && ints[0] >= 0 && ints[1] >= 0 && ints[2] >= 0 && (long)ints[0] * ints[2] == len &&
                   (long)len * ints[1] == length_of(s, i, 0) ? FR_OK : FR_ERR_ARGUMENT;
  case FR_OP_MATMUL: return check_matmul(s, i, ints, n_ints);
  case FR_OP_CONCAT: return check_concat(s, i, n_args);
  case FR_OP_CUMSUM: return length_of(s, i, 0) == len ? FR_OK : FR_ERR_ARGUMENT;
  case FR_OP_SUM: case FR_OP_PROD: case FR_OP_LOG_SUM_EXP: case FR_OP_LARGEST: case FR_OP_SMALLEST:
    return len == 1 && (s->op[i] == FR_OP_SUM || s->op[i] == FR_OP_PROD || length_of(s, i, 0) > 0) ? FR_OK : FR_ERR_ARGUMENT;
  case FR_OP_LOG_PROB: case FR_OP_LOG_INTERVAL: case FR_OP_LOG_PROB_EVENT: return check_log_prob(s, i, ints, n_ints, n_args);
  case FR_OP_DENSITY: case FR_OP_DENSITY_EVENT: return check_density(s, i, ints, n_ints, n_args);
  case FR_OP_TARGET: return n_ints == 1 && term_inside(s, ints[0]) ? FR_OK : FR_ERR_ARGUMENT;
  default: break;
  }
  if (fr_ops[s->op[i]].op_class == FR_UNARY) return length_of(s, i, 0) == len ? FR_OK : FR_ERR_ARGUMENT;
  return lengths_recycle(s, i, 2, len) ? FR_OK : FR_ERR_ARGUMENT;
}

/* Kernels that take their argument to have a lane for each particle. R evaluates what depends on data alone. */
static int reads_only_latents(int op)
{
  switch (op) {
  case FR_OP_GATHER: case FR_OP_SUM: case FR_OP_PROD: case FR_OP_CUMSUM: case FR_OP_LOG_SUM_EXP: case FR_OP_SCATTER:
  case FR_OP_LARGEST: case FR_OP_SMALLEST: case FR_OP_SUM_DIM:
    return 1;
  default: return fr_ops[op].op_class == FR_UNARY;
  }
}

static int check_node(const fr_program_spec *s, int i)
{
  if (s->op[i] < 0 || s->op[i] >= FR_OP_COUNT) return FR_ERR_UNKNOWN_OP;
  int n_args = s->arg_start[i + 1] - s->arg_start[i], arity = fr_ops[s->op[i]].arity;
  if (s->len[i] < 0 || n_args < 0 || (arity >= 0 && n_args != arity)) return FR_ERR_ARGUMENT;
  if (fr_ops[s->op[i]].op_class == FR_TERM && s->len[i] != 1) return FR_ERR_ARGUMENT;
  for (int k = s->arg_start[i]; k < s->arg_start[i + 1]; k++) {
    if (s->arg[k] < 0 || s->arg[k] >= i) return FR_ERR_ARGUMENT;
    if (fr_ops[s->op[s->arg[k]]].op_class == FR_TERM) return FR_ERR_ARGUMENT;
  }
  if (reads_only_latents(s->op[i]) && op_of(s, i, 0) == FR_OP_CONST) return FR_ERR_ARGUMENT;
  if (fr_ops[s->op[i]].op_class == FR_BINARY && op_of(s, i, 0) == FR_OP_CONST && op_of(s, i, 1) == FR_OP_CONST)
    return FR_ERR_ARGUMENT;
  return check_by_op(s, i, s->ints + s->int_start[i], s->int_start[i + 1] - s->int_start[i], n_args);
}

/* ---- placement ---- */

static int runs_along_rows(int op)
{
  int c = fr_ops[op].op_class;
  return c == FR_UNARY || c == FR_BINARY || c == FR_ROWS || c == FR_DIST;
}

/* A ROW node needs all its readers to take it row by row in the loop of its own length. Readers come later,
 * so one pass from the end decides: first mark what must be WHOLE, then place. */
static void place_nodes(fr_program *p, int keep_all)
{
  const fr_program_spec *s = &p->spec;
  for (int i = 0; i < s->n_nodes; i++) p->place[i] = FR_PLACE_DEAD;
  for (int i = s->n_nodes - 1; i >= 0; i--) {
    int op = s->op[i], term = fr_ops[op].op_class == FR_TERM, site = op == FR_OP_SITE_BOUNDED || op == FR_OP_SITE_VECTOR;
    if (op == FR_OP_CONST) p->place[i] = FR_PLACE_CONST;
    else if (term) p->place[i] = FR_PLACE_TERM;
    else if (keep_all || site) p->place[i] = FR_PLACE_WHOLE;
    if (p->place[i] == FR_PLACE_DEAD) continue;
    int in_loop = p->place[i] == FR_PLACE_ROW || (term && op != FR_OP_DENSITY_EVENT);
    int rows = term ? density_rows(s, i) : s->len[i];
    for (int k = s->arg_start[i]; k < s->arg_start[i + 1]; k++) {
      int a = s->arg[k];
      int by_row = in_loop && fr_ops[op].op_class != FR_ROWS && s->len[a] == rows && rows > 1 && runs_along_rows(s->op[a]);
      if (!by_row) p->place[a] = FR_PLACE_WHOLE;
      else if (p->place[a] == FR_PLACE_DEAD) p->place[a] = FR_PLACE_ROW;
    }
  }
}

static void lay_out_whole(fr_program *p)
{
  const fr_program_spec *s = &p->spec;
  for (int i = 0; i < s->n_nodes; i++) {
    if (p->place[i] == FR_PLACE_WHOLE && s->op[i] != FR_OP_CONST) {
      p->at[i] = p->whole_size;
      p->whole_size += (size_t)s->len[i];
      p->whole[p->n_whole++] = i;
    } else if (s->op[i] == FR_OP_CONST) {
      p->place[i] = FR_PLACE_CONST;
    } else if (p->place[i] == FR_PLACE_TERM && s->op[i] == FR_OP_DENSITY_EVENT) {
      p->whole[p->n_whole++] = i;
    }
  }
}

static int find_loop(fr_program *p, int rows)
{
  for (int q = 0; q < p->n_loops; q++)
    if (p->loop[q].rows == rows) return q;
  p->loop[p->n_loops] = (fr_loop){rows, 0, 0, 0, 1};
  return p->n_loops++;
}

/* Loops in the order of their first node; within a loop nodes ascend. */
static void lay_out_loops(fr_program *p, int *loop_of)
{
  const fr_program_spec *s = &p->spec;
  for (int i = 0; i < s->n_nodes; i++) {
    int term = p->place[i] == FR_PLACE_TERM && s->op[i] != FR_OP_DENSITY_EVENT;
    loop_of[i] = -1;
    if (!term && p->place[i] != FR_PLACE_ROW) continue;
    loop_of[i] = find_loop(p, term ? density_rows(s, i) : s->len[i]);
    fr_loop *loop = &p->loop[loop_of[i]];
    loop->count++;
    if (!term) p->at[i] = (size_t)loop->buffers++;
  }
  int first = 0;
  for (int q = 0; q < p->n_loops; q++) {
    p->loop[q].first = first;
    first += p->loop[q].count;
    p->loop[q].count = 0;
    if (p->loop[q].buffers > p->max_buffers) p->max_buffers = p->loop[q].buffers;
  }
  for (int i = 0; i < s->n_nodes; i++) {
    if (loop_of[i] < 0) continue;
    fr_loop *loop = &p->loop[loop_of[i]];
    p->order[loop->first + loop->count++] = i;
  }
}

/* Blocks are worth it when a loop is long and what is summed apart is short beside it. */
static void lay_out_blocks(fr_program *p)
{
  const fr_program_spec *s = &p->spec;
  double all = 0.0;
  for (int q = 0; q < p->n_loops; q++) {
    fr_loop *loop = &p->loop[q];
    double cost = 0.0;
    for (int k = 0; k < loop->count; k++) {
      int i = p->order[loop->first + k];
      cost += s->op[i] == FR_OP_MATVEC ? s->ints[s->int_start[i]] : 4.0;
    }
    cost *= loop->rows;
    all += cost;
    if (cost < FR_BLOCKS_WORTH || 64.0 * (double)p->whole_size > cost) continue;
    loop->blocks = FR_BLOCKS;
    p->any_blocks = 1;
  }
  p->singles_pay = all >= FR_SINGLES_WORTH;
}

static size_t scratch_of(const fr_program_spec *s, int i)
{
  const int *ints = s->ints + s->int_start[i];
  if (s->op[i] != FR_OP_SCAN) return fr_op_scratch(s->op[i], ints);
  return fr_scan_work(&s->body[ints[0]], s->arg_start[i + 1] - s->arg_start[i], FR_LANES);
}

/* The scratch that one particle's vector events need: values and adjoints of all operands, event by event. */
static void measure_events(fr_program *p)
{
  const fr_program_spec *s = &p->spec;
  for (int i = 0; i < s->n_nodes; i++) {
    const int *ints = s->ints + s->int_start[i];
    size_t values = 0, scratch = scratch_of(s, i);
    if (scratch > p->max_scratch) p->max_scratch = scratch;
    if (s->op[i] == FR_OP_DENSITY_EVENT || s->op[i] == FR_OP_LOG_PROB_EVENT) {
      int K = ints[s->op[i] == FR_OP_DENSITY_EVENT ? 3 : 2];
      size_t work = fr_dist_work(s->dist[ints[0]], K);
      if (work > p->max_dist_work) p->max_dist_work = work;
      for (int k = s->arg_start[i]; k < s->arg_start[i + 1]; k++) values += 2 * (size_t)s->len[s->arg[k]];
    } else if (s->op[i] == FR_OP_SITE_VECTOR) {
      const fr_bijection *b = fr_bijection_get(ints[2]);
      int K = ints[4];
      size_t work = fr_bijection_work(b, K);
      if (work > p->max_map_work) p->max_map_work = work;
      values = 2 * (size_t)(b->value_size(K) + b->free_size(K));
    }
    if (values > p->max_event_values) p->max_event_values = values;
  }
}
