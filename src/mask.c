/* Secrets taken out of texts: see mask.h. Words are runs of the characters that
 * keys are made of; each is kept or masked as a whole. One pass, the writing
 * place never ahead of the reading one.
 */
#include "mask.h"

enum { KEPT = 3, MASK = 3, MIN_SECRET = 8 };

static const char* const kPrefixes[] = {
  "sk-",  "sk_", "pk-",   "rk-",   "gsk_", "hf_", "xai-", "nvapi-", "pplx-", "AIza",
  "AKIA", "eyJ", "ya29.", "tgp_",  "fw_",  "r8_", "csk-", "sess-",  "ghp_",  "github_pat_"
};


static int is_word(unsigned char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
         c == '-' || c == '_' || c == '.' || c == '*' || c == '~';
}


/* What an opaque token has beside: base64. Not in words at large, which would
 * hide a key behind "key=". */
static int is_token(unsigned char c) {
  return is_word(c) || c == '+' || c == '/' || c == '=';
}


static int has_prefix(const char* word, size_t len, const char* prefix) {
  size_t n = strlen(prefix);
  return len >= n && memcmp(word, prefix, n) == 0;
}


static int is_bearer(const char* word, size_t len) {
  static const char bearer[] = "bearer";
  if (len != sizeof(bearer) - 1)
    return 0;
  for (size_t i = 0; i < len; i++)
    if ((word[i] | 0x20) != bearer[i])
      return 0;
  return 1;
}


/* Three asterisks in a row; fewer are emphasis. */
static int is_masked(const char* word, size_t len) {
  size_t row = 0, longest = 0, others = 0;
  for (size_t i = 0; i < len; i++) {
    row = word[i] == '*' ? row + 1 : 0;
    longest = row > longest ? row : longest;
    others += word[i] != '*';
  }
  return longest >= 3 && others != 0;
}


static int is_secret(const char* word, size_t len) {
  if (is_masked(word, len))
    return 1;
  if (len < MIN_SECRET)
    return 0;
  for (size_t i = 0; i < sizeof(kPrefixes) / sizeof(kPrefixes[0]); i++)
    if (has_prefix(word, len, kPrefixes[i]))
      return 1;
  return 0;
}


/* A word goes from `word` to `out`, masked if it must be. A full stop that ends
 * a sentence is no part of a key. */
static char* put_word(char* out, const char* word, size_t len, int secret) {
  size_t tail = 0;
  while (tail < len && word[len - 1 - tail] == '.')
    tail++;
  size_t keep = len;
  if (secret && len - tail > KEPT + MASK)
    keep = KEPT;
  else if (secret)
    keep = 0;
  memmove(out, word, keep);
  out += keep;
  if (keep == len)
    return out;
  size_t stars = len - tail < MASK ? len - tail : MASK;
  memset(out, '*', stars);
  memset(out + stars, '.', tail); /* not past the word: stars + tail + keep <= len */
  return out + stars + tail;
}


size_t uvllm__mask_secrets(char* text, size_t len) {
  char* out = text;
  int bearer = 0;
  for (size_t i = 0; i < len;) {
    size_t n = 0;
    while (i + n < len && is_word((unsigned char) text[i + n]))
      n++;
    if (n == 0) {
      bearer &= text[i] == ' ' || text[i] == '\t' || text[i] == ':';
      *out++ = text[i++];
      continue;
    }
    size_t token = n;
    while (i + token < len && is_token((unsigned char) text[i + token]))
      token++;
    int secret = (bearer && token >= MIN_SECRET) || is_secret(text + i, n);
    n = secret ? token : n;
    bearer = is_bearer(text + i, n);
    out = put_word(out, text + i, n, secret);
    i += n;
  }
  return (size_t) (out - text);
}


size_t uvllm__mask_value(char* text, size_t len, uvllm_str_t secret) {
  char* out = text;
  if (secret.base == NULL || secret.len < 4)
    return len;
  for (size_t i = 0; i < len;) {
    if (len - i < secret.len || memcmp(text + i, secret.base, secret.len) != 0) {
      *out++ = text[i++];
      continue;
    }
    memset(out, '*', MASK);
    out += MASK;
    i += secret.len;
  }
  return (size_t) (out - text);
}
