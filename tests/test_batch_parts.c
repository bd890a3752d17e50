/* The parts of a batch that need no client: hashes, ids, CSV, lines, templates,
 * distributions, and whether each of them survives a failing allocator. */
#include "test.h"
#include "batch_parts.h"

static const uint64_t key[2] = { UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908) };

static uvllm_str_t str(const char* s) {
  return test_str(s);
}

/* ---- Hashes ---- */

/* The example of the paper, appendix A. */
static void siphash_is_siphash_2_4(void** state) {
  (void) state;
  unsigned char in[15];
  for (unsigned char i = 0; i < 15; i++)
    in[i] = i;
  assert_true(uvllm__sip(key, in, 15) == UINT64_C(0xa129ca6149be45e5));
}

static void siphash_is_the_same_in_any_pieces(void** state) {
  (void) state;
  unsigned char in[64];
  for (unsigned char i = 0; i < 64; i++)
    in[i] = (unsigned char) (i * 37);
  for (size_t len = 0; len <= 64; len++)
    for (size_t cut = 0; cut <= len; cut++) {
      uvllm__sip_t s;
      uvllm__sip_init(&s, key);
      uvllm__sip_update(&s, in, cut);
      (void) uvllm__sip_final(&s);
      uvllm__sip_update(&s, in + cut, len - cut);
      assert_true(uvllm__sip_final(&s) == uvllm__sip(key, in, len));
    }
}

/* ---- Ids ---- */

typedef struct peak_s {
  uvllm_alloc_t hook;
  size_t now, peak;
} peak_t;

static void* peak_malloc(void* ctx, size_t size) {
  peak_t* p = ctx;
  size_t* block = malloc(size + 16);
  if (block == NULL)
    return NULL;
  block[0] = size;
  p->now += size;
  if (p->now > p->peak)
    p->peak = p->now;
  return block + 2;
}

static void peak_free(void* ctx, void* ptr) {
  peak_t* p = ctx;
  size_t* block = (size_t*) ptr - 2;
  p->now -= block[0];
  free(block);
}

static uvllm_str_t nth_id(char* text, unsigned int n) {
  uvllm_str_t s = { text, (size_t) sprintf(text, "\"request-%u\"", n) };
  return s;
}

static void ids_tell_new_done_and_repeated(void** state) {
  (void) state;
  test_alloc_t a;
  test_alloc_init(&a);
  uvllm__ids_t ids;
  char text[32];
  uvllm__ids_init(&ids, &a.hook, key);
  for (unsigned int i = 0; i < 3000; i++)
    assert_int_equal(uvllm__ids_done(&ids, nth_id(text, i)), 0);
  assert_int_equal(uvllm__ids_done(&ids, nth_id(text, 7)), 1);
  for (unsigned int i = 0; i < 6000; i++)
    assert_int_equal(uvllm__ids_see(&ids, nth_id(text, i)),
                     i < 3000 ? UVLLM__ID_DONE : UVLLM__ID_NEW);
  for (unsigned int i = 0; i < 6000; i++)
    assert_int_equal(uvllm__ids_see(&ids, nth_id(text, i)), UVLLM__ID_REPEATED);
  assert_int_equal(ids.count, 6000);
  uvllm__ids_free(&ids);
  assert_int_equal(a.alive, 0);
}

static void lines_are_no_ids(void** state) {
  (void) state;
  test_alloc_t a;
  test_alloc_init(&a);
  uvllm__ids_t ids;
  uint64_t number = 7;
  uvllm_str_t bytes = { (const char*) &number, sizeof(number) };
  uvllm__ids_init(&ids, &a.hook, key);
  assert_int_equal(uvllm__ids_has_line(&ids, 7), 0);
  assert_int_equal(uvllm__ids_line_done(&ids, 7), 0);
  assert_int_equal(uvllm__ids_line_done(&ids, 7), 1);
  assert_int_equal(uvllm__ids_has_line(&ids, 7), 1);
  assert_int_equal(uvllm__ids_has_line(&ids, 8), 0);
  assert_int_equal(uvllm__ids_see(&ids, bytes), UVLLM__ID_NEW);
  uvllm__ids_free(&ids);
  assert_int_equal(a.alive, 0);
}

