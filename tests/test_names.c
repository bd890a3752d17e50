/* Names: resolved off the loop, once for many requests, again when an address
 * did not work; and what waits for a name can be ended at any time. The resolver
 * is a fake one: this program's getaddrinfo() stands before the system's.
 */
#include "core.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <semaphore.h>
#include <unistd.h>

/* What the fake resolver says; the loop's thread changes it between questions. */
static struct {
  const char* addresses[4];
  int err;
  int held; /* each question waits at the gate */
  int nasked;
  sem_t gate;
} fake;

/* Else the linker would hide it from libuv. */
#pragma GCC visibility push(default)

int getaddrinfo(const char* node, const char* service, const struct addrinfo* hints,
                struct addrinfo** list) {
  struct addrinfo** next = list;
  (void) service, (void) hints;
  __atomic_add_fetch(&fake.nasked, 1, __ATOMIC_SEQ_CST);
  if (fake.held)
    sem_wait(&fake.gate);
  if (fake.err != 0 || strcmp(node, "names.test") != 0)
    return fake.err != 0 ? fake.err : EAI_NONAME;
  for (int i = 0; fake.addresses[i] != NULL; i++) {
    struct addrinfo* ai = calloc(1, sizeof(*ai) + sizeof(struct sockaddr_in6));
    struct sockaddr_in* v4 = (struct sockaddr_in*) (void*) (ai + 1);
    struct sockaddr_in6* v6 = (struct sockaddr_in6*) (void*) (ai + 1);
    ai->ai_family = v4->sin_family = strchr(fake.addresses[i], ':') ? AF_INET6 : AF_INET;
    inet_pton(ai->ai_family, fake.addresses[i],
              ai->ai_family == AF_INET6 ? (void*) &v6->sin6_addr : (void*) &v4->sin_addr);
    ai->ai_socktype = SOCK_STREAM;
    ai->ai_addrlen = sizeof(*v6);
    ai->ai_addr = (struct sockaddr*) v4;
    *next = ai;
    next = &ai->ai_next;
  }
  return 0;
}

void freeaddrinfo(struct addrinfo* list) {
  while (list != NULL) {
    struct addrinfo* next = list->ai_next;
    free(list);
    list = next;
  }
}

#pragma GCC visibility pop

