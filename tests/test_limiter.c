/* What the limiter promises, one behaviour at a time. Virtual time only. */
#include "test.h"
#include "mem.h"
#include "uvllm/limiter.h"

#define MS ((uint64_t) 1000000)
#define SECOND (1000 * MS)
#define MINUTE (60 * SECOND)
#define DAY (24 * 60 * MINUTE)
#define APART (25 * MS) /* and this much more, for the way to the provider */
#define T0 (12345 * SECOND)

static uvllm_limiter_t* new_limiter(uvllm_limits_t limits) {
  uvllm_limiter_t* l = NULL;
  assert_int_equal(uvllm_limiter_new(&l, &limits, NULL), 0);
  return l;
}

static int take(uvllm_limiter_t* l, uint64_t now, uint64_t input, uint64_t output) {
  uint64_t when = 0;
  uvllm_cost_t cost = { input, output, 0 };
  int err = uvllm_limiter_take(l, now, &cost, &when);
  assert_int_equal(cost.taken_ns != 0, err == 0);
  assert_int_equal(when != 0, err == UVLLM__EAGAIN);
  return err;
}

static uint64_t when(uvllm_limiter_t* l, uint64_t now, uint64_t input, uint64_t output) {
  uint64_t at = 0;
  uvllm_cost_t cost = { input, output, 0 };
  assert_int_equal(uvllm_limiter_take(l, now, &cost, &at), UVLLM__EAGAIN);
  assert_true(at > now);
  return at;
}

static void settle(uvllm_limiter_t* l, uint64_t now, uint64_t taken, uint64_t debited,
                   uint64_t actual) {
  uvllm_cost_t before = { debited, 0, taken }, after = { actual, 0, 0 };
  uvllm_limiter_settle(l, now, &before, &after);
}

static uint64_t used(uvllm_limiter_t* l, uint64_t now, uvllm_limit_kind kind) {
  uvllm_limiter_state_t state;
  uvllm_limiter_state(l, now, &state);
  return state.used[kind];
}

static uint64_t limit(uvllm_limiter_t* l, uvllm_limit_kind kind) {
  uvllm_limiter_state_t state;
  uvllm_limiter_state(l, 0, &state);
  return state.limit[kind];
}

/* How many a full queue gets within the time, the last moment included. */
static int admitted(uvllm_limiter_t* l, uint64_t from, uint64_t to, uint64_t input) {
  int n = 0;
  while (from <= to) {
    uint64_t at = 0;
    uvllm_cost_t cost = { input, 0, 0 };
    int err = uvllm_limiter_take(l, from, &cost, &at);
    assert_true(err == 0 || err == UVLLM__EAGAIN);
    if (err == 0)
      n++;
    else
      from = at;
  }
  return n;
}

static void without_limits_everything_is_admitted(void** state) {
  (void) state;
  uvllm_limiter_t* l = new_limiter((uvllm_limits_t){ 0 });
  for (int i = 0; i < 10000; i++)
    assert_int_equal(take(l, 1, UINT64_MAX, UINT64_MAX), 0);
  uvllm_limiter_free(l);
  uvllm_limiter_free(NULL);
}

static void admits_a_burst_and_then_paces(void** state) {
  (void) state;
  uvllm_limiter_t* l = new_limiter((uvllm_limits_t){ .requests_per_min = 600 });
  for (int i = 0; i < 3; i++)
    assert_int_equal(take(l, T0, 0, 0), 0);
  uint64_t at = when(l, T0, 0, 0);
  assert_in_range(at, T0 + 90 * MS, T0 + 101 * MS);
  assert_int_equal(when(l, at - 1, 0, 0), at);
  assert_int_equal(take(l, at, 0, 0), 0);
  assert_in_range(when(l, at, 0, 0), at + 100 * MS, at + 101 * MS);
  uvllm_limiter_free(l);
}

static void sixty_seconds_of_600_a_minute_admit_600(void** state) {
  (void) state;
  uvllm_limiter_t* l = new_limiter((uvllm_limits_t){ .requests_per_min = 600 });
  assert_in_range(admitted(l, T0, T0 + MINUTE, 0), 599, 600);
  uvllm_limiter_free(l);
  l = new_limiter((uvllm_limits_t){ .requests_per_min = 600 });
  assert_in_range(admitted(l, T0, T0 + 100 * MINUTE, 0), 59690, 59704); /* it does not drift */
  uvllm_limiter_free(l);
}

