/* main.c: runs the tests of the C core without R; the exit status says whether all passed. */
#include "check.h"


int fr_check_passed = 0, fr_check_failed = 0;

int fr_check(int ok, const char *file, int line, const char *what)
{
  if (ok) {
    fr_check_passed++;
  } else {
    fr_check_failed++;
    printf("%s:%d: failed: %s\n", file, line, what);
  }
  return ok;
}

int fr_check_near(double got, double want, double rel, double abs, const char *file, int line, const char *what)
{
  int same = isnan(want) ? isnan(got) : got == want || fabs(got - want) <= rel * fabs(want) + abs;
  if (isinf(want) || isinf(got)) same = got == want;
  if (!fr_check(same, file, line, what)) printf("  got %.17g, want %.17g\n", got, want);
  return same;
}

double fr_worst(double worst, double error)
{
  if (isnan(worst) || isnan(error)) return NAN;
  return error > worst ? error : worst;
}

int main(void)
{
  test_special();
  test_rng();
  test_bijection();
  test_tril();
  test_guide();
  test_optim();
  test_dist();
  test_program();
  printf("core: %d passed, %d failed\n", fr_check_passed, fr_check_failed);
  return fr_check_failed > 0;
}
