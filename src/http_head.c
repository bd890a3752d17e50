/* What the head of an answer may be: see http_head.h. */
#include "http_head.h"

#include <strings.h>

#include "http_chars.h"


int uvllm__head_status(uvllm__head_t* h, int major, int minor, int status) {
  if (major != 1 || minor < 0 || minor > 1 || status < 100 || status > 999)
    return UVLLM_EPROTO;
  h->status = (uint16_t) status;
  h->http10 = minor == 0;
  h->nlengths = h->ncodings = 0;
  return 0;
}


static int is_number(uvllm_str_t s) {
  size_t i = 0;
  while (i < s.len && s.base[i] >= '0' && s.base[i] <= '9')
    i++;
  return s.len != 0 && i == s.len;
}


int uvllm__head_field(uvllm__head_t* h, uvllm_str_t name, uvllm_str_t value) {
  if (!uvllm__is_field_value(value))
    return UVLLM_EPROTO;
  if (uvllm__is_name(name, "content-length"))
    return ++h->nlengths == 1 && is_number(value) ? 0 : UVLLM_EPROTO;
  if (!uvllm__is_name(name, "transfer-encoding"))
    return 0;
  int chunked = value.len == 7 && strncasecmp(value.base, "chunked", 7) == 0;
  return ++h->ncodings == 1 && chunked && !h->http10 ? 0 : UVLLM_EPROTO;
}


int uvllm__head_end(const uvllm__head_t* h) {
  return h->status == 0 || (h->nlengths != 0 && h->ncodings != 0) ? UVLLM_EPROTO : 0;
}
