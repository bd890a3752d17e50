/* The mock's Ollama dialect over the wire, and what x-mock does to it. */
#define _GNU_SOURCE
#include "mock_world.h"

#define HELLO "\"model\":\"llama3.2\",\"messages\":[{\"role\":\"user\",\"content\":\"Hello there\"}]"
#define PROMPT "\"model\":\"llama3.2\",\"prompt\":\"Hello there\""
#define WHOLE ",\"stream\":false"
#define TOOLS ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"weather\"," \
  "\"parameters\":{\"type\":\"object\",\"properties\":{\"city\":{\"type\":\"string\"}}}}}," \
  "{\"type\":\"function\",\"function\":{\"name\":\"now\"}}]"

static void ask_mock(world_t* w, const char* line, const char* mock, const char* body,
                     reply_t* r) {
  char headers[256] = "";
  if (mock[0] != '\0')
    snprintf(headers, sizeof(headers), "x-mock: %s\r\n", mock);
  ask(w, line, headers, body, r);
}

static void ask_chat(world_t* w, const char* mock, const char* members, reply_t* r) {
  char body[4096];
  snprintf(body, sizeof(body), "{" HELLO "%s}", members);
  ask_mock(w, "POST /api/chat", mock, body, r);
}

/* Line i of a stream; len 0: there are no more. */
static uvllm_str_t line_at(const reply_t* r, int i) {
  const char* p = r->body;
  while (i-- > 0 && p != NULL)
    p = (p = strchr(p, '\n')) != NULL ? p + 1 : NULL;
  uvllm_str_t line = { p, p != NULL ? strcspn(p, "\r\n") : 0 };
  return line;
}

static int count_lines(const reply_t* r) {
  int n = 0;
  while (line_at(r, n).len != 0)
    n++;
  return n;
}

static uvllm_json_t json_line(const reply_t* r, int i) {
  uvllm_str_t line = line_at(r, i);
  assert_true(line.len != 0);
  return json_of(line.base, line.len);
}

/* What a member says in all lines, put together. */
static void collect(const reply_t* r, const char* path, char* out, size_t size) {
  size_t len = 0;
  for (int i = 0; line_at(r, i).len != 0; i++) {
    uvllm_str_t s = uvllm_json_str(uvllm_json_path(json_line(r, i), path));
    assert_true(len + s.len < size);
    if (s.len != 0)
      memcpy(out + len, s.base, s.len);
    len += s.len;
  }
  out[len] = '\0';
}

/* ---- Chat and generate ---- */

static void chat_streams_unless_told_not_to(void** state) {
  (void) state;
  world_t w;
  reply_t r;
  char text[1024];
  world_new(&w);
  ask_chat(&w, "tokens=3", "", &r);
  assert_int_equal(r.status, 200);
  assert_true(r.complete);
  assert_non_null(strstr(r.head, "content-type: application/x-ndjson\r\n"));
  assert_null(strstr(r.head, "openai"));
  assert_null(strstr(r.head, "x-request-id"));
  assert_int_equal(count_lines(&r), 4);
  for (int i = 0; i < 3; i++) {
    uvllm_json_t line = json_line(&r, i);
    assert_path(line, "model", "llama3.2");
    assert_path(line, "message.role", "assistant");
    assert_true(uvllm_json_str(uvllm_json_path(line, "message.content")).len > 0);
    assert_int_equal(uvllm_json_bool(uvllm_json_get(line, "done"), -1), 0);
    assert_no_path(line, "eval_count");
  }
  uvllm_json_t last = json_line(&r, 3);
  assert_path(last, "message.content", "");
  assert_int_equal(uvllm_json_bool(uvllm_json_get(last, "done"), -1), 1);
  assert_path(last, "done_reason", "stop");
  assert_number(last, "prompt_eval_count", 3);
  assert_number(last, "eval_count", 3);
  assert_number(last, "eval_duration", 30000000);
  collect(&r, "message.content", text, sizeof(text));
  reply_free(&r);
  ask_chat(&w, "tokens=3", WHOLE, &r);
  assert_non_null(strstr(r.head, "content-type: application/json; charset=utf-8\r\n"));
  uvllm_json_t root = json_of(r.body, r.len);
  assert_path(root, "message.content", text);
  assert_number(root, "eval_count", 3);
  reply_free(&r);
  world_end(&w);
}

