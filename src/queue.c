/* The priority queue of uvllm/queue.h: a heap, a bound, and the allocator. */
#include "heap.h"

#include <assert.h>

struct uvllm_queue_s {
  uvllm__heap_t heap;
  size_t max_entries;
  uvllm_alloc_t alloc;
};


int uvllm_queue_new(uvllm_queue_t** queue, size_t max_entries, const uvllm_alloc_t* alloc) {
  uvllm_alloc_t a = uvllm__alloc_or_default(alloc);
  uvllm_queue_t* q = uvllm__calloc(&a, 1, sizeof(*q));
  if (q == NULL)
    return UVLLM__ENOMEM;
  q->max_entries = max_entries != 0 ? max_entries : SIZE_MAX;
  q->alloc = a;
  *queue = q;
  return 0;
}


void uvllm_queue_free(uvllm_queue_t* queue) {
  if (queue == NULL)
    return;
  uvllm_alloc_t alloc = queue->alloc;
  uvllm__heap_clear(&queue->heap, &alloc);
  uvllm__free(&alloc, queue);
}


int uvllm_queue_push(uvllm_queue_t* queue, uvllm_queue_node_t* node, int64_t key) {
  assert(node->position == 0);
  if (queue->heap.size >= queue->max_entries)
    return UVLLM_EQUEUEFULL;
  int err = uvllm__heap_reserve(&queue->heap, &queue->alloc);
  if (err == 0)
    uvllm__heap_push(&queue->heap, node, key);
  return err;
}


uvllm_queue_node_t* uvllm_queue_peek(const uvllm_queue_t* queue) {
  return uvllm__heap_peek(&queue->heap);
}


uvllm_queue_node_t* uvllm_queue_pop(uvllm_queue_t* queue) {
  return uvllm__heap_pop(&queue->heap, &queue->alloc);
}


void uvllm_queue_remove(uvllm_queue_t* queue, uvllm_queue_node_t* node) {
  uvllm__heap_remove(&queue->heap, node, &queue->alloc);
}


void uvllm_queue_change(uvllm_queue_t* queue, uvllm_queue_node_t* node, int64_t key) {
  uvllm__heap_change(&queue->heap, node, key);
}


size_t uvllm_queue_size(const uvllm_queue_t* queue) {
  return queue->heap.size;
}
