/* test_bijection.c: log determinants and reverse mode against numerical derivatives, inverses, exactness at the
 * extremes, and the edges of each support. The numbers of Pyro are checked from R (tests/testthat). */
#include "check.h"
#include "bijection.h"
#include "rng.h"

#include <stdlib.h>

#define MAX_K 6
#define MAX_Y (MAX_K * MAX_K)

static const double bounds[4][2] = {{-INFINITY, INFINITY}, {2.5, INFINITY}, {-INFINITY, 2.5}, {-1.5, 4.0}};

/* ---- bounded ---- */

static double value_at(double x, double l, double u)
{
  fr_bounded b;
  fr_bounded_forward(x, l, u, &b);
  return b.y;
}

static double log_det_at(double x, double l, double u)
{
  fr_bounded b;
  fr_bounded_forward(x, l, u, &b);
  return b.log_det;
}

static void check_bounded(double x, double l, double u)
{
  const double h = 1e-5;
  fr_bounded b;
  double back;
  fr_bounded_forward(x, l, u, &b);
  CHECK_CLOSE(b.dy_dx, (value_at(x + h, l, u) - value_at(x - h, l, u)) / (2 * h), 1e-7, 1e-7);
  CHECK_CLOSE(b.dld_dx, (log_det_at(x + h, l, u) - log_det_at(x - h, l, u)) / (2 * h), 1e-7, 1e-7);
  CHECK_CLOSE(b.log_det, log(fabs(b.dy_dx)), 1e-14, 1e-14);
  CHECK(fr_bounded_inverse(b.y, l, u, &back) == FR_OK);
  CHECK_CLOSE(back, x, 1e-13, 1e-13);
  if (isfinite(l)) {
    CHECK_CLOSE(b.dy_dlower, (value_at(x, l + h, u) - value_at(x, l - h, u)) / (2 * h), 1e-7, 1e-7);
    CHECK_CLOSE(b.dld_dlower, (log_det_at(x, l + h, u) - log_det_at(x, l - h, u)) / (2 * h), 1e-7, 1e-7);
  } else {
    CHECK(b.dy_dlower == 0.0 && b.dld_dlower == 0.0);
  }
  if (isfinite(u)) {
    CHECK_CLOSE(b.dy_dupper, (value_at(x, l, u + h) - value_at(x, l, u - h)) / (2 * h), 1e-7, 1e-7);
    CHECK_CLOSE(b.dld_dupper, (log_det_at(x, l, u + h) - log_det_at(x, l, u - h)) / (2 * h), 1e-7, 1e-7);
  } else {
    CHECK(b.dy_dupper == 0.0 && b.dld_dupper == 0.0);
  }
}

static void test_bounded(void)
{
  fr_bounded b;
  double x;
  for (int k = 0; k < 4; k++)
    for (double at = -3.0; at <= 3.0; at += 0.75) check_bounded(at, bounds[k][0], bounds[k][1]);

  fr_bounded_forward(-30.0, 0.0, 1.0, &b); /* the unit interval in its lower tail: no digit is lost */
  CHECK_NEAR(b.y, 9.357622968839299e-14, 1e-15);
  CHECK_NEAR(b.log_det, -30.00000000000018715, 1e-15);
  CHECK_NEAR(b.dy_dx, 9.357622968838423e-14, 1e-13);
  fr_bounded_forward(30.0, 0.0, 1.0, &b);
  CHECK_NEAR(1.0 - b.y, 9.357622968839299e-14, 1e-3); /* what a double beside 1 can say */
  CHECK_NEAR(b.dy_dlower, 9.357622968839299e-14, 1e-15);
  CHECK_NEAR(b.dy_dx, 9.357622968838423e-14, 1e-13);
  CHECK_NEAR(b.dld_dx, -0.99999999999981284754, 1e-15);
  fr_bounded_forward(1e-9, 0.0, 1.0, &b);
  CHECK_NEAR(b.dld_dx, -5e-10, 1e-15);
  fr_bounded_forward(800.0, 0.0, 1.0, &b);
  CHECK(b.y == 1.0 && b.log_det == -800.0 && b.dy_dx == 0.0);

  CHECK(fr_bounded_inverse(0.5 + 0x1p-50, 0.0, 1.0, &x) == FR_OK);
  CHECK_NEAR(x, 0x1p-48, 1e-14);
  CHECK(fr_bounded_inverse(1e-300, 0.0, 1.0, &x) == FR_OK);
  CHECK_NEAR(x, -690.77552789821370518, 1e-15);

  for (int k = 1; k < 4; k++) { /* bounds themselves and beyond are outside */
    if (isfinite(bounds[k][0])) CHECK(fr_bounded_inverse(bounds[k][0], bounds[k][0], bounds[k][1], &x) == FR_ERR_DOMAIN);
    if (isfinite(bounds[k][1])) CHECK(fr_bounded_inverse(bounds[k][1], bounds[k][0], bounds[k][1], &x) == FR_ERR_DOMAIN);
  }
  CHECK(fr_bounded_inverse(-2.0, -1.5, 4.0, &x) == FR_ERR_DOMAIN);
  CHECK(fr_bounded_inverse(5.0, -1.5, 4.0, &x) == FR_ERR_DOMAIN);
  CHECK(fr_bounded_inverse(INFINITY, 0.0, INFINITY, &x) == FR_ERR_DOMAIN);
  CHECK(fr_bounded_inverse(INFINITY, -INFINITY, INFINITY, &x) == FR_ERR_DOMAIN);
  CHECK(fr_bounded_inverse(NAN, -INFINITY, INFINITY, &x) == FR_ERR_DOMAIN);

  fr_bounded_forward(0.0, 1.0, 1.0, &b); /* bounds that crossed */
  CHECK(isnan(b.y) && isnan(b.log_det) && isnan(b.dy_dx));
  fr_bounded_forward(0.0, NAN, 1.0, &b);
  CHECK(isnan(b.y) && isnan(b.dld_dupper));
  for (int k = 0; k < 4; k++) CHECK(isnan(value_at(NAN, bounds[k][0], bounds[k][1])));
}

