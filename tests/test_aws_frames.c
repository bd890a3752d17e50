/* AWS's event stream: messages out of bytes, however they are cut. */
#include "aws_encode.h"
#include "aws_frames.h"
#include "frames_helper.h"
#include "test.h"

/* The two vectors of the wire format's description, checksums and all. */
static const unsigned char kStop[] = {
  0x00, 0x00, 0x00, 0x7a, 0x00, 0x00, 0x00, 0x51, 0xca, 0x2c, 0x46, 0x65, 0x0b, 0x3a, 0x65, 0x76,
  0x65, 0x6e, 0x74, 0x2d, 0x74, 0x79, 0x70, 0x65, 0x07, 0x00, 0x0b, 0x6d, 0x65, 0x73, 0x73, 0x61,
  0x67, 0x65, 0x53, 0x74, 0x6f, 0x70, 0x0d, 0x3a, 0x63, 0x6f, 0x6e, 0x74, 0x65, 0x6e, 0x74, 0x2d,
  0x74, 0x79, 0x70, 0x65, 0x07, 0x00, 0x10, 0x61, 0x70, 0x70, 0x6c, 0x69, 0x63, 0x61, 0x74, 0x69,
  0x6f, 0x6e, 0x2f, 0x6a, 0x73, 0x6f, 0x6e, 0x0d, 0x3a, 0x6d, 0x65, 0x73, 0x73, 0x61, 0x67, 0x65,
  0x2d, 0x74, 0x79, 0x70, 0x65, 0x07, 0x00, 0x05, 0x65, 0x76, 0x65, 0x6e, 0x74, 0x7b, 0x22, 0x73,
  0x74, 0x6f, 0x70, 0x52, 0x65, 0x61, 0x73, 0x6f, 0x6e, 0x22, 0x3a, 0x22, 0x65, 0x6e, 0x64, 0x5f,
  0x74, 0x75, 0x72, 0x6e, 0x22, 0x7d, 0x5f, 0xbf, 0x09, 0xfc
};
static const unsigned char kThrottled[] = {
  0x00, 0x00, 0x00, 0x90, 0x00, 0x00, 0x00, 0x61, 0x8e, 0x91, 0xa9, 0xb7, 0x0f, 0x3a, 0x65, 0x78,
  0x63, 0x65, 0x70, 0x74, 0x69, 0x6f, 0x6e, 0x2d, 0x74, 0x79, 0x70, 0x65, 0x07, 0x00, 0x13, 0x74,
  0x68, 0x72, 0x6f, 0x74, 0x74, 0x6c, 0x69, 0x6e, 0x67, 0x45, 0x78, 0x63, 0x65, 0x70, 0x74, 0x69,
  0x6f, 0x6e, 0x0d, 0x3a, 0x63, 0x6f, 0x6e, 0x74, 0x65, 0x6e, 0x74, 0x2d, 0x74, 0x79, 0x70, 0x65,
  0x07, 0x00, 0x10, 0x61, 0x70, 0x70, 0x6c, 0x69, 0x63, 0x61, 0x74, 0x69, 0x6f, 0x6e, 0x2f, 0x6a,
  0x73, 0x6f, 0x6e, 0x0d, 0x3a, 0x6d, 0x65, 0x73, 0x73, 0x61, 0x67, 0x65, 0x2d, 0x74, 0x79, 0x70,
  0x65, 0x07, 0x00, 0x09, 0x65, 0x78, 0x63, 0x65, 0x70, 0x74, 0x69, 0x6f, 0x6e, 0x7b, 0x22, 0x6d,
  0x65, 0x73, 0x73, 0x61, 0x67, 0x65, 0x22, 0x3a, 0x22, 0x54, 0x6f, 0x6f, 0x20, 0x6d, 0x61, 0x6e,
  0x79, 0x20, 0x72, 0x65, 0x71, 0x75, 0x65, 0x73, 0x74, 0x73, 0x22, 0x7d, 0xe6, 0x7f, 0x80, 0x05
};

#define STOP "<messageStop>{\"stopReason\":\"end_turn\"};"
#define THROTTLED "<throttlingException>{\"message\":\"Too many requests\"};"

static uvllm__buf_t new_buf(void) {
  uvllm__buf_t buf;
  uvllm__buf_init(&buf, &uvllm__alloc_default, SIZE_MAX);
  return buf;
}

/* What comes of the bytes, in reads of `step` after one of `first`. */
static uvllm__buf_t told(uvllm_str_t bytes, size_t max, size_t first, size_t step, int stops) {
  uvllm__frames_t f;
  frames_log_t log = { new_buf(), stops, 0 };
  uvllm__frames_init(&f, &uvllm__alloc_default);
  uvllm__frames_begin(&f, UVLLM_FRAME_AWS, max);
  frames_feed_all(&f, &log, bytes, first, step);
  uvllm__frames_free(&f);
  uvllm__buf_char(&log.out, '\0');
  return log.out;
}

