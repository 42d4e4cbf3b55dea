/* Six fixed workloads of the core, whose instructions `make bench-counts` counts under callgrind. The core is compiled without R,
 * for one instruction set that valgrind knows.
 *
 *   workloads WORKLOAD REPEATS */
#include <stdio.h>
#include <stdlib.h>
#include "isa.h"
#include "program.h"
#include "rng.h"
#include "svi.h"
#include "tril.h"

static double *doubles(size_t n)
{
  double *x = calloc(n + 8, sizeof(double));
  if (!x) exit(1);
  return x;
}

static double *normals(int n, double scale)
{
  double *x = doubles((size_t)n);
  fr_normals(1, FR_STREAM_CHECK, 0, 0, 1, n, 1, x);
  for (int i = 0; i < n; i++) x[i] *= scale;
  return x;
}

/* ---- regressions: y ~ dist(X b + u[g]), b and u flat; last argument 1 where the distribution has one ---- */

#define ROWS 2000
#define GROUPS 50

static void regression(const char *name, int columns, int grouped, int S, int repeats)
{
  static double low = -INFINITY, high = INFINITY, three = 3.0, unit = 1.0, y[ROWS];
  static int group[ROWS];
  const fr_dist *dist = fr_dist_find(name);
  const double *X = normals(ROWS * columns, 1.0), *e = normals(ROWS, 1.0);
  for (int i = 0; i < ROWS; i++) {
    group[i] = i % GROUPS;
    y[i] = dist->discrete ? (double)(e[i] > 0.0) : e[i];
  }
  /* nodes: bounds, b, u, X, y, X b, u[g], eta, two constants, the density */
  const int t = strcmp(name, "student_t") == 0, d = columns + GROUPS;
  int op[] = {FR_OP_CONST, FR_OP_CONST, FR_OP_SITE_BOUNDED, FR_OP_SITE_BOUNDED, FR_OP_CONST, FR_OP_CONST, FR_OP_MATVEC, FR_OP_GATHER, FR_OP_ADD,
              FR_OP_CONST, FR_OP_CONST, FR_OP_DENSITY};
  int len[] = {1, 1, columns, GROUPS, ROWS * columns, ROWS, ROWS, ROWS, ROWS, 1, 1, 1};
  const int eta = grouped ? 8 : 6;
  int arg[] = {0, 1, 0, 1, 4, 2, 3, 6, 7, 5, t ? 9 : eta, t ? eta : 10, 10}, arg_start[] = {0, 0, 0, 2, 4, 4, 4, 6, 7, 9, 9, 9, 10 + dist->n_args};
  int ints[] = {0, 1, 0, 0, columns, 0, 2, 3, columns, 0, 4, 5, 0, 1}, int_start[] = {0, 1, 2, 4, 6, 7, 8, 9, 10, 10, 11, 12, 14};
  const double *constant[] = {&low, &high, X, y, &three, &unit};
  int constant_len[] = {1, 1, ROWS * columns, ROWS, 1, 1};
  fr_program_spec spec = {.d = d, .n_nodes = 12, .n_terms = 2, .op = op, .len = len, .arg_start = arg_start, .arg = arg, .int_start = int_start,
                          .ints = ints, .n_consts = 6, .constant = constant, .constant_len = constant_len, .n_index = 1,
                          .index = (const int *const[]){group}, .index_len = (int[]){ROWS}, .n_dists = 1, .dist = &dist};
  fr_program p;
  int bad;
  if (fr_program_load(&spec, 0, doubles(fr_program_plan_bytes(&spec) / sizeof(double) + 1), &p, &bad) != FR_OK) {
    printf("node %d is not valid\n", bad);
    exit(1);
  }
  const size_t ld = (size_t)fr_width(S);
  double *z = normals(d * (int)ld, 0.1), *lp = doubles(ld), *g = doubles((size_t)d * ld), *work = doubles(fr_program_work(&p, S));
  for (int k = 0; k < repeats; k++) fr_program_eval(&p, S, ld, z, lp, g, NULL, work);
  if (repeats) printf("%.12g %.12g\n", lp[0], g[0]);
}

/* ---- the guide ---- */

static int flat_density(void *model, int S, size_t ld, const double *z, double *log_prob, double *gradient)
{
  for (int s = 0; s < S; s++) log_prob[s] = 0.0;
  for (size_t i = 0; gradient && i < *(const size_t *)model * ld; i++) gradient[i] = -z[i];
  return FR_OK;
}

static void adam_steps(int repeats)
{
  size_t d = 300, n = fr_svi_theta_size((int)d);
  fr_svi state = {.d = (int)d, .theta = normals((int)n, 0.01), .m1 = doubles(n), .m2 = doubles(n), .lr_factor = 1.0};
  fr_svi_run_spec spec = {.log_density = flat_density, .model = &d, .particles = 8,
                          .optimizer = {.code = FR_ADAM, .lr = 0.01, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8}};
  memset(state.theta + 2 * d, 0, fr_tril_size(d) * sizeof(double));
  double *eps = normals((int)d * 8, 1.0), *work = doubles(fr_svi_work((int)d, 8, 0, &spec.optimizer)), loss = 0.0;
  for (int k = 0; k < repeats; k++) fr_svi_step(&state, &spec, 8, eps, &loss, work);
  if (repeats) printf("%.12g\n", loss);
}

static void draws(int repeats)
{
  double *x = doubles(8 * 2000);
  for (int k = 0; k < repeats; k++) fr_normals(1, FR_STREAM_STEP, (uint64_t)k, 0, 8, 2000, 8, x);
  if (repeats) printf("%.12g\n", x[0]);
}

int main(int argc, char **argv)
{
  const int which = argc > 2 ? atoi(argv[1]) : 0, repeats = argc > 2 ? atoi(argv[2]) : 0;
  if (fr_isa_use(FR_ISA_AVX2) != FR_OK) return 2;
  switch (which) {
  case 1: regression("bernoulli_logit", 20, 0, 8, repeats); break;
  case 2: regression("normal", 20, 0, 1, repeats); break;
  case 3: regression("poisson_log", 2, 1, 8, repeats); break;
  case 4: regression("student_t", 2, 1, 1, repeats); break;
  case 5: adam_steps(repeats); break;
  case 6: draws(repeats); break;
  default: return 1;
  }
  return 0;
}
