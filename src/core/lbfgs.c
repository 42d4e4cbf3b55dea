/* lbfgs.c: limited-memory BFGS (Nocedal 1980) for maximisation, and its line search. See natural_parts.h. */
#include "natural_parts.h"

#include "dense_blocked.h"

void fr_lbfgs_direction(size_t n, int held, const double *s, const double *y, double h0, const double *g, double *q, double *alpha)
{
  if (q != g) memcpy(q, g, n * sizeof(double));
  for (int k = held - 1; k >= 0; k--) {
    const double *sk = s + (size_t)k * n, *yk = y + (size_t)k * n;
    alpha[k] = fr_dot(n, sk, q) / fr_dot(n, yk, sk);
    for (size_t i = 0; i < n; i++) q[i] -= alpha[k] * yk[i];
  }
  for (size_t i = 0; i < n; i++) q[i] *= h0;
  for (int k = 0; k < held; k++) {
    const double *sk = s + (size_t)k * n, *yk = y + (size_t)k * n;
    const double f = alpha[k] - fr_dot(n, yk, q) / fr_dot(n, yk, sk);
    for (size_t i = 0; i < n; i++) q[i] += f * sk[i];
  }
}

/* The same for a large n: the vectors H y of each update come from the updates before it, so that the sum of all is two products.
 * work: 2 held n */
static void covariance_at_once(size_t n, int held, const double *s, const double *y, double *H, double *work)
{
  const size_t m = (size_t)held;
  double *w = work, *t = w + m * n; /* of update k: -H y / y's, and what s is multiplied by */
  for (size_t k = 0; k < m; k++) {
    const double *sk = s + k * n, *yk = y + k * n, r = 1.0 / fr_dot(n, yk, sk);
    double *wk = w + k * n, *tk = t + k * n;
    for (size_t i = 0; i < n; i++) wk[i] = -r * H[0] * yk[i];
    for (size_t j = 0; j < k; j++) {
      fr_add_scaled(n, -r * fr_dot(n, t + j * n, yk), s + j * n, wk);
      fr_add_scaled(n, -r * fr_dot(n, s + j * n, yk), w + j * n, wk);
    }
    const double c = r - r * fr_dot(n, yk, wk);
    for (size_t i = 0; i < n; i++) tk[i] = c * sk[i] + wk[i];
  }
  fr_blocked_multiply_add(n, m, n, 1.0, (fr_strided){s, 1, n}, FR_NO_ZEROS, (fr_strided){t, n, 1}, H, n);
  fr_blocked_multiply_add(n, m, n, 1.0, (fr_strided){w, 1, n}, FR_NO_ZEROS, (fr_strided){s, n, 1}, H, n);
}

void fr_lbfgs_covariance(int n, int held, const double *s, const double *y, double h0, double *H, double *work)
{
  const size_t N = (size_t)n;
  memset(H, 0, N * N * sizeof(double));
  for (size_t i = 0; i < N; i++) H[i * N + i] = h0;
  if (n >= FR_BLOCKED_FROM) {
    covariance_at_once(N, held, s, y, H, work);
    return;
  }
  for (int k = 0; k < held; k++) {
    const double *sk = s + (size_t)k * N, *yk = y + (size_t)k * N;
    const double r = 1.0 / fr_dot(N, yk, sk);
    for (size_t i = 0; i < N; i++) work[i] = fr_dot(N, H + i * N, yk);
    const double c = r * r * fr_dot(N, yk, work) + r;
    for (size_t i = 0; i < N; i++)
      for (size_t j = 0; j < N; j++) H[i * N + j] += c * sk[i] * sk[j] - r * (sk[i] * work[j] + work[i] * sk[j]);
  }
}

void fr_search_start(fr_natural_counters *c, double slope, double length)
{
  c->slope = slope;
  c->length = length;
  c->low = 0.0;
  c->high = INFINITY;
  c->trials = 0.0;
  c->best_length = 0.0;
  c->best_value = -INFINITY;
}

int fr_search_trial(fr_natural_counters *c, int finite, double value, double slope, int most, int enough, int *better)
{
  *better = finite && value >= c->value + 1e-4 * c->length * c->slope && value > c->best_value;
  if (*better) {
    c->best_length = c->length;
    c->best_value = value;
    if (slope <= 0.9 * c->slope || (c->trials > enough && !isinf(c->high))) return FR_SEARCH_DONE;
    c->low = c->length;
  } else {
    c->high = c->length;
  }
  c->length = isinf(c->high) ? 2.0 * c->length : 0.5 * (c->low + c->high);
  c->trials += 1.0;
  if (c->trials < most) return FR_SEARCH_ON;
  return c->best_length > 0.0 ? FR_SEARCH_DONE : FR_SEARCH_FAILED;
}
