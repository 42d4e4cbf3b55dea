/* matrix_kernels.h: Cholesky factors and triangular solves of FR_LANES particles at once, particles innermost; included by
 * ops_matrix.c once for each instruction set. Entry e of particle l stands at e * FR_LANES + l. */

#define VECS (FR_LANES / FR_VL)

/* s -= x y, lane by lane; with y_shared y is one number for all lanes */
FR_FN_INLINE void FR_NAME(subtract_product)(const double *x, const double *y, const int y_shared, fr_vec *s)
{
  FR_UNROLL
  for (int v = 0; v < VECS; v++) s[v] -= FR_LOAD(x + v * FR_VL) * (y_shared ? FR_SPLAT(*y) : (fr_vec)FR_LOAD(y + v * FR_VL));
}

FR_FN_INLINE void FR_NAME(get)(const double *x, fr_vec *s)
{
  FR_UNROLL
  for (int v = 0; v < VECS; v++) s[v] = FR_LOAD(x + v * FR_VL);
}

FR_FN_INLINE void FR_NAME(put)(const fr_vec *s, double *x)
{
  FR_UNROLL
  for (int v = 0; v < VECS; v++) FR_STORE(x + v * FR_VL, s[v]);
}

/* r (n x n, upper) with r'r = a, of which the upper triangle is read */
FR_FN void FR_NAME(chol_lanes)(long n, const double *a, double *r)
{
  for (long j = 0; j < n; j++) {
    double *column = r + j * n * FR_LANES;
    for (long i = 0; i <= j; i++) {
      const double *other = r + i * n * FR_LANES;
      fr_vec s[VECS];
      FR_NAME(get)(a + (i + j * n) * FR_LANES, s);
      for (long k = 0; k < i; k++) FR_NAME(subtract_product)(other + k * FR_LANES, column + k * FR_LANES, 0, s);
      FR_UNROLL
      for (int v = 0; v < VECS; v++) s[v] = i == j ? fr_vec_sqrt(s[v]) : s[v] / FR_LOAD(other + i * FR_LANES + v * FR_VL);
      FR_NAME(put)(s, column + i * FR_LANES);
    }
    for (long e = (j + 1) * FR_LANES; e < n * FR_LANES; e++) column[e] = 0.0;
  }
}

/* a_bar += the adjoint; bar, that of r, is used up. Columns from the last: entry (i, j) came from a[i, j] and the entries above it in
 * columns i and j. */
FR_FN void FR_NAME(chol_lanes_reverse)(long n, const double *r, double *bar, double *a_bar)
{
  for (long j = n - 1; j >= 0; j--) {
    const double *rj = r + j * n * FR_LANES;
    double *bj = bar + j * n * FR_LANES;
    for (long i = j; i >= 0; i--) {
      const double *ri = r + i * n * FR_LANES;
      double *bi = bar + i * n * FR_LANES;
      fr_vec s[VECS];
      FR_UNROLL
      for (int v = 0; v < VECS; v++) {
        const long at = i * FR_LANES + v * FR_VL;
        s[v] = FR_LOAD(bj + at) / FR_LOAD(ri + at) * (i == j ? 0.5 : 1.0);
        if (i != j) FR_STORE(bi + at, FR_LOAD(bi + at) - FR_LOAD(rj + at) * s[v]);
        FR_STORE(a_bar + j * n * FR_LANES + at, FR_LOAD(a_bar + j * n * FR_LANES + at) + s[v]);
      }
      for (long k = 0; k < i; k++) {
        FR_UNROLL
        for (int v = 0; v < VECS; v++) {
          const long at = k * FR_LANES + v * FR_VL;
          const fr_vec from_i = FR_LOAD(ri + at) * s[v];
          FR_STORE(bi + at, FR_LOAD(bi + at) - s[v] * FR_LOAD(rj + at));
          FR_STORE(bj + at, FR_LOAD(bj + at) - from_i);
        }
      }
    }
  }
}

/* op(T) X = B, x (n x m) holds B and becomes X. shared: T is the same for all particles, one number an entry. */
FR_FN_INLINE void FR_NAME(solve_lanes_as)(const int shared, long n, long m, int upper, int transposed, const double *t, double *x)
{
  const int from_first = upper == transposed; /* the effective triangle is lower */
  const long wide = shared ? 1 : FR_LANES;
  for (long q = 0; q < m; q++, x += n * FR_LANES)
    for (long step = 0; step < n; step++) {
      const long i = from_first ? step : n - 1 - step, begin = from_first ? 0 : i + 1, end = from_first ? i : n;
      const double *diagonal = t + (i + i * n) * wide;
      fr_vec s[VECS];
      FR_NAME(get)(x + i * FR_LANES, s);
      for (long k = begin; k < end; k++)
        FR_NAME(subtract_product)(x + k * FR_LANES, t + (transposed ? k + i * n : i + k * n) * wide, shared, s);
      FR_UNROLL
      for (int v = 0; v < VECS; v++) s[v] /= shared ? FR_SPLAT(*diagonal) : (fr_vec)FR_LOAD(diagonal + v * FR_VL);
      FR_NAME(put)(s, x + i * FR_LANES);
    }
}

FR_FN void FR_NAME(solve_lanes)(int shared, long n, long m, int upper, int transposed, const double *t, double *x)
{
  if (shared) FR_NAME(solve_lanes_as)(1, n, m, upper, transposed, t, x);
  else FR_NAME(solve_lanes_as)(0, n, m, upper, transposed, t, x);
}

/* t_bar -= the triangle of G X', or of X G' when transposed */
FR_FN void FR_NAME(solve_lanes_adjoint)(long n, long m, int upper, int transposed, const double *g, const double *x, double *t_bar)
{
  for (long j = 0; j < n; j++)
    for (long i = upper ? 0 : j; i < (upper ? j + 1 : n); i++) {
      const double *row = (transposed ? x : g) + i * FR_LANES, *column = (transposed ? g : x) + j * FR_LANES;
      fr_vec s[VECS];
      FR_NAME(get)(t_bar + (i + j * n) * FR_LANES, s);
      for (long q = 0; q < m; q++) FR_NAME(subtract_product)(row + q * n * FR_LANES, column + q * n * FR_LANES, 0, s);
      FR_NAME(put)(s, t_bar + (i + j * n) * FR_LANES);
    }
}

#undef VECS
