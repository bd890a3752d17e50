/* The mock provider over the wire: shapes, counts, limits, and what x-mock asks. */
#define _GNU_SOURCE
#include "mock_world.h"
#include "mock/mock_ask.h"
#include "mock/mock_limit.h"

#include <math.h>

#define CHAT "POST /v1/chat/completions"
#define HELLO "\"model\":\"gpt-4o\",\"messages\":[{\"role\":\"user\",\"content\":\"Hello there\"}]"

static void ask_chat(world_t* w, const char* mock, const char* members, reply_t* r) {
  char headers[256] = "", body[4096];
  if (mock[0] != '\0')
    snprintf(headers, sizeof(headers), "x-mock: %s\r\n", mock);
  snprintf(body, sizeof(body), "{" HELLO "%s}", members);
  ask(w, CHAT, headers, body, r);
}

#define STREAM ",\"stream\":true"

/* The next "data: " of a stream; len 0: there are no more. */
static uvllm_str_t next_event(const char** p) {
  uvllm_str_t event = { NULL, 0 };
  const char* data = *p != NULL ? strstr(*p, "data: ") : NULL;
  if (data != NULL) {
    event.base = data + 6;
    event.len = strcspn(event.base, "\r\n");
    *p = event.base + event.len;
  }
  return event;
}

static uvllm_str_t event_at(const reply_t* r, int i) {
  const char* p = r->body;
  uvllm_str_t event = next_event(&p);
  while (i-- > 0 && event.len != 0)
    event = next_event(&p);
  return event;
}

static int count_events(const reply_t* r) {
  const char* p = r->body;
  int n = 0;
  while (next_event(&p).len != 0)
    n++;
  return n;
}

static uvllm_json_t json_event(const reply_t* r, int i) {
  uvllm_str_t event = event_at(r, i);
  assert_true(event.len != 0);
  return json_of(event.base, event.len);
}

static int ends_with_done(const reply_t* r) {
  uvllm_str_t last = event_at(r, count_events(r) - 1);
  return last.len == 6 && memcmp(last.base, "[DONE]", 6) == 0;
}

/* All that a member says in the events of a choice, put together. */
static void collect(const reply_t* r, const char* path, int choice, char* out, size_t size) {
  size_t len = 0;
  const char* p = r->body;
  for (uvllm_str_t event = next_event(&p); event.len != 0; event = next_event(&p)) {
    if (event.len == 6)
      continue;
    uvllm_json_t root = json_of(event.base, event.len);
    uvllm_str_t s = uvllm_json_str(uvllm_json_path(root, path));
    if (uvllm_json_int(uvllm_json_path(root, "choices.0.index"), -1) != choice)
      continue;
    assert_true(len + s.len < size);
    if (s.len != 0)
      memcpy(out + len, s.base, s.len);
    len += s.len;
  }
  out[len] = '\0';
}

/* ---- Shapes ---- */

static void whole_chat_has_openai_shape(void** state) {
  (void) state;
  world_t w;
  reply_t r;
  world_new(&w);
  ask_chat(&w, "", "", &r);
  assert_int_equal(r.status, 200);
  assert_true(r.complete);
  assert_non_null(strstr(r.head, "content-type: application/json\r\n"));
  assert_non_null(strstr(r.head, "x-request-id: req_"));
  assert_non_null(strstr(r.head, "openai-processing-ms: "));
  assert_non_null(strstr(r.head, "openai-version: 2020-10-01\r\n"));
  assert_null(strstr(r.head, "ratelimit"));
  uvllm_json_t root = json_of(r.body, r.len);
  assert_path(root, "object", "chat.completion");
  assert_path(root, "model", "gpt-4o");
  assert_path(root, "choices.0.message.role", "assistant");
  assert_path(root, "choices.0.finish_reason", "stop");
  assert_true(is_null(root, "choices.0.logprobs"));
  assert_true(uvllm_json_str(uvllm_json_path(root, "choices.0.message.content")).len > 16);
  assert_number(root, "usage.prompt_tokens", 3); /* 11 bytes */
  assert_number(root, "usage.completion_tokens", 16);
  assert_number(root, "usage.total_tokens", 19);
  reply_free(&r);
  world_end(&w);
}

static void stream_has_exactly_the_events_of_openai(void** state) {
  (void) state;
  world_t w;
  reply_t r;
  world_new(&w);
  ask_chat(&w, "tokens=3", ",\"stream\":true", &r);
  assert_non_null(strstr(r.head, "content-type: text/event-stream"));
  assert_true(r.complete);
  assert_int_equal(count_events(&r), 6); /* role, three tokens, finish, [DONE] */
  uvllm_json_t first = json_event(&r, 0);
  assert_path(first, "object", "chat.completion.chunk");
  assert_path(first, "choices.0.delta.role", "assistant");
  assert_path(first, "choices.0.delta.content", "");
  assert_true(is_null(first, "choices.0.finish_reason"));
  assert_no_path(first, "usage");
  for (int i = 1; i <= 3; i++) {
    uvllm_json_t token = json_event(&r, i);
    assert_true(uvllm_json_str(uvllm_json_path(token, "choices.0.delta.content")).len > 0);
    assert_no_path(token, "choices.0.delta.role");
    assert_no_path(token, "usage");
  }
  uvllm_json_t last = json_event(&r, 4);
  assert_path(last, "choices.0.finish_reason", "stop");
  assert_no_path(last, "choices.0.delta.content");
  assert_true(ends_with_done(&r));
  reply_free(&r);
  world_end(&w);
}

static void include_usage_adds_nulls_and_one_chunk(void** state) {
  (void) state;
  world_t w;
  reply_t r;
  world_new(&w);
  ask_chat(&w, "tokens=2", ",\"stream\":true,\"stream_options\":{\"include_usage\":true,"
           "\"include_obfuscation\":false}", &r);
  assert_int_equal(count_events(&r), 6);
  for (int i = 0; i < 4; i++) {
    uvllm_json_t event = json_event(&r, i);
    assert_true(is_null(event, "usage"));
    assert_no_path(event, "obfuscation");
  }
  uvllm_json_t usage = json_event(&r, 4);
  assert_int_equal(uvllm_json_type_of(uvllm_json_get(usage, "choices")), UVLLM_JSON_ARRAY);
  assert_no_path(usage, "choices.0");
  assert_number(usage, "usage.completion_tokens", 2);
  assert_number(usage, "usage.total_tokens", 5);
  assert_true(ends_with_done(&r));
  reply_free(&r);
  ask_chat(&w, "tokens=2,cut=1", STREAM ",\"stream_options\":{\"include_usage\":true}", &r);
  assert_null(strstr(r.body, "completion_tokens"));
  reply_free(&r);
  world_end(&w);
}

static void answers_depend_on_seed_and_prompt_alone(void** state) {
  (void) state;
  char first[4096] = "", text[4096];
  for (int round = 0; round < 3; round++) {
    world_t w;
    reply_t r;
    world_init(&w);
    w.options.seed = round == 2 ? 1 : 0;
    world_start(&w);
    ask_chat(&w, "", "", &r);
    if (round == 0)
      snprintf(first, sizeof(first), "%s", r.body);
    assert_int_equal(strcmp(first, r.body) == 0, round < 2);
    uvllm_str_t content = uvllm_json_str(uvllm_json_path(json_of(r.body, r.len),
                                                         "choices.0.message.content"));
    char whole[4096];
    snprintf(whole, sizeof(whole), "%.*s", (int) content.len, content.base);
    reply_free(&r);
    ask_chat(&w, "ttft=1", ",\"stream\":true,\"temperature\":1", &r);
    collect(&r, "choices.0.delta.content", 0, text, sizeof(text));
    assert_string_equal(text, whole);
    reply_free(&r);
    ask(&w, CHAT, "", "{\"model\":\"gpt-4o\",\"messages\":[{\"role\":\"user\","
        "\"content\":\"Hello therE\"}]}", &r);
    assert_null(strstr(r.body, whole));
    reply_free(&r);
    world_end(&w);
  }
}

static void max_tokens_cut_with_a_reason(void** state) {
  (void) state;
  static const struct { const char* members; int tokens; const char* reason; } asked[] = {
    { ",\"max_tokens\":5", 5, "length" }, { ",\"max_completion_tokens\":7", 7, "length" },
    { ",\"max_tokens\":5,\"max_completion_tokens\":6", 6, "length" },
    { ",\"max_tokens\":16", 16, "stop" }, { ",\"max_tokens\":1000", 16, "stop" },
    { ",\"max_tokens\":null", 16, "stop" }
  };
  world_t w;
  reply_t r;
  world_new(&w);
  for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
    ask_chat(&w, "", asked[i].members, &r);
    uvllm_json_t root = json_of(r.body, r.len);
    assert_number(root, "usage.completion_tokens", asked[i].tokens);
    assert_path(root, "choices.0.finish_reason", asked[i].reason);
    reply_free(&r);
  }
  world_end(&w);
}

