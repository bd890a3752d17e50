/* Times in headers, base64, and secrets in texts. */
#include "test.h"
#include "base64.h"
#include "http_text.h"
#include "mask.h"

#define NOW UINT64_C(1795250000000) /* 2026-11-21T08:33:20Z */

static const uint64_t unset = 12345;

static uint64_t retry_after(const char* text) {
  uint64_t ms = unset;
  int err = uvllm__parse_retry_after(test_str(text), NOW, &ms);
  assert_true(err == 0 || (err == UVLLM__EINVAL && ms == unset));
  return err == 0 ? ms : UINT64_MAX;
}

static void retry_after_in_seconds(void** state) {
  (void) state;
  assert_int_equal(retry_after("7"), 7000);
  assert_int_equal(retry_after("0"), 0);
  assert_int_equal(retry_after(" 120\t"), 120000);
  assert_int_equal(retry_after("1.5"), 1500);
  assert_int_equal(retry_after("0.0001"), 1); /* never earlier than told */
  assert_int_equal(retry_after("0.9999999999999"), 1000);
  assert_int_equal(retry_after("86400"), 86400000);
  assert_int_equal(retry_after("99999999999999999999999999"), UVLLM__WAIT_MAX_MS);
}

static void retry_after_as_a_date(void** state) {
  (void) state;
  assert_int_equal(retry_after("Sat, 21 Nov 2026 08:33:50 GMT"), 30000);
  assert_int_equal(retry_after("Saturday, 21-Nov-26 08:33:50 GMT"), 30000);
  assert_int_equal(retry_after("Sat Nov 21 08:33:50 2026"), 30000);
  assert_int_equal(retry_after("Sun, 06 Nov 1994 08:49:37 GMT"), 0);
  assert_int_equal(retry_after("Sunday, 06-Nov-94 08:49:37 GMT"), 0);
  assert_int_equal(retry_after("Sun Nov  6 08:49:37 1994"), 0);
}

static void retry_after_that_is_none(void** state) {
  (void) state;
  static const char* const texts[] = {
    "", " ", "-1", "soon", "1e3", "1,5", "1 2", ".", "7s", "0x10", "NaN", "inf",
    "Sat, 21 Nov 2026 08:33:50", "Sat, 31 Nov 2026 08:33:50 GMT", "Sat, 21 Nov 2026 24:00:00 GMT",
    "Sat, 21 Foo 2026 08:33:50 GMT", "Sat, 21 Nov 2026 08:33:50 CET", "Sat, 29 Feb 2026 0:0:0 GMT",
    "Sat, 21 Nov 2026 08:33:50 GMT x", "Sa, 21 Nov 2026 08:33:50 GMT"
  };
  for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
    assert_true(retry_after(texts[i]) == UINT64_MAX);
  uint64_t ms = unset;
  assert_int_equal(uvllm__parse_retry_after((uvllm_str_t) { NULL, 0 }, NOW, &ms), UVLLM__EINVAL);
  assert_int_equal(ms, unset);
}

static void retry_after_in_milliseconds(void** state) {
  (void) state;
  uint64_t ms = unset;
  assert_int_equal(uvllm__parse_retry_after_ms(test_str("6912"), &ms), 0);
  assert_int_equal(ms, 6912);
  assert_int_equal(uvllm__parse_retry_after_ms(test_str("0.25"), &ms), 0);
  assert_int_equal(ms, 1);
  assert_int_equal(uvllm__parse_retry_after_ms(test_str("12.5"), &ms), 0);
  assert_int_equal(ms, 13);
  ms = unset;
  assert_int_equal(uvllm__parse_retry_after_ms(test_str("12ms"), &ms), UVLLM__EINVAL);
  assert_int_equal(uvllm__parse_retry_after_ms(test_str("-5"), &ms), UVLLM__EINVAL);
  assert_int_equal(ms, unset);
}

static int64_t reset(const char* text) {
  int64_t ms = -12345;
  int err = uvllm__parse_reset(test_str(text), NOW, &ms);
  assert_true(err == 0 || (err == UVLLM__EINVAL && ms == -12345));
  return err == 0 ? ms : INT64_MIN;
}

