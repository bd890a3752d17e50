/* Fairness between tags: stride scheduling with start-time virtual clocks.
 *
 * Each tag is a lane with a heap of its entries; lanes with entries stand in a
 * heap by virtual time, lanes without in a list by the time they fell idle.
 * Invariants: a lane is in exactly one of the two; the clock never goes back;
 * a lane that gets its first entry starts at or after the clock and the least
 * lane. Virtual time is int64 in units of 2^-16 token at weight 1.
 */
#include "hash.h"
#include "heap.h"

#include <assert.h>

#define VT_SHIFT 16
#define COST_MAX ((uint64_t) 1 << 40)
#define VT_MAX ((int64_t) 1 << 62)

enum { MIN_BUCKETS = 64, IDLE_MIN = 64, IDLE_MAX = 1024, IDLE_CHECKS = 2 };

typedef struct lane_s {
  uvllm_queue_node_t top; /* first: the top heap's node; key: virtual time */
  uvllm__heap_t entries;
  int64_t vt;
  int64_t base; /* the floor when it last got its first entry: no refund below */
  uint32_t weight;
  uint64_t hash;
  struct lane_s* chain;       /* in the hash table */
  struct lane_s *prev, *next; /* in the idle list */
  size_t len;
  char tag[];
} lane_t;

struct uvllm_fair_s {
  uvllm__heap_t top;
  size_t size, max_entries;
  int64_t clock;   /* the start of what was served last, or later */
  int64_t horizon; /* no lane is beyond */
  lane_t** buckets;
  size_t nbuckets, nlanes, nidle;
  lane_t *idle_first, *idle_last; /* the first has been idle for longest */
  uvllm_alloc_t alloc;
};


/* ---- The table of lanes --------------------------------------------------------- */

static uint64_t hash_tag(const char* tag, size_t len) {
  return uvllm__hash_end(uvllm__hash_add(UVLLM__HASH_INIT, tag, len));
}


static int is_lane_of(const lane_t* lane, const char* tag, size_t len, uint64_t hash) {
  return lane->hash == hash && lane->len == len && (len == 0 || memcmp(lane->tag, tag, len) == 0);
}


static lane_t* find_lane(const uvllm_fair_t* fair, const char* tag, size_t len, uint64_t hash) {
  lane_t* lane = fair->buckets[hash & (fair->nbuckets - 1)];
  while (lane != NULL && !is_lane_of(lane, tag, len, hash))
    lane = lane->chain;
  return lane;
}


static void resize_table(uvllm_fair_t* fair, size_t nbuckets) {
  lane_t** buckets = uvllm__calloc(&fair->alloc, nbuckets, sizeof(*buckets));
  if (buckets == NULL)
    return; /* chains are longer than wished, nothing else */
  for (size_t i = 0; i < fair->nbuckets; i++) {
    for (lane_t *lane = fair->buckets[i], *chain; lane != NULL; lane = chain) {
      chain = lane->chain;
      lane->chain = buckets[lane->hash & (nbuckets - 1)];
      buckets[lane->hash & (nbuckets - 1)] = lane;
    }
  }
  uvllm__free(&fair->alloc, fair->buckets);
  fair->buckets = buckets;
  fair->nbuckets = nbuckets;
}


static void idle_link(uvllm_fair_t* fair, lane_t* lane) {
  lane->prev = fair->idle_last;
  lane->next = NULL;
  *(lane->prev != NULL ? &lane->prev->next : &fair->idle_first) = lane;
  fair->idle_last = lane;
  fair->nidle++;
}


static void idle_unlink(uvllm_fair_t* fair, lane_t* lane) {
  *(lane->prev != NULL ? &lane->prev->next : &fair->idle_first) = lane->next;
  *(lane->next != NULL ? &lane->next->prev : &fair->idle_last) = lane->prev;
  lane->prev = lane->next = NULL;
  fair->nidle--;
}


static void drop_lane(uvllm_fair_t* fair, lane_t* lane) {
  lane_t** link = &fair->buckets[lane->hash & (fair->nbuckets - 1)];
  while (*link != lane)
    link = &(*link)->chain;
  *link = lane->chain;
  idle_unlink(fair, lane);
  uvllm__heap_clear(&lane->entries, &fair->alloc);
  uvllm__free(&fair->alloc, lane);
  fair->nlanes--;
  if (fair->nlanes < fair->nbuckets / 8 && fair->nbuckets > MIN_BUCKETS)
    resize_table(fair, fair->nbuckets / 2);
}


/* Where a lane with nothing waiting would start. */
static int64_t vt_floor(const uvllm_fair_t* fair) {
  int64_t least = fair->top.size != 0 ? fair->top.entries[0].key : fair->clock;
  return least > fair->clock ? least : fair->clock;
}


/* Whether the lane would start where a new one does, or there are too many. */
static int may_forget(const uvllm_fair_t* fair, const lane_t* lane) {
  size_t most = fair->top.size > IDLE_MAX ? fair->top.size : IDLE_MAX;
  if (lane->weight != 1 || fair->nidle <= IDLE_MIN)
    return 0;
  return lane->vt <= vt_floor(fair) || fair->nidle > most;
}


