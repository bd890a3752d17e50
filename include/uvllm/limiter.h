/* uvllm/limiter.h - the rate limiter, alone and pure: time is an argument.
 *
 * One GCRA for each dimension, and a count of what is in flight. A request is
 * debited in all dimensions or in none. In any 60 s the admitted sum stays
 * within the limit: a burst of b = max(1, 0.5 % of the limit) is refilled at
 * (limit - b) a minute. uvllm/limiter_uv.h waits for you.
 */
#ifndef UVLLM_LIMITER_H
#define UVLLM_LIMITER_H

#include "uvllm/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* 0: no limit. A request waits until all that it needs is there. */
typedef struct uvllm_limits_s {
  uint32_t requests_per_min, requests_per_day, max_inflight;
  uint64_t tokens_per_min, input_tokens_per_min, output_tokens_per_min;
  uint64_t tokens_per_day;
  void* reserved[2];
} uvllm_limits_t;

typedef enum {
  UVLLM_REQUESTS_PER_MIN,
  UVLLM_REQUESTS_PER_DAY,
  UVLLM_TOKENS_PER_MIN,
  UVLLM_INPUT_PER_MIN,
  UVLLM_OUTPUT_PER_MIN,
  UVLLM_TOKENS_PER_DAY
} uvllm_limit_kind;

typedef struct uvllm_limiter_s uvllm_limiter_t;

typedef struct uvllm_cost_s { /* of one request */
  uint64_t input_tokens, output_tokens;
} uvllm_cost_t;

UVLLM_EXTERN int uvllm_limiter_new(uvllm_limiter_t** limiter, const uvllm_limits_t* limits,
                                   const uvllm_alloc_t* alloc);
UVLLM_EXTERN void uvllm_limiter_free(uvllm_limiter_t* limiter);
/* 0: debited. UV_EAGAIN: not before *when_ns (UINT64_MAX: when one in flight
 * ends). UVLLM_ELIMIT: never, it is larger than the limit. */
UVLLM_EXTERN int uvllm_limiter_take(uvllm_limiter_t* limiter, uint64_t now_ns,
                                    const uvllm_cost_t* cost, uint64_t* when_ns);
/* The request ended; what it really cost corrects what was debited. */
UVLLM_EXTERN void uvllm_limiter_settle(uvllm_limiter_t* limiter, uint64_t now_ns,
                                       const uvllm_cost_t* debited, const uvllm_cost_t* actual);
/* The provider's word: lowers at once, raises slowly. */
UVLLM_EXTERN void uvllm_limiter_learn(uvllm_limiter_t* limiter, uint64_t now_ns,
                                      uvllm_limit_kind kind,
                                      int64_t limit, int64_t remaining, int64_t reset_ms);
UVLLM_EXTERN void uvllm_limiter_freeze(uvllm_limiter_t* limiter, uint64_t until_ns); /* a 429 */

#ifdef __cplusplus
}
#endif
#endif /* UVLLM_LIMITER_H */