static void generate_has_a_response_and_a_context(void** state) {
  (void) state;
  world_t w;
  reply_t r;
  char text[1024];
  world_new(&w);
  ask_mock(&w, "POST /api/generate", "tokens=2", "{" PROMPT "}", &r);
  assert_int_equal(count_lines(&r), 3);
  collect(&r, "response", text, sizeof(text));
  assert_no_path(json_line(&r, 0), "message");
  assert_number(json_line(&r, 2), "context.0", 1);
  reply_free(&r);
  ask_mock(&w, "POST /api/generate", "tokens=2", "{" PROMPT WHOLE "}", &r);
  assert_path(json_of(r.body, r.len), "response", text);
  reply_free(&r);
  world_end(&w);
}

static void num_predict_cuts(void** state) {
  (void) state;
  world_t w;
  reply_t r;
  world_new(&w);
  ask_chat(&w, "", WHOLE ",\"options\":{\"num_predict\":5}", &r);
  assert_path(json_of(r.body, r.len), "done_reason", "length");
  assert_number(json_of(r.body, r.len), "eval_count", 5);
  reply_free(&r);
  ask_chat(&w, "", WHOLE ",\"options\":{\"num_predict\":-1}", &r);
  assert_path(json_of(r.body, r.len), "done_reason", "stop");
  reply_free(&r);
  world_end(&w);
}

static void without_a_prompt_the_model_is_loaded(void** state) {
  (void) state;
  static const struct { const char *line, *body, *reason, *member; } asked[] = {
    { "POST /api/generate", "{\"model\":\"m\"}", "load", "response" },
    { "POST /api/generate", "{\"model\":\"m\",\"prompt\":\"\",\"keep_alive\":0}", "unload",
      "response" },
    { "POST /api/chat", "{\"model\":\"m\",\"messages\":[],\"keep_alive\":\"10m\"}", "load",
      "message.content" },
    { "POST /api/chat", "{\"model\":\"m\",\"keep_alive\":\"0\"}", "unload", "message.content" }
  };
  world_t w;
  reply_t r;
  world_new(&w);
  for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
    ask(&w, asked[i].line, "", asked[i].body, &r);
    assert_non_null(strstr(r.head, "content-type: application/json"));
    uvllm_json_t root = json_of(r.body, r.len);
    assert_path(root, "done_reason", asked[i].reason);
    assert_path(root, asked[i].member, "");
    reply_free(&r);
  }
  assert_int_equal(stats_of(&w).max_admitted_60s, 0);
  world_end(&w);
}

static void keep_alive_is_a_duration(void** state) {
  (void) state;
  static const struct { const char* value; int status; } values[] = {
    { "5", 200 }, { "-1", 200 }, { "\"5m\"", 200 }, { "\"1h30m\"", 200 }, { "\"-1s\"", 200 },
    { "\"1.5h\"", 200 }, { "\"0\"", 200 }, { "null", 200 }, { "\"\"", 400 }, { "\"-\"", 400 },
    { "\"5\"", 400 }, { "\"5x\"", 400 }, { "\"m\"", 400 }, { "\"1h30\"", 400 },
    { "\"1h30e\"", 400 }
  };
  world_t w;
  reply_t r;
  char members[64];
  world_new(&w);
  for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
    snprintf(members, sizeof(members), WHOLE ",\"keep_alive\":%s", values[i].value);
    ask_chat(&w, "", members, &r);
    if (r.status != values[i].status)
      print_message("%s\n", values[i].value);
    assert_int_equal(r.status, values[i].status);
    reply_free(&r);
  }
  world_end(&w);
}

