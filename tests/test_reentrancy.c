/* Every function from every callback: each pair is played in a client that has
 * requests running, queued, waiting for a retry and just finished. Whatever was
 * called, each request ends in one done_cb, is silent after that, after cancel
 * and while paused, and nothing is told from inside a call.
 */
#include "core.h"

enum { MAX_REQS = 64, MAX_QUEUED = 12, PLACES = 3 };

typedef enum {
  ON_ATTEMPT,
  ON_TEXT,
  ON_TOOL,
  ON_USAGE,
  ON_RESTART,
  ON_SUCCESS,
  ON_FAILURE,
  ON_CANCELLED,
  ON_ROOM,
  NTRIGGERS
} trigger;

static const char* const trigger_names[NTRIGGERS] = {
  "ATTEMPT event", "TEXT event", "TOOL event", "USAGE event", "RESTART event",
  "done_cb of success", "done_cb of failure", "done_cb of cancel", "room_cb"
};

typedef struct scene_s scene_t;

typedef struct one_s {
  scene_t* scene;
  uvllm_req_t* req;
  int done, status, nevents;
  int cancelled, paused;
} one_t;

struct scene_s {
  core_t core; /* first: room_cb is given the core */
  trigger when;
  const char* what;
  void (*action)(scene_t* s, one_t* self);
  int acted, inside;
  int full, rooms; /* refusals that room_cb owes an answer to; calls of it */
  int closing;
  one_t ones[MAX_REQS];
  int n;
  one_t *subject, *running, *paused, *queued, *backoff;
};

#define CHECK(s, condition)                                                              \
  do {                                                                                   \
    if (!(condition))                                                                    \
      fail_msg("%s x %s: %s (line %d)", trigger_names[(s)->when], (s)->what, #condition, \
               __LINE__);                                                                \
  } while (0)

/* Callbacks that come while this is set come from inside a call. */
#define CALL(s, statement) \
  do {                     \
    (s)->inside++;         \
    statement;             \
    (s)->inside--;         \
  } while (0)


/* ---- Calls, and what they promise ---------------------------------------------------------- */

static void cancel(one_t* o) {
  if (o->done)
    return;
  o->cancelled = 1;
  CALL(o->scene, uvllm_cancel(o->req));
}

static void pause_it(one_t* o) {
  o->paused = 1;
  CALL(o->scene, uvllm_pause(o->req));
}

static void resume(one_t* o) {
  o->paused = 0;
  CALL(o->scene, uvllm_resume(o->req));
}

static void act(scene_t* s, one_t* self) {
  if (s->acted)
    return;
  s->acted = 1;
  s->action(s, self);
}

static int is_trigger(const scene_t* s, uvllm_event_type type) {
  switch (s->when) {
    case ON_ATTEMPT: return type == UVLLM_EVENT_ATTEMPT;
    case ON_TEXT: return type == UVLLM_EVENT_TEXT;
    case ON_TOOL: return type == UVLLM_EVENT_TOOL_BEGIN;
    case ON_USAGE: return type == UVLLM_EVENT_USAGE;
    case ON_RESTART: return type == UVLLM_EVENT_RESTART;
    default: return 0;
  }
}

static void on_event(uvllm_req_t* req, const uvllm_event_t* e) {
  one_t* o = uvllm_req_data(req);
  scene_t* s = o->scene;
  CHECK(s, s->inside == 0);
  CHECK(s, o->req == req && !o->done && !o->cancelled && !o->paused);
  o->nevents++;
  if (o == s->subject && is_trigger(s, e->type))
    act(s, o);
  else if (o == s->subject && s->when == ON_CANCELLED && e->type == UVLLM_EVENT_TEXT)
    cancel(o);
}

static int is_expected(int status) {
  return status == 0 || status == UV_ECANCELED || status == UVLLM_ENOPROVIDER ||
         status == UVLLM_EBUDGET || status == UVLLM_EREQUEST;
}

