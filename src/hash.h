/* A hash of names for tables with a power of two of places. Pure. */
#ifndef UVLLM_SRC_HASH_H
#define UVLLM_SRC_HASH_H

#include <stddef.h>
#include <stdint.h>

#define UVLLM__HASH_INIT 14695981039346656037u

/* FNV-1a; the zero that is hashed after the bytes keeps ("ab", "c") and
 * ("a", "bc") apart. */
static inline uint64_t uvllm__hash_add(uint64_t h, const char* s, size_t len) {
  for (size_t i = 0; i < len; i++)
    h = (h ^ (unsigned char) s[i]) * 1099511628211u;
  return h * 1099511628211u;
}

static inline uint64_t uvllm__hash_end(uint64_t h) {
  return h ^ (h >> 32); /* a mask takes the low bits */
}

#endif
