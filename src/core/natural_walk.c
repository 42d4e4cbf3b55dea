/* natural_walk.c: from a start that may be hopeless: draws towards 0 before the climb, and a walk, where d is large before it, otherwise
 * after a climb that has found no plain mode. */
#include "natural_climb.h"

#include "rng.h"

#define HOPELESS 1000.0 /* nats by which a start may be worse than points nearer 0 */
#define WALK 40         /* points of the walk; half as many when none of them is worth a score */
#define EVERY 2         /* of them are scored, by PROBES gradients more */
#define LOST 4          /* scores in a row without a gain that end the walk */
#define GAIN 1.0        /* nats */
#define FIRST_STRIDE 0.1
#define LONGEST_STRIDE 0.5
#define FLATTEST 0.01   /* curvature of a coordinate, where differences say less */
#define MOST 2.3        /* nats that a coordinate can add to the log density in a score: log(1 / FLATTEST) / 2 */
#define DIP 4.0         /* nats by which the ELBO falls between two places of the walk that compete */
#define SHORT 0.2       /* nats a coordinate by which the earlier may be worse */
#define FAR_OFF 2.0     /* nats a coordinate by which the Normal where a walk leads may be worse than the best, for a Hessian there */

/* Where the density at the start is hopeless beside that of points nearer 0, the best of those is where the climb begins. */
int fr_draw_in(fr_natural *state, const fr_natural_spec *spec, double *origin, double *work)
{
  const size_t n = (size_t)state->d, W = (size_t)fr_width(4);
  const double share[4] = {1.0, 0.5, 0.25, 0.0};
  double *z = work, *lp = z + n * W;
  int best = 0;
  for (size_t j = 0; j < n; j++)
    for (size_t s = 0; s < W; s++) z[j * W + s] = share[s < 4 ? s : 0] * origin[j];
  int status = spec->log_density(spec->model, 4, W, z, lp, NULL); /* values that are not finite are no fault of the model's here */
  if (status != FR_OK) return status;
  state->c.densities += 4.0;
  for (int s = 1; s < 4; s++)
    if (isfinite(lp[s]) && !(lp[s] <= lp[best])) best = s;
  if (!isfinite(lp[0]) || lp[best] > lp[0] + HOPELESS)
    for (size_t j = 0; j < n; j++) origin[j] *= share[best];
  return FR_OK;
}

/* A crude ELBO of the best Normal at z, whose density and gradient are given: independent coordinates, with curvatures from gradients a
 * little off in FR_PROBES directions of random signs (Bekas, Kokiopoulou and Saad 2007), sign (d x FR_PROBES): each coordinate's own curvature, and
 * those that it shares with others, which average out. NaN where it is not finite. To sd the sds of a Normal that may be drawn
 * from: of a negative curvature the size is taken, and none is above 1. */
static int crude_elbo(fr_natural *state, const fr_natural_spec *spec, const double *z, double value, const double *g, const double *sign, double *elbo,
                      double *sd, double *work)
{
  const size_t n = (size_t)state->d, W = (size_t)fr_width(FR_PROBES);
  const double h = 1e-4;
  double *off = work, *g_off = off + n * W, *unused = g_off + n * W, *rest = unused + W;
  for (size_t j = 0; j < n; j++)
    for (size_t s = 0; s < FR_PROBES; s++) off[j * W + s] = z[j] + h * sign[j * FR_PROBES + s];
  int status = fr_natural_evaluate(state, spec, FR_PROBES, off, unused, g_off, rest);
  *elbo = value;
  for (size_t j = 0; j < n; j++) {
    double curvature = 0.0;
    for (size_t s = 0; s < FR_PROBES; s++) curvature += (g[j] - g_off[j * W + s]) / (h * sign[j * FR_PROBES + s]) / FR_PROBES;
    *elbo -= 0.5 * log(curvature > FLATTEST ? curvature : curvature == curvature ? FLATTEST : NAN);
    sd[j] = 1.0 / sqrt(fmax(fabs(curvature), 1.0));
  }
  return status;
}

/* A walk whose strides know the signs of the gradient alone (Riedmiller and Braun 1993), to the point of it that is best for a Normal.
 * Where hundreds of effects share a scale, the gradient of the scale is hundreds of times theirs: a climb would follow it into the throat
 * of the funnel, where all of them are 0, before they have moved. Walking, they are as fast as it is. sd: those of the Normal there. The walk
 * may still come by the wide part of the funnel before the effects have settled, and look better deep in the throat: the first place from which the
 * ELBO falls before it rises further is a rival (its point and sds: d each; NULL: none is asked for), whose ELBO the counter is. */
