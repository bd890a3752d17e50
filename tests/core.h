/* A client, a mock provider and a loop for tests of the core, with an allocator
 * that is counted: core_end() proves that nothing is left of any of them.
 */
#ifndef UVLLM_TESTS_CORE_H
#define UVLLM_TESTS_CORE_H

#include "test.h"

#include <dirent.h>
#include <uv.h>

#include "provider_init.h"
#include "uvllm/mock.h"

typedef struct core_s {
  uv_loop_t loop;
  test_alloc_t alloc;
  uvllm_client_t* client;
  uvllm_mock_t* mock;
  int ndone, nclosed, stopped;
  int nfds; /* before all began */
  char log[16384];
} core_t;

/* What one request has seen. */
typedef struct seen_s {
  core_t* core;
  uvllm_req_t* req;
  int done, status, http_status;
  uint32_t attempts;
  char text[4096];  /* from events */
  char result[4096];
  char body[4096];
  char message[512], code[128], key_label[32];
  int nevents[16];
  int late; /* events after done */
  uvllm_usage_t usage;
  uvllm_timing_t timing;
  uvllm_transport transport;
  void (*on_event)(struct seen_s* s, const uvllm_event_t* e);
  void (*on_done)(struct seen_s* s, const uvllm_result_t* r);
  void* data;
} seen_t;

static inline int core_count_fds(void) {
  DIR* dir = opendir("/proc/self/fd");
  int n = 0;
  while (dir != NULL && readdir(dir) != NULL)
    n++;
  closedir(dir);
  return n;
}

/* libuv opens a pipe for signals with its first loop and keeps it. */
static inline void core__warm_up(void) {
  uv_loop_t loop;
  assert_int_equal(uv_loop_init(&loop), 0);
  assert_int_equal(uv_loop_close(&loop), 0);
}

static inline void core_log(void* data, uvllm_log_level level, const char* msg) {
  core_t* c = data;
  size_t at = strlen(c->log);
  (void) level;
  snprintf(c->log + at, sizeof(c->log) - at, "%s\n", msg);
}

static inline void core_begin_with(core_t* c, uvllm_client_options_t* o) {
  memset(c, 0, sizeof(*c));
  test_alloc_init(&c->alloc);
  core__warm_up();
  c->nfds = core_count_fds();
  assert_int_equal(uv_loop_init(&c->loop), 0);
  o->alloc = &c->alloc.hook;
  if (o->log_cb == NULL) {
    o->log_cb = core_log;
    o->log_level = UVLLM_LOG_DEBUG;
    o->data = c;
  }
  assert_int_equal(uvllm_client_new(&c->client, &c->loop, o), 0);
}

static inline void core_begin(core_t* c) {
  uvllm_client_options_t o;
  uvllm_client_options_init(&o);
  core_begin_with(c, &o);
}

static inline void core_provider(core_t* c, const char* name, const char* url,
                                 const uvllm_limits_t* limits) {
  uvllm_provider_options_t p;
  core_provider_init(&p);
  p.name = name;
  p.dialect = "openai";
  p.base_url = url;
  p.price_as = "*";
  if (limits != NULL)
    p.limits = *limits;
  assert_int_equal(uvllm_provider_set(c->client, &p), 0);
}

static inline void core_mock(core_t* c, uvllm_mock_options_t* options,
                             const uvllm_limits_t* limits) {
  uvllm_mock_options_t o;
  char url[64];
  uvllm_mock_options_init(&o);
  assert_int_equal(uvllm_mock_start(&c->mock, &c->loop, options != NULL ? options : &o), 0);
  snprintf(url, sizeof(url), "http://127.0.0.1:%d/v1", uvllm_mock_port(c->mock));
  core_provider(c, "mock", url, limits);
}

static inline void core__stopped(void* data) {
  core_t* c = data;
  c->stopped = 1;
}

static inline void core__closed(void* data) {
  core_t* c = data;
  c->nclosed++;
}

static inline void core_close_client(core_t* c) {
  uvllm_client_t* client = c->client;
  c->client = NULL;
  uvllm_client_close(client, core__closed, c);
}

