/* uvllm/usage.h - what requests cost, and a tracker that keeps to a budget.
 *
 * Pure and usable alone: no loop, no clock. One table of prices and one tracker
 * belong to one thread.
 *
 * Integers only: pico-dollars (10^-12 $; 1 $ per million tokens is 1,000,000
 * pico-dollars a token). A price that is not a whole number of pico-dollars is
 * rounded half up once, when it is read. Sums stop at INT64_MAX.
 */
#ifndef UVLLM_USAGE_H
#define UVLLM_USAGE_H

#include "uvllm/json.h"
#include "uvllm/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Adds the counts and the cost, and ORs the flags: in a sum they say that some
 * part was estimated or unpriced. Stops at the largest number. */
UVLLM_EXTERN void uvllm_usage_add(uvllm_usage_t* total, const uvllm_usage_t* part);


/* ---- Prices --------------------------------------------------------------------- */

/* Rows by provider and model: those that were read, over built-in ones for the
 * models of the big providers.
 *
 * How a request is priced:
 * - Input is cut into cached, written to a cache for 5 minutes, for an hour,
 *   audio, image, and the rest, which is text; output into reasoning, audio and
 *   the rest. Parts that add up to more than the whole are cut in that order, so
 *   each token is billed once.
 * - A kind without a price of its own costs what its parent costs: reasoning and
 *   audio as output, an hour's cache write as five minutes', everything else as
 *   input. A price that equals its parent's is not one of its own.
 * - Of thresholds ("above 200k tokens") the highest one that the whole input
 *   passes sets the prices of the whole request. To pass is to be strictly
 *   greater; for xai greater or equal. What has no price there has that of the
 *   next lower threshold, and in the end the base price.
 * - The service tier is "priority" (also called "fast"), "ultrafast", "flex" or
 *   "batch"; any other, and NULL, is the standard one. What has no price in the
 *   tier has its standard price, or half of that in "batch".
 * - A price a request (input_cost_per_request) is added once, in every tier.
 *
 * Unpriced is a state, never 0: no row, a row without token prices (by the
 * second, character, pixel, image, search), a row with a price that is negative
 * or no number, tokens of a kind that the row has no price for. A row whose
 * token prices are all 0 is free, unless it has another price. Models of the
 * modes image_generation and video_generation are unpriced where the output's
 * images have a price of their own, for a usage does not tell them from text.
 *
 * Known and not applied: off_peak_pricing; the multipliers for regions and
 * endpoints (regional_*_multiplier, provider_specific_entry); prices a search,
 * tool call, session, page, citation or stored GB; the prices of cached audio
 * (cached tokens are billed as cached text) and of video tokens.
 */
typedef struct uvllm_prices_s uvllm_prices_t;

/* The built-in rows are there at once. UV_ENOMEM. */
UVLLM_EXTERN int uvllm_prices_new(uvllm_prices_t** prices, const uvllm_alloc_t* alloc);
UVLLM_EXTERN void uvllm_prices_free(uvllm_prices_t* prices); /* NULL is ignored */

/* Reads a map in LiteLLM's format (model_prices_and_context_window.json) as it
 * is. Nothing of litellm_map is kept. Its rows replace those of files read
 * before and the built-in ones. A model listed both with its provider's prefix
 * ("deepseek/deepseek-chat") and without is priced by the former. LiteLLM's names
 * of providers become ours: "text-completion-openai" is openai, "vertex_ai-..."
 * vertex, "bedrock..." bedrock, "azure_text" azure, "cohere_chat" cohere,
 * "together_ai" together, "fireworks_ai..." fireworks; all functions below
 * take either.
 *
 * Entries that are no objects, or tell no provider, are skipped.
 * UV_EINVAL: it is no object, or has entries and none of them is of this
 * format. UV_ENOMEM. On failure nothing has changed. */
UVLLM_EXTERN int uvllm_prices_read(uvllm_prices_t* prices, uvllm_json_t litellm_map);