static int walk(fr_natural *state, const fr_natural_spec *spec, double *origin, double *sd, double *rival_loc, double *rival_sd, double *work)
{
  const size_t n = (size_t)state->d;
  double *z = work, *g = z + n, *before = g + n, *stride = before + n, *sd_here = stride + n, *sign = sd_here + n, *rest = sign + n * FR_PROBES;
  double best = -INFINITY, lowest = INFINITY, rival = -INFINITY, value, elbo;
  memcpy(z, origin, n * sizeof(double));
  fr_normals(1, FR_STREAM_FIT, 0, 0, FR_PROBES, state->d, FR_PROBES, sign);
  for (size_t i = 0; i < n * FR_PROBES; i++) sign[i] = sign[i] < 0.0 ? -1.0 : 1.0;
  for (size_t j = 0; j < n; j++) before[j] = 0.0, stride[j] = FIRST_STRIDE, sd[j] = 1.0;
  for (int k = 0, since = 0; k < WALK && since < LOST && (k <= WALK / 2 || best > -INFINITY); k++) {
    int status = fr_natural_evaluate(state, spec, 1, z, &value, g, rest);
    if (status != FR_OK) return status;
    if (!isfinite(value) || !fr_vector_finite(n, g)) break;
    if (k % EVERY == 0 && value > state->c.score - MOST * n) {
      status = crude_elbo(state, spec, z, value, g, sign, &elbo, sd_here, rest);
      if (status != FR_OK) return status;
      since++;
      lowest = fmin(lowest, elbo);
      if (elbo > best) {
        if (elbo > best + GAIN) since = 0;
        if (rival_loc && rival == -INFINITY && lowest < best - DIP) {
          rival = best;
          memcpy(rival_loc, origin, n * sizeof(double));
          memcpy(rival_sd, sd, n * sizeof(double));
        }
        best = lowest = elbo;
        memcpy(origin, z, n * sizeof(double));
        memcpy(sd, sd_here, n * sizeof(double));
      }
    }
    for (size_t j = 0; j < n; j++) {
      const double turn = g[j] * before[j];
      stride[j] = turn > 0.0 ? fmin(1.2 * stride[j], LONGEST_STRIDE) : turn < 0.0 ? 0.5 * stride[j] : stride[j];
      z[j] += g[j] > 0.0 ? stride[j] : g[j] < 0.0 ? -stride[j] : 0.0;
      before[j] = g[j];
    }
  }
  if (rival > best - SHORT * n) state->c.rival = rival;
  return FR_OK;
}

/* The walk from z, which moves to where it leads, and the quick ELBO of the Normal there. factor: d x d */
static int walk_from(fr_natural *state, const fr_natural_spec *spec, double *z, double *factor, double *rival_loc, double *rival_sd, double *score,
                     double *work)
{
  const size_t n = (size_t)state->d;
  double *sd = work, *rest = sd + n;
  int status = walk(state, spec, z, sd, rival_loc, rival_sd, rest);
  if (status != FR_OK) return status;
  memset(factor, 0, n * n * sizeof(double));
  for (size_t j = 0; j < n; j++) factor[j * n + j] = sd[j];
  return fr_natural_quick(state, spec, z, factor, FR_SCORE_PAIRS, 0.0, score, rest);
}

/* That Normal is a candidate. */
static void compete(fr_natural *state, double score, const double *z, const double *factor)
{
  if (score > state->c.score) fr_keep_best(state, score, 1000.0 * state->c.round, z, factor);
}

int fr_walk_in(fr_natural *state, const fr_natural_spec *spec, const fr_climb_arrays *k, double *work)
{
  double score;
  const int large = state->d > FR_NATURAL_MATCHED_MAX;
  int status = walk_from(state, spec, k->origin, k->hessian, large ? k->rival_loc : NULL, k->rival_factor, &score, work);
  if (status != FR_OK) return status;
  compete(state, score, k->origin, k->hessian);
  if (large) state->c.walk = score;
  if (large && state->c.rival == -INFINITY) { /* should the climb lead further */
    const size_t n = (size_t)state->d;
    memcpy(k->rival_loc, k->origin, n * sizeof(double));
    for (size_t j = 0; j < n; j++) k->rival_factor[j] = k->hessian[j * n + j];
  }
  return FR_OK;
}

int fr_walk_anew(fr_natural *state, const fr_natural_spec *spec, const fr_climb_arrays *k, int *found, double *work)
{
  const size_t n = (size_t)state->d;
  double *z = work, *g = z + n, *rest = g + n, *x = k->x + FR_WALKED * n, value, score;
  *found = 0;
  memcpy(z, state->loc, n * sizeof(double));
  int status = fr_draw_in(state, spec, z, rest);
  if (status == FR_OK) status = walk_from(state, spec, z, k->hessian, NULL, NULL, &score, rest);
  if (status != FR_OK) return status;
  if (score > state->c.score - FAR_OFF * n) {
    status = fr_natural_evaluate(state, spec, 1, z, &value, g, rest);
    if (status != FR_OK) return status;
    *found = isfinite(value) && fr_vector_finite(n, g);
    for (size_t i = 0; i < n; i++) x[i] = (z[i] - k->origin[i] - fr_dot(i, k->frame + i * n, x)) / k->frame[i * n + i];
    fr_to_frame(state->d, k->frame, g, k->g + FR_WALKED * n);
  }
  compete(state, score, z, k->hessian);
  return FR_OK;
}
