/* What the OpenAI dialect sends for a request, and what it refuses to. */
#include "record.h"
#include "dialects.h"
#include "http_build.h"

#include <math.h>

typedef struct fixture_s {
  test_alloc_t alloc;
  const uvllm_provider_ops_t* ops;
  void* state;
  uvllm_http_t http;
  uvllm_request_t r;
  uvllm_attempt_t attempt;
} fixture_t;

static const uvllm_message_t kHello = { .role = UVLLM_USER, .text = UVLLM_STR("Hello") };

static uvllm_request_t empty_request(uvllm_op op) {
  uvllm_request_t r;
  memset(&r, 0, sizeof(r));
  r.size = sizeof(r);
  r.op = op;
  r.temperature = r.top_p = r.frequency_penalty = r.presence_penalty = NAN;
  r.seed = INT64_MIN;
  return r;
}

static uvllm_request_t hello(uvllm_op op) {
  uvllm_request_t r = empty_request(op);
  r.messages = &kHello;
  r.nmessages = 1;
  return r;
}

static void begin(fixture_t* f, uvllm_request_t r) {
  memset(f, 0, sizeof(*f));
  test_alloc_init(&f->alloc);
  f->ops = uvllm__dialect("openai");
  f->state = calloc(1, f->ops->state_size);
  assert_non_null(f->state);
  uvllm__http_init(&f->http, &f->alloc.hook);
  f->r = r;
  f->attempt.request = &f->r;
  f->attempt.base_url = test_str("http://127.0.0.1:8080/v1");
  f->attempt.model = test_str("m");
  f->attempt.number = 1;
}

static void end(fixture_t* f) {
  uvllm__http_free(&f->http);
  free(f->state);
  assert_int_equal(f->alloc.alive, 0);
}

static int build(fixture_t* f) {
  int err = f->ops->build(f->state, &f->attempt, &f->http);
  int http_err = uvllm__http_finish(&f->http);
  return err != 0 ? err : http_err;
}

static void assert_body_at(uvllm_request_t r, const char* base_url, const char* body) {
  fixture_t f;
  begin(&f, r);
  if (base_url != NULL)
    f.attempt.base_url = test_str(base_url);
  assert_int_equal(build(&f), 0);
  assert_str(uvllm__http_body(&f.http), body);
  end(&f);
}

static void assert_body(uvllm_request_t r, const char* body) {
  assert_body_at(r, NULL, body);
}

static void assert_check(uvllm_request_t r, int expected, const char* lines) {
  record_t rec;
  record_init(&rec);
  int err = uvllm__dialect("openai")->check(&r, &rec.emit);
  assert_record(&rec, lines);
  assert_int_equal(err, expected);
  record_free(&rec);
}

static const char* header_of(const fixture_t* f, const char* name) {
  size_t n = strlen(name);
  for (size_t i = 0; i < f->http.nheaders; i++) {
    const char* line = uvllm__http_header_line(&f->http, i);
    if (strncmp(line, name, n) == 0 && line[n] == ':')
      return line + n + 2;
  }
  return NULL;
}


/* ---- Where to, and with what ---- */

static void each_op_has_its_path(void** state) {
  (void) state;
  static const struct {
    uvllm_op op;
    const char *method, *path;
  } cases[] = { { UVLLM_CHAT, "POST", "/chat/completions" },
                { UVLLM_COMPLETION, "POST", "/completions" },
                { UVLLM_EMBED, "POST", "/embeddings" },
                { UVLLM_MODELS, "GET", "/models" } };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    fixture_t f;
    begin(&f, cases[i].op == UVLLM_MODELS ? empty_request(UVLLM_MODELS) : hello(cases[i].op));
    assert_int_equal(build(&f), 0);
    assert_string_equal(f.http.method, cases[i].method);
    assert_string_equal(f.http.path.base, cases[i].path);
    end(&f);
  }
}

