/* What goes out: each request is the same bytes over both transports, and just
 * these.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memmem */
#endif
#include "core.h"
#include "origin.h"
#include "play.h"
#include "uvllm/provider.h"

#define AGENT "User-Agent: uvllm/" UVLLM_VERSION_STRING "\r\n"
#define ACCEPT "Accept: */*\r\n" AGENT

static const uvllm_transport both[] = { UVLLM_TRANSPORT_PLAIN, UVLLM_TRANSPORT_CURL };

/* A server that keeps the last request, and a client that asks it. */
typedef struct wire_s {
  core_t core;
  play_t server;
  char* request; /* to be freed */
} wire_t;

static void keep_request(play_conn_t* c, play_part_t* p) {
  static const char whole[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
  wire_t* w = c->play->data;
  free(w->request);
  w->request = strdup(c->in);
  p->bytes = whole;
  p->len = sizeof(whole) - 1;
}

static void set_provider(wire_t* w, uvllm_transport transport, const char* url,
                         const uvllm_provider_ops_t* ops) {
  uvllm_provider_options_t p;
  uvllm_provider_options_init(&p);
  p.name = "mock";
  p.dialect = "openai";
  p.ops = ops;
  p.base_url = url;
  p.transport = transport;
  assert_int_equal(uvllm_provider_set(w->core.client, &p), 0);
}

static void wire_begin(wire_t* w) {
  memset(w, 0, sizeof(*w));
  core_begin(&w->core);
  play_start_tcp(&w->server, &w->core.loop, "127.0.0.1", keep_request, w);
}

static void wire_end(wire_t* w) {
  play_stop(&w->server);
  core_end(&w->core);
  free(w->request);
}

static void ask_raw(ask_t* a, const char* method, const char* path, const char* body) {
  ask_init(a, "", NULL);
  a->r.op = UVLLM_RAW;
  a->r.flags = 0;
  a->r.nmessages = 0;
  a->r.max_attempts = 1;
  a->r.raw_method = method;
  a->r.raw_path = path;
  if (body != NULL)
    a->r.raw_body = test_str(body);
}

static void run(wire_t* w, const uvllm_request_t* r, uvllm_transport transport) {
  seen_t s;
  memset(&s, 0, sizeof(s));
  core_submit(&w->core, r, &s);
  core_run(&w->core, w->core.ndone + 1);
  assert_int_equal(s.status, 0);
  assert_int_equal(s.transport, transport);
}

/* `base` and `expected` say the port as @. */
static char* with_port(const char* text, int port) {
  char* made = malloc(strlen(text) + 16);
  const char* at = strchr(text, '@');
  if (at == NULL)
    return strcpy(made, text);
  sprintf(made, "%.*s%d%s", (int) (at - text), text, port, at + 1);
  return made;
}

static void must_send(wire_t* w, const char* base, const uvllm_request_t* r,
                      const uvllm_provider_ops_t* ops, const char* expected) {
  for (int i = 0; i < 2; i++) {
    char* url = with_port(base, w->server.port);
    char* text = with_port(expected, w->server.port);
    set_provider(w, both[i], url, ops);
    run(w, r, both[i]);
    assert_string_equal(w->request, text);
    free(url);
    free(text);
  }
}

static void base_urls_and_paths(void** state) {
  (void) state;
  static const char* const cases[][3] = {
    { "http://127.0.0.1:@", "/x", "/x" },
    { "http://127.0.0.1:@/", "/x", "/x" },
    { "http://127.0.0.1:@/v1", "/x", "/v1/x" },
    { "http://127.0.0.1:@/v1/", "/x", "/v1/x" },
    { "http://127.0.0.1:@/v1//", "/x", "/v1/x" },
    { "http://127.0.0.1:@/a/b", "/", "/a/b/" },
    { "http://127.0.0.1:@/v1", "/x?y=1&z=%20%2F", "/v1/x?y=1&z=%20%2F" },
    { "http://127.0.0.1:@/v1", "/x?", "/v1/x?" },
    { "http://127.0.0.1:@/v1", "//x", "/v1//x" },
    { "http://127.0.0.1:@/v1", "/a/../b/./c", "/v1/a/../b/./c" },
    { "http://127.0.0.1:@/v1", "/..", "/v1/.." },
    { "http://127.0.0.1:@/a/../v1", "/x", "/a/../v1/x" },
    { "http://127.0.0.1:@/%7Ea", "/b;c=d,e:f@g'h(i)", "/%7Ea/b;c=d,e:f@g'h(i)" },
    { "http://127.0.0.1:@/v1", "/\"<>\\^`{|}", "/v1/\"<>\\^`{|}" },
  };
  wire_t w;
  wire_begin(&w);
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    char expected[256];
    ask_t a;
    ask_raw(&a, NULL, cases[i][1], NULL);
    for (int t = 0; t < 2; t++) {
      char* url = with_port(cases[i][0], w.server.port);
      set_provider(&w, both[t], url, NULL);
      run(&w, &a.r, both[t]);
      snprintf(expected, sizeof(expected), "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n" ACCEPT "\r\n",
               cases[i][2], w.server.port);
      assert_string_equal(w.request, expected);
      free(url);
    }
  }
  wire_end(&w);
}

