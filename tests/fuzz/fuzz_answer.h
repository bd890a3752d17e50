/* Any bytes as an answer to any request in the dialect FUZZ_DIALECT ("openai"):
 * nothing crashes, and the same is told however the bytes were cut, and whether or
 * not the parser knows the events before.
 *
 * The first byte is the op, the second the kind of answer ('s' a stream of events, 'l'
 * of lines, 'a' of AWS events, 'j' a whole one, 'e' an error), the third the size of
 * the reads; the rest is the answer. Lines up to the first empty one that begin with
 * '#' are headers. An op that the dialect has not is no case.
 */
#ifndef UVLLM_TESTS_FUZZ_FUZZ_ANSWER_H
#define UVLLM_TESTS_FUZZ_FUZZ_ANSWER_H

#include <math.h>
#include <stdlib.h>

#include "collect.h"
#include "dialects.h"
#include "emit.h"
#include "frames.h"
#include "http_build.h"

typedef struct listener_s {
  uvllm_emit_t emit; /* first: ops are given this */
  uvllm__collect_t* collect;
  const uvllm_provider_ops_t* ops;
  void* state;
  uint64_t heard; /* a hash of all that was told */
  int forgets;    /* has a new parser for each frame */
} listener_t;


static void hear(uvllm_emit_t* emit, const void* data, size_t len) {
  listener_t* l = (listener_t*) emit;
  const unsigned char* p = data;
  for (size_t i = 0; i < len; i++)
    l->heard = (l->heard ^ p[i]) * UINT64_C(1099511628211);
}


static void hear_str(uvllm_emit_t* emit, uvllm_str_t s) {
  hear(emit, &s.len, sizeof(s.len));
  hear(emit, s.base, s.len);
}


static void on_event(uvllm_emit_t* emit, const uvllm_event_t* e) {
  listener_t* l = (listener_t*) emit;
  const uint32_t head[] = { (uint32_t) e->type, e->choice, e->index };
  hear(emit, head, sizeof(head));
  if (e->type == UVLLM_EVENT_EMBEDDING) {
    hear(emit, e->u.vector.values, e->u.vector.nvalues * sizeof(float));
  } else if (e->type == UVLLM_EVENT_MODEL) {
    hear_str(emit, e->u.model.id);
    hear_str(emit, e->u.model.owner);
  } else if (e->type == UVLLM_EVENT_USAGE) {
    hear(emit, &e->u.usage->output_tokens, sizeof(uint64_t));
    if (e->u.usage->cached_input_tokens > e->u.usage->input_tokens ||
        e->u.usage->reasoning_tokens > e->u.usage->output_tokens)
      abort();
  } else {
    /* Pieces of a raw answer are as long as the reads. */
    if (e->type == UVLLM_EVENT_RAW)
      l->heard = 0;
    else
      hear_str(emit, e->u.text);
    if (e->type != UVLLM_EVENT_RAW)
      uvllm__collect_text(l->collect, e->choice, e->type, e->u.text);
  }
}


static void on_tool(uvllm_emit_t* emit, uint32_t choice, uint32_t index, uvllm_str_t id,
                    uvllm_str_t name, uvllm_str_t json) {
  listener_t* l = (listener_t*) emit;
  const uint32_t head[] = { choice, index };
  uvllm__tool_begin_t begin;
  hear(emit, head, sizeof(head));
  hear_str(emit, id);
  hear_str(emit, name);
  hear_str(emit, json);
  uvllm__collect_tool(l->collect, choice, index, id, name, json, &begin);
  if (begin.due && begin.id.len == 0)
    abort();
}


static void on_stop(uvllm_emit_t* emit, uint32_t choice, uvllm_stop_reason stop) {
  listener_t* l = (listener_t*) emit;
  hear(emit, &choice, sizeof(choice));
  hear(emit, &stop, sizeof(stop));
  uvllm__collect_stop(l->collect, choice, stop);
}


static void on_replay(uvllm_emit_t* emit, uint32_t choice, uvllm_str_t json) {
  listener_t* l = (listener_t*) emit;
  hear(emit, &choice, sizeof(choice));
  hear_str(emit, json);
  uvllm__collect_replay(l->collect, choice, json);
}


static void on_request_id(uvllm_emit_t* emit, uvllm_str_t id) {
  hear_str(emit, id);
}


static void on_error(uvllm_emit_t* emit, uvllm_str_t code, uvllm_str_t message, int retry) {
  hear_str(emit, code);
  hear_str(emit, message);
  hear(emit, &retry, sizeof(retry));
}


static void on_retry_after(uvllm_emit_t* emit, uint64_t ms) {
  hear(emit, &ms, sizeof(ms));
}


static void on_limit(uvllm_emit_t* emit, uvllm_limit_kind kind, int64_t limit,
                     int64_t remaining, int64_t reset_ms) {
  const int64_t values[] = { (int64_t) kind, limit, remaining, reset_ms };
  hear(emit, values, sizeof(values));
}


static const uvllm__emit_ops_t kOps = { on_event,      on_tool,  on_stop,        on_replay,
                                        on_request_id, on_error, on_retry_after, on_limit };


