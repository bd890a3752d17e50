/* The inside of Ollama's native dialect: what an attempt remembers, and what its
 * files do for each other. Pure.
 *
 * ollama.c         the ops: build(), begin(), frame(), end()
 * ollama_check.c   what a request may say
 * ollama_body.c    the request's body
 * ollama_answer.c  chats, generations, embeddings, the model list, progress
 */
#ifndef UVLLM_ADAPTERS_OLLAMA_H
#define UVLLM_ADAPTERS_OLLAMA_H

#include "buf.h"
#include "dialects.h" /* declares uvllm__ollama_ops */
#include "fault.h"
#include "mem.h"
#include "shape.h"
#include "uvllm/provider.h"

typedef struct uvllm__ollama_s { /* the state of one attempt */
  uvllm__headers_t head;
  uvllm_op op;
  uvllm_framing framing;
  uint32_t expected;  /* vectors */
  uint32_t ncalls;
  int has_tools;      /* were offered: what was thought is wanted back with their calls */
  int is_progress;    /* a raw request whose answer tells how far it is */
  int half;           /* the line before was JSON that ends too early */
  int has_thoughts;   /* was initialized */
  uvllm__buf_t thoughts;
} uvllm__ollama_t;

int uvllm__ollama_check(const uvllm_request_t* request, uvllm_emit_t* emit);
/* 1: it is a whole number; then it may be written as it is. */
int uvllm__ollama_is_integer(const char* text);
/* "none" is 0, a level 1; -1: there is no such level. */
int uvllm__ollama_thinks(const char* effort);

int uvllm__ollama_body(const uvllm_attempt_t* attempt, uvllm_http_t* http);

/* A parsed answer of the op's: GO_ON, COMPLETE or an error that was told. */
int uvllm__ollama_chat(uvllm__ollama_t* s, uvllm_json_t root, uvllm_emit_t* emit);
int uvllm__ollama_vectors(uvllm__ollama_t* s, uvllm_json_t root, uvllm_emit_t* emit);
int uvllm__ollama_models(uvllm__ollama_t* s, uvllm_json_t root, uvllm_emit_t* emit);
int uvllm__ollama_progress(uvllm_json_t root, uvllm_emit_t* emit);

#endif
