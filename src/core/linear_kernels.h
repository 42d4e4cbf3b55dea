/* linear_kernels.h: y = X b and b_bar += X' y_bar on vectors; included by ops_linear.c once for each instruction set.
 *
 * With FR_LANES particles a tile of rows by all lanes is held in registers while the columns go by, so that an entry
 * of X is loaded once for all particles; backward a tile of columns is. With one particle the vectors run along the
 * rows, several columns or several vectors of rows at once. */

/* Rows, or columns, of a tile of `vecs` vectors of particles: as many as registers hold. */
#define TILE_ROWS(vecs) (FR_VL == 8 ? 16 : FR_VL == 4 ? 12 / (vecs) : 8 / (vecs))
#define ALL_VECS (FR_LANES / FR_VL)
#define HALF_VECS (FR_LANES / 2 / FR_VL) /* of a batch that has no particle in the second half of its lanes */

/* Rows of X asked for ahead, a chunk of program.h: a tile takes few bytes of a column, in strides that hardware does not foresee. */
#define AHEAD 48

/* ---- FR_LANES particles, or half of them: then the other half's results are theirs once more ---- */

FR_FN_INLINE void FR_NAME(forward_rows)(const int rows, const int vecs, const double *x, size_t ld, int p, const double *b, double *y)
{
  fr_vec sum[16];
  FR_UNROLL
  for (int i = 0; i < rows * vecs; i++) sum[i] = (fr_vec){0};
  for (int k = 0; k < p; k++, x += ld, b += FR_LANES) {
    FR_UNROLL
    for (int r = 0; r < rows; r += 8) __builtin_prefetch(x + r + AHEAD);
    fr_vec at[ALL_VECS];
    FR_UNROLL
    for (int v = 0; v < vecs; v++) at[v] = FR_LOAD(b + v * FR_VL);
    FR_UNROLL
    for (int r = 0; r < rows; r++) {
      const fr_vec entry = FR_SPLAT(x[r]);
      FR_UNROLL
      for (int v = 0; v < vecs; v++) sum[r * vecs + v] = fr_fma(entry, at[v], sum[r * vecs + v]);
    }
  }
  FR_UNROLL
  for (int r = 0; r < rows; r++)
    FR_UNROLL
    for (int v = 0; v < ALL_VECS; v++) FR_STORE(y + r * FR_LANES + v * FR_VL, sum[r * vecs + v % vecs]);
}

FR_FN_INLINE void FR_NAME(forward_vecs)(const int vecs, long rows, const double *x, size_t ld, int p, const double *b, double *y)
{
  long i = 0;
  for (; i + TILE_ROWS(vecs) <= rows; i += TILE_ROWS(vecs)) FR_NAME(forward_rows)(TILE_ROWS(vecs), vecs, x + i, ld, p, b, y + i * FR_LANES);
  for (; i < rows; i++) FR_NAME(forward_rows)(1, vecs, x + i, ld, p, b, y + i * FR_LANES);
}

FR_FN_INLINE void FR_NAME(reverse_columns)(const int columns, const int vecs, const double *x, size_t ld, long rows, const double *bar, double *b_bar)
{
  fr_vec sum[16];
  FR_UNROLL
  for (int i = 0; i < columns * vecs; i++) sum[i] = (fr_vec){0};
  for (long i = 0; i < rows; i++, bar += FR_LANES, x++) {
    fr_vec at[ALL_VECS];
    FR_UNROLL
    for (int v = 0; v < vecs; v++) at[v] = FR_LOAD(bar + v * FR_VL);
    FR_UNROLL
    for (int c = 0; c < columns; c++) {
      const fr_vec entry = FR_SPLAT(x[(size_t)c * ld]);
      FR_UNROLL
      for (int v = 0; v < vecs; v++) sum[c * vecs + v] = fr_fma(entry, at[v], sum[c * vecs + v]);
    }
  }
  FR_UNROLL
  for (int c = 0; c < columns; c++)
    FR_UNROLL
    for (int v = 0; v < ALL_VECS; v++)
      FR_STORE(b_bar + c * FR_LANES + v * FR_VL, FR_LOAD(b_bar + c * FR_LANES + v * FR_VL) + sum[c * vecs + v % vecs]);
}

FR_FN_INLINE void FR_NAME(reverse_vecs)(const int vecs, long rows, const double *x, size_t ld, int p, const double *bar, double *b_bar)
{
  int k = 0;
  for (; k + TILE_ROWS(vecs) <= p; k += TILE_ROWS(vecs))
    FR_NAME(reverse_columns)(TILE_ROWS(vecs), vecs, x + (size_t)k * ld, ld, rows, bar, b_bar + k * FR_LANES);
  for (; k + 2 <= p; k += 2) FR_NAME(reverse_columns)(2, vecs, x + (size_t)k * ld, ld, rows, bar, b_bar + k * FR_LANES);
  if (k < p) FR_NAME(reverse_columns)(1, vecs, x + (size_t)k * ld, ld, rows, bar, b_bar + k * FR_LANES);
}

FR_FN void FR_NAME(forward_lanes)(long rows, const double *x, size_t ld, int p, const double *b, double *y)
{
  FR_NAME(forward_vecs)(ALL_VECS, rows, x, ld, p, b, y);
}

