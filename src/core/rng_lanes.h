/* rng_lanes.h: Philox and Box-Muller on the lanes of a vector; included by rng.c once for each instruction set.
 *
 * Every set gives the same bits: only + - * / and sqrt, which IEEE 754 rounds in one way, and no product is fused
 * with a sum (rng.c sees to that). Lanes do not meet, so that their number does not matter either. */

/* FR_VL blocks at once, a 32-bit word in each 64-bit lane */
FR_FN_INLINE void FR_NAME(philox)(fr_vec_u64 c[4], uint32_t k0, uint32_t k1)
{
  const fr_vec_u64 low = FR_SPLAT_U(UINT64_C(0xffffffff));
  FR_UNROLL
  for (int round = 0; round < 10; round++) {
    fr_vec_u64 p0 = fr_vec_mul32(c[0], FR_SPLAT_U(PHILOX_M0)), p1 = fr_vec_mul32(c[2], FR_SPLAT_U(PHILOX_M1));
    c[0] = (p1 >> 32) ^ c[1] ^ FR_SPLAT_U((uint64_t)k0);
    c[2] = (p0 >> 32) ^ c[3] ^ FR_SPLAT_U((uint64_t)k1);
    c[1] = p1 & low;
    c[3] = p0 & low;
    k0 += PHILOX_W0;
    k1 += PHILOX_W1;
  }
}

/* log of a positive, normal x: x = 2^k m with m in [sqrt(1/2), sqrt(2)); fdlibm's e_log.c */
FR_FN_INLINE fr_vec FR_NAME(exact_log)(fr_vec x)
{
  const fr_vec_u64 sqrt_half = FR_SPLAT_U(UINT64_C(0x3fe6a09e667f3bcd)), one = FR_SPLAT_U(UINT64_C(0x3ff0000000000000));
  fr_vec_u64 bits = (fr_vec_u64)x, shifted = bits - sqrt_half + one;
  /* k + 1023, an integer below 2^52, becomes a double by its bits: those of 2^52 + k + 1023 */
  fr_vec k = (fr_vec)((shifted >> 52) | FR_SPLAT_U(UINT64_C(0x4330000000000000))) - FR_SPLAT(0x1p52 + 1023.0);
  fr_vec m = (fr_vec)(bits - ((shifted & FR_SPLAT_U(UINT64_C(0xfff0000000000000))) - one));

  fr_vec f = m - 1.0, s = f / (f + 2.0), z = s * s, w = z * z, half = 0.5 * f * f;
  fr_vec even = w * (3.999999999940941908e-01 + w * (2.222219843214978396e-01 + w * 1.531383769920937332e-01));
  fr_vec odd = z * (6.666666666666735130e-01 +
                    w * (2.857142874366239149e-01 + w * (1.818357216161805012e-01 + w * 1.479819860511658591e-01)));
  return k * 6.93147180369123816490e-01 -
         ((half - (s * (half + (even + odd)) + k * 1.90821492927058770002e-10)) - f);
}

/* sin and cos of (q + r) pi/2 for r in (-1/2, 1/2) and the quadrant q = bits mod 4; fdlibm's k_sin.c, k_cos.c */
FR_FN_INLINE void FR_NAME(sincos)(fr_vec r, fr_vec_u64 bits, fr_vec *sine, fr_vec *cosine)
{
  fr_vec x = r * 1.57079632679489661923, z = x * x;
  fr_vec ps = 8.33333333332248946124e-03 +
              z * (-1.98412698298579493134e-04 +
                   z * (2.75573137070700676789e-06 + z * (-2.50507602534068634195e-08 + z * 1.58969099521155010221e-10)));
  fr_vec s = x + x * z * (-1.66666666666666324348e-01 + z * ps);
  fr_vec pc = z * (4.16666666666666019037e-02 +
                   z * (-1.38888888888741095749e-03 +
                        z * (2.48015872894767294178e-05 +
                             z * (-2.75573143513906633035e-07 +
                                  z * (2.08757232129817482790e-09 + z * -1.13596475577881948265e-11)))));
  fr_vec half = 0.5 * z, rest = 1.0 - half;
  fr_vec c = rest + (((1.0 - rest) - half) + z * pc);

  fr_vec_u64 swap = -(bits & 1); /* odd quadrants exchange sine and cosine */
  fr_vec_u64 a = ((fr_vec_u64)c & swap) | ((fr_vec_u64)s & ~swap);
  fr_vec_u64 b = ((fr_vec_u64)s & swap) | ((fr_vec_u64)c & ~swap);
  *sine = (fr_vec)(a ^ ((bits & 2) << 62));
  *cosine = (fr_vec)(b ^ (((bits + 1) & 2) << 62));
}

