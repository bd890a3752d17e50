/* Reads x-mock against one table. Nothing is ignored: a word that is unknown, or
 * lacks its number, or has one too many, is an error that names it. */
#include "mock/mock_ask.h"

#include <stdio.h>

typedef struct word_s {
  const char* name;
  size_t offset;
  int64_t least, most;
  int64_t otherwise; /* without a number; -1: it needs one */
} word_t;

#define WORD(name, field, least, most, otherwise)                                              \
  { name, offsetof(uvllm__ask_t, field), least, most, otherwise }
#define NUMBER(name, field, least, most) WORD(name, field, least, most, -1)
#define FLAG(name, field) WORD(name, field, 1, 1, 1)

enum { MAX_MS = 24 * 3600 * 1000, MAX_TOKENS = 100 * 1000 * 1000 };

static const word_t words[] = {
  NUMBER("ttft", ttft, 0, MAX_MS),
  NUMBER("itl", itl, 0, MAX_MS),
  NUMBER("tokens", tokens, 1, MAX_TOKENS),
  WORD("tool", tool, 1, 16, 1),
  NUMBER("status", status, 200, 599),
  FLAG("quota", quota),
  NUMBER("retry-after", retry_after, 0, 1000000),
  NUMBER("retry-after-ms", retry_after_ms, 0, 1000000000),
  NUMBER("retry-after-date", retry_after_date, 0, 1000000),
  NUMBER("should-retry", should_retry, 0, 1),
  NUMBER("times", times, 1, 1000000),
  FLAG("once", times),
  NUMBER("cut", cut, 0, MAX_TOKENS),
  FLAG("reset", reset),
  NUMBER("stall", stall, 0, MAX_TOKENS),
  NUMBER("error-event", error_event, 0, MAX_TOKENS),
  FLAG("malformed", malformed),
  FLAG("bad-utf8", bad_utf8),
  NUMBER("big", big, 0, INT64_C(1) << 40),
  NUMBER("header", header, 0, 16 << 20),
  FLAG("html", html),
  FLAG("empty", empty),
  FLAG("no-done", no_done),
  FLAG("no-finish", no_finish),
  FLAG("crlf", crlf),
  FLAG("comments", comments),
  FLAG("eof", eof),
  FLAG("close", close),
  WORD("drip", drip, 1, MAX_MS, 1),
  FLAG("split", split),
  NUMBER("reasoning", reasoning, 0, MAX_TOKENS),
  NUMBER("cached", cached, 0, INT64_C(1) << 40),
  FLAG("filter", filter),
  FLAG("refusal", refusal),
  NUMBER("models", models, 0, 100000)
};


void uvllm__ask_init(uvllm__ask_t* ask) {
  memset(ask, 0xff, sizeof(*ask)); /* all -1 */
}


static uvllm_str_t strip(uvllm_str_t s) {
  while (s.len > 0 && (*s.base == ' ' || *s.base == '\t')) {
    s.base++;
    s.len--;
  }
  while (s.len > 0 && (s.base[s.len - 1] == ' ' || s.base[s.len - 1] == '\t'))
    s.len--;
  return s;
}


/* -1: not a number, or out of range. */
static int64_t number(uvllm_str_t s, const word_t* word) {
  int64_t n = 0;
  if (s.len == 0 || s.len > 15)
    return -1;
  for (size_t i = 0; i < s.len; i++) {
    if (s.base[i] < '0' || s.base[i] > '9')
      return -1;
    n = n * 10 + (s.base[i] - '0');
  }
  return n >= word->least && n <= word->most ? n : -1;
}


static const word_t* find(uvllm_str_t name) {
  for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
    if (uvllm__str_eq(name, words[i].name))
      return &words[i];
  return NULL;
}


static int complain(char* why, size_t size, const char* what, uvllm_str_t word) {
  snprintf(why, size, "x-mock: %s: %.*s", what, (int) (word.len < 40 ? word.len : 40), word.base);
  return UVLLM__EINVAL;
}


static int parse_word(uvllm__ask_t* ask, uvllm_str_t text, char* why, size_t size) {
  const char* equals = memchr(text.base, '=', text.len);
  uvllm_str_t name = text, value = { NULL, 0 };
  if (equals != NULL) {
    name.len = (size_t) (equals - text.base);
    value.base = equals + 1;
    value.len = text.len - name.len - 1;
  }
  const word_t* word = find(name);
  if (word == NULL)
    return complain(why, size, "unknown word", text);
  int64_t n = value.base != NULL ? number(value, word) : word->otherwise;
  if (n < 0)
    return complain(why, size, value.base != NULL ? "impossible number" : "a number is missing",
                    text);
  *(int64_t*) (void*) ((char*) ask + word->offset) = n;
  return 0;
}


int uvllm__ask_parse(uvllm__ask_t* ask, uvllm_str_t header, char* why, size_t why_size) {
  uvllm__ask_init(ask);
  while (header.len > 0) {
    const char* comma = memchr(header.base, ',', header.len);
    uvllm_str_t word = header;
    if (comma != NULL)
      word.len = (size_t) (comma - header.base);
    size_t used = word.len + (comma != NULL);
    header.base += used;
    header.len -= used;
    word = strip(word);
    if (word.len == 0)
      continue;
    int err = parse_word(ask, word, why, why_size);
    if (err != 0)
      return err;
  }
  if (ask->status > 200 && ask->status < 300) {
    snprintf(why, why_size, "x-mock: status must be 200, or 300 to 599");
    return UVLLM__EINVAL;
  }
  return 0;
}
