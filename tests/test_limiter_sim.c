/* The limiter under random limits, sizes, delays and corrections, in virtual time.
 *
 * A full queue waits for it, as a client does. Afterwards the log of admissions is
 * searched for any period that holds more than the limit, and played to a
 * provider's token bucket: it holds one second of the rate (at least one request,
 * one request's tokens), is refilled continuously and charged on arrival, up to
 * 20 ms after admission.
 */
#include "test.h"
#include "mem.h"
#include "uvllm/limiter.h"
#include "uvllm/queue.h"

#define MS 1000000u
#define SECOND ((uint64_t) 1000 * MS)
#define MINUTE (60 * SECOND)
#define DAY (24 * 60 * MINUTE)

enum { SEEDS = 240, LOG_MAX = 120000 };

typedef struct entry_s {
  uvllm_queue_node_t node; /* in flight, by its end */
  uint64_t taken_ns, arrives_ns;
  uint64_t debited[2], actual[2]; /* input, output */
} entry_t;

typedef struct sim_s {
  uvllm_limits_t limits;
  uvllm_limiter_t* limiter;
  uint64_t rng, now, end;
  uint64_t size_min, size_max; /* tokens of a request, both kinds together */
  unsigned int correction;     /* 0: none; 1: less; 2: either */
  unsigned int late_ms;        /* of the timer */
  entry_t* log;
  size_t n;
  uvllm_queue_t* flight;
} sim_t;

static uint64_t next_random(sim_t* sim) {
  sim->rng ^= sim->rng << 13;
  sim->rng ^= sim->rng >> 7;
  return sim->rng ^= sim->rng << 17;
}

static uint64_t between(sim_t* sim, uint64_t low, uint64_t high) {
  return low + next_random(sim) % (high - low + 1);
}

static uint64_t next_end(const sim_t* sim) {
  const uvllm_queue_node_t* next = uvllm_queue_peek(sim->flight);
  return next != NULL ? (uint64_t) next->key : UINT64_MAX;
}

static void settle_next(sim_t* sim) {
  if (next_end(sim) > sim->now)
    sim->now = next_end(sim);
  const entry_t* e = (const entry_t*) (void*) uvllm_queue_pop(sim->flight);
  uvllm_cost_t debited = { e->debited[0], e->debited[1], e->taken_ns };
  uvllm_cost_t actual = { e->actual[0], e->actual[1], 0 };
  uvllm_limiter_settle(sim->limiter, sim->now, &debited, &actual);
}

static uint64_t corrected(sim_t* sim, uint64_t debited) {
  if (sim->correction == 0)
    return debited;
  if (sim->correction == 1)
    return between(sim, 0, debited);
  return between(sim, 0, 2 * debited);
}

static void admitted(sim_t* sim, const uvllm_cost_t* cost) {
  assert_true(sim->n < LOG_MAX);
  entry_t* e = &sim->log[sim->n++];
  memset(e, 0, sizeof(*e));
  e->taken_ns = cost->taken_ns;
  e->arrives_ns = cost->taken_ns + between(sim, 0, 20 * MS);
  e->debited[0] = cost->input_tokens;
  e->debited[1] = cost->output_tokens;
  e->actual[0] = corrected(sim, e->debited[0]);
  e->actual[1] = corrected(sim, e->debited[1]);
  uint64_t ends_ns = sim->now + between(sim, 0, 8 * SECOND);
  assert_int_equal(uvllm_queue_push(sim->flight, &e->node, (int64_t) ends_ns), 0);
}

/* A full queue, until the end: the head waits as long as take() says. */
static void run(sim_t* sim) {
  while (sim->now < sim->end && sim->n < LOG_MAX) {
    uint64_t tokens = between(sim, sim->size_min, sim->size_max), when = 0;
    uvllm_cost_t cost = { between(sim, 0, tokens), 0, 0 };
    cost.output_tokens = tokens - cost.input_tokens;
    for (;;) {
      int err = uvllm_limiter_take(sim->limiter, sim->now, &cost, &when);
      if (err == 0)
        break;
      assert_int_equal(err, UVLLM__EAGAIN);
      assert_true(when > sim->now);
      if (next_end(sim) <= when && next_end(sim) != UINT64_MAX) {
        settle_next(sim);
        continue;
      }
      assert_true(when != UINT64_MAX);
      sim->now = when + between(sim, 0, sim->late_ms * (uint64_t) MS);
    }
    assert_int_equal(cost.taken_ns, sim->now);
    admitted(sim, &cost);
  }
}

