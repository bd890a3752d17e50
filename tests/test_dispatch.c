/* What lets a request go: places in flight, limits, money, turns between tags
 * and priorities; and what refuses it at once.
 */
#include "core.h"
#include "internal.h"

static core_t core;

static void begin(uvllm_client_options_t* o, const uvllm_limits_t* limits) {
  uvllm_client_options_t plain;
  uvllm_client_options_init(&plain);
  core_begin_with(&core, o != NULL ? o : &plain);
  core_mock(&core, NULL, limits);
}

static void no_more_in_flight_than_allowed(void** state) {
  (void) state;
  uvllm_client_options_t o;
  uvllm_mock_stats_t stats;
  static seen_t s[50];
  memset(s, 0, sizeof(s));
  uvllm_client_options_init(&o);
  o.max_inflight = 5;
  begin(&o, NULL);
  for (int i = 0; i < 50; i++)
    core_ask(&core, "x", "ttft=5", &s[i]);
  core_run(&core, 50);
  uvllm_mock_stats(core.mock, &stats);
  assert_int_equal(stats.max_inflight, 5);
  assert_int_equal(stats.requests, 50);
  core_end(&core);
}

static void providers_own_cap_holds_too(void** state) {
  (void) state;
  uvllm_limits_t limits;
  uvllm_mock_stats_t stats;
  static seen_t s[20];
  memset(s, 0, sizeof(s));
  memset(&limits, 0, sizeof(limits));
  limits.max_inflight = 2;
  begin(NULL, &limits);
  for (int i = 0; i < 20; i++)
    core_ask(&core, "x", "ttft=2", &s[i]);
  core_run(&core, 20);
  uvllm_mock_stats(core.mock, &stats);
  assert_int_equal(stats.max_inflight, 2);
  core_end(&core);
}

static void waits_for_the_rate_limit_and_says_so(void** state) {
  (void) state;
  uvllm_limits_t limits;
  uvllm_stats_t stats;
  static seen_t s[6];
  memset(s, 0, sizeof(s));
  memset(&limits, 0, sizeof(limits));
  limits.requests_per_min = 1200; /* a burst of 6, so make it busy first */
  begin(NULL, &limits);
  static seen_t first[6];
  memset(first, 0, sizeof(first));
  for (int i = 0; i < 6; i++)
    core_ask(&core, "x", NULL, &first[i]);
  core_run(&core, 6);
  for (int i = 0; i < 6; i++)
    core_ask(&core, "x", NULL, &s[i]);
  core_run(&core, 7);
  assert_int_equal(uvllm_stats(core.client, NULL, NULL, &stats), 0);
  assert_true(stats.waiting_limit > 0);
  core_run(&core, 12);
  core_end(&core);
}

static void larger_than_the_limit_fails_at_once(void** state) {
  (void) state;
  uvllm_limits_t limits;
  ask_t a;
  seen_t s;
  memset(&s, 0, sizeof(s));
  memset(&limits, 0, sizeof(limits));
  limits.tokens_per_min = 1000;
  begin(NULL, &limits);
  ask_init(&a, "x", NULL);
  a.r.max_tokens = 5000;
  core_submit(&core, &a.r, &s);
  core_run(&core, 1);
  assert_int_equal(s.status, UVLLM_ELIMIT);
  assert_int_equal(s.attempts, 0);
  assert_string_equal(s.message, "it counts as 5001, and the limit is 1000 tokens a minute");
  core_end(&core);
}

static void expect_limit(const uvllm_limits_t* limits, const char* message) {
  ask_t a;
  seen_t s;
  memset(&s, 0, sizeof(s));
  begin(NULL, limits);
  ask_init(&a, "a prompt of 26 characters!", NULL);
  a.r.max_tokens = 50;
  core_submit(&core, &a.r, &s);
  core_run(&core, 1);
  assert_int_equal(s.status, UVLLM_ELIMIT);
  assert_string_equal(s.message, message);
  core_end(&core);
}

