/* A hash of names for tables with a power of two of places. Pure. */
#ifndef UVLLM_SRC_HASH_H
#define UVLLM_SRC_HASH_H

#include "words.h"

#define UVLLM__HASH_INIT UINT64_C(0x9e3779b97f4a7c15)

static inline uint64_t uvllm__hash_mix(uint64_t h) {
  h *= UINT64_C(0xd6e8feb86659fd93);
  return h ^ (h >> 32);
}

/* Eight bytes at a time; the length keeps ("ab", "c") and ("a", "bc") apart. */
static inline uint64_t uvllm__hash_add(uint64_t h, const char* s, size_t len) {
  size_t left = len;
  for (; left >= 8; left -= 8, s += 8)
    h = uvllm__hash_mix(h ^ uvllm__word(s));
  return uvllm__hash_mix((h + len) ^ uvllm__word_of(s, left));
}

static inline uint64_t uvllm__hash_end(uint64_t h) {
  return uvllm__hash_mix(h); /* a mask takes the low bits */
}

#endif
