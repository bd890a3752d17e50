/* The Anthropic dialect through the public API, against the mock, and what stands on
 * the wire of requests that no OpenAI body can say.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "dialect_scene.h"
#include "provider_conformance.h"
#include "script.h"

#define TOOLS "[{\"type\":\"function\",\"function\":{\"name\":\"weather\",\"parameters\":" \
  "{\"type\":\"object\",\"properties\":{\"city\":{\"type\":\"string\"}}}}}," \
  "{\"type\":\"function\",\"function\":{\"name\":\"now\"}}]"

static void begin(dialect_scene_t* d) {
  dialect_begin(d, "anthropic", "", NULL);
}

/* ---- Against the mock ---- */

static void a_chat_is_the_same_streamed_and_whole(void** state) {
  (void) state;
  dialect_scene_t d;
  ask_t a;
  begin(&d);
  dialect_ask(&a, "tokens=5,cached=2");
  seen_t s = dialect_both(&d, &a);
  assert_int_equal(s.status, 0);
  assert_true(s.text[0] != '\0');
  assert_int_equal(d.stop, UVLLM_STOP_END);
  assert_int_equal(s.usage.input_tokens, 3);
  assert_int_equal(s.usage.cached_input_tokens, 2);
  assert_int_equal(s.usage.output_tokens, 5);
  assert_int_equal(strncmp(d.request_id, "req_", 4), 0);
  assert_string_equal(d.replay, "");
  dialect_end(&d);
}

static void system_image_and_turns_go_along(void** state) {
  (void) state;
  dialect_scene_t d;
  ask_t a;
  const uvllm_message_t turns[] = {
    { .role = UVLLM_SYSTEM, .text = UVLLM_STR("Be terse") },
    { .role = UVLLM_USER, .parts_json = UVLLM_STR(
        "[{\"type\":\"text\",\"text\":\"Hi there\"},{\"type\":\"image_url\",\"image_url\":"
        "{\"url\":\"data:image/png;base64,iVBORw0KGgo=\"}}]") },
    { .role = UVLLM_ASSISTANT, .text = UVLLM_STR("Hi") },
    { .role = UVLLM_USER, .text = UVLLM_STR("\xe2\x82\xac\xe2\x82\xac") },
  };
  begin(&d);
  dialect_ask(&a, "tokens=4");
  a.r.messages = turns;
  a.r.nmessages = 4;
  seen_t with = dialect_both(&d, &a);
  assert_int_equal(with.status, 0);
  assert_int_equal(with.usage.input_tokens, 6); /* 24 bytes */
  dialect_end(&d);
}

static void length_filter_and_refusal_are_told(void** state) {
  (void) state;
  dialect_scene_t d;
  ask_t a;
  begin(&d);
  dialect_ask(&a, NULL);
  a.r.max_tokens = 3;
  assert_int_equal(dialect_both(&d, &a).usage.output_tokens, 3);
  assert_int_equal(d.stop, UVLLM_STOP_LENGTH);
  dialect_ask(&a, "tokens=2,filter");
  assert_true(dialect_both(&d, &a).text[0] != '\0');
  assert_int_equal(d.stop, UVLLM_STOP_FILTER);
  dialect_ask(&a, "tokens=2,refusal");
  seen_t s = dialect_both(&d, &a);
  assert_string_equal(s.text, "");
  assert_int_equal(s.nevents[UVLLM_EVENT_REFUSAL], 1);
  assert_int_equal(d.stop, UVLLM_STOP_FILTER);
  dialect_end(&d);
}

static void a_schema_is_followed(void** state) {
  (void) state;
  dialect_scene_t d;
  ask_t a;
  begin(&d);
  dialect_ask(&a, NULL);
  a.r.json_schema = test_str("{\"type\":\"object\",\"properties\":{\"n\":{\"type\":\"integer\"}}}");
  assert_string_equal(dialect_both(&d, &a).text, "{\"n\":1}");
  dialect_end(&d);
}

