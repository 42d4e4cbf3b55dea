/* test_program.c: programs by hand, against the same densities written out and central differences; damaged
 * programs are refused; steps, runs and verdicts on a Gaussian whose optimum is known. */
#include "check.h"
#include "program.h"
#include "rng.h"
#include "svi.h"
#include "tril.h"
#include <stdlib.h>

/* ---- a small builder ---- */

#define MAX_NODES 64

typedef struct {
  int op[MAX_NODES], len[MAX_NODES], arg_start[MAX_NODES + 1], arg[4 * MAX_NODES], int_start[MAX_NODES + 1], ints[8 * MAX_NODES];
  const double *constant[MAX_NODES];
  int constant_len[MAX_NODES];
  const int *index[4];
  int index_len[4];
  const fr_dist *dist[8];
  fr_program_spec spec;
} builder;

static void begin(builder *b, int d, int n_terms)
{
  memset(b, 0, sizeof *b);
  b->spec = (fr_program_spec){.d = d, .n_terms = n_terms, .op = b->op, .len = b->len, .arg_start = b->arg_start, .arg = b->arg,
                              .int_start = b->int_start, .ints = b->ints, .constant = b->constant,
                              .constant_len = b->constant_len, .index = b->index, .index_len = b->index_len, .dist = b->dist};
}

static int node(builder *b, int op, int len, int n_args, const int *args, int n_ints, const int *ints)
{
  int i = b->spec.n_nodes++;
  b->op[i] = op;
  b->len[i] = len;
  for (int k = 0; k < n_args; k++) b->arg[b->arg_start[i] + k] = args[k];
  for (int k = 0; k < n_ints; k++) b->ints[b->int_start[i] + k] = ints[k];
  b->arg_start[i + 1] = b->arg_start[i] + n_args;
  b->int_start[i + 1] = b->int_start[i] + n_ints;
  return i;
}

#define ARGS(...) (int)(sizeof((int[]){__VA_ARGS__}) / sizeof(int)), (int[]){__VA_ARGS__}
#define NONE 0, NULL

static int constant(builder *b, int len, const double *x)
{
  int k = b->spec.n_consts++;
  b->constant[k] = x;
  b->constant_len[k] = len;
  return node(b, FR_OP_CONST, len, NONE, ARGS(k));
}

static int index_of(builder *b, int len, const int *index)
{
  int k = b->spec.n_index++;
  b->index[k] = index;
  b->index_len[k] = len;
  return k;
}

static int dist_of(builder *b, const char *name)
{
  b->dist[b->spec.n_dists] = fr_dist_find(name);
  return b->spec.n_dists++;
}

typedef struct { fr_program program; void *plan; double *work; } loaded;

static loaded load(const builder *b, int keep_all, int S)
{
  loaded l;
  int bad;
  l.plan = malloc(fr_program_plan_bytes(&b->spec));
  CHECK(fr_program_load(&b->spec, keep_all, l.plan, &l.program, &bad) == FR_OK);
  l.work = malloc((fr_program_work(&l.program, S) + 1) * sizeof(double));
  return l;
}

static void unload(loaded *l) { free(l->plan); free(l->work); }

static const double minus_inf = -INFINITY, plus_inf = INFINITY, zero = 0.0, one = 1.0, ten = 10.0;

/* ---- a Poisson regression with group effects: gathers, matvec, chunks, all kinds of operands ---- */

#define ROWS 501
#define GROUPS 5
#define COLS 3

static double y[ROWS], x[ROWS * COLS];
static int group[ROWS];

static void make_data(void)
{
  double eps[ROWS * (COLS + 1)];
  fr_normals(11, FR_STREAM_PRIOR, 0, 0, 1, ROWS * (COLS + 1), 1, eps);
  for (int i = 0; i < ROWS; i++) {
    group[i] = i % GROUPS;
    y[i] = floor(3.0 * fabs(eps[i]));
    for (int k = 0; k < COLS; k++) x[i + k * ROWS] = 0.3 * eps[ROWS + i + k * ROWS];
  }
}

