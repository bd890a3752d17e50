/* Conversations with tools in the OpenAI dialect: what a model thought goes back with
 * its turn where the provider's row says so, and ids of tool calls are such as the
 * provider takes. tests/fixtures/openai/replay_* is the other direction.
 */
#include "dialect_scene.h"
#include "dialects.h"
#include "http_build.h"
#include "record.h"

#include <ctype.h>
#include <math.h>

typedef struct sent_s {
  test_alloc_t alloc;
  int err;
  char* body; /* to be freed; NULL with an error */
} sent_t;

static uvllm_request_t request_of(const uvllm_message_t* messages, size_t n) {
  uvllm_request_t r;
  memset(&r, 0, sizeof(r));
  r.temperature = r.top_p = r.frequency_penalty = r.presence_penalty = NAN;
  r.seed = INT64_MIN;
  r.messages = messages;
  r.nmessages = n;
  return r;
}

static void send_with(sent_t* s, const uvllm_kv_t* params, size_t nparams, uvllm_request_t r,
                      size_t fail_at) {
  const uvllm_provider_ops_t* ops = uvllm__dialect("openai");
  const uvllm_attempt_t a = { .request = &r, .base_url = test_str("https://e.org/v1"),
                              .params = params, .nparams = nparams };
  uvllm_http_t http;
  void* state = calloc(1, ops->state_size);
  assert_non_null(state);
  test_alloc_init(&s->alloc);
  s->alloc.fail_at = fail_at;
  uvllm__http_init(&http, &s->alloc.hook);
  s->err = ops->build(state, &a, &http);
  if (s->err == 0)
    s->err = uvllm__http_finish(&http);
  const uvllm_str_t body = uvllm__http_body(&http);
  s->body = s->err == 0 ? strndup(body.base, body.len) : NULL;
  ops->fini(state);
  uvllm__http_free(&http);
  free(state);
  assert_int_equal(s->alloc.alive, 0);
}

/* Checked, built, and built again with each allocation failing. */
static void assert_sent(const char* preset, uvllm_request_t r, const char* expected) {
  const uvllm_preset_t* p = uvllm_preset_find(NULL, preset);
  record_t rec;
  sent_t s;
  record_init(&rec);
  rec.emit.params = p->params;
  rec.emit.nparams = p->nparams;
  assert_int_equal(uvllm__dialect("openai")->check(&r, &rec.emit), 0);
  record_free(&rec);
  send_with(&s, p->params, p->nparams, r, 0);
  assert_int_equal(s.err, 0);
  assert_string_equal(s.body, expected);
  free(s.body);
  for (size_t at = 1, failed = 1; failed; at++) {
    send_with(&s, p->params, p->nparams, r, at);
    failed = s.alloc.calls >= at;
    assert_true(s.err == UVLLM__ENOMEM || (s.err == 0 && strcmp(s.body, expected) == 0));
    free(s.body);
  }
}


/* ---- Reasoning ---- */

#define CALL(id) "[{\"id\":\"" id "\",\"type\":\"function\",\"function\":{\"name\":\"now\"," \
                 "\"arguments\":\"{}\"}}]"
#define USER(text) "{\"role\":\"user\",\"content\":\"" text "\"}"
#define RESULT(id, text) "{\"role\":\"tool\",\"tool_call_id\":\"" id "\",\"content\":\"" text "\"}"

