/* Requests in OpenAI's shape as other dialects read them, what their tables refuse,
 * and bodies with extra_json merged in.
 */
#include "body.h"
#include "check.h"
#include "http_build.h"
#include "record.h"
#include "shape.h"

#include <math.h>

static uvllm_request_t chat(const uvllm_message_t* m, size_t n) {
  uvllm_request_t r;
  memset(&r, 0, sizeof(r));
  r.temperature = r.top_p = r.frequency_penalty = r.presence_penalty = NAN;
  r.seed = INT64_MIN;
  r.messages = m;
  r.nmessages = n;
  return r;
}

static void put(uvllm__buf_t* out, const char* label, uvllm_str_t s) {
  if (s.base == NULL)
    return;
  uvllm__buf_str(out, label);
  uvllm__buf_append(out, s.base, s.len);
}

/* One line of what the parts are, or "! <code>: <words>" at their end. */
static void assert_parts(uvllm_message_t m, const char* expected) {
  static const char* const types[] = { "text", "image", "audio", "file" };
  const uvllm_request_t r = chat(&m, 1);
  test_alloc_t alloc;
  uvllm__shape_t s;
  uvllm__parts_t parts;
  uvllm__part_t p;
  uvllm__buf_t out;
  test_alloc_init(&alloc);
  uvllm__buf_init(&out, &uvllm__alloc_default, SIZE_MAX);
  uvllm__shape_init(&s, &alloc.hook);
  int rc = uvllm__parts_begin(&parts, &s, &r, 0);
  while (rc == 0 && (rc = uvllm__parts_next(&parts, &p)) == 1) {
    put(&out, "", test_str(types[p.type]));
    put(&out, " text=", p.text);
    put(&out, " url=", p.url);
    put(&out, " type=", p.media_type);
    put(&out, " data=", p.data);
    put(&out, " format=", p.format);
    put(&out, " detail=", p.detail);
    put(&out, " id=", p.file_id);
    put(&out, " name=", p.filename);
    put(&out, "", test_str("; "));
    rc = 0;
  }
  if (rc != 0) {
    put(&out, "! ", test_str(uvllm_err_name(rc)));
    put(&out, ": ", test_str(s.why));
  }
  assert_str(uvllm__buf_slice(&out), expected);
  uvllm__buf_free(&out);
  uvllm__shape_free(&s);
  assert_int_equal(alloc.alive, 0);
}

static void assert_parts_json(const char* json, const char* expected) {
  const uvllm_message_t m = { .role = UVLLM_USER, .parts_json = test_str(json) };
  assert_parts(m, expected);
}

static void content_is_parts_whatever_it_came_as(void** state) {
  (void) state;
  assert_parts((uvllm_message_t) { .text = UVLLM_STR("Hi") }, "text text=Hi; ");
  assert_parts((uvllm_message_t) { .text = UVLLM_STR("") }, "text text=; ");
  assert_parts((uvllm_message_t) { .role = UVLLM_ASSISTANT }, "");
  assert_parts_json("[]", "");
  assert_parts_json("[{\"type\":\"text\",\"text\":\"a\\n\"},{\"type\":\"refusal\","
                    "\"refusal\":\"no\"}]",
                    "text text=a\n; text text=no; ");
  assert_parts_json("[{\"type\":\"image_url\",\"image_url\":{\"url\":\"https://e.org/a.png\","
                    "\"detail\":\"low\"}},{\"type\":\"image_url\",\"image_url\":"
                    "\"data:image/png;base64,iVBORw==\"}]",
                    "image url=https://e.org/a.png detail=low; "
                    "image type=image/png data=iVBORw==; ");
  assert_parts_json("[{\"type\":\"image_url\",\"image_url\":"
                    "{\"url\":\"data:image/svg+xml;charset=utf-8;base64,PHN2Zz4=\"}}]",
                    "image type=image/svg+xml data=PHN2Zz4=; ");
  assert_parts_json("[{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"UklG\","
                    "\"format\":\"mp3\"}}]",
                    "audio type=audio/mpeg data=UklG format=mp3; ");
  assert_parts_json("[{\"type\":\"file\",\"file\":{\"filename\":\"a.pdf\",\"file_data\":"
                    "\"data:application/pdf;base64,JVBE\"}},{\"type\":\"file\",\"file\":"
                    "{\"file_id\":\"file-1\"}},{\"type\":\"file\",\"file\":{\"file_data\":\"JVBE\"}}]",
                    "file type=application/pdf data=JVBE name=a.pdf; file id=file-1; "
                    "file data=JVBE; ");
}

