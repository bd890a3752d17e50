/* Answers put together from pieces: through the adapter's face (emit), the
 * recorder and the collector itself.
 */
#include "test.h"
#include "record.h"

static const uvllm_str_t absent = { NULL, 0 };

typedef struct fixture_s {
  test_alloc_t a;
  uvllm__collect_t* c;
} fixture_t;

static void open_fixture(fixture_t* f, size_t max_bytes, int keep) {
  test_alloc_init(&f->a);
  assert_int_equal(uvllm__collect_new(&f->c, &f->a.hook, max_bytes, keep), 0);
}

static void close_fixture(fixture_t* f) {
  uvllm__collect_free(f->c);
  assert_int_equal(f->a.alive, 0);
}

static int text(fixture_t* f, uint32_t choice, const char* s) {
  return uvllm__collect_text(f->c, choice, UVLLM_EVENT_TEXT, test_str(s));
}

/* Whether the call begins, or the error. NULL: absent. */
static int tool(fixture_t* f, uint32_t choice, uint32_t index, const char* id, const char* name,
                const char* json) {
  uvllm__tool_begin_t begin = { .due = -1 };
  int err = uvllm__collect_tool(f->c, choice, index, uvllm__str(id), uvllm__str(name),
                                uvllm__str(json), &begin);
  assert_true(begin.due == 0 || (begin.due == 1 && err == 0));
  if (begin.due) {
    assert_int_equal(begin.choice, choice);
    assert_int_equal(begin.index, index);
    assert_true(begin.id.len != 0);
  }
  return err != 0 ? err : begin.due;
}

/* The next one held back is this. NULL: there is none. */
static void held_is(fixture_t* f, uint32_t choice, const char* id, const char* name) {
  uvllm__tool_begin_t begin = { .due = -1 };
  assert_int_equal(uvllm__collect_held(f->c, choice, &begin), 0);
  assert_int_equal(begin.due, id != NULL);
  if (id == NULL)
    return;
  assert_str(begin.id, id);
  assert_str(begin.name, name != NULL ? name : "");
  assert_int_equal(begin.name.base == NULL, name == NULL);
}

static const uvllm_choice_t* choices(fixture_t* f, size_t expected) {
  const uvllm_choice_t* all;
  size_t n;
  assert_int_equal(uvllm__collect_choices(f->c, &all, &n), 0);
  assert_int_equal(n, expected);
  assert_int_equal(all == NULL, n == 0);
  return all;
}

/* ---- Emitting -------------------------------------------------------------------- */

static void emits_what_an_adapter_tells(void** state) {
  (void) state;
  record_t r;
  record_init(&r);
  uvllm_emit_t* e = &r.emit;
  const uvllm_usage_t plain = { .input_tokens = 16, .output_tokens = 1 };
  const uvllm_usage_t full = { .input_tokens = 9, .output_tokens = 8, .cached_input_tokens = 7,
                               .reasoning_tokens = 6, .cache_write_tokens = 5,
                               .audio_output_tokens = 4 };
  const float vector[] = { 0.5f, -1, 0.1f };
  uvllm_event_t model = { .type = UVLLM_EVENT_MODEL };
  model.u.model.id = test_str("gpt-4o");
  model.u.model.context_tokens = 128000;
  uvllm_event_t embedding = { .type = UVLLM_EVENT_EMBEDDING, .index = 3 };
  embedding.u.vector.values = vector;
  embedding.u.vector.nvalues = 3;
  assert_ptr_equal(uvllm_emit_parser(e), r.emit.parser);
  uvllm_emit_text(e, 0, UVLLM_EVENT_TEXT, test_str("Hel\"lo\n\x01\\"));
  uvllm_emit_text(e, 1, UVLLM_EVENT_REASONING, test_str("hm"));
  uvllm_emit_text(e, 2, UVLLM_EVENT_REFUSAL, test_str("no"));
  uvllm_emit_text(e, 0, UVLLM_EVENT_RAW, test_str("bytes"));
  uvllm_emit_tool(e, 0, 1, test_str("call_A1"), test_str("get_time"), test_str("{\"tz\":"));
  uvllm_emit_tool(e, 0, 1, absent, absent, test_str("1}"));
  uvllm_emit_tool(e, 0, 2, absent, test_str("f"), absent);
  uvllm_emit_tool(e, 0, 1000000, absent, test_str("f"), absent);
  uvllm_emit_usage(e, &plain);
  uvllm_emit_usage(e, &full);
  uvllm_emit_stop(e, 0, UVLLM_STOP_TOOL);
  uvllm_emit_event(e, &model);
  uvllm_emit_event(e, &embedding);
  uvllm_emit_request_id(e, test_str("req_1"));
  uvllm_emit_error(e, test_str("rate_limit"), test_str("Slow down"), -1);
  uvllm_emit_retry_after(e, 2000);
  uvllm_emit_limit(e, UVLLM_REQUESTS_PER_MIN, 5000, 4999, 12);
  assert_record(&r,
                "text 0 \"Hel\"lo\\n\\x01\\\\\"\n"
                "reasoning 1 \"hm\"\n"
                "refusal 2 \"no\"\n"
                "raw 0 \"bytes\"\n"
                "tool_begin 0 1 call_A1 get_time\n"
                "tool_delta 0 1 \"{\"tz\":\"\n"
                "tool_delta 0 1 \"1}\"\n"
                "collect_error -20013\n"
                "usage in=16 out=1 cached=0 reasoning=0\n"
                "usage in=9 out=8 cached=7 reasoning=6 cache_write=5 audio_out=4\n"
                "tool_begin 0 2 call_0_2 f\n"
                "stop 0 tool\n"
                "model gpt-4o - 128000\n"
                "embedding 3 [0.5 -1 0.100000001]\n"
                "request_id req_1\n"
                "error code=rate_limit message=\"Slow down\" retry=-1\n"
                "retry_after 2000\n"
                "limit requests_per_min 5000 4999 12\n");
  record_clear(&r);
  assert_record(&r, "");
  record_free(&r);
}