/* Two calls, an answer, a question, and a call again. */
static const uvllm_message_t turns[] = {
  { .role = UVLLM_USER, .text = UVLLM_STR("When?") },
  { .role = UVLLM_ASSISTANT, .tool_calls_json = UVLLM_STR(CALL("c1")),
    .replay_json = UVLLM_STR("{\"openai\":{\"reasoning_content\":\"Look\\n\","
                             "\"reasoning_details\":[{\"data\":\"A\"}]}}") },
  { .role = UVLLM_TOOL, .tool_call_id = UVLLM_STR("c1"), .text = UVLLM_STR("?") },
  { .role = UVLLM_ASSISTANT, .text = UVLLM_STR("Again"), .tool_calls_json = UVLLM_STR(CALL("c2")),
    .replay_json = UVLLM_STR("{\"openai\":{\"reasoning_content\":\"\","
                             "\"reasoning_details\":[]}}") },
  { .role = UVLLM_TOOL, .tool_call_id = UVLLM_STR("c2"), .text = UVLLM_STR("12:00") },
  { .role = UVLLM_ASSISTANT, .text = UVLLM_STR("Noon"),
    .replay_json = UVLLM_STR("{\"openai\":{\"reasoning_content\":\"So\","
                             "\"reasoning_details\":[{\"data\":\"C\"}]}}") },
  { .role = UVLLM_USER, .text = UVLLM_STR("Now?") },
  { .role = UVLLM_ASSISTANT, .tool_calls_json = UVLLM_STR(CALL("c3")) },
  { .role = UVLLM_TOOL, .tool_call_id = UVLLM_STR("c3"), .text = UVLLM_STR("13:00") },
};

enum { NTURNS = sizeof(turns) / sizeof(turns[0]) };

/* Where nothing was thought that must be sent, nothing is. */
static void thoughts_go_back_beside_their_calls(void** state) {
  (void) state;
  assert_sent("deepseek", request_of(turns, NTURNS),
              "{\"messages\":[" USER("When?") ","
              "{\"role\":\"assistant\",\"content\":null,\"reasoning_content\":\"Look\\n\","
              "\"tool_calls\":" CALL("c1") "}," RESULT("c1", "?") ","
              "{\"role\":\"assistant\",\"content\":\"Again\",\"reasoning_content\":\"\","
              "\"tool_calls\":" CALL("c2") "}," RESULT("c2", "12:00") ","
              "{\"role\":\"assistant\",\"content\":\"Noon\"}," USER("Now?") ","
              "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":" CALL("c3") "},"
              RESULT("c3", "13:00") "]}");
}

static void details_go_back_beside_their_calls(void** state) {
  (void) state;
  assert_sent("openrouter", request_of(turns, NTURNS),
              "{\"messages\":[" USER("When?") ","
              "{\"role\":\"assistant\",\"content\":null,\"reasoning_details\":[{\"data\":\"A\"}],"
              "\"tool_calls\":" CALL("c1") "}," RESULT("c1", "?") ","
              "{\"role\":\"assistant\",\"content\":\"Again\",\"reasoning_details\":[],"
              "\"tool_calls\":" CALL("c2") "}," RESULT("c2", "12:00") ","
              "{\"role\":\"assistant\",\"content\":\"Noon\"}," USER("Now?") ","
              "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":" CALL("c3") "},"
              RESULT("c3", "13:00") "]}");
}

static void nobody_else_is_sent_thoughts(void** state) {
  (void) state;
  static const char* const others[] = { "openai", "groq", "vllm" };
  for (size_t i = 0; i < 3; i++)
    assert_sent(others[i], request_of(turns, 3),
                "{\"messages\":[" USER("When?") ",{\"role\":\"assistant\",\"content\":null,"
                "\"tool_calls\":" CALL("c1") "}," RESULT("c1", "?") "]}");
}

static void replay_that_is_not_ours_is_left(void** state) {
  (void) state;
  static const char* const odd[] = { "{\"anthropic\":{\"reasoning_content\":\"no\"}}",
                                     "{\"openai\":7}", "{\"openai\":{\"reasoning_content\":7}}",
                                     "{\"openai\":{\"reasoning_details\":\"no\"}}", "{}" };
  for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
    const uvllm_message_t m = { .role = UVLLM_ASSISTANT, .tool_calls_json = test_str(CALL("c1")),
                                .replay_json = test_str(odd[i]) };
    const char* expected = "{\"messages\":[{\"role\":\"assistant\",\"content\":null,"
                           "\"tool_calls\":" CALL("c1") "}]}";
    assert_sent("deepseek", request_of(&m, 1), expected);
    assert_sent("openrouter", request_of(&m, 1), expected);
  }
}

