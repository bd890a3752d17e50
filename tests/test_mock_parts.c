/* What the mock's dialects are made of: paths and their parameters, frames. */
#define _GNU_SOURCE
#include "test.h"

#include "mock/mock_frame.h"
#include "mock/mock_path.h"

/* ---- Paths ---- */

static const struct { const char *pattern, *path, *param; int matches; } paths[] = {
  { "/v1/models", "/v1/models", NULL, 1 },
  { "/v1/models", "/v1/models/", NULL, 0 },
  { "/v1/models", "/v1/model", NULL, 0 },
  { "/v1/models/{id*}", "/v1/models/", "", 1 },
  { "/v1/models/{id*}", "/v1/models/a/b", "a/b", 1 },
  { "/v1/models/{id*}", "/v1/models", NULL, 0 },
  { "/model/{id}/converse", "/model/a:0/converse", "a:0", 1 },
  { "/model/{id}/converse", "/model/a/b/converse", NULL, 0 },
  { "/model/{id}/converse", "/model//converse", NULL, 0 },
  { "/model/{id}/converse", "/model/a/converse-stream", NULL, 0 },
  { "/model/{id}/converse", "/model/converse", NULL, 0 },
  { "/v1beta/models/{m}:countTokens", "/v1beta/models/gemini:countTokens", "gemini", 1 },
  { "/v1beta/models/{m}:countTokens", "/v1beta/models/gemini:generateContent", NULL, 0 },
  { "/m/{id*}/f", "/m/org/name/f", "org/name", 1 },
  { "/", "/", NULL, 1 },
  { "/", "", NULL, 0 }
};

static void paths_match_their_patterns(void** state) {
  (void) state;
  for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
    uvllm_str_t param;
    int matches = uvllm__path_match(paths[i].pattern, uvllm__str(paths[i].path), &param);
    if (matches != paths[i].matches)
      print_message("%s %s\n", paths[i].pattern, paths[i].path);
    assert_int_equal(matches, paths[i].matches);
    if (paths[i].param != NULL)
      assert_str(param, paths[i].param);
    else if (matches)
      assert_null(param.base);
  }
}

static void segments_are_decoded_once(void** state) {
  (void) state;
  static const struct { const char *in, *out; } texts[] = {
    { "", "" }, { "abc", "abc" }, { "a%3A0", "a:0" }, { "a%253A", "a%3A" }, { "a+b", "a+b" },
    { "%2f%2F", "//" }, { "%", NULL }, { "%2", NULL }, { "%zz", NULL }, { "a%00b", NULL },
    { "1234567", "1234567" }, { "12345678", NULL }
  };
  for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
    char out[8];
    int len = uvllm__path_decode(uvllm__str(texts[i].in), out, sizeof(out));
    assert_int_equal(len, texts[i].out != NULL ? (int) strlen(texts[i].out) : -1);
    if (len >= 0)
      assert_string_equal(out, texts[i].out);
  }
}

static void query_parameters_are_found(void** state) {
  (void) state;
  uvllm_str_t path, query;
  char out[16];
  uvllm__path_split(uvllm__str("/m?alt=sse&pageToken=a%2Bb+c&key&x=?"), &path, &query);
  assert_str(path, "/m");
  assert_int_equal(uvllm__path_query(query, "alt", out, sizeof(out)), 3);
  assert_string_equal(out, "sse");
  assert_int_equal(uvllm__path_query(query, "pageToken", out, sizeof(out)), 5);
  assert_string_equal(out, "a+b c");
  assert_int_equal(uvllm__path_query(query, "key", out, sizeof(out)), 0);
  assert_int_equal(uvllm__path_query(query, "x", out, sizeof(out)), 1);
  assert_int_equal(uvllm__path_query(query, "page", out, sizeof(out)), -1);
  assert_int_equal(uvllm__path_query(query, "alt", out, 3), -1);
  uvllm__path_split(uvllm__str("/m"), &path, &query);
  assert_null(query.base);
  assert_int_equal(uvllm__path_query(query, "alt", out, sizeof(out)), -1);
}

/* ---- Frames ---- */

static void put(uvllm__frame_t* frame, const char* name, const char* payload, uvllm__buf_t* all) {
  uvllm__buf_t event;
  uvllm__buf_init(&event, &uvllm__alloc_default, SIZE_MAX);
  uvllm__frame_open(frame, name, 0, &event);
  uvllm__buf_str(&event, payload);
  uvllm__frame_close(frame, 0, 0, &event);
  uvllm__buf_append(all, event.base, event.len);
  uvllm__buf_free(&event);
}

static const struct { uvllm__framing framing; int crlf; const char *name, *text; } texts[] = {
  { UVLLM__FRAME_SSE, 0, NULL, "data: {}\n\n: keep-alive\n\ndata: []\n\n" },
  { UVLLM__FRAME_SSE, 1, "a", "event: a\r\ndata: {}\r\n\r\n: keep-alive\r\n\r\n"
                              "event: a\r\ndata: []\r\n\r\n" },
  { UVLLM__FRAME_SSE_TIGHT, 0, NULL, "data:{}\n\n: keep-alive\n\ndata:[]\n\n" },
  { UVLLM__FRAME_LINES, 0, "a", "{}\n\n[]\n" },
  { UVLLM__FRAME_LINES, 1, NULL, "{}\r\n\r\n[]\r\n" },
  { UVLLM__FRAME_ARRAY, 0, NULL, "[{}\n,\r\n[]]" }
};

