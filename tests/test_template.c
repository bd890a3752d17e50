/* The template of a dialect, and with it that a provider of one's own can be run
 * through its fixtures.
 */
#include "provider_conformance.h"
#include "../adapters/providers/template.c"

static void every_fixture_however_it_is_cut(void** state) {
  (void) state;
  assert_int_equal(conformance_run(&uvllm__template_ops, FIXTURES "/template"), 7);
}

int main(void) {
  const struct CMUnitTest tests[] = { cmocka_unit_test(every_fixture_however_it_is_cut) };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
