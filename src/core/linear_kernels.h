/* linear_kernels.h: y = X b and b_bar += X' y_bar on vectors; included by ops_linear.c once for each instruction set.
 *
 * With FR_LANES particles a tile of rows by all lanes is held in registers while the columns go by, so that an entry
 * of X is loaded once for all particles; backward a tile of columns is. With one particle, or a few that are no group, the vectors run
 * along the rows, several vectors of rows or several columns at once. */

/* Rows, or columns, of a tile of `vecs` vectors of particles: as many as registers hold. */
#define TILE_ROWS(vecs) (FR_VL == 8 ? 16 : FR_VL == 4 ? 12 / (vecs) : 8 / (vecs))
#define ALL_VECS (FR_LANES / FR_VL)
#define HALF_VECS (FR_LANES / 2 / FR_VL) /* of a batch that has no particle in the second half of its lanes */

/* Doubles in a line of the cache. A tile takes few of a column, in strides that hardware does not foresee: the chunk of rows that comes next is
 * asked for backward, when memory has nothing else to do; by a few particles the first half of its columns forward and the second backward. */
#define LINE 8

/* ---- FR_LANES particles, or half of them: then the other half's results are theirs once more ---- */

FR_FN_INLINE void FR_NAME(forward_rows)(const int rows, const int vecs, const double *x, size_t ld, int p, const double *b, double *y)
{
  fr_vec sum[16];
  FR_UNROLL
  for (int i = 0; i < rows * vecs; i++) sum[i] = (fr_vec){0};
  for (int k = 0; k < p; k++, x += ld, b += FR_LANES) {
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

/* The columns of a tile are taken some at a time for LINE rows: the rows of bar that they share stay in registers where there are enough, and a
 * column's address is made once for all of them. */
#define TOGETHER (FR_VL == 8 ? 8 : 16)

FR_FN_INLINE void FR_NAME(reverse_columns)(const int columns, const int vecs, const double *x, size_t ld, long rows, const double *bar, double *b_bar)
{
  fr_vec sum[16];
  FR_UNROLL
  for (int i = 0; i < columns * vecs; i++) sum[i] = (fr_vec){0};
  long i = 0;
  for (; i + LINE <= rows; i += LINE, x += LINE, bar += LINE * FR_LANES) {
    const double *column[16];
    FR_UNROLL
    for (int first = 0; first < columns; first += TOGETHER) {
      const int end = first + TOGETHER < columns ? first + TOGETHER : columns;
      FR_UNROLL
      for (int c = first; c < end; c++) {
        column[c] = c == 0 ? x : column[c - 1] + ld;
        FR_OPAQUE(column[c]);
        __builtin_prefetch(column[c] + rows, 0, 2);
      }
      FR_UNROLL
      for (int r = 0; r < LINE; r++) {
        fr_vec at[ALL_VECS];
        FR_UNROLL
        for (int v = 0; v < vecs; v++) at[v] = FR_LOAD(bar + r * FR_LANES + v * FR_VL);
        FR_UNROLL
        for (int c = first; c < end; c++) {
          const fr_vec entry = FR_SPLAT(column[c][r]);
          FR_UNROLL
          for (int v = 0; v < vecs; v++) sum[c * vecs + v] = fr_fma(entry, at[v], sum[c * vecs + v]);
        }
      }
    }
  }
  for (; i < rows; i++, x++, bar += FR_LANES) {
    FR_UNROLL
    for (int c = 0; c < columns; c++) {
      const fr_vec entry = FR_SPLAT(x[(size_t)c * ld]);
      FR_UNROLL
      for (int v = 0; v < vecs; v++) sum[c * vecs + v] = fr_fma(entry, FR_LOAD(bar + v * FR_VL), sum[c * vecs + v]);
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
#define REVERSE(columns) \
  for (; k + (columns) <= p; k += (columns)) FR_NAME(reverse_columns)(columns, vecs, x + (size_t)k * ld, ld, rows, bar, b_bar + k * FR_LANES)
  int k = 0;
  REVERSE(TILE_ROWS(vecs));
  if (TILE_ROWS(vecs) > 8) REVERSE(8);
  REVERSE(4);
  REVERSE(2);
  REVERSE(1);
#undef REVERSE
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

/* ---- one particle, or a few, each with arrays of its own ---- */

/* Vectors of rows, or columns, of a tile: its sums are held in registers, and are enough not to wait for one another. */
#define FEW_TILE(particles) ((particles) == 1 ? 8 : (particles) == 2 && FR_VL < 8 ? 4 : (particles) == 2 ? 8 : FR_VL == 8 ? 4 : 2)

/* `vecs` vectors of rows from row i on while columns from k to `end` - 1 go by */
FR_FN_INLINE void FR_NAME(forward_few_columns)(const int vecs, const int particles, const int ahead, long rows, const double *x, size_t ld, int k, int end,
                                               const double *const *b, fr_vec *sum)
{
  for (x += (size_t)k * ld; k < end; k++, x += ld) {
    fr_vec at[8];
    FR_UNROLL
    for (int v = 0; v < vecs; v++) {
      at[v] = FR_LOAD(x + v * FR_VL);
      if (ahead && v * FR_VL % LINE == 0) __builtin_prefetch(x + v * FR_VL + rows, 0, 2);
    }
    FR_UNROLL
    for (int s = 0; s < particles; s++) {
      const fr_vec coefficient = FR_SPLAT(b[s][k]);
      FR_UNROLL
      for (int v = 0; v < vecs; v++) sum[s * vecs + v] = fr_fma(at[v], coefficient, sum[s * vecs + v]);
    }
  }
}

FR_FN_INLINE void FR_NAME(forward_few_tile)(const int vecs, const int particles, long i, long rows, const double *x, size_t ld, int p,
                                            const double *const *b, double *const *y)
{
  fr_vec sum[16];
  FR_UNROLL
  for (int q = 0; q < vecs * particles; q++) sum[q] = (fr_vec){0};
  FR_NAME(forward_few_columns)(vecs, particles, 1, rows, x + i, ld, 0, p / 2, b, sum);
  FR_NAME(forward_few_columns)(vecs, particles, 0, rows, x + i, ld, p / 2, p, b, sum);
  FR_UNROLL
  for (int s = 0; s < particles; s++)
    FR_UNROLL
    for (int v = 0; v < vecs; v++) FR_STORE(y[s] + i + v * FR_VL, sum[s * vecs + v]);
}

FR_FN_INLINE void FR_NAME(forward_few_of)(const int particles, long rows, const double *x, size_t ld, int p, const double *const *b, double *const *y)
{
  const int vecs = FEW_TILE(particles);
  long i = 0;
  for (; i + vecs * FR_VL <= rows; i += vecs * FR_VL) FR_NAME(forward_few_tile)(vecs, particles, i, rows, x, ld, p, b, y);
  for (; i + 2 * FR_VL <= rows; i += 2 * FR_VL) FR_NAME(forward_few_tile)(2, particles, i, rows, x, ld, p, b, y);
  for (; i + FR_VL <= rows; i += FR_VL) FR_NAME(forward_few_tile)(1, particles, i, rows, x, ld, p, b, y);
  for (; i < rows; i++)
    for (int s = 0; s < particles; s++) {
      double sum = 0.0;
      for (int k = 0; k < p; k++) sum += x[(size_t)k * ld + (size_t)i] * b[s][k];
      y[s][i] = sum;
    }
}

/* dot products of `columns` columns from column k on with y_bar */
FR_FN_INLINE void FR_NAME(reverse_few_tile)(const int columns, const int particles, const int ahead, int k, const double *x, size_t ld, long rows,
                                            const double *const *bar, double *const *b_bar)
{
  fr_vec sum[16 + 8];
  double of_rows[16 + 8];
  const int sums = columns * particles;
  FR_UNROLL
  for (int q = 0; q < (sums + FR_VL - 1) / FR_VL * FR_VL; q++) sum[q] = (fr_vec){0};
  x += (size_t)k * ld;
  long i = 0;
  for (; i + FR_VL <= rows; i += FR_VL) {
    fr_vec at[4];
    if (ahead && (FR_VL == LINE || i % LINE == 0)) {
      FR_UNROLL
      for (int c = 0; c < columns; c++) __builtin_prefetch(x + (size_t)c * ld + (size_t)(i + rows), 0, 2);
    }
    FR_UNROLL
    for (int s = 0; s < particles; s++) at[s] = FR_LOAD(bar[s] + i);
    FR_UNROLL
    for (int c = 0; c < columns; c++) {
      const fr_vec entries = FR_LOAD(x + (size_t)c * ld + (size_t)i);
      FR_UNROLL
      for (int s = 0; s < particles; s++) sum[s * columns + c] = fr_fma(entries, at[s], sum[s * columns + c]);
    }
  }
  FR_UNROLL
  for (int q = 0; q < sums; q += FR_VL) fr_vec_sums(sum + q, of_rows + q);
  for (; i < rows; i++)
    for (int s = 0; s < particles; s++)
      for (int c = 0; c < columns; c++) of_rows[s * columns + c] += x[(size_t)c * ld + (size_t)i] * bar[s][i];
  FR_UNROLL
  for (int s = 0; s < particles; s++)
    for (int c = 0; c < columns; c++) b_bar[s][k + c] += of_rows[s * columns + c];
}

FR_FN_INLINE void FR_NAME(reverse_few_of)(const int particles, long rows, const double *x, size_t ld, int p, const double *const *bar, double *const *b_bar)
{
  const int columns = FEW_TILE(particles);
  int k = 0;
  for (; k + columns <= p / 2; k += columns) FR_NAME(reverse_few_tile)(columns, particles, 0, k, x, ld, rows, bar, b_bar);
  for (; k + columns <= p; k += columns) FR_NAME(reverse_few_tile)(columns, particles, 1, k, x, ld, rows, bar, b_bar);
  for (; columns > 4 && k + 4 <= p; k += 4) FR_NAME(reverse_few_tile)(4, particles, 1, k, x, ld, rows, bar, b_bar);
  for (; k < p; k++) FR_NAME(reverse_few_tile)(1, particles, 1, k, x, ld, rows, bar, b_bar);
}

FR_FN void FR_NAME(forward_few)(int particles, long rows, const double *x, size_t ld, int p, const double *const *b, double *const *y)
{
  switch (particles) {
  case 1: FR_NAME(forward_few_of)(1, rows, x, ld, p, b, y); break;
  case 2: FR_NAME(forward_few_of)(2, rows, x, ld, p, b, y); break;
  case 3: FR_NAME(forward_few_of)(3, rows, x, ld, p, b, y); break;
  default: FR_NAME(forward_few_of)(4, rows, x, ld, p, b, y);
  }
}

FR_FN void FR_NAME(reverse_few)(int particles, long rows, const double *x, size_t ld, int p, const double *const *bar, double *const *b_bar)
{
  switch (particles) {
  case 1: FR_NAME(reverse_few_of)(1, rows, x, ld, p, bar, b_bar); break;
  case 2: FR_NAME(reverse_few_of)(2, rows, x, ld, p, bar, b_bar); break;
  case 3: FR_NAME(reverse_few_of)(3, rows, x, ld, p, bar, b_bar); break;
  default: FR_NAME(reverse_few_of)(4, rows, x, ld, p, bar, b_bar);
  }
}

#undef TILE_ROWS
#undef ALL_VECS
#undef HALF_VECS
#undef LINE
#undef TOGETHER
#undef FEW_TILE
