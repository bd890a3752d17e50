/* Answers over the plain transport: what is well-formed is the same wherever it is
 * cut, and what is not, or has no end, is refused wherever it is cut.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memmem */
#endif
#include "core.h"
#include "malformed.h"
#include "play.h"

/* A server that says one thing, and a client that asks for it. */
typedef struct scene_s {
  core_t core;
  play_t server;
  play_part_t part;
} scene_t;

static char body[4096]; /* of the answer at hand */

static void say(play_conn_t* c, play_part_t* p) {
  scene_t* s = c->play->data;
  *p = s->part;
}

static void scene_begin(scene_t* s) {
  char url[64];
  uvllm_provider_options_t p;
  memset(s, 0, sizeof(*s));
  core_begin(&s->core);
  play_start_tcp(&s->server, &s->core.loop, "127.0.0.1", say, s);
  snprintf(url, sizeof(url), "http://127.0.0.1:%d", s->server.port);
  uvllm_provider_options_init(&p);
  p.name = "mock";
  p.dialect = "openai";
  p.base_url = url;
  p.transport = UVLLM_TRANSPORT_PLAIN;
  assert_int_equal(uvllm_provider_set(s->core.client, &p), 0);
}

static void scene_end(scene_t* s) {
  play_stop(&s->server);
  core_end(&s->core);
}

static void keep_body(seen_t* s, const uvllm_event_t* e) {
  size_t at = strlen(body);
  (void) s;
  if (e->type == UVLLM_EVENT_RAW)
    snprintf(body + at, sizeof(body) - at, "%.*s", (int) e->u.text.len, e->u.text.base);
}

/* Said in pieces of so many bytes; 0: at once. Then the server closes, too. */
static seen_t hear(scene_t* s, const char* method, const char* bytes, size_t len, size_t piece) {
  ask_t a;
  seen_t seen;
  memset(&seen, 0, sizeof(seen));
  body[0] = '\0';
  s->part = (play_part_t) { .bytes = bytes, .len = len, .piece = piece, .end = PLAY_CLOSE };
  ask_init(&a, "", NULL);
  a.r.op = UVLLM_RAW;
  a.r.flags = 0;
  a.r.nmessages = 0;
  a.r.max_attempts = 1;
  a.r.raw_path = "/x";
  a.r.raw_method = method;
  seen.on_event = keep_body;
  core_submit(&s->core, &a.r, &seen);
  core_run(&s->core, s->core.ndone + 1);
  assert_int_equal(seen.transport, UVLLM_TRANSPORT_PLAIN);
  return seen;
}

/* ---- Well-formed ---- */

static void the_same_wherever_it_is_cut(void** state) {
  (void) state;
#define OK "HTTP/1.1 200 OK\r\n"
  static const struct {
    const char *method, *text, *body;
    int status;
  } cases[] = {
    { "GET", OK "Content-Length: 5\r\n\r\nhello", "hello", 200 },
    { "GET", OK "Content-Length: 0\r\n\r\n", "", 200 },
    { "GET", OK "\r\nhello", "hello", 200 },
    { "GET", "HTTP/1.0 200 OK\r\nServer: old\r\n\r\nhello", "hello", 200 },
    { "GET", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello", "hello",
      200 },
    { "GET", OK "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n",
      "hello world", 200 },
    { "GET", OK "Transfer-Encoding: chunked\r\n\r\n5;a;b=\"c;d\"\r\nhello\r\n0;e=f\r\n\r\n", "hello",
      200 },
    { "GET", OK "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Late: 1\r\nX: \r\n\r\n",
      "hello", 200 },
    { "GET", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" OK
             "Content-Length: 5\r\n\r\nhello", "hello", 200 },
    { "GET", "HTTP/1.1 200\r\nContent-Length: 5\r\n\r\nhello", "hello", 200 },
    { "GET", OK "X:\r\nY: \t\r\nZ:z\r\nContent-Length:5  \r\n\r\nhello", "hello", 200 },
    { "GET", OK "X: caf\xe9\r\nContent-Length: 5\r\n\r\nhello", "hello", 200 },
    { "GET", OK "Connection: close, upgrade\r\nUpgrade: h2c\r\nContent-Length: 5\r\n\r\nhello",
      "hello", 200 },
    { "GET", OK "Content-Length: 5\r\n\r\nhello, and more than that", "hello", 200 },
    { "GET", "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", "", 204 },
    { "HEAD", OK "Content-Length: 5\r\n\r\n", "", 200 },
    { "HEAD", OK "Transfer-Encoding: chunked\r\n\r\n", "", 200 },
  };
  static const size_t pieces[] = { 0, 1, 2, 3, 7, 19 };
  scene_t s;
  scene_begin(&s);
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
    for (size_t k = 0; k < sizeof(pieces) / sizeof(pieces[0]); k++) {
      seen_t seen = hear(&s, cases[i].method, cases[i].text, strlen(cases[i].text), pieces[k]);
      if (seen.status != 0)
        fail_msg("%s: %s", cases[i].text, uvllm_err_name(seen.status));
      assert_int_equal(seen.http_status, cases[i].status);
      assert_string_equal(body, cases[i].body);
    }
  scene_end(&s);
}

