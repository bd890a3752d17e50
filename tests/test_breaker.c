/* The circuit breaker by itself, in virtual time. */
#include "test.h"

#include "breaker.h"

static const uint64_t second = UINT64_C(1000000000);

static void end_many(uvllm__breaker_t* b, int n, uvllm__outcome outcome, uint64_t now) {
  for (int i = 0; i < n; i++)
    uvllm__breaker_end(b, now, uvllm__breaker_begin(b), outcome, 1);
}

static void open_it(uvllm__breaker_t* b, uint64_t now) {
  memset(b, 0, sizeof(*b));
  end_many(b, 1, UVLLM__OUTCOME_ALIVE, now);
  end_many(b, 16, UVLLM__OUTCOME_FAULT, now);
  assert_false(uvllm__breaker_is_closed(b));
}

static void it_opens_after_faults_in_a_row_alone(void** state) {
  (void) state;
  uvllm__breaker_t b = { 0 };
  end_many(&b, 1, UVLLM__OUTCOME_ALIVE, 1);
  for (int i = 0; i < 1000; i++) {
    end_many(&b, 15, UVLLM__OUTCOME_FAULT, 1);
    end_many(&b, 1, UVLLM__OUTCOME_ALIVE, 1);
  }
  assert_true(uvllm__breaker_is_closed(&b));
  assert_int_equal(uvllm__breaker_when(&b, 1), 0);
  end_many(&b, 15, UVLLM__OUTCOME_FAULT, 1);
  end_many(&b, 100, UVLLM__OUTCOME_UNKNOWN, 1);
  assert_true(uvllm__breaker_is_closed(&b));
  assert_int_equal(uvllm__breaker_end(&b, 5, uvllm__breaker_begin(&b), UVLLM__OUTCOME_FAULT, 1), 1);
  assert_int_equal(uvllm__breaker_when(&b, 5), 5 + second);
}

static void what_never_answered_is_no_outage(void** state) {
  (void) state;
  uvllm__breaker_t b = { 0 };
  end_many(&b, 1000, UVLLM__OUTCOME_FAULT, 1);
  assert_true(uvllm__breaker_is_closed(&b));
}

static void one_finds_out_and_the_others_wait_for_it(void** state) {
  (void) state;
  uvllm__breaker_t b;
  open_it(&b, 0);
  assert_int_equal(uvllm__breaker_when(&b, second - 1), second);
  assert_int_equal(uvllm__breaker_when(&b, second), 0);
  const uint32_t probe = uvllm__breaker_begin(&b);
  assert_true(uvllm__breaker_when(&b, 2 * second) == UINT64_MAX);
  assert_int_equal(uvllm__breaker_end(&b, 2 * second, probe, UVLLM__OUTCOME_UNKNOWN, 1), 0);
  assert_int_equal(uvllm__breaker_when(&b, 2 * second), 0); /* another one may */
}

static void it_waits_longer_each_time(void** state) {
  (void) state;
  uvllm__breaker_t b;
  uint64_t now = 0;
  open_it(&b, now);
  for (uint64_t wait = 1; wait <= 64; wait *= 2) {
    assert_int_equal(uvllm__breaker_when(&b, now), now + (wait < 30 ? wait : 30) * second);
    now = uvllm__breaker_when(&b, now);
    assert_int_equal(
        uvllm__breaker_end(&b, now, uvllm__breaker_begin(&b), UVLLM__OUTCOME_FAULT, 1), 1);
  }
}

static void its_time_varies_by_chance(void** state) {
  (void) state;
  uvllm__breaker_t b = { .has_answered = 1, .faults = 15 };
  uvllm__breaker_end(&b, 0, uvllm__breaker_begin(&b), UVLLM__OUTCOME_FAULT, 0);
  assert_int_equal(uvllm__breaker_when(&b, 0), second / 4 * 3);
}

static void it_comes_back_by_a_ramp(void** state) {
  (void) state;
  uvllm__breaker_t b;
  uint32_t tickets[256];
  unsigned int most = 1, answers = 0, n = 0, change = 0;
  open_it(&b, 0);
  while (!uvllm__breaker_is_closed(&b)) {
    while (n < 256 && uvllm__breaker_when(&b, second) == 0)
      tickets[n++] = uvllm__breaker_begin(&b);
    most = n > most ? n : most;
    assert_true(n <= answers + 1);
    change = (unsigned int) uvllm__breaker_end(&b, second, tickets[--n], UVLLM__OUTCOME_ALIVE, 1);
    answers++;
  }
  assert_int_equal((int) change, -1);
  assert_int_equal(most, 64);
  assert_int_equal(answers, 64);
  end_many(&b, 15, UVLLM__OUTCOME_FAULT, second); /* it counts anew */
  assert_true(uvllm__breaker_is_closed(&b));
}

static void faults_on_the_ramp_open_it_again(void** state) {
  (void) state;
  uvllm__breaker_t b;
  open_it(&b, 0);
  end_many(&b, 5, UVLLM__OUTCOME_ALIVE, second);
  for (int i = 0; i < 20; i++) { /* every other one is an answer */
    end_many(&b, 1, UVLLM__OUTCOME_FAULT, second);
    end_many(&b, 1, UVLLM__OUTCOME_ALIVE, second);
  }
  assert_int_equal(uvllm__breaker_when(&b, second), 0);
  const uint32_t other = uvllm__breaker_begin(&b);
  end_many(&b, 3, UVLLM__OUTCOME_FAULT, second);
  assert_int_equal(uvllm__breaker_when(&b, second), 0);
  end_many(&b, 1, UVLLM__OUTCOME_FAULT, second);
  assert_int_equal(uvllm__breaker_when(&b, second), 2 * second); /* for a second: it had answered */
  /* What had begun before changes nothing. */
  assert_int_equal(uvllm__breaker_end(&b, second, other, UVLLM__OUTCOME_ALIVE, 1), 0);
  assert_int_equal(uvllm__breaker_when(&b, 2 * second), 0);
  uvllm__breaker_begin(&b);
  assert_true(uvllm__breaker_when(&b, 2 * second) == UINT64_MAX);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(it_opens_after_faults_in_a_row_alone),
    cmocka_unit_test(what_never_answered_is_no_outage),
    cmocka_unit_test(one_finds_out_and_the_others_wait_for_it),
    cmocka_unit_test(it_waits_longer_each_time),
    cmocka_unit_test(its_time_varies_by_chance),
    cmocka_unit_test(it_comes_back_by_a_ramp),
    cmocka_unit_test(faults_on_the_ramp_open_it_again),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