static uint64_t amount(const entry_t* e, uvllm_limit_kind kind) {
  switch (kind) {
    case UVLLM_INPUT_PER_MIN: return e->actual[0];
    case UVLLM_OUTPUT_PER_MIN: return e->actual[1];
    case UVLLM_TOKENS_PER_MIN:
    case UVLLM_TOKENS_PER_DAY: return e->actual[0] + e->actual[1];
    default: return 1;
  }
}

static int by_arrival(const void* a, const void* b) {
  uint64_t x = ((const entry_t*) a)->arrives_ns, y = ((const entry_t*) b)->arrives_ns;
  return (x > y) - (x < y);
}

static entry_t* sorted_by_arrival(const sim_t* sim) {
  entry_t* log = malloc((sim->n + 1) * sizeof(*log));
  assert_non_null(log);
  memcpy(log, sim->log, sim->n * sizeof(*log));
  qsort(log, sim->n, sizeof(*log), by_arrival);
  return log;
}

/* The most in any closed period, as the provider sees it or as admitted here. */
static uint64_t most_in_a_period(const sim_t* sim, uvllm_limit_kind kind, uint64_t period,
                                 int on_arrival) {
  uint64_t sum = 0, most = 0;
  entry_t* log = sorted_by_arrival(sim);
  if (!on_arrival)
    memcpy(log, sim->log, sim->n * sizeof(*log));
  for (size_t i = 0, oldest = 0; i < sim->n; i++) {
    sum += amount(&log[i], kind);
    while ((on_arrival ? log[i].arrives_ns - log[oldest].arrives_ns
                       : log[i].taken_ns - log[oldest].taken_ns) > period)
      sum -= amount(&log[oldest++], kind);
    most = sum > most ? sum : most;
  }
  free(log);
  return most;
}

static uint64_t all_admitted(const sim_t* sim, uvllm_limit_kind kind) {
  uint64_t sum = 0;
  for (size_t i = 0; i < sim->n; i++)
    sum += amount(&sim->log[i], kind);
  return sum;
}

/* How many the provider refuses. One it refuses is not charged. */
static size_t refused(const sim_t* sim, uvllm_limit_kind kind, uint64_t limit) {
  size_t n = 0;
  double rate = (double) limit / 60, used = 0;
  uint64_t last = 0;
  entry_t* log = sorted_by_arrival(sim);
  for (size_t i = 0; i < sim->n; i++) {
    double cost = (double) amount(&log[i], kind), capacity = cost > rate ? cost : rate;
    used -= (double) (log[i].arrives_ns - last) / 1e9 * rate;
    used = used > 0 ? used : 0;
    last = log[i].arrives_ns;
    if (cost > 0 && used + cost > capacity * (1 + 1e-9))
      n++;
    else
      used += cost;
  }
  free(log);
  return n;
}

static void begin(sim_t* sim, uint64_t seed, entry_t* log) {
  memset(sim, 0, sizeof(*sim));
  sim->rng = seed * 0x9e3779b97f4a7c15u;
  for (int i = 0; i < 5; i++)
    next_random(sim);
  sim->log = log;
  sim->late_ms = 1;
}

static void play(sim_t* sim, uint64_t duration) {
  assert_int_equal(uvllm_limiter_new(&sim->limiter, &sim->limits, NULL), 0);
  assert_int_equal(uvllm_queue_new(&sim->flight, 0, NULL), 0);
  sim->now = between(sim, 1, 1000 * SECOND);
  sim->end = sim->now + duration;
  run(sim);
  while (next_end(sim) != UINT64_MAX)
    settle_next(sim);
  uvllm_queue_free(sim->flight);
  uvllm_limiter_free(sim->limiter);
}

static uint64_t any_of(sim_t* sim, const uint64_t* values, size_t n) {
  return values[next_random(sim) % n];
}

static const uint64_t rpm[] = { 1,  2,  3,   7,   30,  59,  60,  61,  62,
                                70, 99, 100, 199, 200, 399, 600, 3000 };
static const uint64_t tpm[] = { 1000, 12345, 60000, 2000000, 30000000, (uint64_t) 1 << 40 };

