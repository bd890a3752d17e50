/* The mock's Anthropic dialect over the wire, and what x-mock does to it. */
#define _GNU_SOURCE
#include "mock_world.h"

#define VERSION "anthropic-version: 2023-06-01\r\n"
#define HI "{\"role\":\"user\",\"content\":\"Hello there\"}"
#define BASE "\"model\":\"claude-sonnet-5\",\"max_tokens\":4000"
#define HELLO BASE ",\"messages\":[" HI "]"
#define STREAM ",\"stream\":true"
#define TOOLS ",\"tools\":[{\"name\":\"weather\",\"input_schema\":{\"type\":\"object\"," \
  "\"properties\":{\"city\":{\"type\":\"string\"}}}},{\"name\":\"now\",\"input_schema\":{" \
  "\"type\":\"object\"}}]"

static void ask_with(world_t* w, const char* line, const char* headers, const char* mock,
                     const char* body, reply_t* r) {
  char all[384];
  snprintf(all, sizeof(all), "%s%s%s%s", headers, mock[0] != '\0' ? "x-mock: " : "", mock,
           mock[0] != '\0' ? "\r\n" : "");
  ask(w, line, all, body, r);
}

static void ask_chat(world_t* w, const char* mock, const char* members, reply_t* r) {
  char body[4096];
  snprintf(body, sizeof(body), "{" HELLO "%s}", members);
  ask_with(w, "POST /v1/messages", VERSION, mock, body, r);
}

/* Event i of a stream, its data; and its name, which must be that of its type. */
static uvllm_str_t event_at(const reply_t* r, int i, char name[64]) {
  const char* p = strstr(r->body, "event: ");
  uvllm_str_t data = { NULL, 0 };
  while (i-- > 0 && p != NULL)
    p = strstr(p + 1, "\nevent: ") != NULL ? strstr(p + 1, "\nevent: ") + 1 : NULL;
  if (p == NULL)
    return data;
  snprintf(name, 64, "%.*s", (int) strcspn(p + 7, "\r\n"), p + 7);
  p = strstr(p, "data: ");
  assert_non_null(p);
  data.base = p + 6;
  data.len = strcspn(p + 6, "\r\n");
  return data;
}

static void assert_event(const reply_t* r, int i, const char* wanted, uvllm_json_t* root) {
  char name[64] = "";
  const uvllm_str_t data = event_at(r, i, name);
  assert_string_equal(name, wanted);
  *root = json_of(data.base, data.len);
  assert_path(*root, "type", wanted);
}

/* The events' names, with blanks between. */
static void names_of(const reply_t* r, char* out, size_t size) {
  char name[64];
  size_t len = 0;
  out[0] = '\0';
  for (int i = 0; event_at(r, i, name).base != NULL; i++)
    len += (size_t) snprintf(out + len, size - len, "%s%s", i == 0 ? "" : " ", name);
  assert_true(len < size);
}

/* What deltas of a type say, put together. */
static void collect(const reply_t* r, const char* path, char* out, size_t size) {
  char name[64];
  uvllm_str_t data;
  size_t len = 0;
  for (int i = 0; (data = event_at(r, i, name)).base != NULL; i++) {
    const uvllm_str_t s = uvllm_json_str(uvllm_json_path(json_of(data.base, data.len), path));
    assert_true(len + s.len < size);
    if (s.len != 0)
      memcpy(out + len, s.base, s.len);
    len += s.len;
  }
  out[len] = '\0';
}

/* ---- Messages ---- */

