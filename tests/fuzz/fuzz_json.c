/* The JSON reader and writer against jansson.
 *
 * Whatever jansson takes we must take and read as the same value. The other way
 * round we take more, and what jansson refuses is not compared: invalid UTF-8,
 * lone surrogates (also in names), integers beyond 64 bits, doubles that overflow,
 * a byte-order mark, "\u0000" in names. What jansson takes and we refuse: nesting
 * beyond UVLLM_JSON_DEPTH (it stops at 2048), and a NUL byte behind the value with
 * anything after it (it takes that for the end).
 *
 * What we took is written with our writer and read again, twice, and must be
 * equal each time. Lookups are held against walking. And the bytes themselves are
 * written as one string, which jansson must read as we do. Last, texts that differ
 * from these bytes in a few are read by their likeness to the one before, and must
 * be as they are when read alone.
 */
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "json_like.h"
#include "uvllm/json.h"

#define CHECK(condition)                                                                  \
  do {                                                                                    \
    if (!(condition))                                                                     \
      abort();                                                                            \
  } while (0)


static int same(uvllm_str_t a, const char* base, size_t len) {
  return a.base != NULL && a.len == len && memcmp(a.base, base, len) == 0;
}


/* The last member of that name, found by walking. */
static uvllm_json_t find(uvllm_json_t object, const char* name) {
  uvllm_json_t value, found = { NULL, 0 };
  uvllm_str_t own;
  uint32_t it = 0;
  while (uvllm_json_next(object, &it, &own, &value))
    if (same(own, name, strlen(name)))
      found = value;
  return found;
}


static void compare(uvllm_json_t v, json_t* ref);


static void compare_object(uvllm_json_t v, json_t* ref) {
  const char* name;
  json_t* value;
  CHECK(uvllm_json_type_of(v) == UVLLM_JSON_OBJECT);
  CHECK(uvllm_json_count(v) >= json_object_size(ref));
  json_object_foreach(ref, name, value) {
    uvllm_json_t own = uvllm_json_get(v, name);
    CHECK(own.index == find(v, name).index);
    compare(own, value);
  }
}


static void compare_array(uvllm_json_t v, json_t* ref) {
  size_t i = 0;
  uint32_t it = 0;
  uvllm_json_t value;
  CHECK(uvllm_json_type_of(v) == UVLLM_JSON_ARRAY);
  while (uvllm_json_next(v, &it, NULL, &value))
    compare(value, json_array_get(ref, i++));
  CHECK(i == json_array_size(ref) && i == uvllm_json_count(v));
}


static void compare(uvllm_json_t v, json_t* ref) {
  CHECK(ref != NULL);
  switch (json_typeof(ref)) {
    case JSON_OBJECT:
      compare_object(v, ref);
      break;
    case JSON_ARRAY:
      compare_array(v, ref);
      break;
    case JSON_STRING:
      CHECK(same(uvllm_json_str(v), json_string_value(ref), json_string_length(ref)));
      break;
    case JSON_INTEGER:
      CHECK(uvllm_json_int(v, 1) == json_integer_value(ref));
      CHECK(uvllm_json_int(v, 2) == json_integer_value(ref));
      break;
    case JSON_REAL:
      CHECK(uvllm_json_type_of(v) == UVLLM_JSON_NUMBER);
      CHECK(uvllm_json_num(v, 0) == json_real_value(ref));
      break;
    case JSON_NULL:
      CHECK(uvllm_json_type_of(v) == UVLLM_JSON_NULL);
      break;
    default:
      CHECK(uvllm_json_bool(v, -1) == json_is_true(ref));
  }
}


/* Only counts brackets; asked only of what jansson took. */
static int too_deep(const uint8_t* data, size_t len) {
  int depth = 0, in_string = 0;
  for (size_t i = 0; i < len; i++) {
    if (in_string && data[i] == '\\')
      i++;
    else if (data[i] == '"')
      in_string = !in_string;
    else if (!in_string && (data[i] == '[' || data[i] == '{') && ++depth > UVLLM_JSON_DEPTH)
      return 1;
    else if (!in_string && (data[i] == ']' || data[i] == '}'))
      depth--;
  }
  return 0;
}


/* ---- Round trip -------------------------------------------------------------------- */

