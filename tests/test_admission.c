/* What submit takes and refuses, what it says of it, who of those that wait goes
 * next, and that work is done however little of it fits into a turn.
 */
#include "core.h"

#include "uvllm/provider.h"

static void last_error_says_why(void** state) {
  (void) state;
  core_t c;
  ask_t a;
  seen_t s[2];
  memset(s, 0, sizeof(s));
  core_begin(&c);
  core_mock(&c, NULL, NULL);
  assert_string_equal(uvllm_last_error(c.client), "");
  core_ask(&c, "x", NULL, &s[0]);
  assert_string_equal(uvllm_last_error(c.client), "");
  ask_init(&a, "x", NULL);
  a.r.target.provider = "nobody";
  assert_int_equal(core_try(&c, &a.r, &s[1]), UVLLM_ENOPROVIDER);
  assert_string_equal(uvllm_last_error(c.client), "no such provider");
  ask_init(&a, "x", NULL);
  a.r.tools_json = test_str("[");
  assert_true(core_try(&c, &a.r, &s[1]) < 0);
  assert_true(strlen(uvllm_last_error(c.client)) > 0);
  assert_string_not_equal(uvllm_last_error(c.client), "no such provider");
  core_run(&c, 1);
  assert_int_equal(s[1].done, 0); /* refused: nothing is ever told */
  core_end(&c);
}

static void out_of_memory_is_said_too(void** state) {
  (void) state;
  core_t c;
  ask_t a;
  seen_t s;
  memset(&s, 0, sizeof(s));
  core_begin(&c);
  core_mock(&c, NULL, NULL);
  ask_init(&a, "x", NULL);
  c.alloc.fail_at = c.alloc.calls + 1;
  assert_int_equal(core_try(&c, &a.r, &s), UV_ENOMEM);
  c.alloc.fail_at = 0;
  assert_string_equal(uvllm_last_error(c.client), uvllm_strerror(UV_ENOMEM));
  core_end(&c);
}

static void nothing_of_the_input_is_looked_at_later(void** state) {
  (void) state;
  core_t c;
  seen_t s;
  char text[] = "a prompt", value[] = "tokens=4", model[] = "gpt-4o-mini", provider[] = "mock";
  char tag[] = "tag";
  memset(&s, 0, sizeof(s));
  core_begin(&c);
  core_mock(&c, NULL, NULL);
  ask_t* a = malloc(sizeof(*a));
  ask_init(a, text, value);
  a->r.target.model = model;
  a->r.target.provider = provider;
  a->r.tag = tag;
  core_submit(&c, &a->r, &s);
  memset(a, 0xa5, sizeof(*a));
  free(a);
  memset(text, 'z', sizeof(text));
  memset(value, 'z', sizeof(value));
  memset(model, 'z', sizeof(model));
  memset(provider, 'z', sizeof(provider));
  memset(tag, 'z', sizeof(tag));
  core_run(&c, 1);
  assert_int_equal(s.status, 0);
  assert_int_equal(s.nevents[UVLLM_EVENT_TEXT], 4);
  core_end(&c);
}


/* ---- Room ---------------------------------------------------------------------------------- */

typedef struct room_s {
  core_t core; /* first: room_cb is given the core */
  int rooms;
} room_t;

static void on_room(uvllm_client_t* client, void* data) {
  room_t* r = data;
  assert_ptr_equal(client, r->core.client);
  r->rooms++;
}

static void begin_room(room_t* r, uvllm_client_options_t* o) {
  uvllm_limits_t limits;
  memset(r, 0, sizeof(*r));
  memset(&limits, 0, sizeof(limits));
  limits.max_inflight = 1;
  o->room_cb = on_room;
  core_begin_with(&r->core, o);
  core_mock(&r->core, NULL, &limits);
}

static void larger_than_the_queue_can_never_wait(void** state) {
  (void) state;
  room_t r;
  ask_t a;
  seen_t s[2];
  uvllm_client_options_t o;
  memset(s, 0, sizeof(s));
  uvllm_client_options_init(&o);
  o.max_queued_bytes = 4096;
  begin_room(&r, &o);
  char* prompt = calloc(1, 8192);
  memset(prompt, 'a', 8191);
  ask_init(&a, prompt, NULL);
  assert_int_equal(core_try(&r.core, &a.r, &s[0]), UV_E2BIG);
  free(prompt);
  core_ask(&r.core, "small", NULL, &s[1]);
  core_run(&r.core, 1);
  assert_int_equal(r.rooms, 0); /* none was promised */
  core_end(&r.core);
}

