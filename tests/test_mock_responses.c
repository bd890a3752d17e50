/* The mock's Responses API over the wire, and what x-mock does to it. */
#define _GNU_SOURCE
#include "mock_world.h"

#define TOOLS ",\"tools\":[{\"type\":\"function\",\"name\":\"weather\",\"parameters\":{" \
  "\"type\":\"object\",\"properties\":{\"city\":{\"type\":\"string\"}}}}," \
  "{\"type\":\"function\",\"name\":\"now\"}]"

static void ask_responses(world_t* w, const char* mock, const char* members, reply_t* r) {
  char body[4096], headers[256] = "";
  snprintf(body, sizeof(body), "{\"model\":\"gpt-5.4\"%s}", members);
  if (mock[0] != '\0')
    snprintf(headers, sizeof(headers), "x-mock: %s\r\n", mock);
  ask(w, "POST /v1/responses", headers, body, r);
}

/* Event i: its name and its data. 0: there are no more. */
static int event_at(const reply_t* r, int i, uvllm_str_t* name, uvllm_json_t* root) {
  const char* p = r->body;
  for (; i > 0 && (p = strstr(p, "\n\n")) != NULL; i--)
    p += 2;
  if (p == NULL || strncmp(p, "event: ", 7) != 0)
    return 0;
  name->base = p + 7;
  name->len = strcspn(name->base, "\r\n");
  const char* data = strstr(p, "\ndata: ") + 7;
  *root = json_of(data, strcspn(data, "\r\n"));
  return 1;
}

/* The names of all events, with spaces between; each says its type and its number. */
static void names_of(const reply_t* r, char* names, size_t size) {
  uvllm_str_t name;
  uvllm_json_t root;
  names[0] = '\0';
  for (int i = 0; event_at(r, i, &name, &root); i++) {
    uvllm_str_t type = uvllm_json_str(uvllm_json_get(root, "type"));
    assert_int_equal(type.len, name.len);
    assert_memory_equal(type.base, name.base, name.len);
    assert_number(root, "sequence_number", i);
    const size_t at = strlen(names);
    const size_t skip = type.len > 9 && memcmp(type.base, "response.", 9) == 0 ? 9 : 0;
    snprintf(names + at, size - at, "%s%.*s", at != 0 ? " " : "", (int) (type.len - skip),
             type.base + skip);
  }
}

static void assert_events(world_t* w, const char* mock, const char* members, const char* wanted) {
  reply_t r;
  char names[2048];
  char all[1024];
  snprintf(all, sizeof(all), ",\"stream\":true%s", members);
  ask_responses(w, mock, all, &r);
  assert_int_equal(r.status, 200);
  assert_non_null(strstr(r.head, "content-type: text/event-stream"));
  names_of(&r, names, sizeof(names));
  assert_string_equal(names, wanted);
  reply_free(&r);
}

#define HELLO ",\"input\":\"Hello there\""
#define BEGIN "created in_progress "

static void events_come_in_their_order(void** state) {
  (void) state;
  world_t w;
  world_new(&w);
  assert_events(&w, "tokens=2", HELLO, BEGIN
                "output_item.added content_part.added output_text.delta output_text.delta "
                "output_text.done content_part.done output_item.done completed");
  assert_events(&w, "refusal,tokens=1", HELLO, BEGIN
                "output_item.added content_part.added refusal.delta refusal.done "
                "content_part.done output_item.done completed");
  assert_events(&w, "reasoning=1,tokens=1", HELLO, BEGIN
                "output_item.added reasoning_summary_part.added reasoning_summary_text.delta "
                "reasoning_summary_text.done reasoning_summary_part.done output_item.done "
                "output_item.added content_part.added output_text.delta output_text.done "
                "content_part.done output_item.done completed");
  assert_events(&w, "", HELLO ",\"tool_choice\":{\"type\":\"function\",\"name\":\"now\"}" TOOLS,
                BEGIN "output_item.added function_call_arguments.delta "
                "function_call_arguments.done output_item.done completed");
  assert_events(&w, "filter,tokens=1", HELLO, BEGIN
                "output_item.added content_part.added output_text.delta output_text.done "
                "content_part.done output_item.done incomplete");
  world_end(&w);
}

