/* Servers that misbehave: each costs its own request, with a code that says
 * what happened, and nothing else.
 */
#define _GNU_SOURCE /* memmem */
#include "core.h"
#include "malformed.h"
#include "script.h"

typedef struct bad_s {
  core_t core;
  script_t script;
  seen_t seen;
} bad_t;

static void bad_begin(bad_t* b, const char* bytes, size_t len, script_end end) {
  char url[64];
  memset(b, 0, sizeof(*b));
  uvllm_client_options_t o;
  uvllm_client_options_init(&o);
  o.max_frame_bytes = 4 << 20;
  o.max_body_bytes = 8 << 20;
  core_begin_with(&b->core, &o);
  script_start(&b->script, &b->core.loop, bytes, len, end);
  snprintf(url, sizeof(url), "http://127.0.0.1:%d/v1", b->script.port);
  core_provider(&b->core, "mock", url, NULL);
}

static void bad_end(bad_t* b) {
  core_run(&b->core, b->core.ndone > 0 ? b->core.ndone : 1);
  script_stop(&b->script);
  core_end(&b->core);
  assert_int_equal(b->seen.done, 1);
  assert_int_equal(b->seen.late, 0);
}

static void ask_once(bad_t* b, unsigned int flags) {
  ask_t a;
  ask_init(&a, "hello", NULL);
  a.r.flags = flags;
  a.r.max_attempts = 1;
  core_submit(&b->core, &a.r, &b->seen);
}

static int status_of_bytes(const char* bytes, size_t len, script_end end, unsigned int flags,
                           seen_t* seen) {
  bad_t b;
  bad_begin(&b, bytes, len, end);
  ask_once(&b, flags);
  bad_end(&b);
  if (seen != NULL)
    *seen = b.seen;
  return b.seen.status;
}

static int status_of(const char* text, script_end end, unsigned int flags, seen_t* seen) {
  return status_of_bytes(text, strlen(text), end, flags, seen);
}

#define CHUNK_HEAD "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
#define HELLO "data: {\"id\":\"x\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hello\"}}]}\n\n"
#define STOP "data: {\"id\":\"x\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
#define DONE "data: [DONE]\n\n"

static void html_with_200(void** state) {
  (void) state;
  seen_t s;
  int err = status_of("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 26\r\n\r\n"
                      "<html><h1>Hi</h1></html>\r\n", SCRIPT_CLOSE, 0, &s);
  assert_int_equal(err, UVLLM_EPROTO);
  assert_true(strlen(s.message) > 0);
}

static void html_with_502(void** state) {
  (void) state;
  seen_t s;
  int err = status_of("HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\n\r\n"
                      "<html><title>502</title></html>", SCRIPT_CLOSE, UVLLM_STREAM, &s);
  assert_true(err == UVLLM_EPROVIDER || err == UVLLM_EOVERLOAD);
  assert_int_equal(s.http_status, 502);
}

static void nothing_at_all(void** state) {
  (void) state;
  assert_int_equal(status_of_bytes(NULL, 0, SCRIPT_CLOSE, 0, NULL), UV_ECONNRESET);
}

static void reset_at_once(void** state) {
  (void) state;
  assert_int_equal(status_of_bytes(NULL, 0, SCRIPT_RESET, 0, NULL), UV_ECONNRESET);
}

static void empty_200(void** state) {
  (void) state;
  assert_int_equal(status_of("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", SCRIPT_CLOSE, 0, NULL),
                   UVLLM_EPROTO);
}

static void stream_with_its_end_and_clean_close(void** state) {
  (void) state;
  seen_t s;
  assert_int_equal(status_of(CHUNK_HEAD "\r\n" HELLO STOP DONE, SCRIPT_CLOSE, UVLLM_STREAM, &s), 0);
  assert_string_equal(s.text, "Hello");
}

static void stream_without_done_but_finished_and_clean(void** state) {
  (void) state;
  seen_t s;
  assert_int_equal(status_of(CHUNK_HEAD "\r\n" HELLO STOP, SCRIPT_CLOSE, UVLLM_STREAM, &s), 0);
  assert_string_equal(s.result, "Hello");
}

static void half_a_stream_is_truncated_never_short(void** state) {
  (void) state;
  seen_t s;
  assert_int_equal(status_of(CHUNK_HEAD "\r\n" HELLO, SCRIPT_CLOSE, UVLLM_STREAM, &s),
                   UVLLM_ETRUNCATED);
  assert_string_equal(s.text, "Hello");
  assert_true(s.usage.flags & UVLLM_USAGE_ESTIMATED);
}