/* Two normals a lane from 128 bits a lane: radius from `a`, angle from `b`. The uniform of the radius is an
 * odd multiple of 2^-53 in (0, 1), which keeps |normal| below 8.58; the angle has 54 bits. */
FR_FN_INLINE void FR_NAME(box_muller)(fr_vec_u64 a, fr_vec_u64 b, fr_vec *first, fr_vec *second)
{
  const fr_vec_u64 one = FR_SPLAT_U(UINT64_C(0x3ff0000000000000)); /* with 52 bits below it: a double in [1, 2) */
  fr_vec u = ((fr_vec)((a >> 12) | one) - 1.0) + 0x1p-53;
  fr_vec r = ((fr_vec)((b >> 12) | one) - 1.5) + 0x1p-53;
  fr_vec sine, cosine;
  FR_NAME(sincos)(r, b, &sine, &cosine);
  u = fr_vec_sqrt(-2.0 * FR_NAME(exact_log)(u));
  *first = u * cosine;
  *second = u * sine;
}

/* Normals of one vector of pairs; particles are 32 bits. */
FR_FN_INLINE void FR_NAME(pairs)(const normals_key *n, fr_vec_u64 pair, fr_vec_u64 particle, fr_vec *first, fr_vec *second)
{
  fr_vec_u64 c[4] = {pair, particle, FR_SPLAT_U(n->step), FR_SPLAT_U(n->word)};
  FR_NAME(philox)(c, n->key[0], n->key[1]);
  FR_NAME(box_muller)(c[0] << 32 | c[1], c[2] << 32 | c[3], first, second);
}

/* Pairs of coordinates one after the other, particles in whole vectors: what is made is stored where it belongs. */
FR_FN void FR_NAME(normals_wide)(const normals_key *n, uint32_t first, int S, int d, size_t ld, double *eps)
{
  fr_vec_u64 lane;
  for (int l = 0; l < FR_VL; l++) lane[l] = (uint64_t)l;
  for (int k = 0; 2 * k < d; k++) {
    double *even = eps + 2 * (size_t)k * ld;
    for (int s = 0; s < S; s += FR_VL) {
      fr_vec x, y;
      fr_vec_u64 particle = (lane + ((uint64_t)first + (uint64_t)s)) & UINT64_C(0xffffffff);
      FR_NAME(pairs)(n, FR_SPLAT_U((uint64_t)k), particle, &x, &y);
      FR_STORE(even + s, x);
      if (2 * k + 1 < d) FR_STORE(even + ld + (size_t)s, y);
    }
  }
}

/* One particle: pairs in whole vectors, the first FR_VL * (pairs / FR_VL) of them. */
FR_FN void FR_NAME(normals_one)(const normals_key *n, uint32_t particle, int pairs, size_t ld, double *eps)
{
  fr_vec_u64 lane;
  for (int l = 0; l < FR_VL; l++) lane[l] = (uint64_t)l;
  for (int k = 0; k + FR_VL <= pairs; k += FR_VL) {
    double even[FR_VL], odd[FR_VL], *to = eps + 2 * (size_t)k * ld;
    fr_vec x, y;
    FR_NAME(pairs)(n, lane + (uint64_t)k, FR_SPLAT_U((uint64_t)particle), &x, &y);
    FR_STORE(even, x);
    FR_STORE(odd, y);
    FR_UNROLL
    for (int l = 0; l < FR_VL; l++, to += 2 * ld) {
      to[0] = even[l];
      to[ld] = odd[l];
    }
  }
}

/* BATCH pairs (pair[i], particle[i]), for whatever does not fill vectors. */
FR_FN void FR_NAME(normals_batch)(const normals_key *n, const uint64_t *pair, const uint64_t *particle, double *first, double *second)
{
  for (int i = 0; i < BATCH; i += FR_VL) {
    fr_vec_u64 k, s;
    fr_vec x, y;
    memcpy(&k, pair + i, sizeof k);
    memcpy(&s, particle + i, sizeof s);
    FR_NAME(pairs)(n, k, s, &x, &y);
    FR_STORE(first + i, x);
    FR_STORE(second + i, y);
  }
}
