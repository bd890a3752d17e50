/* The mock's Bedrock dialect over the wire, and what x-mock does to it. */
#define _GNU_SOURCE
#include "mock_world.h"
#include "aws_frames.h"

#define MODEL "/model/anthropic.claude-3-haiku-20240307-v1%3A0"
#define HELLO "\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"Hello there\"}]}]"
#define TOOLS ",\"toolConfig\":{\"tools\":[{\"toolSpec\":{\"name\":\"weather\",\"inputSchema\":" \
  "{\"json\":{\"type\":\"object\",\"properties\":{\"city\":{\"type\":\"string\"}}}}}}]}"

/* The events of a stream, as lines "name payload", errors with a "!" before them. */
typedef struct events_s {
  char text[16384];
  int n, err;
} events_t;

static int on_frame(void* ctx, const uvllm_frame_t* f) {
  events_t* e = ctx;
  size_t at = strlen(e->text);
  snprintf(e->text + at, sizeof(e->text) - at, "%s%.*s %.*s\n", f->exception ? "!" : "",
           (int) f->event.len, f->event.base, (int) f->data.len, f->data.base);
  e->n++;
  return 0;
}

/* With our own parser, whose checksums are zlib's: the mock's are not. */
static void read_events(const reply_t* r, events_t* e) {
  uvllm__frames_t frames;
  size_t used;
  memset(e, 0, sizeof(*e));
  uvllm__frames_init(&frames, &uvllm__alloc_default);
  uvllm__frames_begin(&frames, UVLLM_FRAME_AWS, SIZE_MAX);
  e->err = uvllm__frames_feed(&frames, r->body, r->len, &used, on_frame, e);
  if (e->err == 0)
    e->err = uvllm__frames_end(&frames, on_frame, e);
  uvllm__frames_free(&frames);
}

static void ask_mock(world_t* w, const char* line, const char* mock, const char* body,
                     reply_t* r) {
  char headers[256] = "";
  if (mock[0] != '\0')
    snprintf(headers, sizeof(headers), "x-mock: %s\r\n", mock);
  ask(w, line, headers, body, r);
}

static void stream(world_t* w, const char* mock, const char* members, reply_t* r, events_t* e) {
  char body[4096];
  snprintf(body, sizeof(body), "{" HELLO "%s}", members);
  ask_mock(w, "POST " MODEL "/converse-stream", mock, body, r);
  read_events(r, e);
}

static void stream_is_framed_and_padded(void** state) {
  (void) state;
  world_t w;
  reply_t r;
  events_t e;
  world_new(&w);
  stream(&w, "tokens=2", "", &r, &e);
  assert_int_equal(r.status, 200);
  assert_non_null(strstr(r.head, "content-type: application/vnd.amazon.eventstream\r\n"));
  assert_non_null(strstr(r.head, "x-amzn-requestid: "));
  assert_null(strstr(r.head, "ratelimit"));
  assert_int_equal(e.err, 0);
  assert_int_equal(e.n, 6);
  assert_non_null(strstr(e.text, "messageStart {\"role\":\"assistant\",\"p\":\""));
  assert_non_null(strstr(e.text, "contentBlockDelta {\"contentBlockIndex\":0,\"delta\":"
                                 "{\"text\":"));
  assert_null(strstr(e.text, "contentBlockStart"));
  const char* stop = strstr(e.text, "messageStop {\"stopReason\":\"end_turn\"");
  assert_non_null(stop);
  assert_non_null(strstr(stop, "metadata {\"usage\":{\"inputTokens\":3,\"outputTokens\":2,"
                               "\"totalTokens\":5,"));
  reply_free(&r);
  world_end(&w);
}