static void thinking_is_had_by_an_effort(void** state) {
  (void) state;
  static const char* const models[] = { "claude-3-7-sonnet-latest", "claude-opus-5" };
  dialect_scene_t d;
  ask_t a;
  begin(&d);
  for (size_t i = 0; i < 2; i++) { /* by a budget, and by an effort */
    dialect_ask(&a, "tokens=2");
    a.r.target.model = models[i];
    a.r.reasoning_effort = "low";
    seen_t s = dialect_both(&d, &a);
    assert_int_equal(s.status, 0);
    assert_true(d.reasoning[0] != '\0');
    assert_int_equal(s.usage.reasoning_tokens, 8);
    assert_int_equal(s.usage.output_tokens, 10);
    a.r.reasoning_effort = "none";
    assert_int_equal(dialect_both(&d, &a).status, 0);
    assert_string_equal(d.reasoning, "");
  }
  dialect_end(&d);
}

/* The mock refuses results without their calls, and thoughts that are not as they were. */
static void calls_and_thoughts_go_there_and_back(void** state) {
  (void) state;
  dialect_scene_t d;
  ask_t a;
  char calls[4096], replay[4096], id[2][64];
  begin(&d);
  dialect_ask(&a, "tool=2,reasoning=40");
  a.r.tools_json = test_str(TOOLS);
  assert_int_equal(dialect_both(&d, &a).status, 0);
  assert_int_equal(d.stop, UVLLM_STOP_TOOL);
  assert_non_null(strstr(d.calls, "\"name\":\"weather\",\"arguments\":\"{\\\"city\\\":"));
  assert_non_null(strstr(d.replay, "\"type\":\"thinking\""));
  strcpy(calls, d.calls);
  strcpy(replay, d.replay);
  const char* p = calls;
  for (int i = 0; i < 2; i++) {
    p = strstr(p, "\"id\":\"") + 6;
    snprintf(id[i], sizeof(id[i]), "%.*s", (int) strcspn(p, "\""), p);
  }
  const uvllm_message_t turns[] = {
    a.message,
    { .role = UVLLM_ASSISTANT, .tool_calls_json = test_str(calls),
      .replay_json = test_str(replay) },
    { .role = UVLLM_TOOL, .tool_call_id = test_str(id[0]), .text = UVLLM_STR("-3 C") },
    { .role = UVLLM_TOOL, .tool_call_id = test_str(id[1]), .text = UVLLM_STR("noon") },
    { .role = UVLLM_USER, .text = UVLLM_STR("And?") },
  };
  dialect_ask(&a, "tokens=3");
  a.r.tools_json = test_str(TOOLS);
  a.r.messages = turns;
  a.r.nmessages = 5;
  seen_t s = dialect_both(&d, &a);
  assert_int_equal(s.status, 0);
  assert_true(s.text[0] != '\0');
  char* thought = strstr(replay, "\"thinking\":\"");
  thought[14] ^= 1;
  assert_int_equal(dialect_run(&d, &a.r).status, UVLLM_EREQUEST);
  dialect_end(&d);
}

static void models_are_read_to_their_last_page(void** state) {
  (void) state;
  dialect_scene_t d;
  ask_t a;
  uvllm_mock_stats_t stats;
  begin(&d);
  dialect_ask(&a, "models=2500");
  a.r.op = UVLLM_MODELS;
  a.r.flags = 0;
  a.r.nmessages = 0;
  assert_int_equal(dialect_run(&d, &a.r).status, 0);
  assert_int_equal(d.nmodels, 2500);
  uvllm_mock_stats(d.core.mock, &stats);
  assert_int_equal(stats.requests, 3);
  dialect_end(&d);
}

static void tokens_are_counted(void** state) {
  (void) state;
  dialect_scene_t d;
  ask_t a;
  begin(&d);
  dialect_ask(&a, NULL);
  a.r.op = UVLLM_COUNT_TOKENS;
  a.r.flags = 0;
  a.r.max_tokens = 10; /* of the chat, not of the count */
  a.r.temperature = 0.5;
  seen_t s = dialect_run(&d, &a.r);
  assert_int_equal(s.status, 0);
  assert_int_equal(s.usage.input_tokens, 3);
  dialect_end(&d);
}

