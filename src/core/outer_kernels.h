/* outer_kernels.h: one column of a panel of a sum of outer products, on vectors; included by kernels that use it up, once for each
 * instruction set. */
#define FR_ROW_VECS (FR_LANES / FR_VL) /* vectors in a panel's 8 rows; undefined by who includes this */

/* sum (8 rows) = the outer products' part in one column: of n particles, a is [particle][row], b theirs in the column */
FR_FN_INLINE void FR_NAME(outer_column)(const double *a, int n, const double *b, fr_vec *sum)
{
  fr_vec even[FR_ROW_VECS], odd[FR_ROW_VECS];
  FR_UNROLL
  for (int v = 0; v < FR_ROW_VECS; v++) even[v] = odd[v] = (fr_vec){0};
  int k = 0;
  for (; k + 2 <= n; k += 2, a += 2 * FR_LANES) {
    const fr_vec x = FR_SPLAT(b[k]), y = FR_SPLAT(b[k + 1]);
    FR_UNROLL
    for (int v = 0; v < FR_ROW_VECS; v++) {
      even[v] = fr_fma(FR_LOAD(a + v * FR_VL), x, even[v]);
      odd[v] = fr_fma(FR_LOAD(a + FR_LANES + v * FR_VL), y, odd[v]);
    }
  }
  if (k < n)
    FR_UNROLL
    for (int v = 0; v < FR_ROW_VECS; v++) even[v] = fr_fma(FR_LOAD(a + v * FR_VL), FR_SPLAT(b[k]), even[v]);
  FR_UNROLL
  for (int v = 0; v < FR_ROW_VECS; v++) sum[v] = even[v] + odd[v];
}
