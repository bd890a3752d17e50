/* The Bedrock dialect through the public API against the mock, which verifies what we
 * sign: chats, streams, tools, images, schemas, reasoning, embeddings, lists, errors.
 */
#include "core.h"

#include <math.h>

#define KEY "AKIDEXAMPLE"
#define SECRET "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
#define MODEL "anthropic.claude-3-haiku-20240307-v1:0"

static const char kTools[] =
  "[{\"type\":\"function\",\"function\":{\"name\":\"weather\",\"parameters\":{\"type\":\"object\","
  "\"properties\":{\"city\":{\"type\":\"string\"}}}}},"
  "{\"type\":\"function\",\"function\":{\"name\":\"now\"}}]";

typedef struct scene_s {
  core_t core;
  char url[64];
  /* of the last request */
  seen_t seen;
  char reasoning[1024], tools[4096], replay[1024], id[64], models[4096];
  uvllm_stop_reason stop;
  int nvectors;
  size_t nvalues;
} scene_t;

static void set_key(scene_t* s, const char* id, const char* secret, const char* session) {
  uvllm_key_t key;
  uvllm_key_init(&key);
  key.key = id;
  key.secret = secret;
  key.session = session;
  assert_int_equal(uvllm_key_set(s->core.client, "mock", &key), 0);
}

static void scene_begin_with(scene_t* s, uvllm_mock_options_t* o) {
  uvllm_provider_options_t p;
  memset(s, 0, sizeof(*s));
  core_begin(&s->core);
  assert_int_equal(uvllm_mock_start(&s->core.mock, &s->core.loop, o), 0);
  snprintf(s->url, sizeof(s->url), "http://127.0.0.1:%d/bedrock", uvllm_mock_port(s->core.mock));
  core_provider_init(&p);
  p.name = "mock";
  p.dialect = "bedrock";
  p.base_url = s->url;
  p.price_as = "*";
  assert_int_equal(uvllm_provider_set(s->core.client, &p), 0);
  set_key(s, KEY, SECRET, NULL);
}

static void scene_begin(scene_t* s) {
  uvllm_mock_options_t o;
  uvllm_mock_options_init(&o);
  o.require_key = KEY ":" SECRET;
  scene_begin_with(s, &o);
}

static void scene_end(scene_t* s) {
  core_end(&s->core);
}

static void on_event(seen_t* seen, const uvllm_event_t* e) {
  scene_t* s = seen->data;
  if (e->type == UVLLM_EVENT_EMBEDDING) {
    assert_int_equal(e->index, s->nvectors);
    s->nvectors++;
    s->nvalues = e->u.vector.nvalues;
  }
  if (e->type == UVLLM_EVENT_MODEL && strlen(s->models) < 2048)
    snprintf(s->models + strlen(s->models), 256, "%.*s ", (int) e->u.model.id.len,
             e->u.model.id.base);
}

static void on_done(seen_t* seen, const uvllm_result_t* r) {
  scene_t* s = seen->data;
  core__copy(s->id, sizeof(s->id), r->request_id);
  if (r->nchoices == 0)
    return;
  core__copy(s->reasoning, sizeof(s->reasoning), r->choices[0].reasoning);
  core__copy(s->tools, sizeof(s->tools), r->choices[0].tools_json);
  core__copy(s->replay, sizeof(s->replay), r->choices[0].replay_json);
  s->stop = r->choices[0].stop;
}

/* Sends it and waits; the outcome stands in the scene. */
static void run(scene_t* s, const uvllm_request_t* r) {
  memset(&s->seen, 0, sizeof(*s) - offsetof(scene_t, seen));
  s->seen.on_event = on_event;
  s->seen.on_done = on_done;
  s->seen.data = s;
  core_submit(&s->core, r, &s->seen);
  core_run(&s->core, s->core.ndone + 1);
}

static void ask_bedrock(ask_t* a, const char* prompt, const char* x_mock, int streams) {
  ask_init(a, prompt, x_mock);
  a->r.target.model = MODEL;
  a->r.flags = streams ? UVLLM_STREAM : 0;
}

