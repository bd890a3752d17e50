/* The mock's Cohere dialect over the wire, and what x-mock does to it. */
#define _GNU_SOURCE
#include "mock_world.h"

#define HELLO "\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"Hello there\"}]"
#define STREAM ",\"stream\":true"
#define TOOLS ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"weather\"," \
  "\"parameters\":{\"type\":\"object\",\"properties\":{\"city\":{\"type\":\"string\"}}}}}," \
  "{\"type\":\"function\",\"function\":{\"name\":\"now\"}}]"

static void ask_mock(world_t* w, const char* line, const char* mock, const char* body,
                     reply_t* r) {
  char headers[256] = "";
  if (mock[0] != '\0')
    snprintf(headers, sizeof(headers), "x-mock: %s\r\n", mock);
  ask(w, line, headers, body, r);
}

static void ask_chat(world_t* w, const char* mock, const char* members, reply_t* r) {
  char body[4096];
  snprintf(body, sizeof(body), "{" HELLO "%s}", members);
  ask_mock(w, "POST /v2/chat", mock, body, r);
}

/* The payload of event i; len 0: there are no more. */
static uvllm_str_t data_at(const reply_t* r, int i) {
  const char* p = r->body;
  while ((p = strstr(p, "data: ")) != NULL && i-- > 0)
    p += 6;
  uvllm_str_t data = { p != NULL ? p + 6 : NULL, p != NULL ? strcspn(p + 6, "\r\n") : 0 };
  return data;
}

static int count_events(const reply_t* r) {
  int n = 0;
  while (data_at(r, n).len != 0)
    n++;
  return n;
}

static uvllm_json_t event_at(const reply_t* r, int i) {
  uvllm_str_t data = data_at(r, i);
  assert_true(data.len != 0);
  return json_of(data.base, data.len);
}

static void assert_types(const reply_t* r, const char* const* types) {
  int n = 0;
  for (; types[n] != NULL; n++) {
    char name[64];
    assert_path(event_at(r, n), "type", types[n]);
    snprintf(name, sizeof(name), "event: %s\n", types[n]);
    assert_non_null(strstr(r->body, name));
  }
  assert_int_equal(count_events(r), n);
}

static void collect(const reply_t* r, const char* path, char* out, size_t size) {
  size_t len = 0;
  for (int i = 0; data_at(r, i).len != 0; i++) {
    uvllm_str_t s = uvllm_json_str(uvllm_json_path(event_at(r, i), path));
    assert_true(len + s.len < size);
    if (s.len != 0)
      memcpy(out + len, s.base, s.len);
    len += s.len;
  }
  out[len] = '\0';
}

/* ---- Chat ---- */

static void a_chat_is_whole_or_typed_events(void** state) {
  (void) state;
  static const char* const types[] = { "message-start", "content-start", "content-delta",
                                       "content-delta", "content-end", "message-end", NULL };
  world_t w;
  reply_t r;
  char text[1024];
  world_new(&w);
  ask_chat(&w, "tokens=2", STREAM, &r);
  assert_int_equal(r.status, 200);
  assert_non_null(strstr(r.head, "content-type: text/event-stream"));
  assert_non_null(strstr(r.head, "x-debug-trace-id: "));
  assert_null(strstr(r.head, "openai"));
  assert_types(&r, types);
  assert_path(event_at(&r, 5), "delta.finish_reason", "COMPLETE");
  assert_number(event_at(&r, 5), "delta.usage.tokens.input_tokens", 3);
  assert_number(event_at(&r, 5), "delta.usage.billed_units.output_tokens", 2);
  collect(&r, "delta.message.content.text", text, sizeof(text));
  reply_free(&r);
  ask_chat(&w, "tokens=2", "", &r);
  uvllm_json_t root = json_of(r.body, r.len);
  assert_int_equal(uvllm_json_str(uvllm_json_get(root, "id")).len, 36);
  assert_path(root, "message.content.0.text", text);
  assert_path(root, "finish_reason", "COMPLETE");
  assert_number(root, "usage.tokens.output_tokens", 2);
  reply_free(&r);
  world_end(&w);
}

static void thinking_is_content_of_its_own(void** state) {
  (void) state;
  world_t w;
  reply_t r;
  char thought[1024];
  world_new(&w);
  ask_chat(&w, "reasoning=2,tokens=1", STREAM, &r);
  assert_path(event_at(&r, 1), "delta.message.content.type", "thinking");
  assert_number(event_at(&r, 5), "index", 1);
  assert_path(event_at(&r, 5), "delta.message.content.type", "text");
  collect(&r, "delta.message.content.thinking", thought, sizeof(thought));
  assert_true(thought[0] != '\0');
  reply_free(&r);
  ask_chat(&w, "reasoning=2,tokens=1", "", &r);
  assert_path(json_of(r.body, r.len), "message.content.0.thinking", thought);
  assert_path(json_of(r.body, r.len), "message.content.1.type", "text");
  reply_free(&r);
  ask_chat(&w, "", ",\"thinking\":{\"type\":\"enabled\",\"token_budget\":9}", &r);
  assert_path(json_of(r.body, r.len), "message.content.0.type", "thinking");
  reply_free(&r);
  world_end(&w);
}