static void an_openai_body_goes_and_comes(void** state) {
  (void) state;
  dialect_scene_t d;
  ask_t a;
  begin(&d);
  dialect_ask(&a, "tokens=2");
  a.r.nmessages = 0;
  a.r.flags = UVLLM_BODY;
  a.r.body_json = test_str("{\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}],"
                           "\"user\":\"u\"}");
  seen_t s = dialect_run(&d, &a.r);
  assert_int_equal(s.status, 0);
  assert_non_null(strstr(s.body, "\"object\":\"chat.completion\""));
  assert_non_null(strstr(s.body, "\"finish_reason\":\"stop\""));
  assert_non_null(strstr(s.body, "\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2"));
  dialect_end(&d);
}

static void each_error_is_of_its_kind(void** state) {
  (void) state;
  static const struct { const char* mock; int status, http; } errors[] = {
    { "status=400", UVLLM_EREQUEST, 400 },     { "status=401", UVLLM_EAUTH, 401 },
    { "status=402", UVLLM_EQUOTA, 402 },       { "status=403", UVLLM_EPERMISSION, 403 },
    { "status=404", UVLLM_ENOMODEL, 404 },     { "status=409", UVLLM_EPROVIDER, 409 },
    { "status=413", UVLLM_EREQUEST, 413 },     { "status=429", UVLLM_ERATELIMIT, 429 },
    { "status=500", UVLLM_EPROVIDER, 500 },    { "status=504", UVLLM_EPROVIDER, 504 },
    { "status=529", UVLLM_EOVERLOAD, 529 },    { "html,status=502", UVLLM_EPROVIDER, 502 },
    { "tokens=3,error-event=1", UVLLM_EPROVIDER, 200 },
    { "tokens=3,error-event=0", UVLLM_EPROVIDER, 200 },
    { "tokens=3,cut=1", UVLLM_ETRUNCATED, 200 },
    { "tokens=3,no-done", UVLLM_ETRUNCATED, 200 },
    { "tokens=3,no-finish", UVLLM_ETRUNCATED, 200 },
    { "malformed", UVLLM_EPROTO, 200 },        { "html", UVLLM_EPROTO, 200 },
    { "empty", UVLLM_ETRUNCATED, 200 },        { "header=100", 0, 200 },
    { "tokens=3,comments,crlf", 0, 200 },      { "tokens=2,drip", 0, 200 },
    { "tokens=2,split", 0, 200 },              { "tokens=2,eof", 0, 200 },
    { "tokens=2,bad-utf8", 0, 200 }
  };
  dialect_scene_t d;
  ask_t a;
  begin(&d);
  for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
    dialect_ask(&a, errors[i].mock);
    seen_t s = dialect_run(&d, &a.r);
    if (s.status != errors[i].status)
      print_message("%s: %s: %s\n", errors[i].mock, uvllm_err_name(s.status), s.message);
    assert_int_equal(s.status, errors[i].status);
    assert_int_equal(s.http_status, errors[i].http);
    assert_int_equal(strncmp(d.request_id, "req_", 4), 0);
  }
  dialect_ask(&a, "error-event=1");
  a.r.flags = 0; /* an error, whole, with status 200 */
  assert_int_equal(dialect_run(&d, &a.r).status, UVLLM_EPROVIDER);
  dialect_end(&d);
}

static void an_overload_is_tried_again(void** state) {
  (void) state;
  dialect_scene_t d;
  ask_t a;
  begin(&d);
  dialect_ask(&a, "status=529,retry-after-ms=1,once,tokens=2");
  a.r.max_attempts = 2;
  seen_t s = dialect_run(&d, &a.r);
  assert_int_equal(s.status, 0);
  assert_int_equal(s.attempts, 2);
  dialect_end(&d);
}

static void anything_else_goes_raw(void** state) {
  (void) state;
  dialect_scene_t d;
  ask_t a;
  begin(&d);
  dialect_ask(&a, NULL);
  a.r.op = UVLLM_RAW;
  a.r.flags = 0;
  a.r.nmessages = 0;
  a.r.target.model = NULL;
  a.r.raw_path = "/v1/models/claude-opus-5";
  seen_t s = dialect_run(&d, &a.r);
  assert_int_equal(s.status, 0);
  assert_true(s.nevents[UVLLM_EVENT_RAW] > 0);
  dialect_end(&d);
}