/* b (COLS) ~ normal(0, 10); tau > 0 ~ half_normal(1); u (GROUPS) ~ normal(0, tau); y ~ poisson_log(X b + u[group]) */
static void build_glmm(builder *b)
{
  begin(b, COLS + 1 + GROUPS, 7);
  int lo = constant(b, 1, &minus_inf), hi = constant(b, 1, &plus_inf), n0 = constant(b, 1, &zero), n10 = constant(b, 1, &ten);
  int n1 = constant(b, 1, &one);
  int normal = dist_of(b, "normal"), half = dist_of(b, "half_normal"), poisson = dist_of(b, "poisson_log");
  int beta = node(b, FR_OP_SITE_BOUNDED, COLS, ARGS(lo, hi), ARGS(0, 0));
  node(b, FR_OP_DENSITY, 1, ARGS(beta, n0, n10), ARGS(normal, 1));
  int tau = node(b, FR_OP_SITE_BOUNDED, 1, ARGS(n0, hi), ARGS(COLS, 2));
  node(b, FR_OP_DENSITY, 1, ARGS(tau, n1), ARGS(half, 3));
  int u = node(b, FR_OP_SITE_BOUNDED, GROUPS, ARGS(lo, hi), ARGS(COLS + 1, 4));
  node(b, FR_OP_DENSITY, 1, ARGS(u, n0, tau), ARGS(normal, 5));
  int X = constant(b, ROWS * COLS, x), Y = constant(b, ROWS, y);
  int eta = node(b, FR_OP_MATVEC, ROWS, ARGS(X, beta), ARGS(COLS));
  int effect = node(b, FR_OP_GATHER, ROWS, ARGS(u), ARGS(index_of(b, ROWS, group)));
  int sum = node(b, FR_OP_ADD, ROWS, ARGS(eta, effect), NONE);
  node(b, FR_OP_DENSITY, 1, ARGS(Y, sum), ARGS(poisson, 6));
}

static double glmm_by_hand(const double *z, size_t step)
{
  const double log_tau = z[COLS * step], tau = exp(log_tau);
  double lp = log_tau - 0.5 * tau * tau + 0.5 * log(2.0 / 3.14159265358979323846);
  for (int k = 0; k < COLS; k++) lp += -0.5 * z[k * step] * z[k * step] / 100.0 - log(10.0) - FR_LOG_SQRT_2PI;
  for (int j = 0; j < GROUPS; j++) {
    double r = z[(COLS + 1 + j) * step] / tau;
    lp += -0.5 * r * r - log_tau - FR_LOG_SQRT_2PI;
  }
  for (int i = 0; i < ROWS; i++) {
    double eta = z[(COLS + 1 + group[i]) * step];
    for (int k = 0; k < COLS; k++) eta += x[i + k * ROWS] * z[k * step];
    lp += y[i] * eta - exp(eta); /* log y! is the data's part, left out of a program's density */
  }
  return lp;
}

static void check_values_and_gradients(int S)
{
  builder b;
  build_glmm(&b);
  loaded l = load(&b, 0, S);
  int d = b.spec.d;
  size_t ld = (size_t)S + 3;
  double *z = malloc((size_t)d * ld * sizeof(double)), *g = calloc((size_t)d * ld, sizeof(double));
  double *lp = malloc((size_t)S * sizeof(double)), *terms = malloc(7 * ld * sizeof(double));
  fr_normals(3, FR_STREAM_PRIOR, 1, 0, S, d, ld, z);
  CHECK(fr_program_eval(&l.program, S, ld, z, lp, g, terms, l.work) == FR_OK);
  for (int s = 0; s < S; s++) {
    double sum = 0.0;
    CHECK_NEAR(lp[s], glmm_by_hand(z + s, ld), 1e-12);
    for (int t = 0; t < 7; t++) sum += terms[t * ld + s];
    CHECK_NEAR(lp[s], sum, 1e-14);
    for (int j = 0; j < d; j++) {
      double at = z[j * ld + s], h = 1e-5, up, down;
      z[j * ld + s] = at + h;
      up = glmm_by_hand(z + s, ld);
      z[j * ld + s] = at - h;
      down = glmm_by_hand(z + s, ld);
      z[j * ld + s] = at;
      CHECK_CLOSE(g[j * ld + s], (up - down) / (2 * h), 1e-6, 1e-4);
    }
  }
  free(z); free(g); free(lp); free(terms);
  unload(&l);
}

