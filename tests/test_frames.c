/* Bytes to frames: each text is fed whole, byte by byte, in small steps, split at
 * every position, and with a stop after every frame; the frames must be the same
 * ones every time.
 */
#include "test.h"
#include "frames.h"
#include "frames_helper.h"

static uvllm_framing framing = UVLLM_FRAME_SSE;

static void feed_once(uvllm_str_t text, size_t max, size_t first, size_t step, int stop_each,
                      const char* expected) {
  test_alloc_t a;
  test_alloc_init(&a);
  uvllm__frames_t f;
  uvllm__frames_init(&f, &a.hook);
  uvllm__frames_begin(&f, framing, max);
  frames_log_t log = { .stop_each = stop_each };
  uvllm__buf_init(&log.out, &uvllm__alloc_default, SIZE_MAX);
  frames_feed_all(&f, &log, text, first, step);
  assert_str(uvllm__buf_slice(&log.out), expected);
  uvllm__buf_free(&log.out);
  uvllm__frames_free(&f);
  assert_int_equal(a.alive, 0);
}

static void feed_every_way(uvllm_str_t text, size_t max, const char* expected) {
  for (int stop = 0; stop < 2; stop++) {
    for (size_t step = 1; step <= 5; step++)
      feed_once(text, max, step, step, stop, expected);
    for (size_t split = 1; split <= text.len; split++)
      feed_once(text, max, split, text.len, stop, expected);
  }
}

static void gives(const char* text, const char* expected) {
  feed_every_way(test_str(text), 1 << 20, expected);
}

static void gives_within(const char* text, size_t max, const char* expected) {
  feed_every_way(test_str(text), max, expected);
}

/* ---- SSE: the corner cases of the format, in the order of the notes ------------ */

static void sse_comments_are_no_events(void** state) {
  (void) state;
  gives(": ping\n\n:\n\n: \ndata: a\n:in between\n\n:\n\n", "<->a;");
  gives(":data: x\n\n", "");
}

static void sse_line_ends_of_all_kinds(void** state) {
  (void) state;
  gives("data: a\n\ndata: b\n\n", "<->a;<->b;");
  gives("data: a\r\n\r\ndata: b\r\n\r\n", "<->a;<->b;");
  gives("data: a\r\rdata: b\r\r", "<->a;<->b;");
  gives("data: a\rdata: b\ndata: c\r\n\ndata: d\n\r\ndata: e\r\n\rdata: f\n\r",
        "<->a\nb\nc;<->d;<->e;<->f;");
  gives("event: e\r\ndata: a\r\ndata: b\r\n\r\n", "<e>a\nb;");
}

static void sse_cr_and_lf_in_two_reads_are_one_line_end(void** state) {
  (void) state;
  const char text[] = "data: a\r\ndata: b\r\n\r\n";
  feed_once(test_str(text), 1000, 8, 1000, 0, "<->a\nb;");
  feed_once(test_str(text), 1000, 17, 1000, 0, "<->a\nb;");
  feed_once(test_str(text), 1000, 19, 1000, 0, "<->a\nb;");
  gives("\r\n\rdata: a\r\n\r", "<->a;");
}

static void sse_one_space_after_the_colon_is_removed(void** state) {
  (void) state;
  gives("data:{\"a\":1}\n\ndata:  two\n\ndata:\ttab\n\ndata: \n\ndata: x \n\n",
        "<->{\"a\":1};<-> two;<->\ttab;<->x ;");
}

static void sse_data_lines_are_joined(void** state) {
  (void) state;
  gives("data: {\ndata: \"a\": 1\ndata: }\n\n", "<->{\n\"a\": 1\n};");
  gives("data:\ndata: x\n\ndata: x\ndata\n\ndata\ndata\n\n", "<->\nx;<->x\n;<->\n;");
  gives("data: a\nid: 1\n: c\ndata: b\n\n", "<->a\nb;");
}

static void sse_other_fields_are_ignored(void** state) {
  (void) state;
  gives("id: 1\nretry: 10\nevent: e\nfoo: bar\nfoo\ndata: a\ndatax: b\ndat: c\n data: d\n"
        "Data: e\n\n",
        "<e>a;");
}

