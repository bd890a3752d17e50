/* The Gemini dialect through the public API, against the mock that speaks it; and what
 * fixtures cannot say of its requests: extra_json, and turns with replay_json.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "dialect_scene.h"
#include "dialects.h"
#include "http_build.h"
#include "record.h"

#include <math.h>

typedef struct scene_s {
  core_t core;
  ask_t ask;
  seen_t seen;
} scene_t;

static char stop[32], reasoning[1024], tools[1024], replay[1024], request_id[64], models[8192];
static int nmodels;

static void on_event(seen_t* s, const uvllm_event_t* e) {
  (void) s;
  if (e->type != UVLLM_EVENT_MODEL)
    return;
  const size_t at = strlen(models);
  nmodels++;
  snprintf(models + at, sizeof(models) - at, "%.*s;", (int) e->u.model.id.len, e->u.model.id.base);
}

static void on_done(seen_t* s, const uvllm_result_t* r) {
  static const char* const stops[] = { "none", "end", "length", "sequence",
                                       "tool", "filter", "refusal" };
  (void) s;
  core__copy(request_id, sizeof(request_id), r->request_id);
  if (r->nchoices == 0)
    return;
  snprintf(stop, sizeof(stop), "%s", stops[r->choices[0].stop]);
  core__copy(reasoning, sizeof(reasoning), r->choices[0].reasoning);
  core__copy(tools, sizeof(tools), r->choices[0].tools_json);
  core__copy(replay, sizeof(replay), r->choices[0].replay_json);
}

static void begin_with(scene_t* s, uvllm_mock_options_t* options, const char* key) {
  uvllm_provider_options_t p;
  char url[64];
  memset(s, 0, sizeof(*s));
  core_begin(&s->core);
  core_mock(&s->core, options, NULL);
  snprintf(url, sizeof(url), "http://127.0.0.1:%d", uvllm_mock_port(s->core.mock));
  core_provider_init(&p);
  p.name = "gemini";
  p.base_url = url;
  p.price_as = "*";
  assert_int_equal(uvllm_provider_set(s->core.client, &p), 0);
  if (key == NULL)
    return;
  uvllm_key_t k;
  uvllm_key_init(&k);
  k.key = key;
  assert_int_equal(uvllm_key_set(s->core.client, "gemini", &k), 0);
}

static void begin(scene_t* s) {
  begin_with(s, NULL, NULL);
}

static void prepare(scene_t* s, const char* x_mock, unsigned int flags) {
  ask_init(&s->ask, "Hello there", x_mock);
  s->ask.r.target.provider = "gemini";
  s->ask.r.target.model = "gemini-2.5-flash";
  s->ask.r.flags = flags;
  s->ask.r.max_attempts = 1;
}

static void run(scene_t* s) {
  memset(&s->seen, 0, sizeof(s->seen));
  stop[0] = reasoning[0] = tools[0] = replay[0] = request_id[0] = models[0] = '\0';
  nmodels = 0;
  s->seen.on_event = on_event;
  s->seen.on_done = on_done;
  core_submit(&s->core, &s->ask.r, &s->seen);
  core_run(&s->core, s->core.ndone + 1);
}

/* ---- Chats ---- */

