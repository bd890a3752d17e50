/* The four deadlines, each with its own code; what they count and what not. */
#define _GNU_SOURCE /* memmem */
#include "core.h"
#include "script.h"

static void run_one(core_t* c, ask_t* a, seen_t* s) {
  memset(s, 0, sizeof(*s));
  core_submit(c, &a->r, s);
  core_run(c, c->ndone + 1);
  assert_int_equal(s->done, 1);
  assert_int_equal(s->late, 0);
}

static void no_content_in_time(void** state) {
  (void) state;
  core_t c;
  ask_t a;
  seen_t s;
  core_begin(&c);
  core_mock(&c, NULL, NULL);
  ask_init(&a, "x", "stall=0");
  a.r.first_timeout_ms = 50;
  a.r.max_attempts = 1;
  run_one(&c, &a, &s);
  assert_int_equal(s.status, UVLLM_ETIMEFIRST);
  assert_true(s.timing.sent != 0 && s.timing.first_content == 0);
  core_end(&c);
}

static void stream_stalls_between_two_pieces(void** state) {
  (void) state;
  core_t c;
  ask_t a;
  seen_t s;
  core_begin(&c);
  core_mock(&c, NULL, NULL);
  ask_init(&a, "x", "stall=3");
  a.r.idle_timeout_ms = 50;
  run_one(&c, &a, &s);
  assert_int_equal(s.status, UVLLM_ETIMEIDLE);
  assert_int_equal(s.attempts, 1); /* content was delivered: no retry */
  assert_int_equal(s.nevents[UVLLM_EVENT_TEXT], 3);
  core_end(&c);
}

static void comments_are_not_content(void** state) {
  (void) state;
  static const char head[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n: ping\n\n"
                             "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\","
                             "\"content\":\"\"}}]}\n\n: ping\n\n";
  core_t c;
  script_t script;
  ask_t a;
  seen_t s;
  char url[64];
  core_begin(&c);
  script_start(&script, &c.loop, head, sizeof(head) - 1, SCRIPT_HOLD);
  snprintf(url, sizeof(url), "http://127.0.0.1:%d/v1", script.port);
  core_provider(&c, "mock", url, NULL);
  ask_init(&a, "x", NULL);
  a.r.first_timeout_ms = 60;
  a.r.max_attempts = 1;
  run_one(&c, &a, &s);
  assert_int_equal(s.status, UVLLM_ETIMEFIRST);
  script_stop(&script);
  core_end(&c);
}

static void no_connection_in_time(void** state) {
  (void) state;
  core_t c;
  script_t script; /* takes the connection, never answers the TLS hello */
  ask_t a;
  seen_t s;
  char url[64];
  core_begin(&c);
  script_start(&script, &c.loop, NULL, 0, SCRIPT_HOLD);
  snprintf(url, sizeof(url), "https://127.0.0.1:%d/v1", script.port);
  core_provider(&c, "mock", url, NULL);
  ask_init(&a, "x", NULL);
  a.r.connect_timeout_ms = 60;
  a.r.max_attempts = 1;
  run_one(&c, &a, &s);
  assert_int_equal(s.status, UVLLM_ETIMECONNECT);
  assert_int_equal(s.timing.sent, 0);
  assert_int_equal(s.usage.input_tokens, 0); /* it never went out: costs nothing */
  script_stop(&script);
  core_end(&c);
}

static void own_time_is_up_while_running(void** state) {
  (void) state;
  core_t c;
  ask_t a;
  seen_t s;
  core_begin(&c);
  core_mock(&c, NULL, NULL);
  ask_init(&a, "x", "ttft=0,itl=20,tokens=1000");
  a.r.timeout_ms = 100;
  run_one(&c, &a, &s);
  assert_int_equal(s.status, UVLLM_ETIMETOTAL);
  assert_true(strlen(s.text) > 0);
  assert_string_equal(s.result, s.text); /* what came is in the result */
  core_end(&c);
}

static void own_time_is_up_while_queued(void** state) {
  (void) state;
  core_t c;
  ask_t a;
  seen_t s[3];
  uvllm_limits_t limits;
  core_begin(&c);
  memset(&limits, 0, sizeof(limits));
  memset(s, 0, sizeof(s));
  limits.max_inflight = 1;
  core_mock(&c, NULL, &limits);
  ask_init(&a, "x", "stall=1");
  core_submit(&c, &a.r, &s[0]);
  ask_init(&a, "y", NULL);
  a.r.timeout_ms = 60;
  core_submit(&c, &a.r, &s[1]);
  core_run(&c, 1);
  assert_int_equal(s[1].status, UVLLM_ETIMETOTAL);
  assert_int_equal(s[1].attempts, 0);
  uvllm_cancel(s[0].req);
  core_run(&c, 2);
  assert_int_equal(s[0].status, UV_ECANCELED);
  core_end(&c);
}

static void backoff_that_cannot_be_in_time_fails_now(void** state) {
  (void) state;
  core_t c;
  ask_t a;
  seen_t s;
  core_begin(&c);
  core_mock(&c, NULL, NULL);
  ask_init(&a, "x", "status=429,retry-after=3600");
  a.r.timeout_ms = 60000;
  a.r.max_attempts = 5;
  run_one(&c, &a, &s);
  assert_int_equal(s.status, UVLLM_ERATELIMIT);
  assert_int_equal(s.attempts, 1);
  assert_int_equal(s.http_status, 429);
  core_end(&c);
}

static void zero_means_no_deadline(void** state) {
  (void) state;
  core_t c;
  ask_t a;
  seen_t s;
  core_begin(&c);
  core_mock(&c, NULL, NULL);
  ask_init(&a, "x", "ttft=80,itl=10,tokens=4");
  a.r.timeout_ms = a.r.connect_timeout_ms = a.r.first_timeout_ms = a.r.idle_timeout_ms = 0;
  run_one(&c, &a, &s);
  assert_int_equal(s.status, 0);
  core_end(&c);
}

static void each_piece_moves_the_idle_clock(void** state) {
  (void) state;
  core_t c;
  ask_t a;
  seen_t s;
  core_begin(&c);
  core_mock(&c, NULL, NULL);
  ask_init(&a, "x", "itl=30,tokens=12");
  a.r.idle_timeout_ms = 250;
  run_one(&c, &a, &s); /* 360 ms in all, never 250 between two pieces */
  assert_int_equal(s.status, 0);
  core_end(&c);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(no_content_in_time),
    cmocka_unit_test(stream_stalls_between_two_pieces),
    cmocka_unit_test(comments_are_not_content),
    cmocka_unit_test(no_connection_in_time),
    cmocka_unit_test(own_time_is_up_while_running),
    cmocka_unit_test(own_time_is_up_while_queued),
    cmocka_unit_test(backoff_that_cannot_be_in_time_fails_now),
    cmocka_unit_test(zero_means_no_deadline),
    cmocka_unit_test(each_piece_moves_the_idle_clock),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