static void several_choices_interleave(void** state) {
  (void) state;
  world_t w;
  reply_t r;
  char a[1024], b[1024];
  world_new(&w);
  ask_chat(&w, "tokens=4", ",\"n\":2" STREAM ",\"stream_options\":{\"include_usage\":true}", &r);
  assert_int_equal(count_events(&r), 2 + 2 * 4 + 2 + 2);
  collect(&r, "choices.0.delta.content", 0, a, sizeof(a));
  collect(&r, "choices.0.delta.content", 1, b, sizeof(b));
  assert_string_not_equal(a, b);
  assert_number(json_event(&r, 12), "usage.completion_tokens", 8);
  reply_free(&r);
  ask_chat(&w, "tokens=4", ",\"n\":2", &r);
  uvllm_json_t root = json_of(r.body, r.len);
  assert_path(root, "choices.0.message.content", a);
  assert_path(root, "choices.1.message.content", b);
  assert_number(root, "choices.1.index", 1);
  reply_free(&r);
  world_end(&w);
}

static void completions_take_every_kind_of_prompt(void** state) {
  (void) state;
  static const struct { const char* prompt; int choices, tokens; } asked[] = {
    { "\"abcde\"", 1, 2 }, { "[\"abcd\",\"efgh\"]", 2, 2 }, { "[1,2,3]", 1, 3 },
    { "[[1,2],[3]]", 2, 3 }, { "\"\"", 1, 0 }
  };
  world_t w;
  reply_t r;
  char body[256], path[64];
  world_new(&w);
  for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
    snprintf(body, sizeof(body), "{\"model\":\"m\",\"prompt\":%s,\"max_tokens\":2}",
             asked[i].prompt);
    ask(&w, "POST /v1/completions", "", body, &r);
    uvllm_json_t root = json_of(r.body, r.len);
    assert_path(root, "object", "text_completion");
    assert_number(root, "usage.prompt_tokens", asked[i].tokens);
    snprintf(path, sizeof(path), "choices.%d.text", asked[i].choices - 1);
    assert_true(uvllm_json_str(uvllm_json_path(root, path)).len > 0);
    snprintf(path, sizeof(path), "choices.%d", asked[i].choices);
    assert_no_path(root, path);
    reply_free(&r);
  }
  ask(&w, "POST /v1/completions", "", "{\"model\":\"m\",\"prompt\":\"a\",\"max_tokens\":2,"
      "\"stream\":true}", &r);
  assert_int_equal(count_events(&r), 3); /* the last text has the reason, then [DONE] */
  assert_true(is_null(json_event(&r, 0), "choices.0.finish_reason"));
  assert_path(json_event(&r, 1), "choices.0.finish_reason", "length");
  assert_true(uvllm_json_str(uvllm_json_path(json_event(&r, 1), "choices.0.text")).len > 0);
  reply_free(&r);
  world_end(&w);
}

static unsigned int sextet(char c) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  return (unsigned int) (strchr(digits, c) - digits);
}

static float float_at(uvllm_str_t s, size_t i) { /* of base64, little-endian */
  unsigned char bytes[4];
  float f;
  for (size_t k = 0; k < 4; k++) {
    size_t at = 4 * i + k;
    const char* q = s.base + at / 3 * 4;
    uint32_t three = sextet(q[0]) << 18 | sextet(q[1]) << 12;
    three |= (q[2] != '=' ? sextet(q[2]) << 6 : 0) | (q[3] != '=' ? sextet(q[3]) : 0);
    bytes[k] = (unsigned char) (three >> (16 - 8 * (at % 3)));
  }
  uint32_t bits = bytes[0] | (uint32_t) bytes[1] << 8 | (uint32_t) bytes[2] << 16 |
                  (uint32_t) bytes[3] << 24;
  memcpy(&f, &bits, 4);
  return f;
}

static void embeddings_are_unit_vectors_in_both_forms(void** state) {
  (void) state;
  world_t w;
  reply_t r, s;
  char path[64];
  world_new(&w);
  ask(&w, "POST /v1/embeddings", "", "{\"model\":\"text-embedding-3-small\",\"input\":[\"one\","
      "\"twofold\"],\"dimensions\":100}", &r);
  ask(&w, "POST /v1/embeddings", "", "{\"model\":\"text-embedding-3-small\",\"input\":[\"one\","
      "\"twofold\"],\"dimensions\":100,\"encoding_format\":\"base64\"}", &s);
  float decoded[100];
  uvllm_str_t text = uvllm_json_str(uvllm_json_path(json_of(s.body, s.len), "data.1.embedding"));
  assert_int_equal(text.len, 536);
  for (size_t i = 0; i < 100; i++)
    decoded[i] = float_at(text, i);
  uvllm_json_t root = json_of(r.body, r.len);
  double sum = 0;
  for (int i = 0; i < 100; i++) {
    snprintf(path, sizeof(path), "data.1.embedding.%d", i);
    double x = uvllm_json_num(uvllm_json_path(root, path), NAN);
    assert_true((float) x == decoded[i]);
    sum += x * x;
  }
  assert_true(fabs(sum - 1) < 1e-5);
  assert_no_path(root, "data.1.embedding.100");
  assert_number(root, "data.1.index", 1);
  assert_number(root, "usage.prompt_tokens", 3); /* 10 bytes */
  assert_no_path(root, "usage.completion_tokens");
  reply_free(&r);
  reply_free(&s);
  ask(&w, "POST /v1/embeddings", "", "{\"model\":\"m\",\"input\":[[1,2],[3]]}", &r);
  root = json_of(r.body, r.len);
  assert_int_equal(uvllm_json_type_of(uvllm_json_path(root, "data.1.embedding.1535")),
                   UVLLM_JSON_NUMBER);
  reply_free(&r);
  world_end(&w);
}

static void models_are_listed_and_found(void** state) {
  (void) state;
  world_t w;
  reply_t r;
  world_new(&w);
  ask(&w, "GET /v1/models", "", "", &r);
  uvllm_json_t root = json_of(r.body, r.len);
  assert_path(root, "object", "list");
  assert_path(root, "data.0.object", "model");
  reply_free(&r);
  ask(&w, "GET /v1/models/gpt-4o-mini?x=y", "", "", &r);
  assert_path(json_of(r.body, r.len), "id", "gpt-4o-mini");
  reply_free(&r);
  ask(&w, "GET /v1/models/no-such", "", "", &r);
  assert_int_equal(r.status, 404);
  assert_path(json_of(r.body, r.len), "error.code", "model_not_found");
  reply_free(&r);
  world_end(&w);
}

/* ---- Tools and JSON ---- */

#define WEATHER "{\"type\":\"object\",\"properties\":{\"city\":{\"type\":\"string\"},"  \
  "\"days\":{\"type\":\"integer\",\"minimum\":3},\"unit\":{\"enum\":[\"C\",\"F\"]},"     \
  "\"caf\xc3\xa9\":{\"type\":[\"boolean\",\"null\"]}}}"
#define TOOLS ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"weather\","   \
  "\"parameters\":" WEATHER "}},{\"type\":\"function\",\"function\":{\"name\":\"now\"}}]"

static void check_weather(const char* text, size_t len) {
  uvllm_json_t v = json_of(text, len);
  assert_int_equal(uvllm_json_type_of(uvllm_json_get(v, "city")), UVLLM_JSON_STRING);
  assert_number(v, "days", 3);
  assert_path(v, "unit", "C");
  assert_int_equal(uvllm_json_type_of(uvllm_json_get(v, "caf\xc3\xa9")), UVLLM_JSON_BOOL);
}

static void required_tools_are_called(void** state) {
  (void) state;
  static const struct { const char *mock, *choice, *reason; } asked[] = {
    { "", ",\"tool_choice\":\"required\"", "tool_calls" },
    { "tool", "", "tool_calls" },
    { "", ",\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"weather\"}}", "stop" }
  };
  world_t w;
  reply_t r;
  char members[2048], args[1024];
  world_new(&w);
  for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
    snprintf(members, sizeof(members), TOOLS "%s", asked[i].choice);
    ask_chat(&w, asked[i].mock, members, &r);
    uvllm_json_t root = json_of(r.body, r.len);
    assert_true(is_null(root, "choices.0.message.content"));
    assert_path(root, "choices.0.message.tool_calls.0.function.name", "weather");
    assert_path(root, "choices.0.finish_reason", asked[i].reason);
    uvllm_str_t s = uvllm_json_str(uvllm_json_path(
        root, "choices.0.message.tool_calls.0.function.arguments"));
    int len = snprintf(args, sizeof(args), "%.*s", (int) s.len, s.base);
    check_weather(args, (size_t) len);
    reply_free(&r);
  }
  ask_chat(&w, "", TOOLS, &r);
  assert_no_path(json_of(r.body, r.len), "choices.0.message.tool_calls");
  reply_free(&r);
  world_end(&w);
}

