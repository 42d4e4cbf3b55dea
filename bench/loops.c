/* The yardsticks of bench/loops.R: log density and gradient of a GARCH(1,1), a hidden Markov model with two states and an AR(5), on
 * the constrained scale, each as a plain C loop forward and one backward, written by hand. */
#include <R.h>
#include <Rinternals.h>
#include <math.h>

/* theta: mu, a0, a1, b1; s[0] given; y_t ~ normal(mu, s_t) */
SEXP loop_garch(SEXP y_, SEXP theta, SEXP s1, SEXP repeats)
{
  const double *y = REAL(y_);
  int n = LENGTH(y_), times = Rf_asInteger(repeats);
  double mu = REAL(theta)[0], a0 = REAL(theta)[1], a1 = REAL(theta)[2], b1 = REAL(theta)[3], lp = 0, g[4] = {0};
  double *s = (double *)R_alloc((size_t)n, sizeof(double)), *q = (double *)R_alloc((size_t)n, sizeof(double));
  for (int k = 0; k < times; k++) {
    lp = 0;
    g[0] = g[1] = g[2] = g[3] = 0;
    s[0] = Rf_asReal(s1);
    for (int t = 1; t < n; t++) {
      double e = y[t - 1] - mu;
      s[t] = sqrt(a0 + a1 * e * e + b1 * s[t - 1] * s[t - 1]);
    }
    for (int t = 0; t < n; t++) {
      double inv = 1 / s[t], z = (y[t] - mu) * inv;
      lp += -0.5 * z * z - log(s[t]) - 0.9189385332046727;
      q[t] = (z * z - 1) * inv;
      g[0] += z * inv;
    }
    for (int t = n - 1; t > 0; t--) {
      double e = y[t - 1] - mu, bar = 0.5 * q[t] / s[t];
      g[1] += bar;
      g[2] += bar * e * e;
      g[3] += bar * s[t - 1] * s[t - 1];
      g[0] -= 2 * bar * a1 * e;
      q[t - 1] += 2 * bar * b1 * s[t - 1];
    }
    mu += 1e-13 * g[0];
  }
  SEXP out = PROTECT(Rf_allocVector(REALSXP, 5));
  REAL(out)[0] = lp;
  for (int i = 0; i < 4; i++) REAL(out)[i + 1] = g[i];
  UNPROTECT(1);
  return out;
}

/* theta: mu[2], log transition matrix L[2 x 2], column-major; emissions normal(mu_k, 1) */
SEXP loop_hmm(SEXP y_, SEXP theta, SEXP repeats)
{
  const double *y = REAL(y_);
  int n = LENGTH(y_), times = Rf_asInteger(repeats);
  double mu[2] = {REAL(theta)[0], REAL(theta)[1]}, L[4], lp = 0, g[6] = {0};
  for (int i = 0; i < 4; i++) L[i] = REAL(theta)[2 + i];
  double *a = (double *)R_alloc(2 * (size_t)n, sizeof(double)), *m = (double *)R_alloc(2 * (size_t)n, sizeof(double));
  for (int r = 0; r < times; r++) {
    for (int i = 0; i < 6; i++) g[i] = 0;
    for (int k = 0; k < 2; k++) a[k] = -0.5 * (y[0] - mu[k]) * (y[0] - mu[k]) - 0.9189385332046727;
    for (int t = 1; t < n; t++)
      for (int k = 0; k < 2; k++) {
        double u = a[2 * t - 2] + L[2 * k], v = a[2 * t - 1] + L[1 + 2 * k], top = u > v ? u : v;
        m[2 * t + k] = top + log(exp(u - top) + exp(v - top));
        a[2 * t + k] = m[2 * t + k] - 0.5 * (y[t] - mu[k]) * (y[t] - mu[k]) - 0.9189385332046727;
      }
    double u = a[2 * n - 2], v = a[2 * n - 1], top = u > v ? u : v;
    lp = top + log(exp(u - top) + exp(v - top));
    double bar[2] = {exp(u - lp), exp(v - lp)};
    for (int t = n - 1; t > 0; t--) {
      double next[2] = {0, 0};
      for (int k = 0; k < 2; k++) {
        g[k] += bar[k] * (y[t] - mu[k]);
        for (int j = 0; j < 2; j++) {
          double w = bar[k] * exp(a[2 * t - 2 + j] + L[j + 2 * k] - m[2 * t + k]);
          next[j] += w;
          g[2 + j + 2 * k] += w;
        }
      }
      bar[0] = next[0];
      bar[1] = next[1];
    }
    for (int k = 0; k < 2; k++) g[k] += bar[k] * (y[0] - mu[k]);
    mu[0] += 1e-13 * g[0];
  }
  SEXP out = PROTECT(Rf_allocVector(REALSXP, 7));
  REAL(out)[0] = lp;
  for (int i = 0; i < 6; i++) REAL(out)[i + 1] = g[i];
  UNPROTECT(1);
  return out;
}

/* theta: alpha, beta[K], sigma */
SEXP loop_ar(SEXP y_, SEXP theta, SEXP repeats)
{
  const double *y = REAL(y_);
  int n = LENGTH(y_), K = LENGTH(theta) - 2, times = Rf_asInteger(repeats);
  double *th = (double *)R_alloc((size_t)K + 2, sizeof(double)), *g = (double *)R_alloc((size_t)K + 2, sizeof(double)), lp = 0;
  for (int i = 0; i < K + 2; i++) th[i] = REAL(theta)[i];
  for (int r = 0; r < times; r++) {
    double inv = 1 / th[K + 1], square = 0;
    for (int i = 0; i < K + 2; i++) g[i] = 0;
    for (int t = K; t < n; t++) {
      double m = th[0];
      for (int k = 1; k <= K; k++) m += th[k] * y[t - k];
      double z = (y[t] - m) * inv;
      square += z * z;
      g[0] += z * inv;
      for (int k = 1; k <= K; k++) g[k] += z * inv * y[t - k];
    }
    lp = -0.5 * square - (n - K) * (log(th[K + 1]) + 0.9189385332046727);
    g[K + 1] = (square - (n - K)) * inv;
    th[0] += 1e-13 * g[0];
  }
  SEXP out = PROTECT(Rf_allocVector(REALSXP, K + 3));
  REAL(out)[0] = lp;
  for (int i = 0; i < K + 2; i++) REAL(out)[i + 1] = g[i];
  UNPROTECT(1);
  return out;
}
