/* What response headers say in many dialects: the body's type, waits, limits, the
 * request's id, and whether to try again. Pure.
 *
 * Embedded in a dialect's state; begun in build(). Its header() hands every header
 * to uvllm__head_header(), and frame(), end() and error() begin with a flush.
 * Limits are known by their names, whoever the provider is:
 *   x-ratelimit-{limit,remaining,reset}-{requests,tokens}     OpenAI and most others
 *   x-ratelimit-{limit,remaining}-{req,tokens}-minute         Mistral
 *   anthropic-ratelimit-{requests,tokens,input-tokens,output-tokens}-{limit,...}
 */
#ifndef UVLLM_ADAPTERS_HEAD_H
#define UVLLM_ADAPTERS_HEAD_H

#include "mem.h"
#include "uvllm/provider.h"

enum { UVLLM__HEAD_REQUESTS, UVLLM__HEAD_TOKENS, UVLLM__HEAD_INPUT, UVLLM__HEAD_OUTPUT,
       UVLLM__HEAD_LIMITS };

typedef struct uvllm__head_limit_s {
  int64_t limit, remaining, reset_ms;
  unsigned int seen; /* a bit for each of the three; all: told */
} uvllm__head_limit_t;

typedef struct uvllm__head_s {
  uint64_t unix_ms;
  uvllm_op op;
  int should_retry;    /* x-should-retry: 1 yes, 2 no, 0 not said */
  int ms_seen;         /* a wait in milliseconds, which goes before retry-after */
  int any_limit;       /* one was begun since the last flush */
  char media_type[40]; /* "text/html"; "" without one */
  uvllm__head_limit_t limits[UVLLM__HEAD_LIMITS];
} uvllm__head_t;

/* Forgets the exchange before. */
void uvllm__head_begin(uvllm__head_t* h, const uvllm_attempt_t* attempt);
void uvllm__head_header(uvllm__head_t* h, uvllm_str_t name, uvllm_str_t value,
                        uvllm_emit_t* emit);
/* Keep what the body is: "text/html". For begin(). */
void uvllm__head_media_type(uvllm__head_t* h, uvllm_str_t type);
/* Tell the limits of which not all headers came. Cheap where there are none. */
void uvllm__head_flush(uvllm__head_t* h, uvllm_emit_t* emit);

#endif