static void parts_that_make_no_sense_are_named(void** state) {
  (void) state;
  assert_parts_json("{", "! EINVAL: messages[0].parts_json is not JSON");
  assert_parts_json("{}", "! EINVAL: messages[0].parts_json is no JSON array");
  assert_parts_json("[1]", "! EINVAL: messages[0].parts_json[0] is no JSON object");
  assert_parts_json("[{\"type\":\"text\"}]", "! EINVAL: messages[0].parts_json[0] has no text");
  assert_parts_json("[{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"video_url\"}]",
                    "text text=a; ! UVLLM_EUNSUPPORTED: messages[0].parts_json[1] is of a type "
                    "that has no counterpart");
  assert_parts_json("[{\"type\":\"image_url\"}]",
                    "! EINVAL: messages[0].parts_json[0] has no URL");
  assert_parts_json("[{\"type\":\"image_url\",\"image_url\":\"data:image/png;base64\"}]",
                    "! EINVAL: messages[0].parts_json[0] has a data URL without data");
  assert_parts_json("[{\"type\":\"image_url\",\"image_url\":\"data:,a\"}]",
                    "! UVLLM_EUNSUPPORTED: messages[0].parts_json[0] has a data URL that is not "
                    "in base64");
  assert_parts_json("[{\"type\":\"input_audio\"}]",
                    "! EINVAL: messages[0].parts_json[0] has no audio data");
  assert_parts_json("[{\"type\":\"file\",\"file\":{}}]",
                    "! EINVAL: messages[0].parts_json[0] has no file");
}

/* "id name arguments object?; " for each call. */
static void assert_calls(const char* json, const char* expected) {
  const uvllm_message_t m = { .role = UVLLM_ASSISTANT, .tool_calls_json = test_str(json) };
  const uvllm_request_t r = chat(&m, 1);
  char out[512] = "";
  uvllm__shape_t s;
  uvllm__list_t calls;
  uvllm__call_t c;
  uvllm__shape_init(&s, &uvllm__alloc_default);
  int rc = uvllm__calls_begin(&calls, &s, &r, 0);
  while (rc == 0 && (rc = uvllm__calls_next(&calls, &c)) == 1) {
    size_t at = strlen(out);
    snprintf(out + at, sizeof(out) - at, "%.*s %.*s %.*s %d; ", (int) c.id.len,
             c.id.len != 0 ? c.id.base : "", (int) c.name.len, c.name.base,
             (int) c.arguments.len, c.arguments.base, c.is_object);
    rc = 0;
  }
  if (rc != 0)
    snprintf(out + strlen(out), sizeof(out) - strlen(out), "! %s: %s", uvllm_err_name(rc), s.why);
  assert_string_equal(out, expected);
  uvllm__shape_free(&s);
}

static void calls_are_read_with_their_arguments(void** state) {
  (void) state;
  assert_calls("[]", "");
  assert_calls("[{\"id\":\"c1\",\"type\":\"function\",\"function\":{\"name\":\"f\","
               "\"arguments\":\"{\\\"a\\\":1}\"}},{\"id\":\"c2\",\"function\":{\"name\":\"g\","
               "\"arguments\":{\"b\":[]}}},{\"function\":{\"name\":\"h\"}},"
               "{\"id\":\"c4\",\"function\":{\"name\":\"i\",\"arguments\":\"\"}}]",
               "c1 f {\"a\":1} 1; c2 g {\"b\":[]} 1;  h {} 1; c4 i {} 1; ");
  assert_calls("[{\"id\":\"c\",\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"a\\\":\"}},"
               "{\"id\":\"d\",\"function\":{\"name\":\"f\",\"arguments\":\"[1]\"}}]",
               "c f {\"a\": 0; d f [1] 0; ");
  assert_calls("[{\"id\":\"c\",\"type\":\"custom\",\"custom\":{\"name\":\"f\"}}]",
               "! UVLLM_EUNSUPPORTED: messages[0].tool_calls_json[0] is no call of a function");
  assert_calls("[{\"id\":\"c\",\"function\":{}}]",
               "! EINVAL: messages[0].tool_calls_json[0] names no function");
}