static void sse_json_without_a_field_is_an_event(void** state) {
  (void) state;
  gives("data: 1\n\n{\"error\":{}}\n\ndata: 2\n\n", "<->1;<->{\"error\":{}};<->2;");
  gives("{\r\n  \"a\": 1,\r\n: x\r\ndata: 3\r\n}\r\n\r\ndata: 2\r\n\r\n",
        "<->{\n  \"a\": 1,\n: x\ndata: 3\n};<->2;");
  gives("{\"a\":1}", "<->{\"a\":1};");
  gives("data: 1\n{\"a\":2}\n\n", "<->1;"); /* within an event it is nothing */
  gives("event: e\n{}\n\n", "<e>{};");
  gives_within("{12}\n4\n\n", 6, "<->{12}\n4;");
  gives_within("{12}\n45\n\n", 6, "!20015");
  gives_within("{123456\n\n", 6, "!20015");
}

static void sse_error_is_a_field_of_its_own(void** state) {
  (void) state;
  gives("data: 1\n\nerror: {\"code\":500}\n\ndata: [DONE]\n\n",
        "<->1;<error>{\"code\":500};<->[DONE];");
  gives("error:{}\n\nerror\n\nerrors: 1\n\nerror:\n\ndata: 2\n\n", "<error>{};<->2;");
  gives("event: x\nerror: 1\ndata: 2\n\n", "<error>1\n2;");
  gives("data: 1\nerror: 2\nevent: y\n\n", "<y>1\n2;");
  gives("error: {}", "<error>{};");
}

static void sse_event_names(void** state) {
  (void) state;
  gives("event: one\ndata: 1\n\ndata: 2\n\ndata: 3\nevent:three\n\nevent: x\nevent: y\ndata: 4\n\n"
        "event: x\nevent\ndata: 5\n\nevent:\ndata: 6\n\n",
        "<one>1;<->2;<three>3;<y>4;<->5;<->6;");
  gives("event: message_start\n\ndata: 1\n\n", "<->1;");
  gives("event:  a b \ndata: 1\n\n", "< a b >1;");
}

static void sse_event_without_data_is_none(void** state) {
  (void) state;
  gives("\n\n\n\r\n\r\r\n", "");
  gives("event: ping\n\nid: 7\n\ndata\n\ndata:\n\ndata: \n\n", "");
}

static void sse_byte_order_mark(void** state) {
  (void) state;
  gives("\xEF\xBB\xBF" "data: a\n\n\xEF\xBB\xBF" "data: b\n\ndata: c\n\n", "<->a;<->c;");
  gives("\xEF\xBB\xBF\n\ndata: a\n\n", "<->a;");
  gives("\xEF\xBB" "data: a\ndata: b\n\n", "<->b;");
  gives("\xEF" "data: a\n\n\xEF\xBB\xBF", "");
  gives("\xEF\xBB\xBF", "");
  gives("\xEF\xBB", "");
}

static void sse_reads_end_anywhere(void** state) {
  (void) state;
  gives("data: {\"c\":\"\xF0\x9F\x98\x80 \\ud83d\\ude00 \xC3\xA9\"}\n\ndata: [DONE]\n\n",
        "<->{\"c\":\"\xF0\x9F\x98\x80 \\ud83d\\ude00 \xC3\xA9\"};<->[DONE];");
}

static void sse_last_event_without_its_empty_line(void** state) {
  (void) state;
  gives("data: a\n\ndata: b\n", "<->a;<->b;");
  gives("data: a\n\nevent: e\ndata: b", "<->a;<e>b;");
  gives("data: a\r\n\r\ndata: b\r", "<->a;<->b;");
  gives("data: a\ndata: b", "<->a\nb;");
  gives("data: {\"a", "<->{\"a;");
  gives("data: a\n\ndat", "<->a;");
  gives("data: a\nevent", "<->a;");
  gives("event: e", "");
  gives("", "");
}

