/* Pause and resume: no event between the two, nothing lost or doubled after
 * them, the server slowed down meanwhile, and the clocks standing still.
 */
#define _GNU_SOURCE /* memmem */
#include "core.h"
#include "script.h"

#include "uvllm/provider.h"

#define HEAD "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
#define PIECE(text) "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"" text "\"}}]}\n\n"
#define STOP "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
#define DONE "data: [DONE]\n\n"

/* One request whose events are written down; at each a hook may do something. */
typedef struct tale_s {
  core_t core;
  script_t script;
  seen_t seen;
  uv_timer_t timer;
  char events[65536]; /* a letter and the text of each */
  int paused, resumed, at; /* pause at event number `at`, from 1 */
  int every;               /* pause at every event, resume a little later */
  uint64_t resume_after_ms;
  uint64_t nbytes;         /* of text */
} tale_t;

static void resume_now(uv_timer_t* timer) {
  tale_t* t = timer->data;
  t->paused = 0;
  t->resumed++;
  uvllm_resume(t->seen.req);
}

static void pause_now(tale_t* t) {
  t->paused = 1;
  uvllm_pause(t->seen.req);
  if (t->resume_after_ms != 0)
    uv_timer_start(&t->timer, resume_now, t->resume_after_ms, 0);
}

static void write_down(tale_t* t, const uvllm_event_t* e) {
  static const char letters[] = "ARTtrbdueMw";
  size_t at = strlen(t->events), room = sizeof(t->events) - at;
  uvllm_str_t text = { "", 0 };
  if (e->type == UVLLM_EVENT_TEXT)
    text = e->u.text;
  else if (e->type == UVLLM_EVENT_TOOL_BEGIN)
    text = e->u.tool.name;
  else if (e->type == UVLLM_EVENT_TOOL_DELTA)
    text = e->u.tool.json;
  t->nbytes += text.len;
  if (text.len < 64)
    snprintf(t->events + at, room, "%c%u:%.*s ", letters[e->type], e->choice, (int) text.len,
             text.base);
  if (e->type == UVLLM_EVENT_USAGE)
    assert_true(e->u.usage->input_tokens > 0);
}

static int count_events(const seen_t* s) {
  int n = 0;
  for (size_t i = 0; i < sizeof(s->nevents) / sizeof(s->nevents[0]); i++)
    n += s->nevents[i];
  return n;
}

static void on_event(seen_t* s, const uvllm_event_t* e) {
  tale_t* t = s->data;
  assert_false(t->paused);
  assert_int_equal(s->done, 0);
  write_down(t, e);
  if (t->every || count_events(s) == t->at)
    pause_now(t);
}

static void begin(tale_t* t) {
  memset(t, 0, sizeof(*t));
  core_begin(&t->core);
  uv_timer_init(&t->core.loop, &t->timer);
  uv_unref((uv_handle_t*) &t->timer);
  t->timer.data = t;
  t->seen.on_event = on_event;
  t->seen.data = t;
}

static void begin_mock(tale_t* t) {
  begin(t);
  core_mock(&t->core, NULL, NULL);
}

static void begin_script(tale_t* t, const char* bytes, script_end end) {
  char url[64];
  begin(t);
  script_start(&t->script, &t->core.loop, bytes, strlen(bytes), end);
  snprintf(url, sizeof(url), "http://127.0.0.1:%d/v1", t->script.port);
  core_provider(&t->core, "mock", url, NULL);
}

static void end(tale_t* t) {
  if (t->script.port != 0)
    script_stop(&t->script);
  uv_close((uv_handle_t*) &t->timer, NULL);
  core_end(&t->core);
  assert_int_equal(t->seen.done, 1);
  assert_int_equal(t->seen.late, 0);
}

static void nothing(uv_timer_t* timer) {
  *(int*) timer->data = 1;
}

/* The loop goes on for so long. */
static void wait_ms(tale_t* t, uint64_t ms) {
  uv_timer_t timer;
  int over = 0;
  uv_timer_init(&t->core.loop, &timer);
  timer.data = &over;
  uv_timer_start(&timer, nothing, ms, 0);
  while (!over)
    uv_run(&t->core.loop, UV_RUN_ONCE);
  uv_close((uv_handle_t*) &timer, NULL);
  uv_run(&t->core.loop, UV_RUN_NOWAIT);
}

static void run_to_end(tale_t* t) {
  core_run(&t->core, 1);
  assert_int_equal(t->seen.done, 1);
}

