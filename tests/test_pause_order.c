/* Paused at any event, in the middle of a read, a frame or an answer that is over
 * already, a request tells after resume what it would have told: in order, once.
 */
#define _GNU_SOURCE /* memmem */
#include "tale.h"

#include "uvllm/provider.h"

/* What the same request tells when it is never paused. */
static void plain_tale(tale_t* plain, const char* x_mock, const char* bytes) {
  static tale_t t;
  if (bytes != NULL)
    tale_begin_script(&t, bytes, SCRIPT_CLOSE);
  else
    tale_begin_mock(&t);
  core_ask(&t.core, "tell me", x_mock, &t.seen);
  tale_run_to_end(&t);
  assert_int_equal(t.seen.status, 0);
  memcpy(plain, &t, sizeof(t));
  tale_end(&t);
}

/* Paused at each of its events in turn, then at all of them, it tells the same. */
static void check_each_pause(const char* x_mock, const char* bytes, uint64_t ms) {
  static tale_t plain, t;
  int n = 0;
  plain_tale(&plain, x_mock, bytes);
  for (int at = 1; at == 1 || at <= n + 1; at++) {
    if (bytes != NULL)
      tale_begin_script(&t, bytes, SCRIPT_CLOSE);
    else
      tale_begin_mock(&t);
    t.at = at;
    t.every = at > 1 && at == n + 1; /* the last round */
    t.resume_after_ms = ms;
    core_ask(&t.core, "tell me", x_mock, &t.seen);
    tale_run_to_end(&t);
    assert_int_equal(t.seen.status, 0);
    assert_string_equal(t.events, plain.events);
    assert_string_equal(t.seen.result, plain.seen.result);
    n = tale_count_events(&t.seen);
    assert_int_equal(t.resumed, t.every ? n : 1);
    tale_end(&t);
  }
}

static void a_stream_of_the_mock(void** state) {
  (void) state;
  check_each_pause("tokens=6,itl=1", NULL, 3);
}

static void all_events_in_one_read(void** state) {
  (void) state;
  check_each_pause(NULL, HEAD "\r\n" PIECE("a") PIECE("b") PIECE("c") PIECE("d") STOP DONE, 2);
}

#define TOOLS \
  "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\",\"tool_calls\":[{\"index\":0,"  \
  "\"id\":\"c0\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}},{\"index\":1,\"id\":\"c1\"," \
  "\"function\":{\"name\":\"g\",\"arguments\":\"{ }\"}}]}}]}\n\n"

static void several_events_in_one_frame(void** state) {
  (void) state;
  check_each_pause(NULL, HEAD "\r\n" TWO_CHOICES TOOLS PIECE("end") STOP DONE, 2);
}

static void chunks_in_one_read(void** state) {
  (void) state;
  char bytes[4096];
  static const char* const parts[] = { PIECE("a"), PIECE("b") PIECE("c"), TOOLS, STOP, DONE };
  snprintf(bytes, sizeof(bytes), HEAD "Transfer-Encoding: chunked\r\n\r\n");
  for (int i = 0; i < 5; i++) {
    size_t at = strlen(bytes);
    snprintf(bytes + at, sizeof(bytes) - at, "%zx\r\n%s\r\n", strlen(parts[i]), parts[i]);
  }
  strcat(bytes, "0\r\n\r\n");
  check_each_pause(NULL, bytes, 2);
}

#define WHOLE_BODY                                                                       \
  "{\"choices\":[{\"index\":0,\"message\":{\"content\":\"zero\"},\"finish_reason\":"     \
  "\"stop\"},{\"index\":1,\"message\":{\"content\":\"one\"},\"finish_reason\":\"stop\"}]," \
  "\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2}}"

static void a_whole_answer(void** state) {
  (void) state;
  check_each_pause(NULL, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n" WHOLE_BODY, 2);
}

/* Longer than an answer that is whole waits for its connection's end. */
static void answer_ended_long_before_resume(void** state) {
  (void) state;
  static const char bytes[] = HEAD "\r\n" TWO_CHOICES STOP DONE;
  static const char* const parts[] = { bytes, HEAD "\r\n"
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}],"
    "\"usage\":{\"prompt_tokens\":3}}\n\n" DONE };
  for (int i = 0; i < 2; i++)
    for (int hold = 0; hold < 2; hold++) {
      static tale_t t;
      tale_begin_script(&t, parts[i], hold ? SCRIPT_HOLD : SCRIPT_CLOSE);
      t.at = 2;
      core_ask(&t.core, "x", NULL, &t.seen);
      tale_wait_ms(&t, 400);
      assert_int_equal(tale_count_events(&t.seen), 2);
      assert_int_equal(t.seen.done, 0);
      tale_resume_now(&t.timer);
      assert_int_equal(tale_count_events(&t.seen), 2); /* never from inside the call */
      tale_run_to_end(&t);
      assert_int_equal(t.seen.status, 0);
      assert_string_equal(t.events, i == 0 ? "A0: T0:zero T1:one u0: " : "A0: T0:a u0: ");
      tale_end(&t);
    }
}

