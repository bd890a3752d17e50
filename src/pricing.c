/* What a usage costs at the rates of one row, and what it could cost at worst.
 *
 * The order in which a rate is chosen is that of uvllm/usage.h: the highest
 * threshold passed, then the service tier over the standard one, then the parent
 * kind. The parts of input and output are cut so that they add up to exactly the
 * whole: no token is billed twice. Sums stop at INT64_MAX.
 */
#include "prices.h"

typedef struct rates_s {
  int64_t of[UVLLM__NKINDS]; /* -1: none */
} rates_t;

/* Parents come first, and are their own. */
static const uint8_t PARENT[UVLLM__NKINDS] = { [UVLLM__INPUT] = UVLLM__INPUT,
                                               [UVLLM__OUTPUT] = UVLLM__OUTPUT,
                                               [UVLLM__CACHE_READ] = UVLLM__INPUT,
                                               [UVLLM__CACHE_WRITE] = UVLLM__INPUT,
                                               [UVLLM__CACHE_WRITE_1H] = UVLLM__CACHE_WRITE,
                                               [UVLLM__AUDIO_INPUT] = UVLLM__INPUT,
                                               [UVLLM__IMAGE_INPUT] = UVLLM__INPUT,
                                               [UVLLM__REASONING] = UVLLM__OUTPUT,
                                               [UVLLM__AUDIO_OUTPUT] = UVLLM__OUTPUT,
                                               [UVLLM__REQUEST] = UVLLM__REQUEST };


static int64_t add(int64_t a, int64_t b) {
  return b > INT64_MAX - a ? INT64_MAX : a + b;
}


static int64_t times(uint64_t n, int64_t pusd) {
  int64_t product;
  if (n == 0 || pusd == 0)
    return 0;
  if (n > INT64_MAX || __builtin_mul_overflow((int64_t) n, pusd, &product))
    return INT64_MAX;
  return product;
}


static uint64_t min(uint64_t a, uint64_t b) {
  return a < b ? a : b;
}


int uvllm__price_tier(const char* tier) {
  static const struct {
    const char* name;
    int tier;
  } names[] = { { "priority", UVLLM__PRIORITY },
                { "fast", UVLLM__PRIORITY },
                { "ultrafast", UVLLM__ULTRAFAST },
                { "flex", UVLLM__FLEX },
                { "batch", UVLLM__BATCH } };
  for (size_t i = 0; tier != NULL && i < sizeof(names) / sizeof(names[0]); i++) {
    if (strcmp(names[i].name, tier) == 0)
      return names[i].tier;
  }
  return UVLLM__STANDARD;
}


/* The smallest input that a rate is for. */
static uint64_t starts_at(const uvllm__price_row_t* row, const uvllm__rate_t* rate) {
  return rate->above == 0 ? 0 : (uint64_t) rate->above + (strcmp(row->provider, "xai") != 0);
}


/* What a rate is in a tier. Half of odd numbers is rounded up. */
static int64_t in_tier(const uvllm__rate_t* rate, int tier) {
  if (tier != UVLLM__BATCH || rate->tier == UVLLM__BATCH || rate->kind == UVLLM__REQUEST)
    return rate->pusd;
  return rate->pusd / 2 + rate->pusd % 2;
}


static void inherit(rates_t* rates) {
  for (int k = 0; k < UVLLM__NKINDS; k++) {
    if (rates->of[k] < 0)
      rates->of[k] = rates->of[PARENT[k]];
  }
}


/* The rates for a request of so many input tokens in a tier. A higher threshold
 * weighs more than the tier, so that "above 200k" in the standard tier beats the
 * tier's rate below it. */
static void choose(const uvllm__price_row_t* row, int tier, uint64_t input, rates_t* rates) {
  int64_t weight[UVLLM__NKINDS];
  for (int k = 0; k < UVLLM__NKINDS; k++)
    weight[k] = rates->of[k] = -1;
  for (uint32_t i = 0; i < row->nrates; i++) {
    const uvllm__rate_t* r = &row->rates[i];
    if ((r->tier != UVLLM__STANDARD && r->tier != tier) || input < starts_at(row, r))
      continue;
    const int64_t w = (int64_t) r->above * 2 + (r->tier != UVLLM__STANDARD);
    if (w <= weight[r->kind])
      continue;
    weight[r->kind] = w;
    rates->of[r->kind] = in_tier(r, tier);
  }
  inherit(rates);
}


int64_t uvllm__row_rate(const uvllm__price_row_t* row, int kind) {
  for (uint32_t i = 0; i < row->nrates; i++) {
    const uvllm__rate_t* r = &row->rates[i];
    if (r->kind == kind && r->tier == UVLLM__STANDARD && r->above == 0)
      return r->pusd;
  }
  return -1;
}