static void on_done(uvllm_req_t* req, const uvllm_result_t* r) {
  one_t* o = uvllm_req_data(req);
  scene_t* s = o->scene;
  CHECK(s, s->inside == 0);
  CHECK(s, !o->done && o->req == req);
  CHECK(s, is_expected(r->status));
  CHECK(s, !o->cancelled || r->status == UV_ECANCELED || r->status == 0);
  o->done = 1;
  o->status = r->status;
  s->core.ndone++;
  if (o == s->subject && s->when >= ON_SUCCESS && s->when <= ON_CANCELLED)
    act(s, o);
  o->req = NULL; /* gone when this returns */
}

static void on_room(uvllm_client_t* client, void* data) {
  scene_t* s = data;
  CHECK(s, s->inside == 0 && !s->closing);
  CHECK(s, client == s->core.client);
  s->rooms++;
  s->full = 0;
  if (s->when == ON_ROOM)
    act(s, s->running);
}

static int try(scene_t* s, const char* provider, const char* prompt, const char* x_mock,
               int priority, unsigned int flags, one_t** out) {
  ask_t a;
  assert_true(s->n < MAX_REQS);
  one_t* o = &s->ones[s->n];
  o->scene = s;
  ask_init(&a, prompt, x_mock);
  a.r.target.provider = provider;
  a.r.priority = priority;
  a.r.flags |= flags;
  if (x_mock != NULL && strncmp(x_mock, "tool", 4) == 0)
    a.r.tools_json = test_str("[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}]");
  int err;
  CALL(s, err = uvllm_submit(s->core.client, &a.r, on_event, on_done, o, &o->req));
  s->n += err == 0;
  if (out != NULL)
    *out = err == 0 ? o : NULL;
  return err;
}

static one_t* add(scene_t* s, const char* provider, const char* prompt, const char* x_mock,
                  int priority, unsigned int flags) {
  one_t* o;
  assert_int_equal(try(s, provider, prompt, x_mock, priority, flags, &o), 0);
  return o;
}

static void set_provider(scene_t* s, const char* name, uint32_t places) {
  uvllm_limits_t limits;
  char url[64];
  memset(&limits, 0, sizeof(limits));
  limits.max_inflight = places;
  snprintf(url, sizeof(url), "http://127.0.0.1:%d/v1", uvllm_mock_port(s->core.mock));
  CALL(s, core_provider(&s->core, name, url, &limits));
}


/* ---- The actions --------------------------------------------------------------------------- */

static void cancel_self(scene_t* s, one_t* self) {
  (void) s;
  cancel(self);
  cancel(self);
}

static void cancel_queued(scene_t* s, one_t* self) {
  (void) self;
  cancel(s->queued);
}

static void cancel_running(scene_t* s, one_t* self) {
  (void) self;
  cancel(s->running);
}

static void cancel_in_backoff(scene_t* s, one_t* self) {
  (void) self;
  cancel(s->backoff);
}

static void cancel_paused(scene_t* s, one_t* self) {
  (void) self;
  cancel(s->paused);
}

static void all_on_one_that_is_finished(scene_t* s, one_t* self) {
  (void) self;
  cancel(s->queued);
  CALL(s, uvllm_cancel(s->queued->req));
  CALL(s, uvllm_pause(s->queued->req));
  CALL(s, uvllm_resume(s->queued->req));
  CALL(s, uvllm_set_priority(s->queued->req, 7));
  assert_ptr_equal(uvllm_req_data(s->queued->req), s->queued);
}

static void cancel_all(scene_t* s, one_t* self) {
  (void) self;
  for (int i = 0; i < s->n; i++)
    cancel(&s->ones[i]);
}

static void submit_one(scene_t* s, one_t* self) {
  (void) self;
  add(s, "mock", "one more", NULL, 0, 0);
}

static void submit_until_full(scene_t* s, one_t* self) {
  int err;
  (void) self;
  while ((err = try(s, "mock", "and more", NULL, 0, 0, NULL)) == 0) {}
  CHECK(s, err == UVLLM_EQUEUEFULL);
  s->full = 1;
}

static void pause_self(scene_t* s, one_t* self) {
  (void) s;
  pause_it(self);
  pause_it(self);
}

static void pause_all(scene_t* s, one_t* self) {
  (void) self;
  for (int i = 0; i < s->n; i++)
    if (!s->ones[i].done)
      pause_it(&s->ones[i]);
}

