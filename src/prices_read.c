/* Reads a map of prices in LiteLLM's format: each entry becomes a row.
 *
 * All rows are made before the first is put into the table, so a failure leaves
 * that as it was. What is no price (negative, no number) makes its row unpriced,
 * never cheaper. A name or a string that is absent though it is there could not
 * be decoded for want of memory: that too fails, it is not skipped.
 */
#include "buf.h"
#include "prices.h"

enum { RATES_MAX = 256, USD = 12 /* pico-dollars in a dollar, as a power of 10 */ };

/* One entry while it is read. */
typedef struct entry_s {
  uvllm__buf_t* rates; /* uvllm__rate_t */
  uvllm_str_t mode;
  int64_t max_input, max_output, max_tokens; /* -1: not said */
  int64_t cache_hit;                         /* the old name of a cache read; -1: not there */
  int invalid;                               /* a price that is no price */
  int other;                                 /* has a price that is not by the token */
  int other_output;                          /* of its output */
} entry_t;


static int starts_with(uvllm_str_t s, const char* prefix) {
  const size_t n = strlen(prefix);
  return s.len >= n && memcmp(s.base, prefix, n) == 0;
}


/* A number, or a string with one. 0, 1: null or absent, -1: anything else;
 * UVLLM__ENOMEM. */
static int read_number(uvllm_json_t v, int scale, int64_t* n) {
  uvllm_str_t text;
  switch (uvllm_json_type_of(v)) {
    case UVLLM_JSON_NONE:
    case UVLLM_JSON_NULL: return 1;
    case UVLLM_JSON_NUMBER: text = uvllm_json_raw(v); break;
    case UVLLM_JSON_STRING:
      text = uvllm_json_str(v);
      if (text.base == NULL)
        return UVLLM__ENOMEM;
      break;
    default: return -1;
  }
  return uvllm__decimal(text, scale, n);
}


/* ---- Rates of an entry -------------------------------------------------------------- */

static uvllm__rate_t* rates_of(const entry_t* e, size_t* n) {
  *n = e->rates->len / sizeof(uvllm__rate_t);
  return (uvllm__rate_t*) (void*) e->rates->base;
}


static uvllm__rate_t* find_rate(const entry_t* e, int kind, int tier, uint32_t above) {
  size_t n;
  uvllm__rate_t* rates = rates_of(e, &n);
  for (size_t i = 0; i < n; i++) {
    if (rates[i].kind == kind && rates[i].tier == tier && rates[i].above == above)
      return &rates[i];
  }
  return NULL;
}


/* The last of equal names wins, as in JSON. */
static int set_rate(entry_t* e, const uvllm__rate_t* rate) {
  uvllm__rate_t* old = find_rate(e, rate->kind, rate->tier, rate->above);
  if (old != NULL) {
    *old = *rate;
    return 0;
  }
  if (e->rates->len >= RATES_MAX * sizeof(*rate)) {
    e->invalid = 1;
    return 0;
  }
  return uvllm__buf_append(e->rates, rate, sizeof(*rate));
}


static void drop_rates(entry_t* e, int (*useless)(const entry_t*, const uvllm__rate_t*)) {
  size_t n, kept = 0;
  uvllm__rate_t* rates = rates_of(e, &n);
  for (size_t i = 0; i < n; i++) {
    if (!useless(e, &rates[i]))
      rates[kept++] = rates[i];
  }
  e->rates->len = kept * sizeof(*rates);
}


/* An amount by the token; or by something else, which is only noted. */
static int read_price(entry_t* e, uvllm_str_t name, uvllm_json_t value) {
  uvllm__rate_t rate;
  int64_t n = 0;
  const int known = uvllm__rate_of_name(name, &rate);
  const int hit = !known && uvllm__str_eq(name, "input_cost_per_token_cache_hit");
  const int output = starts_with(name, "output_cost_per_");
  if (!known && !hit && !output && !starts_with(name, "input_cost_per_"))
    return 0;
  const int err = read_number(value, USD, &n);
  if (err == UVLLM__ENOMEM)
    return err;
  if (!known && !hit) {
    e->other |= err == 0 && n > 0;
    e->other_output |= output && err == 0 && n > 0;
    return 0;
  }
  e->invalid |= err < 0;
  if (err != 0)
    return 0;
  if (hit)
    e->cache_hit = n;
  rate.pusd = n;
  return hit ? 0 : set_rate(e, &rate);
}


