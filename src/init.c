/* init.c: the one table of .Call routines. */
#include "r_density.h"
#include "r_dist.h"
#include "r_guide.h"
#include "r_mode.h"
#include "r_natural.h"
#include "r_program.h"
#include "r_svi.h"
#include "r_util.h"
#include "core/isa.h"
#include "core/threads.h"
#include <R_ext/Rdynload.h>

#define ROUTINE(name, arity) {#name, (DL_FUNC)&name, arity}

static const R_CallMethodDef routines[] = {
    /* the guide: start, constrained parameterisation and its inverse, sampling, gradient step */
    ROUTINE(fullrank_guide_start, 2),
    ROUTINE(fullrank_guide_constrain, 2),
    ROUTINE(fullrank_guide_unconstrain, 2),
    ROUTINE(fullrank_guide_sample, 4),
    ROUTINE(fullrank_guide_log_q, 2),
    ROUTINE(fullrank_pack_guide, 3),
    ROUTINE(fullrank_unpack_guide, 2),
    ROUTINE(fullrank_elbo, 4),
    ROUTINE(fullrank_svi_step, 4),
    ROUTINE(fullrank_svi_run, 5),
    ROUTINE(fullrank_verdict, 5),
    /* natural() */
    ROUTINE(fullrank_natural_start, 2),
    ROUTINE(fullrank_natural_run, 4),
    ROUTINE(fullrank_natural_step, 3),
    ROUTINE(fullrank_natural_call_off, 2),
    ROUTINE(fullrank_mode, 3),
    /* densities, programs */
    ROUTINE(fullrank_density_eval, 3),
    ROUTINE(fullrank_density_dim, 1),
    ROUTINE(fullrank_op_table, 0),
    ROUTINE(fullrank_program_eval, 4),
    ROUTINE(fullrank_program_values, 3),
    /* distributions */
    ROUTINE(fullrank_dist_table, 0),
    ROUTINE(fullrank_dist_log_prob, 5),
    ROUTINE(fullrank_dist_base, 3),
    ROUTINE(fullrank_dist_log_interval, 4),
    ROUTINE(fullrank_dist_sample, 6),
    ROUTINE(fullrank_dist_mean, 3),
    ROUTINE(fullrank_isa, 0),
    /* the parts that tests reach one by one */
    ROUTINE(fullrank_normals, 6),
    ROUTINE(fullrank_bijection, 6),
    ROUTINE(fullrank_bijection_reverse, 7),
    ROUTINE(fullrank_special, 3),
    ROUTINE(fullrank_optimizer_update, 6),
    {NULL, NULL, 0}};

void R_init_fullrank(DllInfo *dll)
{
  R_registerRoutines(dll, NULL, routines, NULL, NULL);
  R_useDynamicSymbols(dll, FALSE);
  R_forceSymbols(dll, TRUE);
  R_RegisterCCallable("fullrank", "fullrank_density", (DL_FUNC)&fr_make_density);
  fr_isa_use(fr_isa_best());
  fr_threads_start();
}
