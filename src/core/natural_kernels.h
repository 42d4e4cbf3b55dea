/* natural_kernels.h: the guide's move on vectors; included by natural_steps.c once for each instruction set. */

#define AHEAD 32 /* columns to the left that are asked for beforehand */

/* product (8) = the 8 rows of a factor from row `first` on, `row` apart, times mean; then they += themselves times M: M is the mean of b e' below
 * the diagonal, half of it on the diagonal, none above. Entry (i, j) of that is, over the P pairs, the sum of e_j times the sum of L_ik b_k
 * over k >= j, less half of L_ij b_j e_j. Blocks of columns from the right are turned over, so that lanes are rows. b and e, which is scaled:
 * 8 rows after the other, each as P x 8; half (d): of the products of both, summed over the pairs; sum (P x FR_VL): of L_ik b_k so far. */
FR_FN void FR_NAME(move_panel)(size_t row, size_t first, size_t P, const double *b, const double *e, const double *half, const double *mean,
                               double *panel, double *sum, double *product)
{
  for (size_t r = 0; r < FR_LANES; r += FR_VL, panel += FR_VL * row) {
    fr_vec along[2] = {{0}, {0}};
    memset(sum, 0, P * FR_VL * sizeof(double));
    for (size_t to = first + r + FR_VL; to > 0;) {
      fr_vec x[FR_VL], move[FR_VL];
      to -= FR_VL;
      const size_t at = to / FR_LANES * FR_LANES * P + to % FR_LANES;
      const double *b_at = b + at, *e_at = e + at;
      FR_UNROLL
      for (size_t k = 0; k < FR_VL; k++) {
        x[k] = FR_LOAD(panel + k * row + to);
        __builtin_prefetch(panel + k * row + (to > AHEAD ? to - AHEAD : 0));
      }
      fr_vec_transpose(x);
      FR_UNROLL
      for (size_t k = 0; k < FR_VL; k++) {
        move[k] = x[k] * (1.0 - half[to + k]);
        along[k % 2] = fr_fma(x[k], FR_SPLAT(mean[to + k]), along[k % 2]);
      }
      for (size_t p = 0; p < P; p++, b_at += FR_LANES, e_at += FR_LANES) {
        fr_vec s = FR_LOAD(sum + p * FR_VL);
        FR_UNROLL
        for (size_t k = FR_VL; k-- > 0;) {
          s = fr_fma(x[k], FR_SPLAT(b_at[k]), s);
          move[k] = fr_fma(s, FR_SPLAT(e_at[k]), move[k]);
        }
        FR_STORE(sum + p * FR_VL, s);
      }
      fr_vec_transpose(move);
      FR_UNROLL
      for (size_t k = 0; k < FR_VL; k++) FR_STORE(panel + k * row + to, move[k]);
    }
    FR_STORE(product + r, along[0] + along[1]);
  }
}

#undef AHEAD