/* Each price of {"range": [min, max], <prices>...} holds above min. */
static int read_range(entry_t* e, uvllm_json_t tier) {
  uvllm_str_t name;
  uvllm_json_t value;
  uvllm__rate_t rate;
  uint32_t it = 0;
  int64_t min = 0;
  int err = read_number(uvllm_json_at(uvllm_json_get(tier, "range"), 0), 0, &min);
  if (err == UVLLM__ENOMEM)
    return err;
  if (err != 0 || min > UINT32_MAX)
    return 0;
  while (uvllm_json_next(tier, &it, &name, &value)) {
    if (name.base == NULL)
      return UVLLM__ENOMEM;
    if (!uvllm__rate_of_name(name, &rate) || rate.above != 0)
      continue;
    rate.above = (uint32_t) min;
    err = read_number(value, USD, &rate.pusd);
    if (err == UVLLM__ENOMEM)
      return err;
    e->invalid |= err < 0;
    if (err == 0 && set_rate(e, &rate) != 0)
      return UVLLM__ENOMEM;
  }
  return 0;
}


static int is_above(const entry_t* e, const uvllm__rate_t* rate) {
  (void) e;
  return rate->above != 0;
}


/* Comes before thresholds in names: where it is, those are void. */
static int read_ranges(entry_t* e, uvllm_json_t ranges) {
  uvllm_json_t tier;
  uint32_t it = 0;
  int err = 0, found = 0;
  if (uvllm_json_type_of(ranges) != UVLLM_JSON_ARRAY)
    return 0;
  while (!found && uvllm_json_next(ranges, &it, NULL, &tier))
    found = uvllm_json_type_of(uvllm_json_get(tier, "range")) == UVLLM_JSON_ARRAY;
  if (found)
    drop_rates(e, is_above);
  it = 0;
  while (found && err == 0 && uvllm_json_next(ranges, &it, NULL, &tier))
    err = read_range(e, tier);
  return err;
}


/* ---- Entries ------------------------------------------------------------------------ */

static int read_limit(uvllm_json_t entry, const char* name, int64_t* n) {
  const int err = read_number(uvllm_json_get(entry, name), 0, n);
  if (err != 0)
    *n = -1;
  return err == UVLLM__ENOMEM ? err : 0;
}


static int read_limits(entry_t* e, uvllm_json_t entry) {
  if (read_limit(entry, "max_input_tokens", &e->max_input) != 0 ||
      read_limit(entry, "max_output_tokens", &e->max_output) != 0 ||
      read_limit(entry, "max_tokens", &e->max_tokens) != 0)
    return UVLLM__ENOMEM;
  return 0;
}


/* A price that equals its parent's is none of its own: it follows the parent
 * into tiers and over thresholds. */
static int is_parents(const entry_t* e, const uvllm__rate_t* rate) {
  static const uint8_t parent[UVLLM__NKINDS] = {
    [UVLLM__CACHE_WRITE_1H] = UVLLM__CACHE_WRITE,
    [UVLLM__REASONING] = UVLLM__OUTPUT,
    [UVLLM__AUDIO_OUTPUT] = UVLLM__OUTPUT /* all others: UVLLM__INPUT, 0 */
  };
  if (rate->above != 0 || rate->tier != UVLLM__STANDARD || rate->kind == UVLLM__INPUT ||
      rate->kind == UVLLM__OUTPUT || rate->kind == UVLLM__REQUEST)
    return 0;
  const uvllm__rate_t* of = find_rate(e, parent[rate->kind], UVLLM__STANDARD, 0);
  return of != NULL && of->pusd == rate->pusd;
}


static int all_zero(const entry_t* e) {
  size_t n;
  const uvllm__rate_t* rates = rates_of(e, &n);
  for (size_t i = 0; i < n; i++) {
    if (rates[i].pusd != 0)
      return 0;
  }
  return 1;
}


static int is_unpriced(const entry_t* e) {
  const int pictures = starts_with(e->mode, "image_") || starts_with(e->mode, "video_");
  return e->invalid || find_rate(e, UVLLM__INPUT, UVLLM__STANDARD, 0) == NULL ||
         find_rate(e, UVLLM__OUTPUT, UVLLM__STANDARD, 0) == NULL || (e->other && all_zero(e)) ||
         (pictures && e->other_output);
}


