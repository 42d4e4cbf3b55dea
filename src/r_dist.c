/* r_dist.c: see r_dist.h. */
#include "r_dist.h"
#include "core/dist.h"
#include <string.h>

typedef struct {
  const fr_dist *dist;
  long N;                          /* events */
  int K;                           /* size of an event: K values, or K x K */
  const double *x;                 /* events of the value, contiguous */
  long x_len;                      /* doubles in x */
  const double *arg[FR_DIST_MAX_ARGS];
  long arg_len[FR_DIST_MAX_ARGS];
  long stride[FR_DIST_MAX_ARGS];   /* doubles from event to event, 0 when all share one */
} dist_call;

static const fr_dist *find_dist(SEXP name)
{
  if (TYPEOF(name) != STRSXP || Rf_xlength(name) != 1) Rf_error("internal: `name` is not a string");
  const fr_dist *dist = fr_dist_find(CHAR(STRING_ELT(name, 0)));
  if (!dist) Rf_error("internal: there is no distribution '%s'", CHAR(STRING_ELT(name, 0)));
  return dist;
}

static SEXP set_names(SEXP x, int n, const char *const *names)
{
  SEXP s = PROTECT(Rf_allocVector(STRSXP, n));
  for (int i = 0; i < n; i++) SET_STRING_ELT(s, i, Rf_mkChar(names[i]));
  Rf_setAttrib(x, R_NamesSymbol, s);
  UNPROTECT(1);
  return x;
}

/* ---- the table ---- */

static const char *const support_names[] = {
  [FR_SUP_REAL] = "real", [FR_SUP_POSITIVE] = "positive", [FR_SUP_NONNEGATIVE] = "nonnegative", [FR_SUP_UNIT] = "unit",
  [FR_SUP_BOUNDED] = "bounded", [FR_SUP_BINARY] = "binary", [FR_SUP_COUNT] = "count",
  [FR_SUP_COUNT_TO_SIZE] = "count_to_size", [FR_SUP_COUNT_VECTOR] = "count_vector",
  [FR_SUP_REAL_VECTOR] = "real_vector", [FR_SUP_SIMPLEX] = "simplex", [FR_SUP_CORR_CHOLESKY] = "corr_cholesky",
  [FR_SUP_CHOLESKY] = "cholesky", [FR_SUP_POSITIVE_VECTOR] = "positive_vector",
  [FR_SUP_NONNEGATIVE_VECTOR] = "nonnegative_vector", [FR_SUP_CATEGORY] = "category", [FR_SUP_ORDERED_VECTOR] = "ordered_vector",
  [FR_SUP_CORR_MATRIX] = "corr_matrix", [FR_SUP_COV_MATRIX] = "cov_matrix", [FR_SUP_OPEN_UNIT] = "open_unit",
  [FR_SUP_CORRELATION] = "correlation", [FR_SUP_NODES] = "nodes"
};
static const char *const event_names[] = {"scalar", "vector", "matrix", "whole"};

/* cdf_partial: the distribution function has a derivative in this argument. */
static SEXP arg_entry(const fr_dist_arg *arg, int cdf_partial)
{
  static const char *const names[] = {"name", "support", "event", "default", "data_only", "cdf_partial"};
  SEXP out = PROTECT(Rf_allocVector(VECSXP, 6));
  SET_VECTOR_ELT(out, 0, Rf_mkString(arg->name));
  SET_VECTOR_ELT(out, 1, Rf_mkString(support_names[arg->support]));
  SET_VECTOR_ELT(out, 2, Rf_mkString(event_names[arg->event]));
  SET_VECTOR_ELT(out, 3, Rf_ScalarReal(arg->missing));
  SET_VECTOR_ELT(out, 4, Rf_ScalarLogical(arg->data_only));
  SET_VECTOR_ELT(out, 5, Rf_ScalarLogical(cdf_partial));
  set_names(out, 6, names);
  UNPROTECT(1);
  return out;
}

