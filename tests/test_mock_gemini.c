/* The mock's Gemini dialect over the wire, and what x-mock does to it. */
#define _GNU_SOURCE
#include "mock_world.h"

#define M "POST /v1beta/models/gemini-2.5-flash"
#define M3 "POST /v1beta/models/gemini-3-pro-preview"
#define HELLO "\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"Hello there\"}]}]"
#define TOOLS ",\"tools\":[{\"functionDeclarations\":[{\"name\":\"weather\"," \
  "\"parametersJsonSchema\":{\"type\":\"object\",\"properties\":{" \
  "\"city\":{\"type\":\"string\"}}}}," \
  "{\"name\":\"now\"}]}]"

static void ask_mock(world_t* w, const char* line, const char* mock, const char* body,
                     reply_t* r) {
  char headers[256] = "";
  if (mock[0] != '\0')
    snprintf(headers, sizeof(headers), "x-mock: %s\r\n", mock);
  ask(w, line, headers, body, r);
}

static void ask_chat(world_t* w, const char* action, const char* mock, const char* members,
                     reply_t* r) {
  char body[4096], line[128];
  snprintf(body, sizeof(body), "{" HELLO "%s}", members);
  snprintf(line, sizeof(line), M ":%s", action);
  ask_mock(w, line, mock, body, r);
}

#define WHOLE "generateContent"
#define SSE "streamGenerateContent?alt=sse"
#define ARRAY "streamGenerateContent"

/* Event i of a stream; len 0: there are no more. All of them end in two CR LF. */
static uvllm_str_t event_at(const reply_t* r, int i) {
  const char* p = r->body;
  while (i-- > 0 && p != NULL)
    p = (p = strstr(p, "\r\n\r\n")) != NULL ? p + 4 : NULL;
  if (p == NULL || strncmp(p, "data: ", 6) != 0)
    return (uvllm_str_t) { NULL, 0 };
  return (uvllm_str_t) { p + 6, strcspn(p + 6, "\r") };
}

static int count_events(const reply_t* r) {
  int n = 0;
  while (event_at(r, n).len != 0)
    n++;
  return n;
}

static uvllm_json_t json_event(const reply_t* r, int i) {
  const uvllm_str_t event = event_at(r, i);
  assert_true(event.len != 0);
  return json_of(event.base, event.len);
}

static void collect(const reply_t* r, char* out, size_t size) {
  size_t len = 0;
  for (int i = 0; event_at(r, i).len != 0; i++) {
    uvllm_str_t s = uvllm_json_str(uvllm_json_path(json_event(r, i),
                                                   "candidates.0.content.parts.0.text"));
    assert_true(len + s.len < size);
    if (s.len != 0)
      memcpy(out + len, s.base, s.len);
    len += s.len;
  }
  out[len] = '\0';
}

static void streams_and_whole_answers_say_the_same(void** state) {
  (void) state;
  world_t w;
  reply_t r;
  char text[1024];
  world_new(&w);
  ask_chat(&w, SSE, "tokens=3", "", &r);
  assert_int_equal(r.status, 200);
  assert_true(r.complete);
  assert_non_null(strstr(r.head, "content-type: text/event-stream"));
  assert_null(strstr(r.head, "x-request-id"));
  assert_int_equal(count_events(&r), 4);
  assert_no_path(json_event(&r, 2), "candidates.0.finishReason");
  assert_number(json_event(&r, 1), "usageMetadata.candidatesTokenCount", 2);
  assert_path(json_event(&r, 3), "candidates.0.finishReason", "STOP");
  assert_number(json_event(&r, 3), "usageMetadata.promptTokenCount", 3);
  assert_number(json_event(&r, 3), "usageMetadata.totalTokenCount", 6);
  assert_path(json_event(&r, 3), "modelVersion", "gemini-2.5-flash");
  collect(&r, text, sizeof(text));
  reply_free(&r);
  ask_chat(&w, WHOLE, "tokens=3", "", &r);
  uvllm_json_t root = json_of(r.body, r.len);
  assert_path(root, "candidates.0.content.parts.0.text", text);
  assert_path(root, "candidates.0.content.role", "model");
  assert_number(root, "usageMetadata.candidatesTokenCount", 3);
  reply_free(&r);
  world_end(&w);
}

