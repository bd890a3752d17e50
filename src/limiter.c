/* The rate limiter: for each dimension a pace (gcra.c) and a sliding window
 * (window.c), and the count of what is in flight.
 *
 * A request is admitted when all of them admit it, and then debited in all: the
 * window keeps what was admitted within the limit, whatever sizes and corrections
 * come; the pace spreads it, so that a provider that looks at seconds agrees.
 */
#include "gcra.h"
#include "uvllm/limiter.h"
#include "window.h"

#include <assert.h>

#define LIMIT_MAX ((uint64_t) 1 << 40)
#define MINUTE_NS ((uint64_t) 60 * 1000000000)

enum { RAISE_AFTER = 10 };

typedef struct dim_s {
  uint64_t limit;      /* in force; 0: none, and no window */
  uint64_t configured; /* by the user; 0: none */
  uint64_t said;       /* by the provider, as far as it is believed; 0: nothing */
  uint32_t nhigher;    /* answers in a row that said more */
  uvllm__window_t* window;
  uvllm__gcra_t gcra;
} dim_t;

struct uvllm_limiter_s {
  dim_t dims[UVLLM_LIMIT_KINDS];
  unsigned int nlimits; /* how many of them are in force; as a rule none or few */
  uint64_t now_ns, frozen_until_ns;
  uint32_t inflight, max_inflight;
  uvllm_alloc_t alloc;
};

static const uint64_t period_ns[UVLLM_LIMIT_KINDS] = {
  MINUTE_NS, 24 * 60 * MINUTE_NS, MINUTE_NS, MINUTE_NS, MINUTE_NS, 24 * 60 * MINUTE_NS
};


static uint64_t least(uint64_t a, uint64_t b) {
  return a < b ? a : b;
}


static void by_kind(const uvllm_cost_t* cost, uint64_t costs[UVLLM_LIMIT_KINDS]) {
  uint64_t input = least(cost->input_tokens, 2 * LIMIT_MAX);
  uint64_t output = least(cost->output_tokens, 2 * LIMIT_MAX);
  costs[UVLLM_REQUESTS_PER_MIN] = costs[UVLLM_REQUESTS_PER_DAY] = 1;
  costs[UVLLM_TOKENS_PER_MIN] = costs[UVLLM_TOKENS_PER_DAY] = input + output;
  costs[UVLLM_INPUT_PER_MIN] = input;
  costs[UVLLM_OUTPUT_PER_MIN] = output;
}


static void advance(uvllm_limiter_t* l, uint64_t now_ns) {
  if (now_ns <= l->now_ns)
    return;
  l->now_ns = now_ns;
  if (l->nlimits == 0)
    return;
  for (dim_t* d = l->dims; d < l->dims + UVLLM_LIMIT_KINDS; d++) {
    if (d->limit == 0)
      continue;
    uvllm__gcra_advance(&d->gcra, now_ns);
    uvllm__window_advance(d->window, now_ns);
  }
}


/* ---- Which limits are in force ------------------------------------------------------ */

static uint64_t in_force(uint64_t configured, uint64_t said) {
  return configured != 0 && said != 0 ? least(configured, said) : configured + said;
}


static int reserve_window(uvllm_limiter_t* l, dim_t* d) {
  if (d->window == NULL) {
    d->window = uvllm__malloc(&l->alloc, sizeof(*d->window));
    if (d->window == NULL)
      return UVLLM__ENOMEM;
  }
  return 0;
}


/* With a window reserved, if there is to be a limit. */
static void apply_limit(uvllm_limiter_t* l, dim_t* d) {
  uint64_t limit = in_force(d->configured, d->said), period = period_ns[d - l->dims];
  if (limit == 0) {
    uvllm__free(&l->alloc, d->window);
    d->window = NULL;
  } else if (d->limit == 0) {
    uvllm__gcra_init(&d->gcra, l->now_ns, period, limit);
    uvllm__window_init(d->window, period + UVLLM__JITTER_NS); /* holds on arrival too */
  } else if (d->limit != limit) {
    uvllm__gcra_limit(&d->gcra, limit);
  }
  l->nlimits += (limit != 0) - (d->limit != 0);
  d->limit = limit;
}