static void a_stream_may_fail(void** state) {
  (void) state;
  world_t w;
  world_new(&w);
  assert_events(&w, "tokens=3,error-event=1", HELLO, BEGIN
                "output_item.added content_part.added output_text.delta error failed");
  assert_events(&w, "tokens=1,no-done", HELLO, BEGIN
                "output_item.added content_part.added output_text.delta output_text.done "
                "content_part.done output_item.done");
  world_end(&w);
}

static void a_whole_response_says_the_same(void** state) {
  (void) state;
  world_t w;
  reply_t r;
  uvllm_str_t name;
  uvllm_json_t root;
  char text[256];
  world_new(&w);
  ask_responses(&w, "tokens=3,cached=2", HELLO, &r);
  root = json_of(r.body, r.len);
  assert_path(root, "object", "response");
  assert_path(root, "status", "completed");
  assert_path(root, "output.0.type", "message");
  assert_path(root, "output.0.status", "completed");
  assert_number(root, "usage.input_tokens", 3);
  assert_number(root, "usage.output_tokens", 3);
  assert_number(root, "usage.input_tokens_details.cached_tokens", 2);
  assert_true(is_null(root, "error") && is_null(root, "incomplete_details"));
  uvllm_str_t said = uvllm_json_str(uvllm_json_path(root, "output.0.content.0.text"));
  snprintf(text, sizeof(text), "%.*s", (int) said.len, said.base);
  reply_free(&r);
  ask_responses(&w, "tokens=3,cached=2", HELLO ",\"stream\":true", &r);
  assert_int_equal(event_at(&r, 10, &name, &root), 1);
  assert_path(root, "response.status", "completed");
  assert_path(root, "response.output.0.content.0.text", text);
  assert_number(root, "response.usage.output_tokens", 3);
  reply_free(&r);
  world_end(&w);
}

static void an_answer_that_is_too_long_is_incomplete(void** state) {
  (void) state;
  world_t w;
  reply_t r;
  world_new(&w);
  ask_responses(&w, "tokens=40", HELLO ",\"max_output_tokens\":16", &r);
  uvllm_json_t root = json_of(r.body, r.len);
  assert_path(root, "status", "incomplete");
  assert_path(root, "incomplete_details.reason", "max_output_tokens");
  assert_path(root, "output.0.status", "incomplete");
  assert_number(root, "usage.output_tokens", 16);
  reply_free(&r);
  ask_responses(&w, "", HELLO ",\"max_output_tokens\":15", &r);
  assert_int_equal(r.status, 400);
  assert_path(json_of(r.body, r.len), "error.param", "max_output_tokens");
  reply_free(&r);
  world_end(&w);
}

static void thoughts_are_encrypted_where_asked_for(void** state) {
  (void) state;
  world_t w;
  reply_t r;
  world_new(&w);
  ask_responses(&w, "", HELLO ",\"reasoning\":{\"effort\":\"low\"}", &r);
  assert_path(json_of(r.body, r.len), "output.0.type", "reasoning");
  assert_true(is_null(json_of(r.body, r.len), "output.0.encrypted_content"));
  reply_free(&r);
  ask_responses(&w, "", HELLO ",\"store\":false,\"reasoning\":{\"effort\":\"low\"},"
                "\"include\":[\"reasoning.encrypted_content\"]", &r);
  assert_true(uvllm_json_str(uvllm_json_path(json_of(r.body, r.len),
                                             "output.0.encrypted_content")).len > 10);
  assert_int_equal(uvllm_json_bool(uvllm_json_get(json_of(r.body, r.len), "store"), -1), 0);
  reply_free(&r);
  ask_responses(&w, "", HELLO ",\"reasoning\":{\"effort\":\"none\"}", &r);
  assert_path(json_of(r.body, r.len), "output.0.type", "message");
  reply_free(&r);
  world_end(&w);
}

