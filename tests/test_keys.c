/* Several keys of one provider: which one goes, which is out of use, whose limits. */
#include "core.h"

#include "internal.h"

enum { MANY = 20 };

static core_t core;

static void set_key_with(const char* label, const char* text, const uvllm_limits_t* limits,
                         int expected) {
  uvllm_key_t key;
  uvllm_key_init(&key);
  key.label = label;
  key.key = text;
  if (limits != NULL)
    key.limits = *limits;
  assert_int_equal(uvllm_key_set(core.client, "mock", &key), expected);
}

static void set_key(const char* label, const char* text) {
  set_key_with(label, text, NULL, 0);
}

/* With keys a and b; required: which key the mock lets in, or NULL. */
static void begin(const char* a, const char* b, const char* required) {
  uvllm_mock_options_t m;
  uvllm_mock_options_init(&m);
  m.require_key = required;
  m.ntokens = 2;
  core_begin(&core);
  core_mock(&core, &m, NULL);
  set_key("a", a);
  set_key("b", b);
}

/* NULL: the one that there is without a key. */
static uvllm__credential_t* credential(const char* label) {
  uvllm__credential_t* cred = uvllm__provider_find(core.client, "mock")->credentials;
  while (label != NULL && cred != NULL && strcmp(cred->ring->label->text, label) != 0)
    cred = cred->next;
  assert_non_null(cred);
  return cred;
}

static void ask_once(const char* prompt, const char* x_mock, seen_t* s) {
  const int ndone = core.ndone;
  memset(s, 0, sizeof(*s));
  core_ask(&core, prompt, x_mock, s);
  core_run(&core, ndone + 1);
}

static int count_in_log(const char* words) {
  int n = 0;
  for (const char* at = core.log; (at = strstr(at, words)) != NULL; at++)
    n++;
  return n;
}


/* ---- Out of use -------------------------------------------------------------------- */

static void a_refused_key_is_used_no_more(void** state) {
  (void) state;
  seen_t s;
  begin("sk-revoked", "sk-right", "sk-right");
  for (int i = 0; i < 5; i++) {
    ask_once("x", NULL, &s);
    assert_int_equal(s.status, 0);
    assert_string_equal(s.key_label, "b");
    assert_int_equal(s.attempts, i == 0 ? 2 : 1);
  }
  assert_int_equal(count_in_log("key a is refused"), 1);
  core_end(&core);
}

static void many_that_are_refused_at_once_say_so_once(void** state) {
  (void) state;
  static seen_t s[MANY];
  ask_t a;
  begin("sk-revoked", "sk-right", "sk-right");
  memset(s, 0, sizeof(s));
  ask_init(&a, "x", NULL);
  a.r.max_attempts = 1; /* that another key takes over is none */
  for (int i = 0; i < MANY; i++)
    core_submit(&core, &a.r, &s[i]);
  core_run(&core, MANY);
  for (int i = 0; i < MANY; i++)
    assert_int_equal(s[i].status, 0);
  assert_int_equal(count_in_log("key a is refused"), 1);
  core_end(&core);
}

static void without_a_key_that_works_it_is_said_at_once(void** state) {
  (void) state;
  seen_t s;
  begin("sk-revoked", "sk-stolen", "sk-right");
  ask_once("x", NULL, &s);
  assert_int_equal(s.status, UVLLM_EAUTH);
  assert_int_equal(s.http_status, 401);
  assert_int_equal(s.attempts, 2);
  ask_once("x", NULL, &s);
  assert_int_equal(s.status, UVLLM_EAUTH);
  assert_int_equal(s.attempts, 0);
  assert_non_null(strstr(s.message, "no key of the provider"));
  set_key("b", "sk-right");
  ask_once("x", NULL, &s);
  assert_int_equal(s.status, 0);
  assert_string_equal(s.key_label, "b");
  core_end(&core);
}

static void a_spent_quota_leaves_the_key_alone_for_a_while(void** state) {
  (void) state;
  seen_t s;
  begin("sk-a", "sk-b", NULL);
  ask_once("x", "quota,times=1", &s);
  assert_int_equal(s.status, 0);
  assert_string_equal(s.key_label, "b");
  ask_once("y", NULL, &s);
  assert_string_equal(s.key_label, "b");
  const uint64_t first = credential("a")->spent_ns;
  credential("a")->out_until_ns = 0; /* the while is over */
  ask_once("z", "quota,times=1", &s);
  assert_string_equal(s.key_label, "b");
  assert_int_equal(credential("a")->spent_ns, 2 * first);
  credential("a")->out_until_ns = 0;
  ask_once("y", NULL, &s);
  assert_string_equal(s.key_label, "a");
  assert_int_equal(credential("a")->spent_ns, 0);
  core_end(&core);
}

