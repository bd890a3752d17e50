/* A mock on a loop of its own, asked over the wire: for the tests of its dialects. */
#ifndef UVLLM_TESTS_MOCK_WORLD_H
#define UVLLM_TESTS_MOCK_WORLD_H

#include "raw_client.h"
#include "uvllm/json.h"
#include "uvllm/mock.h"

typedef struct world_s {
  uv_loop_t loop;
  test_alloc_t alloc;
  uvllm_mock_options_t options;
  uvllm_mock_t* mock;
  int stopped;
} world_t;

typedef struct reply_s {
  int status, ended;
  char* head;    /* NUL-terminated */
  char* body;    /* without the chunks' sizes, NUL-terminated */
  size_t len;
  int complete;  /* as its length or its chunks say */
} reply_t;

static inline void world_init(world_t* w) {
  memset(w, 0, sizeof(*w));
  test_alloc_init(&w->alloc);
  assert_int_equal(uv_loop_init(&w->loop), 0);
  uvllm_mock_options_init(&w->options);
  w->options.alloc = &w->alloc.hook;
}

static inline void world_start(world_t* w) {
  assert_int_equal(uvllm_mock_start(&w->mock, &w->loop, &w->options), 0);
}

static inline void world_new(world_t* w) {
  world_init(w);
  world_start(w);
}

static inline void on_stopped(void* data) {
  ((world_t*) data)->stopped++;
}

static inline void world_end(world_t* w) {
  if (w->mock != NULL) {
    uvllm_mock_stop(w->mock, on_stopped, w);
    assert_int_equal(w->stopped, 0);
  }
  uv_run(&w->loop, UV_RUN_DEFAULT);
  assert_int_equal(w->stopped, w->mock != NULL);
  assert_int_equal(uv_loop_close(&w->loop), 0);
  assert_int_equal(w->alloc.alive, 0);
}

static inline uvllm_mock_stats_t stats_of(world_t* w) {
  uvllm_mock_stats_t stats;
  uvllm_mock_stats(w->mock, &stats);
  return stats;
}

/* ---- Requests and replies ---- */

static inline void say_request(raw_client_t* c, const char* line, const char* headers,
                               const char* body) {
  char head[2048];
  int len = snprintf(head, sizeof(head), "%s HTTP/1.1\r\nHost: localhost\r\n%s"
                     "Content-Length: %zu\r\n\r\n", line, headers, strlen(body));
  raw_send(c, head, (size_t) len);
  raw_say(c, body);
}

static inline void dechunk(reply_t* r, const char* p, const char* end) {
  while (p < end) {
    char* after;
    size_t n = strtoul(p, &after, 16);
    if (after == p || after + 2 > end)
      return;
    p = after + 2;
    if (n == 0) {
      r->complete = 1;
      return;
    }
    size_t have = n < (size_t) (end - p) ? n : (size_t) (end - p);
    memcpy(r->body + r->len, p, have);
    r->len += have;
    p += have + 2;
  }
}

static inline void read_reply(reply_t* r, raw_client_t* c) {
  memset(r, 0, sizeof(*r));
  r->ended = c->ended;
  r->status = raw_status(c);
  const char* end = c->in + c->len;
  const char* body = c->len != 0 ? memmem(c->in, c->len, "\r\n\r\n", 4) : NULL;
  if (body == NULL)
    return;
  body += 4;
  r->head = strndup(c->in, (size_t) (body - c->in));
  r->body = calloc(1, c->len + 1);
  const char* length = strstr(r->head, "content-length: ");
  if (strstr(r->head, "transfer-encoding: chunked") != NULL) {
    dechunk(r, body, end);
  } else {
    r->len = (size_t) (end - body);
    memcpy(r->body, body, r->len);
    r->complete = length == NULL || r->len == strtoull(length + 16, NULL, 10);
  }
  r->body[r->len] = '\0';
}

static inline void reply_free(reply_t* r) {
  free(r->head);
  free(r->body);
}

/* One request on a connection of its own, which the server closes. */
static inline void ask(world_t* w, const char* line, const char* headers, const char* body,
                       reply_t* r) {
  raw_client_t c;
  char all[1024];
  snprintf(all, sizeof(all), "%sConnection: close\r\n", headers);
  raw_open(&c, &w->loop, uvllm_mock_port(w->mock));
  say_request(&c, line, all, body);
  raw_until_end(&c);
  read_reply(r, &c);
  raw_close(&c);
}

/* ---- Reading replies ---- */

static uvllm_json_parser_t* parser; /* the test's main makes it */

static inline uvllm_json_t json_of(const char* text, size_t len) {
  uvllm_str_t s = { text, len };
  uvllm_json_t root;
  size_t at = 0;
  int err = uvllm_json_parse(parser, s, &root, &at);
  if (err != 0)
    print_message("at %zu of: %.*s\n", at, (int) len, text);
  assert_int_equal(err, 0);
  return root;
}

#define assert_path(root, path, text) assert_str(uvllm_json_str(uvllm_json_path(root, path)), text)
#define assert_number(root, path, n) \
  assert_int_equal(uvllm_json_int(uvllm_json_path(root, path), INT64_MIN), n)
#define assert_no_path(root, path) \
  assert_int_equal(uvllm_json_type_of(uvllm_json_path(root, path)), UVLLM_JSON_NONE)

static inline int is_null(uvllm_json_t root, const char* path) {
  return uvllm_json_type_of(uvllm_json_path(root, path)) == UVLLM_JSON_NULL;
}

#endif
