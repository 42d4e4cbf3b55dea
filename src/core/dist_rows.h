/* dist_rows.h: the driver of densities along rows of scalar events (fr_rows in dist.h).
 *
 * A distribution gives functions on doubles, for ONE lane; the driver is instantiated around them and
 * does blocks of FR_LANES lanes: eight particles of one row, or, for one particle, eight rows.
 *
 *   prep(v, which, need, k)  quantities of the arguments alone (1 / scale, log Gamma(shape)). It runs with
 *                            `which` = the arguments that are the same for all rows once a column of lanes,
 *                            and with `which` = the others once a block; what depends on both is computed
 *                            `if (which & (FR_V(1) | FR_V(2)))`, and so stands right after the second.
 *   eval(v, k, need, d)      the log density at value v[0] and arguments v[1 ..]; sets d[0 ..], its partials.
 *                            What nobody needs it may leave alone where that saves something: then d is 0.
 *
 * Both see the operand numbers of fr_rows: FR_V(0) is the value's bit, FR_V(j) argument j's.
 *
 * FR_ROWS instantiates them as they are. Common densities go on vectors instead, compiled for each instruction set
 * (FR_ROWS_LANES): their prep has no branch but on `which`, and
 *
 *   lanes(v, k, d, odd)      is eval without branches and calls, out of vmath.h and dist_lanes.h. It says by the top
 *                            bit of *odd where it does not hold (edges of the support, huge arguments): that lane is
 *                            then done again by eval. What it does depends on its own lane alone, so that a
 *                            particle's bits do not depend on its company. */
#ifndef FR_DIST_ROWS_H
#define FR_DIST_ROWS_H

#include "dist.h"
#include "isa.h"
#include "special.h"

#define FR_V(j) (1u << (j))
#define FR_NEED_LP FR_V(1 + FR_DIST_MAX_ARGS)     /* the log density itself: not on a reverse visit */
#define FR_NEED_PARTIALS (FR_NEED_LP - 1u)
#define FR_ROWS_MAX_V (1 + FR_DIST_MAX_ARGS)
#define FR_ROWS_MAX_K 8

typedef void (*fr_prep_fn)(const double *v, unsigned which, unsigned need, double *k);
typedef double (*fr_eval_fn)(const double *v, const double *k, unsigned need, double *d);
typedef double (*fr_lanes_fn)(const double *v, const double *k, double *d, uint64_t *odd);

/* A density: operands (the value and the arguments), prepared quantities, the arguments that prep reads. */
typedef struct {
  int nv, nk;
  unsigned uses;
  fr_prep_fn prep;
  fr_eval_fn eval;
  fr_lanes_fn lanes; /* NULL: eval alone */
} fr_density;

/* An operand as one column of lanes sees it: block b's doubles start at v + b * step. */
typedef struct {
  const double *v;
  double *a;
  long step;
  int spread; /* one double stands for all lanes */
  int fixed;  /* the same in all blocks */
} fr_column;

/* The column of lanes that starts at particle s. A lane-less operand is data: its adjoint is never wanted. */
FR_INLINE fr_column fr_column_of(const fr_operand *o, int W, long s)
{
  int lane = W > 1 && o->lane;
  fr_column c;
  c.fixed = !o->row;
  c.spread = W > 1 ? !lane : !o->row;
  c.step = !o->row ? 0 : W == 1 ? FR_LANES : lane ? W : 1;
  c.v = o->v + (lane ? s : 0);
  c.a = o->a && (W == 1 || lane) ? o->a + (lane ? s : 0) : NULL;
  return c;
}

/* The operands are few and their number is a constant: loops over them are written out, so that gcc -O2 keeps what it knows of each apart. */
#define FR_EACH_OPERAND _Pragma("GCC unroll 5")

/* Block b, of which m lanes exist: in place where it is whole; else in `own`, where the last lane is repeated. */
FR_INLINE const double *fr_block(const fr_column *c, long b, int m, double *own)
{
  const double *from = c->v + b * c->step;
  if (!c->spread && m == FR_LANES) return from;
  if (c->spread) { /* one store of a whole vector, which the load that follows need not wait for */
    const double x = *from;
    for (int l = 0; l < FR_LANES; l++) own[l] = x;
  } else {
    for (int l = 0; l < FR_LANES; l++) own[l] = from[l < m ? l : m - 1];
  }
  return own;
}

