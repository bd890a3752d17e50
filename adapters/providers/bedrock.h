/* The inside of the Bedrock dialect: what an attempt remembers, and what its files do
 * for each other. Pure.
 *
 * bedrock.c         the ops: paths, headers, how an answer is cut, errors
 * bedrock_check.c   what a request may say
 * bedrock_body.c    the bodies of Converse and CountTokens
 * bedrock_parts.c   messages: their content, tool calls and results
 * bedrock_answer.c  ConverseStream's events and Converse's whole answers
 * bedrock_replay.c  reasoning that the next turn has to bring back
 * bedrock_embed.c   embeddings by InvokeModel, which are each model's own
 * bedrock_list.c    models and token counts
 * bedrock_sign.c    Signature Version 4
 */
#ifndef UVLLM_ADAPTERS_BEDROCK_H
#define UVLLM_ADAPTERS_BEDROCK_H

#include "body.h"
#include "buf.h"
#include "check.h"
#include "dialects.h" /* declares uvllm__bedrock_ops */
#include "fault.h"
#include "json_pick.h"
#include "shape.h"

enum { UVLLM__BEDROCK_CALLS = 16 }; /* tool calls open at once, at most */

typedef struct uvllm__bedrock_call_s {
  int64_t block; /* contentBlockIndex */
  uint32_t index;
  int has_json;
} uvllm__bedrock_call_t;

/* "bedrock": [ reasoning blocks ], as it is written. */
typedef struct uvllm__bedrock_replay_s {
  uvllm__buf_t json, signature; /* of the block that is open */
  size_t start;                 /* of that block in json */
  int64_t block;
  int is_open, has_any;
} uvllm__bedrock_replay_t;

typedef struct uvllm__bedrock_s { /* the state of one attempt */
  uvllm__headers_t head;
  uvllm_op op;
  uvllm_framing framing;
  char error_type[64];  /* x-amzn-errortype, without what surrounds it */
  uint32_t expected, vectors; /* of an embedding: inputs, and so many came so far */
  uint64_t input_tokens;      /* and so many tokens were counted */
  uint64_t header_tokens;     /* x-amzn-bedrock-input-token-count */
  int stopped, done;
  uint32_t ncalls;
  uvllm__bedrock_call_t calls[UVLLM__BEDROCK_CALLS];
  uvllm__bedrock_replay_t replay;
} uvllm__bedrock_t;

int uvllm__bedrock_check(const uvllm_request_t* request, uvllm_emit_t* emit);
int uvllm__bedrock_body(const uvllm_attempt_t* attempt, uvllm_http_t* http);
int uvllm__bedrock_sign(void* state, const uvllm_attempt_t* attempt, uvllm_http_t* http);

/* "messages" and "system" of a Converse. */
int uvllm__bedrock_messages(uvllm__body_t* b, uvllm__shape_t* s, const uvllm_request_t* r);
/* What messages hold that Converse has no form for: told and refused. */
int uvllm__bedrock_check_parts(const uvllm_request_t* r, uvllm__shape_t* s, uvllm_emit_t* emit);
/* Writes {"cachePoint":..} if v has OpenAI-style "cache_control". */
int uvllm__bedrock_cache_point(uvllm_json_writer_t* w, uvllm_json_t v);

/* Whether the event is one of ConverseStream's that mean something. */
int uvllm__bedrock_knows(uvllm_str_t event);
/* An event of a stream, and a whole answer: GO_ON, COMPLETE or an error that was told. */
int uvllm__bedrock_event(uvllm__bedrock_t* s, const uvllm_frame_t* frame, uvllm_json_t root,
                         uvllm_emit_t* emit);
int uvllm__bedrock_answer(uvllm__bedrock_t* s, uvllm_json_t root, uvllm_emit_t* emit);
int uvllm__bedrock_models(uvllm__bedrock_t* s, uvllm_json_t root, uvllm_emit_t* emit);
int uvllm__bedrock_count(uvllm__bedrock_t* s, uvllm_json_t root, uvllm_emit_t* emit);

/* Embeddings: whether the model is one whose body is known, and the two bodies. */
int uvllm__bedrock_embeds(uvllm_str_t model);
int uvllm__bedrock_embed_body(const uvllm_attempt_t* attempt, uvllm_http_t* http);
int uvllm__bedrock_vectors(uvllm__bedrock_t* s, uvllm_json_t root, uvllm_emit_t* emit);

/* Reasoning as it comes. All take absent values; errors are in the buffers. */
void uvllm__bedrock_replay_text(uvllm__bedrock_t* s, int64_t block, uvllm_json_t text,
                                uvllm_emit_t* emit);
void uvllm__bedrock_replay_signature(uvllm__bedrock_t* s, int64_t block, uvllm_json_t signature,
                                     uvllm_emit_t* emit);
void uvllm__bedrock_replay_redacted(uvllm__bedrock_t* s, int64_t block, uvllm_json_t bytes,
                                    uvllm_emit_t* emit);
/* Tells it, if there is any. 0 or UV_ENOMEM. */
int uvllm__bedrock_replay_end(uvllm__bedrock_t* s, uvllm_emit_t* emit);

#endif
