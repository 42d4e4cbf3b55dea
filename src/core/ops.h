/* ops.h: the one list of operations of a program. R reads names and codes from it (fullrank_op_table);
 * the interpreter dispatches on the codes.
 *
 * Each line: code, name, number of arguments (-1: any), class.
 *   LEAF      no arguments
 *   UNARY     y_i = f(x_i)
 *   BINARY    y_i = f(a_i, b_i); either side may have length 1, otherwise lengths are equal
 *   ROWS      runs along rows, reading its sources whole (GATHER, MATVEC)
 *   ARRAY     needs its arguments whole
 *   DIST      y_i of a distribution, its value and arguments: each of length 1 or of the node's length
 *   TERM      adds to the log density; nothing reads it */
#ifndef FR_OPS_H
#define FR_OPS_H

#define FR_OPS(X)                       \
  /* ints: constant */                  \
  X(CONST, "const", 0, LEAF)            \
  /* args: lower, upper; ints: offset in z, term of its Jacobian */ \
  X(SITE_BOUNDED, "site_bounded", 2, ARRAY) \
  /* ints: offset in z, term, bijection, events N, size K */ \
  X(SITE_VECTOR, "site_vector", 0, LEAF) \
  X(NEG, "neg", 1, UNARY)               \
  X(EXP, "exp", 1, UNARY)               \
  X(LOG, "log", 1, UNARY)               \
  X(LOG1P, "log1p", 1, UNARY)           \
  X(EXPM1, "expm1", 1, UNARY)           \
  X(SQRT, "sqrt", 1, UNARY)             \
  X(ABS, "abs", 1, UNARY)               \
  X(SQUARE, "square", 1, UNARY)         \
  X(PLOGIS, "plogis", 1, UNARY)         \
  X(QLOGIS, "qlogis", 1, UNARY)         \
  X(LOG_PLOGIS, "log_plogis", 1, UNARY) \
  X(SOFTPLUS, "softplus", 1, UNARY)     \
  X(PNORM, "pnorm", 1, UNARY)           \
  X(LOG_PNORM, "log_pnorm", 1, UNARY)   \
  X(TANH, "tanh", 1, UNARY)             \
  X(SIN, "sin", 1, UNARY)               \
  X(COS, "cos", 1, UNARY)               \
  X(ATAN, "atan", 1, UNARY)             \
  X(LGAMMA, "lgamma", 1, UNARY)         \
  X(DIGAMMA, "digamma", 1, UNARY)       \
  X(ADD, "add", 2, BINARY)              \
  X(SUB, "sub", 2, BINARY)              \
  X(MUL, "mul", 2, BINARY)              \
  X(DIV, "div", 2, BINARY)              \
  X(POW, "pow", 2, BINARY)              \
  X(MIN, "min", 2, BINARY)              \
  X(MAX, "max", 2, BINARY)              \
  X(LOG_ADD_EXP, "log_add_exp", 2, BINARY) \
  /* y_i = x[index_i]; ints: index */   \
  X(GATHER, "gather", 1, ROWS)          \
  /* y = X b, X an n x p constant, b of length p; ints: p */ \
  X(MATVEC, "matvec", 2, ROWS)          \
  X(SUM, "sum", 1, ARRAY)               \
  X(PROD, "prod", 1, ARRAY)             \
  X(CUMSUM, "cumsum", 1, ARRAY)         \
  X(LOG_SUM_EXP, "log_sum_exp", 1, ARRAY) \
  X(LARGEST, "largest", 1, ARRAY)       \
  X(SMALLEST, "smallest", 1, ARRAY)     \
  /* sums over the middle of three dimensions; ints: before, over, after */ \
  X(SUM_DIM, "sum_dim", 1, ARRAY)       \
  X(CONCAT, "concat", -1, ARRAY)        \
  /* y = 0 but y[index_i] = x_i; ints: index */ \
  X(SCATTER, "scatter", 1, ARRAY)       \
  /* op(A) op(B) with op the transpose on request; ints: n, k, m, ta, tb */ \
  X(MATMUL, "matmul", 2, ARRAY)         \
  /* upper R with A = R'R; ints: n */   \
  X(CHOL, "chol", 1, ARRAY)             \
  /* log |det A|; ints: n */            \
  X(LOG_DET, "log_det", 1, ARRAY)       \
  /* A^-1 B; ints: n, columns of B */   \
  X(SOLVE, "solve", 2, ARRAY)           \
  /* op(T)^-1 B, T triangular; ints: n, columns of B, upper, transposed */ \
  X(SOLVE_TRI, "solve_tri", 2, ARRAY)   \
  /* a loop whose iterations depend on each other, see scan.h; args: start of its memory (if it has one), inputs; \
   * ints: body */                      \
  X(SCAN, "scan", -1, ARRAY)            \
  /* inside a body only. An input; ints: argument of the scan, 1: one value an iteration, 0: the same in all */ \
  X(SCAN_INPUT, "scan_input", 0, LEAF)  \
  /* from memory; ints: index, one row of slots an iteration */ \
  X(SCAN_LOAD, "scan_load", 0, LEAF)    \
  /* into memory; ints: slot in the first iteration, those of the others follow */ \
  X(SCAN_STORE, "scan_store", 1, LEAF)  \
  /* y_i = log density less its base; args: value, arguments; ints: distribution, constant with the base (-1: 0) */ \
  X(LOG_PROB, "log_prob", -1, DIST)     \
  /* y_i = log P(lower <= X <= upper); args: lower, upper, arguments; ints: distribution */ \
  X(LOG_INTERVAL, "log_interval", -1, DIST) \
  /* the same of event e; ints: distribution, events N, size K, constant with the base (-1: 0) */ \
  X(LOG_PROB_EVENT, "log_prob_event", -1, ARRAY) \
  /* args: value, arguments; ints: distribution, term */ \
  X(DENSITY, "density", -1, TERM)       \
  /* ints: distribution, term, events N, size K */ \
  X(DENSITY_EVENT, "density_event", -1, TERM) \
  /* adds the sum of its argument; ints: term */ \
  X(TARGET, "target", 1, TERM)

enum fr_op_code {
#define X(code, name, arity, class) FR_OP_##code,
  FR_OPS(X)
#undef X
  FR_OP_COUNT
};

enum fr_op_class { FR_LEAF, FR_UNARY, FR_BINARY, FR_ROWS, FR_ARRAY, FR_DIST, FR_TERM };

typedef struct {
  const char *name;
  int arity;
  int op_class;
} fr_op;

extern const fr_op fr_ops[FR_OP_COUNT];

#endif
