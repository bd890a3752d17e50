/* What the OpenAI dialect makes of answers and headers, beside its fixtures, which
 * provider_conformance runs.
 */
#include "openai_fixture.h"

static void raw_bytes_come_in_pieces_and_are_complete_at_the_end(void** state) {
  (void) state;
  char* lines = fixture_run("raw_x.txt", test_str("abc"), 1, 1);
  assert_string_equal(lines, "raw 0 \"a\"\nraw 0 \"b\"\nraw 0 \"c\"\n=> complete\n");
  free(lines);
  lines = fixture_run("raw_x.txt", test_str(""), 0, 1);
  assert_string_equal(lines, "=> complete\n");
  free(lines);
}


/* ---- Headers ---- */

typedef struct header_s {
  const char *name, *value;
} header_t;

static void assert_headers(const header_t* headers, const char* expected) {
  fixture_run_t run;
  const uvllm_frame_t frame = { .data = UVLLM_STR("{}") };
  fixture_begin(&run, "raw_x.txt");
  for (; headers->name != NULL; headers++)
    run.ops->header(run.state, test_str(headers->name), test_str(headers->value),
                    &run.rec.emit);
  record__print(&run.rec, "--\n");
  run.ops->begin(run.state, 200, test_str("text/plain"));
  run.ops->frame(run.state, &frame, &run.rec.emit);
  assert_record(&run.rec, expected);
  record_free(&run.rec);
  free(run.state);
}

static void limits_are_told_once_a_kind(void** state) {
  (void) state;
  const header_t openai[] = { { "x-ratelimit-limit-requests", "5000" },
                              { "x-ratelimit-limit-tokens", "160000" },
                              { "X-RateLimit-Remaining-Requests", "4999" },
                              { "x-ratelimit-remaining-tokens", "159976" },
                              { "x-ratelimit-reset-requests", "12ms" },
                              { "x-ratelimit-reset-tokens", "9ms" },
                              { "x-ratelimit-limit-requests", "7" },
                              { NULL, NULL } };
  assert_headers(openai, "limit requests_per_min 5000 4999 12\n"
                         "limit tokens_per_min 160000 159976 9\n--\nraw 0 \"{}\"\n");
  const header_t partly[] = { { "x-ratelimit-remaining-requests", "9" },
                              { "x-rate-limit-reset-tokens", "55" },
                              { "x-ratelimit-remaining-tokens", "0" },
                              { NULL, NULL } };
  assert_headers(partly, "--\nlimit requests_per_min -1 9 -1\n"
                         "limit tokens_per_min -1 0 55000\nraw 0 \"{}\"\n");
  const header_t nothing[] = { { "x-ratelimit-remaining-requests", "-1" },
                               { "x-ratelimit-reset-tokens", "6m0s" },
                               { "x-ratelimit-limit-tokens_usage_based", "5" },
                               { "x-ratelimit-limit-project-tokens", "5" },
                               { "x-ratelimit-limit-", "5" },
                               { "x-ratelimit-", "5" },
                               { "x-ratelimit-limit-tokens", "" },
                               { "x-ratelimit-limit-requests", "many" },
                               { NULL, NULL } };
  assert_headers(nothing, "--\nraw 0 \"{}\"\n");
}

static void a_slow_refill_tells_that_a_limit_is_daily(void** state) {
  (void) state;
  const header_t groq[] = { { "x-ratelimit-limit-requests", "14400" },
                            { "x-ratelimit-remaining-requests", "14370" },
                            { "x-ratelimit-reset-requests", "2m59.56s" },
                            { "x-ratelimit-limit-tokens", "18000" },
                            { "x-ratelimit-remaining-tokens", "17997" },
                            { "x-ratelimit-reset-tokens", "7.66ms" },
                            { NULL, NULL } };
  assert_headers(groq, "limit requests_per_day 14400 14370 179560\n"
                       "limit tokens_per_min 18000 17997 8\n--\nraw 0 \"{}\"\n");
  const header_t free_tier[] = { { "x-ratelimit-limit-requests", "200" },
                                 { "x-ratelimit-remaining-requests", "199" },
                                 { "x-ratelimit-reset-requests", "7m12s" },
                                 { "x-ratelimit-limit-tokens", "1000" },
                                 { "x-ratelimit-remaining-tokens", "1000" },
                                 { "x-ratelimit-reset-tokens", "24h0m0s" },
                                 { NULL, NULL } };
  assert_headers(free_tier, "limit requests_per_day 200 199 432000\n"
                            "limit tokens_per_day 1000 1000 86400000\n--\nraw 0 \"{}\"\n");
  const header_t full[] = { { "x-ratelimit-limit-requests", "60" },
                            { "x-ratelimit-remaining-requests", "0" },
                            { "x-ratelimit-reset-requests", "1m0s" },
                            { "x-ratelimit-limit-tokens", "100" },
                            { "x-ratelimit-remaining-tokens", "100" },
                            { "x-ratelimit-reset-tokens", "0s" },
                            { NULL, NULL } };
  assert_headers(full, "limit requests_per_min 60 0 60000\n"
                       "limit tokens_per_min 100 100 0\n--\nraw 0 \"{}\"\n");
}