/* What the same request tells when it is never paused. */
static void plain_tale(tale_t* plain, const char* x_mock, const char* bytes) {
  static tale_t t;
  if (bytes != NULL)
    begin_script(&t, bytes, SCRIPT_CLOSE);
  else
    begin_mock(&t);
  core_ask(&t.core, "tell me", x_mock, &t.seen);
  run_to_end(&t);
  assert_int_equal(t.seen.status, 0);
  memcpy(plain, &t, sizeof(t));
  end(&t);
}

/* Paused at each of its events in turn, then at all of them, it tells the same. */
static void check_each_pause(const char* x_mock, const char* bytes, uint64_t ms) {
  static tale_t plain, t;
  int n = 0;
  plain_tale(&plain, x_mock, bytes);
  for (int at = 1; at == 1 || at <= n + 1; at++) {
    if (bytes != NULL)
      begin_script(&t, bytes, SCRIPT_CLOSE);
    else
      begin_mock(&t);
    t.at = at;
    t.every = at > 1 && at == n + 1; /* the last round */
    t.resume_after_ms = ms;
    core_ask(&t.core, "tell me", x_mock, &t.seen);
    run_to_end(&t);
    assert_int_equal(t.seen.status, 0);
    assert_string_equal(t.events, plain.events);
    assert_string_equal(t.seen.result, plain.seen.result);
    n = count_events(&t.seen);
    assert_int_equal(t.resumed, t.every ? n : 1);
    end(&t);
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

#define TWO_CHOICES \
  "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"zero\"}},{\"index\":1,\"delta\":{" \
  "\"content\":\"one\"}}],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2}}\n\n"
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
      begin_script(&t, parts[i], hold ? SCRIPT_HOLD : SCRIPT_CLOSE);
      t.at = 2;
      core_ask(&t.core, "x", NULL, &t.seen);
      wait_ms(&t, 400);
      assert_int_equal(count_events(&t.seen), 2);
      assert_int_equal(t.seen.done, 0);
      resume_now(&t.timer);
      assert_int_equal(count_events(&t.seen), 2); /* never from inside the call */
      run_to_end(&t);
      assert_int_equal(t.seen.status, 0);
      assert_string_equal(t.events, i == 0 ? "A0: T0:zero T1:one u0: " : "A0: T0:a u0: ");
      end(&t);
    }
}

/* All of the answer comes in the one frame in which the caller pauses. */
static void whole_stream_in_one_frame_and_resumed_late(void** state) {
  (void) state;
  static tale_t t;
  begin_script(&t, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n" WHOLE_BODY,
               SCRIPT_CLOSE);
  ask_t a;
  ask_init(&a, "x", NULL);
  a.r.flags = 0;
  a.r.first_timeout_ms = a.r.idle_timeout_ms = 30;
  t.at = 2;
  core_submit(&t.core, &a.r, &t.seen);
  wait_ms(&t, 400);
  assert_int_equal(t.seen.done, 0);
  resume_now(&t.timer);
  run_to_end(&t);
  assert_int_equal(t.seen.status, 0);
  assert_string_equal(t.events, "A0: T0:zero T1:one u0: ");
  end(&t);
}

static void before_it_starts(void** state) {
  (void) state;
  static tale_t t;
  begin_mock(&t);
  core_ask(&t.core, "x", "tokens=4", &t.seen);
  pause_now(&t);
  wait_ms(&t, 30);
  assert_int_equal(count_events(&t.seen), 0);
  assert_int_equal(t.seen.done, 0);
  resume_now(&t.timer);
  run_to_end(&t);
  assert_int_equal(t.seen.status, 0);
  assert_int_equal(t.seen.nevents[UVLLM_EVENT_ATTEMPT], 1);
  assert_int_equal(t.seen.nevents[UVLLM_EVENT_TEXT], 4);
  end(&t);
}

static void in_the_queue(void** state) {
  (void) state;
  static tale_t t;
  seen_t first;
  uvllm_limits_t limits;
  memset(&first, 0, sizeof(first));
  memset(&limits, 0, sizeof(limits));
  limits.max_inflight = 1;
  begin(&t);
  core_mock(&t.core, NULL, &limits);
  core_ask(&t.core, "first", "stall=1", &first);
  core_ask(&t.core, "second", "tokens=4", &t.seen);
  while (first.nevents[UVLLM_EVENT_TEXT] == 0)
    uv_run(&t.core.loop, UV_RUN_ONCE);
  pause_now(&t);
  uvllm_cancel(first.req);
  wait_ms(&t, 30);
  assert_int_equal(first.done, 1);
  assert_int_equal(count_events(&t.seen), 0);
  resume_now(&t.timer);
  core_run(&t.core, 2);
  assert_int_equal(t.seen.status, 0);
  assert_string_equal(t.seen.text, t.seen.result);
  end(&t);
}

