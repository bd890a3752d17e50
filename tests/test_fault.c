/* The one error table, and the headers that dialects share: those of other dialects
 * than OpenAI's, whose own stand in test_openai_answer.c.
 */
#include "fault.h"
#include "record.h"

static void assert_error(int status, const char* body, int err, const char* code) {
  char expected[64];
  record_t rec;
  uvllm__headers_t h = { .op = UVLLM_CHAT };
  record_init(&rec);
  assert_int_equal(uvllm__fault_error(&h, status, test_str(body), &rec.emit), err);
  snprintf(expected, sizeof(expected), "error code=%s message=\"", code);
  assert_memory_equal(record_text(&rec), expected, strlen(expected));
  record_free(&rec);
}

static void errors_of_every_dialect(void** state) {
  (void) state;
  static const struct {
    int status;
    const char *body, *code;
    int err;
  } cases[] = {
    /* Anthropic */
    { 400, "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"prompt "
           "is too long: 210000 tokens > 200000 maximum\"}}", "invalid_request_error",
      UVLLM_ECONTEXT },
    { 401, "{\"type\":\"error\",\"error\":{\"type\":\"authentication_error\",\"message\":\"a\"}}",
      "authentication_error", UVLLM_EAUTH },
    { 402, "{\"type\":\"error\",\"error\":{\"type\":\"billing_error\",\"message\":\"a\"}}",
      "billing_error", UVLLM_EQUOTA },
    { 404, "{\"type\":\"error\",\"error\":{\"type\":\"not_found_error\",\"message\":\"model: x\"}}",
      "not_found_error", UVLLM_ENOMODEL },
    { 413, "{\"type\":\"error\",\"error\":{\"type\":\"request_too_large\",\"message\":\"a\"}}",
      "request_too_large", UVLLM_EREQUEST },
    { 429, "{\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\",\"message\":\"a\"}}",
      "rate_limit_error", UVLLM_ERATELIMIT },
    { 529, "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"a\"}}",
      "overloaded_error", UVLLM_EOVERLOAD },
    /* Google */
    { 400, "{\"error\":{\"code\":400,\"message\":\"API key not valid. Please pass a valid API "
           "key.\",\"status\":\"INVALID_ARGUMENT\"}}", "INVALID_ARGUMENT", UVLLM_EAUTH },
    { 400, "[{\"error\":{\"code\":400,\"message\":\"The input token count (9) exceeds the maximum "
           "number of tokens allowed (5).\",\"status\":\"INVALID_ARGUMENT\"}}]", "INVALID_ARGUMENT",
      UVLLM_ECONTEXT },
    { 403, "{\"error\":{\"code\":403,\"message\":\"a\",\"status\":\"PERMISSION_DENIED\"}}",
      "PERMISSION_DENIED",
      UVLLM_EPERMISSION },
    { 429, "{\"error\":{\"code\":429,\"message\":\"a\",\"status\":\"RESOURCE_EXHAUSTED\"}}",
      "RESOURCE_EXHAUSTED",
      UVLLM_ERATELIMIT },
    { 503, "{\"error\":{\"code\":503,\"message\":\"a\",\"status\":\"UNAVAILABLE\"}}", "UNAVAILABLE",
      UVLLM_EOVERLOAD },
    /* Cohere, Ollama, Bedrock */
    { 401, "{\"id\":\"1\",\"message\":\"invalid api token\"}", "", UVLLM_EAUTH },
    { 400, "{\"message\":\"too many tokens: 9\"}", "", UVLLM_ECONTEXT },
    { 404, "{\"error\":\"model 'x' not found\"}", "", UVLLM_ENOMODEL },
    { 403, "{\"message\":\"a\",\"code\":\"UnrecognizedClientException\"}",
      "UnrecognizedClientException", UVLLM_EAUTH },
    { 400, "{\"message\":\"a\",\"code\":\"ServiceQuotaExceededException\"}",
      "ServiceQuotaExceededException", UVLLM_EQUOTA },
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
    assert_error(cases[i].status, cases[i].body, cases[i].err, cases[i].code);
}

static void kinds_outside_the_json_count(void** state) {
  (void) state;
  static const struct {
    const char* type;
    int status, err;
  } cases[] = { { "throttlingException", 0, UVLLM_ERATELIMIT },
                { "serviceUnavailableException", 0, UVLLM_EOVERLOAD },
                { "internalServerException", 0, UVLLM_EPROVIDER },
                { "validationException", 0, UVLLM_EREQUEST },
                { "AccessDeniedException", 403, UVLLM_EPERMISSION },
                { "overloaded_error", 0, UVLLM_EOVERLOAD } };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    record_t rec;
    uvllm_json_t root;
    char expected[128];
    uvllm__headers_t h = { .op = UVLLM_CHAT };
    record_init(&rec);
    assert_int_equal(uvllm_json_parse(rec.emit.parser, test_str("{\"message\":\"a\"}"), &root,
                                      NULL), 0);
    assert_int_equal(uvllm__fault_named(&h, test_str(cases[i].type), cases[i].status, root,
                                        &rec.emit), cases[i].err);
    snprintf(expected, sizeof(expected), "error code=%s message=\"a\" retry=-1\n",
             cases[i].type);
    assert_record(&rec, expected);
    record_free(&rec);
  }
}