/* to += x on the m lanes that exist. */
FR_INLINE void fr_add_block(int m, const double *x, double *to)
{
  if (m == FR_LANES)
    for (int l = 0; l < FR_LANES; l++) to[l] += x[l];
  else
    for (int l = 0; l < m; l++) to[l] += x[l];
}

FR_INLINE double fr_sum_lanes(const double *x)
{
  return ((x[0] + x[4]) + (x[2] + x[6])) + ((x[1] + x[5]) + (x[3] + x[7]));
}

/* A lane's operands and prepared quantities, and its partials back. Copied by hand, the numbers of them being constants:
 * loops here would keep gcc -O2 from vectorising the loop over lanes. */
#define FR_TAKE_LANE(f, v, k, l, vl, kl)      \
  do {                                        \
    (vl)[0] = (v)[0][l];                      \
    if ((f)->nv > 1) (vl)[1] = (v)[1][l];     \
    if ((f)->nv > 2) (vl)[2] = (v)[2][l];     \
    if ((f)->nv > 3) (vl)[3] = (v)[3][l];     \
    if ((f)->nv > 4) (vl)[4] = (v)[4][l];     \
    if ((f)->nk > 0) (kl)[0] = (k)[0][l];     \
    if ((f)->nk > 1) (kl)[1] = (k)[1][l];     \
    if ((f)->nk > 2) (kl)[2] = (k)[2][l];     \
    if ((f)->nk > 3) (kl)[3] = (k)[3][l];     \
    if ((f)->nk > 4) (kl)[4] = (k)[4][l];     \
    if ((f)->nk > 5) (kl)[5] = (k)[5][l];     \
    if ((f)->nk > 6) (kl)[6] = (k)[6][l];     \
    if ((f)->nk > 7) (kl)[7] = (k)[7][l];     \
  } while (0)
#define FR_PUT_PARTIALS(f, dl, l, d, b)       \
  do {                                        \
    (d)[0][b][l] = (dl)[0];                   \
    if ((f)->nv > 1) (d)[1][b][l] = (dl)[1];  \
    if ((f)->nv > 2) (d)[2][b][l] = (dl)[2];  \
    if ((f)->nv > 3) (d)[3][b][l] = (dl)[3];  \
    if ((f)->nv > 4) (d)[4][b][l] = (dl)[4];  \
  } while (0)

/* k of all lanes from v; with `one` the lanes are alike, and the first is computed for all. */
FR_INLINE void fr_prep_block(const fr_density *f, unsigned which, unsigned need, int one, const double *const *v, double (*k)[FR_LANES])
{
  for (int l = 0; l < (one ? 1 : FR_LANES); l++) {
    double vl[FR_ROWS_MAX_V], kl[FR_ROWS_MAX_K];
    for (int j = 0; j < f->nv; j++) vl[j] = v[j][l];
    for (int j = 0; j < f->nk; j++) kl[j] = k[j][l];
    f->prep(vl, which, need, kl);
    for (int j = 0; j < f->nk; j++) k[j][l] = kl[j];
  }
  if (one)
    for (int j = 0; j < f->nk; j++)
      for (int l = 1; l < FR_LANES; l++) k[j][l] = k[j][0];
}

/* The same on vectors; `which` is a constant. Values are copied by hand: see FR_TAKE_LANE. */
FR_INLINE void fr_prep_lanes(const fr_density *f, const unsigned which, const double *const *v, double (*k)[FR_LANES])
{
  for (int l = 0; l < FR_LANES; l++) {
    double vl[5], kl[8];
    FR_TAKE_LANE(f, v, k, l, vl, kl);
    f->prep(vl, which, FR_NEED_LP | FR_NEED_PARTIALS, kl);
    if (f->nk > 0) k[0][l] = kl[0];
    if (f->nk > 1) k[1][l] = kl[1];
    if (f->nk > 2) k[2][l] = kl[2];
    if (f->nk > 3) k[3][l] = kl[3];
    if (f->nk > 4) k[4][l] = kl[4];
    if (f->nk > 5) k[5][l] = kl[5];
    if (f->nk > 6) k[6][l] = kl[6];
    if (f->nk > 7) k[7][l] = kl[7];
  }
}