int uvllm_limiter_set(uvllm_limiter_t* l, uint64_t now_ns, const uvllm_limits_t* limits) {
  const uint64_t wanted[UVLLM_LIMIT_KINDS] = {
    limits->requests_per_min,     limits->requests_per_day,      limits->tokens_per_min,
    limits->input_tokens_per_min, limits->output_tokens_per_min, limits->tokens_per_day
  };
  int err = 0;
  for (int i = 0; i < UVLLM_LIMIT_KINDS && err == 0; i++)
    if (in_force(wanted[i], l->dims[i].said) != 0)
      err = reserve_window(l, &l->dims[i]);
  advance(l, now_ns);
  for (int i = 0; i < UVLLM_LIMIT_KINDS; i++) {
    if (err == 0)
      l->dims[i].configured = least(wanted[i], LIMIT_MAX);
    apply_limit(l, &l->dims[i]); /* or lets go what was reserved */
  }
  if (err == 0)
    l->max_inflight = limits->max_inflight;
  return err;
}


int uvllm_limiter_new(uvllm_limiter_t** limiter, const uvllm_limits_t* limits,
                      const uvllm_alloc_t* alloc) {
  uvllm_alloc_t a = uvllm__alloc_or_default(alloc);
  uvllm_limiter_t* l = uvllm__calloc(&a, 1, sizeof(*l));
  if (l == NULL)
    return UVLLM__ENOMEM;
  l->alloc = a;
  int err = uvllm_limiter_set(l, 0, limits);
  if (err != 0) {
    uvllm_limiter_free(l);
    return err;
  }
  *limiter = l;
  return 0;
}


void uvllm_limiter_free(uvllm_limiter_t* limiter) {
  if (limiter == NULL)
    return;
  uvllm_alloc_t alloc = limiter->alloc;
  for (int i = 0; i < UVLLM_LIMIT_KINDS; i++)
    uvllm__free(&alloc, limiter->dims[i].window);
  uvllm__free(&alloc, limiter);
}


/* ---- Take and give back ------------------------------------------------------------- */

static uint64_t dim_when(const dim_t* d, uint64_t cost) {
  uint64_t when = uvllm__gcra_when(&d->gcra, cost);
  uint64_t room = 0;
  if (d->window->sum > d->limit - cost)
    room = uvllm__window_when(d->window, d->limit - cost);
  return when > room ? when : room;
}


static int fits_at_all(const uvllm_limiter_t* l, const uint64_t* costs) {
  for (int i = 0; i < UVLLM_LIMIT_KINDS; i++)
    if (l->dims[i].limit != 0 && costs[i] > l->dims[i].limit)
      return 0;
  return 1;
}


/* When all limits admit it; 0: now. */
static uint64_t limits_when(const uvllm_limiter_t* l, const uint64_t* costs) {
  uint64_t when = 0;
  for (int i = 0; i < UVLLM_LIMIT_KINDS; i++) {
    if (l->dims[i].limit == 0 || costs[i] == 0)
      continue;
    uint64_t dim = dim_when(&l->dims[i], costs[i]);
    when = dim > when ? dim : when;
  }
  return when;
}


static void debit(uvllm_limiter_t* l, const uint64_t* costs) {
  for (int i = 0; i < UVLLM_LIMIT_KINDS; i++) {
    if (l->dims[i].limit == 0 || costs[i] == 0)
      continue;
    uvllm__gcra_add(&l->dims[i].gcra, costs[i]);
    uvllm__window_add(l->dims[i].window, l->now_ns, costs[i]);
  }
}


int uvllm_limiter_take(uvllm_limiter_t* l, uint64_t now_ns, uvllm_cost_t* cost,
                       uint64_t* when_ns) {
  uint64_t costs[UVLLM_LIMIT_KINDS] = { 0 }, when = 0;
  if (l->nlimits != 0)
    by_kind(cost, costs);
  if (l->nlimits != 0 && !fits_at_all(l, costs))
    return UVLLM_ELIMIT;
  advance(l, now_ns);
  if (l->nlimits != 0)
    when = limits_when(l, costs);
  if (l->frozen_until_ns > l->now_ns && l->frozen_until_ns > when)
    when = l->frozen_until_ns;
  if (l->max_inflight != 0 && l->inflight >= l->max_inflight)
    when = UINT64_MAX;
  if (when != 0) {
    *when_ns = when;
    return UVLLM__EAGAIN;
  }
  if (l->nlimits != 0)
    debit(l, costs);
  l->inflight++;
  cost->taken_ns = l->now_ns;
  return 0;
}


static void correct(dim_t* d, uint64_t taken_ns, uint64_t debited, uint64_t actual) {
  if (d->limit == 0 || debited == actual)
    return;
  uint64_t more = actual > debited ? least(actual - debited, d->limit) : 0;
  uint64_t less = actual < debited ? debited - actual : 0;
  uvllm__gcra_correct(&d->gcra, more, less);
  uvllm__window_correct(d->window, taken_ns, more, less);
}


