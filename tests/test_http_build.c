/* What may be put into an HTTP request, what comes out, and what never may. */
#include "test.h"
#include "http_build.h"
#include "http_chars.h"

typedef struct fixture_s {
  test_alloc_t alloc;
  uvllm_http_t http;
} fixture_t;

static void begin(fixture_t* f) {
  test_alloc_init(&f->alloc);
  uvllm__http_init(&f->http, &f->alloc.hook);
}

static void end(fixture_t* f) {
  uvllm__http_free(&f->http);
  assert_int_equal(f->alloc.alive, 0);
}

static const char* line_of(const uvllm_http_t* http, const char* name) {
  for (size_t i = 0; i < http->nheaders; i++)
    if (strncmp(uvllm__http_header_line(http, i), name, strlen(name)) == 0)
      return uvllm__http_header_line(http, i);
  return NULL;
}

static void put_all(uvllm_http_t* http) {
  uvllm_http_method(http, "PUT");
  uvllm_http_path(http, "/models");
  uvllm_http_segment(http, test_str("a/b:c d\xc3\xa9"));
  uvllm_http_query(http, "a b", test_str("1&2"));
  uvllm_http_query(http, "c", test_str(""));
  uvllm_http_header(http, "Accept", test_str(" text/plain\t"));
  uvllm_http_secret(http, "Authorization", "Bearer ", test_str("sk-1"));
  uvllm_json_begin_array(uvllm_http_json(http));
  uvllm_json_write_int(uvllm_http_json(http), 7);
  uvllm_json_end_array(uvllm_http_json(http));
}

static void builds_all_parts(void** state) {
  (void) state;
  fixture_t f;
  begin(&f);
  put_all(&f.http);
  assert_int_equal(uvllm__http_finish(&f.http), 0);
  assert_string_equal(f.http.method, "PUT");
  assert_string_equal(f.http.path.base, "/models/a%2Fb%3Ac%20d%C3%A9?a%20b=1%262&c=");
  assert_int_equal(f.http.path.len, strlen(f.http.path.base));
  assert_int_equal(f.http.nheaders, 2);
  assert_string_equal(uvllm__http_header_line(&f.http, 0), "Accept: text/plain");
  assert_string_equal(uvllm__http_header_line(&f.http, 1), "Authorization: Bearer sk-1");
  assert_false(f.http.headers[0].secret);
  assert_true(f.http.headers[1].secret);
  assert_str(uvllm__http_body(&f.http), "[7]");
  end(&f);
}

static void posts_nothing_to_the_base_by_default(void** state) {
  (void) state;
  fixture_t f;
  begin(&f);
  assert_int_equal(uvllm__http_finish(&f.http), 0);
  assert_string_equal(f.http.method, "POST");
  assert_string_equal(f.http.path.base, "");
  assert_null(uvllm__http_body(&f.http).base);
  end(&f);
}

static void resets_to_nothing(void** state) {
  (void) state;
  fixture_t f;
  begin(&f);
  for (int i = 0; i < 3; i++) {
    put_all(&f.http);
    uvllm_http_path(&f.http, "/late"); /* behind a query */
    assert_int_equal(uvllm__http_finish(&f.http), UVLLM__EINVAL);
    uvllm__http_reset(&f.http);
    assert_int_equal(uvllm__http_finish(&f.http), 0);
    assert_int_equal(f.http.nheaders, 0);
    assert_string_equal(f.http.method, "POST");
    assert_null(uvllm__http_body(&f.http).base);
  }
  end(&f);
}

static void a_borrowed_body_wins_even_if_empty(void** state) {
  (void) state;
  fixture_t f;
  begin(&f);
  put_all(&f.http);
  uvllm_http_body_ref(&f.http, test_str("mine"));
  assert_int_equal(uvllm__http_finish(&f.http), 0);
  assert_str(uvllm__http_body(&f.http), "mine");
  uvllm_http_body_ref(&f.http, test_str(""));
  assert_non_null(uvllm__http_body(&f.http).base);
  assert_int_equal(uvllm__http_body(&f.http).len, 0);
  end(&f);
}

static void a_header_stands_once(void** state) {
  (void) state;
  fixture_t f;
  begin(&f);
  uvllm_http_header(&f.http, "User-Agent", test_str("uvllm"));
  uvllm_http_header(&f.http, "Accept", test_str("a"));
  uvllm_http_header(&f.http, "user-agent", test_str("mine"));
  assert_int_equal(f.http.nheaders, 2);
  assert_string_equal(line_of(&f.http, "user-agent"), "user-agent: mine");
  assert_null(line_of(&f.http, "User-Agent"));
  end(&f);
}