static void reasoning_and_tools_have_blocks(void** state) {
  (void) state;
  world_t w;
  reply_t r;
  events_t e;
  world_new(&w);
  stream(&w, "tool=2,reasoning=2", TOOLS, &r, &e);
  assert_int_equal(e.err, 0);
  assert_non_null(strstr(e.text, "{\"contentBlockIndex\":0,\"delta\":{\"reasoningContent\":"
                                 "{\"text\":"));
  assert_non_null(strstr(e.text, "{\"reasoningContent\":{\"signature\":\""));
  assert_non_null(strstr(e.text, "contentBlockStart {\"contentBlockIndex\":1,\"start\":"
                                 "{\"toolUse\":{\"toolUseId\":\"tooluse_"));
  assert_non_null(strstr(e.text, "contentBlockStart {\"contentBlockIndex\":2,"));
  assert_non_null(strstr(e.text, "{\"stopReason\":\"tool_use\""));
  reply_free(&r);
  world_end(&w);
}

static void whole_answers_have_a_message(void** state) {
  (void) state;
  world_t w;
  reply_t r;
  world_new(&w);
  ask_mock(&w, "POST " MODEL "/converse", "tool,reasoning=2,cached=1", "{" HELLO TOOLS "}", &r);
  uvllm_json_t root = json_of(r.body, r.len);
  assert_path(root, "output.message.role", "assistant");
  assert_true(uvllm_json_str(uvllm_json_path(
      root, "output.message.content.0.reasoningContent.reasoningText.text")).len > 0);
  assert_path(root, "output.message.content.1.toolUse.name", "weather");
  assert_path(root, "output.message.content.1.toolUse.input.city", "text");
  assert_path(root, "stopReason", "tool_use");
  assert_number(root, "usage.inputTokens", 2);
  assert_number(root, "usage.cacheReadInputTokens", 1);
  reply_free(&r);
  ask_mock(&w, "POST " MODEL "/converse", "", "{" HELLO TOOLS ",\"inferenceConfig\":"
           "{\"maxTokens\":1}}", &r);
  assert_path(json_of(r.body, r.len), "stopReason", "max_tokens");
  reply_free(&r);
  world_end(&w);
}

static void streams_can_go_wrong(void** state) {
  (void) state;
  world_t w;
  reply_t r;
  events_t e;
  world_new(&w);
  stream(&w, "tokens=4,error-event=2", "", &r, &e);
  assert_int_equal(e.err, 0);
  assert_non_null(strstr(e.text, "!internalServerException {\"message\":\""));
  assert_null(strstr(e.text, "messageStop"));
  reply_free(&r);
  stream(&w, "tokens=4,cut=2", "", &r, &e);
  assert_false(r.complete);
  reply_free(&r);
  stream(&w, "tokens=2,no-done", "", &r, &e);
  assert_non_null(strstr(e.text, "messageStop"));
  assert_null(strstr(e.text, "metadata"));
  reply_free(&r);
  stream(&w, "tokens=2,no-finish", "", &r, &e);
  assert_null(strstr(e.text, "messageStop"));
  assert_true(r.complete);
  reply_free(&r);
  stream(&w, "tokens=2,malformed", "", &r, &e);
  assert_int_equal(e.err, 0); /* the frames are whole, one payload is not */
  assert_int_equal(e.n, 7);
  reply_free(&r);
  stream(&w, "tokens=2,comments", "", &r, &e);
  assert_int_equal(e.err, 0);
  assert_non_null(strstr(e.text, "keepAlive {}\n"));
  reply_free(&r);
  stream(&w, "tokens=1,big=100000", "", &r, &e);
  assert_int_equal(e.err, 0); /* its checksum counts the filler too */
  assert_true(r.len > 100000);
  reply_free(&r);
  world_end(&w);
}

#define USER(content) "{\"messages\":[{\"role\":\"user\",\"content\":" content "}]}"

