/* r_guide.c: see r_guide.h. Draws are rows: an S x d R matrix, column-major, is the core's coordinate-major
 * layout with ld = S. */
#include "r_guide.h"

#include "core/bijection.h"
#include "core/guide.h"
#include "core/optim.h"
#include "core/rng.h"
#include "core/special.h"
#include "core/tril.h"

/* ---- arguments ---- */

static const double *real_of_length(SEXP x, R_xlen_t n, const char *what)
{
  const double *p = fr_real(x, what);
  if (Rf_xlength(x) != n) Rf_error("internal: '%s' has length %.0f, not %.0f", what, (double)Rf_xlength(x), (double)n);
  return p;
}

static const double *real_matrix(SEXP x, int columns, const char *what)
{
  if (!Rf_isMatrix(x) || Rf_ncols(x) != columns) Rf_error("internal: '%s' is not a matrix with %d columns", what, columns);
  return fr_real(x, what);
}

static const double *square_matrix(SEXP x, int d, const char *what)
{
  const double *p = real_matrix(x, d, what);
  if (Rf_nrows(x) != d) Rf_error("internal: '%s' is not %d x %d", what, d, d);
  return p;
}

static int whole_number(SEXP x, int low, const char *what)
{
  int value = Rf_isNumeric(x) && Rf_xlength(x) == 1 ? Rf_asInteger(x) : NA_INTEGER;
  if (value == NA_INTEGER || value < low) Rf_error("internal: '%s' is not a whole number of at least %d", what, low);
  return value;
}

/* A list's new element of n doubles, rows x columns when rows is not -1. */
static double *new_element(SEXP list, int at, int rows, int columns)
{
  SET_VECTOR_ELT(list, at, rows < 0 ? Rf_allocVector(REALSXP, columns) : Rf_allocMatrix(REALSXP, rows, columns));
  return REAL(VECTOR_ELT(list, at));
}

/* The strict lower triangle of a d x d matrix with `diagonal` on the diagonal and 0 above. */
static void lower_triangle(int d, const double *from, double diagonal, double *to)
{
  for (int j = 0; j < d; j++)
    for (int i = 0; i < d; i++) {
      size_t at = (size_t)j * (size_t)d + (size_t)i;
      to[at] = i > j ? from[at] : i == j ? diagonal : 0.0;
    }
}

/* ---- the guide ---- */

/* list(loc, scale_unconstrained, scale_tril_unconstrained (d x d, 0), scale, scale_tril (d x d, identity)) */
SEXP fullrank_guide_start(SEXP init, SEXP init_scale)
{
  const double *start = fr_real(init, "init");
  if (!Rf_isNumeric(init_scale) || Rf_xlength(init_scale) != 1) Rf_error("internal: 'init_scale' is not a number");
  const int d = (int)Rf_xlength(init);
  const char *names[] = {"loc", "scale_unconstrained", "scale_tril_unconstrained", "scale", "scale_tril", ""};
  SEXP out = PROTECT(Rf_mkNamed(VECSXP, names));
  fr_guide guide = {.d = d, .loc = new_element(out, 0, -1, d), .scale_unconstrained = new_element(out, 1, -1, d)};
  guide.tril = fr_work(fr_tril_size((size_t)d));
  switch (fr_guide_start(&guide, start, Rf_asReal(init_scale))) {
  case FR_OK: break;
  case FR_ERR_NOT_FINITE: Rf_error("the start of the guide has values that are not finite");
  default: Rf_error("the guide needs at least one coordinate and an init_scale above 0");
  }
  double *tril = new_element(out, 2, d, d);
  fr_tril_unpack(d, guide.tril, tril);
  fr_guide_constrain(d, guide.scale_unconstrained, new_element(out, 3, -1, d));
  lower_triangle(d, tril, 1.0, new_element(out, 4, d, d));
  UNPROTECT(1);
  return out;
}

/* list(scale, scale_tril) */
SEXP fullrank_guide_constrain(SEXP scale_unconstrained, SEXP scale_tril_unconstrained)
{
  const double *u = fr_real(scale_unconstrained, "scale_unconstrained");
  const int d = (int)Rf_xlength(scale_unconstrained);
  const double *t = square_matrix(scale_tril_unconstrained, d, "scale_tril_unconstrained");
  const char *names[] = {"scale", "scale_tril", ""};
  SEXP out = PROTECT(Rf_mkNamed(VECSXP, names));
  fr_guide_constrain(d, u, new_element(out, 0, -1, d));
  lower_triangle(d, t, 1.0, new_element(out, 1, d, d));
  UNPROTECT(1);
  return out;
}