static void each_limit_says_what_it_admits(void** state) {
  (void) state;
  const uvllm_limits_t input = { .input_tokens_per_min = 6, .tokens_per_min = 1000 };
  const uvllm_limits_t output = { .output_tokens_per_min = 49, .input_tokens_per_min = 7 };
  const uvllm_limits_t day = { .tokens_per_day = 56, .requests_per_min = 1 };
  expect_limit(&input, "it counts as 7, and the limit is 6 input tokens a minute");
  expect_limit(&output, "it counts as 50, and the limit is 49 output tokens a minute");
  expect_limit(&day, "it counts as 57, and the limit is 56 tokens a day");
}

/* A provider that lowers its limit meanwhile: its words and code are those of the
 * attempt before. */
static void a_retry_may_be_larger_than_the_limit(void** state) {
  (void) state;
  ask_t a;
  seen_t s;
  memset(&s, 0, sizeof(s));
  begin(NULL, NULL);
  ask_init(&a, "x", "status=429,times=1,retry-after-ms=20");
  a.r.max_tokens = 50;
  core_submit(&core, &a.r, &s);
  while (s.nevents[UVLLM_EVENT_ATTEMPT] == 0)
    uv_run(&core.loop, UV_RUN_ONCE);
  uvllm_limiter_learn(s.req->provider->credentials->limiter, uv_hrtime(), UVLLM_TOKENS_PER_MIN, 40, -1, -1);
  core_run(&core, 1);
  assert_int_equal(s.status, UVLLM_ELIMIT);
  assert_int_equal(s.http_status, 429);
  assert_string_equal(s.message, "it counts as 51, and the limit is 40 tokens a minute");
  assert_string_equal(s.code, "");
  core_end(&core);
}

static void a_budget_says_what_is_left_of_it(void** state) {
  (void) state;
  uvllm_client_options_t o;
  ask_t a;
  seen_t s[2];
  memset(s, 0, sizeof(s));
  uvllm_client_options_init(&o);
  o.budget_pusd = INT64_C(2000) * 1000000; /* $0.002 */
  begin(&o, NULL);
  ask_init(&a, "12345678", "tokens=10"); /* 2 in, 10 out: 6.3 micro-dollars */
  a.r.max_tokens = 100;
  core_submit(&core, &a.r, &s[0]);
  core_run(&core, 1);
  assert_int_equal(s[0].status, 0);
  a.r.max_tokens = 5000; /* and 32 tokens of prompt: 3,004.8 micro-dollars */
  core_submit(&core, &a.r, &s[1]);
  core_run(&core, 2);
  assert_int_equal(s[1].status, UVLLM_EBUDGET);
  assert_string_equal(s[1].message,
                      "it may cost $0.003005, and $0.001993 of the budget of $0.002 is left");
  uvllm_set_budget(core.client, INT64_C(1500000000000));
  a.r.max_tokens = 3000000;
  core_submit(&core, &a.r, &s[1]);
  core_run(&core, 3);
  assert_string_equal(s[1].message,
                      "it may cost $1.800005, and $1.499993 of the budget of $1.50 is left");
  core_end(&core);
}

static void takes_turns_between_tags(void** state) {
  (void) state;
  static seen_t flood[40], small[4];
  uvllm_client_options_t o;
  memset(flood, 0, sizeof(flood));
  memset(small, 0, sizeof(small));
  uvllm_client_options_init(&o);
  o.max_inflight = 1;
  begin(&o, NULL);
  ask_t a;
  ask_init(&a, "the same length", NULL);
  a.r.tag = "flood";
  for (int i = 0; i < 40; i++)
    core_submit(&core, &a.r, &flood[i]);
  a.r.tag = "small";
  for (int i = 0; i < 4; i++)
    core_submit(&core, &a.r, &small[i]);
  while (small[3].done == 0)
    uv_run(&core.loop, UV_RUN_ONCE);
  assert_in_range(core.ndone, 4, 12); /* not behind the flood */
  core_run(&core, 44);
  core_end(&core);
}

static int order[8], norder;

static void note_order(seen_t* s, const uvllm_result_t* r) {
  (void) r;
  order[norder++] = (int) (intptr_t) s->data;
}

