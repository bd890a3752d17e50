/* What a usage costs: each rule with figures worked out by hand. */
#include "prices_helper.h"


/* ---- Arithmetic --------------------------------------------------------------------- */

static void input_and_output_are_billed_by_the_token(void** state) {
  fix_t* f = *state;
  read_members(f, "p", BASE);
  assert_int_equal(price_m(f, NULL, io(1000, 100)), 1000 * 2000000LL + 100 * 10000000LL);
  assert_int_equal(price_m(f, NULL, io(0, 0)), 0);
  assert_int_equal(price_m(f, "default", io(1, 0)), 2000000);
  assert_int_equal(worst_m(f, NULL, 1000, 100), 3000000000LL);
}


static void cached_and_written_tokens_have_their_own_prices(void** state) {
  fix_t* f = *state;
  read_members(f, "p",
               BASE
               ", 'cache_read_input_token_cost': 2e-7,"
               "'cache_creation_input_token_cost': 2.5e-6,"
               "'cache_creation_input_token_cost_above_1hr': 4e-6");
  uvllm_usage_t u = io(1000, 10);
  u.cached_input_tokens = 400;
  u.cache_write_tokens = 300;
  u.cache_write_1h_tokens = 100;
  /* 300 text, 400 read, 200 for 5 minutes, 100 for an hour, 10 out */
  assert_int_equal(price_m(f, NULL, u), 300 * 2000000LL + 400 * 200000LL + 200 * 2500000LL +
                                            100 * 4000000LL + 10 * 10000000LL);
}


static void an_hour_is_no_threshold(void** state) {
  fix_t* f = *state;
  read_members(f, "p",
               BASE
               ", 'cache_creation_input_token_cost': 2.5e-6,"
               "'cache_creation_input_token_cost_above_1hr': 4e-6,"
               "'cache_creation_input_token_cost_above_200k_tokens': 5e-6,"
               "'cache_creation_input_token_cost_above_1hr_above_200k_tokens': 8e-6");
  uvllm_usage_t u = io(1000000, 0);
  u.cache_write_tokens = 1000000;
  assert_int_equal(price_m(f, NULL, u), 1000000 * 5000000LL);
  u.cache_write_1h_tokens = 1000000;
  assert_int_equal(price_m(f, NULL, u), 1000000 * 8000000LL);
  u.input_tokens = u.cache_write_tokens = u.cache_write_1h_tokens = 200000;
  assert_int_equal(price_m(f, NULL, u), 200000 * 4000000LL);
}


static void kinds_without_a_price_cost_what_their_parent_costs(void** state) {
  fix_t* f = *state;
  read_members(f, "p", BASE);
  uvllm_usage_t u = { 100, 10, 20, 5, 50, 25, 15, 5, 7, 0, 0 };
  assert_int_equal(price_m(f, NULL, u), 100 * 2000000LL + 50 * 10000000LL);
  read_members(f, "p", BASE ", 'cache_creation_input_token_cost': 3e-6");
  /* 5 of the 20 for an hour: as five minutes' */
  assert_int_equal(price_m(f, NULL, u), 80 * 2000000LL + 20 * 3000000LL + 50 * 10000000LL);
}


static void reasoning_audio_and_images_have_their_own_prices(void** state) {
  fix_t* f = *state;
  read_members(f, "p",
               BASE
               ", 'output_cost_per_reasoning_token': 3e-6,"
               "'input_cost_per_audio_token': 4e-5, 'output_cost_per_audio_token': 8e-5,"
               "'input_cost_per_image_token': 5e-6");
  uvllm_usage_t u = io(100, 50);
  u.audio_input_tokens = 30;
  u.image_input_tokens = 20;
  u.reasoning_tokens = 15;
  u.audio_output_tokens = 5;
  assert_int_equal(price_m(f, NULL, u), 50 * 2000000LL + 30 * 40000000LL + 20 * 5000000LL +
                                            30 * 10000000LL + 15 * 3000000LL + 5 * 80000000LL);
}