/* list(scale_unconstrained, scale_tril_unconstrained) */
SEXP fullrank_guide_unconstrain(SEXP scale, SEXP scale_tril)
{
  const double *s = fr_real(scale, "scale");
  const int d = (int)Rf_xlength(scale);
  const double *t = square_matrix(scale_tril, d, "scale_tril");
  const char *names[] = {"scale_unconstrained", "scale_tril_unconstrained", ""};
  SEXP out = PROTECT(Rf_mkNamed(VECSXP, names));
  if (fr_guide_unconstrain(d, s, new_element(out, 0, -1, d)) != FR_OK)
    Rf_error("a guide's scale must be positive and finite");
  lower_triangle(d, t, 0.0, new_element(out, 1, d, d));
  UNPROTECT(1);
  return out;
}

/* z = loc + diag(scale) scale_tril eps: S x d, as eps */
SEXP fullrank_guide_sample(SEXP loc, SEXP scale, SEXP scale_tril, SEXP eps)
{
  fr_use_isa();
  const int d = (int)Rf_xlength(loc);
  const double *s = real_of_length(scale, d, "scale"), *e = real_matrix(eps, d, "eps");
  const int S = Rf_nrows(eps);
  fr_guide guide = {.d = d, .loc = fr_real(loc, "loc"), .tril = fr_work(fr_tril_size((size_t)d))};
  fr_tril_pack(d, square_matrix(scale_tril, d, "scale_tril"), 1, guide.tril);
  SEXP z = PROTECT(Rf_allocMatrix(REALSXP, S, d));
  if (S > 0)
    fr_guide_sample(&guide, s, S, (size_t)S, e, fr_work((size_t)d * (size_t)S), REAL(z));
  UNPROTECT(1);
  return z;
}

SEXP fullrank_guide_log_q(SEXP scale, SEXP eps)
{
  const double *s = fr_real(scale, "scale");
  const int d = (int)Rf_xlength(scale);
  const double *e = real_matrix(eps, d, "eps");
  SEXP log_q = PROTECT(Rf_allocVector(REALSXP, Rf_nrows(eps)));
  fr_guide_log_q(d, s, Rf_nrows(eps), (size_t)Rf_nrows(eps), e, REAL(log_q));
  UNPROTECT(1);
  return log_q;
}

/* The standard normals of particles first .. first + particles - 1 (from 0) of a step of a stream: S x d */
SEXP fullrank_normals(SEXP seed, SEXP stream, SEXP step, SEXP first, SEXP particles, SEXP d)
{
  fr_use_isa();
  const int S = whole_number(particles, 0, "particles"), n = whole_number(d, 0, "d");
  const int from = whole_number(first, 0, "first"), which = whole_number(stream, 0, "stream");
  SEXP eps = PROTECT(Rf_allocMatrix(REALSXP, S, n));
  fr_normals(fr_seed(seed), which, fr_seed(step), (uint32_t)from, S, n, (size_t)S, REAL(eps));
  UNPROTECT(1);
  return eps;
}

/* ---- bijections ---- */

static double recycled(SEXP bound, const double *values, R_xlen_t i)
{
  return values[Rf_xlength(bound) == 1 ? 0 : i];
}

/* Bounds of elementwise maps, one for all n or one each. */
static void check_bounds(SEXP lower, SEXP upper, R_xlen_t n)
{
  if (Rf_xlength(lower) != 1) real_of_length(lower, n, "lower");
  if (Rf_xlength(upper) != 1) real_of_length(upper, n, "upper");
}

static SEXP bounded(SEXP x, SEXP lower, SEXP upper, int inverse)
{
  const double *from = fr_real(x, "x"), *low = fr_real(lower, "lower"), *high = fr_real(upper, "upper");
  const R_xlen_t n = Rf_xlength(x);
  const char *forward_names[] = {"y", "log_det", ""}, *inverse_names[] = {"x", "status", ""};
  check_bounds(lower, upper, n);
  SEXP out = PROTECT(Rf_mkNamed(VECSXP, inverse ? inverse_names : forward_names));
  SET_VECTOR_ELT(out, 0, Rf_allocVector(REALSXP, n));
  SET_VECTOR_ELT(out, 1, Rf_allocVector(inverse ? INTSXP : REALSXP, n));
  double *value = REAL(VECTOR_ELT(out, 0));
  for (R_xlen_t i = 0; i < n; i++) {
    const double l = recycled(lower, low, i), u = recycled(upper, high, i);
    if (inverse) {
      value[i] = NA_REAL;
      INTEGER(VECTOR_ELT(out, 1))[i] = fr_bounded_inverse(from[i], l, u, value + i);
    } else {
      fr_bounded b;
      fr_bounded_forward(from[i], l, u, &b);
      value[i] = b.y;
      REAL(VECTOR_ELT(out, 1))[i] = b.log_det;
    }
  }
  UNPROTECT(1);
  return out;
}

