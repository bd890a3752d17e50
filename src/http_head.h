/* What the head of an answer may be, whoever has taken it apart: limits, and no
 * doubt about where its body ends (RFC 9112, 6.3). Pure.
 */
#ifndef UVLLM_SRC_HTTP_HEAD_H
#define UVLLM_SRC_HTTP_HEAD_H

#include "mem.h"

enum { UVLLM__HEAD_BYTES = 64 * 1024, UVLLM__HEAD_LINES = 200 };

/* All zero at the start of an exchange. */
typedef struct uvllm__head_s {
  uint32_t bytes;  /* of all heads and trailers of the exchange, 1xx too */
  uint32_t lines;
  uint16_t status; /* of the message at hand; 0: no status line yet */
  uint8_t http10;
  uint8_t nlengths, ncodings;
} uvllm__head_t;

/* All give 0, UVLLM_ETOOLARGE or UVLLM_EPROTO. */

/* So many bytes more of a head, a trailer, or chunk extensions. */
static inline int uvllm__head_bytes(uvllm__head_t* h, size_t n) {
  if (n > UVLLM__HEAD_BYTES - h->bytes)
    return UVLLM_ETOOLARGE;
  h->bytes += (uint32_t) n;
  return 0;
}

/* One more line: a status line, a field, the empty line. */
static inline int uvllm__head_line(uvllm__head_t* h) {
  return ++h->lines > UVLLM__HEAD_LINES ? UVLLM_ETOOLARGE : 0;
}

/* HTTP/1.0 and HTTP/1.1 are known, and statuses of three digits. */
int uvllm__head_status(uvllm__head_t* h, int major, int minor, int status);
/* Not for trailers. White space around the value is gone. */
int uvllm__head_field(uvllm__head_t* h, uvllm_str_t name, uvllm_str_t value);
/* The empty line. */
int uvllm__head_end(const uvllm__head_t* h);

static inline int uvllm__head_is_interim(const uvllm__head_t* h) {
  return h->status / 100 == 1;
}

#endif