static void methods_and_bodies(void** state) {
  (void) state;
  static const char json[] = "Content-Type: application/json\r\n";
  static const char* const cases[][4] = {
    /* method, body, before the common headers, behind them */
    { "GET", NULL, "", "" },
    { "HEAD", NULL, "", "" },
    { "DELETE", NULL, "", "" },
    { "OPTIONS", NULL, "", "" },
    { "POST", NULL, "", "Content-Length: 0\r\n" },
    { "PUT", NULL, "", "Content-Length: 0\r\n" },
    { "PATCH", NULL, "", "Content-Length: 0\r\n" },
    { "POST", "", json, "Content-Length: 0\r\n" },
    { "POST", "{\"a\":1}", json, "Content-Length: 7\r\n" },
    { "PUT", "{\"a\":1}", json, "Content-Length: 7\r\n" },
    { "PATCH", "{\"a\":1}", json, "Content-Length: 7\r\n" },
    { "DELETE", "{\"a\":1}", json, "Content-Length: 7\r\n" },
    { "GET", "{\"a\":1}", json, "Content-Length: 7\r\n" },
    { "SEARCH", "{\"a\":1}", json, "Content-Length: 7\r\n" },
    { "GET", NULL, "", "" } /* nothing of the ones before stays */
  };
  wire_t w;
  wire_begin(&w);
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    char expected[512];
    ask_t a;
    ask_raw(&a, cases[i][0], "/x", cases[i][1]);
    snprintf(expected, sizeof(expected), "%s /v1/x HTTP/1.1\r\nHost: 127.0.0.1:@\r\n%s" ACCEPT
             "%s\r\n%s", cases[i][0], cases[i][2], cases[i][3],
             cases[i][1] != NULL ? cases[i][1] : "");
    must_send(&w, "http://127.0.0.1:@/v1", &a.r, NULL, expected);
  }
  wire_end(&w);
}

static void headers(void** state) {
  (void) state;
  static const uvllm_kv_t given[] = { { "X-A", "1" },       { "x-a", "2" },   { "X-B", " \t b \t" },
                                      { "X-Latin", "\xe9" }, { "Accept", "c" } };
  wire_t w;
  ask_t a;
  wire_begin(&w);
  ask_raw(&a, NULL, "/x", NULL);
  a.r.headers = given;
  a.r.nheaders = sizeof(given) / sizeof(given[0]);
  must_send(&w, "http://127.0.0.1:@/v1", &a.r, NULL,
            "GET /v1/x HTTP/1.1\r\nHost: 127.0.0.1:@\r\n" AGENT
            "x-a: 2\r\nX-B: b\r\nX-Latin: \xe9\r\nAccept: c\r\n\r\n");
  wire_end(&w);
}

/* curl writes no blank behind the colon of an empty one. */
static void empty_headers_are_sent(void** state) {
  (void) state;
  static const uvllm_kv_t given[] = { { "X-Empty", "" }, { "X-Blank", " \t" }, { "X-Last", "1" } };
  wire_t w;
  ask_t a;
  wire_begin(&w);
  ask_raw(&a, NULL, "/x", NULL);
  a.r.headers = given;
  a.r.nheaders = 3;
  for (int i = 0; i < 2; i++) {
    char* url = with_port("http://127.0.0.1:@", w.server.port);
    set_provider(&w, both[i], url, NULL);
    run(&w, &a.r, both[i]);
    assert_non_null(strstr(w.request, i == 0 ? "\r\nX-Empty: \r\nX-Blank: \r\nX-Last: 1\r\n\r\n"
                                             : "\r\nX-Empty:\r\nX-Blank:\r\nX-Last: 1\r\n\r\n"));
    free(url);
  }
  wire_end(&w);
}

/* ---- Adapters ---- */

static const char* bare_method;

static int bare_build(void* state, const uvllm_attempt_t* attempt, uvllm_http_t* http) {
  (void) state, (void) attempt;
  uvllm_http_method(http, bare_method);
  uvllm_http_path(http, "?a=b");
  if (strcmp(bare_method, "POST") == 0)
    uvllm_http_body_ref(http, attempt->request->raw_body);
  return 0;
}

static int bare_frame(void* state, const uvllm_frame_t* frame, uvllm_emit_t* emit) {
  (void) state, (void) frame, (void) emit;
  return UVLLM_COMPLETE;
}

