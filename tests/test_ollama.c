/* Ollama's dialect through the public API, against the mock; and what fixtures cannot
 * say of its requests: extra_json, replay_json, raw requests.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "core.h"
#include "provider_conformance.h"
#include "script.h"

#define TOOLS                                                                       \
  "[{\"type\":\"function\",\"function\":{\"name\":\"weather\",\"parameters\":{"     \
  "\"type\":\"object\",\"properties\":{\"city\":{\"type\":\"string\"}}}}},"         \
  "{\"type\":\"function\",\"function\":{\"name\":\"now\"}}]"

/* What a request has told, as text. */
typedef struct told_s {
  char events[8192];
  char tools[1024], replay[1024], reasoning[1024];
  int nchoices;
  uvllm_stop_reason stop;
} told_t;

static told_t told;

static void on_event(seen_t* s, const uvllm_event_t* e) {
  const size_t at = strlen(told.events);
  char* to = told.events + at;
  const size_t room = sizeof(told.events) - at;
  (void) s;
  if (e->type == UVLLM_EVENT_MODEL)
    snprintf(to, room, "%.*s;", (int) e->u.model.id.len, e->u.model.id.base);
  if (e->type == UVLLM_EVENT_EMBEDDING)
    snprintf(to, room, "%u:%zu;", e->index, e->u.vector.nvalues);
  if (e->type == UVLLM_EVENT_PROGRESS)
    snprintf(to, room, "%.*s %llu/%llu;", (int) e->u.progress.status.len,
             e->u.progress.status.base, (unsigned long long) e->u.progress.done,
             (unsigned long long) e->u.progress.total);
}

static void on_done(seen_t* s, const uvllm_result_t* r) {
  (void) s;
  told.nchoices = (int) r->nchoices;
  if (r->nchoices == 0)
    return;
  told.stop = r->choices[0].stop;
  core__copy(told.tools, sizeof(told.tools), r->choices[0].tools_json);
  core__copy(told.replay, sizeof(told.replay), r->choices[0].replay_json);
  core__copy(told.reasoning, sizeof(told.reasoning), r->choices[0].reasoning);
}

static void begin_with(core_t* c, const uvllm_kv_t* params, size_t nparams, const char* key) {
  uvllm_provider_options_t p;
  uvllm_mock_options_t o;
  char url[64];
  core_begin(c);
  uvllm_mock_options_init(&o);
  o.require_key = key;
  assert_int_equal(uvllm_mock_start(&c->mock, &c->loop, &o), 0);
  snprintf(url, sizeof(url), "http://127.0.0.1:%d", uvllm_mock_port(c->mock));
  core_provider_init(&p);
  p.name = "ollama";
  p.base_url = url;
  p.price_as = "*";
  p.params = params;
  p.nparams = nparams;
  assert_int_equal(uvllm_provider_set(c->client, &p), 0);
}

static void begin(core_t* c) {
  begin_with(c, NULL, 0, NULL);
}

static void ask_ollama(ask_t* a, const char* prompt, const char* x_mock) {
  ask_init(a, prompt, x_mock);
  a->r.target.provider = "ollama";
  a->r.target.model = "llama3.2";
  a->r.max_attempts = 1;
}

static seen_t run(core_t* c, ask_t* a) {
  seen_t seen = { .on_event = on_event, .on_done = on_done };
  const int before = c->ndone;
  memset(&told, 0, sizeof(told));
  core_submit(c, &a->r, &seen);
  core_run(c, before + 1);
  return seen;
}

static seen_t run_chat(core_t* c, const char* x_mock, unsigned int flags) {
  ask_t a;
  ask_ollama(&a, "Is anybody there?", x_mock);
  a.r.flags = flags;
  return run(c, &a);
}

/* ---- Chats ---- */

