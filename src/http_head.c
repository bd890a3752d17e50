/* What the head of an answer may be: see http_head.h. */
#include "http_head.h"

#include <strings.h>

#include "http_chars.h"


static int is_digit(char c) {
  return c >= '0' && c <= '9';
}


/* Any byte but a control character, or one that ends the line. */
static int is_reason(char c) {
  unsigned char u = (unsigned char) c;
  return (u >= 0x20 && u != 0x7f) || u == '\t' || u == '\r' || u == '\n';
}


static int take_status_byte(uvllm__head_t* h, size_t at, char c) {
  static const char shape[] = "HTTP/1.";
  if (at < 7)
    return c == shape[at];
  if (at == 7) {
    h->http10 = c == '0';
    return c == '0' || c == '1';
  }
  if (at == 8)
    return c == ' ';
  if (at == 12)
    return c == ' ' || c == '\r' || c == '\n';
  if (at > 12)
    return is_reason(c);
  h->status = (uint16_t) (10 * h->status + (c - '0'));
  return is_digit(c) && h->status != 0;
}


int uvllm__head_status_line(uvllm__head_t* h, size_t at, const char* data, size_t n) {
  for (; n-- > 0; at++)
    if (!take_status_byte(h, at, *data++))
      return UVLLM_EPROTO;
  return 0;
}


/* A number that every parser can hold. */
static int is_length(uvllm_str_t s) {
  uint64_t n = 0;
  size_t i = 0;
  for (; i < s.len && is_digit(s.base[i]) && n < INT64_MAX / 100; i++)
    n = 10 * n + (uint64_t) (s.base[i] - '0');
  return s.len != 0 && i == s.len;
}


int uvllm__head_field(uvllm__head_t* h, uvllm_str_t name, uvllm_str_t value) {
  if (!uvllm__is_token(name) || !uvllm__is_field_value(value))
    return UVLLM_EPROTO;
  if (uvllm__is_name(name, "content-length"))
    return ++h->nlengths == 1 && is_length(value) ? 0 : UVLLM_EPROTO;
  if (!uvllm__is_name(name, "transfer-encoding"))
    return 0;
  int chunked = value.len == 7 && strncasecmp(value.base, "chunked", 7) == 0;
  return ++h->ncodings == 1 && chunked && !h->http10 ? 0 : UVLLM_EPROTO;
}


/* An interim answer has no body, and 101 is one that nobody asked for. */
int uvllm__head_end(uvllm__head_t* h) {
  int nlengths = h->nlengths, ncodings = h->ncodings;
  if (h->status == 101 || (nlengths != 0 && ncodings != 0))
    return UVLLM_EPROTO;
  if (!uvllm__head_is_interim(h))
    return 0;
  h->status = 0;
  h->nlengths = h->ncodings = 0;
  return nlengths + ncodings != 0 ? UVLLM_EPROTO : 0;
}


const char* uvllm__head_words(int err) {
  if (err == UVLLM_EPROTO)
    return "the answer's head is malformed";
  return err == UVLLM_ETOOLARGE ? "the answer's head is larger than allowed" : "";
}