static void empty_text_is_not_emitted(void** state) {
  (void) state;
  record_t r;
  record_init(&r);
  uvllm_emit_text(&r.emit, 0, UVLLM_EVENT_TEXT, test_str(""));
  uvllm_emit_text(&r.emit, 0, UVLLM_EVENT_REASONING, absent);
  uvllm_event_t raw = { .type = UVLLM_EVENT_RAW };
  uvllm_emit_event(&r.emit, &raw);
  assert_record(&r, "");
  record_free(&r);
}

/* ---- Collecting ------------------------------------------------------------------ */

static void pieces_of_interleaved_choices(void** state) {
  (void) state;
  fixture_t f;
  open_fixture(&f, SIZE_MAX, 1);
  assert_int_equal(text(&f, 1, "Gut"), 0);
  assert_int_equal(text(&f, 0, "Good"), 0);
  assert_int_equal(text(&f, 1, "en Tag"), 0);
  assert_int_equal(text(&f, 0, " day"), 0);
  assert_int_equal(text(&f, 0, ""), 0);
  assert_int_equal(uvllm__collect_text(f.c, 0, UVLLM_EVENT_REASONING, test_str("polite")), 0);
  assert_int_equal(uvllm__collect_text(f.c, 1, UVLLM_EVENT_REFUSAL, test_str("nein")), 0);
  assert_int_equal(uvllm__collect_stop(f.c, 1, UVLLM_STOP_REFUSAL), 0);
  assert_int_equal(uvllm__collect_stop(f.c, 0, UVLLM_STOP_END), 0);
  const uvllm_choice_t* all = choices(&f, 2);
  assert_str(all[0].text, "Good day");
  assert_str(all[0].reasoning, "polite");
  assert_null(all[0].refusal.base);
  assert_null(all[0].tools_json.base);
  assert_int_equal(all[0].stop, UVLLM_STOP_END);
  assert_str(all[1].text, "Guten Tag");
  assert_null(all[1].reasoning.base);
  assert_str(all[1].refusal, "nein");
  assert_int_equal(all[1].stop, UVLLM_STOP_REFUSAL);
  close_fixture(&f);
}

static void nothing_came(void** state) {
  (void) state;
  fixture_t f;
  open_fixture(&f, SIZE_MAX, 1);
  choices(&f, 0);
  assert_int_equal(text(&f, 0, ""), 0);
  choices(&f, 0);
  close_fixture(&f);
}