/* prep for the arguments in `which`: on lanes it reads one argument or two, and each case is compiled apart. */
FR_INLINE void fr_prep(const fr_density *f, unsigned which, unsigned need, int alike, const double *const *v, double (*k)[FR_LANES])
{
  const unsigned first = f->uses & (0u - f->uses), second = f->uses & ~first;
  if (f->nk == 0 || !(which & f->uses)) return;
  if (!f->lanes || alike) fr_prep_block(f, which, need, alike, v, k);
  else if (!second || (which & f->uses) == f->uses) fr_prep_lanes(f, f->uses, v, k);
  else if (which & first) fr_prep_lanes(f, first, v, k);
  else fr_prep_lanes(f, second, v, k);
}

/* Blocks are done a strip at a time, and each of a strip's passes does one thing to all of them: an evaluation is a chain of products that wait
 * for one another, and with nothing but chains in the loop the processor has several of them under way. */
#define FR_STRIP 8

typedef struct {
  int blocks, last;                             /* blocks here, lanes of the last of them; the others are whole */
  const double *v[FR_ROWS_MAX_V];               /* an operand of the first block ... */
  long step[FR_ROWS_MAX_V];                     /* ... and how far on the next one's is */
  _Alignas(FR_ALIGN) double own[FR_ROWS_MAX_V][FR_STRIP][FR_LANES];
} fr_strip;

/* Prepared quantities and results are apart from the operands, so that the compiler sees that a store changes none of these. */
typedef struct {
  int step;                                     /* 1, or 0 where all blocks have k[0] */
  _Alignas(FR_ALIGN) double k[FR_STRIP][FR_ROWS_MAX_K][FR_LANES];
} fr_prepared;

typedef struct {
  _Alignas(FR_ALIGN) double lp[FR_STRIP][FR_LANES], d[FR_ROWS_MAX_V][FR_STRIP][FR_LANES];
  uint64_t odd[FR_STRIP][FR_LANES];
} fr_results;

/* Lanes of block b. */
FR_INLINE int fr_strip_lanes(const fr_strip *t, int b) { return b == t->blocks - 1 ? t->last : FR_LANES; }

/* v = block b's operands */
FR_INLINE void fr_strip_operands(const fr_strip *t, int nv, int b, const double **v)
{
  FR_EACH_OPERAND
  for (int j = 0; j < nv; j++) v[j] = t->v[j] + b * t->step[j];
}

/* Operand j of the blocks from `block` on: in place where it can be. */
FR_INLINE void fr_strip_take(fr_strip *t, int j, const fr_column *c, long block)
{
  t->v[j] = c->v + block * c->step;
  t->step[j] = c->step;
  if (!c->spread && t->last == FR_LANES) return;
  for (int b = 0; b < t->blocks; b++) {
    const int m = fr_strip_lanes(t, b);
    if (fr_block(c, block + b, m, t->own[j][b]) != t->own[j][b]) memcpy(t->own[j][b], c->v + (block + b) * c->step, sizeof t->own[j][b]);
  }
  t->v[j] = t->own[j][0];
  t->step[j] = FR_LANES;
}

/* The lanes that `lanes` left, by eval. */
FR_INLINE void fr_strip_odd(const fr_density *f, unsigned need, const fr_strip *t, const fr_prepared *p, fr_results *out)
{
  const uint64_t (*odd)[FR_LANES] = out->odd;
  uint64_t of_lane[FR_LANES] = {0}, any = 0;
  if (t->blocks == FR_STRIP)
    for (int l = 0; l < FR_LANES; l++)
      of_lane[l] = odd[0][l] | odd[1][l] | odd[2][l] | odd[3][l] | odd[4][l] | odd[5][l] | odd[6][l] | odd[7][l];
  else
    for (int b = 0; b < t->blocks; b++)
      for (int l = 0; l < FR_LANES; l++) of_lane[l] |= odd[b][l];
  for (int l = 0; l < FR_LANES; l++) any |= of_lane[l];
  if (!(any >> 63)) return;
  for (int b = 0; b < t->blocks; b++) {
    const double *v[FR_ROWS_MAX_V];
    fr_strip_operands(t, f->nv, b, v);
    for (int l = 0; l < FR_LANES; l++) {
      double vl[5], kl[8], dl[5];
      if (!(out->odd[b][l] >> 63)) continue;
      FR_TAKE_LANE(f, v, p->k[b * p->step], l, vl, kl);
      out->lp[b][l] = f->eval(vl, kl, need, dl);
      FR_PUT_PARTIALS(f, dl, l, out->d, b);
    }
  }
}

