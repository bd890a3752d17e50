/* The inside of the Anthropic dialect: what an attempt remembers, and what its files
 * do for each other. Pure.
 *
 * anthropic.c           the ops: build(), begin(), end()
 * anthropic_check.c     what a request may say
 * anthropic_models.c    what differs between models
 * anthropic_body.c      the request's body
 * anthropic_messages.c  system, and the user's turns
 * anthropic_turn.c      the assistant's turns, with what is handed back in them
 * anthropic_answer.c    a message, streamed or whole
 * anthropic_replay.c    what of a message is to be handed back
 * anthropic_list.c      the model list, and the count of tokens
 */
#ifndef UVLLM_ADAPTERS_ANTHROPIC_H
#define UVLLM_ADAPTERS_ANTHROPIC_H

#include "buf.h"
#include "dialects.h" /* declares uvllm__anthropic_ops */
#include "fault.h"
#include "json_pick.h"
#include "mem.h"
#include "shape.h"
#include "uvllm/provider.h"

/* ---- Requests ---- */

#define UVLLM__ANTHROPIC_VERSION "2023-06-01"

/* A request being written. Calls and parts are read with `shape` while what is handed
 * back stands in `replay`. */
typedef struct uvllm__anthropic_put_s {
  uvllm_json_writer_t* w;
  const uvllm_request_t* r;
  uvllm__shape_t shape, replay;
} uvllm__anthropic_put_t;

int uvllm__anthropic_check(const uvllm_request_t* request, uvllm_emit_t* emit);
int uvllm__anthropic_body(const uvllm_attempt_t* attempt, uvllm_http_t* http);

/* The values of "system" and "messages". has_system: 0 if there is nothing to say. */
int uvllm__anthropic_has_system(const uvllm_request_t* r);
int uvllm__anthropic_system(uvllm__anthropic_put_t* p);
int uvllm__anthropic_messages(uvllm__anthropic_put_t* p);
/* Message i, an assistant's: an object. */
int uvllm__anthropic_turn(uvllm__anthropic_put_t* p, size_t i);
/* The parts of message i as blocks; empty texts are left out, since they are refused. */
int uvllm__anthropic_blocks(uvllm__anthropic_put_t* p, size_t i);
void uvllm__anthropic_member(uvllm_json_writer_t* w, const char* name, uvllm_str_t value);
/* Members that the API has and OpenAI's shape has not, where they were given all the
 * same: cache_control and others. The names end with NULL. */
void uvllm__anthropic_pass(uvllm_json_writer_t* w, uvllm_json_t from, const char* const* names);

/* max_tokens, which the API does not do without: where nobody says one, what every
 * model of that generation takes. */
uint32_t uvllm__anthropic_max_tokens(uvllm_str_t model);

/* How reasoning_effort is said. */
typedef enum {
  UVLLM__ANTHROPIC_NO_THINKING, /* it is "none" */
  UVLLM__ANTHROPIC_BUDGET,      /* in tokens */
  UVLLM__ANTHROPIC_ADAPTIVE,    /* as an effort */
  UVLLM__ANTHROPIC_UNKNOWN      /* there is no such effort */
} uvllm__anthropic_thinking;

typedef struct uvllm__anthropic_effort_s {
  uvllm__anthropic_thinking thinking;
  const char* effort; /* ADAPTIVE */
  uint32_t budget;    /* BUDGET; 0: max_tokens leaves no room for one */
} uvllm__anthropic_effort_t;

/* mode: the parameter "thinking", "budget" or "adaptive"; NULL: by the model's name. */
uvllm__anthropic_effort_t uvllm__anthropic_effort(const char* effort, const char* mode,
                                                  uvllm_str_t model, uint32_t max_tokens);
/* What a tier is called there; NULL: there is no such one. */
const char* uvllm__anthropic_tier(const char* tier);


/* ---- Answers ---- */

typedef enum {
  UVLLM__BLOCK_NONE, /* no block is open */
  UVLLM__BLOCK_SAYS, /* text */
  UVLLM__BLOCK_CALLS,
  UVLLM__BLOCK_THINKS,
  UVLLM__BLOCK_OTHER /* kept as it is */
} uvllm__anthropic_block;

/* What is to be handed back: {"anthropic":{"content":[...]}}. An element is a block as
 * it came, or stands for what the message's text and calls say: {"text":N} for its next
 * N bytes, {"call":"id"} for its next call. */
typedef struct uvllm__anthropic_replay_s {
  uvllm__buf_t out;
  uvllm__buf_t late; /* of the open block, what is written at its end: a signature,
                        an input, citations */
  uvllm__buf_t deltas; /* of the open block, those of kinds that are not known */
  size_t start;      /* of the open block's element */
  int needed;        /* text and calls do not say it all */
  int err;
} uvllm__anthropic_replay_t;

typedef struct uvllm__anthropic_s { /* the state of one attempt; zeroed */
  uvllm__headers_t head;
  uvllm_op op;
  uvllm_framing framing;
  int done, half;
  int begun;         /* something of the message has come */
  uvllm_stop_reason stop;
  int is_paused, has_refusal;
  uint64_t input, written, written_1h, cached, output, thinking; /* tokens */

  uvllm__anthropic_block block; /* the open one */
  int64_t index;
  uint64_t text_bytes;
  int has_input;     /* it came in deltas */
  uint32_t ncalls;
  uvllm__anthropic_replay_t replay;

  uvllm__buf_t last_id; /* where the next page of a list begins */
} uvllm__anthropic_t;

/* A parsed answer of the op's: GO_ON, COMPLETE, NEXT, or an error that was told. */
int uvllm__anthropic_event(uvllm__anthropic_t* s, uvllm_str_t name, uvllm_json_t root,
                           uvllm_emit_t* emit);
int uvllm__anthropic_message(uvllm__anthropic_t* s, uvllm_json_t root, uvllm_emit_t* emit);
int uvllm__anthropic_count(uvllm__anthropic_t* s, uvllm_json_t root, uvllm_emit_t* emit);
int uvllm__anthropic_models(uvllm__anthropic_t* s, uvllm_json_t root, uvllm_emit_t* emit);

/* What a block begins with, what a delta adds, what it ends with; `s->block` says of
 * what kind it is. */
void uvllm__anthropic_replay_begin(uvllm__anthropic_t* s, uvllm_json_t block,
                                   uvllm_emit_t* emit);
void uvllm__anthropic_replay_thought(uvllm__anthropic_t* s, uvllm_json_t text);
void uvllm__anthropic_replay_signature(uvllm__anthropic_t* s, uvllm_json_t signature);
void uvllm__anthropic_replay_citation(uvllm__anthropic_t* s, uvllm_json_t citation);
void uvllm__anthropic_replay_input(uvllm__anthropic_t* s, uvllm_str_t piece);
void uvllm__anthropic_replay_delta(uvllm__anthropic_t* s, uvllm_json_t delta);
void uvllm__anthropic_replay_end(uvllm__anthropic_t* s);
/* Tell it, if there is anything to hand back. 0, or UV_ENOMEM. */
int uvllm__anthropic_replay_tell(uvllm__anthropic_t* s, uvllm_emit_t* emit);
void uvllm__anthropic_free(uvllm__anthropic_t* s);

#endif