/* Everything that an answer may be, streamed and whole: one table. */
static void answers_of_all_kinds(void** state) {
  (void) state;
  static const struct {
    const char *mock, *stop;
    int status;
    unsigned int cached, output, reasoning;
  } table[] = {
    { "tokens=5", "end", 0, 0, 5, 0 },
    { "tokens=5,crlf,comments", "end", 0, 0, 5, 0 },
    { "tokens=3,drip", "end", 0, 0, 3, 0 },
    { "tokens=3,split", "end", 0, 0, 3, 0 },
    { "tokens=2,eof", "end", 0, 0, 2, 0 },
    { "tokens=2,bad-utf8", "end", 0, 0, 2, 0 },
    { "tokens=2,big=3000", "end", 0, 0, 2, 0 },
    { "tokens=5,cached=2", "end", 0, 2, 5, 0 },
    { "tokens=5,reasoning=4", "end", 0, 0, 9, 4 },
    { "tokens=5,filter", "filter", 0, 0, 5, 0 },
  };
  scene_t s;
  begin(&s);
  for (size_t i = 0; i < 2 * sizeof(table) / sizeof(table[0]); i++) {
    prepare(&s, table[i / 2].mock, i % 2 ? UVLLM_STREAM : 0);
    run(&s);
    assert_int_equal(s.seen.status, table[i / 2].status);
    assert_string_equal(stop, table[i / 2].stop);
    assert_string_equal(s.seen.text, s.seen.result);
    assert_true(s.seen.text[0] != '\0');
    assert_int_equal(s.seen.usage.input_tokens, 3);
    assert_int_equal(s.seen.usage.cached_input_tokens, table[i / 2].cached);
    assert_int_equal(s.seen.usage.output_tokens, table[i / 2].output);
    assert_int_equal(s.seen.usage.reasoning_tokens, table[i / 2].reasoning);
    assert_int_equal(reasoning[0] != '\0', table[i / 2].reasoning != 0);
    assert_int_equal(strlen(request_id), 16);
  }
  core_end(&s.core);
}

static void errors_of_all_kinds(void** state) {
  (void) state;
  static const struct {
    const char* mock;
    int status, stream_only;
    const char* code;
  } table[] = {
    { "status=400", UVLLM_EREQUEST, 0, "INVALID_ARGUMENT" },
    { "status=401", UVLLM_EAUTH, 0, "UNAUTHENTICATED" },
    { "status=403", UVLLM_EPERMISSION, 0, "PERMISSION_DENIED" },
    { "status=404", UVLLM_ENOMODEL, 0, "NOT_FOUND" },
    { "status=429", UVLLM_ERATELIMIT, 0, "RESOURCE_EXHAUSTED" },
    { "quota", UVLLM_EQUOTA, 0, "RESOURCE_EXHAUSTED" },
    { "status=500", UVLLM_EPROVIDER, 0, "INTERNAL" },
    { "status=502", UVLLM_EPROVIDER, 0, "" },
    { "status=503", UVLLM_EOVERLOAD, 0, "UNAVAILABLE" },
    { "status=504", UVLLM_EPROVIDER, 0, "DEADLINE_EXCEEDED" },
    { "html", UVLLM_EPROTO, 0, "" },
    { "malformed,tokens=3", UVLLM_EPROTO, 0, "" },
    { "empty", UVLLM_ETRUNCATED, 1, "" },
    { "cut=2,tokens=5", UVLLM_ETRUNCATED, 1, "" },
    { "no-finish,tokens=3", UVLLM_ETRUNCATED, 1, "" },
    { "error-event=2,tokens=5", UVLLM_EPROVIDER, 0, "INTERNAL" },
  };
  scene_t s;
  begin(&s);
  for (size_t i = 0; i < 2 * sizeof(table) / sizeof(table[0]); i++) {
    if (i % 2 == 0 && table[i / 2].stream_only)
      continue;
    prepare(&s, table[i / 2].mock, i % 2 ? UVLLM_STREAM : 0);
    run(&s);
    if (s.seen.status != table[i / 2].status)
      fail_msg("%s: %d %s", table[i / 2].mock, s.seen.status, s.seen.message);
    assert_string_equal(s.seen.code, table[i / 2].code);
  }
  core_end(&s.core);
}

/* There is no such header here: RetryInfo alone says it. */
static void a_wait_in_the_error_is_waited_for(void** state) {
  (void) state;
  scene_t s;
  uvllm_mock_options_t o;
  uvllm_mock_options_init(&o);
  o.requests_per_min = 60; /* so one at once */
  begin_with(&s, &o, NULL);
  for (uint32_t attempts = 1; attempts <= 2; attempts++) {
    prepare(&s, "tokens=1", UVLLM_STREAM);
    s.ask.r.max_attempts = 2;
    run(&s);
    assert_int_equal(s.seen.status, 0);
    assert_int_equal(s.seen.attempts, attempts);
  }
  assert_true(s.seen.timing.ended - s.seen.timing.submitted >= UINT64_C(500000000));
  core_end(&s.core);
}

