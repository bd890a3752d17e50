/* The plain transport's connections: kept, lost, sent on again, given up.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* RTLD_NEXT, memmem */
#endif
#include "plain_scene.h"

#include <dlfcn.h>
#include <sys/resource.h>
#include <time.h>

static uint64_t clock_shift;
static int fail_sends; /* so many sendmsg() find the connection broken */

/* The library's clock, which the tests may move on. */
uint64_t uv_hrtime(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t) t.tv_sec * 1000000000 + (uint64_t) t.tv_nsec + clock_shift;
}

ssize_t sendmsg(int fd, const struct msghdr* msg, int flags) {
  static ssize_t (*real)(int, const struct msghdr*, int);
  if (real == NULL)
    *(void**) &real = dlsym(RTLD_NEXT, "sendmsg");
  if (fail_sends == 0)
    return real(fd, msg, flags);
  fail_sends--;
  errno = EPIPE;
  return -1;
}

/* ---- Which transport ---- */

static void the_result_says_which(void** state) {
  (void) state;
  scene_t s;
  seen_t seen;
  char url[64];
  scene_begin(&s);
  snprintf(url, sizeof(url), "http://127.0.0.1:%d", s.server.port);
  assert_int_equal(scene_chat(&s).transport, UVLLM_TRANSPORT_PLAIN);
  assert_int_equal(scene_try_url(&s, url, UVLLM_TRANSPORT_PLAIN, NULL), 0);
  assert_int_equal(scene_chat(&s).transport, UVLLM_TRANSPORT_PLAIN);
  assert_int_equal(scene_try_url(&s, url, UVLLM_TRANSPORT_CURL, NULL), 0);
  assert_int_equal(scene_chat(&s).transport, UVLLM_TRANSPORT_CURL);
  assert_int_equal(scene_try_url(&s, "http://127.0.0.1:1", UVLLM_TRANSPORT_AUTO, url), 0);
  assert_int_equal(scene_chat(&s).transport, UVLLM_TRANSPORT_CURL); /* by a proxy */
  scene_ask(&s, &seen);
  uvllm_cancel(seen.req); /* before its first attempt */
  core_run(&s.core, s.core.ndone + 1);
  assert_int_equal(seen.transport, UVLLM_TRANSPORT_AUTO);
  assert_int_equal(seen.attempts, 0);
  scene_end(&s);
}

static void what_only_curl_can_do_is_refused(void** state) {
  (void) state;
  static const uvllm_transport plain = UVLLM_TRANSPORT_PLAIN;
  scene_t s;
  scene_begin(&s);
  assert_int_equal(scene_try_url(&s, "https://127.0.0.1", plain, NULL), UV_EINVAL);
  assert_non_null(strstr(uvllm_last_error(s.core.client), "https://"));
  assert_int_equal(scene_try_url(&s, "http://127.0.0.1", plain, "http://127.0.0.1:1"), UV_EINVAL);
  assert_non_null(strstr(uvllm_last_error(s.core.client), "proxy"));
  assert_int_equal(scene_try_url(&s, "http://127.0.0.1", (uvllm_transport) 7, NULL), UV_EINVAL);
  assert_non_null(strstr(uvllm_last_error(s.core.client), "transport"));
  scene_end(&s);
}

/* ---- Kept ---- */

static void the_last_one_that_came_goes_first(void** state) {
  (void) state;
  scene_t s;
  seen_t a, b;
  scene_begin(&s);
  s.server.holds = 1;
  scene_ask(&s, &a);
  scene_ask(&s, &b);
  while (s.server.nconnections < 2 || s.server.conns->len == 0 || s.server.conns->next->len == 0)
    uv_run(&s.core.loop, UV_RUN_ONCE);
  play_conn_t* last = s.server.conns;
  s.server.holds = 0;
  play__take(last->next);
  core_run(&s.core, 1);
  play__take(last);
  core_run(&s.core, 2);
  for (int i = 0; i < 5; i++) {
    assert_int_equal(scene_chat(&s).status, 0);
    assert_ptr_equal(s.served_by, last);
  }
  scene_ask(&s, &a);
  scene_ask(&s, &b);
  core_run(&s.core, s.core.ndone + 2);
  assert_int_equal(s.server.nconnections, 2);
  scene_end(&s);
}

/* The loop has not come to see it yet. */
static void one_that_was_closed_is_not_used(void** state) {
  (void) state;
  static const play_end ends[] = { PLAY_CLOSE, PLAY_RESET };
  scene_t s;
  scene_begin(&s);
  for (int i = 0; i < 6; i++) {
    seen_t seen = scene_chat(&s);
    assert_int_equal(seen.status, 0);
    assert_int_equal(seen.attempts, 1);
    assert_int_equal(s.server.nrequests, i + 1);
    assert_int_equal(s.server.nconnections, i + 1);
    play_close(s.served_by, ends[i % 2]);
  }
  scene_end(&s);
}