static void resets_in_every_syntax(void** state) {
  (void) state;
  assert_int_equal(reset("6m0s"), 360000);
  assert_int_equal(reset("88ms"), 88);
  assert_int_equal(reset("1h2m3.5s"), 3723500);
  assert_int_equal(reset("1s"), 1000);
  assert_int_equal(reset("0s"), 0);
  assert_int_equal(reset("0"), 0);
  assert_int_equal(reset("-1"), -1);
  assert_int_equal(reset("2m59.56s"), 179560);
  assert_int_equal(reset("7.66s"), 7660);
  assert_int_equal(reset("1500us"), 2);
  assert_int_equal(reset("1500\xc2\xb5s"), 2);
  assert_int_equal(reset("1ns"), 1);
  assert_int_equal(reset("24h0m0s"), 86400000);
  assert_int_equal(reset("55"), 55000);
  assert_int_equal(reset("1795250060"), 60000);
  assert_int_equal(reset("1795250060000"), 60000);
  assert_int_equal(reset("1000000001"), 0); /* long ago */
  assert_int_equal(reset("2026-11-21T08:34:20Z"), 60000);
  assert_int_equal(reset("2026-11-21T09:34:20.25+01:00"), 60250);
  assert_int_equal(reset("2020-01-01T00:00:00Z"), 0);
  assert_int_equal(reset("Sat, 21 Nov 2026 08:34:20 GMT"), 60000);
  assert_int_equal(reset("99999999999999h99999999999999h"), (int64_t) UVLLM__WAIT_MAX_MS);
}

static void resets_that_are_none(void** state) {
  (void) state;
  static const char* const texts[] = { "", "s", "5m3", "m5", "1d", "1 s", "-5s", "--1",
                                       "2026-11-21", "2026-11-21T08:34:20",
                                       "2026-13-21T08:34:20Z", "2026-11-21T08:34:20+25:00",
                                       "2026-11-21T08:34:20.Z", "tomorrow" };
  for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
    assert_true(reset(texts[i]) == INT64_MIN);
}

static void durations_alone(void** state) {
  (void) state;
  uint64_t ms = unset;
  assert_int_equal(uvllm__parse_duration(test_str("0"), &ms), 0);
  assert_int_equal(ms, 0);
  assert_int_equal(uvllm__parse_duration(test_str("1h2m3.5s"), &ms), 0);
  assert_int_equal(ms, 3723500);
  assert_int_equal(uvllm__parse_duration(test_str(".5s"), &ms), 0);
  assert_int_equal(ms, 500);
  ms = unset;
  assert_int_equal(uvllm__parse_duration(test_str("5"), &ms), UVLLM__EINVAL);
  assert_int_equal(uvllm__parse_duration(test_str("-1s"), &ms), UVLLM__EINVAL);
  assert_int_equal(uvllm__parse_duration(test_str(""), &ms), UVLLM__EINVAL);
  assert_int_equal(ms, unset);
}

static int64_t rfc3339(const char* text) {
  int64_t ms = -1;
  assert_int_equal(uvllm__parse_rfc3339(test_str(text), &ms), 0);
  return ms;
}

static void moments_of_the_calendar(void** state) {
  (void) state;
  assert_int_equal(rfc3339("1970-01-01T00:00:00Z"), 0);
  assert_int_equal(rfc3339("2000-02-29T12:00:00z"), INT64_C(951825600000));
  assert_int_equal(rfc3339("2000-03-01t00:00:00-00:30"), INT64_C(951870600000));
  assert_int_equal(rfc3339("2100-03-01 00:00:00Z"), INT64_C(4107542400000));
  assert_int_equal(rfc3339("2016-12-31T23:59:60Z"), INT64_C(1483228800000));
  assert_int_equal(rfc3339("1969-12-31T23:59:59.999Z"), -1);
  int64_t ms;
  assert_int_equal(uvllm__parse_rfc3339(test_str("2100-02-29T00:00:00Z"), &ms), UVLLM__EINVAL);
}

static void two_digit_years_lie_within_fifty(void** state) {
  (void) state;
  int64_t ms;
  assert_int_equal(uvllm__parse_http_date(test_str("Monday, 01-Jan-75 00:00:00 GMT"), NOW, &ms), 0);
  assert_int_equal(ms, INT64_C(3313526400000)); /* 2075 */
  assert_int_equal(uvllm__parse_http_date(test_str("Monday, 01-Jan-77 00:00:00 GMT"), NOW, &ms), 0);
  assert_int_equal(ms, INT64_C(220924800000)); /* 1977 */
}