static void a_tools_answer_finds_the_name_of_its_call(void** state) {
  (void) state;
  const uvllm_message_t m[] = {
    { .role = UVLLM_ASSISTANT,
      .tool_calls_json = UVLLM_STR("[{\"id\":\"a\",\"function\":{\"name\":\"f\"}},"
                                   "{\"id\":\"b\",\"function\":{\"name\":\"g\"}}]") },
    { .role = UVLLM_TOOL, .tool_call_id = UVLLM_STR("b"), .text = UVLLM_STR("1") },
    { .role = UVLLM_TOOL, .tool_call_id = UVLLM_STR("x"), .text = UVLLM_STR("1") },
    { .role = UVLLM_TOOL, .tool_call_id = UVLLM_STR("x"), .name = UVLLM_STR("own") },
  };
  const uvllm_request_t r = chat(m, 4);
  uvllm__shape_t s;
  uvllm_str_t name;
  uvllm__shape_init(&s, &uvllm__alloc_default);
  assert_int_equal(uvllm__call_name(&s, &r, 1, &name), 1);
  assert_str(name, "g");
  assert_int_equal(uvllm__call_name(&s, &r, 2, &name), 0);
  assert_int_equal(uvllm__call_name(&s, &r, 3, &name), 1);
  assert_str(name, "own");
  uvllm__shape_free(&s);
}

static void tools_are_functions(void** state) {
  (void) state;
  uvllm_request_t r = chat(NULL, 0);
  uvllm__shape_t s;
  uvllm__list_t tools;
  uvllm__tool_t t;
  r.tools_json = test_str("[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"description\":"
                          "\"d\",\"parameters\":{\"type\":\"object\"},\"strict\":true}},"
                          "{\"type\":\"function\",\"name\":\"g\"},{\"type\":\"web_search\"}]");
  uvllm__shape_init(&s, &uvllm__alloc_default);
  assert_int_equal(uvllm__tools_begin(&tools, &s, &r), 0);
  assert_int_equal(uvllm__tools_next(&tools, &t), 1);
  assert_str(t.name, "f");
  assert_str(t.description, "d");
  assert_str(t.parameters, "{\"type\":\"object\"}");
  assert_int_equal(t.strict, 1);
  assert_int_equal(uvllm__tools_next(&tools, &t), 1);
  assert_str(t.name, "g");
  assert_null(t.description.base);
  assert_null(t.parameters.base);
  assert_int_equal(t.strict, -1);
  assert_int_equal(uvllm__tools_next(&tools, &t), UVLLM_EUNSUPPORTED);
  assert_string_equal(s.why, "tools_json[2] is no function");
  r.tools_json = (uvllm_str_t) { NULL, 0 };
  assert_int_equal(uvllm__tools_begin(&tools, &s, &r), 0);
  assert_int_equal(uvllm__tools_next(&tools, &t), 0);
  uvllm__shape_free(&s);
}