static void tool_calls_stream_in_fragments(void** state) {
  (void) state;
  world_t w;
  reply_t r;
  char args[1024];
  size_t len = 0;
  int ncalls = 0, nfragments = 0;
  world_new(&w);
  ask_chat(&w, "tool=2", TOOLS ",\"stream\":true", &r);
  for (int i = 0; i < count_events(&r) - 1; i++) {
    uvllm_json_t call = uvllm_json_path(json_event(&r, i), "choices.0.delta.tool_calls.0");
    uvllm_str_t s = uvllm_json_str(uvllm_json_path(call, "function.arguments"));
    if (uvllm_json_type_of(call) == UVLLM_JSON_NONE)
      continue;
    if (uvllm_json_str(uvllm_json_get(call, "id")).base != NULL) {
      assert_number(call, "index", ncalls);
      assert_path(call, "function.name", ncalls == 0 ? "weather" : "now");
      assert_int_equal(s.len, 0);
      ncalls++;
    } else if (ncalls == 1) {
      assert_number(call, "index", 0);
      memcpy(args + len, s.base, s.len);
      len += s.len;
      nfragments++;
    }
  }
  assert_int_equal(ncalls, 2);
  assert_true(nfragments > 5);
  check_weather(args, len);
  assert_true(ends_with_done(&r));
  assert_path(json_event(&r, count_events(&r) - 2), "choices.0.finish_reason", "tool_calls");
  reply_free(&r);
  world_end(&w);
}

static void json_output_follows_the_schema(void** state) {
  (void) state;
  static const char* const schemas[] = {
    "{\"type\":\"object\",\"properties\":{\"a\":{\"$ref\":\"#/$defs/x\"}},\"$defs\":{\"x\":"
    "{\"type\":\"array\",\"items\":{\"type\":\"number\"},\"minItems\":2}}}",
    /* refers to itself, for ever and in many ways */
    "{\"$defs\":{\"n\":{\"type\":\"object\",\"properties\":{\"l\":{\"$ref\":\"#/$defs/n\"},"
    "\"r\":{\"$ref\":\"#/$defs/n\"},\"m\":{\"$ref\":\"#/$defs/n\"}}}},\"$ref\":\"#/$defs/n\"}",
    "{\"$ref\":\"#\"}", "{\"anyOf\":[{\"type\":\"null\"},{}]}", "{\"const\":[1,{\"a\":2}]}",
    "{\"type\":\"string\",\"minLength\":9,\"maxLength\":3}", "{\"properties\":{\"a\":true}}",
    "{\"type\":\"integer\",\"exclusiveMinimum\":7.5}", "{\"type\":\"string\",\"format\":\"date\"}"
  };
  world_t w;
  reply_t r;
  static char members[4096], text[200000];
  world_new(&w);
  for (size_t i = 0; i < sizeof(schemas) / sizeof(schemas[0]); i++) {
    snprintf(members, sizeof(members), ",\"stream\":true,\"response_format\":{\"type\":"
             "\"json_schema\",\"json_schema\":{\"name\":\"x\",\"schema\":%s}}", schemas[i]);
    ask_chat(&w, "", members, &r);
    collect(&r, "choices.0.delta.content", 0, text, sizeof(text));
    uvllm_json_t v = json_of(text, strlen(text));
    if (i == 0)
      assert_int_equal(uvllm_json_type_of(uvllm_json_path(v, "a.1")), UVLLM_JSON_NUMBER);
    if (i == 4)
      assert_number(v, "1.a", 2);
    if (i == 7)
      assert_int_equal(uvllm_json_int(v, 0), 8);
    reply_free(&r);
  }
  ask_chat(&w, "", ",\"response_format\":{\"type\":\"json_object\"}", &r);
  uvllm_str_t s = uvllm_json_str(uvllm_json_path(json_of(r.body, r.len),
                                                 "choices.0.message.content"));
  snprintf(text, sizeof(text), "%.*s", (int) s.len, s.base);
  assert_int_equal(uvllm_json_type_of(json_of(text, strlen(text))), UVLLM_JSON_OBJECT);
  reply_free(&r);
  world_end(&w);
}

/* ---- Errors ---- */

typedef struct wrong_s {
  const char *line, *body;
  int status;
  const char* code; /* NULL: null */
} wrong_t;

static const wrong_t wrongs[] = {
  { "GET /", "", 404, NULL },
  { "POST /v1/chat", "{}", 404, NULL },
  { "GET /v1/chat/completions", "", 405, "method_not_supported" },
  { "DELETE /v1/models/gpt-4o", "", 405, "method_not_supported" },
  { CHAT, "", 400, "invalid_json" },
  { CHAT, "{\"model\":", 400, "invalid_json" },
  { CHAT, "[]", 400, NULL },
  { CHAT, "{\"messages\":[]}", 400, NULL },
  { CHAT, "{\"model\":7,\"messages\":[]}", 400, "invalid_type" },
  { CHAT, "{\"model\":\"m\"}", 400, "missing_required_parameter" },
  { CHAT, "{\"model\":\"m\",\"messages\":\"x\"}", 400, "invalid_type" },
  { CHAT, "{\"model\":\"m\",\"messages\":[]}", 400, "empty_array" },
  { CHAT, "{\"model\":\"m\",\"messages\":[1]}", 400, "invalid_type" },
  { CHAT, "{\"model\":\"m\",\"messages\":[{\"content\":\"x\"}]}", 400,
    "missing_required_parameter" },
  { CHAT, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\"}]}", 400,
    "missing_required_parameter" },
  { CHAT, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":7}]}", 400,
    "invalid_type" },
  { CHAT, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[\"x\"]}]}", 400,
    "invalid_type" },
  { CHAT, "{" HELLO ",\"n\":0}", 400, "invalid_value" },
  { CHAT, "{" HELLO ",\"n\":129}", 400, "invalid_value" },
  { CHAT, "{" HELLO ",\"max_tokens\":0}", 400, "invalid_value" },
  { CHAT, "{" HELLO ",\"max_tokens\":1.5}", 400, "invalid_value" },
  { CHAT, "{" HELLO ",\"max_tokens\":\"9\"}", 400, "invalid_type" },
  { CHAT, "{" HELLO ",\"stream\":1}", 400, "invalid_type" },
  { CHAT, "{" HELLO ",\"stream_options\":{\"include_usage\":true}}", 400, NULL },
  { CHAT, "{" HELLO ",\"tool_choice\":\"required\"}", 400, "invalid_value" },
  { CHAT, "{" HELLO TOOLS ",\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":"
          "\"other\"}}}", 400, "invalid_value" },
  { CHAT, "{" HELLO ",\"tools\":[{}]}", 400, "invalid_value" },
  { CHAT, "{" HELLO ",\"response_format\":{\"type\":\"xml\"}}", 400, "invalid_value" },
  { CHAT, "{" HELLO ",\"response_format\":{\"type\":\"json_schema\"}}", 400, "invalid_value" },
  { "POST /v1/completions", "{\"model\":\"m\"}", 400, "missing_required_parameter" },
  { "POST /v1/completions", "{\"model\":\"m\",\"prompt\":{}}", 400, "invalid_type" },
  { "POST /v1/completions", "{\"model\":\"m\",\"prompt\":[]}", 400, "empty_array" },
  { "POST /v1/completions", "{\"model\":\"m\",\"prompt\":[1,\"a\"]}", 400, "invalid_type" },
  { "POST /v1/embeddings", "{\"model\":\"m\",\"input\":\"\"}", 400, NULL },
  { "POST /v1/embeddings", "{\"model\":\"m\",\"input\":\"a\",\"dimensions\":9999}", 400,
    "invalid_value" },
  { "POST /v1/embeddings", "{\"model\":\"m\",\"input\":\"a\",\"encoding_format\":\"hex\"}", 400,
    "invalid_value" }
};

static void wrong_requests_get_openai_errors(void** state) {
  (void) state;
  world_t w;
  reply_t r;
  world_new(&w);
  for (size_t i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++) {
    ask(&w, wrongs[i].line, "", wrongs[i].body, &r);
    if (r.status != wrongs[i].status)
      print_message("%s %s\n%s\n", wrongs[i].line, wrongs[i].body, r.body);
    assert_int_equal(r.status, wrongs[i].status);
    uvllm_json_t root = json_of(r.body, r.len);
    assert_path(root, "error.type", "invalid_request_error");
    assert_true(uvllm_json_str(uvllm_json_path(root, "error.message")).len > 10);
    if (wrongs[i].code != NULL)
      assert_path(root, "error.code", wrongs[i].code);
    else
      assert_true(is_null(root, "error.code"));
    reply_free(&r);
  }
  uvllm_mock_stats_t stats = stats_of(&w);
  assert_int_equal(stats.answers_4xx, sizeof(wrongs) / sizeof(wrongs[0]));
  assert_int_equal(stats.max_admitted_60s, 0);
  world_end(&w);
}

static void head_has_no_body(void** state) {
  (void) state;
  world_t w;
  reply_t r;
  world_new(&w);
  ask(&w, "HEAD /v1/models", "", "", &r);
  assert_int_equal(r.status, 405);
  assert_int_equal(r.len, 0);
  reply_free(&r);
  ask(&w, "HEAD /mock/stats", "", "", &r);
  assert_int_equal(r.len, 0);
  reply_free(&r);
  world_end(&w);
}

static void key_is_required_and_masked(void** state) {
  (void) state;
  static const struct { const char* header; int status; } asked[] = {
    { "", 401 }, { "Authorization: Basic sk-secret-0123456789\r\n", 401 },
    { "Authorization: Bearer sk-wrongly-given-0123\r\n", 401 },
    { "Authorization: Bearer sk-secret-012345678\r\n", 401 },
    { "Authorization: Bearer sk-secret-0123456789sk-secret-0123456789\r\n", 401 },
    { "Authorization: Bearer \r\n", 401 },
    { "Authorization: Bearer sk-secret-0123456789\r\n", 200 },
    { "authorization: bearer sk-secret-0123456789\r\n", 200 }
  };
  world_t w;
  reply_t r;
  world_init(&w);
  w.options.require_key = "sk-secret-0123456789";
  world_start(&w);
  for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
    ask(&w, CHAT, asked[i].header, "{" HELLO "}", &r);
    assert_int_equal(r.status, asked[i].status);
    assert_null(strstr(r.body, "wrongly"));
    assert_null(strstr(r.body, "secret"));
    if (i == 2) {
      assert_path(json_of(r.body, r.len), "error.code", "invalid_api_key");
      assert_non_null(strstr(r.body, "sk****23."));
    }
    reply_free(&r);
  }
  world_end(&w);
}

