/* Parameters of a provider: names and values that only its dialect understands. */
#include "mem.h"
#include "uvllm/provider.h"


const char* uvllm_param(const uvllm_kv_t* params, size_t nparams, const char* name) {
  while (nparams-- > 0)
    if (strcmp(params[nparams].name, name) == 0)
      return params[nparams].value;
  return NULL;
}
