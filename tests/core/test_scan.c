/* test_scan.c: a recursion and the factorisations in one program, against the recursion written out, against central
 * differences, and one particle against many; damage to a loop's body is refused. */
#include "check.h"
#include "program.h"
#include "scan.h"
#include <stdlib.h>

enum { N = 5, D = 5, TERMS = 6 };

/* nodes: 0 data, 1 -Inf, 2 Inf, 3 site a, 4 site M (2 x 2), 5 M'M, 6 I, 7 M'M + I, 8 chol, 9 log_det, 10 b, 11 solve, 12 solve_tri,
 * 13 the recursion x_0 = a, x_t = tanh(a x_(t-1) + y_t); 14 .. 17 targets on 13, 9, 11, 12 */
static int op[] = {FR_OP_CONST, FR_OP_CONST, FR_OP_CONST, FR_OP_SITE_BOUNDED, FR_OP_SITE_BOUNDED, FR_OP_MATMUL, FR_OP_CONST, FR_OP_ADD, FR_OP_CHOL,
                   FR_OP_LOG_DET, FR_OP_CONST, FR_OP_SOLVE, FR_OP_SOLVE_TRI, FR_OP_SCAN, FR_OP_TARGET, FR_OP_TARGET, FR_OP_TARGET, FR_OP_TARGET};
static int len[] = {N, 1, 1, 1, 4, 4, 4, 4, 4, 1, 2, 2, 2, N + 1, 1, 1, 1, 1};
static int arg[] = {1, 2, 1, 2, 4, 4, 5, 6, 7, 7, 7, 10, 8, 10, 3, 0, 3, 13, 9, 11, 12};
static int arg_start[] = {0, 0, 0, 0, 2, 4, 6, 6, 8, 9, 10, 10, 12, 14, 17, 18, 19, 20, 21};
static int ints[] = {0, 1, 2, 0, 0, 1, 1, 2, 2, 2, 1, 0, 3, 2, 2, 4, 2, 1, 2, 1, 1, 0, 0, 2, 3, 4, 5};
static int int_start[] = {0, 1, 2, 3, 5, 7, 12, 13, 13, 14, 15, 16, 18, 22, 23, 24, 25, 26, 27};
/* body: 0 y_t, 1 the last x, 2 a, 3 their product, 4 plus y_t, 5 tanh, 6 its store */
static int body_op[] = {FR_OP_SCAN_INPUT, FR_OP_SCAN_LOAD, FR_OP_SCAN_INPUT, FR_OP_MUL, FR_OP_ADD, FR_OP_TANH, FR_OP_SCAN_STORE};
static int body_len[] = {1, 1, 1, 1, 1, 1, 1};
static int body_arg[] = {1, 2, 3, 0, 4, 5};
static int body_arg_start[] = {0, 0, 0, 0, 2, 4, 5, 6};
static int body_ints[] = {1, 1, 0, 2, 0, 1};
static int body_int_start[] = {0, 2, 3, 5, 5, 5, 5, 6};

static const double y[N] = {0.3, -0.8, 0.5, 1.1, -0.2}, low = -INFINITY, high = INFINITY, unit[] = {1, 0, 0, 1}, b[] = {0.7, -1.3};
static const double *constants[] = {y, &low, &high, unit, b};
static const int constant_len[] = {N, 1, 1, 4, 2};
static int slots[N] = {0, 1, 2, 3, 4};
static const int *index_of[] = {slots};
static const int index_len[] = {N};

static fr_body body;
static fr_program_spec spec;

static void describe(void)
{
  body = (fr_body){.iterations = N, .n_initial = 1,
                   .code = {.n_nodes = 7, .op = body_op, .len = body_len, .arg_start = body_arg_start, .arg = body_arg,
                            .int_start = body_int_start, .ints = body_ints, .n_index = 1, .index = index_of, .index_len = index_len}};
  spec = (fr_program_spec){.d = D, .n_nodes = 18, .n_terms = TERMS, .op = op, .len = len, .arg_start = arg_start, .arg = arg,
                           .int_start = int_start, .ints = ints, .n_consts = 5, .constant = constants, .constant_len = constant_len,
                           .n_index = 1, .index = index_of, .index_len = index_len, .n_bodies = 1, .body = &body};
}

