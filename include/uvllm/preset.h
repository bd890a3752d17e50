/* uvllm/preset.h - what is known of providers, as data.
 *
 * A preset is a row: where a provider is, which dialect it speaks, and in what it
 * differs from it. uvllm_provider_set() takes the row of the provider's name, or
 * of the name that the option `dialect` has; options that are set win over it.
 * Rows of one's own are added with uvllm_preset_set() (uvllm.h).
 *
 * What the OpenAI dialect takes as params, each of them only where it differs:
 *   "auth"        a header's name ("api-key") that has the key as it is; without it
 *                 "Authorization: Bearer"
 *   "name.X"      what the request member X is called there ("name.seed" is
 *                 "random_seed")
 *   "refuses"     members with commas between, as OpenAI calls them, that the server
 *                 does not take: a request that sets one fails with
 *                 UVLLM_EUNSUPPORTED; stream_options and what is bookkeeping of
 *                 OpenAI's (user, metadata, store...) is just not sent
 *   "schema"      where a JSON Schema stands: "direct" is response_format.schema,
 *                 "value" is response_format.value; without it
 *                 response_format.json_schema
 * What the Bedrock dialect takes (its key is a bearer token, or with a secret signs):
 *   "region"      of the endpoint, and of signatures where the base URL tells none;
 *                 default "us-east-1"
 *   "service"     that signatures are for; default "bedrock"
 * Ollama's takes, for every request, where extra_json does not say otherwise:
 *   "num_ctx", "num_gpu", "num_thread"
 *                 whole numbers: tokens of context, layers on the GPU, threads
 *   "keep_alive"  how long the model stays loaded: "10m", or seconds; negative is for
 *                 ever, 0 not at all
 * All take:
 *   "models_url"  the base URL of lists of models, where they are elsewhere; of no
 *                 effect where the provider's options set a base URL
 * Limit headers, where usage and reasoning stand in an answer, and how an error
 * looks need no data: they are known by their names.
 */
#ifndef UVLLM_PRESET_H
#define UVLLM_PRESET_H

#include "uvllm/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Set up with uvllm_preset_init(), then change what you need. */
typedef struct uvllm_preset_s {
  size_t size;
  const char* name;
  const char* dialect;
  const char* base_url;  /* "{NAME}" in it is the parameter of that name. NULL: the
                            provider's options must say one */
  const char* model;     /* for requests that say none anywhere; NULL: none */
  const char* price_as;  /* provider name used for prices; NULL: the provider's own */
  const char* key_env;   /* the variable where the key usually stands, for programs that
                            read it: the library reads none. NULL: <NAME>_API_KEY */
  int needs_key;         /* base_url answers nobody without a key */
  const uvllm_kv_t* params; /* for the dialect; those of the options win */
  size_t nparams;
} uvllm_preset_t;

#define uvllm_preset_init(p) uvllm__preset_init((p), sizeof(*(p)))
UVLLM_EXTERN void uvllm__preset_init(uvllm_preset_t* p, size_t size);

/* Built-in row number i, counted from 0, in no order; NULL behind the last. Static. */
UVLLM_EXTERN const uvllm_preset_t* uvllm_preset_at(size_t i);

#ifdef __cplusplus
}
#endif
#endif /* UVLLM_PRESET_H */
