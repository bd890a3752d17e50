/* The JSON reader: what it takes, where it refuses, and what it gives back.
 *
 * Texts are parsed from a copy of their exact size, so that a sanitizer sees a
 * read beyond the end; each is also parsed cut at every byte.
 */
#include "test.h"

#include <locale.h>
#include <math.h>

#include "mem.h"
#include "uvllm/json.h"

typedef struct text_s {
  const char* base;
  size_t len;
} text_t;

#define T(literal) { literal, sizeof(literal) - 1 }

static uvllm_json_parser_t* parser;


static int set_up(void** state) {
  (void) state;
  return uvllm_json_parser_new(&parser, NULL);
}


static int tear_down(void** state) {
  (void) state;
  uvllm_json_parser_free(parser);
  return 0;
}


static uvllm_json_t parse(const char* text) {
  uvllm_json_t root;
  size_t at = 0;
  int err = uvllm_json_parse(parser, test_str(text), &root, &at);
  if (err != 0)
    fail_msg("%s: %d at %zu", text, err, at);
  return root;
}


/* Parses a copy that ends where its allocation ends. */
static int parse_exact(const char* base, size_t len, size_t* at) {
  uvllm_json_t root;
  char* copy = malloc(len + (len == 0));
  assert_non_null(copy);
  memcpy(copy, base, len);
  int err = uvllm_json_parse(parser, (uvllm_str_t) { copy, len }, &root, at);
  assert_int_equal(uvllm_json_type_of(root) != UVLLM_JSON_NONE, err == 0);
  free(copy);
  return err;
}


/* ---- What is JSON and what is not ------------------------------------------------ */

static const text_t good[] = {
  T("{}"), T("[]"), T("null"), T("true"), T("false"), T("0"), T("-0"), T("17"), T("-1.5e-3"),
  T("\"\""), T("\"word\""), T(" \t\r\n[ \t\r\n] \t\r\n"), T("{ \"a\" : 1 , \"b\" : 2 }"),
  T("[[],[[]],{},{\"x\":{}}]"), T("[1,\"two\",null,true,false,{\"six\":6}]"),
  T("{\"same\":1,\"same\":2}"), T("{\"\":0}"), T("0.0"), T("10"), T("1E5"), T("1e+5"),
  T("1.25E-05"),
  T("123456789012345678901234567890"), T("-1e400"), T("1e-400"), T("0e0"), T("[0,-0,0.5]"),
  T("\"\\\" \\\\ \\/ \\b\\f\\n\\r\\t\""), T("\"\\u0041\\u00e9\\u20ac\\uD83D\\uDE00\""),
  T("\"\\ud800\""), T("\"\\uDC00 alone\""), T("\"\\ud800\\u0041\""), T("\"nul \\u0000 nul\""),
  T("\"\x7f is allowed\""), T("\"gr\xc3\xbc\xc3\x9f\xe2\x82\xac\xf0\x9f\x98\x80\""),
  T("\"bad \xff\xc0\xaf\xed\xa0\x80\""), T("\xef\xbb\xbf{\"bom\":true}"), T("\xef\xbb\xbf 1"),
  T("[\"a string that is longer than one window of sixty-four bytes, to be sure of it\", 1]"),
  T("{\"a name with a \\\"quote\\\" at a place well beyond the first sixteen bytes\":[]}"),
  T("[\"sixteen bytes!!!\",\"fifteen bytes!!\",\"seventeen bytes!!\"]"), T("[-1,-0.0,-1e1]"),
};

typedef struct bad_s {
  const char* base;
  size_t len, at; /* where it is wrong */
} bad_t;

#define B(literal, at) { literal, sizeof(literal) - 1, at }

