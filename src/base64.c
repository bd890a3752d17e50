/* Base64 decoded, four characters at a time: see base64.h. The table gives a
 * character's six bits plus one; 0 is a foreign character.
 */
#include "base64.h"

static const unsigned char kBits[256] = {
  ['A'] = 1,  ['B'] = 2,  ['C'] = 3,  ['D'] = 4,  ['E'] = 5,  ['F'] = 6,  ['G'] = 7,
  ['H'] = 8,  ['I'] = 9,  ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14,
  ['O'] = 15, ['P'] = 16, ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21,
  ['V'] = 22, ['W'] = 23, ['X'] = 24, ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28,
  ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32, ['g'] = 33, ['h'] = 34, ['i'] = 35,
  ['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40, ['o'] = 41, ['p'] = 42,
  ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48, ['w'] = 49,
  ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56,
  ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['+'] = 63,
  ['/'] = 64
};


static uvllm_str_t without_padding(uvllm_str_t text) {
  if (text.len % 4 == 0 && text.len != 0 && text.base[text.len - 1] == '=')
    text.len -= text.base[text.len - 2] == '=' ? 2 : 1;
  return text;
}


int uvllm__base64_decode(uvllm_str_t text, void* out, size_t size, size_t* len) {
  text = without_padding(text);
  size_t rest = text.len % 4;
  size_t n = text.len / 4 * 3 + (rest != 0 ? rest - 1 : 0);
  if (rest == 1)
    return UVLLM__EINVAL;
  if (n > size)
    return UVLLM_ETOOLARGE;
  unsigned char* p = out;
  uint32_t bits = 0;
  for (size_t i = 0; i < text.len; i++) {
    unsigned char b = kBits[(unsigned char) text.base[i]];
    if (b == 0)
      return UVLLM__EINVAL;
    bits = bits << 6 | (uint32_t) (b - 1);
    if (i % 4 != 0)
      *p++ = (unsigned char) (bits >> (6 - 2 * (i % 4)));
  }
  if ((rest == 2 && (bits & 15) != 0) || (rest == 3 && (bits & 3) != 0))
    return UVLLM__EINVAL;
  *len = n;
  return 0;
}