static SEXP dist_entry(const fr_dist *dist)
{
  static const char *const names[] = {"args", "support", "event", "lower_arg", "upper_arg", "size_arg", "discrete", "cutpoints", "by_rows", "cdf"};
  SEXP out = PROTECT(Rf_allocVector(VECSXP, 10));
  SEXP args = Rf_allocVector(VECSXP, dist->n_args);
  SET_VECTOR_ELT(out, 0, args);
  for (int i = 0; i < dist->n_args; i++) SET_VECTOR_ELT(args, i, arg_entry(&dist->arg[i], (int)(dist->cdf_partials >> i & 1u)));
  SET_VECTOR_ELT(out, 1, Rf_mkString(support_names[dist->support]));
  SET_VECTOR_ELT(out, 2, Rf_mkString(event_names[dist->event]));
  SET_VECTOR_ELT(out, 3, Rf_ScalarInteger(dist->lower_arg + 1));
  SET_VECTOR_ELT(out, 4, Rf_ScalarInteger(dist->upper_arg + 1));
  SET_VECTOR_ELT(out, 5, Rf_ScalarInteger(dist->size_arg + 1));
  SET_VECTOR_ELT(out, 6, Rf_ScalarLogical(dist->discrete));
  SET_VECTOR_ELT(out, 7, Rf_ScalarInteger(dist->cutpoints));
  SET_VECTOR_ELT(out, 8, Rf_ScalarLogical(dist->rows != NULL));
  SET_VECTOR_ELT(out, 9, Rf_ScalarLogical(dist->cdf != NULL));
  set_names(out, 10, names);
  UNPROTECT(1);
  return out;
}

SEXP fullrank_dist_table(void)
{
  const char **names = (const char **)R_alloc((size_t)fr_n_dists, sizeof(char *));
  SEXP out = PROTECT(Rf_allocVector(VECSXP, fr_n_dists));
  for (int i = 0; i < fr_n_dists; i++) {
    names[i] = fr_dists[i]->name;
    SET_VECTOR_ELT(out, i, dist_entry(fr_dists[i]));
  }
  set_names(out, fr_n_dists, names);
  UNPROTECT(1);
  return out;
}

/* ---- reading arguments ---- */

/* A copy in C's layout: vector events of an N x K matrix become contiguous. */
static const double *read_events(SEXP x, const char *what, int event, int K)
{
  long len = (long)Rf_xlength(x), size = fr_event_size(event, K, len), N = size ? len / size : 0;
  if (!Rf_isNumeric(x) || N < 1 || len != N * size) Rf_error("internal: `%s` is not of events of size %d", what, K);
  const double *from = REAL(PROTECT(Rf_coerceVector(x, REALSXP)));
  double *to = fr_work((size_t)len);
  for (long i = 0; i < N; i++)
    for (long k = 0; k < size; k++) to[i * size + k] = event == FR_VECTOR ? from[i + k * N] : from[i * size + k];
  UNPROTECT(1);
  return to;
}

static void read_args(dist_call *call, SEXP args)
{
  const fr_dist *dist = call->dist;
  if (TYPEOF(args) != VECSXP || Rf_xlength(args) != dist->n_args)
    Rf_error("internal: '%s' takes a list of %d arguments", dist->name, dist->n_args);
  for (int a = 0; a < dist->n_args; a++) {
    SEXP arg = VECTOR_ELT(args, a);
    long size = fr_event_size(dist->arg[a].event, call->K, (long)Rf_xlength(arg)), events;
    call->arg[a] = NULL;
    call->arg_len[a] = call->stride[a] = 0;
    if (arg == R_NilValue) continue;
    call->arg[a] = read_events(arg, dist->arg[a].name, dist->arg[a].event, call->K);
    call->arg_len[a] = (long)Rf_xlength(arg);
    events = call->arg_len[a] / size;
    call->stride[a] = events > 1 || dist->arg[a].event == FR_WHOLE ? size : 0;
    if (events > call->N) call->N = events;
  }
  for (int a = 0; a < dist->n_args; a++)
    if (call->stride[a] && dist->arg[a].event != FR_WHOLE && call->arg_len[a] != call->N * call->stride[a])
      Rf_error("internal: '%s' has %ld events of `%s`, not 1 or %ld", dist->name, call->arg_len[a] / call->stride[a],
               dist->arg[a].name, call->N);
}