/* Also in the moment of growing; from the size on where it matters. */
static void an_id_takes_at_most_32_bytes(void** state) {
  (void) state;
  peak_t p = { { peak_malloc, NULL, peak_free, NULL }, 0, 0 };
  p.hook.ctx = &p;
  uvllm__ids_t ids;
  char text[32];
  uvllm__ids_init(&ids, &p.hook, key);
  for (unsigned int i = 1; i <= 300000; i++) {
    assert_int_equal(uvllm__ids_see(&ids, nth_id(text, i)), UVLLM__ID_NEW);
    if (i >= 10000)
      assert_true(p.peak <= (size_t) i * 32);
  }
  assert_true(p.peak <= (size_t) 300000 * 16);
  uvllm__ids_free(&ids);
  assert_int_equal(p.now, 0);
}

static void ids_stay_whole_without_memory(void** state) {
  (void) state;
  for (int once = 0; once < 2; once++)
    for (size_t fail_at = 1; fail_at < 60; fail_at++) {
      test_alloc_t a;
      test_alloc_init(&a);
      a.fail_at = fail_at;
      a.fail_once = once;
      uvllm__ids_t ids;
      char text[32];
      unsigned int added = 0;
      uvllm__ids_init(&ids, &a.hook, key);
      for (unsigned int i = 0; i < 64; i++) {
        int r = uvllm__ids_see(&ids, nth_id(text, i));
        assert_true(r == UVLLM__ID_NEW || r == UVLLM__ENOMEM);
        added += r == UVLLM__ID_NEW;
      }
      assert_int_equal(ids.count, added);
      uvllm__ids_free(&ids);
      assert_int_equal(a.alive, 0);
    }
}

/* ---- CSV ---- */

static void expect_row(const char* record, const char* joined) {
  test_alloc_t a;
  test_alloc_init(&a);
  uvllm__csv_row_t row;
  const char* what = NULL;
  char got[200] = "";
  uvllm__csv_row_init(&row, &a.hook);
  int err = uvllm__csv_split(&row, str(record), &what);
  if (err == 0)
    for (size_t i = 0; i < row.nfields; i++) {
      strncat(got, row.fields[i].base, row.fields[i].len);
      strcat(got, "|");
    }
  else
    snprintf(got, sizeof(got), "%d %s", err == UVLLM_EPROTO, what);
  assert_string_equal(got, joined);
  uvllm__csv_row_free(&row);
  assert_int_equal(a.alive, 0);
}

static void csv_rows_are_split(void** state) {
  (void) state;
  expect_row("a,b,c", "a|b|c|");
  expect_row("", "|");
  expect_row(",", "||");
  expect_row("\"a,b\",\"say \"\"hi\"\"\",\"two\nlines\"", "a,b|say \"hi\"|two\nlines|");
  expect_row("\"\",\"\"\"\"", "|\"|");
  expect_row("5\" pipe,x", "5\" pipe|x|");
  expect_row(" \"a\",b", " \"a\"|b|");
  expect_row("\"a\"b,c", "1 text after a closing quote");
  expect_row("a,\"b", "1 a quote is opened and never closed");
}

static void csv_records_end_where_their_quotes_do(void** state) {
  (void) state;
  const char* text = "id,\"a\nb\",\"\"\"\n\"\nnext";
  for (size_t cut = 0; cut <= strlen(text); cut++) {
    uvllm__csv_state s = UVLLM__CSV_START;
    size_t n = uvllm__csv_scan(&s, text, cut);
    if (n == cut)
      n += uvllm__csv_scan(&s, text + cut, strlen(text) - cut);
    assert_int_equal(n, strlen("id,\"a\nb\",\"\"\"\n\""));
  }
}