static void one_a_minute_and_one_a_day_work(void** state) {
  (void) state;
  uvllm_limiter_t* l = new_limiter((uvllm_limits_t){ .requests_per_min = 1 });
  assert_int_equal(take(l, T0, 0, 0), 0);
  uint64_t at = when(l, T0, 0, 0);
  assert_in_range(at, T0 + MINUTE + APART, T0 + MINUTE + APART + 5 * MS);
  assert_int_equal(take(l, at, 0, 0), 0);
  assert_int_equal(admitted(l, at + 1, at + 10 * MINUTE, 0), 9);
  uvllm_limiter_free(l);
  l = new_limiter((uvllm_limits_t){ .requests_per_day = 1, .tokens_per_day = 1 });
  assert_int_equal(take(l, T0, 1, 0), 0);
  assert_int_equal(when(l, T0 + DAY, 1, 0), T0 + DAY + APART + 1);
  assert_int_equal(take(l, T0 + DAY + APART + 1, 1, 0), 0);
  uvllm_limiter_free(l);
}

static void huge_limits_are_exact(void** state) {
  (void) state;
  const uint64_t most = (uint64_t) 1 << 40;
  uvllm_limiter_t* l = new_limiter((uvllm_limits_t){ .tokens_per_min = UINT64_MAX,
                                                     .tokens_per_day = UINT64_MAX });
  assert_int_equal(limit(l, UVLLM_TOKENS_PER_MIN), most);
  assert_int_equal(take(l, T0, most + 1, 0), UVLLM_ELIMIT);
  assert_int_equal(take(l, T0, most / 2, most / 2), 0);
  assert_int_equal(when(l, T0, most, 0), T0 + DAY + APART + 1);
  uvllm_limiter_free(l);
  l = new_limiter((uvllm_limits_t){ .tokens_per_min = 30000000 });
  assert_in_range(admitted(l, T0, T0 + MINUTE, 3001), 9896, 9996);
  assert_true(used(l, T0 + MINUTE, UVLLM_TOKENS_PER_MIN) <= 30000000);
  assert_in_range(admitted(l, T0 + MINUTE, T0 + 1000 * MINUTE, 30000), 989000, 999000);
  uvllm_limiter_free(l);
}

static void a_request_is_debited_everywhere_or_nowhere(void** state) {
  (void) state;
  uvllm_limiter_t* l = new_limiter((uvllm_limits_t){ .requests_per_min = 6000,
                                                     .requests_per_day = 6000,
                                                     .tokens_per_min = 60000,
                                                     .input_tokens_per_min = 60000,
                                                     .output_tokens_per_min = 600,
                                                     .tokens_per_day = 600000 });
  assert_int_equal(take(l, T0, 70, 3), 0);
  when(l, T0, 70, 3); /* for its output alone */
  assert_int_equal(used(l, T0, UVLLM_REQUESTS_PER_MIN), 1);
  assert_int_equal(used(l, T0, UVLLM_REQUESTS_PER_DAY), 1);
  assert_int_equal(used(l, T0, UVLLM_TOKENS_PER_MIN), 73);
  assert_int_equal(used(l, T0, UVLLM_INPUT_PER_MIN), 70);
  assert_int_equal(used(l, T0, UVLLM_OUTPUT_PER_MIN), 3);
  assert_int_equal(used(l, T0, UVLLM_TOKENS_PER_DAY), 73);
  assert_int_equal(take(l, T0, 10, 601), UVLLM_ELIMIT);
  assert_int_equal(used(l, T0, UVLLM_INPUT_PER_MIN), 70);
  assert_int_equal(take(l, T0, 70, 0), 0); /* needs nothing of what is short */
  uvllm_limiter_free(l);
}

static void larger_than_a_limit_is_said_at_once(void** state) {
  (void) state;
  static const uvllm_limits_t limits[] = { { .tokens_per_min = 100 },
                                           { .input_tokens_per_min = 100 },
                                           { .output_tokens_per_min = 100 },
                                           { .tokens_per_day = 100 } };
  for (int i = 0; i < 4; i++) {
    uvllm_limiter_t* l = new_limiter(limits[i]);
    uvllm_limiter_freeze(l, T0 + MINUTE);
    assert_int_equal(take(l, T0, 101, 101), UVLLM_ELIMIT);
    assert_int_equal(take(l, T0, UINT64_MAX, UINT64_MAX), UVLLM_ELIMIT);
    assert_int_equal(take(l, T0 + MINUTE, i == 2 ? 0 : 100, i == 2 ? 100 : 0), 0); /* as large as */
    uvllm_limiter_free(l);
  }
}

