/* A text read by its likeness to the one before is as it is when parsed alone,
 * whatever came before. Texts lie in copies of their exact size, so that a
 * sanitizer sees a read beyond the end.
 */
#include "test.h"

#include "json_like.h"
#include "json_pick.h"
#include "mem.h"

#define CHUNK(content, reason, more)                                              \
  "{\"id\":\"chatcmpl-Dx\",\"object\":\"chat.completion.chunk\",\"created\":17,"  \
  "\"choices\":[{\"index\":0,\"delta\":{\"content\":" content "},\"finish_reason\":" reason \
  "}],\"usage\":null" more "}"

static const char* const texts[] = {
  CHUNK("\"Hello\"", "null", ""), CHUNK("\" there\"", "null", ""), CHUNK("\"\"", "null", ""),
  CHUNK("\" \\\"quoted\\\"\"", "null", ""), CHUNK("\"caf\xc3\xa9\"", "null", ""),
  CHUNK("\"bad \xff\"", "null", ""), CHUNK("\"\\ud800\\n\"", "null", ""),
  CHUNK("\"a much longer piece of text than all of the others, of more than 64 bytes\"", "null",
        ""),
  CHUNK("null", "null", ""), CHUNK("17", "null", ""), CHUNK("true", "\"stop\"", ""),
  CHUNK("[]", "null", ""), CHUNK("{}", "null", ""), CHUNK("\"Hello\"", "\"length\"", ""),
  CHUNK("\"Hello\"", "null", ",\"obfuscation\":\"Qup1By\""),
  CHUNK("\"Hi\"", "null", ",\"obfuscation\":\"Qup1ByhZ0\""),
  CHUNK("\"Hi\"", "null", ",\"obfuscation\":\"\""), CHUNK("\"Hi\"", "null", ", \"o\":\"\""),
  CHUNK("\"open, null", "null", ""), CHUNK("\"raw\nline\"", "null", ""),
  CHUNK("\"\\x\"", "null", ""), CHUNK("01", "null", ""), CHUNK("1.", "null", ""),
  CHUNK("nul", "null", ""), CHUNK("\"a\",\"content\":\"b\"", "null", ""),
  CHUNK("\"a\",\"content\" :\"b\"", "null", ""),
  "[1]", "[12]", "[-0.5e+7]", "[1e]", "[\"1\"]", "[1 ]", "[ 1]", "[1,2]", "[1,23]", "[12,3]",
  "[123456,7]", "[true,7]", "[false,7]", "[null,7]", "[\"\",7]", "[\"\\u00e9\",7]",
  "[\"\xc3\xa9\",7]",
  "1", "12", "1.5", "1 ", " 1", "true", "false", "null", "nul", "\"\"", "\"a\"", "\"ab", "\"ab\"",
  "{}", "[]", "[[]]", "[{}]", "[[[1]],2]", "[[[12]],2]", "[[[12] ], 2 ]", "[[[\"a\"]],{\"b\":[3]}]",
  "{\"a\":1}", "{\"b\":1}", "{\"a\":12}", "{\"ab\":1}", "{\"a\" : 1}", "{\"a\":\"a\"}",
  "{\"a\":\"b\"}", "{\"a\":1,\"a\":2}", "{\"a\":1,\"b\":2}", "{\"\\u0061\":1}", "{\"\\u0062\":1}",
  "{\"\\u0061\":12}", "{1:1}", "{12:12}", "{null:1}", "{\"1\":1}", "{\"1\" :1}", "{1 :1}",
  "{\"caf\xc3\xa9\":1}", "{\"caf\xc3\xa9\":2}", "", " ", "x", "[", "]",
  "\xef\xbb\xbf[1]", "\xef\xbb\xbf[2]", "\xef\xbb[1]"
};

enum { NTEXTS = sizeof(texts) / sizeof(texts[0]) };

static uvllm_json_parser_t *like, *alone;


static int set_up(void** state) {
  (void) state;
  return uvllm_json_parser_new(&like, NULL) != 0 || uvllm_json_parser_new(&alone, NULL) != 0;
}


static int tear_down(void** state) {
  (void) state;
  uvllm_json_parser_free(like);
  uvllm_json_parser_free(alone);
  return 0;
}


static int same_str(uvllm_str_t a, uvllm_str_t b) {
  return a.len == b.len && (a.base == NULL) == (b.base == NULL) &&
         (a.len == 0 || memcmp(a.base, b.base, a.len) == 0);
}


