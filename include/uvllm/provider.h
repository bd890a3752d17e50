/* uvllm/provider.h - write a provider.
 *
 * Fill in one const struct of functions over bytes. They never touch the loop,
 * sockets, timers, limits, retries or money, so a provider is tested with
 * recorded bytes and no network. `state` is state_size zeroed bytes, one for
 * each attempt.
 */
#ifndef UVLLM_PROVIDER_H
#define UVLLM_PROVIDER_H

#include "uvllm/json.h"
#include "uvllm/limiter.h"
#include "uvllm/types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct uvllm_http_s uvllm_http_t; /* the HTTP request being built */
typedef struct uvllm_emit_s uvllm_emit_t; /* where parsed events go */

/* How an answer is cut into frames. */
typedef enum {
  UVLLM_FRAME_BODY,  /* one frame: the whole body */
  UVLLM_FRAME_SSE,   /* server-sent events */
  UVLLM_FRAME_LINES, /* one JSON value a line */
  UVLLM_FRAME_RAW    /* bytes as they come */
} uvllm_framing;

typedef struct uvllm_frame_s {
  uvllm_str_t event; /* SSE event name; absent otherwise */
  uvllm_str_t data;
} uvllm_frame_t;

/* Everything one attempt may depend on. Made by the library: may grow. */
typedef struct uvllm_attempt_s {
  const uvllm_request_t* request;
  uvllm_str_t base_url, model;
  uvllm_str_t key, secret, session;
  uint64_t unix_ms;         /* wall clock, for signatures and HTTP dates */
  uint32_t number;          /* of the attempt, from 1 */
  uint32_t exchange;        /* of the HTTP exchange within it, from 0 */
} uvllm_attempt_t;

enum {
  UVLLM_GO_ON = 0,
  UVLLM_COMPLETE = 1, /* the answer is whole */
  UVLLM_NEXT = 2      /* build another exchange with the same state: next page */
};

typedef struct uvllm_provider_ops_s {
  size_t size; /* sizeof(uvllm_provider_ops_t) */
  const char* default_base_url;
  size_t state_size;

  /* Optional, at submit: 0, or UVLLM_EUNSUPPORTED with a message. */
  int (*check)(const uvllm_request_t* request, uvllm_emit_t* emit);
  /* Method, path, headers, body. */
  int (*build)(void* state, const uvllm_attempt_t* attempt, uvllm_http_t* http);
  /* Optional, last: the body is final. Again on every resend. */
  int (*sign)(void* state, const uvllm_attempt_t* attempt, uvllm_http_t* http);
  /* The answer has begun: how to cut it. NULL: by its content type. */
  uvllm_framing (*begin)(void* state, int http_status, uvllm_str_t content_type);
  /* Optional. One response header. */
  void (*header)(void* state, uvllm_str_t name, uvllm_str_t value, uvllm_emit_t* emit);
  /* One frame of a 2xx answer: GO_ON, COMPLETE, NEXT, or an error. */
  int (*frame)(void* state, const uvllm_frame_t* frame, uvllm_emit_t* emit);
  /* The bytes ended before COMPLETE: COMPLETE if the dialect ends so, NEXT, or
   * UVLLM_ETRUNCATED. NULL: UVLLM_ETRUNCATED. */
  int (*end)(void* state, uvllm_emit_t* emit);
  /* The body of any other answer: the UVLLM_E* it stands for. It may be HTML,
   * empty, or cut. */
  int (*error)(void* state, int http_status, uvllm_str_t body, uvllm_emit_t* emit);
  /* Optional. Free what `state` holds. Runs exactly once, also on cancel. */
  void (*fini)(void* state);
} uvllm_provider_ops_t;

/* Building. Everything is copied but uvllm_http_body_ref(); errors (a control
 * character in a header, out of memory) are sticky and reported after build().
 */
UVLLM_EXTERN void uvllm_http_method(uvllm_http_t* http, const char* method); /* POST */
UVLLM_EXTERN void uvllm_http_path(uvllm_http_t* http, const char* path); /* as it is */
UVLLM_EXTERN void uvllm_http_segment(uvllm_http_t* http, uvllm_str_t segment); /* escaped */
UVLLM_EXTERN void uvllm_http_query(uvllm_http_t* http, const char* name, uvllm_str_t value);
UVLLM_EXTERN void uvllm_http_header(uvllm_http_t* http, const char* name, uvllm_str_t value);
UVLLM_EXTERN void uvllm_http_secret(uvllm_http_t* http, const char* name,
                                    const char* prefix, uvllm_str_t value); /* never logged */
UVLLM_EXTERN void uvllm_http_body_ref(uvllm_http_t* http, uvllm_str_t body); /* borrowed until fini */
UVLLM_EXTERN uvllm_json_writer_t* uvllm_http_json(uvllm_http_t* http); /* the body, written in place */

/* Telling. */
/* A parser to read frames with, reused from frame to frame: what it gave is
 * valid until it is used again. May be NULL (no memory): uvllm_json_parse() takes
 * that and says so. */
UVLLM_EXTERN uvllm_json_parser_t* uvllm_emit_parser(uvllm_emit_t* emit);
UVLLM_EXTERN void uvllm_emit_text(uvllm_emit_t* emit, uint32_t choice, uvllm_event_type type,
                                  uvllm_str_t text);
UVLLM_EXTERN void uvllm_emit_tool(uvllm_emit_t* emit, uint32_t choice, uint32_t index,
                                  uvllm_str_t id, uvllm_str_t name, uvllm_str_t json);
UVLLM_EXTERN void uvllm_emit_usage(uvllm_emit_t* emit, const uvllm_usage_t* totals);
UVLLM_EXTERN void uvllm_emit_stop(uvllm_emit_t* emit, uint32_t choice, uvllm_stop_reason stop);
UVLLM_EXTERN void uvllm_emit_event(uvllm_emit_t* emit, const uvllm_event_t* event); /* the rest */
UVLLM_EXTERN void uvllm_emit_request_id(uvllm_emit_t* emit, uvllm_str_t id);
/* should_retry: 1 or 0 if the provider said so, -1 if not. */
UVLLM_EXTERN void uvllm_emit_error(uvllm_emit_t* emit, uvllm_str_t code, uvllm_str_t message,
                                   int should_retry);
UVLLM_EXTERN void uvllm_emit_retry_after(uvllm_emit_t* emit, uint64_t ms);

/* -1: not said. reset_ms: until the limit is whole again. */
UVLLM_EXTERN void uvllm_emit_limit(uvllm_emit_t* emit, uvllm_limit_kind kind, int64_t limit,
                                   int64_t remaining, int64_t reset_ms);

#ifdef __cplusplus
}
#endif
#endif /* UVLLM_PROVIDER_H */