/* K of a value, or of the first vector argument of a scalar: columns of a matrix of vector events, or the length of one. */
static int event_of_value(const fr_dist *dist, SEXP x, SEXP args)
{
  if (dist->event == FR_SCALAR) {
    int a = 0;
    while (a < dist->n_args && dist->arg[a].event != FR_VECTOR) a++;
    if (a == dist->n_args) return 1;
    x = VECTOR_ELT(args, a);
    return Rf_isMatrix(x) ? Rf_ncols(x) : (int)Rf_xlength(x);
  }
  SEXP dim = Rf_getAttrib(x, R_DimSymbol);
  int n_dim = (int)Rf_xlength(dim);
  if (dist->event == FR_VECTOR) return n_dim == 2 ? INTEGER(dim)[1] : (int)Rf_xlength(x);
  if (n_dim < 2 || n_dim > 3 || INTEGER(dim)[0] != INTEGER(dim)[1]) Rf_error("internal: `x` is not a square matrix");
  return INTEGER(dim)[0];
}

/* A value of fewer events than its arguments stands for each of them. */
static void read_call(dist_call *call, SEXP name, SEXP x, SEXP args)
{
  call->dist = find_dist(name);
  if (TYPEOF(args) != VECSXP || Rf_xlength(args) != call->dist->n_args)
    Rf_error("internal: '%s' takes a list of %d arguments", call->dist->name, call->dist->n_args);
  call->K = event_of_value(call->dist, x, args);
  call->x = read_events(x, "x", call->dist->event, call->K);
  call->x_len = (long)Rf_xlength(x);
  long size = fr_event_size(call->dist->event, call->K, 0), events = call->x_len / size;
  call->N = events;
  read_args(call, args);
  if (events != 1 && events != call->N) Rf_error("internal: `x` has %ld events, not 1 or %ld", events, call->N);
}

/* Argument a of event i, for the functions that see one event. */
static void event_args(const dist_call *call, long i, const double **arg)
{
  for (int a = 0; a < call->dist->n_args; a++) {
    long at = call->dist->arg[a].event == FR_WHOLE ? 0 : i * call->stride[a];
    arg[a] = call->arg[a] ? call->arg[a] + at : NULL;
  }
}

static const double *event_x(const dist_call *call, long i)
{
  long size = fr_event_size(call->dist->event, call->K, 0);
  return call->x + (call->x_len > size ? i * size : 0);
}

/* ---- base ---- */

static double event_base(const dist_call *call, long i)
{
  const double *arg[FR_DIST_MAX_ARGS];
  if (!call->dist->base) return 0.0;
  event_args(call, i, arg);
  return call->dist->base(call->K, event_x(call, i), arg);
}

SEXP fullrank_dist_base(SEXP name, SEXP x, SEXP args)
{
  dist_call call;
  read_call(&call, name, x, args);
  SEXP out = PROTECT(Rf_allocVector(REALSXP, call.N));
  for (long i = 0; i < call.N; i++) REAL(out)[i] = event_base(&call, i);
  UNPROTECT(1);
  return out;
}

/* ---- log densities: results ---- */

enum { LOG_PROB, TOTAL, GRADIENT, TOTAL_GRADIENT, N_RESULTS };

static int differentiable(const fr_dist *dist, int operand)
{
  return operand == 0 ? !dist->discrete : !dist->arg[operand - 1].data_only;
}

