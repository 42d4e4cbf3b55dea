/* test_guide.c: the guide against the dense formulas, its ELBO gradient against differences and, for Pyro's
 * seed model, against Pyro. */
#include "check.h"
#include "guide.h"
#include "rng.h"
#include "special.h"
#include "tril.h"

#include <stdlib.h>

static double *doubles(size_t n)
{
  double *x = malloc(n * sizeof(double));
  for (size_t i = 0; i < n; i++) x[i] = -77.0;
  return x;
}

static fr_guide new_guide(int d)
{
  const size_t n = (size_t)d;
  return (fr_guide){.d = d, .loc = doubles(n), .scale_unconstrained = doubles(n), .tril = doubles(fr_tril_size(n))};
}

static void free_guide(fr_guide *guide)
{
  free(guide->loc);
  free(guide->scale_unconstrained);
  free(guide->tril);
}

static fr_guide random_guide(int d)
{
  fr_guide guide = new_guide(d);
  double *matrix = doubles((size_t)d * (size_t)d);
  fr_normals(5, FR_STREAM_INIT, 0, 0, 1, d, 1, guide.loc);
  fr_normals(5, FR_STREAM_INIT, 1, 0, 1, d, 1, guide.scale_unconstrained);
  fr_normals(5, FR_STREAM_INIT, 2, 0, d, d, (size_t)d, matrix);
  fr_tril_pack(d, matrix, 1, guide.tril);
  free(matrix);
  return guide;
}

static void test_start(void)
{
  const double init[3] = {1.0, -2.0, 3.0}, bad[3] = {1.0, NAN, 3.0}, scales[] = {0.1, 1e-4, 1e-8, 50.0};
  fr_guide guide = new_guide(3);
  double scale[3], back[3];
  for (int k = 0; k < 4; k++) {
    CHECK(fr_guide_start(&guide, init, scales[k]) == FR_OK);
    fr_guide_constrain(3, guide.scale_unconstrained, scale);
    for (int i = 0; i < 3; i++) {
      CHECK(guide.loc[i] == init[i]);
      CHECK_NEAR(scale[i], scales[k], 1e-14);
    }
    for (size_t i = 0; i < fr_tril_size(3); i++) CHECK(guide.tril[i] == 0.0);
  }
  CHECK(fr_guide_start(&guide, init, 0.0) == FR_ERR_ARGUMENT);
  CHECK(fr_guide_start(&guide, init, -1.0) == FR_ERR_ARGUMENT);
  CHECK(fr_guide_start(&guide, init, NAN) == FR_ERR_ARGUMENT);
  CHECK(fr_guide_start(&guide, init, INFINITY) == FR_ERR_ARGUMENT);
  CHECK(fr_guide_start(&guide, bad, 0.1) == FR_ERR_NOT_FINITE);
  guide.d = 0;
  CHECK(fr_guide_start(&guide, init, 0.1) == FR_ERR_ARGUMENT);
  free_guide(&guide);

  const double good[3] = {1e-300, 0.5, 1e300}, zero[3] = {1.0, 0.0, 1.0}, endless[3] = {1.0, INFINITY, 1.0};
  CHECK(fr_guide_unconstrain(3, good, back) == FR_OK);
  fr_guide_constrain(3, back, scale);
  for (int i = 0; i < 3; i++) CHECK_NEAR(scale[i], good[i], 1e-12);
  CHECK(fr_guide_unconstrain(3, zero, back) == FR_ERR_DOMAIN);
  CHECK(fr_guide_unconstrain(3, endless, back) == FR_ERR_DOMAIN);
  CHECK(fr_guide_unconstrain(3, bad, back) == FR_ERR_DOMAIN);
}