static void a_secret_is_never_replaced(void** state) {
  (void) state;
  fixture_t f;
  begin(&f);
  uvllm_http_header(&f.http, "authorization", test_str("Basic mine"));
  uvllm_http_secret(&f.http, "Authorization", "Bearer ", test_str("key"));
  uvllm_http_header(&f.http, "AUTHORIZATION", test_str("other"));
  assert_int_equal(f.http.nheaders, 1);
  assert_string_equal(uvllm__http_header_line(&f.http, 0), "Authorization: Bearer key");
  uvllm_http_secret(&f.http, "Authorization", "", test_str("signed"));
  assert_string_equal(uvllm__http_header_line(&f.http, 0), "Authorization: signed");
  assert_int_equal(uvllm__http_finish(&f.http), 0);
  end(&f);
}

static void refuses_what_would_split_a_header(void** state) {
  (void) state;
  static const char* const values[] = { "a\r\nX: b", "a\nb", "\x7f", "a\x01" };
  static const char* const names[] = { "X:", "X y", "", "X\r", "\xc3\xa9", "a(b" };
  fixture_t f;
  begin(&f);
  for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
    uvllm__http_reset(&f.http);
    uvllm_http_header(&f.http, "X", test_str(values[i]));
    assert_int_equal(uvllm__http_finish(&f.http), UVLLM__EINVAL);
    uvllm__http_reset(&f.http);
    uvllm_http_secret(&f.http, "X", values[i], test_str("v"));
    assert_int_equal(uvllm__http_finish(&f.http), UVLLM__EINVAL);
  }
  for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
    uvllm__http_reset(&f.http);
    uvllm_http_header(&f.http, names[i], test_str("v"));
    assert_int_equal(uvllm__http_finish(&f.http), UVLLM__EINVAL);
  }
  uvllm__http_reset(&f.http);
  uvllm_http_header(&f.http, "X", (uvllm_str_t) { "a\0b", 3 });
  assert_int_equal(uvllm__http_finish(&f.http), UVLLM__EINVAL);
  uvllm__http_reset(&f.http);
  uvllm_http_header(&f.http, "X", test_str("\xc3\xa9\tok"));
  assert_int_equal(uvllm__http_finish(&f.http), 0);
  end(&f);
}

/* Values are looked at in words: each byte counts at each place of them. */
static void sees_every_byte_of_a_value(void** state) {
  (void) state;
  char value[20];
  for (size_t len = 1; len < sizeof(value); len++)
    for (size_t at = 0; at < len; at++)
      for (int c = 0; c < 256; c++) {
        memset(value, c % 2 == 0 ? 'a' : '\xff', sizeof(value));
        value[at] = (char) c;
        const int wanted = (c >= 0x20 && c != 0x7f) || c == '\t';
        assert_int_equal(uvllm__is_field_value((uvllm_str_t) { value, len }), wanted);
      }
  assert_true(uvllm__is_field_value(test_str("")));
}

static void sees_every_byte_of_a_path(void** state) {
  (void) state;
  for (size_t len = 1; len < 20; len++)
    for (size_t at = 1; at < len; at++)
      for (int c = 1; c < 256; c++) {
        char path[20] = "/";
        fixture_t f;
        memset(path + 1, 'a', len - 1);
        path[at] = (char) c;
        begin(&f);
        uvllm_http_path(&f.http, path);
        const int wanted = c > 0x20 && c < 0x7f && c != '#';
        assert_int_equal(uvllm__http_finish(&f.http), wanted ? 0 : UVLLM__EINVAL);
        end(&f);
      }
}

static void names_are_the_same_in_any_case(void** state) {
  (void) state;
  static const char wanted[] = "x-ratelimit-limit2";
  char name[sizeof(wanted)];
  for (size_t at = 0; at < sizeof(wanted) - 1; at++)
    for (const char* c = "!#$%&'*+-.09AZ^_`az|~xX2"; *c != '\0'; c++) {
      memcpy(name, wanted, sizeof(wanted));
      name[at] = *c;
      const int same = *c == wanted[at] || (*c >= 'A' && *c <= 'Z' && (*c | 0x20) == wanted[at]);
      assert_int_equal(uvllm__is_name(test_str(name), wanted), same);
    }
  assert_true(uvllm__is_name(test_str("TE"), "te"));
  assert_false(uvllm__is_name(test_str(""), "te"));
  assert_false(uvllm__is_name(test_str("te-"), "te"));
}