/* All of the answer comes in the one frame in which the caller pauses. */
static void whole_stream_in_one_frame_and_resumed_late(void** state) {
  (void) state;
  static tale_t t;
  tale_begin_script(&t, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n" WHOLE_BODY,
               SCRIPT_CLOSE);
  ask_t a;
  ask_init(&a, "x", NULL);
  a.r.flags = 0;
  a.r.first_timeout_ms = a.r.idle_timeout_ms = 30;
  t.at = 2;
  core_submit(&t.core, &a.r, &t.seen);
  tale_wait_ms(&t, 400);
  assert_int_equal(t.seen.done, 0);
  tale_resume_now(&t.timer);
  tale_run_to_end(&t);
  assert_int_equal(t.seen.status, 0);
  assert_string_equal(t.events, "A0: T0:zero T1:one u0: ");
  tale_end(&t);
}

static void what_is_broken_behind_the_pause_is_told_after_it(void** state) {
  (void) state;
  static const char* const framing[] = { "\r\n%s%s", "Transfer-Encoding: chunked\r\n\r\n"
                                         "%zx\r\n%s\r\n%zx\r\n%s\r\n" };
  static const char good[] = PIECE("a"), bad[] = "data: {\"choices\":[}\n\n";
  for (int chunked = 0; chunked < 2; chunked++) {
    static tale_t t;
    char bytes[1024] = HEAD;
    if (chunked)
      snprintf(bytes + strlen(bytes), 512, framing[1], strlen(good), good, strlen(bad), bad);
    else
      snprintf(bytes + strlen(bytes), 512, framing[0], good, bad);
    tale_begin_script(&t, bytes, SCRIPT_HOLD);
    t.at = 2;
    t.resume_after_ms = 20;
    core_ask(&t.core, "x", NULL, &t.seen);
    tale_run_to_end(&t);
    assert_int_equal(t.resumed, 1);
    assert_int_equal(t.seen.status, UVLLM_EPROTO);
    assert_string_equal(t.seen.text, "a");
    tale_end(&t);
  }
}

/* The idle clock goes by when bytes came here, not by when curl had them. */
static void what_curl_held_is_read_when_it_is_told(void** state) {
  (void) state;
  static tale_t t;
  char bytes[1024];
  static const char a[] = PIECE("a"), b[] = PIECE("b");
  snprintf(bytes, sizeof(bytes),
           HEAD "Transfer-Encoding: chunked\r\n\r\n%zx\r\n%s\r\n%zx\r\n%s\r\n",
           strlen(a), a, strlen(b), b);
  tale_begin_script(&t, bytes, SCRIPT_HOLD);
  t.at = 2;
  t.resume_after_ms = 20;
  core_ask(&t.core, "x", NULL, &t.seen);
  while (t.seen.nevents[UVLLM_EVENT_TEXT] < 2)
    uv_run(&t.core.loop, UV_RUN_ONCE);
  assert_true(t.last_ns >= t.resumed_ns);
  uvllm_cancel(t.seen.req);
  tale_run_to_end(&t);
  tale_end(&t);
}


/* ---- An answer in two pages: a body, then a stream ----------------------------------------- */

typedef struct pages_s {
  uint32_t exchange;
} pages_t;

static int pages_build(void* state, const uvllm_attempt_t* attempt, uvllm_http_t* http) {
  pages_t* p = state;
  p->exchange = attempt->exchange;
  uvllm_http_path(http, "/page");
  return 0;
}

static int pages_frame(void* state, const uvllm_frame_t* frame, uvllm_emit_t* emit) {
  pages_t* p = state;
  if (frame->data.len >= 6 && memcmp(frame->data.base, "[DONE]", 6) == 0)
    return UVLLM_COMPLETE;
  uvllm_emit_text(emit, 0, UVLLM_EVENT_TEXT, test_str("page"));
  return p->exchange == 0 ? UVLLM_NEXT : UVLLM_GO_ON;
}

