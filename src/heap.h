/* The indexed 4-ary heap under queue.c and fair.c. Pure.
 *
 * Entries hold their key, so that ordering reads a node only among equal keys.
 * Only reserve() can fail.
 */
#ifndef UVLLM_SRC_HEAP_H
#define UVLLM_SRC_HEAP_H

#include "mem.h"
#include "uvllm/queue.h"

typedef struct uvllm__heap_entry_s {
  int64_t key;
  uvllm_queue_node_t* node;
} uvllm__heap_entry_t;

typedef struct uvllm__heap_s {
  uvllm__heap_entry_t* entries; /* so placed that four siblings share a cache line */
  void* block;                  /* what was allocated */
  size_t size, cap;
  size_t hole; /* the place a pop has left empty; 0: none */
  uint64_t seq;
} uvllm__heap_t; /* all zero: empty */

void uvllm__heap_clear(uvllm__heap_t* heap, const uvllm_alloc_t* alloc);
/* Room for one more: 0 or UV_ENOMEM. */
int uvllm__heap_reserve(uvllm__heap_t* heap, const uvllm_alloc_t* alloc);
/* After a reserve(). */
void uvllm__heap_push(uvllm__heap_t* heap, uvllm_queue_node_t* node, int64_t key);
/* NULL: empty. */
uvllm_queue_node_t* uvllm__heap_pop(uvllm__heap_t* heap, const uvllm_alloc_t* alloc);
void uvllm__heap_remove(uvllm__heap_t* heap, uvllm_queue_node_t* node,
                        const uvllm_alloc_t* alloc);
void uvllm__heap_change(uvllm__heap_t* heap, uvllm_queue_node_t* node, int64_t key);

static inline uvllm_queue_node_t* uvllm__heap_peek(const uvllm__heap_t* heap) {
  return heap->size != 0 ? heap->entries[0].node : NULL;
}

/* Of a heap that is popped next, and not empty. */
static inline __attribute__((always_inline)) void uvllm__heap_prefetch(const uvllm__heap_t* heap) {
  __builtin_prefetch(&heap->entries[0]);
  __builtin_prefetch(&heap->entries[1]);
}

#endif