static const bad_t bad[] = {
  B("", 0), B(" ", 1), B("\xef\xbb\xbf", 3), B("\xef\xbb", 0), B(" \xef\xbb\xbf[]", 1),
  B("\xef\xbb\xbf\xef\xbb\xbf[]", 3), B("[", 1), B("]", 0), B("{", 1), B("}", 0), B("[}", 1),
  B("{]", 1), B("[1", 2), B("[1,", 3), B("[1,]", 3), B("[,1]", 1), B("[1,,2]", 3), B("[1 2]", 3),
  B("[1:2]", 2), B("[1]]", 3), B("[1],", 3), B("[][]", 2), B("{} x", 3), B("{\"a\"}", 4),
  B("{\"a\":}", 5), B("{\"a\":1,}", 7), B("{,}", 1), B("{\"a\" 1}", 5), B("{\"a\":1 \"b\":2}", 7),
  B("{a:1}", 1), B("{1:1}", 1), B("{'a':1}", 1), B("{\"a\":1", 6), B("{\"a\":", 5), B("{\"a", 3),
  B("{\"a\":[}", 6), B("[{]", 2), B("{\"a\":1]", 6), B("[{\"a\":1]", 7), B("tru", 3), B("truE", 3),
  B("nul]", 3), B("[nulll]", 5), B("TRUE", 0), B("[fals", 5), B("[falsy]", 5), B("undefined", 0),
  B("NaN", 0), B("[Infinity]", 1), B("-", 1), B("-x", 1), B("[-]", 2), B("+1", 0), B(".5", 0),
  B("1.", 2), B("[1.]", 3), B("1.e5", 2), B("01", 1), B("-01", 2), B("[00]", 2), B("1e", 2),
  B("1e+", 3), B("[1e+]", 4), B("1.5.5", 3), B("0x10", 1), B("1_000", 1), B("- 1", 1), B("1 1", 2),
  B("\"", 1), B("\"abc", 4), B("\"\\", 2), B("\"\\\"", 3), B("\"\\x41\"", 2), B("\"\\'\"", 2),
  B("\"\\U0041\"", 2), B("\"\\u", 3), B("\"\\u12\"", 5), B("\"\\u00g0\"", 5), B("\"\\u 041\"", 3),
  B("\"\\\0\"", 2), B("\"a\nb\"", 2), B("\"a\tb\"", 2), B("\"\0\"", 1), B("[\"\x1f\"]", 2),
  B("'a'", 0), B("[\0]", 1), B("[1\0]", 2), B("1\0", 1), B("[1]\0", 3), B("[\f]", 1), B("[\v1]", 1),
  B("[\xa0]", 1), B("[\xe2\x80\xa8]", 1), B("// no\n1", 0), B("[1/*no*/]", 2), B("[1]#", 3),
  B("[\"a string longer than a window of sixty-four bytes, with a newline at its end\n\"]", 78),
  B("[\"a string longer than a window of sixty-four bytes, that never ends at all]", 76),
  B("{\"a string longer than a window of sixty-four bytes, which has no colon\",1}", 72),
};


static void takes_json(void** state) {
  (void) state;
  for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
    size_t at = 0;
    if (parse_exact(good[i].base, good[i].len, &at) != 0)
      fail_msg("refused at %zu: %s", at, good[i].base);
  }
}


static void refuses_at_the_byte_that_is_wrong(void** state) {
  (void) state;
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
    size_t at = SIZE_MAX;
    int err = parse_exact(bad[i].base, bad[i].len, &at);
    if (err != UVLLM_EPROTO || at != bad[i].at)
      fail_msg("%d at %zu, not %zu: %s", err, at, bad[i].at, bad[i].base);
  }
}


/* A cut array or object is never whole, and the place is the cut itself. */
static void refuses_what_is_cut_anywhere(void** state) {
  (void) state;
  for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
    const char* first = good[i].base + strspn(good[i].base, " \t\r\n\xef\xbb\xbf");
    const char* last = good[i].base + good[i].len;
    while (strchr(" \t\r\n", last[-1]) != NULL)
      last--;
    int is_number = strchr("-0123456789", *first) != NULL;
    for (const char* cut = good[i].base; cut < last; cut++) {
      size_t len = (size_t) (cut - good[i].base), at = SIZE_MAX;
      int err = parse_exact(good[i].base, len, &at);
      if (err == 0 && !is_number)
        fail_msg("took %zu bytes of %s", len, good[i].base);
      if (err != 0 && at != len && !(at == 0 && len < 3)) /* half a byte-order mark */
        fail_msg("%zu, not %zu, in %s", at, len, good[i].base);
    }
  }
}


/* Every byte at every place of a text; what stands before it is right. */
static void survives_any_byte_anywhere(void** state) {
  (void) state;
  static const char text[] = "{\"a\":[1,-2.5e3,\"x\\u00e9\\n\xc3\xa9\",null],\"b\":{\"c\":true}}";
  char copy[sizeof(text) - 1];
  for (size_t i = 0; i < sizeof(copy); i++)
    for (int byte = 0; byte < 256; byte++) {
      size_t at = 0;
      memcpy(copy, text, sizeof(copy));
      copy[i] = (char) byte;
      int err = parse_exact(copy, sizeof(copy), &at);
      assert_true(err == 0 || (err == UVLLM_EPROTO && at >= i && at <= sizeof(copy)));
    }
}


static void bounds_nesting(void** state) {
  (void) state;
  enum { N = 100000 };
  char* text = malloc(2 * N);
  assert_non_null(text);
  size_t at = 0;
  memset(text, '[', N);
  memset(text + N, ']', N);
  assert_int_equal(parse_exact(text + N - UVLLM_JSON_DEPTH, 2 * UVLLM_JSON_DEPTH, &at), 0);
  assert_int_equal(parse_exact(text + N - UVLLM_JSON_DEPTH - 1, 2 * UVLLM_JSON_DEPTH + 2, &at),
                   UVLLM_EPROTO);
  assert_int_equal(at, UVLLM_JSON_DEPTH);
  assert_int_equal(parse_exact(text, 2 * N, &at), UVLLM_EPROTO);
  assert_int_equal(parse_exact(text, N, &at), UVLLM_EPROTO);
  assert_int_equal(at, UVLLM_JSON_DEPTH);
  free(text);
}


