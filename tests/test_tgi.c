/* Hugging Face's own dialect through the public API, against the mock. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "dialect_scene.h"

static void completion(ask_t* a, const char* x_mock) {
  dialect_ask(a, x_mock);
  a->r.op = UVLLM_COMPLETION;
}

static void other(ask_t* a, uvllm_op op) {
  dialect_ask(a, NULL);
  a->r.op = op;
  a->r.flags = 0;
}

static void set_tasks(dialect_scene_t* d) {
  static const uvllm_kv_t params[] = { { "route", "models" } };
  char url[96];
  uvllm_provider_options_t p;
  snprintf(url, sizeof(url), "http://127.0.0.1:%d/hf-inference", uvllm_mock_port(d->core.mock));
  core_provider_init(&p);
  p.name = "own";
  p.dialect = "tgi";
  p.base_url = url;
  p.price_as = "*";
  p.params = params;
  p.nparams = 1;
  assert_int_equal(uvllm_provider_set(d->core.client, &p), 0);
}

static void begin(dialect_scene_t* d) {
  dialect_begin(d, "tgi", "/tgi", NULL);
}

static void a_text_is_the_same_streamed_and_whole(void** state) {
  (void) state;
  dialect_scene_t d;
  ask_t a;
  begin(&d);
  for (int tasks = 0; tasks < 2; tasks++) {
    if (tasks)
      set_tasks(&d);
    completion(&a, "tokens=5");
    seen_t s = dialect_both(&d, &a);
    assert_int_equal(s.status, 0);
    assert_true(s.text[0] != '\0');
    assert_int_equal(d.stop, UVLLM_STOP_END);
    assert_int_equal(s.usage.input_tokens, 3);
    assert_int_equal(s.usage.output_tokens, 5);
    assert_int_equal(strlen(d.request_id), 16);
  }
  dialect_end(&d);
}

static void length_and_schema_are_followed(void** state) {
  (void) state;
  dialect_scene_t d;
  ask_t a;
  begin(&d);
  completion(&a, NULL);
  a.r.max_tokens = 3;
  a.r.temperature = 0;
  a.r.top_p = 1;
  seen_t s = dialect_both(&d, &a);
  assert_int_equal(s.status, 0);
  assert_int_equal(s.usage.output_tokens, 3);
  assert_int_equal(d.stop, UVLLM_STOP_LENGTH);
  completion(&a, NULL);
  a.r.json_schema = test_str("{\"type\":\"object\",\"properties\":{\"n\":{\"type\":\"integer\"}}}");
  assert_string_equal(dialect_both(&d, &a).text, "{\"n\":1}");
  dialect_end(&d);
}

static void embeddings_come_from_either_server(void** state) {
  (void) state;
  const uvllm_message_t inputs[] = { { .text = UVLLM_STR("a") }, { .text = UVLLM_STR("b") } };
  dialect_scene_t d;
  ask_t a;
  begin(&d);
  for (int tasks = 0; tasks < 2; tasks++) {
    if (tasks)
      set_tasks(&d);
    other(&a, UVLLM_EMBED);
    a.r.target.model = "org/name";
    a.r.messages = inputs;
    a.r.nmessages = 2;
    assert_int_equal(dialect_run(&d, &a.r).status, 0);
    assert_int_equal(d.nvectors, 2);
    assert_int_equal(d.nvalues, 384);
  }
  dialect_end(&d);
}

static void the_model_is_told_and_tokens_are_counted(void** state) {
  (void) state;
  dialect_scene_t d;
  ask_t a;
  seen_t refused = { 0 };
  begin(&d);
  other(&a, UVLLM_MODELS);
  a.r.nmessages = 0;
  assert_int_equal(dialect_run(&d, &a.r).status, 0);
  assert_int_equal(d.nmodels, 1);
  other(&a, UVLLM_COUNT_TOKENS);
  seen_t s = dialect_run(&d, &a.r);
  assert_int_equal(s.status, 0);
  assert_int_equal(s.usage.input_tokens, 3);
  set_tasks(&d);
  assert_int_equal(core_try(&d.core, &a.r, &refused), UVLLM_EUNSUPPORTED);
  other(&a, UVLLM_CHAT);
  assert_int_equal(core_try(&d.core, &a.r, &refused), UVLLM_EUNSUPPORTED);
  dialect_end(&d);
}

static void each_error_is_of_its_kind(void** state) {
  (void) state;
  static const struct { const char* mock; int status, http; } errors[] = {
    { "status=400", UVLLM_EREQUEST, 400 },     { "status=401", UVLLM_EAUTH, 401 },
    { "status=402", UVLLM_EQUOTA, 402 },       { "status=403", UVLLM_EPERMISSION, 403 },
    { "status=404", UVLLM_ENOMODEL, 404 },     { "status=422", UVLLM_EREQUEST, 422 },
    { "status=424", UVLLM_EPROVIDER, 424 },    { "status=429", UVLLM_ERATELIMIT, 429 },
    { "status=500", UVLLM_EPROVIDER, 500 },    { "status=503", UVLLM_EOVERLOAD, 503 },
    { "tokens=3,error-event=0", UVLLM_EPROVIDER, 200 },
    { "tokens=3,error-event=1", UVLLM_EPROVIDER, 200 },
    { "tokens=3,cut=1", UVLLM_ETRUNCATED, 200 },
    { "tokens=3,no-done", UVLLM_ETRUNCATED, 200 },
    { "malformed", UVLLM_EPROTO, 200 },        { "html", UVLLM_EPROTO, 200 },
    { "empty", UVLLM_ETRUNCATED, 200 },        { "tokens=3,comments,crlf", 0, 200 },
    { "tokens=2,drip", 0, 200 },               { "tokens=2,split", 0, 200 },
    { "tokens=2,eof", 0, 200 }
  };
  dialect_scene_t d;
  ask_t a;
  begin(&d);
  for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
    completion(&a, errors[i].mock);
    seen_t s = dialect_run(&d, &a.r);
    if (s.status != errors[i].status)
      print_message("%s: %s: %s\n", errors[i].mock, uvllm_err_name(s.status), s.message);
    assert_int_equal(s.status, errors[i].status);
    assert_int_equal(s.http_status, errors[i].http);
  }
  dialect_end(&d);
}

/* "estimated_time" of one second is waited for. */
static void a_model_that_loads_is_waited_for(void** state) {
  (void) state;
  dialect_scene_t d;
  ask_t a;
  begin(&d);
  completion(&a, "status=503,once");
  a.r.max_attempts = 2;
  const uint64_t before = uv_hrtime();
  seen_t s = dialect_run(&d, &a.r);
  assert_int_equal(s.status, 0);
  assert_int_equal(s.attempts, 2);
  assert_true(uv_hrtime() - before >= 1000000000);
  dialect_end(&d);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_text_is_the_same_streamed_and_whole),
    cmocka_unit_test(length_and_schema_are_followed),
    cmocka_unit_test(embeddings_come_from_either_server),
    cmocka_unit_test(the_model_is_told_and_tokens_are_counted),
    cmocka_unit_test(each_error_is_of_its_kind),
    cmocka_unit_test(a_model_that_loads_is_waited_for),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
