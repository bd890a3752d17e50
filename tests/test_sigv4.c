/* Signature Version 4: the vectors of AWS's own test suite, and Bedrock's. */
#include "sigv4.h"
#include "test.h"

#define HOST { UVLLM_STR("Host"), UVLLM_STR("example.amazonaws.com") }
#define DATE { UVLLM_STR("X-Amz-Date"), UVLLM_STR("20150830T123600Z") }

typedef struct vector_s {
  const char *name, *method, *target, *body, *signature;
  uvllm__sigv4_pair_t headers[5];
} vector_t;

/* Key AKIDEXAMPLE, region us-east-1, service "service". The last path stands in no
 * suite: it is one that was escaped before it was sent. */
static const vector_t vectors[] = {
  { "get-vanilla", "GET", "/", "",
    "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31", { HOST, DATE } },
  { "post-vanilla", "POST", "/", "",
    "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b", { DATE, HOST } },
  { "get-vanilla-query-order-key-case", "GET", "/?Param2=value2&Param1=value1", "",
    "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500", { HOST, DATE } },
  { "get-vanilla-query-order-value", "GET", "/?Param1=value2&Param1=Value1", "",
    "eedbc4e291e521cf13422ffca22be7d2eb8146eecf653089df300a15b2382bd1", { HOST, DATE } },
  { "get-utf8", "GET", "/\xe1\x88\xb4", "",
    "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85", { HOST, DATE } },
  { "get-header-value-trim", "GET", "/", "",
    "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
    { HOST, { UVLLM_STR("My-Header1"), UVLLM_STR(" value1") },
      { UVLLM_STR("My-Header2"), UVLLM_STR(" \"a   b   c\"") }, DATE } },
  { "get-header-key-duplicate", "GET", "/", "",
    "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea",
    { HOST, { UVLLM_STR("My-Header1"), UVLLM_STR("value2") },
      { UVLLM_STR("My-Header1"), UVLLM_STR("value2") },
      { UVLLM_STR("My-Header1"), UVLLM_STR("value1") }, DATE } },
  { "post-x-www-form-urlencoded", "POST", "/", "Param1=value1",
    "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
    { HOST, { UVLLM_STR("Content-Type"), UVLLM_STR("application/x-www-form-urlencoded") },
      DATE } },
  { "post-sts-header-before", "POST", "/", "",
    "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead",
    { HOST, DATE, { UVLLM_STR("X-Amz-Security-Token"), UVLLM_STR(
      "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxf"
      "pSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPk"
      "yQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBA"
      "z+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==") } } },
  { "escaped twice", "GET", "/%E1%88%B4", "",
    "697b34846207a3f72246f99d74ae1ee4fe54f44bb06730c58a0d339eb079596d", { HOST, DATE } },
};

static uvllm__sigv4_t input_of(const vector_t* v) {
  uvllm__sigv4_t s = { .method = test_str(v->method), .target = test_str(v->target),
                       .headers = v->headers, .body = test_str(v->body),
                       .date = test_str("20150830T123600Z"), .region = test_str("us-east-1"),
                       .service = test_str("service"),
                       .secret = test_str("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY") };
  while (s.nheaders < 5 && v->headers[s.nheaders].name.base != NULL)
    s.nheaders++;
  return s;
}

static void vectors_of_the_suite(void** state) {
  (void) state;
  for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
    const uvllm__sigv4_t s = input_of(&vectors[i]);
    char signature[UVLLM__SIGV4_HEX + 1];
    assert_int_equal(uvllm__sigv4(&s, &uvllm__alloc_default, signature), 0);
    if (strcmp(signature, vectors[i].signature) != 0)
      print_error("%s\n", vectors[i].name);
    assert_string_equal(signature, vectors[i].signature);
  }
}

/* wire/bedrock.md, section 6. */
static const uvllm__sigv4_pair_t kBedrock[] = {
  { UVLLM_STR("Content-Type"), UVLLM_STR("application/json") },
  { UVLLM_STR("X-Amz-Security-Token"), UVLLM_STR("example-session-token") },
  { UVLLM_STR("Host"), UVLLM_STR("bedrock-runtime.us-east-1.amazonaws.com") },
  { UVLLM_STR("X-Amz-Date"), UVLLM_STR("20260101T000000Z") }
};

static uvllm__sigv4_t bedrock(void) {
  const uvllm__sigv4_t s = {
    .method = UVLLM_STR("POST"),
    .target = UVLLM_STR("/model/anthropic.claude-3-haiku-20240307-v1%3A0/converse"),
    .headers = kBedrock, .nheaders = 4,
    .body = UVLLM_STR("{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"hi\"}]}]}"),
    .date = UVLLM_STR("20260101T000000Z"), .region = UVLLM_STR("us-east-1"),
    .service = UVLLM_STR("bedrock"), .secret = UVLLM_STR("example-secret-not-real")
  };
  return s;
}

