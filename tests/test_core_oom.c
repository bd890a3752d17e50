/* The core without memory: each allocation of a scenario fails in turn, once or
 * from then on. Nothing crashes or leaks, what was accepted ends in one done_cb
 * that tells the truth, and the client can be closed.
 */
#include "core.h"

enum { MAX_REQS = 6 };

typedef struct oom_s oom_t;

typedef struct one_s {
  oom_t* oom;
  uvllm_req_t* req;
  int accepted, done, status;
  unsigned int flags;
  size_t nchoices;
  int pauses;
  char text[512], result[512], tools[512], body[2048];
} one_t;

struct oom_s {
  uv_loop_t loop;
  uvllm_mock_t* mock;
  test_alloc_t alloc;
  uvllm_client_t* client;
  one_t ones[MAX_REQS];
  int n, ndone, closed, stopped;
  unsigned int run; /* prompts must be new for x-mock's "times" */
  char prompt[32];
  uv_timer_t timer;
};

static void on_resume(uv_timer_t* timer) {
  oom_t* t = timer->data;
  for (int i = 0; i < t->n; i++)
    if (t->ones[i].accepted && !t->ones[i].done)
      uvllm_resume(t->ones[i].req);
}

static void on_event(uvllm_req_t* req, const uvllm_event_t* e) {
  one_t* o = uvllm_req_data(req);
  assert_int_equal(o->done, 0);
  size_t at = strlen(o->text);
  if (e->type == UVLLM_EVENT_TEXT)
    snprintf(o->text + at, sizeof(o->text) - at, "%.*s", (int) e->u.text.len, e->u.text.base);
  if (e->type == UVLLM_EVENT_RESTART)
    o->text[0] = '\0';
  if (o->pauses > 0 && e->type != UVLLM_EVENT_ATTEMPT) {
    o->pauses--;
    uvllm_pause(req);
    uv_timer_start(&o->oom->timer, on_resume, 1, 0);
  }
}

static void on_done(uvllm_req_t* req, const uvllm_result_t* r) {
  one_t* o = uvllm_req_data(req);
  assert_int_equal(o->done++, 0);
  o->status = r->status;
  o->nchoices = r->nchoices;
  o->oom->ndone++;
  core__copy(o->body, sizeof(o->body), r->body_json);
  if (r->nchoices == 0)
    return;
  core__copy(o->result, sizeof(o->result), r->choices[0].text);
  core__copy(o->tools, sizeof(o->tools), r->choices[0].tools_json);
}

static void on_closed(void* data) {
  oom_t* t = data;
  t->closed = 1;
}

static one_t* submit(oom_t* t, const char* x_mock, unsigned int flags, uint32_t n) {
  ask_t a;
  one_t* o = &t->ones[t->n++];
  o->oom = t;
  o->flags = flags;
  snprintf(t->prompt, sizeof(t->prompt), "run %u", t->run);
  ask_init(&a, t->prompt, x_mock);
  a.r.flags = flags;
  a.r.tag = "tag";
  a.r.n = n;
  a.r.timeout_ms = 20000;
  if (x_mock != NULL && strncmp(x_mock, "tool", 4) == 0)
    a.r.tools_json = test_str("[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}]");
  int err = uvllm_submit(t->client, &a.r, on_event, on_done, o, &o->req);
  assert_true(err == 0 || err == UV_ENOMEM || err == UVLLM_ENOPROVIDER);
  if (err != 0)
    assert_true(strlen(uvllm_last_error(t->client)) > 0);
  o->accepted = err == 0;
  return o;
}