static void answers_misuse_with_codes(void** state) {
  (void) state;
  uvllm_json_t root = { parser, 7 };
  size_t at = 7;
  assert_int_equal(uvllm_json_parse(NULL, test_str("1"), &root, &at), UVLLM__ENOMEM);
  assert_null(root.parser);
  assert_int_equal(at, 0);
  assert_int_equal(uvllm_json_parse(parser, (uvllm_str_t) { NULL, 0 }, &root, &at), UVLLM_EPROTO);
  assert_int_equal(uvllm_json_parse(parser, test_str("[]"), NULL, NULL), 0);
  assert_int_equal(uvllm_json_parse(parser, test_str("[,"), NULL, NULL), UVLLM_EPROTO);
  uvllm_json_parser_free(NULL);
}


#if SIZE_MAX > UINT32_MAX
static void refuses_four_gibibytes(void** state) {
  (void) state;
  uvllm_json_t root;
  /* The length alone decides: not a byte is read. */
  uvllm_str_t text = { "[]", (size_t) UINT32_MAX + 1 };
  assert_int_equal(uvllm_json_parse(parser, text, &root, NULL), UVLLM_ETOOLARGE);
  assert_int_equal(uvllm_json_type_of(root), UVLLM_JSON_NONE);
}
#endif


/* ---- Lookups ----------------------------------------------------------------------- */

static const char chunk[] =
    "{\"id\":\"c1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hello\"},"
    "\"finish_reason\":null}],\"usage\":{\"total\":17},\"ok\":true,\"no\":false}";


static void finds_by_name_number_and_path(void** state) {
  (void) state;
  uvllm_json_t root = parse(chunk);
  assert_int_equal(uvllm_json_type_of(root), UVLLM_JSON_OBJECT);
  assert_str(uvllm_json_str(uvllm_json_get(root, "id")), "c1");
  uvllm_json_t choice = uvllm_json_at(uvllm_json_get(root, "choices"), 0);
  assert_int_equal(uvllm_json_type_of(choice), UVLLM_JSON_OBJECT);
  assert_str(uvllm_json_str(uvllm_json_path(root, "choices.0.delta.content")), "Hello");
  assert_int_equal(uvllm_json_int(uvllm_json_path(choice, "index"), -1), 0);
  assert_int_equal(uvllm_json_type_of(uvllm_json_path(root, "choices.0.finish_reason")),
                   UVLLM_JSON_NULL);
  assert_int_equal(uvllm_json_int(uvllm_json_path(root, "usage.total"), -1), 17);
  assert_int_equal(uvllm_json_bool(uvllm_json_get(root, "ok"), 7), 1);
  assert_int_equal(uvllm_json_bool(uvllm_json_get(root, "no"), 7), 0);
  assert_str(uvllm_json_raw(uvllm_json_path(root, "usage")), "{\"total\":17}");
  assert_str(uvllm_json_raw(uvllm_json_path(root, "id")), "\"c1\"");
  assert_str(uvllm_json_raw(uvllm_json_path(root, "")), chunk);
}


static void absent_stays_absent(void** state) {
  (void) state;
  uvllm_json_t root = parse(chunk);
  static const char* const nowhere[] = {
    "nothing", "i", "idd", "id.x", "choices.1", "choices.00000000001", "choices.x", "choices.-1",
    "choices.", "choices.0.", "choices.4294967296", "choices.99999999999999999999",
    "choices.0.delta.content.0", "usage.0", ".", "choices..delta", "ok.0", "choices.0x"
  };
  for (size_t i = 0; i < sizeof(nowhere) / sizeof(nowhere[0]); i++)
    if (uvllm_json_type_of(uvllm_json_path(root, nowhere[i])) != UVLLM_JSON_NONE)
      fail_msg("found %s", nowhere[i]);
  uvllm_json_t none = { NULL, 0 };
  uint32_t it = 0;
  uvllm_str_t name = { "x", 1 };
  uvllm_json_t value = root;
  assert_int_equal(uvllm_json_type_of(uvllm_json_get(none, "x")), UVLLM_JSON_NONE);
  assert_int_equal(uvllm_json_type_of(uvllm_json_get(root, NULL)), UVLLM_JSON_NONE);
  assert_int_equal(uvllm_json_type_of(uvllm_json_path(root, NULL)), UVLLM_JSON_NONE);
  assert_int_equal(uvllm_json_type_of(uvllm_json_path(none, "a.b")), UVLLM_JSON_NONE);
  assert_int_equal(uvllm_json_type_of(uvllm_json_at(none, 0)), UVLLM_JSON_NONE);
  assert_int_equal(uvllm_json_type_of(uvllm_json_at(root, 0)), UVLLM_JSON_NONE);
  assert_int_equal(uvllm_json_next(none, &it, &name, &value), 0);
  assert_null(name.base);
  assert_int_equal(uvllm_json_type_of(value), UVLLM_JSON_NONE);
  assert_null(uvllm_json_str(none).base);
  assert_null(uvllm_json_raw(none).base);
  assert_null(uvllm_json_str(root).base);
  assert_int_equal(uvllm_json_int(root, 5), 5);
  assert_true(uvllm_json_num(none, 0.5) == 0.5);
  assert_int_equal(uvllm_json_bool(uvllm_json_get(root, "id"), 9), 9);
  assert_int_equal(uvllm_json_int(uvllm_json_get(root, "id"), 9), 9);
  assert_int_equal(uvllm_json_count(none), 0);
  assert_int_equal(uvllm_json_count(uvllm_json_get(root, "id")), 0);
}


