/* Runs a dialect's fixtures: a folder of recorded answers and of requests, through
 * the ops alone, with no network. Every dialect's test is this, and so may be that of
 * a provider of one's own: conformance_run(ops, folder).
 *
 * Answers: `name.<kind>` and beside it `name.events`, which has the lines of record.h,
 * then "=> " and the outcome. Each is fed whole, byte by byte, and split at every
 * byte; with every allocation failing once; cut short and with bytes turned. What it
 * answers stands in the name:
 *
 *   embed_*, models_*, raw_*, completion_*, count_*   the op; else a chat
 *   pull_*                                   a raw request to Ollama's /api/pull
 *   error_429_*                              the HTTP status; else 200
 *   *_n2, *_in2                              n, or the number of inputs
 *   .sse .json .jsonl .html .txt .bin        the content type (.bin: an AWS event stream)
 *   .aws                                     the same as .bin, written as lines: aws_encode.h
 *
 * `name.headers`, if there is one, has response headers, "Name: value" a line, that
 * come before the body. `name.params` has the provider's, "name=value" a line.
 *
 * Requests: `name.request` and beside it `name.http`. A request is a line of words
 * (op, perhaps "stream", "model=...", "key=...", "secret=...", "session=...", "url=..."
 * for the base URL, "param:NAME=VALUE"), then an OpenAI
 * body, translated first where the dialect takes none. name.http is what goes on the
 * wire: method and path, header lines, an empty line, the body; or "! " with the code
 * and the words of the refusal.
 */
#ifndef UVLLM_TESTS_PROVIDER_CONFORMANCE_H
#define UVLLM_TESTS_PROVIDER_CONFORMANCE_H

#include "aws_encode.h"
#include "dialects.h"
#include "frames.h"
#include "http_build.h"
#include "record.h"
#include "request_expand.h"

#include <dirent.h>
#include <math.h>

#define FIXTURE_NOW_MS UINT64_C(1795250000000)

/* Whose fixtures, and where they are. */
typedef struct fixture_source_s {
  const uvllm_provider_ops_t* ops;
  const char* folder;
} fixture_source_t;

typedef struct fixture_run_s {
  const uvllm_provider_ops_t* ops;
  void* state;
  record_t rec;
  uvllm_request_t request;
  int http_status;
  const char* content_type;
  char* params_text;
  uvllm_kv_t params[8];
  size_t nparams;
  int rc; /* what frame() said last */
} fixture_run_t;

static inline uvllm_op fixture__op(const char* name) {
  static const struct {
    const char* prefix;
    uvllm_op op;
  } ops[] = { { "embed_", UVLLM_EMBED }, { "models_", UVLLM_MODELS }, { "raw_", UVLLM_RAW },
              { "pull_", UVLLM_RAW }, { "completion_", UVLLM_COMPLETION },
              { "count_", UVLLM_COUNT_TOKENS } };
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
  if (strcmp(dot, ".jsonl") == 0)
    return "application/x-ndjson";
  if (strcmp(dot, ".bin") == 0 || strcmp(dot, ".aws") == 0)
    return "application/vnd.amazon.eventstream";
  return strcmp(dot, ".html") == 0 ? "text/html; charset=UTF-8" : "text/plain";
}