/* 0 if v cannot be written: the writer takes names NUL-terminated. */
static int write_value(uvllm_json_writer_t* w, uvllm_json_t v);


static int write_members(uvllm_json_writer_t* w, uvllm_json_t v) {
  uint32_t it = 0;
  uvllm_str_t name;
  uvllm_json_t value;
  while (uvllm_json_next(v, &it, &name, &value)) {
    if (uvllm_json_type_of(v) == UVLLM_JSON_OBJECT) {
      CHECK(name.base != NULL);
      char* copy = calloc(1, name.len + 1);
      CHECK(copy != NULL);
      memcpy(copy, name.base, name.len);
      int whole = strlen(copy) == name.len;
      uvllm_json_name(w, copy);
      free(copy);
      if (!whole)
        return 0;
    }
    if (!write_value(w, value))
      return 0;
  }
  return 1;
}


static void write_number(uvllm_json_writer_t* w, uvllm_json_t v) {
  double d = uvllm_json_num(v, 0);
  int64_t n = uvllm_json_int(v, 0);
  if (d - d != 0)
    uvllm_json_write_raw(w, uvllm_json_raw(v)); /* infinite */
  else if (d == (double) n && n > INT64_MIN && n < INT64_MAX && n != 0)
    uvllm_json_write_int(w, n);
  else
    uvllm_json_write_num(w, d);
}


static int write_value(uvllm_json_writer_t* w, uvllm_json_t v) {
  int whole = 1;
  switch (uvllm_json_type_of(v)) {
    case UVLLM_JSON_OBJECT:
      uvllm_json_begin_object(w);
      whole = write_members(w, v);
      uvllm_json_end_object(w);
      break;
    case UVLLM_JSON_ARRAY:
      uvllm_json_begin_array(w);
      whole = write_members(w, v);
      uvllm_json_end_array(w);
      break;
    case UVLLM_JSON_STRING:
      uvllm_json_write_str(w, uvllm_json_str(v));
      break;
    case UVLLM_JSON_NUMBER:
      write_number(w, v);
      break;
    case UVLLM_JSON_BOOL:
      uvllm_json_write_bool(w, uvllm_json_bool(v, 0));
      break;
    case UVLLM_JSON_NULL:
      uvllm_json_write_null(w);
      break;
    default:
      abort();
  }
  return whole;
}


static int equal(uvllm_json_t a, uvllm_json_t b) {
  uint32_t ia = 0, ib = 0;
  uvllm_str_t na, nb, sa = uvllm_json_str(a), sb = uvllm_json_str(b);
  uvllm_json_t va, vb;
  if (uvllm_json_type_of(a) != uvllm_json_type_of(b) || uvllm_json_count(a) != uvllm_json_count(b))
    return 0;
  if (sa.base != NULL && !same(sa, sb.base, sb.len))
    return 0;
  if (uvllm_json_bool(a, 2) != uvllm_json_bool(b, 2) ||
      uvllm_json_num(a, 0) != uvllm_json_num(b, 0))
    return 0;
  while (uvllm_json_next(a, &ia, &na, &va))
    if (!uvllm_json_next(b, &ib, &nb, &vb) || (na.base != NULL && !same(na, nb.base, nb.len)) ||
        !equal(va, vb))
      return 0;
  return 1;
}


/* Gives what it was read back as. */
static uvllm_json_t write_and_read(uvllm_json_writer_t* w, uvllm_json_parser_t* parser,
                                   uvllm_json_t v) {
  uvllm_json_t root = { NULL, 0 };
  uvllm_json_writer_reset(w);
  if (!write_value(w, v))
    return root;
  CHECK(uvllm_json_writer_error(w) == 0);
  CHECK(uvllm_json_parse(parser, uvllm_json_writer_text(w), &root, NULL) == 0);
  CHECK(equal(v, root));
  return root;
}


static void round_trip(uvllm_json_t v) {
  uvllm_json_parser_t* parsers[2];
  uvllm_json_writer_t* writers[2];
  for (int i = 0; i < 2; i++)
    CHECK(uvllm_json_parser_new(&parsers[i], NULL) == 0 &&
          uvllm_json_writer_new(&writers[i], NULL) == 0);
  for (int i = 0; i < 2 && v.parser != NULL; i++)
    v = write_and_read(writers[i], parsers[i], v);
  for (int i = 0; i < 2; i++) {
    uvllm_json_parser_free(parsers[i]);
    uvllm_json_writer_free(writers[i]);
  }
}


