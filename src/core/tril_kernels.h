/* tril_kernels.h: products with packed triangles on vectors; included by tril.c once for each instruction set.
 * A panel is read as one stream: of each column 8 rows are at hand at once, and sums stay in registers. */

#include "outer_kernels.h"
#define TILE_ROWS (FR_VL == 8 ? 8 : 4)
#define TILE_VECS (FR_VL == 8 ? 1 : 2)
#define AHEAD 512                    /* doubles of the panel asked for ahead: what hardware foresees ends with the page */

/* TILE_ROWS rows of T eps for `vecs` vectors of particles: t is the panel from the tile's first row on, `columns` stand
 * before the diagonal, `rows` of the rows exist. Each sum runs over the columns in ascending order, then adds its own eps. */
FR_FN_INLINE void FR_NAME(multiply_tile)(const int vecs, const double *t, size_t columns, size_t rows, size_t ld,
                                         const double *eps, double *out)
{
  fr_vec sum[TILE_ROWS * 2];
  FR_UNROLL
  for (int i = 0; i < TILE_ROWS * vecs; i++) sum[i] = (fr_vec){0};
  const double *e = eps;
  for (size_t j = 0; j < columns; j++, t += FR_LANES, e += ld) {
    __builtin_prefetch(t + AHEAD);
    fr_vec at[2];
    FR_UNROLL
    for (int v = 0; v < vecs; v++) at[v] = FR_LOAD(e + v * FR_VL);
    FR_UNROLL
    for (int r = 0; r < TILE_ROWS; r++) {
      const fr_vec entry = FR_SPLAT(t[r]);
      FR_UNROLL
      for (int v = 0; v < vecs; v++) sum[r * vecs + v] = fr_fma(entry, at[v], sum[r * vecs + v]);
    }
  }
  FR_UNROLL
  for (int r = 0; r < TILE_ROWS; r++, t += FR_LANES, e += ld) {
    if ((size_t)r >= rows) break;
    FR_UNROLL
    for (int v = 0; v < vecs; v++) {
      const fr_vec own = FR_LOAD(e + v * FR_VL);
      FR_STORE(out + (columns + (size_t)r) * ld + (size_t)(v * FR_VL), sum[r * vecs + v] + own);
      FR_UNROLL
      for (int i = r + 1; i < TILE_ROWS; i++) sum[i * vecs + v] = fr_fma(FR_SPLAT(t[i]), own, sum[i * vecs + v]);
    }
  }
}

/* A panel's rows for `particles` particles, a multiple of 8. */
FR_FN void FR_NAME(multiply_wide)(const double *panel, size_t first, size_t rows, size_t particles, size_t ld, const double *eps, double *out)
{
  for (size_t r = 0; r < rows; r += TILE_ROWS) {
    const size_t some = rows - r < TILE_ROWS ? rows - r : TILE_ROWS;
    size_t s = 0;
    for (; s + 2 * FR_VL <= particles; s += 2 * FR_VL)
      FR_NAME(multiply_tile)(2, panel + r, first + r, some, ld, eps + s, out + s);
    for (; s < particles; s += FR_VL) FR_NAME(multiply_tile)(1, panel + r, first + r, some, ld, eps + s, out + s);
  }
}

/* One particle: vectors run along the rows, four columns apart so that additions do not wait for each other. */
FR_FN void FR_NAME(multiply_one)(const double *panel, size_t first, size_t rows, size_t ld, const double *eps, double *out)
{
  fr_vec part[4 * FR_ROW_VECS];
  FR_UNROLL
  for (int i = 0; i < 4 * FR_ROW_VECS; i++) part[i] = (fr_vec){0};
  const double *t = panel, *e = eps;
  for (size_t j = 0; j < first; j += 4, t += 4 * FR_LANES, e += 4 * ld) { /* `first` is a multiple of 8 */
    FR_UNROLL
    for (int c = 0; c < 4; c++) {
      const fr_vec own = FR_SPLAT(e[(size_t)c * ld]);
      FR_UNROLL
      for (int v = 0; v < FR_ROW_VECS; v++)
        part[c * FR_ROW_VECS + v] = fr_fma(FR_LOAD(t + c * FR_LANES + v * FR_VL), own, part[c * FR_ROW_VECS + v]);
    }
  }
  double sum[FR_LANES];
  FR_UNROLL
  for (int v = 0; v < FR_ROW_VECS; v++)
    FR_STORE(sum + v * FR_VL, (part[v] + part[2 * FR_ROW_VECS + v]) + (part[FR_ROW_VECS + v] + part[3 * FR_ROW_VECS + v]));
  for (size_t j = 0; j < rows; j++, t += FR_LANES, e += ld) {
    out[(first + j) * ld] = sum[j] + e[0];
    for (size_t i = j + 1; i < rows; i++) sum[i] += t[i] * e[0];
  }
}

/* The columns of a panel before its diagonal, all of them 8 rows: += the outer products. With 8 particles a stays in registers. */
FR_FN void FR_NAME(outer_columns)(const double *a, int n, size_t columns, size_t ld, const double *b, double *panel)
{
  for (size_t j = 0; j < columns; j++, panel += FR_LANES, b += ld) {
    fr_vec sum[FR_ROW_VECS];
    if (n == FR_LANES) FR_NAME(outer_column)(a, FR_LANES, b, sum);
    else FR_NAME(outer_column)(a, n, b, sum);
    FR_UNROLL
    for (int v = 0; v < FR_ROW_VECS; v++) FR_STORE(panel + v * FR_VL, FR_LOAD(panel + v * FR_VL) + sum[v]);
  }
}

#undef FR_ROW_VECS
#undef TILE_ROWS
#undef TILE_VECS
#undef AHEAD