/* By the ids of calls: some may have gone, and a call may bring its own. */
static void what_came_with_a_call_goes_with_it(void** state) {
  (void) state;
  const uvllm_kv_t param = { "replay", "extra_content" };
  const uvllm_message_t m[] = {
    { .role = UVLLM_ASSISTANT,
      .tool_calls_json = UVLLM_STR("[{\"id\":\"b\",\"x\":1},{\"id\":\"a\\u0062\"},{\"id\":\"d\","
                                   "\"extra_content\":{\"own\":1}},{\"id\":\"e\"},{}]"),
      .replay_json = UVLLM_STR("{\"openai\":{\"extra_content\":{\"ab\":{\"g\":\"A\"},\"b\":"
                               "{\"g\":\"B\"},\"d\":{\"g\":\"D\"},\"e\":7,\"z\":{}}}}") },
    { .role = UVLLM_ASSISTANT, .text = UVLLM_STR("Hi"),
      .replay_json = UVLLM_STR("{\"openai\":{\"extra_content\":{\"b\":{}}}}") },
  };
  static const char expected[] =
      "{\"messages\":[{\"role\":\"assistant\",\"content\":null,\"tool_calls\":["
      "{\"id\":\"b\",\"x\":1,\"extra_content\":{\"g\":\"B\"}},"
      "{\"id\":\"ab\",\"extra_content\":{\"g\":\"A\"}},"
      "{\"id\":\"d\",\"extra_content\":{\"own\":1}},{\"id\":\"e\"},{}]},"
      "{\"role\":\"assistant\",\"content\":\"Hi\"}]}";
  sent_t s;
  for (size_t at = 0, failed = 1; failed; at++) {
    send_with(&s, &param, 1, request_of(m, 2), at);
    failed = at == 0 || s.alloc.calls >= at;
    assert_true(at == 0 ? s.err == 0 : s.err == 0 || s.err == UVLLM__ENOMEM);
    if (s.err == 0)
      assert_string_equal(s.body, expected);
    free(s.body);
  }
}

/* A row of one's own, or an option, says otherwise than the preset. */
static void the_last_param_counts(void** state) {
  (void) state;
  const uvllm_kv_t params[] = { { "replay", "reasoning_content" }, { "replay", "none" } };
  sent_t s;
  send_with(&s, params, 2, request_of(turns, 3), 0);
  assert_int_equal(s.err, 0);
  assert_null(strstr(s.body, "reasoning_content"));
  free(s.body);
}

static void wrong_params_are_refused(void** state) {
  (void) state;
  static const struct {
    uvllm_kv_t param;
    const char* why;
  } wrong[] = {
    { { "replay", "thinking" }, "the parameter replay is neither none, reasoning_content, "
                                "reasoning_details nor extra_content" },
    { { "replay", "" }, "the parameter replay is neither none, reasoning_content, "
                        "reasoning_details nor extra_content" },
    { { "limit_window", "hour" }, "the parameter limit_window is neither second nor minute" },
    { { "tool_ids", "5" }, "the parameter tool_ids is no number from 6 to 10" },
    { { "tool_ids", "11" }, "the parameter tool_ids is no number from 6 to 10" },
    { { "tool_ids", "" }, "the parameter tool_ids is no number from 6 to 10" },
    { { "tool_ids", "nine" }, "the parameter tool_ids is no number from 6 to 10" },
  };
  const uvllm_request_t r = request_of(turns, 1);
  for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
    char line[256];
    record_t rec;
    record_init(&rec);
    rec.emit.params = &wrong[i].param;
    rec.emit.nparams = 1;
    assert_int_equal(uvllm__dialect("openai")->check(&r, &rec.emit), UVLLM__EINVAL);
    snprintf(line, sizeof(line), "error code= message=\"%s\" retry=-1\n", wrong[i].why);
    assert_record(&rec, line);
    record_free(&rec);
  }
}