static void a_skipped_choice_is_empty(void** state) {
  (void) state;
  fixture_t f;
  open_fixture(&f, SIZE_MAX, 1);
  assert_int_equal(text(&f, 3, "c"), 0);
  assert_int_equal(text(&f, 1, "a"), 0);
  assert_int_equal(text(&f, 2, "b"), 0);
  const uvllm_choice_t* all = choices(&f, 4);
  assert_null(all[0].text.base);
  assert_int_equal(all[0].stop, UVLLM_STOP_NONE);
  assert_str(all[1].text, "a");
  assert_str(all[2].text, "b");
  assert_str(all[3].text, "c");
  close_fixture(&f);
}

static void a_small_piece_is_an_append(void** state) {
  (void) state;
  fixture_t f;
  open_fixture(&f, SIZE_MAX, 1);
  assert_int_equal(text(&f, 0, "12345678"), 0);
  size_t before = f.a.calls;
  for (int i = 1; i < 131072; i++)
    assert_int_equal(text(&f, 0, "12345678"), 0);
  assert_in_range(f.a.calls - before, 1, 20);
  assert_int_equal(choices(&f, 1)[0].text.len, 1 << 20);
  close_fixture(&f);
}

static void wild_numbers_are_refused_and_cost_nothing(void** state) {
  (void) state;
  fixture_t f;
  for (int keep = 0; keep < 2; keep++) {
    open_fixture(&f, SIZE_MAX, keep);
    const uint32_t wild[] = { UVLLM__MAX_CHOICES, 1000000, UINT32_MAX };
    for (int i = 0; i < 3; i++) {
      assert_int_equal(text(&f, wild[i], "x"), UVLLM_EPROTO);
      assert_int_equal(text(&f, wild[i], ""), UVLLM_EPROTO);
      assert_int_equal(uvllm__collect_stop(f.c, wild[i], UVLLM_STOP_END), UVLLM_EPROTO);
      assert_int_equal(tool(&f, wild[i], 0, "id", "f", "{}"), UVLLM_EPROTO);
      assert_int_equal(tool(&f, 0, wild[i], "id", "f", "{}"), UVLLM_EPROTO);
    }
    assert_int_equal(f.a.calls, 1);
    assert_int_equal(tool(&f, UVLLM__MAX_CHOICES - 1, UVLLM__MAX_TOOLS - 1, "id", "f", "{}"), 1);
    assert_in_range(f.a.calls, 2, 9);
    close_fixture(&f);
  }
}

static void tool_calls_of_an_answer_are_bounded(void** state) {
  (void) state;
  fixture_t f;
  open_fixture(&f, SIZE_MAX, 0);
  for (uint32_t choice = 0; choice < 8; choice++)
    for (uint32_t i = 0; i < UVLLM__MAX_TOOLS; i++)
      assert_int_equal(tool(&f, choice, UVLLM__MAX_TOOLS - 1 - i, NULL, NULL, "1"), 1);
  assert_int_equal(tool(&f, 7, 5, NULL, NULL, "1"), 0);
  assert_int_equal(tool(&f, 8, 0, NULL, NULL, "1"), UVLLM_EPROTO);
  uvllm__collect_clear(f.c);
  assert_int_equal(tool(&f, 8, 0, NULL, NULL, "1"), 1);
  close_fixture(&f);
}

static void content_is_bounded_as_a_sum(void** state) {
  (void) state;
  fixture_t f;
  open_fixture(&f, 10, 1);
  assert_int_equal(text(&f, 0, "123"), 0);
  assert_int_equal(uvllm__collect_text(f.c, 1, UVLLM_EVENT_REASONING, test_str("45")), 0);
  assert_int_equal(tool(&f, 0, 0, "6", "7", "8"), 1);
  assert_int_equal(text(&f, 0, "901"), UVLLM_ETOOLARGE);
  assert_int_equal(tool(&f, 0, 1, "9", "01", NULL), UVLLM_ETOOLARGE);
  uvllm__collect_clear(f.c);
  assert_int_equal(text(&f, 0, "1234567890"), 0);
  assert_int_equal(text(&f, 0, "1"), UVLLM_ETOOLARGE);
  close_fixture(&f);
  open_fixture(&f, 7, 0); /* only what a call begins as is kept */
  assert_int_equal(text(&f, 0, "1234567890"), 0);
  assert_int_equal(tool(&f, 0, 0, "id", "name", "{12345678}"), 1);
  assert_int_equal(tool(&f, 0, 1, "id", NULL, NULL), UVLLM_ETOOLARGE);
  close_fixture(&f);
}

/* ---- Tool calls ------------------------------------------------------------------ */

