/* The tracker: the budget under races of holds, the sums, the cap on rows. */
#include "test.h"

#include <errno.h>

#include "uvllm/usage.h"

static const uvllm_account_t A = { "openai", "gpt-4o-mini", "default", "a" };
static const uvllm_account_t B = { "openai", "gpt-4o", "second", "b" };


static uvllm_tracker_t* tracker_of(int64_t budget) {
  uvllm_tracker_t* t;
  assert_int_equal(uvllm_tracker_new(&t, budget, NULL), 0);
  assert_non_null(t);
  return t;
}


static uvllm_usage_t usage_of(uint64_t input, uint64_t output, int64_t pusd) {
  uvllm_usage_t u = { .input_tokens = input, .output_tokens = output, .cost_pusd = pusd };
  return u;
}


static uvllm_totals_t sum_of(const uvllm_tracker_t* t, const uvllm_account_t* filter) {
  uvllm_totals_t totals;
  memset(&totals, 0xff, sizeof(totals));
  uvllm_tracker_sum(t, filter, &totals);
  return totals;
}


static void hold(uvllm_tracker_t* t, const uvllm_account_t* account, int64_t pusd,
                 uvllm_hold_t* h) {
  assert_int_equal(uvllm_tracker_hold(t, account, pusd, h), 0);
  assert_int_equal(h->pusd, pusd);
}


static void settle(uvllm_tracker_t* t, uvllm_hold_t* h, uvllm_usage_t usage, int overrun) {
  assert_int_equal(uvllm_tracker_settle(t, h, &usage), overrun);
  assert_int_equal(h->row, 0);
  assert_int_equal(h->pusd, 0);
}


static void usage_add_sums_every_field(void** state) {
  (void) state;
  uvllm_usage_t total = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, UVLLM_USAGE_ESTIMATED };
  const uvllm_usage_t part = { 10, 20, 30, 40, 50, 60, 70, 80, 90, 100, UVLLM_USAGE_UNPRICED };
  uvllm_usage_add(&total, &part);
  const uvllm_usage_t sum = { 11, 22, 33, 44, 55, 66, 77, 88, 99, 110, 0 };
  assert_memory_equal(&total, &sum, offsetof(uvllm_usage_t, flags));
  assert_int_equal(total.flags, UVLLM_USAGE_ESTIMATED | UVLLM_USAGE_UNPRICED);
}


static void usage_add_stops_at_the_largest_number(void** state) {
  (void) state;
  uvllm_usage_t total = { .input_tokens = UINT64_MAX - 1, .cost_pusd = INT64_MAX - 1 };
  const uvllm_usage_t part = { .input_tokens = 5, .cost_pusd = 5 };
  uvllm_usage_add(&total, &part);
  assert_true(total.input_tokens == UINT64_MAX);
  assert_true(total.cost_pusd == INT64_MAX);
}


static void a_hold_counts_until_it_is_settled(void** state) {
  (void) state;
  uvllm_tracker_t* t = tracker_of(100);
  uvllm_hold_t one, two;
  hold(t, &A, 60, &one);
  assert_int_equal(uvllm_tracker_hold(t, &A, 41, &two), -EAGAIN);
  assert_int_equal(two.row, 0);
  hold(t, &B, 40, &two);
  assert_int_equal(sum_of(t, NULL).held_pusd, 100);
  assert_int_equal(sum_of(t, NULL).held, 2);
  settle(t, &one, usage_of(10, 5, 20), 0);
  assert_int_equal(sum_of(t, NULL).held_pusd, 40);
  assert_int_equal(sum_of(t, NULL).usage.cost_pusd, 20);
  hold(t, &A, 40, &one);
  uvllm_tracker_release(t, &one);
  uvllm_tracker_release(t, &two);
  assert_int_equal(sum_of(t, NULL).held, 0);
  assert_int_equal(sum_of(t, NULL).held_pusd, 0);
  assert_int_equal(sum_of(t, NULL).settled, 1);
  uvllm_tracker_free(t);
}


