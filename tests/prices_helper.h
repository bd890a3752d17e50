/* What the tests of prices share: a table and a parser, entries written with
 * apostrophes for quotes, costs that are -1 where there is no price. */
#ifndef UVLLM_TESTS_PRICES_HELPER_H
#define UVLLM_TESTS_PRICES_HELPER_H

#include "test.h"

#include <errno.h>

#include "prices.h"
#include "uvllm/json.h"
#include "uvllm/usage.h"

typedef struct fix_s {
  uvllm_prices_t* prices;
  uvllm_json_parser_t* parser;
} fix_t;

static inline int set_up(void** state) {
  static fix_t f;
  assert_int_equal(uvllm_prices_new(&f.prices, NULL), 0);
  assert_int_equal(uvllm_json_parser_new(&f.parser, NULL), 0);
  *state = &f;
  return 0;
}

static inline int tear_down(void** state) {
  fix_t* f = *state;
  uvllm_prices_free(f->prices);
  uvllm_json_parser_free(f->parser);
  return 0;
}

static inline int try_read(fix_t* f, uvllm_str_t text) {
  uvllm_json_t root;
  assert_int_equal(uvllm_json_parse(f->parser, text, &root, NULL), 0);
  return uvllm_prices_read(f->prices, root);
}

/* Entries of the provider "p", whose quotes are apostrophes. */
static inline void read_text(fix_t* f, const char* text) {
  char json[4096];
  snprintf(json, sizeof(json), "%s", text);
  for (char* c = json; *c != '\0'; c++)
    *c = *c == '\'' ? '"' : *c;
  assert_int_equal(try_read(f, test_str(json)), 0);
}

static inline void read_members(fix_t* f, const char* provider, const char* members) {
  char json[4096];
  snprintf(json, sizeof(json), "{'m': {'litellm_provider': '%s', 'mode': 'chat', %s}}", provider,
           members);
  read_text(f, json);
}

/* The cost, or -1 if the usage is unpriced. */
static inline int64_t price(const fix_t* f, const char* provider, const char* model,
                            const char* tier, uvllm_usage_t u) {
  u.cost_pusd = 12345;
  uvllm_price(f->prices, provider, model, tier, &u);
  if (u.flags & UVLLM_USAGE_UNPRICED) {
    assert_int_equal(u.cost_pusd, 0);
    return -1;
  }
  return u.cost_pusd;
}

static inline int64_t price_m(const fix_t* f, const char* tier, uvllm_usage_t u) {
  return price(f, "p", "m", tier, u);
}

static inline uvllm_usage_t io(uint64_t input, uint64_t output) {
  uvllm_usage_t u = { .input_tokens = input, .output_tokens = output };
  return u;
}

static inline int64_t worst_m(const fix_t* f, const char* tier, uint64_t input, uint64_t output) {
  return uvllm_price_worst(f->prices, "p", "m", tier, input, output);
}

#define BASE "'input_cost_per_token': 2e-6, 'output_cost_per_token': 1e-5"

#define test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