static void one_that_the_server_leaves_is_closed(void** state) {
  (void) state;
  scene_t s;
  scene_begin(&s);
  int nfds = core_count_fds();
  assert_int_equal(scene_chat(&s).status, 0);
  assert_int_equal(core_count_fds(), nfds + 2);
  play_close(s.served_by, PLAY_CLOSE);
  scene_until_left_alone(&s);
  assert_int_equal(core_count_fds(), nfds);
  scene_end(&s);
}

static void they_grow_old(void** state) {
  (void) state;
  scene_t s;
  scene_begin(&s);
  for (int i = 0; i < 3; i++) { /* idle for too long */
    assert_int_equal(scene_chat(&s).status, 0);
    assert_int_equal(s.server.nconnections, i + 1);
    clock_shift += UINT64_C(26000000000);
  }
  for (int i = 0; i < 60; i++) { /* busy, but ten minutes old now and then */
    assert_int_equal(scene_chat(&s).status, 0);
    clock_shift += UINT64_C(20000000000);
  }
  assert_int_equal(s.server.nconnections, 3 + 2);
  scene_end(&s);
  clock_shift = 0;
}

static int may_open(rlim_t n, struct rlimit* old) {
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, old);
  limit = *old;
  if (limit.rlim_max < n)
    return 0;
  limit.rlim_cur = n;
  return setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

static void so_many_are_kept_and_no_more(void** state) {
  (void) state;
  enum { N = 1100, KEPT = 1024 };
  scene_t s;
  struct rlimit old;
  uvllm_client_options_t o;
  seen_t* seen;
  if (!may_open(2 * N + 400, &old))
    skip();
  uvllm_client_options_init(&o);
  o.max_inflight = N;
  scene_begin_with(&s, &o);
  seen = calloc(N, sizeof(*seen));
  s.server.holds = 1;
  for (int i = 0; i < N; i++)
    scene_ask(&s, &seen[i]);
  while (s.server.nconnections < N)
    uv_run(&s.core.loop, UV_RUN_ONCE);
  play_go_on(&s.server);
  core_run(&s.core, N);
  for (int i = 0; i < N; i++)
    assert_int_equal(seen[i].status, 0);
  for (int i = 0; i < 100; i++)
    uv_run(&s.core.loop, UV_RUN_NOWAIT);
  assert_int_equal(s.server.nopen, KEPT);
  scene_end(&s);
  setrlimit(RLIMIT_NOFILE, &old);
  free(seen);
}

/* ---- Lost ---- */

static void one_that_dies_is_replaced_once(void** state) {
  (void) state;
  scene_t s;
  scene_begin(&s);
  s.next[1] = DIES;
  assert_int_equal(scene_chat(&s).status, 0);
  seen_t seen = scene_chat(&s);
  assert_int_equal(seen.status, 0);
  assert_int_equal(seen.attempts, 2); /* it may be billed twice */
  assert_int_equal(s.server.nrequests, 3);
  assert_int_equal(s.server.nconnections, 2);
  s.next[0] = s.next[1] = DIES;
  seen = scene_chat(&s);
  assert_int_equal(seen.status, UV_ECONNRESET);
  assert_int_equal(seen.attempts, 2);
  assert_int_equal(s.server.nrequests, 5);
  assert_int_equal(s.server.nconnections, 3);
  scene_end(&s);
}

/* Others that are kept may be just as dead. */
static void it_is_replaced_by_a_new_one(void** state) {
  (void) state;
  scene_t s;
  seen_t seen[3];
  scene_begin(&s);
  for (int i = 0; i < 3; i++)
    scene_ask(&s, &seen[i]);
  core_run(&s.core, 3);
  assert_int_equal(s.server.nconnections, 3);
  s.next[0] = DIES;
  assert_int_equal(scene_chat(&s).status, 0);
  assert_int_equal(s.server.nconnections, 4);
  scene_end(&s);
}

static void nothing_is_sent_again_after_a_byte(void** state) {
  (void) state;
  scene_t s;
  scene_begin(&s);
  s.next[1] = DIES_AFTER_A_BYTE;
  assert_int_equal(scene_chat(&s).status, 0);
  seen_t seen = scene_chat(&s);
  assert_int_equal(seen.status, UV_ECONNRESET);
  assert_int_equal(seen.attempts, 1);
  assert_int_equal(s.server.nrequests, 2);
  scene_end(&s);
}

