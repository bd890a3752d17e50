/* Estimates of tokens: first guesses, learning, bounds, forgetting. */
#include "test.h"
#include "estimate.h"

static uvllm__estimate_t* new_estimate(const uvllm_alloc_t* alloc) {
  uvllm__estimate_t* e = NULL;
  assert_int_equal(uvllm__estimate_new(&e, alloc), 0);
  return e;
}

static void begins_with_four_bytes_a_token(void** state) {
  (void) state;
  uvllm__estimate_t* e = new_estimate(NULL);
  uvllm_cost_t cost = uvllm__estimate(e, "m", 4000, 0);
  assert_int_equal(cost.input_tokens, 1000);
  assert_int_equal(cost.output_tokens, 256);
  assert_int_equal(cost.taken_ns, 0);
  cost = uvllm__estimate(e, NULL, 1, 50);
  assert_int_equal(cost.input_tokens, 1); /* rounded up */
  assert_int_equal(cost.output_tokens, 50);
  assert_int_equal(uvllm__estimate(e, "m", 0, 1).input_tokens, 0);
  cost = uvllm__estimate(NULL, "m", 4000, 0);
  assert_int_equal(cost.input_tokens, 1000);
  assert_int_equal(cost.output_tokens, 256);
  uvllm__estimate_free(e);
  uvllm__estimate_free(NULL);
}

static void learns_each_model_by_itself(void** state) {
  (void) state;
  uvllm__estimate_t* e = new_estimate(NULL);
  for (int i = 0; i < 100; i++) {
    uvllm__estimate_learn(e, "dense", 1000, 500, 40);
    uvllm__estimate_learn(e, "sparse", 1000, 125, 4000);
  }
  uvllm_cost_t cost = uvllm__estimate(e, "dense", 2000, 0);
  assert_in_range(cost.input_tokens, 999, 1001);
  assert_in_range(cost.output_tokens, 40, 41);
  cost = uvllm__estimate(e, "sparse", 2000, 0);
  assert_in_range(cost.input_tokens, 249, 251);
  assert_in_range(cost.output_tokens, 3999, 4000);
  assert_int_equal(uvllm__estimate(e, "sparse", 2000, 7).output_tokens, 7);
  assert_int_equal(uvllm__estimate(e, "unknown", 2000, 0).input_tokens, 500);
  uvllm__estimate_free(e);
}

static void one_answer_moves_it_by_an_eighth(void** state) {
  (void) state;
  uvllm__estimate_t* e = new_estimate(NULL);
  uvllm__estimate_learn(e, "m", 1000, 1000, 256 + 80);
  assert_int_equal(uvllm__estimate(e, "m", 32, 0).input_tokens, 11); /* 1/4 + 3/4 / 8 */
  assert_int_equal(uvllm__estimate(e, "m", 32, 0).output_tokens, 266);
  uvllm__estimate_free(e);
}

static void what_was_not_said_is_not_learnt(void** state) {
  (void) state;
  uvllm__estimate_t* e = new_estimate(NULL);
  for (int i = 0; i < 50; i++) {
    uvllm__estimate_learn(e, "m", 1000, 0, 0);
    uvllm__estimate_learn(e, "m", 0, 500, 0);
  }
  assert_int_equal(uvllm__estimate(e, "m", 4000, 0).input_tokens, 1000);
  assert_int_equal(uvllm__estimate(e, "m", 4000, 0).output_tokens, 256);
  uvllm__estimate_free(e);
}

static void absurd_usage_is_bounded(void** state) {
  (void) state;
  uvllm__estimate_t* e = new_estimate(NULL);
  for (int i = 0; i < 200; i++) {
    uvllm__estimate_learn(e, "many", 1, UINT64_MAX, UINT64_MAX);
    uvllm__estimate_learn(e, "few", UINT64_MAX, 1, 1);
  }
  assert_in_range(uvllm__estimate(e, "many", 6400, 0).input_tokens, 6399, 6400);
  assert_in_range(uvllm__estimate(e, "few", 6400, 0).input_tokens, 400, 401);
  assert_in_range(uvllm__estimate(e, "many", 0, 0).output_tokens, 1, (uint64_t) 1 << 40);
  uvllm_cost_t all = uvllm__estimate(e, "many", UINT64_MAX, 1);
  assert_in_range(all.input_tokens, UINT64_MAX / 2, UINT64_MAX);
  uvllm__estimate_free(e);
}

static void forgets_the_model_unused_for_longest(void** state) {
  (void) state;
  test_alloc_t a;
  test_alloc_init(&a);
  uvllm__estimate_t* e = new_estimate(&a.hook);
  for (int i = 0; i < 300; i++) {
    char name[32];
    snprintf(name, sizeof(name), "model-%d", i);
    uvllm__estimate_learn(e, name, 1000, 1000, 1);
    uvllm__estimate(e, "model-0", 1, 0); /* in use */
  }
  assert_int_equal(a.alive, 2 + 256);
  assert_true(uvllm__estimate(e, "model-0", 4000, 0).input_tokens > 1000);
  assert_true(uvllm__estimate(e, "model-299", 4000, 0).input_tokens > 1000);
  assert_int_equal(uvllm__estimate(e, "model-1", 4000, 0).input_tokens, 1000);
  uvllm__estimate_free(e);
  assert_int_equal(a.alive, 0);
}

static void survives_every_failing_allocation(void** state) {
  (void) state;
  for (int once = 0; once < 2; once++) {
    test_alloc_t a;
    size_t fail_at = 0;
    do {
      test_alloc_init(&a);
      a.fail_at = ++fail_at;
      a.fail_once = once;
      uvllm__estimate_t* e = NULL;
      int err = uvllm__estimate_new(&e, &a.hook);
      assert_int_equal(err, e != NULL ? 0 : UVLLM__ENOMEM);
      for (int i = 0; i < 12 && err == 0; i++) {
        char name[32];
        snprintf(name, sizeof(name), "model-%d", i);
        uvllm__estimate_learn(e, name, 1000, 1000, 1);
        assert_in_range(uvllm__estimate(e, name, 4000, 0).input_tokens, 1000, 2000);
      }
      uvllm__estimate_free(e);
      assert_int_equal(a.alive, 0);
    } while (a.calls >= fail_at);
    assert_true(fail_at > 12);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(begins_with_four_bytes_a_token),
    cmocka_unit_test(learns_each_model_by_itself),
    cmocka_unit_test(one_answer_moves_it_by_an_eighth),
    cmocka_unit_test(what_was_not_said_is_not_learnt),
    cmocka_unit_test(absurd_usage_is_bounded),
    cmocka_unit_test(forgets_the_model_unused_for_longest),
    cmocka_unit_test(survives_every_failing_allocation),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