static void names_are_compared_decoded_and_whole(void** state) {
  (void) state;
  uvllm_json_t root = parse("{\"a\\u0062c\":1,\"caf\xc3\xa9\":2,\"\":3,\"a\\u0000b\":4,\"x\xff\":5,"
                            "\"a\":6,\"name of sixteen!\":7,\"name of seventeen\":8,\"abcdefgh\":9,"
                            "\"abcdefgi\":10,\"a.b\":11,\"0\":12,\"abd\":13,\"abcd\":14,"
                            "\"abcf\":15}");
  static const struct {
    const char* name;
    int value;
  } expected[] = {
    { "abc", 1 }, { "caf\xc3\xa9", 2 }, { "", 3 }, { "a", 6 }, { "x\xef\xbf\xbd", 5 },
    { "name of sixteen!", 7 }, { "name of seventeen", 8 }, { "abcdefgh", 9 }, { "abcdefgi", 10 },
    { "a.b", 11 }, { "0", 12 }, { "abd", 13 }, { "abcd", 14 }, { "abcf", 15 }, { "abce", -1 },
    { "abb", -1 }, { "acd", -1 }, { "bbd", -1 }, { "name of sixteen?", -1 }, { "abcdefg", -1 },
    { "Name of seventeen", -1 }, { "name of seventeem", -1 }, { "name of Seventeen", -1 }
  };
  for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
    if (uvllm_json_int(uvllm_json_get(root, expected[i].name), -1) != expected[i].value)
      fail_msg("%s", expected[i].name);
  assert_int_equal(uvllm_json_int(uvllm_json_path(root, "0"), -1), 12);
  assert_int_equal(uvllm_json_count(root), 15);
}


static void the_last_of_equal_names_wins(void** state) {
  (void) state;
  uvllm_json_t root = parse("{\"a\":1,\"b\":{\"c\":[1,2]},"
                            "\"a\":2,\"b\":{\"c\":[3]},\"\\u0061\":3}");
  assert_int_equal(uvllm_json_int(uvllm_json_get(root, "a"), 0), 3);
  assert_int_equal(uvllm_json_int(uvllm_json_path(root, "b.c.0"), 0), 3);
  assert_int_equal(uvllm_json_type_of(uvllm_json_path(root, "b.c.1")), UVLLM_JSON_NONE);
  assert_int_equal(uvllm_json_count(root), 5);
}


static void walks_members_and_elements_in_order(void** state) {
  (void) state;
  uvllm_json_t root = parse("{\"a\":[1,[2,[3]],\"x\\n\",{\"b\":2}],\"c\\t\":{},\"d\":[]}");
  static const char* const names[] = { "a", "c\t", "d" };
  uint32_t it = 0;
  uvllm_str_t name;
  uvllm_json_t value;
  for (size_t i = 0; i < 3; i++) {
    assert_int_equal(uvllm_json_next(root, &it, &name, &value), 1);
    assert_str(name, names[i]);
  }
  assert_int_equal(uvllm_json_type_of(value), UVLLM_JSON_ARRAY);
  assert_int_equal(uvllm_json_next(root, &it, &name, &value), 0);
  assert_int_equal(uvllm_json_next(root, &it, NULL, NULL), 0);
  uvllm_json_t list = uvllm_json_get(root, "a");
  static const char* const raws[] = { "1", "[2,[3]]", "\"x\\n\"", "{\"b\":2}" };
  it = 0;
  for (size_t i = 0; i < 4; i++) {
    assert_int_equal(uvllm_json_next(list, &it, &name, &value), 1);
    assert_null(name.base);
    assert_str(uvllm_json_raw(value), raws[i]);
    assert_str(uvllm_json_raw(uvllm_json_at(list, i)), raws[i]);
  }
  assert_int_equal(uvllm_json_next(list, &it, &name, &value), 0);
  assert_int_equal(uvllm_json_type_of(uvllm_json_at(list, 4)), UVLLM_JSON_NONE);
  assert_int_equal(uvllm_json_count(list), 4);
  assert_int_equal(uvllm_json_count(uvllm_json_get(root, "d")), 0);
}