static void assert_scaled(int scale, const char* const (*headers)[2], size_t n,
                          const char* expected) {
  uvllm_request_t r = { .op = UVLLM_CHAT };
  const uvllm_attempt_t a = { .request = &r, .unix_ms = UINT64_C(1795250000000) };
  uvllm__headers_t h;
  record_t rec;
  record_init(&rec);
  uvllm__headers_begin(&h, &a);
  h.bare_scale = scale;
  for (size_t i = 0; i < n; i++)
    uvllm__headers_take(&h, test_str(headers[i][0]), test_str(headers[i][1]), &rec.emit);
  uvllm__headers_flush(&h, &rec.emit);
  uvllm__headers_flush(&h, &rec.emit);
  assert_record(&rec, expected);
  record_free(&rec);
}

static void assert_headers(const char* const (*headers)[2], size_t n, const char* expected) {
  assert_scaled(0, headers, n, expected);
}

/* Together's are of a second, of which what is left is over when it is read. */
static void limits_without_a_window_have_the_rows(void** state) {
  (void) state;
  static const char* const together[][2] = {
    { "x-ratelimit-limit", "10" },      { "x-ratelimit-remaining", "9" },
    { "x-ratelimit-reset", "1" },       { "x-ratelimit-limit-dynamic", "7" },
    { "X-TokenLimit-Limit", "3000" },   { "x-tokenlimit-remaining", "0" },
  };
  assert_scaled(60, together, 6, "limit requests_per_min 600 -1 -1\n"
                                 "limit tokens_per_min 180000 -1 -1\n");
  assert_scaled(1, together, 6, "limit requests_per_min 10 9 1000\n"
                                "limit tokens_per_min 3000 0 -1\n");
  assert_headers(together, 6, "");
  static const char* const odd[][2] = { { "x-ratelimit-limit", "many" },
                                        { "x-tokenlimit-limit", "-1" },
                                        { "x-tokenlimit-", "5" }, { "x-ratelimit-", "5" } };
  assert_scaled(60, odd, 4, "");
  static const char* const huge[][2] = { { "x-ratelimit-limit", "922337203685477569" } };
  assert_scaled(60, huge, 1, "limit requests_per_min 922337203685477569 -1 -1\n");
  assert_int_equal(uvllm__headers_scale(NULL), 0);
  assert_int_equal(uvllm__headers_scale("minute"), 1);
  assert_int_equal(uvllm__headers_scale("second"), 60);
  assert_int_equal(uvllm__headers_scale("day"), -1);
}

static void limits_are_known_by_their_names(void** state) {
  (void) state;
  static const char* const anthropic[][2] = {
    { "anthropic-ratelimit-requests-limit", "50" },
    { "anthropic-ratelimit-requests-remaining", "49" },
    { "anthropic-ratelimit-requests-reset", "2026-11-21T08:33:21Z" },
    { "anthropic-ratelimit-input-tokens-limit", "40000" },
    { "anthropic-ratelimit-input-tokens-remaining", "39000" },
    { "Anthropic-Ratelimit-Output-Tokens-Remaining", "8000" },
    { "anthropic-ratelimit-tokens-limit", "48000" },
    { "anthropic-ratelimit-unknown-limit", "1" },
    { "request-id", "req_1" },
  };
  assert_headers(anthropic, 9, "limit requests_per_min 50 49 1000\nrequest_id req_1\n"
                               "limit tokens_per_min 48000 -1 -1\n"
                               "limit input_per_min 40000 39000 -1\n"
                               "limit output_per_min -1 8000 -1\n");
  static const char* const mistral[][2] = {
    { "x-ratelimit-limit-req-minute", "60" },
    { "x-ratelimit-remaining-req-minute", "59" },
    { "x-ratelimit-limit-tokens-minute", "500000" },
    { "x-ratelimit-tokens-query-cost", "32" },
  };
  assert_headers(mistral, 4, "limit requests_per_min 60 59 -1\nlimit tokens_per_min 500000 -1 -1\n");
  static const char* const fireworks[][2] = {
    { "x-ratelimit-limit-tokens-prompt", "60000" },
    { "x-ratelimit-remaining-tokens-prompt", "59000" },
    { "x-ratelimit-limit-tokens-generated", "6000" },
    { "x-ratelimit-over-limit", "no" },
  };
  assert_headers(fireworks, 4, "limit input_per_min 60000 59000 -1\n"
                               "limit output_per_min 6000 -1 -1\n");
  static const char* const aws[][2] = { { "x-amz-retry-after", "1500" },
                                        { "x-amzn-RequestId", "a-b" } };
  assert_headers(aws, 2, "retry_after 1500\nrequest_id a-b\n");
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(errors_of_every_dialect),
    cmocka_unit_test(kinds_outside_the_json_count),
    cmocka_unit_test(limits_are_known_by_their_names),
    cmocka_unit_test(limits_without_a_window_have_the_rows),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
