/* test_dist_events.c: densities of vector and matrix events: strides, adjoints, workspaces, draws, sizes of 1 and 0, and
 * symmetric matrices. */
#include "check.h"
#include "dist.h"
#include "symmetric.h"

#define GUARD 777.25
#define PAIRS 4 /* of neighbours */

/* A density of N = 2 events with one set of arguments, against one event at a time with arguments of its own;
 * the adjoints of shared arguments are sums, bar scales them, and they are added to what is there. */
static void check_events(const char *name, int K, const double *x, const double *const *arg)
{
  const fr_dist *dist = fr_dist_find(name);
  long size = fr_event_size(dist->event, K, 1), shared[3] = {0, 0, 0};
  double work[64], dx[64], dx1[64], da[3][64], da1[3][64], lp1 = 0.0, w = -1.5;
  double *darg[3] = {da[0], da[1], da[2]}, *darg1[3] = {da1[0], da1[1], da1[2]}, *none[3] = {NULL, NULL, NULL};
  int ok = 1;
  CHECK(fr_dist_work(dist, K) <= 60);
  for (int a = 0; a < dist->n_args; a++) {
    if (dist->arg[a].event == FR_WHOLE) shared[a] = PAIRS;
    if (dist->arg[a].data_only) darg[a] = darg1[a] = NULL;
  }
  for (int e = 0; e < 64; e++) {
    dx[e] = da[0][e] = da[1][e] = da[2][e] = 0.5;
    dx1[e] = da1[0][e] = da1[1][e] = da1[2][e] = 0.0;
  }
  for (int e = 0; e < 64; e++) work[e] = GUARD;
  double lp = dist->events(2, K, x, arg, shared, w, dist->discrete ? NULL : dx, darg, work);
  for (size_t e = fr_dist_work(dist, K); e < 64; e++) ok = ok && work[e] == GUARD;
  for (int i = 0; i < 2; i++)
    lp1 += dist->events(1, K, x + i * size, arg, shared, 1.0, dist->discrete ? NULL : dx1 + i * size, darg1, work);
  ok = ok && isfinite(lp) && fabs(lp - lp1) <= 1e-13 * (1.0 + fabs(lp));
  ok = ok && dist->events(2, K, x, arg, shared, 1.0, NULL, none, work) == lp;
  ok = ok && dist->events(0, K, x, arg, shared, 1.0, NULL, none, work) == 0.0;
  for (int e = 0; e < 64; e++) {
    ok = ok && (dist->discrete || fabs(dx[e] - 0.5 - w * dx1[e]) < 1e-12);
    for (int a = 0; a < dist->n_args; a++) ok = ok && (!darg[a] || fabs(da[a][e] - 0.5 - w * da1[a][e]) < 1e-12);
  }
  /* an adjoint of 0 adds nothing */
  lp1 = dist->events(2, K, x, arg, shared, 0.0, dist->discrete ? NULL : dx1, darg1, work);
  for (int e = 0; e < 64; e++) dx[e] = dx1[e];
  dist->events(2, K, x, arg, shared, 0.0, dist->discrete ? NULL : dx1, darg1, work);
  for (int e = 0; e < 64; e++) ok = ok && dx[e] == dx1[e];
  ok = ok && lp1 == lp;
  if (!CHECK(ok)) printf("  %s\n", name);
}

/* Draws and means write their event and their workspace, and no more. */
static void check_draws(const char *name, int K, const double *const *arg)
{
  const fr_dist *dist = fr_dist_find(name);
  long size = fr_event_size(dist->event, K, 1);
  double out[16], work[64];
  fr_rng rng;
  int ok = 1;
  fr_rng_init(&rng, 1, FR_STREAM_PRIOR, 0, 0);
  for (int pass = 0; pass < 2; pass++) {
    for (int e = 0; e < 16; e++) out[e] = GUARD;
    for (int e = 0; e < 64; e++) work[e] = GUARD;
    if (pass == 0) dist->sample(K, arg, &rng, out, work);
    else dist->mean(K, arg, out, work);
    for (long e = 0; e < size; e++) ok = ok && out[e] != GUARD && (strcmp(name, "icar") == 0) == isnan(out[e]);
    for (long e = size; e < 16; e++) ok = ok && out[e] == GUARD;
    for (size_t e = fr_dist_work(dist, K); e < 64; e++) ok = ok && work[e] == GUARD;
  }
  if (!CHECK(ok)) printf("  draws of %s\n", name);
}