/* Members are found alike; asked for under one set of names or another. */
static int same_members(uvllm_json_t a, uvllm_json_t b) {
  static const uvllm_str_t some[] = { UVLLM_STR("choices"), UVLLM_STR("content"),
                                      UVLLM_STR("a"), UVLLM_STR("b"), UVLLM_STR("usage") };
  static const uvllm_str_t others[] = { UVLLM_STR("index"), UVLLM_STR("b"), UVLLM_STR("delta"),
                                        UVLLM_STR("caf\xc3\xa9"), UVLLM_STR("finish_reason") };
  uvllm_json_t from_a[5], from_b[5];
  const int which = uvllm_json_raw(b).len % 3 == 0;
  uvllm__json_pick(a, which ? some : others, 5, from_a);
  uvllm__json_pick(b, which ? some : others, 5, from_b);
  for (int i = 0; i < 5; i++)
    if (from_a[i].index != from_b[i].index ||
        (from_a[i].parser == NULL) != (from_b[i].parser == NULL))
      return 0;
  return 1;
}


static int same_value(uvllm_json_t a, uvllm_json_t b) {
  uint32_t ia = 0, ib = 0;
  uvllm_str_t na, nb;
  uvllm_json_t va, vb;
  if (uvllm_json_type_of(a) != uvllm_json_type_of(b) ||
      !same_str(uvllm_json_raw(a), uvllm_json_raw(b)) ||
      !same_str(uvllm_json_str(a), uvllm_json_str(b)) ||
      uvllm_json_int(a, -1) != uvllm_json_int(b, -1) || !same_members(a, b))
    return 0;
  while (uvllm_json_next(a, &ia, &na, &va))
    if (!uvllm_json_next(b, &ib, &nb, &vb) || !same_str(na, nb) || !same_value(va, vb))
      return 0;
  return !uvllm_json_next(b, &ib, &nb, &vb);
}


/* Reads a text both ways. */
static void read_text(const char* text, const char* before) {
  uvllm_json_t a, b;
  size_t at_a = 0, at_b = 0, len = strlen(text);
  char* copy = malloc(len + (len == 0));
  assert_non_null(copy);
  memcpy(copy, text, len);
  const int err = uvllm__json_parse_like(like, (uvllm_str_t) { copy, len }, &a, &at_a);
  if (err != uvllm_json_parse(alone, (uvllm_str_t) { copy, len }, &b, &at_b) ||
      (err != 0 && at_a != at_b) || (err == 0 && !same_value(a, b)))
    fail_msg("'%s' after '%s'", text, before);
  free(copy);
}


static void after_any_other(void** state) {
  (void) state;
  for (size_t i = 0; i < NTEXTS; i++)
    for (size_t k = 0; k < NTEXTS; k++) {
      read_text(texts[i], k != 0 ? texts[k - 1] : "");
      read_text(texts[k], texts[i]);
    }
}


static void after_one_with_a_byte_more_or_less(void** state) {
  (void) state;
  char other[512];
  for (size_t i = 0; i < NTEXTS; i++)
    for (size_t at = 0, len = strlen(texts[i]); at < len; at++)
      for (const char* c = "\"\\09,:]} x\xc3"; *c != '\0'; c++) {
        memcpy(other, texts[i], len + 1);
        other[at] = *c;
        read_text(other, "a byte changed");
        read_text(texts[i], other);
        memmove(other + at + 1, other + at, len - at + 1);
        read_text(other, texts[i]);
        read_text(texts[i], other);
        memcpy(other, texts[i], at);
        memcpy(other + at, texts[i] + at + 1, len - at);
        read_text(other, texts[i]);
      }
}


/* What is too long to be kept is parsed. */
static void of_any_length(void** state) {
  (void) state;
  char text[8200];
  for (size_t len = 4000; len < 8192; len += len > 4090 && len < 4100 ? 1 : 45)
    for (char c = 'a'; c <= 'c'; c++) {
      memset(text, c, len);
      memcpy(text, "[\"", 2);
      memcpy(text + len - 2, "\"]", 3);
      read_text(text, "another length");
    }
}


/* As long as nothing else is parsed in between. */
static void plain_parsing_does_no_harm(void** state) {
  (void) state;
  for (size_t i = 0; i < NTEXTS; i++) {
    uvllm_json_parse(like, test_str(texts[i]), NULL, NULL);
    read_text(texts[0], texts[i]);
    uvllm_json_parse(like, test_str(texts[i]), NULL, NULL);
    read_text(texts[i], texts[i]);
  }
}


