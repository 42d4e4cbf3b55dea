/* tril.c: see tril.h. A step spends its time in two products: T eps, and the sum of outer products of the
 * gradient. Both go panel by panel, so that a panel is read or written once as one stream while what the
 * particles need stays in L1. */
#include "tril.h"
#include "vec.h"

#define HALF (FR_LANES / 2)      /* rows, and particles, of a register tile of the product */
#define CHUNK 64                 /* particles whose part of a is turned over at once: 4 kB */

static void multiply_rows(const double *panel, size_t first, size_t rows, size_t ld, const double *eps, double *out);
static void multiply_lanes(const double *t, size_t first, size_t rows, size_t ld, const double *eps, double *out);
static void outer_one(const double *a, size_t first, size_t rows, size_t ld, const double *b, double *panel);
static void outer_many(const double *a, int n, size_t first, size_t rows, size_t ld, const double *b, double *panel);

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
  for (size_t I = 0; I < fr_tril_panels(n); I++) {
    const double *panel = packed + fr_tril_offset(I);
    const size_t first = FR_LANES * I, rows = panel_rows(n, I);
    if (S < FR_LANES && !padded) {
      for (size_t s = 0; s < particles; s++) multiply_rows(panel, first, rows, ld, eps + s, out + s);
      continue;
    }
    for (size_t block = 0; block < particles; block += FR_LANES) {
      const size_t s = padded || block + FR_LANES <= particles ? block : particles - FR_LANES;
      for (size_t r = 0; r < rows; r += HALF) {
        const size_t some = rows - r < HALF ? rows - r : HALF;
        multiply_lanes(panel + r, first + r, some, ld, eps + s, out + s);
        multiply_lanes(panel + r, first + r, some, ld, eps + s + HALF, out + s + HALF);
      }
    }
  }
}

/* One particle, 8 rows from row `first`: vectors run along the rows, even and odd columns apart so that
 * additions do not wait for each other. */
static void multiply_rows(const double *panel, size_t first, size_t rows, size_t ld, const double *eps, double *out)
{
  fr_vec a0 = {0}, a1 = {0}, a2 = {0}, a3 = {0}, c0 = {0}, c1 = {0}, c2 = {0}, c3 = {0};
  const double *t = panel, *e = eps;
  for (size_t j = 0; j < first; j += 2, t += 2 * FR_LANES, e += 2 * ld) {
    const fr_vec u = FR_BROADCAST(e[0]), v = FR_BROADCAST(e[ld]);
    a0 += FR_LOAD(t) * u; a1 += FR_LOAD(t + 2) * u; a2 += FR_LOAD(t + 4) * u; a3 += FR_LOAD(t + 6) * u;
    c0 += FR_LOAD(t + 8) * v; c1 += FR_LOAD(t + 10) * v; c2 += FR_LOAD(t + 12) * v; c3 += FR_LOAD(t + 14) * v;
  }
  double sum[FR_LANES];
  FR_STORE(sum, a0 + c0); FR_STORE(sum + 2, a1 + c1); FR_STORE(sum + 4, a2 + c2); FR_STORE(sum + 6, a3 + c3);
  for (size_t j = 0; j < rows; j++, t += FR_LANES, e += ld) {
    out[(first + j) * ld] = sum[j] + e[0];
    for (size_t i = j + 1; i < rows; i++) sum[i] += t[i] * e[0];
  }
}

/* HALF rows from row `first` for HALF particles: t is the panel from that row on. */
static void multiply_lanes(const double *t, size_t first, size_t rows, size_t ld, const double *eps, double *out)
{
  fr_vec a0 = {0}, a1 = {0}, b0 = {0}, b1 = {0}, c0 = {0}, c1 = {0}, d0 = {0}, d1 = {0};
  const double *e = eps;
  for (size_t j = 0; j < first; j++, t += FR_LANES, e += ld) {
    const fr_vec e0 = FR_LOAD(e), e1 = FR_LOAD(e + 2);
    const fr_vec p = FR_BROADCAST(t[0]), q = FR_BROADCAST(t[1]), r = FR_BROADCAST(t[2]), s = FR_BROADCAST(t[3]);
    a0 += p * e0; a1 += p * e1;
    b0 += q * e0; b1 += q * e1;
    c0 += r * e0; c1 += r * e1;
    d0 += s * e0; d1 += s * e1;
  }
  fr_vec sum[HALF][2] = {{a0, a1}, {b0, b1}, {c0, c1}, {d0, d1}};
  for (size_t j = 0; j < rows; j++, t += FR_LANES, e += ld) {
    const fr_vec e0 = FR_LOAD(e), e1 = FR_LOAD(e + 2);
    FR_STORE(out + (first + j) * ld, sum[j][0] + e0);
    FR_STORE(out + (first + j) * ld + 2, sum[j][1] + e1);
    for (size_t i = j + 1; i < rows; i++) {
      sum[i][0] += FR_BROADCAST(t[i]) * e0;
      sum[i][1] += FR_BROADCAST(t[i]) * e1;
    }
  }
}

