/* What HTTP's fields are made of (RFC 9110, 5.5 and 5.6.2). Pure. */
#ifndef UVLLM_SRC_HTTP_CHARS_H
#define UVLLM_SRC_HTTP_CHARS_H

#include "mem.h"

/* No control character but HTAB. To the end in any case: so it is done for many
 * bytes at once. */
static inline int uvllm__is_field_value(uvllm_str_t s) {
  unsigned char bad = 0;
  for (size_t i = 0; i < s.len; i++) {
    unsigned char c = (unsigned char) s.base[i];
    bad |= (unsigned char) (((c < 0x20) & (c != '\t')) | (c == 0x7f));
  }
  return bad == 0;
}

/* What names of fields and methods are; not "". */
int uvllm__is_token(uvllm_str_t s);

static inline uvllm_str_t uvllm__trim_blanks(uvllm_str_t s) {
  while (s.len != 0 && (s.base[0] == ' ' || s.base[0] == '\t')) {
    s.base++;
    s.len--;
  }
  while (s.len != 0 && (s.base[s.len - 1] == ' ' || s.base[s.len - 1] == '\t'))
    s.len--;
  return s;
}

#endif