/* Any bytes as a string: the writer's own work, not only what a reader gave. */
static void write_bytes(uvllm_json_parser_t* parser, uvllm_str_t bytes) {
  uvllm_json_writer_t* w;
  uvllm_json_t root;
  json_error_t error;
  CHECK(uvllm_json_writer_new(&w, NULL) == 0);
  uvllm_json_write_str(w, bytes);
  uvllm_str_t text = uvllm_json_writer_text(w);
  CHECK(uvllm_json_parse(parser, text, &root, NULL) == 0);
  json_t* ref = json_loadb(text.base, text.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
  compare(root, ref);
  json_decref(ref);
  uvllm_json_writer_free(w);
}


/* ---- Likeness ------------------------------------------------------------------------- */

static void read_both_ways(uvllm_json_parser_t* like, uvllm_json_parser_t* alone,
                           const char* base, size_t len) {
  uvllm_json_t a, b;
  size_t at_a = 0, at_b = 0;
  char* copy = malloc(len + (len == 0));
  CHECK(copy != NULL);
  memcpy(copy, base, len);
  const uvllm_str_t text = { copy, len };
  const int err = uvllm__json_parse_like(like, text, &a, &at_a);
  CHECK(err == uvllm_json_parse(alone, text, &b, &at_b) && (err == 0 || at_a == at_b));
  if (err == 0) {
    const uvllm_str_t raw = uvllm_json_raw(a);
    CHECK(same(uvllm_json_raw(b), raw.base, raw.len) && equal(a, b) && equal(b, a));
  }
  free(copy);
}


/* In the other text there is more, less, or another byte at a few places. */
static size_t make_other(char* to, const char* from, size_t len, uint32_t seed) {
  size_t n = 0;
  for (size_t i = 0; i < len; i++) {
    seed = seed * 1664525u + 1013904223u;
    if (seed >> 24 < 4)
      to[n++] = "\"\\019-.e,:[]{} \n\xc3\xa9ntfu"[seed >> 16 & 15];
    if (seed >> 24 != 5)
      to[n++] = from[i];
    if (seed >> 24 == 6)
      to[n - 1] = "\"\\019-.e,:[]{} \n\xc3\xa9ntfu"[8 + (seed >> 16 & 7)];
  }
  return n;
}


static void read_alike(const char* base, size_t len) {
  uvllm_json_parser_t *like, *alone;
  char* other = malloc(2 * len + 1);
  CHECK(other != NULL && uvllm_json_parser_new(&like, NULL) == 0 &&
        uvllm_json_parser_new(&alone, NULL) == 0);
  for (uint32_t seed = 0; seed < 8; seed++) {
    read_both_ways(like, alone, base, len);
    read_both_ways(like, alone, other, make_other(other, base, len, seed));
  }
  free(other);
  uvllm_json_parser_free(like);
  uvllm_json_parser_free(alone);
}


int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static uvllm_json_parser_t* parser; /* one for all inputs, as in use */
  uvllm_json_t root;
  json_error_t error;
  size_t at = SIZE_MAX;
  if (parser == NULL)
    CHECK(uvllm_json_parser_new(&parser, NULL) == 0);
  char* copy = malloc(size + (size == 0)); /* ends where it ends */
  CHECK(copy != NULL);
  memcpy(copy, data, size);
  uvllm_str_t text = { copy, size };
  json_t* ref = json_loadb(copy, size, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
  int err = uvllm_json_parse(parser, text, &root, &at);
  CHECK(err == 0 || (err == UVLLM_EPROTO && at <= size));
  CHECK(err == 0 || ref == NULL || too_deep(data, size) || memchr(copy, 0, size) != NULL);
  CHECK(err != 0 || memchr(copy, 0, size) == NULL);
  if (err == 0) {
    if (ref != NULL)
      compare(root, ref);
    round_trip(root);
  }
  write_bytes(parser, text);
  read_alike(copy, size);
  json_decref(ref);
  free(copy);
  return 0;
}
