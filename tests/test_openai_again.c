/* Events of a stream that are like the one before: what is told of them is what
 * would be told of each alone, whatever other streams the parser has read between.
 */
#include "openai_fixture.h"

#include <dirent.h>

/* ---- Two streams, event by event, on one parser ---- */

typedef struct stream_s {
  fixture_run_t run;
  uvllm__frames_t frames;
  uvllm_str_t bytes, expected;
  size_t at;
  int rc;
} stream_t;

static void stream_begin(stream_t* s, const char* name, uvllm_json_parser_t* parser) {
  char events[256];
  snprintf(events, sizeof(events), "%.*s.events", (int) (strrchr(name, '.') - name), name);
  memset(s, 0, sizeof(*s));
  s->bytes = fixture_read(name);
  s->expected = fixture_read(events);
  fixture_begin(&s->run, name);
  uvllm_json_parser_free(s->run.rec.emit.parser);
  s->run.rec.emit.parser = parser;
  uvllm__frames_init(&s->frames, &uvllm__alloc_default);
  uvllm__frames_begin(&s->frames,
                      s->run.ops->begin(s->run.state, 200, test_str(s->run.content_type)), SIZE_MAX);
}

static void stream_step(stream_t* s) {
  const char* from = s->bytes.base + s->at;
  const char* end = strstr(from, "\n\n");
  const size_t len = end != NULL ? (size_t) (end + 2 - from) : s->bytes.len - s->at;
  if (s->rc == UVLLM_GO_ON && len != 0)
    s->rc = fixture__feed(&s->run, &s->frames, from, len);
  s->at += len;
}

static int stream_end(stream_t* s) {
  if (s->rc == UVLLM_GO_ON)
    s->rc = uvllm__frames_end(&s->frames, fixture__frame, &s->run);
  if (s->rc == UVLLM_GO_ON)
    s->rc = s->run.ops->end(s->run.state, &s->run.rec.emit);
  record__print(&s->run.rec, "=> %s\n", fixture__outcome(s->rc));
  const int same = strcmp(record_text(&s->run.rec), s->expected.base) == 0;
  if (!same)
    print_error("%swanted:\n%s", record_text(&s->run.rec), s->expected.base);
  s->run.rec.emit.parser = NULL;
  uvllm__frames_free(&s->frames);
  fixture_end(&s->run);
  free((char*) s->bytes.base);
  free((char*) s->expected.base);
  return same;
}

static int is_stream(const struct dirent* entry) {
  const char* dot = strrchr(entry->d_name, '.');
  return dot != NULL && strcmp(dot, ".sse") == 0 && strncmp(entry->d_name, "raw_", 4) != 0 &&
         strncmp(entry->d_name, "error_", 6) != 0;
}

static void any_two_streams_at_once(void** state) {
  (void) state;
  struct dirent** entries;
  uvllm_json_parser_t* parser;
  const int n = scandir(FIXTURES "/openai", &entries, is_stream, alphasort);
  assert_true(n > 20);
  assert_int_equal(uvllm_json_parser_new(&parser, NULL), 0);
  for (int i = 0; i < n * n; i++) {
    stream_t a, b;
    stream_begin(&a, entries[i / n]->d_name, parser);
    stream_begin(&b, entries[i % n]->d_name, parser);
    while (a.at < a.bytes.len || b.at < b.bytes.len) {
      stream_step(&a);
      stream_step(&b);
    }
    const int same = stream_end(&a) & stream_end(&b);
    if (!same)
      fail_msg("%s beside %s", entries[i / n]->d_name, entries[i % n]->d_name);
  }
  for (int i = 0; i < n; i++)
    free(entries[i]);
  free(entries);
  uvllm_json_parser_free(parser);
}


/* ---- Any sequence of events ---- */

#define DELTA(index, delta, reason) \
  "{\"id\":\"a\",\"choices\":[{\"index\":" index ",\"delta\":{" delta "},\"finish_reason\":" reason \
  "}],\"usage\":null,\"pad\":\"abc\"}"

