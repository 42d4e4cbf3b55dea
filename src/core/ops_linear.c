/* ops_linear.c: y = X b for a chunk of rows, and its adjoint b_bar += X' y_bar. X is data, column-major. The kernels are
 * in linear_kernels.h. */
#include "kernels.h"
#include "vec.h"

#define FR_EACH_SOURCE "linear_kernels.h"
#include "isa_each.h"

void fr_matvec_forward_few(int particles, const fr_call *c, size_t ld, int p)
{
  const double *b[FR_MAX_FEW];
  double *y[FR_MAX_FEW];
  for (int s = 0; s < particles; s++) b[s] = c[s].v[1].v, y[s] = c[s].y;
  FR_CALL_ISA(forward_few, (particles, c->rows, c->v[0].v, ld, p, b, y));
}

void fr_matvec_reverse_few(int particles, const fr_call *c, size_t ld, int p)
{
  const double *bar[FR_MAX_FEW];
  double *b_bar[FR_MAX_FEW];
  for (int s = 0; s < particles; s++) bar[s] = c[s].y_bar, b_bar[s] = c[s].v[1].a;
  FR_CALL_ISA(reverse_few, (particles, c->rows, c->v[0].v, ld, p, bar, b_bar));
}

void fr_matvec_forward(const fr_call *c, size_t ld, int p)
{
  if (c->W == 1) fr_matvec_forward_few(1, c, ld, p);
  else if (c->particles <= FR_LANES / 2) FR_CALL_ISA(forward_half, (c->rows, c->v[0].v, ld, p, c->v[1].v, c->y));
  else FR_CALL_ISA(forward_lanes, (c->rows, c->v[0].v, ld, p, c->v[1].v, c->y));
}

void fr_matvec_reverse(const fr_call *c, size_t ld, int p)
{
  if (c->W == 1) fr_matvec_reverse_few(1, c, ld, p);
  else if (c->particles <= FR_LANES / 2) FR_CALL_ISA(reverse_half, (c->rows, c->v[0].v, ld, p, c->y_bar, c->v[1].a));
  else FR_CALL_ISA(reverse_lanes, (c->rows, c->v[0].v, ld, p, c->y_bar, c->v[1].a));
}