static void chat(scene_t* s, const char* x_mock, int streams) {
  ask_t a;
  ask_bedrock(&a, "Hello there", x_mock, streams);
  a.r.max_attempts = 1;
  run(s, &a.r);
}

/* ---- Chats ---- */

static void chats_are_signed_and_answered(void** state) {
  (void) state;
  scene_t s;
  char text[1024];
  scene_begin(&s);
  chat(&s, "tokens=5", 0);
  assert_int_equal(s.seen.status, 0);
  assert_int_equal(s.stop, UVLLM_STOP_END);
  assert_int_equal(s.seen.usage.input_tokens, 3);
  assert_int_equal(s.seen.usage.output_tokens, 5);
  assert_int_equal(strlen(s.id), 36);
  snprintf(text, sizeof(text), "%s", s.seen.result);
  assert_true(strlen(text) > 5);
  chat(&s, "tokens=5", 1);
  assert_int_equal(s.seen.status, 0);
  assert_string_equal(s.seen.result, text);
  assert_string_equal(s.seen.text, text);
  assert_int_equal(s.seen.nevents[UVLLM_EVENT_TEXT], 5);
  assert_int_equal(s.seen.usage.output_tokens, 5);
  assert_int_equal(s.stop, UVLLM_STOP_END);
  scene_end(&s);
}

static void keys_are_verified(void** state) {
  (void) state;
  static const struct {
    const char *key, *secret, *session;
    int status;
  } keys[] = { { KEY, SECRET, NULL, 0 }, { KEY, SECRET, "a-session", 0 },
               { KEY, "another-secret", NULL, UVLLM_EAUTH },
               { "AKIDOTHER", SECRET, NULL, UVLLM_EAUTH },
               { KEY ":" SECRET, NULL, NULL, 0 }, /* a bearer token, for the mock */
               { KEY, NULL, NULL, UVLLM_EAUTH } };
  scene_t s;
  scene_begin(&s);
  for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
    set_key(&s, keys[i].key, keys[i].secret, keys[i].session);
    for (int streams = 0; streams < 2; streams++) {
      chat(&s, NULL, streams);
      assert_int_equal(s.seen.status, keys[i].status);
    }
    assert_null(strstr(s.core.log, "wJalrXUtnFEMI"));
    assert_null(strstr(s.core.log, "Signature="));
  }
  scene_end(&s);
}

static void signatures_cover_paths_queries_and_bodies(void** state) {
  (void) state;
  static const char* const models[] = { "arn:aws:bedrock:us-east-1:1:inference-profile/us.x:0",
                                        "a b+c%d", "plain" };
  scene_t s;
  ask_t a;
  scene_begin(&s);
  for (size_t i = 0; i < sizeof(models) / sizeof(models[0]); i++) {
    ask_bedrock(&a, "Gr\xc3\xbc\xc3\x9f dich", NULL, 1);
    a.r.target.model = models[i];
    run(&s, &a.r);
    assert_int_equal(s.seen.status, 0);
  }
  ask_bedrock(&a, "", NULL, 0);
  a.r.op = UVLLM_RAW;
  a.r.messages = NULL;
  a.r.nmessages = 0;
  a.r.raw_path = "/foundation-models?byProvider=b&byOutputModality=TEXT&a=%2F";
  run(&s, &a.r);
  assert_int_equal(s.seen.status, 0);
  assert_int_equal(s.seen.http_status, 200);
  a.r.raw_path = "/model/m/count-tokens";
  a.r.raw_body = test_str("{\"input\":{\"converse\":{\"messages\":[{\"role\":\"user\","
                          "\"content\":[{\"text\":\"hi\"}]}]}}}");
  run(&s, &a.r);
  assert_int_equal(s.seen.http_status, 200);
  scene_end(&s);
}

