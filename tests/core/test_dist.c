/* test_dist.c: the table of distributions: lanes, modes and edges of the row kernels, and log densities at extremes
 * against 60-digit arithmetic (mpmath). Events are in test_dist_events.c. */
#include "check.h"
#include "dist.h"
#include "saddle.h"
#include "special.h"

#define ROWS 19
#define GUARD 777.25

/* ---- random calls ---- */

/* A valid value of a support; `size` bounds counts. */
static double random_value(fr_rng *rng, int support, double size)
{
  switch (support) {
  case FR_SUP_POSITIVE: return exp(fr_rng_normal(rng));
  case FR_SUP_NONNEGATIVE: return exp(fr_rng_normal(rng));
  case FR_SUP_UNIT: case FR_SUP_OPEN_UNIT: return fr_rng_uniform(rng);
  case FR_SUP_BINARY: return fr_rng_uniform(rng) < 0.5;
  case FR_SUP_COUNT: return floor(1.0 + 20.0 * fr_rng_uniform(rng));
  case FR_SUP_COUNT_TO_SIZE: return floor((size + 1.0) * fr_rng_uniform(rng));
  default: return fr_rng_normal(rng);
  }
}

/* Operand j of a distribution: arguments first, so that sizes are known. Between two bounds a value is in any
 * row's and particle's: bounds are -2 - u and 2 + u; above a lower bound alone it is large. */
static double random_operand(const fr_dist *dist, fr_rng *rng, int j, const double *arg)
{
  if (j == 0 && dist->support == FR_SUP_BOUNDED) return (dist->upper_arg < 0 ? 100.0 : 0.0) + 4.0 * fr_rng_uniform(rng) - 2.0;
  if (j == 0) return random_value(rng, dist->support, dist->size_arg >= 0 ? arg[dist->size_arg] : 0.0);
  if (j - 1 == dist->upper_arg) return 2.0 + fr_rng_uniform(rng);
  if (j - 1 == dist->lower_arg && dist->upper_arg >= 0) return -2.0 - fr_rng_uniform(rng);
  return random_value(rng, dist->arg[j - 1].support, 0.0);
}

/* Values of all operands for ROWS rows x 16 lanes. */
typedef struct { double v[1 + FR_DIST_MAX_ARGS][ROWS * 16]; } dist_values;

static void random_values(const fr_dist *dist, uint32_t key, dist_values *out)
{
  fr_rng rng;
  fr_rng_init(&rng, 5, FR_STREAM_CHECK, key, 0);
  for (int e = 0; e < ROWS * 16; e++) {
    double arg[FR_DIST_MAX_ARGS];
    for (int j = dist->n_args; j >= 0; j--) {
      double x = random_operand(dist, &rng, j, arg);
      if (j > 0) arg[j - 1] = x;
      out->v[j][e] = x;
    }
  }
}

static int has_adjoint(const fr_dist *dist, int j) { return j == 0 ? !dist->discrete : !dist->arg[j - 1].data_only; }

/* ---- one evaluation, with guards around everything that is written ---- */

typedef struct {
  double lp[16 + 2], out[ROWS * 16 + 2], a[1 + FR_DIST_MAX_ARGS][ROWS * 16 + 2];
} dist_result;

enum mode { MODE_TOTAL, MODE_FORWARD, MODE_REVERSE };

/* fixed: bit j set when operand j is the same for all rows. v: operands of rows x W. */
static void evaluate(const fr_dist *dist, const dist_values *v, int rows, int W, unsigned fixed, int mode,
                     const double *out_bar, dist_result *r)
{
  fr_rows call = {.rows = rows, .W = W};
  for (int e = 0; e < ROWS * 16 + 2; e++) {
    r->out[e] = e == 0 || e > rows * W ? GUARD : 0.0;
    for (int j = 0; j <= FR_DIST_MAX_ARGS; j++) r->a[j][e] = e == 0 || e > ((fixed >> j & 1u) ? 1 : rows) * W ? GUARD : 0.5;
  }
  for (int e = 0; e < 18; e++) r->lp[e] = e == 0 || e > W ? GUARD : 0.25;
  for (int j = 0; j <= dist->n_args; j++)
    call.v[j] = (fr_operand){v->v[j], has_adjoint(dist, j) ? r->a[j] + 1 : NULL, !(fixed >> j & 1u), 1};
  if (mode == MODE_TOTAL) call.lp = r->lp + 1;
  else call.out = r->out + 1;
  if (mode == MODE_REVERSE) call.out_bar = out_bar;
  dist->rows(&call);
}