/* ---- On the wire ---- */

/* The body that a request makes, NUL-terminated; or its error. To be freed. */
static char* body_of(const uvllm_request_t* r, int* err) {
  uvllm_http_t http;
  record_t rec;
  uvllm_attempt_t attempt = { .request = r, .model = UVLLM_STR("claude-opus-5"), .number = 1 };
  const uvllm_provider_ops_t* ops = uvllm__dialect("anthropic");
  void* s = calloc(1, ops->state_size);
  assert_non_null(s);
  record_init(&rec);
  uvllm__http_init(&http, &uvllm__alloc_default);
  *err = ops->check(r, &rec.emit);
  if (*err == 0)
    *err = ops->build(s, &attempt, &http);
  if (*err == 0)
    *err = uvllm__http_finish(&http);
  const uvllm_str_t body = uvllm__http_body(&http);
  char* text = strndup(body.base != NULL ? body.base : "", body.len);
  ops->fini(s);
  uvllm__http_free(&http);
  record_free(&rec);
  free(s);
  return text;
}

#define CALLS "[{\"id\":\"t1\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":" \
  "\"{}\"}},{\"id\":\"t2\",\"type\":\"function\",\"function\":{\"name\":\"g\",\"arguments\":" \
  "\"{\\\"a\\\":1}\"}}]"
#define THOUGHT "{\"type\":\"thinking\",\"thinking\":\"Hm\\n\\u00e9\",\"signature\":\"c2ln\"}"
#define F "{\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"f\",\"input\":{}}"
#define G(more) "{\"type\":\"tool_use\",\"id\":\"t2\",\"name\":\"g\",\"input\":{\"a\":1}" more "}"
#define TEXT(text) "{\"type\":\"text\",\"text\":\"" text "\"}"
#define REPLAY "{\"anthropic\":{\"content\":[" THOUGHT ",{\"text\":3},{\"call\":\"t1\"}," \
  "{\"type\":\"redacted_thinking\",\"data\":\"x\"},{\"text\":2,\"citations\":[{\"n\":1}]}," \
  "{\"call\":\"t2\",\"caller\":{\"type\":\"c\"}}]}}"
#define REDACTED "{\"type\":\"redacted_thinking\",\"data\":\"x\"}"

static const struct { const char *text, *calls, *replay, *content; } turns_back[] = {
  { "\xe2\x82\xac" "ab", CALLS, REPLAY,
    "[" THOUGHT "," TEXT("\xe2\x82\xac") "," F "," REDACTED
    ",{\"type\":\"text\",\"text\":\"ab\",\"citations\":[{\"n\":1}]},"
    G(",\"caller\":{\"type\":\"c\"}") "]" },
  /* changed: another length, another place to cut at, calls that are not there */
  { "abcdef", CALLS, REPLAY, "[" THOUGHT "," REDACTED "," TEXT("abcdef") "," F "," G("") "]" },
  { "ab\xe2\x82\xac", CALLS, REPLAY,
    "[" THOUGHT "," REDACTED "," TEXT("ab\xe2\x82\xac") "," F "," G("") "]" },
  { "abcde", NULL, REPLAY, "[" THOUGHT "," REDACTED "," TEXT("abcde") "]" },
  { NULL, CALLS, REPLAY, "[" THOUGHT "," REDACTED "," F "," G("") "]" },
  /* of others, or nothing that is known */
  { "Hi", NULL, "{\"gemini\":{\"content\":[" THOUGHT "]}}", "\"Hi\"" },
  { "Hi", NULL, "{\"anthropic\":7}", "[" TEXT("Hi") "]" },
  { "Hi", NULL, "{\"anthropic\":{\"content\":[7,{},null,{\"text\":-2},{\"text\":\"x\"},"
                "{\"text\":2}]}}", "[" TEXT("Hi") "]" },
  { "Hi", NULL, "{\"anthropic\":{\"content\":[{\"text\":1e300}]}}", "[" TEXT("Hi") "]" },
  { "Hi", NULL, "{\"anthropic\":{\"content\":[{\"text\":2}],\"stop_reason\":\"pause_turn\"}}",
    "[" TEXT("Hi") "]" },
};

