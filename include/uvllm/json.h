/* uvllm/json.h - read JSON without allocating, write it without printf.
 *
 * The reader makes one pass over a text and leaves a flat array of values in a
 * parser that is reused for the next text. What servers really send is taken:
 * lone surrogates (U+FFFD when decoded), numbers of any length and size,
 * duplicate members (the last wins), a byte-order mark. What is not JSON is an
 * error with its position. Nesting is bounded.
 */
#ifndef UVLLM_JSON_H
#define UVLLM_JSON_H

#include "uvllm/types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct uvllm_json_parser_s uvllm_json_parser_t;
typedef struct uvllm_json_s { /* a value: valid until the next parse */
  const uvllm_json_parser_t* parser;
  uint32_t index;
} uvllm_json_t;

typedef enum {
  UVLLM_JSON_NONE, /* absent: what a failed lookup gives; all readers take it */
  UVLLM_JSON_NULL, UVLLM_JSON_BOOL, UVLLM_JSON_NUMBER, UVLLM_JSON_STRING,
  UVLLM_JSON_ARRAY, UVLLM_JSON_OBJECT
} uvllm_json_type;

UVLLM_EXTERN int uvllm_json_parser_new(uvllm_json_parser_t** parser,
                                       const uvllm_alloc_t* alloc);
UVLLM_EXTERN void uvllm_json_parser_free(uvllm_json_parser_t* parser);
/* UVLLM_EPROTO and *error_at (may be NULL) if the text is not JSON. */
UVLLM_EXTERN int uvllm_json_parse(uvllm_json_parser_t* parser, uvllm_str_t text,
                                  uvllm_json_t* root, size_t* error_at);

UVLLM_EXTERN uvllm_json_type uvllm_json_type_of(uvllm_json_t v);
UVLLM_EXTERN uvllm_json_t uvllm_json_get(uvllm_json_t object, const char* name);
UVLLM_EXTERN uvllm_json_t uvllm_json_at(uvllm_json_t array, size_t i);
/* "choices.0.delta.content": one walk, no allocation. */
UVLLM_EXTERN uvllm_json_t uvllm_json_path(uvllm_json_t v, const char* path);
/* For all members or elements: start with *it = 0; name is absent in arrays. */
UVLLM_EXTERN int uvllm_json_next(uvllm_json_t v, uint32_t* it, uvllm_str_t* name,
                                 uvllm_json_t* value);
/* Decoded; a slice of the text itself where nothing was escaped. */
UVLLM_EXTERN uvllm_str_t uvllm_json_str(uvllm_json_t v);
UVLLM_EXTERN int64_t uvllm_json_int(uvllm_json_t v, int64_t otherwise); /* saturates */
UVLLM_EXTERN double uvllm_json_num(uvllm_json_t v, double otherwise);
UVLLM_EXTERN int uvllm_json_bool(uvllm_json_t v, int otherwise);
UVLLM_EXTERN uvllm_str_t uvllm_json_raw(uvllm_json_t v); /* its own bytes */

/* ---- Writing ------------------------------------------------------------------ */

/* Values are appended to one growing text; commas and colons are put where they
 * belong. Invalid UTF-8 in a string is written as U+FFFD. Errors (no memory, a
 * name outside an object...) are sticky: write all, then ask once.
 */
typedef struct uvllm_json_writer_s uvllm_json_writer_t;
UVLLM_EXTERN int uvllm_json_writer_new(uvllm_json_writer_t** w, const uvllm_alloc_t* alloc);
UVLLM_EXTERN void uvllm_json_writer_free(uvllm_json_writer_t* w);
/* Empty it for the next text; keeps its memory, forgets its error. */
UVLLM_EXTERN void uvllm_json_writer_reset(uvllm_json_writer_t* w);
/* 0, or the first error. */
UVLLM_EXTERN int uvllm_json_writer_error(const uvllm_json_writer_t* w);
/* What was written; absent after an error. Valid until the next write. */
UVLLM_EXTERN uvllm_str_t uvllm_json_writer_text(const uvllm_json_writer_t* w);
UVLLM_EXTERN void uvllm_json_begin_object(uvllm_json_writer_t* w);
UVLLM_EXTERN void uvllm_json_end_object(uvllm_json_writer_t* w);
UVLLM_EXTERN void uvllm_json_begin_array(uvllm_json_writer_t* w);
UVLLM_EXTERN void uvllm_json_end_array(uvllm_json_writer_t* w);
UVLLM_EXTERN void uvllm_json_name(uvllm_json_writer_t* w, const char* name);
UVLLM_EXTERN void uvllm_json_write_str(uvllm_json_writer_t* w, uvllm_str_t s);
UVLLM_EXTERN void uvllm_json_write_int(uvllm_json_writer_t* w, int64_t n);
UVLLM_EXTERN void uvllm_json_write_num(uvllm_json_writer_t* w, double n); /* shortest that reads back */
UVLLM_EXTERN void uvllm_json_write_bool(uvllm_json_writer_t* w, int b);
UVLLM_EXTERN void uvllm_json_write_null(uvllm_json_writer_t* w);
UVLLM_EXTERN void uvllm_json_write_raw(uvllm_json_writer_t* w, uvllm_str_t json);

#ifdef __cplusplus
}
#endif
#endif /* UVLLM_JSON_H */
