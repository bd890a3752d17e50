/* The inside of uvllm_prices_t: rows, the rates they are made of, and who makes
 * them (prices_read.c, prices_builtin.c). Pure.
 */
#ifndef UVLLM_SRC_PRICES_H
#define UVLLM_SRC_PRICES_H

#include "mem.h"
#include "uvllm/usage.h"

/* What is billed. A kind without a rate has that of its parent: pricing.c. */
enum {
  UVLLM__INPUT,
  UVLLM__OUTPUT,
  UVLLM__CACHE_READ,
  UVLLM__CACHE_WRITE,
  UVLLM__CACHE_WRITE_1H,
  UVLLM__AUDIO_INPUT,
  UVLLM__IMAGE_INPUT,
  UVLLM__REASONING,
  UVLLM__AUDIO_OUTPUT,
  UVLLM__REQUEST, /* a fee, not a rate by the token */
  UVLLM__NKINDS
};

enum { UVLLM__STANDARD, UVLLM__PRIORITY, UVLLM__ULTRAFAST, UVLLM__FLEX, UVLLM__BATCH };

/* Of a kind in a tier, where the input passes `above` tokens (0: always). */
typedef struct uvllm__rate_s {
  int64_t pusd;
  uint32_t above;
  uint8_t kind, tier;
} uvllm__rate_t;

enum {
  UVLLM__ROW_UNPRICED = 1,
  UVLLM__ROW_PREFIXED = 2 /* its id in the file said the provider */
};

typedef struct uvllm__price_row_s {
  const char* provider;
  const char* model;
  const char* mode;  /* may be NULL */
  const char* as_of; /* NULL: read from a file */
  uint32_t max_input, max_output;
  const uvllm__rate_t* rates;
  uint32_t nrates, flags;
} uvllm__price_row_t;

/* Sorted by provider, then model, both by strcmp(). */
extern const uvllm__price_row_t uvllm__prices_builtin[];
extern const size_t uvllm__prices_nbuiltin;
extern const char uvllm__prices_builtin_date[];

/* ---- prices.c --------------------------------------------------------------- */

/* The last name that was looked up: most requests ask for the same model, each
 * of them several times. */
typedef struct uvllm__price_memo_s {
  const uvllm__price_row_t* row; /* NULL: there is none */
  int known;                     /* what follows and `row` are set */
  char provider[32], model[96];
} uvllm__price_memo_t;

struct uvllm_prices_s {
  uvllm__price_row_t** rows; /* what was read; each one allocation */
  uint32_t* table;           /* open addressing: index + 1 into rows; 0: free */
  size_t nrows, rows_cap, table_cap;
  uvllm__price_memo_t memo;
  uvllm_alloc_t alloc;
};

/* Our name of one of LiteLLM's providers; others are returned as they are. */
uvllm_str_t uvllm__prices_provider(uvllm_str_t name);
/* Room for n more rows: 0 or UVLLM__ENOMEM. */
int uvllm__prices_reserve(uvllm_prices_t* prices, size_t n);
/* Takes over a row that was allocated with prices->alloc; there is room. */
void uvllm__prices_put(uvllm_prices_t* prices, uvllm__price_row_t* row);
/* The row for a model by the rules of uvllm_prices_find(); NULL: none. */
const uvllm__price_row_t* uvllm__prices_row(const uvllm_prices_t* prices, const char* provider,
                                            const char* model);

/* ---- pricing.c -------------------------------------------------------------- */

int uvllm__price_tier(const char* tier);
/* The standard rate below all thresholds; -1: none. */
int64_t uvllm__row_rate(const uvllm__price_row_t* row, int kind);

/* ---- price_name.c ----------------------------------------------------------- */

/* 1 and all of *rate but its amount, if the name is that of a price by the token
 * or the request; else 0. */
int uvllm__rate_of_name(uvllm_str_t name, uvllm__rate_t* rate);

/* ---- decimal.c -------------------------------------------------------------- */

/* Decimal text ("3e-7", "0.25") times 10^scale as an integer, rounded half up.
 * 0; or -1: no number, negative, or beyond INT64_MAX. */
int uvllm__decimal(uvllm_str_t text, int scale, int64_t* value);

#endif