static void tools_are(fixture_t* f, size_t choice, const char* expected) {
  assert_str(choices(f, choice + 1)[choice].tools_json, expected);
}

static void a_tool_call_in_fragments(void** state) {
  (void) state;
  fixture_t f;
  open_fixture(&f, SIZE_MAX, 1);
  assert_int_equal(tool(&f, 0, 0, "call_A1", "get_time", ""), 1);
  assert_int_equal(tool(&f, 0, 0, NULL, NULL, "{\""), 0);
  assert_int_equal(tool(&f, 0, 0, NULL, NULL, "tz\":\"UTC\"}"), 0);
  assert_int_equal(tool(&f, 0, 1, "call_B2", "get_time", "{\"tz\":\"CET\"}"), 1);
  assert_int_equal(tool(&f, 0, 1, NULL, NULL, ""), 0);
  tools_are(&f, 0,
            "[{\"id\":\"call_A1\",\"type\":\"function\",\"function\":{\"name\":\"get_time\","
            "\"arguments\":\"{\\\"tz\\\":\\\"UTC\\\"}\"}},"
            "{\"id\":\"call_B2\",\"type\":\"function\",\"function\":{\"name\":\"get_time\","
            "\"arguments\":\"{\\\"tz\\\":\\\"CET\\\"}\"}}]");
  close_fixture(&f);
}

static void a_repeated_id_or_name_is_ignored(void** state) {
  (void) state;
  fixture_t f;
  open_fixture(&f, SIZE_MAX, 1);
  assert_int_equal(tool(&f, 0, 0, "call_A", "f", "["), 1);
  assert_int_equal(tool(&f, 0, 0, "call_A", "f", "1"), 0);
  assert_int_equal(tool(&f, 0, 0, "", "", "]"), 0);
  assert_int_equal(tool(&f, 0, 0, "call_other", "g", NULL), 0);
  tools_are(&f, 0, "[{\"id\":\"call_A\",\"type\":\"function\",\"function\":{\"name\":\"f\","
                   "\"arguments\":\"[1]\"}}]");
  close_fixture(&f);
}

static void a_call_begins_once_id_and_name_are_known(void** state) {
  (void) state;
  for (int keep = 0; keep < 2; keep++) {
    fixture_t f;
    uvllm__tool_begin_t begin;
    open_fixture(&f, SIZE_MAX, keep);
    assert_int_equal(tool(&f, 0, 0, "call_A", NULL, ""), 0);
    assert_int_equal(tool(&f, 0, 1, NULL, "g", NULL), 0);
    assert_int_equal(uvllm__collect_tool(f.c, 0, 0, absent, test_str("f"), absent, &begin), 0);
    assert_int_equal(begin.due, 1);
    assert_str(begin.id, "call_A");
    assert_str(begin.name, "f");
    assert_int_equal(uvllm__collect_tool(f.c, 0, 1, test_str("call_B"), absent, test_str("{"),
                                         &begin), 0);
    assert_int_equal(begin.due, 1);
    assert_str(begin.id, "call_B");
    assert_str(begin.name, "g");
    assert_int_equal(tool(&f, 0, 0, "call_A", "f", "{}"), 0);
    held_is(&f, UVLLM__ANY_CHOICE, NULL, NULL);
    close_fixture(&f);
  }
}

static void arguments_do_not_wait(void** state) {
  (void) state;
  fixture_t f;
  open_fixture(&f, SIZE_MAX, 1);
  assert_int_equal(tool(&f, 0, 0, NULL, "", "{"), 1);
  assert_int_equal(tool(&f, 0, 0, "late", NULL, "}"), 0); /* it is called call_0_0 by now */
  assert_int_equal(tool(&f, 0, 0, NULL, "later", NULL), 0);
  tools_are(&f, 0, "[{\"id\":\"call_0_0\",\"type\":\"function\",\"function\":{\"name\":\"later\","
                   "\"arguments\":\"{}\"}}]");
  close_fixture(&f);
}

