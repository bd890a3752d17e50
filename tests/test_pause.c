/* Pause and resume in every state: no event between the two, the server slowed
 * down meanwhile, the clocks standing still, and every end still possible.
 */
#define _GNU_SOURCE /* memmem */
#include "tale.h"

static void before_it_starts(void** state) {
  (void) state;
  static tale_t t;
  tale_begin_mock(&t);
  core_ask(&t.core, "x", "tokens=4", &t.seen);
  tale_pause_now(&t);
  tale_wait_ms(&t, 30);
  assert_int_equal(tale_count_events(&t.seen), 0);
  assert_int_equal(t.seen.done, 0);
  tale_resume_now(&t.timer);
  tale_run_to_end(&t);
  assert_int_equal(t.seen.status, 0);
  assert_int_equal(t.seen.nevents[UVLLM_EVENT_ATTEMPT], 1);
  assert_int_equal(t.seen.nevents[UVLLM_EVENT_TEXT], 4);
  tale_end(&t);
}

static void in_the_queue(void** state) {
  (void) state;
  static tale_t t;
  seen_t first;
  uvllm_limits_t limits;
  memset(&first, 0, sizeof(first));
  memset(&limits, 0, sizeof(limits));
  limits.max_inflight = 1;
  tale_begin(&t);
  core_mock(&t.core, NULL, &limits);
  core_ask(&t.core, "first", "stall=1", &first);
  core_ask(&t.core, "second", "tokens=4", &t.seen);
  while (first.nevents[UVLLM_EVENT_TEXT] == 0)
    uv_run(&t.core.loop, UV_RUN_ONCE);
  tale_pause_now(&t);
  uvllm_cancel(first.req);
  tale_wait_ms(&t, 30);
  assert_int_equal(first.done, 1);
  assert_int_equal(tale_count_events(&t.seen), 0);
  tale_resume_now(&t.timer);
  core_run(&t.core, 2);
  assert_int_equal(t.seen.status, 0);
  assert_string_equal(t.seen.text, t.seen.result);
  tale_end(&t);
}

static void while_it_waits_for_a_retry(void** state) {
  (void) state;
  static tale_t t;
  uvllm_stats_t stats;
  tale_begin_mock(&t);
  core_ask(&t.core, "x", "status=503,times=1,retry-after-ms=20,tokens=4", &t.seen);
  do {
    uv_run(&t.core.loop, UV_RUN_ONCE);
    uvllm_stats(t.core.client, NULL, NULL, &stats);
  } while (stats.waiting_retry == 0);
  tale_pause_now(&t);
  tale_wait_ms(&t, 60);
  assert_int_equal(tale_count_events(&t.seen), 1);
  tale_resume_now(&t.timer);
  tale_run_to_end(&t);
  assert_int_equal(t.seen.status, 0);
  assert_int_equal(t.seen.nevents[UVLLM_EVENT_ATTEMPT], 2);
  assert_string_equal(t.seen.text, t.seen.result);
  tale_end(&t);
}

static void twice_is_once(void** state) {
  (void) state;
  static tale_t t;
  tale_begin_mock(&t);
  core_ask(&t.core, "x", "tokens=6,itl=2", &t.seen);
  uvllm_resume(t.seen.req); /* not paused: nothing */
  t.at = 3;
  while (!t.paused)
    uv_run(&t.core.loop, UV_RUN_ONCE);
  uvllm_pause(t.seen.req);
  uvllm_pause(t.seen.req);
  tale_wait_ms(&t, 20);
  assert_int_equal(tale_count_events(&t.seen), 3);
  tale_resume_now(&t.timer);
  uvllm_resume(t.seen.req);
  tale_run_to_end(&t);
  assert_int_equal(t.seen.nevents[UVLLM_EVENT_TEXT], 6);
  assert_string_equal(t.seen.text, t.seen.result);
  tale_end(&t);
}