static void choices_are_one_of_five(void** state) {
  (void) state;
  static const struct {
    const char* json;
    int rc;
    uvllm__choice_type type;
    const char* name;
  } cases[] = {
    { "auto", 0, UVLLM__CHOICE_AUTO, "" },
    { "\"none\"", 0, UVLLM__CHOICE_NONE, "" },
    { "any", 0, UVLLM__CHOICE_REQUIRED, "" },
    { "\"required\"", 0, UVLLM__CHOICE_REQUIRED, "" },
    { "{\"type\":\"function\",\"function\":{\"name\":\"f\"}}", 0, UVLLM__CHOICE_NAMED, "f" },
    { "{\"type\":\"function\",\"name\":\"f\"}", 0, UVLLM__CHOICE_NAMED, "f" },
    { "{\"type\":\"allowed_tools\"}", UVLLM_EUNSUPPORTED, UVLLM__CHOICE_UNSET, "" },
    { "\"often\"", UVLLM_EUNSUPPORTED, UVLLM__CHOICE_UNSET, "" },
    { "{", UVLLM__EINVAL, UVLLM__CHOICE_UNSET, "" },
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    uvllm_request_t r = chat(NULL, 0);
    uvllm__shape_t s;
    uvllm__choice_type type;
    uvllm_str_t name;
    r.tool_choice_json = test_str(cases[i].json);
    uvllm__shape_init(&s, &uvllm__alloc_default);
    assert_int_equal(uvllm__tool_choice(&s, &r, &type, &name), cases[i].rc);
    assert_int_equal(type, cases[i].type);
    assert_str(name, cases[i].name);
    uvllm__shape_free(&s);
  }
}

static void replay_is_the_dialects_own(void** state) {
  (void) state;
  const uvllm_message_t m[] = {
    { .role = UVLLM_ASSISTANT, .replay_json = UVLLM_STR("{\"own\":[1],\"x\":2}") },
    { .role = UVLLM_ASSISTANT },
    { .role = UVLLM_ASSISTANT, .replay_json = UVLLM_STR("[]") },
  };
  const uvllm_request_t r = chat(m, 3);
  uvllm__shape_t s;
  uvllm_json_t v;
  uvllm__shape_init(&s, &uvllm__alloc_default);
  assert_int_equal(uvllm__replay(&s, &r, 0, "own", &v), 1);
  assert_str(uvllm_json_raw(v), "[1]");
  assert_int_equal(uvllm__replay(&s, &r, 0, "other", &v), 0);
  assert_int_equal(uvllm__replay(&s, &r, 1, "own", &v), 0);
  assert_int_equal(uvllm__replay(&s, &r, 2, "own", &v), UVLLM__EINVAL);
  assert_string_equal(s.why, "messages[2].replay_json is no JSON object");
  uvllm__shape_free(&s);
}

static void assert_schema(const char* json, const char* schema, const char* name, int strict,
                          int any) {
  uvllm_request_t r = chat(NULL, 0);
  uvllm__shape_t s;
  uvllm__schema_t got;
  r.json_schema = test_str(json);
  uvllm__shape_init(&s, &uvllm__alloc_default);
  assert_int_equal(uvllm__schema(&s, &r, &got), 0);
  assert_str(got.schema, schema);
  assert_str(got.name, name);
  assert_int_equal(got.strict, strict);
  assert_int_equal(got.is_any_object, any);
  uvllm__shape_free(&s);
}

static void schemas_come_bare_or_wrapped(void** state) {
  (void) state;
  assert_schema("{\"type\":\"object\"}", "{\"type\":\"object\"}", "answer", -1, 1);
  assert_schema("{\"type\":\"object\",\"properties\":{}}",
                "{\"type\":\"object\",\"properties\":{}}", "answer", -1, 0);
  assert_schema("{\"name\":\"x\",\"strict\":false,\"schema\":{\"type\":\"object\"}}",
                "{\"type\":\"object\"}", "x", 0, 1);
  assert_schema("{\"name\":\"x\"}", "", "x", -1, 0);
}


/* ---- Tables ---- */

static const uvllm__rules_t kRules = {
  .dialect = "small",
  .ops = 1 << UVLLM_CHAT,
  .fields = { [UVLLM_CHAT] = UVLLM__CAN_MESSAGES | UVLLM__CAN_TOOLS | UVLLM__CAN_SCHEMA |
                             UVLLM__CAN_TOOL_CHOICE },
  .parts = { [UVLLM_SYSTEM] = UVLLM__CAN_TEXT,
             [UVLLM_USER] = UVLLM__CAN_TEXT | UVLLM__CAN_IMAGE_DATA,
             [UVLLM_ASSISTANT] = UVLLM__CAN_TEXT,
             [UVLLM_TOOL] = UVLLM__CAN_TEXT },
};