/* Two looks at the longest idle whenever a lane falls idle or is made: constant
 * time, and more than what comes in. */
static void forget_idle(uvllm_fair_t* fair) {
  for (int i = 0; i < IDLE_CHECKS && fair->idle_first != NULL; i++) {
    lane_t* lane = fair->idle_first;
    if (may_forget(fair, lane)) {
      drop_lane(fair, lane);
    } else {
      idle_unlink(fair, lane);
      idle_link(fair, lane);
    }
  }
}


static lane_t* make_lane(uvllm_fair_t* fair, const char* tag, size_t len, uint64_t hash) {
  lane_t* lane = uvllm__calloc(&fair->alloc, 1, sizeof(*lane) + len);
  if (lane == NULL)
    return NULL;
  forget_idle(fair);
  if (fair->nlanes >= fair->nbuckets)
    resize_table(fair, fair->nbuckets * 2);
  if (len != 0)
    memcpy(lane->tag, tag, len);
  lane->len = len;
  lane->hash = hash;
  lane->weight = 1;
  lane->vt = lane->base = vt_floor(fair);
  lane->chain = fair->buckets[hash & (fair->nbuckets - 1)];
  fair->buckets[hash & (fair->nbuckets - 1)] = lane;
  idle_link(fair, lane);
  fair->nlanes++;
  return lane;
}


static lane_t* known_lane(const uvllm_fair_t* fair, const char* tag) {
  size_t len = tag != NULL ? strlen(tag) : 0;
  return find_lane(fair, tag, len, hash_tag(tag, len));
}


static lane_t* lane_of(uvllm_fair_t* fair, const char* tag) {
  size_t len = tag != NULL ? strlen(tag) : 0;
  uint64_t hash = hash_tag(tag, len);
  lane_t* lane = find_lane(fair, tag, len, hash);
  return lane != NULL ? lane : make_lane(fair, tag, len, hash);
}


/* ---- Virtual time ----------------------------------------------------------------- */

static int64_t moved_back(int64_t vt, int64_t shift) {
  return vt < shift - VT_MAX ? -VT_MAX : vt - shift;
}


/* After some 2^46 tokens: everything is moved by the same, so order stays. */
static void move_back(uvllm_fair_t* fair, int64_t shift) {
  for (size_t i = 0; i < fair->nbuckets; i++) {
    for (lane_t* lane = fair->buckets[i]; lane != NULL; lane = lane->chain) {
      lane->vt = lane->top.key = moved_back(lane->vt, shift);
      lane->base = moved_back(lane->base, shift);
    }
  }
  for (size_t i = 0; i < fair->top.size; i++)
    fair->top.entries[i].key = fair->top.entries[i].node->key;
  fair->clock = moved_back(fair->clock, shift);
  fair->horizon = moved_back(fair->horizon, shift);
}


static int64_t stride(const lane_t* lane, uint64_t cost) {
  cost = cost == 0 ? 1 : cost > COST_MAX ? COST_MAX : cost;
  return (int64_t) ((cost << VT_SHIFT) / lane->weight);
}


static void set_vt(uvllm_fair_t* fair, lane_t* lane, int64_t vt) {
  if (vt > VT_MAX) {
    int64_t shift = vt_floor(fair);
    move_back(fair, shift);
    vt = vt - shift < VT_MAX ? vt - shift : VT_MAX;
  }
  lane->vt = vt;
  if (lane->top.position != 0)
    uvllm__heap_change(&fair->top, &lane->top, vt);
  if (vt > fair->horizon)
    fair->horizon = vt;
}


static void activate(uvllm_fair_t* fair, lane_t* lane) {
  lane->base = vt_floor(fair);
  if (lane->vt < lane->base)
    lane->vt = lane->base;
  idle_unlink(fair, lane);
  uvllm__heap_push(&fair->top, &lane->top, lane->vt);
}


/* Its last entry went. If nothing is left at all, nobody waited for anybody:
 * the clock passes every lane. */
static void deactivate(uvllm_fair_t* fair, lane_t* lane) {
  uvllm__heap_remove(&fair->top, &lane->top, &fair->alloc);
  if (fair->top.size == 0)
    fair->clock = fair->horizon;
  idle_link(fair, lane);
  forget_idle(fair);
}


/* ---- The face --------------------------------------------------------------------- */

int uvllm_fair_new(uvllm_fair_t** fair, size_t max_entries, const uvllm_alloc_t* alloc) {
  uvllm_alloc_t a = uvllm__alloc_or_default(alloc);
  uvllm_fair_t* f = uvllm__calloc(&a, 1, sizeof(*f));
  if (f == NULL)
    return UVLLM__ENOMEM;
  f->buckets = uvllm__calloc(&a, MIN_BUCKETS, sizeof(*f->buckets));
  if (f->buckets == NULL) {
    uvllm__free(&a, f);
    return UVLLM__ENOMEM;
  }
  f->nbuckets = MIN_BUCKETS;
  f->max_entries = max_entries != 0 ? max_entries : SIZE_MAX;
  f->alloc = a;
  *fair = f;
  return 0;
}