static void sends_the_usual_headers(void** state) {
  (void) state;
  fixture_t f;
  begin(&f, hello(UVLLM_CHAT));
  f.attempt.key = test_str("sk-test");
  assert_int_equal(build(&f), 0);
  assert_string_equal(header_of(&f, "Content-Type"), "application/json");
  assert_string_equal(header_of(&f, "Accept"), "application/json");
  assert_string_equal(header_of(&f, "User-Agent"), "uvllm/" UVLLM_VERSION_STRING);
  assert_string_equal(header_of(&f, "Authorization"), "Bearer sk-test");
  assert_int_equal(f.http.nheaders, 4);
  for (size_t i = 0; i < f.http.nheaders; i++)
    assert_int_equal(f.http.headers[i].secret,
                     strncmp(uvllm__http_header_line(&f.http, i), "Auth", 4) == 0);
  end(&f);
}

static void without_a_key_there_is_no_authorization(void** state) {
  (void) state;
  fixture_t f;
  begin(&f, empty_request(UVLLM_MODELS));
  f.attempt.key = test_str("");
  assert_int_equal(build(&f), 0);
  assert_null(header_of(&f, "Authorization"));
  assert_null(header_of(&f, "Content-Type"));
  assert_null(uvllm__http_body(&f.http).base);
  end(&f);
}

static void raw_requests_are_sent_as_they_are(void** state) {
  (void) state;
  uvllm_request_t r = empty_request(UVLLM_RAW);
  r.raw_path = "/files?limit=2";
  fixture_t f;
  begin(&f, r);
  assert_int_equal(build(&f), 0);
  assert_string_equal(f.http.method, "GET");
  assert_string_equal(f.http.path.base, "/files?limit=2");
  assert_string_equal(header_of(&f, "Accept"), "*/*");
  assert_null(header_of(&f, "Content-Type"));
  end(&f);
  r.raw_body = test_str("{ }");
  begin(&f, r);
  assert_int_equal(build(&f), 0);
  assert_string_equal(f.http.method, "POST");
  assert_ptr_equal(uvllm__http_body(&f.http).base, r.raw_body.base);
  assert_string_equal(header_of(&f, "Content-Type"), "application/json");
  end(&f);
  r.raw_method = "DELETE";
  begin(&f, r);
  assert_int_equal(build(&f), 0);
  assert_string_equal(f.http.method, "DELETE");
  end(&f);
  assert_check(r, 0, "");
}


/* ---- Fields ---- */

static void a_small_chat(void** state) {
  (void) state;
  assert_body(hello(UVLLM_CHAT),
              "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]}");
}

static void every_form_of_message(void** state) {
  (void) state;
  static const uvllm_message_t messages[] = {
    { .role = UVLLM_SYSTEM, .text = UVLLM_STR("Be \"brief\".\n") },
    { .role = UVLLM_USER, .parts_json = UVLLM_STR("[ {\"type\":\"text\",\"text\":\"?\"} ]"),
      .name = UVLLM_STR("ann") },
    { .role = UVLLM_ASSISTANT, .tool_calls_json = UVLLM_STR("[{\"id\":\"c1\"}]") },
    { .role = UVLLM_TOOL, .tool_call_id = UVLLM_STR("c1"), .text = UVLLM_STR("12:00") },
    { .role = UVLLM_ASSISTANT, .text = UVLLM_STR("") },
  };
  uvllm_request_t r = empty_request(UVLLM_CHAT);
  r.messages = messages;
  r.nmessages = 5;
  assert_check(r, 0, "");
  assert_body(r,
              "{\"model\":\"m\",\"messages\":["
              "{\"role\":\"system\",\"content\":\"Be \\\"brief\\\".\\n\"},"
              "{\"role\":\"user\",\"name\":\"ann\","
              "\"content\":[ {\"type\":\"text\",\"text\":\"?\"} ]},"
              "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"c1\"}]},"
              "{\"role\":\"tool\",\"tool_call_id\":\"c1\",\"content\":\"12:00\"},"
              "{\"role\":\"assistant\",\"content\":\"\"}]}");
}

