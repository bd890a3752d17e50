/* A sliding window in a ring of slots.
 *
 * Why the ring never overflows: a slot is opened only a part or more after the
 * one before was, and a slot lives at most a period and a part from its opening;
 * so at most 252 live at once.
 */
#include "window.h"

#include <assert.h>

#define MASK (UVLLM__WINDOW_SLOTS - 1)


void uvllm__window_init(uvllm__window_t* w, uint64_t period_ns) {
  memset(w, 0, sizeof(*w));
  w->period_ns = period_ns;
}


void uvllm__window_advance(uvllm__window_t* w, uint64_t now_ns) {
  while (w->nslots != 0 && now_ns - w->slots[w->oldest].last_ns > w->period_ns) {
    w->sum -= w->slots[w->oldest].sum;
    w->oldest = (w->oldest + 1) & MASK;
    w->nslots--;
  }
}


void uvllm__window_add(uvllm__window_t* w, uint64_t now_ns, uint64_t cost) {
  uint32_t newest = (w->oldest + w->nslots - 1) & MASK;
  uint64_t part = w->period_ns / UVLLM__WINDOW_PARTS;
  if (w->nslots == 0 || now_ns - w->slots[newest].first_ns >= part) {
    assert(w->nslots < UVLLM__WINDOW_SLOTS);
    newest = (w->oldest + w->nslots++) & MASK;
    w->slots[newest].first_ns = now_ns;
    w->slots[newest].sum = 0;
  }
  w->slots[newest].last_ns = now_ns;
  w->slots[newest].sum += cost;
  w->sum += cost;
}


void uvllm__window_correct(uvllm__window_t* w, uint64_t taken_ns, uint64_t more, uint64_t less) {
  uint32_t low = 0, high = w->nslots; /* the first slot that ends at taken_ns or later */
  while (low < high) {
    uint32_t middle = (low + high) / 2;
    if (w->slots[(w->oldest + middle) & MASK].last_ns < taken_ns)
      low = middle + 1;
    else
      high = middle;
  }
  uint32_t i = (w->oldest + low) & MASK;
  if (low == w->nslots || w->slots[i].first_ns > taken_ns)
    return;
  uint64_t before = w->slots[i].sum;
  w->slots[i].sum = before + more > less ? before + more - less : 0;
  w->sum = w->sum - before + w->slots[i].sum;
}


uint64_t uvllm__window_when(const uvllm__window_t* w, uint64_t sum) {
  uint64_t left = w->sum, when = 0;
  for (uint32_t i = 0; i < w->nslots && left > sum; i++) {
    uint32_t slot = (w->oldest + i) & MASK;
    left -= w->slots[slot].sum;
    when = w->slots[slot].last_ns + w->period_ns + 1;
  }
  return when;
}