static void sse_done_in_all_forms_is_passed_on(void** state) {
  (void) state;
  gives("data:[DONE]\n\ndata: [DONE] \n\ndata: [DONE]\n\ndata: after",
        "<->[DONE];<->[DONE] ;<->[DONE];<->after;");
}

static void sse_zero_bytes_are_bytes(void** state) {
  (void) state;
  const char text[] = "data: a\0b\n\n";
  const char expected[] = "<->a\0b;";
  uvllm_str_t s = { text, sizeof(text) - 1 };
  for (size_t first = 1; first <= s.len; first++) {
    uvllm__frames_t f;
    uvllm__frames_init(&f, &uvllm__alloc_default);
    uvllm__frames_begin(&f, UVLLM_FRAME_SSE, 100);
    frames_log_t log = { .frames = 0 };
    uvllm__buf_init(&log.out, &uvllm__alloc_default, SIZE_MAX);
    frames_feed_all(&f, &log, s, first, 3);
    assert_int_equal(log.out.len, sizeof(expected) - 1);
    assert_memory_equal(log.out.base, expected, sizeof(expected) - 1);
    uvllm__buf_free(&log.out);
    uvllm__frames_free(&f);
  }
}

static void sse_bounds_an_event(void** state) {
  (void) state;
  gives_within("data: 12345\n\ndata:67890\n\n", 5, "<->12345;<->67890;");
  gives_within("data: 12345\n\ndata: 123456\n\n", 5, "<->12345;!20015");
  gives_within("data:123456\n\n", 5, "!20015");
  gives_within("data:123456", 5, "!20015");
  gives_within("data: 12\ndata: 34\n\ndata: 12\ndata: 345\n\n", 5, "<->12\n34;!20015");
  gives_within("data\ndata\ndata\n\ndata\ndata\ndata\ndata\n\n", 2, "<->\n\n;!20015");
  gives_within(": a comment so long\n\n", 5, "!20015");
  gives_within("event: 12345678\n\n", 5, "!20015");
  gives_within("data: 1\n\n: 1234567\n\n: 12345678\n\n: 123456789\n\n", 3, "<->1;!20015");
  gives_within("\xEF\xBB" "1234\n\n\n", 0, "");
  gives_within("\xEF\xBB" "1234\n\ndata:1\n\n", 0, "!20015");
}

/* What lies whole in a read is given from where it lies. */
typedef struct seen_s {
  uvllm_frame_t frames[4];
  size_t n;
  int stop_after;
} seen_t;

static int see(void* ctx, const uvllm_frame_t* frame) {
  seen_t* seen = ctx;
  seen->frames[seen->n++] = *frame;
  return seen->stop_after != 0 && seen->n == (size_t) seen->stop_after ? -42 : 0;
}

static void sse_copies_nothing_that_came_whole(void** state) {
  (void) state;
  test_alloc_t a;
  test_alloc_init(&a);
  uvllm__frames_t f;
  uvllm__frames_init(&f, &a.hook);
  uvllm__frames_begin(&f, UVLLM_FRAME_SSE, 1000);
  const char text[] = "event: one\r\ndata: first\r\n\r\n:\n\ndata: second\n\n";
  seen_t seen = { .n = 0 };
  size_t consumed;
  assert_int_equal(uvllm__frames_feed(&f, text, sizeof(text) - 1, &consumed, see, &seen), 0);
  assert_int_equal(seen.n, 2);
  assert_ptr_equal(seen.frames[0].event.base, text + 7);
  assert_ptr_equal(seen.frames[0].data.base, text + 18);
  assert_ptr_equal(seen.frames[1].data.base, strstr(text, "second"));
  assert_null(seen.frames[1].event.base);
  assert_int_equal(a.calls, 0);
  uvllm__frames_free(&f);
}

