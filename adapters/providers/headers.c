/* Response headers: the request's id, the body's type, waits, and what is said of
 * limits.
 *
 * A limit comes in three headers and is told once, when all are there or the
 * headers have ended. Nothing says whether it is of a minute or of a day (both
 * occur under the same name), but the refill does: `reset` is the time in which
 * what was used comes back, so limit * reset / used is the window. Above ten
 * minutes it is a day's.
 */
#include "headers.h"
#include "http_chars.h"
#include "http_text.h"

enum { LIMIT = 1, REMAINING = 2, RESET = 4, ALL = 7, TOLD = 8, OF_A_MINUTE = 16 };

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


static unsigned int bare_bit(uvllm_str_t name) {
  return uvllm__is_name(name, "limit")       ? LIMIT
         : uvllm__is_name(name, "remaining") ? REMAINING
         : uvllm__is_name(name, "reset")     ? RESET : 0;
}


static int is_daily(const uvllm__headers_limit_t* l) {
  const int64_t used = l->limit - l->remaining;
  if (l->reset_ms <= 0 || (l->seen & OF_A_MINUTE) != 0)
    return 0;
  if (l->limit > 0 && l->remaining >= 0 && used > 0)
    return (double) l->reset_ms * (double) l->limit / (double) used > DAY_FROM_MS;
  return l->reset_ms > 60 * 1000;
}


static uvllm_limit_kind kind_of(int what, int daily) {
  switch (what) {
    case UVLLM__HEADERS_REQUESTS: return daily ? UVLLM_REQUESTS_PER_DAY : UVLLM_REQUESTS_PER_MIN;
    case UVLLM__HEADERS_INPUT: return UVLLM_INPUT_PER_MIN;
    case UVLLM__HEADERS_OUTPUT: return UVLLM_OUTPUT_PER_MIN;
    default: return daily ? UVLLM_TOKENS_PER_DAY : UVLLM_TOKENS_PER_MIN;
  }
}


static void tell_limit(uvllm__headers_t* h, int what, uvllm_emit_t* emit) {
  uvllm__headers_limit_t* l = &h->limits[what];
  if ((l->seen & TOLD) != 0 || l->seen == 0)
    return;
  l->limit = (l->seen & LIMIT) != 0 ? l->limit : -1;
  l->remaining = (l->seen & REMAINING) != 0 ? l->remaining : -1;
  l->reset_ms = (l->seen & RESET) != 0 ? l->reset_ms : -1;
  l->seen |= TOLD;
  if (l->limit >= 0 || l->remaining >= 0)
    uvllm_emit_limit(emit, kind_of(what, is_daily(l)), l->limit, l->remaining, l->reset_ms);
}


void uvllm__headers_flush(uvllm__headers_t* h, uvllm_emit_t* emit) {
  if (!h->any_limit)
    return;
  h->any_limit = 0;
  for (int what = 0; what < UVLLM__HEADERS_LIMITS; what++)
    tell_limit(h, what, emit);
}


static void take_limit(uvllm__headers_t* h, int what, unsigned int bit, uvllm_str_t value,
                       uvllm_emit_t* emit) {
  uvllm__headers_limit_t* l = &h->limits[what];
  h->any_limit = 1;
  l->seen |= bit;
  if (bit == LIMIT)
    l->limit = parse_count(value);
  else if (bit == REMAINING)
    l->remaining = parse_count(value);
  else if (uvllm__parse_reset(value, h->unix_ms, &l->reset_ms) != 0)
    l->reset_ms = -1;
  if ((l->seen & ALL) == ALL)
    tell_limit(h, what, emit);
}


int uvllm__headers_scale(const char* window) {
  if (window == NULL)
    return 0;
  return strcmp(window, "second") == 0 ? 60 : strcmp(window, "minute") == 0 ? 1 : -1;
}


/* A limit that says nothing of its window. What is left of a second is of no use when
 * it is read. */
static void take_bare(uvllm__headers_t* h, int what, uvllm_str_t name, uvllm_str_t value,
                      uvllm_emit_t* emit) {
  const unsigned int bit = bare_bit(name);
  if (h->bare_scale <= 0 || bit == 0 || (h->bare_scale > 1 && bit != LIMIT))
    return;
  h->limits[what].seen |= OF_A_MINUTE;
  take_limit(h, what, bit, value, emit);
  if (bit == LIMIT && h->limits[what].limit > 0 && h->limits[what].limit < INT64_MAX / 60)
    h->limits[what].limit *= h->bare_scale;
}