static void limits_come_in_every_syntax_of_time(void** state) {
  (void) state;
  static const char* const resets[][2] = {
    { "-1", "-1" }, { "0", "0" }, { "88ms", "88" }, { "1s", "1000" }, { "33", "33000" },
    { "2026-11-21T08:33:30Z", "10000" }, { "1795250010", "10000" }, { "whenever", "-1" }
  };
  for (size_t i = 0; i < sizeof(resets) / sizeof(resets[0]); i++) {
    char expected[96];
    const header_t headers[] = { { "x-ratelimit-limit-tokens", "10" },
                                 { "x-ratelimit-remaining-tokens", "0" },
                                 { "x-ratelimit-reset-tokens", resets[i][0] },
                                 { NULL, NULL } };
    snprintf(expected, sizeof(expected), "limit tokens_per_min 10 0 %s\n--\nraw 0 \"{}\"\n",
             resets[i][1]);
    assert_headers(headers, expected);
  }
}

static void waits_in_milliseconds_go_first(void** state) {
  (void) state;
  const header_t both[] = { { "Retry-After", "7" }, { "retry-after-ms", "6912.2" },
                            { NULL, NULL } };
  assert_headers(both, "retry_after 7000\nretry_after 6913\n--\nraw 0 \"{}\"\n");
  const header_t reversed[] = { { "retry-after-ms", "6912" }, { "retry-after", "7" },
                                { NULL, NULL } };
  assert_headers(reversed, "retry_after 6912\n--\nraw 0 \"{}\"\n");
  const header_t bad[] = { { "retry-after-ms", "x" }, { "retry-after", "1.5" }, { NULL, NULL } };
  assert_headers(bad, "retry_after 1500\n--\nraw 0 \"{}\"\n");
  const header_t dates[] = { { "retry-after", "Sat, 21 Nov 2026 08:33:30 GMT" },
                             { "retry-after", "Sun, 06 Nov 1994 08:49:37 GMT" },
                             { "retry-after", "later" },
                             { NULL, NULL } };
  assert_headers(dates, "retry_after 10000\nretry_after 0\n--\nraw 0 \"{}\"\n");
}

static void ids_are_told_and_edge_noise_is_not(void** state) {
  (void) state;
  const header_t headers[] = { { "X-Request-ID", "req_1" },
                               { "set-cookie", "__cf_bm=a" },
                               { "set-cookie", "b=c" },
                               { "", "" },
                               { "cf-ray", "1" },
                               { NULL, NULL } };
  assert_headers(headers, "request_id req_1\n--\nraw 0 \"{}\"\n");
}

static void assert_error(const header_t* headers, int status, const char* body,
                         const char* expected, int code) {
  fixture_run_t run;
  fixture_begin(&run, "x.json");
  for (; headers->name != NULL; headers++)
    run.ops->header(run.state, test_str(headers->name), test_str(headers->value), &run.rec.emit);
  assert_int_equal(run.ops->error(run.state, status, test_str(body), &run.rec.emit), code);
  assert_record(&run.rec, expected);
  record_free(&run.rec);
  free(run.state);
}

static void the_servers_word_on_retrying_is_told(void** state) {
  (void) state;
  const header_t yes[] = { { "x-should-retry", "true" }, { NULL, NULL } };
  const header_t no[] = { { "X-Should-Retry", "False" }, { NULL, NULL } };
  const header_t odd[] = { { "x-should-retry", "maybe" }, { NULL, NULL } };
  assert_error(yes, 400, "{\"error\":\"a\"}", "error code= message=\"a\" retry=1\n",
               UVLLM_EREQUEST);
  assert_error(no, 500, "{\"error\":\"a\"}", "error code= message=\"a\" retry=0\n",
               UVLLM_EPROVIDER);
  assert_error(odd, 500, "{\"error\":\"a\"}", "error code= message=\"a\" retry=-1\n",
               UVLLM_EPROVIDER);
}

static void limits_are_told_before_an_error(void** state) {
  (void) state;
  const header_t some[] = { { "x-ratelimit-remaining-tokens", "3" }, { NULL, NULL } };
  assert_error(some, 429, "{\"error\":\"a\"}",
               "limit tokens_per_min -1 3 -1\nerror code= message=\"a\" retry=-1\n",
               UVLLM_ERATELIMIT);
}

static void unknown_paths_are_no_missing_models(void** state) {
  (void) state;
  fixture_run_t run;
  fixture_begin(&run, "models_x.json");
  assert_int_equal(run.ops->error(run.state, 404, test_str(""), &run.rec.emit), UVLLM_EREQUEST);
  record_free(&run.rec);
  free(run.state);
}


/* ---- Size and memory ---- */