static void a_large_request_waits_until_nothing_is_owed(void** state) {
  (void) state;
  uvllm_limiter_t* l = new_limiter((uvllm_limits_t){ .tokens_per_min = 60000 });
  assert_int_equal(take(l, T0, 300, 0), 0);
  uint64_t at = when(l, T0, 30000, 0);
  assert_in_range(at, T0 + 301 * MS, T0 + 330 * MS); /* 300 at 995 a second, and apart */
  assert_int_equal(take(l, at, 30000, 0), 0);
  at = when(l, at, 100, 0);
  assert_in_range(at, T0 + 30 * SECOND, T0 + 31 * SECOND); /* and then owes itself */
  assert_int_equal(take(l, at, 100, 0), 0);
  assert_int_equal(when(l, at, 60000, 0), at + MINUTE + APART + 1); /* the whole limit: alone */
  uvllm_limiter_free(l);
}

static void concurrency_is_bounded(void** state) {
  (void) state;
  uvllm_limiter_t* l = new_limiter((uvllm_limits_t){ .max_inflight = 2 });
  uvllm_cost_t cost = { 0, 0, T0 };
  assert_int_equal(take(l, T0, 9, 9), 0);
  assert_int_equal(take(l, T0, 9, 9), 0);
  assert_int_equal(when(l, T0, 9, 9), UINT64_MAX);
  uvllm_limiter_settle(l, T0, &cost, NULL);
  assert_int_equal(take(l, T0, 9, 9), 0);
  assert_int_equal(when(l, T0, 9, 9), UINT64_MAX);
  uvllm_limiter_undo(l, T0, &cost);
  assert_int_equal(take(l, T0, 9, 9), 0);
  uvllm_limiter_free(l);
}

static void a_freeze_holds_until_the_later_time(void** state) {
  (void) state;
  uvllm_limiter_t* l = new_limiter((uvllm_limits_t){ 0 });
  uvllm_limiter_freeze(l, T0 + SECOND);
  uvllm_limiter_freeze(l, T0 + 1);
  assert_int_equal(when(l, T0, 0, 0), T0 + SECOND);
  assert_int_equal(when(l, T0 + SECOND - 1, 0, 0), T0 + SECOND);
  assert_int_equal(take(l, T0 + SECOND, 0, 0), 0);
  uvllm_limiter_free(l);
}

static void time_does_not_go_back(void** state) {
  (void) state;
  uvllm_limiter_t* l = new_limiter((uvllm_limits_t){ .requests_per_min = 600 });
  assert_int_equal(admitted(l, T0, T0, 0), 3);
  uint64_t at = when(l, T0, 0, 0);
  assert_int_equal(when(l, T0 - SECOND, 0, 0), at);
  assert_int_equal(when(l, 0, 0, 0), at);
  assert_int_equal(take(l, at, 0, 0), 0);
  uvllm_limiter_free(l);
}

static void what_was_debited_in_excess_is_free_again(void** state) {
  (void) state;
  uvllm_limiter_t* l = new_limiter((uvllm_limits_t){ .requests_per_min = 6000,
                                                     .tokens_per_min = 60000 });
  assert_int_equal(take(l, T0, 50000, 0), 0);
  uint64_t at = when(l, T0, 200, 0);
  assert_true(at > T0 + 40 * SECOND);
  settle(l, T0 + SECOND, T0, 50000, 1000);
  assert_int_equal(used(l, T0 + SECOND, UVLLM_TOKENS_PER_MIN), 1000);
  assert_int_equal(used(l, T0 + SECOND, UVLLM_REQUESTS_PER_MIN), 1); /* it was sent */
  assert_int_equal(take(l, T0 + SECOND, 300, 0), 0);
  when(l, T0 + SECOND, 300, 0); /* the burst is no larger than ever */
  uvllm_limiter_free(l);
}

static void a_refund_lasts_as_long_as_the_debit(void** state) {
  (void) state;
  uvllm_limiter_t* l = new_limiter((uvllm_limits_t){ .tokens_per_min = 60000 });
  assert_int_equal(take(l, T0, 30000, 0), 0);
  assert_int_equal(take(l, T0 + 50 * SECOND, 25000, 0), 0);
  uint64_t now = T0 + MINUTE + APART + 1;
  settle(l, now, T0, 30000, 0); /* that debit has gone */
  assert_int_equal(used(l, now, UVLLM_TOKENS_PER_MIN), 25000);
  settle(l, now, T0 + 50 * SECOND, 25000, 20000);
  assert_int_equal(used(l, now, UVLLM_TOKENS_PER_MIN), 20000);
  assert_int_equal(used(l, T0 + 110 * SECOND + APART + 1, UVLLM_TOKENS_PER_MIN), 0);
  uvllm_limiter_free(l);
}