/* whatever else is in the batch: the same bits; alone: the same to rounding */
static void check_particles_apart(void)
{
  builder b;
  build_glmm(&b);
  loaded l = load(&b, 0, 70);
  enum { D = COLS + 1 + GROUPS, S = 70 };
  double z[D * S], g[D * S], lp[S], z8[D * 8], g8[D * 8], lp8[8], z1[D], g1[D], lp1;
  fr_normals(3, FR_STREAM_PRIOR, 2, 0, S, D, S, z);
  CHECK(fr_program_eval(&l.program, S, S, z, lp, g, NULL, l.work) == FR_OK);
  for (int j = 0; j < D; j++)
    for (int k = 0; k < 8; k++) z8[j * 8 + k] = z[j * S + 61 - k];
  CHECK(fr_program_eval(&l.program, 8, 8, z8, lp8, g8, NULL, l.work) == FR_OK);
  for (int k = 0; k < 8; k++) {
    CHECK(lp8[k] == lp[61 - k]);
    for (int j = 0; j < D; j++) CHECK(g8[j * 8 + k] == g[j * S + 61 - k]);
  }
  for (int j = 0; j < D; j++) z1[j] = z[j * S + 5];
  CHECK(fr_program_eval(&l.program, 1, 1, z1, &lp1, g1, NULL, l.work) == FR_OK);
  CHECK_NEAR(lp1, lp[5], 1e-13);
  for (int j = 0; j < D; j++) CHECK_CLOSE(g1[j], g[j * S + 5], 1e-13, 1e-12);
  unload(&l);
}

static int stop_at_once(void *data) { (*(int *)data)++; return 1; }

static void check_poll(void)
{
  static double big_y[20000], zeros[1];
  builder b;
  begin(&b, 1, 2);
  int lo = constant(&b, 1, &minus_inf), hi = constant(&b, 1, &plus_inf), n1 = constant(&b, 1, &one);
  int mu = node(&b, FR_OP_SITE_BOUNDED, 1, ARGS(lo, hi), ARGS(0, 0));
  node(&b, FR_OP_DENSITY, 1, ARGS(constant(&b, 20000, big_y), mu, n1), ARGS(dist_of(&b, "normal"), 1));
  loaded l = load(&b, 0, 1);
  int asked = 0;
  double lp, g;
  l.program.poll = stop_at_once;
  l.program.poll_data = &asked;
  CHECK(fr_program_eval(&l.program, 1, 1, zeros, &lp, &g, NULL, l.work) == FR_INTERRUPTED);
  CHECK(asked == 1);
  unload(&l);
}

/* ---- vector sites, events and whole operations, by central differences of the program itself ---- */

static void build_vectors(builder *b, const double *counts, const double *size, const double *alpha, const int *reorder)
{
  static const int diagonal[] = {0, 4, 8};
  begin(b, 3 + 3, 6);
  int lo = constant(b, 1, &minus_inf), hi = constant(b, 1, &plus_inf), a = constant(b, 4, alpha), n1 = constant(b, 1, &one);
  int theta = node(b, FR_OP_SITE_VECTOR, 4, NONE, ARGS(0, 0, 1, 1, 4));
  node(b, FR_OP_DENSITY_EVENT, 1, ARGS(theta, a), ARGS(dist_of(b, "dirichlet"), 1, 1, 4));
  node(b, FR_OP_DENSITY_EVENT, 1, ARGS(constant(b, 4, counts), constant(b, 1, size), theta), ARGS(dist_of(b, "multinomial"), 2, 1, 4));
  int w = node(b, FR_OP_SITE_BOUNDED, 3, ARGS(lo, hi), ARGS(3, 3));
  int lse = node(b, FR_OP_LOG_SUM_EXP, 1, ARGS(w), NONE);
  int shifted = node(b, FR_OP_SUB, 3, ARGS(w, lse), NONE);
  int run = node(b, FR_OP_CUMSUM, 3, ARGS(shifted), NONE);
  int all = node(b, FR_OP_CONCAT, 7, ARGS(run, theta), NONE);
  int mixed = node(b, FR_OP_GATHER, 7, ARGS(all), ARGS(index_of(b, 7, reorder)));
  int product = node(b, FR_OP_PROD, 1, ARGS(mixed), NONE);
  int square = node(b, FR_OP_SCATTER, 9, ARGS(w), ARGS(index_of(b, 3, diagonal)));
  int matrix = node(b, FR_OP_MATMUL, 9, ARGS(square, square), ARGS(3, 3, 3, 1, 0));
  int total = node(b, FR_OP_SUM, 1, ARGS(matrix), NONE);
  int both = node(b, FR_OP_MUL, 1, ARGS(product, total), NONE);
  int used = node(b, FR_OP_TANH, 1, ARGS(both), NONE);
  node(b, FR_OP_TARGET, 1, ARGS(used), ARGS(4));
  node(b, FR_OP_DENSITY, 1, ARGS(w, n1, n1), ARGS(dist_of(b, "normal"), 5));
  node(b, FR_OP_EXP, 3, ARGS(w), NONE); /* read by nobody */
}