static void text_frames_look_as_they_should(void** state) {
  (void) state;
  for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
    uvllm__frame_t frame = { (uint8_t) texts[i].framing, (uint8_t) texts[i].crlf, 0, 0 };
    uvllm__buf_t all;
    uvllm__buf_init(&all, &uvllm__alloc_default, SIZE_MAX);
    put(&frame, texts[i].name, "{}", &all);
    uvllm__frame_idle(&frame, &all);
    put(&frame, texts[i].name, "[]", &all);
    uvllm__frame_end(&frame, &all);
    assert_str(uvllm__buf_slice(&all), texts[i].text);
    assert_int_equal(frame.count, 2);
    uvllm__buf_free(&all);
  }
}

static void empty_array_is_an_array(void** state) {
  (void) state;
  uvllm__frame_t frame = { UVLLM__FRAME_ARRAY, 0, 0, 0 };
  uvllm__buf_t all;
  uvllm__buf_init(&all, &uvllm__alloc_default, SIZE_MAX);
  uvllm__frame_idle(&frame, &all);
  uvllm__frame_end(&frame, &all);
  assert_str(uvllm__buf_slice(&all), "[]");
  uvllm__buf_free(&all);
}

static const unsigned char stop_event[] = {
  0x00, 0x00, 0x00, 0x7a, 0x00, 0x00, 0x00, 0x51, 0xca, 0x2c, 0x46, 0x65, 0x0b, 0x3a, 0x65, 0x76,
  0x65, 0x6e, 0x74, 0x2d, 0x74, 0x79, 0x70, 0x65, 0x07, 0x00, 0x0b, 0x6d, 0x65, 0x73, 0x73, 0x61,
  0x67, 0x65, 0x53, 0x74, 0x6f, 0x70, 0x0d, 0x3a, 0x63, 0x6f, 0x6e, 0x74, 0x65, 0x6e, 0x74, 0x2d,
  0x74, 0x79, 0x70, 0x65, 0x07, 0x00, 0x10, 0x61, 0x70, 0x70, 0x6c, 0x69, 0x63, 0x61, 0x74, 0x69,
  0x6f, 0x6e, 0x2f, 0x6a, 0x73, 0x6f, 0x6e, 0x0d, 0x3a, 0x6d, 0x65, 0x73, 0x73, 0x61, 0x67, 0x65,
  0x2d, 0x74, 0x79, 0x70, 0x65, 0x07, 0x00, 0x05, 0x65, 0x76, 0x65, 0x6e, 0x74, 0x7b, 0x22, 0x73,
  0x74, 0x6f, 0x70, 0x52, 0x65, 0x61, 0x73, 0x6f, 0x6e, 0x22, 0x3a, 0x22, 0x65, 0x6e, 0x64, 0x5f,
  0x74, 0x75, 0x72, 0x6e, 0x22, 0x7d, 0x5f, 0xbf, 0x09, 0xfc
};
static const unsigned char throttled[] = { /* its beginning and its end */
  0x00, 0x00, 0x00, 0x90, 0x00, 0x00, 0x00, 0x61, 0x8e, 0x91, 0xa9, 0xb7, 0xe6, 0x7f, 0x80, 0x05
};

static void aws_frames_have_the_bytes_of_aws(void** state) {
  (void) state;
  uvllm__frame_t frame = { UVLLM__FRAME_AWS, 0, 0, 0 };
  uvllm__buf_t out;
  uvllm__buf_init(&out, &uvllm__alloc_default, SIZE_MAX);
  uvllm__frame_open(&frame, "messageStop", 0, &out);
  uvllm__buf_str(&out, "{\"stopReason\":\"end_turn\"}");
  uvllm__frame_close(&frame, 0, 0, &out);
  assert_int_equal(out.len, sizeof(stop_event));
  assert_memory_equal(out.base, stop_event, sizeof(stop_event));
  uvllm__frame_open(&frame, "throttlingException", 1, &out);
  uvllm__buf_str(&out, "{\"message\":\"Too many requests\"}");
  uvllm__frame_close(&frame, 0, 0, &out);
  assert_int_equal(out.len, 144);
  assert_memory_equal(out.base, throttled, 12);
  assert_memory_equal(out.base + 140, throttled + 12, 4);
  uvllm__buf_free(&out);
}

/* Filler that is added later counts as if it stood there. */
static void aws_frames_count_their_filler(void** state) {
  (void) state;
  uvllm__frame_t frame = { UVLLM__FRAME_AWS, 0, 0, 0 };
  uvllm__buf_t whole, parted;
  uvllm__buf_init(&whole, &uvllm__alloc_default, SIZE_MAX);
  uvllm__buf_init(&parted, &uvllm__alloc_default, SIZE_MAX);
  uvllm__frame_open(&frame, "a", 0, &whole);
  uvllm__buf_str(&whole, "\"axxxxxb\"");
  uvllm__frame_close(&frame, 0, 0, &whole);
  uvllm__frame_open(&frame, "a", 0, &parted);
  uvllm__buf_str(&parted, "\"ab\"");
  size_t at = frame.payload + 2;
  uvllm__frame_close(&frame, at, 5, &parted);
  assert_int_equal(parted.len + 5, whole.len);
  assert_memory_equal(parted.base, whole.base, at);
  assert_memory_equal(parted.base + at, whole.base + at + 5, parted.len - at);
  uvllm__buf_free(&whole);
  uvllm__buf_free(&parted);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(paths_match_their_patterns),
    cmocka_unit_test(segments_are_decoded_once),
    cmocka_unit_test(query_parameters_are_found),
    cmocka_unit_test(text_frames_look_as_they_should),
    cmocka_unit_test(empty_array_is_an_array),
    cmocka_unit_test(aws_frames_have_the_bytes_of_aws),
    cmocka_unit_test(aws_frames_count_their_filler)
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