/* z = loc + diag(scale) T eps, and log q(z) from z by forward substitution */
static void test_sample(int d, int S)
{
  const size_t ld = (size_t)S + 1, size = (size_t)d * ld;
  fr_guide guide = random_guide(d);
  double *scale = doubles((size_t)d), *eps = doubles(size), *t_eps = doubles(size), *z = doubles(size);
  double *log_q = doubles((size_t)S), *solved = doubles((size_t)d), worst = 0.0, entropy = 0.5 * d * (1.0 + FR_LOG_2PI);
  fr_normals(6, FR_STREAM_STEP, 0, 0, S, d, ld, eps);
  fr_guide_constrain(d, guide.scale_unconstrained, scale);
  fr_guide_sample(&guide, scale, S, ld, eps, t_eps, z);
  fr_guide_log_q(d, scale, S, ld, eps, log_q);
  for (int i = 0; i < d; i++) entropy += log(scale[i]);
  CHECK_CLOSE(fr_guide_entropy(d, scale), entropy, 1e-13, 1e-13);
  for (int s = 0; s < S; s++) {
    double want = -0.5 * d * FR_LOG_2PI;
    for (int i = 0; i < d; i++) {
      double x = (z[(size_t)i * ld + (size_t)s] - guide.loc[i]) / scale[i];
      for (int j = 0; j < i; j++) x -= guide.tril[fr_tril_at((size_t)i, (size_t)j)] * solved[j];
      solved[i] = eps[(size_t)i * ld + (size_t)s]; /* as it should be: no error adds up down the rows */
      worst = fr_worst(worst, fabs(x - solved[i]));
      want -= log(scale[i]) + 0.5 * solved[i] * solved[i];
    }
    CHECK_CLOSE(log_q[s], want, 1e-13, 1e-13);
  }
  CHECK(worst < 1e-12);
  free_guide(&guide);
  free(scale);
  free(eps);
  free(t_eps);
  free(z);
  free(log_q);
  free(solved);
}

/* ---- densities ---- */

/* log p = sum_i (a_i z_i - z_i^2 / 2 - z_i^4 / 20 + sin(z_i z_{i-1})), a_i = i + 1; notes how it was called */
typedef struct {
  int d, S;
  size_t ld;
  double spoil;      /* what particle 0 gets instead of its value, unless it is 0 */
  double spoil_gradient;
  int status;
} toy;

static int toy_density(void *model, int S, size_t ld, const double *z, double *log_prob, double *gradient)
{
  toy *m = model;
  m->S = S;
  m->ld = ld;
  for (int s = 0; s < S; s++) {
    double value = 0.0, before = 0.0;
    for (int i = 0; i < m->d; i++) {
      const size_t at = (size_t)i * ld + (size_t)s;
      const double x = z[at];
      value += (i + 1) * x - 0.5 * x * x - x * x * x * x / 20.0 + (i > 0 ? sin(x * before) : 0.0);
      if (gradient) {
        gradient[at] = (i + 1) - x - x * x * x / 5.0 + (i > 0 ? before * cos(x * before) : 0.0);
        if (i > 0) gradient[at - ld] += x * cos(x * before);
      }
      before = x;
    }
    log_prob[s] = s == 0 && m->spoil != 0.0 ? m->spoil : value;
  }
  if (gradient && m->spoil_gradient != 0.0) gradient[(size_t)(m->d - 1) * ld + (size_t)(S - 1)] = m->spoil_gradient;
  return m->status;
}

static double mean_elbo(const fr_guide *guide, toy *m, int S, size_t ld, const double *eps, double *work)
{
  double *elbo = doubles((size_t)S), sum = 0.0;
  int finite;
  if (fr_guide_elbo(guide, toy_density, m, S, ld, eps, elbo, NULL, &finite, work) != FR_OK || !finite) sum = NAN;
  for (int s = 0; s < S; s++) sum += elbo[s];
  free(elbo);
  return sum / S;
}

static double difference(const fr_guide *guide, double *parameter, toy *m, int S, size_t ld, const double *eps, double *work)
{
  const double h = 1e-5, keep = *parameter;
  *parameter = keep + h;
  double up = mean_elbo(guide, m, S, ld, eps, work);
  *parameter = keep - h;
  double down = mean_elbo(guide, m, S, ld, eps, work);
  *parameter = keep;
  return (up - down) / (2 * h);
}