/* Of the built-in figures, "YYYY-MM": the newest ones. See `as_of` for each. */
UVLLM_EXTERN const char* uvllm_prices_date(const uvllm_prices_t* prices);

/* Made by the library only: may grow. Strings are valid until the next
 * uvllm_prices_read(). Prices are the standard ones below all thresholds, in
 * pico-dollars a token; -1: none. */
typedef struct uvllm_price_info_s {
  const char* provider;
  const char* model;
  const char* mode;  /* "chat", "embedding", "responses"...; NULL: not said */
  const char* as_of; /* "YYYY-MM" of a built-in row; NULL: it was read */
  int priced;        /* 0: known, but unpriced */
  uint64_t max_input_tokens, max_output_tokens; /* 0: not said */
  int64_t input_pusd, cached_input_pusd, output_pusd;
} uvllm_price_info_t;

/* 1 and *info if there is a row for the model, else 0. The model's name is
 * looked up
 * - as it is;
 * - then without a date at its end (-2024-07-18, -20240718, @20240718) or
 *   "-latest";
 * - a fine-tuned one ("ft:gpt-4o-mini-2024-07-18:org::id") as "ft:" and its base
 *   model, never as the base model itself.
 * Where it is not found, a "gemini-..." of gemini is looked up at vertex, and the
 * other way round: Google's price list is one. Nothing else is guessed.
 * provider NULL or "*": the first of the providers, those that make models
 * before those that resell them, that has the model. */
#define uvllm_prices_find(p, provider, model, info)                            \
  uvllm__prices_find((p), (provider), (model), (info), sizeof(*(info)))
UVLLM_EXTERN int uvllm__prices_find(const uvllm_prices_t* prices, const char* provider,
                                    const char* model, uvllm_price_info_t* info, size_t size);

/* For all rows, those that were read first: start with *it = 0; 1 while there is
 * one. Built-in rows that were replaced are left out. */
#define uvllm_prices_next(p, it, info)                                         \
  uvllm__prices_next((p), (it), (info), sizeof(*(info)))
UVLLM_EXTERN int uvllm__prices_next(const uvllm_prices_t* prices, size_t* it,
                                    uvllm_price_info_t* info, size_t size);

/* Sets usage->cost_pusd and clears UVLLM_USAGE_UNPRICED; or sets that flag and a
 * cost of 0. tier: the one the provider says it served, or NULL. */
UVLLM_EXTERN void uvllm_price(const uvllm_prices_t* prices, const char* provider,
                              const char* model, const char* tier, uvllm_usage_t* usage);

/* The most that a request with up to so many tokens may cost: every token at the
 * dearest price that could apply to it, in the tier or the standard one (a
 * provider may fall back to it), below or above any threshold within reach.
 * What uvllm_price() then says is never more. UVLLM_EUNPRICED. */
UVLLM_EXTERN int64_t uvllm_price_worst(const uvllm_prices_t* prices, const char* provider,
                                       const char* model, const char* tier,
                                       uint64_t input_tokens_max, uint64_t output_tokens_max);


/* ---- The tracker ------------------------------------------------------------------ */

/* Sums of usage by account, and a hard budget over all of them. What a request
 * may cost at worst is held before it goes out and counts on the budget until
 * the request is settled or released. So settled cost + held cost never passes
 * the budget, whatever runs in parallel, unless a provider bills more than was
 * held (counted as an overrun), or the budget is lowered below it.
 */
typedef struct uvllm_tracker_s uvllm_tracker_t;

/* NULL is the same as "". In a filter NULL means any; "" only what has none. */
typedef struct uvllm_account_s {
  const char* provider;
  const char* model;
  const char* key; /* its label, never the key itself */
  const char* tag;
} uvllm_account_t;

/* One row is kept for each account ever held for. From this many on, a new
 * account's tag becomes "(other)"; from 1,000 later on, all four names. An
 * account takes about 300 bytes and its names. */
#define UVLLM_TRACKER_MAX_ROWS 100000u

