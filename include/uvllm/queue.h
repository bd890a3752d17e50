/* uvllm/queue.h - the priority queue, and fairness between tags, each usable alone.
 *
 * Pure: no loop, no sockets, no clock. One queue belongs to one thread.
 */
#ifndef UVLLM_QUEUE_H
#define UVLLM_QUEUE_H

#include "uvllm/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- The queue ---------------------------------------------------------------- */

/* An indexed 4-ary heap of nodes that live in the caller's own structs: no
 * allocation per entry but the array's growth (16 bytes an entry; it shrinks
 * again). push, pop, remove and change are O(log n), peek is O(1). Smallest key
 * first; equal keys in the order they were pushed.
 *
 * The key of a request is fixed when it comes: key = enqueued_ns - priority *
 * ageing_ns. So one level of priority is worth ageing_ns of waiting (default
 * one second), nothing starves, and nothing has to be re-sorted.
 */
#define UVLLM_QUEUE_AGEING_NS INT64_C(1000000000)

/* Zero it before the first push. It must stay where it is, and its fields must
 * not be written, while it is queued; it may be pushed again, to any queue, once
 * it was popped or removed. A node is in one queue at a time.
 */
typedef struct uvllm_queue_node_s {
  int64_t key;     /* as pushed or changed last */
  uint64_t seq;    /* age among equals */
  size_t position; /* private, but 0: in no queue */
} uvllm_queue_node_t;

typedef struct uvllm_queue_s uvllm_queue_t;

/* max_entries == 0: as many as memory holds. UV_ENOMEM leaves *queue as it was. */
UVLLM_EXTERN int uvllm_queue_new(uvllm_queue_t** queue, size_t max_entries,
                                 const uvllm_alloc_t* alloc);
/* Nodes that are still queued are forgotten: position is set to 0 in each, so
 * that they may be pushed elsewhere. NULL is ignored. */
UVLLM_EXTERN void uvllm_queue_free(uvllm_queue_t* queue);
/* UVLLM_EQUEUEFULL: max_entries are waiting. UV_ENOMEM. On failure neither the
 * queue nor the node has changed. */
UVLLM_EXTERN int uvllm_queue_push(uvllm_queue_t* queue, uvllm_queue_node_t* node, int64_t key);
/* The first node, which stays queued; NULL: empty. */
UVLLM_EXTERN uvllm_queue_node_t* uvllm_queue_peek(const uvllm_queue_t* queue);
/* The first node, which is queued no more; NULL: empty. */
UVLLM_EXTERN uvllm_queue_node_t* uvllm_queue_pop(uvllm_queue_t* queue);
/* The node must be in this queue: anything else is an assertion. A changed key
 * keeps the node's age among equals. */
UVLLM_EXTERN void uvllm_queue_remove(uvllm_queue_t* queue, uvllm_queue_node_t* node);
UVLLM_EXTERN void uvllm_queue_change(uvllm_queue_t* queue, uvllm_queue_node_t* node, int64_t key);
UVLLM_EXTERN size_t uvllm_queue_size(const uvllm_queue_t* queue);
/* Whether the node is in a queue, whichever. */
static inline int uvllm_queue_has(const uvllm_queue_node_t* node) {
  return node->position != 0;
}


/* ---- Fairness between tags ------------------------------------------------------ */

/* Stride scheduling over what entries cost (tokens, say). Each tag has a virtual
 * time; the tag with the smallest is served next, its entry with the smallest
 * key first, and its virtual time grows by cost / weight. So while two tags both
 * have something waiting, they are served in proportion to their weights,
 * however much either has waiting; keys order within a tag only.
 *
 * A tag that had nothing waiting starts no earlier than the least virtual time
 * among those that have: idleness earns nothing and, once others have caught up,
 * costs nothing. When nothing at all waits, everybody starts anew. Tags without
 * entries are forgotten (all but 64) once their virtual time has no more effect,
 * and the longest idle of them in any case beyond 1,024, or beyond as many as
 * there are tags with entries. So memory follows what waits, not how many tags
 * were ever seen; only tags with a weight set stay.
 */

/* Zero it before the first push; the same rules as for a queue's node. */
typedef struct uvllm_fair_node_s {
  uvllm_queue_node_t node; /* first: node.key is the key */
  void* lane;              /* private */
  uint64_t cost;           /* as pushed */
} uvllm_fair_node_t;

typedef struct uvllm_fair_s uvllm_fair_t;

/* As uvllm_queue_new() and uvllm_queue_free(). */
UVLLM_EXTERN int uvllm_fair_new(uvllm_fair_t** fair, size_t max_entries,
                                const uvllm_alloc_t* alloc);
UVLLM_EXTERN void uvllm_fair_free(uvllm_fair_t* fair);
/* The weight of a tag from now on, 1 for those that were never named here; 0 is
 * UV_EINVAL. Weight 1 lets the tag be forgotten again. UV_ENOMEM. */
UVLLM_EXTERN int uvllm_fair_weight(uvllm_fair_t* fair, const char* tag, uint32_t weight);
/* tag is copied; NULL is the same as "". A cost of 0 counts as 1, one above 2^40
 * as 2^40. UVLLM_EQUEUEFULL, UV_ENOMEM: nothing has changed. */
UVLLM_EXTERN int uvllm_fair_push(uvllm_fair_t* fair, uvllm_fair_node_t* node, const char* tag,
                                 int64_t key, uint64_t cost);
/* What pop would give. Changes nothing; NULL: empty. */
UVLLM_EXTERN uvllm_fair_node_t* uvllm_fair_peek(const uvllm_fair_t* fair);
/* Charges the node's cost to its tag. NULL: empty. */
UVLLM_EXTERN uvllm_fair_node_t* uvllm_fair_pop(uvllm_fair_t* fair);
/* Take a node out without charging its tag; give it another key. The node must be
 * in here. */
UVLLM_EXTERN void uvllm_fair_remove(uvllm_fair_t* fair, uvllm_fair_node_t* node);
UVLLM_EXTERN void uvllm_fair_change(uvllm_fair_t* fair, uvllm_fair_node_t* node, int64_t key);
/* A popped entry of this tag cost `delta` more than it was pushed with (negative:
 * less; minus its whole cost: it was popped in vain). More is
 * charged from where the tag would start now, if it has nothing waiting (so it
 * does not matter whether it was forgotten; without memory the charge is lost);
 * less is given back down to where it last started. */
UVLLM_EXTERN void uvllm_fair_correct(uvllm_fair_t* fair, const char* tag, int64_t delta);
UVLLM_EXTERN size_t uvllm_fair_size(const uvllm_fair_t* fair);
/* Tags that take memory now. */
UVLLM_EXTERN size_t uvllm_fair_tags(const uvllm_fair_t* fair);

#ifdef __cplusplus
}
#endif
#endif /* UVLLM_QUEUE_H */