/* The same whole, byte by byte, split everywhere, and with a stop after each frame. */
static void assert_told(uvllm_str_t bytes, size_t max, const char* expected) {
  for (size_t first = 1; first <= bytes.len; first++) {
    uvllm__buf_t out = told(bytes, max, first, bytes.len, (int) (first & 1));
    assert_string_equal(out.base, expected);
    uvllm__buf_free(&out);
  }
  uvllm__buf_t out = told(bytes, max, 1, 1, 0);
  assert_string_equal(out.base, expected);
  uvllm__buf_free(&out);
}

static void assert_err(uvllm_str_t bytes, size_t max, const char* before, int err) {
  char expected[512];
  snprintf(expected, sizeof(expected), "%s!%d", before, -err);
  assert_told(bytes, max, expected);
}

static uvllm_str_t vector(const unsigned char* bytes, size_t len) {
  return (uvllm_str_t) { (const char*) bytes, len };
}

static void vectors_are_read(void** state) {
  (void) state;
  assert_told(vector(kStop, sizeof(kStop)), SIZE_MAX, STOP);
  assert_told(vector(kThrottled, sizeof(kThrottled)), SIZE_MAX, THROTTLED);
}

static void encoder_of_the_tests_makes_the_vectors(void** state) {
  (void) state;
  uvllm__buf_t out = new_buf();
  aws_put_lines(&out, test_str("event messageStop {\"stopReason\":\"end_turn\"}\n"));
  assert_int_equal(out.len, sizeof(kStop));
  assert_memory_equal(out.base, kStop, sizeof(kStop));
  out.len = 0;
  aws_put_lines(&out, test_str("exception throttlingException "
                               "{\"message\":\"Too many requests\"}"));
  assert_int_equal(out.len, sizeof(kThrottled));
  assert_memory_equal(out.base, kThrottled, sizeof(kThrottled));
  uvllm__buf_free(&out);
}

static void many_in_one_read(void** state) {
  (void) state;
  uvllm__buf_t out = new_buf();
  aws_put_lines(&out, test_str("event a {}\nevent b\nevent messageStop "
                               "{\"stopReason\":\"end_turn\"}\nevent c {\"p\":\"x\"}\n"));
  assert_told(uvllm__buf_slice(&out), SIZE_MAX, "<a>{};<b>;" STOP "<c>{\"p\":\"x\"};");
  uvllm__buf_free(&out);
}

static int count_exceptions(void* ctx, const uvllm_frame_t* frame) {
  int* n = ctx;
  *n = *n * 10 + 1 + frame->exception;
  return 0;
}

static void errors_are_told_apart_from_events(void** state) {
  (void) state;
  uvllm__buf_t out = new_buf();
  uvllm__frames_t f;
  size_t used;
  int seen = 0;
  aws_put_lines(&out, test_str("event a {}\nexception b {}\nerror InternalError It broke\n"));
  assert_told(uvllm__buf_slice(&out), SIZE_MAX, "<a>{};<b>{};<InternalError>It broke;");
  uvllm__frames_init(&f, &uvllm__alloc_default);
  uvllm__frames_begin(&f, UVLLM_FRAME_AWS, SIZE_MAX);
  assert_int_equal(uvllm__frames_feed(&f, out.base, out.len, &used, count_exceptions, &seen), 0);
  assert_int_equal(seen, 122);
  assert_int_equal(uvllm__frames_end(&f, count_exceptions, &seen), 0);
  uvllm__frames_free(&f);
  uvllm__buf_free(&out);
}

/* Every type there is, in an order that nobody sends. */
static void headers_of_all_types_are_skipped(void** state) {
  (void) state;
  static const char headers[] = "\1a\0" "\1b\1" "\1c\2" "1" "\1d\3" "12" "\1e\4" "1234"
    "\1f\5" "12345678" "\1g\6\0\3" "xyz" "\13:event-type\7\0\2" "ok" "\1h\10" "12345678"
    "\1i\11" "1234567890123456" "\15:message-type\7\0\5" "event" "\1j\7\0\0";
  uvllm__buf_t out = new_buf();
  aws_put_message(&out, (uvllm_str_t) { headers, sizeof(headers) - 1 }, test_str("{}"));
  assert_told(uvllm__buf_slice(&out), SIZE_MAX, "<ok>{};");
  out.len = 0;
  aws_put_message(&out, (uvllm_str_t) { NULL, 0 }, (uvllm_str_t) { NULL, 0 });
  assert_int_equal(out.len, 16);
  assert_told(uvllm__buf_slice(&out), SIZE_MAX, "<->;");
  uvllm__buf_free(&out);
}

