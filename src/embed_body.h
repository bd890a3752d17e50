/* Embeddings as the body an OpenAI server would have sent for them. Pure. */
#ifndef UVLLM_SRC_EMBED_BODY_H
#define UVLLM_SRC_EMBED_BODY_H

#include "buf.h"
#include "uvllm/types.h"

/* One vector more behind what `out` holds, which is empty before the first. 0, or the
 * buffer's error. */
int uvllm__embed_body_add(uvllm__buf_t* out, uint32_t index, const float* values, size_t n);
/* The rest of the body; also where no vector came. */
int uvllm__embed_body_end(uvllm__buf_t* out, const char* model, const uvllm_usage_t* usage);

#endif
