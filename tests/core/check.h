/* check.h: the assertions of the core's test program. A failed check is printed and counted; nothing stops. */
#ifndef FR_CHECK_H
#define FR_CHECK_H

#include <math.h>
#include <stdio.h>

extern int fr_check_passed, fr_check_failed;

/* ok: counts; otherwise prints where and what. Returns ok. */
int fr_check(int ok, const char *file, int line, const char *what);
/* got equals want: both NaN, the same infinity, or |got - want| <= rel * |want| + abs. */
int fr_check_near(double got, double want, double rel, double abs, const char *file, int line, const char *what);
/* The larger of two errors; NaN if either is. */
double fr_worst(double worst, double error);

#define CHECK(cond) fr_check(!!(cond), __FILE__, __LINE__, #cond)
/* relative to want; a want of 0 must be met exactly */
#define CHECK_NEAR(got, want, rel) fr_check_near((got), (want), (rel), 0.0, __FILE__, __LINE__, #got " == " #want)
#define CHECK_NEAR_ABS(got, want, abs) fr_check_near((got), (want), 0.0, (abs), __FILE__, __LINE__, #got " == " #want)
/* relative and absolute part together */
#define CHECK_CLOSE(got, want, rel, abs) fr_check_near((got), (want), (rel), (abs), __FILE__, __LINE__, #got " == " #want)

void test_vmath(void);
void test_special(void);
void test_rng(void);
void test_bijection(void);
void test_tril(void);
void test_dense(void);
void test_guide(void);
void test_optim(void);
void test_natural(void);
void test_mode(void);
void test_dist(void);
void test_dist_events(void);
void test_program(void);
void test_scan(void);

#endif
