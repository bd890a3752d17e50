/* Messages of AWS's event stream, for the tests: written apart from the mock's own, so
 * that neither can share a mistake with the other.
 *
 * A fixture of them is a text with a message a line, "KIND NAME PAYLOAD":
 *
 *   event messageStart {"role":"assistant"}
 *   exception throttlingException {"message":"Too many requests"}
 *   error InternalError The words are in a header, there is no payload
 */
#ifndef UVLLM_TESTS_AWS_ENCODE_H
#define UVLLM_TESTS_AWS_ENCODE_H

#include "buf.h"

static inline uint32_t aws_crc(const char* p, size_t len) {
  uint32_t crc = ~UINT32_C(0);
  for (size_t i = 0; i < len; i++) {
    crc ^= (unsigned char) p[i];
    for (int bit = 0; bit < 8; bit++)
      crc = crc >> 1 ^ (UINT32_C(0xedb88320) & (0 - (crc & 1)));
  }
  return ~crc;
}

static inline void aws_put_32(uvllm__buf_t* out, uint32_t n) {
  for (int shift = 24; shift >= 0; shift -= 8)
    uvllm__buf_char(out, (char) (n >> shift));
}

static inline void aws_put_header(uvllm__buf_t* out, const char* name, uvllm_str_t value) {
  uvllm__buf_char(out, (char) strlen(name));
  uvllm__buf_str(out, name);
  uvllm__buf_char(out, 7);
  uvllm__buf_char(out, (char) (value.len >> 8));
  uvllm__buf_char(out, (char) value.len);
  uvllm__buf_append(out, value.base, value.len);
}

/* Headers as they are, and a payload; the checksums are put around them. */
static inline void aws_put_message(uvllm__buf_t* out, uvllm_str_t headers, uvllm_str_t payload) {
  const size_t start = out->len;
  aws_put_32(out, (uint32_t) (headers.len + payload.len + 16));
  aws_put_32(out, (uint32_t) headers.len);
  aws_put_32(out, aws_crc(out->base + start, 8));
  uvllm__buf_append(out, headers.base, headers.len);
  uvllm__buf_append(out, payload.base, payload.len);
  aws_put_32(out, aws_crc(out->base + start, out->len - start));
}

static inline uvllm_str_t aws__word(uvllm_str_t* line) {
  size_t n = 0;
  while (n < line->len && line->base[n] != ' ')
    n++;
  const uvllm_str_t word = { line->base, n };
  n += n < line->len;
  line->base += n;
  line->len -= n;
  return word;
}

static inline void aws_put_line(uvllm__buf_t* out, uvllm_str_t line) {
  const uvllm_str_t kind = aws__word(&line), name = aws__word(&line), none = { NULL, 0 };
  const int is_error = uvllm__str_eq(kind, "error"), is_event = uvllm__str_eq(kind, "event");
  uvllm__buf_t headers;
  uvllm__buf_init(&headers, &uvllm__alloc_default, SIZE_MAX);
  aws_put_header(&headers, is_error ? ":error-code" : is_event ? ":event-type"
                                                               : ":exception-type", name);
  if (is_error)
    aws_put_header(&headers, ":error-message", line);
  else
    aws_put_header(&headers, ":content-type", uvllm__str("application/json"));
  aws_put_header(&headers, ":message-type", kind);
  aws_put_message(out, uvllm__buf_slice(&headers), is_error ? none : line);
  uvllm__buf_free(&headers);
}

/* All lines of a text. */
static inline void aws_put_lines(uvllm__buf_t* out, uvllm_str_t text) {
  while (text.len != 0) {
    const char* eol = memchr(text.base, '\n', text.len);
    const size_t len = eol != NULL ? (size_t) (eol - text.base) : text.len;
    if (len != 0)
      aws_put_line(out, (uvllm_str_t) { text.base, len });
    text.base += len + (eol != NULL);
    text.len -= len + (eol != NULL);
  }
}

#endif