static int read_members(entry_t* e, uvllm_json_t entry) {
  uvllm_str_t name;
  uvllm_json_t value;
  uint32_t it = 0;
  while (uvllm_json_next(entry, &it, &name, &value)) {
    if (name.base == NULL || read_price(e, name, value) != 0)
      return UVLLM__ENOMEM;
  }
  return 0;
}


/* What is implied: an embedding has no output, and the old names. */
static int complete(entry_t* e) {
  uvllm__rate_t rate = { 0, 0, UVLLM__OUTPUT, UVLLM__STANDARD };
  if (uvllm__str_eq(e->mode, "embedding") &&
      find_rate(e, UVLLM__OUTPUT, UVLLM__STANDARD, 0) == NULL && set_rate(e, &rate) != 0)
    return UVLLM__ENOMEM;
  rate.kind = UVLLM__CACHE_READ;
  rate.pusd = e->cache_hit;
  if (e->cache_hit >= 0 && find_rate(e, UVLLM__CACHE_READ, UVLLM__STANDARD, 0) == NULL)
    return set_rate(e, &rate);
  return 0;
}


static int read_entry(entry_t* e, uvllm_json_t entry) {
  const uvllm_json_t mode = uvllm_json_get(entry, "mode");
  e->rates->len = 0;
  e->cache_hit = -1;
  e->mode = uvllm_json_str(mode);
  if (e->mode.base == NULL && uvllm_json_type_of(mode) == UVLLM_JSON_STRING)
    return UVLLM__ENOMEM;
  if (read_limits(e, entry) != 0 || read_members(e, entry) != 0 ||
      read_ranges(e, uvllm_json_get(entry, "tiered_pricing")) != 0 || complete(e) != 0)
    return UVLLM__ENOMEM;
  return 0;
}


/* ---- Rows ----------------------------------------------------------------------------- */

static uint32_t tokens(int64_t n, int64_t otherwise) {
  n = n >= 0 ? n : otherwise;
  return n < 0 ? 0 : n > UINT32_MAX ? UINT32_MAX : (uint32_t) n;
}


static char* place(char** at, uvllm_str_t s) {
  char* copy = *at;
  if (s.len != 0)
    memcpy(copy, s.base, s.len);
  copy[s.len] = '\0';
  *at += s.len + 1;
  return copy;
}


/* Row, rates and names in one allocation. */
static uvllm__price_row_t* make_row(const uvllm_alloc_t* a, entry_t* e, uvllm_str_t provider,
                                    uvllm_str_t model) {
  const int unpriced = is_unpriced(e);
  size_t n;
  drop_rates(e, is_parents);
  const uvllm__rate_t* rates = rates_of(e, &n);
  uvllm__price_row_t* row = uvllm__calloc(
      a, 1, sizeof(*row) + n * sizeof(*rates) + provider.len + model.len + e->mode.len + 3);
  if (row == NULL)
    return NULL;
  uvllm__rate_t* copy = (uvllm__rate_t*) (void*) (row + 1);
  if (n != 0)
    memcpy(copy, rates, n * sizeof(*rates));
  char* at = (char*) (copy + n);
  row->rates = copy;
  row->nrates = (uint32_t) n;
  row->provider = place(&at, provider);
  row->model = place(&at, model);
  row->mode = e->mode.len != 0 ? place(&at, e->mode) : NULL;
  /* max_tokens is the output's, or all there is; an embedding has only input. */
  const int embedding = uvllm__str_eq(e->mode, "embedding");
  row->max_input = tokens(e->max_input, embedding ? e->max_tokens : -1);
  row->max_output = tokens(e->max_output, embedding ? -1 : e->max_tokens);
  row->flags = unpriced ? UVLLM__ROW_UNPRICED : 0;
  return row;
}