static void length_schema_and_candidates(void** state) {
  (void) state;
  scene_t s;
  begin(&s);
  prepare(&s, NULL, UVLLM_STREAM);
  s.ask.r.max_tokens = 3;
  run(&s);
  assert_string_equal(stop, "length");
  prepare(&s, NULL, 0);
  s.ask.r.json_schema = test_str("{\"type\":\"object\","
      "\"properties\":{\"x\":{\"type\":\"integer\"}}}");
  run(&s);
  assert_string_equal(s.seen.result, "{\"x\":1}");
  prepare(&s, "tokens=2", UVLLM_STREAM | UVLLM_BODY);
  s.ask.r.n = 2;
  run(&s);
  assert_int_equal(s.seen.status, 0);
  assert_non_null(strstr(s.seen.body, "\"index\":1"));
  prepare(&s, "tokens=2", 0);
  s.ask.r.reasoning_effort = "low";
  run(&s);
  assert_int_equal(s.seen.usage.reasoning_tokens, 8);
  core_end(&s.core);
}

static void an_image_goes_through(void** state) {
  (void) state;
  scene_t s;
  begin(&s);
  prepare(&s, "tokens=2", 0);
  s.ask.message.text.base = NULL;
  s.ask.message.parts_json = test_str("[{\"type\":\"text\",\"text\":\"What?\"},"
      "{\"type\":\"image_url\","
                                      "\"image_url\":{\"url\":\"data:image/png;base64,"
                                          "iVBORw0KGgo=\"}}]");
  run(&s);
  assert_int_equal(s.seen.status, 0);
  assert_int_equal(s.seen.usage.input_tokens, 2);
  core_end(&s.core);
}

static const char kTools[] =
    "[{\"type\":\"function\",\"function\":{\"name\":\"weather\","
        "\"parameters\":{\"type\":\"object\","
    "\"properties\":{\"city\":{\"type\":\"string\"}}}}},"
    "{\"type\":\"function\",\"function\":{\"name\":\"now\"}}]";

/* Two calls at once, and a second turn with their results. The mock refuses a call
 * without its signature, and results that are not as many as the calls. */
static void tools_in_two_turns(scene_t* s, const char* model, unsigned int flags, int signs) {
  char calls[1024], kept[1024];
  prepare(s, "tool=2", flags);
  s->ask.r.target.model = model;
  s->ask.r.tools_json = test_str(kTools);
  run(s);
  assert_int_equal(s->seen.status, 0);
  assert_string_equal(stop, "tool");
  assert_non_null(strstr(tools, "\"name\":\"weather\","
      "\"arguments\":\"{\\\"city\\\":\\\"text\\\"}\""));
  assert_int_equal(strstr(tools, "call_0_1") != NULL, !signs);
  assert_int_equal(replay[0] != '\0', signs);
  snprintf(calls, sizeof(calls), "%s", tools);
  snprintf(kept, sizeof(kept), "%s", replay);
  const char* second = strstr(strstr(calls, "\"id\":\"") + 6, "\"id\":\"") + 6;
  const char* first = strstr(calls, "\"id\":\"") + 6;
  const uvllm_message_t turns[] = {
    { .role = UVLLM_USER, .text = UVLLM_STR("Hello") },
    { .role = UVLLM_ASSISTANT, .tool_calls_json = test_str(calls),
      .replay_json = signs ? test_str(kept) : (uvllm_str_t) { NULL, 0 } },
    { .role = UVLLM_TOOL, .text = UVLLM_STR("cold"),
      .tool_call_id = { first, strcspn(first, "\"") } },
    { .role = UVLLM_TOOL, .text = UVLLM_STR("{\"time\":12}"),
      .tool_call_id = { second, strcspn(second, "\"") } },
  };
  prepare(s, "tokens=2", flags);
  s->ask.r.target.model = model;
  s->ask.r.tools_json = test_str(kTools);
  s->ask.r.messages = turns;
  s->ask.r.nmessages = 4;
  run(s);
  assert_int_equal(s->seen.status, 0);
  assert_string_equal(stop, "end");
}

