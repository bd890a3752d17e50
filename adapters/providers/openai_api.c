/* Which of OpenAI's two APIs a chat goes to, as the params "api" and "api.X" say. */
#include "openai.h"

static const char kPrefix[] = "api.";

enum { PREFIX = sizeof(kPrefix) - 1 };


/* The longest beginning of the model's name that a parameter is called by. */
static const char* api_of(const uvllm_kv_t* params, size_t nparams, uvllm_str_t model) {
  const char* api = uvllm_param(params, nparams, "api");
  size_t longest = 0;
  for (size_t i = 0; i < nparams; i++) {
    if (strncmp(params[i].name, kPrefix, PREFIX) != 0)
      continue;
    const char* beginning = params[i].name + PREFIX;
    const size_t n = strlen(beginning);
    if (n < longest || n > model.len || memcmp(model.base, beginning, n) != 0)
      continue;
    longest = n;
    api = params[i].value;
  }
  return api;
}


const uvllm_provider_ops_t* uvllm__openai_pick(const uvllm_kv_t* params, size_t nparams,
                                               uvllm_op op, uvllm_str_t model) {
  const char* api = api_of(params, nparams, model);
  if (api == NULL || strcmp(api, "chat") == 0)
    return &uvllm__openai_ops;
  if (strcmp(api, "responses") != 0)
    return NULL;
  return op == UVLLM_CHAT ? &uvllm__openai_responses_ops : &uvllm__openai_ops;
}
