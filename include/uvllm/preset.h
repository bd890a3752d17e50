/* uvllm/preset.h - what is known of providers, as data.
 *
 * A preset is a row: where a provider is, which dialect it speaks, and in what it
 * differs from it. uvllm_provider_set() takes the row of the provider's name, or
 * of the name that the option `dialect` has; options that are set win over it.
 * Rows of one's own are added with uvllm_preset_set() (uvllm.h).
 *
 * What the OpenAI dialect takes as params, each of them only where it differs:
 *   "api"         "responses": chats go to the Responses API; "chat", or without it,
 *                 to chat completions. Responses keep nothing at the provider, and what
 *                 a model thought goes back with replay_json; they have no n, stop, seed,
 *                 penalties and audio
 *   "api.X"       the same for models whose name begins with X ("api.gpt-5"); the
 *                 longest X counts, and goes before "api"
 *   "auth"        a header's name ("api-key") that has the key as it is; without it
 *                 "Authorization: Bearer", as with "bearer"
 *   "path"        what stands between the base URL and the path of a chat, a completion
 *                 or an embedding; "{model}" in it is the model: "/deployments/{model}"
 *   "query.X"     a parameter X of the URL's query, of all but raw requests
 *   "name.X"      what the request member X is called there ("name.seed" is
 *                 "random_seed"); not of the Responses API, as "schema"
 *   "refuses"     members with commas between, as OpenAI calls them, that the server
 *                 does not take: a request that sets one fails with
 *                 UVLLM_EUNSUPPORTED; stream_options and what is bookkeeping of
 *                 OpenAI's (user, metadata, store...) is just not sent
 *   "schema"      where a JSON Schema stands: "direct" is response_format.schema,
 *                 "value" is response_format.value; without it
 *                 response_format.json_schema
 * Ollama's takes, for every request, where extra_json does not say otherwise:
 *   "num_ctx", "num_gpu", "num_thread"
 *                 whole numbers: tokens of context, layers on the GPU, threads
 *   "keep_alive"  how long the model stays loaded: "10m", or seconds; negative is for
 *                 ever, 0 not at all
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
  const char* base_url;  /* NULL: the provider's options must say one */
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