static void calls_come_behind_their_plan(void** state) {
  (void) state;
  world_t w;
  reply_t r;
  char args[256], plan[256];
  world_new(&w);
  ask_chat(&w, "tool=2,reasoning=1", STREAM TOOLS, &r);
  assert_path(event_at(&r, 1), "type", "tool-plan-delta");
  assert_path(event_at(&r, 2), "type", "tool-call-start");
  assert_path(event_at(&r, 2), "delta.message.tool_calls.function.name", "weather");
  assert_path(event_at(&r, 2), "delta.message.tool_calls.function.arguments", "");
  assert_path(event_at(&r, count_events(&r) - 1), "delta.finish_reason", "TOOL_CALL");
  collect(&r, "delta.message.tool_calls.function.arguments", args, sizeof(args));
  assert_string_equal(args, "{\"city\":\"text\"}{}");
  collect(&r, "delta.message.tool_plan", plan, sizeof(plan));
  reply_free(&r);
  ask_chat(&w, "tool=2,reasoning=1", TOOLS, &r);
  uvllm_json_t root = json_of(r.body, r.len);
  assert_path(root, "message.tool_plan", plan);
  assert_path(root, "message.tool_calls.0.function.arguments", "{\"city\":\"text\"}");
  assert_path(root, "message.tool_calls.1.function.name", "now");
  assert_no_path(root, "message.content");
  reply_free(&r);
  ask_chat(&w, "", TOOLS ",\"tool_choice\":\"REQUIRED\"", &r);
  assert_path(json_of(r.body, r.len), "finish_reason", "TOOL_CALL");
  assert_no_path(json_of(r.body, r.len), "message.tool_plan");
  reply_free(&r);
  world_end(&w);
}

static void schema_length_and_cache_are_followed(void** state) {
  (void) state;
  world_t w;
  reply_t r;
  world_new(&w);
  ask_chat(&w, "", ",\"response_format\":{\"type\":\"json_object\",\"json_schema\":{\"type\":"
           "\"object\",\"properties\":{\"n\":{\"type\":\"integer\"}}}}", &r);
  assert_path(json_of(r.body, r.len), "message.content.0.text", "{\"n\":1}");
  reply_free(&r);
  ask_chat(&w, "", ",\"max_tokens\":5", &r);
  assert_path(json_of(r.body, r.len), "finish_reason", "MAX_TOKENS");
  assert_number(json_of(r.body, r.len), "usage.tokens.output_tokens", 5);
  reply_free(&r);
  ask_chat(&w, "cached=2", "", &r);
  assert_number(json_of(r.body, r.len), "usage.cached_tokens", 2);
  reply_free(&r);
  world_end(&w);
}

/* ---- Lists ---- */

static void embeddings_come_by_type(void** state) {
  (void) state;
  world_t w;
  reply_t r;
  world_new(&w);
  ask_mock(&w, "POST /v2/embed", "", "{\"model\":\"e\",\"input_type\":\"clustering\",\"texts\":"
           "[\"a\",\"b\"],\"output_dimension\":4,\"embedding_types\":[\"float\",\"int8\","
           "\"uint8\",\"base64\"]}", &r);
  uvllm_json_t root = json_of(r.body, r.len);
  assert_int_equal(uvllm_json_count(uvllm_json_path(root, "embeddings.float.1")), 4);
  for (int i = 0; i < 4; i++) {
    char path[64];
    snprintf(path, sizeof(path), "embeddings.int8.0.%d", i);
    const int64_t n = uvllm_json_int(uvllm_json_path(root, path), 999);
    assert_in_range(n + 128, 0, 255);
    snprintf(path, sizeof(path), "embeddings.uint8.0.%d", i);
    assert_number(root, path, n + 128);
  }
  assert_int_equal(uvllm_json_str(uvllm_json_path(root, "embeddings.base64.0")).len, 24);
  assert_number(root, "meta.billed_units.input_tokens", 1);
  reply_free(&r);
  world_end(&w);
}

