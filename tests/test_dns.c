/* Names: resolved off the loop, once for many requests, and again when their
 * time is up or an address has failed; what hangs there costs only those who
 * wait for it.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* RTLD_NEXT, memmem */
#endif
#include "core.h"
#include "resolver.h"
#include "script.h"

#include <dlfcn.h>
#include <time.h>

static uint64_t clock_shift;
static int sockets_opened;

/* The library's clock, which the tests may move on. */
uint64_t uv_hrtime(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t) t.tv_sec * 1000000000 + (uint64_t) t.tv_nsec + clock_shift;
}

int socket(int domain, int type, int protocol) {
  static int (*real)(int, int, int);
  if (real == NULL)
    *(void**) &real = dlsym(RTLD_NEXT, "socket");
  sockets_opened += domain != AF_UNIX && (type & 0xf) == SOCK_STREAM;
  return real(domain, type, protocol);
}

static void pass_a_minute(void) {
  clock_shift += UINT64_C(61000000000);
}

static const char whole[] =
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 75\r\n\r\n"
    "{\"choices\":[{\"index\":0,\"message\":{\"content\":\"ok\"},\"finish_reason\":\"stop\"}]}";

typedef struct scene_s {
  core_t core;
  script_t server; /* 127.0.0.1, closing each connection */
} scene_t;

static void listen_at(script_t* s, uv_loop_t* loop, const char* ip, int port) {
  struct sockaddr_in addr;
  memset(s, 0, sizeof(*s));
  s->bytes = whole;
  s->len = sizeof(whole) - 1;
  s->end = SCRIPT_CLOSE;
  s->port = port;
  uv_tcp_init(loop, &s->listener);
  s->listener.data = s;
  uv_ip4_addr(ip, port, &addr);
  assert_int_equal(uv_tcp_bind(&s->listener, (struct sockaddr*) &addr, 0), 0);
  assert_int_equal(uv_listen((uv_stream_t*) &s->listener, 128, script__accept), 0);
}

static void set_provider(core_t* c, const char* name, const char* host, int port,
                         const char* proxy) {
  uvllm_provider_options_t p;
  char url[256];
  snprintf(url, sizeof(url), "http://%s:%d/v1", host, port);
  core_provider_init(&p);
  p.name = name;
  p.dialect = "openai";
  p.base_url = url;
  p.allow_http = 1;
  p.proxy = proxy;
  assert_int_equal(uvllm_provider_set(c->client, &p), 0);
}

static void begin(scene_t* s, const char* first, const char* second) {
  memset(s, 0, sizeof(*s));
  resolver_reset(first, second);
  core_begin(&s->core);
  script_start(&s->server, &s->core.loop, whole, sizeof(whole) - 1, SCRIPT_CLOSE);
  set_provider(&s->core, "mock", "models.test", s->server.port, NULL);
}

static void end(scene_t* s) {
  script_stop(&s->server);
  core_end(&s->core);
  assert_int_equal(resolver.on_loop, 0);
}

static void ask(scene_t* s, seen_t* seen, uint32_t max_attempts) {
  ask_t a;
  memset(seen, 0, sizeof(*seen));
  ask_init(&a, "hello", NULL);
  a.r.flags = 0;
  a.r.max_attempts = max_attempts;
  core_submit(&s->core, &a.r, seen);
}

/* One request from beginning to end. */
static int ask_and_run(scene_t* s, uint32_t max_attempts) {
  seen_t seen;
  ask(s, &seen, max_attempts);
  core_run(&s->core, s->core.ndone + 1);
  return seen.status;
}

static void wait_until_asked(scene_t* s) {
  while (resolver_waiting() == 0)
    uv_run(&s->core.loop, UV_RUN_NOWAIT);
}

static void on_tick(uv_timer_t* timer) {
  ++*(int*) timer->data;
}