static void thinking_comes_first(void** state) {
  (void) state;
  world_t w;
  reply_t r;
  char thought[1024];
  world_new(&w);
  ask_chat(&w, "reasoning=2,tokens=1", "", &r);
  assert_int_equal(count_lines(&r), 4);
  assert_path(json_line(&r, 1), "message.content", "");
  assert_true(uvllm_json_str(uvllm_json_path(json_line(&r, 1), "message.thinking")).len > 0);
  assert_no_path(json_line(&r, 2), "message.thinking");
  assert_number(json_line(&r, 3), "eval_count", 3);
  collect(&r, "message.thinking", thought, sizeof(thought));
  reply_free(&r);
  ask_chat(&w, "reasoning=2,tokens=1", WHOLE, &r);
  assert_path(json_of(r.body, r.len), "message.thinking", thought);
  reply_free(&r);
  ask_chat(&w, "", WHOLE ",\"think\":\"low\"", &r);
  assert_true(uvllm_json_str(uvllm_json_path(json_of(r.body, r.len), "message.thinking")).len > 0);
  reply_free(&r);
  ask_chat(&w, "", WHOLE ",\"think\":false", &r);
  assert_no_path(json_of(r.body, r.len), "message.thinking");
  reply_free(&r);
  world_end(&w);
}

static void tool_calls_come_whole(void** state) {
  (void) state;
  world_t w;
  reply_t r;
  world_new(&w);
  ask_chat(&w, "tool=2", TOOLS, &r);
  assert_int_equal(count_lines(&r), 3);
  uvllm_json_t first = json_line(&r, 0);
  assert_path(first, "message.tool_calls.0.function.name", "weather");
  assert_path(first, "message.tool_calls.0.function.arguments.city", "text");
  assert_number(json_line(&r, 1), "message.tool_calls.0.function.index", 1);
  assert_path(json_line(&r, 1), "message.tool_calls.0.function.name", "now");
  assert_path(json_line(&r, 2), "done_reason", "stop");
  reply_free(&r);
  ask_chat(&w, "tool=2", TOOLS WHOLE, &r);
  uvllm_json_t root = json_of(r.body, r.len);
  assert_path(root, "message.content", "");
  assert_path(root, "message.tool_calls.0.function.arguments.city", "text");
  assert_path(root, "message.tool_calls.1.function.name", "now");
  reply_free(&r);
  ask_chat(&w, "tool", TOOLS WHOLE ",\"options\":{\"num_predict\":1}", &r);
  root = json_of(r.body, r.len);
  assert_no_path(root, "message.tool_calls");
  assert_path(root, "done_reason", "length");
  reply_free(&r);
  world_end(&w);
}

static void format_is_followed(void** state) {
  (void) state;
  world_t w;
  reply_t r;
  char text[1024];
  world_new(&w);
  ask_chat(&w, "", ",\"format\":{\"type\":\"object\",\"properties\":{\"n\":{\"type\":"
           "\"integer\"}}}", &r);
  collect(&r, "message.content", text, sizeof(text));
  assert_string_equal(text, "{\"n\":1}");
  reply_free(&r);
  ask_chat(&w, "", WHOLE ",\"format\":\"json\"", &r);
  assert_path(json_of(r.body, r.len), "message.content", "{\"answer\":\"text\"}");
  reply_free(&r);
  world_end(&w);
}

static void cached_tokens_are_told_if_asked_for(void** state) {
  (void) state;
  world_t w;
  reply_t r;
  world_new(&w);
  ask_chat(&w, "cached=2", WHOLE, &r);
  assert_number(json_of(r.body, r.len), "prompt_eval_count", 3);
  assert_number(json_of(r.body, r.len), "prompt_eval_cached_count", 2);
  reply_free(&r);
  ask_chat(&w, "", WHOLE, &r);
  assert_no_path(json_of(r.body, r.len), "prompt_eval_cached_count");
  reply_free(&r);
  world_end(&w);
}