static void tools_go_round(void** state) {
  (void) state;
  scene_t s;
  ask_t a;
  uvllm_message_t turns[4];
  char calls[4096], replay[1024], id[2][64];
  scene_begin(&s);
  for (int streams = 0; streams < 2; streams++) {
    ask_bedrock(&a, "Weather?", "tool=2,reasoning=3", streams);
    a.r.tools_json = test_str(kTools);
    run(&s, &a.r);
    assert_int_equal(s.seen.status, 0);
    assert_int_equal(s.stop, UVLLM_STOP_TOOL);
    assert_non_null(strstr(s.tools, "\"name\":\"weather\""));
    assert_non_null(strstr(s.tools, "\"name\":\"now\""));
    assert_true(strlen(s.reasoning) > 3);
    assert_non_null(strstr(s.replay, "{\"bedrock\":[{\"reasoningContent\":{\"reasoningText\":"));
    assert_non_null(strstr(s.replay, "\"signature\":\"bW9jay1zaWduYXR1cmU=\""));
    snprintf(calls, sizeof(calls), "%s", s.tools);
    snprintf(replay, sizeof(replay), "%s", s.replay);
    const char* at = strstr(calls, "\"tooluse_") + 1;
    snprintf(id[0], sizeof(id[0]), "%.*s", (int) strcspn(at, "\""), at);
    at = strstr(at, "\"tooluse_") + 1;
    snprintf(id[1], sizeof(id[1]), "%.*s", (int) strcspn(at, "\""), at);
    memset(turns, 0, sizeof(turns));
    turns[0] = a.message;
    turns[1] = (uvllm_message_t) { .role = UVLLM_ASSISTANT, .tool_calls_json = test_str(calls),
                                   .replay_json = test_str(replay) };
    for (int i = 0; i < 2; i++)
      turns[2 + i] = (uvllm_message_t) { .role = UVLLM_TOOL, .text = test_str("-3"),
                                         .tool_call_id = test_str(id[i]) };
    a.r.messages = turns;
    a.r.nmessages = 4;
    a.header.value = "tokens=2";
    run(&s, &a.r);
    assert_int_equal(s.seen.status, 0);
    assert_int_equal(s.stop, UVLLM_STOP_END);
    assert_string_equal(s.replay, "");
  }
  scene_end(&s);
}

static void named_tool_is_called(void** state) {
  (void) state;
  scene_t s;
  ask_t a;
  scene_begin(&s);
  ask_bedrock(&a, "Weather?", NULL, 1);
  a.r.tools_json = test_str(kTools);
  a.r.tool_choice_json = test_str("{\"type\":\"function\",\"function\":{\"name\":\"now\"}}");
  run(&s, &a.r);
  assert_int_equal(s.seen.status, 0);
  assert_non_null(strstr(s.tools, "\"name\":\"now\",\"arguments\":\"{}\""));
  scene_end(&s);
}

static void schema_is_followed(void** state) {
  (void) state;
  scene_t s;
  ask_t a;
  scene_begin(&s);
  ask_bedrock(&a, "A number", NULL, 1);
  a.r.json_schema = test_str("{\"type\":\"object\",\"properties\":{\"n\":{\"type\":"
                             "\"integer\"}}}");
  run(&s, &a.r);
  assert_int_equal(s.seen.status, 0);
  assert_string_equal(s.seen.result, "{\"n\":1}");
  scene_end(&s);
}

static void images_and_documents_change_the_answer(void** state) {
  (void) state;
  static const char* const parts[] = {
    "[{\"type\":\"text\",\"text\":\"See\"}]",
    "[{\"type\":\"text\",\"text\":\"See\"},{\"type\":\"image_url\",\"image_url\":{\"url\":"
    "\"data:image/png;base64,iVBORw0KGgo=\"}}]",
    "[{\"type\":\"text\",\"text\":\"See\"},{\"type\":\"file\",\"file\":{\"filename\":\"a.pdf\","
    "\"file_data\":\"data:application/pdf;base64,JVBERi0=\"}}]" };
  scene_t s;
  ask_t a;
  char before[3][1024];
  scene_begin(&s);
  for (int i = 0; i < 3; i++) {
    ask_bedrock(&a, "", NULL, 1);
    a.message.text.base = NULL;
    a.message.parts_json = test_str(parts[i]);
    run(&s, &a.r);
    assert_int_equal(s.seen.status, 0);
    snprintf(before[i], sizeof(before[i]), "%s", s.seen.result);
    for (int k = 0; k < i; k++)
      assert_string_not_equal(before[i], before[k]);
  }
  scene_end(&s);
}

