/* uvllm/usage.h - the cost and usage tracker, alone and pure.
 *
 * Integers only: pico-dollars (10^-12 $). A price of a file that is not a
 * whole number of pico-dollars is rounded half up once, when it is read.
 */
#ifndef UVLLM_USAGE_H
#define UVLLM_USAGE_H

#include "uvllm/json.h"
#include "uvllm/types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct uvllm_prices_s uvllm_prices_t;
typedef struct uvllm_tracker_s uvllm_tracker_t;

/* Built-in rows carry the date they were read; see uvllm_prices_date(). */
UVLLM_EXTERN int uvllm_prices_new(uvllm_prices_t** prices, const uvllm_alloc_t* alloc);
UVLLM_EXTERN void uvllm_prices_free(uvllm_prices_t* prices);
UVLLM_EXTERN int uvllm_prices_read(uvllm_prices_t* prices, uvllm_json_t litellm_map);
UVLLM_EXTERN const char* uvllm_prices_date(const uvllm_prices_t* prices);
/* Sets usage->cost_pusd and UVLLM_USAGE_UNPRICED. tier: NULL, "priority",
 * "flex", "batch". */
UVLLM_EXTERN void uvllm_price(const uvllm_prices_t* prices, const char* provider,
                              const char* model, const char* tier, uvllm_usage_t* usage);

/* Budgets and sums by provider, model, key and tag. A hold counts until it is
 * settled. UVLLM_EBUDGET: settled and this one alone pass the budget.
 * UV_EAGAIN: only what others hold stands in the way; try when one settles. */
UVLLM_EXTERN int uvllm_tracker_new(uvllm_tracker_t** tracker, int64_t budget_pusd,
                                   const uvllm_alloc_t* alloc);
UVLLM_EXTERN void uvllm_tracker_free(uvllm_tracker_t* tracker);
UVLLM_EXTERN int uvllm_tracker_hold(uvllm_tracker_t* tracker, uint64_t now_ns,
                                    const char* provider, const char* tag, int64_t worst_pusd);
UVLLM_EXTERN void uvllm_tracker_settle(uvllm_tracker_t* tracker, uint64_t now_ns,
                                       const char* provider, const char* model, const char* tag,
                                       int64_t held_pusd, const uvllm_usage_t* usage);

#ifdef __cplusplus
}
#endif
#endif /* UVLLM_USAGE_H */
