/* guide.h: the guide q(z) = N(loc, L L'), L = diag(scale) T, T unit lower triangular, scale =
 * softplus(scale_unconstrained). Pyro's AutoMultivariateNormal as arithmetic: it knows no model. */
#ifndef FR_GUIDE_H
#define FR_GUIDE_H

#include "core.h"

/* A guide's parameters: all arrays belong to the caller. */
typedef struct {
  int d;
  double *loc;                  /* d */
  double *scale_unconstrained;  /* d */
  double *tril;                 /* fr_tril_size(d): strict lower triangle of T, packed in panels */
} fr_guide;

/* Gradients have the guide's own shape. */
typedef fr_guide fr_guide_gradient;

/* A log density over R^d for S points at once: z (d x ld, coordinate-major, entry [j * ld + s]) in,
 * log_prob[S] and, unless NULL, gradient (d x ld) out. A status other than FR_OK ends the run; a point
 * whose density is not finite is no error: its entries say so. */
typedef int (*fr_log_density)(void *model, int S, size_t ld, const double *z, double *log_prob, double *gradient);

/* loc = init, scale = init_scale > 0 through softplus, T = I. */
int fr_guide_start(fr_guide *guide, const double *init, double init_scale);

/* scale (d) from scale_unconstrained (d), and back. */
void fr_guide_constrain(int d, const double *scale_unconstrained, double *scale);
int fr_guide_unconstrain(int d, const double *scale, double *scale_unconstrained);

/* z = loc + L eps for S particles; scaled (d x ld) keeps T eps, which the gradient needs. Cost d^2 S / 2. */
void fr_guide_sample(const fr_guide *guide, const double *scale, int S, size_t ld, const double *eps, double *t_eps, double *z);

/* log q at z = loc + L eps, for each particle: -d/2 log 2 pi - sum log scale - eps'eps / 2. */
void fr_guide_log_q(int d, const double *scale, int S, size_t ld, const double *eps, double *log_q);
/* d/2 (1 + log 2 pi) + sum log scale */
double fr_guide_entropy(int d, const double *scale);

/* Doubles of workspace that fr_guide_elbo needs. */
size_t fr_guide_elbo_work(int d, int S);

/* One stochastic ELBO estimate from given eps (d x ld): elbo[s] = log p(z_s) - log q(z_s) for each
 * particle, and, unless gradient is NULL, the reparameterised gradient of their mean with respect to loc,
 * scale_unconstrained and the strict lower triangle of T, in the direction of ascent, as Pyro's Trace_ELBO
 * gives it (log q differentiated in full). With gradient->tril NULL that part is left as the two factors of
 * fr_guide_outer. *finite is 0 when a density or gradient entry is not finite (the gradient is then not to be used). Cost of the density plus d^2 S. */
int fr_guide_elbo(const fr_guide *guide, fr_log_density log_density, void *model, int S, size_t ld,
                  const double *eps, double *elbo, fr_guide_gradient *gradient, int *finite, double *work);

/* The gradient with respect to T as the strict lower triangle of the mean over particles of g[., s] eps[., s]' (both d x ld),
 * which stand in work after fr_guide_elbo was called with the same arguments. */
typedef struct {
  int particles;
  size_t ld;
  const double *g, *eps;
} fr_outer;
fr_outer fr_guide_outer(int d, int S, size_t ld, const double *eps, const double *work);

#endif