/* ---- Lines ---- */

static void expect_line(const char* text, const char* expected) {
  uvllm_json_parser_t* parser;
  uvllm__line_t line;
  uvllm__fault_t fault;
  char got[300];
  assert_int_equal(uvllm_json_parser_new(&parser, NULL), 0);
  int err = uvllm__line_parse(parser, str(text), &line, &fault);
  if (err == 0)
    snprintf(got, sizeof(got), "%.*s op=%d model=%.*s body=%.*s", (int) line.id.len,
             line.id.base, line.op, (int) line.model.len,
             line.model.base != NULL ? line.model.base : "", (int) line.body.len, line.body.base);
  else
    snprintf(got, sizeof(got), "%s %.*s", fault.code, (int) line.id.len,
             line.id.base != NULL ? line.id.base : "");
  assert_string_equal(got, expected);
  if (err != 0)
    assert_int_equal(err, UVLLM_EREQUEST);
  uvllm_json_parser_free(parser);
}

#define CHAT "\"url\":\"/v1/chat/completions\""

static void lines_become_requests(void** state) {
  (void) state;
  expect_line("{\"custom_id\":\"a\",\"method\":\"POST\"," CHAT ",\"body\":{\"model\":\"m\"}}",
              "a op=0 model=m body={\"model\":\"m\"}");
  expect_line(" { \"body\" : { \"n\":2, \"max_tokens\": 5 } , " CHAT ","
              "\"custom_id\":\"\\u00e4\"}\r",
              "\xc3\xa4 op=0 model= body={ \"n\":2, \"max_tokens\": 5 }");
  expect_line("{\"custom_id\":\"e\",\"url\":\"/v1/embeddings\",\"body\":{\"input\":[1]}}",
              "e op=2 model= body={\"input\":[1]}");
  expect_line("{\"custom_id\":\"c\",\"url\":\"/v1/completions\",\"body\":{\"max_tokens\":-1,"
              "\"max_completion_tokens\":7,\"model\":null}}",
              "c op=1 model= body={\"max_tokens\":-1,\"max_completion_tokens\":7,\"model\":null}");
}

static void what_is_wrong_with_a_line_is_told(void** state) {
  (void) state;
  expect_line("", "invalid_json ");
  expect_line("{\"custom_id\":\"a\"", "invalid_json ");
  expect_line("{} {}", "invalid_json ");
  expect_line("[]", "invalid_line ");
  expect_line("7", "invalid_line ");
  expect_line("{}", "missing_custom_id ");
  expect_line("{\"custom_id\":null}", "missing_custom_id ");
  expect_line("{\"custom_id\":\"\"}", "missing_custom_id ");
  expect_line("{\"custom_id\":7}", "invalid_custom_id ");
  expect_line("{\"custom_id\":\"a\",\"method\":\"GET\"," CHAT "}", "invalid_method a");
  expect_line("{\"custom_id\":\"a\",\"method\":7," CHAT "}", "invalid_method a");
  expect_line("{\"custom_id\":\"a\"}", "invalid_url a");
  expect_line("{\"custom_id\":\"a\",\"url\":\"/v1/responses\"}", "invalid_url a");
  expect_line("{\"custom_id\":\"a\"," CHAT "}", "missing_body a");
  expect_line("{\"custom_id\":\"a\"," CHAT ",\"body\":[]}", "invalid_body a");
  expect_line("{\"custom_id\":\"a\"," CHAT ",\"body\":\"{}\"}", "invalid_body a");
  expect_line("{\"custom_id\":\"a\"," CHAT ",\"body\":{\"model\":7}}", "invalid_model a");
  expect_line("{\"custom_id\":\"a\"," CHAT ",\"body\":{\"model\":\"\"}}", "invalid_model a");
  expect_line("{\"custom_id\":\"a\"," CHAT ",\"body\":{\"model\":\"a\\u0000b\"}}",
              "invalid_model a");
}