/* Log densities and partials of a strip. */
FR_INLINE void fr_strip_eval(const fr_density *f, unsigned need, const fr_strip *t, const fr_prepared *p, fr_results *out)
{
  for (int b = 0; b < t->blocks; b++) {
    const double *v[FR_ROWS_MAX_V];
    const double (*k)[FR_LANES] = p->k[b * p->step];
    fr_strip_operands(t, f->nv, b, v);
    for (int l = 0; l < FR_LANES; l++) {
      double vl[5], kl[8], dl[5];
      uint64_t odd_l = 0;
      FR_TAKE_LANE(f, v, k, l, vl, kl);
      out->lp[b][l] = f->lanes ? f->lanes(vl, kl, dl, &odd_l) : f->eval(vl, kl, need, dl);
      if (f->lanes) out->odd[b][l] = odd_l;
      FR_PUT_PARTIALS(f, dl, l, out->d, b);
    }
  }
  if (f->lanes) fr_strip_odd(f, need, t, p, out);
}

/* Partials times the adjoint of each lane's log density; a lane that nothing depends on adds nothing, be its
 * partials infinite or not. */
FR_INLINE void fr_strip_scale(int nv, const fr_column *bar, long block, const fr_strip *t, fr_results *out)
{
  for (int b = 0; b < t->blocks; b++) {
    _Alignas(FR_ALIGN) double own[FR_LANES];
    const double *w = fr_block(bar, block + b, fr_strip_lanes(t, b), own);
    FR_EACH_OPERAND
    for (int j = 0; j < nv; j++)
      for (int l = 0; l < FR_LANES; l++) out->d[j][b][l] = w[l] == 0.0 ? 0.0 : w[l] * out->d[j][b][l];
  }
}

/* sum += the blocks of x in their order. Those of a full strip in one expression: a sum that is stored and loaded again for each would wait for
 * its own stores. */
FR_INLINE void fr_strip_add(const fr_strip *t, double (*x)[FR_LANES], double *sum)
{
  if (t->blocks == FR_STRIP && t->last == FR_LANES) {
    for (int l = 0; l < FR_LANES; l++)
      sum[l] = sum[l] + x[0][l] + x[1][l] + x[2][l] + x[3][l] + x[4][l] + x[5][l] + x[6][l] + x[7][l];
    return;
  }
  for (int b = 0; b < t->blocks; b++) fr_add_block(fr_strip_lanes(t, b), x[b], sum);
}

