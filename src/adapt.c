#include "adapt.h"

/* A fifth less: a server that refuses what is too many is asked for little more than
 * it bears, so the bound need not fall far to be below it. */
#define DECREASE 0.8
#define WINDOW_MAX 1e6
#define NEAR_THE_CEILING 0.1


uint32_t uvllm__adapt_max(const uvllm__adapt_t* a) {
  return a->window != 0 ? (uint32_t) a->window : UINT32_MAX;
}


int uvllm__adapt_complain(uvllm__adapt_t* a, uint64_t now_ns, uint64_t taken_ns,
                          uint32_t inflight) {
  if (a->window != 0 && taken_ns < a->cut_ns)
    return 0;
  const uint32_t before = uvllm__adapt_max(a);
  if (a->window == 0 || a->window > inflight)
    a->window = inflight;
  a->ceiling = a->window;
  a->window *= DECREASE;
  if (a->window < 1)
    a->window = 1;
  a->cut_ns = now_ns;
  return uvllm__adapt_max(a) != before;
}


/* One more for each round of as many as there may be, and only where they were all
 * there: else nothing shows that more would be borne. Where it was too much the last
 * time it takes longer; beyond that, things are other than they were. */
void uvllm__adapt_succeed(uvllm__adapt_t* a, uint32_t inflight) {
  if (a->window == 0 || inflight < uvllm__adapt_max(a) || a->window >= WINDOW_MAX)
    return;
  const int is_near = a->window + 1 >= a->ceiling && a->window < a->ceiling + 1;
  a->window += (is_near ? NEAR_THE_CEILING : 1) / a->window;
}
