/* Invariants of the design that have no test of their own elsewhere: one end for
 * each request whatever happens, silence of the logs, no short answers, bounded
 * memory, and a process that is left as it was.
 */
#define _GNU_SOURCE /* memmem */
#include "core.h"
#include "script.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>


/* ---- 1. One done_cb, no event after it ----------------------------------------------------- */

enum { STORM = 600 };

typedef struct storm_s {
  core_t core;
  seen_t* seen;
  int nsubmitted, inside;
  uint32_t random;
  uv_timer_t timer;
} storm_t;

static uint32_t draw(storm_t* s, uint32_t n) {
  s->random = s->random * 1664525u + 1013904223u;
  return (s->random >> 8) % n;
}

static void act_on(storm_t* s, seen_t* o, uint32_t what) {
  s->inside++;
  if (what == 0)
    uvllm_cancel(o->req);
  else if (what < 4)
    uvllm_pause(o->req);
  else if (what < 9)
    uvllm_resume(o->req);
  else
    uvllm_set_priority(o->req, (int) draw(s, 10));
  s->inside--;
}

static void on_storm_event(seen_t* o, const uvllm_event_t* e) {
  storm_t* s = o->data;
  (void) e;
  assert_int_equal(s->inside, 0);
  if (draw(s, 10) == 0)
    act_on(s, o, draw(s, 40));
}

static void on_storm_done(seen_t* o, const uvllm_result_t* r) {
  storm_t* s = o->data;
  assert_int_equal(s->inside, 0);
  assert_int_equal(o->done, 1);
  if (r->status == 0)
    assert_string_equal(o->text, o->result);
  o->req = NULL;
}

static void submit_in_storm(storm_t* s) {
  static const char* const words[] = { NULL, "itl=1", "cut=3", "reset", "status=500,once",
                                       "status=429,once,retry-after-ms=3", "malformed",
                                       "status=400", "error-event=2,once", "tokens=200", "stall=2",
                                       "split", "no-done", "eof", "close", "big=50" };
  ask_t a;
  seen_t* o = &s->seen[s->nsubmitted++];
  char prompt[32];
  snprintf(prompt, sizeof(prompt), "storm %d", s->nsubmitted);
  ask_init(&a, prompt, words[draw(s, sizeof(words) / sizeof(words[0]))]);
  a.r.flags = draw(s, 4) == 0 ? 0 : UVLLM_STREAM | (draw(s, 2) ? UVLLM_RESTART : 0);
  a.r.idle_timeout_ms = a.r.first_timeout_ms = 200;
  a.r.timeout_ms = 3000;
  a.r.priority = (int) draw(s, 5);
  o->on_event = on_storm_event;
  o->on_done = on_storm_done;
  o->data = s;
  s->inside++;
  core_submit(&s->core, &a.r, o);
  s->inside--;
}

static void on_storm_tick(uv_timer_t* timer) {
  storm_t* s = timer->data;
  for (int i = 0; i < 10 && s->nsubmitted < STORM; i++)
    submit_in_storm(s);
  for (int i = 0; i < 20; i++) {
    seen_t* o = &s->seen[draw(s, (uint32_t) s->nsubmitted)];
    if (o->req != NULL)
      act_on(s, o, draw(s, 60));
  }
  for (int i = 0; s->nsubmitted == STORM && i < STORM; i++) /* let all end */
    if (s->seen[i].req != NULL)
      act_on(s, &s->seen[i], 5);
}

