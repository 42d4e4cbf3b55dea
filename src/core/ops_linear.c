/* ops_linear.c: y = X b for a chunk of rows, and its adjoint b_bar += X' y_bar. X is data, column-major. The kernels are
 * in linear_kernels.h. */
#include "kernels.h"
#include "vec.h"

#define FR_EACH_SOURCE "linear_kernels.h"
#include "isa_each.h"

void fr_matvec_forward(const fr_call *c, size_t ld, int p)
{
  if (c->W == 1) FR_CALL_ISA(forward_one, (c->rows, c->v[0].v, ld, p, c->v[1].v, c->y));
  else if (c->particles <= FR_LANES / 2) FR_CALL_ISA(forward_half, (c->rows, c->v[0].v, ld, p, c->v[1].v, c->y));
  else FR_CALL_ISA(forward_lanes, (c->rows, c->v[0].v, ld, p, c->v[1].v, c->y));
}

void fr_matvec_reverse(const fr_call *c, size_t ld, int p)
{
  if (c->W == 1) FR_CALL_ISA(reverse_one, (c->rows, c->v[0].v, ld, p, c->y_bar, c->v[1].a));
  else if (c->particles <= FR_LANES / 2) FR_CALL_ISA(reverse_half, (c->rows, c->v[0].v, ld, p, c->y_bar, c->v[1].a));
  else FR_CALL_ISA(reverse_lanes, (c->rows, c->v[0].v, ld, p, c->y_bar, c->v[1].a));
}
