/* provider_conformance DIALECT FOLDER: a built-in dialect through its fixtures. */
#include "provider_conformance.h"

static const char *dialect, *folder;

static void every_fixture_however_it_is_cut(void** state) {
  (void) state;
  const uvllm_provider_ops_t* ops = uvllm__dialect(dialect);
  assert_non_null(ops);
  print_message("%d fixtures\n", conformance_run(ops, folder));
}

int main(int argc, char** argv) {
  const struct CMUnitTest tests[] = { cmocka_unit_test(every_fixture_however_it_is_cut) };
  if (argc != 3)
    return 2;
  dialect = argv[1];
  folder = argv[2];
  return cmocka_run_group_tests(tests, NULL, NULL);
}