static void resume_self(scene_t* s, one_t* self) {
  (void) s;
  resume(self);
}

static void resume_other(scene_t* s, one_t* self) {
  (void) self;
  resume(s->paused);
  resume(s->paused);
}

static void pause_and_resume_self(scene_t* s, one_t* self) {
  (void) s;
  pause_it(self);
  resume(self);
}

static void resume_and_pause_other(scene_t* s, one_t* self) {
  (void) self;
  resume(s->paused);
  pause_it(s->paused);
}

static void resume_and_cancel_other(scene_t* s, one_t* self) {
  (void) self;
  resume(s->paused);
  cancel(s->paused);
}

static void set_priorities(scene_t* s, one_t* self) {
  (void) self;
  for (int i = 0; i < s->n; i++)
    if (!s->ones[i].done)
      CALL(s, uvllm_set_priority(s->ones[i].req, i % 2 ? INT32_MAX : INT32_MIN));
  CALL(s, uvllm_set_priority(self->req, 3));
}

static void close_client(scene_t* s, one_t* self) {
  (void) self;
  for (int i = 0; i < s->n; i++)
    s->ones[i].cancelled = 1; /* nothing is told of it any more */
  s->closing = 1;
  CALL(s, uvllm_client_close(s->core.client, core__closed, &s->core));
}

static void close_and_call_everything(scene_t* s, one_t* self) {
  uvllm_client_t* client = s->core.client;
  uvllm_stats_t stats;
  uvllm_key_t key;
  close_client(s, self);
  CHECK(s, try(s, "mock", "too late", NULL, 0, 0, NULL) == UVLLM_ECLOSING);
  for (int i = 0; i < s->n; i++) {
    if (s->ones[i].done)
      continue;
    CALL(s, uvllm_cancel(s->ones[i].req));
    CALL(s, uvllm_pause(s->ones[i].req));
    CALL(s, uvllm_resume(s->ones[i].req));
    CALL(s, uvllm_set_priority(s->ones[i].req, i));
  }
  uvllm_key_init(&key);
  key.key = "sk-late";
  CALL(s, assert_int_equal(uvllm_key_set(client, "mock", &key), 0));
  CALL(s, assert_int_equal(uvllm_key_remove(client, "mock", NULL), 0));
  CALL(s, uvllm_set_budget(client, 1));
  CALL(s, assert_int_equal(uvllm_stats(client, NULL, NULL, &stats), 0));
  set_provider(s, "mock", 1);
  CALL(s, assert_int_equal(uvllm_provider_remove(client, "mock"), 0));
}

static void replace_provider(scene_t* s, one_t* self) {
  (void) self;
  set_provider(s, "mock", PLACES + 1);
}

static void remove_provider(scene_t* s, one_t* self) {
  (void) self;
  CALL(s, assert_int_equal(uvllm_provider_remove(s->core.client, "mock"), 0));
  CHECK(s, try(s, "mock", "nobody", NULL, 0, 0, NULL) == UVLLM_ENOPROVIDER);
}

static void remove_all_and_add_again(scene_t* s, one_t* self) {
  (void) self;
  CALL(s, assert_int_equal(uvllm_provider_remove(s->core.client, "mock"), 0));
  CALL(s, assert_int_equal(uvllm_provider_remove(s->core.client, "flaky"), 0));
  set_provider(s, "mock", PLACES);
  add(s, "mock", "of the new one", NULL, 0, 0);
}

static void set_and_remove_key(scene_t* s, one_t* self) {
  uvllm_key_t key;
  (void) self;
  uvllm_key_init(&key);
  key.key = "sk-another";
  key.label = "another";
  CALL(s, assert_int_equal(uvllm_key_set(s->core.client, "mock", &key), 0));
  CALL(s, assert_int_equal(uvllm_key_remove(s->core.client, "mock", NULL), 0));
  CALL(s, assert_int_equal(uvllm_key_set(s->core.client, "mock", &key), 0));
}

