/* r_program.c: .Call entry points that evaluate programs.
 *
 * A program list has: d, op, len, arg, arg_start, ints, int_start (integer; arg and the starts count from 0),
 * constants (list of double vectors), index (list of integer vectors, from 0), dists (character), n_terms, and bodies
 * (list): those of its loops, each with op .. int_start as above, iterations and n_initial; and for the length of a call
 * perhaps threads. */
#include "r_program.h"

#include "core/dist.h"
#include "core/threads.h"
#include <limits.h>
#include <string.h>

static const char *status_text(int status)
{
  switch (status) {
  case FR_ERR_UNKNOWN_OP: return "an operation that this version does not know";
  case FR_ERR_ARGUMENT: return "an argument, shape or index that does not fit";
  default: return "an unexpected status";
  }
}

static const int *int_vector(SEXP list, const char *name, int *n)
{
  SEXP x = fr_list_get(list, name);
  if (TYPEOF(x) != INTSXP) Rf_error("the program is damaged: '%s' is not an integer vector", name);
  if (Rf_xlength(x) > INT_MAX) Rf_error("the program is damaged: '%s' is too long", name);
  *n = (int)Rf_xlength(x);
  return INTEGER(x);
}

static int count_of(SEXP list, const char *name)
{
  double x = fr_list_double(list, name);
  if (!(x >= 0 && x <= INT_MAX)) Rf_error("the program is damaged: '%s' is no count", name);
  return (int)x;
}

static SEXP list_of(SEXP program, const char *name, SEXPTYPE type)
{
  SEXP x = fr_list_get(program, name);
  if ((SEXPTYPE)TYPEOF(x) != type || Rf_xlength(x) > INT_MAX) Rf_error("the program is damaged: '%s' has the wrong type", name);
  return x;
}

static void read_vectors(SEXP list, SEXPTYPE type, int *n, const void ***data, const int **len)
{
  *n = (int)Rf_xlength(list);
  int *lengths = (int *)R_alloc((size_t)*n + 1, sizeof(int));
  const void **p = (const void **)R_alloc((size_t)*n + 1, sizeof(void *));
  for (int i = 0; i < *n; i++) {
    SEXP x = VECTOR_ELT(list, i);
    if ((SEXPTYPE)TYPEOF(x) != type || Rf_xlength(x) > INT_MAX) Rf_error("the program is damaged: data of the wrong type");
    p[i] = type == REALSXP ? (const void *)REAL(x) : (const void *)INTEGER(x);
    lengths[i] = (int)Rf_xlength(x);
  }
  *data = p;
  *len = lengths;
}

/* The nodes of a program or of a body. */
static void read_code(SEXP list, fr_program_spec *s)
{
  int n_len, n_arg, n_ints, n_start, n_int_start;
  s->op = int_vector(list, "op", &s->n_nodes);
  s->len = int_vector(list, "len", &n_len);
  s->arg = int_vector(list, "arg", &n_arg);
  s->arg_start = int_vector(list, "arg_start", &n_start);
  s->ints = int_vector(list, "ints", &n_ints);
  s->int_start = int_vector(list, "int_start", &n_int_start);
  if (n_len != s->n_nodes || n_start - 1 != s->n_nodes || n_int_start - 1 != s->n_nodes)
    Rf_error("the program is damaged: its vectors differ in length");
  for (int i = 0; i < s->n_nodes; i++)
    if (s->arg_start[i] < 0 || s->arg_start[i] > s->arg_start[i + 1] || s->arg_start[i + 1] > n_arg ||
        s->int_start[i] < 0 || s->int_start[i] > s->int_start[i + 1] || s->int_start[i + 1] > n_ints)
      Rf_error("the program is damaged: node %d points outside its arguments", i + 1);
}