/* 0: there is no such op. */
static int begin(listener_t* l, uvllm_op op) {
  static const uvllm_message_t message = { .text = UVLLM_STR("a") };
  uvllm_request_t r = { .op = op, .messages = &message, .nmessages = 1, .raw_path = "/",
                        .temperature = NAN, .top_p = NAN, .frequency_penalty = NAN,
                        .presence_penalty = NAN, .seed = INT64_MIN };
  const uvllm_attempt_t attempt = { .request = &r, .unix_ms = 1795250000000, .number = 1 };
  uvllm_http_t http;
  memset(l, 0, sizeof(*l));
  l->ops = uvllm__dialect(FUZZ_DIALECT);
  l->state = calloc(1, l->ops->state_size);
  l->emit.ops = &kOps;
  uvllm__http_init(&http, &uvllm__alloc_default);
  if (l->state == NULL || uvllm_json_parser_new(&l->emit.parser, NULL) != 0 ||
      uvllm__collect_new(&l->collect, NULL, 1 << 20, 1) != 0)
    abort();
  const int err = l->ops->build(l->state, &attempt, &http);
  if (err != 0 && err != UVLLM_EUNSUPPORTED)
    abort();
  uvllm__http_free(&http);
  return err == 0;
}


static void end(listener_t* l) {
  if (l->ops->fini != NULL)
    l->ops->fini(l->state);
  uvllm_json_parser_free(l->emit.parser);
  uvllm__collect_free(l->collect);
  free(l->state);
}


/* "#name:value" lines; what is left is the body. */
static uvllm_str_t take_headers(listener_t* l, uvllm_str_t bytes) {
  while (bytes.len != 0 && bytes.base[0] == '#') {
    const char* eol = memchr(bytes.base, '\n', bytes.len);
    const size_t len = eol != NULL ? (size_t) (eol - bytes.base) : bytes.len;
    const char* colon = memchr(bytes.base, ':', len);
    if (colon != NULL) {
      const uvllm_str_t name = { bytes.base + 1, (size_t) (colon - bytes.base - 1) };
      const uvllm_str_t value = { colon + 1, len - name.len - 2 };
      l->ops->header(l->state, name, value, &l->emit);
    }
    bytes.base += len + (eol != NULL);
    bytes.len -= len + (eol != NULL);
  }
  return bytes;
}


static int on_frame(void* ctx, const uvllm_frame_t* frame) {
  listener_t* l = ctx;
  if (l->forgets) {
    uvllm_json_parser_free(l->emit.parser);
    if (uvllm_json_parser_new(&l->emit.parser, NULL) != 0)
      abort();
  }
  return l->ops->frame(l->state, frame, &l->emit);
}


static int feed(listener_t* l, uvllm__frames_t* frames, const char* data, size_t len) {
  size_t used;
  char* read = malloc(len);
  if (read == NULL)
    abort();
  memcpy(read, data, len);
  const int rc = uvllm__frames_feed(frames, read, len, &used, on_frame, l);
  free(read);
  return rc;
}


static uvllm_str_t type_of(int kind) {
  static const uvllm_str_t events = UVLLM_STR("text/event-stream"),
                           lines = UVLLM_STR("application/x-ndjson"),
                           aws = UVLLM_STR("application/vnd.amazon.eventstream"),
                           json = UVLLM_STR("application/json");
  return kind == 's' ? events : kind == 'l' ? lines : kind == 'a' ? aws : json;
}


static int answer(listener_t* l, int kind, uvllm_str_t bytes, size_t step) {
  uvllm__frames_t frames;
  int rc = UVLLM_GO_ON;
  uvllm__frames_init(&frames, &uvllm__alloc_default);
  uvllm__frames_begin(&frames, l->ops->begin(l->state, 200, type_of(kind)), 1 << 20);
  for (size_t at = 0; rc == UVLLM_GO_ON && at < bytes.len; at += step)
    rc = feed(l, &frames, bytes.base + at, step < bytes.len - at ? step : bytes.len - at);
  if (rc == UVLLM_GO_ON)
    rc = uvllm__frames_end(&frames, on_frame, l);
  if (rc == UVLLM_GO_ON)
    rc = l->ops->end != NULL ? l->ops->end(l->state, &l->emit) : UVLLM_ETRUNCATED;
  uvllm__frames_free(&frames);
  return rc;
}


static uint64_t run(uvllm_op op, int kind, uvllm_str_t bytes, size_t step, int forgets) {
  listener_t l;
  if (!begin(&l, op)) {
    end(&l);
    return 0;
  }
  l.forgets = forgets;
  bytes = take_headers(&l, bytes);
  const int rc = kind == 'e' ? l.ops->error(l.state, 400 + (int) (step % 200), bytes, &l.emit)
                             : answer(&l, kind, bytes, step);
  if (rc != UVLLM_COMPLETE && rc != UVLLM_NEXT && rc >= 0)
    abort(); /* an answer ends whole or with an error */
  hear(&l.emit, &rc, sizeof(rc));
  const uint64_t heard = op == UVLLM_RAW ? 0 : l.heard;
  end(&l);
  return heard;
}


int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 3)
    return 0;
  static const uvllm_op ops[] = { UVLLM_CHAT, UVLLM_COMPLETION, UVLLM_EMBED, UVLLM_MODELS,
                                  UVLLM_RAW, UVLLM_COUNT_TOKENS };
  const uvllm_op op = ops[data[0] % (sizeof(ops) / sizeof(ops[0]))];
  const uvllm_str_t bytes = { (const char*) data + 3, size - 3 };
  const size_t step = data[2] != 0 ? data[2] : 1;
  const uint64_t cut = run(op, data[1], bytes, step, 1);
  if (data[1] != 'e' && cut != run(op, data[1], bytes, size, 0))
    abort();
  return 0;
}

#endif