static void tools_parallel_and_with_results(void** state) {
  (void) state;
  scene_t s;
  begin(&s);
  for (unsigned int flags = 0; flags <= UVLLM_STREAM; flags += UVLLM_STREAM) {
    tools_in_two_turns(&s, "gemini-2.5-flash", flags, 0);
    tools_in_two_turns(&s, "gemini-3-pro-preview", flags, 1);
  }
  core_end(&s.core);
}

/* ---- The rest ---- */

static void embeddings_models_and_counts(void** state) {
  (void) state;
  scene_t s;
  const uvllm_message_t inputs[] = { { .role = UVLLM_USER, .text = UVLLM_STR("a") },
                                     { .role = UVLLM_USER, .text = UVLLM_STR("b") } };
  begin(&s);
  for (size_t n = 1; n <= 2; n++) {
    prepare(&s, NULL, 0);
    s.ask.r.op = UVLLM_EMBED;
    s.ask.r.target.model = "gemini-embedding-001";
    s.ask.r.messages = inputs;
    s.ask.r.nmessages = n;
    s.ask.r.dimensions = 4;
    run(&s);
    assert_int_equal(s.seen.status, 0);
    assert_int_equal(s.seen.nevents[UVLLM_EVENT_EMBEDDING], n);
  }
  prepare(&s, "models=2500", 0);
  s.ask.r.op = UVLLM_MODELS;
  s.ask.r.nmessages = 0;
  run(&s);
  assert_int_equal(s.seen.status, 0);
  assert_int_equal(nmodels, 2500);
  assert_int_equal(strncmp(models, "gemini-2.5-flash;", 17), 0);
  prepare(&s, NULL, 0);
  s.ask.r.op = UVLLM_COUNT_TOKENS;
  run(&s);
  assert_int_equal(s.seen.usage.input_tokens, 3);
  s.ask.r.tools_json = test_str(kTools);
  run(&s);
  assert_int_equal(s.seen.status, 0);
  core_end(&s.core);
}

/* A hundred are the most that one takes; 201 leave one for the last. */
static void inputs_beyond_one_request_go_in_several(void** state) {
  (void) state;
  static const struct {
    size_t ninputs;
    uint64_t nrequests;
  } cases[] = { { 100, 1 }, { 101, 2 }, { 201, 3 } };
  static uvllm_message_t inputs[201];
  for (size_t i = 0; i < 201; i++)
    inputs[i] = (uvllm_message_t) { .role = UVLLM_USER, .text = UVLLM_STR("four") };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    dialect_scene_t d;
    ask_t a;
    uvllm_mock_stats_t stats;
    dialect_begin(&d, "gemini", "", NULL);
    dialect_ask(&a, NULL);
    a.r.op = UVLLM_EMBED;
    a.r.flags = UVLLM_NO_COLLECT;
    a.r.messages = inputs;
    a.r.nmessages = cases[i].ninputs;
    a.r.dimensions = 8;
    assert_int_equal(dialect_run(&d, &a.r).status, 0);
    assert_int_equal(d.nvectors, cases[i].ninputs); /* in their order */
    uvllm_mock_stats(d.core.mock, &stats);
    assert_int_equal(stats.requests, cases[i].nrequests);
    dialect_end(&d);
  }
}

