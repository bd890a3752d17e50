/* What the limiter costs: take + settle, all dimensions limited and corrected, the
 * clock moving; and a take that is refused. The median of 11 rounds, in ns of
 * CPU. Public headers only.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "uvllm/limiter.h"

enum { ROUNDS = 11, OPS = 1000000 };


static double now_ns(void) {
  struct timespec ts;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
  return (double) ts.tv_sec * 1e9 + (double) ts.tv_nsec;
}


static int by_value(const void* a, const void* b) {
  double x = *(const double*) a, y = *(const double*) b;
  return (x > y) - (x < y);
}


static void report(const char* name, double* rounds) {
  qsort(rounds, ROUNDS, sizeof(*rounds), by_value);
  printf("%s %.1f\n", name, rounds[ROUNDS / 2]);
}


/* 100,000 requests a second, far below the limits. */
static int take_settle(const uvllm_limits_t* limits, const char* name) {
  uvllm_limiter_t* l;
  double rounds[ROUNDS];
  uint64_t now = 1, when;
  int refused = 0;
  if (uvllm_limiter_new(&l, limits, NULL) != 0)
    return 1;
  for (int r = 0; r < ROUNDS; r++) {
    double start = now_ns();
    for (int i = 0; i < OPS; i++) {
      uvllm_cost_t cost = { 500, 300, 0 }, actual = { 400, 350, 0 };
      now += 10000;
      refused += uvllm_limiter_take(l, now, &cost, &when) != 0;
      uvllm_limiter_settle(l, now + 5000, &cost, &actual);
    }
    rounds[r] = (now_ns() - start) / OPS;
  }
  uvllm_limiter_free(l);
  report(name, rounds);
  return refused != 0;
}


static int take_refused(void) {
  const uvllm_limits_t limits = { .requests_per_min = 600, .tokens_per_min = 60000 };
  uvllm_limiter_t* l;
  double rounds[ROUNDS];
  uint64_t now = 1, when;
  uvllm_cost_t cost = { 50, 50, 0 };
  if (uvllm_limiter_new(&l, &limits, NULL) != 0)
    return 1;
  while (uvllm_limiter_take(l, now, &cost, &when) == 0)
    continue;
  for (int r = 0; r < ROUNDS; r++) {
    double start = now_ns();
    for (int i = 0; i < OPS; i++)
      if (uvllm_limiter_take(l, now + (uint64_t) i, &cost, &when) == 0)
        return 1;
    rounds[r] = (now_ns() - start) / OPS;
  }
  uvllm_limiter_free(l);
  report("limiter_take_refused_ns", rounds);
  return 0;
}


int main(void) {
  const uvllm_limits_t two = { .requests_per_min = 4000000000u,
                               .tokens_per_min = (uint64_t) 1 << 40 };
  const uvllm_limits_t all = { .requests_per_min = 4000000000u,
                               .requests_per_day = 4000000000u,
                               .tokens_per_min = (uint64_t) 1 << 40,
                               .input_tokens_per_min = (uint64_t) 1 << 40,
                               .output_tokens_per_min = (uint64_t) 1 << 40,
                               .tokens_per_day = (uint64_t) 1 << 40,
                               .max_inflight = 1000 };
  return take_settle(&two, "limiter_take_settle_ns") ||
         take_settle(&all, "limiter_take_settle_all_ns") || take_refused();
}
