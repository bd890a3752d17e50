/* The Cohere dialect through the public API, against the mock. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "dialect_scene.h"
#include "script.h"

#define TOOLS "[{\"type\":\"function\",\"function\":{\"name\":\"weather\",\"parameters\":" \
  "{\"type\":\"object\",\"properties\":{\"city\":{\"type\":\"string\"}}}}}," \
  "{\"type\":\"function\",\"function\":{\"name\":\"now\"}}]"

static void begin(dialect_scene_t* d) {
  dialect_begin(d, "cohere", "/cohere", NULL);
}

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
  assert_int_equal(strlen(d.request_id), 32);
  dialect_end(&d);
}

static void thinking_and_length_are_told(void** state) {
  (void) state;
  dialect_scene_t d;
  ask_t a;
  begin(&d);
  dialect_ask(&a, "reasoning=3,tokens=2");
  assert_int_equal(dialect_both(&d, &a).status, 0);
  assert_true(d.reasoning[0] != '\0');
  assert_string_equal(d.replay, ""); /* there are no calls */
  dialect_ask(&a, NULL);
  a.r.reasoning_effort = "high";
  a.r.max_tokens = 10; /* two are left for the text */
  seen_t s = dialect_both(&d, &a);
  assert_int_equal(d.stop, UVLLM_STOP_LENGTH);
  assert_int_equal(s.usage.output_tokens, 10);
  assert_true(d.reasoning[0] != '\0' && s.text[0] != '\0');
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

static void images_go_along(void** state) {
  (void) state;
  dialect_scene_t d;
  ask_t a;
  begin(&d);
  dialect_ask(&a, "tokens=4");
  const seen_t without = dialect_both(&d, &a);
  a.message.text.base = NULL;
  a.message.parts_json = test_str(
      "[{\"type\":\"text\",\"text\":\"Hello there\"},{\"type\":\"image_url\",\"image_url\":"
      "{\"url\":\"data:image/png;base64,iVBORw0KGgo=\"}}]");
  const seen_t with = dialect_both(&d, &a);
  assert_int_equal(with.status, 0);
  assert_string_not_equal(with.text, without.text);
  assert_int_equal(with.usage.input_tokens, without.usage.input_tokens);
  dialect_end(&d);
}

/* Parallel calls, and a second turn with their results and the plan. */
static void calls_go_there_and_back(void** state) {
  (void) state;
  dialect_scene_t d;
  ask_t a;
  char calls[4096], replay[4096];
  begin(&d);
  dialect_ask(&a, "tool=2,reasoning=3");
  a.r.tools_json = test_str(TOOLS);
  assert_int_equal(dialect_both(&d, &a).status, 0);
  assert_int_equal(d.stop, UVLLM_STOP_TOOL);
  assert_non_null(strstr(d.calls, "\"name\":\"weather\",\"arguments\":\"{\\\"city\\\":"));
  assert_non_null(strstr(d.calls, "\"name\":\"now\",\"arguments\":\"{}\""));
  assert_non_null(strstr(d.replay, "{\"cohere\":{\"tool_plan\":\""));
  strcpy(calls, d.calls);
  strcpy(replay, d.replay);
  const uvllm_message_t turns[] = {
    a.message,
    { .role = UVLLM_ASSISTANT, .tool_calls_json = test_str(calls),
      .replay_json = test_str(replay) },
    { .role = UVLLM_TOOL, .tool_call_id = UVLLM_STR("tool_1"), .text = UVLLM_STR("-3 C") },
    { .role = UVLLM_TOOL, .tool_call_id = UVLLM_STR("tool_2"), .text = UVLLM_STR("noon") },
  };
  dialect_ask(&a, "tokens=3");
  a.r.tools_json = test_str(TOOLS);
  a.r.messages = turns;
  a.r.nmessages = 4;
  seen_t s = dialect_both(&d, &a);
  assert_int_equal(s.status, 0);
  assert_true(s.text[0] != '\0');
  assert_true(s.usage.input_tokens > 3);
  dialect_end(&d);
}

