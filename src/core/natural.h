/* natural.h: the optimiser that arrives from a cold start and says when it has not.
 *
 * It maximises the ELBO of q = N(loc, L L') over loc and L, in phases:
 *   climb, score, hessian   L-BFGS on the log density; its covariance at points along the path and the Hessian at its end compete
 *   (the walk of natural_walk.c, before the climb for d > 100, after one that found no plain mode for d > 20)
 *   far, match              where the gap is large: batch-and-match (Cai et al. 2024), kept if the ELBO says so
 *   steps                   natural-gradient steps with 8 antithetic pairs, until their noise hides the signal
 *   grow                    in place of these three for d > FR_NATURAL_MATCHED_MAX: natural-gradient steps with a velocity in growing batches, judged by
 *                           their own U-statistic and their gains; for d <= FR_NATURAL_FIXED_MAX until little is left, if the log weights vary
 *   verdict, solve          d <= FR_NATURAL_FIXED_MAX: L-BFGS on fixed moment-matched draws, judged on fresh ones
 *   scout                   d <= FR_NATURAL_SCOUT_MAX, where a guide that has arrived does not fit well: climbs from other starts
 *   average                 after a verdict whose own error is large: steps that average, FR_NATURAL_AVERAGED of them
 *   converged               when more steps are asked for: more of these
 *
 * The state is plain: counters and arrays of doubles. An update does one unit of work (one batch of gradients, or one trial of a line
 * search) and changes the state only when all its evaluations have come back, so that a run can be stopped, saved and gone on with at
 * any unit and ends in the same bits. */
#ifndef FR_NATURAL_H
#define FR_NATURAL_H

#include "dense.h"
#include "guide.h"

#define FR_NATURAL_MATCHED_MAX 200  /* largest d that comes to fixed draws straight from its warm start */
#define FR_NATURAL_FIXED_MAX 500    /* largest d with fixed draws, each pass of which costs O(d^3) */
#define FR_NATURAL_SCOUT_MAX 50     /* largest d for which other starts are tried */
#define FR_NATURAL_BATCHES 16       /* independent batches behind a verdict, at most */
#define FR_NATURAL_MEMORY 20        /* curvature pairs kept in the natural frame */
#define FR_NATURAL_PATH_MEMORY 30   /* ... and in the climb */
#define FR_NATURAL_PAIRS 32         /* pairs evaluated at once */
#define FR_NATURAL_AVERAGED 64      /* steps that average after a verdict */
#define FR_NATURAL_MAX_REFUSED 60   /* units refused in a row before the run is called diverged */

enum fr_natural_phase {
  FR_NATURAL_CLIMB = 0,
  FR_NATURAL_SCORE,
  FR_NATURAL_HESSIAN,
  FR_NATURAL_FAR,
  FR_NATURAL_MATCH,
  FR_NATURAL_STEPS,
  FR_NATURAL_VERDICT,
  FR_NATURAL_SOLVE,
  FR_NATURAL_GROW,
  FR_NATURAL_SCOUT,
  FR_NATURAL_AVERAGE,
  FR_NATURAL_CONVERGED
};

/* The counters of the state, all doubles: X(name), what each is. */
#define FR_NATURAL_COUNTERS(X) \
  X(phase)          /* an fr_natural_phase */ \
  X(step)           /* units of work done */ \
  X(batch)          /* batches of draws used: the next one has this number */ \
  X(gradients)      /* gradients evaluated, one a point */ \
  X(densities)      /* densities evaluated without a gradient */ \
  X(refused)        /* units refused because something was not finite */ \
  X(in_a_row)       /* of them the latest, without a success between */ \
  X(shrunk)         /* how often the factor has been halved since */ \
  X(round)          /* of climb and hessian */ \
  X(path)           /* latest point of the path; -1 before the first */ \
  X(where)          /* point of the path at which the Hessian is taken */ \
  X(misses)         /* Hessians in a row that gained nothing */ \
  X(unfinished)     /* 1 while the best candidate is a Newton point from which a climb would lead further */ \
  X(walked)         /* 1 once a walk has followed a climb, or none is called for */ \
  X(refined)        /* Hessians taken anew in the frame of the one before */ \
  X(funnel)         /* 1 once earlier points of the path have been tried because the mode was far from the optimum */ \
  X(refining)       /* points tried around the best of those */ \
  X(rival)          /* ELBO of a Normal that did not win, but lies earlier than what did, on the path or, where d is large, on the walk; -Inf: none */ \
  X(walk)           /* quick ELBO of the Normal where the walk has led, when d is large; -Inf: none */ \
  X(racing)         /* 1 while batch-and-match, or the growing phase, sets out from that */ \
  X(at)             /* position within a phase: path point, candidate, column, iteration */ \
  X(value)          /* at the point from which a line is searched */ \
  X(slope) X(length) X(low) X(high) X(trials) X(best_length) X(best_value) /* a line search; slope: along the velocity, too */ \
  X(small)          /* successive small gains */ \
  X(score)          /* best ELBO so far: quick ones, then those of verdicts */ \
  X(score_se)       /* its error, once a verdict has judged it */ \
  X(best)           /* and the candidate that has it */ \
  X(signal_loc) X(signal_factor) X(noise_loc) X(noise_factor) X(cap) X(updates) X(low_signal) /* natural-gradient steps */ \
  X(gap_then)       /* gap of the guide kept in the growing phase */ \
  X(moves)          /* of the growing phase since the guide was kept */ \
  X(kept)           /* part of the velocity that the next move keeps */ \
  X(pairs)          /* of a batch of the verdict or of the growing phase */ \
  X(level)          /* solves finished */ \
  X(of)             /* batches of a verdict */ \
  X(batches)        /* of them those that a solve uses */ \
  X(draws)          /* first batch of the draws that are fixed at present */ \
  X(held)           /* curvature pairs held */ \
  X(ridge)          /* 1 where the latest verdict found the ELBO flatter than assumed along a slope that noise does not explain */ \
  X(bad)            /* verdicts in a row with draws that were not finite */ \
  X(gap) X(gap_se) X(floor)  /* the latest verdict, and what its noise would leave */ \
  X(left)           /* gap that the latest move is expected to have left */ \
  X(scouts)         /* sent so far */ \
  X(scouting)       /* 1 while one is out, 2 when it has come back */ \
  X(within)         /* the scout's own phase */ \
  X(champion)       /* quick ELBO of the guide, on the draws by which a scout's candidates are scored */ \
  X(verdict)        /* score of the guide by its verdict, while scouts have scores of their own */ \
  X(after)          /* the phase to come when no scout has found better */ \
  X(elbo)           /* estimate from the latest unit that drew; NaN before */ \
  X(judged)         /* step of the latest verdict */

