/* The mock's Azure over the wire: deployments, versions, keys, what filters found. */
#define _GNU_SOURCE
#include "mock_world.h"

#define HELLO "{\"messages\":[{\"role\":\"user\",\"content\":\"Hello there\"}]"
#define CHAT "POST /openai/deployments/my-gpt/chat/completions?api-version=2024-10-21"

static void a_deployment_answers(void** state) {
  (void) state;
  world_t w;
  reply_t r;
  world_new(&w);
  ask(&w, CHAT, "x-mock: tokens=2\r\n", HELLO "}", &r);
  assert_int_equal(r.status, 200);
  assert_non_null(strstr(r.head, "apim-request-id: "));
  assert_non_null(strstr(r.head, "x-ms-region: "));
  uvllm_json_t root = json_of(r.body, r.len);
  assert_path(root, "model", "my-gpt");
  assert_path(root, "object", "chat.completion");
  assert_path(root, "choices.0.content_filter_results.hate.severity", "safe");
  assert_path(root, "prompt_filter_results.0.content_filter_results.violence.severity", "safe");
  reply_free(&r);
  ask(&w, "POST /openai/deployments/a%2Fb/embeddings?api-version=2024-10-21", "",
      "{\"input\":\"x\"}", &r);
  assert_path(json_of(r.body, r.len), "model", "a/b");
  reply_free(&r);
  ask(&w, "POST /openai/deployments/d/completions?api-version=2024-10-21", "x-mock: tokens=1\r\n",
      "{\"prompt\":\"x\"}", &r);
  assert_path(json_of(r.body, r.len), "object", "text_completion");
  assert_no_path(json_of(r.body, r.len), "prompt_filter_results");
  reply_free(&r);
  world_end(&w);
}

static void a_stream_begins_with_what_is_no_chunk(void** state) {
  (void) state;
  world_t w;
  reply_t r;
  world_new(&w);
  ask(&w, CHAT, "x-mock: tokens=1\r\n", HELLO ",\"stream\":true}", &r);
  assert_int_equal(strncmp(r.body, "data: {\"choices\":[],\"created\":0,\"id\":\"\"", 39), 0);
  const char* second = strstr(r.body, "\n\n") + 2;
  uvllm_json_t root = json_of(second + 6, strcspn(second, "\n") - 6);
  assert_path(root, "choices.0.delta.role", "assistant");
  assert_path(root, "choices.0.content_filter_results.hate.severity", "safe");
  assert_non_null(strstr(r.body, "data: [DONE]"));
  reply_free(&r);
  world_end(&w);
}

static void the_older_paths_want_a_version(void** state) {
  (void) state;
  static const struct { const char* line; int status; } asked[] = {
    { "POST /openai/deployments/d/chat/completions", 404 },
    { "POST /openai/deployments/d/chat/completions?api-version=", 404 },
    { "POST /openai/v1/chat/completions", 400 }, /* there the body names the model */
    { "GET /openai/models", 404 },
    { "GET /openai/models?api-version=2024-10-21", 200 },
    { "GET /openai/v1/models", 200 },
    { "GET /openai/v1/chat/completions", 405 },
    { "POST /openai/nothing", 404 },
  };
  world_t w;
  reply_t r;
  world_new(&w);
  for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
    ask(&w, asked[i].line, "", asked[i].line[0] == 'P' ? HELLO "}" : "", &r);
    assert_int_equal(r.status, asked[i].status);
    if (r.status == 404)
      assert_string_equal(r.body, "{\"error\":{\"code\":\"404\",\"message\":\"Resource not found\"}}");
    reply_free(&r);
  }
  world_end(&w);
}

static void keys_come_in_either_header(void** state) {
  (void) state;
  world_t w;
  reply_t r;
  world_init(&w);
  w.options.require_key = "k1";
  world_start(&w);
  ask(&w, CHAT, "api-key: k1\r\n", HELLO "}", &r);
  assert_int_equal(r.status, 200);
  reply_free(&r);
  ask(&w, CHAT, "Authorization: Bearer k1\r\n", HELLO "}", &r);
  assert_int_equal(r.status, 200);
  reply_free(&r);
  ask(&w, CHAT, "api-key: k2\r\n", HELLO "}", &r);
  assert_int_equal(r.status, 401);
  assert_path(json_of(r.body, r.len), "error.code", "401");
  assert_no_path(json_of(r.body, r.len), "error.type");
  reply_free(&r);
  ask(&w, CHAT, "", HELLO "}", &r);
  assert_int_equal(r.status, 401);
  reply_free(&r);
  world_end(&w);
}

static void limits_are_told_by_what_remains(void** state) {
  (void) state;
  world_t w;
  reply_t r;
  world_init(&w);
  w.options.requests_per_min = 1;
  w.options.tokens_per_min = 1000;
  world_start(&w);
  ask(&w, CHAT, "", HELLO "}", &r);
  assert_non_null(strstr(r.head, "x-ratelimit-remaining-requests: 0\r\n"));
  assert_non_null(strstr(r.head, "x-ratelimit-remaining-tokens: "));
  assert_non_null(strstr(r.head, "x-rate-limit-reset-tokens: "));
  assert_null(strstr(r.head, "x-ratelimit-limit"));
  reply_free(&r);
  ask(&w, CHAT, "", HELLO "}", &r);
  assert_int_equal(r.status, 429);
  assert_path(json_of(r.body, r.len), "error.code", "429");
  assert_non_null(strstr(r.head, "retry-after: "));
  reply_free(&r);
  world_end(&w);
}

static void a_request_that_is_wrong_is_told_as_openai_does(void** state) {
  (void) state;
  world_t w;
  reply_t r;
  world_new(&w);
  ask(&w, CHAT, "", "{}", &r);
  assert_int_equal(r.status, 400);
  assert_path(json_of(r.body, r.len), "error.type", "invalid_request_error");
  assert_path(json_of(r.body, r.len), "error.param", "messages");
  reply_free(&r);
  world_end(&w);
}

static void responses_are_beneath_both(void** state) {
  (void) state;
  world_t w;
  reply_t r;
  world_new(&w);
  ask(&w, "POST /openai/v1/responses", "", "{\"model\":\"d\",\"input\":\"x\"}", &r);
  assert_path(json_of(r.body, r.len), "object", "response");
  reply_free(&r);
  ask(&w, "POST /openai/responses?api-version=2025-03-01-preview", "",
      "{\"model\":\"d\",\"input\":\"x\"}", &r);
  assert_path(json_of(r.body, r.len), "object", "response");
  reply_free(&r);
  world_end(&w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_deployment_answers),
    cmocka_unit_test(a_stream_begins_with_what_is_no_chunk),
    cmocka_unit_test(the_older_paths_want_a_version),
    cmocka_unit_test(keys_come_in_either_header),
    cmocka_unit_test(limits_are_told_by_what_remains),
    cmocka_unit_test(a_request_that_is_wrong_is_told_as_openai_does),
    cmocka_unit_test(responses_are_beneath_both),
  };
  assert_int_equal(uvllm_json_parser_new(&parser, NULL), 0);
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  uvllm_json_parser_free(parser);
  return failed;
}
