/* The JSON writer: escape and append.
 *
 * Each level knows its kind, whether something stands in it and whether a name
 * waits for its value; so commas and colons are put here, and what would not be
 * JSON is refused before a byte of it is written. After the first error, ours or
 * the buffer's, nothing is appended. Strings are copied in runs between the
 * bytes that need an escape.
 */
#include "json_writer.h"
#include "json_scan.h"

#include <stdio.h>
#include <stdlib.h>

enum {
  IN_OBJECT = 1,
  FILLED = 2, /* not the first: a comma is due */
  NAMED = 4   /* in an object: the name is written, its value is due */
};

typedef unsigned char byte_t;


void uvllm__json_writer_init(uvllm_json_writer_t* w, uvllm__buf_t* out) {
  w->out = out;
  w->depth = 0;
  w->err = 0;
  w->state[0] = 0;
}


int uvllm_json_writer_new(uvllm_json_writer_t** w, const uvllm_alloc_t* alloc) {
  const uvllm_alloc_t a = uvllm__alloc_or_default(alloc);
  uvllm_json_writer_t* made = uvllm__calloc(&a, 1, sizeof(*made));
  *w = made;
  if (made == NULL)
    return UVLLM__ENOMEM;
  made->alloc = a;
  uvllm__buf_init(&made->own, &made->alloc, SIZE_MAX);
  uvllm__json_writer_init(made, &made->own);
  return 0;
}


void uvllm_json_writer_free(uvllm_json_writer_t* w) {
  if (w == NULL)
    return;
  const uvllm_alloc_t a = w->alloc;
  uvllm__buf_free(&w->own);
  uvllm__free(&a, w);
}


void uvllm_json_writer_reset(uvllm_json_writer_t* w) {
  uvllm__buf_clear(w->out);
  uvllm__json_writer_init(w, w->out);
}


int uvllm_json_writer_error(const uvllm_json_writer_t* w) {
  return w->err != 0 ? w->err : w->out->err;
}


uvllm_str_t uvllm_json_writer_text(const uvllm_json_writer_t* w) {
  const int whole = w->depth == 0 && (w->state[0] & FILLED) != 0;
  return whole && uvllm_json_writer_error(w) == 0 ? uvllm__buf_slice(w->out)
                                                  : (uvllm_str_t) { NULL, 0 };
}


static inline int failed(const uvllm_json_writer_t* w) {
  return (w->err | w->out->err) != 0;
}


/* The first error stays; 0 for begin_value() and begin_name(). */
static int misused(uvllm_json_writer_t* w) {
  if (!failed(w))
    w->err = UVLLM__EINVAL;
  return 0;
}


/* Whether a value may stand here; puts the comma before it. */
static int begin_value(uvllm_json_writer_t* w) {
  unsigned char* state = &w->state[w->depth];
  if (failed(w))
    return 0;
  if ((*state & IN_OBJECT) != 0) {
    if ((*state & NAMED) == 0)
      return misused(w);
    *state &= (unsigned char) ~NAMED;
    return 1;
  }
  if ((*state & FILLED) != 0) {
    if (w->depth == 0)
      return misused(w);
    uvllm__buf_char(w->out, ',');
  }
  *state |= FILLED;
  return 1;
}


static void begin_container(uvllm_json_writer_t* w, char bracket, unsigned char state) {
  if (w->depth == UVLLM_JSON_DEPTH)
    misused(w);
  if (!begin_value(w))
    return;
  w->state[++w->depth] = state;
  uvllm__buf_char(w->out, bracket);
}


static void end_container(uvllm_json_writer_t* w, char bracket, unsigned char kind) {
  if (failed(w))
    return;
  const unsigned char state = w->state[w->depth];
  if (w->depth == 0 || (state & IN_OBJECT) != kind || (state & NAMED) != 0) {
    misused(w);
    return;
  }
  w->depth--;
  uvllm__buf_char(w->out, bracket);
}


void uvllm_json_begin_object(uvllm_json_writer_t* w) {
  begin_container(w, '{', IN_OBJECT);
}


void uvllm_json_end_object(uvllm_json_writer_t* w) {
  end_container(w, '}', IN_OBJECT);
}


void uvllm_json_begin_array(uvllm_json_writer_t* w) {
  begin_container(w, '[', 0);
}


void uvllm_json_end_array(uvllm_json_writer_t* w) {
  end_container(w, ']', 0);
}