static void what_is_held_back_begins_at_the_end(void** state) {
  (void) state;
  for (int keep = 0; keep < 2; keep++) {
    fixture_t f;
    open_fixture(&f, SIZE_MAX, keep);
    held_is(&f, 0, NULL, NULL);
    assert_int_equal(tool(&f, 1, 3, "a", NULL, NULL), 0);
    assert_int_equal(tool(&f, 1, 2, NULL, "f", NULL), 0);
    assert_int_equal(tool(&f, 0, 0, "b", "g", NULL), 1);
    assert_int_equal(tool(&f, 4, 9, NULL, NULL, NULL), 0);
    held_is(&f, 0, NULL, NULL);
    held_is(&f, 1, "call_1_2", "f");
    held_is(&f, 1, "a", NULL);
    held_is(&f, 1, NULL, NULL);
    assert_int_equal(tool(&f, 1, 2, "late", NULL, NULL), 0);
    held_is(&f, UVLLM__ANY_CHOICE, "call_4_9", NULL);
    held_is(&f, UVLLM__ANY_CHOICE, NULL, NULL);
    assert_int_equal(tool(&f, 5, 0, "c", NULL, NULL), 0);
    uvllm__collect_clear(f.c);
    held_is(&f, UVLLM__ANY_CHOICE, NULL, NULL);
    close_fixture(&f);
  }
}

static void missing_ids_are_made_and_empty_arguments_are_an_object(void** state) {
  (void) state;
  fixture_t f;
  open_fixture(&f, SIZE_MAX, 1);
  assert_int_equal(tool(&f, 2, 7, NULL, NULL, NULL), 0);
  assert_int_equal(tool(&f, 2, 1, "", "f", ""), 0);
  const char* expected =
      "[{\"id\":\"call_2_1\",\"type\":\"function\",\"function\":{\"name\":\"f\","
      "\"arguments\":\"{}\"}},"
      "{\"id\":\"call_2_7\",\"type\":\"function\",\"function\":{\"name\":\"\","
      "\"arguments\":\"{}\"}}]";
  tools_are(&f, 2, expected);
  tools_are(&f, 2, expected); /* the same when asked again */
  close_fixture(&f);
}

static void tool_calls_come_in_the_order_of_their_numbers(void** state) {
  (void) state;
  fixture_t f;
  open_fixture(&f, SIZE_MAX, 1);
  const uint32_t order[] = { 5, 1, 1000, 3, 2, 4 };
  for (int i = 0; i < 6; i++)
    assert_int_equal(tool(&f, 0, order[i], NULL, "f", NULL), 0);
  for (int i = 0; i < 6; i++)
    assert_int_equal(tool(&f, 0, order[i], NULL, NULL, "1"), 1);
  const char* at = choices(&f, 1)[0].tools_json.base;
  const char* const ids[] = { "call_0_1\"", "call_0_2\"", "call_0_3\"",
                              "call_0_4\"", "call_0_5\"", "call_0_1000\"" };
  for (int i = 0; i < 6; i++) {
    at = strstr(at, ids[i]);
    assert_non_null(at);
  }
  close_fixture(&f);
}

static void without_content_only_beginnings_are_known(void** state) {
  (void) state;
  fixture_t f;
  open_fixture(&f, SIZE_MAX, 0);
  size_t before = f.a.calls;
  assert_int_equal(text(&f, 0, "hello"), 0);
  assert_int_equal(uvllm__collect_stop(f.c, 0, UVLLM_STOP_END), 0);
  assert_int_equal(f.a.calls, before);
  assert_int_equal(tool(&f, 0, 0, "id", "f", "{"), 1);
  before = f.a.calls;
  assert_int_equal(tool(&f, 0, 0, "id", "f", "}"), 0);
  assert_int_equal(f.a.calls, before);
  assert_int_equal(tool(&f, 1, 0, "id", "f", NULL), 1);
  choices(&f, 0);
  close_fixture(&f);
}

static void clear_forgets_and_keeps_memory(void** state) {
  (void) state;
  fixture_t f;
  open_fixture(&f, SIZE_MAX, 1);
  size_t after_first = 0;
  for (int attempt = 0; attempt < 3; attempt++) {
    assert_int_equal(text(&f, 0, "again"), 0);
    assert_int_equal(text(&f, 2, "more"), 0);
    assert_str(choices(&f, 3)[0].text, "again");
    if (attempt == 0)
      after_first = f.a.calls;
    uvllm__collect_clear(f.c);
    choices(&f, 0);
  }
  assert_int_equal(f.a.calls, after_first);
  assert_int_equal(tool(&f, 0, 0, "a", "f", "1"), 1);
  assert_int_equal(uvllm__collect_stop(f.c, 0, UVLLM_STOP_TOOL), 0);
  uvllm__collect_clear(f.c);
  assert_int_equal(tool(&f, 0, 0, "b", "g", "2"), 1); /* begins anew */
  const uvllm_choice_t* all = choices(&f, 1);
  assert_int_equal(all[0].stop, UVLLM_STOP_NONE);
  assert_null(all[0].text.base);
  tools_are(&f, 0, "[{\"id\":\"b\",\"type\":\"function\",\"function\":{\"name\":\"g\","
                   "\"arguments\":\"2\"}}]");
  close_fixture(&f);
}