static void room_is_told_once_when_half_of_the_bytes_are_free(void** state) {
  (void) state;
  room_t r;
  ask_t a;
  static seen_t s[64];
  uvllm_client_options_t o;
  char prompt[1001];
  int n = 0, err;
  memset(s, 0, sizeof(s));
  memset(prompt, 'a', sizeof(prompt));
  prompt[1000] = '\0';
  uvllm_client_options_init(&o);
  o.max_queued_bytes = 20000;
  begin_room(&r, &o);
  ask_init(&a, prompt, NULL);
  while ((err = core_try(&r.core, &a.r, &s[n])) == 0)
    n++;
  assert_int_equal(err, UVLLM_EQUEUEFULL);
  assert_true(n > 5 && n < 20);
  while (r.rooms == 0)
    uv_run(&r.core.loop, UV_RUN_ONCE);
  uvllm_stats_t stats;
  uvllm_stats(r.core.client, NULL, NULL, &stats);
  assert_in_range(stats.queued, n / 2 - 1, n / 2);
  core_run(&r.core, n);
  assert_int_equal(r.rooms, 1);
  core_end(&r.core);
}


/* ---- Who goes next ------------------------------------------------------------------------- */

/* The first runs for ever and holds most of the budget; the second needs more
 * than what is left, a third would fit. */
static void begin_with_a_stuck_head(core_t* c, seen_t s[3]) {
  ask_t a;
  memset(s, 0, 3 * sizeof(*s));
  core_begin(c);
  core_mock(c, NULL, NULL);
  uvllm_set_budget(c->client, INT64_C(20000000000)); /* 2 cents */
  ask_init(&a, "for ever", "stall=1");
  a.r.max_tokens = 16000; /* at 60 cents a million: about 1 cent */
  core_submit(c, &a.r, &s[0]);
  while (s[0].nevents[UVLLM_EVENT_TEXT] == 0)
    uv_run(&c->loop, UV_RUN_ONCE);
  core_submit(c, (ask_init(&a, "too much", NULL), a.r.max_tokens = 30000, &a.r), &s[1]);
  for (int i = 0; i < 3; i++)
    uv_run(&c->loop, UV_RUN_NOWAIT);
  uvllm_stats_t stats;
  uvllm_stats(c->client, NULL, NULL, &stats);
  assert_int_equal(stats.waiting_budget, 1);
  assert_int_equal(stats.inflight, 1);
}

static void end_with_a_stuck_head(core_t* c, seen_t s[3]) {
  assert_int_equal(s[2].status, 0);
  uvllm_cancel(s[0].req);
  core_run(c, 3);
  core_end(c);
}

static void head_that_waits_for_money_is_cancelled(void** state) {
  (void) state;
  core_t c;
  ask_t a;
  seen_t s[3];
  begin_with_a_stuck_head(&c, s);
  ask_init(&a, "cheap", NULL);
  a.r.max_tokens = 100;
  core_submit(&c, &a.r, &s[2]);
  uv_run(&c.loop, UV_RUN_NOWAIT);
  uvllm_cancel(s[1].req);
  core_run(&c, 2); /* the first still holds what it holds */
  assert_int_equal(s[1].status, UV_ECANCELED);
  end_with_a_stuck_head(&c, s);
}

static void one_of_higher_priority_passes_a_head_that_waits(void** state) {
  (void) state;
  core_t c;
  ask_t a;
  seen_t s[3];
  begin_with_a_stuck_head(&c, s);
  ask_init(&a, "cheap", NULL);
  a.r.max_tokens = 100;
  a.r.priority = 100;
  core_submit(&c, &a.r, &s[2]);
  core_run(&c, 1);
  uvllm_cancel(s[1].req);
  end_with_a_stuck_head(&c, s);
}

