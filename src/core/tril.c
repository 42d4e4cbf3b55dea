/* tril.c: see tril.h. A step spends its time in two products: T eps, and the sum of outer products of the
 * gradient. Both go panel by panel, so that a panel is read or written once as one stream while what the
 * particles need stays in L1. */
#include "tril.h"
#include "vec.h"

#define FR_EACH_SOURCE "tril_kernels.h"
#include "isa_each.h"

/* ---- layout ---- */

/* rows of panel I that exist */
FR_INLINE size_t panel_rows(size_t d, size_t I)
{
  size_t left = d - FR_LANES * I;
  return left < FR_LANES ? left : FR_LANES;
}

void fr_tril_pack(int d, const double *matrix, int strict, double *packed)
{
  const size_t n = (size_t)d;
  memset(packed, 0, fr_tril_size(n) * sizeof(double));
  for (size_t j = 0; j < n; j++)
    for (size_t i = strict ? j + 1 : j; i < n; i++) packed[fr_tril_at(i, j)] = matrix[j * n + i];
}

void fr_tril_unpack(int d, const double *packed, double *matrix)
{
  const size_t n = (size_t)d;
  for (size_t j = 0; j < n; j++)
    for (size_t i = 0; i < n; i++) matrix[j * n + i] = i >= j ? packed[fr_tril_at(i, j)] : 0.0;
}

/* ---- T eps ---- */

/* Each entry of out is the sum over columns in ascending order, then its own eps: with whole blocks of lanes
 * the result of a particle depends neither on its place nor on the batch. A batch that does not fill its last
 * block overlaps the one before, or uses the padding of ld. */
void fr_tril_unit_multiply(int d, const double *packed, int S, size_t ld, const double *eps, double *out)
{
  const size_t n = (size_t)d, particles = (size_t)S;
  const size_t filled = (particles + FR_LANES - 1) / FR_LANES * FR_LANES;
  const int padded = ld % FR_LANES == 0 && ld >= filled && S > 1;
  const size_t whole = padded ? filled : particles / FR_LANES * FR_LANES;
  for (size_t I = 0; I < fr_tril_panels(n); I++) {
    const double *panel = packed + fr_tril_offset(I);
    const size_t first = FR_LANES * I, rows = panel_rows(n, I);
    if (whole == 0) {
      for (size_t s = 0; s < particles; s++) FR_CALL_ISA(multiply_one, (panel, first, rows, ld, eps + s, out + s));
      continue;
    }
    FR_CALL_ISA(multiply_wide, (panel, first, rows, whole, ld, eps, out));
    if (whole < particles) {
      const size_t s = particles - FR_LANES;
      FR_CALL_ISA(multiply_wide, (panel, first, rows, FR_LANES, ld, eps + s, out + s));
    }
  }
}

/* ---- sum of outer products ---- */

/* Column j of a panel += sum[0 .. 7], where the panel has entries: below the diagonal, in rows that exist. */
FR_INLINE void add_column(const double *sum, size_t first, size_t rows, size_t j, double *panel)
{
  for (size_t i = j < first ? 0 : j - first + 1; i < rows; i++) panel[j * FR_LANES + i] += sum[i];
}

/* n particles: a is n x 8 rows, b (8 x n) their part of a column */
static void outer_diagonal(const double *a, int n, size_t first, size_t rows, size_t j, const double *b, double *panel)
{
  double sum[FR_LANES] = {0};
  for (int k = 0; k < n; k++)
    for (int i = 0; i < FR_LANES; i++) sum[i] += a[k * FR_LANES + i] * b[k];
  add_column(sum, first, rows, j, panel);
}

/* weight times `rows` rows of a for n particles, turned over: [particle][row] */
static void turn_over(double weight, int n, size_t rows, size_t ld, const double *a, double *turned)
{
  if (rows < FR_LANES) memset(turned, 0, (size_t)n * FR_LANES * sizeof(double));
  for (size_t r = 0; r < rows; r++)
    for (int k = 0; k < n; k++) turned[k * FR_LANES + (int)r] = weight * a[r * ld + (size_t)k];
}

void fr_tril_turn_over(int d, double weight, int n, size_t ld, const double *a, size_t I, double *turned)
{
  turn_over(weight, n, panel_rows((size_t)d, I), ld, a + FR_LANES * I * ld, turned);
}

void fr_tril_outer_part(int d, double weight, int S, size_t ld, const double *a, const double *b, size_t I, size_t from, size_t columns, double *out)
{
  double turned[FR_TRIL_TURNED * FR_LANES];
  const size_t first = FR_LANES * I, rows = panel_rows((size_t)d, I), whole = rows == FR_LANES ? first : 0, to = from + columns;
  memset(out, 0, columns * FR_LANES * sizeof(double));
  for (int s = 0; s < S; s += FR_TRIL_TURNED) {
    const int some = S - s < FR_TRIL_TURNED ? S - s : FR_TRIL_TURNED;
    turn_over(weight, some, rows, ld, a + first * ld + (size_t)s, turned);
    const size_t plain = whole < from ? 0 : (whole < to ? whole : to) - from;
    FR_CALL_ISA(outer_columns, (turned, some, plain, ld, b + from * ld + s, out));
    for (size_t j = from + plain; j < to; j++) outer_diagonal(turned, some, first, rows, j, b + j * ld + s, out - from * FR_LANES);
  }
}

void fr_tril_add_outer(int d, double weight, int S, size_t ld, const double *a, const double *b, double *packed)
{
  const size_t n = (size_t)d;
  double turned[FR_TRIL_TURNED * FR_LANES]; /* weight times 8 rows of a, turned over: [particle][row] */
  for (size_t I = 0; I < fr_tril_panels(n); I++) {
    double *panel = packed + fr_tril_offset(I);
    const size_t first = FR_LANES * I, rows = panel_rows(n, I);
    for (int s = 0; s < S; s += FR_TRIL_TURNED) {
      const int some = S - s < FR_TRIL_TURNED ? S - s : FR_TRIL_TURNED;
      turn_over(weight, some, rows, ld, a + first * ld + (size_t)s, turned);
      const size_t whole = rows == FR_LANES ? first : 0;
      FR_CALL_ISA(outer_columns, (turned, some, whole, ld, b + s, panel));
      for (size_t j = whole; j < first + rows; j++) outer_diagonal(turned, some, first, rows, j, b + j * ld + s, panel);
    }
  }
}

