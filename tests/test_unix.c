/* HTTP over Unix sockets, on both transports: which path is asked for where, and
 * what is said of sockets that do not serve.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memmem */
#endif
#include "core.h"
#include "play.h"

#include <sys/stat.h>

static const uvllm_transport both[] = { UVLLM_TRANSPORT_PLAIN, UVLLM_TRANSPORT_CURL };

typedef struct unix_s {
  core_t core;
  play_t server;
  char folder[32];
  char path[64]; /* of the server's socket */
  char request[4096];
} unix_t;

static void answer(play_conn_t* c, play_part_t* p) {
  static const char whole[] =
      "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 75\r\n\r\n"
      "{\"choices\":[{\"index\":0,\"message\":{\"content\":\"ok\"},\"finish_reason\":\"stop\"}]}";
  unix_t* u = c->play->data;
  snprintf(u->request, sizeof(u->request), "%s", c->in);
  p->bytes = whole;
  p->len = sizeof(whole) - 1;
}

static int bind_socket(const char* path) {
  struct sockaddr_un addr = { .sun_family = AF_UNIX };
  int fd = play_socket(AF_UNIX);
  snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
  assert_int_equal(bind(fd, (struct sockaddr*) &addr, sizeof(addr)), 0);
  return fd;
}

static void begin(unix_t* u) {
  memset(u, 0, sizeof(*u));
  strcpy(u->folder, "/tmp/uvllm-unix-XXXXXX");
  assert_non_null(mkdtemp(u->folder));
  snprintf(u->path, sizeof(u->path), "%s/s", u->folder);
  core_begin(&u->core);
  play_start(&u->server, &u->core.loop, bind_socket(u->path), answer, u);
}

static void end(unix_t* u) {
  play_stop(&u->server);
  core_end(&u->core);
  unlink(u->path);
  assert_int_equal(rmdir(u->folder), 0);
}

static int try_provider(unix_t* u, const char* url, uvllm_transport transport,
                        const char* proxy) {
  uvllm_provider_options_t p;
  uvllm_provider_options_init(&p);
  p.name = "mock";
  p.dialect = "openai";
  p.base_url = url;
  p.transport = transport;
  p.proxy = proxy;
  return uvllm_provider_set(u->core.client, &p);
}

static seen_t chat(unix_t* u) {
  seen_t s;
  ask_t a;
  memset(&s, 0, sizeof(s));
  ask_init(&a, "hello", NULL);
  a.r.flags = 0;
  a.r.max_attempts = 1;
  core_submit(&u->core, &a.r, &s);
  core_run(&u->core, u->core.ndone + 1);
  return s;
}

static void the_path_behind_the_socket_is_asked_for(void** state) {
  (void) state;
  static const char* const cases[][2] = { { "", "POST /chat/completions HTTP/1.1\r\n" },
                                          { ":/", "POST /chat/completions HTTP/1.1\r\n" },
                                          { ":/v1", "POST /v1/chat/completions HTTP/1.1\r\n" },
                                          { ":/a/b/", "POST /a/b/chat/completions HTTP/1.1\r\n" } };
  unix_t u;
  begin(&u);
  for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
    char url[128];
    snprintf(url, sizeof(url), "unix:%s%s", u.path, cases[i / 2][0]);
    assert_int_equal(try_provider(&u, url, both[i % 2], NULL), 0);
    seen_t s = chat(&u);
    assert_int_equal(s.status, 0);
    assert_int_equal(s.transport, both[i % 2]);
    assert_string_equal(s.result, "ok");
    assert_ptr_equal(strstr(u.request, cases[i / 2][1]), u.request);
    assert_non_null(strstr(u.request, "\r\nHost: localhost\r\n"));
  }
  assert_int_equal(u.server.nconnections, 2); /* one of each transport, kept */
  end(&u);
}

static void plain_sockets_are_the_default(void** state) {
  (void) state;
  unix_t u;
  char url[128];
  begin(&u);
  snprintf(url, sizeof(url), "unix:%s", u.path);
  assert_int_equal(try_provider(&u, url, UVLLM_TRANSPORT_AUTO, NULL), 0);
  assert_int_equal(chat(&u).transport, UVLLM_TRANSPORT_PLAIN);
  end(&u);
}