static void turns_go_back_as_they_were_or_as_they_were_changed(void** state) {
  (void) state;
  for (size_t i = 0; i < sizeof(turns_back) / sizeof(turns_back[0]); i++) {
    ask_t a;
    int err;
    char wanted[1024];
    const uvllm_message_t turns[] = {
      { .role = UVLLM_USER, .text = UVLLM_STR("a") },
      { .role = UVLLM_ASSISTANT, .text = uvllm__str(turns_back[i].text),
        .tool_calls_json = uvllm__str(turns_back[i].calls),
        .replay_json = test_str(turns_back[i].replay) },
    };
    ask_init(&a, "", NULL);
    a.r.messages = turns;
    a.r.nmessages = 2;
    char* body = body_of(&a.r, &err);
    snprintf(wanted, sizeof(wanted), "{\"role\":\"assistant\",\"content\":%s}]",
             turns_back[i].content);
    assert_int_equal(err, 0);
    if (strstr(body, wanted) == NULL)
      print_error("%s\nwanted: %s\n", body, wanted);
    assert_non_null(strstr(body, wanted));
    free(body);
  }
}

static const struct { const char *extra, *has, *has_not; } extras[] = {
  { "{\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2000}}",
    "\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2000}", "summarized" },
  { "{\"output_config\":{\"x\":1}}", "\"output_config\":{\"effort\":\"high\",\"x\":1}", NULL },
  { "{\"tool_choice\":{\"disable_parallel_tool_use\":true}}",
    "\"tool_choice\":{\"type\":\"auto\",\"disable_parallel_tool_use\":true}", NULL },
  { "{\"max_tokens\":0,\"top_k\":5,\"speed\":\"fast\"}",
    "\"max_tokens\":0,\"top_k\":5,\"speed\":\"fast\"", "16384" },
  { "{\"tools\":[{\"type\":\"web_search_20250305\",\"name\":\"web_search\"}]}",
    "\"tools\":[{\"type\":\"web_search_20250305\",\"name\":\"web_search\"}]", "input_schema" },
  { "{\"cache_control\":{\"type\":\"ephemeral\"}}", "\"cache_control\":{\"type\":\"ephemeral\"}",
    NULL },
};

static void what_has_no_field_goes_by_extra_json(void** state) {
  (void) state;
  for (size_t i = 0; i < sizeof(extras) / sizeof(extras[0]); i++) {
    ask_t a;
    int err;
    ask_init(&a, "Hi", NULL);
    a.r.tools_json = test_str(TOOLS);
    a.r.tool_choice_json = test_str("auto");
    a.r.reasoning_effort = "high";
    a.r.extra_json = test_str(extras[i].extra);
    char* body = body_of(&a.r, &err);
    assert_int_equal(err, 0);
    if (strstr(body, extras[i].has) == NULL)
      print_error("%s\nwanted: %s\n", body, extras[i].has);
    assert_non_null(strstr(body, extras[i].has));
    if (extras[i].has_not != NULL)
      assert_null(strstr(body, extras[i].has_not));
    free(body);
  }
}

/* A request that waited while its provider was exchanged was checked by another. */
static void what_another_dialect_has_passed_is_refused_by_build(void** state) {
  (void) state;
  const uvllm_provider_ops_t* ops = uvllm__dialect("anthropic");
  const uvllm_message_t wrong[] = {
    { .role = UVLLM_USER, .parts_json = UVLLM_STR(
        "[{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"UklG\",\"format\":\"wav\"}}]") },
    { .role = UVLLM_ASSISTANT, .tool_calls_json = UVLLM_STR(
        "[{\"id\":\"t\",\"type\":\"function\",\"function\":{\"name\":\"f\","
        "\"arguments\":\"{\"}}]") },
  };
  for (size_t i = 0; i < 3; i++) {
    ask_t a;
    uvllm_http_t http;
    uvllm_attempt_t attempt = { .request = &a.r, .model = UVLLM_STR("claude-opus-4"), .number = 1 };
    void* s = calloc(1, ops->state_size);
    assert_non_null(s);
    ask_init(&a, "Hi", NULL);
    if (i < 2)
      a.r.messages = &wrong[i];
    else
      a.r.max_tokens = 10;
    if (i == 2)
      a.r.reasoning_effort = "low";
    uvllm__http_init(&http, &uvllm__alloc_default);
    assert_int_equal(ops->build(s, &attempt, &http), UVLLM_EUNSUPPORTED);
    uvllm__http_free(&http);
    ops->fini(s);
    free(s);
  }
}