static void check_both(const char *name, int K, const double *x, const double *const *arg)
{
  check_events(name, K, x, arg);
  check_draws(name, K, arg);
}

/* Vectors and matrices of K = 3, and the top left of the same for K = 1, where all is a number. */
static void test_multivariate(void)
{
  static const double L[9] = {1.0, 0.5, -0.3, NAN, 0.8, 0.2, NAN, NAN, 1.2}, S[9] = {2, 0.6, -0.4, 0.6, 1, 0.3, -0.4, 0.3, 0.5};
  static const double loc[3] = {0.1, 0.2, 0.3}, x[6] = {1.0, 0.0, -1.0, 0.4, 0.5, 2.0}, df = 3.7, scale = 0.8, coef = -0.6, eta = 1.7;
  static const double corr[18] = {1, 0.6, 0.3, 0.6, 1, 0.4, 0.3, 0.4, 1, 1, 0, 0.1, 0, 1, -0.5, 0.1, -0.5, 1};
  static const double spread[18] = {3, 1, 0, 1, 2, 0.5, 0, 0.5, 1, 1, 0, 0.1, 0, 1, -0.5, 0.1, -0.5, 4};
  static const double node1[PAIRS] = {1, 2, 3, 1}, node2[PAIRS] = {2, 3, 1, 3}, only[PAIRS] = {1, 1, 1, 1}, ones[2] = {1, 1};
  for (int K = 1; K <= 3; K += 2) {
    check_both("multi_normal", K, x, (const double *[]){loc, S});
    check_both("multi_normal_cholesky", K, x, (const double *[]){loc, L});
    check_both("multi_normal_precision", K, x, (const double *[]){loc, S});
    check_both("multi_student_t", K, x, (const double *[]){&df, loc, L});
    check_both("gaussian_random_walk", K, x, (const double *[]){&scale});
    check_both("ar1", K, x, (const double *[]){&coef, &scale});
    check_both("icar", K, x, K == 1 ? (const double *[]){only, only} : (const double *[]){node1, node2});
    check_both("lkj_corr", K, K == 1 ? ones : corr, (const double *[]){&eta});
    check_both("wishart", K, spread, (const double *[]){&df, S});
  }
  static const double large = 9.0;
  check_both("inverse_wishart", 3, spread, (const double *[]){&large, S});
  check_both("inverse_wishart", 1, spread, (const double *[]){&large, S});
}

/* Events without elements: a sum over nothing. */
static void test_no_elements(void)
{
  static const double nothing[1] = {GUARD}, one = 1.0, half = 0.5;
  static const char *const names[] = {"multi_normal", "multi_normal_cholesky", "multi_normal_precision", "gaussian_random_walk", "ar1",
                                      "icar", "lkj_corr_cholesky", "lkj_corr", "wishart", "inverse_wishart"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    const fr_dist *dist = fr_dist_find(names[i]);
    const double *arg[2] = {dist->arg[0].event == FR_SCALAR ? &half : nothing, dist->arg[1].event == FR_SCALAR ? &one : nothing};
    long shared[2] = {0, 0};
    double *none[2] = {NULL, NULL}, work[8], out = GUARD;
    fr_rng rng;
    fr_rng_init(&rng, 1, FR_STREAM_PRIOR, 0, 0);
    if (!CHECK_NEAR_ABS(dist->events(1, 0, nothing, arg, shared, 1.0, NULL, none, work), 0.0, 0.0)) printf("  %s\n", names[i]);
    if (dist == fr_dist_find("lkj_corr_cholesky")) continue;
    dist->sample(0, arg, &rng, &out, work);
    CHECK(out == GUARD);
  }
}

