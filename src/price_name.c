/* The names of prices in LiteLLM's format, "cache_read_input_token_cost_above_200k_tokens".
 *
 * They are taken apart, not listed: what is billed, then in any order a threshold
 * ("_above_200k_tokens") and a service tier ("_priority"). A name with anything
 * else in it is not known.
 */
#include "prices.h"


static int skip(uvllm_str_t* s, const char* prefix) {
  const size_t n = strlen(prefix);
  if (s->len < n || memcmp(s->base, prefix, n) != 0)
    return 0;
  s->base += n;
  s->len -= n;
  return 1;
}


/* "_above_128k_tokens", "_above_1m_tokens", "_above_5000_tokens". */
static int read_threshold(uvllm_str_t* rest, uint32_t* above) {
  uvllm_str_t s = *rest;
  uint64_t n = 0;
  if (!skip(&s, "_above_"))
    return 0;
  for (; s.len != 0 && *s.base >= '0' && *s.base <= '9'; s.base++, s.len--)
    n = n > UINT32_MAX ? n : n * 10 + (uint64_t) (*s.base - '0');
  if (skip(&s, "k"))
    n *= 1000;
  else if (skip(&s, "m"))
    n *= 1000000;
  if (!skip(&s, "_tokens") || n == 0 || n > UINT32_MAX)
    return 0;
  *above = (uint32_t) n;
  *rest = s;
  return 1;
}


static int read_tier(uvllm_str_t* rest, uint8_t* tier) {
  static const struct {
    const char* suffix;
    uint8_t tier;
  } tiers[] = { { "_priority", UVLLM__PRIORITY },
                { "_fast", UVLLM__PRIORITY },
                { "_ultrafast", UVLLM__ULTRAFAST },
                { "_flex", UVLLM__FLEX },
                { "_batches", UVLLM__BATCH } };
  for (size_t i = 0; i < sizeof(tiers) / sizeof(tiers[0]); i++) {
    if (skip(rest, tiers[i].suffix)) {
      *tier = tiers[i].tier;
      return 1;
    }
  }
  return 0;
}


int uvllm__rate_of_name(uvllm_str_t name, uvllm__rate_t* rate) {
  static const struct {
    const char* name;
    uint8_t kind;
  } kinds[] = { { "input_cost_per_token", UVLLM__INPUT },
                { "output_cost_per_token", UVLLM__OUTPUT },
                { "cache_read_input_token_cost", UVLLM__CACHE_READ },
                { "cache_creation_input_token_cost", UVLLM__CACHE_WRITE },
                { "output_cost_per_reasoning_token", UVLLM__REASONING },
                { "input_cost_per_audio_token", UVLLM__AUDIO_INPUT },
                { "output_cost_per_audio_token", UVLLM__AUDIO_OUTPUT },
                { "input_cost_per_image_token", UVLLM__IMAGE_INPUT },
                { "input_cost_per_request", UVLLM__REQUEST } };
  size_t i = 0;
  while (i < sizeof(kinds) / sizeof(kinds[0]) && !skip(&name, kinds[i].name))
    i++;
  if (i == sizeof(kinds) / sizeof(kinds[0]))
    return 0;
  memset(rate, 0, sizeof(*rate));
  rate->kind = kinds[i].kind;
  while (name.len != 0) {
    /* An hour is how long the cache keeps it, not a threshold. */
    if (rate->kind == UVLLM__CACHE_WRITE && skip(&name, "_above_1hr"))
      rate->kind = UVLLM__CACHE_WRITE_1H;
    else if ((rate->above != 0 || !read_threshold(&name, &rate->above)) &&
             (rate->tier != UVLLM__STANDARD || !read_tier(&name, &rate->tier)))
      return 0;
  }
  return 1;
}
