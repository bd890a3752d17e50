/* The inside of the OpenAI dialect: what an attempt remembers, and what its
 * files do for each other. Pure.
 *
 * openai.c         the ops: build(), begin(), end()
 * openai_api.c     which API a chat goes to
 * openai_check.c   what a request may say
 * openai_body.c    the request's body
 * openai_messages.c   its messages
 * openai_replay.c  what goes back with the next turn
 * openai_answer.c  chat and text completions, streamed or whole
 * openai_tools.c   which fragment belongs to which tool call
 * openai_list.c    embeddings and models
 */
#ifndef UVLLM_ADAPTERS_OPENAI_H
#define UVLLM_ADAPTERS_OPENAI_H

#include "dialects.h" /* declares uvllm__openai_ops */
#include "fault.h"
#include "buf.h"
#include "json_like.h"
#include "json_pick.h"
#include "mem.h"
#include "uvllm/provider.h"

enum {
  UVLLM__OPENAI_CHOICES = 128, /* the API's own maximum of n; beyond, only [DONE] ends */
  UVLLM__OPENAI_CALLS = 16     /* recent tool calls remembered, for servers that do
                                  not number them */
};

typedef struct uvllm__openai_set_s { /* of choices */
  uint64_t bits[UVLLM__OPENAI_CHOICES / 64];
} uvllm__openai_set_t;

typedef struct uvllm__openai_call_s {
  uint32_t choice;
  uint32_t wire;  /* the index sent, or the position in its array */
  uint32_t index; /* the one given out */
  uint32_t key;   /* of its id, or of its name where there is no id; 0: neither */
} uvllm__openai_call_t;

/* What the event at hand said: texts (the last of them is kept); or anything else,
 * even if it was known already. */
typedef struct uvllm__openai_told_s {
  uint32_t ntexts;
  int others;
  uvllm_json_t value;
  uint32_t choice;
  uvllm_event_type type;
} uvllm__openai_told_t;

enum { UVLLM__OPENAI_KEEPS_NOTHING, UVLLM__OPENAI_KEEPS_TEXT, UVLLM__OPENAI_KEEPS_DETAILS };

typedef struct uvllm__openai_s { /* the state of one attempt */
  uvllm__headers_t head;
  uvllm_op op;
  uvllm_framing framing;
  uint32_t expected; /* choices or vectors; 0: not known */
  uint32_t ncalls;   /* tool calls that had to be remembered so far */
  int done;          /* the answer is whole */
  int half;          /* the event before was JSON that ends too early */
  int beyond;        /* a choice that the sets cannot hold was seen */
  int no_memory;     /* a string could not be decoded: UV_ENOMEM */
  uvllm__openai_set_t seen, finished, tools, refused;
  uvllm__openai_told_t told;
  int keep;          /* of its reasoning, to go back */
  uvllm__buf_t kept; /* with an allocator as soon as there is something */
  uvllm__openai_call_t calls[UVLLM__OPENAI_CALLS];
} uvllm__openai_t;

int uvllm__openai_check(const uvllm_request_t* request, uvllm_emit_t* emit);
/* What the server refuses, by the param "refuses": 0, or what was told. */
int uvllm__openai_check_refused(const uvllm_request_t* request, uvllm_emit_t* emit);
/* uvllm_provider_ops_t.pick */
const uvllm_provider_ops_t* uvllm__openai_pick(const uvllm_kv_t* params, size_t nparams,
                                               uvllm_op op, uvllm_str_t model);
/* What both APIs send: types, the agent, the key. */
void uvllm__openai_headers(const uvllm_attempt_t* attempt, uvllm_http_t* http);
int uvllm__openai_body(const uvllm_attempt_t* attempt, uvllm_http_t* http);

/* A parsed answer of the op's: GO_ON, COMPLETE or an error that was told. */
int uvllm__openai_chat(uvllm__openai_t* s, const uvllm_frame_t* frame, uvllm_json_t root,
                       uvllm_emit_t* emit);
int uvllm__openai_vectors(uvllm__openai_t* s, uvllm_json_t root, uvllm_emit_t* emit);
int uvllm__openai_models(uvllm__openai_t* s, uvllm_json_t root, uvllm_emit_t* emit);
/* "[DONE]": COMPLETE, or UVLLM_ETRUNCATED if there was no answer at all. */
int uvllm__openai_done(uvllm__openai_t* s, uvllm_emit_t* emit);
/* Whether all choices that were asked for, and at least one, have finished. */
int uvllm__openai_is_finished(const uvllm__openai_t* s);
void uvllm__openai_usage(uvllm_json_t usage, uvllm_emit_t* emit);

/* What the param "replay" asks for: of each event, and then at the end of a choice
 * with calls. */
void uvllm__openai_keep_begin(uvllm__openai_t* s, const uvllm_attempt_t* attempt);
void uvllm__openai_keep_text(uvllm__openai_t* s, uint32_t choice, uvllm_str_t text,
                             const uvllm_emit_t* emit);
void uvllm__openai_keep_details(uvllm__openai_t* s, uint32_t choice, uvllm_json_t details,
                                const uvllm_emit_t* emit);
void uvllm__openai_tell_kept(uvllm__openai_t* s, uint32_t choice, uvllm_emit_t* emit);
void uvllm__openai_keep_end(uvllm__openai_t* s);

/* The array of a chat's messages. */
struct uvllm__shape_s;
int uvllm__openai_put_messages(uvllm_json_writer_t* w, struct uvllm__shape_s* shape,
                               const uvllm_attempt_t* attempt);

/* Tell the calls of a message or delta. 1 if there were any. `whole`: they are
 * numbered by their position. */
int uvllm__openai_tools(uvllm__openai_t* s, uint32_t choice, uvllm_json_t calls, int whole,
                        uvllm_emit_t* emit);

/* uvllm_json_str() for what must not get lost: remembers that memory failed. */
uvllm_str_t uvllm__openai_str(uvllm__openai_t* s, uvllm_json_t v);

#endif
