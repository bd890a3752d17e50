/* TLS is verified: against OpenSSL's own test server, with certificates made for
 * the occasion.
 */
#include "core.h"
#include "tls_server.h"

static seen_t models_from(const char* certificate, const char* host, int trusted) {
  core_t c;
  tls_server_t server;
  ask_t a;
  seen_t s;
  char url[64], ca[128];
  uvllm_provider_options_t p;
  memset(&s, 0, sizeof(s));
  tls_start(&server, certificate, "-HTTP");
  core_begin(&c);
  snprintf(url, sizeof(url), "https://%s:%d/v1", host, server.port);
  snprintf(ca, sizeof(ca), "%s/ca.pem", tls_dir);
  core_provider_init(&p);
  p.name = "mock";
  p.dialect = "openai";
  p.base_url = url;
  p.ca_file = trusted ? ca : NULL;
  assert_int_equal(uvllm_provider_set(c.client, &p), 0);
  ask_init(&a, "", NULL);
  a.r.op = UVLLM_MODELS;
  a.r.flags = 0;
  a.r.nmessages = 0;
  a.r.max_attempts = 3;
  core_submit(&c, &a.r, &s);
  core_run(&c, 1);
  core_end(&c);
  tls_stop(&server);
  return s;
}

static void known_ca_is_accepted(void** state) {
  (void) state;
  seen_t s = models_from("good", "127.0.0.1", 1);
  assert_int_equal(s.status, 0);
  assert_int_equal(s.nevents[UVLLM_EVENT_MODEL], 1);
  s = models_from("good", "localhost", 1);
  assert_int_equal(s.status, 0);
}

static void unknown_ca_is_refused(void** state) {
  (void) state;
  seen_t s = models_from("good", "127.0.0.1", 0);
  assert_int_equal(s.status, UVLLM_ETLS);
  assert_int_equal(s.attempts, 1); /* it will not be known later either */
  assert_true(strlen(s.message) > 0);
}

static void expired_certificate_is_refused(void** state) {
  (void) state;
  seen_t s = models_from("expired", "127.0.0.1", 1);
  assert_int_equal(s.status, UVLLM_ETLS);
  assert_non_null(strstr(s.message, "expired"));
}

static void other_name_is_refused(void** state) {
  (void) state;
  seen_t s = models_from("other", "127.0.0.1", 1);
  assert_int_equal(s.status, UVLLM_ETLS);
}

static void missing_ca_file_is_an_error(void** state) {
  (void) state;
  core_t c;
  ask_t a;
  seen_t s;
  uvllm_provider_options_t p;
  memset(&s, 0, sizeof(s));
  core_begin(&c);
  core_provider_init(&p);
  p.name = "mock";
  p.dialect = "openai";
  p.base_url = "https://127.0.0.1:1/v1";
  p.ca_file = "/nonexistent/ca.pem";
  assert_int_equal(uvllm_provider_set(c.client, &p), UV_ENOENT);
  assert_true(strlen(uvllm_last_error(c.client)) > 0);
  ask_init(&a, "", NULL);
  assert_int_equal(core_try(&c, &a.r, &s), UVLLM_ENOPROVIDER);
  core_end(&c);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(known_ca_is_accepted),
    cmocka_unit_test(unknown_ca_is_refused),
    cmocka_unit_test(expired_certificate_is_refused),
    cmocka_unit_test(other_name_is_refused),
    cmocka_unit_test(missing_ca_file_is_an_error),
  };
  return cmocka_run_group_tests(tests, tls_setup, tls_teardown);
}
