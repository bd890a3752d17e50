/* Every dialect through every scenario, by the public API against the mock: what
 * works in one works in all, or is refused at submit.
 *
 *   test_dialects            runs the tests
 *   test_dialects --matrix   prints the table for the README
 */
#include "dialect_scenario.h"

#define TOOLS \
  "[{\"type\":\"function\",\"function\":{\"name\":\"get_weather\",\"description\":\"Weather.\"," \
  "\"parameters\":{\"type\":\"object\",\"properties\":{\"city\":{\"type\":\"string\"}}," \
  "\"required\":[\"city\"]}}},{\"type\":\"function\",\"function\":{\"name\":\"get_time\"," \
  "\"parameters\":{\"type\":\"object\",\"properties\":{\"zone\":{\"type\":\"string\"}}}}}]"
#define CALLS \
  "[{\"id\":\"call_1\",\"type\":\"function\",\"function\":{\"name\":\"get_weather\"," \
  "\"arguments\":\"{\\\"city\\\":\\\"Vienna\\\"}\"}},{\"id\":\"call_2\",\"type\":\"function\"," \
  "\"function\":{\"name\":\"get_time\",\"arguments\":\"{}\"}}]"
#define PIXEL \
  "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII="

#define ALL_OF_OPENAI \
  (CAN_IMAGE | CAN_IMAGE_URL | CAN_TOOLS | CAN_SCHEMA | CAN_REASON | CAN_FILTER | CAN_REFUSE | \
   CAN_CACHE | CAN_EMBED | CAN_CHOICES | CAN_SEED | CAN_STOP | CAN_MODELS | CAN_ALWAYS_CALL | \
   CAN_COMPLETE)

/* A new one is a line here. */
static const dialect_t dialects[] = {
  { .name = "openai", .path = "/v1", .model = "gpt-4o-mini", .can = ALL_OF_OPENAI },
  { .name = "anthropic", .path = "/anthropic", .model = "claude-sonnet-5",
    .can = CAN_IMAGE | CAN_IMAGE_URL | CAN_TOOLS | CAN_SCHEMA | CAN_REASON | CAN_FILTER |
           CAN_CACHE | CAN_COUNT | CAN_STOP | CAN_MODELS | CAN_ALWAYS_CALL },
  { .name = "gemini", .path = "/gemini", .model = "gemini-2.5-flash",
    .can = CAN_IMAGE | CAN_TOOLS | CAN_SCHEMA | CAN_REASON | CAN_FILTER | CAN_CACHE | CAN_EMBED |
           CAN_COUNT | CAN_CHOICES | CAN_SEED | CAN_STOP | CAN_MODELS | CAN_ALWAYS_CALL |
           CAN_IMAGE_URL },
  { .name = "cohere", .path = "/cohere", .model = "command-a-03-2025",
    .can = CAN_IMAGE | CAN_IMAGE_URL | CAN_TOOLS | CAN_SCHEMA | CAN_REASON | CAN_CACHE |
           CAN_EMBED | CAN_SEED | CAN_STOP | CAN_MODELS | CAN_ALWAYS_CALL },
  { .name = "openai-responses", .path = "/v1", .model = "gpt-5.4",
    .can = ALL_OF_OPENAI & ~(CAN_CHOICES | CAN_SEED | CAN_STOP) },
  { .name = "azure", .path = "/openai", .model = "gpt-4o-mini", .can = ALL_OF_OPENAI },
  { .name = "azure-v1", .path = "/openai/v1", .model = "gpt-4o-mini", .can = ALL_OF_OPENAI },
#ifdef UVLLM__HAS_BEDROCK
  { .name = "bedrock", .path = "", .model = "anthropic.claude-3-5-sonnet-20240620-v1:0",
    .can = CAN_IMAGE | CAN_TOOLS | CAN_SCHEMA | CAN_REASON | CAN_FILTER | CAN_CACHE | CAN_COUNT |
           CAN_STOP | CAN_MODELS | CAN_ALWAYS_CALL },
#endif
  { .name = "ollama", .path = "/ollama", .model = "llama3.2",
    .can = CAN_IMAGE | CAN_TOOLS | CAN_SCHEMA | CAN_REASON | CAN_EMBED | CAN_SEED | CAN_STOP |
           CAN_MODELS | CAN_COMPLETE },
};

