/* OpenAI bodies as the fields of a request: expanded, then written again by the
 * OpenAI dialect from those fields alone.
 */
#include "dialects.h"
#include "http_build.h"
#include "request_expand.h"
#include "test.h"

#include <math.h>

static uvllm_request_t given(uvllm_op op, const char* body) {
  uvllm_request_t r;
  memset(&r, 0, sizeof(r));
  r.op = op;
  r.temperature = r.top_p = r.frequency_penalty = r.presence_penalty = NAN;
  r.seed = INT64_MIN;
  r.body_json = test_str(body);
  r.flags = UVLLM_BODY; /* keeps encoding_format out of it */
  return r;
}

static void assert_again(const uvllm_request_t* r, const char* expected) {
  const uvllm_provider_ops_t* ops = uvllm__dialect("openai");
  uvllm_attempt_t attempt = { .request = r, .base_url = test_str("http://127.0.0.1/v1") };
  uvllm_http_t http;
  if (r->target.model != NULL)
    attempt.model = test_str(r->target.model);
  void* state = calloc(1, ops->state_size);
  assert_non_null(state);
  uvllm__http_init(&http, &uvllm__alloc_default);
  assert_int_equal(ops->build(state, &attempt, &http), 0);
  assert_str(uvllm__http_body(&http), expected);
  uvllm__http_free(&http);
  free(state);
}

static void assert_expands(uvllm_op op, const char* body, const char* expected) {
  test_alloc_t alloc;
  uvllm__expansion_t e;
  uvllm_request_t r = given(op, body);
  test_alloc_init(&alloc);
  assert_int_equal(uvllm__request_expand(&e, &r, &alloc.hook), 0);
  assert_string_equal(e.why, "");
  assert_null(r.body_json.base);
  assert_again(&r, expected);
  uvllm__expansion_free(&e);
  assert_int_equal(alloc.alive, 0);
}

static void assert_refused(uvllm_op op, const char* body, int err, const char* why) {
  test_alloc_t alloc;
  uvllm__expansion_t e;
  uvllm_request_t r = given(op, body);
  test_alloc_init(&alloc);
  assert_int_equal(uvllm__request_expand(&e, &r, &alloc.hook), err);
  assert_string_equal(e.why, why);
  uvllm__expansion_free(&e);
  assert_int_equal(alloc.alive, 0);
}

#define HI "\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]"

static void a_chat_with_everything(void** state) {
  (void) state;
  assert_expands(
      UVLLM_CHAT,
      "{\"model\":\"m\",\"messages\":[{\"role\":\"developer\",\"content\":\"Be\\nbrief\"},"
      "{\"role\":\"user\",\"name\":\"ann\",\"content\":[{\"type\":\"text\",\"text\":\"a\"}]},"
      "{\"role\":\"assistant\",\"content\":null,\"refusal\":null,\"annotations\":[],"
      "\"reasoning_content\":\"hm\",\"tool_calls\":[{\"id\":\"c\",\"type\":\"function\"}]},"
      "{\"role\":\"tool\",\"tool_call_id\":\"c\",\"content\":\"1\"}],"
      "\"max_completion_tokens\":9,\"max_tokens\":5,\"n\":2,\"temperature\":0,\"top_p\":0.5,"
      "\"frequency_penalty\":1,\"presence_penalty\":-1,\"seed\":7,\"stop\":\"END\","
      "\"reasoning_effort\":\"low\",\"service_tier\":\"flex\",\"tools\":[{}],"
      "\"tool_choice\":\"auto\",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":"
      "{\"name\":\"x\",\"schema\":{}}}}",
      "{\"model\":\"m\",\"messages\":[{\"role\":\"system\",\"content\":\"Be\\nbrief\"},"
      "{\"role\":\"user\",\"name\":\"ann\",\"content\":[{\"type\":\"text\",\"text\":\"a\"}]},"
      "{\"role\":\"assistant\",\"content\":null,"
      "\"tool_calls\":[{\"id\":\"c\",\"type\":\"function\"}]},"
      "{\"role\":\"tool\",\"tool_call_id\":\"c\",\"content\":\"1\"}],"
      "\"max_tokens\":9,\"n\":2,\"temperature\":0,\"top_p\":0.5,"
      "\"frequency_penalty\":1,\"presence_penalty\":-1,\"seed\":7,\"stop\":[\"END\"],"
      "\"reasoning_effort\":\"low\",\"service_tier\":\"flex\","
      "\"response_format\":{\"type\":\"json_schema\",\"json_schema\":"
      "{\"name\":\"x\",\"schema\":{}}},\"tools\":[{}],\"tool_choice\":\"auto\"}");
}