#define USAGE(usage) "{\"id\":\"a\",\"choices\":[],\"usage\":" usage "}"

static const char* const events[] = {
  DELTA("0", "\"content\":\"one\"", "null"), DELTA("0", "\"content\":\"two\"", "null"),
  DELTA("0", "\"content\":\"\"", "null"), DELTA("0", "\"content\":null", "null"),
  DELTA("0", "\"content\":17", "null"), DELTA("1", "\"content\":\"three\"", "null"),
  DELTA("200", "\"content\":\"beyond\"", "null"), DELTA("null", "\"content\":\"four\"", "null"),
  DELTA("0", "\"content\":\"\\n\"", "null"), DELTA("0", "\"content\":\"five\"", "\"\""),
  DELTA("0", "\"content\":\"six\"", "\"stop\""), DELTA("1", "\"content\":\"\"", "\"length\""),
  DELTA("0", "\"content\":\"x\",\"refusal\":null", "null"),
  DELTA("0", "\"content\":\"y\",\"refusal\":\"no\"", "null"),
  DELTA("0", "\"content\":\"\",\"refusal\":\"no\"", "null"),
  DELTA("0", "\"content\":\"\",\"reasoning\":\"hm\"", "null"),
  DELTA("0", "\"content\":\"\",\"reasoning\":\"hm, so\"", "null"),
  DELTA("0", "\"content\":\"so\",\"reasoning\":\"\"", "null"),
  DELTA("0", "\"reasoning\":\"r\",\"reasoning_content\":\"c\"", "null"),
  DELTA("0", "\"reasoning\":\"r\",\"reasoning_content\":\"\"", "null"),
  DELTA("0", "\"content\":\"a\",\"audio\":{\"transcript\":\"said\"}", "null"),
  DELTA("0", "\"content\":\"\",\"audio\":{\"transcript\":\"said\"}", "null"),
  DELTA("0", "\"content\":\"a\",\"tool_calls\":[{\"index\":0,\"id\":\"c\","
             "\"function\":{\"name\":\"f\",\"arguments\":\"{\"}}]", "null"),
  DELTA("0", "\"content\":\"b\",\"tool_calls\":[{\"index\":1,\"id\":\"d\","
             "\"function\":{\"name\":\"g\",\"arguments\":\"}\"}}]", "null"),
  DELTA("0", "\"content\":\"a\",\"tool_calls\":[{\"index\":0}]", "null"),
  DELTA("0", "\"content\":\"b\",\"tool_calls\":[]", "null"),
  DELTA("0", "\"content\":\"b\",\"function_call\":{\"name\":\"f\"}", "null"),
  "{\"id\":\"a\",\"choices\":[{\"index\":0,\"text\":\"one\",\"delta\":{\"content\":\"x\"}}]}",
  "{\"id\":\"b\",\"choices\":[{\"index\":0,\"text\":\"two\",\"delta\":{\"content\":\"y\"}}]}",
  "{\"id\":\"a\",\"choices\":[{\"index\":0,\"text\":null,\"delta\":{\"content\":\"z\"}}]}",
  "{\"choices\":[{\"index\":0,\"text\":\"one\"},{\"index\":1,\"text\":\"\"}]}",
  "{\"choices\":[{\"index\":0,\"text\":\"two\"},{\"index\":2,\"text\":\"\"}]}",
  "{\"id\":\"b\",\"choices\":[{\"delta\":{\"content\":\"p\"}}],\"usage\":null,\"object\":\"o\"}",
  "{\"id\":\"b\",\"choices\":[{\"delta\":{\"content\":\"q\"}}],\"usage\":null,\"object\":\"error\"}",
  "{\"id\":\"b\",\"choices\":[{\"delta\":{\"content\":\"p\"}}],\"usage\":null,\"error\":null}",
  "{\"id\":\"b\",\"choices\":[{\"delta\":{\"content\":\"q\"}}],\"usage\":null,\"error\":\"bad\"}",
  "{\"choices\":[{\"delta\":{\"content\":\"p\"}}],\"usage\":{\"prompt_tokens\":3}}",
  "{\"choices\":[{\"delta\":{\"content\":\"q\"}}],\"usage\":{\"prompt_tokens\":4}}",
  "{\"choices\":[{\"delta\":{\"content\":\"p\"}}],\"x_groq\":{\"id\":\"a\"}}",
  "{\"choices\":[{\"delta\":{\"content\":\"q\"}}],\"x_groq\":{\"id\":\"b\"}}",
  USAGE("{\"prompt_tokens\":3,\"completion_tokens\":1}"),
  USAGE("{\"prompt_tokens\":3,\"completion_tokens\":2}"), USAGE("null"),
};