FR_FN void FR_NAME(reverse_lanes)(long rows, const double *x, size_t ld, int p, const double *bar, double *b_bar)
{
  FR_NAME(reverse_vecs)(ALL_VECS, rows, x, ld, p, bar, b_bar);
}

FR_FN void FR_NAME(forward_half)(long rows, const double *x, size_t ld, int p, const double *b, double *y)
{
#if FR_VL > FR_LANES / 2
  forward_half_avx2(rows, x, ld, p, b, y); /* the widest vector of half the lanes */
#else
  FR_NAME(forward_vecs)(HALF_VECS, rows, x, ld, p, b, y);
#endif
}

FR_FN void FR_NAME(reverse_half)(long rows, const double *x, size_t ld, int p, const double *bar, double *b_bar)
{
#if FR_VL > FR_LANES / 2
  reverse_half_avx2(rows, x, ld, p, bar, b_bar);
#else
  FR_NAME(reverse_vecs)(HALF_VECS, rows, x, ld, p, bar, b_bar);
#endif
}

/* ---- one particle ---- */

/* `vecs` vectors of rows while the columns go by, even and odd columns apart */
FR_FN_INLINE void FR_NAME(forward_one_tile)(const int vecs, const double *x, size_t ld, int p, const double *b, double *y)
{
  fr_vec even[8], odd[8];
  FR_UNROLL
  for (int v = 0; v < vecs; v++) even[v] = odd[v] = (fr_vec){0};
  int k = 0;
  for (; k + 2 <= p; k += 2, x += 2 * ld) {
    const fr_vec b0 = FR_SPLAT(b[k]), b1 = FR_SPLAT(b[k + 1]);
    FR_UNROLL
    for (int v = 0; v < vecs; v++) {
      even[v] = fr_fma(FR_LOAD(x + v * FR_VL), b0, even[v]);
      odd[v] = fr_fma(FR_LOAD(x + ld + v * FR_VL), b1, odd[v]);
    }
  }
  if (k < p)
    FR_UNROLL
    for (int v = 0; v < vecs; v++) even[v] = fr_fma(FR_LOAD(x + v * FR_VL), FR_SPLAT(b[k]), even[v]);
  FR_UNROLL
  for (int v = 0; v < vecs; v++) FR_STORE(y + v * FR_VL, even[v] + odd[v]);
}

#define ONE_VECS (FR_VL == 8 ? 8 : 4)

FR_FN void FR_NAME(forward_one)(long rows, const double *x, size_t ld, int p, const double *b, double *y)
{
  long i = 0;
  for (; i + ONE_VECS * FR_VL <= rows; i += ONE_VECS * FR_VL) FR_NAME(forward_one_tile)(ONE_VECS, x + i, ld, p, b, y + i);
  for (; i + 2 * FR_VL <= rows; i += 2 * FR_VL) FR_NAME(forward_one_tile)(2, x + i, ld, p, b, y + i);
  for (; i + FR_VL <= rows; i += FR_VL) FR_NAME(forward_one_tile)(1, x + i, ld, p, b, y + i);
  for (; i < rows; i++) {
    double sum = 0.0;
    for (int k = 0; k < p; k++) sum += x[(size_t)k * ld + (size_t)i] * b[k];
    y[i] = sum;
  }
}

/* `columns` dot products with y_bar */
FR_FN_INLINE void FR_NAME(reverse_one_tile)(const int columns, const double *x, size_t ld, long rows, const double *bar, double *b_bar)
{
  fr_vec even[4], odd[4];
  FR_UNROLL
  for (int c = 0; c < columns; c++) even[c] = odd[c] = (fr_vec){0};
  long i = 0;
  for (; i + 2 * FR_VL <= rows; i += 2 * FR_VL) {
    const fr_vec r0 = FR_LOAD(bar + i), r1 = FR_LOAD(bar + i + FR_VL);
    FR_UNROLL
    for (int c = 0; c < columns; c++) {
      even[c] = fr_fma(FR_LOAD(x + (size_t)c * ld + (size_t)i), r0, even[c]);
      odd[c] = fr_fma(FR_LOAD(x + (size_t)c * ld + (size_t)i + FR_VL), r1, odd[c]);
    }
  }
  FR_UNROLL
  for (int c = 0; c < columns; c++) {
    const fr_vec both = even[c] + odd[c];
    double sum = 0.0;
    for (int l = 0; l < FR_VL; l++) sum += both[l];
    for (long q = i; q < rows; q++) sum += x[(size_t)c * ld + (size_t)q] * bar[q];
    b_bar[c] += sum;
  }
}

FR_FN void FR_NAME(reverse_one)(long rows, const double *x, size_t ld, int p, const double *bar, double *b_bar)
{
  int k = 0;
  for (; k + 4 <= p; k += 4) FR_NAME(reverse_one_tile)(4, x + (size_t)k * ld, ld, rows, bar, b_bar + k);
  for (; k < p; k++) FR_NAME(reverse_one_tile)(1, x + (size_t)k * ld, ld, rows, bar, b_bar + k);
}

#undef TILE_ROWS
#undef ALL_VECS
#undef HALF_VECS
#undef AHEAD
#undef ONE_VECS
