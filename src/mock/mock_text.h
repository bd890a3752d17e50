/* Words from a hash: what the mock says, and what it draws. Pure. */
#ifndef UVLLM_SRC_MOCK_MOCK_TEXT_H
#define UVLLM_SRC_MOCK_MOCK_TEXT_H

#include "buf.h"

uint64_t uvllm__mix(uint64_t x); /* a permutation that leaves no pattern */
uint64_t uvllm__hash_bytes(uint64_t h, const void* data, size_t len);

static inline double uvllm__fraction(uint64_t x) { /* of a mixed number: [0, 1) */
  return (double) (x >> 11) * 0x1p-53;
}

/* Token i of the text that belongs to the hash, as it stands in a JSON string. */
uvllm_str_t uvllm__mock_token(uint64_t hash, uint32_t i);
/* n bytes as base64, padded. */
int uvllm__buf_base64(uvllm__buf_t* buf, const unsigned char* data, size_t n);
/* x as 16 hexadecimal digits. */
int uvllm__buf_hex(uvllm__buf_t* buf, uint64_t x);

#endif