/* Against 60-digit arithmetic (mpmath): log density and derivative in df. */
static void test_large_df(void)
{
  static const double S[9] = {2, 0.6, -0.4, 0.6, 1, 0.3, -0.4, 0.3, 0.5}, B[9] = {2.01, 0.6, -0.39, 0.6, 1.02, 0.3, -0.39, 0.3, 0.499};
  static const double L[9] = {1, 0.5, -0.3, 0, 0.8, 0.2, 0, 0, 1.2}, loc[3] = {0.1, 0.2, 0.3}, x[3] = {1, 0, -1};
  static const struct { const char *name; double df, lp, d; } want[] = {
    {"wishart", 1e6, -1887.1410609129982, 0.044084472914503464},
    {"inverse_wishart", 1e6, -1623.6346106953315, -0.044078472908003493},
    {"multi_student_t", 1e-3, -10.436486691018247, 996.25518909036463},
    {"multi_student_t", 50, -3.7368520954730909, 0.00048073905640779351},
    {"multi_student_t", 1e6, -3.7123772299341172, 1.2463669724547364e-12},
    {"multi_student_t", 1e10, -3.7123759836906223, 1.2463692910548203e-20}
  };
  for (size_t g = 0; g < sizeof want / sizeof want[0]; g++) {
    const fr_dist *dist = fr_dist_find(want[g].name);
    long stride[3] = {0, 0, 0};
    double X[9], d = 0.0, work[64], *darg[3] = {&d, NULL, NULL};
    int student = dist->n_args == 3;
    for (int e = 0; e < 9; e++) X[e] = g == 0 ? B[e] * want[g].df : B[e] / want[g].df;
    const double *arg[3] = {&want[g].df, student ? loc : S, L};
    CHECK_NEAR(dist->events(1, 3, student ? x : X, arg, stride, 1.0, NULL, darg, work), want[g].lp, 1e-13);
    CHECK_NEAR(d, want[g].d, 1e-9);
  }
}

/* Factor and inverse of random matrices, whose product is the identity; what is no such matrix is told. */
static void test_symmetric(void)
{
  fr_rng rng;
  fr_rng_init(&rng, 2, FR_STREAM_CHECK, 0, 0);
  for (int K = 1; K <= 6; K++) {
    double m[36], a[36], l[36], inverse[36], worst = 0.0;
    for (int e = 0; e < K * K; e++) m[e] = fr_rng_normal(&rng);
    fr_outer_square(K, m, a);
    for (int j = 0; j < K; j++) a[j * K + j] += 0.5;
    CHECK(fr_symmetric_factor(K, a, l) == FR_SYM_OK);
    fr_symmetric_invert(K, l, inverse);
    fr_outer_square(K, l, m);
    for (int j = 0; j < K; j++)
      for (int i = 0; i < K; i++) {
        double s = 0.0;
        for (int k = 0; k < K; k++) s += a[k * K + i] * inverse[j * K + k];
        worst = fr_worst(worst, fabs(s - (i == j)));
        worst = fr_worst(worst, fabs(m[j * K + i] - a[j * K + i]));
        CHECK(i >= j || l[j * K + i] == 0.0);
      }
    CHECK(worst < 1e-12);
    a[K * K - 1] = -1.0;
    CHECK(fr_symmetric_factor(K, a, l) == FR_SYM_OUTSIDE);
    a[0] = NAN;
    CHECK(fr_symmetric_factor(K, a, l) != FR_SYM_OK);
  }
}

static void test_events(void)
{
  /* what stands above a diagonal is never read */
  static const double L[9] = {1.0, 0.5, -0.3, NAN, 0.8, 0.2, NAN, NAN, 1.2};
  static const double loc[3] = {0.1, 0.2, 0.3}, x[6] = {1.0, 0.0, -1.0, 0.4, 0.5, 2.0};
  static const double shares[6] = {0.2, 0.3, 0.5, 0.6, 0.1, 0.3}, conc[3] = {0.5, 1.0, 30.0};
  static const double counts[6] = {3, 0, 7, 10, 0, 0}, ten = 10.0, eta = 1.7;
  static const double corr[18] = {1, 0.6, 0.3, 0, 0.8, 0.4, 0, 0, 0.866, 1, 0.8, 0.1, 0, 0.6, 0.7, 0, 0, 0.7};
  check_events("multi_normal_cholesky", 3, x, (const double *[]){loc, L});
  check_events("dirichlet", 3, shares, (const double *[]){conc});
  check_events("multinomial", 3, counts, (const double *[]){&ten, conc});
  check_events("lkj_corr_cholesky", 3, corr, (const double *[]){&eta});
  static const double categories[2] = {3, 1}, cutpoints[3] = {-1.0, 0.2, 1.5}, at = 0.4;
  check_events("categorical", 3, categories, (const double *[]){shares});
  check_events("categorical_logit", 3, categories, (const double *[]){loc});
  check_events("ordered_logistic", 3, categories, (const double *[]){&at, cutpoints});
  check_events("ordered_probit", 3, categories, (const double *[]){&at, cutpoints});
}

void test_dist_events(void)
{
  test_events();
  test_multivariate();
  test_no_elements();
  test_large_df();
  test_symmetric();
}
