/* r_svi.c: .Call entry points of the ELBO, its steps and runs.
 *
 * A guide's parameters travel as one double vector theta: loc (d), scale_unconstrained (d), the strict lower
 * triangle of T packed in panels. A run's state is a list: theta, m1, m2 (NULL or as theta), step, update,
 * lr_factor, refused, in_a_row. The entry points copy the state once, change the copy and return it. */
#include "r_svi.h"
#include "r_density.h"
#include "r_watch.h"
#include "core/svi.h"
#include "core/tril.h"
#include <string.h>

/* ---- guides ---- */

/* The doubles of a vector laid out as theta; NULL for R's NULL. */
static double *theta_of(SEXP theta, int d, const char *what)
{
  if (theta == R_NilValue) return NULL;
  if ((size_t)Rf_xlength(theta) != fr_svi_theta_size(d)) Rf_error("internal: '%s' does not have the guide's size", what);
  return fr_real(theta, what);
}

SEXP fullrank_pack_guide(SEXP loc, SEXP scale_unconstrained, SEXP scale_tril)
{
  int d = (int)Rf_xlength(loc);
  SEXP out = PROTECT(Rf_allocVector(REALSXP, (R_xlen_t)fr_svi_theta_size(d)));
  fr_guide g = fr_svi_guide(d, REAL(out));
  if (Rf_xlength(scale_unconstrained) != d || Rf_xlength(scale_tril) != (R_xlen_t)d * d)
    Rf_error("internal: the guide's parts differ in size");
  memcpy(g.loc, fr_real(loc, "loc"), (size_t)d * sizeof(double));
  memcpy(g.scale_unconstrained, fr_real(scale_unconstrained, "scale_unconstrained"), (size_t)d * sizeof(double));
  fr_tril_pack(d, fr_real(scale_tril, "scale_tril"), 1, g.tril);
  UNPROTECT(1);
  return out;
}

/* list(loc, scale_unconstrained, scale, scale_tril_unconstrained (strict lower triangle)) */
SEXP fullrank_unpack_guide(SEXP theta, SEXP dim)
{
  int d = Rf_asInteger(dim);
  if (d < 0) Rf_error("internal: a guide of %d coordinates", d);
  const char *names[] = {"loc", "scale_unconstrained", "scale", "scale_tril_unconstrained", ""};
  fr_guide g = fr_svi_guide(d, theta_of(theta, d, "theta"));
  SEXP out = PROTECT(Rf_mkNamed(VECSXP, names));
  for (int k = 0; k < 3; k++) SET_VECTOR_ELT(out, k, Rf_allocVector(REALSXP, d));
  SET_VECTOR_ELT(out, 3, Rf_allocMatrix(REALSXP, d, d));
  memcpy(REAL(VECTOR_ELT(out, 0)), g.loc, (size_t)d * sizeof(double));
  memcpy(REAL(VECTOR_ELT(out, 1)), g.scale_unconstrained, (size_t)d * sizeof(double));
  fr_guide_constrain(d, g.scale_unconstrained, REAL(VECTOR_ELT(out, 2)));
  fr_tril_unpack(d, g.tril, REAL(VECTOR_ELT(out, 3)));
  UNPROTECT(1);
  return out;
}

/* eps: S x d, to the core's layout with whole lane blocks */
static double *read_eps(SEXP eps, int d, int *S, size_t *ld)
{
  if (!Rf_isMatrix(eps) || Rf_ncols(eps) != d) Rf_error("internal: eps is not a matrix with %d columns", d);
  *S = Rf_nrows(eps);
  *ld = (size_t)fr_width(*S);
  double *out = fr_work((size_t)d * *ld);
  memset(out, 0, (size_t)d * *ld * sizeof(double));
  for (int j = 0; j < d; j++) memcpy(out + (size_t)j * *ld, fr_real(eps, "eps") + (size_t)j * (size_t)*S, (size_t)*S * sizeof(double));
  return out;
}

/* list(elbo (S), gradient (as theta) or NULL) */
SEXP fullrank_elbo(SEXP program, SEXP theta, SEXP eps, SEXP want_gradient)
{
  int d = Rf_ncols(eps), S, finite;
  size_t ld;
  double *draws = read_eps(eps, d, &S, &ld);
  fr_guide guide = fr_svi_guide(d, theta_of(theta, d, "theta"));
  fr_density density;
  fr_density_from_r(program, S, NULL, NULL, &density);
  if (density.d != d) Rf_error("internal: the guide has %d coordinates, the model %d", d, density.d);
  const char *names[] = {"elbo", "gradient", ""};
  SEXP out = PROTECT(Rf_mkNamed(VECSXP, names));
  SET_VECTOR_ELT(out, 0, Rf_allocVector(REALSXP, S));
  fr_guide_gradient gradient = fr_svi_guide(d, NULL);
  if (Rf_asLogical(want_gradient)) {
    SET_VECTOR_ELT(out, 1, Rf_allocVector(REALSXP, (R_xlen_t)fr_svi_theta_size(d)));
    gradient = fr_svi_guide(d, REAL(VECTOR_ELT(out, 1)));
  }
  int status = fr_guide_elbo(&guide, density.log_density, density.model, S, ld, draws, REAL(VECTOR_ELT(out, 0)),
                             gradient.loc ? &gradient : NULL, &finite, fr_work(fr_guide_elbo_work(d, S)));
  if (status != FR_OK) Rf_error("internal: the ELBO ended with status %d", status);
  UNPROTECT(1);
  return out;
}