static uvllm_request_t with_all_fields(void) {
  static const char* const stop[] = { "END", "\n\n", NULL };
  uvllm_request_t r = hello(UVLLM_CHAT);
  r.flags = UVLLM_STREAM;
  r.max_tokens = 50;
  r.n = 2;
  r.temperature = 0;
  r.top_p = 0.1;
  r.frequency_penalty = -2;
  r.presence_penalty = 1.5;
  r.seed = INT64_MAX;
  r.stop = stop;
  r.reasoning_effort = "low";
  r.service_tier = "flex";
  r.json_schema = test_str("{\"type\":\"object\"}");
  r.tools_json = test_str("[{\"type\":\"function\"}]");
  r.tool_choice_json = test_str("required");
  return r;
}

#define ALL_FIELDS                                                                            \
  "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}],"                \
  "\"stream\":true,\"stream_options\":{\"include_usage\":true},\"max_tokens\":50,\"n\":2,"    \
  "\"temperature\":0,\"top_p\":0.1,\"frequency_penalty\":-2,\"presence_penalty\":1.5,"        \
  "\"seed\":9223372036854775807,\"stop\":[\"END\",\"\\n\\n\"],\"reasoning_effort\":\"low\","  \
  "\"service_tier\":\"flex\",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":"  \
  "{\"name\":\"answer\",\"strict\":true,\"schema\":{\"type\":\"object\"}}},"                  \
  "\"tools\":[{\"type\":\"function\"}],\"tool_choice\":\"required\"}"

static void every_field_of_a_chat(void** state) {
  (void) state;
  assert_check(with_all_fields(), 0, "");
  assert_body(with_all_fields(), ALL_FIELDS);
}

static void tool_choices_are_words_strings_or_objects(void** state) {
  (void) state;
  static const char* const choices[][2] = {
    { "auto", "\"auto\"" },
    { "\"none\"", "\"none\"" },
    { "any", "\"any\"" },
    { "{\"type\":\"function\",\"function\":{\"name\":\"f\"}}",
      "{\"type\":\"function\",\"function\":{\"name\":\"f\"}}" },
  };
  for (size_t i = 0; i < sizeof(choices) / sizeof(choices[0]); i++) {
    char body[256];
    uvllm_request_t r = hello(UVLLM_CHAT);
    r.tool_choice_json = test_str(choices[i][0]);
    snprintf(body, sizeof(body), "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":"
             "\"Hello\"}],\"tool_choice\":%s}", choices[i][1]);
    assert_check(r, 0, "");
    assert_body(r, body);
  }
}

static void a_schema_may_bring_its_own_name(void** state) {
  (void) state;
  uvllm_request_t r = hello(UVLLM_CHAT);
  r.json_schema = test_str("{\"name\":\"n\",\"schema\":{}}");
  assert_body(r, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}],"
                 "\"response_format\":{\"type\":\"json_schema\",\"json_schema\":"
                 "{\"name\":\"n\",\"schema\":{}}}}");
}

static void max_tokens_has_two_names(void** state) {
  (void) state;
  static const struct {
    const char *base_url, *name;
  } cases[] = {
    { "https://api.openai.com/v1", "max_completion_tokens" },
    { "https://API.OpenAI.com:443/v1", "max_completion_tokens" },
    { "https://eu.api.openai.com/v1", "max_completion_tokens" },
    { "https://notapi.openai.com/v1", "max_tokens" },
    { "https://api.openai.com.evil.example/v1", "max_tokens" },
    { "http://127.0.0.1:1/api.openai.com", "max_tokens" },
    { "http://localhost:11434/v1", "max_tokens" },
    { "x", "max_tokens" },
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    char body[256];
    uvllm_request_t r = hello(UVLLM_CHAT);
    r.max_tokens = 9;
    snprintf(body, sizeof(body), "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":"
             "\"Hello\"}],\"%s\":9}", cases[i].name);
    assert_body_at(r, cases[i].base_url, body);
  }
  uvllm_request_t r = hello(UVLLM_COMPLETION);
  r.max_tokens = 9;
  assert_body_at(r, "https://api.openai.com/v1",
                 "{\"model\":\"m\",\"prompt\":\"Hello\",\"max_tokens\":9}");
}

