/* The table of prices: rows by provider and model, and how a name finds its row.
 *
 * Rows that were read are in a hash table, each one allocation; the built-in ones
 * are constants, found by bisection, and stand behind them. Invariant: the table
 * of places is at most half full, so a search ends. Rows are replaced, never
 * removed. Names are looked at as slices: only the last one asked for is copied.
 */
#include "hash.h"
#include "prices.h"

typedef const uvllm__price_row_t* row_t;

enum { TABLE_MIN = 64 };


int uvllm_prices_new(uvllm_prices_t** prices, const uvllm_alloc_t* alloc) {
  const uvllm_alloc_t a = uvllm__alloc_or_default(alloc);
  uvllm_prices_t* p = uvllm__calloc(&a, 1, sizeof(*p));
  *prices = p;
  if (p == NULL)
    return UVLLM__ENOMEM;
  p->alloc = a;
  return 0;
}


void uvllm_prices_free(uvllm_prices_t* prices) {
  if (prices == NULL)
    return;
  const uvllm_alloc_t a = prices->alloc;
  for (size_t i = 0; i < prices->nrows; i++)
    uvllm__free(&a, prices->rows[i]);
  uvllm__free(&a, prices->rows);
  uvllm__free(&a, prices->table);
  uvllm__free(&a, prices);
}


const char* uvllm_prices_date(const uvllm_prices_t* prices) {
  (void) prices; /* the built-in rows are the same in each */
  return uvllm__prices_builtin_date;
}


/* ---- Rows that were read ------------------------------------------------------------ */

static uint64_t hash_key(uvllm_str_t provider, uvllm_str_t model) {
  const uint64_t h = uvllm__hash_add(UVLLM__HASH_INIT, provider.base, provider.len);
  return uvllm__hash_end(uvllm__hash_add(h, model.base, model.len));
}


static int is_row(row_t row, uvllm_str_t provider, uvllm_str_t model) {
  return uvllm__str_eq(model, row->model) && uvllm__str_eq(provider, row->provider);
}


/* The place in the table where a key is, or would be. */
static size_t place_of(const uvllm_prices_t* p, uvllm_str_t provider, uvllm_str_t model) {
  const size_t mask = p->table_cap - 1;
  size_t i = hash_key(provider, model) & mask;
  while (p->table[i] != 0 && !is_row(p->rows[p->table[i] - 1], provider, model))
    i = (i + 1) & mask;
  return i;
}


static int grow_table(uvllm_prices_t* p, size_t nrows) {
  size_t cap = p->table_cap != 0 ? p->table_cap : TABLE_MIN;
  while (cap < nrows * 2)
    cap *= 2;
  if (cap == p->table_cap)
    return 0;
  uint32_t* table = uvllm__calloc(&p->alloc, cap, sizeof(*table));
  if (table == NULL)
    return UVLLM__ENOMEM;
  uvllm__free(&p->alloc, p->table);
  p->table = table;
  p->table_cap = cap;
  for (size_t i = 0; i < p->nrows; i++) {
    row_t row = p->rows[i];
    table[place_of(p, uvllm__str(row->provider), uvllm__str(row->model))] = (uint32_t) i + 1;
  }
  return 0;
}


int uvllm__prices_reserve(uvllm_prices_t* prices, size_t n) {
  const size_t nrows = prices->nrows + n;
  if (nrows > UINT32_MAX / 4)
    return UVLLM__ENOMEM;
  if (nrows > prices->rows_cap) {
    uvllm__price_row_t** rows = uvllm__realloc(&prices->alloc, prices->rows, nrows * sizeof(*rows));
    if (rows == NULL)
      return UVLLM__ENOMEM;
    prices->rows = rows;
    prices->rows_cap = nrows;
  }
  return grow_table(prices, nrows);
}


void uvllm__prices_put(uvllm_prices_t* prices, uvllm__price_row_t* row) {
  uint32_t* place =
      &prices->table[place_of(prices, uvllm__str(row->provider), uvllm__str(row->model))];
  prices->memo.known = 0;
  if (*place != 0) {
    uvllm__free(&prices->alloc, prices->rows[*place - 1]);
    prices->rows[*place - 1] = row;
    return;
  }
  prices->rows[prices->nrows++] = row;
  *place = (uint32_t) prices->nrows;
}


/* ---- Exact names -------------------------------------------------------------------- */