static void alone_over_the_budget_is_ebudget_and_behind_others_eagain(void** state) {
  (void) state;
  uvllm_tracker_t* t = tracker_of(100);
  uvllm_hold_t h, other;
  assert_int_equal(uvllm_tracker_hold(t, &A, 101, &h), UVLLM_EBUDGET);
  hold(t, &A, 100, &other);
  assert_int_equal(uvllm_tracker_hold(t, &A, 100, &h), -EAGAIN);
  assert_int_equal(uvllm_tracker_hold(t, &A, 101, &h), UVLLM_EBUDGET);
  settle(t, &other, usage_of(1, 1, 1), 0);
  assert_int_equal(uvllm_tracker_hold(t, &A, 100, &h), UVLLM_EBUDGET);
  hold(t, &A, 99, &h);
  settle(t, &h, usage_of(1, 1, 99), 0);
  assert_int_equal(uvllm_tracker_hold(t, &A, 1, &h), UVLLM_EBUDGET);
  hold(t, &A, 0, &h); /* what costs nothing fits into what is spent to the last */
  uvllm_tracker_release(t, &h);
  uvllm_tracker_free(t);
}


static void a_bill_beyond_the_hold_is_counted(void** state) {
  (void) state;
  uvllm_tracker_t* t = tracker_of(100);
  uvllm_hold_t h;
  hold(t, &A, 50, &h);
  settle(t, &h, usage_of(1, 1, 51), 1);
  hold(t, &A, 20, &h);
  settle(t, &h, usage_of(1, 1, 20), 0);
  hold(t, &A, 29, &h);
  settle(t, &h, usage_of(1, 1, 60), 1);
  assert_int_equal(sum_of(t, NULL).overruns, 2);
  assert_int_equal(sum_of(t, NULL).usage.cost_pusd, 131);
  assert_int_equal(uvllm_tracker_hold(t, &A, 0, &h), UVLLM_EBUDGET);
  uvllm_tracker_free(t);
}


static void without_a_budget_nothing_is_refused_and_nothing_overruns(void** state) {
  (void) state;
  uvllm_tracker_t* t = tracker_of(0);
  uvllm_hold_t a, b;
  hold(t, &A, INT64_MAX, &a);
  assert_int_equal(uvllm_tracker_hold(t, &B, INT64_MAX, &b), 0);
  assert_true(sum_of(t, NULL).held_pusd == INT64_MAX);
  uvllm_tracker_release(t, &b);
  uvllm_tracker_release(t, &a);
  assert_int_equal(sum_of(t, NULL).held_pusd, 0);
  hold(t, &A, 0, &a);
  settle(t, &a, usage_of(1, 1, 1000), 0);
  assert_int_equal(sum_of(t, NULL).overruns, 0);
  uvllm_tracker_free(t);
}


static void a_new_budget_counts_what_is_held_and_settled(void** state) {
  (void) state;
  uvllm_tracker_t* t = tracker_of(0);
  uvllm_hold_t a, b;
  hold(t, &A, 30, &a);
  settle(t, &a, usage_of(1, 1, 30), 0);
  hold(t, &A, 50, &a);
  uvllm_tracker_set_budget(t, 100);
  assert_int_equal(uvllm_tracker_budget(t), 100);
  assert_int_equal(uvllm_tracker_hold(t, &A, 71, &b), UVLLM_EBUDGET);
  assert_int_equal(uvllm_tracker_hold(t, &A, 21, &b), -EAGAIN);
  hold(t, &A, 20, &b);
  uvllm_tracker_set_budget(t, 10); /* below what is settled */
  uvllm_tracker_release(t, &b);
  assert_int_equal(uvllm_tracker_hold(t, &A, 0, &b), UVLLM_EBUDGET);
  uvllm_tracker_set_budget(t, -5);
  assert_int_equal(uvllm_tracker_budget(t), 0);
  hold(t, &A, 1000, &b);
  uvllm_tracker_release(t, &b);
  uvllm_tracker_release(t, &a);
  uvllm_tracker_free(t);
}