static void while_it_waits_for_a_retry(void** state) {
  (void) state;
  static tale_t t;
  uvllm_stats_t stats;
  begin_mock(&t);
  core_ask(&t.core, "x", "status=503,times=1,retry-after-ms=20,tokens=4", &t.seen);
  do {
    uv_run(&t.core.loop, UV_RUN_ONCE);
    uvllm_stats(t.core.client, NULL, NULL, &stats);
  } while (stats.waiting_retry == 0);
  pause_now(&t);
  wait_ms(&t, 60);
  assert_int_equal(count_events(&t.seen), 1);
  resume_now(&t.timer);
  run_to_end(&t);
  assert_int_equal(t.seen.status, 0);
  assert_int_equal(t.seen.nevents[UVLLM_EVENT_ATTEMPT], 2);
  assert_string_equal(t.seen.text, t.seen.result);
  end(&t);
}

static void twice_is_once(void** state) {
  (void) state;
  static tale_t t;
  begin_mock(&t);
  core_ask(&t.core, "x", "tokens=6,itl=2", &t.seen);
  uvllm_resume(t.seen.req); /* not paused: nothing */
  t.at = 3;
  while (!t.paused)
    uv_run(&t.core.loop, UV_RUN_ONCE);
  uvllm_pause(t.seen.req);
  uvllm_pause(t.seen.req);
  wait_ms(&t, 20);
  assert_int_equal(count_events(&t.seen), 3);
  resume_now(&t.timer);
  uvllm_resume(t.seen.req);
  run_to_end(&t);
  assert_int_equal(t.seen.nevents[UVLLM_EVENT_TEXT], 6);
  assert_string_equal(t.seen.text, t.seen.result);
  end(&t);
}

static void a_paused_one_can_be_cancelled(void** state) {
  (void) state;
  static tale_t t;
  begin_mock(&t);
  core_ask(&t.core, "x", "itl=1,tokens=1000", &t.seen);
  t.at = 2;
  while (!t.paused)
    uv_run(&t.core.loop, UV_RUN_ONCE);
  uvllm_cancel(t.seen.req);
  run_to_end(&t);
  assert_int_equal(t.seen.status, UV_ECANCELED);
  assert_int_equal(count_events(&t.seen), 2);
  end(&t);
}

static void cancelled_between_resume_and_its_events(void** state) {
  (void) state;
  static tale_t t;
  begin_script(&t, HEAD "\r\n" TWO_CHOICES PIECE("more"), SCRIPT_HOLD);
  core_ask(&t.core, "x", NULL, &t.seen);
  t.at = 2;
  while (!t.paused)
    uv_run(&t.core.loop, UV_RUN_ONCE);
  resume_now(&t.timer);
  uvllm_cancel(t.seen.req);
  run_to_end(&t);
  assert_int_equal(t.seen.status, UV_ECANCELED);
  assert_int_equal(count_events(&t.seen), 2);
  end(&t);
}

static void a_paused_one_ends_with_its_client(void** state) {
  (void) state;
  static tale_t t;
  begin_mock(&t);
  core_ask(&t.core, "x", "itl=1,tokens=1000", &t.seen);
  t.at = 2;
  while (!t.paused)
    uv_run(&t.core.loop, UV_RUN_ONCE);
  core_close_client(&t.core);
  run_to_end(&t);
  assert_int_equal(t.seen.status, UV_ECANCELED);
  assert_int_equal(count_events(&t.seen), 2);
  end(&t);
}

static void total_deadline_runs_on(void** state) {
  (void) state;
  static tale_t t;
  ask_t a;
  begin_mock(&t);
  ask_init(&a, "x", "itl=1,tokens=1000");
  a.r.timeout_ms = 60;
  t.at = 2;
  core_submit(&t.core, &a.r, &t.seen);
  run_to_end(&t);
  assert_int_equal(t.seen.status, UVLLM_ETIMETOTAL);
  assert_int_equal(count_events(&t.seen), 2);
  end(&t);
}

static void clocks_stand_still(const char* x_mock, int at, int expected) {
  static tale_t t;
  ask_t a;
  begin_mock(&t);
  ask_init(&a, "x", x_mock);
  a.r.first_timeout_ms = a.r.idle_timeout_ms = 40;
  a.r.max_attempts = 1;
  t.at = at;
  core_submit(&t.core, &a.r, &t.seen);
  wait_ms(&t, 160);
  assert_int_equal(t.seen.done, 0);
  resume_now(&t.timer);
  run_to_end(&t);
  assert_int_equal(t.seen.status, expected);
  end(&t);
}

static void first_content_clock_stands_still(void** state) {
  (void) state;
  clocks_stand_still("stall=0", 1, UVLLM_ETIMEFIRST);
}

static void idle_clock_stands_still(void** state) {
  (void) state;
  clocks_stand_still("stall=3", 3, UVLLM_ETIMEIDLE);
}

