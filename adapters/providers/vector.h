/* Embeddings in answers, the same in all dialects. Pure.
 *
 * A vector is put together on the stack, hence its largest size.
 */
#ifndef UVLLM_ADAPTERS_VECTOR_H
#define UVLLM_ADAPTERS_VECTOR_H

#include "mem.h"
#include "uvllm/provider.h"

enum { UVLLM__VECTOR_VALUES = 16384 };

/* An array of numbers into values[UVLLM__VECTOR_VALUES]. 0, UVLLM_EPROTO, or
 * UVLLM_ETOOLARGE; nothing is told. */
int uvllm__vector_numbers(uvllm_json_t array, float* values, size_t* n);
/* The embedding of input number `index` of `expected` (0: not known), as it was read
 * with `err`. 0, or the error that was told. */
int uvllm__vector_tell(int err, int64_t index, uint32_t expected, const float* values, size_t n,
                       uvllm_emit_t* emit);
/* n embeddings came in all: UVLLM_COMPLETE, or UVLLM_EPROTO, which was told. */
int uvllm__vector_count(uint32_t n, uint32_t expected, uvllm_emit_t* emit);

#endif