/* Without memory for nodes a text fails, without it for a model all goes on. */
static void without_memory_it_is_only_slower(void** state) {
  (void) state;
  for (size_t fail_at = 1; fail_at < 8; fail_at++) {
    test_alloc_t a;
    uvllm_json_parser_t* p;
    uvllm_json_t root;
    test_alloc_init(&a);
    a.fail_at = fail_at;
    a.fail_once = 1;
    const int err = uvllm_json_parser_new(&p, &a.hook);
    int nfailed = 0;
    for (int i = 0; err == 0 && i < 12; i++) {
      const int result = uvllm__json_parse_like(p, test_str(texts[i]), &root, NULL);
      assert_true(result == 0 || result == UVLLM__ENOMEM);
      nfailed += result != 0;
    }
    assert_in_range(nfailed, 0, 1);
    uvllm_json_parser_free(p);
    assert_int_equal(a.alive, 0);
  }
}


/* ---- Notes ------------------------------------------------------------------------- */

static uvllm__json_note_t* note_of(const char* text) {
  uvllm_json_t root;
  assert_int_equal(uvllm__json_parse_like(like, test_str(text), &root, NULL), 0);
  return uvllm__json_note(root);
}


static void a_note_stands_while_only_what_may_vary_does(void** state) {
  (void) state;
  note_of("{\"x\":[]}");
  assert_null(note_of("{\"a\":1,\"b\":2,\"c\":[3]}"));
  uvllm__json_note_t* note = note_of("{\"a\":1,\"b\":20,\"c\":[3]}");
  assert_non_null(note);
  assert_int_equal(note->varies, 0);
  note->varies = 1 << 2 | 1 << 4; /* the values of "a" and "b" */
  note->words[0] = 17;
  assert_ptr_equal(note_of("{\"a\":\"one\",\"b\":null,\"c\":[3]}"), note);
  assert_int_equal(note->words[0], 17);
  assert_int_not_equal(note->varies, 0);
  assert_ptr_equal(note_of("{\"a\":\"two\",\"b\":0,\"c\":[3]}"), note);
  assert_int_not_equal(note->varies, 0);
  note_of("{\"a\":\"two\",\"b\":0,\"c\":[4]}");
  assert_int_equal(note->varies, 0);
  note->varies = 1 << 2 | 1 << 4;
  assert_null(note_of("{\"A\":\"two\",\"b\":0,\"c\":[4]}"));
  assert_null(note_of("{\"a\":\"two\",\"b\":0,\"c\":[4,5]}"));
  assert_int_equal(note_of("{\"a\":\"two\",\"b\":0,\"c\":[4,5]}")->varies, 0);
  assert_ptr_equal(note_of("{\"a\":\"three\",\"b\":0,\"c\":[4]}"), note);
  assert_int_not_equal(note->varies, 0);
}


/* The texts of four shapes are remembered; a fifth takes the place of the one that
 * was not read for longest. */
static void a_few_shapes_are_known(void** state) {
  (void) state;
  static const char* const shapes[] = { "[\"p\"]", "[\"p\",\"q\"]", "[{}]", "[[\"p\"]]", "[[]]" };
  for (int i = 0; i < 5; i++)
    note_of(shapes[i]);
  for (int i = 4; i >= 1; i--)
    assert_non_null(note_of(shapes[i]));
  assert_null(note_of(shapes[0]));
  assert_non_null(note_of("[\"r\"]"));
  assert_null(note_of(shapes[4]));
}


static void what_is_beyond_the_bits_of_a_note_may_not_vary(void** state) {
  (void) state;
  char text[400] = "[0";
  for (int i = 1; i < 70; i++)
    snprintf(text + strlen(text), sizeof(text) - strlen(text), ",%d", i);
  strcat(text, "]");
  note_of(text);
  uvllm__json_note_t* note = note_of(text);
  note->varies = UINT64_MAX;
  *strstr(text, "61") = '5';
  assert_int_not_equal(note_of(text)->varies, 0);
  *strstr(text, "68") = '5';
  note_of(text);
  assert_int_equal(note->varies, 0);
}


int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(after_any_other),
    cmocka_unit_test(after_one_with_a_byte_more_or_less),
    cmocka_unit_test(of_any_length),
    cmocka_unit_test(plain_parsing_does_no_harm),
    cmocka_unit_test(without_memory_it_is_only_slower),
    cmocka_unit_test(a_note_stands_while_only_what_may_vary_does),
    cmocka_unit_test(a_few_shapes_are_known),
    cmocka_unit_test(what_is_beyond_the_bits_of_a_note_may_not_vary),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