/* Counts of the exchanges are summed, since each is of its own inputs. */
static void tokens_of_several_requests_are_one_total(void** state) {
  (void) state;
  const uvllm_provider_ops_t* ops = uvllm__dialect("gemini");
  static uvllm_message_t inputs[101];
  char answer[2][8192];
  record_t rec;
  uvllm_http_t http;
  uvllm_request_t r = { .op = UVLLM_EMBED, .messages = inputs, .nmessages = 101 };
  uvllm_attempt_t a = { .request = &r, .model = test_str("m"), .number = 1 };
  void* s = calloc(1, ops->state_size);
  assert_non_null(s);
  for (size_t i = 0; i < 101; i++)
    inputs[i].text = test_str("x");
  for (int k = 0; k < 2; k++) {
    size_t at = (size_t) sprintf(answer[k], "{\"embeddings\":[");
    for (int i = 0; i < (k == 0 ? 100 : 1); i++)
      at += (size_t) sprintf(answer[k] + at, "%s{\"values\":[1]}", i != 0 ? "," : "");
    sprintf(answer[k] + at, "],\"usageMetadata\":{\"promptTokenCount\":%d}}", k == 0 ? 300 : 3);
  }
  record_init(&rec);
  for (uint32_t k = 0; k < 2; k++) {
    a.exchange = k;
    uvllm__http_init(&http, &uvllm__alloc_default);
    assert_int_equal(ops->build(s, &a, &http), 0);
    assert_int_equal(uvllm__http_finish(&http), 0);
    assert_non_null(strstr(http.path.base, ":batchEmbedContents"));
    uvllm__http_free(&http);
    ops->begin(s, 200, test_str("application/json"));
    const uvllm_frame_t frame = { { NULL, 0 }, test_str(answer[k]), 0 };
    assert_int_equal(ops->frame(s, &frame, &rec.emit), k == 0 ? UVLLM_NEXT : UVLLM_COMPLETE);
  }
  const char* lines = record_text(&rec);
  assert_non_null(strstr(lines, "embedding 99 [1]\nusage in=300 out=0 cached=0 reasoning=0\n"
                                "embedding 100 [1]\nusage in=303 out=0 cached=0 reasoning=0\n"));
  ops->fini(s);
  free(s);
  record_free(&rec);
}

static void the_key_goes_in_its_header(void** state) {
  (void) state;
  scene_t s;
  uvllm_mock_options_t o;
  uvllm_mock_options_init(&o);
  o.require_key = "k-1";
  for (int right = 0; right < 2; right++) {
    begin_with(&s, &o, right ? "k-1" : "k-2");
    prepare(&s, "tokens=1", 0);
    run(&s);
    assert_int_equal(s.seen.status, right ? 0 : UVLLM_EAUTH);
    core_end(&s.core);
  }
}

static void an_openai_body_is_translated(void** state) {
  (void) state;
  scene_t s;
  begin(&s);
  prepare(&s, "tokens=2", UVLLM_BODY);
  s.ask.r.nmessages = 0;
  s.ask.r.target.model = NULL;
  s.ask.r.body_json = test_str("{\"model\":\"gemini-2.5-pro\",\"messages\":[{\"role\":\"system\","
                               "\"content\":\"S\"},{\"role\":\"user\",\"content\":\"Hi\"}],"
                               "\"max_tokens\":7,\"temperature\":0}");
  run(&s);
  assert_int_equal(s.seen.status, 0);
  assert_non_null(strstr(s.seen.body, "\"object\":\"chat.completion\""));
  core_end(&s.core);
}

/* ---- Requests that fixtures cannot say ---- */

/* The body that is built; "" and *err where none is. */
static void build(const uvllm_request_t* r, char* body, size_t size, int* err) {
  const uvllm_provider_ops_t* ops = uvllm__dialect("gemini");
  const uvllm_attempt_t attempt = { .request = r, .model = UVLLM_STR("m"), .number = 1 };
  uvllm_http_t http;
  record_t rec;
  void* state = calloc(1, ops->state_size);
  assert_non_null(state);
  record_init(&rec);
  rec.emit.alloc = &uvllm__alloc_default;
  uvllm__http_init(&http, &uvllm__alloc_default);
  body[0] = '\0';
  *err = ops->check(r, &rec.emit);
  if (*err == 0)
    *err = ops->build(state, &attempt, &http);
  if (*err == 0)
    *err = uvllm__http_finish(&http);
  if (*err == 0)
    core__copy(body, size, uvllm__http_body(&http));
  uvllm__http_free(&http);
  record_free(&rec);
  ops->fini(state);
  free(state);
}

