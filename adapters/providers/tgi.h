/* The inside of the TGI dialect: what an attempt remembers, and what its files do for
 * each other. Pure.
 *
 * tgi.c         the ops, and what a request may say
 * tgi_body.c    the request's body
 * tgi_answer.c  texts, streamed or whole, and everything else
 */
#ifndef UVLLM_ADAPTERS_TGI_H
#define UVLLM_ADAPTERS_TGI_H

#include "dialects.h" /* declares uvllm__tgi_ops */
#include "fault.h"
#include "uvllm/provider.h"

typedef struct uvllm__tgi_s { /* the state of one attempt */
  uvllm__headers_t head;
  uvllm_op op;
  uvllm_framing framing;
  int done;           /* the answer is whole */
  int half;           /* the event before was JSON that ends too early */
  int held;           /* a character came in halves: what follows is told at the end */
  size_t told;        /* bytes of text so far */
  uint64_t prompt_tokens, generated_tokens; /* by headers; 0: not said */
  uint32_t ntexts;    /* inputs of an embedding */
} uvllm__tgi_t;

/* Whether the server has a path for each model, as Hugging Face's own has. */
int uvllm__tgi_has_tasks(const char* route);
int uvllm__tgi_body(const uvllm_attempt_t* attempt, int has_tasks, uvllm_http_t* http);

/* A parsed answer of the op's: GO_ON, COMPLETE or an error that was told. */
int uvllm__tgi_take(uvllm__tgi_t* s, uvllm_json_t root, uvllm_emit_t* emit);

#endif