static void half_a_stream_by_reset(void** state) {
  (void) state;
  seen_t s;
  assert_int_equal(status_of(CHUNK_HEAD "\r\n" HELLO, SCRIPT_RESET, UVLLM_STREAM, &s),
                   UVLLM_ETRUNCATED);
  assert_true(strlen(s.message) > 0);
}

static void chunked_stream_without_its_last_chunk(void** state) {
  (void) state;
  char text[1024];
  snprintf(text, sizeof(text), CHUNK_HEAD "Transfer-Encoding: chunked\r\n\r\n%zx\r\n%s\r\n",
           strlen(HELLO STOP), HELLO STOP);
  assert_int_equal(status_of(text, SCRIPT_CLOSE, UVLLM_STREAM, NULL), UVLLM_ETRUNCATED);
}

static void body_shorter_than_its_length(void** state) {
  (void) state;
  assert_int_equal(status_of("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                             "Content-Length: 1000\r\n\r\n{\"choices\":[", SCRIPT_CLOSE, 0, NULL),
                   UVLLM_ETRUNCATED);
}

static void answer_that_is_no_http(void** state) {
  (void) state;
  assert_int_equal(status_of("SSH-2.0-OpenSSH_9.2\r\n", SCRIPT_CLOSE, 0, NULL), UVLLM_EPROTO);
}

static void redirect_is_not_followed(void** state) {
  (void) state;
  seen_t s;
  int err = status_of("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n"
                      "\r\n", SCRIPT_CLOSE, 0, &s);
  assert_int_equal(err, UVLLM_EPROTO);
  assert_int_equal(s.http_status, 302);
}

static void invalid_utf8_is_taken(void** state) {
  (void) state;
  seen_t s;
  int err = status_of(CHUNK_HEAD "\r\ndata: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\xff"
                      "b\"},\"finish_reason\":\"stop\"}]}\n\n" DONE, SCRIPT_CLOSE, UVLLM_STREAM, &s);
  assert_int_equal(err, 0);
  assert_string_equal(s.text, "a\xef\xbf\xbd" "b");
}

static char* filled(size_t n, const char* head, const char* tail, size_t* len) {
  size_t h = strlen(head), t = strlen(tail);
  char* p = malloc(h + n + t);
  memcpy(p, head, h);
  memset(p + h, 'x', n);
  memcpy(p + h + n, tail, t);
  *len = h + n + t;
  return p;
}

static void event_of_50_mb(void** state) {
  (void) state;
  size_t len;
  char* bytes = filled(50 << 20, CHUNK_HEAD "\r\ndata: {\"x\":\"", "\"}\n\n", &len);
  assert_int_equal(status_of_bytes(bytes, len, SCRIPT_CLOSE, UVLLM_STREAM, NULL), UVLLM_ETOOLARGE);
  free(bytes);
}

static void body_larger_than_allowed(void** state) {
  (void) state;
  size_t len;
  char* bytes = filled(20 << 20, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{\"x\":\"",
                       "\"}", &len);
  assert_int_equal(status_of_bytes(bytes, len, SCRIPT_CLOSE, 0, NULL), UVLLM_ETOOLARGE);
  free(bytes);
}

static void error_body_larger_than_kept(void** state) {
  (void) state;
  size_t len;
  char* bytes = filled(20 << 20, "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\n\r\n", "",
                       &len);
  assert_int_equal(status_of_bytes(bytes, len, SCRIPT_CLOSE, 0, NULL), UVLLM_EREQUEST);
  free(bytes);
}

static void header_of_1_mb(void** state) {
  (void) state;
  size_t len;
  char* bytes = filled(1 << 20, "HTTP/1.1 200 OK\r\nX-Large: ", "\r\nContent-Length: 0\r\n\r\n", &len);
  assert_int_equal(status_of_bytes(bytes, len, SCRIPT_CLOSE, 0, NULL), UVLLM_ETOOLARGE);
  free(bytes);
}

static void many_headers(void** state) {
  (void) state;
  char bytes[16384] = "HTTP/1.1 200 OK\r\n";
  for (int i = 0; i < 300; i++)
    snprintf(bytes + strlen(bytes), 32, "X-H%d: v\r\n", i);
  strcat(bytes, "Content-Length: 0\r\n\r\n");
  assert_int_equal(status_of(bytes, SCRIPT_CLOSE, 0, NULL), UVLLM_ETOOLARGE);
}

/* ---- Heads ---- */

static void a_head_that_breaks_off_is_no_answer(void** state) {
  (void) state;
  static const char* const heads[] = {
    "HTTP/1.1 2", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 503 Service Unavailable\r\n",
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Len",
    "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n",
    "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 60\r\nX", "HTTP/1.1 100 Continue\r\n\r\n",
    "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n"
  };
  for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
    seen_t s;
    assert_int_equal(status_of(heads[i], SCRIPT_CLOSE, 0, &s), UV_ECONNRESET);
    assert_int_equal(s.http_status, 0);
    assert_true(strlen(s.message) > 0);
    assert_int_equal(status_of(heads[i], SCRIPT_RESET, 0, &s), UV_ECONNRESET);
    assert_int_equal(s.http_status, 0);
  }
}

static void expect_no_request_id(seen_t* s, const uvllm_result_t* r) {
  (void) s;
  assert_null(r->request_id.base);
}

/* Not even what it had said: how much of it came is the network's doing. */
static void a_head_that_breaks_off_has_said_nothing(void** state) {
  (void) state;
  static const char head[] = "HTTP/1.1 503 Service Unavailable\r\nX-Request-Id: r1\r\n"
                             "Retry-After: 3600\r\nX-";
  bad_t b;
  ask_t a;
  bad_begin(&b, head, sizeof(head) - 1, SCRIPT_CLOSE);
  ask_init(&a, "hello", NULL);
  a.r.max_attempts = 2;
  a.r.timeout_ms = 60000; /* it would not wait for an hour, but end at once */
  b.seen.on_done = expect_no_request_id;
  core_submit(&b.core, &a.r, &b.seen);
  bad_end(&b);
  assert_int_equal(b.seen.status, UV_ECONNRESET);
  assert_int_equal(b.seen.attempts, 2);
}

static void malformed_heads_are_refused(void** state) {
  (void) state;
  for (size_t i = 0; i < MALFORMED_HEADS; i++) {
    char text[256];
    seen_t s;
    snprintf(text, sizeof(text), "%s" MALFORMED_REST, malformed_heads[i]);
    if (status_of(text, SCRIPT_CLOSE, 0, &s) != UVLLM_EPROTO || s.http_status != 0)
      fail_msg("%s: %s, HTTP %d", malformed_heads[i], uvllm_err_name(s.status), s.http_status);
    assert_true(strlen(s.message) > 0);
  }
}

static void malformed_chunks_are_refused(void** state) {
  (void) state;
  static const char* const chunks[] = { "x\r\nhello\r\n", "\r\nhello\r\n", "-5\r\nhello\r\n",
                                        "5\r\nhelloo\r\n", "ffffffffffffffff\r\nhello\r\n",
                                        "fffffffffffffffff\r\nhello\r\n" };
  for (size_t i = 0; i < sizeof(chunks) / sizeof(chunks[0]); i++) {
    char text[256];
    seen_t s;
    snprintf(text, sizeof(text), CHUNK_HEAD "Transfer-Encoding: chunked\r\n\r\n%s0\r\n\r\n",
             chunks[i]);
    if (status_of(text, SCRIPT_CLOSE, UVLLM_STREAM, &s) != UVLLM_EPROTO || s.http_status != 200)
      fail_msg("%s: %s, HTTP %d", chunks[i], uvllm_err_name(s.status), s.http_status);
    assert_true(strlen(s.message) > 0);
  }
}

/* What has no body ends with its head, whatever the fields say. */
static void answers_without_a_body(void** state) {
  (void) state;
  static const char* const heads[] = {
    "HTTP/1.1 304 Not Modified\r\nContent-Length: 100\r\n\r\n",
    "HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n",
    "HTTP/1.1 304 Not Modified\r\n\r\n", "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 204 No Content\r\nContent-Length: 100\r\n\r\n",
    "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n",
    "HTTP/1.0 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
    "HTTP/1.1 100 Continue\r\nConnection: close\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"
  };
  for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
    seen_t s;
    assert_int_equal(status_of(heads[i], SCRIPT_HOLD, 0, &s), UVLLM_EPROTO);
    assert_int_equal(s.http_status, strstr(heads[i], "204") != NULL ? 204 : 304);
  }
}

