/* The list of dialects: adding one is a line here and a file of its own. */
#include "dialects.h"
#include "mem.h"

static const struct {
  const char* name;
  const uvllm_provider_ops_t* ops;
} kDialects[] = {
  { "ollama", &uvllm__ollama_ops },
  { "gemini", &uvllm__gemini_ops },
  { "cohere", &uvllm__cohere_ops },
  { "openai", &uvllm__openai_ops },
  { "tgi", &uvllm__tgi_ops },
  { "anthropic", &uvllm__anthropic_ops },
  { "openai-responses", &uvllm__openai_responses_ops },
#ifdef UVLLM__HAS_BEDROCK
  { "bedrock", &uvllm__bedrock_ops },
#endif
};


const uvllm_provider_ops_t* uvllm__dialect(const char* name) {
  for (size_t i = 0; name != NULL && i < sizeof(kDialects) / sizeof(kDialects[0]); i++)
    if (strcmp(kDialects[i].name, name) == 0)
      return kDialects[i].ops;
  return NULL;
}


const char* uvllm__dialect_missing(const char* name) {
  if (name != NULL && strcmp(name, "bedrock") == 0)
    return "this build has no bedrock: libcrypto and zlib were not there (UVLLM_BEDROCK)";
  return "no dialect has this name";
}