static void one_that_is_raised_passes_a_head_that_waits(void** state) {
  (void) state;
  core_t c;
  ask_t a;
  seen_t s[3];
  begin_with_a_stuck_head(&c, s);
  ask_init(&a, "cheap", NULL);
  a.r.max_tokens = 100;
  core_submit(&c, &a.r, &s[2]);
  uv_run(&c.loop, UV_RUN_NOWAIT);
  uvllm_set_priority(s[2].req, 100);
  core_run(&c, 1);
  uvllm_cancel(s[1].req);
  end_with_a_stuck_head(&c, s);
}

static void a_higher_budget_lets_the_head_go(void** state) {
  (void) state;
  core_t c;
  seen_t s[3];
  begin_with_a_stuck_head(&c, s);
  uvllm_set_budget(c.client, INT64_C(40000000000));
  core_run(&c, 1);
  assert_int_equal(s[1].status, 0);
  uvllm_cancel(s[0].req);
  core_run(&c, 2);
  core_end(&c);
}

static void a_lower_budget_ends_the_head(void** state) {
  (void) state;
  core_t c;
  seen_t s[3];
  begin_with_a_stuck_head(&c, s);
  uvllm_set_budget(c.client, 1000);
  core_run(&c, 1);
  assert_int_equal(s[1].status, UVLLM_EBUDGET);
  uvllm_cancel(s[0].req);
  core_run(&c, 2);
  core_end(&c);
}


/* ---- A provider of one's own --------------------------------------------------------------- */

static int own_build(void* state, const uvllm_attempt_t* attempt, uvllm_http_t* http) {
  (void) state, (void) attempt;
  uvllm_http_method(http, "GET");
  uvllm_http_path(http, "/models");
  return 0;
}

static int own_frame(void* state, const uvllm_frame_t* frame, uvllm_emit_t* emit) {
  uvllm_usage_t usage;
  (void) state, (void) frame;
  memset(&usage, 0, sizeof(usage));
  usage.input_tokens = 10;
  uvllm_emit_usage(emit, &usage);
  uvllm_emit_text(emit, 0, UVLLM_EVENT_TEXT, test_str("one"));
  uvllm_emit_tool(emit, 0, 0, test_str("id"), test_str("name"), test_str("{}"));
  uvllm_emit_text(emit, 0, UVLLM_EVENT_TEXT, test_str("two"));
  return UVLLM_COMPLETE;
}

static int own_error(void* state, int status, uvllm_str_t body, uvllm_emit_t* emit) {
  (void) state, (void) status, (void) body, (void) emit;
  return UVLLM_EPROVIDER;
}

static uvllm_provider_ops_t own_ops = {
  .size = sizeof(uvllm_provider_ops_t),
  .build = own_build,
  .frame = own_frame,
  .error = own_error,
};

static void set_own(core_t* c, char* url, size_t size) {
  uvllm_provider_options_t p;
  snprintf(url, size, "http://127.0.0.1:%d/v1", uvllm_mock_port(c->mock));
  core_provider_init(&p);
  p.name = "own";
  p.ops = &own_ops;
  p.base_url = url;
  assert_int_equal(uvllm_provider_set(c->client, &p), 0);
}

static void cancel_at(seen_t* s, const uvllm_event_t* e) {
  if (e->type == *(uvllm_event_type*) s->data)
    uvllm_cancel(s->req);
}

/* What follows in the frame is not told, whatever comes first in it. */
static void cancelled_in_the_middle_of_a_frame(void** state) {
  (void) state;
  static const uvllm_event_type types[] = { UVLLM_EVENT_USAGE, UVLLM_EVENT_TEXT,
                                            UVLLM_EVENT_TOOL_BEGIN, UVLLM_EVENT_TOOL_DELTA };
  for (int i = 0; i < 4; i++) {
    core_t c;
    ask_t a;
    seen_t s;
    char url[64];
    uvllm_event_type type = types[i];
    memset(&s, 0, sizeof(s));
    core_begin(&c);
    core_mock(&c, NULL, NULL);
    set_own(&c, url, sizeof(url));
    ask_init(&a, "x", NULL);
    a.r.target.provider = "own";
    s.on_event = cancel_at;
    s.data = &type;
    core_submit(&c, &a.r, &s);
    core_run(&c, 1);
    int n = 0;
    for (int t = 0; t < 16; t++)
      n += s.nevents[t];
    assert_int_equal(n, 2 + i); /* ATTEMPT, and those up to that one */
    assert_int_equal(s.late, 0);
    assert_true(s.status == UV_ECANCELED || s.status == 0);
    core_end(&c);
  }
}