/* ---- Limits ---- */

static void bucket_holds_one_second_of_the_rate(void** state) {
  (void) state;
  const int64_t second = 1000000000;
  uvllm__bucket_t b;
  uvllm__bucket_init(&b, 600);
  int64_t now = 5 * second;
  int n = 0;
  while (uvllm__bucket_wait(&b, now, 1) == 0) {
    uvllm__bucket_take(&b, now, 1);
    n++;
  }
  assert_int_equal(n, 10);
  assert_int_equal(uvllm__bucket_wait(&b, now, 1), second / 10);
  assert_int_equal(uvllm__bucket_wait(&b, now + second / 10, 1), 0);
  assert_int_equal(uvllm__bucket_remaining(&b, now), 590);
  assert_int_equal(uvllm__bucket_reset(&b, now), second);
  for (int64_t t = now; t < now + 60 * second; t += second / 1000)
    if (uvllm__bucket_wait(&b, t, 1) == 0) {
      uvllm__bucket_take(&b, t, 1);
      n++;
    }
  assert_in_range(n, 608, 610); /* the second that it held, and the minute */
}

static void bucket_lets_large_requests_in_when_full(void** state) {
  (void) state;
  const int64_t second = 1000000000;
  uvllm__bucket_t b;
  uvllm__bucket_init(&b, 6000); /* 100 a second */
  assert_int_equal(uvllm__bucket_wait(&b, 0, 1000), 0);
  uvllm__bucket_take(&b, 0, 1000);
  assert_int_equal(uvllm__bucket_wait(&b, 0, 1000), 10 * second);
  assert_int_equal(uvllm__bucket_wait(&b, 10 * second, 1000), 0);
  uvllm__bucket_init(&b, 30); /* less than one a second */
  assert_int_equal(uvllm__bucket_wait(&b, 0, 1), 0);
  uvllm__bucket_take(&b, 0, 1);
  assert_int_equal(uvllm__bucket_wait(&b, 0, 1), 2 * second);
  uvllm__bucket_init(&b, 0);
  uvllm__bucket_take(&b, 0, UINT64_MAX);
  assert_int_equal(uvllm__bucket_wait(&b, 0, UINT64_MAX), 0);
  uvllm__bucket_init(&b, 1);
  assert_int_equal(uvllm__bucket_wait(&b, 0, UINT64_MAX), 0);
  uvllm__bucket_take(&b, 0, UINT64_MAX);
  assert_true(uvllm__bucket_wait(&b, 0, 1) > 0);
}

static void peak_is_that_of_any_60_seconds(void** state) {
  (void) state;
  const int64_t ms = 1000000;
  test_alloc_t a;
  test_alloc_init(&a);
  uvllm__peak_t p;
  uvllm__peak_init(&p, &a.hook);
  for (int i = 0; i < 1000; i++) /* ten a second for 100 s */
    assert_int_equal(uvllm__peak_add(&p, i * 100 * ms, 5), 0);
  assert_int_equal(p.max_requests, 600);
  assert_int_equal(p.max_tokens, 3000);
  for (int i = 0; i < 700; i++) /* all at once, long after */
    uvllm__peak_add(&p, 1000000 * ms, 1);
  assert_int_equal(p.max_requests, 700);
  assert_int_equal(p.len, 1);
  uvllm__peak_free(&p);
  assert_int_equal(a.alive, 0);
}

static void over_the_limit_is_429_with_all_its_headers(void** state) {
  (void) state;
  world_t w;
  reply_t r;
  world_init(&w);
  w.options.requests_per_min = 60;
  w.options.tokens_per_min = 6000;
  world_start(&w);
  ask_chat(&w, "", ",\"max_tokens\":40", &r);
  assert_int_equal(r.status, 200);
  assert_non_null(strstr(r.head, "x-ratelimit-limit-requests: 60\r\n"));
  assert_non_null(strstr(r.head, "x-ratelimit-remaining-requests: 59\r\n"));
  assert_non_null(strstr(r.head, "x-ratelimit-reset-requests: "));
  assert_non_null(strstr(r.head, "x-ratelimit-limit-tokens: 6000\r\n"));
  assert_non_null(strstr(r.head, "x-ratelimit-remaining-tokens: 59"));
  reply_free(&r);
  ask_chat(&w, "", ",\"max_tokens\":40", &r);
  assert_int_equal(r.status, 429);
  assert_non_null(strstr(r.head, "retry-after: 1\r\n"));
  assert_non_null(strstr(r.head, "x-ratelimit-remaining-requests: 0\r\n"));
  const char* exact = strstr(r.head, "retry-after-ms: ");
  assert_non_null(exact);
  assert_in_range(atoi(exact + 16), 1, 1000);
  uvllm_json_t root = json_of(r.body, r.len);
  assert_path(root, "error.type", "requests");
  assert_path(root, "error.code", "rate_limit_exceeded");
  reply_free(&r);
  uvllm_mock_stats_t stats = stats_of(&w);
  assert_int_equal(stats.answers_429, 1);
  assert_int_equal(stats.max_admitted_60s, 1);
  assert_int_equal(stats.max_admitted_tokens_60s, 43); /* 11 bytes are 3, and 40 */
  assert_int_equal(stats.input_tokens, 3);
  assert_int_equal(stats.output_tokens, 16);
  world_end(&w);
}

static void tokens_are_charged_by_prompt_and_max_tokens(void** state) {
  (void) state;
  world_t w;
  reply_t r;
  world_init(&w);
  w.options.tokens_per_min = 60;
  world_start(&w);
  ask_chat(&w, "tokens=5", "", &r); /* 3 + 16, whatever is sent */
  reply_free(&r);
  assert_int_equal(stats_of(&w).max_admitted_tokens_60s, 19);
  ask_chat(&w, "", "", &r);
  assert_int_equal(r.status, 429);
  assert_path(json_of(r.body, r.len), "error.type", "tokens");
  assert_non_null(strstr(r.body, "Limit 60, Used "));
  assert_non_null(strstr(r.body, "Requested 19"));
  reply_free(&r);
  ask(&w, "GET /v1/models", "", "", &r); /* costs nothing */
  assert_int_equal(r.status, 200);
  reply_free(&r);
  world_end(&w);
}