static int pages_error(void* state, int status, uvllm_str_t body, uvllm_emit_t* emit) {
  (void) state, (void) status, (void) body, (void) emit;
  return UVLLM_EPROVIDER;
}

static const uvllm_provider_ops_t pages_ops = {
  .size = sizeof(uvllm_provider_ops_t),
  .state_size = sizeof(pages_t),
  .build = pages_build,
  .frame = pages_frame,
  .error = pages_error,
};

static void submit_to(tale_t* t, const uvllm_provider_ops_t* ops, int port) {
  uvllm_provider_options_t p;
  ask_t a;
  char url[64];
  core_provider_init(&p);
  snprintf(url, sizeof(url), "http://127.0.0.1:%d/v1", port);
  p.name = "own";
  p.ops = ops;
  p.base_url = url;
  assert_int_equal(uvllm_provider_set(t->core.client, &p), 0);
  ask_init(&a, "x", NULL);
  a.r.target.provider = "own";
  a.r.flags |= UVLLM_NO_COLLECT;
  core_submit(&t->core, &a.r, &t->seen);
}

static void paused_between_two_pages(void** state) {
  (void) state;
  static tale_t t;
  char* second = tale_big_stream();
  tale_begin_script(&t, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nfirst", SCRIPT_CLOSE);
  t.at = 2; /* the first page's text: the next page is asked for when it was told */
  submit_to(&t, &pages_ops, t.script.port);
  while (!t.paused)
    uv_run(&t.core.loop, UV_RUN_ONCE);
  t.script.bytes = second;
  t.script.len = strlen(second);
  while (t.script.nrequests < 2)
    uv_run(&t.core.loop, UV_RUN_ONCE);
  assert_true(tale_unsent(&t) > 10 << 20);
  assert_int_equal(tale_count_events(&t.seen), 2);
  tale_resume_now(&t.timer);
  tale_run_to_end(&t);
  assert_int_equal(t.seen.status, 0);
  assert_int_equal(t.seen.nevents[UVLLM_EVENT_TEXT], 1 + TALE_BIG + 1); /* and a stop */
  tale_end(&t);
  free(second);
}


/* ---- The last frame has content too -------------------------------------------------------- */

static int last_build(void* state, const uvllm_attempt_t* attempt, uvllm_http_t* http) {
  (void) state, (void) attempt;
  uvllm_http_path(http, "/x");
  return 0;
}

static int last_frame(void* state, const uvllm_frame_t* frame, uvllm_emit_t* emit) {
  (void) state, (void) frame;
  uvllm_emit_text(emit, 0, UVLLM_EVENT_TEXT, test_str("one"));
  uvllm_emit_text(emit, 0, UVLLM_EVENT_TEXT, test_str("two"));
  return UVLLM_COMPLETE;
}

static const uvllm_provider_ops_t last_ops = {
  .size = sizeof(uvllm_provider_ops_t),
  .build = last_build,
  .frame = last_frame,
  .error = pages_error,
};

/* Resumed later than an answer that is whole waits for its connection's end. */
static void paused_in_the_last_frame(void** state) {
  (void) state;
  static tale_t t;
  tale_begin_script(&t, HEAD "\r\ndata: x\n\n", SCRIPT_HOLD);
  t.at = 2;
  submit_to(&t, &last_ops, t.script.port);
  tale_wait_ms(&t, 400);
  assert_int_equal(t.seen.done, 0);
  tale_resume_now(&t.timer);
  tale_run_to_end(&t);
  assert_int_equal(t.seen.status, 0);
  assert_string_equal(t.seen.text, "onetwo");
  tale_end(&t);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_stream_of_the_mock),
    cmocka_unit_test(all_events_in_one_read),
    cmocka_unit_test(several_events_in_one_frame),
    cmocka_unit_test(chunks_in_one_read),
    cmocka_unit_test(a_whole_answer),
    cmocka_unit_test(answer_ended_long_before_resume),
    cmocka_unit_test(whole_stream_in_one_frame_and_resumed_late),
    cmocka_unit_test(what_is_broken_behind_the_pause_is_told_after_it),
    cmocka_unit_test(what_curl_held_is_read_when_it_is_told),
    cmocka_unit_test(paused_between_two_pages),
    cmocka_unit_test(paused_in_the_last_frame),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