/* Behind "x-ratelimit-": "limit-requests", "reset-tokens", "limit-req-minute"...
 * Others (of a project, by usage, dynamic) are not what a request is admitted by. */
static void take_x_ratelimit(uvllm__headers_t* h, uvllm_str_t name, uvllm_str_t value,
                             uvllm_emit_t* emit) {
  const unsigned int bit = skip(&name, "limit-")       ? LIMIT
                           : skip(&name, "remaining-") ? REMAINING
                           : skip(&name, "reset-")     ? RESET : 0;
  if (bit == 0)
    take_bare(h, UVLLM__HEADERS_REQUESTS, name, value, emit);
  else if (uvllm__is_name(name, "requests") || uvllm__is_name(name, "req-minute"))
    take_limit(h, UVLLM__HEADERS_REQUESTS, bit, value, emit);
  else if (uvllm__is_name(name, "tokens") || uvllm__is_name(name, "tokens-minute"))
    take_limit(h, UVLLM__HEADERS_TOKENS, bit, value, emit);
  else if (uvllm__is_name(name, "tokens-prompt"))
    take_limit(h, UVLLM__HEADERS_INPUT, bit, value, emit);
  else if (uvllm__is_name(name, "tokens-generated"))
    take_limit(h, UVLLM__HEADERS_OUTPUT, bit, value, emit);
}


/* Behind "anthropic-ratelimit-": "input-tokens-remaining". All are of a minute, which
 * resets in whole seconds would not tell. */
static void take_anthropic(uvllm__headers_t* h, uvllm_str_t name, uvllm_str_t value,
                           uvllm_emit_t* emit) {
  const int what = skip(&name, "requests-")        ? UVLLM__HEADERS_REQUESTS
                   : skip(&name, "tokens-")        ? UVLLM__HEADERS_TOKENS
                   : skip(&name, "input-tokens-")  ? UVLLM__HEADERS_INPUT
                   : skip(&name, "output-tokens-") ? UVLLM__HEADERS_OUTPUT
                                                   : UVLLM__HEADERS_LIMITS;
  const unsigned int bit = bare_bit(name);
  if (what == UVLLM__HEADERS_LIMITS || bit == 0)
    return;
  h->limits[what].seen |= OF_A_MINUTE;
  take_limit(h, what, bit, value, emit);
}


/* Milliseconds are finer: they count, in whatever order they come. */
static void take_wait(uvllm__headers_t* h, int is_ms, uvllm_str_t value, uvllm_emit_t* emit) {
  uint64_t ms;
  const int err = is_ms ? uvllm__parse_retry_after_ms(value, &ms)
                        : uvllm__parse_retry_after(value, h->unix_ms, &ms);
  if (err != 0 || (h->ms_seen && !is_ms))
    return;
  h->ms_seen |= is_ms;
  h->has_wait = 1;
  uvllm_emit_retry_after(emit, ms);
}


/* The number of a parameter of "name";r=0;t=55; -1 without one. */
static int64_t parameter(uvllm_str_t value, char name) {
  for (size_t i = 0; i + 2 < value.len; i++)
    if (value.base[i] == ';' && value.base[i + 1] == name && value.base[i + 2] == '=') {
      uvllm_str_t n = { value.base + i + 3, 0 };
      while (i + 3 + n.len < value.len && n.base[n.len] >= '0' && n.base[n.len] <= '9')
        n.len++;
      return parse_count(n);
    }
  return -1;
}


/* Its window is neither a minute nor a day, so it is no limit of ours; but where
 * nothing is left of it, it says when there will be. */
static void take_ratelimit(uvllm__headers_t* h, uvllm_str_t value, uvllm_emit_t* emit) {
  const int64_t seconds = parameter(value, 't');
  if (h->has_wait || parameter(value, 'r') != 0 || seconds <= 0 || seconds > 1000000)
    return;
  uvllm_emit_retry_after(emit, (uint64_t) seconds * 1000);
}


/* Blanks, control characters, what is not ASCII, and what parameters begin with. */
static uint64_t ends_type(uint64_t w) {
  return uvllm__word_has_below(w, 0x21) | uvllm__word_has(w, 0x7f) | uvllm__word_has(w, ';') |
         uvllm__word_has_above_7f(w);
}


