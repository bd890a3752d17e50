/* Growth, limit and sticky errors of uvllm__buf_t. */
#include "test.h"
#include "buf.h"

static void grows_and_consumes(void** state) {
  (void) state;
  test_alloc_t a;
  test_alloc_init(&a);
  uvllm__buf_t b;
  uvllm__buf_init(&b, &a.hook, SIZE_MAX);
  for (int i = 0; i < 1000; i++)
    assert_int_equal(uvllm__buf_uint(&b, (uint64_t) i), 0);
  assert_int_equal(b.len, 10 + 180 + 2700);
  uvllm__buf_consume(&b, b.len - 3);
  assert_str(uvllm__buf_slice(&b), "999");
  uvllm__buf_clear(&b);
  uvllm__buf_uint(&b, UINT64_MAX);
  assert_str(uvllm__buf_slice(&b), "18446744073709551615");
  uvllm__buf_wipe(&b);
  assert_int_equal(a.alive, 0);
}

static void stops_at_its_limit(void** state) {
  (void) state;
  test_alloc_t a;
  test_alloc_init(&a);
  uvllm__buf_t b;
  uvllm__buf_init(&b, &a.hook, 5);
  assert_int_equal(uvllm__buf_str(&b, "12345"), 0);
  assert_int_equal(uvllm__buf_char(&b, '6'), UVLLM_ETOOLARGE);
  assert_int_equal(uvllm__buf_append(&b, NULL, 0), UVLLM_ETOOLARGE);
  assert_str(uvllm__buf_slice(&b), "12345");
  uvllm__buf_clear(&b);
  assert_int_equal(uvllm__buf_str(&b, "ab"), 0);
  uvllm__buf_free(&b);
  assert_int_equal(a.alive, 0);
}

static void keeps_what_it_has_without_memory(void** state) {
  (void) state;
  test_alloc_t a;
  test_alloc_init(&a);
  a.fail_at = 2;
  uvllm__buf_t b;
  uvllm__buf_init(&b, &a.hook, SIZE_MAX);
  assert_int_equal(uvllm__buf_str(&b, "first"), 0);
  char more[100] = { 0 };
  assert_int_equal(uvllm__buf_append(&b, more, sizeof(more)), UVLLM__ENOMEM);
  assert_int_equal(uvllm__buf_char(&b, 'x'), UVLLM__ENOMEM);
  assert_str(uvllm__buf_slice(&b), "first");
  uvllm__buf_free(&b);
  assert_int_equal(a.alive, 0);
}

static void recycles_small_ones_only(void** state) {
  (void) state;
  test_alloc_t a;
  test_alloc_init(&a);
  uvllm__buf_t b;
  uvllm__buf_init(&b, &a.hook, SIZE_MAX);
  uvllm__buf_str(&b, "secret");
  char* base = b.base;
  uvllm__buf_recycle(&b, 1000);
  assert_ptr_equal(b.base, base);
  assert_int_equal(b.len, 0);
  assert_memory_equal(base, "\0\0\0\0\0\0", 6);
  char more[2000] = { 1 };
  uvllm__buf_append(&b, more, sizeof(more));
  uvllm__buf_recycle(&b, 1000);
  assert_null(b.base);
  assert_int_equal(a.alive, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(grows_and_consumes),
    cmocka_unit_test(stops_at_its_limit),
    cmocka_unit_test(recycles_small_ones_only),
    cmocka_unit_test(keeps_what_it_has_without_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