static void check_vectors(int S)
{
  static const double counts[] = {3, 0, 2, 5}, size[] = {10}, alpha[] = {1, 2, 0.5, 1};
  static const int reorder[] = {6, 5, 4, 3, 2, 1, 0};
  builder b;
  build_vectors(&b, counts, size, alpha, reorder);
  loaded l = load(&b, 0, S);
  enum { D = 6, MAX = 9 };
  double z[D * MAX], g[D * MAX], lp[MAX], up[MAX], down[MAX];
  fr_normals(5, FR_STREAM_PRIOR, 0, 0, S, D, (size_t)S, z);
  CHECK(fr_program_eval(&l.program, S, (size_t)S, z, lp, g, NULL, l.work) == FR_OK);
  for (int j = 0; j < D; j++) {
    const double h = 1e-5;
    for (int s = 0; s < S; s++) z[j * S + s] += h;
    fr_program_eval(&l.program, S, (size_t)S, z, up, NULL, NULL, l.work);
    for (int s = 0; s < S; s++) z[j * S + s] -= 2 * h;
    fr_program_eval(&l.program, S, (size_t)S, z, down, NULL, NULL, l.work);
    for (int s = 0; s < S; s++) {
      z[j * S + s] += h;
      CHECK_CLOSE(g[j * S + s], (up[s] - down[s]) / (2 * h), 1e-6, 1e-6);
    }
  }
  unload(&l);
}

static void check_kept_values(void)
{
  static const double counts[] = {3, 0, 2, 5}, size[] = {10}, alpha[] = {1, 2, 0.5, 1};
  static const int reorder[] = {0, 1, 2, 3, 4, 5, 6};
  builder b;
  build_vectors(&b, counts, size, alpha, reorder);
  loaded l = load(&b, 1, 3);
  double z[18], theta[12], w[9], *out[] = {theta, w};
  int nodes[] = {-1, -1};
  for (int i = 0; i < b.spec.n_nodes; i++) {
    if (b.op[i] == FR_OP_SITE_VECTOR) nodes[0] = i;
    if (b.op[i] == FR_OP_SITE_BOUNDED) nodes[1] = i;
  }
  fr_normals(5, FR_STREAM_PRIOR, 0, 0, 3, 6, 3, z);
  CHECK(fr_program_values(&l.program, 3, 3, z, 2, nodes, out, l.work) == FR_OK);
  for (int s = 0; s < 3; s++) {
    CHECK_NEAR(theta[s] + theta[3 + s] + theta[6 + s] + theta[9 + s], 1.0, 1e-14);
    for (int k = 0; k < 3; k++) CHECK(w[k * 3 + s] == z[(3 + k) * 3 + s]);
  }
  nodes[0] = b.spec.n_nodes;
  CHECK(fr_program_values(&l.program, 3, 3, z, 1, nodes, out, l.work) == FR_ERR_ARGUMENT);
  unload(&l);
}

/* ---- a loop that is cut into blocks of rows ---- */

#define LONG_ROWS 3001
#define LONG_COLS 90