static void each_request_ends_once_whatever_happens(void** state) {
  (void) state;
  storm_t s;
  uvllm_limits_t limits;
  uvllm_stats_t stats;
  memset(&s, 0, sizeof(s));
  memset(&limits, 0, sizeof(limits));
  limits.max_inflight = 60;
  s.seen = calloc(STORM, sizeof(*s.seen));
  s.random = 1;
  core_begin(&s.core);
  core_mock(&s.core, NULL, &limits);
  uv_timer_init(&s.core.loop, &s.timer);
  s.timer.data = &s;
  uv_timer_start(&s.timer, on_storm_tick, 1, 4);
  core_run(&s.core, STORM);
  uv_close((uv_handle_t*) &s.timer, NULL);
  uvllm_stats(s.core.client, NULL, NULL, &stats);
  assert_int_equal(stats.completed + stats.failed + stats.cancelled, STORM);
  assert_int_equal(stats.queued + stats.inflight + stats.waiting_retry, 0);
  assert_int_equal(stats.held_pusd, 0);
  assert_true(stats.completed > 100 && stats.failed > 20 && stats.cancelled > 5);
  core_end(&s.core);
  for (int i = 0; i < STORM; i++) {
    assert_int_equal(s.seen[i].done, 1);
    assert_int_equal(s.seen[i].late, 0);
  }
  free(s.seen);
}


/* ---- 5. Nothing secret reaches a log ------------------------------------------------------- */

#define KEY "sk-QUETZAL0123456789abcdefQUETZAL"
#define PROMPT "OCELOT asks"
#define ANSWER "CAPYBARA says"
#define SECRET "AXOLOTL-of-a-header"

static void check_logs(const core_t* c) {
  assert_true(strlen(c->log) > 0 && strlen(c->log) < sizeof(c->log) - 256); /* all of them */
  assert_null(strcasestr(c->log, "QUETZAL"));
  assert_null(strcasestr(c->log, "OCELOT"));
  assert_null(strcasestr(c->log, "CAPYBARA"));
  assert_null(strcasestr(c->log, "AXOLOTL"));
}

static void set_key(core_t* c) {
  uvllm_key_t key;
  uvllm_key_init(&key);
  key.key = KEY;
  key.label = "main";
  assert_int_equal(uvllm_key_set(c->client, "mock", &key), 0);
}

static void ask_with_secrets(core_t* c, const char* x_mock, unsigned int flags, seen_t* s) {
  ask_t a;
  uvllm_kv_t headers[2] = { { "x-secret", SECRET }, { "x-mock", x_mock } };
  memset(s, 0, sizeof(*s));
  ask_init(&a, PROMPT, NULL);
  a.r.flags = flags;
  a.r.headers = headers;
  a.r.nheaders = x_mock != NULL ? 2 : 1;
  a.r.max_attempts = x_mock != NULL && strstr(x_mock, "once") ? 2 : 1;
  core_submit(c, &a.r, s);
  core_run(c, c->ndone + 1);
  assert_null(strstr(s->message, "QUETZAL"));
}

static void no_secret_is_logged_of_the_mock(void** state) {
  (void) state;
  static const char* const words[] = { NULL, "status=500,once,retry-after-ms=1", "status=400",
                                       "malformed", "cut=2", "reset", "html", "empty",
                                       "error-event=1", "status=401" };
  core_t c;
  seen_t s;
  core_begin(&c);
  core_mock(&c, NULL, NULL);
  set_key(&c);
  for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
    for (unsigned int flags = 0; flags < 2; flags++)
      ask_with_secrets(&c, words[i], flags, &s);
  check_logs(&c);
  core_end(&c);
}

static void no_secret_is_logged_of_a_bad_key(void** state) {
  (void) state;
  core_t c;
  seen_t s;
  uvllm_mock_options_t o;
  core_begin(&c);
  uvllm_mock_options_init(&o);
  o.require_key = "sk-another";
  core_mock(&c, &o, NULL);
  set_key(&c);
  ask_with_secrets(&c, NULL, UVLLM_STREAM, &s);
  assert_int_equal(s.status, UVLLM_EAUTH);
  assert_true(strlen(s.message) > 0);
  check_logs(&c);
  core_end(&c);
}

/* A server that says everything back, wherever it can. */
#define ECHO_HEAD "HTTP/1.1 %s\r\nContent-Type: application/json\r\nX-Request-Id: req_1\r\n" \
                  "X-Echo: Bearer " KEY " " PROMPT "\r\nContent-Length: %zu\r\n\r\n%s"

