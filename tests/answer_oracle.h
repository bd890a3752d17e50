/* What the bytes of an answer mean by RFC 9112, read the slow way: all of them at
 * once, line by line. The transports are held against it.
 */
#ifndef UVLLM_TESTS_ANSWER_ORACLE_H
#define UVLLM_TESTS_ANSWER_ORACLE_H

#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

#include "buf.h"

typedef enum {
  ORACLE_MORE,      /* well-formed as far as it goes */
  ORACLE_UNTIL_EOF, /* likewise, and the end of the connection makes it whole */
  ORACLE_WHOLE,
  ORACLE_BAD
} oracle_state;

typedef struct oracle_s {
  const char *p, *end;  /* what is not read yet */
  int to_head;          /* it answers HEAD */
  oracle_state state;
  const char* why;      /* BAD: what is wrong */
  int in_line;          /* it ends within one of a head, a chunk's size or a trailer */
  int in_trailers;      /* that far it was right */
  int is_rare;          /* what llhttp 8.1 gets wrong: a chunk extension, or a quote,
                           behind an unquoted value, an escape or more than ASCII in a
                           quoted one; a tab behind a length or a coding */
  int status;           /* of the final head; 0: it is not whole */
  int http10;
  unsigned int nlengths, ncodings;
  uint64_t length;
  uvllm__buf_t fields;  /* "Name: value\n" each, of the final head */
  uvllm__buf_t body;
} oracle_t;

static inline int oracle__bad(oracle_t* o, const char* why) {
  o->state = ORACLE_BAD;
  o->why = why;
  return 0;
}

/* The next line without its end. 0: there is no whole one; *line is its beginning. */
static inline int oracle__line(oracle_t* o, uvllm_str_t* line) {
  const char* lf = memchr(o->p, '\n', (size_t) (o->end - o->p));
  const char* eol = lf != NULL ? lf : o->end;
  const char* cr = memchr(o->p, '\r', (size_t) (eol - o->p));
  *line = (uvllm_str_t) { o->p, (size_t) ((cr != NULL ? cr : eol) - o->p) };
  o->in_line = lf == NULL;
  if (lf == NULL && (cr == NULL || cr + 1 == o->end))
    return 0;
  if (cr == NULL)
    return oracle__bad(o, "a line ends with LF alone");
  if (lf == NULL || cr + 1 != lf)
    return oracle__bad(o, "a CR stands alone");
  o->p = lf + 1;
  return 1;
}

