/* Pacing: a bucket of `burst` that refills at `rate` a period, as what is owed. Pure.
 *
 * All amounts are in units of 1 / period_ns of what is limited, so that a
 * nanosecond refills exactly `rate` units and nothing is ever rounded.
 */
#ifndef UVLLM_SRC_GCRA_H
#define UVLLM_SRC_GCRA_H

#include "mem.h"

/* How much closer two requests may arrive at the provider than they were admitted. */
enum { UVLLM__JITTER_NS = 25000000 };

__extension__ typedef __int128 uvllm__units_t;

typedef struct uvllm__gcra_s {
  uvllm__units_t owed;    /* 0: the bucket is full. Below 0: it has been for a while */
  uvllm__units_t dropped; /* the part of it that is the provider's word... */
  uint64_t dropped_until; /* ...and until when */
  uint64_t now_ns;
  uint64_t period_ns, limit, burst, rate;
  uint64_t jitter_ns; /* 0: arrivals need not be apart */
} uvllm__gcra_t;

/* Per minute: bursts of 0.5 %, apart from each other by the jitter. Per day: all
 * of it at once. */
void uvllm__gcra_init(uvllm__gcra_t* g, uint64_t now_ns, uint64_t period_ns, uint64_t limit);
void uvllm__gcra_limit(uvllm__gcra_t* g, uint64_t limit); /* change it; after an advance */
void uvllm__gcra_advance(uvllm__gcra_t* g, uint64_t now_ns);
/* When a cost of 1 to limit may be added; 0: now. */
uint64_t uvllm__gcra_when(const uvllm__gcra_t* g, uint64_t cost);
void uvllm__gcra_add(uvllm__gcra_t* g, uint64_t cost);
void uvllm__gcra_correct(uvllm__gcra_t* g, uint64_t more, uint64_t less);
/* No more than `remaining` is left, until the time given. */
void uvllm__gcra_drop(uvllm__gcra_t* g, uint64_t remaining, uint64_t until_ns);

#endif