static void what_it_cost_in_excess_is_owed(void** state) {
  (void) state;
  uvllm_limiter_t* l = new_limiter((uvllm_limits_t){ .tokens_per_min = 60000 });
  assert_int_equal(take(l, T0, 100, 0), 0);
  settle(l, T0 + SECOND, T0, 100, 20100);
  assert_int_equal(used(l, T0 + SECOND, UVLLM_TOKENS_PER_MIN), 20100);
  assert_in_range(when(l, T0 + SECOND, 300, 0), T0 + 21 * SECOND, T0 + 21300 * MS);
  assert_int_equal(take(l, T0 + 22 * SECOND, 300, 0), 0);
  /* nobody owes more than a minute */
  settle(l, T0 + 22 * SECOND, T0 + 22 * SECOND, 300, UINT64_MAX);
  assert_in_range(when(l, T0 + 22 * SECOND, 1, 0), T0 + 81 * SECOND, T0 + 83 * SECOND);
  uvllm_limiter_free(l);
}

static void what_was_never_sent_is_given_back(void** state) {
  (void) state;
  uvllm_limiter_t* l = new_limiter((uvllm_limits_t){ .requests_per_min = 1,
                                                     .tokens_per_min = 1000 });
  uvllm_cost_t cost = { 600, 400, 0 };
  uint64_t at = 0;
  assert_int_equal(uvllm_limiter_take(l, T0, &cost, &at), 0);
  when(l, T0, 1, 0);
  uvllm_limiter_undo(l, T0 + SECOND, &cost);
  assert_int_equal(used(l, T0 + SECOND, UVLLM_REQUESTS_PER_MIN), 0);
  assert_int_equal(used(l, T0 + SECOND, UVLLM_TOKENS_PER_MIN), 0);
  assert_int_equal(take(l, T0 + 2 * SECOND, 1000, 0), 0);
  uvllm_limiter_free(l);
}

static void days_are_not_paced_but_bounded(void** state) {
  (void) state;
  uvllm_limiter_t* l = new_limiter((uvllm_limits_t){ .requests_per_day = 200 });
  assert_int_equal(admitted(l, T0, T0 + SECOND, 0), 200);
  assert_int_equal(when(l, T0 + SECOND, 0, 0), T0 + DAY + APART + 1);
  assert_int_equal(admitted(l, T0 + SECOND, T0 + 2 * DAY, 0), 200);
  uvllm_limiter_free(l);
}

static void a_lower_limit_holds_at_once_and_rises_slowly(void** state) {
  (void) state;
  uvllm_limiter_t* l = new_limiter((uvllm_limits_t){ .requests_per_min = 600 });
  uvllm_limiter_learn(l, T0, UVLLM_REQUESTS_PER_MIN, 5000, -1, -1); /* never above ours */
  assert_int_equal(limit(l, UVLLM_REQUESTS_PER_MIN), 600);
  uvllm_limiter_learn(l, T0, UVLLM_REQUESTS_PER_MIN, 100, -1, -1);
  assert_int_equal(limit(l, UVLLM_REQUESTS_PER_MIN), 100);
  assert_in_range(admitted(l, T0, T0 + MINUTE, 0), 99, 100);
  for (int i = 0; i < 9; i++)
    uvllm_limiter_learn(l, T0, UVLLM_REQUESTS_PER_MIN, 5000, -1, -1);
  assert_int_equal(limit(l, UVLLM_REQUESTS_PER_MIN), 100);
  uvllm_limiter_learn(l, T0, UVLLM_REQUESTS_PER_MIN, 5000, -1, -1);
  assert_int_equal(limit(l, UVLLM_REQUESTS_PER_MIN), 105);
  for (int i = 0; i < 9; i++)
    uvllm_limiter_learn(l, T0, UVLLM_REQUESTS_PER_MIN, 5000, -1, -1);
  uvllm_limiter_learn(l, T0, UVLLM_REQUESTS_PER_MIN, 105, -1, -1); /* not in a row */
  uvllm_limiter_learn(l, T0, UVLLM_REQUESTS_PER_MIN, 5000, -1, -1);
  assert_int_equal(limit(l, UVLLM_REQUESTS_PER_MIN), 105);
  for (int i = 0; i < 1000; i++)
    uvllm_limiter_learn(l, T0, UVLLM_REQUESTS_PER_MIN, 5000, -1, -1);
  assert_int_equal(limit(l, UVLLM_REQUESTS_PER_MIN), 600);
  uvllm_limiter_free(l);
}