enum { NDIALECTS = sizeof(dialects) / sizeof(dialects[0]) };


/* ---- Requests ------------------------------------------------------------------------ */

static uvllm_message_t messages[8];

static void say(uvllm_request_t* r, uvllm_role role, const char* text) {
  messages[r->nmessages] = (uvllm_message_t) { .role = role, .text = test_str(text) };
  r->messages = messages;
  r->nmessages++;
}

static void system_and_user(uvllm_request_t* r) {
  say(r, UVLLM_SYSTEM, "Be brief.");
  say(r, UVLLM_USER, "Which river flows through Vienna?");
}

static void several_turns(uvllm_request_t* r) {
  say(r, UVLLM_USER, "Hello");
  say(r, UVLLM_ASSISTANT, "Hello. What can I do?");
  say(r, UVLLM_USER, "Name a river.");
}

static void unicode(uvllm_request_t* r) {
  say(r, UVLLM_USER, "Grüße, 世界 🌍 \\ \" \x01 end");
}

static void long_prompt(uvllm_request_t* r) {
  static char text[200001];
  memset(text, 'x', sizeof(text) - 1);
  say(r, UVLLM_USER, text);
}

static void with_parts(uvllm_request_t* r, const char* url) {
  static char parts[1024];
  snprintf(parts, sizeof(parts),
           "[{\"type\":\"text\",\"text\":\"What is it?\"},"
           "{\"type\":\"image_url\",\"image_url\":{\"url\":\"%s\"}}]", url);
  say(r, UVLLM_USER, "");
  messages[0].text = (uvllm_str_t) { NULL, 0 };
  messages[0].parts_json = test_str(parts);
}

static void image(uvllm_request_t* r) {
  with_parts(r, PIXEL);
}

static void image_by_url(uvllm_request_t* r) {
  with_parts(r, "https://example.com/a.png");
}

static void tools(uvllm_request_t* r) {
  say(r, UVLLM_USER, "What is the weather in Vienna?");
  r->tools_json = test_str(TOOLS);
}

static void required_tool(uvllm_request_t* r) {
  tools(r);
  r->tool_choice_json = test_str("\"required\"");
}

static void tool_results(uvllm_request_t* r) {
  tools(r);
  say(r, UVLLM_ASSISTANT, "");
  messages[1].text = (uvllm_str_t) { NULL, 0 };
  messages[1].tool_calls_json = test_str(CALLS);
  say(r, UVLLM_TOOL, "Sunny.");
  messages[2].tool_call_id = test_str("call_1");
  say(r, UVLLM_TOOL, "{\"time\":\"12:00\"}");
  messages[3].tool_call_id = test_str("call_2");
}

static void schema(uvllm_request_t* r) {
  say(r, UVLLM_USER, "A person.");
  r->json_schema = test_str("{\"type\":\"object\",\"properties\":{\"name\":{\"type\":\"string\"},"
                            "\"age\":{\"type\":\"integer\"}},\"required\":[\"name\",\"age\"],"
                            "\"additionalProperties\":false}");
}

static void reasoning(uvllm_request_t* r) {
  say(r, UVLLM_USER, "Think.");
  r->reasoning_effort = "high";
}

static void stop_words(uvllm_request_t* r) {
  static const char* const stop[] = { "END", "\n\n", NULL };
  say(r, UVLLM_USER, "Count.");
  r->stop = stop;
}

static void sampling(uvllm_request_t* r) {
  say(r, UVLLM_USER, "Count.");
  r->temperature = 0.5;
}

static void seeded(uvllm_request_t* r) {
  say(r, UVLLM_USER, "Count.");
  r->seed = 7;
}

static void two_choices(uvllm_request_t* r) {
  say(r, UVLLM_USER, "Count.");
  r->n = 2;
}

static void few_tokens(uvllm_request_t* r) {
  say(r, UVLLM_USER, "Count.");
  r->max_tokens = 16; /* less is refused by some */
}

static void completion(uvllm_request_t* r) {
  r->op = UVLLM_COMPLETION;
  say(r, UVLLM_USER, "Once upon a time");
}

static void two_inputs(uvllm_request_t* r) {
  r->op = UVLLM_EMBED;
  say(r, UVLLM_USER, "one");
  say(r, UVLLM_USER, "two");
}

static void list(uvllm_request_t* r) {
  r->op = UVLLM_MODELS;
}

