/* Closing with anything in flight: every request is told of it once, the loop is
 * left clean and every descriptor closed, and the host's own timers go on.
 */
#include "core.h"

#include <semaphore.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct one_s {
  uvllm_req_t* req;
  int done, status, nevents, late;
} one_t;

typedef struct many_s {
  core_t core;
  one_t* ones;
  int n, nstarted, ndone;
  uvllm_event_type close_at; /* from inside the first such event */
  int close_in_event, close_in_done, close_in_room, closed_by_us;
  uv_timer_t tick;
  int nticks;
} many_t;

static many_t* the_many; /* requests say only which of its ones they are */

static void close_it(many_t* m) {
  if (m->closed_by_us)
    return;
  m->closed_by_us = 1;
  core_close_client(&m->core);
}

static void on_event(uvllm_req_t* req, const uvllm_event_t* e) {
  one_t* o = uvllm_req_data(req);
  o->late += o->done || the_many->closed_by_us;
  the_many->nstarted += e->type == UVLLM_EVENT_TEXT && o->nevents++ == 0;
  if (the_many->close_in_event && e->type == the_many->close_at)
    close_it(the_many);
}

static void on_done(uvllm_req_t* req, const uvllm_result_t* r) {
  one_t* o = uvllm_req_data(req);
  o->done++;
  o->status = r->status;
  the_many->ndone++;
  if (the_many->close_in_done)
    close_it(the_many);
}

static void on_room(uvllm_client_t* client, void* data) {
  (void) client, (void) data;
  if (the_many->close_in_room)
    close_it(the_many);
}

static void many_begin(many_t* m, uvllm_client_options_t* options, int n) {
  uvllm_client_options_t o;
  uvllm_client_options_init(&o);
  memset(m, 0, sizeof(*m));
  the_many = m;
  if (options != NULL)
    o = *options;
  o.room_cb = on_room;
  core_begin_with(&m->core, &o);
  m->ones = calloc((size_t) n + 1, sizeof(*m->ones));
}

static int ask(many_t* m, const char* provider, const char* x_mock) {
  ask_t a;
  one_t* o = &m->ones[m->n];
  ask_init(&a, "x", x_mock);
  a.r.target.provider = provider;
  a.r.flags |= UVLLM_NO_COLLECT;
  a.r.max_attempts = 10;
  int err = uvllm_submit(m->core.client, &a.r, on_event, on_done, o, &o->req);
  m->n += err == 0;
  return err;
}

static void ask_many(many_t* m, int n, const char* x_mock) {
  while (n-- > 0)
    assert_int_equal(ask(m, "mock", x_mock), 0);
}

static void run_until_started(many_t* m, int n) {
  while (m->nstarted < n)
    uv_run(&m->core.loop, UV_RUN_ONCE);
}

static void many_end(many_t* m, int expected) {
  close_it(m);
  core_end(&m->core);
  assert_int_equal(m->ndone, m->n);
  for (int i = 0; i < m->n; i++) {
    assert_int_equal(m->ones[i].done, 1);
    assert_int_equal(m->ones[i].late, 0);
    if (expected != 0)
      assert_int_equal(m->ones[i].status, expected);
  }
  free(m->ones);
}

static void nothing_in_flight(void** state) {
  (void) state;
  many_t m;
  many_begin(&m, NULL, 0);
  many_end(&m, 0);
}

static void at_once_after_submit(void** state) {
  (void) state;
  many_t m;
  many_begin(&m, NULL, 100);
  core_mock(&m.core, NULL, NULL);
  ask_many(&m, 100, NULL);
  many_end(&m, UV_ECANCELED);
}

static void some_in_flight(void** state) {
  (void) state;
  static const int counts[] = { 1, 2, 100 };
  for (int i = 0; i < 3; i++) {
    many_t m;
    many_begin(&m, NULL, counts[i]);
    core_mock(&m.core, NULL, NULL);
    ask_many(&m, counts[i], "stall=1");
    run_until_started(&m, counts[i]);
    many_end(&m, UV_ECANCELED);
  }
}

