/* The HTTP request that an adapter builds: method, path, headers, body. Pure.
 *
 * One growing buffer holds the NUL-terminated strings; it is wiped when freed,
 * since keys stand in it. Reused from attempt to attempt by reset().
 */
#ifndef UVLLM_SRC_HTTP_BUILD_H
#define UVLLM_SRC_HTTP_BUILD_H

#include "buf.h"
#include "json_writer.h"
#include "uvllm/provider.h"

enum { UVLLM__HTTP_MAX_HEADERS = 64 };

typedef struct uvllm__http_header_s {
  uint32_t offset; /* in `text`: "Name: value", then NUL and LF */
  uint32_t name_len;
  uint32_t len;    /* with these two */
  int secret;
} uvllm__http_header_t;

struct uvllm_http_s {
  const char* method;       /* "POST" or method_store */
  char method_store[16];
  uvllm__buf_t path;        /* with query, NUL-terminated by finish() */
  uvllm__buf_t text;        /* header lines, one after the other */
  uvllm__http_header_t headers[UVLLM__HTTP_MAX_HEADERS];
  size_t nheaders;
  uvllm__buf_t body;        /* own body, or: */
  uvllm_str_t body_ref;     /* borrowed; base != NULL wins */
  uvllm_json_writer_t json; /* writes into `body` */
  int has_json;             /* `json` was begun */
  int has_query;
  int err;                  /* sticky: UV_EINVAL, UV_ENOMEM */
};

void uvllm__http_init(uvllm_http_t* http, const uvllm_alloc_t* alloc);
void uvllm__http_reset(uvllm_http_t* http);
void uvllm__http_free(uvllm_http_t* http);
/* After build(): 0 or the sticky error; strings are NUL-terminated from here. */
int uvllm__http_finish(uvllm_http_t* http);
uvllm_str_t uvllm__http_body(const uvllm_http_t* http); /* base == NULL: none */

/* A header that is a constant and may be sent as it is: nobody looks at it again. */
#define UVLLM__HTTP_CONSTANT(http, name, value)                                  \
  uvllm__http_constant((http), name ": " value "\0\n", sizeof(name) - 1,        \
                       sizeof(name ": " value) + 1)
void uvllm__http_constant(uvllm_http_t* http, const char* line, size_t name_len, size_t len);

/* uvllm_http_secret() where name and prefix are such constants. */
#define UVLLM__HTTP_SECRET(http, name, prefix, value)                            \
  uvllm__http_secret((http), name ": " prefix, sizeof(name) - 1,                 \
                     sizeof(name ": " prefix) - 1, (value))
void uvllm__http_secret(uvllm_http_t* http, const char* begin, size_t name_len, size_t begin_len,
                        uvllm_str_t value);

/* The headers as they go on the wire, without the empty line. Lines are no strings
 * from here on. */
uvllm_str_t uvllm__http_fields(uvllm_http_t* http);

/* "Name: value"; "Name: " where the value is empty (curl wants that as "Name;"). */
static inline char* uvllm__http_header_line(const uvllm_http_t* http, size_t i) {
  return http->text.base + http->headers[i].offset;
}

/* Whether a header given by the user may be sent: RFC 9110 token, no control
 * characters, and not one that is ours to write (Host, Content-Length,
 * Transfer-Encoding, Connection, Expect, TE, Upgrade...). 0 or UV_EINVAL. */
int uvllm__http_check_header(const char* name, const char* value);

#endif