/* b ~ flat; y ~ normal(X b, 1), against the sums written out */
static void check_blocks(int S)
{
  builder b;
  double *X = malloc(LONG_ROWS * (LONG_COLS + 1) * sizeof(double)), *Y = X + LONG_ROWS * LONG_COLS, *z = malloc(3 * LONG_COLS * (size_t)S * sizeof(double));
  double *gradient = z + LONG_COLS * S, *want = gradient + LONG_COLS * S, lp[64];
  fr_normals(12, FR_STREAM_PRIOR, 0, 0, 1, LONG_ROWS * (LONG_COLS + 1), 1, X);
  fr_normals(13, FR_STREAM_PRIOR, 0, 0, 1, LONG_COLS * S, 1, z);
  begin(&b, LONG_COLS, 2);
  int lo = constant(&b, 1, &minus_inf), hi = constant(&b, 1, &plus_inf), n1 = constant(&b, 1, &one), normal = dist_of(&b, "normal");
  int beta = node(&b, FR_OP_SITE_BOUNDED, LONG_COLS, ARGS(lo, hi), ARGS(0, 0));
  int eta = node(&b, FR_OP_MATVEC, LONG_ROWS, ARGS(constant(&b, LONG_ROWS * LONG_COLS, X), beta), ARGS(LONG_COLS));
  node(&b, FR_OP_DENSITY, 1, ARGS(constant(&b, LONG_ROWS, Y), eta, n1), ARGS(normal, 1));
  loaded l = load(&b, 0, S);
  CHECK(l.program.any_blocks && l.program.singles_pay);
  CHECK(fr_program_eval(&l.program, S, (size_t)S, z, lp, gradient, NULL, l.work) == FR_OK);
  memset(want, 0, LONG_COLS * (size_t)S * sizeof(double));
  for (int s = 0; s < S; s++) {
    double sum = 0.0;
    for (int i = 0; i < LONG_ROWS; i++) {
      double r = Y[i];
      for (int k = 0; k < LONG_COLS; k++) r -= X[i + k * LONG_ROWS] * z[k * S + s];
      sum -= 0.5 * r * r + FR_LOG_SQRT_2PI;
      for (int k = 0; k < LONG_COLS; k++) want[k * S + s] += X[i + k * LONG_ROWS] * r;
    }
    CHECK_CLOSE(lp[s], sum, 1e-12, 0.0);
  }
  for (int e = 0; e < LONG_COLS * S; e++) CHECK_CLOSE(gradient[e], want[e], 1e-10, 1e-8);
  for (int some = 1; some < S; some += some < 5 ? 1 : 7) { /* the workspace does for fewer */
    CHECK(fr_program_eval(&l.program, some, (size_t)S, z, want, gradient, NULL, l.work) == FR_OK);
    for (int s = 0; s < some; s++) CHECK_CLOSE(want[s], lp[s], 1e-12, 0.0);
  }
  unload(&l);
  l = load(&b, 1, S); /* values of nodes: always in groups */
  double *rows = malloc((size_t)LONG_ROWS * (size_t)S * sizeof(double)), *out[] = {rows};
  CHECK(fr_program_values(&l.program, S, (size_t)S, z, 1, &eta, out, l.work) == FR_OK);
  for (int s = 0; s < S; s++)
    for (int i = 0; i < LONG_ROWS; i += 300) {
      double sum = 0.0;
      for (int k = 0; k < LONG_COLS; k++) sum += X[i + k * LONG_ROWS] * z[k * S + s];
      CHECK_CLOSE(rows[(size_t)i * (size_t)S + (size_t)s], sum, 1e-12, 1e-12);
    }
  free(rows);
  unload(&l);
  free(X);
  free(z);
}

/* ---- damaged programs are refused, wherever the damage is ---- */

static void check_damage(void)
{
  make_data();
  builder good;
  build_glmm(&good);
  void *plan = malloc(fr_program_plan_bytes(&good.spec));
  fr_program p;
  int bad, refused = 0, tried = 0;
  int *field[] = {good.op, good.len, good.arg, good.ints};
  int counts[] = {good.spec.n_nodes, good.spec.n_nodes, good.arg_start[good.spec.n_nodes], good.int_start[good.spec.n_nodes]};
  static const int values[] = {-1, 1000000};
  for (int f = 0; f < 4; f++)
    for (int i = 0; i < counts[f]; i++)
      for (int v = 0; v < 2; v++) {
        int old = field[f][i];
        field[f][i] = values[v];
        tried++;
        int ok = fr_program_load(&good.spec, 0, plan, &p, &bad) == FR_OK;
        if (ok) printf("field %d entry %d value %d was let through\n", f, i, values[v]);
        refused += !ok;
        field[f][i] = old;
      }
  CHECK(refused == tried);
  CHECK(fr_program_load(&good.spec, 0, plan, &p, &bad) == FR_OK);
  free(plan);
}

