/* A receiver of what an adapter tells, which writes it down as lines of text:
 *
 *   text 0 "Hello"                  reasoning, refusal, raw likewise
 *   tool_begin 0 1 call_A1 get_time
 *   tool_delta 0 1 "{"tz":"
 *   stop 0 end
 *   usage in=16 out=1 cached=0 reasoning=0      what else is not 0 follows
 *   request_id req_1
 *   error code=rate_limit message="Slow down" retry=-1
 *   retry_after 2000
 *   limit requests_per_min 5000 4999 12
 *   model gpt-4o openai 128000
 *   embedding 0 [0.5 -1]
 *   progress "pulling" 5/10
 *   replay 0 "{"dialect":1}"
 *   collect_error -20013            the collector refused the fragment before
 *
 * Control characters and backslashes within quotes are written as \n, \r, \\
 * and \xHH, quotes as they are; an absent string is "-" where no quotes stand.
 * Tool calls go through the library's own collector, which says what begins; what
 * it holds back begins when the choice stops.
 */
#ifndef UVLLM_TESTS_RECORD_H
#define UVLLM_TESTS_RECORD_H

#include "collect.h"
#include "emit.h"
#include "test.h"

typedef struct record_s {
  uvllm_emit_t emit; /* first: ops are given this */
  uvllm__collect_t* collect;
  uvllm__buf_t lines;
} record_t;

__attribute__((format(printf, 2, 3)))
static inline void record__print(record_t* r, const char* format, ...) {
  char line[512];
  va_list args;
  va_start(args, format);
  int n = vsnprintf(line, sizeof(line), format, args);
  va_end(args);
  assert_in_range(n, 0, sizeof(line) - 1);
  assert_int_equal(uvllm__buf_append(&r->lines, line, (size_t) n), 0);
}

static inline void record__word(record_t* r, uvllm_str_t s) {
  if (s.base == NULL)
    record__print(r, " -");
  else {
    record__print(r, " ");
    assert_int_equal(uvllm__buf_append(&r->lines, s.base, s.len), 0);
  }
}

static inline void record__quoted(record_t* r, uvllm_str_t s) {
  record__print(r, "\"");
  for (size_t i = 0; i < s.len; i++) {
    unsigned char c = (unsigned char) s.base[i];
    if (c == '\n' || c == '\r')
      record__print(r, c == '\n' ? "\\n" : "\\r");
    else if (c == '\\')
      record__print(r, "\\\\");
    else if (c < 0x20 || c == 0x7f)
      record__print(r, "\\x%02x", c);
    else
      record__print(r, "%c", c);
  }
  record__print(r, "\"");
}

static inline void record__text(record_t* r, const char* what, const uvllm_event_t* event) {
  record__print(r, "%s %u ", what, event->choice);
  record__quoted(r, event->u.text);
}

static inline void record__usage(record_t* r, const uvllm_usage_t* u) {
  record__print(r, "usage in=%llu out=%llu cached=%llu reasoning=%llu",
                (unsigned long long) u->input_tokens, (unsigned long long) u->output_tokens,
                (unsigned long long) u->cached_input_tokens,
                (unsigned long long) u->reasoning_tokens);
  const struct {
    const char* name;
    uint64_t value;
  } more[] = {
    { "cache_write", u->cache_write_tokens },
    { "cache_write_1h", u->cache_write_1h_tokens },
    { "audio_in", u->audio_input_tokens },
    { "audio_out", u->audio_output_tokens },
    { "image_in", u->image_input_tokens },
    { "flags", u->flags },
  };
  for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++)
    if (more[i].value != 0)
      record__print(r, " %s=%llu", more[i].name, (unsigned long long) more[i].value);
}

static inline void record__event(uvllm_emit_t* emit, const uvllm_event_t* event) {
  record_t* r = (record_t*) emit;
  switch (event->type) {
    case UVLLM_EVENT_TEXT: record__text(r, "text", event); break;
    case UVLLM_EVENT_REASONING: record__text(r, "reasoning", event); break;
    case UVLLM_EVENT_REFUSAL: record__text(r, "refusal", event); break;
    case UVLLM_EVENT_RAW: record__text(r, "raw", event); break;
    case UVLLM_EVENT_USAGE: record__usage(r, event->u.usage); break;
    case UVLLM_EVENT_EMBEDDING:
      record__print(r, "embedding %u [", event->index);
      for (size_t i = 0; i < event->u.vector.nvalues; i++)
        record__print(r, "%s%.9g", i == 0 ? "" : " ", (double) event->u.vector.values[i]);
      record__print(r, "]");
      break;
    case UVLLM_EVENT_MODEL:
      record__print(r, "model");
      record__word(r, event->u.model.id);
      record__word(r, event->u.model.owner);
      record__print(r, " %llu", (unsigned long long) event->u.model.context_tokens);
      break;
    case UVLLM_EVENT_PROGRESS:
      record__print(r, "progress ");
      record__quoted(r, event->u.progress.status);
      record__print(r, " %llu/%llu", (unsigned long long) event->u.progress.done,
                    (unsigned long long) event->u.progress.total);
      break;
    default: /* not an adapter's to send */
      record__print(r, "unexpected_event %d", (int) event->type);
  }
  record__print(r, "\n");
}