/* ---- vector maps ---- */

/* Of the values, the ones that move freely: simplex without its last, the (strict) lower triangle row by row. */
static int free_values(int code, int K, int *at)
{
  int n = 0;
  if (code >= FR_BIJ_CORR_CHOLESKY) {
    for (int i = 0; i < K; i++)
      for (int j = 0; j < i + (code == FR_BIJ_COV_MATRIX); j++) at[n++] = i + j * K;
  } else {
    for (int i = 0; i < (code == FR_BIJ_SIMPLEX ? K - 1 : K); i++) at[n++] = i;
  }
  return n;
}

/* log |det| of an n x n row-major matrix, by elimination with partial pivoting; used up */
static double log_abs_det(int n, double *a)
{
  double sum = 0.0;
  for (int k = 0; k < n; k++) {
    int best = k;
    for (int i = k + 1; i < n; i++)
      if (fabs(a[i * n + k]) > fabs(a[best * n + k])) best = i;
    for (int j = 0; j < n; j++) {
      double t = a[k * n + j];
      a[k * n + j] = a[best * n + j];
      a[best * n + j] = t;
    }
    sum += log(fabs(a[k * n + k]));
    for (int i = k + 1; i < n; i++) {
      const double factor = a[i * n + k] / a[k * n + k];
      for (int j = k; j < n; j++) a[i * n + j] -= factor * a[k * n + j];
    }
  }
  return sum;
}

static void check_vector(int code, int K, uint32_t draw)
{
  const fr_bijection *map = fr_bijection_get(code);
  const int n = map->free_size(K), m = map->value_size(K);
  const double h = 1e-5;
  double x[MAX_Y], y[MAX_Y], up[MAX_Y], down[MAX_Y], bar[MAX_Y], x_bar[MAX_Y], back[MAX_Y], jacobian[MAX_Y * MAX_Y];
  double log_det, log_up, log_down, *work = malloc(fr_bijection_work(map, K) * sizeof(double));
  const double lost = code >= FR_BIJ_CORR_MATRIX ? 1e4 : 1.0; /* digits that a factorisation may lose */
  int at[MAX_Y];
  fr_rng rng;
  fr_rng_init(&rng, 3, FR_STREAM_INIT, draw, (uint32_t)code);
  for (int i = 0; i < n; i++) x[i] = fr_rng_normal(&rng);
  for (int i = 0; i < m; i++) bar[i] = fr_rng_normal(&rng);
  const double log_det_bar = fr_rng_normal(&rng);

  map->forward(K, x, y, &log_det, work);
  for (int i = 0; i < n; i++) x_bar[i] = 10.0; /* reverse adds */
  map->reverse(K, x, y, bar, log_det_bar, x_bar, work);
  CHECK(free_values(code, K, at) == n);
  for (int i = 0; i < n; i++) {
    const double keep = x[i];
    x[i] = keep + h;
    map->forward(K, x, up, &log_up, work);
    x[i] = keep - h;
    map->forward(K, x, down, &log_down, work);
    x[i] = keep;
    double product = log_det_bar * (log_up - log_down) / (2 * h);
    for (int k = 0; k < m; k++) product += bar[k] * (up[k] - down[k]) / (2 * h);
    for (int k = 0; k < n; k++) jacobian[k * n + i] = (up[at[k]] - down[at[k]]) / (2 * h);
    CHECK_CLOSE(x_bar[i] - 10.0, product, 1e-7, 1e-7);
  }
  CHECK_CLOSE(log_det, log_abs_det(n, jacobian), 1e-7, 1e-7);
  CHECK(map->inverse(K, y, back, work) == FR_OK);
  for (int i = 0; i < n; i++) CHECK_CLOSE(back[i], x[i], 1e-12 * lost, 1e-13 * lost);
  free(work);
}