static void ask_stats(scene_t* s, one_t* self) {
  uvllm_stats_t all, mock, none;
  CALL(s, assert_int_equal(uvllm_stats(s->core.client, NULL, NULL, &all), 0));
  CALL(s, assert_int_equal(uvllm_stats(s->core.client, "mock", "", &mock), 0));
  CALL(s, assert_int_equal(uvllm_stats(s->core.client, "mock", "no such tag", &none), 0));
  CHECK(s, mock.inflight <= PLACES && mock.inflight <= all.inflight);
  CHECK(s, none.queued + none.inflight + none.attempts == 0);
  CHECK(s, uvllm_req_client(self->req) == s->core.client && uvllm_req_id(self->req) != 0);
}

static void set_budget(scene_t* s, one_t* self) {
  (void) self;
  CALL(s, uvllm_set_budget(s->core.client, 1));
}

static void load_prices(scene_t* s, one_t* self) {
  (void) self;
  CALL(s, assert_int_equal(uvllm_prices_load(s->core.client, test_str(
      "{\"gpt-4o-mini\":{\"litellm_provider\":\"openai\",\"mode\":\"chat\","
      "\"input_cost_per_token\":1e-6,\"output_cost_per_token\":2e-6}}")), 0));
}

static const struct {
  const char* name;
  void (*run)(scene_t* s, one_t* self);
} actions[] = {
  { "cancel self", cancel_self },
  { "cancel queued", cancel_queued },
  { "cancel running", cancel_running },
  { "cancel one in backoff", cancel_in_backoff },
  { "cancel paused", cancel_paused },
  { "call all on a finished one", all_on_one_that_is_finished },
  { "cancel all", cancel_all },
  { "submit", submit_one },
  { "submit until EQUEUEFULL", submit_until_full },
  { "pause self", pause_self },
  { "pause all", pause_all },
  { "resume self, which is not paused", resume_self },
  { "resume other", resume_other },
  { "pause and resume self", pause_and_resume_self },
  { "resume and pause other", resume_and_pause_other },
  { "resume and cancel other", resume_and_cancel_other },
  { "set_priority", set_priorities },
  { "close", close_client },
  { "close and call everything", close_and_call_everything },
  { "replace provider", replace_provider },
  { "remove provider", remove_provider },
  { "remove all providers and add one again", remove_all_and_add_again },
  { "set and remove key", set_and_remove_key },
  { "stats", ask_stats },
  { "set_budget", set_budget },
  { "load prices", load_prices },
};


/* ---- A scene ------------------------------------------------------------------------------- */

static void turn(scene_t* s) {
  uv_run(&s->core.loop, UV_RUN_ONCE);
}

static void on_tick(uv_timer_t* timer) {
  (void) timer;
}

/* Until nothing happens any more but the streams that never end. */
static void let_run(scene_t* s, int turns) {
  uv_timer_t timer;
  uv_timer_init(&s->core.loop, &timer);
  uv_timer_start(&timer, on_tick, 1, 1);
  while (turns-- > 0)
    turn(s);
  uv_close((uv_handle_t*) &timer, NULL);
  turn(s);
}

static uint32_t waiting_retry(const scene_t* s) {
  uvllm_stats_t stats;
  uvllm_stats(s->core.client, NULL, NULL, &stats);
  return stats.waiting_retry;
}

static void begin(scene_t* s, trigger when, int action) {
  uvllm_client_options_t o;
  uvllm_client_options_init(&o);
  memset(s, 0, sizeof(*s));
  s->when = when;
  s->what = actions[action].name;
  s->action = actions[action].run;
  o.max_queued = MAX_QUEUED;
  o.room_cb = on_room;
  core_begin_with(&s->core, &o);
  core_mock(&s->core, NULL, NULL);
  set_provider(s, "mock", PLACES);
  set_provider(s, "flaky", 0); /* frozen by its first answer: nothing else goes there */
  s->backoff = add(s, "flaky", "later", "status=503,retry-after=300", 0, 0);
  s->running = add(s, "mock", "for ever", "itl=1,tokens=100000", 9, 0);
  s->paused = add(s, "mock", "until resumed", "itl=1,tokens=100000", 9, 0);
  while (s->running->nevents < 3 || s->paused->nevents < 3 || waiting_retry(s) == 0)
    turn(s);
  pause_it(s->paused);
}