static inline void record__begin(record_t* r, const uvllm__tool_begin_t* begin) {
  record__print(r, "tool_begin %u %u", begin->choice, begin->index);
  record__word(r, begin->id);
  record__word(r, begin->name);
  record__print(r, "\n");
}

static inline void record__tool(uvllm_emit_t* emit, uint32_t choice, uint32_t index,
                                uvllm_str_t id, uvllm_str_t name, uvllm_str_t json) {
  record_t* r = (record_t*) emit;
  uvllm__tool_begin_t begin;
  int err = uvllm__collect_tool(r->collect, choice, index, id, name, json, &begin);
  if (begin.due)
    record__begin(r, &begin);
  if (err != 0)
    record__print(r, "collect_error %d\n", err);
  else if (json.len != 0) {
    record__print(r, "tool_delta %u %u ", choice, index);
    record__quoted(r, json);
    record__print(r, "\n");
  }
}

static inline void record__stop(uvllm_emit_t* emit, uint32_t choice, uvllm_stop_reason stop) {
  static const char* const names[] = { "none", "end",    "length", "sequence",
                                       "tool", "filter", "refusal" };
  record_t* r = (record_t*) emit;
  uvllm__tool_begin_t begin;
  assert_in_range(stop, 0, sizeof(names) / sizeof(names[0]) - 1);
  while (uvllm__collect_held(r->collect, choice, &begin) == 0 && begin.due)
    record__begin(r, &begin);
  record__print(r, "stop %u %s\n", choice, names[stop]);
}

static inline void record__replay(uvllm_emit_t* emit, uint32_t choice, uvllm_str_t json) {
  record_t* r = (record_t*) emit;
  record__print(r, "replay %u ", choice);
  record__quoted(r, json);
  record__print(r, "\n");
}

static inline void record__request_id(uvllm_emit_t* emit, uvllm_str_t id) {
  record_t* r = (record_t*) emit;
  record__print(r, "request_id");
  record__word(r, id);
  record__print(r, "\n");
}

static inline void record__error(uvllm_emit_t* emit, uvllm_str_t code, uvllm_str_t message,
                                 int should_retry) {
  record_t* r = (record_t*) emit;
  record__print(r, "error code=");
  assert_int_equal(uvllm__buf_append(&r->lines, code.base, code.len), 0);
  record__print(r, " message=");
  record__quoted(r, message);
  record__print(r, " retry=%d\n", should_retry);
}

static inline void record__retry_after(uvllm_emit_t* emit, uint64_t ms) {
  record__print((record_t*) emit, "retry_after %llu\n", (unsigned long long) ms);
}

static inline void record__limit(uvllm_emit_t* emit, uvllm_limit_kind kind, int64_t limit,
                                 int64_t remaining, int64_t reset_ms) {
  static const char* const names[] = { "requests_per_min", "requests_per_day", "tokens_per_min",
                                       "input_per_min",    "output_per_min",   "tokens_per_day" };
  assert_in_range(kind, 0, sizeof(names) / sizeof(names[0]) - 1);
  record__print((record_t*) emit, "limit %s %lld %lld %lld\n", names[kind], (long long) limit,
                (long long) remaining, (long long) reset_ms);
}

static const uvllm__emit_ops_t record__ops = {
  record__event, record__tool,  record__stop,        record__replay,
  record__request_id, record__error, record__retry_after, record__limit,
};

static inline void record_init(record_t* r) {
  memset(r, 0, sizeof(*r));
  r->emit.ops = &record__ops;
  assert_int_equal(uvllm_json_parser_new(&r->emit.parser, NULL), 0);
  assert_int_equal(uvllm__collect_new(&r->collect, NULL, SIZE_MAX, 1), 0);
  uvllm__buf_init(&r->lines, &uvllm__alloc_default, SIZE_MAX);
}

/* Forget all, for the next answer. */
static inline void record_clear(record_t* r) {
  uvllm__collect_clear(r->collect);
  uvllm__buf_clear(&r->lines);
}

static inline void record_free(record_t* r) {
  uvllm_json_parser_free(r->emit.parser);
  uvllm__collect_free(r->collect);
  uvllm__buf_free(&r->lines);
}

/* All lines so far, NUL-terminated; valid until the next one. */
static inline const char* record_text(record_t* r) {
  assert_int_equal(uvllm__buf_reserve(&r->lines, 1), 0);
  r->lines.base[r->lines.len] = '\0';
  return r->lines.base;
}

#define assert_record(r, lines) assert_string_equal(record_text(r), lines)

#endif
