/* dist.c: the table of distributions; see dist.h. */
#include "dist_list.h"

#define FR_DIST_ENTRY(name) &fr_dist_##name,
const fr_dist *const fr_dists[] = {FR_DISTS(FR_DIST_ENTRY)};
#undef FR_DIST_ENTRY

const int fr_n_dists = (int)(sizeof fr_dists / sizeof fr_dists[0]);

const fr_dist *fr_dist_find(const char *name)
{
  for (int i = 0; i < fr_n_dists; i++)
    if (strcmp(fr_dists[i]->name, name) == 0) return fr_dists[i];
  return NULL;
}

/* Four vectors (a residual and its solves, weights of a sampler), then the matrices: matrix_of() in dist_events.h. */
size_t fr_dist_work(const fr_dist *dist, int K)
{
  size_t k = (size_t)(K > 0 ? K : 1);
  return 4 * k + (size_t)dist->work_matrices * k * k;
}
