/* How much was admitted in the last period, never too little. Pure.
 *
 * Admissions less than 1/250 of the period apart share a slot, which counts until
 * its last one is a period old. So fewer than 250 a period are counted exactly.
 */
#ifndef UVLLM_SRC_WINDOW_H
#define UVLLM_SRC_WINDOW_H

#include "mem.h"

enum { UVLLM__WINDOW_SLOTS = 256, UVLLM__WINDOW_PARTS = 250 };

typedef struct uvllm__window_s {
  struct {
    uint64_t first_ns, last_ns, sum;
  } slots[UVLLM__WINDOW_SLOTS]; /* a ring; disjoint and in order of time */
  uint64_t sum;                 /* of all slots */
  uint64_t period_ns;
  uint32_t oldest, nslots;
} uvllm__window_t;

void uvllm__window_init(uvllm__window_t* w, uint64_t period_ns);
/* Let go what is older than a period: before each of the following. */
void uvllm__window_advance(uvllm__window_t* w, uint64_t now_ns);
void uvllm__window_add(uvllm__window_t* w, uint64_t now_ns, uint64_t cost);
/* What was added at taken_ns is to be `more` or `less`. Nothing, if it has gone. */
void uvllm__window_correct(uvllm__window_t* w, uint64_t taken_ns, uint64_t more, uint64_t less);
/* When the sum will be no more than `sum`, without further additions; 0: now. */
uint64_t uvllm__window_when(const uvllm__window_t* w, uint64_t sum);

#endif
