/* Turns with tools at servers that speak OpenAI's dialect and want more: thoughts back,
 * and ids as they make them themselves.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memmem, in script.h */
#endif
#include "core.h"
#include "script.h"

typedef struct scene_s {
  core_t core;
  script_t script;
  char answer[4096], replay[2048], tools[1024];
} scene_t;

static void on_done(seen_t* seen, const uvllm_result_t* r) {
  scene_t* s = seen->data;
  s->replay[0] = s->tools[0] = '\0';
  if (r->nchoices == 0)
    return;
  core__copy(s->replay, sizeof(s->replay), r->choices[0].replay_json);
  core__copy(s->tools, sizeof(s->tools), r->choices[0].tools_json);
}

static void answers(scene_t* s, const char* type, const char* body) {
  const int n = snprintf(s->answer, sizeof(s->answer),
                         "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n%s", type,
                         strlen(body), body);
  s->script.bytes = s->answer;
  s->script.len = (size_t) n;
}

/* A provider of the preset, at the script. */
static void begin(scene_t* s, const char* preset) {
  uvllm_provider_options_t o;
  char url[64];
  memset(s, 0, sizeof(*s));
  core_begin(&s->core);
  script_start(&s->script, &s->core.loop, NULL, 0, SCRIPT_CLOSE);
  snprintf(url, sizeof(url), "http://127.0.0.1:%d/v1", s->script.port);
  core_provider_init(&o);
  o.name = "mock";
  o.dialect = preset;
  o.base_url = url;
  o.price_as = "*";
  assert_int_equal(uvllm_provider_set(s->core.client, &o), 0);
}

static void end(scene_t* s) {
  script_stop(&s->script);
  core_end(&s->core);
}

static void ask(scene_t* s, int streams) {
  const int ndone = s->core.ndone;
  seen_t seen = { .on_done = on_done, .data = s };
  ask_t a;
  ask_init(&a, "Weather?", NULL);
  a.r.flags = streams ? UVLLM_STREAM : 0;
  core_submit(&s->core, &a.r, &seen);
  core_run(&s->core, ndone + 1);
  assert_int_equal(seen.status, 0);
}

/* The next turn, with what the last one wants back, or with other things. */
static int ask_again(scene_t* s, const char* replay, const char* tools, const char* id) {
  const int ndone = s->core.ndone;
  uvllm_message_t messages[3];
  seen_t seen = { .core = NULL };
  ask_t a;
  memset(messages, 0, sizeof(messages));
  messages[0].role = UVLLM_USER;
  messages[0].text = test_str("Weather?");
  messages[1].role = UVLLM_ASSISTANT;
  messages[1].tool_calls_json = test_str(tools);
  messages[1].replay_json = test_str(replay);
  messages[2].role = UVLLM_TOOL;
  messages[2].tool_call_id = test_str(id);
  messages[2].text = test_str("rain");
  ask_init(&a, "x", NULL);
  a.r.messages = messages;
  a.r.nmessages = 3;
  a.r.flags = 0;
  const int err = core_try(&s->core, &a.r, &seen);
  if (err != 0)
    return err;
  core_run(&s->core, ndone + 1);
  return seen.status;
}

#define CALLS "[{\"id\":\"call_1\",\"type\":\"function\",\"function\":" \
              "{\"name\":\"f\",\"arguments\":\"{}\"}}]"
#define CHUNK(delta) "data: {\"choices\":[{\"index\":0,\"delta\":" delta "}]}\n\n"
#define CALL_CHUNK CHUNK("{\"tool_calls\":[{\"index\":0,\"id\":\"call_1\",\"type\":\"function\"," \
                         "\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]}")
#define END "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\n\n" \
            "data: [DONE]\n\n"

static void reasoning_goes_back_with_the_calls_it_led_to(void** state) {
  (void) state;
  static scene_t s;
  begin(&s, "deepseek");
  answers(&s, "text/event-stream",
          CHUNK("{\"reasoning_content\":\"Let me \"}") CHUNK("{\"reasoning_content\":\"see, \"}")
          CHUNK("{\"reasoning_content\":\"\\\"it\\\" rains.\"}") CALL_CHUNK END);
  ask(&s, 1);
  assert_string_equal(s.replay,
                      "{\"openai\":{\"reasoning_content\":\"Let me see, \\\"it\\\" rains.\"}}");
  assert_int_equal(ask_again(&s, s.replay, s.tools, "call_1"), 0);
  assert_non_null(strstr(s.script.request, "\"role\":\"assistant\",\"content\":null,"
                         "\"reasoning_content\":\"Let me see, \\\"it\\\" rains.\","
                         "\"tool_calls\":[{\"id\":\"call_1\""));
  end(&s);
}

static void a_whole_answer_does_the_same(void** state) {
  (void) state;
  static scene_t s;
  begin(&s, "deepseek");
  answers(&s, "application/json",
          "{\"choices\":[{\"index\":0,\"message\":{\"reasoning_content\":\"hm\",\"content\":null,"
          "\"tool_calls\":" CALLS "},\"finish_reason\":\"tool_calls\"}]}");
  ask(&s, 0);
  assert_string_equal(s.replay, "{\"openai\":{\"reasoning_content\":\"hm\"}}");
  end(&s);
}