/* What stands on the wire of a second turn. */
static void the_plan_and_the_thinking_go_back(void** state) {
  (void) state;
  static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                               "Content-Length: 28\r\n\r\n"
                               "{\"message\":{\"content\":\"Hi\"}}";
  core_t core;
  script_t script;
  ask_t a;
  char url[64];
  const uvllm_message_t turns[] = {
    { .role = UVLLM_USER, .text = UVLLM_STR("a") },
    { .role = UVLLM_ASSISTANT, .tool_calls_json = UVLLM_STR("[{\"id\":\"c\",\"type\":\"function\","
      "\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]"),
      .replay_json = UVLLM_STR("{\"cohere\":{\"tool_plan\":\"I look\",\"thinking\":\"Hm\\n\"},"
                               "\"gemini\":1}") },
    { .role = UVLLM_TOOL, .tool_call_id = UVLLM_STR("c"), .text = UVLLM_STR("1"),
      .name = UVLLM_STR("f") },
    { .role = UVLLM_ASSISTANT, .text = UVLLM_STR("b"),
      .replay_json = UVLLM_STR("{\"anthropic\":{\"thinking\":\"no\"}}") },
  };
  uvllm_provider_options_t p;
  core_begin(&core);
  script_start(&script, &core.loop, answer, sizeof(answer) - 1, SCRIPT_KEEP);
  snprintf(url, sizeof(url), "http://127.0.0.1:%d", script.port);
  core_provider_init(&p);
  p.name = "own";
  p.dialect = "cohere";
  p.base_url = url;
  p.price_as = "*";
  assert_int_equal(uvllm_provider_set(core.client, &p), 0);
  dialect_ask(&a, NULL);
  a.r.flags = 0;
  a.r.messages = turns;
  a.r.nmessages = 4;
  a.r.extra_json = test_str("{\"seed\":18446744073709551615,\"k\":5,\"documents\":[\"d\"],"
                            "\"citation_options\":{\"mode\":\"OFF\"}}");
  seen_t seen = { 0 };
  core_submit(&core, &a.r, &seen);
  core_run(&core, 1);
  assert_int_equal(seen.status, 0);
  assert_non_null(strstr(script.request,
      "{\"role\":\"assistant\",\"tool_plan\":\"I look\",\"content\":[{\"type\":\"thinking\","
      "\"thinking\":\"Hm\\n\"}],\"tool_calls\":[{\"id\":\"c\",\"type\":\"function\",\"function\":"
      "{\"name\":\"f\",\"arguments\":\"{}\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"c\","
      "\"content\":\"1\"},{\"role\":\"assistant\",\"content\":\"b\"}]"));
  assert_non_null(strstr(script.request, "\"seed\":18446744073709551615,\"k\":5,"
                                         "\"documents\":[\"d\"]"));
  script_stop(&script);
  core_end(&core);
}

static void inputs_beyond_one_request_go_in_several(void** state) {
  (void) state;
  enum { N = 200 };
  dialect_scene_t d;
  ask_t a;
  uvllm_message_t inputs[N];
  uvllm_mock_stats_t stats;
  begin(&d);
  dialect_ask(&a, NULL);
  memset(inputs, 0, sizeof(inputs));
  for (int i = 0; i < N; i++)
    inputs[i].text = test_str("four");
  a.r.op = UVLLM_EMBED;
  a.r.flags = UVLLM_NO_COLLECT;
  a.r.messages = inputs;
  a.r.nmessages = N;
  a.r.dimensions = 8;
  a.r.extra_json = test_str("{\"input_type\":\"search_query\"}");
  seen_t s = dialect_run(&d, &a.r);
  assert_int_equal(s.status, 0);
  assert_int_equal(d.nvectors, N);
  assert_int_equal(d.nvalues, 8);
  assert_int_equal(s.usage.input_tokens, N);
  uvllm_mock_stats(d.core.mock, &stats);
  assert_int_equal(stats.requests, 3);
  dialect_end(&d);
}