static void too_many_at_once_are_429(void** state) {
  (void) state;
  world_t w;
  raw_client_t c;
  reply_t r;
  world_init(&w);
  w.options.max_inflight = 1;
  world_start(&w);
  raw_open(&c, &w.loop, uvllm_mock_port(w.mock));
  say_request(&c, CHAT, "x-mock: stall=1\r\n", "{" HELLO ",\"stream\":true}");
  assert_true(raw_until(&c, "\"role\":\"assistant\""));
  ask_chat(&w, "", "", &r);
  assert_int_equal(r.status, 429);
  assert_non_null(strstr(r.head, "retry-after: 1\r\n"));
  reply_free(&r);
  raw_close(&c);
  while (stats_of(&w).cancelled == 0)
    raw_turn(&w.loop);
  ask_chat(&w, "", "", &r);
  assert_int_equal(r.status, 200);
  reply_free(&r);
  assert_int_equal(stats_of(&w).max_inflight, 1);
  world_end(&w);
}

/* ---- x-mock ---- */

static void cut_ends_without_an_end(void** state) {
  (void) state;
  world_t w;
  reply_t r;
  world_new(&w);
  ask_chat(&w, "cut=2", STREAM, &r);
  assert_int_equal(r.ended, 1);
  assert_false(r.complete);
  assert_int_equal(count_events(&r), 3); /* the role and two */
  reply_free(&r);
  ask_chat(&w, "cut=0", STREAM, &r);
  assert_int_equal(count_events(&r), 1);
  reply_free(&r);
  ask_chat(&w, "cut=99", STREAM, &r);
  assert_true(r.complete && ends_with_done(&r));
  reply_free(&r);
  ask_chat(&w, "cut=8", "", &r);
  assert_int_equal(r.status, 200);
  assert_false(r.complete);
  assert_true(r.len > 0);
  reply_free(&r);
  ask_chat(&w, "cut=2,reset", STREAM, &r);
  assert_int_equal(r.ended, -ECONNRESET);
  reply_free(&r);
  ask_chat(&w, "reset", "", &r);
  assert_int_equal(r.ended, -ECONNRESET);
  assert_int_equal(r.status, 0);
  reply_free(&r);
  world_end(&w);
}

static void stall_waits_for_the_client_to_go(void** state) {
  (void) state;
  world_t w;
  raw_client_t c;
  world_new(&w);
  for (int i = 0; i < 2; i++) {
    raw_open(&c, &w.loop, uvllm_mock_port(w.mock));
    say_request(&c, CHAT, "x-mock: stall=3\r\n", i == 0 ? "{" HELLO STREAM "}" : "{" HELLO "}");
    assert_true(raw_until(&c, i == 0 ? "\"content\":\"" : "content-length"));
    for (int k = 0; k < 20; k++)
      raw_turn(&w.loop);
    raw_receive(&c);
    assert_false(raw_has(&c, "[DONE]"));
    if (i == 0)
      assert_int_equal(raw_count(&c, "data: "), 4);
    assert_int_equal(c.ended, 0);
    raw_close(&c);
    while (stats_of(&w).cancelled == (uint64_t) i)
      raw_turn(&w.loop);
  }
  assert_int_equal(stats_of(&w).open_streams, 0);
  world_end(&w);
}

static void streams_can_go_wrong_in_every_way(void** state) {
  (void) state;
  world_t w;
  reply_t r;
  world_new(&w);
  ask_chat(&w, "tokens=3,error-event=2", STREAM, &r);
  assert_int_equal(r.status, 200);
  assert_int_equal(count_events(&r), 4);
  assert_path(json_event(&r, 3), "error.type", "server_error");
  assert_false(ends_with_done(&r));
  reply_free(&r);
  ask_chat(&w, "tokens=3,no-done", STREAM, &r);
  assert_true(r.complete && !ends_with_done(&r));
  assert_path(json_event(&r, 4), "choices.0.finish_reason", "stop");
  reply_free(&r);
  ask_chat(&w, "tokens=3,no-finish", STREAM, &r);
  assert_true(r.complete && count_events(&r) == 4);
  assert_null(strstr(r.body, "\"finish_reason\":\"stop\""));
  reply_free(&r);
  ask_chat(&w, "tokens=3,crlf", STREAM, &r);
  assert_non_null(strstr(r.body, "}\r\n\r\ndata: {"));
  assert_true(ends_with_done(&r));
  reply_free(&r);
  ask_chat(&w, "tokens=3,comments", STREAM, &r);
  assert_memory_equal(r.body, ": keep-alive\n\ndata: ", 20);
  assert_true(ends_with_done(&r));
  reply_free(&r);
  ask_chat(&w, "tokens=3,malformed", STREAM, &r);
  uvllm_json_t root;
  assert_int_equal(uvllm_json_parse(parser, event_at(&r, 1), &root, NULL), UVLLM_EPROTO);
  assert_true(ends_with_done(&r));
  reply_free(&r);
  ask_chat(&w, "tokens=3,bad-utf8", STREAM, &r);
  assert_non_null(strstr(r.body, "\xff\xc3("));
  reply_free(&r);
  world_end(&w);
}

static void whole_answers_can_go_wrong_too(void** state) {
  (void) state;
  world_t w;
  reply_t r;
  uvllm_json_t root;
  world_new(&w);
  ask_chat(&w, "malformed", "", &r);
  uvllm_str_t body = { r.body, r.len };
  assert_true(r.complete);
  assert_int_equal(uvllm_json_parse(parser, body, &root, NULL), UVLLM_EPROTO);
  reply_free(&r);
  ask_chat(&w, "html", "", &r);
  assert_int_equal(r.status, 200);
  assert_non_null(strstr(r.head, "text/html"));
  assert_non_null(strstr(r.body, "<html>"));
  reply_free(&r);
  ask_chat(&w, "empty", STREAM, &r);
  assert_int_equal(r.status, 200);
  assert_int_equal(r.len, 0);
  reply_free(&r);
  ask_chat(&w, "error-event=0", "", &r);
  assert_int_equal(r.status, 200);
  assert_path(json_of(r.body, r.len), "error.type", "server_error");
  reply_free(&r);
  ask_chat(&w, "eof", "", &r);
  assert_null(strstr(r.head, "content-length"));
  assert_path(json_of(r.body, r.len), "object", "chat.completion");
  reply_free(&r);
  ask_chat(&w, "bad-utf8", "", &r);
  assert_non_null(strstr(r.body, "\xff\xc3("));
  reply_free(&r);
  world_end(&w);
}

static void errors_come_with_their_headers(void** state) {
  (void) state;
  static const struct { const char *mock; int status; const char *code, *header; } asked[] = {
    { "status=429,retry-after=2", 429, "rate_limit_exceeded", "\r\nretry-after: 2\r\n" },
    { "status=429,retry-after-ms=150", 429, "rate_limit_exceeded", "\r\nretry-after-ms: 150\r\n" },
    { "status=503,retry-after-date=5", 503, "server_is_overloaded", " GMT\r\n" },
    { "quota,should-retry=0", 429, "insufficient_quota", "\r\nx-should-retry: false\r\n" },
    { "status=401,should-retry=1", 401, "invalid_api_key", "\r\nx-should-retry: true\r\n" },
    { "status=404", 404, "model_not_found", "" },
    { "status=307", 307, NULL, "\r\nlocation: /v1/models\r\n" },
    { "status=500", 500, NULL, "" },
    { "status=418", 418, NULL, "" }
  };
  world_t w;
  reply_t r;
  world_new(&w);
  for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
    ask_chat(&w, asked[i].mock, i % 2 ? STREAM : "", &r);
    assert_int_equal(r.status, asked[i].status);
    assert_non_null(strstr(r.head, asked[i].header));
    if (asked[i].code != NULL)
      assert_path(json_of(r.body, r.len), "error.code", asked[i].code);
    reply_free(&r);
  }
  ask_chat(&w, "status=502", "", &r);
  assert_non_null(strstr(r.body, "<html>"));
  reply_free(&r);
  ask_chat(&w, "status=304", "", &r);
  assert_int_equal(r.len, 0);
  assert_null(strstr(r.head, "content-length"));
  reply_free(&r);
  uvllm_mock_stats_t stats = stats_of(&w);
  assert_int_equal(stats.answers_429, 3);
  assert_int_equal(stats.answers_5xx, 3);
  world_end(&w);
}

static void times_lets_a_retry_succeed(void** state) {
  (void) state;
  world_t w;
  reply_t r;
  world_new(&w);
  for (int i = 0; i < 4; i++) {
    ask_chat(&w, "status=503,times=2", "", &r);
    assert_int_equal(r.status, i < 2 ? 503 : 200);
    reply_free(&r);
    ask_chat(&w, "cut=1,once,tool", STREAM TOOLS, &r);
    assert_int_equal(r.complete, i >= 1);
    assert_int_equal(strstr(r.body, "tool_calls") != NULL, i < 1);
    reply_free(&r);
  }
  ask(&w, CHAT, "x-mock: status=503,times=2\r\n",
      "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"other\"}]}", &r);
  assert_int_equal(r.status, 503);
  reply_free(&r);
  world_end(&w);
}

