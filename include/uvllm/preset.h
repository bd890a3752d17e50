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
 *   "replay"      the member of an assistant's message in which what it thought goes back:
 *                 "reasoning_content" or "reasoning_details"; or "extra_content", which is
 *                 a member of each tool call (Google's signatures). Answers with tool
 *                 calls have it in replay_json. "none", or without it, nothing goes back
 *   "tool_ids"    how many letters and digits an id of a tool call has there, 6 to 10: any
 *                 other id, as of calls that another provider's model made, is sent as one
 *                 made from it, the same each time
 *   "limit_window"
 *                 "second" or "minute": what the limits are of that an answer tells in
 *                 x-ratelimit-limit and x-tokenlimit-limit, which do not say it; without
 *                 it these headers are not looked at
 * What the Bedrock dialect takes (its key is a bearer token, or with a secret signs):
 *   "region"      of the endpoint, and of signatures where the base URL tells none;
 *                 default "us-east-1"
 *   "service"     that signatures are for; default "bedrock"
 * Ollama's takes, for every request, where extra_json does not say otherwise:
 *   "num_ctx", "num_gpu", "num_thread"
 *                 whole numbers: tokens of context, layers on the GPU, threads
 *   "keep_alive"  how long the model stays loaded: "10m", or seconds; negative is for
 *                 ever, 0 not at all
 * What the Gemini dialect takes:
 *   "version"     the API's, in the path; without it "v1beta"
 *   "schema"      "openapi": schemas are OpenAPI's subset, and go as `parameters` and
 *                 `responseSchema`; without it they are JSON Schemas, and go as
 *                 `parametersJsonSchema` and `responseJsonSchema`
 * Its extra_json goes into each input of an embedding (taskType, title). Parts of its
 * answers that no event tells (images, code that was run) stand in replay_json.
 * What the TGI dialect (Hugging Face's own) takes:
 *   "route"       "models": each model has a path, /models/{id}, and its tasks beneath, as
 *                 hf-inference has it; without it the server is a TGI or TEI of one's own
 * What the Anthropic dialect takes as params:
 *   "version"     the header anthropic-version; without it "2023-06-01". From
 *                 "2026-10-21" on temperature and top_p are UVLLM_EUNSUPPORTED
 *   "beta"        the header anthropic-beta: names with commas between
 *   "auth"        "bearer": the key goes as "Authorization: Bearer", as those of OAuth
 *                 always do; without it as x-api-key
 *   "max_tokens"  for requests that say none, since the API wants one; without it
 *                 16384, for Claude 3.5 and for models that are no Claude 8192, for
 *                 older ones 4096
 *   "thinking"    how a reasoning_effort is said: "adaptive" as an effort, "budget" as
 *                 tokens, which are 20 (low), 50, 80, 90 (xhigh) or 95 (max) percent of
 *                 max_tokens, at least 1024; without it by the model's name: models
 *                 since Claude 4.6 take the former, older ones the latter. "none" turns
 *                 thinking off
 * Its replay_json has "stop_reason":"pause_turn" in it where the server has paused: the
 * turn, sent back as it is, goes on.
 * All take:
 *   "model.X"     what the model X is called there ("model.gpt-4o" is "openai/gpt-4o"),
 *                 in targets and in body_json. Results, prices and accounts have the
 *                 provider's name
 *   "models_url"  the base URL of lists of models, where they are elsewhere; of no
 *                 effect where the provider's options set a base URL
 * Other limit headers, where usage and reasoning stand in an answer, and how an error
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