static void count(uvllm_request_t* r) {
  r->op = UVLLM_COUNT_TOKENS;
  say(r, UVLLM_USER, "How many tokens are these?");
}

static void openai_body(uvllm_request_t* r) {
  r->body_json = test_str("{\"model\":\"other\",\"messages\":[{\"role\":\"system\",\"content\":"
                          "\"Be brief.\"},{\"role\":\"user\",\"content\":\"Hello\"}],"
                          "\"max_completion_tokens\":50,\"stream\":true,\"user\":\"me\"}");
}


/* ---- What must have come --------------------------------------------------------------- */

static void has_text(const got_t* g) {
  assert_int_equal(g->nchoices, 1);
  assert_true(strlen(g->text) > 0);
  assert_string_equal(g->streamed, g->text);
  assert_int_equal(g->stop, UVLLM_STOP_END);
  assert_true(g->usage.input_tokens > 0 && g->usage.output_tokens > 0);
  assert_int_equal(g->usage.flags & UVLLM_USAGE_ESTIMATED, 0);
}

static void has_long_usage(const got_t* g) {
  has_text(g);
  assert_in_range(g->usage.input_tokens, 50000, 50100);
}

static void has_tool(const got_t* g) {
  assert_int_equal(g->stop, UVLLM_STOP_TOOL);
  assert_int_equal(g->nbegins, 1);
  assert_non_null(strstr(g->tools, "get_weather"));
  assert_non_null(strstr(g->tools, "city"));
  assert_non_null(strstr(g->tools, "\"id\":\""));
}

static void has_two_tools(const got_t* g) {
  assert_int_equal(g->stop, UVLLM_STOP_TOOL);
  assert_int_equal(g->nbegins, 2);
  assert_non_null(strstr(g->tools, "get_time"));
}

static void has_json(const got_t* g) {
  uvllm_json_parser_t* parser;
  uvllm_json_t root;
  assert_int_equal(uvllm_json_parser_new(&parser, NULL), 0);
  assert_int_equal(uvllm_json_parse(parser, test_str(g->text), &root, NULL), 0);
  assert_int_equal(uvllm_json_type_of(uvllm_json_get(root, "name")), UVLLM_JSON_STRING);
  uvllm_json_parser_free(parser);
}

static void has_reasoning(const got_t* g) {
  assert_true(strlen(g->reasoning) > 0);
  assert_string_equal(g->streamed_reasoning, g->reasoning);
  assert_true(strlen(g->text) > 0);
  assert_string_equal(g->streamed, g->text);
}

static void is_cut_by_length(const got_t* g) {
  assert_int_equal(g->stop, UVLLM_STOP_LENGTH);
  assert_int_equal(g->usage.output_tokens, 16);
}

static void is_filtered(const got_t* g) {
  assert_int_equal(g->stop, UVLLM_STOP_FILTER);
}

static void is_refused(const got_t* g) {
  assert_int_equal(g->stop, UVLLM_STOP_REFUSAL);
}

static void has_cached(const got_t* g) {
  has_text(g);
  assert_int_equal(g->usage.cached_input_tokens, 5);
  assert_true(g->usage.input_tokens > 5);
}

static void has_two_choices(const got_t* g) {
  assert_int_equal(g->nchoices, 2);
}

static void has_vectors(const got_t* g) {
  assert_int_equal(g->nvectors, 2);
  assert_true(g->dimensions > 0);
}

static void has_models(const got_t* g) {
  assert_int_equal(g->nmodels, 2500);
}

static void has_count(const got_t* g) {
  assert_true(g->usage.input_tokens > 0);
}

static void has_openai_body(const got_t* g) {
  assert_non_null(strstr(g->body, "\"choices\""));
  assert_non_null(strstr(g->body, "\"prompt_tokens\""));
  assert_non_null(strstr(g->body, "chat.completion"));
}

static void has_words(const got_t* g) {
  assert_true(strlen(g->message) > 0);
}

static void tried_twice(const got_t* g) {
  assert_int_equal(g->attempts, 2);
  has_text(g);
}

static void is_whole_at_last(const got_t* g) {
  assert_true(strlen(g->text) > 0);
}

static void has_some_text(const got_t* g) {
  assert_true(strlen(g->streamed) > 0);
}

#define S UVLLM_STREAM