static void assert_checked(uvllm_request_t r, int err, const char* said) {
  char expected[256] = "";
  record_t rec;
  record_init(&rec);
  if (err != 0)
    snprintf(expected, sizeof(expected), "error code= message=\"%s\" retry=-1\n", said);
  assert_int_equal(uvllm__check(&kRules, &r, &rec.emit), err);
  assert_record(&rec, expected);
  record_free(&rec);
}

static uvllm_request_t said(uvllm_role role, const char* parts) {
  static uvllm_message_t m;
  m = (uvllm_message_t) { .role = role, .parts_json = test_str(parts) };
  return chat(&m, 1);
}

static void what_a_table_lacks_is_refused_by_name(void** state) {
  (void) state;
  static const uvllm_message_t hello = { .role = UVLLM_USER, .text = UVLLM_STR("Hi") };
  uvllm_request_t r = chat(&hello, 1);
  assert_checked(r, 0, "");
  r.n = 1;
  assert_checked(r, 0, "");
  r.n = 2;
  assert_checked(r, UVLLM_EUNSUPPORTED, "a chat has no n here");
  r = chat(&hello, 1);
  r.op = UVLLM_EMBED;
  assert_checked(r, UVLLM_EUNSUPPORTED, "an embedding cannot be had from small");
  r.op = UVLLM_COUNT_TOKENS;
  assert_checked(r, UVLLM_EUNSUPPORTED, "a token count cannot be had from small");
  assert_checked(said(UVLLM_USER, "[{\"type\":\"image_url\",\"image_url\":"
                                  "\"data:image/png;base64,iVBO\"}]"), 0, "");
  assert_checked(said(UVLLM_USER, "[{\"type\":\"image_url\",\"image_url\":\"https://e.org\"}]"),
                 UVLLM_EUNSUPPORTED, "messages[0] has an image by its URL, which small does not "
                                     "take here");
  assert_checked(said(UVLLM_SYSTEM, "[{\"type\":\"image_url\",\"image_url\":"
                                    "\"data:image/png;base64,iVBO\"}]"),
                 UVLLM_EUNSUPPORTED, "messages[0] has an image, which small does not take here");
  assert_checked(said(UVLLM_USER, "[{\"type\":\"file\",\"file\":{\"file_id\":\"a\"}}]"),
                 UVLLM_EUNSUPPORTED, "messages[0] has a file by its id, which small does not "
                                     "take here");
  r = chat(&hello, 1);
  r.tools_json = test_str("[{\"type\":\"custom\"}]");
  assert_checked(r, UVLLM_EUNSUPPORTED, "tools_json[0] is no function");
  r = chat(&hello, 1);
  r.json_schema = test_str("{\"name\":\"x\"}");
  assert_checked(r, UVLLM__EINVAL, "json_schema has a name, but no schema");
}


/* ---- Bodies ---- */

static int write_body(uvllm_http_t* http, const char* extra) {
  uvllm_request_t r = chat(NULL, 0);
  uvllm__body_t b;
  r.extra_json = extra != NULL ? test_str(extra) : r.extra_json;
  int err = uvllm__body_begin(&b, &r, http);
  if (err == 0) {
    uvllm__body_chars(&b, "model", "m");
    uvllm__body_open(&b, "options");
    uvllm__body_num(&b, "temperature", 0.5);
    uvllm__body_num(&b, "top_p", NAN);
    uvllm__body_open(&b, "deep");
    uvllm__body_close(&b);
    uvllm__body_close(&b);
    uvllm__body_open(&b, "empty");
    uvllm__body_count(&b, "zero", 0);
    uvllm__body_close(&b);
    uvllm__body_bool(&b, "stream", 1);
  }
  return uvllm__body_end(&b, err);
}

static void assert_merged(const char* extra, const char* expected) {
  uvllm_http_t http;
  uvllm__http_init(&http, &uvllm__alloc_default);
  assert_int_equal(write_body(&http, extra), 0);
  assert_str(uvllm__http_body(&http), expected);
  uvllm__http_free(&http);
}