static void messages_are_whole_or_events(void** state) {
  (void) state;
  world_t w;
  reply_t r;
  uvllm_json_t e;
  char text[1024], names[1024];
  world_new(&w);
  ask_chat(&w, "tokens=2", STREAM, &r);
  assert_non_null(strstr(r.head, "content-type: text/event-stream"));
  assert_non_null(strstr(r.head, "request-id: req_"));
  assert_null(strstr(r.head, "x-request-id"));
  names_of(&r, names, sizeof(names));
  assert_string_equal(names, "message_start content_block_start ping content_block_delta "
                             "content_block_delta content_block_stop message_delta message_stop");
  assert_event(&r, 0, "message_start", &e);
  assert_path(e, "message.model", "claude-sonnet-5");
  assert_number(e, "message.usage.input_tokens", 3);
  assert_event(&r, 3, "content_block_delta", &e);
  assert_number(e, "index", 0);
  assert_event(&r, 6, "message_delta", &e);
  assert_path(e, "delta.stop_reason", "end_turn");
  assert_number(e, "usage.output_tokens", 2);
  collect(&r, "delta.text", text, sizeof(text));
  reply_free(&r);
  ask_chat(&w, "tokens=2", "", &r);
  e = json_of(r.body, r.len);
  assert_path(e, "type", "message");
  assert_path(e, "content.0.text", text);
  assert_path(e, "stop_reason", "end_turn");
  assert_number(e, "usage.output_tokens", 2);
  reply_free(&r);
  world_end(&w);
}

static void max_tokens_cuts(void** state) {
  (void) state;
  world_t w;
  reply_t r;
  world_new(&w);
  ask_with(&w, "POST /v1/messages", VERSION, "",
           "{\"model\":\"m\",\"max_tokens\":5,\"messages\":[" HI "]}", &r);
  assert_path(json_of(r.body, r.len), "stop_reason", "max_tokens");
  assert_number(json_of(r.body, r.len), "usage.output_tokens", 5);
  reply_free(&r);
  ask_with(&w, "POST /v1/messages", VERSION, "",
           "{\"model\":\"m\",\"max_tokens\":0,\"messages\":[" HI "]}", &r);
  assert_int_equal(uvllm_json_count(uvllm_json_get(json_of(r.body, r.len), "content")), 0);
  reply_free(&r);
  world_end(&w);
}

static void tool_calls_come_in_pieces(void** state) {
  (void) state;
  world_t w;
  reply_t r;
  uvllm_json_t e;
  char json[256];
  world_new(&w);
  ask_chat(&w, "tool=2", TOOLS STREAM, &r);
  assert_event(&r, 1, "content_block_start", &e);
  assert_path(e, "content_block.type", "tool_use");
  assert_path(e, "content_block.name", "weather");
  collect(&r, "delta.partial_json", json, sizeof(json));
  assert_string_equal(json, "{\"city\":\"text\"}{}");
  collect(&r, "delta.stop_reason", json, sizeof(json));
  assert_string_equal(json, "tool_use");
  reply_free(&r);
  ask_chat(&w, "tool=2", TOOLS, &r);
  e = json_of(r.body, r.len);
  assert_path(e, "content.0.input.city", "text");
  assert_path(e, "content.1.name", "now");
  reply_free(&r);
  ask_chat(&w, "", TOOLS ",\"tool_choice\":{\"type\":\"tool\",\"name\":\"now\"}", &r);
  assert_path(json_of(r.body, r.len), "content.0.name", "now");
  reply_free(&r);
  ask_chat(&w, "", TOOLS ",\"tool_choice\":{\"type\":\"any\"}", &r);
  assert_path(json_of(r.body, r.len), "stop_reason", "tool_use");
  reply_free(&r);
  world_end(&w);
}

static void json_follows_a_schema(void** state) {
  (void) state;
  world_t w;
  reply_t r;
  world_new(&w);
  ask_chat(&w, "", ",\"output_config\":{\"format\":{\"type\":\"json_schema\",\"schema\":{\"type\":"
           "\"object\",\"properties\":{\"n\":{\"type\":\"integer\"}}}}}", &r);
  assert_path(json_of(r.body, r.len), "content.0.text", "{\"n\":1}");
  reply_free(&r);
  world_end(&w);
}