static void a_stop_leaves_the_rest_for_later(void** state) {
  (void) state;
  uvllm__frames_t f;
  uvllm__frames_init(&f, &uvllm__alloc_default);
  const char* texts[] = { "data: 1\r\n\r\ndata: 2\n\n", "1\r\n2\n" };
  const size_t taken[] = { 11, 3 };
  const uvllm_framing kinds[] = { UVLLM_FRAME_SSE, UVLLM_FRAME_LINES };
  for (int i = 0; i < 2; i++) {
    size_t len = strlen(texts[i]), consumed = 0;
    seen_t seen = { .stop_after = 1 };
    uvllm__frames_begin(&f, kinds[i], 1000);
    assert_int_equal(uvllm__frames_feed(&f, texts[i], len, &consumed, see, &seen), -42);
    assert_int_equal(consumed, taken[i]);
    assert_str(seen.frames[0].data, "1");
    seen.stop_after = 0;
    assert_int_equal(uvllm__frames_feed(&f, texts[i] + consumed, len - consumed, &consumed, see,
                                        &seen), 0);
    assert_int_equal(consumed, len - taken[i]);
    assert_int_equal(seen.n, 2);
    assert_str(seen.frames[1].data, "2");
  }
  uvllm__frames_free(&f);
}

static void a_stop_between_cr_and_lf_loses_neither(void** state) {
  (void) state;
  uvllm__frames_t f;
  uvllm__frames_init(&f, &uvllm__alloc_default);
  uvllm__frames_begin(&f, UVLLM_FRAME_SSE, 1000);
  seen_t seen = { .stop_after = 1 };
  size_t consumed;
  assert_int_equal(uvllm__frames_feed(&f, "data: 1\r\n\r", 10, &consumed, see, &seen), -42);
  assert_int_equal(consumed, 10);
  assert_int_equal(uvllm__frames_feed(&f, "\nevent: e\ndata: 2\n\n", 19, &consumed, see, &seen), 0);
  assert_str(seen.frames[1].data, "2");
  assert_str(seen.frames[1].event, "e");
  uvllm__frames_free(&f);
}

/* ---- The other framings -------------------------------------------------------- */

static void lines_are_frames(void** state) {
  (void) state;
  framing = UVLLM_FRAME_LINES;
  gives("{\"a\":1}\n{\"b\":2}\r\n\n\r\n \t \n3\n", "<->{\"a\":1};<->{\"b\":2};<->3;");
  gives("1\n2", "<->1;<->2;");
  gives("1\n2\r", "<->1;<->2;");
  gives("1\r2\n\r\r\n", "<->1\r2;<->\r;");
  gives(" ", "");
  gives("", "");
  gives_within("12345\r\n12345\n123456\r\n", 5, "<->12345;<->12345;!20015");
  gives_within("12345\n123456", 5, "<->12345;!20015");
  gives_within("12345", 5, "<->12345;");
  gives_within("12345\r", 5, "<->12345;");
  gives_within("      \n", 5, "!20015");
  framing = UVLLM_FRAME_SSE;
}

static void a_body_is_one_frame(void** state) {
  (void) state;
  framing = UVLLM_FRAME_BODY;
  gives("{\"a\":\r\n\r\n1}\n", "<->{\"a\":\r\n\r\n1}\n;");
  gives_within("12345", 5, "<->12345;");
  gives_within("123456", 5, "!20015");
  gives("", "<->;");
  feed_once(test_str(""), 10, 1, 1, 0, "<->;");
  framing = UVLLM_FRAME_SSE;
}

static int is_empty_body(void* ctx, const uvllm_frame_t* frame) {
  assert_non_null(frame->data.base);
  assert_int_equal(frame->data.len, 0);
  ++*(int*) ctx;
  return 5;
}

static void an_empty_body_is_a_frame_too(void** state) {
  (void) state;
  uvllm__frames_t f;
  uvllm__frames_init(&f, &uvllm__alloc_default);
  uvllm__frames_begin(&f, UVLLM_FRAME_BODY, 10);
  int n = 0;
  assert_int_equal(uvllm__frames_end(&f, is_empty_body, &n), 5);
  assert_int_equal(n, 1);
  uvllm__frames_free(&f);
}

