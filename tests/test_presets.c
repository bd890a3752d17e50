/* What is known of providers as data: rows found, added and used, and what they change
 * in the requests of the OpenAI dialect.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memmem, in script.h */
#endif
#include "core.h"
#include "dialects.h"
#include "http_build.h"
#include "record.h"
#include "script.h"

#include <math.h>

static void every_row_makes_a_provider(void** state) {
  (void) state;
  core_t c;
  const uvllm_preset_t* p;
  core_begin(&c);
  for (size_t i = 0; (p = uvllm_preset_at(i)) != NULL; i++) {
    uvllm_provider_options_t o;
    core_provider_init(&o);
    o.transport = UVLLM_TRANSPORT_AUTO;
    o.name = p->name;
    if (uvllm__dialect(p->dialect) == NULL) { /* left out of this build */
      assert_int_equal(uvllm_provider_set(c.client, &o), UV_EINVAL);
      assert_non_null(strstr(uvllm_last_error(c.client), "this build has no"));
      continue;
    }
    o.base_url = p->base_url == NULL ? "http://127.0.0.1:1/v1" : NULL;
    assert_int_equal(uvllm_provider_set(c.client, &o), 0);
    assert_ptr_equal(uvllm_preset_find(NULL, p->name), p);
    assert_non_null(uvllm__dialect(p->dialect));
    for (size_t k = 0; k < i; k++)
      assert_string_not_equal(uvllm_preset_at(k)->name, p->name);
  }
  assert_null(uvllm_preset_find(c.client, "nobody"));
  ask_t a;
  seen_t s = { 0 };
  ask_init(&a, "Hi", NULL);
  a.r.target.provider = "groq";
  assert_int_equal(core_try(&c, &a.r, &s), UVLLM_ENOKEY);
  core_end(&c);
}

static void rows_of_ones_own_go_first(void** state) {
  (void) state;
  core_t c;
  script_t script;
  char url[64];
  const uvllm_kv_t params[] = { { "auth", "api-key" }, { "name.seed", "random_seed" } };
  uvllm_preset_t p;
  static const char answer[] =
      "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 64\r\n\r\n"
      "{\"choices\":[{\"message\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]}";
  core_begin(&c);
  script_start(&script, &c.loop, answer, sizeof(answer) - 1, SCRIPT_CLOSE);
  snprintf(url, sizeof(url), "http://127.0.0.1:%d/x", script.port);
  uvllm_preset_init(&p);
  p.name = "groq";
  p.dialect = "openai";
  p.base_url = url;
  p.model = "fallback";
  p.params = params;
  p.nparams = 2;
  assert_int_equal(uvllm_preset_set(c.client, &p), 0);
  assert_int_equal(uvllm_preset_set(c.client, &p), 0);
  url[0] = '?'; /* it was copied */
  p.dialect = "klingon";
  assert_int_equal(uvllm_preset_set(c.client, &p), UV_EINVAL);
  uvllm_provider_options_t o;
  core_provider_init(&o);
  o.name = "groq";
  assert_int_equal(uvllm_provider_set(c.client, &o), 0);
  uvllm_key_t key;
  uvllm_key_init(&key);
  key.key = "k-1";
  assert_int_equal(uvllm_key_set(c.client, "groq", &key), 0);
  ask_t a;
  seen_t s = { 0 };
  ask_init(&a, "Hi", NULL);
  a.r.target.provider = "groq";
  a.r.target.model = NULL;
  a.r.flags = 0;
  a.r.seed = 7;
  core_submit(&c, &a.r, &s);
  core_run(&c, 1);
  assert_int_equal(s.status, 0);
  assert_non_null(strstr(script.request, "POST /x/chat/completions"));
  assert_non_null(strstr(script.request, "api-key: k-1\r\n"));
  assert_null(strstr(script.request, "Bearer"));
  assert_non_null(strstr(script.request, "\"random_seed\":7"));
  assert_non_null(strstr(script.request, "\"model\":\"fallback\""));
  script_stop(&script);
  core_end(&c);
}


static void rows_survive_every_failed_allocation(void** state) {
  (void) state;
  core_t c;
  const uvllm_kv_t params[] = { { "a", "b" }, { "c", "d" } };
  uvllm_preset_t p;
  uvllm_provider_options_t o;
  core_begin(&c);
  uvllm_preset_init(&p);
  p.name = "own";
  p.dialect = "openai";
  p.base_url = "http://127.0.0.1:1/v1";
  p.model = "m";
  p.params = params;
  p.nparams = 2;
  core_provider_init(&o);
  o.name = "own";
  o.params = params;
  o.nparams = 2;
  for (int what = 0; what < 2; what++) {
    int err = UV_ENOMEM;
    for (size_t at = 1; err != 0; at++) {
      c.alloc.calls = 0;
      c.alloc.fail_at = at;
      err = what == 0 ? uvllm_preset_set(c.client, &p) : uvllm_provider_set(c.client, &o);
      assert_true(err == 0 || err == UV_ENOMEM);
    }
    c.alloc.fail_at = 0;
  }
  core_end(&c);
}