static void while_connections_are_being_made(void** state) {
  (void) state;
  for (int turns = 1; turns < 12; turns++) {
    many_t m;
    many_begin(&m, NULL, 100);
    core_mock(&m.core, NULL, NULL);
    ask_many(&m, 100, "tokens=3");
    for (int i = 0; i < turns; i++)
      uv_run(&m.core.loop, UV_RUN_NOWAIT);
    many_end(&m, 0);
  }
}

static void many_queued(void** state) {
  (void) state;
  many_t m;
  uvllm_limits_t limits;
  memset(&limits, 0, sizeof(limits));
  limits.max_inflight = 2;
  many_begin(&m, NULL, 20000);
  core_mock(&m.core, NULL, &limits);
  ask_many(&m, 20000, "stall=1");
  run_until_started(&m, 2);
  many_end(&m, UV_ECANCELED);
}

static void in_backoff(void** state) {
  (void) state;
  many_t m;
  uvllm_stats_t stats;
  many_begin(&m, NULL, 50);
  core_mock(&m.core, NULL, NULL);
  ask_many(&m, 50, "status=500,retry-after=300");
  do {
    uv_run(&m.core.loop, UV_RUN_ONCE);
    uvllm_stats(m.core.client, NULL, NULL, &stats);
  } while (stats.waiting_retry < 50);
  many_end(&m, UV_ECANCELED);
}

static void paused(void** state) {
  (void) state;
  many_t m;
  many_begin(&m, NULL, 60);
  core_mock(&m.core, NULL, NULL);
  ask_many(&m, 60, "itl=1,tokens=100000");
  for (int i = 0; i < 20; i++)
    uvllm_pause(m.ones[i].req); /* before anything */
  run_until_started(&m, 40);
  for (int i = 20; i < 60; i++)
    uvllm_pause(m.ones[i].req);
  for (int i = 0; i < 5; i++)
    uv_run(&m.core.loop, UV_RUN_ONCE);
  for (int i = 0; i < 60; i += 2)
    uvllm_resume(m.ones[i].req); /* and their events are still to come */
  many_end(&m, UV_ECANCELED);
}

static sem_t gate;

static void hold_thread(uv_work_t* work) {
  (void) work;
  sem_wait(&gate);
}

static void on_held(uv_work_t* work, int status) {
  (void) work, (void) status;
}

/* The name's question waits behind work that fills the thread pool. */
static void waiting_for_a_name(void** state) {
  (void) state;
  many_t m;
  uv_work_t work[64];
  uvllm_provider_options_t p;
  many_begin(&m, NULL, 30);
  sem_init(&gate, 0, 0);
  for (int i = 0; i < 64; i++)
    assert_int_equal(uv_queue_work(&m.core.loop, &work[i], hold_thread, on_held), 0);
  core_provider_init(&p);
  p.name = "mock";
  p.dialect = "openai";
  p.base_url = "https://nobody.invalid/v1";
  assert_int_equal(uvllm_provider_set(m.core.client, &p), 0);
  ask_many(&m, 30, NULL);
  for (int i = 0; i < 5; i++)
    uv_run(&m.core.loop, UV_RUN_NOWAIT);
  uvllm_stats_t stats;
  uvllm_stats(m.core.client, NULL, NULL, &stats);
  assert_int_equal(stats.inflight, 30);
  close_it(&m);
  for (int i = 0; i < 5; i++)
    uv_run(&m.core.loop, UV_RUN_NOWAIT);
  assert_int_equal(m.ndone, 30); /* none waits for the answer */
  for (int i = 0; i < 64; i++)
    sem_post(&gate);
  many_end(&m, UV_ECANCELED);
  sem_destroy(&gate);
}

static void in_an_event_cb(void** state) {
  (void) state;
  static const uvllm_event_type types[] = { UVLLM_EVENT_ATTEMPT, UVLLM_EVENT_TEXT,
                                            UVLLM_EVENT_USAGE };
  for (int i = 0; i < 3; i++) {
    many_t m;
    many_begin(&m, NULL, 100);
    core_mock(&m.core, NULL, NULL);
    m.close_in_event = 1;
    m.close_at = types[i];
    ask_many(&m, 100, "tokens=4");
    while (!m.closed_by_us)
      uv_run(&m.core.loop, UV_RUN_ONCE);
    many_end(&m, 0);
  }
}

