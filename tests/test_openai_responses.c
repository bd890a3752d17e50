/* OpenAI's Responses API through the public API, against the mock: which requests go
 * there, and that thoughts and calls come back; and what fixtures cannot say of its
 * requests: replay_json, extra_json, a provider that is exchanged.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "core.h"
#include "provider_conformance.h"

#define TOOLS                                                                          \
  "[{\"type\":\"function\",\"function\":{\"name\":\"weather\",\"parameters\":{"        \
  "\"type\":\"object\",\"properties\":{\"city\":{\"type\":\"string\"}}}}},"            \
  "{\"type\":\"function\",\"function\":{\"name\":\"now\"}}]"

static const uvllm_kv_t responses[] = { { "api", "responses" } };
static const uvllm_kv_t by_model[] = { { "api.gpt-5", "responses" },
                                       { "api.gpt-5-nano", "chat" } };

/* What a request has told. */
static struct {
  char tools[1024], replay[2048], reasoning[1024];
  uvllm_stop_reason stop;
} told;

static void on_done(seen_t* s, const uvllm_result_t* r) {
  (void) s;
  if (r->nchoices == 0)
    return;
  told.stop = r->choices[0].stop;
  core__copy(told.tools, sizeof(told.tools), r->choices[0].tools_json);
  core__copy(told.replay, sizeof(told.replay), r->choices[0].replay_json);
  core__copy(told.reasoning, sizeof(told.reasoning), r->choices[0].reasoning);
}

static int set_openai(core_t* c, const uvllm_kv_t* params, size_t nparams) {
  uvllm_provider_options_t p;
  char url[64];
  snprintf(url, sizeof(url), "http://127.0.0.1:%d/v1", uvllm_mock_port(c->mock));
  core_provider_init(&p);
  p.name = "openai";
  p.base_url = url;
  p.price_as = "*";
  p.params = params;
  p.nparams = nparams;
  return uvllm_provider_set(c->client, &p);
}

static void begin(core_t* c) {
  core_begin(c);
  core_mock(c, NULL, NULL);
  assert_int_equal(set_openai(c, responses, 1), 0);
}

static void ask_openai(ask_t* a, const char* model, const char* x_mock) {
  ask_init(a, "Is anybody there?", x_mock);
  a->r.target.provider = "openai";
  a->r.target.model = model;
  a->r.max_attempts = 1;
}

static seen_t run(core_t* c, ask_t* a) {
  seen_t seen = { .on_done = on_done };
  const int before = c->ndone;
  memset(&told, 0, sizeof(told));
  core_submit(c, &a->r, &seen);
  core_run(c, before + 1);
  return seen;
}

/* ---- Which API ---- */

/* Two choices are what only the other API has. */
static int submit_two_choices(core_t* c, const char* model, const char* body) {
  ask_t a;
  seen_t seen = { .on_done = on_done };
  ask_openai(&a, model, NULL);
  a.r.n = 2;
  if (body != NULL) {
    a.r.nmessages = 0;
    a.r.body_json = test_str(body);
  }
  const int err = core_try(c, &a.r, &seen);
  if (err != 0)
    return err;
  core_run(c, c->ndone + 1);
  return seen.status;
}

static void the_params_choose_the_api(void** state) {
  (void) state;
  core_t c;
  begin(&c);
  assert_int_equal(submit_two_choices(&c, "gpt-4o", NULL), UVLLM_EUNSUPPORTED);
  assert_non_null(strstr(uvllm_last_error(c.client), "n"));
  assert_int_equal(set_openai(&c, by_model, 2), 0);
  assert_int_equal(submit_two_choices(&c, "gpt-4o", NULL), 0);
  assert_int_equal(submit_two_choices(&c, "gpt-5.4", NULL), UVLLM_EUNSUPPORTED);
  assert_int_equal(submit_two_choices(&c, "gpt-5-nano", NULL), 0);
  assert_int_equal(submit_two_choices(&c, "gpt", NULL), 0);
  assert_int_equal(set_openai(&c, NULL, 0), 0);
  assert_int_equal(submit_two_choices(&c, "gpt-5.4", NULL), 0);
  core_end(&c);
}

static void a_body_that_names_the_model_does_too(void** state) {
  (void) state;
  core_t c;
  begin(&c);
  assert_int_equal(set_openai(&c, by_model, 2), 0);
  static const char four[] = "{\"model\":\"gpt-4o\",\"messages\":[{\"role\":\"user\","
                             "\"content\":\"Hi\"}]}";
  static const char five[] = "{\"model\":\"gpt-5\",\"messages\":[{\"role\":\"user\","
                             "\"content\":\"Hi\"}]}";
  assert_int_equal(submit_two_choices(&c, NULL, four), 0);
  assert_int_equal(submit_two_choices(&c, NULL, five), UVLLM_EUNSUPPORTED);
  assert_int_equal(submit_two_choices(&c, "gpt-4o", five), 0);
  assert_int_equal(submit_two_choices(&c, NULL, "{\"model\":"), UV_EINVAL);
  core_end(&c);
}