/* ---- each way in which one node can be wrong ---- */

/* A site of 6 elements, data of 6, a scalar and a 2-vector, and one more node: does the program load? */
static int loads_with(int op, int len, int n_args, const int *args, int n_ints, const int *ints)
{
  static const double six[6] = {0.1, 0.2, 0.3, 0.4, 0.5, 0.6};
  builder b;
  fr_program p;
  int bad;
  begin(&b, 6, 2);
  int lo = constant(&b, 1, &minus_inf), hi = constant(&b, 1, &plus_inf), data = constant(&b, 6, six), two = constant(&b, 2, six);
  int site = node(&b, FR_OP_SITE_BOUNDED, 6, ARGS(lo, hi), ARGS(0, 0)); /* the arguments below: 0 -Inf, 1 Inf, 2 data, 3 two, 4 site */
  CHECK(data == 2 && two == 3 && site == 4);
  dist_of(&b, "normal");
  dist_of(&b, "multi_normal_cholesky");
  dist_of(&b, "von_mises");
  int last = node(&b, op, len, n_args, args, n_ints, ints);
  void *plan = malloc(fr_program_plan_bytes(&b.spec));
  int status = fr_program_load(&b.spec, 0, plan, &p, &bad);
  free(plan);
  if (status != FR_OK) CHECK(bad == last);
  return status == FR_OK;
}

static void check_wrong_nodes(void)
{
  /* a log density a row: of normal(data, site, 1) */
  CHECK(loads_with(FR_OP_LOG_PROB, 6, ARGS(2, 4, 1), ARGS(0, 0)));
  CHECK(!loads_with(FR_OP_LOG_PROB, 6, ARGS(2, 4, 1), NONE));          /* which distribution? */
  CHECK(!loads_with(FR_OP_LOG_PROB, 6, ARGS(2, 4, 1), ARGS(9, 0)));    /* there is no such */
  CHECK(!loads_with(FR_OP_LOG_PROB, 6, ARGS(2, 4), ARGS(0, 0)));       /* an argument lacks */
  CHECK(!loads_with(FR_OP_LOG_PROB, 5, ARGS(2, 4, 1), ARGS(0, 0)));    /* not its length */
  CHECK(!loads_with(FR_OP_LOG_PROB, 6, ARGS(3, 4, 1), ARGS(0, 0)));    /* 2 does not recycle to 6 */
  CHECK(!loads_with(FR_OP_LOG_PROB, 6, ARGS(2, 4, 1), ARGS(1, 0)));    /* a density of vectors */
  /* of intervals: P(data <= X <= site) */
  CHECK(loads_with(FR_OP_LOG_INTERVAL, 6, ARGS(0, 2, 4, 1), ARGS(0)));
  CHECK(!loads_with(FR_OP_LOG_INTERVAL, 6, ARGS(0, 2, 4), ARGS(0)));
  CHECK(!loads_with(FR_OP_LOG_INTERVAL, 6, ARGS(0, 2, 4, 1), ARGS(1)));/* no distribution function */
  /* of one event of size 2: multi_normal_cholesky(two, two, 4 numbers), and there is nothing of 4 numbers */
  CHECK(!loads_with(FR_OP_LOG_PROB_EVENT, 1, ARGS(3, 3, 4), ARGS(1, 1, 2, 0)));
  CHECK(!loads_with(FR_OP_LOG_PROB_EVENT, 2, ARGS(3, 3, 4), ARGS(1, 1, 2, 0)));
  CHECK(!loads_with(FR_OP_LOG_PROB_EVENT, 1, ARGS(3, 3, 4), ARGS(0, 1, 2, 0))); /* a density of rows */
  /* sums over a dimension: 2 x 3 x 1 and 3 x 2 x 1 */
  CHECK(loads_with(FR_OP_SUM_DIM, 2, ARGS(4), ARGS(2, 3, 1)));
  CHECK(!loads_with(FR_OP_SUM_DIM, 3, ARGS(4), ARGS(2, 3, 1)));
  CHECK(!loads_with(FR_OP_SUM_DIM, 2, ARGS(4), ARGS(2, 4, 1)));
  CHECK(!loads_with(FR_OP_SUM_DIM, 2, ARGS(4), ARGS(2, -3, 1)));
  /* two constants have nothing to differentiate; what reads a latent is given data; leaves of a loop outside of one */
  CHECK(loads_with(FR_OP_ADD, 6, ARGS(2, 4), NONE));
  CHECK(!loads_with(FR_OP_ADD, 6, ARGS(2, 2), NONE));
  CHECK(!loads_with(FR_OP_EXP, 6, ARGS(2), NONE));
  CHECK(!loads_with(FR_OP_SCAN_LOAD, 6, NONE, ARGS(0)));
  CHECK(!loads_with(FR_OP_SCAN_INPUT, 6, NONE, ARGS(0, 0)));
  CHECK(!loads_with(FR_OP_SCAN, 6, ARGS(4), ARGS(0)));                 /* there is no body */
}

