/* kernels.h: forward and reverse kernels of the operations, called by the interpreter only. */
#ifndef FR_KERNELS_H
#define FR_KERNELS_H

#include "core.h"
#include "dist.h"

/* One visit of a node: rows x W values y, their adjoints y_bar (NULL on the forward visit), and operands as
 * in dist.h, positioned at the first row. */
typedef struct {
  long rows;
  int W;
  int particles;  /* the real ones among W, which come first: the others are copies, and need not be exact ones */
  double *y;
  const double *y_bar;
  fr_operand v[2];
} fr_call;

/* y = f(x), y = f(a, b); the reverse kernels add to the operands' adjoints. */
void fr_elementwise_forward(int op, const fr_call *call);
void fr_elementwise_reverse(int op, const fr_call *call);
/* The kernel itself, NULL when op is not elementwise. */
typedef void (*fr_kernel)(const fr_call *call);
fr_kernel fr_elementwise_kernel(int op, int reverse);

/* lp (W) += the sum of x over rows, whose adjoint is 1. */
void fr_target_rows(long rows, int W, const fr_operand *x, double *lp);

/* y_i = x[index_i] for rows of W particles; x is v[0], whole. */
void fr_gather_forward(const fr_call *call, const int *index);
void fr_gather_reverse(const fr_call *call, const int *index);

/* y = X b: v[0].v is the first row of the chunk in X, column-major with ld rows in all, data; b is v[1]
 * (p x W). Reads X once a visit. Cost rows * p * W. */
void fr_matvec_forward(const fr_call *call, size_t ld, int p);
void fr_matvec_reverse(const fr_call *call, size_t ld, int p);
/* The same for up to FR_MAX_FEW particles that have a call with W = 1 each; of the first, rows and X are those of all. */
#define FR_MAX_FEW 4
void fr_matvec_forward_few(int particles, const fr_call *calls, size_t ld, int p);
void fr_matvec_reverse_few(int particles, const fr_call *calls, size_t ld, int p);

/* The operations that need whole arguments. n: elements of the (first) argument. */
void fr_sum_forward(const fr_call *call, long n);
void fr_sum_reverse(const fr_call *call, long n);
void fr_prod_forward(const fr_call *call, long n);
void fr_prod_reverse(const fr_call *call, long n);
void fr_cumsum_forward(const fr_call *call, long n);
void fr_cumsum_reverse(const fr_call *call, long n);
void fr_log_sum_exp_forward(const fr_call *call, long n);
void fr_log_sum_exp_reverse(const fr_call *call, long n);
void fr_scatter_forward(const fr_call *call, long n, const int *index);
void fr_scatter_reverse(const fr_call *call, long n, const int *index);
void fr_extreme_forward(const fr_call *call, long n, int sign); /* the largest (sign 1) or smallest (-1) */
void fr_extreme_reverse(const fr_call *call, long n);
void fr_sum_dim_forward(const fr_call *call, const int *shape);   /* y[i, k] = sum over j of x[i, j, k]; shape = {i, j, k} */
void fr_sum_dim_reverse(const fr_call *call, const int *shape);
/* y (n x m) = op(A) op(B): op(A) n x k, op(B) k x m, all column-major; shape = {n, k, m, ta, tb}. */
void fr_matmul_forward(const fr_call *call, const int *shape);
void fr_matmul_reverse(const fr_call *call, const int *shape);

/* Factorisations and solves; work: fr_op_scratch doubles. Cost n^3 a particle. */
void fr_chol_forward(const fr_call *call, long n, double *work);
void fr_chol_reverse(const fr_call *call, long n, double *work);
void fr_log_det_forward(const fr_call *call, long n, double *work);
void fr_log_det_reverse(const fr_call *call, long n, double *work);
void fr_solve_forward(const fr_call *call, const int *shape, double *work);
void fr_solve_reverse(const fr_call *call, const int *shape, double *work);
void fr_solve_tri_forward(const fr_call *call, const int *shape, double *work);
void fr_solve_tri_reverse(const fr_call *call, const int *shape, double *work);

/* What the kernel of an operation needs beside its call: the node's length, that of its first argument, its
 * attributes, its index from the call's first row on, and fr_op_scratch(op, ints) doubles. */
typedef struct {
  int op;
  long len, n;
  const int *ints, *index;
  double *scratch;
} fr_step;

/* Any operation but CONCAT, the leaves and the terms. */
size_t fr_op_scratch(int op, const int *ints);
void fr_op_forward(const fr_step *step, const fr_call *call);
void fr_op_reverse(const fr_step *step, const fr_call *call);

/* One element of an operand for particle l. */
FR_INLINE double fr_value(const fr_operand *o, long i, int W, int l)
{
  long at = o->row ? i : 0;
  return o->lane ? o->v[at * W + l] : o->v[at];
}

#endif