static void an_api_that_is_none_is_refused(void** state) {
  (void) state;
  static const uvllm_kv_t wrong[] = { { "api", "reponses" } };
  core_t c;
  begin(&c);
  assert_int_equal(set_openai(&c, wrong, 1), 0);
  assert_int_equal(submit_two_choices(&c, "gpt-4o", NULL), UV_EINVAL);
  assert_non_null(strstr(uvllm_last_error(c.client), "API"));
  core_end(&c);
}

/* It waits until the provider is another one. */
static int run_exchanged(core_t* c, const uvllm_kv_t* params, size_t nparams, uint32_t n) {
  ask_t a;
  seen_t seen = { .on_done = on_done };
  ask_openai(&a, "gpt-5.4", NULL);
  a.r.n = n;
  assert_int_equal(core_try(c, &a.r, &seen), 0);
  assert_int_equal(set_openai(c, params, nparams), 0);
  core_run(c, c->ndone + 1);
  return seen.status;
}

static void a_provider_may_be_exchanged_meanwhile(void** state) {
  (void) state;
  static const uvllm_kv_t wrong[] = { { "api", "reponses" } };
  core_t c;
  begin(&c);
  assert_int_equal(run_exchanged(&c, NULL, 0, 0), 0);
  assert_int_equal(run_exchanged(&c, responses, 1, 0), 0);
  assert_int_equal(set_openai(&c, NULL, 0), 0);
  assert_int_equal(run_exchanged(&c, responses, 1, 2), UVLLM_EUNSUPPORTED);
  assert_int_equal(run_exchanged(&c, wrong, 1, 0), UVLLM_EUNSUPPORTED);
  core_end(&c);
}

/* ---- Turns ---- */

static void thoughts_and_calls_go_back(void** state) {
  (void) state;
  core_t c;
  ask_t a;
  begin(&c);
  ask_openai(&a, "gpt-5.4", "tool=2");
  a.r.tools_json = test_str(TOOLS);
  a.r.reasoning_effort = "low";
  a.r.flags = UVLLM_STREAM;
  seen_t seen = run(&c, &a);
  assert_int_equal(seen.status, 0);
  assert_int_equal(told.stop, UVLLM_STOP_TOOL);
  assert_true(seen.usage.reasoning_tokens > 0);
  assert_non_null(strstr(told.replay, "{\"openai-responses\":[{\"id\":\"rs_"));
  assert_non_null(strstr(told.replay, "\"encrypted_content\":\"gAAAA"));
  char tools[1024], replay[2048];
  memcpy(tools, told.tools, sizeof(tools));
  memcpy(replay, told.replay, sizeof(replay));
  const char* first = strstr(tools, "call_");
  const char* second = strstr(first + 1, "call_");
  const uvllm_message_t turns[] = {
    { .role = UVLLM_USER, .text = UVLLM_STR("Hi") },
    { .role = UVLLM_ASSISTANT, .tool_calls_json = test_str(tools), .replay_json = test_str(replay) },
    { .role = UVLLM_TOOL, .tool_call_id = { first, strcspn(first, "\"") }, .text = UVLLM_STR("1") },
    { .role = UVLLM_TOOL, .tool_call_id = { second, strcspn(second, "\"") }, .text = UVLLM_STR("2") },
  };
  a.r.messages = turns;
  a.r.nmessages = 4;
  a.r.nheaders = 0;
  seen = run(&c, &a);
  assert_int_equal(seen.status, 0);
  assert_int_equal(told.stop, UVLLM_STOP_END);
  a.r.nmessages = 3; /* a call without its result: the mock is as strict as they are */
  seen = run(&c, &a);
  assert_int_equal(seen.status, UVLLM_EREQUEST);
  assert_non_null(strstr(seen.message, "No tool output found"));
  core_end(&c);
}

static void an_error_within_the_stream_is_one(void** state) {
  (void) state;
  core_t c;
  ask_t a;
  begin(&c);
  ask_openai(&a, "gpt-5.4", "error-event=3");
  a.r.flags = UVLLM_STREAM;
  seen_t seen = run(&c, &a);
  assert_int_equal(seen.status, UVLLM_EPROVIDER);
  assert_true(strlen(seen.text) > 0);
  ask_openai(&a, "gpt-5.4", "no-done");
  a.r.flags = UVLLM_STREAM;
  assert_int_equal(run(&c, &a).status, UVLLM_ETRUNCATED);
  ask_openai(&a, "gpt-5.4", "comments,crlf,drip=1,tokens=3");
  a.r.flags = UVLLM_STREAM;
  assert_int_equal(run(&c, &a).status, 0);
  core_end(&c);
}

/* ---- Bodies ---- */