static void constants_replace_and_are_replaced(void** state) {
  (void) state;
  fixture_t f;
  begin(&f);
  uvllm_http_header(&f.http, "accept", test_str("text/plain"));
  UVLLM__HTTP_CONSTANT(&f.http, "Accept", "application/json");
  UVLLM__HTTP_CONSTANT(&f.http, "X-Empty", "");
  UVLLM__HTTP_SECRET(&f.http, "X-Key", "Bearer ", test_str(" k "));
  UVLLM__HTTP_CONSTANT(&f.http, "X-KEY", "public");
  uvllm_http_header(&f.http, "x-empty", test_str("no"));
  assert_int_equal(uvllm__http_finish(&f.http), 0);
  assert_str(uvllm__http_fields(&f.http),
             "Accept: application/json\r\nX-Key: Bearer k\r\nx-empty: no\r\n");
  end(&f);
  begin(&f);
  UVLLM__HTTP_SECRET(&f.http, "X-Key", "", test_str("two\nlines"));
  assert_int_equal(uvllm__http_finish(&f.http), UVLLM__EINVAL);
  end(&f);
}

static void refuses_paths_that_lead_elsewhere(void** state) {
  (void) state;
  static const char* const paths[] = { "models", "@evil.example/", "/a b", "/a#b", "/\xc3\xa9",
                                       "/a\r\nX: y", ".evil.example" };
  fixture_t f;
  begin(&f);
  for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
    uvllm__http_reset(&f.http);
    uvllm_http_path(&f.http, paths[i]);
    assert_int_equal(uvllm__http_finish(&f.http), UVLLM__EINVAL);
  }
  static const char* const segments[] = { "", ".", ".." };
  for (size_t i = 0; i < sizeof(segments) / sizeof(segments[0]); i++) {
    uvllm__http_reset(&f.http);
    uvllm_http_segment(&f.http, test_str(segments[i]));
    assert_int_equal(uvllm__http_finish(&f.http), UVLLM__EINVAL);
  }
  uvllm__http_reset(&f.http);
  uvllm_http_path(&f.http, "/files?limit=2");
  uvllm_http_query(&f.http, "after", test_str("x"));
  assert_int_equal(uvllm__http_finish(&f.http), 0);
  assert_string_equal(f.http.path.base, "/files?limit=2&after=x");
  end(&f);
}

static void refuses_methods_that_are_none(void** state) {
  (void) state;
  static const char* const methods[] = { "", "GET /", "A\r\n", "ABCDEFGHIJKLMNOP" };
  fixture_t f;
  begin(&f);
  for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
    uvllm__http_reset(&f.http);
    uvllm_http_method(&f.http, methods[i]);
    assert_int_equal(uvllm__http_finish(&f.http), UVLLM__EINVAL);
    assert_string_equal(f.http.method, "POST");
  }
  end(&f);
}

static void bounds_number_and_size_of_headers(void** state) {
  (void) state;
  char name[8], large[40000];
  fixture_t f;
  begin(&f);
  for (int i = 0; i < UVLLM__HTTP_MAX_HEADERS; i++) {
    snprintf(name, sizeof(name), "X-%d", i);
    uvllm_http_header(&f.http, name, test_str("v"));
  }
  assert_int_equal(uvllm__http_finish(&f.http), 0);
  uvllm_http_header(&f.http, "X-0", test_str("again"));
  assert_int_equal(uvllm__http_finish(&f.http), 0);
  uvllm_http_header(&f.http, "X-more", test_str("v"));
  assert_int_equal(uvllm__http_finish(&f.http), UVLLM__EINVAL);
  uvllm__http_reset(&f.http);
  memset(large, 'a', sizeof(large));
  large[sizeof(large) - 1] = '\0';
  uvllm_http_header(&f.http, "A", test_str(large));
  assert_int_equal(uvllm__http_finish(&f.http), 0);
  uvllm_http_header(&f.http, "B", test_str(large));
  assert_int_equal(uvllm__http_finish(&f.http), UVLLM__EINVAL);
  assert_int_equal(f.http.nheaders, 1);
  end(&f);
}

/* Remembers each block that is given back with a key still in it. */
typedef struct spy_s {
  int leaks;
} spy_t;

static void* spy_malloc(void* ctx, size_t size) {
  (void) ctx;
  size_t* p = malloc(sizeof(size_t) * 2 + size);
  if (p != NULL)
    p[0] = size;
  return p != NULL ? p + 2 : NULL;
}

