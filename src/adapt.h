/* How many requests at once a server bears that does not say so: additive increase,
 * multiplicative decrease, on its complaints. Pure.
 *
 * Until the first complaint there is no bound. What was sent before the last decrease
 * says nothing of what holds since: its complaints do not count a second time.
 */
#ifndef UVLLM_SRC_ADAPT_H
#define UVLLM_SRC_ADAPT_H

#include <stdint.h>

typedef struct uvllm__adapt_s {
  double window;   /* so many at once; 0: nobody has complained */
  double ceiling;  /* so many were too many, the last time */
  uint64_t cut_ns; /* when it was last made smaller */
} uvllm__adapt_t;

/* So many at most; UINT32_MAX: no bound. */
uint32_t uvllm__adapt_max(const uvllm__adapt_t* a);
/* One that was taken at taken_ns was too many, or had to wait too long; it is among the
 * `inflight`. 1: the bound has changed. */
int uvllm__adapt_complain(uvllm__adapt_t* a, uint64_t now_ns, uint64_t taken_ns,
                          uint32_t inflight);
/* One of so many was answered. */
void uvllm__adapt_succeed(uvllm__adapt_t* a, uint32_t inflight);

#endif