void uvllm_fair_free(uvllm_fair_t* fair) {
  if (fair == NULL)
    return;
  uvllm_alloc_t alloc = fair->alloc;
  for (size_t i = 0; i < fair->nbuckets; i++) {
    for (lane_t *lane = fair->buckets[i], *chain; lane != NULL; lane = chain) {
      chain = lane->chain;
      uvllm__heap_clear(&lane->entries, &alloc);
      uvllm__free(&alloc, lane);
    }
  }
  fair->top.size = 0; /* its nodes were the lanes */
  uvllm__heap_clear(&fair->top, &alloc);
  uvllm__free(&alloc, fair->buckets);
  uvllm__free(&alloc, fair);
}


int uvllm_fair_weight(uvllm_fair_t* fair, const char* tag, uint32_t weight) {
  if (weight == 0)
    return UVLLM__EINVAL;
  lane_t* lane = lane_of(fair, tag);
  if (lane == NULL)
    return UVLLM__ENOMEM;
  lane->weight = weight;
  return 0;
}


int uvllm_fair_push(uvllm_fair_t* fair, uvllm_fair_node_t* node, const char* tag, int64_t key,
                    uint64_t cost) {
  assert(node->node.position == 0);
  if (fair->size >= fair->max_entries)
    return UVLLM_EQUEUEFULL;
  lane_t* lane = lane_of(fair, tag);
  if (lane == NULL || uvllm__heap_reserve(&lane->entries, &fair->alloc) != 0)
    return UVLLM__ENOMEM; /* a new lane is idle, and will be forgotten */
  if (lane->top.position == 0) {
    if (uvllm__heap_reserve(&fair->top, &fair->alloc) != 0)
      return UVLLM__ENOMEM;
    activate(fair, lane);
  }
  node->lane = lane;
  node->cost = cost;
  uvllm__heap_push(&lane->entries, &node->node, key);
  fair->size++;
  return 0;
}


static lane_t* first_lane(const uvllm_fair_t* fair) {
  return (lane_t*) (void*) uvllm__heap_peek(&fair->top);
}


uvllm_fair_node_t* uvllm_fair_peek(const uvllm_fair_t* fair) {
  const lane_t* lane = first_lane(fair);
  return lane != NULL ? (uvllm_fair_node_t*) (void*) uvllm__heap_peek(&lane->entries) : NULL;
}


static void taken(uvllm_fair_t* fair, lane_t* lane, uvllm_fair_node_t* node) {
  node->lane = NULL;
  fair->size--;
  if (lane->entries.size == 0)
    deactivate(fair, lane);
}


uvllm_fair_node_t* uvllm_fair_pop(uvllm_fair_t* fair) {
  lane_t* lane = first_lane(fair);
  if (lane == NULL)
    return NULL;
  if (lane->vt > fair->clock)
    fair->clock = lane->vt;
  uvllm_fair_node_t* node =
      (uvllm_fair_node_t*) (void*) uvllm__heap_pop(&lane->entries, &fair->alloc);
  set_vt(fair, lane, lane->vt + stride(lane, node->cost));
  taken(fair, lane, node);
  if ((lane = first_lane(fair)) != NULL)
    uvllm__heap_prefetch(&lane->entries);
  return node;
}


void uvllm_fair_remove(uvllm_fair_t* fair, uvllm_fair_node_t* node) {
  lane_t* lane = node->lane;
  assert(lane != NULL && node->node.position != 0);
  uvllm__heap_remove(&lane->entries, &node->node, &fair->alloc);
  taken(fair, lane, node);
}


void uvllm_fair_change(uvllm_fair_t* fair, uvllm_fair_node_t* node, int64_t key) {
  (void) fair;
  lane_t* lane = node->lane;
  assert(lane != NULL && node->node.position != 0);
  uvllm__heap_change(&lane->entries, &node->node, key);
}


static void charge_more(uvllm_fair_t* fair, lane_t* lane, uint64_t cost) {
  int64_t from = lane->vt;
  if (lane->top.position == 0 && from < vt_floor(fair))
    from = vt_floor(fair);
  set_vt(fair, lane, from + stride(lane, cost));
}


static void give_back(uvllm_fair_t* fair, lane_t* lane, uint64_t cost) {
  int64_t vt = lane->vt - stride(lane, cost);
  set_vt(fair, lane, vt > lane->base ? vt : lane->base);
}


void uvllm_fair_correct(uvllm_fair_t* fair, const char* tag, int64_t delta) {
  if (delta > 0) {
    lane_t* lane = lane_of(fair, tag);
    if (lane != NULL)
      charge_more(fair, lane, (uint64_t) delta);
  } else if (delta < 0) {
    lane_t* lane = known_lane(fair, tag);
    if (lane != NULL)
      give_back(fair, lane, -(uint64_t) delta);
  }
}


size_t uvllm_fair_size(const uvllm_fair_t* fair) {
  return fair->size;
}


size_t uvllm_fair_tags(const uvllm_fair_t* fair) {
  return fair->nlanes;
}