static void values_are_void_after_the_next_parse(void** state) {
  (void) state;
  uvllm_json_t deep = uvllm_json_path(parse("[[[[1]]]]"), "0.0.0.0");
  assert_int_equal(uvllm_json_int(deep, 0), 1);
  assert_int_equal(uvllm_json_parse(parser, test_str("[[[[1]]]"), NULL, NULL), UVLLM_EPROTO);
  assert_int_equal(uvllm_json_type_of(deep), UVLLM_JSON_NONE);
  parse("1");
  assert_int_equal(uvllm_json_type_of(deep), UVLLM_JSON_NONE);
}


/* ---- Strings ------------------------------------------------------------------------- */

static void check_decoded(const char* json, const char* expected, size_t len) {
  uvllm_json_t root = parse(json);
  uvllm_str_t s = uvllm_json_str(root);
  if (s.base == NULL || s.len != len || memcmp(s.base, expected, len) != 0)
    fail_msg("%s gave %zu bytes: %.*s", json, s.len, (int) s.len, s.base);
  uvllm_str_t again = uvllm_json_str(root);
  assert_ptr_equal(again.base, s.base);
  assert_int_equal(again.len, s.len);
}

#define CHECK_DECODED(json, expected) check_decoded(json, expected, sizeof(expected) - 1)


static void decodes_strings(void** state) {
  (void) state;
  CHECK_DECODED("\"\"", "");
  CHECK_DECODED("\"plain\"", "plain");
  CHECK_DECODED("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t");
  CHECK_DECODED("\"\\u0041\\u00E9\\u20ac\"", "A\xc3\xa9\xe2\x82\xac");
  CHECK_DECODED("\"\\u007f\\u0080\\u07ff\\u0800\\uffff\"",
                "\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf");
  CHECK_DECODED("\"\\ud83d\\uDE00 \\ud800\\udc00 \\udbff\\udfff\"",
                "\xf0\x9f\x98\x80 \xf0\x90\x80\x80 \xf4\x8f\xbf\xbf");
  CHECK_DECODED("\"a\\u0000b\"", "a\0b");
  CHECK_DECODED("\"gr\xc3\xbc\xc3\x9f, \xe2\x82\xac, \xf0\x9f\x98\x80\"",
                "gr\xc3\xbc\xc3\x9f, \xe2\x82\xac, \xf0\x9f\x98\x80");
  CHECK_DECODED("\"sixteen bytes!!!\\nsixteen bytes!!!\\tsixteen bytes!!!\"",
                "sixteen bytes!!!\nsixteen bytes!!!\tsixteen bytes!!!");
}


static void half_a_pair_is_replaced(void** state) {
  (void) state;
  CHECK_DECODED("\"\\ud800\"", "\xef\xbf\xbd");
  CHECK_DECODED("\"\\udfff.\"", "\xef\xbf\xbd.");
  CHECK_DECODED("\"\\ud83dx\"", "\xef\xbf\xbdx");
  CHECK_DECODED("\"\\ud83d\\n\"", "\xef\xbf\xbd\n");
  CHECK_DECODED("\"\\ud83d\\u0041\"", "\xef\xbf\xbd" "A");
  CHECK_DECODED("\"\\ude00\\ud83d\"", "\xef\xbf\xbd\xef\xbf\xbd");
  CHECK_DECODED("\"\\ud83d\\ud83d\\ude00\"", "\xef\xbf\xbd\xf0\x9f\x98\x80");
  CHECK_DECODED("\"\\ud83d\\\\ude00\"", "\xef\xbf\xbd\\ude00");
}