static void a_schema_is_followed(void** state) {
  (void) state;
  world_t w;
  reply_t r;
  world_new(&w);
  ask_responses(&w, "", HELLO ",\"text\":{\"format\":{\"type\":\"json_schema\",\"name\":\"c\","
                "\"schema\":{\"type\":\"object\",\"properties\":{\"n\":{\"enum\":[\"Oslo\"]}}}}}", &r);
  assert_path(json_of(r.body, r.len), "output.0.content.0.text", "{\"n\":\"Oslo\"}");
  reply_free(&r);
  world_end(&w);
}

static void mistakes_are_named(void** state) {
  (void) state;
  static const struct { const char* members; int status; const char *param, *words; } asked[] = {
    { "", 400, "input", "Missing" },
    { ",\"input\":5", 400, "input", "Invalid type" },
    { ",\"input\":[]", 400, "input", "no input" },
    { ",\"input\":[5]", 400, "input[]", "object" },
    { ",\"input\":[{\"content\":\"x\"}]", 400, "input[].role", "Missing" },
    { ",\"input\":[{\"role\":\"user\"}]", 400, "input[].content", "Missing" },
    { ",\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"x\"}]}]", 400,
      "input[].content[].type", "input_text" },
    { ",\"input\":[{\"type\":\"odd\"}]", 400, "input[].type", "function_call" },
    { ",\"input\":[{\"type\":\"function_call\",\"call_id\":\"c\",\"name\":\"f\"}]", 400,
      "input[].arguments", "Missing" },
    { ",\"input\":[{\"type\":\"function_call\",\"call_id\":\"c\",\"name\":\"f\","
      "\"arguments\":\"{}\"}]", 400, "input", "No tool output found for function call c." },
    { ",\"input\":[{\"type\":\"function_call_output\",\"call_id\":\"c\",\"output\":\"x\"}]", 400,
      "input", "No tool call found" },
    { ",\"input\":[{\"type\":\"reasoning\",\"id\":\"rs_1\",\"summary\":[]}]", 404, "input",
      "not persisted" },
    { ",\"messages\":[]", 400, "messages", "moved to 'input'" },
    { HELLO ",\"max_tokens\":5", 400, "max_tokens", "max_output_tokens" },
    { HELLO ",\"n\":2", 400, "n", "Unknown parameter" },
    { HELLO ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}]", 400,
      "tools[].name", "Missing" },
    { HELLO ",\"text\":{\"format\":{\"type\":\"json_schema\"}}", 400, "text.format.name", "Missing" },
    { HELLO ",\"previous_response_id\":\"resp_1\"", 400, "previous_response_id", "not found" },
    { HELLO ",\"background\":true", 400, "background", "background" },
  };
  world_t w;
  reply_t r;
  world_new(&w);
  for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
    ask_responses(&w, "", asked[i].members, &r);
    assert_int_equal(r.status, asked[i].status);
    assert_path(json_of(r.body, r.len), "error.param", asked[i].param);
    assert_non_null(strstr(r.body, asked[i].words));
    reply_free(&r);
  }
  world_end(&w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(events_come_in_their_order),
    cmocka_unit_test(a_stream_may_fail),
    cmocka_unit_test(a_whole_response_says_the_same),
    cmocka_unit_test(an_answer_that_is_too_long_is_incomplete),
    cmocka_unit_test(thoughts_are_encrypted_where_asked_for),
    cmocka_unit_test(a_schema_is_followed),
    cmocka_unit_test(mistakes_are_named),
  };
  assert_int_equal(uvllm_json_parser_new(&parser, NULL), 0);
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  uvllm_json_parser_free(parser);
  return failed;
}