/* ---- The other endpoints ---- */

static void embeddings_are_vectors(void** state) {
  (void) state;
  world_t w;
  reply_t r;
  world_new(&w);
  ask(&w, "POST /api/embed", "", "{\"model\":\"e\",\"input\":[\"a\",\"b\"],\"dimensions\":8}", &r);
  uvllm_json_t root = json_of(r.body, r.len);
  assert_int_equal(uvllm_json_count(uvllm_json_get(root, "embeddings")), 2);
  assert_int_equal(uvllm_json_count(uvllm_json_path(root, "embeddings.1")), 8);
  assert_number(root, "prompt_eval_count", 1);
  reply_free(&r);
  ask(&w, "POST /api/embed", "", "{\"model\":\"e\",\"input\":\"\"}", &r);
  root = json_of(r.body, r.len);
  assert_int_equal(uvllm_json_count(uvllm_json_get(root, "embeddings")), 0);
  assert_no_path(root, "prompt_eval_count");
  reply_free(&r);
  ask(&w, "POST /api/embeddings", "", "{\"model\":\"e\",\"prompt\":\"a\"}", &r);
  assert_int_equal(uvllm_json_count(uvllm_json_get(json_of(r.body, r.len), "embedding")), 384);
  reply_free(&r);
  world_end(&w);
}

static void models_are_listed_shown_and_deleted(void** state) {
  (void) state;
  world_t w;
  reply_t r;
  world_new(&w);
  ask(&w, "GET /api/tags", "", "", &r);
  assert_path(json_of(r.body, r.len), "models.0.name", "llama3.2:latest");
  assert_path(json_of(r.body, r.len), "models.0.details.families.0", "llama");
  reply_free(&r);
  ask(&w, "GET /api/tags", "x-mock: models=500\r\n", "", &r);
  assert_int_equal(uvllm_json_count(uvllm_json_get(json_of(r.body, r.len), "models")), 500);
  reply_free(&r);
  ask(&w, "GET /api/ps", "", "", &r);
  assert_number(json_of(r.body, r.len), "models.0.context_length", 8192);
  reply_free(&r);
  ask(&w, "POST /api/show", "", "{\"model\":\"llama3.2\"}", &r);
  assert_non_null(strstr(r.body, "\"llama.context_length\":8192"));
  reply_free(&r);
  ask(&w, "DELETE /api/delete", "", "{\"name\":\"qwen3:8b\"}", &r);
  assert_int_equal(r.status, 200);
  assert_int_equal(r.len, 0);
  reply_free(&r);
  ask(&w, "DELETE /api/delete", "", "{\"model\":\"qwen3\"}", &r);
  assert_int_equal(r.status, 404);
  assert_path(json_of(r.body, r.len), "error", "model 'qwen3' not found");
  reply_free(&r);
  world_end(&w);
}

static void version_and_life_are_told(void** state) {
  (void) state;
  world_t w;
  reply_t r;
  world_new(&w);
  ask(&w, "GET /api/version", "", "", &r);
  assert_true(uvllm_json_str(uvllm_json_get(json_of(r.body, r.len), "version")).len > 0);
  reply_free(&r);
  ask(&w, "HEAD /api/version", "", "", &r);
  assert_int_equal(r.status, 200);
  assert_int_equal(r.len, 0);
  reply_free(&r);
  for (int i = 0; i < 2; i++) {
    ask(&w, i == 0 ? "GET /ollama" : "GET /ollama/", "", "", &r);
    assert_string_equal(r.body, "Ollama is running");
    assert_non_null(strstr(r.head, "content-type: text/plain"));
    reply_free(&r);
  }
  ask(&w, "GET /ollama/api/tags", "", "", &r);
  assert_int_equal(r.status, 200);
  reply_free(&r);
  ask(&w, "GET /", "", "", &r); /* nobody's, so OpenAI's error */
  assert_path(json_of(r.body, r.len), "error.type", "invalid_request_error");
  reply_free(&r);
  world_end(&w);
}