static const scenario_t scenarios[] = {
  { "text", .check = has_text },
  { "text, streamed", .flags = S, .check = has_text },
  { "unicode", .flags = S, .prepare = unicode, .check = has_text },
  { "a long prompt", .prepare = long_prompt, .check = has_long_usage },
  { "system message", .prepare = system_and_user, .check = has_text },
  { "several turns", .flags = S, .prepare = several_turns, .check = has_text },
  { "temperature", .prepare = sampling, .check = has_text },
  { "seed", CAN_SEED, .prepare = seeded, .check = has_text },
  { "stop sequences", CAN_STOP, .prepare = stop_words, .check = has_text },
  { "image", CAN_IMAGE, .prepare = image, .check = has_text },
  { "image by URL", CAN_IMAGE_URL, .prepare = image_by_url, .check = has_text },
  { "tool call", CAN_TOOLS, .x_mock = "tool", .prepare = tools, .check = has_tool },
  { "tool call, streamed", CAN_TOOLS, .x_mock = "tool", .flags = S, .prepare = tools,
    .check = has_tool },
  { "parallel tool calls", CAN_TOOLS, .x_mock = "tool=2", .flags = S, .prepare = tools,
    .check = has_two_tools },
  { "tool choice", CAN_TOOLS | CAN_ALWAYS_CALL, .prepare = required_tool, .check = has_tool },
  { "tool results", CAN_TOOLS, .flags = S, .prepare = tool_results, .check = has_text },
  { "JSON schema", CAN_SCHEMA, .flags = S, .prepare = schema, .check = has_json },
  { "reasoning", CAN_REASON, .x_mock = "reasoning=8", .prepare = reasoning,
    .check = has_reasoning },
  { "reasoning, streamed", CAN_REASON, .x_mock = "reasoning=8", .flags = S,
    .prepare = reasoning, .check = has_reasoning },
  { "several choices", CAN_CHOICES, .prepare = two_choices, .check = has_two_choices },
  { "length", .x_mock = "tokens=40", .prepare = few_tokens, .check = is_cut_by_length },
  { "length, streamed", .x_mock = "tokens=40", .flags = S, .prepare = few_tokens,
    .check = is_cut_by_length },
  { "content filter", .shows = CAN_FILTER, .x_mock = "filter", .flags = S,
    .check = is_filtered },
  { "refusal", .shows = CAN_REFUSE, .x_mock = "refusal", .flags = S, .check = is_refused },
  { "cached prompt", .shows = CAN_CACHE, .x_mock = "cached=5", .check = has_cached },
  { "cached prompt, streamed", .shows = CAN_CACHE, .x_mock = "cached=5", .flags = S,
    .check = has_cached },
  { "OpenAI body in", .prepare = openai_body, .check = is_whole_at_last },
  { "OpenAI body out", .flags = UVLLM_BODY, .check = has_openai_body },
  { "text completion", CAN_COMPLETE, .prepare = completion, .check = has_text },
  { "embeddings", CAN_EMBED, .prepare = two_inputs, .check = has_vectors },
  { "model list, all pages", CAN_MODELS, .x_mock = "models=2500", .prepare = list,
    .check = has_models },
  { "token count", CAN_COUNT, .prepare = count, .check = has_count },
  { "key rejected", .x_mock = "status=401", .status = UVLLM_EAUTH, .check = has_words },
  { "not permitted", .x_mock = "status=403", .status = UVLLM_EPERMISSION },
  { "no such model", .x_mock = "status=404", .status = UVLLM_ENOMODEL },
  { "bad request", .x_mock = "status=400", .status = UVLLM_EREQUEST, .check = has_words },
  { "rate limited", .x_mock = "status=429", .status = UVLLM_ERATELIMIT },
  { "rate limited, then answered", .x_mock = "status=429,retry-after=0,once",
    .check = tried_twice, .attempts = 2 },
  { "provider fault, then answered", .x_mock = "status=500,once", .check = tried_twice,
    .attempts = 2 },
  { "overloaded", .x_mock = "status=503", .status = UVLLM_EOVERLOAD },
  { "stream cut", .x_mock = "cut=5", .flags = S, .status = UVLLM_ETRUNCATED,
    .check = has_some_text },
  { "stream reset", .x_mock = "cut=5,reset", .flags = S, .status = UVLLM_ETRUNCATED },
  { "answer cut", .x_mock = "cut=5", .status = UVLLM_ETRUNCATED },
  { "malformed", .x_mock = "malformed", .status = UVLLM_EPROTO },
  { "malformed, streamed", .x_mock = "malformed", .flags = S, .status = UVLLM_EPROTO },
  { "HTML for an answer", .x_mock = "html", .status = UVLLM_EPROTO },
  { "byte by byte", .x_mock = "split", .flags = S, .check = has_text },
};