static void higher_priority_goes_first(void** state) {
  (void) state;
  static seen_t s[4];
  uvllm_client_options_t o;
  ask_t a;
  memset(s, 0, sizeof(s));
  norder = 0;
  uvllm_client_options_init(&o);
  o.max_inflight = 1;
  begin(&o, NULL);
  ask_init(&a, "x", NULL);
  for (int i = 0; i < 4; i++) {
    s[i].data = (void*) (intptr_t) i;
    s[i].on_done = note_order;
    a.r.priority = i == 2 ? 5 : 0;
    core_submit(&core, &a.r, &s[i]);
  }
  uvllm_set_priority(s[3].req, 9);
  core_run(&core, 4);
  assert_int_equal(order[0], 3);
  assert_int_equal(order[1], 2);
  assert_int_equal(order[2], 0);
  assert_int_equal(order[3], 1);
  core_end(&core);
}

/* gpt-4o-mini: 0.15 and 0.60 $ per million tokens. */
static void budget_is_never_passed(void** state) {
  (void) state;
  static seen_t s[200];
  uvllm_client_options_t o;
  uvllm_stats_t stats;
  ask_t a;
  memset(s, 0, sizeof(s));
  uvllm_client_options_init(&o);
  o.budget_pusd = 300 * 1000000; /* room for about 25 answers of 16 tokens */
  begin(&o, NULL);
  ask_init(&a, "What does it cost?", NULL);
  a.r.max_tokens = 16;
  for (int i = 0; i < 200; i++)
    core_submit(&core, &a.r, &s[i]);
  int answered = 0;
  core_run(&core, 200);
  for (int i = 0; i < 200; i++) {
    assert_true(s[i].status == 0 || s[i].status == UVLLM_EBUDGET);
    answered += s[i].status == 0;
  }
  assert_int_equal(uvllm_stats(core.client, NULL, NULL, &stats), 0);
  assert_true(stats.usage.cost_pusd <= o.budget_pusd);
  assert_int_equal(stats.held_pusd, 0);
  assert_true(answered >= 20);
  int64_t one = stats.usage.cost_pusd / answered;
  assert_true(stats.usage.cost_pusd + 3 * one > o.budget_pusd); /* and it was used */
  core_end(&core);
}

static void a_raised_budget_lets_waiting_ones_go(void** state) {
  (void) state;
  seen_t s[2];
  uvllm_client_options_t o;
  ask_t a;
  memset(s, 0, sizeof(s));
  uvllm_client_options_init(&o);
  o.budget_pusd = 40 * 1000000;
  begin(&o, NULL);
  ask_init(&a, "one", "ttft=30");
  a.r.max_tokens = 32;
  core_submit(&core, &a.r, &s[0]);
  core_submit(&core, &a.r, &s[1]); /* the first one's hold stands in the way */
  while (s[0].nevents[UVLLM_EVENT_ATTEMPT] == 0)
    uv_run(&core.loop, UV_RUN_ONCE);
  uvllm_stats_t stats;
  uvllm_stats(core.client, "mock", NULL, &stats);
  assert_int_equal(stats.waiting_budget, 1);
  uvllm_set_budget(core.client, 1000 * 1000000);
  while (s[1].nevents[UVLLM_EVENT_ATTEMPT] == 0)
    uv_run(&core.loop, UV_RUN_ONCE);
  assert_int_equal(s[0].done, 0);
  core_run(&core, 2);
  assert_int_equal(s[1].status, 0);
  core_end(&core);
}

static void unpriced_under_a_budget_is_refused(void** state) {
  (void) state;
  uvllm_client_options_t o;
  ask_t a;
  seen_t s;
  memset(&s, 0, sizeof(s));
  uvllm_client_options_init(&o);
  o.budget_pusd = 1000000;
  begin(&o, NULL);
  ask_init(&a, "x", NULL);
  a.r.target.model = "nobody-knows-this";
  assert_int_equal(core_try(&core, &a.r, &s), UVLLM_EUNPRICED);
  assert_true(strlen(uvllm_last_error(core.client)) > 0);
  core_end(&core);
  memset(&s, 0, sizeof(s));
  o.allow_unpriced = 1;
  begin(&o, NULL);
  core_submit(&core, &a.r, &s);
  core_run(&core, 1);
  assert_int_equal(s.status, 0);
  assert_true(s.usage.flags & UVLLM_USAGE_UNPRICED);
  core_end(&core);
}