static void lines_survive_a_failing_allocator(void** state) {
  (void) state;
  const char* text = "{\"custom_id\":\"\\u00e4\\n\"," CHAT ",\"body\":{\"model\":\"\\u006d\"}}";
  for (int once = 0; once < 2; once++)
    for (size_t fail_at = 1, err = 1; err != 0; fail_at++) {
      test_alloc_t a;
      test_alloc_init(&a);
      a.fail_at = fail_at;
      a.fail_once = once;
      uvllm_json_parser_t* parser = NULL;
      uvllm__line_t line;
      uvllm__fault_t fault;
      int r = uvllm_json_parser_new(&parser, &a.hook);
      if (r == 0)
        r = uvllm__line_parse(parser, str(text), &line, &fault);
      assert_true(r == 0 || r == UVLLM__ENOMEM);
      err = r != 0;
      uvllm_json_parser_free(parser);
      assert_int_equal(a.alive, 0);
      assert_true(fail_at < 50);
    }
}

static void expect_text(int (*make)(uvllm_str_t, uvllm__buf_t*), const char* in,
                        const char* expected) {
  test_alloc_t a;
  test_alloc_init(&a);
  uvllm__buf_t out;
  uvllm__buf_init(&out, &a.hook, SIZE_MAX);
  assert_int_equal(make(str(in), &out), 0);
  assert_str(uvllm__buf_slice(&out), expected);
  uvllm__buf_free(&out);
  assert_int_equal(a.alive, 0);
}

static void answers_fit_on_one_line_of_utf8(void** state) {
  (void) state;
  expect_text(uvllm__json_on_one_line, "{\n  \"a\" : [ 1,\t2 ],\r\n  \"b\": \"c d\" }\n",
              "{\"a\":[1,2],\"b\":\"c d\"}");
  expect_text(uvllm__json_on_one_line, "\xef\xbb\xbf{}", "{}");
  expect_text(uvllm__json_on_one_line, " true ", "true");
  expect_text(uvllm__json_on_one_line, "\"\\\"\\\\\\n \xc3\xa4\"", "\"\\\"\\\\\\n \xc3\xa4\"");
  expect_text(uvllm__json_on_one_line, "[\"a\xff\xc3z\"]",
              "[\"a\xef\xbf\xbd\xef\xbf\xbdz\"]");
  expect_text(uvllm__json_on_one_line, "[\"0123456789abcdef\xe2\x82\"]",
              "[\"0123456789abcdef\xef\xbf\xbd\"]");
}

static void the_same_id_is_always_written_the_same(void** state) {
  (void) state;
  expect_text(uvllm__id_encode, "a/b", "\"a/b\"");
  expect_text(uvllm__id_encode, "q\"\\\n", "\"q\\\"\\\\\\n\"");
  expect_text(uvllm__id_encode, "\xc3\xa4", "\"\xc3\xa4\"");
}

/* ---- Templates ---- */

static void expect_template(const char* text, const char* data, const char* expected) {
  test_alloc_t a;
  test_alloc_init(&a);
  uvllm__template_t* t;
  uvllm__fault_t fault;
  uvllm__buf_t out;
  uvllm_json_parser_t* parser;
  uvllm_json_t object;
  uvllm_str_t id = { NULL, 0 };
  char got[300];
  uvllm__buf_init(&out, &a.hook, SIZE_MAX);
  assert_int_equal(uvllm_json_parser_new(&parser, &a.hook), 0);
  int err = uvllm__template_new(&t, &a.hook, str(text), &fault);
  if (err == 0) {
    assert_int_equal(uvllm_json_parse(parser, str(data), &object, NULL), 0);
    err = uvllm__template_render_json(t, object, &out, &id, &fault);
  }
  if (err == 0)
    snprintf(got, sizeof(got), "%.*s: %.*s", (int) id.len, id.base != NULL ? id.base : "",
             (int) out.len, out.base);
  else
    snprintf(got, sizeof(got), "%s %s", fault.code, fault.text);
  assert_string_equal(got, expected);
  uvllm__template_free(t);
  uvllm__buf_free(&out);
  uvllm_json_parser_free(parser);
  assert_int_equal(a.alive, 0);
}