/* Take up to n of what is left. */
static uint64_t cut(uint64_t* left, uint64_t n) {
  const uint64_t part = min(*left, n);
  *left -= part;
  return part;
}


/* How many of each kind: they add up to input and to output. */
static void divide(const uvllm_usage_t* u, uint64_t n[UVLLM__NKINDS]) {
  uint64_t input = u->input_tokens, output = u->output_tokens;
  n[UVLLM__CACHE_READ] = cut(&input, u->cached_input_tokens);
  uint64_t written = cut(&input, u->cache_write_tokens);
  n[UVLLM__CACHE_WRITE_1H] = cut(&written, u->cache_write_1h_tokens);
  n[UVLLM__CACHE_WRITE] = written;
  n[UVLLM__AUDIO_INPUT] = cut(&input, u->audio_input_tokens);
  n[UVLLM__IMAGE_INPUT] = cut(&input, u->image_input_tokens);
  n[UVLLM__INPUT] = input;
  n[UVLLM__REASONING] = cut(&output, u->reasoning_tokens);
  n[UVLLM__AUDIO_OUTPUT] = cut(&output, u->audio_output_tokens);
  n[UVLLM__OUTPUT] = output;
  n[UVLLM__REQUEST] = 1;
}


/* -1: unpriced. */
static int64_t cost(const uvllm__price_row_t* row, int tier, const uvllm_usage_t* u) {
  uint64_t n[UVLLM__NKINDS];
  rates_t rates;
  int64_t sum = 0;
  choose(row, tier, u->input_tokens, &rates);
  divide(u, n);
  for (int k = 0; k < UVLLM__NKINDS; k++) {
    if (rates.of[k] >= 0)
      sum = add(sum, times(n[k], rates.of[k]));
    else if (n[k] != 0 && k != UVLLM__REQUEST)
      return -1;
  }
  return sum;
}


void uvllm_price(const uvllm_prices_t* prices, const char* provider, const char* model,
                 const char* tier, uvllm_usage_t* usage) {
  const uvllm__price_row_t* row = uvllm__prices_row(prices, provider, model);
  int64_t pusd = -1;
  if (row != NULL && (row->flags & UVLLM__ROW_UNPRICED) == 0)
    pusd = cost(row, uvllm__price_tier(tier), usage);
  usage->cost_pusd = pusd > 0 ? pusd : 0;
  usage->flags &= ~(unsigned int) UVLLM_USAGE_UNPRICED;
  if (pusd < 0)
    usage->flags |= UVLLM_USAGE_UNPRICED;
}


/* The dearest rates of a tier over all thresholds within reach: those of the
 * kinds of input, of output, and the fee. Which rates a request of n tokens has
 * changes only at the thresholds. */
static void raise_to(const uvllm__price_row_t* row, int tier, uint64_t input, rates_t* worst) {
  rates_t rates;
  choose(row, tier, input, &rates);
  for (int k = 0; k < UVLLM__NKINDS; k++) {
    int root = k;
    while (PARENT[root] != root)
      root = PARENT[root];
    if (rates.of[k] > worst->of[root])
      worst->of[root] = rates.of[k];
  }
}


static void raise_all(const uvllm__price_row_t* row, int tier, uint64_t input, rates_t* worst) {
  raise_to(row, tier, 0, worst);
  for (uint32_t i = 0; i < row->nrates; i++) {
    const uvllm__rate_t* r = &row->rates[i];
    if (r->above != 0 && starts_at(row, r) <= input)
      raise_to(row, tier, starts_at(row, r), worst);
  }
}


int64_t uvllm_price_worst(const uvllm_prices_t* prices, const char* provider, const char* model,
                          const char* tier, uint64_t input_tokens_max, uint64_t output_tokens_max) {
  const uvllm__price_row_t* row = uvllm__prices_row(prices, provider, model);
  if (row == NULL || (row->flags & UVLLM__ROW_UNPRICED) != 0)
    return UVLLM_EUNPRICED;
  const int asked = uvllm__price_tier(tier);
  rates_t worst;
  for (int k = 0; k < UVLLM__NKINDS; k++)
    worst.of[k] = -1;
  raise_all(row, asked, input_tokens_max, &worst);
  if (asked != UVLLM__BATCH)
    raise_all(row, UVLLM__STANDARD, input_tokens_max, &worst);
  const int64_t in = worst.of[UVLLM__INPUT], out = worst.of[UVLLM__OUTPUT];
  if ((in < 0 && input_tokens_max != 0) || (out < 0 && output_tokens_max != 0))
    return UVLLM_EUNPRICED;
  const int64_t fee = worst.of[UVLLM__REQUEST] > 0 ? worst.of[UVLLM__REQUEST] : 0;
  return add(fee, add(times(input_tokens_max, in > 0 ? in : 0),
                      times(output_tokens_max, out > 0 ? out : 0)));
}
