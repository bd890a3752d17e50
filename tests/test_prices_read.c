/* Tables of prices: LiteLLM's format, names of models, the built-in rows. */
#include "prices_helper.h"


/* ---- Decimal text ------------------------------------------------------------------- */

static void decimals_are_read_exactly(void** state) {
  (void) state;
  static const struct {
    const char* text;
    int64_t pusd;
  } cases[] = {
    { "3e-7", 300000 },
    { "3E-7", 300000 },
    { "3.0e-07", 300000 },
    { "0.0000003", 300000 },
    { "0.00000030", 300000 },
    { "1", 1000000000000 },
    { "1e0", 1000000000000 },
    { "0.00001", 10000000 },
    { "2.8e-9", 2800 },
    { "3.625e-09", 3625 },
    { "0", 0 },
    { "0.0", 0 },
    { "-0", 0 },
    { "-0.000", 0 },
    { "0e999999999999999999999", 0 },
    { "1e-12", 1 },
    { "4.9e-13", 0 },
    { "5e-13", 1 },
    { "1.5e-12", 2 },
    { "2.5e-12", 3 },
    { "1.4999999999999999999e-12", 1 },
    { "1e-400", 0 },
    { "9223372.036854775807", INT64_MAX },
    { " 3e-7 ", 300000 },
    { "+3e-7", 300000 },
    { ".5", 500000000000 },
    { "000012e-13", 1 },
    { "1e+1", 10000000000000 },
    { "0.00000000000000000001e20", 1000000000000 },
    { "123456789e-15", 123457 },
    { "2.8333333333333333e-04", 283333333 },
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    int64_t n = -7;
    assert_int_equal(uvllm__decimal(test_str(cases[i].text), 12, &n), 0);
    assert_int_equal(n, cases[i].pusd);
  }
}


static void what_is_no_amount_is_refused(void** state) {
  (void) state;
  static const char* const texts[] = {
    "",
    " ",
    "-",
    ".",
    "e5",
    "1e",
    "1e+",
    "1e-",
    "1e5x",
    "0x10",
    "1,5",
    "1.2.3",
    "1 2",
    "--1",
    "-1",
    "-1e-9",
    "nan",
    "inf",
    "1e7",
    "1e400",
    "free",
    "$1",
    "1e5.",
    "-1e-400",
    "9223372.036854775808",
    "9223372.0368547758075",
    "99999999999999999999999999999",
  };
  for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
    int64_t n = 5;
    assert_int_equal(uvllm__decimal(test_str(texts[i]), 12, &n), -1);
    assert_int_equal(n, 5);
  }
}


/* ---- Names ---------------------------------------------------------------------------- */

static int finds(const fix_t* f, const char* provider, const char* model) {
  uvllm_price_info_t info;
  return uvllm_prices_find(f->prices, provider, model, &info);
}


static void dates_and_latest_are_taken_off_a_name_and_nothing_else(void** state) {
  fix_t* f = *state;
  read_text(f, "{'p/model-x': {'litellm_provider': 'p', " BASE
               "},"
               " 'p/other-2024-01-01': {'litellm_provider': 'p', " BASE "}}");
  static const char* const known[] = {
    "model-x",          "model-x-2024-07-18", "model-x-20240718",
    "model-x@20240718", "model-x-latest",     "other-2024-01-01",
  };
  static const char* const unknown[] = {
    "model-x-0718",
    "model-x-2407",
    "model-x-2024-13-18",
    "model-x-2024-07-32",
    "model-x-1924-07-18",
    "model-x-20241318",
    "model-x-202407180",
    "model-x-preview",
    "model-x-001",
    "model-x2024-07-18",
    "model-x-2024-07-18-x",
    "MODEL-X",
    "other",
    "other-2024-02-02",
    "-2024-07-18",
    "-latest",
    "",
    "p/model-x",
    "model-x-latest-2024-07-18",
  };
  for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
    assert_int_equal(finds(f, "p", known[i]), 1);
  for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++)
    assert_int_equal(finds(f, "p", unknown[i]), 0);
  assert_int_equal(finds(f, "q", "model-x"), 0);
}