/* list(x =, <arguments> =), zeros of the operands' shapes (W rows each, if W > 1). */
static SEXP zero_gradient(const dist_call *call, SEXP x, SEXP args, int W)
{
  const fr_dist *dist = call->dist;
  const char *names[1 + FR_DIST_MAX_ARGS] = {"x"};
  SEXP out = PROTECT(Rf_allocVector(VECSXP, 1 + dist->n_args));
  for (int j = 0; j <= dist->n_args; j++) {
    SEXP from = j == 0 ? x : VECTOR_ELT(args, j - 1);
    R_xlen_t len = Rf_xlength(from);
    if (j > 0) names[j] = dist->arg[j - 1].name;
    if (!differentiable(dist, j)) continue;
    SEXP g = W > 1 ? Rf_allocMatrix(REALSXP, W, (int)len) : Rf_allocVector(REALSXP, len);
    SET_VECTOR_ELT(out, j, g);
    memset(REAL(g), 0, (size_t)(len * W) * sizeof(double));
    if (W == 1) Rf_setAttrib(g, R_DimSymbol, Rf_getAttrib(from, R_DimSymbol));
  }
  set_names(out, 1 + dist->n_args, names);
  UNPROTECT(1);
  return out;
}

static double *gradient_of(SEXP gradient, int operand)
{
  SEXP g = gradient == R_NilValue ? R_NilValue : VECTOR_ELT(gradient, operand);
  return g == R_NilValue ? NULL : REAL(g);
}

static SEXP new_results(const dist_call *call, SEXP x, SEXP args, int W, int want_gradient)
{
  static const char *const names[] = {"log_prob", "total", "gradient", "total_gradient"};
  SEXP out = PROTECT(Rf_allocVector(VECSXP, N_RESULTS));
  SET_VECTOR_ELT(out, LOG_PROB, W > 1 ? Rf_allocMatrix(REALSXP, W, (int)call->N) : Rf_allocVector(REALSXP, call->N));
  SET_VECTOR_ELT(out, TOTAL, Rf_allocVector(REALSXP, W));
  memset(REAL(VECTOR_ELT(out, TOTAL)), 0, (size_t)W * sizeof(double));
  if (want_gradient) {
    SET_VECTOR_ELT(out, GRADIENT, zero_gradient(call, x, args, W));
    SET_VECTOR_ELT(out, TOTAL_GRADIENT, zero_gradient(call, x, args, W));
  }
  set_names(out, N_RESULTS, names);
  UNPROTECT(1);
  return out;
}

/* ---- log densities of scalar events ---- */

/* len doubles as an operand: W copies of each, or one for all lanes where the kernel takes data. */
static fr_operand scalar_operand(const double *v, long len, int W, int lane)
{
  fr_operand o = {v, NULL, len > 1, lane};
  if (W == 1 || !lane) return o;
  double *copies = fr_work((size_t)(len * W));
  for (long i = 0; i < len * W; i++) copies[i] = v[i / W];
  o.v = copies;
  return o;
}

static void scalar_log_prob(const dist_call *call, int W, SEXP out)
{
  const fr_dist *dist = call->dist;
  fr_rows rows = {.rows = call->N, .W = W};
  double *ones = fr_work((size_t)(call->N * W)), *log_prob = REAL(VECTOR_ELT(out, LOG_PROB));
  for (long i = 0; i < call->N * W; i++) ones[i] = 1.0;
  rows.v[0] = scalar_operand(call->x, call->x_len, W, differentiable(dist, 0));
  for (int a = 0; a < dist->n_args; a++)
    rows.v[1 + a] = scalar_operand(call->arg[a], call->arg_len[a], W, differentiable(dist, 1 + a));

  fr_rows forward = rows, reverse = rows, total = rows;
  forward.out = log_prob;
  dist->rows(&forward);
  for (long i = 0; i < call->N; i++)
    for (int s = 0; s < W; s++) log_prob[i * W + s] += event_base(call, i);
  for (int j = 0; j <= dist->n_args; j++) {
    reverse.v[j].a = gradient_of(VECTOR_ELT(out, GRADIENT), j);
    total.v[j].a = gradient_of(VECTOR_ELT(out, TOTAL_GRADIENT), j);
  }
  reverse.out_bar = ones;
  dist->rows(&reverse);
  total.lp = REAL(VECTOR_ELT(out, TOTAL));
  dist->rows(&total);
}

/* ---- log densities of vector and matrix events ---- */