static void pull_goes_on_to_success(void** state) {
  (void) state;
  world_t w;
  reply_t r;
  world_new(&w);
  ask_mock(&w, "POST /api/pull", "tokens=3", "{\"model\":\"new\"}", &r);
  assert_non_null(strstr(r.head, "application/x-ndjson"));
  assert_int_equal(count_lines(&r), 10);
  assert_path(json_line(&r, 0), "status", "pulling manifest");
  assert_no_path(json_line(&r, 1), "completed");
  int64_t total = uvllm_json_int(uvllm_json_get(json_line(&r, 1), "total"), -1), before = 0;
  for (int i = 2; i <= 4; i++) {
    int64_t completed = uvllm_json_int(uvllm_json_get(json_line(&r, i), "completed"), -1);
    assert_true(completed > before);
    before = completed;
  }
  assert_int_equal(before, total);
  assert_path(json_line(&r, 6), "status", "verifying sha256 digest");
  assert_path(json_line(&r, 9), "status", "success");
  assert_int_equal(stats_of(&w).output_tokens, 0);
  reply_free(&r);
  ask_mock(&w, "POST /api/pull", "", "{\"model\":\"new\",\"stream\":false}", &r);
  assert_string_equal(r.body, "{\"status\":\"success\"}");
  reply_free(&r);
  ask_mock(&w, "POST /api/pull", "error-event=2", "{\"model\":\"new\"}", &r);
  assert_int_equal(count_lines(&r), 3);
  assert_true(uvllm_json_str(uvllm_json_get(json_line(&r, 2), "error")).len > 0);
  reply_free(&r);
  ask_mock(&w, "POST /api/pull", "no-done", "{\"model\":\"new\"}", &r);
  assert_null(strstr(r.body, "success"));
  assert_true(r.complete);
  reply_free(&r);
  world_end(&w);
}

/* ---- What goes wrong ---- */

static const struct { const char *line, *body; int status; const char* error; } wrongs[] = {
  { "POST /api/chat", "", 400, "missing request body" },
  { "POST /api/chat", "{", 400, "invalid character at offset 1" },
  { "POST /api/chat", "[]", 400, NULL },
  { "POST /api/chat", "{}", 400, "model is required" },
  { "POST /api/generate", "{}", 404, "model '' not found" },
  { "POST /api/embed", "{\"model\":\"m\"}", 400, "invalid input type" },
  { "POST /api/embed", "{\"model\":\"m\",\"input\":[1]}", 400, "invalid input type" },
  { "POST /api/show", "{}", 400, "model is required" },
  { "POST /api/show", "{\"model\":\"x\"}", 404, "model 'x' not found" },
  { "POST /api/chat", "{" HELLO ",\"stream\":1}", 400, NULL },
  { "POST /api/chat", "{" HELLO ",\"think\":\"some\"}", 400, NULL },
  { "POST /api/chat", "{" HELLO ",\"format\":\"xml\"}", 400, NULL },
  { "POST /api/chat", "{" HELLO ",\"keep_alive\":\"10\"}", 400,
    "time: invalid duration \"10\"" },
  { "POST /api/chat", "{" HELLO ",\"top_logprobs\":21}", 400, NULL },
  { "POST /api/chat", "{" HELLO ",\"options\":[]}", 400, NULL },
  { "POST /api/chat", "{\"model\":\"m\",\"messages\":{}}", 400, NULL },
  { "POST /api/chat", "{\"model\":\"m\",\"messages\":[1]}", 400, NULL },
  { "POST /api/chat", "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[]}]}", 400,
    NULL },
  { "POST /api/generate", "{" PROMPT ",\"raw\":true,\"system\":\"s\"}", 400,
    "raw mode does not support template, system, or context" },
  { "POST /api/nothing", "{}", 404, "404 page not found" },
  { "GET /ollama/v1/models", "", 404, "404 page not found" },
  { "GET /api/chat", "", 405, "405 method not allowed" }
};

