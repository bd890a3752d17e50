/* Names beside other requests, and a first address that never answers. What else
 * there is to names stands in test_dns.c.
 */
#include "core.h"
#include "resolver.h"

#include <netinet/in.h>
#include <unistd.h>

static void begin(core_t* c, const char* first, const char* second) {
  uvllm_provider_options_t p;
  char url[64];
  resolver_reset(first, second);
  core_begin(c);
  core_mock(c, NULL, NULL);
  core_provider_init(&p);
  snprintf(url, sizeof(url), "http://names.test:%d/v1", uvllm_mock_port(c->mock));
  p.name = "named";
  p.dialect = "openai";
  p.base_url = url;
  p.allow_http = 1;
  assert_int_equal(uvllm_provider_set(c->client, &p), 0);
}

static void ask(core_t* c, const char* x_mock, uint32_t max_attempts, seen_t* s) {
  ask_t a;
  memset(s, 0, sizeof(*s));
  ask_init(&a, "x", x_mock);
  a.r.target.provider = "named";
  a.r.max_attempts = max_attempts;
  core_submit(c, &a.r, s);
}

/* The mock refuses a Host that is not its own on loopback (403): that came there. */
static void check_came_there(const seen_t* s) {
  assert_int_equal(s->done, 1);
  assert_true(s->http_status != 0);
}

static void the_loop_goes_on_while_a_name_is_asked_for(void** state) {
  (void) state;
  core_t c;
  seen_t named, other;
  begin(&c, "127.0.0.1", NULL);
  resolver_close(1);
  ask(&c, NULL, 1, &named);
  memset(&other, 0, sizeof(other));
  core_ask(&c, "y", NULL, &other);
  core_run(&c, 1);
  assert_int_equal(other.status, 0);
  assert_int_equal(named.done, 0);
  resolver_close(0);
  core_run(&c, 2);
  check_came_there(&named);
  core_end(&c);
}

/* A listener whose backlog is full: who connects to it hangs. */
static int full_listener(int port, int fds[3]) {
  struct sockaddr_in6 addr;
  memset(&addr, 0, sizeof(addr));
  addr.sin6_family = AF_INET6;
  addr.sin6_addr = in6addr_loopback;
  addr.sin6_port = htons((uint16_t) port);
  for (int i = 0; i < 3; i++)
    fds[i] = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fds[0] < 0 || bind(fds[0], (struct sockaddr*) &addr, sizeof(addr)) != 0 ||
      listen(fds[0], 0) != 0)
    return 0;
  for (int i = 1; i < 3; i++)
    connect(fds[i], (struct sockaddr*) &addr, sizeof(addr));
  return 1;
}

/* The connection that was tried first is given up when another one stands: its
 * descriptor is another's then, and must not be watched as the old one. */
static void a_connection_that_hangs_is_given_up(void** state) {
  (void) state;
  core_t c;
  static seen_t s[10];
  int fds[3];
  begin(&c, "::1", "127.0.0.1");
  int ready = full_listener(uvllm_mock_port(c.mock), fds);
  for (int i = 0; ready && i < 10; i++)
    ask(&c, "close", 1, &s[i]);
  core_run(&c, ready ? 10 : 0);
  for (int i = 0; ready && i < 10; i++) {
    check_came_there(&s[i]);
    ask(&c, "close", 1, &s[i]);
  }
  core_run(&c, ready ? 20 : 0);
  for (int i = 0; ready && i < 10; i++)
    check_came_there(&s[i]);
  for (int i = 0; i < 3; i++)
    close(fds[i]);
  core_end(&c);
  if (!ready)
    skip(); /* no IPv6 here */
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(the_loop_goes_on_while_a_name_is_asked_for),
    cmocka_unit_test(a_connection_that_hangs_is_given_up),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
