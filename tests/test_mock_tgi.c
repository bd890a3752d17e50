/* The mock's Hugging Face dialect over the wire, and what x-mock does to it. */
#define _GNU_SOURCE
#include "mock_world.h"

#define HELLO "{\"inputs\":\"Hello there\",\"parameters\":{\"details\":true%s}}"

static void ask_text(world_t* w, const char* path, const char* mock, const char* parameters,
                     reply_t* r) {
  char headers[256] = "", body[1024], line[128];
  if (mock[0] != '\0')
    snprintf(headers, sizeof(headers), "x-mock: %s\r\n", mock);
  snprintf(line, sizeof(line), "POST %s", path);
  snprintf(body, sizeof(body), HELLO, parameters);
  ask(w, line, headers, body, r);
}

/* The payload of event i; len 0: there are no more. */
static uvllm_str_t data_at(const reply_t* r, int i) {
  const char* p = r->body;
  while ((p = strstr(p, "data:")) != NULL && i-- > 0)
    p += 5;
  uvllm_str_t data = { p != NULL ? p + 5 : NULL, p != NULL ? strcspn(p + 5, "\r\n") : 0 };
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

static void a_stream_is_tokens_and_the_whole_text(void** state) {
  (void) state;
  world_t w;
  reply_t r;
  char text[1024] = "";
  world_new(&w);
  ask_text(&w, "/generate_stream", "tokens=3", "", &r);
  assert_int_equal(r.status, 200);
  assert_non_null(strstr(r.head, "content-type: text/event-stream"));
  assert_non_null(strstr(r.head, "x-accel-buffering: no\r\n"));
  assert_null(strstr(r.head, "x-prompt-tokens"));
  assert_null(strstr(r.body, "data: "));
  assert_int_equal(count_events(&r), 4);
  for (int i = 0; i < 3; i++) {
    uvllm_json_t event = event_at(&r, i);
    uvllm_str_t token = uvllm_json_str(uvllm_json_path(event, "token.text"));
    assert_number(event, "index", i + 1);
    assert_true(is_null(event, "generated_text"));
    strncat(text, token.base, token.len);
  }
  uvllm_json_t last = event_at(&r, 3);
  assert_path(last, "token.text", "</s>");
  assert_int_equal(uvllm_json_bool(uvllm_json_path(last, "token.special"), 0), 1);
  assert_path(last, "generated_text", text);
  assert_path(last, "details.finish_reason", "eos_token");
  assert_number(last, "details.input_length", 3);
  assert_number(last, "details.generated_tokens", 3);
  reply_free(&r);
  world_end(&w);
}

static void a_whole_text_is_an_object_or_in_an_array(void** state) {
  (void) state;
  static const char* const paths[] = { "/generate", "/tgi/", "/hf-inference/models/org/name" };
  world_t w;
  reply_t r;
  char text[1024] = "";
  world_new(&w);
  for (size_t i = 0; i < 3; i++) {
    ask_text(&w, paths[i], "tokens=3", "", &r);
    assert_non_null(strstr(r.head, "x-prompt-tokens: 3\r\n"));
    assert_non_null(strstr(r.head, "x-generated-tokens: 3\r\n"));
    uvllm_json_t root = json_of(r.body, r.len);
    assert_int_equal(uvllm_json_type_of(root) == UVLLM_JSON_ARRAY, i != 0);
    root = i != 0 ? uvllm_json_at(root, 0) : root;
    uvllm_str_t whole = uvllm_json_str(uvllm_json_get(root, "generated_text"));
    if (i == 0)
      snprintf(text, sizeof(text), "%.*s", (int) whole.len, whole.base);
    assert_str(whole, text);
    assert_int_equal(uvllm_json_count(uvllm_json_path(root, "details.tokens")), 3);
    reply_free(&r);
  }
  ask(&w, "POST /tgi/", "", "{\"inputs\":\"a\",\"stream\":true}", &r);
  assert_non_null(strstr(r.head, "text/event-stream"));
  reply_free(&r);
  ask(&w, "POST /generate", "", "{\"inputs\":\"a\"}", &r);
  assert_no_path(json_of(r.body, r.len), "details");
  reply_free(&r);
  world_end(&w);
}

static void length_and_grammar_are_followed(void** state) {
  (void) state;
  static const char* const grammars[] = {
    ",\"grammar\":{\"type\":\"json\",\"value\":{\"properties\":{\"n\":{\"type\":\"integer\"}}}}",
    ",\"grammar\":{\"type\":\"json_schema\",\"value\":{\"name\":\"a\",\"schema\":{\"properties\":"
    "{\"n\":{\"type\":\"integer\"}}}}}"
  };
  world_t w;
  reply_t r;
  world_new(&w);
  ask_text(&w, "/generate", "", ",\"max_new_tokens\":2", &r);
  assert_path(json_of(r.body, r.len), "details.finish_reason", "length");
  assert_number(json_of(r.body, r.len), "details.generated_tokens", 2);
  reply_free(&r);
  for (int i = 0; i < 2; i++) {
    ask_text(&w, "/generate", "", grammars[i], &r);
    assert_path(json_of(r.body, r.len), "generated_text", "{\"n\":1}");
    reply_free(&r);
  }
  world_end(&w);
}

static void the_other_endpoints_answer(void** state) {
  (void) state;
  static const char* const embeds[] = { "POST /tgi/embed",
                                        "POST /hf-inference/models/o/n/pipeline/"
                                        "feature-extraction" };
  world_t w;
  reply_t r;
  world_new(&w);
  for (int i = 0; i < 2; i++) {
    ask(&w, embeds[i], "", "{\"inputs\":[\"a\",\"b\"]}", &r);
    uvllm_json_t root = json_of(r.body, r.len);
    assert_int_equal(uvllm_json_count(root), 2);
    assert_int_equal(uvllm_json_count(uvllm_json_at(root, 1)), 384);
    reply_free(&r);
  }
  ask(&w, "GET /tgi/info", "", "", &r);
  assert_number(json_of(r.body, r.len), "max_total_tokens", 4096);
  reply_free(&r);
  ask(&w, "GET /tgi/health", "", "", &r);
  assert_int_equal(r.status, 200);
  assert_int_equal(r.len, 0);
  reply_free(&r);
  ask(&w, "POST /tgi/tokenize", "", "{\"inputs\":\"Hello\"}", &r);
  assert_int_equal(uvllm_json_count(json_of(r.body, r.len)), 2);
  assert_number(json_of(r.body, r.len), "1.stop", 5);
  reply_free(&r);
  ask(&w, "POST /tgi/chat_tokenize", "", "{\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"},"
      "{\"content\":[{\"text\":\"abc\"}]}]}", &r);
  assert_int_equal(uvllm_json_count(uvllm_json_get(json_of(r.body, r.len), "tokenize_response")),
                   2);
  reply_free(&r);
  world_end(&w);
}