static void wrong_requests_get_one_string(void** state) {
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
    assert_true(uvllm_json_str(uvllm_json_get(root, "error")).len > 10);
    if (wrongs[i].error != NULL)
      assert_path(root, "error", wrongs[i].error);
    reply_free(&r);
  }
  world_end(&w);
}

static void asked_errors_have_its_form(void** state) {
  (void) state;
  static const struct { const char* mock; int status; const char* error; } asked[] = {
    { "status=401", 401, "unauthorized" }, { "status=404", 404, "model 'llama3.2' not found" },
    { "status=429", 429, NULL }, { "quota", 429, NULL }, { "status=502", 502, NULL },
    { "status=503", 503, NULL }, { "status=418", 418, NULL }, { "refusal", 400, NULL },
    { "filter", 400, NULL }, { "nonsense", 400, "x-mock: unknown word: nonsense" }
  };
  world_t w;
  reply_t r;
  world_new(&w);
  for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
    ask_chat(&w, asked[i].mock, "", &r);
    assert_int_equal(r.status, asked[i].status);
    uvllm_json_t root = json_of(r.body, r.len);
    assert_true(uvllm_json_str(uvllm_json_get(root, "error")).len > 5);
    if (asked[i].error != NULL)
      assert_path(root, "error", asked[i].error);
    reply_free(&r);
  }
  ask_chat(&w, "status=504", "", &r); /* a status that it has not: from the edge */
  assert_non_null(strstr(r.body, "<html>"));
  reply_free(&r);
  world_end(&w);
}

static void streams_can_go_wrong_in_every_way(void** state) {
  (void) state;
  world_t w;
  reply_t r;
  uvllm_json_t root;
  world_new(&w);
  ask_chat(&w, "tokens=4,error-event=2", "", &r);
  assert_int_equal(count_lines(&r), 3);
  assert_true(uvllm_json_str(uvllm_json_get(json_line(&r, 2), "error")).len > 0);
  assert_true(r.complete);
  reply_free(&r);
  ask_chat(&w, "tokens=4,cut=2", "", &r);
  assert_int_equal(count_lines(&r), 2);
  assert_false(r.complete);
  reply_free(&r);
  ask_chat(&w, "tokens=2,no-done", "", &r);
  assert_int_equal(count_lines(&r), 2);
  assert_true(r.complete);
  reply_free(&r);
  ask_chat(&w, "tokens=2,malformed", "", &r);
  assert_int_equal(count_lines(&r), 4);
  assert_int_equal(uvllm_json_parse(parser, line_at(&r, 0), &root, NULL), UVLLM_EPROTO);
  assert_true(uvllm_json_str(uvllm_json_path(json_line(&r, 1), "message.content")).len > 0);
  reply_free(&r);
  ask_chat(&w, "tokens=2,comments,crlf", "", &r);
  assert_memory_equal(r.body, "\r\n{", 3);
  assert_non_null(strstr(r.body, "}\r\n\r\n{"));
  reply_free(&r);
  ask_chat(&w, "tokens=2,empty", "", &r);
  assert_int_equal(r.len, 0);
  assert_non_null(strstr(r.head, "application/x-ndjson"));
  reply_free(&r);
  world_end(&w);
}