static void test_simplex(void)
{
  const fr_bijection *map = fr_bijection_get(FR_BIJ_SIMPLEX);
  double y[4], log_det, work[4], back[3], bar[3] = {0.0, 0.0, 0.0};
  const double zero[3] = {0.0, 0.0, 0.0}, ends[3] = {-30.0, 30.0, -30.0}, ones[4] = {2.0, 2.0, 2.0, 2.0};
  map->forward(4, zero, y, &log_det, work);
  for (int k = 0; k < 4; k++) CHECK_CLOSE(y[k], 0.25, 1e-15, 0.0);
  map->forward(4, ends, y, &log_det, work);
  CHECK_NEAR(y[0], exp(-30.0) / 3.0, 1e-12);
  CHECK_NEAR(y[2], 2.0 * exp(-60.0), 1e-12); /* exp(-30) of what is left, exp(-30) 2 */
  CHECK_NEAR(y[3], 2.0 * exp(-30.0), 1e-12);
  CHECK(map->inverse(4, y, back, work) == FR_OK);
  for (int k = 0; k < 3; k++) CHECK_NEAR(back[k], ends[k], 1e-13);
  map->reverse(4, ends, y, ones, 0.0, bar, work); /* the sum never moves */
  for (int k = 0; k < 3; k++) CHECK(bar[k] == 0.0);

  const double off[4] = {0.25, 0.25, 0.25, 0.26}, edge[4] = {0.5, 0.0, 0.25, 0.25}, bad[4] = {0.5, NAN, 0.25, 0.25};
  const double tiny[3] = {1.0, 5e-324, 5e-324};
  CHECK(map->inverse(4, off, back, work) == FR_ERR_DOMAIN);
  CHECK(map->inverse(4, edge, back, work) == FR_ERR_DOMAIN);
  CHECK(map->inverse(4, bad, back, work) == FR_ERR_DOMAIN);
  CHECK(map->inverse(3, tiny, back, work) == FR_OK); /* 1 / 2^-1073 overflows */
  CHECK_NEAR(back[0], 1074.0 * FR_LN_2, 1e-14);
  CHECK_NEAR_ABS(back[1], 0.0, 1e-15);

  const double lone = 1.0; /* K = 1: nothing is free */
  map->forward(1, zero, y, &log_det, work);
  CHECK(y[0] == 1.0 && log_det == 0.0);
  map->reverse(1, zero, y, &lone, 1.0, bar, work);
  CHECK(map->inverse(1, &lone, back, work) == FR_OK);
}

static void test_ordered(void)
{
  const fr_bijection *map = fr_bijection_get(FR_BIJ_ORDERED);
  const double rising[3] = {-1.0, 2.0, 2.5}, equal[3] = {1.0, 1.0, 2.0}, falling[3] = {1.0, 0.0, 2.0};
  const double endless[3] = {1.0, 2.0, INFINITY}, bad[3] = {NAN, 1.0, 2.0}, single = 3.5;
  double x[3], y[3], log_det, work[3];
  CHECK(map->inverse(3, rising, x, work) == FR_OK);
  CHECK(x[0] == -1.0);
  CHECK_NEAR(x[1], log(3.0), 1e-15);
  CHECK_NEAR(x[2], log(0.5), 1e-15);
  CHECK(map->inverse(3, equal, x, work) == FR_ERR_DOMAIN);
  CHECK(map->inverse(3, falling, x, work) == FR_ERR_DOMAIN);
  CHECK(map->inverse(3, endless, x, work) == FR_ERR_DOMAIN);
  CHECK(map->inverse(3, bad, x, work) == FR_ERR_DOMAIN);
  map->forward(1, &single, y, &log_det, work);
  CHECK(y[0] == 3.5 && log_det == 0.0);
}

