/* A token is one of 128 words, chosen by mixing the hash with its number, so that
 * any token of any answer is known without what came before it. A few need JSON's
 * escapes, or more than ASCII, since real answers have them too.
 */
#include "mock/mock_text.h"

#define W(text) UVLLM_STR(text)

static const uvllm_str_t words[128] = {
  W(" the"), W(" of"), W(" and"), W(" a"), W(" to"), W(" in"), W(" is"), W(" that"),
  W(" it"), W(" was"), W(" for"), W(" on"), W(" are"), W(" as"), W(" with"), W(" at"),
  W(" this"), W(" have"), W(" from"), W(" or"), W(" one"), W(" had"), W(" by"), W(" but"),
  W(" not"), W(" what"), W(" all"), W(" were"), W(" we"), W(" when"), W(" your"), W(" can"),
  W(" said"), W(" there"), W(" use"), W(" an"), W(" each"), W(" which"), W(" she"), W(" do"),
  W(" how"), W(" their"), W(" if"), W(" will"), W(" up"), W(" other"), W(" about"), W(" out"),
  W(" many"), W(" then"), W(" them"), W(" these"), W(" so"), W(" some"), W(" her"), W(" would"),
  W(" make"), W(" like"), W(" him"), W(" into"), W(" time"), W(" has"), W(" look"), W(" two"),
  W(" more"), W(" write"), W(" go"), W(" see"), W(" number"), W(" no"), W(" way"), W(" could"),
  W(" people"), W(" my"), W(" than"), W(" first"), W(" water"), W(" been"), W(" called"),
  W(" who"), W(" oil"), W(" its"), W(" now"), W(" find"), W(" long"), W(" down"), W(" day"),
  W(" did"), W(" get"), W(" come"), W(" made"), W(" may"), W(" part"), W(" river"),
  W(" mountain"), W(" language"), W(" model"), W(" answer"), W(" question"), W(" token"),
  W(" loop"), W(" seven"), W(" eight"), W(" twelve"), W(" because"), W(" between"),
  W(" although"), W(" evening"), W(" garden"), W(" window"), W(" letter"), W(" music"),
  W(" caf\xc3\xa9"), W(" na\xc3\xafve"), W(" Z\xc3\xbcrich"), W(" \\\"quoted\\\""), W(","),
  W("."), W(","), W("."), W(";"), W(":"), W("\\n"), W(" 42"), W(" 3.14"), W(" \xe2\x82\xac"),
  W(" \xf0\x9f\x99\x82"), W(" \\\\")
};


uint64_t uvllm__mix(uint64_t x) { /* splitmix64 */
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}


uint64_t uvllm__hash_bytes(uint64_t h, const void* data, size_t len) {
  const unsigned char* p = data;
  uint64_t word;
  h ^= uvllm__mix(len);
  for (; len >= 8; p += 8, len -= 8) {
    memcpy(&word, p, 8);
    h = (h ^ word) * 0x9fb21c651e98df25u;
    h ^= h >> 32;
  }
  word = 0;
  if (len != 0)
    memcpy(&word, p, len);
  return uvllm__mix(h ^ word);
}


uvllm_str_t uvllm__mock_token(uint64_t hash, uint32_t i) {
  uvllm_str_t word = words[uvllm__mix(hash + i) & 127];
  if (i == 0 && word.base[0] == ' ') {
    word.base++;
    word.len--;
  }
  return word;
}


int uvllm__buf_base64(uvllm__buf_t* buf, const unsigned char* data, size_t n) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (size_t i = 0; i < n; i += 3) {
    uint32_t three = (uint32_t) data[i] << 16;
    if (i + 1 < n)
      three |= (uint32_t) data[i + 1] << 8;
    if (i + 2 < n)
      three |= data[i + 2];
    char four[4] = { digits[three >> 18], digits[three >> 12 & 63],
                     i + 1 < n ? digits[three >> 6 & 63] : '=',
                     i + 2 < n ? digits[three & 63] : '=' };
    uvllm__buf_append(buf, four, 4);
  }
  return buf->err;
}


int uvllm__buf_hex(uvllm__buf_t* buf, uint64_t x) {
  char text[16];
  for (int i = 15; i >= 0; i--, x >>= 4)
    text[i] = "0123456789abcdef"[x & 15];
  return uvllm__buf_append(buf, text, sizeof(text));
}