/* All blocks of the column of lanes that starts at particle s. */
FR_INLINE void fr_rows_column(const fr_rows *call, long s, const fr_density *f, unsigned need)
{
  const int nv = f->nv;
  const int W = call->W;
  const long blocks = W == 1 ? (call->rows + FR_LANES - 1) / FR_LANES : call->rows;
  const int last = W == 1 ? (int)(call->rows - (blocks - 1) * FR_LANES) : FR_LANES;
  _Alignas(FR_ALIGN) fr_strip t;
  _Alignas(FR_ALIGN) fr_prepared p;
  _Alignas(FR_ALIGN) fr_results r;
  _Alignas(FR_ALIGN) double fixed_v[FR_ROWS_MAX_V][FR_LANES], acc[FR_ROWS_MAX_V][FR_LANES], sum[FR_LANES] = {0.0};
  fr_column c[FR_ROWS_MAX_V], bar = {NULL, NULL, W == 1 ? FR_LANES : W, 0, 0};
  unsigned fixed = 0, vary = 0;
  int alike = 1;

  FR_EACH_OPERAND
  for (int j = 0; j < nv; j++) {
    c[j] = fr_column_of(&call->v[j], W, s);
    for (int l = 0; l < FR_LANES; l++) acc[j][l] = 0.0;
    t.v[j] = fr_block(&c[j], 0, blocks == 1 ? last : FR_LANES, fixed_v[j]);
    t.step[j] = 0;
    if (j == 0) continue;
    if (c[j].fixed) fixed |= FR_V(j);
    else vary |= FR_V(j);
    if (c[j].fixed && !c[j].spread) alike = 0;
  }
  if (call->out_bar) bar.v = call->out_bar + s;
  p.step = (vary & f->uses) != 0;
  if (f->nk > 0) {
    for (int j = 0; j < f->nk; j++)
      for (int l = 0; l < FR_LANES; l++) p.k[0][j][l] = 0.0;
    if (fixed) fr_prep(f, fixed, need, alike, t.v, p.k[0]);
    for (int b = 1; p.step && b < FR_STRIP && b < blocks; b++) memcpy(p.k[b], p.k[0], sizeof p.k[0]);
  }

  for (long block = 0; block < blocks; block += FR_STRIP) {
    t.blocks = blocks - block < FR_STRIP ? (int)(blocks - block) : FR_STRIP;
    t.last = block + t.blocks == blocks ? last : FR_LANES;
    FR_EACH_OPERAND
    for (int j = 0; j < nv; j++)
      if (!c[j].fixed) fr_strip_take(&t, j, &c[j], block);
    for (int b = 0; p.step && b < t.blocks; b++) {
      const double *v[FR_ROWS_MAX_V];
      fr_strip_operands(&t, nv, b, v);
      fr_prep(f, vary, need, 0, v, p.k[b]);
    }
    fr_strip_eval(f, need, &t, &p, &r);
    if (need & FR_NEED_PARTIALS) {
      if (bar.v) fr_strip_scale(nv, &bar, block, &t, &r);
      FR_EACH_OPERAND
      for (int j = 0; j < nv; j++) {
        if (!(need & FR_V(j))) continue;
        if (c[j].fixed) fr_strip_add(&t, r.d[j], acc[j]);
        else
          for (int b = 0; b < t.blocks; b++) fr_add_block(fr_strip_lanes(&t, b), r.d[j][b], c[j].a + (block + b) * c[j].step);
      }
    }
    if (call->out_bar) continue;
    if (!call->out) fr_strip_add(&t, r.lp, sum);
    else
      for (int b = 0; b < t.blocks; b++)
        memcpy(call->out + s + (block + b) * bar.step, r.lp[b], (size_t)fr_strip_lanes(&t, b) * sizeof(double));
  }

  if (!call->out && !call->out_bar) {
    if (W == 1) call->lp[0] += fr_sum_lanes(sum);
    else fr_add_block(FR_LANES, sum, call->lp + s);
  }
  FR_EACH_OPERAND
  for (int j = 0; j < nv; j++) {
    if (!(need & FR_V(j)) || !c[j].fixed) continue;
    if (W == 1) c[j].a[0] += fr_sum_lanes(acc[j]);
    else fr_add_block(FR_LANES, acc[j], c[j].a);
  }
}

/* The kernel. A pass that wants no partials is compiled apart, without their arithmetic. */
FR_INLINE void fr_rows_run(const fr_rows *call, const fr_density *f)
{
  unsigned need = call->out_bar ? 0u : FR_NEED_LP;
  if (call->rows <= 0) return;
  if (call->out_bar || !call->out)
    for (int j = 0; j < f->nv; j++)
      if (call->v[j].a && (call->W == 1 || call->v[j].lane)) need |= FR_V(j);
  if (!need) return;
  for (long s = 0; s < call->W; s += FR_LANES) {
    if (need == FR_NEED_LP) fr_rows_column(call, s, f, FR_NEED_LP);
    else fr_rows_column(call, s, f, need);
  }
}

FR_INLINE void fr_no_prep(const double *v, unsigned which, unsigned need, double *k)
{
  (void)v, (void)which, (void)need, (void)k;
}