static const struct { const char *line, *body; int status; const char* type; } wrongs[] = {
  { "POST " MODEL "/converse", "", 400, "ValidationException" },
  { "POST " MODEL "/converse", "{", 400, "ValidationException" },
  { "POST " MODEL "/converse", "{}", 400, "ValidationException" },
  { "POST " MODEL "/converse", "{\"messages\":[]}", 400, "ValidationException" },
  { "POST " MODEL "/converse", "{\"messages\":[1]}", 400, "ValidationException" },
  { "POST " MODEL "/converse", USER("\"a\""), 400, "ValidationException" },
  { "POST " MODEL "/converse", USER("[]"), 400, "ValidationException" },
  { "POST " MODEL "/converse", USER("[{\"text\":\" \"}]"), 400, "ValidationException" },
  { "POST " MODEL "/converse", USER("[{\"text\":5}]"), 400, "ValidationException" },
  { "POST " MODEL "/converse", USER("[{\"type\":\"text\",\"text\":\"a\"}]"), 400,
    "ValidationException" },
  { "POST " MODEL "/converse", USER("[{\"nonsense\":\"a\"}]"), 400, "ValidationException" },
  { "POST " MODEL "/converse", USER("[{\"toolResult\":{\"toolUseId\":\"t\",\"content\":[]}}]"), 400,
    "ValidationException" },
  { "POST " MODEL "/converse", "{\"messages\":[{\"role\":\"assistant\",\"content\":[{\"text\":"
    "\"a\"}]}]}", 400, "ValidationException" },
  { "POST " MODEL "/converse", "{" HELLO ",\"system\":\"a\"}", 400, "ValidationException" },
  { "POST " MODEL "/converse", "{" HELLO ",\"inferenceConfig\":{\"maxTokens\":0}}", 400,
    "ValidationException" },
  { "POST " MODEL "/converse", "{" HELLO ",\"toolConfig\":{\"tools\":[]}}", 400,
    "ValidationException" },
  { "POST " MODEL "/converse", "{" HELLO ",\"toolConfig\":{\"tools\":[{\"toolSpec\":{\"name\":"
    "\"a\"}}]}}", 400, "ValidationException" },
  { "POST " MODEL "/converse", "{" HELLO ",\"outputConfig\":{\"textFormat\":{\"structure\":"
    "{\"jsonSchema\":{\"schema\":{}}}}}}", 400, "ValidationException" },
  { "POST " MODEL "/count-tokens", "{\"input\":{}}", 400, "ValidationException" },
  { "POST " MODEL "/invoke", "{}", 400, "ValidationException" },
  { "POST /model/amazon.titan-embed-text-v2%3A0/invoke", "{}", 400, "ValidationException" },
  { "POST /model/cohere.embed-v4%3A0/invoke", "{\"texts\":[]}", 400, "ValidationException" },
  { "POST /model/m/nothing", "{}", 404, "UnknownOperationException" },
  { "GET /model/m/converse", "", 405, "UnknownOperationException" },
  { "GET /bedrock/v1/models", "", 404, "UnknownOperationException" }
};

static void wrong_requests_are_told_in_a_header(void** state) {
  (void) state;
  world_t w;
  reply_t r;
  char header[96];
  world_new(&w);
  for (size_t i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++) {
    ask(&w, wrongs[i].line, "", wrongs[i].body, &r);
    if (r.status != wrongs[i].status)
      print_message("%s %s\n%s\n", wrongs[i].line, wrongs[i].body, r.body);
    assert_int_equal(r.status, wrongs[i].status);
    snprintf(header, sizeof(header), "x-amzn-errortype: %s:", wrongs[i].type);
    assert_non_null(strstr(r.head, header));
    assert_true(uvllm_json_str(uvllm_json_get(json_of(r.body, r.len), "message")).len > 5);
    reply_free(&r);
  }
  world_end(&w);
}

static void embeddings_counts_and_models(void** state) {
  (void) state;
  world_t w;
  reply_t r;
  world_new(&w);
  ask(&w, "POST /model/amazon.titan-embed-text-v2%3A0/invoke", "",
      "{\"inputText\":\"abcd\",\"dimensions\":8}", &r);
  uvllm_json_t root = json_of(r.body, r.len);
  assert_int_equal(uvllm_json_count(uvllm_json_get(root, "embedding")), 8);
  assert_number(root, "inputTextTokenCount", 1);
  reply_free(&r);
  ask(&w, "POST /model/cohere.embed-english-v3/invoke", "",
      "{\"texts\":[\"a\",\"b\"],\"input_type\":\"search_document\"}", &r);
  assert_int_equal(uvllm_json_count(uvllm_json_get(json_of(r.body, r.len), "embeddings")), 2);
  assert_non_null(strstr(r.head, "x-amzn-bedrock-input-token-count: 1\r\n"));
  reply_free(&r);
  ask(&w, "POST " MODEL "/count-tokens", "", "{\"input\":{\"converse\":{" HELLO "}}}", &r);
  assert_number(json_of(r.body, r.len), "inputTokens", 3);
  reply_free(&r);
  ask(&w, "GET /bedrock/foundation-models", "", "", &r);
  assert_path(json_of(r.body, r.len), "modelSummaries.0.modelId",
              "anthropic.claude-3-haiku-20240307-v1:0");
  reply_free(&r);
  world_end(&w);
}

