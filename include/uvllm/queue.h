/* uvllm/queue.h - the priority queue, alone.
 *
 * An indexed 4-ary heap of nodes that live in the caller's own structs: no
 * allocation per entry but the array's growth. push, pop, remove and change
 * are O(log n). Smallest key first; equal keys in the order they came.
 *
 * The key of a request is fixed when it comes: key = enqueued_ns - priority *
 * ageing_ns. So one level of priority is worth ageing_ns of waiting (default
 * one second), nothing starves, and nothing has to be re-sorted.
 */
#ifndef UVLLM_QUEUE_H
#define UVLLM_QUEUE_H

#include "uvllm/types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct uvllm_queue_node_s { /* zero before the first push */
  int64_t key;
  uint64_t seq;
  size_t position;
} uvllm_queue_node_t;

typedef struct uvllm_queue_s uvllm_queue_t;

UVLLM_EXTERN int uvllm_queue_new(uvllm_queue_t** queue, size_t max_entries,
                                 const uvllm_alloc_t* alloc);
UVLLM_EXTERN void uvllm_queue_free(uvllm_queue_t* queue);
UVLLM_EXTERN int uvllm_queue_push(uvllm_queue_t* queue, uvllm_queue_node_t* node, int64_t key);
UVLLM_EXTERN uvllm_queue_node_t* uvllm_queue_peek(const uvllm_queue_t* queue);
UVLLM_EXTERN uvllm_queue_node_t* uvllm_queue_pop(uvllm_queue_t* queue);
UVLLM_EXTERN void uvllm_queue_remove(uvllm_queue_t* queue, uvllm_queue_node_t* node);
UVLLM_EXTERN void uvllm_queue_change(uvllm_queue_t* queue, uvllm_queue_node_t* node, int64_t key);
UVLLM_EXTERN size_t uvllm_queue_size(const uvllm_queue_t* queue);

#ifdef __cplusplus
}
#endif
#endif /* UVLLM_QUEUE_H */