/* The host is called the same: the connections are not. */
static void two_sockets_are_two_servers(void** state) {
  (void) state;
  unix_t u;
  unix_t* other = malloc(sizeof(*other));
  begin(&u);
  memset(other, 0, sizeof(*other));
  snprintf(other->path, sizeof(other->path), "%s/t", u.folder);
  play_start(&other->server, &u.core.loop, bind_socket(other->path), answer, other);
  for (int i = 0; i < 2; i++)
    for (int k = 1; k <= 3; k++) {
      char url[128];
      snprintf(url, sizeof(url), "unix:%s", u.path);
      assert_int_equal(try_provider(&u, url, both[i], NULL), 0);
      assert_int_equal(chat(&u).status, 0);
      snprintf(url, sizeof(url), "unix:%s", other->path);
      assert_int_equal(try_provider(&u, url, both[i], NULL), 0);
      assert_int_equal(chat(&u).status, 0);
      assert_int_equal(u.server.nrequests, 3 * i + k);
      assert_int_equal(other->server.nrequests, 3 * i + k);
      assert_int_equal(u.server.nconnections, i + 1);
      assert_int_equal(other->server.nconnections, i + 1);
    }
  play_stop(&other->server);
  unlink(other->path);
  free(other);
  end(&u);
}

static void what_is_no_unix_url_is_refused(void** state) {
  (void) state;
  static const char* const urls[] = { "unix:", "unix:relative.sock", "unix:./s", "unix://host/s",
                                      "unix:/s:v1", "unix:/s:", "unix:/s:/v1?x=1", "unix:/s:/v 1",
                                      "unix:/s:/v1#x", "unix:/s:/\xc3\xa9" };
  unix_t u;
  char longest[256] = "unix:/";
  begin(&u);
  for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++)
    for (int t = 0; t < 2; t++) {
      int err = try_provider(&u, urls[i], both[t], NULL);
      if (strcmp(urls[i], "unix://host/s") == 0) { /* a path with two slashes */
        assert_int_equal(err, 0);
        continue;
      }
      assert_int_equal(err, UV_EINVAL);
      assert_true(strstr(uvllm_last_error(u.core.client), "unix:") != NULL ||
                  strstr(uvllm_last_error(u.core.client), "base URL") != NULL);
    }
  memset(longest + 6, 'a', 106); /* with the slash one less than a socket's name has room for */
  assert_int_equal(try_provider(&u, longest, UVLLM_TRANSPORT_AUTO, NULL), 0);
  longest[112] = 'a';
  assert_int_equal(try_provider(&u, longest, UVLLM_TRANSPORT_AUTO, NULL), UV_EINVAL);
  assert_non_null(strstr(uvllm_last_error(u.core.client), "108"));
  end(&u);
}

static void a_proxy_is_not_for_unix_sockets(void** state) {
  (void) state;
  unix_t u;
  begin(&u);
  for (int t = 0; t < 2; t++) {
    assert_int_equal(try_provider(&u, "unix:/s", both[t], "http://127.0.0.1:1"), UV_EINVAL);
    assert_non_null(strstr(uvllm_last_error(u.core.client), "proxy"));
  }
  end(&u);
}

static void a_socket_that_does_not_serve(void** state) {
  (void) state;
  unix_t u;
  char url[128], stale[64];
  begin(&u);
  snprintf(stale, sizeof(stale), "%s/stale", u.folder);
  close(bind_socket(stale));
  for (int t = 0; t < 2; t++) {
    snprintf(url, sizeof(url), "unix:%s/none", u.folder);
    assert_int_equal(try_provider(&u, url, both[t], NULL), 0);
    seen_t s = chat(&u);
    assert_int_equal(s.status, UV_ENOENT);
    assert_non_null(strstr(s.message, both[t] == UVLLM_TRANSPORT_PLAIN ? "/none" : "connect"));
    snprintf(url, sizeof(url), "unix:%s", stale);
    assert_int_equal(try_provider(&u, url, both[t], NULL), 0);
    assert_int_equal(chat(&u).status, UV_ECONNREFUSED);
  }
  unlink(stale);
  end(&u);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(the_path_behind_the_socket_is_asked_for),
    cmocka_unit_test(plain_sockets_are_the_default),
    cmocka_unit_test(two_sockets_are_two_servers),
    cmocka_unit_test(what_is_no_unix_url_is_refused),
    cmocka_unit_test(a_proxy_is_not_for_unix_sockets),
    cmocka_unit_test(a_socket_that_does_not_serve),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