static void asked_once_for_many_and_off_the_loop(void** state) {
  (void) state;
  enum { N = 300 };
  scene_t s;
  uv_timer_t timer;
  int ticks = 0;
  seen_t* seen = calloc(N, sizeof(*seen));
  begin(&s, "127.0.0.1", NULL);
  resolver_close(1);
  for (int i = 0; i < N; i++)
    ask(&s, &seen[i], 1);
  uv_timer_init(&s.core.loop, &timer);
  timer.data = &ticks;
  uv_timer_start(&timer, on_tick, 1, 1);
  while (ticks < 20) /* the loop runs while the answer does not come */
    uv_run(&s.core.loop, UV_RUN_ONCE);
  assert_int_equal(s.core.ndone, 0);
  assert_int_equal(resolver_waiting(), 1);
  uv_close((uv_handle_t*) &timer, NULL);
  resolver_close(0);
  core_run(&s.core, N);
  for (int i = 0; i < N; i++)
    assert_int_equal(seen[i].status, 0);
  assert_int_equal(resolver.asked, 1);
  end(&s);
  free(seen);
}

static void asked_again_when_its_time_is_up(void** state) {
  (void) state;
  scene_t s;
  script_t other;
  begin(&s, "127.0.0.1", NULL);
  listen_at(&other, &s.core.loop, "127.0.0.2", s.server.port);
  assert_int_equal(ask_and_run(&s, 1), 0);
  assert_int_equal(ask_and_run(&s, 1), 0);
  assert_int_equal(resolver.asked, 1);
  resolver.addresses[0] = "127.0.0.2";
  pass_a_minute();
  resolver_close(1);
  assert_int_equal(ask_and_run(&s, 1), 0); /* the old address serves meanwhile */
  assert_int_equal(s.server.nrequests, 3);
  wait_until_asked(&s);
  resolver_close(0);
  while (resolver_waiting() != 0)
    uv_run(&s.core.loop, UV_RUN_NOWAIT);
  while (other.nrequests == 0)
    assert_int_equal(ask_and_run(&s, 1), 0);
  assert_int_equal(resolver.asked, 2);
  script_stop(&other);
  end(&s);
}

static void old_addresses_serve_when_asking_fails(void** state) {
  (void) state;
  scene_t s;
  begin(&s, "127.0.0.1", NULL);
  assert_int_equal(ask_and_run(&s, 1), 0);
  resolver.error = EAI_FAIL;
  while (resolver.asked < 4) { /* each time again */
    pass_a_minute();
    assert_int_equal(ask_and_run(&s, 1), 0);
  }
  end(&s);
}

static void an_address_that_failed_is_asked_for_again(void** state) {
  (void) state;
  scene_t s;
  seen_t seen;
  begin(&s, "127.0.0.3", NULL); /* nobody listens there */
  resolver_close(1);
  ask(&s, &seen, 3);
  wait_until_asked(&s);
  resolver_close(0);
  uvllm_stats_t stats;
  do {
    uv_run(&s.core.loop, UV_RUN_ONCE);
    uvllm_stats(s.core.client, NULL, NULL, &stats);
  } while (stats.waiting_retry == 0);
  resolver.addresses[0] = "127.0.0.1";
  core_run(&s.core, 1);
  assert_int_equal(seen.status, 0);
  assert_int_equal(seen.attempts, 2);
  assert_int_equal(resolver.asked, 2);
  end(&s);
}

static void an_unknown_name_fails_at_once_for_all(void** state) {
  (void) state;
  enum { N = 50 };
  scene_t s;
  seen_t seen[N];
  begin(&s, "127.0.0.1", NULL);
  resolver.error = EAI_NONAME;
  resolver_close(1);
  for (int i = 0; i < N; i++)
    ask(&s, &seen[i], 3);
  uvllm_stats_t stats;
  do { /* all are under way */
    uv_run(&s.core.loop, UV_RUN_NOWAIT);
    uvllm_stats(s.core.client, NULL, NULL, &stats);
  } while (stats.inflight < N);
  wait_until_asked(&s);
  resolver_close(0);
  core_run(&s.core, N);
  for (int i = 0; i < N; i++) {
    assert_int_equal(seen[i].status, UV_EAI_NONAME);
    assert_int_equal(seen[i].attempts, 1);
    assert_non_null(strstr(seen[i].message, "models.test"));
  }
  assert_int_equal(resolver.asked, 1);
  resolver.error = 0; /* nothing of it is remembered */
  assert_int_equal(ask_and_run(&s, 1), 0);
  end(&s);
}