static void raw_bytes_pass_as_they_come(void** state) {
  (void) state;
  framing = UVLLM_FRAME_RAW;
  feed_once(test_str("data: 1\n\n"), 2, 4, 5, 0, "<->data;<->: 1\n\n;");
  feed_once(test_str("ab"), 2, 1, 1, 1, "<->a;<->b;");
  feed_once(test_str(""), 2, 1, 1, 0, "");
  framing = UVLLM_FRAME_SSE;
}

/* ---- Reuse, size, memory ------------------------------------------------------- */

static void begin_forgets_the_answer_before(void** state) {
  (void) state;
  uvllm__frames_t f;
  uvllm__frames_init(&f, &uvllm__alloc_default);
  const char* const halves[] = { "event: old\ndata: old\nda", "data: old\r", "\xEF\xBB", ":",
                                 "data: o" };
  for (size_t i = 0; i < sizeof(halves) / sizeof(halves[0]); i++) {
    seen_t seen = { .n = 0 };
    size_t consumed;
    uvllm__frames_begin(&f, UVLLM_FRAME_SSE, 1000);
    size_t len = strlen(halves[i]);
    assert_int_equal(uvllm__frames_feed(&f, halves[i], len, &consumed, see, &seen), 0);
    uvllm__frames_begin(&f, UVLLM_FRAME_SSE, 1000);
    assert_int_equal(uvllm__frames_feed(&f, "\ndata: new\n\n", 12, &consumed, see, &seen), 0);
    assert_int_equal(seen.n, 1);
    assert_str(seen.frames[0].data, "new");
    assert_null(seen.frames[0].event.base);
  }
  uvllm__frames_free(&f);
}

static void an_error_stays_until_begin(void** state) {
  (void) state;
  uvllm__frames_t f;
  uvllm__frames_init(&f, &uvllm__alloc_default);
  seen_t seen = { .n = 0 };
  size_t consumed;
  const uvllm_framing all[] = { UVLLM_FRAME_SSE, UVLLM_FRAME_LINES, UVLLM_FRAME_BODY };
  for (int i = 0; i < 3; i++) {
    uvllm__frames_begin(&f, all[i], 4);
    assert_int_equal(uvllm__frames_feed(&f, "data: too large\n\n", 17, &consumed, see, &seen),
                     UVLLM_ETOOLARGE);
    assert_int_equal(consumed, 17);
    assert_int_equal(uvllm__frames_feed(&f, "data: 1\n\n", 9, &consumed, see, &seen),
                     UVLLM_ETOOLARGE);
    assert_int_equal(uvllm__frames_end(&f, see, &seen), UVLLM_ETOOLARGE);
    assert_int_equal(seen.n, 0);
  }
  uvllm__frames_begin(&f, UVLLM_FRAME_LINES, 4);
  assert_int_equal(uvllm__frames_feed(&f, "1\n", 2, &consumed, see, &seen), 0);
  assert_int_equal(seen.n, 1);
  uvllm__frames_free(&f);
}

static int count_bytes(void* ctx, const uvllm_frame_t* frame) {
  *(size_t*) ctx += frame->data.len;
  return 0;
}

/* Not measured: were it quadratic, this would not end within the test's time. */
static void an_event_of_50_megabytes_takes_linear_time(void** state) {
  (void) state;
  enum { SIZE = 50 * 1000 * 1000 };
  const struct {
    const char* line;
    size_t step, size;
  } cases[] = { { "xxxxxxxxxx", 16384, SIZE },
                { "xxxxxxxxxx", 1, SIZE / 10 },
                { "\ndata: abc", 16384, SIZE },
                { "\ndata:\rdata", 1, SIZE / 10 },
                { "\n:\n:\n:\n:\n:", 16384, SIZE } };
  char* text = malloc(SIZE); /* a multiple of each line's length */
  assert_non_null(text);
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    size_t unit = strlen(cases[i].line), size = cases[i].size, bytes = 0, consumed;
    for (size_t at = 0; at < size; at += unit)
      memcpy(text + at, cases[i].line, unit);
    memcpy(text, "data: x", 7);
    uvllm__frames_t f;
    uvllm__frames_init(&f, &uvllm__alloc_default);
    uvllm__frames_begin(&f, UVLLM_FRAME_SSE, SIZE);
    int err = 0;
    for (size_t at = 0; err == 0 && at < size; at += consumed) {
      size_t len = size - at < cases[i].step ? size - at : cases[i].step;
      err = uvllm__frames_feed(&f, text + at, len, &consumed, count_bytes, &bytes);
    }
    assert_int_equal(err, 0);
    assert_int_equal(uvllm__frames_feed(&f, "\n\n", 2, &consumed, count_bytes, &bytes), 0);
    assert_in_range(bytes, 1, size);
    assert_in_range(f.tail.cap, 0, SIZE + 6);
    uvllm__frames_begin(&f, UVLLM_FRAME_SSE, SIZE);
    assert_in_range(f.tail.cap, 0, 65536); /* a pooled parser does not hold it */
    uvllm__frames_free(&f);
  }
  free(text);
}

