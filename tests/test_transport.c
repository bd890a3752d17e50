/* The way over the network: what is sent where and to nobody else, what a broken
 * peer costs, and what the process sees of it.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memmem */
#endif
#include "core.h"
#include "play.h"
#include "relay.h"
#include "script.h"
#include "tls_server.h"

#define SECRET "sk-test-0123456789abcdef"

static const char whole[] =
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 75\r\n\r\n"
    "{\"choices\":[{\"index\":0,\"message\":{\"content\":\"ok\"},\"finish_reason\":\"stop\"}]}";

/* Replaces the provider "mock" and gives it a key. */
static int try_provider(core_t* c, const char* url, const char* proxy, const char* ca_file) {
  uvllm_provider_options_t p;
  uvllm_key_t key;
  core_provider_init(&p);
  p.name = "mock";
  p.dialect = "openai";
  p.base_url = url;
  p.proxy = proxy;
  p.ca_file = ca_file;
  p.allow_http = 1;
  int err = uvllm_provider_set(c->client, &p);
  uvllm_key_init(&key);
  key.key = SECRET;
  return err != 0 ? err : uvllm_key_set(c->client, "mock", &key);
}

static void set_provider(core_t* c, const char* scheme, int port, const char* proxy,
                         const char* ca_file) {
  char url[64];
  snprintf(url, sizeof(url), "%s://127.0.0.1:%d/v1", scheme, port);
  assert_int_equal(try_provider(c, url, proxy, ca_file), 0);
}

static const char* ca_file(void) {
  static char path[128];
  snprintf(path, sizeof(path), "%s/ca.pem", tls_dir);
  return path;
}

static seen_t chat(core_t* c, const char* prompt, uint32_t max_attempts) {
  ask_t a;
  seen_t s;
  memset(&s, 0, sizeof(s));
  ask_init(&a, prompt, NULL);
  a.r.flags = 0;
  a.r.max_attempts = max_attempts;
  core_submit(c, &a.r, &s);
  core_run(c, c->ndone + 1);
  return s;
}

static seen_t get(core_t* c, uvllm_op op, const char* path) {
  ask_t a;
  seen_t s;
  memset(&s, 0, sizeof(s));
  ask_init(&a, "", NULL);
  a.r.op = op;
  a.r.raw_path = path;
  a.r.flags = op == UVLLM_RAW ? UVLLM_BODY : 0;
  a.r.nmessages = 0;
  a.r.max_attempts = 1;
  core_submit(c, &a.r, &s);
  core_run(c, c->ndone + 1);
  return s;
}

static char* large_prompt(size_t n) {
  char* p = malloc(n + 1);
  memset(p, 'a', n);
  p[n] = '\0';
  return p;
}

/* ---- What is sent where ------------------------------------------------------------ */

static void a_redirect_takes_the_key_nowhere(void** state) {
  (void) state;
  core_t c;
  script_t from, to;
  char answer[256];
  static const char* const lines[] = { "301 Moved Permanently", "302 Found", "303 See Other",
                                       "307 Temporary Redirect", "308 Permanent Redirect" };
  core_begin(&c);
  script_start(&to, &c.loop, whole, sizeof(whole) - 1, SCRIPT_CLOSE);
  script_start(&from, &c.loop, answer, 0, SCRIPT_CLOSE);
  set_provider(&c, "http", from.port, NULL, NULL);
  for (int i = 0; i < 5; i++) {
    from.len = (size_t) snprintf(answer, sizeof(answer), "HTTP/1.1 %s\r\nLocation: "
                                 "http://127.0.0.1:%d/v1/chat/completions\r\n"
                                 "Content-Length: 0\r\n\r\n", lines[i], to.port);
    seen_t s = chat(&c, "hello", 3);
    assert_int_equal(s.status, UVLLM_EPROTO);
    assert_int_equal(s.attempts, 1);
    assert_non_null(strstr(s.message, "redirect"));
  }
  assert_int_equal(from.nrequests, 5);
  assert_int_equal(to.nconnections, 0);
  script_stop(&from);
  script_stop(&to);
  core_end(&c);
}

