/* The HTTP server under the mock: what it refuses, its limits, its clocks. */
#define _GNU_SOURCE
#include "raw_client.h"
#include "mock/server.h"

#include <sys/resource.h>

/* ---- The parser alone ---- */

typedef struct case_s {
  const char* name;
  const char* text;
  int status; /* 0: one whole request */
} case_t;

#define LINE "GET / HTTP/1.1\r\n"
#define HOST "Host: a\r\n"

static const case_t cases[] = {
  { "plain", LINE HOST "\r\n", 0 },
  { "body", "POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc", 0 },
  { "empty body", "POST / HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n", 0 },
  { "chunks", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
              "1\r\na\r\n2\r\nbc\r\n0\r\n\r\n", 0 },
  { "trailer is dropped", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
                          "0\r\nHost: b\r\nX: y\r\n\r\n", 0 },
  { "body with folds", "POST / HTTP/1.1\r\n" HOST "Content-Length: 6\r\n\r\n\n a\r\n b", 0 },
  { "http 1.0 without host", "GET / HTTP/1.0\r\n\r\n", 0 },
  { "empty lines before", "\r\n\r\n" LINE HOST "\r\n", 0 },
  { "upgrade is ignored", LINE HOST "Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n", 0 },
  { "tab in a value", LINE HOST "X: a\tb\r\n\r\n", 0 },
  { "empty value", LINE HOST "X:\r\n\r\n", 0 },
  { "no host", LINE "\r\n", 400 },
  { "two hosts", LINE HOST HOST "\r\n", 400 },
  { "two hosts in 1.0", "GET / HTTP/1.0\r\n" HOST HOST "\r\n", 400 },
  { "fold", LINE HOST "X: a\r\n b\r\n\r\n", 400 },
  { "fold by tab", LINE HOST "X: a\r\n\tb\r\n\r\n", 400 },
  { "fold after the colon", LINE HOST "X:\r\n b\r\n\r\n", 400 },
  { "empty fold", LINE HOST "X: a\r\n \r\n\r\n", 400 },
  { "fold of the host", LINE "Host: a\r\n .b\r\n\r\n", 400 },
  { "blank before the colon", LINE "Host : a\r\n\r\n", 400 },
  { "blank in a name", LINE HOST "X y: a\r\n\r\n", 400 },
  { "no name", LINE HOST ": a\r\n\r\n", 400 },
  { "no name at first", LINE ": a\r\n" HOST "\r\n", 400 },
  { "bell in a value", LINE HOST "X: a\ab\r\n\r\n", 400 },
  { "delete in a value", LINE HOST "X: a\x7f\r\n\r\n", 400 },
  { "bare CR in a value", LINE HOST "X: a\rb\r\n\r\n", 400 },
  { "bare LF", "GET / HTTP/1.1\nHost: a\n\n", 400 },
  { "chunked in 1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400 },
  { "length and chunks", "POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\n"
                         "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400 },
  { "chunks and length", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n"
                         "Content-Length: 5\r\n\r\n0\r\n\r\n", 400 },
  { "two lengths", "POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\nContent-Length: 3\r\n\r\n"
                   "abc", 400 },
  { "list of lengths", "POST / HTTP/1.1\r\n" HOST "Content-Length: 3, 3\r\n\r\nabc", 400 },
  { "negative length", "POST / HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\n", 400 },
  { "plus length", "POST / HTTP/1.1\r\n" HOST "Content-Length: +3\r\n\r\nabc", 400 },
  { "huge length", "POST / HTTP/1.1\r\n" HOST "Content-Length: 99999999999999999999\r\n\r\n", 400 },
  { "two codings", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n"
                   "0\r\n\r\n", 501 },
  { "coding twice", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n"
                    "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400 },
  { "chunked not last", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked, x\r\n\r\n", 400 },
  { "identity", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: identity\r\n\r\n", 501 },
  { "bad chunk size", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nx\r\n", 400 },
  { "blank in chunk size", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
                           "1 \r\na\r\n0\r\n\r\n", 400 },
  { "huge chunk", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
                  "7fffffffffffffff\r\n", 413 },
  { "overflowing chunk", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
                         "fffffffffffffffff\r\n", 400 },
  { "body over the limit", "POST / HTTP/1.1\r\n" HOST "Content-Length: 1025\r\n\r\n", 413 },
  { "connect", "CONNECT a:1 HTTP/1.1\r\n" HOST "\r\n", 405 },
  { "absolute target", "GET http://a/ HTTP/1.1\r\n" HOST "\r\n", 400 },
  { "star", "OPTIONS * HTTP/1.1\r\n" HOST "\r\n", 400 },
  { "no version", "GET /\r\n\r\n", 505 },
  { "http 2", "GET / HTTP/2.0\r\n" HOST "\r\n", 505 },
  { "http 1.2", "GET / HTTP/1.2\r\n" HOST "\r\n", 505 },
  { "preface of http 2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400 },
  { "unknown method", "FROB / HTTP/1.1\r\n" HOST "\r\n", 400 },
  { "tls", "\x16\x03\x01\x02", 400 },
  { "other expectation", "POST / HTTP/1.1\r\n" HOST "Expect: more\r\nContent-Length: 1\r\n\r\na",
    417 },
  { "too many headers", LINE HOST "A: 1\r\nB: 1\r\nC: 1\r\nD: 1\r\nE: 1\r\nF: 1\r\nG: 1\r\n"
                        "H: 1\r\n\r\n", 431 }
};

static const uvllm__http_limits_t limits = { 64, 8, 256, 1024 };

/* Feed in pieces of `step` bytes after a first one of `first`: the status, or 0. */
static int parse(test_alloc_t* a, const char* text, size_t len, size_t first, size_t step,
                 size_t* body_len) {
  uvllm__http_in_t in;
  uvllm__http_in_init(&in, &limits, &a->hook);
  for (size_t at = 0, n = first; at < len && in.state < UVLLM__HTTP_IN_READY; n = step) {
    if (n > len - at)
      n = len - at;
    at += uvllm__http_in_feed(&in, text + at, n);
  }
  int status = in.state == UVLLM__HTTP_IN_READY ? 0 : in.state == UVLLM__HTTP_IN_FAILED
                                                           ? in.fail_status : -1;
  *body_len = in.body.len;
  uvllm__http_in_free(&in);
  return status;
}

static void requests_are_taken_or_refused_however_they_are_split(void** state) {
  (void) state;
  test_alloc_t a;
  test_alloc_init(&a);
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    const char* text = cases[i].text;
    size_t len = strlen(text), whole = 0, other = 0;
    int status = parse(&a, text, len, len, len, &whole);
    if (status != cases[i].status)
      print_message("%s: %d, not %d\n", cases[i].name, status, cases[i].status);
    assert_int_equal(status, cases[i].status);
    for (size_t at = 1; at <= len; at++) {
      status = parse(&a, text, len, at, at == len ? 1 : len, &other);
      if (status != cases[i].status)
        print_message("%s at %zu: %d\n", cases[i].name, at, status);
      assert_int_equal(status, cases[i].status);
      assert_int_equal(cases[i].status == 0 ? other : whole, whole);
    }
    status = parse(&a, text, len, 1, 1, &other);
    if (status != cases[i].status)
      print_message("%s by bytes: %d\n", cases[i].name, status);
    assert_int_equal(status, cases[i].status);
  }
  assert_int_equal(a.alive, 0);
}

static void all_bytes_in_a_value_but_text_are_refused(void** state) {
  (void) state;
  test_alloc_t a;
  test_alloc_init(&a);
  for (int c = 0; c < 256; c++) {
    char text[64];
    size_t body;
    int len = snprintf(text, sizeof(text), LINE HOST "X: a%cb\r\n\r\n", c);
    int refused = (c < 0x20 && c != '\t') || c == 0x7f;
    if (c == '\n') /* a line end it is, and then a header without a colon */
      refused = 1;
    int status = parse(&a, text, (size_t) len, (size_t) len, 1, &body);
    assert_int_equal(status, refused ? 400 : 0);
  }
}

static void target_and_header_limits_hold(void** state) {
  (void) state;
  test_alloc_t a;
  test_alloc_init(&a);
  char text[2048];
  size_t body;
  for (int n = 62; n <= 66; n++) {
    int len = snprintf(text, sizeof(text), "GET /%0*d HTTP/1.1\r\n" HOST "\r\n", n - 1, 0);
    assert_int_equal(parse(&a, text, (size_t) len, (size_t) len, 1, &body), n <= 64 ? 0 : 414);
    assert_int_equal(parse(&a, text, (size_t) len, 1, 1, &body), n <= 64 ? 0 : 414);
  }
  for (int n = 200; n <= 300; n++) { /* Host takes 4 + 1 + 4 */
    int len = snprintf(text, sizeof(text), LINE HOST "X: %0*d\r\n\r\n", n, 0);
    int fits = n + 1 + 4 + 9 <= 256;
    assert_int_equal(parse(&a, text, (size_t) len, (size_t) len, 1, &body), fits ? 0 : 431);
  }
  memset(text, '\n', sizeof(text)); /* empty lines for ever */
  assert_int_equal(parse(&a, text, sizeof(text), 100, 100, &body), 414);
  int len = snprintf(text, sizeof(text), "POST / HTTP/1.1\r\n" HOST
                     "Transfer-Encoding: chunked\r\n\r\n1;%0300d\r\na\r\n0\r\n\r\n", 0);
  assert_int_equal(parse(&a, text, (size_t) len, (size_t) len, 1, &body), 431);
  len = snprintf(text, sizeof(text), "POST / HTTP/1.1\r\n" HOST
                 "Transfer-Encoding: chunked\r\n\r\n0\r\nX: %0300d\r\n\r\n", 0);
  assert_int_equal(parse(&a, text, (size_t) len, (size_t) len, 1, &body), 431);
}

static void body_limit_holds_for_chunks(void** state) {
  (void) state;
  test_alloc_t a;
  test_alloc_init(&a);
  char text[4096];
  size_t body;
  for (int n = 1; n <= 3; n++) {
    int len = snprintf(text, sizeof(text), "POST / HTTP/1.1\r\n" HOST
                       "Transfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < n; i++)
      len += snprintf(text + len, sizeof(text) - (size_t) len, "200\r\n%0512d\r\n", 0);
    len += snprintf(text + len, sizeof(text) - (size_t) len, "0\r\n\r\n");
    assert_int_equal(parse(&a, text, (size_t) len, 7, 7, &body), n <= 2 ? 0 : 413);
  }
}

static void headers_are_found_and_the_next_request_starts_clean(void** state) {
  (void) state;
  test_alloc_t a;
  test_alloc_init(&a);
  const char* text = "POST /x?y HTTP/1.1\r\nHost: h\r\nX-A:  v w \t\r\nx-a: second\r\n"
                     "Content-Length: 2\r\n\r\nokGET /z HTTP/1.1\r\nHost: i\r\n\r\n";
  uvllm__http_in_t in;
  uvllm__http_in_init(&in, &limits, &a.hook);
  size_t used = uvllm__http_in_feed(&in, text, strlen(text));
  assert_int_equal(in.state, UVLLM__HTTP_IN_READY);
  assert_str(uvllm__http_in_target(&in), "/x?y");
  assert_str(uvllm__http_in_header(&in, "x-a"), "v w");
  assert_int_equal(uvllm__http_in_count(&in, "x-a"), 2);
  assert_null(uvllm__http_in_header(&in, "x-b").base);
  assert_str(uvllm__http_in_body(&in), "ok");
  assert_true(uvllm__http_in_keeps_alive(&in));
  assert_int_equal(uvllm__http_in_feed(&in, text + used, 1), 0);
  uvllm__http_in_next(&in);
  uvllm__http_in_feed(&in, text + used, strlen(text) - used);
  assert_int_equal(in.state, UVLLM__HTTP_IN_READY);
  assert_str(uvllm__http_in_target(&in), "/z");
  assert_int_equal(uvllm__http_in_body(&in).len, 0);
  assert_int_equal(uvllm__http_in_count(&in, "host"), 1);
  uvllm__http_in_free(&in);
  assert_int_equal(a.alive, 0);
}

/* ---- The server ---- */

typedef struct bench_s {
  uv_loop_t loop;
  test_alloc_t alloc;
  uvllm__server_t* server;
  uvllm__server_options_t options;
  uvllm__conn_t* held; /* a request that is not answered */
  int nrequests, ngone, ndrains, closed;
} bench_t;

static bench_t* bench_of(uvllm__conn_t* conn) {
  return uvllm__server_data(uvllm__conn_server(conn));
}

static void reply(uvllm__conn_t* conn, uvllm_str_t body) {
  char head[96];
  int len = snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\ncontent-length: %zu\r\n\r\n",
                     body.len);
  uvllm__conn_write(conn, head, (size_t) len);
  uvllm__conn_write(conn, body.base, body.len);
  uvllm__conn_end(conn, 1);
}

/* /hold: no answer yet; /much: as much as is taken, /big: a megabyte; else: the body,
 * or the target. */
static void on_request(uvllm__conn_t* conn) {
  const uvllm__http_in_t* in = uvllm__conn_in(conn);
  bench_t* b = bench_of(conn);
  uvllm_str_t body = uvllm__http_in_body(in);
  b->nrequests++;
  if (uvllm__str_eq(uvllm__http_in_target(in), "/hold")) {
    b->held = conn;
  } else if (uvllm__str_eq(uvllm__http_in_target(in), "/much")) {
    static char block[65536];
    b->held = conn;
    while (!uvllm__conn_full(conn))
      uvllm__conn_write(conn, block, sizeof(block));
  } else if (uvllm__str_eq(uvllm__http_in_target(in), "/big")) {
    static char megabyte[1 << 20];
    uvllm_str_t big = { megabyte, sizeof(megabyte) };
    reply(conn, big);
  } else {
    reply(conn, body.len != 0 ? body : uvllm__http_in_target(in));
  }
}

static void on_drain(uvllm__conn_t* conn) {
  bench_of(conn)->ndrains++;
}

static void on_gone(uvllm__conn_t* conn) {
  bench_of(conn)->ngone++;
  bench_of(conn)->held = NULL;
}

static void on_server_closed(void* data) {
  ((bench_t*) data)->closed++;
}

static void bench_init(bench_t* b) {
  memset(b, 0, sizeof(*b));
  test_alloc_init(&b->alloc);
  assert_int_equal(uv_loop_init(&b->loop), 0);
  b->options.request_cb = on_request;
  b->options.drain_cb = on_drain;
  b->options.gone_cb = on_gone;
  b->options.data = b;
}

static int bench_start(bench_t* b) {
  return uvllm__server_start(&b->server, &b->loop, &b->options, &b->alloc.hook);
}

static void bench_open(bench_t* b, raw_client_t* c) {
  raw_open(c, &b->loop, uvllm__server_port(b->server));
}

static void bench_end(bench_t* b) {
  if (b->server != NULL)
    uvllm__server_close(b->server, on_server_closed, b);
  uv_run(&b->loop, UV_RUN_DEFAULT);
  assert_int_equal(b->closed, b->server != NULL);
  assert_int_equal(uv_loop_close(&b->loop), 0);
  assert_int_equal(b->alloc.alive, 0);
}

#define GET(path) "GET " path " HTTP/1.1\r\nHost: localhost\r\n"

static void keeps_a_connection_and_answers_in_order(void** state) {
  (void) state;
  bench_t b;
  raw_client_t c;
  bench_init(&b);
  assert_int_equal(bench_start(&b), 0);
  bench_open(&b, &c);
  raw_say(&c, GET("/1") "\r\n" GET("/2") "\r\n" GET("/3") "Connection: close\r\n\r\n" GET("/4")
          "\r\n");
  raw_until_end(&c);
  assert_int_equal(raw_count(&c, "HTTP/1.1 200"), 3);
  const char* one = strstr(c.in, "\r\n\r\n/1");
  const char* two = strstr(c.in, "\r\n\r\n/2");
  const char* three = strstr(c.in, "\r\n\r\n/3");
  assert_true(one != NULL && two > one && three > two);
  assert_int_equal(b.nrequests, 3);
  assert_int_equal(uvllm__server_stats(b.server)->accepted, 1);
  raw_close(&c);
  bench_end(&b);
}

static void pipelined_request_waits_for_the_answer_before(void** state) {
  (void) state;
  bench_t b;
  raw_client_t c;
  bench_init(&b);
  bench_start(&b);
  bench_open(&b, &c);
  raw_say(&c, GET("/hold") "\r\n" GET("/2") "\r\n" GET("/3") "\r\n");
  while (b.held == NULL)
    raw_turn(&b.loop);
  for (int i = 0; i < 5; i++)
    raw_turn(&b.loop);
  assert_int_equal(b.nrequests, 1);
  uvllm_str_t body = UVLLM_STR("/1");
  reply(b.held, body); /* begins the others */
  assert_int_equal(b.nrequests, 3);
  assert_true(raw_until(&c, "/3"));
  assert_int_equal(raw_count(&c, "HTTP/1.1 200"), 3);
  raw_close(&c);
  bench_end(&b);
}

static void a_client_that_pipelines_without_end_is_not_read(void** state) {
  (void) state;
  bench_t b;
  raw_client_t c;
  bench_init(&b);
  bench_start(&b);
  bench_open(&b, &c);
  raw_say(&c, GET("/hold") "\r\n");
  while (b.held == NULL)
    raw_turn(&b.loop);
  size_t sent = 0;
  char block[65536];
  memset(block, '\n', sizeof(block));
  for (int idle = 0; idle < 50; ) { /* until nothing is taken any more */
    ssize_t n = send(c.fd, block, sizeof(block), MSG_NOSIGNAL | MSG_DONTWAIT);
    sent += n > 0 ? (size_t) n : 0;
    idle = n > 0 ? 0 : idle + 1;
    raw_turn(&b.loop);
    assert_true(sent < 64u << 20);
  }
  assert_int_equal(b.ngone, 0);
  struct linger reset = { 1, 0 }; /* an orderly end would wait behind what is not read */
  setsockopt(c.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
  raw_close(&c);
  while (b.ngone == 0)
    raw_turn(&b.loop);
  bench_end(&b);
}

static int status_for(bench_t* b, const char* text) {
  raw_client_t c;
  bench_open(b, &c);
  raw_say(&c, text);
  raw_until_end(&c);
  int status = raw_status(&c);
  assert_true(raw_has(&c, "connection: close"));
  assert_int_equal(c.ended, 1); /* a clean end, no reset */
  raw_close(&c);
  return status;
}

static void refusal_arrives_and_ends_the_connection(void** state) {
  (void) state;
  bench_t b;
  bench_init(&b);
  b.options.linger_timeout_ms = 20;
  bench_start(&b);
  assert_int_equal(status_for(&b, "GARBAGE\r\n\r\n" GET("/") "\r\n"), 400);
  assert_int_equal(status_for(&b, GET("/") "Host: b\r\n\r\n"), 400);
  assert_int_equal(status_for(&b, "POST / HTTP/1.1\r\nHost: localhost\r\n"
                                  "Content-Length: 33554433\r\n\r\nabc"), 413);
  assert_int_equal(status_for(&b, "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n"), 405);
  assert_int_equal(b.nrequests, 0);
  bench_end(&b);
}

static void refusal_arrives_though_the_client_goes_on_sending(void** state) {
  (void) state;
  bench_t b;
  raw_client_t c;
  bench_init(&b);
  b.options.http.max_body_bytes = 1000;
  bench_start(&b);
  bench_open(&b, &c);
  raw_say(&c, "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n");
  char* body = calloc(1, 1000000);
  raw_send(&c, body, 1000000);
  free(body);
  shutdown(c.fd, SHUT_WR);
  raw_until_end(&c);
  assert_int_equal(raw_status(&c), 413);
  assert_int_equal(c.ended, 1);
  raw_close(&c);
  bench_end(&b);
}

static void browsers_and_foreign_hosts_are_refused(void** state) {
  (void) state;
  static const struct { const char* lines; int status; } asked[] = {
    { "Host: localhost\r\n", 200 }, { "Host: LOCALHOST:80\r\n", 200 },
    { "Host: 127.0.0.1:8080\r\n", 200 }, { "Host: [::1]:80\r\n", 200 },
    { "Host: 192.168.1.5\r\n", 200 }, { "Host: example.com\r\n", 403 },
    { "Host: localhost.example.com\r\n", 403 }, { "Host: \r\n", 403 },
    { "Host: [::1\r\n", 403 }, { "Host: localhost\r\nOrigin: http://localhost\r\n", 403 },
    { "Host: localhost\r\nOrigin: null\r\n", 403 }
  };
  bench_t b;
  char text[256];
  bench_init(&b);
  b.options.linger_timeout_ms = 5;
  bench_start(&b);
  for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
    raw_client_t c;
    bench_open(&b, &c);
    snprintf(text, sizeof(text), "GET / HTTP/1.1\r\n%sConnection: close\r\n\r\n", asked[i].lines);
    raw_say(&c, text);
    raw_until_end(&c);
    assert_int_equal(raw_status(&c), asked[i].status);
    raw_close(&c);
  }
  bench_end(&b);
}

static void expectation_is_met_before_the_body(void** state) {
  (void) state;
  bench_t b;
  raw_client_t c;
  bench_init(&b);
  bench_start(&b);
  bench_open(&b, &c);
  raw_say(&c, "POST / HTTP/1.1\r\nHost: localhost\r\nExpect: 100-Continue\r\n"
              "Content-Length: 5\r\n\r\n");
  assert_true(raw_until(&c, "HTTP/1.1 100 Continue\r\n\r\n"));
  assert_int_equal(b.nrequests, 0);
  raw_say(&c, "hello");
  assert_true(raw_until(&c, "hello"));
  assert_true(raw_has(&c, "HTTP/1.1 200 OK"));
  raw_close(&c);
  bench_end(&b);
}

static void slow_heads_and_bodies_end_in_408(void** state) {
  (void) state;
  static const char* const texts[] = {
    "GET / HT", "\r", "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nab"
  };
  for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
    bench_t b;
    bench_init(&b);
    b.options.head_timeout_ms = b.options.rate_window_ms = 20;
    b.options.linger_timeout_ms = 5;
    b.options.idle_timeout_ms = 1000000;
    bench_start(&b);
    assert_int_equal(status_for(&b, texts[i]), 408);
    bench_end(&b);
  }
}

static void dripping_a_head_does_not_prolong_its_time(void** state) {
  (void) state;
  bench_t b;
  raw_client_t c;
  bench_init(&b);
  b.options.head_timeout_ms = 40;
  b.options.http.max_headers = 1 << 20;
  b.options.http.max_header_bytes = 1 << 26;
  bench_start(&b);
  bench_open(&b, &c);
  raw_say(&c, GET("/"));
  while (!raw_has(&c, "HTTP/1.1 408")) {
    raw_say(&c, "X: y\r\n");
    raw_turn(&b.loop);
    raw_receive(&c);
    assert_true(raw_status(&c) == 0 || raw_status(&c) == 408);
  }
  raw_close(&c);
  bench_end(&b);
}

static void idle_connections_are_closed_silently(void** state) {
  (void) state;
  bench_t b;
  raw_client_t c, d;
  bench_init(&b);
  b.options.idle_timeout_ms = 20;
  bench_start(&b);
  bench_open(&b, &c);
  bench_open(&b, &d);
  raw_say(&d, GET("/d") "\r\n");
  raw_until_end(&c);
  raw_until_end(&d);
  assert_int_equal(c.len, 0);
  assert_int_equal(raw_count(&d, "HTTP/1.1"), 1);
  raw_close(&c);
  raw_close(&d);
  bench_end(&b);
}

static void slow_reader_stops_the_producer_and_is_dropped(void** state) {
  (void) state;
  bench_t b;
  raw_client_t c;
  bench_init(&b);
  b.options.rate_window_ms = 30;
  bench_start(&b);
  bench_open(&b, &c);
  raw_say(&c, GET("/much") "\r\n");
  while (b.ngone == 0)
    raw_turn(&b.loop);
  assert_int_equal(b.ndrains, 0);
  raw_until_end(&c);
  raw_close(&c);
  bench_end(&b);
}

static void reader_that_catches_up_lets_the_producer_go_on(void** state) {
  (void) state;
  bench_t b;
  raw_client_t c;
  bench_init(&b);
  bench_start(&b);
  bench_open(&b, &c);
  raw_say(&c, GET("/much") "\r\n");
  while (b.ndrains == 0) {
    raw_turn(&b.loop);
    raw_receive(&c);
  }
  assert_int_equal(b.ndrains, 1);
  uvllm__conn_end(b.held, 0);
  raw_until_end(&c);
  assert_true(c.len >= 1u << 20);
  assert_int_equal(b.ngone, 0);
  raw_close(&c);
  bench_end(&b);
}

static void answers_that_are_not_read_hold_back_pipelined_requests(void** state) {
  (void) state;
  bench_t b;
  raw_client_t c;
  bench_init(&b);
  b.options.write_high_water = 1;
  bench_start(&b);
  bench_open(&b, &c);
  enum { NREQUESTS = 60 };
  for (int i = 0; i < NREQUESTS; i++)
    raw_say(&c, GET("/big") "\r\n");
  for (int i = 0; i < 50; i++)
    raw_turn(&b.loop);
  assert_in_range(b.nrequests, 1, NREQUESTS - 1); /* a socket holds a few megabytes */
  while (b.nrequests < NREQUESTS) {
    raw_turn(&b.loop);
    raw_receive(&c);
  }
  raw_close(&c);
  bench_end(&b);
}

static void peer_that_goes_is_told_once(void** state) {
  (void) state;
  bench_t b;
  bench_init(&b);
  bench_start(&b);
  for (int hard = 0; hard < 2; hard++) {
    raw_client_t c;
    struct linger reset = { 1, 0 };
    bench_open(&b, &c);
    raw_say(&c, GET("/hold") "\r\n");
    while (b.held == NULL)
      raw_turn(&b.loop);
    if (hard)
      setsockopt(c.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    raw_close(&c);
    while (b.ngone == hard)
      raw_turn(&b.loop);
  }
  assert_int_equal(b.ngone, 2);
  bench_end(&b);
}

static void writing_to_a_reset_socket_raises_no_signal(void** state) {
  (void) state;
  bench_t b;
  raw_client_t c;
  struct linger reset = { 1, 0 };
  bench_init(&b);
  bench_start(&b);
  bench_open(&b, &c);
  raw_say(&c, GET("/hold") "\r\n");
  while (b.held == NULL)
    raw_turn(&b.loop);
  setsockopt(c.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
  raw_close(&c); /* the default action of SIGPIPE would end this program */
  for (int i = 0; i < 10 && b.held != NULL; i++)
    uvllm__conn_write(b.held, "0123456789", 10);
  while (b.ngone == 0)
    raw_turn(&b.loop);
  bench_end(&b);
}

static void half_closed_client_gets_what_was_answered(void** state) {
  (void) state;
  bench_t b;
  raw_client_t c;
  bench_init(&b);
  bench_start(&b);
  bench_open(&b, &c);
  raw_say(&c, GET("/x") "Connection: close\r\n\r\n");
  shutdown(c.fd, SHUT_WR);
  raw_until_end(&c);
  assert_int_equal(raw_status(&c), 200);
  raw_close(&c);
  bench_end(&b);
}

static void connections_beyond_the_limit_are_closed(void** state) {
  (void) state;
  bench_t b;
  raw_client_t c[3];
  bench_init(&b);
  b.options.max_conns = 2;
  bench_start(&b);
  for (int i = 0; i < 3; i++)
    bench_open(&b, &c[i]);
  raw_until_end(&c[2]);
  assert_int_equal(uvllm__server_stats(b.server)->refused, 1);
  raw_say(&c[0], GET("/0") "\r\n");
  assert_true(raw_until(&c[0], "/0"));
  for (int i = 0; i < 3; i++)
    raw_close(&c[i]);
  bench_end(&b);
}

static void without_descriptors_accepting_pauses(void** state) {
  (void) state;
  bench_t b;
  raw_client_t c;
  struct rlimit before, low;
  bench_init(&b);
  b.options.accept_pause_ms = 10;
  bench_start(&b);
  int fd = raw_socket();
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
  low = before;
  low.rlim_cur = (rlim_t) fd + 1;
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
  raw_connect(&c, &b.loop, fd, uvllm__server_port(b.server));
  raw_say(&c, GET("/late") "Connection: close\r\n\r\n");
  for (int i = 0; i < 1000 && uvllm__server_stats(b.server)->pauses < 2; i++)
    raw_turn(&b.loop);
  int turns = (int) uvllm__server_stats(b.server)->pauses;
  setrlimit(RLIMIT_NOFILE, &before);
  assert_in_range(turns, 2, 500);
  raw_until_end(&c);
  assert_int_equal(raw_status(&c), 200);
  raw_close(&c);
  bench_end(&b);
}

static void close_ends_requests_in_work(void** state) {
  (void) state;
  bench_t b;
  raw_client_t c[50];
  bench_init(&b);
  bench_start(&b);
  for (int i = 0; i < 50; i++) {
    bench_open(&b, &c[i]);
    raw_say(&c[i], i % 2 == 0 ? GET("/hold") "\r\n" GET("/") : "POST / HT");
  }
  while (b.nrequests < 25)
    raw_turn(&b.loop);
  uvllm__server_close(b.server, on_server_closed, &b);
  b.server = NULL;
  assert_int_equal(b.ngone, 25);
  assert_int_equal(b.closed, 0);
  uv_run(&b.loop, UV_RUN_DEFAULT);
  assert_int_equal(b.closed, 1);
  b.closed = 0;
  for (int i = 0; i < 50; i++)
    raw_close(&c[i]);
  bench_end(&b);
}

static void impossible_addresses_are_errors(void** state) {
  (void) state;
  bench_t b;
  bench_init(&b);
  b.options.host = "localhost";
  assert_int_equal(bench_start(&b), UV_EINVAL);
  b.options.host = "203.0.113.1";
  assert_int_equal(bench_start(&b), UV_EADDRNOTAVAIL);
  b.options.host = NULL;
  b.options.port = 65536;
  assert_int_equal(bench_start(&b), UV_EINVAL);
  b.options.port = 0;
  assert_int_equal(bench_start(&b), 0);
  bench_t other;
  bench_init(&other);
  other.options.port = uvllm__server_port(b.server);
  assert_int_equal(bench_start(&other), UV_EADDRINUSE);
  bench_end(&other);
  bench_end(&b);
}

/* 1: the request was answered. */
static int run_without_memory(size_t fail_at, int fail_once, size_t* calls) {
  bench_t b;
  raw_client_t c;
  int answered = 0;
  bench_init(&b);
  b.alloc.fail_at = fail_at;
  b.alloc.fail_once = fail_once;
  if (bench_start(&b) == 0) {
    bench_open(&b, &c);
    raw_say(&c, "POST /hold HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc"
                GET("/last") "Connection: close\r\n\r\n");
    for (int i = 0; i < 2000 && b.held == NULL && c.ended == 0; i++) {
      raw_turn(&b.loop);
      raw_receive(&c);
    }
    if (b.held != NULL) {
      uvllm_str_t body = UVLLM_STR("held");
      reply(b.held, body);
    }
    raw_until_end(&c);
    answered = raw_has(&c, "/last");
    raw_close(&c);
  }
  *calls = b.alloc.calls;
  bench_end(&b);
  return answered;
}

static void survives_a_failure_of_each_allocation(void** state) {
  (void) state;
  for (int once = 0; once < 2; once++) {
    size_t calls = 0, fail_at = 1;
    do
      run_without_memory(fail_at, once, &calls);
    while (calls >= fail_at++);
    assert_true(fail_at > 6);
    assert_true(run_without_memory(0, once, &calls));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(requests_are_taken_or_refused_however_they_are_split),
    cmocka_unit_test(all_bytes_in_a_value_but_text_are_refused),
    cmocka_unit_test(target_and_header_limits_hold),
    cmocka_unit_test(body_limit_holds_for_chunks),
    cmocka_unit_test(headers_are_found_and_the_next_request_starts_clean),
    cmocka_unit_test(keeps_a_connection_and_answers_in_order),
    cmocka_unit_test(pipelined_request_waits_for_the_answer_before),
    cmocka_unit_test(a_client_that_pipelines_without_end_is_not_read),
    cmocka_unit_test(refusal_arrives_and_ends_the_connection),
    cmocka_unit_test(refusal_arrives_though_the_client_goes_on_sending),
    cmocka_unit_test(browsers_and_foreign_hosts_are_refused),
    cmocka_unit_test(expectation_is_met_before_the_body),
    cmocka_unit_test(slow_heads_and_bodies_end_in_408),
    cmocka_unit_test(dripping_a_head_does_not_prolong_its_time),
    cmocka_unit_test(idle_connections_are_closed_silently),
    cmocka_unit_test(slow_reader_stops_the_producer_and_is_dropped),
    cmocka_unit_test(reader_that_catches_up_lets_the_producer_go_on),
    cmocka_unit_test(answers_that_are_not_read_hold_back_pipelined_requests),
    cmocka_unit_test(peer_that_goes_is_told_once),
    cmocka_unit_test(writing_to_a_reset_socket_raises_no_signal),
    cmocka_unit_test(half_closed_client_gets_what_was_answered),
    cmocka_unit_test(connections_beyond_the_limit_are_closed),
    cmocka_unit_test(without_descriptors_accepting_pauses),
    cmocka_unit_test(close_ends_requests_in_work),
    cmocka_unit_test(impossible_addresses_are_errors),
    cmocka_unit_test(survives_a_failure_of_each_allocation),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
