/* What HTTP's fields are made of: see http_chars.h. */
#include "http_chars.h"

/* 1 for what a token (RFC 9110, 5.6.2) is made of. */
static const unsigned char kToken[256] = {
  ['!'] = 1, ['#'] = 1, ['$'] = 1, ['%'] = 1, ['&'] = 1, ['\''] = 1, ['*'] = 1, ['+'] = 1,
  ['-'] = 1, ['.'] = 1, ['^'] = 1, ['_'] = 1, ['`'] = 1, ['|'] = 1, ['~'] = 1,
  ['0' ... '9'] = 1, ['A' ... 'Z'] = 1, ['a' ... 'z'] = 1
};


int uvllm__is_token(uvllm_str_t s) {
  unsigned int all = 1;
  for (size_t i = 0; i < s.len; i++)
    all &= kToken[(unsigned char) s.base[i]];
  return all != 0 && s.len != 0;
}
