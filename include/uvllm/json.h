/* uvllm/json.h - read JSON without allocating, write it without printf.
 *
 * The reader makes one pass over a text and leaves a flat array of values in a
 * parser that is reused for the next text: once it has grown to what the texts
 * need, parsing allocates nothing. It is strict about structure (RFC 8259), and
 * what is not JSON is an error with its position. What servers really send is
 * taken: lone surrogates and invalid UTF-8 in strings (U+FFFD when decoded),
 * numbers of any length and size, duplicate members (the last wins), a
 * byte-order mark at the start. Nesting is bounded by UVLLM_JSON_DEPTH.
 *
 * Numbers are RFC 8259's, texts are UTF-8. No function here depends on the
 * locale, and none keeps anything outside its parser or writer: different
 * threads may use different ones.
 */
#ifndef UVLLM_JSON_H
#define UVLLM_JSON_H

#include "uvllm/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Reading ------------------------------------------------------------------ */

/* How many arrays and objects may be open at once, when reading and when
 * writing: what was read can be written. */
#define UVLLM_JSON_DEPTH 128

typedef struct uvllm_json_parser_s uvllm_json_parser_t;

/* A value: a small handle, to be copied freely. It is valid until the parser's
 * next parse (or its end), and as long as the text that was parsed stands where
 * it stood: the parser does not copy it. All functions take absent values; those
 * that look for something in one answer with an absent value, so that lookups
 * can be chained and only the last be asked. {NULL, 0} is absent. */
typedef struct uvllm_json_s {
  const uvllm_json_parser_t* parser;
  uint32_t index;
} uvllm_json_t;

typedef enum {
  UVLLM_JSON_NONE, /* absent: what a failed lookup gives; all readers take it */
  UVLLM_JSON_NULL, UVLLM_JSON_BOOL, UVLLM_JSON_NUMBER, UVLLM_JSON_STRING,
  UVLLM_JSON_ARRAY, UVLLM_JSON_OBJECT
} uvllm_json_type;

/* A parser with nothing in it. UV_ENOMEM, and then *parser is NULL, if there is
 * no memory. `alloc` is copied; NULL means malloc(3). */
UVLLM_EXTERN int uvllm_json_parser_new(uvllm_json_parser_t** parser,
                                       const uvllm_alloc_t* alloc);

/* Frees the parser and all that was decoded in it. NULL is taken. */
UVLLM_EXTERN void uvllm_json_parser_free(uvllm_json_parser_t* parser);

/* Parses one text; the values of the text before become void, whatever comes
 * out. 0, and *root is its value; otherwise *root is absent and the error is
 * - UVLLM_EPROTO if the text is not JSON, is empty or absent, or nests deeper
 *   than UVLLM_JSON_DEPTH. *error_at is the offset of the first byte that cannot
 *   be (the bracket that is one too many), text.len if the text ends too early;
 * - UVLLM_ETOOLARGE if the text is 4 GiB or longer;
 * - UV_ENOMEM if there is no memory, or if `parser` is NULL.
 * White space around the value and one byte-order mark at the very start are
 * skipped. `root` and `error_at` may be NULL.
 * Memory: 16 bytes a value or name, 24 a string that was decoded, in powers of
 * two. It is kept for the next text; above 1 MiB only until a far smaller one. */
UVLLM_EXTERN int uvllm_json_parse(uvllm_json_parser_t* parser, uvllm_str_t text,
                                  uvllm_json_t* root, size_t* error_at);

UVLLM_EXTERN uvllm_json_type uvllm_json_type_of(uvllm_json_t v);

/* A member of an object by its name, compared after decoding; the last one of
 * several. Absent if there is none or `object` is no object. Linear in the
 * number of members: to read most of a large object, walk it with
 * uvllm_json_next(). */
UVLLM_EXTERN uvllm_json_t uvllm_json_get(uvllm_json_t object, const char* name);

/* An element of an array, counted from 0; absent if there is none. Linear in i:
 * to read all of them, walk with uvllm_json_next(). */
UVLLM_EXTERN uvllm_json_t uvllm_json_at(uvllm_json_t array, size_t i);

/* "choices.0.delta.content": names and element numbers with points between, in
 * one walk and without allocating. In an object every part is a name (also
 * "0"), in an array only digits find something. A name that has a point in it
 * cannot be said here; an empty path is v itself. */
UVLLM_EXTERN uvllm_json_t uvllm_json_path(uvllm_json_t v, const char* path);

/* For all members or elements in their order, duplicates included: start with
 * *it = 0 and call until it gives 0. `name` is decoded, absent in arrays, and
 * absent if there was no memory to decode it; `name` and `value` may be NULL.
 * What is neither array nor object has nothing in it. */
UVLLM_EXTERN int uvllm_json_next(uvllm_json_t v, uint32_t* it, uvllm_str_t* name,
                                 uvllm_json_t* value);

/* How many elements or members (duplicates included) uvllm_json_next() gives.
 * Counts them: linear. */