static void memory_is_kept_but_not_much_of_it(void** state) {
  (void) state;
  test_alloc_t a;
  test_alloc_init(&a);
  uvllm__frames_t f;
  uvllm__frames_init(&f, &a.hook);
  size_t n = 0, consumed;
  for (int i = 0; i < 10; i++) {
    uvllm__frames_begin(&f, UVLLM_FRAME_BODY, 1 << 20);
    assert_int_equal(uvllm__frames_feed(&f, "{\"a\":1}", 7, &consumed, count_bytes, &n), 0);
    assert_int_equal(uvllm__frames_end(&f, count_bytes, &n), 0);
  }
  assert_int_equal(n, 70);
  assert_int_equal(a.calls, 1);
  char big[70000] = { 0 };
  assert_int_equal(uvllm__frames_feed(&f, big, sizeof(big), &consumed, count_bytes, &n), 0);
  assert_int_equal(uvllm__frames_end(&f, count_bytes, &n), 0);
  assert_int_equal(a.alive, 0);
  uvllm__frames_begin(&f, UVLLM_FRAME_BODY, 64);
  assert_int_equal(uvllm__frames_feed(&f, big, 64, &consumed, count_bytes, &n), 0);
  uvllm__frames_begin(&f, UVLLM_FRAME_BODY, 10); /* less than what is kept: still a limit */
  assert_int_equal(uvllm__frames_feed(&f, big, 11, &consumed, count_bytes, &n), UVLLM_ETOOLARGE);
  uvllm__frames_free(&f);
  assert_int_equal(a.alive, 0);
}

#define LONG "0123456789012345678901234567890123456789012345678901234567890123456789"
static const char* const pressing[] = {
  "\xEF\xBB" "x\n\nevent: name\ndata: a line of some length\ndata: and another one\n\n"
  "data: 1\n\nevent: " LONG "\ndata: " LONG "\n\n",
  "data: 1\ndata: " LONG "\n\n" LONG "\n", "data: " LONG "\ndata: " LONG LONG "\n\n"
};

static int feed_under_pressure(test_alloc_t* a, uvllm_framing kind, const char* text, size_t step) {
  uvllm__frames_t f;
  uvllm__frames_init(&f, &a->hook);
  uvllm__frames_begin(&f, kind, 1000);
  int err = 0;
  size_t consumed, bytes = 0, size = strlen(text);
  for (size_t at = 0; err == 0 && at < size; at += step) {
    size_t len = size - at < step ? size - at : step;
    err = uvllm__frames_feed(&f, text + at, len, &consumed, count_bytes, &bytes);
    assert_int_equal(consumed, len);
  }
  if (err == 0)
    err = uvllm__frames_end(&f, count_bytes, &bytes);
  else
    assert_int_equal(uvllm__frames_end(&f, count_bytes, &bytes), err);
  uvllm__frames_free(&f);
  return err;
}

static void fails_well(uvllm_framing kind, const char* text, size_t step, int once) {
  int err = UVLLM__ENOMEM;
  for (size_t at = 1; err != 0; at++) {
    test_alloc_t a;
    test_alloc_init(&a);
    a.fail_at = at;
    a.fail_once = once;
    err = feed_under_pressure(&a, kind, text, step);
    assert_true(err == 0 || err == UVLLM__ENOMEM);
    assert_int_equal(err == 0, a.calls < at);
    assert_int_equal(a.alive, 0);
  }
}