/* From an answer of the mock to the next request, twice. */
static void thoughts_go_round(void** state) {
  (void) state;
  dialect_scene_t d;
  ask_t a;
  char calls[2][4096], replay[2][4096], id[2][64];
  uvllm_message_t m[5];
  dialect_begin(&d, "deepseek", "/v1", NULL);
  memset(m, 0, sizeof(m));
  dialect_ask(&a, "tool=1,reasoning=3");
  a.r.tools_json = test_str("[{\"type\":\"function\",\"function\":{\"name\":\"now\"}}]");
  m[0] = a.message;
  for (int i = 0; i < 2; i++) {
    a.r.messages = m;
    a.r.nmessages = 1 + 2 * (size_t) i;
    assert_int_equal(dialect_both(&d, &a).status, 0);
    assert_int_equal(d.stop, UVLLM_STOP_TOOL);
    char wanted[4200];
    snprintf(wanted, sizeof(wanted), "{\"openai\":{\"reasoning_content\":\"%s\"}}", d.reasoning);
    assert_true(strlen(d.reasoning) > 3);
    assert_string_equal(d.replay, wanted);
    strcpy(calls[i], d.calls);
    strcpy(replay[i], d.replay);
    const char* at = strstr(calls[i], "\"id\":\"") + 6;
    snprintf(id[i], sizeof(id[i]), "%.*s", (int) strcspn(at, "\""), at);
    m[1 + 2 * i] = (uvllm_message_t) { .role = UVLLM_ASSISTANT,
                                       .tool_calls_json = test_str(calls[i]),
                                       .replay_json = test_str(replay[i]) };
    m[2 + 2 * i] = (uvllm_message_t) { .role = UVLLM_TOOL, .text = test_str("12:00"),
                                       .tool_call_id = test_str(id[i]) };
  }
  a.r.nmessages = 5;
  a.header.value = "tokens=2,reasoning=2";
  assert_int_equal(dialect_both(&d, &a).status, 0);
  assert_int_equal(d.stop, UVLLM_STOP_END);
  assert_string_equal(d.replay, "");
  dialect_end(&d);
}


/* ---- Ids of tool calls ---- */

/* The id that Mistral is sent for one of another provider. */
static void mapped(const char* id, char out[16]) {
  const uvllm_preset_t* p = uvllm_preset_find(NULL, "mistral");
  const uvllm_message_t m = { .role = UVLLM_TOOL, .tool_call_id = test_str(id),
                              .text = UVLLM_STR("") };
  sent_t s;
  send_with(&s, p->params, p->nparams, request_of(&m, 1), 0);
  assert_int_equal(s.err, 0);
  const char* at = strstr(s.body, "\"tool_call_id\":\"") + 16;
  snprintf(out, 16, "%.*s", (int) strcspn(at, "\""), at);
  free(s.body);
}

static void ids_are_nine_letters_and_digits(void** state) {
  (void) state;
  static const char* const ids[] = { "call_0_0", "call_0_1", "toolu_01A09q90qw90lq917835lq9",
                                     "a", "abcdefgh", "abcdefghij", "12345678-",
                                     "\xc3\xa9-234567", "chatcmpl-tool-1",
                                     "chatcmpl-tool-2" };
  enum { N = sizeof(ids) / sizeof(ids[0]) };
  char first[N][16], again[16];
  for (size_t i = 0; i < N; i++) {
    mapped(ids[i], first[i]);
    mapped(ids[i], again);
    assert_string_equal(first[i], again);
    assert_int_equal(strlen(again), 9);
    for (size_t k = 0; k < 9; k++)
      assert_true(isalnum((unsigned char) again[k]));
    for (size_t k = 0; k < i; k++)
      assert_string_not_equal(first[i], first[k]);
  }
  mapped("aB3dE6gH9", again);
  assert_string_equal(again, "aB3dE6gH9");
}

