/* The inside of the Cohere dialect (API v2): what an attempt remembers, and what its
 * files do for each other. Pure.
 *
 * cohere.c         the ops, and what a request may say
 * cohere_body.c    the request's body
 * cohere_answer.c  chats, streamed or whole
 * cohere_list.c    embeddings and models
 */
#ifndef UVLLM_ADAPTERS_COHERE_H
#define UVLLM_ADAPTERS_COHERE_H

#include "buf.h"
#include "dialects.h" /* declares uvllm__cohere_ops */
#include "fault.h"
#include "uvllm/provider.h"

enum {
  UVLLM__COHERE_TEXTS = 96, /* the API's maximum of one embed request */
  UVLLM__COHERE_CALLS = 16  /* calls that may be open at once in a stream */
};

typedef struct uvllm__cohere_s { /* the state of one attempt */
  uvllm__headers_t head;
  uvllm_op op;
  uvllm_framing framing;
  int done;             /* the answer is whole */
  int half;             /* the event before was JSON that ends too early */
  uint32_t first, ntexts; /* the inputs of this exchange */
  uint32_t all_texts;
  uvllm_usage_t embedded; /* by the exchanges so far */
  uint32_t ncalls;      /* begun so far */
  uint32_t wires[UVLLM__COHERE_CALLS]; /* their numbers in the stream, the last ones' */
  uvllm__buf_t plan, thinking; /* for the next turn, if there are calls */
  char* page;           /* the token of the next page of models; NULL: none */
  const uvllm_alloc_t* alloc;
} uvllm__cohere_t;

/* What the dialect cannot say beyond the table of check.h: 0, or what was told. */
int uvllm__cohere_check(const uvllm_request_t* r, uvllm_emit_t* emit);
int uvllm__cohere_body(const uvllm__cohere_t* s, const uvllm_attempt_t* attempt,
                       uvllm_http_t* http);

/* The answer's or the error's own id is the request's, where no header had one. 0 or
 * UV_ENOMEM. */
int uvllm__cohere_id(const uvllm__cohere_t* s, uvllm_json_t v, uvllm_emit_t* emit);

/* A parsed answer of the op's: GO_ON, COMPLETE, NEXT or an error that was told. */
int uvllm__cohere_event(uvllm__cohere_t* s, uvllm_str_t name, uvllm_json_t root,
                        uvllm_emit_t* emit);
int uvllm__cohere_chat(uvllm__cohere_t* s, uvllm_json_t root, uvllm_emit_t* emit);
int uvllm__cohere_vectors(uvllm__cohere_t* s, uvllm_json_t root, uvllm_emit_t* emit);
int uvllm__cohere_models(uvllm__cohere_t* s, uvllm_json_t root, uvllm_emit_t* emit);

#endif