/* It has no body, and is a failure to this adapter. */
static void not_modified_ends_with_its_head(void** state) {
  (void) state;
  static const char text[] = "HTTP/1.1 304 Not Modified\r\nContent-Length: 500\r\nETag: \"a\"\r\n\r\n";
  scene_t s;
  scene_begin(&s);
  for (size_t piece = 0; piece < 3; piece++) {
    seen_t seen = hear(&s, "GET", text, sizeof(text) - 1, piece);
    assert_int_equal(seen.status, UVLLM_EPROTO);
    assert_int_equal(seen.http_status, 304);
    assert_non_null(strstr(seen.message, "304"));
  }
  scene_end(&s);
}

/* ---- Malformed ---- */

static void must_be_refused(scene_t* s, const char* text, int http_status) {
  for (size_t piece = 0; piece < 4; piece++) {
    seen_t seen = hear(s, "GET", text, strlen(text), piece);
    if (seen.status != UVLLM_EPROTO || seen.http_status != http_status)
      fail_msg("%s: %s, HTTP %d", text, uvllm_err_name(seen.status), seen.http_status);
    assert_true(strlen(seen.message) > 0);
  }
}

static void malformed_heads_are_refused(void** state) {
  (void) state;
  static const char* const only_plain[] = { /* curl takes LF alone for the end of a line */
    "HTTP/1.1 200 OK\nContent-Length: 5\n\nhello", "HTTP/1.1 200 OK\nContent-Length: 5\r\n\r\nhello",
    "HTTP/1.1 200 OK\r\nX: a\nContent-Length: 5\r\n\r\nhello",
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\nhello", "HTTP/1.1 200 OK\n\r\nhello",
    "HTTP/1.1 200 OK\rContent-Length: 5\r\rhello\n", "HTTP/1.1 200 OK\r\nX: a\rb\r\n\r\nhello"
  };
  scene_t s;
  scene_begin(&s);
  for (size_t i = 0; i < MALFORMED_HEADS; i++) {
    char text[256];
    snprintf(text, sizeof(text), "%s" MALFORMED_REST, malformed_heads[i]);
    must_be_refused(&s, text, 0);
  }
  for (size_t i = 0; i < sizeof(only_plain) / sizeof(only_plain[0]); i++)
    must_be_refused(&s, only_plain[i], 0);
  scene_end(&s);
}