static void answers_end_for_a_reason(void** state) {
  (void) state;
  scene_t s;
  ask_t a;
  scene_begin(&s);
  for (int streams = 0; streams < 2; streams++) {
    ask_bedrock(&a, "Hello there", NULL, streams);
    a.r.max_tokens = 3;
    run(&s, &a.r);
    assert_int_equal(s.seen.status, 0);
    assert_int_equal(s.stop, UVLLM_STOP_LENGTH);
    assert_int_equal(s.seen.usage.output_tokens, 3);
    chat(&s, "filter", streams);
    assert_int_equal(s.stop, UVLLM_STOP_FILTER);
    chat(&s, "cached=2", streams);
    assert_int_equal(s.seen.usage.input_tokens, 3);
    assert_int_equal(s.seen.usage.cached_input_tokens, 2);
  }
  scene_end(&s);
}

static void openai_body_is_translated_both_ways(void** state) {
  (void) state;
  scene_t s;
  ask_t a;
  scene_begin(&s);
  ask_bedrock(&a, "", "tokens=2", 0);
  a.r.messages = NULL;
  a.r.nmessages = 0;
  a.r.flags = UVLLM_BODY;
  a.r.body_json = test_str("{\"model\":\"gpt\",\"messages\":[{\"role\":\"system\",\"content\":"
                           "\"Be brief\"},{\"role\":\"user\",\"content\":\"Hi\"}],"
                           "\"max_completion_tokens\":5,\"stop\":\"END\"}");
  run(&s, &a.r);
  assert_int_equal(s.seen.status, 0);
  assert_non_null(strstr(s.seen.body, "\"object\":\"chat.completion\""));
  assert_non_null(strstr(s.seen.body, "\"finish_reason\":\"stop\""));
  scene_end(&s);
}

/* ---- What goes wrong ---- */

static void errors_have_their_codes(void** state) {
  (void) state;
  static const struct {
    const char* x_mock;
    int status;
    const char* code;
  } errors[] = {
    { "status=400", UVLLM_EREQUEST, "ValidationException" },
    { "status=401", UVLLM_EAUTH, "UnrecognizedClientException" },
    { "status=403", UVLLM_EPERMISSION, "AccessDeniedException" },
    { "status=404", UVLLM_ENOMODEL, "ResourceNotFoundException" },
    { "status=408", UVLLM_EPROVIDER, "ModelTimeoutException" },
    { "status=424", UVLLM_EPROVIDER, "ModelErrorException" },
    { "status=429", UVLLM_ERATELIMIT, "ThrottlingException" },
    { "quota", UVLLM_EQUOTA, "ServiceQuotaExceededException" },
    { "status=500", UVLLM_EPROVIDER, "InternalServerException" },
    { "status=503", UVLLM_EOVERLOAD, "ServiceUnavailableException" },
    { "status=502,html", UVLLM_EPROVIDER, "" },
  };
  scene_t s;
  scene_begin(&s);
  for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
    for (int streams = 0; streams < 2; streams++) {
      set_key(&s, KEY, SECRET, NULL); /* the last one may have been refused */
      chat(&s, errors[i].x_mock, streams);
      if (s.seen.status != errors[i].status)
        print_error("%s\n", errors[i].x_mock);
      assert_int_equal(s.seen.status, errors[i].status);
      assert_string_equal(s.seen.code, errors[i].code);
      assert_true(s.seen.message[0] != '\0');
    }
  scene_end(&s);
}