/* The subject takes the last place; behind it some wait. */
static void submit_subject(scene_t* s) {
  static const char* const behaviour[NTRIGGERS] = {
    [ON_TOOL] = "tool=2",
    [ON_RESTART] = "error-event=2,times=1,retry-after-ms=1",
    [ON_FAILURE] = "status=400",
    [ON_CANCELLED] = "stall=2",
  };
  s->subject = add(s, "mock", "subject", behaviour[s->when], 9,
                   s->when == ON_RESTART ? UVLLM_RESTART : 0);
  s->queued = add(s, "mock", "waits", NULL, 0, 0);
  for (int i = 0; i < 3; i++)
    add(s, "mock", "waits too", NULL, 0, 0);
}

static void make_it_happen(scene_t* s) {
  if (s->when == ON_ROOM) { /* full, then empty but for the queued one */
    submit_until_full(s, NULL);
    for (int i = s->n - 1; &s->ones[i] != s->queued; i--)
      cancel(&s->ones[i]);
  }
  while (!s->acted)
    turn(s);
}

static int all_done(const scene_t* s) {
  return s->core.ndone == s->n;
}

static void check_counters(scene_t* s) {
  uvllm_stats_t stats;
  uvllm_stats(s->core.client, NULL, NULL, &stats);
  CHECK(s, stats.queued == 0 && stats.inflight == 0 && stats.waiting_retry == 0);
  CHECK(s, stats.waiting_limit == 0 && stats.waiting_budget == 0);
  CHECK(s, stats.completed + stats.failed + stats.cancelled == (uint64_t) s->n);
  CHECK(s, stats.held_pusd == 0);
}

static void end(scene_t* s) {
  let_run(s, 8);
  for (int i = 0; i < s->n && !s->closing; i++)
    if (!s->ones[i].done && s->ones[i].paused)
      resume(&s->ones[i]);
  let_run(s, 4);
  CHECK(s, !s->full || s->closing); /* room_cb came: what was queued has run */
  for (int i = 0; i < s->n && !s->closing; i++)
    cancel(&s->ones[i]);
  while (!all_done(s))
    turn(s);
  if (s->closing)
    s->core.client = NULL;
  else
    check_counters(s);
  while (s->closing && s->core.nclosed == 0)
    turn(s);
  core_end(&s->core);
  for (int i = 0; i < s->n; i++)
    CHECK(s, s->ones[i].done == 1);
}

static void play(trigger when, int action) {
  static scene_t s;
  begin(&s, when, action);
  submit_subject(&s);
  make_it_happen(&s);
  end(&s);
}

static void play_all(trigger when) {
  for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
    play(when, (int) i);
}

#define MATRIX_ROW(name, when)      \
  static void name(void** state) {  \
    (void) state;                   \
    play_all(when);                 \
  }

MATRIX_ROW(everything_in_attempt_event, ON_ATTEMPT)
MATRIX_ROW(everything_in_text_event, ON_TEXT)
MATRIX_ROW(everything_in_tool_event, ON_TOOL)
MATRIX_ROW(everything_in_usage_event, ON_USAGE)
MATRIX_ROW(everything_in_restart_event, ON_RESTART)
MATRIX_ROW(everything_in_done_cb_of_success, ON_SUCCESS)
MATRIX_ROW(everything_in_done_cb_of_failure, ON_FAILURE)
MATRIX_ROW(everything_in_done_cb_of_cancel, ON_CANCELLED)
MATRIX_ROW(everything_in_room_cb, ON_ROOM)

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(everything_in_attempt_event),
    cmocka_unit_test(everything_in_text_event),
    cmocka_unit_test(everything_in_tool_event),
    cmocka_unit_test(everything_in_usage_event),
    cmocka_unit_test(everything_in_restart_event),
    cmocka_unit_test(everything_in_done_cb_of_success),
    cmocka_unit_test(everything_in_done_cb_of_failure),
    cmocka_unit_test(everything_in_done_cb_of_cancel),
    cmocka_unit_test(everything_in_room_cb),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
