/* The ids of a batch: 64 bits each, in 1,024 open-addressed tables that grow one
 * at a time, by half, when 7/8 full. So an id takes 9 to 14 bytes, and the moment
 * of growing adds a thousandth. Pure.
 *
 * 63 bits are a keyed hash, one says that the input had the id: two different
 * ids meet with a chance of n * n / 2^64, 5e-8 at a million.
 */
#include "batch_parts.h"

enum { FIRST_CAP = 8 };

static const uint64_t seen_bit = UINT64_C(1) << 63;


void uvllm__ids_init(uvllm__ids_t* ids, const uvllm_alloc_t* alloc, const uint64_t key[2]) {
  memset(ids, 0, sizeof(*ids));
  ids->alloc = alloc;
  ids->key[0] = key[0];
  ids->key[1] = key[1];
}


void uvllm__ids_free(uvllm__ids_t* ids) {
  for (size_t i = 0; i < UVLLM__IDS_SEGMENTS; i++)
    uvllm__free(ids->alloc, ids->segments[i].slots);
  memset(ids->segments, 0, sizeof(ids->segments));
  ids->count = 0;
}


static uint64_t to_slot(uint64_t hash) {
  hash &= ~seen_bit;
  return hash != 0 ? hash : 1;
}


static uvllm__ids_segment_t* segment_of(const uvllm__ids_t* ids, uint64_t slot) {
  return (uvllm__ids_segment_t*) &ids->segments[slot % UVLLM__IDS_SEGMENTS];
}


/* Where it is, or the free slot where it belongs. A table always has one. */
static uint64_t* find(const uvllm__ids_segment_t* s, uint64_t slot) {
  uint32_t i = (uint32_t) ((slot >> 10 & UINT32_MAX) * s->cap >> 32);
  while (s->slots[i] != 0 && (s->slots[i] & ~seen_bit) != slot)
    i = i + 1 < s->cap ? i + 1 : 0;
  return &s->slots[i];
}


static int grow(const uvllm__ids_t* ids, uvllm__ids_segment_t* s) {
  if (s->cap > UINT32_MAX / 2)
    return UVLLM__ENOMEM;
  uvllm__ids_segment_t bigger = { NULL, s->cap == 0 ? FIRST_CAP : s->cap + s->cap / 2, s->used };
  bigger.slots = uvllm__calloc(ids->alloc, bigger.cap, sizeof(*bigger.slots));
  if (bigger.slots == NULL)
    return UVLLM__ENOMEM;
  for (uint32_t i = 0; i < s->cap; i++)
    if (s->slots[i] != 0)
      *find(&bigger, s->slots[i] & ~seen_bit) = s->slots[i];
  uvllm__free(ids->alloc, s->slots);
  *s = bigger;
  return 0;
}


/* NULL: no memory. Otherwise its slot, taken now if it was free (*fresh). */
static uint64_t* put(uvllm__ids_t* ids, uint64_t slot, int* fresh) {
  uvllm__ids_segment_t* s = segment_of(ids, slot);
  *fresh = 0;
  if (s->cap != 0) {
    uint64_t* at = find(s, slot);
    if (*at != 0)
      return at;
  }
  if (s->used >= s->cap - s->cap / 8 && grow(ids, s) != 0)
    return NULL;
  uint64_t* at = find(s, slot);
  *at = slot;
  *fresh = 1;
  s->used++;
  ids->count++;
  return at;
}


static int put_done(uvllm__ids_t* ids, uint64_t hash) {
  int fresh;
  if (put(ids, to_slot(hash), &fresh) == NULL)
    return UVLLM__ENOMEM;
  return !fresh;
}


int uvllm__ids_done(uvllm__ids_t* ids, uvllm_str_t id) {
  return put_done(ids, uvllm__sip(ids->key, id.base, id.len));
}


int uvllm__ids_see(uvllm__ids_t* ids, uvllm_str_t id) {
  int fresh;
  uint64_t* at = put(ids, to_slot(uvllm__sip(ids->key, id.base, id.len)), &fresh);
  if (at == NULL)
    return UVLLM__ENOMEM;
  if (*at & seen_bit)
    return UVLLM__ID_REPEATED;
  *at |= seen_bit;
  return fresh ? UVLLM__ID_NEW : UVLLM__ID_DONE;
}


/* Another key, so that a number is never taken for an id. */
static uint64_t hash_line(const uvllm__ids_t* ids, uint64_t number) {
  uint64_t key[2] = { ids->key[0], ~ids->key[1] };
  return uvllm__sip(key, &number, sizeof(number));
}


int uvllm__ids_line_done(uvllm__ids_t* ids, uint64_t number) {
  return put_done(ids, hash_line(ids, number));
}


int uvllm__ids_has_line(const uvllm__ids_t* ids, uint64_t number) {
  uint64_t slot = to_slot(hash_line(ids, number));
  const uvllm__ids_segment_t* s = segment_of(ids, slot);
  return s->cap != 0 && *find(s, slot) != 0;
}