/* ---- sum of outer products ---- */

void fr_tril_add_outer(int d, double weight, int S, size_t ld, const double *a, const double *b, double *packed)
{
  const size_t n = (size_t)d;
  double turned[CHUNK * FR_LANES]; /* weight times 8 rows of a, turned over: [particle][row] */
  for (size_t I = 0; I < fr_tril_panels(n); I++) {
    double *panel = packed + fr_tril_offset(I);
    const size_t first = FR_LANES * I, rows = panel_rows(n, I);
    for (int s = 0; s < S; s += CHUNK) {
      const int some = S - s < CHUNK ? S - s : CHUNK;
      if (rows < FR_LANES) memset(turned, 0, (size_t)some * FR_LANES * sizeof(double));
      for (size_t r = 0; r < rows; r++) {
        const double *row = a + (first + r) * ld + s;
        for (int k = 0; k < some; k++) turned[k * FR_LANES + (int)r] = weight * row[k];
      }
      if (some == 1)
        outer_one(turned, first, rows, ld, b + s, panel);
      else
        outer_many(turned, some, first, rows, ld, b + s, panel);
    }
  }
}

/* Column j of a panel += sum[0 .. 7], where the panel has entries: below the diagonal, in rows that exist. */
FR_INLINE void add_column(const double *sum, size_t first, size_t rows, size_t j, double *panel)
{
  for (size_t i = j < first ? 0 : j - first + 1; i < rows; i++) panel[j * FR_LANES + i] += sum[i];
}

/* one particle: a is 8 rows */
static void outer_one(const double *a, size_t first, size_t rows, size_t ld, const double *b, double *panel)
{
  const fr_vec a0 = FR_LOAD(a), a1 = FR_LOAD(a + 2), a2 = FR_LOAD(a + 4), a3 = FR_LOAD(a + 6);
  const size_t whole = rows == FR_LANES ? first : 0;
  double *p = panel;
  for (size_t j = 0; j < whole; j++, p += FR_LANES) {
    const fr_vec u = FR_BROADCAST(b[j * ld]);
    FR_STORE(p, FR_LOAD(p) + a0 * u);
    FR_STORE(p + 2, FR_LOAD(p + 2) + a1 * u);
    FR_STORE(p + 4, FR_LOAD(p + 4) + a2 * u);
    FR_STORE(p + 6, FR_LOAD(p + 6) + a3 * u);
  }
  for (size_t j = whole; j < first + rows; j++) {
    double sum[FR_LANES];
    for (int i = 0; i < FR_LANES; i++) sum[i] = a[i] * b[j * ld];
    add_column(sum, first, rows, j, panel);
  }
}

/* sum[0 .. 7] and sum[8 .. 15]: two columns of a panel, b and c their particles */
FR_INLINE void two_columns(const double *a, int n, const double *b, const double *c, double *sum)
{
  fr_vec s0 = {0}, s1 = {0}, s2 = {0}, s3 = {0}, t0 = {0}, t1 = {0}, t2 = {0}, t3 = {0};
  for (int k = 0; k < n; k++, a += FR_LANES) {
    const fr_vec a0 = FR_LOAD(a), a1 = FR_LOAD(a + 2), a2 = FR_LOAD(a + 4), a3 = FR_LOAD(a + 6);
    const fr_vec u = FR_BROADCAST(b[k]), v = FR_BROADCAST(c[k]);
    s0 += a0 * u; s1 += a1 * u; s2 += a2 * u; s3 += a3 * u;
    t0 += a0 * v; t1 += a1 * v; t2 += a2 * v; t3 += a3 * v;
  }
  FR_STORE(sum, s0); FR_STORE(sum + 2, s1); FR_STORE(sum + 4, s2); FR_STORE(sum + 6, s3);
  FR_STORE(sum + 8, t0); FR_STORE(sum + 10, t1); FR_STORE(sum + 12, t2); FR_STORE(sum + 14, t3);
}

/* n particles: a is n x 8 rows */
static void outer_many(const double *a, int n, size_t first, size_t rows, size_t ld, const double *b, double *panel)
{
  const size_t whole = rows == FR_LANES ? first : 0, columns = first + rows;
  double sum[2 * FR_LANES];
  for (size_t j = 0; j < whole; j += 2) { /* `first` is even */
    double *p = panel + j * FR_LANES;
    two_columns(a, n, b + j * ld, b + (j + 1) * ld, sum);
    for (int i = 0; i < 2 * FR_LANES; i += FR_VEC) FR_STORE(p + i, FR_LOAD(p + i) + FR_LOAD(sum + i));
  }
  for (size_t j = whole; j < columns; j += 2) {
    const size_t next = j + 1 < columns ? j + 1 : j;
    two_columns(a, n, b + j * ld, b + next * ld, sum);
    add_column(sum, first, rows, j, panel);
    if (next > j) add_column(sum + FR_LANES, first, rows, next, panel);
  }
}