/* Adds the adjoints of contiguous events to an R array of its own layout (N x K for vectors). */
static void scatter_events(const double *from, long len, long size, int event, double *to)
{
  long N = len / size;
  for (long i = 0; i < N; i++)
    for (long k = 0; k < size; k++) to[event == FR_VECTOR ? i + k * N : i * size + k] += from[i * size + k];
}

/* One visit of events first .. first + N - 1; adjoints go to `gradient` (R_NilValue: none). */
static double visit_events(const dist_call *call, long first, long N, const double *x, SEXP gradient)
{
  const fr_dist *dist = call->dist;
  long size = fr_event_size(dist->event, call->K, 0);
  const double *arg[FR_DIST_MAX_ARGS];
  double *bar[1 + FR_DIST_MAX_ARGS] = {NULL}, *work = fr_work(fr_dist_work(call->dist, call->K));
  long len[1 + FR_DIST_MAX_ARGS] = {call->N * size};
  event_args(call, first, arg);
  for (int j = 0; j <= dist->n_args; j++) {
    if (j > 0) len[j] = call->arg_len[j - 1];
    if (!gradient_of(gradient, j)) continue;
    bar[j] = fr_work((size_t)len[j]);
    memset(bar[j], 0, (size_t)len[j] * sizeof(double));
  }
  double lp = dist->events(N, call->K, x, arg, call->stride, 1.0, bar[0], bar + 1, work);
  for (int j = 0; j <= dist->n_args; j++) {
    int event = j == 0 ? dist->event : dist->arg[j - 1].event;
    if (!bar[j]) continue;
    if (j == 0 && call->x_len == size)
      for (long i = 0; i < call->N * size; i++) gradient_of(gradient, 0)[i % size] += bar[0][i];
    else scatter_events(bar[j], len[j], fr_event_size(event, call->K, len[j]), event, gradient_of(gradient, j));
  }
  return lp;
}

static void event_log_prob(const dist_call *call, SEXP out)
{
  long size = fr_event_size(call->dist->event, call->K, 0);
  double *x = fr_work((size_t)(call->N * size));
  for (long i = 0; i < call->N; i++) memcpy(x + i * size, event_x(call, i), (size_t)size * sizeof(double));
  for (long i = 0; i < call->N; i++)
    REAL(VECTOR_ELT(out, LOG_PROB))[i] = visit_events(call, i, 1, x + i * size, R_NilValue) + event_base(call, i);
  REAL(VECTOR_ELT(out, TOTAL))[0] = visit_events(call, 0, call->N, x, VECTOR_ELT(out, GRADIENT));
  SET_VECTOR_ELT(out, TOTAL_GRADIENT, VECTOR_ELT(out, GRADIENT));
}

SEXP fullrank_dist_log_prob(SEXP name, SEXP x, SEXP args, SEXP gradient, SEXP width)
{
  dist_call call;
  int W = Rf_asInteger(width);
  if (W != 1 && (W < 1 || W % FR_LANES)) Rf_error("internal: `width` is neither 1 nor a multiple of %d", FR_LANES);
  read_call(&call, name, x, args);
  for (int a = 0; a < call.dist->n_args; a++)
    if (!call.arg[a]) Rf_error("internal: `%s` is missing", call.dist->arg[a].name);
  if (!call.dist->rows) W = 1;
  SEXP out = PROTECT(new_results(&call, x, args, W, Rf_asLogical(gradient) == TRUE));
  if (call.dist->rows) scalar_log_prob(&call, W, out);
  else event_log_prob(&call, out);
  UNPROTECT(1);
  return out;
}

/* ---- log probabilities of intervals ---- */