static void embeddings_of_one_and_of_several(void** state) {
  (void) state;
  static const uvllm_message_t two[] = { { .role = UVLLM_USER, .text = UVLLM_STR("a") },
                                         { .role = UVLLM_USER, .text = UVLLM_STR("b") } };
  uvllm_request_t r = hello(UVLLM_EMBED);
  assert_check(r, 0, "");
  assert_body(r, "{\"model\":\"m\",\"input\":\"Hello\",\"encoding_format\":\"base64\"}");
  r.messages = two;
  r.nmessages = 2;
  r.dimensions = 256;
  assert_body(r, "{\"model\":\"m\",\"input\":[\"a\",\"b\"],\"dimensions\":256,"
                 "\"encoding_format\":\"base64\"}");
  r.extra_json = test_str("{\"encoding_format\":\"float\"}");
  assert_body(r, "{\"model\":\"m\",\"input\":[\"a\",\"b\"],\"dimensions\":256,"
                 "\"encoding_format\":\"float\"}");
}

static void embeddings_that_others_read_stay_numbers(void** state) {
  (void) state;
  uvllm_request_t r = hello(UVLLM_EMBED);
  r.flags = UVLLM_BODY;
  assert_body(r, "{\"model\":\"m\",\"input\":\"Hello\"}");
  r = empty_request(UVLLM_EMBED);
  r.body_json = test_str("{\"input\":[\"a\"],\"encoding_format\":\"float\"}");
  assert_body(r, "{\"model\":\"m\",\"input\":[\"a\"],\"encoding_format\":\"float\"}");
}


/* ---- Merging ---- */

static void a_given_body_is_kept_byte_for_byte(void** state) {
  (void) state;
  uvllm_request_t r = empty_request(UVLLM_CHAT);
  r.body_json = test_str(" { \"messages\" : [ {\"role\":\"user\", \"content\":\"\\u00e9\"} ],\n"
                         "\"model\":\"theirs\", \"seed\":18446744073709551616, \"x\": 1e400,"
                         "\"stream\":true,\"stream_options\":{\"a\":1},"
                         " \"new\\u0021\":{\"b\" : 2}}");
  assert_check(r, 0, "");
  assert_body(r, "{\"model\":\"m\",\"messages\":[ {\"role\":\"user\", \"content\":\"\\u00e9\"} ],"
                 "\"seed\":18446744073709551616,\"x\":1e400,\"new!\":{\"b\" : 2}}");
}

static void its_own_model_stays_without_a_target_model(void** state) {
  (void) state;
  uvllm_request_t r = empty_request(UVLLM_CHAT);
  r.body_json = test_str("{\"messages\":[],\"model\":\"theirs\"}");
  fixture_t f;
  begin(&f, r);
  f.attempt.model = (uvllm_str_t) { NULL, 0 };
  assert_int_equal(build(&f), 0);
  assert_str(uvllm__http_body(&f.http), "{\"messages\":[],\"model\":\"theirs\"}");
  end(&f);
}

static void fields_win_over_the_given_body(void** state) {
  (void) state;
  uvllm_request_t r = with_all_fields();
  r.body_json =
      test_str("{\"messages\":1,\"model\":1,\"max_tokens\":1,\"max_completion_tokens\":1,\"n\":1,"
               "\"temperature\":1,\"top_p\":1,\"frequency_penalty\":1,\"presence_penalty\":1,"
               "\"seed\":1,\"stop\":1,\"reasoning_effort\":1,\"service_tier\":1,"
               "\"response_format\":1,\"tools\":1,\"tool_choice\":1,\"stream\":false}");
  assert_body(r, ALL_FIELDS);
}

