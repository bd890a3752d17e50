/* Price files: whatever is read, each row is found under its own name, no usage
 * costs more than the worst case or less than nothing, and reading the file again
 * changes nothing.
 */
#include <stdlib.h>

#include "prices.h"
#include "uvllm/json.h"
#include "uvllm/usage.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

static uint64_t rng;


static uint64_t next_random(void) {
  rng = rng * 6364136223846793005u + 1442695040888963407u;
  return rng >> 33;
}


static void must(int truth) {
  if (!truth)
    abort();
}


/* Details may add up to more than the whole. */
static uvllm_usage_t random_usage(uint64_t input, uint64_t output) {
  uvllm_usage_t u = { 0 };
  u.input_tokens = next_random() % (input + 1);
  u.cached_input_tokens = next_random() % (input + 1);
  u.cache_write_tokens = next_random() % (input + 1);
  u.cache_write_1h_tokens = next_random() % (input + 1);
  u.audio_input_tokens = next_random() % (input + 1);
  u.image_input_tokens = next_random() % (input + 1);
  u.output_tokens = next_random() % (output + 1);
  u.reasoning_tokens = next_random() % (output + 1);
  u.audio_output_tokens = next_random() % (output + 1);
  return u;
}


static void check_costs(const uvllm_prices_t* prices, const uvllm_price_info_t* info) {
  static const char* const tiers[] = { NULL, "priority", "flex", "batch", "ultrafast" };
  const uint64_t input = next_random() % ((uint64_t) 1 << (1 + next_random() % 31));
  const uint64_t output = next_random() % ((uint64_t) 1 << (1 + next_random() % 31));
  for (size_t i = 0; i < sizeof(tiers) / sizeof(tiers[0]); i++) {
    uvllm_usage_t u = random_usage(input, output);
    const int64_t worst =
        uvllm_price_worst(prices, info->provider, info->model, tiers[i], input, output);
    uvllm_price(prices, info->provider, info->model, tiers[i], &u);
    if (u.flags & UVLLM_USAGE_UNPRICED)
      must(u.cost_pusd == 0 && (!info->priced || worst == UVLLM_EUNPRICED));
    else
      must(info->priced && u.cost_pusd >= 0 && u.cost_pusd <= worst);
  }
}


static size_t check_rows(const uvllm_prices_t* prices) {
  uvllm_price_info_t info, found;
  size_t it = 0, n = 0;
  while (n < prices->nrows && uvllm_prices_next(prices, &it, &info)) {
    n++;
    if (strcmp(info.provider, "*") == 0)
      continue; /* means any */
    must(uvllm_prices_find(prices, info.provider, info.model, &found) == 1);
    must(found.model == info.model && found.provider == info.provider);
    check_costs(prices, &info);
  }
  return n;
}


int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  uvllm_prices_t* prices = NULL;
  uvllm_json_parser_t* parser = NULL;
  uvllm_json_t root;
  const uvllm_str_t text = { size != 0 ? (const char*) data : "", size };
  rng = size;
  must(uvllm_prices_new(&prices, NULL) == 0 && uvllm_json_parser_new(&parser, NULL) == 0);
  if (uvllm_json_parse(parser, text, &root, NULL) == 0 && uvllm_prices_read(prices, root) == 0) {
    const size_t n = check_rows(prices);
    must(uvllm_prices_read(prices, root) == 0);
    must(check_rows(prices) == n);
  }
  uvllm_json_parser_free(parser);
  uvllm_prices_free(prices);
  return 0;
}