static void a_fine_tuned_model_has_the_price_of_its_ft_row_only(void** state) {
  fix_t* f = *state;
  const uvllm_usage_t u = io(1000, 100);
  assert_int_equal(price(f, "openai", "ft:gpt-4o-mini-2024-07-18:org::id", NULL, u),
                   1000 * 300000LL + 100 * 1200000LL);
  assert_int_equal(price(f, "openai", "ft:gpt-4o-mini-2024-07-18", NULL, u),
                   1000 * 300000LL + 100 * 1200000LL);
  assert_int_equal(price(f, "openai", "ft:gpt-4.1-2025-04-14:org::id", NULL, u), -1);
  assert_int_equal(price(f, "openai", "ft::", NULL, u), -1);
  assert_int_equal(price(f, "openai", "ft:", NULL, u), -1);
}


static void providers_are_called_by_our_names_or_theirs(void** state) {
  fix_t* f = *state;
  read_text(f, "{'a1': {'litellm_provider': 'text-completion-openai', " BASE
               "},"
               " 'openai/a2': {'litellm_provider': 'openai', " BASE
               "},"
               " 'vertex_ai/claude-x@20250101':"
               " {'litellm_provider': 'vertex_ai-anthropic_models', " BASE
               "},"
               " 'gemini-9': {'litellm_provider': 'vertex_ai-language-models', " BASE
               "},"
               " 'gemini/gemini-8': {'litellm_provider': 'gemini', " BASE
               "},"
               " 'us.anthropic.c-v1:0': {'litellm_provider': 'bedrock_converse', " BASE
               "},"
               " 'azure/gpt-a': {'litellm_provider': 'azure', " BASE
               "},"
               " 'azure/gpt-b': {'litellm_provider': 'azure_text', " BASE
               "},"
               " 'command-9': {'litellm_provider': 'cohere_chat', " BASE
               "},"
               " 'together_ai/meta/l': {'litellm_provider': 'together_ai', " BASE
               "},"
               " 'fireworks_ai/n/e': {'litellm_provider': 'fireworks_ai-embedding-models', " BASE
               "},"
               " 'openrouter/meta-llama/l:free': {'litellm_provider': 'openrouter', " BASE
               "},"
               " 'groq/openai/oss': {" BASE "}, 'unowned': {" BASE "}}");
  static const struct {
    const char *provider, *model;
    int known;
  } cases[] = {
    { "openai", "a1", 1 },
    { "text-completion-openai", "a1", 1 },
    { "openai", "a2", 1 },
    { "openai", "openai/a2", 0 },
    { "vertex", "claude-x@20250101", 1 },
    { "vertex_ai", "claude-x@20250101", 1 },
    { "gemini", "claude-x@20250101", 0 },
    { "gemini", "gemini-9", 1 },
    { "vertex", "gemini-9", 1 },
    { "vertex", "gemini-8", 1 },
    { "bedrock", "us.anthropic.c-v1:0", 1 },
    { "azure", "gpt-a", 1 },
    { "azure", "gpt-b", 1 },
    { "cohere", "command-9", 1 },
    { "together", "meta/l", 1 },
    { "together_ai", "meta/l", 1 },
    { "fireworks", "n/e", 1 },
    { "openrouter", "meta-llama/l:free", 1 },
    { "openrouter", "meta-llama/l", 0 },
    { "groq", "openai/oss", 1 },
    { "openai", "oss", 0 },
    { "unowned", "unowned", 0 },
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
    assert_int_equal(finds(f, cases[i].provider, cases[i].model), cases[i].known);
}


static void any_provider_is_the_first_that_makes_the_model(void** state) {
  fix_t* f = *state;
  uvllm_price_info_t info;
  read_text(f, "{'groq/gpt-4o-mini': {'litellm_provider': 'groq', " BASE
               "},"
               " 'groq/only-here': {'litellm_provider': 'groq', " BASE "}}");
  assert_int_equal(uvllm_prices_find(f->prices, NULL, "gpt-4o-mini", &info), 1);
  assert_string_equal(info.provider, "openai");
  assert_int_equal(uvllm_prices_find(f->prices, "*", "claude-haiku-4-5-20251001", &info), 1);
  assert_string_equal(info.provider, "anthropic");
  assert_string_equal(info.model, "claude-haiku-4-5");
  assert_int_equal(uvllm_prices_find(f->prices, "*", "only-here", &info), 1);
  assert_string_equal(info.provider, "groq");
  assert_int_equal(uvllm_prices_find(f->prices, "*", "nowhere", &info), 0);
}


static void an_id_with_its_provider_wins_over_one_without(void** state) {
  fix_t* f = *state;
  read_text(f,
            "{'deepseek/d': {'litellm_provider': 'deepseek', 'input_cost_per_token': 1e-6,"
            "                'output_cost_per_token': 0},"
            " 'd': {'litellm_provider': 'deepseek', 'input_cost_per_token': 5e-6,"
            "       'output_cost_per_token': 0}}");
  assert_int_equal(price(f, "deepseek", "d", NULL, io(1, 0)), 1000000);
  read_text(f,
            "{'d': {'litellm_provider': 'deepseek', 'input_cost_per_token': 7e-6,"
            "       'output_cost_per_token': 0}}"); /* a later file overrides */
  assert_int_equal(price(f, "deepseek", "d", NULL, io(1, 0)), 7000000);
}


static void a_cache_hit_is_the_old_name_of_a_cache_read(void** state) {
  fix_t* f = *state;
  uvllm_usage_t u = io(10, 0);
  u.cached_input_tokens = 10;
  read_members(f, "p", BASE ", 'input_cost_per_token_cache_hit': 1.4e-8");
  assert_int_equal(price_m(f, NULL, u), 140000);
  read_members(f, "p",
               "'input_cost_per_token_cache_hit': 1.4e-8,"
               "'cache_read_input_token_cost': 7e-8, " BASE);
  assert_int_equal(price_m(f, NULL, u), 700000);
}


/* ---- Reading -------------------------------------------------------------------------- */

static void unknown_names_are_ignored_and_the_last_of_equal_ones_wins(void** state) {
  fix_t* f = *state;
  read_members(f, "p",
               BASE
               ", 'supports_vision': true, 'source': 'x', 'nested': {'a': [1]},"
               "'search_context_cost_per_query': {'search_context_size_low': 0.01},"
               "'input_cost_per_token_above_tokens': 1,"
               "'input_cost_per_token_above_9999999999k_tokens': 1,"
               "'input_cost_per_token_above_1hr': 1, 'input_cost_per_token_flexible': 1,"
               "'input_cost_per_token_priority_flex': 1, 'input_cost_per_tokens': 1,"
               "'input_cost_per_token': '3e-6', 'output_cost_per_token_': 1,"
               "'input_cost_per_token_above_0k_tokens': 1");
  assert_int_equal(price_m(f, "flex", io(300000, 1)), 300000 * 3000000LL + 10000000);
  assert_int_equal(price_m(f, "priority", io(1, 0)), 3000000);
}


static void limits_are_kept(void** state) {
  fix_t* f = *state;
  uvllm_price_info_t info;
  read_members(f, "p",
               BASE
               ", 'max_input_tokens': 128000, 'max_output_tokens': '16384',"
               "'max_tokens': 4096");
  assert_int_equal(uvllm_prices_find(f->prices, "p", "m", &info), 1);
  assert_string_equal(info.provider, "p");
  assert_string_equal(info.model, "m");
  assert_string_equal(info.mode, "chat");
  assert_null(info.as_of);
  assert_int_equal(info.priced, 1);
  assert_int_equal(info.max_input_tokens, 128000);
  assert_int_equal(info.max_output_tokens, 16384);
  assert_int_equal(info.input_pusd, 2000000);
  assert_int_equal(info.cached_input_pusd, -1);
  assert_int_equal(info.output_pusd, 10000000);
  read_members(f, "p", BASE ", 'max_tokens': 4096, 'max_input_tokens': -5");
  assert_int_equal(uvllm_prices_find(f->prices, "p", "m", &info), 1);
  assert_int_equal(info.max_input_tokens, 0);
  assert_int_equal(info.max_output_tokens, 4096);
  read_members(f, "p", BASE ", 'max_output_tokens': 1e15, 'max_input_tokens': 'many'");
  assert_int_equal(uvllm_prices_find(f->prices, "p", "m", &info), 1);
  assert_int_equal(info.max_input_tokens, 0);
  assert_true(info.max_output_tokens == UINT32_MAX);
}


static void what_is_no_price_list_is_refused_and_changes_nothing(void** state) {
  fix_t* f = *state;
  static const char* const texts[] = {
    "[]",
    "7",
    "null",
    "\"x\"",
    "{\"a\":1}",
    "{\"error\":{\"message\":\"no\"}}",
    "{\"m\":{\"litellm_provider\":\"\"}}",
    "{\"p/\":{\"litellm_provider\":5}}",
    "{\"sample_spec\":{\"litellm_provider\":\"p\",\"input_cost_per_token\":1}}",
    "{\"\":{\"litellm_provider\":\"p\"}}",
    "{\"a\\u0000b\":{\"litellm_provider\":\"p\"}}",
  };
  read_members(f, "p", BASE);
  for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
    assert_int_equal(try_read(f, test_str(texts[i])), -EINVAL);
  assert_int_equal(uvllm_prices_read(f->prices, (uvllm_json_t){ NULL, 0 }), -EINVAL);
  assert_int_equal(try_read(f, test_str("{}")), 0);
  assert_int_equal(price_m(f, NULL, io(1, 0)), 2000000);
}


static void specimens_and_odd_entries_are_skipped(void** state) {
  fix_t* f = *state;
  read_text(f, "{'sample_spec': {'litellm_provider': 'p', " BASE
               "},"
               " 'fallback_generalizations': {'rules': [], 'litellm_provider': 'p'},"
               " 'x': 5, 'y': null, 'z': [], 'p/ok': {'litellm_provider': 'p', " BASE "}}");
  assert_int_equal(finds(f, "p", "ok"), 1);
  assert_int_equal(finds(f, "p", "sample_spec"), 0);
  assert_int_equal(finds(f, "p", "fallback_generalizations"), 0);
  assert_int_equal(finds(f, "p", "x"), 0);
}


static void an_entry_with_endless_prices_is_unpriced(void** state) {
  fix_t* f = *state;
  static char json[32768];
  int n = snprintf(json, sizeof(json), "{\"m\":{\"litellm_provider\":\"p\"");
  for (int i = 1; i <= 400; i++)
    n += snprintf(json + n, sizeof(json) - (size_t) n,
                  ",\"input_cost_per_token_above_%d_tokens\":1e-6", i);
  snprintf(json + n, sizeof(json) - (size_t) n,
           ",\"input_cost_per_token\":1e-6,\"output_cost_per_token\":1e-6}}");
  assert_int_equal(try_read(f, test_str(json)), 0);
  assert_int_equal(price_m(f, NULL, io(1, 1)), -1);
}


static void a_file_overrides_the_built_in_rows(void** state) {
  fix_t* f = *state;
  uvllm_price_info_t info;
  assert_int_equal(uvllm_prices_find(f->prices, "openai", "gpt-4o", &info), 1);
  assert_string_equal(info.as_of, "2026-07");
  read_text(f,
            "{'gpt-4o': {'litellm_provider': 'openai', 'input_cost_per_token': 1e-6,"
            "            'output_cost_per_token': 2e-6},"
            " 'gemini-2.5-pro': {'litellm_provider': 'vertex_ai-language-models',"
            "            'input_cost_per_token': 1e-6, 'output_cost_per_token': 2e-6}}");
  assert_int_equal(price(f, "openai", "gpt-4o", NULL, io(1, 1)), 3000000);
  assert_int_equal(price(f, "openai", "gpt-4o-2024-08-06", NULL, io(1, 1)), 3000000);
  assert_int_equal(price(f, "gemini", "gemini-2.5-pro", NULL, io(1, 1)), 3000000);
  size_t it = 0, seen = 0, total = 0;
  while (uvllm_prices_next(f->prices, &it, &info)) {
    total++;
    seen += strcmp(info.provider, "openai") == 0 && strcmp(info.model, "gpt-4o") == 0;
  }
  assert_int_equal(seen, 1);
  assert_int_equal(total, uvllm__prices_nbuiltin + 1); /* vertex's gemini is one more */
}


/* ---- The built-in rows ------------------------------------------------------------------ */

static void built_in_rows_are_sorted_whole_and_within_reason(void** state) {
  fix_t* f = *state;
  for (size_t i = 0; i < uvllm__prices_nbuiltin; i++) {
    const uvllm__price_row_t* row = &uvllm__prices_builtin[i];
    if (i != 0) {
      const uvllm__price_row_t* before = row - 1;
      const int order = strcmp(before->provider, row->provider);
      assert_true(order < 0 || (order == 0 && strcmp(before->model, row->model) < 0));
    }
    assert_ptr_equal(uvllm__prices_row(f->prices, row->provider, row->model), row);
    assert_true(uvllm__row_rate(row, UVLLM__INPUT) >= 0);
    assert_true(uvllm__row_rate(row, UVLLM__OUTPUT) >= 0);
    for (uint32_t k = 0; k < row->nrates; k++) {
      assert_in_range(row->rates[k].pusd, 0, 1000000000); /* 1,000 $ per million */
      assert_true(row->rates[k].kind < UVLLM__NKINDS);
    }
    assert_true(row->flags == 0 && row->mode != NULL && row->as_of != NULL);
  }
  assert_string_equal(uvllm_prices_date(f->prices), "2026-07");
}


static void well_known_models_have_their_prices(void** state) {
  fix_t* f = *state;
  static const struct {
    const char *provider, *model, *tier;
    int64_t pusd; /* of 1,000 in, 100 of them cached, 100 out */
  } cases[] = {
    { "openai", "gpt-4o-mini", NULL, 900 * 150000LL + 100 * 75000LL + 100 * 600000LL },
    { "openai", "gpt-4o-mini-2024-07-18", NULL, 900 * 150000LL + 100 * 75000LL + 100 * 600000LL },
    { "openai", "gpt-4o", NULL, 900 * 2500000LL + 100 * 1250000LL + 100 * 10000000LL },
    { "openai", "gpt-4o", "batch", 900 * 1250000LL + 100 * 625000LL + 100 * 5000000LL },
    { "openai", "gpt-4.1", NULL, 900 * 2000000LL + 100 * 500000LL + 100 * 8000000LL },
    { "openai", "o4-mini", "flex", 900 * 550000LL + 100 * 137500LL + 100 * 2200000LL },
    { "openai", "o3", "priority", 900 * 3500000LL + 100 * 875000LL + 100 * 14000000LL },
    { "anthropic", "claude-sonnet-4-5-20250929", NULL,
      900 * 3000000LL + 100 * 300000LL + 100 * 15000000LL },
    { "anthropic", "claude-haiku-4-5", NULL, 900 * 1000000LL + 100 * 100000LL + 100 * 5000000LL },
    { "gemini", "gemini-2.5-flash", NULL, 900 * 300000LL + 100 * 30000LL + 100 * 2500000LL },
    { "mistral", "mistral-large-latest", NULL, 1000 * 2000000LL + 100 * 6000000LL },
    { "deepseek", "deepseek-chat", NULL, 900 * 280000LL + 100 * 28000LL + 100 * 420000LL },
    { "xai", "grok-4", NULL, 1000 * 3000000LL + 100 * 15000000LL },
    { "groq", "llama-3.3-70b-versatile", NULL, 1000 * 590000LL + 100 * 790000LL },
    { "cohere", "command-r-plus", NULL, 1000 * 2500000LL + 100 * 10000000LL },
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    uvllm_usage_t u = io(1000, 100);
    u.cached_input_tokens = 100;
    assert_int_equal(price(f, cases[i].provider, cases[i].model, cases[i].tier, u), cases[i].pusd);
  }
  assert_int_equal(price(f, "openai", "text-embedding-3-small", NULL, io(1000, 0)), 20000000);
}


/* ---- Real files -------------------------------------------------------------------------- */

static char* read_file(const char* path, size_t* len) {
  FILE* file = fopen(path, "rb");
  assert_non_null(file);
  char* text = malloc(16 << 20);
  assert_non_null(text);
  *len = fread(text, 1, 16 << 20, file);
  fclose(file);
  return text;
}


/* Every entry is found under its name, and its base prices are those of the file,
 * recomputed here the other way round. */
static void check_entry(fix_t* f, uvllm_str_t id, uvllm_json_t entry, size_t* npriced) {
  char model[256];
  uvllm_price_info_t info;
  const uvllm_str_t owner = uvllm_json_str(uvllm_json_get(entry, "litellm_provider"));
  char provider[128];
  snprintf(provider, sizeof(provider), "%.*s", (int) owner.len, owner.base);
  snprintf(model, sizeof(model), "%.*s", (int) id.len, id.base);
  const char* slash = strchr(model, '/');
  int found = uvllm_prices_find(f->prices, provider, model, &info);
  if (!found && slash != NULL)
    found = uvllm_prices_find(f->prices, provider, slash + 1, &info);
  assert_int_equal(found, 1);
  const double in = uvllm_json_num(uvllm_json_get(entry, "input_cost_per_token"), -1);
  const double out = uvllm_json_num(uvllm_json_get(entry, "output_cost_per_token"), -1);
  *npriced += info.priced != 0;
  /* The older file has deepseek-chat twice, at two prices. */
  if (info.priced && in > 0 && out > 0 && strcmp(info.model, "deepseek-chat") != 0) {
    assert_float_equal((double) info.input_pusd, in * 1e12, 1);
    assert_float_equal((double) info.output_pusd, out * 1e12, 1);
  }
  if (in < 0)
    assert_int_equal(info.priced, 0);
}


static void real_files_are_read_as_they_are(void** state) {
  fix_t* f = *state;
  char paths[1024];
  const char* wanted = getenv("UVLLM_PRICE_FILES");
  if (wanted == NULL || *wanted == '\0')
    skip();
  snprintf(paths, sizeof(paths), "%s", wanted);
  for (char *save, *path = strtok_r(paths, ":", &save); path != NULL;
       path = strtok_r(NULL, ":", &save)) {
    uvllm_str_t text, id;
    uvllm_json_t root, entry;
    uint32_t it = 0;
    size_t npriced = 0, nentries = 0;
    char* base = read_file(path, &text.len);
    text.base = base;
    assert_int_equal(uvllm_json_parse(f->parser, text, &root, NULL), 0);
    assert_int_equal(uvllm_prices_read(f->prices, root), 0);
    while (uvllm_json_next(root, &it, &id, &entry)) {
      nentries++;
      check_entry(f, id, entry, &npriced);
    }
    print_message("%s: %zu entries, %zu priced\n", path, nentries, npriced);
    assert_true(npriced > 100 && npriced <= nentries);
    assert_int_equal(price(f, "openai", "gpt-4o-mini", NULL, io(1000, 100)), 210000000);
    assert_int_equal(price(f, "gemini", "gemini-2.5-pro", NULL, io(200001, 1)),
                     200001 * 2500000LL + 15000000);
    assert_int_equal(price(f, "openai", "whisper-1", NULL, io(10, 10)), -1);
    free(base);
  }
}


/* ---- Memory -------------------------------------------------------------------------------- */

/* With escapes in names and strings, which the parser decodes on demand. */
static const char OOM_JSON[] =
    "{\"\\u0061/one\":{\"litellm_provider\":\"\\u0061\",\"mode\":\"ch\\u0061t\","
    "\"input_cost_per_toke\\u006e\":\"1e-\\u0036\",\"output_cost_per_token\":2e-6},"
    "\"a/two\":{\"litellm_provider\":\"a\",\"input_cost_per_token\":1e-6,"
    "\"output_cost_per_token\":2e-6,\"max_tokens\":\"1\\u0030\",\"tiered_pricing\":["
    "{\"range\":[\"\\u0030\",5],\"input_cost_per_toke\\u006e\":\"3e-\\u0036\"}]}}";


static int scenario(const uvllm_alloc_t* alloc) {
  uvllm_prices_t* prices = NULL;
  uvllm_json_parser_t* parser = NULL;
  uvllm_json_t root;
  int err = uvllm_prices_new(&prices, alloc);
  if (err == 0)
    err = uvllm_json_parser_new(&parser, alloc);
  if (err == 0)
    err = uvllm_json_parse(parser, test_str(OOM_JSON), &root, NULL);
  if (err == 0) {
    err = uvllm_prices_read(prices, root);
    uvllm_usage_t one = io(1, 1), two = io(1, 1);
    uvllm_price(prices, "a", "one", NULL, &one);
    uvllm_price(prices, "a", "two", NULL, &two);
    assert_int_equal(one.cost_pusd, err == 0 ? 3000000 : 0);
    assert_int_equal(two.cost_pusd, err == 0 ? 5000000 : 0);
  }
  if (err == 0)
    err = uvllm_prices_read(prices, root); /* replaces them */
  uvllm_json_parser_free(parser);
  uvllm_prices_free(prices);
  return err;
}


static void oom_at_every_allocation(void** state) {
  (void) state;
  for (int once = 0; once <= 1; once++) {
    test_alloc_t a;
    int err = -ENOMEM;
    for (size_t fail_at = 1; err != 0; fail_at++) {
      test_alloc_init(&a);
      a.fail_at = fail_at;
      a.fail_once = once;
      err = scenario(&a.hook);
      assert_int_equal(err, a.calls >= fail_at ? -ENOMEM : 0);
      assert_int_equal(a.alive, 0);
    }
    assert_true(a.calls > 10);
  }
}


int main(void) {
  const struct CMUnitTest tests[] = {
    test(decimals_are_read_exactly),
    test(what_is_no_amount_is_refused),
    test(dates_and_latest_are_taken_off_a_name_and_nothing_else),
    test(a_fine_tuned_model_has_the_price_of_its_ft_row_only),
    test(providers_are_called_by_our_names_or_theirs),
    test(any_provider_is_the_first_that_makes_the_model),
    test(an_id_with_its_provider_wins_over_one_without),
    test(a_cache_hit_is_the_old_name_of_a_cache_read),
    test(unknown_names_are_ignored_and_the_last_of_equal_ones_wins),
    test(limits_are_kept),
    test(what_is_no_price_list_is_refused_and_changes_nothing),
    test(specimens_and_odd_entries_are_skipped),
    test(an_entry_with_endless_prices_is_unpriced),
    test(a_file_overrides_the_built_in_rows),
    test(built_in_rows_are_sorted_whole_and_within_reason),
    test(well_known_models_have_their_prices),
    test(real_files_are_read_as_they_are),
    test(oom_at_every_allocation),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