static void details_beyond_the_whole_are_cut_not_billed_twice(void** state) {
  fix_t* f = *state;
  read_members(f, "p",
               BASE
               ", 'cache_read_input_token_cost': 1e-6,"
               "'cache_creation_input_token_cost': 3e-6, 'input_cost_per_audio_token': 4e-6,"
               "'output_cost_per_reasoning_token': 2e-5, 'output_cost_per_audio_token': 3e-5");
  uvllm_usage_t u = { 100, 60, 30, 500, 10, 8, 50, 9, 50, 0, 0 };
  /* 60 read, 30 written (all of it for an hour, at the price of five minutes),
   * 10 of the 50 audio, no image, no text; 8 reasoning, 2 of the 9 audio */
  assert_int_equal(price_m(f, NULL, u), 60 * 1000000LL + 30 * 3000000LL + 10 * 4000000LL +
                                            8 * 20000000LL + 2 * 30000000LL);
  u.cached_input_tokens = UINT64_MAX;
  u.reasoning_tokens = UINT64_MAX;
  assert_int_equal(price_m(f, NULL, u), 100 * 1000000LL + 10 * 20000000LL);
}


static void a_threshold_is_passed_strictly_and_bills_the_whole_request(void** state) {
  fix_t* f = *state;
  read_members(f, "p",
               BASE
               ", 'cache_read_input_token_cost': 2e-7,"
               "'input_cost_per_token_above_200k_tokens': 4e-6,"
               "'output_cost_per_token_above_200k_tokens': 1.5e-5,"
               "'cache_read_input_token_cost_above_200k_tokens': 4e-7");
  uvllm_usage_t u = io(200000, 10);
  u.cached_input_tokens = 50000;
  assert_int_equal(price_m(f, NULL, u), 150000 * 2000000LL + 50000 * 200000LL + 10 * 10000000LL);
  u.input_tokens = 200001; /* with the cached ones: what is new alone would not pass */
  assert_int_equal(price_m(f, NULL, u), 150001 * 4000000LL + 50000 * 400000LL + 10 * 15000000LL);
}


static void xai_passes_a_threshold_by_reaching_it(void** state) {
  fix_t* f = *state;
  read_members(f, "xai", BASE ", 'input_cost_per_token_above_128k_tokens': 4e-6");
  assert_int_equal(price(f, "xai", "m", NULL, io(127999, 0)), 127999 * 2000000LL);
  assert_int_equal(price(f, "xai", "m", NULL, io(128000, 0)), 128000 * 4000000LL);
  assert_int_equal(uvllm_price_worst(f->prices, "xai", "m", NULL, 128000, 0), 128000 * 4000000LL);
}


static void the_highest_threshold_wins_and_gaps_fall_to_the_next_lower(void** state) {
  fix_t* f = *state;
  read_members(f, "p",
               BASE
               ", 'input_cost_per_token_above_512k_tokens': 8e-6,"
               "'input_cost_per_token_above_128k_tokens': 3e-6,"
               "'output_cost_per_token_above_128k_tokens': 2e-5,"
               "'input_cost_per_token_above_1m_tokens': 9e-6,"
               "'input_cost_per_token_above_5000_tokens': 2.1e-6");
  assert_int_equal(price_m(f, NULL, io(5000, 1)), 5000 * 2000000LL + 10000000);
  assert_int_equal(price_m(f, NULL, io(5001, 1)), 5001 * 2100000LL + 10000000);
  assert_int_equal(price_m(f, NULL, io(128001, 1)), 128001 * 3000000LL + 20000000);
  assert_int_equal(price_m(f, NULL, io(512001, 1)), 512001 * 8000000LL + 20000000);
  assert_int_equal(price_m(f, NULL, io(1000001, 1)), 1000001 * 9000000LL + 20000000);
}


