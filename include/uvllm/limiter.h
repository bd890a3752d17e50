/* uvllm/limiter.h - the rate limiter, alone and pure: time is an argument.
 *
 * Times are nanoseconds of one monotonic clock (uv_hrtime()); a time before the
 * latest one seen counts as that. A request is debited in all dimensions or in
 * none. uvllm/limiter_uv.h waits for you.
 *
 * Two rules hold for each dimension:
 *  1. Never more than the limit: whatever was admitted in any 60 s (24 h for the
 *     limits per day), at its corrected cost, is at most the limit; also as it
 *     arrives, up to 25 ms closer together than it was admitted. For this the last
 *     period is remembered, up to 250 moments exactly and beyond that in 1/250 of
 *     the period, rounded to the safe side.
 *  2. Paced: a limit per minute is drawn on evenly, with bursts of b = max(1,
 *     0.5 % of the limit) refilled at (limit - b) a minute; below 200 a minute,
 *     where b is more than 0.5 %, at the limit. What is larger than b waits until
 *     nothing is owed, and then owes itself. So a provider that enforces its limit
 *     over a second is content: what is a second's worth or more leaves 25 ms more
 *     before it, so that it may arrive that much too early. Limits per day are not
 *     paced.
 */
#ifndef UVLLM_LIMITER_H
#define UVLLM_LIMITER_H

#include "uvllm/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* 0: no limit. Tokens count up to 2^40; a higher limit counts as 2^40. */
typedef struct uvllm_limits_s {
  uint32_t requests_per_min, requests_per_day, max_inflight;
  uint64_t tokens_per_min, input_tokens_per_min, output_tokens_per_min;
  uint64_t tokens_per_day; /* tokens are input and output together */
  void* reserved[2];       /* NULL */
} uvllm_limits_t;

typedef enum {
  UVLLM_REQUESTS_PER_MIN,
  UVLLM_REQUESTS_PER_DAY,
  UVLLM_TOKENS_PER_MIN,
  UVLLM_INPUT_PER_MIN,
  UVLLM_OUTPUT_PER_MIN,
  UVLLM_TOKENS_PER_DAY
} uvllm_limit_kind;

enum { UVLLM_LIMIT_KINDS = 6 };

typedef struct uvllm_limiter_s uvllm_limiter_t;

/* Of one request. taken_ns is filled by take(): hand the struct that was taken
 * with to settle() or undo(). */
typedef struct uvllm_cost_s {
  uint64_t input_tokens, output_tokens;
  uint64_t taken_ns;
} uvllm_cost_t;

/* limits are copied. UV_ENOMEM leaves *limiter as it was. About 6 KiB for each
 * dimension that has a limit. */
UVLLM_EXTERN int uvllm_limiter_new(uvllm_limiter_t** limiter, const uvllm_limits_t* limits,
                                   const uvllm_alloc_t* alloc);
UVLLM_EXTERN void uvllm_limiter_free(uvllm_limiter_t* limiter); /* NULL is ignored */

/* Other limits from now on; what was drawn stays drawn, where there was a limit
 * before. A lower one said by the provider stays in force. UV_ENOMEM: nothing
 * has changed. */
UVLLM_EXTERN int uvllm_limiter_set(uvllm_limiter_t* limiter, uint64_t now_ns,
                                   const uvllm_limits_t* limits);

/* 0: debited, and one more in flight, until settle() or undo(). UV_EAGAIN: not
 * before *when_ns; UINT64_MAX: not before one in flight ends. UVLLM_ELIMIT:
 * never, it is larger than a limit. *when_ns is written with UV_EAGAIN only; it
 * is exact as long as nothing else is taken, settled or learnt. Where several
 * wait, a large one starves if smaller ones are tried before it: keep trying the
 * first. */
UVLLM_EXTERN int uvllm_limiter_take(uvllm_limiter_t* limiter, uint64_t now_ns,
                                    uvllm_cost_t* cost, uint64_t* when_ns);

/* The request ended, however; `actual` is what the provider counts for it (NULL:
 * what was debited). Tokens debited in excess are free again, as far as the burst
 * holds them and only for the period they were debited in; what it cost in excess
 * is owed, by at most one period's limit. The request itself stays counted: it
 * was sent. Give in `actual` no less than was debited if the provider gives
 * nothing back. */
UVLLM_EXTERN void uvllm_limiter_settle(uvllm_limiter_t* limiter, uint64_t now_ns,
                                       const uvllm_cost_t* debited, const uvllm_cost_t* actual);
/* It was taken but never sent: request and tokens are given back. */
UVLLM_EXTERN void uvllm_limiter_undo(uvllm_limiter_t* limiter, uint64_t now_ns,
                                     const uvllm_cost_t* debited);

/* The provider's word about one dimension; negative means not said.
 * limit: a lower one holds at once. A higher one is approached by 5 % after each
 * 10 answers in a row that say so, but never passes the one configured. Where
 * none is configured it becomes the limit (if there is memory for it). 0 counts as
 * not said.
 * remaining: if it is less than the burst has left, the burst drops to it; it is
 * never raised. Nothing is subtracted for what was sent since that answer was
 * made: this was debited here already. reset_ms: when the provider's own count is
 * full again; then such a drop is forgotten, if it was not refilled before. */
UVLLM_EXTERN void uvllm_limiter_learn(uvllm_limiter_t* limiter, uint64_t now_ns,
                                      uvllm_limit_kind kind, int64_t limit,
                                      int64_t remaining, int64_t reset_ms);

/* Nothing is admitted before until_ns (a 429 with Retry-After). The later of two
 * holds. */
UVLLM_EXTERN void uvllm_limiter_freeze(uvllm_limiter_t* limiter, uint64_t until_ns);

/* Not 0: there is a limit of some kind, configured or said by the provider. */
UVLLM_EXTERN int uvllm_limiter_is_limited(const uvllm_limiter_t* limiter);

/* For choosing between several: the share that is left of the limit most drawn on,
 * from 1 (nothing is drawn, or there are no limits) to 0 (used up, or frozen). */
UVLLM_EXTERN double uvllm_limiter_headroom(uvllm_limiter_t* limiter, uint64_t now_ns);

/* For displays. */
typedef struct uvllm_limiter_state_s {
  uint64_t frozen_until_ns;           /* 0: never was */
  uint64_t limit[UVLLM_LIMIT_KINDS];  /* in force; 0: none */
  uint64_t used[UVLLM_LIMIT_KINDS];   /* in the last period, as accounted */
  uint32_t inflight;
} uvllm_limiter_state_t;

UVLLM_EXTERN void uvllm_limiter_state(uvllm_limiter_t* limiter, uint64_t now_ns,
                                      uvllm_limiter_state_t* state);

#ifdef __cplusplus
}
#endif
#endif /* UVLLM_LIMITER_H */