static void models_have_pages(void** state) {
  (void) state;
  world_t w;
  reply_t r;
  world_new(&w);
  ask_mock(&w, "GET /cohere/v1/models", "models=45", "", &r);
  assert_int_equal(uvllm_json_count(uvllm_json_get(json_of(r.body, r.len), "models")), 20);
  assert_path(json_of(r.body, r.len), "next_page_token", "20");
  reply_free(&r);
  ask_mock(&w, "GET /cohere/v1/models?page_token=40&page_size=20", "models=45", "", &r);
  assert_int_equal(uvllm_json_count(uvllm_json_get(json_of(r.body, r.len), "models")), 5);
  assert_path(json_of(r.body, r.len), "next_page_token", "");
  reply_free(&r);
  ask_mock(&w, "GET /cohere/v1/models?page_size=0", "", "", &r);
  assert_int_equal(r.status, 422);
  reply_free(&r);
  ask_mock(&w, "GET /cohere/v1/models/embed-v4.0", "", "", &r);
  assert_path(json_of(r.body, r.len), "endpoints.0", "embed");
  reply_free(&r);
  ask_mock(&w, "GET /cohere/v1/models/x", "", "", &r);
  assert_int_equal(r.status, 404);
  reply_free(&r);
  ask_mock(&w, "GET /v1/models", "", "", &r); /* OpenAI's */
  assert_path(json_of(r.body, r.len), "object", "list");
  reply_free(&r);
  world_end(&w);
}

/* ---- What goes wrong ---- */

static void wrong_requests_get_an_id_and_a_text(void** state) {
  (void) state;
  static const struct { const char *line, *body; int status; const char* message; } wrongs[] = {
    { "POST /v2/chat", "", 400, "invalid request: the body is empty" },
    { "POST /v2/chat", "{", 400, "invalid json: syntax error at byte 1" },
    { "POST /v2/chat", "{}", 400, "invalid request: model is required" },
    { "POST /v2/chat", "{\"model\":\"m\"}", 400, "invalid request: messages is required" },
    { "POST /v2/chat", "{\"model\":\"m\",\"messages\":[{\"role\":\"bot\"}]}", 400, NULL },
    { "POST /v2/chat", "{\"model\":\"m\",\"messages\":[{\"role\":\"user\"}]}", 400, NULL },
    { "POST /v2/chat", "{\"model\":\"m\",\"messages\":[{\"role\":\"tool\",\"content\":\"a\"}]}",
      400, "invalid request: messages.tool_call_id is required" },
    { "POST /v2/chat", "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[{}]}]}",
      400, NULL },
    { "POST /v2/chat", "{" HELLO ",\"temperature\":2}", 422, NULL },
    { "POST /v2/chat", "{" HELLO ",\"p\":1}", 422, NULL },
    { "POST /v2/chat", "{" HELLO ",\"stop_sequences\":[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\"]}",
      422, NULL },
    { "POST /v2/chat", "{" HELLO ",\"tool_choice\":\"required\"}", 400, NULL },
    { "POST /v2/chat", "{" HELLO ",\"tool_choice\":\"REQUIRED\"}", 422, NULL },
    { "POST /v2/chat", "{" HELLO ",\"response_format\":{\"type\":\"json_schema\"}}", 400, NULL },
    { "POST /v2/chat", "{" HELLO ",\"thinking\":{\"type\":\"on\"}}", 400, NULL },
    { "POST /v2/chat", "{" HELLO ",\"stream\":1}", 400, NULL },
    { "POST /v2/embed", "{\"model\":\"e\",\"texts\":[\"a\"]}", 400,
      "invalid request: input_type is required" },
    { "POST /v2/embed", "{\"model\":\"e\",\"input_type\":\"x\"}", 400, NULL },
    { "POST /v2/embed", "{\"model\":\"e\",\"input_type\":\"x\",\"texts\":[1]}", 400, NULL },
    { "POST /v2/embed", "{\"model\":\"e\",\"input_type\":\"x\",\"texts\":[\"a\"],"
      "\"embedding_types\":[\"f\"]}", 422, NULL },
    { "POST /v2/nothing", "{}", 404, "404 page not found" },
    { "GET /v2/chat", "", 405, "method GET is not allowed" },
  };
  world_t w;
  reply_t r;
  world_new(&w);
  for (size_t i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++) {
    ask(&w, wrongs[i].line, "", wrongs[i].body, &r);
    if (r.status != wrongs[i].status)
      print_message("%s\n%s\n", wrongs[i].body, r.body);
    assert_int_equal(r.status, wrongs[i].status);
    uvllm_json_t root = json_of(r.body, r.len);
    assert_int_equal(uvllm_json_str(uvllm_json_get(root, "id")).len, 36);
    assert_true(uvllm_json_str(uvllm_json_get(root, "message")).len != 0);
    if (wrongs[i].message != NULL)
      assert_path(root, "message", wrongs[i].message);
    reply_free(&r);
  }
  world_end(&w);
}