static void spy_free(void* ctx, void* ptr) {
  spy_t* spy = ctx;
  if (ptr == NULL)
    return;
  size_t* p = (size_t*) ptr - 2;
  for (size_t i = 0; i + 6 <= p[0]; i++)
    spy->leaks += memcmp((char*) ptr + i, "sk-key", 6) == 0;
  free(p);
}

static void* spy_realloc(void* ctx, void* ptr, size_t size) {
  void* p = spy_malloc(ctx, size);
  if (p != NULL && ptr != NULL) {
    size_t old = ((size_t*) ptr - 2)[0];
    memcpy(p, ptr, old < size ? old : size);
    spy_free(ctx, ptr);
  }
  return p;
}

static void leaves_no_copy_of_a_secret(void** state) {
  (void) state;
  spy_t spy = { 0 };
  const uvllm_alloc_t alloc = { spy_malloc, spy_realloc, spy_free, &spy };
  char filler[900];
  uvllm_http_t http;
  memset(filler, 'f', sizeof(filler));
  uvllm__http_init(&http, &alloc);
  for (int i = 0; i < 3; i++) {
    uvllm_http_secret(&http, "Authorization", "Bearer ", test_str("sk-key"));
    uvllm_http_header(&http, "X-Filler", (uvllm_str_t) { filler, (size_t) 300 * (size_t) (i + 1) });
    uvllm_http_header(&http, "Y-Filler", (uvllm_str_t) { filler, sizeof(filler) });
    assert_int_equal(uvllm__http_finish(&http), 0);
    uvllm__http_reset(&http);
    for (size_t k = 0; k + 6 <= http.text.cap; k++)
      assert_memory_not_equal(http.text.base + k, "sk-key", 6);
  }
  uvllm_http_secret(&http, "Authorization", "Bearer ", test_str("sk-key"));
  uvllm__http_free(&http);
  assert_int_equal(spy.leaks, 0);
}

static void headers_of_the_connection_are_ours(void** state) {
  (void) state;
  static const char* const ours[] = { "Host", "content-length", "Transfer-Encoding", "CONNECTION",
                                      "Expect", "TE", "Trailer", "Upgrade", "Keep-Alive",
                                      "Proxy-Authorization", "proxy-connection" };
  for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
    assert_int_equal(uvllm__http_check_header(ours[i], "v"), UVLLM__EINVAL);
  assert_int_equal(uvllm__http_check_header("Proxy", "v"), 0);
  assert_int_equal(uvllm__http_check_header("X-Title", "v w"), 0);
  assert_int_equal(uvllm__http_check_header("OpenAI-Organization", ""), 0);
  assert_int_equal(uvllm__http_check_header("X", "a\nb"), UVLLM__EINVAL);
  assert_int_equal(uvllm__http_check_header("X Y", "a"), UVLLM__EINVAL);
  assert_int_equal(uvllm__http_check_header(NULL, "a"), UVLLM__EINVAL);
  assert_int_equal(uvllm__http_check_header("X", NULL), UVLLM__EINVAL);
}

static void survives_every_failed_allocation(void** state) {
  (void) state;
  for (int once = 0; once <= 1; once++) {
    size_t fail_at = 1;
    for (int err = 1; err != 0; fail_at++) {
      fixture_t f;
      begin(&f);
      f.alloc.fail_at = fail_at;
      f.alloc.fail_once = once;
      put_all(&f.http);
      err = uvllm__http_finish(&f.http);
      assert_true(err == 0 || err == UVLLM__ENOMEM);
      end(&f);
    }
    assert_true(fail_at > 3);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(builds_all_parts),
    cmocka_unit_test(posts_nothing_to_the_base_by_default),
    cmocka_unit_test(resets_to_nothing),
    cmocka_unit_test(a_borrowed_body_wins_even_if_empty),
    cmocka_unit_test(a_header_stands_once),
    cmocka_unit_test(a_secret_is_never_replaced),
    cmocka_unit_test(refuses_what_would_split_a_header),
    cmocka_unit_test(sees_every_byte_of_a_value),
    cmocka_unit_test(sees_every_byte_of_a_path),
    cmocka_unit_test(names_are_the_same_in_any_case),
    cmocka_unit_test(constants_replace_and_are_replaced),
    cmocka_unit_test(refuses_paths_that_lead_elsewhere),
    cmocka_unit_test(refuses_methods_that_are_none),
    cmocka_unit_test(bounds_number_and_size_of_headers),
    cmocka_unit_test(leaves_no_copy_of_a_secret),
    cmocka_unit_test(headers_of_the_connection_are_ours),
    cmocka_unit_test(survives_every_failed_allocation),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