/* A thought of one answer, handed back in the next request: as it was, or changed. */
static void thoughts_are_signed(void** state) {
  (void) state;
  world_t w;
  reply_t r;
  char thought[512], signature[64], body[2048];
  world_new(&w);
  ask_chat(&w, "reasoning=9,tokens=1", STREAM, &r);
  collect(&r, "delta.signature", signature, sizeof(signature));
  collect(&r, "delta.thinking", thought, sizeof(thought));
  assert_int_equal(strlen(signature), 16);
  reply_free(&r);
  ask_chat(&w, "tokens=1", ",\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":1024}", &r);
  assert_path(json_of(r.body, r.len), "content.0.type", "thinking");
  assert_number(json_of(r.body, r.len), "usage.output_tokens_details.thinking_tokens", 8);
  reply_free(&r);
  ask_chat(&w, "reasoning=9,tokens=1", "", &r);
  uvllm_json_t root = json_of(r.body, r.len);
  assert_path(root, "content.0.thinking", thought);
  assert_path(root, "content.0.signature", signature);
  const uvllm_str_t block = uvllm_json_raw(uvllm_json_path(root, "content.0"));
  for (int changed = 0; changed < 2; changed++) {
    reply_t next;
    snprintf(body, sizeof(body), "{" BASE ",\"messages\":[" HI ",{\"role\":\"assistant\","
             "\"content\":[%.*s]}," HI "]}", (int) block.len, block.base);
    if (changed)
      strstr(body, "\"thinking\":\"")[13] ^= 1;
    ask_with(&w, "POST /v1/messages", VERSION, "", body, &next);
    assert_int_equal(next.status, changed ? 400 : 200);
    reply_free(&next);
  }
  reply_free(&r);
  world_end(&w);
}

static void refusals_and_caches_are_told(void** state) {
  (void) state;
  world_t w;
  reply_t r;
  uvllm_json_t root;
  char why[256];
  world_new(&w);
  ask_chat(&w, "refusal,tokens=3", "", &r);
  root = json_of(r.body, r.len);
  assert_path(root, "stop_reason", "refusal");
  assert_int_equal(uvllm_json_count(uvllm_json_get(root, "content")), 0);
  assert_true(uvllm_json_str(uvllm_json_path(root, "stop_details.explanation")).len > 0);
  reply_free(&r);
  ask_chat(&w, "refusal,tokens=3", STREAM, &r);
  collect(&r, "delta.stop_details.explanation", why, sizeof(why));
  assert_true(why[0] != '\0');
  assert_null(strstr(r.body, "content_block_start"));
  reply_free(&r);
  ask_chat(&w, "filter,tokens=3", "", &r);
  assert_path(json_of(r.body, r.len), "stop_reason", "refusal");
  assert_true(is_null(json_of(r.body, r.len), "stop_details"));
  reply_free(&r);
  ask_chat(&w, "cached=2", "", &r);
  assert_number(json_of(r.body, r.len), "usage.input_tokens", 1);
  assert_number(json_of(r.body, r.len), "usage.cache_read_input_tokens", 2);
  reply_free(&r);
  world_end(&w);
}

/* ---- Counts and lists ---- */

static void tokens_are_counted(void** state) {
  (void) state;
  world_t w;
  reply_t r;
  world_new(&w);
  ask_with(&w, "POST /v1/messages/count_tokens", VERSION, "",
           "{\"model\":\"m\",\"system\":[{\"type\":\"text\",\"text\":\"12345\"}],\"messages\":["
           HI "]}", &r);
  assert_string_equal(r.body, "{\"input_tokens\":4}");
  reply_free(&r);
  ask_with(&w, "POST /v1/messages/count_tokens", VERSION, "", "{" HELLO "}", &r);
  assert_int_equal(r.status, 400);
  reply_free(&r);
  assert_int_equal(stats_of(&w).max_admitted_60s, 0);
  world_end(&w);
}