static void model_id_with_a_colon_is_escaped_twice(void** state) {
  (void) state;
  const uvllm__sigv4_t s = bedrock();
  char signature[UVLLM__SIGV4_HEX + 1];
  uvllm__buf_t out;
  uvllm__buf_init(&out, &uvllm__alloc_default, SIZE_MAX);
  assert_int_equal(uvllm__sigv4_canonical(&s, &out), 0);
  uvllm__buf_char(&out, '\0');
  assert_string_equal(out.base,
    "POST\n"
    "/model/anthropic.claude-3-haiku-20240307-v1%253A0/converse\n"
    "\n"
    "content-type:application/json\n"
    "host:bedrock-runtime.us-east-1.amazonaws.com\n"
    "x-amz-date:20260101T000000Z\n"
    "x-amz-security-token:example-session-token\n"
    "\n"
    "content-type;host;x-amz-date;x-amz-security-token\n"
    "c3335e07d6e89650bf94cb98664be69f8774dbc3198df221f113db0a59ea14f0");
  assert_int_equal(uvllm__sigv4(&s, &uvllm__alloc_default, signature), 0);
  assert_string_equal(signature,
                      "7398b2bcf56dda517d2e6e914f6188028c605a9d60094082621d33f212c38a90");
  uvllm__buf_free(&out);
}

static void scope_and_names(void** state) {
  (void) state;
  const uvllm__sigv4_t s = bedrock();
  uvllm__buf_t out;
  uvllm__buf_init(&out, &uvllm__alloc_default, SIZE_MAX);
  assert_int_equal(uvllm__sigv4_scope(&s, &out), 0);
  uvllm__buf_char(&out, ' ');
  assert_int_equal(uvllm__sigv4_names(&s, &out), 0);
  uvllm__buf_char(&out, '\0');
  assert_string_equal(out.base, "20260101/us-east-1/bedrock/aws4_request "
                                "content-type;host;x-amz-date;x-amz-security-token");
  uvllm__buf_free(&out);
}

static void dates(void** state) {
  (void) state;
  static const struct {
    uint64_t unix_ms;
    const char* date;
  } known[] = { { 0, "19700101T000000Z" }, { UINT64_C(1440938160999), "20150830T123600Z" },
                { UINT64_C(1767225600000), "20260101T000000Z" },
                { UINT64_C(4107542399000), "21000228T235959Z" } };
  for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
    char date[UVLLM__SIGV4_DATE + 1];
    uvllm__sigv4_date(known[i].unix_ms, date);
    assert_string_equal(date, known[i].date);
  }
}

static void too_much_is_refused(void** state) {
  (void) state;
  uvllm__sigv4_pair_t many[UVLLM__SIGV4_HEADERS + 1];
  char signature[UVLLM__SIGV4_HEX + 1], target[4 * UVLLM__SIGV4_HEADERS] = "/?a";
  uvllm__sigv4_t s = bedrock();
  for (size_t i = 0; i <= UVLLM__SIGV4_HEADERS; i++)
    many[i] = kBedrock[0];
  s.headers = many;
  s.nheaders = UVLLM__SIGV4_HEADERS + 1;
  assert_int_equal(uvllm__sigv4(&s, &uvllm__alloc_default, signature), UVLLM__EINVAL);
  s = bedrock();
  for (size_t i = 0; i < UVLLM__SIGV4_HEADERS; i++)
    strcat(target, "&b");
  s.target = test_str(target);
  assert_int_equal(uvllm__sigv4(&s, &uvllm__alloc_default, signature), UVLLM__EINVAL);
  s = bedrock();
  s.date.len = 0;
  assert_int_equal(uvllm__sigv4(&s, &uvllm__alloc_default, signature), UVLLM__EINVAL);
}

static void no_memory_is_told(void** state) {
  (void) state;
  const uvllm__sigv4_t s = bedrock();
  char signature[UVLLM__SIGV4_HEX + 1];
  size_t fail_at = 1;
  for (int failed = 1; failed; fail_at++) {
    test_alloc_t alloc;
    test_alloc_init(&alloc);
    alloc.fail_at = fail_at;
    const int err = uvllm__sigv4(&s, &alloc.hook, signature);
    failed = alloc.calls >= fail_at;
    assert_int_equal(err, failed ? UVLLM__ENOMEM : 0);
    assert_int_equal(alloc.alive, 0);
  }
  assert_true(fail_at > 3);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(vectors_of_the_suite),
    cmocka_unit_test(model_id_with_a_colon_is_escaped_twice),
    cmocka_unit_test(scope_and_names),
    cmocka_unit_test(dates),
    cmocka_unit_test(too_much_is_refused),
    cmocka_unit_test(no_memory_is_told)
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