static void unpriced_usage_is_counted_and_costs_nothing(void** state) {
  (void) state;
  uvllm_tracker_t* t = tracker_of(100);
  uvllm_hold_t h;
  uvllm_usage_t u = usage_of(10, 20, 99);
  u.flags = UVLLM_USAGE_UNPRICED;
  hold(t, &A, 0, &h);
  settle(t, &h, u, 0);
  hold(t, &A, 7, &h);
  settle(t, &h, usage_of(1, 2, 7), 0);
  const uvllm_totals_t all = sum_of(t, NULL);
  assert_int_equal(all.settled, 2);
  assert_int_equal(all.unpriced, 1);
  assert_int_equal(all.usage.cost_pusd, 7);
  assert_int_equal(all.usage.input_tokens, 11);
  assert_int_equal(all.usage.output_tokens, 22);
  assert_true(all.usage.flags & UVLLM_USAGE_UNPRICED);
  assert_int_equal(sum_of(t, &A).usage.cost_pusd, 7);
  uvllm_tracker_free(t);
}


static void sums_go_by_any_of_the_names(void** state) {
  (void) state;
  static const uvllm_account_t accounts[] = {
    { "openai", "m", "k1", "x" },    { "openai", "m", "k2", "y" }, { "openai", "n", "k1", NULL },
    { "anthropic", "m", NULL, "x" }, { "openai", "m", "k1", "x" },
  };
  uvllm_tracker_t* t = tracker_of(0);
  uvllm_hold_t h;
  for (size_t i = 0; i < 5; i++) {
    hold(t, &accounts[i], 5, &h);
    settle(t, &h, usage_of((uint64_t) 1 << i, 0, (int64_t) 1 << (8 + i)), 0);
  }
  hold(t, &accounts[3], 5, &h);
  assert_int_equal(sum_of(t, NULL).usage.input_tokens, 31);
  const uvllm_account_t none = { NULL, NULL, NULL, NULL };
  assert_int_equal(sum_of(t, &none).usage.input_tokens, 31);
  const uvllm_account_t openai = { .provider = "openai" }, m = { .model = "m" };
  const uvllm_account_t k1 = { .key = "k1" }, x = { .tag = "x" }, untagged = { .tag = "" };
  const uvllm_account_t openai_x = { .provider = "openai", .tag = "x" };
  const uvllm_account_t nobody = { .provider = "nobody" };
  assert_int_equal(sum_of(t, &openai).usage.input_tokens, 23);
  assert_int_equal(sum_of(t, &m).usage.input_tokens, 27);
  assert_int_equal(sum_of(t, &k1).usage.input_tokens, 21);
  assert_int_equal(sum_of(t, &x).usage.input_tokens, 25);
  assert_int_equal(sum_of(t, &x).usage.cost_pusd, 25 << 8);
  assert_int_equal(sum_of(t, &x).settled, 3);
  assert_int_equal(sum_of(t, &x).held_pusd, 5);
  assert_int_equal(sum_of(t, &untagged).usage.input_tokens, 4);
  assert_int_equal(sum_of(t, &openai_x).usage.input_tokens, 17);
  assert_int_equal(sum_of(t, &nobody).settled, 0);
  uvllm_tracker_release(t, &h);
  uvllm_tracker_free(t);
}


static void accounts_come_in_order_once_anything_stands_in_them(void** state) {
  (void) state;
  uvllm_tracker_t* t = tracker_of(0);
  const uvllm_account_t bare = { "local", NULL, NULL, NULL };
  uvllm_account_t account;
  uvllm_totals_t totals;
  uvllm_hold_t a, b;
  size_t it = 0;
  assert_int_equal(uvllm_tracker_next(t, &it, &account, &totals), 0);
  hold(t, &bare, 3, &a);
  hold(t, &B, 1, &b);
  uvllm_tracker_release(t, &b);
  hold(t, &A, 1, &b);
  settle(t, &b, usage_of(7, 0, 1), 0);
  it = 0;
  assert_int_equal(uvllm_tracker_next(t, &it, &account, &totals), 1);
  assert_string_equal(account.provider, "local");
  assert_string_equal(account.tag, "");
  assert_int_equal(totals.held_pusd, 3);
  assert_int_equal(uvllm_tracker_next(t, &it, &account, &totals), 1);
  assert_string_equal(account.model, "gpt-4o-mini");
  assert_string_equal(account.key, "default");
  assert_int_equal(totals.usage.input_tokens, 7);
  assert_int_equal(uvllm_tracker_next(t, &it, &account, &totals), 0);
  uvllm_tracker_release(t, &a);
  uvllm_tracker_free(t);
}