static void a_new_one_that_dies_is_not_replaced(void** state) {
  (void) state;
  scene_t s;
  scene_begin(&s);
  s.next[0] = DIES;
  seen_t seen = scene_chat(&s);
  assert_int_equal(seen.status, UV_ECONNRESET);
  assert_int_equal(seen.attempts, 1);
  assert_int_equal(s.server.nrequests, 1);
  scene_end(&s);
}

/* Nothing went out, so nothing is sent twice. */
static void one_that_cannot_be_written_costs_no_attempt(void** state) {
  (void) state;
  scene_t s;
  seen_t seen[2];
  scene_begin(&s);
  for (int i = 0; i < 2; i++)
    scene_ask(&s, &seen[i]);
  core_run(&s.core, 2);
  fail_sends = 1;
  seen_t third = scene_chat(&s);
  assert_int_equal(third.status, 0);
  assert_int_equal(third.attempts, 1);
  assert_int_equal(s.server.nconnections, 2); /* the other one was kept, too */
  fail_sends = 1;
  assert_int_equal(scene_chat(&s).status, 0);
  assert_int_equal(s.server.nconnections, 3);
  assert_int_equal(s.server.nrequests, 4);
  scene_end(&s);
}

/* ---- Given up ---- */

static void kept_ones_give_up_their_descriptors(void** state) {
  (void) state;
  scene_t s;
  seen_t seen[4];
  play_t other;
  struct rlimit old;
  scene_begin(&s);
  play_start_tcp(&other, &s.core.loop, "127.0.0.1", scene__answer, &s);
  for (int i = 0; i < 4; i++)
    scene_ask(&s, &seen[i]);
  core_run(&s.core, 4);
  int lowest = dup(0);
  close(lowest);
  assert_true(may_open((rlim_t) lowest, &old));
  scene_host(&s, "127.0.0.1", other.port);
  seen_t last = scene_chat(&s);
  setrlimit(RLIMIT_NOFILE, &old);
  assert_int_equal(last.status, 0);
  assert_int_equal(last.attempts, 1);
  assert_int_equal(s.server.nopen, 3);
  play_stop(&other);
  scene_end(&s);
}

static void without_any_to_give_up_it_is_our_own_fault(void** state) {
  (void) state;
  scene_t s;
  struct rlimit old;
  scene_begin(&s);
  int lowest = dup(0);
  close(lowest);
  assert_true(may_open((rlim_t) lowest, &old));
  seen_t seen = scene_chat(&s);
  setrlimit(RLIMIT_NOFILE, &old);
  assert_int_equal(seen.status, UV_EMFILE);
  assert_int_equal(scene_chat(&s).status, 0);
  scene_end(&s);
}

static void close_with_one_of_each(void** state) {
  (void) state;
  static const manner manners[] = { IS_SILENT, STOPS_IN_HEAD, STOPS_IN_BODY, ANSWERS };
  scene_t s;
  seen_t seen[4], late;
  scene_begin(&s);
  memcpy(s.next, manners, sizeof(manners));
  for (int i = 0; i < 4; i++)
    scene_ask(&s, &seen[i]);
  core_run(&s.core, 1); /* that one's connection is kept */
  scene_ask(&s, &late);
  core_close_client(&s.core);
  core_run(&s.core, 5);
  int ncancelled = late.status == UV_ECANCELED;
  for (int i = 0; i < 4; i++)
    ncancelled += seen[i].status == UV_ECANCELED;
  assert_int_equal(ncancelled, 4);
  scene_end(&s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(the_result_says_which),
    cmocka_unit_test(what_only_curl_can_do_is_refused),
    cmocka_unit_test(the_last_one_that_came_goes_first),
    cmocka_unit_test(one_that_was_closed_is_not_used),
    cmocka_unit_test(one_that_the_server_leaves_is_closed),
    cmocka_unit_test(they_grow_old),
    cmocka_unit_test(so_many_are_kept_and_no_more),
    cmocka_unit_test(one_that_dies_is_replaced_once),
    cmocka_unit_test(it_is_replaced_by_a_new_one),
    cmocka_unit_test(nothing_is_sent_again_after_a_byte),
    cmocka_unit_test(a_new_one_that_dies_is_not_replaced),
    cmocka_unit_test(one_that_cannot_be_written_costs_no_attempt),
    cmocka_unit_test(kept_ones_give_up_their_descriptors),
    cmocka_unit_test(without_any_to_give_up_it_is_our_own_fault),
    cmocka_unit_test(close_with_one_of_each),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
