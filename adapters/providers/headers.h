/* What response headers say in many dialects: the body's type, waits, limits, the
 * request's id, and whether to try again. Pure.
 *
 * Embedded in a dialect's state; begun in build(). Its header() hands every header
 * to uvllm__headers_take(), and frame(), end() and error() begin with a flush.
 * Limits are known by their names, whoever the provider is:
 *   x-ratelimit-{limit,remaining,reset}-{requests,tokens}     OpenAI and most others
 *   x-ratelimit-{limit,remaining}-{req,tokens}-minute         Mistral
 *   x-ratelimit-{limit,...}-tokens-{prompt,generated}         Fireworks, of a minute
 *   x-{ratelimit,tokenlimit}-{limit,remaining,reset}          Together: of a second, or
 *                                 of whatever the server's row says (bare_scale)
 *   anthropic-ratelimit-{requests,tokens,input-tokens,output-tokens}-{limit,...}
 *   ratelimit: "api";r=0;t=55                                 Hugging Face: only when
 *                                                             to come again
 *   x-trial-endpoint-call-{limit,remaining}                   Cohere, of a minute
 */
#ifndef UVLLM_ADAPTERS_HEADERS_H
#define UVLLM_ADAPTERS_HEADERS_H

#include "mem.h"
#include "uvllm/provider.h"

enum { UVLLM__HEADERS_REQUESTS, UVLLM__HEADERS_TOKENS, UVLLM__HEADERS_INPUT, UVLLM__HEADERS_OUTPUT,
       UVLLM__HEADERS_LIMITS };

typedef struct uvllm__headers_limit_s {
  int64_t limit, remaining, reset_ms;
  unsigned int seen; /* a bit for each of the three; all: told */
} uvllm__headers_limit_t;

typedef struct uvllm__headers_s {
  uint64_t unix_ms;
  uvllm_op op;
  int should_retry;    /* x-should-retry: 1 yes, 2 no, 0 not said */
  int ms_seen;         /* a wait in milliseconds, which goes before retry-after */
  int has_request_id;  /* one was told */
  int has_wait;        /* one was told */
  int bare_scale;      /* how many windows of limits without a name make a minute: 60, 1,
                          or 0: not known, so they are nothing */
  int any_limit;       /* one was begun since the last flush */
  char media_type[40]; /* "text/html"; "" without one */
  uvllm__headers_limit_t limits[UVLLM__HEADERS_LIMITS];
} uvllm__headers_t;

/* Forgets the exchange before. */
void uvllm__headers_begin(uvllm__headers_t* h, const uvllm_attempt_t* attempt);
void uvllm__headers_take(uvllm__headers_t* h, uvllm_str_t name, uvllm_str_t value,
                        uvllm_emit_t* emit);
/* Keep what the body is: "text/html". For begin(). */
void uvllm__headers_media_type(uvllm__headers_t* h, uvllm_str_t type);
/* bare_scale of a window's name: "second", "minute", or NULL: 0. -1: of any other. */
int uvllm__headers_scale(const char* window);
/* Tell the limits of which not all headers came. Cheap where there are none. */
void uvllm__headers_flush(uvllm__headers_t* h, uvllm_emit_t* emit);

#endif