/* ---- Bad answers ---- */

static void deep_json_is_an_error(void** state) {
  (void) state;
  static const char* const begins[] = { "", "data: ", "{\"type\":\"message\",\"content\":" };
  for (size_t i = 0; i < 3; i++) {
    const size_t deep = 10000, at = strlen(begins[i]);
    char* text = malloc(deep + at + 2);
    assert_non_null(text);
    memcpy(text, begins[i], at);
    memset(text + at, '[', deep);
    memcpy(text + at + deep, "\n\n", 2);
    fixture_run_t run;
    const fixture_source_t source = { uvllm__dialect("anthropic"), "" };
    fixture_begin_of(&run, &source, i == 1 ? "x.sse" : "x.json");
    assert_int_equal(fixture_answer(&run, (uvllm_str_t) { text, deep + at + 2 }, 100, 4096),
                     UVLLM_EPROTO);
    fixture_end(&run);
    free(text);
  }
}

/* A cursor that stands still would be followed for ever. */
static void a_list_that_does_not_go_on_is_an_error(void** state) {
  (void) state;
  static const char page[] = "{\"data\":[{\"id\":\"a\"}],\"has_more\":true,\"last_id\":\"a\"}";
  const uvllm_frame_t frame = { .data = UVLLM_STR(page) };
  const fixture_source_t source = { uvllm__dialect("anthropic"), "" };
  fixture_run_t run;
  uvllm_http_t http;
  fixture_begin_of(&run, &source, "models_x.json");
  uvllm_attempt_t attempt = { .request = &run.request, .number = 1, .exchange = 1 };
  assert_int_equal(run.ops->begin(run.state, 200, test_str("application/json")),
                   UVLLM_FRAME_BODY);
  assert_int_equal(run.ops->frame(run.state, &frame, &run.rec.emit), UVLLM_NEXT);
  uvllm__http_init(&http, &uvllm__alloc_default);
  assert_int_equal(run.ops->build(run.state, &attempt, &http), 0);
  assert_int_equal(uvllm__http_finish(&http), 0);
  assert_string_equal(http.path.base, "/v1/models?limit=1000&after_id=a");
  uvllm__http_free(&http);
  assert_int_equal(run.ops->frame(run.state, &frame, &run.rec.emit), UVLLM_EPROTO);
  fixture_end(&run);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_chat_is_the_same_streamed_and_whole),
    cmocka_unit_test(system_image_and_turns_go_along),
    cmocka_unit_test(length_filter_and_refusal_are_told),
    cmocka_unit_test(a_schema_is_followed),
    cmocka_unit_test(thinking_is_had_by_an_effort),
    cmocka_unit_test(calls_and_thoughts_go_there_and_back),
    cmocka_unit_test(models_are_read_to_their_last_page),
    cmocka_unit_test(tokens_are_counted),
    cmocka_unit_test(an_openai_body_goes_and_comes),
    cmocka_unit_test(each_error_is_of_its_kind),
    cmocka_unit_test(an_overload_is_tried_again),
    cmocka_unit_test(anything_else_goes_raw),
    cmocka_unit_test(turns_go_back_as_they_were_or_as_they_were_changed),
    cmocka_unit_test(what_has_no_field_goes_by_extra_json),
    cmocka_unit_test(what_another_dialect_has_passed_is_refused_by_build),
    cmocka_unit_test(deep_json_is_an_error),
    cmocka_unit_test(a_list_that_does_not_go_on_is_an_error),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
