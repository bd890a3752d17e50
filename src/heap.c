/* An indexed 4-ary heap.
 *
 * Invariant: no entry comes before its parent (entry i's is (i - 1) / 4), and
 * entries[i].node->position == i + 1. The array doubles when full and halves when
 * a quarter is used, so its size follows what waits. With a million entries every
 * level is a cache miss, hence the alignment and the prefetch.
 */
#include "heap.h"

#include <assert.h>

enum { ARITY = 4, MIN_CAP = 8, CACHE_LINE = 64 };


static inline int before(const uvllm__heap_entry_t* a, const uvllm__heap_entry_t* b) {
  return a->key < b->key || (a->key == b->key && a->node->seq < b->node->seq);
}


static inline void place(uvllm__heap_t* heap, size_t i, const uvllm__heap_entry_t* entry) {
  heap->entries[i] = *entry;
  entry->node->position = i + 1;
}


static void sift_up(uvllm__heap_t* heap, size_t i, uvllm__heap_entry_t entry) {
  while (i != 0) {
    size_t parent = (i - 1) / ARITY;
    if (!before(&entry, &heap->entries[parent]))
      break;
    place(heap, i, &heap->entries[parent]);
    i = parent;
  }
  place(heap, i, &entry);
}


static inline size_t lesser(const uvllm__heap_t* heap, size_t a, size_t b) {
  return before(&heap->entries[b], &heap->entries[a]) ? b : a;
}


static size_t least_child(const uvllm__heap_t* heap, size_t first) {
  if (first + ARITY <= heap->size)
    return lesser(heap, lesser(heap, first, first + 1), lesser(heap, first + 2, first + 3));
  size_t least = first;
  for (size_t i = first + 1; i < heap->size; i++)
    least = lesser(heap, least, i);
  return least;
}


/* One of these four lines is read next. */
static inline void prefetch_grandchildren(const uvllm__heap_t* heap, size_t first) {
  size_t grandchild = first * ARITY + 1;
  for (size_t i = 0; i < ARITY && grandchild < heap->size; i++, grandchild += ARITY)
    __builtin_prefetch(&heap->entries[grandchild]);
}


static void sift_down(uvllm__heap_t* heap, size_t i, uvllm__heap_entry_t entry) {
  for (;;) {
    size_t first = i * ARITY + 1;
    if (first >= heap->size)
      break;
    prefetch_grandchildren(heap, first);
    size_t child = least_child(heap, first);
    if (!before(&heap->entries[child], &entry))
      break;
    place(heap, i, &heap->entries[child]);
    i = child;
  }
  place(heap, i, &entry);
}


static void settle(uvllm__heap_t* heap, size_t i, uvllm__heap_entry_t entry) {
  if (i != 0 && before(&entry, &heap->entries[(i - 1) / ARITY]))
    sift_up(heap, i, entry);
  else
    sift_down(heap, i, entry);
}


static int resize(uvllm__heap_t* heap, size_t cap, const uvllm_alloc_t* alloc) {
  if (cap > (SIZE_MAX - 2 * CACHE_LINE) / sizeof(*heap->entries))
    return UVLLM__ENOMEM;
  void* block = uvllm__malloc(alloc, cap * sizeof(*heap->entries) + 2 * CACHE_LINE);
  if (block == NULL)
    return UVLLM__ENOMEM;
  uintptr_t line = ((uintptr_t) block + 2 * CACHE_LINE - 1) & ~(uintptr_t) (CACHE_LINE - 1);
  uvllm__heap_entry_t* entries = (uvllm__heap_entry_t*) line - 1; /* entries[1] begins a line */
  if (heap->size != 0)
    memcpy(entries, heap->entries, heap->size * sizeof(*entries));
  uvllm__free(alloc, heap->block);
  heap->block = block;
  heap->entries = entries;
  heap->cap = cap;
  return 0;
}


void uvllm__heap_clear(uvllm__heap_t* heap, const uvllm_alloc_t* alloc) {
  for (size_t i = 0; i < heap->size; i++)
    heap->entries[i].node->position = 0;
  uvllm__free(alloc, heap->block);
  memset(heap, 0, sizeof(*heap));
}


int uvllm__heap_reserve(uvllm__heap_t* heap, const uvllm_alloc_t* alloc) {
  if (heap->size < heap->cap)
    return 0;
  return resize(heap, heap->cap != 0 ? heap->cap * 2 : MIN_CAP, alloc);
}


void uvllm__heap_push(uvllm__heap_t* heap, uvllm_queue_node_t* node, int64_t key) {
  assert(node->position == 0 && heap->size < heap->cap);
  uvllm__heap_entry_t entry = { key, node };
  node->key = key;
  node->seq = heap->seq++;
  sift_up(heap, heap->size++, entry);
}


void uvllm__heap_remove(uvllm__heap_t* heap, uvllm_queue_node_t* node,
                        const uvllm_alloc_t* alloc) {
  size_t i = node->position - 1;
  assert(i < heap->size && heap->entries[i].node == node);
  uvllm__heap_entry_t last = heap->entries[--heap->size];
  if (last.node != node)
    settle(heap, i, last);
  node->position = 0;
  if (heap->size < heap->cap / 4 && heap->cap > MIN_CAP)
    resize(heap, heap->cap / 2, alloc); /* if it fails, the array stays as it is */
}


void uvllm__heap_change(uvllm__heap_t* heap, uvllm_queue_node_t* node, int64_t key) {
  size_t i = node->position - 1;
  assert(i < heap->size && heap->entries[i].node == node);
  uvllm__heap_entry_t entry = { key, node };
  node->key = key;
  settle(heap, i, entry);
}