static void streams_go_wrong(void** state) {
  (void) state;
  static const struct {
    const char* x_mock;
    int status;
  } ways[] = {
    { "tokens=4,cut=2", UVLLM_ETRUNCATED }, { "tokens=4,error-event=2", UVLLM_EPROVIDER },
    { "tokens=4,no-finish", UVLLM_ETRUNCATED }, { "tokens=4,no-done", 0 },
    { "tokens=4,malformed", UVLLM_EPROTO }, { "tokens=4,empty", UVLLM_ETRUNCATED },
    { "tokens=4,html", UVLLM_EPROTO }, { "tokens=4,comments", 0 }, { "tokens=4,drip", 0 },
    { "tokens=4,split", 0 }, { "tokens=4,eof", 0 }, { "tokens=4,bad-utf8", 0 },
    { "tokens=1,big=300000", 0 }, { "tokens=4,close", 0 }
  };
  scene_t s;
  scene_begin(&s);
  for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
    chat(&s, ways[i].x_mock, 1);
    if (s.seen.status != ways[i].status)
      print_error("%s: %s %s\n", ways[i].x_mock, uvllm_err_name(s.seen.status), s.seen.message);
    assert_int_equal(s.seen.status, ways[i].status);
  }
  chat(&s, "error-event=1", 0);
  assert_int_equal(s.seen.status, UVLLM_EPROVIDER);
  chat(&s, "malformed", 0);
  assert_int_equal(s.seen.status, UVLLM_EPROTO);
  chat(&s, "cut=50", 0);
  assert_int_equal(s.seen.status, UVLLM_ETRUNCATED);
  scene_end(&s);
}

static void overload_is_tried_again(void** state) {
  (void) state;
  scene_t s;
  ask_t a;
  scene_begin(&s);
  ask_bedrock(&a, "Again", "status=503,once,retry-after-ms=1", 1);
  run(&s, &a.r);
  assert_int_equal(s.seen.status, 0);
  assert_int_equal(s.seen.attempts, 2);
  scene_end(&s);
}

static void refused_at_submit(scene_t* s, ask_t* a, const char* why) {
  assert_int_equal(core_try(&s->core, &a->r, &s->seen), UVLLM_EUNSUPPORTED);
  assert_non_null(strstr(uvllm_last_error(s->core.client), why));
}

static void what_it_has_not_is_refused(void** state) {
  (void) state;
  scene_t s;
  ask_t a;
  scene_begin(&s);
  ask_bedrock(&a, "Hi", NULL, 0);
  a.r.n = 2;
  refused_at_submit(&s, &a, "has no n here");
  ask_bedrock(&a, "Hi", NULL, 0);
  a.r.op = UVLLM_COMPLETION;
  refused_at_submit(&s, &a, "cannot be had from bedrock");
  ask_bedrock(&a, "Hi", NULL, 0);
  a.r.op = UVLLM_EMBED;
  refused_at_submit(&s, &a, "no common form for embeddings");
  scene_end(&s);
}

/* ---- The other ops ---- */

static void titan_embeds_one_text_an_exchange(void** state) {
  (void) state;
  scene_t s;
  ask_t a;
  const uvllm_message_t inputs[] = { { .text = UVLLM_STR("first") },
                                     { .text = UVLLM_STR("second text") },
                                     { .text = UVLLM_STR("third") } };
  static const char* const models[] = { "amazon.titan-embed-text-v2:0", "cohere.embed-english-v3" };
  scene_begin(&s);
  for (int i = 0; i < 2; i++) {
    ask_bedrock(&a, "", NULL, 0);
    a.r.op = UVLLM_EMBED;
    a.r.target.model = models[i];
    a.r.messages = inputs;
    a.r.nmessages = 3;
    a.r.dimensions = 256;
    run(&s, &a.r);
    assert_int_equal(s.seen.status, 0);
    assert_int_equal(s.nvectors, 3);
    assert_int_equal(s.nvalues, 256);
    assert_int_equal(s.seen.usage.input_tokens, i == 0 ? 7 : 6);
  }
  scene_end(&s);
}

