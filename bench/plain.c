/* The yardstick of bench/steps.R: the seed model's log density and gradient as a plain C loop over rows. */
#include <R.h>
#include <Rinternals.h>
#include <math.h>

/* repeats evaluations at points a little apart; returns the last value, so that no loop is optimised away */
SEXP plain_seed_model(SEXP y, SEXP z, SEXP repeats)
{
  const double *v = REAL(y);
  int n = LENGTH(y), times = Rf_asInteger(repeats);
  double loc = REAL(z)[0], u = REAL(z)[1], lp = 0.0, g_loc = 0.0, g_u = 0.0;
  for (int k = 0; k < times; k++) {
    double scale = exp(u), inv = 1.0 / scale, sum = 0.0, square = 0.0;
    for (int i = 0; i < n; i++) {
      double r = (v[i] - loc) * inv;
      sum += r;
      square += r * r;
    }
    lp = -0.5 * square - n * (u + 0.9189385332046727) - 0.5 * loc * loc / 100.0 - 3.2215236261987186 - 0.5 * u * u - 0.9189385332046727;
    g_loc = sum * inv - loc / 100.0;
    g_u = square - n - u;
    loc += 1e-12 * g_loc;
    u += 1e-12 * g_u;
  }
  SEXP out = PROTECT(Rf_allocVector(REALSXP, 3));
  REAL(out)[0] = lp;
  REAL(out)[1] = g_loc;
  REAL(out)[2] = g_u;
  UNPROTECT(1);
  return out;
}