UVLLM_EXTERN size_t uvllm_json_count(uvllm_json_t v);

/* A string, decoded: always valid UTF-8, may contain NUL bytes (\u0000). It is a
 * slice of the text itself where nothing needed decoding, and otherwise lies in
 * the parser, decoded once, valid until the next parse. Half of a surrogate pair
 * alone, and each ill-formed part of what is no UTF-8 (Unicode 3.9, "maximal
 * subpart"), is U+FFFD. Absent if v is no string, or if there is no memory. */
UVLLM_EXTERN uvllm_str_t uvllm_json_str(uvllm_json_t v);

/* A number as an integer, exactly: 1e3 is 1000, 1790000000.0 is 1790000000.
 * Fractions are cut off (towards 0), what does not fit gives INT64_MIN or
 * INT64_MAX. `otherwise` if v is no number. */
UVLLM_EXTERN int64_t uvllm_json_int(uvllm_json_t v, int64_t otherwise);

/* A number as the double nearest to it, whatever the number of its digits; what
 * is too large is infinite, as in strtod(3). `otherwise` if v is no number. */
UVLLM_EXTERN double uvllm_json_num(uvllm_json_t v, double otherwise);

/* 1 or 0; `otherwise` if v is neither true nor false. */
UVLLM_EXTERN int uvllm_json_bool(uvllm_json_t v, int otherwise);

/* A value's own bytes as they stand in the text, without the space around it; a
 * string with its quotes and escapes (and whatever invalid UTF-8 it has). */
UVLLM_EXTERN uvllm_str_t uvllm_json_raw(uvllm_json_t v);


/* ---- Writing ------------------------------------------------------------------ */

/* One value (usually an object) is appended to a growing text; commas and colons
 * are put where they belong, and no white space. Errors are sticky, and nothing
 * is written after one: write all, then ask once. They are UV_ENOMEM, and
 * UV_EINVAL for misuse: a name outside an object or after a name, a value in an
 * object without a name, a second value behind the first, an end that does not
 * belong to what is open, nesting beyond UVLLM_JSON_DEPTH, a number that is
 * infinite or not a number, empty raw text. */
typedef struct uvllm_json_writer_s uvllm_json_writer_t;

/* UV_ENOMEM, and then *w is NULL, if there is no memory. `alloc` is copied; NULL
 * means malloc(3). */
UVLLM_EXTERN int uvllm_json_writer_new(uvllm_json_writer_t** w, const uvllm_alloc_t* alloc);

/* Frees the writer and its text. NULL is taken. */
UVLLM_EXTERN void uvllm_json_writer_free(uvllm_json_writer_t* w);

/* Empties it for the next text; keeps its memory, forgets its error. */
UVLLM_EXTERN void uvllm_json_writer_reset(uvllm_json_writer_t* w);

/* 0, or the first error. */
UVLLM_EXTERN int uvllm_json_writer_error(const uvllm_json_writer_t* w);

/* What was written, valid until the next write. Absent after an error, and as
 * long as the value is not whole. */
UVLLM_EXTERN uvllm_str_t uvllm_json_writer_text(const uvllm_json_writer_t* w);

UVLLM_EXTERN void uvllm_json_begin_object(uvllm_json_writer_t* w);
UVLLM_EXTERN void uvllm_json_end_object(uvllm_json_writer_t* w);
UVLLM_EXTERN void uvllm_json_begin_array(uvllm_json_writer_t* w);
UVLLM_EXTERN void uvllm_json_end_array(uvllm_json_writer_t* w);

/* The name of the member whose value is written next; NUL-terminated, escaped
 * like any string. Nobody checks that a name is not given twice. */
UVLLM_EXTERN void uvllm_json_name(uvllm_json_writer_t* w, const char* name);
UVLLM_EXTERN void uvllm_json_name_str(uvllm_json_writer_t* w, uvllm_str_t name);

/* A string of any bytes; each ill-formed part of what is no UTF-8 is written as
 * U+FFFD. An absent string is written as null. */
UVLLM_EXTERN void uvllm_json_write_str(uvllm_json_writer_t* w, uvllm_str_t s);

UVLLM_EXTERN void uvllm_json_write_int(uvllm_json_writer_t* w, int64_t n);

/* At most 17 digits, as few (from 15 on) as read back as the same double. */
UVLLM_EXTERN void uvllm_json_write_num(uvllm_json_writer_t* w, double n);

UVLLM_EXTERN void uvllm_json_write_bool(uvllm_json_writer_t* w, int b);
UVLLM_EXTERN void uvllm_json_write_null(uvllm_json_writer_t* w);

/* A value that is JSON already, put as it is: that it is JSON, and one value, is
 * the caller's word. */
UVLLM_EXTERN void uvllm_json_write_raw(uvllm_json_writer_t* w, uvllm_str_t json);

#ifdef __cplusplus
}
#endif
#endif /* UVLLM_JSON_H */
