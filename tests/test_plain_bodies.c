/* Large bodies: requests that a server takes slowly or not at all, and answers that
 * the caller does not want to hear yet.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memmem */
#endif
#include "plain_scene.h"

enum { LARGE = 8 << 20 };

static const uvllm_transport both[] = { UVLLM_TRANSPORT_PLAIN, UVLLM_TRANSPORT_CURL };

/* Bytes that differ wherever a piece is lost, doubled or moved. */
static char* large_body(void) {
  char* p = malloc(LARGE);
  uint32_t n = 1;
  for (size_t i = 0; i < LARGE; i++) {
    n = n * 1664525u + 1013904223u;
    p[i] = (char) (n >> 24);
  }
  return p;
}

static void ask_raw(ask_t* a, const char* method, const char* body, size_t len) {
  ask_init(a, "", NULL);
  a->r.op = UVLLM_RAW;
  a->r.flags = 0;
  a->r.nmessages = 0;
  a->r.max_attempts = 1;
  a->r.raw_method = method;
  a->r.raw_path = "/x";
  a->r.raw_body = (uvllm_str_t) { body, len };
}

static void use(scene_t* s, uvllm_transport transport) {
  char url[64];
  snprintf(url, sizeof(url), "http://127.0.0.1:%d", s->server.port);
  assert_int_equal(scene_try_url(s, url, transport, NULL), 0);
}

/* ---- Requests ---- */

static const char* expected;
static int narrived;

static void compare(play_conn_t* c, play_part_t* p) {
  static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
  const char* end = strstr(c->in, "\r\n\r\n");
  assert_non_null(strstr(c->in, "\r\nContent-Length: 8388608\r\n"));
  assert_int_equal(c->len - (size_t) (end + 4 - c->in), LARGE);
  assert_memory_equal(end + 4, expected, LARGE);
  narrived++;
  p->bytes = ok;
  p->len = sizeof(ok) - 1;
}

/* Far less than the body at a time, so that it goes out in many writes. */
static void a_slow_server_is_given_all_of_it(void** state) {
  (void) state;
  scene_t s;
  int size = 8192;
  char* sent = large_body();
  expected = sent;
  narrived = 0;
  scene_begin(&s);
  s.server.answer = compare;
  s.server.read_size = 30000;
  setsockopt(s.server.fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)); /* as of those it accepts */
  for (int i = 0; i < 4; i++) { /* the second time on a kept connection */
    ask_t a;
    seen_t seen;
    memset(&seen, 0, sizeof(seen));
    use(&s, both[i / 2]);
    ask_raw(&a, "POST", sent, LARGE);
    core_submit(&s.core, &a.r, &seen);
    core_run(&s.core, s.core.ndone + 1);
    assert_int_equal(seen.status, 0);
    assert_int_equal(seen.attempts, 1);
    assert_int_equal(seen.transport, both[i / 2]);
  }
  assert_int_equal(narrived, 4);
  assert_int_equal(s.server.nconnections, 2);
  scene_end(&s);
  free(sent);
}

static void refuse(play_conn_t* c, play_part_t* p) {
  static const char no[] =
      "HTTP/1.1 413 Content Too Large\r\nContent-Type: application/json\r\nContent-Length: 36\r\n\r\n"
      "{\"error\":{\"message\":\"far too long\"}}";
  (void) c;
  p->bytes = no;
  p->len = sizeof(no) - 1;
}

/* The rest of the request would be taken for the next one. */
static void an_answer_before_all_was_sent_counts(void** state) {
  (void) state;
  scene_t s;
  char* sent = large_body();
  scene_begin(&s);
  for (int i = 0; i < 2; i++) {
    ask_t a;
    seen_t seen;
    int before = s.server.nconnections, nfds = core_count_fds();
    memset(&seen, 0, sizeof(seen));
    use(&s, both[i]);
    s.server.answer = refuse;
    s.server.answer_after = 1000;
    ask_raw(&a, "POST", sent, LARGE);
    core_submit(&s.core, &a.r, &seen);
    core_run(&s.core, s.core.ndone + 1);
    assert_int_equal(seen.status, UVLLM_EREQUEST);
    assert_int_equal(seen.http_status, 413);
    assert_string_equal(seen.message, "far too long");
    assert_int_equal(seen.attempts, 1);
    if (both[i] == UVLLM_TRANSPORT_PLAIN)
      assert_int_equal(core_count_fds(), nfds + 1); /* the server's end, which waits for more */
    s.server.answer = scene__answer;
    s.server.answer_after = 0;
    assert_int_equal(scene_chat(&s).status, 0);
    assert_int_equal(s.server.nconnections, before + 2);
  }
  scene_end(&s);
  free(sent);
}