static int set_up(oom_t* t) {
  uvllm_client_options_t o;
  uvllm_provider_options_t p;
  uvllm_key_t key;
  uvllm_kv_t header = { "x-team", "blue" };
  char url[64];
  uvllm_client_options_init(&o);
  o.alloc = &t->alloc.hook;
  int err = uvllm_client_new(&t->client, &t->loop, &o);
  if (err != 0)
    return err;
  snprintf(url, sizeof(url), "http://127.0.0.1:%d/v1", uvllm_mock_port(t->mock));
  core_provider_init(&p);
  p.name = "mock";
  p.dialect = "openai";
  p.base_url = url;
  p.model = "gpt-4o-mini";
  p.headers = &header;
  p.nheaders = 1;
  p.limits.tokens_per_min = 1000000;
  err = uvllm_provider_set(t->client, &p);
  assert_true(err == 0 || err == UV_ENOMEM);
  uvllm_provider_set(t->client, &p);
  uvllm_key_init(&key);
  key.key = "sk-key";
  key.label = "label";
  err = uvllm_key_set(t->client, "mock", &key);
  assert_true(err == 0 || err == UV_ENOMEM || err == UVLLM_ENOPROVIDER);
  err = uvllm_prices_load(t->client, test_str("{\"gpt-4o-mini\":{\"litellm_provider\":\"openai\","
                                              "\"mode\":\"chat\",\"input_cost_per_token\":1e-6}}"));
  assert_true(err == 0 || err == UV_ENOMEM);
  return 0;
}

static void run_until(oom_t* t, const int* flag, int value) {
  while (*flag != value)
    uv_run(&t->loop, UV_RUN_ONCE);
}

static int accepted(const oom_t* t) {
  int n = 0;
  for (int i = 0; i < t->n; i++)
    n += t->ones[i].accepted;
  return n;
}

static void check_one(const one_t* o) {
  assert_int_equal(o->done, o->accepted);
  if (!o->accepted)
    return;
  if (o->status != 0 && o->status != UV_ENOMEM && o->status != UV_ECANCELED)
    fail_msg("%s with allocation %zu failing", uvllm_err_name(o->status), o->oom->alloc.fail_at);
  if (o->status != 0)
    return;
  if (o->flags & UVLLM_BODY) /* success is whole, whatever failed on the way */
    assert_non_null(strstr(o->body, "\"finish_reason\":\"stop\""));
  else if (o->nchoices == 1)
    assert_string_equal(o->result, o->text);
  assert_true(strlen(o->text) + strlen(o->tools) > 0);
}

/* 1: it took fewer allocations than fail_at. */
static int play(oom_t* t, void (*scenario)(oom_t*), size_t fail_at, int once) {
  memset(t->ones, 0, sizeof(t->ones));
  t->n = t->ndone = t->closed = 0;
  t->client = NULL;
  t->run++;
  test_alloc_init(&t->alloc);
  t->alloc.fail_at = fail_at;
  t->alloc.fail_once = once;
  if (set_up(t) == 0) {
    scenario(t);
    run_until(t, &t->ndone, accepted(t));
    uvllm_client_close(t->client, on_closed, t);
    run_until(t, &t->closed, 1);
  }
  uv_timer_stop(&t->timer);
  for (int i = 0; i < t->n; i++)
    check_one(&t->ones[i]);
  assert_int_equal(t->alloc.alive, 0);
  return t->alloc.calls < fail_at;
}

static void on_stopped(void* data) {
  oom_t* t = data;
  t->stopped = 1;
}

static void at_every_allocation(void (*scenario)(oom_t*), void (*check)(const oom_t*)) {
  static oom_t t;
  uvllm_mock_options_t o;
  memset(&t, 0, sizeof(t));
  core__warm_up();
  int nfds = core_count_fds();
  assert_int_equal(uv_loop_init(&t.loop), 0);
  uv_timer_init(&t.loop, &t.timer);
  t.timer.data = &t;
  uvllm_mock_options_init(&o);
  o.ntokens = 5;
  assert_int_equal(uvllm_mock_start(&t.mock, &t.loop, &o), 0);
  for (int once = 0; once < 2; once++)
    for (size_t at = 1; !play(&t, scenario, at, once); at++) {}
  check(&t); /* the last one had all it wanted */
  uvllm_mock_stop(t.mock, on_stopped, &t);
  uv_close((uv_handle_t*) &t.timer, NULL);
  uv_run(&t.loop, UV_RUN_DEFAULT);
  assert_int_equal(t.stopped, 1);
  assert_int_equal(uv_loop_close(&t.loop), 0);
  assert_int_equal(core_count_fds(), nfds);
}

static void ask_stream_with_tools(oom_t* t) {
  submit(t, "tool=2", UVLLM_STREAM, 0);
  submit(t, NULL, UVLLM_STREAM, 2);
}

