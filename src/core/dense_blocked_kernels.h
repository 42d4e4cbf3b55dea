/* dense_blocked_kernels.h: the innermost product of dense_blocked.c; included by it once for each instruction set. */

#if FR_VL == 8
#define VECS 4
#else
#define VECS 2
#endif

/* sum (TILE x PANEL) = a b for a packed as [depth][TILE] and b as [depth][PANEL] */
FR_FN void FR_NAME(tile)(size_t depth, const double *a, const double *b, double *sum)
{
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
        const fr_vec entry = FR_SPLAT(a[k * TILE + (size_t)r]);
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

/* c += x, n a multiple of 8 */
FR_FN void FR_NAME(add)(size_t n, const double *x, double *c)
{
  for (size_t j = 0; j < n; j += FR_VL) FR_STORE(c + j, FR_LOAD(c + j) + FR_LOAD(x + j));
}

#undef VECS
