/* A request whose story is written down: its events in order, with pauses among
 * them, told by the mock or by a scripted server.
 */
#ifndef UVLLM_TESTS_TALE_H
#define UVLLM_TESTS_TALE_H

#include "core.h"
#include "script.h"

#define HEAD "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
#define PIECE(text) "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"" text "\"}}]}\n\n"
#define STOP "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
#define DONE "data: [DONE]\n\n"
#define TWO_CHOICES \
  "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"zero\"}},{\"index\":1,\"delta\":{" \
  "\"content\":\"one\"}}],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2}}\n\n"

/* One request whose events are written down; at each a hook may do something. */
typedef struct tale_s {
  core_t core;
  script_t script;
  seen_t seen;
  uv_timer_t timer;
  char events[65536]; /* a letter and the text of each */
  int paused, resumed, at; /* pause at event number `at`, from 1 */
  int every;               /* pause at every event, resume a little later */
  uint64_t resume_after_ms;
  uint64_t resumed_ns, last_ns; /* of the last text */
} tale_t;

static inline void tale_resume_now(uv_timer_t* timer) {
  tale_t* t = timer->data;
  t->paused = 0;
  t->resumed++;
  t->resumed_ns = uv_hrtime();
  uvllm_resume(t->seen.req);
}

static inline void tale_pause_now(tale_t* t) {
  t->paused = 1;
  uvllm_pause(t->seen.req);
  if (t->resume_after_ms != 0)
    uv_timer_start(&t->timer, tale_resume_now, t->resume_after_ms, 0);
}

static inline void tale_write_down(tale_t* t, const uvllm_event_t* e) {
  static const char letters[] = "ARTtrbdueMw";
  size_t at = strlen(t->events), room = sizeof(t->events) - at;
  uvllm_str_t text = { "", 0 };
  if (e->type == UVLLM_EVENT_TEXT)
    text = e->u.text;
  else if (e->type == UVLLM_EVENT_TOOL_BEGIN)
    text = e->u.tool.name;
  else if (e->type == UVLLM_EVENT_TOOL_DELTA)
    text = e->u.tool.json;
  if (text.len < 64)
    snprintf(t->events + at, room, "%c%u:%.*s ", letters[e->type], e->choice, (int) text.len,
             text.base);
  if (e->type == UVLLM_EVENT_USAGE)
    assert_true(e->u.usage->input_tokens > 0);
}

static inline int tale_count_events(const seen_t* s) {
  int n = 0;
  for (size_t i = 0; i < sizeof(s->nevents) / sizeof(s->nevents[0]); i++)
    n += s->nevents[i];
  return n;
}

static inline void tale_on_event(seen_t* s, const uvllm_event_t* e) {
  tale_t* t = s->data;
  assert_false(t->paused);
  assert_int_equal(s->done, 0);
  if (e->type == UVLLM_EVENT_TEXT)
    t->last_ns = e->time_ns;
  tale_write_down(t, e);
  if (t->every || tale_count_events(s) == t->at)
    tale_pause_now(t);
}

static inline void tale_begin(tale_t* t) {
  memset(t, 0, sizeof(*t));
  core_begin(&t->core);
  uv_timer_init(&t->core.loop, &t->timer);
  uv_unref((uv_handle_t*) &t->timer);
  t->timer.data = t;
  t->seen.on_event = tale_on_event;
  t->seen.data = t;
}

static inline void tale_begin_mock(tale_t* t) {
  tale_begin(t);
  core_mock(&t->core, NULL, NULL);
}

static inline void tale_begin_script(tale_t* t, const char* bytes, script_end end) {
  char url[64];
  tale_begin(t);
  script_start(&t->script, &t->core.loop, bytes, strlen(bytes), end);
  snprintf(url, sizeof(url), "http://127.0.0.1:%d/v1", t->script.port);
  core_provider(&t->core, "mock", url, NULL);
}

static inline void tale_end(tale_t* t) {
  if (t->script.port != 0)
    script_stop(&t->script);
  uv_close((uv_handle_t*) &t->timer, NULL);
  core_end(&t->core);
  assert_int_equal(t->seen.done, 1);
  assert_int_equal(t->seen.late, 0);
}

static inline void tale__over(uv_timer_t* timer) {
  *(int*) timer->data = 1;
}

/* The loop goes on for so long. */
static inline void tale_wait_ms(tale_t* t, uint64_t ms) {
  uv_timer_t timer;
  int over = 0;
  uv_timer_init(&t->core.loop, &timer);
  timer.data = &over;
  uv_timer_start(&timer, tale__over, ms, 0);
  while (!over)
    uv_run(&t->core.loop, UV_RUN_ONCE);
  uv_close((uv_handle_t*) &timer, NULL);
  uv_run(&t->core.loop, UV_RUN_NOWAIT);
}

static inline void tale_run_to_end(tale_t* t) {
  core_run(&t->core, 1);
  assert_int_equal(t->seen.done, 1);
}

enum { TALE_BIG = 300, TALE_BIG_BYTES = 100 * 1024 };

/* An answer of 300 events of 100 KiB, more than sockets hold. To be freed. */
static inline char* tale_big_stream(void) {
  static const char head[] = HEAD "\r\n", end[] = STOP DONE;
  static const char before[] = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"";
  static const char after[] = "\"}}]}\n\n";
  char* bytes = malloc(sizeof(head) + sizeof(end) +
                       TALE_BIG * (sizeof(before) + sizeof(after) + TALE_BIG_BYTES));
  char* p = stpcpy(bytes, head);
  for (int i = 0; i < TALE_BIG; i++) {
    p = stpcpy(p, before);
    memset(p, 'x', TALE_BIG_BYTES);
    p = stpcpy(p + TALE_BIG_BYTES, after);
  }
  strcpy(p, end);
  return bytes;
}

/* What the script still has to send, once the client's sockets take no more. */
static inline size_t tale_unsent(tale_t* t) {
  size_t before, now = 0;
  int same = 0;
  do {
    before = now;
    now = 0;
    tale_wait_ms(t, 20);
    for (script_conn_t* k = t->script.conns; k != NULL; k = k->next)
      now += uv_stream_get_write_queue_size((uv_stream_t*) &k->tcp);
    same = now == before ? same + 1 : 0;
  } while (same < 3);
  return now;
}

#endif