static void without_alt_a_stream_is_an_array(void** state) {
  (void) state;
  world_t w;
  reply_t r;
  world_new(&w);
  ask_chat(&w, ARRAY, "tokens=2", "", &r);
  assert_non_null(strstr(r.head, "content-type: application/json"));
  uvllm_json_t root = json_of(r.body, r.len);
  assert_int_equal(uvllm_json_count(root), 3);
  assert_path(root, "2.candidates.0.finishReason", "STOP");
  reply_free(&r);
  ask_chat(&w, ARRAY, "status=503", "", &r);
  assert_path(json_of(r.body, r.len), "0.error.status", "UNAVAILABLE");
  reply_free(&r);
  ask_chat(&w, ARRAY, "error-event=1", "", &r);
  root = json_of(r.body, r.len);
  assert_no_path(root, "0.error");
  assert_number(root, "1.error.code", 500);
  reply_free(&r);
  ask_chat(&w, ARRAY, "tokens=1,no-done", "", &r);
  assert_int_equal(r.body[r.len - 1], '}');
  reply_free(&r);
  world_end(&w);
}

static void thoughts_caches_and_filters(void** state) {
  (void) state;
  world_t w;
  reply_t r;
  world_new(&w);
  ask_chat(&w, WHOLE, "reasoning=2,tokens=1,cached=2,filter", "", &r);
  uvllm_json_t root = json_of(r.body, r.len);
  assert_int_equal(uvllm_json_bool(uvllm_json_path(root, "candidates.0.content.parts.0.thought"),
      0), 1);
  assert_no_path(root, "candidates.0.content.parts.1.thought");
  assert_path(root, "candidates.0.finishReason", "SAFETY");
  assert_number(root, "usageMetadata.thoughtsTokenCount", 2);
  assert_number(root, "usageMetadata.candidatesTokenCount", 1);
  assert_number(root, "usageMetadata.cachedContentTokenCount", 2);
  reply_free(&r);
  ask_chat(&w, WHOLE, "tokens=1",
           ",\"generationConfig\":{\"thinkingConfig\":{\"includeThoughts\":true}}", &r);
  assert_number(json_of(r.body, r.len), "usageMetadata.thoughtsTokenCount", 8);
  reply_free(&r);
  ask_chat(&w, SSE, "reasoning=1,tokens=1", "", &r);
  assert_int_equal(uvllm_json_bool(uvllm_json_path(json_event(&r, 0),
      "candidates.0.content.parts.0.thought"), 0), 1);
  reply_free(&r);
  ask_chat(&w, WHOLE, "refusal", "", &r);
  assert_int_equal(r.status, 400);
  reply_free(&r);
  world_end(&w);
}

static void calls_are_whole_and_named(void** state) {
  (void) state;
  world_t w;
  reply_t r;
  world_new(&w);
  ask_chat(&w, WHOLE, "tool=3", TOOLS, &r);
  uvllm_json_t root = json_of(r.body, r.len);
  assert_path(root, "candidates.0.content.parts.0.functionCall.name", "weather");
  assert_path(root, "candidates.0.content.parts.0.functionCall.args.city", "text");
  assert_path(root, "candidates.0.content.parts.1.functionCall.name", "now");
  assert_no_path(root, "candidates.0.content.parts.0.functionCall.id");
  assert_path(root, "candidates.0.finishReason", "STOP");
  reply_free(&r);
  ask_chat(&w, SSE, "tool=2", TOOLS, &r);
  assert_int_equal(count_events(&r), 3);
  assert_path(json_event(&r, 0), "candidates.0.content.parts.0.functionCall.args.city", "text");
  reply_free(&r);
  ask_chat(&w, WHOLE, "", TOOLS ",\"toolConfig\":{\"functionCallingConfig\":{\"mode\":\"ANY\","
      "\"allowedFunctionNames\":[\"now\"]}}", &r);
  assert_path(json_of(r.body, r.len), "candidates.0.content.parts.0.functionCall.name", "now");
  reply_free(&r);
  ask_chat(&w, WHOLE, "reasoning=1,tool", TOOLS ",\"generationConfig\":{\"maxOutputTokens\":2}",
      &r);
  root = json_of(r.body, r.len);
  assert_no_path(root, "candidates.0.content.parts.1");
  assert_path(root, "candidates.0.finishReason", "MAX_TOKENS");
  reply_free(&r);
  ask_chat(&w, WHOLE, "tool", ",\"tools\":[{\"functionDeclarations\":[{\"name\":\"f\","
      "\"parameters\":{\"type\":\"OBJECT\",\"properties\":{\"n\":{\"type\":\"INTEGER\"}}}}]}]", &r);
  assert_number(json_of(r.body, r.len), "candidates.0.content.parts.0.functionCall.args.n", 1);
  reply_free(&r);
  world_end(&w);
}