static int guards_hold(const dist_result *r, int n_args, int rows, int W, unsigned fixed)
{
  int ok = r->lp[0] == GUARD && r->out[0] == GUARD;
  for (int e = W + 1; e < 18; e++) ok = ok && r->lp[e] == GUARD;
  for (int e = rows * W + 1; e < ROWS * 16 + 2; e++) ok = ok && r->out[e] == GUARD;
  for (int j = 0; j <= n_args; j++)
    for (int e = ((fixed >> j & 1u) ? 1 : rows) * W + 1; e < ROWS * 16 + 2; e++) ok = ok && r->a[j][e] == GUARD;
  return ok;
}

/* Lane s of a 16-lane set as W lanes, all copies. */
static void take_lane(const dist_values *from, int s, int W, dist_values *to)
{
  for (int j = 0; j <= FR_DIST_MAX_ARGS; j++)
    for (int i = 0; i < ROWS; i++)
      for (int l = 0; l < W; l++) to->v[j][i * W + l] = from->v[j][i * 16 + s];
}

/* A particle's numbers depend on no other: lane s of 16 has the bits of that particle in 8 copies, and those
 * of the path for one particle to rounding. */
static void check_lanes(const fr_dist *dist, const dist_values *v, int rows, unsigned fixed)
{
  static dist_values lane;
  static dist_result all, eight, one;
  int same = 1, near = 1, guards = 1;
  evaluate(dist, v, rows, 16, fixed, MODE_TOTAL, NULL, &all);
  guards = guards && guards_hold(&all, dist->n_args, rows, 16, fixed);
  for (int s = 0; s < 16; s += 5) {
    take_lane(v, s, 8, &lane);
    evaluate(dist, &lane, rows, 8, fixed, MODE_TOTAL, NULL, &eight);
    take_lane(v, s, 1, &lane);
    evaluate(dist, &lane, rows, 1, fixed, MODE_TOTAL, NULL, &one);
    guards = guards && guards_hold(&one, dist->n_args, rows, 1, fixed) && guards_hold(&eight, dist->n_args, rows, 8, fixed);
    same = same && all.lp[1 + s] == eight.lp[1 + 3];
    near = near && fabs(one.lp[1] - eight.lp[1]) <= 1e-13 * (rows + fabs(one.lp[1]));
    for (int j = 0; j <= dist->n_args; j++)
      for (int i = 0; i < ((fixed >> j & 1u) ? 1 : rows); i++) {
        double a = eight.a[j][1 + i * 8 + 3], b = one.a[j][1 + i];
        same = same && all.a[j][1 + i * 16 + s] == a;
        near = near && fabs(a - b) <= 1e-12 * (rows + fabs(b));
      }
  }
  if (!CHECK(guards) || !CHECK(same) || !CHECK(near)) printf("  %s, %d rows, fixed %u\n", dist->name, rows, fixed);
}

/* Forward and reverse visits against the visit that does both. */
static void check_modes(const fr_dist *dist, const dist_values *v, int rows, int W, unsigned fixed)
{
  static dist_result total, forward, reverse;
  static double bar[ROWS * 16];
  int ok = 1;
  for (int e = 0; e < rows * W; e++) bar[e] = 1.0;
  evaluate(dist, v, rows, W, fixed, MODE_TOTAL, NULL, &total);
  evaluate(dist, v, rows, W, fixed, MODE_FORWARD, NULL, &forward);
  evaluate(dist, v, rows, W, fixed, MODE_REVERSE, bar, &reverse);
  ok = ok && guards_hold(&forward, dist->n_args, rows, W, fixed) && guards_hold(&reverse, dist->n_args, rows, W, fixed);
  for (int s = 0; s < W; s++) {
    double sum = 0.25;
    for (int i = 0; i < rows; i++) sum += forward.out[1 + i * W + s];
    ok = ok && fabs(sum - total.lp[1 + s]) <= 1e-13 * (rows + fabs(sum));
  }
  for (int j = 0; j <= dist->n_args; j++)
    for (int e = 0; e < ((fixed >> j & 1u) ? 1 : rows) * W; e++)
      ok = ok && forward.a[j][1 + e] == 0.5 && reverse.a[j][1 + e] == total.a[j][1 + e];
  if (!CHECK(ok)) printf("  %s, %d rows, W %d, fixed %u\n", dist->name, rows, W, fixed);
}

