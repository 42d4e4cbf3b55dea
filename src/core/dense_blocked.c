/* dense_blocked.c: see dense_blocked.h. Of b, DEPTH rows of PANELS panels are packed at a time, which the first caches hold while rows of a
 * stream by (Goto and van de Geijn 2008). */
#ifndef USE_FC_LEN_T
#define USE_FC_LEN_T
#endif
#include <R_ext/Lapack.h>
#ifndef FCONE
#define FCONE
#endif

#include "dense_blocked.h"
#include "vec.h"

#define TILE 4    /* rows at once */
#define PANEL 32  /* columns at once */
#define PANELS 2
#define DEPTH 128
#define ROWS 64   /* of a that all panels read before the next */
#define BLOCK 64  /* rows of a diagonal block */

#define FR_EACH_SOURCE "dense_blocked_kernels.h"
#include "isa_each.h"

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

/* ---- products ---- */

/* b for `depth` rows and `cols` columns (filled up to PANEL): [depth][PANEL]; returns whether any entry is not zero */
static int pack_panel(size_t depth, size_t cols, fr_strided b, double *out)
{
  int any = 0;
  if (cols < PANEL) memset(out, 0, depth * PANEL * sizeof(double));
  if (b.col == 1) {
    for (size_t k = 0; k < depth; k++) memcpy(out + k * PANEL, b.x + k * b.row, cols * sizeof(double));
  } else {
    for (size_t j = 0; j < cols; j++)
      for (size_t k = 0; k < depth; k++) out[k * PANEL + j] = b.x[k + j * b.col];
  }
  for (size_t i = 0; i < depth * PANEL && !any; i++) any = out[i] != 0.0;
  return any;
}

/* c += f times rows of a times a packed panel; row and k: where these begin in a, for its zeros. */
static void add_rows(size_t rows, size_t row, size_t depth, size_t k, double f, fr_strided a, enum fr_zeros zeros, const double *panel,
                     size_t cols, double *c, size_t ldc)
{
  const size_t whole = cols / FR_LANES * FR_LANES;
  _Alignas(64) double sum[TILE * PANEL];
  for (size_t i = 0; i < rows; i += TILE) {
    const size_t some = smaller(TILE, rows - i);
    size_t from = 0, to = depth;
    if (zeros == FR_ZEROS_ABOVE) to = row + i + TILE > k ? smaller(depth, row + i + TILE - k) : 0;
    if (zeros == FR_ZEROS_BELOW) from = row + i > k ? row + i - k : 0;
    if (from >= to) continue;
    FR_CALL_ISA(tile, (some, to - from, a.x + i * a.row + from * a.col, a.row, a.col, panel + from * PANEL, sum));
    for (size_t r = 0; r < some; r++) {
      FR_CALL_ISA(add, (whole, f, sum + r * PANEL, c + (i + r) * ldc));
      for (size_t j = whole; j < cols; j++) c[(i + r) * ldc + j] += f * sum[r * PANEL + j];
    }
  }
}

void fr_blocked_multiply_add(size_t rows, size_t depth, size_t cols, double f, fr_strided a, enum fr_zeros zeros, fr_strided b, double *c,
                             size_t ldc)
{
  _Alignas(64) double panel[PANELS][DEPTH * PANEL];
  for (size_t j = 0; j < cols; j += PANELS * PANEL)
    for (size_t k = 0; k < depth; k += DEPTH) {
      const size_t some = smaller(DEPTH, depth - k);
      int used[PANELS] = {0};
      for (size_t p = 0; p < PANELS && j + p * PANEL < cols; p++) {
        const fr_strided part = {b.x + k * b.row + (j + p * PANEL) * b.col, b.row, b.col};
        used[p] = pack_panel(some, smaller(PANEL, cols - j - p * PANEL), part, panel[p]);
      }
      const size_t begin = zeros == FR_ZEROS_ABOVE ? k / TILE * TILE : 0, end = zeros == FR_ZEROS_BELOW ? smaller(rows, k + some) : rows;
      for (size_t i = begin; i < end; i += ROWS) {
        const fr_strided part = {a.x + i * a.row + k * a.col, a.row, a.col};
        for (size_t p = 0; p < PANELS; p++) {
          const size_t first = j + p * PANEL, here = smaller(ROWS, end - i);
          if (used[p]) add_rows(here, i, some, k, f, part, zeros, panel[p], smaller(PANEL, cols - first), c + i * ldc + first, ldc);
        }
      }
    }
}

/* ---- factors ---- */