static void cost_is_exact(void** state) {
  (void) state;
  ask_t a;
  seen_t s;
  memset(&s, 0, sizeof(s));
  begin(NULL, NULL);
  ask_init(&a, "12345678", "tokens=10"); /* 2 tokens in, 10 out */
  core_submit(&core, &a.r, &s);
  core_run(&core, 1);
  assert_int_equal(s.usage.input_tokens, 2);
  assert_int_equal(s.usage.output_tokens, 10);
  assert_int_equal(s.usage.cost_pusd, 2 * 150000 + 10 * 600000);
  assert_int_equal(s.usage.flags, 0);
  core_end(&core);
}

static int rooms;

static void on_room(uvllm_client_t* client, void* data) {
  (void) client, (void) data;
  rooms++;
}

static void full_queue_pushes_back(void** state) {
  (void) state;
  static seen_t s[12];
  uvllm_client_options_t o;
  ask_t a;
  memset(s, 0, sizeof(s));
  rooms = 0;
  uvllm_client_options_init(&o);
  o.max_inflight = 1;
  o.max_queued = 10;
  o.room_cb = on_room;
  begin(&o, NULL);
  ask_init(&a, "x", NULL);
  for (int i = 0; i < 10; i++)
    core_submit(&core, &a.r, &s[i]);
  assert_int_equal(core_try(&core, &a.r, &s[10]), UVLLM_EQUEUEFULL);
  assert_int_equal(core_try(&core, &a.r, &s[10]), UVLLM_EQUEUEFULL);
  assert_int_equal(rooms, 0);
  while (rooms == 0)
    uv_run(&core.loop, UV_RUN_ONCE);
  assert_in_range(core.ndone, 4, 6);
  core_submit(&core, &a.r, &s[10]);
  core_run(&core, 11);
  assert_int_equal(rooms, 1);
  core_end(&core);
}

static void queued_bytes_push_back_too(void** state) {
  (void) state;
  uvllm_client_options_t o;
  ask_t a;
  seen_t s[2];
  static char prompt[40000];
  memset(s, 0, sizeof(s));
  memset(prompt, 'a', sizeof(prompt) - 1);
  uvllm_client_options_init(&o);
  o.max_queued_bytes = 60000;
  begin(&o, NULL);
  ask_init(&a, prompt, NULL);
  core_submit(&core, &a.r, &s[0]);
  assert_int_equal(core_try(&core, &a.r, &s[1]), UVLLM_EQUEUEFULL);
  core_run(&core, 1);
  core_end(&core);
}

static void refusals_have_a_code_and_a_reason(void** state) {
  (void) state;
  ask_t a;
  seen_t s;
  uvllm_kv_t bad = { "X-Test", "a\r\nHost: evil" };
  begin(NULL, NULL);
#define REFUSED(code)                                                          \
  do {                                                                         \
    assert_int_equal(core_try(&core, &a.r, &s), code);                         \
    assert_true(strlen(uvllm_last_error(core.client)) > 0);                    \
    ask_init(&a, "x", NULL);                                                   \
  } while (0)
  ask_init(&a, "x", NULL);
  a.r.target.provider = "nobody";
  REFUSED(UVLLM_ENOPROVIDER);
  a.r.target.provider = NULL;
  REFUSED(UVLLM_ENOPROVIDER);
  a.r.target.model = NULL;
  REFUSED(UV_EINVAL);
  a.r.nmessages = 0;
  REFUSED(UV_EINVAL);
  a.r.headers = &bad;
  a.r.nheaders = 1;
  REFUSED(UV_EINVAL);
  a.r.body_json = test_str("[1]");
  REFUSED(UV_EINVAL);
  a.r.body_json = test_str("{\"a\":");
  REFUSED(UV_EINVAL);
  a.r.max_attempts = 0;
  REFUSED(UV_EINVAL);
  a.message.parts_json = test_str("{\"no\":\"array\"}");
  REFUSED(UV_EINVAL);
  a.r.extra_json = test_str("[]");
  REFUSED(UV_EINVAL);
  a.r.op = UVLLM_RAW;
  a.r.raw_path = "no-slash";
  REFUSED(UV_EINVAL);
  core_end(&core);
}