static void invalid_utf8_is_replaced(void** state) {
  (void) state;
  CHECK_DECODED("\"a\xff" "b\"", "a\xef\xbf\xbd" "b");
  CHECK_DECODED("\"\x80\"", "\xef\xbf\xbd");
  CHECK_DECODED("\"\xc0\xaf\"", "\xef\xbf\xbd\xef\xbf\xbd");
  CHECK_DECODED("\"\xe2\x82\"", "\xef\xbf\xbd");
  CHECK_DECODED("\"\xe2\x82x\"", "\xef\xbf\xbdx");
  CHECK_DECODED("\"\xed\xa0\x80\"", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
  CHECK_DECODED("\"\xf0\x9f\x98\"", "\xef\xbf\xbd");
  CHECK_DECODED("\"\xe0\x9f\xbf\"", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
  CHECK_DECODED("\"\xf0\x8f\xbf\xbf\"", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
  CHECK_DECODED("\"\xf4\x90\x80\x80\"", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
  CHECK_DECODED("\"\xf5\xc3\xa9\"", "\xef\xbf\xbd\xc3\xa9");
  CHECK_DECODED("\"\xc3\\n\xa9\"", "\xef\xbf\xbd\n\xef\xbf\xbd");
}


static void plain_strings_are_slices_of_the_text(void** state) {
  (void) state;
  static const char text[] = "[\"plain\",\"caf\xc3\xa9\",\"with\\nescape\"]";
  uvllm_json_t root = parse(text);
  for (size_t i = 0; i < 3; i++) {
    const char* base = uvllm_json_str(uvllm_json_at(root, i)).base;
    assert_int_equal(base >= text && base < text + sizeof(text), i < 2);
  }
}


/* A string of any length, with what is special at any place: windows and blocks
 * must not show. */
static void special_bytes_are_seen_at_every_place(void** state) {
  (void) state;
  static const char* const inserts[] = { "\\n", "\xc3\xa9", "\xff", "\\u20ac" };
  static const char* const decoded[] = { "\n", "\xc3\xa9", "\xef\xbf\xbd", "\xe2\x82\xac" };
  char text[256], expected[256];
  for (size_t len = 0; len < 150; len += 7)
    for (size_t place = 0; place <= len; place++)
      for (size_t k = 0; k < 4; k++) {
        int before = (int) place, after = (int) (len - place);
        snprintf(text, sizeof(text), "[\"%0*d%s%0*d\",\"x\"]", before + 1, 0, inserts[k],
                 after + 1, 0);
        snprintf(expected, sizeof(expected), "%0*d%s%0*d", before + 1, 0, decoded[k], after + 1, 0);
        uvllm_json_t root = parse(text);
        assert_str(uvllm_json_str(uvllm_json_at(root, 0)), expected);
        assert_str(uvllm_json_str(uvllm_json_at(root, 1)), "x");
      }
}


static void decoded_strings_stay_until_the_next_parse(void** state) {
  (void) state;
  enum { N = 300 };
  char text[N * 16];
  uvllm_str_t kept[N];
  size_t len = 0;
  for (int i = 0; i < N; i++)
    len += (size_t) snprintf(text + len, sizeof(text) - len, "%s\"\\t%06d\"", i ? "," : "[", i);
  snprintf(text + len, sizeof(text) - len, "]");
  uvllm_json_t root = parse(text), value;
  uint32_t it = 0;
  for (int i = 0; uvllm_json_next(root, &it, NULL, &value); i++)
    kept[i] = uvllm_json_str(value);
  for (int i = 0; i < N; i++) {
    char expected[16];
    snprintf(expected, sizeof(expected), "\t%06d", i);
    assert_str(kept[i], expected);
    assert_ptr_equal(uvllm_json_str(uvllm_json_at(root, (size_t) i)).base, kept[i].base);
  }
}


/* ---- Numbers -------------------------------------------------------------------------- */

static void integers_are_exact_and_saturate(void** state) {
  (void) state;
  static const struct {
    const char* text;
    int64_t value;
  } cases[] = {
    { "0", 0 }, { "-0", 0 }, { "-0.0", 0 }, { "7", 7 }, { "-7", -7 },
    { "9007199254740993", INT64_C(9007199254740993) },
    { "9007199254740993.0", INT64_C(9007199254740993) },
    { "9223372036854775806", INT64_MAX - 1 }, { "9223372036854775807", INT64_MAX },
    { "9223372036854775808", INT64_MAX }, { "-9223372036854775807", INT64_MIN + 1 },
    { "-9223372036854775808", INT64_MIN }, { "-9223372036854775809", INT64_MIN },
    { "18446744073709551616", INT64_MAX }, { "99999999999999999999999", INT64_MAX },
    { "-99999999999999999999999", INT64_MIN }, { "1e3", 1000 }, { "1E+3", 1000 }, { "-1e3", -1000 },
    { "1790000000.0", 1790000000 }, { "1.5e1", 15 }, { "1.9", 1 }, { "-1.9", -1 },
    { "0.00012e5", 12 }, { "12000e-3", 12 }, { "12345e-3", 12 }, { "1e-3", 0 },
    { "1e400", INT64_MAX },
    { "-1e400", INT64_MIN }, { "1e-400", 0 }, { "0e999999999999999999999", 0 },
    { "1e999999999999999999999", INT64_MAX }, { "1e-999999999999999999999", 0 },
    { "92233720368547758.07e2", INT64_MAX }, { "-922337203685477580.8e1", INT64_MIN },
    { "922337203685477580.6e1", INT64_MAX - 1 }, { "9223372036854775807e0", INT64_MAX },
    { "99999999999999999999999e-20", 999 }, { "0.0000000000000000000000000001e28", 1 },
    { "100000000000000000000e-18", 100 }
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    int64_t n = uvllm_json_int(parse(cases[i].text), 4711);
    if (n != cases[i].value)
      fail_msg("%s gave %lld", cases[i].text, (long long) n);
  }
}


static void doubles_are_rounded_once(void** state) {
  (void) state;
  static const struct {
    const char* text;
    double value;
  } cases[] = {
    { "0", 0 }, { "1", 1 }, { "-1.5", -1.5 }, { "0.1", 0.1 }, { "1e22", 1e22 }, { "1e23", 1e23 },
    { "123456789012345e22", 123456789012345e22 },
    { "1.7976931348623157e308", 0x1.fffffffffffffp1023 },
    { "4.9406564584124654e-324", 0x1p-1074 }, { "2.2250738585072014e-308", 0x1p-1022 },
    { "2.4703282292062327e-324", 0 }, { "9007199254740993", 9007199254740992.0 },
    { "9007199254740993.00000000000000000000000000000000000001", 9007199254740994.0 },
    { "1e400", (double) INFINITY }, { "-1e400", -(double) INFINITY }, { "1e-400", 0 },
    { "0.000000000000000000000000000000000000000001e42", 1 }, { "0e99999999999", 0 },
    { "12345678901234567890123456789012345678901234567890e-49", 1.2345678901234568 }
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    double n = uvllm_json_num(parse(cases[i].text), 4711);
    if (n != cases[i].value)
      fail_msg("%s gave %.17g", cases[i].text, n);
  }
  assert_true(signbit(uvllm_json_num(parse("-0.0"), 1)) != 0);
  assert_true(signbit(uvllm_json_num(parse("-1e-999"), 1)) != 0);
}


/* Halfway between two doubles, and then a digit far behind that decides. */
static void far_digits_decide(void** state) {
  (void) state;
  char text[2048] = "9007199254740993.";
  size_t len = strlen(text);
  memset(text + len, '0', 1500);
  text[len + 1500] = '\0';
  assert_true(uvllm_json_num(parse(text), 0) == 9007199254740992.0);
  text[len + 1499] = '1';
  assert_true(uvllm_json_num(parse(text), 0) == 9007199254740994.0);
  assert_true(uvllm_json_int(parse(text), 0) == INT64_C(9007199254740993));
}


static void doubles_agree_with_strtod(void** state) {
  (void) state;
  uint64_t x = UINT64_C(88172645463325252);
  for (int i = 0; i < 20000; i++) {
    char text[64];
    double d;
    x ^= x << 13, x ^= x >> 7, x ^= x << 17;
    memcpy(&d, &x, sizeof(d));
    if (!isfinite(d))
      continue;
    snprintf(text, sizeof(text), "%.*g", (int) (x % 20) + 1, d);
    assert_true(uvllm_json_num(parse(text), 0) == strtod(text, NULL));
  }
}


static void numbers_ignore_the_locale(void** state) {
  (void) state;
  static const char* const names[] = { "de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "ru_RU.UTF-8" };
  const char* set = NULL;
  for (size_t i = 0; i < 4 && set == NULL; i++)
    set = setlocale(LC_NUMERIC, names[i]);
  if (set == NULL)
    skip();
  double n = uvllm_json_num(parse("12345678901234567890.123456789"), 0);
  double m = uvllm_json_num(parse("1.5"), 0);
  setlocale(LC_NUMERIC, "C");
  assert_true(n == 12345678901234567890.123456789);
  assert_true(m == 1.5);
}


/* ---- Memory ----------------------------------------------------------------------------- */

static void parsing_again_allocates_nothing(void** state) {
  (void) state;
  test_alloc_t a;
  uvllm_json_parser_t* p;
  uvllm_json_t root;
  test_alloc_init(&a);
  assert_int_equal(uvllm_json_parser_new(&p, &a.hook), 0);
  size_t calls = 0;
  for (int i = 0; i < 10; i++) {
    uvllm_str_t text = test_str("{\"a\":[1,2,\"\\n\"],\"b\":\"\\u00e9\xff\"}");
    assert_int_equal(uvllm_json_parse(p, text, &root, NULL), 0);
    assert_str(uvllm_json_str(uvllm_json_path(root, "a.2")), "\n");
    assert_str(uvllm_json_str(uvllm_json_path(root, "b")), "\xc3\xa9\xef\xbf\xbd");
    assert_true(i == 0 || a.calls == calls);
    calls = a.calls;
  }
  uvllm_json_parser_free(p);
  assert_int_equal(a.alive, 0);
}


/* What a large text needed is not kept for small ones, and is had again. */
static void large_memory_is_given_back(void** state) {
  (void) state;
  enum { N = 400000 };
  test_alloc_t a;
  uvllm_json_parser_t* p;
  uvllm_json_t root;
  char* text = malloc(N * 3 + 2);
  assert_non_null(text);
  test_alloc_init(&a);
  assert_int_equal(uvllm_json_parser_new(&p, &a.hook), 0);
  for (int round = 0; round < 2; round++) {
    for (size_t i = 0; i < N; i++)
      memcpy(text + 3 * i, i == 0 ? "[ 1" : ", 1", 3);
    text[3 * N] = ']';
    assert_int_equal(uvllm_json_parse(p, (uvllm_str_t) { text, 3 * N + 1 }, &root, NULL), 0);
    assert_int_equal(uvllm_json_count(root), N);
    memset(text, '\\', 3 * N);
    text[0] = text[3 * N - 1] = '"';
    assert_int_equal(uvllm_json_parse(p, (uvllm_str_t) { text, 3 * N }, &root, NULL), 0);
    assert_int_equal(uvllm_json_str(root).len, (3 * N - 2) / 2);
    assert_int_equal(a.alive, 4);
    assert_int_equal(uvllm_json_parse(p, test_str("[]"), &root, NULL), 0);
    assert_int_equal(a.alive, 3); /* the parser, a few nodes, room for a few decoded strings */
  }
  uvllm_json_parser_free(p);
  free(text);
  assert_int_equal(a.alive, 0);
}


/* All that can be read, or as much as memory allows: 0 only if nothing failed. */
static int read_everything(test_alloc_t* a) {
  enum { N = 200 };
  static char text[N * 24];
  uvllm_json_parser_t* p;
  uvllm_json_t root;
  size_t len = 0;
  for (int i = 0; i < N; i++)
    len += (size_t) snprintf(text + len, sizeof(text) - len, "%s\"\\u0061%d\":\"\\n%d\"",
                             i ? "," : "{", i, i);
  snprintf(text + len, sizeof(text) - len, "}");
  int err = uvllm_json_parser_new(&p, &a->hook);
  assert_int_equal(p == NULL, err != 0);
  size_t at = 7;
  int parsed = uvllm_json_parse(p, test_str(text), &root, &at);
  assert_true(parsed == 0 || parsed == UVLLM__ENOMEM);
  int missing = 0;
  uint32_t it = 0;
  uvllm_str_t name;
  uvllm_json_t value;
  while (uvllm_json_next(root, &it, &name, &value))
    missing += (name.base == NULL) + (uvllm_json_str(value).base == NULL);
  int found = uvllm_json_type_of(uvllm_json_get(root, "a199")) == UVLLM_JSON_STRING;
  assert_true(found || parsed != 0 || missing != 0 || a->fail_at != 0);
  uvllm_json_parser_free(p);
  return err != 0 || parsed != 0 || missing != 0;
}


static void lives_without_memory(void** state) {
  (void) state;
  for (int once = 0; once < 2; once++) {
    int failed = 1;
    for (size_t at = 1; failed; at++) {
      test_alloc_t a;
      test_alloc_init(&a);
      a.fail_at = at;
      a.fail_once = once;
      failed = read_everything(&a);
      assert_int_equal(a.alive, 0);
      assert_true(at < 1000);
    }
  }
}


int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(takes_json),
    cmocka_unit_test(refuses_at_the_byte_that_is_wrong),
    cmocka_unit_test(refuses_what_is_cut_anywhere),
    cmocka_unit_test(survives_any_byte_anywhere),
    cmocka_unit_test(bounds_nesting),
    cmocka_unit_test(answers_misuse_with_codes),
#if SIZE_MAX > UINT32_MAX
    cmocka_unit_test(refuses_four_gibibytes),
#endif
    cmocka_unit_test(finds_by_name_number_and_path),
    cmocka_unit_test(absent_stays_absent),
    cmocka_unit_test(names_are_compared_decoded_and_whole),
    cmocka_unit_test(the_last_of_equal_names_wins),
    cmocka_unit_test(walks_members_and_elements_in_order),
    cmocka_unit_test(values_are_void_after_the_next_parse),
    cmocka_unit_test(decodes_strings),
    cmocka_unit_test(half_a_pair_is_replaced),
    cmocka_unit_test(invalid_utf8_is_replaced),
    cmocka_unit_test(plain_strings_are_slices_of_the_text),
    cmocka_unit_test(special_bytes_are_seen_at_every_place),
    cmocka_unit_test(decoded_strings_stay_until_the_next_parse),
    cmocka_unit_test(integers_are_exact_and_saturate),
    cmocka_unit_test(doubles_are_rounded_once),
    cmocka_unit_test(far_digits_decide),
    cmocka_unit_test(doubles_agree_with_strtod),
    cmocka_unit_test(numbers_ignore_the_locale),
    cmocka_unit_test(parsing_again_allocates_nothing),
    cmocka_unit_test(large_memory_is_given_back),
    cmocka_unit_test(lives_without_memory),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
