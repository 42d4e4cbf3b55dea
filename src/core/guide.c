/* guide.c: see guide.h. */
#include "guide.h"

#include "special.h"
#include "tril.h"

static void fill_lanes(int d, int S, size_t ld, const double *eps, size_t W, double *out);
static int all_finite(int rows, int S, size_t ld, const double *x);
static void gradient_from(const fr_guide *guide, const double *scale, int S, size_t ld, const double *eps,
                          const double *t_eps, double *g, fr_guide_gradient *gradient);

int fr_guide_start(fr_guide *guide, const double *init, double init_scale)
{
  const size_t d = (size_t)guide->d;
  if (guide->d < 1 || !(init_scale > 0.0) || isinf(init_scale)) return FR_ERR_ARGUMENT;
  if (!all_finite(1, guide->d, d, init)) return FR_ERR_NOT_FINITE;
  const double unconstrained = fr_softplus_inverse(init_scale);
  for (size_t i = 0; i < d; i++) {
    guide->loc[i] = init[i];
    guide->scale_unconstrained[i] = unconstrained;
  }
  memset(guide->tril, 0, fr_tril_size(d) * sizeof(double));
  return FR_OK;
}

void fr_guide_constrain(int d, const double *scale_unconstrained, double *scale)
{
  for (int i = 0; i < d; i++) scale[i] = fr_softplus(scale_unconstrained[i]);
}

int fr_guide_unconstrain(int d, const double *scale, double *scale_unconstrained)
{
  for (int i = 0; i < d; i++) {
    if (!(scale[i] > 0.0) || isinf(scale[i])) return FR_ERR_DOMAIN;
    scale_unconstrained[i] = fr_softplus_inverse(scale[i]);
  }
  return FR_OK;
}

void fr_guide_sample(const fr_guide *guide, const double *scale, int S, size_t ld, const double *eps,
                     double *t_eps, double *z)
{
  fr_tril_unit_multiply(guide->d, guide->tril, S, ld, eps, t_eps);
  for (int i = 0; i < guide->d; i++) {
    const double *t = t_eps + (size_t)i * ld;
    double *out = z + (size_t)i * ld;
    for (int s = 0; s < S; s++) out[s] = guide->loc[i] + scale[i] * t[s];
  }
}

static double sum_log(int d, const double *scale)
{
  double sum = 0.0;
  for (int i = 0; i < d; i++) sum += log(scale[i]);
  return sum;
}

void fr_guide_log_q(int d, const double *scale, int S, size_t ld, const double *eps, double *log_q)
{
  const double constant = -d * FR_LOG_SQRT_2PI - sum_log(d, scale);
  for (int s = 0; s < S; s++) log_q[s] = 0.0;
  for (int i = 0; i < d; i++) {
    const double *e = eps + (size_t)i * ld;
    for (int s = 0; s < S; s++) log_q[s] += e[s] * e[s];
  }
  for (int s = 0; s < S; s++) log_q[s] = constant - 0.5 * log_q[s];
}

double fr_guide_entropy(int d, const double *scale)
{
  return d * (0.5 + FR_LOG_SQRT_2PI) + sum_log(d, scale);
}

/* ---- ELBO ---- */

/* scale (fr_whole(d)), then eps, T eps, z and the density's gradient (d x W each), then its value (W) */
size_t fr_guide_elbo_work(int d, int S)
{
  const size_t n = (size_t)d, W = (size_t)fr_width(S);
  return fr_whole(n) + 4 * n * W + W;
}

int fr_guide_elbo(const fr_guide *guide, fr_log_density log_density, void *model, int S, size_t ld,
                  const double *eps, double *elbo, fr_guide_gradient *gradient, int *finite, double *work)
{
  const int d = guide->d;
  if (d < 1 || S < 1 || ld < (size_t)S) return FR_ERR_ARGUMENT;
  const size_t W = (size_t)fr_width(S), block = (size_t)d * W;
  double *scale = work, *filled = scale + fr_whole((size_t)d), *t_eps = filled + block, *z = t_eps + block, *g = z + block;
  double *log_prob = g + block;
  if (ld != W || (size_t)S < W) {
    fill_lanes(d, S, ld, eps, W, filled);
    eps = filled;
  }

  fr_guide_constrain(d, guide->scale_unconstrained, scale);
  fr_guide_sample(guide, scale, (int)W, W, eps, t_eps, z);
  int status = log_density(model, S, W, z, log_prob, gradient ? g : NULL);
  if (status != FR_OK) return status;

  fr_guide_log_q(d, scale, S, W, eps, elbo);
  for (int s = 0; s < S; s++) elbo[s] = log_prob[s] - elbo[s];
  *finite = all_finite(1, S, W, elbo) && (!gradient || all_finite(d, S, W, g));
  if (gradient && *finite) gradient_from(guide, scale, S, W, eps, t_eps, g, gradient);
  return FR_OK;
}

fr_outer fr_guide_outer(int d, int S, size_t ld, const double *eps, const double *work)
{
  const size_t W = (size_t)fr_width(S), block = (size_t)d * W;
  const double *filled = work + fr_whole((size_t)d), *g = filled + 3 * block;
  return (fr_outer){.particles = S, .ld = W, .g = g, .eps = ld != W || (size_t)S < W ? filled : eps};
}

/* out (d x W) = eps (d x ld) with lanes beyond S set to 0, so that their points are loc */
static void fill_lanes(int d, int S, size_t ld, const double *eps, size_t W, double *out)
{
  for (int i = 0; i < d; i++, eps += ld, out += W) {
    memcpy(out, eps, (size_t)S * sizeof(double));
    for (size_t s = (size_t)S; s < W; s++) out[s] = 0.0;
  }
}

static int all_finite(int rows, int S, size_t ld, const double *x)
{
  double zero = 0.0; /* x - x is 0 for a finite x, NaN for any other */
  for (int i = 0; i < rows; i++, x += ld)
    for (int s = 0; s < S; s++) zero += x[s] - x[s];
  return zero == 0.0;
}

/* The gradient of the mean over particles of log p(z) - log q(z), z = loc + diag(scale) T eps: g (d x ld), the
 * gradient of log p, is used up. log q depends on scale alone: -sum log scale. */
static void gradient_from(const fr_guide *guide, const double *scale, int S, size_t ld, const double *eps,
                          const double *t_eps, double *g, fr_guide_gradient *gradient)
{
  const int d = guide->d;
  for (int i = 0; i < d; i++) {
    const double *t = t_eps + (size_t)i * ld;
    double *row = g + (size_t)i * ld, sum = 0.0, with_t = 0.0;
    for (int s = 0; s < S; s++) {
      sum += row[s];
      with_t += row[s] * t[s];
      row[s] *= scale[i];
    }
    gradient->loc[i] = sum / S;
    gradient->scale_unconstrained[i] = (with_t / S + 1.0 / scale[i]) * fr_sigmoid(guide->scale_unconstrained[i]);
  }
  if (!gradient->tril) return;
  memset(gradient->tril, 0, fr_tril_size((size_t)d) * sizeof(double));
  fr_tril_add_outer(d, 1.0 / S, S, ld, g, eps, gradient->tril);
}