/* -2^63 is none: it stands for a seed that is not set. */
static void seeds_have_64_bits(void** state) {
  (void) state;
  assert_expands(UVLLM_CHAT, "{" HI ",\"seed\":9223372036854775807}",
                 "{" HI ",\"seed\":9223372036854775807}");
  assert_expands(UVLLM_CHAT, "{" HI ",\"seed\":-9223372036854775807}",
                 "{" HI ",\"seed\":-9223372036854775807}");
  assert_expands(UVLLM_CHAT, "{" HI ",\"seed\":9007199254740993}",
                 "{" HI ",\"seed\":9007199254740993}");
  assert_expands(UVLLM_CHAT, "{" HI ",\"seed\":1e3}", "{" HI ",\"seed\":1000}");
  assert_expands(UVLLM_CHAT, "{" HI ",\"seed\":-0.0}", "{" HI ",\"seed\":0}");
}

static void what_changes_nothing_is_left_out(void** state) {
  (void) state;
  assert_expands(UVLLM_CHAT,
                 "{" HI ",\"stream\":true,\"stream_options\":{},\"store\":true,\"metadata\":{},"
                 "\"user\":\"u\",\"safety_identifier\":\"s\",\"prompt_cache_key\":\"k\","
                 "\"parallel_tool_calls\":true,\"logprobs\":false,\"logit_bias\":{},"
                 "\"modalities\":[\"text\"],\"top_logprobs\":null,\"stop\":null,\"tools\":[],"
                 "\"response_format\":{\"type\":\"text\"},\"unknown\":null}",
                 "{" HI "}");
  assert_expands(UVLLM_CHAT, "{" HI ",\"stop\":[]}", "{" HI "}");
  assert_expands(UVLLM_CHAT, "{" HI ",\"stop\":[\"a\",\"b\"]}", "{" HI ",\"stop\":[\"a\",\"b\"]}");
  assert_expands(UVLLM_CHAT,
                 "{\"messages\":[{\"role\":\"assistant\",\"refusal\":\"No\"},"
                 "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[]}]}",
                 "{\"messages\":[{\"role\":\"assistant\",\"content\":\"No\"},"
                 "{\"role\":\"assistant\",\"content\":\"\"}]}");
  assert_expands(UVLLM_CHAT, "{" HI ",\"response_format\":{\"type\":\"json_object\"}}",
                 "{" HI ",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":"
                 "{\"name\":\"answer\",\"strict\":true,\"schema\":{\"type\":\"object\"}}}}");
}

static void prompts_and_inputs_become_messages(void** state) {
  (void) state;
  assert_expands(UVLLM_COMPLETION, "{\"prompt\":\"a\",\"echo\":false,\"best_of\":1}",
                 "{\"prompt\":\"a\"}");
  assert_expands(UVLLM_COMPLETION, "{\"prompt\":[\"a\"],\"max_tokens\":3}",
                 "{\"prompt\":\"a\",\"max_tokens\":3}");
  assert_expands(UVLLM_EMBED, "{\"input\":[\"a\",\"b\"],\"dimensions\":8,"
                              "\"encoding_format\":\"float\",\"user\":\"u\"}",
                 "{\"input\":[\"a\",\"b\"],\"dimensions\":8}");
  assert_refused(UVLLM_EMBED, "{\"input\":[[1,2]]}", UVLLM_EUNSUPPORTED,
                 "body_json: input is not text");
  assert_refused(UVLLM_COMPLETION, "{\"prompt\":[1,2]}", UVLLM_EUNSUPPORTED,
                 "body_json: prompt is not text");
  assert_refused(UVLLM_EMBED, "{\"input\":\"a\",\"encoding_format\":\"base64\"}",
                 UVLLM_EUNSUPPORTED, "body_json: encoding_format has no counterpart here");
}

static void fields_win(void** state) {
  (void) state;
  static const uvllm_message_t own = { .role = UVLLM_USER, .text = UVLLM_STR("own") };
  static const char* const stop[] = { "x", NULL };
  uvllm__expansion_t e;
  uvllm_request_t r = given(UVLLM_CHAT, "{\"model\":\"m\"," HI ",\"max_tokens\":1,\"seed\":1,"
                                        "\"temperature\":1,\"stop\":\"y\"}");
  r.target.model = "own";
  r.messages = &own;
  r.nmessages = 1;
  r.max_tokens = 2;
  r.seed = 2;
  r.temperature = 2;
  r.stop = stop;
  assert_int_equal(uvllm__request_expand(&e, &r, &uvllm__alloc_default), 0);
  assert_again(&r, "{\"model\":\"own\",\"messages\":[{\"role\":\"user\",\"content\":\"own\"}],"
                   "\"max_tokens\":2,\"temperature\":2,\"seed\":2,\"stop\":[\"x\"]}");
  uvllm__expansion_free(&e);
}