enum { NEVENTS = sizeof(events) / sizeof(events[0]), NSTREAMS = 3 };

/* The same stream twice: one reads with the parser of all, one with a new one for
 * each event. */
typedef struct twin_s {
  fixture_run_t like, alone;
  int rc;
} twin_t;

static void twin_begin(twin_t* t, const char* name, uvllm_json_parser_t* parser) {
  fixture_run_t* runs[2] = { &t->like, &t->alone };
  for (int i = 0; i < 2; i++) {
    fixture_begin(runs[i], name);
    runs[i]->ops->begin(runs[i]->state, 200, test_str(runs[i]->content_type));
  }
  uvllm_json_parser_free(t->like.rec.emit.parser);
  t->like.rec.emit.parser = parser;
  t->rc = 0;
}

static void twin_frame(twin_t* t, const uvllm_frame_t* frame) {
  if (t->rc != UVLLM_GO_ON)
    return;
  uvllm_json_parser_free(t->alone.rec.emit.parser);
  assert_int_equal(uvllm_json_parser_new(&t->alone.rec.emit.parser, NULL), 0);
  t->rc = fixture__frame(&t->like, frame);
  assert_int_equal(t->rc, fixture__frame(&t->alone, frame));
}

static void twin_end(twin_t* t) {
  fixture_run_t* runs[2] = { &t->like, &t->alone };
  if (t->rc == UVLLM_GO_ON) {
    t->rc = t->like.ops->end(t->like.state, &t->like.rec.emit);
    assert_int_equal(t->rc, t->alone.ops->end(t->alone.state, &t->alone.rec.emit));
  }
  assert_string_equal(record_text(&t->like.rec), record_text(&t->alone.rec));
  t->like.rec.emit.parser = NULL;
  for (int i = 0; i < 2; i++) {
    record_free(&runs[i]->rec);
    free(runs[i]->state);
  }
}

static uint32_t random_below(uint32_t* seed, uint32_t n) {
  *seed = *seed * 1664525u + 1013904223u;
  return (*seed >> 16) % n;
}

/* Events are repeated often, with streams of two ops and whole answers between. */
static void any_sequence_of_events(void** state) {
  (void) state;
  static const char* const names[NSTREAMS] = { "chat.sse", "completion_x.sse", "chat.json" };
  uvllm_json_parser_t* parser;
  uint32_t seed = 1;
  assert_int_equal(uvllm_json_parser_new(&parser, NULL), 0);
  for (int round = 0; round < 6000; round++) {
    twin_t twins[NSTREAMS];
    const uint32_t few = random_below(&seed, NEVENTS), many = random_below(&seed, 4);
    for (int i = 0; i < NSTREAMS; i++)
      twin_begin(&twins[i], names[i], parser);
    for (int i = 0; i < 16; i++) {
      const uint32_t k = random_below(&seed, many == 0 ? NEVENTS : 3) + (many == 0 ? 0 : few);
      const uvllm_frame_t frame = {
        .event = test_str(random_below(&seed, 100) == 0 ? "error" : ""),
        .data = test_str(events[k % NEVENTS])
      };
      twin_frame(&twins[random_below(&seed, 12) < 11 ? random_below(&seed, 2) : 2], &frame);
    }
    for (int i = 0; i < NSTREAMS; i++)
      twin_end(&twins[i]);
  }
  uvllm_json_parser_free(parser);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(any_two_streams_at_once),
    cmocka_unit_test(any_sequence_of_events),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
