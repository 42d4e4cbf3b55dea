/* dist_events.h: what densities of events share. Layouts are those of fr_event_fn in dist.h: matrices K x K,
 * column-major; where `bar` is 0 nothing is added, be the partials infinite or not. */
#ifndef FR_DIST_EVENTS_H
#define FR_DIST_EVENTS_H

#include "dist_rows.h"

#define FR_EVENTS(name)                                                                                \
  static double name##_events(long N, int K, const double *x, const double *const *arg, const long *stride, \
                              double bar, double *dx, double *const *darg, double *work)

/* Event i of an argument, or of its adjoint, which may be absent. */
FR_INLINE const double *event_of(const double *v, long stride, long i) { return v + i * stride; }
FR_INLINE double *bar_of(double *v, long stride, long i) { return v ? v + i * stride : NULL; }

FR_INLINE double sum_of(int K, const double *x)
{
  double s = 0.0;
  for (int k = 0; k < K; k++) s += x[k];
  return s;
}

/* The sum of parts of which some may be Inf and others -Inf (opposite edges at once): -Inf then, not NaN. */
FR_INLINE double add_edge(double sum, double part)
{
  return (sum == INFINITY && part == -INFINITY) || (sum == -INFINITY && part == INFINITY) ? -INFINITY : sum + part;
}

/* Matrix number m of a density's workspace, behind its vectors: see fr_dist_work. */
FR_INLINE double *matrix_of(int K, double *work, int m) { return work + 4 * (size_t)K + (size_t)m * (size_t)K * (size_t)K; }

/* All of an event: what a sampler or a mean says of arguments that are not valid. */
FR_INLINE void fill_event(long size, double value, double *out)
{
  for (long e = 0; e < size; e++) out[e] = value;
}

/* Table entries of vector and matrix arguments. */
#define FR_ARG_EVENT(n, support, event) {n, support, event, NAN, 0}

#endif