/* A value that is data (one number for all lanes) gives what its copies give. */
static void check_data_value(const fr_dist *dist, const dist_values *v)
{
  static dist_values copies;
  double data[ROWS], lp[8] = {0}, want[8] = {0};
  fr_rows call = {.rows = ROWS, .W = 8, .lp = lp};
  int ok = 1;
  take_lane(v, 0, 8, &copies);
  for (int j = 0; j <= dist->n_args; j++) call.v[j] = (fr_operand){copies.v[j], NULL, 1, 1};
  fr_rows plain = call;
  plain.lp = want;
  for (int i = 0; i < ROWS; i++) data[i] = v->v[0][i * 16];
  call.v[0] = (fr_operand){data, NULL, 1, 0};
  dist->rows(&call);
  dist->rows(&plain);
  for (int s = 0; s < 8; s++) ok = ok && lp[s] == want[s];
  if (!CHECK(ok)) printf("  %s\n", dist->name);
}

static void test_rows(const fr_dist *dist, uint32_t key)
{
  static dist_values v;
  static const int rows[] = {1, 7, 8, 9, ROWS};
  random_values(dist, key, &v);
  for (unsigned fixed = 0; fixed < 1u << (dist->n_args + 1); fixed++) {
    /* a count stays below its size: the size is shared only if the count is too */
    if (dist->size_arg >= 0 && (fixed & 1u) != (fixed >> (dist->size_arg + 1) & 1u)) continue;
    for (int k = 0; k < 5; k++) {
      check_lanes(dist, &v, rows[k], fixed);
      check_modes(dist, &v, rows[k], 1, fixed);
      check_modes(dist, &v, rows[k], 16, fixed);
    }
  }
  check_data_value(dist, &v);
}

/* ---- a lane that nothing depends on ---- */

static void test_zero_adjoint(void)
{
  double x[3] = {-1.0, 2.0, 0.0}, rate = 1.5, a[3] = {0}, a_rate = 0.0, bar[3] = {0.0, 1.0, 0.0};
  double shape = 0.5, a_shape = 0.0;
  fr_rows call = {.rows = 3, .W = 1, .out_bar = bar};
  call.v[0] = (fr_operand){x, a, 1, 1};
  call.v[1] = (fr_operand){&shape, &a_shape, 0, 1};
  call.v[2] = (fr_operand){&rate, &a_rate, 0, 1};
  fr_dist_find("gamma")->rows(&call);
  CHECK(a[0] == 0.0 && a[2] == 0.0);
  CHECK_NEAR(a[1], -0.25 - 1.5, 1e-15);
  CHECK_NEAR(a_shape, log(3.0) - fr_digamma(0.5), 1e-14);
  CHECK_NEAR(a_rate, 0.5 / 1.5 - 2.0, 1e-15);
}

/* ---- extremes ---- */

typedef struct { const char *name; double v[4], lp, d[4]; } golden;

