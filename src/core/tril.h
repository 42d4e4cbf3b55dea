/* tril.h: packed lower triangles in panels of FR_LANES rows, the layout of every d x d factor of the core.
 *
 * Panel I holds rows 8I .. 8I + 7 and columns 0 .. 8I + 7; its column j is 8 consecutive doubles, one a row.
 * Entries above the diagonal and rows beyond d are zero and stay zero. A panel is one contiguous stream. */
#ifndef FR_TRIL_H
#define FR_TRIL_H

#include "core.h"

FR_INLINE size_t fr_tril_panels(size_t d) { return (d + FR_LANES - 1) / FR_LANES; }
/* where panel I starts, in doubles */
FR_INLINE size_t fr_tril_offset(size_t I) { return FR_LANES * FR_LANES * (I * (I + 1) / 2); }
/* doubles in all; the last panel ends with column d - 1 */
FR_INLINE size_t fr_tril_size(size_t d)
{
  return d == 0 ? 0 : fr_tril_offset(fr_tril_panels(d) - 1) + FR_LANES * d;
}
/* where entry (i, j), j <= i, stands */
FR_INLINE size_t fr_tril_at(size_t i, size_t j)
{
  return fr_tril_offset(i / FR_LANES) + j * FR_LANES + i % FR_LANES;
}

/* From and to a column-major d x d matrix. pack reads the lower triangle only (strict: not even the
 * diagonal, which becomes 0); unpack writes zeros above it. */
void fr_tril_pack(int d, const double *matrix, int strict, double *packed);
void fr_tril_unpack(int d, const double *packed, double *matrix);

/* out (d x ld, coordinate-major) = T eps for S particles; T strict lower triangle packed, the unit diagonal
 * implied. ld >= S. Cost d^2 S / 2. */
void fr_tril_unit_multiply(int d, const double *packed, int S, size_t ld, const double *eps, double *out);

/* Columns from .. from + columns - 1 of panel I of weight * strict lower triangle of sum over s of a[., s] b[., s]', as they stand
 * in the panel: out has 8 * columns doubles. For those who use up such a triangle part by part and never hold it. Parts end at
 * fr_tril_columns(d, I). */
void fr_tril_outer_part(int d, double weight, int S, size_t ld, const double *a, const double *b, size_t I, size_t from, size_t columns,
                        double *out);
/* columns of panel I */
FR_INLINE size_t fr_tril_columns(size_t d, size_t I) { return FR_LANES * (I + 1) < d ? FR_LANES * (I + 1) : d; }

/* Columns of panel I that stand in front of its diagonal, all of whose rows exist. */
FR_INLINE size_t fr_tril_full_columns(size_t d, size_t I) { return FR_LANES * (I + 1) <= d ? FR_LANES * I : 0; }

/* weight times panel I's rows of a for n <= FR_TRIL_TURNED particles, turned over: turned is n x 8, [particle][row], rows beyond d 0. */
#define FR_TRIL_TURNED 64 /* 4 kB */
void fr_tril_turn_over(int d, double weight, int n, size_t ld, const double *a, size_t I, double *turned);

/* packed += weight * strict lower triangle of sum over s of a[., s] b[., s]'. Cost d^2 S / 2. */
void fr_tril_add_outer(int d, double weight, int S, size_t ld, const double *a, const double *b, double *packed);

#endif