static void chats_whole_and_streamed_say_the_same(void** state) {
  (void) state;
  core_t c;
  begin(&c);
  seen_t streamed = run_chat(&c, "tokens=5", UVLLM_STREAM);
  assert_int_equal(streamed.status, 0);
  assert_int_equal(streamed.nevents[UVLLM_EVENT_TEXT], 5);
  assert_int_equal(told.stop, UVLLM_STOP_END);
  assert_int_equal(streamed.usage.input_tokens, 5);
  assert_int_equal(streamed.usage.output_tokens, 5);
  assert_int_equal(streamed.usage.flags & UVLLM_USAGE_ESTIMATED, 0);
  seen_t whole = run_chat(&c, "tokens=5", UVLLM_BODY);
  assert_int_equal(whole.status, 0);
  assert_string_equal(whole.result, streamed.text);
  assert_non_null(strstr(whole.body, "\"finish_reason\":\"stop\""));
  assert_non_null(strstr(whole.body, "\"prompt_tokens\":5"));
  core_end(&c);
}

static void thinking_and_cached_tokens_are_told(void** state) {
  (void) state;
  core_t c;
  begin(&c);
  seen_t seen = run_chat(&c, "tokens=2,reasoning=3,cached=4", UVLLM_STREAM);
  assert_int_equal(seen.status, 0);
  assert_int_equal(seen.nevents[UVLLM_EVENT_REASONING], 3);
  assert_true(told.reasoning[0] != '\0');
  assert_string_equal(told.replay, ""); /* there is no call that it led to */
  assert_int_equal(seen.usage.cached_input_tokens, 4);
  assert_int_equal(seen.usage.input_tokens, 5);
  core_end(&c);
}

/* As older servers do for a prompt that was cached whole. */
static void a_prompt_that_is_not_counted_is_estimated(void** state) {
  (void) state;
  static const char answer[] =
      "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"
      "{\"message\":{\"role\":\"assistant\",\"content\":\"Yes\"},\"done\":true,"
      "\"done_reason\":\"stop\",\"eval_count\":3}";
  core_t c;
  script_t script;
  uvllm_provider_options_t p;
  char url[64];
  core_begin(&c);
  script_start(&script, &c.loop, answer, sizeof(answer) - 1, SCRIPT_CLOSE);
  snprintf(url, sizeof(url), "http://127.0.0.1:%d", script.port);
  core_provider_init(&p);
  p.name = "ollama";
  p.base_url = url;
  p.price_as = "*";
  assert_int_equal(uvllm_provider_set(c.client, &p), 0);
  seen_t seen = run_chat(&c, NULL, 0);
  assert_int_equal(seen.status, 0);
  assert_true(seen.usage.input_tokens > 0);
  assert_int_equal(seen.usage.output_tokens, 3);
  assert_true(seen.usage.flags & UVLLM_USAGE_ESTIMATED);
  script_stop(&script);
  core_end(&c);
}

static void length_ends_a_chat(void** state) {
  (void) state;
  core_t c;
  ask_t a;
  begin(&c);
  ask_ollama(&a, "Hi", NULL);
  a.r.max_tokens = 3;
  seen_t seen = run(&c, &a);
  assert_int_equal(seen.status, 0);
  assert_int_equal(told.stop, UVLLM_STOP_LENGTH);
  assert_int_equal(seen.usage.output_tokens, 3);
  core_end(&c);
}

static void a_schema_is_followed(void** state) {
  (void) state;
  core_t c;
  ask_t a;
  begin(&c);
  ask_ollama(&a, "Hi", NULL);
  a.r.json_schema = test_str("{\"type\":\"object\",\"properties\":{\"city\":{\"enum\":[\"Oslo\"]}}}");
  seen_t seen = run(&c, &a);
  assert_int_equal(seen.status, 0);
  assert_string_equal(seen.result, "{\"city\":\"Oslo\"}");
  core_end(&c);
}

