/* What a request will probably be counted as, for the limiter. Pure.
 *
 * For each model: the input is the prompt's bytes by a ratio that learns from the
 * answers' usage, beginning with 4 bytes a token; the output is max_tokens, or
 * the running mean of what this model answered, beginning with 256. At most 256
 * models are remembered; then the one unused for longest is forgotten.
 */
#ifndef UVLLM_SRC_ESTIMATE_H
#define UVLLM_SRC_ESTIMATE_H

#include "mem.h"
#include "uvllm/limiter.h"

typedef struct uvllm__estimate_s uvllm__estimate_t;

int uvllm__estimate_new(uvllm__estimate_t** estimate, const uvllm_alloc_t* alloc);
void uvllm__estimate_free(uvllm__estimate_t* estimate); /* NULL is ignored */
/* estimate NULL: nothing was learnt yet. model: NULL is the same as "".
 * max_tokens 0: not set. taken_ns is 0. */
uvllm_cost_t uvllm__estimate(uvllm__estimate_t* estimate, const char* model,
                             uint64_t prompt_bytes, uint64_t max_tokens);
/* From an answer's usage. 0 of either means not said. Without memory for a new
 * model nothing is learnt. */
void uvllm__estimate_learn(uvllm__estimate_t* estimate, const char* model,
                           uint64_t prompt_bytes, uint64_t input_tokens,
                           uint64_t output_tokens);

#endif