static void big_goes_into_one_line(void** state) {
  (void) state;
  world_t w;
  reply_t r;
  world_new(&w);
  for (int i = 0; i < 2; i++) {
    ask_chat(&w, i == 0 ? "tokens=1,big=300000" : "tokens=1,big=300000,reasoning=2", "", &r);
    assert_true(r.complete);
    assert_int_equal(count_lines(&r), i == 0 ? 2 : 4);
    uvllm_json_t line = json_line(&r, i == 0 ? 0 : 2);
    assert_true(uvllm_json_str(uvllm_json_path(line, "message.content")).len > 300000);
    reply_free(&r);
  }
  ask_chat(&w, "tokens=1,big=300000", WHOLE, &r);
  assert_true(uvllm_json_str(uvllm_json_path(json_of(r.body, r.len), "message.content")).len >
              300000);
  reply_free(&r);
  world_end(&w);
}

static void bytes_alone_make_the_same_lines(void** state) {
  (void) state;
  static const char* const ways[] = { "tokens=2,drip", "tokens=2,split", "tokens=2,eof",
                                      "tokens=2,itl=2,ttft=2" };
  world_t w;
  reply_t all, r;
  world_new(&w);
  ask_chat(&w, "tokens=2", "", &all);
  for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
    ask_chat(&w, ways[i], "", &r);
    assert_string_equal(r.body, all.body);
    reply_free(&r);
  }
  reply_free(&all);
  world_end(&w);
}

static void limits_are_told_its_way(void** state) {
  (void) state;
  world_t w;
  reply_t r;
  world_init(&w);
  w.options.requests_per_min = 60;
  world_start(&w);
  ask_chat(&w, "", "", &r);
  assert_int_equal(r.status, 200);
  reply_free(&r);
  ask_chat(&w, "", "", &r);
  assert_int_equal(r.status, 429);
  assert_true(uvllm_json_str(uvllm_json_get(json_of(r.body, r.len), "error")).len > 0);
  assert_null(strstr(r.head, "retry-after"));
  assert_null(strstr(r.head, "ratelimit"));
  reply_free(&r);
  ask_chat(&w, "", ",\"stream\":true", &r);
  assert_int_equal(r.status, 429);
  reply_free(&r);
  world_end(&w);
}

static void key_is_a_bearer(void** state) {
  (void) state;
  world_t w;
  reply_t r;
  world_init(&w);
  w.options.require_key = "the-key";
  world_start(&w);
  ask(&w, "GET /api/tags", "", "", &r);
  assert_int_equal(r.status, 401);
  assert_path(json_of(r.body, r.len), "error", "unauthorized");
  reply_free(&r);
  ask(&w, "GET /api/tags", "Authorization: Bearer the-key\r\n", "", &r);
  assert_int_equal(r.status, 200);
  reply_free(&r);
  world_end(&w);
}

static int set_up(void** state) {
  (void) state;
  return uvllm_json_parser_new(&parser, NULL);
}

static int tear_down(void** state) {
  (void) state;
  uvllm_json_parser_free(parser);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(chat_streams_unless_told_not_to),
    cmocka_unit_test(generate_has_a_response_and_a_context),
    cmocka_unit_test(num_predict_cuts),
    cmocka_unit_test(without_a_prompt_the_model_is_loaded),
    cmocka_unit_test(keep_alive_is_a_duration),
    cmocka_unit_test(thinking_comes_first),
    cmocka_unit_test(tool_calls_come_whole),
    cmocka_unit_test(format_is_followed),
    cmocka_unit_test(cached_tokens_are_told_if_asked_for),
    cmocka_unit_test(embeddings_are_vectors),
    cmocka_unit_test(models_are_listed_shown_and_deleted),
    cmocka_unit_test(version_and_life_are_told),
    cmocka_unit_test(pull_goes_on_to_success),
    cmocka_unit_test(wrong_requests_get_one_string),
    cmocka_unit_test(asked_errors_have_its_form),
    cmocka_unit_test(streams_can_go_wrong_in_every_way),
    cmocka_unit_test(big_goes_into_one_line),
    cmocka_unit_test(bytes_alone_make_the_same_lines),
    cmocka_unit_test(limits_are_told_its_way),
    cmocka_unit_test(key_is_a_bearer)
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