static void an_openai_body_is_translated(void** state) {
  (void) state;
  core_t c;
  ask_t a;
  begin(&c);
  ask_ollama(&a, "", "tokens=2");
  a.r.nmessages = 0;
  a.r.flags = UVLLM_BODY;
  a.r.body_json = test_str("{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\","
                           "\"text\":\"What is it?\"},{\"type\":\"image_url\",\"image_url\":{"
                           "\"url\":\"data:image/png;base64,iVBORw==\"}}]}],\"max_tokens\":9}");
  seen_t seen = run(&c, &a);
  assert_int_equal(seen.status, 0);
  assert_non_null(strstr(seen.body, "\"object\":\"chat.completion\""));
  core_end(&c);
}

/* ---- Tools ---- */

static void calls_and_what_was_thought_go_back(void** state) {
  (void) state;
  core_t c;
  ask_t a;
  begin(&c);
  ask_ollama(&a, "Hi", "reasoning=2,tool=2");
  a.r.tools_json = test_str(TOOLS);
  seen_t seen = run(&c, &a);
  assert_int_equal(seen.status, 0);
  assert_int_equal(told.stop, UVLLM_STOP_TOOL);
  assert_int_equal(seen.nevents[UVLLM_EVENT_TOOL_BEGIN], 2);
  assert_non_null(strstr(told.tools, "\"weather\""));
  assert_non_null(strstr(told.tools, "\"now\""));
  char wanted[1200], tools[1024], replay[1024];
  snprintf(wanted, sizeof(wanted), "{\"ollama\":{\"thinking\":\"%s\"}}", told.reasoning);
  assert_string_equal(told.replay, wanted);
  memcpy(tools, told.tools, sizeof(tools));
  memcpy(replay, told.replay, sizeof(replay));
  const char* id = strstr(tools, "call_");
  const uvllm_message_t turns[] = {
    { .role = UVLLM_USER, .text = UVLLM_STR("Hi") },
    { .role = UVLLM_ASSISTANT, .tool_calls_json = test_str(tools), .replay_json = test_str(replay) },
    { .role = UVLLM_TOOL, .tool_call_id = { id, strcspn(id, "\"") }, .text = UVLLM_STR("cold") },
  };
  a.r.messages = turns;
  a.r.nmessages = 3;
  a.r.nheaders = 0;
  seen = run(&c, &a);
  assert_int_equal(seen.status, 0);
  assert_int_equal(told.stop, UVLLM_STOP_END);
  core_end(&c);
}

/* ---- Errors ---- */

typedef struct fault_s {
  const char* x_mock;
  int status;
  const char* message; /* a part of it */
} fault_t;

static void errors_are_what_they_mean(void** state) {
  (void) state;
  core_t c;
  static const fault_t faults[] = {
    { "status=400", UVLLM_EREQUEST, "" },
    { "status=401", UVLLM_EAUTH, "unauthorized" },
    { "status=403", UVLLM_EPERMISSION, "" },
    { "status=404", UVLLM_ENOMODEL, "not found" },
    { "status=429", UVLLM_ERATELIMIT, "" },
    { "status=500", UVLLM_EPROVIDER, "terminated" },
    { "status=502", UVLLM_EPROVIDER, "" },
    { "status=503", UVLLM_EOVERLOAD, "server busy" },
    { "html", UVLLM_EPROTO, "HTML" },
    { "malformed", UVLLM_EPROTO, "" },
    { "error-event=1", UVLLM_EPROVIDER, "terminated" },
  };
  begin(&c);
  for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
    for (unsigned int flags = 0; flags <= UVLLM_STREAM; flags += UVLLM_STREAM) {
      seen_t seen = run_chat(&c, faults[i].x_mock, flags);
      if (seen.status != faults[i].status || strstr(seen.message, faults[i].message) == NULL)
        fail_msg("%s, flags %u: %s: %s", faults[i].x_mock, flags, uvllm_err_name(seen.status),
                 seen.message);
    }
  core_end(&c);
}