static void a_forbidden_model_leaves_others_to_the_key(void** state) {
  (void) state;
  seen_t s;
  ask_t a;
  begin("sk-a", "sk-b", NULL);
  ask_once("x", "status=403,times=1", &s);
  assert_int_equal(s.status, 0);
  assert_int_equal(s.attempts, 2);
  assert_string_equal(s.key_label, "b");
  ask_once("y", NULL, &s);
  assert_string_equal(s.key_label, "b");
  memset(&s, 0, sizeof(s));
  ask_init(&a, "x", NULL);
  a.r.target.model = "gpt-4o";
  core_submit(&core, &a.r, &s);
  core_run(&core, 3);
  assert_string_equal(s.key_label, "a");
  core_end(&core);
}

static void each_key_is_tried_once(void** state) {
  (void) state;
  static const char* const words[] = { "status=403", "status=429,quota,retry-after=0" };
  seen_t s;
  for (int i = 0; i < 2; i++) {
    begin("sk-a", "sk-b", NULL);
    set_key("c", "sk-c");
    ask_once("x", words[i], &s);
    assert_int_equal(s.status, i == 0 ? UVLLM_EPERMISSION : UVLLM_EQUOTA);
    assert_int_equal(s.attempts, 3);
    core_end(&core);
  }
}

static void a_403_does_not_take_the_last_key(void** state) {
  (void) state;
  uvllm_key_t key;
  seen_t s;
  core_begin(&core);
  core_mock(&core, NULL, NULL);
  uvllm_key_init(&key);
  key.key = "sk-only";
  assert_int_equal(uvllm_key_set(core.client, "mock", &key), 0);
  ask_once("flagged", "status=403", &s);
  assert_int_equal(s.status, UVLLM_EPERMISSION);
  ask_once("harmless", NULL, &s);
  assert_int_equal(s.status, 0);
  core_end(&core);
}

static void refused_models_are_remembered_up_to_a_number(void** state) {
  (void) state;
  seen_t s;
  ask_t a;
  char model[32];
  begin("sk-a", "sk-b", NULL);
  for (int i = 0; i < UVLLM__MAX_REFUSED + 2; i++) {
    memset(&s, 0, sizeof(s));
    snprintf(model, sizeof(model), "model-%d", i);
    ask_init(&a, model, "status=403,times=1");
    a.r.target.model = model;
    core_submit(&core, &a.r, &s);
    core_run(&core, i + 1);
    assert_string_equal(s.key_label, "b");
  }
  assert_int_equal(credential("a")->nrefused, UVLLM__MAX_REFUSED);
  assert_string_equal(credential("a")->refused[0], "model-2");
  core_end(&core);
}

static void what_a_replaced_key_was_told_is_not_its_successors(void** state) {
  (void) state;
  seen_t s;
  begin("sk-revoked", "sk-right", "sk-right");
  memset(&s, 0, sizeof(s));
  core_ask(&core, "x", NULL, &s);
  while (s.nevents[UVLLM_EVENT_ATTEMPT] == 0)
    uv_run(&core.loop, UV_RUN_ONCE);
  set_key("a", "sk-right");
  core_run(&core, 1);
  assert_int_equal(s.status, 0);
  assert_int_equal(credential("a")->out, 0);
  core_end(&core);
}


/* ---- Limits ---------------------------------------------------------------------------- */

static void a_429_stops_one_key_and_another_goes_at_once(void** state) {
  (void) state;
  seen_t s;
  begin("sk-a", "sk-b", NULL);
  ask_once("x", "status=429,retry-after=3600,times=1", &s);
  assert_int_equal(s.status, 0);
  assert_int_equal(s.attempts, 2);
  assert_string_equal(s.key_label, "b");
  assert_true(uvllm_limiter_headroom(credential("a")->limiter, uv_hrtime()) == 0);
  assert_true(uvllm_limiter_headroom(credential("b")->limiter, uv_hrtime()) == 1);
  core_end(&core);
}