static void extra_members_win_over_all(void** state) {
  (void) state;
  uvllm_request_t r = with_all_fields();
  r.body_json = test_str("{\"a\":1,\"b\":2,\"extra_body\":{}}");
  r.extra_json = test_str("{\"b\":3,\"messages\":[],\"stream_options\":null,\"stop\":\"x\","
                          "\"max_completion_tokens\":7,\"response_format\":{\"type\":\"text\"},"
                          "\"unset\":null,\"tools\":null}");
  assert_body(r, "{\"model\":\"m\",\"stream\":true,\"n\":2,\"temperature\":0,\"top_p\":0.1,"
                 "\"frequency_penalty\":-2,\"presence_penalty\":1.5,"
                 "\"seed\":9223372036854775807,\"reasoning_effort\":\"low\","
                 "\"service_tier\":\"flex\",\"tool_choice\":\"required\",\"a\":1,"
                 "\"extra_body\":{},\"b\":3,\"messages\":[],\"stop\":\"x\","
                 "\"max_completion_tokens\":7,\"response_format\":{\"type\":\"text\"},"
                 "\"unset\":null}");
}

static void no_member_is_sent_twice(void** state) {
  (void) state;
  uvllm_request_t r = empty_request(UVLLM_CHAT);
  r.body_json = test_str("{\"messages\":[],\"a\":1,\"\\u0061\":2,\"b\":1,\"a\":3}");
  r.extra_json = test_str("{\"\\u0062\":2,\"c\":1,\"c\":null,\"c\":2}");
  assert_body(r, "{\"model\":\"m\",\"messages\":[],\"a\":3,\"b\":2,\"c\":2}");
}


/* ---- What is refused ---- */

static void what_an_op_cannot_say_is_unsupported(void** state) {
  (void) state;
  uvllm_request_t r = hello(UVLLM_EMBED);
  r.temperature = 1;
  assert_check(r, UVLLM_EUNSUPPORTED,
               "error code= message=\"an embedding has no temperature here\" retry=-1\n");
  r = hello(UVLLM_EMBED);
  r.flags = UVLLM_STREAM;
  assert_check(r, UVLLM_EUNSUPPORTED,
               "error code= message=\"an embedding has no UVLLM_STREAM here\" retry=-1\n");
  r = hello(UVLLM_COMPLETION);
  r.tools_json = test_str("[]");
  assert_check(r, UVLLM_EUNSUPPORTED,
               "error code= message=\"a text completion has no tools_json here\" retry=-1\n");
  r = hello(UVLLM_CHAT);
  r.dimensions = 3;
  assert_check(r, UVLLM_EUNSUPPORTED,
               "error code= message=\"a chat has no dimensions here\" retry=-1\n");
  r = hello(UVLLM_MODELS);
  assert_check(r, UVLLM_EUNSUPPORTED,
               "error code= message=\"a model list has no messages here\" retry=-1\n");
  r = empty_request(UVLLM_RAW);
  r.raw_path = "/x";
  r.body_json = test_str("{}");
  assert_check(r, UVLLM_EUNSUPPORTED,
               "error code= message=\"a raw request has no body_json here\" retry=-1\n");
  static const uvllm_message_t image = { .role = UVLLM_USER, .parts_json = UVLLM_STR("[]") };
  r = hello(UVLLM_EMBED);
  r.messages = &image;
  assert_check(r, UVLLM_EUNSUPPORTED,
               "error code= message=\"messages[0] can only be text here\" retry=-1\n");
}

static void refused(uvllm_request_t r, const char* message) {
  char line[256];
  snprintf(line, sizeof(line), "error code= message=\"%s\" retry=-1\n", message);
  assert_check(r, UVLLM__EINVAL, line);
}