static void decode(const char* text, const char* expected) {
  char out[16];
  size_t len = 99;
  assert_int_equal(uvllm__base64_decode(test_str(text), out, sizeof(out), &len), 0);
  assert_int_equal(len, strlen(expected));
  assert_memory_equal(out, expected, len);
}

static void base64_with_and_without_padding(void** state) {
  (void) state;
  decode("", "");
  decode("Zg==", "f");
  decode("Zm8=", "fo");
  decode("Zm9v", "foo");
  decode("Zm9vYg==", "foob");
  decode("Zm9vYmE", "fooba");
  decode("Zm9vYg", "foob");
  decode("++//", "\xfb\xef\xff");
}

static void base64_that_is_none(void** state) {
  (void) state;
  static const char* const texts[] = { "Z", "Zg=", "Zg===", "Z===", "Zm9v=", "Zm 9", "Zh==",
                                       "Zm9=", "Zm9vY*==", "====", "=", "Zm-_", "Zg==Zg==" };
  char out[16];
  size_t len;
  for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
    assert_int_equal(uvllm__base64_decode(test_str(texts[i]), out, sizeof(out), &len),
                     UVLLM__EINVAL);
  assert_int_equal(uvllm__base64_decode(test_str("Zm9v"), out, 2, &len), UVLLM_ETOOLARGE);
  assert_int_equal(uvllm__base64_decode(test_str("Zm9v"), out, 3, &len), 0);
}

static void masks(const char* text, const char* expected) {
  char copy[256];
  size_t len = strlen(text);
  memcpy(copy, text, len + 1);
  len = uvllm__mask_secrets(copy, len);
  copy[len] = '\0';
  assert_string_equal(copy, expected);
}

static void keys_are_masked(void** state) {
  (void) state;
  masks("Incorrect API key provided: sk-proj-abcDEF_123. You can", "Incorrect API key provided: "
        "sk-***. You can");
  masks("provided: ab****yz. You can", "provided: ab****. You can");
  masks("Authorization: Bearer abcdefgh/ijk+l== was refused",
        "Authorization: Bearer abc*** was refused");
  masks("bearer:  tok.en-123456", "bearer:  tok***");
  masks("?api_key=sk-12345678&x=hf_12345678", "?api_key=sk-***&x=hf_***");
  masks("(nvapi-abcdefghij)", "(nva***)");
  masks("sk-12345678", "sk-***");
  masks("********", "********");
  masks("key: a***.", "key: ***.");
}

static void words_are_not_masked(void** state) {
  (void) state;
  static const char* const texts[] = {
    "", "The model `gpt-4o` does not exist", "a task-list of risk-free desk-work", "sk-", "sk-...",
    "This is **bold** and *this* too", "the bearer of bad news", "https://platform.openai.com/docs",
    "Limit 30000, Used 14567, Requested 24754. Please try again in 18.642s.", "..."
  };
  for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
    masks(texts[i], texts[i]);
}

static void a_known_secret_is_masked_whatever_it_looks_like(void** state) {
  (void) state;
  char text[] = "key abcd1234, again abcd1234abcd1234 and abcd123";
  size_t len = uvllm__mask_value(text, strlen(text), test_str("abcd1234"));
  text[len] = '\0';
  assert_string_equal(text, "key ***, again ****** and abcd123");
  assert_int_equal(uvllm__mask_value(text, len, test_str("key")), len);
  assert_int_equal(uvllm__mask_value(text, len, (uvllm_str_t) { NULL, 0 }), len);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(retry_after_in_seconds),
    cmocka_unit_test(retry_after_as_a_date),
    cmocka_unit_test(retry_after_that_is_none),
    cmocka_unit_test(retry_after_in_milliseconds),
    cmocka_unit_test(resets_in_every_syntax),
    cmocka_unit_test(resets_that_are_none),
    cmocka_unit_test(durations_alone),
    cmocka_unit_test(moments_of_the_calendar),
    cmocka_unit_test(two_digit_years_lie_within_fifty),
    cmocka_unit_test(base64_with_and_without_padding),
    cmocka_unit_test(base64_that_is_none),
    cmocka_unit_test(keys_are_masked),
    cmocka_unit_test(words_are_not_masked),
    cmocka_unit_test(a_known_secret_is_masked_whatever_it_looks_like),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
