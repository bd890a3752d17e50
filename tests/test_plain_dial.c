/* How the plain transport comes to a connection: addresses one after the other, and
 * what is left of it when nobody wants it any more.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* RTLD_NEXT, memmem */
#endif
#include "plain_scene.h"
#include "resolver.h"

#include <dlfcn.h>

#define NAME "models.test"

static int nconnects;
static int fail_sends; /* so many sendmsg() find the connection broken */

int connect(int fd, const struct sockaddr* addr, socklen_t len) {
  static int (*real)(int, const struct sockaddr*, socklen_t);
  if (real == NULL)
    *(void**) &real = dlsym(RTLD_NEXT, "connect");
  nconnects++;
  return real(fd, addr, len);
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

/* The server is at 127.0.0.1; the name leads to what is told here. */
static void begin(scene_t* s, const char* first, const char* second) {
  resolver_reset(first, second);
  scene_begin(s);
  scene_host(s, NAME, s->server.port);
}

/* An address that never answers: somebody listens there, and takes nobody in. */
typedef struct hole_s {
  int listener, inside;
} hole_t;

static void hole_dig(hole_t* h, const char* ip, int port) {
  struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons((uint16_t) port) };
  inet_pton(AF_INET, ip, &addr.sin_addr);
  h->listener = play_socket(AF_INET);
  h->inside = play_socket(AF_INET);
  assert_int_equal(bind(h->listener, (struct sockaddr*) &addr, sizeof(addr)), 0);
  assert_int_equal(listen(h->listener, 0), 0);
  connect(h->inside, (struct sockaddr*) &addr, sizeof(addr)); /* the queue is full with it */
}

static void hole_fill(hole_t* h) {
  close(h->listener);
  close(h->inside);
}

/* ---- Addresses ---- */

static void localhost_is_either(void** state) {
  (void) state;
  scene_t s;
  resolver_reset(NULL, NULL);
  scene_begin(&s);
  scene_host(&s, "localhost", s.server.port); /* nobody is at ::1 */
  assert_int_equal(scene_chat(&s).status, 0);
  assert_int_equal(s.server.nconnections, 1);
  assert_int_equal(resolver.asked, 0);
  scene_end(&s);
}

static void localhost_by_ipv6_alone(void** state) {
  (void) state;
  scene_t s;
  play_t v6;
  resolver_reset(NULL, NULL);
  scene_begin(&s);
  int there_is = play_start_v6(&v6, &s.core.loop, scene__answer, &s);
  if (there_is) {
    scene_host(&s, "localhost", v6.port);
    assert_int_equal(scene_chat(&s).status, 0);
    assert_int_equal(v6.nconnections, 1);
    play_stop(&v6);
  }
  scene_end(&s);
  if (!there_is)
    skip();
}

static void the_next_one_is_tried_at_once(void** state) {
  (void) state;
  scene_t s;
  begin(&s, "127.0.0.2", "127.0.0.1"); /* nobody is at the first */
  seen_t seen = scene_chat(&s);
  assert_int_equal(seen.status, 0);
  assert_int_equal(seen.attempts, 1);
  scene_end(&s);
}

static void one_that_never_answers_does_not_hold_it_up(void** state) {
  (void) state;
  scene_t s;
  hole_t hole;
  begin(&s, "127.0.0.2", "127.0.0.1");
  hole_dig(&hole, "127.0.0.2", s.server.port);
  int nfds = core_count_fds();
  seen_t seen = scene_chat(&s);
  assert_int_equal(seen.status, 0);
  assert_int_equal(seen.attempts, 1);
  assert_int_equal(core_count_fds(), nfds + 2); /* the winner's two ends alone */
  hole_fill(&hole);
  scene_end(&s);
}

/* The first is still waited for. */
static void that_the_second_refuses_ends_nothing(void** state) {
  (void) state;
  scene_t s;
  hole_t hole;
  seen_t seen;
  begin(&s, "127.0.0.2", "127.0.0.3"); /* nobody is at the second */
  hole_dig(&hole, "127.0.0.2", s.server.port);
  nconnects = 0;
  scene_ask(&s, &seen);
  while (nconnects < 2)
    uv_run(&s.core.loop, UV_RUN_ONCE);
  for (int i = 0; i < 20; i++)
    uv_run(&s.core.loop, UV_RUN_NOWAIT);
  assert_int_equal(seen.done, 0);
  uvllm_cancel(seen.req);
  core_run(&s.core, 1);
  hole_fill(&hole);
  scene_end(&s);
}

static void when_all_refuse_it_is_said_where(void** state) {
  (void) state;
  scene_t s;
  char port[16];
  begin(&s, "127.0.0.2", "127.0.0.3");
  seen_t seen = scene_chat(&s);
  assert_int_equal(seen.status, UV_ECONNREFUSED);
  assert_int_equal(seen.attempts, 1);
  assert_int_equal(seen.timing.sent, 0);
  assert_non_null(strstr(seen.message, NAME));
  snprintf(port, sizeof(port), "%d", s.server.port);
  assert_non_null(strstr(seen.message, port));
  resolver.addresses[0] = "127.0.0.1"; /* and asked for anew, since none was good */
  assert_int_equal(scene_chat(&s).status, 0);
  assert_int_equal(resolver.asked, 2);
  scene_end(&s);
}

/* ---- Nobody wants it any more ---- */

