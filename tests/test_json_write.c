/* The JSON writer: commas, escapes, numbers, misuse; and that what it writes is
 * read back as it was. */
#include "test.h"

#include <locale.h>
#include <math.h>

#include "json_writer.h"

static uvllm_json_writer_t* w;
static uvllm_json_parser_t* parser;


static int set_up(void** state) {
  (void) state;
  return uvllm_json_writer_new(&w, NULL) | uvllm_json_parser_new(&parser, NULL);
}


static int tear_down(void** state) {
  (void) state;
  uvllm_json_writer_free(w);
  uvllm_json_parser_free(parser);
  return 0;
}


static uvllm_json_t read_back(void) {
  uvllm_json_t root;
  assert_int_equal(uvllm_json_parse(parser, uvllm_json_writer_text(w), &root, NULL), 0);
  return root;
}


static void write_sample(uvllm_json_writer_t* to) {
  uvllm_json_begin_object(to);
  uvllm_json_name(to, "model");
  uvllm_json_write_str(to, test_str("m\"1\""));
  uvllm_json_name(to, "list");
  uvllm_json_begin_array(to);
  uvllm_json_write_int(to, -1);
  uvllm_json_write_num(to, 0.5);
  uvllm_json_write_bool(to, 1);
  uvllm_json_write_bool(to, 0);
  uvllm_json_write_null(to);
  uvllm_json_begin_object(to);
  uvllm_json_end_object(to);
  uvllm_json_begin_array(to);
  uvllm_json_end_array(to);
  uvllm_json_write_raw(to, test_str("{\"raw\": [1]}"));
  uvllm_json_end_array(to);
  uvllm_json_name(to, "ab\n");
  uvllm_json_write_str(to, (uvllm_str_t) { NULL, 0 });
  uvllm_json_end_object(to);
}

static const char sample[] =
    "{\"model\":\"m\\\"1\\\"\",\"list\":[-1,0.5,true,false,null,{},[],{\"raw\": [1]}],"
    "\"ab\\n\":null}";


static void puts_commas_and_colons(void** state) {
  (void) state;
  for (int i = 0; i < 2; i++) {
    uvllm_json_writer_reset(w);
    write_sample(w);
    assert_int_equal(uvllm_json_writer_error(w), 0);
    assert_str(uvllm_json_writer_text(w), sample);
  }
}


static void text_is_absent_until_whole(void** state) {
  (void) state;
  uvllm_json_writer_reset(w);
  assert_null(uvllm_json_writer_text(w).base);
  uvllm_json_begin_array(w);
  uvllm_json_write_int(w, 1);
  assert_null(uvllm_json_writer_text(w).base);
  assert_int_equal(uvllm_json_writer_error(w), 0);
  uvllm_json_end_array(w);
  assert_str(uvllm_json_writer_text(w), "[1]");
  uvllm_json_writer_reset(w);
  uvllm_json_write_str(w, (uvllm_str_t) { "", 0 });
  assert_str(uvllm_json_writer_text(w), "\"\"");
}


static void check_string(const char* s, size_t len, const char* expected) {
  uvllm_json_writer_reset(w);
  char* copy = malloc(len + (len == 0));
  assert_non_null(copy);
  memcpy(copy, s, len);
  uvllm_json_write_str(w, (uvllm_str_t) { copy, len });
  free(copy);
  assert_str(uvllm_json_writer_text(w), expected);
}

#define CHECK_STRING(s, expected) check_string(s, sizeof(s) - 1, expected)


static void escapes_what_must_be(void** state) {
  (void) state;
  CHECK_STRING("", "\"\"");
  CHECK_STRING("plain / text\x7f", "\"plain / text\x7f\"");
  CHECK_STRING("\"\\\b\f\n\r\t", "\"\\\"\\\\\\b\\f\\n\\r\\t\"");
  CHECK_STRING("\0\x01\x1f", "\"\\u0000\\u0001\\u001f\"");
  CHECK_STRING("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80 \xe2\x80\xa8",
               "\"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80 \xe2\x80\xa8\"");
}


