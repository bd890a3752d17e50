/* Response headers: the request's id, the body's type, waits, and what is said of
 * limits.
 *
 * A limit comes in three headers and is told once, when all are there or the
 * headers have ended. Nothing says whether it is of a minute or of a day (both
 * occur under the same name), but the refill does: `reset` is the time in which
 * what was used comes back, so limit * reset / used is the window. Above ten
 * minutes it is a day's.
 */
#include "openai.h"
#include "http_chars.h"
#include "http_text.h"

enum { LIMIT = 1, REMAINING = 2, RESET = 4, ALL = 7, TOLD = 8 };

#define DAY_FROM_MS (10 * 60 * 1000)


/* Cuts `prefix` off if it is there. */
static inline int skip(uvllm_str_t* s, const char* prefix) {
  const size_t n = strlen(prefix);
  if (s->len < n || !uvllm__is_name((uvllm_str_t) { s->base, n }, prefix))
    return 0;
  s->base += n;
  s->len -= n;
  return 1;
}


/* -1 for what is no number, and for what is below 0: not known. */
static int64_t parse_count(uvllm_str_t s) {
  int64_t n = 0;
  if (s.len == 0)
    return -1;
  for (size_t i = 0; i < s.len; i++) {
    if (s.base[i] < '0' || s.base[i] > '9')
      return -1;
    n = n < INT64_MAX / 100 ? n * 10 + (s.base[i] - '0') : n;
  }
  return n;
}


static int is_daily(const uvllm__openai_limit_t* l) {
  const int64_t used = l->limit - l->remaining;
  if (l->reset_ms <= 0)
    return 0;
  if (l->limit > 0 && l->remaining >= 0 && used > 0)
    return (double) l->reset_ms * (double) l->limit / (double) used > DAY_FROM_MS;
  return l->reset_ms > 60 * 1000;
}


static void tell_limit(uvllm__openai_t* s, int of_tokens, uvllm_emit_t* emit) {
  uvllm__openai_limit_t* l = &s->limits[of_tokens];
  if ((l->seen & TOLD) != 0 || l->seen == 0)
    return;
  l->limit = (l->seen & LIMIT) != 0 ? l->limit : -1;
  l->remaining = (l->seen & REMAINING) != 0 ? l->remaining : -1;
  l->reset_ms = (l->seen & RESET) != 0 ? l->reset_ms : -1;
  l->seen |= TOLD;
  const int daily = is_daily(l);
  const uvllm_limit_kind kind =
      of_tokens ? (daily ? UVLLM_TOKENS_PER_DAY : UVLLM_TOKENS_PER_MIN)
                : (daily ? UVLLM_REQUESTS_PER_DAY : UVLLM_REQUESTS_PER_MIN);
  if (l->limit >= 0 || l->remaining >= 0)
    uvllm_emit_limit(emit, kind, l->limit, l->remaining, l->reset_ms);
}


void uvllm__openai_flush_limits(uvllm__openai_t* s, uvllm_emit_t* emit) {
  tell_limit(s, 0, emit);
  tell_limit(s, 1, emit);
  s->limits_due = 0;
}


/* Behind "x-ratelimit-": "limit-requests", "reset-tokens"... Others (of a project,
 * by usage, dynamic) are not what a request is admitted by. */
static void take_limit(uvllm__openai_t* s, uvllm_str_t name, uvllm_str_t value,
                       uvllm_emit_t* emit) {
  const unsigned int bit = skip(&name, "limit-")       ? LIMIT
                           : skip(&name, "remaining-") ? REMAINING
                           : skip(&name, "reset-")     ? RESET : 0;
  const int of_tokens = uvllm__is_name(name, "tokens");
  if (bit == 0 || (!of_tokens && !uvllm__is_name(name, "requests")))
    return;
  uvllm__openai_limit_t* l = &s->limits[of_tokens];
  l->seen |= bit;
  s->limits_due = 1;
  if (bit == LIMIT)
    l->limit = parse_count(value);
  else if (bit == REMAINING)
    l->remaining = parse_count(value);
  else if (uvllm__parse_reset(value, s->unix_ms, &l->reset_ms) != 0)
    l->reset_ms = -1;
  if ((l->seen & ALL) == ALL)
    tell_limit(s, of_tokens, emit);
}


/* retry-after-ms is the finer one: it counts, in whatever order they come. */
static void take_wait(uvllm__openai_t* s, int is_ms, uvllm_str_t value, uvllm_emit_t* emit) {
  uint64_t ms;
  const int err = is_ms ? uvllm__parse_retry_after_ms(value, &ms)
                        : uvllm__parse_retry_after(value, s->unix_ms, &ms);
  if (err != 0 || (s->ms_seen && !is_ms))
    return;
  s->ms_seen |= is_ms;
  uvllm_emit_retry_after(emit, ms);
}


/* Blanks, control characters, what is not ASCII, and what parameters begin with. */
static uint64_t ends_type(uint64_t w) {
  return uvllm__word_has_below(w, 0x21) | uvllm__word_has(w, 0x7f) | uvllm__word_has(w, ';') |
         uvllm__word_has_above_7f(w);
}


/* "Text/HTML; charset=utf-8" is "text/html". */
void uvllm__openai_media_type(uvllm__openai_t* s, uvllm_str_t type) {
  const size_t room = sizeof(s->media_type) - 1, most = type.len < room ? type.len : room;
  size_t n = 0;
  while (most - n >= 8 && !ends_type(uvllm__word(type.base + n)))
    n += 8;
  while (n < most && !ends_type(UVLLM__WORD_ONES * (unsigned char) type.base[n]))
    n++;
  memset(s->media_type, 0, sizeof(s->media_type));
  if (n != 0)
    memcpy(s->media_type, type.base, n);
  for (size_t i = 0; i < sizeof(s->media_type); i++) { /* all of it, at once */
    const char c = s->media_type[i];
    s->media_type[i] = (char) (c | (c >= 'A' && c <= 'Z' ? 0x20 : 0));
  }
}


static void take_other(uvllm__openai_t* s, uvllm_str_t name, uvllm_str_t value,
                       uvllm_emit_t* emit) {
  if (skip(&name, "x-ratelimit-") || skip(&name, "x-rate-limit-"))
    take_limit(s, name, value, emit);
  else if (uvllm__is_name(name, "x-request-id"))
    uvllm_emit_request_id(emit, value);
  else if (uvllm__is_name(name, "x-should-retry"))
    s->should_retry = uvllm__is_name(value, "true") ? 1 : uvllm__is_name(value, "false") ? 2 : 0;
}


void uvllm__openai_header(void* state, uvllm_str_t name, uvllm_str_t value,
                          uvllm_emit_t* emit) {
  uvllm__openai_t* s = state;
  switch (name.len != 0 ? name.base[0] | 0x20 : '\0') {
    case 'c':
      if (uvllm__is_name(name, "content-type"))
        uvllm__openai_media_type(s, value);
      break;
    case 'r':
      if (uvllm__is_name(name, "retry-after-ms"))
        take_wait(s, 1, value, emit);
      else if (uvllm__is_name(name, "retry-after"))
        take_wait(s, 0, value, emit);
      break;
    case 'x':
      take_other(s, name, value, emit);
      break;
    default: /* most of them */
      break;
  }
}