static void each_key_has_its_own_limits(void** state) {
  (void) state;
  static seen_t s[5];
  const uvllm_limits_t one = { .max_inflight = 1 }, three = { .max_inflight = 3 };
  uvllm_stats_t stats;
  int n[2] = { 0, 0 };
  begin("sk-a", "sk-b", NULL);
  set_key_with("a", "sk-a", &one, 0);
  set_key_with("b", "sk-b", &three, 0);
  memset(s, 0, sizeof(s));
  for (int i = 0; i < 5; i++)
    core_ask(&core, "x", "stall=0", &s[i]);
  for (int i = 0; i < 20; i++)
    uv_run(&core.loop, UV_RUN_NOWAIT);
  uvllm_stats(core.client, NULL, NULL, &stats);
  assert_int_equal(stats.inflight, 4);
  assert_int_equal(stats.waiting_limit, 1);
  assert_int_equal(credential("a")->inflight, 1);
  assert_int_equal(credential("b")->inflight, 3);
  for (int i = 0; i < 5; i++)
    uvllm_cancel(s[i].req);
  core_run(&core, 5);
  for (int i = 0; i < 5; i++)
    n[s[i].key_label[0] == 'b'] += s[i].key_label[0] != '\0';
  assert_int_equal(n[0], 1);
  assert_int_equal(n[1], 3);
  core_end(&core);
}

static void keys_without_limits_share_what_is_in_flight(void** state) {
  (void) state;
  static seen_t s[MANY];
  begin("sk-a", "sk-b", NULL);
  memset(s, 0, sizeof(s));
  for (int i = 0; i < MANY; i++)
    core_ask(&core, "x", "stall=0", &s[i]);
  for (int i = 0; i < 20; i++)
    uv_run(&core.loop, UV_RUN_NOWAIT);
  assert_int_equal(credential("a")->inflight, MANY / 2);
  assert_int_equal(credential("b")->inflight, MANY / 2);
  for (int i = 0; i < MANY; i++)
    uvllm_cancel(s[i].req);
  core_run(&core, MANY);
  assert_int_equal(credential("a")->inflight + credential("b")->inflight, 0);
  core_end(&core);
}

static void a_limit_is_learnt_for_the_key_that_was_told(void** state) {
  (void) state;
  seen_t s;
  uvllm_mock_options_t m;
  uvllm_limiter_state_t told, other;
  uvllm_mock_options_init(&m);
  m.requests_per_min = 600;
  core_begin(&core);
  core_mock(&core, &m, NULL);
  set_key("a", "sk-a");
  set_key("b", "sk-b");
  ask_once("x", NULL, &s);
  assert_string_equal(s.key_label, "a");
  uvllm_limiter_state(credential("a")->limiter, uv_hrtime(), &told);
  uvllm_limiter_state(credential("b")->limiter, uv_hrtime(), &other);
  assert_int_equal(told.limit[UVLLM_REQUESTS_PER_MIN], 600);
  assert_int_equal(other.limit[UVLLM_REQUESTS_PER_MIN], 0);
  core_end(&core);
}

static void what_was_drawn_stays_drawn_when_keys_come_and_go(void** state) {
  (void) state;
  seen_t s;
  uvllm_limiter_state_t now;
  const uvllm_limits_t limits = { .requests_per_min = 100 };
  core_begin(&core);
  core_mock(&core, NULL, &limits);
  ask_once("x", NULL, &s);
  assert_string_equal(s.key_label, "");
  set_key("a", "sk-a");
  set_key("a", "sk-other");
  uvllm_limiter_state(credential("a")->limiter, uv_hrtime(), &now);
  assert_int_equal(now.used[UVLLM_REQUESTS_PER_MIN], 1);
  set_key("b", "sk-b");
  uvllm_limiter_state(credential("b")->limiter, uv_hrtime(), &now);
  assert_int_equal(now.used[UVLLM_REQUESTS_PER_MIN], 0);
  assert_int_equal(uvllm_key_remove(core.client, "mock", "b"), 0);
  assert_int_equal(uvllm_key_remove(core.client, "mock", NULL), 0);
  uvllm_limiter_state(uvllm__provider_find(core.client, "mock")->credentials->limiter,
                      uv_hrtime(), &now);
  assert_int_equal(now.used[UVLLM_REQUESTS_PER_MIN], 1);
  ask_once("x", NULL, &s);
  assert_int_equal(s.status, 0);
  core_end(&core);
}