static const fr_bijection *vector_map(SEXP code)
{
  const fr_bijection *map = fr_bijection_get(whole_number(code, 0, "code"));
  if (!map) Rf_error("internal: there is no bijection with code %d", Rf_asInteger(code));
  return map;
}

static void read_row(const double *matrix, int rows, int i, int columns, double *row)
{
  for (int j = 0; j < columns; j++) row[j] = matrix[(size_t)j * (size_t)rows + (size_t)i];
}

static void write_row(const double *row, int rows, int i, int columns, double *matrix)
{
  for (int j = 0; j < columns; j++) matrix[(size_t)j * (size_t)rows + (size_t)i] = row[j];
}

/* direction "forward": x (n x free, one event a row) to list(y (n x values), log_det (n)).
 * direction "inverse": x holds y; list(x (n x free), status (n), 0 where y is in the support).
 * Elementwise maps (code 0) take and give vectors; lower and upper have one entry or one each; K is ignored. */
SEXP fullrank_bijection(SEXP code, SEXP x, SEXP lower, SEXP upper, SEXP K, SEXP direction)
{
  if (TYPEOF(direction) != STRSXP || Rf_xlength(direction) != 1) Rf_error("internal: 'direction' is not a string");
  const int inverse = strcmp(CHAR(STRING_ELT(direction, 0)), "inverse") == 0;
  if (whole_number(code, 0, "code") == FR_BIJ_BOUNDED) return bounded(x, lower, upper, inverse);
  const fr_bijection *map = vector_map(code);
  const int size = whole_number(K, 1, "K"), n_free = map->free_size(size), values = map->value_size(size);
  const double *from = real_matrix(x, inverse ? values : n_free, "x");
  const int n = Rf_nrows(x);
  const char *forward_names[] = {"y", "log_det", ""}, *inverse_names[] = {"x", "status", ""};
  double *a = fr_work((size_t)n_free), *b = fr_work((size_t)values), *work = fr_work(fr_bijection_work(map, size));
  SEXP out = PROTECT(Rf_mkNamed(VECSXP, inverse ? inverse_names : forward_names));
  double *to = new_element(out, 0, n, inverse ? n_free : values);
  SET_VECTOR_ELT(out, 1, Rf_allocVector(inverse ? INTSXP : REALSXP, n));
  for (int i = 0; i < n; i++) {
    if (inverse) {
      for (int j = 0; j < n_free; j++) a[j] = NA_REAL;
      read_row(from, n, i, values, b);
      INTEGER(VECTOR_ELT(out, 1))[i] = map->inverse(size, b, a, work);
      write_row(a, n, i, n_free, to);
    } else {
      read_row(from, n, i, n_free, a);
      map->forward(size, a, b, REAL(VECTOR_ELT(out, 1)) + i, work);
      write_row(b, n, i, values, to);
    }
  }
  UNPROTECT(1);
  return out;
}

/* The adjoints of list(x, lower, upper) from those of y and log_det; of x alone, as x is, for vector maps. */
SEXP fullrank_bijection_reverse(SEXP code, SEXP x, SEXP y_bar, SEXP log_det_bar, SEXP lower, SEXP upper, SEXP K)
{
  if (whole_number(code, 0, "code") == FR_BIJ_BOUNDED) {
    const R_xlen_t n = Rf_xlength(x);
    const double *from = fr_real(x, "x"), *low = fr_real(lower, "lower"), *high = fr_real(upper, "upper");
    const double *yb = real_of_length(y_bar, n, "y_bar"), *lb = real_of_length(log_det_bar, n, "log_det_bar");
    const char *names[] = {"x", "lower", "upper", ""};
    check_bounds(lower, upper, n);
    SEXP out = PROTECT(Rf_mkNamed(VECSXP, names));
    double *bar[3];
    for (int k = 0; k < 3; k++) bar[k] = new_element(out, k, -1, (int)n);
    for (R_xlen_t i = 0; i < n; i++) {
      fr_bounded b;
      fr_bounded_forward(from[i], recycled(lower, low, i), recycled(upper, high, i), &b);
      bar[0][i] = yb[i] * b.dy_dx + lb[i] * b.dld_dx;
      bar[1][i] = yb[i] * b.dy_dlower + lb[i] * b.dld_dlower;
      bar[2][i] = yb[i] * b.dy_dupper + lb[i] * b.dld_dupper;
    }
    UNPROTECT(1);
    return out;
  }
  const fr_bijection *map = vector_map(code);
  const int size = whole_number(K, 1, "K"), n_free = map->free_size(size), values = map->value_size(size);
  const double *from = real_matrix(x, n_free, "x"), *yb = real_matrix(y_bar, values, "y_bar");
  const int n = Rf_nrows(x);
  const double *lb = real_of_length(log_det_bar, n, "log_det_bar");
  if (Rf_nrows(y_bar) != n) Rf_error("internal: 'y_bar' does not have the rows of 'x'");
  double *a = fr_work((size_t)n_free), *b = fr_work((size_t)values), *bar = fr_work((size_t)values), log_det;
  double *x_bar = fr_work((size_t)n_free), *work = fr_work(fr_bijection_work(map, size));
  SEXP out = PROTECT(Rf_allocMatrix(REALSXP, n, n_free));
  for (int i = 0; i < n; i++) {
    read_row(from, n, i, n_free, a);
    read_row(yb, n, i, values, bar);
    memset(x_bar, 0, (size_t)n_free * sizeof(double));
    map->forward(size, a, b, &log_det, work);
    map->reverse(size, a, b, bar, lb[i], x_bar, work);
    write_row(x_bar, n, i, n_free, REAL(out));
  }
  UNPROTECT(1);
  return out;
}

