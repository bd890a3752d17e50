/* What HTTP's fields are made of (RFC 9110, 5.5 and 5.6.2). Pure. */
#ifndef UVLLM_SRC_HTTP_CHARS_H
#define UVLLM_SRC_HTTP_CHARS_H

#include "mem.h"
#include "words.h"

static inline uint64_t uvllm__has_control(uint64_t w) {
  return uvllm__word_has_below(w, 0x20) | uvllm__word_has(w, 0x7f);
}

/* No control character but HTAB: where any is, byte by byte. */
static inline int uvllm__is_field_value(uvllm_str_t s) {
  uint64_t controls = 0;
  size_t i = 0;
  if (s.len == 0)
    return 1;
  for (; s.len - i >= 8; i += 8)
    controls |= uvllm__has_control(uvllm__word(s.base + i));
  controls |= uvllm__has_control(uvllm__word_of(s.base + i, s.len - i));
  if (controls == 0)
    return 1;
  for (i = 0; i < s.len; i++) {
    const unsigned char c = (unsigned char) s.base[i];
    if ((c < 0x20 && c != '\t') || c == 0x7f)
      return 0;
  }
  return 1;
}

/* Whether a field's name, a token, is the wanted one, which has letters, digits and
 * dashes: these and no others in a token are the same but for the bit of the case. */
static inline int uvllm__is_name(uvllm_str_t name, const char* wanted) {
  const uint64_t letter_case = UVLLM__WORD_ONES * 0x20;
  const size_t n = strlen(wanted);
  uint64_t differs = 0;
  size_t i = 0;
  if (name.len != n)
    return 0;
  for (; n - i >= 8; i += 8)
    differs |= uvllm__word(name.base + i) ^ uvllm__word(wanted + i);
  differs |= uvllm__word_of(name.base + i, n - i) ^ uvllm__word_of(wanted + i, n - i);
  return (differs & ~letter_case) == 0;
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