/* The third generation signs, and wants its signatures back. */
static void signatures_must_come_back(void** state) {
  (void) state;
#define TURN(signature) "{" TURNS(signature, "{\"functionResponse\":{\"name\":\"now\"," \
    "\"response\":{}}}") "}"
#define TURNS(signature, results) "\"contents\":[{\"parts\":[{\"text\":\"a\"}]}," \
    "{\"role\":\"model\",\"parts\":[{\"functionCall\":{\"name\":\"now\"}" \
  signature "}]},{\"role\":\"user\",\"parts\":[" results "]}]"
  world_t w;
  reply_t r;
  world_new(&w);
  ask_mock(&w, M3 ":generateContent", "tool=2", "{" HELLO TOOLS "}", &r);
  uvllm_json_t root = json_of(r.body, r.len);
  assert_true(uvllm_json_str(uvllm_json_path(root,
      "candidates.0.content.parts.0.thoughtSignature")).len != 0);
  assert_true(uvllm_json_str(uvllm_json_path(root,
      "candidates.0.content.parts.1.functionCall.id")).len != 0);
  assert_no_path(root, "candidates.0.content.parts.1.thoughtSignature");
  reply_free(&r);
  ask_mock(&w, M3 ":generateContent", "", TURN(""), &r);
  assert_int_equal(r.status, 400);
  assert_non_null(strstr(r.body, "thought_signature"));
  reply_free(&r);
  ask_mock(&w, M3 ":generateContent", "", TURN(",\"thoughtSignature\":\"YQ==\""), &r);
  assert_int_equal(r.status, 200);
  reply_free(&r);
  ask_mock(&w, M ":generateContent", "", TURN(""), &r);
  assert_int_equal(r.status, 200);
  reply_free(&r);
  ask_mock(&w, M ":generateContent", "", "{" TURNS("", "{\"text\":\"no result\"}") "}", &r);
  assert_int_equal(r.status, 400);
  assert_non_null(strstr(r.body, "number of function response parts"));
  reply_free(&r);
  world_end(&w);
}

static void candidates_schemas_and_limits(void** state) {
  (void) state;
  world_t w;
  reply_t r;
  world_new(&w);
  ask_chat(&w, WHOLE, "", ",\"generationConfig\":{\"candidateCount\":2,\"maxOutputTokens\":3}", &r);
  uvllm_json_t root = json_of(r.body, r.len);
  assert_path(root, "candidates.1.finishReason", "MAX_TOKENS");
  assert_number(root, "candidates.1.index", 1);
  assert_number(root, "usageMetadata.candidatesTokenCount", 6);
  reply_free(&r);
  ask_chat(&w, WHOLE, "", ",\"generationConfig\":{\"responseMimeType\":\"application/json\","
      "\"responseJsonSchema\":{\"type\":\"object\",\"properties\":{\"x\":{\"type\":\"integer\"}}}}",
      &r);
  assert_path(json_of(r.body, r.len), "candidates.0.content.parts.0.text", "{\"x\":1}");
  reply_free(&r);
  world_end(&w);
}

static void what_is_wrong_is_refused(void** state) {
  (void) state;
  static const struct { const char *body, *words; } asked[] = {
    { "{", "Invalid JSON payload" },
    { "{}", "contents is not specified" },
    { "{\"contents\":[]}", "contents is not specified" },
    { "{\"contents\":[7]}", "contents" },
    { "{\"contents\":[{\"role\":\"assistant\",\"parts\":[{\"text\":\"a\"}]}]}", "valid role" },
    { "{\"contents\":[{\"parts\":[]}]}", "contents.parts" },
    { "{\"contents\":[{\"parts\":[{}]}]}", "exactly one" },
    { "{\"contents\":[{\"parts\":[{\"text\":\"a\",\"inlineData\":{}}]}]}", "exactly one" },
    { "{\"contents\":[{\"parts\":[{\"inlineData\":{\"data\":\"\"}}]}]}", "mimeType" },
    { "{\"contents\":[{\"parts\":[{\"functionResponse\":{\"name\":\"f\",\"response\":\"x\"}}]}]}",
      "functionResponse.response" },
    { "{" HELLO ",\"messages\":[]}", "Unknown name \\\"messages\\\"" },
    { "{" HELLO ",\"systemInstruction\":\"a\"}", "systemInstruction" },
    { "{" HELLO ",\"generationConfig\":{\"max_tokens\":1}}", "Unknown name" },
    { "{" HELLO ",\"generationConfig\":{\"candidateCount\":9}}", "candidateCount" },
    { "{" HELLO ",\"generationConfig\":{\"responseJsonSchema\":{}}}", "mime type" },
    { "{" HELLO TOOLS ",\"toolConfig\":{\"functionCallingConfig\":{\"mode\":\"AUTO\","
      "\"allowedFunctionNames\":[\"now\"]}}}", "ANY" }
  };
  world_t w;
  reply_t r;
  world_new(&w);
  for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
    ask(&w, M ":generateContent", "", asked[i].body, &r);
    assert_int_equal(r.status, 400);
    assert_path(json_of(r.body, r.len), "error.status", "INVALID_ARGUMENT");
    if (strstr(r.body, asked[i].words) == NULL)
      fail_msg("%s: %s", asked[i].body, r.body);
    reply_free(&r);
  }
  world_end(&w);
}