enum { NSCENARIOS = sizeof(scenarios) / sizeof(scenarios[0]) };


/* ---- Running ------------------------------------------------------------------------------ */

/* Anew for each scenario: in the last one it may have been refused. */
static void set_key(core_t* core, const dialect_t* d) {
  uvllm_key_t key;
  uvllm_key_init(&key);
  key.key = "sk-test-key";
  assert_int_equal(uvllm_key_set(core->client, d->name, &key), 0);
}

static void set_provider(core_t* core, const dialect_t* d) {
  uvllm_provider_options_t p;
  char url[128];
  core_provider_init(&p);
  snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", uvllm_mock_port(core->mock), d->path);
  p.name = d->name;
  p.base_url = url;
  p.price_as = "*";
  p.params = d->params;
  p.nparams = d->nparams;
  assert_int_equal(uvllm_provider_set(core->client, &p), 0);
}

static void fill(uvllm_request_t* r, const dialect_t* d, const scenario_t* s, uvllm_kv_t* header) {
  uvllm_request_init(r);
  memset(messages, 0, sizeof(messages));
  r->target.provider = d->name;
  r->target.model = d->model;
  r->flags = s->flags;
  r->max_attempts = s->attempts != 0 ? s->attempts : 1;
  if (s->prepare != NULL)
    s->prepare(r);
  else
    say(r, UVLLM_USER, "Which river flows through Vienna?");
  *header = (uvllm_kv_t) { "x-mock", s->x_mock };
  r->headers = s->x_mock != NULL ? header : NULL;
  r->nheaders = s->x_mock != NULL;
}

static int has(const dialect_t* d, unsigned int bits) {
  return (d->can & bits) == bits;
}

static void run_one(core_t* core, const dialect_t* d, const scenario_t* s) {
  static got_t got;
  uvllm_request_t r;
  uvllm_kv_t header;
  if (!has(d, s->shows))
    return;
  set_key(core, d);
  fill(&r, d, s, &header);
  int err = got_run(core, &r, &got);
  print_message("%s, %s: %s%s%s\n", d->name, s->name, uvllm_err_name(err != 0 ? err : got.status),
                got.message[0] != '\0' ? ": " : "", got.message);
  if (!has(d, s->needs)) { /* never dropped in silence */
    assert_int_equal(err, UVLLM_EUNSUPPORTED);
    assert_true(strlen(uvllm_last_error(core->client)) > 0);
    return;
  }
  assert_int_equal(err, 0);
  assert_int_equal(got.status, s->status);
  if (s->check != NULL)
    s->check(&got);
}

static void every_scenario(void** state) {
  const dialect_t* d = *state;
  core_t core;
  core_begin(&core);
  core_mock(&core, NULL, NULL);
  set_provider(&core, d);
  for (int i = 0; i < NSCENARIOS; i++)
    run_one(&core, d, &scenarios[i]);
  core_end(&core);
}

/* In Markdown, for the README. */
static void print_matrix(void) {
  printf("| |");
  for (int k = 0; k < NDIALECTS; k++)
    printf(" %s |", dialects[k].name);
  printf("\n|---|");
  for (int k = 0; k < NDIALECTS; k++)
    printf("---|");
  printf("\n");
  for (int i = 0; i < NSCENARIOS; i++) {
    printf("| %s |", scenarios[i].name);
    for (int k = 0; k < NDIALECTS; k++)
      printf(" %s |", has(&dialects[k], scenarios[i].needs | scenarios[i].shows) ? "yes" : "-");
    printf("\n");
  }
}

int main(int argc, char** argv) {
  struct CMUnitTest tests[NDIALECTS];
  if (argc == 2 && strcmp(argv[1], "--matrix") == 0) {
    print_matrix();
    return 0;
  }
  for (int k = 0; k < NDIALECTS; k++)
    tests[k] = (struct CMUnitTest) { dialects[k].name, every_scenario, NULL, NULL,
                                     (void*) (uintptr_t) &dialects[k] };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