static void test_corr_cholesky(void)
{
  const fr_bijection *map = fr_bijection_get(FR_BIJ_CORR_CHOLESKY);
  double x[3] = {30.0, -30.0, 30.0}, y[9], log_det, work[3], back[3], bar[3] = {0.0, 0.0, 0.0};
  map->forward(3, x, y, &log_det, work);
  const double sech = 2.0 * exp(-30.0), log_sech = FR_LN_2 - 30.0;
  CHECK_NEAR(y[4], sech, 1e-13); /* L_22 */
  CHECK_NEAR(y[5], sech, 1e-13); /* L_32 = sech(-30) tanh(30) */
  CHECK_NEAR(y[8], sech * sech, 1e-13);
  CHECK(y[3] == 0.0 && y[6] == 0.0 && y[7] == 0.0);
  CHECK_NEAR(log_det, 2.0 * log_sech + 3.0 * log_sech + 2.0 * log_sech, 1e-14);
  CHECK(map->inverse(3, y, back, work) == FR_OK);
  for (int k = 0; k < 3; k++) CHECK_NEAR(back[k], x[k], 1e-13);
  map->reverse(3, x, y, y, 0.0, bar, work); /* rows keep their length: y is its own null direction */
  for (int k = 0; k < 3; k++) CHECK_NEAR_ABS(bar[k], 0.0, 1e-26);

  const double small[3] = {1e-9, 0.0, 0.0};
  map->forward(3, small, y, &log_det, work);
  CHECK_NEAR(log_det, -1e-18, 1e-12);
  const double huge[1] = {1000.0};
  map->forward(2, huge, y, &log_det, work); /* sech underflows, its logarithm does not */
  CHECK_NEAR(log_det, 2.0 * (FR_LN_2 - 1000.0), 1e-15);
  CHECK(map->inverse(2, y, back, work) == FR_ERR_DOMAIN);

  const double long_row[4] = {1.0, 0.8, 0.0, 0.7}, negative[4] = {1.0, 0.6, 0.0, -0.8}, upper[4] = {1.0, 0.6, 0.1, 0.8};
  const double bad[4] = {1.0, NAN, 0.0, 0.8}, first[4] = {2.0, 0.6, 0.0, 0.8}, good[4] = {1.0, 0.6, 0.0, 0.8}, one = 1.0;
  CHECK(map->inverse(2, long_row, back, work) == FR_ERR_DOMAIN);
  CHECK(map->inverse(2, negative, back, work) == FR_ERR_DOMAIN);
  CHECK(map->inverse(2, upper, back, work) == FR_ERR_DOMAIN);
  CHECK(map->inverse(2, bad, back, work) == FR_ERR_DOMAIN);
  CHECK(map->inverse(2, first, back, work) == FR_ERR_DOMAIN);
  CHECK(map->inverse(2, good, back, work) == FR_OK);
  CHECK_NEAR(back[0], atanh(0.6), 1e-14);
  CHECK(map->inverse(1, &one, back, work) == FR_OK);
}