static void the_provider_s_limit_is_learnt_where_none_is_configured(void** state) {
  (void) state;
  uvllm_limiter_t* l = new_limiter((uvllm_limits_t){ 0 });
  uvllm_limiter_learn(l, T0, UVLLM_TOKENS_PER_MIN, 0, 0, 0);
  uvllm_limiter_learn(l, T0, UVLLM_TOKENS_PER_MIN, -1, 5, -1);
  assert_int_equal(limit(l, UVLLM_TOKENS_PER_MIN), 0);
  uvllm_limiter_learn(l, T0, UVLLM_TOKENS_PER_MIN, 10, -1, -1);
  assert_int_equal(limit(l, UVLLM_TOKENS_PER_MIN), 10);
  assert_int_equal(take(l, T0, 11, 0), UVLLM_ELIMIT);
  for (int i = 0; i < 30; i++)
    uvllm_limiter_learn(l, T0, UVLLM_TOKENS_PER_MIN, INT64_MAX, -1, -1);
  assert_int_equal(limit(l, UVLLM_TOKENS_PER_MIN), 13);
  uvllm_limits_t limits = { .tokens_per_min = 1000 }; /* the provider's word stays */
  assert_int_equal(uvllm_limiter_set(l, T0, &limits), 0);
  assert_int_equal(limit(l, UVLLM_TOKENS_PER_MIN), 13);
  uvllm_limiter_free(l);
}

static void less_remaining_than_ours_drops_the_burst(void** state) {
  (void) state;
  uvllm_limiter_t* l = new_limiter((uvllm_limits_t){ .requests_per_min = 6000 });
  uvllm_limiter_learn(l, T0, UVLLM_REQUESTS_PER_MIN, -1, 4000, -1);
  uvllm_limiter_learn(l, T0, UVLLM_REQUESTS_PER_MIN, -1, 2, -1);
  uvllm_limiter_learn(l, T0, UVLLM_REQUESTS_PER_MIN, -1, 20, -1); /* lowers only */
  assert_int_equal(admitted(l, T0, T0, 0), 2);
  uvllm_limiter_learn(l, T0, UVLLM_REQUESTS_PER_MIN, -1, INT64_MAX, INT64_MAX);
  assert_in_range(when(l, T0, 0, 0), T0 + 4 * MS, T0 + 11 * MS);
  uvllm_limiter_free(l);
}

static void a_drop_is_forgotten_when_the_provider_counts_anew(void** state) {
  (void) state;
  uvllm_limiter_t* l = new_limiter((uvllm_limits_t){ .requests_per_day = 1000 });
  for (int i = 0; i < 100; i++)
    assert_int_equal(take(l, T0 + 99, 0, 0), 0);
  uvllm_limiter_learn(l, T0 + 99, UVLLM_REQUESTS_PER_DAY, 1000, 0, 3600 * 1000);
  uint64_t at = when(l, T0 + 99, 0, 0);
  assert_in_range(at, T0 + 86 * SECOND, T0 + 87 * SECOND); /* a thousandth of a day */
  assert_int_equal(take(l, at, 0, 0), 0);
  uint64_t until = T0 + 3600 * SECOND + 99;
  int before = admitted(l, at, until - 1, 0);
  assert_in_range(before, 40, 41);
  assert_int_equal(admitted(l, until, until + SECOND, 0), 1000 - 101 - before);
  uvllm_limiter_free(l);
  l = new_limiter((uvllm_limits_t){ .requests_per_day = 10 });
  uvllm_limiter_learn(l, T0, UVLLM_REQUESTS_PER_DAY, -1, 0, 60 * 1000);
  assert_int_equal(when(l, T0, 0, 0), T0 + MINUTE); /* not a tenth of a day */
  assert_int_equal(admitted(l, T0 + MINUTE, T0 + MINUTE, 0), 10);
  uvllm_limiter_free(l);
}

