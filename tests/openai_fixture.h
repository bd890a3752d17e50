/* Runs a recorded answer through frames, the OpenAI dialect and the recorder, cut
 * into reads as the test likes. What a fixture is stands in its name:
 *
 *   embed_*, models_*, raw_*, completion_*   the op; else a chat
 *   error_429_*                              the HTTP status; else 200
 *   *_n2, *_in2                              n, or the number of inputs
 *   .sse .json .html .txt                    the content type
 *
 * name.events beside it has the lines of record.h, then "=> " and the outcome.
 */
#ifndef UVLLM_TESTS_OPENAI_FIXTURE_H
#define UVLLM_TESTS_OPENAI_FIXTURE_H

#include "dialects.h"
#include "frames.h"
#include "http_build.h"
#include "record.h"

#include <math.h>

#define FIXTURE_NOW_MS UINT64_C(1795250000000)

typedef struct fixture_run_s {
  const uvllm_provider_ops_t* ops;
  void* state;
  record_t rec;
  uvllm_request_t request;
  int http_status;
  const char* content_type;
} fixture_run_t;

static inline uvllm_op fixture__op(const char* name) {
  static const struct {
    const char* prefix;
    uvllm_op op;
  } ops[] = { { "embed_", UVLLM_EMBED }, { "models_", UVLLM_MODELS }, { "raw_", UVLLM_RAW },
              { "completion_", UVLLM_COMPLETION } };
  for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
    if (strncmp(name, ops[i].prefix, strlen(ops[i].prefix)) == 0)
      return ops[i].op;
  return UVLLM_CHAT;
}

static inline uint32_t fixture__number(const char* name, const char* mark) {
  const char* p = strstr(name, mark);
  return p != NULL ? (uint32_t) strtoul(p + strlen(mark), NULL, 10) : 0;
}

static inline const char* fixture__type(const char* name) {
  const char* dot = strrchr(name, '.');
  if (strcmp(dot, ".sse") == 0)
    return "Text/Event-Stream; charset=utf-8";
  if (strcmp(dot, ".json") == 0)
    return "application/json";
  return strcmp(dot, ".html") == 0 ? "text/html; charset=UTF-8" : "text/plain";
}

/* A request was sent, and the headers of its answer have come. */
static inline void fixture_begin(fixture_run_t* run, const char* name) {
  static const uvllm_message_t messages[2] = { { .text = UVLLM_STR("a") },
                                               { .text = UVLLM_STR("b") } };
  uvllm_attempt_t attempt = { .request = &run->request, .unix_ms = FIXTURE_NOW_MS, .number = 1 };
  uvllm_http_t http;
  uvllm_request_t* r = &run->request;
  memset(run, 0, sizeof(*run));
  run->ops = uvllm__dialect("openai");
  run->state = calloc(1, run->ops->state_size);
  assert_non_null(run->state);
  r->temperature = r->top_p = r->frequency_penalty = r->presence_penalty = NAN;
  r->seed = INT64_MIN;
  r->op = fixture__op(name);
  r->n = fixture__number(name, "_n");
  r->messages = messages;
  r->nmessages = r->op == UVLLM_EMBED ? fixture__number(name, "_in") : 1;
  r->raw_path = "/x";
  run->http_status = (int) fixture__number(name, "error_");
  if (run->http_status == 0)
    run->http_status = 200;
  run->content_type = fixture__type(name);
  uvllm__http_init(&http, &uvllm__alloc_default);
  assert_int_equal(run->ops->build(run->state, &attempt, &http), 0);
  uvllm__http_free(&http);
  record_init(&run->rec);
  run->ops->header(run->state, test_str("Content-Type"), test_str(run->content_type),
                   &run->rec.emit);
}

static inline int fixture__frame(void* ctx, const uvllm_frame_t* frame) {
  fixture_run_t* run = ctx;
  return run->ops->frame(run->state, frame, &run->rec.emit);
}

/* Feeds a read from a block of its own size, so that a sanitizer sees more. */
static inline int fixture__feed(fixture_run_t* run, uvllm__frames_t* frames, const char* data,
                                size_t len) {
  size_t used;
  char* read = malloc(len != 0 ? len : 1);
  assert_non_null(read);
  memcpy(read, data, len);
  int rc = uvllm__frames_feed(frames, read, len, &used, fixture__frame, run);
  free(read);
  return rc;
}

/* The outcome: UVLLM_COMPLETE or an error. Reads of `step` bytes, the first one
 * of `first`. */
static inline int fixture_answer(fixture_run_t* run, uvllm_str_t bytes, size_t first,
                                 size_t step) {
  uvllm__frames_t frames;
  uvllm__frames_init(&frames, &uvllm__alloc_default);
  uvllm_framing framing =
      run->ops->begin(run->state, run->http_status, test_str(run->content_type));
  uvllm__frames_begin(&frames, framing, SIZE_MAX);
  int rc = UVLLM_GO_ON;
  for (size_t at = 0, len = first; rc == UVLLM_GO_ON && at < bytes.len; at += len, len = step) {
    len = len < bytes.len - at ? len : bytes.len - at;
    rc = fixture__feed(run, &frames, bytes.base + at, len);
    if (len == 0)
      break;
  }
  if (rc == UVLLM_GO_ON)
    rc = uvllm__frames_end(&frames, fixture__frame, run);
  if (rc == UVLLM_GO_ON)
    rc = run->ops->end(run->state, &run->rec.emit);
  uvllm__frames_free(&frames);
  return rc;
}

static inline const char* fixture__outcome(int rc) {
  return rc == UVLLM_COMPLETE ? "complete" : uvllm_err_name(rc);
}

/* All lines of the fixture's run, to be freed. */
static inline char* fixture_run(const char* name, uvllm_str_t bytes, size_t first, size_t step) {
  fixture_run_t run;
  fixture_begin(&run, name);
  int rc = run.http_status < 300
               ? fixture_answer(&run, bytes, first, step)
               : run.ops->error(run.state, run.http_status, bytes, &run.rec.emit);
  record__print(&run.rec, "=> %s\n", fixture__outcome(rc));
  char* lines = strdup(record_text(&run.rec));
  assert_non_null(lines);
  record_free(&run.rec);
  free(run.state);
  return lines;
}

/* A whole file, NUL-terminated; base is NULL if there is none. To be freed. */
static inline uvllm_str_t fixture_read(const char* name) {
  char path[512];
  uvllm_str_t bytes = { NULL, 0 };
  snprintf(path, sizeof(path), "%s/openai/%s", FIXTURES, name);
  FILE* file = fopen(path, "rb");
  if (file == NULL)
    return bytes;
  assert_int_equal(fseek(file, 0, SEEK_END), 0);
  long size = ftell(file);
  rewind(file);
  char* base = malloc((size_t) size + 1);
  assert_non_null(base);
  assert_int_equal(fread(base, 1, (size_t) size, file), size);
  base[size] = '\0';
  fclose(file);
  bytes.base = base;
  bytes.len = (size_t) size;
  return bytes;
}

#endif