/* Filled by uvllm_tracker_hold(); zero means: nothing is held. */
typedef struct uvllm_hold_s {
  int64_t pusd;
  uint32_t row;
} uvllm_hold_t;

/* Made by the library only: may grow. */
typedef struct uvllm_totals_s {
  uvllm_usage_t usage; /* settled; its cost is that of what is priced */
  uint64_t settled;    /* how many were settled */
  uint64_t unpriced;   /* of these: without a price */
  uint64_t overruns;   /* of these: billed beyond their hold, under a budget */
  uint64_t held;       /* how many are held */
  int64_t held_pusd;   /* and for how much */
} uvllm_totals_t;

/* budget_pusd 0: none. UV_EINVAL: it is negative. UV_ENOMEM. */
UVLLM_EXTERN int uvllm_tracker_new(uvllm_tracker_t** tracker, int64_t budget_pusd,
                                   const uvllm_alloc_t* alloc);
UVLLM_EXTERN void uvllm_tracker_free(uvllm_tracker_t* tracker); /* NULL is ignored */

/* Holds count on the new budget at once: it may already be passed, and then
 * nothing is admitted until it is not. 0 or less: none. */
UVLLM_EXTERN void uvllm_tracker_set_budget(uvllm_tracker_t* tracker, int64_t budget_pusd);
UVLLM_EXTERN int64_t uvllm_tracker_budget(const uvllm_tracker_t* tracker);

/* Before a request goes out. worst_pusd: what it may cost (uvllm_price_worst());
 * 0 for an unpriced one that is let through. Tell it without a budget too, so
 * that one set later finds it.
 * UVLLM_EBUDGET: what is settled and this one alone pass the budget.
 * UV_EAGAIN: only what others hold stands in the way; try when one of them ends.
 * UV_ENOMEM, and UV_EINVAL for a negative worst_pusd.
 * On success the hold is the caller's to end: exactly one settle or release. */
UVLLM_EXTERN int uvllm_tracker_hold(uvllm_tracker_t* tracker, const uvllm_account_t* account,
                                    int64_t worst_pusd, uvllm_hold_t* hold);

/* The request ended and this is its usage, priced by uvllm_price(): adds it to
 * the account that was held for, ends the hold and zeroes it. A usage that is
 * UVLLM_USAGE_UNPRICED is counted and costs nothing. Never fails, O(1).
 * 1: it cost more than was held, under a budget (worth a line in a log); else 0. */
UVLLM_EXTERN int uvllm_tracker_settle(uvllm_tracker_t* tracker, uvllm_hold_t* hold,
                                      const uvllm_usage_t* usage);

/* The request never went out, or cost nothing for sure: ends the hold and zeroes
 * it, counts nothing. A zero hold is ignored. */
UVLLM_EXTERN void uvllm_tracker_release(uvllm_tracker_t* tracker, uvllm_hold_t* hold);

/* The sum over all accounts that match the filter; NULL: over all. O(1) without
 * any name in the filter, else one look at each account. */
#define uvllm_tracker_sum(t, filter, totals)                                   \
  uvllm__tracker_sum((t), (filter), (totals), sizeof(*(totals)))
UVLLM_EXTERN void uvllm__tracker_sum(const uvllm_tracker_t* tracker,
                                     const uvllm_account_t* filter, uvllm_totals_t* totals,
                                     size_t size);

/* For all accounts that have anything settled or held, in the order they first
 * came: start with *it = 0; 1 while there is one. The names are never NULL and
 * live as long as the tracker. */
#define uvllm_tracker_next(t, it, account, totals)                             \
  uvllm__tracker_next((t), (it), (account), (totals), sizeof(*(totals)))
UVLLM_EXTERN int uvllm__tracker_next(const uvllm_tracker_t* tracker, size_t* it,
                                     uvllm_account_t* account, uvllm_totals_t* totals,
                                     size_t size);

#ifdef __cplusplus
}
#endif
#endif /* UVLLM_USAGE_H */