static void what_is_no_text_is_refused(void** state) {
  (void) state;
  fixture_t f;
  open_fixture(&f, SIZE_MAX, 1);
  assert_int_equal(uvllm__collect_text(f.c, 0, UVLLM_EVENT_USAGE, test_str("x")), UVLLM__EINVAL);
  close_fixture(&f);
}

/* ---- The body -------------------------------------------------------------------- */

static void body_is(fixture_t* f, uvllm_op op, const uvllm_usage_t* usage, const char* expected) {
  uvllm__buf_t out;
  uvllm__buf_init(&out, &f->a.hook, SIZE_MAX);
  assert_int_equal(uvllm__buf_str(&out, ">"), 0);
  assert_int_equal(uvllm__collect_body(f->c, op, test_str("chatcmpl-1"), "m", 1790000000, usage,
                                       &out), 0);
  assert_int_equal(out.base[0], '>');
  out.base++;
  out.len--;
  assert_str(uvllm__buf_slice(&out), expected);
  out.base--;
  uvllm__buf_free(&out);
}

static void a_chat_body(void** state) {
  (void) state;
  fixture_t f;
  open_fixture(&f, SIZE_MAX, 1);
  const uvllm_usage_t usage = { .input_tokens = 1180, .output_tokens = 75,
                                .cached_input_tokens = 1024, .reasoning_tokens = 64 };
  assert_int_equal(text(&f, 0, "Par\"is."), 0);
  assert_int_equal(uvllm__collect_stop(f.c, 0, UVLLM_STOP_END), 0);
  body_is(&f, UVLLM_CHAT, &usage,
          "{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion\",\"created\":1790000000,"
          "\"model\":\"m\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\","
          "\"content\":\"Par\\\"is.\",\"refusal\":null},\"logprobs\":null,"
          "\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":1180,"
          "\"completion_tokens\":75,\"total_tokens\":1255,\"prompt_tokens_details\":"
          "{\"cached_tokens\":1024,\"audio_tokens\":0},\"completion_tokens_details\":"
          "{\"reasoning_tokens\":64,\"audio_tokens\":0}}}");
  close_fixture(&f);
}

static void a_chat_body_with_everything(void** state) {
  (void) state;
  fixture_t f;
  open_fixture(&f, SIZE_MAX, 1);
  const uvllm_usage_t usage = { .image_input_tokens = 1, .cache_write_tokens = 2,
                                .audio_input_tokens = 3, .audio_output_tokens = 4 };
  assert_int_equal(uvllm__collect_text(f.c, 0, UVLLM_EVENT_REASONING, test_str("why")), 0);
  assert_int_equal(tool(&f, 0, 0, "a", "f", "{}"), 1);
  assert_int_equal(uvllm__collect_stop(f.c, 0, UVLLM_STOP_TOOL), 0);
  assert_int_equal(uvllm__collect_text(f.c, 2, UVLLM_EVENT_REFUSAL, test_str("no")), 0);
  assert_int_equal(uvllm__collect_stop(f.c, 2, UVLLM_STOP_REFUSAL), 0);
  body_is(&f, UVLLM_CHAT, &usage,
          "{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion\",\"created\":1790000000,"
          "\"model\":\"m\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\","
          "\"content\":null,\"refusal\":null,\"reasoning_content\":\"why\",\"tool_calls\":"
          "[{\"id\":\"a\",\"type\":\"function\",\"function\":{\"name\":\"f\","
          "\"arguments\":\"{}\"}}]},\"logprobs\":null,\"finish_reason\":\"tool_calls\"},"
          "{\"index\":2,\"message\":{\"role\":\"assistant\",\"content\":null,"
          "\"refusal\":\"no\"},\"logprobs\":null,\"finish_reason\":\"stop\"}],"
          "\"usage\":{\"prompt_tokens\":0,\"completion_tokens\":0,\"total_tokens\":0,"
          "\"prompt_tokens_details\":{\"cached_tokens\":0,\"audio_tokens\":3,"
          "\"image_tokens\":1,\"cache_write_tokens\":2},\"completion_tokens_details\":"
          "{\"reasoning_tokens\":0,\"audio_tokens\":4}}}");
  close_fixture(&f);
}