static void no_secret_is_logged_of_a_server_that_echoes(void** state) {
  (void) state;
  static const char* const bodies[][2] = {
    { "200 OK", "{\"choices\":[{\"index\":0,\"message\":{\"content\":\"" ANSWER
                "\"},\"finish_reason\":\"stop\"}]}" },
    { "200 OK", "{\"choices\":[{\"" ANSWER " " PROMPT " " KEY },
    { "200 OK", "<html>" KEY PROMPT ANSWER },
    { "401 No", "{\"error\":{\"message\":\"Incorrect API key provided: " KEY ". " PROMPT "\","
                "\"code\":\"invalid_api_key\"}}" },
    { "400 Bad", "{\"error\":{\"message\":\"bad header Authorization: Bearer " KEY "\"}}" },
    { "500 Oh " KEY, "{\"error\":\"" PROMPT "\"}" },
    { "503 Oh", KEY " " PROMPT },
  };
  for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
    core_t c;
    script_t script;
    seen_t s;
    char bytes[2048], url[64];
    snprintf(bytes, sizeof(bytes), ECHO_HEAD, bodies[i][0], strlen(bodies[i][1]), bodies[i][1]);
    core_begin(&c);
    script_start(&script, &c.loop, bytes, strlen(bytes), SCRIPT_CLOSE);
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/v1", script.port);
    core_provider(&c, "mock", url, NULL);
    set_key(&c);
    ask_with_secrets(&c, NULL, 0, &s);
    assert_int_equal(s.status == 0, i == 0);
    if (i != 0)
      check_logs(&c);
    script_stop(&script);
    core_end(&c);
  }
}


/* ---- 6. Never a short answer --------------------------------------------------------------- */

static int status_with(core_t* c, const char* x_mock, unsigned int flags, seen_t* s) {
  ask_t a;
  memset(s, 0, sizeof(*s));
  ask_init(&a, "how long", x_mock);
  a.r.flags = flags;
  a.r.max_attempts = 1;
  core_submit(c, &a.r, s);
  core_run(c, c->ndone + 1);
  return s->status;
}

static void an_answer_that_is_cut_anywhere_is_truncated(void** state) {
  (void) state;
  static const char* const words[] = { "tokens=6,cut=%d", "tokens=6,cut=%d,eof",
                                       "tokens=6,cut=%d,reset", "tokens=6,cut=%d,split" };
  core_t c;
  seen_t s;
  core_begin(&c);
  core_mock(&c, NULL, NULL);
  for (int i = 0; i < 4; i++)
    for (int cut = 0; cut < 6; cut++)
      for (unsigned int flags = 0; flags < 2; flags++) {
        char x_mock[64];
        snprintf(x_mock, sizeof(x_mock), words[i], cut);
        int err = status_with(&c, x_mock, flags, &s);
        if (cut > 0 && flags == UVLLM_STREAM)
          assert_int_equal(err, UVLLM_ETRUNCATED);
        else /* whole answers without a length, cut: JSON that ends too early */
          assert_true(err == UVLLM_ETRUNCATED || err == UVLLM_EPROTO || err == UV_ECONNRESET);
      }
  core_end(&c);
}

static void a_stream_is_whole_with_its_end_only(void** state) {
  (void) state;
  core_t c;
  seen_t s;
  core_begin(&c);
  core_mock(&c, NULL, NULL);
  assert_int_equal(status_with(&c, "no-done", UVLLM_STREAM, &s), 0);
  assert_int_equal(status_with(&c, "no-done,eof", UVLLM_STREAM, &s), 0);
  assert_int_equal(status_with(&c, "no-finish", UVLLM_STREAM, &s), UVLLM_ETRUNCATED);
  assert_int_equal(status_with(&c, "no-finish,eof", UVLLM_STREAM, &s), UVLLM_ETRUNCATED);
  assert_true(strlen(s.text) > 0);
  assert_int_equal(status_with(&c, "eof", UVLLM_STREAM, &s), 0);
  core_end(&c);
}