static void a_plain_proxy_is_given_the_whole_url(void** state) {
  (void) state;
  core_t c;
  script_t proxy;
  char url[128];
  core_begin(&c);
  script_start(&proxy, &c.loop, whole, sizeof(whole) - 1, SCRIPT_CLOSE);
  snprintf(url, sizeof(url), "http://user:secret@127.0.0.1:%d", proxy.port);
  assert_int_equal(try_provider(&c, "http://models.test:8080/v1", url, NULL), 0);
  assert_int_equal(chat(&c, "hello", 1).status, 0);
  assert_ptr_equal(strstr(proxy.request,
                          "POST http://models.test:8080/v1/chat/completions HTTP/1.1\r\n"),
                   proxy.request);
  assert_non_null(strstr(proxy.request, "Proxy-Authorization: Basic dXNlcjpzZWNyZXQ=\r\n"));
  assert_non_null(strstr(proxy.request, "Host: models.test:8080\r\n"));
  script_stop(&proxy);
  core_end(&c);
}

static void a_tunnel_carries_the_key_past_the_proxy(void** state) {
  (void) state;
  core_t c;
  relay_t proxy;
  tls_server_t server;
  char url[64];
  tls_start(&server, "good", "-HTTP");
  core_begin(&c);
  relay_start(&proxy, &c.loop, server.port, 1);
  snprintf(url, sizeof(url), "http://127.0.0.1:%d", proxy.port);
  set_provider(&c, "https", server.port, url, ca_file());
  seen_t s = get(&c, UVLLM_MODELS, NULL);
  assert_int_equal(s.status, 0);
  assert_int_equal(s.http_status, 200); /* not the proxy's own */
  assert_int_equal(s.nevents[UVLLM_EVENT_MODEL], 1);
  assert_ptr_equal(strstr(proxy.request, "CONNECT 127.0.0.1:"), proxy.request);
  assert_null(strstr(proxy.request, SECRET));
  assert_null(strstr(proxy.request, "uthorization"));
  relay_stop(&proxy);
  core_end(&c);
  tls_stop(&server);
}

static void a_proxy_that_refuses_costs_a_clear_error(void** state) {
  (void) state;
  static const char no[] = "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno";
  core_t c;
  script_t proxy;
  char url[64];
  core_begin(&c);
  script_start(&proxy, &c.loop, no, sizeof(no) - 1, SCRIPT_CLOSE);
  snprintf(url, sizeof(url), "http://127.0.0.1:%d", proxy.port);
  set_provider(&c, "https", 443, url, NULL);
  seen_t s = chat(&c, "hello", 1);
  assert_int_equal(s.status, UV_ECONNREFUSED);
  assert_non_null(strstr(s.message, "403"));
  assert_null(strstr(proxy.request, SECRET));
  script_stop(&proxy);
  core_end(&c);
}

static void what_is_no_proxy_is_refused(void** state) {
  (void) state;
  static const char* const proxies[] = { "", "ftp://127.0.0.1", "http://",
                                         "socks5://127.0.0.1", "http://h\nX: y",
                                         "http://h\xc3\xbc" };
  core_t c;
  core_begin(&c);
  for (size_t i = 0; i < sizeof(proxies) / sizeof(proxies[0]); i++) {
    assert_int_equal(try_provider(&c, "https://127.0.0.1/v1", proxies[i], NULL), UV_EINVAL);
    assert_non_null(strstr(uvllm_last_error(c.client), "proxy"));
  }
  assert_int_equal(try_provider(&c, "https://127.0.0.1/v1", "socks5h://u:p@127.0.0.1", NULL), 0);
  assert_int_equal(try_provider(&c, "https://127.0.0.1/v1", "127.0.0.1:3128", NULL), 0);
  core_end(&c);
}

static void what_is_no_base_url_is_refused(void** state) {
  (void) state;
  static const char* const urls[] = {
    "", "models.test", "ftp://models.test", "https://", "https://user@models.test/v1",
    "https://u:p@models.test/v1", "https://models.test/v1?x=1", "https://models.test/v1#x",
    "https://models.test/v1\r\nX: y", "https://models.test/v 1", "https://\xc3\xbc.test/v1",
    "https://models.test:70000/v1", "file:///etc/passwd"
  };
  core_t c;
  core_begin(&c);
  for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
    assert_int_equal(try_provider(&c, urls[i], NULL, NULL), UV_EINVAL);
    assert_non_null(strstr(uvllm_last_error(c.client), "URL"));
  }
  core_end(&c);
}

