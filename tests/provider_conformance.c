/* provider_conformance DIALECT FOLDER: a built-in dialect through its fixtures. */
#include "provider_conformance.h"

static const char *dialect, *folder;

static void every_fixture_however_it_is_cut(void** state) {
  (void) state;
  const uvllm_provider_ops_t* ops = uvllm__dialect(dialect);
  assert_non_null(ops);
  print_message("%d fixtures\n", conformance_run(ops, folder));
}

/* A request that waited while its provider was exchanged was checked by another. */
static void build_may_meet_any_op(void** state) {
  (void) state;
  const uvllm_provider_ops_t* ops = uvllm__dialect(dialect);
  static const uvllm_op all[] = { UVLLM_CHAT,   UVLLM_COMPLETION,   UVLLM_EMBED,
                                  UVLLM_MODELS, UVLLM_COUNT_TOKENS, UVLLM_RAW };
  for (size_t i = 0; i < 2 * sizeof(all) / sizeof(all[0]); i++) {
    static const uvllm_message_t m = { .role = UVLLM_USER, .text = UVLLM_STR("Hi") };
    uvllm_request_t r = { .op = all[i / 2], .messages = &m, .nmessages = 1, .raw_path = "/x",
                          .temperature = NAN, .top_p = NAN, .frequency_penalty = NAN,
                          .presence_penalty = NAN, .seed = INT64_MIN };
    uvllm_attempt_t a = { .request = &r, .number = 1,
                          .base_url = test_str("https://provider.example") };
    uvllm_http_t http;
    void* s = calloc(1, ops->state_size);
    assert_non_null(s);
    if (i % 2 != 0) /* that one has no model, either */
      a.model = test_str("m");
    uvllm__http_init(&http, &uvllm__alloc_default);
    int err = ops->build(s, &a, &http);
    err = err == 0 ? uvllm__http_finish(&http) : err;
    assert_true(err == 0 || err == UVLLM_EUNSUPPORTED || err == UVLLM__EINVAL);
    if (ops->fini != NULL)
      ops->fini(s);
    uvllm__http_free(&http);
    free(s);
  }
}

int main(int argc, char** argv) {
  const struct CMUnitTest tests[] = { cmocka_unit_test(every_fixture_however_it_is_cut),
                                      cmocka_unit_test(build_may_meet_any_op) };
  if (argc != 3)
    return 2;
  dialect = argv[1];
  folder = argv[2];
  return cmocka_run_group_tests(tests, NULL, NULL);
}