static void broken_streams_are_no_answers(void** state) {
  (void) state;
  core_t c;
  begin(&c);
  assert_int_equal(run_chat(&c, "no-done", UVLLM_STREAM).status, UVLLM_ETRUNCATED);
  assert_int_equal(run_chat(&c, "empty", UVLLM_STREAM).status, UVLLM_ETRUNCATED);
  assert_int_equal(run_chat(&c, "empty", 0).status, UVLLM_EPROTO);
  assert_true(run_chat(&c, "cut=3", UVLLM_STREAM).status != 0);
  assert_int_equal(run_chat(&c, "cut=3,eof", UVLLM_STREAM).status, UVLLM_ETRUNCATED);
  core_end(&c);
}

static void odd_bytes_are_the_same_answer(void** state) {
  (void) state;
  core_t c;
  static const char* const ways[] = { "tokens=4,drip", "tokens=4,split", "tokens=4,crlf",
                                      "tokens=4,comments", "tokens=4,eof", "tokens=4,close" };
  begin(&c);
  seen_t plain = run_chat(&c, "tokens=4", UVLLM_STREAM);
  for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
    seen_t seen = run_chat(&c, ways[i], UVLLM_STREAM);
    assert_int_equal(seen.status, 0);
    assert_string_equal(seen.text, plain.text);
  }
  core_end(&c);
}

static void a_key_is_a_bearer(void** state) {
  (void) state;
  core_t c;
  uvllm_key_t key;
  begin_with(&c, NULL, 0, "k-1");
  assert_int_equal(run_chat(&c, NULL, UVLLM_STREAM).status, UVLLM_EAUTH);
  uvllm_key_init(&key);
  key.key = "k-1";
  assert_int_equal(uvllm_key_set(c.client, "ollama", &key), 0);
  assert_int_equal(run_chat(&c, NULL, UVLLM_STREAM).status, 0);
  core_end(&c);
}

static void parameters_are_checked_at_submit(void** state) {
  (void) state;
  core_t c;
  ask_t a;
  const uvllm_kv_t wrong[] = { { "num_ctx", "much" } };
  const uvllm_kv_t right[] = { { "num_ctx", "2048" }, { "keep_alive", "-1" } };
  seen_t seen = { 0 };
  begin_with(&c, wrong, 1, NULL);
  ask_ollama(&a, "Hi", NULL);
  assert_int_equal(core_try(&c, &a.r, &seen), UV_EINVAL);
  assert_non_null(strstr(uvllm_last_error(c.client), "num_ctx"));
  core_end(&c);
  begin_with(&c, right, 2, NULL);
  assert_int_equal(run_chat(&c, NULL, 0).status, 0);
  core_end(&c);
}

/* ---- Other ops ---- */

static void an_empty_prompt_loads_the_model(void** state) {
  (void) state;
  core_t c;
  ask_t a;
  begin(&c);
  ask_ollama(&a, "", NULL);
  a.r.op = UVLLM_COMPLETION;
  seen_t seen = run(&c, &a); /* streamed, and answered by one object */
  assert_int_equal(seen.status, 0);
  assert_string_equal(seen.result, "");
  assert_int_equal(told.stop, UVLLM_STOP_END);
  assert_int_equal(seen.usage.input_tokens, 0);
  assert_int_equal(seen.usage.flags & UVLLM_USAGE_ESTIMATED, 0);
  a.message.text = test_str("Once");
  seen = run(&c, &a);
  assert_int_equal(seen.status, 0);
  assert_true(seen.nevents[UVLLM_EVENT_TEXT] > 1);
  core_end(&c);
}

static void embeddings_come_in_order(void** state) {
  (void) state;
  core_t c;
  ask_t a;
  const uvllm_message_t inputs[] = { { .text = UVLLM_STR("a") }, { .text = UVLLM_STR("bcdef") } };
  begin(&c);
  ask_ollama(&a, "", NULL);
  a.r.op = UVLLM_EMBED;
  a.r.flags = 0;
  a.r.messages = inputs;
  a.r.nmessages = 2;
  a.r.dimensions = 8;
  seen_t seen = run(&c, &a);
  assert_int_equal(seen.status, 0);
  assert_string_equal(told.events, "0:8;1:8;");
  assert_int_equal(seen.usage.input_tokens, 2);
  core_end(&c);
}