/* ---- special functions, optimisers ---- */

typedef struct {
  const char *name;
  double (*one)(double);
  double (*two)(double, double);
} special_function;

static const special_function special[] = {
  {"softplus", fr_softplus, NULL}, {"softplus_inverse", fr_softplus_inverse, NULL}, {"sigmoid", fr_sigmoid, NULL},
  {"log_sigmoid", fr_log_sigmoid, NULL}, {"logit", fr_logit, NULL}, {"log1m_exp", fr_log1m_exp, NULL},
  {"xlogy", NULL, fr_xlogy}, {"xlog1py", NULL, fr_xlog1py}, {"lgamma", fr_lgamma, NULL},
  {"digamma", fr_digamma, NULL}, {"trigamma", fr_trigamma, NULL}, {"lbeta", NULL, fr_lbeta},
  {"lchoose", NULL, fr_lchoose}, {NULL, NULL, NULL}
};

/* A function of special.h at each x, or at each pair of x and y (NULL for functions of one argument). */
SEXP fullrank_special(SEXP name, SEXP x, SEXP y)
{
  if (TYPEOF(name) != STRSXP || Rf_xlength(name) != 1) Rf_error("internal: 'name' is not a string");
  const special_function *f = special;
  while (f->name && strcmp(f->name, CHAR(STRING_ELT(name, 0))) != 0) f++;
  if (!f->name) Rf_error("internal: there is no special function '%s'", CHAR(STRING_ELT(name, 0)));
  const double *a = fr_real(x, "x"), *b = f->two ? real_of_length(y, Rf_xlength(x), "y") : NULL;
  SEXP out = PROTECT(Rf_allocVector(REALSXP, Rf_xlength(x)));
  for (R_xlen_t i = 0; i < Rf_xlength(x); i++) REAL(out)[i] = b ? f->two(a[i], b[i]) : f->one(a[i]);
  UNPROTECT(1);
  return out;
}

/* A copy of a buffer of n doubles as element `at` of the list, NULL staying NULL. */
static double *copy_buffer(SEXP list, int at, SEXP buffer, R_xlen_t n, const char *what)
{
  if (buffer == R_NilValue) return NULL;
  real_of_length(buffer, n, what);
  SET_VECTOR_ELT(list, at, Rf_duplicate(buffer));
  return REAL(VECTOR_ELT(list, at));
}

/* settings: list(code, lr, betas, eps, clip_norm, lrd, momentum, decay). list(parameter, m1, m2) after it. */
SEXP fullrank_optimizer_update(SEXP settings, SEXP step, SEXP parameter, SEXP gradient, SEXP m1, SEXP m2)
{
  fr_use_isa();
  const R_xlen_t n = Rf_xlength(parameter);
  const double *betas = real_of_length(fr_list_get(settings, "betas"), 2, "betas");
  const double *g = real_of_length(gradient, n, "gradient");
  const fr_optimizer opt = {
    .code = fr_list_int(settings, "code"), .lr = fr_list_double(settings, "lr"), .beta1 = betas[0], .beta2 = betas[1],
    .eps = fr_list_double(settings, "eps"), .clip_norm = fr_list_double(settings, "clip_norm"),
    .lrd = fr_list_double(settings, "lrd"), .momentum = fr_list_double(settings, "momentum"),
    .decay = fr_list_double(settings, "decay")};
  const char *names[] = {"parameter", "m1", "m2", ""};
  const int buffers = fr_optimizer_buffers(&opt);
  SEXP out = PROTECT(Rf_mkNamed(VECSXP, names));
  double *p = copy_buffer(out, 0, parameter, n, "parameter"), *a = copy_buffer(out, 1, m1, n, "m1");
  double *b = copy_buffer(out, 2, m2, n, "m2");
  if (!p || (buffers > 0 && !a) || (buffers > 1 && !b)) Rf_error("internal: the optimiser lacks a buffer");
  fr_optimizer_update(&opt, fr_seed(step), (size_t)n, g, p, a, b);
  UNPROTECT(1);
  return out;
}
