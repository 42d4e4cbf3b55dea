/* dense_blocked_kernels.h: the innermost product of dense_blocked.c; included by it once for each instruction set. */

#if FR_VL == 8
#define VECS 4
#else
#define VECS 2
#endif

/* sum (TILE x PANEL) = a b for `rows` rows of a, its strides row and col (of fewer than TILE the first stands in for the others), and b as
 * [depth][PANEL] */
FR_FN void FR_NAME(tile)(size_t rows, size_t depth, const double *a, size_t row, size_t col, const double *b, double *sum)
{
  const double *p[TILE];
  FR_UNROLL
  for (size_t r = 0; r < TILE; r++) p[r] = a + (r < rows ? r : 0) * row;
  for (size_t first = 0; first < PANEL; first += VECS * FR_VL) {
    fr_vec s[TILE * VECS];
    FR_UNROLL
    for (int i = 0; i < TILE * VECS; i++) s[i] = (fr_vec){0};
    for (size_t k = 0; k < depth; k++) {
      fr_vec at[VECS];
      FR_UNROLL
      for (int v = 0; v < VECS; v++) at[v] = FR_LOAD(b + k * PANEL + first + (size_t)(v * FR_VL));
      FR_UNROLL
      for (int r = 0; r < TILE; r++) {
        const fr_vec entry = FR_SPLAT(p[r][k * col]);
        FR_UNROLL
        for (int v = 0; v < VECS; v++) s[r * VECS + v] = fr_fma(entry, at[v], s[r * VECS + v]);
      }
    }
    FR_UNROLL
    for (int r = 0; r < TILE; r++) {
      FR_UNROLL
      for (int v = 0; v < VECS; v++) FR_STORE(sum + (size_t)r * PANEL + first + (size_t)(v * FR_VL), s[r * VECS + v]);
    }
  }
}

/* c += f x, n a multiple of 8 */
FR_FN void FR_NAME(add)(size_t n, double f, const double *x, double *c)
{
  for (size_t j = 0; j < n; j += FR_VL) FR_STORE(c + j, fr_fma(FR_SPLAT(f), FR_LOAD(x + j), FR_LOAD(c + j)));
}

#undef VECS
