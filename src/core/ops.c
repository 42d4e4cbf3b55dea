/* ops.c: the table of operations, and the dispatch from an operation to its kernels. */
#include "ops.h"
#include "kernels.h"

const fr_op fr_ops[FR_OP_COUNT] = {
#define X(code, name, arity, class) [FR_OP_##code] = {name, arity, FR_##class},
    FR_OPS(X)
#undef X
};

size_t fr_op_scratch(int op, const int *ints)
{
  size_t n, m;
  switch (op) {
  case FR_OP_CHOL: n = (size_t)ints[0]; return n * n * FR_LANES;
  case FR_OP_LOG_DET: n = (size_t)ints[0]; return n * n + 3 * n;
  case FR_OP_SOLVE_TRI: return (size_t)ints[0] * (size_t)ints[1] * FR_LANES;
  case FR_OP_SOLVE:
    n = (size_t)ints[0];
    m = (size_t)ints[1];
    return n * n + n + 2 * n * m;
  default: return 0;
  }
}

void fr_op_forward(const fr_step *s, const fr_call *c)
{
  switch (s->op) {
  case FR_OP_GATHER: fr_gather_forward(c, s->index); break;
  case FR_OP_MATVEC: fr_matvec_forward(c, (size_t)s->len, s->ints[0]); break;
  case FR_OP_SUM: fr_sum_forward(c, s->n); break;
  case FR_OP_PROD: fr_prod_forward(c, s->n); break;
  case FR_OP_CUMSUM: fr_cumsum_forward(c, s->n); break;
  case FR_OP_LOG_SUM_EXP: fr_log_sum_exp_forward(c, s->n); break;
  case FR_OP_LARGEST: fr_extreme_forward(c, s->n, 1); break;
  case FR_OP_SMALLEST: fr_extreme_forward(c, s->n, -1); break;
  case FR_OP_SUM_DIM: fr_sum_dim_forward(c, s->ints); break;
  case FR_OP_SCATTER: fr_scatter_forward(c, s->n, s->index); break;
  case FR_OP_MATMUL: fr_matmul_forward(c, s->ints); break;
  case FR_OP_CHOL: fr_chol_forward(c, s->ints[0], s->scratch); break;
  case FR_OP_LOG_DET: fr_log_det_forward(c, s->ints[0], s->scratch); break;
  case FR_OP_SOLVE: fr_solve_forward(c, s->ints, s->scratch); break;
  case FR_OP_SOLVE_TRI: fr_solve_tri_forward(c, s->ints, s->scratch); break;
  default: fr_elementwise_forward(s->op, c);
  }
}

void fr_op_reverse(const fr_step *s, const fr_call *c)
{
  switch (s->op) {
  case FR_OP_GATHER: fr_gather_reverse(c, s->index); break;
  case FR_OP_MATVEC: fr_matvec_reverse(c, (size_t)s->len, s->ints[0]); break;
  case FR_OP_SUM: fr_sum_reverse(c, s->n); break;
  case FR_OP_PROD: fr_prod_reverse(c, s->n); break;
  case FR_OP_CUMSUM: fr_cumsum_reverse(c, s->n); break;
  case FR_OP_LOG_SUM_EXP: fr_log_sum_exp_reverse(c, s->n); break;
  case FR_OP_LARGEST: fr_extreme_reverse(c, s->n); break;
  case FR_OP_SMALLEST: fr_extreme_reverse(c, s->n); break;
  case FR_OP_SUM_DIM: fr_sum_dim_reverse(c, s->ints); break;
  case FR_OP_SCATTER: fr_scatter_reverse(c, s->n, s->index); break;
  case FR_OP_MATMUL: fr_matmul_reverse(c, s->ints); break;
  case FR_OP_CHOL: fr_chol_reverse(c, s->ints[0], s->scratch); break;
  case FR_OP_LOG_DET: fr_log_det_reverse(c, s->ints[0], s->scratch); break;
  case FR_OP_SOLVE: fr_solve_reverse(c, s->ints, s->scratch); break;
  case FR_OP_SOLVE_TRI: fr_solve_tri_reverse(c, s->ints, s->scratch); break;
  default: fr_elementwise_reverse(s->op, c);
  }
}