static void models_come_page_by_page(void** state) {
  (void) state;
  world_t w;
  reply_t r;
  uvllm_json_t root;
  world_new(&w);
  ask_with(&w, "GET /v1/models", VERSION, "", "", &r);
  root = json_of(r.body, r.len);
  assert_path(root, "data.0.id", "claude-sonnet-5");
  assert_number(root, "data.0.max_input_tokens", 200000);
  assert_int_equal(uvllm_json_bool(uvllm_json_get(root, "has_more"), -1), 0);
  reply_free(&r);
  ask_with(&w, "GET /v1/models?limit=2", VERSION, "", "", &r);
  assert_path(json_of(r.body, r.len), "last_id", "claude-opus-5");
  assert_int_equal(uvllm_json_bool(uvllm_json_get(json_of(r.body, r.len), "has_more"), -1), 1);
  reply_free(&r);
  ask_with(&w, "GET /v1/models?limit=2&after_id=claude-opus-5", VERSION, "", "", &r);
  assert_path(json_of(r.body, r.len), "first_id", "claude-haiku-4-5");
  reply_free(&r);
  ask_with(&w, "GET /v1/models?before_id=claude-haiku-4-5&limit=1", VERSION, "", "", &r);
  assert_path(json_of(r.body, r.len), "data.0.id", "claude-opus-5");
  reply_free(&r);
  ask_with(&w, "GET /v1/models", VERSION, "models=21", "", &r);
  assert_int_equal(uvllm_json_count(uvllm_json_get(json_of(r.body, r.len), "data")), 20);
  reply_free(&r);
  ask_with(&w, "GET /v1/models/claude-opus-5", VERSION, "", "", &r);
  assert_path(json_of(r.body, r.len), "display_name", "claude-opus-5");
  reply_free(&r);
  ask_with(&w, "GET /v1/models", "", "", "", &r); /* OpenAI's */
  assert_path(json_of(r.body, r.len), "object", "list");
  reply_free(&r);
  world_end(&w);
}

/* ---- What goes wrong ---- */

#define CALL "{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\",\"id\":\"t1\"," \
  "\"name\":\"now\",\"input\":{}}]}"
#define RESULT(id) "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"" \
  id "\",\"content\":[{\"type\":\"text\",\"text\":\"noon\"}]}]}"
#define WITH(members) "{" BASE ",\"messages\":[" members "]}"

static const struct {
  const char *line, *headers, *body;
  int status;
  const char* type;
} wrongs[] = {
  { "POST /v1/messages", VERSION, "{" HELLO "}", 200, NULL },
  { "POST /v1/messages", VERSION, WITH(HI "," CALL "," RESULT("t1")), 200, NULL },
  { "POST /anthropic/v1/messages", VERSION, "{" HELLO "}", 200, NULL },
  { "POST /v1/messages", "", "{" HELLO "}", 400, "invalid_request_error" },
  { "POST /v1/messages", "anthropic-version: 1\r\n", "{" HELLO "}", 400, "invalid_request_error" },
  { "POST /v1/messages", VERSION, "", 400, "invalid_request_error" },
  { "POST /v1/messages", VERSION, "{", 400, "invalid_request_error" },
  { "POST /v1/messages", VERSION, "{\"max_tokens\":1,\"messages\":[" HI "]}", 400, NULL },
  { "POST /v1/messages", VERSION, "{\"model\":\"m\",\"messages\":[" HI "]}", 400, NULL },
  { "POST /v1/messages", VERSION, "{" BASE "}", 400, NULL },
  { "POST /v1/messages", VERSION, WITH(""), 400, NULL },
  { "POST /v1/messages", VERSION, WITH("{\"role\":\"tool\",\"content\":\"a\"}"), 400, NULL },
  { "POST /v1/messages", VERSION, WITH("{\"role\":\"user\"}"), 400, NULL },
  { "POST /v1/messages", VERSION, WITH("{\"role\":\"user\",\"content\":[{}]}"), 400, NULL },
  { "POST /v1/messages", VERSION,
    WITH("{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"\"}]}"), 400, NULL },
  { "POST /v1/messages", VERSION, WITH(HI "," CALL), 400, NULL },
  { "POST /v1/messages", VERSION, WITH(HI "," CALL "," HI), 400, NULL },
  { "POST /v1/messages", VERSION, WITH(HI "," CALL "," RESULT("t2")), 400, NULL },
  { "POST /v1/messages", VERSION, WITH(RESULT("t1")), 400, NULL },
  { "POST /v1/messages", VERSION, "{" HELLO ",\"tools\":[{\"name\":\"f\"}]}", 400, NULL },
  { "POST /v1/messages", VERSION, "{" HELLO ",\"tools\":[{\"name\":\"f\",\"input_schema\":{}}]}",
    400, NULL },
  { "POST /v1/messages", VERSION, "{" HELLO ",\"tool_choice\":\"auto\"}", 400, NULL },
  { "POST /v1/messages", VERSION, "{" HELLO ",\"output_config\":{\"format\":{}}}", 400, NULL },
  { "POST /v1/messages", VERSION, "{" HELLO ",\"thinking\":{\"type\":\"enabled\"}}", 400, NULL },
  { "POST /v1/messages", VERSION,
    "{" HELLO ",\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":4000}}", 400, NULL },
  { "POST /v1/messages", VERSION,
    "{" HELLO ",\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":1023}}", 400, NULL },
  { "POST /v1/messages", VERSION, "{" HELLO ",\"temperature\":1}", 200, NULL },
  { "POST /v1/messages", "anthropic-version: 2026-10-21\r\n", "{" HELLO ",\"temperature\":1}", 400,
    NULL },
  { "POST /v1/messages", "anthropic-version: 2026-10-21\r\n", "{" HELLO "}", 200, NULL },
  { "POST /v1/messages/other", VERSION, "{}", 404, "not_found_error" },
  { "GET /v1/messages", VERSION, "", 405, "invalid_request_error" },
  { "GET /v1/models/nothing", VERSION, "", 404, "not_found_error" },
  { "GET /v1/models?limit=0", VERSION, "", 400, NULL },
  { "GET /v1/models?limit=1001", VERSION, "", 400, NULL },
  { "GET /v1/models?after_id=nobody", VERSION, "", 400, NULL },
  { "GET /anthropic/v1/models", "", "", 400, NULL }
};