static void replaces_invalid_utf8(void** state) {
  (void) state;
  CHECK_STRING("a\xff" "b", "\"a\xef\xbf\xbd" "b\"");
  CHECK_STRING("\xc3", "\"\xef\xbf\xbd\"");
  CHECK_STRING("\xc3\n\xa9", "\"\xef\xbf\xbd\\n\xef\xbf\xbd\"");
  CHECK_STRING("\xe2\x82", "\"\xef\xbf\xbd\"");
  CHECK_STRING("\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
  CHECK_STRING("\xf4\x8f\xbf\xbf\xf4\x90", "\"\xf4\x8f\xbf\xbf\xef\xbf\xbd\xef\xbf\xbd\"");
}


/* Whatever is special, at any place of strings of any length. */
static void strings_read_back_as_they_were(void** state) {
  (void) state;
  static const char* const inserts[] = { "\n", "\"", "\\", "\xc3\xa9", "\x01", "\xf0\x9f\x98\x80" };
  char text[256];
  for (size_t len = 0; len < 80; len++)
    for (size_t place = 0; place <= len; place++) {
      const char* insert = inserts[(len + place) % 6];
      snprintf(text, sizeof(text), "%0*d%s%0*d", (int) place + 1, 0, insert,
               (int) (len - place) + 1, 0);
      uvllm_json_writer_reset(w);
      uvllm_json_begin_object(w);
      uvllm_json_name(w, text);
      uvllm_json_write_str(w, test_str(text));
      uvllm_json_end_object(w);
      assert_str(uvllm_json_str(uvllm_json_get(read_back(), text)), text);
    }
}


static void writes_integers(void** state) {
  (void) state;
  static const int64_t numbers[] = { 0, 1, -1, 10, INT64_MAX, INT64_MIN, INT64_MIN + 1 };
  static const char* const texts[] = { "0", "1", "-1", "10", "9223372036854775807",
                                       "-9223372036854775808", "-9223372036854775807" };
  for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
    uvllm_json_writer_reset(w);
    uvllm_json_write_int(w, numbers[i]);
    assert_str(uvllm_json_writer_text(w), texts[i]);
    assert_true(uvllm_json_int(read_back(), 7) == numbers[i]);
  }
}


static void writes_short_doubles(void** state) {
  (void) state;
  static const struct {
    double n;
    const char* text;
  } cases[] = {
    { 0, "0" }, { -0.0, "-0" }, { 1, "1" }, { -3, "-3" }, { 0.1, "0.1" }, { 0.7, "0.7" },
    { 1.5, "1.5" }, { 0.1 + 0.2, "0.30000000000000004" }, { 1e15, "1e+15" }, { 1e22, "1e+22" },
    { 999999999999999, "999999999999999" }, { 1e-7, "1e-07" }, { 123456.789, "123456.789" },
    { 0x1.fffffffffffffp1023, "1.7976931348623157e+308" }, { 1.0 / 3, "0.3333333333333333" }
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    uvllm_json_writer_reset(w);
    uvllm_json_write_num(w, cases[i].n);
    assert_str(uvllm_json_writer_text(w), cases[i].text);
  }
}


static void doubles_read_back_the_same(void** state) {
  (void) state;
  uint64_t x = UINT64_C(88172645463325252);
  for (int i = 0; i < 20000; i++) {
    double n;
    x ^= x << 13, x ^= x >> 7, x ^= x << 17;
    memcpy(&n, &x, sizeof(n));
    if (!isfinite(n))
      continue;
    uvllm_json_writer_reset(w);
    uvllm_json_write_num(w, n);
    double back = uvllm_json_num(read_back(), 0);
    assert_memory_equal(&back, &n, sizeof(n));
  }
}