static void a_resolver_that_is_down_is_tried_again(void** state) {
  (void) state;
  scene_t s;
  seen_t seen;
  begin(&s, "127.0.0.1", NULL);
  resolver.fail_first = 1;
  ask(&s, &seen, 3);
  core_run(&s.core, 1);
  assert_int_equal(seen.status, 0);
  assert_int_equal(seen.attempts, 2);
  end(&s);
}

static void an_answer_without_usable_addresses(void** state) {
  (void) state;
  scene_t s;
  begin(&s, "127.0.0.1", NULL);
  resolver.strange = 1;
  assert_int_equal(ask_and_run(&s, 1), UV_EAI_NONAME);
  end(&s);
}

static void cancelled_while_the_resolver_hangs(void** state) {
  (void) state;
  enum { N = 20 };
  scene_t s;
  seen_t seen[N];
  begin(&s, "127.0.0.1", NULL);
  resolver_close(1);
  for (int i = 0; i < N; i++)
    ask(&s, &seen[i], 1);
  wait_until_asked(&s);
  for (int i = 0; i < N; i += 2)
    uvllm_cancel(seen[i].req);
  core_run(&s.core, N / 2);
  assert_int_equal(resolver_waiting(), 1); /* they did not wait for it */
  resolver_close(0);
  core_run(&s.core, N);
  for (int i = 0; i < N; i++)
    assert_int_equal(seen[i].status, i % 2 == 0 ? UV_ECANCELED : 0);
  end(&s);
}

static void deadlines_run_while_the_resolver_hangs(void** state) {
  (void) state;
  scene_t s;
  seen_t seen[2];
  ask_t a;
  memset(seen, 0, sizeof(seen));
  begin(&s, "127.0.0.1", NULL);
  resolver_close(1);
  ask_init(&a, "hello", NULL);
  a.r.max_attempts = 1;
  a.r.connect_timeout_ms = 30;
  core_submit(&s.core, &a.r, &seen[0]);
  a.r.connect_timeout_ms = 0;
  a.r.timeout_ms = 40;
  core_submit(&s.core, &a.r, &seen[1]);
  core_run(&s.core, 2);
  assert_int_equal(seen[0].status, UVLLM_ETIMECONNECT);
  assert_int_equal(seen[1].status, UVLLM_ETIMETOTAL);
  assert_int_equal(resolver_waiting(), 1);
  resolver_close(0);
  end(&s);
}

static void closed_while_the_resolver_hangs(void** state) {
  (void) state;
  enum { N = 20 };
  scene_t s;
  seen_t seen[N];
  begin(&s, "127.0.0.1", NULL);
  resolver_close(1);
  set_provider(&s.core, "second", "other.test", s.server.port, NULL);
  for (int i = 0; i < N; i++)
    ask(&s, &seen[i], 1);
  wait_until_asked(&s);
  core_close_client(&s.core);
  core_run(&s.core, N);
  for (int i = 0; i < N; i++)
    assert_int_equal(seen[i].status, UV_ECANCELED);
  for (int i = 0; i < 10; i++)
    uv_run(&s.core.loop, UV_RUN_NOWAIT);
  assert_int_equal(s.core.nclosed, 0); /* libuv has to wait for its thread */
  resolver_close(0);
  end(&s);
}

/* Only 127.0.0.1 listens. By one, and many at a time: descriptors are closed and
 * their numbers reused within one call of curl's. */
