/* Descriptors: thousands of connections that each serve once, and too few of them
 * for what is wanted.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "core.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static void set_provider(core_t* c, int port) {
  char url[64];
  snprintf(url, sizeof(url), "http://127.0.0.1:%d/v1", port);
  core_provider(c, "mock", url, NULL);
}

static int status_of_one(core_t* c) {
  seen_t s;
  memset(&s, 0, sizeof(s));
  core_ask(c, "hello", NULL, &s);
  core_run(c, c->ndone + 1);
  return s.status;
}

typedef struct storm_s {
  core_t core;
  seen_t* seen;
  int submitted, total, failed;
} storm_t;

static void storm_next(storm_t* s, seen_t* seen) {
  void (*on_done)(seen_t*, const uvllm_result_t*) = seen->on_done;
  memset(seen, 0, sizeof(*seen));
  seen->on_done = on_done;
  seen->data = s;
  s->submitted++;
  core_ask(&s->core, "x", "close,tokens=1", seen);
}

static void storm_done(seen_t* seen, const uvllm_result_t* r) {
  storm_t* s = seen->data;
  s->failed += r->status != 0 || r->attempts != 1;
  if (s->submitted < s->total)
    storm_next(s, seen);
}

static void descriptors_are_reused_at_once(void** state) {
  (void) state;
  enum { WIDTH = 64 };
  storm_t s;
  memset(&s, 0, sizeof(s));
  s.total = 10000;
  s.seen = calloc(WIDTH, sizeof(*s.seen));
  core_begin(&s.core);
  core_mock(&s.core, NULL, NULL);
  for (int i = 0; i < WIDTH; i++) {
    s.seen[i].on_done = storm_done;
    storm_next(&s, &s.seen[i]);
  }
  core_run(&s.core, s.total);
  assert_int_equal(s.failed, 0);
  core_end(&s.core);
  free(s.seen);
}

static void serve(int out) {
  uv_loop_t loop;
  uvllm_mock_t* mock;
  uvllm_mock_options_t o;
  uv_loop_init(&loop);
  uvllm_mock_options_init(&o);
  int port = uvllm_mock_start(&mock, &loop, &o) == 0 ? uvllm_mock_port(mock) : 0;
  if (write(out, &port, sizeof(port)) == sizeof(port))
    uv_run(&loop, UV_RUN_DEFAULT);
  _exit(1);
}

static pid_t start_mock_process(int* port) {
  int fds[2];
  assert_int_equal(pipe(fds), 0);
  pid_t pid = fork();
  if (pid == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL) == 0)
    serve(fds[1]);
  assert_int_equal(read(fds[0], port, sizeof(*port)), sizeof(*port));
  close(fds[0]);
  close(fds[1]);
  return pid;
}

static void set_soft_limit(rlim_t n) {
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = n;
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static int highest_fd(void) {
  int fd = dup(0);
  close(fd);
  return fd;
}

static void too_few_descriptors_lose_nothing(void** state) {
  (void) state;
  enum { N = 60 };
  core_t c;
  seen_t s[N];
  int port, succeeded = 0;
  struct rlimit before;
  getrlimit(RLIMIT_NOFILE, &before);
  pid_t mock = start_mock_process(&port);
  memset(s, 0, sizeof(s));
  core_begin(&c);
  set_provider(&c, port);
  assert_int_equal(status_of_one(&c), 0);
  set_soft_limit((rlim_t) highest_fd() + 10);
  for (int i = 0; i < N; i++)
    core_ask(&c, "x", "ttft=20,tokens=3", &s[i]);
  core_run(&c, 1 + N);
  for (int i = 0; i < N; i++) {
    assert_int_equal(s[i].done, 1);
    assert_true(s[i].status == 0 || s[i].status == UV_EMFILE);
    assert_in_range(s[i].attempts, 1, 3); /* with a wait between: no spinning */
    succeeded += s[i].status == 0;
  }
  assert_in_range(succeeded, N / 2, N);
  set_soft_limit(before.rlim_cur);
  assert_int_equal(status_of_one(&c), 0);
  core_end(&c);
  kill(mock, SIGKILL);
  waitpid(mock, NULL, 0);
}

/* Connections that are only kept give way to those that are wanted. */
static void idle_connections_give_up_their_descriptors(void** state) {
  (void) state;
  enum { N = 12 };
  core_t c;
  seen_t s[N], other;
  int port, second;
  struct rlimit before;
  getrlimit(RLIMIT_NOFILE, &before);
  pid_t mock = start_mock_process(&port), mock2 = start_mock_process(&second);
  memset(s, 0, sizeof(s));
  core_begin(&c);
  set_provider(&c, port);
  for (int i = 0; i < N; i++)
    core_ask(&c, "x", "ttft=50,tokens=3", &s[i]);
  core_run(&c, N);
  set_soft_limit((rlim_t) highest_fd());
  set_provider(&c, second);
  ask_t a;
  memset(&other, 0, sizeof(other));
  ask_init(&a, "x", NULL);
  a.r.max_attempts = 6;
  core_submit(&c, &a.r, &other);
  core_run(&c, N + 1);
  set_soft_limit(before.rlim_cur);
  assert_int_equal(other.status, 0);
  assert_in_range(other.attempts, 1, 6); /* curl needs more than one */
  core_end(&c);
  kill(mock, SIGKILL);
  kill(mock2, SIGKILL);
  waitpid(mock, NULL, 0);
  waitpid(mock2, NULL, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(too_few_descriptors_lose_nothing), /* forks: before the thread pool starts */
    cmocka_unit_test(idle_connections_give_up_their_descriptors),
    cmocka_unit_test(descriptors_are_reused_at_once),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
