/* threads.h: how many threads a loop over rows may have. OpenMP where the compiler has it; elsewhere one. */
#ifndef FR_THREADS_H
#define FR_THREADS_H

/* Once, when the library is loaded: a process forked from now on (parallel::mclapply) has one thread, since the pool of
 * OpenMP's threads does not come along and waiting for it would never end. */
void fr_threads_start(void);

/* As many of `wanted` as there may be: no more than OpenMP's own limit (OMP_THREAD_LIMIT), 1 in a forked process and inside a
 * parallel region. */
int fr_threads_allowed(int wanted);

#endif
