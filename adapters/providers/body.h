/* A request's JSON body, written member by member, with extra_json merged in. Pure.
 *
 * A member of extra_json wins over what the dialect writes under its name; a null
 * there takes the member away; no name is written twice. In an object that was
 * begun with open(), the members of extra_json's object of the same name are merged
 * likewise; any other value is replaced as a whole.
 *
 *   uvllm__body_t b;
 *   int err = uvllm__body_begin(&b, attempt->request, http);
 *   if (err == 0) {
 *     uvllm__body_str(&b, "model", attempt->model);
 *     if (uvllm__body_begins(&b, "messages"))
 *       write_messages(b.w);            exactly one value, by uvllm_json_write_*()
 *     uvllm__body_open(&b, "options");  written only if something is in it
 *     uvllm__body_num(&b, "temperature", r->temperature);
 *     uvllm__body_close(&b);
 *   }
 *   return uvllm__body_end(&b, err);
 */
#ifndef UVLLM_ADAPTERS_BODY_H
#define UVLLM_ADAPTERS_BODY_H

#include "mem.h"
#include "uvllm/provider.h"

enum { UVLLM__BODY_DEPTH = 4, UVLLM__BODY_MEMBERS = 48 };

typedef struct uvllm__body_level_s {
  uvllm_json_t given, extra;
  const char* own[UVLLM__BODY_MEMBERS];    /* names that are the dialect's to write */
  const char* merged[UVLLM__BODY_DEPTH];   /* of them: extra's object was merged */
  size_t nown, nmerged;
  const char* name; /* of an object that is begun with its first member */
  int muted;        /* extra_json has something else in its place */
} uvllm__body_level_t;

typedef struct uvllm__body_s {
  uvllm_json_writer_t* w;
  int depth, err;
  uvllm_json_parser_t *given_parser, *extra_parser;
  uvllm__body_level_t levels[UVLLM__BODY_DEPTH];
} uvllm__body_t;

/* The body object begins in http's writer. Its end is owed whatever comes out. */
int uvllm__body_begin(uvllm__body_t* b, const uvllm_request_t* r, uvllm_http_t* http);
/* The same for dialects that take OpenAI's bodies: members of body_json are copied
 * as they are unless a field or extra_json says otherwise. */
int uvllm__body_begin_openai(uvllm__body_t* b, const uvllm_request_t* r, uvllm_http_t* http);
/* Copies what is left of extra_json (and body_json). err, if it is one, or the
 * writer's. */
int uvllm__body_end(uvllm__body_t* b, int err);

/* 1: the name is written, its value is due. 0: extra_json has it, write none. */
int uvllm__body_begins(uvllm__body_t* b, const char* name);
/* The name is ours, and it is not to be copied from body_json. */
void uvllm__body_claim(uvllm__body_t* b, const char* name);
int uvllm__body_is_claimed(const uvllm__body_t* b, const char* name);
/* Whether extra_json has a member of this name where we are. */
int uvllm__body_extra_has(const uvllm__body_t* b, const char* name);
/* What body_json has under this name; absent: nothing. */
uvllm_json_t uvllm__body_given(const uvllm__body_t* b, const char* name);

/* An object within, to be closed. */
void uvllm__body_open(uvllm__body_t* b, const char* name);
void uvllm__body_close(uvllm__body_t* b);

/* Members; what is absent, NULL, 0, NaN or INT64_MIN is unset and not written. */
void uvllm__body_str(uvllm__body_t* b, const char* name, uvllm_str_t value);
void uvllm__body_chars(uvllm__body_t* b, const char* name, const char* value);
void uvllm__body_raw(uvllm__body_t* b, const char* name, uvllm_str_t json);
void uvllm__body_count(uvllm__body_t* b, const char* name, uint32_t value);
void uvllm__body_num(uvllm__body_t* b, const char* name, double value);
void uvllm__body_seed(uvllm__body_t* b, const char* name, int64_t value);
void uvllm__body_bool(uvllm__body_t* b, const char* name, int value); /* always */
void uvllm__body_stop(uvllm__body_t* b, const char* name, const char* const* stop);

#endif
