/* Eight bytes looked at at once. Pure.
 *
 * The tests give a word that is not 0 if one byte at least is as asked; which one it
 * is cannot be told from it.
 */
#ifndef UVLLM_SRC_WORDS_H
#define UVLLM_SRC_WORDS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define UVLLM__WORD_ONES UINT64_C(0x0101010101010101)
#define UVLLM__WORD_TOPS UINT64_C(0x8080808080808080)

static inline uint64_t uvllm__word(const void* p) {
  uint64_t w;
  memcpy(&w, p, sizeof(w));
  return w;
}

/* Of fewer than eight bytes: all of them, in any order, some more than once or with
 * blanks between. */
static inline uint64_t uvllm__word_of(const void* p, size_t n) {
  const unsigned char* c = p;
  uint32_t low, high;
  if (n == 0)
    return UVLLM__WORD_ONES * ' ';
  if (n < 4)
    return UINT64_C(0x2020202020000000) | (uint64_t) c[n - 1] << 16 | (uint64_t) c[n / 2] << 8 |
           c[0];
  memcpy(&low, c, sizeof(low));
  memcpy(&high, c + n - 4, sizeof(high));
  return (uint64_t) high << 32 | low;
}

static inline uint64_t uvllm__word_has(uint64_t w, unsigned char c) {
  w ^= UVLLM__WORD_ONES * c;
  return (w - UVLLM__WORD_ONES) & ~w & UVLLM__WORD_TOPS;
}

/* A byte below c, which is at most 0x80. */
static inline uint64_t uvllm__word_has_below(uint64_t w, unsigned char c) {
  return (w - UVLLM__WORD_ONES * c) & ~w & UVLLM__WORD_TOPS;
}

static inline uint64_t uvllm__word_has_above_7f(uint64_t w) {
  return w & UVLLM__WORD_TOPS;
}

#endif