static void a_call_and_its_result_meet_again(void** state) {
  (void) state;
  char one[16], two[16], expected[1024];
  mapped("call_1", one);
  mapped("call_2", two);
  static const uvllm_message_t m[] = {
    { .role = UVLLM_ASSISTANT,
      .tool_calls_json = UVLLM_STR("[ {\"type\":\"function\", \"id\":\"call_1\"},"
                                   "{\"id\":\"aB3dE6gH9\"},{\"i\\u0064\":\"call\\u005f2\"},"
                                   "{\"id\":null},{\"id\":\"\"},7]") },
    { .role = UVLLM_TOOL, .tool_call_id = UVLLM_STR("call_2"), .text = UVLLM_STR("b") },
    { .role = UVLLM_TOOL, .tool_call_id = UVLLM_STR("call_1"), .text = UVLLM_STR("a") },
    { .role = UVLLM_TOOL, .tool_call_id = UVLLM_STR("aB3dE6gH9"), .text = UVLLM_STR("c") },
  };
  snprintf(expected, sizeof(expected),
           "{\"messages\":[{\"role\":\"assistant\",\"content\":null,\"tool_calls\":["
           "{\"type\":\"function\",\"id\":\"%s\"},{\"id\":\"aB3dE6gH9\"},{\"id\":\"%s\"},"
           "{\"id\":null},{\"id\":\"\"},7]}," RESULT("%s", "b") "," RESULT("%s", "a") ","
           RESULT("aB3dE6gH9", "c") "]}", one, two, two, one);
  assert_sent("mistral", request_of(m, 4), expected);
}

/* Whatever else stands in them is copied as it is. */
static void ids_of_a_given_body_are_mapped(void** state) {
  (void) state;
  char id[16], expected[1024];
  uvllm_request_t r = request_of(NULL, 0);
  mapped("call_1", id);
  r.body_json = test_str(
      "{\"messages\":[{\"role\":\"user\",\"content\":[ 1e0 ],\"id\":\"call_1\"},7,"
      "{\"role\":\"assistant\",\"prefix\":false, \"tool_calls\":[{\"id\":\"call_1\",\"x\": 1}]},"
      "{\"role\":\"assistant\",\"tool_calls\":null},"
      "{\"tool_call_id\":\"call_1\",\"role\":\"tool\",\"content\":\"\\u0061\"}],\"top\":0}");
  snprintf(expected, sizeof(expected),
           "{\"messages\":[{\"role\":\"user\",\"content\":[ 1e0 ],\"id\":\"call_1\"},7,"
           "{\"role\":\"assistant\",\"prefix\":false,\"tool_calls\":[{\"id\":\"%s\",\"x\":1}]},"
           "{\"role\":\"assistant\",\"tool_calls\":null},"
           "{\"tool_call_id\":\"%s\",\"role\":\"tool\",\"content\":\"\\u0061\"}],\"top\":0}",
           id, id);
  assert_sent("mistral", r, expected);
  r.body_json = test_str("{\"messages\":7,\"top\":0}");
  assert_sent("mistral", r, "{\"messages\":7,\"top\":0}");
  r.body_json = test_str("{\"messages\":[{\"tool_call_id\":\"call_1\"}]}");
  r.extra_json = test_str("{\"messages\":[{\"tool_call_id\":\"call_1\"}]}");
  assert_sent("mistral", r, "{\"messages\":[{\"tool_call_id\":\"call_1\"}]}");
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(thoughts_go_back_beside_their_calls),
    cmocka_unit_test(details_go_back_beside_their_calls),
    cmocka_unit_test(nobody_else_is_sent_thoughts),
    cmocka_unit_test(replay_that_is_not_ours_is_left),
    cmocka_unit_test(what_came_with_a_call_goes_with_it),
    cmocka_unit_test(the_last_param_counts),
    cmocka_unit_test(wrong_params_are_refused),
    cmocka_unit_test(thoughts_go_round),
    cmocka_unit_test(ids_are_nine_letters_and_digits),
    cmocka_unit_test(a_call_and_its_result_meet_again),
    cmocka_unit_test(ids_of_a_given_body_are_mapped),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