static void check_stream_with_tools(const oom_t* t) {
  assert_int_equal(t->ones[0].status, 0);
  assert_non_null(strstr(t->ones[0].tools, "\"f\""));
  assert_true(strlen(t->ones[1].result) > 0); /* of the first choice; the events are of two */
  assert_true(strlen(t->ones[1].text) > strlen(t->ones[1].result));
}

static void ask_whole_with_body(oom_t* t) {
  submit(t, NULL, UVLLM_BODY, 0);
  submit(t, NULL, UVLLM_BODY | UVLLM_STREAM | UVLLM_NO_COLLECT, 0);
}

static void check_whole_with_body(const oom_t* t) {
  for (int i = 0; i < 2; i++) {
    assert_int_equal(t->ones[i].status, 0);
    assert_non_null(strstr(t->ones[i].body, "\"finish_reason\":\"stop\""));
    assert_true(strlen(t->ones[i].text) > 0);
  }
}

static void ask_with_retry(oom_t* t) {
  submit(t, "status=503,once,retry-after-ms=1", UVLLM_STREAM, 0);
  submit(t, "error-event=2,once,retry-after-ms=1", UVLLM_STREAM | UVLLM_RESTART, 0);
}

static void check_with_retry(const oom_t* t) {
  for (int i = 0; i < 2; i++) {
    assert_int_equal(t->ones[i].status, 0);
    assert_string_equal(t->ones[i].text, t->ones[i].result);
  }
}

static void ask_with_pauses(oom_t* t) {
  submit(t, "tool=2", UVLLM_STREAM, 0)->pauses = 3;
  submit(t, NULL, 0, 3)->pauses = 2;
}

static void check_with_pauses(const oom_t* t) {
  assert_int_equal(t->ones[0].status | t->ones[1].status, 0);
  assert_int_equal(t->ones[0].pauses + t->ones[1].pauses, 0);
  assert_true(strlen(t->ones[1].text) > strlen(t->ones[1].result)); /* of three choices */
}

static void ask_and_cancel(oom_t* t) {
  for (int i = 0; i < 3; i++)
    submit(t, "stall=1", UVLLM_STREAM, 0);
  for (int i = 0; i < 3; i++) {
    if (i > 0)
      for (int turns = 0; turns < 6 * i; turns++)
        uv_run(&t->loop, UV_RUN_NOWAIT);
    if (t->ones[i].accepted && !t->ones[i].done)
      uvllm_cancel(t->ones[i].req);
  }
}

static void check_cancelled(const oom_t* t) {
  for (int i = 0; i < 3; i++)
    assert_int_equal(t->ones[i].status, UV_ECANCELED);
}

static void ask_and_close(oom_t* t) {
  for (int i = 0; i < 4; i++)
    submit(t, "itl=1,tokens=50", UVLLM_STREAM, 0);
  for (int turns = 0; turns < 10; turns++)
    uv_run(&t->loop, UV_RUN_NOWAIT);
  uvllm_client_close(t->client, on_closed, t);
  run_until(t, &t->closed, 1);
  t->closed = 0;
  uvllm_client_options_t o;
  uvllm_client_options_init(&o); /* for play() to close */
  assert_int_equal(uvllm_client_new(&t->client, &t->loop, &o), 0);
}

static void check_closed(const oom_t* t) {
  for (int i = 0; i < 4; i++)
    assert_int_equal(t->ones[i].status, UV_ECANCELED);
}

#define OOM_TEST(name, ask, check)        \
  static void name(void** state) {        \
    (void) state;                         \
    at_every_allocation(ask, check);      \
  }

OOM_TEST(streams_with_tools_and_choices, ask_stream_with_tools, check_stream_with_tools)
OOM_TEST(whole_answers_with_body, ask_whole_with_body, check_whole_with_body)
OOM_TEST(retries, ask_with_retry, check_with_retry)
OOM_TEST(pauses, ask_with_pauses, check_with_pauses)
OOM_TEST(cancels, ask_and_cancel, check_cancelled)
OOM_TEST(closes, ask_and_close, check_closed)

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(streams_with_tools_and_choices),
    cmocka_unit_test(whole_answers_with_body),
    cmocka_unit_test(retries),
    cmocka_unit_test(pauses),
    cmocka_unit_test(cancels),
    cmocka_unit_test(closes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
