/* Requests out of a connection's bytes: llhttp in strict mode, with the limits
 * it has not and a refusal of what it lets through. No sockets, no loop.
 */
#ifndef UVLLM_SRC_MOCK_HTTP_IN_H
#define UVLLM_SRC_MOCK_HTTP_IN_H

#include <llhttp.h>
#include "buf.h"

typedef struct uvllm__http_limits_s {
  uint32_t max_line_bytes;   /* of the request target: 414 */
  uint32_t max_headers;      /* 431, as the next */
  uint32_t max_header_bytes; /* names and values, and 4 bytes a header */
  uint64_t max_body_bytes;   /* 413, by Content-Length before the body comes */
} uvllm__http_limits_t;

typedef enum {
  UVLLM__HTTP_IN_IDLE,  /* no byte of a request yet */
  UVLLM__HTTP_IN_HEAD,
  UVLLM__HTTP_IN_BODY,
  UVLLM__HTTP_IN_READY, /* one request, whole; feed() takes nothing until next() */
  UVLLM__HTTP_IN_FAILED /* fail_status and fail_text; the connection is lost */
} uvllm__http_in_state;

typedef struct uvllm__http_in_s uvllm__http_in_t;

/* Asked once the head is whole and well formed: 0, or the status to refuse it
 * with, and why in *text (a static string). */
typedef int (*uvllm__http_check_cb)(const uvllm__http_in_t* in, const char** text);

struct uvllm__http_in_s {
  llhttp_t parser;
  const uvllm__http_limits_t* limits;
  uvllm__http_check_cb check_cb; /* may be NULL */
  void* data;                    /* for check_cb */
  uvllm__buf_t head;             /* target, then names and values, back to back */
  uvllm__buf_t fields;           /* of field_t in http_in.c: offsets into head */
  uvllm__buf_t body;
  uint32_t target_len, nfields, raw_bytes, extra_bytes;
  int fail_status;
  const char* fail_text;
  uint8_t state;
  uint8_t in_name, at_line_start, seen_line, scanned, head_done;
  uint8_t wants_continue; /* Expect: 100-continue, not answered yet */
};

void uvllm__http_in_init(uvllm__http_in_t* in, const uvllm__http_limits_t* limits,
                         const uvllm_alloc_t* alloc);
void uvllm__http_in_free(uvllm__http_in_t* in);
/* Returns how many bytes were taken: all of them, unless the state became
 * READY or FAILED. */
size_t uvllm__http_in_feed(uvllm__http_in_t* in, const char* data, size_t len);
/* After READY: forget the request. Small buffers are kept. */
void uvllm__http_in_next(uvllm__http_in_t* in);
/* The body is not needed any more: give its memory back if it is large. */
void uvllm__http_in_drop_body(uvllm__http_in_t* in);

static inline uvllm_str_t uvllm__http_in_target(const uvllm__http_in_t* in) {
  uvllm_str_t s = { in->head.base, in->target_len };
  return s;
}

static inline uvllm_str_t uvllm__http_in_body(const uvllm__http_in_t* in) {
  return uvllm__buf_slice(&in->body);
}

static inline unsigned int uvllm__http_in_method(const uvllm__http_in_t* in) {
  return in->parser.method;
}

/* Whether the client would go on using the connection. HTTP/1.0: never. */
int uvllm__http_in_keeps_alive(const uvllm__http_in_t* in);
/* The first header of that name (lower case); base == NULL: none. */
uvllm_str_t uvllm__http_in_header(const uvllm__http_in_t* in, const char* name);
int uvllm__http_in_count(const uvllm__http_in_t* in, const char* name);
/* Header i in the order they came; 0 past the last. */
int uvllm__http_in_field(const uvllm__http_in_t* in, uint32_t i, uvllm_str_t* name,
                         uvllm_str_t* value);
/* The reason phrase of a status line. */
const char* uvllm__http_reason(int status);

#endif