static void read_bodies(SEXP program, fr_program_spec *s)
{
  SEXP bodies = list_of(program, "bodies", VECSXP);
  s->n_bodies = (int)Rf_xlength(bodies);
  fr_body *body = (fr_body *)R_alloc((size_t)s->n_bodies + 1, sizeof(fr_body));
  for (int i = 0; i < s->n_bodies; i++) {
    SEXP list = VECTOR_ELT(bodies, i);
    memset(&body[i], 0, sizeof body[i]);
    body[i].iterations = count_of(list, "iterations");
    body[i].n_initial = count_of(list, "n_initial");
    read_code(list, &body[i].code);
    body[i].code.n_index = s->n_index;
    body[i].code.index = s->index;
    body[i].code.index_len = s->index_len;
  }
  s->body = body;
}

static void read_spec(SEXP program, fr_program_spec *s)
{
  if (TYPEOF(program) != VECSXP) Rf_error("the program is damaged: it is not a list");
  memset(s, 0, sizeof *s);
  s->d = count_of(program, "d");
  s->n_terms = count_of(program, "n_terms");
  read_code(program, s);
  read_vectors(list_of(program, "constants", VECSXP), REALSXP, &s->n_consts, (const void ***)&s->constant, &s->constant_len);
  read_vectors(list_of(program, "index", VECSXP), INTSXP, &s->n_index, (const void ***)&s->index, &s->index_len);
  read_bodies(program, s);
  SEXP dists = list_of(program, "dists", STRSXP);
  s->n_dists = (int)Rf_xlength(dists);
  const fr_dist **dist = (const fr_dist **)R_alloc((size_t)s->n_dists + 1, sizeof(fr_dist *));
  for (int i = 0; i < s->n_dists; i++) {
    dist[i] = fr_dist_find(CHAR(STRING_ELT(dists, i)));
    if (!dist[i]) Rf_error("this version has no distribution '%s'", CHAR(STRING_ELT(dists, i)));
  }
  s->dist = dist;
}

static fr_program *load(SEXP list, int keep_all)
{
  fr_program_spec spec;
  int bad;
  fr_use_isa();
  read_spec(list, &spec);
  fr_program *p = (fr_program *)R_alloc(1, sizeof(fr_program));
  int status = fr_program_load(&spec, keep_all, fr_work(fr_program_plan_bytes(&spec) / sizeof(double) + 1), p, &bad);
  if (status != FR_OK) Rf_error("the program is damaged at node %d: %s", bad + 1, status_text(status));
  p->threads = fr_threads_allowed(fr_list_find(list, "threads") == R_NilValue ? 1 : fr_list_int(list, "threads"));
  return p;
}

/* ---- a program as a density ---- */

typedef struct {
  fr_program *program;
  double *work, *terms, *log_prob;
} density_model;

static int program_density(void *model, int S, size_t ld, const double *z, double *log_prob, double *gradient)
{
  density_model *m = model;
  return fr_program_eval(m->program, S, ld, z, log_prob, gradient, NULL, m->work);
}

static int program_explain(void *model, int S, size_t ld, const double *z, double *counts)
{
  density_model *m = model;
  int n_terms = m->program->spec.n_terms;
  int status = fr_program_eval(m->program, S, ld, z, m->log_prob, NULL, m->terms, m->work);
  for (int t = 0; status == FR_OK && t < n_terms; t++)
    for (int s = 0; s < S; s++)
      if (!R_FINITE(m->terms[(size_t)t * ld + (size_t)s])) counts[t] += 1.0;
  return status;
}

void fr_program_density(SEXP list, int S, int (*poll)(void *), void *poll_data, fr_density *out)
{
  density_model *m = (density_model *)R_alloc(1, sizeof(density_model));
  m->program = load(list, 0);
  m->program->poll = poll;
  m->program->poll_data = poll_data;
  m->work = fr_work(fr_program_work(m->program, S));
  m->terms = fr_work((size_t)m->program->spec.n_terms * (size_t)fr_width(S));
  m->log_prob = fr_work((size_t)fr_width(S));
  *out = (fr_density){program_density, program_explain, m, m->program->spec.d, m->program->spec.n_terms};
}