static void models_are_listed(void** state) {
  (void) state;
  core_t c;
  ask_t a;
  begin(&c);
  ask_ollama(&a, "", NULL);
  a.r.op = UVLLM_MODELS;
  a.r.flags = 0;
  a.r.nmessages = 0;
  seen_t seen = run(&c, &a);
  assert_int_equal(seen.status, 0);
  assert_string_equal(told.events, "llama3.2:latest;qwen3:8b;nomic-embed-text:latest;");
  core_end(&c);
}

static seen_t run_raw(core_t* c, const char* method, const char* path, const char* body,
                      const char* x_mock) {
  ask_t a;
  ask_ollama(&a, "", x_mock);
  a.r.op = UVLLM_RAW;
  a.r.flags = UVLLM_BODY;
  a.r.nmessages = 0;
  a.r.target.model = NULL;
  a.r.raw_method = method;
  a.r.raw_path = path;
  if (body != NULL)
    a.r.raw_body = test_str(body);
  return run(c, &a);
}

static void pulling_tells_how_far_it_is(void** state) {
  (void) state;
  core_t c;
  begin(&c);
  seen_t seen = run_raw(&c, NULL, "/api/pull", "{\"model\":\"m\"}", "tokens=2");
  assert_int_equal(seen.status, 0);
  assert_true(strncmp(told.events, "pulling manifest 0/0;pulling ", 29) == 0);
  assert_non_null(strstr(told.events, " 1009688688/2019377376;"));
  assert_non_null(strstr(told.events, "success 0/0;"));
  assert_non_null(strstr(seen.body, "{\"status\":\"success\"}\n"));
  seen = run_raw(&c, NULL, "/api/pull", "{\"model\":\"m\",\"stream\":false}", NULL);
  assert_int_equal(seen.status, 0);
  assert_string_equal(told.events, "success 0/0;");
  seen = run_raw(&c, NULL, "/api/pull", "{\"model\":\"m\"}", "no-done");
  assert_int_equal(seen.status, UVLLM_ETRUNCATED);
  seen = run_raw(&c, NULL, "/api/pull", "{\"model\":\"m\"}", "error-event=2");
  assert_int_equal(seen.status, UVLLM_EPROVIDER);
  core_end(&c);
}

static void what_else_there_is_goes_raw(void** state) {
  (void) state;
  core_t c;
  begin(&c);
  assert_string_equal(run_raw(&c, NULL, "/api/version", NULL, NULL).body,
                      "{\"version\":\"0.33.3\"}");
  seen_t seen = run_raw(&c, "DELETE", "/api/delete", "{\"model\":\"qwen3:8b\"}", NULL);
  assert_int_equal(seen.status, 0);
  assert_string_equal(seen.body, "");
  seen = run_raw(&c, "DELETE", "/api/delete", "{\"model\":\"nope\"}", NULL);
  assert_int_equal(seen.http_status, 404);
  assert_string_equal(seen.message, "model 'nope' not found");
  core_end(&c);
}

/* ---- Bodies ---- */

static uvllm_request_t bare_request(uvllm_message_t* message) {
  uvllm_request_t r;
  uvllm_request_init(&r);
  r.messages = message;
  r.nmessages = 1;
  return r;
}

static void assert_body(const uvllm_request_t* r, const uvllm_kv_t* params, size_t nparams,
                        const char* expected) {
  const uvllm_provider_ops_t* ops = &uvllm__ollama_ops;
  const uvllm_attempt_t a = { .request = r, .model = UVLLM_STR("m"), .params = params,
                              .nparams = nparams };
  uvllm_http_t http;
  record_t rec;
  void* s = calloc(1, ops->state_size);
  assert_non_null(s);
  record_init(&rec);
  assert_int_equal(ops->check(r, &rec.emit), 0);
  uvllm__http_init(&http, &uvllm__alloc_default);
  assert_int_equal(ops->build(s, &a, &http), 0);
  assert_int_equal(uvllm__http_finish(&http), 0);
  const uvllm_str_t body = uvllm__http_body(&http);
  char* text = strndup(body.base, body.len);
  assert_string_equal(text, expected);
  free(text);
  uvllm__http_free(&http);
  record_free(&rec);
  ops->fini(s);
  free(s);
}