static void builds(const uvllm_request_t* r, const char* wanted) {
  char body[4096];
  int err;
  build(r, body, sizeof(body), &err);
  assert_int_equal(err, 0);
  assert_string_equal(body, wanted);
}

#define USER "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"Hi\"}]}"

static void extra_json_is_merged(void** state) {
  (void) state;
  const uvllm_message_t m[] = { { .role = UVLLM_USER, .text = UVLLM_STR("Hi") },
                                { .role = UVLLM_USER, .text = UVLLM_STR("Ho") } };
  uvllm_request_t r;
  uvllm_request_init(&r);
  r.messages = m;
  r.nmessages = 1;
  r.max_tokens = 5;
  r.reasoning_effort = "high";
  r.extra_json = test_str("{\"safetySettings\":[],\"generationConfig\":{\"topK\":40,"
                          "\"thinkingConfig\":{\"thinkingLevel\":\"LOW\"}}}");
  builds(&r, USER "],\"generationConfig\":{\"maxOutputTokens\":5,\"thinkingConfig\":{"
         "\"includeThoughts\":true,\"thinkingLevel\":\"LOW\"},\"topK\":40},\"safetySettings\":[]}");
  uvllm_request_init(&r);
  r.op = UVLLM_EMBED;
  r.messages = m;
  r.nmessages = 2;
  r.extra_json = test_str("{\"taskType\":\"CLUSTERING\"}");
#define INPUT(text) "{\"model\":\"models/m\",\"content\":{\"parts\":[{\"text\":\"" text "\"}]}," \
                    "\"taskType\":\"CLUSTERING\"}"
  builds(&r, "{\"requests\":[" INPUT("Hi") "," INPUT("Ho") "]}");
}

/* What was kept stands where it stood. */
static void kept_parts_go_back_to_their_place(void** state) {
  (void) state;
  static const char calls[] =
      "[{\"id\":\"c1\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}},"
      "{\"id\":\"c2\",\"type\":\"function\",\"function\":{\"name\":\"g\",\"arguments\":\"{}\"}}]";
  static const char kept[] =
      "{\"gemini\":{\"parts\":[{\"text\":2,\"calls\":0,\"bytes\":3,\"signature\":\"s1\"},"
      "{\"text\":7,\"calls\":0,\"part\":{\"executableCode\":{\"code\":\"1\"}}},"
      "{\"text\":7,\"calls\":0,\"call\":true,\"id\":\"c1\",\"signature\":\"s2\"},"
      "{\"text\":9,\"calls\":2,\"bytes\":0,\"signature\":\"s3\"}],\"bytes\":9}}";
  uvllm_message_t m[] = {
    { .role = UVLLM_USER, .text = UVLLM_STR("Hi") },
    { .role = UVLLM_ASSISTANT, .text = UVLLM_STR("aabbbccdd"),
      .tool_calls_json = UVLLM_STR(calls), .replay_json = UVLLM_STR(kept) },
    { .role = UVLLM_TOOL, .text = UVLLM_STR("1"), .tool_call_id = UVLLM_STR("c1") },
    { .role = UVLLM_TOOL, .text = UVLLM_STR("2"), .tool_call_id = UVLLM_STR("c2") },
  };
  uvllm_request_t r;
  uvllm_request_init(&r);
  r.messages = m;
  r.nmessages = 4;
#define CODE "{\"executableCode\":{\"code\":\"1\"}}"
#define CALLS "{\"functionCall\":{\"id\":\"c1\",\"name\":\"f\",\"args\":{}}," \
    "\"thoughtSignature\":\"s2\"}"
#define RESULTS "]},{\"role\":\"user\",\"parts\":[{\"functionResponse\":{\"id\":\"c1\"," \
    "\"name\":\"f\"," \
    "\"response\":{\"result\":\"1\"}}},{\"functionResponse\":{\"name\":\"g\"," \
    "\"response\":{\"result\":\"2\"}}}]}]}"
#define SECOND ",{\"functionCall\":{\"name\":\"g\",\"args\":{}}}"
#define LAST ",{\"text\":\"\",\"thoughtSignature\":\"s3\"}"
  builds(&r, USER ",{\"role\":\"model\",\"parts\":[{\"text\":\"aa\"},{\"text\":\"bbb\","
         "\"thoughtSignature\":\"s1\"},{\"text\":\"cc\"}," CODE "," CALLS
         ",{\"text\":\"dd\"}" SECOND LAST RESULTS);
  /* An edited text is not cut where the old one was. */
  m[1].text = test_str("\xc3\xa4\xc3\xa4");
  builds(&r, USER ",{\"role\":\"model\",\"parts\":[{\"text\":\"\xc3\xa4\xc3\xa4\"},{\"text\":\"\","
         "\"thoughtSignature\":\"s1\"}," CODE "," CALLS SECOND LAST RESULTS);
  /* Another dialect's, and none of the right kind. */
  m[1].replay_json = test_str("{\"anthropic\":[1],\"gemini\":{\"parts\":7}}");
  builds(&r, USER ",{\"role\":\"model\",\"parts\":[{\"text\":\"\xc3\xa4\xc3\xa4\"},"
         "{\"functionCall\":{\"name\":\"f\",\"args\":{}}}" SECOND
         "]},{\"role\":\"user\",\"parts\":[{\"functionResponse\":{\"name\":\"f\","
         "\"response\":{\"result\":\"1\"}}},{\"functionResponse\":{\"name\":\"g\","
         "\"response\":{\"result\":\"2\"}}}]}]}");
}