static void in_a_done_cb(void** state) {
  (void) state;
  for (int i = 0; i < 2; i++) {
    many_t m;
    many_begin(&m, NULL, 101);
    core_mock(&m.core, NULL, NULL);
    m.close_in_done = 1;
    ask_many(&m, 100, i == 0 ? "stall=1" : "itl=1");
    ask_many(&m, 1, i == 0 ? "status=400" : NULL);
    while (!m.closed_by_us)
      uv_run(&m.core.loop, UV_RUN_ONCE);
    many_end(&m, 0);
  }
}

static void in_room_cb(void** state) {
  (void) state;
  many_t m;
  uvllm_client_options_t o;
  uvllm_client_options_init(&o);
  o.max_queued = 40;
  many_begin(&m, &o, 60);
  core_mock(&m.core, NULL, NULL);
  m.close_in_room = 1;
  ask_many(&m, 40, NULL);
  assert_int_equal(ask(&m, "mock", NULL), UVLLM_EQUEUEFULL);
  while (!m.closed_by_us)
    uv_run(&m.core.loop, UV_RUN_ONCE);
  many_end(&m, 0);
}

static void begin_another(void* data) {
  core_t* c = data;
  uvllm_client_options_t o;
  uvllm_client_options_init(&o);
  o.alloc = &c->alloc.hook;
  c->nclosed++;
  if (c->nclosed == 1)
    assert_int_equal(uvllm_client_new(&c->client, &c->loop, &o), 0);
}

static void another_client_begins_in_close_cb(void** state) {
  (void) state;
  core_t c;
  seen_t s;
  memset(&s, 0, sizeof(s));
  core_begin(&c);
  uvllm_client_t* client = c.client;
  c.client = NULL;
  uvllm_client_close(client, begin_another, &c);
  assert_int_equal(c.nclosed, 0); /* never from inside the call */
  while (c.client == NULL)
    uv_run(&c.loop, UV_RUN_ONCE);
  core_mock(&c, NULL, NULL);
  core_ask(&c, "x", NULL, &s);
  core_run(&c, 1);
  assert_int_equal(s.status, 0);
  c.nclosed = 0;
  core_end(&c);
}

static void without_a_close_cb(void** state) {
  (void) state;
  core_t c;
  core_begin(&c);
  uvllm_client_close(c.client, NULL, NULL);
  c.client = NULL;
  c.nclosed = 1;
  core_end(&c);
}


/* ---- Ten thousand -------------------------------------------------------------------------- */

/* Both ends of ten thousand connections are more than many a process may open:
 * the mock runs in a child. */
typedef struct far_mock_s {
  pid_t pid;
  int port, leash; /* closing it ends the child */
} far_mock_t;

static void on_leash(uv_poll_t* poll, int status, int events) {
  (void) poll, (void) status, (void) events;
  _exit(0);
}

static void mock_main(int out, int leash) {
  uv_loop_t loop;
  uv_poll_t poll;
  uvllm_mock_t* mock;
  uvllm_mock_options_t o;
  uvllm_mock_options_init(&o);
  if (uv_loop_init(&loop) != 0 || uvllm_mock_start(&mock, &loop, &o) != 0)
    _exit(1);
  int port = uvllm_mock_port(mock);
  if (write(out, &port, sizeof(port)) != sizeof(port))
    _exit(1);
  uv_poll_init(&loop, &poll, leash);
  uv_poll_start(&poll, UV_READABLE, on_leash);
  uv_run(&loop, UV_RUN_DEFAULT);
  _exit(1);
}

static void far_mock_start(far_mock_t* f) {
  int out[2], leash[2];
  assert_int_equal(pipe(out) | pipe(leash), 0);
  f->pid = fork();
  assert_true(f->pid >= 0);
  if (f->pid == 0) {
    close(leash[1]);
    mock_main(out[1], leash[0]);
  }
  close(out[1]);
  close(leash[0]);
  assert_int_equal(read(out[0], &f->port, sizeof(f->port)), sizeof(f->port));
  close(out[0]);
  f->leash = leash[1];
}

