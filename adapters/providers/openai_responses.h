/* The inside of OpenAI's Responses API: a chat as typed items in and out. Pure.
 *
 * openai_responses.c         the ops: check(), build(), begin(), end()
 * openai_responses_body.c    the request's body but for its input
 * openai_responses_input.c   messages as input items
 * openai_responses_answer.c  items and events of an answer
 * openai_responses_replay.c  what of an answer goes back with the next turn
 */
#ifndef UVLLM_ADAPTERS_OPENAI_RESPONSES_H
#define UVLLM_ADAPTERS_OPENAI_RESPONSES_H

#include "body.h"
#include "openai.h"
#include "shape.h"

#define UVLLM__RESPONSES "openai-responses" /* the dialect, and the member of replay_json */

enum {
  UVLLM__RESPONSES_ITEMS = 1024, /* more items in an answer are UVLLM_EPROTO */
  UVLLM__RESPONSES_CALLS = 16    /* calls that may be open at once */
};

typedef struct uvllm__responses_call_s {
  uint32_t item, index; /* its place in the output, and the one given out */
} uvllm__responses_call_t;

typedef struct uvllm__responses_s { /* the state of one attempt */
  uvllm__headers_t head;
  uvllm_framing framing;
  int done, half;
  int refused;
  uint32_t nitems;    /* items that have begun, for those that are not numbered */
  uint32_t nended;    /* items that were told whole */
  uint32_t ncalls;
  uint64_t told[UVLLM__RESPONSES_ITEMS / 64];  /* items whose content came as deltas */
  uint64_t ended[UVLLM__RESPONSES_ITEMS / 64];
  uvllm__responses_call_t calls[UVLLM__RESPONSES_CALLS]; /* a ring */
  int has_thought;    /* reasoning was told, the last of it of: */
  uint32_t thought_item, thought_part;
  const uvllm_alloc_t* alloc;
  uvllm_json_writer_t* replay; /* an array that is open; NULL: nothing yet */
  int keeps;          /* there is something in it that is wanted back */
} uvllm__responses_t;

int uvllm__responses_body(const uvllm_attempt_t* attempt, uvllm_http_t* http);
int uvllm__responses_input(uvllm_json_writer_t* w, uvllm__shape_t* s, const uvllm_request_t* r);
/* Whether a message of the request brings thoughts back. */
int uvllm__responses_has_replay(uvllm__shape_t* s, const uvllm_request_t* r, int* has);

/* A whole answer, or one event: GO_ON, COMPLETE or an error that was told. */
int uvllm__responses_whole(uvllm__responses_t* s, uvllm_json_t root, uvllm_emit_t* emit);
int uvllm__responses_event(uvllm__responses_t* s, const uvllm_frame_t* frame, uvllm_json_t root,
                           uvllm_emit_t* emit);

/* An item of the answer is whole: keep what is wanted back of it. 0 or UV_ENOMEM. */
int uvllm__responses_keep(uvllm__responses_t* s, uvllm_json_t item, uvllm_emit_t* emit);
/* All of them are: tell it. */
int uvllm__responses_tell_kept(uvllm__responses_t* s, uvllm_emit_t* emit);

#endif
