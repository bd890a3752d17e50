/* What models are called: names of the caller's own, and those of the provider. */
#include "core.h"

static core_t core;

typedef struct asked_s {
  char provider[32], model[64];
} asked_t;

static asked_t asked; /* as the last result tells it */

static void on_done(seen_t* s, const uvllm_result_t* r) {
  (void) s;
  snprintf(asked.provider, sizeof(asked.provider), "%s", r->target->provider);
  snprintf(asked.model, sizeof(asked.model), "%s", r->target->model);
}

static void set_provider(const char* name, const char* dialect, const char* path,
                         const char* model, const uvllm_kv_t* params, size_t nparams) {
  uvllm_provider_options_t p;
  char url[64];
  snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", uvllm_mock_port(core.mock), path);
  core_provider_init(&p);
  p.name = name;
  p.dialect = dialect;
  p.base_url = url;
  p.price_as = "*";
  p.model = model;
  p.params = params;
  p.nparams = nparams;
  assert_int_equal(uvllm_provider_set(core.client, &p), 0);
}

static void begin(void) {
  static const uvllm_kv_t maps[] = { { "model.gpt-4o", "big" }, { "model.gpt-4o-mini", "small" },
                                     { "model.big", "never" } };
  core_begin(&core);
  core_mock(&core, NULL, NULL);
  set_provider("mock", "openai", "/v1", NULL, maps, 3);
  set_provider("other", "anthropic", "/anthropic", NULL, maps, 3);
}

static void run(const uvllm_request_t* r, seen_t* s) {
  const int ndone = core.ndone;
  memset(s, 0, sizeof(*s));
  s->on_done = on_done;
  core_submit(&core, r, s);
  core_run(&core, ndone + 1);
  assert_int_equal(s->status, 0);
}

static void a_model_has_the_providers_name(void** state) {
  (void) state;
  ask_t a;
  seen_t s;
  begin();
  ask_init(&a, "x", NULL);
  a.r.flags = UVLLM_BODY;
  a.r.target.model = "gpt-4o";
  run(&a.r, &s);
  assert_string_equal(asked.model, "big"); /* once: not "never" */
  assert_non_null(strstr(s.body, "\"model\":\"big\""));
  a.r.target.model = "gpt-4o-mini-2024-07-18";
  run(&a.r, &s);
  assert_string_equal(asked.model, "gpt-4o-mini-2024-07-18");
  core_end(&core);
}

static void so_has_one_that_the_body_names(void** state) {
  (void) state;
  static const char* const providers[] = { "mock", "other" };
  ask_t a;
  seen_t s;
  begin();
  for (int i = 0; i < 2; i++) {
    ask_init(&a, "x", NULL);
    a.r.target.provider = providers[i];
    a.r.target.model = NULL;
    a.r.nmessages = 0;
    a.r.flags = UVLLM_BODY;
    a.r.body_json = test_str("{\"model\":\"gpt-4o-mini\",\"max_tokens\":4,\"messages\":"
                             "[{\"role\":\"user\",\"content\":\"x\"}]}");
    run(&a.r, &s);
    assert_string_equal(asked.model, "small");
    assert_non_null(strstr(s.body, "\"model\":\"small\""));
  }
  core_end(&core);
}

static void a_default_is_the_providers_own_already(void** state) {
  (void) state;
  static const uvllm_kv_t map = { "model.big", "never" };
  ask_t a;
  seen_t s;
  begin();
  set_provider("mock", "openai", "/v1", "big", &map, 1);
  ask_init(&a, "x", NULL);
  a.r.target.model = NULL;
  run(&a.r, &s);
  assert_string_equal(asked.model, "big");
  core_end(&core);
}

static void an_alias_is_a_target(void** state) {
  (void) state;
  ask_t a;
  seen_t s;
  begin();
  ask_init(&a, "x", NULL);
  a.r.target.provider = NULL;
  a.r.target.model = "fast";
  assert_int_equal(core_try(&core, &a.r, &s), UVLLM_ENOPROVIDER);
  assert_non_null(strstr(uvllm_last_error(core.client), "alias"));
  assert_int_equal(uvllm_alias_set(core.client, "fast", "other/gpt-4o"), 0);
  run(&a.r, &s);
  assert_string_equal(asked.provider, "other");
  assert_string_equal(asked.model, "big"); /* the provider's name comes behind it */
  assert_int_equal(uvllm_alias_set(core.client, "fast", "mock/a/b"), 0);
  run(&a.r, &s);
  assert_string_equal(asked.provider, "mock");
  assert_string_equal(asked.model, "a/b");
  assert_int_equal(uvllm_alias_set(core.client, "fast", NULL), 0);
  assert_int_equal(uvllm_alias_set(core.client, "fast", NULL), 0);
  assert_int_equal(core_try(&core, &a.r, &s), UVLLM_ENOPROVIDER);
  a.r.target.model = NULL;
  assert_int_equal(core_try(&core, &a.r, &s), UVLLM_ENOPROVIDER);
  core_end(&core);
}

static void an_alias_may_go_while_its_request_waits(void** state) {
  (void) state;
  ask_t a;
  seen_t s = { .on_done = on_done };
  begin();
  assert_int_equal(uvllm_alias_set(core.client, "fast", "mock/gpt-4o"), 0);
  ask_init(&a, "x", NULL);
  a.r.target.provider = NULL;
  a.r.target.model = "fast";
  core_submit(&core, &a.r, &s);
  assert_int_equal(uvllm_alias_set(core.client, "fast", NULL), 0);
  core_run(&core, 1);
  assert_int_equal(s.status, 0);
  assert_string_equal(asked.model, "big");
  core_end(&core);
}

static void aliases_that_are_none_are_refused(void** state) {
  (void) state;
  static const char* const bad[] = { "", "mock", "/model", "mock/" };
  begin();
  for (int i = 0; i < 4; i++)
    assert_int_equal(uvllm_alias_set(core.client, "a", bad[i]), UV_EINVAL);
  assert_int_equal(uvllm_alias_set(core.client, "", "mock/x"), UV_EINVAL);
  assert_int_equal(uvllm_alias_set(core.client, "a", "mock/x"), 0);
  assert_int_equal(uvllm_alias_set(core.client, "b", "mock/y"), 0);
  for (size_t n = 0;; n++) {
    core.alloc.calls = 0;
    core.alloc.fail_at = n + 1;
    const int err = uvllm_alias_set(core.client, "a", "mock/z");
    core.alloc.fail_at = 0;
    if (err == 0)
      break;
    assert_int_equal(err, UV_ENOMEM);
  }
  core_end(&core);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_model_has_the_providers_name),
    cmocka_unit_test(so_has_one_that_the_body_names),
    cmocka_unit_test(a_default_is_the_providers_own_already),
    cmocka_unit_test(an_alias_is_a_target),
    cmocka_unit_test(an_alias_may_go_while_its_request_waits),
    cmocka_unit_test(aliases_that_are_none_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