/* y = L L' of its factor's map, symmetric to the bit, the diagonal 1 */
static void test_corr_matrix(void)
{
  const fr_bijection *map = fr_bijection_get(FR_BIJ_CORR_MATRIX), *factor = fr_bijection_get(FR_BIJ_CORR_CHOLESKY);
  const double x[3] = {0.4, -1.2, 2.0}, far[3] = {30.0, -30.0, 30.0};
  double y[9], L[9], log_det, work[30], back[3], bar[3] = {0.0, 0.0, 0.0};
  map->forward(3, x, y, &log_det, work);
  factor->forward(3, x, L, &log_det, work);
  for (int i = 0; i < 3; i++)
    for (int j = 0; j < 3; j++) {
      double s = 0.0;
      for (int k = 0; k < 3; k++) s += L[i + 3 * k] * L[j + 3 * k];
      CHECK_CLOSE(y[i + 3 * j], s, 1e-15, 1e-15);
      CHECK(y[i + 3 * j] == y[j + 3 * i]);
    }
  const double diagonal[9] = {1.0, 0.0, 0.0, 0.0, 2.0, 0.0, 0.0, 0.0, 3.0};
  map->reverse(3, x, y, diagonal, 0.0, bar, work); /* which never moves */
  for (int k = 0; k < 3; k++) CHECK(bar[k] == 0.0);
  map->forward(3, far, y, &log_det, work);
  CHECK_NEAR(log_det, 8.0 * (FR_LN_2 - 30.0), 1e-14);
  CHECK(map->inverse(3, y, back, work) == FR_ERR_DOMAIN); /* singular to a double */

  const double good[4] = {1.0, 0.6, 0.6, 1.0}, skew[4] = {1.0, 0.6, 0.5, 1.0}, wide[4] = {1.0, 1.2, 1.2, 1.0};
  const double scaled[4] = {2.0, 0.6, 0.6, 1.0}, bad[4] = {1.0, NAN, NAN, 1.0};
  CHECK(map->inverse(2, good, back, work) == FR_OK);
  CHECK_NEAR(back[0], atanh(0.6), 1e-14);
  CHECK(map->inverse(2, skew, back, work) == FR_ERR_DOMAIN);
  CHECK(map->inverse(2, wide, back, work) == FR_ERR_DOMAIN);
  CHECK(map->inverse(2, scaled, back, work) == FR_ERR_DOMAIN);
  CHECK(map->inverse(2, bad, back, work) == FR_ERR_DOMAIN);
}

static void test_cov_matrix(void)
{
  const fr_bijection *map = fr_bijection_get(FR_BIJ_COV_MATRIX);
  const double x[3] = {log(2.0), 3.0, 0.0}; /* L = [2 0; 3 1] */
  double y[4], log_det, work[10], back[3];
  map->forward(2, x, y, &log_det, work);
  CHECK_NEAR(y[0], 4.0, 1e-15);
  CHECK_NEAR(y[1], 6.0, 1e-15);
  CHECK_NEAR(y[3], 10.0, 1e-15);
  CHECK(y[1] == y[2]);
  CHECK_NEAR(log_det, 2.0 * FR_LN_2 + 3.0 * FR_LN_2, 1e-15);
  CHECK(map->inverse(2, y, back, work) == FR_OK);
  for (int k = 0; k < 3; k++) CHECK_CLOSE(back[k], x[k], 1e-14, 1e-15);
  const double skew[4] = {4.0, 6.0, 5.0, 10.0}, flat[4] = {4.0, 6.0, 6.0, 9.0}, minus[4] = {-4.0, 0.0, 0.0, 1.0};
  const double bad[4] = {4.0, NAN, NAN, 10.0}, endless[4] = {INFINITY, 0.0, 0.0, 1.0}, tiny[1] = {1e-300};
  CHECK(map->inverse(2, skew, back, work) == FR_ERR_DOMAIN);
  CHECK(map->inverse(2, flat, back, work) == FR_ERR_DOMAIN);
  CHECK(map->inverse(2, minus, back, work) == FR_ERR_DOMAIN);
  CHECK(map->inverse(2, bad, back, work) == FR_ERR_DOMAIN);
  CHECK(map->inverse(2, endless, back, work) == FR_ERR_DOMAIN);
  CHECK(map->inverse(1, tiny, back, work) == FR_OK);
  CHECK_NEAR(back[0], 0.5 * log(1e-300), 1e-15);
}

void test_bijection(void)
{
  test_bounded();
  for (int code = FR_BIJ_SIMPLEX; code < FR_BIJ_COUNT; code++)
    for (int K = 1; K <= MAX_K; K++)
      for (uint32_t draw = 0; draw < 4; draw++) check_vector(code, K, draw);
  test_simplex();
  test_ordered();
  test_corr_cholesky();
  test_corr_matrix();
  test_cov_matrix();
  CHECK(fr_bijection_get(FR_BIJ_BOUNDED) == NULL);
  CHECK(fr_bijection_get(-1) == NULL);
  CHECK(fr_bijection_get(FR_BIJ_COUNT) == NULL);
  for (int code = FR_BIJ_SIMPLEX; code < FR_BIJ_COUNT; code++) { /* NaN passes through */
    const fr_bijection *map = fr_bijection_get(code);
    const double x[6] = {NAN, NAN, NAN, NAN, NAN, NAN};
    double y[9], log_det, work[30];
    map->forward(3, x, y, &log_det, work);
    CHECK(isnan(log_det));
    CHECK(isnan(y[code == FR_BIJ_CORR_MATRIX ? 1 : map->value_size(3) - 1])); /* a correlation matrix ends in 1 */
  }
}