/* log P(lower <= X <= upper) of scalar events, each of lower, upper and the arguments of length 1 or n. */
SEXP fullrank_dist_log_interval(SEXP name, SEXP lower, SEXP upper, SEXP args)
{
  dist_call call = {.dist = find_dist(name), .K = 1, .N = 1};
  if (!call.dist->cdf) Rf_error("internal: '%s' has no distribution function", call.dist->name);
  const double *low = read_events(lower, "lower", FR_SCALAR, 1), *high = read_events(upper, "upper", FR_SCALAR, 1);
  long n_low = (long)Rf_xlength(lower), n_high = (long)Rf_xlength(upper);
  call.N = n_low > n_high ? n_low : n_high;
  read_args(&call, args);
  if ((n_low != 1 && n_low != call.N) || (n_high != 1 && n_high != call.N)) Rf_error("internal: bounds of different lengths");
  fr_rows rows = {.rows = call.N, .W = 1};
  rows.v[0] = scalar_operand(low, n_low, 1, 1);
  rows.v[1] = scalar_operand(high, n_high, 1, 1);
  for (int a = 0; a < call.dist->n_args; a++) {
    if (!call.arg[a]) Rf_error("internal: `%s` is missing", call.dist->arg[a].name);
    rows.v[2 + a] = scalar_operand(call.arg[a], call.arg_len[a], 1, 1);
  }
  SEXP out = PROTECT(Rf_allocVector(REALSXP, call.N));
  rows.out = REAL(out);
  fr_dist_log_interval(call.dist, &rows);
  UNPROTECT(1);
  return out;
}

/* ---- draws and means ---- */

static void read_single(dist_call *call, SEXP name, SEXP args, SEXP K)
{
  call->dist = find_dist(name);
  call->K = call->dist->rows ? 1 : Rf_asInteger(K);
  call->N = 1;
  if (call->K < 1) Rf_error("internal: `K` is below 1");
  read_args(call, args);
  for (int a = 0; a < call->dist->n_args; a++)
    if (!call->arg[a]) Rf_error("internal: `%s` is missing", call->dist->arg[a].name);
}

SEXP fullrank_dist_sample(SEXP name, SEXP n, SEXP args, SEXP K, SEXP seed, SEXP stream)
{
  dist_call call;
  const double *arg[FR_DIST_MAX_ARGS];
  int draws = Rf_asInteger(n), type = Rf_asInteger(stream);
  uint64_t key = fr_seed(seed);
  if (draws < 0) Rf_error("internal: `n` is negative");
  read_single(&call, name, args, K);
  if (call.N != 1 && (call.dist->event != FR_SCALAR || call.N != draws)) Rf_error("internal: %ld events of arguments", call.N);
  const fr_dist *dist = call.dist;
  long size = fr_event_size(dist->event, call.K, 0);
  double *work = fr_work(fr_dist_work(call.dist, call.K)), *event = fr_work((size_t)size);
  SEXP out = PROTECT(dist->event == FR_VECTOR ? Rf_allocMatrix(REALSXP, draws, call.K)
                     : dist->event == FR_MATRIX ? Rf_alloc3DArray(REALSXP, call.K, call.K, draws)
                                                : Rf_allocVector(REALSXP, draws));
  for (int i = 0; i < draws; i++) {
    fr_rng rng;
    fr_rng_init(&rng, key, type, (uint32_t)i, 0);
    event_args(&call, i, arg);
    dist->sample(call.K, arg, &rng, event, work);
    for (long k = 0; k < size; k++) REAL(out)[dist->event == FR_VECTOR ? i + k * draws : i * size + k] = event[k];
  }
  UNPROTECT(1);
  return out;
}

SEXP fullrank_dist_mean(SEXP name, SEXP args, SEXP K)
{
  dist_call call;
  const double *arg[FR_DIST_MAX_ARGS];
  read_single(&call, name, args, K);
  if (call.N != 1) Rf_error("internal: %ld events of arguments", call.N);
  event_args(&call, 0, arg);
  SEXP out = PROTECT(call.dist->event == FR_MATRIX ? Rf_allocMatrix(REALSXP, call.K, call.K)
                                                   : Rf_allocVector(REALSXP, fr_event_size(call.dist->event, call.K, 0)));
  call.dist->mean(call.K, arg, REAL(out), fr_work(fr_dist_work(call.dist, call.K)));
  UNPROTECT(1);
  return out;
}