static void far_mock_stop(far_mock_t* f) {
  close(f->leash);
  waitpid(f->pid, NULL, 0);
}

static int descriptors(int wanted) {
  struct rlimit l;
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &l), 0);
  rlim_t need = (rlim_t) wanted + 1000;
  if (l.rlim_cur < need) {
    l.rlim_cur = l.rlim_max < need ? l.rlim_max : need;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &l), 0);
  }
  return l.rlim_cur < need ? (int) l.rlim_cur - 1000 : wanted;
}

static void on_tick(uv_timer_t* timer) {
  many_t* m = timer->data;
  m->nticks++;
}

static void begin_ticks(many_t* m) {
  m->nticks = 0;
  m->tick.data = m;
  uv_timer_init(&m->core.loop, &m->tick);
  uv_timer_start(&m->tick, on_tick, 1, 1);
}

static void end_ticks(many_t* m) {
  while (m->core.nclosed == 0)
    uv_run(&m->core.loop, UV_RUN_ONCE);
  uv_close((uv_handle_t*) &m->tick, NULL);
}

static void ten_thousand_in_flight(void** state) {
  (void) state;
  many_t m;
  far_mock_t far;
  uvllm_client_options_t o;
  char url[64];
  int n = descriptors(10000);
  assert_true(n > 2000);
  far_mock_start(&far);
  uvllm_client_options_init(&o);
  o.max_inflight = (uint32_t) n;
  many_begin(&m, &o, n + 1000);
  snprintf(url, sizeof(url), "http://127.0.0.1:%d/v1", far.port);
  core_provider(&m.core, "mock", url, NULL);
  ask_many(&m, n + 1000, "stall=1"); /* a thousand wait for a place */
  run_until_started(&m, n);
  begin_ticks(&m);
  close_it(&m);
  end_ticks(&m);
  assert_true(m.nticks >= 10); /* the loop was the host's all along */
  many_end(&m, UV_ECANCELED);
  far_mock_stop(&far);
}

/* Their connections are kept alive when they are closed, and are many. */
static void thousands_of_idle_connections(void** state) {
  (void) state;
  many_t m;
  uvllm_client_options_t o;
  int n = descriptors(8000) / 2;
  assert_true(n > 500);
  uvllm_client_options_init(&o);
  o.max_inflight = (uint32_t) n;
  many_begin(&m, &o, n);
  core_mock(&m.core, NULL, NULL);
  ask_many(&m, n, "ttft=1500,tokens=1"); /* all at once, so each has its own */
  while (m.ndone < n)
    uv_run(&m.core.loop, UV_RUN_ONCE);
  begin_ticks(&m);
  close_it(&m);
  end_ticks(&m);
  assert_true(m.nticks >= 3);
  many_end(&m, 0);
}

static void two_hundred_thousand_queued(void** state) {
  (void) state;
  many_t m;
  uvllm_limits_t limits;
  memset(&limits, 0, sizeof(limits));
  limits.max_inflight = 1;
  many_begin(&m, NULL, 200000);
  core_mock(&m.core, NULL, &limits);
  ask_many(&m, 200000, "stall=1");
  run_until_started(&m, 1);
  begin_ticks(&m);
  close_it(&m);
  end_ticks(&m);
  assert_true(m.nticks >= 10);
  many_end(&m, UV_ECANCELED);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(nothing_in_flight),
    cmocka_unit_test(at_once_after_submit),
    cmocka_unit_test(some_in_flight),
    cmocka_unit_test(while_connections_are_being_made),
    cmocka_unit_test(many_queued),
    cmocka_unit_test(in_backoff),
    cmocka_unit_test(paused),
    cmocka_unit_test(in_an_event_cb),
    cmocka_unit_test(in_a_done_cb),
    cmocka_unit_test(in_room_cb),
    cmocka_unit_test(another_client_begins_in_close_cb),
    cmocka_unit_test(without_a_close_cb),
    cmocka_unit_test(ten_thousand_in_flight), /* forks: before the thread pool starts */
    cmocka_unit_test(thousands_of_idle_connections),
    cmocka_unit_test(two_hundred_thousand_queued),
    cmocka_unit_test(waiting_for_a_name),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