/* What build() writes; to be freed. */
static char* body_of(const uvllm_request_t* r, const char* model) {
  const uvllm_provider_ops_t* ops = uvllm__dialect("openai-responses");
  const uvllm_attempt_t attempt = { .request = r, .model = test_str(model), .number = 1 };
  uvllm_http_t http;
  void* state = calloc(1, ops->state_size);
  record_t rec;
  record_init(&rec);
  uvllm__http_init(&http, &uvllm__alloc_default);
  assert_int_equal(ops->check(r, &rec.emit), 0);
  assert_int_equal(ops->build(state, &attempt, &http), 0);
  const uvllm_str_t body = uvllm__http_body(&http);
  char* text = strndup(body.base, body.len);
  ops->fini(state);
  free(state);
  uvllm__http_free(&http);
  record_free(&rec);
  return text;
}

static void assert_input(const uvllm_message_t* m, const char* wanted) {
  uvllm_request_t r;
  uvllm_request_init(&r);
  r.messages = m;
  r.nmessages = 1;
  char* body = body_of(&r, "m");
  char all[2048];
  snprintf(all, sizeof(all), "\"input\":[%s],\"store\":false", wanted);
  if (strstr(body, all) == NULL)
    print_error("%s\nwanted: %s\n", body, all);
  assert_non_null(strstr(body, all));
  free(body);
}

#define CALL(id) \
  "{\"id\":\"" id "\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}"
#define PUT(id) \
  "{\"type\":\"function_call\",\"call_id\":\"" id "\",\"name\":\"f\",\"arguments\":\"{}\"}"
#define KEPT(id) "{\"type\":\"function_call\",\"call_id\":\"" id "\"}"
#define THOUGHT(id) "{\"id\":\"" id "\",\"type\":\"reasoning\",\"summary\":[],\"encrypted_content\":\"x\"}"
#define REPLAY(items) UVLLM_STR("{\"openai-responses\":[" items "]}")

static void thoughts_stand_before_what_they_led_to(void** state) {
  (void) state;
  const uvllm_message_t between = {
    .role = UVLLM_ASSISTANT, .text = UVLLM_STR("Hm"),
    .tool_calls_json = UVLLM_STR("[" CALL("b") "," CALL("a") "]"),
    .replay_json = REPLAY(THOUGHT("r1") "," KEPT("a") "," THOUGHT("r2") ","
                          "{\"type\":\"message\",\"phase\":\"commentary\"}," KEPT("b"))
  };
  assert_input(&between, THOUGHT("r1") "," PUT("a") "," THOUGHT("r2") ","
               "{\"role\":\"assistant\",\"phase\":\"commentary\",\"content\":\"Hm\"}," PUT("b"));
}

/* A call that was taken out stays so; one that was added comes last. */
static void what_the_caller_changed_is_changed(void** state) {
  (void) state;
  const uvllm_message_t changed = {
    .role = UVLLM_ASSISTANT, .tool_calls_json = UVLLM_STR("[" CALL("c") "," CALL("a") "]"),
    .replay_json = REPLAY(THOUGHT("r1") "," KEPT("b") "," KEPT("a"))
  };
  assert_input(&changed, THOUGHT("r1") "," PUT("a") "," PUT("c"));
  const uvllm_message_t foreign = { .role = UVLLM_ASSISTANT, .text = UVLLM_STR("Hm"),
                                    .replay_json = UVLLM_STR("{\"anthropic\":[1]}") };
  assert_input(&foreign, "{\"role\":\"assistant\",\"content\":\"Hm\"}");
  const uvllm_message_t odd = { .role = UVLLM_ASSISTANT, .text = UVLLM_STR("Hm"),
                                .replay_json = REPLAY("null,5,{\"type\":7},{\"type\":\"function_call\"}") };
  assert_input(&odd, "{\"role\":\"assistant\",\"content\":\"Hm\"}");
}

static void extra_json_is_merged(void** state) {
  (void) state;
  const uvllm_message_t hi = { .role = UVLLM_USER, .text = UVLLM_STR("Hi") };
  uvllm_request_t r;
  uvllm_request_init(&r);
  r.messages = &hi;
  r.nmessages = 1;
  r.reasoning_effort = "low";
  r.extra_json = test_str("{\"store\":true,\"include\":null,\"reasoning\":{\"summary\":\"auto\"},"
                          "\"text\":{\"verbosity\":\"low\"},\"previous_response_id\":\"resp_1\"}");
  char* body = body_of(&r, "m");
  assert_string_equal(body, "{\"model\":\"m\",\"input\":[{\"role\":\"user\",\"content\":\"Hi\"}],"
                            "\"reasoning\":{\"effort\":\"low\",\"summary\":\"auto\"},"
                            "\"text\":{\"verbosity\":\"low\"},\"store\":true,"
                            "\"previous_response_id\":\"resp_1\"}");
  free(body);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(the_params_choose_the_api),
    cmocka_unit_test(a_body_that_names_the_model_does_too),
    cmocka_unit_test(an_api_that_is_none_is_refused),
    cmocka_unit_test(a_provider_may_be_exchanged_meanwhile),
    cmocka_unit_test(thoughts_and_calls_go_back),
    cmocka_unit_test(an_error_within_the_stream_is_one),
    cmocka_unit_test(thoughts_stand_before_what_they_led_to),
    cmocka_unit_test(what_the_caller_changed_is_changed),
    cmocka_unit_test(extra_json_is_merged),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