/* ---- 8. Memory is bounded by what is in flight --------------------------------------------- */

typedef struct flow_s {
  core_t core;
  seen_t seen[20];
  int nsubmitted, total;
  size_t peak[2]; /* allocations alive: in the first half of the run, and the second */
} flow_t;

static void next_in_flow(flow_t* f, seen_t* s);

static void on_flow_done(seen_t* s, const uvllm_result_t* r) {
  (void) r;
  flow_t* f = s->data;
  next_in_flow(f, s);
}

static void next_in_flow(flow_t* f, seen_t* s) {
  static const char* const words[] = { NULL, "status=500,retry-after-ms=1", "cut=2", "tool=2",
                                       "close", "malformed" };
  ask_t a;
  if (f->nsubmitted == f->total)
    return;
  memset(s, 0, sizeof(*s));
  s->on_done = on_flow_done;
  s->data = f;
  ask_init(&a, "flow", words[f->nsubmitted++ % 6]);
  a.r.flags = f->nsubmitted % 3 ? UVLLM_STREAM : UVLLM_BODY;
  a.r.max_attempts = words[(f->nsubmitted - 1) % 6] == words[1] ? 2 : 1;
  a.r.tools_json = test_str("[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}]");
  core_submit(&f->core, &a.r, s);
}

static void a_long_run_takes_no_more_than_a_short_one(void** state) {
  (void) state;
  static flow_t f;
  memset(&f, 0, sizeof(f));
  f.total = 3000;
  core_begin(&f.core);
  core_mock(&f.core, NULL, NULL);
  for (int i = 0; i < 20; i++)
    next_in_flow(&f, &f.seen[i]);
  while (f.core.ndone < f.total) {
    uv_run(&f.core.loop, UV_RUN_ONCE);
    size_t* peak = &f.peak[f.core.ndone >= f.total / 2];
    if (f.core.alloc.alive > *peak)
      *peak = f.core.alloc.alive;
  }
  assert_true(f.peak[1] <= f.peak[0] + 20);
  core_end(&f.core);
}


/* ---- The process belongs to somebody else -------------------------------------------------- */

static volatile sig_atomic_t npipes;

static void on_pipe(int number) {
  (void) number;
  npipes++;
}

static void no_sigpipe_reaches_the_program(void** state) {
  (void) state;
  core_t c;
  script_t script;
  seen_t s;
  ask_t a;
  char url[64];
  struct sigaction count, before;
  memset(&count, 0, sizeof(count));
  count.sa_handler = on_pipe;
  sigaction(SIGPIPE, &count, &before);
  core_begin(&c);
  script_start(&script, &c.loop, NULL, 0, SCRIPT_RESET);
  script.read_at_most = 1000;
  snprintf(url, sizeof(url), "http://127.0.0.1:%d/v1", script.port);
  core_provider(&c, "mock", url, NULL);
  char* prompt = malloc((8 << 20) + 1);
  memset(prompt, 'a', 8 << 20);
  prompt[8 << 20] = '\0';
  memset(&s, 0, sizeof(s));
  ask_init(&a, prompt, NULL);
  a.r.max_attempts = 3;
  core_submit(&c, &a.r, &s);
  core_run(&c, 1);
  assert_int_equal(s.attempts, 3);
  assert_int_equal(npipes, 0);
  struct sigaction after;
  sigaction(SIGPIPE, &before, &after);
  assert_true(after.sa_handler == on_pipe); /* nobody took it away */
  free(prompt);
  script_stop(&script);
  core_end(&c);
}

/* A bit for each descriptor that is open. */
static void open_fds(unsigned char* set, int n) {
  for (int fd = 0; fd < n; fd++)
    set[fd] = fcntl(fd, F_GETFD) >= 0;
}