static const golden goldens[] = {
  {"student_t", {2.5, 1000000.0, 0.3, 0.7}, -5.501019896878219, {-4.4897560603687104, -1.9202455578321589e-11, 4.4897560603687104, 12.682090475444519}},
  {"student_t", {1000000000.0, 1000000000000.0, 0.0, 1000000000.0}, -22.142204370151584, {-1.0e-9, 4.9999999999983334e-25, 1.0e-9, 2.4892061111444567e-49}},
  {"student_t", {1e+200, 3.5, 0.0, 1.0}, -2070.497340606786, {-4.5000000000000001e-200, -459.22810010802302, 0.0, 3.5}},
  {"student_t", {0.2, 50.0, 0.1, 2.0}, -1.6183603487171533, {-0.025498725063746814, 0.00010047936601579327, 0.025498725063746814, -0.49872506374681266}},
  {"student_t", {1.1, 0.001, 1.0, 0.0001}, -5.3093717362143316, {-10.009999989989991, 989.44604096640364, 10.009999989989991, 9.9999899900000097}},
  {"cauchy", {1e+200, 1.0, 2.0}, -921.48561990290773, {-2.0000000000000001e-200, 0.0, 0.5}},
  {"logistic", {1.000000001, 1.0, 1.0}, -1.3862943611198906, {-5.000000413701855e-10, 5.000000413701855e-10, -1.0}},
  {"logistic", {800.0, 0.0, 0.5}, -1599.3068528194401, {-2.0, 2.0, 3198.0}},
  {"gamma", {0.001, 1000000.0, 1001000000.0}, 12.396905024959414, {-1001000.0000000208, 0.0010000003331668873, -9.9900099900101982e-7}},
  {"gamma", {2000000.0, 1000000.0, 0.49}, -211.22715859552886, {0.0099995000000000089, -0.020202207317436133, 40816.326530612282}},
  {"gamma", {1e-200, 0.001, 2.0}, 453.15001584200703, {-9.9900000000000002e+199, 540.75170051356109, 0.00050000000000000001}},
  {"gamma", {30.0, 12.5, 0.4}, -3.0742117712485972, {-0.016666666666666689, -0.00028900148691168241, 1.2499999999999983}},
  {"inverse_gamma", {1001.0, 1000000.0, 1000000000.0}, -1.4192721994052554, {-0.99900199700399501, -0.00099900033300019983, 9.99000999000999e-7}},
  {"inverse_gamma", {1e-05, 2.5, 1e-07}, -0.29468287047291956, {-348999.99999999997, -5.3083268266333347, 24900000.000000001}},
  {"pareto", {1.0000009536743164, 1.0, 1000000.0}, 12.861835742631224, {-1000000.0463256394, 1000000.0, 4.6326138340811766e-8}},
  {"beta", {0.3, 300000.0, 700000.0}, 6.769140306417735, {-1.9047619047090371, 1.1666675092222518e-6, 2.1428580103626849e-7}},
  {"beta", {1e-08, 0.5, 1000000.0}, 15.53573059298362, {-50999999.009999989, -2.6416601599666262, 4.9000012495e-7}},
  {"beta", {0.999, 500.0, 1.5}, 5.4903165796940312, {-0.50050050050005597, 0.0019980016641684641, -0.72763898587396894}},
  {"poisson", {1000000.0, 999000.0}, -8.3270274790536433, {0, 0.001001001001001001}},
  {"poisson", {1000000.0, 1000.0}, -5908763.1056760326, {0, 999.0}},
  {"poisson", {257.0, 250.0}, -3.7908987571780997, {0, 0.028}},
  {"poisson_log", {1000000.0, 13.8}, -127.49588720459796, {0, 15390.888770964316}},
  {"poisson_log", {1000000.0, -5.0}, -17815518.391396117, {0, 999999.993262053}},
  {"poisson_log", {3.0, -1000.0}, -3001.7917594692281, {0, 3.0}},
  {"binomial", {300000.0, 1000000.0, 0.3001}, -7.0701767529230312, {0, 0, -476.09981318308903}},
  {"binomial", {3.0, 1000000.0, 1e-06}, -2.7917599692293884, {0, 0, 2000002.0000020001}},
  {"binomial", {999999.0, 1000000.0, 0.5}, -693133.36504938735, {0, 0, 1999996.0}},
  {"binomial_logit", {300000.0, 1000000.0, -0.85}, -7.8127575539269187, {0, 0, 567.14247397294544}},
  {"binomial_logit", {300000.0, 1000000.0, 40.0}, -27389142.744315358, {0, 0, -700000.0}},
  {"binomial_logit", {2.0, 1000000.0, -1000.0}, -1973.0621270646319, {0, 0, 2.0}},
  {"binomial_logit", {7.0, 9.0, 30.0}, -56.416481061544732, {0, 0, -1.9999999999991578}},
  {"beta_binomial", {300000.0, 1000000.0, 3000000.0, 7000000.0}, -7.0940253442986294, {0, 0, 1.0606062068411387e-8, 1.9480520985832349e-9}},
  {"beta_binomial", {3.0, 10.0, 100000000.0, 200000000.0}, -1.3466008949794336, {0, 0, -3.3333331333333389e-9, 1.6666666416666675e-9}},
  {"beta_binomial", {0.0, 1000000.0, 0.001, 100000.0}, -0.0023978998137157012, {0, 0, -2.3978998091702218, 9.0909586282652159e-9}},
  {"beta_binomial", {1000000.0, 1000000.0, 2.0, 1e-06}, -1.3392727400398257e-5, {0, 0, 6.4493286479290557e-7, -13.392727077931859}},
  {"beta_binomial", {400.0, 1000.0, 0.5, 0.5}, -7.339447820239305, {0, 0, 0.46950397299544239, 0.87496893642790941}},
  {"beta_binomial", {5.0, 20.0, 1e-08, 3.0}, -20.559881482247007, {0, 0, 99999999.89252007, -0.25126072407154772}},
};