/* "Text/HTML; charset=utf-8" is "text/html". */
void uvllm__headers_media_type(uvllm__headers_t* h, uvllm_str_t type) {
  const size_t room = sizeof(h->media_type) - 1, most = type.len < room ? type.len : room;
  size_t n = 0;
  while (most - n >= 8 && !ends_type(uvllm__word(type.base + n)))
    n += 8;
  while (n < most && !ends_type(UVLLM__WORD_ONES * (unsigned char) type.base[n]))
    n++;
  memset(h->media_type, 0, sizeof(h->media_type));
  if (n != 0)
    memcpy(h->media_type, type.base, n);
  for (size_t i = 0; i < sizeof(h->media_type); i++) { /* all of it, at once */
    const char c = h->media_type[i];
    h->media_type[i] = (char) (c | (c >= 'A' && c <= 'Z' ? 0x20 : 0));
  }
}


void uvllm__headers_begin(uvllm__headers_t* h, const uvllm_attempt_t* attempt) {
  memset(h, 0, sizeof(*h));
  h->unix_ms = attempt->unix_ms;
  h->op = attempt->request->op;
}


static int is_request_id(uvllm_str_t name) {
  static const char* const names[] = { "x-request-id", "request-id", "apim-request-id",
                                       "x-amzn-requestid", "x-debug-trace-id" };
  for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
    if (uvllm__is_name(name, names[i]))
      return 1;
  return 0;
}


static void take_request_id(uvllm__headers_t* h, uvllm_str_t value, uvllm_emit_t* emit) {
  h->has_request_id = 1;
  uvllm_emit_request_id(emit, value);
}


static void take_x(uvllm__headers_t* h, uvllm_str_t name, uvllm_str_t value,
                   uvllm_emit_t* emit) {
  if (skip(&name, "x-ratelimit-") || skip(&name, "x-rate-limit-"))
    take_x_ratelimit(h, name, value, emit);
  else if (skip(&name, "x-tokenlimit-"))
    take_bare(h, UVLLM__HEADERS_TOKENS, name, value, emit);
  else if (is_request_id(name))
    take_request_id(h, value, emit);
  else if (uvllm__is_name(name, "x-amz-retry-after"))
    take_wait(h, 1, value, emit);
  else if (uvllm__is_name(name, "x-trial-endpoint-call-limit"))
    take_limit(h, UVLLM__HEADERS_REQUESTS, LIMIT, value, emit);
  else if (uvllm__is_name(name, "x-trial-endpoint-call-remaining"))
    take_limit(h, UVLLM__HEADERS_REQUESTS, REMAINING, value, emit);
  else if (uvllm__is_name(name, "x-should-retry"))
    h->should_retry = uvllm__is_name(value, "true") ? 1 : uvllm__is_name(value, "false") ? 2 : 0;
}


static void take_r(uvllm__headers_t* h, uvllm_str_t name, uvllm_str_t value,
                   uvllm_emit_t* emit) {
  if (uvllm__is_name(name, "retry-after-ms"))
    take_wait(h, 1, value, emit);
  else if (uvllm__is_name(name, "retry-after"))
    take_wait(h, 0, value, emit);
  else if (uvllm__is_name(name, "ratelimit"))
    take_ratelimit(h, value, emit);
  else if (is_request_id(name))
    take_request_id(h, value, emit);
}


static void take_a(uvllm__headers_t* h, uvllm_str_t name, uvllm_str_t value,
                   uvllm_emit_t* emit) {
  if (skip(&name, "anthropic-ratelimit-"))
    take_anthropic(h, name, value, emit);
  else if (is_request_id(name))
    take_request_id(h, value, emit);
}


void uvllm__headers_take(uvllm__headers_t* h, uvllm_str_t name, uvllm_str_t value,
                        uvllm_emit_t* emit) {
  switch (name.len != 0 ? name.base[0] | 0x20 : '\0') {
    case 'a': take_a(h, name, value, emit); break;
    case 'c':
      if (uvllm__is_name(name, "content-type"))
        uvllm__headers_media_type(h, value);
      break;
    case 'r': take_r(h, name, value, emit); break;
    case 'x': take_x(h, name, value, emit); break;
    default: break; /* most of them */
  }
}
