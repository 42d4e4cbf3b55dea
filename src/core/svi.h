/* svi.h: stochastic variational inference: steps of a guide along the ELBO's stochastic gradient, and the run
 * that takes them until a budget or the verdict ends it. */
#ifndef FR_SVI_H
#define FR_SVI_H

#include "guide.h"
#include "optim.h"
#include "verdict.h"

enum fr_run_status {
  FR_RUN_CONVERGED = 0,
  FR_RUN_BUDGET_EXHAUSTED = 1,
  FR_RUN_DIVERGED = 2,
  FR_RUN_INTERRUPTED = 3,
  FR_RUN_FIXED_STEPS = 4
};

/* All that changes as a run goes on. The arrays belong to the caller and are updated in place; saved and
 * restored they continue the run to the same bits. theta holds the guide's parameters one after the other: loc
 * (d), scale_unconstrained (d), tril (fr_tril_size(d)); m1 and m2 are the optimiser's buffers, laid out alike
 * (NULL when it keeps none). */
typedef struct {
  int d;
  double *theta, *m1, *m2;
  double step;        /* draws taken: the next eps are those of this step */
  double update;      /* updates made: less than step when steps were refused */
  double lr_factor;   /* 1; halved when a step is refused, creeping back when steps succeed */
  double refused;     /* steps refused because something was not finite */
  double in_a_row;    /* of them the latest, without a success between */
} fr_svi;

typedef struct {
  fr_log_density log_density;
  void *model;
  /* Counts, by term, where the density at z is not finite; called for refused steps only. May be NULL. */
  int (*explain)(void *model, int S, size_t ld, const double *z, double *counts);
  double *counts;
  fr_optimizer optimizer;
  uint64_t seed;
  int particles;
  double until_step;   /* run until state.step reaches this */
  int fixed_steps;     /* 1: take them all, never judge */
  int check_every;     /* steps between verdicts */
  int check_pairs;     /* antithetic pairs of a verdict */
  int more_pairs;      /* ... and of a second one where the first cannot tell */
  double tol;          /* converged when gap + 3 gap_se < tol */
  double *good;        /* theta-sized: the latest theta whose density and gradient were finite, kept by fr_svi_run for an
                        * optimiser without buffers (the others take their update back); else NULL */
  double lr;           /* of the latest update, for that; out */
  double *loss;        /* the loss before each update, until_step - step of them; NaN for a refused step */
  fr_verdict verdict;  /* the latest; out */
  double evaluations;  /* gradients of the density at one point; out, added to */
  int (*poll)(void *data, double step, double loss); /* not 0: stop. Called between steps. May be NULL */
  void *poll_data;
} fr_svi_run_spec;

#define FR_SVI_MAX_REFUSED 60

/* Doubles of theta. */
size_t fr_svi_theta_size(int d);
/* theta as a guide; all NULL for NULL. */
fr_guide fr_svi_guide(int d, double *theta);

/* Doubles of workspace for steps (and, with pairs > 0, verdicts of up to so many pairs). */
size_t fr_svi_work(int d, int particles, int pairs, const fr_optimizer *opt);

/* One step from given eps (d x ld, coordinate-major): *loss is minus the ELBO estimate before the update. A
 * step whose density or gradient is not finite is refused: the guide stays, *loss is NaN. */
int fr_svi_step(fr_svi *state, fr_svi_run_spec *spec, size_t ld, const double *eps, double *loss, double *work);

/* Steps with draws from (seed, FR_STREAM_STEP, step); *status is an fr_run_status. Returns an fr_status. */
int fr_svi_run(fr_svi *state, fr_svi_run_spec *spec, int *status, double *work);

#endif