static void test_elbo(int d, int S, size_t ld)
{
  fr_guide guide = random_guide(d), gradient = new_guide(d);
  for (int i = 0; i < d; i++) guide.loc[i] *= 0.3;
  for (size_t k = 0; k < fr_tril_size((size_t)d); k++) guide.tril[k] *= 0.3;
  double *eps = doubles((size_t)d * ld), *work = doubles(fr_guide_elbo_work(d, S)), *elbo = doubles((size_t)S);
  double sum = 0.0, largest = 0.0, worst = 0.0;
  int finite = 0;
  toy m = {.d = d};
  fr_normals(8, FR_STREAM_STEP, 0, 0, S, d, ld, eps);
  CHECK(fr_guide_elbo(&guide, toy_density, &m, S, ld, eps, elbo, &gradient, &finite, work) == FR_OK);
  CHECK(finite == 1);
  CHECK(m.S == S && m.ld == (size_t)fr_width(S));
  for (int s = 0; s < S; s++) sum += elbo[s];
  CHECK_CLOSE(mean_elbo(&guide, &m, S, ld, eps, work), sum / S, 1e-14, 0.0);
  for (int i = 0; i < d; i++) {
    largest = fr_worst(largest, fabs(gradient.loc[i]));
    worst = fr_worst(worst, fabs(gradient.loc[i] - difference(&guide, guide.loc + i, &m, S, ld, eps, work)));
    worst = fr_worst(worst, fabs(gradient.scale_unconstrained[i] -
                             difference(&guide, guide.scale_unconstrained + i, &m, S, ld, eps, work)));
    for (int j = i > 3 ? i - 3 : 0; j < i; j++) { /* a band will do */
      const size_t at = fr_tril_at((size_t)i, (size_t)j);
      worst = fr_worst(worst, fabs(gradient.tril[at] - difference(&guide, guide.tril + at, &m, S, ld, eps, work)));
    }
  }
  CHECK(worst < 1e-6 * (1.0 + largest));
  free_guide(&guide);
  free_guide(&gradient);
  free(eps);
  free(work);
  free(elbo);
}

static void test_refusals(void)
{
  enum { D = 9, S = 12 };
  const double spoils[] = {NAN, INFINITY, -INFINITY};
  fr_guide guide = random_guide(D), gradient = new_guide(D);
  double *eps = doubles(D * S), *work = doubles(fr_guide_elbo_work(D, S)), elbo[S];
  int finite = -1;
  toy m = {.d = D};
  fr_normals(8, FR_STREAM_STEP, 0, 0, S, D, S, eps);
  for (int k = 0; k < 3; k++) {
    m = (toy){.d = D, .spoil = spoils[k]};
    CHECK(fr_guide_elbo(&guide, toy_density, &m, S, S, eps, elbo, &gradient, &finite, work) == FR_OK);
    CHECK(finite == 0);
    CHECK(!isfinite(elbo[0]) && isfinite(elbo[1]));
    m = (toy){.d = D, .spoil_gradient = spoils[k]};
    CHECK(fr_guide_elbo(&guide, toy_density, &m, S, S, eps, elbo, &gradient, &finite, work) == FR_OK);
    CHECK(finite == 0);
    CHECK(fr_guide_elbo(&guide, toy_density, &m, S, S, eps, elbo, NULL, &finite, work) == FR_OK);
    CHECK(finite == 1); /* nobody asked for the gradient */
  }
  m = (toy){.d = D, .status = FR_INTERRUPTED};
  CHECK(fr_guide_elbo(&guide, toy_density, &m, S, S, eps, elbo, &gradient, &finite, work) == FR_INTERRUPTED);
  CHECK(fr_guide_elbo(&guide, toy_density, &m, 0, S, eps, elbo, &gradient, &finite, work) == FR_ERR_ARGUMENT);
  CHECK(fr_guide_elbo(&guide, toy_density, &m, S, S - 1, eps, elbo, &gradient, &finite, work) == FR_ERR_ARGUMENT);
  guide.d = 0;
  CHECK(fr_guide_elbo(&guide, toy_density, &m, S, S, eps, elbo, &gradient, &finite, work) == FR_ERR_ARGUMENT);
  free_guide(&guide);
  free_guide(&gradient);
  free(eps);
  free(work);
}

/* ---- Pyro ---- */