static void wrong_requests_are_validated(void** state) {
  (void) state;
  static const struct { const char *line, *body; int status; const char* type; } wrongs[] = {
    { "POST /generate", "", 400, NULL },
    { "POST /generate", "{", 400, NULL },
    { "POST /generate", "{}", 422, "validation" },
    { "POST /generate_stream", "{\"inputs\":\"a\",\"parameters\":{\"temperature\":0}}", 422,
      "validation" },
    { "POST /generate", "{\"inputs\":\"a\",\"parameters\":{\"top_p\":1}}", 422, "validation" },
    { "POST /generate", "{\"inputs\":\"a\",\"parameters\":{\"stop\":[\"1\",\"2\",\"3\",\"4\","
      "\"5\"]}}", 422, "validation" },
    { "POST /generate", "{\"inputs\":\"a\",\"parameters\":{\"grammar\":{\"type\":\"x\"}}}", 422,
      "validation" },
    { "POST /generate", "{\"inputs\":\"a\",\"parameters\":{\"max_new_tokens\":0}}", 422,
      "validation" },
    { "POST /tgi/embed", "{\"inputs\":[1]}", 422, "validation" },
    { "POST /tgi/tokenize", "{}", 422, "validation" },
    { "POST /tgi/chat_tokenize", "{}", 422, "validation" },
    { "POST /hf-inference/nothing", "{}", 404, NULL },
    { "GET /generate", "", 405, NULL }
  };
  world_t w;
  reply_t r;
  world_new(&w);
  for (size_t i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++) {
    ask(&w, wrongs[i].line, "", wrongs[i].body, &r);
    if (r.status != wrongs[i].status)
      print_message("%s %s\n%s\n", wrongs[i].line, wrongs[i].body, r.body);
    assert_int_equal(r.status, wrongs[i].status);
    uvllm_json_t root = json_of(r.body, r.len);
    assert_true(uvllm_json_str(uvllm_json_get(root, "error")).len > 5);
    if (wrongs[i].type != NULL)
      assert_path(root, "error_type", wrongs[i].type);
    else
      assert_no_path(root, "error_type");
    reply_free(&r);
  }
  world_end(&w);
}