static void random_limits(sim_t* sim) {
  static const uint64_t parts[] = { 1000, 250, 200, 60, 20, 3, 1 };
  unsigned int which = (unsigned int) (next_random(sim) % 8);
  uint64_t tokens = any_of(sim, tpm, 6);
  if (which != 1)
    sim->limits.requests_per_min = (uint32_t) any_of(sim, rpm, sizeof(rpm) / sizeof(rpm[0]));
  if (which >= 1 && which <= 5)
    sim->limits.tokens_per_min = tokens;
  if (which == 4)
    sim->limits.input_tokens_per_min = tokens / 2;
  if (which == 5)
    sim->limits.output_tokens_per_min = tokens / 3;
  if (which == 6)
    sim->limits.max_inflight = (uint32_t) between(sim, 1, 20);
  sim->size_max = tokens / any_of(sim, parts, 7) / (which >= 4 ? 3 : 1);
  sim->size_min = next_random(sim) % 3 == 0 ? sim->size_max : 1;
  if (which == 1 && sim->size_min < tokens / 5000) /* as many as the log holds */
    sim->size_min = tokens / 5000;
  if (sim->size_min > sim->size_max)
    sim->size_min = sim->size_max;
}

static entry_t* new_log(void) {
  entry_t* log = malloc(LOG_MAX * sizeof(*log));
  assert_non_null(log);
  return log;
}

static void assert_within(const sim_t* sim, uint64_t seed, uvllm_limit_kind kind, uint64_t limit,
                          uint64_t period) {
  for (int on_arrival = 0; on_arrival < 2 && limit != 0; on_arrival++) {
    uint64_t most = most_in_a_period(sim, kind, period, on_arrival);
    if (most > limit)
      fail_msg("seed %d: %llu of kind %d %s, %llu is the limit", (int) seed,
               (unsigned long long) most, (int) kind, on_arrival ? "arrived" : "admitted",
               (unsigned long long) limit);
  }
}

static void assert_all_within(const sim_t* sim, uint64_t seed) {
  const uvllm_limits_t* l = &sim->limits;
  assert_within(sim, seed, UVLLM_REQUESTS_PER_MIN, l->requests_per_min, MINUTE);
  assert_within(sim, seed, UVLLM_REQUESTS_PER_DAY, l->requests_per_day, DAY);
  assert_within(sim, seed, UVLLM_TOKENS_PER_MIN, l->tokens_per_min, MINUTE);
  assert_within(sim, seed, UVLLM_INPUT_PER_MIN, l->input_tokens_per_min, MINUTE);
  assert_within(sim, seed, UVLLM_OUTPUT_PER_MIN, l->output_tokens_per_min, MINUTE);
  assert_within(sim, seed, UVLLM_TOKENS_PER_DAY, l->tokens_per_day, DAY);
}

static void assert_contented(const sim_t* sim, uint64_t seed, uvllm_limit_kind kind,
                             uint64_t limit) {
  size_t n = limit != 0 ? refused(sim, kind, limit) : 0;
  if (n != 0)
    fail_msg("seed %d: %d of %d refused by the provider, kind %d, limit %llu", (int) seed, (int) n,
             (int) sim->n, (int) kind, (unsigned long long) limit);
}

static void no_period_exceeds_a_limit_and_no_provider_refuses(void** state) {
  (void) state;
  entry_t* log = new_log();
  for (uint64_t seed = 1; seed <= SEEDS; seed++) {
    sim_t sim;
    begin(&sim, seed, log);
    random_limits(&sim);
    play(&sim, 3 * MINUTE);
    assert_true(sim.n > 0);
    assert_all_within(&sim, seed);
    assert_contented(&sim, seed, UVLLM_REQUESTS_PER_MIN, sim.limits.requests_per_min);
    assert_contented(&sim, seed, UVLLM_TOKENS_PER_MIN, sim.limits.tokens_per_min);
    assert_contented(&sim, seed, UVLLM_INPUT_PER_MIN, sim.limits.input_tokens_per_min);
    assert_contented(&sim, seed, UVLLM_OUTPUT_PER_MIN, sim.limits.output_tokens_per_min);
  }
  free(log);
}

static void refunds_keep_every_period_within_the_limit(void** state) {
  (void) state;
  entry_t* log = new_log();
  for (uint64_t seed = 1; seed <= SEEDS; seed++) {
    sim_t sim;
    begin(&sim, seed, log);
    random_limits(&sim);
    sim.correction = 1;
    play(&sim, 3 * MINUTE);
    assert_all_within(&sim, seed);
  }
  free(log);
}

