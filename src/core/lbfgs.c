/* lbfgs.c: limited-memory BFGS (Nocedal 1980) for maximisation, and its line search. See natural_parts.h. */
#include "natural_parts.h"

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

void fr_lbfgs_covariance(int n, int held, const double *s, const double *y, double h0, double *H, double *work)
{
  const size_t N = (size_t)n;
  memset(H, 0, N * N * sizeof(double));
  for (size_t i = 0; i < N; i++) H[i * N + i] = h0;
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
