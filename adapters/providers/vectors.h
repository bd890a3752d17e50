/* Embeddings as they stand in answers: arrays of numbers, or base64 of little-endian
 * floats; which one is seen by its type, since servers ignore what they were asked
 * for. Pure. */
#ifndef UVLLM_ADAPTERS_VECTORS_H
#define UVLLM_ADAPTERS_VECTORS_H

#include "mem.h"
#include "uvllm/provider.h"

/* Tell one vector as that of input number `index`. 0, or what was told: UVLLM_EPROTO
 * for what is no vector or an index that is not below `ninputs`, UVLLM_ETOOLARGE for
 * more than 16384 values; or UV_ENOMEM. */
int uvllm__vector_emit(uvllm_json_t vector, int64_t index, uint32_t ninputs,
                       uvllm_emit_t* emit);
/* So many came: 0, or UVLLM_EPROTO, told, if they are not as many as asked for.
 * ninputs 0: it is not known, but at least one. */
int uvllm__vectors_count(uint32_t n, uint32_t ninputs, uvllm_emit_t* emit);

#endif