static uint64_t events_of_mock(tale_t* t) {
  uvllm_mock_stats_t stats;
  uvllm_mock_stats(t->core.mock, &stats);
  return stats.events;
}

/* Until the server's socket takes no more. */
static uint64_t settled_events(tale_t* t) {
  uint64_t before, now = events_of_mock(t);
  do {
    before = now;
    wait_ms(t, 30);
    now = events_of_mock(t);
  } while (now != before);
  return now;
}

static void a_slow_consumer_slows_the_server(void** state) {
  (void) state;
  static tale_t t;
  ask_t a;
  begin_mock(&t);
  ask_init(&a, "x", "tokens=120000");
  a.r.flags |= UVLLM_NO_COLLECT;
  t.at = 3;
  core_submit(&t.core, &a.r, &t.seen);
  while (!t.paused)
    uv_run(&t.core.loop, UV_RUN_ONCE);
  size_t alive = t.core.alloc.alive;
  assert_true(settled_events(&t) < 100000);
  assert_true(t.core.alloc.alive <= alive + 1); /* what is held is one buffer */
  assert_int_equal(count_events(&t.seen), 3);
  resume_now(&t.timer);
  run_to_end(&t);
  assert_int_equal(t.seen.status, 0);
  assert_int_equal(t.seen.nevents[UVLLM_EVENT_TEXT], 120000);
  end(&t);
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
    begin_script(&t, bytes, SCRIPT_HOLD);
    t.at = 2;
    t.resume_after_ms = 20;
    core_ask(&t.core, "x", NULL, &t.seen);
    run_to_end(&t);
    assert_int_equal(t.resumed, 1);
    assert_int_equal(t.seen.status, UVLLM_EPROTO);
    assert_string_equal(t.seen.text, "a");
    end(&t);
  }
}


/* ---- An answer in two pages: a body, then a stream ----------------------------------------- */

typedef struct pages_s {
  uint32_t exchange;
} pages_t;

static int pages_build(void* state, const uvllm_attempt_t* attempt, uvllm_http_t* http) {
  pages_t* p = state;
  p->exchange = attempt->exchange;
  if (p->exchange == 0) {
    uvllm_http_method(http, "GET");
    uvllm_http_path(http, "/models");
    return 0;
  }
  uvllm_http_path(http, "/chat/completions");
  uvllm_http_header(http, "Content-Type", test_str("application/json"));
  uvllm_http_header(http, "x-mock", test_str("tokens=120000"));
  uvllm_http_body_ref(http, test_str("{\"model\":\"m\",\"stream\":true,\"messages\":"
                                     "[{\"role\":\"user\",\"content\":\"x\"}]}"));
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
  uvllm_provider_options_init(&p);
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
  begin_mock(&t);
  t.at = 2; /* the first page's text: the next page is asked for when it was told */
  submit_to(&t, &pages_ops, uvllm_mock_port(t.core.mock));
  while (!t.paused)
    uv_run(&t.core.loop, UV_RUN_ONCE);
  assert_true(settled_events(&t) < 100000);
  assert_int_equal(count_events(&t.seen), 2);
  resume_now(&t.timer);
  run_to_end(&t);
  assert_int_equal(t.seen.status, 0);
  assert_true(t.seen.nevents[UVLLM_EVENT_TEXT] > 120000);
  end(&t);
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
  begin_script(&t, HEAD "\r\ndata: x\n\n", SCRIPT_HOLD);
  t.at = 2;
  submit_to(&t, &last_ops, t.script.port);
  wait_ms(&t, 400);
  assert_int_equal(t.seen.done, 0);
  resume_now(&t.timer);
  run_to_end(&t);
  assert_int_equal(t.seen.status, 0);
  assert_string_equal(t.seen.text, "onetwo");
  end(&t);
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
    cmocka_unit_test(before_it_starts),
    cmocka_unit_test(in_the_queue),
    cmocka_unit_test(while_it_waits_for_a_retry),
    cmocka_unit_test(twice_is_once),
    cmocka_unit_test(a_paused_one_can_be_cancelled),
    cmocka_unit_test(cancelled_between_resume_and_its_events),
    cmocka_unit_test(a_paused_one_ends_with_its_client),
    cmocka_unit_test(total_deadline_runs_on),
    cmocka_unit_test(first_content_clock_stands_still),
    cmocka_unit_test(idle_clock_stands_still),
    cmocka_unit_test(a_slow_consumer_slows_the_server),
    cmocka_unit_test(what_is_broken_behind_the_pause_is_told_after_it),
    cmocka_unit_test(paused_between_two_pages),
    cmocka_unit_test(paused_in_the_last_frame),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
