/* Tool calls as the caller sees them: each begins once, with an id and, if one
 * ever came, a name; and by the ids of its events the result knows it too.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memmem */
#endif
#include "core.h"
#include "script.h"
#include "uvllm/provider.h"

#define HEAD "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
#define TOOL(json)                                                             \
  "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,"        \
  json "}]}}]}\n\n"
#define STOP "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\n\n"
#define DONE "data: [DONE]\n\n"

typedef struct log_s {
  char events[512], tools[512];
  int pause_at_begin;
} log_t;

static void on_event(seen_t* s, const uvllm_event_t* e) {
  log_t* log = s->data;
  size_t at = strlen(log->events), room = sizeof(log->events) - at;
  const uvllm_str_t *id = &e->u.tool.id, *name = &e->u.tool.name, *json = &e->u.tool.json;
  if (e->type == UVLLM_EVENT_TOOL_BEGIN)
    snprintf(log->events + at, room, "begin %u %.*s %.*s;", e->index, (int) id->len, id->base,
             (int) name->len, name->base != NULL ? name->base : "");
  if (e->type == UVLLM_EVENT_TOOL_DELTA)
    snprintf(log->events + at, room, "delta %u %.*s;", e->index, (int) json->len, json->base);
  if (e->type == UVLLM_EVENT_TOOL_BEGIN && log->pause_at_begin)
    uvllm_pause(s->req);
}

static void on_done(seen_t* s, const uvllm_result_t* r) {
  log_t* log = s->data;
  if (r->nchoices > 0)
    core__copy(log->tools, sizeof(log->tools), r->choices[0].tools_json);
}

static seen_t run(const char* answer, const uvllm_provider_ops_t* ops, unsigned int flags,
                  log_t* log) {
  core_t c;
  script_t script;
  ask_t a;
  seen_t s;
  char url[64];
  uvllm_provider_options_t p;
  memset(&s, 0, sizeof(s));
  core_begin(&c);
  script_start(&script, &c.loop, answer, strlen(answer), SCRIPT_CLOSE);
  snprintf(url, sizeof(url), "http://127.0.0.1:%d/v1", script.port);
  core_provider_init(&p);
  p.name = "mock";
  p.dialect = "openai";
  p.ops = ops;
  p.base_url = url;
  assert_int_equal(uvllm_provider_set(c.client, &p), 0);
  ask_init(&a, "hello", NULL);
  a.r.flags = flags;
  s.on_event = on_event;
  s.on_done = on_done;
  s.data = log;
  core_submit(&c, &a.r, &s);
  while (s.done == 0) {
    uv_run(&c.loop, log->pause_at_begin ? UV_RUN_NOWAIT : UV_RUN_ONCE);
    if (log->pause_at_begin && s.done == 0)
      uvllm_resume(s.req);
  }
  script_stop(&script);
  core_end(&c);
  return s;
}

static void events_are(const char* answer, const char* events, const char* call) {
  for (int variant = 0; variant < 4; variant++) {
    log_t log = { .pause_at_begin = variant & 1 };
    unsigned int flags = UVLLM_STREAM | (variant & 2 ? UVLLM_NO_COLLECT : 0);
    seen_t s = run(answer, NULL, flags, &log);
    assert_int_equal(s.status, 0);
    assert_string_equal(log.events, events);
    if (flags & UVLLM_NO_COLLECT)
      assert_string_equal(log.tools, "");
    else
      assert_non_null(strstr(log.tools, call));
  }
}

static void a_name_after_the_id_is_waited_for(void** state) {
  (void) state;
  events_are(HEAD TOOL("\"id\":\"a\"") TOOL("\"function\":{\"name\":\"f\"}")
             TOOL("\"function\":{\"arguments\":\"{}\"}") STOP DONE,
             "begin 0 a f;delta 0 {};", "\"id\":\"a\"");
}

static void an_id_after_the_name_is_waited_for(void** state) {
  (void) state;
  events_are(HEAD TOOL("\"function\":{\"name\":\"f\"}") TOOL("\"id\":\"a\"") STOP DONE,
             "begin 0 a f;", "\"id\":\"a\"");
}

static void an_id_is_made_and_is_the_results(void** state) {
  (void) state;
  events_are(HEAD TOOL("\"function\":{\"name\":\"f\",\"arguments\":\"{\"}")
             TOOL("\"function\":{\"arguments\":\"}\"}") STOP DONE,
             "begin 0 call_0_0 f;delta 0 {;delta 0 };", "\"id\":\"call_0_0\"");
}

static void a_call_without_arguments_begins_when_its_choice_stops(void** state) {
  (void) state;
  events_are(HEAD TOOL("\"function\":{\"name\":\"f\"}") STOP DONE, "begin 0 call_0_0 f;",
             "\"id\":\"call_0_0\"");
  events_are(HEAD TOOL("\"function\":{\"name\":\"f\"}") DONE, "begin 0 call_0_0 f;",
             "\"name\":\"f\"");
}

static int build(void* state, const uvllm_attempt_t* attempt, uvllm_http_t* http) {
  (void) state, (void) attempt;
  uvllm_http_path(http, "/x");
  return 0;
}

static int frame(void* state, const uvllm_frame_t* f, uvllm_emit_t* emit) {
  (void) state, (void) f;
  uvllm_str_t none = { NULL, 0 };
  uvllm_emit_tool(emit, 2, 1, none, test_str("f"), none);
  uvllm_emit_tool(emit, 0, 3, test_str("b"), none, none);
  return UVLLM_COMPLETE;
}

static int error(void* state, int http_status, uvllm_str_t body, uvllm_emit_t* emit) {
  (void) state, (void) http_status, (void) body, (void) emit;
  return UVLLM_EPROVIDER;
}

static void a_dialect_that_says_no_stop_loses_no_call(void** state) {
  (void) state;
  static const uvllm_provider_ops_t ops = { .size = sizeof(ops), .build = build, .frame = frame,
                                            .error = error };
  log_t log = { .pause_at_begin = 0 };
  seen_t s = run("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", &ops, 0, &log);
  assert_int_equal(s.status, 0);
  assert_string_equal(log.events, "begin 3 b ;begin 1 call_2_1 f;");
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_name_after_the_id_is_waited_for),
    cmocka_unit_test(an_id_after_the_name_is_waited_for),
    cmocka_unit_test(an_id_is_made_and_is_the_results),
    cmocka_unit_test(a_call_without_arguments_begins_when_its_choice_stops),
    cmocka_unit_test(a_dialect_that_says_no_stop_loses_no_call),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