static void templates_are_filled_from_objects(void** state) {
  (void) state;
  expect_template("Hi {name}!", "{\"name\":\"\\u00c4nn\",\"id\":\"x\"}", "x: Hi \xc3\x84nn!");
  expect_template("{a}{b}", "{\"a\":[1, 2],\"b\":null,\"id\":17}", "17: [1, 2]null");
  expect_template("{{\"k\":{v}}}", "{\"v\":1.50}", ": {\"k\":1.50}");
  expect_template("{{{v}}}", "{\"v\":true,\"custom_id\":\"c\",\"id\":\"d\"}", "c: {true}");
  expect_template("{v}", "{\"v\":\"\",\"custom_id\":null,\"id\":\"d\"}", "d: ");
  expect_template("{v}", "{\"v\":\"\",\"id\":\"\"}", ": ");
  expect_template("{w}", "{\"v\":\"\"}", "unknown_field the line has no such field: 'w'");
}

static void what_is_no_template_is_told(void** state) {
  (void) state;
  expect_template("", "{}", "invalid_template the template is empty");
  expect_template("ab{c", "{}", "invalid_template '{' is not closed, at byte 3 of the template; "
                                "{{ and }} are braces");
  expect_template("}", "{}", "invalid_template '}' closes nothing, at byte 1 of the template; "
                             "{{ and }} are braces");
  expect_template("{}", "{}", "invalid_template '{' is not followed by the name of a field, at "
                              "byte 1 of the template; {{ and }} are braces");
  expect_template("{a{b}}", "{}", "invalid_template '{' is not followed by the name of a field, "
                                  "at byte 1 of the template; {{ and }} are braces");
}

static int render_row(uvllm__template_t* t, const uvllm_alloc_t* alloc, const char* header,
                      const char* record, uvllm__buf_t* out, uvllm_str_t* id, char* id_text,
                      uvllm__fault_t* fault) {
  uvllm__csv_row_t row;
  const char* what;
  uvllm__csv_row_init(&row, alloc);
  int err = uvllm__csv_split(&row, str(header), &what);
  if (err == 0)
    err = uvllm__template_header(t, &row, fault);
  if (err == 0)
    err = uvllm__csv_split(&row, str(record), &what);
  if (err == 0)
    err = uvllm__template_render_csv(t, &row, out, id, fault);
  sprintf(id_text, "%.*s", (int) id->len, id->base != NULL ? id->base : "");
  uvllm__csv_row_free(&row);
  return err;
}

static void expect_csv(const char* text, const char* header, const char* record,
                       const char* expected) {
  test_alloc_t a;
  test_alloc_init(&a);
  uvllm__template_t* t;
  uvllm__fault_t fault;
  uvllm__buf_t out;
  uvllm_str_t id = { NULL, 0 };
  char got[300], id_text[64];
  uvllm__buf_init(&out, &a.hook, SIZE_MAX);
  assert_int_equal(uvllm__template_new(&t, &a.hook, str(text), &fault), 0);
  if (render_row(t, &a.hook, header, record, &out, &id, id_text, &fault) == 0)
    snprintf(got, sizeof(got), "%s: %.*s", id_text, (int) out.len, out.base);
  else
    snprintf(got, sizeof(got), "%s", fault.text);
  assert_string_equal(got, expected);
  uvllm__template_free(t);
  uvllm__buf_free(&out);
  assert_int_equal(a.alive, 0);
}