static void reset_while_we_write(void** state) {
  (void) state;
  bad_t b;
  ask_t a;
  bad_begin(&b, NULL, 0, SCRIPT_RESET);
  b.script.read_at_most = 1000;
  size_t n = 16 << 20;
  char* prompt = malloc(n + 1);
  memset(prompt, 'a', n);
  prompt[n] = '\0';
  ask_init(&a, prompt, NULL);
  a.r.max_attempts = 1;
  core_submit(&b.core, &a.r, &b.seen);
  free(prompt); /* inputs are copied */
  bad_end(&b);
  assert_true(b.seen.status == UV_ECONNRESET || b.seen.status == UV_EPIPE);
}

static void interim_answers_are_skipped(void** state) {
  (void) state;
  seen_t s;
  assert_int_equal(status_of("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" CHUNK_HEAD "\r\n" HELLO STOP
                             DONE, SCRIPT_CLOSE, UVLLM_STREAM, &s), 0);
  assert_int_equal(s.http_status, 200);
}

static void trailers_are_ignored(void** state) {
  (void) state;
  char text[2048];
  snprintf(text, sizeof(text), CHUNK_HEAD "Transfer-Encoding: chunked\r\n\r\n%zx\r\n%s\r\n0\r\n"
           "X-Request-Id: late\r\n\r\n", strlen(HELLO STOP DONE), HELLO STOP DONE);
  assert_int_equal(status_of(text, SCRIPT_CLOSE, UVLLM_STREAM, NULL), 0);
}