static void a_completion_body(void** state) {
  (void) state;
  fixture_t f;
  open_fixture(&f, SIZE_MAX, 1);
  assert_int_equal(text(&f, 0, "once"), 0);
  assert_int_equal(uvllm__collect_stop(f.c, 0, UVLLM_STOP_LENGTH), 0);
  assert_int_equal(uvllm__collect_stop(f.c, 1, UVLLM_STOP_SEQUENCE), 0);
  body_is(&f, UVLLM_COMPLETION, NULL,
          "{\"id\":\"chatcmpl-1\",\"object\":\"text_completion\",\"created\":1790000000,"
          "\"model\":\"m\",\"choices\":[{\"index\":0,\"text\":\"once\",\"logprobs\":null,"
          "\"finish_reason\":\"length\"},{\"index\":1,\"text\":\"\",\"logprobs\":null,"
          "\"finish_reason\":\"stop\"}]}");
  close_fixture(&f);
}

static void finish_reasons(void** state) {
  (void) state;
  const struct {
    uvllm_stop_reason stop;
    const char* name;
  } cases[] = {
    { UVLLM_STOP_NONE, "null" },          { UVLLM_STOP_END, "\"stop\"" },
    { UVLLM_STOP_LENGTH, "\"length\"" },  { UVLLM_STOP_SEQUENCE, "\"stop\"" },
    { UVLLM_STOP_TOOL, "\"tool_calls\"" }, { UVLLM_STOP_FILTER, "\"content_filter\"" },
    { UVLLM_STOP_REFUSAL, "\"content_filter\"" },
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    fixture_t f;
    char expected[300];
    open_fixture(&f, SIZE_MAX, 1);
    assert_int_equal(text(&f, 0, "x"), 0);
    assert_int_equal(uvllm__collect_stop(f.c, 0, cases[i].stop), 0);
    snprintf(expected, sizeof(expected),
             "{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion\",\"created\":1790000000,"
             "\"model\":\"m\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\","
             "\"content\":\"x\",\"refusal\":null},\"logprobs\":null,\"finish_reason\":%s}]}",
             cases[i].name);
    body_is(&f, UVLLM_CHAT, NULL, expected);
    close_fixture(&f);
  }
}

static void a_body_needs_content_and_an_op_that_has_one(void** state) {
  (void) state;
  fixture_t f;
  uvllm__buf_t out;
  open_fixture(&f, SIZE_MAX, 1);
  uvllm__buf_init(&out, &f.a.hook, SIZE_MAX);
  const uvllm_op ops[] = { UVLLM_EMBED, UVLLM_MODELS, UVLLM_RAW };
  for (int i = 0; i < 3; i++)
    assert_int_equal(uvllm__collect_body(f.c, ops[i], absent, "m", 0, NULL, &out),
                     UVLLM__EINVAL);
  assert_int_equal(uvllm__collect_body(f.c, UVLLM_CHAT, absent, NULL, 0, NULL, &out), 0);
  assert_str(uvllm__buf_slice(&out), "{\"id\":\"\",\"object\":\"chat.completion\",\"created\":0,"
                                     "\"model\":\"\",\"choices\":[]}");
  uvllm__buf_free(&out);
  uvllm__buf_init(&out, &f.a.hook, 20);
  assert_int_equal(uvllm__collect_body(f.c, UVLLM_CHAT, absent, NULL, 0, NULL, &out),
                   UVLLM_ETOOLARGE);
  assert_int_equal(out.len, 0); /* no half of a body is left */
  uvllm__buf_free(&out);
  close_fixture(&f);
  open_fixture(&f, SIZE_MAX, 0);
  uvllm__buf_init(&out, &f.a.hook, SIZE_MAX);
  assert_int_equal(uvllm__collect_body(f.c, UVLLM_CHAT, absent, "m", 0, NULL, &out),
                   UVLLM__EINVAL);
  close_fixture(&f);
}

/* ---- Memory ---------------------------------------------------------------------- */

