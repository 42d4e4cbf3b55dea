/* threads.c: see threads.h. */
#include "threads.h"

#ifdef _OPENMP
#include <omp.h>
#ifndef _WIN32
#include <pthread.h>
#endif

static int forked = 0; /* written by a new process alone, before it does anything else */

#ifndef _WIN32
static void note_fork(void) { forked = 1; }
#endif

void fr_threads_start(void)
{
#ifndef _WIN32
  pthread_atfork(NULL, NULL, note_fork);
#endif
}

int fr_threads_allowed(int wanted)
{
  const int limit = omp_get_thread_limit();
  if (forked || omp_in_parallel() || wanted < 1) return 1;
  return wanted < limit ? wanted : limit;
}

#else

void fr_threads_start(void) {}
int fr_threads_allowed(int wanted)
{
  (void)wanted;
  return 1;
}

#endif