static void bytes_alone_make_the_same_answer(void** state) {
  (void) state;
  static const char* const modes[] = { "split", "drip", "close", "crlf,split" };
  world_t w;
  reply_t plain, slow;
  char mock[64];
  world_new(&w);
  for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
    ask_chat(&w, i == 3 ? "tokens=2,crlf" : "tokens=2", STREAM, &plain);
    snprintf(mock, sizeof(mock), "tokens=2,%s", modes[i]);
    ask_chat(&w, mock, STREAM, &slow);
    assert_true(slow.complete);
    assert_string_equal(plain.body, slow.body);
    reply_free(&plain);
    reply_free(&slow);
  }
  ask_chat(&w, "split", "", &slow);
  assert_path(json_of(slow.body, slow.len), "object", "chat.completion");
  reply_free(&slow);
  world_end(&w);
}

static void big_and_header_are_as_large_as_asked(void** state) {
  (void) state;
  world_t w;
  reply_t r;
  world_new(&w);
  for (int i = 0; i < 2; i++) {
    ask_chat(&w, "tokens=2,big=5000000", i == 0 ? "" : STREAM, &r);
    assert_true(r.complete);
    assert_in_range(r.len, 5000000, 5003000);
    uvllm_json_t v = i == 0 ? json_of(r.body, r.len) : json_event(&r, 1);
    const char* path = i == 0 ? "choices.0.message.content" : "choices.0.delta.content";
    assert_true(uvllm_json_str(uvllm_json_path(v, path)).len > 5000000);
    reply_free(&r);
  }
  ask_chat(&w, "header=1000000", "", &r);
  assert_in_range(strlen(r.head), 1000000, 1001000);
  reply_free(&r);
  world_end(&w);
}

static void endless_answer_follows_its_reader(void** state) {
  (void) state;
  world_t w;
  raw_client_t c;
  world_new(&w);
  raw_open(&c, &w.loop, uvllm_mock_port(w.mock));
  say_request(&c, CHAT, "x-mock: big=1099511627776\r\n", "{" HELLO STREAM "}");
  for (int i = 0; i < 100; i++) {
    raw_turn(&w.loop);
    raw_receive(&c);
    raw_forget(&c);
  }
  assert_int_equal(c.ended, 0);
  raw_close(&c);
  while (stats_of(&w).cancelled == 0)
    raw_turn(&w.loop);
  world_end(&w);
}

static void unknown_words_are_refused(void** state) {
  (void) state;
  static const char* const wrong[] = {
    "nonsense", "cut", "cut=", "cut=-1", "cut=x", "malformed=2", "status=199", "status=600",
    "status=201", "ttft=1e3", "ttft=99999999999999999999", "tokens=0", "tool=17", "=", "ttft = 1"
  };
  world_t w;
  reply_t r;
  world_new(&w);
  for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
    ask_chat(&w, wrong[i], "", &r);
    if (r.status != 400)
      print_message("%s\n", wrong[i]);
    assert_int_equal(r.status, 400);
    assert_non_null(strstr(r.body, "x-mock: "));
    reply_free(&r);
  }
  ask_chat(&w, " ttft=1 ,, close,", "", &r);
  assert_int_equal(r.status, 200);
  assert_non_null(strstr(r.head, "connection: close"));
  reply_free(&r);
  world_end(&w);
}

/* ---- Pace and rates ---- */

static void tokens_wait_for_their_time(void** state) {
  (void) state;
  world_t w;
  raw_client_t c;
  reply_t r;
  world_init(&w);
  w.options.jitter = 1;
  world_start(&w);
  raw_open(&c, &w.loop, uvllm_mock_port(w.mock));
  say_request(&c, CHAT, "x-mock: itl=3600000\r\n", "{" HELLO STREAM "}");
  assert_true(raw_until(&c, "\"content\":\""));
  for (int i = 0; i < 10; i++)
    raw_turn(&w.loop);
  raw_receive(&c);
  assert_in_range(raw_count(&c, "data: "), 2, 3); /* with so much jitter a second may come */
  raw_close(&c);
  ask_chat(&w, "ttft=5,itl=2,tokens=8", STREAM, &r);
  assert_true(r.complete && ends_with_done(&r));
  assert_int_equal(count_events(&r), 11);
  reply_free(&r);
  ask_chat(&w, "ttft=5,itl=1,tokens=4", "", &r);
  assert_true(r.complete);
  reply_free(&r);
  while (stats_of(&w).cancelled == 0)
    raw_turn(&w.loop);
  assert_int_equal(stats_of(&w).streams, 2);
  world_end(&w);
}

/* Ask for 200 prompts: how each went, as characters. */
static void outcomes(double error_rate, double cut_rate, double malformed_rate, int again,
                     char* out) {
  world_t w;
  world_init(&w);
  w.options.error_rate = error_rate;
  w.options.cut_rate = cut_rate;
  w.options.malformed_rate = malformed_rate;
  world_start(&w);
  for (int i = 0; i < 200 * (again + 1); i++) {
    reply_t r;
    char body[256];
    uvllm_json_t root;
    snprintf(body, sizeof(body), "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":"
             "\"prompt %d\"}]}", i % 200);
    ask(&w, CHAT, "", body, &r);
    uvllm_str_t text = { r.body, r.len };
    out[i] = '.';
    if (r.status != 200)
      out[i] = r.status == 500 || r.status == 503 ? 'e' : '?';
    else if (!r.complete)
      out[i] = 'c';
    else if (uvllm_json_parse(parser, text, &root, NULL) != 0)
      out[i] = 'm';
    reply_free(&r);
  }
  out[200 * (again + 1)] = '\0';
  world_end(&w);
}

static int count_of(const char* s, int n, char c) {
  int found = 0;
  for (int i = 0; i < n; i++)
    found += s[i] == c;
  return found;
}

static void faults_are_drawn_alike_and_not_for_ever(void** state) {
  (void) state;
  char first[801], second[801];
  outcomes(0.2, 0.2, 0.2, 1, first);
  outcomes(0.2, 0.2, 0.2, 1, second);
  assert_string_equal(first, second);
  assert_in_range(count_of(first, 200, 'e'), 20, 60);
  assert_in_range(count_of(first, 200, 'c'), 15, 60);
  assert_in_range(count_of(first, 200, 'm'), 10, 55);
  assert_int_equal(count_of(first, 400, '?'), 0);
  int mended = 0;
  for (int i = 0; i < 200; i++)
    mended += first[i] != '.' && first[200 + i] == '.';
  assert_true(mended > 20);
  outcomes(1, 0, 0, 0, first);
  assert_int_equal(count_of(first, 200, 'e'), 200);
}

static void stall_rate_stalls(void** state) {
  (void) state;
  world_t w;
  raw_client_t c;
  world_init(&w);
  w.options.stall_rate = 1;
  world_start(&w);
  raw_open(&c, &w.loop, uvllm_mock_port(w.mock));
  say_request(&c, CHAT, "", "{" HELLO STREAM "}");
  assert_true(raw_until(&c, "\"role\""));
  for (int i = 0; i < 20; i++)
    raw_turn(&w.loop);
  raw_receive(&c);
  assert_int_equal(c.ended, 0);
  assert_false(raw_has(&c, "[DONE]"));
  raw_close(&c);
  world_end(&w);
}

/* ---- The rest ---- */

static char logged[4096];

static void on_log(void* data, const char* line) {
  (void) data;
  size_t len = strlen(logged);
  assert_null(strchr(line, '\n'));
  snprintf(logged + len, sizeof(logged) - len, "%s\n", line);
}

static void log_has_a_line_a_request_and_no_secrets(void** state) {
  (void) state;
  world_t w;
  reply_t r;
  world_init(&w);
  w.options.log_cb = on_log;
  w.options.require_key = "sk-very-secret";
  logged[0] = '\0';
  world_start(&w);
  ask(&w, CHAT "?key=sk-in-query", "Authorization: Bearer sk-very-secret\r\n", "{" HELLO "}", &r);
  reply_free(&r);
  ask(&w, CHAT, "Authorization: Bearer sk-not-the-one\r\n", "{" HELLO "}", &r);
  reply_free(&r);
  ask(&w, "GET /v1/models", "Authorization: Bearer sk-very-secret\r\n", "", &r);
  reply_free(&r);
  assert_non_null(strstr(logged, "POST /v1/chat/completions 200 model=\"gpt-4o\" in=3 out=16 "));
  assert_non_null(strstr(logged, "POST /v1/chat/completions 401 "));
  assert_non_null(strstr(logged, "GET /v1/models 200 "));
  assert_null(strstr(logged, "sk-"));
  assert_null(strstr(logged, "Hello"));
  int lines = 0;
  for (const char* p = logged; *p != '\0'; p++)
    lines += *p == '\n';
  assert_int_equal(lines, 3);
  world_end(&w);
}