static int bare_error(void* state, int http_status, uvllm_str_t body, uvllm_emit_t* emit) {
  (void) state, (void) http_status, (void) body, (void) emit;
  return UVLLM_EPROVIDER;
}

/* Nothing goes out that the adapter has not asked for. */
static void an_adapter_without_headers(void** state) {
  (void) state;
  static const uvllm_provider_ops_t bare = { .size = sizeof(bare), .state_size = 1,
                                             .build = bare_build, .frame = bare_frame,
                                             .error = bare_error };
  wire_t w;
  ask_t a;
  wire_begin(&w);
  ask_raw(&a, NULL, "/x", "hello");
  bare_method = "POST";
  must_send(&w, "http://127.0.0.1:@/v1", &a.r, &bare,
            "POST /v1?a=b HTTP/1.1\r\nHost: 127.0.0.1:@\r\nContent-Length: 5\r\n\r\nhello");
  must_send(&w, "http://127.0.0.1:@", &a.r, &bare,
            "POST /?a=b HTTP/1.1\r\nHost: 127.0.0.1:@\r\nContent-Length: 5\r\n\r\nhello");
  bare_method = "GET";
  must_send(&w, "http://127.0.0.1:@", &a.r, &bare,
            "GET /?a=b HTTP/1.1\r\nHost: 127.0.0.1:@\r\n\r\n");
  wire_end(&w);
}

/* ---- Hosts ---- */

static void a_name_is_told_as_it_was_given(void** state) {
  (void) state;
  wire_t w;
  ask_t a;
  wire_begin(&w);
  ask_raw(&a, NULL, "/x", NULL);
  must_send(&w, "http://localhost:@/v1", &a.r, NULL,
            "GET /v1/x HTTP/1.1\r\nHost: localhost:@\r\n" ACCEPT "\r\n");
  must_send(&w, "http://api.localhost:@/v1", &a.r, NULL,
            "GET /v1/x HTTP/1.1\r\nHost: api.localhost:@\r\n" ACCEPT "\r\n");
  must_send(&w, "http://LocalHost:@/v1", &a.r, NULL,
            "GET /v1/x HTTP/1.1\r\nHost: LocalHost:@\r\n" ACCEPT "\r\n");
  must_send(&w, "http://127.1:@/v1", &a.r, NULL,
            "GET /v1/x HTTP/1.1\r\nHost: 127.0.0.1:@\r\n" ACCEPT "\r\n");
  wire_end(&w);
}

static void an_ipv6_address_stands_in_brackets(void** state) {
  (void) state;
  wire_t w;
  ask_t a;
  memset(&w, 0, sizeof(w));
  core_begin(&w.core);
  if (!play_start_v6(&w.server, &w.core.loop, keep_request, &w)) {
    core_end(&w.core);
    skip();
  }
  ask_raw(&a, NULL, "/x", NULL);
  must_send(&w, "http://[::1]:@/v1", &a.r, NULL,
            "GET /v1/x HTTP/1.1\r\nHost: [::1]:@\r\n" ACCEPT "\r\n");
  must_send(&w, "http://[0:0::0001]:@/v1", &a.r, NULL,
            "GET /v1/x HTTP/1.1\r\nHost: [::1]:@\r\n" ACCEPT "\r\n");
  wire_end(&w);
}

/* Nobody may listen at port 80 here. */
static void the_default_port_is_not_told(void** state) {
  (void) state;
  static const char* const cases[][2] = {
    { "http://models.test/v1", " HTTP/1.1\r\nHost: models.test\r\n" },
    { "http://models.test:80/v1", " HTTP/1.1\r\nHost: models.test\r\n" },
    { "http://models.test:443/v1", " HTTP/1.1\r\nHost: models.test:443\r\n" },
    { "http://[2001:db8::1]/v1", " HTTP/1.1\r\nHost: [2001:db8::1]\r\n" }
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    uvllm__origin_wish_t wish = { cases[i][0], NULL, NULL, 1, UVLLM_TRANSPORT_AUTO };
    uvllm__origin_t* o;
    const char* why;
    assert_int_equal(uvllm__origin_new(&o, &uvllm__alloc_default, &wish, &why), 0);
    assert_str(o->host_line, cases[i][1]);
    uvllm__origin_unref(o);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(base_urls_and_paths),
    cmocka_unit_test(methods_and_bodies),
    cmocka_unit_test(headers),
    cmocka_unit_test(empty_headers_are_sent),
    cmocka_unit_test(an_adapter_without_headers),
    cmocka_unit_test(a_name_is_told_as_it_was_given),
    cmocka_unit_test(an_ipv6_address_stands_in_brackets),
    cmocka_unit_test(the_default_port_is_not_told),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
