/* The dialects that the library speaks, by name. Pure. */
#ifndef UVLLM_SRC_DIALECTS_H
#define UVLLM_SRC_DIALECTS_H

#include "uvllm/provider.h"

extern const uvllm_provider_ops_t uvllm__ollama_ops;
extern const uvllm_provider_ops_t uvllm__gemini_ops;
extern const uvllm_provider_ops_t uvllm__cohere_ops;
extern const uvllm_provider_ops_t uvllm__openai_ops;
extern const uvllm_provider_ops_t uvllm__tgi_ops;
extern const uvllm_provider_ops_t uvllm__anthropic_ops;
extern const uvllm_provider_ops_t uvllm__openai_responses_ops;
extern const uvllm_provider_ops_t uvllm__bedrock_ops; /* not in every build */

/* NULL: there is none of that name. */
const uvllm_provider_ops_t* uvllm__dialect(const char* name);
/* Why there is none of that name. */
const char* uvllm__dialect_missing(const char* name);

#endif
