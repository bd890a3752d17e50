/* A provider that fails for a while: who waits, who does not, and how it comes back. */
#include "core.h"

#include "internal.h"

enum { MANY = 40, FAULTS = 16 };

static core_t core;
static seen_t seen[MANY];

static void begin(void) {
  uvllm_mock_options_t m;
  uvllm_mock_options_init(&m);
  m.ntokens = 2;
  core_begin(&core);
  core_mock(&core, &m, NULL);
  memset(seen, 0, sizeof(seen));
}

static void ask_model(const char* model, const char* x_mock, seen_t* s) {
  ask_t a;
  ask_init(&a, "x", x_mock);
  a.r.target.model = model;
  a.r.max_attempts = 1;
  core_submit(&core, &a.r, s);
}

/* The model has answered once, and then fails until it is left alone. */
static void break_model(const char* model) {
  static seen_t s[FAULTS + 1];
  const int ndone = core.ndone;
  memset(s, 0, sizeof(s));
  ask_model(model, NULL, &s[FAULTS]);
  core_run(&core, ndone + 1);
  for (int i = 0; i < FAULTS; i++)
    ask_model(model, "status=500", &s[i]);
  core_run(&core, ndone + FAULTS + 1);
  assert_non_null(strstr(core.log, "is left alone for"));
}

static void turn(int n) {
  for (int i = 0; i < n; i++)
    uv_run(&core.loop, UV_RUN_NOWAIT);
}

static uvllm_stats_t stats(void) {
  uvllm_stats_t s;
  assert_int_equal(uvllm_stats(core.client, NULL, NULL, &s), 0);
  return s;
}

static void stopped(void* data) {
  *(int*) data = 1;
}

static void nothing_is_lost_while_a_provider_is_away(void** state) {
  (void) state;
  uvllm_mock_options_t m;
  int port, is_stopped = 0;
  seen_t first;
  begin();
  memset(&first, 0, sizeof(first));
  core_ask(&core, "x", NULL, &first);
  core_run(&core, 1);
  port = uvllm_mock_port(core.mock);
  uvllm_mock_stop(core.mock, stopped, &is_stopped);
  while (!is_stopped)
    uv_run(&core.loop, UV_RUN_ONCE);
  for (int i = 0; i < MANY; i++)
    core_ask(&core, "x", NULL, &seen[i]);
  while (stats().waiting_provider == 0)
    uv_run(&core.loop, UV_RUN_ONCE);
  uvllm_mock_options_init(&m);
  m.port = port;
  assert_int_equal(uvllm_mock_start(&core.mock, &core.loop, &m), 0);
  core_run(&core, MANY + 1);
  for (int i = 0; i < MANY; i++)
    assert_int_equal(seen[i].status, 0);
  assert_non_null(strstr(core.log, "fails (ECONN"));
  core_end(&core);
}

static void other_models_are_not_in_its_way(void** state) {
  (void) state;
  begin();
  break_model("gpt-4o");
  for (int i = 0; i < MANY; i++)
    ask_model(i % 2 ? "gpt-4o" : "gpt-4o-mini", NULL, &seen[i]);
  core_run(&core, FAULTS + 1 + MANY / 2);
  for (int i = 0; i < MANY; i++)
    assert_int_equal(seen[i].done, i % 2 == 0);
  assert_int_equal(stats().waiting_provider, MANY / 2);
  assert_int_equal(stats().queued, MANY / 2);
  core_run(&core, FAULTS + 1 + MANY); /* its time comes, and it answers */
  for (int i = 0; i < MANY; i++)
    assert_int_equal(seen[i].status, 0);
  core_end(&core);
}

static void one_goes_first_and_then_more(void** state) {
  (void) state;
  uint32_t answers = 0;
  begin();
  break_model("gpt-4o");
  for (int i = 0; i < MANY; i++)
    ask_model("gpt-4o", "ttft=5", &seen[i]);
  while (answers < MANY) {
    uv_run(&core.loop, UV_RUN_ONCE);
    answers = (uint32_t) (core.ndone - FAULTS - 1);
    assert_true(stats().inflight <= 2 * answers + 2);
  }
  core_end(&core);
}