static void whole_but_the_connection_stays_open(void** state) {
  (void) state;
  seen_t s;
  assert_int_equal(status_of(CHUNK_HEAD "\r\n" HELLO STOP DONE, SCRIPT_HOLD, UVLLM_STREAM, &s), 0);
  assert_string_equal(s.text, "Hello");
}

static void nobody_listens(void** state) {
  (void) state;
  bad_t b;
  bad_begin(&b, NULL, 0, SCRIPT_CLOSE);
  uv_close((uv_handle_t*) &b.script.listener, NULL);
  uv_run(&b.core.loop, UV_RUN_NOWAIT);
  ask_once(&b, 0);
  core_run(&b.core, 1);
  core_end(&b.core);
  assert_int_equal(b.seen.status, UV_ECONNREFUSED);
}

static void kept_alive_connection_dies_and_is_sent_again(void** state) {
  (void) state;
  bad_t b;
  static const char whole[] =
      "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 75\r\n\r\n"
      "{\"choices\":[{\"index\":0,\"message\":{\"content\":\"ok\"},\"finish_reason\":\"stop\"}]}";
  bad_begin(&b, whole, sizeof(whole) - 1, SCRIPT_KEEP);
  ask_once(&b, 0);
  core_run(&b.core, 1);
  assert_int_equal(b.seen.status, 0);
  b.script.end = SCRIPT_CLOSE; /* answers the next request on that connection by closing */
  b.script.bytes = NULL;
  seen_t again;
  memset(&again, 0, sizeof(again));
  ask_t a;
  ask_init(&a, "again", NULL);
  a.r.flags = 0;
  a.r.max_attempts = 1;
  core_submit(&b.core, &a.r, &again);
  core_run(&b.core, 2);
  assert_true(again.attempts >= 2); /* curl's own resend is counted */
  assert_int_equal(again.status, UV_ECONNRESET);
  assert_int_equal(b.script.nrequests, 1 + (int) again.attempts);
  bad_end(&b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(html_with_200),
    cmocka_unit_test(html_with_502),
    cmocka_unit_test(nothing_at_all),
    cmocka_unit_test(reset_at_once),
    cmocka_unit_test(empty_200),
    cmocka_unit_test(stream_with_its_end_and_clean_close),
    cmocka_unit_test(stream_without_done_but_finished_and_clean),
    cmocka_unit_test(half_a_stream_is_truncated_never_short),
    cmocka_unit_test(half_a_stream_by_reset),
    cmocka_unit_test(chunked_stream_without_its_last_chunk),
    cmocka_unit_test(body_shorter_than_its_length),
    cmocka_unit_test(answer_that_is_no_http),
    cmocka_unit_test(redirect_is_not_followed),
    cmocka_unit_test(invalid_utf8_is_taken),
    cmocka_unit_test(event_of_50_mb),
    cmocka_unit_test(body_larger_than_allowed),
    cmocka_unit_test(error_body_larger_than_kept),
    cmocka_unit_test(header_of_1_mb),
    cmocka_unit_test(many_headers),
    cmocka_unit_test(a_head_that_breaks_off_is_no_answer),
    cmocka_unit_test(a_head_that_breaks_off_has_said_nothing),
    cmocka_unit_test(malformed_heads_are_refused),
    cmocka_unit_test(malformed_chunks_are_refused),
    cmocka_unit_test(answers_without_a_body),
    cmocka_unit_test(reset_while_we_write),
    cmocka_unit_test(interim_answers_are_skipped),
    cmocka_unit_test(trailers_are_ignored),
    cmocka_unit_test(whole_but_the_connection_stays_open),
    cmocka_unit_test(nobody_listens),
    cmocka_unit_test(kept_alive_connection_dies_and_is_sent_again),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