/* It closes with the request unread, which resets the connection; what it had said
 * before is there to be read. */
static void an_answer_before_a_reset_counts(void** state) {
  (void) state;
  scene_t s;
  scene_begin(&s);
  for (int i = 0; i < 2; i++) {
    use(&s, both[i]);
    s.server.answer = refuse;
    s.server.answer_after = 10;
    s.server.read_size = 20; /* of the request's head */
    seen_t seen;
    scene_ask(&s, &seen);
    int n = s.server.nrequests;
    while (s.server.nrequests == n || s.server.nplaying > 0)
      uv_run(&s.core.loop, UV_RUN_ONCE);
    while (s.server.conns != NULL)
      play_drop(s.server.conns);
    core_run(&s.core, s.core.ndone + (seen.done == 0));
    assert_int_equal(seen.status, UVLLM_EREQUEST);
    assert_string_equal(seen.message, "far too long");
  }
  scene_end(&s);
}

/* ---- Answers ---- */

static char* answered; /* a head and a large body */
static size_t nanswered;
static size_t nheard;
static int is_as_sent;

static void answer_at_length(play_conn_t* c, play_part_t* p) {
  (void) c;
  p->bytes = answered;
  p->len = nanswered;
}

static void hear(seen_t* s, const uvllm_event_t* e) {
  if (e->type != UVLLM_EVENT_RAW)
    return;
  is_as_sent &= nheard + e->u.text.len <= LARGE &&
                memcmp(expected + nheard, e->u.text.base, e->u.text.len) == 0;
  if (nheard == 0)
    uvllm_pause(s->req);
  nheard += e->u.text.len;
}

/* What is not read fills the buffers between the two, and then the server waits. */
static void a_paused_answer_stays_with_the_server(void** state) {
  (void) state;
  static const char head[] = "HTTP/1.1 200 OK\r\nContent-Length: 8388608\r\n\r\n";
  scene_t s;
  char* body = large_body();
  expected = body;
  answered = malloc(sizeof(head) + LARGE);
  memcpy(answered, head, sizeof(head) - 1);
  memcpy(answered + sizeof(head) - 1, body, LARGE);
  nanswered = sizeof(head) - 1 + LARGE;
  scene_begin(&s);
  s.server.answer = answer_at_length;
  for (int i = 0; i < 2; i++) {
    ask_t a;
    seen_t seen;
    memset(&seen, 0, sizeof(seen));
    nheard = 0;
    is_as_sent = 1;
    use(&s, both[i]);
    ask_raw(&a, "GET", NULL, 0);
    seen.on_event = hear;
    core_submit(&s.core, &a.r, &seen);
    while (nheard == 0)
      uv_run(&s.core.loop, UV_RUN_ONCE);
    size_t paused_at = nheard;
    for (size_t said = 0; said != s.server.conns->said;) {
      said = s.server.conns->said;
      for (int turns = 0; turns < 50; turns++)
        uv_run(&s.core.loop, UV_RUN_NOWAIT);
    }
    assert_int_equal(nheard, paused_at);
    assert_true(s.server.conns->said < nanswered);
    uvllm_resume(seen.req);
    core_run(&s.core, s.core.ndone + 1);
    assert_int_equal(seen.status, 0);
    assert_int_equal(nheard, LARGE);
    assert_true(is_as_sent);
  }
  scene_end(&s);
  free(answered);
  free(body);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_slow_server_is_given_all_of_it),
    cmocka_unit_test(an_answer_before_all_was_sent_counts),
    cmocka_unit_test(an_answer_before_a_reset_counts),
    cmocka_unit_test(a_paused_answer_stays_with_the_server),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