/* ---- steps, runs and verdicts: a Gaussian density, whose optimum the guide can be ---- */

#define GD 3
static const double target_mean[GD] = {1.0, -2.0, 0.5}, target_sd[GD] = {0.5, 2.0, 1.0};

static int gaussian(void *model, int S, size_t ld, const double *z, double *lp, double *g)
{
  int *poison = model;
  for (int s = 0; s < S; s++) {
    lp[s] = 0.0;
    for (int j = 0; j < GD; j++) {
      double r = (z[j * ld + s] - target_mean[j]) / target_sd[j];
      lp[s] += -0.5 * r * r - log(target_sd[j]) - FR_LOG_SQRT_2PI;
      if (g) g[j * ld + s] = -r / target_sd[j];
    }
    if (poison && *poison > 0) { lp[s] = NAN; }
  }
  if (poison && *poison > 0) (*poison)--;
  return FR_OK;
}

static int count_bad(void *model, int S, size_t ld, const double *z, double *counts)
{
  (void)model; (void)ld; (void)z;
  counts[0] += S;
  return FR_OK;
}

static int stop_after(void *data, double step, double loss) { (void)loss; return step >= *(double *)data; }

static fr_svi start(double *theta, double *m1, double *m2)
{
  double init[GD] = {0};
  memset(m1, 0, fr_svi_theta_size(GD) * sizeof(double));
  memset(m2, 0, fr_svi_theta_size(GD) * sizeof(double));
  fr_guide g = fr_svi_guide(GD, theta);
  CHECK(fr_guide_start(&g, init, 0.1) == FR_OK);
  return (fr_svi){.d = GD, .theta = theta, .m1 = m1, .m2 = m2, .lr_factor = 1.0};
}