static void templates_are_filled_from_rows(void** state) {
  (void) state;
  expect_csv("<{b}{a}>", "a,b,id", "1,\"x,\ny\",k", "k: <x,\ny1>");
  expect_csv("{a}", "id,custom_id,a", "1,2,3", "2: 3");
  expect_csv("{a}", "id,custom_id,a", "1,,3", "1: 3");
  expect_csv("{a}", "a", "3", ": 3");
  expect_csv("{z}", "a", "3", "the header has no such column: 'z'");
  expect_csv("{a}", "a,b", "3", "the row has 1 fields, the header 2");
}

static void templates_survive_a_failing_allocator(void** state) {
  (void) state;
  for (int once = 0; once < 2; once++)
    for (size_t fail_at = 1, failed = 1; failed != 0; fail_at++) {
      test_alloc_t a;
      test_alloc_init(&a);
      a.fail_at = fail_at;
      a.fail_once = once;
      uvllm__template_t* t;
      uvllm__fault_t fault;
      uvllm__buf_t out;
      uvllm_str_t id = { NULL, 0 };
      char id_text[64];
      uvllm__buf_init(&out, &a.hook, SIZE_MAX);
      int err = uvllm__template_new(&t, &a.hook, str("{a}b{a}c{a}d{a}e{a}f{a}"), &fault);
      if (err == 0)
        err = render_row(t, &a.hook, "a,\"b\"", "\"x\",y", &out, &id, id_text, &fault);
      assert_true(err == 0 || err == UVLLM__ENOMEM);
      failed = err != 0;
      uvllm__template_free(t);
      uvllm__buf_free(&out);
      assert_int_equal(a.alive, 0);
      assert_true(fail_at < 50);
    }
}

/* ---- Distributions ---- */

static void quantiles_are_within_a_bucket(void** state) {
  (void) state;
  static uvllm__hist_t h;
  assert_int_equal(uvllm__hist_quantile(&h, 0.5), 0);
  for (uint64_t i = 1; i <= 100000; i++)
    uvllm__hist_add(&h, i);
  const double q[] = { 0.0, 0.01, 0.5, 0.9, 0.99, 0.999, 1.0 };
  for (size_t i = 0; i < sizeof(q) / sizeof(q[0]); i++) {
    double exact = q[i] * 100000, got = (double) uvllm__hist_quantile(&h, q[i]);
    assert_true(got >= exact && got <= exact * 1.017 + 1);
  }
  assert_int_equal(h.max, 100000);
  uvllm__hist_add(&h, UINT64_MAX);
  assert_true(uvllm__hist_quantile(&h, 1.0) <= UINT64_MAX);
}

static void small_values_are_exact(void** state) {
  (void) state;
  static uvllm__hist_t h;
  for (uint64_t i = 0; i < 64; i++)
    uvllm__hist_add(&h, i);
  assert_int_equal(uvllm__hist_quantile(&h, 0.5), 31);
  assert_int_equal(uvllm__hist_quantile(&h, 1.0), 63);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(siphash_is_siphash_2_4),
    cmocka_unit_test(siphash_is_the_same_in_any_pieces),
    cmocka_unit_test(ids_tell_new_done_and_repeated),
    cmocka_unit_test(lines_are_no_ids),
    cmocka_unit_test(an_id_takes_at_most_32_bytes),
    cmocka_unit_test(ids_stay_whole_without_memory),
    cmocka_unit_test(csv_rows_are_split),
    cmocka_unit_test(csv_records_end_where_their_quotes_do),
    cmocka_unit_test(lines_become_requests),
    cmocka_unit_test(what_is_wrong_with_a_line_is_told),
    cmocka_unit_test(lines_survive_a_failing_allocator),
    cmocka_unit_test(answers_fit_on_one_line_of_utf8),
    cmocka_unit_test(the_same_id_is_always_written_the_same),
    cmocka_unit_test(templates_are_filled_from_objects),
    cmocka_unit_test(what_is_no_template_is_told),
    cmocka_unit_test(templates_are_filled_from_rows),
    cmocka_unit_test(templates_survive_a_failing_allocator),
    cmocka_unit_test(quantiles_are_within_a_bucket),
    cmocka_unit_test(small_values_are_exact),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