static void test_goldens(void)
{
  for (size_t g = 0; g < sizeof goldens / sizeof goldens[0]; g++) {
    const fr_dist *dist = fr_dist_find(goldens[g].name);
    double lp = 0.0, a[4] = {0.0};
    const double *arg[FR_DIST_MAX_ARGS];
    fr_rows call = {.rows = 1, .W = 1, .lp = &lp};
    for (int j = 0; j <= dist->n_args; j++) {
      call.v[j] = (fr_operand){&goldens[g].v[j], has_adjoint(dist, j) ? &a[j] : NULL, 1, 1};
      if (j > 0) arg[j - 1] = &goldens[g].v[j];
    }
    dist->rows(&call);
    if (dist->base) lp += dist->base(1, goldens[g].v, arg);
    int ok = CHECK_CLOSE(lp, goldens[g].lp, 1e-13, 1e-13);
    for (int j = 0; j <= dist->n_args; j++) ok &= CHECK_CLOSE(a[j], goldens[g].d[j], 1e-10, 2e-14);
    if (!ok) printf("  %s, line %d of the table\n", dist->name, (int)g);
  }
}

/* ---- the table ---- */

static int has_vector_args(const fr_dist *dist)
{
  for (int a = 0; a < dist->n_args; a++)
    if (dist->arg[a].event != FR_SCALAR) return 1;
  return 0;
}

static void test_table(void)
{
  CHECK(fr_dist_find("no such") == NULL);
  for (int i = 0; i < fr_n_dists; i++) {
    const fr_dist *dist = fr_dists[i];
    int ok = fr_dist_find(dist->name) == dist && dist->n_args <= FR_DIST_MAX_ARGS;
    ok = ok && (dist->event != FR_SCALAR || has_vector_args(dist) ? !dist->rows && dist->events : dist->rows && !dist->events);
    ok = ok && dist->sample && dist->mean && dist->lower_arg < dist->n_args && dist->upper_arg < dist->n_args;
    ok = ok && (dist->support == FR_SUP_BOUNDED) == (dist->lower_arg >= 0 || dist->upper_arg >= 0);
    ok = ok && (dist->size_arg < 0 || dist->arg[dist->size_arg].data_only);
    for (int a = 0; a < dist->n_args; a++) ok = ok && dist->arg[a].name;
    if (!CHECK(ok)) printf("  %s\n", dist->name);
  }
}

/* Draws of huge counts stay near their mean; invalid arguments give NaN. */
static void test_samples(void)
{
  fr_rng rng;
  double out, rate = 1e12, size = 1e12, prob = 0.25, minus = -1.0;
  for (uint32_t i = 0; i < 200; i++) {
    fr_rng_init(&rng, 1, FR_STREAM_PRIOR, i, 0);
    fr_dist_find("poisson")->sample(1, (const double *[]){&rate}, &rng, &out, NULL);
    CHECK(out == floor(out) && fabs(out - rate) < 6e6);
    fr_dist_find("binomial")->sample(1, (const double *[]){&size, &prob}, &rng, &out, NULL);
    CHECK(out == floor(out) && fabs(out - size * prob) < 6.0 * sqrt(size * prob * 0.75));
  }
  for (int i = 0; i < fr_n_dists; i++) {
    const fr_dist *dist = fr_dists[i];
    if (!dist->rows || dist->n_args != 1 || dist->arg[0].support == FR_SUP_REAL) continue;
    dist->sample(1, (const double *[]){&minus}, &rng, &out, NULL);
    CHECK(isnan(out));
    dist->mean(1, (const double *[]){&minus}, &out, NULL);
    CHECK(isnan(out));
  }
}

void test_dist(void)
{
  test_table();
  for (int i = 0; i < fr_n_dists; i++)
    if (fr_dists[i]->rows) test_rows(fr_dists[i], (uint32_t)i);
  test_zero_adjoint();
  test_goldens();
  test_samples();
}