/* mu ~ Normal(0, 10), sigma ~ LogNormal(0, 1), y_i ~ Normal(mu, sigma): z = (mu, log sigma). The data are 100
 * values; their sum and sum of squares are all that the density needs. */
static int seed_density(void *model, int S, size_t ld, const double *z, double *log_prob, double *gradient)
{
  const double n = 100.0, sum = 282.346383, square = 1127.017870334939;
  (void)model;
  for (int s = 0; s < S; s++) {
    const double mu = z[s], u = z[ld + (size_t)s], precision = exp(-2.0 * u);
    const double rest = square - 2.0 * mu * sum + n * mu * mu;
    log_prob[s] = -0.005 * mu * mu - log(10.0) - 0.5 * u * u - (n + 2.0) * FR_LOG_SQRT_2PI - n * u - 0.5 * precision * rest;
    if (gradient) {
      gradient[s] = -0.01 * mu + precision * (sum - n * mu);
      gradient[ld + (size_t)s] = -u - n + precision * rest;
    }
  }
  return FR_OK;
}

/* reference/elbo.json, normal_location_scale, configuration "correlated" */
static void test_pyro(void)
{
  double loc[2] = {3.356293750145323, 0.9624352083667731};
  double scale_unconstrained[2] = {-1.0898283184203208, -2.07993246888994};
  const double matrix[4] = {0.0, 0.23808649825026534, 0.0, 0.0};
  const double eps[8] = {-0.25001353358513434, -0.4280840067640782, 0.09671912405619901, -0.26870603364939344,
                         -0.6023864391110364, 0.07173470176248886, -1.5591518413922796, -1.3448111474077982};
  const double want[4] = {-216.1815544312136, -219.33869397535227, -212.7141203586504, -212.289975056163};
  double tril[64], elbo[4];
  fr_guide guide = {.d = 2, .loc = loc, .scale_unconstrained = scale_unconstrained, .tril = tril}, gradient = new_guide(2);
  int finite;
  fr_tril_pack(2, matrix, 1, tril);
  double *space = doubles(fr_guide_elbo_work(2, 4));
  CHECK(fr_guide_elbo(&guide, seed_density, NULL, 4, 4, eps, elbo, &gradient, &finite, space) == FR_OK);
  for (int s = 0; s < 4; s++) CHECK_NEAR(elbo[s], want[s], 1e-12);
  CHECK_NEAR(gradient.loc[0], -8.74576490230453, 1e-11);
  CHECK_NEAR(gradient.loc[1], -36.43113528039375, 1e-11);
  CHECK_NEAR(gradient.scale_unconstrained[0], 1.2398940285057651, 1e-11);
  CHECK_NEAR(gradient.scale_unconstrained[1], 3.965820784610004, 1e-11);
  CHECK_NEAR(gradient.tril[fr_tril_at(1, 0)], 1.0946298453791532, 1e-11);
  CHECK(fr_guide_elbo(&guide, seed_density, NULL, 1, 4, eps, elbo, &gradient, &finite, space) == FR_OK);
  CHECK_NEAR(elbo[0], want[0], 1e-12);
  CHECK_NEAR(gradient.loc[0], -7.881894810115078, 1e-11);
  CHECK_NEAR(gradient.loc[1], -41.03625789620729, 1e-11);
  CHECK_NEAR(gradient.scale_unconstrained[0], 1.364001791717532, 1e-11);
  CHECK_NEAR(gradient.scale_unconstrained[1], 3.9601028192171874, 1e-11);
  CHECK_NEAR(gradient.tril[fr_tril_at(1, 0)], 1.2078496554493758, 1e-11);
  free(space);
  free_guide(&gradient);
}

void test_guide(void)
{
  const int dims[] = {1, 2, 7, 8, 9, 33}, particles[] = {1, 2, 8, 12};
  test_start();
  for (int i = 0; i < 6; i++)
    for (int k = 0; k < 4; k++) {
      const int d = dims[i], S = particles[k];
      test_sample(d, S);
      test_elbo(d, S, (size_t)S);
      test_elbo(d, S, (size_t)S + 3);
      test_elbo(d, S, (size_t)fr_width(S));
    }
  test_refusals();
  test_pyro();
}