static void extra_members_are_merged_into_objects_too(void** state) {
  (void) state;
  assert_merged(NULL, "{\"model\":\"m\",\"options\":{\"temperature\":0.5},\"stream\":true}");
  assert_merged("{\"options\":{\"num_ctx\":8},\"x\":1}",
                "{\"model\":\"m\",\"options\":{\"temperature\":0.5,\"num_ctx\":8},"
                "\"stream\":true,\"x\":1}");
  assert_merged("{\"options\":{\"temperature\":1,\"deep\":{\"a\":1}},\"empty\":{\"b\":2}}",
                "{\"model\":\"m\",\"options\":{\"deep\":{\"a\":1},\"temperature\":1},"
                "\"empty\":{\"b\":2},\"stream\":true}");
  assert_merged("{\"options\":null,\"stream\":null}", "{\"model\":\"m\"}");
  assert_merged("{\"options\":7,\"model\":\"x\"}",
                "{\"stream\":true,\"options\":7,\"model\":\"x\"}");
}

static void bodies_survive_every_failed_allocation(void** state) {
  (void) state;
  int err = 1;
  for (size_t fail_at = 1; err != 0; fail_at++) {
    test_alloc_t alloc;
    uvllm_http_t http;
    test_alloc_init(&alloc);
    alloc.fail_at = fail_at;
    uvllm__http_init(&http, &alloc.hook);
    err = write_body(&http, "{\"\\u006fptions\":{\"\\u0061\":8},\"x\":1}");
    if (err != 0)
      assert_int_equal(err, UVLLM__ENOMEM);
    else
      assert_str(uvllm__http_body(&http),
                 "{\"model\":\"m\",\"options\":{\"temperature\":0.5,\"a\":8},"
                 "\"stream\":true,\"x\":1}");
    uvllm__http_free(&http);
    assert_int_equal(alloc.alive, 0);
  }
}

static void reading_survives_every_failed_allocation(void** state) {
  (void) state;
  int err = 1;
  for (size_t fail_at = 1; err != 0; fail_at++) {
    const uvllm_message_t m = {
      .role = UVLLM_ASSISTANT, .parts_json = UVLLM_STR("[{\"type\":\"text\",\"text\":\"\\n\"}]"),
      .tool_calls_json = UVLLM_STR("[{\"id\":\"\\n\",\"function\":{\"name\":\"\\u0061\","
                                   "\"arguments\":\"{\\\"a\\\":1}\"}}]")
    };
    uvllm_request_t r = chat(&m, 1);
    test_alloc_t alloc;
    record_t rec;
    r.tools_json = test_str("[{\"function\":{\"name\":\"\\u0061\",\"description\":\"\\n\"}}]");
    r.json_schema = test_str("{\"name\":\"\\u0061\",\"schema\":{}}");
    r.tool_choice_json = test_str("{\"function\":{\"name\":\"\\u0061\"}}");
    test_alloc_init(&alloc);
    alloc.fail_at = fail_at;
    record_init(&rec);
    rec.emit.alloc = &alloc.hook;
    err = uvllm__check(&kRules, &r, &rec.emit);
    assert_true(err == 0 || err == UVLLM__ENOMEM);
    assert_int_equal(alloc.alive, 0);
    record_free(&rec);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(content_is_parts_whatever_it_came_as),
    cmocka_unit_test(parts_that_make_no_sense_are_named),
    cmocka_unit_test(calls_are_read_with_their_arguments),
    cmocka_unit_test(a_tools_answer_finds_the_name_of_its_call),
    cmocka_unit_test(tools_are_functions),
    cmocka_unit_test(choices_are_one_of_five),
    cmocka_unit_test(replay_is_the_dialects_own),
    cmocka_unit_test(schemas_come_bare_or_wrapped),
    cmocka_unit_test(what_a_table_lacks_is_refused_by_name),
    cmocka_unit_test(extra_members_are_merged_into_objects_too),
    cmocka_unit_test(bodies_survive_every_failed_allocation),
    cmocka_unit_test(reading_survives_every_failed_allocation),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