static void key_taken_away_while_it_waits(void** state) {
  (void) state;
  core_t c;
  ask_t a;
  seen_t s;
  char url[64];
  uvllm_key_t key;
  memset(&s, 0, sizeof(s));
  core_begin(&c);
  core_mock(&c, NULL, NULL);
  snprintf(url, sizeof(url), "http://127.0.0.1:%d/v1", uvllm_mock_port(c.mock));
  own_ops.default_base_url = url; /* so it is a service that wants a key */
  set_own(&c, url, sizeof(url));
  ask_init(&a, "x", NULL);
  a.r.target.provider = "own";
  assert_int_equal(core_try(&c, &a.r, &s), UVLLM_ENOKEY);
  uvllm_key_init(&key);
  key.key = "sk-x";
  assert_int_equal(uvllm_key_set(c.client, "own", &key), 0);
  core_submit(&c, &a.r, &s);
  assert_int_equal(uvllm_key_remove(c.client, "own", NULL), 0);
  core_run(&c, 1);
  assert_int_equal(s.status, UVLLM_ENOKEY);
  assert_int_equal(s.attempts, 0);
  own_ops.default_base_url = NULL;
  core_end(&c);
}


/* ---- Turns --------------------------------------------------------------------------------- */

static void pause_and_resume(seen_t* s, const uvllm_event_t* e) {
  (void) e;
  uvllm_pause(s->req);
  uvllm_resume(s->req);
}

/* Each turn is over as soon as it began, and streams that never end always have
 * something to read: still all that can be done is done. */
static void turns_of_a_microsecond(void** state) {
  (void) state;
  core_t c;
  static seen_t s[100], noise[8];
  uvllm_client_options_t o;
  memset(s, 0, sizeof(s));
  memset(noise, 0, sizeof(noise));
  uvllm_client_options_init(&o);
  o.max_turn_us = 1;
  core_begin_with(&c, &o);
  core_mock(&c, NULL, NULL);
  for (int i = 0; i < 8; i++)
    core_ask(&c, "noise", "itl=1,tokens=100000", &noise[i]);
  for (int i = 0; i < 100; i++) {
    s[i].on_event = i % 3 == 0 ? pause_and_resume : NULL;
    core_ask(&c, "x", i % 10 == 0 ? "status=500,once,retry-after-ms=1" : NULL, &s[i]);
    if (i % 7 == 0)
      uvllm_cancel(s[i].req);
  }
  core_run(&c, 100);
  for (int i = 0; i < 100; i++) {
    assert_int_equal(s[i].status, i % 7 == 0 ? UV_ECANCELED : 0);
    assert_string_equal(s[i].text, s[i].result);
  }
  for (int i = 0; i < 8; i++)
    uvllm_cancel(noise[i].req);
  core_run(&c, 108);
  core_end(&c);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(last_error_says_why),
    cmocka_unit_test(out_of_memory_is_said_too),
    cmocka_unit_test(nothing_of_the_input_is_looked_at_later),
    cmocka_unit_test(larger_than_the_queue_can_never_wait),
    cmocka_unit_test(room_is_told_once_when_half_of_the_bytes_are_free),
    cmocka_unit_test(head_that_waits_for_money_is_cancelled),
    cmocka_unit_test(one_of_higher_priority_passes_a_head_that_waits),
    cmocka_unit_test(one_that_is_raised_passes_a_head_that_waits),
    cmocka_unit_test(a_higher_budget_lets_the_head_go),
    cmocka_unit_test(a_lower_budget_ends_the_head),
    cmocka_unit_test(cancelled_in_the_middle_of_a_frame),
    cmocka_unit_test(key_taken_away_while_it_waits),
    cmocka_unit_test(turns_of_a_microsecond),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
