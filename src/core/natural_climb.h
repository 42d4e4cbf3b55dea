/* natural_climb.h: what the climb of a warm start shares with the walk before or after it (natural_walk.c) and with the candidates along its path
 * (natural_warm.c). */
#ifndef FR_NATURAL_CLIMB_H
#define FR_NATURAL_CLIMB_H

#include "natural_parts.h"

#define FR_PATH_MAX 200    /* points of a path beyond its first */
#define FR_PATIENCE 5      /* small gains in a row that end a climb */
#define FR_WALK_FROM 100   /* d above which a walk comes first */
#define FR_WALK_AFTER 20   /* d above which a walk follows a climb that found no plain mode */
#define FR_WALKED (FR_PATH_MAX + 1) /* among the points of a path the one to which this walk leads */
#define FR_PROBES 8        /* gradients around a point of the walk that is scored */
#define FR_COLUMNS 64      /* of the Hessian in one unit */
#define FR_SCORE_PAIRS 4   /* of draws by which Normals compete */

/* what the climb keeps beside loc and factor */
typedef struct {
  double *x, *g;          /* (FR_PATH_MAX + 2) x d: points and gradients of the path, in the frame */
  double *direction;      /* d */
  double *origin, *frame; /* d, d x d lower */
  double *hessian;        /* d x d */
  double *base;           /* d x d lower: frame of the Hessian; then the factor from it */
  double *base_gradient;  /* d: in that frame; then the Newton point */
  double *rival_loc, *rival_factor; /* d; d x d lower or, where d is large, its diagonal: see the counter `rival` */
} fr_climb_arrays;

fr_climb_arrays fr_climb_layout(const fr_natural *state);

/* Curvature pairs of the path up to point `last`, the latest of them; returns how many. s, y: FR_NATURAL_PATH_MEMORY x d. */
int fr_path_memory(int d, const fr_climb_arrays *k, int last, double *s, double *y);

/* The curvature of I in the BFGS matrix: that of the last of `held` pairs. */
double fr_path_curvature(size_t n, int held, const double *s, const double *y, double otherwise);

/* out = origin + F w */
void fr_from_frame(int d, const fr_climb_arrays *k, const double *w, double *out);

/* out = A' g for lower A */
void fr_to_frame(int d, const double *a, const double *g, double *out);

/* ---- rounds ---- */

/* The best Normal so far is (loc, factor); candidate: 1000 times the round plus the point of the path. */
void fr_keep_best(fr_natural *state, double score, double candidate, const double *loc, const double *factor);

/* Another climb, from loc in the frame of factor. */
void fr_next_round(fr_natural *state, const double *loc, const double *factor);

/* ---- natural_walk.c ---- */

/* Where the density at the start is hopeless beside that of points nearer 0, the best of those is where the climb begins. */
int fr_draw_in(fr_natural *state, const fr_natural_spec *spec, double *origin, double *work);
/* A walk from where the climb is to begin, which moves; the Normal to which it leads is the first candidate. */
int fr_walk_in(fr_natural *state, const fr_natural_spec *spec, const fr_climb_arrays *k, double *work);
/* A walk from the start when the climb is over. Where it leads is point FR_WALKED of the path; the Normal there is a candidate, *found says
 * whether another with the Hessian there may be worth its gradients. */
int fr_walk_anew(fr_natural *state, const fr_natural_spec *spec, const fr_climb_arrays *k, int *found, double *work);

#endif