static void put_escape(uvllm__buf_t* out, byte_t c) {
  static const char hex[] = "0123456789abcdef";
  char escape[6] = { '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] };
  size_t len = 2;
  switch (c) {
    case '"': case '\\': escape[1] = (char) c; break;
    case '\b': escape[1] = 'b'; break;
    case '\f': escape[1] = 'f'; break;
    case '\n': escape[1] = 'n'; break;
    case '\r': escape[1] = 'r'; break;
    case '\t': escape[1] = 't'; break;
    default: len = 6;
  }
  uvllm__buf_append(out, escape, len);
}


/* Bytes that need no escape; what is no UTF-8 becomes U+FFFD. */
static void put_run(uvllm__buf_t* out, const byte_t* p, const byte_t* end, unsigned int high) {
  while (p < end) {
    const byte_t* good = high != 0 ? uvllm__utf8_check(p, end) : end;
    size_t bad = 0;
    uvllm__buf_append(out, p, (size_t) (good - p));
    if (good < end) {
      uvllm__utf8_sequence(good, end, &bad);
      uvllm__buf_str(out, UVLLM__UTF8_REPLACEMENT);
    }
    p = good + bad;
  }
}


static __attribute__((noinline)) void put_escaped(uvllm__buf_t* out, uvllm_str_t s) {
  const byte_t* p = (const byte_t*) s.base;
  const byte_t* end = p + s.len;
  while (p < end && out->err == 0) {
    unsigned int high = 0;
    const byte_t* stop = uvllm__json_plain(p, end, &high);
    put_run(out, p, stop, high);
    p = stop;
    if (p < end)
      put_escape(out, *p++);
  }
}


static void put_string(uvllm__buf_t* out, uvllm_str_t s) {
  if (uvllm__buf_reserve(out, s.len + 2) != 0)
    return;
  out->base[out->len++] = '"';
  if (uvllm__json_is_plain((const byte_t*) s.base, s.len)) {
    memcpy(out->base + out->len, s.base, s.len);
    out->len += s.len;
  } else {
    put_escaped(out, s);
  }
  uvllm__buf_char(out, '"');
}


/* Whether a name may stand here; puts the comma before it. */
static int begin_name(uvllm_json_writer_t* w) {
  unsigned char* state = &w->state[w->depth];
  if (failed(w))
    return 0;
  if ((*state & IN_OBJECT) == 0 || (*state & NAMED) != 0)
    return misused(w);
  if ((*state & FILLED) != 0)
    uvllm__buf_char(w->out, ',');
  *state |= FILLED | NAMED;
  return 1;
}


void uvllm_json_name_str(uvllm_json_writer_t* w, uvllm_str_t name) {
  if (name.base == NULL)
    misused(w);
  if (!begin_name(w))
    return;
  put_string(w->out, name);
  uvllm__buf_char(w->out, ':');
}


void uvllm__json_name_constant(uvllm_json_writer_t* w, uvllm_str_t name) {
  if (begin_name(w))
    uvllm__buf_append(w->out, name.base, name.len);
}


void uvllm_json_name(uvllm_json_writer_t* w, const char* name) {
  uvllm_json_name_str(w, uvllm__str(name));
}


void uvllm_json_write_str(uvllm_json_writer_t* w, uvllm_str_t s) {
  if (!begin_value(w))
    return;
  if (s.base == NULL)
    uvllm__buf_str(w->out, "null");
  else
    put_string(w->out, s);
}


static void put_int(uvllm__buf_t* out, int64_t n) {
  if (n < 0)
    uvllm__buf_char(out, '-');
  uvllm__buf_uint(out, n < 0 ? 0 - (uint64_t) n : (uint64_t) n);
}


void uvllm_json_write_int(uvllm_json_writer_t* w, int64_t n) {
  if (begin_value(w))
    put_int(w->out, n);
}


/* The locale's point may be any bytes but those of a number. */
static void put_with_point(uvllm__buf_t* out, const char* text) {
  int in_point = 0;
  for (; *text != '\0'; text++) {
    const int own = (*text >= '0' && *text <= '9') || *text == '-' || *text == '+' || *text == 'e';
    if (own)
      uvllm__buf_char(out, *text);
    else if (!in_point)
      uvllm__buf_char(out, '.');
    in_point = !own;
  }
}


void uvllm_json_write_num(uvllm_json_writer_t* w, double n) {
  char text[64];
  if (!(n - n == 0)) /* infinite, or not a number */
    misused(w);
  if (!begin_value(w))
    return;
  if (n > -1e15 && n < 1e15 && n == (double) (int64_t) n && (n != 0 || 1 / n > 0)) {
    put_int(w->out, (int64_t) n);
    return;
  }
  for (int digits = 15; digits <= 17; digits++) {
    snprintf(text, sizeof(text), "%.*g", digits, n);
    if (strtod(text, NULL) == n)
      break;
  }
  put_with_point(w->out, text);
}


void uvllm_json_write_bool(uvllm_json_writer_t* w, int b) {
  if (begin_value(w))
    uvllm__buf_str(w->out, b ? "true" : "false");
}


void uvllm_json_write_null(uvllm_json_writer_t* w) {
  if (begin_value(w))
    uvllm__buf_str(w->out, "null");
}


void uvllm_json_write_raw(uvllm_json_writer_t* w, uvllm_str_t json) {
  if (json.base == NULL || json.len == 0)
    misused(w);
  if (begin_value(w))
    uvllm__buf_append(w->out, json.base, json.len);
}