/* Take the provider off an id, or learn it from there: "groq/llama-3.1-8b". */
static int split_id(uvllm_str_t id, uvllm_str_t* provider, uvllm_str_t* model) {
  const char* slash = memchr(id.base, '/', id.len);
  uvllm_str_t first = { id.base, slash != NULL ? (size_t) (slash - id.base) : 0 };
  uvllm_str_t rest = { id.base + first.len + 1, id.len - first.len - 1 };
  first = uvllm__prices_provider(first);
  *provider = uvllm__prices_provider(*provider);
  *model = id;
  if (slash == NULL || first.len == 0 || id.len == first.len + 1)
    return 0;
  if (provider->len == 0)
    *provider = first;
  else if (first.len != provider->len || memcmp(first.base, provider->base, first.len) != 0)
    return 0;
  *model = rest;
  return 1;
}


static int has_nul(uvllm_str_t s) {
  return s.len != 0 && memchr(s.base, '\0', s.len) != NULL;
}


/* A row in *row, or NULL if it is nothing of this format. */
static int row_of(const uvllm_alloc_t* a, uvllm__buf_t* scratch, uvllm_str_t id, uvllm_json_t value,
                  uvllm__price_row_t** row) {
  entry_t e = { .rates = scratch };
  uvllm_str_t model;
  *row = NULL;
  if (uvllm_json_type_of(value) != UVLLM_JSON_OBJECT || uvllm__str_eq(id, "sample_spec") ||
      uvllm__str_eq(id, "fallback_generalizations"))
    return 0;
  const uvllm_json_t named = uvllm_json_get(value, "litellm_provider");
  uvllm_str_t provider = uvllm_json_str(named);
  if (provider.base == NULL && uvllm_json_type_of(named) == UVLLM_JSON_STRING)
    return UVLLM__ENOMEM;
  const int prefixed = split_id(id, &provider, &model);
  if (provider.len == 0 || model.len == 0 || has_nul(provider) || has_nul(model))
    return 0;
  if (read_entry(&e, value) != 0 || (*row = make_row(a, &e, provider, model)) == NULL)
    return UVLLM__ENOMEM;
  (*row)->flags |= prefixed ? UVLLM__ROW_PREFIXED : 0;
  return 0;
}


/* The rows of all entries, in `staged`; *nentries counts what was looked at. */
static int stage(const uvllm_alloc_t* a, uvllm_json_t map, uvllm__buf_t* staged, size_t* nentries) {
  uvllm__buf_t scratch;
  uvllm__price_row_t* row;
  uvllm_str_t id;
  uvllm_json_t value;
  uint32_t it = 0;
  int err = 0;
  uvllm__buf_init(&scratch, a, SIZE_MAX);
  while (err == 0 && uvllm_json_next(map, &it, &id, &value)) {
    (*nentries)++;
    if (id.base == NULL || row_of(a, &scratch, id, value, &row) != 0)
      err = UVLLM__ENOMEM;
    else if (row != NULL && uvllm__buf_append(staged, &row, sizeof(row)) != 0) {
      uvllm__free(a, row);
      err = UVLLM__ENOMEM;
    }
  }
  uvllm__buf_free(&scratch);
  return err;
}


int uvllm_prices_read(uvllm_prices_t* prices, uvllm_json_t litellm_map) {
  uvllm__buf_t staged;
  size_t nentries = 0;
  if (uvllm_json_type_of(litellm_map) != UVLLM_JSON_OBJECT)
    return UVLLM__EINVAL;
  uvllm__buf_init(&staged, &prices->alloc, SIZE_MAX);
  int err = stage(&prices->alloc, litellm_map, &staged, &nentries);
  uvllm__price_row_t** rows = (uvllm__price_row_t**) (void*) staged.base;
  const size_t n = staged.len / sizeof(*rows);
  if (err == 0 && nentries != 0 && n == 0)
    err = UVLLM__EINVAL;
  if (err == 0)
    err = uvllm__prices_reserve(prices, n);
  for (size_t i = 0; err != 0 && i < n; i++)
    uvllm__free(&prices->alloc, rows[i]);
  /* Those with the provider in their id come last, and so win. */
  for (int pass = 0; err == 0 && pass <= UVLLM__ROW_PREFIXED; pass += UVLLM__ROW_PREFIXED) {
    for (size_t i = 0; i < n; i++) {
      if (rows[i] != NULL && (rows[i]->flags & UVLLM__ROW_PREFIXED) == (unsigned int) pass) {
        uvllm__prices_put(prices, rows[i]);
        rows[i] = NULL;
      }
    }
  }
  uvllm__buf_free(&staged);
  return err;
}