static void errors_have_their_details(void** state) {
  (void) state;
  world_t w;
  reply_t r;
  world_new(&w);
  ask_chat(&w, WHOLE, "status=429,retry-after-ms=1500", "", &r);
  uvllm_json_t root = json_of(r.body, r.len);
  assert_number(root, "error.code", 429);
  assert_path(root, "error.status", "RESOURCE_EXHAUSTED");
  assert_non_null(strstr(r.body, "PerMinute"));
  assert_path(root, "error.details.1.retryDelay", "1.500s");
  reply_free(&r);
  ask_chat(&w, SSE, "quota", "", &r);
  assert_int_equal(r.status, 429);
  assert_non_null(strstr(r.body, "PerDay"));
  reply_free(&r);
  ask_chat(&w, WHOLE, "status=429", "", &r);
  assert_no_path(json_of(r.body, r.len), "error.details");
  reply_free(&r);
  static const struct { int status; const char* word; } all[] = {
    { 400, "INVALID_ARGUMENT" }, { 401, "UNAUTHENTICATED" }, { 403, "PERMISSION_DENIED" },
    { 404, "NOT_FOUND" }, { 499, "CANCELLED" }, { 500, "INTERNAL" }, { 503, "UNAVAILABLE" },
    { 504, "DEADLINE_EXCEEDED" }
  };
  for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
    char mock[32];
    snprintf(mock, sizeof(mock), "status=%d", all[i].status);
    ask_chat(&w, WHOLE, mock, "", &r);
    assert_int_equal(r.status, all[i].status);
    assert_path(json_of(r.body, r.len), "error.status", all[i].word);
    reply_free(&r);
  }
  ask(&w, "GET /v1beta/nothing", "", "", &r);
  assert_int_equal(r.status, 404);
  assert_path(json_of(r.body, r.len), "error.status", "NOT_FOUND");
  reply_free(&r);
  ask_chat(&w, SSE, "error-event=1", "", &r);
  assert_number(json_event(&r, 1), "error.code", 500);
  reply_free(&r);
  world_end(&w);
}

static void keys_in_header_query_and_as_bearer(void** state) {
  (void) state;
  static const struct { const char *line, *headers; int status; } asked[] = {
    { "GET /v1beta/models", "x-goog-api-key: k-1\r\n", 200 },
    { "GET /v1beta/models?key=k-1", "", 200 },
    { "GET /v1beta/models", "Authorization: Bearer k-1\r\n", 200 },
    { "GET /v1beta/models", "x-goog-api-key: other\r\n", 400 },
    { "GET /v1beta/models?key=other", "", 400 },
    { "GET /v1beta/models", "", 403 }
  };
  world_t w;
  reply_t r;
  world_init(&w);
  w.options.require_key = "k-1";
  world_start(&w);
  for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
    ask(&w, asked[i].line, asked[i].headers, "", &r);
    assert_int_equal(r.status, asked[i].status);
    if (r.status == 400)
      assert_path(json_of(r.body, r.len), "error.details.0.reason", "API_KEY_INVALID");
    reply_free(&r);
  }
  world_end(&w);
}

static void embeddings_one_and_many(void** state) {
  (void) state;
#define E "POST /v1beta/models/gemini-embedding-001"
#define INPUT(text) "\"content\":{\"parts\":[{\"text\":\"" text "\"}]},\"outputDimensionality\":4"
  world_t w;
  reply_t r;
  world_new(&w);
  ask(&w, E ":embedContent", "", "{" INPUT("a") "}", &r);
  assert_int_equal(uvllm_json_count(uvllm_json_path(json_of(r.body, r.len), "embedding.values")),
      4);
  reply_free(&r);
  ask(&w, E ":batchEmbedContents", "", "{\"requests\":[{\"model\":\"models/m\"," INPUT("a")
      "},{\"model\":\"models/m\"," INPUT("b") "}]}", &r);
  assert_int_equal(uvllm_json_count(uvllm_json_path(json_of(r.body, r.len), "embeddings")), 2);
  reply_free(&r);
  ask(&w, E ":batchEmbedContents", "", "{\"requests\":[{" INPUT("a") "}]}", &r);
  assert_int_equal(r.status, 400);
  reply_free(&r);
  ask(&w, E ":batchEmbedContents", "", "{\"requests\":[]}", &r);
  assert_int_equal(r.status, 400);
  reply_free(&r);
  world_end(&w);
}