static void headers_that_may_not_be_sent_are_refused(void** state) {
  (void) state;
  static const uvllm_kv_t bad[] = {
    { "X-A", "b\r\nX-C: d" }, { "X-A", "b\nX-C: d" }, { "X-A\r\nX-B", "c" }, { "X A", "b" },
    { "X-A:", "b" }, { "", "b" }, { "X-A", "b\x01" }, { "X-A", "b\x7f" }, { "Host", "elsewhere" },
    { "content-length", "0" }, { "Transfer-Encoding", "chunked" }, { "Connection", "close" },
    { "Proxy-Authorization", "x" }, { "Expect", "100-continue" }
  };
  core_t c;
  seen_t s;
  uvllm_provider_options_t p;
  memset(&s, 0, sizeof(s));
  core_begin(&c);
  set_provider(&c, "http", 1, NULL, NULL);
  core_provider_init(&p);
  p.name = "other";
  p.dialect = "openai";
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
    ask_t a;
    ask_init(&a, "hello", NULL);
    a.r.headers = p.headers = &bad[i];
    a.r.nheaders = p.nheaders = 1;
    assert_int_equal(core_try(&c, &a.r, &s), UV_EINVAL);
    assert_non_null(strstr(uvllm_last_error(c.client), "header"));
    assert_int_equal(uvllm_provider_set(c.client, &p), UV_EINVAL);
    assert_non_null(strstr(uvllm_last_error(c.client), "header"));
  }
  core_end(&c);
}

static void neither_netrc_nor_the_environment_is_read(void** state) {
  (void) state;
  static const char* const names[] = { "http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy",
                                       "ALL_PROXY" };
  core_t c;
  script_t server;
  char home[] = "/tmp/uvllm-home-XXXXXX", netrc[64];
  assert_non_null(mkdtemp(home));
  snprintf(netrc, sizeof(netrc), "%s/.netrc", home);
  FILE* f = fopen(netrc, "w");
  fputs("machine 127.0.0.1 login somebody password something\n", f);
  fclose(f);
  setenv("HOME", home, 1);
  setenv("no_proxy", "127.0.0.1", 1);
  for (int i = 0; i < 5; i++)
    setenv(names[i], "http://127.0.0.1:1", 1);
  core_begin(&c);
  script_start(&server, &c.loop, whole, sizeof(whole) - 1, SCRIPT_CLOSE);
  char url[64];
  snprintf(url, sizeof(url), "http://127.0.0.1:%d/v1", server.port);
  core_provider(&c, "mock", url, NULL); /* without a key */
  assert_int_equal(chat(&c, "hello", 1).status, 0);
  assert_null(strcasestr(server.request, "\r\nAuthorization:"));
  script_t proxy; /* no_proxy does not unset ours */
  script_start(&proxy, &c.loop, whole, sizeof(whole) - 1, SCRIPT_CLOSE);
  snprintf(netrc, sizeof(netrc), "http://127.0.0.1:%d", proxy.port);
  set_provider(&c, "http", server.port, netrc, NULL);
  assert_int_equal(chat(&c, "hello", 1).status, 0);
  assert_int_equal(proxy.nrequests, 1);
  script_stop(&proxy);
  script_stop(&server);
  core_end(&c);
  snprintf(netrc, sizeof(netrc), "%s/.netrc", home);
  unlink(netrc);
  rmdir(home);
  unsetenv("no_proxy");
  for (int i = 0; i < 5; i++)
    unsetenv(names[i]);
}

/* ---- Broken peers -------------------------------------------------------------------- */

static volatile sig_atomic_t npipes;

static void on_pipe(int signum) {
  (void) signum;
  npipes++;
}

static void actions(void (*all[32])(int)) {
  struct sigaction one;
  for (int i = 1; i < 32; i++)
    all[i] = sigaction(i, NULL, &one) == 0 ? one.sa_handler : SIG_DFL;
}

static void a_reset_while_we_write_tls_raises_no_signal(void** state) {
  (void) state;
  core_t c;
  relay_t relay;
  tls_server_t server;
  struct sigaction count, old;
  void (*before[32])(int) = { SIG_DFL };
  void (*after[32])(int) = { SIG_DFL };
  char* prompt = large_prompt(8 << 20);
  memset(&count, 0, sizeof(count));
  count.sa_handler = on_pipe;
  sigaction(SIGPIPE, &count, &old);
  npipes = 0;
  actions(before);
  tls_start(&server, "good", "-HTTP");
  core_begin(&c);
  relay_start(&relay, &c.loop, server.port, 0);
  relay.reset_after = 200000;
  set_provider(&c, "https", relay.port, NULL, ca_file());
  seen_t s = chat(&c, prompt, 3);
  assert_true(s.status == UV_ECONNRESET || s.status == UV_EPIPE);
  assert_int_equal(s.attempts, 3);
  assert_int_equal(relay.nresets, 3);
  relay_stop(&relay);
  core_end(&c);
  actions(after);
  assert_memory_equal(before, after, sizeof(before));
  assert_int_equal(npipes, 0);
  sigaction(SIGPIPE, &old, NULL);
  tls_stop(&server);
  free(prompt);
}