static void an_overload_makes_fewer_go_at_once(void** state) {
  (void) state;
  static seen_t s[MANY];
  uvllm_mock_options_t m;
  uvllm_stats_t stats;
  uvllm_mock_options_init(&m);
  m.ntokens = 2;
  core_begin(&core);
  core_mock(&core, &m, NULL);
  memset(s, 0, sizeof(s));
  for (int i = 0; i < MANY; i++)
    core_ask(&core, i == 0 ? "the first" : "x", i == 0 ? "status=503" : "ttft=100", &s[i]);
  while (count_in_log("at most 16 in flight") == 0)
    uv_run(&core.loop, UV_RUN_ONCE);
  assert_int_equal(uvllm__adapt_max(&credential(NULL)->adapt), MANY * 8 / 10);
  for (int i = 1; i < MANY; i++)
    uvllm_cancel(s[i].req);
  uvllm_cancel(s[0].req);
  core_run(&core, MANY);
  memset(s, 0, sizeof(s));
  for (int i = 0; i < MANY; i++)
    core_ask(&core, "x", "ttft=20", &s[i]);
  for (int i = 0; i < 20; i++)
    uv_run(&core.loop, UV_RUN_NOWAIT);
  uvllm_stats(core.client, NULL, NULL, &stats);
  assert_int_equal(stats.inflight, MANY * 8 / 10);
  assert_int_equal(stats.waiting_limit, MANY * 2 / 10);
  core_run(&core, 2 * MANY);
  for (int i = 0; i < MANY; i++)
    assert_int_equal(s[i].status, 0);
  core_end(&core);
}

static void a_429_of_a_known_limit_says_nothing_of_how_many(void** state) {
  (void) state;
  seen_t s;
  const uvllm_limits_t limits = { .requests_per_min = 1000 };
  core_begin(&core);
  core_mock(&core, NULL, &limits);
  ask_once("x", "status=429,retry-after=0,times=1", &s);
  assert_int_equal(s.status, 0);
  assert_int_equal(uvllm__adapt_max(&credential(NULL)->adapt), UINT32_MAX);
  ask_once("y", "status=500,times=1", &s);
  assert_int_equal(uvllm__adapt_max(&credential(NULL)->adapt), UINT32_MAX);
  core_end(&core);
}

static void a_key_goes_while_its_request_runs(void** state) {
  (void) state;
  seen_t s;
  begin("sk-a", "sk-b", NULL);
  memset(&s, 0, sizeof(s));
  core_ask(&core, "x", "ttft=50", &s);
  while (s.nevents[UVLLM_EVENT_ATTEMPT] == 0)
    uv_run(&core.loop, UV_RUN_ONCE);
  assert_int_equal(uvllm_key_remove(core.client, "mock", "a"), 0);
  core_run(&core, 1);
  assert_int_equal(s.status, 0);
  assert_string_equal(s.key_label, "a");
  core_end(&core);
}

static void there_is_an_end_to_keys(void** state) {
  (void) state;
  char label[16];
  core_begin(&core);
  core_mock(&core, NULL, NULL);
  for (int i = 0; i < UVLLM__MAX_KEYS; i++) {
    snprintf(label, sizeof(label), "k%d", i);
    set_key(label, "sk-x");
  }
  set_key_with("one-more", "sk-x", NULL, UV_E2BIG);
  set_key("k3", "sk-replaced");
  assert_int_equal(uvllm_key_remove(core.client, "mock", "one-more"), UV_ENOENT);
  assert_int_equal(uvllm_key_remove(core.client, "mock", "k63"), 0);
  set_key("one-more", "sk-x");
  core_end(&core);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_refused_key_is_used_no_more),
    cmocka_unit_test(many_that_are_refused_at_once_say_so_once),
    cmocka_unit_test(without_a_key_that_works_it_is_said_at_once),
    cmocka_unit_test(a_spent_quota_leaves_the_key_alone_for_a_while),
    cmocka_unit_test(a_forbidden_model_leaves_others_to_the_key),
    cmocka_unit_test(each_key_is_tried_once),
    cmocka_unit_test(a_403_does_not_take_the_last_key),
    cmocka_unit_test(refused_models_are_remembered_up_to_a_number),
    cmocka_unit_test(what_a_replaced_key_was_told_is_not_its_successors),
    cmocka_unit_test(a_429_stops_one_key_and_another_goes_at_once),
    cmocka_unit_test(each_key_has_its_own_limits),
    cmocka_unit_test(keys_without_limits_share_what_is_in_flight),
    cmocka_unit_test(a_limit_is_learnt_for_the_key_that_was_told),
    cmocka_unit_test(what_was_drawn_stays_drawn_when_keys_come_and_go),
    cmocka_unit_test(an_overload_makes_fewer_go_at_once),
    cmocka_unit_test(a_429_of_a_known_limit_says_nothing_of_how_many),
    cmocka_unit_test(a_key_goes_while_its_request_runs),
    cmocka_unit_test(there_is_an_end_to_keys),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
