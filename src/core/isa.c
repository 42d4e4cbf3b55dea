/* isa.c: see isa.h. */
#include "isa.h"

int fr_isa_in_use = FR_ISA_BASELINE;

static const char *const names[FR_ISA_COUNT] = {"baseline", "avx2", "avx512"};

const char *fr_isa_name(int isa) { return isa >= 0 && isa < FR_ISA_COUNT ? names[isa] : ""; }

int fr_isa_find(const char *name)
{
  for (int isa = 0; isa < FR_ISA_COUNT; isa++)
    if (strcmp(names[isa], name) == 0) return isa;
  return -1;
}

int fr_isa_available(int isa)
{
  if (isa == FR_ISA_BASELINE) return 1;
#if FR_X86_TARGETS
  __builtin_cpu_init();
  const int avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (isa == FR_ISA_AVX2) return avx2;
  if (isa == FR_ISA_AVX512)
    return avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw");
#endif
  return 0;
}

int fr_isa_best(void)
{
  int isa = FR_ISA_COUNT - 1;
  while (!fr_isa_available(isa)) isa--;
  return isa;
}

int fr_isa_use(int isa)
{
  if (isa < 0 || isa >= FR_ISA_COUNT || !fr_isa_available(isa)) return FR_ERR_ARGUMENT;
  fr_isa_in_use = isa;
  return FR_OK;
}
