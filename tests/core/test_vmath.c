/* test_vmath.c: the elementary functions of vmath.h against libm in long double, at every exponent of a double. */
#include "check.h"
#include "vmath.h"
#include "vmath_array.h"
#include <stdlib.h>

#define PER_EXPONENT 12
#define POINTS (2 * 2048 * PER_EXPONENT)
#define MAX_ULP 4.0

static long double softplus_l(long double x) { return x > 0.0L ? x + log1pl(expl(-x)) : log1pl(expl(x)); }
static long double sigmoid_l(long double x) { return x >= 0.0L ? 1.0L / (1.0L + expl(-x)) : expl(x) / (1.0L + expl(x)); }

/* upwards by recurrence, then the asymptotic series; its root is tested apart */
static long double digamma_l(long double x)
{
  long double sum = 0.0L;
  if (x == 0.0L) return -INFINITY;
  for (; x < 40.0L; x += 1.0L) sum -= 1.0L / x;
  long double w = 1.0L / (x * x);
  return sum + logl(x) - 0.5L / x -
         w * (1 / 12.0L - w * (1 / 120.0L - w * (1 / 252.0L - w * (1 / 240.0L - w * (1 / 132.0L - w * (691 / 32760.0L - w / 12.0L))))));
}

/* Where long double is no wider than double (valgrind, some machines) the recurrence has no digits to spare. */
static int recurrence_is_exact(void)
{
  volatile long double one = 1.0L, small = 0x1p-60L;
  return one + small != one;
}

static int beyond_reference(long double (*exact)(long double), double x)
{
  return exact == digamma_l && (fabs(x - 1.46) < 0.01 || !recurrence_is_exact());
}

static const struct {
  const char *name;
  void (*array)(size_t n, const double *x, double *y);
  long double (*exact)(long double x);
  int from_zero; /* defined for x >= 0 */
} function[] = {
  {"exp", fr_array_exp, expl, 0},           {"expm1", fr_array_expm1, expm1l, 0},          {"tanh", fr_array_tanh, tanhl, 0},
  {"log", fr_array_log, logl, 0},           {"log1p", fr_array_log1p, log1pl, 0},          {"softplus", fr_array_softplus, softplus_l, 0},
  {"sigmoid", fr_array_sigmoid, sigmoid_l, 0}, {"lgamma", fr_array_lgamma, lgammal, 1}, {"digamma", fr_array_digamma, digamma_l, 1},
};

static double from_bits(uint64_t u)
{
  double x;
  memcpy(&x, &u, sizeof x);
  return x;
}

/* both signs of every exponent, with its smallest, its largest and random significands: subnormal numbers, infinities and
 * NaN are among them */
static void fill(double *x)
{
  uint64_t state = 88172645463325252u;
  for (uint64_t k = 0; k < POINTS; k++) {
    const uint64_t head = k / PER_EXPONENT, m = k % PER_EXPONENT, all = UINT64_C(0xfffffffffffff);
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    x[k] = from_bits(head << 52 | (m == 0 ? 0 : m == 1 ? all : m == 2 ? 1 : state & all));
  }
}

static double ulp(double x)
{
  x = fabs(x);
  return x < 0x1p-1021 ? 0x1p-1074 : nextafter(x, INFINITY) - x;
}

/* units in the last place between y and the exact value; 0 where both are the same infinity or NaN */
static double error_of(double y, long double exact)
{
  const double rounded = (double)exact;
  if (isnan(rounded)) return isnan(y) ? 0.0 : INFINITY;
  if (isinf(rounded) || isinf(y)) return y == rounded || fabs(rounded) > 1.7976931348623149e308 ? 0.0 : INFINITY;
  return (double)(fabsl((long double)y - exact) / (long double)ulp(rounded));
}