static void providers_are_checked(void** state) {
  (void) state;
  static const char* const bad[] = { "ftp://x/", "http://example.com/v1", "not a url", "https://u:p@h/",
                                     "https://h/?a=b", "https://h/#f", "https://h/\r\nX: y", "" };
  uvllm_provider_options_t p;
  begin(NULL, NULL);
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
    core_provider_init(&p);
    p.name = "bad";
    p.dialect = "openai";
    p.base_url = bad[i];
    assert_int_equal(uvllm_provider_set(core.client, &p), UV_EINVAL);
    assert_true(strlen(uvllm_last_error(core.client)) > 0);
  }
  p.base_url = "http://example.com/v1";
  p.allow_http = 1;
  assert_int_equal(uvllm_provider_set(core.client, &p), 0);
  p.dialect = "klingon";
  assert_int_equal(uvllm_provider_set(core.client, &p), UV_EINVAL);
  assert_int_equal(uvllm_provider_remove(core.client, "bad"), 0);
  assert_int_equal(uvllm_provider_remove(core.client, "bad"), UVLLM_ENOPROVIDER);
  core_end(&core);
}

static void openai_itself_wants_a_key(void** state) {
  (void) state;
  uvllm_provider_options_t p;
  uvllm_key_t key;
  ask_t a;
  seen_t s;
  begin(NULL, NULL);
  core_provider_init(&p);
  p.name = "openai";
  assert_int_equal(uvllm_provider_set(core.client, &p), 0);
  ask_init(&a, "x", NULL);
  a.r.target.provider = "openai";
  assert_int_equal(core_try(&core, &a.r, &s), UVLLM_ENOKEY);
  uvllm_key_init(&key);
  key.key = "sk-with\ncontrol";
  assert_int_equal(uvllm_key_set(core.client, "openai", &key), UV_EINVAL);
  assert_int_equal(uvllm_key_set(core.client, "nobody", &key), UVLLM_ENOPROVIDER);
  core_end(&core);
}

static void keys_are_sent_and_can_be_replaced(void** state) {
  (void) state;
  uvllm_mock_options_t m;
  uvllm_key_t key;
  seen_t s;
  uvllm_client_options_t o;
  uvllm_client_options_init(&o);
  uvllm_mock_options_init(&m);
  m.require_key = "sk-right";
  core_begin_with(&core, &o);
  core_mock(&core, &m, NULL);
  memset(&s, 0, sizeof(s));
  core_ask(&core, "x", NULL, &s);
  core_run(&core, 1);
  assert_int_equal(s.status, UVLLM_EAUTH);
  uvllm_key_init(&key);
  key.key = "sk-wrong-and-long-enough-to-see";
  assert_int_equal(uvllm_key_set(core.client, "mock", &key), 0);
  memset(&s, 0, sizeof(s));
  core_ask(&core, "x", NULL, &s);
  core_run(&core, 2);
  assert_int_equal(s.status, UVLLM_EAUTH);
  assert_null(strstr(s.message, "long-enough"));
  key.key = "sk-right";
  assert_int_equal(uvllm_key_set(core.client, "mock", &key), 0);
  memset(&s, 0, sizeof(s));
  core_ask(&core, "x", NULL, &s);
  core_run(&core, 3);
  assert_int_equal(s.status, 0);
  assert_null(strstr(core.log, "sk-right"));
  core_end(&core);
}

static void all_operations_work(void** state) {
  (void) state;
  ask_t a;
  seen_t s;
  begin(NULL, NULL);
  memset(&s, 0, sizeof(s));
  ask_init(&a, "complete this", NULL);
  a.r.op = UVLLM_COMPLETION;
  core_submit(&core, &a.r, &s);
  core_run(&core, 1);
  assert_int_equal(s.status, 0);
  assert_true(strlen(s.text) > 0);
  memset(&s, 0, sizeof(s));
  a.r.op = UVLLM_EMBED;
  a.r.flags = UVLLM_BODY;
  a.r.target.model = "text-embedding-3-small";
  core_submit(&core, &a.r, &s);
  core_run(&core, 2);
  assert_int_equal(s.status, 0);
  assert_int_equal(s.nevents[UVLLM_EVENT_EMBEDDING], 1);
  assert_non_null(strstr(s.body, "\"embedding\""));
  memset(&s, 0, sizeof(s));
  ask_init(&a, "", NULL);
  a.r.op = UVLLM_MODELS;
  a.r.flags = 0;
  a.r.nmessages = 0;
  core_submit(&core, &a.r, &s);
  core_run(&core, 3);
  assert_int_equal(s.status, 0);
  assert_true(s.nevents[UVLLM_EVENT_MODEL] > 0);
  memset(&s, 0, sizeof(s));
  ask_init(&a, "", NULL);
  a.r.op = UVLLM_RAW;
  a.r.nmessages = 0;
  a.r.raw_path = "/models";
  a.r.flags = UVLLM_BODY;
  core_submit(&core, &a.r, &s);
  core_run(&core, 4);
  assert_int_equal(s.status, 0);
  assert_true(s.nevents[UVLLM_EVENT_RAW] > 0);
  assert_non_null(strstr(s.body, "\"data\""));
  core_end(&core);
}