/* The inverse of a lower block of n rows, a row every ld, as a BLOCK x BLOCK matrix with zeros above. */
static int invert_block(int n, const double *a, size_t ld, double *out)
{
  const int size = BLOCK;
  int info;
  memset(out, 0, BLOCK * BLOCK * sizeof(double));
  for (size_t i = 0; i < (size_t)n; i++) memcpy(out + i * BLOCK, a + i * ld, (i + 1) * sizeof(double));
  F77_CALL(dtrtri)("U", "N", &n, out, &size, &info FCONE FCONE);
  return info == 0 ? FR_OK : FR_ERR_NOT_FINITE;
}

typedef struct {
  int mend; /* 0: a pivot that is not positive is an error */
  double flat, least, bend;
} pivot_rule;

/* The factor of a diagonal block in place. */
static int factor_block(size_t n, double *a, size_t ld, const pivot_rule *rule)
{
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j <= i; j++) {
      double sum = a[i * ld + j];
      for (size_t k = 0; k < j; k++) sum -= a[i * ld + k] * a[j * ld + k];
      if (j < i) {
        a[i * ld + j] = sum / a[j * ld + j];
        continue;
      }
      if (rule->mend && fabs(sum) <= rule->flat) sum = rule->least;
      else if (rule->mend && sum < 0.0) sum = fmax(-sum, rule->bend);
      if (!(sum > 0.0) || isinf(sum)) return FR_ERR_NOT_FINITE;
      a[i * ld + i] = sqrt(sum);
    }
  return FR_OK;
}

static int factor(int n, double *a, const pivot_rule *rule)
{
  const size_t N = (size_t)n;
  double inverse[BLOCK * BLOCK], rest[BLOCK * BLOCK];
  for (size_t k = 0; k < N; k += BLOCK) {
    const size_t some = smaller(BLOCK, N - k);
    double *diagonal = a + k * N + k;
    /* a less what the columns before have explained */
    const double *before = a + k * N;
    fr_blocked_multiply_add(N - k, k, some, -1.0, (fr_strided){before, N, 1}, FR_NO_ZEROS, (fr_strided){before, 1, N}, diagonal, N);
    if (factor_block(some, diagonal, N, rule) != FR_OK || invert_block((int)some, diagonal, N, inverse) != FR_OK) return FR_ERR_NOT_FINITE;
    for (size_t i = k + some; i < N; i += BLOCK) { /* times the inverse of the diagonal block, transposed */
      const size_t rows = smaller(BLOCK, N - i);
      for (size_t r = 0; r < rows; r++) {
        double *row = a + (i + r) * N + k;
        memcpy(rest + r * BLOCK, row, some * sizeof(double));
        memset(row, 0, some * sizeof(double));
      }
      const fr_strided left = {rest, BLOCK, 1}, right = {inverse, 1, BLOCK};
      fr_blocked_multiply_add(rows, some, some, 1.0, left, FR_NO_ZEROS, right, a + i * N + k, N);
    }
  }
  return FR_OK;
}

int fr_blocked_cholesky(int n, double *a) { return factor(n, a, &(pivot_rule){0}); }

int fr_blocked_cholesky_mended(int n, double *a, double flat, double least, double bend)
{
  return factor(n, a, &(pivot_rule){.mend = 1, .flat = flat, .least = least, .bend = bend});
}

/* Row blocks from the top, X the inverse so far: of the block (B D) with D on the diagonal the inverse is (-D^-1 B X, D^-1). The columns of
 * B X need those of B to their right only, so that they can stand in its place. */
int fr_blocked_invert_lower(int n, double *a)
{
  const size_t N = (size_t)n;
  double inverse[BLOCK * BLOCK], product[BLOCK * PANEL];
  for (size_t i = 0; i < N; i += BLOCK) {
    const size_t rows = smaller(BLOCK, N - i);
    double *B = a + i * N;
    if (invert_block((int)rows, B + i, N, inverse) != FR_OK) return FR_ERR_NOT_FINITE;
    for (size_t j = 0; j < i; j += PANEL) {
      const size_t cols = smaller(PANEL, i - j);
      memset(product, 0, sizeof product);
      const fr_strided left = {B + j, N, 1}, right = {a + j * N + j, N, 1}, minus = {inverse, BLOCK, 1}, made = {product, PANEL, 1};
      fr_blocked_multiply_add(rows, i - j, cols, 1.0, left, FR_NO_ZEROS, right, product, PANEL);
      for (size_t r = 0; r < rows; r++) memset(B + r * N + j, 0, cols * sizeof(double));
      fr_blocked_multiply_add(rows, rows, cols, -1.0, minus, FR_ZEROS_ABOVE, made, B + j, N);
    }
    for (size_t r = 0; r < rows; r++) memcpy(B + r * N + i, inverse + r * BLOCK, (r + 1) * sizeof(double));
  }
  return FR_OK;
}