static void wrong_requests_get_typed_errors(void** state) {
  (void) state;
  world_t w;
  reply_t r;
  world_new(&w);
  for (size_t i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++) {
    ask_with(&w, wrongs[i].line, wrongs[i].headers, "", wrongs[i].body, &r);
    if (r.status != wrongs[i].status)
      print_message("%s %s\n%s\n", wrongs[i].line, wrongs[i].body, r.body);
    assert_int_equal(r.status, wrongs[i].status);
    assert_non_null(strstr(r.head, "request-id: req_"));
    const uvllm_json_t root = json_of(r.body, r.len);
    if (r.status != 200) {
      assert_path(root, "type", "error");
      assert_true(uvllm_json_str(uvllm_json_path(root, "error.message")).len > 5);
    }
    if (wrongs[i].type != NULL)
      assert_path(root, "error.type", wrongs[i].type);
    reply_free(&r);
  }
  world_end(&w);
}

static void asked_errors_have_its_types(void** state) {
  (void) state;
  static const struct { const char* mock; int status; const char* type; } asked[] = {
    { "status=400", 400, "invalid_request_error" }, { "status=401", 401, "authentication_error" },
    { "status=402", 402, "billing_error" }, { "status=403", 403, "permission_error" },
    { "status=404", 404, "not_found_error" }, { "status=409", 409, "conflict_error" },
    { "status=413", 413, "request_too_large" }, { "status=429", 429, "rate_limit_error" },
    { "quota", 429, "rate_limit_error" }, { "status=500", 500, "api_error" },
    { "status=504", 504, "timeout_error" }, { "status=529", 529, "overloaded_error" },
    { "nonsense", 400, "invalid_request_error" }
  };
  world_t w;
  reply_t r;
  world_new(&w);
  for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
    ask_chat(&w, asked[i].mock, "", &r);
    assert_int_equal(r.status, asked[i].status);
    assert_path(json_of(r.body, r.len), "error.type", asked[i].type);
    reply_free(&r);
  }
  world_end(&w);
}

