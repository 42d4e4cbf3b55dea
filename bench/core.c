/* Measurements of the core, for bench/core.R, which compiles this file together with src/core. Each answers seconds: the
 * least of several runs, since whatever else the machine does can only add. */
#include <R.h>
#include <Rinternals.h>
#include <math.h>
#include <stdlib.h>
#include <time.h>
#include "guide.h"
#include "isa.h"
#include "natural.h"
#include "ops.h"
#include "program.h"
#include "rng.h"
#include "svi.h"
#include "tril.h"
#include "vmath_array.h"

#define RUNS 9

/* Seconds of this thread, so that what others do on the machine is not counted; of the wall when threads are compared. */
static clockid_t clock_in_use = CLOCK_THREAD_CPUTIME_ID;

static double now(void)
{
  struct timespec t;
  clock_gettime(clock_in_use, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Seconds of `statement`: the least of RUNS runs of about a millisecond or more each. */
#define TIME(seconds, statement)                                          \
  do {                                                                    \
    long times_ = 1;                                                      \
    double begin_, took_;                                                 \
    for (;;) {                                                            \
      begin_ = now();                                                     \
      for (long k_ = 0; k_ < times_; k_++) { statement; }                 \
      took_ = now() - begin_;                                             \
      if (took_ > 2e-3) break;                                            \
      times_ *= 4;                                                        \
    }                                                                     \
    (seconds) = took_ / (double)times_;                                   \
    for (int r_ = 1; r_ < RUNS; r_++) {                                   \
      begin_ = now();                                                     \
      for (long k_ = 0; k_ < times_; k_++) { statement; }                 \
      took_ = (now() - begin_) / (double)times_;                          \
      if (took_ < (seconds)) (seconds) = took_;                           \
    }                                                                     \
  } while (0)

static volatile double sink;

static double *doubles(size_t n)
{
  return fr_aligned((double *)R_alloc(n + FR_LANES, sizeof(double)));
}

SEXP bench_isa(SEXP name)
{
  return Rf_ScalarLogical(fr_isa_use(name == R_NilValue ? fr_isa_best() : fr_isa_find(CHAR(STRING_ELT(name, 0)))) == FR_OK);
}

/* ---- (a) limits ---- */

#define FR_EACH_SOURCE "core_limits.h"
#include "isa_each.h"

/* seconds a byte read, `bytes` of them in one stream; seconds a floating-point operation of fused products; seconds an exp in L1 */
SEXP bench_limits(SEXP bytes)
{
  const size_t n = (size_t)Rf_asReal(bytes) / sizeof(double);
  double *x = doubles(n), *y = doubles(256), sum = 0.0, t;
  SEXP out = PROTECT(Rf_allocVector(REALSXP, 3));
  for (size_t i = 0; i < n; i++) x[i] = 1e-3 * (double)(i % 1000);
  TIME(t, FR_CALL_ISA(read_all, (n, x, &sum)));
  REAL(out)[0] = t / (double)(n * sizeof(double));
  double flops = 0.0;
  TIME(t, FR_CALL_ISA(multiply_add, (1000, x, &sum, &flops)));
  REAL(out)[1] = t / flops;
  TIME(t, fr_array_exp(256, x, y));
  REAL(out)[2] = t / 256;
  sink = sum + y[3];
  UNPROTECT(1);
  return out;
}

/* ---- programs ---- */

#define MOST_NODES 24
typedef struct {
  int n, n_args, n_ints, n_consts, op[MOST_NODES], len[MOST_NODES], arg_start[MOST_NODES + 1], arg[64], int_start[MOST_NODES + 1], ints[64];
  int constant_len[MOST_NODES];
  const double *constant[MOST_NODES];
  const fr_dist *dist[1];
} builder;

static int add(builder *b, int op, int len, int n_args, const int *arg, int n_ints, const int *ints)
{
  b->op[b->n] = op;
  b->len[b->n] = len;
  for (int k = 0; k < n_args; k++) b->arg[b->n_args++] = arg[k];
  for (int k = 0; k < n_ints; k++) b->ints[b->n_ints++] = ints[k];
  b->arg_start[++b->n] = b->n_args;
  b->int_start[b->n] = b->n_ints;
  return b->n - 1;
}

static int constant(builder *b, const double *x, int len)
{
  b->constant[b->n_consts] = x;
  b->constant_len[b->n_consts] = len;
  return add(b, FR_OP_CONST, len, 0, NULL, 1, &(int){b->n_consts++});
}
static int site(builder *b, int offset, int len)
{
  static const double low = -INFINITY, high = INFINITY;
  int lower = constant(b, &low, 1), upper = constant(b, &high, 1);
  return add(b, FR_OP_SITE_BOUNDED, len, 2, (int[]){lower, upper}, 2, (int[]){offset, 0});
}
static int unary(builder *b, int op, int x) { return add(b, op, b->len[x], 1, &x, 0, NULL); }
static int binary(builder *b, int op, int x, int y)
{
  return add(b, op, b->len[x] > b->len[y] ? b->len[x] : b->len[y], 2, (int[]){x, y}, 0, NULL);
}

static double *random_normals(size_t n, double scale)
{
  double *x = doubles(n);
  fr_normals(1, FR_STREAM_CHECK, 0, 0, 1, (int)n, 1, x);
  for (size_t i = 0; i < n; i++) x[i] *= scale;
  return x;
}

/* Seconds of value and gradient at S points. */
static double time_program(builder *b, int d, int S, int threads)
{
  fr_program_spec spec = {.d = d, .n_nodes = b->n, .n_terms = 2, .op = b->op, .len = b->len, .arg_start = b->arg_start, .arg = b->arg,
                          .int_start = b->int_start, .ints = b->ints, .n_consts = b->n_consts, .constant = b->constant,
                          .constant_len = b->constant_len, .n_dists = 1, .dist = b->dist};
  fr_program p;
  int bad;
  if (fr_program_load(&spec, 0, R_alloc(fr_program_plan_bytes(&spec), 1), &p, &bad) != FR_OK) Rf_error("node %d is not valid", bad);
  p.threads = threads;
  const size_t ld = (size_t)fr_width(S);
  double *z = random_normals((size_t)d * ld, 0.1), *lp = doubles(ld), *g = doubles((size_t)d * ld), *work = doubles(fr_program_work(&p, S)), t;
  TIME(t, fr_program_eval(&p, S, ld, z, lp, g, NULL, work));
  sink = lp[0] + g[0];
  return t;
}

/* A regression y ~ dist(X b): seconds. family: "bernoulli_logit", "poisson_log" or "normal" (unit scale). threads: 0 for one thread's
 * time, otherwise so many threads' wall time. */
SEXP bench_glm(SEXP family, SEXP X, SEXP y, SEXP p, SEXP S, SEXP threads)
{
  builder b_ = {0}, *b = &b_;
  const int n = LENGTH(y), P = Rf_asInteger(p);
  static const double one = 1.0;
  b->dist[0] = fr_dist_find(CHAR(STRING_ELT(family, 0)));
  int x = constant(b, REAL(X), n * P), at = constant(b, REAL(y), n), unit = constant(b, &one, 1), beta = site(b, 0, P);
  int eta = add(b, FR_OP_MATVEC, n, 2, (int[]){x, beta}, 1, &P);
  add(b, FR_OP_DENSITY, 1, 1 + b->dist[0]->n_args, (int[]){at, eta, unit}, 2, (int[]){0, 1});
  clock_in_use = Rf_asInteger(threads) > 0 ? CLOCK_MONOTONIC : CLOCK_THREAD_CPUTIME_ID;
  double seconds = time_program(b, P, Rf_asInteger(S), Rf_asInteger(threads) > 1 ? Rf_asInteger(threads) : 1);
  clock_in_use = CLOCK_THREAD_CPUTIME_ID;
  return Rf_ScalarReal(seconds);
}

/* ---- programs against C written by hand ---- */

/* Value and gradient at (a, b) of the sums over rows of kind 0: y eta - exp(eta); 1: the density of normal(eta, 1);
 * 2: -(y - eta)^2, eta = a + b x. */
static __attribute__((noinline)) void by_hand(int kind, int n, const double *x, const double *y, double a, double b, double *out)
{
  double lp = 0.0, g0 = 0.0, g1 = 0.0;
  switch (kind) {
  case 0:
    for (int i = 0; i < n; i++) {
      double eta = a + b * x[i], mu = exp(eta), r = y[i] - mu;
      lp += y[i] * eta - mu;
      g0 += r;
      g1 += r * x[i];
    }
    break;
  case 1:
    for (int i = 0; i < n; i++) {
      double r = y[i] - (a + b * x[i]);
      lp += -0.5 * r * r - FR_LOG_SQRT_2PI;
      g0 += r;
      g1 += r * x[i];
    }
    break;
  default:
    for (int i = 0; i < n; i++) {
      double r = y[i] - (a + b * x[i]);
      lp -= r * r;
      g0 += 2.0 * r;
      g1 += 2.0 * r * x[i];
    }
  }
  out[0] = lp;
  out[1] = g0;
  out[2] = g1;
}

/* Seconds: the program, and the loop written by hand, at S points. */
SEXP bench_general(SEXP kind_, SEXP n_, SEXP S_)
{
  builder b_ = {0}, *b = &b_;
  const int kind = Rf_asInteger(kind_), n = Rf_asInteger(n_), S = Rf_asInteger(S_);
  static const double unit = 1.0;
  double *x = random_normals((size_t)n, 1.0), *y = random_normals((size_t)n, 2.0), out[3], t;
  b->dist[0] = fr_dist_find("normal");
  int cx = constant(b, x, n), cy = constant(b, y, n), one = constant(b, &unit, 1);
  int intercept = site(b, 0, 1), slope = site(b, 1, 1), eta = binary(b, FR_OP_ADD, intercept, binary(b, FR_OP_MUL, slope, cx));
  if (kind == 0) {
    int term = binary(b, FR_OP_SUB, binary(b, FR_OP_MUL, cy, eta), unary(b, FR_OP_EXP, eta));
    add(b, FR_OP_TARGET, 1, 1, &term, 1, &(int){1});
  } else if (kind == 1) {
    add(b, FR_OP_DENSITY, 1, 3, (int[]){cy, eta, one}, 2, (int[]){0, 1});
  } else {
    int term = unary(b, FR_OP_NEG, unary(b, FR_OP_SQUARE, binary(b, FR_OP_SUB, cy, eta)));
    add(b, FR_OP_TARGET, 1, 1, &term, 1, &(int){1});
  }
  SEXP answer = PROTECT(Rf_allocVector(REALSXP, 2));
  REAL(answer)[0] = time_program(b, 2, S, 1);
  TIME(t, by_hand(kind, n, x, y, 0.1, 0.2 + 1e-9 * sink, out); sink = out[0]);
  REAL(answer)[1] = t * S;
  UNPROTECT(1);
  return answer;
}

/* ---- the guide ---- */

static int no_model(void *model, int S, size_t ld, const double *z, double *log_prob, double *gradient)
{
  const int d = *(const int *)model;
  for (int s = 0; s < S; s++) log_prob[s] = 0.0;
  for (size_t i = 0; gradient && i < (size_t)d * ld; i++) gradient[i] = -1e-3 * z[i];
  return FR_OK;
}

/* Seconds of a whole natural-gradient step from S particles, S / 2 antithetic pairs: sample, whiten, move. */
static double natural_step(int d, int S)
{
  const size_t n = (size_t)d, P = (size_t)S / 2;
  double *loc = random_normals(n, 1e-3), *factor = doubles(n * n), *mean = doubles(n), *e = random_normals(n * P, 1.0), loss, t;
  memset(factor, 0, n * n * sizeof(double));
  for (size_t i = 0; i < n; i++) factor[i * n + i] = 1.0;
  fr_natural state = {.d = d, .loc = loc, .factor = factor, .mean_gradient = mean};
  fr_natural_spec spec = {.log_density = no_model, .model = &d, .pairs = (int)P};
  state.c.phase = FR_NATURAL_CONVERGED;
  double *work = doubles(fr_natural_work(d, (int)P));
  TIME(t, state.c.updates = 0.0; fr_natural_step(&state, &spec, (int)P, P, e, &loss, work));
  sink = loss;
  return t;
}

/* Seconds: to read a packed triangle once; to sample; a whole step of Adam (its sample included); of natural gradients, for S > 1. */
SEXP bench_guide(SEXP d_, SEXP S_)
{
  int d = Rf_asInteger(d_), S = Rf_asInteger(S_);
  const size_t n = fr_svi_theta_size(d), ld = (size_t)fr_width(S), L = fr_tril_size((size_t)d);
  double *theta = doubles(n), *m1 = doubles(n), *m2 = doubles(n), *scale = doubles((size_t)d);
  double *eps = random_normals((size_t)d * ld, 1.0), *t_eps = doubles((size_t)d * ld), *z = doubles((size_t)d * ld), sum, loss, t;
  for (size_t i = 0; i < n; i++) theta[i] = 1e-3, m1[i] = m2[i] = 0.0;
  fr_guide guide = fr_svi_guide(d, theta);
  fr_guide_constrain(d, guide.scale_unconstrained, scale);
  SEXP out = PROTECT(Rf_allocVector(REALSXP, 4));
  TIME(t, FR_CALL_ISA(read_all, (L, guide.tril, &sum)));
  REAL(out)[0] = t;
  TIME(t, fr_guide_sample(&guide, scale, S, ld, eps, t_eps, z));
  REAL(out)[1] = t;
  fr_svi state = {.d = d, .theta = theta, .m1 = m1, .m2 = m2, .lr_factor = 1.0};
  fr_svi_run_spec spec = {.log_density = no_model, .model = &d, .particles = S,
                          .optimizer = {.code = FR_ADAM, .lr = 1e-6, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8}};
  double *work = doubles(fr_svi_work(d, S, 0, &spec.optimizer));
  TIME(t, fr_svi_step(&state, &spec, ld, eps, &loss, work));
  REAL(out)[2] = t;
  REAL(out)[3] = S > 1 ? natural_step(d, S) : NA_REAL;
  sink = sum + loss;
  UNPROTECT(1);
  return out;
}