static void malformed_chunks_are_refused(void** state) {
  (void) state;
  static const char* const bodies[] = {
    "5 \r\nhello\r\n0\r\n\r\n", " 5\r\nhello\r\n0\r\n\r\n", "5g\r\nhello\r\n0\r\n\r\n",
    "g\r\nhello\r\n0\r\n\r\n", "0x5\r\nhello\r\n0\r\n\r\n", "+5\r\nhello\r\n0\r\n\r\n",
    "-5\r\nhello\r\n0\r\n\r\n", "\r\nhello\r\n0\r\n\r\n", "5\nhello\r\n0\r\n\r\n",
    "5\r\nhello\n0\r\n\r\n", "4\r\nhello\r\n0\r\n\r\n", "5\r\nhello0\r\n\r\n",
    "5; a\r\nhello\r\n0\r\n\r\n", "5;a=\"b\r\nhello\r\n0\r\n\r\n", "5;\x01\r\nhello\r\n0\r\n\r\n",
    "8000000000000000\r\nhello\r\n0\r\n\r\n", "10000000000000005\r\nhello\r\n0\r\n\r\n"
  };
  scene_t s;
  scene_begin(&s);
  for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
    char text[256];
    snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%s", bodies[i]);
    must_be_refused(&s, text, 200);
  }
  scene_end(&s);
}

/* ---- Without an end ---- */

/* `head`, so many times `again`, and `tail`. To be freed. */
static char* repeat(const char* head, const char* again, size_t times, const char* tail,
                    size_t* len) {
  size_t h = strlen(head), n = strlen(again), t = strlen(tail);
  char* text = malloc(h + n * times + t + 1);
  memcpy(text, head, h);
  for (size_t i = 0; i < times; i++)
    memcpy(text + h + i * n, again, n);
  memcpy(text + h + n * times, tail, t + 1);
  *len = h + n * times + t;
  return text;
}

static void what_has_no_end_is_too_large(void** state) {
  (void) state;
#define CHUNKED OK "Transfer-Encoding: chunked\r\n\r\n"
  static const struct {
    const char *head, *again;
    size_t times, allowed; /* so many times it is still taken */
    const char* tail;
  } cases[] = {
    { "HTTP/1.1 200 ", "r", 66000, 65000, "\r\nContent-Length: 0\r\n\r\n" },
    { OK "X: ", "v", 66000, 65000, "\r\nContent-Length: 0\r\n\r\n" },
    { OK, "n", 66000, 65000, ": v\r\nContent-Length: 0\r\n\r\n" },
    { OK, "X-Some-Header: of some length, which is not small\r\n", 198, 197,
      "Content-Length: 0\r\n\r\n" },
    { "", "HTTP/1.1 102 Processing\r\n\r\n", 100, 98, OK "Content-Length: 0\r\n\r\n" },
    { CHUNKED "0;", "e", 66000, 65000, "\r\n\r\n" },
    { CHUNKED "0;a=", "v", 66000, 65000, "\r\n\r\n" },
    { CHUNKED "0;a=\"", "v", 66000, 65000, "\"\r\n\r\n" },
    { CHUNKED, "1;a\r\nx\r\n", 66000, 60000, "0\r\n\r\n" },
    { CHUNKED "0\r\nX: ", "v", 66000, 65000, "\r\n\r\n" },
    { CHUNKED "0\r\n", "X: v\r\n", 198, 196, "\r\n" },
  };
  scene_t s;
  scene_begin(&s);
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
    for (size_t piece = 0; piece <= 777; piece += 777) {
      size_t len;
      char* text = repeat(cases[i].head, cases[i].again, cases[i].times, cases[i].tail, &len);
      seen_t seen = hear(&s, "GET", text, len, piece);
      if (seen.status != UVLLM_ETOOLARGE)
        fail_msg("case %zu, pieces of %zu: %s", i, piece, uvllm_err_name(seen.status));
      free(text);
      text = repeat(cases[i].head, cases[i].again, cases[i].allowed, cases[i].tail, &len);
      seen = hear(&s, "GET", text, len, piece);
      if (seen.status != 0)
        fail_msg("case %zu, pieces of %zu: %s", i, piece, uvllm_err_name(seen.status));
      free(text);
    }
  scene_end(&s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(the_same_wherever_it_is_cut),
    cmocka_unit_test(not_modified_ends_with_its_head),
    cmocka_unit_test(malformed_heads_are_refused),
    cmocka_unit_test(malformed_chunks_are_refused),
    cmocka_unit_test(what_has_no_end_is_too_large),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