static inline int oracle__is_token_char(unsigned char c) {
  return isalnum(c) || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

/* ---- The head ---- */

/* Also of a line's beginning. */
static inline int oracle__is_status_line(uvllm_str_t line) {
  static const char shape[] = "HTTP/1.1 000 ";
  for (size_t i = 0; i < line.len && i < sizeof(shape) - 1; i++) {
    int ok = shape[i] == '0' ? isdigit((unsigned char) line.base[i]) : line.base[i] == shape[i];
    if (!ok && !(i == 7 && line.base[i] == '0'))
      return 0;
  }
  for (size_t i = sizeof(shape) - 1; i < line.len; i++)
    if (iscntrl((unsigned char) line.base[i]) && line.base[i] != '\t')
      return 0;
  return line.len <= 9 || line.base[9] != '0';
}

static inline int oracle__status_line(oracle_t* o, int* status) {
  uvllm_str_t line;
  int whole = oracle__line(o, &line);
  if (o->state == ORACLE_BAD)
    return 0;
  if (!oracle__is_status_line(line) || (whole && line.len < 12))
    return oracle__bad(o, "the status line is none");
  if (!whole)
    return 0;
  o->http10 = line.base[7] == '0';
  *status = atoi(line.base + 9);
  return 1;
}

/* Also of a line's beginning: then there may be no colon yet. */
static inline const char* oracle__field_fault(uvllm_str_t line, int whole, size_t* name_len) {
  size_t i = 0;
  if (line.len != 0 && isblank((unsigned char) line.base[0]))
    return "a field is folded";
  while (i < line.len && oracle__is_token_char((unsigned char) line.base[i]))
    i++;
  *name_len = i;
  if (i == line.len)
    return whole ? "a field has no colon" : NULL;
  if (line.base[i] != ':' || i == 0)
    return "a field's name is none";
  for (i++; i < line.len; i++)
    if (iscntrl((unsigned char) line.base[i]) && line.base[i] != '\t')
      return "a value has a control character";
  return NULL;
}

static inline uvllm_str_t oracle__trim(uvllm_str_t s) {
  while (s.len != 0 && isblank((unsigned char) s.base[0])) {
    s.base++;
    s.len--;
  }
  while (s.len != 0 && isblank((unsigned char) s.base[s.len - 1]))
    s.len--;
  return s;
}

static inline int oracle__is_named(uvllm_str_t name, const char* wanted) {
  return name.len == strlen(wanted) && strncasecmp(name.base, wanted, name.len) == 0;
}

static inline int oracle__is_framing(uvllm_str_t name) {
  return oracle__is_named(name, "content-length") ||
         oracle__is_named(name, "transfer-encoding");
}

static inline int oracle__take_length(oracle_t* o, uvllm_str_t value) {
  if (++o->nlengths > 1)
    return oracle__bad(o, "there are two lengths");
  if (value.len == 0)
    return oracle__bad(o, "the length is no number");
  for (size_t i = 0; i < value.len; i++) {
    if (!isdigit((unsigned char) value.base[i]))
      return oracle__bad(o, "the length is no number");
    if (o->length >= INT64_MAX / 100)
      return oracle__bad(o, "the length is no length");
    o->length = o->length * 10 + (uint64_t) (value.base[i] - '0');
  }
  return 1;
}

static inline int oracle__take_field(oracle_t* o, uvllm_str_t line, size_t name_len) {
  uvllm_str_t name = { line.base, name_len };
  uvllm_str_t value = { line.base + name_len + 1, line.len - name_len - 1 };
  value = oracle__trim(value);
  uvllm__buf_append(&o->fields, name.base, name.len);
  uvllm__buf_str(&o->fields, ": ");
  uvllm__buf_append(&o->fields, value.base, value.len);
  uvllm__buf_char(&o->fields, '\n');
  o->is_rare |= oracle__is_framing(name) && line.base[line.len - 1] == '\t';
  if (oracle__is_named(name, "content-length"))
    return oracle__take_length(o, value);
  if (!oracle__is_named(name, "transfer-encoding"))
    return 1;
  if (++o->ncodings > 1 || !oracle__is_named(value, "chunked"))
    return oracle__bad(o, "the coding is not chunked");
  return o->http10 ? oracle__bad(o, "HTTP/1.0 has no codings") : 1;
}

/* 1: the empty line was read. */
static inline int oracle__fields(oracle_t* o, int are_trailers) {
  uvllm_str_t line;
  int whole;
  while ((whole = oracle__line(o, &line)) != 0 && line.len != 0) {
    size_t name_len = 0;
    const char* fault = oracle__field_fault(line, 1, &name_len);
    if (fault != NULL)
      return oracle__bad(o, fault);
    if (are_trailers && oracle__is_framing((uvllm_str_t) { line.base, name_len }))
      return oracle__bad(o, "a trailer says where the body ends");
    if (!are_trailers && !oracle__take_field(o, line, name_len))
      return 0;
  }
  size_t ignored;
  const char* fault = oracle__field_fault(line, 0, &ignored);
  if (!whole && o->state != ORACLE_BAD && fault != NULL)
    oracle__bad(o, fault);
  return whole;
}

/* One head, perhaps an interim one. */
static inline int oracle__head(oracle_t* o, int* status) {
  o->nlengths = o->ncodings = 0;
  o->length = 0;
  uvllm__buf_clear(&o->fields);
  if (!oracle__status_line(o, status) || !oracle__fields(o, 0))
    return 0;
  if (o->nlengths != 0 && o->ncodings != 0)
    return oracle__bad(o, "there are a length and a coding");
  if (*status == 101)
    return oracle__bad(o, "nobody asked for an upgrade");
  if (*status < 200 && o->nlengths + o->ncodings != 0)
    return oracle__bad(o, "an interim answer has a body");
  return 1;
}

/* ---- The body ---- */

/* So many bytes, or what there is of them. */
static inline int oracle__take_body(oracle_t* o, uint64_t n) {
  uint64_t there = (uint64_t) (o->end - o->p);
  size_t taken = (size_t) (there < n ? there : n);
  uvllm__buf_append(&o->body, o->p, taken);
  o->p += taken;
  return there >= n;
}

static inline size_t oracle__skip_token(uvllm_str_t s, size_t i) {
  while (i < s.len && oracle__is_token_char((unsigned char) s.base[i]))
    i++;
  return i;
}

/* Behind the closing quote; beyond s.len: there is none. 0: it is bad. */
static inline size_t oracle__skip_quoted(oracle_t* o, uvllm_str_t s, size_t i) {
  for (i++; i < s.len && s.base[i] != '"'; i++) {
    if (iscntrl((unsigned char) s.base[i]) && s.base[i] != '\t')
      return 0;
    o->is_rare |= s.base[i] == '\\' || (unsigned char) s.base[i] >= 0x80;
    i += s.base[i] == '\\';
  }
  return i + 1;
}

/* "name=value" or "name"; 0: neither. Behind it. */
static inline size_t oracle__skip_extension(oracle_t* o, uvllm_str_t s, size_t i) {
  size_t name = i, value;
  i = oracle__skip_token(s, i);
  if (i == s.len || s.base[i] != '=')
    return i != name || i == s.len ? i : 0;
  value = ++i;
  if (i < s.len && s.base[i] == '"')
    return oracle__skip_quoted(o, s, i);
  i = oracle__skip_token(s, i);
  o->is_rare |= i < s.len && (s.base[i] == ';' || s.base[i] == '"');
  return i != value || i == s.len ? i : 0;
}

/* Any number of them, each behind a ';', without blanks. */
static inline int oracle__are_extensions(oracle_t* o, uvllm_str_t s, int whole) {
  size_t i = 0;
  while (i < s.len)
    if (s.base[i] != ';' || (i = oracle__skip_extension(o, s, i + 1)) == 0)
      return 0;
  return !whole || (i == s.len && (i == 0 || strchr(";=", s.base[i - 1]) == NULL));
}

static inline int oracle__chunk_size(oracle_t* o, uint64_t* size) {
  uvllm_str_t line;
  size_t i = 0;
  int whole = oracle__line(o, &line);
  if (o->state == ORACLE_BAD)
    return 0;
  while (i < line.len && line.base[i] == '0')
    i++;
  size_t nzeros = i;
  while (i < line.len && isxdigit((unsigned char) line.base[i]))
    i++;
  uvllm_str_t behind = { line.base + i, line.len - i };
  if (i - nzeros > 15 || (i == 0 && (whole || line.len != 0)) || !oracle__are_extensions(o, behind, whole))
    return oracle__bad(o, "the chunk's size is none");
  *size = whole ? strtoull(line.base, NULL, 16) : 0;
  return whole;
}

static inline int oracle__chunk_end(oracle_t* o) {
  size_t there = (size_t) (o->end - o->p);
  if (memcmp(o->p, "\r\n", there < 2 ? there : 2) != 0)
    return oracle__bad(o, "the chunk does not end where its size says");
  o->p += there < 2 ? there : 2;
  return there >= 2;
}

static inline void oracle__chunks(oracle_t* o) {
  uint64_t size;
  while (oracle__chunk_size(o, &size)) {
    if (size == 0) {
      o->in_trailers = 1;
      if (oracle__fields(o, 1))
        o->state = ORACLE_WHOLE;
      return;
    }
    if (!oracle__take_body(o, size) || !oracle__chunk_end(o))
      return;
  }
}

static inline void oracle__body(oracle_t* o) {
  if (o->to_head || o->status == 204 || o->status == 304) {
    o->state = ORACLE_WHOLE;
  } else if (o->ncodings != 0) {
    oracle__chunks(o);
  } else if (o->nlengths != 0) {
    o->state = oracle__take_body(o, o->length) ? ORACLE_WHOLE : ORACLE_MORE;
  } else {
    o->state = ORACLE_UNTIL_EOF;
    oracle__take_body(o, UINT64_MAX);
  }
}

/* o->p is then where it ends. To be freed. */
static inline void oracle_read(oracle_t* o, const char* data, size_t len, int to_head) {
  int status = 0;
  memset(o, 0, sizeof(*o));
  o->p = data;
  o->end = data + len;
  o->to_head = to_head;
  uvllm__buf_init(&o->fields, &uvllm__alloc_default, SIZE_MAX);
  uvllm__buf_init(&o->body, &uvllm__alloc_default, SIZE_MAX);
  while (oracle__head(o, &status)) {
    if (status < 200)
      continue;
    o->status = status;
    oracle__body(o);
    return;
  }
}

static inline void oracle_free(oracle_t* o) {
  uvllm__buf_free(&o->fields);
  uvllm__buf_free(&o->body);
}

#endif