static void no_descriptor_is_inherited(void** state) {
  (void) state;
  enum { N = 300, FDS = 2000 };
  static unsigned char before[FDS], now[FDS];
  static seen_t s[N];
  core_t c;
  int started = 0;
  core__warm_up();
  open_fds(before, FDS);
  core_begin(&c);
  core_mock(&c, NULL, NULL);
  memset(s, 0, sizeof(s));
  for (int i = 0; i < N; i++)
    core_ask(&c, "x", "stall=1", &s[i]);
  while (started < N) {
    uv_run(&c.loop, UV_RUN_ONCE);
    started = 0;
    for (int i = 0; i < N; i++)
      started += s[i].nevents[UVLLM_EVENT_TEXT];
  }
  open_fds(now, FDS);
  for (int fd = 0; fd < FDS; fd++)
    if (now[fd] && !before[fd] && !(fcntl(fd, F_GETFD) & FD_CLOEXEC)) {
      char path[64], what[64] = "";
      snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
      if (readlink(path, what, sizeof(what) - 1) < 0)
        what[0] = '\0';
      fail_msg("descriptor %d would be inherited: %s", fd, what);
    }
  for (int i = 0; i < N; i++)
    uvllm_cancel(s[i].req);
  core_run(&c, N);
  core_end(&c);
}

static void the_environment_is_not_asked(void** state) {
  (void) state;
  static const char* const names[] = { "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY",
                                       "https_proxy" };
  core_t c;
  seen_t s;
  for (int i = 0; i < 5; i++)
    setenv(names[i], "http://127.0.0.1:1", 1);
  core_begin(&c);
  core_mock(&c, NULL, NULL);
  memset(&s, 0, sizeof(s));
  core_ask(&c, "x", NULL, &s);
  core_run(&c, 1);
  assert_int_equal(s.status, 0);
  core_end(&c);
  for (int i = 0; i < 5; i++)
    unsetenv(names[i]);
}

static void nothing_is_printed(void** state) {
  (void) state;
  core_t c;
  seen_t s;
  uvllm_client_options_t o;
  FILE* f = tmpfile();
  assert_non_null(f);
  core_begin(&c); /* with a log_cb of our own */
  core_mock(&c, NULL, NULL);
  fflush(NULL);
  int out = fcntl(1, F_DUPFD_CLOEXEC, 3), err = fcntl(2, F_DUPFD_CLOEXEC, 3);
  dup2(fileno(f), 1);
  dup2(fileno(f), 2);
  static const char* const words[] = { NULL, "status=400", "malformed", "reset", "cut=1" };
  for (int i = 0; i < 5; i++) {
    memset(&s, 0, sizeof(s));
    core_ask(&c, "x", words[i], &s);
    core_run(&c, i + 1);
  }
  uvllm_client_options_init(&o);
  o.max_inflight = 0;
  uvllm_client_t* none;
  int refused = uvllm_client_new(&none, &c.loop, &o);
  fflush(NULL);
  dup2(out, 1);
  dup2(err, 2);
  close(out);
  close(err);
  assert_int_equal(lseek(fileno(f), 0, SEEK_END), 0);
  assert_int_equal(refused, UV_EINVAL);
  core_end(&c);
  fclose(f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(each_request_ends_once_whatever_happens),
    cmocka_unit_test(no_secret_is_logged_of_the_mock),
    cmocka_unit_test(no_secret_is_logged_of_a_bad_key),
    cmocka_unit_test(no_secret_is_logged_of_a_server_that_echoes),
    cmocka_unit_test(an_answer_that_is_cut_anywhere_is_truncated),
    cmocka_unit_test(a_stream_is_whole_with_its_end_only),
    cmocka_unit_test(a_long_run_takes_no_more_than_a_short_one),
    cmocka_unit_test(no_sigpipe_reaches_the_program),
    cmocka_unit_test(no_descriptor_is_inherited),
    cmocka_unit_test(the_environment_is_not_asked),
    cmocka_unit_test(nothing_is_printed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