static void asked_errors_have_its_form(void** state) {
  (void) state;
  static const struct { const char* mock; int status; const char* message; } asked[] = {
    { "status=401", 401, "invalid api token" }, { "status=403", 403, NULL },
    { "status=404", 404, NULL }, { "status=429", 429, NULL }, { "quota", 429, NULL },
    { "status=498", 498, "blocked input" }, { "status=500", 500, NULL },
    { "status=501", 501, "not implemented" }, { "status=503", 503, "service unavailable" },
    { "status=504", 504, "gateway timeout" }, { "filter", 422, NULL }, { "refusal", 422, NULL },
    { "nonsense", 422, "x-mock: unknown word: nonsense" }
  };
  world_t w;
  reply_t r;
  world_new(&w);
  for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
    ask_chat(&w, asked[i].mock, "", &r);
    assert_int_equal(r.status, asked[i].status);
    uvllm_json_t root = json_of(r.body, r.len);
    assert_true(uvllm_json_str(uvllm_json_get(root, "message")).len > 5);
    if (asked[i].message != NULL)
      assert_path(root, "message", asked[i].message);
    reply_free(&r);
  }
  ask_chat(&w, "quota", "", &r);
  assert_non_null(strstr(r.body, "calls / month"));
  reply_free(&r);
  world_end(&w);
}

static void streams_can_go_wrong_in_every_way(void** state) {
  (void) state;
  static const char* const cut_short[] = { "message-start", "content-start", "content-delta",
                                           NULL };
  world_t w;
  reply_t r;
  world_new(&w);
  ask_chat(&w, "tokens=4,error-event=2", STREAM, &r);
  uvllm_json_t last = event_at(&r, count_events(&r) - 1);
  assert_path(last, "type", "message-end");
  assert_path(last, "delta.finish_reason", "ERROR");
  assert_true(uvllm_json_str(uvllm_json_path(last, "delta.error")).len > 0);
  reply_free(&r);
  ask_chat(&w, "tokens=4,cut=1", STREAM, &r);
  assert_types(&r, cut_short);
  assert_false(r.complete);
  reply_free(&r);
  for (int i = 0; i < 2; i++) {
    ask_chat(&w, i == 0 ? "tokens=1,no-done" : "tokens=1,no-finish", STREAM, &r);
    assert_null(strstr(r.body, "message-end"));
    assert_true(r.complete);
    reply_free(&r);
  }
  ask_chat(&w, "error-event=0", "", &r); /* a 200 all the same */
  assert_int_equal(r.status, 200);
  assert_true(uvllm_json_str(uvllm_json_get(json_of(r.body, r.len), "message")).len > 0);
  reply_free(&r);
  ask_chat(&w, "tokens=1,comments,crlf,big=100000", STREAM, &r);
  assert_non_null(strstr(r.body, "\r\n\r\n"));
  assert_true(r.complete && r.len > 100000);
  reply_free(&r);
  world_end(&w);
}

static void limits_are_a_trial_keys(void** state) {
  (void) state;
  world_t w;
  reply_t r;
  world_init(&w);
  w.options.requests_per_min = 60;
  w.options.require_key = "the-key";
  world_start(&w);
  ask_chat(&w, "", "", &r);
  assert_int_equal(r.status, 401);
  assert_path(json_of(r.body, r.len), "message", "no api key supplied");
  reply_free(&r);
  for (int i = 0; i < 2; i++) {
    ask(&w, "POST /v2/chat", "Authorization: bearer the-key\r\n", "{" HELLO "}", &r);
    assert_int_equal(r.status, i == 0 ? 200 : 429);
    assert_int_equal(strstr(r.head, "x-trial-endpoint-call-limit: 60\r\n") != NULL, i == 0);
    assert_null(strstr(r.head, "retry-after"));
    reply_free(&r);
  }
  world_end(&w);
}

static int set_up(void** state) {
  (void) state;
  return uvllm_json_parser_new(&parser, NULL);
}

static int tear_down(void** state) {
  (void) state;
  uvllm_json_parser_free(parser);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_chat_is_whole_or_typed_events),
    cmocka_unit_test(thinking_is_content_of_its_own),
    cmocka_unit_test(calls_come_behind_their_plan),
    cmocka_unit_test(schema_length_and_cache_are_followed),
    cmocka_unit_test(embeddings_come_by_type),
    cmocka_unit_test(models_have_pages),
    cmocka_unit_test(wrong_requests_get_an_id_and_a_text),
    cmocka_unit_test(asked_errors_have_its_form),
    cmocka_unit_test(streams_can_go_wrong_in_every_way),
    cmocka_unit_test(limits_are_a_trial_keys)
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