static void doubles_ignore_the_locale(void** state) {
  (void) state;
  static const char* const names[] = { "de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "ru_RU.UTF-8" };
  const char* set = NULL;
  for (size_t i = 0; i < 4 && set == NULL; i++)
    set = setlocale(LC_NUMERIC, names[i]);
  if (set == NULL)
    skip();
  uvllm_json_writer_reset(w);
  uvllm_json_write_num(w, 0.1);
  setlocale(LC_NUMERIC, "C");
  assert_str(uvllm_json_writer_text(w), "0.1");
}


/* One letter a call; after the last one the writer must say EINVAL. */
static void play(const char* calls) {
  for (const char* c = calls; *c != '\0'; c++) {
    switch (*c) {
      case '{': uvllm_json_begin_object(w); break;
      case '}': uvllm_json_end_object(w); break;
      case '[': uvllm_json_begin_array(w); break;
      case ']': uvllm_json_end_array(w); break;
      case ':': uvllm_json_name(w, "n"); break;
      case '?': uvllm_json_name(w, NULL); break;
      case '1': uvllm_json_write_int(w, 1); break;
      case 's': uvllm_json_write_str(w, test_str("s")); break;
      case 'i': uvllm_json_write_num(w, (double) INFINITY); break;
      case 'a': uvllm_json_write_num(w, (double) NAN); break;
      case 'd': uvllm_json_write_num(w, 0.5); break;
      case 'b': uvllm_json_write_bool(w, 1); break;
      case '0': uvllm_json_write_null(w); break;
      case 'r': uvllm_json_write_raw(w, test_str("1")); break;
      case 'e': uvllm_json_write_raw(w, test_str("")); break;
      case 'x': uvllm_json_write_raw(w, (uvllm_str_t) { NULL, 0 }); break;
      default: fail();
    }
  }
}


static void misuse_is_an_error_that_stays(void** state) {
  (void) state;
  static const char* const misuses[] = {
    ":", "}", "]", "1:", "11", "1[", "1{", "[}", "{]", "[:", "{1", "{s", "{d", "{b", "{0", "{r",
    "{[",
    "{{", "{::", "{:}", "{:1:}", "[1]]", "[][", "{}s", "{?", "i", "a", "e", "x", "[i", "{:a",
    "{:e", "[1}", "{:[}"
  };
  for (size_t i = 0; i < sizeof(misuses) / sizeof(misuses[0]); i++) {
    uvllm_json_writer_reset(w);
    play(misuses[i]);
    if (uvllm_json_writer_error(w) != UVLLM__EINVAL)
      fail_msg("%s gave %d", misuses[i], uvllm_json_writer_error(w));
    size_t len = w->out->len;
    play("1s:}]{[dbr0");
    assert_int_equal(w->out->len, len);
    assert_int_equal(uvllm_json_writer_error(w), UVLLM__EINVAL);
    assert_null(uvllm_json_writer_text(w).base);
  }
  uvllm_json_writer_reset(w);
  play("{:[1sdb0r{}[]]:{:1}:r}");
  assert_str(uvllm_json_writer_text(w),
             "{\"n\":[1,\"s\",0.5,true,null,1,{},[]],\"n\":{\"n\":1},\"n\":1}");
}


static void bounds_nesting(void** state) {
  (void) state;
  for (int extra = 0; extra < 2; extra++) {
    uvllm_json_writer_reset(w);
    for (int i = 0; i < UVLLM_JSON_DEPTH + extra; i++)
      uvllm_json_begin_array(w);
    for (int i = 0; i < UVLLM_JSON_DEPTH + extra; i++)
      uvllm_json_end_array(w);
    assert_int_equal(uvllm_json_writer_error(w), extra ? UVLLM__EINVAL : 0);
  }
  uvllm_json_writer_reset(w);
  for (int i = 0; i < UVLLM_JSON_DEPTH; i++)
    uvllm_json_begin_array(w);
  for (int i = 0; i < UVLLM_JSON_DEPTH; i++)
    uvllm_json_end_array(w);
  assert_int_equal(uvllm_json_type_of(read_back()), UVLLM_JSON_ARRAY);
}


static void writes_behind_what_a_buffer_holds(void** state) {
  (void) state;
  test_alloc_t a;
  uvllm__buf_t out;
  uvllm_json_writer_t embedded;
  test_alloc_init(&a);
  uvllm__buf_init(&out, &a.hook, SIZE_MAX);
  for (int i = 0; i < 2; i++) {
    uvllm__buf_str(&out, "data: ");
    uvllm__json_writer_init(&embedded, &out);
    uvllm_json_write_int(&embedded, i);
    uvllm__buf_str(&out, "\n\n");
    assert_int_equal(uvllm_json_writer_error(&embedded), 0);
  }
  assert_str(uvllm__buf_slice(&out), "data: 0\n\ndata: 1\n\n");
  uvllm__buf_free(&out);
  assert_int_equal(a.alive, 0);
}


static void the_limit_of_the_buffer_is_an_error(void** state) {
  (void) state;
  uvllm__buf_t out;
  uvllm_json_writer_t embedded;
  uvllm__buf_init(&out, &uvllm__alloc_default, 20);
  uvllm__json_writer_init(&embedded, &out);
  write_sample(&embedded);
  assert_int_equal(uvllm_json_writer_error(&embedded), UVLLM_ETOOLARGE);
  assert_null(uvllm_json_writer_text(&embedded).base);
  uvllm_json_writer_reset(&embedded);
  uvllm_json_write_null(&embedded);
  assert_str(uvllm_json_writer_text(&embedded), "null");
  uvllm__buf_free(&out);
}


/* 0 once nothing fails. */
static int write_with(test_alloc_t* a) {
  uvllm_json_writer_t* made;
  int err = uvllm_json_writer_new(&made, &a->hook);
  if (err != 0) {
    assert_int_equal(err, UVLLM__ENOMEM);
    assert_null(made);
    return err;
  }
  write_sample(made);
  err = uvllm_json_writer_error(made);
  if (err == 0)
    assert_str(uvllm_json_writer_text(made), sample);
  else
    assert_null(uvllm_json_writer_text(made).base);
  assert_true(err == 0 || err == UVLLM__ENOMEM);
  uvllm_json_writer_free(made);
  return err;
}


static void fails_cleanly_without_memory(void** state) {
  (void) state;
  for (int once = 0; once < 2; once++) {
    int err = -1;
    for (size_t at = 1; err != 0; at++) {
      test_alloc_t a;
      test_alloc_init(&a);
      a.fail_at = at;
      a.fail_once = once;
      err = write_with(&a);
      assert_int_equal(a.alive, 0);
      assert_int_equal(err != 0, a.calls >= at);
    }
  }
  uvllm_json_writer_free(NULL);
}


int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(puts_commas_and_colons),
    cmocka_unit_test(text_is_absent_until_whole),
    cmocka_unit_test(escapes_what_must_be),
    cmocka_unit_test(replaces_invalid_utf8),
    cmocka_unit_test(strings_read_back_as_they_were),
    cmocka_unit_test(writes_integers),
    cmocka_unit_test(writes_short_doubles),
    cmocka_unit_test(doubles_read_back_the_same),
    cmocka_unit_test(doubles_ignore_the_locale),
    cmocka_unit_test(misuse_is_an_error_that_stays),
    cmocka_unit_test(bounds_nesting),
    cmocka_unit_test(writes_behind_what_a_buffer_holds),
    cmocka_unit_test(the_limit_of_the_buffer_is_an_error),
    cmocka_unit_test(fails_cleanly_without_memory),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