/* It is the network's fault, not the certificate's. */
static void a_reset_in_the_handshake_is_tried_again(void** state) {
  (void) state;
  core_t c;
  relay_t relay;
  script_t script;
  tls_server_t server;
  tls_start(&server, "good", "-HTTP");
  core_begin(&c);
  relay_start(&relay, &c.loop, server.port, 0);
  relay.reset_after = 1;
  set_provider(&c, "https", relay.port, NULL, ca_file());
  seen_t s = chat(&c, "hello", 2);
  assert_int_equal(s.status, UV_ECONNRESET);
  assert_int_equal(s.attempts, 2);
  relay_stop(&relay);
  script_start(&script, &c.loop, NULL, 0, SCRIPT_CLOSE);
  script.read_at_most = 1;
  set_provider(&c, "https", script.port, NULL, ca_file());
  s = chat(&c, "hello", 2);
  assert_int_equal(s.status, UV_ECONNRESET);
  assert_int_equal(s.attempts, 2);
  script.bytes = "HTTP/1.1 400 Bad Request\r\n\r\n"; /* no TLS at all: will not be later either */
  script.len = strlen(script.bytes);
  s = chat(&c, "hello", 2);
  assert_int_equal(s.status, UVLLM_ETLS);
  assert_int_equal(s.attempts, 1);
  script_stop(&script);
  core_end(&c);
  tls_stop(&server);
}

/* Handles are pooled: the code is of this transfer, not of the one before. */
static void errors_do_not_linger_on_a_handle(void** state) {
  (void) state;
  core_t c;
  script_t script;
  core_begin(&c);
  set_provider(&c, "http", 1, NULL, NULL);
  assert_int_equal(chat(&c, "hello", 1).status, UV_ECONNREFUSED);
  script_start(&script, &c.loop, NULL, 0, SCRIPT_CLOSE);
  set_provider(&c, "http", script.port, NULL, NULL);
  assert_int_equal(chat(&c, "hello", 1).status, UV_ECONNRESET);
  script.bytes = whole;
  script.len = sizeof(whole) - 1;
  assert_int_equal(chat(&c, "hello", 1).status, 0);
  script_stop(&script);
  core_end(&c);
}

/* A connection of the pool that the server has closed meanwhile is not used. */
static void dead_idle_connections_are_not_used(void** state) {
  (void) state;
  core_t c;
  script_t script;
  core_begin(&c);
  script_start(&script, &c.loop, whole, sizeof(whole) - 1, SCRIPT_CLOSE);
  set_provider(&c, "http", script.port, NULL, NULL);
  for (int i = 1; i <= 20; i++) {
    seen_t s = chat(&c, "hello", 1);
    assert_int_equal(s.status, 0);
    assert_int_equal(s.attempts, 1);
    while (script.conns != NULL)
      uv_run(&c.loop, UV_RUN_NOWAIT);
    assert_int_equal(script.nconnections, i);
  }
  script_stop(&script);
  core_end(&c);
}

/* Answers, and says more a turn later: another answer, that nobody has asked for. */
static void answer_and_go_on(play_conn_t* c, play_part_t* p) {
  static const char more[] =
      "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 75\r\n\r\n"
      "{\"choices\":[{\"index\":0,\"message\":{\"content\":\"ok\"},\"finish_reason\":\"stop\"}]}"
      "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno";
  (void) c;
  p->bytes = more;
  p->len = sizeof(more) - 1;
  p->piece = sizeof(whole) - 1;
}

static void bytes_that_nobody_asked_for_end_a_kept_connection(void** state) {
  (void) state;
  core_t c;
  play_t server;
  core_begin(&c);
  play_start_tcp(&server, &c.loop, "127.0.0.1", answer_and_go_on, NULL);
  set_provider(&c, "http", server.port, NULL, NULL);
  for (int i = 1; i <= 5; i++) {
    seen_t s = chat(&c, "hello", 1);
    assert_int_equal(s.status, 0);
    assert_string_equal(s.result, "ok");
    assert_int_equal(server.nconnections, i);
    while (server.nopen > 0)
      uv_run(&c.loop, UV_RUN_ONCE);
  }
  play_stop(&server);
  core_end(&c);
}