static SEXP verdict_list(const fr_verdict *v)
{
  const char *names[] = {"elbo", "elbo_se", "gap", "gap_se", "finite", ""};
  double values[] = {v->elbo, v->elbo_se, v->gap, v->gap_se, v->finite};
  SEXP out = PROTECT(Rf_mkNamed(VECSXP, names));
  for (int k = 0; k < 5; k++) SET_VECTOR_ELT(out, k, Rf_ScalarReal(values[k]));
  UNPROTECT(1);
  return out;
}

SEXP fullrank_verdict(SEXP program, SEXP theta, SEXP pairs, SEXP seed, SEXP step)
{
  int n = Rf_asInteger(pairs);
  fr_density density;
  fr_density_from_r(program, 2 * n, NULL, NULL, &density);
  fr_guide guide = fr_svi_guide(density.d, theta_of(theta, density.d, "theta"));
  fr_verdict verdict;
  int status = fr_verdict_judge(&guide, density.log_density, density.model, n, fr_seed(seed), (uint64_t)Rf_asReal(step),
                                &verdict, fr_work(fr_verdict_work(density.d, n)));
  if (status != FR_OK) Rf_error("internal: the verdict ended with status %d", status);
  return verdict_list(&verdict);
}

/* ---- steps and runs ---- */

static fr_optimizer read_optimizer(SEXP list)
{
  const double *betas = fr_real(fr_list_get(list, "betas"), "betas");
  return (fr_optimizer){.code = fr_list_int(list, "code"), .lr = fr_list_double(list, "lr"), .beta1 = betas[0], .beta2 = betas[1],
                        .eps = fr_list_double(list, "eps"), .clip_norm = fr_list_double(list, "clip_norm"),
                        .lrd = fr_list_double(list, "lrd"), .momentum = fr_list_double(list, "momentum"),
                        .decay = fr_list_double(list, "decay")};
}

static const char *state_names[] = {"theta", "m1", "m2", "step", "update", "lr_factor", "refused", "in_a_row", ""};

/* A fresh copy of a state list, its buffers allocated where the optimiser keeps some and there were none. */
static SEXP copy_state(SEXP state, int d, const fr_optimizer *opt, fr_svi *out)
{
  SEXP copy = PROTECT(Rf_mkNamed(VECSXP, state_names));
  int buffers = fr_optimizer_buffers(opt);
  for (int k = 0; k < 3; k++) {
    SEXP x = fr_list_find(state, state_names[k]);
    if (x != R_NilValue) {
      SET_VECTOR_ELT(copy, k, Rf_duplicate(x));
    } else if (k <= buffers) {
      SET_VECTOR_ELT(copy, k, Rf_allocVector(REALSXP, (R_xlen_t)fr_svi_theta_size(d)));
      memset(REAL(VECTOR_ELT(copy, k)), 0, fr_svi_theta_size(d) * sizeof(double));
    }
  }
  for (int k = 3; k < 8; k++) SET_VECTOR_ELT(copy, k, Rf_ScalarReal(fr_list_double(state, state_names[k])));
  *out = (fr_svi){d, theta_of(VECTOR_ELT(copy, 0), d, "theta"), theta_of(VECTOR_ELT(copy, 1), d, "m1"),
                  theta_of(VECTOR_ELT(copy, 2), d, "m2"), fr_list_double(state, "step"), fr_list_double(state, "update"),
                  fr_list_double(state, "lr_factor"), fr_list_double(state, "refused"), fr_list_double(state, "in_a_row")};
  UNPROTECT(1);
  return copy;
}

static void write_counters(SEXP copy, const fr_svi *s)
{
  double values[] = {s->step, s->update, s->lr_factor, s->refused, s->in_a_row};
  for (int k = 0; k < 5; k++) REAL(VECTOR_ELT(copy, 3 + k))[0] = values[k];
}

