/* Counts of values in buckets that are 1/64 of a power of two wide, at most: a
 * fixed size for any number of values. Pure.
 */
#include "batch_parts.h"

enum { SUB_BITS = 6, SUB = 1 << SUB_BITS };


/* Below 64 each value has its bucket; then 64 a power of two. Beyond the last
 * all fall into the last one. */
static size_t bucket_of(uint64_t value) {
  if (value < SUB)
    return (size_t) value;
  int shift = 63 - __builtin_clzll(value) - SUB_BITS;
  size_t i = ((size_t) shift + 1) * SUB + (size_t) (value >> shift) - SUB;
  return i < UVLLM__HIST_BUCKETS ? i : UVLLM__HIST_BUCKETS - 1;
}


static uint64_t highest_of(size_t bucket) {
  if (bucket < SUB)
    return bucket;
  size_t shift = bucket / SUB - 1;
  return ((uint64_t) (bucket % SUB) + SUB + 1) * (UINT64_C(1) << shift) - 1;
}


void uvllm__hist_add(uvllm__hist_t* h, uint64_t value) {
  h->count++;
  if (value > h->max)
    h->max = value;
  uint32_t* n = &h->buckets[bucket_of(value)];
  *n += *n != UINT32_MAX;
}


uint64_t uvllm__hist_quantile(const uvllm__hist_t* h, double q) {
  uint64_t wanted = (uint64_t) ((double) h->count * q), seen = 0;
  if ((double) wanted < (double) h->count * q)
    wanted++;
  for (size_t i = 0; i < UVLLM__HIST_BUCKETS; i++) {
    seen += h->buckets[i];
    if (seen != 0 && seen >= wanted)
      return highest_of(i) < h->max ? highest_of(i) : h->max;
  }
  return h->max;
}