/* What comes of bad replay_json is the caller's: no crash. */
static void odd_replay_is_survived(void** state) {
  (void) state;
  static const char* const odd[] = {
    "{\"gemini\":null}", "{\"gemini\":{\"parts\":[null,7,{},{\"part\":7},{\"call\":true}]}}",
    "{\"gemini\":{\"parts\":[{\"text\":-5,\"calls\":-1,\"bytes\":-9}],\"bytes\":3}}",
    "{\"gemini\":{\"parts\":[{\"text\":1e99,\"calls\":1e99,\"bytes\":1e99,\"signature\":7}],"
    "\"bytes\":3}}",
  };
  uvllm_message_t m = { .role = UVLLM_ASSISTANT, .text = UVLLM_STR("abc") };
  uvllm_request_t r;
  char body[1024];
  int err;
  uvllm_request_init(&r);
  r.messages = &m;
  r.nmessages = 1;
  for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
    m.replay_json = test_str(odd[i]);
    build(&r, body, sizeof(body), &err);
    assert_int_equal(err, 0);
    assert_non_null(strstr(body, "abc"));
  }
  m.replay_json = test_str("[]");
  build(&r, body, sizeof(body), &err);
  assert_int_equal(err, UV_EINVAL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(answers_of_all_kinds),
    cmocka_unit_test(errors_of_all_kinds),
    cmocka_unit_test(a_wait_in_the_error_is_waited_for),
    cmocka_unit_test(length_schema_and_candidates),
    cmocka_unit_test(an_image_goes_through),
    cmocka_unit_test(tools_parallel_and_with_results),
    cmocka_unit_test(embeddings_models_and_counts),
    cmocka_unit_test(inputs_beyond_one_request_go_in_several),
    cmocka_unit_test(tokens_of_several_requests_are_one_total),
    cmocka_unit_test(the_key_goes_in_its_header),
    cmocka_unit_test(an_openai_body_is_translated),
    cmocka_unit_test(extra_json_is_merged),
    cmocka_unit_test(kept_parts_go_back_to_their_place),
    cmocka_unit_test(odd_replay_is_survived),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
