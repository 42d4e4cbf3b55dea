/* verdict.c: see verdict.h. */
#include "verdict.h"
#include "rng.h"
#include "tril.h"

static void whiten(const fr_guide *guide, const double *scale, int S, size_t ld, double *g);
static int keep_finite(int d, int pairs, size_t ld, double *e, double *z_gradient, double *lp);
static void estimate_elbo(int d, const double *scale, int kept, int pairs, size_t ld, const double *e, const double *lp,
                          double *log_q, fr_verdict *out);
static void u_statistic(int d, int pairs, size_t ld, const double *a, const double *b, const double *e,
                        double *row_mean, fr_verdict *out);

/* e, then both halves of t_eps, z and gradient side by side, scale, densities, row means */
size_t fr_verdict_work(int d, int pairs)
{
  size_t ld = (size_t)fr_width(2 * pairs), n = (size_t)d * ld;
  return 4 * n + (size_t)d + 2 * ld;
}

int fr_verdict_judge(const fr_guide *guide, fr_log_density log_density, void *model, int pairs, uint64_t seed,
                     uint64_t step, fr_verdict *out, double *work)
{
  int d = guide->d, S = 2 * pairs;
  size_t ld = (size_t)fr_width(S), n = (size_t)d * ld;
  double *e = work, *t_eps = e + n, *z = t_eps + n, *g = z + n, *scale = g + n, *lp = scale + d, *row_mean = lp + ld;
  fr_guide_constrain(d, guide->scale_unconstrained, scale);
  fr_normals(seed, FR_STREAM_CHECK, step, 0, pairs, d, ld, e);
  for (int j = 0; j < d; j++)
    for (int p = 0; p < pairs; p++) e[j * ld + pairs + p] = -e[j * ld + p];
  fr_guide_sample(guide, scale, S, ld, e, t_eps, z);
  int status = log_density(model, S, ld, z, lp, g);
  if (status != FR_OK) return status;

  int kept = keep_finite(d, pairs, ld, e, g, lp);
  *out = (fr_verdict){.finite = kept, .gap = NAN, .gap_se = NAN};
  estimate_elbo(d, scale, kept, pairs, ld, e, lp, row_mean, out);
  if (kept < 3) return FR_OK;
  whiten(guide, scale, S, ld, g);
  double *a = t_eps, *b = z;
  for (int j = 0; j < d; j++)
    for (int p = 0; p < kept; p++) {
      double plus = g[j * ld + p], minus = g[j * ld + pairs + p];
      a[j * ld + p] = 0.5 * (plus + minus);
      b[j * ld + p] = 0.5 * (plus - minus) + e[j * ld + p];
    }
  u_statistic(d, kept, ld, a, b, e, row_mean, out);
  return FR_OK;
}

/* log p - log q, with log q as drawn: at a Gaussian optimum each pair gives the same value. log_q: kept. */
static void estimate_elbo(int d, const double *scale, int kept, int pairs, size_t ld, const double *e, const double *lp,
                          double *log_q, fr_verdict *out)
{
  double mean = 0.0, square = 0.0;
  fr_guide_log_q(d, scale, kept, ld, e, log_q);
  for (int p = 0; p < kept; p++) mean += (0.5 * (lp[p] + lp[pairs + p]) - log_q[p]) / kept;
  for (int p = 0; p < kept; p++) {
    double off = 0.5 * (lp[p] + lp[pairs + p]) - log_q[p] - mean;
    square += off * off;
  }
  out->elbo = kept > 0 ? mean : NAN;
  out->elbo_se = kept > 1 ? sqrt(square / (kept - 1) / kept) : NAN;
}

/* Move the pairs with finite values to the front; returns how many there are. */
static int keep_finite(int d, int pairs, size_t ld, double *e, double *g, double *lp)
{
  int kept = 0;
  for (int p = 0; p < pairs; p++) {
    int finite = isfinite(lp[p]) && isfinite(lp[pairs + p]);
    for (int j = 0; finite && j < d; j++) finite = isfinite(g[j * ld + p]) && isfinite(g[j * ld + pairs + p]);
    if (!finite) continue;
    if (kept != p) {
      lp[kept] = lp[p];
      lp[pairs + kept] = lp[pairs + p];
      for (int j = 0; j < d; j++) {
        e[j * ld + kept] = e[j * ld + p];
        g[j * ld + kept] = g[j * ld + p];
        g[j * ld + pairs + kept] = g[j * ld + pairs + p];
      }
    }
    kept++;
  }
  return kept;
}

/* g = L'g in place, L = diag(scale) T: entry j needs entries i >= j only, so j ascends. Cost d^2 S / 2. */
static void whiten(const fr_guide *guide, const double *scale, int S, size_t ld, double *g)
{
  for (int j = 0; j < guide->d; j++) {
    double *row = g + j * ld;
    for (int s = 0; s < S; s++) row[s] *= scale[j];
    for (int i = j + 1; i < guide->d; i++) {
      double t = guide->tril[fr_tril_at((size_t)i, (size_t)j)] * scale[i];
      const double *other = g + i * ld;
      for (int s = 0; s < S; s++) row[s] += t * other[s];
    }
  }
}

static double column_dot(int d, size_t ld, const double *x, int p, const double *y, int q)
{
  double s = 0.0;
  for (int j = 0; j < d; j++) s += x[j * ld + p] * y[j * ld + q];
  return s;
}

/* U = mean over pairs p < q of k(p, q); its variance from the spread of the row means (Hoeffding's
 * projection), which in the degenerate case, at the optimum, errs on the safe side. */
static void u_statistic(int d, int pairs, size_t ld, const double *a, const double *b, const double *e,
                        double *row_mean, fr_verdict *out)
{
  double total = 0.0, square = 0.0;
  for (int p = 0; p < pairs; p++) row_mean[p] = 0.0;
  for (int p = 0; p < pairs; p++)
    for (int q = p + 1; q < pairs; q++) {
      double factor = column_dot(d, ld, b, p, b, q) * column_dot(d, ld, e, p, e, q) +
                      column_dot(d, ld, b, p, e, q) * column_dot(d, ld, e, p, b, q);
      double k = 0.5 * column_dot(d, ld, a, p, a, q) + 0.125 * factor;
      row_mean[p] += k / (pairs - 1);
      row_mean[q] += k / (pairs - 1);
    }
  for (int p = 0; p < pairs; p++) total += row_mean[p] / pairs;
  for (int p = 0; p < pairs; p++) square += (row_mean[p] - total) * (row_mean[p] - total);
  out->gap = total;
  out->gap_se = 2.0 * sqrt(square / (pairs - 1) / pairs);
}