static void an_answer_without_calls_wants_nothing_back(void** state) {
  (void) state;
  static scene_t s;
  static const char* const presets[] = { "deepseek", "openai" };
  for (int i = 0; i < 2; i++) {
    begin(&s, presets[i]);
    answers(&s, "text/event-stream",
            CHUNK("{\"reasoning_content\":\"hm\"}") CHUNK("{\"content\":\"rain\"}")
            "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
            "data: [DONE]\n\n");
    ask(&s, 1);
    assert_string_equal(s.replay, "");
    end(&s);
  }
}

static void others_are_not_told_of_reasoning(void** state) {
  (void) state;
  static scene_t s;
  begin(&s, "openai");
  answers(&s, "text/event-stream", CHUNK("{\"reasoning_content\":\"hm\"}") CALL_CHUNK END);
  ask(&s, 1);
  assert_string_equal(s.replay, "");
  assert_int_equal(ask_again(&s, "{\"openai\":{\"reasoning_content\":\"hm\"}}", CALLS, "call_1"), 0);
  assert_null(strstr(s.script.request, "reasoning_content"));
  end(&s);
}

/* The fragments of one are joined. */
static void details_go_back_as_they_came(void** state) {
  (void) state;
  static scene_t s;
  begin(&s, "openrouter");
  answers(&s, "text/event-stream",
          CHUNK("{\"reasoning\":\"a\",\"reasoning_details\":[{\"type\":\"reasoning.text\","
                "\"text\":\"a\",\"index\":0}]}")
          CHUNK("{\"reasoning\":\"b\",\"reasoning_details\":[{\"type\":\"reasoning.text\","
                "\"text\":\"a\",\"index\":0}]}")
          CHUNK("{\"reasoning_details\":[{\"type\":\"reasoning.encrypted\",\"data\":\"Zz==\"},"
                "{\"type\":\"reasoning.text\",\"signature\":null}]}")
          CHUNK("{\"content\":\"\",\"reasoning_details\":[]}") CALL_CHUNK END);
  ask(&s, 1);
  assert_string_equal(
      s.replay, "{\"openai\":{\"reasoning_details\":["
                "{\"type\":\"reasoning.text\",\"index\":0,\"text\":\"aa\"},"
                "{\"type\":\"reasoning.encrypted\",\"data\":\"Zz==\"},"
                "{\"type\":\"reasoning.text\",\"text\":\"\"}]}}");
  assert_int_equal(ask_again(&s, s.replay, s.tools, "call_1"), 0);
  assert_non_null(strstr(s.script.request, "\"reasoning_details\":[{\"type\":\"reasoning.text\""));
  end(&s);
}

static void what_is_another_providers_stays_out(void** state) {
  (void) state;
  static scene_t s;
  begin(&s, "deepseek");
  answers(&s, "application/json",
          "{\"choices\":[{\"message\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]}");
  assert_int_equal(ask_again(&s, "{\"anthropic\":[{\"type\":\"thinking\"}]}", CALLS, "call_1"), 0);
  assert_null(strstr(s.script.request, "thinking"));
  assert_int_equal(ask_again(&s, "{\"openai\":{\"reasoning_details\":[]}}", CALLS, "call_1"), 0);
  assert_null(strstr(s.script.request, "reasoning_details"));
  assert_int_equal(ask_again(&s, "[not json", CALLS, "call_1"), UV_EINVAL);
  end(&s);
}

static void ids_are_what_the_server_takes(void** state) {
  (void) state;
  static scene_t s;
  char first[2][10];
  const char* at;
  begin(&s, "mistral");
  answers(&s, "application/json",
          "{\"choices\":[{\"message\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]}");
  for (int i = 0; i < 2; i++) {
    assert_int_equal(ask_again(&s, "{}", CALLS, "call_1"), 0);
    assert_null(strstr(s.script.request, "call_1"));
    at = strstr(s.script.request, "\"tool_calls\":[{\"id\":\"");
    assert_non_null(at);
    snprintf(first[i], sizeof(first[i]), "%.9s", at + 21);
    at = strstr(s.script.request, "\"tool_call_id\":\"");
    assert_non_null(at);
    assert_memory_equal(at + 16, first[i], 9);
    assert_int_equal(at[16 + 9], '"');
    assert_int_equal(strspn(first[i], "0123456789abcdefghijklmnopqrstuvwxyz"
                                      "ABCDEFGHIJKLMNOPQRSTUVWXYZ"), 9);
  }
  assert_string_equal(first[0], first[1]);
  assert_non_null(strstr(s.script.request, "\"type\":\"function\",\"function\":{\"name\":\"f\""));
  assert_int_equal(ask_again(&s, "{}", "[{\"id\":\"aB3dE6gH9\",\"type\":\"function\",\"function\":"
                             "{\"name\":\"f\",\"arguments\":\"{}\"}}]", "aB3dE6gH9"), 0);
  assert_non_null(strstr(s.script.request, "[{\"id\":\"aB3dE6gH9\""));
  assert_non_null(strstr(s.script.request, "\"tool_call_id\":\"aB3dE6gH9\""));
  end(&s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(reasoning_goes_back_with_the_calls_it_led_to),
    cmocka_unit_test(a_whole_answer_does_the_same),
    cmocka_unit_test(an_answer_without_calls_wants_nothing_back),
    cmocka_unit_test(others_are_not_told_of_reasoning),
    cmocka_unit_test(details_go_back_as_they_came),
    cmocka_unit_test(what_is_another_providers_stays_out),
    cmocka_unit_test(ids_are_what_the_server_takes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