/* list(state, loss, counts (n_terms)) */
SEXP fullrank_svi_step(SEXP program, SEXP state, SEXP optimizer, SEXP eps)
{
  int d = Rf_ncols(eps), S;
  size_t ld;
  double *draws = read_eps(eps, d, &S, &ld), loss;
  fr_density density;
  fr_density_from_r(program, S, NULL, NULL, &density);
  if (density.d != d) Rf_error("internal: the guide has %d coordinates, the model %d", d, density.d);
  fr_svi svi;
  fr_svi_run_spec spec = {.log_density = density.log_density, .model = density.model, .explain = density.explain,
                          .optimizer = read_optimizer(optimizer), .particles = S};
  const char *names[] = {"state", "loss", "counts", ""};
  SEXP out = PROTECT(Rf_mkNamed(VECSXP, names));
  SET_VECTOR_ELT(out, 0, copy_state(state, d, &spec.optimizer, &svi));
  SET_VECTOR_ELT(out, 2, Rf_allocVector(REALSXP, density.n_terms));
  spec.counts = REAL(VECTOR_ELT(out, 2));
  memset(spec.counts, 0, (size_t)density.n_terms * sizeof(double));
  int status = fr_svi_step(&svi, &spec, ld, draws, &loss, fr_work(fr_svi_work(d, S, 0, &spec.optimizer)));
  if (status != FR_OK) Rf_error("internal: the step ended with status %d", status);
  write_counters(VECTOR_ELT(out, 0), &svi);
  SET_VECTOR_ELT(out, 1, Rf_ScalarReal(loss));
  UNPROTECT(1);
  return out;
}

/* settings: seed, particles, until_step, fixed_steps, check_every, check_pairs, more_pairs, tol.
 * list(state, status (code), loss, counts (n_terms), verdict, evaluations) */
SEXP fullrank_svi_run(SEXP program, SEXP state, SEXP optimizer, SEXP settings, SEXP report)
{
  fr_watch w;
  int S = fr_list_int(settings, "particles"), pairs = fr_list_int(settings, "check_pairs");
  int more = fr_list_int(settings, "more_pairs"), most = more > pairs ? more : pairs, run_status = FR_RUN_INTERRUPTED;
  fr_density density;
  fr_density_from_r(program, S > 2 * most ? S : 2 * most, fr_watch_rows, &w, &density);
  fr_svi svi;
  fr_svi_run_spec spec = {
      .log_density = density.log_density, .model = density.model, .explain = density.explain,
      .optimizer = read_optimizer(optimizer), .seed = fr_seed(fr_list_get(settings, "seed")), .particles = S,
      .until_step = fr_list_double(settings, "until_step"), .fixed_steps = fr_list_int(settings, "fixed_steps"),
      .check_every = fr_list_int(settings, "check_every"), .check_pairs = pairs, .more_pairs = more, .tol = fr_list_double(settings, "tol"),
      .verdict = {NAN, NAN, NAN, NAN, 0}, .poll = fr_watch_step, .poll_data = &w};
  double first = fr_list_double(state, "step");
  fr_watch_start(&w, report, first, NULL, &spec.verdict.gap, &spec.verdict.gap_se);
  R_xlen_t length = spec.until_step > first ? (R_xlen_t)(spec.until_step - first) : 0;
  const char *names[] = {"state", "status", "loss", "counts", "verdict", "evaluations", ""};
  SEXP out = PROTECT(Rf_mkNamed(VECSXP, names));
  SET_VECTOR_ELT(out, 0, copy_state(state, density.d, &spec.optimizer, &svi));
  SET_VECTOR_ELT(out, 2, Rf_allocVector(REALSXP, length));
  SET_VECTOR_ELT(out, 3, Rf_allocVector(REALSXP, density.n_terms));
  spec.loss = REAL(VECTOR_ELT(out, 2));
  spec.counts = REAL(VECTOR_ELT(out, 3));
  memset(spec.counts, 0, (size_t)density.n_terms * sizeof(double));
  int status = fr_svi_run(&svi, &spec, &run_status, fr_work(fr_svi_work(density.d, S, spec.fixed_steps ? 0 : most, &spec.optimizer)));
  if (status != FR_OK) Rf_error("internal: the run ended with status %d", status);
  write_counters(VECTOR_ELT(out, 0), &svi);
  SET_VECTOR_ELT(out, 1, Rf_ScalarInteger(run_status));
  if (svi.step - first < (double)length) SET_VECTOR_ELT(out, 2, Rf_xlengthgets(VECTOR_ELT(out, 2), (R_xlen_t)(svi.step - first)));
  SET_VECTOR_ELT(out, 4, verdict_list(&spec.verdict));
  SET_VECTOR_ELT(out, 5, Rf_ScalarReal(spec.evaluations));
  UNPROTECT(1);
  return out;
}