/* A request that waited while its provider was exchanged was checked by another. */
static void what_passed_elsewhere_is_unsupported(void** state) {
  (void) state;
  fixture_t f;
  begin(&f, hello(UVLLM_COUNT_TOKENS));
  assert_int_equal(f.ops->build(f.state, &f.attempt, &f.http), UVLLM_EUNSUPPORTED);
  end(&f);
}

static void fields_that_hold_no_json_are_named(void** state) {
  (void) state;
  uvllm_request_t r = hello(UVLLM_CHAT);
  r.body_json = test_str("[1]");
  refused(r, "body_json is no JSON object");
  r.body_json = test_str("{\"a\":}");
  refused(r, "body_json is not JSON (byte 6 of 6)");
  r.body_json = test_str("");
  refused(r, "body_json is empty");
  r = hello(UVLLM_CHAT);
  r.extra_json = test_str("{}x");
  refused(r, "extra_json is not JSON (byte 3 of 3)");
  r = hello(UVLLM_CHAT);
  r.json_schema = test_str("true");
  refused(r, "json_schema is no JSON object");
  r = hello(UVLLM_CHAT);
  r.tools_json = test_str("{}");
  refused(r, "tools_json is no JSON array");
  r = hello(UVLLM_CHAT);
  r.tool_choice_json = test_str("sometimes");
  refused(r, "tool_choice_json is not JSON (byte 1 of 9)");
  r.tool_choice_json = test_str("[]");
  refused(r, "tool_choice_json is no JSON object");
  r.tool_choice_json = test_str("\"a\" ");
  assert_check(r, 0, "");
}

static void messages_that_make_no_sense_are_named(void** state) {
  (void) state;
  static const struct {
    uvllm_message_t message;
    const char* said;
  } cases[] = {
    { { .role = UVLLM_USER }, "messages[0] has no content" },
    { { .role = (uvllm_role) 9, .text = UVLLM_STR("a") }, "messages[0] role is none that exists" },
    { { .role = UVLLM_TOOL, .text = UVLLM_STR("a") },
      "messages[0] is a tool's, but has no tool_call_id" },
    { { .role = UVLLM_USER, .text = UVLLM_STR("a"), .tool_call_id = UVLLM_STR("c") },
      "messages[0] has a tool_call_id, but is no tool's" },
    { { .role = UVLLM_USER, .text = UVLLM_STR("a"), .tool_calls_json = UVLLM_STR("[]") },
      "messages[0] has tool_calls_json, but is not the assistant's" },
    { { .role = UVLLM_USER, .text = UVLLM_STR("a"), .parts_json = UVLLM_STR("[]") },
      "messages[0] has both text and parts_json" },
    { { .role = UVLLM_USER, .parts_json = UVLLM_STR("\"a\"") },
      "messages[0].parts_json is no JSON array" },
    { { .role = UVLLM_ASSISTANT, .tool_calls_json = UVLLM_STR("[") },
      "messages[0].tool_calls_json is JSON that ends too early" },
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    uvllm_request_t r = hello(UVLLM_CHAT);
    r.messages = &cases[i].message;
    refused(r, cases[i].said);
  }
}

static void requests_that_say_nothing_are_refused(void** state) {
  (void) state;
  refused(empty_request(UVLLM_CHAT), "neither messages nor body_json are given");
  refused(empty_request(UVLLM_EMBED), "neither messages nor body_json are given");
  refused(empty_request(UVLLM_RAW), "raw_path must begin with a slash");
  refused(empty_request((uvllm_op) 77), "op is none that exists");
  static const uvllm_message_t two[2] = { { .role = UVLLM_USER, .text = UVLLM_STR("a") },
                                          { .role = UVLLM_USER, .text = UVLLM_STR("b") } };
  uvllm_request_t r = empty_request(UVLLM_COMPLETION);
  r.messages = two;
  r.nmessages = 2;
  refused(r, "a text completion takes one message");
  r = hello(UVLLM_CHAT);
  r.top_p = INFINITY;
  refused(r, "top_p is infinite");
  assert_check(empty_request(UVLLM_MODELS), 0, "");
}