static void asked_errors_and_faults_have_its_form(void** state) {
  (void) state;
  static const struct { const char* mock; int status; } asked[] = {
    { "status=401", 401 }, { "status=402", 402 }, { "status=403", 403 }, { "status=404", 404 },
    { "status=422", 422 }, { "status=424", 424 }, { "status=429", 429 }, { "status=500", 500 },
    { "reasoning=1", 422 }, { "filter", 422 }, { "nonsense", 422 }
  };
  world_t w;
  reply_t r;
  world_new(&w);
  for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
    ask_text(&w, "/generate", asked[i].mock, "", &r);
    assert_int_equal(r.status, asked[i].status);
    assert_true(uvllm_json_str(uvllm_json_get(json_of(r.body, r.len), "error")).len > 5);
    reply_free(&r);
  }
  ask_text(&w, "/generate", "status=503", "", &r);
  assert_path(json_of(r.body, r.len), "error", "Model is currently loading");
  assert_number(json_of(r.body, r.len), "estimated_time", 1);
  reply_free(&r);
  ask_text(&w, "/generate_stream", "tokens=4,error-event=2", "", &r);
  assert_int_equal(count_events(&r), 3);
  assert_path(event_at(&r, 2), "error_type", "incomplete_generation");
  reply_free(&r);
  ask_text(&w, "/generate_stream", "tokens=2,no-done", "", &r);
  assert_int_equal(count_events(&r), 2);
  assert_true(r.complete);
  reply_free(&r);
  ask_text(&w, "/generate_stream", "tokens=2,cut=1", "", &r);
  assert_false(r.complete);
  reply_free(&r);
  ask_text(&w, "/generate", "tokens=2,big=5000", "", &r);
  assert_true(uvllm_json_str(uvllm_json_get(json_of(r.body, r.len), "generated_text")).len > 5000);
  assert_true(r.len < 6000);
  reply_free(&r);
  world_end(&w);
}

static void limits_and_keys_are_checked(void** state) {
  (void) state;
  world_t w;
  reply_t r;
  world_init(&w);
  w.options.requests_per_min = 60;
  w.options.require_key = "the-key";
  world_start(&w);
  ask_text(&w, "/generate", "", "", &r);
  assert_int_equal(r.status, 401);
  reply_free(&r);
  for (int i = 0; i < 2; i++) {
    ask(&w, "POST /generate", "Authorization: Bearer the-key\r\n", "{\"inputs\":\"a\"}", &r);
    assert_int_equal(r.status, i == 0 ? 200 : 429);
    assert_null(strstr(r.head, "ratelimit"));
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
    cmocka_unit_test(a_stream_is_tokens_and_the_whole_text),
    cmocka_unit_test(a_whole_text_is_an_object_or_in_an_array),
    cmocka_unit_test(length_and_grammar_are_followed),
    cmocka_unit_test(the_other_endpoints_answer),
    cmocka_unit_test(wrong_requests_are_validated),
    cmocka_unit_test(asked_errors_and_faults_have_its_form),
    cmocka_unit_test(limits_and_keys_are_checked)
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