/* One more account, with a tag of its own. */
static void settle_tag(uvllm_tracker_t* t, const char* model, unsigned int i) {
  char tag[32];
  uvllm_hold_t h;
  snprintf(tag, sizeof(tag), "user-%u", i);
  const uvllm_account_t account = { "openai", model, "default", tag };
  assert_int_equal(uvllm_tracker_hold(t, &account, 1, &h), 0);
  settle(t, &h, usage_of(1, 0, 1), 0);
}


static void beyond_the_cap_tags_and_then_all_names_become_other(void** state) {
  (void) state;
  const unsigned int max = UVLLM_TRACKER_MAX_ROWS;
  uvllm_tracker_t* t = tracker_of(0);
  for (unsigned int i = 0; i < max + 10; i++)
    settle_tag(t, "m", i);
  const uvllm_account_t first = { .tag = "user-0" }, other = { .tag = "(other)" };
  const uvllm_account_t gone = { .tag = "user-100005" };
  assert_int_equal(sum_of(t, &first).settled, 1);
  assert_int_equal(sum_of(t, &gone).settled, 0);
  assert_int_equal(sum_of(t, &other).settled, 11); /* one row is kept for the rest */
  settle_tag(t, "m", 0);
  assert_int_equal(sum_of(t, &first).settled, 2);
  for (unsigned int i = 0; i < 1500; i++) {
    char model[16];
    snprintf(model, sizeof(model), "model-%u", i);
    settle_tag(t, model, max + i);
  }
  const uvllm_account_t nowhere = { "(other)", "(other)", "(other)", "(other)" };
  const uvllm_account_t m0 = { .model = "model-0", .tag = "(other)" };
  assert_int_equal(sum_of(t, &m0).settled, 1);
  assert_int_equal(sum_of(t, &nowhere).settled, 1500 - 999);
  assert_int_equal(sum_of(t, NULL).settled, max + 10 + 1 + 1500);
  uvllm_tracker_free(t);
}


typedef struct race_s {
  uvllm_hold_t held[64];
  size_t nheld;
  int64_t settled, held_pusd;
  uint64_t seed;
} race_t;


static uint64_t next_random(race_t* r) {
  r->seed = r->seed * 6364136223846793005u + 1442695040888963407u;
  return r->seed >> 33;
}


static void end_one(uvllm_tracker_t* t, race_t* r) {
  const size_t i = next_random(r) % r->nheld;
  uvllm_hold_t h = r->held[i];
  const int64_t pusd = h.pusd, cost = (int64_t) (next_random(r) % ((uint64_t) pusd + 1));
  r->held[i] = r->held[--r->nheld];
  r->held_pusd -= pusd;
  if (next_random(r) % 4 == 0) {
    uvllm_tracker_release(t, &h);
    return;
  }
  settle(t, &h, usage_of(1, 1, cost), 0);
  r->settled += cost;
}


static void settled_and_held_never_pass_the_budget(void** state) {
  (void) state;
  const int64_t budget = 1000000;
  uvllm_tracker_t* t = tracker_of(budget);
  race_t r = { .seed = 42 };
  size_t refused = 0, waited = 0;
  for (int i = 0; i < 10000; i++) {
    const int64_t worst = (int64_t) (next_random(&r) % 60000);
    uvllm_hold_t h;
    int err = UVLLM_EBUDGET;
    if (r.nheld < 64 && next_random(&r) % 2 == 0) {
      err = uvllm_tracker_hold(t, next_random(&r) % 2 ? &A : &B, worst, &h);
      const int fits = r.settled + worst <= budget;
      const int now = r.settled + r.held_pusd + worst <= budget;
      assert_int_equal(err, now ? 0 : fits ? -EAGAIN : UVLLM_EBUDGET);
      refused += err == UVLLM_EBUDGET;
      waited += err == -EAGAIN;
    } else if (r.nheld != 0) {
      end_one(t, &r);
    }
    if (err == 0) {
      r.held[r.nheld++] = h;
      r.held_pusd += worst;
    }
    const uvllm_totals_t all = sum_of(t, NULL), a = sum_of(t, &A), b = sum_of(t, &B);
    assert_int_equal(all.held_pusd, r.held_pusd);
    assert_int_equal(all.usage.cost_pusd, r.settled);
    assert_true(all.held_pusd + all.usage.cost_pusd <= budget);
    assert_int_equal(a.held_pusd + b.held_pusd, all.held_pusd);
    assert_int_equal(a.settled + b.settled, all.settled);
  }
  assert_true(refused > 0 && waited > 0);
  while (r.nheld != 0)
    end_one(t, &r);
  assert_int_equal(sum_of(t, NULL).held_pusd, 0);
  assert_int_equal(sum_of(t, NULL).overruns, 0);
  uvllm_tracker_free(t);
}


