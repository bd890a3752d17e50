/* Bodies of answers as servers of the OpenAI dialect send them, drawn at random:
 * streams, whole answers, lists, errors, and what is none of these.
 */
#ifndef UVLLM_TESTS_BEHAVIOUR_BODY_H
#define UVLLM_TESTS_BEHAVIOUR_BODY_H

#include <stdarg.h>
#include <stdio.h>

#include "buf.h"

/* SplitMix64. */
static inline uint64_t draw(uint64_t* random) {
  uint64_t z = *random += UINT64_C(0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
  return z ^ (z >> 31);
}

static inline unsigned int draw_below(uint64_t* random, unsigned int n) {
  return (unsigned int) (draw(random) % n);
}

static inline int draw_percent(uint64_t* random, unsigned int percent) {
  return draw_below(random, 100) < percent;
}

#define draw_one(random, list) (list)[draw_below(random, sizeof(list) / sizeof((list)[0]))]

__attribute__((format(printf, 2, 3)))
static inline void body_add(uvllm__buf_t* b, const char* format, ...) {
  char text[1024];
  va_list args;
  va_start(args, format);
  int n = vsnprintf(text, sizeof(text), format, args);
  va_end(args);
  uvllm__buf_append(b, text, (size_t) n < sizeof(text) ? (size_t) n : sizeof(text) - 1);
}

/* What may stand in a JSON string. */
static inline void body_words(uvllm__buf_t* b, uint64_t* random, unsigned int most) {
  static const char* const words[] = {
    "Hello", " world", " caf\xc3\xa9", " \\u00e9t\\u00e9", " \xf0\x9f\x98\x80", "\\n", "\\\"quoted\\\"",
    " \\ud83d\\ude00", " data: x", "\\\\", " a", " rather a long piece of an answer", "\\t", "."
  };
  for (unsigned int n = 1 + draw_below(random, most); n > 0; n--)
    uvllm__buf_str(b, draw_one(random, words));
}

static inline void body__usage(uvllm__buf_t* b, uint64_t* random) {
  unsigned int in = 1 + draw_below(random, 500), out = 1 + draw_below(random, 500);
  body_add(b, "\"usage\":{\"prompt_tokens\":%u,\"completion_tokens\":%u,\"total_tokens\":%u", in,
           out, in + out);
  if (draw_percent(random, 40))
    body_add(b, ",\"prompt_tokens_details\":{\"cached_tokens\":%u}", draw_below(random, in));
  uvllm__buf_str(b, "}");
}

static inline void body_error(uvllm__buf_t* b, uint64_t* random) {
  static const char* const types[] = { "rate_limit_exceeded", "server_error", "overloaded_error",
                                       "insufficient_quota", "invalid_request_error",
                                       "context_length_exceeded", "content_filter" };
  const char* type = draw_one(random, types);
  uvllm__buf_str(b, "{\"error\":{\"message\":\"");
  body_words(b, random, 5);
  body_add(b, "\",\"type\":\"%s\",\"param\":null,", type);
  if (draw_percent(random, 50))
    body_add(b, "\"code\":\"%s\"}}", type);
  else
    uvllm__buf_str(b, "\"code\":null}}");
}

/* ---- Streams ---- */

static inline void body__event_end(uvllm__buf_t* b, uint64_t* random) {
  uvllm__buf_str(b, draw_percent(random, 85) ? "\n\n" : "\r\n\r\n");
}

static inline void body__delta(uvllm__buf_t* b, uint64_t* random, unsigned int choice) {
  unsigned int kind = draw_below(random, 100);
  body_add(b, "data: {\"id\":\"c1\",\"choices\":[{\"index\":%u,\"delta\":{", choice);
  if (kind < 70) {
    uvllm__buf_str(b, "\"content\":\"");
    body_words(b, random, 4);
    uvllm__buf_str(b, "\"");
  } else if (kind < 78) {
    uvllm__buf_str(b, "\"reasoning_content\":\"");
    body_words(b, random, 4);
    uvllm__buf_str(b, "\"");
  } else if (kind < 92) {
    unsigned int call = draw_below(random, 2);
    body_add(b, "\"tool_calls\":[{\"index\":%u,\"id\":\"call_%u%u\",\"function\":{\"name\":\"f%u\","
                "\"arguments\":\"{\\\"a\\\":%u}\"}}]", call, choice, call, call,
             draw_below(random, 1000));
  } else if (kind < 96) {
    uvllm__buf_str(b, "\"role\":\"assistant\"");
  }
  uvllm__buf_str(b, "},\"finish_reason\":null}]}");
  body__event_end(b, random);
}

static inline void body__last_events(uvllm__buf_t* b, uint64_t* random, unsigned int nchoices) {
  static const char* const reasons[] = { "stop", "length", "tool_calls", "content_filter" };
  for (unsigned int i = 0; i < nchoices && draw_percent(random, 92); i++) {
    body_add(b, "data: {\"id\":\"c1\",\"choices\":[{\"index\":%u,\"delta\":{},\"finish_reason\":\"%s\""
                "}]}", i, draw_one(random, reasons));
    body__event_end(b, random);
  }
  if (draw_percent(random, 60)) {
    uvllm__buf_str(b, "data: {\"id\":\"c1\",\"choices\":[],");
    body__usage(b, random);
    uvllm__buf_str(b, "}");
    body__event_end(b, random);
  }
  if (draw_percent(random, 88))
    uvllm__buf_str(b, "data: [DONE]\n\n");
}

static inline void body_stream(uvllm__buf_t* b, uint64_t* random) {
  unsigned int nchoices = draw_percent(random, 85) ? 1 : 2;
  for (unsigned int n = 1 + draw_below(random, 12); n > 0; n--) {
    if (draw_percent(random, 5))
      uvllm__buf_str(b, ": keep-alive\n\n");
    body__delta(b, random, draw_below(random, nchoices));
  }
  if (draw_percent(random, 4)) {
    uvllm__buf_str(b, "data: ");
    body_error(b, random);
    body__event_end(b, random);
  }
  body__last_events(b, random, nchoices);
}

/* ---- Whole answers ---- */

static inline void body_chat(uvllm__buf_t* b, uint64_t* random) {
  uvllm__buf_str(b, "{\"id\":\"c1\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\","
                    "\"content\":\"");
  body_words(b, random, 30);
  uvllm__buf_str(b, "\"");
  if (draw_percent(random, 20))
    uvllm__buf_str(b, ",\"tool_calls\":[{\"id\":\"t1\",\"type\":\"function\",\"function\":{\"name\":"
                      "\"f\",\"arguments\":\"{\\\"x\\\":1}\"}}]");
  uvllm__buf_str(b, "},\"finish_reason\":\"stop\"}],");
  body__usage(b, random);
  uvllm__buf_str(b, draw_percent(random, 50) ? "}" : "}\n");
}

static inline void body_completion(uvllm__buf_t* b, uint64_t* random) {
  uvllm__buf_str(b, "{\"choices\":[{\"index\":0,\"text\":\"");
  body_words(b, random, 10);
  uvllm__buf_str(b, "\",\"finish_reason\":\"length\"}],");
  body__usage(b, random);
  uvllm__buf_str(b, "}");
}

static inline void body_models(uvllm__buf_t* b, uint64_t* random) {
  uvllm__buf_str(b, "{\"object\":\"list\",\"data\":[");
  for (unsigned int i = 0, n = draw_below(random, 5); i < n; i++)
    body_add(b, "%s{\"id\":\"model-%u\",\"object\":\"model\",\"owned_by\":\"o%u\"}",
             i == 0 ? "" : ",", i, draw_below(random, 9));
  uvllm__buf_str(b, "]}");
}

static inline void body_vectors(uvllm__buf_t* b, uint64_t* random) {
  uvllm__buf_str(b, "{\"object\":\"list\",\"data\":[{\"index\":0,\"embedding\":[");
  for (unsigned int i = 0, n = 1 + draw_below(random, 8); i < n; i++)
    body_add(b, "%s%u.%u", i == 0 ? "" : ",", draw_below(random, 9), draw_below(random, 1000));
  uvllm__buf_str(b, "]}],");
  body__usage(b, random);
  uvllm__buf_str(b, "}");
}

/* ---- Neither ---- */

static inline void body_html(uvllm__buf_t* b, uint64_t* random) {
  body_add(b, "<html><head><title>%u</title></head><body>\r\n", draw_below(random, 600));
  body_words(b, random, 8);
  uvllm__buf_str(b, "</body></html>\r\n");
}

static inline void body_bytes(uvllm__buf_t* b, uint64_t* random, size_t len) {
  while (len-- > 0)
    uvllm__buf_char(b, (char) draw(random));
}

#endif