static void streams_can_go_wrong_in_every_way(void** state) {
  (void) state;
  static const struct { const char *mock, *names; int complete; } asked[] = {
    { "tokens=2,error-event=1", "message_start content_block_start ping content_block_delta error",
      1 },
    { "tokens=2,error-event=0", "message_start error", 1 },
    { "tokens=2,cut=1", "message_start content_block_start ping content_block_delta", 0 },
    { "tokens=1,no-done", "message_start content_block_start ping content_block_delta "
      "content_block_stop message_delta", 1 },
    { "tokens=1,no-finish", "message_start content_block_start ping content_block_delta "
      "content_block_stop", 1 },
    { "tokens=1,comments,crlf", "message_start content_block_start ping content_block_delta "
      "content_block_stop message_delta message_stop", 1 },
  };
  world_t w;
  reply_t r;
  char names[1024];
  world_new(&w);
  for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
    ask_chat(&w, asked[i].mock, STREAM, &r);
    names_of(&r, names, sizeof(names));
    assert_string_equal(names, asked[i].names);
    assert_int_equal(r.complete, asked[i].complete);
    reply_free(&r);
  }
  ask_chat(&w, "error-event=1", "", &r); /* an error, and status 200 */
  assert_int_equal(r.status, 200);
  assert_path(json_of(r.body, r.len), "type", "error");
  reply_free(&r);
  world_end(&w);
}

static void limits_are_told_its_way(void** state) {
  (void) state;
  world_t w;
  reply_t r;
  world_init(&w);
  w.options.requests_per_min = 60;
  w.options.tokens_per_min = 600000;
  world_start(&w);
  ask_chat(&w, "", "", &r);
  assert_non_null(strstr(r.head, "anthropic-ratelimit-requests-limit: 60\r\n"));
  assert_non_null(strstr(r.head, "anthropic-ratelimit-requests-remaining: "));
  assert_non_null(strstr(r.head, "anthropic-ratelimit-tokens-reset: 20"));
  assert_null(strstr(r.head, "retry-after"));
  reply_free(&r);
  ask_chat(&w, "", "", &r);
  assert_int_equal(r.status, 429);
  assert_path(json_of(r.body, r.len), "error.type", "rate_limit_error");
  assert_non_null(strstr(r.head, "retry-after: 1\r\n"));
  assert_non_null(strstr(r.head, "anthropic-ratelimit-requests-remaining: 0\r\n"));
  reply_free(&r);
  world_end(&w);
}

static void key_is_a_header_or_a_bearer(void** state) {
  (void) state;
  static const struct { const char* headers; int status; const char* message; } sent[] = {
    { VERSION, 401, "x-api-key header is required" },
    { VERSION "x-api-key: wrong\r\n", 401, "invalid x-api-key" },
    { VERSION "x-api-key: secret\r\n", 200, NULL },
    { VERSION "Authorization: Bearer secret\r\n", 200, NULL }
  };
  world_t w;
  reply_t r;
  world_init(&w);
  w.options.require_key = "secret";
  world_start(&w);
  for (size_t i = 0; i < sizeof(sent) / sizeof(sent[0]); i++) {
    ask_with(&w, "POST /v1/messages", sent[i].headers, "", "{" HELLO "}", &r);
    assert_int_equal(r.status, sent[i].status);
    if (sent[i].message != NULL)
      assert_path(json_of(r.body, r.len), "error.message", sent[i].message);
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
    cmocka_unit_test(messages_are_whole_or_events),
    cmocka_unit_test(max_tokens_cuts),
    cmocka_unit_test(tool_calls_come_in_pieces),
    cmocka_unit_test(json_follows_a_schema),
    cmocka_unit_test(thoughts_are_signed),
    cmocka_unit_test(refusals_and_caches_are_told),
    cmocka_unit_test(tokens_are_counted),
    cmocka_unit_test(models_come_page_by_page),
    cmocka_unit_test(wrong_requests_get_typed_errors),
    cmocka_unit_test(asked_errors_have_its_types),
    cmocka_unit_test(streams_can_go_wrong_in_every_way),
    cmocka_unit_test(limits_are_told_its_way),
    cmocka_unit_test(key_is_a_header_or_a_bearer)
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
