/* Requests that are held back begin no attempt, lose nothing, and go on when they
 * are let go. */
#include "core.h"
#include "internal.h"

static core_t core;

static int setup(void** state) {
  (void) state;
  uvllm_client_options_t o;
  uvllm_client_options_init(&o);
  o.max_inflight = 1;
  core_begin_with(&core, &o);
  core_mock(&core, NULL, NULL);
  return 0;
}

static int teardown(void** state) {
  (void) state;
  core_end(&core);
  return 0;
}

static void run_for(uint64_t ms) {
  uint64_t end = uv_hrtime() + ms * UVLLM__MS;
  while (uv_hrtime() < end) {
    uv_run(&core.loop, UV_RUN_NOWAIT);
    uv_sleep(1);
  }
}

static uint32_t nqueued(void) {
  uvllm_stats_t stats;
  assert_int_equal(uvllm_stats(core.client, NULL, NULL, &stats), 0);
  return stats.queued;
}

/* The first is on its way and finishes; the others keep their order. */
static void what_is_parked_is_not_sent(void** state) {
  (void) state;
  static seen_t s[4];
  memset(s, 0, sizeof(s));
  for (int i = 0; i < 4; i++)
    core_ask(&core, "x", i == 0 ? "ttft=30" : NULL, &s[i]);
  while (s[0].nevents[UVLLM_EVENT_ATTEMPT] == 0)
    uv_run(&core.loop, UV_RUN_ONCE);
  for (int i = 0; i < 4; i++)
    uvllm__req_park(s[i].req);
  uvllm__req_park(s[3].req);
  core_run(&core, 1);
  assert_int_equal(s[0].status, 0);
  run_for(30);
  assert_int_equal(core.ndone, 1);
  assert_int_equal(nqueued(), 3);
  uvllm__req_unpark(s[2].req);
  core_run(&core, 2);
  assert_int_equal(s[2].done, 1);
  uvllm__req_unpark(s[3].req);
  uvllm__req_unpark(s[1].req);
  core_run(&core, 4);
  assert_true(s[1].timing.sent < s[3].timing.sent); /* it came before */
  assert_int_equal(nqueued(), 0);
}

static void others_pass_by(void** state) {
  (void) state;
  seen_t s[2];
  memset(s, 0, sizeof(s));
  core_ask(&core, "x", NULL, &s[0]);
  core_ask(&core, "x", NULL, &s[1]);
  uvllm__req_park(s[0].req);
  core_run(&core, 1);
  assert_int_equal(s[1].done, 1);
  uvllm_cancel(s[0].req);
  core_run(&core, 2);
  assert_int_equal(s[0].status, UV_ECANCELED);
  assert_int_equal(s[0].attempts, 0);
}

static void its_total_clock_stands_still(void** state) {
  (void) state;
  ask_t a;
  seen_t s;
  memset(&s, 0, sizeof(s));
  ask_init(&a, "x", NULL);
  a.r.timeout_ms = 60;
  core_submit(&core, &a.r, &s);
  uvllm__req_park(s.req);
  run_for(120);
  assert_int_equal(s.done, 0);
  uvllm__req_unpark(s.req);
  core_run(&core, 1);
  assert_int_equal(s.status, 0);

  memset(&s, 0, sizeof(s));
  ask_init(&a, "x", "ttft=60000"); /* and it goes on */
  a.r.timeout_ms = 60;
  core_submit(&core, &a.r, &s);
  uvllm__req_park(s.req);
  run_for(30);
  uvllm__req_unpark(s.req);
  core_run(&core, 2);
  assert_int_equal(s.status, UVLLM_ETIMETOTAL);
}

/* Parked while it is under way, it finishes or stops before the next attempt. */
static void a_retry_is_held_back(void** state) {
  (void) state;
  ask_t a;
  seen_t s;
  memset(&s, 0, sizeof(s));
  ask_init(&a, "x", "ttft=20,status=503,times=1,retry-after-ms=10");
  core_submit(&core, &a.r, &s);
  while (s.nevents[UVLLM_EVENT_ATTEMPT] == 0)
    uv_run(&core.loop, UV_RUN_ONCE);
  uvllm__req_park(s.req);
  while (s.req->state != UVLLM__PARKED)
    uv_run(&core.loop, UV_RUN_ONCE);
  run_for(50);
  assert_int_equal(s.nevents[UVLLM_EVENT_ATTEMPT], 1);
  assert_int_equal(nqueued(), 1);
  uvllm__req_unpark(s.req);
  core_run(&core, 1);
  assert_int_equal(s.status, 0);
  assert_int_equal(s.attempts, 2);
}

static void it_ends_with_its_provider(void** state) {
  (void) state;
  seen_t s;
  memset(&s, 0, sizeof(s));
  core_ask(&core, "x", NULL, &s);
  uvllm__req_park(s.req);
  assert_int_equal(uvllm_provider_remove(core.client, "mock"), 0);
  core_run(&core, 1);
  assert_int_equal(s.status, UVLLM_ENOPROVIDER);
}

static void it_ends_with_its_client(void** state) {
  (void) state;
  seen_t s;
  memset(&s, 0, sizeof(s));
  core_ask(&core, "x", NULL, &s);
  uvllm__req_park(s.req);
  run_for(5);
  core_close_client(&core);
  core_run(&core, 1);
  assert_int_equal(s.status, UV_ECANCELED);
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
  const struct CMUnitTest tests[] = {
    TEST(what_is_parked_is_not_sent),
    TEST(others_pass_by),
    TEST(its_total_clock_stands_still),
    TEST(a_retry_is_held_back),
    TEST(it_ends_with_its_provider),
    TEST(it_ends_with_its_client),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