static void service_tiers_have_prices_and_fall_back_to_the_standard_one(void** state) {
  fix_t* f = *state;
  read_members(f, "p",
               BASE
               ", 'input_cost_per_token_priority': 4e-6,"
               "'output_cost_per_token_priority': 2e-5, 'input_cost_per_token_flex': 1e-6,"
               "'input_cost_per_token_ultrafast': 9e-6");
  assert_int_equal(price_m(f, "priority", io(10, 1)), 10 * 4000000 + 20000000);
  assert_int_equal(price_m(f, "fast", io(10, 1)), 10 * 4000000 + 20000000);
  assert_int_equal(price_m(f, "ultrafast", io(10, 1)), 10 * 9000000 + 10000000);
  assert_int_equal(price_m(f, "flex", io(10, 1)), 10 * 1000000 + 10000000);
  assert_int_equal(price_m(f, "auto", io(10, 1)), 10 * 2000000 + 10000000);
  read_members(f, "p", BASE ", 'input_cost_per_token_fast': 5e-6");
  assert_int_equal(price_m(f, "priority", io(10, 1)), 10 * 5000000 + 10000000);
}


static void a_tier_over_a_threshold_beats_both_and_the_threshold_beats_the_tier(void** state) {
  fix_t* f = *state;
  read_members(f, "p",
               BASE
               ", 'input_cost_per_token_priority': 4e-6,"
               "'output_cost_per_token_priority': 2e-5,"
               "'input_cost_per_token_above_200k_tokens': 3e-6,"
               "'output_cost_per_token_above_200k_tokens': 1.5e-5,"
               "'input_cost_per_token_above_200k_tokens_priority': 6e-6");
  assert_int_equal(price_m(f, "priority", io(300000, 1)), 300000 * 6000000LL + 15000000);
  assert_int_equal(price_m(f, "flex", io(300000, 1)), 300000 * 3000000LL + 15000000);
  read_members(f, "p", BASE ", 'input_cost_per_token_priority_above_200k_tokens': 7e-6");
  assert_int_equal(price_m(f, "priority", io(300000, 0)), 300000 * 7000000LL);
}


static void batch_is_its_own_price_or_half_rounded_up(void** state) {
  fix_t* f = *state;
  read_members(f, "p",
               "'input_cost_per_token': 2e-6, 'output_cost_per_token': 3e-12,"
               "'input_cost_per_token_batches': 7e-7, 'cache_read_input_token_cost': 2e-7,"
               "'input_cost_per_request': 0.005");
  uvllm_usage_t u = io(100, 10);
  u.cached_input_tokens = 40;
  /* 60 at 0.7, 40 at half of 0.2, 10 at half of 3 pico-dollars; the fee is whole */
  assert_int_equal(price_m(f, "batch", u), 60 * 700000LL + 40 * 100000LL + 10 * 2 + 5000000000LL);
  read_members(f, "p",
               BASE
               ", 'input_cost_per_token_above_272k_tokens': 4e-6,"
               "'input_cost_per_token_batches': 9e-7,"
               "'output_cost_per_token_above_272k_tokens': 2e-5,"
               "'output_cost_per_token_above_272k_tokens_batches': 8e-6");
  assert_int_equal(price_m(f, "batch", io(1, 1)), 900000 + 5000000);
  assert_int_equal(price_m(f, "batch", io(272001, 1)), 272001 * 2000000LL + 8000000);
}


static void a_fee_by_the_request_is_added_once(void** state) {
  fix_t* f = *state;
  read_members(f, "p",
               "'input_cost_per_token': 0, 'output_cost_per_token': 2.8e-7,"
               "'input_cost_per_request': 0.005");
  assert_int_equal(price_m(f, NULL, io(1000, 10)), 5000000000LL + 10 * 280000);
  assert_int_equal(worst_m(f, NULL, 1000, 10), 5000000000LL + 10 * 280000);
}