static void test_all_exponents(void)
{
  double *x = malloc(POINTS * sizeof(double)), *y = malloc(POINTS * sizeof(double));
  if (!CHECK(x && y)) return;
  fill(x);
  for (size_t f = 0; f < sizeof function / sizeof function[0]; f++) {
    double worst = 0.0, at = 0.0;
    function[f].array(POINTS, x, y);
    for (size_t i = 0; i < POINTS; i++) {
      if (beyond_reference(function[f].exact, x[i])) continue;
      const int outside = isnan(x[i]) || (function[f].from_zero && x[i] < 0.0);
      const double error = error_of(y[i], outside ? (long double)NAN : function[f].exact(x[i]));
      if (error > worst) worst = error, at = x[i];
    }
    if (!CHECK(worst <= MAX_ULP)) printf("  %s: %g ulp at %.17g\n", function[f].name, worst, at);
  }
  free(x);
  free(y);
}

/* dense where the interesting parts are: around 0, and the roots of lgamma, on [-40, 40] */
static void test_middle(void)
{
  enum { N = 40000 };
  static double x[N], y[N];
  for (int i = 0; i < N; i++) x[i] = -40.0 + 80.0 * (i + 0.37) / N;
  for (size_t f = 0; f < sizeof function / sizeof function[0]; f++) {
    double worst = 0.0, at = 0.0;
    function[f].array(N, x, y);
    for (int i = 0; i < N; i++) {
      if ((function[f].from_zero && x[i] < 0.0) || beyond_reference(function[f].exact, x[i])) continue;
      const double error = error_of(y[i], function[f].exact(x[i]));
      if (error > worst) worst = error, at = x[i];
    }
    if (!CHECK(worst <= MAX_ULP)) printf("  %s: %g ulp at %.17g\n", function[f].name, worst, at);
  }
}

/* where it holds */
static void test_exp_normal(void)
{
  double worst = 0.0;
  for (int i = 0; i <= 100000; i++) {
    const double x = -708.0 + 1416.0 * i / 100000;
    worst = fmax(worst, error_of(fr_lane_exp_normal(x), expl(x)));
  }
  CHECK(worst <= MAX_ULP);
}

/* digamma around its root, from 60 digits (mpmath) */
static void test_digamma_root(void)
{
  static const double known[][2] = {
    {1.46, -0.0015805619870834521062},
    {1.4610000000000001, -0.00061188613768651121694},
    {1.4616, -0.000031106251230341649658},
    {1.46163, -2.0756283887224572375e-6},
    {1.4616321000000001, -4.3514636958769773704e-8},
    {1.46163214496, -8.0919610908162137446e-12},
    {1.4616321449683622, -9.2412655217294275168e-17},
    {1.46163214497, 1.5847621643453779077e-12},
    {1.4617, 0.000065659392293676495502},
    {1.4624999999999999, 0.00083946591908261687252},
    {1.4650000000000001, 0.0032539676763749877339},
    {1.461632144968362, -3.0727905665462928431e-16},
    {1.4616321449683625, 1.2245374622004069031e-16}
  };
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
    double y;
    fr_array_digamma(1, known[i], &y);
    CHECK(error_of(y, known[i][1]) <= MAX_ULP);
  }
}

/* what a block does not fill is done as well, nothing beyond it is touched, and y may be x */
static void test_ends(void)
{
  double x[19], y[20], alone;
  for (int i = 0; i < 19; i++) x[i] = 0.3 * i - 2.0;
  for (size_t n = 0; n <= 19; n++) {
    int same = 1;
    for (int i = 0; i < 20; i++) y[i] = -7.0;
    fr_array_exp(n, x, y);
    for (size_t i = 0; i < n; i++) {
      fr_array_exp(1, x + i, &alone);
      same &= y[i] == alone;
    }
    CHECK(same && y[n] == -7.0);
  }
  memcpy(y, x, sizeof x);
  fr_array_exp(19, y, y);
  fr_array_exp(1, x + 11, &alone);
  CHECK(y[11] == alone);
}

void test_vmath(void)
{
  test_all_exponents();
  test_middle();
  test_exp_normal();
  test_digamma_root();
  test_ends();
}
