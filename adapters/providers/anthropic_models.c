/* What differs between models, told from their names: "claude-3-5-haiku-20241022",
 * "claude-opus-4-6", "anthropic.claude-sonnet-4-20250514-v1:0".
 */
#include "anthropic.h"

enum { ADAPTIVE_FROM = 406, LEAST_BUDGET = 1024 };


static int is_digit(char c) {
  return c >= '0' && c <= '9';
}


/* The next number of one or two digits at *at, which goes behind it; -1: none is
 * there, or a date. */
static int number_at(uvllm_str_t s, size_t* at) {
  const size_t first = *at;
  int n = 0;
  while (*at < s.len && is_digit(s.base[*at]) && *at - first < 3)
    n = n * 10 + (s.base[(*at)++] - '0');
  return *at == first || *at - first > 2 ? -1 : n;
}


/* 100 * major + minor of a Claude; 0: it is one without a number; -1: it is none. */
static int version_of(uvllm_str_t model) {
  static const char claude[] = "claude";
  size_t at = 0;
  const size_t n = sizeof(claude) - 1;
  while (at + n <= model.len && memcmp(model.base + at, claude, n) != 0)
    at++;
  if (at + n > model.len)
    return -1;
  for (at += n; at < model.len; at++) {
    if (!is_digit(model.base[at]) || is_digit(model.base[at - 1]))
      continue;
    const int major = number_at(model, &at);
    if (major < 0)
      return 0;
    at += at < model.len;
    const int minor = number_at(model, &at);
    return 100 * major + (minor > 0 ? minor : 0);
  }
  return 0;
}


uint32_t uvllm__anthropic_max_tokens(uvllm_str_t model) {
  const int version = version_of(model);
  if (version > 0 && version < 305)
    return 4096;
  return version < 0 || (version > 0 && version < 307) ? 8192 : 16384;
}


/* Newer models refuse a budget, older ones the adaptive form. */
static int is_adaptive(const char* mode, uvllm_str_t model) {
  if (mode != NULL)
    return strcmp(mode, "adaptive") == 0;
  const int version = version_of(model);
  return version == 0 || version >= ADAPTIVE_FROM;
}


/* A share of max_tokens, which it counts in; the answer needs the rest. */
static uint32_t budget_of(uint32_t percent, uint32_t max_tokens) {
  const uint64_t share = (uint64_t) max_tokens * percent / 100;
  if (max_tokens <= LEAST_BUDGET)
    return 0;
  return share > LEAST_BUDGET ? (uint32_t) share : LEAST_BUDGET;
}


uvllm__anthropic_effort_t uvllm__anthropic_effort(const char* effort, const char* mode,
                                                  uvllm_str_t model, uint32_t max_tokens) {
  static const struct {
    const char *name, *effort;
    uint32_t percent;
  } efforts[] = { { "minimal", "low", 0 },   { "low", "low", 20 },     { "medium", "medium", 50 },
                  { "high", "high", 80 },    { "xhigh", "xhigh", 90 }, { "max", "max", 95 } };
  uvllm__anthropic_effort_t e = { UVLLM__ANTHROPIC_UNKNOWN, NULL, 0 };
  if (strcmp(effort, "none") == 0)
    e.thinking = UVLLM__ANTHROPIC_NO_THINKING;
  for (size_t i = 0; i < sizeof(efforts) / sizeof(efforts[0]); i++)
    if (strcmp(effort, efforts[i].name) == 0) {
      e.thinking = is_adaptive(mode, model) ? UVLLM__ANTHROPIC_ADAPTIVE : UVLLM__ANTHROPIC_BUDGET;
      e.effort = efforts[i].effort;
      e.budget = budget_of(efforts[i].percent, max_tokens);
    }
  return e;
}


/* OpenAI's "default" is a request without priority. */
const char* uvllm__anthropic_tier(const char* tier) {
  if (strcmp(tier, "default") == 0 || strcmp(tier, "standard_only") == 0)
    return "standard_only";
  return strcmp(tier, "auto") == 0 ? "auto" : NULL;
}