static void what_costs_more_than_guessed_is_paid_back(void** state) {
  (void) state;
  entry_t* log = new_log();
  for (uint64_t seed = 1; seed <= 60; seed++) {
    sim_t sim;
    begin(&sim, seed, log);
    sim.limits.tokens_per_min = any_of(&sim, tpm, 5);
    sim.size_max = sim.limits.tokens_per_min / 300;
    sim.size_min = sim.size_max / 2 + 1;
    sim.correction = 2;
    play(&sim, 20 * MINUTE);
    /* on the whole, though not in each period: what was in flight came as a surprise */
    uint64_t all = all_admitted(&sim, UVLLM_TOKENS_PER_MIN), limit = sim.limits.tokens_per_min;
    assert_in_range(all, 20 * limit * 97 / 100, 21 * limit + limit / 5);
  }
  free(log);
}

static void assert_used(const sim_t* sim, uvllm_limit_kind kind, uint64_t limit, uint64_t minutes) {
  double used = (double) all_admitted(sim, kind) / ((double) limit * (double) minutes);
  if (used < 0.99)
    fail_msg("%.4f of %llu used, kind %d, sizes %llu to %llu", used, (unsigned long long) limit,
             (int) kind, (unsigned long long) sim->size_min, (unsigned long long) sim->size_max);
}

static void a_full_queue_uses_99_percent_of_the_requests(void** state) {
  (void) state;
  static const uint64_t limits[] = { 100, 101, 150, 199, 200,  201,
                                     399, 400, 600, 997, 3000, 10000 };
  entry_t* log = new_log();
  for (uint64_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
    sim_t sim;
    begin(&sim, i + 1, log);
    sim.limits.requests_per_min = (uint32_t) limits[i];
    sim.size_max = 1;
    sim.late_ms = 4;
    play(&sim, 10 * MINUTE);
    assert_all_within(&sim, i);
    assert_used(&sim, UVLLM_REQUESTS_PER_MIN, limits[i], 10);
    assert_contented(&sim, i, UVLLM_REQUESTS_PER_MIN, limits[i]);
  }
  free(log);
}

static void a_full_queue_uses_99_percent_of_the_tokens(void** state) {
  (void) state;
  entry_t* log = new_log();
  for (uint64_t seed = 1; seed <= 60; seed++) {
    sim_t sim;
    begin(&sim, seed, log);
    sim.limits.tokens_per_min = any_of(&sim, tpm + 2, 4);
    uint64_t largest = sim.limits.tokens_per_min / 200;
    if (seed <= 12) /* 60,000 a minute in requests of 100 to 500, of one size or mixed */
      sim.limits.tokens_per_min = 60000, largest = 500;
    sim.size_max = largest - next_random(&sim) % (largest * 4 / 5);
    sim.size_min = seed % 3 != 0 ? sim.size_max : largest / 5;
    if (sim.size_min > sim.size_max)
      sim.size_min = sim.size_max;
    sim.late_ms = 2;
    play(&sim, 8 * MINUTE);
    assert_all_within(&sim, seed);
    assert_used(&sim, UVLLM_TOKENS_PER_MIN, sim.limits.tokens_per_min, 8);
    assert_contented(&sim, seed, UVLLM_TOKENS_PER_MIN, sim.limits.tokens_per_min);
  }
  free(log);
}

static void any_24_hours_stay_within_the_limits_per_day(void** state) {
  (void) state;
  entry_t* log = new_log();
  for (uint64_t seed = 1; seed <= 40; seed++) {
    sim_t sim;
    begin(&sim, seed, log);
    sim.limits.requests_per_min = seed % 2 != 0 ? 20 : 0;
    sim.limits.requests_per_day = (uint32_t) between(&sim, 1, 2000);
    sim.limits.tokens_per_day = between(&sim, 1000, 2000000);
    sim.size_min = 1;
    sim.size_max = sim.limits.tokens_per_day / between(&sim, 1, 500);
    sim.correction = seed % 2;
    play(&sim, 5 * DAY);
    assert_all_within(&sim, seed);
    assert_true(sim.n >= 5); /* one a day at least */
  }
  free(log);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(no_period_exceeds_a_limit_and_no_provider_refuses),
    cmocka_unit_test(refunds_keep_every_period_within_the_limit),
    cmocka_unit_test(what_costs_more_than_guessed_is_paid_back),
    cmocka_unit_test(a_full_queue_uses_99_percent_of_the_requests),
    cmocka_unit_test(a_full_queue_uses_99_percent_of_the_tokens),
    cmocka_unit_test(any_24_hours_stay_within_the_limits_per_day),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