static void extra_json_wins_within_options_too(void** state) {
  (void) state;
  const uvllm_kv_t params[] = { { "num_ctx", "1024" }, { "keep_alive", "5m" } };
  uvllm_message_t m = { .role = UVLLM_USER, .text = UVLLM_STR("Hi") };
  uvllm_request_t r = bare_request(&m);
  r.temperature = 0.5;
  r.reasoning_effort = "low";
  r.extra_json = test_str("{\"options\":{\"num_ctx\":8192,\"top_k\":40,\"temperature\":null},"
                          "\"keep_alive\":0,\"think\":true,\"truncate\":false}");
  assert_body(&r, params, 2,
              "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}],"
              "\"stream\":false,\"options\":{\"num_ctx\":8192,\"top_k\":40},"
              "\"keep_alive\":0,\"think\":true,\"truncate\":false}");
}

static void a_completion_may_think_and_have_a_format(void** state) {
  (void) state;
  uvllm_message_t m = { .role = UVLLM_USER, .text = UVLLM_STR("Once") };
  uvllm_request_t r = bare_request(&m);
  r.op = UVLLM_COMPLETION;
  r.reasoning_effort = "max";
  r.json_schema = test_str("{\"type\":\"object\"}");
  r.extra_json = test_str("{\"suffix\":\"end\"}");
  assert_body(&r, NULL, 0,
              "{\"model\":\"m\",\"prompt\":\"Once\",\"format\":\"json\",\"think\":\"max\","
              "\"stream\":false,\"suffix\":\"end\"}");
}

static void thoughts_of_its_own_go_back_and_no_others(void** state) {
  (void) state;
  uvllm_message_t m = { .role = UVLLM_ASSISTANT, .text = UVLLM_STR("Hi"),
                        .replay_json = UVLLM_STR("{\"ollama\":{\"thinking\":\"h\\nm\"}}") };
  uvllm_request_t r = bare_request(&m);
  assert_body(&r, NULL, 0,
              "{\"model\":\"m\",\"messages\":[{\"role\":\"assistant\",\"content\":\"Hi\","
              "\"thinking\":\"h\\nm\"}],\"stream\":false}");
  m.replay_json = test_str("{\"anthropic\":[{\"type\":\"thinking\"}]}");
  assert_body(&r, NULL, 0,
              "{\"model\":\"m\",\"messages\":[{\"role\":\"assistant\",\"content\":\"Hi\"}],"
              "\"stream\":false}");
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(chats_whole_and_streamed_say_the_same),
    cmocka_unit_test(thinking_and_cached_tokens_are_told),
    cmocka_unit_test(a_prompt_that_is_not_counted_is_estimated),
    cmocka_unit_test(length_ends_a_chat),
    cmocka_unit_test(a_schema_is_followed),
    cmocka_unit_test(an_openai_body_is_translated),
    cmocka_unit_test(calls_and_what_was_thought_go_back),
    cmocka_unit_test(errors_are_what_they_mean),
    cmocka_unit_test(broken_streams_are_no_answers),
    cmocka_unit_test(odd_bytes_are_the_same_answer),
    cmocka_unit_test(a_key_is_a_bearer),
    cmocka_unit_test(parameters_are_checked_at_submit),
    cmocka_unit_test(an_empty_prompt_loads_the_model),
    cmocka_unit_test(embeddings_come_in_order),
    cmocka_unit_test(models_are_listed),
    cmocka_unit_test(pulling_tells_how_far_it_is),
    cmocka_unit_test(what_else_there_is_goes_raw),
    cmocka_unit_test(extra_json_wins_within_options_too),
    cmocka_unit_test(a_completion_may_think_and_have_a_format),
    cmocka_unit_test(thoughts_of_its_own_go_back_and_no_others),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