static void tokens_are_counted(void** state) {
  (void) state;
  world_t w;
  reply_t r;
  world_new(&w);
  ask(&w, M ":countTokens", "", "{" HELLO "}", &r);
  assert_number(json_of(r.body, r.len), "totalTokens", 3);
  reply_free(&r);
  ask(&w, M ":countTokens", "", "{\"generateContentRequest\":{\"model\":\"models/m\"," HELLO
      ",\"systemInstruction\":{\"parts\":[{\"text\":\"12345678\"}]}}}", &r);
  assert_number(json_of(r.body, r.len), "totalTokens", 5);
  reply_free(&r);
  ask(&w, M ":countTokens", "", "{\"generateContentRequest\":{" HELLO "}}", &r);
  assert_int_equal(r.status, 400);
  reply_free(&r);
  world_end(&w);
}

static void models_come_in_pages(void** state) {
  (void) state;
  world_t w;
  reply_t r;
  world_new(&w);
  ask(&w, "GET /v1beta/models", "x-mock: models=120\r\n", "", &r);
  assert_int_equal(uvllm_json_count(uvllm_json_get(json_of(r.body, r.len), "models")), 50);
  assert_path(json_of(r.body, r.len), "nextPageToken", "50");
  reply_free(&r);
  ask(&w, "GET /v1beta/models?pageSize=100&pageToken=50", "x-mock: models=120\r\n", "", &r);
  assert_int_equal(uvllm_json_count(uvllm_json_get(json_of(r.body, r.len), "models")), 70);
  assert_no_path(json_of(r.body, r.len), "nextPageToken");
  reply_free(&r);
  ask(&w, "GET /v1beta/models?pageToken=x", "", "", &r);
  assert_int_equal(r.status, 400);
  reply_free(&r);
  ask(&w, "GET /gemini/v1/models/gemini-2.5-pro", "", "", &r);
  assert_path(json_of(r.body, r.len), "name", "models/gemini-2.5-pro");
  assert_number(json_of(r.body, r.len), "inputTokenLimit", 1048576);
  reply_free(&r);
  ask(&w, "GET /v1beta/models/none", "", "", &r);
  assert_int_equal(r.status, 404);
  reply_free(&r);
  ask(&w, "GET /v1/models", "", "", &r); /* OpenAI's */
  assert_path(json_of(r.body, r.len), "object", "list");
  reply_free(&r);
  world_end(&w);
}

static void streams_break_as_asked(void** state) {
  (void) state;
  world_t w;
  reply_t r;
  world_new(&w);
  ask_chat(&w, SSE, "tokens=4,cut=2", "", &r);
  assert_false(r.complete);
  assert_int_equal(count_events(&r), 2);
  reply_free(&r);
  ask_chat(&w, SSE, "tokens=2,no-finish", "", &r);
  assert_true(r.complete);
  assert_null(strstr(r.body, "finishReason"));
  reply_free(&r);
  ask_chat(&w, SSE, "tokens=2,comments", "", &r);
  assert_non_null(strstr(r.body, ": keep-alive"));
  reply_free(&r);
  ask_chat(&w, WHOLE, "malformed", "", &r);
  uvllm_json_t root;
  assert_int_equal(uvllm_json_parse(parser, (uvllm_str_t) { r.body, r.len }, &root, NULL),
                   UVLLM_EPROTO);
  reply_free(&r);
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
    cmocka_unit_test(streams_and_whole_answers_say_the_same),
    cmocka_unit_test(without_alt_a_stream_is_an_array),
    cmocka_unit_test(thoughts_caches_and_filters),
    cmocka_unit_test(calls_are_whole_and_named),
    cmocka_unit_test(signatures_must_come_back),
    cmocka_unit_test(candidates_schemas_and_limits),
    cmocka_unit_test(what_is_wrong_is_refused),
    cmocka_unit_test(errors_have_their_details),
    cmocka_unit_test(keys_in_header_query_and_as_bearer),
    cmocka_unit_test(embeddings_one_and_many),
    cmocka_unit_test(tokens_are_counted),
    cmocka_unit_test(models_come_in_pages),
    cmocka_unit_test(streams_break_as_asked),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