#define FR_NATURAL_DECLARE(name) double name;
typedef struct {
  FR_NATURAL_COUNTERS(FR_NATURAL_DECLARE)
} fr_natural_counters;
#undef FR_NATURAL_DECLARE

#define FR_NATURAL_COUNTER_COUNT ((int)(sizeof(fr_natural_counters) / sizeof(double)))

/* Arrays belong to the caller. Matrices are d x d, row-major; factors lower triangular with zeros above. */
typedef struct {
  int d;
  fr_natural_counters c;
  double *loc, *factor;            /* the guide: d, d x d */
  double *best_loc, *best_factor;  /* best candidate; from the first verdict on the best guide judged */
  int fallen_back;                 /* not kept: the guide to give is the best, not the one at hand */
  double *mean_gradient;           /* d: of the step before */
  double *velocity;                /* fr_natural_velocity_size(d): of the growing phase, (d, d x d lower); NULL where there is none */
  double *climb;                   /* fr_natural_climb_size(d), NULL once the climb is over and no rival left */
  double *frame;                   /* fr_natural_frame_size(d), NULL once the verdict is over */
} fr_natural;

typedef struct {
  fr_log_density log_density;
  void *model;
  int (*explain)(void *model, int S, size_t ld, const double *z, double *counts); /* see svi.h; may be NULL */
  double *counts;
  uint64_t seed;
  int pairs;             /* antithetic pairs of a natural-gradient step */
  double tol;            /* nats */
  double until_step;     /* run until c.step reaches this */
  double max_gradients;  /* ... or c.gradients this */
  double budget;         /* what max_gradients was when the run began: the same in every part of a run that is broken off */
  int fixed_steps;       /* 1: take them all; past the verdict they are averaging steps */
  double *loss;          /* minus the ELBO estimate of each unit, until_step - c.step of them; NaN where there is none */
  int (*poll)(void *data, double step, double loss);
  void *poll_data;
} fr_natural_spec;

/* Of FR_NATURAL_BATCHES and FR_NATURAL_MEMORY what d coordinates have room for. */
FR_INLINE size_t fr_natural_batches(int d) { return d > FR_NATURAL_MATCHED_MAX ? 6 : FR_NATURAL_BATCHES; }
FR_INLINE size_t fr_natural_memory(int d) { return d > FR_NATURAL_MATCHED_MAX ? 12 : FR_NATURAL_MEMORY; }

size_t fr_natural_climb_size(int d);
size_t fr_natural_frame_size(int d);
size_t fr_natural_velocity_size(int d);
/* Doubles of workspace; points evaluated at once at most. */
size_t fr_natural_work(int d, int pairs);
int fr_natural_points(int pairs);

/* Counters of a fresh run. */
void fr_natural_init(fr_natural *state);

/* loc and factor from a guide, and the guide as it stands: in the warm phases the best candidate so far, in a solve where it has
 * arrived. work: d + d^2 + d^2 + fr_dense_work(d) */
void fr_natural_from_guide(fr_natural *state, const fr_guide *guide);
int fr_natural_guide(const fr_natural *state, fr_guide *guide, double *work);

/* One unit of work. Returns an fr_status; FR_INTERRUPTED leaves the state as it was. *loss: see above. */
int fr_natural_update(fr_natural *state, const fr_natural_spec *spec, double *loss, double *work);

/* Units until the verdict, the budget or the poll function ends the run; *status is an fr_run_status (svi.h). */
int fr_natural_run(fr_natural *state, fr_natural_spec *spec, int *status, double *work);

/* In the phase of scouts: no more of them, the guide stands. */
void fr_natural_call_off(fr_natural *state);

/* One natural-gradient step from given e (d x ld), P antithetic pairs; *loss is minus the ELBO estimate before it. */
int fr_natural_step(fr_natural *state, const fr_natural_spec *spec, int P, size_t ld, const double *e, double *loss, double *work);

#endif
