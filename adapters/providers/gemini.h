/* The inside of the Gemini dialect: what an attempt remembers, and what its files do
 * for each other. Pure.
 *
 * gemini.c         the ops: where a request goes, how its answer is cut
 * gemini_check.c   what a request may say
 * gemini_body.c    the request's body but for its turns
 * gemini_turns.c   contents: messages as turns of parts
 * gemini_answer.c  candidates, streamed or whole, and usage
 * gemini_replay.c  what of a turn has to come back with the next one
 * gemini_list.c    embeddings, models, token counts
 * gemini_fault.c   what google.rpc's details of an error say
 *
 * What its params say: "version" is the API's in the path ("v1beta"); "schema" is
 * "openapi" where schemas go as `parameters` and `responseSchema` in place of
 * `parametersJsonSchema` and `responseJsonSchema`.
 */
#ifndef UVLLM_ADAPTERS_GEMINI_H
#define UVLLM_ADAPTERS_GEMINI_H

#include "buf.h"
#include "dialects.h" /* declares uvllm__gemini_ops */
#include "fault.h"
#include "json_pick.h"
#include "mem.h"
#include "shape.h"
#include "uvllm/provider.h"

enum {
  UVLLM__GEMINI_CHOICES = 8,  /* the API's own maximum of candidateCount */
  UVLLM__GEMINI_INPUTS = 100  /* and of the inputs of an embedding: more go over several
                                 exchanges */
};

typedef struct uvllm__gemini_choice_s {
  uint8_t seen, finished, told;
  uvllm_stop_reason stop;
  uint32_t ncalls;
  uint64_t text_bytes;  /* of what TEXT events have told */
  uvllm__buf_t replay;  /* no allocator: nothing is wanted back */
} uvllm__gemini_choice_t;

typedef struct uvllm__gemini_s { /* the state of one attempt */
  uvllm__headers_t head;
  uvllm_op op;
  uvllm_framing framing;
  uint32_t expected; /* choices, or vectors in all; 0: not known */
  uint32_t first, ninputs; /* of this exchange */
  uint64_t embedded; /* tokens, by the exchanges so far */
  int done;          /* the answer is whole */
  int half;          /* the event before was JSON that ends too early */
  int has_id;        /* the response's id was told */
  int blocked;       /* the prompt was */
  uvllm_alloc_t alloc;
  char* page;        /* of the model list, the next one; NULL: the first */
  uvllm__gemini_choice_t choices[UVLLM__GEMINI_CHOICES];
} uvllm__gemini_t;

int uvllm__gemini_check(const uvllm_request_t* request, uvllm_emit_t* emit);
int uvllm__gemini_body(const uvllm__gemini_t* s, const uvllm_attempt_t* attempt,
                       uvllm_http_t* http);
/* `systemInstruction` and `contents` of a body that has been begun. */
int uvllm__gemini_system(uvllm_json_writer_t* w, uvllm__shape_t* s, const uvllm_request_t* r);
int uvllm__gemini_contents(uvllm_json_writer_t* w, const uvllm_request_t* r,
                           const uvllm_alloc_t* alloc);

/* A parsed answer of the op's: GO_ON, COMPLETE, NEXT, or an error that was told. */
int uvllm__gemini_chat(uvllm__gemini_t* s, uvllm_json_t root, uvllm_emit_t* emit);
int uvllm__gemini_vectors(uvllm__gemini_t* s, uvllm_json_t root, uvllm_emit_t* emit);
int uvllm__gemini_models(uvllm__gemini_t* s, uvllm_json_t root, uvllm_emit_t* emit);
int uvllm__gemini_count(uvllm__gemini_t* s, uvllm_json_t root, uvllm_emit_t* emit);
/* The stream has ended: COMPLETE, or UVLLM_ETRUNCATED. */
int uvllm__gemini_end(uvllm__gemini_t* s, uvllm_emit_t* emit);
/* proto JSON writes 64-bit numbers as strings. 0 for what is no number above it. */
uint64_t uvllm__gemini_number(uvllm_json_t v);
void uvllm__gemini_usage(uvllm_json_t usage, uvllm_emit_t* emit);

/* Where in a turn a part stands: behind so much of its text and so many calls. */
typedef struct uvllm__gemini_place_s {
  uint64_t text_bytes;
  uint32_t ncalls;
} uvllm__gemini_place_t;

/* Keep of a part what has to come back and is not in the message: signatures, the
 * server's ids of calls, and parts that no event tells. 0 or UV_ENOMEM. */
int uvllm__gemini_keep_text(uvllm__gemini_t* s, uint32_t choice, uvllm__gemini_place_t at,
                            uint64_t bytes, uvllm_json_t signature);
int uvllm__gemini_keep_call(uvllm__gemini_t* s, uint32_t choice, uvllm__gemini_place_t at,
                            uvllm_json_t id, uvllm_json_t signature);
int uvllm__gemini_keep_part(uvllm__gemini_t* s, uint32_t choice, uvllm__gemini_place_t at,
                            uvllm_json_t part);
/* Tell all that was kept of a choice. 0 or UV_ENOMEM. */
int uvllm__gemini_replay(uvllm__gemini_t* s, uint32_t choice, uvllm_emit_t* emit);

/* The body of an answer that is no 2xx; an error inside a 200. */
int uvllm__gemini_error(const uvllm__headers_t* h, int http_status, uvllm_str_t body,
                        uvllm_emit_t* emit);
int uvllm__gemini_fault(const uvllm__headers_t* h, uvllm_json_t root, uvllm_emit_t* emit);

#endif