/* Closes what is open; nothing of it may be left. */
static inline void core_end(core_t* c) {
  if (c->client != NULL)
    core_close_client(c);
  while (c->nclosed == 0)
    uv_run(&c->loop, UV_RUN_ONCE);
  if (c->mock != NULL)
    uvllm_mock_stop(c->mock, core__stopped, c);
  uv_run(&c->loop, UV_RUN_DEFAULT);
  assert_int_equal(c->stopped, c->mock != NULL);
  assert_int_equal(c->nclosed, 1);
  assert_int_equal(uv_loop_close(&c->loop), 0);
  assert_int_equal(c->alloc.alive, 0);
  assert_int_equal(core_count_fds(), c->nfds);
}

static inline void core__copy(char* to, size_t size, uvllm_str_t s) {
  snprintf(to, size, "%.*s", (int) s.len, s.base != NULL ? s.base : "");
}

static inline void core__event(uvllm_req_t* req, const uvllm_event_t* e) {
  seen_t* s = uvllm_req_data(req);
  s->late += s->done;
  if ((size_t) e->type < sizeof(s->nevents) / sizeof(s->nevents[0]))
    s->nevents[e->type]++;
  if (e->type == UVLLM_EVENT_TEXT) {
    size_t at = strlen(s->text);
    if (at + e->u.text.len < sizeof(s->text))
      snprintf(s->text + at, sizeof(s->text) - at, "%.*s", (int) e->u.text.len, e->u.text.base);
  }
  if (e->type == UVLLM_EVENT_RESTART)
    s->text[0] = '\0';
  if (s->on_event != NULL)
    s->on_event(s, e);
}

static inline void core__done(uvllm_req_t* req, const uvllm_result_t* r) {
  seen_t* s = uvllm_req_data(req);
  s->done++;
  s->core->ndone++;
  s->status = r->status;
  s->http_status = r->http_status;
  s->attempts = r->attempts;
  s->usage = *r->usage;
  s->timing = *r->timing;
  s->transport = r->transport;
  if (core_forced_transport() == UVLLM_TRANSPORT_CURL)
    assert_int_not_equal(r->transport, UVLLM_TRANSPORT_PLAIN);
  core__copy(s->message, sizeof(s->message), r->message);
  core__copy(s->code, sizeof(s->code), r->code);
  snprintf(s->key_label, sizeof(s->key_label), "%s", r->key_label != NULL ? r->key_label : "");
  core__copy(s->body, sizeof(s->body), r->body_json);
  if (r->nchoices > 0)
    core__copy(s->result, sizeof(s->result), r->choices[0].text);
  if (s->on_done != NULL)
    s->on_done(s, r);
}

/* A chat request to provider "mock"; change it, then core_submit(). The x-mock
 * header is sent when it is not NULL. */
typedef struct ask_s {
  uvllm_request_t r;
  uvllm_message_t message;
  uvllm_kv_t header;
} ask_t;

static inline void ask_init(ask_t* a, const char* prompt, const char* x_mock) {
  memset(a, 0, sizeof(*a));
  uvllm_request_init(&a->r);
  a->message.role = UVLLM_USER;
  a->message.text = test_str(prompt);
  a->r.target.provider = "mock";
  a->r.target.model = "gpt-4o-mini";
  a->r.messages = &a->message;
  a->r.nmessages = 1;
  a->r.flags = UVLLM_STREAM;
  a->header.name = "x-mock";
  a->header.value = x_mock;
  if (x_mock != NULL) {
    a->r.headers = &a->header;
    a->r.nheaders = 1;
  }
}

static inline int core_try(core_t* c, const uvllm_request_t* r, seen_t* s) {
  s->core = c;
  return uvllm_submit(c->client, r, core__event, core__done, s, &s->req);
}

static inline void core_submit(core_t* c, const uvllm_request_t* r, seen_t* s) {
  assert_int_equal(core_try(c, r, s), 0);
}

static inline void core_ask(core_t* c, const char* prompt, const char* x_mock, seen_t* s) {
  ask_t a;
  ask_init(&a, prompt, x_mock);
  core_submit(c, &a.r, s);
}

/* Until so many requests have ended. The mock's listening socket keeps the loop
 * alive, so a count has to say when. */
static inline void core_run(core_t* c, int ndone) {
  while (c->ndone < ndone)
    uv_run(&c->loop, UV_RUN_ONCE);
}

#endif
