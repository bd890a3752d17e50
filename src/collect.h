/* What an answer amounts to: its choices' text, reasoning, refusals and tool
 * calls, put together from events. Pure.
 *
 * Also the one place that knows which tool calls have begun: dialects repeat
 * ids and names, send none, or number from one.
 */
#ifndef UVLLM_SRC_COLLECT_H
#define UVLLM_SRC_COLLECT_H

#include "buf.h"
#include "uvllm/types.h"

/* Beyond these: UVLLM_EPROTO. The last is of all choices of an answer together. */
enum { UVLLM__MAX_CHOICES = 1024, UVLLM__MAX_TOOLS = 1024, UVLLM__MAX_ALL_TOOLS = 8192 };

typedef struct uvllm__collect_s uvllm__collect_t;

/* max_bytes bounds the sum of all texts, ids, names and arguments. Without
 * keep_content only which tool calls have begun is known, and as what. */
int uvllm__collect_new(uvllm__collect_t** c, const uvllm_alloc_t* alloc, size_t max_bytes,
                       int keep_content);
void uvllm__collect_free(uvllm__collect_t* c);
void uvllm__collect_clear(uvllm__collect_t* c); /* another attempt; keeps memory */
int uvllm__collect_keeps(const uvllm__collect_t* c); /* keep_content */

/* 0, UV_ENOMEM, UVLLM_ETOOLARGE, UVLLM_EPROTO. After an error: clear or free. */
int uvllm__collect_text(uvllm__collect_t* c, uint32_t choice, uvllm_event_type type,
                        uvllm_str_t text);
/* A TOOL_BEGIN that is due; the slices are valid until the next change. */
typedef struct uvllm__tool_begin_s {
  int due;
  uint32_t choice, index;
  uvllm_str_t id, name; /* name: absent if none came */
} uvllm__tool_begin_t;

/* Takes a fragment and says whether a TOOL_BEGIN is due first (never with an
 * error). It is held back until id and name are known or arguments come. Until then
 * the first id and the first name that are not empty count; a call that begins
 * without an id, or with that of another call of the choice, is given
 * "call_<choice>_<index>" and keeps it. */
int uvllm__collect_tool(uvllm__collect_t* c, uint32_t choice, uint32_t index, uvllm_str_t id,
                        uvllm_str_t name, uvllm_str_t json, uvllm__tool_begin_t* begin);
enum { UVLLM__ANY_CHOICE = UVLLM__MAX_CHOICES };

/* The next one of the choice that is still held back, when no more comes of it:
 * begin->due is 0 after the last. 0 or UV_ENOMEM. */
int uvllm__collect_held(uvllm__collect_t* c, uint32_t choice, uvllm__tool_begin_t* begin);
/* What the dialect wants back with the choice; a later one replaces it. */
int uvllm__collect_replay(uvllm__collect_t* c, uint32_t choice, uvllm_str_t json);
int uvllm__collect_stop(uvllm__collect_t* c, uint32_t choice, uvllm_stop_reason stop);

/* For the result: slices of the collector's memory, valid until the next change.
 * Choice number i is (*choices)[i]; what had nothing is absent, and a choice that
 * never came has nothing. Ids are those of TOOL_BEGIN; a call without arguments
 * has "{}". *choices is NULL without keep_content, and if nothing came. */
int uvllm__collect_choices(uvllm__collect_t* c, const uvllm_choice_t** choices, size_t* nchoices);
/* An OpenAI response body (chat.completion or text_completion) made from the
 * choices; those that never came are left out, and so is usage where it is NULL.
 * `created` in Unix seconds. Appended to out. UV_EINVAL: another op, or no
 * keep_content. */
int uvllm__collect_body(uvllm__collect_t* c, uvllm_op op, uvllm_str_t id, const char* model,
                        uint64_t created, const uvllm_usage_t* usage, uvllm__buf_t* out);

#endif