static void stats_page_tells_the_same(void** state) {
  (void) state;
  world_t w;
  reply_t r;
  world_new(&w);
  ask_chat(&w, "", STREAM, &r);
  reply_free(&r);
  ask_chat(&w, "status=500", "", &r);
  reply_free(&r);
  ask(&w, "GET /mock/stats", "", "", &r);
  uvllm_json_t root = json_of(r.body, r.len);
  uvllm_mock_stats_t s = stats_of(&w);
  assert_number(root, "requests", 2); /* the page itself does not count */
  assert_number(root, "streams", 1);
  assert_number(root, "answers_429", 0);
  assert_number(root, "answers_5xx", 1);
  assert_number(root, "max_inflight", 1);
  assert_number(root, "max_admitted_60s", 2);
  assert_number(root, "input_tokens", (int64_t) s.input_tokens);
  assert_number(root, "output_tokens", 16);
  assert_number(root, "cancelled", 0);
  assert_number(root, "connections", 3);
  assert_number(root, "events", (int64_t) s.events);
  reply_free(&r);
  ask(&w, "GET /mock/other", "", "", &r);
  assert_int_equal(r.status, 404);
  reply_free(&r);
  world_end(&w);
}

static void http_1_0_gets_streams_without_chunks(void** state) {
  (void) state;
  world_t w;
  raw_client_t c;
  reply_t r;
  char text[512];
  world_new(&w);
  raw_open(&c, &w.loop, uvllm_mock_port(w.mock));
  snprintf(text, sizeof(text), CHAT " HTTP/1.0\r\nContent-Length: %zu\r\n\r\n%s",
           strlen("{" HELLO STREAM "}"), "{" HELLO STREAM "}");
  raw_say(&c, text);
  raw_until_end(&c);
  read_reply(&r, &c);
  assert_null(strstr(r.head, "chunked"));
  assert_true(ends_with_done(&r));
  reply_free(&r);
  raw_close(&c);
  world_end(&w);
}

static void many_requests_share_a_connection(void** state) {
  (void) state;
  world_t w;
  raw_client_t c;
  world_new(&w);
  raw_open(&c, &w.loop, uvllm_mock_port(w.mock));
  for (int i = 0; i < 50; i++)
    say_request(&c, CHAT, i % 2 ? "x-mock: tokens=1\r\n" : "x-mock: ttft=1\r\n",
                i % 3 ? "{" HELLO "}" : "{" HELLO STREAM "}");
  say_request(&c, CHAT, "Connection: close\r\n", "{" HELLO "}");
  raw_until_end(&c);
  assert_int_equal(raw_count(&c, "HTTP/1.1 200 OK"), 51);
  assert_int_equal(raw_count(&c, "[DONE]"), 17);
  assert_int_equal(stats_of(&w).connections, 1);
  raw_close(&c);
  world_end(&w);
}

static void stop_ends_everything_once(void** state) {
  (void) state;
  enum { N = 200 };
  world_t w;
  static raw_client_t c[N];
  static const char* const words[] = { "stall=1", "itl=100000", "ttft=100000", "drip=100000",
                                       "big=1000000000" };
  char header[64];
  world_new(&w);
  for (int i = 0; i < N; i++) {
    raw_open(&c[i], &w.loop, uvllm_mock_port(w.mock));
    snprintf(header, sizeof(header), "x-mock: %s\r\n", words[i % 5]);
    say_request(&c[i], CHAT, header, i % 2 ? "{" HELLO "}" : "{" HELLO STREAM "}");
  }
  while (stats_of(&w).max_inflight < N)
    raw_turn(&w.loop);
  assert_int_equal(stats_of(&w).open_streams, N / 2);
  uvllm_mock_stop(w.mock, on_stopped, &w);
  w.mock = NULL;
  uv_run(&w.loop, UV_RUN_DEFAULT);
  assert_int_equal(w.stopped, 1);
  w.stopped = 0;
  for (int i = 0; i < N; i++) {
    raw_until_end(&c[i]);
    raw_close(&c[i]);
  }
  world_end(&w);
}

static void impossible_options_are_refused(void** state) {
  (void) state;
  static const double rates[] = { -0.1, 1.1, NAN, INFINITY };
  world_t w;
  world_init(&w);
  for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++)
    for (int which = 0; which < 5; which++) {
      uvllm_mock_options_t o = w.options;
      double* fields[] = { &o.jitter, &o.error_rate, &o.stall_rate, &o.cut_rate,
                           &o.malformed_rate };
      *fields[which] = rates[i];
      assert_int_equal(uvllm_mock_start(&w.mock, &w.loop, &o), UV_EINVAL);
    }
  uvllm_mock_options_t o = w.options;
  o.ntokens = 0;
  assert_int_equal(uvllm_mock_start(&w.mock, &w.loop, &o), UV_EINVAL);
  o = w.options;
  o.port = -1;
  assert_int_equal(uvllm_mock_start(&w.mock, &w.loop, &o), UV_EINVAL);
  o = w.options;
  o.require_key = "";
  assert_int_equal(uvllm_mock_start(&w.mock, &w.loop, &o), UV_EINVAL);
  o = w.options;
  o.host = "nowhere.example";
  assert_int_equal(uvllm_mock_start(&w.mock, &w.loop, &o), UV_EINVAL);
  assert_null(w.mock);
  world_end(&w);
}

static void older_options_and_stats_are_understood(void** state) {
  (void) state;
  world_t w;
  uvllm_mock_stats_t stats;
  world_init(&w);
  w.options.size = offsetof(uvllm_mock_options_t, log_cb);
  w.options.log_cb = (void (*)(void*, const char*)) 1; /* beyond its size: not looked at */
  world_start(&w);
  reply_t r;
  ask_chat(&w, "", "", &r);
  assert_int_equal(r.status, 200);
  reply_free(&r);
  memset(&stats, 0xaa, sizeof(stats));
  uvllm__mock_stats(w.mock, &stats, sizeof(uint64_t));
  assert_int_equal(stats.requests, 1);
  assert_int_equal(stats.streams, UINT64_C(0xaaaaaaaaaaaaaaaa));
  world_end(&w);
}

/* Everything that allocates, once; whether all of it was answered well. */
static int run_without_memory(size_t fail_at, int fail_once, size_t* calls) {
  static const char* const mocks[] = { "x-mock: ttft=1\r\n", "x-mock: big=100000,times=1\r\n",
                                       "x-mock: split,tokens=1\r\n", "x-mock: tool\r\n" };
  world_t w;
  int good = 0;
  world_init(&w);
  w.alloc.fail_at = fail_at;
  w.alloc.fail_once = fail_once;
  w.options.require_key = "k";
  w.options.error_rate = 1e-9;
  if (uvllm_mock_start(&w.mock, &w.loop, &w.options) == 0) {
    for (int i = 0; i < 4; i++) {
      reply_t r;
      char headers[128];
      snprintf(headers, sizeof(headers), "Authorization: Bearer k\r\n%s", mocks[i]);
      ask(&w, CHAT, headers, i % 2 ? "{" HELLO TOOLS STREAM "}" : "{" HELLO "}", &r);
      good += r.status == 200 && r.complete;
      reply_free(&r);
    }
  }
  *calls = w.alloc.calls;
  world_end(&w);
  return good == 4;
}

static void survives_a_failure_of_each_allocation(void** state) {
  (void) state;
  for (int once = 0; once < 2; once++) {
    size_t calls = 0, fail_at = 1;
    int good;
    do
      good = run_without_memory(fail_at, once, &calls);
    while (calls >= fail_at++);
    assert_true(good);
    assert_true(fail_at > 20);
  }
}

static int setup(void** state) {
  (void) state;
  return uvllm_json_parser_new(&parser, NULL);
}

static int teardown(void** state) {
  (void) state;
  uvllm_json_parser_free(parser);
  return 0;
}

/* ---- Reasoning, cached tokens, filters, refusals, long lists ---- */