void uvllm_limiter_settle(uvllm_limiter_t* l, uint64_t now_ns, const uvllm_cost_t* debited,
                          const uvllm_cost_t* actual) {
  uint64_t before[UVLLM_LIMIT_KINDS], after[UVLLM_LIMIT_KINDS];
  assert(l->inflight != 0);
  l->inflight--;
  advance(l, now_ns);
  if (actual == NULL || l->nlimits == 0)
    return;
  by_kind(debited, before);
  by_kind(actual, after);
  for (int i = 0; i < UVLLM_LIMIT_KINDS; i++)
    correct(&l->dims[i], debited->taken_ns, before[i], after[i]);
}


void uvllm_limiter_undo(uvllm_limiter_t* l, uint64_t now_ns, const uvllm_cost_t* debited) {
  uint64_t costs[UVLLM_LIMIT_KINDS];
  assert(l->inflight != 0);
  l->inflight--;
  advance(l, now_ns);
  if (l->nlimits == 0)
    return;
  by_kind(debited, costs);
  for (int i = 0; i < UVLLM_LIMIT_KINDS; i++)
    correct(&l->dims[i], debited->taken_ns, costs[i], 0);
}


/* ---- What the provider says ----------------------------------------------------------- */

static void learn_limit(uvllm_limiter_t* l, dim_t* d, uint64_t limit) {
  uint64_t target = d->configured != 0 ? least(limit, d->configured) : limit;
  if (d->limit == 0 && reserve_window(l, d) != 0)
    return;
  if (d->limit == 0 || target < d->limit) {
    d->said = target;
    d->nhigher = 0;
  } else if (target == d->limit) {
    d->nhigher = 0;
  } else if (++d->nhigher == RAISE_AFTER) {
    d->said = least(target, d->limit + (d->limit >= 20 ? d->limit / 20 : 1));
    d->nhigher = 0;
  }
  apply_limit(l, d);
}


void uvllm_limiter_learn(uvllm_limiter_t* l, uint64_t now_ns, uvllm_limit_kind kind,
                         int64_t limit, int64_t remaining, int64_t reset_ms) {
  dim_t* d = &l->dims[kind];
  advance(l, now_ns);
  if (limit > 0)
    learn_limit(l, d, least((uint64_t) limit, LIMIT_MAX));
  if (d->limit == 0 || remaining < 0)
    return;
  uint64_t until = UINT64_MAX;
  if (reset_ms >= 0 && (uint64_t) reset_ms < (UINT64_MAX - l->now_ns) / 1000000)
    until = l->now_ns + (uint64_t) reset_ms * 1000000;
  uvllm__gcra_drop(&d->gcra, (uint64_t) remaining, until);
}


int uvllm_limiter_is_limited(const uvllm_limiter_t* l) {
  return l->nlimits != 0 || l->max_inflight != 0;
}


static double share_left(uint64_t used, uint64_t limit) {
  return used < limit ? (double) (limit - used) / (double) limit : 0;
}


double uvllm_limiter_headroom(uvllm_limiter_t* l, uint64_t now_ns) {
  double least_left = 1;
  advance(l, now_ns);
  if (l->frozen_until_ns > l->now_ns)
    return 0;
  if (l->max_inflight != 0)
    least_left = share_left(l->inflight, l->max_inflight);
  for (int i = 0; i < UVLLM_LIMIT_KINDS && l->nlimits != 0; i++) {
    const dim_t* d = &l->dims[i];
    const double left = d->limit != 0 ? share_left(d->window->sum, d->limit) : 1;
    least_left = left < least_left ? left : least_left;
  }
  return least_left;
}


void uvllm_limiter_freeze(uvllm_limiter_t* limiter, uint64_t until_ns) {
  if (until_ns > limiter->frozen_until_ns)
    limiter->frozen_until_ns = until_ns;
}


void uvllm_limiter_state(uvllm_limiter_t* l, uint64_t now_ns, uvllm_limiter_state_t* state) {
  advance(l, now_ns);
  state->frozen_until_ns = l->frozen_until_ns;
  state->inflight = l->inflight;
  for (int i = 0; i < UVLLM_LIMIT_KINDS; i++) {
    state->limit[i] = l->dims[i].limit;
    state->used[i] = l->dims[i].limit != 0 ? l->dims[i].window->sum : 0;
  }
}
