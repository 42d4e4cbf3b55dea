/* dense_kernels.h: products of dense matrices on vectors; included by dense.c once for each instruction set. */

#define TILE_ROWS (FR_VL == 8 ? 8 : 4)
#define AHEAD 128 /* doubles along the lines of a asked for beforehand: those of a tile lie too far apart for hardware to see them coming */

/* TILE_ROWS rows, 2 vectors of particles: sums over j in [from, to) of a[r * row + j * col] b[j * ld], which `rows` of the rows of out become
 * or, with add, take up */
FR_FN_INLINE void FR_NAME(product_tile)(const int vecs, int add, size_t rows, size_t row, size_t col, size_t from, size_t to, const double *a,
                                        size_t ld, const double *b, double *out)
{
  const double *p[TILE_ROWS];
  fr_vec sum[TILE_ROWS * 2];
  const size_t line = col == 1 ? row : 0; /* each of them once every TILE_ROWS columns; of a transposed matrix that of the column */
  FR_UNROLL
  for (size_t r = 0; r < TILE_ROWS; r++) p[r] = a + (r < rows ? r : 0) * row;
  FR_UNROLL
  for (int i = 0; i < TILE_ROWS * vecs; i++) sum[i] = (fr_vec){0};
  for (size_t j = from; j < to; j++) {
    fr_vec at[2];
    FR_UNROLL
    for (int v = 0; v < vecs; v++) at[v] = FR_LOAD(b + j * ld + (size_t)(v * FR_VL));
    __builtin_prefetch(a + j * col + j % TILE_ROWS * line + AHEAD);
    FR_UNROLL
    for (int r = 0; r < TILE_ROWS; r++) {
      const fr_vec entry = FR_SPLAT(p[r][j * col]);
      FR_UNROLL
      for (int v = 0; v < vecs; v++) sum[r * vecs + v] = fr_fma(entry, at[v], sum[r * vecs + v]);
    }
  }
  FR_UNROLL
  for (int r = 0; r < TILE_ROWS; r++) {
    if ((size_t)r >= rows) break;
    FR_UNROLL
    for (int v = 0; v < vecs; v++) {
      double *to_row = out + (size_t)r * ld + (size_t)(v * FR_VL);
      if (add) sum[r * vecs + v] += FR_LOAD(to_row);
      FR_STORE(to_row, sum[r * vecs + v]);
    }
  }
}

/* Up to FR_LANES rows of a product for `lanes` particles, a multiple of FR_LANES. */
FR_FN void FR_NAME(product_rows)(int add, size_t rows, size_t row, size_t col, size_t from, size_t to, const double *a, size_t lanes, size_t ld,
                                 const double *b, double *out)
{
  for (size_t r = 0; r < rows; r += TILE_ROWS, a += TILE_ROWS * row, out += TILE_ROWS * ld) {
    const size_t some = rows - r < TILE_ROWS ? rows - r : TILE_ROWS;
    size_t s = 0;
    for (; s + 2 * FR_VL <= lanes; s += 2 * FR_VL) FR_NAME(product_tile)(2, add, some, row, col, from, to, a, ld, b + s, out + s);
    for (; s < lanes; s += FR_VL) FR_NAME(product_tile)(1, add, some, row, col, from, to, a, ld, b + s, out + s);
  }
}

FR_FN_INLINE double FR_NAME(sum_of)(fr_vec x)
{
  double sum = 0.0;
  FR_UNROLL
  for (int i = 0; i < FR_VL; i++) sum += x[i];
  return sum;
}

/* out[0 .. 3] += a_r . b_c for r, c in 0, 1 */
FR_FN void FR_NAME(outer_tile)(int S, const double *a0, const double *a1, const double *b0, const double *b1, double *out)
{
  fr_vec sum[4] = {{0}, {0}, {0}, {0}};
  int s = 0;
  for (; s + FR_VL <= S; s += FR_VL) {
    const fr_vec x0 = FR_LOAD(a0 + s), x1 = FR_LOAD(a1 + s), y0 = FR_LOAD(b0 + s), y1 = FR_LOAD(b1 + s);
    sum[0] = fr_fma(x0, y0, sum[0]);
    sum[1] = fr_fma(x0, y1, sum[1]);
    sum[2] = fr_fma(x1, y0, sum[2]);
    sum[3] = fr_fma(x1, y1, sum[3]);
  }
  FR_UNROLL
  for (int i = 0; i < 4; i++) out[i] = FR_NAME(sum_of)(sum[i]);
  for (; s < S; s++) {
    out[0] += a0[s] * b0[s];
    out[1] += a0[s] * b1[s];
    out[2] += a1[s] * b0[s];
    out[3] += a1[s] * b1[s];
  }
}

/* y += f x */
FR_FN void FR_NAME(add_scaled)(size_t n, double f, const double *x, double *y)
{
  size_t k = 0;
  for (; k + FR_VL <= n; k += FR_VL) FR_STORE(y + k, fr_fma(FR_SPLAT(f), FR_LOAD(x + k), FR_LOAD(y + k)));
  for (; k < n; k++) y[k] += f * x[k];
}

FR_FN void FR_NAME(dot)(size_t n, const double *x, const double *y, double *out)
{
  fr_vec s = {0}, t = {0};
  size_t i = 0;
  for (; i + 2 * FR_VL <= n; i += 2 * FR_VL) {
    s = fr_fma(FR_LOAD(x + i), FR_LOAD(y + i), s);
    t = fr_fma(FR_LOAD(x + i + FR_VL), FR_LOAD(y + i + FR_VL), t);
  }
  *out = FR_NAME(sum_of)(s + t);
  for (; i < n; i++) *out += x[i] * y[i];
}

#undef TILE_ROWS
#undef AHEAD