static void reasoning_comes_first_and_counts(void** state) {
  (void) state;
  world_t w;
  reply_t r;
  char thought[1024], text[1024];
  world_new(&w);
  ask_chat(&w, "reasoning=3,tokens=2", STREAM ",\"stream_options\":{\"include_usage\":true}", &r);
  assert_int_equal(count_events(&r), 9); /* role, 3 and 2 tokens, finish, usage, [DONE] */
  collect(&r, "choices.0.delta.reasoning_content", 0, thought, sizeof(thought));
  collect(&r, "choices.0.delta.content", 0, text, sizeof(text));
  uvllm_json_t usage = json_event(&r, 7);
  assert_number(usage, "usage.completion_tokens", 5);
  assert_number(usage, "usage.completion_tokens_details.reasoning_tokens", 3);
  assert_true(uvllm_json_str(uvllm_json_path(json_event(&r, 3),
                                             "choices.0.delta.reasoning_content")).len > 0);
  reply_free(&r);
  ask_chat(&w, "reasoning=3,tokens=2", "", &r);
  uvllm_json_t root = json_of(r.body, r.len);
  assert_path(root, "choices.0.message.reasoning_content", thought);
  assert_path(root, "choices.0.message.content", text);
  assert_number(root, "usage.completion_tokens_details.reasoning_tokens", 3);
  reply_free(&r);
  ask_chat(&w, "reasoning=3", ",\"max_tokens\":2", &r);
  root = json_of(r.body, r.len);
  assert_path(root, "choices.0.message.content", "");
  assert_path(root, "choices.0.finish_reason", "length");
  assert_number(root, "usage.completion_tokens_details.reasoning_tokens", 2);
  reply_free(&r);
  world_end(&w);
}

static void reasoning_comes_before_calls(void** state) {
  (void) state;
  world_t w;
  reply_t r;
  world_new(&w);
  ask_chat(&w, "reasoning=2,tool=2", TOOLS, &r);
  uvllm_json_t root = json_of(r.body, r.len);
  assert_true(uvllm_json_str(uvllm_json_path(root, "choices.0.message.reasoning_content")).len > 0);
  assert_path(root, "choices.0.message.tool_calls.0.type", "function");
  assert_path(root, "choices.0.message.tool_calls.1.type", "function");
  assert_no_path(root, "choices.0.message.tool_calls.2");
  reply_free(&r);
  ask_chat(&w, "reasoning=2,tool=2", TOOLS STREAM, &r);
  assert_true(uvllm_json_str(uvllm_json_path(json_event(&r, 0),
                                             "choices.0.delta.reasoning_content")).len > 0);
  assert_number(json_event(&r, 2), "choices.0.delta.tool_calls.0.index", 0);
  assert_true(ends_with_done(&r));
  reply_free(&r);
  world_end(&w);
}

static void prompts_can_be_cached(void** state) {
  (void) state;
  world_t w;
  reply_t r;
  world_new(&w);
  ask_chat(&w, "cached=2", "", &r);
  assert_number(json_of(r.body, r.len), "usage.prompt_tokens_details.cached_tokens", 2);
  reply_free(&r);
  ask_chat(&w, "cached=1000", "", &r); /* the prompt has 3 */
  assert_number(json_of(r.body, r.len), "usage.prompt_tokens_details.cached_tokens", 3);
  reply_free(&r);
  world_end(&w);
}

static void answers_can_be_filtered_or_refused(void** state) {
  (void) state;
  world_t w;
  reply_t r;
  char text[1024];
  world_new(&w);
  ask_chat(&w, "filter,tokens=2", STREAM, &r);
  assert_path(json_event(&r, 3), "choices.0.finish_reason", "content_filter");
  reply_free(&r);
  ask_chat(&w, "refusal,tokens=2", STREAM, &r);
  collect(&r, "choices.0.delta.refusal", 0, text, sizeof(text));
  assert_true(text[0] != '\0');
  assert_path(json_event(&r, 3), "choices.0.finish_reason", "stop");
  reply_free(&r);
  ask_chat(&w, "refusal,tokens=2", "", &r);
  uvllm_json_t root = json_of(r.body, r.len);
  assert_path(root, "choices.0.message.refusal", text);
  assert_true(is_null(root, "choices.0.message.content"));
  reply_free(&r);
  world_end(&w);
}

static void words_that_an_endpoint_cannot_say_are_refused(void** state) {
  (void) state;
  static const char* const asked[] = { "reasoning=1", "cached=1", "refusal" };
  world_t w;
  reply_t r;
  world_new(&w);
  for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
    char header[64];
    snprintf(header, sizeof(header), "x-mock: %s\r\n", asked[i]);
    ask(&w, "POST /v1/completions", header, "{\"model\":\"m\",\"prompt\":\"a\"}", &r);
    assert_int_equal(r.status, 400);
    assert_non_null(strstr(r.body, "x-mock: there is no"));
    reply_free(&r);
  }
  world_end(&w);
}

static void lists_are_as_long_as_asked(void** state) {
  (void) state;
  world_t w;
  reply_t r;
  world_new(&w);
  ask(&w, "GET /v1/models", "x-mock: models=50000\r\n", "", &r);
  uvllm_json_t data = uvllm_json_get(json_of(r.body, r.len), "data");
  assert_int_equal(uvllm_json_count(data), 50000);
  assert_path(data, "0.id", "gpt-4o");
  assert_path(data, "49999.id", "mock-model-49999");
  reply_free(&r);
  ask(&w, "GET /v1/models", "x-mock: models=0\r\n", "", &r);
  assert_int_equal(uvllm_json_count(uvllm_json_get(json_of(r.body, r.len), "data")), 0);
  reply_free(&r);
  world_end(&w);
}

static void lists_can_fail_once(void** state) {
  (void) state;
  world_t w;
  reply_t r;
  world_new(&w);
  for (int i = 0; i < 2; i++) {
    ask(&w, "GET /v1/models", "x-mock: status=503,once\r\n", "", &r);
    assert_int_equal(r.status, i == 0 ? 503 : 200);
    reply_free(&r);
  }
  world_end(&w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(whole_chat_has_openai_shape),
    cmocka_unit_test(stream_has_exactly_the_events_of_openai),
    cmocka_unit_test(include_usage_adds_nulls_and_one_chunk),
    cmocka_unit_test(answers_depend_on_seed_and_prompt_alone),
    cmocka_unit_test(max_tokens_cut_with_a_reason),
    cmocka_unit_test(several_choices_interleave),
    cmocka_unit_test(completions_take_every_kind_of_prompt),
    cmocka_unit_test(embeddings_are_unit_vectors_in_both_forms),
    cmocka_unit_test(models_are_listed_and_found),
    cmocka_unit_test(required_tools_are_called),
    cmocka_unit_test(tool_calls_stream_in_fragments),
    cmocka_unit_test(json_output_follows_the_schema),
    cmocka_unit_test(wrong_requests_get_openai_errors),
    cmocka_unit_test(head_has_no_body),
    cmocka_unit_test(key_is_required_and_masked),
    cmocka_unit_test(bucket_holds_one_second_of_the_rate),
    cmocka_unit_test(bucket_lets_large_requests_in_when_full),
    cmocka_unit_test(peak_is_that_of_any_60_seconds),
    cmocka_unit_test(over_the_limit_is_429_with_all_its_headers),
    cmocka_unit_test(tokens_are_charged_by_prompt_and_max_tokens),
    cmocka_unit_test(too_many_at_once_are_429),
    cmocka_unit_test(cut_ends_without_an_end),
    cmocka_unit_test(stall_waits_for_the_client_to_go),
    cmocka_unit_test(streams_can_go_wrong_in_every_way),
    cmocka_unit_test(whole_answers_can_go_wrong_too),
    cmocka_unit_test(errors_come_with_their_headers),
    cmocka_unit_test(times_lets_a_retry_succeed),
    cmocka_unit_test(bytes_alone_make_the_same_answer),
    cmocka_unit_test(big_and_header_are_as_large_as_asked),
    cmocka_unit_test(endless_answer_follows_its_reader),
    cmocka_unit_test(unknown_words_are_refused),
    cmocka_unit_test(tokens_wait_for_their_time),
    cmocka_unit_test(faults_are_drawn_alike_and_not_for_ever),
    cmocka_unit_test(stall_rate_stalls),
    cmocka_unit_test(log_has_a_line_a_request_and_no_secrets),
    cmocka_unit_test(stats_page_tells_the_same),
    cmocka_unit_test(http_1_0_gets_streams_without_chunks),
    cmocka_unit_test(many_requests_share_a_connection),
    cmocka_unit_test(stop_ends_everything_once),
    cmocka_unit_test(impossible_options_are_refused),
    cmocka_unit_test(older_options_and_stats_are_understood),
    cmocka_unit_test(reasoning_comes_first_and_counts),
    cmocka_unit_test(reasoning_comes_before_calls),
    cmocka_unit_test(prompts_can_be_cached),
    cmocka_unit_test(answers_can_be_filtered_or_refused),
    cmocka_unit_test(words_that_an_endpoint_cannot_say_are_refused),
    cmocka_unit_test(lists_are_as_long_as_asked),
    cmocka_unit_test(lists_can_fail_once),
    cmocka_unit_test(survives_a_failure_of_each_allocation),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