static void limits_say_when_to_come_again(void** state) {
  (void) state;
  world_t w;
  reply_t r;
  world_init(&w);
  w.options.requests_per_min = 60;
  world_start(&w);
  for (int i = 0; i < 2; i++) {
    ask(&w, "POST " MODEL "/converse", "", "{" HELLO "}", &r);
    assert_int_equal(r.status, i == 0 ? 200 : 429);
    if (i == 1) {
      assert_non_null(strstr(r.head, "x-amz-retry-after: "));
      assert_non_null(strstr(r.head, "x-amzn-errortype: ThrottlingException"));
      assert_null(strstr(r.head, "\r\nretry-after"));
    }
    reply_free(&r);
  }
  world_end(&w);
}

static void bad_signatures_are_refused(void** state) {
  (void) state;
  static const char* const heads[] = {
    "", "Authorization: Bearer nobody\r\n", "Authorization: AWS4-HMAC-SHA256 what\r\n",
    "Authorization: AWS4-HMAC-SHA256 Credential=ID, SignedHeaders=host, Signature=00\r\n",
    "Authorization: AWS4-HMAC-SHA256 Credential=ID/20260101/us-east-1/bedrock/aws4_request, "
    "SignedHeaders=host;x-amz-date, Signature=00\r\nX-Amz-Date: 20260101T000000Z\r\n",
    "Authorization: AWS4-HMAC-SHA256 Credential=ID/20260101/us-east-1/s3/aws4_request, "
    "SignedHeaders=host;x-amz-date, Signature=00\r\nX-Amz-Date: 20260101T000000Z\r\n" };
  world_t w;
  reply_t r;
  world_init(&w);
  w.options.require_key = "ID:secret";
  world_start(&w);
  for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
    ask(&w, "POST " MODEL "/converse", heads[i], "{" HELLO "}", &r);
    assert_int_equal(r.status, 403);
    assert_non_null(strstr(r.head, i == 0 ? "MissingAuthenticationTokenException"
                                          : "UnrecognizedClientException"));
    reply_free(&r);
  }
  ask(&w, "POST " MODEL "/converse", "Authorization: Bearer ID:secret\r\n", "{" HELLO "}", &r);
  assert_int_equal(r.status, 200);
  reply_free(&r);
  /* This one was signed by botocore for "Host: localhost". */
  ask(&w, "GET /foundation-models?b=2&a=1", "X-Amz-Date: 20150830T123600Z\r\nAuthorization: "
      "AWS4-HMAC-SHA256 Credential=ID/20150830/us-east-1/bedrock/aws4_request, "
      "SignedHeaders=host;x-amz-date, "
      "Signature=3df4420ac182bebb969bbc5ab2f02a192b277083dcbb4fcc49a8cc297e904408\r\n", "", &r);
  assert_int_equal(r.status, 200);
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
    cmocka_unit_test(stream_is_framed_and_padded),
    cmocka_unit_test(reasoning_and_tools_have_blocks),
    cmocka_unit_test(whole_answers_have_a_message),
    cmocka_unit_test(streams_can_go_wrong),
    cmocka_unit_test(wrong_requests_are_told_in_a_header),
    cmocka_unit_test(embeddings_counts_and_models),
    cmocka_unit_test(limits_say_when_to_come_again),
    cmocka_unit_test(bad_signatures_are_refused)
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