static void ranges_replace_thresholds(void** state) {
  fix_t* f = *state;
  read_members(f, "p",
               "'input_cost_per_token': 9e-6, 'output_cost_per_token': 9e-5,"
               "'input_cost_per_token_above_1k_tokens': 8e-6, 'tiered_pricing': ["
               "{'range': [0, 32000], 'input_cost_per_token': 1e-6,"
               " 'output_cost_per_token': '2e-6', 'output_cost_per_reasoning_token': 4e-6},"
               "{'range': ['32000', 128000.0], 'input_cost_per_token': 3e-6,"
               " 'output_cost_per_token': 4e-6},"
               "{'range': [1.28e5, 256000], 'input_cost_per_token': 5e-6,"
               " 'output_cost_per_token': 6e-6}, {'max_results_range': [0, 25]}, 7]");
  assert_int_equal(price_m(f, NULL, io(2000, 1)), 2000 * 1000000LL + 2000000);
  assert_int_equal(price_m(f, NULL, io(32000, 1)), 32000 * 1000000LL + 2000000);
  assert_int_equal(price_m(f, NULL, io(32001, 1)), 32001 * 3000000LL + 4000000);
  assert_int_equal(price_m(f, NULL, io(128001, 1)), 128001 * 5000000LL + 6000000);
  assert_int_equal(price_m(f, NULL, io(999999, 1)), 999999 * 5000000LL + 6000000);
}


static void a_price_equal_to_its_parents_follows_the_parent(void** state) {
  fix_t* f = *state;
  read_members(f, "p",
               BASE
               ", 'output_cost_per_reasoning_token': 1e-5,"
               "'output_cost_per_token_priority': 3e-5, 'input_cost_per_audio_token': 2e-6,"
               "'input_cost_per_token_priority': 5e-6");
  uvllm_usage_t u = io(10, 10);
  u.reasoning_tokens = 10;
  u.audio_input_tokens = 10;
  assert_int_equal(price_m(f, "priority", u), 10 * 5000000 + 10 * 30000000);
}


static void costs_stop_at_the_largest_number(void** state) {
  fix_t* f = *state;
  read_members(f, "p", "'input_cost_per_token': 9223372, 'output_cost_per_token': 1");
  assert_int_equal(price_m(f, NULL, io(1, 0)), 9223372000000000000LL);
  assert_true(price_m(f, NULL, io(2, 0)) == INT64_MAX);
  assert_true(price_m(f, NULL, io(UINT64_MAX, UINT64_MAX)) == INT64_MAX);
  assert_true(worst_m(f, NULL, UINT64_MAX, UINT64_MAX) == INT64_MAX);
}


/* ---- Unpriced ----------------------------------------------------------------------- */

static void what_has_no_token_price_is_unpriced_not_free(void** state) {
  fix_t* f = *state;
  static const char* const members[] = {
    "'input_cost_per_second': 1e-4, 'output_cost_per_second': 0",
    "'input_cost_per_character': 1.5e-5",
    "'input_cost_per_pixel': 2e-8, 'output_cost_per_token': 0.0",
    "'input_cost_per_token': 2e-6",
    "'output_cost_per_token': 2e-6",
    "'max_tokens': 100",
    "'input_cost_per_token': null, 'output_cost_per_token': 2e-6",
    "'input_cost_per_token': 0.0, 'output_cost_per_token': 0, 'input_cost_per_query': 0.002",
    "'input_cost_per_token': 0, 'output_cost_per_token': 0, 'output_cost_per_image': '0.039'",
    "'mode': 'image_generation', " BASE ", 'output_cost_per_image_token': 3e-5",
  };
  for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
    read_members(f, "p", members[i]);
    assert_int_equal(price_m(f, NULL, io(10, 10)), -1);
    assert_int_equal(worst_m(f, NULL, 10, 10), UVLLM_EUNPRICED);
    uvllm_price_info_t info;
    assert_int_equal(uvllm_prices_find(f->prices, "p", "m", &info), 1);
    assert_int_equal(info.priced, 0);
  }
}


