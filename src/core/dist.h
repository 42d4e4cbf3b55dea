/* dist.h: the one table of distributions: names, arguments and their supports, the support of the value,
 * log density with its partial derivatives, mean and sampler. R reads this table; it has no second one.
 *
 * Densities are fully normalised and say at the edges of a support what R's own density says there (-Inf,
 * finite or Inf, never NaN for valid arguments); outside it they are -Inf. An argument outside its own
 * support gives NaN. */
#ifndef FR_DIST_H
#define FR_DIST_H

#include "core.h"
#include "rng.h"

#define FR_DIST_MAX_ARGS 4

/* Supports of values and of arguments. */
enum fr_support {
  FR_SUP_REAL = 0,
  FR_SUP_POSITIVE,        /* (0, Inf) */
  FR_SUP_NONNEGATIVE,     /* [0, Inf) */
  FR_SUP_UNIT,            /* [0, 1] */
  FR_SUP_BOUNDED,         /* between lower_arg and upper_arg (a missing one is infinite) */
  FR_SUP_BINARY,          /* 0 or 1 */
  FR_SUP_COUNT,           /* 0, 1, 2, ... */
  FR_SUP_COUNT_TO_SIZE,   /* 0 .. size, size being argument size_arg */
  FR_SUP_COUNT_VECTOR,    /* counts of K categories that sum to size */
  FR_SUP_REAL_VECTOR,
  FR_SUP_SIMPLEX,
  FR_SUP_CORR_CHOLESKY,   /* lower triangular with unit rows and a positive diagonal */
  FR_SUP_CHOLESKY,        /* lower triangular with a positive diagonal */
  FR_SUP_POSITIVE_VECTOR,   /* each entry above 0 */
  FR_SUP_NONNEGATIVE_VECTOR,/* no entry below 0, not all of them 0 */
  FR_SUP_CATEGORY,          /* 1 .. K, or 1 .. K + 1 where the K are cutpoints between categories */
  FR_SUP_ORDERED_VECTOR,    /* increasing */
  FR_SUP_CORR_MATRIX,       /* positive definite, symmetric, 1 on the diagonal: to rounding, see symmetric.h */
  FR_SUP_COV_MATRIX,        /* positive definite, symmetric: to rounding */
  FR_SUP_OPEN_UNIT,         /* (0, 1) */
  FR_SUP_CORRELATION,       /* (-1, 1) */
  FR_SUP_NODES              /* numbers of elements of the value, from 1 */
};

/* FR_WHOLE: an argument of any length, the same for all events. */
enum fr_event { FR_SCALAR = 0, FR_VECTOR = 1, FR_MATRIX = 2, FR_WHOLE = 3 };

typedef struct {
  const char *name;
  int support;        /* enum fr_support */
  int event;          /* enum fr_event: what one event of the value needs of it; FR_MATRIX is K x K */
  double missing;     /* its default; NaN when it must be given */
  int data_only;      /* 1: may not depend on a latent */
} fr_dist_arg;

/* One operand of a kernel that runs along rows: see core.h for the layout. */
typedef struct {
  const double *v;  /* values */
  double *a;        /* adjoints of the same layout, to be added to; NULL: not wanted (data) */
  int row;          /* 1: one value a row; 0: the same for all rows */
  int lane;         /* 1: one value a particle; 0: the same for all particles (data; with W > 1 its a is ignored) */
} fr_operand;

/* A density along rows of scalar events: v[0] is the value, v[1 ..] the arguments. */
typedef struct {
  long rows;
  int W;                                   /* particles, 1 or a multiple of FR_LANES */
  fr_operand v[1 + FR_DIST_MAX_ARGS];
  double *lp;              /* W: the sum over rows is added; NULL with out */
  double *out;             /* rows x W: the log density of each row instead of the sum, or NULL */
  const double *out_bar;   /* rows x W: its adjoint when the partials are asked for, NULL on the forward visit */
} fr_rows;

typedef void (*fr_rows_fn)(const fr_rows *call);

/* A density with vector or matrix events, or arguments, for ONE particle: N events of size K (K x K, or a
 * scalar whose arguments are vectors of K), event i of the value at x + i * size. arg[a] + i * stride[a] is
 * event i's argument a, stored contiguously (column-major for a matrix), stride 0 when all events share it; for
 * a FR_WHOLE argument stride[a] is its length. Returns the sum of the log densities, and adds to dx and
 * darg[a] (laid out as their values; NULL: not wanted) bar times its partial derivatives. work has
 * fr_dist_work(dist, K) doubles. */
typedef double (*fr_event_fn)(long N, int K, const double *x, const double *const *arg, const long *stride,
                              double bar, double *dx, double *const *darg, double *work);

/* One draw of one event: arg[a] as above for this event; out has the event's size. */
typedef void (*fr_sample_fn)(int K, const double *const *arg, fr_rng *rng, double *out, double *work);
/* The mean of one event, same layout; entries that do not exist are NaN or infinite. */
typedef void (*fr_mean_fn)(int K, const double *const *arg, double *out, double *work);

typedef struct {
  const char *name;
  int n_args;
  fr_dist_arg arg[FR_DIST_MAX_ARGS];
  int support;               /* of the value */
  int event;                 /* of the value */
  int lower_arg, upper_arg;  /* FR_SUP_BOUNDED: which arguments bound the value; -1: none */
  int size_arg;              /* FR_SUP_COUNT_TO_SIZE and _VECTOR: which argument is the size; -1: none */
  int discrete;
  int cutpoints;             /* FR_SUP_CATEGORY: 1 when there is one category more than K */
  fr_rows_fn rows;           /* scalar events with scalar arguments: this one, or ... */
  fr_event_fn events;        /* all others */
  int work_matrices;         /* K x K matrices that events, sample and mean need for work */
  /* The distribution function of scalar events: log P(X <= x), or log P(X > x) if upper_tail, at a finite x
   * inside or outside the support. d[0] is its partial derivative in x (0 if discrete), d[1 + a] in argument a
   * where bit a of cdf_partials is set. NULL when there is none. */
  double (*cdf)(double x, const double *arg, int upper_tail, double *d);
  unsigned cdf_partials;
  /* The part of the log density that depends on data alone (value and data_only arguments of one event),
   * left out of rows/events and added once when a model is compiled; NULL when there is none. */
  double (*base)(int K, const double *x, const double *const *arg);
  fr_sample_fn sample;
  fr_mean_fn mean;
} fr_dist;

extern const fr_dist *const fr_dists[];  /* the table, in the design's order */
extern const int fr_n_dists;
const fr_dist *fr_dist_find(const char *name);  /* NULL when there is none */
size_t fr_dist_work(const fr_dist *dist, int K);/* doubles of workspace for events of size K */

/* Values of one event, or of one event's argument; `len` is the whole argument's (FR_WHOLE). */
FR_INLINE long fr_event_size(int event, int K, long len)
{
  return event == FR_MATRIX ? (long)K * K : event == FR_VECTOR ? K : event == FR_WHOLE ? len : 1;
}

/* Rows of log P(lower <= X <= upper), its ends included: v[0] is lower, v[1] upper (infinite where there is no
 * bound), v[2 ..] the arguments; out and out_bar as in fr_rows. For distributions with a cdf, which have at most
 * FR_DIST_MAX_ARGS - 1 arguments. -Inf for an empty interval. */
void fr_dist_log_interval(const fr_dist *dist, const fr_rows *call);

#endif