static void other_addresses_are_tried(const char* first, const char* second, const char* third) {
  enum { N = 100 };
  scene_t s;
  seen_t* seen = calloc(N, sizeof(*seen));
  begin(&s, first, second);
  resolver.addresses[2] = third;
  for (int i = 0; i < 20; i++)
    assert_int_equal(ask_and_run(&s, 1), 0);
  for (int i = 0; i < N; i++)
    ask(&s, &seen[i], 1);
  core_run(&s.core, 20 + N);
  for (int i = 0; i < N; i++)
    assert_int_equal(seen[i].status, 0);
  assert_int_equal(resolver.asked, 1);
  end(&s);
  free(seen);
}

static void ipv6_is_refused_then_ipv4(void** state) {
  (void) state;
  other_addresses_are_tried("::1", "127.0.0.1", NULL);
}

static void an_address_is_refused_then_the_next(void** state) {
  (void) state;
  other_addresses_are_tried("127.0.0.3", "127.0.0.4", "127.0.0.1");
  other_addresses_are_tried("127.0.0.3", "::1", "127.0.0.1");
}

static void all_addresses_are_refused(void** state) {
  (void) state;
  scene_t s;
  begin(&s, "::1", "127.0.0.3");
  assert_int_equal(ask_and_run(&s, 1), UV_ECONNREFUSED);
  end(&s);
}

/* However a name is written, curl finds our addresses for it and asks nobody. */
static void curl_never_asks_by_itself(void** state) {
  (void) state;
  static const char* const hosts[] = { "UPPER.test", "dot.test.", "xn--bcher-kva.test",
                                       "under_score.test" };
  scene_t s;
  begin(&s, "127.0.0.1", NULL);
  for (int i = 0; i < (int) (sizeof(hosts) / sizeof(hosts[0])); i++) {
    set_provider(&s.core, "mock", hosts[i], s.server.port, NULL);
    int before = resolver.asked;
    assert_int_equal(ask_and_run(&s, 1), 0);
    assert_int_equal(resolver.asked, before + 1);
  }
  end(&s);
}

static void literal_addresses_and_localhost_are_not_asked_for(void** state) {
  (void) state;
  static const char* const hosts[] = { "127.0.0.1", "localhost", "LOCALHOST", "a.localhost",
                                       "[::ffff:127.0.0.1]", "0x7f.1", "2130706433" };
  scene_t s;
  begin(&s, "127.0.0.9", NULL);
  for (int i = 0; i < (int) (sizeof(hosts) / sizeof(hosts[0])); i++) {
    set_provider(&s.core, "mock", hosts[i], s.server.port, NULL);
    assert_int_equal(ask_and_run(&s, 1), 0);
  }
  assert_int_equal(resolver.asked, 0);
  end(&s);
}

/* The script answers whatever it is asked, as a proxy would. */
static void only_the_proxys_name_is_asked_for(void** state) {
  (void) state;
  scene_t s;
  char proxy[64];
  begin(&s, "127.0.0.1", NULL);
  snprintf(proxy, sizeof(proxy), "http://user:secret@proxy.test:%d", s.server.port);
  set_provider(&s.core, "mock", "models.test", 80, proxy);
  assert_int_equal(ask_and_run(&s, 1), 0);
  assert_int_equal(resolver.asked, 1);
  assert_string_equal(resolver.names[0], "proxy.test");
  end(&s);
}

static void more_names_than_are_kept(void** state) {
  (void) state;
  scene_t s;
  char host[64];
  begin(&s, "127.0.0.1", NULL);
  for (int i = 0; i < 300; i++) {
    snprintf(host, sizeof(host), "h%d.test", i);
    set_provider(&s.core, "mock", host, s.server.port, NULL);
    assert_int_equal(ask_and_run(&s, 1), 0);
    clock_shift += UINT64_C(500000000);
  }
  assert_int_equal(resolver.asked, 300);
  end(&s);
}