static void bad_amounts_are_refused(void** state) {
  (void) state;
  uvllm_tracker_t* t = NULL;
  uvllm_hold_t h = { 5, 5 };
  assert_int_equal(uvllm_tracker_new(&t, -1, NULL), -EINVAL);
  assert_null(t);
  t = tracker_of(10);
  assert_int_equal(uvllm_tracker_hold(t, &A, -1, &h), -EINVAL);
  assert_int_equal(h.row, 0);
  uvllm_tracker_release(t, &h); /* nothing is held */
  uvllm_tracker_free(t);
  uvllm_tracker_free(NULL);
}


/* Forty accounts: the rows and their table grow on the way. */
static int scenario(const uvllm_alloc_t* alloc) {
  uvllm_tracker_t* t;
  int err = uvllm_tracker_new(&t, 1000, alloc);
  for (int i = 0; err == 0 && i < 40; i++) {
    char tag[16];
    uvllm_hold_t h;
    snprintf(tag, sizeof(tag), "%d", i);
    const uvllm_account_t account = { "openai", "m", "k", tag };
    const uvllm_totals_t before = sum_of(t, NULL);
    err = uvllm_tracker_hold(t, &account, 10, &h);
    const uvllm_totals_t after = sum_of(t, NULL);
    assert_int_equal(after.held, before.held + (err == 0));
    assert_int_equal(after.held_pusd, before.held_pusd + (err == 0 ? 10 : 0));
    if (err == 0 && i % 2 == 0)
      settle(t, &h, usage_of(1, 1, 10), 0);
  }
  uvllm_tracker_free(t);
  return err;
}


static void oom_at_every_allocation(void** state) {
  (void) state;
  for (int once = 0; once <= 1; once++) {
    test_alloc_t a;
    int err = -ENOMEM;
    for (size_t fail_at = 1; err != 0; fail_at++) {
      test_alloc_init(&a);
      a.fail_at = fail_at;
      a.fail_once = once;
      err = scenario(&a.hook);
      assert_int_equal(err, a.calls >= fail_at ? -ENOMEM : 0);
      assert_int_equal(a.alive, 0);
    }
    assert_true(a.calls > 40);
  }
}


int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(usage_add_sums_every_field),
    cmocka_unit_test(usage_add_stops_at_the_largest_number),
    cmocka_unit_test(a_hold_counts_until_it_is_settled),
    cmocka_unit_test(alone_over_the_budget_is_ebudget_and_behind_others_eagain),
    cmocka_unit_test(a_bill_beyond_the_hold_is_counted),
    cmocka_unit_test(without_a_budget_nothing_is_refused_and_nothing_overruns),
    cmocka_unit_test(a_new_budget_counts_what_is_held_and_settled),
    cmocka_unit_test(unpriced_usage_is_counted_and_costs_nothing),
    cmocka_unit_test(sums_go_by_any_of_the_names),
    cmocka_unit_test(accounts_come_in_order_once_anything_stands_in_them),
    cmocka_unit_test(beyond_the_cap_tags_and_then_all_names_become_other),
    cmocka_unit_test(settled_and_held_never_pass_the_budget),
    cmocka_unit_test(bad_amounts_are_refused),
    cmocka_unit_test(oom_at_every_allocation),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