/* static void name_rows(const fr_rows *), around name_prep and name_eval; around name_eval alone */
#define FR_ROWS(name, n_args, nk) FR_ROWS_OF(name, 1 + (n_args), nk, name##_prep)
#define FR_ROWS_PLAIN(name, n_args) FR_ROWS_OF(name, 1 + (n_args), 0, fr_no_prep)
#define FR_ROWS_OF(name, nv, nk, prep)                                                                \
  static void name##_rows(const fr_rows *call)                                                        \
  {                                                                                                   \
    fr_rows_run(call, &(const fr_density){nv, nk, ~0u, prep, name##_eval, NULL});                     \
  }

/* On vectors, around name_prep, name_eval and name_lanes; `uses` are the bits of the one or two arguments that prep reads. */
#define FR_ROWS_LANES(name, n_args, nk, uses) FR_ROWS_LANES_OF(name, 1 + (n_args), nk, uses, name##_prep)
#define FR_ROWS_LANES_PLAIN(name, n_args) FR_ROWS_LANES_OF(name, 1 + (n_args), 0, 0u, fr_no_prep)
#define FR_ROWS_LANES_OF(name, nv, nk, uses, prep)                                                    \
  static __attribute__((noinline)) double name##_alone(const double *v, const double *k, unsigned need, double *d) \
  {                                                                                                   \
    return name##_eval(v, k, need, d);                                                                \
  }                                                                                                   \
  FR_KERNEL(static, name##_rows, (const fr_rows *call), (call),                                       \
            fr_rows_run(call, &(const fr_density){nv, nk, uses, prep, name##_alone, name##_lanes}))

/* ---- what the distributions share ---- */

#define FR_PI 3.141592653589793238462643383280
#define FR_SQRT_1_2 0.707106781186547524400844362105
#define FR_SQRT_2_OVER_PI 0.7978845608028653558798921198687
#define FR_HUGE_SQUARE 1e300 /* where 1 + z^2 is z^2, and z^2 about to overflow */

/* log(x) of an argument that must be above 0: NaN if it is not, and NaN spoils the density, as it should. */
FR_INLINE double fr_log_positive(double x) { return x > 0.0 ? log(x) : NAN; }

/* 1 / x for a scale, capped so that 0 times it is 0 for a subnormal scale as well. */
FR_INLINE double fr_reciprocal(double x)
{
  double r = 1.0 / x;
  return r > 1.7976931348623157e308 ? 1.7976931348623157e308 : r;
}

/* c ? a : b without a branch: for signs that no predictor can guess. */
FR_INLINE double fr_select(int c, double a, double b)
{
  uint64_t mask = -(uint64_t)(c != 0), x, y;
  double r;
  memcpy(&x, &a, sizeof x);
  memcpy(&y, &b, sizeof y);
  x = (x & mask) | (y & ~mask);
  memcpy(&r, &x, sizeof r);
  return r;
}

/* The log density outside the support: -Inf, or NaN where the value or an argument (seen by `check`) is. */
FR_INLINE double fr_outside(double x, double check) { return x != x || check != check ? NAN : -INFINITY; }

/* The same, with the partials of n operands cleared. */
FR_INLINE double fr_outside_clear(double x, double check, int n, double *d)
{
  for (int j = 0; j < n; j++) d[j] = 0.0;
  return fr_outside(x, check);
}

/* A whole number 0, 1, 2, ... (all doubles above 2^53 are whole). */
FR_INLINE int fr_is_count(double x) { return x >= 0.0 && (x >= 0x1p53 ? x <= 1.7976931348623157e308 : x == (double)(int64_t)x); }

/* ---- distribution functions (cdf in dist.h) ---- */

/* d of log F or log S of x = loc + scale z, whose logarithm is log_p; log_f is that of the density of z, and
 * d[1] and d[2] are those of loc and scale. */
FR_INLINE void fr_cdf_location_scale(double z, double scale, double log_f, double log_p, int upper, double *d)
{
  d[0] = exp(log_f - log_p) * (upper ? -1.0 : 1.0) / scale;
  d[1] = -d[0];
  d[2] = z * d[1];
}

/* The other tail: log(1 - exp(log_p)), and d, its n partials, from those of log_p. */
FR_INLINE double fr_cdf_complement(double log_p, int n, double *d)
{
  double other = fr_log1m_exp(log_p), w = -exp(log_p - other);
  for (int j = 0; j < n; j++) d[j] *= w;
  return other;
}

/* Outside the support: the tail that has all the mass, or none. */
FR_INLINE double fr_cdf_outside(int all, int n, double *d)
{
  for (int j = 0; j < n; j++) d[j] = 0.0;
  return all ? 0.0 : -INFINITY;
}

/* ---- table entries ---- */

#define FR_ARG(n, support) {n, support, FR_SCALAR, NAN, 0}
#define FR_ARG_REAL(n) FR_ARG(n, FR_SUP_REAL)
#define FR_ARG_POSITIVE(n) FR_ARG(n, FR_SUP_POSITIVE)
#define FR_ARG_SIZE {"size", FR_SUP_COUNT, FR_SCALAR, NAN, 1}

/* The heads of a sampler and of a mean of scalar events. */
#define FR_SAMPLE(name)                                                                               \
  static void name##_sample(int K, const double *const *arg, fr_rng *rng, double *out, double *work)
#define FR_MEAN(name) static void name##_mean(int K, const double *const *arg, double *out, double *work)
#define FR_UNUSED_SHAPE (void)K, (void)work

#endif