static int evaluate(int S, const double *z, double *lp, double *g, double *terms)
{
  fr_program p;
  int bad;
  void *plan = malloc(fr_program_plan_bytes(&spec));
  int status = fr_program_load(&spec, 0, plan, &p, &bad);
  if (status == FR_OK) {
    double *work = malloc(fr_program_work(&p, S) * sizeof(double));
    status = fr_program_eval(&p, S, (size_t)S, z, lp, g, terms, work);
    free(work);
  }
  free(plan);
  return status;
}

static void check_values(int S)
{
  double z[D * 16], lp[16], g[D * 16], terms[TERMS * 16];
  for (int i = 0; i < D * S; i++) z[i] = 0.4 * sin(1.0 + 3.0 * i);
  CHECK(evaluate(S, z, lp, g, terms) == FR_OK);
  for (int s = 0; s < S; s++) {
    double a = z[s], x = a, sum = a, m[4], c[4], det;
    for (int t = 0; t < N; t++) sum += x = tanh(a * x + y[t]);
    for (int k = 0; k < 4; k++) m[k] = z[(1 + k) * S + s];
    c[0] = m[0] * m[0] + m[1] * m[1] + 1.0;
    c[1] = c[2] = m[0] * m[2] + m[1] * m[3];
    c[3] = m[2] * m[2] + m[3] * m[3] + 1.0;
    det = c[0] * c[3] - c[1] * c[1];
    CHECK_CLOSE(terms[2 * S + s], sum, 1e-14, 1e-14);
    CHECK_CLOSE(terms[3 * S + s], log(det), 1e-13, 1e-14);
    CHECK_CLOSE(terms[4 * S + s], ((c[3] - c[1]) * b[0] + (c[0] - c[1]) * b[1]) / det, 1e-13, 1e-14);
    double r11 = sqrt(c[0]), r12 = c[1] / r11, r22 = sqrt(c[3] - r12 * r12), u2 = b[1] / r22;
    CHECK_CLOSE(terms[5 * S + s], u2 + (b[0] - r12 * u2) / r11, 1e-13, 1e-14);
    for (int j = 0; j < D; j++) {
      double up[D], down[D], lp_up = 0.0, lp_down = 0.0, h = 1e-5;
      for (int k = 0; k < D; k++) up[k] = down[k] = z[k * S + s];
      up[j] += h;
      down[j] -= h;
      CHECK(evaluate(1, up, &lp_up, NULL, NULL) == FR_OK && evaluate(1, down, &lp_down, NULL, NULL) == FR_OK);
      CHECK_CLOSE(g[j * S + s], (lp_up - lp_down) / (2 * h), 1e-7, 1e-7);
    }
  }
}

/* Any entry of the body set to something that cannot be is refused. */
static void check_damage(void)
{
  int *field[] = {body_op, body_len, body_arg, body_ints, slots};
  static const int count[] = {7, 7, 6, 6, N}, values[] = {-1, 1000000};
  double z[D] = {0}, lp;
  int tried = 0, refused = 0;
  for (int f = 0; f < 5; f++)
    for (int i = 0; i < count[f]; i++)
      for (int v = 0; v < 2; v++) {
        int old = field[f][i];
        if (f == 3 && (i == 1 || i == 4)) continue; /* whether an input runs along: checked by its length */
        field[f][i] = values[v];
        tried++;
        refused += evaluate(1, z, &lp, NULL, NULL) != FR_OK;
        field[f][i] = old;
      }
  CHECK(refused == tried);
  body.iterations = 0;
  CHECK(evaluate(1, z, &lp, NULL, NULL) != FR_OK);
  body.iterations = N + 1;
  CHECK(evaluate(1, z, &lp, NULL, NULL) != FR_OK);
  body.iterations = N;
  body.n_initial = 2;
  CHECK(evaluate(1, z, &lp, NULL, NULL) != FR_OK);
  body.n_initial = 1;
  CHECK(evaluate(1, z, &lp, NULL, NULL) == FR_OK);
}

void test_scan(void)
{
  describe();
  check_values(1);
  check_values(2);
  check_values(16);
  check_damage();
}
