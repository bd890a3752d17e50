/* What goes again, when, and what never does. */
#include "core.h"
#include "retry.h"

static core_t core;

static int setup(void** state) {
  (void) state;
  core_begin(&core);
  core_mock(&core, NULL, NULL);
  return 0;
}

static int teardown(void** state) {
  (void) state;
  core_end(&core);
  return 0;
}

static void ask(const char* x_mock, unsigned int flags, uint32_t max_attempts, seen_t* s) {
  ask_t a;
  memset(s, 0, sizeof(*s));
  ask_init(&a, x_mock != NULL ? x_mock : "plain", x_mock);
  a.r.flags = flags;
  a.r.max_attempts = max_attempts;
  core_submit(&core, &a.r, s);
  core_run(&core, core.ndone + 1);
  assert_int_equal(s->done, 1);
}

static void server_error_then_answer(void** state) {
  (void) state;
  seen_t s;
  ask("status=503,times=2,retry-after-ms=5", UVLLM_STREAM, 5, &s);
  assert_int_equal(s.status, 0);
  assert_int_equal(s.attempts, 3);
  assert_int_equal(s.nevents[UVLLM_EVENT_ATTEMPT], 3);
  assert_string_equal(s.text, s.result);
}

static void attempts_are_used_up(void** state) {
  (void) state;
  seen_t s;
  ask("status=500,retry-after-ms=1", UVLLM_STREAM, 3, &s);
  assert_int_equal(s.status, UVLLM_EPROVIDER);
  assert_int_equal(s.attempts, 3);
  assert_true(strlen(s.message) > 0);
}

static void caller_mistakes_are_not_repeated(void** state) {
  (void) state;
  static const struct {
    const char* x_mock;
    int status;
  } cases[] = {
    { "status=400", UVLLM_EREQUEST }, { "status=401", UVLLM_EAUTH },
    { "status=403", UVLLM_EPERMISSION }, { "status=404", UVLLM_ENOMODEL },
    { "status=422", UVLLM_EREQUEST }, { "quota", UVLLM_EQUOTA },
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    seen_t s;
    ask(cases[i].x_mock, UVLLM_STREAM, 5, &s);
    assert_int_equal(s.status, cases[i].status);
    assert_int_equal(s.attempts, 1);
  }
}

static void providers_own_word_wins(void** state) {
  (void) state;
  seen_t s;
  ask("status=500,should-retry=0", UVLLM_STREAM, 5, &s);
  assert_int_equal(s.attempts, 1);
  ask("status=400,should-retry=1,times=1,retry-after-ms=1", UVLLM_STREAM, 5, &s);
  assert_int_equal(s.status, 0);
  assert_int_equal(s.attempts, 2);
}

static void retry_after_in_all_its_forms(void** state) {
  (void) state;
  static const char* const forms[] = { "status=429,times=1,retry-after=1",
                                       "status=429,times=1,retry-after-ms=30",
                                       "status=503,times=1,retry-after-date=1" };
  for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
    seen_t s;
    ask(forms[i], 0, 2, &s);
    assert_int_equal(s.status, 0);
    assert_int_equal(s.attempts, 2);
  }
}

static void a_429_holds_all_who_wait(void** state) {
  (void) state;
  ask_t a;
  seen_t s[3];
  uvllm_mock_stats_t stats;
  memset(s, 0, sizeof(s));
  ask_init(&a, "one", "status=429,times=1,retry-after-ms=200");
  core_submit(&core, &a.r, &s[0]);
  while (uvllm_mock_stats(core.mock, &stats), stats.answers_429 == 0)
    uv_run(&core.loop, UV_RUN_ONCE);
  uint64_t refused = uv_hrtime();
  while (s[0].nevents[UVLLM_EVENT_ATTEMPT] == 1 && strstr(core.log, "again in") == NULL)
    uv_run(&core.loop, UV_RUN_ONCE);
  ask_init(&a, "two", NULL);
  core_submit(&core, &a.r, &s[1]);
  core_run(&core, 2);
  assert_int_equal(s[0].status, 0);
  assert_int_equal(s[1].status, 0);
  assert_true(s[1].timing.sent >= refused + 200 * 1000000 - 20 * 1000000);
}

static void a_last_attempt_s_429_holds_them_too(void** state) {
  (void) state;
  seen_t s;
  ask("status=429,times=1,retry-after-ms=150", 0, 1, &s);
  assert_int_equal(s.status, UVLLM_ERATELIMIT);
  uint64_t refused = s.timing.ended;
  ask(NULL, 0, 1, &s);
  assert_int_equal(s.status, 0);
  assert_true(s.timing.sent >= refused + 100 * 1000000); /* 150 ms from when it was read */
}