static void other_limits_keep_what_was_drawn(void** state) {
  (void) state;
  uvllm_limiter_t* l = new_limiter((uvllm_limits_t){ .requests_per_min = 6000,
                                                     .max_inflight = 40 });
  assert_int_equal(admitted(l, T0, T0, 0), 30);
  uvllm_limits_t limits = { .requests_per_min = 40, .tokens_per_min = 500, .max_inflight = 100 };
  assert_int_equal(uvllm_limiter_set(l, T0, &limits), 0);
  assert_int_equal(used(l, T0, UVLLM_REQUESTS_PER_MIN), 30);
  assert_int_equal(admitted(l, T0, T0 + MINUTE, 1), 10);
  memset(&limits, 0, sizeof(limits));
  limits.max_inflight = 41;
  assert_int_equal(uvllm_limiter_set(l, T0 + MINUTE, &limits), 0);
  assert_int_equal(limit(l, UVLLM_REQUESTS_PER_MIN), 0);
  assert_int_equal(take(l, T0 + MINUTE, 9999, 0), 0);
  assert_int_equal(when(l, T0 + MINUTE, 9999, 0), UINT64_MAX); /* 41 in flight */
  settle(l, T0 + MINUTE, T0, 9999, 1); /* debited where there is no limit any more */
  uvllm_limiter_free(l);
}

static int scenario(const uvllm_alloc_t* alloc) {
  uvllm_limiter_t* l = NULL;
  const uvllm_limits_t two = { .requests_per_min = 60, .tokens_per_min = 600 };
  const uvllm_limits_t more = { .requests_per_min = 30, .tokens_per_day = 700, .max_inflight = 1 };
  int err = uvllm_limiter_new(&l, &two, alloc);
  if (err != 0) {
    assert_null(l);
    return err;
  }
  assert_int_equal(take(l, T0, 10, 0), 0);
  err = uvllm_limiter_set(l, T0, &more);
  assert_int_equal(limit(l, UVLLM_REQUESTS_PER_MIN), err == 0 ? 30 : 60);
  assert_int_equal(limit(l, UVLLM_TOKENS_PER_MIN), err == 0 ? 0 : 600);
  assert_int_equal(limit(l, UVLLM_TOKENS_PER_DAY), err == 0 ? 700 : 0);
  assert_int_equal(used(l, T0, UVLLM_REQUESTS_PER_MIN), 1);
  uvllm_limiter_learn(l, T0, UVLLM_INPUT_PER_MIN, 300, 5, -1);
  uint64_t learnt = limit(l, UVLLM_INPUT_PER_MIN);
  assert_true(learnt == 300 || learnt == 0);
  uvllm_limiter_free(l);
  return learnt == 0 ? UVLLM__ENOMEM : err;
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
      int err = scenario(&a.hook);
      assert_true(err == (a.calls >= fail_at ? UVLLM__ENOMEM : 0));
      assert_int_equal(a.alive, 0);
    } while (a.calls >= fail_at);
    assert_true(fail_at > 5);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(without_limits_everything_is_admitted),
    cmocka_unit_test(admits_a_burst_and_then_paces),
    cmocka_unit_test(sixty_seconds_of_600_a_minute_admit_600),
    cmocka_unit_test(one_a_minute_and_one_a_day_work),
    cmocka_unit_test(huge_limits_are_exact),
    cmocka_unit_test(a_request_is_debited_everywhere_or_nowhere),
    cmocka_unit_test(larger_than_a_limit_is_said_at_once),
    cmocka_unit_test(a_large_request_waits_until_nothing_is_owed),
    cmocka_unit_test(concurrency_is_bounded),
    cmocka_unit_test(a_freeze_holds_until_the_later_time),
    cmocka_unit_test(time_does_not_go_back),
    cmocka_unit_test(what_was_debited_in_excess_is_free_again),
    cmocka_unit_test(a_refund_lasts_as_long_as_the_debit),
    cmocka_unit_test(what_it_cost_in_excess_is_owed),
    cmocka_unit_test(what_was_never_sent_is_given_back),
    cmocka_unit_test(days_are_not_paced_but_bounded),
    cmocka_unit_test(a_lower_limit_holds_at_once_and_rises_slowly),
    cmocka_unit_test(the_provider_s_limit_is_learnt_where_none_is_configured),
    cmocka_unit_test(less_remaining_than_ours_drops_the_burst),
    cmocka_unit_test(a_drop_is_forgotten_when_the_provider_counts_anew),
    cmocka_unit_test(other_limits_keep_what_was_drawn),
    cmocka_unit_test(survives_every_failing_allocation),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