static void too_many_members_are_refused(void** state) {
  (void) state;
  char body[4096] = "{";
  size_t len = 1;
  for (int i = 0; i < 257; i++)
    len += (size_t) snprintf(body + len, sizeof(body) - len, "%s\"m%d\":1", i != 0 ? "," : "", i);
  snprintf(body + len, sizeof(body) - len, "}");
  uvllm_request_t r = empty_request(UVLLM_CHAT);
  r.body_json = test_str(body);
  refused(r, "body_json has more than 256 members");
}

static void survives_every_failed_allocation(void** state) {
  (void) state;
  for (int once = 0; once <= 1; once++) {
    size_t fail_at = 1;
    for (int err = 1; err != 0; fail_at++) {
      fixture_t f;
      uvllm_request_t r = with_all_fields();
      r.json_schema = test_str("{\"n\\u0061me\":\"x\",\"schema\":{}}");
      r.body_json = test_str("{\"\\u0061\":1,\"messages\":2,\"m\\u006fdel\":3}");
      r.extra_json = test_str("{\"\\u0062\":1,\"st\\u006fp\":null}");
      begin(&f, r);
      f.alloc.fail_at = fail_at;
      f.alloc.fail_once = once;
      f.attempt.key = test_str("sk-test");
      err = build(&f);
      if (err == 0) {
        const uvllm_str_t body = uvllm__http_body(&f.http);
        char* copy = strndup(body.base, body.len);
        assert_non_null(strstr(copy, "\"b\":1}"));
        assert_non_null(strstr(copy, "\"json_schema\":{\"n\\u0061me\""));
        assert_null(strstr(copy, "stop"));
        free(copy);
      } else {
        assert_int_equal(err, UVLLM__ENOMEM);
      }
      end(&f);
    }
    assert_true(fail_at > 5);
  }
}

static void unknown_dialects_are_none(void** state) {
  (void) state;
  assert_null(uvllm__dialect("OpenAI"));
  assert_null(uvllm__dialect(""));
  assert_null(uvllm__dialect(NULL));
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(each_op_has_its_path),
    cmocka_unit_test(sends_the_usual_headers),
    cmocka_unit_test(without_a_key_there_is_no_authorization),
    cmocka_unit_test(raw_requests_are_sent_as_they_are),
    cmocka_unit_test(a_small_chat),
    cmocka_unit_test(every_form_of_message),
    cmocka_unit_test(every_field_of_a_chat),
    cmocka_unit_test(tool_choices_are_words_strings_or_objects),
    cmocka_unit_test(a_schema_may_bring_its_own_name),
    cmocka_unit_test(max_tokens_has_two_names),
    cmocka_unit_test(embeddings_of_one_and_of_several),
    cmocka_unit_test(embeddings_that_others_read_stay_numbers),
    cmocka_unit_test(a_given_body_is_kept_byte_for_byte),
    cmocka_unit_test(its_own_model_stays_without_a_target_model),
    cmocka_unit_test(fields_win_over_the_given_body),
    cmocka_unit_test(extra_members_win_over_all),
    cmocka_unit_test(no_member_is_sent_twice),
    cmocka_unit_test(what_an_op_cannot_say_is_unsupported),
    cmocka_unit_test(what_passed_elsewhere_is_unsupported),
    cmocka_unit_test(fields_that_hold_no_json_are_named),
    cmocka_unit_test(messages_that_make_no_sense_are_named),
    cmocka_unit_test(requests_that_say_nothing_are_refused),
    cmocka_unit_test(too_many_members_are_refused),
    cmocka_unit_test(survives_every_failed_allocation),
    cmocka_unit_test(unknown_dialects_are_none),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
