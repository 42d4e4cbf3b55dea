/* main.c: runs the tests of the C core without R, under every instruction set that the machine has or under the one
 * named as its argument; the exit status says whether all passed. */
#include "check.h"
#include "isa.h"


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

static void run_all(void)
{
  test_vmath();
  test_special();
  test_rng();
  test_bijection();
  test_tril();
  test_dense();
  test_guide();
  test_optim();
  test_natural();
  test_mode();
  test_dist();
  test_dist_events();
  test_program();
  test_scan();
}

int main(int argc, char **argv)
{
  const int only = argc > 1 ? fr_isa_find(argv[1]) : -1;
  if (argc > 1 && only < 0) {
    printf("core: no instruction set is called %s\n", argv[1]);
    return 1;
  }
  for (int isa = 0; isa < FR_ISA_COUNT; isa++) {
    if (only >= 0 && isa != only) continue;
    if (fr_isa_use(isa) != FR_OK) {
      printf("core: this machine or build has no %s\n", fr_isa_name(isa));
      continue;
    }
    const int before = fr_check_failed;
    run_all();
    if (fr_check_failed > before) printf("  (with instruction set %s)\n", fr_isa_name(isa));
  }
  printf("core: %d passed, %d failed\n", fr_check_passed, fr_check_failed);
  return fr_check_failed > 0;
}