static void oom_at_every_allocation(void** state) {
  (void) state;
  const uvllm_framing all[] = { UVLLM_FRAME_SSE, UVLLM_FRAME_LINES, UVLLM_FRAME_BODY };
  const size_t steps[] = { 1, 7, 33, 50, 1000 };
  for (int kind = 0; kind < 3; kind++)
    for (int text = 0; text < 3; text++)
      for (int i = 0; i < 5; i++) {
        fails_well(all[kind], pressing[text], steps[i], 0);
        fails_well(all[kind], pressing[text], steps[i], 1);
      }
}

/* ---- Against the slow reference -------------------------------------------------- */

static void agrees_with_the_reference(void** state) {
  (void) state;
  static const char* const pieces[] = { "data: ", "data:", "data", "event: ", "event", ":",
                                        "error: ", "error:",
                                        "\n",     "\n",    "\r",   "\r\n",    "\n\n",  " ",
                                        "x",      "id: 1" };
  uint64_t seed = 42;
  for (int round = 0; round < 3000; round++) {
    uvllm__buf_t text, expected;
    uvllm__buf_init(&text, &uvllm__alloc_default, SIZE_MAX);
    uvllm__buf_init(&expected, &uvllm__alloc_default, SIZE_MAX);
    for (int i = 0; i < 20; i++) {
      seed = seed * 6364136223846793005u + 1442695040888963407u;
      uvllm__buf_str(&text, pieces[(seed >> 33) % (sizeof(pieces) / sizeof(pieces[0]))]);
    }
    sse_reference(uvllm__buf_slice(&text), &expected);
    uvllm__buf_append(&expected, "", 1);
    for (size_t step = 1; step < 6; step++)
      feed_once(uvllm__buf_slice(&text), 10000, (size_t) (seed >> 40) % text.len + 1, step,
                (int) (step & 1), expected.base);
    uvllm__buf_free(&text);
    uvllm__buf_free(&expected);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(sse_comments_are_no_events),
    cmocka_unit_test(sse_line_ends_of_all_kinds),
    cmocka_unit_test(sse_cr_and_lf_in_two_reads_are_one_line_end),
    cmocka_unit_test(sse_one_space_after_the_colon_is_removed),
    cmocka_unit_test(sse_data_lines_are_joined),
    cmocka_unit_test(sse_other_fields_are_ignored),
    cmocka_unit_test(sse_json_without_a_field_is_an_event),
    cmocka_unit_test(sse_error_is_a_field_of_its_own),
    cmocka_unit_test(sse_event_names),
    cmocka_unit_test(sse_event_without_data_is_none),
    cmocka_unit_test(sse_byte_order_mark),
    cmocka_unit_test(sse_reads_end_anywhere),
    cmocka_unit_test(sse_last_event_without_its_empty_line),
    cmocka_unit_test(sse_done_in_all_forms_is_passed_on),
    cmocka_unit_test(sse_zero_bytes_are_bytes),
    cmocka_unit_test(sse_bounds_an_event),
    cmocka_unit_test(sse_copies_nothing_that_came_whole),
    cmocka_unit_test(a_stop_leaves_the_rest_for_later),
    cmocka_unit_test(a_stop_between_cr_and_lf_loses_neither),
    cmocka_unit_test(lines_are_frames),
    cmocka_unit_test(a_body_is_one_frame),
    cmocka_unit_test(an_empty_body_is_a_frame_too),
    cmocka_unit_test(raw_bytes_pass_as_they_come),
    cmocka_unit_test(begin_forgets_the_answer_before),
    cmocka_unit_test(an_error_stays_until_begin),
    cmocka_unit_test(an_event_of_50_megabytes_takes_linear_time),
    cmocka_unit_test(memory_is_kept_but_not_much_of_it),
    cmocka_unit_test(oom_at_every_allocation),
    cmocka_unit_test(agrees_with_the_reference),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