/* All that are in flight are refused; one line in the log says it. */
static void a_freeze_is_told_once(void** state) {
  (void) state;
  static seen_t s[8];
  char prompt[8];
  ask_t a;
  int told = 0;
  memset(s, 0, sizeof(s));
  for (int i = 0; i < 8; i++) {
    snprintf(prompt, sizeof(prompt), "f%d", i);
    ask_init(&a, prompt, "status=429,times=1,retry-after-ms=300");
    core_submit(&core, &a.r, &s[i]);
  }
  core_run(&core, 8);
  for (const char* p = core.log; (p = strstr(p, "provider mock: frozen for ")) != NULL; p++)
    told++;
  assert_int_equal(told, 1);
  assert_non_null(strstr(core.log, "frozen for 300 ms by an answer 429"));
}

static void never_after_delivered_content(void** state) {
  (void) state;
  seen_t s;
  ask("cut=3,times=1", UVLLM_STREAM, 5, &s);
  assert_int_equal(s.status, UVLLM_ETRUNCATED);
  assert_int_equal(s.attempts, 1);
  ask("error-event=2,times=1", UVLLM_STREAM, 5, &s);
  assert_true(s.status < 0);
  assert_int_equal(s.attempts, 1);
}

static void after_content_with_restart(void** state) {
  (void) state;
  seen_t s;
  ask("cut=3,times=1", UVLLM_STREAM | UVLLM_RESTART, 5, &s);
  assert_int_equal(s.status, 0);
  assert_int_equal(s.attempts, 2);
  assert_int_equal(s.nevents[UVLLM_EVENT_RESTART], 1);
  assert_string_equal(s.text, s.result);
}

static void without_event_cb_nothing_was_delivered(void** state) {
  (void) state;
  ask_t a;
  seen_t s;
  memset(&s, 0, sizeof(s));
  s.core = &core;
  ask_init(&a, "silent", "cut=3,times=1");
  assert_int_equal(uvllm_submit(core.client, &a.r, NULL, core__done, &s, &s.req), 0);
  core_run(&core, 1);
  assert_int_equal(s.status, 0);
  assert_int_equal(s.attempts, 2);
  assert_true(strlen(s.result) > 0);
}

static void malformed_whole_answers_go_again(void** state) {
  (void) state;
  seen_t s;
  ask("malformed,times=1", 0, 3, &s);
  assert_int_equal(s.status, 0);
  assert_int_equal(s.attempts, 2);
}

static void counters_tell_attempts_and_retries(void** state) {
  (void) state;
  seen_t s;
  uvllm_stats_t stats;
  uvllm_mock_stats_t mock;
  ask("status=500,times=2,retry-after-ms=1", 0, 5, &s);
  ask(NULL, 0, 5, &s);
  ask("status=400", 0, 5, &s);
  assert_int_equal(uvllm_stats(core.client, NULL, NULL, &stats), 0);
  uvllm_mock_stats(core.mock, &mock);
  assert_int_equal(stats.completed, 2);
  assert_int_equal(stats.failed, 1);
  assert_int_equal(stats.attempts, 5);
  assert_int_equal(stats.retries, 2);
  assert_int_equal(mock.requests, stats.attempts);
  assert_int_equal(stats.queued + stats.inflight + stats.waiting_retry, 0);
  assert_int_equal(stats.held_pusd, 0);
}

static void full_jitter_stays_in_its_bounds(void** state) {
  (void) state;
  static const uint64_t ceiling_ms[] = { 500, 1000, 2000, 4000, 8000, 16000, 30000, 30000 };
  for (uint32_t i = 0; i < 8; i++) {
    assert_int_equal(uvllm__retry_wait(i + 1, 0, 0, 0), 0);
    uint64_t most = uvllm__retry_wait(i + 1, 0, 0, UINT64_MAX);
    assert_int_equal(most, ceiling_ms[i] * 1000000);
    assert_in_range(uvllm__retry_wait(i + 1, 0, 0, UINT64_MAX / 2), most / 2 - 1, most / 2 + 1);
  }
  assert_int_equal(uvllm__retry_wait(1000, 0, 0, UINT64_MAX), UINT64_C(30000000000));
}

static void retry_after_is_the_least(void** state) {
  (void) state;
  assert_int_equal(uvllm__retry_wait(1, 1, 1000, 0), 1000);
  assert_int_equal(uvllm__retry_wait(7, 1, 1000, UINT64_MAX), 1100);
  assert_int_equal(uvllm__retry_wait(1, 1, 0, UINT64_MAX), 0);
  assert_true(uvllm__retry_wait(1, 1, UINT64_MAX - 5, UINT64_MAX) == UINT64_MAX);
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
  const struct CMUnitTest tests[] = {
    TEST(server_error_then_answer),
    TEST(attempts_are_used_up),
    TEST(caller_mistakes_are_not_repeated),
    TEST(providers_own_word_wins),
    TEST(retry_after_in_all_its_forms),
    TEST(a_429_holds_all_who_wait),
    TEST(a_last_attempt_s_429_holds_them_too),
    TEST(a_freeze_is_told_once),
    TEST(never_after_delivered_content),
    TEST(after_content_with_restart),
    TEST(without_event_cb_nothing_was_delivered),
    TEST(malformed_whole_answers_go_again),
    TEST(counters_tell_attempts_and_retries),
    cmocka_unit_test(full_jitter_stays_in_its_bounds),
    cmocka_unit_test(retry_after_is_the_least),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
