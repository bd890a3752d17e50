/* AIMD of what is in flight: by itself, and in virtual time against servers. */
#include "test.h"

#include "adapt.h"

enum { MS = 1000000, QUEUE = 512 };

static void there_is_no_bound_before_a_complaint(void** state) {
  (void) state;
  uvllm__adapt_t a = { 0 };
  assert_int_equal(uvllm__adapt_max(&a), UINT32_MAX);
  for (int i = 0; i < 1000; i++)
    uvllm__adapt_succeed(&a, 1000);
  assert_int_equal(uvllm__adapt_max(&a), UINT32_MAX);
}

static void complaints_of_one_round_count_once(void** state) {
  (void) state;
  uvllm__adapt_t a = { 0 };
  assert_int_equal(uvllm__adapt_complain(&a, 1000, 10, 100), 1);
  assert_int_equal(uvllm__adapt_max(&a), 80);
  for (uint64_t taken = 11; taken < 1000; taken++)
    assert_int_equal(uvllm__adapt_complain(&a, 2000, taken, 100), 0);
  assert_int_equal(uvllm__adapt_max(&a), 80);
  assert_int_equal(uvllm__adapt_complain(&a, 3000, 1000, 80), 1);
  assert_int_equal(uvllm__adapt_max(&a), 64);
}

static void it_falls_to_one_and_rises_only_where_it_was_filled(void** state) {
  (void) state;
  uvllm__adapt_t a = { 0 };
  for (uint64_t now = 1; now < 100; now++)
    uvllm__adapt_complain(&a, now, now, uvllm__adapt_max(&a) == UINT32_MAX
                                            ? 3 : uvllm__adapt_max(&a));
  assert_int_equal(uvllm__adapt_max(&a), 1);
  for (int i = 0; i < 100; i++)
    uvllm__adapt_succeed(&a, 0);
  assert_int_equal(uvllm__adapt_max(&a), 1);
  uvllm__adapt_succeed(&a, 1);
  assert_int_equal(uvllm__adapt_max(&a), 1); /* slowly, where it was too much before */
  for (int i = 0; i < 100; i++)
    uvllm__adapt_succeed(&a, 1);
  assert_int_equal(uvllm__adapt_max(&a), 2);
}

/* A server that bears `capacity` at once and refuses what is more at once. A request
 * takes 80 to 120 ms. There is always one that waits. */
typedef struct sim_s {
  uvllm__adapt_t a;
  uint64_t now, seed;
  uint32_t capacity, inflight, served;
  struct {
    uint64_t taken, ends;
    int refused;
  } at[QUEUE];
  uint64_t nrefused, nanswered, busy_ms, able_ms;
} sim_t;

static uint32_t roll(sim_t* s, uint32_t n) {
  s->seed = s->seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
  return (uint32_t) (s->seed >> 33) % n;
}

static void end_due(sim_t* s) {
  for (uint32_t i = 0; i < s->inflight;) {
    if (s->at[i].ends > s->now) {
      i++;
      continue;
    }
    if (s->at[i].refused) {
      s->nrefused++;
      uvllm__adapt_complain(&s->a, s->now, s->at[i].taken, s->inflight);
    } else {
      s->nanswered++;
      s->served--;
      uvllm__adapt_succeed(&s->a, s->inflight);
    }
    s->at[i] = s->at[--s->inflight];
  }
}

static void send_more(sim_t* s) {
  while (s->inflight < uvllm__adapt_max(&s->a) && s->inflight < 400) {
    const int refused = s->served >= s->capacity;
    s->at[s->inflight].taken = s->now;
    s->at[s->inflight].refused = refused;
    s->at[s->inflight].ends = s->now + (refused ? 5 : 80 + roll(s, 41)) * (uint64_t) MS;
    s->served += !refused;
    s->inflight++;
  }
}

static void run(sim_t* s, int ms) {
  for (int i = 0; i < ms; i++) {
    s->now += MS;
    end_due(s);
    send_more(s);
    s->busy_ms += s->served;
    s->able_ms += s->capacity;
  }
}

static void it_fills_a_server_that_refuses_little(void** state) {
  (void) state;
  for (uint64_t seed = 1; seed <= 50; seed++) {
    sim_t s = { .seed = seed, .capacity = 2 + (uint32_t) seed * 3 };
    run(&s, 5000);
    s.nrefused = s.nanswered = s.busy_ms = s.able_ms = 0;
    run(&s, 60000);
    assert_true(s.busy_ms * 100 >= s.able_ms * 80);
    assert_true(s.nrefused * 100 <= s.nanswered * 5);
  }
}

static void it_follows_a_server_that_loses_and_regains_its_strength(void** state) {
  (void) state;
  for (uint64_t seed = 1; seed <= 20; seed++) {
    sim_t s = { .seed = seed, .capacity = 100 };
    run(&s, 20000);
    s.capacity = 10;
    run(&s, 3000);
    s.nrefused = s.nanswered = 0;
    run(&s, 20000);
    assert_true(s.nrefused * 100 <= s.nanswered * 10);
    s.capacity = 100;
    run(&s, 20000);
    s.busy_ms = s.able_ms = 0;
    run(&s, 10000);
    assert_true(s.busy_ms * 100 >= s.able_ms * 80);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(there_is_no_bound_before_a_complaint),
    cmocka_unit_test(complaints_of_one_round_count_once),
    cmocka_unit_test(it_falls_to_one_and_rises_only_where_it_was_filled),
    cmocka_unit_test(it_fills_a_server_that_refuses_little),
    cmocka_unit_test(it_follows_a_server_that_loses_and_regains_its_strength),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