static void check_runs(void)
{
  size_t n = fr_svi_theta_size(GD);
  double *theta = malloc(6 * n * sizeof(double)), *m1 = theta + n, *m2 = m1 + n, *again = m2 + n, *a1 = again + n, *a2 = a1 + n;
  double *loss = malloc(20000 * sizeof(double)), *work = malloc((n + fr_svi_work(GD, 8, 32, &(fr_optimizer){.code = FR_ADAM})) * sizeof(double));
  double counts[1] = {0}, stop = 700;
  int status, poison = 0;
  fr_svi state = start(theta, m1, m2);
  fr_svi_run_spec spec = {.log_density = gaussian, .model = &poison, .explain = count_bad, .counts = counts,
                          .optimizer = {.code = FR_ADAM, .lr = 0.05, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .decay = 0.01},
                          .seed = 1, .particles = 8, .until_step = 20000, .check_every = 500, .check_pairs = 32, .tol = 0.01, .loss = loss};
  CHECK(fr_svi_run(&state, &spec, &status, work) == FR_OK);
  CHECK(status == FR_RUN_CONVERGED);
  for (int j = 0; j < GD; j++) CHECK_CLOSE(theta[j], target_mean[j], 0.0, 0.15 * target_sd[j]);
  CHECK_CLOSE(spec.verdict.elbo, 0.0, 0.0, 0.02); /* log evidence of a normalised density */
  double steps = state.step;

  /* the same run broken off and taken up again: the same bits */
  fr_svi broken = start(again, a1, a2);
  spec.poll = stop_after;
  spec.poll_data = &stop;
  CHECK(fr_svi_run(&broken, &spec, &status, work) == FR_OK && status == FR_RUN_INTERRUPTED && broken.step == 700);
  spec.poll = NULL;
  CHECK(fr_svi_run(&broken, &spec, &status, work) == FR_OK && status == FR_RUN_CONVERGED && broken.step == steps);
  CHECK(memcmp(theta, again, n * sizeof(double)) == 0);

  /* three bad steps are refused and counted, and the run goes on; sixty in a row end it */
  broken = start(again, a1, a2);
  poison = 3;
  spec.fixed_steps = 1;
  spec.until_step = 200;
  CHECK(fr_svi_run(&broken, &spec, &status, work) == FR_OK && status == FR_RUN_FIXED_STEPS);
  CHECK(broken.refused == 3 && broken.update == 197 && counts[0] == 24 && isnan(loss[2]) && !isnan(loss[3]));
  poison = 1000;
  spec.until_step = 500;
  CHECK(fr_svi_run(&broken, &spec, &status, work) == FR_OK && status == FR_RUN_DIVERGED && broken.in_a_row == FR_SVI_MAX_REFUSED);
  poison = 0;
  spec.until_step = broken.step + 5;
  spec.fixed_steps = 0;
  CHECK(fr_svi_run(&broken, &spec, &status, work) == FR_OK && status == FR_RUN_BUDGET_EXHAUSTED);
  free(theta); free(loss); free(work);
}

/* At the optimum the path-derivative estimate is exactly 0; away from it the gap is the KL divergence to second order. */
static void check_verdict(void)
{
  double theta[64] = {0}, *work = malloc(fr_verdict_work(GD, 400) * sizeof(double));
  fr_guide g = fr_svi_guide(GD, theta);
  fr_verdict v;
  int poison = 0;
  for (int j = 0; j < GD; j++) g.loc[j] = target_mean[j];
  CHECK(fr_guide_unconstrain(GD, target_sd, g.scale_unconstrained) == FR_OK);
  CHECK(fr_verdict_judge(&g, gaussian, &poison, 32, 1, 0, &v, work) == FR_OK);
  CHECK_CLOSE(v.gap, 0.0, 0.0, 1e-20);
  CHECK_CLOSE(v.elbo, 0.0, 0.0, 1e-12);
  CHECK_CLOSE(v.elbo_se, 0.0, 0.0, 1e-12);
  CHECK(v.finite == 32);
  g.loc[0] += 0.1 * target_sd[0];
  CHECK(fr_verdict_judge(&g, gaussian, &poison, 400, 1, 0, &v, work) == FR_OK);
  CHECK_CLOSE(v.gap, 0.5 * 0.01, 0.0, 4 * v.gap_se + 1e-12);
  double scale = 1.05 * target_sd[1]; /* KL = (1.05^2 - 1) / 2 - log 1.05 */
  g.loc[0] = target_mean[0];
  fr_guide_unconstrain(1, &scale, g.scale_unconstrained + 1);
  CHECK(fr_verdict_judge(&g, gaussian, &poison, 400, 1, 0, &v, work) == FR_OK);
  CHECK_CLOSE(v.gap, 0.5 * (1.05 * 1.05 - 1.0) - log(1.05), 0.1, 4 * v.gap_se);
  poison = 10;
  CHECK(fr_verdict_judge(&g, gaussian, &poison, 32, 1, 0, &v, work) == FR_OK);
  CHECK(v.finite == 0 && isnan(v.gap) && isnan(v.elbo));
  free(work);
}

void test_program(void)
{
  make_data();
  check_values_and_gradients(1);
  check_values_and_gradients(2);
  check_values_and_gradients(37);
  check_particles_apart();
  check_poll();
  check_vectors(1);
  check_vectors(9);
  check_kept_values();
  check_damage();
  check_wrong_nodes();
  static const int together[] = {1, 2, 3, 4, 8, 9, 13, 35, 44, 61}; /* with and without particles that go one at a time, in one batch and two */
  for (int k = 0; k < (int)(sizeof together / sizeof together[0]); k++) check_blocks(together[k]);
  check_runs();
  check_verdict();
}