static void a_streamed_answer_can_be_had_as_a_body(void** state) {
  (void) state;
  ask_t a;
  seen_t s;
  begin(NULL, NULL);
  memset(&s, 0, sizeof(s));
  ask_init(&a, "x", NULL);
  a.r.flags = UVLLM_STREAM | UVLLM_BODY | UVLLM_NO_COLLECT;
  core_submit(&core, &a.r, &s);
  core_run(&core, 1);
  assert_int_equal(s.status, 0);
  assert_string_equal(s.result, ""); /* NO_COLLECT */
  s.text[20] = '\0'; /* a newline further on would be escaped */
  assert_non_null(strstr(s.body, s.text));
  assert_non_null(strstr(s.body, "\"finish_reason\""));
  core_end(&core);
}

static void body_json_is_sent_with_fields_on_top(void** state) {
  (void) state;
  ask_t a;
  seen_t s;
  begin(NULL, NULL);
  memset(&s, 0, sizeof(s));
  ask_init(&a, "", "tokens=100");
  a.r.nmessages = 0;
  a.r.target.model = NULL;
  a.r.body_json = test_str("{\"model\":\"gpt-4o\",\"max_tokens\":50,\"stream\":true,"
                           "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}");
  a.r.flags = UVLLM_BODY;
  a.r.max_tokens = 7;
  core_submit(&core, &a.r, &s);
  core_run(&core, 1);
  assert_int_equal(s.status, 0);
  assert_int_equal(s.usage.output_tokens, 7);
  assert_non_null(strstr(s.body, "gpt-4o"));
  core_end(&core);
}

static void fewer_run_than_the_process_may_open(void** state) {
  (void) state;
  uvllm_client_options_t o;
  uvllm_client_options_init(&o);
  o.max_inflight = 4000000000u;
  begin(&o, NULL);
  assert_non_null(strstr(core.log, "descriptors"));
  core_end(&core);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(no_more_in_flight_than_allowed),
    cmocka_unit_test(providers_own_cap_holds_too),
    cmocka_unit_test(waits_for_the_rate_limit_and_says_so),
    cmocka_unit_test(larger_than_the_limit_fails_at_once),
    cmocka_unit_test(each_limit_says_what_it_admits),
    cmocka_unit_test(a_retry_may_be_larger_than_the_limit),
    cmocka_unit_test(a_budget_says_what_is_left_of_it),
    cmocka_unit_test(takes_turns_between_tags),
    cmocka_unit_test(higher_priority_goes_first),
    cmocka_unit_test(budget_is_never_passed),
    cmocka_unit_test(a_raised_budget_lets_waiting_ones_go),
    cmocka_unit_test(unpriced_under_a_budget_is_refused),
    cmocka_unit_test(cost_is_exact),
    cmocka_unit_test(full_queue_pushes_back),
    cmocka_unit_test(queued_bytes_push_back_too),
    cmocka_unit_test(refusals_have_a_code_and_a_reason),
    cmocka_unit_test(providers_are_checked),
    cmocka_unit_test(openai_itself_wants_a_key),
    cmocka_unit_test(keys_are_sent_and_can_be_replaced),
    cmocka_unit_test(all_operations_work),
    cmocka_unit_test(a_streamed_answer_can_be_had_as_a_body),
    cmocka_unit_test(body_json_is_sent_with_fields_on_top),
    cmocka_unit_test(fewer_run_than_the_process_may_open),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