static row_t find_read(const uvllm_prices_t* p, uvllm_str_t provider, uvllm_str_t model) {
  if (p->nrows == 0)
    return NULL;
  const uint32_t number = p->table[place_of(p, provider, model)];
  return number != 0 ? p->rows[number - 1] : NULL;
}


/* As strcmp() would order them. */
static int compare(uvllm_str_t a, const char* b) {
  const int order = strncmp(a.base, b, a.len);
  return order != 0 ? order : b[a.len] != '\0' ? -1 : 0;
}


static row_t find_builtin(const uvllm_prices_t* p, uvllm_str_t provider, uvllm_str_t model) {
  size_t low = 0, high = uvllm__prices_nbuiltin;
  (void) p;
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    row_t row = &uvllm__prices_builtin[middle];
    int order = compare(provider, row->provider);
    if (order == 0)
      order = compare(model, row->model);
    if (order == 0)
      return row;
    if (order < 0)
      high = middle;
    else
      low = middle + 1;
  }
  return NULL;
}


static int starts_with(uvllm_str_t s, const char* prefix) {
  const size_t n = strlen(prefix);
  return s.len >= n && memcmp(s.base, prefix, n) == 0;
}


/* Gemini's models are sold at one list price under two names. */
static row_t find_in(row_t (*find)(const uvllm_prices_t*, uvllm_str_t, uvllm_str_t),
                     const uvllm_prices_t* p, uvllm_str_t provider, uvllm_str_t model) {
  row_t row = find(p, provider, model);
  if (row != NULL || !starts_with(model, "gemini-"))
    return row;
  if (uvllm__str_eq(provider, "gemini"))
    return find(p, uvllm__str("vertex"), model);
  return uvllm__str_eq(provider, "vertex") ? find(p, uvllm__str("gemini"), model) : NULL;
}


static row_t find_exact(const uvllm_prices_t* p, uvllm_str_t provider, uvllm_str_t model) {
  row_t row = find_in(find_read, p, provider, model);
  return row != NULL ? row : find_in(find_builtin, p, provider, model);
}


/* The first of those that make models, then of those that run others', that has it. */
static row_t find_anywhere(const uvllm_prices_t* p, uvllm_str_t model) {
  static const char* const order[] = { "openai",     "anthropic", "gemini",   "mistral",
                                       "deepseek",   "xai",       "cohere",   "moonshot",
                                       "perplexity", "groq",      "cerebras", "together",
                                       "fireworks",  "openrouter" };
  for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
    row_t row = find_exact(p, uvllm__str(order[i]), model);
    if (row != NULL)
      return row;
  }
  return NULL;
}


/* ---- Names as they come ------------------------------------------------------------- */

uvllm_str_t uvllm__prices_provider(uvllm_str_t name) {
  static const struct {
    const char *theirs, *ours; /* every name that starts so */
  } prefixes[] = { { "vertex_ai", "vertex" },
                   { "bedrock", "bedrock" },
                   { "fireworks_ai", "fireworks" } };
  static const struct {
    const char *theirs, *ours;
  } names[] = { { "text-completion-openai", "openai" },
                { "azure_text", "azure" },
                { "cohere_chat", "cohere" },
                { "together_ai", "together" },
                { "text-completion-codestral", "codestral" } };
  for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
    if (starts_with(name, prefixes[i].theirs))
      return uvllm__str(prefixes[i].ours);
  }
  for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
    if (uvllm__str_eq(name, names[i].theirs))
      return uvllm__str(names[i].ours);
  }
  return name;
}


static int is_digits(const char* s, size_t n) {
  for (size_t i = 0; i < n; i++) {
    if (s[i] < '0' || s[i] > '9')
      return 0;
  }
  return 1;
}


static int pair(const char* s) {
  return (s[0] - '0') * 10 + (s[1] - '0');
}


/* Of this century, with a month and a day. Four digits alone are no date: they
 * tell versions apart that have different prices. */
static int is_date(const char* year, const char* month, const char* day) {
  return is_digits(year, 4) && is_digits(month, 2) && is_digits(day, 2) && pair(year) == 20 &&
         pair(month) >= 1 && pair(month) <= 12 && pair(day) >= 1 && pair(day) <= 31;
}