static void what_is_no_price_makes_the_row_unpriced(void** state) {
  fix_t* f = *state;
  static const char* const members[] = {
    "'input_cost_per_token': -2e-6, 'output_cost_per_token': 1e-5",
    "'input_cost_per_token': 2e-6, 'output_cost_per_token': '-1e-5'",
    "'input_cost_per_token': 'cheap', 'output_cost_per_token': 1e-5",
    "'input_cost_per_token': true, 'output_cost_per_token': 1e-5",
    "'input_cost_per_token': {}, 'output_cost_per_token': 1e-5",
    "'input_cost_per_token': 1e99, 'output_cost_per_token': 1e-5",
    BASE ", 'cache_read_input_token_cost': -1e-9",
    BASE ", 'input_cost_per_token_priority': -1",
    BASE ", 'input_cost_per_token_cache_hit': 'x'",
    BASE ", 'tiered_pricing': [{'range': [0, 5], 'input_cost_per_token': -1}]",
  };
  for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
    read_members(f, "p", members[i]);
    assert_int_equal(price_m(f, NULL, io(10, 10)), -1);
    assert_int_equal(worst_m(f, NULL, 10, 10), UVLLM_EUNPRICED);
  }
}


static void a_price_of_zero_is_a_price(void** state) {
  fix_t* f = *state;
  read_members(f, "p",
               "'input_cost_per_token': 0.0, 'output_cost_per_token': 0,"
               "'input_cost_per_image': 0");
  assert_int_equal(price_m(f, NULL, io(1000, 1000)), 0);
  assert_int_equal(worst_m(f, NULL, 1000, 1000), 0);
}


static void the_flag_is_set_and_cleared(void** state) {
  fix_t* f = *state;
  uvllm_usage_t u = io(10, 10);
  u.flags = UVLLM_USAGE_ESTIMATED;
  uvllm_price(f->prices, "p", "nobody-knows", NULL, &u);
  assert_int_equal(u.flags, UVLLM_USAGE_ESTIMATED | UVLLM_USAGE_UNPRICED);
  read_members(f, "p", BASE);
  uvllm_price(f->prices, "p", "m", NULL, &u);
  assert_int_equal(u.flags, UVLLM_USAGE_ESTIMATED);
  assert_int_equal(u.cost_pusd, 120000000);
  uvllm_price(f->prices, "p", NULL, NULL, &u);
  assert_int_equal(u.flags, UVLLM_USAGE_ESTIMATED | UVLLM_USAGE_UNPRICED);
}


static void an_embedding_needs_no_output_price(void** state) {
  fix_t* f = *state;
  read_text(f,
            "{'e': {'litellm_provider': 'p', 'mode': 'embedding', 'max_tokens': 8192,"
            "'input_cost_per_token': '2e-08'}}");
  assert_int_equal(price(f, "p", "e", NULL, io(1000, 0)), 20000000);
  uvllm_price_info_t info;
  assert_int_equal(uvllm_prices_find(f->prices, "p", "e", &info), 1);
  assert_int_equal(info.max_input_tokens, 8192);
  assert_int_equal(info.max_output_tokens, 0);
  assert_string_equal(info.mode, "embedding");
}


/* ---- The worst case ------------------------------------------------------------------- */

static void the_worst_case_takes_the_dearest_that_could_apply(void** state) {
  fix_t* f = *state;
  read_members(f, "p",
               BASE
               ", 'cache_creation_input_token_cost_above_1hr': 4e-6,"
               "'cache_creation_input_token_cost': 2.5e-6, 'cache_read_input_token_cost': 1e-7,"
               "'output_cost_per_reasoning_token': 3e-5,"
               "'input_cost_per_token_above_200k_tokens': 5e-6,"
               "'input_cost_per_token_flex': 1e-6, 'output_cost_per_token_priority': 5e-5");
  assert_int_equal(worst_m(f, NULL, 1000, 10), 1000 * 4000000LL + 10 * 30000000LL);
  assert_int_equal(worst_m(f, NULL, 200000, 0), 200000 * 4000000LL);
  assert_int_equal(worst_m(f, NULL, 200001, 0), 200001 * 5000000LL);
  assert_int_equal(worst_m(f, "priority", 0, 10), 10 * 50000000LL);
  assert_int_equal(worst_m(f, "flex", 10, 0), 10 * 4000000LL);
  assert_int_equal(worst_m(f, "batch", 10, 10), 10 * 2000000LL + 10 * 15000000LL);
  /* Cheaper above the threshold: a prompt that stays below it is the worst. */
  read_members(f, "p", BASE ", 'input_cost_per_token_above_200k_tokens': 1e-6");
  assert_int_equal(worst_m(f, NULL, 300000, 0), 300000 * 2000000LL);
}