static void models_and_counts(void** state) {
  (void) state;
  scene_t s;
  ask_t a;
  scene_begin(&s);
  ask_bedrock(&a, "", "models=500", 0);
  a.r.op = UVLLM_MODELS;
  a.r.messages = NULL;
  a.r.nmessages = 0;
  run(&s, &a.r);
  assert_int_equal(s.seen.status, 0);
  assert_int_equal(s.seen.nevents[UVLLM_EVENT_MODEL], 500);
  assert_non_null(strstr(s.models, MODEL));
  ask_bedrock(&a, "Hello there", NULL, 0);
  a.r.op = UVLLM_COUNT_TOKENS;
  a.r.tools_json = test_str(kTools);
  run(&s, &a.r);
  assert_int_equal(s.seen.status, 0);
  assert_int_equal(s.seen.usage.input_tokens, 3);
  scene_end(&s);
}

/* As at Amazon, where they are at another host than the answers. */
static void models_are_listed_elsewhere(void** state) {
  (void) state;
  scene_t s;
  ask_t a;
  char answers[64], lists[64];
  uvllm_preset_t preset;
  uvllm_provider_options_t p;
  scene_begin(&s);
  const uvllm_kv_t params[] = { { "where", "wrong" }, { "models_url", lists },
                                { "where", "nowhere" } };
  snprintf(answers, sizeof(answers), "http://127.0.0.1:%d/{where}",
           uvllm_mock_port(s.core.mock));
  snprintf(lists, sizeof(lists), "%s", s.url);
  uvllm_preset_init(&preset);
  preset.name = "mock";
  preset.dialect = "bedrock";
  preset.base_url = answers;
  preset.params = params;
  preset.nparams = 3;
  assert_int_equal(uvllm_preset_set(s.core.client, &preset), 0);
  core_provider_init(&p);
  p.name = "mock";
  p.price_as = "*";
  assert_int_equal(uvllm_provider_set(s.core.client, &p), 0);
  ask_bedrock(&a, "", NULL, 0);
  a.r.op = UVLLM_MODELS;
  a.r.messages = NULL;
  a.r.nmessages = 0;
  run(&s, &a.r);
  assert_int_equal(s.seen.status, 0);
  assert_true(s.seen.nevents[UVLLM_EVENT_MODEL] > 3);
  ask_bedrock(&a, "Hi", NULL, 0);
  run(&s, &a.r);
  assert_int_not_equal(s.seen.status, 0);
  preset.nparams = 0;
  assert_int_equal(uvllm_preset_set(s.core.client, &preset), 0);
  assert_int_equal(uvllm_provider_set(s.core.client, &p), UV_EINVAL);
  assert_string_equal(uvllm_last_error(s.core.client), "the base URL needs the parameter where");
  scene_end(&s);
}

static void regions_make_the_host(void** state) {
  (void) state;
  core_t c;
  uvllm_provider_options_t p;
  const uvllm_kv_t region = { "region", "eu-central-1" };
  core_begin(&c);
  core_provider_init(&p);
  p.name = "bedrock";
  p.params = &region;
  p.nparams = 1;
  p.transport = UVLLM_TRANSPORT_AUTO;
  assert_int_equal(uvllm_provider_set(c.client, &p), 0);
  ask_t a;
  seen_t s = { 0 };
  ask_init(&a, "Hi", NULL);
  a.r.target.provider = "bedrock";
  assert_int_equal(core_try(&c, &a.r, &s), UVLLM_ENOKEY);
  core_end(&c);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(chats_are_signed_and_answered),
    cmocka_unit_test(keys_are_verified),
    cmocka_unit_test(signatures_cover_paths_queries_and_bodies),
    cmocka_unit_test(tools_go_round),
    cmocka_unit_test(named_tool_is_called),
    cmocka_unit_test(schema_is_followed),
    cmocka_unit_test(images_and_documents_change_the_answer),
    cmocka_unit_test(answers_end_for_a_reason),
    cmocka_unit_test(openai_body_is_translated_both_ways),
    cmocka_unit_test(errors_have_their_codes),
    cmocka_unit_test(streams_go_wrong),
    cmocka_unit_test(overload_is_tried_again),
    cmocka_unit_test(what_it_has_not_is_refused),
    cmocka_unit_test(titan_embeds_one_text_an_exchange),
    cmocka_unit_test(models_and_counts),
    cmocka_unit_test(models_are_listed_elsewhere),
    cmocka_unit_test(regions_make_the_host)
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