static void an_event_of_megabytes_is_taken(void** state) {
  (void) state;
  static const char head[] = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"";
  static const char tail[] = "\"},\"finish_reason\":\"stop\"}]}\n\n";
  const size_t n = 3 << 20, len = sizeof(head) - 1 + n + sizeof(tail) - 1;
  char* text = malloc(len);
  assert_non_null(text);
  memcpy(text, head, sizeof(head) - 1);
  memset(text + sizeof(head) - 1, 'a', n);
  memcpy(text + sizeof(head) - 1 + n, tail, sizeof(tail) - 1);
  fixture_run_t run;
  fixture_begin(&run, "x.sse");
  assert_int_equal(fixture_answer(&run, (uvllm_str_t) { text, len }, 5, 16384), UVLLM_COMPLETE);
  assert_int_equal(strlen(record_text(&run.rec)), n + strlen("text 0 \"\"\nstop 0 end\n"));
  record_free(&run.rec);
  free(run.state);
  free(text);
}

static void vectors_have_a_largest_size(void** state) {
  (void) state;
  for (size_t n = 16384; n <= 16385; n++) {
    uvllm__buf_t text;
    fixture_run_t run;
    uvllm__buf_init(&text, &uvllm__alloc_default, SIZE_MAX);
    uvllm__buf_str(&text, "{\"data\":[{\"embedding\":[0");
    for (size_t i = 1; i < n; i++)
      uvllm__buf_str(&text, ",0");
    uvllm__buf_str(&text, "]}]}");
    fixture_begin(&run, "embed_in1.json");
    int rc = fixture_answer(&run, uvllm__buf_slice(&text), text.len, 1);
    assert_int_equal(rc, n == 16384 ? UVLLM_COMPLETE : UVLLM_ETOOLARGE);
    record_free(&run.rec);
    free(run.state);
    uvllm__buf_free(&text);
  }
}

/* Nothing may get lost when a string cannot be decoded: it is UV_ENOMEM, or all
 * of it comes. */
static void check_without_memory(const char* text, const char* expected) {
  const uvllm_frame_t frame = { .data = test_str(text) };
  for (int once = 0; once <= 1; once++) {
    int rc = UVLLM__ENOMEM;
    for (size_t fail_at = 1; rc != UVLLM_COMPLETE; fail_at++) {
      test_alloc_t alloc;
      fixture_run_t run;
      uvllm_json_parser_t* own;
      test_alloc_init(&alloc);
      fixture_begin(&run, "x.json");
      run.ops->begin(run.state, 200, test_str("application/json"));
      own = run.rec.emit.parser;
      alloc.fail_at = fail_at;
      alloc.fail_once = once;
      uvllm_json_parser_new(&run.rec.emit.parser, &alloc.hook);
      rc = run.ops->frame(run.state, &frame, &run.rec.emit);
      assert_true(rc == UVLLM_COMPLETE || rc == UVLLM__ENOMEM);
      if (rc == UVLLM_COMPLETE)
        assert_record(&run.rec, expected);
      uvllm_json_parser_free(run.rec.emit.parser);
      run.rec.emit.parser = own;
      assert_int_equal(alloc.alive, 0);
      record_free(&run.rec);
      free(run.state);
    }
  }
}


static void no_content_is_lost_without_memory(void** state) {
  (void) state;
  check_without_memory(
      "{\"choices\":[{\"index\":0,\"message\":{\"content\":\"a\\n\",\"refusal\":\"\\u00e9\","
      "\"reasoning\":\"\\t\",\"tool_calls\":[{\"id\":\"\\\"\",\"function\":{\"name\":\"\\\\\","
      "\"arguments\":\"{\\\"a\\\":1}\"}}]},\"finish_reason\":\"st\\u006fp\"}]}",
      "reasoning 0 \"\\x09\"\ntext 0 \"a\\n\"\nrefusal 0 \"\xc3\xa9\"\n"
      "tool_begin 0 0 \" \\\ntool_delta 0 0 \"{\"a\":1}\"\nstop 0 tool\n");
  check_without_memory("{\"choices\":[{\"message\":{\"content\":\"a\\n\"}}]}",
                       "text 0 \"a\\n\"\nstop 0 end\n");
  check_without_memory("{\"choices\":[{\"message\":{\"refusal\":\"a\\n\"}}]}",
                       "refusal 0 \"a\\n\"\nstop 0 refusal\n");
  check_without_memory("{\"choices\":[{\"message\":{\"reasoning_content\":\"a\\n\"}}]}",
                       "reasoning 0 \"a\\n\"\nstop 0 end\n");
}


int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(raw_bytes_come_in_pieces_and_are_complete_at_the_end),
    cmocka_unit_test(limits_are_told_once_a_kind),
    cmocka_unit_test(a_slow_refill_tells_that_a_limit_is_daily),
    cmocka_unit_test(limits_come_in_every_syntax_of_time),
    cmocka_unit_test(waits_in_milliseconds_go_first),
    cmocka_unit_test(ids_are_told_and_edge_noise_is_not),
    cmocka_unit_test(the_servers_word_on_retrying_is_told),
    cmocka_unit_test(limits_are_told_before_an_error),
    cmocka_unit_test(unknown_paths_are_no_missing_models),
    cmocka_unit_test(an_event_of_megabytes_is_taken),
    cmocka_unit_test(vectors_have_a_largest_size),
    cmocka_unit_test(no_content_is_lost_without_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