static uint64_t next_random(uint64_t* seed) {
  *seed = *seed * 6364136223846793005u + 1442695040888963407u;
  return *seed >> 33;
}


static uvllm_usage_t random_usage(uint64_t* seed, uint64_t input, uint64_t output) {
  uvllm_usage_t u = io(next_random(seed) % (input + 1), next_random(seed) % (output + 1));
  u.cached_input_tokens = next_random(seed) % (input + 1);
  u.cache_write_tokens = next_random(seed) % (input + 1);
  u.cache_write_1h_tokens = next_random(seed) % (input + 1);
  u.audio_input_tokens = next_random(seed) % (input + 1);
  u.image_input_tokens = next_random(seed) % (input + 1);
  u.reasoning_tokens = next_random(seed) % (output + 1);
  u.audio_output_tokens = next_random(seed) % (output + 1);
  return u;
}


static void no_usage_within_the_maxima_costs_more_than_the_worst_case(void** state) {
  fix_t* f = *state;
  static const char* const tiers[] = { NULL, "priority", "flex", "batch", "ultrafast" };
  uint64_t seed = 7;
  uvllm_price_info_t info;
  for (size_t it = 0; uvllm_prices_next(f->prices, &it, &info);) {
    for (int i = 0; i < 20; i++) {
      const uint64_t in = next_random(&seed) % 600000, out = next_random(&seed) % 100000;
      const char* tier = tiers[next_random(&seed) % 5];
      uvllm_usage_t u = random_usage(&seed, in, out);
      const int64_t worst = uvllm_price_worst(f->prices, info.provider, info.model, tier, in, out);
      const int64_t cost = price(f, info.provider, info.model, tier, u);
      assert_true(cost >= 0 && cost <= worst);
      if (tier == NULL || strcmp(tier, "batch") != 0)
        assert_true(price(f, info.provider, info.model, NULL, u) <= worst);
    }
  }
}


int main(void) {
  const struct CMUnitTest tests[] = {
    test(input_and_output_are_billed_by_the_token),
    test(cached_and_written_tokens_have_their_own_prices),
    test(an_hour_is_no_threshold),
    test(kinds_without_a_price_cost_what_their_parent_costs),
    test(reasoning_audio_and_images_have_their_own_prices),
    test(details_beyond_the_whole_are_cut_not_billed_twice),
    test(a_threshold_is_passed_strictly_and_bills_the_whole_request),
    test(xai_passes_a_threshold_by_reaching_it),
    test(the_highest_threshold_wins_and_gaps_fall_to_the_next_lower),
    test(service_tiers_have_prices_and_fall_back_to_the_standard_one),
    test(a_tier_over_a_threshold_beats_both_and_the_threshold_beats_the_tier),
    test(batch_is_its_own_price_or_half_rounded_up),
    test(a_fee_by_the_request_is_added_once),
    test(ranges_replace_thresholds),
    test(a_price_equal_to_its_parents_follows_the_parent),
    test(costs_stop_at_the_largest_number),
    test(what_has_no_token_price_is_unpriced_not_free),
    test(what_is_no_price_makes_the_row_unpriced),
    test(a_price_of_zero_is_a_price),
    test(the_flag_is_set_and_cleared),
    test(an_embedding_needs_no_output_price),
    test(the_worst_case_takes_the_dearest_that_could_apply),
    test(no_usage_within_the_maxima_costs_more_than_the_worst_case),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