static void what_has_no_counterpart_is_named(void** state) {
  (void) state;
  static const char* const unsupported[][2] = {
    { "{" HI ",\"top_k\":5}", "body_json: top_k has no counterpart here" },
    { "{" HI ",\"logprobs\":true}", "body_json: logprobs has no counterpart here" },
    { "{" HI ",\"parallel_tool_calls\":false}",
      "body_json: parallel_tool_calls has no counterpart here" },
    { "{" HI ",\"logit_bias\":{\"5\":1}}", "body_json: logit_bias has no counterpart here" },
    { "{" HI ",\"prompt\":\"a\"}", "body_json: prompt has no counterpart here" },
    { "{" HI ",\"response_format\":{\"type\":\"grammar\"}}",
      "body_json: response_format is of a type without counterpart" },
    { "{\"messages\":[{\"role\":\"user\",\"content\":\"a\",\"weight\":0}]}",
      "body_json: messages[0].weight has no counterpart here" },
  };
  for (size_t i = 0; i < sizeof(unsupported) / sizeof(unsupported[0]); i++)
    assert_refused(UVLLM_CHAT, unsupported[i][0], UVLLM_EUNSUPPORTED, unsupported[i][1]);
  static const char* const invalid[][2] = {
    { "[]", "body_json is not a JSON object" },
    { "{", "body_json is not a JSON object" },
    { "{\"messages\":{}}", "body_json: messages is no JSON array" },
    { "{\"messages\":[7]}", "body_json: messages[0] is no JSON object" },
    { "{\"messages\":[{\"role\":\"function\",\"content\":\"a\"}]}",
      "body_json: messages[0] has a role that does not exist" },
    { "{\"messages\":[{\"role\":\"user\",\"content\":7}]}",
      "body_json: messages[0].content is neither text nor parts" },
    { "{" HI ",\"max_tokens\":\"5\"}", "body_json: max_tokens is no number above 0" },
    { "{" HI ",\"n\":0}", "body_json: n is no number above 0" },
    { "{" HI ",\"temperature\":\"hot\"}", "body_json: temperature is no number" },
    { "{" HI ",\"seed\":{}}", "body_json: seed is no number" },
    { "{" HI ",\"seed\":15924764223251450000}",
      "body_json: seed is no whole number of 64 bits" },
    { "{" HI ",\"seed\":9223372036854775808}", "body_json: seed is no whole number of 64 bits" },
    { "{" HI ",\"seed\":-9223372036854775808}",
      "body_json: seed is no whole number of 64 bits" },
    { "{" HI ",\"seed\":-1e300}", "body_json: seed is no whole number of 64 bits" },
    { "{" HI ",\"seed\":1.5}", "body_json: seed is no whole number of 64 bits" },
    { "{" HI ",\"stop\":[1]}", "body_json: stop is no list of texts" },
    { "{" HI ",\"stop\":\"a\\u0000\"}", "body_json: stop is no list of texts" },
    { "{" HI ",\"model\":7}", "body_json: model is no string" },
    { "{" HI ",\"response_format\":{\"type\":\"json_schema\"}}",
      "body_json: response_format has no json_schema" },
  };
  for (size_t i = 0; i < sizeof(invalid) / sizeof(invalid[0]); i++)
    assert_refused(UVLLM_CHAT, invalid[i][0], UVLLM__EINVAL, invalid[i][1]);
}

static void survives_every_failed_allocation(void** state) {
  (void) state;
  for (int once = 0; once <= 1; once++) {
    int err = 1;
    for (size_t fail_at = 1; err != 0; fail_at++) {
      test_alloc_t alloc;
      uvllm__expansion_t e;
      uvllm_request_t r = given(UVLLM_CHAT, "{\"m\\u006fdel\":\"\\n\",\"messages\":[{\"role\":"
                                            "\"us\\u0065r\",\"c\\u006fntent\":\"\\n\"}],"
                                            "\"stop\":[\"\\n\"],\"user\":\"\\n\"}");
      test_alloc_init(&alloc);
      alloc.fail_at = fail_at;
      alloc.fail_once = once;
      err = uvllm__request_expand(&e, &r, &alloc.hook);
      if (err == 0)
        assert_again(&r, "{\"model\":\"\\n\",\"messages\":[{\"role\":\"user\",\"content\":\"\\n\"}],"
                         "\"stop\":[\"\\n\"]}");
      else
        assert_int_equal(err, UVLLM__ENOMEM);
      uvllm__expansion_free(&e);
      assert_int_equal(alloc.alive, 0);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_chat_with_everything),
    cmocka_unit_test(seeds_have_64_bits),
    cmocka_unit_test(what_changes_nothing_is_left_out),
    cmocka_unit_test(prompts_and_inputs_become_messages),
    cmocka_unit_test(fields_win),
    cmocka_unit_test(what_has_no_counterpart_is_named),
    cmocka_unit_test(survives_every_failed_allocation),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