typedef struct turns_s {
  uv_check_t check;
  int before, most;
} turns_t;

static void on_turn(uv_check_t* check) {
  turns_t* t = check->data;
  int n = sockets_opened - t->before;
  t->before = sockets_opened;
  t->most = n > t->most ? n : t->most;
}

static void those_who_waited_do_not_start_all_at_once(void** state) {
  (void) state;
  enum { N = 800 };
  scene_t s;
  turns_t turns;
  uvllm_stats_t stats;
  seen_t* seen = calloc(N, sizeof(*seen));
  memset(&turns, 0, sizeof(turns));
  begin(&s, "127.0.0.1", NULL);
  resolver_close(1);
  for (int i = 0; i < N; i++)
    ask(&s, &seen[i], 1);
  do {
    uv_run(&s.core.loop, UV_RUN_NOWAIT);
    uvllm_stats(s.core.client, NULL, NULL, &stats);
  } while (stats.inflight < N);
  uv_check_init(&s.core.loop, &turns.check);
  turns.check.data = &turns;
  turns.before = sockets_opened;
  uv_check_start(&turns.check, on_turn);
  resolver_close(0);
  core_run(&s.core, N);
  for (int i = 0; i < N; i++)
    assert_int_equal(seen[i].status, 0);
  /* 64 a turn; an iteration has a turn before and one after polling, and curl opens
   * in the next one what was begun in the one before. */
  assert_in_range(turns.most, 1, 4 * 64);
  uv_close((uv_handle_t*) &turns.check, NULL);
  end(&s);
  free(seen);
}

static void oom_at_every_allocation(void** state) {
  (void) state;
  for (int once = 0; once < 2; once++) {
    size_t at = 0, calls = 0;
    while (++at <= calls + 1) {
      scene_t s;
      seen_t seen;
      ask_t a;
      memset(&seen, 0, sizeof(seen));
      begin(&s, "127.0.0.1", "::1");
      size_t from = s.core.alloc.calls;
      ask_init(&a, "hello", NULL);
      a.r.flags = 0;
      a.r.max_attempts = 1;
      s.core.alloc.fail_at = from + at;
      s.core.alloc.fail_once = once;
      int err = core_try(&s.core, &a.r, &seen);
      if (err == 0)
        core_run(&s.core, 1);
      assert_true(err == 0 || err == UV_ENOMEM);
      assert_true(err != 0 || seen.status == 0 || seen.status == UV_ENOMEM);
      calls = s.core.alloc.calls - from >= at ? at : calls;
      s.core.alloc.fail_at = 0;
      end(&s);
    }
    assert_in_range(calls, 10, 500);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(asked_once_for_many_and_off_the_loop),
    cmocka_unit_test(asked_again_when_its_time_is_up),
    cmocka_unit_test(old_addresses_serve_when_asking_fails),
    cmocka_unit_test(an_address_that_failed_is_asked_for_again),
    cmocka_unit_test(an_unknown_name_fails_at_once_for_all),
    cmocka_unit_test(a_resolver_that_is_down_is_tried_again),
    cmocka_unit_test(an_answer_without_usable_addresses),
    cmocka_unit_test(cancelled_while_the_resolver_hangs),
    cmocka_unit_test(deadlines_run_while_the_resolver_hangs),
    cmocka_unit_test(closed_while_the_resolver_hangs),
    cmocka_unit_test(ipv6_is_refused_then_ipv4),
    cmocka_unit_test(an_address_is_refused_then_the_next),
    cmocka_unit_test(all_addresses_are_refused),
    cmocka_unit_test(curl_never_asks_by_itself),
    cmocka_unit_test(literal_addresses_and_localhost_are_not_asked_for),
    cmocka_unit_test(only_the_proxys_name_is_asked_for),
    cmocka_unit_test(more_names_than_are_kept),
    cmocka_unit_test(those_who_waited_do_not_start_all_at_once),
    cmocka_unit_test(oom_at_every_allocation),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