static void answer_once(play_conn_t* c, play_part_t* p) {
  (void) c;
  p->bytes = whole;
  p->len = sizeof(whole) - 1;
}

/* Nothing went out on it, so nothing was sent twice. */
static void a_kept_connection_that_was_reset_costs_no_attempt(void** state) {
  (void) state;
  core_t c;
  play_t server;
  core_begin(&c);
  play_start_tcp(&server, &c.loop, "127.0.0.1", answer_once, NULL);
  set_provider(&c, "http", server.port, NULL, NULL);
  for (int i = 1; i <= 5; i++) {
    seen_t s = chat(&c, "hello", 1);
    assert_int_equal(s.status, 0);
    assert_int_equal(s.attempts, 1);
    assert_int_equal(server.nrequests, i);
    assert_int_equal(server.nconnections, i);
    play_close(server.conns, PLAY_RESET);
  }
  play_stop(&server);
  core_end(&c);
}

static char page[65536];

static void on_page(seen_t* s, const uvllm_event_t* e) {
  size_t at = strlen(page);
  (void) s;
  if (e->type == UVLLM_EVENT_RAW)
    snprintf(page + at, sizeof(page) - at, "%.*s", (int) e->u.text.len, e->u.text.base);
}

static int count_in_page(const char* words) {
  int n = 0;
  for (const char* p = page; (p = strstr(p, words)) != NULL; p++)
    n++;
  return n;
}

/* A full handshake once; afterwards on whatever handle a connection is made: the
 * one used last is kept busy by a server that does not answer. */
static void tls_sessions_are_taken_up_again(void** state) {
  (void) state;
  enum { N = 4 };
  core_t c;
  script_t silent;
  tls_server_t server;
  seen_t s[N], busy[N];
  memset(s, 0, sizeof(s));
  memset(busy, 0, sizeof(busy));
  page[0] = '\0';
  tls_start(&server, "good", "-www");
  core_begin(&c);
  script_start(&silent, &c.loop, "", 0, SCRIPT_HOLD);
  for (int i = 0; i < N; i++) {
    ask_t a;
    ask_init(&a, "", NULL);
    a.r.op = UVLLM_RAW;
    a.r.raw_path = "/";
    a.r.flags = 0;
    a.r.nmessages = 0;
    s[i].on_event = on_page;
    set_provider(&c, "https", server.port, NULL, ca_file());
    core_submit(&c, &a.r, &s[i]);
    core_run(&c, i + 1);
    set_provider(&c, "http", silent.port, NULL, NULL);
    core_submit(&c, &a.r, &busy[i]);
    while (silent.nrequests == i)
      uv_run(&c.loop, UV_RUN_ONCE);
  }
  assert_int_equal(count_in_page("New, TLSv1"), 1);
  assert_int_equal(count_in_page("Reused, TLSv1"), N - 1);
  script_stop(&silent);
  core_end(&c);
  for (int i = 0; i < N; i++)
    assert_int_equal(busy[i].status, UV_ECANCELED);
  tls_stop(&server);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_redirect_takes_the_key_nowhere),
    cmocka_unit_test(a_plain_proxy_is_given_the_whole_url),
    cmocka_unit_test(a_tunnel_carries_the_key_past_the_proxy),
    cmocka_unit_test(a_proxy_that_refuses_costs_a_clear_error),
    cmocka_unit_test(what_is_no_proxy_is_refused),
    cmocka_unit_test(what_is_no_base_url_is_refused),
    cmocka_unit_test(headers_that_may_not_be_sent_are_refused),
    cmocka_unit_test(neither_netrc_nor_the_environment_is_read),
    cmocka_unit_test(a_reset_while_we_write_tls_raises_no_signal),
    cmocka_unit_test(a_reset_in_the_handshake_is_tried_again),
    cmocka_unit_test(errors_do_not_linger_on_a_handle),
    cmocka_unit_test(dead_idle_connections_are_not_used),
    cmocka_unit_test(bytes_that_nobody_asked_for_end_a_kept_connection),
    cmocka_unit_test(a_kept_connection_that_was_reset_costs_no_attempt),
    cmocka_unit_test(tls_sessions_are_taken_up_again),
  };
  return cmocka_run_group_tests(tests, tls_setup, tls_teardown);
}