static void cancel(scene_t* s, seen_t* seen) {
  uvllm_cancel(seen->req);
  core_run(&s->core, s->core.ndone + 1);
  assert_int_equal(seen->status, UV_ECANCELED);
}

static void cancelled_while_the_name_is_asked_for(void** state) {
  (void) state;
  scene_t s;
  seen_t seen;
  begin(&s, "127.0.0.1", NULL);
  resolver_close(1);
  scene_ask(&s, &seen);
  while (resolver_waiting() == 0)
    uv_run(&s.core.loop, UV_RUN_NOWAIT);
  int nfds = core_count_fds();
  cancel(&s, &seen);
  resolver_close(0);
  while (resolver_waiting() != 0)
    uv_run(&s.core.loop, UV_RUN_NOWAIT);
  assert_int_equal(core_count_fds(), nfds);
  assert_int_equal(scene_chat(&s).status, 0);
  assert_int_equal(s.server.nconnections, 1);
  scene_end(&s);
}

static void cancelled_while_dialing(void** state) {
  (void) state;
  scene_t s;
  seen_t seen;
  hole_t hole;
  begin(&s, "127.0.0.2", NULL);
  hole_dig(&hole, "127.0.0.2", s.server.port);
  int nfds = core_count_fds();
  nconnects = 0;
  scene_ask(&s, &seen);
  while (nconnects == 0)
    uv_run(&s.core.loop, UV_RUN_ONCE);
  assert_int_equal(core_count_fds(), nfds + 1);
  cancel(&s, &seen);
  assert_int_equal(core_count_fds(), nfds);
  hole_fill(&hole);
  scene_end(&s);
}

static void cancelled_within_the_answer(void** state) {
  (void) state;
  static const manner manners[] = { IS_SILENT, STOPS_IN_HEAD, STOPS_IN_BODY };
  scene_t s;
  seen_t seen;
  resolver_reset(NULL, NULL);
  scene_begin(&s);
  for (int i = 0; i < 6; i++) { /* on a new connection, and on one that was kept */
    if (i >= 3)
      assert_int_equal(scene_chat(&s).status, 0);
    int nfds = core_count_fds() - 2 * s.server.nopen;
    s.next[0] = manners[i % 3];
    scene_ask(&s, &seen);
    for (int n = s.server.nrequests; s.server.nrequests == n || s.server.nplaying > 0;)
      uv_run(&s.core.loop, UV_RUN_ONCE);
    uv_run(&s.core.loop, UV_RUN_NOWAIT); /* it was read, too */
    cancel(&s, &seen);
    scene_until_left_alone(&s);
    assert_int_equal(core_count_fds(), nfds);
  }
  scene_end(&s);
}

/* A kept connection is found broken, and the name has to be asked for again: the
 * request holds no connection while it waits for that. */
static void cancelled_between_two_connections(void** state) {
  (void) state;
  scene_t s;
  seen_t busy, other;
  begin(&s, "127.0.0.1", NULL);
  s.server.holds = 0;
  assert_int_equal(scene_chat(&s).status, 0);
  s.server.holds = 1;
  scene_ask(&s, &busy);
  while (s.server.conns->len == 0)
    uv_run(&s.core.loop, UV_RUN_ONCE);
  play_stop_listening(&s.server);
  assert_int_equal(scene_chat(&s).status, UV_ECONNREFUSED); /* the name is not trusted now */
  play_go_on(&s.server);
  core_run(&s.core, 3);
  assert_int_equal(busy.status, 0);
  resolver_close(1);
  fail_sends = 1;
  scene_ask(&s, &other);
  while (resolver_waiting() == 0)
    uv_run(&s.core.loop, UV_RUN_NOWAIT);
  assert_int_equal(fail_sends, 0);
  cancel(&s, &other);
  resolver_close(0);
  scene_end(&s);
}

static void close_while_dialing(void** state) {
  (void) state;
  scene_t s;
  seen_t dialing, asking;
  hole_t hole;
  begin(&s, "127.0.0.1", NULL);
  hole_dig(&hole, "127.0.0.2", s.server.port);
  scene_host(&s, "127.0.0.2", s.server.port);
  nconnects = 0;
  scene_ask(&s, &dialing);
  while (nconnects == 0)
    uv_run(&s.core.loop, UV_RUN_ONCE);
  resolver_close(1);
  scene_host(&s, NAME, s.server.port);
  scene_ask(&s, &asking);
  while (resolver_waiting() == 0)
    uv_run(&s.core.loop, UV_RUN_NOWAIT);
  core_close_client(&s.core);
  core_run(&s.core, 2);
  assert_int_equal(dialing.status, UV_ECANCELED);
  assert_int_equal(asking.status, UV_ECANCELED);
  resolver_close(0);
  hole_fill(&hole);
  scene_end(&s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(localhost_is_either),
    cmocka_unit_test(localhost_by_ipv6_alone),
    cmocka_unit_test(the_next_one_is_tried_at_once),
    cmocka_unit_test(one_that_never_answers_does_not_hold_it_up),
    cmocka_unit_test(that_the_second_refuses_ends_nothing),
    cmocka_unit_test(when_all_refuse_it_is_said_where),
    cmocka_unit_test(cancelled_while_the_name_is_asked_for),
    cmocka_unit_test(cancelled_while_dialing),
    cmocka_unit_test(cancelled_within_the_answer),
    cmocka_unit_test(cancelled_between_two_connections),
    cmocka_unit_test(close_while_dialing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
