/* In what a server differs from OpenAI: the params of uvllm/preset.h, read. Pure. */
#ifndef UVLLM_ADAPTERS_OPENAI_QUIRKS_H
#define UVLLM_ADAPTERS_OPENAI_QUIRKS_H

#include "mem.h"
#include "uvllm/provider.h"

/* What a request member of this name is called there. */
const char* uvllm__quirk_name(const uvllm_kv_t* params, size_t n, const char* member);
/* For each renamed member: start with *i = 0; 1, or 0 behind the last. *member is a
 * part of the parameter's name. */
int uvllm__quirk_next(const uvllm_kv_t* params, size_t n, size_t* i, const char** member,
                      const char** name);
/* Whether "refuses" lists the member. */
int uvllm__quirk_refuses(const uvllm_kv_t* params, size_t n, const char* member);
/* For each member that "refuses" lists: start with *list as its value; 1, or 0 at its
 * end. */
int uvllm__quirk_refused(const char** list, uvllm_str_t* member);
enum { UVLLM__QUIRK_PATH = 256 }; /* bytes of the param "path", with its end */

enum { UVLLM__QUIRK_ID = 10 }; /* characters: what 64 bits have room for */

/* How many letters and digits ids of tool calls have there, by the value of "tool_ids";
 * 0: it is NULL, or no number from 6 to 10. */
size_t uvllm__quirk_id_len(const char* value);

/* The path of an op with what the server wants around it: "path" before it, for ops
 * that have a model, and "query.X" behind it. 0; UV_EINVAL if no model is known, but
 * wanted. */
int uvllm__quirk_path(const uvllm_attempt_t* attempt, const char* path, int has_model,
                      uvllm_http_t* http);
/* Whether a refused member is just not sent, since it changes no answer. */
int uvllm__quirk_is_bookkeeping(uvllm_str_t member);

#endif