static void begin(core_t* c, const char* address, const char* second) {
  uvllm_provider_options_t p;
  char url[64];
  memset(&fake, 0, sizeof(fake));
  sem_init(&fake.gate, 0, 0);
  fake.addresses[0] = address;
  fake.addresses[1] = second;
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

static void one_question_for_many_requests(void** state) {
  (void) state;
  core_t c;
  static seen_t s[200];
  begin(&c, "127.0.0.1", NULL);
  for (int i = 0; i < 200; i++)
    ask(&c, NULL, 1, &s[i]);
  core_run(&c, 200);
  assert_int_equal(fake.nasked, 1);
  for (int i = 0; i < 200; i++)
    check_came_there(&s[i]);
  ask(&c, NULL, 1, &s[0]); /* and later ones have the answer already */
  core_run(&c, 201);
  check_came_there(&s[0]);
  assert_int_equal(fake.nasked, 1);
  core_end(&c);
}

static void the_loop_goes_on_while_a_name_is_asked_for(void** state) {
  (void) state;
  core_t c;
  seen_t named, other;
  begin(&c, "127.0.0.1", NULL);
  fake.held = 1;
  ask(&c, NULL, 1, &named);
  memset(&other, 0, sizeof(other));
  core_ask(&c, "y", NULL, &other);
  core_run(&c, 1);
  assert_int_equal(other.status, 0);
  assert_int_equal(named.done, 0);
  sem_post(&fake.gate);
  core_run(&c, 2);
  check_came_there(&named);
  core_end(&c);
}

static void a_name_that_is_not_known(void** state) {
  (void) state;
  core_t c;
  static seen_t s[10];
  begin(&c, NULL, NULL);
  fake.err = EAI_NONAME;
  for (int i = 0; i < 10; i++)
    ask(&c, NULL, 3, &s[i]);
  core_run(&c, 10);
  for (int i = 0; i < 10; i++) {
    assert_int_equal(s[i].status, UV_EAI_NONAME);
    assert_int_equal(s[i].attempts, 1);
    assert_int_equal(s[i].usage.input_tokens, 0);
  }
  core_end(&c);
}

static void a_failure_of_the_resolver_is_tried_again(void** state) {
  (void) state;
  core_t c;
  seen_t s;
  uvllm_stats_t stats;
  begin(&c, "127.0.0.1", NULL);
  fake.err = EAI_AGAIN;
  ask(&c, NULL, 5, &s);
  do {
    uv_run(&c.loop, UV_RUN_ONCE);
    uvllm_stats(c.client, NULL, NULL, &stats);
  } while (stats.waiting_retry == 0);
  fake.err = 0;
  core_run(&c, 1);
  check_came_there(&s);
  core_end(&c);
}

static void an_answer_without_addresses(void** state) {
  (void) state;
  core_t c;
  seen_t s;
  begin(&c, NULL, NULL);
  ask(&c, NULL, 1, &s);
  core_run(&c, 1);
  assert_int_equal(s.status, UV_EAI_NONAME);
  core_end(&c);
}

static void the_next_address_is_tried(void** state) {
  (void) state;
  core_t c;
  static seen_t s[20];
  begin(&c, "127.0.0.2", "127.0.0.1"); /* nobody listens at the first one */
  for (int i = 0; i < 20; i++)
    ask(&c, NULL, 1, &s[i]);
  core_run(&c, 20);
  for (int i = 0; i < 20; i++)
    check_came_there(&s[i]);
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

static void an_address_that_fails_is_asked_for_anew(void** state) {
  (void) state;
  core_t c;
  seen_t s;
  begin(&c, "127.0.0.2", NULL);
  ask(&c, NULL, 1, &s);
  core_run(&c, 1);
  assert_int_equal(s.status, UV_ECONNREFUSED);
  assert_int_equal(fake.nasked, 1);
  fake.addresses[0] = "127.0.0.1"; /* it has moved */
  ask(&c, NULL, 1, &s);
  core_run(&c, 2);
  check_came_there(&s);
  assert_int_equal(fake.nasked, 2);
  core_end(&c);
}

static void old_addresses_serve_while_the_resolver_is_down(void** state) {
  (void) state;
  core_t c;
  seen_t s;
  begin(&c, "127.0.0.2", NULL);
  ask(&c, NULL, 1, &s);
  core_run(&c, 1);
  assert_int_equal(s.status, UV_ECONNREFUSED);
  fake.err = EAI_AGAIN;
  ask(&c, NULL, 1, &s);
  core_run(&c, 2);
  assert_int_equal(s.status, UV_ECONNREFUSED); /* tried there, not given up for the name */
  core_end(&c);
}

static void what_waits_can_be_cancelled(void** state) {
  (void) state;
  core_t c;
  static seen_t s[10];
  begin(&c, "127.0.0.1", NULL);
  fake.held = 1;
  for (int i = 0; i < 10; i++)
    ask(&c, NULL, 1, &s[i]);
  while (__atomic_load_n(&fake.nasked, __ATOMIC_SEQ_CST) == 0)
    uv_run(&c.loop, UV_RUN_NOWAIT);
  for (int i = 0; i < 9; i++)
    uvllm_cancel(s[(i * 7) % 10].req); /* from anywhere in the list */
  core_run(&c, 9); /* none waits for the answer */
  sem_post(&fake.gate);
  core_run(&c, 10);
  for (int i = 0; i < 9; i++)
    assert_int_equal(s[(i * 7) % 10].status, UV_ECANCELED);
  check_came_there(&s[63 % 10]);
  core_end(&c);
}

static void no_connection_in_time_counts_the_name(void** state) {
  (void) state;
  core_t c;
  ask_t a;
  seen_t s;
  begin(&c, "127.0.0.1", NULL);
  fake.held = 1;
  memset(&s, 0, sizeof(s));
  ask_init(&a, "x", NULL);
  a.r.target.provider = "named";
  a.r.connect_timeout_ms = 30;
  a.r.max_attempts = 1;
  core_submit(&c, &a.r, &s);
  core_run(&c, 1);
  assert_int_equal(s.status, UVLLM_ETIMECONNECT);
  sem_post(&fake.gate);
  core_end(&c);
}

static void closed_while_the_resolver_works(void** state) {
  (void) state;
  core_t c;
  static seen_t s[10];
  begin(&c, "127.0.0.1", NULL);
  fake.held = 1;
  for (int i = 0; i < 10; i++)
    ask(&c, NULL, 1, &s[i]);
  while (__atomic_load_n(&fake.nasked, __ATOMIC_SEQ_CST) == 0)
    uv_run(&c.loop, UV_RUN_NOWAIT);
  core_close_client(&c);
  core_run(&c, 10); /* all are told at once */
  assert_int_equal(c.nclosed, 0);
  sem_post(&fake.gate);
  core_end(&c);
}

static void without_memory(void** state) {
  (void) state;
  for (int once = 0; once < 2; once++)
    for (size_t at = 1, enough = 0; !enough; at++) {
      core_t c;
      static seen_t s[3];
      int n = 0;
      begin(&c, "127.0.0.1", NULL);
      size_t calls = c.alloc.calls;
      c.alloc.fail_at = calls + at;
      c.alloc.fail_once = once;
      for (int i = 0; i < 3; i++) {
        ask_t a;
        memset(&s[i], 0, sizeof(s[i]));
        ask_init(&a, "x", NULL);
        a.r.target.provider = "named";
        a.r.max_attempts = 1;
        int err = core_try(&c, &a.r, &s[i]);
        assert_true(err == 0 || err == UV_ENOMEM);
        n += err == 0;
      }
      core_run(&c, n);
      for (int i = 0; i < 3; i++)
        assert_true(s[i].http_status != 0 || s[i].status == UV_ENOMEM || s[i].done == 0);
      core_close_client(&c);
      enough = c.alloc.calls < c.alloc.fail_at;
      core_end(&c);
    }
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(one_question_for_many_requests),
    cmocka_unit_test(the_loop_goes_on_while_a_name_is_asked_for),
    cmocka_unit_test(a_name_that_is_not_known),
    cmocka_unit_test(a_failure_of_the_resolver_is_tried_again),
    cmocka_unit_test(an_answer_without_addresses),
    cmocka_unit_test(the_next_address_is_tried),
    cmocka_unit_test(a_connection_that_hangs_is_given_up),
    cmocka_unit_test(an_address_that_fails_is_asked_for_anew),
    cmocka_unit_test(old_addresses_serve_while_the_resolver_is_down),
    cmocka_unit_test(what_waits_can_be_cancelled),
    cmocka_unit_test(no_connection_in_time_counts_the_name),
    cmocka_unit_test(closed_while_the_resolver_works),
    cmocka_unit_test(without_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