static void headers_that_do_not_end_are_refused(void** state) {
  (void) state;
  static const struct {
    const char* bytes;
    size_t len;
  } wrong[] = { { "\0\7\0\0", 4 }, { "\5abc", 4 }, { "\1a", 2 }, { "\1a\7", 3 }, { "\1a\7\0", 4 },
                { "\1a\7\0\3ab", 7 }, { "\1a\12" "1", 4 }, { "\1a\4" "123", 6 },
                { "\15:message-type\7\0\5" "other", 22 } };
  for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
    uvllm__buf_t out = new_buf();
    aws_put_message(&out, (uvllm_str_t) { wrong[i].bytes, wrong[i].len }, test_str("{}"));
    assert_err(uvllm__buf_slice(&out), SIZE_MAX, "", UVLLM_EPROTO);
    uvllm__buf_free(&out);
  }
}

/* Any bit that turns is found: by one of the checksums, or since the end never comes. */
static void every_bit_that_turns_is_found(void** state) {
  (void) state;
  for (size_t bit = 0; bit < 8 * sizeof(kStop); bit++) {
    unsigned char bytes[2 * sizeof(kStop)];
    char expected[16];
    memcpy(bytes, kStop, sizeof(kStop));
    memcpy(bytes + sizeof(kStop), kStop, sizeof(kStop));
    bytes[bit / 8] ^= (unsigned char) (1 << bit % 8);
    snprintf(expected, sizeof(expected), "!%d", -UVLLM_EPROTO);
    uvllm__buf_t out = told(vector(bytes, sizeof(bytes)), SIZE_MAX, sizeof(bytes), 1, 0);
    assert_string_equal(out.base, expected);
    uvllm__buf_free(&out);
  }
}

static void lengths_that_lie_are_refused(void** state) {
  (void) state;
  static const struct {
    uint32_t total, headers;
    size_t max;
    int err;
  } lies[] = { { 0, 0, SIZE_MAX, UVLLM_EPROTO }, { 15, 0, SIZE_MAX, UVLLM_EPROTO },
               { 16, 1, SIZE_MAX, UVLLM_EPROTO }, { 100, UINT32_MAX, SIZE_MAX, UVLLM_EPROTO },
               { 1 << 20, 1 << 18, SIZE_MAX, UVLLM_ETOOLARGE },
               { UINT32_MAX, 0, 1 << 20, UVLLM_ETOOLARGE },
               { UINT32_MAX, 0, SIZE_MAX, UVLLM_ETRUNCATED } };
  for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
    uvllm__buf_t out = new_buf();
    aws_put_32(&out, lies[i].total);
    aws_put_32(&out, lies[i].headers);
    aws_put_32(&out, aws_crc(out.base, 8));
    uvllm__buf_str(&out, "some");
    assert_err(uvllm__buf_slice(&out), lies[i].max, "", lies[i].err);
    uvllm__buf_free(&out);
  }
}

static void payload_is_bounded_and_the_rest_is_not(void** state) {
  (void) state;
  uvllm__buf_t out = new_buf();
  aws_put_lines(&out, test_str("event a 12345678\nevent b 123456789\n"));
  assert_err(uvllm__buf_slice(&out), 8, "<a>12345678;", UVLLM_ETOOLARGE);
  assert_told(uvllm__buf_slice(&out), 9, "<a>12345678;<b>123456789;");
  uvllm__buf_free(&out);
}

static void cut_stream_is_truncated(void** state) {
  (void) state;
  for (size_t len = 1; len < sizeof(kStop); len++) {
    uvllm__buf_t out = new_buf();
    char expected[64];
    uvllm__buf_append(&out, kThrottled, sizeof(kThrottled));
    uvllm__buf_append(&out, kStop, len);
    snprintf(expected, sizeof(expected), THROTTLED "!%d", -UVLLM_ETRUNCATED);
    uvllm__buf_t got = told(uvllm__buf_slice(&out), SIZE_MAX, out.len, 1, 0);
    assert_string_equal(got.base, expected);
    uvllm__buf_free(&got);
    uvllm__buf_free(&out);
  }
}

static void no_memory_is_told(void** state) {
  (void) state;
  test_alloc_t alloc;
  uvllm__frames_t f;
  size_t used;
  int seen = 0;
  test_alloc_init(&alloc);
  alloc.fail_at = 1;
  uvllm__frames_init(&f, &alloc.hook);
  uvllm__frames_begin(&f, UVLLM_FRAME_AWS, SIZE_MAX);
  assert_int_equal(uvllm__frames_feed(&f, (const char*) kStop, 5, &used, count_exceptions, &seen),
                   UVLLM__ENOMEM);
  assert_int_equal(seen, 0);
  uvllm__frames_free(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(vectors_are_read),
    cmocka_unit_test(encoder_of_the_tests_makes_the_vectors),
    cmocka_unit_test(many_in_one_read),
    cmocka_unit_test(errors_are_told_apart_from_events),
    cmocka_unit_test(headers_of_all_types_are_skipped),
    cmocka_unit_test(headers_that_do_not_end_are_refused),
    cmocka_unit_test(every_bit_that_turns_is_found),
    cmocka_unit_test(lengths_that_lie_are_refused),
    cmocka_unit_test(payload_is_bounded_and_the_rest_is_not),
    cmocka_unit_test(cut_stream_is_truncated),
    cmocka_unit_test(no_memory_is_told)
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