static void a_paused_one_can_be_cancelled(void** state) {
  (void) state;
  static tale_t t;
  tale_begin_mock(&t);
  core_ask(&t.core, "x", "itl=1,tokens=1000", &t.seen);
  t.at = 2;
  while (!t.paused)
    uv_run(&t.core.loop, UV_RUN_ONCE);
  uvllm_cancel(t.seen.req);
  tale_run_to_end(&t);
  assert_int_equal(t.seen.status, UV_ECANCELED);
  assert_int_equal(tale_count_events(&t.seen), 2);
  tale_end(&t);
}

static void cancelled_between_resume_and_its_events(void** state) {
  (void) state;
  static tale_t t;
  tale_begin_script(&t, HEAD "\r\n" TWO_CHOICES PIECE("more"), SCRIPT_HOLD);
  core_ask(&t.core, "x", NULL, &t.seen);
  t.at = 2;
  while (!t.paused)
    uv_run(&t.core.loop, UV_RUN_ONCE);
  tale_resume_now(&t.timer);
  uvllm_cancel(t.seen.req);
  tale_run_to_end(&t);
  assert_int_equal(t.seen.status, UV_ECANCELED);
  assert_int_equal(tale_count_events(&t.seen), 2);
  tale_end(&t);
}

static void a_paused_one_ends_with_its_client(void** state) {
  (void) state;
  static tale_t t;
  tale_begin_mock(&t);
  core_ask(&t.core, "x", "itl=1,tokens=1000", &t.seen);
  t.at = 2;
  while (!t.paused)
    uv_run(&t.core.loop, UV_RUN_ONCE);
  core_close_client(&t.core);
  tale_run_to_end(&t);
  assert_int_equal(t.seen.status, UV_ECANCELED);
  assert_int_equal(tale_count_events(&t.seen), 2);
  tale_end(&t);
}

static void total_deadline_runs_on(void** state) {
  (void) state;
  static tale_t t;
  ask_t a;
  tale_begin_mock(&t);
  ask_init(&a, "x", "itl=1,tokens=1000");
  a.r.timeout_ms = 60;
  t.at = 2;
  core_submit(&t.core, &a.r, &t.seen);
  tale_run_to_end(&t);
  assert_int_equal(t.seen.status, UVLLM_ETIMETOTAL);
  assert_int_equal(tale_count_events(&t.seen), 2);
  tale_end(&t);
}

static void clocks_stand_still(const char* x_mock, int at, int expected) {
  static tale_t t;
  ask_t a;
  tale_begin_mock(&t);
  ask_init(&a, "x", x_mock);
  a.r.first_timeout_ms = a.r.idle_timeout_ms = 40;
  a.r.max_attempts = 1;
  t.at = at;
  core_submit(&t.core, &a.r, &t.seen);
  tale_wait_ms(&t, 160);
  assert_int_equal(t.seen.done, 0);
  tale_resume_now(&t.timer);
  tale_run_to_end(&t);
  assert_int_equal(t.seen.status, expected);
  tale_end(&t);
}

static void first_content_clock_stands_still(void** state) {
  (void) state;
  clocks_stand_still("stall=0", 1, UVLLM_ETIMEFIRST);
}

static void idle_clock_stands_still(void** state) {
  (void) state;
  clocks_stand_still("stall=3", 3, UVLLM_ETIMEIDLE);
}

static void a_slow_consumer_slows_the_server(void** state) {
  (void) state;
  static tale_t t;
  ask_t a;
  char* bytes = tale_big_stream();
  tale_begin_script(&t, bytes, SCRIPT_CLOSE);
  ask_init(&a, "x", NULL);
  a.r.flags |= UVLLM_NO_COLLECT;
  t.at = 3;
  core_submit(&t.core, &a.r, &t.seen);
  while (!t.paused)
    uv_run(&t.core.loop, UV_RUN_ONCE);
  assert_true(tale_unsent(&t) > 10 << 20); /* the client took less than 20 MiB, in sockets */
  assert_int_equal(tale_count_events(&t.seen), 3);
  tale_resume_now(&t.timer);
  tale_run_to_end(&t);
  assert_int_equal(t.seen.status, 0);
  assert_int_equal(t.seen.nevents[UVLLM_EVENT_TEXT], TALE_BIG);
  tale_end(&t);
  free(bytes);
}

int main(void) {
  const struct CMUnitTest tests[] = {
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
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