/* ---- entry points ---- */

/* Named by operation, in the order of the codes (from 0): 1 unary, 2 binary elementwise, 0 otherwise. */
SEXP fullrank_op_table(void)
{
  SEXP names = PROTECT(Rf_allocVector(STRSXP, FR_OP_COUNT)), elementwise = PROTECT(Rf_allocVector(INTSXP, FR_OP_COUNT));
  for (int i = 0; i < FR_OP_COUNT; i++) {
    SET_STRING_ELT(names, i, Rf_mkChar(fr_ops[i].name));
    INTEGER(elementwise)[i] = fr_ops[i].op_class == FR_UNARY ? 1 : fr_ops[i].op_class == FR_BINARY ? 2 : 0;
  }
  Rf_setAttrib(elementwise, R_NamesSymbol, names);
  UNPROTECT(2);
  return elementwise;
}

static int points(SEXP z, int d)
{
  if (TYPEOF(z) != REALSXP || !Rf_isMatrix(z) || Rf_ncols(z) != d)
    Rf_error("internal: z is not a matrix with %d columns", d);
  return Rf_nrows(z);
}

/* z: S x d. list(log_prob (S), gradient (S x d) or NULL, terms (S x n_terms) or NULL) */
SEXP fullrank_program_eval(SEXP program, SEXP z, SEXP gradient, SEXP terms)
{
  fr_program *p = load(program, 0);
  int S = points(z, p->spec.d), want_gradient = Rf_asLogical(gradient), want_terms = Rf_asLogical(terms);
  const char *names[] = {"log_prob", "gradient", "terms", ""};
  SEXP out = PROTECT(Rf_mkNamed(VECSXP, names));
  SET_VECTOR_ELT(out, 0, Rf_allocVector(REALSXP, S));
  if (want_gradient) SET_VECTOR_ELT(out, 1, Rf_allocMatrix(REALSXP, S, p->spec.d));
  if (want_terms) SET_VECTOR_ELT(out, 2, Rf_allocMatrix(REALSXP, S, p->spec.n_terms));
  int status = S == 0 ? FR_OK
                      : fr_program_eval(p, S, (size_t)S, REAL(z), REAL(VECTOR_ELT(out, 0)),
                                        want_gradient ? REAL(VECTOR_ELT(out, 1)) : NULL,
                                        want_terms ? REAL(VECTOR_ELT(out, 2)) : NULL, fr_work(fr_program_work(p, S)));
  if (status != FR_OK) Rf_error("internal: %s", status_text(status));
  UNPROTECT(1);
  return out;
}

/* z: S x d; nodes: integer, from 0. A list with one S x len matrix a node. */
SEXP fullrank_program_values(SEXP program, SEXP z, SEXP nodes)
{
  if (TYPEOF(nodes) != INTSXP) Rf_error("internal: nodes are not integers");
  fr_program *p = load(program, 1);
  int S = points(z, p->spec.d), n = (int)Rf_xlength(nodes);
  SEXP out = PROTECT(Rf_allocVector(VECSXP, n));
  double **data = (double **)R_alloc((size_t)n + 1, sizeof(double *));
  for (int k = 0; k < n; k++) {
    int node = INTEGER(nodes)[k];
    if (node < 0 || node >= p->spec.n_nodes || p->place[node] == FR_PLACE_TERM) Rf_error("internal: no node %d", node);
    SET_VECTOR_ELT(out, k, Rf_allocMatrix(REALSXP, S, p->spec.len[node]));
    data[k] = REAL(VECTOR_ELT(out, k));
  }
  int status = S == 0 ? FR_OK : fr_program_values(p, S, (size_t)S, REAL(z), n, INTEGER(nodes), data, fr_work(fr_program_work(p, S)));
  if (status != FR_OK) Rf_error("internal: %s", status_text(status));
  UNPROTECT(1);
  return out;
}
