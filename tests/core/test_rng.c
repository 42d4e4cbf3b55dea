/* test_rng.c: Philox against the known answers of Random123 (kat_vectors), normals for their bits, their
 * independence of how they are asked for, and their distribution. */
#include "check.h"
#include "rng.h"

static void check_philox(uint32_t c0, uint32_t c1, uint32_t c2, uint32_t c3, uint32_t k0, uint32_t k1, uint32_t o0,
                         uint32_t o1, uint32_t o2, uint32_t o3)
{
  const uint32_t c[4] = {c0, c1, c2, c3}, k[2] = {k0, k1}, want[4] = {o0, o1, o2, o3};
  uint32_t out[4];
  fr_philox(c, k, out);
  CHECK(memcmp(out, want, sizeof out) == 0);
}

static void test_known_answers(void)
{
  check_philox(0, 0, 0, 0, 0, 0, 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8);
  check_philox(0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0x408f276d, 0x41c83b0e,
               0xa20bc7c6, 0x6d5451fd);
  check_philox(0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0, 0xd16cfe09, 0x94fdcceb,
               0x5001e420, 0x24126ea1);
}

static uint64_t bits_of(double x)
{
  uint64_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

/* FNV-1a over the bits: this number is to be the same on every machine, compiler and level of optimisation. */
static void test_bits(void)
{
  static double eps[100 * 80];
  uint64_t hash = UINT64_C(14695981039346656037);
  for (uint64_t step = 0; step < 5; step++) {
    fr_normals(1, FR_STREAM_STEP, step, 0, 80, 100, 80, eps);
    for (int i = 0; i < 100 * 80; i++) hash = (hash ^ bits_of(eps[i])) * UINT64_C(1099511628211);
  }
  CHECK(hash == UINT64_C(0x97a83e50fabb286b));
}

/* Box-Muller from the same Philox block through libm */
static void test_accuracy(void)
{
  const uint64_t seed = UINT64_C(0x0123456789abcdef), step = (UINT64_C(3) << 32) + 17;
  const uint32_t key[2] = {0x89abcdef, 0x01234567};
  double eps[2 * 200];
  fr_normals(seed, FR_STREAM_DRAWS, step, 40, 200, 2, 200, eps);
  for (uint32_t s = 0; s < 200; s++) {
    const uint32_t c[4] = {0, 40 + s, 17, (uint32_t)FR_STREAM_DRAWS << 24 | 3};
    uint32_t o[4];
    fr_philox(c, key, o);
    const uint64_t a = (uint64_t)o[0] << 32 | o[1], b = (uint64_t)o[2] << 32 | o[3];
    const double radius = sqrt(-2.0 * log(((double)(a >> 12) + 0.5) * 0x1p-52));
    const double turn = ((double)(b >> 12) + 0.5) * 0x1p-52 - 0.5, angle = turn * 1.57079632679489661923;
    const double sines[4] = {sin(angle), cos(angle), -sin(angle), -cos(angle)};
    CHECK_CLOSE(eps[s], radius * sines[(b + 1) & 3], 1e-15, 0.0);
    CHECK_CLOSE(eps[200 + s], radius * sines[b & 3], 1e-15, 0.0);
  }
}

/* A draw depends on seed, stream, step, particle and coordinate alone. */
static void test_independence(void)
{
  enum { D = 7, S = 37, LD = 41 };
  double all[D * S], one[D], wide[D * LD], other[D * S];
  fr_normals(42, FR_STREAM_STEP, 9, 0, S, D, S, all);
  for (uint32_t s = 0; s < S; s++) {
    int same = 1;
    fr_normals(42, FR_STREAM_STEP, 9, s, 1, D, 1, one);
    for (int j = 0; j < D; j++) same &= bits_of(one[j]) == bits_of(all[j * S + (int)s]);
    CHECK(same);
  }
  for (int i = 0; i < D * LD; i++) wide[i] = -1.0;
  fr_normals(42, FR_STREAM_STEP, 9, 5, 12, D, LD, wide);
  int same = 1, untouched = 1;
  for (int j = 0; j < D; j++)
    for (int s = 0; s < LD; s++) {
      if (s < 12) same &= bits_of(wide[j * LD + s]) == bits_of(all[j * S + 5 + s]);
      else untouched &= wide[j * LD + s] == -1.0;
    }
  CHECK(same);
  CHECK(untouched);
  fr_normals(42, FR_STREAM_STEP, 9, 0, S, 4, S, other); /* fewer coordinates: the first ones */
  CHECK(memcmp(other, all, 4 * S * sizeof(double)) == 0);

  const struct { uint64_t seed, step; int stream; } differs[] = {
    {43, 9, FR_STREAM_STEP}, {42 + (UINT64_C(1) << 32), 9, FR_STREAM_STEP}, {42, 10, FR_STREAM_STEP},
    {42, 9 + (UINT64_C(1) << 32), FR_STREAM_STEP}, {42, 9, FR_STREAM_INIT}};
  for (size_t k = 0; k < sizeof differs / sizeof differs[0]; k++) {
    int equal = 0;
    fr_normals(differs[k].seed, differs[k].stream, differs[k].step, 0, S, D, S, other);
    for (int i = 0; i < D * S; i++) equal += other[i] == all[i];
    CHECK(equal == 0);
  }
  fr_normals(42, 0, 9, 0, 0, D, S, other); /* nothing asked, nothing written */
  fr_normals(42, 0, 9, 0, S, 0, S, other);
}

/* Moments, and counts in 20 bins of equal probability. */
static void test_normal_distribution(void)
{
  enum { N = 40000 };
  static const double edge[9] = {0.12566134685507402, 0.25334710313579978, 0.38532046640756773, 0.52440051270804078,
                                 0.67448975019608171, 0.84162123357291452, 1.0364333894937896, 1.2815515655446004,
                                 1.6448536269514722};
  static double x[2 * N];
  double sum = 0.0, square = 0.0, fourth = 0.0, product = 0.0, chi = 0.0;
  int count[20] = {0}, finite = 1;
  fr_normals(7, FR_STREAM_DRAWS, 0, 0, N, 2, N, x);
  for (int i = 0; i < 2 * N; i++) {
    int bin = 0;
    while (bin < 9 && fabs(x[i]) > edge[bin]) bin++;
    count[x[i] > 0 ? bin : 10 + bin]++;
    sum += x[i];
    square += x[i] * x[i];
    fourth += x[i] * x[i] * x[i] * x[i];
    if (i < N) product += x[i] * x[N + i];
    finite &= isfinite(x[i]) != 0;
  }
  const double n = 2.0 * N;
  for (int k = 0; k < 20; k++) chi += (count[k] - n / 20) * (count[k] - n / 20) / (n / 20);
  CHECK(finite);
  CHECK(fabs(sum / n) < 4.0 / sqrt(n));
  CHECK(fabs(square / n - 1.0) < 4.0 * sqrt(2.0 / n));
  CHECK(fabs(fourth / n - 3.0) < 4.0 * sqrt(96.0 / n));
  CHECK(fabs(product / N) < 4.0 / sqrt((double)N));
  CHECK(chi < 43.8); /* 99.9 % of chi-square with 19 degrees of freedom */
}

static void check_moments(double mean, double variance, double got_mean, double got_square, int n)
{
  CHECK(fabs(got_mean - mean) < 4.0 * sqrt(variance / n));
  CHECK(fabs(got_square - got_mean * got_mean - variance) < 0.1 * variance);
}

static void test_sequence(void)
{
  enum { N = 20000 };
  fr_rng a, b;
  fr_rng_init(&a, 11, FR_STREAM_PRIOR, 3, 4);
  fr_rng_init(&b, 11, FR_STREAM_PRIOR, 3, 4);
  double first = fr_rng_uniform(&a), sum = 0.0, square = 0.0;
  CHECK(first == fr_rng_uniform(&b));
  fr_rng_init(&b, 11, FR_STREAM_PRIOR, 3, 5);
  CHECK(first != fr_rng_uniform(&b));
  fr_rng_init(&b, 11, FR_STREAM_PRIOR, 4, 4);
  CHECK(first != fr_rng_uniform(&b));
  int inside = 1;
  for (int i = 0; i < N; i++) {
    double u = fr_rng_uniform(&a);
    inside &= u > 0.0 && u < 1.0;
    sum += u;
    square += u * u;
  }
  CHECK(inside);
  check_moments(0.5, 1.0 / 12.0, sum / N, square / N, N);
  sum = square = 0.0;
  for (int i = 0; i < N; i++) {
    double z = fr_rng_normal(&a);
    sum += z;
    square += z * z;
  }
  check_moments(0.0, 1.0, sum / N, square / N, N);
  sum = square = 0.0;
  for (int i = 0; i < N; i++) {
    double e = fr_rng_exponential(&a);
    sum += e;
    square += e * e;
  }
  check_moments(1.0, 1.0, sum / N, square / N, N);
}

static void test_log_gamma(void)
{
  enum { N = 20000 };
  const double shapes[] = {0.3, 1.0, 3.3, 200.0};
  fr_rng rng;
  fr_rng_init(&rng, 5, FR_STREAM_PRIOR, 0, 0);
  for (int k = 0; k < 4; k++) {
    double sum = 0.0, square = 0.0;
    for (int i = 0; i < N; i++) {
      double g = exp(fr_rng_log_gamma(&rng, shapes[k]));
      sum += g;
      square += g * g;
    }
    check_moments(shapes[k], shapes[k], sum / N, square / N, N);
  }
  double tiny = fr_rng_log_gamma(&rng, 1e-5); /* the draw itself underflows most of the time */
  CHECK(isfinite(tiny) && tiny < 0.0);
  CHECK_NEAR(fr_rng_log_gamma(&rng, 0.0), -INFINITY, 0.0);
  CHECK_NEAR(fr_rng_log_gamma(&rng, INFINITY), INFINITY, 0.0);
  CHECK_NEAR(fr_rng_log_gamma(&rng, -1.0), NAN, 0.0);
  CHECK_NEAR(fr_rng_log_gamma(&rng, NAN), NAN, 0.0);
}

void test_rng(void)
{
  test_known_answers();
  test_bits();
  test_accuracy();
  test_independence();
  test_normal_distribution();
  test_sequence();
  test_log_gamma();
}