/* ---- What rows change ---- */

static uvllm_request_t hello(void) {
  static const uvllm_message_t m = { .role = UVLLM_USER, .text = UVLLM_STR("Hi") };
  uvllm_request_t r;
  memset(&r, 0, sizeof(r));
  r.temperature = r.top_p = r.frequency_penalty = r.presence_penalty = NAN;
  r.seed = INT64_MIN;
  r.messages = &m;
  r.nmessages = 1;
  return r;
}

static void assert_sent(const char* preset, uvllm_request_t r, const char* expected) {
  const uvllm_preset_t* p = uvllm_preset_find(NULL, preset);
  const uvllm_provider_ops_t* ops = uvllm__dialect(p->dialect);
  const uvllm_attempt_t a = { .request = &r, .base_url = test_str("https://e.org/v1"),
                              .params = p->params, .nparams = p->nparams };
  uvllm_http_t http;
  record_t rec;
  void* s = calloc(1, ops->state_size);
  assert_non_null(s);
  record_init(&rec);
  rec.emit.params = p->params;
  rec.emit.nparams = p->nparams;
  assert_int_equal(ops->check(&r, &rec.emit), 0);
  uvllm__http_init(&http, &uvllm__alloc_default);
  assert_int_equal(ops->build(s, &a, &http), 0);
  assert_str(uvllm__http_body(&http), expected);
  uvllm__http_free(&http);
  record_free(&rec);
  free(s);
}

static void assert_refused(const char* preset, uvllm_request_t r, const char* why) {
  const uvllm_preset_t* p = uvllm_preset_find(NULL, preset);
  char expected[128];
  record_t rec;
  record_init(&rec);
  rec.emit.params = p->params;
  rec.emit.nparams = p->nparams;
  assert_int_equal(uvllm__dialect(p->dialect)->check(&r, &rec.emit), UVLLM_EUNSUPPORTED);
  snprintf(expected, sizeof(expected), "error code= message=\"%s\" retry=-1\n", why);
  assert_record(&rec, expected);
  record_free(&rec);
}

#define HI "\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]"

static void members_have_other_names(void** state) {
  (void) state;
  uvllm_request_t r = hello();
  r.seed = 7;
  r.max_tokens = 9;
  r.flags = UVLLM_STREAM;
  assert_sent("mistral", r, "{" HI ",\"stream\":true,\"max_tokens\":9,\"random_seed\":7}");
  r = hello();
  r.nmessages = 0;
  r.body_json = test_str("{\"seed\":1,\"max_completion_tokens\":5,\"user\":\"u\","
                         "\"store\":true,\"safe_prompt\":true}");
  assert_sent("mistral", r, "{\"max_tokens\":5,\"random_seed\":1,\"safe_prompt\":true}");
  r.body_json = test_str("{\"max_tokens\":4,\"max_completion_tokens\":5}");
  assert_sent("mistral", r, "{\"max_tokens\":5}");
  r.seed = 2;
  r.body_json = test_str("{\"seed\":1,\"random_seed\":3}");
  assert_sent("mistral", r, "{\"random_seed\":2}");
}

static void what_is_not_taken_is_refused(void** state) {
  (void) state;
  uvllm_request_t r = hello();
  r.service_tier = "flex";
  assert_refused("mistral", r, "this provider takes no service_tier");
  r = hello();
  r.body_json = test_str("{\"logprobs\":true}");
  assert_refused("mistral", r, "this provider takes no logprobs");
  r = hello();
  r.n = 2;
  assert_refused("ollama-v1", r, "this provider takes no n");
  r.n = 0;
  r.tool_choice_json = test_str("auto");
  assert_refused("ollama-v1", r, "this provider takes no tool_choice");
}

static void schemas_stand_elsewhere(void** state) {
  (void) state;
  uvllm_request_t r = hello();
  r.json_schema = test_str("{\"name\":\"x\",\"schema\":{\"type\":\"object\"}}");
  assert_sent("together", r, "{" HI ",\"response_format\":{\"type\":\"json_schema\","
                             "\"schema\":{\"type\":\"object\"}}}");
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_row_makes_a_provider),
    cmocka_unit_test(rows_of_ones_own_go_first),
    cmocka_unit_test(rows_survive_every_failed_allocation),
    cmocka_unit_test(members_have_other_names),
    cmocka_unit_test(what_is_not_taken_is_refused),
    cmocka_unit_test(schemas_stand_elsewhere),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