static void embeddings_are_read_in_any_type(void** state) {
  (void) state;
  static const char* const types[] = { "float", "base64", "int8", "uint8" };
  dialect_scene_t d;
  ask_t a;
  begin(&d);
  for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
    char extra[64];
    snprintf(extra, sizeof(extra), "{\"embedding_types\":[\"%s\"]}", types[i]);
    dialect_ask(&a, NULL);
    a.r.op = UVLLM_EMBED;
    a.r.flags = UVLLM_BODY;
    a.r.dimensions = 4;
    a.r.extra_json = test_str(extra);
    seen_t s = dialect_run(&d, &a.r);
    assert_int_equal(s.status, 0);
    assert_int_equal(d.nvalues, 4);
    assert_non_null(strstr(s.body, "\"embedding\":["));
  }
  dialect_end(&d);
}

static void models_are_read_to_their_last_page(void** state) {
  (void) state;
  dialect_scene_t d;
  ask_t a;
  begin(&d);
  dialect_ask(&a, "models=2500");
  a.r.op = UVLLM_MODELS;
  a.r.flags = 0;
  a.r.nmessages = 0;
  assert_int_equal(dialect_run(&d, &a.r).status, 0);
  assert_int_equal(d.nmodels, 2500);
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
    { "status=403", UVLLM_EPERMISSION, 403 },  { "status=404", UVLLM_ENOMODEL, 404 },
    { "status=422", UVLLM_EREQUEST, 422 },     { "status=429", UVLLM_ERATELIMIT, 429 },
    { "quota", UVLLM_EQUOTA, 429 },            { "status=498", UVLLM_EFILTER, 498 },
    { "status=500", UVLLM_EPROVIDER, 500 },    { "status=501", UVLLM_EREQUEST, 501 },
    { "status=503", UVLLM_EOVERLOAD, 503 },    { "html,status=502", UVLLM_EPROVIDER, 502 },
    { "tokens=3,error-event=1", UVLLM_EPROVIDER, 200 },
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
    if (s.http_status != 200)
      assert_int_equal(strlen(d.request_id), 32);
  }
  dialect_end(&d);
}

static void what_it_has_not_is_refused(void** state) {
  (void) state;
  dialect_scene_t d;
  ask_t a;
  seen_t seen = { 0 };
  begin(&d);
  dialect_ask(&a, NULL);
  a.r.tools_json = test_str(TOOLS);
  a.r.tool_choice_json = test_str("{\"type\":\"function\",\"function\":{\"name\":\"now\"}}");
  assert_int_equal(core_try(&d.core, &a.r, &seen), UVLLM_EUNSUPPORTED);
  assert_non_null(strstr(uvllm_last_error(d.core.client), "cannot name a function"));
  dialect_ask(&a, NULL);
  a.r.op = UVLLM_COUNT_TOKENS;
  a.r.flags = 0;
  assert_int_equal(core_try(&d.core, &a.r, &seen), UVLLM_EUNSUPPORTED);
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
  a.r.raw_path = "/v1/models/embed-v4.0";
  seen_t s = dialect_run(&d, &a.r);
  assert_int_equal(s.status, 0);
  assert_true(s.nevents[UVLLM_EVENT_RAW] > 0);
  dialect_end(&d);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_chat_is_the_same_streamed_and_whole),
    cmocka_unit_test(thinking_and_length_are_told),
    cmocka_unit_test(a_schema_is_followed),
    cmocka_unit_test(images_go_along),
    cmocka_unit_test(calls_go_there_and_back),
    cmocka_unit_test(the_plan_and_the_thinking_go_back),
    cmocka_unit_test(inputs_beyond_one_request_go_in_several),
    cmocka_unit_test(embeddings_are_read_in_any_type),
    cmocka_unit_test(models_are_read_to_their_last_page),
    cmocka_unit_test(an_openai_body_goes_and_comes),
    cmocka_unit_test(each_error_is_of_its_kind),
    cmocka_unit_test(what_it_has_not_is_refused),
    cmocka_unit_test(anything_else_goes_raw),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
