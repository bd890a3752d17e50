/* A multi handle that curl no longer trusts: its transfers are made again on a new
 * one, and nothing of the old one is left.
 */
#define _GNU_SOURCE
#include "core.h"

#include <curl/curl.h>
#include <dlfcn.h>

static CURLMcode next_code; /* what curl is to say once */
static int no_multi;        /* how many curl_multi_init() are to fail */
static int nmultis;

/* The library finds these before curl's. */
CURLMcode curl_multi_socket_action(CURLM* multi, curl_socket_t fd, int flags, int* running) {
  static CURLMcode (*real)(CURLM*, curl_socket_t, int, int*);
  if (real == NULL)
    *(void**) &real = dlsym(RTLD_NEXT, "curl_multi_socket_action");
  CURLMcode code = real(multi, fd, flags, running);
  if (code == CURLM_OK && next_code != CURLM_OK) {
    code = next_code;
    next_code = CURLM_OK;
  }
  return code;
}

CURLM* curl_multi_init(void) {
  static CURLM* (*real)(void);
  if (real == NULL)
    *(void**) &real = dlsym(RTLD_NEXT, "curl_multi_init");
  if (no_multi > 0) {
    no_multi--;
    return NULL;
  }
  nmultis++;
  return real();
}

enum { N = 20 };

typedef struct scene_s {
  core_t core;
  seen_t seen[N];
} scene_t;

static void begin(scene_t* s, const char* x_mock, unsigned int flags) {
  memset(s, 0, sizeof(*s));
  next_code = CURLM_OK;
  no_multi = nmultis = 0;
  core_begin(&s->core);
  core_mock(&s->core, NULL, NULL);
  for (int i = 0; i < N; i++) {
    ask_t a;
    ask_init(&a, "hello", x_mock);
    a.r.flags = flags;
    a.r.max_attempts = 3;
    core_submit(&s->core, &a.r, &s->seen[i]);
  }
}

static uint64_t requests_at(scene_t* s) {
  uvllm_mock_stats_t stats;
  uvllm_mock_stats(s->core.mock, &stats);
  return stats.requests;
}

static void run_until_asked(scene_t* s, uint64_t n) {
  while (requests_at(s) < n)
    uv_run(&s->core.loop, UV_RUN_ONCE);
}

static void a_broken_multi_is_replaced(void** state) {
  static const CURLMcode codes[] = { CURLM_INTERNAL_ERROR, CURLM_OUT_OF_MEMORY,
                                     CURLM_ABORTED_BY_CALLBACK, CURLM_BAD_HANDLE };
  (void) state;
  for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
    scene_t s;
    begin(&s, "ttft=200,times=20", 0);
    run_until_asked(&s, N);
    next_code = codes[i];
    core_run(&s.core, N);
    for (int k = 0; k < N; k++) {
      assert_int_equal(s.seen[k].status, 0);
      assert_int_equal(s.seen[k].attempts, 2);
    }
    assert_int_equal(nmultis, 2);
    core_end(&s.core);
  }
}

static void what_was_delivered_is_not_asked_again(void** state) {
  scene_t s;
  int ntruncated = 0;
  (void) state;
  begin(&s, "itl=50,tokens=100", UVLLM_STREAM);
  while (s.seen[N - 1].text[0] == '\0')
    uv_run(&s.core.loop, UV_RUN_ONCE);
  next_code = CURLM_INTERNAL_ERROR;
  core_run(&s.core, N);
  for (int k = 0; k < N; k++) {
    ntruncated += s.seen[k].status == UVLLM_ETRUNCATED;
    assert_int_equal(s.seen[k].attempts, 1);
    assert_non_null(strstr(s.seen[k].message, "libcurl has failed"));
  }
  assert_int_equal(ntruncated, N);
  core_end(&s.core);
}

static void codes_that_mean_little_change_nothing(void** state) {
  static const CURLMcode codes[] = { CURLM_BAD_SOCKET, CURLM_RECURSIVE_API_CALL };
  (void) state;
  for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
    scene_t s;
    begin(&s, "ttft=20", 0);
    run_until_asked(&s, N);
    next_code = codes[i];
    core_run(&s.core, N);
    for (int k = 0; k < N; k++)
      assert_int_equal(s.seen[k].attempts, 1);
    assert_int_equal(nmultis, 1);
    core_end(&s.core);
  }
}

static void without_memory_for_a_new_one_the_next_request_makes_it(void** state) {
  scene_t s;
  (void) state;
  begin(&s, "ttft=200,times=20", 0);
  run_until_asked(&s, N);
  next_code = CURLM_INTERNAL_ERROR;
  no_multi = 1;
  core_run(&s.core, N);
  for (int k = 0; k < N; k++)
    assert_int_equal(s.seen[k].status, 0);
  assert_int_equal(nmultis, 2);
  core_end(&s.core);
}

static void closed_while_broken(void** state) {
  scene_t s;
  (void) state;
  begin(&s, "stall=0", 0);
  run_until_asked(&s, N);
  next_code = CURLM_INTERNAL_ERROR;
  core_close_client(&s.core);
  core_end(&s.core);
  for (int k = 0; k < N; k++)
    assert_int_equal(s.seen[k].status, UV_ECANCELED);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_broken_multi_is_replaced),
    cmocka_unit_test(what_was_delivered_is_not_asked_again),
    cmocka_unit_test(codes_that_mean_little_change_nothing),
    cmocka_unit_test(without_memory_for_a_new_one_the_next_request_makes_it),
    cmocka_unit_test(closed_while_broken),
  };
  setenv("UVLLM_TRANSPORT", "curl", 1);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
