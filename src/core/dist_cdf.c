/* dist_cdf.c: log probabilities of intervals, from the distribution functions of the table (dist.h). */
#include "dist.h"
#include "special.h"

/* log P(lower <= X <= upper) and its partials: d[0] in lower, d[1] in upper, d[2 + a] in argument a.
 *
 * F and S are the lower and the upper tail. Of the three ways to write the probability, the one whose terms do
 * not cancel: S(lower) - S(upper) above the median, F(upper) - F(lower) below it, 1 - F(lower) - S(upper) around
 * it. A discrete variable is at least `lower` where it is above the whole number before it. */
static double log_interval(const fr_dist *dist, double lower, double upper, const double *arg, double *d)
{
  double da[1 + FR_DIST_MAX_ARGS] = {0.0}, db[1 + FR_DIST_MAX_ARGS] = {0.0}, wa, wb, lp;
  int n = dist->n_args;
  for (int j = 0; j < 2 + n; j++) d[j] = 0.0;
  if (lower != lower || upper != upper) return NAN;
  if (dist->discrete && isfinite(lower)) lower = ceil(lower) - 1.0;
  if (!(lower < upper)) return -INFINITY;

  if (isinf(lower) && isinf(upper)) return lower < 0.0 && upper > 0.0 ? 0.0 : -INFINITY;
  if (isinf(lower)) {
    lp = lower > 0.0 ? -INFINITY : dist->cdf(upper, arg, 0, db);
    wa = 0.0, wb = 1.0;
  } else if (isinf(upper)) {
    lp = dist->cdf(lower, arg, 1, da);
    wa = 1.0, wb = 0.0;
  } else {
    double below = dist->cdf(lower, arg, 0, da);
    int tail = below > -FR_LN_2;            /* the whole interval is above the median */
    double to = dist->cdf(upper, arg, 0, db);
    if (!tail && to <= -FR_LN_2) {
      lp = to + fr_log1m_exp(below - to);
      wa = -exp(below - lp), wb = exp(to - lp);
    } else if (!tail) {
      double above = dist->cdf(upper, arg, 1, db);
      lp = log1p(-(exp(below) + exp(above)));
      wa = -exp(below - lp), wb = -exp(above - lp);
    } else {
      double from = dist->cdf(lower, arg, 1, da), above = dist->cdf(upper, arg, 1, db);
      lp = from + fr_log1m_exp(above - from);
      wa = exp(from - lp), wb = -exp(above - lp);
    }
  }
  if (!(lp > -INFINITY)) return lp;
  if (wa != 0.0) d[0] = wa * da[0];
  if (wb != 0.0) d[1] = wb * db[0];
  for (int a = 0; a < n; a++)
    d[2 + a] = (wa != 0.0 ? wa * da[1 + a] : 0.0) + (wb != 0.0 ? wb * db[1 + a] : 0.0);
  return lp;
}

static double value_of(const fr_operand *o, long i, int W, int l)
{
  long at = o->row ? i : 0;
  return o->lane ? o->v[at * W + l] : o->v[at];
}

void fr_dist_log_interval(const fr_dist *dist, const fr_rows *call)
{
  const int W = call->W, n = dist->n_args;
  for (long i = 0; i < call->rows; i++)
    for (int l = 0; l < W; l++) {
      double arg[FR_DIST_MAX_ARGS], d[2 + FR_DIST_MAX_ARGS];
      double bar = call->out_bar ? call->out_bar[i * W + l] : 0.0;
      if (call->out_bar && bar == 0.0) continue;
      for (int a = 0; a < n; a++) arg[a] = value_of(&call->v[2 + a], i, W, l);
      double lp = log_interval(dist, value_of(&call->v[0], i, W, l), value_of(&call->v[1], i, W, l), arg, d);
      if (!call->out_bar) {
        call->out[i * W + l] = lp;
        continue;
      }
      for (int j = 0; j < 2 + n; j++) {
        const fr_operand *o = &call->v[j];
        if (o->a && (W == 1 || o->lane)) o->a[(o->row ? i : 0) * W + l] += bar * d[j];
      }
    }
}