static int collect_under_pressure(test_alloc_t* a, int keep) {
  uvllm__collect_t* c;
  uvllm__tool_begin_t begin;
  const uvllm_choice_t* all;
  size_t n;
  uvllm_usage_t usage = { .flags = 0 };
  uvllm__buf_t out;
  uvllm__buf_init(&out, &a->hook, SIZE_MAX);
  int err = uvllm__collect_new(&c, &a->hook, SIZE_MAX, keep);
  for (uint32_t i = 0; err == 0 && i < 6; i++) {
    err = uvllm__collect_text(c, i, UVLLM_EVENT_TEXT, test_str("text"));
    if (err == 0)
      err = uvllm__collect_text(c, i, UVLLM_EVENT_REASONING, test_str("reasoning"));
    if (err == 0)
      err = uvllm__collect_tool(c, 0, i, test_str("id"), test_str("f"), test_str("{}"), &begin);
    if (err == 0)
      err = uvllm__collect_tool(c, i, 9, absent, test_str("f"), absent, &begin);
    if (err == 0 && i % 2 == 0)
      err = uvllm__collect_held(c, i, &begin);
    if (err == 0)
      err = uvllm__collect_stop(c, i, UVLLM_STOP_END);
  }
  if (err == 0 && !keep)
    err = uvllm__collect_choices(c, &all, &n);
  if (err == 0 && keep) /* asks for the choices itself */
    err = uvllm__collect_body(c, UVLLM_CHAT, test_str("id"), "m", 1, &usage, &out);
  if (err != 0)
    assert_int_equal(out.len, 0);
  if (c != NULL) { /* what a failed attempt left does not disturb the next */
    a->fail_at = 0;
    uvllm__collect_clear(c);
    assert_int_equal(uvllm__collect_tool(c, 0, 0, test_str("id"), test_str("f"), test_str("{}"),
                                         &begin), 0);
    assert_int_equal(begin.due, 1);
    assert_int_equal(uvllm__collect_text(c, 0, UVLLM_EVENT_TEXT, test_str("x")), 0);
    assert_int_equal(uvllm__collect_choices(c, &all, &n), 0);
    assert_int_equal(n, keep ? 1 : 0);
  }
  uvllm__buf_free(&out);
  uvllm__collect_free(c);
  return err;
}

static void oom_at_every_allocation(void** state) {
  (void) state;
  for (int once = 0; once < 2; once++)
    for (int keep = 0; keep < 2; keep++) {
      int err = UVLLM__ENOMEM;
      size_t at = 0;
      while (err != 0) {
        test_alloc_t a;
        test_alloc_init(&a);
        a.fail_at = ++at;
        a.fail_once = once;
        err = collect_under_pressure(&a, keep);
        assert_true(err == 0 || err == UVLLM__ENOMEM);
        assert_int_equal(a.alive, 0);
      }
      assert_in_range(at, 8, 200);
    }
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(emits_what_an_adapter_tells),
    cmocka_unit_test(empty_text_is_not_emitted),
    cmocka_unit_test(pieces_of_interleaved_choices),
    cmocka_unit_test(nothing_came),
    cmocka_unit_test(a_skipped_choice_is_empty),
    cmocka_unit_test(a_small_piece_is_an_append),
    cmocka_unit_test(wild_numbers_are_refused_and_cost_nothing),
    cmocka_unit_test(tool_calls_of_an_answer_are_bounded),
    cmocka_unit_test(content_is_bounded_as_a_sum),
    cmocka_unit_test(a_tool_call_in_fragments),
    cmocka_unit_test(a_repeated_id_or_name_is_ignored),
    cmocka_unit_test(a_call_begins_once_id_and_name_are_known),
    cmocka_unit_test(arguments_do_not_wait),
    cmocka_unit_test(what_is_held_back_begins_at_the_end),
    cmocka_unit_test(missing_ids_are_made_and_empty_arguments_are_an_object),
    cmocka_unit_test(tool_calls_come_in_the_order_of_their_numbers),
    cmocka_unit_test(without_content_only_beginnings_are_known),
    cmocka_unit_test(clear_forgets_and_keeps_memory),
    cmocka_unit_test(what_is_no_text_is_refused),
    cmocka_unit_test(a_chat_body),
    cmocka_unit_test(a_chat_body_with_everything),
    cmocka_unit_test(a_completion_body),
    cmocka_unit_test(finish_reasons),
    cmocka_unit_test(a_body_needs_content_and_an_op_that_has_one),
    cmocka_unit_test(oom_at_every_allocation),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