/* A model's name without the date of a snapshot, or "-latest"; else as it is. */
static uvllm_str_t undated(uvllm_str_t model) {
  const char* end = model.base + model.len;
  size_t cut = 0;
  if (model.len > 11 && end[-11] == '-' && end[-6] == '-' && end[-3] == '-' &&
      is_date(end - 10, end - 5, end - 2))
    cut = 11;
  else if (model.len > 9 && (end[-9] == '-' || end[-9] == '@') &&
           is_date(end - 8, end - 4, end - 2))
    cut = 9;
  else if (model.len > 7 && memcmp(end - 7, "-latest", 7) == 0)
    cut = 7;
  model.len -= cut;
  return model;
}


/* "ft:gpt-4o-mini-2024-07-18:org::id" has the price of "ft:gpt-4o-mini-2024-07-18". */
static uvllm_str_t tuned_base(uvllm_str_t model) {
  if (!starts_with(model, "ft:"))
    return model;
  const char* colon = memchr(model.base + 3, ':', model.len - 3);
  if (colon != NULL)
    model.len = (size_t) (colon - model.base);
  return model;
}


static row_t find_name(const uvllm_prices_t* p, uvllm_str_t provider, uvllm_str_t model) {
  return provider.len != 0 ? find_exact(p, provider, model) : find_anywhere(p, model);
}


static row_t look_up(const uvllm_prices_t* prices, const char* provider, const char* model) {
  uvllm_str_t p = { NULL, 0 };
  if (strcmp(provider, "*") != 0)
    p = uvllm__prices_provider(uvllm__str(provider));
  const uvllm_str_t whole = uvllm__str(model), base = tuned_base(whole), stem = undated(base);
  row_t row = find_name(prices, p, whole);
  if (row == NULL && base.len != whole.len)
    row = find_name(prices, p, base);
  if (row == NULL && stem.len != base.len)
    row = find_name(prices, p, stem);
  return row;
}


/* The table is const for those who look something up; what was found is kept. */
const uvllm__price_row_t* uvllm__prices_row(const uvllm_prices_t* prices, const char* provider,
                                            const char* model) {
  uvllm__price_memo_t* memo = &((uvllm_prices_t*) prices)->memo;
  if (model == NULL)
    return NULL;
  if (provider == NULL)
    provider = "*";
  if (memo->known && strcmp(memo->model, model) == 0 && strcmp(memo->provider, provider) == 0)
    return memo->row;
  row_t row = look_up(prices, provider, model);
  const size_t np = strlen(provider) + 1, nm = strlen(model) + 1;
  memo->known = np <= sizeof(memo->provider) && nm <= sizeof(memo->model);
  if (memo->known) {
    memcpy(memo->provider, provider, np);
    memcpy(memo->model, model, nm);
    memo->row = row;
  }
  return row;
}


/* ---- Showing rows ------------------------------------------------------------------- */

static void tell(row_t row, uvllm_price_info_t* info, size_t size) {
  uvllm_price_info_t full;
  memset(&full, 0, sizeof(full));
  full.provider = row->provider;
  full.model = row->model;
  full.mode = row->mode;
  full.as_of = row->as_of;
  full.priced = (row->flags & UVLLM__ROW_UNPRICED) == 0;
  full.max_input_tokens = row->max_input;
  full.max_output_tokens = row->max_output;
  full.input_pusd = uvllm__row_rate(row, UVLLM__INPUT);
  full.cached_input_pusd = uvllm__row_rate(row, UVLLM__CACHE_READ);
  full.output_pusd = uvllm__row_rate(row, UVLLM__OUTPUT);
  memset(info, 0, size);
  memcpy(info, &full, size < sizeof(full) ? size : sizeof(full));
}


int uvllm__prices_find(const uvllm_prices_t* prices, const char* provider, const char* model,
                       uvllm_price_info_t* info, size_t size) {
  row_t row = uvllm__prices_row(prices, provider, model);
  if (row != NULL)
    tell(row, info, size);
  return row != NULL;
}


int uvllm__prices_next(const uvllm_prices_t* prices, size_t* it, uvllm_price_info_t* info,
                       size_t size) {
  if (*it < prices->nrows) {
    tell(prices->rows[(*it)++], info, size);
    return 1;
  }
  while (*it - prices->nrows < uvllm__prices_nbuiltin) {
    row_t row = &uvllm__prices_builtin[(*it)++ - prices->nrows];
    if (find_read(prices, uvllm__str(row->provider), uvllm__str(row->model)) == NULL) {
      tell(row, info, size);
      return 1;
    }
  }
  return 0;
}
