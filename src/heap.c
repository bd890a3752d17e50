/* An indexed 4-ary heap, laid out for the cache: with a million entries every node
 * and nearly every level is a miss.
 *
 * No entry comes before its parent (entry i's is (i - 1) / 4). An entry is where its
 * node's position (from 1) says or on the way from there to the root: only what moves
 * down is noted in its node. Four siblings share a line, four lines of cousins lie
 * together; these are fetched one level ahead.
 *
 * A pop pulls one entry of each level up, but for the last two: there it leaves a
 * hole, with the lines below on their way. The next operation fills it, with what is
 * pushed or else with the last entry. While there is a hole, entries[size] is in use.
 *
 * The array doubles when full and halves when a quarter is used, so its size follows
 * what waits.
 */
#include "heap.h"

#include <assert.h>

enum { ARITY = 4, MIN_CAP = 8, CACHE_LINE = 64 };


static inline size_t first_child(size_t i) {
  return i * ARITY + 1;
}


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


static size_t least_between(const uvllm__heap_t* heap, size_t first, size_t end) {
  size_t least = first;
  for (size_t i = first + 1; i < end; i++)
    if (before(&heap->entries[i], &heap->entries[least]))
      least = i;
  return least;
}


/* Which of four is the least cannot be predicted, so nothing branches on it. */
static inline size_t least_child(const uvllm__heap_t* heap, size_t first) {
  if (first + ARITY > heap->size)
    return least_between(heap, first, heap->size);
  const uvllm__heap_entry_t* e = &heap->entries[first];
  size_t a = e[1].key < e[0].key, b = 2 + (size_t) (e[3].key < e[2].key);
  size_t least = a ^ ((a ^ b) & -(size_t) (e[b].key < e[a].key));
  if ((e[0].key == e[1].key) | (e[2].key == e[3].key) | (e[a].key == e[b].key))
    return least_between(heap, first, first + ARITY);
  return first + least;
}


/* Lines beyond the end do no harm. Not inlined, gcc takes it for a function without
 * effect, and drops the calls. */
static inline __attribute__((always_inline)) void prefetch(const uvllm__heap_t* heap, size_t i, int lines) {
  if (i >= heap->size)
    return;
  uintptr_t line = (uintptr_t) &heap->entries[i];
  for (; lines != 0; lines--, line += CACHE_LINE)
    __builtin_prefetch((const void*) line);
}


static void sift_down(uvllm__heap_t* heap, size_t i, uvllm__heap_entry_t entry) {
  for (size_t first; (first = first_child(i)) < heap->size;) {
    prefetch(heap, first_child(first), ARITY);
    size_t child = least_child(heap, first);
    if (!before(&heap->entries[child], &entry))
      break;
    heap->entries[i] = heap->entries[child];
    i = child;
  }
  place(heap, i, &entry);
}


static void fill(uvllm__heap_t* heap, size_t i, uvllm__heap_entry_t entry) {
  if (i != 0 && before(&entry, &heap->entries[(i - 1) / ARITY]))
    sift_up(heap, i, entry);
  else
    sift_down(heap, i, entry);
}


/* With the last entry, which size no longer counts. */
static void fill_from_end(uvllm__heap_t* heap, size_t i) {
  if (i != heap->size)
    fill(heap, i, heap->entries[heap->size]);
}


static void settle(uvllm__heap_t* heap) {
  size_t hole = heap->hole;
  heap->hole = 0;
  if (hole != 0)
    fill_from_end(heap, hole);
}


/* Of at least two entries the first was taken. */
static void sink_hole(uvllm__heap_t* heap) {
  size_t i = 0, first = first_child(i);
  do {
    prefetch(heap, first_child(first), ARITY);
    size_t child = least_child(heap, first);
    heap->entries[i] = heap->entries[child];
    i = child;
    first = first_child(i);
  } while (first_child(first_child(first)) < heap->size);
  prefetch(heap, first, 1);
  prefetch(heap, first_child(first), ARITY);
  heap->hole = i;
}


static size_t find(const uvllm__heap_t* heap, const uvllm_queue_node_t* node) {
  size_t i = node->position - 1;
  assert(node->position != 0);
  while (i >= heap->size || heap->entries[i].node != node) {
    assert(i != 0);
    i = (i - 1) / ARITY;
  }
  return i;
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


static void shrink(uvllm__heap_t* heap, const uvllm_alloc_t* alloc) {
  if (heap->size < heap->cap / 4 && heap->cap > MIN_CAP)
    resize(heap, heap->cap / 2, alloc); /* if it fails, the array stays as it is */
}


void uvllm__heap_clear(uvllm__heap_t* heap, const uvllm_alloc_t* alloc) {
  settle(heap);
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
  size_t hole = heap->hole, end = heap->size++;
  heap->hole = 0;
  node->key = key;
  node->seq = heap->seq++;
  if (hole != 0)
    fill(heap, hole, entry);
  else
    sift_up(heap, end, entry);
}


uvllm_queue_node_t* uvllm__heap_pop(uvllm__heap_t* heap, const uvllm_alloc_t* alloc) {
  if (heap->size == 0)
    return NULL;
  settle(heap);
  shrink(heap, alloc);
  uvllm_queue_node_t* node = heap->entries[0].node;
  node->position = 0;
  if (heap->size > 1)
    sink_hole(heap);
  heap->size--;
  __builtin_prefetch(heap->entries[0].node);
  return node;
}


void uvllm__heap_remove(uvllm__heap_t* heap, uvllm_queue_node_t* node,
                        const uvllm_alloc_t* alloc) {
  settle(heap);
  size_t i = find(heap, node);
  heap->size--;
  fill_from_end(heap, i);
  node->position = 0;
  shrink(heap, alloc);
}


void uvllm__heap_change(uvllm__heap_t* heap, uvllm_queue_node_t* node, int64_t key) {
  settle(heap);
  uvllm__heap_entry_t entry = { key, node };
  size_t i = find(heap, node);
  node->key = key;
  fill(heap, i, entry);
}