/* A whole file, NUL-terminated; base is NULL if there is none. To be freed. */
static inline uvllm_str_t fixture_read_of(const fixture_source_t* source, const char* name) {
  char path[512];
  uvllm_str_t bytes = { NULL, 0 };
  snprintf(path, sizeof(path), "%s/%s", source->folder, name);
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

static inline uvllm_str_t fixture__beside(const fixture_source_t* source, const char* name,
                                          const char* kind) {
  char other[256];
  snprintf(other, sizeof(other), "%.*s%s", (int) (strrchr(name, '.') - name), name, kind);
  return fixture_read_of(source, other);
}

static inline void fixture__params(fixture_run_t* run, const fixture_source_t* source,
                                   const char* name) {
  char* save = NULL;
  run->params_text = (char*) fixture__beside(source, name, ".params").base;
  for (char* line = run->params_text != NULL ? strtok_r(run->params_text, "\n", &save) : NULL;
       line != NULL; line = strtok_r(NULL, "\n", &save)) {
    char* equals = strchr(line, '=');
    assert_non_null(equals);
    assert_true(run->nparams < sizeof(run->params) / sizeof(run->params[0]));
    *equals = '\0';
    run->params[run->nparams++] = (uvllm_kv_t) { line, equals + 1 };
  }
}

/* A request was sent, and the headers of its answer have come. */
static inline void fixture_begin_of(fixture_run_t* run, const fixture_source_t* source,
                                    const char* name) {
  static const uvllm_message_t messages[2] = { { .text = UVLLM_STR("a") },
                                               { .text = UVLLM_STR("b") } };
  uvllm_attempt_t attempt = { .request = &run->request, .unix_ms = FIXTURE_NOW_MS, .number = 1 };
  uvllm_http_t http;
  uvllm_request_t* r = &run->request;
  memset(run, 0, sizeof(*run));
  run->ops = source->ops;
  run->state = calloc(1, run->ops->state_size);
  assert_non_null(run->state);
  r->temperature = r->top_p = r->frequency_penalty = r->presence_penalty = NAN;
  r->seed = INT64_MIN;
  r->op = fixture__op(name);
  r->n = fixture__number(name, "_n");
  r->messages = messages;
  r->nmessages = r->op == UVLLM_EMBED ? fixture__number(name, "_in") : 1;
  r->raw_path = strncmp(name, "pull_", 5) == 0 ? "/api/pull" : "/x";
  run->http_status = (int) fixture__number(name, "error_");
  if (run->http_status == 0)
    run->http_status = 200;
  run->content_type = fixture__type(name);
  fixture__params(run, source, name);
  attempt.params = run->params;
  attempt.nparams = run->nparams;
  uvllm__http_init(&http, &uvllm__alloc_default);
  assert_int_equal(run->ops->build(run->state, &attempt, &http), 0);
  uvllm__http_free(&http);
  record_init(&run->rec);
  run->rec.emit.params = run->params;
  run->rec.emit.nparams = run->nparams;
  if (run->ops->header != NULL)
    run->ops->header(run->state, test_str("Content-Type"), test_str(run->content_type),
                     &run->rec.emit);
}

static inline void fixture_end(fixture_run_t* run) {
  if (run->ops->fini != NULL)
    run->ops->fini(run->state);
  record_free(&run->rec);
  free(run->params_text);
  free(run->state);
}

static inline int fixture__frame(void* ctx, const uvllm_frame_t* frame) {
  fixture_run_t* run = ctx;
  run->rc = run->ops->frame(run->state, frame, &run->rec.emit);
  return run->rc;
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

static inline uvllm_framing fixture__framing(const char* type) {
  if (strncasecmp(type, "text/event-stream", 17) == 0)
    return UVLLM_FRAME_SSE;
  if (strcmp(type, "application/vnd.amazon.eventstream") == 0)
    return UVLLM_FRAME_AWS;
  return strcmp(type, "application/x-ndjson") == 0 ? UVLLM_FRAME_LINES : UVLLM_FRAME_BODY;
}

/* The outcome: UVLLM_COMPLETE, UVLLM_NEXT or an error. Reads of `step` bytes, the first one
 * of `first`. */
static inline int fixture_answer(fixture_run_t* run, uvllm_str_t bytes, size_t first,
                                 size_t step) {
  uvllm__frames_t frames;
  uvllm__frames_init(&frames, &uvllm__alloc_default);
  uvllm_framing framing =
      run->ops->begin != NULL
          ? run->ops->begin(run->state, run->http_status, test_str(run->content_type))
          : fixture__framing(run->content_type);
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
    rc = run->ops->end != NULL ? run->ops->end(run->state, &run->rec.emit) : UVLLM_ETRUNCATED;
  uvllm__frames_free(&frames);
  return rc;
}

static inline const char* fixture__outcome(int rc) {
  return rc == UVLLM_COMPLETE ? "complete" : rc == UVLLM_NEXT ? "next" : uvllm_err_name(rc);
}

/* name.headers, handed to header(). */
static inline void fixture__headers(fixture_run_t* run, const fixture_source_t* source,
                                    const char* name) {
  char* save = NULL;
  uvllm_str_t text = fixture__beside(source, name, ".headers");
  for (char* line = text.base != NULL ? strtok_r((char*) text.base, "\n", &save) : NULL;
       line != NULL; line = strtok_r(NULL, "\n", &save)) {
    char* colon = strchr(line, ':');
    assert_non_null(colon);
    run->ops->header(run->state, (uvllm_str_t) { line, (size_t) (colon - line) },
                     test_str(colon + 1 + strspn(colon + 1, " ")), &run->rec.emit);
  }
  free((char*) text.base);
}

static inline int fixture__finish(fixture_run_t* run, uvllm_str_t bytes, size_t first,
                                  size_t step) {
  return run->http_status < 300
             ? fixture_answer(run, bytes, first, step)
             : run->ops->error(run->state, run->http_status, bytes, &run->rec.emit);
}

/* All lines of the fixture's run, to be freed. With `alloc` the parser's and
 * the dialect's memory comes from there. */
static inline char* fixture_run_with(const fixture_source_t* source, const char* name,
                                     uvllm_str_t bytes, size_t first, size_t step,
                                     test_alloc_t* alloc, int* rc) {
  fixture_run_t run;
  fixture_begin_of(&run, source, name);
  uvllm_json_parser_t* own = run.rec.emit.parser;
  if (alloc != NULL) {
    run.rec.emit.alloc = &alloc->hook;
    uvllm_json_parser_new(&run.rec.emit.parser, &alloc->hook);
  }
  fixture__headers(&run, source, name);
  *rc = fixture__finish(&run, bytes, first, step);
  record__print(&run.rec, "=> %s\n", fixture__outcome(*rc));
  char* lines = strdup(record_text(&run.rec));
  assert_non_null(lines);
  if (alloc != NULL) {
    uvllm_json_parser_free(run.rec.emit.parser);
    run.rec.emit.parser = own;
  }
  fixture_end(&run);
  if (alloc != NULL)
    assert_int_equal(alloc->alive, 0);
  return lines;
}

static inline char* fixture_run_of(const fixture_source_t* source, const char* name,
                                   uvllm_str_t bytes, size_t first, size_t step) {
  int rc;
  return fixture_run_with(source, name, bytes, first, step, NULL, &rc);
}

/* ---- Answers ---- */

static inline int conformance__same(const fixture_source_t* source, const char* name,
                                    const char* how, size_t at, const char* expected,
                                    uvllm_str_t bytes, size_t first, size_t step) {
  char* lines = fixture_run_of(source, name, bytes, first, step);
  int same = strcmp(lines, expected) == 0;
  if (!same)
    print_error("%s, %s %zu:\n%swanted:\n%s", name, how, at, lines, expected);
  free(lines);
  return same;
}

/* However memory fails, all is told or it is UV_ENOMEM: nothing gets lost. An error's
 * words may. */
static inline int conformance__oom(const fixture_source_t* source, const char* name,
                                   const char* expected, uvllm_str_t bytes) {
  int ok = 1, failed = 1;
  for (size_t fail_at = 1; ok && failed && fail_at < 64; fail_at++) {
    test_alloc_t alloc;
    int rc;
    test_alloc_init(&alloc);
    alloc.fail_at = fail_at;
    char* lines = fixture_run_with(source, name, bytes, bytes.len, 1, &alloc, &rc);
    failed = alloc.calls >= fail_at;
    ok = rc < 0 || strcmp(lines, expected) == 0;
    if (!ok)
      print_error("%s, allocation %zu failing:\n%swanted:\n%s", name, fail_at, lines, expected);
    free(lines);
  }
  return ok;
}

/* Nothing but the absence of crashes is asked for. */
static inline void conformance__garbage(const fixture_source_t* source, const char* name,
                                        uvllm_str_t bytes) {
  static const char junk[] = "\0\xff{[\"\\,:0";
  char* copy = malloc(bytes.len + 1);
  assert_non_null(copy);
  const size_t stride = bytes.len / 64 + 1;
  for (size_t at = 0; at < bytes.len; at += stride) {
    memcpy(copy, bytes.base, bytes.len);
    copy[at] = junk[at % (sizeof(junk) - 1)];
    free(fixture_run_of(source, name, (uvllm_str_t) { copy, bytes.len }, bytes.len, 1));
    free(fixture_run_of(source, name, (uvllm_str_t) { copy, at }, at, 1));
  }
  free(copy);
}

/* Lines as the messages that they stand for. */
static inline uvllm_str_t conformance__encode(uvllm_str_t lines) {
  uvllm__buf_t out;
  uvllm__buf_init(&out, &uvllm__alloc_default, SIZE_MAX);
  aws_put_lines(&out, lines);
  assert_int_equal(uvllm__buf_char(&out, '\0'), 0);
  free((char*) lines.base);
  return (uvllm_str_t) { out.base, out.len - 1 };
}

static inline int conformance__answer(const fixture_source_t* source, const char* name) {
  uvllm_str_t bytes = fixture_read_of(source, name);
  uvllm_str_t expected = fixture__beside(source, name, ".events");
  int ok = expected.base != NULL;
  if (strcmp(strrchr(name, '.'), ".aws") == 0)
    bytes = conformance__encode(bytes);
  if (!ok)
    print_error("%s: there is no .events beside it\n", name);
  ok = ok && conformance__same(source, name, "whole", bytes.len, expected.base, bytes,
                               bytes.len, 1);
  const int framed = fixture__number(name, "error_") == 0;
  /* Raw bytes are told as they come: there only the whole is compared. */
  if (framed && strncmp(name, "raw_", 4) != 0) {
    ok = ok && conformance__same(source, name, "in bytes of", 1, expected.base, bytes, 1, 1);
    for (size_t at = 1; ok && at < bytes.len; at++)
      ok = conformance__same(source, name, "split at", at, expected.base, bytes, at, bytes.len);
    ok = ok && conformance__oom(source, name, expected.base, bytes);
  }
  if (ok)
    conformance__garbage(source, name, bytes);
  free((char*) bytes.base);
  free((char*) expected.base);
  return ok;
}

/* ---- Requests ---- */

typedef struct conformance_request_s {
  uvllm_request_t r;
  uvllm_attempt_t attempt;
  uvllm_kv_t params[8];
  record_t rec;
  uvllm__buf_t out;
} conformance_request_t;

static inline void conformance__word(conformance_request_t* q, char* word) {
  static const struct {
    const char* name;
    uvllm_op op;
  } ops[] = { { "chat", UVLLM_CHAT },     { "completion", UVLLM_COMPLETION },
              { "embed", UVLLM_EMBED },   { "models", UVLLM_MODELS },
              { "raw", UVLLM_RAW },       { "count", UVLLM_COUNT_TOKENS } };
  for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
    if (strcmp(word, ops[i].name) == 0)
      q->r.op = ops[i].op;
  if (strcmp(word, "stream") == 0)
    q->r.flags |= UVLLM_STREAM;
  if (strncmp(word, "model=", 6) == 0)
    q->r.target.model = word + 6;
  if (strncmp(word, "key=", 4) == 0)
    q->attempt.key = test_str(word + 4);
  if (strncmp(word, "secret=", 7) == 0)
    q->attempt.secret = test_str(word + 7);
  if (strncmp(word, "session=", 8) == 0)
    q->attempt.session = test_str(word + 8);
  if (strncmp(word, "url=", 4) == 0)
    q->attempt.base_url = test_str(word + 4);
  char* equals = strchr(word, '=');
  if (strncmp(word, "param:", 6) == 0 && equals != NULL) {
    *equals = '\0';
    assert_true(q->attempt.nparams < 8);
    q->params[q->attempt.nparams++] = (uvllm_kv_t) { word + 6, equals + 1 };
  }
}

static inline int conformance__build(conformance_request_t* q, const uvllm_provider_ops_t* ops,
                                     uvllm_http_t* http) {
  void* state = calloc(1, ops->state_size != 0 ? ops->state_size : 1);
  assert_non_null(state);
  int err = ops->check != NULL ? ops->check(&q->r, &q->rec.emit) : 0;
  if (err == 0)
    err = ops->build(state, &q->attempt, http);
  if (err == 0 && ops->sign != NULL)
    err = ops->sign(state, &q->attempt, http);
  if (err == 0)
    err = uvllm__http_finish(http);
  if (ops->fini != NULL)
    ops->fini(state);
  free(state);
  return err;
}

static inline void conformance__print(conformance_request_t* q, const uvllm_http_t* http) {
  const uvllm_str_t body = uvllm__http_body(http);
  uvllm__buf_str(&q->out, http->method);
  uvllm__buf_str(&q->out, " ");
  uvllm__buf_append(&q->out, http->path.base, strlen(http->path.base));
  uvllm__buf_str(&q->out, "\n");
  for (size_t i = 0; i < http->nheaders; i++) {
    const char* line = uvllm__http_header_line(http, i);
    if (strncmp(line, "User-Agent:", 11) == 0)
      continue; /* changes with every release */
    uvllm__buf_str(&q->out, line);
    uvllm__buf_str(&q->out, "\n");
  }
  uvllm__buf_str(&q->out, "\n");
  if (body.base != NULL) {
    uvllm__buf_append(&q->out, body.base, body.len);
    uvllm__buf_str(&q->out, "\n");
  }
}

/* What goes on the wire, or "! " and why not; to be freed. *rc: 0 or why not. */
static inline char* conformance__request(const fixture_source_t* source, uvllm_str_t text,
                                         test_alloc_t* alloc, int* rc) {
  const uvllm_alloc_t* hook = alloc != NULL ? &alloc->hook : &uvllm__alloc_default;
  conformance_request_t q;
  uvllm__expansion_t e = { .alloc = hook };
  uvllm_http_t http;
  char *save = NULL, *copy = strndup(text.base, text.len);
  assert_non_null(copy);
  char* body = copy + strcspn(copy, "\n");
  if (*body != '\0')
    *body++ = '\0';
  memset(&q, 0, sizeof(q));
  q.r.temperature = q.r.top_p = q.r.frequency_penalty = q.r.presence_penalty = NAN;
  q.r.seed = INT64_MIN;
  q.attempt = (uvllm_attempt_t) { .request = &q.r, .params = q.params, .number = 1,
                                  .unix_ms = FIXTURE_NOW_MS,
                                  .base_url = test_str("https://provider.example") };
  for (char* word = strtok_r(copy, " ", &save); word != NULL; word = strtok_r(NULL, " ", &save))
    conformance__word(&q, word);
  record_init(&q.rec);
  q.rec.emit.alloc = hook;
  q.rec.emit.params = q.params;
  q.rec.emit.nparams = q.attempt.nparams;
  uvllm__buf_init(&q.out, &uvllm__alloc_default, SIZE_MAX);
  uvllm__http_init(&http, hook);
  q.r.body_json.len = strlen(body);
  while (q.r.body_json.len != 0 && (unsigned char) body[q.r.body_json.len - 1] <= ' ')
    q.r.body_json.len--;
  q.r.body_json.base = q.r.body_json.len != 0 ? body : NULL;
  *rc = 0;
  if (q.r.body_json.base != NULL && !source->ops->speaks_openai)
    *rc = uvllm__request_expand(&e, &q.r, hook);
  if (q.r.target.model != NULL)
    q.attempt.model = test_str(q.r.target.model);
  if (*rc == 0)
    *rc = conformance__build(&q, source->ops, &http);
  if (*rc == 0)
    conformance__print(&q, &http);
  else {
    const char* said = strstr(record_text(&q.rec), "message=\"");
    uvllm__buf_str(&q.out, "! ");
    uvllm__buf_str(&q.out, uvllm_err_name(*rc));
    uvllm__buf_str(&q.out, ": ");
    uvllm__buf_append(&q.out, said != NULL ? said + 9 : e.why,
                      said != NULL ? strcspn(said + 9, "\"") : strlen(e.why));
    uvllm__buf_str(&q.out, "\n");
  }
  char* lines = strndup(q.out.base, q.out.len);
  uvllm__http_free(&http);
  uvllm__expansion_free(&e);
  uvllm__buf_free(&q.out);
  record_free(&q.rec);
  free(copy);
  if (alloc != NULL)
    assert_int_equal(alloc->alive, 0);
  return lines;
}

static inline int conformance__one_request(const fixture_source_t* source, const char* name) {
  int rc, ok, failed = 1;
  uvllm_str_t text = fixture_read_of(source, name);
  uvllm_str_t expected = fixture__beside(source, name, ".http");
  char* lines = conformance__request(source, text, NULL, &rc);
  ok = expected.base != NULL && strcmp(lines, expected.base) == 0;
  if (!ok)
    print_error("%s:\n%swanted:\n%s", name, lines,
                expected.base != NULL ? expected.base : "(no such file)\n");
  free(lines);
  for (size_t fail_at = 1; ok && rc == 0 && failed && fail_at < 256; fail_at++) {
    test_alloc_t alloc;
    int err;
    test_alloc_init(&alloc);
    alloc.fail_at = fail_at;
    lines = conformance__request(source, text, &alloc, &err);
    failed = alloc.calls >= fail_at;
    ok = err == UVLLM__ENOMEM || (err == 0 && strcmp(lines, expected.base) == 0);
    if (!ok)
      print_error("%s, allocation %zu failing:\n%s", name, fail_at, lines);
    free(lines);
  }
  free((char*) text.base);
  free((char*) expected.base);
  return ok;
}

/* ---- All ---- */

static inline int conformance__is_fixture(const struct dirent* entry) {
  static const char* const beside[] = { ".events", ".http", ".headers", ".params" };
  const char* dot = strrchr(entry->d_name, '.');
  for (size_t i = 0; dot != NULL && i < sizeof(beside) / sizeof(beside[0]); i++)
    if (strcmp(dot, beside[i]) == 0)
      return 0;
  return entry->d_name[0] != '.' && dot != NULL;
}

/* How many fixtures there are in the folder; the test fails if any of them does. */
static inline int conformance_run(const uvllm_provider_ops_t* ops, const char* folder) {
  const fixture_source_t source = { ops, folder };
  struct dirent** entries;
  int failed = 0, n = scandir(folder, &entries, conformance__is_fixture, alphasort);
  assert_true(n > 0);
  for (int i = 0; i < n; i++) {
    const char* name = entries[i]->d_name;
    failed += strcmp(strrchr(name, '.'), ".request") == 0
                  ? !conformance__one_request(&source, name)
                  : !conformance__answer(&source, name);
    free(entries[i]);
  }
  free(entries);
  assert_int_equal(failed, 0);
  return n;
}

#endif