static void who_waits_may_go_in_any_way(void** state) {
  (void) state;
  ask_t a;
  begin();
  break_model("gpt-4o");
  ask_init(&a, "x", NULL);
  a.r.target.model = "gpt-4o";
  a.r.timeout_ms = 100;
  core_submit(&core, &a.r, &seen[0]);
  ask_model("gpt-4o", NULL, &seen[1]);
  ask_model("gpt-4o", NULL, &seen[2]);
  ask_model("gpt-4o", NULL, &seen[3]);
  turn(20);
  assert_int_equal(stats().waiting_provider, 4);
  uvllm_set_priority(seen[3].req, 5);
  uvllm_cancel(seen[1].req);
  core_run(&core, FAULTS + 3);
  assert_int_equal(seen[0].status, UVLLM_ETIMETOTAL);
  assert_int_equal(seen[1].status, UV_ECANCELED);
  assert_int_equal(uvllm_provider_remove(core.client, "mock"), 0);
  core_run(&core, FAULTS + 5);
  assert_int_equal(seen[2].status, UVLLM_ENOPROVIDER);
  assert_int_equal(seen[3].status, UVLLM_ENOPROVIDER);
  core_end(&core);
}

static void a_client_closes_while_they_wait(void** state) {
  (void) state;
  begin();
  break_model("gpt-4o");
  for (int i = 0; i < MANY; i++)
    ask_model("gpt-4o", NULL, &seen[i]);
  turn(20);
  core_close_client(&core);
  core_run(&core, FAULTS + 1 + MANY);
  for (int i = 0; i < MANY; i++)
    assert_int_equal(seen[i].status, UV_ECANCELED);
  core_end(&core);
}

static void without_memory_it_ends_instead_of_waiting(void** state) {
  (void) state;
  int n = 0;
  begin();
  break_model("gpt-4o");
  for (;; n++) {
    memset(&seen[0], 0, sizeof(seen[0]));
    ask_model("gpt-4o", NULL, &seen[0]);
    core.alloc.calls = 0;
    core.alloc.fail_at = (size_t) n + 1;
    core.alloc.fail_once = 1;
    turn(20);
    core.alloc.fail_at = 0;
    if (!seen[0].done)
      break;
    assert_int_equal(seen[0].status, UV_ENOMEM);
  }
  assert_true(n >= 2); /* the lane, and its place in there */
  uvllm_cancel(seen[0].req);
  core_run(&core, FAULTS + 2 + n);
  core_end(&core);
}

static void set_key(const char* label) {
  uvllm_key_t key;
  uvllm_key_init(&key);
  key.label = label;
  key.key = "sk-x";
  assert_int_equal(uvllm_key_set(core.client, "mock", &key), 0);
}

static void each_key_has_a_circuit_of_its_own(void** state) {
  (void) state;
  begin();
  set_key("a");
  break_model("gpt-4o");
  set_key("b");
  ask_model("gpt-4o", NULL, &seen[0]);
  core_run(&core, FAULTS + 2);
  assert_int_equal(seen[0].status, 0);
  assert_string_equal(seen[0].key_label, "b");
  ask_model("gpt-4o-mini", NULL, &seen[1]);
  core_run(&core, FAULTS + 3);
  assert_string_equal(seen[1].key_label, "a");
  core_end(&core);
}

static void mistakes_of_the_callers_open_nothing(void** state) {
  (void) state;
  static const char* const words[] = { "status=400", "status=429,retry-after=0", "status=404" };
  begin();
  core_ask(&core, "x", NULL, &seen[0]);
  core_run(&core, 1);
  for (int i = 1; i < MANY; i++)
    ask_model("gpt-4o-mini", words[i % 3], &seen[i]);
  core_run(&core, MANY);
  assert_null(strstr(core.log, "left alone"));
  core_end(&core);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(nothing_is_lost_while_a_provider_is_away),
    cmocka_unit_test(other_models_are_not_in_its_way),
    cmocka_unit_test(one_goes_first_and_then_more),
    cmocka_unit_test(who_waits_may_go_in_any_way),
    cmocka_unit_test(a_client_closes_while_they_wait),
    cmocka_unit_test(without_memory_it_ends_instead_of_waiting),
    cmocka_unit_test(each_key_has_a_circuit_of_its_own),
    cmocka_unit_test(mistakes_of_the_callers_open_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
