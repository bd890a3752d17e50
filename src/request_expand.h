/* An OpenAI request body as the fields of a request. Pure.
 *
 * For dialects that take no OpenAI bodies: what a body says becomes what a caller
 * would have filled in. Fields that the request has set already win.
 *
 * A member that has no field is refused with UVLLM_EUNSUPPORTED and named, unless
 * it says what is so anyway ("n":1, "logprobs":false, null) or is about nothing but
 * OpenAI's own bookkeeping: stream, stream_options, store, metadata, user,
 * safety_identifier, prompt_cache_key, prompt_cache_retention, and
 * parallel_tool_calls where it is true. What an assistant's message carries besides
 * content and calls (reasoning, annotations, audio) is left out as well: other
 * dialects cannot take it back.
 */
#ifndef UVLLM_SRC_REQUEST_EXPAND_H
#define UVLLM_SRC_REQUEST_EXPAND_H

#include "mem.h"
#include "uvllm/json.h"

typedef struct uvllm__expansion_s {
  const uvllm_alloc_t* alloc;
  uvllm_json_parser_t* parser;
  struct uvllm__expansion_block_s* blocks;
  char why[160]; /* after an error: in words */
} uvllm__expansion_t;

/* Changes `r`, whose op is a chat, a completion, an embedding or a token count: its
 * fields may point into the body and the expansion until that is freed; body_json
 * becomes absent. UV_EINVAL, UVLLM_EUNSUPPORTED, UV_ENOMEM. To be freed whatever
 * comes out. */
int uvllm__request_expand(uvllm__expansion_t* e, uvllm_request_t* r, const uvllm_alloc_t* alloc);
void uvllm__expansion_free(uvllm__expansion_t* e);

#endif
